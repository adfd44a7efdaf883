//! What the steps of a circuit take: bootstraps, sums and ciphertexts counted, at the time that each
//! takes.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Duration;

use hexperiment_program::Program;
use hexperiment_scheme::{
    CiphertextData as _, CircuitDigest, Costs, EvaluationKeys, KeyReader, Operation, OperationTime,
    OperationTimes, SchemeError, Sizes, Step, Work, step,
};

use crate::evaluate::{PIECE, add};
use crate::keys::{self, Generated, SeededServerKey};
use crate::packing::Packing;
use crate::parameters::{N, ParameterSet, SIZE};
use crate::plan::{Plan, PlannedOutput, WholeForm, WholeTerm};
use crate::rotation::{Argument, MOST_TOGETHER, ServerKey};
use crate::wire::{self, Column, Results, Seeded};

/// Ciphertexts that are timed together.
const SAMPLE: usize = 64;

/// What operations are timed with, made when the first one needs it.
struct Bench {
    circuit: CircuitDigest,
    set: &'static ParameterSet,
    bootstraps: bool,
    packing: Packing,
    /// Whether steps go round in columns.
    round: bool,
    generated: OnceLock<Generated>,
    server: OnceLock<ServerKey>,
}

/// What an operation takes at the beginning of a phase, and after that.
#[derive(Clone, Copy)]
struct First {
    /// Time of each.
    each: OperationTime,
    /// Time that each of the first takes beyond, which find nothing in any cache.
    more: Duration,
    /// How many those are.
    cold: usize,
}

impl First {
    /// So many of them, each so many times over, of which the first begin the phase.
    fn shared(self, over: usize, count: usize) -> Work {
        self.beginning(over * count) + Work::shared(times_over(self.each, over), count)
    }

    /// What so many take beyond, because they begin a phase.
    fn beginning(self, count: usize) -> Work {
        Work::serial(self.more * self.cold.min(count) as u32)
    }
}

impl Bench {
    fn time<'a>(
        &'a self,
        name: &'static str,
        times: &mut dyn OperationTimes,
        prepare: &dyn Fn(&'a Self) -> Result<Step<'a>, SchemeError>,
    ) -> Result<OperationTime, SchemeError> {
        times.time(self.operation(name), &|| prepare(self))
    }

    fn operation(&self, name: &'static str) -> Operation {
        let p = &self.set.parameters;
        let parameters = format!("N={N} n={} levels={}", p.lwe_dimension.0, p.pbs_level.0);
        Operation::new(name, parameters)
    }

    /// An operation that stands at the beginning of a phase.
    fn first<'a>(
        &'a self,
        name: &'static str,
        times: &mut dyn OperationTimes,
        prepare: &dyn Fn(&'a Self) -> Result<Step<'a>, SchemeError>,
    ) -> Result<First, SchemeError> {
        let each = self.time(name, times, prepare)?;
        let cold = times.cold(self.operation(name), &|| prepare(self))?;
        Ok(First {
            each,
            more: cold.saturating_sub(each.alone),
            cold: 1,
        })
    }

