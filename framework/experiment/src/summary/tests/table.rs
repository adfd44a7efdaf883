//! Rows, by hand.

use super::{complete, millis, records, repetition, security, setup, stopped};
use crate::record::{Clock, Line, Status};
use crate::summary::{COLUMNS, Field, Kind, Row, axes, rows};
use hexperiment_scheme::security::Protection;
use hexperiment_task::ledger::Violation;

fn only(lines: Vec<Line>) -> Row {
    rows(&records(&["a"], lines)).remove(0)
}

#[expect(clippy::too_many_lines, reason = "each column is a line")]
#[test]
fn every_column_by_hand() {
    let row = only(complete("a", [0.70, 0.74, 0.72]));
    let text = |t: &str| Field::Text(t.into());
    let (number, count) = (Field::Number, Field::Count);
    let want = [
        ("experiment", text("by-hand")),
        ("started", text("2026-05-04T09:08:07Z")),
        ("cell", text("a")),
        ("scheme", text("a")),
        ("label", text("a")),
        ("task", text("task")),
        ("dataset", text("data")),
        ("status", text("ok")),
        ("reason", text("")),
        ("samples", count(10)),
        ("repetitions", count(3)),
        ("processes", count(1)),
        ("seed", count(1)),
        ("seeds", count(1)),
        ("metric", text("auc")),
        ("value", number(0.72)),
        ("plaintext_value", number(0.75)),
        ("unclipped_value", number(0.76)),
        ("value_low", Field::Empty),
        ("value_high", Field::Empty),
        ("plaintext_value_low", Field::Empty),
        ("plaintext_value_high", Field::Empty),
        ("max_abs_error", number(3e-6)),
        ("clipping_error", number(0.02)),
        ("approximation_error", number(0.0)),
        ("noise_error", number(1e-7)),
        ("precision_bits", number(28.0)),
        ("precision_demanded", number(1e-5)),
        ("precision_claimed", number(2e-7)),
        ("precision_met", text("true")),
        ("clipped_values", count(7)),
        ("compile_ms", number(1.0)),
        ("keygen_ms", number(7.0)),
        ("key_transfer_ms", number(2.0)),
        ("prepare_ms", number(3.0)),
        ("encrypt_ms", number(4.0)),
        ("evaluate_ms", number(20.0)),
        ("decrypt_ms", number(2.0)),
        ("transfer_ms", number(1.0)),
        ("evaluate_ms_low", Field::Empty),
        ("evaluate_ms_high", Field::Empty),
        ("evaluate_between", Field::Empty),
        ("evaluate_within", Field::Empty),
        ("total_ms_per_sample", number(2.6)),
        ("compile_cpu_ms", number(1.5)),
        ("keygen_cpu_ms", number(10.5)),
        ("prepare_cpu_ms", number(4.5)),
        ("encrypt_cpu_ms", number(6.0)),
        ("evaluate_cpu_ms", number(30.0)),
        ("decrypt_cpu_ms", number(3.0)),
        ("total_cpu_ms_per_sample", number(3.9)),
        ("load_average", number(0.5)),
        ("share_waited", number(0.01)),
        ("ciphertext_bytes", count(1600)),
        ("result_bytes", count(160)),
        ("key_bytes", count(123)),
        ("expansion", number(10.0)),
        ("rounds", count(1)),
        ("server_sees", text("ciphertexts")),
        ("protection", text("encrypted")),
        ("encryption", text("owner")),
        ("security_bits", count(128)),
        ("failure_log2", number(-130.5)),
        ("client_peak_rss_bytes", count(1002)),
        ("server_peak_rss_bytes", count(2002)),
        ("threads", count(2)),
        ("remote_upload_ms", Field::Empty),
        ("remote_upload_server_ms", Field::Empty),
        ("remote_job_ms", Field::Empty),
        ("remote_queue_ms", Field::Empty),
        ("remote_load_ms", Field::Empty),
        ("remote_compute_ms", Field::Empty),
        ("remote_store_ms", Field::Empty),
        ("remote_download_ms", Field::Empty),
    ];
    let names = COLUMNS.each_ref().map(|column| column.name);
    assert_eq!(want.each_ref().map(|(name, _)| *name), names);
    for column in &COLUMNS {
        // Three repetitions have no interval.
        let is_number = match column.of(&row) {
            // Nor has one process a spread between processes, or one seed one between seeds.
            Field::Empty => {
                column.name.starts_with("evaluate_ms_")
                    || ["evaluate_between", "evaluate_within"].contains(&column.name)
                    || column.name.contains("value_")
                    // Its server was a process of the same machine.
                    || column.name.starts_with("remote_")
            }
            field => field.number().is_some(),
        };
        assert_eq!(is_number, column.kind == Kind::Numbers, "{}", column.name);
    }
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
    assert_eq!(measured.total.wall_ms, [16.0, 36.0, 26.0]);
    assert_eq!(measured.total.values(Clock::Cpu), [24.0, 54.0, 39.0]);
    assert_eq!(measured.notes, ["clipped"]);
}

