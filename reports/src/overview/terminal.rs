//! The table for a terminal: as many schemes side by side as there is room for.

use super::words::Style;
use super::{LEGEND, Overview};
use crate::grid::{self, Column};
use crate::paint::Paint;
use crate::terminal::{Screen, Text};

/// The width of a cell where there is room.
const WIDEST: usize = 24;
/// The least width of a cell; with less, schemes go into a table of their own.
const LEAST: usize = 16;
/// Blanks between two columns.
const GAP: usize = 2;

/// How the figures are to be read, in short.
const SHORT_LEGEND: &str = "In each cell: the headline metric, and the same in the clear; the largest \
    error of a decrypted value; milliseconds per sample; uploaded bytes over those in the clear. \
    Compare within a line: lines are of different data (--verbose says more).";

pub(super) fn terminal(overview: &Overview, screen: Screen) -> String {
    let mut columns = overview.columns(Style::Short);
    let schemes = columns.split_off(1);
    let heads = shortened(&columns[0], WIDEST);
    let room = screen.width.saturating_sub(grid::width([&heads]));
    let (together, cell) = layout(schemes.len(), room);
    let mut text = Text::new(screen);
    for (index, some) in schemes.chunks(together).enumerate() {
        if index > 0 {
            text.gap();
        }
        let mut table = vec![heads.clone()];
        table.extend(some.iter().map(|scheme| narrow(scheme, cell)));
        text.table(&table, true);
    }
    for (number, reason) in (1..).zip(&overview.reasons) {
        text.item(&format!("[{number}] "), reason);
    }
    text.gap();
    let legend = if screen.verbose { LEGEND } else { SHORT_LEGEND };
    text.painted_item("", legend, Paint::Aside);
    for remark in &overview.remarks {
        text.painted_item("Note: ", remark, Paint::Strong);
    }
    text.finish()
}

/// How many of `schemes` stand side by side in `room` columns of text, and how wide their cells are.
fn layout(schemes: usize, room: usize) -> (usize, usize) {
    let most = (room / (LEAST + GAP)).max(1);
    // Tables of about the same number of columns.
    let tables = schemes.div_ceil(most).max(1);
    let together = schemes.div_ceil(tables).max(1);
    let cell = (room / together).saturating_sub(GAP);
    (together, cell.clamp(LEAST, WIDEST))
}

/// A column whose lines are cut to at most `most` columns of text: `overview.md` has them whole.
fn shortened(column: &Column, most: usize) -> Column {
    let cut = |text: &String| -> String {
        let lines = text.lines().map(|line| grid::cut(line, most));
        lines.collect::<Vec<_>>().join("\n")
    };
    Column {
        head: cut(&column.head),
        is_number: false,
        cells: column.cells.iter().map(cut).collect(),
    }
}

/// A column whose lines are broken so that they have at most `most` columns of text.
fn narrow(column: &Column, most: usize) -> Column {
    let options = textwrap::Options::new(most)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(true);
    let broken = |text: &str| -> String {
        let lines = text.lines().map(|line| textwrap::fill(line, &options));
        lines.collect::<Vec<_>>().join("\n")
    };
    Column {
        head: broken(&column.head),
        is_number: false,
        cells: column.cells.iter().map(|cell| broken(cell)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_share_the_room() {
        #[track_caller]
        fn check(schemes: usize, room: usize, expect: (usize, usize)) {
            assert_eq!(layout(schemes, room), expect, "{schemes} in {room}");
        }
        check(5, 200, (5, WIDEST));
        check(5, 101, (5, 18));
        check(5, 90, (5, LEAST));
        check(5, 60, (3, 18));
        check(5, 40, (2, 18));
        check(5, 5, (1, LEAST));
        check(0, 60, (1, WIDEST));
    }
}
