//! Schemes that are programs of their own, in Python without dependencies: one that is well, beside those
//! that are built in, and one with faults, of which each becomes a row with its reason.

mod commands;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::harness::{Place, experiment, note, repository};

const WINE: &str = "use = \"wine-quality\"\nlimit = 100";
const TASK: &str = "use = \"logistic-regression\"";
const RUN: &str = "[run]\nrepetitions = 2\nwarmup = 0\nthreads = 1\nsecurity_bits = 0\n\
                   insecure = true";

/// The interpreter; where there is none, the test says so.
fn python() -> bool {
    let there = Command::new("python3").arg("--version").output().is_ok();
    if !there {
        note("python3 is not installed: schemes that are programs in Python are not tested");
    }
    there
}

/// A program of `tests/programs`, in the place with what it imports.
#[track_caller]
fn bring(place: &Place, names: &[&str]) {
    for name in names {
        let source: PathBuf = repository().join("tests/programs").join(name);
        // With its permissions.
        fs::copy(&source, place.path(name)).unwrap_or_else(|e| panic!("{}: {e}", source.display()));
    }
}

/// What two schemes compute of the same experiment is the same.
#[test]
fn a_program_does_as_well_as_what_is_built_in() {
    if !python() {
        return;
    }
    let place = Place::new();
    bring(&place, &["paillier.py"]);
    // Linear, with a sigmoid that the client finishes; and once more by another command and name.
    let schemes = "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"paillier\"\n\
         [[scheme]]\ncommand = [\"./paillier.py\"]\nmodulus_bits = 512\n\
         [[scheme]]\ncommand = [\"python3\", \"paillier.py\"]\nname = \"second\"\nlabel = \"again\"\n\
         modulus_bits = 300\nfraction_bits = 20\n";
    place.write(
        "sub/e.toml",
        experiment(WINE, TASK, &format!("{schemes}{RUN}")),
    );
    fs::rename(place.path("paillier.py"), place.path("sub/paillier.py")).unwrap();
    let outcome = place.call(&["check", "sub/e.toml"]);
    outcome
        .ends_with(0)
        .says(&["paillier-py: fine", "again: fine"]);
    // A program is found from the file, wherever the user is.
    place
        .call(&["run", "sub/e.toml"])
        .ends_with(0)
        .does_not_panic();
    let folder = place.latest();
    let plain = folder.row("plaintext");
    for (label, scheme, digits) in [
        ("paillier-py", "paillier-py", 1e-6),
        ("again", "second", 1e-2),
    ] {
        let row = folder.row(label);
        assert_eq!(
            (&*row["status"], &*row["scheme"]),
            ("ok", scheme),
            "{row:?}"
        );
        for same in ["value", "samples"] {
            assert_eq!(row[same], plain[same], "{same}");
        }
        let error: f64 = row["max_abs_error"].parse().unwrap();
        assert!(error > 0.0 && error < digits, "{error}");
    }
    // What it says of itself, and which files it is, is recorded.
    let run = &folder.records()[0];
    let libraries = &run["provenance"]["versions"];
    let library = libraries["paillier-py"].as_str().unwrap();
    assert!(library.starts_with("Python integers 3."), "{library}");
    assert!(
        library.contains("(program paillier.py, SHA-256 "),
        "{library}"
    );
    let library = libraries["second"].as_str().unwrap();
    assert!(library.contains("(program python3, SHA-256 "), "{library}");
    assert!(library.contains("; paillier.py, SHA-256 "), "{library}");
    let command = &run["resolved"]["schemes"][2]["command"];
    assert_eq!(command.to_string(), r#"["./paillier.py"]"#);
    // Its time is that of its steps, also where the program works in another process.
    let (_, rows) = folder.summary();
    let row = rows
        .iter()
        .find(|row| row["cell"] == "paillier-py")
        .unwrap();
    let cpu: f64 = row["encrypt_cpu_ms"].parse().unwrap();
    let plain: f64 = plain["encrypt_cpu_ms"].parse().unwrap();
    assert!(cpu > 10.0 * plain, "{cpu} ms, {plain} ms");
}

/// What a program cannot, it refuses with its reason; what it may not, the framework does.
#[test]
fn a_program_refuses() {
    if !python() {
        return;
    }
    let place = Place::new();
    bring(&place, &["paillier.py"]);
    let program = "[[scheme]]\ncommand = [\"./paillier.py\"]\n";
    let pooled = "use = \"column-statistics\"\nsquares = \"server\"";
    place.write(
        "e.toml",
        experiment(WINE, pooled, &format!("{program}{RUN}")),
    );
    let refused = place.call(&["run", "e.toml"]);
    refused
        .ends_with(0)
        .says(&["refused", "Paillier adds ciphertexts"]);
    // A key too small for the demand; by the program itself.
    let weak = format!("{program}modulus_bits = 512\n[run]\nrepetitions = 1\n");
    place.write("e.toml", experiment(WINE, TASK, &weak));
    let refused = place.call(&["run", "e.toml"]);
    let words = [
        "refused",
        "a modulus of 512 bits has 0 bits of security, 128 are demanded",
    ];
    refused.ends_with(0).says(&words);
}

/// A cell with a fault between two that are well: they stay so, and its row has a status and a reason
/// that holds all words.
#[track_caller]
fn check(fault: &str, run: &str, status: &str, words: &[&str]) {
    let place = Place::new();
    bring(&place, &["paillier.py", "faulty.py"]);
    let faulty = |label: &str, fault: &str| {
        format!(
            "[[scheme]]\ncommand = [\"./faulty.py\"]\nlabel = \"{label}\"\nfault = \"{fault}\"\n"
        )
    };
    let schemes = faulty("before", "none") + &faulty("wrong one", fault);
    let schemes = schemes + "[[scheme]]\nuse = \"plaintext\"\n";
    place.write(
        "e.toml",
        experiment(WINE, TASK, &format!("{schemes}{RUN}\n{run}")),
    );
    let outcome = place.call(&["run", "e.toml"]);
    outcome
        .ends_with(i32::from(status != "refused"))
        .does_not_panic()
        .is_plain();
    let folder = place.latest();
    let row = folder.row("wrong one");
    assert_eq!(row["status"], status, "{fault}: {row:?}\n{outcome}");
    for word in words {
        assert!(
            row["reason"].contains(word),
            "{fault}: lacks {word:?}: {}",
            row["reason"]
        );
    }
    for well in ["before", "plaintext"] {
        let row = folder.row(well);
        assert_eq!(
            (&*row["status"], &*row["reason"]),
            ("ok", ""),
            "{fault}: {well}"
        );
    }
}

#[test]
fn programs_that_end() {
    if !python() {
        return;
    }
    let eaten = ["faulty-py: encrypt: the program ended with code 3: the key was eaten"];
    check("exit", "", "crashed", &eaten);
    check(
        "kill",
        "",
        "crashed",
        &["the server was killed by signal 9"],
    );
    let raised = ["the program ended with code 1: ZeroDivisionError: it was told to raise"];
    check("raises", "", "crashed", &raised);
    check(
        "half-a-frame",
        "",
        "crashed",
        &["the server ended with code 0"],
    );
}

#[test]
fn programs_that_talk_nonsense() {
    if !python() {
        return;
    }
    let nonsense = ["what the protocol does not have: found the bytes [48, 54, 54, 50], expected"];
    check("nonsense", "", "crashed", &nonsense);
    let oversized = ["bytes of a head: found 4294967295, expected at most 1048576"];
    check("oversized", "", "crashed", &oversized);
    let order = ["breaks the protocol: found the frame `decrypted`, expected `encrypted`"];
    check("out-of-order", "", "crashed", &order);
    let other = [
        "the server: found circuit ffffffff",
        "same program with the same options",
    ];
    check("other-circuit", "", "failed", &other);
    check(
        "other-keys",
        "",
        "crashed",
        &["disagrees with itself: found circuit 00000000"],
    );
    let cut = ["the server: found 1 parts of 16 bytes, expected 1 of 32"];
    check("cut-keys", "", "failed", &cut);
    // Counted as half of what is sent.
    let small = ["bytes of a key, of those announced: found 32, expected at most 16"];
    check("small-keys", "", "crashed", &small);
}

#[test]
fn programs_whose_numbers_cannot_be() {
    if !python() {
        return;
    }
    check(
        "nan",
        "",
        "failed",
        &["decrypt: found NaN in row 0, column 0"],
    );
    check(
        "short-table",
        "",
        "failed",
        &["decrypt: found 8 bytes of tables, expected 240"],
    );
    check(
        "bits",
        "",
        "failed",
        &["security: found 9999 bits, expected at most 256"],
    );
    check(
        "times",
        "",
        "failed",
        &["encrypt: the program says that it took 3153600000s of processor"],
    );
    check(
        "off-by-one",
        "",
        "failed",
        &["result outside its tolerance", "tolerance 0.0"],
    );
    // A reason is one line, and no terminal obeys it.
    check("refuses", "", "refused", &["it was told to refuse, "]);
}

#[test]
fn programs_within_limits() {
    if !python() {
        return;
    }
    let limit = "time_limit = \"8s\"";
    check(
        "hang",
        limit,
        "timeout",
        &["the server was still busy after 8s"],
    );
    if cfg!(target_os = "linux") {
        let limit = "memory_limit = \"256MiB\"";
        let words = [
            "generate_keys: the program ended with code 1",
            "MemoryError",
        ];
        check("memory", limit, "crashed", &words);
        let words = ["the server ended with code 1", "MemoryError"];
        check("memory-of-server", limit, "crashed", &words);
    }
}

/// No program outlives the run that started it.
#[test]
#[cfg(target_os = "linux")]
fn programs_end_with_their_run() {
    if !python() {
        return;
    }
    let place = Place::new();
    bring(&place, &["paillier.py", "faulty.py"]);
    let schemes = "[[scheme]]\ncommand = [\"./faulty.py\"]\nfault = \"hang\"\n";
    place.write("e.toml", experiment(WINE, TASK, &format!("{schemes}{RUN}")));
    let folder = place.path("").canonicalize().unwrap();
    let alive = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let here = processes.filter(|p| {
            let name = fs::read(p.path().join("cmdline")).unwrap_or_default();
            let there = fs::read_link(p.path().join("cwd")).is_ok_and(|cwd| cwd == folder);
            there && String::from_utf8_lossy(&name).contains("faulty.py")
        });
        here.count()
    };
    let until = |done: &dyn Fn() -> bool| {
        let began = std::time::Instant::now();
        while !done() {
            assert!(began.elapsed().as_secs() < 60, "{} processes", alive());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    let mut run = place.program(["run", "e.toml"]);
    run.stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut run = run.spawn().unwrap();
    // Client and server.
    until(&|| alive() >= 2);
    run.kill().unwrap();
    run.wait().unwrap();
    until(&|| alive() == 0);
}
