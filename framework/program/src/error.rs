//! What can be wrong with a program.

use super::{Interval, OpKind, ValueId};

/// Why a program cannot be built or interpreted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "the message of each variant says what its fields are"
)]
pub enum ProgramError {
    #[error("{what} must be finite")]
    NotFinite { what: &'static str },
    #[error("a polynomial needs a domain of positive width, got {domain}")]
    EmptyDomain { domain: Interval },
    #[error("{op}: there is no value {value}; operands must come before their operation")]
    NoSuchValue { op: OpKind, value: ValueId },
    #[error("{what} number {index} does not exist; the program has {count}")]
    NoSuch {
        what: &'static str,
        index: usize,
        count: usize,
    },
    #[error("{op}: operands of {left} and {right} elements; lengths must be equal")]
    Lengths {
        op: OpKind,
        left: usize,
        right: usize,
    },
    #[error("{op}: {problem}")]
    Shape { op: OpKind, problem: String },
    #[error(
        "{op}: the result could be outside the numbers that can be handled: {range}; declare \
         tighter input ranges"
    )]
    Overflow { op: OpKind, range: Interval },
    #[error("{op}: an operand ranges over {found}, which is not inside {expected}: {reason}")]
    Range {
        op: OpKind,
        found: Interval,
        expected: Interval,
        reason: &'static str,
    },
    #[error(
        "{value} ranges over {found}, but the program was built on the assumption that it stays \
         within {stated}; state a wider range"
    )]
    Assumption {
        value: ValueId,
        found: Interval,
        stated: Interval,
    },
    #[error("{what} `{name}`: {problem}")]
    Declaration {
        what: &'static str,
        name: String,
        problem: String,
    },
    #[error(
        "input `{input}`, column `{column}`, row {row}: {found} is outside the declared range \
         {range}; clip the value or declare a wider range"
    )]
    OutOfRange {
        input: String,
        column: String,
        row: usize,
        found: f64,
        range: Interval,
    },
    #[error(
        "input `{input}`: expected {expected_rows} rows x {expected_columns} columns, got {rows} x {columns}"
    )]
    InputShape {
        input: String,
        expected_rows: usize,
        expected_columns: usize,
        rows: usize,
        columns: usize,
    },
    #[error("the program has {expected} inputs, got {found}")]
    InputCount { expected: usize, found: usize },
}
