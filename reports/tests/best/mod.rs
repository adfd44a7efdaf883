//! `best` on records whose answer is known.

use hexperiment_experiment::record::{Line, Status};
use hexperiment_experiment::summary::Records;
use hexperiment_reports::best::{
    Answer, Bound, End, OfProblem, QUANTITIES, Request, Slower, Trust, best,
};
use hexperiment_scheme::security::Encryption;
use hexperiment_task::ledger::Precision;

use crate::fixture::{Fixture, factoring, millis, unprotected};
use crate::{around, unlike_machines};

/// A request with upper bounds, and the usual demand on trust.
fn request(most: &[&str]) -> Request {
    Request {
        bounds: most
            .iter()
            .map(|text| Bound::parse(text, End::Most).unwrap())
            .collect(),
        trust: vec![Trust::find("server-blind").unwrap()],
        ..Request::default()
    }
}

/// A cell that takes so long end to end, in ten repetitions, sends so much and errs so much.
fn add(
    f: &mut Fixture,
    scheme: &str,
    point: &[(&str, i64)],
    ms: f64,
    upload: u64,
    error: f64,
) -> String {
    let cell = f.cell(scheme, point);
    f.setup(&cell, |_| {});
    f.repetitions(&cell, &around(ms - 2.0), 0.7, |r| {
        (r.encrypt, r.decrypt, r.transfer) = (millis(1.0), millis(1.0), millis(0.0));
        (r.traffic.upload_bytes, r.traffic.download_bytes) = (upload, 0);
        r.errors.max_abs = error;
    });
    cell
}

/// Five schemes: the fastest, one that sends least, one that is beaten in all, one that is too
/// inexact, one without encryption; and one that refused.
fn several() -> Fixture {
    let mut f = Fixture::new("several", 10, 128);
    add(&mut f, "fast", &[], 10.0, 1_000_000, 1e-6);
    add(&mut f, "small", &[], 400.0, 50_000, 1e-6);
    add(&mut f, "beaten", &[], 500.0, 60_000, 1e-5);
    add(&mut f, "inexact", &[], 5.0, 1000, 0.5);
    let plain = f.cell("plaintext", &[]);
    f.setup(&plain, unprotected);
    f.repetitions(&plain, &around(0.1), 0.7, |_| {});
    let refused = f.cell("refuses", &[]);
    f.stopped(&refused, Status::Refused, "max: needs\n  a comparison");
    f
}

fn answer(runs: Vec<Fixture>, request: &Request) -> Answer {
    let records: Vec<Records> = runs.into_iter().map(Fixture::records).collect();
    best(&records, request).unwrap()
}

#[track_caller]
fn only(answer: &Answer) -> &OfProblem {
    assert_eq!(answer.machines.len(), 1);
    assert_eq!(answer.machines[0].problems.len(), 1, "{answer:?}");
    &answer.machines[0].problems[0]
}

fn names(problem: &OfProblem) -> Vec<(&str, bool)> {
    problem
        .fits
        .iter()
        .map(|fit| (fit.name.as_str(), fit.on_front))
        .collect()
}

#[track_caller]
fn why<'a>(problem: &'a OfProblem, name: &str) -> &'a [String] {
    let other = problem.others.iter().find(|(other, _)| other == name);
    other.map_or(&[], |(_, why)| why)
}

#[test]
fn what_fits_the_front_and_why_others_do_not() {
    let found = answer(vec![several()], &request(&["error=1e-3"]));
    let problem = only(&found);
    assert_eq!(
        names(problem),
        [("fast", true), ("small", true), ("beaten", false)]
    );
    assert_eq!(problem.slower, [Slower::Shown, Slower::Shown]);
    assert_eq!(why(problem, "inexact"), ["error 0.500, at most 1e-3"]);
    assert_eq!(
        why(problem, "plaintext"),
        ["not server-blind: nothing is encrypted"]
    );
    assert_eq!(
        why(problem, "refuses"),
        ["refused: max: needs a comparison"]
    );
    assert_eq!(
        found.sentence,
        "For logistic-regression on hearts, 334 samples, 128 bits, 2 threads, fast is the fastest of the 3 \
         that fit (10.0 ms end to end, 977 KiB, error 1.0e-6); 3 others do not fit."
    );
    // Every violated bound is told, with found and demanded.
    let found = answer(
        vec![several()],
        &request(&["error=1e-7", "upload=100kB", "total=100ms"]),
    );
    let problem = only(&found);
    assert!(problem.fits.is_empty());
    assert_eq!(
        why(problem, "fast"),
        [
            "error 1.00e-6, at most 1e-7",
            "upload 1.00 MB, at most 100kB"
        ]
    );
    assert_eq!(
        why(problem, "small"),
        ["error 1.00e-6, at most 1e-7", "total 400 ms, at most 100ms"]
    );
    assert!(
        found
            .sentence
            .starts_with("Nothing fits for logistic-regression"),
        "{}",
        found.sentence
    );
    assert!(
        found
            .sentence
            .contains("inexact comes nearest, but error 0.500"),
        "{}",
        found.sentence
    );
}

