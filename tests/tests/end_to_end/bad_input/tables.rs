//! Tables of the user's own, and manifests, that cannot be used.

use super::{OWN, SCHEME, TASK, good, refused};
use crate::harness::{Place, experiment};

#[track_caller]
pub fn data(csv: impl AsRef<[u8]>, dataset: &str, words: &[&str]) {
    let place = Place::new();
    place.write("my.csv", csv);
    place.write("e.toml", experiment(dataset, TASK, SCHEME));
    refused(&place, words);
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
