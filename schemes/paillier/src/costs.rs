//! What the steps of a circuit take: products modulo n^2 counted, at the time that each takes.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Duration;

use hexperiment_program::{OutputId, Program};
use hexperiment_scheme::security::Encryption;
use hexperiment_scheme::{
    Costs, Operation, OperationTime, OperationTimes, Preparation, SchemeError, Sizes,
    Step as TimedStep, Work, step,
};
use rug::Integer;

use crate::arithmetic::Step;
use crate::backend::{Backend, ClientKeys};
use crate::ciphertexts;
use crate::circuit::{PaillierCircuit, Shared};
use crate::multiexp::products;
use crate::primes::Primes;

/// What operations are timed with, made when the first one needs it.
struct Bench<'c> {
    circuit: &'c PaillierCircuit,
    keys: OnceLock<Keys>,
}

struct Keys {
    client: ClientKeys,
    modulus: Integer,
    square: Integer,
    /// Two ciphertexts of the message.
    ciphertexts: [Integer; 2],
}

impl Bench<'_> {
    fn time<'a>(
        &'a self,
        name: &'static str,
        more: &str,
        times: &mut dyn OperationTimes,
        prepare: &dyn Fn(&'a Self) -> Result<TimedStep<'a>, SchemeError>,
    ) -> Result<OperationTime, SchemeError> {
        times.time(self.operation(name, more), &|| prepare(self))
    }

    fn operation(&self, name: &'static str, more: &str) -> Operation {
        let library: &'static str = self.circuit.backend.into();
        let bits = self.circuit.shared.modulus_bits;
        Operation::new(name, format!("{library} bits={bits}{more}"))
    }

    fn keys(&self) -> Result<&Keys, SchemeError> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        let primes = Primes::generate(self.circuit.shared.modulus_bits)?;
        let client = self
            .circuit
            .backend
            .client(&primes, self.circuit.encryption)?;
        let modulus = primes.modulus();
        let message = Integer::from(12_345);
        let ciphertexts = [
            client.encrypting.encrypt(&message)?,
            client.encrypting.encrypt(&message)?,
        ];
        let keys = Keys {
            client,
            square: modulus.clone().square(),
            modulus,
            ciphertexts,
        };
        Ok(self.keys.get_or_init(|| keys))
    }

    /// One product modulo n^2.
    fn product(&self, times: &mut dyn OperationTimes) -> Result<OperationTime, SchemeError> {
        self.time("product", "", times, &|bench| {
            let keys = bench.keys()?;
            let [a, b] = &keys.ciphertexts;
            Ok(Box::new(move || {
                black_box(Integer::from(a * b) % &keys.square);
                Ok(())
            }))
        })
    }

    /// One inverse modulo n^2.
    fn inverse(&self, times: &mut dyn OperationTimes) -> Result<OperationTime, SchemeError> {
        self.time("inverse", "", times, &|bench| {
            let keys = bench.keys()?;
            Ok(Box::new(move || {
                let inverse = keys.ciphertexts[0].clone().invert(&keys.square);
                drop(black_box(inverse));
                Ok(())
            }))
        })
    }

    /// A ciphertext times a number of so many bits, by a library that takes one term after the other.
    fn term(
        &self,
        bits: u32,
        negative: bool,
        times: &mut dyn OperationTimes,
    ) -> Result<OperationTime, SchemeError> {
        let sign = if negative { "-" } else { "+" };
        let more = format!(" factor={sign}{bits} bits");
        self.time("term", &more, times, &|bench| {
            let keys = bench.keys()?;
            let server = bench.circuit.backend.server(&keys.modulus);
            let factor = (Integer::from(1) << bits.max(1)) - 1_u32;
            let factor = if negative { -factor } else { factor };
            Ok(Box::new(move || {
                let terms = [(&keys.ciphertexts[0], &factor)];
                black_box(server.combine(&terms, &Integer::new())?);
                Ok(())
            }))
        })
    }

    /// Adding a number by that library, which raises to its power: one of all bits, if it is negative.
    fn bias(&self, times: &mut dyn OperationTimes) -> Result<OperationTime, SchemeError> {
        self.time("bias", "", times, &|bench| {
            let keys = bench.keys()?;
            let server = bench.circuit.backend.server(&keys.modulus);
            Ok(Box::new(move || {
                black_box(server.combine(&[], &Integer::from(-12_345))?);
                Ok(())
            }))
        })
    }

    /// `sum of coefficient * message, + bias`.
    fn combine<'a>(
        &self,
        coefficients: impl Iterator<Item = &'a Integer>,
        bias: bool,
        times: &mut dyn OperationTimes,
    ) -> Result<OperationTime, SchemeError> {
        // Terms of each sign and their most bits.
        let (mut positive, mut negative) = ((0, 0), (0, 0));
        let mut sum = OperationTime::default();
        for coefficient in coefficients.filter(|c| !c.is_zero()) {
            let bits = coefficient.significant_bits();
            if self.circuit.backend == Backend::PaillierRs {
                // The product of all negative terms is inverted once.
                let inverts = coefficient.is_negative() && negative.0 == 0;
                negative.0 += usize::from(inverts);
                sum = add(sum, self.term(bits, inverts, times)?, 1.0);
                continue;
            }
            let side = if coefficient.is_negative() {
                &mut negative
            } else {
                &mut positive
            };
            *side = (side.0 + 1, side.1.max(bits));
        }
        if self.circuit.backend == Backend::PaillierRs {
            let bias = if bias {
                self.bias(times)?
            } else {
                OperationTime::default()
            };
            return Ok(add(sum, bias, 1.0));
        }
        let mut count = 0.0;
        if positive.0 > 0 {
            count += products(positive.0, positive.1);
        }
        if negative.0 > 0 {
            count += products(negative.0, negative.1) + 1.0;
            sum = add(sum, self.inverse(times)?, 1.0);
        }
        // The bias is multiplied by n, and what it becomes by the sum.
        count += if bias { 1.5 } else { 0.0 };
        if count > 0.0 {
            sum = add(sum, self.product(times)?, count);
        }
        Ok(sum)
    }

    /// One ciphertext of the vector that a node computes.
    fn ciphertext(
        &self,
        node: usize,
        chunk: usize,
        times: &mut dyn OperationTimes,
    ) -> Result<OperationTime, SchemeError> {
        let shared = &self.circuit.shared;
        let node = &shared.arithmetic.nodes[node];
        match &node.step {
            Step::Linear { terms, bias } => {
                let mut elements = shared.layout.elements(chunk, node.length);
                let at = elements.start;
                let some = elements.any(|i| !bias.at(i).is_zero());
                self.combine(terms.iter().map(|(_, c)| c.at(at)), some, times)
            }
            Step::Sum { group, .. } => {
                let one = Integer::from(1);
                self.combine(std::iter::repeat_n(&one, *group), false, times)
            }
            Step::Input { .. } | Step::Move { .. } => Ok(OperationTime::default()),
        }
    }
}

