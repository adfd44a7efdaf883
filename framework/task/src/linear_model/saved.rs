//! A linear model in a file, as the tasks leave it and take it: `model.json`.

use std::collections::HashSet;
use std::path::Path;

use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize};

use super::{LinearModel, LinearModelSettings};
use crate::TaskError;
use crate::encode::EncodedTable;
use hexperiment_data::Partition;
use hexperiment_data::transform::Standardizer;
use hexperiment_diagnostics::{files, printable};
use hexperiment_program::Interval;

/// The largest clip that an option takes: one that nothing reaches counts as this.
pub(super) const LARGEST_CLIP: f64 = 1e6;

/// A little more than the logit of 0.999, the largest probability that may be asked for as a threshold,
/// whether or not a row reaches it.
const LARGEST_LOGIT: f64 = 7.0;

/// What one unit of a column is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// What becomes 0.
    pub centre: f64,
    /// What becomes 1 more.
    pub width: f64,
}

/// One column of a saved model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedColumn {
    /// Its name in the data.
    pub name: String,
    /// In which its values are clipped.
    pub unit: Unit,
    /// Of the training rows, in that unit.
    pub mean: f64,
    /// Of the training rows, in that unit.
    pub deviation: f64,
    /// Of the standardised value.
    pub weight: f64,
}

impl SavedColumn {
    /// What a value in the column's unit is multiplied by: standardisation and weight in one.
    pub fn factor(&self) -> f64 {
        self.weight / self.deviation
    }
}

/// A linear model with all that is needed to score rows of the data's own units: the format of
/// `model.json`. Where the columns are series, they are interpolated before they are standardised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedModel {
    /// Values are moved to so many units from the centre at most.
    pub clip: f64,
    /// The columns.
    pub sensors: Vec<SavedColumn>,
    /// The constant of the score.
    pub intercept: f64,
    /// The score above which a row is positive.
    pub threshold: f64,
}

impl SavedModel {
    /// A model of standardised features. An infinite clip, which JSON lacks, becomes one that
    /// nothing reaches.
    pub fn new(model: &LinearModel, table: &EncodedTable, clip: f64, threshold: f64) -> Self {
        let (means, scales) = (&table.standardizer.means, &table.standardizer.scales);
        let columns = table
            .columns
            .iter()
            .enumerate()
            .map(|(j, column)| SavedColumn {
                name: column.name.clone(),
                unit: Unit {
                    centre: means[j],
                    width: scales[j],
                },
                mean: 0.0,
                deviation: 1.0,
                weight: model.weights[j],
            });
        Self {
            clip: clip.min(1e300),
            sensors: columns.collect(),
            intercept: model.intercept,
            threshold,
        }
    }

    /// Its file's text.
    ///
    /// # Errors
    /// `TaskError::Model` where serialization fails, which no value of the fields causes.
    pub fn to_json(&self) -> Result<Vec<u8>, TaskError> {
        serde_json::to_vec_pretty(self).map_err(|e| TaskError::Model {
            model: "saved model",
            message: e.to_string(),
        })
    }

    /// Reads a file that an earlier run left.
    ///
    /// # Errors
    /// `TaskError::Value`, about `task.model`: the file cannot be read, is no saved model, or holds
    /// one that cannot be used, such as one without columns, with a deviation of 0, or with a
    /// threshold that no row reaches.
    pub fn load(path: &Path) -> Result<Self, TaskError> {
        let help = "give the path of a `model.json` that an earlier run left below \
                    `runs/.../artefacts/`, from the folder that the program is started in \
                    (`runs/latest` is the newest run, with `--resume` the interrupted one), or leave \
                    `model` out";
        let bad = |problem: String| {
            let problem = format!("{}: {problem}", path.display());
            TaskError::value(&["task.model"], problem, help)
        };
        let text = files::read_text(path, files::MODEL, help).map_err(|complaint| {
            let help = complaint.help.unwrap_or_default();
            let problem = format!("{}: {}", path.display(), complaint.message);
            TaskError::value(&["task.model"], problem, help)
        })?;
        let read: Self =
            serde_json::from_str(&text).map_err(|e| bad(format!("is no saved model: {e}")))?;
        read.check().map_err(bad)?;
        Ok(read)
    }

    /// The model on standardised columns.
    pub fn model(&self) -> LinearModel {
        LinearModel {
            weights: self.sensors.iter().map(|s| s.weight).collect(),
            intercept: self.intercept,
        }
    }

    /// What is added to the weighted values to make a margin: the intercept less threshold and means.
    pub fn bias(&self) -> f64 {
        self.score_at_centre() - self.threshold
    }

    /// The score of a row whose values are 0 in their columns' units.
    fn score_at_centre(&self) -> f64 {
        let shifts = self.sensors.iter().map(|s| s.factor() * s.mean);
        self.intercept - shifts.sum::<f64>()
    }

    /// The margin of a row, one value for each column in the column's unit: above 0 it is positive.
    pub fn margin(&self, row: ArrayView1<'_, f64>) -> f64 {
        let terms = self.sensors.iter().zip(row);
        self.bias() + terms.map(|(s, x)| s.factor() * x).sum::<f64>()
    }

