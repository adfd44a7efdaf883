//! The template of the page.

use hexperiment_diagnostics::printable::{self, line as seen};
use hexperiment_experiment::summary::Row;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Shown;
use super::data::{Page, digits};
use super::files::Files;
use super::gallery::gallery;
use super::table::{self, Cell, Column, Room};
use super::words::{experiment, words};
use crate::answer::answer;
use crate::facts::facts;
use crate::machines::Kinds;
use crate::notes::Footnotes;
use crate::report::{Part, Section, sections};

pub(crate) const STYLE: &str = include_str!("../../assets/page.css");
/// Scripts in order: each uses those before it. The first two are vendored.
const SCRIPTS: [(&str, &str); 10] = [
    ("d3.min.js", include_str!("../../assets/d3.min.js")),
    ("plot.min.js", include_str!("../../assets/plot.min.js")),
    ("format.js", include_str!("../../assets/format.js")),
    ("parts.js", include_str!("../../assets/parts.js")),
    ("svg.js", include_str!("../../assets/svg.js")),
    ("charts.js", include_str!("../../assets/charts.js")),
    ("scores.js", include_str!("../../assets/scores.js")),
    ("series.js", include_str!("../../assets/series.js")),
    ("files.js", include_str!("../../assets/files.js")),
    ("page.js", include_str!("../../assets/page.js")),
];

/// A file that pages are drawn with, by its name: what shares their look is served these.
pub fn asset(name: &str) -> Option<&'static str> {
    let style = ("page.css", STYLE);
    let mut all = SCRIPTS.iter().copied().chain([style]);
    all.find(|(file, _)| *file == name).map(|(_, text)| text)
}

/// What a page of a report may do in a browser: the value of `Content-Security-Policy`.
pub fn policy() -> &'static str {
    POLICY
}

/// Rows of a table beyond which it has no columns but those that are shown from the start.
const MANY_ROWS: usize = 200;

/// Rankings beyond which they share a fold.
const MANY_RANKINGS: usize = 12;

/// Nothing is loaded from anywhere, whatever a file of records says.
pub(crate) const POLICY: &str = include_str!("../../assets/policy.txt");

/// A chart of the page; the script shows those for which there are numbers.
struct Chart {
    name: &'static str,
    title: &'static str,
    about: &'static str,
}

const CHARTS: [Chart; 10] = [
    Chart {
        name: "tradeoff",
        title: "Time against error",
        about: "Each mark is a row. The line joins those that no other row beats in both. Gray \
                rows hide nothing from the server.",
    },
    Chart {
        name: "quality",
        title: "Time against quality",
        about: "The same with the headline metric. A ring is the value in the clear, where it \
                is another.",
    },
    Chart {
        name: "phases",
        title: "Where the time of a query goes",
        about: "Shares of the median times for the whole batch; at the right their sum.",
    },
    Chart {
        name: "setup",
        title: "Where the time of the set-up goes",
        about: "What is done once, before the first query.",
    },
    Chart {
        name: "bytes",
        title: "Bytes that cross",
        about: "Ciphertexts to the server and back, and the keys that the server gets once.",
    },
    Chart {
        name: "links",
        title: "A query over links",
        about: "Computed from what was recorded: what both parties compute, the bytes both ways and a round \
                trip for each round, without the keys, which cross once.",
    },
    Chart {
        name: "spread",
        title: "Spread over repetitions",
        about: "Each dot is a repetition: its time from encryption to decryption beside the row's \
                median, which stands at the right; of many repetitions a box stands for the middle half.",
    },
    Chart {
        name: "errors",
        title: "Where the error comes from",
        about: "The worst of all repetitions: by clipping, which moves values into public ranges before \
                they are encrypted and is not in the max error; by approximation and rounding, which the \
                program alone decides; and by noise.",
    },
    Chart {
        name: "memory",
        title: "Memory",
        about: "The most that a process held at once.",
    },
    Chart {
        name: "confusion",
        title: "Confusion matrix",
        about: "Actual classes of samples, line by line, and the classes predicted. Rows of the table with the \
                same numbers share a matrix.",
    },
];

