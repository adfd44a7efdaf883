//! How long a run takes, told before it.
//!
//! A repetition's protocol is run once in the clear, which counts what each party does and times
//! what is done in the clear beside it; what an encryption, an evaluation and a decryption take, the
//! scheme says, which times a few of its operations ([`Circuit::costs`]). All of it is processor
//! time, so that a busy machine does not show in it, and becomes wall time as if all processors had
//! nothing else to do.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hexperiment_experiment::{CellPlan, RunSettings};
use hexperiment_program::lower::Lowered;
use hexperiment_program::{InputId, OutputId, Program};
use hexperiment_scheme::options::Options;
use hexperiment_scheme::security::{Protection, SecurityDemand};
use hexperiment_scheme::{
    Ciphertexts, Circuit, CompileRequest, Costs, Decryptor, Encryptor, Evaluator, Parties,
    SchemeError, Sizes, Work, registry, timed,
};
use hexperiment_task::TaskError;
use hexperiment_task::clock::Stopwatch;
use hexperiment_task::session::Session;
use ndarray::{Array2, ArrayView2};

use crate::approximation;
use crate::calibration::TableTimes;
use crate::compiled::Compiled;
use crate::crossing::Crossing;
use crate::protocol::Takes;
use crate::timing::Bound;
use crate::waking::Waking;

/// Processors that share work do not all of it at once: such a part of each is used in cells that ran, 0.98
/// under Paillier, 0.93 under TFHE.
const SHARED: f64 = 0.95;

/// Threads that have slept so long have slept for as long as is told apart.
const LONG: Duration = Duration::from_secs(1);

/// What one repetition does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps {
    /// By input.
    encryptions: BTreeMap<usize, u32>,
    evaluations: u32,
    /// Those of them that do not yield all outputs.
    partial: u32,
    /// Outputs of the program.
    outputs: usize,
    /// By output.
    decryptions: BTreeMap<usize, u32>,
    /// The first table of each input.
    tables: BTreeMap<usize, Array2<f64>>,
    /// What is done in the clear, besides: processor time.
    beside: Duration,
    /// What the clear circuit's own arithmetic takes in an evaluation, which is in that.
    simulation: Duration,
}

/// The program under the first scheme that encrypts nothing and has all of its operations.
fn in_the_clear(
    plan: &CellPlan,
    security: SecurityDemand,
    program: &Program,
) -> Option<(Lowered, Box<dyn Circuit>)> {
    let options = Options::default();
    registry::schemes().into_iter().find_map(|scheme| {
        let lowered = scheme.lower(program, &options, security).ok()?;
        let request = CompileRequest {
            lowered: &lowered,
            options: &options,
            security,
            threads: plan.threads,
            objective: plan.objective,
        };
        let circuit = scheme.compile(request).ok()?;
        let clear = circuit.parameters().security.protection() == Protection::None;
        clear.then_some((lowered, circuit))
    })
}

type Tally = Arc<Mutex<Steps>>;

fn note(tally: &Tally, change: impl FnOnce(&mut Steps)) {
    change(&mut tally.lock().unwrap_or_else(PoisonError::into_inner));
}

/// A role that counts what it is asked for.
struct Counted<T>(T, Tally);

impl Encryptor for Counted<Box<dyn Encryptor>> {
    fn encrypt(
        &self,
        input: InputId,
        table: ArrayView2<'_, f64>,
    ) -> Result<Ciphertexts, SchemeError> {
        note(&self.1, |steps| {
            *steps.encryptions.entry(input.index()).or_default() += 1;
            let tables = &mut steps.tables;
            tables
                .entry(input.index())
                .or_insert_with(|| table.to_owned());
        });
        self.0.encrypt(input, table)
    }
}

impl Evaluator for Counted<Box<dyn Evaluator>> {
    fn evaluate(&self, inputs: &[Ciphertexts]) -> Result<Vec<Ciphertexts>, SchemeError> {
        note(&self.1, |steps| steps.evaluations += 1);
        self.0.evaluate(inputs)
    }

