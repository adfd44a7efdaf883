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
    // An option that a source of data brings.
    check(
        OWN,
        TASK,
        &matrix("generator_seed", "1,\n-1"),
        &["\"dataset.generator_seed\" in [matrix]: found -1, expected a whole number from 0 on"],
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

/// What only the data show to be wrong, and no option is blamed for: the value of the matrix is, in
/// whose place another one is sound.
#[test]
fn the_value_of_a_matrix_that_makes_the_difference() {
    let varied = |dataset: &str, key: &str, values: &str, words: &[&str]| {
        let matrix = format!("[matrix]\n\"dataset.{key}\" = [\n{values}\n]");
        check(dataset, TASK, &matrix, words);
    };
    let one_class = "the test part has one class only";
    varied(
        OWN,
        "limit",
        "0,\n4",
        &[
            "e.toml:15: cell `plaintext/limit=4`: \"dataset.limit\" in [matrix]: my.csv: ",
            one_class,
        ],
    );
    // The sound one may come later.
    varied(
        OWN,
        "limit",
        "4,\n0",
        &["e.toml:14: cell `plaintext/limit=4`: \"dataset.limit\" in [matrix]: my.csv: "],
    );
    varied(
        OWN,
        "test_fraction",
        "0.3,\n0.97",
        &[
            "e.toml:15: cell `plaintext/test_fraction=0.97`: \"dataset.test_fraction\" in [matrix]: ",
            "the training part has one class only",
        ],
    );
    varied(
        OWN,
        "target",
        "\"y\",\n\"a\"",
        &[
            "e.toml:15: cell `plaintext/target=a`: \"dataset.target\" in [matrix]: my.csv: ",
            "expected 0 and 1",
        ],
    );
    // Not the section's, which suits the other target.
    varied(
        &format!("{OWN}\ndrop_columns = [\"b\"]"),
        "target",
        "\"y\",\n\"b\"",
        &["e.toml:16: cell `plaintext/target=b`: \"dataset.target\" in [matrix]: my.csv: "],
    );
    varied(
        OWN,
        "delimiter",
        "\",\",\n\";\"",
        &["e.toml:15: cell `plaintext/delimiter=;`: \"dataset.delimiter\" in [matrix]: my.csv:1: "],
    );
}

#[test]
fn the_matrix_of_a_table_with_text_and_gaps() {
    let with = |key: &str, values: &str, words: &[&str]| {
        let place = Place::new();
        let csv = good()
            .replace("a,b,y", "a,b,y,t")
            .replace("\n20,0,1", "\n20,0,");
        let row = |line: &str| match line {
            "a,b,y,t" => format!("{line}\n"),
            row => format!("{row},text\n"),
        };
        place.write("my.csv", csv.lines().map(row).collect::<String>());
        let dataset = format!("{OWN}\nlabels = [\"t\"]\nmissing = \"drop-rows\"");
        let more = format!("{SCHEME}\n[matrix]\n\"dataset.{key}\" = [\n{values}\n]");
        place.write("e.toml", experiment(&dataset, TASK, &more));
        refused(&place, words);
    };
    with(
        "labels",
        "[\"t\"],\n[\"a\"]",
        &[
            "e.toml:17: cell `plaintext/labels=[\"a\"]`: \"dataset.labels\" in [matrix]: my.csv:2: ",
            "column `t`: found \"text\"",
        ],
    );
    with(
        "missing_target",
        "\"drop-rows\",\n\"refuse\"",
        &[
            "e.toml:17: ",
            "\"dataset.missing_target\" in [matrix]: my.csv:21: the target `y` is missing",
        ],
    );
    // Where every value fails, it is none of them: the file is told.
    with(
        "labels",
        "[\"a\"],\n[\"b\"]",
        &["error: my.csv:2: column `t`: found \"text\""],
    );
}

/// Data of others are encrypted by a public key, whoever asks for less.
#[test]
fn who_encrypts_is_the_tasks() {
    let federated = "use = \"federated\"\nclients = 2\nrounds = 1";
    let expect = "found \"owner\", expected \"public\": the data of this task are those of others";
    check(
        WINE,
        federated,
        "[run]\nencryption = \"owner\"",
        &["`encryption` in [run]: ", expect, "leave `encryption` out"],
    );
    check(
        WINE,
        federated,
        "[matrix]\n\"run.encryption\" = [\"public\", \"owner\"]",
        &["\"run.encryption\" in [matrix]: ", expect],
    );
    check(
        WINE,
        TASK,
        "[run]\nencryption = \"others\"\nfailure_log2 = -10",
        &["`encryption`", "owner", "public", "`failure_log2`", "-256"],
    );
}
