//! The process of a server: evaluates for one client, by the protocol of `docs/wire.md`, on standard
//! input and output. It compiles what the client sends, and is given no secret key.

use std::collections::BTreeMap;
use std::fs::File;
use std::process::ExitCode;

use hexperiment_experiment::measure::peak_rss_bytes;
use hexperiment_program::lower::Lowered;
use hexperiment_program::{OutputId, Program};
use hexperiment_scheme::{
    Ciphertexts, Circuit, CompileRequest, EvaluationKeys, Evaluator, SchemeError, registry,
};
use hexperiment_task::clock::Stopwatch;
use hexperiment_task::ledger::Time;
use hexperiment_wire::{
    Compiled, Ending, Handle, Limits, Measured, Order, Results, Service, Stop, Stored,
};

use crate::answers::Answers;
use crate::child;
use crate::out::tell;
use crate::own_memory::{give_memory_back, keep_freed_memory};

/// Threads that a client may ask for.
const MOST_THREADS: u64 = 4096;

/// Serves one client, and ends with it.
pub(crate) fn serve() -> ExitCode {
    child::die_with_parent();
    keep_freed_memory();
    let opened = streams().and_then(|(input, output)| {
        let answers = Answers::new(&input, output)?;
        Ok((input, answers))
    });
    let (input, answers) = match opened {
        Ok(streams) => streams,
        Err(e) => {
            tell!("error: standard input and output: {e}");
            return ExitCode::FAILURE;
        }
    };
    let software = concat!("hexperiment ", env!("CARGO_PKG_VERSION"));
    let mut server = Server::new();
    match hexperiment_wire::serve(input, answers, Limits::default(), software, &mut server) {
        Ok(Ending::Bye) => ExitCode::SUCCESS,
        Ok(Ending::Stopped) => ExitCode::FAILURE, // the client knows why
        Err(error) => {
            tell!("error: the client: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Standard input and output without buffers, whose lines mean nothing here.
/// What a library prints from now on goes to standard error, and what it reads is empty: frames are
/// nobody's else.
#[cfg(unix)]
fn streams() -> std::io::Result<(File, File)> {
    use std::os::fd::AsFd as _;

    use nix::unistd::{dup2_stdin, dup2_stdout};
    let input = std::io::stdin().as_fd().try_clone_to_owned()?;
    let output = std::io::stdout().as_fd().try_clone_to_owned()?;
    dup2_stdin(File::open("/dev/null")?)?;
    dup2_stdout(std::io::stderr())?;
    Ok((input.into(), output.into()))
}

#[cfg(not(unix))]
fn streams() -> std::io::Result<(File, File)> {
    use std::os::windows::io::AsHandle as _;
    let input = std::io::stdin().as_handle().try_clone_to_owned()?;
    let output = std::io::stdout().as_handle().try_clone_to_owned()?;
    Ok((input.into(), output.into()))
}

/// What was compiled: the circuit, and how many inputs and outputs it has.
struct Bound {
    circuit: Box<dyn Circuit>,
    inputs: usize,
    outputs: usize,
}

struct Server {
    began: Stopwatch,
    bound: Option<Bound>,
    evaluator: Option<Box<dyn Evaluator>>,
    held: BTreeMap<Handle, Ciphertexts>,
}

impl Server {
    fn new() -> Self {
        Self {
            began: Stopwatch::start(),
            bound: None,
            evaluator: None,
            held: BTreeMap::new(),
        }
    }

    fn bound(&self) -> Result<&Bound, Stop> {
        self.bound
            .as_ref()
            .ok_or_else(|| failed("nothing is compiled"))
    }

    fn held(&self, handle: Handle) -> Result<&Ciphertexts, Stop> {
        let held = self.held.get(&handle);
        held.ok_or_else(|| failed(format!("handle {} names nothing", handle.0)))
    }
}

fn failed(problem: impl std::fmt::Display) -> Stop {
    Stop::Failed(problem.to_string())
}

/// What a scheme says: a refusal is a result, all else a failure.
fn stop(error: SchemeError) -> Stop {
    match error {
        SchemeError::Refused(refusal) => Stop::Refused(refusal.to_string()),
        error => failed(error),
    }
}

fn measured(time: Time) -> Measured {
    Measured {
        wall_ns: time.wall_ns,
        cpu_ns: time.cpu_ns,
        peak_rss_bytes: Some(peak_rss_bytes()),
    }
}

impl Service for Server {
    fn compile(&mut self, order: Order) -> Result<Compiled, Stop> {
        if !(1..=MOST_THREADS).contains(&order.threads) {
            let found = order.threads;
            return Err(failed(format!(
                "found {found} threads, expected 1 to {MOST_THREADS}"
            )));
        }
        let threads = order.threads as usize;
        // The pool can be set once; a server compiles once. It evaluates on this thread, which is one of the pool.
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .use_current_thread()
            .build_global()
            .map_err(|e| failed(format!("{threads} threads cannot be started: {e}")))?;
        let scheme = registry::scheme(&order.scheme).map_err(failed)?;
        let options = scheme.manifest().checked(&order.options).map_err(failed)?;
        let program: Program = serde_json::from_slice(&order.program)
            .map_err(|e| failed(format!("the program: {e}")))?;
        drop(order.program);
        let watch = Stopwatch::start();
        let capabilities = scheme.capabilities(&options).map_err(stop)?;
        let lowered =
            Lowered::given(program, &capabilities).map_err(|e| stop(SchemeError::Refused(e)))?;
        let circuit = scheme
            .compile(CompileRequest {
                lowered: &lowered,
                options: &options,
                security: order.security,
                threads,
                objective: order.objective,
            })
            .map_err(stop)?;
        let compiled = Compiled {
            circuit: circuit.digest(),
            library: scheme.manifest().library,
            measured: measured(watch.elapsed()),
        };
        self.bound = Some(Bound {
            circuit,
            inputs: lowered.program().inputs().len(),
            outputs: lowered.program().outputs().len(),
        });
        Ok(compiled)
    }

    fn prepare(&mut self, keys: EvaluationKeys) -> Result<Measured, Stop> {
        let watch = Stopwatch::start();
        let evaluator = self.bound()?.circuit.prepare(keys).map_err(stop)?;
        self.evaluator = Some(evaluator);
        Ok(measured(watch.elapsed()))
    }

    fn store(&mut self, handle: Handle, bytes: Vec<u8>) -> Result<Stored, Stop> {
        let watch = Stopwatch::start();
        let ciphertexts = self.bound()?.circuit.load(&bytes).map_err(stop)?;
        let stored = Stored {
            ciphertexts: ciphertexts.count() as u64,
            measured: measured(watch.elapsed()),
        };
        self.held.insert(handle, ciphertexts);
        Ok(stored)
    }

    fn evaluate(
        &mut self,
        inputs: &[Handle],
        outputs: &[OutputId],
        results: &[Handle],
    ) -> Result<Measured, Stop> {
        let Bound {
            inputs: expected,
            outputs: count,
            ..
        } = self.bound()?;
        if inputs.len() != *expected {
            let found = inputs.len();
            return Err(failed(format!("found {found} inputs, expected {expected}")));
        }
        if let Some(output) = outputs.iter().find(|output| output.index() >= *count) {
            let output = output.index();
            return Err(failed(format!(
                "output {output} is wanted of a program that has {count}"
            )));
        }
        let inputs = inputs.iter().map(|handle| self.held(*handle).cloned());
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let evaluator = self.evaluator.as_ref();
        let evaluator = evaluator.ok_or_else(|| failed("nothing is prepared"))?;
        let watch = Stopwatch::start();
        let evaluated = evaluator.evaluate_only(&inputs, outputs).map_err(stop)?;
        let time = watch.elapsed();
        if evaluated.len() != results.len() {
            let (found, expected) = (evaluated.len(), results.len());
            return Err(failed(format!(
                "the scheme yields {found} outputs, expected {expected}"
            )));
        }
        self.held.extend(results.iter().copied().zip(evaluated));
        Ok(measured(time))
    }

    fn download(&mut self, handle: Handle) -> Result<Results, Stop> {
        let ciphertexts = self.held(handle)?;
        let watch = Stopwatch::start();
        let bytes = ciphertexts.to_bytes().map_err(stop)?;
        Ok(Results {
            bytes,
            ciphertexts: ciphertexts.count() as u64,
            measured: measured(watch.elapsed()),
        })
    }

    fn discard(&mut self, handles: &[Handle]) {
        for handle in handles {
            self.held.remove(handle);
        }
        if self.held.is_empty() {
            give_memory_back(); // the next query may be long in coming
        }
    }

    fn measured(&self) -> Measured {
        measured(self.began.elapsed())
    }
}
