//! Flattening: a program as sources and linear forms over them.
//!
//! The same function of the same argument is one source, however often the program asks for it.
//! Whole numbers whose maximum, choice or magnitude is asked for go in limbs (`limbs`), which
//! `fold` works on; the client encrypts them so.

mod align;
mod fold;
mod limbs;
mod thresholds;

use hexperiment_core::program::{
    Input, Interval, LookupTable, Op, Program, Relation, Value, ValueId,
};
use hexperiment_core::scheme::Refusal;

use crate::form::{Digit, Doubt, Form, Function, Source, TABLE_ENTRIES};
use crate::wide::{Layout, Wide};
use limbs::Needs;

/// A program, flattened.
#[derive(Debug)]
pub(crate) struct Flat {
    /// In an order in which each needs only those before it.
    pub(crate) sources: Vec<Source>,
    /// For each output, its columns.
    pub(crate) outputs: Vec<Vec<FlatOutput>>,
    /// For each input, how many columns it has.
    pub(crate) columns: Vec<usize>,
    /// Whether numbers go in limbs, so that [`Choice`] matters.
    pub(crate) in_limbs: bool,
}

/// A column of an output: the sum of parts, which are encrypted apart.
#[derive(Debug)]
pub(crate) struct FlatOutput {
    /// The parts.
    pub(crate) parts: Vec<Part>,
    /// Added after decryption.
    pub(crate) bias: hexperiment_core::program::Public,
}

/// A part of an output.
#[derive(Debug)]
pub(crate) struct Part {
    /// What it is.
    pub(crate) form: Form,
    /// What its values are known to be multiples of, beyond what its terms tell: a power of two.
    pub(crate) multiple: Option<f64>,
    /// What rounding may have done to it, where its terms tell of more.
    pub(crate) rounding: Option<f64>,
}

/// What may be chosen about limbs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    /// Bits to which whole numbers are resolved at most.
    pub(crate) bits: u32,
    /// Bits of the uppermost limb at most: 3 leave room for far more noise than 4.
    pub(crate) top: u32,
    /// Halvings after which limbs are refreshed by a table.
    pub(crate) most_depth: u32,
}

struct Flattener<'a> {
    program: &'a Program,
    most_depth: u32,
    needs: Needs,
    sources: Vec<Source>,
    values: Vec<Wide>,
}

/// Flattens a lowered program.
pub(crate) fn flatten(program: &Program, choice: Choice) -> Result<Flat, Refusal> {
    let mut flattener = Flattener {
        program,
        most_depth: choice.most_depth,
        needs: limbs::needs(program, choice),
        sources: vec![],
        values: vec![],
    };
    for (id, value) in program.iter() {
        let mut wide = flattener.value(id, value)?.within(value);
        if flattener.needs.wanted[id.index()] {
            wide = flattener.refreshed(wide);
        }
        flattener.values.push(wide);
    }
    let outputs = program.outputs().iter();
    let outputs = outputs.map(|o| o.values.iter().map(|v| flattener.output(*v)).collect());
    Ok(Flat {
        outputs: outputs.collect(),
        in_limbs: flattener.needs.layout.is_some(),
        sources: flattener.sources,
        columns: program.inputs().iter().map(|i| i.columns.len()).collect(),
    })
}

