//! The columns of `summary.csv`: one table, which the writer, `[expect]` and the overview read.

use std::collections::BTreeSet;

use super::{Measured, MetricIntervals, Phase, RemotePhases, Row, StartUp};
use crate::record::{Clock, Setup};
use hexperiment_scheme::options::OptionValue;
use hexperiment_task::ledger::{Clipping, Metric, Precision};
use hexperiment_task::metrics::is_share;

/// What stands in one column of one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// Words.
    Text(String),
    /// A whole number.
    Count(u64),
    /// A number.
    Number(f64),
    /// The column does not apply.
    Empty,
}

impl Field {
    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Count(n) => Some(*n as f64),
            Self::Number(x) => Some(*x),
            Self::Text(_) | Self::Empty => None,
        }
    }

    fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    fn maybe(number: Option<f64>) -> Self {
        number.map_or(Self::Empty, Self::Number)
    }
}

impl std::fmt::Display for Field {
    /// Shortest digits that read back as the same number; nothing where nothing applies.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Count(n) => write!(f, "{n}"),
            Self::Number(x) => write!(f, "{x:?}"),
            Self::Empty => Ok(()),
        }
    }
}

/// What a column holds, where it holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words.
    Words,
    /// Numbers: what an expectation may bound.
    Numbers,
}

/// A column of `summary.csv`.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether `overview.csv` has it, too.
    pub in_overview: bool,
    get: fn(&Row) -> Field,
}

impl Column {
    /// What stands in it.
    pub fn of(&self, row: &Row) -> Field {
        (self.get)(row)
    }

    const fn and_overview(self) -> Self {
        Self {
            in_overview: true,
            ..self
        }
    }
}

const fn words(name: &'static str, get: fn(&Row) -> Field) -> Column {
    Column {
        name,
        kind: Kind::Words,
        in_overview: false,
        get,
    }
}

const fn numbers(name: &'static str, get: fn(&Row) -> Field) -> Column {
    Column {
        kind: Kind::Numbers,
        ..words(name, get)
    }
}

