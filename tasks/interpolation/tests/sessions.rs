//! The whole protocol under the plaintext scheme, and what bad data lead to.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hexperiment_data::gaps::{Gap, find};
use hexperiment_data::{Dataset, DatasetRequest, DatasetSource, MissingPolicy};
use hexperiment_program::OpKind;
use hexperiment_program::lower::{Capabilities, lower};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_task::ledger::Quality;
use hexperiment_task::session::SessionReport;
use hexperiment_task::testkit::{Off, Testbed, series as data};
use hexperiment_task::{PrepareRequest, Prepared, Task, TaskError};
use ndarray::{Array2, ArrayView1, array};
use scheme_plaintext::Plaintext;
use task_interpolation::Interpolation;

const X: f64 = f64::NAN;

/// Waves of different pace, gaps wherever `gap` says.
fn waves(rows: usize, columns: usize, gap: impl Fn(usize, usize) -> bool) -> Dataset {
    data(Array2::from_shape_fn((rows, columns), |(i, j)| {
        if gap(i, j) {
            X
        } else {
            (i as f64 / (3.0 + j as f64)).sin() * 100.0 + 1e4 * j as f64
        }
    }))
}

fn text(key: &'static str, value: &str) -> (&'static str, OptionValue) {
    (key, OptionValue::Text(value.into()))
}

fn prepare(data: &Dataset, given: &[(&str, OptionValue)]) -> Result<Box<dyn Prepared>, TaskError> {
    let given = given.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
    let options = Options::with_defaults(&Interpolation.manifest().options, given);
    Interpolation.prepare(PrepareRequest {
        options: &options,
        data,
        seed: 7,
    })
}

fn run(prepared: &dyn Prepared) -> Quality {
    let (quality, report) = run_off(prepared, 0.0);
    assert_eq!(report.traffic.rounds, 1);
    assert!(report.errors.violation.is_none());
    quality
}

/// Runs where everything that is decrypted is `off`.
fn run_off(prepared: &dyn Prepared, off: f64) -> (Quality, SessionReport) {
    let mut testbed = Testbed::new(&Plaintext, prepared.program()).unwrap();
    testbed.keys.decryptor = Box::new(Off(testbed.keys.decryptor, off));
    let mut session = testbed.session();
    let outcome = prepared.run(&mut session).unwrap();
    let report = session.finish();
    (prepared.score(&outcome).unwrap(), report)
}

fn value(quality: &Quality, name: &str) -> f64 {
    quality.metric(name).unwrap().value
}

/// The most values in a row that are missing.
fn longest(data: &Dataset) -> usize {
    let gaps = find(data.features.view(), &data.columns).unwrap();
    gaps.iter().map(|g| g.rows.len()).max().unwrap_or(0)
}

/// Every layout, number of segments and side of division gives what interpolation in the clear does.
#[track_caller]
fn check(data: &Dataset, hidden_share: f64) {
    let missing = data.features.iter().filter(|x| x.is_nan()).count();
    let valid = data.features.len() - missing;
    for division in ["client", "server"] {
        for (layout, mask, segments) in [
            ("steps", "public", 0),
            ("steps", "public", 1),
            ("steps", "public", 2),
            ("steps", "public", 7),
            ("steps", "public", 1000),
            ("steps", "encrypted", 0),
            ("steps", "encrypted", 1),
            ("steps", "encrypted", 7),
            ("pairs", "public", 0),
        ] {
            let given = [
                text("division", division),
                text("layout", layout),
                text("mask", mask),
                ("segments", OptionValue::Integer(segments)),
                ("hidden_share", OptionValue::Number(hidden_share)),
            ];
            let prepared = match prepare(data, &given) {
                Err(error) if mask == "encrypted" && longest(data) > 12 => {
                    assert!(error.to_string().contains("at most 12"), "{error}");
                    continue;
                }
                prepared => prepared.unwrap(),
            };
            let quality = run(prepared.as_ref());
            let error = value(&quality, "max_error");
            assert!(
                error < 1e-13,
                "{division} {layout} {mask} {segments}: {error}"
            );
            assert_eq!(value(&quality, "missing") as usize, missing);
            let hidden = value(&quality, "hidden") as usize;
            assert!(hidden as f64 <= (hidden_share * valid as f64).round());
            assert_eq!(quality.samples, missing + hidden);
            assert_eq!(prepared.samples(), quality.samples);
            let divides = usize::from(division == "client");
            assert_eq!(prepared.client_computes().len(), divides);
            let sees = prepared.server_sees().unwrap();
            let secret = layout == "pairs" || mask == "encrypted";
            assert_eq!(sees.contains("not where"), secret, "{sees}");
        }
    }
}