#[test]
fn a_bound_is_kept_by_what_is_equal() {
    let mut bounds = request(&["upload=50000B"]);
    bounds
        .bounds
        .push(Bound::parse("security=128", End::Least).unwrap());
    let found = answer(vec![several()], &bounds);
    assert_eq!(names(only(&found)), [("inexact", true), ("small", true)]);
    let mut bounds = request(&[]);
    bounds
        .bounds
        .push(Bound::parse("security=129", End::Least).unwrap());
    let found = answer(vec![several()], &bounds);
    assert_eq!(why(only(&found), "fast"), ["security 128, at least 129"]);
}

#[test]
fn what_nobody_recorded_does_not_fit() {
    let mut f = Fixture::new("old", 10, 128);
    let cell = f.cell("old", &[]);
    f.setup(&cell, |_| {});
    f.repetitions(&cell, &around(8.0), 0.7, |r| r.client_peak_rss_bytes = None);
    let found = answer(vec![f], &request(&["client-memory=512MiB"]));
    assert_eq!(
        why(only(&found), "old"),
        ["client-memory is not recorded, at most 512MiB"]
    );
}

#[test]
fn trust_is_demanded_in_words() {
    let mut f = Fixture::new("trust", 10, 128);
    let chatty = add(&mut f, "chatty", &[], 10.0, 10, 0.0);
    for line in &mut f.lines {
        if let Line::Repetition(r) = line
            && r.cell == chatty
        {
            (r.traffic.rounds, r.traffic.decrypted_midway) = (3, 2);
        }
    }
    let client = f.cell("client", &[]);
    f.setup(&client, factoring(128, 3072));
    f.repetitions(&client, &around(8.0), 0.7, |_| {});
    let words = ["non-interactive", "server-finishes"];
    let trust = words.map(|word| Trust::find(word).unwrap()).to_vec();
    let found = answer(
        vec![f],
        &Request {
            trust,
            ..Request::default()
        },
    );
    let problem = only(&found);
    assert_eq!(
        why(problem, "chatty"),
        ["not non-interactive: 3 rounds, 2 decryptions on the way"]
    );
    assert_eq!(
        why(problem, "client"),
        ["not server-finishes: client: sigmoid"]
    );
}

#[test]
fn what_the_task_bears_and_the_usual_level_are_demanded_unless_bounds_say_otherwise() {
    let weak_and_inexact = || {
        let mut f = Fixture::new("weak", 10, 80);
        let weak = f.cell("weak", &[]);
        f.setup(&weak, factoring(80, 1024));
        f.repetitions(&weak, &around(8.0), 0.7, |_| {});
        let inexact = f.cell("inexact", &[]);
        f.setup(&inexact, |_| {});
        f.repetitions(&inexact, &around(8.0), 0.7, |r| {
            r.errors.precision = Some(Precision {
                output: "logit".into(),
                demanded: 1e-9,
                observed: 3.2e-8,
                claimed: 1e-9,
            });
        });
        f
    };
    let found = answer(vec![weak_and_inexact()], &request(&[]));
    let problem = only(&found);
    assert!(why(problem, "weak")[0].starts_with("security 80, at least 128"));
    assert!(why(problem, "inexact")[0].starts_with("error 3.20e-8 where the task bears 1.00e-9"));
    let mut all = request(&["error=1e-3"]);
    all.bounds
        .push(Bound::parse("security=80", End::Least).unwrap());
    let found = answer(vec![weak_and_inexact()], &all);
    assert_eq!(only(&found).fits.len(), 2);
}

