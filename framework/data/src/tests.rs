//! How files are read, gaps dealt with, rows dealt to the parts.

mod bad_input;
mod known;
pub(crate) mod source;

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
fn rows_without_a_target_can_be_dropped() {
    let gap = "a,y\n1,0\n2,\n3,1\n4,NA\n,0\n6,1\n7,0\n8,1\n9,1\n";
    let with = |missing, targets: Option<bool>| {
        move |r: &mut DatasetRequest| {
            r.missing = Some(missing);
            r.drop_missing_targets = targets;
        }
    };
    // Two have no target, one has no feature.
    rows(gap, with(MissingPolicy::DropRows, None), 5, 1);
    rows(gap, with(MissingPolicy::CompleteRows, None), 5, 1);
    rows(gap, with(MissingPolicy::Median, Some(true)), 5, 2);
    for (missing, targets) in [
        (MissingPolicy::Median, None),
        (MissingPolicy::Keep, None),
        (MissingPolicy::Refuse, None),
        (MissingPolicy::DropRows, Some(false)),
    ] {
        let words = [
            "my.csv:3:",
            "the target `y` is missing",
            "2 targets are missing in all",
            "`missing_target = \"drop-rows\"`",
        ];
        refused(gap, with(missing, targets), &words);
    }
    // Classes, balance and shares are of the rows that are left.
    let classes = gap.replace(",0\n", ",no\n").replace(",1\n", ",yes\n");
    rows(
        &classes,
        |r| {
            r.missing = Some(MissingPolicy::DropRows);
            r.positive = Some("yes".into());
            r.balance = true;
            r.split = Some(SplitKind::Stratified);
            r.test_fraction = 0.5;
        },
        2,
        2,
    );
    refused(
        "a,y\n1,\n2,NA\n",
        with(MissingPolicy::DropRows, None),
        &["every row has a missing value or no target"],
    );
}

/// A threshold makes no class of what is missing.
#[test]
fn a_threshold_leaves_missing_targets_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.csv");
    std::fs::write(&file, "a,y\n1,4\n2,\n3,6\n4,7\n").unwrap();
    // Its whole path, so that no data folder is looked into.
    let manifest = format!(
        "title = \"t\"\nsource = \"s\"\nlicence = \"l\"\nfile = {file:?}\ntarget = \"y\"\n\
         target_above = 5\nmissing = \"drop-rows\"\n"
    );
    std::fs::write(folder.path().join("marks.toml"), manifest).unwrap();
    let mut request = by_manifest("marks");
    request.manifests = Some(folder.path().to_owned());
    let data = Dataset::load(&request).unwrap();
    let values = &data.target.unwrap().values;
    assert_eq!((values[0], values[2], values[3]), (0.0, 1.0, 1.0));
    assert!(values[1].is_nan());
    assert_eq!(data.train.len() + data.test.len(), 3);
}

/// The target of all rows, 1 where it is `positive`.
#[track_caller]
fn classes_of(text: &str, delimiter: Option<char>, positive: &str, want: [f64; 4]) {
    let parts = own(text.as_bytes(), |r| {
        r.split = Some(SplitKind::Chronological);
        r.delimiter = delimiter;
        r.positive = Some(positive.into());
    })
    .unwrap();
    let all = [parts.train.target.to_vec(), parts.test.target.to_vec()].concat();
    assert_eq!(all, want, "{text}");
}

#[test]
fn a_target_may_be_of_classes() {
    let words = "a;y\n1;yes\n2;no\n3;\"perhaps\"\n4;yes\n";
    classes_of(words, Some(';'), "yes", [1.0, 0.0, 0.0, 1.0]);
    classes_of(words, Some(';'), "perhaps", [0.0, 0.0, 1.0, 0.0]);
    let numbers = "a,y\n1,-1\n2,1.0\n3,1\n4,-1\n";
    classes_of(numbers, None, "1", [0.0, 1.0, 1.0, 0.0]);
}

