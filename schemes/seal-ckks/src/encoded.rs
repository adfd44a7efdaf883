//! Public numbers of a program as plaintexts: encoded once, before the first evaluation.
//!
//! A plaintext takes as much room as half a ciphertext, one number for all slots as much as one for
//! each. A program may have thousands: those that take the longest to encode, vectors, are kept
//! first, and what exceeds [`BUDGET`] is encoded whenever it is needed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use hexperiment_program::{Op, Program, Public, ValueId};
use hexperiment_scheme::SchemeError;
use rayon::prelude::*;

use crate::circuit::{Design, Shared};
use crate::layout::{PublicUse, SlotLayout, Slots};
use crate::schedule;
use crate::seal::{ParmsId, Plaintext, SealError};

/// Bytes of the plaintexts that are kept.
pub(crate) const BUDGET: u64 = 128 << 20;

/// What public numbers are multiplied by before they are rounded, at a level: it makes the scale of
/// what they meet, or of the result, what the schedule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scaling {
    /// Nothing: whole factors.
    Whole,
    /// What is added to a value of the level.
    Value,
    /// A factor of a value of the level `from`, in a sum that is rescaled as a whole.
    Weight { from: usize },
    /// The factor 1 that takes a value of the level `from` to the next level.
    Lowering { from: usize },
}

impl Scaling {
    /// What the numbers are for.
    fn use_as(self) -> PublicUse {
        match self {
            Self::Value => PublicUse::Summands,
            Self::Whole | Self::Weight { .. } | Self::Lowering { .. } => PublicUse::Weights,
        }
    }
}

impl Shared {
    /// The scale that this is, at a level.
    pub(crate) fn scale(&self, level: usize, scaling: Scaling) -> f64 {
        match scaling {
            Scaling::Whole => 1.0,
            Scaling::Value => self.scales[level],
            Scaling::Weight { from } => {
                let wanted = self.scales[level] * self.scales[level];
                wanted / self.scales[from]
            }
            Scaling::Lowering { from } => {
                let last = self.context.levels().len() - 1;
                let dropped = self.context.primes()[last - level] as f64;
                self.scales[level + 1] * dropped / self.scales[from]
            }
        }
    }

    fn encode(
        &self,
        slots: &Slots,
        level: usize,
        scaling: Scaling,
    ) -> Result<Plaintext, SchemeError> {
        let (parms, scale) = (self.context.levels()[level], self.scale(level, scaling));
        Ok(match slots {
            Slots::Same(x) => match self.layout.in_every_row(*x) {
                Some(rows) if scaling == Scaling::Value => self.encode_all(&rows, parms, scale)?,
                _ => self.encoder.encode_scalar(*x, parms, scale)?,
            },
            Slots::Each(xs) => self.encode_all(xs, parms, scale)?,
        })
    }

    /// Numbers for all slots, or for all coefficients where the layout has those.
    pub(crate) fn encode_all(
        &self,
        numbers: &[f64],
        level: ParmsId,
        scale: f64,
    ) -> Result<Plaintext, SealError> {
        match &self.transform {
            None => self.encoder.encode(numbers, level, scale),
            Some(transform) => {
                let values = transform.values(numbers);
                self.encoder.encode_complex(&values, level, scale)
            }
        }
    }

    /// The numbers of all slots, or of all coefficients.
    pub(crate) fn decode(&self, plain: &Plaintext) -> Result<Vec<f64>, SealError> {
        let slots = self.context.slots();
        match &self.transform {
            None => self.encoder.decode(plain, slots),
            Some(transform) => {
                let values = self.encoder.decode_complex(plain, slots)?;
                Ok(transform.coefficients(&values))
            }
        }
    }
}

/// Public numbers of an operation that meet one ciphertext of a vector: the value that it computes,
/// their place in it, the ciphertext's.
pub(crate) type Place = (ValueId, usize, usize);

/// One number for all slots: its bits, its level and scaling.
type Scalar = (u64, usize, Scaling);

/// What a program encodes.
struct Needed<'a> {
    scalars: BTreeSet<Scalar>,
    vectors: Vec<(Place, &'a Public, usize, Scaling)>,
}

