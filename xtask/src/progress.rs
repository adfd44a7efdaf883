//! What a build tells its user: what is being built, how far it is, about how long it takes.
//!
//! Cargo says in text which packages it begins, and in JSON which crates are done. How long each
//! takes is written in `build-times.txt`; how long the rest takes, judged by what is done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Crates and the processor time that they took when it was measured.
const TIMES: &str = include_str!("../build-times.txt");

/// A crate that is not in the list, in seconds.
const OTHERS: f64 = 1.0;

/// A build of less is not worth an estimate.
const WORTH_TELLING: Duration = Duration::from_secs(20);

/// After so long without a line there is one that says how far it is.
const SILENCE: Duration = Duration::from_secs(30);

/// A crate of the list.
struct Step {
    seconds: f64,
    /// What the user is told, for the long ones.
    title: Option<&'static str>,
}

/// Something that cargo has said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// It begins a package.
    Begun(&'a str),
    /// A crate is there; `fresh` if it was before.
    Done { name: &'a str, fresh: bool },
    /// Something else that the user should see.
    Said(&'a str),
    /// Nothing of interest.
    Nothing,
}

impl<'a> Event<'a> {
    /// Of a line that cargo writes to standard error, `   Compiling serde v1.0.228`.
    pub(crate) fn of_text(line: &'a str) -> Self {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("Compiling"), Some(name)) => Self::Begun(name),
            (Some("Finished" | "Installing" | "Replacing") | None, _) => Self::Nothing,
            _ => Self::Said(line),
        }
    }

    /// Of one of cargo's messages, one line of JSON each.
    pub(crate) fn of_message(message: &'a str) -> Self {
        if !message.starts_with(r#"{"reason":"compiler-artifact""#)
            || message.contains(r#""kind":["custom-build"]"#)
        {
            return Self::Nothing;
        }
        let name = message
            .split_once(r#""target":{"#)
            .and_then(|(_, target)| target.split_once(r#""name":""#))
            .and_then(|(_, name)| name.split_once('"'));
        match name {
            Some((name, rest)) => Self::Done {
                name,
                fresh: rest.contains(r#""fresh":true"#),
            },
            None => Self::Nothing,
        }
    }
}

/// How far a build is.
pub(crate) struct Progress {
    steps: BTreeMap<&'static str, Step>,
    cores: usize,
    /// Crates that are still to come, once it is known which are needed.
    rest: Option<BTreeSet<String>>,
    begun: BTreeSet<String>,
    done: BTreeSet<String>,
    /// Seconds of the list that this build has done.
    work: f64,
    /// When the first package was begun, since the start.
    first: Option<Duration>,
    told: bool,
    last_line: Duration,
}

impl Progress {
    /// Of a build that has just started, on so many cores.
    pub(crate) fn new(cores: usize) -> Self {
        Self {
            steps: steps(TIMES),
            cores: cores.max(1),
            rest: None,
            begun: BTreeSet::new(),
            done: BTreeSet::new(),
            work: 0.0,
            first: None,
            told: false,
            last_line: Duration::ZERO,
        }
    }

    /// Whether it is time to learn which crates are needed: something is being built.
    pub(crate) fn wants_crates(&self) -> bool {
        self.first.is_some() && self.rest.is_none()
    }

    /// All crates that the build needs, old and new.
    pub(crate) fn needs(&mut self, crates: impl IntoIterator<Item = String>) {
        let crates = crates.into_iter().map(|name| underscored(&name));
        self.rest = Some(crates.filter(|name| !self.done.contains(name)).collect());
    }

    /// Takes in an event at `time` since the start; a line to show, if there is one.
    pub(crate) fn take(&mut self, event: &Event<'_>, time: Duration) -> Option<String> {
        match event {
            Event::Begun(name) => {
                self.first.get_or_insert(time);
                let name = underscored(name);
                let title = self.steps.get(name.as_str()).and_then(|step| step.title)?;
                if !self.begun.insert(name.clone()) {
                    return None;
                }
                let step = Duration::from_secs_f64(self.seconds(&name));
                self.line(time, format!("{title} begun: {} of work", about(step)))
            }
            Event::Done { name, fresh } => {
                let name = underscored(name);
                let step = self.seconds(&name);
                if let Some(rest) = &mut self.rest {
                    rest.remove(&name);
                }
                if self.done.insert(name.clone()) && !fresh {
                    self.work += step;
                }
                let title = self.steps.get(name.as_str()).and_then(|step| step.title)?;
                let shown = !fresh && self.begun.contains(&name);
                shown.then(|| self.line(time, format!("{title} done")))?
            }
            Event::Said(_) | Event::Nothing => None,
        }
    }

    /// Time has gone by; a line to show, if there is one.
    pub(crate) fn tick(&mut self, time: Duration) -> Option<String> {
        let since = time.checked_sub(self.first?)?;
        // What is fresh is told within the first moments.
        if !self.told && since >= Duration::from_secs(1) {
            self.told = true;
            return self.announcement(time);
        }
        if self.told && time.checked_sub(self.last_line)? >= SILENCE {
            return self.line(time, String::new());
        }
        None
    }

    /// What is ahead, at the start, if it takes long.
    fn announcement(&mut self, time: Duration) -> Option<String> {
        let rest = self.rest.as_ref()?;
        let left = self.left(time)?;
        if left < WORTH_TELLING {
            return None;
        }
        let mut long: Vec<(f64, &str)> = rest
            .iter()
            .filter_map(|name| self.steps.get(name.as_str()))
            .filter_map(|step| Some((step.seconds, step.title?)))
            .collect();
        long.sort_by(|a, b| b.0.total_cmp(&a.0));
        let titles: Vec<&str> = long.iter().map(|(_, title)| *title).collect();
        let titles = match titles.as_slice() {
            [] => String::new(),
            titles => format!("; the longest are {}", titles.join(", ")),
        };
        self.last_line = time;
        let (number, cores) = (crates(rest.len()), self.cores);
        Some(format!(
            "{number} to build, {} on {cores} cores{titles}",
            about(left)
        ))
    }

    /// A line with how far it is behind `what`.
    fn line(&mut self, time: Duration, what: String) -> Option<String> {
        self.last_line = time;
        let clock = time.as_secs();
        let mut parts = vec![];
        if !what.is_empty() {
            parts.push(what);
        }
        if let (true, Some(rest), Some(left)) = (self.told, &self.rest, self.left(time)) {
            parts.push(format!("{} to go, {}", crates(rest.len()), about(left)));
        }
        if parts.is_empty() {
            return None;
        }
        let (minutes, seconds) = (clock / 60, clock % 60);
        Some(format!("{minutes}:{seconds:02} {}", parts.join("; ")))
    }

    /// How long the rest takes.
    fn left(&self, time: Duration) -> Option<Duration> {
        let rest: f64 = self.rest.as_ref()?.iter().map(|n| self.seconds(n)).sum();
        let elapsed = time.checked_sub(self.first?)?.as_secs_f64();
        // A machine is as fast as it was so far, once enough is done to tell.
        let cores = self.cores as f64;
        let speed = if self.work > 0.1 * (self.work + rest) && elapsed > 5.0 {
            (self.work / elapsed).clamp(0.1 * cores, 4.0 * cores)
        } else {
            cores
        };
        Some(Duration::from_secs_f64(rest / speed))
    }

    fn seconds(&self, name: &str) -> f64 {
        self.steps.get(name).map_or(OTHERS, |step| step.seconds)
    }
}

/// Crates are called with underscores where packages have hyphens.
fn underscored(name: &str) -> String {
    name.replace('-', "_")
}

fn crates(number: usize) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} crate{s}")
}

/// In words, to two digits.
fn about(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..90 => format!("about {} s", (seconds.div_ceil(5) * 5).max(5)),
        seconds => format!("about {} min", (seconds + 30) / 60),
    }
}

/// Lines `seconds crate [title…]`; `#` begins a comment.
fn steps(list: &'static str) -> BTreeMap<&'static str, Step> {
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut words = line.trim().splitn(3, ' ');
            let seconds = words.next()?.parse().ok()?;
            let name = words.next()?;
            let title = words.next();
            Some((name, Step { seconds, title }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_cargo() {
        let text = Event::of_text;
        assert_eq!(
            text("   Compiling tfhe-fft v0.10.1"),
            Event::Begun("tfhe-fft")
        );
        assert_eq!(text("    Finished `release` profile in 3s"), Event::Nothing);
        assert_eq!(text(""), Event::Nothing);
        for said in [
            "    Blocking waiting for file lock on package cache",
            "error: no",
        ] {
            assert_eq!(text(said), Event::Said(said));
        }
    }

    /// As cargo 1.95 writes them.
    #[test]
    fn messages_of_cargo() {
        let library = |fresh: bool| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"registry+x#rustls-webpki@0.1","manifest_path":"/x/Cargo.toml","target":{{"kind":["lib"],"crate_types":["lib"],"name":"webpki","src_path":"/x/lib.rs"}},"features":["name"],"executable":null,"fresh":{fresh}}}"#
            )
        };
        for fresh in [true, false] {
            let name = "webpki";
            assert_eq!(
                Event::of_message(&library(fresh)),
                Event::Done { name, fresh }
            );
        }
        let script = library(false).replace(r#"["lib"]"#, r#"["custom-build"]"#);
        assert_eq!(Event::of_message(&script), Event::Nothing);
        assert_eq!(
            Event::of_message(r#"{"reason":"build-finished"}"#),
            Event::Nothing
        );
    }

    /// A build on two cores whose list has a long step and a short one.
    fn progress(crates: &[&str]) -> Progress {
        let mut progress = Progress::new(2);
        progress.steps = steps("# comment\n200 long Long (C++)\n20 short\n");
        assert!(!progress.wants_crates());
        assert_eq!(progress.take(&Event::Begun("small"), SECOND), None);
        assert!(progress.wants_crates());
        progress.needs(crates.iter().map(|c| (*c).to_owned()));
        assert!(!progress.wants_crates());
        progress
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[track_caller]
    fn check(line: Option<String>, expected: &str) {
        assert_eq!(line.unwrap_or_default(), expected);
    }

    #[test]
    fn a_long_build_is_announced_and_followed() {
        let mut build = progress(&["long", "short", "small", "old"]);
        let done = |name, fresh| Event::Done { name, fresh };
        check(build.take(&done("old", true), SECOND), "");
        check(build.tick(SECOND), "");
        let ahead = "3 crates to build, about 2 min on 2 cores; the longest are Long (C++)";
        check(build.tick(2 * SECOND), ahead);
        check(build.tick(3 * SECOND), "");
        let begun = "0:04 Long (C++) begun: about 3 min of work; 3 crates to go, about 2 min";
        check(build.take(&Event::Begun("long"), 4 * SECOND), begun);
        check(build.take(&Event::Begun("long"), 5 * SECOND), "");
        // A tenth is done in 21 s on what were thought to be two cores: half as fast.
        check(build.take(&done("short", false), 21 * SECOND), "");
        check(build.take(&done("small", false), 22 * SECOND), "");
        check(build.tick(33 * SECOND), "");
        check(build.tick(34 * SECOND), "0:34 1 crate to go, about 2 min");
        let end = "5:00 Long (C++) done; 0 crates to go, about 5 s";
        check(build.take(&done("long", false), 300 * SECOND), end);
    }

    #[test]
    fn a_short_build_says_nothing() {
        let mut build = progress(&["short", "small"]);
        for second in 1..20 {
            check(build.tick(second * SECOND), "");
        }
        // What was not known to be long is told of once it is.
        check(build.tick(31 * SECOND), "0:31 2 crates to go, about 10 s");
    }

    #[test]
    fn a_fresh_build_asks_for_nothing() {
        let mut build = Progress::new(2);
        let name = "serde";
        check(build.take(&Event::Done { name, fresh: true }, SECOND), "");
        check(build.tick(60 * SECOND), "");
        assert!(!build.wants_crates());
    }

    #[test]
    fn the_list_is_well_formed() {
        let lines = TIMES.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(lines.count(), steps(TIMES).len());
        assert!(steps(TIMES).values().any(|step| step.title.is_some()));
    }
}
