//! Bad input: the program says in which file and on which line, what it found, what it expected
//! and what to do; it never panics, it says nothing that a terminal would obey, and it runs nothing.

mod command_line;
mod data_options;
mod files;
mod foreign_text;
mod nonsense;
mod sizes;
mod tables;

use crate::harness::{Place, experiment};

const TASK: &str = "use = \"logistic-regression\"";
const SCHEME: &str = "[[scheme]]\nuse = \"plaintext\"";
const OWN: &str = "path = \"my.csv\"\ntarget = \"y\"";
const WINE: &str = "use = \"wine-quality\"";

/// A file of twenty rows in which nothing is wrong; row i is on line i + 1.
fn good() -> String {
    let row = |i: usize| format!("{i},{},{}\n", i * i % 5, usize::from(i.is_multiple_of(2)));
    let rows: String = (1..=20).map(row).collect();
    format!("a,b,y\n{rows}")
}

#[test]
fn nothing_is_wrong() {
    let place = Place::new();
    place.write("my.csv", good());
    place.write("e.toml", experiment(OWN, TASK, SCHEME));
    let outcome = place.call(&["check", "e.toml"]);
    outcome.ends_with(0).says(&["plaintext: fine; 6 samples"]);
}

/// Every verb refuses `e.toml` in the same words, each of `words` among them, and leave no run.
#[track_caller]
pub fn refused(place: &Place, words: &[&str]) {
    for verb in ["check", "explain", "run"] {
        let outcome = place.call(&[verb, "e.toml"]);
        outcome.ends_with(2).does_not_panic().is_plain();
        for word in words.iter().chain(&["error: ", "\n  help: "]) {
            assert!(outcome.err.contains(word), "lacks {word:?}\n{outcome}");
        }
    }
    assert!(!place.path("runs").exists(), "something was run");
}

/// A file whose keys of `[dataset]` begin on line 6; those of `[task]` come two lines behind their
/// last, `more` one behind the last of these.
#[track_caller]
fn file(dataset: &str, task: &str, more: &str, words: &[&str]) {
    let place = Place::new();
    place.write("my.csv", good());
    place.write("e.toml", experiment(dataset, task, more));
    refused(&place, words);
}

#[test]
fn experiment_files() {
    let with = |line: &str| format!("{OWN}\n{line}");
    file(
        &with("balanse = true"),
        TASK,
        SCHEME,
        &["e.toml:8:", "unknown key `balanse`", "mean `balance`?"],
    );
    file(
        &with("balance = 1"),
        TASK,
        SCHEME,
        &["e.toml:8:", "found 1", "expected true or false"],
    );
    file(
        &with("test_fraction = 1.5"),
        TASK,
        SCHEME,
        &["e.toml:8:", "found 1.5", "expected a number from 0 to 1"],
    );
    file(
        OWN,
        TASK,
        "[[scheme]]\nuse = \"seal-ckk\"",
        &[
            "e.toml:11:",
            "no scheme \"seal-ckk\"",
            "mean \"seal-ckks\"?",
        ],
    );
    file(
        OWN,
        "use = \"logistic\"",
        SCHEME,
        &[
            "e.toml:9:",
            "no task \"logistic\"",
            "mean \"logistic-regression\"?",
        ],
    );
    file(
        "use = \"framinghan\"",
        TASK,
        SCHEME,
        &[
            "e.toml:6:",
            "no data set `framinghan`",
            "mean `framingham`?",
        ],
    );
    file(
        WINE,
        "use = \"logistic-regression\"\noutput = \"logits\"",
        SCHEME,
        &[
            "e.toml:9:",
            "found \"logits\"",
            "expected one of",
            "mean \"logit\"?",
        ],
    );
}

