//! What the steps of a circuit take: bootstraps, sums and ciphertexts counted, at the time that each
//! takes.

use std::sync::OnceLock;
use std::time::Duration;

use hexperiment_program::Program;
use hexperiment_scheme::{
    CiphertextData as _, CircuitDigest, Costs, EvaluationKeys, KeyReader, Operation, OperationTime,
    OperationTimes, SchemeError, Sizes, Step, Work,
};
use tfhe::core_crypto::prelude::{LweCiphertext, decrypt_lwe_ciphertext};

use crate::circuit::encrypt_column;
use crate::evaluate::{add, expand};
use crate::keys::{self, Generated, SeededServerKey, ServerKey, modulus};
use crate::parameters::{N, ParameterSet, SIZE};
use crate::plan::{Plan, PlannedOutput, WholeForm, WholeTerm};
use crate::wire::{self, Column, Results, Seeded};

/// Ciphertexts that are timed together.
const SAMPLE: usize = 64;

/// What operations are timed with, made when the first one needs it.
struct Bench {
    circuit: CircuitDigest,
    set: &'static ParameterSet,
    bootstraps: bool,
    generated: OnceLock<Generated>,
    server: OnceLock<ServerKey>,
}

impl Bench {
    fn time<'a>(
        &'a self,
        name: &'static str,
        times: &mut dyn OperationTimes,
        prepare: &dyn Fn(&'a Self) -> Result<Step<'a>, SchemeError>,
    ) -> Result<OperationTime, SchemeError> {
        let p = &self.set.parameters;
        let parameters = format!("N={N} n={} levels={}", p.lwe_dimension.0, p.pbs_level.0);
        times.time(Operation::new(name, parameters), &|| prepare(self))
    }

    /// One of [`SAMPLE`] that are timed together.
    fn each<'a>(
        &'a self,
        name: &'static str,
        times: &mut dyn OperationTimes,
        prepare: &dyn Fn(&'a Self) -> Result<Step<'a>, SchemeError>,
    ) -> Result<OperationTime, SchemeError> {
        let all = self.time(name, times, prepare)?;
        Ok(OperationTime {
            alone: all.alone / SAMPLE as u32,
            together: all.together / SAMPLE as u32,
        })
    }

    fn generated(&self) -> &Generated {
        self.generated
            .get_or_init(|| keys::generate(self.set, self.bootstraps))
    }

    fn seeded_server(&self) -> Result<SeededServerKey, SchemeError> {
        let parts = self.generated().server.iter();
        let parts =
            parts.map(|part| hexperiment_scheme::KeyPart::new(part.role(), part.bytes().to_vec()));
        let keys = EvaluationKeys::new(self.circuit, parts.collect());
        let mut keys: KeyReader = keys.read_for(self.circuit)?;
        SeededServerKey::read(self.set, &mut keys)
    }

    fn server(&self) -> Result<&ServerKey, SchemeError> {
        if let Some(server) = self.server.get() {
            return Ok(server);
        }
        let server = self.seeded_server()?.expand();
        Ok(self.server.get_or_init(|| server))
    }

    fn column(&self) -> Seeded {
        encrypt_column(&self.generated().secret, vec![0; SAMPLE])
    }
}

