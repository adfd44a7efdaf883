//! Training under the plaintext scheme: every method against the same algorithm in the clear, what it
//! leaves, and what bad options lead to.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex};

use hexperiment_data::Dataset;
use hexperiment_program::{OpKind, OutputId, Program};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::{Ciphertexts, Evaluator, Parties, SchemeError};
use hexperiment_task::ledger::Quality;
use hexperiment_task::session::SessionReport;
use hexperiment_task::testkit::{Off, Testbed, samples};
use hexperiment_task::{Outcome, PrepareRequest, Prepared, Task, TaskError};
use ndarray::{Array1, Array2};
use scheme_plaintext::Plaintext;
use task_logistic_regression::LogisticRegression;

/// Two features of four tell something, one of them with noise.
fn data(rows: usize) -> Dataset {
    let noise = |i: usize, j: usize| ((i * 7919 + j * 104_729) % 1000) as f64 / 1000.0;
    let values = Array1::from_shape_fn(rows, |i| f64::from(u8::from(i % 3 == 0)));
    let features = Array2::from_shape_fn((rows, 4), |(i, j)| {
        let told = if j < 2 {
            0.3 * (j + 1) as f64 * values[i]
        } else {
            0.0
        };
        20.0 * (noise(i, j) + told)
    });
    samples(features, values)
}

fn text(x: &str) -> OptionValue {
    OptionValue::Text(x.into())
}

fn options(given: &[(&str, OptionValue)]) -> Options {
    let mode = [("mode", text("training"))];
    let given = mode
        .iter()
        .chain(given)
        .map(|(k, v)| ((*k).to_owned(), v.clone()));
    Options::with_defaults(&LogisticRegression.manifest().options, given)
}

struct Run {
    prepared: Box<dyn Prepared>,
    outcome: Outcome,
    quality: Quality,
    report: SessionReport,
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
    let run = run_on(data, options, |keys| keys)?;
    assert!(run.report.errors.violation.is_none());
    Ok(run)
}

/// Runs with the keys changed.
fn run_on(
    data: &Dataset,
    options: &Options,
    change: impl FnOnce(Parties) -> Parties,
) -> Result<Run, TaskError> {
    let prepared = LogisticRegression.prepare(PrepareRequest {
        options,
        data,
        seed: 1,
    })?;
    let mut testbed = Testbed::new(&Plaintext, prepared.program()).unwrap();
    testbed.keys = change(testbed.keys);
    let mut session = testbed.session();
    let outcome = prepared.run(&mut session)?;
    let report = session.finish();
    let quality = prepared.score(&outcome)?;
    Ok(Run {
        prepared,
        outcome,
        quality,
        report,
    })
}

/// Each way of training is the same algorithm in the clear, to rounding, and nearly as good as the
/// trainer in the clear.
#[track_caller]
fn check(given: &[(&str, OptionValue)], rounds: u32, decrypted_midway: u32) {
    let run = run(&data(300), &options(given)).unwrap();
    assert!(run.value("weight_error") < 1e-9, "{:?}", run.quality);
    // One step only leaves 0.042.
    assert!(
        run.value("auc_to_converged").abs() < 0.05,
        "{:?}",
        run.quality
    );
    assert!(run.value("auc") > 0.9, "{:?}", run.quality);
    assert_eq!(run.report.traffic.rounds, rounds);
    assert_eq!(run.report.traffic.decrypted_midway, decrypted_midway);
}

#[test]
fn every_method_is_the_algorithm_in_clear() {
    let method = |name: &str| ("method", text(name));
    let balanced = ("class_weight", text("balanced"));
    let short = ("vector_length", OptionValue::Integer(256));
    for degree in ["3", "5", "7"] {
        check(&[method("nesterov"), ("degree", text(degree))], 1, 0);
    }
    for iterations in [1, 2, 9] {
        let iterations = ("iterations", OptionValue::Integer(iterations));
        check(&[method("nesterov"), iterations], 1, 0);
    }
    check(&[method("nesterov"), balanced.clone(), short.clone()], 1, 0);
    check(
        &[method("nesterov"), ("alpha", OptionValue::Number(0.0))],
        1,
        0,
    );
    check(&[method("refresh")], 4, 3);
    check(&[method("refresh"), balanced.clone(), short.clone()], 4, 3);
    check(&[method("fixed-hessian")], 1, 0);
    check(&[method("fixed-hessian"), balanced, short], 1, 0);
    let steps = ("steps", OptionValue::Integer(3));
    check(&[method("fixed-hessian"), steps.clone()], 3, 2);
    let given = [
        steps,
        ("class_weight", text("balanced")),
        ("degree", text("7")),
    ];
    check(&[&[method("fixed-hessian")], &given[..]].concat(), 3, 2);
    let parties = ("parties", OptionValue::Integer(7));
    check(&[method("fixed-hessian"), parties], 1, 0);
}

