//! Series as the client encrypts them: in units of its own, clipped, with zeros at the gaps.

use hexperiment_data::Dataset;
use hexperiment_data::gaps::{Fill, Gap, find, whole_series};
use hexperiment_data::transform::Spread;
use hexperiment_task::TaskError;
use hexperiment_task::clipping::Moved;
use hexperiment_task::linear_model::Unit;
use ndarray::{Array2, ArrayView1, Axis};

/// The unit that a sensor's values are sent in, public and part of the model: mean and standard
/// deviation of what is valid among `values`. Of a sensor that is constant, that has no value here, or
/// none that can be squared, nothing can be learnt: it is sent as it is, and clipped.
fn unit(values: ArrayView1<'_, f64>) -> Unit {
    match Spread::of(values) {
        Some(spread) if spread.is_constant() => Unit {
            centre: spread.mean,
            width: 1.0,
        },
        Some(spread) => Unit {
            centre: spread.mean,
            width: spread.deviation,
        },
        None => Unit {
            centre: 0.0,
            width: 1.0,
        },
    }
}

/// One for each column, by the rows `train`.
pub(crate) fn units(table: &Array2<f64>, train: &[usize]) -> Vec<Unit> {
    let train = table.select(Axis(0), train);
    train.columns().into_iter().map(unit).collect()
}

/// Series side by side, a sensor in each column; rows are points in time.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// The sensors' names.
    pub(crate) names: Vec<String>,
    /// Values in the sensors' units, between plus and minus the clip; 0 where missing.
    pub(crate) sent: Array2<f64>,
    /// The same values with their gaps filled in the clear.
    pub(crate) filled: Array2<f64>,
    /// Fill of each missing cell, by column and row.
    pub(crate) fills: Vec<Fill>,
    /// Values that were moved to the clip.
    pub(crate) clipped: usize,
    /// The same series before any value was; `None` where none was.
    pub(crate) unclipped: Option<Unclipped>,
}

/// Series before values were moved to the clip.
#[derive(Clone, Debug)]
pub(crate) struct Unclipped {
    /// Values in the sensors' units; 0 where missing.
    pub(crate) sent: Array2<f64>,
    /// The same values with their gaps filled.
    pub(crate) filled: Array2<f64>,
}

impl Series {
    /// All rows of the columns `chosen`, by place. Fails where rows are left out, where gaps were
    /// filled before, and where a sensor has no valid value.
    pub(crate) fn new(
        data: &Dataset,
        chosen: &[usize],
        units: &[Unit],
        clip: f64,
    ) -> Result<Self, TaskError> {
        whole_series(data)?;
        let names: Vec<String> = chosen.iter().map(|j| data.columns[*j].clone()).collect();
        let mut sent = data.features.select(Axis(1), chosen);
        refuse_infinite(&sent, &names)?;
        let fills: Vec<Fill> = find(sent.view(), &names)?
            .iter()
            .flat_map(Gap::fills)
            .collect();
        for (mut column, unit) in sent.columns_mut().into_iter().zip(units) {
            column.mapv_inplace(|x| (x - unit.centre) / unit.width);
        }
        let with_gaps_filled = |mut sent: Array2<f64>| {
            let mut filled = sent.clone();
            for fill in &fills {
                filled[[fill.row, fill.column]] = fill.value(sent.view());
            }
            sent.mapv_inplace(|x| if x.is_nan() { 0.0 } else { x });
            (sent, filled)
        };
        let clipped = sent.iter().filter(|z| z.abs() > clip).count();
        let unclipped = (clipped > 0).then(|| {
            let (sent, filled) = with_gaps_filled(sent.clone());
            Unclipped { sent, filled }
        });
        // A gap stays NaN here.
        sent.mapv_inplace(|z| z.clamp(-clip, clip));
        let (sent, filled) = with_gaps_filled(sent);
        Ok(Self {
            names,
            sent,
            filled,
            fills,
            clipped,
            unclipped,
        })
    }

