//! Data sets by manifest: embedded, with sums, in two files; the real ones where
//! `HEXPERIMENT_DATA` points at them.

use std::path::Path;

use super::{by_manifest, nothing};
use crate::{Dataset, DatasetRequest, MissingPolicy, SplitKind};

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
    // Of 442 patients the library drops the first, whom it takes for column names.
    let diabetes = load("diabetes", &nothing).unwrap();
    assert_eq!(diabetes.features.dim(), (441, 10));
    let iris = load("iris-virginica", &nothing).unwrap();
    assert_eq!(iris.features.dim(), (150, 4));
    assert_eq!(iris.target.unwrap().values.sum(), 50.0);
    let labelled = load("wine-quality", &|r| r.labels = vec!["pH".into()]);
    let known = wine_columns(&labelled);
    assert!(
        !known.0.contains(&"pH".to_owned()) && known.1 == ["pH"],
        "{known:?}"
    );
    let typo = load("wine-quality", &|r| r.target = Some("qualty".into())).unwrap_err();
    assert!(typo.contains("did you mean `quality`"), "{typo}");
    let typo = load("wine-quality", &|r| r.drop_columns = vec!["ph2".into()]).unwrap_err();
    assert!(typo.contains("no column `ph2`"), "{typo}");
}

/// The names of the features and of the labels.
#[track_caller]
fn wine_columns(data: &Result<Dataset, String>) -> (Vec<String>, Vec<String>) {
    let data = data.as_ref().unwrap_or_else(|e| panic!("{e}"));
    let labels = data.labels.iter().map(|l| l.name.clone());
    (data.columns.clone(), labels.collect())
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