/// What is sent is the rows with their labels, not what pads or repeats them, and the weights of
/// each epoch.
#[test]
fn rows_are_the_data_that_are_sent() {
    #[track_caller]
    fn check(given: &[(&str, OptionValue)], expect: u64) {
        let run = run(&data(300), &options(given)).unwrap();
        assert_eq!(run.report.traffic.clear_values, expect, "{given:?}");
        // Padded to 256 x 8.
        assert!(run.report.traffic.upload_bytes > 8 * expect);
        assert_eq!(run.prepared.samples(), 200);
        assert_eq!(run.quality.samples, 100);
        let notes = run.quality.notes.join("; ");
        assert!(
            notes.contains("samples are the 200 training rows"),
            "{notes}"
        );
        assert!(notes.contains("on 100 test rows"), "{notes}");
    }
    let method = |name: &str| ("method", text(name));
    let balanced = ("class_weight", text("balanced"));
    let rows = 200 * 5;
    check(&[method("nesterov")], rows);
    // Counted rows are the same data.
    check(&[method("nesterov"), balanced.clone()], rows);
    let short = ("vector_length", OptionValue::Integer(256));
    check(&[method("nesterov"), short], rows);
    check(&[method("refresh"), balanced], rows + 4 * 5);
    check(&[method("fixed-hessian")], rows);
    let steps = ("steps", OptionValue::Integer(3));
    check(&[method("fixed-hessian"), steps], rows + 3 * 5);
}

/// Test values are scored in the clear: none of them is moved before encryption.
#[test]
fn no_test_value_is_encrypted() {
    let mut data = data(300);
    for row in data.test.clone() {
        data.features[[row, 3]] *= 1.5;
    }
    let told = |mode: &str| {
        let run = run(&data, &options(&[("mode", text(mode))])).unwrap();
        run.report.errors.clipping.unwrap().values
    };
    assert!(told("inference") > 0);
    assert_eq!(told("training"), 0);
}

/// Notes what is asked of an evaluator.
struct Spy(Box<dyn Evaluator>, Arc<Mutex<Vec<Vec<usize>>>>);

impl Evaluator for Spy {
    fn evaluate(&self, inputs: &[Ciphertexts]) -> Result<Vec<Ciphertexts>, SchemeError> {
        self.1.lock().unwrap().push(vec![]);
        self.0.evaluate(inputs)
    }

    fn evaluate_only(
        &self,
        inputs: &[Ciphertexts],
        wanted: &[OutputId],
    ) -> Result<Vec<Ciphertexts>, SchemeError> {
        let places = wanted.iter().map(|output| output.index()).collect();
        self.1.lock().unwrap().push(places);
        self.0.evaluate_only(inputs, wanted)
    }
}

/// The first Newton step takes the moments, which are output 0, each further one the gradient.
#[test]
fn a_step_computes_what_it_needs() {
    let asked = Arc::new(Mutex::new(vec![]));
    let given = [
        ("method", text("fixed-hessian")),
        ("steps", OptionValue::Integer(3)),
    ];
    let run = run_on(&data(300), &options(&given), |mut keys| {
        keys.evaluator = Box::new(Spy(keys.evaluator, asked.clone()));
        keys
    });
    assert!(run.unwrap().value("weight_error") < 1e-9);
    assert_eq!(*asked.lock().unwrap(), [[0], [1], [1]]);
}

/// Weights come back times the number of rows, and gradients too: errors are those of one.
#[test]
fn errors_are_in_the_weights_unit() {
    for method in ["nesterov", "refresh"] {
        let given = [
            ("method", text(method)),
            ("iterations", OptionValue::Integer(1)),
        ];
        let run = run_on(&data(300), &options(&given), |mut keys| {
            keys.decryptor = Box::new(Off(keys.decryptor, 0.5));
            keys
        });
        let errors = run.unwrap().report.errors;
        assert!((errors.max_abs - 0.5 / 200.0).abs() < 1e-12, "{errors:?}");
        assert!((errors.noise - 0.5 / 200.0).abs() < 1e-12, "{errors:?}");
        // Tolerances are of what is decrypted.
        let violation = errors.violation.unwrap();
        let off = violation.received - violation.expected;
        assert!((off - 0.5).abs() < 1e-9, "{violation:?}");
    }
}

