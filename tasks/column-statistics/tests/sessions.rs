//! The whole protocol under the plaintext scheme, and what bad data lead to.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hexperiment_data::{Dataset, MissingPolicy, Provenance, Target};
use hexperiment_program::{OpKind, Program};
use hexperiment_scheme::options::OptionValue;
use hexperiment_task::testkit::{self, Off, Testbed};
use hexperiment_task::{Outcome, Prepared, TaskError};
use ndarray::array;
use scheme_plaintext::Plaintext;
use task_column_statistics::ColumnStatistics;

/// Column `a` in hundreds, the target `y` in hundredths; the last four rows are the test part,
/// of which only the last value of `a` is beyond the training part's.
fn data() -> Dataset {
    Dataset {
        name: "made".into(),
        columns: vec!["a".into()],
        features: array![
            [100.0],
            [500.0],
            [300.0],
            [100.0],
            [200.0],
            [300.0],
            [600.0]
        ],
        target: Some(Target {
            name: "y".into(),
            values: array![0.01, 0.02, 0.06, 0.05, 0.05, 0.05, 0.01],
        }),
        labels: vec![],
        train: vec![0, 1, 2],
        test: vec![3, 4, 5, 6],
        missing: MissingPolicy::Refuse,
        provenance: Provenance::default(),
    }
}

fn squares_by(party: &str) -> (&'static str, OptionValue) {
    ("squares", OptionValue::Text(party.into()))
}

fn margin(share: f64) -> (&'static str, OptionValue) {
    ("range_margin", OptionValue::Number(share))
}

fn prepare(data: &Dataset, given: &[(&str, OptionValue)]) -> Result<Box<dyn Prepared>, TaskError> {
    testkit::prepare(&ColumnStatistics, data, given)
}

/// What comes back under the plaintext scheme, and how many tables went out.
fn run(prepared: &dyn Prepared) -> (Outcome, usize) {
    let testbed = Testbed::new(&Plaintext, prepared.program()).unwrap();
    let mut session = testbed.session();
    let outcome = prepared.run(&mut session).unwrap();
    assert_eq!(session.finish().traffic.rounds, 1);
    (outcome, prepared.program().inputs().len())
}

/// The file that is left: by line and field, the column's name left out.
fn statistics(prepared: &dyn Prepared, outcome: &Outcome) -> Vec<(String, Vec<f64>)> {
    let mut files = prepared.artefacts(outcome).unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].name, "statistics.csv");
    let text = String::from_utf8(files.remove(0).bytes).unwrap();
    let mut lines = text.lines();
    let head = "column,mean,variance,mean_in_clear,variance_in_clear";
    assert_eq!(lines.next(), Some(head));
    let fields = |line: &str| {
        let (name, numbers) = line.split_once(',').unwrap();
        let numbers = numbers.split(',').map(|x| x.parse().unwrap());
        (name.to_owned(), numbers.collect())
    };
    lines.map(fields).collect()
}

#[track_caller]
fn near(got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{got:?}");
    for (got, want) in got.iter().zip(want) {
        let room = 1e-12 * want.abs();
        assert!((got - want).abs() <= room, "{got} is not {want}");
    }
}

/// By hand: of 100, 200, 300, 600 the mean is 300 and the sample variance 140000 / 3; of 0.05
/// three times and 0.01 they are 0.04 and 0.0012 / 3. Who squares makes no difference.
#[test]
fn moments_are_in_the_columns_units() {
    for (party, inputs) in [("client", 2), ("server", 1)] {
        let prepared = prepare(&data(), &[squares_by(party)]).unwrap();
        let (outcome, sent) = run(prepared.as_ref());
        assert_eq!(sent, inputs, "{party}");
        let found = statistics(prepared.as_ref(), &outcome);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "y"], "{party}");
        let variance = 140_000.0 / 3.0;
        near(&found[0].1, &[300.0, variance, 300.0, variance]);
        near(&found[1].1, &[0.04, 0.0004, 0.04, 0.0004]);

        let quality = prepared.score(&outcome).unwrap();
        assert_eq!(quality.samples, 4);
        let told = quality.notes.iter().any(|n| n.contains("client squares"));
        assert_eq!(told, party == "client", "{quality:?}");
        for name in ["variance_error", "mean_error"] {
            let metric = quality.metric(name).unwrap();
            assert!(metric.value < 1e-12, "{metric:?}");
            assert_eq!((metric.plaintext, metric.unclipped), (Some(0.0), None));
        }
        let products = prepared.program().counts().get(&OpKind::Square).copied();
        assert_eq!(products.unwrap_or(0), 4 - 2 * inputs, "{party}");
        assert_eq!(prepared.client_computes(), ["variance"]);
    }
}

