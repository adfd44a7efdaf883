//! Reports of records made by hand, compared with files to the last byte.
//!
//! `HEXPERIMENT_BLESS=1` writes the files anew; read the difference before you commit it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answer;
mod best;
mod browser;
mod cmp;
mod export;
mod fixture;
mod overview;
mod published;
mod same;

use std::path::Path;

use fixture::{Fixture, factoring, security, unprotected, violation};
use hexperiment_experiment::Expectation;
use hexperiment_experiment::record::{
    Environment, Merged, MergedShard, Reference, Repetition, Schedule, Status, Superseded,
};
use hexperiment_experiment::summary::{Row, rows};
use hexperiment_experiment::verdict::{Verdict, evaluate};
use hexperiment_reports::published::{Publication, front_page, picture};
use hexperiment_reports::{Screen, Shown, html, markdown, summary_csv, terminal};
use hexperiment_scheme::KeySizes;
use hexperiment_scheme::options::OptionValue;
use hexperiment_scheme::security::Protection;
use hexperiment_task::ledger::Time;
use same::same;

/// Ten times around `center`, in milliseconds.
fn around(center: f64) -> Vec<f64> {
    [0.99, 1.0, 1.01, 0.98, 1.02, 1.0, 1.03, 0.97, 1.0, 1.01]
        .map(|f| f * center)
        .to_vec()
}

fn expect(label: &str, key: &str, min: Option<f64>, max: Option<f64>) -> Expectation {
    let label = (!label.is_empty()).then(|| label.to_owned());
    Expectation {
        label,
        key: key.into(),
        min,
        max,
        status: None,
    }
}

fn status(label: &str, status: Status) -> Expectation {
    Expectation {
        status: Some(status),
        ..expect(label, "status", None, None)
    }
}

/// What a short text must say whatever it leaves out: the answer first, why rows are not `ok`,
/// expectations that are not met, what is behind marks.
#[track_caller]
fn nothing_grave_is_hidden(text: &str, rows: &[Row], verdicts: &[Verdict]) {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.starts_with(&format!("{}: ", rows[0].experiment)),
        "{text}"
    );
    assert!(
        !text.contains("Caveats: ") && !text.contains("  met "),
        "{text}"
    );
    for row in rows {
        let mut words = Vec::new();
        if row.status != Status::Ok {
            let reason = row.reason.split_whitespace().collect::<Vec<_>>().join(" ");
            words.push(format!("{}: {}: {reason}", row.name(), row.status));
        }
        let marks = [
            (row.insecure(), "!insecure: "),
            (row.imprecise().is_some(), "!imprecise: "),
            (row.busy.is_some(), "!busy: "),
        ];
        words.extend(marks.iter().filter(|m| m.0).map(|m| m.1.to_owned()));
        for words in words {
            assert!(flat.contains(&words), "{words}\n{text}");
        }
    }
    for verdict in verdicts.iter().filter(|v| !v.passed) {
        let words = format!("FAILED {} ", verdict.expected());
        assert!(flat.contains(&words), "{words}\n{text}");
    }
    let (_, below) = text.rsplit_once("\n\n").unwrap();
    assert!(below.lines().count() <= 2, "{below}");
}

/// A text with colours is the text, and colours.
#[track_caller]
fn colours_change_no_text(text: &str, make: impl Fn(bool) -> String) {
    let coloured = make(true);
    assert_ne!(coloured, text);
    let mut parts = coloured.split("\u{1b}[");
    let mut bare = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('m').unwrap();
        assert!(
            code.chars().all(|c| c.is_ascii_digit() || c == ';'),
            "{code:?}"
        );
        bare += rest;
    }
    assert_eq!(bare, text);
    // No line but ends as it began: a pager shows any part.
    for line in coloured.lines() {
        assert!(
            !line.contains('\u{1b}') || line.contains("\u{1b}[0m"),
            "{line:?}"
        );
    }
}