/// Totals by limit: `a` 10, 100, 1000 ms; `b` 50, 50, 50 ms. Their medians meet where the line of `a`,
/// of slope 1 in logarithms, is at 50: at a limit of 50.
#[test]
fn crossovers_are_interpolated_between_measured_points() {
    let mut f = Fixture::new("axis", 10, 128);
    for limit in [10, 100, 1000] {
        let point = [("dataset.limit", limit)];
        add(&mut f, "a", &point, limit as f64, 1000, 1e-6);
        add(&mut f, "b", &point, 50.0, 1000, 1e-6);
        // Within a hundredth of `b` everywhere.
        add(&mut f, "c", &point, 50.1, 1000, 1e-6);
    }
    let found = answer(vec![f], &request(&[]));
    let crossovers = &found.machines[0].crossovers;
    let of_b = crossovers
        .iter()
        .find(|c| c.before == "a" && c.after == "b")
        .unwrap();
    assert_eq!(
        (of_b.axis.as_str(), of_b.from, of_b.to),
        ("dataset.limit", 10.0, 100.0)
    );
    assert!(of_b.open.is_empty());
    let meet = of_b.meet.unwrap();
    assert!((meet - 50.0).abs() < 0.5, "{meet}");
    assert_eq!(
        of_b.words(),
        format!(
            "dataset.limit: a is faster up to 10, b from 100 on: it overtakes between 10 and 100, by \
             interpolation at about {meet:.1}"
        )
    );
    let of = "logistic-regression on hearts";
    assert_eq!(of_b.of, of);
    let none = &found.machines[0].no_crossovers;
    let open = "dataset.limit: b and c are not distinguished, 10 to 1000";
    assert!(none.contains(&(of.into(), open.into())), "{none:?}");
    let shown = found.terminal(100);
    assert!(
        shown.contains(&format!("\n\n{of}, along axes, ")) && shown.contains("b from 100 on"),
        "{shown}"
    );
}

/// At 100 the intervals overlap: what is known is that it is somewhere between 10 and 1000.
#[test]
fn where_intervals_overlap_nothing_is_claimed() {
    let mut f = Fixture::new("axis", 10, 128);
    for (limit, b) in [(10, 100.0), (100, 100.3), (1000, 100.0)] {
        let point = [("dataset.limit", limit)];
        add(&mut f, "a", &point, limit as f64, 1000, 1e-6);
        add(&mut f, "b", &point, b, 1000, 1e-6);
    }
    let found = answer(vec![f], &request(&[]));
    let [one] = found.machines[0].crossovers.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(
        (one.from, one.to, one.open.as_slice()),
        (10.0, 1000.0, &[100.0][..])
    );
    assert!(
        one.words().ends_with("at 100 they are not distinguished"),
        "{}",
        one.words()
    );
}

/// `fast` computes 10 ms and sends 8 Mbit, `small` computes 410 ms and sends 0.4 Mbit: both take as
/// long at 7.6 Mbit in 400 ms, 19 Mbit/s.
#[test]
fn links_change_who_is_fastest() {
    let two = || {
        let mut f = Fixture::new("links", 10, 128);
        add(&mut f, "fast", &[], 10.0, 1_000_000, 1e-6);
        add(&mut f, "small", &[], 410.0, 50_000, 1e-6);
        f
    };
    let found = answer(vec![two()], &request(&[]));
    let problem = only(&found);
    let winners: Vec<(&str, &str)> = problem
        .by_link
        .iter()
        .map(|(l, w, _)| (l.as_str(), w.as_str()))
        .collect();
    assert_eq!(
        winners,
        [
            ("LAN", "fast"),
            ("4G", "small"),
            ("NB-IoT", "small"),
            ("LoRaWAN", "small")
        ]
    );
    assert!(
        problem.bandwidths[0].contains("below about 19.0 Mbit/s"),
        "{:?}",
        problem.bandwidths
    );
    let mut over = request(&["total=600ms"]);
    over.link = Some("4g".into());
    let found = answer(vec![two()], &over);
    let problem = only(&found);
    // 410 + 33.3 + 70 ms; 10 + 666.7 + 70 ms.
    assert_eq!(names(problem), [("small", true)]);
    assert!(
        (problem.fits[0].total_ms - 513.333).abs() < 5.0,
        "{:?}",
        problem.fits
    );
    assert_eq!(why(problem, "fast"), ["total 747 ms, at most 600ms"]);
    assert!(
        found
            .sentence
            .contains("only small fits (513 ms end to end over 4G"),
        "{}",
        found.sentence
    );
}

