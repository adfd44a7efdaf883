//! Cells that go wrong: each becomes a row with its status and its reason, the others go on, and
//! the exit code tells.

use crate::harness::{Outcome, Place, Row, experiment, faulty_plugin};

const WINE: &str = "use = \"wine-quality\"\nlimit = 200";
const TASK: &str = "use = \"logistic-regression\"";
const PLAIN: &str = "[[scheme]]\nuse = \"plaintext\"";

/// A scheme that goes wrong: `keys` are its options.
fn faulty(label: &str, keys: &str) -> String {
    format!("[[scheme]]\nuse = \"faulty\"\nlabel = \"{label}\"\n{keys}\n")
}

/// Runs `more` in `place`, with the faulty plugin at hand.
#[track_caller]
fn run(place: &Place, more: &str) -> Outcome {
    place.write("e.toml", experiment(WINE, TASK, more));
    let mut program = place.program(["run", "e.toml"]);
    Outcome::of(program.env("HEXPERIMENT_PLUGINS", faulty_plugin()))
}

#[track_caller]
fn is_well(row: &Row) {
    assert_eq!((row["status"].as_str(), row["reason"].as_str()), ("ok", ""));
    assert!(
        !row["value"].is_empty() && row["samples"] == "60",
        "{row:?}"
    );
}

/// A cell with a fault between two that are well: they stay so, the row in the middle has this
/// status, and a reason that holds all `words`; so many of its 3 repetitions are in the records.
#[track_caller]
fn check(keys: &str, run_keys: &str, status: &str, words: &[&str], repetitions: usize) {
    let place = Place::new();
    let schemes = [
        faulty("before", "fault = \"none\""),
        faulty("wrong one", keys),
        PLAIN.into(),
    ]
    .concat();
    let settings = format!("[run]\nrepetitions = 3\nwarmup = 0\nthreads = 1\n{run_keys}");
    let outcome = run(&place, &format!("{schemes}\n{settings}"));
    let failed = status != "ok" && status != "refused";
    outcome.ends_with(i32::from(failed));
    let folder = place.latest();
    let row = folder.row("wrong one");
    assert_eq!(row["status"], status, "{row:?}\n{outcome}");
    for word in words {
        assert!(
            row["reason"].contains(word),
            "lacks {word:?}: {}",
            row["reason"]
        );
        if status != "ok" {
            // What a person sees says it too, at once and in the end.
            assert!(outcome.err.contains(word), "lacks {word:?}\n{outcome}");
        }
    }
    assert!(outcome.out.contains("wrong one"), "{outcome}");
    for well in ["before", "plaintext"] {
        is_well(&folder.row(well));
    }
    let of = |cell: &str| {
        folder
            .repetitions()
            .iter()
            .filter(|(c, _)| c == cell)
            .count()
    };
    assert_eq!((of("before"), of("plaintext")), (3, 3));
    assert_eq!(of("wrong one"), repetitions);
    assert!(folder.read("table.md").contains(status));
}

#[test]
fn processes_that_die() {
    let crashed = |at: &str| format!("fault = \"abort\"\nat = \"{at}\"");
    for (at, who) in [
        ("compile", "the process"),
        ("keys", "the process"),
        ("prepare", "the server"),
        ("evaluate", "the server"),
    ] {
        let words = format!("{who} aborted (signal 6");
        check(&crashed(at), "", "crashed", &[&words], 0);
    }
    let words = ["the server ended with code 3"];
    check("fault = \"exit\"", "", "crashed", &words, 0);
    let words = ["the server was killed by signal 11", "for want of memory"];
    check("fault = \"segfault\"", "", "crashed", &words, 0);
    let words = ["killed by signal 9", "for want of memory"];
    check(
        "fault = \"kill\"\nat = \"compile\"",
        "",
        "crashed",
        &words,
        0,
    );
    let late = "fault = \"abort\"\nafter = 2";
    check(late, "", "crashed", &["the server aborted (signal 6"], 2);
}

#[test]
fn plugins_that_panic_or_err() {
    let panics = "fault = \"panic\"\nafter = 1";
    check(panics, "", "failed", &["it was told to panic"], 1);
    check(
        "fault = \"panic\"\nat = \"keys\"",
        "",
        "failed",
        &["it was told to panic"],
        0,
    );
    check(
        "fault = \"error\"",
        "",
        "failed",
        &["it was told to err"],
        0,
    );
}

