//! The whole pipeline under the plaintext scheme, on made series and on the real ones.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hexperiment_data::{Dataset, DatasetRequest, DatasetSource, Label, MissingPolicy};
use hexperiment_program::OpKind;
use hexperiment_scheme::options::OptionValue;
use hexperiment_task::ledger::Quality;
use hexperiment_task::testkit::{self, Given, Ran, file, samples};
use hexperiment_task::{Artefact, Prepared, TaskError};
use ndarray::{Array1, Array2};
use scheme_plaintext::Plaintext;
use task_anomaly_detection::AnomalyDetection;

/// Sensors of which `b` tells, in units far apart, every seventh value missing and longer gaps
/// at the beginning and at the end.
fn data(rows: usize) -> Dataset {
    let target = Array1::from_shape_fn(rows, |i| f64::from(u8::from(i * i % 11 == 4)));
    let features = Array2::from_shape_fn((rows, 4), |(i, j)| {
        let noise = ((i * 7919 + j * 104_729) % 1000) as f64 / 1000.0;
        let value = noise + if j == 1 { 0.9 * target[i] } else { 0.0 };
        let gap = (i * 5 + j * 3) % 7 == 0 || (j == 2 && (i < 3 || i + 2 >= rows));
        let unit = 10.0_f64.powi(2 * j as i32 - 3);
        if gap { f64::NAN } else { unit * (value + 20.0) }
    });
    Dataset {
        labels: vec![Label {
            name: "time".into(),
            values: (0..rows).map(|i| format!("day {i}, noon")).collect(),
        }],
        missing: MissingPolicy::Keep,
        ..samples(features, target)
    }
}

fn text(x: &str) -> OptionValue {
    OptionValue::Text(x.into())
}

fn prepare(data: &Dataset, given: Given<'_>) -> Result<Box<dyn Prepared>, TaskError> {
    testkit::prepare(&AnomalyDetection, data, given)
}

fn run(data: &Dataset, given: Given<'_>) -> Result<(Quality, Vec<Artefact>), TaskError> {
    let (quality, files, _) = run_and_count(data, given)?;
    Ok((quality, files))
}

/// Runs; yields also how many numbers of data were sent.
fn run_and_count(
    data: &Dataset,
    given: Given<'_>,
) -> Result<(Quality, Vec<Artefact>, u64), TaskError> {
    let ran = Ran::new(&Plaintext, prepare(data, given)?.as_ref())?;
    assert_eq!(ran.report.traffic.rounds, 1);
    assert!(ran.report.errors.violation.is_none());
    Ok((ran.quality, ran.files, ran.report.traffic.clear_values))
}

fn value(quality: &Quality, name: &str) -> f64 {
    quality.metric(name).unwrap().value
}

/// The program computes what interpolation, standardisation and score in the clear do.
#[test]
fn one_program_equals_the_pipeline_in_clear() {
    let data = data(200);
    for layout in ["series", "gathered"] {
        for folds in [0, 4] {
            for features in [0, 2] {
                let given = [
                    ("layout", text(layout)),
                    ("folds", OptionValue::Integer(folds)),
                    ("features", OptionValue::Integer(features)),
                ];
                let (quality, files) = run(&data, &given).unwrap();
                let error = value(&quality, "max_score_error");
                assert!(error < 1e-12, "{layout} {folds} {features}: {error}");
                assert_eq!(quality.samples, 200);
                assert!(value(&quality, "auc") > 0.85, "{quality:?}");
                assert_eq!(value(&quality, "agreement"), 1.0);
                let lines: Vec<&str> = file(&files, "anomalies.csv").lines().collect();
                assert_eq!(lines.len(), 201);
                assert_eq!(lines[0], "timestamp,score,flag,part");
                assert!(lines[5].starts_with("\"day 4, noon\","), "{}", lines[5]);
            }
        }
    }
}

/// Values that are there are sent, once each: neither gaps nor padding, nor a neighbour again.
#[test]
fn observed_values_are_the_data_that_are_sent() {
    let data = data(200);
    let observed = data.features.iter().filter(|x| !x.is_nan()).count();
    for (layout, folds) in [
        ("series", 0),
        ("series", 4),
        ("gathered", 0),
        ("gathered", 4),
    ] {
        let given = [
            ("layout", text(layout)),
            ("folds", OptionValue::Integer(folds)),
        ];
        let (.., sent) = run_and_count(&data, &given).unwrap();
        assert_eq!(sent, observed as u64, "{layout} {folds}");
    }
}

