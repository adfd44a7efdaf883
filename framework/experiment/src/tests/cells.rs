//! The matrix and the expectations.

use std::path::Path;

use super::{ids, parse, refused, sound};
use crate::record::Status;
use crate::{CellPlan, Experiment};
use hexperiment_scheme::options::OptionValue;

#[test]
fn a_matrix_makes_cells() {
    ids(&sound(""), &["try-wide"]);
    let two = "[[scheme]]\nuse = \"try-narrow\"\nlabel = \"N\"\n";
    let grid = format!("{two}[matrix]\n\"task.features\" = [5, 9]\n\"scheme.degree\" = [3, 7]\n");
    let cells = parse(&sound(&grid)).cells().to_vec();
    assert_eq!(cells.len(), 8);
    let last = &cells[7];
    assert_eq!(last.cell.id, "N/degree=7/features=9");
    assert_eq!(
        (last.cell.scheme.as_str(), last.cell.label.as_str()),
        ("try-narrow", "N")
    );
    assert_eq!(last.scheme_options.integer("degree").unwrap(), 7);
    assert_eq!(last.task_options.integer("features").unwrap(), 9);
    assert_eq!(last.cell.point["task.features"], OptionValue::Integer(9));
    ids(
        &sound("[matrix]\n\"dataset.split\" = [\"random\", \"stratified\"]\n"),
        &["try-wide/split=random", "try-wide/split=stratified"],
    );
    let bits = parse(&sound("[matrix]\n\"run.security_bits\" = [128, 192]\n"))
        .cells()
        .to_vec();
    assert_eq!(
        bits.iter().map(|c| c.security.bits).collect::<Vec<_>>(),
        [128, 192]
    );
}

#[test]
fn options_have_lines() {
    let text = sound("[matrix]\n\"task.features\" = [5, 9]\n");
    let experiment = parse(&text);
    let place = |start: &str| {
        text.lines()
            .position(|l| l.starts_with(start))
            .map(|i| i + 1)
    };
    assert_eq!(
        experiment.line_of("task.features"),
        place("\"task.features\"")
    );
    assert_eq!(
        experiment.line_of("task.use"),
        place("[task]").map(|n| n + 1)
    );
    assert_eq!(experiment.line_of("task.unset"), place("[task]"));
    assert_eq!(
        experiment.line_of("dataset.use"),
        place("[dataset]").map(|n| n + 1)
    );
    assert_eq!(experiment.line_of("run.seed"), None);
    assert!(experiment.line_of("task").is_some());
}

#[test]
fn a_matrix_is_checked() {
    let with = |line: &str| sound(&format!("[matrix]\n{line}\n"));
    refused(
        &with("\"task.featurs\" = [1]"),
        &["e.toml:12", "did you mean \"task.features\""],
    );
    refused(
        &with("\"task.features\" = [5, 99]"),
        &["e.toml:12", "found 99", "from 1 to 60"],
    );
    refused(
        &with("\"task.features\" = 5"),
        &["e.toml:12", "found 5", "a list of values"],
    );
    refused(
        &with("\"task.features\" = []"),
        &["e.toml:12", "a list of values"],
    );
    refused(
        &with("\"run.repetitions\" = [1]"),
        &["e.toml:12", "unknown key"],
    );
    refused(&with("task.features = [1]"), &["e.toml:12", "quote them"]);
}

#[test]
fn expectations_are_read() {
    let text = "[expect]\nauc_loss = { max = 0.005 }\nsecurity_bits = { min = 128, max = 256 }\n\
                [expect.try-wide]\nstatus = \"refused\"\n";
    let e = parse(&sound(text));
    let find = |key: &str| e.expectations().iter().find(|x| x.key == key).unwrap();
    assert_eq!(
        (find("auc_loss").label.as_deref(), find("auc_loss").max),
        (None, Some(0.005))
    );
    assert_eq!(
        (find("security_bits").min, find("security_bits").max),
        (Some(128.0), Some(256.0))
    );
    let status = find("status");
    assert_eq!(
        (status.label.as_deref(), status.status),
        (Some("try-wide"), Some(Status::Refused))
    );
    assert_eq!(e.expectations().len(), 3);
}

