//! Records made by hand.

mod blocks;
mod busy;
mod files;
mod limits;
mod over_link;
mod table;
mod verdicts;

use std::collections::BTreeMap;

use crate::record::{
    Cell, Line, Load, Provenance, Repetition, Run, SCHEMA, Schedule, Setup, Status, Stopped,
};
use crate::summary::Records;
use hexperiment_scheme::options::OptionValue;
use hexperiment_scheme::security::failure::Failure;
use hexperiment_scheme::security::{Protection, Security};
use hexperiment_scheme::{KeySizes, OperationCounts, Parameters};
use hexperiment_task::ledger::{Clipping, Errors, Precision, Time, Traffic};
use hexperiment_task::ledger::{Metric, OutputErrors, Quality};

/// A run of these cells, three repetitions each.
pub(crate) fn run(cells: &[&str]) -> Run {
    Run {
        schema: SCHEMA,
        experiment: "by-hand".into(),
        question: "?".into(),
        caveats: String::new(),
        started: "2026-05-04T09:08:07Z".into(),
        resolved: serde_json::json!({ "run": { "repetitions": 3, "security_bits": 128, "seed": 1 } }),
        fingerprint: "00".into(),
        set: vec![],
        extended: vec![],
        cells: cells.iter().map(|id| cell(id)).collect(),
        provenance: Provenance {
            threads: 2,
            cores: 2,
            ..Provenance::default()
        },
        shard: None,
        merged: None,
    }
}

/// A cell; what is behind a slash is its matrix point.
fn cell(id: &str) -> Cell {
    let (label, point) = id.split_once('/').unwrap_or((id, ""));
    let point = point.split_once('=').map(|(key, value)| {
        (
            format!("run.{key}"),
            OptionValue::Integer(value.parse().unwrap()),
        )
    });
    Cell {
        id: id.into(),
        scheme: label.into(),
        label: label.into(),
        task: "task".into(),
        dataset: "data".into(),
        point: point.into_iter().collect(),
        seed: None,
    }
}

pub(crate) fn setup(cell: &str, keygen_ms: u64) -> Setup {
    Setup {
        cell: cell.into(),
        process: 0,
        samples: 10,
        compile: millis(1),
        keygen: millis(keygen_ms),
        key_transfer: Some(millis(2)),
        prepare: Some(millis(3)),
        parameters: Parameters {
            security: security(Protection::Encrypted, 128),
            chosen: vec![],
            depth: 0,
            counts: OperationCounts::default(),
            encryption: Some(hexperiment_scheme::security::Encryption::Owner),
            server_sees: "ciphertexts".into(),
            quantisation: None,
            noise_tolerance: vec![f64::INFINITY],
            failure: Failure::AtMost(-130.5),
            shortfalls: vec![],
            layouts: vec![],
            memory_bytes: None,
        },
        failure_demanded: Some(-128),
        keys: KeySizes {
            public: Some(100),
            galois: Some(23),
            ..KeySizes::default()
        },
        client_computes: vec![],
        lowering: vec![],
        environment: None,
    }
}

fn millis(ms: u64) -> Time {
    Time {
        wall_ns: ms * 1_000_000,
        cpu_ns: ms * 1_500_000,
    }
}

/// An output that errs more with each repetition.
fn output_errors(output: &str, index: u32) -> OutputErrors {
    OutputErrors {
        output: output.into(),
        max_abs: 1e-6 * f64::from(1 + index),
        approximation: 0.0,
        noise: 1e-7,
        clipping: 0.0,
        magnitude: 8.0,
    }
}

/// A repetition whose AUC in the clear is 0.75, and whose `mae` in the clear is 2.
pub(crate) fn repetition(cell: &str, index: u32, evaluate_ms: u64, auc: f64) -> Repetition {
    let metric = |name: &str, value, plaintext: Option<f64>| Metric {
        unclipped: plaintext.map(|x| x + 0.01),
        ..Metric::new(name, value, plaintext)
    };
    Repetition {
        cell: cell.into(),
        index,
        process: 0,
        encrypt: millis(4),
        evaluate: millis(evaluate_ms),
        decrypt: millis(2),
        transfer: millis(1),
        traffic: Traffic {
            upload_bytes: 1600,
            download_bytes: 160,
            rounds: 1,
            clear_values: 20,
            ..Traffic::default()
        },
        errors: Errors {
            max_abs: 1e-6 * f64::from(1 + index),
            approximation: 0.0,
            noise: 1e-7,
            clipping: Some(Clipping {
                values: 7,
                columns: 2,
                largest_move: 1.5,
                error: 0.01 * f64::from(index),
            }),
            precision_bits: 30.0 - f64::from(index),
            outputs: ["y", "z"].map(|output| output_errors(output, index)).into(),
            precision: Some(Precision {
                output: "y".into(),
                demanded: 1e-5,
                observed: 1e-6 * f64::from(1 + index),
                claimed: 2e-7,
            }),
            violation: None,
        },
        quality: Quality {
            samples: 4,
            metrics: vec![
                metric("auc", auc, Some(0.75)),
                metric("mae", 2.5, Some(2.0)),
                metric("index", f64::from(index), None),
            ],
            notes: vec!["clipped".into()],
        }
        .into(),
        peak_rss_bytes: None,
        client_peak_rss_bytes: Some(1000 + u64::from(index)),
        server_peak_rss_bytes: Some(2000 + u64::from(index)),
        remote: None,
        library: None,
        load: Some(Load {
            start: Some(0.5),
            end: Some(0.25),
            processors: None,
            schedule: Some(Schedule {
                ran_ns: 99_000_000,
                waited_ns: 1_000_000,
            }),
        }),
    }
}

pub(crate) fn stopped(cell: &str, status: Status) -> Stopped {
    Stopped {
        cell: cell.into(),
        status,
        reason: "for a reason".into(),
        signal: None,
        environment: None,
    }
}

/// Records in memory, as a reader would give them.
fn records(cells: &[&str], lines: Vec<Line>) -> Records {
    let mut records = Records {
        run: run(cells),
        setups: BTreeMap::new(),
        repetitions: vec![],
        stopped: vec![],
        environments: BTreeMap::new(),
        finished: None,
    };
    for line in lines {
        match line {
            Line::Run(_) => panic!("one run only"),
            Line::Setup(s) => {
                let of_cell = records.setups.entry(s.cell.clone()).or_default();
                of_cell.insert(s.process, *s);
            }
            Line::Repetition(r) => records.repetitions.push(*r),
            Line::Extended(e) => records.run.extended.push(e),
            Line::Stopped(s) => records.stopped.push(s),
            Line::Finished(f) => records.finished = Some(f.at),
        }
    }
    records
}

/// A cell with all its repetitions, their AUC as given.
fn complete(cell: &str, aucs: [f64; 3]) -> Vec<Line> {
    let mut lines = vec![Line::Setup(Box::new(setup(cell, 7)))];
    lines.extend(
        (0..)
            .zip([10, 30, 20])
            .zip(aucs)
            .map(|((index, ms), auc)| Line::Repetition(Box::new(repetition(cell, index, ms, auc)))),
    );
    lines
}

/// A level as a file of records states it.
fn security(protection: Protection, bits: u32) -> Security {
    let stated = serde_json::json!({ "protection": protection, "bits": bits, "basis": "b" });
    serde_json::from_value(stated).unwrap()
}
