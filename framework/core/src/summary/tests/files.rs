//! Files of records: torn, doubled, damaged.

use std::fs;
use std::path::PathBuf;

use super::{repetition, run, setup, stopped};
use crate::record::{Line, Status};
use crate::summary::{RecordWriter, read_records};

fn header() -> Line {
    Line::Run(Box::new(run(&["a", "b"])))
}

fn repeated(cell: &str, index: u32, ms: u64) -> Line {
    Line::Repetition(Box::new(repetition(cell, index, ms, 0.7)))
}

/// A file with these lines.
fn file(lines: &[Line]) -> (tempfile::TempDir, PathBuf) {
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
        records.setups["b"].keygen,
        super::millis(9),
        "the latest counts"
    );
    assert_eq!(
        records.setups["b"].parameters.noise_tolerance,
        [f64::INFINITY]
    );
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
fn of_a_doubled_repetition_the_first_counts() {
    let (_folder, path) = file(&[header(), repeated("a", 0, 5), repeated("a", 0, 6)]);
    let records = read_records(&path).unwrap();
    assert_eq!(records.repetitions.len(), 1);
    assert_eq!(records.repetitions[0].evaluate, super::millis(5));
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
