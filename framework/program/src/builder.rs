//! Building programs, with every check.

use super::program::Evidence;
use super::{
    Input, InputId, Interval, Op, Output, OutputId, Polynomial, Program, ProgramError, Public,
    Relation, Value, ValueId, ranges,
};

/// Builds a [`Program`] operation by operation.
///
/// Each method checks lengths and ranges at once and returns the new value.
#[derive(Clone, Debug)]
pub struct ProgramBuilder {
    program: Program,
}

type Built = Result<ValueId, ProgramError>;

impl ProgramBuilder {
    /// An empty program; `name` says what it computes.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            program: Program {
                name: name.into(),
                inputs: vec![],
                values: vec![],
                outputs: vec![],
            },
        }
    }

    /// Declares an input without reading its columns.
    ///
    /// # Errors
    /// `ProgramError::Declaration`: no row, no column, a precision that is not a finite number
    /// above 0, a name that another input has, or a column without a finite range.
    pub fn declare(&mut self, input: Input) -> Result<InputId, ProgramError> {
        let bad = |problem: String| ProgramError::Declaration {
            what: "input",
            name: input.name.clone(),
            problem,
        };
        if input.length == 0 || input.columns.is_empty() {
            return Err(bad("needs at least one row and one column".into()));
        }
        if !(input.precision > 0.0 && input.precision.is_finite()) {
            return Err(bad(format!(
                "precision must be positive, got {}",
                input.precision
            )));
        }
        if self.program.input_named(&input.name).is_some() {
            return Err(bad("declared twice".into()));
        }
        if let Some(column) = input.columns.iter().find(|c| !c.range.is_finite()) {
            return Err(bad(format!("column `{}` has no finite range", column.name)));
        }
        self.program.inputs.push(input);
        Ok(InputId::from_index(self.program.inputs.len() - 1))
    }

    /// Declares an input and reads all its columns, in order.
    ///
    /// # Errors
    /// As [`ProgramBuilder::declare`]; and `ProgramError::Overflow` where a column's range goes
    /// beyond 1e15.
    pub fn input(&mut self, input: Input) -> Result<(InputId, Vec<ValueId>), ProgramError> {
        let columns = input.columns.len();
        let id = self.declare(input)?;
        let values = (0..columns)
            .map(|column| self.push(Op::Input { input: id, column }))
            .collect::<Result<_, _>>()?;
        Ok((id, values))
    }

    /// Adds any operation.
    ///
    /// # Errors
    /// An operand, an input or a column that the program does not have; no operand, or lengths that
    /// do not fit the operation; public numbers that are missing or not finite; an operand whose
    /// range is beyond what the operation takes; or a result that may be beyond 1e15.
    pub fn push(&mut self, op: Op) -> Built {
        let (length, range) = ranges::infer(&self.program, &op)?;
        self.program.values.push(Value {
            op,
            length,
            range,
            evidence: Evidence::Derived,
        });
        Ok(ValueId::from_index(self.program.values.len() - 1))
    }

    /// Adds an operation whose result is known to lie in `known`, by an argument that interval
    /// arithmetic cannot make (`T_k` on `[-1, 1]`); the range is what both allow.
    pub(crate) fn push_within(&mut self, op: Op, known: Interval) -> Built {
        let id = self.push(op)?;
        self.narrow(id, known);
        Ok(id)
    }

    /// States that every element of `value` lies in `stated`, where that cannot be derived: the
    /// iterates of an algorithm that converges, whose derived ranges multiply. What is computed
    /// from the value afterwards has ranges that rely on it.
    ///
    /// An assumption, not a proof: [`Program::interpret`] fails on data for which it does not
    /// hold, and every encrypted run is interpreted beside. Fails if it contradicts the derived
    /// range.
    ///
    /// # Errors
    /// `ProgramError::Assumption`: `stated` is not finite, or has no number in common with the
    /// derived range.
    pub fn assume(&mut self, value: ValueId, stated: Interval) -> Result<(), ProgramError> {
        self.limit(value, stated, Evidence::Stated)
    }

    /// Limits the range of `value` to `said`, as a program says that was built elsewhere.
    ///
    /// # Errors
    /// As [`ProgramBuilder::assume`].
    pub(crate) fn limit(
        &mut self,
        value: ValueId,
        said: Interval,
        evidence: Evidence,
    ) -> Result<(), ProgramError> {
        let known = &mut self.program.values[value.index()];
        let low = known.range.low.max(said.low);
        let high = known.range.high.min(said.high);
        if !said.is_finite() || low > high {
            return Err(ProgramError::Assumption {
                value,
                found: known.range,
                stated: said,
            });
        }
        known.range = Interval { low, high };
        known.evidence = evidence;
        Ok(())
    }

    /// Narrows the range of a value that is proven to lie in `known` as well, by an argument that
    /// interval arithmetic cannot make. What is not proven is for [`ProgramBuilder::assume`].
    pub fn narrow(&mut self, value: ValueId, known: Interval) {
        self.narrow_by(value, known, Evidence::Proven);
    }

    /// As [`ProgramBuilder::narrow`], of a range that rests on `evidence` where it does become narrower.
    pub(crate) fn narrow_by(&mut self, value: ValueId, known: Interval, evidence: Evidence) {
        let value = &mut self.program.values[value.index()];
        let (low, high) = (
            value.range.low.max(known.low),
            value.range.high.min(known.high),
        );
        let narrowed = Interval { low, high };
        if low <= high && narrowed != value.range {
            value.range = narrowed;
            if value.evidence != Evidence::Stated {
                value.evidence = evidence;
            }
        }
    }

    /// The program so far.
    pub(crate) fn so_far(&self) -> &Program {
        &self.program
    }

    /// Adds an output; its values must be of one length.
    ///
    /// # Errors
    /// `ProgramError::Declaration`: no value, a value that the program does not have, values of
    /// different lengths, or a precision that is not a finite number above 0.
    pub fn output(&mut self, output: Output) -> Result<OutputId, ProgramError> {
        let bad = |problem: String| ProgramError::Declaration {
            what: "output",
            name: output.name.clone(),
            problem,
        };
        let Some(first) = output.values.first() else {
            return Err(bad("needs at least one value".into()));
        };
        if let Some(v) = output
            .values
            .iter()
            .find(|v| v.index() >= self.program.values.len())
        {
            return Err(bad(format!("there is no value {v}")));
        }
        let lengths = |v: &ValueId| self.program.value(*v).length;
        if let Some(v) = output.values.iter().find(|v| lengths(v) != lengths(first)) {
            return Err(bad(format!("{first} and {v} differ in length")));
        }
        if !(output.precision > 0.0 && output.precision.is_finite()) {
            return Err(bad(format!(
                "precision must be positive, got {}",
                output.precision
            )));
        }
        self.program.outputs.push(output);
        Ok(OutputId::from_index(self.program.outputs.len() - 1))
    }

    /// The program; it needs at least one input and one output.
    ///
    /// # Errors
    /// `ProgramError::Declaration`: the program has no input or no output.
    pub fn finish(self) -> Result<Program, ProgramError> {
        let bad = |problem: &str| ProgramError::Declaration {
            what: "program",
            name: self.program.name.clone(),
            problem: problem.into(),
        };
        if self.program.inputs.is_empty() {
            return Err(bad("has no input"));
        }
        if self.program.outputs.is_empty() {
            return Err(bad("has no output"));
        }
        Ok(self.program)
    }

    /// The length of a value already built.
    pub fn length(&self, value: ValueId) -> usize {
        self.program.value(value).length
    }

    /// The range of a value already built.
    pub fn range(&self, value: ValueId) -> Interval {
        self.program.value(value).range
    }

    /// Public numbers.
    ///
    /// # Errors
    /// No numbers, one that is not finite, or one beyond 1e15.
    pub fn constant(&mut self, numbers: impl Into<Public>) -> Built {
        self.push(Op::Constant(numbers.into()))
    }

    /// `a + b`
    ///
    /// # Errors
    /// Operands of different lengths, one that the program does not have, or a sum that may be
    /// beyond 1e15.
    pub fn add(&mut self, a: ValueId, b: ValueId) -> Built {
        self.push(Op::Add(a, b))
    }

    /// `a - b`
    ///
    /// # Errors
    /// Operands of different lengths, one that the program does not have, or a difference that may
    /// be beyond 1e15.
    pub fn sub(&mut self, a: ValueId, b: ValueId) -> Built {
        self.push(Op::Sub(a, b))
    }

    /// `-a`
    ///
    /// # Errors
    /// An operand that the program does not have.
    pub fn neg(&mut self, a: ValueId) -> Built {
        self.push(Op::Neg(a))
    }

    /// `value + by`
    ///
    /// # Errors
    /// A vector of another length, a summand that is not finite, an operand that the program does
    /// not have, or a sum that may be beyond 1e15.
    pub fn offset(&mut self, value: ValueId, by: impl Into<Public>) -> Built {
        self.push(Op::Offset {
            value,
            by: by.into(),
        })
    }

    /// `value * by`
    ///
    /// # Errors
    /// A vector of another length, a factor that is not finite, an operand that the program does
    /// not have, or a product that may be beyond 1e15.
    pub fn scale(&mut self, value: ValueId, by: impl Into<Public>) -> Built {
        self.push(Op::Scale {
            value,
            by: by.into(),
        })
    }

    /// `sum of value * weight, + bias`
    ///
    /// # Errors
    /// No term, values or vectors of different lengths, a weight or a bias that is not finite, a
    /// value that the program does not have, or a sum that may be beyond 1e15.
    pub fn weighted_sum(
        &mut self,
        terms: Vec<(ValueId, Public)>,
        bias: impl Into<Public>,
    ) -> Built {
        self.push(Op::WeightedSum {
            terms,
            bias: bias.into(),
        })
    }

    /// `a * b`
    ///
    /// # Errors
    /// Operands of different lengths, one that the program does not have, or a product that may be
    /// beyond 1e15.
    pub fn mul(&mut self, a: ValueId, b: ValueId) -> Built {
        self.push(Op::Mul(a, b))
    }

    /// `a * a`
    ///
    /// # Errors
    /// An operand that the program does not have, or a square that may be beyond 1e15.
    pub fn square(&mut self, a: ValueId) -> Built {
        self.push(Op::Square(a))
    }

    /// `y[i] = x[(i + by) mod length]`
    ///
    /// # Errors
    /// An operand that the program does not have.
    pub fn shift(&mut self, value: ValueId, by: i64) -> Built {
        self.push(Op::Shift { value, by })
    }

    /// Sums of consecutive groups of `group` elements.
    ///
    /// # Errors
    /// A group that is 0 or does not divide the length, an operand that the program does not have,
    /// or a sum that may be beyond 1e15.
    pub fn sum(&mut self, value: ValueId, group: usize) -> Built {
        self.push(Op::Sum { value, group })
    }

    /// Every `stride`-th element.
    ///
    /// # Errors
    /// A stride that is 0 or does not divide the length, or an operand that the program does not
    /// have.
    pub fn pick(&mut self, value: ValueId, stride: usize) -> Built {
        self.push(Op::Pick { value, stride })
    }

    /// A polynomial of each element; the value's range must lie in its domain.
    ///
    /// # Errors
    /// `ProgramError::Range` where the value's range leaves the domain; an operand that the program
    /// does not have, or a result that may be beyond 1e15.
    pub fn polynomial(&mut self, value: ValueId, polynomial: Polynomial) -> Built {
        self.push(Op::Polynomial { value, polynomial })
    }

    /// The logistic function of each element.
    ///
    /// # Errors
    /// An operand that the program does not have.
    pub fn sigmoid(&mut self, a: ValueId) -> Built {
        self.push(Op::Sigmoid(a))
    }

    /// 1 where an element is positive, else 0.
    ///
    /// # Errors
    /// An operand that the program does not have.
    pub fn step(&mut self, a: ValueId) -> Built {
        self.push(Op::Step(a))
    }

    /// The greater of two.
    ///
    /// # Errors
    /// Operands of different lengths, or one that the program does not have.
    pub fn max(&mut self, a: ValueId, b: ValueId) -> Built {
        self.push(Op::Max(a, b))
    }

    /// The lesser of two.
    ///
    /// # Errors
    /// Operands of different lengths, or one that the program does not have.
    pub fn min(&mut self, a: ValueId, b: ValueId) -> Built {
        self.push(Op::Min(a, b))
    }

    /// 1 where the relation holds, else 0.
    ///
    /// # Errors
    /// Operands of different lengths, or one that the program does not have.
    pub fn compare(&mut self, left: ValueId, relation: Relation, right: ValueId) -> Built {
        self.push(Op::Compare {
            left,
            relation,
            right,
        })
    }

    /// `then` where the condition is 1, else `otherwise`.
    ///
    /// # Errors
    /// `ProgramError::Range` where the condition's range leaves `[0, 1]`; operands of different
    /// lengths, or one that the program does not have.
    pub fn select(&mut self, condition: ValueId, then: ValueId, otherwise: ValueId) -> Built {
        self.push(Op::Select {
            condition,
            then,
            otherwise,
        })
    }

    /// The conjunction of bits.
    ///
    /// # Errors
    /// `ProgramError::Range` where the range of one of them leaves `[0, 1]`; no operand, operands
    /// of different lengths, or one that the program does not have.
    pub fn and(&mut self, bits: Vec<ValueId>) -> Built {
        self.push(Op::And(bits))
    }
}
