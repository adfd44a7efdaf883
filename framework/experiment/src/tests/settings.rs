//! Settings of a command line: as if they stood in the file.

use std::path::Path;

use super::{ABOUT, DATA, SCHEME, TASK, parse, sound};
use crate::{Experiment, Setting};

fn settings(given: &[&str]) -> Vec<Setting> {
    given
        .iter()
        .map(|text| Setting::parse(text).unwrap_or_else(|e| panic!("{e}")))
        .collect()
}

/// A text with settings is the experiment that `expect` is, and so is the text that it keeps.
#[track_caller]
fn same(text: &str, given: &[&str], expect: &str) {
    let file = Path::new("dir/e.toml");
    let found = Experiment::parse_with(text, file, &settings(given));
    let found = found.unwrap_or_else(|e| panic!("{given:?}: {e}"));
    let expected = parse(expect);
    assert_eq!(found.resolved(), expected.resolved(), "{}", found.text());
    assert_eq!(found.cells(), expected.cells());
    assert_eq!(found.expectations(), expected.expectations());
    let kept = parse(found.text());
    assert_eq!(kept.resolved(), expected.resolved(), "{}", found.text());
    // Comments and what was not set stay.
    for line in text.lines().filter(|line| line.contains('#')) {
        let comment = line.split_once('#').unwrap().1;
        assert!(found.text().contains(comment), "{}", found.text());
    }
}

#[test]
fn they_stand_wherever_the_file_has_room() {
    let run = |line: &str| sound(&format!("[run] # how\n{line}\n"));
    same(&sound(""), &["run.repetitions=3"], &run("repetitions = 3"));
    same(
        &sound("[run]"),
        &["run.repetitions=3"],
        &run("repetitions = 3"),
    );
    same(
        &run("warmup = 2\nrepetitions = 9 # many"),
        &["run.repetitions=3"],
        &run("warmup = 2\nrepetitions = 3"),
    );
    same(
        &run("seed = 4"),
        &["run.repetitions = 3", "run.threads=1"],
        &run("seed = 4\nrepetitions = 3\nthreads = 1"),
    );
    // A list over several lines, and what stands behind it.
    same(
        &sound("[matrix]\n\"task.features\" = [\n 3,\n 5,\n]\n[run]\nseed = 1\n"),
        &["matrix.task.features=[7]", "run.seed=2"],
        &sound("[matrix]\n\"task.features\" = [7]\n[run]\nseed = 2\n"),
    );
    // Tables in braces, by dotted keys, and one that only a header below it makes.
    for table in ["run = {}", "run = { warmup = 1 }", "run.warmup = 1"] {
        let text = format!("{table} # how\n{}", sound(""));
        same(&text, &["run.repetitions=3"], &run("repetitions = 3"));
    }
    same(
        &sound("[expect.try-wide]\nauc = { min = 0.5 }\n"),
        &["expect.auc={max=1}", "expect.try-wide.auc={min = 0.25}"],
        &sound("[expect.try-wide]\nauc = { min = 0.25 }\n[expect]\nauc = { max = 1 }\n"),
    );
    // Ends of lines as some systems write them.
    let windows = run("seed = 4").replace('\n', "\r\n");
    same(
        &windows,
        &["run.repetitions=3"],
        &run("seed = 4\nrepetitions = 3"),
    );
}

#[test]
fn values_need_no_second_quotes() {
    let with = |task: &str| [ABOUT, DATA, TASK, task, "\n", SCHEME].concat();
    for given in [
        "task.output=class",
        "task.output = \"class\"",
        "task.'output'='class'",
    ] {
        same(&sound(""), &[given], &with("output = \"class\""));
    }
    let run = |line: &str| sound(&format!("[run]\n{line}\n"));
    same(
        &sound(""),
        &["run.time_limit=90s"],
        &run("time_limit = \"90s\""),
    );
    same(&sound(""), &["run.insecure=true"], &run("insecure = true"));
    let about = sound("").replace("question = \"q\"", "question = \"a = b # \\\"c\\\"\"");
    same(&sound(""), &["experiment.question=a = b # \"c\""], &about);
    // No value brings a section of its own.
    let hostile = "x\"\n[run]\nseed = 5";
    let about = sound("").replace("\"q\"", "\"x\\\"\\n[run]\\nseed = 5\"");
    same(
        &sound(""),
        &[&format!("experiment.question={hostile}")],
        &about,
    );
}

#[test]
fn schemes_are_set_by_label_or_all() {
    let schemes = |wide: &str, narrow: &str| {
        let second = "[[scheme]]\nuse = \"try-narrow\"\nlabel = \"N 2\"\n";
        [ABOUT, DATA, TASK, SCHEME, wide, second, narrow].concat()
    };
    let both = "degree = 3\n";
    same(&schemes("", ""), &["scheme.degree=3"], &schemes(both, both));
    same(
        &schemes("", ""),
        &["scheme.\"N 2\".degree=3"],
        &schemes("", both),
    );
    same(
        &schemes(both, both),
        &["scheme.try-wide.degree=9", "scheme.'N 2'.degree=5"],
        &schemes("degree = 9\n", "degree = 5\n"),
    );
    let list = [
        "scheme = [{ use = \"try-wide\" }, { use = \"try-narrow\", label = \"N 2\" }]\n",
        ABOUT,
        DATA,
        TASK,
    ]
    .concat();
    same(&list, &["scheme.degree=3"], &schemes(both, both));
}

