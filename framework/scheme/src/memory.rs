//! Memory: what a circuit needs, held against what its process may take.
//!
//! Libraries that run out of memory end the process, some by a fault that tells nothing. A scheme
//! that can compute its need states it ([`Parameters::memory_bytes`](super::Parameters)); where
//! the limit is below, the framework refuses with both numbers.

use std::fs;

use super::Refusal;

const MIB: u64 = 1 << 20;

/// Bytes that this process may still allocate: its limit, less what it has allocated. `None` where
/// there is no limit, or none that can be read.
///
/// A scheme whose [`Scheme::compile`](super::Scheme::compile) allocates much passes this to
/// [`hold`] before it does.
pub fn left() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some(limit(&limits)?.saturating_sub(allocated(&status)?))
}

/// Refuses a `need` of more bytes than are `left`.
///
/// # Errors
///
/// A refusal of `memory`: there is a limit, and less than `need` is left of it.
pub fn hold(need: u64, left: Option<u64>) -> Result<(), Refusal> {
    match left {
        Some(left) if need > left => {
            let reason = format!(
                "keys, ciphertexts and tables take about {} MiB, and {} MiB of `memory_limit` are left; raise it \
                 in [run], or take fewer `threads`, rows or levels",
                need.div_ceil(MIB),
                left / MIB
            );
            Err(Refusal::because("memory", reason))
        }
        _ => Ok(()),
    }
}

/// The soft limit of `/proc/self/limits`, in bytes; `None` where it is `unlimited`.
fn limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|l| l.strip_prefix("Max data size"));
    line?.split_whitespace().next()?.parse().ok()
}

/// What that limit counts: the writable memory of the process's own (Linux from 4.7 on), not
/// files that it maps nor addresses that it only reserves.
fn allocated(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmData:"));
    let kibibytes: u64 = line?.split_whitespace().next()?.parse().ok()?;
    Some(1024 * kibibytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        let text = |soft: &str| {
            format!(
                "Limit                     Soft Limit           Hard Limit           Units\n\
                 Max cpu time              unlimited            unlimited            seconds\n\
                 Max data size             {soft}            unlimited            bytes\n"
            )
        };
        assert_eq!(limit(&text("314572800")), Some(300 * MIB));
        assert_eq!(limit(&text("unlimited")), None);
        assert_eq!(limit(""), None);
        assert_eq!(
            allocated("VmSize:\t 9 kB\nVmData:\t   2048 kB\n"),
            Some(2 * MIB)
        );
        assert_eq!(allocated("VmSize:\t 9 kB\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_allocated_counts() {
        let read = || allocated(&fs::read_to_string("/proc/self/status").unwrap()).unwrap();
        let before = read();
        let held = std::hint::black_box(vec![1_u8; 256 << 20]);
        let after = read();
        // Other tests free what they held before, but not as much.
        assert!(after > before + 200 * MIB, "{before} bytes, then {after}");
        drop(held);
    }

    #[test]
    fn a_need_beyond_what_is_left_is_refused_with_both_numbers() {
        assert_eq!(hold(300 * MIB, Some(300 * MIB)), Ok(()));
        assert_eq!(hold(u64::MAX, None), Ok(()));
        let refusal = hold(300 * MIB + 1, Some(299 * MIB))
            .unwrap_err()
            .to_string();
        for word in [
            "memory: ",
            "about 301 MiB",
            "299 MiB of `memory_limit`",
            "raise it in [run]",
        ] {
            assert!(refusal.contains(word), "{refusal}");
        }
    }
}
