//! Runs that are put together from shards made by hand.

use std::path::Path;

use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use super::{MergedRun, Planned, Shard, merge, tries};
use crate::record::{Environment, Finished, Line, Run, ShardOf, Status, Stopped};
use crate::summary::tests::{repetition, run, setup, stopped};
use crate::summary::{Row, parse_records, rows};

const CELLS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

const PLAN: &str = "plan";

/// The number of the plan's first cell, as that of a second experiment.
const FIRST: usize = 10;

fn planned(run: &Run) -> Planned<'_> {
    Planned {
        plan: PLAN,
        experiment: 1,
        first: FIRST,
        binary: "program",
        run,
    }
}

/// What a shard holds of a cell.
#[derive(Clone, Copy)]
enum Part {
    Whole,
    Refused,
    Failed,
    Signal,
    /// So many of three repetitions, and no end.
    Cut(u32),
}

/// A machine of this name, with a processor of its model.
fn environment(node: &str) -> Environment {
    Environment {
        node: Some(node.into()),
        boot: Some(format!("boot-{node}")),
        cpu: if node < "n3" { "CPU A" } else { "CPU B" }.into(),
        processors: Some(4),
        usable: 4,
        ..Environment::default()
    }
}

/// What a hand-made shard is of, beside its parts.
#[derive(Clone, Copy)]
struct Job<'a> {
    node: &'a str,
    began: &'a str,
    finished: Option<&'a str>,
    reference: bool,
}

fn job<'a>(node: &'a str, began: &'a str, finished: &'a str) -> Job<'a> {
    Job {
        node,
        began,
        finished: Some(finished),
        reference: false,
    }
}

/// The bytes of a shard; `pace` makes its times differ from others'.
fn shard(job: Job<'_>, pace: u64, parts: &[(usize, Part)]) -> Vec<u8> {
    let names: Vec<&str> = parts.iter().map(|(place, _)| CELLS[*place]).collect();
    let mut run = run(&names);
    run.provenance.cpu = environment(job.node).cpu;
    run.shard = Some(ShardOf {
        plan: PLAN.into(),
        experiment: 1,
        cells: parts.iter().map(|(place, _)| FIRST + place).collect(),
        binary: "program".into(),
        began: job.began.into(),
        environment: environment(job.node),
        reference: job.reference,
    });
    let mut lines = vec![Line::Run(Box::new(run))];
    for ((_, part), name) in parts.iter().zip(&names) {
        let mut ready = setup(name, pace);
        ready.environment = Some(environment(job.node));
        lines.push(Line::Setup(Box::new(ready)));
        let repetitions = match part {
            Part::Whole => 3,
            Part::Refused => 0,
            Part::Failed | Part::Signal => 1,
            Part::Cut(count) => *count,
        };
        let all = (0..repetitions).map(|index| repetition(name, index, pace, 0.1 + 0.2));
        lines.extend(all.map(|r| Line::Repetition(Box::new(r))));
        let end = |status, signal: Option<&str>| {
            Line::Stopped(Stopped {
                signal: signal.map(str::to_owned),
                ..stopped(name, status)
            })
        };
        match part {
            Part::Whole | Part::Cut(_) => {}
            Part::Refused => lines.push(end(Status::Refused, None)),
            Part::Failed => lines.push(end(Status::Failed, None)),
            Part::Signal => lines.push(end(Status::Crashed, Some("SIGTERM"))),
        }
    }
    let finished = job
        .finished
        .map(|at| Line::Finished(Finished { at: at.into() }));
    lines.extend(finished);
    let text: Vec<String> = lines
        .iter()
        .map(|line| serde_json::to_string(line).unwrap() + "\n")
        .collect();
    text.concat().into_bytes()
}

fn parsed<'a>(name: &str, bytes: &'a [u8]) -> Shard<'a> {
    // What tells files apart; any other function of the content would do.
    let digest = format!(
        "{:x}",
        bytes.iter().fold(7_u64, |hash, b| {
            hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*b)
        })
    );
    Shard::parse(name, Path::new(name), (bytes, digest)).unwrap()
}

fn merged(files: &[(String, Vec<u8>)]) -> MergedRun {
    let shards: Vec<Shard<'_>> = files
        .iter()
        .map(|(name, bytes)| parsed(name, bytes))
        .collect();
    let run = run(&CELLS);
    for shard in &shards {
        shard.belongs_to(Path::new("x"), planned(&run)).unwrap();
    }
    merge(planned(&run), &shards)
}

