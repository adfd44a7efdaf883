//! A fleet that is monitored: the program does so in a process of its own, whose messages are passed on to pages as
//! they come. The last minutes are kept, within bounds, for pages that are opened later and for replay.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hexperiment_diagnostics::printable;
use hexperiment_diagnostics::process::{Kept, describe, within};
use serde_json::{Value, json};

/// Messages that are kept, at most: of one round a second some ten minutes.
const MOST_MESSAGES: usize = 640;

/// Bytes of the messages that are kept, at most; fewer rounds of larger fleets.
const MOST_BYTES: usize = 24 << 20;

/// Bytes of messages that are told at once.
const TOLD_AT_ONCE: usize = 1 << 20;

/// The longest message: of the largest fleet one has half a megabyte.
const LONGEST_MESSAGE: usize = 8 << 20;

/// How long a process that has closed its output may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// What a page wants to be monitored.
pub(crate) struct Monitored {
    pub(crate) title: String,
    pub(crate) things: u64,
    pub(crate) readings_seed: u64,
    pub(crate) every_ms: u64,
}

/// A fleet that is monitored.
pub(crate) struct Feed {
    pub(crate) id: String,
    pub(crate) wanted: Monitored,
    now: Mutex<Now>,
}

#[derive(Default)]
struct Now {
    child: Option<Child>,
    commands: Option<ChildStdin>,
    /// The first message, which all others build upon.
    ready: Option<Ready>,
    messages: VecDeque<Message>,
    bytes: usize,
    /// Messages so far, with those that are no longer kept.
    told: u64,
    is_stopped: bool,
    is_over: bool,
}

struct Ready {
    text: Arc<str>,
    /// What faults are called, by place.
    faults: Vec<String>,
}

struct Message {
    number: u64,
    text: Arc<str>,
}

/// How far a page has been told.
#[derive(Clone, Copy, Default)]
pub(crate) struct Told {
    ready: bool,
    messages: u64,
}

