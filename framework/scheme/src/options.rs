//! Options: what a plugin or a section of an experiment file may be told, as data.
//!
//! One description serves parsing, checking, defaults, `list` and the JSON Schema, so that a
//! new option is written down once.

mod kind;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::VariantNames;

pub use kind::{OptionKind, OptionValue};

/// Keys of `[[scheme]]` and `[task]` that experiments use themselves: no option of a plugin is
/// called so.
pub const RESERVED: [&str; 4] = ["use", "label", "command", "name"];

/// An enum whose variants are the choices that an option offers: what a manifest declares is what
/// the plugin reads. The derives of `strum` (`EnumString`, `IntoStaticStr`, `VariantNames`) make one
/// of an enum without fields, names in the order of the variants.
pub trait Choice: FromStr + Into<&'static str> + VariantNames {}

impl<C: FromStr + Into<&'static str> + VariantNames> Choice for C {}

impl OptionKind {
    /// One of the choices of an enum.
    pub fn choice<C: Choice>() -> Self {
        Self::Choice(C::VARIANTS)
    }
}

/// One option.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OptionSpec {
    /// The key in the file.
    pub name: &'static str,
    /// What it takes.
    pub kind: OptionKind,
    /// What holds when it is left out; without one it must be given or stays unset.
    pub default: Option<OptionValue>,
    /// Whether it must be given.
    pub required: bool,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// What a value must keep besides its kind; none for options of schemes from outside.
    #[serde(skip)]
    pub rule: Option<Rule>,
}

/// What a value of an option must keep besides its kind, as that a number is a multiple of 16. What breaks it
/// is bad input, told with its line before anything runs; what only some programs cannot have is a refusal.
#[derive(Clone, Copy, Debug)]
pub struct Rule(fn(&OptionValue) -> Result<(), String>);

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl OptionSpec {
    /// An option that stays unset unless given.
    pub fn new(name: &'static str, kind: OptionKind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            default: None,
            required: false,
            doc,
            rule: None,
        }
    }

    /// With a rule besides its kind: found and expected, in words, of a value that breaks it.
    #[must_use]
    pub fn rule(mut self, rule: fn(&OptionValue) -> Result<(), String>) -> Self {
        self.rule = Some(Rule(rule));
        self
    }

    /// A value as the option takes it: of its kind, and by its rule.
    ///
    /// # Errors
    ///
    /// What was found and what was expected, in words.
    pub fn check(&self, value: OptionValue) -> Result<OptionValue, String> {
        let value = self.kind.check(value)?;
        if let Some(Rule(rule)) = self.rule {
            rule(&value)?;
        }
        Ok(value)
    }

    /// With a default.
    #[must_use]
    pub fn default(mut self, value: OptionValue) -> Self {
        self.default = Some(value);
        self
    }

    /// With a default flag.
    #[must_use]
    pub fn flag(name: &'static str, default: bool, doc: &'static str) -> Self {
        Self::new(name, OptionKind::Flag, doc).default(OptionValue::Flag(default))
    }

    /// A whole number with a default.
    #[must_use]
    pub fn integer(
        name: &'static str,
        range: std::ops::RangeInclusive<i64>,
        default: i64,
        doc: &'static str,
    ) -> Self {
        let kind = OptionKind::Integer {
            min: *range.start(),
            max: *range.end(),
        };
        Self::new(name, kind, doc).default(OptionValue::Integer(default))
    }

    /// A number with a default.
    #[must_use]
    pub fn number(
        name: &'static str,
        range: std::ops::RangeInclusive<f64>,
        default: f64,
        doc: &'static str,
    ) -> Self {
        let kind = OptionKind::Number {
            min: *range.start(),
            max: *range.end(),
        };
        Self::new(name, kind, doc).default(OptionValue::Number(default))
    }

    /// A number with a default, 0 besides.
    #[must_use]
    pub fn zero_or_number(
        name: &'static str,
        range: std::ops::RangeInclusive<f64>,
        default: f64,
        doc: &'static str,
    ) -> Self {
        let kind = OptionKind::ZeroOrNumber {
            min: *range.start(),
            max: *range.end(),
        };
        Self::new(name, kind, doc).default(OptionValue::Number(default))
    }

    /// One of the choices of an enum, with a default.
    #[must_use]
    pub fn choice<C: Choice>(name: &'static str, default: C, doc: &'static str) -> Self {
        let default: &'static str = default.into();
        Self::new(name, OptionKind::choice::<C>(), doc).default(OptionValue::Text(default.into()))
    }

    /// Makes it one that must be given.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// Why an option cannot be read; a mistake of the plugin's author, not of the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plugin reads option `{name}` as {wanted}, but its manifest does not declare it so")]