impl Flattener<'_> {
    fn layout(&self) -> Option<&Layout> {
        self.needs.layout.as_ref()
    }

    fn at(&self, id: ValueId) -> Wide {
        self.values[id.index()].clone()
    }

    /// The value in one form.
    fn merged(&self, id: ValueId) -> Form {
        let range = self.program.value(id).range();
        let merged = self.values[id.index()].merged(self.layout());
        Form { range, ..merged }
    }

    /// A source, which all share that ask for the same.
    fn push(&mut self, source: Source) -> usize {
        let found = self.sources.iter().position(|s| *s == source);
        found.unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        })
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
        Form::of(self.push(source), value)
    }

    fn value(&mut self, id: ValueId, value: &Value) -> Result<Wide, Refusal> {
        Ok(match value.op() {
            Op::Input { input, column } => {
                let Input {
                    columns, precision, ..
                } = self.program.input(*input);
                let (input, column, range) = (input.index(), *column, columns[*column].range);
                if self.needs.split.contains(&(input, column)) {
                    return Ok(self.split_column(input, column, range, value));
                }
                let source = Source::Column {
                    input,
                    column,
                    range,
                    precision: *precision,
                };
                Form::of(self.push(source), value).into()
            }
            Op::Constant(numbers) => {
                Form::constant(numbers.clone(), value.length(), value.range()).into()
            }
            Op::Add(a, b) => self.sum(self.at(*a), &self.at(*b)),
            Op::Sub(a, b) => self.sum(self.at(*a), &self.at(*b).negative()),
            Op::Neg(a) => self.at(*a).negative(),
            Op::Offset { value, by } => self.at(*value).plus(by),
            Op::Scale { value, by } => self.at(*value).times(by),
            Op::WeightedSum { terms, bias } => {
                let range = bias.range().unwrap_or(value.range());
                let mut sum = Wide::from(Form::constant(bias.clone(), value.length(), range));
                for (term, weight) in terms {
                    sum = self.sum(sum, &self.at(*term).times(weight));
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
            Op::Relu(a) | Op::Abs(a) => match self.folded(value.op(), value) {
                Ok(folded) => folded,
                // To the resolution of one bootstrap, where no exact way is known.
                Err(_) => self.smooth(value.op(), *a, value),
            },
            Op::Sigmoid(a) | Op::Polynomial { value: a, .. } => self.smooth(value.op(), *a, value),
            Op::Max(..) | Op::Min(..) | Op::Select { .. } => {
                let kind = value.op().kind();
                self.folded(value.op(), value)
                    .map_err(|why| Refusal::of(kind, format!("{why} (at {id})")))?
            }
            Op::Step(a) => {
                let zero = zero(value);
                let range = self.program.value(*a).range();
                self.bit(&self.at(*a), &zero, range, false, value).into()
            }
            Op::Sign(a) => {
                let (zero, a, range) = (zero(value), self.at(*a), self.program.value(*a).range());
                let above = self.bit(&a, &zero, range, false, value);
                let not_below = self.bit(&a, &zero, range, true, value);
                above.add(&not_below).plus(&(-1.0).into()).into()
            }
            Op::Compare {
                left,
                relation,
                right,
            } => {
                let ranges = [*left, *right].map(|v| self.program.value(v).range());
                let range = ranges[0] - ranges[1];
                let (left, right) = (self.at(*left), self.at(*right));
                self.compare(&left, *relation, &right, range, value).into()
            }
            Op::Lookup { value: a, table } => {
                let operand = self.merged(*a);
                self.function(Function::Lookup(table.clone()), operand, value)
                    .into()
            }
            Op::And(bits) => {
                let bits = bits.iter().map(|b| self.merged(*b)).collect();
                self.conjunction(bits, value).into()
            }
            op => {
                return Err(Refusal::of(
                    op.kind(),
                    format!("there is no plan for it here (at {id})"),
                ));
            }
        })
    }

    fn smooth(&mut self, op: &Op, of: ValueId, value: &Value) -> Wide {
        let any = ValueId::from_index(0);
        let function = Function::Smooth(op.map_operands(|_| any));
        let operand = self.merged(of);
        self.function(function, operand, value).into()
    }

    /// 1 where `left - right`, which is in `range`, is positive (or, if so told, not negative),
    /// else 0.
    fn bit(
        &mut self,
        left: &Wide,
        right: &Wide,
        range: Interval,
        at_zero: bool,
        value: &Value,
    ) -> Form {
        let in_limbs = !(left.limbs.is_empty() && right.limbs.is_empty());
        if in_limbs && let Ok(bit) = self.bit_of_limbs(left, right, at_zero, value) {
            return bit;
        }
        let difference = left.clone().add(&right.clone().negative());
        let merged = difference.merged(self.layout());
        self.step(Form { range, ..merged }, at_zero, value)
    }

    /// An argument and its negative share one source: `[x > 0] = 1 - [-x >= 0]`.
    fn step(&mut self, operand: Form, at_zero: bool, value: &Value) -> Form {
        let operand = operand.ordered();
        if operand.leads_negative() {
            return self
                .step_up(operand.negative(), !at_zero, value)
                .complement();
        }
        self.step_up(operand, at_zero, value)
    }

    fn step_up(&mut self, operand: Form, at_zero: bool, value: &Value) -> Form {
        if let Some(bit) = self.threshold(&operand, at_zero, value) {
            return bit;
        }
        self.function(Function::Step { at_zero }, operand, value)
    }

    fn compare(
        &mut self,
        left: &Wide,
        relation: Relation,
        right: &Wide,
        range: Interval,
        value: &Value,
    ) -> Form {
        let mut bit = |at_zero| self.bit(left, right, range, at_zero, value);
        match relation {
            Relation::Greater => bit(false),
            Relation::GreaterOrEqual => bit(true),
            Relation::Less => bit(true).complement(),
            Relation::LessOrEqual => bit(false).complement(),
            Relation::Equal => {
                let not_below = bit(true);
                not_below.add(&bit(false).times(&(-1.0).into()))
            }
        }
    }

    /// A value as it is sent: in one part where that keeps it exact, else limb by limb.
    fn output(&self, id: ValueId) -> FlatOutput {
        let wide = &self.values[id.index()];
        let (Some(layout), true) = (self.layout(), wide.is_bootstrapped(&self.sources)) else {
            let form = self.merged(id);
            let multiple = wide.plain_whole.then_some(1.0);
            return FlatOutput {
                parts: vec![Part {
                    form,
                    multiple,
                    rounding: None,
                }],
                bias: 0.0.into(),
            };
        };
        let mut parts = vec![];
        let mut bias = wide.plain.bias.clone();
        if !wide.plain.terms.is_empty() {
            // Its range is that of the sum with the public number.
            bias = 0.0.into();
            parts.push(Part {
                form: wide.plain.clone(),
                multiple: None,
                rounding: None,
            });
        }
        for (index, limb) in wide.limbs.iter().enumerate() {
            let place = layout.place(index);
            let range = limb.range.times(Interval::point(place));
            let form = limb.clone().times(&place.into());
            let is_last = index + 1 == wide.limbs.len();
            let rounding = if is_last { wide.rounding } else { 0.0 };
            parts.push(Part {
                form: Form { range, ..form },
                multiple: wide.whole.then_some(place),
                // Of all limbs together; weights that are not whole are rounded themselves.
                rounding: wide.whole.then_some(rounding),
            });
        }
        FlatOutput { parts, bias }
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

fn zero(value: &Value) -> Wide {
    Form::constant(0.0.into(), value.length(), Interval::point(0.0)).into()
}
