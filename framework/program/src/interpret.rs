//! The oracle: a program evaluated in the clear, in double precision.

use ndarray::Array2;

use super::program::Evidence;
use super::{Input, Interval, Op, OutputId, Program, ProgramError};

/// `1 / (1 + exp(-x))`, without overflow at either end.
pub(super) fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// 1, 0 or -1, where [`f64::signum`] knows no 0.
pub(super) fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

fn bit(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}

impl Input {
    /// Checks a table of this input's columns: its shape, that all is finite and in range.
    ///
    /// # Errors
    /// `ProgramError::InputShape` for another number of rows or columns; `ProgramError::OutOfRange`
    /// for the first number that is NaN or outside its column's range, but for rounding.
    pub fn check(&self, table: ndarray::ArrayView2<'_, f64>) -> Result<(), ProgramError> {
        self.check_shape(table)?;
        for (column, declared) in table.columns().into_iter().zip(&self.columns) {
            let room = 1e-9 * declared.range.width();
            for (row, &found) in column.iter().enumerate() {
                let below = found >= declared.range.low - room;
                let above = found <= declared.range.high + room;
                if !(below && above) {
                    return Err(ProgramError::OutOfRange {
                        input: self.name.clone(),
                        column: declared.name.clone(),
                        row,
                        found,
                        range: declared.range,
                    });
                }
            }
        }
        Ok(())
    }

    fn check_shape(&self, table: ndarray::ArrayView2<'_, f64>) -> Result<(), ProgramError> {
        if table.dim() == (self.length, self.columns.len()) {
            return Ok(());
        }
        Err(ProgramError::InputShape {
            input: self.name.clone(),
            expected_rows: self.length,
            expected_columns: self.columns.len(),
            rows: table.nrows(),
            columns: table.ncols(),
        })
    }
}

