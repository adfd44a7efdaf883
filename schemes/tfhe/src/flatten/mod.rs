//! Flattening: a program as sources and forms over them.
//!
//! The same function of the same argument is one source, however often the program asks for it.
//! Whole numbers whose maximum, choice or magnitude is asked for go in limbs (`limbs`); the client
//! encrypts them so.

mod limbs;

use std::sync::Arc;

use hexperiment_program::{Op, Program, Public, Value, ValueId};

use crate::algebra::{Exact, Form, LimbOptions, Limbs, Number, Packings, Radix, Sources};
use crate::error::{Inexact, PlanError};
pub(crate) use limbs::InLimbs;

/// A program, flattened.
#[derive(Debug)]
pub(crate) struct Flat {
    /// The sources, each needing only those before it.
    pub(crate) sources: Sources,
    /// The columns of each output.
    pub(crate) outputs: Vec<Vec<FlatOutput>>,
    /// The number of columns of each input.
    pub(crate) columns: Vec<usize>,
}

/// A column of an output: the sum of parts, which are encrypted apart.
#[derive(Debug)]
pub(crate) struct FlatOutput {
    /// The parts.
    pub(crate) parts: Vec<Part>,
    /// The public number that is added after decryption.
    pub(crate) bias: Public,
}

/// A part of an output.
#[derive(Debug)]
pub(crate) struct Part {
    /// The sum that is sent.
    pub(crate) form: Form,
    /// A power of two of which its values are known to be multiples, beyond what its terms tell.
    pub(crate) multiple: Option<f64>,
    /// What rounding may have done to it, where its terms tell of more.
    pub(crate) rounding: Option<f64>,
}

/// Flattens a lowered program. Conjunctions share rotations if there are `packings`, else each has its own.
pub(crate) fn flatten(
    program: &Program,
    in_limbs: &InLimbs,
    options: LimbOptions,
    packings: Option<&Packings>,
) -> Result<Flat, PlanError> {
    let flattener = Flattener::run(program, in_limbs, options, packings)?;
    let outputs = program.outputs().iter();
    let outputs = outputs.map(|o| o.values.iter().map(|v| flattener.output(*v)).collect());
    Ok(Flat {
        outputs: outputs.collect(),
        sources: flattener.sources,
        columns: program.inputs().iter().map(|i| i.columns.len()).collect(),
    })
}

/// All values of a program as numbers.
pub(crate) struct Flattener<'a> {
    program: &'a Program,
    in_limbs: &'a InLimbs,
    radix: Option<Arc<Radix>>,
    /// The sources.
    pub(crate) sources: Sources,
    /// The program's values, as far as they are there.
    numbers: Vec<Option<Number>>,
    /// Whether conjunctions are read from rotations of several.
    shares_rotations: bool,
}

impl<'a> Flattener<'a> {
    /// Goes through all values of a program. Conjunctions wait for all those whose bits are there as soon,
    /// which may share rotations.
    pub(crate) fn run(
        program: &'a Program,
        in_limbs: &'a InLimbs,
        options: LimbOptions,
        packings: Option<&Packings>,
    ) -> Result<Self, PlanError> {
        let mut flattener = Self {
            program,
            in_limbs,
            radix: in_limbs.radix(program, options),
            sources: Sources::default(),
            numbers: vec![None; program.values().len()],
            shares_rotations: false,
        };
        loop {
            let mut waiting: Vec<(ValueId, &[ValueId])> = Vec::new();
            for (id, value) in program.iter() {
                let is_there = |v: &ValueId| flattener.numbers[v.index()].is_some();
                if is_there(&id) || !value.op().operands().iter().all(is_there) {
                    continue;
                }
                if let (Op::And(bits), Some(_)) = (value.op(), packings) {
                    waiting.push((id, bits));
                } else {
                    let number = flattener.value(id, value)?;
                    flattener.take(id, number, options);
                }
            }
            let Some(packings) = packings.filter(|_| !waiting.is_empty()) else {
                return Ok(flattener);
            };
            flattener.conjunctions(waiting, options, packings);
        }
    }