impl<'a> Needed<'a> {
    fn of(program: &'a Program, layout: &SlotLayout, levels: &[usize]) -> Self {
        let mut needed = Self {
            scalars: BTreeSet::new(),
            vectors: vec![],
        };
        let at = |v: &ValueId| levels[v.index()];
        for (id, value) in program.iter() {
            let level = at(&id);
            let chunks = layout.chunks(value.length() * layout.stride(id.index()));
            let mut numbers = |operand, public: &'a Public, level, scaling: Scaling| match public {
                Public::Scalar(x) => needed.scalar(*x, level, scaling),
                Public::Vector(_) => {
                    let last = layout.plaintext((id, operand, chunks - 1), scaling.use_as());
                    let places = (0..=last).map(|chunk| (id, operand, chunk));
                    let vectors = places.map(|place| (place, public, level, scaling));
                    needed.vectors.extend(vectors);
                }
            };
            match value.op() {
                Op::Constant(by) => numbers(0, by, level, Scaling::Value),
                Op::Offset { value, by } => numbers(0, by, at(value), Scaling::Value),
                Op::Scale { value, by } => {
                    let (level, scaling) = weights(level, [by]);
                    numbers(0, by, level, scaling(at(value)));
                }
                Op::WeightedSum { terms, bias } => {
                    let (below, scaling) = weights(level, terms.iter().map(|(_, w)| w));
                    for (operand, (v, weight)) in terms.iter().enumerate() {
                        numbers(operand, weight, below, scaling(at(v)));
                    }
                    numbers(terms.len(), bias, level, Scaling::Value);
                }
                _ => {}
            }
            if let Some(target) = operands_level(value.op(), level) {
                for from in value.op().operands().iter().map(at) {
                    if from < target {
                        needed.scalar(1.0, target - 1, Scaling::Lowering { from });
                    }
                }
            }
        }
        needed
    }

    fn scalar(&mut self, x: f64, level: usize, scaling: Scaling) {
        if x != 0.0 {
            self.scalars.insert((x.to_bits(), level, scaling));
        }
    }

    /// Leaves out what exceeds the budget, of a plaintext's bytes at each level; yields the bytes of
    /// the rest.
    fn within(&mut self, budget: u64, bytes: impl Fn(usize) -> u64) -> u64 {
        let mut taken = 0_u64;
        let mut fits = |level: usize| {
            let more = taken.saturating_add(bytes(level));
            let fits = more <= budget;
            if fits {
                taken = more;
            }
            fits
        };
        self.vectors.retain(|(_, _, level, _)| fits(*level));
        self.scalars.retain(|(_, level, _)| fits(*level));
        taken
    }
}

/// The level of the factors of a sum whose result has `level`, and their scaling by the level of
/// what they meet.
pub(crate) fn weights<'a>(
    level: usize,
    weights: impl IntoIterator<Item = &'a Public>,
) -> (usize, fn(usize) -> Scaling) {
    if schedule::is_whole(weights) {
        (level, |_| Scaling::Whole)
    } else {
        (level - 1, |from| Scaling::Weight { from })
    }
}

/// The level to which the operands of an operation are brought, whose result has `level`; `None`
/// where they stay where they are.
fn operands_level(op: &Op, level: usize) -> Option<usize> {
    match op {
        Op::Add(..) | Op::Sub(..) => Some(level),
        Op::Mul(..) | Op::Square(_) => Some(level - 1),
        Op::Scale { by, .. } => schedule::is_whole([by]).then_some(level),
        Op::WeightedSum { terms, .. } => {
            schedule::is_whole(terms.iter().map(|(_, w)| w)).then_some(level)
        }
        _ => None,
    }
}

/// Whether public numbers are known to be 0 without looking at each.
pub(crate) fn is_zero(public: &Public) -> bool {
    public.as_scalar() == Some(0.0)
}

/// Which public numbers are encoded before the first evaluation.
pub(crate) struct Kept<'a> {
    kept: Needed<'a>,
    /// Values and operands of vectors of which some are not.
    lacking: BTreeSet<(ValueId, usize)>,
}

impl<'a> Kept<'a> {
    /// Of a circuit, within a budget in bytes.
    pub(crate) fn of(design: &'a Design, budget: u64) -> Self {
        let program = design.lowered.program();
        let mut kept = Needed::of(program, &design.layout, &design.levels);
        let wanted: Vec<Place> = kept.vectors.iter().map(|(place, ..)| *place).collect();
        let polynomial = 8 * design.chain.degree() as u64;
        kept.within(budget, |level| {
            design.chain.level_primes(level).len() as u64 * polynomial
        });
        let there: HashSet<Place> = kept.vectors.iter().map(|(place, ..)| *place).collect();
        let lacking = wanted.into_iter().filter(|place| !there.contains(place));
        Self {
            lacking: lacking.map(|(id, operand, _)| (id, operand)).collect(),
            kept,
        }
    }