#[test]
fn schemes_and_other_sections() {
    // An option that another scheme has.
    file(
        OWN,
        TASK,
        "[[scheme]]\nuse = \"plaintext\"\nmodulus_bits = 3072",
        &[
            "e.toml:12:",
            "unknown key `modulus_bits` in [[scheme]]",
            "known: use, label",
        ],
    );
    // Values of the right kind that no scheme can have: told before anything runs, not by a row.
    for (option, found, expected) in [
        (
            "use = \"paillier\"\nmodulus_bits = 3070",
            "`modulus_bits` in [[scheme]]: found 3070",
            "expected a multiple of 16, as 3072",
        ),
        (
            "use = \"seal-ckks\"\nmax_degrees = \"7,8\"",
            "`max_degrees` in [[scheme]]: found degree 8",
            "expected odd numbers from 3 to 63",
        ),
    ] {
        let scheme = format!("[[scheme]]\n{option}");
        file(OWN, TASK, &scheme, &["e.toml:12:", found, expected]);
    }
    file(
        OWN,
        TASK,
        &format!("{SCHEME}\n{SCHEME}"),
        &[
            "e.toml:13:",
            "two schemes are labelled \"plaintext\"",
            "`label`",
        ],
    );
    file(
        OWN,
        TASK,
        "",
        &["e.toml:", "there is no [[scheme]]", "schemes: "],
    );
    file(
        OWN,
        TASK,
        &format!("{SCHEME}\n[rum]\nseed = 1"),
        &["e.toml:12:", "unknown section [rum]", "mean [run]?"],
    );
    file(
        OWN,
        TASK,
        &format!("{SCHEME}\n[run]\ntime_limit = \"soon\""),
        &["e.toml:13:", "found \"soon\"", "expected a time", "\"90s\""],
    );
    file(
        OWN,
        TASK,
        &format!("{SCHEME}\n[expect.plaintxt]\nauc = {{ min = 0.5 }}"),
        &["names no scheme's label: `plaintxt`", "mean `plaintext`?"],
    );
    file(
        OWN,
        TASK,
        &format!("{SCHEME}\n[matrix]\n\"scheme.modulus_bits\" = [2048]"),
        &[
            "e.toml:13:",
            "unknown key \"scheme.modulus_bits\" in [matrix]",
        ],
    );
}

#[test]
fn every_mistake_of_a_file_is_told() {
    file(
        &format!("{OWN}\nbalance = 1"),
        "use = \"logistic-regression\"\noutput = 5",
        &format!("{SCHEME}\n[run]\nrepetitions = 0\nthreads = \"all\""),
        &[
            "e.toml:8:",
            "e.toml:11:",
            "e.toml:15:",
            "e.toml:16:",
            "found \"all\"",
        ],
    );
}

#[test]
fn contradictions() {
    file(
        &format!("{OWN}\n{WINE}"),
        TASK,
        SCHEME,
        &["e.toml:6:", "both `use` and `path`", "keep `use`"],
    );
    file(
        &format!("{OWN}\nlabels = [\"a\"]\ndrop_columns = [\"a\"]"),
        TASK,
        SCHEME,
        &["e.toml:8:", "\"a\"", "`labels` and `drop_columns`"],
    );
    for (one, other) in [("one_hot", "drop_columns"), ("one_hot", "labels")] {
        file(
            &format!("{OWN}\n{one} = [\"a\"]\n{other} = [\"a\"]"),
            TASK,
            SCHEME,
            &["e.toml:8:", "\"a\"", &format!("`{one}` and `{other}`")],
        );
    }
    file(
        WINE,
        "use = \"logistic-regression\"\nthreshold = 0.5\nalarm_rate = 0.1",
        SCHEME,
        &[
            "e.toml:9:",
            "`threshold = 0.5` and `alarm_rate = 0.1`",
            "give one",
        ],
    );
    file(
        WINE,
        "use = \"interpolation\"\nlayout = \"pairs\"\nsegments = 3",
        SCHEME,
        &["e.toml:10:", "`segments = 3` has no meaning"],
    );
    // The line of the matrix, where the value comes from.
    file(
        WINE,
        "use = \"interpolation\"\nlayout = \"pairs\"",
        &format!("{SCHEME}\n[matrix]\n\"task.segments\" = [0, 3]"),
        &["e.toml:13:", "`segments = 3` has no meaning"],
    );
    file(
        OWN,
        TASK,
        &format!("{SCHEME}\n[expect]\nauc = {{ min = 0.9, max = 0.1 }}"),
        &["e.toml:13:", "min = 0.9 is more than max = 0.1"],
    );
}

