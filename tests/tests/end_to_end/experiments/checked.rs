//! What holds of every experiment of the project once it has run: columns, rows, files.

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

pub fn parsed(path: &str) -> Table {
    text_of(path)
        .parse()
        .unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Whether an experiment's data are embedded.
fn needs_no_file(experiment: &Table) -> bool {
    let name = experiment["dataset"]["use"].as_str().unwrap();
    parsed(&format!("experiments/datasets/{name}.toml")).contains_key("builtin")
}

pub fn set(table: &mut Table, section: &str, key: &str, value: impl Into<Value>) {
    let section = table[section].as_table_mut().unwrap();
    section.insert(key.into(), value.into());
}

/// How many cells a file makes: schemes times the matrix.
pub fn cells(experiment: &Table) -> usize {
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
            // The server of a shipped experiment is a process of the same machine.
            || column.starts_with("remote_")
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
pub fn check(name: &str, change: impl Fn(&mut Table)) {
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
    outcome.says_in_lines(&[
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
