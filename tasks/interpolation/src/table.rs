//! The series for the eye: values that are there, and gaps as they were filled, in the clear and
//! decrypted, with the truth where it was hidden.

use std::fmt::Write as _;

use hexperiment_data::export::field;
use hexperiment_task::Artefact;

use crate::series::Series;

/// The file's name.
const NAME: &str = "series.csv";

/// Series in the file: the first that have gaps.
const MOST_SERIES: usize = 4;

/// Rows of each series, from some before its first gap on.
const MOST_ROWS: usize = 150;

/// Rows before the first gap.
const LEAD: usize = 10;

/// Lines of the file, but for what is filled under encryption.
#[derive(Clone, Debug)]
pub(crate) struct SeriesTable {
    lines: Vec<Line>,
}

/// A step of a series.
#[derive(Clone, Debug)]
struct Line {
    series: String,
    row: usize,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// The value is there.
    Observed(f64),
    /// A gap.
    Filled {
        /// Place of the fill among all.
        fill: usize,
        clear: f64,
        /// What was hidden.
        truth: Option<f64>,
    },
}

impl SeriesTable {
    pub(crate) fn new(series: &Series) -> Self {
        let fills: Vec<_> = series.fills().enumerate().collect();
        let mut lines = Vec::new();
        let by_column = fills.chunk_by(|(_, a), (_, b)| a.column == b.column);
        for fills in by_column.take(MOST_SERIES) {
            // `chunk_by` yields nothing empty.
            let Some((_, first)) = fills.first() else {
                continue;
            };
            let column = first.column;
            let mut of_column = fills.iter().peekable();
            let start = first.row.saturating_sub(LEAD);
            let values = series.table.column(column);
            let rows = values.iter().enumerate().skip(start).take(MOST_ROWS);
            lines.extend(rows.map(|(row, value)| {
                let filled = of_column.next_if(|(_, fill)| fill.row == row);
                let hidden = |h: &&crate::series::Hidden| (h.row, h.column) == (row, column);
                let state = match filled {
                    None => State::Observed(*value),
                    Some((place, fill)) => State::Filled {
                        fill: *place,
                        clear: fill.value(series.table.view()),
                        truth: series.hidden.iter().find(hidden).map(|h| h.truth),
                    },
                };
                Line {
                    series: series.names[column].clone(),
                    row,
                    state,
                }
            }));
        }
        Self { lines }
    }

    /// The file, of the values `filled`: one for each fill, in order.
    pub(crate) fn file(&self, filled: &[f64]) -> Artefact {
        let mut text = String::from("series,row,value,filled,filled_in_clear,truth\n");
        for Line { series, row, state } in &self.lines {
            let name = field(series);
            // Writing to a string does not fail, here and below.
            let _ = match state {
                State::Observed(value) => writeln!(text, "{name},{row},{value:.6},,,"),
                State::Filled { fill, clear, truth } => {
                    let truth = truth.map_or(String::new(), |x| format!("{x:.6}"));
                    writeln!(
                        text,
                        "{name},{row},,{:.6},{clear:.6},{truth}",
                        filled[*fill]
                    )
                }
            };
        }
        Artefact {
            name: NAME.into(),
            bytes: text.into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_task::testkit::series as data;
    use ndarray::Array2;

    #[test]
    fn gaps_stand_beside_what_they_were_filled_with() {
        let mut table = Array2::from_shape_fn((400, 6), |(i, j)| ((i * (j + 1)) % 17) as f64);
        table[[50, 1]] = f64::NAN;
        table[[51, 1]] = f64::NAN;
        let series = Series::new(&data(table), 0.02, 1).unwrap();
        let filled: Vec<f64> = series
            .fills()
            .map(|f| f.value(series.table.view()))
            .collect();
        let shifted: Vec<f64> = filled.iter().map(|x| x + 1.0).collect();
        let file = SeriesTable::new(&series).file(&shifted);
        assert_eq!(file.name, "series.csv");
        let text = String::from_utf8(file.bytes).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split(',').collect()).collect();
        assert!(lines.len() <= 1 + MOST_SERIES * MOST_ROWS);
        let names: std::collections::BTreeSet<&str> = lines[1..].iter().map(|l| l[0]).collect();
        assert_eq!(names.len(), MOST_SERIES);
        let mut hidden = 0;
        for line in &lines[1..] {
            assert_eq!(line.len(), 6, "{line:?}");
            assert_ne!(line[2].is_empty(), line[3].is_empty(), "{line:?}");
            if line[3].is_empty() {
                continue;
            }
            let [ours, clear] = [3, 4].map(|k: usize| line[k].parse::<f64>().unwrap());
            assert!((ours - clear - 1.0).abs() < 2e-6, "{line:?}");
            hidden += usize::from(!line[5].is_empty());
        }
        assert!(hidden > 0);
        let at = |series: &str, row: &str| {
            lines
                .iter()
                .any(|l| l[..2] == [series, row] && l[2].is_empty())
        };
        assert!(at("s1", "50") && at("s1", "51"), "{text}");
    }
}
