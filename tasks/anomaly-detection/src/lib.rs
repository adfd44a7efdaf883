//! Anomaly detection: encrypted series with gaps are interpolated, standardised and scored by a
//! logistic model, in one program: nothing is decrypted in between, and only scores at the end.
//!
//! Rows are points in time, and each is scored.

mod detector;
mod layout;
mod plan;
mod series;

use hexperiment_data::Dataset;
use hexperiment_data::export::field;
use hexperiment_data::gaps::{hide, whole_series};
use hexperiment_program::Program;
use hexperiment_scheme::options::{OptionKind, OptionSpec};
use hexperiment_task::choices::ClassWeight;
use hexperiment_task::inventory;
use hexperiment_task::ledger::{Metric, Quality};
use hexperiment_task::linear_model::Unit;
use hexperiment_task::metrics;
use hexperiment_task::registry::TaskPlugin;
use hexperiment_task::session::Session;
use hexperiment_task::{
    Artefact, Outcome, PrepareRequest, Prepared, Task, TaskError, TaskManifest,
};
use ndarray::{Array2, Axis};
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::detector::Detector;
use crate::layout::{ScoreProgram, Wanted};
use crate::plan::DetectionPlan;

inventory::submit! { TaskPlugin(&AnomalyDetection) }

/// What lies in a vector.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
enum Arrangement {
    /// A series, with zeros at the gaps.
    Series,
    /// Besides, neighbours of gaps.
    Gathered,
}

/// The task.
pub struct AnomalyDetection;

impl Task for AnomalyDetection {
    fn manifest(&self) -> TaskManifest {
        let mut metrics = metrics::BINARY.to_vec();
        metrics.push(metrics::AUC_FOLD_MEAN);
        metrics.extend(MORE_METRICS);
        TaskManifest {
            name: "anomaly-detection",
            doc: "Scores every row of encrypted sensor series: gaps are interpolated linearly in \
                  time (at the edges by the nearest value), values standardised and weighted by a \
                  logistic regression trained in the clear, all in one program. Leaves \
                  `anomalies.csv` (timestamp, score above the threshold, flag, part), \
                  `gaps.csv` (what fills each gap in the clear, as none is decrypted) and `model.json`. The model is public to the server; the client sends values in \
                  standard deviations.",
            options: options(),
            metrics,
        }
    }

    fn prepare(&self, request: PrepareRequest<'_>) -> Result<Box<dyn Prepared>, TaskError> {
        let mut data = request.data.clone();
        whole_series(&data)?;
        let share = request.options.number("hidden_share")?;
        let hidden = hide(&mut data.features, share, request.seed).len();
        let data = &data;
        let mut plan = DetectionPlan::new(PrepareRequest { data, ..request })?;
        if hidden > 0 {
            plan.notes.push(format!(
                "{hidden} values were hidden by the seed, as gaps to fill"
            ));
        }
        let wanted = Wanted {
            series: &plan.series,
            detectors: &plan.detectors,
            detector_of: &plan.detector_of,
            precision: request.options.number("precision")?,
        };
        let (layout, server_sees) = match request.options.choice("layout")? {
            Arrangement::Series => (layout::series(&wanted)?, SERIES_SHOWS),
            Arrangement::Gathered => (layout::gathered(&wanted)?, GATHERED_SHOWS),
        };
        Ok(Box::new(Detection::new(plan, layout, server_sees, data)))
    }
}

