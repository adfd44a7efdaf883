//! Files of several blocks, which several threads read: the same lines in the same order as one loop finds.

use std::fs;
use std::io::{BufReader, Cursor};
use std::path::Path;

use super::files::{header, repeated};
use super::stopped;
use crate::record::{Line, Status, Stopped};
use crate::summary::lines::{self, BLOCK};
use crate::summary::read_records;

/// What is read of a file: its lines as JSON, and whether something is wrong with the line behind them.
#[derive(Debug, PartialEq)]
struct Read {
    lines: Vec<String>,
    is_wrong: bool,
}

/// Lines of so many bytes at least, each with its end.
fn many(least: usize, end: &str) -> Vec<String> {
    let (mut lines, mut bytes) = (Vec::new(), 0);
    for index in 0.. {
        if bytes >= least {
            break;
        }
        let record = repeated("a", index, 1 + u64::from(index));
        let line = serde_json::to_string(&record).unwrap() + end;
        bytes += line.len();
        lines.push(line);
    }
    lines
}

/// An end of a cell whose reason has so many bytes.
fn long(bytes: usize) -> String {
    let line = Line::Stopped(Stopped {
        reason: "x".repeat(bytes),
        ..stopped("b", Status::Failed)
    });
    serde_json::to_string(&line).unwrap()
}

/// Line by line, in one loop.
fn straightforward(bytes: &[u8]) -> Read {
    let mut lines = Vec::new();
    let mut is_wrong = false;
    let mut all = bytes.split_inclusive(|b| *b == b'\n').peekable();
    while let Some(line) = all.next() {
        match serde_json::from_slice::<Line>(line) {
            Ok(line) => lines.push(serde_json::to_string(&line).unwrap()),
            // Nothing follows, and it is no JSON: torn.
            Err(e) if all.peek().is_none() && !e.is_data() => break,
            Err(_) => {
                is_wrong = true;
                break;
            }
        }
    }
    Read { lines, is_wrong }
}

/// As the program reads, which is given at most so many bytes at once.
fn in_blocks(bytes: &[u8], at_once: usize) -> Read {
    let mut found = Vec::new();
    let reader = BufReader::with_capacity(at_once, Cursor::new(bytes));
    let end = lines::each(Path::new("records.jsonl"), reader, |line| {
        found.push(serde_json::to_string(&line?).unwrap());
        Ok(())
    });
    Read {
        lines: found,
        is_wrong: end.is_err(),
    }
}

/// Both find so many lines, and agree on what is wrong.
#[track_caller]
fn check(bytes: &[u8], count: usize, is_wrong: bool) {
    assert!(bytes.len() > BLOCK, "one block only");
    let expected = straightforward(bytes);
    assert_eq!((expected.lines.len(), expected.is_wrong), (count, is_wrong));
    for at_once in [1000, 8 << 10, bytes.len()] {
        let found = in_blocks(bytes, at_once);
        assert_eq!(found.is_wrong, expected.is_wrong, "{at_once} at once");
        assert_eq!(found.lines.len(), count, "{at_once} at once");
        // Lines of megabytes are not printed.
        let pairs = found.lines.iter().zip(&expected.lines);
        let differs = pairs.enumerate().find(|(_, (a, b))| a != b);
        assert_eq!(differs.map(|(place, _)| place), None, "{at_once} at once");
    }
}

#[test]
fn lines_that_cross_the_borders_of_blocks_are_whole_and_in_order() {
    let lines = many(9 * BLOCK / 2, "\n");
    let text = lines.concat();
    let crosses = |border: &usize| text.as_bytes()[border - 1] != b'\n';
    assert!([BLOCK, 2 * BLOCK, 3 * BLOCK, 4 * BLOCK].iter().any(crosses));
    check(text.as_bytes(), lines.len(), false);
}

