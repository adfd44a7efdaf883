//! Numbers that no measurement yields: a damaged file has them, or a plugin that is wrong.

use hexperiment_task::ledger::{Time, Traffic};

use super::{Load, Processors, Repetition, Schedule, Setup};

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
    at_most(&format!("{phase}.wall_ns"), time.wall_ns)?;
    at_most(&format!("{phase}.cpu_ns"), time.cpu_ns)
}

impl Setup {
    /// Whether its numbers can have been measured; the error names one that cannot.
    ///
    /// # Errors
    /// A time, in nanoseconds, or a size of a key above 2^53.
    pub fn check_limits(&self) -> Result<(), String> {
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
    /// A time, in nanoseconds, a size or a count above 2^53, or a load average below 0.
    pub fn check_limits(&self) -> Result<(), String> {
        check_time("encrypt", self.encrypt)?;
        check_time("evaluate", self.evaluate)?;
        check_time("decrypt", self.decrypt)?;
        check_time("transfer", self.transfer)?;
        check_traffic(&self.traffic)?;
        at_most("quality.samples", self.quality.samples as u64)?;
        for (name, bytes) in [
            ("peak_rss_bytes", self.peak_rss_bytes),
            ("client_peak_rss_bytes", self.client_peak_rss_bytes),
            ("server_peak_rss_bytes", self.server_peak_rss_bytes),
        ] {
            at_most(name, bytes.unwrap_or(0))?;
        }
        self.load.map_or(Ok(()), Load::check_limits)
    }
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
