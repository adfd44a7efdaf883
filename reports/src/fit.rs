//! A table made as narrow as it must be: columns told in short, then the least important left out.

use crate::grid::{Column, cut, width};
use crate::units::SHORT_UNITS;

/// Which column of the first table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    /// The scheme's label.
    Label,
    /// An axis of the matrix; there may be several.
    Axis,
    /// Samples of the batch.
    Samples,
    /// Measured repetitions.
    Repetitions,
    /// The headline.
    Metric,
    /// The headline without encryption.
    Clear,
    /// The largest error.
    Error,
    /// Time for one sample.
    PerSample,
    /// The evaluation's time.
    Evaluate,
    /// Bytes up and down together.
    Both,
    /// Uploaded bytes.
    Up,
    /// Downloaded bytes.
    Down,
    /// Bytes of keys.
    Keys,
    /// Security.
    Bits,
    /// What the server sees.
    Sees,
    /// How the cell ended.
    Status,
}

/// A column told in short.
#[derive(Clone, Debug)]
pub(crate) struct Alternative {
    pub(crate) column: Column,
    /// How it is to be read.
    pub(crate) legend: Option<&'static str>,
}

/// A column that a table may have.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    id: Id,
    /// Its place in the whole table.
    place: usize,
    pub(crate) column: Column,
    short: Option<Alternative>,
}

impl Candidate {
    pub(crate) fn new(id: Id, column: Column) -> Self {
        Self {
            id,
            place: 0,
            column,
            short: None,
        }
    }

    /// With a way to tell it in short.
    pub(crate) fn or(self, short: Alternative) -> Self {
        let short = Some(short);
        Self { short, ..self }
    }
}

/// A table that fits, and what a reader must know of how it was made to.
#[derive(Debug)]
pub(crate) struct Fitted {
    pub(crate) columns: Vec<Column>,
    /// How what is told in short is to be read, each once.
    pub(crate) legends: Vec<&'static str>,
    /// Heads of the columns that are left out.
    pub(crate) left_out: Vec<String>,
    /// Whether the column is there that refers to the footnotes.
    pub(crate) has_marks: bool,
}

/// What can be done for width, in the order in which it is.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Told in short.
    Shorten(Id),
    /// Left out if every row says `ok` there.
    DropIfWell(Id),
    /// Left out if it says what another column says.
    DropIfSame(Id, Id),
    /// Left out.
    Drop(Id),
    /// Words cut to so many columns.
    Cut(Id, usize),
}

/// First what loses nothing, then what other files have, the least important first.
const STEPS: [Step; 25] = [
    Step::Shorten(Id::Both),
    Step::Shorten(Id::Up),
    Step::Shorten(Id::Down),
    Step::Shorten(Id::Keys),
    Step::Shorten(Id::Evaluate),
    Step::Shorten(Id::Axis),
    Step::Shorten(Id::Status),
    Step::DropIfWell(Id::Status),
    Step::Drop(Id::Sees),
    Step::DropIfSame(Id::Clear, Id::Metric),
    Step::Drop(Id::Down),
    Step::Drop(Id::Up),
    Step::Drop(Id::Repetitions),
    Step::Drop(Id::Keys),
    Step::Drop(Id::Clear),
    Step::Cut(Id::Label, 16),
    Step::Cut(Id::Axis, 16),
    Step::Drop(Id::Samples),
    Step::Cut(Id::Label, 10),
    Step::Cut(Id::Axis, 8),
    Step::Drop(Id::PerSample),
    Step::Drop(Id::Evaluate),
    Step::Drop(Id::Error),
    Step::Drop(Id::Both),
    Step::Drop(Id::Bits),
];

/// Of an interval that is told by its further end, in % of the median.
pub(crate) const INTERVAL: &str = "±: 95 % interval";

/// Of a metric in the clear that is left out.
const SAME: &str = "in the clear: the same digits";

/// The table in at most `most` columns of text, if that can be.
pub(crate) fn fit(mut candidates: Vec<Candidate>, most: usize) -> Fitted {
    let mut fitted = Fitted {
        columns: Vec::new(),
        legends: Vec::new(),
        left_out: Vec::new(),
        has_marks: true,
    };
    for (place, candidate) in candidates.iter_mut().enumerate() {
        candidate.place = place;
    }
    let mut left_out = Vec::new();
    for step in STEPS {
        if width(candidates.iter().map(|c| &c.column)) <= most {
            break;
        }
        match step {
            Step::Shorten(id) => shorten(&mut candidates, id, &mut fitted),
            Step::DropIfWell(id) => {
                let well = |c: &Candidate| c.column.cells.iter().all(|cell| cell == "ok");
                candidates.retain(|c| c.id != id || !well(c));
            }
            Step::DropIfSame(id, other) => {
                let cells = |id| {
                    let found = candidates.iter().find(|c| c.id == id);
                    found.map(|c| c.column.cells.clone())
                };
                if cells(id) == cells(other) && cells(id).is_some() {
                    candidates.retain(|c| c.id != id);
                    fitted.legends.push(SAME);
                }
            }
            Step::Drop(id) => left_out.extend(candidates.extract_if(.., |c| c.id == id)),
            Step::Cut(id, most) => {
                for candidate in candidates.iter_mut().filter(|c| c.id == id) {
                    for cell in &mut candidate.column.cells {
                        *cell = cut(cell, most);
                    }
                }
            }
        }
    }
    fitted.left_out = put_back(&mut candidates, left_out, most);
    // Nothing is left that they explain.
    let has = |ids: &[Id]| candidates.iter().any(|c| ids.contains(&c.id));
    let (sizes, times) = (
        has(&[Id::Both, Id::Up, Id::Down, Id::Keys]),
        has(&[Id::Evaluate]),
    );
    fitted.legends.retain(|legend| match *legend {
        SHORT_UNITS => sizes,
        INTERVAL => times,
        _ => true,
    });
    fitted.has_marks = candidates.iter().any(|c| c.id == Id::Sees);
    fitted.columns = candidates.into_iter().map(|c| c.column).collect();
    fitted
}

