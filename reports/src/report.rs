//! What a report of one run says, in order: one list of sections for the terminal and the page.

use hexperiment_experiment::summary::{Records, Row};
use hexperiment_experiment::verdict::Verdict;

use crate::details;
use crate::facts::{facts, over_seeds};
use crate::first_table::first_table;
use crate::fit::Candidate;
use crate::grid::Column;
use crate::machines::machines;
use crate::notes::{Footnotes, busy, ends, remarks};
use crate::ranking::rank;

/// A part of a report.
pub(crate) struct Section {
    /// Its heading; empty where it follows what is above.
    pub(crate) title: String,
    pub(crate) body: Body,
    pub(crate) part: Part,
}

/// Which part of a report a section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What the rows have in common.
    Facts,
    /// The table of all cells.
    Table,
    /// The machines, where these are several.
    Machines,
    /// Rows that were disturbed.
    Busy,
    /// Rows that came to no result.
    Ends,
    /// Who is faster, and who is not compared.
    Ranking,
    /// What numbers alone do not say.
    Notes,
    /// What is unfair about the comparison.
    Caveats,
    /// What was expected.
    Expectations,
    /// What only the page has, where there is room for all.
    Detail,
}

/// What a section holds.
pub(crate) enum Body {
    /// The table of all cells; what servers see is told below it.
    FirstTable(Vec<Candidate>, Footnotes),
    /// A further table, how it is to be read, and what its columns were taken from.
    Table {
        about: String,
        sources: Vec<String>,
        columns: Vec<Column>,
    },
    /// Words.
    Text(String),
    /// What is said of whom; whom may be empty.
    Pairs(Vec<(String, String)>),
    /// What was expected, whether it is so, and what was found.
    Verdicts(Vec<(String, bool, String)>),
    /// Lists with headings of their own.
    Lists(Vec<(String, Vec<String>)>),
}

impl Section {
    fn new(part: Part, title: impl Into<String>, body: Body) -> Self {
        Self {
            title: title.into(),
            body,
            part,
        }
    }

    /// A section that only the page has.
    pub(crate) fn detail(title: &str, body: Body) -> Self {
        Self::new(Part::Detail, title, body)
    }

    /// Whether there is nothing to say.
    fn is_empty(&self) -> bool {
        match &self.body {
            Body::FirstTable(..) => false,
            Body::Table { columns, .. } => columns.is_empty(),
            Body::Text(text) => text.trim().is_empty(),
            Body::Pairs(items) => items.is_empty(),
            Body::Verdicts(items) => items.is_empty(),
            Body::Lists(lists) => lists.is_empty(),
        }
    }
}

/// The sections of a report; none is empty.
pub(crate) fn sections(records: &Records, rows: &[Row], verdicts: &[Verdict]) -> Vec<Section> {
    let run = &records.run;
    let (clock, processors) = (run.rank_by(), run.provenance.cores);
    let footnotes = Footnotes::new(rows);
    let table = first_table(rows, &footnotes, clock);
    let pairs = |part, title: &str, items| Section::new(part, title, Body::Pairs(items));
    let mut all = vec![
        Section::new(Part::Facts, "", Body::Text(facts(rows))),
        Section::new(Part::Table, "", Body::FirstTable(table, footnotes)),
        pairs(Part::Machines, "Machines", machines(records, rows)),
        Section::new(Part::Notes, "Over seeds", Body::Text(over_seeds(run, rows))),
        pairs(Part::Busy, "Busy machine", busy(rows, processors, clock)),
        pairs(Part::Ends, "Not ok", ends(rows)),
    ];
    let ranking = rank(rows, clock, run.tie_margin());
    all.extend(ranking.groups.into_iter().map(|group| {
        let title = group.heading(clock);
        let lines = group.lines.into_iter();
        let lines = lines.map(|(what, order)| (what.to_owned(), order));
        pairs(Part::Ranking, &title, lines.collect())
    }));
    let left_out = ranking.left_out.into_iter();
    let left_out = left_out.map(|(label, why)| (label, why.to_owned()));
    all.push(pairs(Part::Ranking, "Not ranked", left_out.collect()));
    all.push(pairs(Part::Notes, "Notes", remarks(rows, processors)));
    let caveats = Body::Text(run.caveats.clone());
    all.push(Section::new(Part::Caveats, "Caveats", caveats));
    let verdicts = verdicts.iter();
    let verdicts = verdicts.map(|v| (v.expected(), v.passed, v.found()));
    all.push(Section::new(
        Part::Expectations,
        "Expectations",
        Body::Verdicts(verdicts.collect()),
    ));
    all.extend(details::sections(records, rows));
    all.retain(|section| !section.is_empty());
    all
}
