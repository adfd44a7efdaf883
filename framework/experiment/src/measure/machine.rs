//! What is read off the machine.

use std::collections::BTreeMap;
use std::fs;

use hexperiment_scheme::elsewhere;

use crate::record::{Build, Provenance};

/// The largest resident set that this process has had, in bytes, and those of programs that work for
/// it; 0 for one that cannot be read.
pub fn peak_rss_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    kibibytes(&status, "VmHWM:").saturating_add(elsewhere::peak_bytes())
}

/// Lets [`peak_rss_bytes`] begin anew, with what this process holds now; where the system cannot,
/// the peak stays that of the whole process.
pub fn forget_peak_rss() {
    // Linux 4.0 and later: 5 resets the peak, and nothing else.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn kibibytes(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|l| l.strip_prefix(key));
    let number = line
        .and_then(|l| l.split_whitespace().next())
        .and_then(|n| n.parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}

/// Extensions that SEAL with HEXL, tfhe-rs, GMP and ciphers compute faster with.
const EXTENSIONS: [&str; 10] = [
    "adx",
    "aes",
    "asimd",
    "avx2",
    "avx512dq",
    "avx512f",
    "avx512ifma",
    "bmi2",
    "sve",
    "vaes",
];

/// The machine, the code of `build`, and libraries by name.
pub fn provenance(threads: usize, build: Build, versions: BTreeMap<String, String>) -> Provenance {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let cpu = field(&cpuinfo, "model name").unwrap_or(std::env::consts::ARCH);
    // x86 calls them flags, ARM features.
    let extensions = field(&cpuinfo, "flags").or_else(|| field(&cpuinfo, "Features"));
    let extensions: Vec<&str> = extensions.unwrap_or_default().split_whitespace().collect();
    let kernel = ["ostype", "osrelease"].map(|name| read(&format!("/proc/sys/kernel/{name}")));
    Provenance {
        version: env!("CARGO_PKG_VERSION").into(),
        build,
        cpu: cpu.to_owned(),
        cpu_features: EXTENSIONS
            .into_iter()
            .filter(|name| extensions.contains(name))
            .map(str::to_owned)
            .collect(),
        kernel: kernel
            .each_ref()
            .map(|s| s.trim())
            .join(" ")
            .trim()
            .to_owned(),
        load: super::load_averages(),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        memory_bytes: kibibytes(&read("/proc/meminfo"), "MemTotal:"),
        threads,
        versions,
        data: hexperiment_data::Provenance::default(),
        further_data: vec![],
    }
}

/// The memory of this machine, if it says.
pub fn memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    Some(kibibytes(&text, "MemTotal:")).filter(|bytes| *bytes > 0)
}

/// The first value of a key of `/proc/cpuinfo`.
fn field<'a>(cpuinfo: &'a str, key: &str) -> Option<&'a str> {
    cpuinfo.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_processor_are_read() {
        if cfg!(target_os = "linux") {
            assert!(peak_rss_bytes() > 1 << 20);
            let p = provenance(2, Build::default(), BTreeMap::new());
            assert!(!p.cpu.is_empty() && p.memory_bytes > 1 << 28);
            assert!(p.kernel.starts_with("Linux "), "{}", p.kernel);
        }
    }

    #[test]
    fn keys_of_cpuinfo() {
        let text = "processor\t: 0\nmodel name\t: A CPU: fast\nflags\t\t: fpu aes\n\n";
        assert_eq!(field(text, "model name"), Some("A CPU: fast"));
        assert_eq!(field(text, "flags"), Some("fpu aes"));
        assert_eq!(field(text, "model"), None);
    }
}
