//! The process of one cell, which is the client: prepares, starts the server, then repeats when told to.

use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

use hexperiment_data::Dataset;
use hexperiment_experiment::CellPlan;
use hexperiment_experiment::measure::{LoadMeter, forget_peak_rss, peak_rss_bytes};
use hexperiment_experiment::record::{Repetition, Setup};
use hexperiment_program::Program;
use hexperiment_program::lower::Lowered;
use hexperiment_scheme::memory;
use hexperiment_scheme::security::failure::demand_each;
use hexperiment_scheme::security::{Encryption, Protection, SecurityDemand};
use hexperiment_scheme::{
    Circuit, CompileRequest, Decryptor, Encryptor, KeySizes, Parameters, Scheme, SchemeError,
};
use hexperiment_task::clock::Stopwatch;
use hexperiment_task::ledger::Time;
use hexperiment_task::session::{KeyTimes, Session, SessionError};
use hexperiment_task::{Artefact, Outcome, PrepareRequest, Prepared, TaskError};

use crate::beside::Beside;
use crate::cell_server::CellServer;
use crate::far_service::FarService;
use crate::own_memory::{give_memory_back, limit_memory};
use crate::protocol::{FromCell, ToCell};
use crate::stop::{Stop, failed};
use crate::traffic::Recorder;
use crate::{child, plugins};

/// A task on its data under a scheme: all but the keys.
pub(crate) struct Compiled {
    pub(crate) prepared: Rc<dyn Prepared>,
    pub(crate) lowered: Lowered,
    pub(crate) circuit: Box<dyn Circuit>,
    pub(crate) compile: Time,
    /// What was demanded of the circuit: of one evaluation.
    pub(crate) security: SecurityDemand,
    /// The failure probability that is demanded of a run.
    pub(crate) failure_log2: i32,
}

/// Prepares the task in the clear.
pub(crate) fn prepare(plan: &CellPlan, data: &Dataset) -> Result<Box<dyn Prepared>, TaskError> {
    let task = hexperiment_task::registry::task(&plan.cell.task)
        .map_err(|e| TaskError::Options(e.to_string()))?;
    task.prepare(PrepareRequest {
        options: &plan.task_options,
        data,
        seed: plan.seed,
    })
}

/// Prepares the task in the clear, then lowers and compiles its program; `memory_limit` is the cell's,
/// where the process itself has none.
pub(crate) fn compile(
    plan: &CellPlan,
    data: &Dataset,
    memory_limit: Option<u64>,
) -> Result<Compiled, Stop> {
    plugins::scheme(plan).map_err(failed)?;
    compile_prepared(plan, prepare(plan, data)?.into(), memory_limit)
}

/// Lowers and compiles the program of a task that was prepared for the cell, or for another one of the same task
/// on the same data.
pub(crate) fn compile_prepared(
    plan: &CellPlan,
    prepared: Rc<dyn Prepared>,
    memory_limit: Option<u64>,
) -> Result<Compiled, Stop> {
    let scheme = plugins::scheme(plan).map_err(failed)?;
    let Bound {
        lowered,
        circuit,
        compile,
        security,
        failure_log2,
    } = bind(plan, scheme, prepared.as_ref(), memory_limit)?;
    Ok(Compiled {
        prepared,
        lowered,
        circuit,
        compile,
        security,
        failure_log2,
    })
}

/// A prepared program under a scheme.
pub(crate) struct Bound {
    pub(crate) lowered: Lowered,
    pub(crate) circuit: Box<dyn Circuit>,
    pub(crate) compile: Time,
    /// What was demanded of the circuit: of one evaluation.
    pub(crate) security: SecurityDemand,
    /// The failure probability that is demanded of a run.
    pub(crate) failure_log2: i32,
}

/// Lowers and compiles a prepared program; `memory_limit` is as in [`compile`].
pub(crate) fn bind(
    plan: &CellPlan,
    scheme: &dyn Scheme,
    prepared: &dyn Prepared,
    memory_limit: Option<u64>,
) -> Result<Bound, Stop> {
    let of_run = plan.security.demand(prepared.scenario())?;
    let failure_log2 = of_run.failure_log2;
    let security = SecurityDemand {
        failure_log2: demand_each(failure_log2, prepared.evaluations()),
        ..of_run
    };
    // What compiling allocates is part of what a circuit states.
    let left = memory::left().or(memory_limit);
    let watch = Stopwatch::start();
    let build = |program: &Program| -> Result<_, SchemeError> {
        let lowered = scheme.lower(program, &plan.scheme_options, security)?;
        let circuit = scheme.compile(CompileRequest {
            lowered: &lowered,
            options: &plan.scheme_options,
            security,
            threads: plan.threads,
            objective: plan.objective,
        })?;
        Ok((lowered, circuit))
    };
    let built = build(prepared.program());
    let (lowered, circuit) = built.map_err(|error| match error {
        SchemeError::Refused(mut refusal) => {
            if let Some(advice) = prepared.fitting(&mut |smaller| build(smaller).is_ok()) {
                refusal.reason = format!("{}; {advice}", refusal.reason);
            }
            SchemeError::Refused(refusal)
        }
        error => error,
    })?;
    let compile = watch.elapsed();
    parameters(circuit.as_ref(), prepared)
        .meets(of_run)
        .map_err(Stop::Refused)?;
    if let Some(need) = circuit.parameters().memory_bytes {
        let need = need.saturating_add(in_the_clear(&lowered));
        memory::hold(need, left).map_err(SchemeError::from)?;
    }
    Ok(Bound {
        lowered,
        circuit,
        compile,
        security,
        failure_log2,
    })
}