/// A sensor with a value that leaves nothing of the others is named.
#[test]
fn outliers_that_squeeze_a_sensor_are_named() {
    let mut data = data(200);
    let names = |data: &Dataset| run(data, &[]).unwrap().0.notes.join("; ");
    assert!(!names(&data).contains("squeezed"));
    data.features[[7, 1]] = 1e308;
    let notes = names(&data);
    let name = &data.columns[1];
    assert!(
        notes.contains(&format!("such as 1e308 in `{name}`")),
        "{notes}"
    );
}

/// Operations of a kind in a task's program.
fn count(prepared: &dyn Prepared, kind: OpKind) -> usize {
    let values = prepared.program().values();
    values.iter().filter(|v| v.op().kind() == kind).count()
}

#[test]
fn layouts_differ_in_what_they_need_and_show() {
    let data = data(200);
    let series = prepare(&data, &[]).unwrap();
    let gathered = prepare(&data, &[("layout", text("gathered"))]).unwrap();
    assert_eq!(series.program().inputs()[0].length, 256);
    assert_eq!(series.program().inputs()[0].columns.len(), 4);
    // Gaps of one value, and at the edges longer ones.
    assert!((2..=8).contains(&count(series.as_ref(), OpKind::Shift)));
    assert_eq!(count(gathered.as_ref(), OpKind::Shift), 0);
    assert_eq!(gathered.program().inputs()[0].length, 200);
    assert!(
        series
            .server_sees()
            .unwrap()
            .contains("where values are missing")
    );
    assert!(gathered.server_sees().unwrap().contains("not where"));
}

#[test]
fn a_wanted_alarm_rate_sets_the_threshold() {
    let data = data(300);
    for rate in [0.1, 0.3] {
        let given = [
            ("alarm_rate", OptionValue::Number(rate)),
            ("folds", OptionValue::Integer(5)),
        ];
        let (quality, _) = run(&data, &given).unwrap();
        let alarms = value(&quality, "alarm_rate");
        assert!((alarms - rate).abs() < 0.06, "{alarms}");
    }
}

/// Training and scoring in two runs, on different rows, with other columns beside.
#[test]
fn a_detector_is_saved_and_scores_other_data() {
    let all = data(200);
    let (_, files) = run(&all, &[("features", OptionValue::Integer(2))]).unwrap();
    let whole: Vec<String> = file(&files, "anomalies.csv")
        .lines()
        .map(String::from)
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    std::fs::write(&path, file(&files, "model.json")).unwrap();
    let model = ("model", text(path.to_str().unwrap()));

    let mut few = all.clone();
    few.features = all.features.slice(ndarray::s![10..40, ..]).to_owned();
    few.labels[0].values = all.labels[0].values[10..40].to_vec();
    few.target = None;
    few.train = vec![];
    few.test = (0..30).collect();
    for layout in ["series", "gathered"] {
        let (quality, files) = run(&few, &[model.clone(), ("layout", text(layout))]).unwrap();
        assert!(quality.metric("auc").is_none() && quality.metric("alarm_rate").is_some());
        let lines: Vec<&str> = file(&files, "anomalies.csv").lines().collect();
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(lines.len(), 31);
        // What was not trained here is not saved again.
        assert_eq!(names, ["anomalies.csv", "gaps.csv"]);
        // Rows whose neighbours are all there have the score that they had.
        let score = |line: &str| line.rsplit(',').nth(2).unwrap().to_owned();
        let same = (1..30).filter(|i| score(lines[*i]) == score(&whole[i + 10]));
        assert!(same.count() >= 25);
    }
    refused(
        &few,
        &[model.clone(), ("alarm_rate", OptionValue::Number(0.1))],
        "`alarm_rate = 0.1` has no meaning beside `model`",
    );
    // A single row needs no neighbour if nothing is missing in it.
    let mut one = few.clone();
    let whole_row = (0..30).find(|i| few.features.row(*i).iter().all(|x| !x.is_nan()));
    let row = whole_row.unwrap();
    one.features = few.features.slice(ndarray::s![row..=row, ..]).to_owned();
    one.labels[0].values.truncate(1);
    one.test.truncate(1);
    for layout in ["series", "gathered"] {
        let (quality, files) = run(&one, &[model.clone(), ("layout", text(layout))]).unwrap();
        assert_eq!(quality.samples, 1);
        assert_eq!(file(&files, "anomalies.csv").lines().count(), 2);
    }
    one.features.fill(f64::NAN);
    refused(&one, std::slice::from_ref(&model), "column `");
    refused(
        &one,
        std::slice::from_ref(&model),
        "score more rows together",
    );
    few.columns[1] = "z".into();
    refused(&few, std::slice::from_ref(&model), "no column `b`");
    refused(
        &few,
        &[model, ("folds", OptionValue::Integer(3))],
        "give one of them",
    );
}

