//! Cells of a plan, run by several calls into shards, and put together: what one run on one machine says.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::harness::{Outcome, Place, Row, experiment};

const SCHEMES: &str = "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"fernet\"\n[[scheme]]\nuse = \"seal-ckks\"\n";

/// Three schemes at two points: six cells.
fn cells() -> String {
    let more =
        "[matrix]\n\"task.features\" = [3, 5]\n[run]\nrepetitions = 3\nwarmup = 1\nthreads = 1\n";
    experiment(
        "use = \"wine-quality\"\nlimit = 200",
        "use = \"logistic-regression\"",
        &[SCHEMES, more].concat(),
    )
}

/// A place with the plan `p` of six cells.
fn planned() -> Place {
    let place = Place::new();
    place.write("e.toml", cells());
    place
        .call(&["run", "e.toml", "--plan-into", "p"])
        .ends_with(0)
        .says(&["6 cells, 0 to 5, written to p/plan.json"]);
    place
}

/// Runs cells as on a machine of this name.
#[track_caller]
fn run(place: &Place, node: &str, cells: &str) -> Outcome {
    let arguments = ["run", "--cells", cells, "--into", "p"];
    Outcome::of(place.program(arguments).env("HEXPERIMENT_NODE", node))
}

/// The files of shards whose names end so, sorted.
fn shards(place: &Place, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.path("p/shards")).unwrap().flatten();
    let named = entries.map(|entry| entry.path());
    let mut all: Vec<PathBuf> = named
        .filter(|path| path.to_str().unwrap().ends_with(ending))
        .collect();
    all.sort();
    all
}

/// The rows of the newest run, but for times and what else no two runs have alike.
fn rows(place: &Place) -> Vec<Row> {
    let differs = |column: &str| {
        let ends = ["_ms", "_ms_low", "_ms_high", "_ms_per_sample", "rss_bytes"];
        let names = ["started", "load_average", "share_waited"];
        let between =
            column.starts_with("evaluate_between") || column.starts_with("evaluate_within");
        between || names.contains(&column) || ends.iter().any(|end| column.ends_with(end))
    };
    let (_, rows) = place.latest().summary();
    let kept = |row: Row| -> Row {
        row.into_iter()
            .filter(|(column, _)| !differs(column) && !is_noise(column))
            .collect()
    };
    rows.into_iter().map(kept).collect()
}

/// Errors are those of fresh keys each time.
fn is_noise(column: &str) -> bool {
    ["error", "precision_bits", "value"]
        .iter()
        .any(|part| column.contains(part))
}

