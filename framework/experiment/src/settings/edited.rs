//! The text of an experiment with settings in it: where each goes, and where each byte is from.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::steps::{Step, dotted, find, quoted};
use super::{FORM, Setting};
use crate::command::program_of;
use hexperiment_diagnostics::Complaint;
use hexperiment_scheme::registry;

/// Where a part of a text is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The file, from this byte on.
    File(usize),
    /// A setting.
    Setting(usize),
}

/// The text of an experiment with settings in it, and where each byte is from.
#[derive(Clone, Debug)]
pub(crate) struct Edited<'a> {
    file: &'a Path,
    /// Where the lines of the file end.
    line_ends: Vec<usize>,
    settings: &'a [Setting],
    text: String,
    /// Lengths and origins, in order.
    pieces: Vec<(usize, Origin)>,
}

impl<'a> Edited<'a> {
    /// Writes settings into a text that is TOML.
    pub(crate) fn new(
        original: &'a str,
        file: &'a Path,
        settings: &'a [Setting],
    ) -> Result<Self, Complaint> {
        let mut edited = Self {
            file,
            line_ends: original.match_indices('\n').map(|(at, _)| at).collect(),
            settings,
            text: original.to_owned(),
            pieces: vec![(original.len(), Origin::File(0))],
        };
        let mut done: Vec<Vec<Step>> = Vec::new();
        for (index, setting) in settings.iter().enumerate() {
            for path in edited.paths(setting)? {
                if done.contains(&path) {
                    let earlier = "the same key was set before; expected each once";
                    return Err(
                        Complaint::new(&setting.words, earlier).help("leave one of the two out")
                    );
                }
                edited.set(index, &path)?;
                done.push(path);
            }
        }
        Ok(edited)
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// A complaint about byte `offset` of the text.
    pub(crate) fn complaint(&self, offset: usize, message: String) -> Complaint {
        match self.origin(offset) {
            Origin::File(offset) => Complaint::new(self.file, message).at_line(self.line(offset)),
            Origin::Setting(index) => Complaint::new(&self.settings[index].words, message),
        }
    }

    /// Where byte `offset` of the text stands: a line of the file, or a setting.
    pub(crate) fn place(&self, offset: usize) -> Place {
        match self.origin(offset) {
            Origin::File(offset) => Place::Line(self.line(offset)),
            Origin::Setting(index) => Place::Setting(self.settings[index].words.clone()),
        }
    }

    /// The line, from 1, of a byte of the file.
    fn line(&self, offset: usize) -> usize {
        1 + self.line_ends.partition_point(|end| *end < offset)
    }

    fn origin(&self, offset: usize) -> Origin {
        let mut start = 0;
        let mut end_of_file = 0;
        for (length, origin) in &self.pieces {
            if offset < start + length {
                return match origin {
                    Origin::File(at) => Origin::File(at + offset - start),
                    Origin::Setting(index) => Origin::Setting(*index),
                };
            }
            if let Origin::File(at) = origin {
                end_of_file = at + length;
            }
            start += length;
        }
        Origin::File(end_of_file)
    }

    /// Where a setting goes: one place, or all schemes that have the option.
    fn paths(&self, setting: &Setting) -> Result<Vec<Vec<Step>>, Complaint> {
        let keys = |path: &[String]| -> Vec<Step> { path.iter().cloned().map(Step::Key).collect() };
        match (setting.path[0].as_str(), &setting.path[1..]) {
            // Keys of the matrix hold a dot; it need not be quoted here.
            ("matrix", rest) => Ok(vec![keys(&["matrix".into(), rest.join(".")])]),
            ("scheme", rest) => self.in_schemes(setting, rest),
            ("dataset" | "task" | "run", [key]) => {
                self.not_varied(setting, &format!("{}.{key}", setting.path[0]))?;
                Ok(vec![keys(&setting.path)])
            }
            _ => Ok(vec![keys(&setting.path)]),
        }
    }

    fn in_schemes(&self, setting: &Setting, rest: &[String]) -> Result<Vec<Vec<Step>>, Complaint> {
        let schemes = self.schemes();
        let path = |(index, _): (usize, &Named)| {
            let [.., key] = rest else { return vec![] };
            vec![
                Step::Key("scheme".into()),
                Step::Index(index),
                Step::Key(key.clone()),
            ]
        };
        let all = schemes.iter().enumerate();
        match rest {
            [key] => {
                self.not_varied(setting, &format!("scheme.{key}"))?;
                let mut found: Vec<_> = all.clone().filter(|(_, s)| s.has(key)).map(path).collect();
                // Where none has it, the complaint is that of the first.
                found.extend(all.take(usize::from(found.is_empty())).map(path));
                if found.is_empty() {
                    let none = "the file names no [[scheme]]";
                    return Err(Complaint::new(&setting.words, none).help(FORM));
                }
                Ok(found)
            }
            [label, key] => {
                let found: Vec<_> = all.filter(|(_, s)| s.label == *label).map(path).collect();
                if found.is_empty() {
                    let known: Vec<&str> = schemes.iter().map(|s| s.label.as_str()).collect();
                    let message = format!("the file has no scheme labelled `{label}`");
                    return Err(Complaint::new(&setting.words, message)
                        .help(format!("labels: {}", known.join(", "))));
                }
                self.not_varied(setting, &format!("scheme.{key}"))?;
                Ok(found)
            }
            _ => Err(Complaint::new(
                &setting.words,
                "expected scheme.option=value, or scheme.label.option=value",
            )
            .help(FORM)),
        }
    }

    /// What the matrix varies it takes from its own list.
    fn not_varied(&self, setting: &Setting, key: &str) -> Result<(), Complaint> {
        let Ok(root) = DeTable::parse(&self.text) else {
            return Ok(());
        };
        let steps = [Step::Key("matrix".into()), Step::Key(key.into())];
        if find(root.get_ref(), &steps).is_none() {
            return Ok(());
        }
        let message =
            format!("[matrix] varies \"{key}\", so that the setting would have no effect");
        Err(Complaint::new(&setting.words, message).help(format!(
            "set the list: --set 'matrix.{key}=[{}]'",
            setting.value
        )))
    }

    /// The schemes of the text as it stands.
    fn schemes(&self) -> Vec<Named> {
        let Ok(root) = DeTable::parse(&self.text) else {
            return vec![];
        };
        let list = root.get_ref().get("scheme").map(toml::Spanned::get_ref);
        let Some(DeValue::Array(list)) = list else {
            return vec![];
        };
        let text = |value: &DeValue<'_>, key: &str| match value {
            DeValue::Table(table) => match table.get(key).map(toml::Spanned::get_ref) {
                Some(DeValue::String(text)) => Some(text.to_string()),
                _ => None,
            },
            _ => None,
        };
        let named = list.iter().map(|entry| {
            let name = text(entry.get_ref(), "use").or_else(|| self.program(entry.get_ref()));
            let name = name.unwrap_or_default();
            Named {
                label: text(entry.get_ref(), "label").unwrap_or_else(|| name.clone()),
                name,
            }
        });
        named.collect()
    }

