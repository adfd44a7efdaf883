//! Length and interval of an operation's result: shape checking and interval analysis.

use super::{Interval, Op, OpKind, Polynomial, Program, ProgramError, Public, ValueId};

/// Magnitudes beyond this are refused: no scheme carries them, and they come from a missing
/// range rather than from a real quantity.
const LARGEST: f64 = 1e15;

const BIT: Interval = Interval {
    low: 0.0,
    high: 1.0,
};

/// The length and the range of what `op` yields on the values of `program`.
pub(super) fn infer(program: &Program, op: &Op) -> Result<(usize, Interval), ProgramError> {
    let kind = op.kind();
    for value in op.operands() {
        if value.index() >= program.values.len() {
            return Err(ProgramError::NoSuchValue { op: kind, value });
        }
    }
    let length = length(program, op)?;
    let range = match op {
        Op::Input { input, column } => program.inputs[input.index()].columns[*column].range,
        op => of_operands(op, |v| program.value(v).range, Public::range)?,
    };
    Ok((length, checked(kind, range)?))
}

/// The range of what `op` yields on operands of these ranges and public numbers of those.
pub(super) fn derive(
    op: &Op,
    operand: impl Fn(ValueId) -> Interval,
    public: impl Fn(&Public) -> Option<Interval>,
) -> Result<Interval, ProgramError> {
    checked(op.kind(), of_operands(op, operand, public)?)
}

fn checked(op: OpKind, range: Interval) -> Result<Interval, ProgramError> {
    if !range.is_finite() || range.magnitude() > LARGEST {
        return Err(ProgramError::Overflow { op, range });
    }
    Ok(range)
}