    /// What was moved to the clip.
    pub(crate) fn moved(&self) -> Moved {
        self.unclipped.as_ref().map_or_else(Moved::default, |u| {
            Moved::between(&self.names, u.sent.view(), self.sent.view())
        })
    }

    /// Of some of its sensors, by place, rising.
    pub(crate) fn of_sensors(&self, kept: &[usize]) -> Self {
        let fills = self.fills.iter().filter_map(|fill| {
            let column = kept.binary_search(&fill.column).ok()?;
            Some(Fill {
                column,
                ..fill.clone()
            })
        });
        Self {
            names: kept.iter().map(|j| self.names[*j].clone()).collect(),
            sent: self.sent.select(Axis(1), kept),
            filled: self.filled.select(Axis(1), kept),
            fills: fills.collect(),
            clipped: self.clipped,
            unclipped: self.unclipped.as_ref().map(|u| Unclipped {
                sent: u.sent.select(Axis(1), kept),
                filled: u.filled.select(Axis(1), kept),
            }),
        }
    }
}

fn refuse_infinite(table: &Array2<f64>, names: &[String]) -> Result<(), TaskError> {
    let Some(((row, column), x)) = table.indexed_iter().find(|(_, x)| x.is_infinite()) else {
        return Ok(());
    };
    Err(TaskError::data(
        format!(
            "row {row}, column `{}`: found {x}, expected a finite number or a gap",
            names[column]
        ),
        "say that it stands for a missing value: `missing_marker` under [dataset]",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_data::MissingPolicy;
    use hexperiment_task::testkit::series as data;
    use ndarray::array;

    const X: f64 = f64::NAN;

    #[test]
    fn values_are_clipped_before_gaps_are_filled() {
        let table = array![[0.0, 5.0], [X, 1.0], [90.0, X], [2.0, X]];
        let units = [
            Unit {
                centre: 0.0,
                width: 2.0,
            },
            Unit {
                centre: 1.0,
                width: 1.0,
            },
        ];
        let series = Series::new(&data(table), &[0, 1], &units, 3.0).unwrap();
        assert_eq!(
            series.sent,
            array![[0.0, 3.0], [0.0, 0.0], [3.0, 0.0], [1.0, 0.0]]
        );
        assert_eq!(
            series.filled,
            array![[0.0, 3.0], [1.5, 0.0], [3.0, 0.0], [1.0, 0.0]]
        );
        assert_eq!((series.clipped, series.fills.len()), (2, 3));
        let moved = series.moved();
        assert_eq!((moved.values, moved.columns.len()), (2, 2));
        // 90 / 2 to 3.
        assert_eq!(moved.largest, 42.0);
        let before = series.unclipped.as_ref().unwrap();
        assert_eq!(
            before.filled,
            array![[0.0, 4.0], [22.5, 0.0], [45.0, 0.0], [1.0, 0.0]]
        );
        let one = series.of_sensors(&[1]);
        assert_eq!(one.moved().values, 1);
        assert_eq!((one.names.len(), one.fills.len()), (1, 2));
        assert!(one.fills.iter().all(|f| f.column == 0));
    }

    #[test]
    fn units_are_the_training_parts() {
        let table = array![[1.0, 4.0, X], [3.0, 4.0, X], [X, 4.0, X], [70.0, 1.0, 2.0]];
        let units = units(&table, &[0, 1, 2]);
        let got: Vec<(f64, f64)> = units.iter().map(|u| (u.centre, u.width)).collect();
        assert_eq!(got, [(2.0, 1.0), (4.0, 1.0), (0.0, 1.0)]);
    }

    #[track_caller]
    fn refused(data: &Dataset, expect: &str) {
        let units = units(&data.features, &[0]);
        let error = Series::new(data, &[0], &units, 5.0).unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
    }

    #[test]
    fn what_is_no_series_is_explained() {
        refused(&data(array![[X], [X]]), "column `s0`");
        refused(&data(array![[1.0], [f64::INFINITY]]), "row 1, column `s0`");
        let mut median = data(array![[1.0], [X]]);
        median.missing = MissingPolicy::Median;
        refused(&median, "missing = \"keep\"");
    }
}
