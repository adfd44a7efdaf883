//! The whole task under the plaintext scheme, on generated fleets and on the user's own files.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use hexperiment_data::{Dataset, DatasetRequest, DatasetSource, MissingPolicy, SplitKind};
use hexperiment_program::OpKind;
use hexperiment_scheme::options::OptionValue;
use hexperiment_task::ledger::Quality;
use hexperiment_task::testkit::{self, Given, Ran, file};
use hexperiment_task::{Artefact, Prepared, Task, TaskError};
use scheme_plaintext::Plaintext;
use task_device_risk::DeviceRisk;

fn fleet(devices: u64, seed: u64) -> Dataset {
    Dataset::load(&DatasetRequest {
        source_options: [("devices".into(), devices), ("generator_seed".into(), seed)].into(),
        test_fraction: 0.5,
        ..DatasetRequest::new(DatasetSource::Manifest("fleet".into()), 1)
    })
    .unwrap()
}

fn text(x: &str) -> OptionValue {
    OptionValue::Text(x.into())
}

fn whole(x: i64) -> OptionValue {
    OptionValue::Integer(x)
}

fn prepare(data: &Dataset, given: Given<'_>) -> Result<Box<dyn Prepared>, TaskError> {
    testkit::prepare(&DeviceRisk, data, given)
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

const FOREST: (&str, &str) = ("model", "forest");

/// Every way of stating a model decides as the model in the clear does.
#[test]
fn programs_decide_as_the_models_do() {
    let data = fleet(300, 5);
    let ways: [&[(&str, &str)]; 7] = [
        &[],
        &[("argmax", "server")],
        &[FOREST],
        &[FOREST, ("argmax", "server")],
        &[FOREST, ("thresholds", "client")],
        &[FOREST, ("votes", "shares")],
        &[FOREST, ("votes", "shares"), ("argmax", "server")],
    ];
    for way in ways {
        let given: Vec<_> = way.iter().map(|(k, v)| (*k, text(v))).collect();
        let (quality, files) = run(&data, &given).unwrap();
        assert_eq!(quality.samples, 150, "{way:?}");
        assert_eq!(value(&quality, "agreement"), 1.0, "{way:?}");
        assert_eq!(quality.metrics[0].name, "macro_f1");
        let metrics = DeviceRisk.manifest().metrics;
        for metric in &quality.metrics {
            assert!(metrics.contains(&metric.name.as_str()), "{}", metric.name);
            let clear = metric.plaintext.unwrap_or(metric.value);
            assert!((metric.value - clear).abs() < 1e-12, "{way:?} {metric:?}");
        }
        let lists = ["low", "medium", "high"].map(|l| file(&files, &format!("{l}_risk.csv")));
        let listed: usize = lists.iter().map(|l| l.lines().count() - 1).sum();
        assert_eq!(listed, 150, "{way:?}");
        check_states(&files, &lists);
    }
    // Tests packed in vectors, the last of which is not full.
    for pack in [2, 7, 1000] {
        let given = [("model", text("forest")), ("pack", whole(pack))];
        let (quality, _) = run(&data, &given).unwrap();
        assert_eq!(quality.samples, 150);
        assert_eq!(value(&quality, "agreement"), 1.0, "{pack}");
    }
}

/// All devices once, in states that agree with the lists.
#[track_caller]
fn check_states(files: &[Artefact], by_level: &[&str; 3]) {
    let mut lines = file(files, "states.csv").lines();
    let head = "device,reading,score,level,level_in_clear,truth,listed";
    assert_eq!(lines.next(), Some(head));
    let rows: Vec<Vec<&str>> = lines.map(|l| l.split(',').collect()).collect();
    let count = |is: &dyn Fn(&[&str]) -> bool| rows.iter().filter(|row| is(row)).count();
    for (level, list) in by_level.iter().enumerate() {
        let level = level.to_string();
        assert_eq!(count(&|row| row[3] == level), list.lines().count() - 1);
    }
    for (name, listed) in [("whitelist.csv", "-1"), ("blacklist.csv", "1")] {
        let wanted = file(files, name).lines().count() - 1;
        assert_eq!(count(&|row| row[6] == listed), wanted, "{name}");
    }
    assert!(
        rows.iter()
            .all(|row| row.len() == 7 && row[1] == "1" && row[3] == row[4])
    );
}

/// Readings are the data, not the copies that several tests of one feature take; where the client
/// tests, results of tests are.
#[test]
fn readings_are_the_data_that_are_sent() {
    let data = fleet(300, 5);
    let sent = |given: Given<'_>| run_and_count(&data, given).unwrap().2;
    let forest = ("model", text("forest"));
    let readings = sent(std::slice::from_ref(&forest));
    assert!(readings > 0 && readings.is_multiple_of(150), "{readings}");
    for pack in [2, 7, 1000] {
        let given = [forest.clone(), ("pack", whole(pack))];
        assert_eq!(sent(&given), readings, "{pack}");
    }
    let client = [forest.clone(), ("thresholds", text("client"))];
    assert!(sent(&client) > readings);
}

/// What is moved before encryption is told of what is encrypted only: of a forest, places on a grid,
/// which are the same for all values beyond the training part's.
#[test]
fn values_moved_before_encryption_are_told_where_they_are_encrypted() {
    let mut data = fleet(300, 5);
    for row in data.test.clone() {
        data.features.row_mut(row).mapv_inplace(|x| 1.4 * x);
    }
    let told = |given: Given<'_>| {
        let ran = Ran::new(&Plaintext, prepare(&data, given).unwrap().as_ref()).unwrap();
        (ran.report.errors.clipping.unwrap(), ran.quality)
    };
    let (all, quality) = told(&[]);
    let (few, _) = told(&[("scored", whole(9))]);
    assert!(all.values > few.values && few.values > 0, "{all:?} {few:?}");
    assert!(all.error >= few.error && few.error > 0.0, "{all:?} {few:?}");
    assert!(quality.metric("macro_f1").unwrap().unclipped.is_some());
    for thresholds in ["server", "client"] {
        let forest = [("model", text("forest")), ("thresholds", text(thresholds))];
        let (none, _) = told(&forest);
        assert_eq!((none.values, none.error), (0, 0.0), "{thresholds}");
    }
}

