//! What can be read and makes no sense, and messages that once spoke of something else.

use super::tables::data;
use super::{OWN, SCHEME, TASK, WINE, file, good, refused};
use crate::harness::{Place, experiment};

/// What is wrong of the keys of `[dataset]`, `[task]` and what follows, and words of the message.
const BAD: &[([&str; 3], &[&str])] = &[
    (
        [WINE, "clip = 1e-300", ""],
        &[
            "e.toml:9: `clip`",
            "found 1e-300, expected 0, or a number from 0.5 to 1000000",
        ],
    ),
    (
        [WINE, "mode = \"training\"\nsigmoid_range = 1e-300", ""],
        &[
            "e.toml:10: `sigmoid_range`",
            "expected 0, or a number from 0.5",
        ],
    ),
    (
        ["use = \"wine-quality\"\ndelimiter = \";\"", "", ""],
        &[
            "e.toml:7: `delimiter` in [dataset]: wine-quality: ",
            "for files only",
        ],
    ),
    (
        ["use = \"wine-quality\"\nmissing_marker = \"7\"", "", ""],
        &[
            "e.toml:7: `missing_marker` in [dataset]: wine-quality: ",
            "for files only",
        ],
    ),
    (
        [
            "path = \"my.csv\"\ntarget = \"y\"\ndrop_columns = [\"a\", \"a\"]",
            "",
            "",
        ],
        &[
            "e.toml:8: `drop_columns`",
            "found \"a\" twice",
            "leave one of them out",
        ],
    ),
    (
        [
            "path = \"my.csv\"\ntarget = \"y\"\nlabels = [\"a\", \"a\"]",
            "",
            "",
        ],
        &["e.toml:8: `labels`", "found \"a\" twice"],
    ),
    (
        [
            "path = \"my.csv\"\ntarget = \"y\"\ndelimiter = \"1\"",
            "",
            "",
        ],
        &[
            "e.toml:8: `delimiter`",
            "found \"1\"",
            "no part of a number",
        ],
    ),
    (
        [OWN, "", "[run]\nmemory_limit = \"1B\""],
        &[
            "`memory_limit`",
            "found \"1B\", expected a size of 32MiB or more",
        ],
    ),
    (
        [OWN, "", "[run]\nseed = 1\nthreads = 1\nseed = 2"],
        &[
            "e.toml:16: not TOML: duplicate key: found `seed`",
            "each key once",
        ],
    ),
    (
        [OWN, "", "[expect]\nauc = { minimum = 1 }"],
        &[
            "expectation `auc`: found the bound `minimum`, expected `min`",
            "mean `min`?",
        ],
    ),
    (
        [OWN, "", "[expect]\nauc = { min = 0, upper = \"1\" }"],
        &["expectation `auc`: found the bound `upper`, expected `min`"],
    ),
    (
        [OWN, "", "[expect.ckks]\nauc = 0.5"],
        &["names no scheme's label: `ckks`"],
    ),
    (
        ["path = \"\"\ntarget = \"y\"", "", ""],
        &["e.toml:6: `path` in [dataset]: found \"\", expected the path"],
    ),
];

#[test]
fn every_nonsense_is_refused() {
    for ([dataset, task, more], words) in BAD {
        file(
            dataset,
            &format!("{TASK}\n{task}"),
            &format!("{SCHEME}\n{more}"),
            words,
        );
    }
}

/// One thing is said about one mistake.
#[test]
fn a_wrong_name_of_data_is_not_a_missing_one() {
    let place = Place::new();
    for key in ["use", "path"] {
        place.write("e.toml", experiment(&format!("{key} = 3"), TASK, SCHEME));
        let expected = format!("e.toml:6: `{key}` in [dataset]: found 3, expected a string");
        refused(&place, &[&expected]);
        let said = place.call(&["check", "e.toml"]);
        assert!(!said.err.contains("neither"), "{said}");
    }
}

#[test]
fn deep_keys_have_a_line() {
    let deep = format!("\n\n[{}x]", "x.".repeat(200));
    file(
        OWN,
        TASK,
        &format!("{SCHEME}{deep}"),
        &["e.toml:13: not TOML: recursion limit"],
    );
}

#[test]
fn long_names_are_refused_before_the_run() {
    for name in ["n".repeat(101), "n".repeat(300)] {
        let place = Place::new();
        place.write("my.csv", good());
        place.write(
            "e.toml",
            experiment(OWN, TASK, SCHEME).replace("trial", &name),
        );
        let found = format!("of {} characters", name.len());
        refused(&place, &["e.toml:2: `name`", &found, "100 at most"]);
    }
    let place = Place::new();
    place.write("my.csv", good());
    let settings = format!("{SCHEME}\n[run]\nrepetitions = 1\nwarmup = 0");
    let text = experiment(OWN, TASK, &settings).replace("trial", &"n".repeat(100));
    place.write("e.toml", text);
    place.call(&["run", "e.toml"]).ends_with(0);
}