    /// The name of a scheme that is a program, which is started to tell it; what is wrong with it is told
    /// when the text is checked.
    fn program(&self, scheme: &DeValue<'_>) -> Option<String> {
        let DeValue::Table(table) = scheme else {
            return None;
        };
        let scheme = registry::program(&program_of(table, self.file)?).ok()?;
        Some(scheme.manifest().name.to_owned())
    }

    /// Writes the value of a setting to one place.
    fn set(&mut self, index: usize, path: &[Step]) -> Result<(), Complaint> {
        let setting = &self.settings[index];
        let value = setting.value.clone();
        for (range, new) in self.edits(path, &value) {
            let mut candidate = self.clone();
            candidate.replace(range, &new, index);
            if candidate.holds(path, &value) {
                *self = candidate;
                return Ok(());
            }
        }
        let message = "found no place for it in the file";
        Err(Complaint::new(&setting.words, message).help(
            "name one key of a section; the section is best written under a [header] of its own",
        ))
    }

    /// Edits that may do, the best first: a value replaced, a key added to a section, a section
    /// added.
    fn edits(&self, path: &[Step], value: &str) -> Vec<(Range<usize>, String)> {
        let Ok(root) = DeTable::parse(&self.text) else {
            return vec![];
        };
        let root = root.get_ref();
        if let Some(range) = self.value_at(root, path) {
            return vec![(range, value.to_owned())];
        }
        let Some((Step::Key(last), above)) = path.split_last() else {
            return vec![];
        };
        let line = format!("{} = {value}", quoted(last));
        let end = self.text.len();
        let newline = if self.text.is_empty() || self.text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        let names: Option<Vec<String>> = above.iter().map(Step::name).collect();
        let names = names.map(|names| dotted(&names));
        let section = |names: &String| (end..end, format!("{newline}\n[{names}]\n{line}\n"));
        match find(root, above).map(|(_, range)| range) {
            Some(range) => match self.text.as_bytes().get(range.start) {
                // A header: the line below it.
                Some(b'[') => {
                    let (at, before) = match self.text[range.end..].find('\n') {
                        Some(at) => (range.end + at + 1, ""),
                        None => (end, "\n"),
                    };
                    vec![(at..at, format!("{before}{line}\n"))]
                }
                Some(b'{') => {
                    let at = range.start + 1;
                    let empty = self.text[at..range.end].trim() == "}";
                    let comma = if empty { " " } else { "," };
                    vec![(at..at, format!(" {line}{comma}"))]
                }
                // A table that only dotted keys or headers below it make.
                _ => names
                    .iter()
                    .flat_map(|names| [section(names), (0..0, format!("{names}.{line}\n"))])
                    .collect(),
            },
            None => names.iter().map(section).collect(),
        }
    }

