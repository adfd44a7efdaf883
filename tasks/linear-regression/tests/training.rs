//! Training under the plaintext scheme: both methods against least squares in the clear, what they
//! leave, and what bad options lead to.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hexperiment_data::Dataset;
use hexperiment_program::{OpKind, Program};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_task::ledger::{Clipping, Metric, Quality};
use hexperiment_task::testkit::{Testbed, samples};
use hexperiment_task::{Outcome, PrepareRequest, Prepared, Task, TaskError};
use ndarray::{Array1, Array2};
use scheme_plaintext::Plaintext;
use task_linear_regression::LinearRegression;

/// The target rises with `b` and falls with `c`, and with noise.
fn data(rows: usize) -> Dataset {
    let noise = |i: usize, j: usize| ((i * 7919 + j * 104_729) % 1009) as f64 / 1009.0;
    let features = Array2::from_shape_fn((rows, 4), |(i, j)| 50.0 * noise(i, j));
    let values = Array1::from_shape_fn(rows, |i| {
        5000.0 + 30.0 * features[[i, 1]] - 10.0 * features[[i, 2]] + 200.0 * noise(i, 9)
    });
    samples(features, values)
}

fn text(x: &str) -> OptionValue {
    OptionValue::Text(x.into())
}

fn options(given: &[(&str, OptionValue)]) -> Options {
    let mode = [("mode", text("training"))];
    let given = mode.iter().chain(given);
    let given = given.map(|(k, v)| ((*k).to_owned(), v.clone()));
    Options::with_defaults(&LinearRegression.manifest().options, given)
}

struct Run {
    prepared: Box<dyn Prepared>,
    outcome: Outcome,
    quality: Quality,
    clear_values: u64,
    clipping: Clipping,
}

impl Run {
    fn value(&self, name: &str) -> f64 {
        self.quality.metric(name).unwrap().value
    }

    fn file(&self, name: &str) -> String {
        let files = self.prepared.artefacts(&self.outcome).unwrap();
        let file = files.into_iter().find(|f| f.name == name).unwrap();
        String::from_utf8(file.bytes).unwrap()
    }
}

fn run(data: &Dataset, options: &Options) -> Result<Run, TaskError> {
    let prepared = LinearRegression.prepare(PrepareRequest {
        options,
        data,
        seed: 1,
    })?;
    let testbed = Testbed::new(&Plaintext, prepared.program()).unwrap();
    let mut session = testbed.session();
    let outcome = prepared.run(&mut session)?;
    let report = session.finish();
    assert!(report.errors.violation.is_none());
    assert_eq!(
        (report.traffic.rounds, report.traffic.decrypted_midway),
        (1, 0)
    );
    let quality = prepared.score(&outcome)?;
    Ok(Run {
        prepared,
        outcome,
        quality,
        clear_values: report.traffic.clear_values,
        clipping: report.errors.clipping.unwrap(),
    })
}

#[track_caller]
fn check(given: &[(&str, OptionValue)], coefficient_error: f64) {
    let run = run(&data(300), &options(given)).unwrap();
    assert!(run.value("weight_error") < 1e-9, "{:?}", run.quality);
    assert!(
        run.value("coefficient_error") < coefficient_error,
        "{:?}",
        run.quality
    );
    assert!(run.value("r2") > 0.9, "{:?}", run.quality);
    // The records tell of the oracle's iterations before the last what the file tells of all.
    let named = |m: &&Metric| m.name.starts_with("oracle_r2_iteration_");
    let points: Vec<&Metric> = run.quality.metrics.iter().filter(named).collect();
    let curve = run.file("curve.csv");
    let rows: Vec<Vec<&str>> = curve.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!(points.is_empty(), rows.len() == 2, "{curve}");
    for point in points {
        let (_, iteration) = point.name.rsplit_once('_').unwrap();
        let row = rows.iter().find(|row| row[0] == iteration).unwrap();
        assert_eq!(format!("{:.6}", point.value), row[1], "{point:?}");
    }
}

#[test]
fn both_methods_find_least_squares() {
    let iterations = |n: i64| ("iterations", OptionValue::Integer(n));
    let method = |name: &str| ("method", text(name));
    check(&[], 1e-9);
    check(&[("vector_length", OptionValue::Integer(64))], 1e-9);
    check(&[("parties", OptionValue::Integer(7))], 1e-9);
    check(&[("parties", OptionValue::Integer(1000))], 1e-9);
    // It converges: half of the rest is left by each step.
    check(&[method("gradient"), iterations(4)], 0.15);
    check(&[method("gradient"), iterations(30)], 1e-3);
    let short = ("vector_length", OptionValue::Integer(128));
    check(&[method("gradient"), iterations(30), short], 1e-3);
}

