//! What the steps of a circuit take: the operations of SEAL that it calls, counted by the primes that
//! each works modulo, at the time that each takes.

mod built_in;
mod operations;

use std::time::Duration;

use hexperiment_program::{Op, OpKind, ValueId};
use hexperiment_scheme::security::Encryption;
use hexperiment_scheme::{
    Costs, OperationTime, OperationTimes, SchemeError, Sizes, TimedNow, Work,
};

use crate::circuit::Design;
use crate::encoded::{self, Kept};
use crate::wire;
pub(crate) use operations::Bench;
use operations::Kind;

/// Counts the operations of a circuit; nothing of it needs a key.
struct Count<'c> {
    design: &'c Design,
    /// Public numbers that are encoded before the first evaluation.
    kept: Kept<'c>,
}

/// So many times an operation on ciphertexts of so many primes.
type Counted = (Kind, usize, usize);

pub(crate) fn costs(
    design: &Design,
    bench: &Bench<'_>,
    times: &mut dyn OperationTimes,
) -> Result<Costs, SchemeError> {
    let program = design.lowered.program();
    let count = Count {
        design,
        kept: Kept::of(design, encoded::BUDGET),
    };
    let mut evaluate = count.evaluation(bench, times)?;
    if stays_on_its_thread(design)? {
        evaluate = Work::serial(evaluate.total);
    }
    let mut work = |operations: &[Counted], shared_out: bool| {
        let mut sum = Work::default();
        for (kind, primes, times_over) in operations.iter().filter(|(.., count)| *count > 0) {
            let each = bench.time(*kind, *primes, times)?;
            sum = sum + Work::serial(bench.cold(*kind, *primes, times)?);
            sum = sum
                + if shared_out {
                    Work::shared(each, *times_over)
                } else {
                    Work::serial(each.alone) * *times_over as f64
                };
        }
        Ok::<_, SchemeError>(sum)
    };
    let all = count.primes(0);
    let keys = usize::from(design.multiplies()) + design.rotations().len();
    let public = usize::from(design.has_public_key());
    let keygen = [
        (Kind::SecretKey, all, 1),
        (Kind::PublicKey, all, public),
        (Kind::SwitchingKey, all, keys),
    ];
    let mut prepare = vec![
        (Kind::ReadPublicKey, all, public),
        (Kind::ReadSwitchingKey, all, keys),
    ];
    let (keygen, prepare_keys) = (work(&keygen, false)?, work(&prepare, false)?);
    prepare.clear();
    count.encodings(&mut prepare);
    let prepare = prepare_keys + work(&prepare, true)?;
    let last = count.primes(design.chain.level_count() - 1);
    let (mut encrypt, mut upload) = (vec![], vec![]);
    let (encryption, sending) = match design.encryption {
        Encryption::Owner => (Kind::EncryptSeeded, Kind::SendSeeded),
        Encryption::Public => (Kind::Encrypt, Kind::Send),
    };
    for input in program.inputs() {
        let ciphertexts = input.columns.len() * design.layout.chunks(input.length);
        let one = [
            (Kind::Encode, all, ciphertexts),
            (encryption, all, ciphertexts),
        ];
        encrypt.push(work(&one, true)?);
        upload.push(work(&[(sending, all, ciphertexts)], true)?);
    }
    let (mut download, mut decrypt) = (vec![], vec![]);
    for output in program.outputs() {
        let ciphertexts = output.values.iter().map(|v| count.chunks(*v)).sum();
        download.push(work(&[(Kind::Send, last, ciphertexts)], true)?);
        let one = [
            (Kind::Decrypt, last, ciphertexts),
            (Kind::Decode, last, ciphertexts),
        ];
        decrypt.push(work(&one, true)?);
    }
    Ok(Costs {
        keygen,
        prepare,
        encrypt,
        upload,
        evaluate,
        download,
        decrypt,
    })
}

/// An evaluation that takes less than this by the times that are built in, which are those of full caches, stays on
/// its thread: it takes up to half a millisecond then. Handing its pieces to others and waiting for them takes as
/// long, and twice the processor time.
const STAYS: Duration = Duration::from_micros(150);

