//! The plugin.

use hexperiment_program::Refusal;
use hexperiment_program::lower::{Approximation, Capabilities, LevelModel, Lowered, lower};
use hexperiment_program::{Fit, OpKind, Program};
use hexperiment_scheme::inventory;
use hexperiment_scheme::options::{OptionKind, OptionSpec, OptionValue, Options};
use hexperiment_scheme::registry::SchemePlugin;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{Circuit, CompileRequest, Scheme, SchemeError, SchemeManifest};

use crate::arrange;
use crate::circuit::CkksCircuit;
use crate::precision;

/// The library, with its version; its kernels may differ between two parties.
pub(crate) const LIBRARY: &str = "Microsoft SEAL 4.0 through sealy 0.2.0";

inventory::submit! { SchemePlugin(&SealCkks) }

/// The value of an option for degrees that leaves them to the scheme.
const AUTO: &str = "auto";

/// Degrees as an option has them; `None` for [`AUTO`].
fn read_degrees(text: &str) -> Result<Option<Vec<usize>>, String> {
    match text {
        AUTO => Ok(None),
        text => Approximation::parse_degrees(text)
            .map(Some)
            .map_err(|why| format!("{why}, or `{AUTO}`")),
    }
}

/// What an option for degrees must keep.
fn are_degrees(value: &OptionValue) -> Result<(), String> {
    match value {
        OptionValue::Text(text) => read_degrees(text).map(drop),
        _ => Ok(()),
    }
}

/// An option's degrees; `None` for [`AUTO`].
fn degrees(options: &Options, name: &str) -> Result<Option<Vec<usize>>, SchemeError> {
    let read = read_degrees(options.text(name)?);
    read.map_err(|why| Refusal::because(name, why).into())
}

/// Whether the precision of some operation depends on `max_degrees`.
fn has_extremes(program: &Program) -> bool {
    use OpKind::{Abs, Max, Min, Relu};
    let kinds = [Abs, Max, Min, Relu];
    program.counts().keys().any(|kind| kinds.contains(kind))
}

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
            library: format!("{LIBRARY}, {kernels}"),
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
                    Fit::Chebyshev,
                    "How that polynomial is fitted on the derived range.",
                ),
                OptionSpec::new("max_degrees", OptionKind::Text, "Maximum, minimum, relu, abs: degrees of the polynomials whose composition stands for the \
                     sign, such as `7,7,13`, first applied first; or `auto`, those of the fewest levels that \
                     keep the precision wanted of the outputs by their proven error, and the most precise ones for \
                     which there are levels where none do.").default(OptionValue::Text(AUTO.into())).rule(are_degrees),
                OptionSpec::new("comparison_degrees", OptionKind::Text, "Comparisons, steps, signs: likewise; `auto` finds those of least depth that keep \
                     `sign_error`.").default(OptionValue::Text(AUTO.into())).rule(are_degrees),
                OptionSpec::integer(
                    "noise_flooding_bits",
                    0..=128,
                    0,
                    "Noise flooding: bits of statistical security with which noise is added to every decrypted \
                     result, for results that others than the key owner are told (IND-CPA-D); 0 adds none. The \
                     scale is chosen so that the outputs' precision is kept with it, as far as there is room.",
                ),
                OptionSpec::integer(
                    "noise_flooding_decryptions",
                    1..=1_000_000,
                    1000,
                    "Noise flooding: decryptions under one key over which it holds.",
                ),
                OptionSpec::choice(
                    "layout",
                    arrange::Choice::Auto,
                    "Which layouts of vectors in ciphertexts are thought of: `columns`, a vector of slots for each \
                     column; `coefficients`, for outputs that are sums of columns, those with rows in the \
                     coefficients of a polynomial; `lanes`, those with equal operations side by side; `sums`, rows \
                     side by side whose weighted sums are rotated and summed; `blocks`, those with operations side by \
                     side that are equal but for their numbers, as of several thresholds or classes; `diagonals`, the \
                     same on rows side by side; or `auto`, all, of which `optimise` in [run] decides.",
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
                fit: options.choice("fit")?,
                sign_margin: options.number("sign_margin")?,
                sign_error: options.number("sign_error")?,
                max_degrees: degrees(options, "max_degrees")?
                    .unwrap_or_else(|| Approximation::MAX_DEGREES.to_vec()),
                comparison_degrees: degrees(options, "comparison_degrees")?,
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

    fn lower(
        &self,
        program: &Program,
        options: &Options,
        security: SecurityDemand,
    ) -> Result<Lowered, SchemeError> {
        let capabilities = self.capabilities(options)?;
        if degrees(options, "max_degrees")?.is_some() || !has_extremes(program) {
            return Ok(lower(program, &capabilities)?);
        }
        let scale_bits = options.integer("scale_bits").ok().map(|b| b as u32);
        Ok(precision::composed(
            program,
            &capabilities,
            security,
            scale_bits,
        )?)
    }

    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        Ok(Box::new(CkksCircuit::new(request)?))
    }
}
