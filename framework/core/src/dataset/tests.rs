//! Files good and bad, and the real ones where `HEXPERIMENT_DATA` points at them.

use std::path::Path;

use super::{Dataset, DatasetRequest, DatasetSource, MissingPolicy, Partition, SplitKind};

fn nothing(_: &mut DatasetRequest) {}

fn by_manifest(name: &str) -> DatasetRequest {
    DatasetRequest::new(DatasetSource::Manifest(name.into()), 73)
}

/// Loads and divides a file of these bytes, its target `y`; the error as the user sees it.
fn own(bytes: &[u8], change: impl Fn(&mut DatasetRequest)) -> Result<Partition, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.csv");
    std::fs::write(&path, bytes).unwrap();
    let mut request = DatasetRequest::new(DatasetSource::File(path), 73);
    request.target = Some("y".into());
    change(&mut request);
    let data = Dataset::load(&request).map_err(|e| e.to_string())?;
    data.partition().map_err(|e| e.to_string())
}

#[track_caller]
fn refused(text: &str, change: impl Fn(&mut DatasetRequest), words: &[&str]) {
    let problem = own(text.as_bytes(), change).unwrap_err();
    for word in words.iter().chain(&["help:"]) {
        assert!(problem.contains(word), "lacks {word:?}: {problem}");
    }
}

#[track_caller]
fn rows(text: &str, change: impl Fn(&mut DatasetRequest), train: usize, test: usize) {
    let parts = own(text.as_bytes(), change).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        (parts.train.rows.len(), parts.test.rows.len()),
        (train, test)
    );
    assert!(
        !parts
            .train
            .features
            .iter()
            .chain(&parts.test.features)
            .any(|x| x.is_nan())
    );
}

#[test]
fn files_as_programs_write_them() {
    let plain = "a,y\n1,0\n2,1\n3,0\n4,1\n";
    let ways = [
        plain.to_owned(),
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        plain.trim_end().to_owned(),
        plain.replace("1,0", "\"1\", 0"),
        plain.replace("2,1", "\n2.0e0,1.0\n"),
    ];
    for text in ways {
        rows(&text, nothing, 3, 1);
    }
}

#[test]
fn complaints_name_the_line_and_a_way_out() {
    let ragged = "a,y\n1,0\n2\n3,0\n";
    refused(
        ragged,
        nothing,
        &["my.csv:3:", "found 1 fields", "expected 2"],
    );
    refused(&ragged.replace('\n', "\r\n"), nothing, &["my.csv:3:"]);
    refused(
        "a,y\n1,0\n\n\nx,1\n",
        nothing,
        &["my.csv:5:", "`a`", "found \"x\"", "`labels`"],
    );
    let quoted = "a,n,y\n1,\"u\nv\",0\nx,w,1\n";
    refused(
        quoted,
        |r| r.labels = vec!["n".into()],
        &["my.csv:4:", "found \"x\""],
    );
    refused(
        "a,Gender,y\n1,Male,0\n",
        nothing,
        &["my.csv:2:", "`Gender`", "\"Male\"", "`labels`"],
    );
    refused(
        "a,yy\n1,0\n",
        nothing,
        &["my.csv:1:", "no column `y`", "columns: a, yy"],
    );
    refused(
        "a,a,y\n1,0,1\n",
        nothing,
        &["my.csv:1:", "two columns called `a`"],
    );
    refused("", nothing, &["my.csv", "empty"]);
    refused(" \n\n", nothing, &["my.csv", "empty"]);
    refused("a,y\n", nothing, &["my.csv:1:", "no rows"]);
    refused(
        "a,y\n1,0\nnan,1\n",
        nothing,
        &["my.csv:3:", "found \"nan\"", "finite"],
    );
    refused("a,y\n1,0\n-inf,1\n", nothing, &["my.csv:3:", "finite"]);
    refused("a,y\n1,0\n1e999,1\n", nothing, &["my.csv:3:", "finite"]);
    refused("a;y\n1,5;0\n", nothing, &["my.csv:1:", "no column `y`"]);
    refused(
        "a,y\n1,0\n2,\n",
        nothing,
        &["my.csv:3:", "the target `y` is missing"],
    );
    refused(
        "a,y\n1,0\n",
        |r| r.drop_columns = vec!["y".into()],
        &["target `y`", "`drop_columns`"],
    );
    let problem = own(b"a,y\r\n1,0\r\n\xe9,1\r\n", nothing).unwrap_err();
    assert!(
        problem.contains("my.csv:3:") && problem.contains("not UTF-8"),
        "{problem}"
    );
}

