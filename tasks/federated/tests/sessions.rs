//! Federations under the plaintext scheme, on made data and on the real ones.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use hexperiment_data::{Dataset, DatasetRequest, DatasetSource};
use hexperiment_scheme::options::OptionValue;
use hexperiment_task::ledger::Quality;
use hexperiment_task::session::SessionReport;
use hexperiment_task::testkit::{self, Given, samples};
use hexperiment_task::{Artefact, Prepared, Task, TaskError};
use ndarray::{Array1, Array2};
use scheme_plaintext::Plaintext;
use task_federated::Federated;

/// Rows of four features that tell of `classes` classes, with noise.
fn data(rows: usize, classes: usize) -> Dataset {
    let noise = |i: usize, j: usize| ((i * 7919 + j * 104_729 + i * i * 31) % 1000) as f64 / 1000.0;
    let target = Array1::from_shape_fn(rows, |i| ((i * i + i / 3) % 7 % classes) as f64);
    let features = Array2::from_shape_fn((rows, 4), |(i, j)| {
        let tells = if j < classes && target[i] == j as f64 {
            0.5
        } else {
            0.0
        };
        10.0_f64.powi(j as i32) * (noise(i, j) + tells + 3.0)
    });
    samples(features, target)
}

fn text(x: &str) -> OptionValue {
    OptionValue::Text(x.into())
}

fn int(x: i64) -> OptionValue {
    OptionValue::Integer(x)
}

fn num(x: f64) -> OptionValue {
    OptionValue::Number(x)
}

fn prepare(data: &Dataset, given: Given<'_>) -> Result<Box<dyn Prepared>, TaskError> {
    testkit::prepare(&Federated, data, given)
}

struct Ran {
    quality: Quality,
    files: Vec<Artefact>,
    report: SessionReport,
}

impl Ran {
    #[track_caller]
    fn value(&self, name: &str) -> f64 {
        self.quality.metric(name).unwrap().value
    }

    #[track_caller]
    fn file(&self, name: &str) -> &str {
        let file = self.files.iter().find(|f| f.name == name).unwrap();
        std::str::from_utf8(&file.bytes).unwrap()
    }
}

fn run(data: &Dataset, given: Given<'_>) -> Result<Ran, TaskError> {
    let testkit::Ran {
        quality,
        files,
        report,
    } = testkit::Ran::new(&Plaintext, prepare(data, given)?.as_ref())?;
    assert!(report.errors.violation.is_none());
    let sent: u64 = report.sent.values().map(|s| s.bytes).sum();
    assert_eq!(sent, report.traffic.upload_bytes);
    Ok(Ran {
        quality,
        files,
        report,
    })
}

/// Every way of training, splitting, weighting and counting: what the server added is federated
/// averaging in the clear.
#[test]
fn rounds_equal_those_in_clear() {
    let ways: [&[(&str, OptionValue)]; 8] = [
        &[],
        &[("local", text("newton")), ("local_epochs", int(2))],
        &[("batch", int(7)), ("learning_rate", num(0.1))],
        &[("dirichlet", num(0.3))],
        &[("dirichlet", num(0.3)), ("weighting", text("equal"))],
        &[
            ("sample_counts", text("encrypted")),
            ("dirichlet", num(0.5)),
        ],
        &[("dropout", num(0.3)), ("sample_counts", text("encrypted"))],
        &[
            ("dropout", num(0.3)),
            ("privacy", text("client")),
            ("noise_multiplier", num(0.1)),
        ],
    ];
    for classes in [2, 3] {
        for way in &ways {
            let mut given = vec![("clients", int(5)), ("rounds", int(6))];
            given.extend(way.iter().cloned());
            let ran = run(&data(240, classes), &given).unwrap();
            assert!(
                ran.value("max_weight_error") < 1e-9,
                "{way:?} {:?}",
                ran.quality
            );
            assert_eq!(ran.value("agreement"), 1.0);
            assert_eq!(
                ran.value("parameters"),
                if classes == 2 { 5.0 } else { 15.0 }
            );
            let rounds = ran.value("rounds_aggregated");
            assert_eq!(f64::from(ran.report.traffic.rounds), rounds);
            // Every aggregate but the last is decrypted before the protocol ends.
            assert_eq!(f64::from(ran.report.traffic.decrypted_midway), rounds - 1.0);
            let curve: Vec<&str> = ran.file("curve.csv").lines().collect();
            assert_eq!(curve.len(), 7);
            assert!(
                curve[0].starts_with("round,updates,aggregated,"),
                "{}",
                curve[0]
            );
        }
    }
}

