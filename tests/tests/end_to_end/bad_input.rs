//! Bad input: the program says in which file and on which line, what it found, what it expected
//! and what to do; it never panics, it says nothing that a terminal would obey, and it runs nothing.

mod data_options;
mod files;
mod foreign_text;
mod nonsense;
mod sizes;

use crate::harness::{Outcome, Place, experiment};

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

#[track_caller]
fn data(csv: impl AsRef<[u8]>, dataset: &str, words: &[&str]) {
    let place = Place::new();
    place.write("my.csv", csv);
    place.write("e.toml", experiment(dataset, TASK, SCHEME));
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
fn tables_that_cannot_be_read() {
    let csv = |rows: &str| format!("a,b,y\n{rows}");
    data(
        csv("1,2,0\n2,3,1\n3,1\n4,5,1\n"),
        OWN,
        &["my.csv:4:", "found 2 fields", "expected 3"],
    );
    data(
        csv("1,2,0\n2,tall,1\n"),
        OWN,
        &[
            "my.csv:3:",
            "column `b`",
            "found \"tall\"",
            "expected a number",
            "drop_columns",
        ],
    );
    for bad in ["NaN", "inf", "-infinity", "1e999"] {
        data(
            csv(&format!("1,2,0\n2,3,1\n3,{bad},1\n")),
            OWN,
            &[
                "my.csv:4:",
                "column `b`",
                &format!("found \"{bad}\""),
                "expected a finite number",
            ],
        );
    }
    data(
        "",
        OWN,
        &[
            "my.csv: the file is empty",
            "expected a line of column names",
        ],
    );
    data(" \n\n", OWN, &["my.csv: the file is empty"]);
    data(
        "a,b,y\n",
        OWN,
        &["my.csv:1:", "no rows", "expected at least two"],
    );
    data(
        "a,a,y\n1,2,0\n",
        OWN,
        &["my.csv:1:", "two columns called `a`"],
    );
    data(
        b"a,b,y\n1,2,0\n\xff\xfe,1,0\n",
        OWN,
        &["my.csv:3:", "not UTF-8"],
    );
    data(
        good(),
        "path = \"their.csv\"\ntarget = \"y\"",
        &[
            "e.toml:6: `path` in [dataset]: ",
            "their.csv: cannot be read",
            "expected a file",
            "check the path",
        ],
    );
    data(
        good(),
        "path = \".\"\ntarget = \"y\"",
        &["cannot be read", "expected a file"],
    );
}

#[test]
fn tables_that_do_not_fit() {
    data(
        good(),
        "path = \"my.csv\"\ntarget = \"yy\"",
        &[
            "my.csv:1:",
            "no column `yy`",
            "mean `y`?",
            "columns: a, b, y",
        ],
    );
    data(
        good(),
        "path = \"my.csv\"",
        &[
            "my.csv",
            "no target column",
            "expected one",
            "columns: a, b, y",
        ],
    );
    data(
        good(),
        "path = \"my.csv\"\ntarget = \"a\"",
        &[
            "e.toml",
            "my.csv",
            "target has the values",
            "expected 0 and 1",
        ],
    );
    let one_class = good().replace(",0\n", ",1\n");
    data(
        &one_class,
        OWN,
        &[
            "e.toml",
            "my.csv",
            "one class only",
            "each of its 14 targets is 1",
        ],
    );
    data(
        &one_class,
        &format!("{OWN}\nsplit = \"stratified\""),
        &["my.csv", "class"],
    );
    data(
        good(),
        &format!("{OWN}\ntest_fraction = 0.01"),
        &[
            "my.csv",
            "the test part has no rows",
            "expected at least one",
            "20 rows in all",
        ],
    );
    data(
        good(),
        &format!("{OWN}\nlimit = 1"),
        &["my.csv", "no rows", "expected at least one", "`limit`"],
    );
    data(
        good(),
        &format!("{OWN}\ndrop_columns = [\"a\", \"b\"]"),
        &["my.csv", "no numeric column", "expected at least one"],
    );
}

#[test]
fn gaps() {
    let gaps = "a,b,y\n1,,0\n2,,1\n3,,0\n4,NA,1\n5,,0\n6,,1\n7,,0\n8,,1\n";
    data(
        gaps,
        OWN,
        &[
            "my.csv:2:",
            "column `b`",
            "missing",
            "expected a number",
            "8 values",
            "\"median\"",
        ],
    );
    data(
        gaps,
        &format!("{OWN}\nmissing = \"drop-rows\""),
        &["my.csv: every row has a missing value", "\"median\""],
    );
    data(
        gaps,
        &format!("{OWN}\nmissing = \"median\""),
        &["my.csv", "column `b` has no value at all", "drop_columns"],
    );
    data(
        good().replace("7,4,0", "7,4,"),
        OWN,
        &["my.csv:8:", "target `y` is missing", "expected a number"],
    );
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
        &["the descent in clear diverges", "lower `learning_rate`"],
    );
}

