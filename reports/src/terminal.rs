//! The report for a terminal: text of 120 columns, and a table as wide as it must be.

use hexperiment_core::summary::{Records, Row, Verdict};
use tabled::builder::Builder;
use tabled::settings::formatting::AlignmentStrategy;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style};

use crate::first_table::{FirstTable, first_table};
use crate::notes::{Footnotes, ends, remarks};
use crate::ranking::rank;
use crate::units::wrapped;

const WIDTH: usize = 120;

/// The report as text, without a newline at its end.
pub fn terminal(records: &Records, rows: &[Row], verdicts: &[Verdict]) -> String {
    let run = &records.run;
    let footnotes = Footnotes::new(rows);
    let mut text = Text::default();
    text.item(&format!("{}: ", run.experiment), &run.question);
    text.gap();
    text.lines.push(table(first_table(rows, &footnotes)));
    for (mark, what) in footnotes.lines() {
        text.item(&mark, &what);
    }
    let list = |text: &mut Text, title: &str, items: Vec<(String, String)>| {
        if items.is_empty() {
            return;
        }
        text.gap();
        text.lines.push(title.to_owned());
        for (label, what) in items {
            let label = if label.is_empty() {
                label
            } else {
                label + ": "
            };
            text.item("  ", &(label + &what));
        }
    };
    list(&mut text, "Not ok", ends(rows));
    let ranking = rank(rows);
    for group in ranking.groups {
        let lines = group
            .lines
            .into_iter()
            .map(|(what, order)| (what.to_owned(), order));
        list(
            &mut text,
            &format!("Fastest first, at {}", group.title),
            lines.collect(),
        );
    }
    let left_out = ranking.left_out.into_iter();
    list(
        &mut text,
        "Not ranked",
        left_out
            .map(|(label, why)| (label, why.to_owned()))
            .collect(),
    );
    list(&mut text, "Notes", remarks(rows, run.provenance.cores));
    if !run.caveats.trim().is_empty() {
        text.gap();
        text.item("Caveats: ", &run.caveats);
    }
    if !verdicts.is_empty() {
        text.gap();
        let met = verdicts.iter().filter(|v| v.passed).count();
        text.lines
            .push(format!("Expectations: {met} of {} met", verdicts.len()));
        for verdict in verdicts {
            let lead = if verdict.passed {
                "  met    "
            } else {
                "  FAILED "
            };
            text.item(
                lead,
                &format!("{}  ({})", verdict.expected(), verdict.found()),
            );
        }
    }
    text.lines.join("\n")
}

#[derive(Default)]
pub(crate) struct Text {
    pub(crate) lines: Vec<String>,
}

impl Text {
    pub(crate) fn gap(&mut self) {
        self.lines.push(String::new());
    }

    pub(crate) fn item(&mut self, lead: &str, text: &str) {
        self.lines.push(wrapped(text, lead, WIDTH));
    }
}

fn table(first: FirstTable) -> String {
    let mut builder = Builder::default();
    builder.push_record(first.head);
    for line in first.lines {
        builder.push_record(line);
    }
    let mut table = builder.build();
    table.with(Style::rounded());
    // Numbers end where their column ends; label, footnote and status are words.
    table.modify(Columns::new(1..10), Alignment::right());
    table.modify(Columns::new(1..10), AlignmentStrategy::PerLine);
    table.to_string()
}