/// Keys that are counted are those that the server has: what goes past them, in the memory of one
/// process, is not there. So neither a smaller key is counted than is needed, nor can key generation,
/// which has no inputs, do what evaluation must.
#[test]
fn work_and_keys_that_are_left_in_memory() {
    for (fault, words) in [
        ("smuggle", "the key for evaluation is not where it was left"),
        (
            "early",
            "what was evaluated with the keys is not where it was left",
        ),
    ] {
        let words = ["the server", words];
        check(&format!("fault = \"{fault}\""), "", "failed", &words, 0);
    }
}

#[test]
fn cells_that_never_end() {
    let limit = "time_limit = \"6s\"";
    let check = |fault: &str, who: &str, repetitions: usize| {
        let busy = format!("the {who} was still busy after 6s");
        let words = [busy.as_str(), "raise `time_limit`"];
        check(fault, limit, "timeout", &words, repetitions);
    };
    check("fault = \"sleep\"\nafter = 1", "server", 1);
    check("fault = \"sleep\"\nat = \"prepare\"", "server", 0);
    check("fault = \"sleep\"\nat = \"keys\"", "cell", 0);
}

#[test]
fn cells_that_hoard_memory() {
    let keys = "fault = \"hoard\"\nafter = 1";
    let words = ["aborted (signal 6; out of memory", "memory allocation of"];
    check(keys, "memory_limit = \"2GiB\"", "crashed", &words, 1);
    // Too little to begin with.
    let place = Place::new();
    let settings = "[run]\nthreads = 64\nrepetitions = 1\nmemory_limit = \"32MiB\"";
    run(&place, &format!("{PLAIN}\n{settings}")).ends_with(1);
    let row = place.latest().row("plaintext");
    assert!(
        ["failed", "crashed"].contains(&row["status"].as_str()),
        "{row:?}"
    );
    assert!(row["reason"].contains("memory"), "{row:?}");
}

/// A circuit that needs more than the limit is refused with both numbers, before a library runs out
/// of memory in its own way; with room enough, and little more, it runs.
#[test]
fn circuits_beyond_the_memory_limit_are_refused() {
    let task = format!("{TASK}\noutput = \"probability\"");
    let scheme = "[[scheme]]\nuse = \"seal-ckks\"";
    for (limit, status) in [("100MiB", "refused"), ("600MiB", "ok")] {
        let place = Place::new();
        let settings =
            format!("[run]\nthreads = 2\nrepetitions = 1\nwarmup = 0\nmemory_limit = \"{limit}\"");
        place.write(
            "e.toml",
            experiment(WINE, &task, &format!("{scheme}\n{settings}")),
        );
        Outcome::of(&mut place.program(["run", "e.toml"])).ends_with(0);
        let row = place.latest().row("seal-ckks");
        assert_eq!(row["status"], status, "{row:?}");
        for word in [
            "memory: ",
            "MiB of `memory_limit` are left",
            "raise it in [run]",
        ] {
            assert_eq!(row["reason"].contains(word), status == "refused", "{row:?}");
        }
    }
}

#[test]
fn wrong_results() {
    let words = [
        "outside its tolerance",
        "output `logit`",
        "sample 3",
        "expected ",
        "received ",
    ];
    check("fault = \"wrong\"", "", "failed", &words, 1);
    check("fault = \"wrong\"\nafter = 2", "", "failed", &words, 3);
    let words = ["outside its tolerance", "sample 3", "received NaN"];
    check("fault = \"nan\"", "", "failed", &words, 1);
    // A warm-up that goes wrong is no less wrong.
    let late = "warmup = 1";
    let place = Place::new();
    let schemes = faulty("wrong one", "fault = \"wrong\"");
    run(
        &place,
        &format!("{schemes}\n[run]\nrepetitions = 1\n{late}"),
    )
    .ends_with(1);
    assert_eq!(place.latest().row("wrong one")["status"], "failed");
}

