//! Kinds of options, and their values.

use hexperiment_diagnostics::{printable, suggest};
use serde::{Deserialize, Serialize};

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
    ///
    /// # Errors
    ///
    /// What was found and what was expected: a value of another type, outside the bounds, not
    /// finite, or none of the choices.
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