/// `sum + count * each`.
fn add(sum: OperationTime, each: OperationTime, count: f64) -> OperationTime {
    OperationTime {
        alone: sum.alone + each.alone.mul_f64(count),
        together: sum.together + each.together.mul_f64(count),
    }
}

pub(crate) fn costs(
    circuit: &PaillierCircuit,
    times: &mut dyn OperationTimes,
) -> Result<Costs, SchemeError> {
    let shared = &circuit.shared;
    let bench = Bench {
        circuit,
        keys: OnceLock::new(),
    };
    let how = match circuit.encryption {
        Encryption::Owner => " owner",
        Encryption::Public => "",
    };
    let keygen = bench.time("keys", how, times, &|bench| {
        Ok(Box::new(move || {
            let primes = Primes::generate(bench.circuit.shared.modulus_bits)?;
            drop(
                bench
                    .circuit
                    .backend
                    .client(&primes, bench.circuit.encryption)?,
            );
            Ok(())
        }))
    })?;
    let encrypt: &Preparation<'_, '_> = &|| {
        // A negative one has all bits modulo n, by which a library without a short way to powers raises.
        let (keys, message) = (bench.keys()?, Integer::from(-12_345));
        Ok(step::again(move || {
            keys.client.encrypting.encrypt(&message)
        }))
    };
    let operation = bench.operation("encrypt", how);
    let encrypted = times.time(operation.clone(), encrypt)?;
    // The first of a call finds the tables of powers in no cache.
    let cold = times.cold(operation, encrypt)?;
    let first = Work::serial(cold.saturating_sub(encrypted.alone));
    let decrypted = bench.time("decrypt", "", times, &|bench| {
        let keys = bench.keys()?;
        Ok(Box::new(move || {
            drop(keys.client.decrypting.decrypt(&keys.ciphertexts[0])?);
            Ok(())
        }))
    })?;
    let (inputs, outputs) = counts(shared);
    let mut evaluate = Work::default();
    for wave in &shared.waves {
        // All of a wave is shared out; a wave waits for the one before.
        let mut all = Work::default();
        for node in wave {
            let length = shared.arithmetic.nodes[*node].length;
            for chunk in 0..shared.layout.chunks(length) {
                let time = bench.ciphertext(*node, chunk, times)?;
                all.total += time.together;
                all.serial = all.serial.max(time.alone);
            }
        }
        // One ciphertext is nothing to share.
        if all.serial >= all.total {
            all.alone = all.total;
        }
        evaluate = evaluate + all;
    }
    Ok(Costs {
        keygen: Work::serial(keygen.alone),
        prepare: Work::default(),
        encrypt: inputs
            .iter()
            .map(|n| first + Work::shared(encrypted, *n))
            .collect(),
        upload: vec![Work::default(); inputs.len()],
        evaluate,
        download: vec![Work::default(); outputs.len()],
        decrypt: outputs
            .iter()
            .map(|n| Work::shared(decrypted, *n))
            .map(|work| match circuit.backend {
                Backend::Gmp => halves(work),
                Backend::PaillierRs => work,
            })
            .collect(),
    })
}

/// Decryptions, modulo each prime on a thread of its own; what joins the halves takes a tenth.
fn halves(work: Work) -> Work {
    Work {
        total: work.total,
        serial: work.serial.mul_f64(0.55),
        alone: Duration::ZERO,
    }
}

/// Ciphertexts of each input, and of each output.
fn counts(shared: &Shared) -> (Vec<usize>, Vec<usize>) {
    let (program, layout): (&Program, _) = (shared.lowered.program(), shared.layout);
    let inputs = program.inputs().iter();
    let inputs = inputs.map(|i| i.columns.len() * layout.chunks(i.length));
    let outputs = (0..program.outputs().len()).map(|index| {
        let output = program.output(OutputId::from_index(index));
        let rows = program.value(output.values[0]).length();
        output.values.len() * layout.chunks(rows)
    });
    (inputs.collect(), outputs.collect())
}

/// The bytes that cross.
pub(crate) fn sizes(circuit: &PaillierCircuit) -> Sizes {
    let (inputs, outputs) = counts(&circuit.shared);
    let bytes = |count: &usize| ciphertexts::bytes(circuit.shared.modulus_bits, *count);
    Sizes {
        keys: circuit.modulus_bytes() as u64,
        inputs: inputs.iter().map(bytes).collect(),
        outputs: outputs.iter().map(bytes).collect(),
    }
}
