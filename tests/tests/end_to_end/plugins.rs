//! Shared libraries that are no good: they are named, whatever they do, and no verb ends with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Outcome, Place, experiment, faulty_plugin, repository};

const WINE: &str = "use = \"wine-quality\"\nlimit = 200";
const TASK: &str = "use = \"logistic-regression\"";
const PLAIN: &str = "[[scheme]]\nuse = \"plaintext\"\n";

/// A library from C: `$CC` or `cc`, as for the schemes that are built in.
#[track_caller]
fn library(place: &Place, source: &str) -> PathBuf {
    let headers = ["signal", "stdio", "stdlib", "string", "unistd"];
    let includes = headers.map(|name| format!("#include <{name}.h>\n"));
    place.write("library.c", [&includes.concat(), source].concat());
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let library = place.path("library.so");
    let status = Command::new(&compiler)
        .arg("-I")
        .arg(repository().join("framework/plugin-abi/include"))
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &place.path("library.c")])
        .status()
        .unwrap_or_else(|e| panic!("{compiler}: {e}; install a C compiler or set CC"));
    assert!(status.success(), "{compiler}: {status}");
    library
}

/// Every verb says what is wrong with a library, by its name, and runs nothing.
#[track_caller]
fn unfit(place: &Place, library: &Path, verbs: &[&[&str]], words: &[&str]) {
    place.write("e.toml", experiment(WINE, TASK, PLAIN));
    for verb in verbs {
        let outcome = Outcome::of(place.program(*verb).env("HEXPERIMENT_PLUGINS", library));
        outcome.ends_with(2).does_not_panic();
        let named = format!("error: plugin {}", library.display());
        for word in words.iter().chain(&[named.as_str()]) {
            assert!(outcome.err.contains(word), "lacks {word:?}\n{outcome}");
        }
    }
    assert!(!place.path("runs").exists(), "something was run");
}

const VERBS: &[&[&str]] = &[&["check", "e.toml"], &["run", "e.toml"], &["list"]];

#[track_caller]
fn hostile(source: &str, verbs: &[&[&str]], words: &[&str]) {
    let place = Place::new();
    let library = library(&place, source);
    unfit(&place, &library, verbs, words);
}

/// A constructor that does something, in a library that is no plugin otherwise.
fn constructor(does: &str) -> String {
    format!("__attribute__((constructor)) static void begin(void) {{ {does} }}\n")
}

#[test]
fn libraries_that_end_the_process_that_loads_them() {
    let before = "before it had said what it is";
    for (does, words) in [
        ("abort();", "aborted (signal 6"),
        (
            "volatile int *nowhere = (int *)8; *nowhere = 1;",
            "killed by signal 11",
        ),
        ("_exit(0);", "ended with code 0"),
        (
            "fputs(\"no licence\\n\", stderr); exit(3);",
            "ended with code 3: no licence, ",
        ),
        (
            "for (char *p; (p = malloc(1 << 28)); ) memset(p, 1, 1 << 12); exit(4);",
            "ended with code 4",
        ),
    ] {
        hostile(&constructor(does), VERBS, &[words, before, "help: "]);
    }
    // The same in the functions that are called to learn what it is.
    let entry = "const void *hexperiment_plugin(void) { abort(); }";
    hostile(entry, VERBS, &["aborted (signal 6", before]);
    // Version and size are the header's, and every function is there: the first that is called ends it.
    let manifest = "#include \"hexperiment.h\"\n\
         static HexperimentPlugin plugin;\n\
         static void leave(void) { _exit(0); }\n\
         const HexperimentPlugin *hexperiment_plugin(void) {\n\
             void (**function)(void) = (void (**)(void))&plugin.manifest;\n\
             while ((void *)function < (void *)(&plugin + 1)) *function++ = leave;\n\
             plugin.abi_version = HEXPERIMENT_ABI_VERSION;\n\
             plugin.struct_size = sizeof plugin;\n\
             return &plugin;\n\
         }";
    hostile(manifest, &[&["list"]], &["ended with code 0", before]);
}

/// Each waits for the limit, so both at once.
#[test]
fn libraries_that_never_end() {
    std::thread::scope(|scope| {
        for does in ["for (;;) pause();", "for (;;) puts(\"still there\");"] {
            scope.spawn(move || {
                let words = ["was still busy after 20s", "before it had said what it is"];
                hostile(&constructor(does), &[&["list"]], &words);
            });
        }
    });
}

