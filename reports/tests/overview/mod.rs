//! The table of all tasks and schemes, of records made by hand.

use hexperiment_experiment::record::Status;
use hexperiment_experiment::summary::Records;
use hexperiment_reports::{Known, Overview, Runs, Screen};
use hexperiment_scheme::security::Protection;

use crate::fixture::{Fixture, factoring, security, unprotected};
use crate::same::same;

const REFUSAL: &str = "max: needs a comparison or a product of two ciphertexts, of which an \
    additive scheme has neither\n  help: take `method = \"average\"`";

fn known() -> Known {
    Known {
        tasks: ["logistic-regression", "max-pooling", "unheard-of"]
            .map(String::from)
            .into(),
        schemes: ["paillier", "unused"].map(String::from).into(),
    }
}

/// One task under schemes that differ in what they protect.
fn scores() -> Fixture {
    let mut f = Fixture::new("scores", 3, 128);
    let [plain, transport, paillier, ckks] =
        ["plaintext", "fernet", "paillier", "seal-ckks"].map(|s| f.cell(s, &[]));
    f.setup(&plain, unprotected);
    f.setup(&transport, |s| {
        s.parameters.security = security(Protection::TransportOnly, 128, "AES");
    });
    f.setup(&paillier, factoring(80, 1024));
    f.setup(&ckks, |_| {});
    for (cell, auc) in [
        (&plain, 0.728_35),
        (&transport, 0.728_35),
        (&paillier, 0.7266),
    ] {
        f.repetitions(cell, &[1.0, 2.0, 3.0], auc, |_| {});
    }
    f.repetitions(&ckks, &[8.0; 3], 0.7, |r| {
        r.traffic.rounds = 3;
        r.traffic.decrypted_midway = 2;
    });
    f
}

/// Another task, at two points, one scheme twice.
fn pools(windows: [i64; 2]) -> Fixture {
    let mut f = Fixture::new("pools", 1, 128);
    f.run.resolved["task"]["options"] = serde_json::json!({ "method": "max", "window": 2 });
    for window in windows {
        let point = [("task.window", window)];
        let cells = ["paillier", "seal-ckks"].map(|s| f.cell(s, &point));
        let fine = f.cell("seal-ckks", &[point[0], ("scheme.degree", 15)]);
        f.stopped(&cells[0], Status::Refused, REFUSAL);
        f.setup(&cells[1], |_| {});
        f.repetitions(&cells[1], &[5.0], 0.7, |_| {});
        f.stopped(&fine, Status::Crashed, "the process was killed by signal 9");
    }
    for cell in &mut f.run.cells {
        cell.task = "max-pooling".into();
        cell.dataset = "scene".into();
    }
    f
}