#[test]
fn many_complaints_are_counted() {
    let text = format!("a,y\n{}", "x,1\n".repeat(9));
    refused(&text, nothing, &["my.csv:6:", "and 4 more"]);
}

#[test]
fn missing_values_are_dealt_with() {
    let gap = "a,b,y\n1,1,0\n,1,1\n3,,1\n4,1,0\n5,1,1\n6,1,1\n";
    let with = |missing| move |r: &mut DatasetRequest| r.missing = Some(missing);
    refused(
        gap,
        nothing,
        &[
            "my.csv:3:",
            "column `a`",
            "2 values are missing",
            "drop-rows",
        ],
    );
    rows(gap, with(MissingPolicy::DropRows), 3, 1);
    rows(gap, with(MissingPolicy::Median), 5, 1);
    let without = |missing| {
        move |r: &mut DatasetRequest| {
            r.missing = Some(missing);
            r.drop_columns = vec!["b".into()];
        }
    };
    rows(gap, without(MissingPolicy::DropRows), 4, 1); // `b` is not used, its gap does not count
    rows(gap, without(MissingPolicy::CompleteRows), 3, 1); // here it does
    rows(
        &gap.replace(",,", ",-999,"),
        |r| {
            r.missing = Some(MissingPolicy::DropRows);
            r.missing_marker = Some("-999.0".into());
        },
        3,
        1,
    );
    let none = "a,b,y\n,1,0\n,2,1\nNA,3,1\n,4,0\n";
    refused(
        none,
        with(MissingPolicy::DropRows),
        &["every row has a missing value"],
    );
    refused(
        none,
        with(MissingPolicy::Median),
        &["`a` has no value", "drop_columns = [\"a\"]"],
    );
}

#[test]
fn medians_are_the_training_parts() {
    // In order: the test part is the last row, whose value must not move the median.
    let text = "a,b,y\n1,0,0\n,0,1\n3,0,1\n99,0,1\n";
    let parts = own(text.as_bytes(), |r| {
        r.missing = Some(MissingPolicy::Median);
        r.split = Some(SplitKind::Chronological);
    })
    .unwrap();
    assert_eq!(parts.train.features.column(0).to_vec(), [1.0, 2.0, 3.0]);
    assert_eq!(parts.test.rows, [3]);
}

/// `n` rows, every `k`th of class 1.
fn classes(n: usize, k: usize) -> String {
    let rows = (0..n).map(|i| format!("{i},{}\n", u8::from(i % k == 0)));
    std::iter::once("a,y\n".to_owned()).chain(rows).collect()
}

