//! Which detector scores which row: one trained here, one of several that have not seen the row,
//! or one from a file.

use std::path::Path;

use hexperiment_data::Dataset;
use hexperiment_data::folds::{self, TooFewRows};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_task::choices::ClassWeight;
use hexperiment_task::encode::note_on_squeezed;
use hexperiment_task::linear_model::{LogisticTraining, SavedColumn, Unit, check_binary};
use hexperiment_task::{PrepareRequest, TaskError};
use ndarray::{Array1, Axis};

use crate::detector::{self, Detector, Fitted, Training, describe_threshold};
use crate::series::{self, Series};

/// Series, the detectors for their rows, and what they are measured on.
#[derive(Clone, Debug)]
pub(crate) struct DetectionPlan {
    /// Series of the sensors that any detector looks at.
    pub(crate) series: Series,
    /// Detectors, each with all sensors of the series, in their order.
    pub(crate) detectors: Vec<Detector>,
    /// Detector of each row, by place.
    pub(crate) detector_of: Vec<usize>,
    /// Part that each row has in its detector's training: `train`, `test`, `fold 2`, `scored`.
    pub(crate) part: Vec<String>,
    /// Rows that measures are taken on.
    pub(crate) measured: Vec<usize>,
    /// Detector that a later run can score other data with.
    pub(crate) saved: Option<Detector>,
    pub(crate) notes: Vec<String>,
}

impl DetectionPlan {
    pub(crate) fn new(request: PrepareRequest<'_>) -> Result<Self, TaskError> {
        let options = request.options;
        let folds = options.integer("folds")? as usize;
        match options.get("model") {
            Some(OptionValue::Text(path)) if folds == 0 => {
                refuse_idle(options)?;
                Self::loaded(request.data, Path::new(path))
            }
            Some(_) => Err(TaskError::Options(format!(
                "`folds = {folds}` trains detectors, `model` names one that is trained; give one \
                 of them"
            ))),
            None => Self::trained(request, training(options)?, folds),
        }
    }

    /// Trains on the training part; or, with folds, on all rows but those of one fold, for each.
    fn trained(
        request: PrepareRequest<'_>,
        training: Training,
        folds: usize,
    ) -> Result<Self, TaskError> {
        let data = request.data;
        let Some(target) = data.target.as_ref().map(|t| &t.values) else {
            return Err(TaskError::data(
                "has no target column, expected one to learn anomalies from",
                "name one: `target = \"column\"` under [dataset]; or a detector that is trained: \
                 `model = \"path\"` under [task]",
            ));
        };
        let rows = data.features.nrows();
        let all: Vec<usize> = (0..rows).collect();
        let learnt_from = if folds > 0 { &all } else { &data.train };
        let mut places: Vec<usize> = (0..data.columns.len()).collect();
        // What is missing throughout cannot be learnt from, and is refused below.
        let units = series::units(&data.features, learnt_from);
        let series = Series::new(data, &places, &units, training.clip)?;
        let fit = |rows: &[usize]| training.fit(&series, &units, target, rows);
        let (fitted, fold_of) = if folds > 0 {
            check_binary(target, "whole")?;
            let fold_of = assign_folds(&target.to_vec(), folds, request.seed)?;
            let others = |fold: usize| -> Vec<usize> {
                let is_other = |row: &usize| fold_of[*row] != fold;
                all.iter().copied().filter(is_other).collect()
            };
            let fitted = (0..folds).map(|fold| fit(&others(fold)));
            (fitted.collect::<Result<Vec<Fitted>, _>>()?, fold_of)
        } else {
            check_test(data, target)?;
            (vec![fit(&data.train)?], vec![0; rows])
        };
        let mut notes: Vec<String> = fitted.iter().filter_map(|f| f.note.clone()).collect();
        notes.dedup();
        let shown = data.features.select(Axis(0), learnt_from);
        notes.extend(note_on_squeezed(shown.view(), &data.columns));
        let thresholds: Vec<String> = fitted
            .iter()
            .map(|f| describe_threshold(&f.detector))
            .collect();
        notes.push(format!(
            "alarms above {}, chosen to alarm on {:.0} % of the training rows",
            thresholds.join(", "),
            100.0 * training.alarm_rate
        ));
        let saved = if folds > 0 {
            notes.push(format!(
                "each row is scored by the one of {folds} detectors whose training did not see \
                 it; `model.json` is one more, trained on all rows. No label goes from one fold to \
                 another, but the units that values are clipped in are of all rows"
            ));
            fit(&all)?.detector
        } else {
            fitted[0].detector.clone()
        };
        places.retain(|j| fitted.iter().any(|f| f.places.contains(j)));
        let series = series.of_sensors(&places);
        if series.clipped > 0 {
            notes.push(format!(
                "{} values of all sensors were beyond {} standard deviations and moved there, in \
                 the clear too",
                series.clipped, training.clip
            ));
        }
        let part = if folds > 0 {
            let name = |fold: &usize| format!("fold {}", fold + 1);
            fold_of.iter().map(name).collect()
        } else {
            notes.push(format!(
                "all {rows} rows are scored; measures are of the test part's {}",
                data.test.len()
            ));
            let mut part = vec!["train".to_owned(); rows];
            for row in &data.test {
                part[*row] = "test".into();
            }
            part
        };
        let spread = |f: Fitted| over_all(f, &places, &series.names, &units);
        Ok(Self {
            detectors: fitted.into_iter().map(spread).collect(),
            detector_of: fold_of,
            part,
            measured: if folds > 0 { all } else { data.test.clone() },
            saved: Some(saved),
            series,
            notes,
        })
    }

