//! Files that cannot be run: each error names the file, the line, what was found, what was
//! expected and what to do.

use super::{ABOUT, DATA, SCHEME, TASK, parse, refused, sound};
use crate::Experiment;

/// What is wrong, and words of the error.
const BAD: &[(&str, &[&str])] = &[
    (
        "[run]\nsead = 1\n",
        &["e.toml:12", "unknown key `sead`", "did you mean `seed`"],
    ),
    (
        "[run]\nthreads = \"2\"\n",
        &["e.toml:12", "found \"2\"", "a whole number"],
    ),
    (
        "[run]\nthreads = 2.0\n",
        &["e.toml:12", "found 2.0", "a whole number"],
    ),
    ("[run]\nthreads = 0\n", &["e.toml:12", "found 0", "from 1"]),
    (
        "[run]\nthreads = -1\n",
        &["e.toml:12", "found -1", "from 1"],
    ),
    (
        "[run]\nrepetitions = 0\n",
        &["e.toml:12", "found 0", "from 1"],
    ),
    ("[run]\nwarmup = -1\n", &["e.toml:12", "found -1", "from 0"]),
    ("[run]\nseed = -1\n", &["e.toml:12", "found -1", "from 0"]),
    (
        "[run]\ninsecure = 1\n",
        &["e.toml:12", "found 1", "true or false"],
    ),
    (
        "[run]\ntime_limit = \"0s\"\n",
        &["e.toml:12", "\"0s\"", "expected a time"],
    ),
    (
        "[run]\ntime_limit = \"-5m\"\n",
        &["e.toml:12", "\"-5m\"", "expected a time"],
    ),
    (
        "[run]\nmemory_limit = \"0GiB\"\n",
        &["e.toml:12", "\"0GiB\"", "expected a size"],
    ),
    (
        "[run]\nmemory_limit = \"1B\"\n",
        &["e.toml:12", "\"1B\"", "of 32MiB or more"],
    ),
    (
        "[run]\nmemory_limit = \"31MiB\"\n",
        &["e.toml:12", "\"31MiB\"", "of 32MiB or more"],
    ),
    (
        "[run]\nsecurity_bits = 80\n",
        &["e.toml:12", "found 80", "expected 128", "insecure = true"],
    ),
    (
        "[run]\nsecurity_bits = 112\n",
        &["e.toml:12", "found 112", "expected 128"],
    ),
    (
        "[run]\nsecurity_bits = -128\n",
        &["e.toml:12", "found -128"],
    ),
    (
        "[run]\nseed = 1\nseed = 2\n",
        &["e.toml:13", "not TOML", "duplicate key: found `seed`"],
    ),
    ("[run\n", &["e.toml:11", "not TOML"]),
    ("[run]\nseed = \n", &["e.toml:12", "not TOML"]),
    ("[run]\ntime_limit = 5m\n", &["e.toml:12", "not TOML"]),
    ("[run]\ntime_limit = \"5m\n", &["e.toml:12", "not TOML"]),
    (
        "[[scheme]]\nuse = \"try-wyde\"\n",
        &["e.toml:12", "did you mean \"try-wide\""],
    ),
    (
        "[[scheme]]\nuse = 3\n",
        &["e.toml:12", "found 3", "expected a name"],
    ),
    (
        "[[scheme]]\nuse = \"try-narrow\"\nlabel = \" \"\n",
        &["e.toml:13", "`label`", "expected a name"],
    ),
    (
        "[[scheme]]\nuse = \"try-narrow\"\ndegree = -3\n",
        &["e.toml:13", "found -3", "from 1"],
    ),
    (
        "[matrix]\n\"task.features\" = []\n",
        &["e.toml:12", "found []", "expected a list"],
    ),
    (
        "[matrix]\n\"task.features\" = [-1]\n",
        &["e.toml:12", "found -1", "from 1"],
    ),
    (
        "[matrix]\n\"run.threads\" = [0]\n",
        &["e.toml:12", "found 0", "from 1"],
    ),
    (
        "[matrix]\n\"task.features\" = [1, \"2\"]\n",
        &["e.toml:12", "found \"2\""],
    ),
    (
        "[matrix]\n\"task.features\" = [[1]]\n",
        &["e.toml:12", "found [1]"],
    ),
    (
        "[expect]\nauc = { min = inf }\n",
        &["e.toml:12", "found inf", "a number"],
    ),
    (
        "[expect]\nauc = { minimum = 1 }\n",
        &[
            "e.toml:12",
            "found the bound `minimum`",
            "did you mean `min`",
        ],
    ),
    (
        "[expect]\nauc = { min = 1, most = \"2\" }\n",
        &["e.toml:12", "found the bound `most`", "`max`"],
    ),
    (
        "[expect.try-wide]\nauc = { maximum = 1 }\n",
        &[
            "e.toml:12",
            "found the bound `maximum`",
            "did you mean `max`",
        ],
    ),
    (
        "[expect.try-wyde]\nstatus = \"refused\"\n",
        &[
            "e.toml:11",
            "names no scheme's label: `try-wyde`",
            "mean `try-wide`",
        ],
    ),
    (
        "[expect]\nstatus = 1\n",
        &["e.toml:12", "found 1", "expected ok"],
    ),
    ("expect = 3\n", &["e.toml:11", "unknown key `expect`"]),
];

