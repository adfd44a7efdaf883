//! The memory of this process: given back before a wait, and bounded.

/// Gives freed memory back to the system before a wait: cells wait for each other's repetitions,
/// and all of them together must fit the machine. Outside of every clock.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "a call of the system's C library")]
pub(crate) fn give_memory_back() {
    // SAFETY: the allocator gives back only what is free, and is safe to call from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_memory_back() {}

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