fn options() -> Vec<OptionSpec> {
    vec![
        OptionSpec::choice(
            "layout",
            Arrangement::Series,
            "`series`: the client sends each series once, with zeros at the gaps, and the server, \
             told where they are, weights and shifts. `gathered`: the client also gathers the \
             neighbours of gaps, a vector for each weight that they have; nothing is shifted, and \
             the server learns which distances occur, not where.",
        ),
        OptionSpec::number(
            "hidden_share",
            0.0..=0.9,
            0.0,
            "The share of the valid values that is hidden at random by the seed: gaps for data \
             that have none.",
        ),
        OptionSpec::integer(
            "features",
            0..=100_000,
            0,
            "Use so many sensors, best by ANOVA F of the interpolated training rows; 0 for all.",
        ),
        OptionSpec::integer(
            "folds",
            0..=100,
            0,
            "In place of the data's split: so many folds, classes in equal shares, each row \
             scored by a detector trained on the other folds; 0 for the split.",
        ),
        OptionSpec::new(
            "model",
            OptionKind::Text,
            "The path of a `model.json` that an earlier run left: nothing is trained, all rows \
             are scored. Its sensors, clip and threshold hold.",
        ),
        OptionSpec::number(
            "alarm_rate",
            0.001..=0.999,
            0.2,
            "The share of the training rows to be called anomalies, which sets the threshold.",
        ),
        OptionSpec::number(
            "clip",
            0.5..=100.0,
            5.0,
            "Values further than so many standard deviations from the mean are moved there before \
             gaps are filled and anything is encrypted, in the clear too; it bounds the public \
             ranges. Mean and deviation are those of the training part; with `folds`, of all rows.",
        ),
        OptionSpec::number(
            "alpha",
            0.0..=1e6,
            1.0,
            "L2 penalty: alpha / 2 times the squared norm of the weights, on standardised sensors; \
             the intercept is free. 0 for no penalty.",
        ),
        OptionSpec::choice(
            "class_weight",
            ClassWeight::Balanced,
            "`balanced` weights each class by n / (2 n_class).",
        ),
        OptionSpec::integer(
            "max_iterations",
            1..=100_000,
            500,
            "Iterations of the trainer.",
        ),
        OptionSpec::number(
            "precision",
            1e-12..=1.0,
            1e-5,
            "Absolute error wanted on a score, which is a logit.",
        ),
    ]
}

const MORE_METRICS: [&str; 3] = ["max_score_error", "gaps", "sensors"];

const SERIES_SHOWS: &str =
    "the model, and where values are missing in the sensors that it looks at";
const GATHERED_SHOWS: &str = "the model, and how far from their neighbours values of each of \
                             its sensors are missing, not where or how many";

/// Series laid out, and what the results are measured by.
struct Detection {
    layout: ScoreProgram,
    server_sees: &'static str,
    /// Margin of each row by the same pipeline in the clear.
    clear: Vec<f64>,
    /// The same on values as they were before any was clipped; `None` where none was.
    unclipped: Option<Vec<f64>>,
    truth: Option<Vec<f64>>,
    timestamps: Vec<String>,
    part: Vec<String>,
    measured: Vec<usize>,
    /// The detector that scores each row: with folds, that of its fold.
    detector_of: Vec<usize>,
    saved: Option<Detector>,
    /// Each missing cell: sensor, row, and what fills it in the clear, in the data's own unit.
    filled: Vec<(usize, usize, f64)>,
    sensors: Vec<String>,
    notes: Vec<String>,
}

impl Detection {
    fn new(
        plan: DetectionPlan,
        layout: ScoreProgram,
        server_sees: &'static str,
        data: &Dataset,
    ) -> Self {
        let in_clear = |filled: &Array2<f64>| -> Vec<f64> {
            let rows = filled.axis_iter(Axis(0)).zip(&plan.detector_of);
            rows.map(|(row, detector)| plan.detectors[*detector].margin(row))
                .collect()
        };
        let clear = in_clear(&plan.series.filled);
        let unclipped = plan.series.unclipped.as_ref().map(|u| in_clear(&u.filled));
        let mut notes = plan.notes;
        notes.push(layout.note.clone());
        let units: Vec<Unit> = plan
            .detectors
            .first()
            .map(|detector| detector.sensors.iter().map(|sensor| sensor.unit).collect())
            .unwrap_or_default();
        let filled = plan.series.fills.iter().filter_map(|fill| {
            let unit = units.get(fill.column)?;
            let value = plan.series.filled[[fill.row, fill.column]];
            Some((fill.column, fill.row, unit.centre + unit.width * value))
        });
        Self {
            filled: filled.collect(),
            clear,
            unclipped,
            truth: data.target.as_ref().map(|t| t.values.to_vec()),
            timestamps: match data.labels.first() {
                Some(label) => label.values.clone(),
                None => (0..data.features.nrows()).map(|i| i.to_string()).collect(),
            },
            part: plan.part,
            measured: plan.measured,
            detector_of: plan.detector_of,
            saved: plan.saved,
            sensors: plan.series.names,
            layout,
            server_sees,
            notes,
        }
    }

    /// Those of all rows that are measured.
    fn measured(&self, all: &[f64]) -> Vec<f64> {
        self.measured.iter().map(|row| all[*row]).collect()
    }

