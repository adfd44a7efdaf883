//! Flattening: a program as sources and linear forms over them.
//!
//! The same function of the same argument is one source, however often the program asks for it.

use hexperiment_core::program::{
    Input, Interval, LookupTable, Op, Program, Relation, Value, ValueId,
};
use hexperiment_core::scheme::Refusal;

use crate::form::{Form, Function, Source, TABLE_ENTRIES};

/// A program, flattened.
#[derive(Debug)]
pub(crate) struct Flat {
    /// In an order in which each needs only those before it.
    pub(crate) sources: Vec<Source>,
    /// For each output, its columns.
    pub(crate) outputs: Vec<Vec<Form>>,
}

struct Flattener<'a> {
    program: &'a Program,
    sources: Vec<Source>,
    forms: Vec<Form>,
}

/// Flattens a lowered program.
pub(crate) fn flatten(program: &Program) -> Result<Flat, Refusal> {
    let mut flattener = Flattener {
        program,
        sources: vec![],
        forms: vec![],
    };
    for (id, value) in program.iter() {
        let form = flattener.form(id, value)?.within(value);
        flattener.forms.push(form);
    }
    let outputs = program
        .outputs()
        .iter()
        .map(|o| {
            let forms = o.values.iter().map(|v| flattener.forms[v.index()].clone());
            forms.collect()
        })
        .collect();
    Ok(Flat {
        sources: flattener.sources,
        outputs,
    })
}