#[test]
fn layouts_agree_with_interpolation_in_clear() {
    check(&waves(60, 5, |i, j| (i + j) % 4 == 0), 0.0);
    check(&waves(60, 5, |i, j| (i + j) % 4 == 0), 0.2);
    // A gap over most of a series, and at both edges.
    check(&waves(41, 3, |i, j| j == 1 && (3..39).contains(&i)), 0.0);
    check(&waves(41, 3, |i, j| j == 2 && !(20..22).contains(&i)), 0.0);
    check(&waves(30, 2, |_, _| false), 0.1);
    check(&waves(2, 1, |i, _| i == 1), 0.0);
    // A constant sensor has no deviation.
    check(&data(array![[7.1], [X], [7.1], [7.1]]), 0.0);
}

/// Sums come back where the client divides; errors are those of filled values all the same, whoever
/// divides.
#[test]
fn errors_are_in_standard_deviations() {
    // One gap of three: each value is a sum over 4, of pairs over 4 or 2; masked over 12.
    let series = waves(41, 3, |i, j| j == 1 && (7..10).contains(&i));
    for (layout, mask, least) in [
        ("steps", "public", 4.0),
        ("pairs", "public", 2.0),
        ("steps", "encrypted", 12.0),
    ] {
        for (division, divisor) in [("client", least), ("server", 1.0)] {
            let given = [
                text("division", division),
                text("layout", layout),
                text("mask", mask),
                ("hidden_share", OptionValue::Number(0.0)),
            ];
            let prepared = prepare(&series, &given).unwrap();
            let (_, report) = run_off(prepared.as_ref(), 0.5);
            for error in [report.errors.max_abs, report.errors.noise] {
                assert!(
                    (error - 0.5 / divisor).abs() < 1e-9,
                    "{layout} {mask} {division}: {error}"
                );
            }
        }
    }
}

/// Values are sent once, however often segments and neighbours repeat them, and those that are
/// missing not at all.
#[test]
fn observed_values_are_the_data_that_are_sent() {
    let series = waves(60, 5, |i, j| (i + j) % 4 == 0);
    let observed = series.features.iter().filter(|x| !x.is_nan()).count();
    let gaps = find(series.features.view(), &series.columns).unwrap();
    let sources: std::collections::BTreeSet<(usize, usize)> = gaps
        .iter()
        .flat_map(Gap::fills)
        .flat_map(|fill| fill.sources.into_iter().map(move |s| (s.row, fill.column)))
        .collect();
    for (layout, mask, segments, expect) in [
        ("steps", "public", 1, observed),
        ("steps", "public", 7, observed),
        ("pairs", "public", 0, sources.len()),
        // And a bit for each value.
        ("steps", "encrypted", 7, observed + 300),
    ] {
        let given = [
            text("layout", layout),
            text("mask", mask),
            ("segments", OptionValue::Integer(segments)),
            ("hidden_share", OptionValue::Number(0.0)),
        ];
        let (_, report) = run_off(prepare(&series, &given).unwrap().as_ref(), 0.0);
        let sent = report.traffic.clear_values;
        assert_eq!(sent, expect as u64, "{layout} {mask} {segments}");
    }
}

