//! `monitor`: a fleet whose readings are encrypted, evaluated by another process and decrypted, round by round; the
//! workbench starts it. The model is trained once, the program compiled once, keys are made once; then each round is
//! one batch of all things.

mod alarms;
mod pace;
mod told;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use clap::Args;
use hexperiment_data::Dataset;
use hexperiment_diagnostics::Complaint;
use hexperiment_experiment::{CellPlan, Experiment};
use hexperiment_task::monitor::{MOST_ROUNDS, MOST_THINGS, Monitor, MonitorRequest, Round};
use hexperiment_task::session::{Session, SessionError};
use hexperiment_task::{Outcome, PrepareRequest, TaskError};

use crate::cell::{self, Client};
use crate::cell_server::CellServer;
use crate::child::{self, tell};
use crate::compiled::{self, Bound};
use crate::own_memory::give_memory_back;
use crate::plugins;
use crate::protocol::FromCell;
use crate::stop::{Stop, failed};
use crate::traffic::Recorder;
use alarms::{Alarms, CLEARED_AFTER, Injected, RAISED_AFTER};
use pace::{MOST_WAITING, Pace, Waiting};
use told::{Command, Told};

/// What `monitor` takes.
#[derive(Args)]
pub(crate) struct MonitorArguments {
    /// An experiment of one cell: the labelled history, the model, the scheme.
    file: PathBuf,
    /// Things that are monitored.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_THINGS))]
    things: u64,
    /// The seed of their simulated readings.
    #[arg(long, value_name = "N", default_value_t = 0)]
    readings_seed: u64,
    /// Milliseconds between two rounds of readings.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    every: u64,
}

/// Monitors until the input ends.
pub(crate) fn monitor(arguments: &MonitorArguments) -> ExitCode {
    child::die_with_parent();
    let experiment = match Experiment::load(&arguments.file) {
        Ok(experiment) => experiment,
        Err(complaints) => return crate::bad_input(complaints),
    };
    let [plan] = experiment.cells() else {
        let found = experiment.cells().len();
        let problem = format!("found {found} cells, expected one: one scheme, and no matrix");
        return crate::bad_input(Complaint::new(&arguments.file, problem));
    };
    match work(plan, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => tell(&FromCell::from(stop)),
    }
}

fn work(plan: &CellPlan, arguments: &MonitorArguments) -> Result<(), Stop> {
    let commands = child::lines(Some(std::io::stdin()));
    cell::start_threads(plan.threads)?;
    let mut monitor = prepare(plan, arguments)?;
    let scheme = plugins::scheme(plan).map_err(failed)?;
    let bound = compiled::bind(plan, scheme, monitor.prepared(), None)?;
    let recorder = Recorder::kept();
    let parties = (&bound.lowered, bound.circuit.as_ref());
    let (mut server, key_times, client) =
        cell::start_server(plan, bound.security, parties, (None, Some(&recorder)))?;
    give_memory_back();
    let every = Duration::from_millis(arguments.every);
    let program = monitor.prepared().program();
    let faults = monitor.faults().iter();
    tell(&Told::Ready {
        names: monitor.names().to_vec(),
        levels: monitor.levels().to_vec(),
        faults: faults
            .map(|fault| told::Fault {
                name: fault.name,
                doc: fault.doc,
            })
            .collect(),
        notes: monitor.notes().to_vec(),
        inputs: told::inputs(program),
        outputs: told::outputs(program),
        setup: Box::new(cell::setup(
            plan,
            monitor.prepared(),
            (parties.0, parties.1, bound.compile),
            (&client, key_times),
            bound.failure_log2,
        )),
        every_ms: arguments.every as f64,
        most_waiting: MOST_WAITING,
        raised_after: RAISED_AFTER,
        cleared_after: CLEARED_AFTER,
        frames: recorder.take(),
    });
    let highest = monitor.levels().len().saturating_sub(1);
    let things = monitor.names().len();
    Rounds {
        monitor: monitor.as_mut(),
        bound: &bound,
        client: &client,
        server: &mut server,
        recorder: &recorder,
        alarms: Alarms::new(things, highest),
        pace: Pace::new(every, Instant::now()),
        evaluated: 0,
    }
    .go(&commands)
}

/// Trains the model, and sets the fleet up.
fn prepare(plan: &CellPlan, arguments: &MonitorArguments) -> Result<Box<dyn Monitor>, Stop> {
    let data = Dataset::load(&plan.dataset).map_err(failed)?;
    let task = hexperiment_task::registry::task(&plan.cell.task).map_err(failed)?;
    let monitor = task.monitor(MonitorRequest {
        history: PrepareRequest {
            options: &plan.task_options,
            data: &data,
            seed: plan.seed,
        },
        source: &plan.dataset.source_options,
        things: arguments.things as usize,
        readings_seed: arguments.readings_seed,
    })?;
    monitor.ok_or_else(|| failed(format!("the task `{}` monitors nothing", plan.cell.task)))
}