/// The report of records, held against files; yields the verbose text.
#[track_caller]
fn check(fixture: Fixture, expectations: &[Expectation]) -> String {
    let name = fixture.run.experiment.clone();
    let records = fixture.records();
    let rows = rows(&records);
    let verdicts = evaluate(&rows, expectations);
    // No line is wider than the terminal, whatever that is.
    for width in [60, 70, 80, 90, 100, 110, 120, 140, 200] {
        for verbose in [false, true] {
            let screen = Screen {
                verbose,
                ..Screen::plain(width)
            };
            let text = terminal(&records, &rows, &verdicts, screen);
            for line in text.lines() {
                let found = line.chars().count();
                assert!(found <= width, "{found} columns of {width}: {line}");
            }
            colours_change_no_text(&text, |colour| {
                terminal(&records, &rows, &verdicts, Screen { colour, ..screen })
            });
        }
    }
    let at = |width| terminal(&records, &rows, &verdicts, Screen::plain(width));
    nothing_grave_is_hidden(&at(80), &rows, &verdicts);
    let screen = Screen {
        verbose: true,
        ..Screen::plain(120)
    };
    let text = terminal(&records, &rows, &verdicts, screen);
    same(&format!("{name}.txt"), &(at(120) + "\n"));
    same(&format!("{name}-verbose.txt"), &(text.clone() + "\n"));
    same(&format!("{name}-80.txt"), &(at(80) + "\n"));
    same(&format!("{name}.md"), &markdown(&records, &rows, &verdicts));
    same(
        &format!("{name}.csv"),
        &String::from_utf8(summary_csv(&rows).unwrap()).unwrap(),
    );
    text
}

#[test]
fn schemes_that_are_all_well() {
    let mut f = Fixture::new("all-well", 10, 128);
    let [plain, transport, paillier, ckks, tfhe] =
        ["plaintext", "fernet", "paillier", "seal-ckks", "tfhe"].map(|s| f.cell(s, &[]));
    f.setup(&plain, unprotected);
    f.setup(&transport, |s| {
        unprotected(s);
        s.parameters.security = security(Protection::TransportOnly, 128, "nothing is encrypted");
    });
    f.setup(&paillier, factoring(128, 3072));
    f.setup(&ckks, |s| s.keys.relinearization = Some(2_400_000));
    f.setup(&tfhe, |s| {
        s.keys = KeySizes {
            bootstrapping: Some(120 << 20),
            ..Default::default()
        };
        s.parameters.quantisation = Some("inputs 5 bits, weights 6 bits".into());
    });
    f.repetitions(&plain, &around(0.02), 0.728_35, |r| {
        r.encrypt = fixture::millis(0.01);
        r.decrypt = fixture::millis(0.001);
        r.errors.max_abs = 0.0;
        r.errors.noise = 0.0;
        r.errors.precision_bits = 53.0;
    });
    f.repetitions(&transport, &around(0.2), 0.728_35, |_| {});
    f.repetitions(&paillier, &around(400.0), 0.728_35, |r| {
        r.errors.max_abs = 4e-9;
    });
    f.repetitions(&ckks, &around(8.0), 0.728_34, |_| {});
    f.repetitions(&tfhe, &around(8.01), 0.7266, |r| r.errors.max_abs = 0.12);
    let text = check(
        f,
        &[
            status("", Status::Ok),
            expect("", "auc_loss", None, Some(0.005)),
            expect("paillier", "max_abs_error", None, Some(1e-6)),
            expect("seal-ckks", "security_bits", Some(128.0), None),
        ],
    );
    assert!(text.contains("tfhe ties with seal-ckks"), "{text}");
    assert!(
        text.contains("paillier (client: sigmoid) takes 50.0 times that"),
        "{text}"
    );
    assert!(
        text.contains("fernet: encrypted in transport only"),
        "{text}"
    );
    assert!(text.contains("4 of 4 met"), "{text}");
    assert!(!text.contains("Busy machine"), "nobody waited long\n{text}");
}

#[test]
fn cells_that_end_badly() {
    let mut f = Fixture::new("ends-badly", 3, 128);
    let [refused, failed, slow, crashed, cut] =
        ["paillier", "seal-ckks", "tfhe", "slow|pipe", "interrupted"].map(|s| f.cell(s, &[]));
    f.stopped(
        &refused,
        Status::Refused,
        "max: needs ciphertext x ciphertext comparison",
    );
    f.setup(&failed, |_| {});
    f.repetitions(&failed, &[8.0], f64::NAN, |r| {
        r.errors.violation = Some(violation());
        r.errors.max_abs = f64::INFINITY;
    });
    f.stopped(
        &failed,
        Status::Failed,
        "result outside its tolerance: output `logit`, sample 17",
    );
    f.setup(&slow, |_| {});
    f.repetitions(&slow, &[8000.0, 9000.0], 0.7, |_| {});
    f.stopped(
        &slow,
        Status::Timeout,
        "the cell was still busy after 5m; raise `time_limit` in [run]",
    );
    f.stopped(
        &crashed,
        Status::Crashed,
        "the process was killed by signal 9",
    );
    f.setup(&cut, |_| {});
    f.repetitions(&cut, &[8.0, 9.0], 0.7, |_| {});
    let text = check(
        f,
        &[
            status("", Status::Ok),
            status("paillier", Status::Refused),
            expect("", "auc_loss", None, Some(0.005)),
            expect("paillier", "auc", Some(0.6), None),
            expect("plaintext", "auc", Some(0.6), None),
        ],
    );
    assert!(
        text.contains("interrupted: missing: the run was interrupted: 2 of 3"),
        "{text}"
    );
    assert!(text.contains("1 of 5 met"), "{text}");
    assert!(
        !text.contains("Fastest"),
        "rows that are not ok are not ranked\n{text}"
    );
}

