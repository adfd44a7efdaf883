//! What only looks sound.

use std::path::Path;

use super::{ABOUT, DATA, SCHEME, TASK, parse, refused, sound};
use crate::Experiment;

#[test]
fn a_scheme_is_needed() {
    refused(
        &["scheme = []\n", ABOUT, DATA, TASK].concat(),
        &["e.toml:1", "no [[scheme]]"],
    );
}

#[test]
fn data_that_are_not_named_are_missed_among_others() {
    let text = "[experiment]\nname = \"N!\"\nquestion = \"q\"\ncaveats = \"c\"\n[dataset]\ntarget = \"y\"\n\
                [task]\nuse = \"try-task\"\nfeatures = 0\n[[scheme]]\nuse = \"nosuch\"\n[run]\nwarmup = -1\n";
    refused(
        text,
        &[
            "e.toml:2:",
            "e.toml:9:",
            "e.toml:11:",
            "e.toml:13:",
            "neither `use` nor `path`",
        ],
    );
    let complaints = Experiment::parse(text, Path::new("e.toml")).unwrap_err().0;
    let lines: Vec<_> = complaints.iter().map(|c| c.line).collect();
    assert!(lines.is_sorted(), "in the order of the file: {lines:?}");
}

#[test]
fn a_matrix_cannot_pass_the_checks_of_the_sections() {
    let with = |line: &str| sound(&format!("[matrix]\n{line}\n"));
    refused(
        &with("\"dataset.test_fraction\" = [0.3, 1.0]"),
        &["e.toml:12", "less than 1"],
    );
    refused(
        &with("\"dataset.use\" = [\"diabetes\", \"diabets\"]"),
        &["e.toml:12", "did you mean `diabetes`"],
    );
    refused(
        &with("\"dataset.path\" = [\"x.csv\"]"),
        &["e.toml:12", "contradict"],
    );
    refused(
        &with("\"dataset.drop_columns\" = [[], [\"a\", \"a\"]]"),
        &["e.toml:12", "found \"a\" twice"],
    );
    // `degree` to 31 suits one of these schemes, not the other.
    let both = "[[scheme]]\nuse = \"try-narrow\"\n[matrix]\n\"scheme.degree\" = [3, 31]\n";
    refused(&sound(both), &["e.toml:14", "found 31", "from 1 to 7"]);
    // Two cells of one name could not be told apart in records.
    refused(&with("\"task.features\" = [5, 5]"), &["e.toml:12", "twice"]);
}

/// A value in the matrix is told by its key there, with what was found and expected.
#[test]
fn a_value_in_the_matrix_is_named_by_its_key() {
    #[track_caller]
    fn check(key: &str, values: &str, problem: &str) {
        let more =
            format!("labels = [\"b\"]\n{TASK}{SCHEME}[matrix]\n\"{key}\" = [\n{values}\n]\n");
        let text = [ABOUT, DATA, &more].concat();
        let told = format!("e.toml:14: \"{key}\" in [matrix]: {problem}");
        refused(&text, &[&told]);
    }
    let limit = "a whole number from 0 on";
    check(
        "dataset.limit",
        "0,\"a\"",
        &format!("found \"a\", expected {limit}"),
    );
    check(
        "dataset.limit",
        "0,-4",
        &format!("found -4, expected {limit}"),
    );
    check(
        "dataset.test_fraction",
        "0.3,1.0",
        "found 1, expected more than 0 and less than 1",
    );
    check(
        "dataset.test_fraction",
        "0.3,1.5",
        "found 1.5, expected a number from 0 to 1",
    );
    check(
        "dataset.labels",
        "[\"a\"], 7",
        "found 7, expected a list of strings",
    );
    check(
        "dataset.labels",
        "[\"a\", \"a\"]",
        "found \"a\" twice, expected each",
    );
    check(
        "dataset.drop_columns",
        "[\"b\"]",
        "[dataset] has \"b\" in both `labels` and `drop_columns`",
    );
    check("dataset.target", "\"y\", 2", "found 2, expected a string");
    check(
        "dataset.positive",
        "\"yes\", true",
        "found true, expected a string",
    );
    check(
        "dataset.delimiter",
        "\"::\"",
        "found \"::\", expected one ASCII",
    );
    check(
        "dataset.use",
        "\"diabets\"",
        "there is no data set `diabets`",
    );
    check(
        "dataset.split",
        "\"ordered\"",
        "found \"ordered\", expected one of",
    );
    check("run.security_bits", "80", "found 80, expected 128 to 256");
    check("run.seed", "-1", &format!("found -1, expected {limit}"));
    check(
        "task.features",
        "0",
        "found 0, expected a whole number from 1 to 60",
    );
}

