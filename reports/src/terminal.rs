//! The report for a terminal, as wide as that is: the answer, the table, the ranking as bars, what
//! went wrong, and where the rest is. `verbose` adds what the page says besides.

use hexperiment_experiment::record::Clock;
use hexperiment_experiment::summary::{Records, Row};
use hexperiment_experiment::verdict::Verdict;

use crate::answer::answer;
use crate::bars::{Room, bars};
use crate::first_table::{BUSY, IMPRECISE, INSECURE, NO_SETUP, UNRANKED};
use crate::fit::{Candidate, fit};
use crate::grid;
use crate::notes::{Footnotes, whom};
use crate::paint::{Paint, in_ascii, painted};
use crate::report::{Body, Part, Section, sections};
use crate::units::{counted, listed, significant, wrapped};

/// Lines of words are no longer than this however much room there is: nobody reads them then.
const LONGEST_LINE: usize = 120;

/// What a text is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Columns.
    pub width: usize,
    /// Whether it shows more than ASCII: bars of blocks, rules of box drawing.
    pub unicode: bool,
    /// Whether colours are wanted.
    pub colour: bool,
    /// Whether notes, caveats, met expectations and rankings in words are told, too.
    pub verbose: bool,
}

impl Screen {
    /// One without colour, on which all characters are seen.
    pub fn plain(width: usize) -> Self {
        Self {
            width,
            unicode: true,
            colour: false,
            verbose: false,
        }
    }
}

/// The report as text, without a newline at its end. No line is wider than the screen where the
/// table has room in it.
pub fn terminal(records: &Records, rows: &[Row], verdicts: &[Verdict], screen: Screen) -> String {
    let run = &records.run;
    let by = (run.rank_by(), run.tie_margin());
    let mut text = Text::new(screen);
    let answer = format!("{}: {}", run.experiment, answer(rows, by.0, by.1));
    text.painted_item("", &answer, Paint::Strong);
    if screen.verbose {
        text.item("", &run.question);
    }
    let mut untold = Untold::default();
    for section in sections(records, rows, verdicts) {
        let part = section.part;
        if part == Part::Detail {
            continue;
        }
        if screen.verbose
            || matches!(
                part,
                Part::Facts | Part::Table | Part::Machines | Part::Ends
            )
        {
            text.section(section, rows);
        } else {
            untold.count(&section);
        }
        match part {
            Part::Table => text.bars(rows, by),
            Part::Expectations if !screen.verbose => text.failures(verdicts),
            _ => {}
        }
    }
    if !screen.verbose {
        text.marks(rows, by.0);
        text.closing(verdicts, &untold);
    }
    text.finish()
}

/// What is left to `--verbose` and the files.
#[derive(Default)]
struct Untold {
    notes: usize,
    caveats: bool,
}

impl Untold {
    fn count(&mut self, section: &Section) {
        match (section.part, &section.body) {
            (Part::Notes, Body::Pairs(items)) => self.notes = items.len(),
            (Part::Caveats, _) => self.caveats = true,
            _ => {}
        }
    }
}

/// Text in the making.
pub(crate) struct Text {
    screen: Screen,
    lines: Vec<(String, Paint)>,
}

impl Text {
    pub(crate) fn new(screen: Screen) -> Self {
        let lines = Vec::new();
        Self { screen, lines }
    }

    pub(crate) fn gap(&mut self) {
        self.line("", Paint::Plain);
    }

    pub(crate) fn line(&mut self, line: impl Into<String>, paint: Paint) {
        self.lines.push((line.into(), paint));
    }

    pub(crate) fn item(&mut self, lead: &str, text: &str) {
        self.painted_item(lead, text, Paint::Plain);
    }

