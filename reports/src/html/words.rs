//! The parts of a page in words, each folded: notes, expectations, details, the experiment's file.

use std::collections::HashMap;
use std::path::Path;

use hexperiment_diagnostics::{files as disk, printable};
use hexperiment_experiment::record::Status;
use hexperiment_experiment::summary::Row;
use maud::{Markup, html};

use crate::grid;
use crate::report::{Body, Section};

/// Rows from which on tables that have a column for each row would be too wide.
const MANY_ROWS: usize = 40;

/// A section of the report in words, folded unless it warns.
pub(super) fn words(section: Section, rows: &[Row]) -> Markup {
    let Section { title, body, .. } = section;
    let is_told = title.is_empty() || title == "Caveats";
    // The table has the reasons of rows without numbers.
    let is_new = |row: &Row| row.status != Status::Ok && row.measured.is_some();
    let warns = matches!(&body, Body::Verdicts(all) if all.iter().any(|(_, passed, _)| !passed))
        || (title == "Not ok" && rows.iter().any(is_new));
    let contents = match body {
        // Those stand above.
        Body::FirstTable(..) => return html! {},
        _ if is_told => return html! {},
        Body::Text(text) => html! { p { (coded(&text)) } },
        Body::Pairs(items) => html! {
            ul { @for (whom, what) in items { li { (whom_and_what(&whom, &what)) } } }
        },
        Body::Verdicts(verdicts) => html! {
            ul.verdicts {
                @for (expected, passed, found) in verdicts {
                    li class=(if passed { "met" } else { "unmet" }) {
                        strong { (if passed { "met" } else { "NOT MET" }) } " "
                        code { (expected) } " (" (found) ")"
                    }
                }
            }
        },
        Body::Table { columns, .. } if rows.len() > MANY_ROWS && !columns.is_empty() => html! {
            p { "Too wide for so many rows: summary.csv in the run's folder has them." }
        },
        Body::Table {
            about,
            sources,
            columns,
        } => html! {
            p { (coded(&about)) }
            @if !sources.is_empty() {
                details.sources.printed {
                    summary { "Where the figures of these " (sources.len()) " are from" }
                    ul { @for source in &sources { li { (source) } } }
                }
            }
            (plain_table(&title, &columns))
        },
        Body::Lists(lists) => html! {
            @for (heading, items) in shared(lists) {
                @if !heading.is_empty() { h3 { (heading) } }
                ul { @for item in items { li { (coded(&item)) } } }
            }
        },
    };
    let class = if title == "Provenance" {
        "words printed"
    } else {
        "words"
    };
    html! {
        details class=(class) open[warns] {
            summary { h2 { (title) } }
            (contents)
        }
    }
}

/// Lists that are alike, of many rows, under one heading.
fn shared(lists: Vec<(String, Vec<String>)>) -> Vec<(String, Vec<String>)> {
    if lists.len() <= MANY_ROWS {
        return lists;
    }
    let mut groups: Vec<(Vec<String>, Vec<String>)> = vec![];
    let mut places: HashMap<Vec<String>, usize> = HashMap::new();
    for (heading, items) in lists {
        let place = *places.entry(items.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((headings, _)) => headings.push(heading),
            None => groups.push((vec![heading], items)),
        }
    }
    let named = |headings: Vec<String>| match headings.as_slice() {
        [first, _, _, _, ..] => format!("{first} and {} more", headings.len() - 1),
        few => few.join(", "),
    };
    let groups = groups.into_iter();
    groups
        .map(|(headings, items)| (named(headings), items))
        .collect()
}

fn whom_and_what(whom: &str, what: &str) -> Markup {
    html! { @if !whom.is_empty() { strong { (whom) } ": " } (coded(what)) }
}

/// Words, of which those between two backticks are code.
fn coded(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    // One without a partner is a character like others.
    if parts.len().is_multiple_of(2) {
        return html! { (text) };
    }
    html! {
        @for (place, part) in parts.iter().enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn plain_table(title: &str, columns: &[grid::Column]) -> Markup {
    let rows = columns.iter().map(|c| c.cells.len()).max().unwrap_or(0);
    let class = |column: &grid::Column| column.is_number.then_some("number");
    html! {
        div.scroll tabindex="0" role="region" aria-label=(title) {
            table {
                thead {
                    tr { @for column in columns { th scope="col" class=[class(column)] { (column.head) } } }
                }
                tbody {
                    @for row in 0..rows {
                        tr {
                            @for (place, column) in columns.iter().enumerate() {
                                @let text = column.cells.get(row).map_or("", String::as_str);
                                @if place == 0 { th scope="row" { (text) } }
                                @else { td class=[class(column)] { (text) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The experiment's file, to run it again.
pub(super) fn experiment(folder: &Path) -> Markup {
    let file = folder.join("experiment.toml");
    let text = disk::read_text(&file, disk::TEXT, "");
    // Tabs stay, so that what is copied is an experiment.
    let seen = |text: String| {
        let parts: Vec<_> = text.split('\t').map(printable::lines).collect();
        parts.join("\t")
    };
    html! {
        details.words.experiment {
            summary { h2 { "Experiment file" } }
            @match text {
                Ok(text) => {
                    button.copy type="button" hidden { "Copy" }
                    pre tabindex="0" { code { (seen(text)) } }
                }
                Err(_) => p { "There is no copy of it beside the records." }
            }
        }
    }
}
