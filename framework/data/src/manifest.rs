//! Manifests: what is known of a data set before it is read.
//!
//! A manifest is a file `<name>.toml` in a folder `datasets`; those of this project are
//! compiled in, so that they are there wherever the program runs.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::de::{DeTable, Deserializer, Error, ValueDeserializer};

use super::registry::{self, SourceOptions};
use super::{MissingPolicy, SplitKind};
use crate::toml_text;
use hexperiment_diagnostics::suggest;
use hexperiment_diagnostics::{Complaint, files, printable};

/// One manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What it is.
    pub title: String,
    /// Where it comes from: the official page.
    pub source: String,
    /// Under which licence.
    pub licence: String,
    /// The file's name below the data folders, that of a table or of an image; absent for embedded
    /// data.
    pub file: Option<PathBuf>,
    /// SHA-256 of the file, in hexadecimal; absent where no one official file exists.
    pub sha256: Option<String>,
    /// Where the file can be fetched without an account, if anywhere.
    pub url: Option<String>,
    /// How to get it otherwise.
    pub how_to_get: Option<String>,
    /// A source that needs no file, by its name in the [registry].
    pub builtin: Option<String>,
    /// That source's options, where an experiment does not say; keys like the others, but which there
    /// are the registry knows.
    #[serde(skip)]
    pub source_options: SourceOptions,
    /// One character between fields.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// Whether the first line names the columns; without it they are `c0`, `c1`, ….
    #[serde(default = "yes")]
    pub header: bool,
    /// The column to be predicted.
    pub target: Option<String>,
    /// A second file, beside the first, whose first column is the target.
    pub target_file: Option<PathBuf>,
    /// SHA-256 of the target's file, in hexadecimal.
    pub target_sha256: Option<String>,
    /// The target becomes 1 where it is above this number, else 0.
    pub target_above: Option<f64>,
    /// Columns kept as text.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Columns of categories, each of which becomes a column of 0 and 1.
    #[serde(default)]
    pub one_hot: Vec<String>,
    /// Columns that are not read.
    #[serde(default)]
    pub drop: Vec<String>,
    /// What stands for a missing value, besides an empty field and `NA`.
    pub missing_marker: Option<String>,
    /// What is usually done about missing values.
    #[serde(default)]
    pub missing: MissingPolicy,
    /// How it is usually split.
    #[serde(default)]
    pub split: SplitKind,
}

fn comma() -> char {
    ','
}

fn yes() -> bool {
    true
}

include!(concat!(env!("OUT_DIR"), "/manifests.rs"));

/// The names of the manifests in `folder` and of those compiled in.
pub fn names(folder: Option<&Path>) -> Vec<String> {
    let mut names: Vec<String> = BUILT_IN
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let files = folder
        .and_then(|f| std::fs::read_dir(f).ok())
        .into_iter()
        .flatten()
        .flatten();
    names.extend(files.filter_map(|entry| {
        let path = entry.path();
        let is_manifest = path.extension().is_some_and(|e| e == "toml");
        is_manifest.then(|| path.file_stem().map(|s| s.to_string_lossy().into_owned()))?
    }));
    names.sort();
    names.dedup();
    names
}

/// Reads the manifest called `name`: from `folder` if it is there, else the one compiled in.
///
/// # Errors
/// There is no such data set; or its file cannot be read, is not TOML, or is no manifest: a key is
/// unknown, a column is listed twice, it has both or neither of `file` and `builtin`, or the
/// delimiter is not ASCII.
pub fn find(name: &str, folder: Option<&Path>) -> Result<Manifest, Complaint> {
    let own = folder
        .map(|f| f.join(format!("{name}.toml")))
        .filter(|p| p.exists());
    if let Some(path) = own {
        let help = "it is taken for the manifest of a data set";
        let text = files::read_text(&path, files::TEXT, help)?;
        return parse(&text, &path);
    }
    if let Some((_, text)) = BUILT_IN.iter().find(|(n, _)| *n == name) {
        return parse(
            text,
            &PathBuf::from(format!("experiments/datasets/{name}.toml")),
        );
    }
    let known = names(folder);
    let hint = suggest(name, known.iter().map(String::as_str))
        .map(|s| format!("did you mean `{s}`? "))
        .unwrap_or_default();
    Err(Complaint::new(
        folder.unwrap_or(Path::new("experiments/datasets")),
        format!("there is no data set `{}`", printable::cut(name, 60)),
    )
    .about("use")
    .help(format!(
        "{hint}known: {}; or write `path = \"my.csv\"` in place of `use`",
        printable::list(known.iter().map(String::as_str), 40)
    )))
}

/// The manifest in `text`, the options of sources taken out before what is left must be known.
fn deserialize(text: &str) -> Result<Manifest, Error> {
    let mut root = DeTable::parse(text)?;
    let mut source_options = SourceOptions::new();
    for (_, option) in registry::options() {
        if let Some(value) = root.get_mut().remove(option.name) {
            let value = u64::deserialize(ValueDeserializer::from(value))?;
            source_options.insert(option.name.to_owned(), value);
        }
    }
    let manifest = Manifest::deserialize(Deserializer::from(root))?;
    Ok(Manifest {
        source_options,
        ..manifest
    })
}

/// The name of a manifest of the source `builtin`, if there is one.
pub(super) fn of_source(builtin: &str, folder: Option<&Path>) -> Option<String> {
    names(folder).into_iter().find(|name| {
        find(name, folder).is_ok_and(|manifest| manifest.builtin.as_deref() == Some(builtin))
    })
}

