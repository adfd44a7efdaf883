//! The conformance suite as a program: for schemes that are built in and for shared libraries.

use std::process::{Command, Stdio};

use hexperiment_tests::conformance::CHECKS;

use crate::harness::{Outcome, Place, faulty_plugin};

/// Calls the suite.
#[track_caller]
pub fn conform(arguments: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hexperiment-conform"));
    let place = Place::new();
    command.args(arguments).current_dir(place.path(""));
    command.env_remove("HEXPERIMENT_PLUGINS");
    Outcome::of(command.stdin(Stdio::null()))
}

/// The suite, or one check of it, on the plugin with a fault.
#[track_caller]
fn faulty(arguments: &[&str], code: i32, words: &[&str]) {
    let plugin = faulty_plugin();
    let outcome = conform(&[&[plugin.to_str().unwrap()], arguments].concat());
    outcome.ends_with(code).says(words);
}

/// The line at the end, for the whole suite.
fn all_passed() -> String {
    format!("\n{} passed, 0 failed\n", CHECKS.len())
}

#[test]
fn schemes_that_conform() {
    conform(&["plaintext"]).ends_with(0).says(&[
        "conformance of plaintext: ",
        "\npassed  round_trips ",
        "\npassed  statements_are_complete ",
        &all_passed(),
    ]);
    faulty(
        &[],
        0,
        &["conformance of faulty: ", "(plugin ", &all_passed()],
    );
}

#[test]
fn faults_are_found_and_told() {
    faulty(
        &["--option", "fault=wrong"],
        1,
        &[
            "\nFAILED  round_trips ",
            "got ",
            "its simulation ",
            "passed, ",
            " failed\n",
        ],
    );
    let only = |check: &'static str, fault: &'static str| ["--only", check, "--option", fault];
    for (check, fault, words) in [
        ("round_trips", "fault=nan", "got NaN"),
        ("round_trips", "fault=error", "it was told to err"),
        ("round_trips", "fault=panic", "it was told to panic"),
        (
            "round_trips",
            "fault=abort",
            "its process aborted (signal 6",
        ),
        ("round_trips", "fault=exit", "its process ended with code 3"),
        (
            "round_trips",
            "fault=segfault",
            "its process was killed by signal 11",
        ),
        (
            "security_is_what_was_demanded",
            "fault=weak",
            "128 bits demanded",
        ),
        (
            "statements_are_complete",
            "fault=weak",
            "whether keys are sent",
        ),
    ] {
        let place = format!("\nFAILED  {check} ");
        faulty(
            &only(check, fault),
            1,
            &[&place, words, "\n0 passed, 1 failed\n"],
        );
    }
    let hangs = ["--only", "threads_share_keys", "--option", "fault=sleep"];
    let words = [
        "\nFAILED  threads_share_keys ",
        "its process was still busy after 3s",
    ];
    faulty(&[&hangs[..], &["--time-limit", "3s"]].concat(), 1, &words);
}

#[test]
fn libraries_that_cannot_be_loaded() {
    let place = Place::new();
    place.write("text.so", "not a library");
    let text = place.path("text.so");
    let outcome = conform(&[text.to_str().unwrap()]);
    outcome
        .ends_with(1)
        .says(&["FAILED  loads", "not a shared library"]);
}

#[track_caller]
fn bad_input(arguments: &[&str], words: &[&str]) {
    let outcome = conform(arguments);
    outcome.ends_with(2).does_not_panic();
    for word in words {
        assert!(outcome.err.contains(word), "lacks {word:?}\n{outcome}");
    }
}

#[test]
fn bad_arguments() {
    bad_input(
        &["plaintex"],
        &["there is no scheme `plaintex` (did you mean `plaintext`?)"],
    );
    bad_input(&["no-such.so"], &["no-such.so: there is no such file"]);
    bad_input(&["plaintext", "--only", "round"], &["round_trips"]);
    bad_input(
        &["plaintext", "--option", "x=1"],
        &["plaintext has no option `x`"],
    );
    bad_input(
        &["plaintext", "--option", "x"],
        &["found no `=`, expected key=value"],
    );
    bad_input(
        &["paillier", "--option", "modulus_bits=many"],
        &["found \"many\", expected a whole"],
    );
    bad_input(
        &["paillier", "--precision", "2"],
        &["found 2, expected more than 0"],
    );
    bad_input(&["paillier", "--rows", "0"], &["0 is not in 1..=5000"]);
}

/// A scheme with a profile of its own needs no arguments.
#[test]
fn built_in_schemes_have_their_profiles() {
    for scheme in ["fernet", "paillier", "tfhe"] {
        let outcome = conform(&[scheme, "--only", "statements_are_complete"]);
        outcome
            .ends_with(0)
            .says(&["passed  statements_are_complete "]);
    }
    // Without it the same check fails: arguments override profiles.
    let small = [
        "paillier",
        "--only",
        "statements_are_complete",
        "--no-sent-keys",
    ];
    conform(&small)
        .ends_with(1)
        .says(&["whether keys are sent"]);
}