/// With Newton's method on alike clients it comes close to the model of all rows, and beats the
/// average client alone.
#[test]
fn a_federation_learns() {
    let given = [
        ("local", text("newton")),
        ("local_epochs", int(1)),
        ("rounds", int(10)),
    ];
    let ran = run(&data(600, 2), &given).unwrap();
    assert!(ran.value("auc") > 0.8, "{:?}", ran.quality);
    assert!(
        (ran.value("auc") - ran.value("centralised")).abs() < 0.01,
        "{:?}",
        ran.quality
    );
    assert!(
        ran.value("auc") > ran.value("local_mean"),
        "{:?}",
        ran.quality
    );
    assert!(ran.value("local_best") >= ran.value("local_mean"));
    let first = ran.quality.metric("auc_round_1").unwrap();
    assert_eq!(Some(first.value), first.plaintext);
    assert_eq!(
        ran.quality.metric("auc_round_10").unwrap().value,
        ran.value("auc")
    );
}

#[test]
fn who_sends_what_is_counted() {
    let given = [
        ("clients", int(4)),
        ("rounds", int(3)),
        ("dropout", num(0.4)),
    ];
    let ran = run(&data(120, 2), &given).unwrap();
    // The key owner sends stand-ins, as many as there are clients.
    let sent = &ran.report.sent;
    assert_eq!(sent[&0].ciphertexts, 4);
    assert_eq!(sent[&0].bytes as f64, ran.value("stand_in_bytes"));
    let each = ran.value("update_bytes");
    let uploads: u64 = (1..=4).filter_map(|k| sent.get(&k)).map(|s| s.bytes).sum();
    assert_eq!(uploads as f64, each * ran.value("uploads"));
    assert!(ran.value("uploads") < 12.0);
    let lines: Vec<&str> = ran.file("uploads.csv").lines().skip(1).collect();
    assert_eq!(lines.len() as f64, ran.value("uploads"));
    for client in 1..=4 {
        let own = lines.iter().map(|line| line.split(',').collect::<Vec<_>>());
        let own = own.filter(|cells| cells[1] == client.to_string());
        let bytes: u64 = own.map(|cells| cells[2].parse::<u64>().unwrap()).sum();
        assert_eq!(bytes, sent.get(&client).map_or(0, |s| s.bytes));
    }
    // 5 parameters of 8 bytes to 4 clients, whenever there is a new model.
    let told = 5.0 * 8.0 * 4.0 * ran.value("rounds_aggregated");
    assert_eq!(ran.value("told_bytes"), told);
    let whole = run(&data(120, 2), &[("clients", int(4)), ("rounds", int(3))]).unwrap();
    assert_eq!(whole.value("stand_in_bytes"), 0.0);
    assert_eq!(whole.value("uploads"), 12.0);
    assert!(!whole.report.sent.contains_key(&0));
}

/// Noise differs from run to run, whatever the seed, and is told: what a target allows is what is
/// spent, and what records hide costs less than what clients hide.
#[test]
fn privacy_costs_and_is_accounted() {
    let data = data(600, 2);
    let private = |unit: &str, epsilon: f64| {
        let given = [
            ("privacy", text(unit)),
            ("epsilon", num(epsilon)),
            ("local_epochs", int(1)),
            ("learning_rate", num(1.0)),
            ("rounds", int(15)),
        ];
        run(&data, &given).unwrap()
    };
    for unit in ["client", "record"] {
        let ran = private(unit, 3.0);
        let spent = ran.value("epsilon");
        assert!(spent <= 3.0 && spent > 2.99, "{spent}");
        assert!(ran.value("max_weight_error") < 1e-9);
        let notes = ran.quality.notes.join("\n");
        assert!(notes.contains(&format!("{unit}-level")), "{notes}");
        assert!(ran.quality.metric("without_noise").is_some());
        let again = private(unit, 3.0);
        assert_ne!(ran.file("model.json"), again.file("model.json"));
    }
    // One of ten clients' noise against one of 400 records'.
    let records = private("record", 3.0);
    assert!(
        records.value("auc") > records.value("without_noise") - 0.05,
        "{:?}",
        records.quality
    );
    // Noise that drowns everything is noise, and still adds up.
    let drowned = private("client", 0.01);
    assert!(drowned.value("max_weight_error") < 1e-6);
}