/// A fleet can be learnt, and not perfectly; SMOTE finds more of the rare levels.
#[test]
fn fleets_can_be_learnt_but_not_perfectly() {
    for seed in [1, 73] {
        let data = fleet(1000, seed);
        let score = |given: Given<'_>, metric: &str| value(&run(&data, given).unwrap().0, metric);
        let (multinomial, forest) = ([], [("model", text("forest"))]);
        for given in [&multinomial[..], &forest] {
            let f1 = score(given, "macro_f1");
            assert!((0.7..0.95).contains(&f1), "{seed} {given:?}: {f1}");
        }
        let plain = [("oversample", text("none"))];
        let rare = |given: Given<'_>| score(given, "recall_medium") + score(given, "recall_high");
        let (with, without) = (rare(&[]), rare(&plain));
        assert!(with > without, "{seed}: {with} {without}");
        let (coarse, fine) = ("macro_f1", "unquantised_macro_f1");
        let lost = score(&forest, fine) - score(&forest, coarse);
        assert!(lost.abs() < 0.1, "{seed}: {lost}");
    }
}

/// Each test stands in the program once, and only comparisons and conjunctions are made.
#[test]
fn programs_are_what_they_should_be() {
    let data = fleet(300, 5);
    let count = |given: Given<'_>, kind: OpKind| {
        let prepared = prepare(&data, given).unwrap();
        let counts = prepared.program().counts();
        counts.get(&kind).copied().unwrap_or(0)
    };
    let forest = [("model", text("forest")), ("trees", whole(4))];
    let client = [
        ("model", text("forest")),
        ("trees", whole(4)),
        ("thresholds", text("client")),
    ];
    let steps = count(&forest, OpKind::Step);
    assert!(steps > 8 && steps <= 60, "{steps}");
    assert_eq!(count(&client, OpKind::Step), 0);
    let sent = prepare(&data, &client).unwrap().program().inputs()[0]
        .columns
        .len();
    assert_eq!(sent, steps);
    // One a split but the roots', at most.
    let conjunctions = count(&forest, OpKind::And);
    assert!((4..=4 * 14).contains(&conjunctions), "{conjunctions}");
    assert_eq!(count(&client, OpKind::And), conjunctions);
    assert_eq!(count(&[], OpKind::WeightedSum), 3);
    assert_eq!(count(&[("argmax", text("server"))], OpKind::Step), 3);
    let prepared = prepare(&data, &client).unwrap();
    let shown = prepared.server_sees().unwrap();
    assert!(shown.contains("not the thresholds"), "{shown}");
    assert_eq!(prepared.client_computes(), ["arg-max"]);
}

