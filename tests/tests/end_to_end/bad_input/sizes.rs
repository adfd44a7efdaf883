//! Files of thousands of mistakes: told are the first of each kind, and how many more there are.

use std::fmt::Write as _;

use super::{OWN, SCHEME, TASK, good, refused};
use crate::harness::{Place, experiment};

/// Each of `count` lines made by `line`.
fn many(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, i| {
        let _ = writeln!(text, "{}", line(i)); // writing to a string cannot fail
        text
    })
}

/// What stands behind the scheme's first table, from line 12 on, is refused, in few lines.
#[track_caller]
fn check(more: &str, words: &[&str]) {
    let place = Place::new();
    place.write("my.csv", good());
    place.write(
        "e.toml",
        experiment(OWN, TASK, &format!("{SCHEME}\n{more}")),
    );
    refused(&place, words);
    let said = place.call(&["check", "e.toml"]);
    let lines = said.err.lines().count();
    assert!(lines < 50, "{lines} lines:\n{said}");
}

#[test]
fn mistakes_of_one_kind_are_counted() {
    let more = "and 59990 more of the kind, from this line on";
    check(
        &many(60_000, |i| format!("[s{i}]")),
        &[
            "e.toml:12: unknown section [s0]",
            "[s9]",
            "e.toml:22: ",
            more,
        ],
    );
    check(
        &format!("[run]\n{}", many(60_000, |i| format!("k{i} = 1"))),
        &[
            "e.toml:13: unknown key `k0` in [run]",
            "`k9`",
            "e.toml:23: ",
            more,
        ],
    );
    check(
        &format!("[matrix]\n{}", many(60_000, |i| format!("\"k{i}\" = [1]"))),
        &[
            "e.toml:13: unknown key \"k0\" in [matrix]",
            "\"k9\"",
            "e.toml:23: ",
            more,
        ],
    );
    check(
        &format!(
            "[expect]\n{}",
            many(60_000, |i| format!("k{i} = {{ min = 1 }}"))
        ),
        &[
            "e.toml:13: ",
            "no metric: `k0`",
            "`k9`",
            "e.toml:23: ",
            more,
        ],
    );
    check(
        &format!(
            "[expect]\n{}",
            many(60_000, |i| format!("\"l {i}\" = {{ auc = {{}} }}"))
        ),
        &["e.toml:13: ", "label: `l 0`", "`l 9`", "e.toml:23: ", more],
    );
    // Mistakes of other kinds are told besides.
    check(
        &format!(
            "[run]\nseed = -1\n{}",
            many(60_000, |i| format!("[s{i}]\nx = 1\n[t{i}]"))
        ),
        &[
            "e.toml:13: `seed`",
            "found -1",
            "unknown section [s0]",
            "and 119990 more",
        ],
    );
}

#[test]
fn lists_are_measured_before_they_are_read() {
    let list = |count: usize, value: fn(usize) -> String| {
        format!(
            "[matrix]\n\"run.seed\" = [\n{}]",
            many(count, |i| value(i) + ",")
        )
    };
    check(
        &list(60_000, |i| i.to_string()),
        &["e.toml:12: [matrix]: found 60000 cells, expected at most 10000"],
    );
    check(&list(60_000, |_| "-1".into()), &["found 60000 cells"]);
    check(
        &list(9_000, |_| "-1".into()),
        &[
            "e.toml:14: ",
            "found -1",
            "e.toml:23: ",
            "e.toml:24: and 8990 more",
        ],
    );
    check(
        &list(9_000, |_| "7".into()),
        &["e.toml:15: ", "found 7 twice", "e.toml:25: and 8989 more"],
    );
    check(
        &many(60_000, |_| SCHEME.to_owned()),
        &["found 60001 tables [[scheme]], expected at most 10000"],
    );
    check(
        &many(9_000, |_| "[[scheme]]\nuse = \"nosuch\"".to_owned()),
        &["e.toml:13: there is no scheme \"nosuch\"", "and 8990 more"],
    );
}

/// A value of any length is quoted by its beginning.
#[test]
fn long_values_are_cut() {
    let long = "x".repeat(100_000);
    let beginning = format!("{}\"…", "x".repeat(40));
    for more in [
        format!("[run]\ntime_limit = \"{long}\""),
        format!("[run]\nmemory_limit = \"{long}\""),
        format!("[run]\nthreads = \"{long}\""),
        format!("[expect]\nstatus = \"{long}\""),
        format!("[[scheme]]\nuse = \"plaintext\"\nlabel = \"{long}\""),
    ] {
        check(&more, &["e.toml:1", &beginning]);
    }
    for more in [
        format!("[{long}]"),
        format!("[run]\n{long} = 1"),
        format!("[matrix]\n{long} = [1]"),
        format!("[expect]\n{long} = {{ min = 1 }}"),
        format!("[expect]\n{long} = {{ auc = {{}} }}"),
        format!("[run]\nseed = {}", "9".repeat(100_000)),
        format!("[[scheme]]\nuse = \"{long}\""),
        format!("[run]\nthreads = [{}]", "7, ".repeat(50_000)),
    ] {
        check(&more, &["e.toml:1", "…"]);
    }
    // A table may have as many columns as it likes; their names are told up to some.
    let names: Vec<String> = (0..60_000).map(|i| format!("c{i}")).collect();
    let place = Place::new();
    place.write(
        "my.csv",
        format!("{}\n{}1\n", names.join(","), "1,".repeat(59_999)),
    );
    place.write("e.toml", experiment(OWN, TASK, SCHEME));
    refused(&place, &["no column `y`", "c18, c19 and 59980 more"]);
}
