//! From a partition to the encrypted table of a model: which columns, in which unit, in which
//! range.

use ndarray::{Array2, ArrayView2, Axis, s};

use crate::clipping::Moved;
use crate::{InputTable, TaskError};
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
    /// encryption. What that costs is told apart, as what the clip costs is: against the model in the clear
    /// on values as they were.
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
    /// The test part, likewise.
    pub test: Array2<f64>,
    /// The test part within the public ranges: what is encrypted, and what the model in the clear is scored
    /// on.
    pub encrypted: Array2<f64>,
    /// The training part, standardised only; `None` where that moved nothing.
    pub unclipped_train: Option<Array2<f64>>,
    /// The test part, standardised only; `None` where neither clip nor range moved anything.
    pub unclipped_test: Option<Array2<f64>>,
    /// The means and deviations.
    pub standardizer: Standardizer,
    /// The columns' names and ranges.
    pub columns: Vec<Column>,
    /// What a reader must know of both parts, in the clear too. What encryption moves besides, the
    /// session tells by [`EncodedTable::to_encrypt`].
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
        let far = [
            differing(&standard[0], &train),
            differing(&standard[1], &test),
        ];
        let ranges: Vec<Interval> = train
            .columns()
            .into_iter()
            .zip(limits)
            .map(|(values, limit)| public_range(values.iter().copied(), *limit, range_margin))
            .collect();
        let encrypted = clamped(&test, &ranges);
        let columns = names.iter().cloned().zip(ranges);
        let [unclipped_train, unclipped_test] = standard;
        let table = Self {
            unclipped_train: (unclipped_train != train).then_some(unclipped_train),
            unclipped_test: (unclipped_test != encrypted).then_some(unclipped_test),
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

    /// The test part as it is encrypted, with what it was before.
    pub fn to_encrypt(&self) -> InputTable {
        let table = InputTable::from(self.encrypted.clone());
        match &self.unclipped_test {
            None => table,
            Some(before) => table.clipped_from(before.clone(), self.moved_in_test()),
        }
    }

    /// The training and the test part as they were before anything was moved; `None` where nothing
    /// was.
    pub fn unclipped(&self) -> Option<[&Array2<f64>; 2]> {
        let (train, test) = (&self.unclipped_train, &self.unclipped_test);
        (train.is_some() || test.is_some()).then(|| {
            let train = train.as_ref().unwrap_or(&self.train);
            [train, test.as_ref().unwrap_or(&self.test)]
        })
    }

    /// What was moved of the test part, by clip or range, until it was encrypted.
    pub fn moved_in_test(&self) -> Moved {
        self.moved(self.unclipped_test.as_ref(), &self.encrypted)
    }

    /// What the clip moved of the training part.
    pub fn moved_in_train(&self) -> Moved {
        self.moved(self.unclipped_train.as_ref(), &self.train)
    }

    fn moved(&self, before: Option<&Array2<f64>>, after: &Array2<f64>) -> Moved {
        let names: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
        before.map_or_else(Moved::default, |before| {
            Moved::between(&names, before.view(), after.view())
        })
    }

    /// Keeps the first `rows` rows of the test part.
    #[must_use]
    pub fn with_test_rows(self, rows: usize) -> Self {
        let first = |table: Array2<f64>| table.slice_move(s![..rows, ..]);
        Self {
            test: first(self.test),
            encrypted: first(self.encrypted),
            unclipped_test: self.unclipped_test.map(first),
            ..self
        }
    }

    /// Other rows, of the same columns in their own units, brought within the public ranges as the test part is
    /// that is encrypted; and how many of their values the ranges moved.
    pub fn encode(&self, rows: &Array2<f64>) -> (Array2<f64>, usize) {
        let standard = self.standardizer.apply(rows);
        let ranges: Vec<Interval> = self.columns.iter().map(|column| column.range).collect();
        let encrypted = clamped(&standard, &ranges);
        let moved = differing(&standard, &encrypted);
        (encrypted, moved)
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
fn differing(before: &Array2<f64>, after: &Array2<f64>) -> usize {
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
mod tests;
