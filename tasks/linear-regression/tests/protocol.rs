//! The whole protocol under the plaintext scheme, and what bad data lead to.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hexperiment_data::{Dataset, DatasetRequest, DatasetSource, MissingPolicy};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_task::ledger::Quality;
use hexperiment_task::testkit::{self, Given, Ran, Testbed, file, samples};
use hexperiment_task::vector_length::ROWS_OF_A_ROUND;
use hexperiment_task::{PrepareRequest, Task, TaskError};
use ndarray::{Array1, Array2};
use scheme_plaintext::Plaintext;
use task_linear_regression::LinearRegression;

/// Four columns of noise; by `b` the target rises, to the rest it is nearly blind. The last third
/// is the test part.
fn data(rows: usize) -> Dataset {
    let features = Array2::from_shape_fn((rows, 4), |(i, j)| {
        ((i * 7919 + j * 104_729) % 1000) as f64 / 1000.0
    });
    let values = Array1::from_shape_fn(rows, |i| {
        5000.0 + 300.0 * features[[i, 1]] + 5.0 * features[[i, 2]] * features[[i, 3]]
    });
    samples(features, values)
}

fn options(given: Given<'_>) -> Options {
    testkit::options(&LinearRegression, given)
}

fn run(data: &Dataset, options: &Options) -> Result<Quality, TaskError> {
    let prepared = LinearRegression.prepare(PrepareRequest {
        options,
        data,
        seed: 1,
    })?;
    let testbed = Testbed::new(&Plaintext, prepared.program()).unwrap();
    let mut session = testbed.session();
    let outcome = prepared.run(&mut session)?;
    assert_eq!(prepared.samples(), data.test.len());
    assert_eq!(session.finish().traffic.rounds, 1);
    prepared.score(&outcome)
}

#[test]
fn predictions_are_the_models_in_clear() {
    let quality = run(&data(300), &options(&[])).unwrap();
    assert_eq!(quality.samples, 100);
    let names: Vec<&str> = quality.metrics.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["r2", "mae", "rmse", "largest_residual"]);
    for metric in &quality.metrics {
        assert_eq!(Some(metric.value), metric.plaintext, "{}", metric.name);
    }
    assert!(quality.metric("r2").unwrap().value > 0.99, "{quality:?}");
    assert!(quality.metric("mae").unwrap().value < 2.0, "{quality:?}");
}

#[test]
fn predictions_are_left() {
    let data = data(300);
    let prepared = LinearRegression
        .prepare(PrepareRequest {
            options: &options(&[]),
            data: &data,
            seed: 1,
        })
        .unwrap();
    let ran = Ran::new(&Plaintext, prepared.as_ref()).unwrap();
    let text = file(&ran.files, "predictions.csv");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("truth,prediction,prediction_in_clear"));
    let rows: Vec<Vec<f64>> = lines
        .map(|line| line.split(',').map(|x| x.parse().unwrap()).collect())
        .collect();
    assert_eq!(rows.len(), 100);
    for (row, index) in rows.iter().zip(&data.test) {
        assert_eq!(row[0], data.target.as_ref().unwrap().values[*index]);
        assert_eq!(row[1], row[2], "nothing is encrypted");
        assert!((row[0] - row[1]).abs() < 10.0, "{row:?}");
    }
}

/// More rows than a round has: predictions and what clipping does are those of one evaluation, and nothing is
/// counted twice.
#[test]
fn many_rows_take_several_rounds() {
    let rows = 3 * (2 * ROWS_OF_A_ROUND + 1);
    let mut data = data(rows);
    let far = [data.test[7], data.test[2 * ROWS_OF_A_ROUND]];
    for row in far {
        data.features[[row, 1]] += 50.0;
    }
    let prepared = LinearRegression
        .prepare(PrepareRequest {
            options: &options(&[]),
            data: &data,
            seed: 1,
        })
        .unwrap();
    let length = prepared.program().inputs()[0].length;
    assert_eq!((prepared.samples(), prepared.evaluations()), (rows / 3, 3));
    assert!(3 * length < rows / 3 + 3, "{length}");
    let testbed = Testbed::new(&Plaintext, prepared.program()).unwrap();
    let mut session = testbed.session();
    let outcome = prepared.run(&mut session).unwrap();
    let report = session.finish();
    assert_eq!((report.evaluations, report.traffic.rounds), (3, 3));
    assert_eq!(report.traffic.clear_values, (4 * rows / 3) as u64);
    let clipping = report.errors.clipping.unwrap();
    assert_eq!((clipping.values, clipping.columns), (2, 1));
    assert_eq!(outcome.outputs[0].dim(), (rows / 3, 1));
    let quality = prepared.score(&outcome).unwrap();
    // Rows stay in their places from round to round; what was moved is moved in the clear, too.
    let files = prepared.artefacts(&outcome).unwrap();
    let lines = file(&files, "predictions.csv").lines().skip(1);
    let differ = lines.enumerate().filter_map(|(place, line)| {
        let fields: Vec<&str> = line.split(',').collect();
        (fields[1] != fields[2]).then_some(place)
    });
    assert_eq!(differ.collect::<Vec<_>>(), [0; 0]);
    assert_eq!(quality.samples, rows / 3);
}

