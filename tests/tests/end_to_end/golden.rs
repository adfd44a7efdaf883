//! A run in the clear, held against what it gave before. Seeds decide all but times and memory.
//!
//! To accept a change, set `HEXPERIMENT_BLESS=1`, run the test, and read the difference before it
//! is committed.

use std::fs;

use crate::harness::{Place, Row, experiment, repository};

/// What a machine decides, and when it does.
fn is_measured(column: &str) -> bool {
    let others = ["load_average", "share_waited", "started"];
    column.ends_with("_peak_rss_bytes")
        || column.ends_with("_ms")
        || column.contains("_ms_")
        || others.contains(&column)
}

/// Equal, or numbers that differ as much as another machine's logarithm may make them.
fn is_same(found: &str, expected: &str) -> bool {
    match (found.parse::<f64>(), expected.parse::<f64>()) {
        (Ok(a), Ok(b)) => a == b || (a - b).abs() <= 1e-6 * a.abs().max(b.abs()),
        _ => found == expected,
    }
}

fn text(columns: &[String], rows: &[Row]) -> String {
    let kept: Vec<&String> = columns.iter().filter(|c| !is_measured(c)).collect();
    let line = |row: &Row| {
        let fields = kept.iter().map(|c| format!("{c} = {}\n", row[*c]));
        fields.collect::<String>()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(name: &str, dataset: &str, task: &str, more: &str) {
    let place = Place::new();
    let settings =
        "[[scheme]]\nuse = \"plaintext\"\n[run]\nrepetitions = 2\nwarmup = 0\nthreads = 1\n";
    place.write(
        "e.toml",
        experiment(dataset, task, &[settings, more].concat()),
    );
    place.call(&["run", "e.toml"]).ends_with(0);
    let (columns, rows) = place.latest().summary();
    let found = text(&columns, &rows);
    let path = repository().join(format!("tests/tests/end_to_end/golden/{name}.txt"));
    if std::env::var_os("HEXPERIMENT_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &found).unwrap();
    }
    let expected = fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; make it with HEXPERIMENT_BLESS=1", path.display()));
    assert_eq!(found.lines().count(), expected.lines().count(), "{found}");
    for (found, expected) in found.lines().zip(expected.lines()) {
        let same = match (found.split_once(" = "), expected.split_once(" = ")) {
            (Some((a, x)), Some((b, y))) => a == b && is_same(x, y),
            _ => found == expected,
        };
        assert!(same, "{name}: found {found:?}, expected {expected:?}");
    }
}

#[test]
fn runs_in_clear() {
    check(
        "wine",
        "use = \"wine-quality\"",
        "use = \"logistic-regression\"",
        "[matrix]\n\"task.features\" = [3, 11]\n\"task.output\" = [\"logit\", \"class\"]\n",
    );
    check(
        "iris",
        "use = \"iris-virginica\"\nsplit = \"stratified\"",
        "use = \"logistic-regression\"\noutput = \"probability\"",
        "seed = 5\n",
    );
    check(
        "diabetes",
        "use = \"diabetes\"",
        "use = \"linear-regression\"",
        "",
    );
}
