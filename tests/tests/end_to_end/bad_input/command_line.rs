//! Command lines that cannot be followed, and what stands where a run would be.

use super::{OWN, SCHEME, TASK, WINE, good};
use crate::harness::{Outcome, Place, experiment};

/// What the command line itself can be wrong in.
#[track_caller]
fn arguments(arguments: &[&str], words: &[&str]) -> Outcome {
    let place = Place::new();
    place.write("my.csv", good());
    place.write("e.toml", experiment(OWN, TASK, SCHEME));
    let outcome = place.call(arguments);
    outcome.ends_with(2).says(words).does_not_panic();
    assert!(!place.path("runs").exists(), "something was run");
    outcome
}

#[test]
fn command_lines() {
    arguments(&[], &["Usage"]);
    arguments(&["chekc", "e.toml"], &["'chekc'", "check"]);
    arguments(&["run"], &["<FILES>"]);
    arguments(&["run", "e.toml", "--resum"], &["--resum", "--resume"]);
    arguments(
        &["run", "e.toml", "--only", "paillier"],
        &["no cell `paillier`", "cells: plaintext"],
    );
    arguments(
        &["run", "e.toml", "--resume"],
        &[
            "runs: there is no run of `trial` to resume",
            "without --resume",
        ],
    );
    arguments(&["--plugin", "no.so", "run", "e.toml"], &["no.so"]);
    arguments(&["--plugin", "my.csv", "list"], &["my.csv"]);
    arguments(&["cell"], &["for the program's own use"]);
}

/// A user's own file or folder where the link to the newest run would be: it is named, it stays,
/// and nothing is run.
#[test]
fn what_stands_in_the_place_of_the_latest_run_stays() {
    for (file, found) in [
        (
            "runs/latest",
            "runs/latest: found a file, expected a link to the newest run",
        ),
        (
            "runs/latest/mine.txt",
            "runs/latest: found a folder, expected a link",
        ),
    ] {
        let place = Place::new();
        place.write("e.toml", experiment(WINE, TASK, SCHEME));
        place.write(file, "mine");
        let outcome = place.call(&["run", "e.toml"]);
        outcome
            .ends_with(2)
            .does_not_panic()
            .says(&[found, "help: ", "`--runs`"]);
        assert_eq!(std::fs::read_to_string(place.path(file)).unwrap(), "mine");
        let runs = std::fs::read_dir(place.path("runs")).unwrap().count();
        assert_eq!(runs, 1, "a run was begun");
    }
    // A link of ours that leads nowhere any more is no obstacle.
    let place = Place::new();
    place.write("e.toml", experiment(WINE, TASK, SCHEME));
    place.call(&["run", "e.toml"]).ends_with(0);
    std::fs::remove_dir_all(place.latest().0).unwrap();
    place.call(&["run", "e.toml"]).ends_with(0);
    assert_eq!(place.latest().row("plaintext")["status"], "ok");
}

#[test]
fn one_bad_file_does_not_hide_another() {
    let place = Place::new();
    place.write("bad.toml", "x = 1");
    place.write("e.toml", experiment(WINE, TASK, SCHEME));
    let outcome = place.call(&["run", "bad.toml", "e.toml"]);
    outcome.ends_with(2).says(&["bad.toml:1:"]).does_not_panic();
    assert_eq!(place.latest().row("plaintext")["status"], "ok");
}
