//! How far off a plan is from runs of the same experiment.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use hexperiment_diagnostics::printable;
use hexperiment_experiment::record::Clock;
use hexperiment_experiment::summary::Row;
use hexperiment_reports::duration;

use super::{Told, aligned, ms};
use crate::calibration::{machine, machine_of};
use crate::out::{say, tell};
use crate::report::Read;

/// The rows of runs, by experiment and cell.
pub(super) type Rows = BTreeMap<(String, String), Row>;

/// Of each cell the row of the run in which it was neither fast nor slow, if several runs have it: a machine that is
/// shared changes its speed within seconds.
pub(super) fn runs(all: Vec<Read>) -> Rows {
    let here = machine();
    let mut found: BTreeMap<(String, String), Vec<Row>> = BTreeMap::new();
    for read in all {
        let run = &read.records.run;
        let there = machine_of(&run.provenance);
        if here != there {
            tell!(
                "warning: {}: was run on another machine, {there}; this one is {here}",
                read.name()
            );
        }
        for row in &read.rows {
            let key = (run.experiment.clone(), row.cell.id.clone());
            found.entry(key).or_default().push(row.clone());
        }
    }
    let time = |row: &Row| Some(row.measured.as_ref()?.total.median(Clock::Wall));
    let median = |(key, rows)| Some((key, middle_of(rows, time)?));
    found.into_iter().filter_map(median).collect()
}

/// The one whose time is the median; one without if none has a time.
fn middle_of<T>(mut all: Vec<T>, time: impl Fn(&T) -> Option<f64>) -> Option<T> {
    if all.iter().any(|one| time(one).is_some()) {
        all.retain(|one| time(one).is_some());
    }
    all.sort_by(|a, b| time(a).partial_cmp(&time(b)).unwrap_or(Ordering::Equal));
    let middle = all.len().checked_sub(1)? / 2;
    Some(all.swap_remove(middle))
}

/// A cell that was planned and run.
pub(super) struct Compared {
    id: String,
    scheme: String,
    /// Milliseconds of encryption, evaluation and decryption.
    planned: f64,
    measured: f64,
    /// What was planned over what was measured, of encryption, evaluation and decryption.
    phases: [f64; 3],
    /// Whether the machine was busy while it was measured.
    is_busy: bool,
    /// Whether the bytes that crossed are those that were planned; `None` where none were.
    bytes: Option<bool>,
}

/// The cells of an experiment that were planned, and run.
pub(super) fn compare(experiment: &str, told: &[Told], measured: &Rows) -> Vec<Compared> {
    let cells = told.iter().filter_map(|(plan, answer)| {
        let takes = answer.as_ref().ok()?.as_ref()?;
        let key = (experiment.to_owned(), plan.cell.id.clone());
        let run = measured.get(&key)?;
        let row = run.measured.as_ref()?;
        let planned = (takes.upload_bytes, takes.download_bytes);
        let crossed = (row.traffic.upload_bytes, row.traffic.download_bytes);
        let phases = [
            (takes.encrypt_ns, &row.encrypt),
            (takes.evaluate_ns, &row.evaluate),
            (takes.decrypt_ns, &row.decrypt),
        ];
        let phases =
            phases.map(|([_, planned, _], measured)| ms(planned) / measured.median(Clock::Wall));
        Some(Compared {
            id: format!("{experiment}/{}", plan.cell.id),
            scheme: plan.cell.scheme.clone(),
            planned: ms(takes.end_to_end_ns()),
            measured: row.total.median(Clock::Wall),
            phases,
            is_busy: run.busy.is_some(),
            bytes: match planned {
                (Some(up), Some(down)) => Some((up, down) == crossed),
                _ => None,
            },
        })
    });
    cells.collect()
}

impl Compared {
    /// What was planned over what was measured.
    fn ratio(&self) -> f64 {
        self.planned / self.measured
    }

    /// Its columns: the name, both times, their ratio, those of the phases, and whether the bytes are those that
    /// were planned.
    fn columns(&self, longest: usize) -> [String; 8] {
        let measured = duration(self.measured);
        let [encrypt, evaluate, decrypt] = self.phases.map(|ratio| format!("{ratio:.2}"));
        [
            printable::cut(&self.id, longest).into_owned(),
            duration(self.planned),
            if self.is_busy {
                format!("!busy {measured}")
            } else {
                measured
            },
            format!("{:.2}", self.ratio()),
            encrypt,
            evaluate,
            decrypt,
            match self.bytes {
                Some(true) => "exact".into(),
                Some(false) => "differ".into(),
                None => "not told".into(),
            },
        ]
    }
}

const HEADS: [&str; 8] = [
    "cell", "planned", "measured", "ratio", "encrypt", "evaluate", "decrypt", "bytes",
];

/// A line as the terminal has room for it: without the phases.
fn narrow([cell, planned, measured, ratio, .., bytes]: [String; 8]) -> [String; 5] {
    [cell, planned, measured, ratio, bytes]
}

/// How far off the plans of some cells were.
struct Errors {
    cells: usize,
    /// The median of the ratios.
    ratio: f64,
    /// Half of the cells are not further off, as a share.
    half: f64,
    /// How many are at most 10 % off, and how many 25 %.
    within: [usize; 2],
}