#[test]
fn test_parts_are_rounded_down_and_classes_kept() {
    let with = |fraction, split| {
        move |r: &mut DatasetRequest| {
            r.test_fraction = fraction;
            r.split = Some(split);
        }
    };
    for split in [
        SplitKind::Random,
        SplitKind::Stratified,
        SplitKind::Chronological,
    ] {
        for (fraction, test) in [(0.29, 29), (0.58, 58), (0.07, 7), (0.299, 29), (0.3, 30)] {
            rows(&classes(100, 2), with(fraction, split), 100 - test, test);
        }
        refused(
            &classes(10, 2),
            with(0.05, split),
            &["test part has no rows", "`test_fraction`"],
        );
        refused(&classes(1, 2), with(0.3, split), &["test part has no rows"]);
        let parts = own(classes(100, 4).as_bytes(), with(0.2, split)).unwrap();
        let again = own(classes(100, 4).as_bytes(), with(0.2, split)).unwrap();
        assert_eq!(
            (&parts.train.rows, &parts.test.rows),
            (&again.train.rows, &again.test.rows)
        );
        let mut all = [parts.train.rows, parts.test.rows].concat();
        all.sort_unstable();
        assert_eq!(
            all,
            (0..100).collect::<Vec<_>>(),
            "each row is in one part, once"
        );
        if split == SplitKind::Stratified {
            assert_eq!(parts.test.target.sum(), 5.0);
        }
    }
    let seeds = [1, 2].map(|seed| {
        own(classes(99, 2).as_bytes(), |r| r.seed = seed)
            .unwrap()
            .test
            .rows
    });
    assert_ne!(seeds[0], seeds[1]);
}

#[test]
fn balance_needs_classes() {
    let parts = own(classes(100, 5).as_bytes(), |r| r.balance = true).unwrap();
    assert_eq!(parts.train.target.sum() + parts.test.target.sum(), 20.0);
    assert_eq!(parts.train.rows.len() + parts.test.rows.len(), 40);
    rows(&classes(100, 5), |r| r.limit = 10, 7, 3);
    let squares: Vec<String> = (0..50).map(|i| format!("{i},{}", i * i)).collect();
    let quantity = format!("a,y\n{}\n", squares.join("\n"));
    refused(
        &quantity,
        |r| r.balance = true,
        &["`balance`", "50 different values", "expected few"],
    );
    refused(
        &quantity,
        |r| r.split = Some(SplitKind::Stratified),
        &["stratified", "50 different"],
    );
}

#[test]
fn embedded_data_are_checked_like_files() {
    let load = |name: &str, change: &dyn Fn(&mut DatasetRequest)| {
        let mut request = by_manifest(name);
        change(&mut request);
        Dataset::load(&request).map_err(|e| e.to_string())
    };
    let wine = load("wine-quality", &nothing).unwrap();
    assert_eq!(wine.features.dim(), (1599, 11));
    assert_eq!(wine.target.unwrap().values.sum(), 217.0); // better than 6: graded 7 or 8
    let alcohol = load("wine-quality", &|r| r.target = Some("alcohol".into())).unwrap();
    assert_eq!(
        alcohol.target.unwrap().values[0],
        9.4,
        "the threshold is that of `quality`"
    );
    let typo = load("wine-quality", &|r| r.target = Some("qualty".into())).unwrap_err();
    assert!(typo.contains("did you mean `quality`"), "{typo}");
    let typo = load("wine-quality", &|r| r.drop_columns = vec!["ph2".into()]).unwrap_err();
    assert!(typo.contains("no column `ph2`"), "{typo}");
}

#[test]
fn files_of_manifests_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = |sum: &str, file: &Path| {
        let text = format!(
            "title = \"t\"\nsource = \"s\"\nlicence = \"l\"\nfile = {file:?}\ntarget = \"y\"\nsha256 = \"{sum}\"\n"
        );
        std::fs::write(folder.path().join("mine.toml"), text).unwrap();
        let mut request = by_manifest("mine");
        request.manifests = Some(folder.path().to_owned());
        Dataset::load(&request)
    };
    let csv = folder.path().join("mine.csv"); // an absolute name stays what it is below a data folder
    std::fs::write(&csv, "a,y\n1,0\n2,1\n").unwrap();
    let problem = manifest(&"0".repeat(64), &csv).unwrap_err().to_string();
    for word in ["mine.csv", "wrong checksum", &"0".repeat(64), "help:"] {
        assert!(problem.contains(word), "lacks {word:?}: {problem}");
    }
    let sum = problem.split("SHA-256 is ").nth(1).unwrap()[..64].to_owned();
    assert_eq!(manifest(&sum, &csv).unwrap().provenance.sha256, sum);
    let gone = folder.path().join("gone.csv");
    let problem = manifest(&sum, &gone).unwrap_err().to_string();
    for word in ["gone.csv", "was not found; looked at", "HEXPERIMENT_DATA"] {
        assert!(problem.contains(word), "lacks {word:?}: {problem}");
    }
}

