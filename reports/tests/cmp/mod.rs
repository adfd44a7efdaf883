//! Runs compared with one another, of records made by hand.

use hexperiment_experiment::record::{Line, Status};
use hexperiment_experiment::summary::{Records, Row, rows};
use hexperiment_reports::{Limit, RunToCompare, RunsCompared, Screen};

use crate::fixture::{Fixture, millis};
use crate::same::same;
use crate::unlike_machines;

/// Evaluation times of a quiet machine.
const QUIET: [f64; 10] = [
    1.0, 1.001, 1.002, 1.003, 1.004, 1.005, 1.006, 1.007, 1.008, 1.009,
];

/// A run whose total time is that of the evaluation.
fn run(paces: &[(&str, f64)], change: impl Fn(&mut Fixture)) -> Records {
    let mut f = Fixture::new("trial", 10, 128);
    for (label, pace) in paces {
        let cell = f.cell(label, &[]);
        f.setup(&cell, |_| {});
        let times: Vec<f64> = QUIET.iter().map(|t| pace * t).collect();
        f.repetitions(&cell, &times, 0.7, |r| {
            (r.encrypt, r.decrypt) = (millis(0.0), millis(0.0));
        });
    }
    change(&mut f);
    f.records()
}

struct Read {
    records: Records,
    rows: Vec<Row>,
}

fn read(records: Records) -> Read {
    let rows = rows(&records);
    Read { records, rows }
}

fn compared(base: Records, other: Records) -> RunsCompared {
    tried(base, other, &[]).unwrap()
}

fn tried(base: Records, other: Records, links: &[&str]) -> Result<RunsCompared, String> {
    let links: Vec<String> = links.iter().map(|link| (*link).to_owned()).collect();
    let [base, other] = [base, other].map(read);
    RunsCompared::new(
        &[
            RunToCompare {
                name: "before",
                records: &base.records,
                rows: &base.rows,
            },
            RunToCompare {
                name: "after",
                records: &other.records,
                rows: &other.rows,
            },
        ],
        &links,
    )
}

fn text(compared: &RunsCompared) -> String {
    for width in [60, 80, 120] {
        for line in compared.terminal(Screen::plain(width), &["total"]).lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
        for line in compared.terminal(Screen::plain(width), &ALL).lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
    compared.terminal(Screen::plain(80), &["total"])
}

const ALL: [&str; 5] = ["total", "encrypt", "evaluate", "decrypt", "transfer"];

/// Slower, faster, the same, changed in bytes and quality, ended, and in one run only. Of ten and ten
/// times the table of Mann and Whitney has 19 for 1 %: the interval is from the 20th of the hundred
/// quotients to the 81st.
#[test]
fn every_verdict_by_hand() {
    let base = run(
        &[
            ("slow", 10.0),
            ("fast", 10.0),
            ("same", 10.0),
            ("lost", 10.0),
            ("gone", 1.0),
        ],
        |_| {},
    );
    let other = run(
        &[("slow", 15.0), ("fast", 5.0), ("same", 10.1), ("new", 1.0)],
        |f| {
            let lost = f.cell("lost", &[]);
            f.stopped(&lost, Status::Crashed, "the process was killed by signal 9");
            for line in &mut f.lines {
                if let Line::Repetition(r) = line
                    && r.cell == "same"
                {
                    r.traffic.upload_bytes += 15_000;
                    r.quality.metrics[0].value = 0.7004;
                }
            }
        },
    );
    let all = compared(base, other);
    let shown = text(&all);
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "trial: slow is slower; fast is faster; same takes the same; lost came to a result before",
        "10.0 15.1 1.50 [1.49, 1.51] slower equal",
        "10.0 5.02 0.500 [0.498, 0.502] faster equal",
        "10.0 10.1 1.01 [1.01, 1.01] same changed",
        "same: up 1.43 MiB -> 1.44 MiB (+1.00 %), auc 0.7000 -> 0.7004 (+0.00040)",
        "lost: ok -> crashed: the process was killed by signal 9",
        "Only in before: gone",
        "Only in after: new",
    ] {
        assert!(flat.contains(words), "{words}\n{shown}");
    }
    same("cmp-80.txt", &(shown + "\n"));
    same("cmp.md", &all.markdown(&ALL));
    same("cmp.csv", &String::from_utf8(all.csv().unwrap()).unwrap());
    let Limit::Exceeded(cells) = all.limit(0.4, &["total"]) else {
        panic!("{all:?}");
    };
    assert_eq!(cells.len(), 2, "{cells:?}");
    assert!(
        cells[0].starts_with("slow in after: total takes 1.50 times"),
        "{cells:?}"
    );
    assert!(
        cells[1].starts_with("lost in after: was ok, is crashed"),
        "{cells:?}"
    );
}