/// The border of a block is the end of a line, or one byte beside it.
#[test]
fn lines_may_end_at_the_border_of_a_block() {
    let after = many(BLOCK + BLOCK / 2, "\n");
    let empty = long(0).len();
    for length in [BLOCK - 1, BLOCK, BLOCK + 1] {
        let first = long(length - 1 - empty) + "\n";
        assert_eq!(first.len(), length);
        let text = first + &after.concat();
        check(text.as_bytes(), after.len() + 1, false);
    }
}

#[test]
fn a_line_may_be_longer_than_a_block() {
    let (before, after) = (many(1000, "\n"), many(BLOCK, "\n"));
    for length in [BLOCK + BLOCK / 2, 3 * BLOCK] {
        let text = before.concat() + &long(length) + "\n" + &after.concat();
        check(text.as_bytes(), before.len() + 1 + after.len(), false);
        // And the last.
        let text = before.concat() + &long(length) + "\n";
        check(text.as_bytes(), before.len() + 1, false);
    }
}

#[test]
fn a_torn_last_line_behind_several_blocks_is_passed_over() {
    let lines = many(2 * BLOCK + BLOCK / 2, "\n");
    let whole = lines.concat();
    for torn in ["{", r#"{"kind":"stopped","cell":"b"#, "\u{0}"] {
        check((whole.clone() + torn).as_bytes(), lines.len(), false);
    }
    // Torn within a letter of two bytes, and within a line that is longer than a block.
    let tail = [whole.as_bytes(), b"{\"cell\":\"\xc3"].concat();
    check(&tail, lines.len(), false);
    let long = long(2 * BLOCK);
    let tail = whole + &long[..long.len() - 5];
    check(tail.as_bytes(), lines.len(), false);
}

#[test]
fn lines_of_several_blocks_may_end_with_a_carriage_return_or_lack_the_last_end() {
    let least = 2 * BLOCK + BLOCK / 2;
    let lines = many(least, "\r\n");
    let text = lines.concat();
    check(text.as_bytes(), lines.len(), false);
    // The last line without either, and without the second.
    check(text.trim_end().as_bytes(), lines.len(), false);
    check(text.trim_end_matches('\n').as_bytes(), lines.len(), false);
    let lines = many(least, "\n");
    check(lines.concat().trim_end().as_bytes(), lines.len(), false);
}

/// Wherever it stands, what is before it is read, what follows is not, and its line is told.
#[test]
fn a_bad_line_of_a_later_block_is_told_by_its_number() {
    let first = serde_json::to_string(&header()).unwrap() + "\n";
    let stopped = serde_json::to_string(&Line::Stopped(stopped("b", Status::Crashed))).unwrap();
    // One repetition of the run, and records of its other cell that may be there many times.
    let count = 5 * BLOCK / 2 / (stopped.len() + 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    for bad in ["{\"kind\":\"stopped\"}", "no record", "{"] {
        for place in [10, BLOCK / (stopped.len() + 1), count - 2] {
            let mut lines = vec![stopped.as_str(); count];
            lines[place] = bad;
            let text = lines.join("\n") + "\n";
            check(text.as_bytes(), place, true);
            fs::write(&path, first.clone() + &text).unwrap();
            let error = read_records(&path).unwrap_err().to_string();
            // The first line is the run, and lines count from 1.
            let number = format!("records.jsonl:{}", place + 2);
            assert!(error.contains(&number), "lacks {number}: {error}");
            assert!(error.contains(bad), "{error}");
        }
    }
    // Bytes that are no text are told by their line, too.
    let mut bytes = (first + &vec![stopped.as_str(); count].join("\n") + "\n").into_bytes();
    let ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n');
    let place = ends.map(|(at, _)| at).nth(count - 3).unwrap();
    bytes[place + 5] = 0xff;
    fs::write(&path, bytes).unwrap();
    let error = read_records(&path).unwrap_err().to_string();
    let number = format!("records.jsonl:{}", count - 1);
    assert!(error.contains(&number), "lacks {number}: {error}");
}