/// Rows that were encrypted count, not those that a model is scored on; older records have only
/// these.
#[test]
fn costs_are_per_sample_that_was_encrypted() {
    #[track_caller]
    fn check(encrypted: u64, samples: u64, per_sample: f64) {
        let mut lines = complete("a", [0.7; 3]);
        let Line::Setup(setup) = &mut lines[0] else {
            panic!()
        };
        setup.samples = encrypted;
        let row = only(lines);
        assert_eq!(row.column("samples"), Some(Field::Count(samples)));
        let cost = row.column("total_ms_per_sample").unwrap().number().unwrap();
        assert!((cost - per_sample).abs() < 1e-12, "{cost}");
    }
    check(10, 10, 2.6);
    check(26, 26, 1.0);
    check(0, 4, 6.5);
}

#[test]
fn a_cell_that_never_ran_has_empty_columns() {
    let row = only(vec![Line::Stopped(stopped("a", Status::Refused))]);
    assert_eq!(
        (row.status, row.reason.as_str()),
        (Status::Refused, "for a reason")
    );
    let filled: Vec<&str> = COLUMNS
        .iter()
        .filter(|column| column.of(&row) != Field::Empty)
        .map(|column| column.name)
        .collect();
    let known = [
        "experiment",
        "started",
        "cell",
        "scheme",
        "label",
        "task",
        "dataset",
        "status",
        "reason",
        "seed",
        "threads",
    ];
    assert_eq!(filled, known);
}

#[test]
fn a_cell_cut_short_is_not_ok() {
    let mut lines = complete("a", [0.7; 3]);
    lines.pop();
    let row = only(lines);
    assert_eq!(row.status, Status::Missing);
    assert!(row.reason.contains("2 of 3 repetitions"), "{}", row.reason);
}

/// The run was killed after the result was recorded, and before the cell's end was.
#[test]
fn a_wrong_result_without_an_end_is_not_ok() {
    let mut lines = complete("a", [0.7; 3]);
    let Line::Repetition(last) = &mut lines[3] else {
        panic!()
    };
    last.errors.violation = Some(Violation {
        output: "logit".into(),
        sample: 17,
        column: 0,
        expected: 0.25,
        received: f64::INFINITY,
        tolerance: 0.01,
    });
    let row = only(lines);
    assert_eq!(row.status, Status::Failed);
    let words = "result outside its tolerance: output `logit`, sample 17, column 0";
    assert!(row.reason.starts_with(words), "{}", row.reason);
}

