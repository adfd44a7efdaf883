//! TOML with places: tables of options, every problem a complaint with its line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::options::{OptionSpec, OptionValue, suggest};
use crate::source::Complaint;

/// A text being checked, and what is wrong with it so far.
pub(super) struct Checker<'a> {
    pub(super) text: &'a str,
    pub(super) file: &'a Path,
    pub(super) complaints: Vec<Complaint>,
}

/// Values of a section by key, each with its byte offset.
pub(super) type Given = BTreeMap<String, (OptionValue, usize)>;

impl Checker<'_> {
    /// The folder of manifests beside the file.
    pub(super) fn manifests(&self) -> Option<PathBuf> {
        self.file.parent().map(|folder| folder.join("datasets"))
    }

    /// Notes a complaint about byte `offset`.
    pub(super) fn complain(&mut self, offset: usize, message: String, help: Option<String>) {
        let mut complaint = Complaint::new(self.file, message).at_offset(self.text, offset);
        complaint.help = help;
        self.complaints.push(complaint);
    }

    /// The table under `key`, if it is there and is one.
    pub(super) fn table<'t, 'i>(
        &mut self,
        parent: &'t DeTable<'i>,
        key: &str,
    ) -> Option<(&'t DeTable<'i>, usize)> {
        let value = parent.get(key)?;
        let offset = value.span().start;
        if let DeValue::Table(table) = value.get_ref() {
            return Some((table, offset));
        }
        let found = describe(value.get_ref());
        self.complain(
            offset,
            format!("`{key}`: found {found}, expected a table"),
            Some(format!("write it as [{key}]")),
        );
        None
    }

    /// Checks a section against its options; unknown keys, wrong types and missing keys are
    /// complaints.
    pub(super) fn section(
        &mut self,
        name: &str,
        table: &DeTable<'_>,
        offset: usize,
        specs: &[OptionSpec],
    ) -> Given {
        let mut given = Given::new();
        for (key, value) in table {
            let place = key.span().start;
            let key: &str = key.get_ref();
            let Some(spec) = specs.iter().find(|s| s.name == key) else {
                let hint = suggest(key, specs.iter().map(|s| s.name))
                    .map(|s| format!("did you mean `{s}`? "))
                    .unwrap_or_default();
                let known: Vec<&str> = specs.iter().map(|s| s.name).collect();
                let help = format!("{hint}known: {}", known.join(", "));
                self.complain(place, format!("unknown key `{key}` in {name}"), Some(help));
                continue;
            };
            if let Some(value) = self.value(name, spec, value) {
                given.insert(key.to_owned(), value);
            }
        }
        for spec in specs
            .iter()
            .filter(|s| s.required && !table.contains_key(s.name))
        {
            let help = format!("{} It takes {}.", spec.doc, spec.kind.expected());
            self.complain(offset, format!("{name} lacks `{}`", spec.name), Some(help));
        }
        given
    }

    /// Checks one value against its option.
    pub(super) fn value(
        &mut self,
        section: &str,
        spec: &OptionSpec,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<(OptionValue, usize)> {
        let offset = value.span().start;
        let checked = option_value(value.get_ref()).and_then(|v| spec.kind.check(v));
        match checked {
            Ok(value) => Some((value, offset)),
            Err(problem) => {
                let message = format!("`{}` in {section}: {problem}", spec.name);
                self.complain(offset, message, Some(spec.doc.to_owned()));
                None
            }
        }
    }
}

/// What a value is, for messages that say `found …`.
pub(super) fn describe(value: &DeValue<'_>) -> String {
    match option_value(value) {
        Ok(value) => value.to_string(),
        Err(problem) => problem
            .strip_prefix("found ")
            .unwrap_or(&problem)
            .to_owned(),
    }
}

/// A TOML value as an option's; the error says what is found.
pub(super) fn option_value(value: &DeValue<'_>) -> Result<OptionValue, String> {
    Ok(match value {
        DeValue::String(text) => OptionValue::Text(text.as_ref().to_owned()),
        DeValue::Boolean(x) => OptionValue::Flag(*x),
        DeValue::Integer(x) => i64::from_str_radix(x.as_str(), x.radix())
            .map(OptionValue::Integer)
            .map_err(|_| format!("found {x}, expected a whole number of 64 bits"))?,
        DeValue::Float(x) => x
            .as_str()
            .parse()
            .map(OptionValue::Number)
            .map_err(|_| format!("found {x}, expected a number"))?,
        DeValue::Array(values) => OptionValue::List(
            values
                .iter()
                .map(|v| option_value(v.get_ref()))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Datetime(x) => return Err(format!("found the date {x}")),
        DeValue::Table(_) => return Err("found a table".into()),
    })
}
