//! Numbers that no measurement yields: a damaged file has them, or a plugin that is wrong.

use std::ops::RangeInclusive;

use hexperiment_task::ledger::{Errors, Time, Traffic};

use super::{Load, Processors, Remote, Repetition, Run, Schedule, Setup};

/// As far as doubles count, and JSON with them: 104 days in nanoseconds, 8 PiB in bytes. Sums of a
/// thousand such numbers do not overflow.
const MOST: u64 = 1 << 53;

fn at_most(name: &str, count: u64) -> Result<(), String> {
    if count <= MOST {
        return Ok(());
    }
    Err(format!(
        "found {count} in `{name}`, expected at most {MOST} (2^53)"
    ))
}

fn check_time(phase: &str, time: Time) -> Result<(), String> {
    // Of a million records no name is made for nothing.
    if time.wall_ns <= MOST && time.cpu_ns <= MOST {
        return Ok(());
    }
    at_most(&format!("{phase}.wall_ns"), time.wall_ns)?;
    at_most(&format!("{phase}.cpu_ns"), time.cpu_ns)
}

/// Threads and processors that a machine has at most.
const MOST_PROCESSORS: u64 = 1 << 20;

impl Run {
    /// Whether its settings and its machine can be those of a run; the error names one that cannot. Settings
    /// that are not there are those of versions that did not have them.
    ///
    /// # Errors
    /// A setting of `[run]` that no experiment can have, or a machine that there is not.
    pub fn check_limits(&self) -> Result<(), String> {
        self.check_setting("processes", 1..=1000)?;
        self.check_setting("seeds", 1..=1000)?;
        self.check_setting("threads", 1..=1024)?;
        self.check_setting("security_bits", 0..=256)?;
        self.check_setting("seed", 0..=i64::MAX.unsigned_abs())?;
        let margin = self.setting("tie_margin");
        let is_share = |x: f64| (0.0..=1.0).contains(&x);
        if !margin.is_null() && !margin.as_f64().is_some_and(is_share) {
            return Err(format!(
                "found {} in `resolved.run.tie_margin`, expected a number from 0 to 1",
                shown(margin)
            ));
        }
        let p = &self.provenance;
        for (name, count) in [
            ("provenance.threads", p.threads),
            ("provenance.cores", p.cores),
        ] {
            if count as u64 > MOST_PROCESSORS {
                return Err(format!(
                    "found {count} in `{name}`, expected at most {MOST_PROCESSORS}"
                ));
            }
        }
        at_most("provenance.memory_bytes", p.memory_bytes)
    }

    fn check_setting(&self, key: &str, range: RangeInclusive<u64>) -> Result<(), String> {
        let value = self.setting(key);
        if value.is_null() || value.as_u64().is_some_and(|n| range.contains(&n)) {
            return Ok(());
        }
        Err(format!(
            "found {} in `resolved.run.{key}`, expected a whole number from {} to {}",
            shown(value),
            range.start(),
            range.end()
        ))
    }
}

/// A value as JSON, cut where it is long.
fn shown(value: &serde_json::Value) -> String {
    hexperiment_diagnostics::printable::cut(&value.to_string(), 60).into_owned()
}

fn not_negative(name: &str, value: f64) -> Result<(), String> {
    // What is no number, or infinite, is an error that happened.
    if value >= 0.0 || value.is_nan() {
        return Ok(());
    }
    Err(format!("found {value} in `{name}`, expected 0 or more"))
}

impl Setup {
    /// Whether its numbers can have been measured; the error names one that cannot.
    ///
    /// # Errors
    /// A time, in nanoseconds, a count of samples or a size of a key above 2^53.
    pub fn check_limits(&self) -> Result<(), String> {
        at_most("samples", self.samples)?;
        check_time("compile", self.compile)?;
        check_time("keygen", self.keygen)?;
        check_time("key_transfer", self.key_transfer.unwrap_or_default())?;
        check_time("prepare", self.prepare.unwrap_or_default())?;
        let keys = &self.keys;
        for (name, size) in [
            ("keys.public", keys.public),
            ("keys.relinearization", keys.relinearization),
            ("keys.galois", keys.galois),
            ("keys.bootstrapping", keys.bootstrapping),
            ("keys.shared", keys.shared),
        ] {
            at_most(name, size.unwrap_or(0))?;
        }
        Ok(())
    }
}