/// All columns, in order. Behind [`BEFORE_AXES`] stand those of the matrix, see [`axes`].
pub static COLUMNS: [Column; 74] = {
    use Clock::{Cpu, Wall};
    use Field::{Count, Empty, Number, Text};
    [
        words("experiment", |r| Field::text(&r.experiment)),
        words("started", |r| Field::text(&r.started)),
        words("cell", |r| Field::text(&r.cell.id)),
        words("scheme", |r| Field::text(&r.cell.scheme)),
        words("label", |r| Field::text(&r.cell.label)).and_overview(),
        words("task", |r| Field::text(&r.cell.task)),
        words("dataset", |r| Field::text(&r.cell.dataset)),
        words("status", |r| Text(r.status.to_string())).and_overview(),
        words("reason", |r| Field::text(&r.reason)).and_overview(),
        numbers("samples", |r| measured(r, |m| Count(m.samples as u64))).and_overview(),
        numbers("repetitions", |r| {
            measured(r, |m| Count(m.repetitions as u64))
        }),
        numbers("processes", |r| {
            measured(r, |m| Count(m.process_count() as u64))
        }),
        numbers("seed", |r| Count(r.seed)),
        numbers("seeds", |r| measured(r, |m| Count(m.seeds as u64))),
        words("metric", |r| headline(r, |m| Field::text(&m.name))).and_overview(),
        numbers("value", |r| headline(r, |m| Number(m.value))).and_overview(),
        numbers("plaintext_value", |r| {
            headline(r, |m| Field::maybe(m.plaintext))
        })
        .and_overview(),
        numbers("unclipped_value", |r| {
            headline(r, |m| {
                clipping(r, |c| {
                    // Where nothing was clipped, the two are one.
                    let same = m.plaintext.filter(|_| c.values == 0 && c.error == 0.0);
                    Field::maybe(m.unclipped.or(same))
                })
            })
        }),
        numbers("value_low", |r| over_seeds(r, |i| Some(i.value?.low))),
        numbers("value_high", |r| over_seeds(r, |i| Some(i.value?.high))),
        numbers("plaintext_value_low", |r| {
            over_seeds(r, |i| Some(i.plaintext?.low))
        }),
        numbers("plaintext_value_high", |r| {
            over_seeds(r, |i| Some(i.plaintext?.high))
        }),
        numbers("max_abs_error", |r| {
            measured(r, |m| Number(m.errors.max_abs))
        })
        .and_overview(),
        numbers("clipping_error", |r| clipping(r, |c| Number(c.error))),
        numbers("approximation_error", |r| {
            measured(r, |m| Number(m.errors.approximation))
        }),
        numbers("noise_error", |r| measured(r, |m| Number(m.errors.noise))),
        numbers("precision_bits", |r| {
            measured(r, |m| Number(m.errors.precision_bits))
        }),
        numbers("precision_demanded", |r| {
            precision(r, |p| Number(p.demanded))
        }),
        numbers("precision_claimed", |r| precision(r, |p| Number(p.claimed))),
        words("precision_met", |r| {
            precision(r, |p| Text(p.is_met().to_string()))
        }),
        numbers("clipped_values", |r| clipping(r, |c| Count(c.values))),
        numbers("compile_ms", |r| once(r, |s| &s.compile, Wall)),
        numbers("keygen_ms", |r| once(r, |s| &s.keygen, Wall)),
        numbers("key_transfer_ms", |r| once(r, |s| &s.key_transfer, Wall)),
        numbers("prepare_ms", |r| once(r, |s| &s.prepare, Wall)),
        numbers("encrypt_ms", |r| {
            measured(r, |m| Number(m.encrypt.median(Wall)))
        }),
        numbers("evaluate_ms", |r| {
            measured(r, |m| Number(m.evaluate_ms.median))
        }),
        numbers("decrypt_ms", |r| {
            measured(r, |m| Number(m.decrypt.median(Wall)))
        }),
        numbers("transfer_ms", |r| {
            measured(r, |m| Number(m.transfer.median(Wall)))
        }),
        numbers("evaluate_ms_low", |r| {
            measured(r, |m| Field::maybe(m.evaluate_ms.interval.map(|i| i.low)))
        }),
        numbers("evaluate_ms_high", |r| {
            measured(r, |m| Field::maybe(m.evaluate_ms.interval.map(|i| i.high)))
        }),
        numbers("evaluate_between", |r| {
            measured(r, |m| Field::maybe(m.spread(Wall).map(|s| s.between)))
        }),
        numbers("evaluate_within", |r| {
            measured(r, |m| Field::maybe(m.spread(Wall).and_then(|s| s.within)))
        }),
        numbers("total_ms_per_sample", |r| {
            measured(r, |m| Field::maybe(m.total_ms_per_sample(Wall)))
        })
        .and_overview(),
        numbers("compile_cpu_ms", |r| once(r, |s| &s.compile, Cpu)),
        numbers("keygen_cpu_ms", |r| once(r, |s| &s.keygen, Cpu)),
        numbers("prepare_cpu_ms", |r| once(r, |s| &s.prepare, Cpu)),
        numbers("encrypt_cpu_ms", |r| {
            measured(r, |m| Number(m.encrypt.median(Cpu)))
        }),
        numbers("evaluate_cpu_ms", |r| {
            measured(r, |m| Number(m.evaluate_cpu_ms.median))
        }),
        numbers("decrypt_cpu_ms", |r| {
            measured(r, |m| Number(m.decrypt.median(Cpu)))
        }),
        numbers("total_cpu_ms_per_sample", |r| {
            measured(r, |m| Field::maybe(m.total_ms_per_sample(Cpu)))
        })
        .and_overview(),
        numbers("load_average", |r| {
            measured(r, |m| Field::maybe(m.load_average))
        }),
        numbers("share_waited", |r| {
            measured(r, |m| Field::maybe(m.share_waited))
        }),
        numbers("ciphertext_bytes", |r| {
            measured(r, |m| Count(m.traffic.upload_bytes))
        })
        .and_overview(),
        numbers("result_bytes", |r| {
            measured(r, |m| Count(m.traffic.download_bytes))
        }),
        numbers("key_bytes", |r| setup(r, |s| Count(s.keys.total()))).and_overview(),
        numbers("expansion", |r| {
            measured(r, |m| Field::maybe(m.expansion()))
        })
        .and_overview(),
        numbers("rounds", |r| {
            measured(r, |m| Count(m.traffic.rounds.into()))
        })
        .and_overview(),
        words("server_sees", |r| {
            setup(r, |s| Field::text(&s.parameters.server_sees))
        }),
        words("protection", |r| {
            r.protection().map_or(Empty, |p| Text(p.to_string()))
        })
        .and_overview(),
        words("encryption", |r| {
            r.encryption().map_or(Empty, |e| Text(e.to_string()))
        })
        .and_overview(),
        numbers("security_bits", |r| {
            setup(r, |s| Count(s.parameters.security.bits().into()))
        })
        .and_overview(),
        numbers("failure_log2", |r| {
            setup(r, |s| Field::maybe(s.parameters.failure.log2()))
        })
        .and_overview(),
        numbers("client_peak_rss_bytes", |r| {
            measured(r, |m| m.client_peak_rss_bytes.map_or(Empty, Count))
        }),
        numbers("server_peak_rss_bytes", |r| {
            measured(r, |m| m.server_peak_rss_bytes.map_or(Empty, Count))
        }),
        numbers("threads", |r| Count(r.threads as u64)).and_overview(),
        numbers("remote_upload_ms", |r| remote(r, |p| p.upload_ms)),
        numbers("remote_upload_server_ms", |r| {
            remote(r, |p| p.upload_server_ms)
        }),
        numbers("remote_job_ms", |r| remote(r, |p| p.job_ms)),
        numbers("remote_queue_ms", |r| remote(r, |p| p.queue_ms)),
        numbers("remote_load_ms", |r| remote(r, |p| p.load_ms)),
        numbers("remote_compute_ms", |r| remote(r, |p| p.compute_ms)),
        numbers("remote_store_ms", |r| remote(r, |p| p.store_ms)),
        numbers("remote_download_ms", |r| remote(r, |p| p.download_ms)),
    ]
};

