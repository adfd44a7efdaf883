//! Parts that forms of several pages have.

use hexperiment_diagnostics::printable::line as seen;
use hexperiment_reports::counted;
use maud::{Markup, html};

use crate::experiment::schemes;
use crate::plugins::USUAL_SCHEME;
use crate::profile::{Kind, Profile};
use crate::upload::Upload;

/// Columns that are listed; the rest is counted.
const MOST_COLUMNS: usize = 1000;

/// Where a file is dropped, or chosen by the keyboard.
pub(super) fn drop_zone(page: &str, what: &str, accept: &str) -> Markup {
    html! {
        div.drop data-upload=(page) {
            label {
                span { (what) }
                input type="file" accept=(accept);
            }
            p.under { "Drop it here, or choose it. It stays on this machine." }
            p.problem role="alert" hidden {}
            progress max="1" value="0" hidden aria-label="Upload" {}
        }
    }
}

/// One scheme of those that the program has.
pub(super) fn scheme_choice(name: &str) -> Markup {
    html! {
        label {
            span { "Scheme" }
            select name=(name) {
                @for (scheme, _) in schemes() {
                    option value=(scheme) selected[scheme == USUAL_SCHEME] { (scheme) }
                }
            }
        }
    }
}

fn size(bytes: u64) -> String {
    hexperiment_reports::bytes(bytes)
}

/// What was read of a table: rows, columns, gaps, and what is wrong.
pub(super) fn table_read(upload: &Upload, profile: &Profile) -> Markup {
    let numbers = profile
        .columns
        .iter()
        .filter(|c| c.kind() == Kind::Numbers)
        .count();
    let cells = profile.rows * profile.columns.len() as u64;
    let share = 100.0 * profile.gaps() as f64 / cells.max(1) as f64;
    html! {
        section aria-labelledby="read-head" {
            h2 #read-head { "What was read" }
            p.answer {
                (counted(profile.rows as usize, "row", "rows")) " and " (counted(profile.columns.len(), "column", "columns")) ", " (numbers) " of them of numbers; "
                (counted(profile.gaps() as usize, "gap", "gaps")) " (" (format!("{share:.1}")) " % of all fields); " (size(upload.bytes)) "."
                @if let Some(marker) = &profile.marker { " " code { (marker) } " seems to stand for a missing value." }
            }
            @if !profile.complaints.is_empty() {
                div.problem role="alert" {
                    h3 { "What is wrong" }
                    ul {
                        @for complaint in &profile.complaints { li { (complaint) } }
                    }
                    @if profile.further_complaints > 0 { p { "and " (profile.further_complaints) " more" } }
                    p { "Mend the file and drop it anew: a run refuses it as it is, unless the column is not used." }
                }
            }
            details open[profile.columns.len() <= 12] {
                summary { "Columns" }
                div.scroll.tall tabindex="0" role="region" aria-label="Columns of the file" {
                    table {
                        thead { tr {
                            th scope="col" { "Column" }
                            th scope="col" { "Kind" }
                            th.number scope="col" { "Gaps" }
                            th.number scope="col" { "Least" }
                            th.number scope="col" { "Most" }
                        } }
                        tbody {
                            @for column in profile.columns.iter().take(MOST_COLUMNS) {
                                tr {
                                    th scope="row" { @if column.name.is_empty() { em { "no name" } } @else { (seen(&column.name)) } }
                                    td { (kind(column.kind())) @if let (Kind::Text, Some(text)) = (column.kind(), &column.example) { span.under { (seen(text)) } } }
                                    td.number { (column.gaps) }
                                    td.number { (number(column.least)) }
                                    td.number { (number(column.most)) }
                                }
                            }
                        }
                    }
                }
                @if profile.columns.len() > MOST_COLUMNS { p.count { (profile.columns.len() - MOST_COLUMNS) " more columns" } }
            }
        }
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Numbers => "numbers",
        Kind::Text => "text",
        Kind::Empty => "empty",
    }
}

fn number(number: Option<f64>) -> String {
    number
        .map(|x| format!("{}", (x * 1e4).round() / 1e4))
        .unwrap_or_default()
}
