//! The repetitions of runs as one file of Parquet: a row for each, columns of whole numbers, numbers and
//! words, what does not apply null.

use std::collections::BTreeSet;
use std::sync::Arc;

use hexperiment_experiment::record::{Repetition, Run};
use hexperiment_experiment::summary::{Row, axes};
use hexperiment_task::ledger::{Metric, Time};
use parquet::basic::{LogicalType, Repetition as Occurrence, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use crate::Shown;

/// A repetition, and what it belongs to.
struct Entry<'a> {
    run: &'a Run,
    row: &'a Row,
    repetition: &'a Repetition,
}

impl Entry<'_> {
    fn metric(&self, name: &str) -> Option<&Metric> {
        self.repetition.quality.metric(name)
    }
}

/// The values of a column.
enum Values {
    Counts(Vec<Option<i64>>),
    Numbers(Vec<Option<f64>>),
    Words(Vec<Option<String>>),
}

/// The file.
///
/// # Errors
/// The writer's; it writes to memory and all columns are of one length, so that no runs give cause.
pub fn parquet_file(runs: &[Shown<'_>]) -> Result<Vec<u8>, String> {
    write(&columns(runs)).map_err(|e| e.to_string())
}

fn columns(runs: &[Shown<'_>]) -> Vec<(String, Values)> {
    let mut entries = Vec::new();
    for shown in runs {
        for repetition in &shown.records.repetitions {
            let row = shown.rows.iter().find(|row| row.cell.id == repetition.cell);
            let run = &shown.records.run;
            entries.extend(row.map(|row| Entry {
                run,
                row,
                repetition,
            }));
        }
    }
    let mut all = Vec::new();
    described(&entries, &mut all);
    let keys: BTreeSet<&str> = runs.iter().flat_map(|shown| axes(shown.rows)).collect();
    for key in keys {
        let texts = entries.iter().map(|e| Some(e.row.axis(key).to_string()));
        let texts: Vec<Option<String>> = texts.map(|text| text.filter(|t| !t.is_empty())).collect();
        all.push((key.to_owned(), typed(texts)));
    }
    measured(&entries, &mut all);
    let names = entries.iter().flat_map(|e| &e.repetition.quality.metrics);
    let names: BTreeSet<&str> = names.map(|metric| metric.name.as_str()).collect();
    for name in names {
        let values = entries.iter().map(|e| Some(e.metric(name)?.value));
        all.push((format!("metric_{name}"), Values::Numbers(values.collect())));
        let values = entries.iter().map(|e| e.metric(name)?.plaintext);
        all.push((
            format!("metric_{name}_plaintext"),
            Values::Numbers(values.collect()),
        ));
    }
    all
}

/// What a repetition is of.
fn described(entries: &[Entry<'_>], all: &mut Vec<(String, Values)>) {
    let mut words = |name: &str, of: fn(&Entry<'_>) -> Option<String>| {
        all.push((name.into(), Values::Words(entries.iter().map(of).collect())));
    };
    words("experiment", |e| Some(e.run.experiment.clone()));
    words("started", |e| Some(e.run.started.clone()));
    words("machine_cpu", |e| Some(e.run.provenance.cpu.clone()));
    words("hexperiment_version", |e| {
        Some(e.run.provenance.version.clone())
    });
    words("cell", |e| Some(e.row.cell.id.clone()));
    words("scheme", |e| Some(e.row.cell.scheme.clone()));
    words("label", |e| Some(e.row.cell.label.clone()));
    words("task", |e| Some(e.row.cell.task.clone()));
    words("dataset", |e| Some(e.row.cell.dataset.clone()));
    words("status", |e| Some(e.row.status.to_string()));
    words("protection", |e| e.row.protection().map(|p| p.to_string()));
    let mut counts = |name: &str, of: fn(&Entry<'_>) -> Option<u64>| {
        all.push((name.into(), whole(entries, of)));
    };
    counts("repetition", |e| Some(e.repetition.index.into()));
    counts("threads", |e| Some(e.row.threads as u64));
    counts("seed", |e| Some(e.row.seed));
    counts("security_bits", |e| e.row.security_bits().map(u64::from));
    counts("key_bytes", |e| Some(e.row.setup.as_ref()?.keys.total()));
    counts("samples_encrypted", |e| {
        Some(e.row.measured.as_ref()?.samples as u64)
    });
    counts("samples_scored", |e| {
        Some(e.repetition.quality.samples as u64)
    });
}

/// What was measured of it.
fn measured(entries: &[Entry<'_>], all: &mut Vec<(String, Values)>) {
    let phases: [(&str, fn(&Repetition) -> Time); 4] = [
        ("encrypt", |r| r.encrypt),
        ("evaluate", |r| r.evaluate),
        ("decrypt", |r| r.decrypt),
        ("transfer", |r| r.transfer),
    ];
    for (phase, time) in phases {
        let of = |ns: fn(Time) -> u64| whole(entries, |e| Some(ns(time(e.repetition))));
        all.push((format!("{phase}_wall_ns"), of(|t| t.wall_ns)));
        all.push((format!("{phase}_cpu_ns"), of(|t| t.cpu_ns)));
    }
    let mut counts = |name: &str, of: fn(&Repetition) -> Option<u64>| {
        all.push((name.into(), whole(entries, |e| of(e.repetition))));
    };
    counts("upload_bytes", |r| Some(r.traffic.upload_bytes));
    counts("download_bytes", |r| Some(r.traffic.download_bytes));
    counts("upload_ciphertexts", |r| Some(r.traffic.upload_ciphertexts));
    counts("download_ciphertexts", |r| {
        Some(r.traffic.download_ciphertexts)
    });
    counts("rounds", |r| Some(r.traffic.rounds.into()));
    counts("decrypted_midway", |r| {
        Some(r.traffic.decrypted_midway.into())
    });
    counts("clear_values", |r| Some(r.traffic.clear_values));
    counts("client_peak_rss_bytes", |r| r.client_peak_rss_bytes);
    counts("server_peak_rss_bytes", |r| r.server_peak_rss_bytes);
    counts("peak_rss_bytes", |r| r.peak_rss_bytes);
    counts("ran_ns", |r| Some(r.load?.schedule?.ran_ns));
    counts("waited_ns", |r| Some(r.load?.schedule?.waited_ns));
    let mut numbers = |name: &str, of: fn(&Repetition) -> Option<f64>| {
        let values = entries.iter().map(|e| of(e.repetition));
        all.push((name.into(), Values::Numbers(values.collect())));
    };
    numbers("load_average_before", |r| r.load?.start);
    numbers("load_average_after", |r| r.load?.end);
    numbers("max_abs_error", |r| Some(r.errors.max_abs));
    numbers("approximation_error", |r| Some(r.errors.approximation));
    numbers("noise_error", |r| Some(r.errors.noise));
    numbers("precision_bits", |r| Some(r.errors.precision_bits));
}

/// Records hold no number above 2^53; seeds are below 2^63.
fn whole(entries: &[Entry<'_>], of: impl Fn(&Entry<'_>) -> Option<u64>) -> Values {
    let values = entries.iter().map(|e| i64::try_from(of(e)?).ok());
    Values::Counts(values.collect())
}

/// Texts as the narrowest kind that all of them are.
fn typed(texts: Vec<Option<String>>) -> Values {
    let parsed = |text: &Option<String>| text.as_ref().map(|t| t.parse::<f64>());
    let counts = |text: &Option<String>| text.as_ref().map(|t| t.parse::<i64>());
    if texts.iter().filter_map(counts).all(|n| n.is_ok()) {
        Values::Counts(texts.iter().map(|t| counts(t)?.ok()).collect())
    } else if texts.iter().filter_map(parsed).all(|x| x.is_ok()) {
        Values::Numbers(texts.iter().map(|t| parsed(t)?.ok()).collect())
    } else {
        Values::Words(texts)
    }
}

fn write(columns: &[(String, Values)]) -> Result<Vec<u8>, ParquetError> {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, values)| {
            let (physical, logical) = match values {
                Values::Counts(_) => (Physical::INT64, None),
                Values::Numbers(_) => (Physical::DOUBLE, None),
                Values::Words(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            };
            let field = Type::primitive_type_builder(name, physical)
                .with_repetition(Occurrence::OPTIONAL)
                .with_logical_type(logical);
            field.build().map(Arc::new)
        })
        .collect::<Result<_, _>>()?;
    let schema = Type::group_type_builder("repetitions").with_fields(fields);
    let mut bytes = Vec::new();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(&mut bytes, Arc::new(schema.build()?), properties)?;
    let mut group = writer.next_row_group()?;
    for (_, values) in columns {
        let Some(mut column) = group.next_column()? else {
            break;
        };
        match values {
            Values::Counts(all) => fill::<Int64Type, _>(&mut column, all, |n| *n)?,
            Values::Numbers(all) => fill::<DoubleType, _>(&mut column, all, |x| *x)?,
            Values::Words(all) => {
                fill::<ByteArrayType, _>(&mut column, all, |t| ByteArray::from(t.as_str()))?;
            }
        }
        column.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(bytes)
}

/// Writes those that are there; the levels say which are.
fn fill<T: DataType, V>(
    column: &mut SerializedColumnWriter<'_>,
    values: &[Option<V>],
    of: impl Fn(&V) -> T::T,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
    let present: Vec<T::T> = values.iter().flatten().map(of).collect();
    column
        .typed::<T>()
        .write_batch(&present, Some(&levels), None)?;
    Ok(())
}
