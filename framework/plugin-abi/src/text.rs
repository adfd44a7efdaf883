//! Programs as text for plugins that have no parser of JSON; the header defines the form.

use std::fmt::Write as _;

use hexperiment_program::{Op, Program, Public, Relation, ValueId};

/// The program, line by line.
pub(crate) fn program_text(program: &Program) -> String {
    let mut text = Text("hexperiment-program 1\n".to_owned());
    text.line(&format!("inputs {}", program.inputs().len()));
    for input in program.inputs() {
        text.0.push_str("input");
        text.word(input.length);
        text.number(input.precision);
        text.word(input.columns.len());
        for column in &input.columns {
            text.number(column.range.low);
            text.number(column.range.high);
        }
        text.line("");
    }
    text.line(&format!("values {}", program.values().len()));
    for value in program.values() {
        text.0.push_str("value");
        text.word(value.length());
        text.number(value.range().low);
        text.number(value.range().high);
        text.word(value.op().kind());
        text.operation(value.op());
        text.line("");
    }
    text.line(&format!("outputs {}", program.outputs().len()));
    for output in program.outputs() {
        text.0.push_str("output");
        text.number(output.precision);
        text.values(&output.values);
        text.line("");
    }
    text.line("end");
    text.0
}

struct Text(String);

impl Text {
    fn line(&mut self, rest: &str) {
        self.0.push_str(rest);
        self.0.push('\n');
    }

    fn word(&mut self, word: impl std::fmt::Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, " {word}");
    }

    /// The shortest decimal that is read back as the same double.
    fn number(&mut self, x: f64) {
        let _ = write!(self.0, " {x:?}");
    }

    fn numbers(&mut self, xs: &[f64]) {
        self.word(xs.len());
        for x in xs {
            self.number(*x);
        }
    }

    fn value(&mut self, value: ValueId) {
        self.word(value.index());
    }

    fn values(&mut self, values: &[ValueId]) {
        self.word(values.len());
        for value in values {
            self.value(*value);
        }
    }

    fn public(&mut self, public: &Public) {
        match public {
            Public::Scalar(x) => {
                self.word("scalar");
                self.number(*x);
            }
            Public::Vector(xs) => {
                self.word("vector");
                self.numbers(xs);
            }
        }
    }

    /// All but the operation's name.
    fn operation(&mut self, op: &Op) {
        match op {
            Op::Input { input, column } => {
                self.word(input.index());
                self.word(column);
            }
            Op::Constant(public) => self.public(public),
            Op::Offset { value, by } | Op::Scale { value, by } => {
                self.value(*value);
                self.public(by);
            }
            Op::WeightedSum { terms, bias } => {
                self.public(bias);
                self.word(terms.len());
                for (value, weight) in terms {
                    self.value(*value);
                    self.public(weight);
                }
            }
            Op::Shift { value, by } => {
                self.value(*value);
                self.word(by);
            }
            Op::Sum { value, group: n } | Op::Pick { value, stride: n } => {
                self.value(*value);
                self.word(n);
            }
            Op::Polynomial { value, polynomial } => {
                self.value(*value);
                self.number(polynomial.domain().low);
                self.number(polynomial.domain().high);
                self.numbers(polynomial.chebyshev());
            }
            Op::Compare {
                left,
                relation,
                right,
            } => {
                self.value(*left);
                self.word(symbol(*relation));
                self.value(*right);
            }
            Op::Lookup { value, table } => {
                self.value(*value);
                self.word(table.first);
                self.numbers(&table.entries);
            }
            Op::And(bits) => self.values(bits),
            // Operands only, in order.
            Op::Add(..)
            | Op::Sub(..)
            | Op::Mul(..)
            | Op::Max(..)
            | Op::Min(..)
            | Op::Neg(_)
            | Op::Square(_)
            | Op::Sigmoid(_)
            | Op::Step(_)
            | Op::Sign(_)
            | Op::Relu(_)
            | Op::Abs(_)
            | Op::Select { .. } => op.operands().into_iter().for_each(|v| self.value(v)),
        }
    }
}