#[test]
fn machines_are_not_compared_and_newer_runs_count() {
    let other = || {
        let mut f = several();
        f.run.provenance.cpu = "Another CPU".into();
        f
    };
    let found = answer(vec![several(), other()], &request(&["error=1e-3"]));
    assert_eq!(found.machines.len(), 2);
    assert!(
        found
            .sentence
            .contains("times of different machines are not compared"),
        "{}",
        found.sentence
    );
    assert!(
        found
            .sentence
            .contains("on Another CPU, 2 logical processors, 8 GiB, for"),
        "{}",
        found.sentence
    );
    let mut newer = Fixture::new("several", 10, 128);
    newer.run.started = "2026-05-05T00:00:00Z".into();
    add(&mut newer, "fast", &[], 20.0, 1_000_000, 1e-6);
    let found = answer(vec![newer, several()], &request(&["error=1e-3"]));
    let problem = only(&found);
    let older = "several of 2026-05-04T09:08:07Z".to_owned();
    assert_eq!(found.machines[0].superseded, [(older, "fast".to_owned())]);
    let shown = found.terminal(80);
    assert!(
        shown.contains(
            "Left out, for newer runs have the same\n  - several of 2026-05-04T09:08:07Z: fast\n"
        ),
        "{shown}"
    );
    let total = problem
        .fits
        .iter()
        .find(|fit| fit.name == "fast")
        .unwrap()
        .total_ms;
    assert!((total - 20.0).abs() < 0.5, "{total}");
}

#[test]
fn typos_are_told() {
    #[track_caller]
    fn check(text: &str, words: &[&str]) {
        let problem = Bound::parse(text, End::Most).unwrap_err();
        for word in words {
            assert!(problem.contains(word), "{word}: {problem}");
        }
    }
    check(
        "uplod=1MB",
        &["\"uplod\"", "did you mean `upload`", "client-memory"],
    );
    check("upload", &["name=value"]);
    check("upload=1", &["\"1\"", "a size, as 512B"]);
    check("total=fast", &["a time, as 200us"]);
    check("error=NaN", &["a number"]);
    let problem = Trust::find("server-blnd").unwrap_err();
    assert!(problem.contains("did you mean `server-blind`"), "{problem}");
    let records = vec![several().records()];
    let mut wrong = request(&[]);
    wrong.task = Some("logistic-regresion".into());
    let problem = best(&records, &wrong).unwrap_err();
    assert!(
        problem.contains("did you mean `logistic-regression`"),
        "{problem}"
    );
    let mut wrong = request(&[]);
    wrong.link = Some("5G".into());
    let problem = best(&records, &wrong).unwrap_err();
    assert!(
        problem.contains("no run has the link \"5G\"") && problem.contains("NB-IoT"),
        "{problem}"
    );
    assert!(best(&[], &request(&[])).is_err());
}

/// Every quantity has a value of a whole row: no name of a column is wrong.
#[test]
fn all_quantities_are_recorded() {
    for quantity in &QUANTITIES {
        let found = answer(
            vec![several()],
            &Request {
                bounds: vec![
                    Bound::parse(
                        &format!("{}={}", quantity.name, least(quantity.name)),
                        End::Most,
                    )
                    .unwrap(),
                ],
                ..request(&[])
            },
        );
        let told = format!("{:?}", only(&found).others);
        assert!(
            !told.contains("is not recorded"),
            "{}: {told}",
            quantity.name
        );
    }
}

fn least(name: &str) -> &'static str {
    ["0B", "0", "1us"]
        .into_iter()
        .find(|value| Bound::of(name, value, End::Most).is_ok())
        .unwrap()
}

