//! Model files: one score each, in the format of all linear models here, which the inference tasks and
//! `anomaly-detection` read. Of two classes it is a logistic model that they can use; of more the
//! highest score tells, and none alone.

use std::path::Path;

use hexperiment_task::encode::EncodedTable;
use hexperiment_task::linear_model::{LinearModel, SavedModel};
use hexperiment_task::{Artefact, TaskError};
use ndarray::{Array2, s};

use crate::classes::Classes;
use crate::local::Parameters;

/// One file for each score, of parameters in units of the table's standardised features.
pub(crate) fn files(
    parameters: &Parameters,
    classes: &Classes,
    table: &EncodedTable,
    clip: f64,
) -> Result<Vec<Artefact>, TaskError> {
    let name = |row: usize| match classes {
        Classes::Two => "model.json".to_owned(),
        Classes::Many(values) => format!("model-{}.json", values[row]),
    };
    (0..parameters.nrows())
        .map(|row| {
            let features = table.columns.len();
            let model = LinearModel {
                weights: parameters.slice(s![row, ..features]).to_owned(),
                intercept: parameters[[row, features]],
            };
            Ok(Artefact {
                name: name(row),
                bytes: SavedModel::new(&model, table, clip, 0.0).to_json()?,
            })
        })
        .collect()
}

/// Reads such files, one for each score in order, into units of this table's features. Their clips
/// and thresholds have no part in where training begins.
pub(crate) fn load(
    paths: &[&str],
    classes: &Classes,
    table: &EncodedTable,
) -> Result<Parameters, TaskError> {
    if paths.len() != classes.scores() {
        return Err(TaskError::Options(format!(
            "`model` names {} files, expected {}: one for two classes, else one for each class in \
             order",
            paths.len(),
            classes.scores()
        )));
    }
    let mut parameters = Array2::zeros((paths.len(), table.columns.len() + 1));
    for (row, path) in paths.iter().enumerate() {
        let bad = |problem: String| {
            TaskError::value(
                &["task.model"],
                format!("{path}: {problem}"),
                "give a model of the features that this run trains, or leave `model` out to begin \
                 with zeros",
            )
        };
        let model = SavedModel::load(Path::new(path))?;
        if model.sensors.len() != table.columns.len() {
            return Err(bad(format!(
                "found {} features, expected {}",
                model.sensors.len(),
                table.columns.len()
            )));
        }
        parameters[[row, table.columns.len()]] = model.intercept;
        for (j, column) in table.columns.iter().enumerate() {
            let named = model.sensors.iter().find(|s| s.name == column.name);
            let sensor = named.ok_or_else(|| bad(format!("has no feature `{}`", column.name)))?;
            let factor = sensor.weight / sensor.deviation;
            let (mean, scale) = (table.standardizer.means[j], table.standardizer.scales[j]);
            // Of the value where this table's is 0.
            let there = (mean - sensor.unit.centre) / sensor.unit.width - sensor.mean;
            parameters[[row, j]] = factor * scale / sensor.unit.width;
            parameters[[row, table.columns.len()]] += factor * there;
        }
        if let Some(x) = parameters.row(row).iter().find(|x| !x.is_finite()) {
            return Err(bad(format!(
                "yields the parameter {x}, expected finite ones"
            )));
        }
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_data::{Part, Partition};
    use hexperiment_task::encode::Encoding;
    use ndarray::{Array1, array};

    fn table(factor: f64) -> EncodedTable {
        let features = array![[1.0, 20.0], [2.0, 50.0], [4.0, 10.0]] * factor;
        let part = Part {
            rows: vec![0, 1, 2],
            target: Array1::zeros(3),
            features,
        };
        let partition = Partition {
            columns: vec!["a".into(), "b".into()],
            train: part.clone(),
            test: part,
        };
        let encoding = Encoding {
            clip: 5.0,
            range_margin: 0.0,
        };
        EncodedTable::new(&partition, &[0, 1], encoding).unwrap()
    }

    fn scores(table: &EncodedTable, raw: &Array2<f64>, p: &Parameters) -> Array2<f64> {
        let z = table.standardizer.apply(raw);
        let ones = Array2::ones((z.nrows(), 1));
        let design = ndarray::concatenate![ndarray::Axis(1), z, ones];
        design.dot(&p.t())
    }

    /// What is read scores rows as what was written, though the table's units have changed.
    #[test]
    fn files_come_back_in_other_units() {
        let folder = tempfile::tempdir().unwrap();
        let many = Classes::Many(vec![0.0, 1.0, 2.0]);
        for classes in [Classes::Two, many] {
            let models = classes.scores();
            let parameters =
                Array2::from_shape_fn((models, 3), |(i, j)| (i as f64 + 1.5) * (j as f64 - 0.7));
            let files = files(&parameters, &classes, &table(1.0), 5.0).unwrap();
            let paths: Vec<_> = files
                .iter()
                .map(|file| {
                    let path = folder.path().join(&file.name);
                    std::fs::write(&path, &file.bytes).unwrap();
                    path.to_str().unwrap().to_owned()
                })
                .collect();
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let raw = array![[3.0, 7.0], [-1.0, 60.0]];
            let before = scores(&table(1.0), &raw, &parameters);
            let other = table(2.5);
            let after = scores(&other, &raw, &load(&paths, &classes, &other).unwrap());
            assert!((before - after).iter().all(|d| d.abs() < 1e-12));
        }
    }

    #[test]
    fn bad_files_are_explained() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.json");
        let path = path.to_str().unwrap();
        let check = |text: &str, expect: &str| {
            std::fs::write(path, text).unwrap();
            let error = load(&[path], &Classes::Two, &table(1.0)).unwrap_err();
            assert!(error.to_string().contains(expect), "{error}");
        };
        check("{}", "is no saved model");
        let empty = r#"{"clip":5,"sensors":[],"intercept":0,"threshold":0}"#;
        check(empty, "found no column");
        let sensor = |name: &str, width: f64| {
            format!(
                r#"{{"name":"{name}","unit":{{"centre":0,"width":{width}}},"mean":0,"deviation":1,"weight":1}}"#
            )
        };
        let two = |a: String, b: String| {
            format!(r#"{{"clip":5,"sensors":[{a},{b}],"intercept":0,"threshold":0}}"#)
        };
        check(
            &two(sensor("a", 1.0), sensor("c", 1.0)),
            "has no feature `b`",
        );
        check(&two(sensor("a", 1.0), sensor("b", 0.0)), "expected above 0");
        check(
            &two(sensor("a", 1.0), sensor("b", 5e-324)),
            "expected finite",
        );
        let one = format!(
            r#"{{"clip":5,"sensors":[{}],"intercept":0,"threshold":0}}"#,
            sensor("a", 1.0)
        );
        check(&one, "found 1 features, expected 2");
        let error = load(&["nowhere.json"], &Classes::Two, &table(1.0)).unwrap_err();
        assert!(error.to_string().contains("nowhere.json"), "{error}");
        let error = load(&[], &Classes::Two, &table(1.0)).unwrap_err();
        assert!(error.to_string().contains("names 0 files"), "{error}");
    }
}
