//! Files that cannot be used: each error names the file, the line, what was found, and a way
//! out.

use super::{nothing, own, refused};
use crate::{Dataset, DatasetRequest, DatasetSource, MissingPolicy, SplitKind};

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
    refused(
        "a;y\n1,5;0\n",
        nothing,
        &["my.csv:1:", "no column `y`", "`delimiter = \";\"`"],
    );
    refused(
        "a\ty\n1\t0\n",
        nothing,
        &["my.csv:1:", "no column `y`", "`delimiter = \"\\t\"`"],
    );
    refused(
        "a,y\n1,no\n",
        nothing,
        &["my.csv:2:", "found \"no\"", "`positive = \"yes\"`"],
    );
    refused(
        "a,y\n1,no\n2,perhaps\n",
        |r| r.positive = Some("yes".into()),
        &[
            "my.csv",
            "`y`",
            "no row is \"yes\"",
            "found \"no\", \"perhaps\"",
        ],
    );
    refused(
        "a,y\n1,no\n2,\n3,yes\n",
        |r| r.positive = Some("yes".into()),
        &["my.csv:3:", "the target `y` is missing"],
    );
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
    refused(
        &text,
        nothing,
        &["my.csv:2:", "likewise on 8 other lines: 3, 4, 5, 6, 7, …"],
    );
    refused(
        "a,y\nx,0\n1,1\nx,1\n",
        nothing,
        &["my.csv:2:", "2.5; likewise on line 4\n"],
    );
    let columns: Vec<String> = (0..9).map(|i| format!("c{i}")).collect();
    let text = format!("{},y\n{}0\n", columns.join(","), "x,".repeat(9));
    refused(&text, nothing, &["`c4`", "and 4 more columns"]);
}

type Change = fn(&mut DatasetRequest);

