//! Programs that a table of an experiment names by `command`.

use std::path::Path;

use hexperiment_scheme::registry::Program;
use toml::de::{DeTable, DeValue};

/// The program that a table names by `command`, if it does so in the right form; without a name if that
/// has another one.
pub(crate) fn program_of(table: &DeTable<'_>, file: &Path) -> Option<Program> {
    let text = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Some(text.as_ref().to_owned()),
        _ => None,
    };
    let DeValue::Array(words) = table.get("command")?.get_ref() else {
        return None;
    };
    let words = words.iter().map(|word| text(word.get_ref()));
    let folder = file.parent().unwrap_or(Path::new(""));
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    Some(Program {
        command: words.collect::<Option<_>>()?,
        // The process of a cell has it, too, and may be elsewhere.
        folder: folder.canonicalize().unwrap_or_else(|_| folder.to_owned()),
        name: table.get("name").and_then(|name| text(name.get_ref())),
    })
}
