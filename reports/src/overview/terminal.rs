//! The table for a terminal.

use tabled::builder::Builder;
use tabled::settings::Style;

use super::{LEGEND, Overview};
use crate::terminal::Text;
use crate::units::wrapped;

/// A cell's width: with five schemes the table then takes about 150 columns.
const CELL: usize = 24;

pub(super) fn terminal(overview: &Overview) -> String {
    let (head, lines) = overview.text();
    let mut builder = Builder::default();
    builder.push_record(head);
    for line in lines {
        builder.push_record(line.iter().map(|cell| narrow(cell)));
    }
    let mut table = builder.build();
    table.with(Style::modern_rounded());
    let mut text = Text::default();
    text.lines.push(table.to_string());
    for (number, reason) in (1..).zip(&overview.reasons) {
        text.item(&format!("[{number}] "), reason);
    }
    text.gap();
    text.item("", LEGEND);
    for remark in &overview.remarks {
        text.item("Note: ", remark);
    }
    text.lines.join("\n")
}

/// A cell's lines, long ones broken.
fn narrow(cell: &str) -> String {
    let lines = cell.lines().map(|line| wrapped(line, "", CELL));
    lines.collect::<Vec<_>>().join("\n")
}