    /// The levels of the numbers for all slots, one for each number.
    pub(crate) fn scalar_levels(&self) -> impl Iterator<Item = usize> {
        self.kept.scalars.iter().map(|(_, level, _)| *level)
    }

    /// The levels of the vectors, one for each ciphertext that they meet.
    pub(crate) fn vector_levels(&self) -> impl Iterator<Item = usize> {
        self.kept.vectors.iter().map(|(_, _, level, _)| *level)
    }

    /// Whether an operand of a value is a vector that is encoded whenever it is needed.
    pub(crate) fn lacks_vector(&self, id: ValueId, operand: usize) -> bool {
        self.lacking.contains(&(id, operand))
    }
}

/// Bytes of the plaintexts that are kept, where `primes` are left at level 0 and a polynomial
/// modulo one of them takes `polynomial` bytes.
pub(crate) fn bytes(
    program: &Program,
    layout: &SlotLayout,
    levels: &[usize],
    primes: u64,
    polynomial: u64,
) -> u64 {
    Needed::of(program, layout, levels).within(BUDGET, |level| (primes - level as u64) * polynomial)
}

/// The plaintexts of a program.
pub(crate) struct Encoded {
    scalars: HashMap<Scalar, Arc<Plaintext>>,
    /// `None` where all numbers are 0.
    vectors: HashMap<Place, Option<Arc<Plaintext>>>,
}

impl Encoded {
    /// Encodes what fits a budget in bytes.
    pub(crate) fn new(shared: &Shared, budget: u64) -> Result<Self, SchemeError> {
        let program = shared.lowered.program();
        let mut needed = Needed::of(program, &shared.layout, &shared.levels);
        let polynomial = 8 * shared.context.degree() as u64;
        needed.within(budget, |level| {
            shared.context.level_primes(level).len() as u64 * polynomial
        });
        let vectors = needed.vectors.into_par_iter();
        let vectors = vectors.map(|(place, public, level, scaling)| {
            let slots = slots(shared, place, public, scaling);
            let plain = (!slots.is_zero()).then(|| shared.encode(&slots, level, scaling));
            Ok((place, plain.transpose()?.map(Arc::new)))
        });
        let scalars = needed.scalars.into_par_iter().map(|scalar| {
            let (bits, level, scaling) = scalar;
            let slots = Slots::Same(f64::from_bits(bits));
            Ok((scalar, Arc::new(shared.encode(&slots, level, scaling)?)))
        });
        Ok(Self {
            scalars: table(scalars)?,
            vectors: table(vectors)?,
        })
    }

    /// One number for all slots.
    pub(crate) fn scalar(
        &self,
        shared: &Shared,
        x: f64,
        level: usize,
        scaling: Scaling,
    ) -> Result<Arc<Plaintext>, SchemeError> {
        match self.scalars.get(&(x.to_bits(), level, scaling)) {
            Some(plain) => Ok(Arc::clone(plain)),
            None => Ok(Arc::new(shared.encode(&Slots::Same(x), level, scaling)?)),
        }
    }

    /// The public numbers of a place; `None` where all are 0.
    pub(crate) fn at(
        &self,
        shared: &Shared,
        place: Place,
        public: &Public,
        level: usize,
        scaling: Scaling,
    ) -> Result<Option<Arc<Plaintext>>, SchemeError> {
        let (id, operand, _) = place;
        let plaintext = shared.layout.plaintext(place, scaling.use_as());
        let place = (id, operand, plaintext);
        match (public, self.vectors.get(&place)) {
            (Public::Scalar(0.0), _) => Ok(None),
            (Public::Scalar(x), _) => self.scalar(shared, *x, level, scaling).map(Some),
            (Public::Vector(_), Some(plain)) => Ok(plain.clone()),
            (Public::Vector(_), None) => {
                let slots = slots(shared, place, public, scaling);
                let plain = (!slots.is_zero()).then(|| shared.encode(&slots, level, scaling));
                Ok(plain.transpose()?.map(Arc::new))
            }
        }
    }
}

fn slots(shared: &Shared, (id, _, chunk): Place, public: &Public, scaling: Scaling) -> Slots {
    let stride = shared.layout.stride(id.index());
    let layout = &shared.layout;
    layout.place_public(public, stride, chunk, scaling.use_as())
}

