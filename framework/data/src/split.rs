//! Which rows are used, and which part each belongs to.

use std::collections::BTreeSet;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha20Rng;

use super::{Dataset, DatasetRequest, MissingPolicy, SplitKind};
use hexperiment_diagnostics::Complaint;

impl Dataset {
    /// Rows that have a target and that the policy leaves; `gaps_left_out` are those with a gap in a
    /// column that is left out.
    pub(super) fn usable_rows(&self, gaps_left_out: &BTreeSet<usize>) -> Vec<usize> {
        let complete = |row: &usize| !self.features.row(*row).iter().any(|x| x.is_nan());
        let target = self.target.as_ref().map(|t| &t.values);
        let has_target = |row: &usize| target.is_none_or(|values| !values[*row].is_nan());
        let all = (0..self.features.nrows()).filter(has_target);
        match self.missing {
            MissingPolicy::DropRows => all.filter(complete).collect(),
            MissingPolicy::CompleteRows => all
                .filter(|row| complete(row) && !gaps_left_out.contains(row))
                .collect(),
            _ => all.collect(),
        }
    }

    /// How many rows are left out for want of a target or of other values, where `kept` are not.
    pub(super) fn note_on_dropped(&self, kept: usize) -> Option<String> {
        let all = self.features.nrows();
        let no_target = match &self.target {
            Some(target) => target.values.iter().filter(|y| y.is_nan()).count(),
            None => 0,
        };
        let gaps = all - kept - no_target;
        let parts = [
            (no_target, "without a target"),
            (gaps, "with missing values"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, which)| format!("{count} {which}"))
            .collect();
        (!parts.is_empty()).then(|| format!("left out of {all} rows: {}", parts.join(", ")))
    }

    /// How many values are filled by medians, where they are.
    pub(super) fn note_on_filled(&self) -> Option<String> {
        let gaps = |rows: &[usize]| {
            let values = rows.iter().flat_map(|row| self.features.row(*row));
            values.filter(|x| x.is_nan()).count()
        };
        let (train, test) = (gaps(&self.train), gaps(&self.test));
        (self.missing == MissingPolicy::Median && train + test > 0).then(|| {
            let columns = self.features.ncols();
            format!(
                "missing values, filled by the training part's medians: {train} of {} training \
                 values, {test} of {} test values",
                self.train.len() * columns,
                self.test.len() * columns
            )
        })
    }

    /// Rows by class, classes in order.
    fn by_class(&self, rows: &[usize]) -> Vec<Vec<usize>> {
        let Some(target) = &self.target else {
            return vec![rows.to_vec()];
        };
        let class = |row: &usize| target.values[*row] + 0.0; // -0 is 0
        let mut rows = rows.to_vec();
        // Stable: within a class the order stays.
        rows.sort_by(|a, b| class(a).total_cmp(&class(b)));
        rows.chunk_by(|a, b| class(a) == class(b))
            .map(<[usize]>::to_vec)
            .collect()
    }

    /// As many rows of each class as the smallest has.
    pub(super) fn balanced(&self, rows: Vec<usize>, rng: &mut ChaCha20Rng) -> Vec<usize> {
        let mut classes = self.by_class(&rows);
        let least = classes.iter().map(Vec::len).min().unwrap_or(0);
        for class in &mut classes {
            class.shuffle(rng);
            class.truncate(least);
        }
        let mut rows: Vec<usize> = classes.into_iter().flatten().collect();
        rows.sort_unstable();
        rows
    }

    pub(super) fn deal(
        &mut self,
        mut rows: Vec<usize>,
        request: &DatasetRequest,
        usual: SplitKind,
        rng: &mut ChaCha20Rng,
    ) {
        let wanted = part_of(rows.len(), request.test_fraction);
        match request.split.unwrap_or(usual) {
            SplitKind::Random => {
                rows.shuffle(rng);
                self.test = rows.split_off(rows.len() - wanted);
                self.train = rows;
            }
            SplitKind::Chronological => {
                self.test = rows.split_off(rows.len() - wanted);
                self.train = rows;
            }
            SplitKind::Stratified => {
                let classes = self.by_class(&rows);
                let sizes: Vec<usize> = classes.iter().map(Vec::len).collect();
                for (mut class, share) in classes.into_iter().zip(shares(&sizes, wanted)) {
                    class.shuffle(rng);
                    self.test.extend(class.split_off(class.len() - share));
                    self.train.extend(class);
                }
                self.test.shuffle(rng);
                self.train.shuffle(rng);
            }
        }
    }

