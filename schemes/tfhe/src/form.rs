//! Flattening: a program as sources and linear forms over them.

use std::sync::Arc;

use hexperiment_core::program::{
    Input, Interval, LookupTable, Op, Program, Public, Relation, Value, ValueId,
};
use hexperiment_core::scheme::Refusal;

/// Bits that one exact table takes: the values 0 to 15.
pub(crate) const TABLE_ENTRIES: usize = 16;

/// Where encrypted numbers come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A column of an input.
    Column {
        /// Which input.
        input: usize,
        /// Which of its columns.
        column: usize,
        /// Its range.
        range: Interval,
        /// The error that it may carry.
        precision: f64,
    },
    /// A function of a form.
    Function {
        /// What is looked up.
        function: Function,
        /// Its argument.
        operand: Form,
        /// The results' range.
        range: Interval,
    },
}

/// What a bootstrap, or a cascade of them, computes.
#[derive(Clone, Debug)]
pub(crate) enum Function {
    /// Any function of one real: the operation to apply.
    Smooth(Op),
    /// 1 where the argument is positive (or not negative), else 0; exact.
    Step {
        /// Whether 0 gives 1.
        at_zero: bool,
    },
    /// A table over whole numbers; exact.
    Lookup(LookupTable),
}

/// Which element of a source meets element `i`; `None`: element `i`.
pub(crate) type Gather = Option<Arc<[u32]>>;

/// One summand of a form.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    /// Which source.
    pub(crate) source: usize,
    /// Which of its elements.
    pub(crate) gather: Gather,
    /// The factor.
    pub(crate) weight: Public,
}

/// A sum of sources with public factors, and a public number.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    /// The summands.
    pub(crate) terms: Vec<Term>,
    /// The public number.
    pub(crate) bias: Public,
    /// Elements.
    pub(crate) length: usize,
    /// An interval that holds every element.
    pub(crate) range: Interval,
}

/// A program, flattened.
#[derive(Debug)]
pub(crate) struct Flat {
    /// In an order in which each needs only those before it.
    pub(crate) sources: Vec<Source>,
    /// For each output, its columns.
    pub(crate) outputs: Vec<Vec<Form>>,
}

impl Form {
    fn of(source: usize, value: &Value) -> Self {
        Self {
            terms: vec![Term {
                source,
                gather: None,
                weight: 1.0.into(),
            }],
            bias: 0.0.into(),
            length: value.length(),
            range: value.range(),
        }
    }

    fn add(mut self, other: &Self) -> Self {
        for term in &other.terms {
            let same = self
                .terms
                .iter_mut()
                .find(|t| t.source == term.source && t.gather == term.gather);
            match same {
                Some(found) => found.weight = found.weight.zip(&term.weight, |a, b| a + b),
                None => self.terms.push(term.clone()),
            }
        }
        self.bias = self.bias.zip(&other.bias, |a, b| a + b);
        self
    }

    fn times(mut self, by: &Public) -> Self {
        for term in &mut self.terms {
            term.weight = term.weight.zip(by, |a, b| a * b);
        }
        self.bias = self.bias.zip(by, |a, b| a * b);
        self
    }

    fn plus(mut self, by: &Public) -> Self {
        self.bias = self.bias.zip(by, |a, b| a + b);
        self
    }

    /// Element `i` of the result is element `from(i)`.
    fn reindexed(&self, length: usize, from: impl Fn(usize) -> usize) -> Self {
        let pick = |public: &Public| match public {
            Public::Scalar(x) => Public::Scalar(*x),
            Public::Vector(xs) => Public::Vector((0..length).map(|i| xs[from(i)]).collect()),
        };
        let terms = self.terms.iter().map(|term| Term {
            source: term.source,
            gather: Some(
                (0..length)
                    .map(|i| match &term.gather {
                        None => from(i) as u32,
                        Some(at) => at[from(i)],
                    })
                    .collect(),
            ),
            weight: pick(&term.weight),
        });
        Self {
            terms: terms.collect(),
            bias: pick(&self.bias),
            length,
            range: self.range,
        }
    }

    fn within(mut self, value: &Value) -> Self {
        self.range = value.range();
        self.length = value.length();
        self.terms.retain(|t| !t.weight.is_zero());
        self
    }
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

    fn push(&mut self, source: Source, value: &Value) -> Form {
        self.sources.push(source);
        Form::of(self.sources.len() - 1, value)
    }

    fn function(&mut self, function: Function, operand: Form, value: &Value) -> Form {
        let range = match function {
            Function::Step { .. } => Interval::new(0.0, 1.0),
            _ => value.range(),
        };
        let source = Source::Function {
            function,
            operand,
            range,
        };
        self.push(source, value)
    }

    fn step(&mut self, operand: Form, at_zero: bool, value: &Value) -> Form {
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
                self.function(Function::Smooth(op.clone()), self.at(*a), value)
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
        let not = |form: Form| form.times(&(-1.0).into()).plus(&1.0.into());
        match relation {
            Relation::Greater => self.step(difference, false, value),
            Relation::GreaterOrEqual => self.step(difference, true, value),
            Relation::Less => not(self.step(difference, true, value)),
            Relation::LessOrEqual => not(self.step(difference, false, value)),
            Relation::Equal => {
                let not_below = self.step(difference.clone(), true, value);
                let above = self.step(difference, false, value);
                not_below.add(&above.times(&(-1.0).into()))
            }
        }
    }

    /// A count of bits, looked up; in groups where there are many.
    fn conjunction(&mut self, mut bits: Vec<Form>, value: &Value) -> Form {
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