#[test]
fn every_bad_experiment_is_an_error() {
    for (more, words) in BAD {
        refused(&sound(more), words);
    }
}

#[test]
fn options_that_contradict_each_other_are_errors() {
    let with = |data: &str| [ABOUT, "[dataset]\n", data, TASK, SCHEME].concat();
    let both = "use = \"diabetes\"\npath = \"x.csv\"\n";
    refused(
        &with(both),
        &["e.toml:7", "both `use` and `path`", "keep `use`"],
    );
    let both = "path = \"x.csv\"\nlabels = [\"a\", \"b\"]\ndrop_columns = [\"b\"]\n";
    refused(
        &with(both),
        &["e.toml:7", "\"b\"", "`labels` and `drop_columns`"],
    );
    refused(
        &with("use = \"diabetes\"\nlimit = -1\n"),
        &["e.toml:7", "found -1"],
    );
    refused(
        &with("use = \"diabetes\"\nbalance = \"yes\"\n"),
        &["e.toml:7", "found \"yes\""],
    );
    refused(
        &with("use = \"\"\n"),
        &["e.toml:6", "there is no data set ``"],
    );
}

#[test]
fn a_matrix_has_bounds() {
    let list = |n: usize| {
        (1..=n)
            .map(|i| i.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let grid = |limits: usize, seeds: usize| {
        let (limits, seeds) = (list(limits), list(seeds));
        sound(&format!(
            "[matrix]\n\"dataset.limit\" = [{limits}]\n\"run.seed\" = [{seeds}]\n"
        ))
    };
    let cells = parse(&grid(50, 100)).cells().to_vec();
    assert_eq!(cells.len(), 5000);
    let ids: std::collections::BTreeSet<_> = cells.iter().map(|c| &c.cell.id).collect();
    assert_eq!(ids.len(), 5000, "cells of one name could not be told apart");
    let words = ["e.toml:11", "found 10100 cells", "at most 10000"];
    refused(&grid(101, 100), &words);
}

/// Of thousands of mistakes the first are told, in the order of the file, and how many more there are.
#[test]
fn mistakes_of_one_kind_are_counted() {
    #[track_caller]
    fn check(more: &str, told: usize, last: &str) {
        let file = std::path::Path::new("e.toml");
        let complaints = Experiment::parse(&sound(more), file).unwrap_err().0;
        let lines: Vec<_> = complaints.iter().map(|c| c.line).collect();
        assert!(lines.is_sorted(), "{lines:?}");
        assert_eq!(complaints.len(), told);
        let said = complaints[told - 1].to_string();
        assert!(said.starts_with(last), "{said}");
    }
    let many = |count: usize, line: fn(usize) -> String| (0..count).map(line).collect::<String>();
    let run = |count| format!("[run]\n{}", many(count, |i| format!("k{i} = 1\n")));
    check(&run(10), 10, "e.toml:21: unknown key `k9`");
    check(&run(11), 11, "e.toml:22: and 1 more of the kind");
    check(&run(40_000), 11, "e.toml:22: and 39990 more of the kind");
    // Those of each scheme are of one kind, too.
    let schemes = many(100, |_| {
        format!("[[scheme]]\nuse = \"try-narrow\"\n{}", "x = 1\n")
    });
    check(&schemes, 11, "e.toml:");
    let list = format!("[matrix]\n\"run.seed\" = [{}]\n", "-1, ".repeat(10_000));
    check(&list, 11, "e.toml:12: and 9990 more of the kind");
}

#[test]
fn files_that_are_no_experiments_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let latin = sound("").replace("\"q\"", "\"\u{e9}\"");
    let latin: Vec<u8> = latin.chars().map(|c| c as u8).collect();
    let table = [
        (
            folder.path().to_owned(),
            &["cannot be read", "expected a text file"][..],
        ),
        (
            folder.path().join("gone.toml"),
            &["gone.toml", "cannot be read"],
        ),
        (
            write("empty.toml", b""),
            &["empty.toml", "there is no [experiment]"],
        ),
        (
            write("latin.toml", &latin),
            &["latin.toml:3:", "expected UTF-8"],
        ),
        (
            write("table.toml", b"a,b\n1,2\n"),
            &["table.toml:1:", "not TOML"],
        ),
    ];
    for (path, words) in table {
        let problem = Experiment::load(&path).unwrap_err().to_string();
        for word in words.iter().chain(&["help:"]) {
            assert!(problem.contains(word), "lacks {word:?}: {problem}");
        }
    }
    let marked = [b"\xEF\xBB\xBF", sound("").replace('\n', "\r\n").as_bytes()].concat();
    Experiment::load(&write("marked.toml", &marked)).unwrap();
}

/// No text at all makes it panic; found by cutting a sound one, and by taking lines out.
#[test]
fn damaged_experiments_never_panic() {
    let text = sound(
        "degree = 3\n[matrix]\n\"task.features\" = [1, 2]\n[run]\nseed = 0x1_0\n[expect]\nauc = { min = 0.5 }\n",
    );
    parse(&text);
    let file = std::path::Path::new("e.toml");
    for at in 0..text.len() {
        let _ = Experiment::parse(&text[..at], file);
        for c in ["\"", "[", "=", "\n", "{", "9", "-"] {
            let damaged = format!("{}{c}{}", &text[..at], &text[at + 1..]);
            let _ = Experiment::parse(&damaged, file);
        }
    }
    let lines: Vec<&str> = text.lines().collect();
    for skip in 0..lines.len() {
        let kept = lines.iter().enumerate().filter(|(i, _)| *i != skip);
        let kept: Vec<&str> = kept.map(|(_, line)| *line).collect();
        let _ = Experiment::parse(&kept.join("\n"), file);
    }
}

/// What decides a run is in its resolved form, from which its fingerprint is made.
#[test]
fn the_resolved_experiment_holds_the_manifests() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("datasets")).unwrap();
    let file = folder.path().join("e.toml");
    std::fs::write(
        &file,
        [ABOUT, "[dataset]\nuse = \"mine\"\n", TASK, SCHEME].concat(),
    )
    .unwrap();
    let resolved = |threshold: &str| {
        let manifest = format!(
            "title = \"t\"\nsource = \"s\"\nlicence = \"l\"\nfile = \"x.csv\"\ntarget_above = {threshold}\n"
        );
        std::fs::write(folder.path().join("datasets/mine.toml"), manifest).unwrap();
        Experiment::load(&file)
            .unwrap_or_else(|e| panic!("{e}"))
            .resolved()
    };
    let (six, seven) = (resolved("6.0"), resolved("7.0"));
    assert_eq!(six["manifests"]["mine"]["target_above"], 6.0);
    assert_ne!(six, seven);
    let varied = parse(&sound(
        "[matrix]\n\"dataset.use\" = [\"diabetes\", \"iris-virginica\"]\n",
    ));
    let manifests = &varied.resolved()["manifests"];
    for name in ["wine-quality", "diabetes", "iris-virginica"] {
        assert!(manifests[name].is_object(), "{name}: {manifests}");
    }
}

