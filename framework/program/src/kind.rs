//! The kinds of operation.

use serde::{Deserialize, Serialize};

/// The kinds of operation, for capability sets, refusals and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "each is the operation of `Op` of the same name"
)]
pub enum OpKind {
    Input,
    Constant,
    Add,
    Sub,
    Neg,
    Offset,
    Scale,
    WeightedSum,
    Mul,
    Square,
    Shift,
    Sum,
    Pick,
    Polynomial,
    Sigmoid,
    Step,
    Sign,
    Relu,
    Abs,
    Max,
    Min,
    Compare,
    Select,
    Lookup,
    And,
}

impl OpKind {
    /// Every kind that computes something.
    pub const COMPUTING: [Self; 23] = [
        Self::Add,
        Self::Sub,
        Self::Neg,
        Self::Offset,
        Self::Scale,
        Self::WeightedSum,
        Self::Mul,
        Self::Square,
        Self::Shift,
        Self::Sum,
        Self::Pick,
        Self::Polynomial,
        Self::Sigmoid,
        Self::Step,
        Self::Sign,
        Self::Relu,
        Self::Abs,
        Self::Max,
        Self::Min,
        Self::Compare,
        Self::Select,
        Self::Lookup,
        Self::And,
    ];

    /// The name used in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Constant => "constant",
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Neg => "neg",
            Self::Offset => "offset",
            Self::Scale => "scale",
            Self::WeightedSum => "weighted-sum",
            Self::Mul => "mul",
            Self::Square => "square",
            Self::Shift => "shift",
            Self::Sum => "sum",
            Self::Pick => "pick",
            Self::Polynomial => "polynomial",
            Self::Sigmoid => "sigmoid",
            Self::Step => "step",
            Self::Sign => "sign",
            Self::Relu => "relu",
            Self::Abs => "abs",
            Self::Max => "max",
            Self::Min => "min",
            Self::Compare => "compare",
            Self::Select => "select",
            Self::Lookup => "lookup",
            Self::And => "and",
        }
    }
}

impl std::fmt::Display for OpKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