/// The rule of the limit: the whole interval is beyond it.
#[test]
fn a_limit_is_exceeded_by_whole_intervals() {
    let two = || compared(run(&[("a", 10.0)], |_| {}), run(&[("a", 11.0)], |_| {}));
    // The interval is about 1.10 ± 0.005.
    assert!(matches!(two().limit(0.05, &["total"]), Limit::Exceeded(_)));
    assert_eq!(two().limit(0.1, &["total"]), Limit::Kept { cells: 1 });
    assert_eq!(two().limit(0.2, &["total"]), Limit::Kept { cells: 1 });
    // Encryption takes 0 in both.
    assert_eq!(two().limit(0.05, &["encrypt"]), Limit::Kept { cells: 1 });
    assert!(matches!(
        two().limit(0.05, &["evaluate"]),
        Limit::Exceeded(_)
    ));
}

#[test]
fn a_run_compared_with_itself_is_the_same() {
    let all = compared(
        run(&[("a", 10.0), ("b", 3.0)], |_| {}),
        run(&[("a", 10.0), ("b", 3.0)], |_| {}),
    );
    let shown = text(&all);
    assert!(
        shown.contains("trial: a and b take the same; bytes and quality are equal."),
        "{shown}"
    );
    assert_eq!(all.limit(0.0, &ALL), Limit::Kept { cells: 2 });
}

#[test]
fn runs_of_other_machines_and_experiments_do_not_compare() {
    #[track_caller]
    fn check(change: impl Fn(&mut Fixture), words: &str) {
        let all = compared(run(&[("a", 10.0)], |_| {}), run(&[("a", 10.0)], change));
        let shown = text(&all);
        let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            flat.contains(&format!("TIMES DO NOT COMPARE: {words}")),
            "{words}\n{shown}"
        );
        let Limit::Refused(why) = all.limit(0.1, &["total"]) else {
            panic!("{words}");
        };
        assert!(why.contains(words), "{why}");
        let csv = String::from_utf8(all.csv().unwrap()).unwrap();
        assert!(csv.contains("before,after,false,a"), "{csv}");
        // No ratio and no verdict, in words, in the table and for other programs.
        assert!(
            flat.contains("times do not compare; bytes and quality are equal.")
                && flat.contains("10.0 10.0 - - - equal"),
            "{shown}"
        );
        assert!(csv.contains("total,wall,10,10,10.045,10.045,,,,,"), "{csv}");
    }
    check(
        |f| f.run.provenance.cpu = "Other CPU".into(),
        "another processor: Example CPU at 2.6 GHz -> Other CPU",
    );
    check(|f| f.run.provenance.cores = 4, "logical processors: 2 -> 4");
    check(
        |f| f.run.provenance.build.features.clear(),
        "SEAL: with HEXL -> without HEXL",
    );
    check(
        |f| f.run.provenance.build.profile = "release, opt-level 1".into(),
        "profile: release, opt-level 3 ->",
    );
    check(
        |f| f.run.experiment = "another".into(),
        "another experiment: trial -> another",
    );
    check(
        |f| f.run.resolved["run"]["seed"] = 5.into(),
        "the experiment was another: run.seed 73 -> 5",
    );
    check(
        |f| f.run.resolved["run"]["threads"] = 1.into(),
        "the experiment was another: run.threads unset -> 1",
    );
    check(|f| f.run.provenance.threads = 1, "threads of a: 2 -> 1");
}

/// Other code is what a comparison is about; other repetitions, too.
#[test]
fn versions_are_told_and_compared() {
    let other = |f: &mut Fixture| {
        f.run.provenance.build.commit = "fedcba9876543210".into();
        f.run
            .provenance
            .versions
            .insert("paillier".into(), "rug 1.31 (GMP)".into());
        f.run.resolved["run"]["repetitions"] = 20.into();
        f.run.resolved["run"]["tie_margin"] = 0.1.into();
    };
    let all = compared(run(&[("a", 10.0)], |_| {}), run(&[("a", 10.0)], other));
    let screen = Screen {
        verbose: true,
        ..Screen::plain(80)
    };
    let shown = all.terminal(screen, &["total"]);
    assert!(!shown.contains("DO NOT COMPARE"), "{shown}");
    for words in [
        "code: 0.1.0 0123456789ab -> 0.1.0 fedcba987654",
        "paillier: rug 1.30 (GMP) -> rug 1.31 (GMP)",
    ] {
        assert!(shown.contains(words), "{shown}");
    }
}

