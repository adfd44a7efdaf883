//! The process of one cell, which is the client: prepares, starts the server, then repeats when told to.

use std::path::Path;
use std::process::ExitCode;

use hexperiment_data::Dataset;
use hexperiment_experiment::CellPlan;
use hexperiment_experiment::measure::{LoadMeter, forget_peak_rss, peak_rss_bytes};
use hexperiment_experiment::record::{Repetition, Setup};
use hexperiment_program::lower::Lowered;
use hexperiment_scheme::security::{Encryption, Protection, SecurityDemand};
use hexperiment_scheme::{Circuit, Decryptor, Encryptor, KeySizes};
use hexperiment_task::clock::Stopwatch;
use hexperiment_task::ledger::Time;
use hexperiment_task::session::{KeyTimes, Session, SessionError};
use hexperiment_task::{Artefact, Outcome, Prepared, TaskError};

use crate::beside::Beside;
use crate::cell_server::CellServer;
use crate::child;
use crate::compiled::{Compiled, compile, parameters};
use crate::far_service::FarService;
use crate::own_memory::{give_memory_back, keep_freed_memory, limit_memory};
use crate::protocol::{FromCell, ToCell};
use crate::stop::{Stop, failed};
use crate::traffic::Recorder;

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
    keep_freed_memory();
    if let Err(stop) = start_threads(plan.threads) {
        return child::tell(&FromCell::from(stop));
    }
    match repeat(plan, besides, next) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => child::tell(&FromCell::from(stop)),
    }
}

/// Starts the pool of threads, which can be set once: at the start of a process, by the thread that does its phases.
/// That is one of them: it does the first piece of work itself while the others wake, and all of it where they come
/// too late.
pub(crate) fn start_threads(threads: usize) -> Result<(), Stop> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.use_current_thread().build_global().map_err(|e| {
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
        // The run has looked at the machine before it started this process.
        environment: None,
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
    let quality = prepared.score(&outcome)?.into();
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