fn shorten(candidates: &mut [Candidate], id: Id, fitted: &mut Fitted) {
    for candidate in candidates.iter_mut().filter(|c| c.id == id) {
        if let Some(short) = candidate.short.take() {
            candidate.column = short.column;
            if let Some(legend) = short.legend.filter(|l| !fitted.legends.contains(l)) {
                fitted.legends.push(legend);
            }
        }
    }
}

/// Puts those back that have room after all, as a wide one that was left out later made it: the most important first, which
/// was left out last. Yields the heads of the others.
fn put_back(candidates: &mut Vec<Candidate>, left_out: Vec<Candidate>, most: usize) -> Vec<String> {
    let mut heads = Vec::new();
    for candidate in left_out.into_iter().rev() {
        let before = |other: &Candidate| other.place < candidate.place;
        let at = candidates.partition_point(before);
        candidates.insert(at, candidate);
        if width(candidates.iter().map(|c| &c.column)) > most {
            let candidate = candidates.remove(at);
            // The footnotes name rows where no column does.
            if candidate.id != Id::Sees {
                heads.push(candidate.column.head.replace('\n', " "));
            }
        }
    }
    heads.reverse();
    heads
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: Id, head: &str, cells: &[&str]) -> Candidate {
        let cells = cells.iter().map(|c| (*c).to_owned()).collect();
        Candidate::new(id, Column::words(head, cells))
    }

    fn table() -> Vec<Candidate> {
        let short = Alternative {
            column: Column::words("up", vec!["1M".into(), "2M".into()]),
            legend: Some("M: MiB"),
        };
        vec![
            candidate(Id::Label, "label", &["one", "a label that is long"]),
            candidate(Id::Metric, "auc", &["0.5", "0.6"]),
            candidate(Id::Clear, "in the\nclear", &["0.5", "0.6"]),
            candidate(Id::Up, "up", &["1.00 MiB", "2.00 MiB"]).or(short),
            candidate(Id::Sees, "sees", &["[1]", "[2]"]),
            candidate(Id::Status, "status", &["ok", "ok"]),
        ]
    }

    #[track_caller]
    fn check(most: usize, heads: &str, left_out: &[&str]) {
        let fitted = fit(table(), most);
        let found: Vec<&str> = fitted.columns.iter().map(|c| c.head.as_str()).collect();
        assert_eq!(found.join(", "), heads);
        assert_eq!(fitted.left_out, left_out);
        assert!(width(&fitted.columns) <= most);
    }

    #[test]
    fn what_matters_least_goes_first() {
        // 20 + 3 + 6 + 8 + 4 + 6 and five gaps.
        check(57, "label, auc, in the\nclear, up, sees, status", &[]);
        assert!(fit(table(), 57).legends.is_empty());
        check(56, "label, auc, in the\nclear, up, sees, status", &[]);
        assert_eq!(fit(table(), 56).legends, ["M: MiB"]);
        // That all is well, words say; what the server sees, the footnotes.
        check(50, "label, auc, in the\nclear, up, sees", &[]);
        check(42, "label, auc, in the\nclear, up", &[]);
        assert!(!fit(table(), 42).has_marks && fit(table(), 50).has_marks);
        // Where it has room again, it comes back.
        check(36, "label, auc, up, sees", &[]);
        assert_eq!(fit(table(), 36).legends, ["M: MiB", SAME]);
        check(28, "label, auc", &["up"]);
        check(15, "label, auc", &["up"]);
        let mut other = table();
        other[2].column.cells[0] = "0.4".into();
        // Where the wider one goes, the other has room.
        assert_eq!(fit(other, 30).left_out, ["in the clear"]);
    }

    /// Whatever is left out for a wide column that goes all the same was left out in vain.
    #[test]
    fn what_has_room_after_all_stays() {
        let table = || {
            vec![
                candidate(Id::Label, "label", &["one", "two"]),
                candidate(Id::Repetitions, "reps", &["10", "10"]),
                candidate(Id::Down, "down", &["1", "2"]),
                candidate(Id::Clear, "in the\nclear", &["0.123456789012", "0.5"]),
                candidate(Id::Bits, "bits", &["128", "128"]),
            ]
        };
        // Five columns of 5, 4, 4, 14 and 4 with gaps of 2.
        let fitted = fit(table(), 38);
        assert_eq!(fitted.left_out, ["down"]);
        // Without the wide one there is room for both.
        let fitted = fit(table(), 25);
        let heads: Vec<&str> = fitted.columns.iter().map(|c| c.head.as_str()).collect();
        assert_eq!(heads, ["label", "reps", "down", "bits"]);
        assert_eq!(fitted.left_out, ["in the clear"]);
        // And here for the more important of them.
        assert_eq!(fit(table(), 18).left_out, ["down", "in the clear"]);
    }

    #[test]
    fn a_status_that_says_something_stays() {
        let mut table = table();
        table[5].column.cells[0] = "refused".into();
        let fitted = fit(table, 30);
        assert!(fitted.columns.iter().any(|c| c.head == "status"));
    }
}