#[test]
fn few_repetitions_are_told() {
    let few = || {
        let mut f = Fixture::new("few", 3, 128);
        let cell = f.cell("a", &[]);
        f.setup(&cell, |_| {});
        f.repetitions(&cell, &[1.0, 2.0, 3.0], 0.7, |_| {});
        f.records()
    };
    let all = compared(few(), few());
    let shown = text(&all);
    assert!(
        shown.contains("a has too few repetitions") && shown.contains("none"),
        "{shown}"
    );
    let Limit::Refused(why) = all.limit(0.1, &["total"]) else {
        panic!("{shown}");
    };
    assert!(
        why.contains("too few repetitions for an interval of a"),
        "{why}"
    );
    let one = read(few());
    let alone = RunToCompare {
        name: "one",
        records: &one.records,
        rows: &one.rows,
    };
    assert!(RunsCompared::new(&[alone], &[]).is_err());
}

/// Of other data, or of another task, neither times nor quality are of the same thing.
#[test]
fn runs_of_other_data_are_refused() {
    let refused = |change: &dyn Fn(&mut Fixture), words: &str| {
        let base = run(&[("a", 10.0)], |_| {});
        let problem = tried(base, run(&[("a", 10.0)], change), &[]).unwrap_err();
        assert!(
            problem.contains(words) && problem.contains("before and after do not compare"),
            "{problem}"
        );
    };
    refused(
        &|f| f.run.provenance.data.sha256 = "cd".repeat(32),
        "their data differ",
    );
    refused(
        &|f| {
            f.run
                .cells
                .iter_mut()
                .for_each(|c| c.task = "interpolation".into());
        },
        "one is of logistic-regression, the other of interpolation",
    );
}

#[track_caller]
fn told(base: Records, other: Records, words: &str) {
    let shown = text(&compared(base, other));
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(words), "{words}\n{shown}");
}

/// Noise makes metrics differ, from run to run as from repetition to repetition: that is no change.
#[test]
fn noise_of_metrics_is_no_change() {
    let with = |values: [f64; 10]| {
        run(&[("a", 10.0)], |f| {
            for line in &mut f.lines {
                if let Line::Repetition(r) = line {
                    r.quality.metrics[0].value = values[r.index as usize];
                }
            }
        })
    };
    let scattered = |at: f64| std::array::from_fn(|i| at + 1e-4 * i as f64);
    let within = "bytes are equal, quality is within noise.";
    told(with(scattered(0.7)), with(scattered(0.7003)), within);
    // By less than results are off, 3.2e-8 in either run.
    told(with([0.7; 10]), with([0.7 + 5e-8; 10]), within);
    let changed = "bytes or quality changed in 1 cell.";
    told(with(scattered(0.7)), with(scattered(0.71)), changed);
    told(with([0.7; 10]), with([0.7 + 7e-8; 10]), changed);
    told(
        with([0.7; 10]),
        with([0.7; 10]),
        "bytes and quality are equal.",
    );
}

/// Over LAN 1.59 MB take about 12.7 ms, whatever is computed; over NB-IoT minutes.
#[test]
fn links_are_timed_where_they_are_asked_for() {
    let two = || [run(&[("a", 10.0)], |_| {}), run(&[("a", 20.0)], |_| {})];
    let [base, other] = two();
    let all = tried(base, other, &["nb-iot", "LAN"]).unwrap();
    let shown = all.terminal(Screen::plain(80), &["over nb-iot", "over lan"]);
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("a over NB-IoT takes the same") || flat.contains("a over LAN is slower"),
        "{shown}"
    );
    assert!(flat.contains("computed from what was recorded"), "{shown}");
    let csv = String::from_utf8(all.csv().unwrap()).unwrap();
    assert_eq!(csv.lines().count(), 1 + 5 + 2, "{csv}");
    let [base, other] = two();
    let problem = tried(base, other, &["5G"]).unwrap_err();
    assert!(problem.contains("no run has the link \"5G\""), "{problem}");
}

/// Runs on several machines say the same of themselves; their rows tell that a cell was elsewhere.
#[test]
fn rows_on_other_processors_and_shared_machines_are_told() {
    let mut elsewhere = unlike_machines();
    for line in &mut elsewhere.lines {
        if let Line::Setup(setup) = line
            && setup.cell == "tfhe"
        {
            setup.environment.as_mut().unwrap().cpu = "Example CPU A".into();
        }
    }
    let shown = text(&compared(unlike_machines().records(), elsewhere.records()));
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "another processor of tfhe: Example CPU B -> Example CPU A",
        "!shared: paillier-rs in before; paillier-rs in after",
    ] {
        assert!(flat.contains(words), "lacks {words:?}\n{shown}");
    }
}