    /// The model in a file with a partition's table as it wants it, for tasks that train one else: its
    /// columns and its clip hold, so that none may be selected.
    ///
    /// # Errors
    /// `TaskError::Options` where features are selected; else as [`SavedModel::load`] and
    /// [`SavedModel::encode`].
    pub fn load_for(
        path: &Path,
        partition: &Partition,
        settings: LinearModelSettings,
    ) -> Result<(Self, EncodedTable), TaskError> {
        if settings.features > 0 {
            return Err(TaskError::Options(format!(
                "`features = {}` selects features, `model` has its own; give one of them",
                settings.features
            )));
        }
        let saved = Self::load(path)?;
        let table = saved.encode(partition, settings.encoding.range_margin)?;
        Ok((saved, table))
    }

    /// A partition's columns as the model wants them, with the training part's ranges, widened
    /// by `range_margin` of their width, as public ranges. A category that these data do not show, of
    /// a column of which they show others, is 0 throughout. Fails where another column is not there,
    /// or has gaps.
    ///
    /// # Errors
    /// `TaskError::Value`, about `task.model`, for the column that is not there; `TaskError::Data`
    /// for the one with gaps.
    pub fn encode(
        &self,
        partition: &Partition,
        range_margin: f64,
    ) -> Result<EncodedTable, TaskError> {
        let place = |name: &String| {
            let place = partition.columns.iter().position(|c| c == name);
            if place.is_none() && !is_other_category(name, &partition.columns) {
                let columns = partition.columns.iter().map(String::as_str);
                return Err(TaskError::value(
                    &["task.model"],
                    format!("the data has no column `{name}`, which the model weights"),
                    format!("columns: {}", printable::list(columns, 20)),
                ));
            }
            Ok(place)
        };
        let names = self.sensors.iter().map(|s| &s.name);
        let places = names
            .map(place)
            .collect::<Result<Vec<Option<usize>>, _>>()?;
        let pick = |part: &Array2<f64>| {
            let mut table = Array2::zeros((part.nrows(), places.len()));
            for (mut to, place) in table.columns_mut().into_iter().zip(&places) {
                if let Some(place) = place {
                    to.assign(&part.column(*place));
                }
            }
            table
        };
        let (train, test) = (
            pick(&partition.train.features),
            pick(&partition.test.features),
        );
        let gap = |table: &Array2<f64>| {
            table
                .indexed_iter()
                .find(|(_, x)| !x.is_finite())
                .map(|(at, _)| at.1)
        };
        if let Some(column) = gap(&train).or_else(|| gap(&test)) {
            return Err(TaskError::data(
                format!("column `{}` has gaps", self.sensors[column].name),
                "write `missing = \"median\"` or `missing = \"drop-rows\"` under [dataset]",
            ));
        }
        let each = |f: &dyn Fn(&SavedColumn) -> f64| self.sensors.iter().map(f).collect();
        let standardizer = Standardizer {
            means: each(&|s| s.unit.centre + s.unit.width * s.mean),
            scales: each(&|s| s.unit.width * s.deviation),
        };
        let limits: Vec<Interval> = self
            .sensors
            .iter()
            .map(|s| Interval {
                low: (-self.clip - s.mean) / s.deviation,
                high: (self.clip - s.mean) / s.deviation,
            })
            .collect();
        let names: Vec<String> = self.sensors.iter().map(|s| s.name.clone()).collect();
        let parts = [&train, &test];
        let (mut table, [_, far]) =
            EncodedTable::within(parts, standardizer, &names, &limits, range_margin);
        table.notes.push(format!(
            "a saved model of {} columns: nothing is trained",
            self.sensors.len()
        ));
        let absent = self.sensors.iter().zip(&places);
        let absent = absent.filter(|(_, place)| place.is_none());
        let absent: Vec<String> = absent.map(|(s, _)| format!("`{}`", s.name)).collect();
        if !absent.is_empty() {
            table.notes.push(format!(
                "categories that no training row of these data has, and so 0 in every row: {}",
                absent.join(", ")
            ));
        }
        if far > 0 {
            table.notes.push(format!(
                "beyond the saved model's clip, and moved there, in the clear too: {far} of {} test \
                 values",
                table.test.len()
            ));
        }
        Ok(table)
    }