#[test]
fn a_matrix_with_weak_cells_and_rounds() {
    let mut f = Fixture::new("matrix-insecure", 10, 80);
    for features in [5, 10] {
        let point = [("task.features", features)];
        let (paillier, ckks) = (f.cell("paillier", &point), f.cell("seal-ckks", &point));
        let pace = features as f64;
        f.setup(
            &paillier,
            factoring(if features == 5 { 80 } else { 128 }, 1024),
        );
        f.setup(&ckks, |_| {});
        f.repetitions(&paillier, &around(40.0 * pace), 0.7, |_| {});
        f.repetitions(&ckks, &around(pace), 0.71, |r| {
            r.traffic.rounds = 3;
            r.traffic.decrypted_midway = 2;
        });
    }
    let text = check(f, &[expect("", "recall_change", None, Some(0.0))]);
    assert!(text.contains("80 !insecure"), "{text}");
    assert!(
        text.contains("at 80 bits !insecure, 2 threads, features = 5"),
        "{text}"
    );
    assert!(
        text.contains("interactive: the client decrypts 2 times"),
        "{text}"
    );
    assert!(
        text.contains("  paillier (client: sigmoid) is alone"),
        "{text}"
    );
}

#[test]
fn few_repetitions_claim_nothing() {
    let mut f = Fixture::new("few", 3, 128);
    let (a, b) = (f.cell("seal-ckks", &[]), f.cell("paillier", &[]));
    for (cell, pace) in [(&a, 1.0), (&b, 9.0)] {
        f.setup(cell, |_| {});
        f.repetitions(cell, &[pace, 1.1 * pace, 1.2 * pace], 0.7, |_| {});
    }
    let text = check(f, &[]);
    assert!(
        text.contains("paillier about 9.00 times that (3 repetitions: too few"),
        "{text}"
    );
}

/// The line is lost that tells of a cell's set-up: the row says that it is ranked with no other, and why.
#[test]
fn a_row_without_its_set_up_is_told() {
    let mut f = Fixture::new("no-setup", 10, 128);
    let [a, b, c] = ["seal-ckks", "paillier", "tfhe"].map(|scheme| f.cell(scheme, &[]));
    for (cell, pace) in [(&a, 1.0), (&b, 9.0), (&c, 20.0)] {
        if *cell != b {
            f.setup(cell, |_| {});
        }
        f.repetitions(cell, &around(pace), 0.7, |_| {});
    }
    let text = check(f, &[]);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let note = "paillier: !unranked: its set-up is not in the records";
    assert!(flat.contains(note), "{text}");
    // A cell that never began has no time that could be ranked, and no mark.
    let mut f = Fixture::new("not-begun", 10, 128);
    f.cell("seal-ckks", &[]);
    let rows = rows(&f.records());
    assert!(!rows[0].lacks_setup());
}

