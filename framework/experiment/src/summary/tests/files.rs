//! Files of records: torn, doubled, damaged.

use std::fs;
use std::path::PathBuf;

use super::{repetition, run, setup, stopped};
use crate::record::{Extended, Line, Status};
use crate::summary::{COLUMNS, RecordWriter, read_records, rows};
use hexperiment_task::ledger::Time;

pub(super) fn header() -> Line {
    Line::Run(Box::new(run(&["a", "b"])))
}

pub(super) fn repeated(cell: &str, index: u32, ms: u64) -> Line {
    Line::Repetition(Box::new(repetition(cell, index, ms, 0.7)))
}

/// A file with these lines.
pub(super) fn file(lines: &[Line]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let mut writer = RecordWriter::open(&path).unwrap();
    for line in lines {
        writer.append(line).unwrap();
    }
    (folder, path)
}

fn lengthened(lines: &[Line], tail: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let (folder, path) = file(lines);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(tail);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

#[test]
fn records_come_back_in_order() {
    let (_folder, path) = file(&[
        header(),
        Line::Setup(Box::new(setup("b", 5))),
        repeated("b", 1, 1),
        repeated("a", 1, 2),
        Line::Stopped(stopped("b", Status::Crashed)),
        repeated("a", 0, 3),
        Line::Setup(Box::new(setup("b", 9))),
        Line::Stopped(stopped("a", Status::Timeout)),
    ]);
    let records = read_records(&path).unwrap();
    let order: Vec<_> = records
        .repetitions
        .iter()
        .map(|r| (r.cell.as_str(), r.index))
        .collect();
    assert_eq!(order, [("a", 0), ("a", 1), ("b", 1)]);
    assert_eq!(
        records
            .stopped
            .iter()
            .map(|s| s.cell.as_str())
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(
        records.setups["b"][&0].keygen,
        super::millis(9),
        "the latest counts"
    );
    assert_eq!(
        records.setups["b"][&0].parameters.noise_tolerance,
        [f64::INFINITY]
    );
}

/// Records that say, after the first repetition, that there are to be so many.
#[track_caller]
fn extended(repetitions: u32, expect: Result<u32, &str>) {
    let line = Line::Extended(Extended {
        at: "2026-05-05T09:08:07Z".into(),
        repetitions,
        set: vec!["--repetitions 5".into()],
    });
    let (_folder, path) = file(&[header(), repeated("a", 0, 1), line, repeated("a", 3, 1)]);
    match (read_records(&path), expect) {
        (Ok(records), Ok(want)) => {
            assert_eq!(records.run.repetitions(), Some(want));
            assert_eq!(records.run.extended.len(), 1);
            assert_eq!(records.repetitions.len(), 2);
            // What is missing of the longer run is missing.
            let row = &rows(&records)[0];
            assert!(row.reason.contains("2 of 5 repetitions"), "{}", row.reason);
        }
        (Err(found), Err(want)) => {
            let found = found.to_string();
            assert!(
                found.contains("records.jsonl:3:") && found.contains(want),
                "{found}"
            );
        }
        (found, want) => panic!("found {found:?}, want {want:?}"),
    }
}

#[test]
fn a_run_may_be_extended() {
    extended(5, Ok(5)); // from 3
    extended(
        3,
        Err("an extension to 3 repetitions, expected more than the 3 before it"),
    );
    extended(1, Err("an extension to 1 repetitions"));
}

#[test]
fn a_torn_last_line_is_passed_over_then_cut() {
    #[track_caller]
    fn check(tail: &[u8], repetitions: usize) {
        let (_folder, path) = lengthened(&[header(), repeated("a", 0, 1)], tail);
        assert_eq!(read_records(&path).unwrap().repetitions.len(), repetitions);
        let mut writer = RecordWriter::open(&path).unwrap();
        writer.append(&repeated("b", 0, 1)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2 + repetitions, "{text}");
        assert_eq!(
            read_records(&path).unwrap().repetitions.len(),
            repetitions + 1
        );
    }
    check(b"", 1);
    check(b"{\"kind\":\"repetition\",\"cell\":\"a\"", 1);
    check(b"{\"kind\":\"repe\n", 1);
    check(&[0; 300], 1);
    check(b"\xc3", 1);
    // Whole but for its newline: it was finished, and is not lost.
    check(
        serde_json::to_string(&repeated("a", 1, 1))
            .unwrap()
            .as_bytes(),
        2,
    );
}

#[test]
fn a_run_torn_at_every_byte_loses_its_last_line_only() {
    let (_folder, path) = file(&[header(), repeated("a", 0, 1), repeated("a", 1, 1)]);
    let bytes = fs::read(&path).unwrap();
    let last = 1 + bytes[..bytes.len() - 1]
        .iter()
        .rposition(|b| *b == b'\n')
        .unwrap();
    for end in last..bytes.len() - 1 {
        fs::write(&path, &bytes[..end]).unwrap();
        assert_eq!(read_records(&path).unwrap().repetitions.len(), 1, "{end}");
    }
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(read_records(&path).unwrap().repetitions.len(), 2);
}

#[test]
fn what_is_there_twice_word_for_word_counts_once() {
    let mut nan = repetition("b", 0, 5, f64::NAN);
    nan.errors.max_abs = f64::NAN;
    let nan = Line::Repetition(Box::new(nan));
    let end = Line::Stopped(stopped("b", Status::Crashed));
    let (_folder, path) = file(&[
        header(),
        repeated("a", 0, 5),
        nan.clone(),
        repeated("a", 0, 5),
        nan,
        end.clone(),
        end,
    ]);
    let records = read_records(&path).unwrap();
    assert_eq!(records.repetitions.len(), 2);
    assert_eq!(records.repetitions[0].evaluate, super::millis(5));
    assert_eq!(records.stopped.len(), 1);
}

/// A file of a run of three repetitions whose third line is `line`, changed from `from` to `to`.
#[track_caller]
pub(super) fn refused(line: &Line, from: &str, to: &str, words: &[&str]) {
    let (_folder, path) = file(&[header(), repeated("a", 0, 1)]);
    let text = serde_json::to_string(line).unwrap();
    assert_eq!(text.matches(from).count().min(1), 1, "{text} lacks {from}");
    let last = serde_json::to_string(&repeated("b", 0, 1)).unwrap();
    let changed = text.replacen(from, to, 1);
    let before = fs::read_to_string(&path).unwrap() + &format!("{changed}\n{last}\n");
    fs::write(&path, &before).unwrap();
    let message = read_records(&path).unwrap_err().to_string();
    let place = format!("{}:3: found ", path.display());
    assert!(message.starts_with(&place), "{message}\nlacks {place}");
    for word in words.iter().chain(&["expected", "help: "]) {
        assert!(message.contains(word), "{message}\nlacks {word}");
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        before,
        "nothing is lost"
    );
}

#[test]
fn records_of_no_repetition_of_the_run_are_refused() {
    let second = repeated("a", 2, 1);
    let refuse = |to: &str, words: &[&str]| refused(&second, "\"index\":2", to, words);
    refuse(
        "\"index\":3",
        &["repetition 3 of `a`", "0 to 2", "3 repetitions"],
    );
    refuse("\"index\":4294967295", &["repetition 4294967295"]);
    refuse(
        "\"index\":4294967296",
        &["`{\"kind\":\"repetition\"", "u32"],
    );
    refuse("\"index\":-1", &["-1"]);
    // Two different records of one repetition, of one end.
    refused(
        &repeated("a", 0, 2),
        "{",
        "{",
        &["repetition 0 of `a` with other content than in line 2"],
    );
    let ended = Line::Stopped(stopped("a", Status::Crashed));
    refused(
        &ended,
        "\"status\":\"crashed\"",
        "\"status\":\"ok\"",
        &["`a` stopped with the status `ok`"],
    );
    let (_folder, path) = file(&[
        header(),
        ended,
        Line::Stopped(stopped("a", Status::Timeout)),
    ]);
    let message = read_records(&path).unwrap_err().to_string();
    assert!(
        message.contains(":3: found the end of `a` a second time (timeout, before it crashed)"),
        "{message}"
    );
}

/// The largest numbers that are taken do not overflow in any sum.
#[test]
fn the_largest_numbers_make_a_row() {
    let most = 1 << 53;
    let time = Time {
        wall_ns: most,
        cpu_ns: most,
    };
    let mut large = repetition("a", 0, 1, 0.7);
    (large.encrypt, large.evaluate, large.decrypt) = (time, time, time);
    large.traffic.clear_values = most;
    large.traffic.upload_bytes = most;
    let mut keys = setup("a", 1);
    keys.keys.public = Some(most);
    keys.keys.galois = Some(most);
    keys.keys.relinearization = Some(most);
    keys.keys.bootstrapping = Some(most);
    let lines = [
        header(),
        Line::Setup(Box::new(keys)),
        Line::Repetition(Box::new(large)),
    ];
    let (_folder, path) = file(&lines);
    let rows = rows(&read_records(&path).unwrap());
    for column in &COLUMNS {
        let field = column.of(&rows[0]);
        assert!(field.number().is_none_or(f64::is_finite), "{}", column.name);
    }
}

#[test]
fn what_is_not_a_record_is_named() {
    #[track_caller]
    fn check(content: &str, place: &str, words: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.jsonl");
        fs::write(&path, content).unwrap();
        let message = read_records(&path).unwrap_err().to_string();
        let place = format!("{}{place}: ", path.display());
        assert!(message.starts_with(&place), "{message}\nlacks {place}");
        for word in words {
            assert!(message.contains(word), "{message}\nlacks {word}");
        }
    }
    let line = |line: &Line| serde_json::to_string(line).unwrap() + "\n";
    let (head, good) = (line(&header()), line(&repeated("a", 0, 1)));
    check("", "", &["no whole record", "help: "]);
    check(&head[..40], "", &["no whole record"]);
    check(
        &good,
        ":1",
        &["found a record of kind `repetition`", "expected `run`"],
    );
    check(
        &format!("{head}nonsense\n{good}"),
        ":2",
        &["found `nonsense`", "expected a record"],
    );
    check(&format!("{head}\n{good}"), ":2", &["expected a record"]);
    check(
        &format!("{head}{good}{{\"kind\":\"stop\"}}\n"),
        ":3",
        &["unknown variant `stop`"],
    );
    check(
        &format!("{head}{{\"kind\":\"stopped\"}}\n"),
        ":2",
        &["missing field `cell`"],
    );
    check(
        &format!("{head}{head}"),
        ":2",
        &["a second record of kind `run`"],
    );
    let stranger = line(&repeated("c", 0, 1));
    check(
        &format!("{head}{stranger}"),
        ":2",
        &["found the cell `c`", "line 1: a, b"],
    );
    let other = head.replace("\"schema\":1", "\"schema\":2");
    check(&other, ":1", &["schema 2, expected 1", "help: "]);
    let (_folder, path) = file(&[header()]);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"\xff\n");
    bytes.extend_from_slice(good.as_bytes());
    fs::write(&path, bytes).unwrap();
    let message = read_records(&path).unwrap_err().to_string();
    assert!(
        message.contains(":2: found bytes that are not UTF-8"),
        "{message}"
    );
}

#[test]
fn errors_of_the_system_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/records.jsonl");
    for message in [
        read_records(&path).unwrap_err().to_string(),
        RecordWriter::open(&path).unwrap_err().to_string(),
    ] {
        assert!(
            message.contains("missing/records.jsonl: cannot be "),
            "{message}"
        );
    }
}

#[test]
fn one_run_writes_at_a_time() {
    let (_folder, path) = file(&[header()]);
    let first = RecordWriter::open(&path).unwrap();
    let message = RecordWriter::open(&path).unwrap_err().to_string();
    assert!(message.contains("another run is writing"), "{message}");
    drop(first);
    RecordWriter::open(&path).unwrap();
}