    fn evaluate_only(
        &self,
        inputs: &[Ciphertexts],
        wanted: &[OutputId],
    ) -> Result<Vec<Ciphertexts>, SchemeError> {
        let yielded = self.0.evaluate_only(inputs, wanted)?;
        note(&self.1, |steps| {
            steps.evaluations += 1;
            steps.partial += u32::from(wanted.len() < steps.outputs);
        });
        Ok(yielded)
    }
}

impl Decryptor for Counted<Box<dyn Decryptor>> {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        note(&self.1, |steps| {
            *steps.decryptions.entry(output.index()).or_default() += 1;
        });
        self.0.decrypt(output, ciphertexts)
    }
}

impl Steps {
    /// Runs the protocol once in the clear.
    pub(crate) fn count(plan: &CellPlan, compiled: &Compiled) -> Result<Self, TaskError> {
        let failed = |e: SchemeError| TaskError::Session(e.into());
        let prepared = compiled.prepared.as_ref();
        let clear = in_the_clear(plan, compiled.security, prepared.program());
        let (lowered, circuit) = clear.ok_or_else(|| {
            TaskError::Options("no scheme is linked that evaluates in the clear".into())
        })?;
        let keys = Parties::of(circuit.as_ref()).map_err(failed)?;
        let tally = Tally::default();
        note(&tally, |steps| {
            steps.outputs = lowered.program().outputs().len();
        });
        let keys = Parties {
            encryptor: Box::new(Counted(keys.encryptor, tally.clone())),
            evaluator: Box::new(Counted(keys.evaluator, tally.clone())),
            decryptor: Box::new(Counted(keys.decryptor, tally.clone())),
            sizes: keys.sizes,
        };
        let watch = Stopwatch::start();
        let mut session = Session::new(circuit.as_ref(), &lowered, &keys);
        let outcome = prepared.run(&mut session)?;
        let report = session.finish();
        prepared.score(&outcome)?;
        let all = watch.elapsed().cpu_ns;
        let phases = [
            report.encrypt,
            report.evaluate,
            report.decrypt,
            report.transfer,
        ];
        let phases: u64 = phases.iter().map(|time| time.cpu_ns).sum();
        let steps = std::mem::take(&mut *tally.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Self {
            beside: Duration::from_nanos(all.saturating_sub(phases)),
            simulation: steps.simulate(circuit.as_ref()).map_err(failed)?,
            ..steps
        })
    }

    /// The processor time that a circuit's own arithmetic takes in the clear, with which every
    /// evaluation is compared.
    fn simulate(&self, circuit: &dyn Circuit) -> Result<Duration, SchemeError> {
        if self.evaluations == 0 {
            return Ok(Duration::ZERO);
        }
        let tables: Vec<Array2<f64>> = self.tables.values().cloned().collect();
        Ok(timed(|| circuit.simulate(&tables))?.1)
    }

    /// The work of one repetition under a scheme of these costs, by phase.
    fn work(&self, costs: &Costs) -> ByPhase {
        let of = |counts: &BTreeMap<usize, u32>, each: &[Work]| {
            let work = counts
                .iter()
                .filter_map(|(place, count)| Some(*each.get(*place)? * f64::from(*count)));
            work.fold(Work::default(), |sum, work| sum + work)
        };
        ByPhase {
            encrypt: of(&self.encryptions, &costs.encrypt),
            transfer: of(&self.encryptions, &costs.upload) + of(&self.decryptions, &costs.download),
            evaluate: costs.evaluate * f64::from(self.evaluations),
            decrypt: of(&self.decryptions, &costs.decrypt),
        }
    }

    /// The processor time of encryption, evaluation and decryption in one repetition.
    pub(crate) fn processor_times(&self, costs: &Costs) -> [Duration; 3] {
        let work = self.work(costs);
        [work.encrypt, work.evaluate, work.decrypt].map(|work| work.total)
    }