/// Rows under another demand do other work: none takes the place of another, and headings tell them apart.
#[test]
fn rows_under_other_demands_are_not_the_same() {
    #[track_caller]
    fn check(change: impl Fn(&mut Fixture), words: [&str; 2]) {
        let one = || {
            let mut f = Fixture::new("demands", 10, 128);
            add(&mut f, "a", &[], 10.0, 1000, 1e-6);
            f
        };
        let mut other = one();
        other.run.started = "2026-05-05T00:00:00Z".into();
        change(&mut other);
        let found = answer(vec![one(), other], &request(&[]));
        let machine = &found.machines[0];
        assert!(machine.superseded.is_empty(), "{machine:?}");
        let conditions: Vec<&str> = machine.problems.iter().map(|p| &*p.conditions).collect();
        assert_eq!(conditions, words);
        let shown = found.terminal(400);
        assert!(
            words.iter().all(|w| shown.contains(&format!("; {w}\n"))),
            "{shown}"
        );
    }
    let owner = "encrypted by the key owner, failures of a run at most 2^-40";
    let setups = |f: &mut Fixture, change: &dyn Fn(&mut hexperiment_experiment::record::Setup)| {
        for line in &mut f.lines {
            if let Line::Setup(setup) = line {
                change(setup);
            }
        }
    };
    check(
        |f| setups(f, &|s| s.parameters.encryption = Some(Encryption::Public)),
        [
            owner,
            "encrypted under a public key, failures of a run at most 2^-40",
        ],
    );
    check(
        |f| setups(f, &|s| s.failure_demanded = Some(-128)),
        [
            owner,
            "encrypted by the key owner, failures of a run at most 2^-128",
        ],
    );
    check(
        |f| f.run.resolved["run"]["processes"] = 3.into(),
        [owner, &format!("{owner}, 3 processes")],
    );
    check(
        |f| f.run.resolved["run"]["seeds"] = 5.into(),
        [owner, &format!("{owner}, 5 seeds")],
    );
}

/// A tie is a finding, and has its word.
#[test]
fn what_is_as_fast_ties() {
    let mut f = Fixture::new("tie", 12, 128);
    for (label, more) in [("a", 0.0), ("b", 0.2)] {
        let cell = f.cell(label, &[]);
        f.setup(&cell, |_| {});
        let times: Vec<f64> = (0..12).map(|i| 10.0 + more + f64::from(i) / 1e3).collect();
        f.repetitions(&cell, &times, 0.7, |_| {});
    }
    let found = answer(vec![f], &request(&[]));
    assert_eq!(only(&found).slower, [Slower::Tie]);
    assert!(
        found.sentence.contains(", a tie with b") && !found.sentence.contains("not distinguished"),
        "{}",
        found.sentence
    );
}

/// What encrypts nothing is as good an answer as none, however few demands it misses.
#[test]
fn what_encrypts_comes_nearest() {
    let found = answer(vec![several()], &request(&["error=1e-9", "total=1us"]));
    let problem = only(&found);
    let (name, why) = &problem.others[problem.nearest.unwrap()];
    assert_ne!(name, "plaintext");
    assert!(!why.is_empty());
    assert!(
        found.sentence.contains(&format!("{name} comes nearest")),
        "{}",
        found.sentence
    );
}

/// Of three repetitions there is no interval: that is no finding of a comparison.
#[test]
fn too_few_repetitions_are_told_as_such() {
    let mut f = Fixture::new("few", 3, 128);
    for (label, ms) in [("a", 10.0), ("b", 20.0)] {
        let cell = f.cell(label, &[]);
        f.setup(&cell, |_| {});
        f.repetitions(&cell, &[ms, ms + 0.1, ms + 0.2], 0.7, |_| {});
    }
    let found = answer(vec![f], &request(&[]));
    assert_eq!(only(&found).slower, [Slower::TooFew]);
    assert!(
        found
            .sentence
            .contains("with too few repetitions to tell it from b")
            && !found.sentence.contains("not distinguished"),
        "{}",
        found.sentence
    );
}

#[test]
fn marks_stand_beside_what_fits() {
    let mut f = Fixture::new("busy", 10, 128);
    let cell = f.cell("a", &[]);
    f.setup(&cell, |_| {});
    f.repetitions(&cell, &around(8.0), 0.7, |r| {
        let load = r.load.as_mut().unwrap().schedule.as_mut().unwrap();
        (load.ran_ns, load.waited_ns) = (50_000_000, 50_000_000);
    });
    let found = answer(vec![f], &request(&[]));
    assert_eq!(only(&found).fits[0].marks, ["!busy"]);
    let shown = found.terminal(80);
    assert!(
        shown.contains("marks") && shown.contains("!busy"),
        "{shown}"
    );
    assert!(found.is_any());
}

