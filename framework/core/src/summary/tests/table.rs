//! Rows, by hand.

use super::{complete, millis, records, repetition, setup, stopped};
use crate::record::{Line, Status};
use crate::security::Protection;
use crate::summary::{COLUMNS, Field, Row, rows};

fn only(lines: Vec<Line>) -> Row {
    rows(&records(&["a"], lines)).remove(0)
}

#[test]
fn every_column_by_hand() {
    let row = only(complete("a", [0.70, 0.74, 0.72]));
    let text = |t: &str| Field::Text(t.into());
    let (number, count) = (Field::Number, Field::Count);
    let want = [
        ("experiment", text("by-hand")),
        ("scheme", text("a")),
        ("label", text("a")),
        ("task", text("task")),
        ("dataset", text("data")),
        ("status", text("ok")),
        ("reason", text("")),
        ("samples", count(10)),
        ("metric", text("auc")),
        ("value", number(0.72)),
        ("plaintext_value", number(0.75)),
        ("max_abs_error", number(3e-6)),
        ("approximation_error", number(0.0)),
        ("noise_error", number(1e-7)),
        ("precision_bits", number(28.0)),
        ("compile_ms", number(1.0)),
        ("keygen_ms", number(7.0)),
        ("encrypt_ms", number(4.0)),
        ("evaluate_ms", number(20.0)),
        ("decrypt_ms", number(2.0)),
        ("evaluate_ms_low", number(10.0)),
        ("evaluate_ms_high", number(30.0)),
        ("total_ms_per_sample", number(2.6)),
        ("ciphertext_bytes", count(1600)),
        ("result_bytes", count(160)),
        ("key_bytes", count(123)),
        ("expansion", number(10.0)),
        ("rounds", count(1)),
        ("server_sees", text("ciphertexts")),
        ("protection", text("encrypted")),
        ("security_bits", count(128)),
        ("peak_rss_bytes", count(1002)),
        ("threads", count(2)),
    ];
    assert_eq!(want.each_ref().map(|(name, _)| *name), COLUMNS);
    for (name, field) in want {
        match (row.column(name).unwrap(), field) {
            (Field::Number(got), Field::Number(want)) => {
                assert!(
                    (got - want).abs() <= 1e-12 * want.abs(),
                    "{name}: {got}, want {want}"
                );
            }
            (got, want) => assert_eq!(got, want, "{name}"),
        }
    }
    assert_eq!(row.column("nonsense"), None);
    // The metrics are those of one repetition, the one in the middle.
    assert_eq!(row.metric("index").unwrap().value, 2.0);
    let measured = row.measured.unwrap();
    assert_eq!(measured.totals_ms, [16.0, 36.0, 26.0]);
    assert_eq!(measured.notes, ["clipped"]);
}

#[test]
fn a_cell_that_never_ran_has_empty_columns() {
    let row = only(vec![Line::Stopped(stopped("a", Status::Refused))]);
    assert_eq!(
        (row.status, row.reason.as_str()),
        (Status::Refused, "for a reason")
    );
    let filled: Vec<&str> = COLUMNS
        .into_iter()
        .filter(|c| row.column(c) != Some(Field::Empty))
        .collect();
    let known = [
        "experiment",
        "scheme",
        "label",
        "task",
        "dataset",
        "status",
        "reason",
        "threads",
    ];
    assert_eq!(filled, known);
}

#[test]
fn a_cell_cut_short_is_not_ok() {
    let mut lines = complete("a", [0.7; 3]);
    lines.pop();
    let row = only(lines);
    assert_eq!(row.status, Status::Failed);
    assert!(row.reason.contains("2 of 3 repetitions"), "{}", row.reason);
}

#[test]
fn a_matrix_point_tells_its_settings() {
    let mut lines = complete("a/threads=4", [0.7; 3]);
    lines.extend(complete("a/security_bits=192", [0.7; 3]));
    let rows = rows(&records(&["a/threads=4", "a/security_bits=192"], lines));
    assert_eq!(rows[0].name(), "a/threads=4");
    assert_eq!((rows[0].threads, rows[0].demanded_bits), (4, 128));
    assert_eq!((rows[1].threads, rows[1].demanded_bits), (2, 192));
    assert!(
        !rows[0].insecure() && rows[1].insecure(),
        "128 bits are too few for 192"
    );
}

#[test]
fn weak_parameters_are_marked_whatever_was_demanded() {
    #[track_caller]
    fn check(protection: Protection, bits: u32, demanded: u32, insecure: bool) {
        let mut setup = setup("a", 1);
        setup.parameters.security.protection = protection;
        setup.parameters.security.bits = bits;
        let mut records = records(&["a"], vec![Line::Setup(Box::new(setup))]);
        records.run.resolved["run"]["security_bits"] = demanded.into();
        assert_eq!(rows(&records)[0].insecure(), insecure);
    }
    check(Protection::Encrypted, 128, 128, false);
    check(Protection::Encrypted, 112, 128, true);
    check(Protection::Encrypted, 80, 80, true);
    check(Protection::Encrypted, 128, 256, true);
    check(Protection::None, 0, 128, false);
    check(Protection::TransportOnly, 0, 128, true);
}

#[test]
fn the_worst_error_counts_and_nan_is_the_worst() {
    let mut lines = complete("a", [0.7; 3]);
    let Line::Repetition(middle) = &mut lines[2] else {
        panic!()
    };
    middle.errors.max_abs = f64::NAN;
    middle.errors.precision_bits = f64::NAN;
    let errors = only(lines).measured.unwrap().errors;
    assert!(errors.max_abs.is_nan() && errors.precision_bits.is_nan());
    assert_eq!(errors.noise, 1e-7);
}

#[test]
fn nothing_sent_expands_by_nothing() {
    let mut quiet = repetition("a", 0, 1, 0.7);
    quiet.traffic.clear_values = 0;
    quiet.encrypt = millis(0);
    let row = only(vec![Line::Repetition(Box::new(quiet))]);
    assert_eq!(row.column("expansion"), Some(Field::Empty));
}