/// Every kind of shard: whole, several tries of a cell, one cut off, one that is torn, a reference, a copy.
fn many() -> Vec<(String, Vec<u8>)> {
    use Part::{Cut, Failed, Refused, Signal, Whole};
    let first = job("n1", "10:00", "10:10");
    let mut torn = shard(job("n2", "10:05", "10:06"), 31, &[(3, Whole), (4, Whole)]);
    torn.truncate(torn.len() - 400);
    let killed = Job {
        finished: None,
        ..job("n4", "10:30", "")
    };
    let reference = Job {
        reference: true,
        ..job("n4", "10:29", "10:30")
    };
    let all = [
        shard(first, 10, &[(0, Whole), (1, Failed)]),
        shard(job("n1", "10:15", "10:16"), 11, &[(1, Whole)]),
        shard(job("n3", "10:20", "10:22"), 12, &[(1, Whole), (0, Signal)]),
        shard(job("n3", "10:21", "10:23"), 13, &[(2, Refused)]),
        torn,
        shard(killed, 14, &[(3, Cut(1)), (4, Cut(2))]),
        shard(killed, 15, &[(5, Cut(2))]),
        shard(reference, 16, &[(0, Whole)]),
        shard(first, 10, &[(0, Whole), (1, Failed)]),
    ];
    let names = (0..).map(|number| format!("shard-{number}"));
    names.zip(all).collect()
}

#[test]
fn any_order_of_any_shards_makes_the_same_bytes() {
    let mut rng = ChaCha20Rng::seed_from_u64(16);
    let all = many();
    let expect = merged(&all);
    for round in 0..200 {
        // All shards in the first half of the rounds.
        let mut some = all.clone();
        if round >= 100 {
            some.shuffle(&mut rng);
            some.truncate(rng.random_range(1..=all.len()));
        }
        let first = merged(&some);
        some.shuffle(&mut rng);
        // One that is named twice counts once.
        let twice = some.choose(&mut rng).unwrap().clone();
        some.insert(rng.random_range(0..=some.len()), twice);
        let second = merged(&some);
        assert_eq!(first.bytes, second.bytes, "round {round}");
        assert_eq!(first.missing, second.missing);
        if round < 100 {
            assert_eq!(first.bytes, expect.bytes, "round {round}");
        }
        let records = parse_records(Path::new("merged"), &first.bytes).unwrap();
        assert_eq!(records.run.cells.len(), CELLS.len());
    }
}

#[test]
fn the_try_that_came_furthest_counts() {
    let result = merged(&many());
    let records = parse_records(Path::new("merged"), &result.bytes).unwrap();
    let statuses: Vec<(String, Status, usize)> = rows(&records)
        .iter()
        .map(|row| {
            let repetitions = row.measured.as_ref().map_or(0, |m| m.repetitions);
            (row.name().to_owned(), row.status, repetitions)
        })
        .collect();
    let expect = [
        ("a", Status::Ok, 3),
        ("b", Status::Ok, 3),
        ("c", Status::Refused, 0),
        // The torn shard has it whole.
        ("d", Status::Ok, 3),
        ("e", Status::Missing, 2),
        ("f", Status::Missing, 2),
    ];
    let expect = expect.map(|(name, status, n)| (name.to_owned(), status, n));
    assert_eq!(statuses, expect);
    // Of two whole ones the earlier, on the machine whose name it tells.
    assert_eq!(records.environments["b"][0].node.as_deref(), Some("n1"));
    assert_eq!(
        records.repetitions.iter().filter(|r| r.cell == "b").count(),
        3
    );
    let evaluated = records.repetitions.iter().find(|r| r.cell == "b");
    assert_eq!(evaluated.unwrap().evaluate.wall_ns, 11_000_000);
    assert_eq!(result.missing, [FIRST + 4, FIRST + 5]);
    let superseded: Vec<&str> = result.superseded.iter().map(|s| s.cell.as_str()).collect();
    assert_eq!(superseded, ["b"]);
    assert!(result.several.contains(&(FIRST + 1, 3)));
    let again = merged(&many());
    assert_eq!(again.bytes, result.bytes);
}

/// Lines stand as they were written: no number is changed on the way.
#[test]
fn lines_are_taken_as_they_are() {
    let files = many();
    let result = merged(&files);
    let text = String::from_utf8(result.bytes).unwrap();
    let sources: Vec<&str> = files
        .iter()
        .flat_map(|(_, bytes)| std::str::from_utf8(bytes).unwrap().lines())
        .collect();
    assert!(text.lines().count() > 10);
    for line in text.lines().skip(1) {
        assert!(sources.contains(&line), "{line}");
    }
}

#[test]
fn machines_are_told() {
    let records = parse_records(Path::new("merged"), &merged(&many()).bytes).unwrap();
    assert_eq!(records.run.provenance.cpu, "CPU A and CPU B");
    let merged_of = records.run.merged.as_ref().unwrap();
    assert_eq!(merged_of.references.len(), 1);
    assert_eq!(merged_of.references[0].wall_ns, [22_000_000; 3]);
    assert_eq!(
        merged_of.references[0].environment.node.as_deref(),
        Some("n4")
    );
    // Two on one machine at the same time.
    let beside: Vec<bool> = merged_of.shards.iter().map(|s| s.beside_others).collect();
    assert!(
        beside.contains(&true) && beside.contains(&false),
        "{beside:?}"
    );
    let all = rows(&records);
    let shared: Vec<&str> = all
        .iter()
        .filter(|r| r.places.shared)
        .map(Row::name)
        .collect();
    assert_eq!(shared, ["c"]);
    assert_eq!(all[0].places.cpus(), ["CPU A"]);
}

