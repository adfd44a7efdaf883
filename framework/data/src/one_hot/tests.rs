//! Categories, as files and data that are made have them.

use crate::{Dataset, DatasetRequest, DatasetSource, MissingPolicy, SplitKind};

/// Ten rows in order, of which the last three are the test part; `pine` occurs there only.
const TREES: &str = "h,tree,soil,y\n1,oak,2,0\n2,elm,10,1\n3,oak,1,0\n4,beech,2,1\n5,elm,10,0\n\
                     6,oak,2,1\n7,oak,1,0\n8,pine,2,1\n9,oak,10,0\n10,beech,1,1\n";

fn load(text: &str, change: impl Fn(&mut DatasetRequest)) -> Result<Dataset, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trees.csv");
    std::fs::write(&path, text).unwrap();
    let mut request = DatasetRequest::new(DatasetSource::File(path), 73);
    request.target = Some("y".into());
    request.split = Some(SplitKind::Chronological);
    request.one_hot = vec!["tree".into(), "soil".into()];
    change(&mut request);
    Dataset::load(&request).map_err(|e| e.to_string())
}

fn names(data: &Dataset) -> Vec<&str> {
    data.columns.iter().map(String::as_str).collect()
}

#[test]
fn categories_become_columns_in_their_place() {
    let data = load(TREES, |_| {}).unwrap();
    // Texts as texts are sorted, numbers by value; `pine` is in no training row.
    let expect = [
        "h",
        "tree=beech",
        "tree=elm",
        "tree=oak",
        "soil=1",
        "soil=2",
        "soil=10",
    ];
    assert_eq!(names(&data), expect);
    let row = |i: usize| data.features.row(i).to_vec();
    assert_eq!(row(0), [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
    assert_eq!(row(1), [2.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(row(9), [10.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    // What the training part does not show is none of its categories.
    assert_eq!(row(7), [8.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let notes = data.provenance.preparation.join("; ");
    assert!(
        notes.contains("`tree`: 1 of 3 test rows have a category that no training row has"),
        "{notes}"
    );
    assert!(!notes.contains("`soil`"), "{notes}");
    assert!(data.partition().is_ok());
}

#[test]
fn a_category_can_be_left_out() {
    let data = load(TREES, |r| {
        r.one_hot.truncate(1);
        r.drop_columns = vec!["tree=oak".into(), "soil".into()];
    });
    assert_eq!(names(&data.unwrap()), ["h", "tree=beech", "tree=elm"]);
}

#[test]
fn missing_categories_follow_the_policy() {
    let gaps = TREES.replace("3,oak", "3,").replace("9,oak", "9,NA");
    let with = |missing| load(&gaps, move |r| r.missing = Some(missing));
    let error = load(&gaps, |_| {}).unwrap_err();
    for part in ["trees.csv:4:", "column `tree`", "2 values are missing"] {
        assert!(error.contains(part), "{error}");
    }
    let dropped = with(MissingPolicy::DropRows).unwrap();
    let mut rows = [dropped.train.clone(), dropped.test.clone()].concat();
    rows.sort_unstable();
    assert_eq!(rows, [0, 1, 3, 4, 5, 6, 7, 9]);
    let notes = dropped.provenance.preparation.join("; ");
    assert!(
        notes.contains("left out of 10 rows: 2 with missing values"),
        "{notes}"
    );
    let kept = with(MissingPolicy::Keep).unwrap();
    assert!(
        kept.features.row(2).to_vec()[1..4]
            .iter()
            .all(|x| x.is_nan())
    );
    // The most frequent of the training part, not a median of places.
    let filled = with(MissingPolicy::Median).unwrap();
    assert_eq!(filled.features.row(2).to_vec()[1..4], [0.0, 0.0, 1.0]);
    assert_eq!(filled.features.row(8).to_vec()[1..4], [0.0, 0.0, 1.0]);
    let notes = filled.provenance.preparation.join("; ");
    assert!(
        notes.contains("`tree`: 2 missing values are filled by") && notes.contains("\"oak\""),
        "{notes}"
    );
    assert!(filled.partition().is_ok());
}

#[test]
fn a_limit_and_made_data_have_categories_too() {
    let data = load(TREES, |r| r.limit = 4).unwrap();
    assert_eq!(data.features.nrows(), 4);
    assert_eq!(names(&data)[1..4], ["tree=elm", "tree=oak", "soil=1"]);
    // Embedded numbers, and texts that are made.
    let mut request = DatasetRequest::new(DatasetSource::Manifest("wine-quality".into()), 1);
    let all = Dataset::load(&request).unwrap();
    request.one_hot = vec!["alcohol".into()];
    let data = Dataset::load(&request).unwrap();
    assert!(
        data.columns.len() > all.columns.len() + 20,
        "{:?}",
        data.columns
    );
    assert!(data.columns.contains(&"alcohol=9.4".to_owned()));
    let folder = tempfile::tempdir().unwrap();
    let mut request = crate::tests::source::letters(folder.path(), "");
    let label = Dataset::load(&request).unwrap().labels.pop().unwrap();
    request.one_hot = vec![label.name.clone()];
    request.limit = 20;
    let data = Dataset::load(&request).unwrap();
    let first = &label.values[data.train[0]];
    let column = format!("{}={first}", label.name);
    let place = data
        .columns
        .iter()
        .position(|name| *name == column)
        .unwrap();
    assert_eq!(data.features[[data.train[0], place]], 1.0);
    assert!(data.labels.iter().all(|l| l.name != label.name));
}

#[track_caller]
fn refused(text: &str, change: impl Fn(&mut DatasetRequest), words: &[&str]) {
    let error = load(text, change).unwrap_err();
    for word in words.iter().chain(&["help:"]) {
        assert!(error.contains(word), "lacks {word:?}: {error}");
    }
}

#[test]
fn what_is_no_category_is_explained() {
    refused(
        TREES,
        |r| r.one_hot = vec!["tre".into()],
        &["trees.csv:1:", "no column `tre`", "did you mean `tree`?"],
    );
    refused(
        TREES,
        |r| r.one_hot = vec!["tree".into(), "y".into()],
        &["the target `y` is named in `one_hot`", "positive ="],
    );
    refused(
        TREES,
        |r| r.drop_columns = vec!["tree=aok".into()],
        &[
            "trees.csv",
            "`tree=aok`",
            "no training row has",
            "did you mean `tree=oak`?",
            "tree=beech, tree=elm",
        ],
    );
    let many: Vec<String> = (0..400)
        .map(|i| format!("{i},t{i},2,{}\n", i % 2))
        .collect();
    let many = many.concat();
    refused(
        &format!("h,tree,soil,y\n{many}"),
        |_| {},
        &[
            "column `tree`",
            "found 280 categories",
            "1 to 256",
            "`labels`",
        ],
    );
    // No category in the training part.
    let none: Vec<String> = (0..10)
        .map(|i| format!("{i},{},2,{}\n", if i < 8 { "" } else { "oak" }, i % 2))
        .collect();
    let none = none.concat();
    refused(
        &format!("h,tree,soil,y\n{none}"),
        |r| r.missing = Some(MissingPolicy::Keep),
        &[
            "column `tree`",
            "found no category at all in the 7 training rows",
        ],
    );
    refused(
        &TREES.replace("h,tree", "tree=oak,tree"),
        |_| {},
        &["would be called `tree=oak`"],
    );
}
