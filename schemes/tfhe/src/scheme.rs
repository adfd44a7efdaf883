//! The plugin.

use std::collections::BTreeMap;

use hexperiment_program::OpKind;
use hexperiment_program::lower::{Capabilities, LevelModel};
use hexperiment_scheme::inventory;
use hexperiment_scheme::options::{OptionSpec, Options};
use hexperiment_scheme::registry::SchemePlugin;
use hexperiment_scheme::{Circuit, CompileRequest, Scheme, SchemeError, SchemeManifest};

use crate::circuit::TfheCircuit;

inventory::submit! { SchemePlugin(&Tfhe) }

/// The library, with its version.
pub(crate) const LIBRARY: &str = "tfhe-rs 1.8";

/// TFHE on tfhe-rs.
pub struct Tfhe;

impl Scheme for Tfhe {
    fn manifest(&self) -> SchemeManifest {
        SchemeManifest {
            name: "tfhe",
            doc: "TFHE (Chillotti, Gama, Georgieva, Izabachène 2020): quantised numbers on the \
                  torus. Weighted sums need no bootstrap; functions are look-up tables by \
                  programmable bootstrapping: comparisons exact on the quantised numbers, smooth \
                  functions to the resolution of one bootstrap.",
            library: LIBRARY.into(),
            options: vec![OptionSpec::integer(
                "comparison_bits",
                5..=20,
                20,
                "Bits to which the argument of a comparison is resolved; its inputs and weights \
                 are rounded accordingly. 5 bits take 1 bootstrap, 8 take 3, 12 take 4, 16 take \
                 5, 20 take 6.",
            )],
        }
    }

    fn capabilities(&self, _: &Options) -> Result<Capabilities, SchemeError> {
        use OpKind::{
            Abs, Add, And, Compare, Constant, Lookup, Max, Min, Mul, Neg, Offset, Pick, Polynomial,
            Relu, Scale, Select, Shift, Sigmoid, Sign, Square, Step, Sub, Sum, WeightedSum,
        };
        let product = "a product of two ciphertexts takes a table over both at once: 4 bits in all \
                       with this parameter set; a bit times a whole number is a `select`";
        Ok(Capabilities {
            native: [
                Abs,
                Add,
                And,
                Compare,
                Constant,
                Lookup,
                Max,
                Min,
                Neg,
                Offset,
                Pick,
                Polynomial,
                Relu,
                Scale,
                Select,
                Shift,
                Sigmoid,
                Sign,
                Step,
                Sub,
                Sum,
                WeightedSum,
            ]
            .into(),
            vector_factors: true,
            approximation: None,
            levels: LevelModel::None,
            client_finishes: false,
            missing: BTreeMap::from([(Mul, product), (Square, product)]),
            missing_otherwise: "there is no table for it",
        })
    }

    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        Ok(Box::new(TfheCircuit::new(request)?))
    }
}
