//! Options: what a plugin or a section of an experiment file may be told, as data.
//!
//! One description serves parsing, checking, defaults, `list` and the JSON Schema, so that a
//! new option is written down once.

use std::collections::BTreeMap;

use hexperiment_diagnostics::suggest;
use serde::{Deserialize, Serialize};

use hexperiment_diagnostics::printable;

/// Keys of `[[scheme]]` and `[task]` that experiments use themselves: no option of a plugin is
/// called so.
pub const RESERVED: [&str; 2] = ["use", "label"];

/// The value of an option.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OptionValue {
    /// `true` or `false`
    Flag(bool),
    /// A whole number
    Integer(i64),
    /// A number
    Number(f64),
    /// A string
    Text(String),
    /// A list of values
    List(Vec<OptionValue>),
}

impl std::fmt::Display for OptionValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(x) => write!(f, "{x}"),
            Self::Integer(x) => write!(f, "{x}"),
            Self::Number(x) => write!(f, "{x:?}"),
            Self::Text(x) => write!(f, "{x:?}"),
            Self::List(xs) => {
                f.write_str("[")?;
                for (i, x) in xs.iter().enumerate() {
                    write!(f, "{}{x}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
        }
    }
}

impl OptionValue {
    /// The value as messages quote it: its beginning if it is long.
    pub fn brief(&self) -> String {
        match self {
            Self::Text(text) => printable::quoted(text),
            value => printable::cut(&value.to_string(), 60).into_owned(),
        }
    }
}

/// The values that an option takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum OptionKind {
    /// `true` or `false`
    Flag,
    /// A whole number between two, both included
    Integer {
        /// The least
        min: i64,
        /// The greatest
        max: i64,
    },
    /// A finite number between two, both included
    Number {
        /// The least
        min: f64,
        /// The greatest
        max: f64,
    },
    /// 0, which has a meaning of its own, or a finite number between two, both included
    ZeroOrNumber {
        /// The least but 0
        min: f64,
        /// The greatest
        max: f64,
    },
    /// Any string
    Text,
    /// One of these strings
    Choice(&'static [&'static str]),
    /// A list of strings
    TextList,
    /// A list of whole numbers
    IntegerList,
}

impl OptionKind {
    /// What is expected, in words: "a whole number from 1 to 60".
    pub fn expected(&self) -> String {
        match self {
            Self::Flag => "true or false".into(),
            Self::Integer { min, max: i64::MAX } => format!("a whole number from {min} on"),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number { min, max } if max.is_infinite() => format!("a number from {min} on"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::ZeroOrNumber { min, max } => format!("0, or a number from {min} to {max}"),
            Self::Text => "a string".into(),
            Self::Choice(names) => {
                let quoted: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
                format!("one of {}", quoted.join(", "))
            }
            Self::TextList => "a list of strings".into(),
            Self::IntegerList => "a list of whole numbers".into(),
        }
    }

    /// Checks a value and turns it into this kind: a whole number is also a number.
    /// The error says what is wrong with the value.
    pub fn check(&self, value: OptionValue) -> Result<OptionValue, String> {
        let refuse = |value: &OptionValue| {
            Err(format!(
                "found {}, expected {}",
                value.brief(),
                self.expected()
            ))
        };
        match (self, value) {
            (Self::Flag, v @ OptionValue::Flag(_)) | (Self::Text, v @ OptionValue::Text(_)) => {
                Ok(v)
            }
            (Self::Integer { min, max }, OptionValue::Integer(x)) => {
                if (*min..=*max).contains(&x) {
                    Ok(OptionValue::Integer(x))
                } else {
                    refuse(&OptionValue::Integer(x))
                }
            }
            (
                Self::Number { min, max } | Self::ZeroOrNumber { min, max },
                v @ (OptionValue::Number(_) | OptionValue::Integer(_)),
            ) => {
                let x = match v {
                    OptionValue::Integer(x) => x as f64,
                    OptionValue::Number(x) => x,
                    _ => return refuse(&v),
                };
                let is_zero = x == 0.0 && matches!(self, Self::ZeroOrNumber { .. });
                // NaN fails both comparisons.
                if is_zero || x.is_finite() && *min <= x && x <= *max {
                    Ok(OptionValue::Number(x))
                } else {
                    refuse(&v)
                }
            }
            (Self::Choice(names), OptionValue::Text(x)) => {
                if names.contains(&x.as_str()) {
                    Ok(OptionValue::Text(x))
                } else {
                    let hint = suggest(&x, names.iter().copied())
                        .map(|s| format!("; did you mean \"{s}\"?"))
                        .unwrap_or_default();
                    let found = printable::quoted(&x);
                    Err(format!("found {found}, expected {}{hint}", self.expected()))
                }
            }
            (Self::TextList, OptionValue::List(xs))
                if xs.iter().all(|x| matches!(x, OptionValue::Text(_))) =>
            {
                Ok(OptionValue::List(xs))
            }
            (Self::IntegerList, OptionValue::List(xs))
                if xs.iter().all(|x| matches!(x, OptionValue::Integer(_))) =>
            {
                Ok(OptionValue::List(xs))
            }
            (_, v) => refuse(&v),
        }
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
        }
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

    /// A choice with a default.
    #[must_use]
    pub fn choice(
        name: &'static str,
        names: &'static [&'static str],
        default: &str,
        doc: &'static str,
    ) -> Self {
        Self::new(name, OptionKind::Choice(names), doc).default(OptionValue::Text(default.into()))
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
    /// [`OptionKind::check`].
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

    /// Sets `name`; the value must have passed [`OptionKind::check`].
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
    pub fn flag(&self, name: &str) -> Result<bool, OptionError> {
        self.read(name, "a flag", |v| match v {
            OptionValue::Flag(x) => Some(*x),
            _ => None,
        })
    }

    /// A whole number that has a default or is required.
    pub fn integer(&self, name: &str) -> Result<i64, OptionError> {
        self.read(name, "a whole number", |v| match v {
            OptionValue::Integer(x) => Some(*x),
            _ => None,
        })
    }

    /// A number that has a default or is required.
    pub fn number(&self, name: &str) -> Result<f64, OptionError> {
        self.read(name, "a number", |v| match v {
            OptionValue::Number(x) => Some(*x),
            OptionValue::Integer(x) => Some(*x as f64),
            _ => None,
        })
    }

    /// A string that has a default or is required.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: OptionKind, value: OptionValue, expect: Result<OptionValue, &str>) {
        match (kind.check(value), expect) {
            (Ok(got), Ok(want)) => assert_eq!(got, want),
            (Err(got), Err(want)) => assert!(got.contains(want), "{got:?} lacks {want:?}"),
            (got, want) => panic!("got {got:?}, want {want:?}"),
        }
    }