/// Data without gaps get some.
#[test]
fn values_can_be_hidden() {
    let mut whole = data(200);
    whole
        .features
        .mapv_inplace(|x| if x.is_nan() { 0.0 } else { x });
    let gaps = |share: f64| {
        let (quality, _) = run(&whole, &[("hidden_share", OptionValue::Number(share))]).unwrap();
        assert!(value(&quality, "max_score_error") < 1e-12);
        value(&quality, "gaps")
    };
    assert_eq!((gaps(0.0), gaps(0.1)), (0.0, 80.0));
}

#[track_caller]
fn refused(data: &Dataset, given: Given<'_>, expect: &str) {
    let error = run(data, given).unwrap_err().to_string();
    assert!(error.contains(expect), "{error:?} lacks {expect:?}");
}

#[test]
fn bad_data_are_explained() {
    let fine = data(60);
    refused(
        &fine,
        &[("features", OptionValue::Integer(9))],
        "found 4 sensors",
    );
    refused(
        &fine,
        &[("folds", OptionValue::Integer(1))],
        "leaves nothing to train on",
    );
    refused(&fine, &[("model", text("nowhere.json"))], "nowhere.json");
    let mut bad = fine.clone();
    bad.target = None;
    refused(&bad, &[], "has no target");
    bad = fine.clone();
    bad.features.column_mut(3).fill(f64::NAN);
    refused(&bad, &[], "column `d`: found no valid value");
    bad = fine.clone();
    bad.missing = MissingPolicy::Median;
    refused(&bad, &[], "missing = \"keep\"");
    bad = fine.clone();
    bad.test.clear();
    bad.train = (0..60).collect();
    refused(&bad, &[], "the test part has no rows");
    refused(&data(8), &[], "one class only");
    bad = data(3);
    bad.features.fill(1.0);
    (bad.train, bad.test) = (vec![0], vec![1, 2]);
    refused(&bad, &[], "one class only: each of its 1 targets");
}

/// What a row outside the training part holds moves neither weights nor threshold: only, where it
/// is the nearest neighbour, a gap.
#[test]
fn the_test_part_is_not_learnt_from() {
    let mut whole = data(120);
    whole
        .features
        .mapv_inplace(|x| if x.is_nan() { 20.0 } else { x });
    let model = |data: &Dataset| {
        let (_, files) = run(data, &[]).unwrap();
        file(&files, "model.json").to_owned()
    };
    let before = model(&whole);
    for row in whole.test.clone() {
        whole.features.row_mut(row).fill(1e6);
    }
    let target = whole.target.as_mut().unwrap();
    for row in &whole.test {
        target.values[*row] = 1.0 - target.values[*row];
    }
    assert_eq!(model(&whole), before);
    let row = whole.train[0];
    whole.features[[row, 1]] += 1.0;
    assert_ne!(model(&whole), before);
}

/// Each fold's rows are scored by a detector that they did not touch: a value that changes moves
/// its own row's score, and those of other folds, but no other of its fold.
#[test]
fn a_fold_is_not_learnt_from() {
    let mut whole = data(120);
    whole
        .features
        .mapv_inplace(|x| if x.is_nan() { 0.0 } else { x });
    let scores = |data: &Dataset| -> Vec<(f64, String)> {
        let (_, files) = run(data, &[("folds", OptionValue::Integer(4))]).unwrap();
        let read = |line: &str| {
            let fields: Vec<&str> = line.rsplit(',').collect();
            (fields[2].parse().unwrap(), fields[0].to_owned())
        };
        file(&files, "anomalies.csv")
            .lines()
            .skip(1)
            .map(read)
            .collect()
    };
    let before = scores(&whole);
    let row = 17;
    whole.features[[row, 1]] *= 1.02;
    let after = scores(&whole);
    let moved = |i: usize| (before[i].0 - after[i].0).abs();
    let fold = &before[row].1;
    assert!(moved(row) > 1e-3);
    let (own, others): (Vec<usize>, Vec<usize>) = (0..120)
        .filter(|i| *i != row)
        .partition(|i| before[*i].1 == *fold);
    assert!(own.len() > 20 && others.iter().any(|i| moved(*i) > 1e-4));
    // Units are of all rows, and only rounding is left of them in the scores.
    for i in own {
        assert!(moved(i) < 2e-6, "row {i}: {}", moved(i));
    }
}