impl Program {
    /// Evaluates the program in the clear.
    ///
    /// `inputs` holds a table for each input, `length` rows x one column per declared column;
    /// the result holds one table for each output, one column per value. Fails if a table has
    /// the wrong shape or a number outside its column's declared range, or if a value leaves the
    /// range that [`super::ProgramBuilder::assume`] stated for it.
    ///
    /// # Errors
    /// `ProgramError::InputCount`, `InputShape` or `OutOfRange` for the tables, `Assumption` for
    /// such a value.
    pub fn interpret(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, ProgramError> {
        self.check_inputs(inputs)?;
        let values = self.values_in_clear(inputs, |_| true);
        self.check_assumptions(&values)?;
        Ok(self.outputs_of(&values, &self.output_ids()))
    }

    /// As [`Program::interpret`], for tables whose numbers may lie outside their ranges, as
    /// what was decrypted may; of the wrong number or shape they are an error still.
    ///
    /// # Errors
    /// `ProgramError::InputCount` or `InputShape`; ranges are not checked, whether declared or
    /// stated.
    pub fn interpret_any(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, ProgramError> {
        self.interpret_only(inputs, &self.output_ids())
    }

    /// As [`Program::interpret_any`], for these outputs, in this order; what none of them depends on
    /// is not computed.
    ///
    /// # Errors
    /// As [`Program::interpret_any`].
    pub fn interpret_only(
        &self,
        inputs: &[Array2<f64>],
        wanted: &[OutputId],
    ) -> Result<Vec<Array2<f64>>, ProgramError> {
        self.check_count(inputs)?;
        for (input, table) in self.inputs.iter().zip(inputs) {
            input.check_shape(table.view())?;
        }
        let needed = self.needed_for(wanted);
        let values = self.values_in_clear(inputs, |index| needed[index]);
        Ok(self.outputs_of(&values, wanted))
    }

    fn outputs_of(&self, values: &[Vec<f64>], wanted: &[OutputId]) -> Vec<Array2<f64>> {
        wanted
            .iter()
            .map(|output| {
                let output = self.output(*output);
                let rows = self.value(output.values[0]).length;
                Array2::from_shape_fn((rows, output.values.len()), |(row, column)| {
                    values[output.values[column].index()][row]
                })
            })
            .collect()
    }

    fn check_assumptions(&self, values: &[Vec<f64>]) -> Result<(), ProgramError> {
        for ((id, value), elements) in self.iter().zip(values) {
            let room = 1e-9 * value.range.width();
            let holds = |x: &f64| value.range.padded(room).contains(*x);
            if value.evidence != Evidence::Derived && !elements.iter().all(holds) {
                let everything = Interval::new(f64::NEG_INFINITY, f64::INFINITY);
                return Err(ProgramError::Assumption {
                    value: id,
                    found: Interval::hull(elements.iter().copied()).unwrap_or(everything),
                    stated: value.range,
                });
            }
        }
        Ok(())
    }

    fn check_count(&self, inputs: &[Array2<f64>]) -> Result<(), ProgramError> {
        let (expected, found) = (self.inputs.len(), inputs.len());
        if expected == found {
            Ok(())
        } else {
            Err(ProgramError::InputCount { expected, found })
        }
    }

    fn check_inputs(&self, inputs: &[Array2<f64>]) -> Result<(), ProgramError> {
        self.check_count(inputs)?;
        self.inputs
            .iter()
            .zip(inputs)
            .try_for_each(|(input, table)| input.check(table.view()))
    }

    /// Evaluates the program in the clear and returns every value, by [`super::ValueId::index`].
    ///
    /// # Errors
    /// `ProgramError::InputCount`, `InputShape` or `OutOfRange` for the tables; ranges that were
    /// stated are not checked.
    pub fn interpret_values(&self, inputs: &[Array2<f64>]) -> Result<Vec<Vec<f64>>, ProgramError> {
        self.check_inputs(inputs)?;
        Ok(self.values_in_clear(inputs, |_| true))
    }

    /// The values at the places that are `needed`; the others stay empty.
    fn values_in_clear(
        &self,
        inputs: &[Array2<f64>],
        needed: impl Fn(usize) -> bool,
    ) -> Vec<Vec<f64>> {
        let mut values: Vec<Vec<f64>> = Vec::with_capacity(self.values.len());
        for (index, value) in self.values.iter().enumerate() {
            let result = match &value.op {
                _ if !needed(index) => Vec::new(),
                Op::Input { input, column } => inputs[input.index()].column(*column).to_vec(),
                op => {
                    let operands: Vec<&[f64]> = op
                        .operands()
                        .iter()
                        .map(|v| values[v.index()].as_slice())
                        .collect();
                    apply(op, &operands, value.length)
                }
            };
            values.push(result);
        }
        values
    }
}

/// What `op` yields on `operands` (in the order of [`Op::operands`]), a vector of `length`.
///
/// Lengths are those that the builder checked; an input has no operands and yields zeros.
pub fn apply(op: &Op, operands: &[&[f64]], length: usize) -> Vec<f64> {
    let each = |f: &dyn Fn(usize) -> f64| (0..length).map(f).collect::<Vec<f64>>();
    match op {
        Op::Input { .. } => vec![0.0; length],
        Op::Constant(p) => each(&|i| p.at(i)),
        Op::Add(..) => each(&|i| operands[0][i] + operands[1][i]),
        Op::Sub(..) => each(&|i| operands[0][i] - operands[1][i]),
        Op::Neg(_) => each(&|i| -operands[0][i]),
        Op::Offset { by, .. } => each(&|i| operands[0][i] + by.at(i)),
        Op::Scale { by, .. } => each(&|i| operands[0][i] * by.at(i)),
        Op::WeightedSum { terms, bias } => each(&|i| {
            let products = terms.iter().zip(operands).map(|((_, w), x)| w.at(i) * x[i]);
            bias.at(i) + products.sum::<f64>()
        }),
        Op::Mul(..) => each(&|i| operands[0][i] * operands[1][i]),
        Op::Square(_) => each(&|i| operands[0][i] * operands[0][i]),
        Op::Shift { by, .. } => {
            let by = by.rem_euclid(length.max(1) as i64) as usize;
            each(&|i| operands[0][(i + by) % length])
        }
        Op::Sum { group, .. } => each(&|k| operands[0][k * group..(k + 1) * group].iter().sum()),
        Op::Pick { stride, .. } => each(&|k| operands[0][k * stride]),
        Op::Polynomial { polynomial, .. } => each(&|i| polynomial.evaluate(operands[0][i])),
        Op::Sigmoid(_) => each(&|i| sigmoid(operands[0][i])),
        Op::Step(_) => each(&|i| bit(operands[0][i] > 0.0)),
        Op::Sign(_) => each(&|i| sign(operands[0][i])),
        Op::Relu(_) => each(&|i| operands[0][i].max(0.0)),
        Op::Abs(_) => each(&|i| operands[0][i].abs()),
        Op::Max(..) => each(&|i| operands[0][i].max(operands[1][i])),
        Op::Min(..) => each(&|i| operands[0][i].min(operands[1][i])),
        Op::Compare { relation, .. } => {
            each(&|i| bit(relation.holds(operands[0][i], operands[1][i])))
        }
        Op::Select { .. } => each(&|i| {
            if operands[0][i] > 0.5 {
                operands[1][i]
            } else {
                operands[2][i]
            }
        }),
        Op::Lookup { table, .. } => each(&|i| table.at(operands[0][i])),
        Op::And(_) => each(&|i| bit(operands.iter().all(|x| x[i] > 0.5))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Column, Interval, Output, Party, ProgramBuilder};
    use super::*;

    /// `x * x` with `x` up to 10, of which it is stated that it stays within `stated`.
    fn square(stated: Interval) -> Result<Program, ProgramError> {
        let mut builder = ProgramBuilder::new("square");
        let (_, x) = builder.input(Input {
            name: "x".into(),
            owner: Party::Client(0),
            length: 2,
            columns: vec![Column {
                name: "x".into(),
                range: Interval::symmetric(10.0),
            }],
            precision: 1e-6,
        })?;
        let square = builder.square(x[0])?;
        builder.assume(square, stated)?;
        let twice = builder.scale(square, 2.0)?;
        builder.output(Output {
            name: "y".into(),
            values: vec![twice],
            precision: 1e-3,
        })?;
        builder.finish()
    }

    #[test]
    fn outputs_are_interpreted_alone() {
        let mut builder = ProgramBuilder::new("two");
        let (_, x) = builder
            .input(Input {
                name: "x".into(),
                owner: Party::Client(0),
                length: 1,
                columns: vec![Column {
                    name: "x".into(),
                    range: Interval::symmetric(10.0),
                }],
                precision: 1e-6,
            })
            .unwrap();
        let square = builder.square(x[0]).unwrap();
        let twice = builder.scale(x[0], 2.0).unwrap();
        for value in [square, twice] {
            builder
                .output(Output {
                    name: format!("{value}"),
                    values: vec![value],
                    precision: 1e-3,
                })
                .unwrap();
        }
        let program = builder.finish().unwrap();
        let needed = |outputs: &[usize]| {
            let outputs: Vec<_> = outputs.iter().map(|i| OutputId::from_index(*i)).collect();
            let needed = program.needed_for(&outputs);
            let got = program.interpret_only(&[ndarray::array![[3.0]]], &outputs);
            let got: Vec<f64> = got.unwrap().iter().map(|t| t[[0, 0]]).collect();
            (needed, got)
        };
        assert_eq!(needed(&[]), (vec![false; 3], vec![]));
        assert_eq!(needed(&[0]), (vec![true, true, false], vec![9.0]));
        assert_eq!(needed(&[1]), (vec![true, false, true], vec![6.0]));
        assert_eq!(needed(&[1, 0]), (vec![true; 3], vec![6.0, 9.0]));
    }

    #[test]
    fn stated_ranges_are_relied_on_and_held_to() {
        let program = square(Interval::new(-1.0, 9.0)).unwrap();
        let ranges: Vec<Interval> = program
            .values()
            .iter()
            .map(super::super::Value::range)
            .collect();
        assert_eq!(
            ranges[1..],
            [Interval::new(0.0, 9.0), Interval::new(0.0, 18.0)]
        );
        let run = |x: f64| program.interpret(&[ndarray::array![[0.5], [x]]]);
        assert_eq!(run(3.0).unwrap()[0][[1, 0]], 18.0);
        let error = run(-4.0).unwrap_err().to_string();
        assert!(error.contains("stays within [0.0000, 9.0000]"), "{error}");
        assert!(error.contains("[0.2500, 16.0000]"), "{error}");
        // It travels with the program.
        let text = serde_json::to_string(&program).unwrap();
        let read: Program = serde_json::from_str(&text).unwrap();
        assert_eq!(read, program);
        // What cannot be is refused at once.
        assert!(square(Interval::new(-3.0, -1.0)).is_err());
        assert!(square(Interval::symmetric(f64::NAN)).is_err());
    }
}
