//! What schemes from outside say of themselves, as JSON: manifests, capabilities, parameters. Shared
//! libraries and programs say it in the same form, `hexperiment.h` and `docs/wire.md` show it, and it is
//! checked here before anything believes it.

mod capabilities;
mod manifest;
mod parameters;
#[cfg(test)]
mod tests;

pub use capabilities::CapabilitiesJson;
pub use manifest::{ManifestJson, is_scheme_name};

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The string, for good: plugins are never unloaded, and what they say about themselves is
/// wanted as `&'static str` everywhere. Equal strings are kept once.
pub fn keep(text: &str) -> &'static str {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(text) {
        return known;
    }
    let new: &'static str = Box::leak(text.into());
    kept.insert(new);
    new
}

/// Characters of a name, and of a text, at most: what a plugin says of itself is kept for good, and
/// stands in tables and messages.
const LONGEST_NAME: usize = 64;
const LONGEST_TEXT: usize = 4000;

/// A text that can stand in tables and on terminals.
fn text(what: &str, text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if length > LONGEST_TEXT {
        return Err(format!(
            "{what}: found {length} characters, expected at most {LONGEST_TEXT}"
        ));
    }
    match text.chars().find(|c| c.is_control() && *c != '\n') {
        Some(c) => Err(format!(
            "{what}: found the control character {c:?}, expected text"
        )),
        None => Ok(()),
    }
}
