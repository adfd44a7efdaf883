//! A source such as a task brings: found by the registry, told by manifests and experiments.

use std::path::Path;

use crate::registry::{self, SourceOption, SourceOptions, Table, TableSource, TableSourcePlugin};
use crate::{Dataset, DatasetRequest, DatasetSource, SplitKind};
use hexperiment_diagnostics::Complaint;

inventory::submit! { TableSourcePlugin(&Letters) }

/// Rows of a letter, a number and a class.
struct Letters;

const OPTIONS: [SourceOption; 1] = [SourceOption {
    name: "rows",
    least: 1,
    most: 100,
    doc: "Rows of letters.",
}];

impl TableSource for Letters {
    fn name(&self) -> &'static str {
        "generated:letters"
    }

    fn options(&self) -> &'static [SourceOption] {
        &OPTIONS
    }

    fn table(&self, options: &SourceOptions, place: &str) -> Result<Table, Complaint> {
        let rows = options.get("rows").copied().unwrap_or(30);
        if rows > OPTIONS[0].most {
            let problem = format!("`rows`: found {rows}, expected at most {}", OPTIONS[0].most);
            return Err(Complaint::new(place, problem)
                .about("rows")
                .help("take fewer"));
        }
        let letter = |row: u64| ["x", "y, z", "\"w\""][row as usize % 3].to_owned();
        Ok(Table {
            numbers: vec![
                ("third".into(), (0..rows).map(|i| i as f64 / 3.0).collect()),
                ("class".into(), (0..rows).map(|i| (i % 2) as f64).collect()),
            ],
            texts: vec![("letter".into(), (0..rows).map(letter).collect())],
            ..Table::default()
        })
    }
}

/// A request for the letters by a manifest that is written into `folder`, `more` added to it.
pub(crate) fn letters(folder: &Path, more: &str) -> DatasetRequest {
    let text = "title = \"t\"\nsource = \"s\"\nlicence = \"l\"\nbuiltin = \"generated:letters\"\n\
                target = \"class\"\nsplit = \"stratified\"\n";
    std::fs::write(folder.join("letters.toml"), format!("{text}{more}")).unwrap();
    DatasetRequest {
        manifests: Some(folder.to_owned()),
        ..DatasetRequest::new(DatasetSource::Manifest("letters".into()), 1)
    }
}

fn rows(request: &DatasetRequest) -> Result<usize, String> {
    let data = Dataset::load(request).map_err(|e| e.to_string())?;
    Ok(data.features.nrows())
}

#[test]
fn options_are_the_experiments_else_the_manifests_else_the_sources() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(rows(&letters(folder.path(), "")), Ok(30));
    let mut request = letters(folder.path(), "rows = 12\n");
    assert_eq!(rows(&request), Ok(12));
    request.source_options.insert("rows".into(), 8);
    assert_eq!(rows(&request), Ok(8));
    let (source, option) = registry::options().find(|(_, o)| o.name == "rows").unwrap();
    assert_eq!((source.name(), option.most), ("generated:letters", 100));
}

#[test]
fn options_that_a_source_cannot_have_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let check = |request: &DatasetRequest, words: &[&str]| {
        let problem = rows(request).unwrap_err();
        for word in words.iter().chain(&["help:"]) {
            assert!(problem.contains(word), "lacks {word:?}: {problem}");
        }
    };
    let request = |more: &str| letters(folder.path(), more);
    check(
        &request("rows = 101\n"),
        &["letters.toml:7: `rows`: found 101", "expected 1 to 100"],
    );
    check(
        &request("rows = \"9\"\n"),
        &["letters.toml:7:", "expected u64"],
    );
    check(
        &request("rows = -9\n"),
        &["letters.toml:7:", "expected u64"],
    );
    check(
        &request("row = 9\n"),
        &[
            "letters.toml:7:",
            "unknown field `row`",
            "may also have rows",
        ],
    );
    // Other data have no use for it; who has is said.
    let mut other = request("");
    other.source_options.insert("rows".into(), 9);
    other.source = DatasetSource::Manifest("wine-quality".into());
    let words = [
        "`rows` has a meaning for data that are made only",
        "`use = \"letters\"`",
    ];
    check(&other, &words);
}

/// Made data are a CSV file like any other once they are written.
#[test]
fn made_data_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let made = Dataset::load(&letters(folder.path(), "rows = 64\n")).unwrap();
    let path = folder.path().join("letters.csv");
    std::fs::write(&path, made.to_csv()).unwrap();
    let read = Dataset::load(&DatasetRequest {
        target: Some("class".into()),
        labels: vec!["letter".into()],
        split: Some(SplitKind::Stratified),
        ..DatasetRequest::new(DatasetSource::File(path), 1)
    })
    .unwrap();
    assert_eq!(made.features, read.features);
    assert_eq!(made.labels, read.labels);
    assert_eq!(made.target, read.target);
    assert_eq!((made.train, made.test), (read.train, read.test));
}
