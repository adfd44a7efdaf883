//! The way a program travels: the parts that cannot be derived, rebuilt with every check.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::program::Evidence;
use crate::{Input, Interval, Op, Output, Program, ProgramBuilder, ProgramError};

#[derive(Deserialize)]
struct ValueWire {
    op: Op,
    range: Interval,
    #[serde(default)]
    assumed: bool,
}

#[derive(Deserialize)]
struct ProgramWire {
    name: String,
    inputs: Vec<Input>,
    values: Vec<ValueWire>,
    outputs: Vec<Output>,
}

impl TryFrom<ProgramWire> for Program {
    type Error = ProgramError;

    fn try_from(wire: ProgramWire) -> Result<Self, ProgramError> {
        let mut builder = ProgramBuilder::new(wire.name);
        for input in wire.inputs {
            builder.declare(input)?;
        }
        for value in wire.values {
            // A range is derived again. One that is narrower rests on an argument that did not
            // travel: the sender says whether it is a proof. Here every interpretation is held to it.
            let id = builder.push(value.op)?;
            let derived = builder.so_far().value(id).range();
            if value.assumed {
                builder.limit(id, value.range, Evidence::Stated)?;
            } else if !value.range.encloses(derived) {
                builder.limit(id, value.range, Evidence::Proven)?;
            }
        }
        for output in wire.outputs {
            builder.output(output)?;
        }
        builder.finish()
    }
}

impl<'de> Deserialize<'de> for Program {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = ProgramWire::deserialize(deserializer)?;
        wire.try_into().map_err(D::Error::custom)
    }
}
