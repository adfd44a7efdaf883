//! Records that were damaged or edited, and what `--resume` makes of them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{call, cells};
use crate::harness::{Place, experiment};

/// A file of records as a run of three cells leaves it, whole.
#[track_caller]
fn finished(place: &Place) -> PathBuf {
    place.write("e.toml", cells(""));
    call(place, &["run", "e.toml"]).ends_with(0);
    place.latest().0.join("records.jsonl")
}

#[track_caller]
fn damaged(place: &Place, records: &Path, contents: &str, words: &[&str]) {
    fs::write(records, contents).unwrap();
    call(place, &["run", "e.toml", "--resume"])
        .ends_with(2)
        .does_not_panic()
        .says(words);
    assert_eq!(fs::read_to_string(records).unwrap(), contents);
}

#[test]
fn damaged_records_are_refused() {
    let place = Place::new();
    let records = finished(&place);
    let whole = fs::read_to_string(&records).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    damaged(
        &place,
        &records,
        &joined(&lines[1..]),
        &["records.jsonl:1:", "expected `run`"],
    );
    let mut torn = lines.clone();
    torn[2] = &torn[2][..40];
    damaged(
        &place,
        &records,
        &joined(&torn),
        &["records.jsonl:3:", "expected a record"],
    );
    let mut header: Value = serde_json::from_str(lines[0]).unwrap();
    header["schema"] = 999.into();
    let header = header.to_string();
    let mut newer = lines.clone();
    newer[0] = &header;
    damaged(
        &place,
        &records,
        &joined(&newer),
        &["records.jsonl:1:", "schema 999", "expected 1"],
    );
}

/// What has died stays dead: a cell that crashed is not tried again by `--resume`.
#[test]
fn cells_that_stopped_stay_so() {
    let place = Place::new();
    let more = "[[scheme]]\nuse = \"faulty\"\nfault = \"abort\"\nafter = 1\n[run]\nrepetitions = 3\nwarmup = 0\n";
    let wine = "use = \"wine-quality\"\nlimit = 200";
    place.write(
        "e.toml",
        experiment(wine, "use = \"logistic-regression\"", more),
    );
    call(&place, &["run", "e.toml"]).ends_with(1);
    let records = place.latest().0.join("records.jsonl");
    let before = fs::read(&records).unwrap();
    call(&place, &["run", "e.toml", "--resume"]).ends_with(1);
    assert_eq!(fs::read(&records).unwrap(), before);
    assert_eq!(place.latest().row("faulty")["status"], "crashed");
}

/// A set-up that is not in the records is made again, and nothing else is: neither its repetitions nor those of
/// other cells.
#[test]
fn a_set_up_that_is_missing_is_made_again() {
    let place = Place::new();
    let records = finished(&place);
    let whole = fs::read_to_string(&records).unwrap();
    let is_lost = |line: &&str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["kind"] == "setup" && line["cell"] == "seal-ckks"
    };
    let kept: Vec<&str> = whole.lines().filter(|line| !is_lost(line)).collect();
    assert_eq!(kept.len() + 1, whole.lines().count());
    let without = kept.join("\n") + "\n";
    fs::write(&records, &without).unwrap();
    call(&place, &["run", "e.toml", "--resume"]).ends_with(0);
    let after = fs::read_to_string(&records).unwrap();
    let added: Vec<&str> = after.strip_prefix(&without).unwrap().lines().collect();
    assert!(added.len() == 1 && is_lost(&added[0]), "{added:?}");
    let row = place.latest().row("seal-ckks");
    assert_eq!(row["status"], "ok");
    assert!(!row["key_bytes"].is_empty(), "{row:?}");
}

/// The first line is what no other line tells: to delete it would lose the run.
#[test]
fn a_first_line_that_is_damaged_is_told_as_such() {
    let place = Place::new();
    let records = finished(&place);
    let whole = fs::read_to_string(&records).unwrap();
    let (header, rest) = whole.split_once('\n').unwrap();
    let half = &header[..header.len() / 2];
    damaged(
        &place,
        &records,
        &format!("{half}\n{rest}"),
        &[
            "records.jsonl:1:",
            "the first line says what was run on what",
        ],
    );
    let mut run: Value = serde_json::from_str(header).unwrap();
    run["resolved"]["run"]["tie_margin"] = (-1).into();
    damaged(
        &place,
        &records,
        &format!("{run}\n{rest}"),
        &["records.jsonl:1:", "found -1 in `resolved.run.tie_margin`"],
    );
}
