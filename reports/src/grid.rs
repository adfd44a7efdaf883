//! Tables of text: columns side by side, two blanks between them, a rule below the head.

use hexperiment_diagnostics::printable;
use tabled::builder::Builder;
use tabled::settings::formatting::AlignmentStrategy;
use tabled::settings::object::{Columns, Rows};
use tabled::settings::style::HorizontalLine;
use tabled::settings::{Alignment, Padding, Style, Theme};
use textwrap::core::display_width;

/// Blanks between two columns.
const GAP: usize = 2;

/// A column of a table; lines within a cell, and within the head, stay lines.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) head: String,
    /// Whether its lines end where the column ends, as those of numbers do.
    pub(crate) is_number: bool,
    pub(crate) cells: Vec<String>,
}

impl Column {
    pub(crate) fn words(head: impl Into<String>, cells: Vec<String>) -> Self {
        // Records are files: what a terminal would obey is escaped.
        let seen = |text: String| printable::lines(&text).into_owned();
        Self {
            head: seen(head.into()),
            is_number: false,
            cells: cells.into_iter().map(seen).collect(),
        }
    }

    pub(crate) fn numbers(head: impl Into<String>, cells: Vec<String>) -> Self {
        Self {
            is_number: true,
            ..Self::words(head, cells)
        }
    }

    fn width(&self) -> usize {
        let texts = self.cells.iter().chain([&self.head]);
        let lines = texts.flat_map(|text| text.lines());
        lines.map(display_width).max().unwrap_or(0)
    }
}

/// The width of a table of these columns.
pub(crate) fn width<'a>(columns: impl IntoIterator<Item = &'a Column>) -> usize {
    let widths: Vec<usize> = columns.into_iter().map(Column::width).collect();
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

/// The table as lines of text; `rules` draws a rule between its rows, too. Heads stand at the bottom
/// of their line, cells at its top.
pub(crate) fn text(columns: &[Column], rules: bool) -> Vec<String> {
    let rows = columns.iter().map(|c| c.cells.len()).max().unwrap_or(0);
    if columns.is_empty() {
        return vec![];
    }
    let mut builder = Builder::default();
    builder.push_record(columns.iter().map(|c| c.head.as_str()));
    for index in 0..rows {
        let cells = columns.iter().map(|c| c.cells.get(index));
        builder.push_record(cells.map(|c| c.map_or("", String::as_str)));
    }
    let mut theme = Theme::from_style(Style::empty());
    let ruled = if rules { rows } else { rows.min(1) };
    for line in 1..=ruled {
        theme.insert_horizontal_line(line, HorizontalLine::new('─'));
    }
    let mut table = builder.build();
    table.with(theme).modify(Rows::first(), Alignment::bottom());
    for (position, column) in columns.iter().enumerate() {
        let gap = if position == 0 { 0 } else { GAP };
        table.modify(Columns::one(position), Padding::new(gap, 0, 0, 0));
        if column.is_number {
            table
                .modify(Columns::one(position), Alignment::right())
                .modify(Columns::one(position), AlignmentStrategy::PerLine);
        }
    }
    let text = table.to_string();
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// The beginning of a word that is too long.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if display_width(text) <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        if display_width(&kept) + display_width(c.encode_utf8(&mut [0; 4])) >= most {
            break;
        }
        kept.push(c);
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|t| (*t).to_owned()).collect()
    }

    #[test]
    fn columns_stand_side_by_side() {
        let columns = [
            Column::words("label", strings(&["a", "größer", "数"])),
            Column::numbers("ms per\nsample", strings(&["1.5", "10", ""])),
            Column::words("note", strings(&["one\ntwo", "", "three"])),
        ];
        assert_eq!(width(&columns), 6 + 2 + 6 + 2 + 5);
        let rule = "─".repeat(21);
        let expected = [
            "        ms per",
            "label   sample  note",
            &rule,
            "a          1.5  one",
            "                two",
            "größer      10",
            "数              three",
        ];
        assert_eq!(text(&columns, false), expected);
        let ruled = text(&columns, true);
        assert_eq!(ruled.iter().filter(|line| **line == rule).count(), 3);
        assert!(text(&columns, false).iter().all(|l| display_width(l) <= 21));
    }

    #[test]
    fn nothing_is_a_rule_at_most() {
        assert_eq!(width(&[]), 0);
        assert!(text(&[], false).is_empty());
    }
}