#[test]
fn lists_follow_their_rules() {
    let data = fleet(300, 5);
    let given = [
        ("whitelist_below", OptionValue::Number(0.05)),
        ("blacklist_above", OptionValue::Number(0.9)),
        ("contributions", whole(2)),
    ];
    for model in ["multinomial", "forest"] {
        let given = [&given[..], &[("model", text(model))]].concat();
        let (_, files) = run(&data, &given).unwrap();
        let rows = |name: &str| -> Vec<(String, f64, String, String)> {
            let mut lines = file(&files, name).lines();
            assert_eq!(lines.next(), Some("device,score,level,contributions"));
            let row = |line: &str| {
                let fields: Vec<&str> = line.split(',').collect();
                assert_eq!(fields.len(), 4, "{line}");
                let score = fields[1].parse().unwrap();
                (
                    fields[0].to_owned(),
                    score,
                    fields[2].to_owned(),
                    fields[3].to_owned(),
                )
            };
            lines.map(row).collect()
        };
        let (white, black) = (rows("whitelist.csv"), rows("blacklist.csv"));
        assert!(!white.is_empty() && !black.is_empty(), "{model}");
        assert!(white.iter().all(|r| r.1 <= 0.05 && r.2 == "Low"));
        assert!(black.iter().all(|r| r.1 >= 0.9 && r.2 == "High"));
        let low = rows("low_risk.csv");
        let missing = low.iter().filter(|r| r.1 <= 0.05 && !white.contains(r));
        assert_eq!(missing.count(), 0);
        for row in white.iter().chain(&black) {
            assert!(row.0.starts_with("sensor-"), "{}", row.0);
            let reasons: Vec<&str> = row.3.split(';').collect();
            assert!((1..=2).contains(&reasons.len()), "{}", row.3);
            for reason in reasons {
                let (name, part) = reason.split_once(':').unwrap();
                let known = data.columns.iter().any(|c| c == name)
                    || name.starts_with("days_since_")
                    || name == "firmware_rank";
                assert!(known && part.parse::<f64>().unwrap() != 0.0, "{reason}");
            }
        }
    }
}

#[test]
fn fewer_devices_may_be_scored_with_the_same_model() {
    let data = fleet(300, 5);
    let all = run(&data, &[("model", text("forest"))]).unwrap();
    let given = [("model", text("forest")), ("scored", whole(9))];
    let (few, files) = run(&data, &given).unwrap();
    assert_eq!(few.samples, 9);
    for name in ["low_risk.csv", "medium_risk.csv", "high_risk.csv"] {
        let lines: Vec<&str> = file(&all.1, name).lines().collect();
        assert!(file(&files, name).lines().all(|line| lines.contains(&line)));
    }
    let given = [("scored", whole(151))];
    let error = run(&data, &given).unwrap_err().to_string();
    assert!(error.contains("the test part has 150 devices"), "{error}");
}

