//! The plugin.

use hexperiment_core::inventory;
use hexperiment_core::options::{OptionKind, OptionSpec, Options};
use hexperiment_core::program::lower::{Approximation, Capabilities, LevelModel};
use hexperiment_core::program::{Fit, OpKind};
use hexperiment_core::registry::SchemePlugin;
use hexperiment_core::scheme::{Circuit, CompileRequest, Scheme, SchemeError, SchemeManifest};

use crate::circuit::CkksCircuit;

inventory::submit! { SchemePlugin(&SealCkks) }

/// CKKS on SEAL.
pub struct SealCkks;

impl Scheme for SealCkks {
    fn manifest(&self) -> SchemeManifest {
        let kernels = if cfg!(feature = "hexl") {
            "with HEXL"
        } else {
            "without HEXL"
        };
        SchemeManifest {
            name: "seal-ckks",
            doc: "CKKS (Cheon, Kim, Kim, Song 2017), RNS variant: approximate arithmetic on packed \
                  vectors. The ring, the primes and the scale are chosen from the program's depth, \
                  ranges and precision.",
            library: format!("Microsoft SEAL 4.0 through sealy 0.2.0, {kernels}"),
            options: vec![
                OptionSpec::new(
                    "scale_bits",
                    OptionKind::Integer { min: 25, max: 58 },
                    "Bits of the scale; chosen from the outputs' precision if left out.",
                ),
                OptionSpec::integer(
                    "sigmoid_degree",
                    1..=255,
                    7,
                    "Degree of the polynomial in the sigmoid's place.",
                ),
                OptionSpec::choice(
                    "fit",
                    &["chebyshev", "least-squares"],
                    "chebyshev",
                    "How that polynomial is fitted on the derived range.",
                ),
                OptionSpec::number(
                    "sign_margin",
                    1e-6..=0.5,
                    1.0 / 128.0,
                    "Comparisons: operands nearer to 0 than this share of their range may come out undecided.",
                ),
                OptionSpec::number(
                    "sign_error",
                    1e-6..=0.25,
                    0.001,
                    "Comparisons: error of the sign where it is decided.",
                ),
            ],
        }
    }

    fn capabilities(&self, options: &Options) -> Result<Capabilities, SchemeError> {
        use OpKind::{
            Add, Constant, Mul, Neg, Offset, Pick, Scale, Shift, Square, Sub, WeightedSum,
        };
        let fit = match options.text("fit")? {
            "least-squares" => Fit::LeastSquares,
            _ => Fit::Chebyshev,
        };
        Ok(Capabilities {
            native: [
                Add,
                Constant,
                Mul,
                Neg,
                Offset,
                Pick,
                Scale,
                Shift,
                Square,
                Sub,
                WeightedSum,
            ]
            .into(),
            vector_factors: true,
            approximation: Some(Approximation {
                sigmoid_degree: options.integer("sigmoid_degree")? as usize,
                fit,
                sign_margin: options.number("sign_margin")?,
                sign_error: options.number("sign_error")?,
            }),
            levels: LevelModel::Multiplicative,
            client_finishes: false,
            missing: [(
                OpKind::Lookup,
                "a table needs exact small integers; CKKS is approximate",
            )]
            .into(),
            missing_otherwise: "CKKS has arithmetic on approximate numbers only",
        })
    }

    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        Ok(Box::new(CkksCircuit::new(request)?))
    }
}