#[test]
fn refusals_are_no_failures() {
    let refuses = "fault = \"refuse\"\nat = \"compile\"";
    check(refuses, "", "refused", &["depth: it was told to refuse"], 0);
    // Whatever a plugin thinks is enough.
    let words = [
        "security: 80 bits, 128 demanded",
        "factoring, modulus of 1024 bits",
        "`insecure = true`",
    ];
    check("fault = \"weak\"", "", "refused", &words, 0);
    check("fault = \"weak\"", "insecure = true", "ok", &[], 3);
}

/// What a plugin states about its ring is held against the table, whatever is allowed.
#[test]
fn a_lie_about_a_ring_is_caught() {
    let words = [
        "found 128 bits, expected at most 0",
        "N = 2^13, log2(QP) = 230.0, bound 214",
    ];
    check("fault = \"lie\"", "", "failed", &words, 0);
    check("fault = \"lie\"", "insecure = true", "failed", &words, 0);
}

#[test]
fn what_a_library_prints_is_no_message() {
    check("fault = \"chatter\"", "", "ok", &[], 3);
}

/// A fault that the experiment expects is a success; one that does not come is not.
#[track_caller]
fn foreseen(keys: &str, expect: &str, code: i32) {
    let place = Place::new();
    let schemes = [faulty("wrong one", keys), PLAIN.into()].concat();
    let run_keys = "[run]\nrepetitions = 1\nwarmup = 0";
    run(
        &place,
        &format!("{schemes}\n{run_keys}\n[expect.\"wrong one\"]\n{expect}"),
    )
    .ends_with(code);
    is_well(&place.latest().row("plaintext"));
}

#[test]
fn expectations_decide_the_exit_code() {
    foreseen("fault = \"abort\"", "status = \"crashed\"", 0);
    foreseen("fault = \"abort\"", "status = \"failed\"", 1);
    foreseen("fault = \"none\"", "status = \"crashed\"", 1);
    foreseen("fault = \"wrong\"", "status = \"failed\"", 0);
    foreseen("fault = \"none\"", "auc = { min = 0.2 }", 0);
    foreseen("fault = \"none\"", "auc = { max = 0.2 }", 1);
    foreseen("fault = \"abort\"", "auc = { min = 0.2 }", 1);
}

/// Built-in schemes refuse what is beyond them, with reasons; the run is well.
#[test]
fn built_in_schemes_refuse_with_reasons() {
    let more = "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"tfhe\"\n[[scheme]]\nuse = \
                \"paillier\"\nmodulus_bits = 3072\n[[scheme]]\nuse = \"seal-ckks\"\n[run]\n\
                repetitions = 1\nwarmup = 0\nsecurity_bits = 192";
    let place = Place::new();
    run(&place, more).ends_with(0);
    let folder = place.latest();
    for (label, words) in [
        ("tfhe", ["192 bits demanded", "tfhe-rs has 132"]),
        ("paillier", ["192 bits demanded", "modulus of 3072 bits"]),
    ] {
        let row = folder.row(label);
        assert_eq!(row["status"], "refused");
        for word in words {
            assert!(
                row["reason"].contains(word),
                "lacks {word:?}: {}",
                row["reason"]
            );
        }
    }
    let row = folder.row("seal-ckks");
    is_well(&row);
    assert!(row["security_bits"].parse::<u32>().unwrap() >= 192);

    let weak =
        "[[scheme]]\nuse = \"paillier\"\nmodulus_bits = 2048\n[run]\nrepetitions = 1\nwarmup = 0";
    let place = Place::new();
    run(&place, weak).ends_with(0);
    let row = place.latest().row("paillier");
    assert_eq!(row["status"], "refused");
    for word in ["modulus of 2048 bits", "112", "NIST SP 800-57"] {
        assert!(
            row["reason"].contains(word),
            "lacks {word:?}: {}",
            row["reason"]
        );
    }
    // Allowed all the same, it runs, and every table carries the mark.
    let place = Place::new();
    let outcome = run(&place, &format!("{weak}\ninsecure = true"));
    outcome.ends_with(0);
    let folder = place.latest();
    is_well(&folder.row("paillier"));
    assert_eq!(folder.row("paillier")["security_bits"], "112");
    assert!(outcome.out.contains("insecure"), "{outcome}");
    assert!(folder.read("table.md").contains("insecure"));
}
