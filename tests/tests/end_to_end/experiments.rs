//! Every experiment of the project, from its file to its tables. The quickstart runs as it is, the
//! others with one repetition and no warm-up: what they expect is about values, and holds all the
//! same.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

use crate::harness::{Outcome, Place, Row, note, repository, text_of};

/// The columns of `summary.csv`, as they were agreed: other programs read them. Those of the matrix
/// stand behind `dataset`.
const COLUMNS: &str = "experiment, started, cell, scheme, label, task, dataset, status, reason, \
    samples, repetitions, processes, seed, seeds, metric, value, plaintext_value, unclipped_value, \
    value_low, value_high, plaintext_value_low, plaintext_value_high, max_abs_error, clipping_error, \
    approximation_error, noise_error, precision_bits, precision_demanded, precision_claimed, precision_met, clipped_values, compile_ms, keygen_ms, key_transfer_ms, \
    prepare_ms, encrypt_ms, evaluate_ms, decrypt_ms, transfer_ms, evaluate_ms_low, evaluate_ms_high, evaluate_between, evaluate_within, total_ms_per_sample, \
    compile_cpu_ms, keygen_cpu_ms, prepare_cpu_ms, encrypt_cpu_ms, evaluate_cpu_ms, decrypt_cpu_ms, \
    total_cpu_ms_per_sample, load_average, share_waited, ciphertext_bytes, result_bytes, \
    key_bytes, expansion, rounds, server_sees, protection, encryption, security_bits, failure_log2, client_peak_rss_bytes, \
    server_peak_rss_bytes, threads, remote_upload_ms, remote_upload_server_ms, remote_job_ms, remote_queue_ms, \
    remote_load_ms, remote_compute_ms, remote_store_ms, remote_download_ms";

/// Those that hold words; the others hold numbers.
const WORDS: [&str; 13] = [
    "experiment",
    "started",
    "cell",
    "scheme",
    "label",
    "task",
    "dataset",
    "status",
    "metric",
    "precision_met",
    "server_sees",
    "protection",
    "encryption",
];

/// Whether a column is that of an axis of the matrix, as `task.features`.
fn is_axis(column: &str) -> bool {
    column.contains('.')
}

