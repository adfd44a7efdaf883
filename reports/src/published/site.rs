//! The first page of the site: all publications by task.

use std::collections::BTreeSet;

use hexperiment_diagnostics::printable::{self, line as seen};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Publication, by_task};
use crate::grid::Column;
use crate::html::{POLICY, STYLE};

/// What the page of a run has not.
const OWN_STYLE: &str = "a{color:var(--accent)}.published{margin:1.5rem 0 3rem}.published .answer{font-size:1rem}\
    .published .scroll{margin:1rem 0}.published h3{font-size:1.1rem}.published .facts{max-width:60em}\
    .published td:last-child{min-width:9rem}.published tbody th{min-width:6.5rem}";

/// The first page; `pages` are the tasks of which the site has a page.
pub fn site(all: &[Publication], pages: &BTreeSet<String>) -> String {
    let tasks = by_task(all);
    let told = html! {
        section.head {
            p.eyebrow { "Published results" }
            h1 { "Which homomorphic-encryption scheme fits, and what does it cost?" }
            p.facts {
                "End to end: encrypt + evaluate + decrypt of the whole batch, medians. Bits: computed security; none \
                 and transport only hide nothing from the server. Fails: the probability that noise makes a \
                 result of a run wrong."
            }
            ul {
                @for task in tasks.keys() { li { a href={ "#" (task) } { (task) } } }
            }
        }
        @for (task, of_task) in &tasks {
            section id=(task) aria-label=(task) {
                h2 { (task) }
                @if pages.contains(*task) {
                    p { a href={ (task) ".html" } { "Charts, filters and all columns of " (task) } }
                }
                @for publication in of_task { (experiment(publication)) }
            }
        }
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY.trim());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Published results · Hexperiment" }
                style { (PreEscaped(STYLE)) (PreEscaped(OWN_STYLE)) }
            }
            body {
                header.top { span.brand { "Hexperiment" } }
                main { (PreEscaped(printable::lines(&told.into_string()))) }
            }
        }
    }
    .into_string()
}

fn experiment(publication: &Publication) -> Markup {
    let name = &publication.experiment;
    html! {
        article.published {
            h3 { (name) }
            p { (publication.question) }
            p.answer { (publication.answer) }
            (table(name, &publication.columns()))
            @if !publication.caveats.trim().is_empty() {
                details.caveats {
                    summary { "What is unfair about this comparison" }
                    p { (publication.caveats) }
                }
            }
            p.facts {
                (publication.in_common()) " " (publication.environment().replace("**", "")) " "
                a href={ (publication.folder()) "/table.md" } { "Table" } ", "
                a href={ (publication.folder()) "/summary.csv" } { "figures" } "."
            }
        }
    }
}

fn table(name: &str, columns: &[Column]) -> Markup {
    let rows = columns.iter().map(|c| c.cells.len()).max().unwrap_or(0);
    let class = |column: &Column| column.is_number.then_some("number");
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "Results of " (name) } {
            table {
                thead {
                    tr { @for column in columns { th scope="col" class=[class(column)] { (seen(&column.head)) } } }
                }
                tbody {
                    @for row in 0..rows {
                        tr {
                            @if let Some((name, reason)) = without_figures(columns, row) {
                                th scope="row" { (broken(name)) }
                                td colspan=(columns.len() - 1) { (reason) }
                            } @else {
                                @for (place, column) in columns.iter().enumerate() {
                                    @let text = column.cells.get(row).map_or("", String::as_str);
                                    @if place == 0 { th scope="row" { (broken(text)) } }
                                    @else { td class=[class(column)] { (text) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Name and last column of a row that has no more than these, as one of a scheme that refused: its reason has the room
/// of all the figures that it lacks.
fn without_figures(columns: &[Column], row: usize) -> Option<(&str, &str)> {
    let [name, figures @ .., last] = columns else {
        return None;
    };
    let has_none = |column: &Column| column.cells.get(row).is_none_or(String::is_empty);
    let (name, reason) = (name.cells.get(row)?, last.cells.get(row)?);
    (!figures.is_empty() && figures.iter().all(has_none)).then_some((name, reason))
}

/// A row's name, which may be broken behind its scheme and between its axes, and within no word.
fn broken(name: &str) -> Markup {
    html! { @for part in name.split_inclusive(['/', ',']) { (part) wbr; } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(head: &str, cells: &[&str]) -> Column {
        Column {
            head: head.into(),
            cells: cells.iter().map(|cell| (*cell).to_owned()).collect(),
            is_number: false,
        }
    }

    #[test]
    fn reasons_have_the_room_of_figures() {
        let columns = [
            column("scheme", &["plaintext/a=1", "tfhe/a=1"]),
            column("auc", &["0.5", ""]),
            column("keys", &["0 B", ""]),
            column("status", &["", "refused: <no> table"]),
        ];
        let drawn = table("x", &columns).into_string();
        let refused = "<th scope=\"row\">tfhe/<wbr>a=1<wbr></th><td colspan=\"3\">refused: &lt;no&gt; table</td>";
        assert!(drawn.contains(refused), "{drawn}");
        assert!(
            drawn.contains("<td>0.5</td><td>0 B</td><td></td>"),
            "{drawn}"
        );
    }
}