/// The value that fills `row`, by looking left and right of it.
fn naive(series: ArrayView1<'_, f64>, row: usize) -> f64 {
    let before = (0..row).rev().find(|i| !series[*i].is_nan());
    let after = (row..series.len()).find(|i| !series[*i].is_nan());
    match (before, after) {
        (Some(a), Some(b)) => {
            let share = (row - a) as f64 / (b - a) as f64;
            series[a] + share * (series[b] - series[a])
        }
        (Some(a), None) => series[a],
        (None, Some(b)) => series[b],
        (None, None) => X,
    }
}

#[track_caller]
fn check_naive(table: &Array2<f64>) -> Vec<Gap> {
    let names: Vec<String> = (0..table.ncols()).map(|i| i.to_string()).collect();
    let gaps = find(table.view(), &names).unwrap();
    for fill in gaps.iter().flat_map(Gap::fills) {
        let expect = naive(table.column(fill.column), fill.row);
        let got = fill.value(table.view());
        assert!((got - expect).abs() <= 1e-12 * (1.0 + expect.abs()));
    }
    gaps
}

#[test]
fn filled_values_are_those_found_by_looking() {
    for modulus in [2, 3, 5, 7, 11] {
        let table = waves(97, 4, |i, j| (i * i + 3 * j) % modulus < modulus / 2);
        check_naive(&table.features);
    }
}

/// More is foreseen than occurs, and schemes without products say so.
#[test]
fn an_encrypted_mask_takes_products() {
    let data = waves(40, 2, |i, j| (i + 3 * j) % 5 == 0);
    let mut products = Vec::new();
    for longest in [1, 2, 3, 5] {
        let given = [
            text("mask", "encrypted"),
            ("longest_gap", OptionValue::Integer(longest)),
            ("segments", OptionValue::Integer(4)),
            ("hidden_share", OptionValue::Number(0.0)),
        ];
        let prepared = prepare(&data, &given).unwrap();
        let quality = run(prepared.as_ref());
        assert!(value(&quality, "max_error") < 1e-13, "{longest}");
        products.push(prepared.program().counts()[&OpKind::Mul]);
        let additive = Capabilities {
            native: [OpKind::Neg, OpKind::Offset, OpKind::WeightedSum].into(),
            missing_otherwise: "additive",
            ..Capabilities::everything()
        };
        let refusal = lower(prepared.program(), &additive).unwrap_err();
        assert!(
            refusal.to_string().starts_with("mul: additive"),
            "{refusal}"
        );
    }
    // Ten steps, two neighbours for each.
    assert_eq!(products[0], 20);
    assert!(products.is_sorted());
}

#[test]
fn hidden_values_are_compared_with_the_truth() {
    // Along a straight line interpolation is exact, and the median is not.
    let line = data(Array2::from_shape_fn((100, 3), |(i, _)| i as f64));
    let middle = |share| {
        let given = [("hidden_share", OptionValue::Number(share))];
        run(prepare(&line, &given).unwrap().as_ref())
    };
    let quality = middle(0.05);
    assert_eq!(value(&quality, "hidden"), 15.0);
    assert!(value(&quality, "nrmse") < 0.02, "{quality:?}");
    assert!(value(&quality, "median_nrmse") > 0.5, "{quality:?}");
    assert!(value(&quality, "mae") < value(&quality, "median_mae"));
    let compared = value(&quality, "sensors_compared");
    assert_eq!(value(&quality, "sensors_beaten"), compared);
    assert_eq!(quality.metrics[0].name, "nrmse");

    // Values that jump between two are better guessed by their middle.
    let jumps = data(Array2::from_shape_fn((100, 2), |(i, _)| (i % 2) as f64));
    let quality = run(prepare(&jumps, &[]).unwrap().as_ref());
    assert!(value(&quality, "nrmse") > value(&quality, "median_nrmse"));
    assert_eq!(value(&quality, "sensors_beaten"), 0.0);
    let said = quality.notes.iter().any(|n| n.contains("on 0 of"));
    assert!(said, "{:?}", quality.notes);

    // Nothing hidden, nothing known.
    let gap = waves(20, 1, |i, _| i == 5);
    let given = [("hidden_share", OptionValue::Number(0.0))];
    let quality = run(prepare(&gap, &given).unwrap().as_ref());
    assert_eq!(quality.metrics[0].name, "max_error");
    assert!(quality.metric("nrmse").is_none());
}