fn parsed(path: &str) -> Table {
    text_of(path)
        .parse()
        .unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Whether an experiment's data are embedded.
fn needs_no_file(experiment: &Table) -> bool {
    let name = experiment["dataset"]["use"].as_str().unwrap();
    parsed(&format!("experiments/datasets/{name}.toml")).contains_key("builtin")
}

fn set(table: &mut Table, section: &str, key: &str, value: impl Into<Value>) {
    let section = table[section].as_table_mut().unwrap();
    section.insert(key.into(), value.into());
}

/// How many cells a file makes: schemes times the matrix.
fn cells(experiment: &Table) -> usize {
    let schemes = experiment["scheme"].as_array().unwrap().len();
    let matrix = experiment.get("matrix").and_then(Value::as_table);
    let lists = matrix.into_iter().flat_map(Table::values);
    lists.fold(schemes, |n, list| n * list.as_array().unwrap().len())
}

/// A row that is well has a number in every column for one.
#[track_caller]
fn check_row(row: &Row, columns: &[String]) {
    assert_eq!(
        (row["status"].as_str(), row["reason"].as_str()),
        ("ok", ""),
        "{row:?}"
    );
    for column in columns.iter().filter(|c| *c != "reason" && !is_axis(c)) {
        let field = &row[column];
        // Not every system counts these, nor for every short repetition.
        let uncounted = ["load_average", "share_waited"].contains(&column.as_str());
        // Fewer repetitions have no 95 % interval.
        let is_interval = column.starts_with("evaluate_ms_");
        let few = row["repetitions"].parse::<u32>().unwrap() < 6;
        // One seed has no interval of its metrics, one process no scatter of several.
        let over_seeds = column.ends_with("value_low") || column.ends_with("value_high");
        let over_processes = ["evaluate_between", "evaluate_within"].contains(&column.as_str());
        let one = |of: &str| row[of] == "1";
        let may_be_empty = uncounted
            || is_interval && few
            || over_seeds && one("seeds")
            || over_processes && one("processes")
            || column == "encryption" && row["protection"] != "encrypted"
            // What is trained by other means has no model that differs in clipping alone.
            || column == "unclipped_value";
        if may_be_empty && field.is_empty() {
            continue;
        }
        if WORDS.contains(&column.as_str()) {
            assert!(!field.trim().is_empty(), "{column} is blank: {row:?}");
        } else {
            let number: f64 = field
                .parse()
                .unwrap_or_else(|_| panic!("{column} is no number but {field:?}: {row:?}"));
            // A logarithm of a probability; of none where there is no noise.
            if column == "failure_log2" {
                assert!(number <= -20.0, "{column} is {number}: {row:?}");
                continue;
            }
            assert!(
                number.is_finite() && number >= 0.0,
                "{column} is {number}: {row:?}"
            );
        }
    }
    let number = |column: &str| row[column].parse::<f64>().unwrap();
    assert!(number("samples") > 0.0 && number("rounds") >= 1.0 && number("threads") >= 1.0);
    assert!(number("ciphertext_bytes") > 0.0 && number("result_bytes") > 0.0);
    if !row["evaluate_ms_low"].is_empty() {
        assert!(number("evaluate_ms_low") <= number("evaluate_ms"));
        assert!(number("evaluate_ms") <= number("evaluate_ms_high"));
    }
    let encrypts = row["scheme"] != "plaintext";
    let secure = number("security_bits") >= 128.0;
    assert_eq!(secure, encrypts, "{row:?}");
    assert_eq!(
        number("key_bytes") > 0.0
            || ["fernet", "seal-ckks", "tfhe"].contains(&row["scheme"].as_str()),
        encrypts,
        "{row:?}"
    );
}

/// Runs a file of `experiments/`, changed by `change`; all that a run leaves is there and whole.
#[track_caller]
fn check(name: &str, change: impl Fn(&mut Table)) {
    let path = format!("experiments/{name}.toml");
    let mut experiment = parsed(&path);
    let data = std::env::var_os("HEXPERIMENT_DATA");
    if data.is_none() && !needs_no_file(&experiment) {
        note(&format!("{name} is not run: HEXPERIMENT_DATA is not set"));
        return;
    }
    for key in ["question", "caveats"] {
        let words = experiment["experiment"][key].as_str().unwrap();
        assert!(words.len() > 20, "{key} says nothing");
    }
    assert!(experiment.contains_key("expect"), "an experiment is a test");
    let place = Place::new();
    let call = |arguments: &[&str]| {
        let mut program = place.program(arguments);
        program.envs(data.iter().map(|folder| ("HEXPERIMENT_DATA", folder)));
        Outcome::of(&mut program)
    };
    let original = repository().join(&path);
    let checked = call(&["check", original.to_str().unwrap()]);
    checked.ends_with(0).does_not_panic();
    let answers = [": fine; ", ": refuses; "].map(|a| checked.out.matches(a).count());
    assert_eq!(
        answers.iter().sum::<usize>(),
        cells(&experiment),
        "{checked}"
    );

    change(&mut experiment);
    let file = format!("{name}.toml");
    place.write(&file, experiment.to_string());
    let outcome = call(&["run", &file]);
    outcome.ends_with(0).does_not_panic();

    let folder = place.latest();
    let folder_name = folder.0.file_name().unwrap().to_str().unwrap();
    assert!(folder_name.ends_with(&format!("-{name}")), "{folder_name}");
    let (columns, rows) = folder.summary();
    let (axes, fixed): (Vec<String>, Vec<String>) =
        columns.iter().cloned().partition(|c| is_axis(c));
    assert_eq!(fixed.join(", "), COLUMNS);
    let matrix = experiment.get("matrix").and_then(Value::as_table);
    let keys: BTreeSet<&String> = matrix.into_iter().flat_map(Table::keys).collect();
    assert!(axes.iter().eq(keys), "{axes:?}");
    assert_eq!(rows.len(), cells(&experiment));
    let ids: BTreeSet<&String> = rows.iter().map(|row| &row["cell"]).collect();
    assert_eq!(ids.len(), rows.len(), "a row is told from another");
    let markdown = folder.read("table.md");
    for row in &rows {
        if row["status"] == "refused" {
            assert!(!row["reason"].is_empty(), "{row:?}");
        } else {
            check_row(row, &columns);
        }
        let scheme = row["label"].as_str();
        assert!(
            outcome.out.contains(scheme) && markdown.contains(scheme),
            "{scheme}\n{outcome}"
        );
    }
    outcome.says(&[
        "ms per",
        "Encrypt + evaluate + decrypt",
        "met; ",
        "--verbose",
        "written to runs/",
    ]);
    assert!(!outcome.out.contains("FAILED"), "{outcome}");
    let repetitions = experiment["run"]["repetitions"].as_integer().unwrap();
    let ok = rows.iter().filter(|row| row["status"] == "ok").count();
    assert_eq!(folder.repetitions().len(), ok * repetitions as usize);
    assert_eq!(folder.read("experiment.toml"), experiment.to_string());
    for expected in ["records.jsonl", "logs"] {
        assert!(folder.0.join(expected).exists(), "{expected}");
    }
    match experiment["task"]["use"].as_str() {
        Some("anomaly-detection") => {
            check_flags(&folder.0.join("artefacts"), ok, &rows[0]["samples"]);
        }
        Some("max-pooling") => check_images(&folder.0.join("artefacts"), ok),
        _ => {}
    }
}

/// Every cell that is well leaves a pooled image, that in the clear, and their difference.
#[track_caller]
fn check_images(artefacts: &Path, cells: usize) {
    let folders: Vec<_> = fs::read_dir(artefacts).unwrap().flatten().collect();
    assert_eq!(folders.len(), cells);
    for folder in folders {
        let files = fs::read_dir(folder.path()).unwrap().flatten();
        let names: BTreeSet<String> = files
            .map(|f| f.file_name().into_string().unwrap())
            .collect();
        for kind in ["-pooled.png", "-clear.png", "-difference-x32.png"] {
            let of_kind = names.iter().filter(|name| name.ends_with(kind));
            assert_eq!(of_kind.count(), 1, "{kind}: {names:?}");
        }
    }
}

/// Every cell that is well leaves a table with a line for each row, and a model.
#[track_caller]
fn check_flags(artefacts: &Path, cells: usize, rows: &str) {
    let folders: Vec<_> = fs::read_dir(artefacts).unwrap().flatten().collect();
    assert_eq!(folders.len(), cells);
    for folder in folders {
        let flags = fs::read_to_string(folder.path().join("anomalies.csv")).unwrap();
        assert!(flags.starts_with("timestamp,score,flag,part\n"), "{flags}");
        assert_eq!((flags.lines().count() - 1).to_string(), rows);
        assert!(folder.path().join("model.json").is_file());
    }
}

fn once(experiment: &mut Table) {
    set(experiment, "run", "repetitions", 1);
    set(experiment, "run", "warmup", 0);
    // Other tests compute at the same time.
    set(experiment, "run", "time_limit", "30m");
}

#[test]
fn quickstart_as_it_is() {
    check("quickstart", |_| {});
}

#[test]
fn chd_logistic() {
    check("chd-logistic", once);
}

#[test]
fn chd_logistic_all() {
    check("chd-logistic-all", once);
}

#[test]
fn chd_probability() {
    check("chd-probability", once);
}

#[test]
fn chd_class() {
    check("chd-class", once);
}

#[test]
fn paillier_backends() {
    check("paillier-backends", once);
}

#[test]
fn salary_linear() {
    check("salary-linear", once);
}

#[test]
fn secom_logistic() {
    check("secom-logistic", once);
}

/// Of the real series a part will do: what is expected of the whole is left out.
#[test]
fn secom_interpolation() {
    check("secom-interpolation", |experiment| {
        once(experiment);
        set(experiment, "dataset", "limit", 300);
        let expect = experiment["expect"].as_table_mut().unwrap();
        for whole in [
            "samples",
            "missing",
            "nrmse",
            "median_nrmse",
            "sensors_beaten",
        ] {
            expect.remove(whole).unwrap();
        }
    });
}

#[test]
fn secom_interpolation_steps() {
    check("secom-interpolation-steps", once);
}

#[test]
fn secom_interpolation_masked() {
    check("secom-interpolation-masked", once);
}

#[test]
fn wine_interpolation() {
    check("wine-interpolation", once);
}

/// Of the real series a part will do: what is expected of the whole is left out.
fn part_of_secom(experiment: &mut Table) {
    once(experiment);
    set(experiment, "dataset", "limit", 250);
    set(experiment, "task", "folds", 2);
    set(experiment, "task", "features", 5);
    let expect = experiment["expect"].as_table_mut().unwrap();
    for whole in ["samples", "auc", "recall"] {
        expect.remove(whole).unwrap();
    }
}

#[test]
fn secom_anomaly() {
    check("secom-anomaly", part_of_secom);
}

#[test]
fn secom_anomaly_paillier() {
    check("secom-anomaly-paillier", part_of_secom);
}

#[test]
fn secom_anomaly_gathered() {
    check("secom-anomaly-gathered", part_of_secom);
}

#[test]
fn wine_anomaly() {
    check("wine-anomaly", once);
}

/// Of the images the small one will do; CKKS has its window of 2, and refuses that of 3.
#[test]
fn photo_pooling() {
    check("photo-pooling", |experiment| {
        once(experiment);
        set(experiment, "matrix", "dataset.use", vec!["photo"]);
    });
}

/// Of images and strides one will do, and of the windows the one that all have.
#[test]
fn photo_pooling_strides() {
    check("photo-pooling-strides", |experiment| {
        once(experiment);
        set(experiment, "matrix", "dataset.use", vec!["photo"]);
        set(experiment, "matrix", "task.stride", vec![1]);
        set(experiment, "matrix", "task.window", vec![2]);
        let ok: Table = "status = \"ok\"".parse().unwrap();
        set(experiment, "expect", "CKKS 15,15", ok);
    });
}

/// Of the images one will do.
#[test]
fn photo_pooling_average() {
    check("photo-pooling-average", |experiment| {
        once(experiment);
        set(experiment, "matrix", "dataset.use", vec!["photo"]);
    });
}

/// A crop that TFHE pools in seconds, in which a window has a sample.
fn cropped(experiment: &mut Table, side: usize, samples: i64) {
    once(experiment);
    set(experiment, "task", "crop", format!("{side}x{side}"));
    let bounds = [("min", samples), ("max", samples)];
    let bounds = bounds.map(|(key, n)| (key.to_owned(), Value::from(n)));
    set(experiment, "expect", "samples", Table::from_iter(bounds));
}

#[test]
fn photo_pooling_crop() {
    check("photo-pooling-crop", |experiment| {
        cropped(experiment, 8, 16);
    });
}

#[test]
fn scene_pooling() {
    check("scene-pooling", |experiment| cropped(experiment, 4, 9));
}

/// Exact comparisons take long: a few devices will do.
#[test]
fn fleet_risk() {
    check("fleet-risk", |experiment| {
        once(experiment);
        set(experiment, "task", "scored", 4);
        let expect = experiment["expect"].as_table_mut().unwrap();
        expect.remove("samples");
    });
}

#[test]
fn fleet_risk_packed() {
    check("fleet-risk-packed", once);
}

#[test]
fn fleet_risk_bits() {
    check("fleet-risk-bits", once);
}

#[test]
fn fleet_risk_multinomial() {
    check("fleet-risk-multinomial", once);
}

#[test]
fn chd_federated() {
    check("chd-federated", once);
}

#[test]
fn chd_federated_private() {
    check("chd-federated-private", once);
}

/// Of a hundred clients, fewer rounds will do; what is spent on them is then less noise.
#[test]
fn chd_federated_clients() {
    check("chd-federated-clients", |experiment| {
        once(experiment);
        set(experiment, "task", "rounds", 5);
        let expect = experiment["expect"].as_table_mut().unwrap();
        expect.remove("without_noise").unwrap();
    });
}

#[test]
fn fleet_federated() {
    check("fleet-federated", once);
}

#[test]
fn secom_federated() {
    check("secom-federated", once);
}

#[test]
fn wine_federated() {
    check("wine-federated", once);
}

#[test]
fn chd_training() {
    check("chd-training", once);
}

/// Two folds will do, and half the rows: what is expected of all is left out.
#[test]
fn chd_training_all() {
    check("chd-training-all", |experiment| {
        once(experiment);
        set(experiment, "dataset", "limit", 2000);
        set(experiment, "task", "folds", 2);
        let expect = experiment["expect"].as_table_mut().unwrap();
        for whole in ["samples", "auc", "auc_to_converged"] {
            expect.remove(whole).unwrap();
        }
    });
}

#[test]
fn chd_moments() {
    check("chd-moments", once);
}

#[test]
fn salary_training() {
    check("salary-training", once);
}

/// A model that a federation left is one that anomaly detection reads, in the same units: it scores
/// wines of which it saw some.
#[test]
fn a_federated_model_is_used_by_anomaly_detection() {
    let place = Place::new();
    let plaintext_only = |name: &str| {
        let mut experiment = parsed(&format!("experiments/{name}.toml"));
        once(&mut experiment);
        experiment["scheme"].as_array_mut().unwrap().truncate(1);
        experiment.remove("matrix");
        experiment.remove("expect");
        experiment
    };
    let run = |file: &str, experiment: &Table| {
        place.write(file, experiment.to_string());
        place.call(&["run", file]).ends_with(0);
        place.latest()
    };
    let trained = run("train.toml", &plaintext_only("wine-federated"));
    let mut cells = fs::read_dir(trained.0.join("artefacts")).unwrap().flatten();
    let model = cells.next().unwrap().path().join("model.json");
    let mut experiment = plaintext_only("wine-anomaly");
    for (section, key) in [
        ("task", "features"),
        ("task", "hidden_share"),
        ("dataset", "limit"),
    ] {
        let table = experiment[section].as_table_mut().unwrap();
        table.remove(key).unwrap();
    }
    set(&mut experiment, "task", "model", model.to_str().unwrap());
    let rows = run("score.toml", &experiment).summary().1;
    assert_eq!(rows[0]["metric"], "auc");
    let auc: f64 = rows[0]["value"].parse().unwrap();
    assert!(auc > 0.85, "{auc}");
}

#[test]
fn wine_statistics() {
    check("wine-statistics", once);
}

/// A file added to `experiments/` has to be added above.
#[test]
fn none_is_left_out() {
    let tests = include_str!("experiments.rs");
    for entry in fs::read_dir(repository().join("experiments")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(
                tests.contains(&format!("check(\"{name}\"")),
                "{name} is never run"
            );
        }
    }
}

/// Every cell of a matrix can be run alone, by the name that `check` prints.
#[test]
fn cells_can_be_run_alone() {
    let place = Place::new();
    let mut experiment = parsed("experiments/quickstart.toml");
    once(&mut experiment);
    let matrix: Table = "\"task.features\" = [2, 3]".parse().unwrap();
    experiment.insert("matrix".into(), matrix.into());
    experiment.remove("expect");
    place.write("e.toml", experiment.to_string());
    let checked = place.call(&["check", "e.toml"]);
    checked.ends_with(0);
    let ids = checked
        .out
        .lines()
        .filter_map(|l| Some(l.trim().split_once(": fine; ")?.0));
    let ids: Vec<&str> = ids.collect();
    assert_eq!(ids.len(), 10, "{checked}");
    let alone = ids
        .iter()
        .find(|id| id.contains("seal-ckks") && id.contains('3'))
        .unwrap();
    place.call(&["run", "e.toml", "--only", alone]).ends_with(0);
    let rows = place.latest().summary().1;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["scheme"], "seal-ckks");
}
