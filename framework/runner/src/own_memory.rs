//! The memory of this process: given back before a wait, and bounded.

/// Free memory that a waiting process keeps. Pages that were given back are faulted in again within
/// the clocks of the next repetition, as they would not be in a service that answers query after
/// query: of a millisecond of SEAL's work on small rings that is the larger part.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES: usize = 64 << 20;

/// Gives freed memory back to the system before a wait, if it is much: cells wait for each other's
/// repetitions, and all of them together must fit the machine. Outside of every clock.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "a call of the system's C library")]
pub(crate) fn give_memory_back() {
    // SAFETY: both calls are safe from any thread; the first returns counts by value, the second
    // gives back only what is free.
    unsafe {
        if libc::mallinfo2().fordblks > KEPT_BYTES {
            libc::malloc_trim(0);
        }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_memory_back() {}

/// Has the allocator keep what is freed, up to [`KEPT_BYTES`], where by itself it gives back what is above a
/// hundred kilobytes with every block that is freed: of a ciphertext's size, so that each one's pages were
/// faulted in anew. Larger blocks than the allocator would come to hold by itself are not kept.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "calls of the system's C library")]
pub(crate) fn keep_freed_memory() {
    /// The most that glibc raises its own threshold to.
    const LARGEST_KEPT: libc::c_int = 32 << 20;
    // SAFETY: the calls set numbers of the allocator, under its own lock. One that it does not take leaves all
    // as it was.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES as libc::c_int);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST_KEPT);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep_freed_memory() {}

/// Bounds what the process allocates, so that a cell that takes too much ends as a row, not as the
/// machine's trouble. On Linux its own writable memory, elsewhere its address space, which an
/// allocator reserves much more of than it uses.
#[cfg(unix)]
pub(crate) fn limit_memory(bytes: u64) {
    use nix::sys::resource::{Resource, setrlimit};
    #[cfg(target_os = "linux")]
    let counted = Resource::RLIMIT_DATA;
    #[cfg(not(target_os = "linux"))]
    let counted = Resource::RLIMIT_AS;
    // Fails where the system allows less already, which bounds the process as well.
    let _ = setrlimit(counted, bytes, bytes);
}

#[cfg(not(unix))]
pub(crate) fn limit_memory(_: u64) {}