#[test]
fn every_cell_has_its_tries() {
    let files = many();
    let shards: Vec<Shard<'_>> = files
        .iter()
        .map(|(name, bytes)| parsed(name, bytes))
        .collect();
    let run = run(&CELLS);
    let all = tries(planned(&run), &shards);
    let counts: Vec<usize> = all.iter().map(Vec::len).collect();
    assert_eq!(counts, [2, 3, 1, 2, 2, 1]);
    assert_eq!(all[1][0].1.number, FIRST + 1);
    assert!(all[1][0].1.is_complete && !all[1][2].1.is_complete);
}

/// What a shard whose header was changed is refused with.
#[track_caller]
fn check_other(change: impl Fn(&mut Run), words: &[&str]) {
    let mut bytes = shard(job("n1", "1", "2"), 9, &[(0, Part::Whole)]);
    let end = bytes.iter().position(|b| *b == b'\n').unwrap();
    let Line::Run(mut run_of_shard) = serde_json::from_slice(&bytes[..end]).unwrap() else {
        panic!("a shard begins with its run");
    };
    change(&mut run_of_shard);
    let header = serde_json::to_vec(&Line::Run(run_of_shard)).unwrap();
    bytes.splice(..end, header);
    let run = run(&CELLS);
    let told = parsed("x", &bytes).belongs_to(Path::new("x.jsonl"), planned(&run));
    let told = told.unwrap_err().to_string();
    for word in words.iter().chain(&["x.jsonl:1: ", "expected", "help: "]) {
        assert!(told.contains(word), "lacks {word:?}: {told}");
    }
}

#[test]
fn shards_of_something_else_are_refused() {
    let of = |run: &mut Run| run.shard.take().unwrap();
    check_other(
        |run| {
            run.shard = Some(ShardOf {
                plan: "other".into(),
                ..of(run)
            });
        },
        &["`shard.plan`: found other, expected plan"],
    );
    check_other(
        |run| {
            run.shard = Some(ShardOf {
                binary: "other".into(),
                ..of(run)
            });
        },
        &["`shard.binary`: found other, expected program"],
    );
    check_other(
        |run| {
            run.shard = Some(ShardOf {
                cells: vec![FIRST + 1],
                ..of(run)
            });
        },
        &["`cells, number 11`: found a, expected b"],
    );
    check_other(
        |run| {
            run.shard = Some(ShardOf {
                cells: vec![3],
                ..of(run)
            });
        },
        &["found a, expected no such cell"],
    );
    check_other(
        |run| run.provenance.build.commit = "abc".into(),
        &["`provenance.build.commit`: found \"abc\", expected \"\""],
    );
    check_other(
        |run| run.resolved["run"]["seed"] = 2.into(),
        &["`resolved.run.seed`: found 2, expected 1"],
    );
    check_other(
        |run| run.provenance.data.sha256 = "ff".into(),
        &["`provenance.data.sha256`: found ff"],
    );
}

/// A shard that a killed call left has no end of its own: it is as late as its records took, to the microsecond, so that
/// ends compare as text.
#[test]
fn what_did_not_end_ran_as_long_as_its_records_say() {
    let job = Job {
        finished: None,
        ..job("n1", "2026-05-04T09:08:07.250000Z", "")
    };
    let bytes = shard(job, 10, &[(0, Part::Cut(2))]);
    // A set-up of 1 + 10 + 2 + 3 ms, and twice 4 + 10 + 2 + 1 ms.
    assert_eq!(parsed("x", &bytes).end(), "2026-05-04T09:08:07.300000Z");
    let bytes = shard(job, 10, &[]);
    assert_eq!(parsed("x", &bytes).end(), job.began);
}

/// A line that tells of a set-up and is lost would take the cell out of every ranking.
#[test]
fn a_shard_without_a_cells_set_up_is_damaged() {
    let bytes = shard(
        job("n1", "1", "2"),
        9,
        &[(0, Part::Whole), (1, Part::Whole)],
    );
    let text = String::from_utf8(bytes).unwrap();
    let is_lost =
        |line: &&str| line.contains("\"kind\":\"setup\"") && line.contains("\"cell\":\"b\"");
    assert_eq!(text.lines().filter(is_lost).count(), 1);
    let kept: Vec<String> = text
        .lines()
        .filter(|line| !is_lost(line))
        .map(|line| format!("{line}\n"))
        .collect();
    let bytes = kept.concat().into_bytes();
    let told = Shard::parse("x", Path::new("x.jsonl"), (&bytes, String::new()));
    let told = told.unwrap_err().to_string();
    for word in [
        "x.jsonl: found repetition 0 of `b` by process 0",
        "expected a record of kind `setup`",
        "help: ",
    ] {
        assert!(told.contains(word), "lacks {word:?}: {told}");
    }
}

#[test]
fn records_of_a_run_are_no_shard() {
    let line = serde_json::to_string(&Line::Run(Box::new(run(&["a"])))).unwrap();
    let told = Shard::parse("x", Path::new("x"), (line.as_bytes(), String::new()));
    let told = told.unwrap_err().to_string();
    assert!(told.contains("expected those of a shard"), "{told}");
}
