//! Places in a TOML document, as keys and indices that lead there.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// A key as TOML writes it.
pub(super) fn quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(bare) {
        key.to_owned()
    } else {
        toml::Value::from(key).to_string()
    }
}

/// Keys as one dotted key.
pub(super) fn dotted(path: &[String]) -> String {
    let parts: Vec<String> = path.iter().map(|key| quoted(key)).collect();
    parts.join(".")
}

/// One step from a table or list to what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl Step {
    /// Key, if it is one.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Self::Key(key) => Some(key.clone()),
            Self::Index(_) => None,
        }
    }
}

/// What stands at the end of some steps, and its place: a value's own, a section's header, or the
/// key that makes a table.
pub(super) fn find<'t, 'i>(
    root: &'t DeTable<'i>,
    path: &[Step],
) -> Option<(&'t DeValue<'i>, Range<usize>)> {
    let (Step::Key(first), rest) = path.split_first()? else {
        return None;
    };
    let mut at = root.get(first.as_str())?;
    for step in rest {
        at = match (at.get_ref(), step) {
            (DeValue::Table(table), Step::Key(key)) => table.get(key.as_str()),
            (DeValue::Array(list), Step::Index(index)) => list.get(*index),
            _ => None,
        }?;
    }
    Some((at.get_ref(), at.span()))
}