    /// Takes what a value comes to.
    fn take(&mut self, id: ValueId, number: Number, options: LimbOptions) {
        let mut number = number.within(self.program.value(id).range());
        if self.in_limbs.has_value(id) {
            number = number.refreshed(options.most_halvings, &mut self.sources);
        }
        self.numbers[id.index()] = Some(number);
    }

    /// Takes conjunctions, those of one length together.
    fn conjunctions(
        &mut self,
        mut waiting: Vec<(ValueId, &[ValueId])>,
        options: LimbOptions,
        packings: &Packings,
    ) {
        self.shares_rotations = true;
        let length = |id: ValueId| self.program.value(id).length();
        waiting.sort_by_key(|(id, _)| length(*id));
        for alike in waiting.chunk_by(|(a, _), (b, _)| length(*a) == length(*b)) {
            let bits = alike.iter().map(|(_, bits)| bits.iter());
            let bits: Vec<Vec<Form>> = bits
                .map(|bits| bits.map(|bit| self.merged(*bit)).collect())
                .collect();
            let forms = self.sources.conjunctions(&bits, packings);
            for ((id, _), form) in alike.iter().zip(forms) {
                self.take(*id, form.into(), options);
            }
        }
    }

    /// The number of a value; all operands are there before what they are operands of.
    pub(crate) fn number(&self, id: ValueId) -> &Number {
        let number = self.numbers[id.index()].as_ref();
        number.expect("values are flattened after their operands, and outputs after all")
    }

    fn at(&self, id: ValueId) -> Number {
        self.number(id).clone()
    }

    fn merged(&self, id: ValueId) -> Form {
        self.number(id).merged()
    }

    fn value(&mut self, id: ValueId, value: &Value) -> Result<Number, PlanError> {
        let length = value.length();
        Ok(match value.op() {
            Op::Input { input, column } => {
                let declared = self.program.input(*input);
                let (place, range) = ((input.index(), *column), declared.columns[*column].range);
                match &self.radix {
                    Some(radix) if self.in_limbs.has_column(place) => {
                        self.sources.column_in_limbs(place, range, radix, length)
                    }
                    _ => {
                        let known = (range, declared.precision);
                        self.sources.column(place, known, length).into()
                    }
                }
            }
            Op::Constant(numbers) => Form::constant(numbers.clone(), length).into(),
            Op::Add(a, b) => self.at(*a).add(&self.at(*b)),
            Op::Sub(a, b) => self.at(*a).sub(&self.at(*b)),
            Op::Neg(a) => self.at(*a).negative(),
            Op::Offset { value, by } => self.at(*value).plus(by),
            Op::Scale { value, by } => self.at(*value).times(by),
            Op::WeightedSum { terms, bias } => {
                let bias = Number::from(Form::constant(bias.clone(), length));
                let add = |sum: Number, (term, weight): &(ValueId, Public)| {
                    sum.add(&self.at(*term).times(weight))
                };
                terms.iter().fold(bias, add)
            }
            Op::Shift { value: of, by } => {
                let by = by.rem_euclid(length as i64) as usize;
                self.at(*of).reindexed(length, |i| (i + by) % length)
            }
            Op::Pick { value: of, stride } => self.at(*of).reindexed(length, |i| i * stride),
            Op::Sum { value: of, group } => {
                let of = self.at(*of);
                let part = |g: usize| of.reindexed(length, |i| i * group + g);
                (1..*group).fold(part(0), |sum, g| sum.add(&part(g)))
            }
            Op::Max(..) | Op::Min(..) | Op::Select { .. } => {
                let exact = self.exact(value.op()).map_err(|why| PlanError::Inexact {
                    kind: value.op().kind(),
                    at: id,
                    why,
                })?;
                exact.build(&mut self.sources)
            }
            Op::Relu(a) | Op::Abs(a) => match self.exact(value.op()) {
                Ok(exact) => exact.build(&mut self.sources),
                // To the resolution of one bootstrap, where no exact way is known.
                Err(_) => self.smooth(value.op(), *a, value),
            },
            Op::Sigmoid(a) | Op::Polynomial { value: a, .. } => self.smooth(value.op(), *a, value),
            Op::Step(a) => {
                let a = self.at(*a);
                self.sources.above(&a, &Number::zero(length), false).into()
            }
            Op::Sign(a) => {
                let (a, zero) = (self.at(*a), Number::zero(length));
                let above = self.sources.above(&a, &zero, false);
                let not_below = self.sources.above(&a, &zero, true);
                above.add(&not_below).moved(-1.0).into()
            }
            Op::Compare {
                left,
                relation,
                right,
            } => {
                let (left, right) = (self.at(*left), self.at(*right));
                self.sources.compare(&left, *relation, &right).into()
            }
            Op::Lookup { value: a, table } => {
                let operand = self.merged(*a);
                self.sources.lookup(table.clone(), operand).into()
            }
            Op::And(bits) => {
                let bits = bits.iter().map(|b| self.merged(*b)).collect();
                self.sources.conjunction(bits).into()
            }
            op @ (Op::Mul(..) | Op::Square(_)) => {
                let kind = op.kind();
                return Err(PlanError::NoRule { kind, at: id });
            }
        })
    }

