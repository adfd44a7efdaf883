//! From a partition to the encrypted table of a model: which columns, in which unit, in which
//! range.

use ndarray::{Array2, ArrayView2, Axis};

use crate::TaskError;
use hexperiment_data::Partition;
use hexperiment_data::transform::{Standardizer, squeezing_outlier};
use hexperiment_program::{Column, Input, Interval, Party};

/// How values are brought into a public range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Encoding {
    /// Values further than so many standard deviations from the training mean are moved there, in
    /// both parts; infinite to leave them. It is part of the model, in the clear too: an outlier
    /// neither pulls at the weights nor widens every range derived from its column's.
    pub clip: f64,
    /// The range of a column is the training part's, after clipping, widened by this share of its
    /// width at either end, within the clip. Test values outside are moved to its ends before
    /// encryption, and only there: what that costs is part of what encryption costs.
    pub range_margin: f64,
}

/// The standardised tables of a partition, and the ranges that declare the test part.
///
/// The client standardises by the training part's means and deviations, which are public with
/// the model, and keeps every value within a range that is public too; see [`Encoding`].
#[derive(Clone, Debug)]
pub struct EncodedTable {
    /// The training part, standardised and clipped; rows x columns.
    pub train: Array2<f64>,
    /// The test part, likewise: what the model in the clear is scored on.
    pub test: Array2<f64>,
    /// The test part within the public ranges: what is encrypted.
    pub encrypted: Array2<f64>,
    /// The means and deviations.
    pub standardizer: Standardizer,
    /// The columns' names and ranges.
    pub columns: Vec<Column>,
    /// What a reader must know of both parts, in the clear too. See also
    /// [`EncodedTable::note_on_encryption`].
    pub notes: Vec<String>,
}

impl EncodedTable {
    /// Encodes the columns `chosen`, by place, of a partition. Fails where one of them has a gap
    /// or an infinite value in either part.
    ///
    /// # Errors
    /// `TaskError::Data`, which names these columns and says how many values are missing.
    pub fn new(
        partition: &Partition,
        chosen: &[usize],
        encoding: Encoding,
    ) -> Result<Self, TaskError> {
        refuse_gaps(partition, chosen)?;
        let raw = partition.train.features.select(Axis(1), chosen);
        let test = partition.test.features.select(Axis(1), chosen);
        let standardizer = Standardizer::fit(&raw);
        let names: Vec<String> = chosen
            .iter()
            .map(|place| partition.columns[*place].clone())
            .collect();
        let limits = vec![Interval::symmetric(encoding.clip); chosen.len()];
        let (mut table, [far, test_far]) = Self::within(
            [&raw, &test],
            standardizer,
            &names,
            &limits,
            encoding.range_margin,
        );
        if far + test_far > 0 {
            table.notes.push(format!(
                "beyond {} standard deviations of the training part, and moved there, in the clear \
                 too: {far} of {} training values, {test_far} of {} test values",
                encoding.clip,
                table.train.len(),
                table.test.len()
            ));
        }
        table.notes.extend(note_on_squeezed(raw.view(), &names));
        Ok(table)
    }

    /// Standardises the training and the test part, moves values beyond the columns' `limits` there,
    /// and encrypted ones into ranges that the training part shows, widened by `range_margin` of their
    /// width within the limits. Yields also how many values of each part were beyond the limits.
    pub(crate) fn within(
        parts: [&Array2<f64>; 2],
        standardizer: Standardizer,
        names: &[String],
        limits: &[Interval],
        range_margin: f64,
    ) -> (Self, [usize; 2]) {
        let standard = parts.map(|part| standardizer.apply(part));
        let [train, test] = standard.each_ref().map(|table| clamped(table, limits));
        let far = [moved(&standard[0], &train), moved(&standard[1], &test)];
        let ranges: Vec<Interval> = train
            .columns()
            .into_iter()
            .zip(limits)
            .map(|(values, limit)| public_range(values.iter().copied(), *limit, range_margin))
            .collect();
        let encrypted = clamped(&test, &ranges);
        let columns = names.iter().cloned().zip(ranges);
        let table = Self {
            train,
            test,
            encrypted,
            standardizer,
            columns: columns
                .map(|(name, range)| Column { name, range })
                .collect(),
            notes: vec![],
        };
        (table, far)
    }

    /// How many values of the test part are moved before encryption, if any: for those who encrypt
    /// it.
    pub fn note_on_encryption(&self) -> Option<String> {
        let outside = moved(&self.test, &self.encrypted);
        (outside > 0).then(|| {
            format!(
                "outside the public ranges, and moved to their ends before encryption only: \
                 {outside} of {} test values",
                self.test.len()
            )
        })
    }

