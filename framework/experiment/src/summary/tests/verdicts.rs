//! Every kind of expectation, held and broken.

use super::{complete, records, stopped};
use crate::Expectation;
use crate::record::{Line, Status};
use crate::summary::{Row, rows};
use crate::verdict::{Verdict, evaluate};

/// `fine` and `better` are ok, the others ended as they are called.
fn table() -> Vec<Row> {
    let mut lines = complete("fine", [0.74, 0.74, 0.74]);
    lines.extend(complete("better", [0.78, 0.78, 0.78]));
    let ends = [
        ("refused", Status::Refused),
        ("failed", Status::Failed),
        ("timeout", Status::Timeout),
        ("crashed", Status::Crashed),
    ];
    lines.extend(complete("timeout", [0.7; 3]));
    lines.extend(ends.map(|(cell, status)| Line::Stopped(stopped(cell, status))));
    rows(&records(
        &["fine", "better", "refused", "failed", "timeout", "crashed"],
        lines,
    ))
}

fn only(labels: &[&str]) -> Vec<Row> {
    table()
        .into_iter()
        .filter(|r| labels.contains(&r.name()))
        .collect()
}

fn bound(label: &str, key: &str, min: Option<f64>, max: Option<f64>) -> Expectation {
    let label = (!label.is_empty()).then(|| label.to_owned());
    Expectation {
        label,
        key: key.into(),
        min,
        max,
        status: None,
    }
}

fn status(label: &str, status: Status) -> Expectation {
    Expectation {
        status: Some(status),
        ..bound(label, "status", None, None)
    }
}

#[track_caller]
fn verdict(rows: &[Row], all: &[Expectation], passed: bool, words: &[&str]) -> Verdict {
    let verdict = evaluate(rows, all).remove(0);
    let found = verdict.found();
    assert_eq!(verdict.passed, passed, "{}: {found}", verdict.expected());
    for word in words {
        assert!(found.contains(word), "{found}\nlacks {word}");
    }
    verdict
}

#[test]
fn bounds_of_columns_and_metrics() {
    #[track_caller]
    fn check(key: &str, min: Option<f64>, max: Option<f64>, passed: bool) {
        verdict(
            &only(&["fine", "better"]),
            &[bound("", key, min, max)],
            passed,
            &[],
        );
    }
    check("auc", Some(0.74), Some(0.78), true);
    check("auc", Some(0.75), None, false);
    check("auc", None, Some(0.75), false);
    check("value", Some(0.7), None, true);
    check("samples", Some(10.0), Some(10.0), true);
    check("security_bits", Some(128.0), None, true);
    check("security_bits", Some(129.0), None, false);
    check("max_abs_error", None, Some(1e-6), false);
}

#[test]
fn losses_have_a_direction_and_changes_have_none() {
    #[track_caller]
    fn check(label: &str, key: &str, max: f64, passed: bool) {
        verdict(&table(), &[bound(label, key, None, Some(max))], passed, &[]);
    }
    check("fine", "auc_loss", 0.011, true);
    check("fine", "auc_loss", 0.009, false);
    check("better", "auc_loss", -0.029, true);
    check("better", "auc_change", 0.031, true);
    check("better", "auc_change", 0.029, false);
    // Of an error, less is better: 2.5 for 2 is a loss of a half.
    check("fine", "mae_loss", 0.5, true);
    check("fine", "mae_loss", 0.49, false);
    check("fine", "mae_change", 0.5, true);
}

#[test]
fn what_is_not_there_fails_with_a_reason() {
    #[track_caller]
    fn check(label: &str, key: &str, words: &[&str]) {
        let expectations = [bound(label, key, Some(f64::MIN), None)];
        verdict(&only(&["fine"]), &expectations, false, words);
    }
    check("", "nonsense", &["no `nonsense`", "auc, mae, index"]);
    check("", "nonsense_loss", &["no `nonsense_loss`"]);
    check("", "index_loss", &["`index` has no value in the clear"]);
    check("", "server_sees", &["is no number: \"ciphertexts\""]);
    check("other", "auc", &["no row is labelled `other`"]);
    let auc = [bound("", "auc", Some(0.0), None)];
    verdict(&[], &auc, false, &["no row to hold it against"]);
    verdict(
        &only(&["refused"]),
        &auc,
        false,
        &["no row to hold it against"],
    );
}

#[test]
fn a_number_that_is_none_is_within_no_bounds() {
    let lines = complete("fine", [f64::NAN; 3]);
    let rows = rows(&records(&["fine"], lines));
    for key in ["auc", "auc_loss", "auc_change"] {
        verdict(
            &rows,
            &[bound("", key, Some(f64::MIN), None)],
            false,
            &["NaN"],
        );
        verdict(
            &rows,
            &[bound("", key, None, Some(f64::MAX))],
            false,
            &["NaN"],
        );
    }
}