impl Feed {
    /// One that is yet to begin.
    pub(crate) fn new(id: String, wanted: Monitored) -> Self {
        Self {
            id,
            wanted,
            now: Mutex::default(),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing more will come.
    pub(crate) fn is_over(&self) -> bool {
        self.now().is_over
    }

    /// The faults that can be injected, once that is known.
    pub(crate) fn faults(&self) -> Option<Vec<String>> {
        self.now().ready.as_ref().map(|ready| ready.faults.clone())
    }

    /// Ends it.
    pub(crate) fn stop(&self) {
        let mut now = self.now();
        now.is_stopped = true;
        now.commands = None;
        if let Some(child) = &mut now.child {
            // It may have ended by itself; the evaluator ends with it.
            let _ = child.kill();
        }
    }

    /// Sends a command; what is wrong in words.
    pub(crate) fn command(&self, command: &Value) -> Result<(), String> {
        let mut now = self.now();
        let Some(input) = now.commands.as_mut() else {
            return Err("the fleet is not running any more; start it anew".into());
        };
        let sent = writeln!(input, "{command}").and_then(|()| input.flush());
        sent.map_err(|e| format!("the fleet cannot be told: {e}"))
    }

    /// Messages behind those that a page was told, as a list in JSON, and how far it has then been told; `None`
    /// where there is nothing new.
    pub(crate) fn look(&self, told: Told) -> Option<(String, Told)> {
        let now = self.now();
        let mut next = told;
        let mut texts: Vec<Arc<str>> = vec![];
        if let Some(ready) = now.ready.as_ref().filter(|_| !told.ready) {
            texts.push(Arc::clone(&ready.text));
            next.ready = true;
        }
        let behind = now
            .messages
            .iter()
            .skip_while(|m| m.number <= told.messages);
        let mut bytes = 0;
        for message in behind {
            bytes += message.text.len();
            if bytes > TOLD_AT_ONCE && next.messages > told.messages {
                break;
            }
            texts.push(Arc::clone(&message.text));
            next.messages = message.number;
        }
        (!texts.is_empty()).then(|| (format!("[{}]", texts.join(",")), next))
    }

    /// Takes a line of the process.
    fn take(&self, line: &[u8]) {
        if line.len() > LONGEST_MESSAGE {
            return;
        }
        // What a library prints is no message.
        let Ok(message) = serde_json::from_slice::<Value>(line) else {
            return;
        };
        let reason = || message["reason"].as_str().unwrap_or_default().to_owned();
        match message["is"].as_str() {
            Some("ready") => {
                let faults = message["faults"].as_array().into_iter().flatten();
                let faults = faults.filter_map(|fault| Some(fault["name"].as_str()?.to_owned()));
                self.now().ready = Some(Ready {
                    faults: faults.collect(),
                    text: message.to_string().into(),
                });
            }
            Some("round" | "injected" | "repaired" | "paused" | "resumed" | "problem") => {
                self.now().keep(message.to_string());
            }
            Some("refused") => self.over("refused", &reason()),
            Some("failed" | "crashed") => self.over("failed", &reason()),
            Some("ended") => self.over("ended", &reason()),
            _ => {}
        }
    }

    /// Tells the end, once.
    fn over(&self, how: &str, reason: &str) {
        let mut now = self.now();
        if now.is_over {
            return;
        }
        now.is_over = true;
        now.commands = None;
        let reason = printable::lines(reason);
        now.keep(json!({ "is": "over", "how": how, "reason": reason }).to_string());
    }

    fn work(&self, program: &Path, file: &Path) {
        let wanted = &self.wanted;
        let spawned = {
            let mut now = self.now();
            if now.is_stopped {
                Err(std::io::Error::other("it was stopped"))
            } else {
                let spawned = Command::new(program)
                    .arg("monitor")
                    .arg(file)
                    .args(["--things", &wanted.things.to_string()])
                    .args(["--readings-seed", &wanted.readings_seed.to_string()])
                    .args(["--every", &wanted.every_ms.to_string()])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn();
                spawned.map(|mut child| {
                    let streams = (child.stdout.take(), Kept::of(child.stderr.take()));
                    now.commands = child.stdin.take();
                    now.child = Some(child);
                    streams
                })
            }
        };
        let (output, errors) = match spawned {
            Ok(streams) => streams,
            Err(e) => return self.over("failed", &format!("it cannot be started: {e}")),
        };
        for line in output
            .into_iter()
            .flat_map(|out| BufReader::new(out).split(b'\n'))
        {
            match line {
                Ok(line) if line.is_empty() => {}
                Ok(line) => self.take(&line),
                Err(_) => break,
            }
        }
        let child = self.now().child.take();
        let how = child.map(|mut child| {
            let status = within(&mut child, ENDS_WITHIN);
            if status.is_none() {
                // It has closed its output, and tells nothing more.
                let _ = child.kill();
                let _ = child.wait();
            }
            status.map_or_else(|| "closed its output".into(), describe)
        });
        if self.now().is_stopped {
            return self.over("stopped", "");
        }
        let how = how.unwrap_or_default();
        let words = errors.words().unwrap_or_default();
        self.over("failed", &format!("its process {how} {words}"));
    }
}

impl Now {
    /// Keeps a message, and drops the oldest where there are too many.
    fn keep(&mut self, text: String) {
        self.told += 1;
        self.bytes += text.len();
        self.messages.push_back(Message {
            number: self.told,
            text: text.into(),
        });
        while self.messages.len() > MOST_MESSAGES || self.bytes > MOST_BYTES {
            match self.messages.pop_front() {
                Some(dropped) => self.bytes -= dropped.text.len(),
                None => break,
            }
        }
    }
}

/// Monitors in a thread of its own, which lives as long as the process: that ends with the thread that started it.
pub(crate) fn begin(feed: Arc<Feed>, program: PathBuf, file: PathBuf) {
    std::thread::spawn(move || feed.work(&program, &file));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed() -> Feed {
        let wanted = Monitored {
            title: "fleet".into(),
            things: 3,
            readings_seed: 1,
            every_ms: 1000,
        };
        Feed::new("id".into(), wanted)
    }

    fn told(feed: &Feed, told: Told) -> (Vec<String>, Told) {
        let (text, told) = feed.look(told).unwrap();
        let all: Vec<Value> = serde_json::from_str(&text).unwrap();
        let kinds = all.iter().map(|m| m["is"].as_str().unwrap().to_owned());
        (kinds.collect(), told)
    }

    #[test]
    fn a_page_is_told_all_once_and_who_comes_late_what_is_kept() {
        let feed = feed();
        assert!(feed.look(Told::default()).is_none());
        feed.take(b"a library's words");
        feed.take(br#"{"is":"waits","for_server":true}"#);
        assert!(feed.look(Told::default()).is_none());
        feed.take(br#"{"is":"ready","faults":[{"name":"stuck"},{"name":"drift"}]}"#);
        feed.take(br#"{"is":"round","round":1}"#);
        assert_eq!(feed.faults().unwrap(), ["stuck", "drift"]);
        let (kinds, early) = told(&feed, Told::default());
        assert_eq!(kinds, ["ready", "round"]);
        assert!(feed.look(early).is_none());
        feed.take(br#"{"is":"refused","reason":"too\u0007 small"}"#);
        feed.take(br#"{"is":"failed","reason":"later"}"#);
        assert!(feed.is_over());
        assert_eq!(told(&feed, early).0, ["over"]);
        assert_eq!(told(&feed, Told::default()).0, ["ready", "round", "over"]);
        let (text, _) = feed.look(early).unwrap();
        assert!(
            text.contains("refused") && !text.contains("later"),
            "{text}"
        );
    }

    #[test]
    fn what_is_kept_is_bounded_and_told_in_parts() {
        let feed = feed();
        let long = "0".repeat(100_000);
        for round in 0..1000 {
            feed.take(format!(r#"{{"is":"round","round":{round},"states":"{long}"}}"#).as_bytes());
        }
        let (messages, bytes) = {
            let now = feed.now();
            (now.messages.len(), now.bytes)
        };
        assert!(bytes <= MOST_BYTES && messages > 200, "{messages}: {bytes}");
        let (mut at, mut rounds) = (Told::default(), vec![]);
        while let Some((text, next)) = feed.look(at) {
            assert!(text.len() < TOLD_AT_ONCE + 200_000);
            let all: Vec<Value> = serde_json::from_str(&text).unwrap();
            rounds.extend(all.iter().map(|m| m["round"].as_u64().unwrap()));
            at = next;
        }
        assert_eq!(rounds.len(), messages);
        assert_eq!(rounds.last(), Some(&999));
        assert!(rounds.is_sorted());
        let small = br#"{"is":"paused"}"#;
        for _ in 0..2 * MOST_MESSAGES {
            feed.take(small);
        }
        assert_eq!(feed.now().messages.len(), MOST_MESSAGES);
    }

    #[test]
    fn commands_to_a_fleet_that_is_not_running_are_refused() {
        let why = feed().command(&json!({ "do": "pause" })).unwrap_err();
        assert!(why.contains("start it anew"), "{why}");
    }
}
