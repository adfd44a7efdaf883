//! Values of options that only the data show to be wrong: the line of the experiment is told, and
//! that of the data.

use super::{OWN, SCHEME, TASK, WINE, good, refused};
use crate::harness::{Place, experiment};

#[track_caller]
fn check(dataset: &str, task: &str, more: &str, words: &[&str]) {
    let place = Place::new();
    place.write("my.csv", good());
    place.write(
        "e.toml",
        experiment(dataset, task, &format!("{SCHEME}\n{more}")),
    );
    refused(&place, words);
}

#[test]
fn columns() {
    let own = |line: &str| format!("{OWN}\n{line}");
    let no_column = "my.csv:1: there is no column";
    check(
        "path = \"my.csv\"\ntarget = \"yy\"",
        TASK,
        "",
        &[
            "e.toml:7: `target` in [dataset]: ",
            no_column,
            "`yy`, expected",
            "mean `y`? columns: a, b, y",
        ],
    );
    check(
        &own("drop_columns = [\"a\", \"bb\"]"),
        TASK,
        "",
        &[
            "e.toml:8: `drop_columns` in [dataset]: ",
            no_column,
            "`bb`",
            "mean `b`?",
        ],
    );
    check(
        &own("labels = [\n\"aa\"\n]"),
        TASK,
        "",
        &["e.toml:8: `labels` in [dataset]: ", no_column, "`aa`"],
    );
    check(
        &own("drop_columns = [\"y\"]"),
        TASK,
        "",
        &[
            "e.toml:8: `drop_columns` in [dataset]: ",
            "target `y` is left out",
            "choose another: a, b",
        ],
    );
    check(
        &own("labels = [\"a\", \"b\"]"),
        TASK,
        "",
        &["e.toml:8: `labels` in [dataset]: ", "no numeric column"],
    );
    check(
        &own("positive = \"yes\""),
        TASK,
        "",
        &[
            "e.toml:8: `positive` in [dataset]: ",
            "no row is \"yes\"",
            "found \"0\", \"1\"",
        ],
    );
    check(
        "path = \"my.csv\"\npositive = \"1\"",
        TASK,
        "",
        &[
            "e.toml:7: `positive` in [dataset]: ",
            "there is no target",
            "`target = ",
        ],
    );
    check(
        "path = \"my.csv\"",
        TASK,
        "",
        &[
            "e.toml:6: `path` in [dataset]: my.csv: has no target column",
            "columns: a, b, y",
        ],
    );
    // Embedded data have no lines, but the experiment has.
    check(
        &format!("{WINE}\ntarget = \"qualty\""),
        TASK,
        "",
        &[
            "e.toml:7: `target` in [dataset]: wine-quality",
            "`qualty`",
            "mean `quality`?",
        ],
    );
}

#[test]
fn rows() {
    let own = |line: &str| format!("{OWN}\n{line}");
    check(
        &own("limit = 1"),
        TASK,
        "",
        &[
            "e.toml:8: `limit` in [dataset]: my.csv: ",
            "no rows",
            "1 rows in all",
        ],
    );
    check(
        &own("test_fraction = 0.01"),
        TASK,
        "",
        &[
            "e.toml:8: `test_fraction` in [dataset]: my.csv: ",
            "the test part has no rows",
        ],
    );
    check(
        &own("limit = 3"),
        TASK,
        "",
        &[
            "e.toml:8: `limit` in [dataset]: my.csv: ",
            "the test part has no rows",
        ],
    );
    check(
        &own("split = \"stratified\"").replace("\"y\"", "\"a\""),
        TASK,
        "",
        &[
            "e.toml:8: `split` in [dataset]: ",
            "20 different values of `a`",
        ],
    );
    check(
        &own("balance = true").replace("\"y\"", "\"a\""),
        TASK,
        "",
        &[
            "e.toml:8: `balance` in [dataset]: ",
            "20 different values of `a`",
        ],
    );
    check(
        &own("generator_seed = 5"),
        TASK,
        "",
        &[
            "e.toml:8: `generator_seed` in [dataset]: ",
            "data that are made",
            "`use = \"fleet\"`",
        ],
    );
}

#[test]
fn paths() {
    check(
        "path = \"their.csv\"\ntarget = \"y\"",
        TASK,
        "",
        &[
            "e.toml:6: `path` in [dataset]: ",
            "their.csv: cannot be read: No such file",
        ],
    );
    check(
        "use = \"framingham\"",
        TASK,
        "",
        &[
            "e.toml:6: `use` in [dataset]: ",
            "`framingham` was not found",
        ],
    );
    let model = |task: &str, model: &str| format!("use = \"{task}\"\nmodel = {model}");
    let at = "e.toml:9: `model` in [task]: nowhere.json: cannot be read: No such file";
    for (task, value) in [
        ("logistic-regression", "\"nowhere.json\""),
        ("linear-regression", "\"nowhere.json\""),
        ("anomaly-detection", "\"nowhere.json\""),
        ("federated", "[\"nowhere.json\"]"),
    ] {
        check(
            WINE,
            &model(task, value),
            "",
            &[at, "expected a model.json", "`model` out"],
        );
    }
    // A model that is sound, of other data.
    let place = Place::new();
    let column =
        r#"{"name":"weight","unit":{"centre":1,"width":1},"mean":0,"deviation":1,"weight":1}"#;
    place.write(
        "m.json",
        format!(r#"{{"clip":5,"sensors":[{column}],"intercept":0,"threshold":0}}"#),
    );
    let task = model("logistic-regression", "\"m.json\"");
    place.write("e.toml", experiment(WINE, &task, SCHEME));
    refused(
        &place,
        &[
            "e.toml:9: `model` in [task]: ",
            "column `weight`",
            "columns: ",
        ],
    );
}

/// The line is that of the value.
#[test]
fn the_matrix() {
    let matrix = |key: &str, values: &str| format!("[matrix]\n\"dataset.{key}\" = [\n{values}\n]");
    check(
        "use = \"wine-quality\"",
        TASK,
        &matrix("use", "\"wine-quality\",\n\"framingham\""),
        &[
            "e.toml:14: cell `plaintext/use=framingham`: \"dataset.use\" in [matrix]: ",
            "was not found",
        ],
    );
    check(
        OWN,
        TASK,
        &matrix("target", "\"y\",\n\n\"yy\""),
        &["e.toml:16: cell `plaintext/target=yy`: \"dataset.target\" in [matrix]: my.csv:1: "],
    );
    check(
        OWN,
        TASK,
        &matrix("limit", "0,\n1"),
        &["e.toml:15: cell `plaintext/limit=1`: \"dataset.limit\" in [matrix]: my.csv: "],
    );
    check(
        "path = \"my.csv\"\ntarget = \"y\"",
        TASK,
        &matrix("path", "\"my.csv\",\n\"their.csv\""),
        &[
            "e.toml:15: ",
            "\"dataset.path\" in [matrix]: ",
            "their.csv: cannot be read",
        ],
    );
}