#[test]
fn a_slip_in_an_expectation_is_named_as_one() {
    let with = |line: &str| sound(&format!("[expect]\n{line}\n"));
    refused(
        &with("auc_loss = { mx = 0.005 }"),
        &["e.toml:12", "`mx`", "`max`"],
    );
    refused(&with("auc_loss = {}"), &["e.toml:12", "expected bounds"]);
    refused(
        &with("auc_los = { max = 0.005 }"),
        &["e.toml:12", "`auc_los`", "metrics: auc, f1", "evaluate_ms"],
    );
    refused(
        &with("acu = { min = 0.5 }"),
        &["e.toml:12", "`acu`", "did you mean `auc`?"],
    );
    refused(
        &with("reason = { min = 0.5 }"),
        &["e.toml:12", "no column of numbers"],
    );
    parse(&with("f1_change = { max = 0.1 }\nkey_bytes = { max = 9 }"));
    refused(
        &with("auc = { min = 0.9, max = 0.1 }"),
        &["e.toml:12", "min", "more than"],
    );
    refused(&with("status = { min = 1 }"), &["e.toml:12", "timeout"]);
}

#[test]
fn the_resolved_experiment_has_every_default() {
    let resolved = parse(&sound("")).resolved();
    assert_eq!(resolved["run"]["repetitions"], 10);
    assert_eq!(resolved["schemes"][0]["options"]["degree"], 5);
    assert_eq!(resolved["task"]["options"]["features"], 9);
    assert_eq!(resolved["dataset"]["test_fraction"], 0.3);
    for key in ["threads", "time_limit"] {
        assert!(!resolved["run"][key].is_null(), "run.{key}: {resolved}");
    }
}

#[test]
fn names_and_labels_fit_in_folders_and_tables() {
    let named = |name: &str| sound("").replace("\"n\"", &format!("\"{name}\""));
    parse(&named(&"n".repeat(100)));
    refused(
        &named(&"n".repeat(101)),
        &["e.toml:2", "of 101 characters", "100 at most"],
    );
    let label = |label: &str| sound(&format!("label = \"{label}\"\n"));
    parse(&label(&"é".repeat(100)));
    refused(
        &label(&"é".repeat(101)),
        &["e.toml:11", "of 101 characters", "at most 100"],
    );
    // Nobody would see that these are not what they look like.
    for hidden in ["\\u202e", "\\u200b", "\\u0007"] {
        refused(
            &label(&format!("try{hidden}")),
            &["e.toml:11", "expected a name"],
        );
    }
}

/// A value in the matrix stands in the names of cells and folders.
#[test]
fn cells_have_printable_names() {
    let text = sound("[matrix]\n\"dataset.missing_marker\" = [\"x\", \"\\u001b]0;\\n\"]\n");
    let cells = parse(&text).cells().to_vec();
    assert_eq!(cells[0].cell.id, "try-wide/missing_marker=x");
    assert_eq!(
        cells[1].cell.id,
        "try-wide/missing_marker=\"\\u{1b}]0;\\n\""
    );
    assert_eq!(
        cells[1].dataset.missing_marker.as_deref(),
        Some("\u{1b}]0;\n")
    );
}
