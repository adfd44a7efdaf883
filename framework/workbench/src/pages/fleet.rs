//! Fleet: simulated devices whose readings stream encrypted to the evaluator; risk, lists and alarms here, ciphertexts
//! alone there.
//!
//! Longer than other files for its markup alone: the page is one picture of both parties, and reads from top to bottom.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Extension, Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream::{Stream, unfold};
use hexperiment_diagnostics::printable;
use hexperiment_task::monitor::MOST_THINGS;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::Page;
use super::form::scheme_choice;
use crate::answer::{Wrong, beside, go};
use crate::experiment::{Written, is_scheme};
use crate::feed::{Feed, Monitored, Told};
use crate::guard::Session;
use crate::plugins::{DEVICES, FLEET};
use crate::shell::{Shell, missing};
use crate::state::Shared;

pub(super) const PAGE: Page = Page {
    path: "/fleet",
    title: "Fleet",
    about: "Simulated sensors stream encrypted readings: risk, alarms and lists here, ciphertexts there.",
    routes,
    result: |_| html! {},
    script: None,
};

/// Devices of the labelled history that the model is trained on, and how many of a hundred have a fault.
const HISTORY: (i64, i64) = (2000, 30);

/// Reports that a row sums up, in the history and of devices that are monitored.
const REPORTS: i64 = 8;

/// Seconds between two readings, least and most.
const EVERY: (f64, f64) = (0.05, 60.0);

/// How often a feed is looked at.
const LOOKS: Duration = Duration::from_millis(80);

fn routes() -> Router<Shared> {
    Router::new()
        .route("/fleet", get(first))
        .route("/fleet/start", post(start))
        .route("/fleet/{id}", get(watched))
        .route("/fleet/{id}/events", get(events))
        .route("/fleet/{id}/command", post(command))
        .route("/fleet/{id}/stop", post(stop))
}

async fn first(
    State(workbench): State<Shared>,
    Extension(session): Extension<Session>,
) -> Response {
    let shell = PAGE.shell(&workbench, &session);
    let last = workbench.last_feed();
    let page = html! {
        h1 { "A fleet, watched by who cannot see it" }
        p.answer {
            "In each round the readings of all devices are encrypted here in one batch; under an encrypting scheme the \
             evaluator scores them without seeing one. The classes are decrypted here, and become lists and alarms."
        }
        @if let Some(feed) = &last {
            p { a href={ "/fleet/" (feed.id) } { (feed.wanted.title) } @if feed.is_over() { ": over" } @else { ": running; a new fleet takes its place" } }
        }
        form.fields data-post="/fleet/start" {
            label { span { "Devices, 1 to " (MOST_THINGS) } input type="text" inputmode="numeric" name="devices" value="100" required; }
            label { span { "Seconds between readings" } input type="text" inputmode="decimal" name="seconds" value="1" required; }
            label { span { "Seed of the simulation" } input type="text" inputmode="numeric" name="seed" value="1" required; }
            (scheme_choice("scheme"))
            p.problem role="alert" hidden {}
            div { button.primary type="submit" { "Start" } }
        }
        p.facts {
            "The devices are simulated, and so is the labelled history of " (HISTORY.0) " others that the model is trained on, once, in \
             the clear. The seed decides readings alone; keys and encryption are never drawn from one."
        }
    };
    shell.page(page).into_response()
}

#[derive(Deserialize)]
struct Asked {
    devices: String,
    seconds: String,
    seed: String,
    scheme: String,
}

impl Asked {
    /// What is wanted, or what is wrong with the form, all of it.
    fn checked(&self) -> Result<Monitored, Wrong> {
        let mut problems = vec![];
        let things: Option<u64> = self.devices.trim().parse().ok();
        let things = things.filter(|n| (1..=MOST_THINGS).contains(n));
        if things.is_none() {
            problems.push(found(
                "Devices",
                &self.devices,
                &format!("a whole number from 1 to {MOST_THINGS}"),
            ));
        }
        let seconds: Option<f64> = self.seconds.trim().parse().ok();
        let (least, most) = EVERY;
        let seconds = seconds.filter(|s| (least..=most).contains(s));
        if seconds.is_none() {
            problems.push(found(
                "Seconds between readings",
                &self.seconds,
                &format!("a number from {least} to {most}"),
            ));
        }
        let seed: Option<u64> = self.seed.trim().parse().ok();
        if seed.is_none() {
            problems.push(found(
                "Seed of the simulation",
                &self.seed,
                "a whole number from 0 on",
            ));
        }
        if !is_scheme(&self.scheme) {
            problems.push("Scheme: found one that is not on the form".into());
        }
        match (things, seconds, seed) {
            (Some(things), Some(seconds), Some(readings_seed)) if problems.is_empty() => {
                Ok(Monitored {
                    title: format!(
                        "{things} {} under {}",
                        if things == 1 { "device" } else { "devices" },
                        self.scheme
                    ),
                    things,
                    readings_seed,
                    every_ms: (seconds * 1e3).round() as u64,
                })
            }
            _ => Err(Wrong(
                axum::http::StatusCode::UNPROCESSABLE_ENTITY,
                problems,
            )),
        }
    }