    /// Whether an evaluation does not yield all outputs: what it takes is not counted apart.
    pub(crate) fn evaluates_in_part(&self) -> bool {
        self.partial > 0
    }

    /// Messages that the server answers in one repetition: for ciphertexts sent, evaluations, results
    /// fetched, and one for all that it may forget.
    fn messages(&self) -> u32 {
        let all = |counts: &BTreeMap<usize, u32>| counts.values().sum::<u32>();
        all(&self.encryptions) + self.evaluations + all(&self.decryptions) + 1
    }

    /// The bytes that cross in one repetition, up and down.
    fn bytes(&self, sizes: &Sizes) -> [u64; 2] {
        let of = |counts: &BTreeMap<usize, u32>, each: &[u64]| {
            let bytes = counts
                .iter()
                .filter_map(|(place, count)| Some(*each.get(*place)? * u64::from(*count)));
            bytes.fold(0_u64, u64::saturating_add)
        };
        [
            of(&self.encryptions, &sizes.inputs),
            of(&self.decryptions, &sizes.outputs),
        ]
    }
}

/// The work of the phases that are timed.
#[derive(Clone, Copy, Debug)]
struct ByPhase {
    encrypt: Work,
    transfer: Work,
    evaluate: Work,
    decrypt: Work,
}

/// What cells take, told by the process that has their circuits.
#[derive(Default)]
pub(crate) struct Estimator {
    /// What protocols do, by what decides it.
    counted: HashMap<String, Steps>,
    /// What crossing between the parties takes, once it was measured.
    crossing: Option<Crossing>,
    /// What waking a thread takes, likewise.
    waking: Option<Waking>,
}

impl Estimator {
    /// Outputs of a cell that approximation makes useless, in words. `None` where that is not known.
    pub(crate) fn warnings(&mut self, plan: &CellPlan, compiled: &Compiled) -> Option<Vec<String>> {
        let tables: Vec<Array2<f64>> = self
            .steps(plan, compiled)?
            .tables
            .values()
            .cloned()
            .collect();
        approximation::warnings(compiled, &tables).ok()
    }

