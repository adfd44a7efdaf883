//! `plan` and `calibrate`: what a run costs, told before it, and held to what it costs.

use std::fs;

use crate::harness::{Place, regression};

fn place() -> Place {
    let place = Place::new();
    let schemes = ["plaintext", "fernet", "paillier", "seal-ckks", "tfhe"];
    let run = "repetitions = 1\nwarmup = 0\n";
    place.write("e.toml", regression(&schemes, run));
    place
}

#[test]
fn bytes_are_exact_and_operations_are_measured_once() {
    let place = place();
    let table = ["--table", "table.json"];
    let call = |words: &[&str]| place.call(&[words, &table].concat());
    call(&["calibrate", "e.toml"])
        .ends_with(0)
        .does_not_panic()
        .says(&["seal-ckks: ", " measurements, written to table.json"]);
    let measured = fs::read_to_string(place.path("table.json")).unwrap();
    assert!(measured.contains("\"multiply plaintext N="), "{measured}");
    place.call(&["run", "e.toml"]).ends_with(0);
    let against = ["plan", "e.toml", "--against", "runs/latest"];
    let plan = call(&[&against[..], &["--errors", "errors.md"]].concat());
    plan.ends_with(0).does_not_panic().says(&[
        "a query",
        "half within",
        "rehearsed, as they encrypt nothing against the server: 2 cells",
    ]);
    let errors = fs::read_to_string(place.path("errors.md")).unwrap();
    assert_eq!(errors.matches("| exact |").count(), 5, "{errors}");
    assert!(errors.contains("| all | 5 | "), "{errors}");
    assert!(!plan.out.contains("were measured"), "{plan}");
    let exact = plan.out.lines().filter(|line| line.ends_with("exact"));
    assert_eq!(exact.count(), 5, "{plan}");
    for line in plan.out.lines() {
        assert!(line.chars().count() <= 80, "{line:?} of\n{plan}");
    }
    // The table was read, not written.
    let after = fs::read_to_string(place.path("table.json")).unwrap();
    assert_eq!(after, measured);
}

/// More rows than the data have: those that are there are repeated, and nothing of it is run.
#[test]
fn sizes_beyond_the_data_are_planned() {
    let place = place();
    let plan = |limit: &str| {
        let limit = format!("dataset.limit={limit}");
        let words = ["plan", "e.toml", "--table", "t.json", "--set", &limit];
        let told = place.call(&words);
        told.ends_with(0).does_not_panic();
        told.out
    };
    let upload = |text: &str| {
        let mut lines = text
            .lines()
            .filter(|l| l.trim_start().starts_with("plaintext"));
        lines.next_back().unwrap().to_owned()
    };
    let (some, many) = (upload(&plan("200")), upload(&plan("200000")));
    // 60 rows of three features, and 60,000, with twelve bytes in front.
    assert!(some.contains("1.42 KiB"), "{some}");
    assert!(many.contains("1.37 MiB"), "{many}");
    // Rows that there are not are no rehearsal's.
    assert!(!plan("200000").contains("rehearsed"));
    assert!(plan("60").contains("rehearsed"));
    assert!(!place.path("runs").exists());
}

#[test]
fn tables_and_files_that_cannot_be_read_are_told() {
    let place = place();
    place.write("half.json", "{\"schema\": 1, \"mach");
    for verb in ["plan", "calibrate"] {
        place
            .call(&[verb, "e.toml", "--table", "half.json"])
            .ends_with(2)
            .does_not_panic()
            .says(&[
                "half.json: is no table of `calibrate`",
                "help: name another",
            ]);
        place
            .call(&[verb, "none.toml", "--table", "t.json"])
            .ends_with(2)
            .does_not_panic()
            .says(&["none.toml"]);
    }
    place
        .call(&[
            "plan",
            "e.toml",
            "--table",
            "t.json",
            "--against",
            "nowhere",
        ])
        .ends_with(2)
        .does_not_panic()
        .says(&["nowhere"]);
    assert!(!place.path("t.json").exists());
}

#[test]
fn a_table_that_cannot_be_written_is_not_said_to_be() {
    let place = place();
    place.write(
        "e.toml",
        regression(&["fernet"], "repetitions = 1\nwarmup = 0\n"),
    );
    place.write("file", "no folder");
    for rounds in ["1", "2"] {
        let table = ["--table", "file/t.json", "--rounds", rounds];
        let told = place.call(&[&["calibrate", "e.toml"][..], &table].concat());
        told.ends_with(2)
            .does_not_panic()
            .says(&["file/t.json: cannot be written"]);
        assert!(!told.out.contains("written to"), "{told}");
    }
}
