//! Where the jobs of arrays stand, as Slurm's queue and its accounting tell it.

use std::collections::BTreeMap;

use super::ask;

/// Where a job of an array stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::submit) enum State {
    Pending,
    Running,
    /// Its script ended with code 0.
    Completed,
    /// Its script ended with another one.
    Failed,
    TimedOut,
    Preempted,
    OutOfMemory,
    NodeLost,
    Cancelled,
}

impl State {
    /// By Slurm's word; one that it may have besides is of a job that has not ended.
    fn of(word: &str) -> Self {
        // `sacct` says who: "CANCELLED by 1000".
        match word.split(' ').next().unwrap_or_default() {
            "PENDING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "RESV_DEL_HOLD" => {
                Self::Pending
            }
            "COMPLETED" => Self::Completed,
            "FAILED" | "SPECIAL_EXIT" => Self::Failed,
            "TIMEOUT" | "DEADLINE" => Self::TimedOut,
            "PREEMPTED" => Self::Preempted,
            "OUT_OF_MEMORY" => Self::OutOfMemory,
            "NODE_FAIL" | "BOOT_FAIL" => Self::NodeLost,
            "CANCELLED" | "REVOKED" => Self::Cancelled,
            _ => Self::Running,
        }
    }
}

/// What the scheduler knows of a job of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::submit) struct Task {
    pub(in crate::submit) state: State,
    /// Where it runs or ran; empty where it did not yet.
    pub(in crate::submit) node: String,
    /// How its script ended, or was ended: code and signal, where Slurm says so.
    pub(in crate::submit) exit: Option<(u32, u32)>,
}

/// What Slurm says of how a script ended: `CODE:SIGNAL`, or the number that the system has for both.
fn exit_of(text: &str) -> Option<(u32, u32)> {
    if let Some((code, signal)) = text.split_once(':') {
        return Some((code.parse().ok()?, signal.parse().ok()?));
    }
    let status: u32 = text.parse().ok()?;
    // As `wait` has it: what was ended by a signal has no code.
    Some(match status & 0x7f {
        0 => (status >> 8 & 0xff, 0),
        signal => (0, signal),
    })
}

/// What the scheduler knows of jobs: by the array's number, then by that in the array.
#[derive(Debug, Default)]
pub(in crate::submit) struct Tasks {
    by_array: BTreeMap<String, BTreeMap<usize, Task>>,
    /// What it knows of those of an array that never began, where these are one to it.
    rest: BTreeMap<String, Task>,
    /// The numbers of arrays by their names.
    numbers: BTreeMap<String, String>,
}

/// An array that is asked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::submit) struct Named<'a> {
    /// The name of its jobs.
    pub(in crate::submit) name: &'a str,
    /// Its number, where that is known.
    pub(in crate::submit) number: Option<&'a str>,
    /// Jobs that it has.
    pub(in crate::submit) count: usize,
}

/// What is asked of `squeue` for each job, each followed by a bar; what has no length is not cut.
const QUEUE: &str = "--Format=ArrayJobID:|,ArrayTaskID:|,State:|,exit_code:|,NodeList:|,Name:|";

/// What is asked of `sacct`; with `--parsable2` nothing is cut.
const ACCOUNTING: &str = "--format=JobID,JobName,State,ExitCode,NodeList";

/// Bytes of a word of a command at most: Linux takes 128 KiB, whatever the words are in all.
const LONGEST_WORD: usize = 64 << 10;

/// Words joined by commas, as many lists as it takes for none to be too long for a command.
fn lists<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut lists: Vec<String> = Vec::new();
    for word in words {
        match lists.last_mut() {
            Some(list) if list.len() + 1 + word.len() <= LONGEST_WORD => {
                list.push(',');
                list.push_str(word);
            }
            _ => lists.push(word.to_owned()),
        }
    }
    lists
}

