//! The whole protocol under the plaintext scheme, and what bad data lead to.

use hexperiment_core::dataset::{Dataset, MissingPolicy, Provenance, Target};
use hexperiment_core::options::{OptionValue, Options};
use hexperiment_core::program::lower::lower;
use hexperiment_core::registry;
use hexperiment_core::scheme::CompileRequest;
use hexperiment_core::security::SecurityDemand;
use hexperiment_core::session::Session;
use hexperiment_core::task::{PrepareRequest, Quality, Task, TaskError};
use ndarray::{Array1, Array2};
use scheme_plaintext as _;
use task_logistic_regression::LogisticRegression;

fn data(rows: usize, target: impl Fn(usize) -> f64) -> Dataset {
    let values = Array1::from_shape_fn(rows, &target);
    let features = Array2::from_shape_fn((rows, 4), |(i, j)| {
        let noise = ((i * 7919 + j * 104_729) % 1000) as f64 / 1000.0;
        noise + if j == 1 { 0.8 * values[i] } else { 0.0 }
    });
    Dataset {
        name: "made".into(),
        columns: ["a", "b", "c", "d"].map(String::from).to_vec(),
        features,
        target: Some(Target {
            name: "y".into(),
            values,
        }),
        labels: vec![],
        train: (0..rows * 2 / 3).collect(),
        test: (rows * 2 / 3..rows).collect(),
        missing: MissingPolicy::Refuse,
        provenance: Provenance::default(),
    }
}

fn options(given: &[(&str, OptionValue)]) -> Options {
    let given = given.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
    Options::with_defaults(&LogisticRegression.manifest().options, given)
}

fn run(data: &Dataset, options: &Options) -> Result<Quality, TaskError> {
    let prepared = LogisticRegression.prepare(PrepareRequest {
        options,
        data,
        seed: 1,
    })?;
    let scheme = registry::scheme("plaintext").unwrap();
    let none = Options::default();
    let lowered = lower(prepared.program(), &scheme.capabilities(&none).unwrap()).unwrap();
    let security = SecurityDemand {
        bits: 128,
        insecure: false,
    };
    let circuit = scheme
        .compile(CompileRequest {
            lowered: &lowered,
            options: &none,
            security,
            threads: 1,
        })
        .unwrap();
    let keys = circuit.generate_keys().unwrap();
    let mut session = Session::new(circuit.as_ref(), &lowered, &keys);
    let outcome = prepared.run(&mut session)?;
    let report = session.finish();
    assert_eq!(report.traffic.rounds, 1);
    assert_eq!(report.errors.noise, 0.0);
    assert!(report.errors.violation.is_none());
    prepared.score(&outcome)
}

#[test]
fn every_output_scores_as_the_model_in_clear() {
    let data = data(300, |i| f64::from(u8::from(i % 3 == 0)));
    for output in ["logit", "probability", "class"] {
        let quality = run(
            &data,
            &options(&[("output", OptionValue::Text(output.into()))]),
        )
        .unwrap();
        assert_eq!(quality.samples, 100);
        for metric in &quality.metrics {
            assert_eq!(
                Some(metric.value),
                metric.plaintext,
                "{output} {}",
                metric.name
            );
        }
        assert!(quality.metric("auc").unwrap().value > 0.8, "{quality:?}");
    }
}

#[test]
fn the_telling_feature_is_enough() {
    let data = data(300, |i| f64::from(u8::from(i % 3 == 0)));
    let one = run(&data, &options(&[("features", OptionValue::Integer(1))])).unwrap();
    assert!(one.metric("auc").unwrap().value > 0.8, "{one:?}");
}

#[track_caller]
fn refused(data: &Dataset, options: &Options, expect: &str) {
    let error = run(data, options).unwrap_err().to_string();
    assert!(error.contains(expect), "{error:?} lacks {expect:?}");
}

#[test]
fn bad_data_are_explained() {
    let fine = |i: usize| f64::from(u8::from(i % 3 == 0));
    let defaults = options(&[]);
    refused(&data(30, |_| 1.0), &defaults, "one class only");
    refused(&data(30, |i| i as f64), &defaults, "expected 0 and 1");
    let mut none = data(30, fine);
    none.target = None;
    refused(&none, &defaults, "has no target column");
    let mut gap = data(30, fine);
    gap.features[[3, 2]] = f64::NAN;
    refused(&gap, &defaults, "row 3, column `c`");
    let mut empty = data(30, fine);
    empty.test.clear();
    refused(&empty, &defaults, "the test part has no rows");
    refused(
        &data(30, fine),
        &options(&[("features", OptionValue::Integer(9))]),
        "the data have 4",
    );
}
