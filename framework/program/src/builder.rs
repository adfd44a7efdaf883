//! Building programs, with every check.

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
    pub fn input(&mut self, input: Input) -> Result<(InputId, Vec<ValueId>), ProgramError> {
        let columns = input.columns.len();
        let id = self.declare(input)?;
        let values = (0..columns)
            .map(|column| self.push(Op::Input { input: id, column }))
            .collect::<Result<_, _>>()?;
        Ok((id, values))
    }

    /// Adds any operation.
    pub fn push(&mut self, op: Op) -> Built {
        let (length, range) = ranges::infer(&self.program, &op)?;
        self.program.values.push(Value {
            op,
            length,
            range,
            assumed: false,
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
    pub fn assume(&mut self, value: ValueId, stated: Interval) -> Result<(), ProgramError> {
        let known = &mut self.program.values[value.index()];
        let low = known.range.low.max(stated.low);
        let high = known.range.high.min(stated.high);
        if !stated.is_finite() || low > high {
            return Err(ProgramError::Assumption {
                value,
                found: known.range,
                stated,
            });
        }
        known.range = Interval { low, high };
        known.assumed = true;
        Ok(())
    }

    /// Narrows the range of a value that is proven to lie in `known` as well, by an argument that
    /// interval arithmetic cannot make. What is not proven is for [`ProgramBuilder::assume`].
    pub fn narrow(&mut self, value: ValueId, known: Interval) {
        let range = &mut self.program.values[value.index()].range;
        let (low, high) = (range.low.max(known.low), range.high.min(known.high));
        if low <= high {
            *range = Interval { low, high };
        }
    }

    /// The program so far.
    pub(crate) fn so_far(&self) -> &Program {
        &self.program
    }

    /// Adds an output; its values must be of one length.
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
    pub fn constant(&mut self, numbers: impl Into<Public>) -> Built {
        self.push(Op::Constant(numbers.into()))
    }

    /// `a + b`
    pub fn add(&mut self, a: ValueId, b: ValueId) -> Built {
        self.push(Op::Add(a, b))
    }

    /// `a - b`
    pub fn sub(&mut self, a: ValueId, b: ValueId) -> Built {
        self.push(Op::Sub(a, b))
    }

    /// `-a`
    pub fn neg(&mut self, a: ValueId) -> Built {
        self.push(Op::Neg(a))
    }

    /// `value + by`
    pub fn offset(&mut self, value: ValueId, by: impl Into<Public>) -> Built {
        self.push(Op::Offset {
            value,
            by: by.into(),
        })
    }

    /// `value * by`
    pub fn scale(&mut self, value: ValueId, by: impl Into<Public>) -> Built {
        self.push(Op::Scale {
            value,
            by: by.into(),
        })
    }

    /// `sum of value * weight, + bias`
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
    pub fn mul(&mut self, a: ValueId, b: ValueId) -> Built {
        self.push(Op::Mul(a, b))
    }

    /// `a * a`
    pub fn square(&mut self, a: ValueId) -> Built {
        self.push(Op::Square(a))
    }

    /// `y[i] = x[(i + by) mod length]`
    pub fn shift(&mut self, value: ValueId, by: i64) -> Built {
        self.push(Op::Shift { value, by })
    }

    /// Sums of consecutive groups of `group` elements.
    pub fn sum(&mut self, value: ValueId, group: usize) -> Built {
        self.push(Op::Sum { value, group })
    }

    /// Every `stride`-th element.
    pub fn pick(&mut self, value: ValueId, stride: usize) -> Built {
        self.push(Op::Pick { value, stride })
    }

    /// A polynomial of each element; the value's range must lie in its domain.
    pub fn polynomial(&mut self, value: ValueId, polynomial: Polynomial) -> Built {
        self.push(Op::Polynomial { value, polynomial })
    }

    /// The logistic function of each element.
    pub fn sigmoid(&mut self, a: ValueId) -> Built {
        self.push(Op::Sigmoid(a))
    }

    /// 1 where an element is positive, else 0.
    pub fn step(&mut self, a: ValueId) -> Built {
        self.push(Op::Step(a))
    }

    /// The greater of two.
    pub fn max(&mut self, a: ValueId, b: ValueId) -> Built {
        self.push(Op::Max(a, b))
    }

    /// The lesser of two.
    pub fn min(&mut self, a: ValueId, b: ValueId) -> Built {
        self.push(Op::Min(a, b))
    }

    /// 1 where the relation holds, else 0.
    pub fn compare(&mut self, left: ValueId, relation: Relation, right: ValueId) -> Built {
        self.push(Op::Compare {
            left,
            relation,
            right,
        })
    }

    /// `then` where the condition is 1, else `otherwise`.
    pub fn select(&mut self, condition: ValueId, then: ValueId, otherwise: ValueId) -> Built {
        self.push(Op::Select {
            condition,
            then,
            otherwise,
        })
    }

    /// The conjunction of bits.
    pub fn and(&mut self, bits: Vec<ValueId>) -> Built {
        self.push(Op::And(bits))
    }
}
