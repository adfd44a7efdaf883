//! Maxima, choices and magnitudes of whole numbers: what is to be done, decided before anything is.

use hexperiment_program::Op;

use super::carry::{Extreme, Magnitude};
use super::choice::Choice;
use super::form::Form;
use super::number::Number;
use super::source::Sources;
use crate::error::Inexact;

/// An operation that is exact on its operands.
#[derive(Clone, Debug)]
pub(crate) enum Exact {
    /// One of the operands, or its negative, or a public number: the ranges tell.
    Known(Number),
    /// A maximum, a minimum or a rectified value.
    Extreme(Extreme),
    /// A magnitude.
    Magnitude(Magnitude),
    /// A choice.
    Choice {
        /// The operands.
        choice: Choice,
        /// The condition.
        condition: Number,
    },
}

impl Exact {
    /// The operation on its operands, in their order; or why it is not exact.
    pub(crate) fn new(op: &Op, operands: &[Number]) -> Result<Self, Inexact> {
        match (op, operands) {
            (Op::Max(..), [a, b]) => Self::max(a, b),
            (Op::Min(..), [a, b]) => Self::min(a, b),
            (Op::Relu(_), [a]) => Self::max(a, &Number::zero(a.length())),
            (Op::Abs(_), [a]) => {
                if a.range().low >= 0.0 {
                    Ok(Self::Known(a.clone()))
                } else if a.range().high <= 0.0 {
                    Ok(Self::Known(a.clone().negative()))
                } else {
                    Magnitude::new(a).map(Self::Magnitude)
                }
            }
            (Op::Select { .. }, [condition, then, otherwise]) => Ok(Self::Choice {
                choice: Choice::new(then, otherwise)?,
                condition: condition.clone(),
            }),
            _ => Err(Inexact::NoSuchOperation(op.kind())),
        }
    }

    fn max(a: &Number, b: &Number) -> Result<Self, Inexact> {
        if a.range().low >= b.range().high {
            return Ok(Self::Known(a.clone()));
        }
        if b.range().low >= a.range().high {
            return Ok(Self::Known(b.clone()));
        }
        Extreme::max(a, b).map(Self::Extreme)
    }

    fn min(a: &Number, b: &Number) -> Result<Self, Inexact> {
        if a.range().high <= b.range().low {
            return Ok(Self::Known(a.clone()));
        }
        if b.range().high <= a.range().low {
            return Ok(Self::Known(b.clone()));
        }
        Extreme::min(a, b).map(Self::Extreme)
    }

    /// Its result.
    pub(crate) fn build(&self, sources: &mut Sources) -> Number {
        match self {
            Self::Known(number) => number.clone(),
            Self::Extreme(extreme) => extreme.build(sources),
            Self::Magnitude(magnitude) => magnitude.build(sources),
            Self::Choice { choice, condition } => {
                let bit = sources.condition(condition);
                choice.build(&bit, sources)
            }
        }
    }
}

impl Sources {
    /// A condition as an exact bit: of what is none, whether it is above a half.
    fn condition(&mut self, number: &Number) -> Form {
        match number {
            Number::Form(form) if form.is_whole() => form.clone(),
            _ => self.step(number.merged().moved(-0.5), false),
        }
    }
}