/// Where others than the key owner encrypt, a public key crosses to them: its bytes count.
fn crosses(demanded: SecurityDemand, circuit: &dyn Circuit, sizes: KeySizes) -> Result<(), Stop> {
    let encrypted = circuit.parameters().security.protection() == Protection::Encrypted;
    let by_others = demanded.encryption == Encryption::Public;
    if encrypted && by_others && sizes.public.is_none() {
        return Err(Stop::Refused(
            "encryption: found no public key among those that cross, expected one: others than the key owner \
             encrypt"
                .into(),
        ));
    }
    Ok(())
}

/// Bytes that the oracle takes for all values of a program beside each evaluation.
fn in_the_clear(lowered: &Lowered) -> u64 {
    let elements = |program: &Program| {
        let lengths = program.values().iter().map(|v| v.length() as u64);
        lengths.fold(0, u64::saturating_add)
    };
    let most = elements(lowered.original()).max(elements(lowered.program()));
    most.saturating_mul(size_of::<f64>() as u64)
}

/// What a cell writes down besides its repetitions.
#[derive(Clone, Copy)]
pub(crate) struct Besides<'a> {
    /// The folder of its task's files.
    pub(crate) artefacts: &'a Path,
    /// The file of what crosses, if that is recorded.
    pub(crate) traffic: Option<&'a Path>,
    /// Whether the library's own calls are timed beside each repetition.
    pub(crate) library: bool,
}

/// Serves the process of a run that has asked for a cell, until the input ends.
pub(crate) fn serve(
    plan: &CellPlan,
    memory_limit: Option<u64>,
    besides: Besides<'_>,
    next: impl FnMut() -> Option<ToCell>,
) -> ExitCode {
    if let Some(bytes) = memory_limit {
        limit_memory(bytes);
    }
    if let Err(stop) = start_threads(plan.threads) {
        return child::tell(&FromCell::from(stop));
    }
    match repeat(plan, besides, next) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => child::tell(&FromCell::from(stop)),
    }
}

/// Starts the pool of threads, which can be set once: at the start of a process.
pub(crate) fn start_threads(threads: usize) -> Result<(), Stop> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build_global().map_err(|e| {
        failed(format!(
            "{threads} threads cannot be started: {e}; take fewer `threads`, or more `memory_limit`"
        ))
    })
}

/// What the client keeps of its keys.
pub(crate) struct Client {
    pub(crate) encryptor: Box<dyn Encryptor>,
    pub(crate) decryptor: Box<dyn Decryptor>,
    pub(crate) sizes: KeySizes,
    pub(crate) keygen: Time,
}

/// Starts the server of a cell, and makes the keys of both.
pub(crate) fn start_server(
    plan: &CellPlan,
    security: SecurityDemand,
    (lowered, circuit): (&Lowered, &dyn Circuit),
    reached: (Option<FarService>, Option<&Recorder>),
) -> Result<(CellServer, KeyTimes, Client), Stop> {
    CellServer::start(plan, security, (lowered, circuit.digest()), reached, || {
        forget_peak_rss();
        let watch = Stopwatch::start();
        let keys = circuit.generate_keys()?;
        let keygen = watch.elapsed();
        crosses(security, circuit, keys.evaluation.sizes())?;
        let client = Client {
            keygen,
            sizes: keys.evaluation.sizes(),
            encryptor: keys.encryptor,
            decryptor: keys.decryptor,
        };
        Ok((client, keys.evaluation))
    })
}

/// What is told of a cell that is ready.
pub(crate) fn setup(
    plan: &CellPlan,
    prepared: &dyn Prepared,
    (lowered, circuit, compile): (&Lowered, &dyn Circuit, Time),
    (client, key_times): (&Client, KeyTimes),
    failure_log2: i32,
) -> Setup {
    let mut parameters = parameters(circuit, prepared);
    let shortfalls = std::mem::take(&mut parameters.shortfalls);
    Setup {
        cell: plan.cell.id.clone(),
        // The run knows which of the cell's processes this is.
        process: 0,
        samples: prepared.samples() as u64,
        compile,
        keygen: client.keygen,
        key_transfer: Some(key_times.transfer),
        prepare: Some(key_times.prepare),
        parameters,
        failure_demanded: Some(failure_log2),
        keys: client.sizes,
        client_computes: [lowered.client_computes(), prepared.client_computes()].concat(),
        lowering: [lowered.notes().to_vec(), shortfalls].concat(),
    }
}