    pub(crate) fn painted_item(&mut self, lead: &str, text: &str, paint: Paint) {
        let width = self.screen.width.min(LONGEST_LINE);
        for (index, line) in wrapped(text, lead, width).lines().enumerate() {
            let paint = match paint {
                // Its first word is in the first line.
                Paint::Wrong if index > 0 => Paint::Plain,
                paint => paint,
            };
            self.line(line, paint);
        }
    }

    pub(crate) fn table(&mut self, columns: &[grid::Column], rules: bool) {
        for line in grid::text(columns, rules) {
            self.line(line, Paint::Marks);
        }
    }

    pub(crate) fn finish(self) -> String {
        let Screen {
            unicode, colour, ..
        } = self.screen;
        let lines = self.lines.into_iter().map(|(line, paint)| {
            let line = if unicode { line } else { in_ascii(&line) };
            if colour { painted(&line, paint) } else { line }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn first_table(&mut self, candidates: Vec<Candidate>, footnotes: &Footnotes, rows: &[Row]) {
        let fitted = fit(candidates, self.screen.width);
        self.gap();
        self.table(&fitted.columns, false);
        let mut words: Vec<String> = fitted.legends.iter().map(|l| (*l).to_owned()).collect();
        if !fitted.left_out.is_empty() {
            let heads = fitted.left_out.join(", ");
            words.push(format!("table.md has {heads}"));
        }
        if !words.is_empty() {
            let words = format!("({})", words.join("; "));
            self.painted_item("", &words, Paint::Aside);
        }
        if !self.screen.verbose {
            return;
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

    /// The ranking, a bar for each row.
    fn bars(&mut self, rows: &[Row], by: (Clock, f64)) {
        let Screen { width, unicode, .. } = self.screen;
        let width = width.min(LONGEST_LINE);
        let Some(bars) = bars(rows, by, Room { width, unicode }) else {
            return;
        };
        self.gap();
        self.item("", &bars.title);
        for (title, lines) in bars.groups {
            if !title.is_empty() {
                self.painted_item(" ", &title, Paint::Aside);
            }
            for line in lines {
                self.line(line, Paint::Bar);
            }
        }
        if bars.left_out > 0 {
            let more = counted(bars.left_out, "more row", "more rows");
            self.painted_item(
                " ",
                &format!("{more}: table.md and report.html rank all"),
                Paint::Aside,
            );
        }
    }

    /// What was expected and is not so.
    fn failures(&mut self, verdicts: &[Verdict]) {
        let failed: Vec<&Verdict> = verdicts.iter().filter(|v| !v.passed).collect();
        if failed.is_empty() {
            return;
        }
        self.gap();
        for verdict in failed {
            let words = format!("{} ({})", verdict.expected(), verdict.found());
            self.painted_item("FAILED ", &words, Paint::Wrong);
        }
    }

    /// Marks in the table, and what they say of which rows.
    fn marks(&mut self, rows: &[Row], clock: Clock) {
        let mut items: Vec<(&str, String)> = Vec::new();
        let of = |is: &dyn Fn(&Row) -> bool| -> Vec<&Row> {
            rows.iter().filter(|row| is(row)).collect()
        };
        let names = |some: &[&Row]| whom(rows, &some.iter().map(|r| r.name()).collect::<Vec<_>>());
        let insecure = of(&Row::insecure);
        if !insecure.is_empty() {
            let mut bits: Vec<u32> = insecure.iter().filter_map(|r| r.security_bits()).collect();
            bits.sort_unstable();
            bits.dedup();
            let bits: Vec<String> = bits.iter().map(u32::to_string).collect();
            let words = format!(
                "{} bits of security ({}), less than is usual (128) or was demanded",
                listed(&bits),
                names(&insecure)
            );
            items.push((INSECURE, words));
        }
        let unranked = of(&Row::lacks_setup);
        if !unranked.is_empty() {
            items.push((UNRANKED, format!("{NO_SETUP} ({})", names(&unranked))));
        }
        let imprecise = of(&|row| row.imprecise().is_some());
        if !imprecise.is_empty() {
            let mut ratios: Vec<f64> = imprecise
                .iter()
                .filter_map(|row| Some(row.imprecise()?.ratio()))
                .collect();
            ratios.sort_by(f64::total_cmp);
            let number = |x: f64| significant(x, 2);
            let times = match ratios.as_slice() {
                [one] => number(*one),
                [least, .., most] => format!("{} to {}", number(*least), number(*most)),
                [] => String::new(),
            };
            let mut wanted: Vec<f64> = imprecise
                .iter()
                .filter_map(|row| Some(row.imprecise()?.demanded))
                .collect();
            wanted.sort_by(f64::total_cmp);
            wanted.dedup();
            let wanted: Vec<String> = wanted.into_iter().map(number).collect();
            let words = format!(
                "off by {times} times the error that the task bears, wanted {} ({}); most tasks have an option \
                 `precision` for it",
                listed(&wanted),
                names(&imprecise)
            );
            items.push((IMPRECISE, words));
        }
        let busy = of(&|row| row.busy.is_some());
        if !busy.is_empty() {
            let advice = match clock {
                Clock::Wall => "; run again on one, or `rank_by = \"cpu\"` in [run]",
                Clock::Cpu => "",
            };
            let words = format!(
                "times are not those of a quiet machine ({}){advice}",
                names(&busy)
            );
            items.push((BUSY, words));
        }
        if !items.is_empty() {
            self.gap();
        }
        for (mark, words) in items {
            self.painted_item(&format!("{mark}: "), &words, Paint::Marks);
        }
    }

    /// What is not told here, and where it is.
    fn closing(&mut self, verdicts: &[Verdict], untold: &Untold) {
        let mut words = Vec::new();
        let met = verdicts.iter().filter(|v| v.passed).count();
        if !verdicts.is_empty() {
            words.push(format!("expectations: {met} of {} met", verdicts.len()));
        }
        let mut more = Vec::new();
        if untold.notes > 0 {
            more.push(counted(untold.notes, "note", "notes"));
        }
        if untold.caveats {
            more.push("caveats".into());
        }
        if !more.is_empty() {
            words.push(format!("--verbose: {}", more.join(", ")));
        }
        words.push("report.html: charts".into());
        self.gap();
        self.painted_item("", &words.join("; "), Paint::Aside);
    }

    fn section(&mut self, section: Section, rows: &[Row]) {
        let Section { title, body, part } = section;
        match body {
            Body::Text(words) if part == Part::Facts => self.painted_item("", &words, Paint::Aside),
            Body::Text(words) => {
                self.gap();
                self.item(&format!("{title}: "), &words);
            }
            Body::FirstTable(candidates, footnotes) => {
                self.first_table(candidates, &footnotes, rows);
            }
            Body::Table {
                about,
                sources,
                columns,
            } => {
                self.gap();
                self.item("", &title);
                self.item("", &about);
                for source in &sources {
                    self.item("", source);
                }
                self.table(&columns, false);
            }
            Body::Pairs(items) => {
                self.gap();
                self.item("", &title);
                for (label, what) in items {
                    let label = match label.as_str() {
                        "" => label,
                        _ => label + ": ",
                    };
                    let paint = match part {
                        Part::Ends => Paint::Marks,
                        _ => Paint::Plain,
                    };
                    self.painted_item("  ", &(label + &what), paint);
                }
            }
            Body::Verdicts(verdicts) => {
                self.gap();
                let met = verdicts.iter().filter(|(_, passed, _)| *passed).count();
                let line = format!("{title}: {met} of {} met", verdicts.len());
                self.line(line, Paint::Plain);
                for (expected, passed, found) in verdicts {
                    let (lead, paint) = if passed {
                        ("  met    ", Paint::Plain)
                    } else {
                        ("  FAILED ", Paint::Wrong)
                    };
                    self.painted_item(lead, &format!("{expected}  ({found})"), paint);
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