fn symbol(relation: Relation) -> &'static str {
    match relation {
        Relation::Less => "<",
        Relation::LessOrEqual => "<=",
        Relation::Greater => ">",
        Relation::GreaterOrEqual => ">=",
        Relation::Equal => "=",
    }
}

#[cfg(test)]
mod tests {
    use hexperiment_program::{
        Column, Input, Interval, LookupTable, Output, Party, Polynomial, ProgramBuilder,
    };

    use super::*;

    /// The text of the one operation that `op` adds to a program with inputs %0 and %1 of bits.
    #[track_caller]
    fn check(op: impl Fn(ValueId, ValueId) -> Op, expect: &str) {
        let mut b = ProgramBuilder::new("one operation");
        let column = Column {
            name: "a bit".into(),
            range: Interval::new(0.0, 1.0),
        };
        let input = Input {
            name: "bits".into(),
            owner: Party::Client(0),
            length: 2,
            columns: vec![column.clone(), column],
            precision: 1e-6,
        };
        let (_, x) = b.input(input).unwrap();
        let y = b.push(op(x[0], x[1])).unwrap();
        let (length, range) = (b.length(y), b.range(y));
        b.output(Output {
            name: "y".into(),
            values: vec![y, y],
            precision: 0.25,
        })
        .unwrap();
        let (low, high) = (range.low, range.high);
        let expect = format!(
            "hexperiment-program 1\ninputs 1\ninput 2 1e-6 2 0.0 1.0 0.0 1.0\nvalues 3\n\
             value 2 0.0 1.0 input 0 0\nvalue 2 0.0 1.0 input 0 1\n\
             value {length} {low:?} {high:?} {expect}\n\
             outputs 1\noutput 0.25 2 2 2\nend\n"
        );
        assert_eq!(program_text(&b.finish().unwrap()), expect);
    }

    #[test]
    fn every_form_of_operation_is_written_as_the_header_says() {
        use Relation::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
        let vector = || Public::from(vec![0.1, 1e-9]);
        check(|_, _| Op::Constant(vector()), "constant vector 2 0.1 1e-9");
        check(Op::Sub, "sub 0 1");
        check(|_, b| Op::Sigmoid(b), "sigmoid 1");
        check(
            |a, _| Op::Offset {
                value: a,
                by: (1.0 / 3.0).into(),
            },
            "offset 0 scalar 0.3333333333333333",
        );
        check(
            |_, b| Op::Scale {
                value: b,
                by: vector(),
            },
            "scale 1 vector 2 0.1 1e-9",
        );
        check(
            |a, b| Op::WeightedSum {
                terms: vec![(b, 2.0.into()), (a, vector())],
                bias: (-1.5).into(),
            },
            "weighted-sum scalar -1.5 2 1 scalar 2.0 0 vector 2 0.1 1e-9",
        );
        check(|a, _| Op::Shift { value: a, by: -1 }, "shift 0 -1");
        check(|a, _| Op::Sum { value: a, group: 2 }, "sum 0 2");
        check(
            |a, _| Op::Pick {
                value: a,
                stride: 2,
            },
            "pick 0 2",
        );
        let polynomial =
            Polynomial::from_chebyshev(Interval::new(-1.0, 1.5), vec![0.5, 0.25]).unwrap();
        check(
            |a, _| Op::Polynomial {
                value: a,
                polynomial: polynomial.clone(),
            },
            "polynomial 0 -1.0 1.5 2 0.5 0.25",
        );
        for (relation, symbol) in [
            (Less, "<"),
            (LessOrEqual, "<="),
            (Greater, ">"),
            (GreaterOrEqual, ">="),
            (Equal, "="),
        ] {
            check(
                |left, right| Op::Compare {
                    left,
                    relation,
                    right,
                },
                &format!("compare 0 {symbol} 1"),
            );
        }
        check(
            |a, b| Op::Select {
                condition: a,
                then: b,
                otherwise: a,
            },
            "select 0 1 0",
        );
        check(
            |a, _| Op::Lookup {
                value: a,
                table: LookupTable {
                    first: -1,
                    entries: vec![3.0, 4.0, 5.0].into(),
                },
            },
            "lookup 0 -1 3 3.0 4.0 5.0",
        );
        check(|a, b| Op::And(vec![b, a]), "and 2 1 0");
    }
}