impl Repetition {
    /// Whether its numbers can have been measured; the error names one that cannot.
    ///
    /// # Errors
    /// A time, in nanoseconds, a size or a count above 2^53, or an error or a load average below 0.
    pub fn check_limits(&self) -> Result<(), String> {
        check_time("encrypt", self.encrypt)?;
        check_time("evaluate", self.evaluate)?;
        check_time("decrypt", self.decrypt)?;
        check_time("transfer", self.transfer)?;
        check_traffic(&self.traffic)?;
        check_errors(&self.errors)?;
        at_most("quality.samples", self.quality.samples as u64)?;
        for (name, bytes) in [
            ("peak_rss_bytes", self.peak_rss_bytes),
            ("client_peak_rss_bytes", self.client_peak_rss_bytes),
            ("server_peak_rss_bytes", self.server_peak_rss_bytes),
        ] {
            at_most(name, bytes.unwrap_or(0))?;
        }
        self.remote.map_or(Ok(()), Remote::check_limits)?;
        if let Some(library) = &self.library {
            at_most("library.encrypt_ns", library.encrypt_ns)?;
            at_most("library.evaluate_ns", library.evaluate_ns.unwrap_or(0))?;
            at_most("library.decrypt_ns", library.decrypt_ns)?;
            for (name, ns) in &library.operations {
                at_most(&format!("library.operations.{name}"), *ns)?;
            }
        }
        self.load.map_or(Ok(()), Load::check_limits)
    }
}

fn check_errors(errors: &Errors) -> Result<(), String> {
    let mut all = vec![
        ("errors.max_abs", errors.max_abs),
        ("errors.approximation", errors.approximation),
        ("errors.noise", errors.noise),
        ("errors.precision_bits", errors.precision_bits),
    ];
    if let Some(clipping) = &errors.clipping {
        at_most("errors.clipping.values", clipping.values)?;
        at_most("errors.clipping.columns", clipping.columns)?;
        all.extend([
            ("errors.clipping.largest_move", clipping.largest_move),
            ("errors.clipping.error", clipping.error),
        ]);
    }
    for output in &errors.outputs {
        all.extend([
            ("errors.outputs.max_abs", output.max_abs),
            ("errors.outputs.approximation", output.approximation),
            ("errors.outputs.noise", output.noise),
            ("errors.outputs.clipping", output.clipping),
            ("errors.outputs.magnitude", output.magnitude),
        ]);
    }
    if let Some(precision) = &errors.precision {
        all.extend([
            ("errors.precision.demanded", precision.demanded),
            ("errors.precision.observed", precision.observed),
            ("errors.precision.claimed", precision.claimed),
        ]);
    }
    all.into_iter()
        .try_for_each(|(name, value)| not_negative(name, value))
}

fn check_traffic(traffic: &Traffic) -> Result<(), String> {
    for (name, count) in [
        ("traffic.upload_bytes", traffic.upload_bytes),
        ("traffic.download_bytes", traffic.download_bytes),
        ("traffic.upload_ciphertexts", traffic.upload_ciphertexts),
        ("traffic.download_ciphertexts", traffic.download_ciphertexts),
        ("traffic.clear_values", traffic.clear_values),
    ] {
        at_most(name, count)?;
    }
    Ok(())
}

impl Remote {
    fn check_limits(self) -> Result<(), String> {
        for (name, ns) in [
            ("remote.upload_ns", self.upload_ns),
            ("remote.upload_server_ns", self.upload_server_ns),
            ("remote.job_ns", self.job_ns),
            ("remote.queue_ns", self.queue_ns),
            ("remote.load_ns", self.load_ns),
            ("remote.compute_ns", self.compute_ns),
            ("remote.store_ns", self.store_ns),
            ("remote.download_ns", self.download_ns),
        ] {
            at_most(name, ns)?;
        }
        Ok(())
    }
}

impl Load {
    fn check_limits(self) -> Result<(), String> {
        for (name, average) in [("load.start", self.start), ("load.end", self.end)] {
            if let Some(average) = average.filter(|x| *x < 0.0) {
                return Err(format!("found {average} in `{name}`, expected 0 or more"));
            }
        }
        let Schedule { ran_ns, waited_ns } = self.schedule.unwrap_or_default();
        at_most("load.schedule.ran_ns", ran_ns)?;
        at_most("load.schedule.waited_ns", waited_ns)?;
        let Processors {
            capacity_ns,
            idle_ns,
        } = self.processors.unwrap_or_default();
        at_most("load.processors.capacity_ns", capacity_ns)?;
        at_most("load.processors.idle_ns", idle_ns)
    }
}