/// Without a margin 600 becomes 500: the mean is 275, a quarter of 100 too low, and the reader is
/// told. The training part's deviation is the unit: the root of (200² + 200²) / 3.
#[test]
fn what_a_range_costs_is_in_the_metrics() {
    let prepared = prepare(&data(), &[margin(0.0), squares_by("server")]).unwrap();
    let (outcome, _) = run(prepared.as_ref());
    // The least room of a range, a thousandth of a unit at either end, is not lost.
    let unit = (80_000.0_f64 / 3.0).sqrt();
    let lost = (100.0 - 1e-3 * unit) / 4.0;
    near(
        &statistics(prepared.as_ref(), &outcome)[0].1[..1],
        &[300.0 - lost],
    );
    let quality = prepared.score(&outcome).unwrap();
    near(
        &[quality.metric("mean_error").unwrap().value],
        &[lost / unit],
    );
    assert!(quality.metric("variance_error").unwrap().value > 0.1);
    // The range costs as much in the clear; of values as they were nothing is lost.
    for metric in &quality.metrics {
        near(&[metric.value], &[metric.plaintext.unwrap()]);
        assert_eq!(metric.unclipped, Some(0.0), "{metric:?}");
    }
    let testbed = Testbed::new(&Plaintext, prepared.program()).unwrap();
    let mut session = testbed.session();
    prepared.run(&mut session).unwrap();
    let errors = session.finish().errors;
    let clipping = errors.clipping.unwrap();
    assert_eq!((clipping.values, clipping.columns), (1, 1));
    near(&[clipping.largest_move], &[100.0 / unit - 1e-3]);
    // Each output by its own: in standard deviations, and in their squares.
    let of = |place: usize| errors.outputs[place].clipping;
    near(&[of(0)], &[lost / unit]);
    let (high, mean) = (600.0 - 300.0, 100.0 / unit - 1e-3);
    let squares = ((high / unit).powi(2) - (high / unit - mean).powi(2)) / 4.0;
    near(&[of(1)], &[squares]);
    assert_eq!(clipping.error, of(1).max(of(0)));
}

/// A result that is no number is no perfect one.
#[test]
fn nan_is_the_greatest_error() {
    let prepared = prepare(&data(), &[]).unwrap();
    let (mut outcome, _) = run(prepared.as_ref());
    outcome.outputs[1][[0, 0]] = f64::NAN;
    let quality = prepared.score(&outcome).unwrap();
    assert!(quality.metric("variance_error").unwrap().value.is_nan());
    assert!(quality.metric("mean_error").unwrap().value < 1e-12);
}

#[test]
fn constant_columns_are_left_out_by_name() {
    let mut data = data();
    data.features.slice_mut(ndarray::s![..3, ..]).fill(7.0);
    let prepared = prepare(&data, &[]).unwrap();
    let (outcome, _) = run(prepared.as_ref());
    assert_eq!(statistics(prepared.as_ref(), &outcome).len(), 1);
    let notes = prepared.score(&outcome).unwrap().notes;
    assert!(notes[0].contains("constant in the training part") && notes[0].ends_with("`a`"));
}

/// A scheme that refuses products is told what would do, if it does.
#[test]
fn a_refusal_names_what_fits() {
    let no_products = |program: &Program| !program.counts().contains_key(&OpKind::Square);
    let advice = |party: &str, fits: bool| {
        let prepared = prepare(&data(), &[squares_by(party)]).unwrap();
        prepared.fitting(&mut |program| fits && no_products(program))
    };
    let found = advice("server", true).unwrap();
    assert!(found.starts_with("`squares = \"client\"` fits"), "{found}");
    assert_eq!(advice("server", false), None);
    assert_eq!(advice("client", true), None);
}

#[test]
fn bad_data_are_explained() {
    #[track_caller]
    fn check(change: impl Fn(&mut Dataset), expect: &[&str]) {
        let mut data = data();
        change(&mut data);
        let error = prepare(&data, &[]).err().unwrap().to_string();
        for words in expect {
            assert!(error.contains(words), "{error:?} lacks {words:?}");
        }
    }
    check(|d| d.test.truncate(1), &["1 row, expected two", "`limit`"]);
    check(|d| d.target = None, &["no target column", "target = "]);
    check(
        |d| d.train.truncate(1),
        &["every column is constant", "test_fraction"],
    );
    let gap = |d: &mut Dataset| d.features[[4, 0]] = f64::NAN;
    check(gap, &["1 value is missing", "column `a`", "drop-rows"]);
    let kept = |d: &mut Dataset| {
        gap(d);
        d.missing = MissingPolicy::Keep;
    };
    check(
        kept,
        &["missing or not finite", "`a`", "missing = \"median\""],
    );
}

/// Bits are of each output by its own magnitude; the row shows the fewest. Off by 2^-10 throughout, a
/// mean keeps fewer than the larger mean of squares.
#[test]
fn precision_is_of_each_output() {
    let prepared = prepare(&data(), &[squares_by("server")]).unwrap();
    let mut testbed = Testbed::new(&Plaintext, prepared.program()).unwrap();
    testbed.keys.decryptor = Box::new(Off(testbed.keys.decryptor, 2.0_f64.powi(-10)));
    let mut session = testbed.session();
    prepared.run(&mut session).unwrap();
    let errors = session.finish().errors;
    let names: Vec<&str> = errors.outputs.iter().map(|o| o.output.as_str()).collect();
    assert_eq!(names, ["means", "means of squares"]);
    let bits = |place: usize| errors.outputs[place].precision_bits();
    for (place, output) in errors.outputs.iter().enumerate() {
        near(&[bits(place)], &[10.0 + output.magnitude.log2()]);
    }
    assert!(bits(1) > bits(0) + 0.5, "{errors:?}");
    assert_eq!(errors.precision_bits, bits(0));
}