    /// What the protocol of a cell does.
    fn steps(&mut self, plan: &CellPlan, compiled: &Compiled) -> Option<&Steps> {
        let asked = (
            &plan.cell.task,
            &plan.task_options,
            &plan.dataset,
            plan.seed,
        );
        Some(match self.counted.entry(format!("{asked:?}")) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Steps::count(plan, compiled).ok()?),
        })
    }

    /// What a cell takes; `before` is what reading its data, preparing and compiling it took. `None`
    /// where its scheme does not say, or something fails that the run will tell of.
    pub(crate) fn takes(
        &mut self,
        plan: &CellPlan,
        compiled: &Compiled,
        before: Duration,
        times: &mut TableTimes<'_>,
    ) -> Option<Takes> {
        let circuit = compiled.circuit.as_ref();
        let mut costs = |bound: Bound| {
            times.bound = bound;
            circuit.costs(times).ok()?
        };
        // Whatever is measured is measured for the first.
        let all = [
            costs(Bound::Low)?,
            costs(Bound::Median)?,
            costs(Bound::High)?,
        ];
        let measured = times.measured;
        let crossing = *self.crossing.get_or_insert_with(Crossing::measure);
        let waking = *self.waking.get_or_insert_with(Waking::measure);
        let steps = self.steps(plan, compiled)?;
        let simulation = steps.simulate(circuit).ok()?;
        let more = simulation.saturating_sub(steps.simulation) * steps.evaluations;
        let beside = steps.beside + more;
        let threads = plan.threads.min(processors());
        let span = |asleep: Duration, work: &dyn Fn(&Costs) -> Work| {
            let late = waking.after(asleep);
            let mut ends = all.each_ref().map(|costs| wall(work(costs), threads, late));
            // Schemes whose steps are done anew are timed anew for each.
            ends.sort();
            ends.map(nanoseconds)
        };
        let phase = |asleep: Duration, pick: fn(ByPhase) -> Work| {
            span(asleep, &|costs: &Costs| pick(steps.work(costs)))
        };
        // A party's threads sleep while the other works; before the first phase, for as long as it takes to score.
        let encrypt = phase(LONG, |work| work.encrypt);
        let transfer = phase(LONG, |work| work.transfer);
        let evaluate = phase(middle(encrypt) + middle(transfer), |work| work.evaluate);
        let decrypt = phase(middle(evaluate) + middle(transfer), |work| work.decrypt);
        let sizes = circuit.sizes();
        let [upload, download] = match &sizes {
            Some(sizes) => steps.bytes(sizes).map(Some),
            None => [None, None],
        };
        let bytes = upload.unwrap_or(0).saturating_add(download.unwrap_or(0));
        let crossing = nanoseconds(crossing.takes(steps.messages(), bytes));
        Some(Takes {
            before_ns: nanoseconds(before),
            keygen_ns: span(LONG, &|costs| costs.keygen),
            prepare_ns: span(LONG, &|costs| costs.prepare),
            encrypt_ns: encrypt,
            transfer_ns: transfer.map(|ns| ns.saturating_add(crossing)),
            evaluate_ns: evaluate,
            decrypt_ns: decrypt,
            beside_ns: nanoseconds(beside),
            upload_bytes: upload,
            download_bytes: download,
            key_bytes: sizes.map(|sizes| sizes.keys),
            memory_bytes: circuit.parameters().memory_bytes,
            measured,
            is_open: circuit.parameters().security.protection() != Protection::Encrypted,
            is_rehearsed: false,
        })
    }
}

/// The wall time of work on so many threads, of which all but the first take so long to wake. Meanwhile that one works:
/// where they come too late it does all.
fn wall(work: Work, threads: usize, waking: Duration) -> Duration {
    let threads = threads.max(1);
    let [total, chain] = [work.total, work.serial].map(|time| time.saturating_sub(work.alone));
    // Work of one thread is not shared.
    if threads == 1 || chain >= total {
        return work.alone + total.max(chain);
    }
    let late = waking.mul_f64((threads - 1) as f64 / threads as f64);
    let shared = late + total.div_f64(SHARED * threads as f64);
    work.alone + shared.max(chain).min(total)
}

/// The median of a range of nanoseconds.
fn middle([_, median, _]: [u64; 3]) -> Duration {
    Duration::from_nanos(median)
}

pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What the cells of one experiment take together.
pub(crate) struct Total {
    /// Processes of each cell.
    processes: u32,
    /// Repetitions of each cell, warm-up counted too.
    rounds: u32,
    /// The cells' times together.
    all: Duration,
    /// Cells without an estimate: it takes too long, or their schemes have none.
    untold: usize,
}

impl Total {
    pub(crate) fn new(run: &RunSettings) -> Self {
        let warmup = run.warmup.saturating_mul(run.processes);
        let rounds = warmup.saturating_add(run.repetitions);
        Self {
            processes: run.processes,
            rounds,
            all: Duration::ZERO,
            untold: 0,
        }
    }

    /// How long a cell takes that takes this.
    pub(crate) fn add(&mut self, takes: Option<Takes>) -> Option<Duration> {
        let Some(takes) = takes else {
            self.untold += 1;
            return None;
        };
        let [set_up, repetition] =
            [takes.set_up_ns(), takes.repetition_ns()].map(Duration::from_nanos);
        let set_ups = set_up.saturating_mul(self.processes);
        let time = set_ups.saturating_add(repetition.saturating_mul(self.rounds));
        self.all = self.all.saturating_add(time);
        Some(time)
    }

