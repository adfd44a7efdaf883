//! Public operands: numbers that the evaluating server may know.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Interval;

/// A public operand: one number for every element of a vector, or one number for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Public {
    /// The same number for every element.
    Scalar(f64),
    /// One number for each element; as long as the vector it meets.
    Vector(Arc<[f64]>),
}

impl Public {
    /// The number that meets element `index`.
    pub fn at(&self, index: usize) -> f64 {
        match self {
            Self::Scalar(x) => *x,
            Self::Vector(xs) => xs[index],
        }
    }

    /// The numbers, each once for a scalar.
    pub fn values(&self) -> &[f64] {
        match self {
            Self::Scalar(x) => std::slice::from_ref(x),
            Self::Vector(xs) => xs,
        }
    }

    /// The length that it demands of its partner; a scalar demands none.
    pub fn length(&self) -> Option<usize> {
        match self {
            Self::Scalar(_) => None,
            Self::Vector(xs) => Some(xs.len()),
        }
    }

    /// The scalar, if it is one.
    pub fn as_scalar(&self) -> Option<f64> {
        match self {
            Self::Scalar(x) => Some(*x),
            Self::Vector(_) => None,
        }
    }

    /// The range of its numbers; `None` if there are none or one is not finite.
    pub fn range(&self) -> Option<Interval> {
        if self.values().iter().any(|x| !x.is_finite()) {
            return None;
        }
        Interval::hull(self.values().iter().copied())
    }

    /// Whether every number is zero.
    pub fn is_zero(&self) -> bool {
        self.values().iter().all(|x| *x == 0.0)
    }

    /// Whether every number is a whole one, so that multiplying by it needs no scale.
    pub fn is_integral(&self) -> bool {
        self.values().iter().all(|x| x.fract() == 0.0)
    }

    /// Applies `f` to every number.
    #[must_use]
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Scalar(x) => Self::Scalar(f(*x)),
            Self::Vector(xs) => Self::Vector(xs.iter().map(|x| f(*x)).collect()),
        }
    }

    /// Combines two element by element; vectors must be of one length.
    #[must_use]
    pub fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => Self::Scalar(f(*a, *b)),
            (Self::Scalar(a), Self::Vector(b)) => {
                Self::Vector(b.iter().map(|b| f(*a, *b)).collect())
            }
            (Self::Vector(a), Self::Scalar(b)) => {
                Self::Vector(a.iter().map(|a| f(*a, *b)).collect())
            }
            (Self::Vector(a), Self::Vector(b)) => {
                Self::Vector(a.iter().zip(b.iter()).map(|(a, b)| f(*a, *b)).collect())
            }
        }
    }
}

/// As equality has it: `0.0` and `-0.0` are the same number.
impl Hash for Public {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        hash_numbers(self.values(), state);
    }
}

/// Hashes numbers so that equal ones have equal hashes.
pub(crate) fn hash_numbers<H: Hasher>(numbers: &[f64], state: &mut H) {
    state.write_usize(numbers.len());
    for x in numbers {
        // Adding zero turns -0.0 into 0.0.
        state.write_u64((x + 0.0).to_bits());
    }
}

impl From<f64> for Public {
    fn from(x: f64) -> Self {
        Self::Scalar(x)
    }
}

impl From<Vec<f64>> for Public {
    fn from(xs: Vec<f64>) -> Self {
        Self::Vector(xs.into())
    }
}

impl From<&[f64]> for Public {
    fn from(xs: &[f64]) -> Self {
        Self::Vector(xs.into())
    }
}