/// SECOM, five folds, an alarm on a fifth: what the encrypted pipelines are held against.
#[test]
fn secom_in_clear() {
    if std::env::var_os("HEXPERIMENT_DATA").is_none() {
        return;
    }
    let source = DatasetSource::Manifest("secom".into());
    let secom = Dataset::load(&DatasetRequest {
        missing: Some(MissingPolicy::Keep),
        ..DatasetRequest::new(source, 73)
    })
    .unwrap();
    for (features, auc, found) in [(20, 0.7281, 48.0), (30, 0.7039, 41.0)] {
        let given = [
            ("folds", OptionValue::Integer(5)),
            ("features", OptionValue::Integer(features)),
        ];
        let (quality, files) = run(&secom, &given).unwrap();
        let near = |name: &str, want: f64, tolerance: f64| {
            let got = value(&quality, name);
            assert!((got - want).abs() <= tolerance, "{features} {name}: {got}");
        };
        near("auc", auc, 0.002);
        near("tp", found, 1.0);
        near("alarm_rate", 0.2, 0.02);
        let lines: Vec<&str> = file(&files, "anomalies.csv").lines().collect();
        assert_eq!(lines.len(), 1568);
        assert!(lines[1].starts_with("2008-07-19 11:55:00,"), "{}", lines[1]);
    }
}

/// The five rows of the other file, by a detector trained on the whole of the first.
#[test]
fn secom_upload_by_a_saved_detector() {
    if std::env::var_os("HEXPERIMENT_DATA").is_none() {
        return;
    }
    let load = |name: &str| {
        Dataset::load(&DatasetRequest {
            missing: Some(MissingPolicy::Keep),
            ..DatasetRequest::new(DatasetSource::Manifest(name.into()), 73)
        })
        .unwrap()
    };
    let given = [("features", OptionValue::Integer(20))];
    let (_, files) = run(&load("secom"), &given).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    std::fs::write(&path, file(&files, "model.json")).unwrap();
    let model = ("model", text(path.to_str().unwrap()));
    let (quality, files) = run(&load("secom-upload"), &[model]).unwrap();
    assert_eq!(quality.samples, 5);
    assert!(value(&quality, "max_score_error") < 1e-12);
    assert_eq!(file(&files, "anomalies.csv").lines().count(), 6);
}

/// Values far out are counted once, however often a layout repeats them, and by both layouts alike;
/// so is what they do to the margins. That is what the same detector says without the clip.
#[test]
fn clipped_values_are_counted_once() {
    let mut all = data(200);
    let (_, files) = run(&all, &[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    let model = file(&files, "model.json");
    std::fs::write(&path, model).unwrap();
    let wide = folder.path().join("wide.json");
    let clip = model.lines().find(|l| l.contains("\"clip\"")).unwrap();
    std::fs::write(&wide, model.replace(clip, "  \"clip\": 1000.0,")).unwrap();
    // Beside a gap, which it fills.
    let row = (5..190).find(|i| all.features[[*i, 1]].is_nan()).unwrap() + 1;
    all.features[[row, 1]] *= 2.0;
    for layout in ["series", "gathered"] {
        let ran = |path: &std::path::Path| {
            let given = [
                ("model", text(path.to_str().unwrap())),
                ("layout", text(layout)),
            ];
            Ran::new(&Plaintext, prepare(&all, &given).unwrap().as_ref()).unwrap()
        };
        let (clipped, whole) = (ran(&path), ran(&wide));
        let clipping = clipped.report.errors.clipping.unwrap();
        assert_eq!((clipping.values, clipping.columns), (1, 1), "{layout}");
        let scores = |ran: &Ran| -> Vec<f64> {
            let lines = file(&ran.files, "anomalies.csv").lines().skip(1);
            let score = |l: &str| l.rsplit(',').nth(2).unwrap().parse().unwrap();
            lines.map(score).collect()
        };
        let pairs = scores(&clipped).into_iter().zip(scores(&whole));
        let moved: Vec<f64> = pairs.map(|(a, b)| (a - b).abs()).collect();
        let most = moved.iter().copied().fold(0.0, f64::max);
        assert!((clipping.error - most).abs() < 1e-5, "{clipping:?} {most}");
        // Its own row, and the one that it fills.
        assert_eq!(moved.iter().filter(|d| **d > 0.01).count(), 2, "{layout}");
        assert_eq!(whole.report.errors.clipping.unwrap().values, 0);
        let auc = clipped.quality.metric("auc").unwrap().unclipped.unwrap();
        assert!((auc - value(&whole.quality, "auc")).abs() < 1e-12);
    }
}