/// The file that a run leaves is a data set like any other, with the same results.
#[test]
fn a_fleet_can_be_read_from_a_file() {
    let made = fleet(200, 5);
    let (quality, files) = run(&made, &[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.csv");
    std::fs::write(&path, file(&files, "fleet.csv")).unwrap();
    let (again, files) = run(&own(&path, |_| {}).unwrap(), &[]).unwrap();
    assert_eq!(quality, again);
    assert!(files.iter().all(|f| f.name != "fleet.csv"));
}

fn own(path: &Path, change: fn(&mut DatasetRequest)) -> Result<Dataset, String> {
    let mut request = DatasetRequest {
        target: Some("risk".into()),
        labels: ["device", "firmware", "calibrated", "maintained"]
            .map(String::from)
            .to_vec(),
        split: Some(SplitKind::Stratified),
        test_fraction: 0.5,
        ..DatasetRequest::new(DatasetSource::File(path.to_owned()), 1)
    };
    change(&mut request);
    Dataset::load(&request).map_err(|e| e.to_string())
}

#[test]
fn bad_files_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.csv");
    let good = fleet(60, 5).to_csv();
    let refused =
        |text: &str, change: fn(&mut DatasetRequest), given: Given<'_>, words: &[&str]| {
            std::fs::write(&path, text).unwrap();
            let problem = match own(&path, change) {
                Err(problem) => problem,
                Ok(data) => run(&data, given).unwrap_err().to_string(),
            };
            for word in words {
                assert!(problem.contains(word), "lacks {word:?}: {problem}");
            }
        };
    let nothing: fn(&mut DatasetRequest) = |_| {};
    refused(&good, |r| r.target = None, &[], &["there is no target"]);
    refused(
        &good,
        |r| (r.target, r.split) = (None, None),
        &[],
        &["has no target"],
    );
    refused(
        &good,
        |r| r.labels.retain(|l| l != "firmware"),
        &[],
        &["fleet.csv:2: column `firmware`", "`labels`"],
    );
    let renamed = good.replacen("calibrated", "checked", 1);
    refused(&renamed, nothing, &[], &["`calibrated`"]);
    let renamed_and_asked: fn(&mut DatasetRequest) = |r| r.labels[2] = "checked".into();
    refused(
        &renamed,
        renamed_and_asked,
        &[],
        &["no column of text `calibrated`", "checked", "`dates = []`"],
    );
    let date = good.lines().nth(1).unwrap().split(',').nth(2).unwrap();
    let wrong = good.replacen(date, "2025-02-30", 1);
    refused(
        &wrong,
        nothing,
        &[],
        &["`calibrated`, sensor-000000", "2025-02-30"],
    );
    let late = good.replacen(date, "2026-03-01", 1);
    let words = ["sensor-000000", "2026-03-01", "after `reference_date`"];
    refused(&late, nothing, &[], &words);
    let none = good.replacen(date, "", 1);
    let words = ["days_since_calibrated", "`missing = \"drop-rows\"`"];
    refused(&none, nothing, &[], &words);
    let given = [("reference_date", text("yesterday"))];
    refused(&good, nothing, &given, &["`reference_date`", "yesterday"]);
    // Levels that are not 0, 1, 2, and levels that are missing.
    let levels = |from: &str, to: &str| -> String {
        let lines = good.lines().map(|line| match line.strip_suffix(from) {
            Some(rest) => format!("{rest}{to}\n"),
            None => format!("{line}\n"),
        });
        lines.collect()
    };
    refused(&levels(",2", ",3"), nothing, &[], &["value 3", "2 (High)"]);
    refused(&levels(",2", ",1"), nothing, &[], &["level High (2)"]);
    let one = good.lines().take(2).collect::<Vec<_>>().join("\n");
    refused(&one, |r| r.split = None, &[], &["part has no rows"]);
    let given = [("thresholds", text("client"))];
    refused(&good, nothing, &given, &["is for a forest"]);
    let given = [
        ("model", text("forest")),
        ("thresholds", text("client")),
        ("pack", whole(4)),
    ];
    refused(&good, nothing, &given, &["`pack` is for comparisons"]);
    let given = [("features", whole(50))];
    refused(&good, nothing, &given, &["take at most 19"]);
}

