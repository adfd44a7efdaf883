//! Processes that do not answer: what they wrote to standard error, and how they ended, in words.

use std::io::{Read, Write};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes that are kept of what a process writes to standard error, at its end.
const KEPT: usize = 64 << 10;

/// Bytes of it that are copied, at most: a process that floods a log must not fill the disk.
const COPIED: usize = 4 << 20;

/// How a process ended, if it does so in time.
pub fn within(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(None) if began.elapsed() < limit => std::thread::sleep(Duration::from_millis(5)),
            Ok(status) => return status,
            Err(_) => return None,
        }
    }
}

/// The end of what a process writes to standard error.
pub struct Kept {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Kept {
    /// Reads a stream to its end, by a thread of its own.
    pub fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        Self::copied(stream, std::io::sink())
    }

    /// The same, and writes its first 4 MiB to this process's own standard error.
    pub fn echoed(stream: Option<impl Read + Send + 'static>) -> Self {
        Self::copied(stream, std::io::stderr())
    }

    fn copied(
        stream: Option<impl Read + Send + 'static>,
        mut copy: impl Write + Send + 'static,
    ) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let reader = stream.map(|mut stream| {
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                let mut left = COPIED;
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    // Nobody to copy it for any more: it is still read, so that the writer goes on.
                    let copied = count.min(left);
                    let _ = copy.write_all(&buffer[..copied]);
                    if copied < left {
                        left -= copied;
                    } else if left > 0 {
                        left = 0;
                        let _ = copy.write_all(b"\n(more was written, and is left out)\n");
                    }
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.extend_from_slice(&buffer[..count]);
                    let surplus = kept.len().saturating_sub(KEPT);
                    kept.drain(..surplus);
                }
            })
        });
        Self { bytes, reader }
    }

    /// What says most of the end; the process has ended.
    pub fn words(mut self) -> Option<String> {
        if let Some(reader) = self.reader.take() {
            // A process that it started may hold the stream open: what has come counts.
            let began = Instant::now();
            while !reader.is_finished() && began.elapsed() < Duration::from_millis(200) {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        last_words(&String::from_utf8_lossy(&bytes))
    }
}

/// What says most of the end in what a process wrote to standard error: a panic and its message,
/// the line about memory, or the last.
pub fn last_words(log: &str) -> Option<String> {
    let mut after_panic = log.lines().skip_while(|line| !line.contains("panicked at"));
    if let (Some(panicked), Some(message)) = (after_panic.next(), after_panic.next()) {
        return Some(format!("{panicked} {message}"));
    }
    // What the language's runtime adds about backtraces comes last, and says nothing.
    let adds = |line: &&str| line.starts_with("note: ") || line.starts_with("skipping backtrace");
    let lines = || log.lines().filter(|l| !l.trim().is_empty() && !adds(l));
    let memory = lines().find(|line| line.starts_with("memory allocation of "));
    memory.or_else(|| lines().next_back()).map(str::to_owned)
}

/// How a process ended, in words.
#[cfg(unix)]
pub fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;

    match (status.signal(), status.code()) {
        (Some(9), _) => {
            "was killed by signal 9 (by hand, or by the system for want of memory)".into()
        }
        (Some(6), _) => "aborted (signal 6; out of memory, or a failed check in a library)".into(),
        (Some(signal), _) if signal == libc::SIGBUS => {
            format!(
                "was killed by signal {signal} (a bus error: a file in memory is shorter than it says)"
            )
        }
        (Some(11), _) => {
            "was killed by signal 11 (a fault of a library, maybe for want of memory)".into()
        }
        (Some(signal), _) => format!("was killed by signal {signal}"),
        (None, Some(code)) => format!("ended with code {code}"),
        (None, None) => "ended".into(),
    }
}

#[cfg(not(unix))]
pub fn describe(status: ExitStatus) -> String {
    format!("ended: {status}")
}
