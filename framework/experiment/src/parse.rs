//! TOML with places: tables of options, every problem a complaint with its line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::settings::Edited;
use hexperiment_diagnostics::suggest;
use hexperiment_diagnostics::{Complaint, printable};
use hexperiment_scheme::options::{OptionSpec, OptionValue, Options};

/// Complaints of one kind that are told one by one; a file of nonsense has thousands.
const SHOWN: usize = 10;

/// A text being checked, and what is wrong with it so far.
pub(super) struct Checker<'a> {
    pub(super) text: &'a Edited<'a>,
    pub(super) file: &'a Path,
    pub(super) complaints: Vec<Complaint>,
    /// Complaints beyond so many in all are only counted.
    room: usize,
    /// How many were, and the offset of the first.
    untold: Option<(usize, usize)>,
}

/// Values of a section by key, each with its byte offset.
pub(super) type Given = BTreeMap<String, (OptionValue, usize)>;

/// The entries of a table in the order of the file.
pub(super) fn in_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// The values of a section, with the defaults of `specs`.
pub(super) fn options(specs: &[OptionSpec], given: &Given) -> Options {
    let given = given.iter();
    Options::with_defaults(
        specs,
        given.map(|(key, (value, _))| (key.clone(), value.clone())),
    )
}

impl<'a> Checker<'a> {
    /// Nothing is wrong so far with `text`, the contents of `file` with settings in it.
    pub(super) fn new(text: &'a Edited<'a>, file: &'a Path) -> Self {
        Self {
            text,
            file,
            complaints: vec![],
            room: usize::MAX,
            untold: None,
        }
    }

    /// The folder of manifests beside the file.
    pub(super) fn manifests(&self) -> Option<PathBuf> {
        self.file.parent().map(|folder| folder.join("datasets"))
    }

    /// Notes a complaint about byte `offset`.
    pub(super) fn complain(&mut self, offset: usize, message: String, help: Option<String>) {
        let mut complaint = self.text.complaint(offset, message);
        complaint.help = help;
        self.note(offset, complaint);
    }

    /// Notes a complaint, which may be about another file, on behalf of byte `offset` of this one.
    pub(super) fn note(&mut self, offset: usize, complaint: Complaint) {
        if self.is_full() {
            let (count, first) = self.untold.unwrap_or((0, offset));
            self.untold = Some((count + 1, first));
        } else {
            self.complaints.push(complaint);
        }
    }

    /// How many complaints there are, told or not.
    pub(super) fn count(&self) -> usize {
        self.complaints.len() + self.untold.map_or(0, |(count, _)| count)
    }

    /// Whether further complaints are only counted.
    fn is_full(&self) -> bool {
        self.complaints.len() >= self.room
    }

    /// Runs a check that may have many complaints of one kind: the first are told, of the others
    /// how many there are.
    pub(super) fn few<T>(&mut self, check: impl FnOnce(&mut Self) -> T) -> T {
        let outer = (self.room, self.untold.take());
        self.room = outer.0.min(self.complaints.len().saturating_add(SHOWN));
        let result = check(self);
        let here = self.untold;
        (self.room, self.untold) = outer;
        if let Some((count, offset)) = here {
            if self.is_full() {
                let (more, first) = self.untold.unwrap_or((0, offset));
                self.untold = Some((count + more, first));
            } else {
                let message = format!("and {count} more of the kind, from this line on");
                let help = "correct those above first; they may have one cause";
                self.complain(offset, message, Some(help.into()));
            }
        }
        result
    }

    /// `did you mean …?`, where a candidate is near to what was found; nothing where nobody is told. The
    /// candidate is between `quotes`.
    pub(super) fn hint<'c>(
        &self,
        found: &str,
        candidates: impl IntoIterator<Item = &'c str>,
        quotes: [char; 2],
    ) -> String {
        let near = (!self.is_full()).then(|| suggest(found, candidates));
        near.flatten()
            .map(|s| format!("did you mean {}{s}{}? ", quotes[0], quotes[1]))
            .unwrap_or_default()
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
        self.few(|checker| {
            for (key, value) in in_order(table) {
                let (place, key) = (key.span().start, key.get_ref().as_ref());
                let names = || specs.iter().map(|s| s.name);
                let Some(spec) = specs.iter().find(|s| s.name == key) else {
                    let hint = checker.hint(key, names(), ['`'; 2]);
                    let known: Vec<&str> = names().collect();
                    let help = format!("{hint}known: {}", known.join(", "));
                    let key = printable::cut(key, 60);
                    checker.complain(place, format!("unknown key `{key}` in {name}"), Some(help));
                    continue;
                };
                let named = format!("`{key}` in {name}");
                if let Some(value) = checker.value(&named, spec, value) {
                    given.insert(key.to_owned(), value);
                }
            }
        });
        for spec in specs
            .iter()
            .filter(|s| s.required && !table.contains_key(s.name))
        {
            let help = format!("{} It takes {}.", spec.doc, spec.kind.expected());
            self.complain(offset, format!("{name} lacks `{}`", spec.name), Some(help));
        }
        given
    }

    /// Checks one value against its option; `named` is what messages call it.
    pub(super) fn value(
        &mut self,
        named: &str,
        spec: &OptionSpec,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<(OptionValue, usize)> {
        let offset = value.span().start;
        let checked = option_value(value.get_ref()).and_then(|v| spec.check(v));
        match checked {
            Ok(value) => Some((value, offset)),
            Err(problem) => {
                self.complain(
                    offset,
                    format!("{named}: {problem}"),
                    Some(spec.doc.to_owned()),
                );
                None
            }
        }
    }
}

/// What a value is, for messages that say `found …`.
pub(super) fn describe(value: &DeValue<'_>) -> String {
    match option_value(value) {
        Ok(value) => value.brief(),
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
            .map_err(|_| {
                let found = printable::cut(x.as_str(), 60).into_owned();
                format!("found {found}, expected a whole number of 64 bits")
            })?,
        DeValue::Float(x) => x.as_str().parse().map(OptionValue::Number).map_err(|_| {
            format!(
                "found {}, expected a number",
                printable::cut(x.as_str(), 60)
            )
        })?,
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
