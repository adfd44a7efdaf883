//! Settings from a command line, `section.key=value`: written into the text of an experiment
//! before it is checked, so that a value is checked, recorded and told of as if it stood in the
//! file. A complaint about such a value names the setting in the place of file and line.

mod edited;
mod steps;

use std::fmt;

use toml::de::{DeTable, DeValue};

use hexperiment_diagnostics::Complaint;

pub(super) use edited::{Edited, Place};

const FORM: &str = "write `--set section.key=value`, as in `--set run.repetitions=3`, `--set \
                    task.output=class`, `--set scheme.LABEL.option=5` or `--set \
                    'matrix.task.features=[3, 5]'`";

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As it was given, with the option's name: `--set run.seed=5`.
    words: String,
    /// The section, then keys in it.
    path: Vec<String>,
    /// The value as TOML.
    value: String,
}

impl Setting {
    /// Reads `section.key=value`. A value that is no TOML counts as a string, so that shells need
    /// no second pair of quotes.
    ///
    /// # Errors
    /// There is no `=` outside quotes, or what stands before it is no dotted key of two parts or
    /// more.
    pub fn parse(text: &str) -> Result<Self, Complaint> {
        let words = format!("--set {text}");
        let complain = |found: &str| Complaint::new(&words, found).help(FORM);
        let Some((key, value)) = split_at_equals(text) else {
            return Err(complain("found no `=`, expected section.key=value"));
        };
        let Some(path) = path_of(key) else {
            return Err(complain(&format!(
                "found `{key}` before `=`, expected section.key"
            )));
        };
        if path.len() < 2 {
            return Err(complain(&format!(
                "found `{key}` before `=`, expected a section and a key in it"
            )));
        }
        let value = toml_of(value.trim());
        Ok(Self { words, path, value })
    }

    /// What `--repetitions TEXT` says.
    pub fn repetitions(text: &str) -> Self {
        Self {
            words: format!("--repetitions {text}"),
            path: vec!["run".into(), "repetitions".into()],
            value: toml_of(text.trim()),
        }
    }

    /// As it was given, with the option's name.
    pub fn words(&self) -> &str {
        &self.words
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// Both sides of the first `=` that is in no quotes.
fn split_at_equals(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let at = text.char_indices().find_map(|(at, c)| {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '=' => return Some(at),
            _ => {}
        }
        None
    })?;
    Some((&text[..at], &text[at + 1..]))
}

/// The parts of a dotted key as TOML has them.
fn path_of(key: &str) -> Option<Vec<String>> {
    let line = format!("{key} = 0");
    let table = DeTable::parse(&line).ok()?;
    let mut path = Vec::new();
    let mut table = table.get_ref();
    loop {
        let mut entries = table.iter();
        let (Some((key, value)), None) = (entries.next(), entries.next()) else {
            return None;
        };
        path.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return Some(path),
        }
    }
}

/// The text of a value: as it is, if it is TOML, else as a string.
fn toml_of(text: &str) -> String {
    match DeValue::parse(text) {
        // What surrounds the value, as a comment would, stays out.
        Ok(value) if text.get(value.span()).is_some_and(|t| !t.is_empty()) => {
            text[value.span()].to_owned()
        }
        _ => toml::Value::from(text).to_string(),
    }
}