/// What is wrong, and words of the error.
const BAD: &[(&str, &[u8], Change, &[&str])] = &[
    ("empty", b"", nothing, &["my.csv:", "is empty", "expected"]),
    (
        "a mark and nothing",
        b"\xEF\xBB\xBF",
        nothing,
        &["is empty"],
    ),
    ("names only", b"a,y\r\n", nothing, &["my.csv:1:", "no rows"]),
    (
        "too many fields",
        b"a,y\n1,0\n2,1,9\n",
        nothing,
        &["my.csv:3:", "found 3 fields", "expected 2"],
    ),
    (
        "after a quoted field of two lines",
        b"a,n,y\r\n1,\"u\r\nv\",0\r\n2,w\r\n",
        |r| r.labels = vec!["n".into()],
        &["my.csv:4:", "found 2 fields"],
    ),
    (
        "a mark at the start moves no line",
        b"\xEF\xBB\xBFa,y\n1,0\nx,1\n",
        nothing,
        &["my.csv:3:", "column `a`", "found \"x\""],
    ),
    (
        "a quote that is not closed",
        b"y,a\n1,0\n0,\"2\n1,3\n0,4\n1,5\n0,6\n1,7\n0,8\n1,9\n0,10\n1,11\n0,12\n1,13\n",
        nothing,
        &["my.csv:3:", "found \"2\\n1,3", "…"],
    ),
    (
        "text in a column of numbers",
        b"a,y\n1,0\n1;5,1\n",
        nothing,
        &["my.csv:3:", "found \"1;5\"", "expected a number"],
    ),
    (
        "a decimal comma",
        b"a,y\n\"1,5\",0\n",
        nothing,
        &["my.csv:2:", "found \"1,5\"", "expected a number"],
    ),
    (
        "infinite",
        b"a,y\n1,0\ninf,1\n",
        nothing,
        &["my.csv:3:", "finite"],
    ),
    (
        "not a number",
        b"a,y\n1,0\n2,NaN\n",
        nothing,
        &["my.csv:3:", "`y`", "finite"],
    ),
    (
        "two columns of one name",
        b"a,y,a\n1,0,1\n",
        nothing,
        &["my.csv:1:", "`a`", "expected each name once"],
    ),
    (
        "not this target",
        b"age,y\n1,0\n",
        |r| r.target = Some("agee".into()),
        &["my.csv:1:", "no column `agee`", "did you mean `age`"],
    ),
    (
        "no target",
        b"a,y\n1,0\n2,1\n3,0\n4,1\n",
        |r| r.target = None,
        &["no target column", "expected one", "columns: a, y"],
    ),
    (
        "the target alone",
        b"y\n1\n0\n1\n",
        nothing,
        &["my.csv", "no numeric column", "expected at least one"],
    ),
    (
        "one class only",
        b"a,y\n1,1\n2,1\n3,1\n4,1\n",
        |r| r.split = Some(SplitKind::Stratified),
        &["my.csv", "found 1 different values", "two or more"],
    ),
    (
        "one class only, balanced",
        b"a,y\n1,1\n2,1\n3,1\n4,1\n",
        |r| r.balance = true,
        &["my.csv", "found 1 different values", "two or more"],
    ),
    (
        "classes without a target",
        b"a,b\n1,1\n2,1\n3,1\n4,1\n",
        |r| (r.target, r.balance) = (None, true),
        &["my.csv", "there is no target"],
    ),
    (
        "a gap",
        b"a,y\n1,1\n2,0\n,1\n4,1\n",
        nothing,
        &[
            "my.csv:4:",
            "`a`",
            "missing",
            "expected a number",
            "drop-rows",
        ],
    ),
    (
        "a gap in the target",
        b"a,y\n1,1\n2,\n",
        |r| r.missing = Some(MissingPolicy::Median),
        &[
            "my.csv:3:",
            "the target `y` is missing",
            "missing_target = \"drop-rows\"",
        ],
    ),
    (
        "every row with a gap",
        b"a,b,y\n,1,1\n2,,0\n",
        |r| r.missing = Some(MissingPolicy::DropRows),
        &["my.csv", "every row has a missing value"],
    ),
    (
        "no row to test on",
        b"a,y\n1,1\n2,0\n3,1\n",
        nothing,
        &["test part has no rows", "`test_fraction`"],
    ),
    (
        "no row to train on",
        b"a,y\n1,1\n2,0\n3,1\n",
        |r| r.test_fraction = 7.0,
        &["training part has no rows", "`test_fraction`"],
    ),
    (
        "sixteen bits to a letter",
        b"\xFF\xFEa\0,\0y\0\n\0",
        nothing,
        &["my.csv:1:", "byte of zero", "save the file", "UTF-16"],
    ),
    (
        "zeros",
        b"\0\0\0\0",
        nothing,
        &["my.csv:1:", "byte of zero", "expected text", "UTF-8"],
    ),
    (
        "zeros further on",
        b"a,y\n1,0\n2,\0\n",
        nothing,
        &["my.csv:3:", "byte of zero"],
    ),
    (
        "an image",
        b"\x89PNG\r\n\x1a\n\0\0",
        nothing,
        &["my.csv: found a PNG image", "expected a table", "rename it"],
    ),
    (
        "an archive",
        b"PK\x03\x04",
        nothing,
        &["my.csv: found a ZIP archive", "as CSV"],
    ),
    (
        "a column without a name",
        b"a,,y\n1,2,0\n",
        nothing,
        &["my.csv:1: column 2 has no name", "`drop_columns = [\"\"]`"],
    ),
    (
        "two columns without a name",
        b"a,,,y\n1,2,3,0\n",
        |r| r.drop_columns = vec![String::new()],
        &["my.csv:1:", "two columns called ``"],
    ),
    (
        "a column without a name, as a label",
        b"a,,y\n1,2,0\n",
        |r| r.labels = vec![String::new()],
        &["my.csv:1: column 2 has no name"],
    ),
    (
        "the largest number of a program",
        b"a,y\n1,0\n1.7976931348623157e308,1\n",
        nothing,
        &["my.csv:3: column `a`", "at most 1e75", "`missing_marker`"],
    ),
    (
        "and its opposite",
        b"a,y\n1,0\n2,-1.7976931348623157e308\n",
        nothing,
        &["my.csv:3: column `y`", "at most 1e75"],
    ),
    (
        "a value of no target",
        b"a,y\n1,0\n2,1\n",
        |r| (r.target, r.positive) = (None, Some("1".into())),
        &["my.csv: `positive`", "there is no target"],
    ),
];

/// What is no number is one that is missing, where that is said.
#[test]
fn a_marker_may_be_a_largest_number() {
    let text = b"a,y\n1,0\n1e308,1\n3,0\n4,1\n5,0\n";
    let change: Change = |r| {
        r.missing_marker = Some("1e308".into());
        r.missing = Some(MissingPolicy::Median);
    };
    assert_eq!(own(text, change).unwrap().train.rows.len(), 4);
}