#[test]
fn expectations_are_checked() {
    let with = |line: &str| sound(&format!("[expect]\n{line}\n"));
    refused(
        &with("status = \"refusd\""),
        &["e.toml:12", "found \"refusd\"", "timeout"],
    );
    refused(
        &with("auc = 0.7"),
        &["e.toml:12", "found 0.7", "max = 0.005"],
    );
    refused(
        &with("auc = { min = \"x\" }"),
        &["e.toml:12", "found \"x\"", "a number"],
    );
    refused(
        &with("[expect.try-wid]\nauc = { min = 0.5 }"),
        &["e.toml:12", "did you mean `try-wide`"],
    );
}

/// An expectation is about one cell if it is called as that is.
#[test]
fn expectations_of_single_cells() {
    let with = |name: &str| {
        let matrix = "[matrix]\n\"task.features\" = [3, 5]\n\"dataset.limit\" = [0, 100]\n";
        sound(&format!("{matrix}[expect.{name}]\nauc = {{ min = 0.5 }}\n"))
    };
    let e = parse(&with("\"try-wide/limit=100/features=3\""));
    let named = |cell: &&CellPlan| e.expectations()[0].names(&cell.cell);
    let named: Vec<&CellPlan> = e.cells().iter().filter(named).collect();
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].cell.id, "try-wide/limit=100/features=3");
    let e = parse(&with("try-wide"));
    assert!(e.cells().iter().all(|c| e.expectations()[0].names(&c.cell)));
    refused(
        &with("\"try-wide/limit=100/features=4\""),
        &[
            "e.toml:14: [expect] names no scheme's label: `try-wide/limit=100/features=4`",
            "did you mean `try-wide/limit=100/features=",
            "labels: try-wide; or one cell, as in [expect.\"try-wide/limit=0/features=3\"]",
        ],
    );
    // What is wrong with the matrix is told alone.
    let text = with("\"try-wide/limit=100/features=3\"").replace("[3, 5]", "[3, 99]");
    let complaints = Experiment::parse(&text, Path::new("e.toml")).unwrap_err().0;
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert_eq!(complaints[0].line, Some(12));
}

/// One seed after the other, each with all cells; rows are called as without seeds, and expectations are
/// about rows.
#[test]
fn seeds_make_cells() {
    let more = "[matrix]\n\"task.features\" = [5, 9]\n[run]\nseed = 7\nseeds = 2\n\
                [expect.\"try-wide/features=9\"]\nevaluate_ms = { min = 0 }\n";
    let experiment = parse(&sound(more));
    let cells = experiment.cells();
    let ids: Vec<(&str, u64)> = cells.iter().map(|c| (c.cell.id.as_str(), c.seed)).collect();
    let want = [
        ("try-wide/features=5/seed=7", 7),
        ("try-wide/features=9/seed=7", 7),
        ("try-wide/features=5/seed=8", 8),
        ("try-wide/features=9/seed=8", 8),
    ];
    assert_eq!(ids, want);
    assert_eq!(cells[3].cell.row(), "try-wide/features=9");
    assert!(experiment.expectations()[0].names(&cells[3].cell));
    assert!(!experiment.expectations()[0].names(&cells[2].cell));
    refused(
        &sound("[matrix]\n\"run.seed\" = [1, 2]\n[run]\nseeds = 2\n"),
        &[
            "e.toml:12",
            "\"run.seed\" in [matrix] contradicts `seeds` in [run]",
        ],
    );
    refused(
        &sound(
            "[matrix]\n\"scheme.degree\" = [3, 5, 7]\n\"task.features\" = [3, 4, 5, 6]\n\
                [run]\nseeds = 1000\n",
        ),
        &["`seeds` in [run]: found 12000 cells", "take fewer seeds"],
    );
    refused(
        &sound("[run]\nprocesses = 4\nrepetitions = 3\n"),
        &["`processes` in [run]: found 4, expected at most the 3 `repetitions`"],
    );
}