#[test]
fn folds_score_every_row() {
    for method in ["nesterov", "fixed-hessian", "refresh"] {
        let folds = ("folds", OptionValue::Integer(3));
        let run = run(&data(300), &options(&[("method", text(method)), folds])).unwrap();
        assert_eq!(run.quality.samples, 300);
        let midway = run.report.traffic.decrypted_midway;
        assert_eq!(midway > 0, method == "refresh", "{method}: {midway}");
        assert!(run.value("weight_error") < 1e-9, "{:?}", run.quality);
        assert!(run.value("auc") > 0.8, "{:?}", run.quality);
        let files = run.prepared.artefacts(&run.outcome).unwrap();
        assert!(files.iter().all(|f| f.name != "model.json"));
    }
}

#[test]
fn curves_say_whose_they_are() {
    let curve = |method: &str| {
        let run = run(&data(300), &options(&[("method", text(method))])).unwrap();
        let text = run.file("curve.csv");
        let rows: Vec<Vec<String>> = text
            .lines()
            .map(|l| l.split(',').map(String::from).collect())
            .collect();
        // The records tell the same, by the same owners.
        for row in &rows[1..] {
            let (owner, auc) = match row[3].as_str() {
                "" => ("oracle_", &row[1]),
                _ => ("", &row[3]),
            };
            let value = run.value(&format!("{owner}auc_iteration_{}", row[0]));
            assert_eq!(&format!("{value:.6}"), auc, "{row:?}");
        }
        rows
    };
    let nesterov = curve("nesterov");
    assert_eq!(nesterov[0][1], "oracle_auc");
    assert_eq!(nesterov.len(), 5);
    assert!(nesterov[3][3].is_empty() && nesterov[4][3] == nesterov[4][1]);
    let refresh = curve("refresh");
    assert!(
        refresh[1..].iter().all(|row| row[3] == row[1]),
        "{refresh:?}"
    );
    assert_eq!(curve("fixed-hessian").len(), 2);
}

#[test]
fn a_saved_model_scores_as_it_did() {
    let data = data(300);
    let run_ = run(&data, &options(&[("degree", text("5"))])).unwrap();
    let path = std::env::temp_dir().join(format!("trained-{}.json", std::process::id()));
    std::fs::write(&path, run_.file("model.json")).unwrap();
    let path_text = path.to_str().unwrap().to_owned();
    let inference = |given: &[(&str, OptionValue)]| {
        let mode = [("mode", text("inference")), ("model", text(&path_text))];
        let given: Vec<_> = mode.iter().chain(given).cloned().collect();
        run(&data, &options(&given))
    };
    let scored = inference(&[]).unwrap();
    assert!((scored.value("auc") - run_.value("auc")).abs() < 1e-12);
    let both = inference(&[("features", OptionValue::Integer(2))]);
    let error = both.err().unwrap().to_string();
    assert!(error.contains("`model` has its own"), "{error}");
    let mut renamed = data.clone();
    renamed.columns[1] = "z".into();
    let given = [("mode", text("inference")), ("model", text(&path_text))];
    let error = run(&renamed, &options(&given)).err().unwrap().to_string();
    assert!(error.contains("has no column `b`"), "{error}");
    std::fs::write(&path, "{}").unwrap();
    let error = inference(&[]).err().unwrap().to_string();
    assert!(error.contains("is no saved model"), "{error}");
    std::fs::remove_file(&path).unwrap();
}

#[track_caller]
fn refused(given: &[(&str, OptionValue)], expect: &str) {
    let error = run(&data(300), &options(given)).err().unwrap().to_string();
    assert!(error.contains(expect), "{error:?} lacks {expect:?}");
}

#[test]
fn bad_options_are_explained() {
    let (integer, number) = (OptionValue::Integer, OptionValue::Number);
    refused(&[("vector_length", integer(1000))], "such as 1024");
    refused(&[("vector_length", integer(8))], "padded to 8");
    refused(&[("folds", integer(1))], "nothing to train on");
    refused(&[("steps", integer(3))], "`steps = 3`: only");
    refused(&[("parties", integer(3))], "`parties = 3` send moments");
    refused(
        &[("learning_rate", number(60.0)), ("iterations", integer(9))],
        "lower `learning_rate`",
    );
    refused(
        &[("sigmoid_range", number(0.5))],
        "beyond the sigmoid's range of 0.5",
    );
    let mut few = data(300);
    few.target.as_mut().unwrap().values =
        Array1::from_shape_fn(300, |i| f64::from(u8::from(i < 5)));
    let folds = options(&[("folds", integer(6))]);
    let error = run(&few, &folds).err().unwrap().to_string();
    assert!(
        error.contains("5 rows have the target 1, for 6 folds"),
        "{error}"
    );
    let mut one = data(300);
    one.target.as_mut().unwrap().values.fill(1.0);
    let error = run(&one, &options(&[])).err().unwrap().to_string();
    assert!(error.contains("one class only"), "{error}");
}

