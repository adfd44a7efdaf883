//! A run that is killed, and goes on: the records are those of a run that was not.

#![cfg(target_os = "linux")]

mod processes;
mod records;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Outcome, Place, RunFolder, experiment, faulty_plugin};

const REPETITIONS: usize = 4;

/// Three cells, of which one waits where `wait` says while there is a file `gate`, so that a run
/// can be met in its middle.
fn cells(wait: &str) -> String {
    let schemes = format!(
        "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"seal-ckks\"\n[[scheme]]\nuse = \
         \"faulty\"\nlabel = \"waits\"\nfault = \"wait\"\n{wait}\n"
    );
    let settings = format!("[run]\nrepetitions = {REPETITIONS}\nwarmup = 1\nthreads = 1\n");
    experiment(
        "use = \"wine-quality\"\nlimit = 200",
        "use = \"logistic-regression\"",
        &[schemes, settings].concat(),
    )
}

#[track_caller]
fn call(place: &Place, arguments: &[&str]) -> Outcome {
    Outcome::of(
        place
            .program(arguments)
            .env("HEXPERIMENT_PLUGINS", faulty_plugin()),
    )
}

/// Starts the run of `e.toml`, and yields once a cell of it waits.
#[track_caller]
pub fn start(place: &Place, errors: Stdio) -> Child {
    place.write("gate", "");
    let mut run = place
        .program(["run", "e.toml"])
        .env("HEXPERIMENT_PLUGINS", faulty_plugin())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .unwrap();
    until("a cell waits", || {
        assert!(run.try_wait().unwrap().is_none(), "the run has ended");
        place.path("waiting").exists()
    });
    run
}

/// Kills a run as `kill -9` does. Its cells, of which one would wait for ever, end with it, and
/// their servers with them; then nothing waits any more.
#[track_caller]
pub fn kill(place: &Place, mut run: Child) {
    let cells = children(run.id());
    let servers: Vec<u32> = cells.iter().flat_map(|cell| children(*cell)).collect();
    assert!(!servers.is_empty(), "a cell has processes of its own");
    let processes = [cells, servers].concat();
    run.kill().unwrap();
    run.wait().unwrap();
    until("the cells' processes are gone", || {
        processes.iter().all(|pid| is_gone(*pid))
    });
    fs::remove_file(place.path("gate")).unwrap();
}

/// Waits for something that comes about soon; long enough for a machine that is busy.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(
            began.elapsed() < Duration::from_mins(2),
            "waited in vain: {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The processes whose parent is `parent`.
pub fn children(parent: u32) -> Vec<u32> {
    let stat = |pid: u32| fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| stat(*pid).and_then(|s| field(&s, 1)?.parse().ok()) == Some(parent))
        .collect()
}

/// A field of `/proc/<pid>/stat` behind the name: 0 is the state, 1 the parent.
fn field(stat: &str, index: usize) -> Option<&str> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(index)
}

/// Whether a process computes no more: gone, or dead and not yet waited for.
fn is_gone(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| {
        matches!(field(&stat, 0), Some("Z" | "X") | None)
    })
}

/// What a record says that does not differ between two runs.
fn lasting(folder: &RunFolder) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in folder.records() {
        let of =
            |keys: &[&str]| -> Vec<String> { keys.iter().map(|k| line[*k].to_string()).collect() };
        match line["kind"].as_str().unwrap() {
            "run" => all.insert("run".into(), of(&["fingerprint", "cells", "resolved"])),
            // Ciphertexts' noise differs; the traffic and what was scored does not.
            "repetition" => {
                let quality = &line["quality"];
                let metrics = if line["cell"] == "seal-ckks" {
                    &quality["samples"]
                } else {
                    quality
                };
                let upload = &line["traffic"]["upload_ciphertexts"];
                all.insert(
                    format!("{} {}", line["cell"], line["index"]),
                    vec![metrics.to_string(), upload.to_string()],
                )
            }
            _ => None,
        };
    }
    all
}

