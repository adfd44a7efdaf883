//! `cmp`: runs compared cell by cell, from the command line to the exit code.

use std::fs;

use serde_json::Value;

use crate::harness::{Outcome, Place, experiment};

const SCHEMES: &str = "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"fernet\"\n\
                       [run]\nrepetitions = 8\nwarmup = 1\nthreads = 1\n";

/// A run; in `base` its records with times of a quiet machine, in `other` those 1.5 times as long.
fn ran() -> Place {
    let place = Place::new();
    let task = "use = \"logistic-regression\"\nfeatures = 3";
    let dataset = "use = \"wine-quality\"\ntest_fraction = 0.3";
    place.write("e.toml", experiment(dataset, task, SCHEMES));
    place.call(&["run", "e.toml"]).ends_with(0);
    let records = place.latest().read("records.jsonl");
    for (folder, factor) in [("base", 1.0), ("other", 1.5)] {
        let doctored = records.lines().map(|line| {
            let mut record: Value = serde_json::from_str(line).unwrap();
            if record["kind"] == "repetition" {
                // Half a per cent of scatter.
                let index = record["index"].as_u64().unwrap();
                let ns = factor * 1e6 * (1.0 + 0.005 * index as f64 / 8.0);
                for phase in ["encrypt", "evaluate", "decrypt", "transfer"] {
                    for clock in ["wall_ns", "cpu_ns"] {
                        record[phase][clock] = (ns as u64).into();
                    }
                }
            }
            format!("{record}\n")
        });
        let file = format!("{folder}/records.jsonl");
        place.write(&file, doctored.collect::<String>());
    }
    place
}

/// A column of what is printed as CSV: of two cells, five phases each.
#[track_caller]
fn column(outcome: &Outcome, name: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(outcome.ends_with(0).out.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let place = headers.iter().position(|header| header == name);
    let place = place.unwrap_or_else(|| panic!("no column {name}\n{outcome}"));
    let rows: Vec<String> = reader
        .records()
        .map(|row| row.unwrap()[place].to_owned())
        .collect();
    assert_eq!(rows.len(), 2 * 5, "two cells, five phases\n{outcome}");
    rows
}

#[test]
fn a_run_is_not_slower_than_itself_and_slower_where_times_are_doctored() {
    let place = ran();
    let itself = place.call(&[
        "cmp",
        "runs/latest",
        "runs/latest",
        "--fail-if-slower",
        "10%",
    ]);
    // How these times scatter decides between the same and not distinguished, and with it where lines break.
    itself.ends_with(0).says_in_lines(&[
        "bytes and quality are equal",
        "no cell of 2 is slower by more than 10 %",
    ]);
    let verdicts = place.call(&["cmp", "--csv", "runs/latest", "runs/latest"]);
    for verdict in column(&verdicts, "verdict") {
        let is_quiet = ["same", "not distinguished"].contains(&verdict.as_str());
        assert!(is_quiet, "{verdict:?} in\n{verdicts}");
    }
    let slower = ["cmp", "base", "other", "--fail-if-slower", "10%"];
    let doctored = place.call(&slower);
    doctored.ends_with(1).says_in_lines(&[
        "plaintext and fernet are slower",
        "slower by more than 10 %, or lost: plaintext in other",
    ]);
    for line in doctored.out.lines() {
        assert!(line.chars().count() <= 80, "{line:?} of\n{doctored}");
    }
    // Without a limit it is no failure; the other way round it is faster.
    place.call(&["cmp", "base", "other"]).ends_with(0);
    let same = place.call(&["cmp", "base", "base", "--fail-if-slower", "0%"]);
    same.ends_with(0)
        .says_in_lines(&["plaintext and fernet take the same"]);
    place
        .call(&["cmp", "other", "base", "--fail-if-slower", "0%"])
        .ends_with(0)
        .says_in_lines(&["plaintext and fernet are faster"]);
    let csv = place.call(&["cmp", "--csv", "base", "other"]);
    assert_eq!(
        (&*column(&csv, "phase")[0], &*column(&csv, "verdict")[0]),
        ("total", "slower"),
        "{csv}"
    );
    let markdown = place.call(&[
        "cmp",
        "--markdown",
        "--phase",
        "all",
        "runs/latest",
        "other",
    ]);
    markdown
        .ends_with(0)
        .says(&["| cell | phase |", "| evaluate |"]);
}

#[test]
fn what_cannot_be_compared_is_told() {
    let place = ran();
    place
        .call(&["cmp", "runs/latest"])
        .ends_with(2)
        .says(&["found 1 run, expected two or more", "help: "]);
    place
        .call(&["cmp", "runs/latest", "nowhere"])
        .ends_with(2)
        .says(&["nowhere", "records.jsonl"]);
    place
        .call(&["cmp", "runs/latest", "other", "--fail-if-slower", "10"])
        .ends_with(2)
        .says(&["expected a percentage"]);
    // Another machine.
    let path = place.path("other/records.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let (first, rest) = whole.split_once('\n').unwrap();
    let mut run: Value = serde_json::from_str(first).unwrap();
    run["provenance"]["cpu"] = "Another CPU".into();
    fs::write(&path, format!("{run}\n{rest}")).unwrap();
    let other = ["cmp", "runs/latest", "other"];
    place
        .call(&other)
        .ends_with(0)
        .says_in_lines(&["TIMES DO NOT COMPARE: another processor"]);
    let limited = place.call(&[other.as_slice(), &["--fail-if-slower", "10%"]].concat());
    limited
        .ends_with(2)
        .says_in_lines(&["cannot be told", "another processor", "help: "]);
    // Damaged, foreign.
    for (text, words) in [
        (
            format!("{run}\n{{\"kind\":\"rep\n{rest}"),
            "records.jsonl:2",
        ),
        (
            "{\"kind\":\"run\",\"schema\":99}\n".into(),
            "found records of schema 99",
        ),
    ] {
        fs::write(&path, text).unwrap();
        place
            .call(&other)
            .ends_with(2)
            .does_not_panic()
            .says(&["other/records.jsonl", words]);
    }
}
