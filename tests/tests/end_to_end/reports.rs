//! What a run prints and records of itself: as wide as the terminal, how busy the machine was, what
//! it was built of. And records that nobody has measured.

use std::fs;
use std::process::Command;

use crate::harness::{Outcome, Place, experiment, repository};

/// A run in the clear over a matrix of two axes.
fn trial(more: &str) -> String {
    let settings = format!(
        "[[scheme]]\nuse = \"plaintext\"\n[matrix]\n\"task.features\" = [3, 11]\n\"run.threads\" = \
         [1, 2]\n[run]\nrepetitions = 2\nwarmup = 0\nthreads = 1\n{more}"
    );
    experiment(
        "use = \"wine-quality\"",
        "use = \"logistic-regression\"",
        &settings,
    )
}

fn run(place: &Place, width: &str) -> Outcome {
    Outcome::of(place.program(["run", "e.toml"]).env("COLUMNS", width))
}

#[test]
fn tables_are_as_wide_as_the_terminal() {
    let place = Place::new();
    place.write("e.toml", trial(""));
    for width in ["80", "120"] {
        let outcome = run(&place, width);
        outcome.ends_with(0);
        let most: usize = width.parse().unwrap();
        let lines = outcome.out.lines().filter(|l| !l.starts_with("written to"));
        let widest = lines.map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= most, "{widest} of {most}\n{outcome}");
        let mut heads = outcome.out.lines().filter(|l| l.starts_with("label "));
        let head: Vec<&str> = heads.next().unwrap().split_whitespace().collect();
        assert_eq!(head[..3], ["label", "threads", "features"], "{outcome}");
        let words = outcome.out.split_whitespace().collect::<Vec<_>>().join(" ");
        let facts = "logistic-regression on wine-quality, 479 samples, 2 repetitions, seed 73, 4 of \
                     4 cells ok, 20";
        assert!(words.contains(facts), "{outcome}");
    }
    let (columns, rows) = place.latest().summary();
    let place = columns.iter().position(|c| c == "dataset").unwrap();
    assert_eq!(
        columns[place + 1..place + 3],
        ["run.threads", "task.features"]
    );
    let points: Vec<[&str; 4]> = rows
        .iter()
        .map(|row| ["label", "run.threads", "task.features", "threads"].map(|c| row[c].as_str()))
        .collect();
    for point in [["1", "3"], ["2", "3"], ["1", "11"], ["2", "11"]] {
        let [threads, features] = point;
        assert!(
            points.contains(&["plaintext", threads, features, threads]),
            "{points:?}"
        );
    }
}

#[test]
fn the_machine_and_the_build_are_recorded() {
    let place = Place::new();
    place.write("e.toml", trial("rank_by = \"cpu\"\n"));
    let outcome = run(&place, "120");
    outcome.ends_with(0).says(&["CPU ms per"]);
    let folder = place.latest();
    let records = folder.records();
    let provenance = &records[0]["provenance"];
    let git = Command::new("git")
        .arg("-C")
        .arg(repository())
        .args(["rev-parse", "HEAD"])
        .output();
    let commit = git.ok().filter(|o| o.status.success());
    let commit = commit.map_or(String::new(), |o| String::from_utf8(o.stdout).unwrap());
    let build = &provenance["build"];
    assert_eq!(build["commit"], commit.trim(), "{build}");
    assert!(build["dirty"].is_boolean(), "{build}");
    let rustc = build["rustc"].as_str().unwrap();
    assert!(rustc.starts_with("rustc 1."), "{rustc}");
    let page = folder.read("table.md");
    assert!(
        page.contains(&format!("- compiler: {}", rustc.replace('_', "\\_"))),
        "{page}"
    );
    for words in [
        "- commit: ",
        "- build: ",
        "- kernel: ",
        "- load averages: ",
        "CPU ms per",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
    // Of the schemes in use; SEAL's says whether HEXL is in it.
    let versions = provenance["versions"].as_object().unwrap();
    assert!(versions.contains_key("plaintext"), "{provenance}");
    place
        .call(&["list", "seal-ckks"])
        .ends_with(0)
        .says(&[" HEXL"]);
    let repetitions: Vec<_> = records
        .iter()
        .filter(|r| r["kind"] == "repetition")
        .collect();
    assert_eq!(repetitions.len(), 8);
    for repetition in repetitions {
        for phase in ["encrypt", "evaluate", "decrypt", "transfer"] {
            for clock in ["wall_ns", "cpu_ns"] {
                assert!(repetition[phase][clock].is_u64(), "{repetition}");
            }
        }
        if cfg!(target_os = "linux") {
            assert!(repetition["load"]["start"].is_number(), "{repetition}");
            assert!(repetition["load"]["end"].is_number(), "{repetition}");
        }
    }
}

/// What nobody has measured is refused with its line, by all that reads records; the file stays as
/// it is.
#[test]
fn damaged_records_are_refused() {
    let place = Place::new();
    place.write("e.toml", trial(""));
    run(&place, "80").ends_with(0);
    let folder = place.latest();
    let file = folder.0.join("records.jsonl");
    let good = folder.read("records.jsonl");
    let line = 1 + good
        .lines()
        .position(|l| l.contains("\"repetition\""))
        .unwrap();
    let wall = |l: &str| {
        let (_, rest) = l.split_once("\"wall_ns\":").unwrap();
        rest.split(',').next().unwrap().to_owned()
    };
    let first = good.lines().nth(line - 1).unwrap();
    let overflow = first.replacen(
        &format!("\"wall_ns\":{}", wall(first)),
        "\"wall_ns\":18446744073709551615",
        1,
    );
    let beyond = first.replace("\"index\":0", "\"index\":7");
    for (damaged, words) in [
        (overflow, "18446744073709551615 in `encrypt.wall_ns`"),
        (beyond, "found repetition 7 of"),
        ("{\"kind\":\"repe".to_owned(), "expected a record"),
    ] {
        let text = good.replacen(first, &damaged, 1);
        fs::write(&file, &text).unwrap();
        let path = folder.0.to_str().unwrap();
        for arguments in [
            ["run", "e.toml", "--resume"].as_slice(),
            &["overview", path],
        ] {
            let outcome = place.call(arguments);
            let place = format!("records.jsonl:{line}: found ");
            outcome
                .ends_with(2)
                .does_not_panic()
                .says(&[&place, words, "help: "]);
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

/// `overview` of a folder of runs: of each experiment the newest, or all.
#[test]
fn runs_of_a_folder_are_compared() {
    let place = Place::new();
    place.write("e.toml", trial(""));
    for _ in 0..2 {
        run(&place, "80").ends_with(0);
    }
    let lines = |arguments: &[&str]| {
        let outcome = place.call(arguments);
        outcome.ends_with(0).does_not_panic();
        let page = fs::read_to_string(place.path("runs/overview.md")).unwrap();
        let of_task = page
            .lines()
            .filter(|l| l.starts_with("| logistic-regression<br>"));
        (of_task.count(), outcome)
    };
    let (newest, outcome) = lines(&["overview", "runs"]);
    assert_eq!(newest, 4, "{outcome}");
    outcome.says(&["1 older run of trial left out", "--all"]);
    let (all, _) = lines(&["overview", "runs", "--all"]);
    assert_eq!(all, 8);
}