/// The parts of a line of a table, its frame left out.
fn cells(table: &str) -> Vec<Vec<&str>> {
    let lines = table.lines().filter(|l| l.starts_with('|'));
    lines
        .map(|l| l.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

#[track_caller]
fn check(name: &str, runs: &[Records]) -> (String, String) {
    let overview = Overview::new(runs, &known(), Runs::All);
    for width in [60, 80, 100, 120, 200] {
        for line in overview.terminal(Screen::plain(width)).lines() {
            let found = line.chars().count();
            assert!(found <= width, "{found} columns of {width}: {line}");
        }
    }
    let (text, page) = (overview.terminal(Screen::plain(120)), overview.markdown());
    same(
        &format!("{name}-80.txt"),
        &(overview.terminal(Screen::plain(80)) + "\n"),
    );
    let table = String::from_utf8(overview.csv().unwrap()).unwrap();
    same(&format!("{name}.txt"), &(text + "\n"));
    same(&format!("{name}.md"), &page);
    same(&format!("{name}.csv"), &table);
    let table_of_page = cells(&page);
    assert!(table_of_page.len() > 2, "{page}");
    for line in &table_of_page {
        assert_eq!(line.len(), table_of_page[0].len(), "{page}");
        assert!(
            line.iter().all(|cell| !cell.is_empty()),
            "a blank cell: {line:?}"
        );
    }
    (page, table)
}

#[test]
fn every_pair_of_task_and_scheme_has_a_cell() {
    let (page, table) = check("overview", &[scores().records(), pools([2, 3]).records()]);
    let lines = cells(&page);
    // Two heads, one line of scores, two of pools, one of the task that nobody ran.
    assert_eq!(lines.len(), 2 + 4, "{page}");
    assert_eq!(
        lines[0][1..],
        ["plaintext", "fernet", "paillier", "seal-ckks", "unused"]
    );
    assert!(lines[2][1].contains("not encrypted"), "{page}");
    assert!(lines[2][2].contains("transport only"), "{page}");
    assert!(lines[2][3].contains("0.7266, clear 0.7284"), "{page}");
    assert!(lines[2][3].contains("!insecure: 80 bits"), "{page}");
    assert!(lines[2][3].contains("client: sigmoid"), "{page}");
    assert!(lines[2][4].contains("3 rounds") && lines[2][4].contains("2 decryptions midway"));
    assert!(lines[3][0].contains("window = 2") && lines[4][0].contains("window = 3"));
    assert_eq!(lines[3][1], "not in the experiment");
    assert!(lines[3][3].starts_with("refused: max: needs"), "{page}");
    assert!(lines[3][4].contains("degree = 15:<br>crashed: "), "{page}");
    assert!(
        lines[5][1..]
            .iter()
            .all(|cell| *cell == "no run of this task")
    );
    assert!(
        page.contains("`method = ") || page.contains("method = \"average\""),
        "{page}"
    );
    // Four lines of five schemes, one of which stands twice in two of the lines.
    let rows = csv::Reader::from_reader(table.as_bytes()).into_records();
    assert_eq!(rows.count(), 4 * 5 + 2, "{table}");
}

/// Two runs of the same: told apart by what is left to tell them apart by.
#[test]
fn runs_that_are_alike_are_told_apart() {
    let [first, mut second, mut third] = [(), (), ()].map(|()| scores());
    second.run.started = "2026-05-05T00:00:00Z".into();
    third.run.experiment = "others".into();
    third.run.provenance.cpu = "Another CPU".into();
    let runs = [first, second, third].map(Fixture::records);
    let (page, _) = check("overview-alike", &runs);
    let lines = cells(&page);
    assert!(
        lines[2][0].contains("of scores<br>run of 2026-05-04"),
        "{page}"
    );
    assert!(
        lines[3][0].contains("of scores<br>run of 2026-05-05"),
        "{page}"
    );
    assert!(
        lines[4][0].contains("of others") && !lines[4][0].contains("run of"),
        "{page}"
    );
    assert!(page.contains("of different machines"), "{page}");
}

/// Of each experiment the newest run, whatever the order in which they are given.
#[test]
fn older_runs_are_left_out() {
    let began = |started: &str, experiment: &str| {
        let mut f = scores();
        f.run.started = started.into();
        f.run.experiment = experiment.into();
        f.records()
    };
    let runs = [
        began("2026-05-06T00:00:00Z", "scores"),
        began("2026-05-05T00:00:00Z", "scores"),
        began("2026-05-07T00:00:00Z", "scores"),
        began("2026-05-04T00:00:00Z", "others"),
    ];
    let all = Overview::new(&runs, &known(), Runs::All).markdown();
    let newest = Overview::new(&runs, &known(), Runs::Newest).markdown();
    for (day, shown) in [("04", true), ("05", false), ("06", false), ("07", true)] {
        let words = format!("2026-05-{day}T");
        assert!(all.contains(&words), "{all}");
        assert_eq!(newest.contains(&words), shown, "{day}\n{newest}");
    }
    assert!(
        newest.contains("2 older runs of scores left out: "),
        "{newest}"
    );
    assert!(!all.contains("left out:"), "{all}");
}

/// Options of the data, of the run and of schemes that are not the same everywhere.
#[test]
fn options_that_differ_are_shown() {
    let with = |name: &str, fraction: f64, seed: u64, scale: u64| {
        let mut f = scores();
        f.run.experiment = name.into();
        let resolved = &mut f.run.resolved;
        resolved["dataset"] = serde_json::json!({ "use": name, "test_fraction": fraction });
        resolved["run"]["seed"] = seed.into();
        resolved["schemes"] = serde_json::json!([
            { "label": "seal-ckks", "options": { "scale_bits": scale, "fit": "chebyshev" } },
            { "label": "paillier", "options": { "modulus_bits": 3072 } },
        ]);
        f.records()
    };
    let runs = [with("one", 0.3, 73, 40), with("two", 0.25, 5, 50)];
    let overview = Overview::new(&runs, &known(), Runs::Newest);
    let page = overview.markdown();
    let lines = cells(&page);
    assert!(lines[2][0].contains("seed = 73"), "{page}");
    assert!(lines[2][0].contains("fraction = 0.3"), "{page}");
    assert!(lines[3][0].contains("seed = 5") && lines[3][0].contains("fraction = 0.25"));
    assert!(lines[2][4].contains("bits = 40") && lines[3][4].contains("bits = 50"));
    for same in ["chebyshev", "modulus", "use ="] {
        assert!(
            !page.contains(same),
            "{same} is the same everywhere\n{page}"
        );
    }
    let table = String::from_utf8(overview.csv().unwrap()).unwrap();
    assert!(table.contains("scale_bits = 40"), "{table}");
}

#[test]
fn files_are_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let overview = Overview::new(&[], &known(), Runs::Newest);
    overview.write(folder.path()).unwrap();
    let page = std::fs::read_to_string(folder.path().join("overview.md")).unwrap();
    assert_eq!(page, overview.markdown());
    assert!(folder.path().join("overview.csv").is_file());
    assert!(overview.write(&folder.path().join("missing")).is_err());
}