#[test]
fn less_than_128_bits() {
    file(
        WINE,
        TASK,
        &format!("{SCHEME}\n[run]\nsecurity_bits = 80"),
        &[
            "e.toml:12:",
            "found 80",
            "expected 128",
            "`insecure = true`",
        ],
    );
    file(
        WINE,
        TASK,
        &format!("{SCHEME}\n[matrix]\n\"run.security_bits\" = [80, 128]"),
        &["e.toml:12:", "less than 128 bits", "`insecure = true`"],
    );
}

#[test]
fn files_that_are_no_experiments() {
    for (contents, words) in [
        (
            &b"[experiment\nname = 1"[..],
            &["e.toml:1:", "not TOML"][..],
        ),
        (
            b"\x00\x9f\x92\x96\xff\xfe",
            &["e.toml:1:", "not text", "UTF-8"],
        ),
        (b"\x7fELF\x02\x01\x01\x00\x00", &["e.toml:1:", "not TOML"]),
        (b"", &["e.toml: there is no [experiment]", "README.md"]),
    ] {
        let place = Place::new();
        place.write("e.toml", contents);
        refused(&place, words);
    }
    let place = Place::new();
    refused(&place, &["e.toml: cannot be read", "expected a text file"]);
    std::fs::create_dir(place.path("e.toml")).unwrap();
    refused(&place, &["e.toml: cannot be read", "expected a text file"]);
}

#[test]
fn fleets() {
    let forest = "use = \"device-risk\"\nmodel = \"forest\"";
    let fleet = |devices: &str| format!("use = \"fleet\"\n{devices}");
    let bad = |dataset: &str, task: &str, words: &[&str]| file(dataset, task, SCHEME, words);
    let words = ["e.toml:7:", "found 0", "expected a whole number from 30"];
    bad(&fleet("devices = 0"), forest, &words);
    bad(
        &fleet("devices = 29"),
        forest,
        &["e.toml:7:", "found 29", "of its three classes"],
    );
    bad(
        &format!("{WINE}\ndevices = 50"),
        TASK,
        &[
            "e.toml:7: `devices` in [dataset]: wine-quality: ",
            "data that are made",
        ],
    );
    for (option, most) in [("trees", 100), ("depth", 8), ("bits", 8)] {
        for value in [0, most + 1] {
            let task = format!("{forest}\n{option} = {value}");
            let words = [
                "e.toml:11:",
                &format!("`{option}`"),
                &format!("found {value}"),
                &format!("from 1 to {most}"),
            ];
            bad(&fleet("devices = 60"), &task, &words);
        }
    }
    // Two devices cannot have three levels.
    bad(
        &fleet("test_fraction = 0.02"),
        forest,
        &["the test part has level", "take more devices"],
    );
    bad(
        WINE,
        "use = \"device-risk\"",
        &["no column of text `calibrated`", "`dates = []`"],
    );
}

#[test]
fn training() {
    let training =
        |line: &str| format!("use = \"logistic-regression\"\nmode = \"training\"\n{line}");
    let bad = |line: &str, words: &[&str]| file(WINE, &training(line), SCHEME, words);
    bad(
        "iterations = 0",
        &["e.toml:10:", "found 0", "from 1 to 1000"],
    );
    bad("degree = \"4\"", &["e.toml:10:", "found \"4\"", "\"3\""]);
    bad("folds = 1", &["`folds = 1`", "expected 0, or 2 or more"]);
    bad(
        "learning_rate = 90",
        &["the descent in the clear diverges", "lower `learning_rate`"],
    );
}