const MANIFEST: &str = "title = \"t\"\nsource = \"s\"\nlicence = \"l\"\nfile = \"theirs.csv\"\n";

/// A manifest of the user's own, beside the experiment.
#[track_caller]
fn manifest(more: &str, words: &[&str]) {
    let place = Place::new();
    place.write("datasets/mine.toml", [MANIFEST, more].concat());
    place.write("e.toml", experiment("use = \"mine\"", TASK, SCHEME));
    place.write("cache/hexperiment/data/theirs.csv", good());
    refused(&place, words);
}

#[test]
fn data_sets_with_a_manifest() {
    manifest(
        "target = \"y\"\nsha256 = \"0123\"",
        &[
            "theirs.csv: wrong checksum",
            "SHA-256 is ",
            "expected 0123",
            "get it anew",
        ],
    );
    manifest("targe = \"y\"", &["mine.toml:5:", "targe"]);
    manifest(
        "builtin = \"linfa:iris\"",
        &["mine.toml: found both", "expected either"],
    );
    let place = Place::new();
    place.write("e.toml", experiment("use = \"framingham\"", TASK, SCHEME));
    refused(
        &place,
        &[
            "framingham.csv: ",
            "was not found",
            "looked at",
            "Source: http",
            "HEXPERIMENT_DATA",
        ],
    );
}

/// What the command line itself can be wrong in.
#[track_caller]
fn arguments(arguments: &[&str], words: &[&str]) -> Outcome {
    let place = Place::new();
    place.write("my.csv", good());
    place.write("e.toml", experiment(OWN, TASK, SCHEME));
    let outcome = place.call(arguments);
    outcome.ends_with(2).says(words).does_not_panic();
    assert!(!place.path("runs").exists(), "something was run");
    outcome
}

#[test]
fn command_lines() {
    arguments(&[], &["Usage"]);
    arguments(&["chekc", "e.toml"], &["'chekc'", "check"]);
    arguments(&["run"], &["<FILES>"]);
    arguments(&["run", "e.toml", "--resum"], &["--resum", "--resume"]);
    arguments(
        &["run", "e.toml", "--only", "paillier"],
        &["no cell `paillier`", "cells: plaintext"],
    );
    arguments(
        &["run", "e.toml", "--resume"],
        &[
            "runs: there is no run of `trial` to resume",
            "without --resume",
        ],
    );
    arguments(&["--plugin", "no.so", "run", "e.toml"], &["no.so"]);
    arguments(&["--plugin", "my.csv", "list"], &["my.csv"]);
    arguments(&["cell"], &["for the program's own use"]);
}

/// A user's own file or folder where the link to the newest run would be: it is named, it stays,
/// and nothing is run.
#[test]
fn what_stands_in_the_place_of_the_latest_run_stays() {
    for (file, found) in [
        (
            "runs/latest",
            "runs/latest: found a file, expected a link to the newest run",
        ),
        (
            "runs/latest/mine.txt",
            "runs/latest: found a folder, expected a link",
        ),
    ] {
        let place = Place::new();
        place.write("e.toml", experiment(WINE, TASK, SCHEME));
        place.write(file, "mine");
        let outcome = place.call(&["run", "e.toml"]);
        outcome
            .ends_with(2)
            .does_not_panic()
            .says(&[found, "help: ", "`--runs`"]);
        assert_eq!(std::fs::read_to_string(place.path(file)).unwrap(), "mine");
        let runs = std::fs::read_dir(place.path("runs")).unwrap().count();
        assert_eq!(runs, 1, "a run was begun");
    }
    // A link of ours that leads nowhere any more is no obstacle.
    let place = Place::new();
    place.write("e.toml", experiment(WINE, TASK, SCHEME));
    place.call(&["run", "e.toml"]).ends_with(0);
    std::fs::remove_dir_all(place.latest().0).unwrap();
    place.call(&["run", "e.toml"]).ends_with(0);
    assert_eq!(place.latest().row("plaintext")["status"], "ok");
}

#[test]
fn one_bad_file_does_not_hide_another() {
    let place = Place::new();
    place.write("bad.toml", "x = 1");
    place.write("e.toml", experiment(WINE, TASK, SCHEME));
    let outcome = place.call(&["run", "bad.toml", "e.toml"]);
    outcome.ends_with(2).says(&["bad.toml:1:"]).does_not_panic();
    assert_eq!(place.latest().row("plaintext")["status"], "ok");
}
