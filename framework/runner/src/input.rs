//! Whether the task of each cell can be had with its options and data: what is wrong with these is
//! told once, before anything is run, and at the place of the experiment that is to blame.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use hexperiment_data::{Dataset, Provenance};
use hexperiment_diagnostics::Complaints;
use hexperiment_experiment::{CellPlan, Experiment};
use hexperiment_scheme::clock::processor_time;
use hexperiment_task::TaskError;

use crate::compiled::prepare;

/// Bytes of values of the data that are kept, at most; those asked for last are kept in any case.
const KEPT: usize = 128 << 20;

/// Data sets that were read, by what was asked for, and the processor time that it took. Of very many, as of a thousand
/// seeds, those are kept that were read last.
#[derive(Default)]
pub(crate) struct Loaded {
    kept: HashMap<String, (Dataset, Duration)>,
    /// What was asked for, in the order in which it was read.
    order: VecDeque<String>,
    /// Bytes of the values that are kept.
    bytes: usize,
    /// Where all data came from that were read, none twice.
    provenance: Vec<Provenance>,
}

impl Loaded {
    /// The data of a cell, read once.
    pub(crate) fn get(&mut self, plan: &CellPlan) -> Result<&Dataset, Complaints> {
        self.get_timed(plan).map(|(data, _)| data)
    }

    /// The data of a cell, and what reading them took.
    pub(crate) fn get_timed(
        &mut self,
        plan: &CellPlan,
    ) -> Result<&(Dataset, Duration), Complaints> {
        let key = format!("{:?}", plan.dataset);
        if !self.kept.contains_key(&key) {
            let began = processor_time();
            let data = Dataset::load(&plan.dataset)?;
            let time = processor_time().saturating_sub(began);
            if !self.provenance.contains(&data.provenance) {
                self.provenance.push(data.provenance.clone());
            }
            self.make_room(bytes(&data));
            self.kept.insert(key.clone(), (data, time));
            self.order.push_back(key.clone());
        }
        Ok(&self.kept[&key])
    }

    /// Where all data came from that were read, in the order in which they were.
    pub(crate) fn into_provenance(self) -> Vec<Provenance> {
        self.provenance
    }

    fn make_room(&mut self, more: usize) {
        while self.bytes + more > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            let dropped = self.kept.remove(&oldest);
            self.bytes -= dropped.map_or(0, |(data, _)| bytes(&data));
        }
        self.bytes += more;
    }
}

/// Bytes of the values of data.
fn bytes(data: &Dataset) -> usize {
    data.features.len() * size_of::<f64>()
}

/// What is wrong with the options or the data of a cell.
enum Fault {
    /// The data cannot be loaded.
    Data(Complaints),
    /// The task cannot be had with them.
    Task {
        /// Options to blame, the first that is given.
        options: Vec<String>,
        problem: String,
        help: String,
    },
}

impl Fault {
    /// What is wrong with a cell, if anything is; what goes wrong besides is the cell's own.
    fn find(plan: &CellPlan, loaded: &mut Loaded) -> Option<Self> {
        let data = match loaded.get(plan) {
            Ok(data) => data,
            Err(complaints) => return Some(Self::Data(complaints)),
        };
        let demanded = prepare(plan, data).and_then(|task| plan.security.demand(task.scenario()));
        match demanded {
            Err(TaskError::Data { problem, help }) => Some(Self::Task {
                options: ["dataset.use", "dataset.path"].map(String::from).into(),
                problem: format!("{}: {problem}", data.place()),
                help,
            }),
            Err(TaskError::Value {
                options,
                problem,
                help,
            }) => Some(Self::Task {
                options: options.iter().map(ToString::to_string).collect(),
                problem,
                help,
            }),
            Err(TaskError::Options(problem)) => {
                let option = offending(&problem, &plan.cell.task);
                let option = option.map_or_else(|| "task".into(), |o| format!("task.{o}"));
                Some(Self::Task {
                    options: vec![option],
                    problem,
                    help: format!("`list` shows the options of `{}`", plan.cell.task),
                })
            }
            Ok(_) | Err(_) => None,
        }
    }