/// The column behind which those of the matrix stand.
pub const BEFORE_AXES: &str = "dataset";

fn setup(row: &Row, f: impl FnOnce(&Setup) -> Field) -> Field {
    row.setup.as_ref().map_or(Field::Empty, f)
}

fn measured(row: &Row, f: impl FnOnce(&Measured) -> Field) -> Field {
    row.measured.as_ref().map_or(Field::Empty, f)
}

/// Of a phase of evaluations by a far server.
fn remote(row: &Row, phase: fn(&RemotePhases) -> f64) -> Field {
    let phases = row.measured.as_ref().and_then(|m| m.remote.as_ref());
    phases.map_or(Field::Empty, |phases| Field::Number(phase(phases)))
}

fn precision(row: &Row, f: impl FnOnce(&Precision) -> Field) -> Field {
    let precision = row
        .measured
        .as_ref()
        .and_then(|m| m.errors.precision.as_ref());
    precision.map_or(Field::Empty, f)
}

fn clipping(row: &Row, f: impl FnOnce(&Clipping) -> Field) -> Field {
    let measured = row.measured.as_ref();
    let clipping = measured.and_then(|m| m.errors.clipping.as_ref());
    clipping.map_or(Field::Empty, f)
}

fn headline(row: &Row, f: impl FnOnce(&Metric) -> Field) -> Field {
    row.headline().map_or(Field::Empty, f)
}

/// Of the intervals of the headline's mean over seeds.
fn over_seeds(row: &Row, f: impl FnOnce(MetricIntervals) -> Option<f64>) -> Field {
    let headline = row.headline();
    let intervals = headline.map(|m| row.intervals(&m.name));
    let end = intervals.and_then(f);
    // Student's t knows no bounds; what a share can be does.
    let is_share = headline.is_some_and(|m| is_share(&m.name));
    Field::maybe(end.map(|end| if is_share { end.clamp(0.0, 1.0) } else { end }))
}

/// Of a phase that is done once in each process; empty where records of earlier versions do not have
/// it.
fn once(row: &Row, phase: fn(&StartUp) -> &Phase, clock: Clock) -> Field {
    let phase = row.start_up.as_ref().map(phase);
    let phase = phase.filter(|phase| !phase.values(clock).is_empty());
    phase.map_or(Field::Empty, |phase| Field::Number(phase.median(clock)))
}

/// The keys of the matrix, as in `task.features`: what some of the rows vary, by name.
pub fn axes(rows: &[Row]) -> Vec<&str> {
    let keys = rows.iter().flat_map(|row| row.cell.point.keys());
    let keys: BTreeSet<&str> = keys.map(String::as_str).collect();
    keys.into_iter().collect()
}

impl Row {
    /// What stands in the column of [`COLUMNS`] called `name`; `None` for other names.
    pub fn column(&self, name: &str) -> Option<Field> {
        let column = COLUMNS.iter().find(|column| column.name == name)?;
        Some(column.of(self))
    }

    /// The row's value of an axis of the matrix; empty where its scheme has no such option.
    pub fn axis(&self, key: &str) -> Field {
        match self.cell.point.get(key) {
            None => Field::Empty,
            Some(OptionValue::Text(text)) => Field::text(text),
            Some(value) => Field::Text(value.to_string()),
        }
    }
}