#[test]
fn axes_of_the_matrix_are_columns() {
    let cells = ["a/threads=4", "a/security_bits=192", "b"];
    let rows = rows(&records(&cells, vec![]));
    assert_eq!(axes(&rows), ["run.security_bits", "run.threads"]);
    let of = |row: usize, key| rows[row].axis(key).to_string();
    assert_eq!(of(0, "run.threads"), "4");
    assert_eq!(of(0, "run.security_bits"), "");
    assert_eq!(of(1, "run.security_bits"), "192");
    assert_eq!(rows[2].axis("run.threads"), Field::Empty);
    assert_eq!(rows[0].column("label"), Some(Field::Text("a".into())));
    assert_eq!(rows[0].column("cell"), Some(Field::Text(cells[0].into())));
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
        setup.parameters.security = security(protection, bits);
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

/// Two processes: what is done once is the median of both, what is done in each round knows its process,
/// and the interval is that over processes.
#[test]
fn processes_of_a_cell_by_hand() {
    let mut lines = vec![];
    for (process, keygen) in [(0, 10), (1, 30)] {
        let mut setup = setup("a", keygen);
        setup.process = process;
        lines.push(Line::Setup(Box::new(setup)));
    }
    for (index, evaluate) in [(0, 90), (2, 90), (1, 110), (3, 110)] {
        let mut repetition = repetition("a", index, evaluate, 0.7);
        repetition.process = index % 2;
        lines.push(Line::Repetition(Box::new(repetition)));
    }
    let row = only(lines);
    assert_eq!(row.column("keygen_ms"), Some(Field::Number(20.0)));
    assert_eq!(row.column("processes"), Some(Field::Count(2)));
    let share = |name| row.column(name).unwrap().number().unwrap();
    assert!((share("evaluate_between") - 200.0_f64.sqrt() / 100.0).abs() < 1e-12);
    assert_eq!(share("evaluate_within"), 0.0);
    let measured = row.measured.unwrap();
    assert_eq!(measured.rounds, [0, 2, 1, 3]);
    assert_eq!(measured.processes, [0, 0, 1, 1]);
    // Student's t of two values, by which nothing is sure.
    let interval = measured.evaluate_ms.interval.unwrap();
    assert!(interval.low < 30.0 && interval.high > 330.0, "{interval:?}");
}

/// Records of one row at three seeds, of which the last has no repetitions if `ends` says how it ended.
fn at_seeds(ends: Option<(Status, &str)>) -> Vec<Row> {
    let mut lines = vec![];
    for (seed, auc) in [(1, 0.70), (2, 0.74), (3, 0.72)] {
        let cell = format!("a/seed={seed}");
        match ends.filter(|_| seed == 3) {
            Some((status, reason)) => {
                let mut line = stopped(&cell, status);
                line.reason = reason.to_owned();
                lines.push(Line::Stopped(line));
            }
            None => lines.extend(complete(&cell, [auc - 0.1, auc, auc + 0.1])),
        }
    }
    let mut records = records(&["a/seed=1", "a/seed=2", "a/seed=3"], lines);
    for (seed, cell) in (1..).zip(&mut records.run.cells) {
        cell.point.clear();
        cell.seed = Some(seed);
    }
    rows(&records)
}

/// Three seeds are one row: the mean of their metrics with Student's t, whose quantile of two degrees of
/// freedom is 4.3027; each is a process of its own, and has rounds of its own.
#[test]
fn seeds_of_a_row_by_hand() {
    let all = at_seeds(None);
    assert_eq!(all.len(), 1);
    let row = &all[0];
    assert_eq!(
        (row.name(), row.status, row.cell.seed),
        ("a", Status::Ok, None)
    );
    let number = |name| row.column(name).unwrap().number().unwrap();
    let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-5, "{got}, not {want}");
    near(number("value"), 0.72);
    let half = 4.302_65 * 0.02 / 3.0_f64.sqrt();
    near(number("value_low"), 0.72 - half);
    near(number("value_high"), 0.72 + half);
    // The model in the clear has the same everywhere.
    for name in [
        "plaintext_value",
        "plaintext_value_low",
        "plaintext_value_high",
    ] {
        near(number(name), 0.75);
    }
    for (name, want) in [
        ("seed", 1),
        ("seeds", 3),
        ("processes", 3),
        ("repetitions", 9),
    ] {
        assert_eq!(row.column(name), Some(Field::Count(want)), "{name}");
    }
    let measured = row.measured.as_ref().unwrap();
    assert_eq!(measured.rounds, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(measured.processes, [0, 0, 0, 1, 1, 1, 2, 2, 2]);
}

/// A seed that did not end well is the row's end, with what is there of the others.
#[test]
fn a_seed_that_fails_is_told() {
    let crashed = &at_seeds(Some((Status::Crashed, "it died")))[0];
    assert_eq!(crashed.status, Status::Crashed);
    assert_eq!(crashed.reason, "at seed 3: it died (2 of 3 seeds are ok)");
    assert_eq!(crashed.column("seeds"), Some(Field::Count(2)));
    assert!((crashed.headline().unwrap().value - 0.72).abs() < 1e-12);
}