    /// Whether it blames a value that the cell has from the matrix.
    fn blames_point(&self, plan: &CellPlan) -> bool {
        let varied = |option: &str| plan.cell.point.contains_key(option);
        match self {
            Self::Data(complaints) => complaints.0.iter().all(|complaint| {
                let option = complaint.option;
                option.is_some_and(|option| varied(&format!("dataset.{option}")))
            }),
            Self::Task { options, .. } => options.iter().any(|option| varied(option)),
        }
    }

    /// As a message; `culprit` is a key of the matrix to blame, if that is known.
    fn told(self, experiment: &Experiment, plan: &CellPlan, culprit: Option<&str>) -> Complaints {
        match self {
            Self::Data(complaints) => experiment.blame(plan, complaints, culprit),
            Self::Task {
                options,
                problem,
                help,
            } => {
                let options: Vec<&str> = match culprit {
                    Some(key) => vec![key],
                    None => options.iter().map(String::as_str).collect(),
                };
                let complaint = experiment.complaint(plan, &options, &problem);
                complaint.help(help).into()
            }
        }
    }
}

/// Complains of the first cell whose task cannot be had with its options and data.
pub(crate) fn check_input(
    experiment: &Experiment,
    plans: &[CellPlan],
    loaded: &mut Loaded,
) -> Result<(), Complaints> {
    let mut sound: HashMap<String, &CellPlan> = HashMap::new();
    for plan in plans {
        let asked = asked(plan);
        if sound.contains_key(&asked) {
            continue;
        }
        if let Some(fault) = Fault::find(plan, loaded) {
            let culprit = if fault.blames_point(plan) {
                None
            } else {
                let earlier = sound.into_values().collect();
                culprit(plan, earlier, plans, loaded)
            };
            return Err(fault.told(experiment, plan, culprit.as_deref()));
        }
        sound.insert(asked, plan);
    }
    Ok(())
}

/// All that decides whether the task can be had.
fn asked(plan: &CellPlan) -> String {
    let asked = (
        &plan.cell.task,
        &plan.task_options,
        &plan.dataset,
        plan.seed,
        plan.security.encryption,
    );
    format!("{asked:?}")
}

/// The key of the matrix whose value makes a cell unsound: the one in which it differs from a cell
/// that is sound. Those of `earlier` are known to be.
fn culprit(
    plan: &CellPlan,
    earlier: Vec<&CellPlan>,
    plans: &[CellPlan],
    loaded: &mut Loaded,
) -> Option<String> {
    if let Some(key) = earlier.iter().find_map(|sound| one_apart(plan, sound)) {
        return Some(key);
    }
    let mut tried: HashSet<String> = earlier.into_iter().map(asked).collect();
    tried.insert(asked(plan));
    plans.iter().find_map(|other| {
        let key = one_apart(plan, other)?;
        let untried = tried.insert(asked(other));
        (untried && Fault::find(other, loaded).is_none()).then_some(key)
    })
}

/// The only key of data, task and who encrypts in which two cells of one matrix differ.
fn one_apart(plan: &CellPlan, other: &CellPlan) -> Option<String> {
    let matters = |key: &&String| {
        let of_run = ["run.seed", "run.encryption"].contains(&key.as_str());
        of_run || key.starts_with("dataset.") || key.starts_with("task.")
    };
    let keys = plan.cell.point.keys().filter(matters);
    let mut differ = keys.filter(|key| plan.cell.point.get(*key) != other.cell.point.get(*key));
    match (differ.next(), differ.next()) {
        (Some(key), None) => Some(key.clone()),
        _ => None,
    }
}

/// The option that a task complains of: the first that its words name, as in "`features = 9`".
fn offending(message: &str, task: &str) -> Option<&'static str> {
    let options = hexperiment_task::registry::task(task)
        .ok()?
        .manifest()
        .options;
    let spans = message.split('`').skip(1).step_by(2);
    let mut names = spans.filter_map(|span| {
        let word = span.split([' ', '=']).next()?;
        options.iter().map(|o| o.name).find(|name| *name == word)
    });
    names.next()
}