/// Kills a run while a cell of it computes, tears its last line by `torn`, and lets it go on.
#[track_caller]
fn check(wait: &str, repetitions: std::ops::Range<usize>, torn: &str) {
    let place = Place::new();
    place.write("e.toml", cells(wait));
    call(&place, &["run", "e.toml"]).ends_with(0);
    let unkilled = place.latest();
    assert_eq!(unkilled.repetitions().len(), 3 * REPETITIONS);

    let place = Place::new();
    place.write("e.toml", cells(wait));
    let run = start(&place, Stdio::null());
    kill(&place, run);

    let killed = place.latest();
    let kept = killed.repetitions().len();
    assert!(repetitions.contains(&kept), "{kept} repetitions were done");
    let records = killed.0.join("records.jsonl");
    let before = fs::read(&records).unwrap();
    assert_eq!(before.last(), Some(&b'\n'));
    let mut file = OpenOptions::new().append(true).open(&records).unwrap();
    file.write_all(torn.as_bytes()).unwrap();
    drop(file);

    call(&place, &["run", "e.toml", "--resume"]).ends_with(0);
    let runs = fs::read_dir(place.path("runs")).unwrap().count();
    assert_eq!(runs, 2, "the run, and `latest`");
    let folder = place.latest();
    let after = fs::read(&records).unwrap();
    assert!(
        after.starts_with(&before),
        "what was written before the kill has changed"
    );
    // The same repetitions in the same order: one seed schedules both.
    assert_eq!(folder.repetitions(), unkilled.repetitions());
    assert_eq!(lasting(&folder), lasting(&unkilled));
    for row in folder.summary().1 {
        assert_eq!(row["status"], "ok", "{row:?}");
    }

    // A run that is finished stays as it is.
    call(&place, &["run", "e.toml", "--resume"]).ends_with(0);
    assert_eq!(fs::read(&records).unwrap(), after);
}

/// Whether the processes that this one starts ignore SIGINT from their first moment, as behind
/// `nohup` or in the background of a script.
fn ignores_interrupts() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("SigIgn:"));
    let ignored = u64::from_str_radix(line.unwrap().trim(), 16).unwrap();
    ignored & (1 << (2 - 1)) != 0
}

/// Ctrl-C ends a run by its signal, and says how to go on; where the signal is ignored, the run
/// goes on.
#[test]
fn an_interrupted_run_says_how_to_go_on() {
    use std::os::unix::process::ExitStatusExt as _;
    let place = Place::new();
    place.write("e.toml", cells("after = 1"));
    let run = start(&place, Stdio::piped());
    let pid = run.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(sent.unwrap().success());
    if ignores_interrupts() {
        fs::remove_file(place.path("gate")).unwrap();
        let ended = run.wait_with_output().unwrap();
        assert!(ended.status.success(), "{:?}", ended.status);
        return;
    }
    let ended = run.wait_with_output().unwrap();
    assert_eq!(ended.status.signal(), Some(2));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(
        said.contains("the same command with `--resume` goes on"),
        "{said}"
    );
    fs::remove_file(place.path("gate")).unwrap();
    call(&place, &["run", "e.toml", "--resume"]).ends_with(0);
}

#[test]
fn killed_runs_go_on() {
    // While keys are made, in the warm-up, in the first and in the last repetition.
    check("at = \"keys\"", 0..1, "{");
    check("", 0..1, "");
    let half = "{\"kind\":\"repetition\",\"cell\":\"plaintext\",\"ind";
    check("after = 1", 0..3, half);
    let rounds = 3 * (REPETITIONS - 1);
    let last = format!("after = {REPETITIONS}");
    check(
        &last,
        rounds..rounds + 3,
        "{\"kind\":\"stopped\",\"cell\":\"seal\u{e9}",
    );
}

