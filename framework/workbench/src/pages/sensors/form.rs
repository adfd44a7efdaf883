//! What is asked before rows are scored: columns, model, scheme.

use hexperiment_diagnostics::printable::line as seen;
use maud::{Markup, html};

use super::super::form::scheme_choice;
use super::{TRAIN, TRAIN_ON};
use crate::known::{Known, LEAST_ROWS};
use crate::models;
use crate::profile::{Column, Kind, Profile};
use crate::upload::Upload;

/// A further drop zone, for a model.
pub(super) fn model_drop(upload: &Upload) -> Markup {
    html! {
        details {
            summary { "Use a model from a file" }
            div.drop.small data-upload="model" data-then={ "/sensors/" (upload.id) } {
                label {
                    span { "A model.json that an earlier run left" }
                    input type="file" accept=".json,application/json";
                }
                p.problem role="alert" hidden {}
                progress max="1" value="0" hidden aria-label="Upload" {}
            }
        }
    }
}

/// The column of names or times that is likely: the first of text.
fn likely_time(profile: &Profile) -> Option<&Column> {
    let is_text = |column: &&Column| column.kind() == Kind::Text;
    profile.columns.iter().find(is_text)
}

/// The column that says which rows are anomalies: of 0 and 1, with a name that says so, or the only one.
fn likely_label(profile: &Profile) -> Option<&Column> {
    let says = |column: &&Column| {
        let name = column.name.to_lowercase();
        ["pass_fail", "label", "target", "anomaly", "class", "fail"]
            .iter()
            .any(|word| name.contains(word))
    };
    let fits = |column: &&Column| column.is_binary && column.gaps == 0;
    profile.columns.iter().filter(fits).find(says)
}

pub(super) fn form(
    upload: &Upload,
    profile: &Profile,
    (choices, known): (&[models::Choice], &[Known]),
    chosen: Option<&str>,
) -> Markup {
    let has = |name: &str| profile.column(name).is_some();
    let fits = |choice: &models::Choice| choice.lacks(has).next().is_none();
    let usual = choices
        .iter()
        .find(|choice| fits(choice))
        .map(|choice| choice.key.as_str());
    let time = likely_time(profile).map(|column| column.name.as_str());
    let label = likely_label(profile).map(|column| column.name.as_str());
    let is_known = |known: &&Known| known.columns.iter().all(|column| has(column));
    let known: Vec<&Known> = known.iter().filter(is_known).collect();
    let own = (label.is_some() && profile.rows >= LEAST_ROWS).then_some(TRAIN);
    let first_known = known
        .first()
        .map(|known| format!("{TRAIN_ON}{}", known.name));
    let preset = chosen
        .filter(|key| choices.iter().any(|choice| choice.key == *key))
        .or(usual)
        .or(own)
        .or(first_known.as_deref())
        .unwrap_or(TRAIN);
    html! {
        form.fields data-post={ "/sensors/" (upload.id) "/run" } {
            label {
                span { "Column of times" }
                select name="time" {
                    option value="" { "none: rows are numbered" }
                    @for column in &profile.columns {
                        @if !column.name.is_empty() {
                            option value=(column.name) selected[Some(column.name.as_str()) == time] { (seen(&column.name)) }
                        }
                    }
                }
            }
            label {
                span { "Column that says which rows are anomalies" }
                select name="label" {
                    option value="" { "none" }
                    @for column in profile.columns.iter().filter(|column| column.is_binary) {
                        option value=(column.name) selected[Some(column.name.as_str()) == label] { (seen(&column.name)) }
                    }
                }
            }
            label {
                span { "A missing value is an empty field, NA, or" }
                input type="text" name="marker" value=(profile.marker.as_deref().unwrap_or_default()) maxlength="40";
            }
            label.whole {
                span { "Model" }
                select name="model" {
                    @for choice in choices {
                        @let lacks = choice.lacks(has).count();
                        option value=(choice.key) selected[choice.key == preset] disabled[lacks > 0] {
                            (seen(&choice.name)) ": " (choice.columns.len()) " sensors"
                            @if lacks > 0 { ", " (lacks) " of them not in this file" }
                        }
                    }
                    option value=(TRAIN) selected[preset == TRAIN] disabled[profile.rows < LEAST_ROWS && preset != TRAIN] {
                        "train one on this file, by its column of anomalies"
                    }
                    @for known in &known {
                        @let key = format!("{TRAIN_ON}{}", known.name);
                        option value=(key) selected[preset == key] {
                            "train first on " (known.name) ": " (known.rows) " rows of these sensors"
                        }
                    }
                }
            }
            label {
                span { "Sensors of a model that is trained" }
                input type="number" name="features" value="12" min="1" max="1000" required;
            }
            (scheme_choice("scheme"))
            (layout_choice(profile.rows))
            p.problem role="alert" hidden {}
            div { button.primary type="submit" { "Run" } }
        }
    }
}

/// Rows beyond which neighbours of gaps are gathered: a series of more does not lie in one ciphertext of the usual scheme,
/// within which it would be shifted.
const MOST_SHIFTED: u64 = 8192;

/// How series are sent, which decides what the server learns of gaps.
fn layout_choice(rows: u64) -> Markup {
    let is_long = rows > MOST_SHIFTED;
    html! {
        label.whole {
            span { "What the server learns of gaps" }
            select name="layout" {
                option value="series" selected[!is_long] { "where they are: each series is sent once" }
                option value="gathered" selected[is_long] { "how long they are: neighbours are sent, too" }
            }
        }
    }
}