#[test]
fn a_target_may_be_in_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let file = folder.path().join("x.data");
    write("x.data", "1.5 NaN 7\n2.5 3 NaN\n3.5 4 8\n4.5 5 9\n");
    write(
        "x_labels.data",
        "-1 \"19/07/2008 11:55:00\"\n-1 \"19/07/2008 12:32:00\"\n1 \"x\"\n-1 \"y\"\n",
    );
    // As `secom-original` says it, of another file.
    let text = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../experiments/datasets/secom-original.toml"),
    )
    .unwrap()
    .replace("\"secom.data\"", &format!("{file:?}"))
    .replace("\"secom_labels.data\"", "\"x_labels.data\"");
    write("x.toml", &text);
    let mut request = by_manifest("x");
    request.manifests = Some(folder.path().to_owned());
    request.split = Some(SplitKind::Chronological);
    let data = Dataset::load(&request).unwrap();
    assert_eq!(data.columns, ["c0", "c1", "c2"]);
    assert_eq!(
        data.target.as_ref().unwrap().values.to_vec(),
        [0.0, 0.0, 1.0, 0.0]
    );
    assert_eq!(data.features.iter().filter(|x| x.is_nan()).count(), 2);
    assert_eq!(data.partition().unwrap().train.features[[0, 1]], 3.5);
    std::fs::remove_file(folder.path().join("x_labels.data")).unwrap();
    let problem = Dataset::load(&request).unwrap_err().to_string();
    assert!(
        problem.contains("x_labels.data") && problem.contains("help:"),
        "{problem}"
    );
}

/// Loads a data set of the project and compares its columns and the rows of its parts.
#[track_caller]
fn check(
    name: &str,
    change: impl Fn(&mut DatasetRequest),
    columns: usize,
    train: usize,
    test: usize,
) -> Dataset {
    let mut request = by_manifest(name);
    change(&mut request);
    let data = Dataset::load(&request).unwrap_or_else(|e| panic!("{e}"));
    let parts = data.partition().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        (
            parts.columns.len(),
            parts.train.rows.len(),
            parts.test.rows.len()
        ),
        (columns, train, test)
    );
    data
}

/// The numbers known of the real files; nothing is checked where they are not.
#[test]
fn real_files_have_their_known_sizes() {
    if std::env::var_os("HEXPERIMENT_DATA").is_none() {
        eprintln!("HEXPERIMENT_DATA is not set: the real files are not checked");
        return;
    }
    check("framingham", nothing, 15, 2560, 1096); // 3656 complete rows
    let data = check(
        "framingham",
        |r| {
            r.drop_columns = [
                "education",
                "currentSmoker",
                "BPMeds",
                "diabetes",
                "diaBP",
                "BMI",
            ]
            .map(String::from)
            .to_vec();
            r.missing = Some(MissingPolicy::CompleteRows);
            r.balance = true;
        },
        9,
        780,
        334,
    );
    let positive = data
        .train
        .iter()
        .chain(&data.test)
        .filter(|r| data.target.as_ref().unwrap().values[**r] == 1.0);
    assert_eq!(positive.count(), 557);
    check("employee-salary", |r| r.test_fraction = 0.2, 4, 800, 200);
    let data = check("secom", nothing, 186, 1097, 470);
    assert_eq!(data.features.iter().filter(|x| x.is_nan()).count(), 29_016);
    assert_eq!(data.target.unwrap().values.sum(), 104.0);
    check("secom-upload", nothing, 186, 4, 1);
}