/// Gaps in columns of text are handled as others are.
#[test]
fn missing_dates_and_versions_follow_the_policy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.csv");
    let good = fleet(200, 5).to_csv();
    // Every 20th device has no date, another no version.
    let rows = good.lines().enumerate().map(|(i, line)| {
        let mut fields: Vec<&str> = line.split(',').collect();
        match i % 20 {
            7 => fields[2] = "",
            11 => fields[1] = "",
            _ => {}
        }
        fields.join(",") + "\n"
    });
    std::fs::write(&path, rows.collect::<String>()).unwrap();
    let with = |change: fn(&mut DatasetRequest)| {
        let data = own(&path, change).unwrap();
        let (quality, files) = run(&data, &[]).unwrap();
        let lists = ["low", "medium", "high"].map(|l| file(&files, &format!("{l}_risk.csv")));
        (quality.samples, lists.concat())
    };
    let (samples, _) = with(|r| r.missing = Some(MissingPolicy::Median));
    assert_eq!(samples, 100);
    let (samples, lists) = with(|r| r.missing = Some(MissingPolicy::DropRows));
    assert!((75..100).contains(&samples), "{samples}");
    for line in lists.lines().filter(|l| l.starts_with("sensor-")) {
        let device: usize = line[7..13].parse().unwrap();
        assert!(![7, 11].contains(&((device + 1) % 20)), "{line}");
    }
}

/// A version that no training row has changes nothing for the devices that have others.
#[test]
fn unknown_versions_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.csv");
    let data = fleet(200, 5);
    std::fs::write(&path, data.to_csv()).unwrap();
    let mut data = own(&path, |_| {}).unwrap();
    let before = run(&data, &[]).unwrap();
    let firmware = data.labels.iter_mut().find(|l| l.name == "firmware");
    let odd = data.test[3];
    firmware.unwrap().values[odd] = "2.2.0".into();
    let after = run(&data, &[]).unwrap();
    let told = |quality: &Quality| {
        let mut notes = quality.notes.iter();
        notes.any(|n| n.contains("whose `firmware` no device of the training part has: 1;"))
    };
    assert!(!told(&before.0) && told(&after.0), "{:?}", after.0.notes);
    let name = format!("sensor-{odd:06}");
    for list in ["low_risk.csv", "medium_risk.csv", "high_risk.csv"] {
        let others = |files| -> Vec<String> {
            let lines = file(files, list).lines();
            let others = lines.filter(|l| !l.starts_with(&name));
            others.map(String::from).collect()
        };
        assert_eq!(others(&before.1), others(&after.1));
    }
}

/// What the options' ranges refuse, for each with the least and the most that they take.
#[test]
fn options_have_bounds() {
    let specs = DeviceRisk.manifest().options;
    for (name, bad, good) in [
        ("trees", [0, 101], [1, 100]),
        ("depth", [0, 9], [1, 8]),
        ("bits", [0, 9], [1, 8]),
        ("neighbours", [0, 101], [1, 100]),
        ("least_rows", [0, 1001], [1, 1000]),
    ] {
        let spec = specs.iter().find(|s| s.name == name).unwrap();
        for value in bad {
            assert!(spec.kind.check(whole(value)).is_err(), "{name} {value}");
        }
        for value in good {
            assert!(spec.kind.check(whole(value)).is_ok(), "{name} {value}");
        }
    }
}