fn parse(text: &str, path: &Path) -> Result<Manifest, Complaint> {
    let manifest = deserialize(text).map_err(|e| {
        let help = "a manifest is written as those in `experiments/datasets` are";
        let further: Vec<_> = registry::options().map(|(_, o)| o.name).collect();
        let complaint = toml_text::complaint(path, text, &e);
        if e.message().starts_with("unknown field") && !further.is_empty() {
            let further = further.join(", ");
            complaint.help(format!("{help}; one of made data may also have {further}"))
        } else {
            complaint.help(help)
        }
    })?;
    for (key, columns) in [("labels", &manifest.labels), ("drop", &manifest.drop)] {
        let mut seen = HashSet::new();
        if let Some(twice) = columns.iter().find(|column| !seen.insert(*column)) {
            let found = printable::quoted(twice);
            let problem = format!("`{key}`: found {found} twice, expected each column once");
            return Err(Complaint::new(path, problem).help("leave one of them out"));
        }
    }
    if manifest.file.is_some() == manifest.builtin.is_some() {
        let found = if manifest.file.is_some() {
            "both"
        } else {
            "neither"
        };
        let problem = format!("found {found}, expected either a `file` or a `builtin`");
        return Err(Complaint::new(path, problem).help("`builtin` is for embedded data"));
    }
    check_source(&manifest, text, path)?;
    if manifest.target_above.is_some_and(|x| !x.is_finite()) {
        let problem = "`target_above`: found no finite number, expected one";
        return Err(Complaint::new(path, problem)
            .at_line(line_of(text, "target_above"))
            .help("write the number above which the target is 1"));
    }
    if !manifest.delimiter.is_ascii() {
        let found = manifest.delimiter;
        let problem = format!("`delimiter`: found {found:?}, expected one ASCII character");
        return Err(Complaint::new(path, problem).help("save the file with commas or tabs"));
    }
    Ok(manifest)
}

/// Keys that say how a file is read, or got.
const OF_FILES: [&str; 10] = [
    "sha256",
    "url",
    "delimiter",
    "header",
    "target_file",
    "target_sha256",
    "labels",
    "one_hot",
    "drop",
    "missing_marker",
];

/// Refuses keys that the source has no use for, which would do nothing.
fn check_source(manifest: &Manifest, text: &str, path: &Path) -> Result<(), Complaint> {
    let at = |key: &str, words: String| Complaint::new(path, words).at_line(line_of(text, key));
    if manifest.builtin.is_some() {
        let keys = DeTable::parse(text).ok();
        let is_given = |key: &&&str| {
            keys.as_ref()
                .is_some_and(|t| t.get_ref().contains_key(**key))
        };
        if let Some(key) = OF_FILES.iter().find(is_given) {
            let words = format!("`{key}`: found it beside `builtin`, expected it beside a `file`");
            let help = "take it out; an experiment may leave columns out by `drop_columns` under \
                        [dataset]";
            return Err(at(key, words).help(help));
        }
    }
    for (source, option) in registry::options() {
        let Some(value) = manifest.source_options.get(option.name) else {
            continue;
        };
        let (key, own) = (option.name, source.name());
        if manifest.builtin.as_deref() != Some(own) {
            let words = format!("`{key}`: found it beside other data, expected it with {own:?}");
            let help = format!("take it out, or write `builtin = {own:?}`");
            return Err(at(key, words).help(help));
        }
        if !(option.least..=option.most).contains(value) {
            let (least, most) = (option.least, option.most);
            let words = format!("`{key}`: found {value}, expected {least} to {most}");
            return Err(at(key, words).help(option.doc));
        }
    }
    Ok(())
}

/// The line of a key that a manifest gives, from 1 on.
fn line_of(text: &str, key: &str) -> usize {
    let table = DeTable::parse(text).ok();
    let start = table.and_then(|table| {
        let (key, _) = table.get_ref().get_key_value(key)?;
        Some(key.span().start)
    });
    start.map_or(1, |start| text[..start].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What would do nothing is refused at its line.
    #[test]
    fn keys_of_files_beside_made_data_are_refused() {
        for (line, words) in [
            ("drop = [\"age\"]", "`drop`: found it beside `builtin`"),
            ("delimiter = \";\"", "`delimiter`: found it beside"),
            (
                "target_above = nan",
                "`target_above`: found no finite number",
            ),
        ] {
            let text = format!(
                "title = \"t\"\nsource = \"s\"\nlicence = \"l\"\nbuiltin = \"linfa:diabetes\"\n{line}\n"
            );
            let complaint = parse(&text, Path::new("m.toml")).unwrap_err();
            assert_eq!(complaint.line, Some(5), "{complaint}");
            assert!(complaint.to_string().contains(words), "{complaint}");
        }
    }

    #[test]
    fn a_near_miss_is_suggested() {
        let complaint = find("framinghan", None).unwrap_err();
        assert!(
            complaint.to_string().contains("did you mean `framingham`?"),
            "{complaint}"
        );
    }

    #[test]
    fn an_unknown_key_has_its_line() {
        let text = "title = \"t\"\nsource = \"s\"\nlicence = \"l\"\nfiel = \"x\"\n";
        let complaint = parse(text, Path::new("m.toml")).unwrap_err();
        assert_eq!(complaint.line, Some(4), "{complaint}");
    }
}