    fn exact(&self, op: &Op) -> Result<Exact, Inexact> {
        let operands = op.operands();
        let operands: Vec<Number> = operands.iter().map(|v| self.at(*v)).collect();
        Exact::new(op, &operands)
    }

    fn smooth(&mut self, op: &Op, of: ValueId, value: &Value) -> Number {
        // The same operation on any value is the same function.
        let any = ValueId::from_index(0);
        let (op, operand) = (op.map_operands(|_| any), self.merged(of));
        self.sources.smooth(op, operand, value.range()).into()
    }

    /// A value as it is sent: in one part where that keeps it exact, else limb by limb.
    fn output(&self, id: ValueId) -> FlatOutput {
        match self.number(id) {
            Number::Limbs(number) => {
                let mut limbs = number.limbs().iter();
                if limbs.any(|limb| self.sources.is_bootstrapped(limb)) {
                    return FlatOutput::in_limbs(number);
                }
                FlatOutput::one(self.merged(id), None)
            }
            Number::Form(form) => {
                // On the whole circle there is room for twice the noise of rotations that are shared.
                let is_whole = self.shares_rotations && form.is_whole() && !form.terms().is_empty();
                let is_whole = is_whole || form.is_proven_whole();
                FlatOutput::one(form.clone(), is_whole.then_some(1.0))
            }
        }
    }
}

impl FlatOutput {
    fn one(form: Form, multiple: Option<f64>) -> Self {
        Self {
            parts: vec![Part {
                form,
                multiple,
                rounding: None,
            }],
            bias: 0.0.into(),
        }
    }

    fn in_limbs(number: &Limbs) -> Self {
        let (radix, rest) = (number.radix(), number.rest());
        let (parts, bias) = if rest.terms().is_empty() {
            (vec![], rest.bias().clone())
        } else {
            // Its range is that of the sum with the public number.
            (Self::one(rest.clone(), None).parts, 0.0.into())
        };
        let is_whole = number.is_whole();
        let limbs = number.limbs().iter().enumerate().map(|(index, limb)| {
            let place = radix.place(index);
            let is_last = index + 1 == radix.limbs();
            let rounding = if is_last { number.rounding() } else { 0.0 };
            Part {
                form: limb.clone().scaled(place),
                multiple: is_whole.then_some(place),
                // Of all limbs together; weights that are not whole are rounded themselves.
                rounding: is_whole.then_some(rounding),
            }
        });
        Self {
            parts: parts.into_iter().chain(limbs).collect(),
            bias,
        }
    }
}