    /// Scores all rows by a detector from a file.
    fn loaded(data: &Dataset, path: &Path) -> Result<Self, TaskError> {
        let detector = detector::load(path)?;
        let place = |sensor: &SavedColumn| {
            let at = data.columns.iter().position(|name| *name == sensor.name);
            at.ok_or_else(|| {
                TaskError::data(
                    format!(
                        "{}: the data have no column `{}`, which the detector in {} looks at",
                        data.place(),
                        sensor.name,
                        path.display()
                    ),
                    "score data of the same sensors, or train a detector on these",
                )
            })
        };
        let places = detector.sensors.iter().map(place);
        let places = places.collect::<Result<Vec<usize>, _>>()?;
        refuse_empty(data, &places, path)?;
        let units: Vec<Unit> = detector.sensors.iter().map(|s| s.unit).collect();
        let series = Series::new(data, &places, &units, detector.clip)?;
        let rows = data.features.nrows();
        if let Some(target) = &data.target
            && target.values.iter().any(|y| *y != 0.0 && *y != 1.0)
        {
            return Err(TaskError::data(
                format!("the target `{}` has values other than 0 and 1", target.name),
                "name the value that counts as 1 under [dataset], as in `positive = \"1\"`",
            ));
        }
        let mut notes = vec![format!(
            "the detector was trained earlier; alarms above {}",
            describe_threshold(&detector)
        )];
        if series.clipped > 0 {
            notes.push(format!(
                "{} values were beyond {} standard deviations and moved there, in the clear too",
                series.clipped, detector.clip
            ));
        }
        Ok(Self {
            series,
            detectors: vec![detector],
            detector_of: vec![0; rows],
            part: vec!["scored".into(); rows],
            measured: (0..rows).collect(),
            saved: None,
            notes,
        })
    }
}

/// Options that train a detector mean nothing where one is loaded; what is not their default was
/// given.
fn refuse_idle(options: &Options) -> Result<(), TaskError> {
    let specs = crate::options().into_iter();
    let mut trains = specs.filter(|spec| TRAINING.contains(&spec.name));
    let given = trains.find_map(|spec| {
        let value = options.get(spec.name)?;
        (Some(value) != spec.default.as_ref()).then(|| format!("`{} = {value}`", spec.name))
    });
    match given {
        Some(given) => Err(TaskError::Options(format!(
            "{given} has no meaning beside `model`, whose detector is trained: leave one of them \
             out"
        ))),
        None => Ok(()),
    }
}

/// The options that only training looks at.
const TRAINING: [&str; 6] = [
    "features",
    "alarm_rate",
    "clip",
    "alpha",
    "class_weight",
    "max_iterations",
];