/// Of two rows that keep what the task bears, the one of less noise is no better for it.
#[test]
fn noise_that_the_task_bears_puts_nothing_on_the_front() {
    let two = |demanded: f64| {
        let mut f = Fixture::new("noise", 10, 128);
        add(&mut f, "fast", &[], 10.0, 1000, 3e-8);
        add(&mut f, "slow", &[], 20.0, 1000, 1e-8);
        for line in &mut f.lines {
            if let Line::Repetition(r) = line {
                r.errors.precision = Some(Precision {
                    output: "logit".into(),
                    demanded,
                    observed: r.errors.max_abs,
                    claimed: 1e-9,
                });
            }
        }
        f
    };
    let found = answer(vec![two(1e-6)], &request(&[]));
    assert_eq!(names(only(&found)), [("fast", true), ("slow", false)]);
    // Of rows beyond what it bears the error counts.
    let found = answer(vec![two(1e-9)], &request(&["error=1"]));
    assert_eq!(names(only(&found)), [("fast", true), ("slow", true)]);
}

#[test]
fn narrow_screens_have_room() {
    let mut f = several();
    for cell in &mut f.run.cells {
        cell.label = format!(
            "{}-with-a-name-that-is-much-longer-than-need-be",
            cell.label
        );
    }
    let found = answer(vec![f], &request(&["error=1e-3"]));
    for width in [60, 80] {
        for line in found.terminal(width).lines() {
            let is_name = line.contains("much-longer");
            assert!(
                line.chars().count() <= width || is_name && !line.contains("ms"),
                "{line}"
            );
        }
    }
}

#[test]
fn bounds_that_nothing_can_keep_are_refused() {
    for text in ["error=-1", "upload=-1", "rounds=-2", "security=-128"] {
        let problem = Bound::parse(text, End::Most).unwrap_err();
        assert!(problem.contains("expected"), "{problem}");
    }
    assert!(Bound::parse("quality=-0.5", End::Least).is_ok());
    let mut both = request(&["rounds=1"]);
    both.bounds
        .push(Bound::parse("rounds=2", End::Least).unwrap());
    let records = vec![several().records()];
    let problem = best(&records, &both).unwrap_err();
    assert!(
        problem.contains("found `rounds` at least 2 and at most 1, which nothing can keep"),
        "{problem}"
    );
    let mut same = request(&["rounds=1"]);
    same.bounds
        .push(Bound::parse("rounds=1", End::Least).unwrap());
    assert!(best(&records, &same).unwrap().is_any());
}

/// Times of shared machines are marked, and the sentence says so though there is one machine only.
#[test]
fn shared_machines_are_told() {
    let mut f = unlike_machines();
    f.run
        .merged
        .as_mut()
        .unwrap()
        .shards
        .iter_mut()
        .for_each(|shard| shard.beside_others = true);
    f.lines
        .retain(|line| !matches!(line, Line::Setup(s) if s.cell.starts_with("tfhe")));
    f.lines
        .retain(|line| !matches!(line, Line::Repetition(r) if r.cell.starts_with("tfhe")));
    f.run.cells.retain(|cell| !cell.id.starts_with("tfhe"));
    let merged = f.run.merged.as_mut().unwrap();
    merged
        .shards
        .retain(|shard| shard.cells != [2] && shard.cells != [4]);
    for (place, shard) in merged.shards.iter_mut().enumerate() {
        shard.cells = vec![place];
    }
    let found = answer(vec![f], &request(&[]));
    let fits = &only(&found).fits;
    assert!(fits.iter().all(|fit| fit.marks == ["!shared"]), "{fits:?}");
    let words = "the machine was shared with others, who may be in these times";
    assert!(found.sentence.contains(words), "{}", found.sentence);
    let about = "!shared: others may have used the machine meanwhile";
    assert!(found.about.contains(about), "{}", found.about);
    // One machine for oneself has neither.
    let found = answer(vec![several()], &request(&[]));
    assert!(!found.about.contains("!shared") && !found.sentence.contains("shared"));
}

/// A run that was gone on with on another processor is no run on one.
#[test]
fn a_run_resumed_on_another_processor_is_of_two_machines() {
    let mut f = unlike_machines();
    f.run.merged = None;
    f.run.provenance.cpu = "Example CPU A".into();
    let found = answer(vec![f], &request(&[]));
    let titles: Vec<&str> = found.machines.iter().map(|m| m.title.as_str()).collect();
    assert_eq!(titles.len(), 2, "{titles:?}");
    assert!(titles[0].starts_with("Example CPU A,") && titles[1].starts_with("Example CPU B,"));
    let words = "times of different machines are not compared";
    assert!(found.sentence.contains(words), "{}", found.sentence);
}