#[test]
fn shards_make_the_run_of_one_machine() {
    let place = planned();
    // Six cells by three calls at once, on two machines by name.
    let calls = [("n1", "0,1"), ("n2", "2-4"), ("n1", "5")];
    let running = calls.map(|(node, cells)| {
        let arguments = ["run", "--cells", cells, "--into", "p"];
        let mut program = place.program(arguments);
        program.env("HEXPERIMENT_NODE", node).spawn().unwrap()
    });
    for mut call in running {
        assert_eq!(call.wait().unwrap().code(), Some(0));
    }
    assert_eq!(shards(&place, ".jsonl").len(), 3);
    assert!(shards(&place, ".part").is_empty());
    let merged = place.call(&["merge", "p"]);
    merged
        .ends_with(0)
        .says_in_lines(&["6 of 6 cells ok", "6 rows on n1 and n2", "3 jobs"]);
    // They ran on one machine at the same time, which tables say.
    merged.says_in_lines(&["shared machines"]);
    let records = place.latest().read("records.jsonl");
    let of_shards = rows(&place);
    let folder = place.latest().0;
    place.call(&["merge", "p"]).ends_with(0);
    assert_eq!(place.latest().0, folder, "the same folder");
    assert_eq!(
        place.latest().read("records.jsonl"),
        records,
        "the same bytes"
    );
    for file in ["table.md", "report.html", "experiment.toml"] {
        assert!(place.latest().read(file).len() > 100, "{file}");
    }
    let artefacts = fs::read_dir(folder.join("artefacts")).unwrap().count();
    assert_eq!(artefacts, 6, "what the task left of each cell");
    // Every repetition once, each with its machine.
    let lines: Vec<Value> = records
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &'static str| lines.iter().filter(move |line| line["kind"] == kind);
    assert_eq!(of("repetition").count(), 18);
    let nodes: BTreeMap<&str, &str> = of("setup")
        .map(|line| {
            let environment = &line["environment"];
            assert!(!environment["cpu"].as_str().unwrap().is_empty());
            (
                line["cell"].as_str().unwrap(),
                environment["node"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(nodes.len(), 6);
    assert_eq!(nodes["plaintext/features=3"], "n1");
    assert_eq!(nodes["seal-ckks/features=3"], "n2");
    place.call(&["run", "e.toml"]).ends_with(0);
    assert_eq!(rows(&place), of_shards);
    place
        .call(&["report", folder.to_str().unwrap()])
        .ends_with(0)
        .says_in_lines(&["6 of 6 cells ok"]);
}

#[test]
fn what_is_missing_torn_or_there_twice_is_told() {
    let place = planned();
    place
        .call(&["merge", "p"])
        .ends_with(2)
        .says(&["p: found no shard that can be read"]);
    run(&place, "n1", "0-3").ends_with(0);
    let merged = place.call(&["merge", "p"]);
    merged
        .ends_with(1)
        .says(&["missing: 2 of 6 cells; `hexperiment run --cells 4-5 --into p` runs them"])
        .says_in_lines(&[
            "missing: 0 of 3 repetitions are in the shards",
            "lack repetitions",
        ]);
    run(&place, "n2", "3,4,5").ends_with(0);
    place
        .call(&["merge", "p"])
        .ends_with(0)
        .says(&["in more than one shard", "cells 3 (2)"]);
    let whole = place.latest().read("records.jsonl");
    // The second shard loses its last lines, as by a disk that was full.
    let second = shards(&place, ".jsonl").pop().unwrap();
    let bytes = fs::read(&second).unwrap();
    fs::write(&second, &bytes[..bytes.len() - 300]).unwrap();
    place
        .call(&["merge", "p"])
        .ends_with(1)
        .says(&["its last line is torn", "missing: "]);
    // One that is damaged elsewhere is left out, and the others count.
    let mut damaged = bytes.clone();
    let middle = damaged.iter().position(|b| *b == b'\n').unwrap() + 20;
    damaged[middle] = 0;
    fs::write(&second, &damaged).unwrap();
    place.call(&["merge", "p"]).ends_with(1).says(&[
        "left out: ",
        ":2: found",
        "missing: 2 of 6 cells",
    ]);
    fs::write(&second, &bytes).unwrap();
    // A copy of the folder, in any order: each shard counts once.
    place.write(
        "copy/plan.json",
        fs::read(place.path("p/plan.json")).unwrap(),
    );
    let name = second.file_name().unwrap().to_str().unwrap();
    place.write(&format!("copy/shards/{name}"), &bytes);
    for order in [["p", "copy"], ["copy", "p"]] {
        place.call(&["merge", order[0], order[1]]).ends_with(0);
        assert_eq!(place.latest().read("records.jsonl"), whole);
    }
    place
        .call(&["run", "e.toml", "--resume"])
        .ends_with(2)
        .says(&["was put together from shards"]);
}

/// A cell that lost the line of its set-up would leave the rankings: the shard is left out, and said.
#[test]
fn a_set_up_that_is_gone_is_told() {
    let place = planned();
    run(&place, "n1", "0-4").ends_with(0);
    run(&place, "n1", "5").ends_with(0);
    place.call(&["merge", "p"]).ends_with(0);
    let last = shards(&place, ".jsonl").pop().unwrap();
    let text = fs::read_to_string(&last).unwrap();
    let is_setup = |line: &&str| line.contains("\"kind\":\"setup\"");
    assert_eq!(text.lines().filter(is_setup).count(), 1);
    let kept = text.lines().filter(|line| !is_setup(line));
    let kept: Vec<String> = kept.map(|line| format!("{line}\n")).collect();
    fs::write(&last, kept.concat()).unwrap();
    place.call(&["merge", "p"]).ends_with(1).says(&[
        "left out: ",
        "found repetition 0 of `seal-ckks/features=5` by process 0, expected a record of kind `setup`",
        "missing: 1 of 6 cells; `hexperiment run --cells 5 --into p` runs them",
    ]);
    let row = place.latest().row("seal-ckks/features=5");
    assert_eq!(row["status"], "missing");
}

/// Copies of a folder that were made at another time, and such that were changed.
#[test]
fn two_shards_of_one_name() {
    let place = planned();
    run(&place, "n1", "0-5").ends_with(0);
    let shard = shards(&place, ".jsonl").pop().unwrap();
    let name = shard.file_name().unwrap().to_str().unwrap();
    let bytes = fs::read(&shard).unwrap();
    let plan = fs::read(place.path("p/plan.json")).unwrap();
    place.write("copy/plan.json", plan);
    place.call(&["merge", "p"]).ends_with(0);
    let whole = place.latest().read("records.jsonl");
    // While it was written.
    let half = &bytes[..bytes.len() / 2];
    place.write(&format!("copy/shards/{name}.part"), half);
    for order in [["p", "copy"], ["copy", "p"]] {
        let merged = place.call(&["merge", order[0], order[1]]);
        merged.ends_with(0).says(&["an earlier copy of p/shards/"]);
        assert!(!merged.err.contains("in more than one shard"), "{merged}");
        assert_eq!(place.latest().read("records.jsonl"), whole);
    }
    fs::remove_file(place.path(&format!("copy/shards/{name}.part"))).unwrap();
    let other = String::from_utf8(bytes).unwrap();
    let other = other.replacen("\"index\":0", "\"index\":2", 1);
    let other = other.replacen("\"index\":2,\"encrypt\"", "\"index\":0,\"encrypt\"", 1);
    let other = other.replacen("\"wall_ns\":", "\"wall_ns\":1", 1);
    place.write(&format!("copy/shards/{name}"), other);
    for order in [["p", "copy"], ["copy", "p"]] {
        place
            .call(&["merge", order[0], order[1]])
            .ends_with(2)
            .says(&["are two shards of one name with other content", "help: "]);
    }
}

/// Of merges at once into one folder of runs each waits for the others; and one that was killed is gone on with.
#[test]
fn merges_at_once_make_one_run() {
    let place = planned();
    run(&place, "n1", "0-5").ends_with(0);
    let merges: Vec<_> = (0..4)
        .map(|_| {
            let mut merge = place.program(["merge", "p"]);
            merge.stdout(std::process::Stdio::null());
            merge.stderr(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut merge in merges {
        assert_eq!(merge.wait().unwrap().code(), Some(0));
    }
    let runs = || -> Vec<String> {
        let entries = fs::read_dir(place.path("runs")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_str().unwrap().to_owned());
        names
            .filter(|name| name.ends_with("-trial") || name.contains("-trial-"))
            .collect()
    };
    assert_eq!(runs().len(), 1, "{:?}", runs());
    let folder = place.latest();
    fs::remove_file(folder.0.join("records.jsonl")).unwrap();
    for file in ["table.md", "summary.csv", "links.csv", "report.html"] {
        fs::remove_file(folder.0.join(file)).unwrap();
    }
    place.call(&["merge", "p"]).ends_with(0);
    assert_eq!(runs().len(), 1, "{:?}", runs());
    // One that waits says so.
    let held = fs::File::create(place.path("runs/.merge.lock")).unwrap();
    held.lock().unwrap();
    let mut waiting = place.program(["merge", "p"]);
    let mut waiting = waiting.stdout(std::process::Stdio::null());
    waiting = waiting.stderr(std::process::Stdio::piped());
    let mut waiting = waiting.spawn().unwrap();
    let mut words = std::io::BufReader::new(waiting.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut words, &mut line).unwrap();
    assert!(
        line.contains("another `merge` writes into runs: waiting for it"),
        "{line}"
    );
    drop(held);
    std::io::Read::read_to_string(&mut words, &mut line).unwrap();
    assert_eq!(waiting.wait().unwrap().code(), Some(0), "{line}");
}

/// Commands that are shown can be copied, whatever the folder is called.
#[test]
fn commands_that_are_shown_are_quoted() {
    let place = Place::new();
    place.write("e.toml", cells());
    let folder = "it's a plan; $HOME";
    let quoted = r"'it'\''s a plan; $HOME'";
    place
        .call(&["run", "e.toml", "--plan-into", folder])
        .ends_with(0)
        .says(&[&format!(
            "--into {quoted}`, then `hexperiment merge {quoted}`"
        )]);
    let arguments = ["run", "--cells", "0", "--into", folder];
    place.call(&arguments).ends_with(0);
    place.call(&["merge", folder]).ends_with(1).says(&[&format!(
        "`hexperiment run --cells 1-5 --into {quoted}` runs them"
    )]);
}

/// The limit of a file's length (`ulimit -f`) is an error like a full disk, and no end without a word.
#[test]
#[cfg(unix)]
fn a_file_that_may_not_get_longer_is_told() {
    let place = planned();
    let program = place.program(["run", "--cells", "0-5", "--into", "p"]);
    let mut limited = std::process::Command::new("sh");
    limited
        .args(["-c", "ulimit -f 16; exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(place.path(""));
    let outcome = Outcome::of(&mut limited);
    outcome.ends_with(2).does_not_panic();
    outcome.says(&["cannot be written", "is the disk full?"]);
    run(&place, "n1", "0-5").ends_with(0);
    place.call(&["merge", "p"]).ends_with(0);
}

#[test]
fn a_reference_cell_is_run_on_every_machine() {
    let place = Place::new();
    place.write("e.toml", cells());
    let arguments = ["run", "e.toml", "--plan-into", "p", "--reference-cell"];
    place
        .call(&[&arguments[..], &["plaintext"]].concat())
        .ends_with(2)
        .says(&["--reference-cell plaintext: found 2 cells of this name"]);
    place
        .call(&[&arguments[..], &["plaintext/features=3"]].concat())
        .ends_with(0);
    for (node, cells) in [("n1", "0-2"), ("n2", "3-5")] {
        run(&place, node, cells).ends_with(0);
    }
    assert_eq!(shards(&place, "-reference.jsonl").len(), 2);
    place.call(&["merge", "p"]).ends_with(0).says_in_lines(&[
        "reference cell plaintext/features=3: n",
        "the slowest machine takes",
    ]);
    let records = place.latest().read("records.jsonl");
    assert_eq!(records.matches("\"kind\":\"repetition\"").count(), 18);
    let header: Value = serde_json::from_str(records.lines().next().unwrap()).unwrap();
    let references = header["merged"]["references"].as_array().unwrap();
    assert_eq!(references.len(), 2);
    assert_eq!(references[0]["wall_ns"].as_array().unwrap().len(), 3);
}

/// What a plan that was changed is refused with, by `run --cells` and by `merge`.
#[track_caller]
fn check_plan(change: impl Fn(String) -> String, words: &[&str]) {
    let place = planned();
    let plan = fs::read_to_string(place.path("p/plan.json")).unwrap();
    fs::write(place.path("p/plan.json"), change(plan)).unwrap();
    for outcome in [run(&place, "n7", "0"), place.call(&["merge", "p"])] {
        outcome.ends_with(2).does_not_panic().is_plain();
        outcome.says(words).says(&["help: "]);
    }
    assert!(shards(&place, "").is_empty());
}

#[test]
fn plans_that_were_changed_are_refused() {
    check_plan(
        |plan| plan.replacen("\"format\":1", "\"format\":2", 1),
        &["p/plan.json: found a plan of format 2, expected 1"],
    );
    check_plan(
        |plan| plan[..plan.len() / 2].to_owned(),
        &["p/plan.json:1: found what is no plan"],
    );
    check_plan(
        |_| "[]".into(),
        &["found a plan of format null, expected 1"],
    );
    check_plan(
        |plan| plan.replacen("limit = 200", "limit = 100", 1),
        &["`experiments[0].text`: found a text with SHA-256"],
    );
    check_plan(
        |plan| plan.replacen("\"index\":4", "\"index\":5", 1),
        &["`cells`: found `fernet/features=5` at 4"],
    );
    check_plan(
        |plan| plan.replacen("\"cells\":[", "\"cells\":7,\"x\":[", 1),
        &["found what is no plan"],
    );
}

#[test]
fn another_program_or_other_data_are_refused_with_the_machine() {
    let place = planned();
    let plan = fs::read_to_string(place.path("p/plan.json")).unwrap();
    let value: Value = serde_json::from_str(&plan).unwrap();
    let binary = value["binary"].as_str().unwrap();
    fs::write(place.path("p/plan.json"), plan.replace(binary, "00ff")).unwrap();
    run(&place, "n7", "0").ends_with(2).says(&[
        "node n7: ",
        "found a program with SHA-256",
        "expected 00ff",
        "help: ",
    ]);
    let data = value["experiments"][0]["run"]["provenance"]["data"]["sha256"].as_str();
    fs::write(
        place.path("p/plan.json"),
        plan.replace(data.unwrap(), "00ff"),
    )
    .unwrap();
    run(&place, "n7", "0").ends_with(2).says(&[
        "node n7: what is here differs from p/plan.json",
        "planned 00ff, here ",
        "help: ",
    ]);
    assert!(shards(&place, "").is_empty());
    fs::write(place.path("p/plan.json"), &plan).unwrap();
    run(&place, "n7", "0").ends_with(0);
    // The shard is of the plan as it was.
    fs::write(
        place.path("p/plan.json"),
        plan.replacen("\"made\":\"20", "\"made\":\"21", 1),
    )
    .unwrap();
    place.call(&["merge", "p"]).ends_with(2).says(&[
        "`shard.plan`: found ",
        "as in the plan",
        "help: ",
    ]);
    place.write("q/plan.json", &plan);
    fs::create_dir(place.path("q/shards")).unwrap();
    place.call(&["merge", "p", "q"]).ends_with(2).says(&[
        "p/plan.json and q/plan.json are different plans: `made` is ",
        "help: ",
    ]);
}

#[test]
fn bad_cells_and_folders_are_told() {
    let place = planned();
    for (cells, words) in [
        ("6", "found the cell 6, which the plan does not have"),
        ("0-99999999999", "found the cell 99999999999, which"),
        ("3-1", "found `3-1`"),
        ("x", "found `x`"),
        ("", "found ``"),
        ("1,0-2", "found the cell 1 twice"),
        ("99999999999999999999999", "found `99999999999999999999999`"),
    ] {
        let outcome = run(&place, "n1", cells);
        outcome.ends_with(2).says(&[words, "has the cells 0 to 5"]);
    }
    place
        .call(&["run", "e.toml", "--plan-into", "p"])
        .ends_with(2)
        .says(&["p/plan.json: found a plan, expected none"]);
    place
        .call(&["run", "--cells", "0", "--into", "nowhere"])
        .ends_with(2)
        .says(&["nowhere/plan.json: cannot be read", "help: "]);
    place.call(&["run", "--cells", "0"]).ends_with(2);
    place
        .call(&["run", "e.toml", "--cells", "0", "--into", "p"])
        .ends_with(2);
    place.call(&["merge", "nowhere"]).ends_with(2);
    // A folder that cannot be written.
    fs::remove_dir(place.path("p/shards")).unwrap();
    place.write("p/shards", "no folder");
    run(&place, "n7", "0").ends_with(2).says(&[
        "node n7: p/shards/",
        "no shard can be written",
        "help: ",
    ]);
    place
        .call(&["merge", "p"])
        .ends_with(2)
        .says(&["shards cannot be read"]);
}

#[cfg(target_os = "linux")]
mod signals {
    use std::process::Stdio;

    use super::*;
    use crate::harness::faulty_plugin;
    use crate::resume::until;

    /// A plan of a cell that is fast and one that waits, met while that waits; sends it a signal, and yields what the
    /// shard tells of the cells' ends.
    #[track_caller]
    fn ended_by(signal: &str) -> (Place, Option<i32>, Vec<Value>) {
        let place = Place::new();
        let schemes = "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"faulty\"\nlabel = \"waits\"\nfault = \"wait\"\n";
        let text = experiment(
            "use = \"wine-quality\"\nlimit = 200",
            "use = \"logistic-regression\"",
            &format!("{schemes}[run]\nrepetitions = 3\nthreads = 1\n"),
        );
        place.write("e.toml", text);
        let program = |arguments: &[&str]| {
            let mut program = place.program(arguments);
            program.env("HEXPERIMENT_PLUGINS", faulty_plugin());
            program
        };
        Outcome::of(&mut program(&["run", "e.toml", "--plan-into", "p"])).ends_with(0);
        place.write("gate", "");
        let mut run = program(&["run", "--cells", "0,1", "--into", "p"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("a cell waits", || place.path("waiting").exists());
        let sent = std::process::Command::new("kill")
            .args([format!("-{signal}"), run.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        let code = run.wait().unwrap().code();
        fs::remove_file(place.path("gate")).unwrap();
        let ends = match shards(&place, ".jsonl").first() {
            None => vec![],
            Some(shard) => fs::read_to_string(shard)
                .unwrap()
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .filter(|line: &Value| line["kind"] == "stopped")
                .collect(),
        };
        (place, code, ends)
    }

    #[test]
    fn cells_that_a_scheduler_ends_are_recorded_as_such() {
        for (signal, name, status) in [
            ("TERM", "SIGTERM", "crashed"),
            ("USR1", "SIGUSR1", "timeout"),
        ] {
            let (place, code, ends) = ended_by(signal);
            assert_eq!(code, Some(1), "{signal}");
            assert!(!ends.is_empty() && ends.iter().any(|end| end["cell"] == "waits"));
            for end in &ends {
                assert_eq!(
                    (&end["signal"], &end["status"]),
                    (&name.into(), &status.into())
                );
                assert!(end["reason"].as_str().unwrap().contains(name));
            }
            assert!(shards(&place, ".part").is_empty());
            place
                .call(&["merge", "p", "--plugin", faulty_plugin().to_str().unwrap()])
                .ends_with(1)
                .says(&["ended by a scheduler: ", "`hexperiment run --cells "]);
        }
    }

    /// What a killed call leaves is told, and its cells are run again.
    #[test]
    fn a_call_that_is_killed_leaves_what_it_had() {
        let (place, code, ends) = ended_by("KILL");
        assert_eq!((code, ends.len()), (None, 0));
        assert_eq!(shards(&place, ".part").len(), 1);
        let plugin = faulty_plugin();
        let plugin = plugin.to_str().unwrap();
        place
            .call(&["merge", "p", "--plugin", plugin])
            .ends_with(1)
            .says(&[
                "is still written, or its writer was killed",
                "missing: 2 of 2 cells",
            ]);
        place
            .call(&["run", "--cells", "0-1", "--into", "p", "--plugin", plugin])
            .ends_with(0);
        place
            .call(&["merge", "p", "--plugin", plugin])
            .ends_with(0)
            .says_in_lines(&["2 of 2 cells ok"]);
    }
}
