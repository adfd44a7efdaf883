//! What is read off the machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::record::Provenance;

/// The largest resident set that this process has had, in bytes; 0 where it cannot be read.
pub fn peak_rss_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    kibibytes(&status, "VmHWM:")
}

fn kibibytes(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|l| l.strip_prefix(key));
    let number = line
        .and_then(|l| l.split_whitespace().next())
        .and_then(|n| n.parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}

/// The machine and the code. `versions` holds libraries by name.
pub fn provenance(threads: usize, versions: BTreeMap<String, String>) -> Provenance {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpuinfo
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map_or_else(
            || std::env::consts::ARCH.to_owned(),
            |l| l.trim_start_matches([' ', '\t', ':']).to_owned(),
        );
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    Provenance {
        version: env!("CARGO_PKG_VERSION").into(),
        revision: revision(Path::new(".")),
        cpu,
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        memory_bytes: kibibytes(&meminfo, "MemTotal:"),
        threads,
        versions,
        data: crate::dataset::Provenance::default(),
        further_data: vec![],
    }
}

/// The revision of the checkout at `folder`; empty where there is none.
fn revision(folder: &Path) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(arguments)
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let Some(revision) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return String::new();
    };
    let changed = git(&["status", "--porcelain"]).is_some_and(|s| !s.is_empty());
    if changed {
        revision + "-dirty"
    } else {
        revision
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_processor_are_read() {
        if cfg!(target_os = "linux") {
            assert!(peak_rss_bytes() > 1 << 20);
            let p = provenance(2, BTreeMap::new());
            assert!(!p.cpu.is_empty() && p.memory_bytes > 1 << 28);
        }
    }
}