pub(super) fn page(runs: &[Shown<'_>], files: &[Files]) -> Markup {
    let title = match runs {
        [one] => one.records.run.experiment.clone(),
        many => format!("{} runs", many.len()),
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY.trim());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (seen(&title)) " · Hexperiment" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header.top {
                    span.brand { "Hexperiment" }
                    @if runs.len() > 1 {
                        label.selector hidden {
                            span { "Run" }
                            select #selector {
                                @for (index, shown) in runs.iter().enumerate() {
                                    option value=(index) {
                                        (seen(&shown.records.run.experiment)) ", " (when(shown))
                                    }
                                }
                            }
                        }
                    }
                }
                main {
                    @for (index, (shown, files)) in runs.iter().zip(files).enumerate() {
                        (run(index, shown, files))
                    }
                }
                script type="application/json" #data {
                    (PreEscaped(Page::new(runs, files).to_json()))
                }
                @for (_, script) in SCRIPTS {
                    script { (PreEscaped(script)) }
                }
            }
        }
    }
}

fn when(shown: &Shown<'_>) -> String {
    shown
        .records
        .run
        .started
        .replace('T', " ")
        .replace('Z', " UTC")
}

fn run(index: usize, shown: &Shown<'_>, files: &Files) -> Markup {
    let run = &shown.records.run;
    let told = html! {
            section.head aria-label="Question and answer" {
                p.eyebrow { (run.experiment) " · " (when(shown)) }
                h1 { (run.question) }
                p.answer { (answer(shown.rows, run.rank_by(), run.tie_margin())) }
                p.facts { (facts(shown.rows)) }
                p.facts {
                    "End to end: encrypt + evaluate + decrypt of the batch; what crossing takes is apart. Bytes: \
                     ciphertexts both ways, without keys. Bits: those demanded."
                }
                @if !run.caveats.trim().is_empty() {
                    details.caveats.printed {
                        summary { "What is unfair about this comparison" }
                        p { (run.caveats) }
                    }
                }
            }
            (comparison(index, shown))
            (charts(index, Kinds::of(shown.rows).caution().as_deref()))
            (task_files(files))
            (told_in_words(shown))
    };
    html! {
        article.run data-run=(index) {
            (PreEscaped(printable::lines(&told.into_string())))
            (experiment(shown.folder))
        }
    }
}

/// Sections in words; many rankings share a fold.
fn told_in_words(shown: &Shown<'_>) -> Markup {
    let all = sections(shown.records, shown.rows, shown.verdicts);
    let is_ranking = |section: &Section| section.part == Part::Ranking;
    let first = all.iter().position(is_ranking).unwrap_or(all.len());
    let count = all.iter().filter(|section| is_ranking(section)).count();
    let fold = count > MANY_RANKINGS;
    let (mut before, mut rankings, mut after) = (vec![], vec![], vec![]);
    for (place, section) in all.into_iter().enumerate() {
        let group = if fold && is_ranking(&section) {
            &mut rankings
        } else if place < first {
            &mut before
        } else {
            &mut after
        };
        group.push(words(section, shown.rows));
    }
    html! {
        @for section in &before { (section) }
        @if fold {
            details.words {
                summary { h2 { "Rankings, " (count) } }
                @for section in &rankings { (section) }
            }
        }
        @for section in &after { (section) }
    }
}

