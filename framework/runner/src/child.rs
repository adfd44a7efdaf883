//! Processes that may do anything: die, hang, write without end. What they say is read with a
//! limit of time and of length, and how they ended is told in words.

use std::io::{BufRead, BufReader, Read, Write as _};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

pub(crate) use hexperiment_diagnostics::process::{Kept, describe, last_words, within};
use serde::Serialize;

/// The longest line that counts as a message, in bytes: programs are told whole.
const LONGEST_LINE: u64 = 256 << 20;

/// How long what a process wrote last may be on its way when it is gone: on a busy machine the thread
/// that reads it waits for a processor.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// How a process ended that did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whether its time was up.
    pub late: bool,
    /// How, in words: "was killed by signal 9 …", "ended with code 3", "was still busy after 20s".
    pub how: String,
    /// The words on standard error that say most, if there were any.
    pub words: Option<String>,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.how)?;
        match &self.words {
            Some(words) => write!(f, ": {words}"),
            None => Ok(()),
        }
    }
}

/// Starts a process, waits for the first line of its standard output that `understand` takes for
/// an answer, and ends it.
///
/// Fails if it cannot be started, or if it ends, or its time does, before it has answered.
///
/// # Errors
/// The outer error where it cannot be started, the inner one where it, or its time, ends before it
/// has answered.
pub fn ask<T>(
    command: &mut Command,
    limit: Duration,
    understand: impl Fn(&str) -> Option<T>,
) -> std::io::Result<Result<T, Ended>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let messages = lines(child.stdout.take());
    let errors = Kept::of(child.stderr.take());
    let began = Instant::now();
    let mut status = None;
    let mut gone: Option<Instant> = None;
    let answer = loop {
        if began.elapsed() >= limit {
            break None; // also of one that never stops talking
        }
        // Its own children may hold the pipe open when it is gone: whether it lives is looked at.
        let wait = Duration::from_millis(20).min(limit.saturating_sub(began.elapsed()));
        match messages.recv_timeout(wait) {
            Ok(line) => {
                if let Some(answer) = understand(&line) {
                    break Some(answer);
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                status = within(&mut child, limit.saturating_sub(began.elapsed()));
                break None;
            }
            Err(RecvTimeoutError::Timeout) => match gone {
                Some(gone) if gone.elapsed() >= ON_ITS_WAY => break None,
                Some(_) => {}
                None => {
                    status = child.try_wait().ok().flatten();
                    gone = status.map(|_| Instant::now());
                }
            },
        }
    };
    // It may be gone already; either way it is waited for.
    let _ = child.kill();
    let _ = child.wait();
    Ok(answer.ok_or_else(|| Ended {
        late: status.is_none(),
        how: status.map_or_else(
            || format!("was still busy after {}", humantime::format_duration(limit)),
            describe,
        ),
        words: errors.words(),
    }))
}

