//! Risk of the devices of a fleet: a model trained in the clear, three-level, over encrypted readings.
//!
//! Two models: multinomial logistic regression, which is three weighted sums, and a random forest,
//! which is threshold tests, conjunctions and votes.

mod columns;
mod fleet;
mod forest;
mod level;
mod lists;
mod monitor;
mod multinomial;
mod options;
mod plan;
mod sender;
mod smote;

use hexperiment_program::Program;
use hexperiment_task::inventory;
use hexperiment_task::ledger::{Metric, Quality};
use hexperiment_task::metrics;
use hexperiment_task::metrics::ConfusionMatrix;
use hexperiment_task::monitor::{Monitor, MonitorRequest};
use hexperiment_task::registry::TaskPlugin;
use hexperiment_task::session::Session;
use hexperiment_task::{
    Artefact, Outcome, PrepareRequest, Prepared, Task, TaskError, TaskManifest,
};

use crate::forest::Thresholds;
use crate::level::{LEVELS, Scores, decide};
use crate::lists::Rules;
use crate::monitor::FleetMonitor;
use crate::plan::{Reading, RiskPlan};

inventory::submit! { TaskPlugin(&DeviceRisk) }

/// The task.
pub struct DeviceRisk;

impl Task for DeviceRisk {
    fn manifest(&self) -> TaskManifest {
        TaskManifest {
            name: "device-risk",
            doc: "Tells the risk of devices, Low, Medium or High, from encrypted readings, by a \
                  model trained in the clear on the training part, its rarer levels oversampled by SMOTE. \
                  The vector axis is the devices of the test part. Leaves `whitelist.csv`, \
                  `blacklist.csv`, `low_risk.csv`, `medium_risk.csv` and `high_risk.csv` (device, \
                  score, level, the features that contribute most), `states.csv`, the levels of the \
                  first 1000 rows by device and reading, and a generated fleet as `fleet.csv`.",
            options: options::all(),
            metrics: METRICS.to_vec(),
        }
    }

    fn prepare(&self, request: PrepareRequest<'_>) -> Result<Box<dyn Prepared>, TaskError> {
        let options = request.options;
        let rules = Rules::read(options)?;
        let mut plan = RiskPlan::new(request)?;
        plan.notes.push(rules.note());
        let thresholds_sent = options.choice::<Thresholds>("thresholds")? == Thresholds::Client;
        let server_sees = if thresholds_sent {
            plan.notes.push(TOLD.into());
            "which bits of the client are combined and how they vote, not the thresholds"
        } else {
            "the model"
        };
        let made = request.data.provenance.file.is_none();
        Ok(Box::new(Risk {
            server_sees,
            plan,
            rules,
            evaluations: 1,
            fleet: made.then(|| request.data.to_csv()),
        }))
    }

    fn monitor(&self, request: MonitorRequest<'_>) -> Result<Option<Box<dyn Monitor>>, TaskError> {
        Ok(Some(Box::new(FleetMonitor::new(request)?)))
    }
}

const TOLD: &str = "the client is told every threshold, and sends the results of the tests: whoever \
                    owns the forest reveals them to it";

const METRICS: [&str; 18] = [
    "macro_f1",
    "balanced_accuracy",
    "accuracy",
    "agreement",
    "recall_low",
    "recall_medium",
    "recall_high",
    "unquantised_macro_f1",
    "unquantised_balanced_accuracy",
    "confusion_0_0",
    "confusion_0_1",
    "confusion_0_2",
    "confusion_1_0",
    "confusion_1_1",
    "confusion_1_2",
    "confusion_2_0",
    "confusion_2_1",
    "confusion_2_2",
];

/// A model, its program, and the rules of its lists.
struct Risk {
    plan: RiskPlan,
    rules: Rules,
    server_sees: &'static str,
    evaluations: u64,
    /// The fleet as a file, where it is none yet.
    fleet: Option<String>,
}

impl Risk {
    fn shares(&self, outcome: &Outcome) -> Vec<Scores> {
        // With packed comparisons, rows behind the devices' mean nothing.
        let rows = outcome.outputs[0].rows().into_iter();
        rows.take(self.samples())
            .map(|row| self.plan.reading.shares(&row.to_vec()))
            .collect()
    }

    /// What these levels are worth, beside those of the model in the clear.
    fn measures(&self, said: &[usize]) -> Vec<Metric> {
        let (truth, clear) = (&self.plan.truth, self.plan.decided());
        let mut metrics = metrics::multiclass(said, &clear, truth, LEVELS.len());
        // The headline is what sees the rare levels: F1 of each counts alike.
        metrics.sort_by_key(|m| m.name != "macro_f1");
        let pairs = recalls(said, truth).into_iter().zip(recalls(&clear, truth));
        metrics.extend(
            pairs.map(|((name, value), (_, plaintext))| Metric::new(name, value, Some(plaintext))),
        );
        metrics
    }
}

/// Recall of each level that occurs, under its metric's name.
fn recalls(said: &[usize], truth: &[usize]) -> Vec<(String, f64)> {
    let matrix = ConfusionMatrix::count(said, truth, LEVELS.len());
    let of = |level: usize| {
        let all = truth.iter().filter(|t| **t == level).count();
        let name = format!("recall_{}", LEVELS[level].to_lowercase());
        (all > 0).then(|| (name, matrix.get(level, level) as f64 / all as f64))
    };
    (0..LEVELS.len()).filter_map(of).collect()
}

impl Prepared for Risk {
    fn program(&self) -> &Program {
        &self.plan.program
    }

    fn samples(&self) -> usize {
        self.plan.truth.len()
    }

    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        Outcome::of_one_round(session, &self.plan.inputs)
    }

    fn score(&self, outcome: &Outcome) -> Result<Quality, TaskError> {
        let truth = &self.plan.truth;
        let said: Vec<usize> = self.shares(outcome).into_iter().map(decide).collect();
        let mut metrics = self.measures(&said);
        if let Some(unclipped) = &self.plan.unclipped {
            let said: Vec<usize> = unclipped.iter().map(|s| decide(*s)).collect();
            Metric::beside_unclipped(&mut metrics, &self.measures(&said));
        }
        if let Some(unquantised) = &self.plan.unquantised {
            let said: Vec<usize> = unquantised.iter().map(|s| decide(*s)).collect();
            let matrix = ConfusionMatrix::count(&said, truth, LEVELS.len());
            let names = ["unquantised_macro_f1", "unquantised_balanced_accuracy"];
            let values = [matrix.macro_f1(), matrix.balanced_accuracy()];
            let named = names.into_iter().zip(values);
            metrics.extend(named.map(|(name, value)| Metric::new(name, value, None)));
        }
        Ok(Quality {
            samples: truth.len(),
            metrics,
            notes: self.plan.notes.clone(),
        })
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }

    fn server_sees(&self) -> Option<String> {
        Some(self.server_sees.into())
    }

    fn client_computes(&self) -> Vec<String> {
        match self.plan.reading {
            Reading::Level => vec![],
            _ => vec!["arg-max".into()],
        }
    }

    fn artefacts(&self, outcome: &Outcome) -> Result<Vec<Artefact>, TaskError> {
        let mut files = self.rules.files(&self.plan, &self.shares(outcome));
        files.extend(self.fleet.as_ref().map(|text| Artefact {
            name: "fleet.csv".into(),
            bytes: text.clone().into_bytes(),
        }));
        Ok(files)
    }
}