/// Rounds, one after the other, and what is told in between.
struct Rounds<'a> {
    monitor: &'a mut dyn Monitor,
    bound: &'a Bound,
    client: &'a Client,
    server: &'a mut CellServer,
    recorder: &'a Recorder,
    alarms: Alarms,
    pace: Pace<Round>,
    evaluated: u64,
}

impl Rounds<'_> {
    /// Until the parent is gone, or as often as the failure probability was computed for.
    fn go(mut self, commands: &Receiver<String>) -> Result<(), Stop> {
        while self.evaluated < MOST_ROUNDS {
            loop {
                match commands.try_recv() {
                    Ok(line) => self.follow(&line),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            let monitor = &mut *self.monitor;
            self.pace.read(Instant::now(), || monitor.next_round());
            if let Some(waiting) = self.pace.next() {
                self.evaluated += 1;
                self.evaluate(waiting)?;
                continue;
            }
            // Without a round to come, a command is what there is to wait for.
            let left = self.pace.until_due(Instant::now());
            let heard = match left {
                Some(left) => commands.recv_timeout(left),
                None => commands.recv().map_err(RecvTimeoutError::from),
            };
            match heard {
                Ok(line) => self.follow(&line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
        tell(&Told::Ended {
            reason: format!(
                "{MOST_ROUNDS} rounds were evaluated, as many as the failure probability was computed for; start anew"
            ),
        });
        Ok(())
    }

    fn follow(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        let done = match serde_json::from_str(line) {
            Ok(Command::Pause) => {
                self.pace.pause();
                Ok(Told::Paused)
            }
            Ok(Command::Resume) => {
                self.pace.resume(Instant::now());
                Ok(Told::Resumed)
            }
            Ok(Command::Inject { thing, fault }) => self.monitor.inject(thing, fault).map(|()| {
                let after_round = self.pace.rounds();
                let injected = Injected {
                    fault,
                    after_round,
                    at: Instant::now(),
                };
                Told::Injected {
                    thing,
                    fault,
                    after_round,
                    is_high: self.alarms.injected(thing, injected),
                }
            }),
            Ok(Command::Repair { thing }) => self.monitor.repair(thing).map(|()| {
                self.alarms.repaired(thing);
                Told::Repaired {
                    thing,
                    after_round: self.pace.rounds(),
                }
            }),
            Err(e) => Err(format!("a command is not understood: {e}")),
        };
        tell(&done.unwrap_or_else(|problem| Told::Problem { problem }));
    }

    fn evaluate(&mut self, waiting: Waiting<Round>) -> Result<(), Stop> {
        let Waiting { number, due, round } = waiting;
        let began = Instant::now();
        let mut session = Session::with_server(
            self.bound.circuit.as_ref(),
            &self.bound.lowered,
            self.client.encryptor.as_ref(),
            self.client.decryptor.as_ref(),
            self.server.session(),
        );
        let outcome = Outcome::of_one_round(&mut session, &round.inputs);
        let report = session.finish();
        let outcome = match outcome {
            Err(TaskError::Session(SessionError::Wire(error))) => {
                return Err(self.server.stop(error));
            }
            outcome => outcome?,
        };
        let assessed = self.monitor.assess(&outcome)?;
        let pairs = assessed.iter().zip(&round.clear);
        let differ = pairs.filter(|(said, clear)| said.level != clear.level);
        let (states, scores) = told::written(&assessed);
        let ms = |ns: u64| ns as f64 / 1e6;
        let crossed = self.recorder.sums();
        let lag = due.elapsed();
        tell(&Told::Round(Box::new(told::Round {
            round: number,
            differ: differ.count(),
            max_abs_error: report.errors.max_abs,
            moved: round.moved,
            values: round.values,
            lag_ms: lag.as_secs_f64() * 1e3,
            encrypt_ms: ms(report.encrypt.wall_ns),
            transfer_ms: ms(report.transfer.wall_ns),
            evaluate_ms: ms(report.evaluate.wall_ns),
            decrypt_ms: ms(report.decrypt.wall_ns),
            whole_ms: began.elapsed().as_secs_f64() * 1e3,
            to_server_bytes: crossed.to_server,
            to_client_bytes: crossed.to_client,
            waiting: self.pace.waiting(),
            dropped: self.pace.dropped(),
            alarms: self.alarms.take(number, &assessed),
            states,
            scores,
            frames: self.recorder.take(),
        })));
        Ok(())
    }
}