fn repeat(
    plan: &CellPlan,
    besides: Besides<'_>,
    mut next: impl FnMut() -> Option<ToCell>,
) -> Result<(), Stop> {
    let record = |file: &Path| {
        Recorder::create(file, &plan.cell.id)
            .map_err(|e| failed(format!("{}: cannot be written: {e}", file.display())))
    };
    let is_far = plan.server.is_some();
    let mut recorder = besides.traffic.filter(|_| is_far).map(record).transpose()?;
    let far = FarService::reach(plan, recorder.as_ref())?;
    let data = Dataset::load(&plan.dataset).map_err(failed)?;
    let compiled = compile(plan, &data, None)?;
    let library = besides.library.then(|| Beside::of(plan, &compiled));
    let mut library = library.transpose()?;
    let Compiled {
        prepared,
        lowered,
        circuit,
        compile,
        security,
        failure_log2,
    } = compiled;
    far.iter()
        .try_for_each(|service| service.takes(circuit.as_ref()))?;
    // Cells wait for each other's repetitions: none keeps the table that its task was prepared from.
    let preparation = data.provenance.preparation.clone();
    drop(data);
    give_memory_back();
    if !is_far {
        recorder = besides.traffic.map(record).transpose()?;
    }
    let agreed = (&lowered, circuit.as_ref());
    let reached = (far, recorder.as_ref());
    let (mut server, key_times, client) = start_server(plan, security, agreed, reached)?;
    give_memory_back();
    child::tell(&FromCell::Ready {
        setup: Box::new(setup(
            plan,
            prepared.as_ref(),
            (&lowered, circuit.as_ref(), compile),
            (&client, key_times),
            failure_log2,
        )),
    });
    let processes = server.processes();
    while let Some(ToCell::Repeat { index, keep }) = next() {
        let session = Session::with_server(
            circuit.as_ref(),
            &lowered,
            client.encryptor.as_ref(),
            client.decryptor.as_ref(),
            server.session(),
        );
        let meter = LoadMeter::start(&processes);
        let outcome = once(plan, prepared.as_ref(), session, meter, index);
        let (mut repetition, outcome) = match outcome {
            Err(TaskError::Session(SessionError::Wire(error))) => return Err(server.stop(error)),
            outcome => outcome?,
        };
        repetition.client_peak_rss_bytes = Some(peak_rss_bytes());
        repetition.server_peak_rss_bytes = server.peak_rss_bytes();
        repetition.remote = server.take_times();
        let notes = &mut repetition.quality.notes;
        notes.extend(preparation.iter().cloned());
        if keep {
            write(besides.artefacts, &prepared.artefacts(&outcome)?)?;
        }
        drop(outcome);
        if let Some(library) = &mut library {
            repetition.library = library.time(circuit.as_ref())?;
        }
        give_memory_back();
        child::tell(&FromCell::Done {
            repetition: Box::new(repetition),
        });
    }
    Ok(())
}

/// The circuit's parameters, with what the task shows to the server, and the failure probability of a
/// run.
pub(crate) fn parameters(circuit: &dyn Circuit, prepared: &dyn Prepared) -> Parameters {
    let mut parameters = circuit.parameters().clone();
    parameters.failure = parameters.failure.times(prepared.evaluations());
    if let Some(more) = prepared.server_sees() {
        parameters.server_sees = format!("{}; {more}", parameters.server_sees);
    }
    parameters
}

/// Runs the protocol once, and scores it.
fn once(
    plan: &CellPlan,
    prepared: &dyn Prepared,
    mut session: Session<'_>,
    meter: LoadMeter,
    index: u32,
) -> Result<(Repetition, Outcome), TaskError> {
    let outcome = prepared.run(&mut session)?;
    let load = meter.finish();
    let report = session.finish();
    let stated = prepared.evaluations();
    if report.evaluations > stated {
        return Err(TaskError::Session(SessionError::Protocol(format!(
            "found {} evaluations, expected at most {stated}, as many as the task states and the failure \
             probability was computed for",
            report.evaluations
        ))));
    }
    let quality = prepared.score(&outcome)?;
    let repetition = Repetition {
        cell: plan.cell.id.clone(),
        index,
        process: 0,
        encrypt: report.encrypt,
        evaluate: report.evaluate,
        decrypt: report.decrypt,
        transfer: report.transfer,
        traffic: report.traffic,
        errors: report.errors,
        quality,
        peak_rss_bytes: None,
        client_peak_rss_bytes: None,
        server_peak_rss_bytes: None,
        load: Some(load),
        remote: None,
        library: None,
    };
    Ok((repetition, outcome))
}

/// Writes a task's files, if it has any, into a folder of the cell's own.
fn write(folder: &Path, files: &[Artefact]) -> Result<(), Stop> {
    for file in files {
        let path = folder.join(&file.name);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, &file.bytes))
            .map_err(|e| failed(format!("{}: cannot be written: {e}", path.display())))?;
    }
    Ok(())
}