impl Flattener<'_> {
    fn at(&self, id: ValueId) -> Form {
        self.forms[id.index()].clone()
    }

    /// A source, which all share that ask for the same.
    fn push(&mut self, source: Source, value: &Value) -> Form {
        let found = self.sources.iter().position(|s| *s == source);
        let index = found.unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        });
        Form::of(index, value)
    }

    fn function(&mut self, function: Function, operand: Form, value: &Value) -> Form {
        let range = match function {
            Function::Step { .. } => Interval::new(0.0, 1.0),
            _ => value.range(),
        };
        let source = Source::Function {
            function,
            operand: operand.ordered(),
            range,
        };
        self.push(source, value)
    }

    /// 1 where the argument is positive (or, if so told, not negative), else 0. An argument and its
    /// negative share one source: `[x > 0] = 1 - [-x >= 0]`.
    fn step(&mut self, operand: Form, at_zero: bool, value: &Value) -> Form {
        let operand = operand.ordered();
        if operand.leads_negative() {
            let function = Function::Step { at_zero: !at_zero };
            return self
                .function(function, operand.negative(), value)
                .complement();
        }
        self.function(Function::Step { at_zero }, operand, value)
    }

    fn form(&mut self, id: ValueId, value: &Value) -> Result<Form, Refusal> {
        Ok(match value.op() {
            Op::Input { input, column } => {
                let Input {
                    columns, precision, ..
                } = self.program.input(*input);
                let source = Source::Column {
                    input: input.index(),
                    column: *column,
                    range: columns[*column].range,
                    precision: *precision,
                };
                self.push(source, value)
            }
            Op::Constant(numbers) => Form {
                terms: vec![],
                bias: numbers.clone(),
                length: value.length(),
                range: value.range(),
            },
            Op::Add(a, b) => self.at(*a).add(&self.at(*b)),
            Op::Sub(a, b) => self.at(*a).add(&self.at(*b).times(&(-1.0).into())),
            Op::Neg(a) => self.at(*a).times(&(-1.0).into()),
            Op::Offset { value, by } => self.at(*value).plus(by),
            Op::Scale { value, by } => self.at(*value).times(by),
            Op::WeightedSum { terms, bias } => {
                let mut sum = Form {
                    terms: vec![],
                    bias: bias.clone(),
                    length: value.length(),
                    range: value.range(),
                };
                for (term, weight) in terms {
                    sum = sum.add(&self.at(*term).times(weight));
                }
                sum
            }
            Op::Shift { value: of, by } => {
                let length = value.length();
                let by = by.rem_euclid(length as i64) as usize;
                self.at(*of).reindexed(length, |i| (i + by) % length)
            }
            Op::Pick { value: of, stride } => {
                self.at(*of).reindexed(value.length(), |i| i * stride)
            }
            Op::Sum { value: of, group } => {
                let of = self.at(*of);
                let part = |g: usize| of.reindexed(value.length(), |i| i * group + g);
                (1..*group).fold(part(0), |sum, g| sum.add(&part(g)))
            }
            op @ (Op::Sigmoid(a) | Op::Relu(a) | Op::Abs(a) | Op::Polynomial { value: a, .. }) => {
                let any = ValueId::from_index(0);
                let function = Function::Smooth(op.map_operands(|_| any));
                self.function(function, self.at(*a), value)
            }
            Op::Step(a) => self.step(self.at(*a), false, value),
            Op::Sign(a) => self.sign(self.at(*a), value),
            Op::Compare {
                left,
                relation,
                right,
            } => {
                let difference = self.at(*left).add(&self.at(*right).times(&(-1.0).into()));
                let ranges = [*left, *right].map(|v| self.program.value(v).range());
                let range = ranges[0] - ranges[1];
                self.compare(
                    Form {
                        range,
                        ..difference
                    },
                    *relation,
                    value,
                )
            }
            Op::Lookup { value: a, table } => {
                self.function(Function::Lookup(table.clone()), self.at(*a), value)
            }
            Op::And(bits) => self.conjunction(bits.iter().map(|b| self.at(*b)).collect(), value),
            op => {
                return Err(Refusal::of(
                    op.kind(),
                    format!("there is no plan for it here (at {id})"),
                ));
            }
        })
    }

    fn sign(&mut self, operand: Form, value: &Value) -> Form {
        let above = self.step(operand.clone(), false, value);
        let not_below = self.step(operand, true, value);
        above.add(&not_below).plus(&(-1.0).into())
    }

    fn compare(&mut self, difference: Form, relation: Relation, value: &Value) -> Form {
        match relation {
            Relation::Greater => self.step(difference, false, value),
            Relation::GreaterOrEqual => self.step(difference, true, value),
            Relation::Less => self.step(difference, true, value).complement(),
            Relation::LessOrEqual => self.step(difference, false, value).complement(),
            Relation::Equal => {
                let not_below = self.step(difference.clone(), true, value);
                let above = self.step(difference, false, value);
                not_below.add(&above.times(&(-1.0).into()))
            }
        }
    }

    /// A count of bits, looked up; in groups where there are many.
    fn conjunction(&mut self, all: Vec<Form>, value: &Value) -> Form {
        // A bit that is counted twice brings its noise twice.
        let mut bits: Vec<Form> = Vec::with_capacity(all.len());
        for bit in all {
            if !bits.contains(&bit) {
                bits.push(bit);
            }
        }
        loop {
            let groups = bits.chunks(TABLE_ENTRIES - 1).map(<[Form]>::to_vec);
            let groups: Vec<Vec<Form>> = groups.collect();
            bits = groups
                .into_iter()
                .map(|group| self.all(group, value))
                .collect();
            if bits.len() == 1 {
                return bits.swap_remove(0);
            }
        }
    }

    fn all(&mut self, mut bits: Vec<Form>, value: &Value) -> Form {
        let count = bits.len();
        let mut sum = bits.swap_remove(0);
        if count == 1 {
            return sum;
        }
        for bit in &bits {
            sum = sum.add(bit);
        }
        sum.range = Interval::new(0.0, count as f64);
        let mut entries = vec![0.0; count];
        entries.push(1.0);
        let table = LookupTable {
            first: 0,
            entries: entries.into(),
        };
        self.function(Function::Lookup(table), sum, value)
    }
}