    /// The place of a value, if one stands there: a section is none.
    fn value_at(&self, root: &DeTable<'_>, path: &[Step]) -> Option<Range<usize>> {
        let (value, range) = find(root, path)?;
        let is_value = match value {
            DeValue::Table(_) => self.text[range.clone()].starts_with('{'),
            DeValue::Array(_) => !self.text[range.clone()].starts_with("[["),
            _ => true,
        };
        is_value.then_some(range)
    }

    fn replace(&mut self, range: Range<usize>, new: &str, index: usize) {
        let mut pieces = Vec::with_capacity(self.pieces.len() + 2);
        let mut placed = false;
        let mut start = 0;
        for (length, origin) in &self.pieces {
            let (from, to) = (start, start + length);
            if from < range.start {
                pieces.push((to.min(range.start) - from, *origin));
            }
            if !placed && to >= range.start {
                pieces.push((new.len(), Origin::Setting(index)));
                placed = true;
            }
            if to > range.end {
                let cut = range.end.max(from) - from;
                let rest = match origin {
                    Origin::File(at) => Origin::File(at + cut),
                    Origin::Setting(index) => Origin::Setting(*index),
                };
                pieces.push((length - cut, rest));
            }
            start = to;
        }
        self.pieces = pieces;
        self.text.replace_range(range, new);
    }

    /// Whether the text is TOML that has this value there.
    fn holds(&self, path: &[Step], value: &str) -> bool {
        DeTable::parse(&self.text).is_ok_and(|root| {
            let range = self.value_at(root.get_ref(), path);
            range.is_some_and(|range| self.text[range] == *value)
        })
    }
}

/// Where a key of an experiment stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this line of the file.
    Line(usize),
    /// In a setting, told as it was given.
    Setting(String),
}

/// A scheme of the file.
struct Named {
    name: String,
    label: String,
}

impl Named {
    fn has(&self, option: &str) -> bool {
        let own = registry::scheme(&self.name).map(|s| s.manifest().options);
        crate::sections::plugin(true)
            .iter()
            .chain(own.iter().flatten())
            .any(|spec| spec.name == option)
    }
}
