//! What is read off the machine.

use std::collections::BTreeMap;
use std::fs;

use hexperiment_scheme::elsewhere;

use super::load::{load_averages, processors};
use crate::record::{Build, Environment, Provenance};

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
        load: load_averages(),
        cores: usable(),
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

/// The environment variable that names this machine in records; set and empty, none is recorded.
pub const NODE: &str = "HEXPERIMENT_NODE";

/// Characters of a machine's name that are recorded: names in the domain name system have at most 253.
const LONGEST_NODE: usize = 253;

/// The machine as it is now.
pub fn environment() -> Environment {
    let cpuinfo = read("/proc/cpuinfo");
    Environment {
        node: node(),
        boot: first_line("/proc/sys/kernel/random/boot_id").map(|id| id.chars().take(8).collect()),
        cpu: field(&cpuinfo, "model name")
            .unwrap_or(std::env::consts::ARCH)
            .to_owned(),
        microcode: field(&cpuinfo, "microcode").map(str::to_owned),
        frequency_mhz: frequency_mhz(&cpuinfo),
        load: load_averages().map(|[minute, ..]| minute),
        processors: Some(processors(&read("/proc/stat"))).filter(|count| *count > 0),
        usable: usable(),
    }
}

/// The name of this machine, as [`NODE`] says, else as the system does.
pub fn node() -> Option<String> {
    let name = match std::env::var_os(NODE) {
        Some(set) => Some(set.to_string_lossy().into_owned()),
        None => first_line("/proc/sys/kernel/hostname"),
    };
    let name = name?.trim().chars().take(LONGEST_NODE).collect::<String>();
    (!name.is_empty()).then_some(name)
}

fn usable() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn first_line(path: &str) -> Option<String> {
    let text = read(path);
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// The highest frequency of a processor: as the driver of its clock says, else as `/proc/cpuinfo` does.
fn frequency_mhz(cpuinfo: &str) -> Option<u32> {
    let policies = fs::read_dir("/sys/devices/system/cpu/cpufreq").into_iter();
    let files = policies
        .flatten()
        .flatten()
        .map(|policy| policy.path().join("scaling_cur_freq"));
    let khz = files.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<u32>().ok());
    khz.max()
        .map(|khz| khz / 1000)
        .or_else(|| highest_mhz(cpuinfo))
}

/// Of `/proc/cpuinfo`, where each processor has one of its own.
fn highest_mhz(cpuinfo: &str) -> Option<u32> {
    let all = cpuinfo.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let mhz: f64 = value.trim().parse().ok()?;
        let is_frequency = name.trim() == "cpu MHz" && (1.0..1e6).contains(&mhz);
        is_frequency.then_some(mhz as u32)
    });
    all.max()
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
        let clocks = "cpu MHz\t\t: 2500.4\ncpu MHz\t\t: 3100.9\ncpu MHz\t\t: -1\ncpu MHz\t\t: x\n";
        assert_eq!(highest_mhz(clocks), Some(3100));
        assert_eq!(highest_mhz(text), None);
    }

    #[test]
    fn the_machine_is_told() {
        let environment = environment();
        assert!(environment.usable > 0 && !environment.cpu.is_empty());
        if cfg!(target_os = "linux") {
            assert!(environment.load.is_some() && environment.processors.is_some());
            assert_eq!(environment.boot.map(|boot| boot.len()), Some(8));
        }
    }
}