impl Tasks {
    /// Asks the queue; and accounting, where there is any, of arrays that the queue has forgotten, as it does some minutes after
    /// their end.
    pub(in crate::submit) fn ask(arrays: &[Named<'_>]) -> Result<Self, String> {
        let program = "squeue";
        let mut tasks = Self::default();
        for names in lists(arrays.iter().map(|array| array.name)) {
            let names = format!("--name={names}");
            let wanted = [
                "--noheader",
                "--array",
                "--states=all",
                "--all",
                QUEUE,
                &names,
            ];
            let text = ask(program, &wanted).map_err(|e| e.told(program))?;
            tasks.add_queue(&text);
        }
        let forgotten = arrays.iter().filter_map(|array| {
            let number = array.number.or_else(|| tasks.number_of(array.name))?;
            let known = tasks.by_array.get(number).map_or(0, BTreeMap::len);
            let is_forgotten = known < array.count && !tasks.rest.contains_key(number);
            is_forgotten.then(|| (number.to_owned(), array.name))
        });
        let forgotten: BTreeMap<String, &str> = forgotten.collect();
        for numbers in lists(forgotten.keys().map(String::as_str)) {
            let jobs = format!("--jobs={numbers}");
            let wanted = [
                "--noheader",
                "--allocations",
                "--parsable2",
                ACCOUNTING,
                &jobs,
            ];
            // Without accounting, which many clusters lack, it fails.
            let Ok(text) = ask("sacct", &wanted) else {
                break;
            };
            tasks.add_accounting(&text, &forgotten);
        }
        Ok(tasks)
    }

    /// What `squeue` prints.
    fn add_queue(&mut self, text: &str) {
        for line in text.lines() {
            let fields: Vec<&str> = line.split('|').map(str::trim).collect();
            let &[array, index, state, exit, node, name, ""] = fields.as_slice() else {
                continue;
            };
            let task = Task {
                state: State::of(state),
                node: node.into(),
                exit: exit_of(exit),
            };
            self.numbers.insert(name.into(), array.into());
            match index.parse() {
                Ok(index) => drop(
                    self.by_array
                        .entry(array.into())
                        .or_default()
                        .insert(index, task),
                ),
                Err(_) => drop(self.rest.insert(array.into(), task)),
            }
        }
    }

    /// What `sacct` prints, of jobs that the queue does not know; `names` are those of the arrays, by their numbers. A number
    /// may be another job's by now, or have been one's before, as a cluster that was set up anew counts from 1.
    fn add_accounting(&mut self, text: &str, names: &BTreeMap<String, &str>) {
        for line in text.lines() {
            let fields: Vec<&str> = line.splitn(5, '|').map(str::trim).collect();
            let &[job, name, state, exit, node] = fields.as_slice() else {
                continue;
            };
            let Some((array, index)) = job.split_once('_') else {
                continue;
            };
            if names.get(array) != Some(&name) {
                continue;
            }
            let task = Task {
                state: State::of(state),
                node: if node == "None assigned" { "" } else { node }.into(),
                exit: exit_of(exit),
            };
            match index.parse() {
                Ok(index) => drop(
                    self.by_array
                        .entry(array.into())
                        .or_default()
                        .entry(index)
                        .or_insert(task),
                ),
                // As `12_[3-9]`.
                Err(_) => drop(self.rest.entry(array.into()).or_insert(task)),
            }
        }
    }

    /// A job of an array, which is known by its number or by its name.
    pub(in crate::submit) fn of(
        &self,
        number: Option<&str>,
        name: &str,
        index: usize,
    ) -> Option<&Task> {
        let number = number.or_else(|| self.number_of(name))?;
        let known = self
            .by_array
            .get(number)
            .and_then(|of_array| of_array.get(&index));
        known.or_else(|| self.rest.get(number))
    }

    /// The number of an array, where the queue knows its name.
    pub(in crate::submit) fn number_of(&self, name: &str) -> Option<&str> {
        self.numbers.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `squeue` of Slurm 22.05 printed it: six jobs of an array, of which one ended with code 3 and one by signal 9; a job whose
    /// output could not be opened; one array that was cancelled before its last jobs began; and one that runs.
    const PRINTED: &str = "\
14|N/A|CANCELLED|0||life|
14|0|CANCELLED|0|n1|life|
14|1|CANCELLED|0|n2|life|
8|4|COMPLETED|0|n1|hexperiment-0a1b2c3d-001-1|
8|5|COMPLETED|0|n2|hexperiment-0a1b2c3d-001-1|
2|N/A|FAILED|4021|n2|q|
8|0|FAILED|768|n1|hexperiment-0a1b2c3d-001-1|
8|1|FAILED|9|n2|hexperiment-0a1b2c3d-001-1|
8|3|PENDING|0||hexperiment-0a1b2c3d-001-1|
17|0|RUNNING|0|n1|usr|
";

    /// State, node, code and signal.
    type Known = (State, &'static str, Option<(u32, u32)>);

    #[track_caller]
    fn check(
        tasks: &Tasks,
        (number, name, index): (Option<&str>, &str, usize),
        expect: Option<Known>,
    ) {
        let found = tasks.of(number, name, index);
        let found = found.map(|task| (task.state, task.node.as_str(), task.exit));
        assert_eq!(found, expect, "{number:?} {name} {index}");
    }

    #[test]
    fn the_queue_is_read() {
        let mut tasks = Tasks::default();
        tasks.add_queue(PRINTED);
        let name = "hexperiment-0a1b2c3d-001-1";
        let well = Some((0, 0));
        check(
            &tasks,
            (Some("8"), name, 0),
            Some((State::Failed, "n1", Some((3, 0)))),
        );
        // A job's number that `submit` could not write down is found by the name.
        check(
            &tasks,
            (None, name, 1),
            Some((State::Failed, "n2", Some((0, 9)))),
        );
        check(&tasks, (None, name, 3), Some((State::Pending, "", well)));
        check(
            &tasks,
            (None, name, 4),
            Some((State::Completed, "n1", well)),
        );
        check(&tasks, (None, name, 7), None);
        check(&tasks, (Some("9"), name, 0), None);
        check(&tasks, (None, "usr", 0), Some((State::Running, "n1", well)));
        check(
            &tasks,
            (Some("2"), "q", 0),
            Some((State::Failed, "n2", Some((0, 53)))),
        );
        check(
            &tasks,
            (None, "life", 1),
            Some((State::Cancelled, "n2", well)),
        );
        check(
            &tasks,
            (None, "life", 5),
            Some((State::Cancelled, "", well)),
        );
    }

    #[test]
    fn no_word_of_a_command_is_too_long() {
        assert_eq!(lists(["a", "b"]), ["a,b"]);
        assert!(lists([]).is_empty());
        let names: Vec<String> = (0..60_000)
            .map(|n| format!("hexperiment-0a1b2c3d-{n:03}-1"))
            .collect();
        let all = lists(names.iter().map(String::as_str));
        assert!(all.len() > 1 && all.iter().all(|list| list.len() <= LONGEST_WORD));
        let words: Vec<&str> = all.iter().flat_map(|list| list.split(',')).collect();
        assert_eq!(words, names);
    }

    /// In the form that `sacct --parsable2` documents: no accounting was at hand to be recorded.
    #[test]
    fn accounting_adds_what_the_queue_has_forgotten() {
        let mut tasks = Tasks::default();
        tasks.add_queue("8|0|RUNNING|0|n1|a|\n");
        let text = "\
8_0|a|COMPLETED|0:0|n1
8_1|a|CANCELLED by 1000|0:15|n2
8_2|a|OUT_OF_MEMORY|0:125|n2
8_[3-9]|a|PENDING|0:0|None assigned
x
9_0|other|COMPLETED|0:0|n1
7_0|b|COMPLETED|0:0|n1
";
        let names = [("8".to_owned(), "a"), ("9".to_owned(), "b")];
        tasks.add_accounting(text, &names.into());
        // Numbers that other jobs have, before the cluster was set up anew or since.
        check(&tasks, (Some("9"), "b", 0), None);
        check(&tasks, (Some("7"), "b", 0), None);
        check(
            &tasks,
            (Some("8"), "a", 0),
            Some((State::Running, "n1", Some((0, 0)))),
        );
        check(
            &tasks,
            (Some("8"), "a", 1),
            Some((State::Cancelled, "n2", Some((0, 15)))),
        );
        check(
            &tasks,
            (Some("8"), "a", 2),
            Some((State::OutOfMemory, "n2", Some((0, 125)))),
        );
        check(
            &tasks,
            (Some("8"), "a", 5),
            Some((State::Pending, "", Some((0, 0)))),
        );
    }
}