impl Errors {
    /// `None` of no cells.
    fn of<'c>(cells: impl Iterator<Item = &'c Compared>) -> Option<Self> {
        let mut ratios: Vec<f64> = cells.map(Compared::ratio).collect();
        let mut errors: Vec<f64> = ratios.iter().map(|ratio| (ratio - 1.0).abs()).collect();
        ratios.sort_by(f64::total_cmp);
        errors.sort_by(f64::total_cmp);
        let middle = ratios.len().checked_sub(1)? / 2;
        Some(Self {
            cells: ratios.len(),
            ratio: ratios[middle],
            half: errors[middle],
            within: [0.10, 0.25].map(|most| errors.iter().filter(|e| **e <= most).count()),
        })
    }

    /// By scheme, in the order of their names, then of all.
    fn by_scheme(compared: &[Compared]) -> Vec<(&str, Self)> {
        let schemes: BTreeSet<&str> = compared.iter().map(|c| c.scheme.as_str()).collect();
        let each = schemes.into_iter().filter_map(|scheme| {
            let of = compared.iter().filter(|c| c.scheme == scheme);
            Some((scheme, Self::of(of)?))
        });
        each.chain(Self::of(compared.iter()).map(|all| ("all", all)))
            .collect()
    }

    fn columns(&self, name: &str) -> [String; 6] {
        let [ten, quarter] = self.within.map(|count| count.to_string());
        let cells = self.cells.to_string();
        let (ratio, half) = (
            format!("{:.2}", self.ratio),
            format!("{:.0} %", 100.0 * self.half),
        );
        [name.to_owned(), cells, ratio, half, ten, quarter]
    }
}

const ERROR_HEADS: [&str; 6] = [
    "scheme",
    "cells",
    "ratio",
    "half within",
    "within 10 %",
    "within 25 %",
];

/// How far off the plan was.
pub(super) fn show_errors(compared: &[Compared]) {
    let mut lines = vec![narrow(HEADS.map(String::from))];
    lines.extend(compared.iter().map(|cell| narrow(cell.columns(44))));
    aligned(&lines);
    if compared.is_empty() {
        say!("  no cell of these runs was planned");
        return;
    }
    say!("\n  encrypt + evaluate + decrypt, planned over measured, in the median:\n");
    let mut lines = vec![ERROR_HEADS.map(String::from)];
    let errors = Errors::by_scheme(compared);
    lines.extend(errors.iter().map(|(name, errors)| errors.columns(name)));
    aligned(&lines);
    if compared.iter().any(|cell| cell.is_busy) {
        say!("  !busy: its times are not those of a quiet machine, for which it was planned");
    }
}

/// The same as a page of Markdown, to be kept.
pub(super) fn page(compared: &[Compared]) -> String {
    let mut page = format!(
        "# How far off `plan` is\n\nEncryption, evaluation and decryption of each cell, planned by \
         `cargo xtask plan` from the operations that it counts, over the median that was measured, together and \
         by phase; on {}. \
         Written by `plan --against RUN --errors FILE`.\n\n",
        machine()
    );
    let errors = Errors::by_scheme(compared);
    let errors = errors.iter().map(|(name, errors)| errors.columns(name));
    table(&mut page, &ERROR_HEADS, errors);
    page.push('\n');
    table(
        &mut page,
        &HEADS,
        compared.iter().map(|cell| cell.columns(200)),
    );
    page
}

/// A table of Markdown, with numbers to the right.
fn table<const N: usize>(
    page: &mut String,
    heads: &[&str; N],
    lines: impl Iterator<Item = [String; N]>,
) {
    let line = |cells: &[String; N]| {
        let cells = cells.each_ref().map(|cell| cell.replace('|', "\\|"));
        format!("| {} |\n", cells.join(" | "))
    };
    *page += &line(&heads.map(String::from));
    *page += &line(&std::array::from_fn(|column| {
        if column == 0 { "---" } else { "---:" }.into()
    }));
    page.extend(lines.map(|cells| line(&cells)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(scheme: &str, planned: f64, measured: f64) -> Compared {
        Compared {
            id: format!("e/{scheme}"),
            scheme: scheme.into(),
            planned,
            measured,
            phases: [1.0, planned / measured, 2.0],
            is_busy: false,
            bytes: Some(true),
        }
    }

    #[test]
    fn of_several_runs_the_one_in_the_middle_counts() {
        let middle = |times: &[Option<f64>]| middle_of(times.to_vec(), |time| *time);
        assert_eq!(middle(&[]), None);
        assert_eq!(middle(&[None, None]), Some(None));
        assert_eq!(
            middle(&[Some(3.0), None, Some(1.0), Some(2.0)]),
            Some(Some(2.0))
        );
        assert_eq!(middle(&[Some(3.0), Some(1.0)]), Some(Some(1.0)));
    }

    #[test]
    fn errors_are_told_by_scheme_and_of_all() {
        let cells = [
            cell("b", 1.0, 2.0),
            cell("a", 1.05, 1.0),
            cell("b", 12.0, 10.0),
            cell("b", 9.5, 10.0),
        ];
        let errors = Errors::by_scheme(&cells);
        let lines: Vec<_> = errors.iter().map(|(name, e)| e.columns(name)).collect();
        assert_eq!(
            lines,
            [
                ["a", "1", "1.05", "5 %", "1", "1"],
                ["b", "3", "0.95", "20 %", "1", "2"],
                ["all", "4", "0.95", "5 %", "2", "3"],
            ]
        );
        let page = page(&cells);
        assert!(page.contains("| b | 3 | 0.95 | 20 % | 1 | 2 |\n"), "{page}");
        assert!(
            page.contains("| e/b | 1.00 ms | 2.00 ms | 0.50 | 1.00 | 0.50 | 2.00 | exact |\n"),
            "{page}"
        );
        assert!(Errors::by_scheme(&[]).is_empty());
    }
}
