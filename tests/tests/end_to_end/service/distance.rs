//! What a service costs beside a process of this machine, measured in turn, for whoever asks for it: nothing is
//! expected of a time.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::Served;
use crate::harness::{Outcome, Place, repository};

/// What each repetition of a cell took, in milliseconds.
#[derive(Default)]
struct Times {
    evaluate: Vec<f64>,
    /// Encryption, crossing, evaluation and decryption.
    query: Vec<f64>,
    /// Set-up of a run: keys made, sent and prepared.
    keys: Vec<f64>,
    /// Phases of a far server, by name.
    phases: BTreeMap<&'static str, Vec<f64>>,
}

const PHASES: [&str; 5] = [
    "upload_ns",
    "queue_ns",
    "load_ns",
    "store_ns",
    "download_ns",
];

fn ms(time: &Value) -> f64 {
    time["wall_ns"].as_f64().unwrap_or(0.0) / 1e6
}

impl Times {
    fn take(&mut self, record: &Value) {
        let sum = |names: &[&str]| names.iter().map(|name| ms(&record[*name])).sum::<f64>();
        match record["kind"].as_str() {
            Some("setup") => self.keys.push(sum(&["keygen", "key_transfer", "prepare"])),
            Some("repetition") => {
                self.evaluate.push(ms(&record["evaluate"]));
                let phases = ["encrypt", "transfer", "evaluate", "decrypt"];
                self.query.push(sum(&phases));
                for name in PHASES {
                    if let Some(ns) = record["remote"][name].as_f64() {
                        self.phases.entry(name).or_default().push(ns / 1e6);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The middle of some numbers, and the quarters on either side of it.
fn quarters(numbers: &[f64]) -> [f64; 3] {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * (sorted.len() - 1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        sorted[low] + (sorted[high] - sorted[low]) * place.fract()
    };
    [at(0.5), at(0.25), at(0.75)]
}

fn median(numbers: &[f64]) -> f64 {
    quarters(numbers)[0]
}

/// `chd-logistic`, here and by a service in TLS on loopback, in turn: as many pairs of runs as `HEXPERIMENT_ROUNDS` says,
/// 5 if it says nothing, of ten repetitions each. `HEXPERIMENT_DATA` must name the data; `--nocapture` shows the table.
#[test]
#[ignore = "measures for minutes, on a machine that does nothing else"]
fn chd_logistic_here_and_by_a_service() {
    let data = std::env::var_os("HEXPERIMENT_DATA").expect("HEXPERIMENT_DATA names the data");
    let rounds = std::env::var("HEXPERIMENT_ROUNDS");
    let rounds: usize = rounds.map_or(5, |text| text.parse().unwrap());
    let service = Served::start(&["--accept-shared-keys", "--warm", "8"]);
    let token = service.token("runner");
    let file = repository().join("experiments/chd-logistic.toml");
    let (server, print) = (
        format!("run.server={:?}", service.url),
        format!(
            "run.server_fingerprint={:?}",
            service.fingerprint.as_ref().unwrap()
        ),
    );
    let mut times: BTreeMap<(String, bool), Times> = BTreeMap::new();
    for round in 0..rounds {
        // First here, then there; the other way round the next time: what drifts meets both.
        for is_far in [round % 2 == 1, round % 2 == 0] {
            let place = Place::new();
            let mut run = place.program(["run"]);
            run.arg(&file)
                .env("HEXPERIMENT_DATA", &data)
                .env("HEXPERIMENT_TOKEN", service.with_address(&token));
            if is_far {
                run.args(["--set", &server, "--set", &print]);
            }
            Outcome::of(&mut run).ends_with(0).does_not_panic();
            for record in place.latest().records() {
                if let Some(cell) = record["cell"].as_str() {
                    let key = (cell.to_owned(), is_far);
                    times.entry(key).or_default().take(&record);
                }
            }
        }
    }
    let mut table = String::from(
        "medians in ms, quarters in brackets\n\
         cell | evaluate here | by the service | ratio | query here | by the service | more | keys here | by the service | \
         of the service: upload, queue, load, store, download\n",
    );
    let cells: Vec<&String> = times.keys().filter(|k| k.1).map(|k| &k.0).collect();
    assert_eq!(cells.len(), 5, "{cells:?}");
    for cell in cells {
        let here = &times[&(cell.clone(), false)];
        let there = &times[&(cell.clone(), true)];
        assert_eq!(here.evaluate.len(), there.evaluate.len(), "{cell}");
        let told = |numbers: &[f64]| {
            let [middle, low, high] = quarters(numbers);
            format!("{middle:.3} [{low:.3}, {high:.3}]")
        };
        let phases = PHASES.map(|name| format!("{:.3}", median(&there.phases[name])));
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "{cell} | {} | {} | {:.3} | {} | {} | {:.3} | {:.1} | {:.1} | {}",
            told(&here.evaluate),
            told(&there.evaluate),
            median(&there.evaluate) / median(&here.evaluate),
            told(&here.query),
            told(&there.query),
            median(&there.query) - median(&here.query),
            median(&here.keys),
            median(&there.keys),
            phases.join(", ")
        );
    }
    println!("{table}");
}
