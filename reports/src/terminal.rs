//! The report for a terminal, as wide as that is.

use hexperiment_experiment::summary::{Records, Row};
use hexperiment_experiment::verdict::Verdict;

use crate::fit::fit;
use crate::grid;
use crate::report::{Body, Section, sections};
use crate::units::wrapped;

/// Lines of words are no longer than this however much room there is: nobody reads them then.
const LONGEST_LINE: usize = 120;

/// The report as text of at most `width` columns, without a newline at its end.
pub fn terminal(records: &Records, rows: &[Row], verdicts: &[Verdict], width: usize) -> String {
    let run = &records.run;
    let mut text = Text::new(width);
    text.item(&format!("{}: ", run.experiment), &run.question);
    let sections = sections(records, rows, verdicts);
    for section in sections.into_iter().filter(|s| !s.is_detail) {
        text.section(section, rows);
    }
    text.finish()
}

/// Text in the making.
pub(crate) struct Text {
    width: usize,
    lines: Vec<String>,
}

impl Text {
    pub(crate) fn new(width: usize) -> Self {
        let lines = Vec::new();
        Self { width, lines }
    }

    pub(crate) fn gap(&mut self) {
        self.lines.push(String::new());
    }

    pub(crate) fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    pub(crate) fn item(&mut self, lead: &str, text: &str) {
        let width = self.width.min(LONGEST_LINE);
        self.lines.push(wrapped(text, lead, width));
    }

    pub(crate) fn finish(self) -> String {
        self.lines.join("\n")
    }

    fn section(&mut self, section: Section, rows: &[Row]) {
        let Section { title, body, .. } = section;
        match body {
            // What the rows have in common goes with the question.
            Body::Text(words) if title.is_empty() => self.item("", &words),
            Body::Text(words) => {
                self.gap();
                self.item(&format!("{title}: "), &words);
            }
            Body::FirstTable(candidates, footnotes) => {
                let fitted = fit(candidates, self.width);
                self.gap();
                self.lines.extend(grid::text(&fitted.columns, false));
                let mut words: Vec<String> =
                    fitted.legends.iter().map(|l| (*l).to_owned()).collect();
                if !fitted.left_out.is_empty() {
                    let heads = fitted.left_out.join(", ");
                    words.push(format!(
                        "no room for {heads}: table.md and summary.csv have all"
                    ));
                }
                if !words.is_empty() {
                    self.item("", &format!("({})", words.join("; ")));
                }
                if fitted.has_marks {
                    for (mark, what) in footnotes.by_number() {
                        self.item(&mark, &what);
                    }
                } else {
                    for (whom, what) in footnotes.by_row(rows) {
                        self.item("  ", &format!("{whom}: {what}"));
                    }
                }
            }
            Body::Table { about, columns } => {
                self.gap();
                self.item("", &title);
                self.item("", &about);
                self.lines.extend(grid::text(&columns, false));
            }
            Body::Pairs(items) => {
                self.gap();
                self.item("", &title);
                for (label, what) in items {
                    let label = match label.as_str() {
                        "" => label,
                        _ => label + ": ",
                    };
                    self.item("  ", &(label + &what));
                }
            }
            Body::Verdicts(verdicts) => {
                self.gap();
                let met = verdicts.iter().filter(|(_, passed, _)| *passed).count();
                self.line(format!("{title}: {met} of {} met", verdicts.len()));
                for (expected, passed, found) in verdicts {
                    let lead = if passed { "  met    " } else { "  FAILED " };
                    self.item(lead, &format!("{expected}  ({found})"));
                }
            }
            Body::Lists(lists) => {
                self.gap();
                self.item("", &title);
                for (heading, items) in lists {
                    self.item("  ", &heading);
                    for item in items {
                        self.item("    ", &item);
                    }
                }
            }
        }
    }
}
