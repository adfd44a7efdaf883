//! The table of a comparison, made as narrow as the screen.

use hexperiment_experiment::measure::Interval;
use hexperiment_experiment::record::Clock;

use super::pair::Pair;
use super::{Other, RunsCompared, Times, ratio, verdict};
use crate::grid::{self, Column, cut};
use crate::units::significant;

/// What stands where times do not compare.
const NONE: &str = "-";

/// Columns that a cell's name has at least, where there is little room.
const LEAST_NAME: usize = 8;

/// Columns that a narrow screen does without, the first first.
const SPARED: [&str; 3] = [QUALITY, "95 %", BASE];
const QUALITY: &str = "bytes,\nquality";
const BASE: &str = "base";

/// The table: a line for each cell, or for each phase of it.
pub(super) fn columns(compared: &RunsCompared, other: &Other, phases: &[&str]) -> Vec<Column> {
    let shown: Vec<(usize, &str)> = compared.chosen(phases);
    let lines: Vec<(&Pair, usize, &str)> = other
        .pairs
        .iter()
        .flat_map(|pair| {
            let some = shown
                .iter()
                .filter(|(i, _)| *i == shown[0].0 || pair.times.len() > *i);
            some.map(move |(index, phase)| (pair, *index, *phase))
        })
        .collect();
    let cells = |f: &dyn Fn(&Pair, usize, &str) -> String| -> Vec<String> {
        lines
            .iter()
            .map(|(pair, index, phase)| f(pair, *index, phase))
            .collect()
    };
    let timed = |f: &dyn Fn(&Times) -> String| {
        cells(&|pair, index, _| pair.times.get(index).map_or(String::new(), f))
    };
    let compares = other.obstacles.is_empty();
    let if_compared = |f: &dyn Fn(&Times) -> String| {
        timed(&|times| if compares { f(times) } else { NONE.into() })
    };
    let ms = match compared.clock {
        Clock::Wall => "ms",
        Clock::Cpu => "CPU ms",
    };
    let number = |x| significant(x, 3);
    let mut columns = vec![Column::words(
        "cell",
        cells(&|pair, index, _| {
            let is_first = index == shown.first().map_or(0, |(i, _)| *i);
            if is_first {
                pair.cell.clone()
            } else {
                String::new()
            }
        }),
    )];
    if shown.len() > 1 {
        let names = cells(&|_, _, phase| phase.to_owned());
        columns.push(Column::words("phase", names));
    }
    columns.extend([
        Column::numbers(format!("{BASE}\n{ms}"), timed(&|t| number(t.medians[0]))),
        Column::numbers(ms, timed(&|t| number(t.medians[1]))),
        Column::numbers(
            "times",
            if_compared(&|t| ratio(&t.change).map_or(NONE.into(), number)),
        ),
        Column::words(
            "95 %",
            if_compared(&|t| match ratio(&t.change) {
                None => NONE.into(),
                Some(_) => interval(t.change.interval),
            }),
        ),
        Column::words(
            "time",
            cells(&|pair, index, _| match pair.times.get(index) {
                Some(_) if !compares => NONE.into(),
                Some(times) => verdict(times.change.outcome).to_owned(),
                None => pair.status(),
            }),
        ),
        Column::words(
            QUALITY,
            cells(&|pair, index, _| {
                let is_first = index == shown.first().map_or(0, |(i, _)| *i);
                if pair.times.is_empty() || !is_first {
                    String::new()
                } else if pair.changed().is_empty() && pair.within_noise {
                    "within\nnoise".into()
                } else if pair.changed().is_empty() {
                    "equal".into()
                } else {
                    "changed".into()
                }
            }),
        ),
    ]);
    columns
}

fn interval(interval: Option<Interval>) -> String {
    interval.map_or("none".into(), |i| {
        format!("[{}, {}]", significant(i.low, 3), significant(i.high, 3))
    })
}

/// Makes a table narrow enough: names of cells are cut, then columns left out, whose heads are returned.
pub(super) fn fit(columns: &mut Vec<Column>, width: usize) -> Vec<String> {
    let mut left_out = Vec::new();
    for spared in SPARED.iter().map(Some).chain([None]) {
        let excess = grid::width(columns.iter()).saturating_sub(width);
        if excess == 0 {
            break;
        }
        let names = columns.first().map_or(0, |names| grid::width([names]));
        let most = names.saturating_sub(excess).max(LEAST_NAME);
        // Names are cut where that is enough, or where nothing else is left.
        if most + excess <= names || spared.is_none() {
            for name in columns.first_mut().into_iter().flat_map(|c| &mut c.cells) {
                *name = cut(name, most);
            }
            break;
        }
        let is_spared = |column: &Column| {
            spared.is_some_and(|head| column.head.lines().next() == head.lines().next())
        };
        if let Some(place) = columns.iter().position(is_spared) {
            left_out.push(columns.remove(place).head.replace('\n', " "));
        }
    }
    left_out
}