/// Others computed on the machine: what tells it, for which rows, and what to do.
#[test]
fn a_busy_machine_is_told() {
    let mut f = busy("busy");
    let flat = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = flat(check(f, &[]));
    assert!(text.contains("ok !busy"), "{text}");
    for words in [
        "Busy machine",
        "threads waited for a processor: seal-ckks 50 %, tfhe 46 %",
        "wall time far above CPU time: fernet 2.5 times",
        "load average on 2 processors: paillier 5.2",
        "rank_by = \"cpu\"",
        "Fastest first",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    f = busy("busy-cpu");
    f.run.resolved["run"]["rank_by"] = "cpu".into();
    let text = flat(check(f, &[]));
    for words in [
        "Least CPU time first",
        "tfhe 4.00 ms of CPU time; seal-ckks takes 1.50 times that",
        "CPU ms per",
        "CPU time leaves out the waiting",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(!text.contains("Fastest first") && !text.contains("rank_by"));
}

/// Four rows, each busy in another way; by wall time `seal-ckks` is fastest, by CPU time `tfhe`.
fn busy(name: &str) -> Fixture {
    let mut f = Fixture::new(name, 10, 128);
    let [fernet, paillier, ckks, tfhe] =
        ["fernet", "paillier", "seal-ckks", "tfhe"].map(|s| f.cell(s, &[]));
    for cell in [&fernet, &paillier, &ckks, &tfhe] {
        f.setup(cell, |s| {
            if *cell == fernet {
                s.parameters.security = security(
                    Protection::TransportOnly,
                    128,
                    "AES-128-CBC and HMAC-SHA256",
                );
            }
        });
    }
    let times = |r: &mut Repetition, wall: f64, cpu: f64| {
        let time = |part: f64| Time {
            cpu_ns: fixture::millis(part * cpu).wall_ns,
            ..fixture::millis(part * wall)
        };
        (r.encrypt, r.evaluate, r.decrypt) = (time(0.25), time(1.0), time(0.25));
    };
    let schedule = |r: &mut Repetition, ran_ns, waited_ns| {
        r.load.as_mut().unwrap().schedule = Some(Schedule { ran_ns, waited_ns });
    };
    f.repetitions(&fernet, &[1.0; 10], 0.7, |r| times(r, 10.0, 4.0));
    f.repetitions(&paillier, &[1.0; 10], 0.7, |r| {
        times(r, 40.0, 60.0);
        r.load.as_mut().unwrap().end = Some(5.2);
        r.load.as_mut().unwrap().schedule = None;
    });
    f.repetitions(&ckks, &[1.0; 10], 0.7, |r| {
        times(r, 5.0, 6.0);
        schedule(r, 6_000_000, 6_000_000);
    });
    f.repetitions(&tfhe, &[1.0; 10], 0.7, |r| {
        times(r, 6.0, 4.0);
        schedule(r, 54_000_000, 46_000_000);
    });
    f
}

/// A run of shards from three machines of two processors, one of them shared.
fn unlike_machines() -> Fixture {
    let mut f = Fixture::new("machines", 10, 128);
    let environment = |node: &str, cpu: &str| Environment {
        node: Some(node.into()),
        boot: Some(format!("boot-{node}")),
        cpu: cpu.into(),
        microcode: Some("0x2b".into()),
        frequency_mhz: Some(2600),
        load: Some(0.1),
        processors: Some(64),
        usable: 64,
    };
    let (a, b) = ("Example CPU A", "Example CPU B");
    let jobs = [
        ("paillier", environment("node-1", a), 40.0, false),
        ("seal-ckks", environment("node-2", a), 5.0, false),
        ("tfhe", environment("node-3", b), 6.0, false),
        ("paillier-rs", environment("node-1", a), 50.0, true),
        ("tfhe-small", environment("node-3", b), 9.0, false),
    ];
    let mut merged = Merged {
        plan: "ab".repeat(32),
        ..Merged::default()
    };
    for (number, (scheme, environment, ms, shared)) in jobs.into_iter().enumerate() {
        let cell = f.cell(scheme, &[]);
        f.setup(&cell, |s| s.environment = Some(environment.clone()));
        f.repetitions(&cell, &around(ms), 0.7, |_| {});
        merged.shards.push(MergedShard {
            name: format!("{number:05}"),
            beside_others: shared,
            cells: vec![number],
            ..MergedShard::default()
        });
        merged.references.push(Reference {
            cell: "paillier".into(),
            wall_ns: vec![1_000_000 + 50_000 * number as u64; 3],
            cpu_ns: vec![1_000_000; 3],
            environment,
            ..Reference::default()
        });
    }
    merged.superseded.push(Superseded {
        cell: "tfhe".into(),
        status: Status::Failed,
        reason: "a result was wrong".into(),
        node: Some("node-2".into()),
    });
    f.run.merged = Some(Box::new(merged));
    f.run.provenance.cpu = format!("{a} and {b}");
    f
}

/// What is ranked against what, and what the reference cell took.
#[test]
fn machines_that_differ_are_told() {
    let text = check(unlike_machines(), &[]);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "times of 2 different processors are not ranked against each other",
        "some times are of machines that others may have used, and are ranked apart",
        "on Example CPU A",
        "on Example CPU A, on shared machines",
        "reference cell paillier: ",
        "another try ended on node-2 (failed: a result was wrong)",
    ] {
        assert!(flat.contains(words), "lacks {words:?}\n{text}");
    }
}

/// Axes of both kinds, words and numbers, one name in two sections, one that a scheme lacks.
#[test]
fn axes_are_columns() {
    let mut f = Fixture::new("axes", 2, 128);
    for (output, threads) in [("logit", 1), ("logit", 2), ("class", 2)] {
        for scheme in ["seal-ckks", "a-scheme-with-a-rather-long-name"] {
            let cell = f.cell(scheme, &[("run.threads", threads)]);
            let own = f.run.cells.last_mut().unwrap();
            own.id = format!("{cell}/{output}");
            own.point
                .insert("task.output".into(), OptionValue::Text(output.into()));
            if scheme == "seal-ckks" {
                own.point
                    .insert("scheme.sigmoid_degree".into(), OptionValue::Integer(7));
            }
            let id = own.id.clone();
            f.setup(&id, |_| {});
            f.repetitions(&id, &[8.0, 9.0], 0.7, |_| {});
        }
    }
    let text = check(f, &[]);
    let head = text.lines().find(|line| line.starts_with("label")).unwrap();
    for axis in ["threads", "output"] {
        assert!(head.split_whitespace().any(|w| w == axis), "{text}");
    }
    assert!(
        text.contains("\nseal-ckks  "),
        "no axis in the label\n{text}"
    );
}

#[test]
fn files_are_written_whole() {
    let mut f = Fixture::new("files", 1, 128);
    let cell = f.cell("seal-ckks", &[]);
    f.setup(&cell, |_| {});
    f.repetitions(&cell, &[8.0], 0.7, |_| {});
    let records = f.records();
    let rows = rows(&records);
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        hexperiment_reports::write_all(folder.path(), &records, &rows, &[]).unwrap();
    }
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["links.csv", "report.html", "summary.csv", "table.md"]
    );
    let missing = folder.path().join("missing");
    let error = hexperiment_reports::write_all(&missing, &records, &rows, &[]).unwrap_err();
    assert!(error.to_string().contains("summary.csv"), "{error}");
}