    /// The whole run, in words.
    pub(crate) fn in_all(&self) -> String {
        let but = match self.untold {
            0 => String::new(),
            1 => ", without one cell whose estimate takes too long or whose scheme has none".into(),
            n => format!(
                ", without {n} cells whose estimates take too long or whose schemes have none"
            ),
        };
        format!(
            "{} in all{but}, if the machine has nothing else to do",
            about(self.all)
        )
    }
}

/// Processors that this process may use.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A time in words, as precise as an estimate is.
pub(crate) fn about(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let whole = seconds.round() as u64;
    let text = match whole {
        0 if seconds < 0.1 => return "less than 0.1 s".into(),
        0..=9 => format!("{seconds:.1} s"),
        10..=99 => format!("{whole} s"),
        100..=5999 => format!("{} min {} s", whole / 60, whole % 60 / 10 * 10),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    };
    format!("about {text}")
}

#[cfg(test)]
mod tests {
    use hexperiment_scheme::OperationTime;

    use super::*;

    #[test]
    fn times_are_told_as_precisely_as_they_are_known() {
        for (seconds, expect) in [
            (0.02, "less than 0.1 s"),
            (0.34, "about 0.3 s"),
            (9.44, "about 9.4 s"),
            (59.6, "about 60 s"),
            (128.0, "about 2 min 0 s"),
            (200.0, "about 3 min 20 s"),
            (7260.0, "about 2 h 1 min"),
        ] {
            assert_eq!(about(Duration::from_secs_f64(seconds)), expect);
        }
    }

    /// Two evaluations, one of the inputs sent once, the other twice.
    #[test]
    fn a_repetition_is_what_its_steps_are() {
        let ms = Duration::from_millis;
        let steps = Steps {
            encryptions: [(0, 1), (1, 2)].into(),
            evaluations: 2,
            partial: 0,
            outputs: 2,
            decryptions: [(1, 2)].into(),
            tables: BTreeMap::new(),
            beside: ms(7),
            simulation: ms(2),
        };
        let each = |time| OperationTime::of(ms(time));
        let costs = Costs {
            encrypt: vec![Work::serial(ms(100)), Work::shared(each(10), 4)],
            upload: vec![Work::serial(ms(1)), Work::serial(ms(2))],
            evaluate: Work::shared(each(20), 50),
            decrypt: vec![Work::serial(ms(5000)), Work::serial(ms(3))],
            download: vec![Work::serial(ms(500)), Work::serial(ms(4))],
            ..Costs::default()
        };
        let work = steps.work(&costs);
        let both = |work: Work| (work.total, work.serial);
        assert_eq!(both(work.encrypt), (ms(100 + 80), ms(100 + 20)));
        assert_eq!(both(work.transfer), (ms(1 + 4 + 8), ms(13)));
        assert_eq!(both(work.evaluate), (ms(2000), ms(40)));
        assert_eq!(both(work.decrypt), (ms(6), ms(6)));
        let sizes = Sizes {
            keys: 7,
            inputs: vec![1000, 10],
            outputs: vec![50_000, 3],
        };
        assert_eq!(steps.bytes(&sizes), [1020, 6]);
        let none = Duration::ZERO;
        assert_eq!(wall(work.encrypt, 1, none), ms(180));
        // What one thread does alone, and after it what is shared.
        assert_eq!(wall(work.encrypt, 2, none), ms(100) + ms(80).div_f64(1.9));
        assert_eq!(wall(work.evaluate, 2, none), ms(2000).div_f64(1.9));
        assert_eq!(wall(work.transfer, 2, none), ms(13));
        // A thread that wakes late leaves half of that to the others, and one that wakes too late all.
        let late = ms(50) + ms(2000).div_f64(1.9);
        assert_eq!(wall(work.evaluate, 2, ms(100)), late);
        assert_eq!(wall(work.evaluate, 2, ms(10_000)), ms(2000));
        assert_eq!(wall(work.evaluate, 1, ms(100)), ms(2000));
    }
}