    /// The declaration of the test part, as `name`, whose values may each carry an absolute
    /// error of `precision`, in standard deviations.
    pub fn input(&self, name: &str, precision: f64) -> Input {
        Input {
            name: name.into(),
            owner: Party::Client(0),
            length: self.test.nrows(),
            columns: self.columns.clone(),
            precision,
        }
    }
}

/// How many values differ.
fn moved(before: &Array2<f64>, after: &Array2<f64>) -> usize {
    before.iter().zip(after).filter(|(a, b)| a != b).count()
}

/// Names the columns of which an outlier leaves next to nothing, if there are any: as
/// [`squeezing_outlier`] says of the values that they are standardised by.
pub fn note_on_squeezed(table: ArrayView2<'_, f64>, names: &[String]) -> Option<String> {
    let columns = table.columns().into_iter().zip(names);
    let squeezed: Vec<(&String, f64)> = columns
        .filter_map(|(values, name)| Some((name, squeezing_outlier(values)?)))
        .collect();
    let (first, outlier) = squeezed.first()?;
    let names = name_all(squeezed.iter().map(|(name, _)| name.as_str()));
    Some(format!(
        "squeezed to next to nothing by values far out, such as {outlier:e} in `{first}`: {names}; \
         correct them, say by `missing_marker` that they stand for missing ones, or leave the \
         columns out"
    ))
}

/// The public range of a standardised column whose values are within `limit`.
fn public_range(values: impl Iterator<Item = f64>, limit: Interval, range_margin: f64) -> Interval {
    let hull = Interval::hull(values).unwrap_or(Interval::point(0.0));
    // A constant column still needs some width to be quantised in.
    let wide = hull.padded((range_margin * hull.width()).max(1e-3));
    Interval::new(wide.low.max(limit.low), wide.high.min(limit.high))
}

/// Each column moved into its interval.
fn clamped(table: &Array2<f64>, within: &[Interval]) -> Array2<f64> {
    let mut table = table.clone();
    for (mut column, interval) in table.columns_mut().into_iter().zip(within) {
        column.mapv_inplace(|x| interval.clamp(x));
    }
    table
}

/// Columns of which the training part shows one value only, by place: nothing can be learnt
/// from them, and they cannot be standardised. Gaps are not values.
pub fn constant_columns(partition: &Partition) -> Vec<usize> {
    let columns = partition.train.features.columns();
    let constant = columns.into_iter().enumerate().filter(|(_, values)| {
        let hull = Interval::hull(values.iter().copied().filter(|x| !x.is_nan()));
        // Rounding alone does not make a column vary.
        hull.is_none_or(|h| h.width() <= 1e-12 * h.magnitude())
    });
    constant.map(|(place, _)| place).collect()
}

/// The names of columns, by place, for messages: the first ten, then how many more.
pub fn name_columns(partition: &Partition, places: &[usize]) -> String {
    name_all(
        places
            .iter()
            .map(|place| partition.columns[*place].as_str()),
    )
}

fn name_all<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let all = names.len();
    let mut shown: Vec<String> = names.take(10).map(|name| format!("`{name}`")).collect();
    if all > shown.len() {
        shown.push(format!("{} more", all - shown.len()));
    }
    shown.join(", ")
}

