//! `best` and `export`: questions to saved runs, and what is taken away from them.

use std::fs;

use crate::harness::{Outcome, Place, experiment};

const SCHEMES: &str = "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"paillier\"\n[[scheme]]\nuse = \"seal-ckks\"\n";
const RUN: &str = "[run]\nrepetitions = 2\nwarmup = 0\n[links.office]\nup = \"20Mbit/s\"\ndown = \"100Mbit/s\"\n\
                   latency = \"5ms\"\nsource = \"measured\"\n";

fn ran() -> Place {
    let place = Place::new();
    let task = "use = \"column-statistics\"";
    let dataset = "use = \"wine-quality\"\nlimit = 50\ntest_fraction = 0.3";
    place.write(
        "e.toml",
        experiment(dataset, task, &format!("{SCHEMES}{RUN}")),
    );
    place.call(&["run", "e.toml"]).ends_with(0);
    place
}

/// Without breaks between words.
fn wide(place: &Place, arguments: &[&str]) -> Outcome {
    Outcome::of(place.program(arguments).env("COLUMNS", "2000"))
}

#[track_caller]
fn what_cannot_be_asked(place: &Place) {
    for (arguments, words) in [
        (&["best", "--max", "uplod=1MB"][..], "did you mean `upload`"),
        (&["best", "--max", "upload=1"], "a size, as 512B"),
        (
            &["best", "--trust", "blind"],
            "known: server-blind, non-interactive",
        ),
        (
            &["best", "--trust", "none,server-blind"],
            "`none` demands nothing",
        ),
        (&["best", "--max-error=-1"], "expected 0 or more"),
        (
            &["best", "--min", "rounds=2", "--max", "rounds=1"],
            "which nothing can keep",
        ),
        (&["best", "--task", "columns"], "no run is of the task"),
        (&["best", "--link", "5G"], "no run has the link"),
        (&["best", "e.toml"], "give the folder of a run"),
    ] {
        wide(place, arguments).ends_with(2).says(&[words]);
    }
}

#[test]
fn saved_runs_are_asked_and_taken_away() {
    let place = ran();
    let folder = place.latest();
    let links = folder.read("links.csv");
    assert!(
        links
            .lines()
            .next()
            .unwrap()
            .contains("total_ms_amortised_over_100"),
        "{links}"
    );
    assert_eq!(links.matches(",office,").count(), 3, "{links}");
    assert!(
        folder
            .read("table.md")
            .contains("| label | LAN | 4G | NB-IoT | LoRaWAN | office |")
    );

    let found = wide(
        &place,
        &["best", "--max-error", "1e-2", "--max", "upload=100MB"],
    );
    found.ends_with(0).says(&[
        "column-statistics on wine-quality",
        "of the 2 that fit",
        "plaintext: not server-blind: nothing is encrypted",
        "fastest by link: LAN:",
    ]);
    let over = wide(
        &place,
        &[
            "best", "runs", "--link", "OFFICE", "--trust", "none", "--max", "rounds=0",
        ],
    );
    over.ends_with(1).says(&[
        "Nothing fits",
        "rounds 1, at most 0",
        "a query of the whole batch over office",
    ]);
    what_cannot_be_asked(&place);
    for (format, file, words) in [
        ("latex", "tex", "\\toprule"),
        ("markdown", "md", "| Scheme | Security (bits) |"),
        ("csv", "csv", "samples_count"),
    ] {
        let into = format!("taken/{format}");
        place
            .call(&["export", "--format", format, "--into", &into])
            .ends_with(0)
            .says(&["written to taken"]);
        let mut files = fs::read_dir(place.path(&into))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let path = files.next().unwrap();
        assert!(
            files.next().is_none() && path.extension().unwrap() == file,
            "{}",
            path.display()
        );
        assert!(
            fs::read_to_string(&path).unwrap().contains(words),
            "{}",
            path.display()
        );
    }
    let several = ["export", "--format", "latex,csv", "--into", "taken/both"];
    place.call(&several).ends_with(0);
    let both = fs::read_dir(place.path("taken/both")).unwrap();
    assert_eq!(both.count(), 2);
    let parquet = place.call(&["export", "--format", "parquet", "--into", "taken"]);
    parquet
        .ends_with(2)
        .says(&["without the cargo feature `parquet`", "cargo xtask export"]);

    // What is no record, or is torn.
    let records = place.path("runs/latest/records.jsonl");
    let whole = fs::read_to_string(&records).unwrap();
    let cut = whole.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n{\"kind\":\"rep";
    fs::write(&records, cut).unwrap();
    place
        .call(&["best"])
        .ends_with(0)
        .says(&["the run was interrupted"]);
    fs::write(&records, "{\"kind\":\"run\",\"schema\":99}\n").unwrap();
    for verb in [
        &["best"][..],
        &["export", "--format", "csv", "--into", "taken"],
    ] {
        place
            .call(verb)
            .ends_with(2)
            .says(&["found records of schema 99"]);
    }
}
