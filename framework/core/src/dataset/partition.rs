//! The training and the test part, missing values dealt with.

use ndarray::{Array1, Array2, Axis};

use super::{Dataset, MissingPolicy, Part, Partition, transform};
use crate::task::TaskError;

impl Dataset {
    /// The two parts. Fails without a target, with an empty part, or where a missing value
    /// cannot be dealt with by the policy.
    pub fn partition(&self) -> Result<Partition, TaskError> {
        let Some(target) = &self.target else {
            return Err(TaskError::data(
                format!("data set `{}` has no target column", self.name),
                "name one: `target = \"column\"` under [dataset]",
            ));
        };
        for (rows, what) in [(&self.train, "training"), (&self.test, "test")] {
            if rows.is_empty() {
                return Err(TaskError::data(
                    format!("data set `{}`: the {what} part has no rows", self.name),
                    format!(
                        "there are {} rows in all; change `test_fraction` or `limit`",
                        self.features.nrows()
                    ),
                ));
            }
        }
        let part = |rows: &[usize]| Part {
            rows: rows.to_vec(),
            features: self.features.select(Axis(0), rows),
            target: Array1::from_iter(rows.iter().map(|r| target.values[*r])),
        };
        let (mut train, mut test) = (part(&self.train), part(&self.test));
        match self.missing {
            MissingPolicy::Keep => {}
            MissingPolicy::Refuse | MissingPolicy::DropRows => self.refuse_gaps()?,
            MissingPolicy::Median => {
                let medians = self.medians(&train.features)?;
                for table in [&mut train.features, &mut test.features] {
                    fill(table, &medians);
                }
            }
        }
        Ok(Partition {
            columns: self.columns.clone(),
            train,
            test,
        })
    }

    fn refuse_gaps(&self) -> Result<(), TaskError> {
        let gaps = self.features.iter().filter(|x| x.is_nan()).count();
        let first = self.features.indexed_iter().find(|(_, x)| x.is_nan());
        let Some(((row, column), _)) = first else {
            return Ok(());
        };
        Err(TaskError::data(
            format!(
                "data set `{}`: {gaps} values are missing, the first in row {row}, column `{}`",
                self.name, self.columns[column]
            ),
            "say what to do: `missing = \"drop-rows\"` or `missing = \"median\"` under [dataset]",
        ))
    }

    fn medians(&self, train: &Array2<f64>) -> Result<Vec<f64>, TaskError> {
        let each = train.columns().into_iter().zip(&self.columns);
        each.map(|(column, name)| {
            transform::median(column).ok_or_else(|| {
                TaskError::data(
                    format!("column `{name}` has no value at all in the training part"),
                    format!("drop it: `drop_columns = [\"{name}\"]` under [dataset]"),
                )
            })
        })
        .collect()
    }
}

fn fill(table: &mut Array2<f64>, with: &[f64]) {
    for (mut column, value) in table.columns_mut().into_iter().zip(with) {
        column.mapv_inplace(|x| if x.is_nan() { *value } else { x });
    }
}
