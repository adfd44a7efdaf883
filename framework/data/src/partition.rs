//! The training and the test part, missing values dealt with.

use ndarray::{Array1, Array2, Axis};

use super::{Dataset, MissingPolicy, Part, Partition, transform};
use crate::DataError;
use hexperiment_diagnostics::{Complaint, printable};

const DEAL_WITH_GAPS: &str =
    "say what to do: `missing = \"drop-rows\"` or `missing = \"median\"` under [dataset]";

impl Dataset {
    /// The two parts. Fails without a target, with an empty part, or where a missing value
    /// cannot be dealt with by the policy.
    ///
    /// # Errors
    /// For an empty part it names `dataset.test_fraction` and `dataset.limit` as options to blame,
    /// else none. By [`MissingPolicy::Median`] a column without any value in the training part
    /// cannot be dealt with.
    pub fn partition(&self) -> Result<Partition, DataError> {
        let Some(target) = &self.target else {
            return Err(DataError::new(
                "has no target column, expected one to predict",
                format!(
                    "name one: `target = \"column\"` under [dataset]; columns: {}",
                    printable::list(self.columns.iter().map(String::as_str), 20)
                ),
            ));
        };
        for (rows, what) in [(&self.train, "training"), (&self.test, "test")] {
            if rows.is_empty() {
                let options: &[&str] = if self.features.nrows() < 2 {
                    &["dataset.limit", "dataset.test_fraction"]
                } else {
                    &["dataset.test_fraction", "dataset.limit"]
                };
                return Err(DataError::value(
                    options,
                    format!(
                        "{}: the {what} part has no rows, expected at least one",
                        self.place()
                    ),
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
            MissingPolicy::Refuse => self.refuse_gaps(0..self.features.nrows())?,
            // Rows that were dropped are in neither part, and keep their gaps.
            MissingPolicy::DropRows | MissingPolicy::CompleteRows => {
                self.refuse_gaps(self.train.iter().chain(&self.test).copied())?;
            }
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

    /// The file it came from, for messages; the name of embedded data.
    pub fn place(&self) -> String {
        match &self.provenance.file {
            Some(file) => file.display().to_string(),
            None => format!("data set `{}`", self.name),
        }
    }

    /// Where gaps are to be refused, does so with the line of the first; `lines` holds that of
    /// each row.
    pub(super) fn refuse_gaps_at(&self, lines: &[usize]) -> Result<(), Complaint> {
        if self.missing != MissingPolicy::Refuse {
            return Ok(());
        }
        let gaps = self.features.indexed_iter().filter(|(_, x)| x.is_nan());
        let Some((row, column, all)) = self.described(gaps.map(|(at, _)| at)) else {
            return Ok(());
        };
        let problem = format!(
            "column `{}`: the value is missing, expected a number; {all}",
            self.columns[column]
        );
        let file = self.provenance.file.clone();
        let complaint = Complaint::new(file.unwrap_or_else(|| self.name.clone().into()), problem);
        let complaint = complaint.help(DEAL_WITH_GAPS);
        Err(match lines.get(row) {
            Some(line) => complaint.at_line(*line),
            None => complaint,
        })
    }

    fn refuse_gaps(&self, rows: impl Iterator<Item = usize>) -> Result<(), DataError> {
        let gaps = rows
            .flat_map(|row| (0..self.features.ncols()).map(move |column| (row, column)))
            .filter(|at| self.features[*at].is_nan());
        let Some((row, column, all)) = self.described(gaps) else {
            return Ok(());
        };
        Err(DataError::new(
            format!(
                "{all}; the first is in row {row}, column `{}`",
                self.columns[column]
            ),
            DEAL_WITH_GAPS,
        ))
    }

    /// The row and the column of the first gap, and how many each column has, in words.
    fn described(
        &self,
        gaps: impl Iterator<Item = (usize, usize)>,
    ) -> Option<(usize, usize, String)> {
        let mut counts = vec![0; self.features.ncols()];
        let mut first = None;
        for at in gaps {
            counts[at.1] += 1;
            first = first.min(Some(at)).or(Some(at));
        }
        let (row, column) = first?;
        let with_gaps: Vec<String> = counts
            .iter()
            .zip(&self.columns)
            .filter(|(count, _)| **count > 0)
            .map(|(count, name)| format!("{count} of `{name}`"))
            .collect();
        let total: usize = counts.iter().sum();
        let all = match with_gaps.as_slice() {
            [_] if total == 1 => "1 value is missing in all".into(),
            [_] => format!("{total} values are missing in all"),
            several => {
                let each = printable::list(several.iter().map(String::as_str), 10);
                format!("{total} values are missing in all: {each}")
            }
        };
        Some((row, column, all))
    }

    fn medians(&self, train: &Array2<f64>) -> Result<Vec<f64>, DataError> {
        let each = train.columns().into_iter().zip(&self.columns);
        each.map(|(column, name)| {
            transform::median_of_known(column).ok_or_else(|| {
                DataError::new(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Provenance, Target};
    use ndarray::array;

    /// Row 1 has a gap; `train` and `test` say which rows are dealt.
    #[track_caller]
    fn check(missing: MissingPolicy, train: &[usize], expect: Result<f64, &str>) {
        let data = Dataset {
            name: "gaps".into(),
            columns: vec!["a".into(), "b".into()],
            features: array![[1.0, 2.0], [3.0, f64::NAN], [5.0, 6.0], [7.0, 8.0]],
            target: Some(Target {
                name: "y".into(),
                values: array![0.0, 1.0, 2.0, 3.0],
            }),
            labels: vec![],
            train: train.to_vec(),
            test: vec![3],
            missing,
            provenance: Provenance::default(),
        };
        match (data.partition(), expect) {
            (Ok(got), Ok(last)) => {
                assert_eq!(got.train.rows, train);
                assert_eq!(got.train.features[[train.len() - 1, 1]], last);
                assert_eq!(got.test.target, array![3.0]);
            }
            (Err(got), Err(want)) => assert!(got.to_string().contains(want), "{got}"),
            (got, want) => panic!("got {got:?}, want {want:?}"),
        }
    }

    #[test]
    fn gaps_are_dealt_with_by_policy() {
        check(MissingPolicy::DropRows, &[0, 2], Ok(6.0));
        check(MissingPolicy::DropRows, &[0, 1], Err("row 1, column `b`"));
        check(MissingPolicy::Refuse, &[0, 2], Err("1 value is missing"));
        // The median of the training part, 2 and 6; the test part's 8 does not count.
        check(MissingPolicy::Median, &[0, 2, 1], Ok(4.0));
        check(
            MissingPolicy::Refuse,
            &[],
            Err("the training part has no rows"),
        );
    }
}
