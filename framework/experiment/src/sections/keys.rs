//! Keys of a section, declared and read at once.

use hexperiment_scheme::options::{Choice, OptionKind, OptionSpec, OptionValue, Options};

/// Why a value of the right kind cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Key whose value it is.
    pub(crate) key: &'static str,
    /// Whether the words name the section themselves, as those of keys that contradict do.
    pub(crate) of_section: bool,
    /// What was found, and what was expected.
    pub(crate) words: String,
    /// What to do about it.
    pub(crate) help: String,
}

/// What a check says of a value: what was found and expected, and what to do.
pub(crate) type Objection = (String, String);

/// The values of a section, whose kinds were checked, and what was declared of them so far.
pub(crate) struct Keys<'a> {
    values: &'a Options,
    specs: Vec<OptionSpec>,
    problems: Vec<Problem>,
}

impl<'a> Keys<'a> {
    /// Of a section with these values; keys that are not given have their defaults.
    pub(crate) fn of(values: &'a Options) -> Self {
        Self {
            values,
            specs: vec![],
            problems: vec![],
        }
    }

    /// The keys that a section reads.
    pub(crate) fn declared<T>(section: impl FnOnce(&mut Keys<'_>) -> T) -> Vec<OptionSpec> {
        let nothing = Options::default();
        let mut keys = Keys::of(&nothing);
        section(&mut keys);
        keys.specs
    }

    /// What is wrong with the values.
    pub(crate) fn problems(self) -> Vec<Problem> {
        self.problems
    }

    /// The value of a key, if it is given or has a default.
    fn read<T>(&mut self, spec: OptionSpec, of: impl Fn(&OptionValue) -> Option<T>) -> Option<T> {
        let value = self.values.get(spec.name).or(spec.default.as_ref());
        let value = value.and_then(of);
        self.specs.push(spec);
        value
    }

    pub(super) fn flag(&mut self, name: &'static str, default: bool, doc: &'static str) -> bool {
        let flag = self.read(OptionSpec::flag(name, default, doc), |value| match value {
            OptionValue::Flag(x) => Some(*x),
            _ => None,
        });
        flag.unwrap_or(default)
    }

    pub(super) fn integer(
        &mut self,
        name: &'static str,
        range: std::ops::RangeInclusive<i64>,
        default: i64,
        doc: &'static str,
    ) -> i64 {
        let spec = OptionSpec::integer(name, range, default, doc);
        self.read(spec, integer).unwrap_or(default)
    }

    pub(super) fn optional_integer(
        &mut self,
        name: &'static str,
        range: std::ops::RangeInclusive<i64>,
        doc: &'static str,
    ) -> Option<i64> {
        let (min, max) = range.into_inner();
        let kind = OptionKind::Integer { min, max };
        self.read(OptionSpec::new(name, kind, doc), integer)
    }

    pub(super) fn number(
        &mut self,
        name: &'static str,
        range: std::ops::RangeInclusive<f64>,
        default: f64,
        doc: &'static str,
    ) -> f64 {
        let spec = OptionSpec::number(name, range, default, doc);
        let number = self.read(spec, |value| match value {
            OptionValue::Number(x) => Some(*x),
            OptionValue::Integer(x) => Some(*x as f64),
            _ => None,
        });
        number.unwrap_or(default)
    }

    pub(super) fn choice<C: Choice + Copy>(
        &mut self,
        name: &'static str,
        default: C,
        doc: &'static str,
    ) -> C {
        let spec = OptionSpec::choice(name, default, doc);
        self.read(spec, choice).unwrap_or(default)
    }

    pub(super) fn optional_choice<C: Choice>(
        &mut self,
        name: &'static str,
        doc: &'static str,
    ) -> Option<C> {
        let spec = OptionSpec::new(name, OptionKind::choice::<C>(), doc);
        self.read(spec, choice)
    }

    /// A string that must be given; without one the section is incomplete, which was told before.
    pub(super) fn required_text(&mut self, name: &'static str, doc: &'static str) -> String {
        let spec = OptionSpec::new(name, OptionKind::Text, doc).required();
        self.read(spec, text).unwrap_or_default()
    }

    pub(super) fn optional_text(
        &mut self,
        name: &'static str,
        doc: &'static str,
    ) -> Option<String> {
        self.read(OptionSpec::new(name, OptionKind::Text, doc), text)
    }

    /// A string with a default that the check accepts.
    pub(super) fn text(&mut self, name: &'static str, default: &str, doc: &'static str) -> String {
        let default = OptionValue::Text(default.into());
        let spec = OptionSpec::new(name, OptionKind::Text, doc).default(default);
        self.read(spec, text).unwrap_or_default()
    }

    /// Strings; none if they are not given.
    pub(super) fn texts(&mut self, name: &'static str, doc: &'static str) -> Vec<String> {
        let spec = OptionSpec::new(name, OptionKind::TextList, doc);
        let texts = self.read(spec, |value| match value {
            OptionValue::List(items) => items.iter().map(text).collect(),
            _ => None,
        });
        texts.unwrap_or_default()
    }

    /// What a check makes of a value that is there; an objection is noted.
    pub(super) fn checked<V, T>(
        &mut self,
        key: &'static str,
        value: Option<V>,
        check: impl FnOnce(V) -> Result<T, Objection>,
    ) -> Option<T> {
        let checked = check(value?);
        checked
            .map_err(|objection| self.object(key, objection))
            .ok()
    }

    /// Notes what is wrong with the value of a key.
    pub(super) fn object(&mut self, key: &'static str, (words, help): Objection) {
        self.problems.push(Problem {
            key,
            of_section: false,
            words,
            help,
        });
    }

    /// Notes what is wrong with two keys together; the value of the first is where it is told.
    pub(super) fn object_to_both(&mut self, key: &'static str, (words, help): Objection) {
        self.problems.push(Problem {
            key,
            of_section: true,
            words,
            help,
        });
    }
}

fn integer(value: &OptionValue) -> Option<i64> {
    match value {
        OptionValue::Integer(x) => Some(*x),
        _ => None,
    }
}

fn text(value: &OptionValue) -> Option<String> {
    match value {
        OptionValue::Text(x) => Some(x.clone()),
        _ => None,
    }
}

fn choice<C: Choice>(value: &OptionValue) -> Option<C> {
    text(value)?.parse().ok()
}