fn weights(ran: &Ran) -> Vec<f64> {
    let model: serde_json::Value = serde_json::from_str(ran.file("model.json")).unwrap();
    let sensors = model["sensors"].as_array().unwrap().iter();
    let weights = sensors.map(|s| s["weight"].as_f64().unwrap());
    weights.chain(model["intercept"].as_f64()).collect()
}

#[track_caller]
fn same_model(a: &Ran, b: &Ran, tolerance: f64) {
    for (x, y) in weights(a).iter().zip(weights(b)) {
        assert!((x - y).abs() < tolerance, "{x} {y}");
    }
}

/// One step on all rows, weighted by samples, is a step on everybody's rows together (McMahan et
/// al. 2017, section 2), however they are split: with any clients the model is the same. So it is
/// where records are clipped far out and the noise is next to nothing.
#[test]
fn single_steps_do_not_depend_on_who_holds_what() {
    let data = data(300, 2);
    let with = |more: Given<'_>| {
        let mut given = vec![
            ("local_epochs", int(1)),
            ("rounds", int(12)),
            ("alpha", num(7.0)),
            ("positive_weight", num(2.5)),
        ];
        given.extend(more.iter().cloned());
        run(&data, &given).unwrap()
    };
    let few = with(&[("clients", int(2))]);
    let skewed = with(&[("clients", int(9)), ("dirichlet", num(0.3))]);
    same_model(&few, &skewed, 1e-12);
    let records = with(&[
        ("dirichlet", num(0.3)),
        ("privacy", text("record")),
        ("clip_norm", num(1e4)),
        ("noise_multiplier", num(0.01)),
    ]);
    // Noise of 0.01 * 1e4 * 2.5 * 0.5 / 200 = 0.6 a round is felt.
    assert!(
        weights(&few)
            .iter()
            .zip(weights(&records))
            .any(|(a, b)| (a - b).abs() > 1e-3)
    );
    let records = with(&[
        ("dirichlet", num(0.3)),
        ("privacy", text("record")),
        ("clip_norm", num(20.0)),
        ("noise_multiplier", num(0.01)),
    ]);
    // Of 0.00125 a round it is not; and nothing is clipped.
    assert_eq!(records.value("clipped"), 0.0);
    same_model(&few, &records, 0.02);
    let equal = with(&[("dirichlet", num(0.3)), ("weighting", text("equal"))]);
    assert!(
        weights(&few)
            .iter()
            .zip(weights(&equal))
            .any(|(a, b)| (a - b).abs() > 1e-6)
    );
}

/// Shares that are added up under encryption divide as those that are told.
#[test]
fn secret_counts_give_the_same_model() {
    let with = |counts: &str| {
        let given = [
            ("sample_counts", text(counts)),
            ("dropout", num(0.3)),
            ("dirichlet", num(0.4)),
        ];
        run(&data(300, 2), &given).unwrap()
    };
    same_model(&with("public"), &with("encrypted"), 1e-9);
}

/// Too few updates: nothing is decrypted, and the model stays.
#[test]
fn a_round_of_too_few_leaves_the_model() {
    let given = [
        ("clients", int(4)),
        ("rounds", int(12)),
        ("dropout", num(0.4)),
        ("min_clients", int(3)),
    ];
    let ran = run(&data(120, 2), &given).unwrap();
    let curve: Vec<Vec<&str>> = ran
        .file("curve.csv")
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect();
    let mut skipped = 0;
    for pair in curve.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        let few = after[1].parse::<usize>().unwrap() < 3;
        assert_eq!(after[2], if few { "0" } else { "1" });
        skipped += usize::from(few);
        if few {
            assert_eq!(before[3..6], after[3..6]);
        }
    }
    skipped += usize::from(curve[0][2] == "0");
    assert!(skipped > 0);
    assert_eq!(ran.value("rounds_aggregated"), (12 - skipped) as f64);
}