    /// What margins of all rows are worth, beside those in the clear.
    fn measures(&self, margins: &[f64]) -> Vec<Metric> {
        let (scores, clear) = (self.measured(margins), self.measured(&self.clear));
        let Some(truth) = &self.truth else {
            // Without the truth: how often there is an alarm, and whether it is the same.
            return metrics::binary(&scores, &clear, &vec![0.0; scores.len()], 0.0)
                .into_iter()
                .filter(|m| ["alarm_rate", "agreement"].contains(&m.name.as_str()))
                .collect();
        };
        let truth = self.measured(truth);
        let mut all = metrics::binary(&scores, &clear, &truth, 0.0);
        let fold_of: Vec<usize> = self.measured.iter().map(|r| self.detector_of[*r]).collect();
        all.extend(metrics::auc_fold_mean(&fold_of, &scores, &clear, &truth));
        all
    }

    /// Every row's timestamp, score and flag.
    fn table(&self, margins: &[f64]) -> String {
        let rows = margins.iter().zip(&self.timestamps).zip(&self.part);
        let lines = rows.map(|((margin, time), part)| {
            let flag = u8::from(*margin > 0.0);
            format!("{},{margin:.6},{flag},{part}\n", field(time))
        });
        let heading = std::iter::once("timestamp,score,flag,part\n".to_owned());
        heading.chain(lines).collect()
    }

    /// What fills each gap in the clear, by the rule that the server follows on ciphertexts.
    fn gaps(&self) -> String {
        let lines = self.filled.iter().map(|(sensor, row, value)| {
            format!("{},{row},{value}\n", field(&self.sensors[*sensor]))
        });
        let heading = std::iter::once("sensor,row,filled_in_clear\n".to_owned());
        heading.chain(lines).collect()
    }
}

/// What the alarms are worth, in words: AUC alone would praise a detector that never fires.
fn found(metrics: &[Metric]) -> Option<String> {
    let value = |name: &str| metrics.iter().find(|m| m.name == name).map(|m| m.value);
    let (tp, missed, fp) = (value("tp")?, value("fn")?, value("fp")?);
    Some(format!(
        "{tp} of {} anomalies are found (recall {:.3}), among {} alarms (precision {:.3}); AUPRC \
         {:.3}",
        tp + missed,
        value("recall")?,
        tp + fp,
        value("precision")?,
        value("auprc")?
    ))
}

impl Prepared for Detection {
    fn program(&self) -> &Program {
        &self.layout.program
    }

    fn samples(&self) -> usize {
        self.clear.len()
    }

    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        Outcome::of_one_round(session, &self.layout.inputs)
    }

    fn score(&self, outcome: &Outcome) -> Result<Quality, TaskError> {
        let margins = self.layout.read(outcome);
        let mut metrics = self.measures(&margins);
        if let Some(unclipped) = &self.unclipped {
            Metric::beside_unclipped(&mut metrics, &self.measures(unclipped));
        }
        let mut notes = self.notes.clone();
        notes.extend(found(&metrics));
        notes.extend(match &self.truth {
            Some(truth) => metrics::few_of_a_class(&self.measured(truth)),
            None => None,
        });
        let errors = margins.iter().zip(&self.clear).map(|(a, b)| (a - b).abs());
        let worst = errors.max_by(f64::total_cmp).unwrap_or(0.0);
        let more = [
            (worst, Some(0.0)),
            (self.filled.len() as f64, None),
            (self.sensors.len() as f64, None),
        ];
        for (name, (value, plaintext)) in MORE_METRICS.iter().zip(more) {
            metrics.push(Metric::new(*name, value, plaintext));
        }
        Ok(Quality {
            samples: margins.len(),
            metrics,
            notes,
        })
    }

    fn server_sees(&self) -> Option<String> {
        Some(self.server_sees.into())
    }

    fn artefacts(&self, outcome: &Outcome) -> Result<Vec<Artefact>, TaskError> {
        let mut files = vec![Artefact {
            name: "anomalies.csv".into(),
            bytes: self.table(&self.layout.read(outcome)).into_bytes(),
        }];
        if !self.filled.is_empty() {
            files.push(Artefact {
                name: "gaps.csv".into(),
                bytes: self.gaps().into_bytes(),
            });
        }
        if let Some(detector) = &self.saved {
            files.push(Artefact {
                name: "model.json".into(),
                bytes: detector.to_json()?,
            });
        }
        Ok(files)
    }
}