/// Each complaint about the value of an option names it.
#[test]
fn options_to_blame_are_named() {
    #[track_caller]
    fn check(change: impl Fn(&mut DatasetRequest), option: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.csv");
        std::fs::write(&path, "a,b,y\n1,2,0\n2,,1\n3,4,x\n").unwrap();
        let mut request = DatasetRequest::new(DatasetSource::File(path), 73);
        request.target = Some("a".into());
        request.labels = vec!["y".into()];
        change(&mut request);
        let complaints = Dataset::load(&request).unwrap_err().0;
        assert_eq!(complaints[0].option, option, "{}", complaints[0]);
    }
    let other = |path: &str| DatasetSource::File(path.into());
    let named = |name: &str| DatasetSource::Manifest(name.into());
    check(nothing, None);
    check(|r| r.labels = vec![], None);
    check(|r| r.target = Some("aa".into()), Some("target"));
    check(|r| r.labels = vec!["yy".into()], Some("labels"));
    check(|r| r.drop_columns = vec!["yy".into()], Some("drop_columns"));
    check(|r| r.drop_columns = vec!["a".into()], Some("drop_columns"));
    check(|r| r.target = Some("y".into()), Some("labels"));
    check(|r| r.positive = Some("7".into()), Some("positive"));
    check(
        |r| r.source_options = [("rows".into(), 40)].into(),
        Some("rows"),
    );
    check(|r| r.source = other("/nowhere/x.csv"), Some("path"));
    check(|r| r.source = other("/nowhere/x.png"), Some("path"));
    check(|r| r.source = named("nosuch"), Some("use"));
    check(
        |r| (r.source, r.delimiter) = (named("diabetes"), Some(';')),
        Some("delimiter"),
    );
    check(
        |r| (r.source, r.missing_marker) = (named("iris-virginica"), Some("9".into())),
        Some("missing_marker"),
    );
    let unclassed = |r: &mut DatasetRequest| {
        (r.target, r.missing) = (None, Some(MissingPolicy::DropRows));
    };
    check(
        |r| {
            unclassed(r);
            r.split = Some(SplitKind::Stratified);
        },
        Some("split"),
    );
    check(
        |r| {
            unclassed(r);
            r.balance = true;
        },
        Some("balance"),
    );
}

#[test]
fn every_bad_table_is_an_error() {
    for (what, bytes, change, words) in BAD {
        let problem = own(bytes, change).expect_err(what);
        for word in words.iter().chain(&["help:"]) {
            assert!(problem.contains(word), "{what}: lacks {word:?}: {problem}");
        }
    }
}

/// No bytes at all make it panic; found by cutting and changing a sound file.
#[test]
fn damaged_files_never_panic() {
    let sound = b"a,\"n\",y\r\n1,\"u\",0\r\n2.5,v,1\r\n3,w,0\r\n4,x,1\r\n";
    let change: Change = |r| r.labels = vec!["n".into()];
    assert!(own(sound, change).is_ok());
    for at in 0..sound.len() {
        let _ = own(&sound[..at], change);
        for byte in [b'"', b',', b'\n', b'\r', 0, 0xFF, b'e'] {
            let mut damaged = sound.to_vec();
            damaged[at] = byte;
            let _ = own(&damaged, change);
        }
    }
}

#[test]
fn what_is_no_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("gone.csv")] {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let request = DatasetRequest::new(DatasetSource::File(path), 1);
        let problem = Dataset::load(&request).unwrap_err().to_string();
        for word in [name.as_str(), "cannot be read", "expected a file", "help:"] {
            assert!(problem.contains(word), "lacks {word:?}: {problem}");
        }
    }
}

/// Manifests are files of the user's too.
#[test]
fn bad_manifests_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let sound = "title = \"t\"\nsource = \"s\"\nlicence = \"l\"\n";
    let table: &[(&[u8], &[&str])] = &[
        (b"", &["m.toml", "found neither", "either a `file`"]),
        (
            b"file = \"x.csv\"\nbuiltin = \"linfa:iris\"\n",
            &["found both", "either a `file`"],
        ),
        (
            b"file = \"x.csv\"\nheader = 1\n",
            &["m.toml:5:", "integer `1`", "a boolean"],
        ),
        (
            b"file = \"x.csv\"\ndelimiter = \"\xE2\x86\x92\"\n",
            &["delimiter", "ASCII"],
        ),
        (
            b"file = \"x.csv\"\nmissing = \"droprows\"\n",
            &["m.toml:5:", "droprows", "drop-rows"],
        ),
        (b"file = \"x.csv\n", &["m.toml:4:"]),
        (
            b"file = \"x.csv\"\ntitle = \"u\"\n",
            &["m.toml:5: duplicate key: found `title`"],
        ),
        (
            b"file = \"x.csv\"\ndrop = [\"a\", \"a\"]\n",
            &["m.toml: `drop`", "found \"a\" twice"],
        ),
        (
            b"builtin = \"linfa:irs\"\n",
            &["found \"linfa:irs\"", "linfa:iris"],
        ),
        (b"file = \"\xE9.csv\"\n", &["m.toml:4:", "expected UTF-8"]),
    ];
    for (more, words) in table {
        let text = [sound.as_bytes(), more].concat();
        std::fs::write(folder.path().join("m.toml"), text).unwrap();
        let mut request = super::by_manifest("m");
        request.manifests = Some(folder.path().to_owned());
        let problem = Dataset::load(&request).unwrap_err().to_string();
        for word in words.iter().chain(&["help:"]) {
            assert!(problem.contains(word), "lacks {word:?}: {problem}");
        }
    }
}