fn length(program: &Program, op: &Op) -> Result<usize, ProgramError> {
    let kind = op.kind();
    let of = |v: ValueId| program.value(v).length;
    let shape = |problem: String| ProgramError::Shape { op: kind, problem };
    let same = |length: usize, public: &Public| match public.length() {
        Some(n) if n != length => Err(ProgramError::Lengths {
            op: kind,
            left: length,
            right: n,
        }),
        _ => Ok(()),
    };
    let divided = |value: ValueId, by: usize, what: &str| {
        let n = of(value);
        if by == 0 || n % by != 0 {
            return Err(shape(format!(
                "a {what} of {by} does not divide the {n} elements"
            )));
        }
        Ok(n / by)
    };
    match op {
        Op::Input { input, column } => {
            let count = program.inputs.len();
            let Some(declared) = program.inputs.get(input.index()) else {
                return Err(ProgramError::NoSuch {
                    what: "input",
                    index: input.index(),
                    count,
                });
            };
            if *column >= declared.columns.len() {
                let count = declared.columns.len();
                return Err(ProgramError::NoSuch {
                    what: "column",
                    index: *column,
                    count,
                });
            }
            Ok(declared.length)
        }
        Op::Constant(public) => match public.length() {
            Some(0) => Err(shape("a constant needs at least one element".into())),
            length => Ok(length.unwrap_or(1)),
        },
        Op::Offset { value, by } | Op::Scale { value, by } => {
            same(of(*value), by)?;
            Ok(of(*value))
        }
        Op::WeightedSum { terms, bias } => {
            let Some((first, _)) = terms.first() else {
                return Err(shape("a weighted sum needs at least one term".into()));
            };
            for (value, weight) in terms {
                if of(*value) != of(*first) {
                    let (left, right) = (of(*first), of(*value));
                    return Err(ProgramError::Lengths {
                        op: kind,
                        left,
                        right,
                    });
                }
                same(of(*value), weight)?;
            }
            same(of(*first), bias)?;
            Ok(of(*first))
        }
        Op::Sum { value, group } => divided(*value, *group, "group"),
        Op::Pick { value, stride } => divided(*value, *stride, "stride"),
        Op::Lookup { table, .. } if table.entries.is_empty() => {
            Err(shape("the table is empty".into()))
        }
        _ => {
            let operands = op.operands();
            let Some(first) = operands.first() else {
                return Err(shape("needs at least one operand".into()));
            };
            for other in &operands {
                if of(*other) != of(*first) {
                    let (left, right) = (of(*first), of(*other));
                    return Err(ProgramError::Lengths {
                        op: kind,
                        left,
                        right,
                    });
                }
            }
            Ok(of(*first))
        }
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one line for each operation, in one place"
)]
fn of_operands(
    op: &Op,
    operand: impl Fn(ValueId) -> Interval,
    public: impl Fn(&Public) -> Option<Interval>,
) -> Result<Interval, ProgramError> {
    let kind = op.kind();
    let of = |v: &ValueId| operand(*v);
    let public = |p: &Public| {
        public(p).ok_or(ProgramError::NotFinite {
            what: "public operands",
        })
    };
    let inside = |found: Interval, expected: Interval, reason| {
        if expected.encloses(found) {
            Ok(())
        } else {
            Err(ProgramError::Range {
                op: kind,
                found,
                expected,
                reason,
            })
        }
    };
    Ok(match op {
        Op::Input { .. } => {
            let problem = "the range of a column is declared, not derived".into();
            return Err(ProgramError::Shape { op: kind, problem });
        }
        Op::Constant(p) => public(p)?,
        Op::Add(a, b) => of(a) + of(b),
        Op::Sub(a, b) => of(a) - of(b),
        Op::Neg(a) => -of(a),
        Op::Offset { value, by } => of(value) + public(by)?,
        Op::Scale { value, by } => of(value).times(public(by)?),
        Op::WeightedSum { terms, bias } => {
            let mut sum = public(bias)?;
            for (value, weight) in terms {
                sum = sum + of(value).times(public(weight)?);
            }
            sum
        }
        Op::Mul(a, b) if a == b => of(a).squared(),
        Op::Mul(a, b) => of(a).times(of(b)),
        Op::Square(a) => of(a).squared(),
        Op::Shift { value, .. } | Op::Pick { value, .. } => of(value),
        Op::Sum { value, group } => of(value).times(Interval::point(*group as f64)),
        Op::Polynomial { value, polynomial } => {
            inside(
                of(value),
                widened(polynomial),
                "a polynomial holds on its domain only",
            )?;
            polynomial.range(of(value))
        }
        Op::Sigmoid(a) => of(a).monotone(super::interpret::sigmoid),
        Op::Step(a) => of(a).monotone(|x| f64::from(u8::from(x > 0.0))),
        Op::Sign(a) => of(a).monotone(super::interpret::sign),
        Op::Relu(a) => of(a).monotone(|x| x.max(0.0)),
        Op::Abs(a) => {
            let x = of(a);
            let low = if x.contains(0.0) {
                0.0
            } else {
                x.low.abs().min(x.high.abs())
            };
            Interval {
                low,
                high: x.magnitude(),
            }
        }
        Op::Max(a, b) => {
            let (a, b) = (of(a), of(b));
            Interval {
                low: a.low.max(b.low),
                high: a.high.max(b.high),
            }
        }
        Op::Min(a, b) => {
            let (a, b) = (of(a), of(b));
            Interval {
                low: a.low.min(b.low),
                high: a.high.min(b.high),
            }
        }
        Op::Compare { .. } => BIT,
        Op::Select {
            condition,
            then,
            otherwise,
        } => {
            inside(of(condition), BIT, "a condition is a bit")?;
            of(then).union(of(otherwise))
        }
        Op::Lookup { value, table } => {
            let first = table.first as f64;
            let keys = Interval::new(first, first + (table.entries.len() as f64 - 1.0));
            inside(
                of(value),
                keys,
                "every value must have an entry in the table",
            )?;
            let entries = Interval::hull(table.entries.iter().copied());
            entries.ok_or(ProgramError::NotFinite {
                what: "table entries",
            })?
        }
        Op::And(bits) => {
            for bit in bits {
                inside(of(bit), BIT, "a conjunction is of bits")?;
            }
            BIT
        }
    })
}

/// The domain with a little room for the rounding of interval ends.
fn widened(polynomial: &Polynomial) -> Interval {
    let domain = polynomial.domain();
    domain.padded(1e-9 * domain.width())
}

/// Whether an operation of this kind reads one value only, element by element, so that its
/// result can be computed by whoever decrypts that value.
pub(super) fn is_unary(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::Neg
            | OpKind::Offset
            | OpKind::Scale
            | OpKind::Square
            | OpKind::Polynomial
            | OpKind::Sigmoid
            | OpKind::Step
            | OpKind::Sign
            | OpKind::Relu
            | OpKind::Abs
            | OpKind::Lookup
    )
}
