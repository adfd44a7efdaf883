//! Why a program has no plan.

use hexperiment_program::Refusal;
use hexperiment_program::{Interval, OpKind, ValueId};
use hexperiment_scheme::SchemeError;
use hexperiment_scheme::security::failure::{Failure, log2_tail};

use crate::algebra::TABLE_ENTRIES;

/// Why an operation on whole numbers is not exact; each message says what its fields are.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Inexact {
    #[error(
        "an operand is a whole number times one that is not whole; scale the result in its place"
    )]
    FractionalFactor,
    #[error(
        "an operand holds a function's result, or a column with a weight beside 1 and -1, added to \
         whole numbers; add or scale after it (`max(2x, 2y)` is `2 max(x, y)`)"
    )]
    MixedOperand,
    #[error(
        "a public number beside whole numbers is no multiple of their unit, {unit}; round it to \
         one, or state a finer precision of the inputs"
    )]
    OffGrid { unit: f64 },
    #[error(
        "its operands are sums of too many whole numbers: limbs of {bits} bits would differ by \
         {magnitude}, at most {most} is told apart; take maxima or choices of the summands, or add \
         their results"
    )]
    TooManySummands {
        bits: u32,
        magnitude: f64,
        most: f64,
    },
    #[error(
        "its operands are not whole numbers of one unit: columns with weights beside 1 and -1, or \
         results of smooth functions; scale after it (`max(2x, 2y)` is `2 max(x, y)`), or apply the \
         function to its result"
    )]
    NotWhole,
    #[error(
        "whole numbers of {} to {} meet where one bootstrap tells those of -15 to 15 apart; declare \
         narrower ranges, or take maxima or choices of summands and add their results",
        range.low,
        range.high
    )]
    TooWide { range: Interval },
    #[error("`{0}` has no limbs")]
    NoSuchOperation(OpKind),
}

/// Why a program has no plan; each message says what its fields are.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("{why} (at {at})")]
    Inexact {
        kind: OpKind,
        at: ValueId,
        why: Inexact,
    },
    #[error("there is no plan for it here (at {at})")]
    NoRule { kind: OpKind, at: ValueId },
    #[error(
        "a table of {entries} entries; one bootstrap of this parameter set resolves \
         {TABLE_ENTRIES} exactly, so split the argument into digits"
    )]
    LongTable { entries: usize },
    #[error(
        "noise and rounding drown its argument; use smaller weights or fewer summands before it"
    )]
    DrownedArgument { kind: OpKind },
    #[error(
        "its argument holds results of tables that {bits} bits do not resolve exactly: a smooth \
         function's, or a sum of wide whole numbers; compare before them"
    )]
    UnresolvedArgument { bits: u32 },
    #[error("a comparison of {bits} bits")]
    WideComparison { bits: u32 },
    #[error(
        "comparisons of {bits} bits round too much here; raise `comparison_bits`, or use weights \
         of fewer digits"
    )]
    CoarseComparison { bits: u32 },
    #[error(
        "its argument is too noisy: a wrong result with probability {}, at most {} is wanted of each \
         for the run's `failure_log2`; use smaller weights or fewer summands before it, or less data",
        Failure::AtMost(log2_tail(*deviations)),
        Failure::AtMost(log2_tail(*wanted))
    )]
    NoisyArgument {
        table: ExactTable,
        deviations: f64,
        wanted: f64,
    },
    #[error(
        "rounding by {rounding:.1e} and noise of {tolerance:.1e} would drown an output of at most \
         {magnitude:.1e}; use smaller weights, or raise `comparison_bits`"
    )]
    DrownedOutput {
        rounding: f64,
        tolerance: f64,
        magnitude: f64,
    },
    #[error(
        "something of the run is wrong with a probability of up to {failure}, at most 2^{wanted} is wanted; \
         demand less by `failure_log2`, or take less data"
    )]
    Unsettled { failure: Failure, wanted: i32 },
    #[error(
        "{demanded} bits demanded, the parameter set of tfhe-rs has {bits}; ask for \
         `security_bits = 128`"
    )]
    Security { demanded: u32, bits: u32 },
}

/// Bootstraps whose results are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExactTable {
    /// A table over whole numbers.
    Lookup,
    /// A table on the circle.
    Ring,
    /// A comparison's levels.
    Step,
}

impl PlanError {
    /// The operation that stands in the way, or what else does.
    fn operation(&self) -> &'static str {
        match self {
            Self::Inexact { kind, .. }
            | Self::NoRule { kind, .. }
            | Self::DrownedArgument { kind } => kind.name(),
            Self::LongTable { .. } => OpKind::Lookup.name(),
            Self::UnresolvedArgument { .. }
            | Self::WideComparison { .. }
            | Self::CoarseComparison { .. } => OpKind::Step.name(),
            Self::NoisyArgument { table, .. } => match table {
                ExactTable::Lookup => OpKind::Lookup.name(),
                ExactTable::Ring => OpKind::Max.name(),
                ExactTable::Step => OpKind::Step.name(),
            },
            Self::DrownedOutput { .. } => "precision",
            Self::Unsettled { .. } => "failure",
            Self::Security { .. } => "security",
        }
    }
}

impl From<PlanError> for Refusal {
    fn from(error: PlanError) -> Self {
        Self::because(error.operation(), error.to_string())
    }
}

impl From<PlanError> for SchemeError {
    fn from(error: PlanError) -> Self {
        Self::Refused(error.into())
    }
}