#[track_caller]
fn refused(data: &Dataset, given: &[(&str, OptionValue)], expect: &str) {
    let error = prepare(data, given).err().unwrap().to_string();
    assert!(error.contains(expect), "{error:?} lacks {expect:?}");
}

#[test]
fn bad_data_and_options_are_explained() {
    refused(&data(array![[1.0, X]]), &[], "a single row");
    refused(&data(array![[1.0, X], [2.0, X]]), &[], "column `s1`");
    let small = data(array![[1.0, 2.0], [1.5, 2.0]]);
    refused(&small, &[], "none of the 4 values");
    let mut median = waves(20, 1, |i, _| i == 5);
    median.missing = MissingPolicy::Median;
    refused(&median, &[], "missing = \"keep\"");
    let given = [
        text("layout", "pairs"),
        ("segments", OptionValue::Integer(3)),
    ];
    refused(&waves(20, 1, |i, _| i == 5), &given, "`segments = 3`");
    let given = [text("layout", "pairs"), text("mask", "encrypted")];
    refused(&waves(20, 1, |i, _| i == 5), &given, "`mask = ");
    let given = [("longest_gap", OptionValue::Integer(2))];
    refused(&waves(20, 1, |i, _| i == 5), &given, "`longest_gap = 2`");
    let given = [
        text("mask", "encrypted"),
        ("longest_gap", OptionValue::Integer(2)),
        ("hidden_share", OptionValue::Number(0.0)),
    ];
    let three = waves(20, 2, |i, j| j == 1 && (5..8).contains(&i));
    refused(&three, &given, "column `s1`: 3 values in a row");
    refused(&three, &given, "`longest_gap = 3`");
    let many = waves(20, 2, |i, j| j == 1 && i > 3);
    refused(&many, &given[..1], "`mask = \"public\"`");
}

/// Known facts of the real data, where they are at hand.
#[test]
fn secom_as_it_is_known() {
    if std::env::var_os("HEXPERIMENT_DATA").is_none() {
        eprintln!("skipped: HEXPERIMENT_DATA is not set");
        return;
    }
    let secom = Dataset::load(&DatasetRequest {
        missing: Some(MissingPolicy::Keep),
        ..DatasetRequest::new(DatasetSource::Manifest("secom".into()), 73)
    })
    .unwrap();
    let gaps = check_naive(&secom.features);
    assert_eq!(gaps.iter().map(|g| g.rows.len()).sum::<usize>(), 29_016);
    let inside: Vec<usize> = gaps
        .iter()
        .filter(|g| g.has_before && g.has_after)
        .map(|g| g.rows.len())
        .collect();
    assert_eq!(inside.len(), 26_177);
    assert_eq!(inside.iter().filter(|n| **n == 1).count(), 23_662);
    assert_eq!(inside.iter().max(), Some(&6));
    let at_edges = gaps.iter().filter(|g| !(g.has_before && g.has_after));
    assert_eq!(at_edges.map(|g| g.rows.len()).sum::<usize>(), 36);

    let given = [("hidden_share", OptionValue::Number(0.0))];
    let prepared = prepare(&secom, &given).unwrap();
    let input = &prepared.program().inputs()[0];
    assert_eq!(input.length, 4092);
    assert!(input.columns.len() <= 72 + 7);
    let quality = run(prepared.as_ref());
    assert_eq!(quality.samples, 29_016);
    assert!(value(&quality, "max_error") < 1e-12);
}