/// Schemes that are executables: what is wrong before anything is started. This process starts nothing.
#[test]
fn commands() {
    let with = |keys: &str| [ABOUT, DATA, TASK, "[[scheme]]\n", keys, "\n"].concat();
    let form = "write it as `command = [\"./my-scheme\", \"--flag\"]`";
    for (keys, words) in [
        (
            "command = \"./x\"",
            &[
                "e.toml:10: `command` in [[scheme]]: found \"./x\", expected a list",
                form,
            ][..],
        ),
        (
            "command = [\"./x\", 1]",
            &[
                "`command` in [[scheme]]: found [\"./x\", 1], expected a list",
                form,
            ],
        ),
        (
            "command = [\"./x\"]\nuse = \"try-wide\"",
            &["e.toml:11: [[scheme]]: found `use` and `command`, expected one of them"],
        ),
        (
            "command = [\"./x\"]\nname = \"My Scheme\"",
            &["e.toml:11: `name` in [[scheme]]: found \"My Scheme\", expected lower-case letters"],
        ),
        (
            "command = [\"./x\"]",
            &[
                "`command = [\"./x\"]` in [[scheme]]: this process starts no programs",
                "by `use`",
            ],
        ),
        (
            "use = \"try-wide\"\nname = \"x\"",
            &["unknown key `name` in [[scheme]]"],
        ),
    ] {
        refused(&with(keys), words);
    }
    let schema = crate::json_schema();
    let schemes = schema["properties"]["scheme"]["items"]["oneOf"]
        .as_array()
        .unwrap();
    let commands = schemes
        .iter()
        .filter(|s| s["required"] == serde_json::json!(["command"]));
    assert_eq!(commands.count(), 1);
}
