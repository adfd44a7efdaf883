//! Text of files that a terminal would obey: titles of windows, colours, directions, cleared screens.

use super::{OWN, SCHEME, TASK, WINE, good, refused};
use crate::harness::{Place, experiment, plain};

/// As TOML and JSON write it, and as it is shown: the title of a window, then a right-to-left override.
const TITLE: [&str; 2] = ["\\u001b]0;x\\u0007\\u202e", "\\u{1b}]0;x\\u{7}\\u{202e}"];

#[track_caller]
fn check(dataset: &str, task: &str, more: &str, words: &[&str]) {
    let place = Place::new();
    place.write("my.csv", good());
    place.write("e.toml", experiment(dataset, task, more));
    refused(&place, &[words, &[TITLE[1]]].concat());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of cases")]
fn names_and_values_of_an_experiment() {
    let title = TITLE[0];
    let after = |more: &str| format!("{SCHEME}\n{more}");
    check(&format!("use = \"{title}\""), TASK, SCHEME, &["e.toml:6:"]);
    check(&format!("path = \"{title}\""), TASK, SCHEME, &["e.toml:6:"]);
    check(
        &format!("{OWN}\ndelimiter = \"{title}\""),
        TASK,
        SCHEME,
        &["e.toml:8:"],
    );
    check(
        &format!("{OWN}\n\"{title}\" = 1"),
        TASK,
        SCHEME,
        &["unknown key"],
    );
    check(
        &format!("{OWN}\ndrop_columns = [\"{title}\"]"),
        TASK,
        SCHEME,
        &["no column"],
    );
    check(
        &format!("{OWN}\npositive = \"{title}\""),
        TASK,
        SCHEME,
        &["e.toml:8:"],
    );
    check(OWN, &format!("use = \"{title}\""), SCHEME, &["no task"]);
    check(
        OWN,
        &format!("{TASK}\nmodel = \"{title}\""),
        SCHEME,
        &["e.toml:10:"],
    );
    check(
        OWN,
        &format!("{TASK}\noutput = \"{title}\""),
        SCHEME,
        &["expected one of"],
    );
    check(
        OWN,
        TASK,
        &format!("[[scheme]]\nuse = \"{title}\""),
        &["no scheme"],
    );
    check(
        OWN,
        TASK,
        &after(&format!("label = \"{title}\"")),
        &["`label`"],
    );
    check(
        OWN,
        TASK,
        &after(&format!("[\"{title}\"]")),
        &["unknown section"],
    );
    check(
        OWN,
        TASK,
        &after(&format!("[run]\ntime_limit = \"{title}\"")),
        &["`time_limit`"],
    );
    check(
        OWN,
        TASK,
        &after(&format!("[matrix]\n\"{title}\" = [1]")),
        &["unknown key"],
    );
    check(
        OWN,
        TASK,
        &after(&format!(
            "[matrix]\n\"dataset.target\" = [\"y\", \"{title}\"]"
        )),
        &["e.toml:13:", "cell `plaintext/target=", "no column"],
    );
    check(
        OWN,
        TASK,
        &after(&format!("[expect]\nstatus = \"{title}\"")),
        &["`status`"],
    );
    check(
        OWN,
        TASK,
        &after(&format!("[expect]\n\"{title}\" = {{ min = 1 }}")),
        &["[expect]"],
    );
    check(
        OWN,
        TASK,
        &after(&format!("[expect.\"{title}\"]\nauc = {{ min = 1 }}")),
        &["label"],
    );
    let place = Place::new();
    let text = experiment(OWN, TASK, SCHEME).replace("trial", title);
    place.write("e.toml", text);
    refused(&place, &["e.toml:2:", "`name`", TITLE[1]]);
    // Manifests are files of the user's, too.
    let place = Place::new();
    let manifest = format!("title = \"t\"\nsource = \"s\"\nlicence = \"l\"\n\"{title}\" = 1");
    place.write("datasets/mine.toml", manifest);
    place.write("e.toml", experiment("use = \"mine\"", TASK, SCHEME));
    refused(&place, &["mine.toml:4:", TITLE[1]]);
}

/// What is raw in a file of data, or in its name.
#[test]
fn data() {
    let raw = "\u{1b}]0;x\u{7}\u{202e}";
    for (csv, words) in [
        (
            format!("{raw},b\n1,2\n"),
            &["my.csv:1:", "no column `y`", TITLE[1]][..],
        ),
        (
            format!("a,y\n{raw},1\n"),
            &["my.csv:2:", "expected a number", TITLE[1]],
        ),
        (
            format!("{raw},{raw},y\n1,2,0\n"),
            &["two columns called", TITLE[1]],
        ),
        (
            format!("{raw},y\n,0\n2,1\n"),
            &["my.csv:2:", "missing", TITLE[1]],
        ),
        (
            "\0\0\0\0".to_owned(),
            &["my.csv:1: found a byte of zero", "expected text"],
        ),
        (
            "a,y\n1,0\n\0,1\n".to_owned(),
            &["my.csv:3: found a byte of zero"],
        ),
    ] {
        let place = Place::new();
        place.write("my.csv", csv);
        place.write("e.toml", experiment(OWN, TASK, SCHEME));
        refused(&place, words);
    }
    let place = Place::new();
    place.write(&format!("{raw}.csv"), "a,y\n1,x\n");
    place.write(
        "e.toml",
        experiment(&OWN.replace("my", TITLE[0]), TASK, SCHEME),
    );
    refused(&place, &[".csv:2: column `y`", TITLE[1]]);
    let place = Place::new();
    place.write("model.json", format!("{{\"clip\":\"{}\"}}", TITLE[0]));
    let task = format!("{TASK}\nmodel = \"model.json\"");
    place.write("e.toml", experiment(WINE, &task, SCHEME));
    refused(&place, &["e.toml:9: `model` in [task]", TITLE[1]]);
}

/// What is right and is shown: by `check`, `explain`, the progress of a run, and its tables. A new line
/// in a text begins none that looks like ours.
#[test]
fn reports() {
    let place = Place::new();
    let title = TITLE[0];
    let csv = good().replace("a,b", "\u{1b}[31ma,\u{9b}b");
    place.write("my.csv", csv);
    let dataset = format!("{OWN}\nmissing_marker = \"{title}\"");
    let task = format!("{TASK}\nfeatures = 1");
    let more = format!(
        "{SCHEME}\n[matrix]\n\"dataset.missing_marker\" = [\"{title}\", \"9\\nerror: nothing\"]\n\
         [run]\nrepetitions = 1\nwarmup = 0"
    );
    let text = experiment(&dataset, &task, &more)
        .replace("Why?", &format!("Why{title}?\\nerror: nothing"))
        .replace("None.", &format!("None{title}.\\nerror: nothing"));
    place.write("e.toml", text);
    for verb in ["check", "explain", "run"] {
        let outcome = place.call(&[verb, "e.toml"]);
        outcome.ends_with(0).is_plain().says(&[TITLE[1]]);
        let lines = || outcome.out.lines().chain(outcome.err.lines());
        assert!(!lines().any(|line| line.starts_with("error")), "{outcome}");
    }
    let overview = place.call(&["overview", "--verbose", "runs/latest"]);
    overview.ends_with(0).is_plain();
    let run = place.latest();
    for file in [
        "table.md",
        "summary.csv",
        "../overview.md",
        "../overview.csv",
    ] {
        let text = run.read(file);
        plain(&text);
        let asks = file.ends_with("md");
        // Markdown may have the backslash and the bracket escaped once more.
        let escaped = TITLE[1].replace('\\', "\\\\").replace(']', "\\]");
        let told = text.contains(TITLE[1]) || text.contains(&escaped);
        assert!(!asks || told, "{file}: {text}");
    }
    // Of the page all but its scripts, which are vendored.
    let page = run.read("report.html");
    let (told, _) = page.split_once("<script>").unwrap();
    plain(told);
    assert!(told.contains(TITLE[1]), "{told}");
    // Records are for programs: they hold what was given.
    assert_eq!(
        run.records()[0]["question"],
        "Why\u{1b}]0;x\u{7}\u{202e}?\nerror: nothing"
    );
}