fn refuse_gaps(partition: &Partition, chosen: &[usize]) -> Result<(), TaskError> {
    let parts = [&partition.train.features, &partition.test.features];
    let gaps = |place: usize| -> usize {
        let in_part =
            |part: &&Array2<f64>| part.column(place).iter().filter(|x| !x.is_finite()).count();
        parts.iter().map(in_part).sum()
    };
    let with_gaps: Vec<usize> = chosen.iter().copied().filter(|p| gaps(*p) > 0).collect();
    if with_gaps.is_empty() {
        return Ok(());
    }
    let total: usize = with_gaps.iter().map(|place| gaps(*place)).sum();
    let names = name_columns(partition, &with_gaps);
    Err(TaskError::data(
        format!(
            "{total} values are missing or not finite, in columns {names}, and every one is needed"
        ),
        "under [dataset], write `missing = \"median\"` or `missing = \"drop-rows\"` in place of \
         `missing = \"keep\"`, or leave the columns out with `drop_columns`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_data::Part;
    use ndarray::{Array1, array};

    fn partition(train: Array2<f64>, test: Array2<f64>) -> Partition {
        let part = |features: Array2<f64>| Part {
            rows: (0..features.nrows()).collect(),
            target: Array1::zeros(features.nrows()),
            features,
        };
        Partition {
            columns: (0..train.ncols()).map(|j| format!("c{j}")).collect(),
            train: part(train),
            test: part(test),
        }
    }

    /// One column of 0 and 2, mean 1 and deviation 1, and a test part of one value; expected
    /// are the range, that value in the clear and that value as it is encrypted.
    #[track_caller]
    fn check(range_margin: f64, clip: f64, value: f64, range: (f64, f64), clear: f64, sent: f64) {
        let partition = partition(array![[0.0], [2.0]], array![[value]]);
        let encoding = Encoding { clip, range_margin };
        let table = EncodedTable::new(&partition, &[0], encoding).unwrap();
        let got = table.columns[0].range;
        assert_eq!((got.low, got.high), range);
        assert_eq!(table.test[[0, 0]], clear);
        assert_eq!(table.encrypted[[0, 0]], sent);
        let clipped = usize::from(clear != value - 1.0);
        assert_eq!(table.notes.len(), clipped, "{:?}", table.notes);
        let note = table.note_on_encryption();
        assert_eq!(note.is_some(), sent != clear, "{note:?}");
        assert!(note.is_none_or(|n| n.contains("1 of 1 test values")));
    }

    #[test]
    fn ranges_are_the_training_parts_widened_and_bounded() {
        check(0.25, f64::INFINITY, 1.5, (-1.5, 1.5), 0.5, 0.5);
        check(0.25, f64::INFINITY, 9.0, (-1.5, 1.5), 8.0, 1.5);
        check(0.25, 1.25, 9.0, (-1.25, 1.25), 1.25, 1.25);
        check(0.25, 4.0, -9.0, (-1.5, 1.5), -4.0, -1.5);
    }

    #[test]
    fn outliers_of_the_training_part_are_clipped_too() {
        let train = Array2::from_shape_fn((101, 1), |(i, _)| if i == 0 { 1e6 } else { i as f64 });
        let partition = partition(train, array![[50.0]]);
        let encoding = Encoding {
            clip: 5.0,
            range_margin: 0.25,
        };
        let table = EncodedTable::new(&partition, &[0], encoding).unwrap();
        assert_eq!(table.train[[0, 0]], 5.0);
        assert_eq!(table.columns[0].range.high, 5.0);
        assert!(
            table.notes[0].contains("1 of 101 training values"),
            "{:?}",
            table.notes
        );
    }

    /// A column of 0 to 99 with one value replaced by `outlier`.
    #[track_caller]
    fn check_outlier(outlier: f64, named: bool) {
        let train = Array2::from_shape_fn((100, 2), |(i, j)| match (i, j) {
            (40, 0) => outlier,
            _ => (i * (j + 1)) as f64,
        });
        let partition = partition(train.clone(), train);
        let encoding = Encoding {
            clip: 5.0,
            range_margin: 0.25,
        };
        let table = EncodedTable::new(&partition, &[0, 1], encoding).unwrap();
        assert!(table.train.iter().all(|x| x.is_finite()));
        // The outlier is where the clip is.
        assert_eq!(table.train[[40, 0]], 5.0_f64.copysign(outlier));
        let notes = table.notes.join("; ");
        assert_eq!(notes.contains("squeezed"), named, "{notes}");
        let want = format!("{outlier:e} in `c0`: `c0`;");
        assert_eq!(notes.contains(&want), named, "{notes}");
    }

    #[test]
    fn outliers_that_leave_nothing_of_a_column_are_named() {
        check_outlier(1e308, true);
        check_outlier(-1e308, true);
        check_outlier(f64::MAX, true);
        check_outlier(1e9, true);
        // Far out, and told apart all the same.
        check_outlier(1e3, false);
    }

    #[test]
    fn gaps_are_named_with_a_way_out() {
        let table = array![[0.0, 1.0], [2.0, 3.0]];
        for (train, test) in [
            (array![[0.0, f64::NAN], [2.0, 3.0]], table.clone()),
            (table.clone(), array![[0.0, f64::INFINITY]]),
        ] {
            let partition = partition(train, test);
            let encoding = Encoding {
                clip: 5.0,
                range_margin: 0.25,
            };
            let error = EncodedTable::new(&partition, &[0, 1], encoding).unwrap_err();
            let error = error.to_string();
            assert!(
                error.contains("1 values") && error.contains("`c1`"),
                "{error}"
            );
            assert!(
                !error.contains("`c0`") && error.contains("missing = \"median\""),
                "{error}"
            );
            // The column with the gap does not matter where it is not chosen.
            assert!(EncodedTable::new(&partition, &[0], encoding).is_ok());
        }
    }

    #[test]
    fn constant_columns_are_found_whatever_their_unit() {
        let train = array![
            [7.0, 1e-20, 0.1 + 0.2, 0.0, f64::NAN],
            [7.0, 2e-20, 0.3, 0.0, 4.0],
            [7.0, 3e-20, 0.3, 0.0, 4.0]
        ];
        let partition = partition(train.clone(), train);
        assert_eq!(constant_columns(&partition), [0, 2, 3, 4]);
    }
}
