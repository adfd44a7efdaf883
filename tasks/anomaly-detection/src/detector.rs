//! A detector: which sensors, how their values are standardised and weighted, and above which
//! score a row is an anomaly. Trained in the clear, kept in a file.

use std::path::Path;

use hexperiment_data::transform::{Standardizer, rank_by_f};
use hexperiment_task::TaskError;
use hexperiment_task::linear_model::{
    LogisticTraining, SavedColumn, SavedModel, Unit, check_binary, sigmoid,
};
use hexperiment_task::metrics;
use ndarray::{Array1, Axis};

use crate::series::Series;

/// A trained model with its threshold, in the format of all linear models; its weights are of the
/// interpolated series.
pub(crate) type Detector = SavedModel;

/// Reads a file that an earlier run left; it must look at something.
pub(crate) fn load(path: &Path) -> Result<Detector, TaskError> {
    let read = Detector::load(path)?;
    if read.sensors.iter().all(|s| s.weight == 0.0) {
        return Err(TaskError::value(
            &["task.model"],
            format!(
                "{}: every `weight` is 0, expected one at least that is not",
                path.display()
            ),
            "give another detector, or leave `model` out to train one",
        ));
    }
    Ok(read)
}

/// How detectors are trained.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Training {
    /// Number of sensors that are selected; 0 for all.
    pub(crate) features: usize,
    pub(crate) clip: f64,
    /// The share of the training rows to be called anomalies.
    pub(crate) alarm_rate: f64,
    pub(crate) logistic: LogisticTraining,
}

/// A detector, the places of its sensors, and what a reader must know.
#[derive(Clone, Debug)]
pub(crate) struct Fitted {
    pub(crate) detector: Detector,
    /// Columns of the series that it was trained on, rising.
    pub(crate) places: Vec<usize>,
    pub(crate) note: Option<String>,
}

fn failed(message: String) -> TaskError {
    TaskError::Model {
        model: "anomaly detector",
        message,
    }
}

impl Training {
    /// Trains on some rows of interpolated series: sensors that vary there are ranked by ANOVA
    /// F, standardised and weighted by logistic regression.
    pub(crate) fn fit(
        &self,
        series: &Series,
        units: &[Unit],
        target: &Array1<f64>,
        rows: &[usize],
    ) -> Result<Fitted, TaskError> {
        let target = target.select(Axis(0), rows);
        check_binary(&target, "training")?;
        let table = series.filled.select(Axis(0), rows);
        let varies = |j: &usize| {
            let column = table.column(*j);
            column.iter().any(|x| (x - column[0]).abs() > 1e-9)
        };
        let mut places: Vec<usize> = (0..table.ncols()).filter(varies).collect();
        if places.is_empty() || self.features > places.len() {
            return Err(TaskError::Options(format!(
                "`features = {}`: found {} sensors that vary in the training rows, expected at \
                 least one and as many as are to be selected",
                self.features,
                places.len()
            )));
        }
        if self.features > 0 {
            let table = table.select(Axis(1), &places);
            let mut best = rank_by_f(table.view(), target.view());
            best.truncate(self.features);
            best.sort_unstable();
            places = best.into_iter().map(|i| places[i]).collect();
        }
        let table = table.select(Axis(1), &places);
        let standard = Standardizer::fit(&table);
        let table = standard.apply(&table);
        let trained = self.logistic.fit(&table, &target)?;
        let logits = trained.model.scores(&table).to_vec();
        let threshold = metrics::alarm_threshold(&logits, self.alarm_rate).ok_or_else(|| {
            failed(
                "every training row has the same score; choose sensors that tell something".into(),
            )
        })?;
        let sensors = places.iter().enumerate().map(|(i, j)| SavedColumn {
            name: series.names[*j].clone(),
            unit: units[*j],
            mean: standard.means[i],
            deviation: standard.scales[i],
            weight: trained.model.weights[i],
        });
        let detector = Detector {
            clip: self.clip,
            sensors: sensors.collect(),
            intercept: trained.model.intercept,
            threshold,
        };
        Ok(Fitted {
            detector,
            places,
            note: trained.note,
        })
    }
}

/// In words, for the report.
pub(crate) fn describe_threshold(detector: &Detector) -> String {
    format!("probability {:.4}", sigmoid(detector.threshold))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detector() -> Detector {
        let sensor = |name: &str, weight: f64| SavedColumn {
            name: name.into(),
            unit: Unit {
                centre: 10.0,
                width: 0.1,
            },
            mean: 0.5,
            deviation: 2.0,
            weight,
        };
        Detector {
            clip: 5.0,
            sensors: vec![sensor("a", 1.0), sensor("b", -3.0)],
            intercept: 0.25,
            threshold: 1.0,
        }
    }

    #[test]
    fn a_margin_by_hand() {
        // 0.25 - 1 + 1 * (4 - 0.5) / 2 - 3 * (1 - 0.5) / 2
        let margin = detector().margin(ndarray::array![4.0, 1.0].view());
        assert!((margin - 0.25).abs() < 1e-15, "{margin}");
    }

    #[track_caller]
    fn refused(text: &str, expect: &[&str]) {
        let folder = std::env::temp_dir().join(format!("detector-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{}.json", text.len()));
        std::fs::write(&path, text).unwrap();
        let error = load(&path).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        for part in expect {
            assert!(error.contains(part), "{error:?} lacks {part:?}");
        }
    }

    #[test]
    fn files_are_read_back_and_checked() {
        let whole = String::from_utf8(detector().to_json().unwrap()).unwrap();
        assert_eq!(
            serde_json::from_str::<Detector>(&whole).unwrap(),
            detector()
        );
        refused("", &["is no saved model", "`model.json`"]);
        refused(
            &whole.replace("intercept", "offset"),
            &["unknown field `offset`"],
        );
        refused(&whole.replace("\"b\"", "\"a\""), &["`a` is there twice"]);
        refused(
            &whole.replacen("\"deviation\": 2.0", "\"deviation\": 0.0", 1),
            &["`a`, `deviation`: found 0"],
        );
        let mut idle = detector();
        for sensor in &mut idle.sensors {
            sensor.weight = 0.0;
        }
        let idle = String::from_utf8(idle.to_json().unwrap()).unwrap();
        refused(&idle, &["every `weight` is 0"]);
        let missing = load(Path::new("nowhere.json")).unwrap_err();
        assert!(missing.to_string().contains("nowhere.json"), "{missing}");
    }
}