/// Ranges stay those of numbers however many iterations are asked for, so that it is a scheme that
/// refuses, and says how many it takes; and where a class is rare.
#[test]
fn many_iterations_and_rare_classes_have_ranges() {
    let many = [("iterations", OptionValue::Integer(150))];
    let run_ = run(&data(300), &options(&many)).unwrap();
    assert!(run_.value("weight_error") < 1e-9, "{:?}", run_.quality);
    let mut rare = data(600);
    let target = rare.target.as_mut().unwrap();
    target.values = Array1::from_shape_fn(600, |i| f64::from(u8::from(i % 60 == 0)));
    for method in ["nesterov", "refresh", "fixed-hessian"] {
        let given = [
            ("method", text(method)),
            ("class_weight", text("balanced")),
            ("learning_rate", OptionValue::Number(0.5)),
        ];
        let run = run(&rare, &options(&given)).unwrap();
        assert!(run.value("weight_error") < 1e-9, "{:?}", run.quality);
    }
}

/// What follows from the rows and is public all the same is said.
#[test]
fn the_server_sees_what_the_program_shows() {
    let sees = |given: &[(&str, OptionValue)]| {
        let prepared = LogisticRegression.prepare(PrepareRequest {
            options: &options(given),
            data: &data(300),
            seed: 1,
        });
        prepared.unwrap().server_sees().unwrap()
    };
    let derived = "about how large inner products";
    assert!(sees(&[]).contains(derived));
    assert!(!sees(&[]).contains("class"));
    let given = ("sigmoid_range", OptionValue::Number(9.0));
    assert!(!sees(&[given]).contains(derived));
    let balanced = ("class_weight", text("balanced"));
    assert!(sees(&[balanced]).contains("the share of the rarer class"));
    let refresh = sees(&[("method", text("refresh"))]);
    assert!(refresh.contains("takes part in every epoch"), "{refresh}");
}

#[test]
fn a_refusal_is_told_in_iterations() {
    let given = [("iterations", OptionValue::Integer(12))];
    let run = run(&data(300), &options(&given)).unwrap();
    let products = |program: &Program| program.counts().get(&OpKind::Mul).copied().unwrap_or(0);
    let most = products(run.prepared.program());
    let advice = run
        .prepared
        .fitting(&mut |smaller| products(smaller) < most / 2);
    let advice = advice.unwrap();
    assert!(
        advice.contains("an iteration takes 3 levels: `iterations = 6` fits, 12"),
        "{advice}"
    );
    assert_eq!(run.prepared.fitting(&mut |_| false), None);
}

fn weights(run: &Run) -> Vec<f64> {
    let model: serde_json::Value = serde_json::from_str(&run.file("model.json")).unwrap();
    let sensors = model["sensors"].as_array().unwrap().iter();
    let weights = sensors.map(|s| s["weight"].as_f64().unwrap());
    weights.chain(model["intercept"].as_f64()).collect()
}

/// A training value far out: what clipping it does to the model is how far the weights are from those
/// that are found without the clip. A value of a row to be scored counts with a loaded model, too.
#[test]
fn clipping_is_told_of_weights_and_of_loaded_models() {
    let mut far = data(300);
    far.features[[7, 1]] += 300.0;
    // Its first step has no polynomial, and so no range.
    let method = ("method", text("fixed-hessian"));
    let run_with = |clip: f64| {
        let clip = ("clip", OptionValue::Number(clip));
        run(&far, &options(&[method.clone(), clip])).unwrap()
    };
    let (clipped, whole) = (run_with(5.0), run_with(0.0));
    let pairs = weights(&clipped).into_iter().zip(weights(&whole));
    let moved = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let clipping = clipped.report.errors.clipping.unwrap();
    assert_eq!((clipping.values, clipping.columns), (1, 1));
    assert!(
        (clipping.error - moved).abs() < 1e-6,
        "{clipping:?} {moved}"
    );
    assert!(moved > 1e-3, "{moved}");
    let auc = clipped.quality.metric("auc").unwrap().unclipped.unwrap();
    assert!((auc - whole.value("auc")).abs() < 1e-9, "{auc}");
    assert_eq!(whole.report.errors.clipping.unwrap().values, 0);

    let path = std::env::temp_dir().join(format!("clipped-{}.json", std::process::id()));
    std::fs::write(&path, clipped.file("model.json")).unwrap();
    let mut later = data(300);
    later.features[[250, 0]] += 1e3;
    let loaded = [
        ("mode", text("inference")),
        ("model", text(path.to_str().unwrap())),
    ];
    let scored = run(&later, &options(&loaded)).unwrap();
    std::fs::remove_file(&path).unwrap();
    let clipping = scored.report.errors.clipping.unwrap();
    assert!(clipping.values >= 1 && clipping.error > 0.0, "{clipping:?}");
    assert!(clipping.largest_move > 10.0, "{clipping:?}");
}
