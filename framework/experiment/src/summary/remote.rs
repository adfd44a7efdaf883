//! Phases of evaluations by a far server.

use crate::measure::median;
use crate::record::{Remote, Repetition};

/// Phases of evaluations by a far server, each in the median over the repetitions, in milliseconds, by
/// the clock that [`Remote`] says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RemotePhases {
    /// [`Remote::upload_ns`]
    pub upload_ms: f64,
    /// [`Remote::upload_server_ns`]
    pub upload_server_ms: f64,
    /// [`Remote::job_ns`]
    pub job_ms: f64,
    /// [`Remote::queue_ns`]
    pub queue_ms: f64,
    /// [`Remote::load_ns`]
    pub load_ms: f64,
    /// [`Remote::compute_ns`]
    pub compute_ms: f64,
    /// [`Remote::store_ns`]
    pub store_ms: f64,
    /// [`Remote::download_ns`]
    pub download_ms: f64,
}

impl RemotePhases {
    /// Of the repetitions whose server was far; `None` of none.
    pub(super) fn of(repetitions: &[&Repetition]) -> Option<Self> {
        let all: Vec<Remote> = repetitions.iter().filter_map(|r| r.remote).collect();
        let ms = |of: fn(&Remote) -> u64| {
            let values: Vec<f64> = all.iter().map(|remote| of(remote) as f64 / 1e6).collect();
            median(&values)
        };
        (!all.is_empty()).then(|| Self {
            upload_ms: ms(|r| r.upload_ns),
            upload_server_ms: ms(|r| r.upload_server_ns),
            job_ms: ms(|r| r.job_ns),
            queue_ms: ms(|r| r.queue_ns),
            load_ms: ms(|r| r.load_ns),
            compute_ms: ms(|r| r.compute_ns),
            store_ms: ms(|r| r.store_ns),
            download_ms: ms(|r| r.download_ns),
        })
    }
}