    /// The history, the model and the scheme, as an experiment.
    fn experiment(&self) -> Written {
        let question = "Which devices of a fleet are at risk, by readings that nobody else sees?";
        let mut written = Written::new("fleet", question.into(), DEVICES);
        written
            .dataset("use", FLEET)
            .dataset("devices", HISTORY.0)
            .dataset("faulty_percent", HISTORY.1)
            .dataset("reports", REPORTS)
            .scheme(&self.scheme);
        written
    }
}

fn found(field: &str, text: &str, expected: &str) -> String {
    let text = printable::quoted(text.trim());
    format!("{field}: found {text}, expected {expected}")
}

async fn start(
    State(workbench): State<Shared>,
    Json(asked): Json<Asked>,
) -> Result<Response, Wrong> {
    let wanted = asked.checked()?;
    let text = asked.experiment().text();
    let feed = beside(move || workbench.monitor(wanted, &text)).await?;
    let feed = feed.map_err(Wrong::here)?;
    Ok(go(format!("/fleet/{}", feed.id)))
}

async fn watched(
    State(workbench): State<Shared>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Response {
    let Some(feed) = workbench.feed(&id) else {
        return missing("There is no such fleet.");
    };
    let shell = Shell {
        workbench: &workbench,
        session: &session,
        path: PAGE.path,
        title: &feed.wanted.title,
        scripts: &[
            "d3.min.js",
            "plot.min.js",
            "format.js",
            "parts.js",
            "series.js",
            "crossed.js",
            "fleet.js",
        ],
    };
    shell.page(body(&feed)).into_response()
}

fn body(feed: &Feed) -> Markup {
    html! {
        p.eyebrow { a href=(PAGE.path) { "Fleet" } }
        h1 { (feed.wanted.title) }
        div #fleet data-id=(feed.id) data-things=(feed.wanted.things) data-state="starting" {
            p.status role="status" { strong #state { "Training the model and making keys" } }
            span.buttons.live {
                button #pause type="button" disabled { "Pause" }
                button #stop type="button" { "Stop" }
            }
            p.problem #reason role="alert" hidden {}
            (figures())
            div.sides {
                (our_side())
                (their_side())
            }
            section aria-labelledby="time-head" {
                h2 #time-head { "States over time" }
                p.facts #time-about { "Of the chosen device, of those with alarms, and of those that change most." }
                div.plot #timeline {}
            }
            section aria-labelledby="alarms-head" {
                h2 #alarms-head { "Alarms" }
                p #alarm-rule {}
                div.scroll.tall tabindex="0" role="region" aria-label="Alarms, the newest first" {
                    table #alarms {
                        thead { tr {
                            th scope="col" { "Device" }
                            th.number scope="col" { "Round" }
                            th scope="col" { "What" }
                        } }
                        tbody { tr { td colspan="3" { "None so far." } } }
                    }
                }
            }
            section aria-labelledby="lists-head" {
                h2 #lists-head { "Lists" }
                div.lists {
                    div { h3 #white-head { "White list" } ul.names #white {} }
                    div { h3 #black-head { "Black list" } ul.names #black {} }
                }
            }
            section aria-labelledby="lag-head" {
                h2 #lag-head { "Lag" }
                p.facts #lag-about {}
                div.plot #lag {}
            }
            section aria-labelledby="knows-head" {
                h2 #knows-head { "What the server knows" }
                ul #knows { li { "That is told once the parameters are chosen." } }
            }
            details { summary { "The model" } ul #notes {} }
        }
    }
}

/// How the stream does, in numbers.
fn figures() -> Markup {
    let all = [
        ("lag", "Lag"),
        ("whole", "A round takes"),
        ("waiting", "Waiting rounds"),
        ("dropped", "Dropped rounds"),
        ("differ", "Other than in the clear"),
        ("crossed", "To the evaluator"),
    ];
    html! {
        dl.numbers {
            @for (id, title) in all {
                div { dt { (title) } dd id={ "figure-" (id) } { "–" } }
            }
        }
    }
}

/// What the key owner sees and does.
fn our_side() -> Markup {
    html! {
        section.side.ours aria-labelledby="ours-head" {
            h2 #ours-head { "This machine" }
            p.under { "has the readings and the secret key" }
            ul.legend #legend {}
            canvas #heat tabindex="0" role="slider" aria-label="Device, shown by its risk" aria-valuemin="0" aria-valuemax="0" aria-valuenow="0" {}
            p #counts { "No round so far." }
            form.act #act {
                label { span { "Device" } input #device type="text" inputmode="numeric" name="device" autocomplete="off"; }
                label { span { "Fault" } select #fault name="fault" {} }
                button #inject type="submit" disabled { "Inject" }
                button #repair type="button" disabled { "Repair" }
            }
            p.problem #act-problem role="alert" hidden {}
            p #chosen {}
            p #told role="status" {}
            div.replay role="group" aria-label="Replay" {
                label { span { "Replay" } input #back type="range" min="0" max="0" value="0" disabled; }
                span.buttons {
                    button #play type="button" disabled { "Play" }
                    button #live type="button" disabled { "Live" }
                }
            }
            p.under #replayed {}
        }
    }
}

/// What the evaluator was sent.
fn their_side() -> Markup {
    html! {
        section.side.theirs aria-labelledby="theirs-head" {
            h2 #theirs-head { "The evaluator" }
            p.under #evaluator-has { "another process" }
            p #shapes {}
            div.scroll tabindex="0" role="region" aria-label="What crossed for this round" {
                table #frames {
                    thead { tr {
                        th scope="col" { "Frame" }
                        th scope="col" { "To" }
                        th.number scope="col" { "Bytes" }
                        th scope="col" { "SHA-256" }
                    } }
                    tbody { tr { td colspan="4" { "Nothing so far." } } }
                }
            }
            figure #hex {
                figcaption #hex-head { "The bytes of a round's ciphertexts." }
                pre tabindex="0" aria-label="Bytes in hexadecimal" { "–" }
            }
        }
    }
}

async fn events(
    State(workbench): State<Shared>,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Wrong> {
    let feed = workbench.feed(&id).ok_or_else(|| Wrong::gone("fleet"))?;
    let stream = unfold((feed, Told::default()), |(feed, told)| async move {
        loop {
            // Asked first: what was told before the end is looked at then.
            let is_over = feed.is_over();
            if let Some((text, told)) = feed.look(told) {
                return Some((Ok(Event::default().data(text)), (feed, told)));
            }
            if is_over {
                return None;
            }
            tokio::time::sleep(LOOKS).await;
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

/// What a page tells a fleet.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum Wish {
    Pause,
    Resume,
    Inject { device: String, fault: String },
    Repair { device: String },
}

async fn command(
    State(workbench): State<Shared>,
    Path(id): Path<String>,
    Json(wish): Json<Wish>,
) -> Result<Response, Wrong> {
    let feed = workbench.feed(&id).ok_or_else(|| Wrong::gone("fleet"))?;
    let device = |text: &str| -> Result<u64, Wrong> {
        let most = feed.wanted.things - 1;
        let number: Option<u64> = text.trim().parse().ok();
        number.filter(|number| *number <= most).ok_or_else(|| {
            Wrong::input(found("Device", text, &format!("a number from 0 to {most}")))
        })
    };
    let command = match &wish {
        Wish::Pause => json!({ "do": "pause" }),
        Wish::Resume => json!({ "do": "resume" }),
        Wish::Inject {
            device: text,
            fault,
        } => {
            let thing = device(text)?;
            let known = feed.faults().unwrap_or_default();
            let place = known.iter().position(|name| name == fault);
            let place = place.ok_or_else(|| {
                Wrong::input(found(
                    "Fault",
                    fault,
                    &format!("one of {}", known.join(", ")),
                ))
            })?;
            json!({ "do": "inject", "thing": thing, "fault": place })
        }
        Wish::Repair { device: text } => json!({ "do": "repair", "thing": device(text)? }),
    };
    beside(move || feed.command(&command))
        .await?
        .map_err(Wrong::input)?;
    Ok(Json(json!({ "done": true })).into_response())
}

async fn stop(State(workbench): State<Shared>, Path(id): Path<String>) -> Result<Response, Wrong> {
    let feed = workbench.feed(&id).ok_or_else(|| Wrong::gone("fleet"))?;
    beside(move || feed.stop()).await?;
    Ok(Json(json!({ "done": true })).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(devices: &str, seconds: &str, seed: &str) -> Asked {
        Asked {
            devices: devices.into(),
            seconds: seconds.into(),
            seed: seed.into(),
            scheme: "none such".into(),
        }
    }

    #[test]
    fn bad_values_are_told_with_what_is_expected() {
        for (devices, seconds, seed, expect) in [
            (
                "0",
                "1",
                "1",
                "Devices: found \"0\", expected a whole number from 1 to 10000",
            ),
            ("1000000000", "1", "1", "Devices: found \"1000000000\""),
            ("many", "1", "1", "Devices: found \"many\""),
            ("", "1", "1", "Devices: found \"\""),
            (
                "5",
                "0",
                "1",
                "Seconds between readings: found \"0\", expected a number from 0.05 to 60",
            ),
            ("5", "NaN", "1", "Seconds between readings: found \"NaN\""),
            ("5", "1", "-1", "Seed of the simulation: found \"-1\""),
        ] {
            let Err(Wrong(_, problems)) = asked(devices, seconds, seed).checked() else {
                panic!("{devices} {seconds} {seed}");
            };
            // No scheme is linked here.
            assert_eq!(problems.len(), 2, "{problems:?}");
            assert!(problems[0].starts_with(expect), "{problems:?}");
        }
    }
}