/// Rows with their targets are sent, whatever pads them; parties send moments.
#[test]
fn rows_are_the_data_that_are_sent() {
    #[track_caller]
    fn check(given: &[(&str, OptionValue)], expect: u64) {
        let run = run(&data(300), &options(given)).unwrap();
        assert_eq!(run.clear_values, expect, "{given:?}");
        assert_eq!(run.prepared.samples(), 200);
        let notes = run.quality.notes.join("; ");
        assert!(
            notes.contains("samples are the 200 training rows"),
            "{notes}"
        );
        assert!(!notes.contains("before encryption"), "{notes}");
    }
    check(&[], 200 * 5);
    check(&[("vector_length", OptionValue::Integer(64))], 200 * 5);
    check(&[("method", text("gradient"))], 200 * 5);
    check(&[("parties", OptionValue::Integer(7))], 7 * 6 * 7 / 2);
}

#[test]
fn one_step_is_the_correlations() {
    let given = [
        ("method", text("gradient")),
        ("iterations", OptionValue::Integer(1)),
    ];
    let run = run(&data(300), &options(&given)).unwrap();
    assert!(run.value("weight_error") < 1e-9, "{:?}", run.quality);
    assert_eq!(run.file("curve.csv").lines().count(), 2);
}

#[test]
fn a_saved_model_predicts_as_it_did() {
    let data = data(300);
    let trained = run(&data, &options(&[])).unwrap();
    let path = std::env::temp_dir().join(format!("least-squares-{}.json", std::process::id()));
    std::fs::write(&path, trained.file("model.json")).unwrap();
    let model = ("model", text(path.to_str().unwrap()));
    let inference = [("mode", text("inference")), model];
    let predicted = run(&data, &options(&inference)).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!((predicted.value("r2") - trained.value("r2")).abs() < 1e-9);
    let error = run(&data, &options(&inference)).err().unwrap().to_string();
    assert!(error.contains("give the path of a `model.json`"), "{error}");
}

#[track_caller]
fn refused(given: &[(&str, OptionValue)], expect: &str) {
    let error = run(&data(300), &options(given)).err().unwrap().to_string();
    assert!(error.contains(expect), "{error:?} lacks {expect:?}");
}

#[test]
fn bad_options_are_explained() {
    let (integer, number) = (OptionValue::Integer, OptionValue::Number);
    let gradient = ("method", text("gradient"));
    refused(&[("vector_length", integer(100))], "such as 128");
    refused(&[("vector_length", integer(8))], "padded to 8");
    refused(
        &[gradient.clone(), ("parties", integer(2))],
        "only `method = \"gram\"`",
    );
    refused(
        &[gradient, ("learning_rate", number(9.0))],
        "the descent diverges; lower `learning_rate`",
    );
}

#[test]
fn a_refusal_is_told_in_iterations() {
    let given = [
        ("method", text("gradient")),
        ("iterations", OptionValue::Integer(40)),
    ];
    let run = run(&data(300), &options(&given)).unwrap();
    let products = |program: &Program| program.counts().get(&OpKind::Mul).copied().unwrap_or(0);
    let most = products(run.prepared.program());
    let advice = run
        .prepared
        .fitting(&mut |smaller| products(smaller) < most / 2);
    assert!(advice.unwrap().contains("fits, 40 were asked for"));
}

/// A training value far out: the clipping error is how far the weights are from those that are found
/// without the clip, in deviations of the target.
#[test]
fn clipping_is_told_of_weights() {
    let mut far = data(300);
    far.features[[7, 1]] += 900.0;
    let run_with = |clip: f64| run(&far, &options(&[("clip", OptionValue::Number(clip))])).unwrap();
    let (clipped, whole) = (run_with(5.0), run_with(0.0));
    let weights = |run: &Run| run.outcome.outputs[0].column(0).to_vec();
    let pairs = weights(&clipped).into_iter().zip(weights(&whole));
    let moved = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let clipping = clipped.clipping;
    assert_eq!((clipping.values, clipping.columns), (1, 1));
    assert!(
        (clipping.error - moved).abs() < 1e-9,
        "{clipping:?} {moved}"
    );
    assert!(moved > 1e-3, "{moved}");
    let r2 = clipped.quality.metric("r2").unwrap().unclipped.unwrap();
    assert!((r2 - whole.value("r2")).abs() < 1e-9, "{r2}");
    assert_eq!((whole.clipping.values, whole.clipping.error), (0, 0.0));
}
