//! The columns of tables for papers: what a reader compares, each with its unit in its head.

use hexperiment_experiment::record::{Clock, Status};
use hexperiment_experiment::summary::{Measured, Row, axes};
use hexperiment_scheme::security::Protection;

use super::label;
use crate::Shown;
use crate::first_table::{headline, value};
use crate::grid::Column;
use crate::units::{counted, significant};

/// Digits of times and sizes.
const DIGITS: i32 = 3;

/// The columns of the rows of a run; one that says nothing of any row is left out, but for the first.
pub(super) fn columns(rows: &[Row]) -> Vec<Column> {
    let words = |head: &str, cell: &dyn Fn(&Row) -> String| {
        Column::words(head, rows.iter().map(cell).collect())
    };
    let numbers = |head: &str, cell: &dyn Fn(&Row) -> String| {
        Column::numbers(head, rows.iter().map(cell).collect())
    };
    let measured =
        |row: &Row, f: &dyn Fn(&Measured) -> String| row.measured.as_ref().map_or(String::new(), f);
    let ms = |ms: f64| significant(ms, DIGITS);
    let kib = |bytes: u64| significant(bytes as f64 / 1024.0, DIGITS);
    let mib = |bytes: Option<u64>| {
        bytes.map_or(String::new(), |n| {
            significant(n as f64 / f64::from(1 << 20), DIGITS)
        })
    };
    let metric = headline(rows).map_or("Metric".into(), |name| name.replace('_', " "));
    let mut all = vec![words("Scheme", &|row| label(row).to_owned())];
    all.extend(axes(rows).into_iter().map(|key| {
        let name = key.rsplit('.').next().unwrap_or(key).replace('_', " ");
        numbers(&name, &|row| row.axis(key).to_string())
    }));
    let of_phase =
        |head: &str, f: fn(&Measured) -> f64| numbers(head, &|row| measured(row, &|m| ms(f(m))));
    all.extend([
        numbers("Security (bits)", &bits),
        numbers(&metric, &|row| {
            row.headline().map_or(String::new(), |m| value(m.value))
        }),
        numbers("Max. error", &|row| {
            measured(row, &|m| significant(m.errors.max_abs, 2))
        }),
        of_phase("Encrypt (ms)", |m| m.encrypt.median(Clock::Wall)),
        of_phase("Evaluate (ms)", |m| m.evaluate_ms.median),
        numbers("95 % interval (ms)", &|row| {
            measured(row, &|m| {
                m.evaluate_ms.interval.map_or(String::new(), |i| {
                    format!("{} to {}", ms(i.low), ms(i.high))
                })
            })
        }),
        of_phase("Decrypt (ms)", |m| m.decrypt.median(Clock::Wall)),
        numbers("Up (KiB)", &|row| {
            measured(row, &|m| kib(m.traffic.upload_bytes))
        }),
        numbers("Down (KiB)", &|row| {
            measured(row, &|m| kib(m.traffic.download_bytes))
        }),
        numbers("Keys (KiB)", &|row| {
            row.setup
                .as_ref()
                .map_or(String::new(), |s| kib(s.keys.total()))
        }),
        numbers("Client memory (MiB)", &|row| {
            measured(row, &|m| mib(m.client_peak_rss_bytes))
        }),
        numbers("Server memory (MiB)", &|row| {
            measured(row, &|m| mib(m.server_peak_rss_bytes))
        }),
        words("Status", &status),
    ]);
    let mut place = 0;
    all.retain(|column| {
        place += 1;
        place == 1 || column.cells.iter().any(|cell| !cell.is_empty())
    });
    all
}

/// The level against the server; what is no level is said in a word.
pub(crate) fn bits(row: &Row) -> String {
    match (row.protection(), row.security_bits()) {
        (Some(Protection::Encrypted), Some(bits)) if row.insecure() => format!("{bits} (insecure)"),
        (Some(Protection::Encrypted), Some(bits)) => bits.to_string(),
        (Some(Protection::TransportOnly), _) => "transport only".into(),
        (Some(Protection::None), _) => "none".into(),
        _ => String::new(),
    }
}

/// What a reader must know of a row; nothing of one that is well.
fn status(row: &Row) -> String {
    let mut words = Vec::new();
    if row.status != Status::Ok {
        words.push(row.status.to_string());
    }
    if row.imprecise().is_some() {
        words.push("imprecise".into());
    }
    if row.busy.is_some() {
        words.push("busy machine".into());
    }
    words.join(", ")
}

/// The question, and what the table is of, in one paragraph.
pub(super) fn caption(shown: &Shown<'_>) -> String {
    format!("{} {}", shown.records.run.question.trim(), facts(shown))
}

/// What the table is of.
pub(super) fn facts(shown: &Shown<'_>) -> String {
    let run = &shown.records.run;
    let p = &run.provenance;
    let measured = shown.rows.iter().filter_map(|row| row.measured.as_ref());
    let samples: Vec<usize> = measured.clone().map(|m| m.samples).collect();
    let repetitions = measured.map(|m| m.repetitions).max().unwrap_or(0);
    let batch = match (samples.iter().min(), samples.iter().max()) {
        (Some(least), Some(most)) if least == most => counted(*least, "sample", "samples"),
        (Some(least), Some(most)) => format!("{least} to {most} samples"),
        _ => "no samples".into(),
    };
    format!(
        "Medians of {} over the whole batch of {batch}; KiB and MiB are units of 1024. {}, {}, {}; \
         hexperiment {}, {}.",
        counted(repetitions, "repetition", "repetitions"),
        p.cpu,
        counted(p.cores, "logical processor", "logical processors"),
        counted(p.threads, "thread", "threads"),
        p.version,
        run.started
    )
}
