//! What an evaluation takes: a few of its operations timed, the others reckoned from these.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use hexperiment_program::{Op, OpKind, Public, ValueId};
use hexperiment_scheme::{SchemeError, Work, timed};

use super::{CkksEvaluator, Vector};
use crate::seal::Ciphertext;

/// Operations that are timed of each group, with the fewest primes left, the most and some between.
const TIMED: usize = 3;

/// Operations that take times in proportion to their [`CkksEvaluator::weight`]: of a kind, with
/// public vectors or without, on operands of its own level or of others.
type Group = (OpKind, bool, bool);

impl CkksEvaluator {
    /// The work of an evaluation of all outputs. The keys hold one rotation at least, `step`, if the
    /// program has any.
    pub(crate) fn work(&self, step: Option<i32>) -> Result<Work, SchemeError> {
        let program = self.shared.lowered.program();
        let mut groups: BTreeMap<Group, Vec<ValueId>> = BTreeMap::new();
        for (id, value) in program.iter() {
            let op = value.op();
            if !matches!(op, Op::Input { .. } | Op::Pick { .. }) {
                let group = (op.kind(), has_vector(op), self.mixes_levels(id));
                groups.entry(group).or_default().push(id);
            }
        }
        let mut held = BTreeMap::new();
        let mut times = vec![Duration::ZERO; program.values().len()];
        for mut members in groups.into_values() {
            members.sort_by(|a, b| self.weight(*a).total_cmp(&self.weight(*b)));
            let (mut time, mut weight) = (Duration::ZERO, 0.0);
            let last = members.len() - 1;
            let mut places: Vec<usize> = (0..TIMED).map(|i| last * i / (TIMED - 1)).collect();
            places.dedup();
            for place in places {
                let id = members[place];
                time += self.time(id, step, &mut held)?;
                weight += self.weight(id);
            }
            for id in members {
                times[id.index()] = time.mul_f64(self.weight(id) / weight);
            }
        }
        Ok(self.along(&times))
    }

    /// The work of values that take these times, each of which waits for its operands.
    fn along(&self, times: &[Duration]) -> Work {
        let program = self.shared.lowered.program();
        let mut done = vec![Duration::ZERO; times.len()];
        for (id, value) in program.iter() {
            let operands = value.op().operands();
            let ready = operands.iter().map(|v| done[v.index()]).max();
            // Ciphertexts of one vector do not wait for each other.
            let own = times[id.index()] / self.chunks(id).max(1) as u32;
            done[id.index()] = ready.unwrap_or_default() + own;
        }
        Work {
            total: times.iter().sum(),
            serial: done.into_iter().max().unwrap_or_default(),
        }
    }

    fn chunks(&self, id: ValueId) -> usize {
        let layout = &self.shared.layout;
        let length = self.shared.lowered.program().value(id).length();
        layout.chunks(length * layout.stride(id.index()))
    }

    /// Whether an operand has to be brought down before.
    fn mixes_levels(&self, id: ValueId) -> bool {
        let operands = self.shared.lowered.program().value(id).op().operands();
        let level = |v: &ValueId| self.shared.levels[v.index()];
        operands
            .windows(2)
            .any(|pair| level(&pair[0]) != level(&pair[1]))
    }

    /// What an operation takes, in a unit of its kind's: with the primes that are left for each
    /// product with public numbers, with their square where keys are switched.
    fn weight(&self, id: ValueId) -> f64 {
        let primes = (self.shared.context.levels().len() - self.shared.levels[id.index()]) as f64;
        let each = match self.shared.lowered.program().value(id).op() {
            Op::Mul(..) | Op::Square(_) | Op::Shift { .. } => primes * (primes + 1.0),
            Op::WeightedSum { terms, .. } => (primes + 1.0) * terms.len() as f64,
            Op::Scale { .. } => primes + 1.0,
            _ => primes,
        };
        each * self.chunks(id) as f64
    }

    /// The processor time of one operation, on ciphertexts of any content; `held` has one for each
    /// level that was needed so far.
    fn time(
        &self,
        id: ValueId,
        step: Option<i32>,
        held: &mut BTreeMap<usize, Arc<Ciphertext>>,
    ) -> Result<Duration, SchemeError> {
        let program = self.shared.lowered.program();
        let op = program.value(id).op();
        let mut operands: Vec<(ValueId, Vector)> = Vec::new();
        for operand in op.operands() {
            let level = self.shared.levels[operand.index()];
            let ciphertext = match held.entry(level) {
                Entry::Occupied(entry) => Arc::clone(entry.get()),
                Entry::Vacant(entry) => Arc::clone(entry.insert(Arc::new(self.zero(level)?))),
            };
            let chunks = vec![ciphertext; self.chunks(operand)];
            operands.push((operand, Vector { chunks, level }));
        }
        // There is a key for one rotation only; each takes as long.
        let key = step.and_then(|step| Some((step, self.switching.galois.get(&step)?)));
        if let (Op::Shift { .. }, Some((step, key))) = (op, key) {
            let (_, vector) = &operands[0];
            let rotate = || self.seal.rotate(&vector.chunks[0], step, key);
            let (_, time) = timed(|| rotate().map_err(SchemeError::from))?;
            return Ok(time * vector.chunks.len() as u32);
        }
        let get = |v: &ValueId| {
            let found = operands.iter().find(|(id, _)| id == v);
            found
                .map(|(_, vector)| vector)
                .ok_or_else(|| super::missing_value(*v))
        };
        let (_, time) = timed(|| self.apply(id, &get))?;
        Ok(time)
    }
}

/// Whether public numbers that differ from element to element have to be encoded.
fn has_vector(op: &Op) -> bool {
    let is_vector = |p: &Public| p.as_scalar().is_none();
    match op {
        Op::Scale { by, .. } | Op::Offset { by, .. } | Op::Constant(by) => is_vector(by),
        Op::WeightedSum { terms, bias } => {
            is_vector(bias) || terms.iter().any(|(_, weight)| is_vector(weight))
        }
        _ => false,
    }
}