/// Where training moves nothing, the model is the noise alone: of the multiplier times what one
/// client can add, once for all clients together, and more where some may tell theirs.
#[test]
fn noise_is_as_large_as_promised() {
    let data = data(300, 2);
    let variance = |colluders: i64| {
        let given = [
            ("privacy", text("client")),
            ("noise_multiplier", num(3.0)),
            ("clip_norm", num(0.5)),
            ("learning_rate", num(1e-6)),
            ("rounds", int(1)),
            ("colluders", int(colluders)),
        ];
        let runs = 60;
        let all: Vec<f64> = (0..runs)
            .flat_map(|_| weights(&run(&data, &given).unwrap()))
            .collect();
        all.iter().map(|x| x * x).sum::<f64>() / all.len() as f64
    };
    // Ten clients of 20 rows each: a share is a tenth.
    let expect = (3.0_f64 * 0.5 * 0.1).powi(2);
    // 300 draws: a standard error of 8 %.
    for (colluders, factor) in [(0, 1.0), (5, 2.0)] {
        let ratio = variance(colluders) / (expect * factor);
        assert!((ratio - 1.0).abs() < 0.5, "{colluders}: {ratio}");
    }
}

/// A run continues where another ended, and in other units.
#[test]
fn models_are_saved_and_continued() {
    for classes in [2, 3] {
        let data = data(300, classes);
        let rounds = |n: i64| ("rounds", int(n));
        let first = run(&data, &[rounds(4)]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let models = first.files.iter().filter(|f| f.name.starts_with("model"));
        let paths: Vec<OptionValue> = models
            .map(|file| {
                let path = folder.path().join(&file.name);
                std::fs::write(&path, &file.bytes).unwrap();
                text(path.to_str().unwrap())
            })
            .collect();
        assert_eq!(paths.len(), if classes == 2 { 1 } else { 3 });
        let more = run(
            &data,
            &[rounds(3), ("model", OptionValue::List(paths.clone()))],
        )
        .unwrap();
        let whole = run(&data, &[rounds(7)]).unwrap();
        let name = if classes == 2 {
            "auc"
        } else {
            "balanced_accuracy"
        };
        assert!((more.value(name) - whole.value(name)).abs() < 1e-9);
        let private = [
            ("model", OptionValue::List(paths.clone())),
            ("privacy", text("client")),
            ("epsilon", num(1.0)),
        ];
        let notes = run(&data, &private).unwrap().quality.notes.join("\n");
        assert!(
            notes.contains("the first model was trained before"),
            "{notes}"
        );
        let other = [("model", OptionValue::List(paths)), ("features", int(2))];
        refused(&data, &other, "expected 2");
    }
}

#[track_caller]
fn refused(data: &Dataset, given: Given<'_>, expect: &str) {
    match prepare(data, given) {
        Ok(_) => panic!("{given:?} is not refused"),
        Err(error) => {
            let error = error.to_string();
            assert!(error.contains(expect), "{error:?} lacks {expect:?}");
        }
    }
}

#[test]
fn contradictions_are_explained() {
    let fine = data(90, 2);
    let cases: [(Given<'_>, &str); 14] = [
        (&[("clients", int(100))], "take at most 60"),
        (&[("min_clients", int(11))], "expected 2 to 10"),
        (
            &[("min_clients", int(1))],
            "an aggregate of one update is that update",
        ),
        (
            &[("dropout", num(0.99)), ("clients", int(30))],
            "no round of 20 has the 15 updates",
        ),
        (&[("epsilon", num(1.0))], "say whose data it protects"),
        (
            &[("noise_multiplier", num(1.0))],
            "say whose data it protects",
        ),
        (&[("privacy", text("client"))], "found neither"),
        (
            &[
                ("privacy", text("client")),
                ("epsilon", num(1.0)),
                ("noise_multiplier", num(1.0)),
            ],
            "found both",
        ),
        (
            &[
                ("privacy", text("client")),
                ("epsilon", num(0.001)),
                ("delta", num(1e-12)),
                ("rounds", int(1000)),
                ("colluders", int(10)),
            ],
            "leaves nobody's noise",
        ),
        (
            &[
                ("privacy", text("client")),
                ("epsilon", num(1.0)),
                ("sample_counts", text("encrypted")),
            ],
            "the counts are public",
        ),
        (
            &[("privacy", text("record")), ("epsilon", num(1.0))],
            "`local_epochs = 1`",
        ),
        (
            &[
                ("weighting", text("equal")),
                ("sample_counts", text("encrypted")),
            ],
            "uses no counts",
        ),
        (&[("features", int(9))], "take at most 4"),
        (&[("model", OptionValue::List(vec![]))], "names 0 files"),
    ];
    for (given, expect) in cases {
        refused(&fine, given, expect);
    }
    let mut bad = fine.clone();
    bad.target = None;
    refused(&bad, &[], "has no target");
    let weighted = [("positive_weight", num(2.0))];
    refused(&data(90, 3), &weighted, "has 3 classes");
    bad = fine.clone();
    if let Some(target) = &mut bad.target {
        target.values.mapv_inplace(|y| y + 0.5);
    }
    refused(&bad, &[], "expected 0 and 1");
}

/// Training that diverges, and shares too small for their precision, end in words.
#[test]
fn what_cannot_be_averaged_is_explained() {
    let failed = |data: &Dataset, given: Given<'_>, expect: &str| match run(data, given) {
        Ok(ran) => panic!("{given:?} is not refused: {:?}", ran.quality),
        Err(error) => assert!(error.to_string().contains(expect), "{error}"),
    };
    let wild = [
        ("alpha", num(1e6)),
        ("learning_rate", num(1000.0)),
        ("local_epochs", int(300)),
    ];
    failed(&data(120, 2), &wild, "is not finite: training diverges");
    let wild = [
        ("alpha", num(1e6)),
        ("learning_rate", num(1000.0)),
        ("local_epochs", int(1)),
        ("rounds", int(300)),
        ("privacy", text("record")),
        ("epsilon", num(1.0)),
    ];
    failed(&data(120, 2), &wild, "is not finite: training diverges");
}

/// What the options take is in their description, and refused before the task sees it.
#[test]
fn options_out_of_range_are_refused_by_their_description() {
    let specs = Federated.manifest().options;
    let check = |name: &str, value: OptionValue, expect: &str| {
        let spec = specs.iter().find(|s| s.name == name).unwrap();
        let error = spec.kind.check(value).unwrap_err();
        assert!(error.contains(expect), "{error}");
    };
    check("clients", int(0), "a whole number from 2 to 1000");
    check("clients", int(1), "a whole number from 2 to 1000");
    check("rounds", int(0), "from 1");
    check("epsilon", num(0.0), "from 0.001");
    check("epsilon", num(-1.0), "from 0.001");
    check("delta", num(0.0), "from 0.000000000001 to 0.1");
    check("delta", num(1.0), "to 0.1");
    check("dropout", num(1.0), "to 0.99");
    check("noise_multiplier", num(0.0), "from 0.01");
}

/// A client without one class trains, and is counted.
#[test]
fn clients_without_a_class_take_part() {
    let given = [
        ("dirichlet", num(0.05)),
        ("clients", int(6)),
        ("rounds", int(5)),
    ];
    for local in ["gradient", "newton"] {
        let mut given = given.to_vec();
        given.push(("local", text(local)));
        let ran = run(&data(200, 2), &given).unwrap();
        assert!(ran.value("one_class_clients") >= 1.0);
        assert!(ran.value("max_weight_error") < 1e-9);
    }
}

/// Framingham: federated averaging in the clear is close to central training.
#[test]
fn framingham_in_clear() {
    if std::env::var_os("HEXPERIMENT_DATA").is_none() {
        return;
    }
    let source = DatasetSource::Manifest("framingham".into());
    let data = Dataset::load(&DatasetRequest::new(source, 73)).unwrap();
    let given = [("learning_rate", num(1.0)), ("positive_weight", num(5.0))];
    let ran = run(&data, &given).unwrap();
    let (auc, centralised) = (ran.value("auc"), ran.value("centralised"));
    assert!(
        auc > 0.68 && (auc - centralised).abs() < 0.01,
        "{auc} {centralised}"
    );
}

/// A value far out at one client: the clipping error is how far the last model is from that which is
/// found without the clip.
#[test]
fn clipping_is_told_of_the_model() {
    let mut far = data(200, 2);
    let row = far.train[3];
    far.features[[row, 1]] += 40.0;
    let run_with = |clip: f64| run(&far, &[("clip", num(clip))]).unwrap();
    let (clipped, whole) = (run_with(5.0), run_with(0.0));
    let pairs = weights(&clipped).into_iter().zip(weights(&whole));
    let moved = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let clipping = clipped.report.errors.clipping.unwrap();
    assert_eq!((clipping.values, clipping.columns), (1, 1));
    assert!(
        (clipping.error - moved).abs() < 1e-6,
        "{clipping:?} {moved}"
    );
    assert!(moved > 1e-4, "{moved}");
    let auc = clipped.quality.metric("auc").unwrap().unclipped.unwrap();
    assert!((auc - whole.value("auc")).abs() < 1e-9);
    assert_eq!(whole.report.errors.clipping.unwrap().values, 0);
}
