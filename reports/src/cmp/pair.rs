//! A cell that two runs have: what is not of times is compared as it is.

use std::collections::HashMap;

use hexperiment_experiment::record::Status;
use hexperiment_experiment::summary::{Records, Row};
use hexperiment_task::ledger::Metric;

use super::Times;
use crate::first_table::value;
use crate::units::{bytes, counted, shortened, significant};

/// Characters of a reason that are shown, at most.
const REASON: usize = 300;
/// Changes of quality that are told of a cell, at most.
const CHANGES: usize = 3;

/// A cell that both runs have.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) cell: String,
    pub(super) statuses: [Status; 2],
    /// Why it came to no result, in the run in which it did not.
    pub(super) reason: String,
    pub(super) repetitions: [usize; 2],
    /// By phase, then by link; empty if one of the runs has no result of the cell.
    pub(super) times: Vec<Times>,
    /// What is not equal, in words; not of times.
    pub(super) bytes: Vec<String>,
    pub(super) quality: Vec<String>,
    pub(super) security: Vec<String>,
    /// Whether metrics differ by no more than fresh noise makes them.
    pub(super) within_noise: bool,
    /// Uploaded, downloaded and of keys, in either run.
    pub(super) sizes: [[u64; 3]; 2],
    /// The headline in either run.
    pub(super) headline: Option<(String, [f64; 2])>,
}

/// The least and the most of a metric, by cell and metric.
type Ranges<'a> = HashMap<(&'a str, &'a str), (f64, f64)>;

/// The ranges of metrics over the repetitions of the cells of each row, by its name.
pub(super) struct Scatter<'a>(HashMap<&'a str, Ranges<'a>>);

impl<'a> Scatter<'a> {
    pub(super) fn of(records: &'a Records) -> Self {
        let cells = records.run.cells.iter();
        let rows: HashMap<&str, &str> = cells.map(|cell| (cell.id.as_str(), cell.row())).collect();
        let mut all = Self(HashMap::new());
        for repetition in &records.repetitions {
            let Some(row) = rows.get(repetition.cell.as_str()) else {
                continue;
            };
            let of_row = all.0.entry(row).or_default();
            for Metric { name, value, .. } in &repetition.quality.metrics {
                let ends = of_row.entry((repetition.cell.as_str(), name.as_str()));
                let (least, most) = ends.or_insert((*value, *value));
                (*least, *most) = (least.min(*value), most.max(*value));
            }
        }
        all
    }

    /// Whether each cell of a row has values of a metric in both runs that lie among one another.
    fn overlap(&self, other: &Self, row: &str, metric: &str) -> bool {
        let (Some(a), Some(b)) = (self.0.get(row), other.0.get(row)) else {
            return false;
        };
        let mut ranges = a.iter().filter(|((_, name), _)| *name == metric).peekable();
        ranges.peek().is_some()
            && ranges.all(|(key, (least, most))| {
                b.get(key)
                    .is_some_and(|(from, to)| from <= most && least <= to)
            })
    }
}

impl Pair {
    /// Compares a row of two runs, but for its times; what scatters in repetitions of either is no change.
    pub(super) fn of(base: &Row, other: &Row, scatter: &[Scatter<'_>; 2]) -> Self {
        let mut pair = Self {
            cell: base.name().to_owned(),
            statuses: [base.status, other.status],
            reason: String::new(),
            repetitions: [base, other].map(|r| r.measured.as_ref().map_or(0, |m| m.repetitions)),
            times: vec![],
            bytes: vec![],
            quality: vec![],
            security: vec![],
            within_noise: false,
            sizes: [base, other].map(sizes),
            headline: None,
        };
        for row in [other, base] {
            if row.status != Status::Ok && pair.reason.is_empty() {
                let reason = crate::notes::in_one_line(&row.reason);
                pair.reason = shortened(&reason, REASON);
            }
        }
        if pair.statuses == [Status::Ok; 2] {
            pair.compare(base, other, scatter);
        }
        pair
    }

    /// How a cell ended that has no times in both runs.
    pub(super) fn status(&self) -> String {
        let [before, now] = self.statuses;
        if before == now {
            now.to_string()
        } else {
            format!("{before} -> {now}")
        }
    }

    /// What is not equal but for times.
    pub(super) fn changed(&self) -> Vec<String> {
        let mut all = [self.bytes.as_slice(), self.security.as_slice()].concat();
        all.extend(self.quality.iter().take(CHANGES).cloned());
        let more = self.quality.len().saturating_sub(CHANGES);
        if more > 0 {
            all.push(counted(more, "more metric", "more metrics"));
        }
        all
    }

    fn compare(&mut self, base: &Row, other: &Row, scatter: &[Scatter<'_>; 2]) {
        let (Some(a), Some(b)) = (&base.measured, &other.measured) else {
            return;
        };
        let [before, now] = self.sizes;
        for (name, (a, b)) in ["up", "down", "keys"].iter().zip(before.iter().zip(now)) {
            if *a != b {
                let by = if *a == 0 {
                    String::new()
                } else {
                    format!(" ({:+.2} %)", 100.0 * (b as f64 / *a as f64 - 1.0))
                };
                self.bytes
                    .push(format!("{name} {} -> {}{by}", bytes(*a), bytes(b)));
            }
        }
        let error = a.errors.max_abs + b.errors.max_abs;
        for metric in &a.metrics {
            let Some(now) = b.metrics.iter().find(|m| m.name == metric.name) else {
                self.quality.push(format!("{} is gone", metric.name));
                continue;
            };
            let same = metric.value.to_bits() == now.value.to_bits()
                || metric.value == now.value
                || (metric.value.is_nan() && now.value.is_nan());
            if same {
                continue;
            }
            let [of_base, of_other] = scatter;
            if (now.value - metric.value).abs() <= error
                || of_base.overlap(of_other, base.name(), &metric.name)
            {
                self.within_noise = true;
                continue;
            }
            self.quality.push(format!(
                "{} {} -> {} ({})",
                metric.name,
                value(metric.value),
                value(now.value),
                signed(now.value - metric.value)
            ));
        }
        for metric in &b.metrics {
            if !a.metrics.iter().any(|m| m.name == metric.name) {
                self.quality.push(format!("{} is new", metric.name));
            }
        }
        self.headline = a.metrics.first().and_then(|first| {
            let now = b.metrics.iter().find(|m| m.name == first.name)?;
            Some((first.name.clone(), [first.value, now.value]))
        });
        let bits = [base, other].map(Row::security_bits);
        if let ([Some(a), Some(b)], true) = (bits, bits[0] != bits[1]) {
            self.security.push(format!("security {a} -> {b} bits"));
        }
    }
}

fn signed(difference: f64) -> String {
    let sign = if difference > 0.0 { "+" } else { "" };
    format!("{sign}{}", significant(difference, 2))
}

fn sizes(row: &Row) -> [u64; 3] {
    let traffic = row.measured.as_ref().map(|m| &m.traffic);
    [
        traffic.map_or(0, |t| t.upload_bytes),
        traffic.map_or(0, |t| t.download_bytes),
        row.setup.as_ref().map_or(0, |s| s.keys.total()),
    ]
}
