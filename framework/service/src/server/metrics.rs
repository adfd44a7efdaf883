//! Numbers for Prometheus: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::api::JobState;

/// What has been counted since the service was started.
#[derive(Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<u16, u64>>,
    pub(crate) received_bytes: Counter,
    pub(crate) sent_bytes: Counter,
    jobs: Mutex<BTreeMap<&'static str, u64>>,
    pub(crate) compute_ns: Counter,
    pub(crate) load_ns: Counter,
    pub(crate) queue_ns: Counter,
    pub(crate) warm_jobs: Counter,
}

/// A number that grows.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is so at the moment.
pub(crate) struct Gauges {
    pub(crate) queued: u64,
    pub(crate) running: u64,
    pub(crate) warm: u64,
}

impl Metrics {
    pub(crate) fn answered(&self, status: u16) {
        count(&self.requests, status);
    }

    pub(crate) fn ended(&self, state: JobState) {
        count(
            &self.jobs,
            match state {
                JobState::Done => "done",
                JobState::Refused => "refused",
                JobState::Cancelled => "cancelled",
                _ => "failed",
            },
        );
    }

    /// All of them as text.
    pub(crate) fn text(&self, now: &Gauges) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, values: &[(String, String)]| {
            // Writing into a string does not fail.
            let _ = writeln!(text, "# HELP hexperiment_{name} {help}");
            let _ = writeln!(text, "# TYPE hexperiment_{name} {kind}");
            for (label, value) in values {
                let _ = writeln!(text, "hexperiment_{name}{label} {value}");
            }
        };
        let plain = |value: u64| vec![(String::new(), value.to_string())];
        let seconds = |ns: u64| vec![(String::new(), format!("{}", ns as f64 / 1e9))];
        let requests = labelled(&self.requests, "status");
        family(
            "requests_total",
            "counter",
            "Requests by status.",
            &requests,
        );
        let jobs = labelled(&self.jobs, "end");
        family("jobs_total", "counter", "Jobs by their end.", &jobs);
        for (name, help, value) in [
            (
                "received_bytes_total",
                "Bytes of keys and ciphertexts received.",
                &self.received_bytes,
            ),
            (
                "sent_bytes_total",
                "Bytes of ciphertexts sent.",
                &self.sent_bytes,
            ),
            (
                "warm_jobs_total",
                "Jobs that found their keys loaded.",
                &self.warm_jobs,
            ),
        ] {
            family(name, "counter", help, &plain(value.get()));
        }
        for (name, help, value) in [
            (
                "queue_seconds_total",
                "Time that jobs waited.",
                &self.queue_ns,
            ),
            (
                "load_seconds_total",
                "Time that loading keys and inputs took.",
                &self.load_ns,
            ),
            (
                "compute_seconds_total",
                "Time that evaluations took.",
                &self.compute_ns,
            ),
        ] {
            family(name, "counter", help, &seconds(value.get()));
        }
        for (name, help, value) in [
            ("queue_length", "Jobs and programs that wait.", now.queued),
            (
                "running_jobs",
                "Jobs and programs that are worked on.",
                now.running,
            ),
            (
                "warm_processes",
                "Processes that keep keys loaded.",
                now.warm,
            ),
        ] {
            family(name, "gauge", help, &plain(value));
        }
        text
    }
}

fn count<K: Ord>(counts: &Mutex<BTreeMap<K, u64>>, key: K) {
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    *counts.entry(key).or_default() += 1;
}

fn labelled<K: std::fmt::Display>(
    counts: &Mutex<BTreeMap<K, u64>>,
    label: &str,
) -> Vec<(String, String)> {
    let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let values = counts.iter();
    values
        .map(|(key, value)| (format!("{{{label}=\"{key}\"}}"), value.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_of_prometheus() {
        let metrics = Metrics::default();
        metrics.answered(200);
        metrics.answered(200);
        metrics.answered(429);
        metrics.ended(JobState::Done);
        metrics.compute_ns.add(1_500_000_000);
        let text = metrics.text(&Gauges {
            queued: 3,
            running: 1,
            warm: 0,
        });
        for line in [
            "# TYPE hexperiment_requests_total counter",
            "hexperiment_requests_total{status=\"200\"} 2",
            "hexperiment_requests_total{status=\"429\"} 1",
            "hexperiment_jobs_total{end=\"done\"} 1",
            "hexperiment_compute_seconds_total 1.5",
            "hexperiment_queue_length 3",
        ] {
            assert!(text.lines().any(|l| l == line), "lacks {line:?}:\n{text}");
        }
    }
}