pub struct OptionError {
    name: String,
    wanted: &'static str,
}

/// Checked options: every declared key that is set, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Options {
    values: BTreeMap<String, OptionValue>,
}

impl Options {
    /// The defaults of `specs`, overridden by `given`, whose values must have passed
    /// [`OptionSpec::check`].
    pub fn with_defaults(
        specs: &[OptionSpec],
        given: impl IntoIterator<Item = (String, OptionValue)>,
    ) -> Self {
        let defaults = specs
            .iter()
            .filter_map(|s| Some((s.name.to_owned(), s.default.clone()?)));
        Self {
            values: defaults.chain(given).collect(),
        }
    }

    /// Sets `name`; the value must have passed [`OptionSpec::check`].
    pub fn set(&mut self, name: &str, value: OptionValue) {
        self.values.insert(name.to_owned(), value);
    }

    /// The value of `name`, if it is set.
    pub fn get(&self, name: &str) -> Option<&OptionValue> {
        self.values.get(name)
    }

    /// All that are set, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &OptionValue)> {
        self.values.iter().map(|(k, v)| (k.as_str(), v))
    }

    fn read<T>(
        &self,
        name: &str,
        wanted: &'static str,
        f: impl Fn(&OptionValue) -> Option<T>,
    ) -> Result<T, OptionError> {
        let error = || OptionError {
            name: name.to_owned(),
            wanted,
        };
        self.values.get(name).and_then(f).ok_or_else(error)
    }

    /// A flag that has a default or is required.
    ///
    /// # Errors
    ///
    /// The option is not set, or is no flag.
    pub fn flag(&self, name: &str) -> Result<bool, OptionError> {
        self.read(name, "a flag", |v| match v {
            OptionValue::Flag(x) => Some(*x),
            _ => None,
        })
    }

    /// A whole number that has a default or is required.
    ///
    /// # Errors
    ///
    /// The option is not set, or is no whole number.
    pub fn integer(&self, name: &str) -> Result<i64, OptionError> {
        self.read(name, "a whole number", |v| match v {
            OptionValue::Integer(x) => Some(*x),
            _ => None,
        })
    }

    /// A number that has a default or is required.
    ///
    /// # Errors
    ///
    /// The option is not set, or is no number.
    pub fn number(&self, name: &str) -> Result<f64, OptionError> {
        self.read(name, "a number", |v| match v {
            OptionValue::Number(x) => Some(*x),
            OptionValue::Integer(x) => Some(*x as f64),
            _ => None,
        })
    }

    /// A choice that has a default or is required.
    ///
    /// # Errors
    ///
    /// The option is not set, is no string, or names none of the choices of `C`.
    pub fn choice<C: Choice>(&self, name: &str) -> Result<C, OptionError> {
        self.read(name, "one of other choices", |v| match v {
            OptionValue::Text(x) => x.parse().ok(),
            _ => None,
        })
    }

    /// A string that has a default or is required.
    ///
    /// # Errors
    ///
    /// The option is not set, or is no string.
    pub fn text(&self, name: &str) -> Result<&str, OptionError> {
        let error = || OptionError {
            name: name.to_owned(),
            wanted: "a string",
        };
        match self.values.get(name) {
            Some(OptionValue::Text(x)) => Ok(x),
            _ => Err(error()),
        }
    }
}