fn table<K: Hash + Eq + Send, V: Send>(
    entries: impl ParallelIterator<Item = Result<(K, V), SchemeError>>,
) -> Result<HashMap<K, V>, SchemeError> {
    entries.collect()
}

#[cfg(test)]
mod tests {
    use hexperiment_program::lower::lower;
    use hexperiment_program::{
        Column, Input, InputId, Interval, Output, OutputId, Party, ProgramBuilder,
    };
    use hexperiment_scheme::options::Options;
    use hexperiment_scheme::security::SecurityDemand;
    use hexperiment_scheme::{
        Circuit as _, CompileRequest, EvaluationKeys, Evaluator as _, KeyPart, Scheme as _,
    };
    use ndarray::Array2;

    use super::*;
    use crate::SealCkks;
    use crate::circuit::CkksCircuit;

    const ROWS: usize = 8;

    /// Public numbers in every place where they may stand, of one level and of several.
    fn program() -> Program {
        let ramp = || Public::from((0..ROWS).map(|i| i as f64 / 8.0).collect::<Vec<_>>());
        let mut b = ProgramBuilder::new("public numbers");
        let column = |i| Column {
            name: format!("x{i}"),
            range: Interval::symmetric(1.0),
        };
        let input = Input {
            name: "x".into(),
            owner: Party::Client(0),
            length: ROWS,
            columns: (0..2).map(column).collect(),
            precision: 1e-4,
        };
        let (_, x) = b.input(input).unwrap();
        let constant = b.constant(vec![0.25; ROWS]).unwrap();
        let offset = b.offset(x[0], ramp()).unwrap();
        let sum = b
            .weighted_sum(vec![(offset, ramp()), (x[1], 0.75.into())], ramp())
            .unwrap();
        let whole = b
            .weighted_sum(vec![(x[0], 2.0.into()), (x[1], (-1.0).into())], 0.5)
            .unwrap();
        let product = b.mul(sum, whole).unwrap();
        let mixed = b.add(product, x[0]).unwrap();
        let result = b.add(mixed, constant).unwrap();
        let output = Output {
            name: "y".into(),
            values: vec![result],
            precision: 1e-3,
        };
        b.output(output).unwrap();
        b.finish().unwrap()
    }

    /// What is kept, and what is encoded when it is needed, give the same.
    #[test]
    fn plaintexts_need_not_be_kept() {
        let options = Options::with_defaults(&SealCkks.manifest().options, []);
        let lowered = lower(&program(), &SealCkks.capabilities(&options).unwrap()).unwrap();
        let request = CompileRequest {
            lowered: &lowered,
            options: &options,
            security: SecurityDemand::new(128, false),
            threads: 2,
            objective: hexperiment_program::layout::Objective::default(),
        };
        let circuit = CkksCircuit::new(request).unwrap();
        let keys = circuit.generate_keys().unwrap();
        let table = Array2::from_shape_fn((ROWS, 2), |(i, j)| (i as f64 - 3.5 * j as f64) / 8.0);
        let input = InputId::from_index(0);
        let sealed = keys.encryptor.encrypt(input, table.view()).unwrap();
        let expected = &circuit.simulate(&[table]).unwrap()[0];
        let mut kept = vec![];
        for budget in [BUDGET, 1 << 20, 0] {
            let parts = keys.evaluation.parts().iter();
            let parts = parts.map(|part| KeyPart::new(part.role(), part.bytes().to_vec()));
            let crossed = EvaluationKeys::new(circuit.digest(), parts.collect());
            let evaluator = circuit.evaluator(crossed, budget).unwrap();
            kept.push((
                evaluator.encoded.vectors.len(),
                evaluator.encoded.scalars.len(),
            ));
            let results = evaluator.evaluate(std::slice::from_ref(&sealed)).unwrap();
            let output = OutputId::from_index(0);
            let found = keys.decryptor.decrypt(output, &results[0]).unwrap();
            let tolerance = circuit.parameters().noise_tolerance[0];
            for (x, y) in found.iter().zip(expected) {
                assert!((x - y).abs() <= tolerance, "{x}, expected {y}");
            }
        }
        let all = kept[0];
        // Of vectors the constant, what is added, the weights and the bias; then numbers.
        assert_eq!(all.0, 4);
        assert!(all.1 > 3, "{all:?}");
        // Vectors come first.
        assert!(
            kept[1].0 > 0 && kept[1].0 + kept[1].1 < all.0 + all.1,
            "{kept:?}"
        );
        assert_eq!(kept[2], (0, 0));
    }
}
