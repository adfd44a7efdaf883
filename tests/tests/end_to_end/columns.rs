//! Columns of text, rows without a target, and what a table says of both.

use crate::harness::{Place, experiment};

const DATA: &str = "path = \"trees.csv\"\ntarget = \"felled\"\npositive = \"yes\"\n\
                    one_hot = [\"kind\"]\nmissing = \"drop-rows\"\nsplit = \"chronological\"";
const TASK: &str = "use = \"logistic-regression\"";
const SCHEMES: &str = "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"seal-ckks\"\n\
                       [run]\nrepetitions = 1\nwarmup = 0\n[expect]\nmax_abs_error = { max = 1e-4 }";

/// 60 trees, the last 18 the test part, one of them of a kind that is not in the training part; two
/// more have no mark, and one no height.
fn trees() -> String {
    let kinds = ["oak", "elm", "\"beech, red\""];
    let row = |i: usize| {
        let kind = if i == 55 {
            "pine"
        } else {
            kinds[i * i % 7 % 3]
        };
        let felled = if (i * 5 + i % 3 * 4) % 9 < 4 {
            "yes"
        } else {
            "no"
        };
        format!("{},{kind},{felled}\n", 10 + i * 37 % 23)
    };
    let rows: String = (0..60).map(row).collect();
    format!("height,kind,felled\n{rows}12,oak,\n13,elm,NA\n,oak,no\n")
}

#[test]
fn categories_are_encoded_and_rows_without_a_target_dropped() {
    let place = Place::new();
    place.write("trees.csv", trees());
    place.write("e.toml", experiment(DATA, TASK, SCHEMES));
    let checked = place.call(&["check", "e.toml"]);
    checked.ends_with(0).says(&["plaintext: fine; 18 samples"]);
    let explained = place.call(&["explain", "--only", "plaintext", "e.toml"]);
    let columns = [
        "samples.height",
        "samples.kind=beech, red",
        "samples.kind=elm",
        "samples.kind=oak",
    ];
    explained.ends_with(0).says(&columns);
    assert!(!explained.out.contains("pine"), "{explained}");
    let ran = place.call(&["run", "e.toml"]);
    ran.ends_with(0).does_not_panic();
    let row = place.latest().row("seal-ckks");
    assert_eq!(
        (row["status"].as_str(), row["samples"].as_str()),
        ("ok", "18")
    );
    // Four columns and the 18 rows that are encrypted, 8 bytes each.
    let bytes: f64 = row["ciphertext_bytes"].parse().unwrap();
    let expansion: f64 = row["expansion"].parse().unwrap();
    assert!((expansion - bytes / (8.0 * 4.0 * 18.0)).abs() < 1e-9 * expansion);
    let table = place.latest().read("table.md");
    for words in [
        "left out of 63 rows: 2 without a target, 1 with missing values",
        "1 of 18 test rows have a category that no training row has",
        "of the 18 rows that measures are taken on, 6 are of class 0 only",
    ] {
        assert!(table.contains(words), "lacks {words:?}: {table}");
    }
}

/// Least squares need one category less, and say so; then it is told which.
#[test]
fn a_category_can_be_the_one_that_others_are_compared_with() {
    let place = Place::new();
    place.write(
        "trees.csv",
        trees().replace(",yes", ",3").replace(",no", ",5"),
    );
    let data = DATA.replace("\npositive = \"yes\"", "");
    let task = "use = \"linear-regression\"";
    place.write(
        "e.toml",
        experiment(&data, task, "[[scheme]]\nuse = \"plaintext\""),
    );
    let refused = place.call(&["check", "e.toml"]);
    refused.ends_with(2).says(&[
        "repeats another or is a sum",
        "drop_columns = [\"kind=oak\"]",
    ]);
    let data = format!("{data}\ndrop_columns = [\"kind=oak\"]");
    place.write(
        "e.toml",
        experiment(&data, task, "[[scheme]]\nuse = \"plaintext\""),
    );
    place.call(&["check", "e.toml"]).ends_with(0);
}

/// Training encrypts the training rows: costs are theirs, and padding is no data.
#[test]
fn training_is_charged_to_the_rows_that_are_encrypted() {
    let place = Place::new();
    let per_row = |limit: usize| {
        let data = format!("use = \"diabetes\"\nlimit = {limit}\nsplit = \"chronological\"");
        let task = "use = \"linear-regression\"\nmode = \"training\"\nfeatures = 3";
        let schemes = "[[scheme]]\nuse = \"plaintext\"\n[run]\nrepetitions = 1\nwarmup = 0";
        place.write("e.toml", experiment(&data, task, schemes));
        place.call(&["run", "e.toml"]).ends_with(0);
        let row = place.latest().row("plaintext");
        let number = |column: &str| row[column].parse::<f64>().unwrap();
        let training = (0.7 * limit as f64).ceil();
        assert_eq!(number("samples"), training);
        let total = number("encrypt_ms") + number("evaluate_ms") + number("decrypt_ms");
        let each = number("total_ms_per_sample");
        assert!((each - total / training).abs() < 1e-9 * each);
        // Three features and the target are data, of 8 columns and a power of two of rows.
        let expansion = number("expansion");
        let padded = 8.0 * 8.0 * training.log2().ceil().exp2();
        let want = number("ciphertext_bytes") / (8.0 * 4.0 * training);
        assert!((expansion - want).abs() < 1e-9 * want, "{expansion} {want}");
        assert!(number("ciphertext_bytes") >= padded);
        // Test rows are scored in the clear, and nothing of them is moved.
        assert_eq!(number("clipped_values"), 0.0);
    };
    per_row(440);
    per_row(160);
}