/// Whether an evaluation is done by one thread, by the times that are built in: the same on all machines.
pub(crate) fn stays_on_its_thread(design: &Design) -> Result<bool, SchemeError> {
    let count = Count {
        design,
        kept: Kept::of(design, encoded::BUDGET),
    };
    let work = count.evaluation(&Bench::BuiltIn(design), &mut TimedNow::default())?;
    Ok(work.total < STAYS)
}

/// The bytes that cross.
pub(crate) fn sizes(design: &Design) -> Sizes {
    let program = design.lowered.program();
    let count = |value: ValueId| {
        let stride = design.layout.stride(value.index());
        design.layout.chunks(program.value(value).length() * stride)
    };
    let last = design.chain.level_count() - 1;
    let keys = design.key_bytes();
    let inputs = program.inputs().iter().map(|input| {
        let ciphertexts = input.columns.len() * design.layout.chunks(input.length);
        wire::input_bytes(design, ciphertexts)
    });
    let outputs = program.outputs().iter().map(|output| {
        let ciphertexts = output.values.iter().map(|v| count(*v)).sum();
        wire::bytes(&design.chain, last, ciphertexts)
    });
    Sizes {
        keys: keys as u64,
        inputs: inputs.collect(),
        outputs: outputs.collect(),
    }
}

