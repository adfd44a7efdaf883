//! From a partition to the encrypted table of a linear model: which columns, in which unit, in
//! which range.

use ndarray::{Array2, Axis};

use super::Partition;
use super::transform::Standardizer;
use crate::program::{Column, Input, Interval, Party};

/// The standardised tables of a partition, and the input that declares the test part.
///
/// The client standardises by the training part's means and deviations, which are public with
/// the model, and keeps every value within a range that is public too: the training part's,
/// widened. Test values outside are moved to the nearer end.
#[derive(Clone, Debug)]
pub struct EncodedTable {
    /// Columns chosen, by place in the partition.
    pub chosen: Vec<usize>,
    /// The training part, standardised.
    pub train: Array2<f64>,
    /// The test part, standardised, not clipped: what the model in clear is scored on.
    pub test: Array2<f64>,
    /// The test part, standardised and clipped: what is encrypted.
    pub clipped: Array2<f64>,
    /// Values that clipping changed.
    pub clipped_values: usize,
    /// The means and deviations.
    pub standardizer: Standardizer,
    /// The declaration of the test part as an input of a program.
    pub input: Input,
}

impl EncodedTable {
    /// Encodes the columns `chosen` of a partition. The range of each is the training part's,
    /// widened by `range_margin` of its width at either end; `precision` is the absolute error
    /// that a standardised value may carry.
    pub fn new(
        partition: &Partition,
        chosen: Vec<usize>,
        range_margin: f64,
        precision: f64,
    ) -> Self {
        let train = partition.train.features.select(Axis(1), &chosen);
        let test = partition.test.features.select(Axis(1), &chosen);
        let standardizer = Standardizer::fit(&train);
        let (train, test) = (standardizer.apply(&train), standardizer.apply(&test));
        let columns: Vec<Column> = chosen
            .iter()
            .zip(train.columns())
            .map(|(place, column)| {
                let hull = Interval::hull(column.iter().copied()).unwrap_or(Interval::point(0.0));
                // A constant column still needs some width to be quantised in.
                let room = (range_margin * hull.width()).max(1e-3);
                let range = Interval {
                    low: hull.low - room,
                    high: hull.high + room,
                };
                Column {
                    name: partition.columns[*place].clone(),
                    range,
                }
            })
            .collect();
        let mut clipped = test.clone();
        for (mut values, column) in clipped.columns_mut().into_iter().zip(&columns) {
            values.mapv_inplace(|x| column.range.clamp(x));
        }
        let clipped_values = clipped.iter().zip(&test).filter(|(a, b)| a != b).count();
        let input = Input {
            name: "samples".into(),
            owner: Party::Client(0),
            length: test.nrows(),
            columns,
            precision,
        };
        Self {
            chosen,
            train,
            test,
            clipped,
            clipped_values,
            standardizer,
            input,
        }
    }

    /// A note for the report, if clipping changed anything.
    pub fn note(&self) -> Option<String> {
        (self.clipped_values > 0).then(|| {
            format!(
                "{} of {} test values were outside the declared ranges and were clipped",
                self.clipped_values,
                self.test.len()
            )
        })
    }
}