/// The table, and what servers see.
fn comparison(index: usize, shown: &Shown<'_>) -> Markup {
    let rows = shown.rows;
    let mut columns = table::columns(rows, shown.records.run.rank_by());
    let all = columns.len();
    if rows.len() > MANY_ROWS {
        columns.retain(|column| column.room != Room::Chosen);
    }
    let footnotes = Footnotes::new(rows);
    html! {
        section.comparison aria-label="Comparison" {
            h2 { "Comparison" }
            div.controls hidden {
                label.filter {
                    span { "Filter rows" }
                    input type="search" placeholder="name, status, value";
                }
                details.chooser {
                    summary { "Columns" }
                    fieldset {
                        legend { "Columns to show" }
                        @for column in &columns[1..] {
                            label {
                                input type="checkbox" value=(column.key);
                                span { (column.head) }
                            }
                        }
                    }
                }
                p.count role="status" {}
            }
            div.scroll tabindex="0" role="region" aria-label={ "Table of " (rows.len()) " rows" } {
                table #{ "table-" (index) } {
                    caption { "One row for each cell of the experiment." }
                    thead {
                        tr {
                            @for column in &columns {
                                th scope="col" class=(class(column)) data-key=(column.key) {
                                    (column.head)
                                }
                            }
                        }
                    }
                    tbody {
                        @for (place, row) in rows.iter().enumerate() {
                            (table_row(place, row, &columns))
                        }
                    }
                }
            }
            @if let Some(caution) = Kinds::of(rows).caution() { p.caution.warns { (caution) } }
            @if columns.len() < all {
                p.count {
                    "Of so many rows " (all - columns.len()) " further columns are in summary.csv in the run's folder."
                }
            }
            @if rows.iter().any(|row| row.setup.is_some()) {
                details.trust.printed {
                    summary { "What the servers see" }
                    ul {
                        @for (whom, what) in footnotes.by_row(rows) {
                            li { strong { (whom) } ": " (what) }
                        }
                    }
                }
            }
        }
    }
}

fn class(column: &Column) -> String {
    let room = match column.room {
        Room::Narrow => "narrow",
        Room::Wide => "wide",
        Room::Chosen => "chosen",
    };
    let kind = if column.is_number { " number" } else { "" };
    format!("{room}{kind}")
}

fn table_row(place: usize, row: &Row, columns: &[Column]) -> Markup {
    let reason = table::reason(row);
    html! {
        tr data-cell=(place) class=[reason.is_some().then_some("empty")] {
            @for (number, column) in columns.iter().enumerate() {
                @let cell = &column.cells[place];
                @if number == 0 {
                    th scope="row" class="narrow" { (contents(cell)) }
                } @else if reason.is_none() || is_axis(row, column) {
                    td class=(class(column)) data-number=[cell.number.map(|number| digits(number, 6))] { (contents(cell)) }
                } @else if number == 1 + row_axes(columns, row) {
                    td.reason colspan=(columns.len() - number) { (reason.as_deref().unwrap_or_default()) }
                }
            }
        }
    }
}

fn is_axis(row: &Row, column: &Column) -> bool {
    row.cell.point.contains_key(&column.key)
}

/// How many columns of axes stand behind the first column, of those that the row has a value in.
fn row_axes(columns: &[Column], row: &Row) -> usize {
    columns.iter().filter(|column| is_axis(row, column)).count()
}

fn contents(cell: &Cell) -> Markup {
    html! {
        (cell.text)
        @if let Some(point) = &cell.point { span.under.phone { (point) } }
        @for (under, warns) in &cell.under {
            span.under.warns[*warns] { (under) }
        }
    }
}

fn charts(index: usize, caution: Option<&str>) -> Markup {
    html! {
        section.charts aria-label="Charts" {
            h2 { "Charts" }
            @if let Some(caution) = caution { p.caution.warns { (caution) } }
            noscript { p { "The charts need JavaScript. The table above has their numbers." } }
            div.grid {
                @for Chart { name, title, about } in CHARTS {
                    @let id = format!("chart-{index}-{name}");
                    figure hidden data-chart=(name) aria-labelledby=(id) {
                        h3 id=(id) { (title) }
                        figcaption { (about) }
                        div.plot {}
                    }
                }
                div.scaling {}
            }
        }
    }
}

/// What the run's tasks left: images here, tables by the script.
fn task_files(files: &Files) -> Markup {
    if files.tables.is_empty() && files.images.is_empty() && files.left_out.is_empty() {
        return html! {};
    }
    html! {
        section.files aria-label="What the task left" {
            h2 { "What the task left" }
            div.grid {}
            @if !files.images.is_empty() { (gallery(&files.images)) }
            div.listings {}
            @if !files.left_out.is_empty() {
                details {
                    summary { "Files in the run's folder that are not on this page" }
                    ul {
                        @for (path, why) in &files.left_out {
                            li { code { (path) } ": " (why) }
                        }
                    }
                }
            }
        }
    }
}