#[test]
fn statuses() {
    #[track_caller]
    fn check(label: &str, wanted: Status, passed: bool) {
        verdict(&table(), &[status(label, wanted)], passed, &[]);
    }
    check("fine", Status::Ok, true);
    check("refused", Status::Refused, true);
    check("refused", Status::Ok, false);
    check("crashed", Status::Crashed, true);
    check("crashed", Status::Timeout, false);
    check("", Status::Ok, false);
    // The label's own word counts for its rows.
    let rows = only(&["fine", "refused"]);
    verdict(
        &rows,
        &[status("", Status::Ok), status("refused", Status::Refused)],
        true,
        &["fine"],
    );
    verdict(
        &rows,
        &[status("", Status::Ok)],
        false,
        &["refused: refused"],
    );
}

#[test]
fn bounds_for_all_pass_over_refusals_only() {
    let auc = bound("", "auc", Some(0.7), None);
    verdict(
        &only(&["fine", "refused"]),
        std::slice::from_ref(&auc),
        true,
        &[],
    );
    for end in ["failed", "timeout", "crashed"] {
        verdict(
            &only(&["fine", end]),
            std::slice::from_ref(&auc),
            false,
            &[end],
        );
    }
    // Foreseen, it is no surprise.
    let foreseen = [auc, status("crashed", Status::Crashed)];
    verdict(&only(&["fine", "crashed"]), &foreseen, true, &[]);
}

#[test]
fn bounds_of_a_label_want_a_result() {
    let auc = |label| bound(label, "auc", Some(0.0), None);
    verdict(&table(), &[auc("refused")], false, &["refused"]);
    verdict(&table(), &[auc("timeout")], false, &["timeout"]);
    verdict(
        &table(),
        &[auc("timeout"), status("timeout", Status::Timeout)],
        true,
        &["0.7"],
    );
    let without = [auc("refused"), status("refused", Status::Refused)];
    verdict(&table(), &without, false, &["without any result"]);
}

#[test]
fn a_label_overrides_the_bounds_for_all() {
    let rows = only(&["fine", "better"]);
    let wide = bound("fine", "auc", Some(0.7), None);
    verdict(
        &rows,
        &[bound("", "auc", Some(0.75), None), wide],
        true,
        &["better"],
    );
}

#[test]
fn verdicts_read_well() {
    #[track_caller]
    fn check(expectation: Expectation, text: &str) {
        let verdict = evaluate(&table(), &[expectation]).remove(0);
        assert_eq!(verdict.expected(), text);
    }
    check(
        bound("", "auc_loss", None, Some(0.005)),
        "auc_loss <= 0.005",
    );
    check(
        bound("fine", "max_abs_error", None, Some(1e-6)),
        "fine: max_abs_error <= 1e-6",
    );
    check(
        bound("", "auc", Some(0.66), Some(0.8)),
        "0.66 <= auc <= 0.8",
    );
    check(
        bound("", "samples", Some(334.0), Some(334.0)),
        "samples = 334",
    );
    check(
        bound("", "evaluate_ms", None, Some(123_456.5)),
        "evaluate_ms <= 123456",
    );
    check(status("fine", Status::Refused), "fine: status = refused");
}

/// Of a cell's own expectation, its label's and the general one, the first that is there counts.
#[test]
fn the_expectation_about_the_fewest_rows_counts() {
    let mut lines = complete("a/seed=1", [0.7; 3]);
    lines.extend(complete("a/seed=2", [0.8; 3]));
    lines.extend(complete("b", [0.9; 3]));
    let rows = rows(&records(&["a/seed=1", "a/seed=2", "b"], lines));
    let at_least = |label: &str, min| bound(label, "auc", Some(min), None);
    let cell = at_least("a/seed=2", 0.75);
    let all = [cell, at_least("a", 0.65), at_least("", 0.85)];
    let verdicts = evaluate(&rows, &all);
    let about: Vec<Vec<&str>> = verdicts
        .iter()
        .map(|v| v.findings.iter().map(|f| f.label.as_str()).collect())
        .collect();
    assert_eq!(about, [["a/seed=2"], ["a/seed=1"], ["b"]]);
    assert!(verdicts.iter().all(|v| v.passed), "{verdicts:?}");
    let missed = verdict(&rows, &[at_least("a/seed=2", 0.85)], false, &["0.8"]);
    assert_eq!(missed.expected(), "a/seed=2: auc >= 0.85");
    // A status that is foreseen for one cell lets its row pass the general bounds.
    let mut lines = complete("a/seed=1", [0.7; 3]);
    lines.push(Line::Stopped(stopped("a/seed=2", Status::Timeout)));
    let rows = crate::summary::rows(&records(&["a/seed=1", "a/seed=2"], lines));
    let foreseen = [at_least("", 0.65), status("a/seed=2", Status::Timeout)];
    verdict(&rows, &foreseen, true, &["a/seed=1: 0.7"]);
    verdict(&rows, &foreseen[..1], false, &["a/seed=2: timeout"]);
}