/// The page, what is published of it and its picture tell unlike machines apart, as the rankings do.
#[test]
fn pages_and_pictures_tell_unlike_machines() {
    let records = unlike_machines().records();
    let rows = rows(&records);
    let shown = Shown {
        records: &records,
        rows: &rows,
        verdicts: &[],
        folder: Path::new("nowhere"),
    };
    let page = html(&[shown]);
    for words in [
        "These rows were measured on machines that differ",
        "times of 2 different processors are not ranked against each other",
        r#"<span class="under warns">on Example CPU B</span>"#,
        r#"<span class="under warns">on Example CPU A, on shared machines</span>"#,
        r#""place":"on Example CPU A""#,
    ] {
        assert!(page.contains(words), "lacks {words:?}");
    }
    // Above the charts as well as below the table.
    assert_eq!(page.matches(r#"class="caution warns""#).count(), 2);
    let publication = Publication::of(&shown);
    let drawn = picture(&publication).unwrap();
    assert!(drawn.contains("Machines differ, or others"), "{drawn}");
    let table = publication.to_json().unwrap();
    assert!(table.contains(r#""place": "on Example CPU B""#), "{table}");
    let front = front_page(
        "<!-- published: machines -->\n<!-- end of published -->",
        std::slice::from_ref(&publication),
        "results",
    );
    assert!(front.is_ok_and(|text| text.contains("on Example CPU B")));
}

/// Of a run on one machine nothing is said.
#[test]
fn pages_of_one_machine_tell_nothing_of_it() {
    let mut f = Fixture::new("one", 10, 128);
    let cell = f.cell("paillier", &[]);
    f.setup(&cell, |_| ());
    f.repetitions(&cell, &around(9.0), 0.7, |_| {});
    let records = f.records();
    let page = html(&[Shown {
        records: &records,
        rows: &rows(&records),
        verdicts: &[],
        folder: Path::new("nowhere"),
    }]);
    assert!(!page.contains(r#"class="caution"#));
    assert!(!page.contains(r#""place":"#));
}
