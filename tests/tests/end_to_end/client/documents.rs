//! What the documents show of the client is run as it stands there.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::remote::Service;
use super::{MODEL, copy};
use crate::documents::blocks;
use crate::harness::{Outcome, Place, repository, text_of};

/// Runs the shell blocks of a document that start the client, one after the other, in a place with the model and
/// with the rows that `docs/client.md` shows.
#[track_caller]
fn runs(document: &str, expected: usize) -> Place {
    let place = Place::new();
    copy(&repository().join(MODEL), &place.path(MODEL));
    let rows = blocks(&text_of("docs/client.md"), "csv");
    place.write("row.csv", format!("{}\n", rows[0]));
    let text = text_of(document);
    let shown = blocks(&text, "sh").into_iter();
    let shown: Vec<String> = shown.filter(|b| b.contains("hexperiment client")).collect();
    assert_eq!(shown.len(), expected, "{document}");
    let service = Service::start();
    for block in shown {
        let script = block.replace("hexperiment client", "\"$PROGRAM\" client");
        let script = script.replace("https://evaluator.example.org:8443", &service.url);
        let script = script.replace("sha256:0b1c…", &service.fingerprint);
        let script = script.replace("hxp_0123…", &service.token);
        let mut shell = Command::new("sh");
        shell
            .args(["-eu", "-c", &script])
            .current_dir(place.path(""))
            .env("PROGRAM", env!("CARGO_BIN_EXE_hexperiment-under-test"))
            .env_remove("HEXPERIMENT_TOKEN")
            .env_remove("HEXPERIMENT_PASSPHRASE");
        Outcome::of(&mut shell).ends_with(0).does_not_panic();
    }
    place
}

/// The salary of a row, in its unit.
#[track_caller]
fn salary(results: PathBuf) {
    let text = fs::read_to_string(results).unwrap();
    let [head, answer] = text.lines().collect::<Vec<_>>()[..] else {
        panic!("{text}");
    };
    assert_eq!(head, "row,salary");
    let salary: f64 = answer.strip_prefix("1,").unwrap().parse().unwrap();
    assert!((salary - super::in_the_clear()[0]).abs() < 0.05, "{salary}");
}

#[test]
fn the_readme_predicts_a_salary() {
    let place = runs("README.md", 1);
    salary(place.path("io/results.csv"));
    assert!(place.path("io/secret_key/secret.age").exists());
}

#[test]
fn the_page_of_the_client_is_run() {
    let place = runs("docs/client.md", 3);
    salary(place.path("io/results.csv"));
    salary(place.path("owner/results.csv"));
    for folder in ["data", "server"] {
        assert!(!place.path(folder).join("secret_key").exists());
    }
}