#[test]
fn only_its_own_run_goes_on() {
    let place = Place::new();
    let cells = cells("after = 2");
    place.write("e.toml", &cells);
    let run = start(&place, Stdio::null());
    // Two runs never write one file.
    call(&place, &["run", "e.toml", "--resume"])
        .ends_with(2)
        .says(&["another run is writing this file"]);
    kill(&place, run);
    let records = place.latest().0.join("records.jsonl");
    let before = fs::read(&records).unwrap();
    for (from, to, told) in [
        (
            "repetitions = 4",
            "repetitions = 3",
            "run.repetitions: was 4, now 3; expected as many or more",
        ),
        (
            "warmup = 1",
            "seed = 7\nwarmup = 1",
            "run.seed: was 73, now 7",
        ),
        (
            "limit = 200",
            "limit = 201",
            "dataset.limit: was 200, now 201",
        ),
        ("threads = 1", "threads = 2", "run.threads: was 1, now 2"),
        ("after = 2", "after = 3", "scheme.waits.after: was 2, now 3"),
        (
            "[run]",
            "[expect]\nauc = { min = 0.25 }\n[run]",
            "expect.auc: was unset, now {\"min\":0.25}",
        ),
        (
            "\"Why?\"",
            "\"How?\"",
            "experiment.question: was \"Why?\", now \"How?\"",
        ),
        (
            "label = \"waits\"",
            "label = \"halts\"",
            "cells: was plaintext, seal-ckks, waits, now plaintext, seal-ckks, halts",
        ),
        (
            "[run]",
            "[matrix]\n\"task.features\" = [3]\n[run]",
            "matrix.task.features: was unset, now [3]",
        ),
        (
            "use = \"logistic-regression\"",
            "use = \"logistic-regression\"\noutput = \"class\"",
            "task.output: was \"logit\", now \"class\"",
        ),
    ] {
        let changed = cells.replace(from, to);
        assert_ne!(changed, cells);
        place.write("e.toml", changed);
        call(&place, &["run", "e.toml", "--resume"])
            .ends_with(2)
            .does_not_panic()
            .says(&[
                "have changed since",
                told,
                "without --resume",
                "experiment.toml",
            ]);
    }
    place.write("e.toml", &cells);
    call(&place, &["run", "e.toml", "--resume", "--only", "waits"]).ends_with(2);
    assert_eq!(fs::read(&records).unwrap(), before);
    // The help that it gives works.
    let copy = place.latest().0.join("experiment.toml");
    call(&place, &["run", copy.to_str().unwrap(), "--resume"]).ends_with(0);
    assert_eq!(place.latest().repetitions().len(), 3 * REPETITIONS);
}

/// More repetitions of a run that is whole, or was killed: those that are there stay, the others
/// are added, in the order that they would have had.
#[test]
fn more_repetitions_are_added() {
    let place = Place::new();
    place.write("e.toml", cells(""));
    call(&place, &["run", "e.toml", "--repetitions", "2"]).ends_with(0);
    let folder = place.latest();
    let records = folder.0.join("records.jsonl");
    let before = fs::read(&records).unwrap();
    let more = ["run", "e.toml", "--resume", "--repetitions"];
    call(&place, &[&more[..], &["4"]].concat()).ends_with(0);
    assert_eq!(place.latest().0, folder.0, "no run of its own");
    assert!(
        fs::read(&records).unwrap().starts_with(&before),
        "what was there stays"
    );
    let lines = folder.records();
    let extended: Vec<&Value> = lines.iter().filter(|l| l["kind"] == "extended").collect();
    assert_eq!(extended.len(), 1);
    assert_eq!(extended[0]["repetitions"], 4);
    assert_eq!(extended[0]["set"], serde_json::json!(["--repetitions 4"]));
    for row in folder.summary().1 {
        assert_eq!(row["status"], "ok", "{row:?}");
    }
    let table = folder.read("table.md");
    assert!(
        table.contains("to 4 repetitions, by --repetitions 4"),
        "{table}"
    );
    assert!(folder.read("experiment.toml").contains("repetitions = 4"));

    // The same repetitions in the same order as of a run that had four from the start.
    let whole = Place::new();
    whole.write("e.toml", cells(""));
    call(&whole, &["run", "e.toml"]).ends_with(0);
    assert_eq!(folder.repetitions(), whole.latest().repetitions());

    // Fewer than are there by now, though as many as at first.
    call(&place, &[&more[..], &["3"]].concat())
        .ends_with(2)
        .says(&[
            "run.repetitions: was 4, now 3",
            "that run was begun with --repetitions 2",
        ]);
    call(&place, &["run", "e.toml", "--resume"]).ends_with(0);
    assert_eq!(folder.repetitions().len(), 12);

    // Killed in its third of four, then six.
    let place = Place::new();
    place.write("e.toml", cells("after = 3"));
    let run = start(&place, Stdio::null());
    kill(&place, run);
    let kept = place.latest().repetitions().len();
    assert!(kept < 9, "{kept} repetitions were done");
    call(&place, &[&more[..], &["6"]].concat()).ends_with(0);
    assert_eq!(place.latest().repetitions().len(), 18);
}

/// Where nobody watches a bar, a run says now and then where it is.
#[test]
fn a_run_without_a_terminal_says_where_it_is() {
    let place = Place::new();
    place.write("e.toml", cells("after = 1"));
    let errors = fs::File::create(place.path("errors")).unwrap();
    let mut run = start(&place, errors.into());
    let said = || fs::read_to_string(place.path("errors")).unwrap();
    until("a line that says where it is", || {
        said().contains(" of 18 set-ups and repetitions; waits: 1 of 4")
    });
    fs::remove_file(place.path("gate")).unwrap();
    assert!(run.wait().unwrap().success(), "{}", said());
}