    #[test]
    fn values_are_checked() {
        use OptionValue::{Flag, Integer, Number, Text};
        let small = || OptionKind::Integer { min: 1, max: 9 };
        let share = || OptionKind::Number { min: 0.0, max: 1.0 };
        check(small(), Integer(3), Ok(Integer(3)));
        check(small(), Integer(10), Err("a whole number from 1 to 9"));
        check(small(), Flag(true), Err("found true"));
        check(share(), Integer(1), Ok(Number(1.0)));
        check(share(), Number(f64::NAN), Err("found NaN"));
        check(
            share(),
            Number(f64::INFINITY),
            Err("expected a number from 0 to 1"),
        );
        let clip = || OptionKind::ZeroOrNumber { min: 0.5, max: 9.0 };
        check(clip(), Integer(0), Ok(Number(0.0)));
        check(clip(), Number(0.5), Ok(Number(0.5)));
        check(
            clip(),
            Number(1e-300),
            Err("found 1e-300, expected 0, or a number from 0.5 to 9"),
        );
        check(clip(), Number(-0.5), Err("found -0.5"));
        check(
            OptionKind::Choice(&["logit", "class"]),
            Text("logits".into()),
            Err("mean \"logit\""),
        );
    }

    #[test]
    fn messages_quote_the_beginning() {
        let many = OptionValue::List(vec![OptionValue::Integer(7); 60_000]);
        let problem = OptionKind::Flag.check(many).unwrap_err();
        assert!(problem.starts_with("found [7, 7, "), "{problem}");
        assert!(problem.ends_with("…, expected true or false"), "{problem}");
        let long = OptionValue::Text("\u{1b}".repeat(60_000));
        for kind in [OptionKind::Flag, OptionKind::Choice(&["a"])] {
            let problem = kind.check(long.clone()).unwrap_err();
            assert!(problem.len() < 400, "{problem}");
            assert!(problem.contains("\\u{1b}\"…, expected "), "{problem}");
        }
    }

    #[test]
    fn suggestions_are_near() {
        assert_eq!(
            suggest("seal-ckk", ["paillier", "seal-ckks"]),
            Some("seal-ckks")
        );
        assert_eq!(
            suggest("ckks", ["paillier", "seal-ckks"]),
            Some("seal-ckks")
        );
        assert_eq!(suggest("zebra", ["paillier", "seal-ckks"]), None);
        assert_eq!(suggest(&"seal-ckks".repeat(100), ["seal-ckks"]), None);
    }
}
