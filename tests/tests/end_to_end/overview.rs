//! The table of all tasks and schemes, from the experiments that are made for it.

use std::collections::BTreeSet;
use std::fs;

use toml::Table;

use crate::harness::{Place, repository};

/// The cells of the table in `overview.md`, head and rule left out.
fn lines(page: &str) -> Vec<Vec<String>> {
    let lines = page.lines().filter(|l| l.starts_with("| ")).skip(2);
    let cells = |l: &str| -> Vec<String> {
        let inside = l.trim_start_matches("| ").trim_end_matches(" |");
        inside.split(" | ").map(str::to_owned).collect()
    };
    lines.map(cells).collect()
}

/// Copies the experiments of `experiments/overview`, with one repetition each.
fn copy_suite(place: &Place) -> BTreeSet<String> {
    let mut tasks = BTreeSet::new();
    for entry in fs::read_dir(repository().join("experiments/overview")).unwrap() {
        let path = entry.unwrap().path();
        let mut experiment: Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        for key in ["question", "caveats"] {
            let words = experiment["experiment"][key].as_str().unwrap();
            assert!(words.len() > 20, "{}: {key} says nothing", path.display());
        }
        assert!(experiment.contains_key("expect"), "an experiment is a test");
        let task = experiment["task"]["use"].as_str().unwrap();
        tasks.insert(task.to_owned());
        let run = experiment["run"].as_table_mut().unwrap();
        run.insert("repetitions".into(), 1.into());
        // Other tests compute at the same time.
        run.insert("time_limit".into(), "30m".into());
        let name = path.file_name().unwrap().to_str().unwrap();
        place.write(&format!("suite/{name}"), experiment.to_string());
    }
    tasks
}

/// All that is registered of a kind, from `list`: names stand alone on lines of two blanks.
fn registered(place: &Place, heading: &str) -> Vec<String> {
    let list = place.call(&["list"]).out;
    let (_, rest) = list.split_once(heading).unwrap();
    let lines = rest.lines().skip(1);
    let section = lines.take_while(|l| l.is_empty() || l.starts_with("  "));
    let names = section.filter_map(|l| l.strip_prefix("  "));
    let names = names.filter(|l| !l.starts_with(' ') && !l.contains(' '));
    names.map(str::to_owned).collect()
}

/// Needs no data and no more than the program: every task and every scheme has its place, and
/// no cell is blank.
#[test]
fn all_tasks_under_all_schemes() {
    let place = Place::new();
    let covered = copy_suite(&place);
    let outcome = place.call(&["overview", "suite"]);
    outcome.ends_with(0).does_not_panic();
    let page = fs::read_to_string(place.path("runs/overview.md")).unwrap();
    let lines = lines(&page);
    let schemes = registered(&place, "SCHEMES (");
    let tasks = registered(&place, "TASKS (");
    assert!(
        schemes.len() >= 5 && tasks.len() >= 5,
        "{schemes:?} {tasks:?}"
    );
    for line in &lines {
        assert_eq!(line.len(), 1 + schemes.len(), "{line:?}");
        assert!(line.iter().all(|cell| !cell.trim().is_empty()), "{line:?}");
        // The suite is about all schemes, so that a reason is a scheme's own.
        let own = |cell: &String| !cell.contains("not in the experiment");
        assert!(line.iter().all(own), "{line:?}");
    }
    for task in &tasks {
        let of = |line: &&Vec<String>| line[0].split("<br>").next() == Some(task);
        let found: Vec<_> = lines.iter().filter(of).collect();
        assert!(!found.is_empty(), "{task} is not in the table\n{page}");
        let ran = found.iter().all(|l| l[1] != "no run of this task");
        assert_eq!(ran, covered.contains(task), "{task}\n{page}");
    }
    let table = fs::read_to_string(place.path("runs/overview.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let head = reader.headers().unwrap().clone();
    let column = |name: &str| head.iter().position(|h| h == name).unwrap();
    let mut rows = 0;
    for record in reader.records() {
        let record = record.unwrap();
        let status = &record[column("status")];
        let figure = record[column("value")].parse::<f64>().is_ok();
        let reason = !record[column("reason")].is_empty();
        assert!(figure == (status == "ok") && reason != figure, "{record:?}");
        rows += 1;
    }
    assert_eq!(rows, lines.len() * schemes.len());

    // Of runs that are complete nothing is repeated; and of folders none is run.
    let again = place.call(&["overview", "suite", "--resume"]);
    again.ends_with(0);
    assert_eq!(
        fs::read_to_string(place.path("runs/overview.md")).unwrap(),
        page
    );
    let run = |name: &str| {
        let folders = fs::read_dir(place.path("runs")).unwrap().flatten();
        let mut found = folders.filter(|f| f.file_name().to_str().unwrap().ends_with(name));
        found.next().unwrap().path()
    };
    let (one, other) = (run("-linear-regression"), run("-overview-max-pooling"));
    let some = place
        .program(["overview", "--runs", "elsewhere"])
        .args([one, other])
        .output();
    assert!(some.unwrap().status.success());
    let page = fs::read_to_string(place.path("elsewhere/overview.md")).unwrap();
    assert!(
        page.contains("no run of this task") && page.contains("r2"),
        "{page}"
    );
    let made = fs::read_dir(place.path("elsewhere")).unwrap().count();
    assert_eq!(made, 2, "nothing is run");
}

#[test]
fn what_is_no_run_is_explained() {
    let place = Place::new();
    place.write("empty/notes.txt", "nothing");
    place.write("damaged/records.jsonl", "{\"kind\":\"setup\"");
    place.write("bad.toml", "[experiment]\nname = 1\n");
    for (path, words) in [
        ("nowhere", "nowhere: cannot be read"),
        (
            "empty",
            "found neither records.jsonl nor an experiment file",
        ),
        ("damaged", "damaged/records.jsonl"),
        ("bad.toml", "bad.toml:2"),
    ] {
        let outcome = place.call(&["overview", path]);
        outcome
            .ends_with(2)
            .does_not_panic()
            .says(&[words, "error: ", "\n  help: "]);
    }
}