/// Tells the process that started this one a message: a line of JSON on standard output.
pub fn tell(message: &impl Serialize) -> ExitCode {
    let mut out = std::io::stdout().lock();
    // What a library has printed may lack the end of its line.
    let written = serde_json::to_string(message)
        .map_err(std::io::Error::other)
        .and_then(|line| write!(out, "\n{line}\n"))
        .and_then(|()| out.flush());
    match written {
        Ok(()) => ExitCode::SUCCESS,
        // The parent is gone; there is nobody to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

/// The lines of a stream as they come, read by a thread of their own.
pub(crate) fn lines(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    // Whoever talks faster than it is heard waits.
    let (sender, lines) = sync_channel(16);
    if let Some(stream) = stream {
        std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            while let Some(line) = line(&mut stream, LONGEST_LINE) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    }
    lines
}

/// The next line, without its end; what is too long or no text is an empty one, which is no
/// message. `None` at the end.
fn line(stream: &mut impl BufRead, longest: u64) -> Option<String> {
    let mut bytes = Vec::new();
    let mut short = stream.by_ref().take(longest);
    if short.read_until(b'\n', &mut bytes).ok()? == 0 {
        return None;
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if bytes.len() as u64 == longest {
        bytes.clear();
        stream.skip_until(b'\n').ok()?;
    }
    Some(String::from_utf8(bytes).unwrap_or_default())
}

/// The processes that a process has started, and those that these have, as far as their parents
/// live.
#[cfg(target_os = "linux")]
fn descendants(process: u32) -> Vec<u32> {
    let parent = |id: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name before may hold anything.
        let (_, rest) = stat.rsplit_once(')')?;
        rest.split_whitespace().nth(1)?.parse().ok()
    };
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parents: Vec<(u32, u32)> = ids.filter_map(|id| Some((id, parent(id)?))).collect();
    let mut found = vec![process];
    let mut next = 0;
    while let Some(of) = found.get(next).copied() {
        let children = parents.iter().filter(|(_, parent)| *parent == of);
        found.extend(children.map(|(id, _)| *id));
        next += 1;
    }
    found.split_off(1)
}

#[cfg(not(target_os = "linux"))]
fn descendants(_: u32) -> Vec<u32> {
    vec![]
}

/// Ends a process with all that it has started, and waits for it. One that has ended is left alone: its
/// number may be another's by now.
pub(crate) fn end(child: &mut Child) {
    if let Ok(Some(_)) = child.try_wait() {
        return;
    }
    let below = descendants(child.id());
    // It may be gone already; either way it is waited for.
    let _ = child.kill();
    let _ = child.wait();
    kill(&below);
}

/// Kills processes, those that are there.
#[cfg(unix)]
fn kill(processes: &[u32]) {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    for id in processes.iter().filter_map(|id| i32::try_from(*id).ok()) {
        // One that is gone needs no more.
        let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
    }
}

#[cfg(not(unix))]
fn kill(_: &[u32]) {}

/// From now on this process is killed as soon as the one that started it is gone.
#[cfg(target_os = "linux")]
pub fn die_with_parent() {
    // Fails of no valid signal; without it, the process ends when its pipes do.
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
}

/// From now on this process is killed as soon as the one that started it is gone; not here.
#[cfg(not(target_os = "linux"))]
pub fn die_with_parent() {}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    /// Asks a script for a line that begins with "answer".
    #[track_caller]
    fn check(script: &str, limit: Duration, expect: Result<&str, &str>) {
        let understand = |line: &str| line.strip_prefix("answer ").map(str::to_owned);
        let found = ask(&mut shell(script), limit, understand).unwrap();
        let found = found.map_err(|ended| ended.to_string());
        match (&found, expect) {
            (Ok(found), Ok(want)) => assert_eq!(found, want),
            (Err(found), Err(want)) => assert!(found.contains(want), "{found:?} lacks {want:?}"),
            _ => panic!("{script}: found {found:?}, want {expect:?}"),
        }
    }

    #[test]
    fn answers_are_heard_and_ends_are_told() {
        check(
            "echo chatter; echo answer 42; exec sleep 1000",
            LONG,
            Ok("42"),
        );
        check("exit 0", LONG, Err("ended with code 0"));
        check(
            "echo words >&2; exit 3",
            LONG,
            Err("ended with code 3: words"),
        );
        check("kill -BUS $$", LONG, Err("a bus error"));
        check("kill -ABRT $$", LONG, Err("aborted (signal 6"));
        let short = Duration::from_millis(300);
        check(
            "while :; do :; done",
            short,
            Err("was still busy after 300ms"),
        );
        // One that closes its output and goes on is late, too.
        check(
            "exec >&- 2>&-; exec sleep 1000",
            short,
            Err("was still busy"),
        );
        // One that leaves a child with its output behind is not waited for.
        check("sleep 100 & exit 7", LONG, Err("ended with code 7"));
        // Errors without end neither block it nor fill memory; the last words count.
        let chatter = "yes x | head -c 3000000 >&2; echo last >&2; exit 1";
        check(chatter, LONG, Err("ended with code 1: last"));
    }

    #[test]
    fn lines_without_end_are_no_messages() {
        let mut stream: &[u8] = b"short\nmuch too long\n\xff\xfe\n123456\n\nok";
        for expect in ["short", "", "", "", "", "ok"] {
            assert_eq!(line(&mut stream, 6).as_deref(), Some(expect));
        }
        assert_eq!(line(&mut stream, 6), None);
    }

    #[test]
    fn what_cannot_be_started_is_an_error() {
        let mut absent = Command::new("/no/such/program");
        ask(&mut absent, LONG, |_| Some(())).unwrap_err();
    }
}