impl Count<'_> {
    /// Primes that are left at a level.
    fn primes(&self, level: usize) -> usize {
        self.design.chain.level_primes(level).len()
    }

    fn chunks(&self, id: ValueId) -> usize {
        let layout = &self.design.layout;
        let length = self.design.lowered.program().value(id).length();
        layout.chunks(length * layout.stride(id.index()))
    }

    /// What is encoded before the first evaluation.
    fn encodings(&self, counted: &mut Vec<Counted>) {
        for level in self.kept.scalar_levels() {
            counted.push((Kind::EncodeScalar, self.primes(level), 1));
        }
        for level in self.kept.vector_levels() {
            counted.push((Kind::Encode, self.primes(level), 1));
        }
    }

    /// What bringing one ciphertext from one level down to another takes.
    fn lower(&self, from: usize, to: usize, counted: &mut Vec<Counted>) {
        if from < to {
            let before = self.primes(to - 1);
            self.dropping(from, to - 1, counted);
            counted.push((Kind::MultiplyPlain, before, 1));
            counted.push((Kind::Rescale, before, 1));
        }
    }

    /// What dropping the primes from one level to another takes: SEAL drops one after the other.
    fn dropping(&self, from: usize, to: usize, counted: &mut Vec<Counted>) {
        counted.extend((from + 1..=to).map(|level| (Kind::Drop, self.primes(level), 1)));
    }

    /// What one ciphertext of a value takes, as [`CkksEvaluator::apply`] computes it.
    ///
    /// [`CkksEvaluator::apply`]: crate::evaluate::CkksEvaluator
    fn one(&self, id: ValueId) -> Vec<Counted> {
        let program = self.design.lowered.program();
        let op = program.value(id).op();
        let at = |v: &ValueId| self.design.levels[v.index()];
        let level = at(&id);
        let primes = self.primes(level);
        let mut counted = vec![];
        match op {
            Op::Constant(_) => {
                counted.push((Kind::Encrypt, primes, 1));
                self.encoding(id, 0, level, &mut counted);
            }
            Op::Add(a, _) | Op::Sub(a, _) if self.design.open[a.index()] => {
                let above = self.primes(level - 1);
                counted.push((Kind::Add, above, 1));
                self.closing(id, &mut counted);
            }
            Op::Add(a, b) | Op::Sub(a, b) => {
                for operand in [a, b] {
                    self.lower(at(operand), level, &mut counted);
                }
                counted.push((Kind::Add, primes, 1));
            }
            Op::Neg(_) => counted.push((Kind::Negate, primes, 1)),
            Op::Offset { .. } => {
                counted.push((Kind::AddPlain, primes, 1));
                self.encoding(id, 0, level, &mut counted);
            }
            Op::Scale { value, by } => {
                self.sum(id, &[(*value, by)], &mut counted);
            }
            Op::WeightedSum { terms, bias } => {
                let terms: Vec<_> = terms.iter().map(|(v, w)| (*v, w)).collect();
                self.sum(id, &terms, &mut counted);
                if !encoded::is_zero(bias) {
                    counted.push((Kind::AddPlain, primes, 1));
                    self.encoding(id, terms.len(), level, &mut counted);
                }
            }
            Op::Mul(..) | Op::Square(_) => {
                let above = level - 1;
                for operand in op.operands() {
                    self.lower(at(&operand), above, &mut counted);
                }
                let product = if op.kind() == OpKind::Mul {
                    Kind::Multiply
                } else {
                    Kind::Square
                };
                counted.push((product, self.primes(above), 1));
                self.closing(id, &mut counted);
            }
            Op::Shift { .. } => {
                let moved = crate::evaluate::rotation(program, &self.design.layout, id);
                let times = usize::from(moved.is_some_and(|steps| steps != 0));
                counted.push((Kind::Rotate, primes, times));
            }
            _ => {}
        }
        counted
    }

    /// What closing a product, or a sum of products, takes: nothing where it is left open.
    fn closing(&self, id: ValueId, counted: &mut Vec<Counted>) {
        if !self.design.open[id.index()] {
            let above = self.primes(self.design.levels[id.index()] - 1);
            counted.extend([(Kind::Relinearize, above, 1), (Kind::Rescale, above, 1)]);
        }
    }

    /// A weighted sum without its bias.
    fn sum(
        &self,
        id: ValueId,
        terms: &[(ValueId, &hexperiment_program::Public)],
        counted: &mut Vec<Counted>,
    ) {
        let result = self.design.levels[id.index()];
        let (level, _) = encoded::weights(result, terms.iter().map(|(_, w)| *w));
        let primes = self.primes(level);
        let mut any = 0;
        for (place, (operand, weight)) in terms.iter().enumerate() {
            if encoded::is_zero(weight) {
                continue;
            }
            let from = self.design.levels[operand.index()];
            if level == result {
                self.lower(from, level, counted);
            } else {
                self.dropping(from, level, counted);
            }
            counted.push((Kind::MultiplyPlain, primes, 1));
            self.encoding(id, place, level, counted);
            any += 1;
        }
        if any > 0 {
            counted.push((Kind::Add, primes, any - 1));
            counted.push((Kind::Rescale, primes, usize::from(level != result)));
        } else {
            counted.push((Kind::Encrypt, self.primes(result), 1));
        }
    }

    /// Encoding public numbers that are not kept.
    fn encoding(&self, id: ValueId, operand: usize, level: usize, counted: &mut Vec<Counted>) {
        if self.kept.lacks_vector(id, operand) {
            counted.push((Kind::Encode, self.primes(level), 1));
        }
    }

    /// An evaluation of all outputs: every value waits for its operands, the ciphertexts of one vector
    /// do not wait for each other.
    fn evaluation(
        &self,
        bench: &Bench<'_>,
        times: &mut dyn OperationTimes,
    ) -> Result<Work, SchemeError> {
        let program = self.design.lowered.program();
        let needed = program.needed_for(&program.output_ids());
        let mut done = vec![Duration::ZERO; program.values().len()];
        let mut total = Duration::ZERO;
        let mut seen = vec![];
        for (id, value) in program.iter() {
            if !needed[id.index()] || matches!(value.op(), Op::Input { .. }) {
                continue;
            }
            let mut each = OperationTime::default();
            for (kind, primes, count) in self.one(id) {
                if count > 0 {
                    let time = bench.time(kind, primes, times)?;
                    each.alone += time.alone * count as u32;
                    each.together += time.together * count as u32;
                    if !seen.contains(&(kind, primes)) {
                        seen.push((kind, primes));
                        let more = bench.cold(kind, primes, times)?;
                        each.alone += more;
                        total += more;
                    }
                }
            }
            let operands = value.op().operands();
            let ready = operands.iter().map(|v| done[v.index()]).max();
            done[id.index()] = ready.unwrap_or_default() + each.alone;
            total += each.together * self.chunks(id) as u32;
        }
        // Results are brought to the last level, where they are small.
        let last = self.design.chain.level_count() - 1;
        let mut drops = vec![];
        for value in program.outputs().iter().flat_map(|o| &o.values) {
            for _ in 0..self.chunks(*value) {
                self.dropping(self.design.levels[value.index()], last, &mut drops);
            }
        }
        for (kind, primes, _) in drops {
            total += bench.time(kind, primes, times)?.together;
        }
        let serial = done.into_iter().max().unwrap_or_default();
        Ok(Work {
            total,
            serial,
            alone: Duration::ZERO,
        })
    }
}