    /// The lowest and the highest score of rows within the clip.
    fn scores(&self) -> Interval {
        let clip = self.clip.min(LARGEST_CLIP);
        let middle = self.score_at_centre();
        let reach = self.sensors.iter().map(|s| (s.factor() * clip).abs());
        let reach: f64 = reach.sum();
        Interval {
            low: middle - reach,
            high: middle + reach,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.sensors.is_empty() {
            return Err("found no column, expected one or more".into());
        }
        if !(self.clip > 0.0 && self.clip.is_finite()) {
            return Err(format!("`clip`: found {}, expected above 0", self.clip));
        }
        let mut names = HashSet::new();
        for s in &self.sensors {
            for (what, x) in [("width", s.unit.width), ("deviation", s.deviation)] {
                if x <= 0.0 {
                    let name = &s.name;
                    return Err(format!("`{name}`, `{what}`: found {x}, expected above 0"));
                }
            }
            if s.mean.abs() > self.clip || s.mean.is_nan() {
                return Err(format!(
                    "`{}`, `mean`: found {:e}, expected one within the clip of {:e}",
                    s.name, s.mean, self.clip
                ));
            }
            if !names.insert(&s.name) {
                return Err(format!("column `{}` is there twice", s.name));
            }
        }
        self.check_scores()
    }

    fn check_scores(&self) -> Result<(), String> {
        let Interval { low, high } = self.scores();
        if !(low.is_finite() && high.is_finite()) {
            return Err(format!(
                "these weights, means and clip allow scores from {low:e} to {high:e}, expected finite \
                 ones"
            ));
        }
        let (low, high) = (low.min(-LARGEST_LOGIT), high.max(LARGEST_LOGIT));
        if !(low..=high).contains(&self.threshold) {
            return Err(format!(
                "`threshold`: found {:e}, expected a score that a row can have: from {low:.3e} to \
                 {high:.3e} with these weights",
                self.threshold
            ));
        }
        Ok(())
    }
}

/// Whether `name` is of a column of categories, as `colour=red`, of which `columns` has others.
fn is_other_category(name: &str, columns: &[String]) -> bool {
    name.match_indices('=').any(|(at, _)| {
        let column = &name[..=at];
        columns.iter().any(|other| other.starts_with(column))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_data::Part;
    use ndarray::{Array1, array};

    /// A category that the data do not show is 0; a column that is not there is refused.
    #[test]
    fn categories_that_are_not_there_are_0() {
        let part = Part {
            rows: vec![0, 1],
            features: array![[10.0, 1.0], [10.2, 0.0]],
            target: Array1::zeros(2),
        };
        let partition = Partition {
            columns: vec!["a".into(), "tree=oak".into()],
            train: part.clone(),
            test: part,
        };
        let encode = |name: &str| {
            let mut model = model();
            model.sensors[1].name = name.into();
            model.sensors[1].unit = Unit {
                centre: 0.0,
                width: 1.0,
            };
            model.encode(&partition, 0.25)
        };
        let table = encode("tree=elm").unwrap();
        // (0 - 0.5) / 2 in every row.
        assert_eq!(table.test.column(1).to_vec(), [-0.25; 2]);
        assert!(
            table.notes.join("; ").contains("`tree=elm`"),
            "{:?}",
            table.notes
        );
        let shown = encode("tree=oak").unwrap();
        assert_eq!(shown.test.column(1).to_vec(), [0.25, -0.25]);
        assert_eq!(shown.notes.len(), 1, "{:?}", shown.notes);
        for name in ["tree", "elm=tree", "b"] {
            let error = encode(name).err().unwrap().to_string();
            assert!(
                error.contains(&format!("has no column `{name}`")),
                "{error}"
            );
        }
    }

    fn model() -> SavedModel {
        let column = |name: &str, weight: f64| SavedColumn {
            name: name.into(),
            unit: Unit {
                centre: 10.0,
                width: 0.1,
            },
            mean: 0.5,
            deviation: 2.0,
            weight,
        };
        SavedModel {
            clip: 5.0,
            sensors: vec![column("a", 1.0), column("b", -30.0)],
            intercept: 0.25,
            threshold: 1.0,
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut SavedModel), expect: Result<(), &str>) {
        let mut model = model();
        change(&mut model);
        match (model.check(), expect) {
            (Ok(()), Ok(())) => {}
            (Err(got), Err(want)) => assert!(got.contains(want), "{got}"),
            (got, want) => panic!("got {got:?}, want {want:?}"),
        }
    }

    /// Scores are 77.5 at most from `0.25 - (1 - 30) * 0.5 / 2 = 7.5`.
    #[test]
    fn thresholds_are_scores_that_rows_can_have() {
        check(|_| {}, Ok(()));
        for (threshold, fine) in [(-70.0, true), (84.9, true), (85.1, false), (-70.1, false)] {
            let want = if fine {
                Ok(())
            } else {
                Err("`threshold`: found")
            };
            check(|m| m.threshold = threshold, want);
        }
        check(
            |m| m.threshold = 1e308,
            Err("found 1e308, expected a score"),
        );
        check(|m| m.threshold = -1e308, Err("from -7.0"));
        // A clip that nothing reaches does not let everything pass.
        check(|m| m.clip = 1e300, Ok(()));
        check(
            |m| (m.clip, m.threshold) = (1e300, 1e308),
            Err("`threshold`: found 1e308"),
        );
        // A rule that no row meets is one all the same.
        check(
            |m| {
                m.sensors.iter_mut().for_each(|s| s.weight = 1e-3);
                m.threshold = 6.9;
            },
            Ok(()),
        );
        check(|m| m.sensors[0].weight = 1e308, Err("expected finite"));
        check(
            |m| m.sensors[0].mean = -1e308,
            Err("`a`, `mean`: found -1e308"),
        );
        check(|m| m.intercept = f64::INFINITY, Err("expected finite"));
    }
}