    /// One of [`SAMPLE`] that are timed together.
    fn each<'a>(
        &'a self,
        name: &'static str,
        times: &mut dyn OperationTimes,
        prepare: &dyn Fn(&'a Self) -> Result<Step<'a>, SchemeError>,
    ) -> Result<First, SchemeError> {
        let First { each, more, .. } = self.first(name, times, prepare)?;
        let of_all = SAMPLE as u32;
        Ok(First {
            each: OperationTime {
                alone: each.alone / of_all,
                together: each.together / of_all,
            },
            more: more / of_all,
            cold: SAMPLE,
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

    /// Columns that steps go round in: more than the cache of a processor holds, as in a program, whose operations
    /// each find others.
    fn around(&self, length: usize) -> usize {
        match (self.round, length == N) {
            (false, _) => 1,
            (true, true) => 256,
            (true, false) => 8,
        }
    }

    /// A column as its owner encrypts it.
    fn fresh(&self, length: usize) -> Seeded {
        let secret = &self.generated().secret;
        self.packing.encrypt(secret, vec![0; length])
    }

    /// The words of [`SAMPLE`] ciphertexts.
    fn words(&self) -> Vec<u64> {
        let secret = &self.generated().secret;
        Packing::Each.expand(&Packing::Each.encrypt(secret, vec![0; SAMPLE]))
    }

    /// What takes one ciphertext after the other: [`SAMPLE`] of them, or one of a ring.
    fn by_packing<'a>(
        &'a self,
        names: [&'static str; 2],
        times: &mut dyn OperationTimes,
        step: fn(&'a Self, usize) -> Step<'a>,
    ) -> Result<First, SchemeError> {
        match self.packing {
            Packing::Each => self.each(names[0], times, &|bench| Ok(step(bench, SAMPLE))),
            Packing::Polynomials => self.first(names[1], times, &|bench| Ok(step(bench, N))),
        }
    }
}

impl Bench {
    /// Making keys: the client's.
    fn keys(&self, times: &mut dyn OperationTimes) -> Result<OperationTime, SchemeError> {
        let name = if self.bootstraps {
            "keys"
        } else {
            "secret key"
        };
        self.time(name, times, &|bench| {
            Ok(Box::new(|| {
                drop(keys::generate(bench.set, bench.bootstraps));
                Ok(())
            }))
        })
    }

    /// Expanding and transforming the server's keys.
    fn expanded_keys(&self, times: &mut dyn OperationTimes) -> Result<OperationTime, SchemeError> {
        if !self.bootstraps {
            return Ok(OperationTime::default());
        }
        self.time("expand keys", times, &|bench| {
            Ok(Box::new(|| {
                bench.seeded_server()?.expand();
                Ok(())
            }))
        })
    }

    fn encrypted(&self, times: &mut dyn OperationTimes) -> Result<First, SchemeError> {
        self.by_packing(["encrypt 64", "encrypt a ring"], times, |bench, length| {
            let secret = &bench.generated().secret;
            step::kept(bench.around(length), move || {
                Ok::<_, SchemeError>(bench.packing.encrypt(secret, vec![0; length]))
            })
        })
    }

    /// The masks of a fresh ciphertext, from its seed.
    fn expanded(&self, times: &mut dyn OperationTimes) -> Result<First, SchemeError> {
        self.by_packing(["expand 64", "expand a ring"], times, |bench, length| {
            let columns = (0..bench.around(length))
                .map(|_| bench.fresh(length))
                .collect();
            step::in_turn(columns, move |column| {
                Ok::<_, SchemeError>(bench.packing.expand(column))
            })
        })
    }

    fn decrypted(&self, times: &mut dyn OperationTimes) -> Result<First, SchemeError> {
        self.by_packing(["decrypt 64", "decrypt a ring"], times, |bench, length| {
            let secret = &bench.generated().secret;
            let all = (0..bench.around(length)).map(|_| bench.packing.expand(&bench.fresh(length)));
            step::in_turn(all.collect(), move |words: &Vec<u64>| {
                Ok::<_, SchemeError>(bench.packing.decrypt(secret, words))
            })
        })
    }

    /// A result, rounded and written.
    fn written(&self, times: &mut dyn OperationTimes) -> Result<First, SchemeError> {
        self.each("write 64", times, &|bench| {
            let all = (0..bench.around(SAMPLE)).map(|_| bench.words());
            Ok(step::in_turn(all.collect(), move |words: &Vec<u64>| {
                let results = Results {
                    output: 0,
                    columns: vec![Column::rounded(words.clone(), 32)],
                    ciphertexts: SAMPLE,
                };
                let mut bytes = Vec::new();
                results.write(&mut bytes)?;
                Ok::<_, SchemeError>(bytes)
            }))
        })
    }

    fn added(&self, times: &mut dyn OperationTimes) -> Result<First, SchemeError> {
        self.each("add 64", times, &|bench| {
            let all = (0..bench.around(SAMPLE)).map(|_| bench.words());
            Ok(step::in_turn(all.collect(), move |words: &Vec<u64>| {
                let mut sum = vec![0; SAMPLE * SIZE];
                for (out, ciphertext) in sum.chunks_exact_mut(SIZE).zip(words.chunks_exact(SIZE)) {
                    add(out, 3, ciphertext);
                }
                Ok::<_, SchemeError>(sum)
            }))
        })
    }

    /// A programmable bootstrap, with its key switch.
    fn bootstrapped(&self, times: &mut dyn OperationTimes) -> Result<OperationTime, SchemeError> {
        if !self.bootstraps {
            return Ok(OperationTime::default());
        }
        self.time("bootstrap", times, &|bench| {
            let (server, words) = (bench.server()?, bench.words());
            let cells = vec![1_u64 << 60; N];
            Ok(Box::new(move || {
                black_box(server.bootstrap(&words[..SIZE], &cells));
                Ok(())
            }))
        })
    }

    /// One of as many bootstraps as share what they read of the keys.
    fn bootstrapped_together(
        &self,
        times: &mut dyn OperationTimes,
    ) -> Result<OperationTime, SchemeError> {
        if !self.bootstraps {
            return Ok(OperationTime::default());
        }
        let all = self.time("bootstrap 8", times, &|bench| {
            let (server, words) = (bench.server()?, bench.words());
            let cells = vec![1_u64 << 60; N];
            Ok(Box::new(move || {
                let arguments = words.chunks_exact(SIZE).take(MOST_TOGETHER);
                let arguments = arguments.map(|words| Argument {
                    ciphertext: words.to_vec(),
                    cells: &cells,
                });
                black_box(server.rotate(&arguments.collect::<Vec<_>>()));
                Ok(())
            }))
        })?;
        Ok(OperationTime {
            alone: all.alone / MOST_TOGETHER as u32,
            together: all.together / MOST_TOGETHER as u32,
        })
    }
}

/// So many times an operation, one after the other.
fn times_over(time: OperationTime, count: usize) -> OperationTime {
    OperationTime {
        alone: time.alone * count as u32,
        together: time.together * count as u32,
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
        packing: plan.packing,
        round: times.goes_round(),
        generated: OnceLock::new(),
        server: OnceLock::new(),
    };
    // The library shares both out to all threads.
    let by_all = |time: OperationTime| Work {
        total: time.alone,
        ..Work::default()
    };
    let (keygen, prepare) = (bench.keys(times)?, bench.expanded_keys(times)?);
    let (encrypted, decrypted) = (bench.encrypted(times)?, bench.decrypted(times)?);
    let inputs = program.inputs().iter().zip(&plan.slots);
    // Ciphertexts of a column are encrypted one after the other.
    let of = |length| plan.packing.ciphertexts(length);
    let encrypt = inputs.map(|(input, slots)| encrypted.shared(of(input.length), slots.len()));
    let fresh: usize = program
        .inputs()
        .iter()
        .zip(&plan.slots)
        .map(|(input, slots)| of(input.length) * slots.iter().flatten().count())
        .sum();
    let added = bench.added(times)?;
    let bootstrapped = [
        bench.bootstrapped(times)?,
        bench.bootstrapped_together(times)?,
    ];
    let mut evaluate = bench.expanded(times)?.shared(1, fresh);
    let mut sums = 0;
    for form in plan.forms() {
        let terms = terms(plan.packing, form);
        // Threads share what is added, piece by piece; those of a piece are added one after the other.
        let pieces = plan.packing.words(form.length).div_ceil(PIECE).max(1);
        evaluate = evaluate
            + if pieces == 1 {
                Work::serial(added.each.alone) * terms as f64
            } else {
                Work::shared(added.each, terms)
            };
        sums += terms;
    }
    evaluate = evaluate + added.beginning(sums);
    for function in &plan.functions {
        let length = function.operand.length;
        let together = usize::from(length >= MOST_TOGETHER);
        let one = times_over(bootstrapped[together], function.table.bootstraps() as usize);
        evaluate = evaluate + Work::shared(one, length);
    }
    let parts = |columns: &Vec<PlannedOutput>, of: &dyn Fn(usize) -> usize| -> usize {
        let of = |column: &PlannedOutput| column.parts.len() * of(column.length());
        columns.iter().map(of).sum()
    };
    let large = |length| plan.packing.words(length).div_ceil(SIZE);
    // Written and read.
    let sent = bench.written(times)?.each.alone * 2;
    let outputs = plan.outputs.iter();
    Ok(Costs {
        keygen: by_all(keygen),
        prepare: by_all(prepare),
        encrypt: encrypt.collect(),
        // Bodies alone, eight bytes each.
        upload: vec![Work::default(); program.inputs().len()],
        evaluate,
        download: outputs
            .clone()
            .map(|columns| Work::serial(sent) * parts(columns, &large) as f64)
            .collect(),
        decrypt: outputs
            .map(|columns| decrypted.shared(1, parts(columns, &of)))
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

/// Ciphertexts of [`SIZE`] words that a form adds up: those with a factor of 0 are passed over.
fn terms(packing: Packing, form: &WholeForm) -> usize {
    if packing == Packing::Polynomials {
        return form.terms.len() * packing.words(form.length).div_ceil(SIZE);
    }
    let of_term = |term: &WholeTerm| (0..form.length).filter(|i| term.weight.at(*i) != 0).count();
    form.terms.iter().map(of_term).sum()
}