    /// Complains where classes are asked for, by an option, and the target has none.
    pub(super) fn check_classes(
        &self,
        rows: &[usize],
        option: &'static str,
        asked: &str,
    ) -> Result<(), Complaint> {
        let place = self
            .provenance
            .file
            .clone()
            .unwrap_or_else(|| self.name.clone().into());
        let Some(target) = &self.target else {
            return Err(Complaint::new(
                place,
                format!("{asked} needs classes, but there is no target"),
            )
            .about(option)
            .help("name one: `target = \"column\"` under [dataset]"));
        };
        let classes = self.by_class(rows).len();
        let found = format!(
            "{asked} needs classes: found {classes} different values of `{}` in {} rows",
            target.name,
            rows.len()
        );
        if classes < 2 && rows.len() > 1 {
            return Err(
                Complaint::new(place, format!("{found}, expected two or more"))
                    .about(option)
                    .help(
                        "choose another target, or more rows: `limit` and `missing` leave some out",
                    ),
            );
        }
        if is_quantity(classes, rows.len()) {
            return Err(Complaint::new(place, format!("{found}, expected few"))
                .about(option)
                .help("leave it out for a target that is a quantity, or choose another target"));
        }
        Ok(())
    }
}

/// `rows * fraction`, rounded down, at most all. 0.29 of 100 rows are 29, though their product in
/// binary is a little less.
fn part_of(rows: usize, fraction: f64) -> usize {
    let product = rows as f64 * fraction;
    let nearest = product.round();
    let meant = if (product - nearest).abs() <= 1e-12 * nearest {
        nearest
    } else {
        product.floor()
    };
    (meant as usize).min(rows)
}

/// Whether a target of so many different values is a quantity rather than a class.
pub(super) fn is_quantity(different: usize, rows: usize) -> bool {
    different > 2 && different * 10 > rows
}

/// Parts of `wanted` in proportion to `sizes`: rounded down, what is left by falling remainder.
fn shares(sizes: &[usize], wanted: usize) -> Vec<usize> {
    let all = sizes.iter().sum::<usize>().max(1);
    let mut shares: Vec<usize> = sizes.iter().map(|size| size * wanted / all).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(sizes[*i] * wanted % all));
    let left = wanted - shares.iter().sum::<usize>();
    for i in order.into_iter().take(left) {
        shares[i] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DatasetSource;

    /// Rows that a policy leaves of a table whose column `b` is left out.
    #[track_caller]
    fn check(missing: MissingPolicy, expect: &[usize]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gaps.csv");
        std::fs::write(&path, "a,b,y\n1,1,0\n,1,1\n3,NA,0\n4,-9.0,1\n5,2,0\n").unwrap();
        let data = Dataset::load(&DatasetRequest {
            target: Some("y".into()),
            drop_columns: vec!["b".into()],
            missing_marker: Some("-9".into()),
            missing: Some(missing),
            ..DatasetRequest::new(DatasetSource::File(path), 1)
        })
        .unwrap();
        let mut rows = [data.train, data.test].concat();
        rows.sort_unstable();
        assert_eq!(rows, expect);
    }

    #[test]
    fn parts_are_rounded_down() {
        let table = [
            (100, 0.29, 29),
            (100, 0.299, 29),
            (1114, 0.3, 334),
            (10_000_000, 0.07, 700_000),
            (30_000_000_000, 0.7, 21_000_000_000),
            (1_000_000, 0.499_999_9, 499_999),
            (3, 7.0, 3),
            (3, -1.0, 0),
            (3, f64::NAN, 0),
        ];
        for (rows, fraction, expect) in table {
            assert_eq!(part_of(rows, fraction), expect, "{fraction} of {rows}");
        }
    }

    #[test]
    fn policies_drop_rows() {
        check(MissingPolicy::Median, &[0, 1, 2, 3, 4]);
        check(MissingPolicy::DropRows, &[0, 2, 3, 4]);
        check(MissingPolicy::CompleteRows, &[0, 4]);
    }
}