/// A text with settings is refused; each complaint names the setting, not a line, unless a line
/// of the file is to blame.
#[track_caller]
fn refused(text: &str, given: &[&str], place: &str, words: &[&str]) {
    let settings: Result<Vec<Setting>, _> = given.iter().map(|text| Setting::parse(text)).collect();
    let outcome = settings
        .map_err(Into::into)
        .and_then(|settings| Experiment::parse_with(text, Path::new("e.toml"), &settings));
    let complaints = outcome.unwrap_err();
    let first = &complaints.0[0];
    assert!(first.help.is_some(), "no help: {first}");
    assert!(first.to_string().starts_with(place), "{first}");
    for word in words {
        assert!(first.to_string().contains(word), "lacks {word:?}: {first}");
    }
}

#[test]
fn they_are_checked_as_the_file_is() {
    let text = &sound("[matrix]\n\"scheme.degree\" = [3, 5]\n");
    for (given, words) in [
        (
            "run.repetitions=0",
            "`repetitions` in [run]: found 0, expected a whole number from 1",
        ),
        ("run.repetitons=3", "did you mean `repetitions`?"),
        ("rum.seed=3", "unknown section [rum]"),
        ("task.output=clas", "did you mean \"class\"?"),
        ("task.use=no-such", "there is no task \"no-such\""),
        ("scheme.degre=3", "did you mean `degree`?"),
        (
            "scheme.wide.degree=3",
            "no scheme labelled `wide`\n  help: labels: try-wide",
        ),
        (
            "scheme.try-wide.degree=3",
            "[matrix] varies \"scheme.degree\"",
        ),
        ("scheme.a.b.c=3", "expected scheme.option=value"),
        (
            "matrix.scheme.degree=[3, 99]",
            "found 99, expected a whole number from 1 to 31",
        ),
        ("dataset.use=wine", "wine-quality"),
        (
            "dataset.test_fraction=1",
            "expected more than 0 and less than 1",
        ),
        ("run.security_bits=100", "expected 128 to 256"),
        ("expect.auc={mx=1}", "did you mean `max`?"),
        ("expect.no-such.auc={max=1}", "no scheme's label: `no-such`"),
        (
            "experiment.name=Two Words",
            "expected small letters, digits and hyphens",
        ),
        ("run={seed=3}", "expected a section and a key in it"),
        ("run.seed", "found no `=`"),
        ("run..seed=3", "found `run..seed` before `=`"),
        ("task.features.x=3", "found"),
    ] {
        refused(text, &[given], &format!("--set {given}: "), &[words]);
    }
    let varied = &sound("[matrix]\n\"task.features\" = [3]\n\"run.seed\" = [1]\n");
    for given in ["task.features=5", "run.seed=5"] {
        let key = given.split_once('=').unwrap().0;
        let help = format!("--set 'matrix.{key}=[5]'");
        refused(varied, &[given], &format!("--set {given}: "), &[&help]);
    }
    refused(
        &sound(""),
        &["run.seed=3", "run.seed=4"],
        "--set run.seed=4: ",
        &["was set before"],
    );
    // The file's own mistakes keep their lines, whatever was put above them.
    let wrong = sound("[run]\nseed = 1\nrepetitions = 0\n");
    refused(
        &wrong,
        &["run.threads=2", "dataset.limit=50"],
        "e.toml:13: ",
        &["found 0"],
    );
    refused("[run", &["run.threads=2"], "e.toml:1: ", &["not TOML"]);
}

#[test]
fn repetitions_have_a_flag_of_their_own() {
    let three = Setting::repetitions("3");
    let file = Path::new("e.toml");
    let found = Experiment::parse_with(&sound(""), file, std::slice::from_ref(&three)).unwrap();
    assert_eq!(found.run().repetitions, 3);
    assert_eq!(found.settings().collect::<Vec<_>>(), ["--repetitions 3"]);
    for (text, words) in [
        ("0", "found 0"),
        ("many", "found \"many\""),
        ("-1", "found -1"),
    ] {
        let wrong = [Setting::repetitions(text)];
        let complaints = Experiment::parse_with(&sound(""), file, &wrong).unwrap_err();
        let told = complaints.to_string();
        assert!(
            told.starts_with(&format!("--repetitions {text}: ")),
            "{told}"
        );
        assert!(told.contains(words), "{told}");
    }
    let twice = [three, settings(&["run.repetitions=4"]).remove(0)];
    Experiment::parse_with(&sound(""), file, &twice).unwrap_err();
}

#[test]
fn options_that_are_set_have_no_line() {
    let text = sound("[matrix]\n\"dataset.limit\" = [100]\n");
    let given = settings(&["task.features=5", "matrix.dataset.limit=[50]"]);
    let experiment = Experiment::parse_with(&text, Path::new("e.toml"), &given).unwrap();
    assert_eq!(experiment.line_of("task.features"), None);
    assert_eq!(
        experiment.place_of("task.features"),
        "--set task.features=5"
    );
    assert_eq!(
        experiment.place_of("dataset.limit"),
        "--set matrix.dataset.limit=[50]"
    );
    assert_eq!(experiment.place_of("task.use"), "e.toml:8");
    assert_eq!(experiment.line_of("task.use"), Some(8));
    assert_eq!(experiment.place_of("run.seed"), "e.toml");
}
