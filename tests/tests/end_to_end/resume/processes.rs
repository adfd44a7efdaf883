//! Runs of several processes that are killed, and cells that die as they start again.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use super::{REPETITIONS, call, cells, kill, start};
use crate::harness::{Place, RunFolder};

/// Repetitions by cell, index and process.
fn in_processes(folder: &RunFolder) -> Vec<(String, u64, u64)> {
    let of = |line: &Value| {
        let process = line.get("process").map_or(0, |p| p.as_u64().unwrap());
        let cell = line["cell"].as_str().unwrap().to_owned();
        (cell, line["index"].as_u64().unwrap(), process)
    };
    let lines = folder.records();
    let mut all: Vec<_> = lines
        .iter()
        .filter(|l| l["kind"] == "repetition")
        .map(of)
        .collect();
    all.sort_unstable();
    all
}

/// Three cells, each in two processes, of which the last fails by `fault` when it is started again.
fn twice(fault: &str) -> String {
    cells("at = \"keys\"")
        .replace("fault = \"wait\"", &format!("fault = \"{fault}\""))
        .replace("warmup = 1", "warmup = 1\nprocesses = 2")
}

/// A run that is killed while its second processes start: what the first did is not done again, and
/// more repetitions go to the processes that have them in a run from the start.
#[test]
fn a_run_killed_in_its_second_processes_goes_on() {
    let place = Place::new();
    place.write("e.toml", twice("wait-again"));
    let run = start(&place, Stdio::null());
    kill(&place, run);
    let folder = place.latest();
    let first: Vec<u64> = in_processes(&folder).iter().map(|(_, r, _)| *r).collect();
    assert_eq!(first, [0, 2, 0, 2, 0, 2]);
    let records = folder.0.join("records.jsonl");
    let before = fs::read(&records).unwrap();
    call(&place, &["run", "e.toml", "--resume"]).ends_with(0);
    assert!(fs::read(&records).unwrap().starts_with(&before));
    assert!(in_processes(&folder).iter().all(|(_, r, p)| r % 2 == *p));
    assert_eq!(folder.repetitions().len(), 3 * REPETITIONS);
    let more = ["run", "e.toml", "--resume", "--repetitions", "6"];
    call(&place, &more).ends_with(0);
    let all = in_processes(&folder);
    assert!(
        all.len() == 18 && all.iter().all(|(_, r, p)| r % 2 == *p),
        "{all:?}"
    );
    for row in folder.summary().1 {
        assert_eq!(
            (row["status"].as_str(), row["processes"].as_str()),
            ("ok", "2")
        );
        assert!(!row["evaluate_between"].is_empty() && !row["evaluate_ms_low"].is_empty());
    }
    let table = folder.read("table.md");
    assert!(table.contains("Between processes"), "{table}");
    assert!(folder.0.join("logs/plaintext,process=1.log").is_file());
}

/// A cell that dies as it starts again is a row with its reason and what it measured before; the others
/// go on, and it is not tried again.
#[test]
fn a_cell_that_dies_in_its_second_process_is_a_row() {
    let place = Place::new();
    place.write("e.toml", twice("abort-again"));
    call(&place, &["run", "e.toml"]).ends_with(1);
    let folder = place.latest();
    let row = folder.row("waits");
    assert_eq!(
        (row["status"].as_str(), row["repetitions"].as_str()),
        ("crashed", "2")
    );
    assert!(
        row["reason"].starts_with("process 2 of 2: the process"),
        "{row:?}"
    );
    assert_eq!(folder.row("seal-ckks")["status"], "ok");
    let records = folder.0.join("records.jsonl");
    let before = fs::read(&records).unwrap();
    call(&place, &["run", "e.toml", "--resume"]).ends_with(1);
    assert_eq!(fs::read(&records).unwrap(), before);
}
