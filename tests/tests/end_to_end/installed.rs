//! The program alone, as `cargo xtask install` puts it somewhere: it needs nothing of the checkout.

use std::fs;
use std::process::{Command, Stdio};

use crate::harness::{Outcome, Place, experiment};

/// A copy of the program in a folder of its own, with an empty environment.
#[track_caller]
fn alone(place: &Place, arguments: &[&str]) -> Outcome {
    let program = place.path("bin/hexperiment");
    if !program.exists() {
        fs::create_dir_all(place.path("bin")).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_hexperiment-under-test"), &program).unwrap();
    }
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(place.path("."))
        .env_clear()
        .stdin(Stdio::null());
    Outcome::of(&mut command)
}

#[test]
fn works_in_any_folder() {
    let place = Place::new();
    alone(&place, &["list"]).ends_with(0).says(&[
        "seal-ckks",
        "framingham",
        "cargo feature: scheme-paillier",
    ]);
    alone(&place, &["data", "verify", "wine-quality"])
        .ends_with(0)
        .says(&["embedded"]);
    let schemes = "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"fernet\"\n\
                   [run]\nrepetitions = 1\nwarmup = 0\n";
    let text = experiment(
        "use = \"wine-quality\"",
        "use = \"logistic-regression\"",
        schemes,
    );
    place.write("mine/e.toml", text);
    alone(&place, &["run", "mine/e.toml"]).ends_with(0);
    let rows = place.latest().summary().1;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["status"] == "ok"), "{rows:?}");
    assert_eq!(
        place.latest().0.parent(),
        fs::canonicalize(place.path("runs")).ok().as_deref()
    );
}

/// What `cargo xtask` asks of the program: all schemes are in the one that is tested.
#[test]
fn features_of_the_program() {
    let outcome = alone(&Place::new(), &["features"]);
    outcome.ends_with(0);
    let schemes: Vec<&str> = outcome
        .out
        .lines()
        .filter(|l| l.starts_with("scheme-"))
        .collect();
    let all = ["fernet", "paillier", "plaintext", "seal-ckks", "tfhe"];
    assert_eq!(schemes, all.map(|name| format!("scheme-{name}")));
}
