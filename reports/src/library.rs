//! What rows take beside the same work as calls of the scheme's library alone, as `bench` times it.

use std::collections::BTreeMap;

use hexperiment_experiment::summary::{BesideLibrary, PhaseBeside, Row};

use crate::grid::Column;
use crate::paint::Paint;
use crate::report::Body;
use crate::terminal::{Screen, Text};
use crate::units::{duration, significant};

const ABOUT: &str = "Processor time of the whole batch, in the median of the repetitions: of a phase, and of the \
    operations of its circuit as calls of the scheme's library alone, each timed by itself right after every \
    repetition and counted as often as the circuit has it, the first of each kind in a phase with empty caches, as \
    phases of a run find them. The ratio is the median of those of the repetitions, with its 95 % interval, which \
    takes six of them: what is above 1 is the framework's, and what memory costs where the calls are not alone.";

/// The rows beside which a library was timed.
fn timed(rows: &[Row]) -> Vec<(&Row, &BesideLibrary)> {
    let timed = |row| {
        let row: &Row = row;
        Some((row, row.measured.as_ref()?.library.as_ref()?))
    };
    rows.iter().filter_map(timed).collect()
}

/// The phases of a row, with their names.
fn phases(beside: &BesideLibrary) -> [(&'static str, Option<PhaseBeside>); 3] {
    [
        ("encrypt", beside.encrypt),
        ("evaluate", beside.evaluate),
        ("decrypt", beside.decrypt),
    ]
}

/// The ends of the interval of a ratio, where there are repetitions enough.
fn interval(phase: &PhaseBeside) -> String {
    let ends = phase
        .ratio
        .interval
        .map(|i| [i.low, i.high].map(|end| significant(end, 3)));
    ends.map_or(String::new(), |[low, high]| format!("{low} to {high}"))
}

fn of_phases(rows: &[Row]) -> Vec<Column> {
    let all: Vec<(String, &str, PhaseBeside)> = timed(rows)
        .into_iter()
        .flat_map(|(row, beside)| {
            let phase =
                move |(name, phase): (_, Option<_>)| Some((row.name().into(), name, phase?));
            phases(beside).into_iter().filter_map(phase)
        })
        .collect();
    if all.is_empty() {
        return vec![];
    }
    let words = |of: &dyn Fn(&(String, &str, PhaseBeside)) -> String| all.iter().map(of).collect();
    vec![
        Column::words("label", words(&|(label, ..)| label.clone())),
        Column::words("phase", words(&|(_, phase, _)| (*phase).to_owned())),
        Column::numbers("CPU time", words(&|(.., p)| duration(p.phase_ms))),
        Column::numbers("library", words(&|(.., p)| duration(p.library_ms))),
        Column::numbers("ratio", words(&|(.., p)| significant(p.ratio.median, 3))),
        Column::words("95 %", words(&|(.., p)| interval(p))),
    ]
}

/// Scheme, operation, nanoseconds.
type Operation<'a> = (&'a str, &'a str, f64);

/// Operations by scheme; those of several rows in the median that was measured last.
fn of_operations(rows: &[Row]) -> Vec<Column> {
    let mut by_name: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for (row, beside) in timed(rows) {
        for (name, ns) in &beside.operations {
            by_name.insert((&row.cell.scheme, name), *ns);
        }
    }
    if by_name.is_empty() {
        return vec![];
    }
    let all: Vec<Operation<'_>> = by_name.into_iter().map(|((s, n), ns)| (s, n, ns)).collect();
    let words = |of: &dyn Fn(&Operation<'_>) -> String| all.iter().map(of).collect();
    vec![
        Column::words("scheme", words(&|(scheme, ..)| (*scheme).to_owned())),
        Column::words("operation", words(&|(_, name, _)| (*name).to_owned())),
        Column::numbers("CPU time", words(&|(.., ns)| duration(ns / 1e6))),
    ]
}

/// The table of phases, as a section of a page.
pub(crate) fn body_of_phases(rows: &[Row]) -> Body {
    Body::Table {
        about: ABOUT.into(),
        sources: vec![],
        columns: of_phases(rows),
    }
}

/// The table of operations, as a section of a page.
pub(crate) fn body_of_operations(rows: &[Row]) -> Body {
    Body::Table {
        about: "Processor time of one thread for one operation, in the median of the repetitions."
            .into(),
        sources: vec![],
        columns: of_operations(rows),
    }
}

/// Both tables as text for a terminal; `None` where no library was timed.
pub fn beside_library(rows: &[Row], screen: Screen) -> Option<String> {
    let tables = [of_phases(rows), of_operations(rows)];
    if tables.iter().all(Vec::is_empty) {
        return None;
    }
    let mut text = Text::new(screen);
    for columns in tables.iter().filter(|columns| !columns.is_empty()) {
        text.table(columns, false);
        text.gap();
    }
    text.painted_item("", ABOUT, Paint::Aside);
    Some(text.finish())
}