#[test]
fn files_of_another_format_are_called_by_it() {
    let gif = b"GIF89a\x10\0\x10\0\x80\0\0\xff\xff\xff";
    for (name, bytes, words) in [
        ("my.gif", &gif[..], ["found a GIF image", "PNG or JPEG"]),
        (
            "my.csv",
            b"PK\x03\x04\x14\0",
            ["found a ZIP archive", "as CSV"],
        ),
        (
            "my.csv",
            b"\x1f\x8b\x08\0",
            ["found a file compressed by gzip", "as CSV"],
        ),
        (
            "my.csv",
            b"a\0,\0y\0\n\0",
            ["my.csv:1: found a byte of zero", "UTF-8"],
        ),
    ] {
        let place = Place::new();
        place.write(name, bytes);
        let dataset = format!("path = \"{name}\"\ntarget = \"y\"");
        place.write("e.toml", experiment(&dataset, TASK, SCHEME));
        refused(&place, &[&[name][..], &words].concat());
    }
}

/// Programs write their largest number where a value is missing.
#[test]
fn numbers_beyond_all_measure_are_told_by_line_and_column() {
    let rows = |value: &str| good().replace("\n7,4,0\n", &format!("\n{value}\n"));
    for (row, column, found) in [
        ("1e308,4,0", "a", "1e308"),
        ("7,-1e308,0", "b", "-1e308"),
        ("7,4,1e307", "y", "1e307"),
        ("7,4,1.1e75", "y", "1.1e75"),
    ] {
        let found = format!("found \"{found}\", expected a number of at most 1e75 in magnitude");
        data(
            rows(row),
            OWN,
            &["my.csv:8: ", &format!("column `{column}`"), &found],
        );
    }
    let lines: Vec<String> = (1..=20).map(|i| format!("{i}e307,1,{}\n", i % 2)).collect();
    let all = lines.concat();
    data(
        format!("a,b,y\n{all}"),
        OWN,
        &[
            "my.csv:2: column `a`",
            "; likewise on 19 other lines: 3, 4, 5, 6, 7, …",
            "`missing_marker`",
        ],
    );
}

/// What is wrong in many rows is told once for each column.
#[test]
fn faults_are_grouped_by_column() {
    let row = |i: usize| match i % 2 {
        0 => format!("?,{i},{i},0\n"),
        _ => format!("{i},?,{i},1\n"),
    };
    let rows: String = (0..40).map(row).collect();
    let words = [
        "my.csv:2: column `a`: found \"?\", expected a number such as 3 or 2.5; likewise on 19 other \
         lines: 4, 6, 8, 10, 12, …",
        "my.csv:3: column `b`: found \"?\"",
    ];
    let csv = format!("a,b,c,y\n{rows}");
    data(&csv, OWN, &words);
    data(
        csv.replace('?', ""),
        OWN,
        &[
            "my.csv:2: column `a`: the value is missing",
            "40 values are missing in all: 20 of `a`, 20 of `b`",
        ],
    );
    let lines: Vec<String> = (0..40).map(|i| format!("{i},0\n")).collect();
    let ragged = lines.concat();
    data(
        format!("a,b,y\n1,2,0\n{ragged}1,2,x\n"),
        OWN,
        &[
            "my.csv:3: found 2 fields, expected 3",
            "39 other lines",
            "my.csv:43: column `y`",
        ],
    );
}

#[test]
fn columns_without_a_name() {
    let numbered: String = good()
        .lines()
        .enumerate()
        .fold(String::new(), |text, (i, line)| {
            let number = if i == 0 { String::new() } else { i.to_string() };
            text + &format!("{number},{line}\n")
        });
    data(
        &numbered,
        OWN,
        &["my.csv:1: column 1 has no name", "`drop_columns = [\"\"]`"],
    );
    let place = Place::new();
    place.write("my.csv", &numbered);
    let dataset = format!("{OWN}\ndrop_columns = [\"\"]");
    place.write("e.toml", experiment(&dataset, TASK, SCHEME));
    place.call(&["check", "e.toml"]).ends_with(0);
    // What is not there cannot be left out.
    file(
        &dataset,
        TASK,
        SCHEME,
        &["e.toml:8: `drop_columns` in [dataset]: my.csv:1: "],
    );
}

#[test]
fn cells_of_one_name() {
    let schemes = "[[scheme]]\nuse = \"seal-ckks\"\n[[scheme]]\nuse = \"plaintext\"\n\
                   label = \"seal-ckks/scale_bits=40\"\n[matrix]\n\"scheme.scale_bits\" = [30, 40]";
    let words = [
        "e.toml:15: ",
        "two cells called `seal-ckks/scale_bits=40`",
        "`label`",
    ];
    file(OWN, TASK, schemes, &words);
}