#[test]
fn libraries_that_talk() {
    // What it prints without the end of a line is before the answer, and no part of it.
    let place = Place::new();
    let talks = library(
        &place,
        &constructor("fputs(\"{\", stdout); fflush(stdout);"),
    );
    unfit(
        &place,
        &talks,
        &[&["list"]],
        &["exports no function `hexperiment_plugin`"],
    );
}

#[test]
fn files_that_are_no_libraries() {
    let place = Place::new();
    place.write("text.so", "not a library");
    let text = fs::canonicalize(place.path("text.so")).unwrap();
    unfit(
        &place,
        &text,
        VERBS,
        &["not a shared library for this machine"],
    );
    place.write("folder.so/x", "");
    let folder = fs::canonicalize(place.path("folder.so")).unwrap();
    unfit(&place, &folder, VERBS, &["found a folder, expected a file"]);
    let pipe = fs::canonicalize(place.path("")).unwrap().join("pipe.so");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    unfit(
        &place,
        &pipe,
        VERBS,
        &["found a pipe or a device, expected a file"],
    );
    let device = Path::new("/dev/zero");
    unfit(
        &place,
        device,
        VERBS,
        &["found a pipe or a device, expected a file"],
    );
}

/// A library of which a part was lost on its way: where its end is missing, memory is, too.
#[test]
fn libraries_that_are_cut_short() {
    let whole = fs::read(faulty_plugin()).unwrap();
    let place = Place::new();
    let cut = fs::canonicalize(place.path("")).unwrap().join("cut.so");
    let mut faults = 0;
    // What comes last in a file is for debuggers, and nobody misses it.
    for share in [1, 2, 3, 4] {
        fs::write(&cut, &whole[..whole.len() * share / 8]).unwrap();
        unfit(&place, &cut, &[&["list"]], &[]);
        let outcome = Outcome::of(place.program(["list"]).env("HEXPERIMENT_PLUGINS", &cut));
        faults += usize::from(outcome.err.contains("a bus error"));
    }
    assert!(faults > 0, "none of them was a fault");
}

/// A scheme that goes wrong while it is compiled is one cell's trouble, for `check` and `explain`
/// too.
#[test]
fn faults_of_a_scheme_do_not_end_a_check() {
    let cell = |label: &str, fault: &str| {
        format!(
            "[[scheme]]\nuse = \"faulty\"\nlabel = \"{label}\"\nfault = \"{fault}\"\nat = \"compile\"\n"
        )
    };
    let schemes = [
        &cell("dies", "abort"),
        PLAIN,
        &cell("leaves", "exit"),
        &cell("hangs", "sleep"),
        &cell("refuses", "refuse"),
        &cell("well", "none"),
        "[run]\ntime_limit = \"6s\"\n",
    ];
    let place = Place::new();
    place.write("e.toml", experiment(WINE, TASK, &schemes.concat()));
    let call = |verb: &str| {
        let mut program = place.program([verb, "e.toml"]);
        Outcome::of(program.env("HEXPERIMENT_PLUGINS", faulty_plugin()))
    };
    let outcome = call("check");
    outcome.ends_with(2).does_not_panic();
    for line in [
        "  dies: ends (crashed)",
        "  plaintext: fine; 60 samples",
        "  leaves: ends (crashed)",
        "  hangs: ends (timeout)",
        "  refuses: refuses; depth: it was told to refuse",
        "  well: fine; 60 samples",
    ] {
        assert!(outcome.out.contains(line), "lacks {line:?}\n{outcome}");
    }
    for line in [
        "error: dies: the process aborted (signal 6",
        "error: leaves: the process ended with code 3",
        "error: hangs: the cell was still busy after 6s",
    ] {
        assert!(outcome.err.contains(line), "lacks {line:?}\n{outcome}");
    }
    let outcome = call("explain");
    outcome
        .ends_with(2)
        .says(&["== well (", "== plaintext (", "error: dies: "]);
    let explained = outcome.out.matches("as the scheme evaluates it:").count();
    assert_eq!(explained, 2, "{outcome}");
}