#[test]
fn embedded_data_are_predicted_as_well_as_is_known() {
    let diabetes = DatasetSource::Manifest("diabetes".into());
    let diabetes = Dataset::load(&DatasetRequest::new(diabetes, 73)).unwrap();
    let quality = run(&diabetes, &options(&[])).unwrap();
    let r2 = quality.metric("r2").unwrap();
    // Least squares explains about half of the variance of these data.
    assert!((0.35..0.65).contains(&r2.value), "{r2:?}");
    assert!((r2.value - r2.plaintext.unwrap()).abs() < 0.005, "{r2:?}");
}

#[test]
fn the_telling_feature_is_enough() {
    let one = run(
        &data(300),
        &options(&[("features", OptionValue::Integer(1))]),
    )
    .unwrap();
    assert!(one.metric("r2").unwrap().value > 0.99, "{one:?}");
    assert!(
        one.notes[0].ends_with("on the training part: `b`"),
        "{one:?}"
    );
}

#[test]
fn constant_columns_are_left_out_by_name() {
    let mut data = data(300);
    data.features.column_mut(0).fill(-3.0);
    let quality = run(&data, &options(&[])).unwrap();
    assert!(quality.metric("r2").unwrap().value > 0.99, "{quality:?}");
    assert!(
        quality.notes[0].ends_with("constant in the training part: `a`"),
        "{quality:?}"
    );
}

#[test]
fn r2_is_left_out_where_the_test_targets_are_equal() {
    let mut data = data(300);
    if let Some(target) = &mut data.target {
        target.values.slice_mut(ndarray::s![200..]).fill(5100.0);
    }
    let quality = run(&data, &options(&[])).unwrap();
    assert_eq!(quality.metrics[0].name, "mae");
    assert!(
        quality.notes.iter().any(|n| n.contains("R2 is undefined")),
        "{quality:?}"
    );
}

#[track_caller]
fn refused(data: &Dataset, options: &Options, expect: &str) {
    let error = run(data, options).unwrap_err().to_string();
    assert!(error.contains(expect), "{error:?} lacks {expect:?}");
}

#[test]
fn bad_data_are_explained() {
    let defaults = options(&[]);
    refused(&data(6), &defaults, "4 training rows for 4 features");
    let mut gap = data(30);
    gap.features[[25, 2]] = f64::NAN;
    gap.missing = MissingPolicy::Keep;
    refused(&gap, &defaults, "in columns `c`");
    let mut flat = data(30);
    flat.target.as_mut().unwrap().values.fill(0.3);
    refused(&flat, &defaults, "every target of the training part is 0.3");
    let mut twice = data(30);
    let column = twice.features.column(1).mapv(|x| 2.0 * x + 1.0);
    twice.features.column_mut(3).assign(&column);
    refused(&twice, &defaults, "feature `d` repeats another");
    let too_many = options(&[("features", OptionValue::Integer(9))]);
    refused(&data(30), &too_many, "the data have 4");
}

/// A test value far out: without clip and narrow range the same model predicts it where it was.
#[test]
fn what_clipping_does_is_apart_from_the_error() {
    let mut data = data(300);
    let row = data.test[40];
    data.features[[row, 1]] += 50.0;
    let run = |given: Given<'_>| {
        let prepared = testkit::prepare(&LinearRegression, &data, given).unwrap();
        Ran::new(&Plaintext, prepared.as_ref()).unwrap()
    };
    let wide = [
        ("clip", OptionValue::Number(0.0)),
        ("range_margin", OptionValue::Number(100.0)),
    ];
    let (clipped, whole) = (run(&[]), run(&wide));
    let predicted = |ran: &Ran| -> Vec<f64> {
        let lines = file(&ran.files, "predictions.csv").lines().skip(1);
        lines
            .map(|l| l.split(',').nth(1).unwrap().parse().unwrap())
            .collect()
    };
    let pairs = predicted(&clipped).into_iter().zip(predicted(&whole));
    let moved = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let clipping = clipped.report.errors.clipping.unwrap();
    assert!(
        (clipping.error - moved).abs() < 1e-6 * moved,
        "{clipping:?} {moved}"
    );
    assert!(moved > 1.0 && clipping.values >= 1, "{clipping:?} {moved}");
    let [r2, as_it_was] = [&clipped, &whole].map(|r| r.quality.metric("r2").unwrap());
    assert!((r2.unclipped.unwrap() - as_it_was.value).abs() < 1e-9);
    assert!((r2.value - as_it_was.value).abs() > 1e-6);
}