pub(crate) fn costs(
    program: &Program,
    plan: &Plan,
    circuit: CircuitDigest,
    times: &mut dyn OperationTimes,
) -> Result<Costs, SchemeError> {
    let bench = Bench {
        circuit,
        set: plan.set,
        bootstraps: plan.bootstraps() > 0,
        generated: OnceLock::new(),
        server: OnceLock::new(),
    };
    // The library shares both out to all threads.
    let by_all = |time: OperationTime| Work {
        total: time.alone,
        serial: Duration::ZERO,
    };
    let mut prepare = Work::default();
    let keygen = if bench.bootstraps {
        let expanded = bench.time("expand keys", times, &|bench| {
            Ok(Box::new(|| {
                bench.seeded_server()?.expand();
                Ok(())
            }))
        })?;
        prepare = by_all(expanded);
        let name = "keys";
        bench.time(name, times, &|bench| {
            Ok(Box::new(|| {
                drop(keys::generate(bench.set, true));
                Ok(())
            }))
        })?
    } else {
        let name = "secret key";
        bench.time(name, times, &|bench| {
            Ok(Box::new(|| {
                drop(keys::generate(bench.set, false));
                Ok(())
            }))
        })?
    };
    let encrypted = bench.each("encrypt 64", times, &|bench| {
        Ok(Box::new(|| {
            std::hint::black_box(bench.column());
            Ok(())
        }))
    })?;
    let expanded = bench.each("expand 64", times, &|bench| {
        let column = bench.column();
        Ok(Box::new(move || {
            std::hint::black_box(expand(&column));
            Ok(())
        }))
    })?;
    let decrypted = bench.each("decrypt 64", times, &|bench| {
        let words = expand(&bench.column());
        Ok(Box::new(move || {
            for words in words.chunks_exact(SIZE) {
                let ciphertext = LweCiphertext::from_container(words, modulus());
                std::hint::black_box(decrypt_lwe_ciphertext(
                    bench.generated().secret.get(),
                    &ciphertext,
                ));
            }
            Ok(())
        }))
    })?;
    // Rounded, written; and as much again to read them.
    let written = bench.each("write 64", times, &|bench| {
        let words = expand(&bench.column());
        Ok(Box::new(move || {
            let results = Results {
                output: 0,
                columns: vec![Column::rounded(words.clone(), 32)],
            };
            let mut bytes = Vec::new();
            results.write(&mut bytes)?;
            std::hint::black_box(bytes);
            Ok(())
        }))
    })?;
    let added = bench.each("add 64", times, &|bench| {
        let words = expand(&bench.column());
        Ok(Box::new(move || {
            let mut sum = vec![0; SAMPLE * SIZE];
            for (out, ciphertext) in sum.chunks_exact_mut(SIZE).zip(words.chunks_exact(SIZE)) {
                add(out, 3, ciphertext);
            }
            std::hint::black_box(sum);
            Ok(())
        }))
    })?;
    let bootstrapped = if bench.bootstraps {
        bench.time("bootstrap", times, &|bench| {
            let (server, words) = (bench.server()?, expand(&bench.column()));
            let cells = vec![1_u64 << 60; N];
            Ok(Box::new(move || {
                std::hint::black_box(server.bootstrap(&words[..SIZE], &cells));
                Ok(())
            }))
        })?
    } else {
        OperationTime::default()
    };
    let times_over = |time: OperationTime, count: usize| OperationTime {
        alone: time.alone * count as u32,
        together: time.together * count as u32,
    };

    let inputs = program.inputs().iter().zip(&plan.slots);
    // Elements of a column are encrypted one after the other.
    let encrypt =
        inputs.map(|(input, slots)| Work::shared(times_over(encrypted, input.length), slots.len()));
    let fresh: usize = program
        .inputs()
        .iter()
        .zip(&plan.slots)
        .map(|(input, slots)| input.length * slots.iter().flatten().count())
        .sum();
    let mut evaluate = Work::shared(expanded, fresh);
    for form in plan.forms() {
        evaluate = evaluate + Work::shared(added, terms(form));
    }
    for function in &plan.functions {
        let one = times_over(bootstrapped, function.table.bootstraps() as usize);
        evaluate = evaluate + Work::shared(one, function.operand.length);
    }
    let parts = |columns: &Vec<PlannedOutput>| -> usize {
        let of = |column: &PlannedOutput| column.parts.len() * column.length();
        columns.iter().map(of).sum()
    };
    let outputs = plan.outputs.iter();
    Ok(Costs {
        keygen: by_all(keygen),
        prepare,
        encrypt: encrypt.collect(),
        // Bodies alone, eight bytes each.
        upload: vec![Work::default(); program.inputs().len()],
        evaluate,
        download: outputs
            .clone()
            .map(|columns| Work::serial(written.alone * 2) * parts(columns) as f64)
            .collect(),
        decrypt: outputs
            .map(|columns| Work::shared(decrypted, parts(columns)))
            .collect(),
    })
}

/// The bytes that cross.
pub(crate) fn sizes(program: &Program, plan: &Plan) -> Sizes {
    let inputs = program.inputs().iter().zip(&plan.slots);
    Sizes {
        keys: if plan.bootstraps() > 0 {
            keys::server_bytes(plan.set)
        } else {
            0
        },
        inputs: inputs
            .map(|(input, slots)| wire::input_bytes(input.length, slots.len()))
            .collect(),
        outputs: (0..plan.outputs.len())
            .map(|output| wire::output_bytes(plan, output))
            .collect(),
    }
}

/// Ciphertexts that a form adds up: those with a factor of 0 are passed over.
fn terms(form: &WholeForm) -> usize {
    let of_term = |term: &WholeTerm| (0..form.length).filter(|i| term.weight.at(*i) != 0).count();
    form.terms.iter().map(of_term).sum()
}