#[test]
fn an_embedded_target_may_be_of_classes() {
    let positives = |change: fn(&mut DatasetRequest)| {
        let mut request = by_manifest("iris-virginica");
        change(&mut request);
        let target = Dataset::load(&request).unwrap().target.unwrap();
        target.values.sum()
    };
    // 50 of each species, 0 to 2; the manifest's own target is whether it is the last.
    assert_eq!(positives(|_| {}), 50.0);
    assert_eq!(positives(|r| r.positive = Some("0".into())), 50.0);
    let problem = {
        let mut request = by_manifest("iris-virginica");
        request.positive = Some("7".into());
        Dataset::load(&request).unwrap_err().to_string()
    };
    assert!(
        problem.contains("no row is \"7\"") && problem.contains("\"0\", \"1\", \"2\""),
        "{problem}"
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

/// The rows of a file without a target: numbers, NaN where one is missing.
#[track_caller]
fn series(text: &str, missing: MissingPolicy, limit: usize) -> Result<Vec<f64>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.csv");
    std::fs::write(&path, text).unwrap();
    let mut request = DatasetRequest::new(DatasetSource::File(path), 73);
    (request.missing, request.limit) = (Some(missing), limit);
    let data = Dataset::load(&request).map_err(|e| e.to_string())?;
    Ok(data.features.iter().copied().collect())
}

/// A reader of CSV passes over empty lines; in a file of one column each is a missing value.
#[test]
fn an_empty_line_of_one_column_is_a_missing_value() {
    for text in ["x\n1\n\n3\n \n5\n", "x\r\n1\r\n\r\n3\r\n\r\n5\r\n\r\n\r\n"] {
        let found = series(text, MissingPolicy::Keep, 0).unwrap();
        assert_eq!(found.len(), 5, "{found:?}");
        let gaps: Vec<usize> = (0..5).filter(|i| found[*i].is_nan()).collect();
        assert_eq!(gaps, [1, 3]);
        let refused = series(text, MissingPolicy::Refuse, 0).unwrap_err();
        assert!(refused.contains("my.csv:3: "), "{refused}");
    }
    // Several columns: an empty line is no row.
    assert_eq!(
        series("x,z\n1,2\n\n3,4\n", MissingPolicy::Keep, 0)
            .unwrap()
            .len(),
        4
    );
}

#[test]
fn rows_beyond_the_limit_need_no_target() {
    let text = "a,y\n1,0\n2,1\n3,0\n4,1\n5,\n";
    refused(text, nothing, &["my.csv:6:", "it is the only one"]);
    rows(text, |r| r.limit = 4, 3, 1);
}

/// What was done to the data before anything was computed is told, with counts.
#[test]
fn filled_values_and_balanced_classes_are_noted() {
    let notes = |text: &str, change: &dyn Fn(&mut DatasetRequest)| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.csv");
        std::fs::write(&path, text).unwrap();
        let mut request = DatasetRequest::new(DatasetSource::File(path), 73);
        request.target = Some("y".into());
        change(&mut request);
        Dataset::load(&request).unwrap().provenance.preparation
    };
    let text = "a,b,y\n1,,0\n2,5,1\n3,,0\n4,7,1\n5,8,0\n6,9,0\n";
    let chronological = |r: &mut DatasetRequest| r.split = Some(SplitKind::Chronological);
    let filled = notes(text, &|r| {
        chronological(r);
        r.missing = Some(MissingPolicy::Median);
    });
    assert_eq!(
        filled,
        [
            "missing values, filled by the training part's medians: 2 of 10 training values, 0 of 2 test values"
        ]
    );
    let balanced = notes(&text.replace(",,", ",1,"), &|r| r.balance = true);
    assert_eq!(balanced, ["left out of 6 rows to balance the classes: 2"]);
}

/// Rows that are used come again in their order, each in its part; those of neither part count, and are left
/// out.
#[test]
fn rows_are_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.csv");
    let line = |i: u8| format!("{i},{}", u8::from(i == 2 || i == 7));
    let lines: Vec<String> = (0..10).map(line).collect();
    std::fs::write(&path, format!("a,y\n{}\n", lines.join("\n"))).unwrap();
    let mut request = DatasetRequest::new(DatasetSource::File(path), 73);
    request.target = Some("y".into());
    request.test_fraction = 0.5;
    let whole = Dataset::load(&request).unwrap();
    request.balance = true;
    let balanced = Dataset::load(&request).unwrap();
    let numbers = |data: &Dataset| {
        let parts = data.partition().unwrap();
        [&parts.train, &parts.test].map(|part| part.features.column(0).to_vec())
    };
    for data in [whole, balanced] {
        let once = numbers(&data);
        let many = data.clone().repeated(27);
        // Two whole tables, and the first seven rows of a third.
        let expected = once.each_ref().map(|part| {
            let third = part.iter().filter(|a| **a < 7.0);
            part.iter()
                .chain(part)
                .chain(third)
                .copied()
                .collect::<Vec<_>>()
        });
        assert_eq!(numbers(&many), expected);
        assert_eq!(many.features.nrows(), many.train.len() + many.test.len());
        assert_eq!(
            many.target.as_ref().unwrap().values.len(),
            many.features.nrows()
        );
        let mut order = many.features.column(0).to_vec();
        order.truncate(data.train.len() + data.test.len());
        assert!(order.is_sorted(), "{order:?}");
        assert_eq!(numbers(&data.clone().repeated(5)), once);
    }
}