/// A sensor of a loaded detector cannot be left out, so that the usual help does not apply.
fn refuse_empty(data: &Dataset, places: &[usize], path: &Path) -> Result<(), TaskError> {
    let is_empty = |place: &&usize| data.features.column(**place).iter().all(|x| x.is_nan());
    match places.iter().find(is_empty) {
        Some(place) => Err(TaskError::data(
            format!(
                "{}: column `{}`: found no valid value in its {} rows, expected at least one: the \
                 detector in {} looks at it",
                data.place(),
                data.columns[*place],
                data.features.nrows(),
                path.display()
            ),
            "score more rows together, so that it has a value to interpolate from; or train a \
             detector without this sensor, leaving it out by `drop_columns` under [dataset]",
        )),
        None => Ok(()),
    }
}

/// Without both classes in the test part, most measures are undefined.
fn check_test(data: &Dataset, target: &Array1<f64>) -> Result<(), TaskError> {
    if data.test.is_empty() {
        return Err(TaskError::data(
            "the test part has no rows, expected at least one",
            "set `test_fraction` under [dataset], or `folds = 5` under [task]",
        ));
    }
    check_binary(&target.select(Axis(0), &data.test), "test")
}

fn training(options: &Options) -> Result<Training, TaskError> {
    Ok(Training {
        features: options.integer("features")? as usize,
        clip: options.number("clip")?,
        alarm_rate: options.number("alarm_rate")?,
        logistic: LogisticTraining {
            alpha: options.number("alpha")?,
            balanced: options.choice::<ClassWeight>("class_weight")? == ClassWeight::Balanced,
            max_iterations: options.integer("max_iterations")? as u64,
        },
    })
}

/// The fold of each row, by the seed; each class is split evenly among the folds.
fn assign_folds(target: &[f64], count: usize, seed: u64) -> Result<Vec<usize>, TaskError> {
    if count < 2 {
        return Err(TaskError::Options(
            "`folds = 1` leaves nothing to train on; expected 2 or more, or 0 for the data's own \
             split"
                .into(),
        ));
    }
    let (anomalies, others) = (0..target.len()).partition(|row| target[*row] > 0.5);
    let dealt = folds::stratified(vec![others, anomalies], count, seed).map_err(|few| {
        let TooFewRows { class, rows } = few;
        TaskError::data(
            format!(
                "{rows} rows have target {class}, expected one or more for each of {count} folds"
            ),
            "take fewer folds or more rows",
        )
    })?;
    let mut fold_of = vec![0; target.len()];
    for (fold, rows) in dealt.into_iter().enumerate() {
        for row in rows {
            fold_of[row] = fold;
        }
    }
    Ok(fold_of)
}

/// A detector with the sensors `places`, those that it does not look at with weight 0.
fn over_all(fitted: Fitted, places: &[usize], names: &[String], units: &[Unit]) -> Detector {
    let sensor = |(place, name): (&usize, &String)| match fitted.places.binary_search(place) {
        Ok(at) => fitted.detector.sensors[at].clone(),
        Err(_) => SavedColumn {
            name: name.clone(),
            unit: units[*place],
            mean: 0.0,
            deviation: 1.0,
            weight: 0.0,
        },
    };
    Detector {
        sensors: places.iter().zip(names).map(sensor).collect(),
        ..fitted.detector
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_have_equal_shares_of_each_class() {
        let target: Vec<f64> = (0..103).map(|i| f64::from(u8::from(i % 10 == 0))).collect();
        let fold_of = assign_folds(&target, 5, 1).unwrap();
        for fold in 0..5 {
            let rows = (0..103).filter(|row| fold_of[*row] == fold);
            let (anomalies, others): (Vec<_>, Vec<_>) = rows.partition(|row| target[*row] > 0.5);
            assert!((2..=3).contains(&anomalies.len()), "{anomalies:?}");
            assert!((18..=19).contains(&others.len()), "{others:?}");
        }
        assert_eq!(fold_of, assign_folds(&target, 5, 1).unwrap());
        assert_ne!(fold_of, assign_folds(&target, 5, 2).unwrap());
        for (folds, expect) in [(1, "leaves nothing"), (20, "11 rows have target 1")] {
            let error = assign_folds(&target, folds, 1).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        }
    }
}
