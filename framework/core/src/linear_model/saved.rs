//! A linear model in a file, as the tasks leave it and take it: `model.json`.

use std::path::Path;

use ndarray::{Array2, ArrayView1, Axis};
use serde::{Deserialize, Serialize};

use super::LinearModel;
use crate::dataset::Partition;
use crate::dataset::encode::EncodedTable;
use crate::dataset::transform::Standardizer;
use crate::program::{Column, Interval};
use crate::task::TaskError;

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
    pub fn to_json(&self) -> Result<Vec<u8>, TaskError> {
        serde_json::to_vec_pretty(self).map_err(|e| TaskError::Model {
            model: "saved model",
            message: e.to_string(),
        })
    }

    /// Reads a file that an earlier run left.
    pub fn load(path: &Path) -> Result<Self, TaskError> {
        let help = "give the path of a `model.json` that an earlier run left below \
                    `runs/.../artefacts/`, from the folder that the program is started in \
                    (`runs/latest` is the newest run, with `--resume` the interrupted one), or leave \
                    `model` out";
        let bad = |problem: String| TaskError::data(format!("{}: {problem}", path.display()), help);
        let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
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
        let shifts = self.sensors.iter().map(|s| s.factor() * s.mean);
        self.intercept - self.threshold - shifts.sum::<f64>()
    }

    /// The margin of a row, one value for each column in the column's unit: above 0 it is positive.
    pub fn margin(&self, row: ArrayView1<'_, f64>) -> f64 {
        let terms = self.sensors.iter().zip(row);
        self.bias() + terms.map(|(s, x)| s.factor() * x).sum::<f64>()
    }

    /// A partition's columns as the model wants them, with the training part's ranges, widened
    /// by `range_margin` of their width, as public ranges. Fails where a column is not there, or has
    /// gaps.
    pub fn encode(
        &self,
        partition: &Partition,
        range_margin: f64,
    ) -> Result<EncodedTable, TaskError> {
        let place = |name: &String| {
            partition
                .columns
                .iter()
                .position(|c| c == name)
                .ok_or_else(|| {
                    TaskError::data(
                        format!("has no column `{name}`, which the model weights"),
                        format!("columns: {}", partition.columns.join(", ")),
                    )
                })
        };
        let names = self.sensors.iter().map(|s| &s.name);
        let places = names.map(place).collect::<Result<Vec<_>, _>>()?;
        let pick = |part: &Array2<f64>| part.select(Axis(1), &places);
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
        let within = |mut table: Array2<f64>, limits: &[Interval]| {
            for (mut column, limit) in table.columns_mut().into_iter().zip(limits) {
                column.mapv_inplace(|x| limit.clamp(x));
            }
            table
        };
        let train = within(standardizer.apply(&train), &limits);
        let test = within(standardizer.apply(&test), &limits);
        let ranges: Vec<Interval> = train
            .columns()
            .into_iter()
            .zip(&limits)
            .map(|(column, limit)| {
                let hull = Interval::hull(column.iter().copied()).unwrap_or(Interval::point(0.0));
                let wide = hull.padded((range_margin * hull.width()).max(1e-3));
                Interval::new(wide.low.max(limit.low), wide.high.min(limit.high))
            })
            .collect();
        let encrypted = within(test.clone(), &ranges);
        let columns = self.sensors.iter().zip(&ranges).map(|(s, range)| Column {
            name: s.name.clone(),
            range: *range,
        });
        Ok(EncodedTable {
            columns: columns.collect(),
            train,
            test,
            encrypted,
            standardizer,
            notes: vec![format!(
                "a saved model of {} columns: nothing is trained",
                self.sensors.len()
            )],
        })
    }

    fn check(&self) -> Result<(), String> {
        if self.sensors.is_empty() {
            return Err("found no column, expected one or more".into());
        }
        if !(self.clip > 0.0 && self.clip.is_finite()) {
            return Err(format!("`clip`: found {}, expected above 0", self.clip));
        }
        for (i, s) in self.sensors.iter().enumerate() {
            for (what, x) in [("width", s.unit.width), ("deviation", s.deviation)] {
                if x <= 0.0 {
                    let name = &s.name;
                    return Err(format!("`{name}`, `{what}`: found {x}, expected above 0"));
                }
            }
            if self.sensors[..i].iter().any(|other| other.name == s.name) {
                return Err(format!("column `{}` is there twice", s.name));
            }
        }
        Ok(())
    }
}
