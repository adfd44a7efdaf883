//! Why a program cannot be evaluated, in words for a table.

use serde::{Deserialize, Serialize};

use crate::OpKind;

/// A scheme that cannot evaluate a program says which operation stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{operation}: {reason}")]
pub struct Refusal {
    /// The operation, or what else stands in the way ("security", "depth").
    pub operation: String,
    /// Why, and what would help.
    pub reason: String,
}

impl Refusal {
    /// A refusal of an operation.
    pub fn of(kind: OpKind, reason: impl Into<String>) -> Self {
        Self {
            operation: kind.name().into(),
            reason: reason.into(),
        }
    }

    /// A refusal for something that is not one operation.
    pub fn because(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            operation: what.into(),
            reason: reason.into(),
        }
    }
}
