//! Repetitions as this program writes them, read without what telling kinds of records apart takes: of a million lines nearly
//! all are such.

use std::collections::HashMap;

use crate::record::{Repetition, Shared};
use hexperiment_task::ledger::Quality;

/// How the line of a repetition begins that this program has written.
const REPETITION: &str = r#"{"kind":"repetition","#;

/// How it goes on where it tells how well the repetition went.
const QUALITY: &str = r#","quality":"#;

/// What stands before the cell's id in such a line.
const CELL: &str = r#""cell":""#;

/// The line of a repetition in three: what is before how well it went, that, and what is behind it. Only of a line as this
/// program writes them; `known` is what the last repetition of a cell said, by the cell's id.
fn around_quality<'t>(
    text: &'t str,
    known: &HashMap<String, (String, Shared<Quality>)>,
) -> Option<[&'t str; 3]> {
    let behind_kind = text.strip_prefix(REPETITION)?;
    // No text of JSON holds quotes that are not escaped: this is a key.
    let begin = behind_kind.find(QUALITY)? + REPETITION.len() + QUALITY.len();
    let id = behind_kind
        .strip_prefix(CELL)
        .and_then(|rest| rest.split('"').next());
    let known = id.and_then(|id| known.get(id)).map(|(known, _)| known);
    if let Some(known) = known.filter(|known| text[begin..].starts_with(known.as_str())) {
        let end = begin + known.len();
        return Some([&text[..begin], &text[begin..end], &text[end..]]);
    }
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate().skip(begin) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some([&text[..begin], &text[begin..=at], &text[at + 1..]]);
                }
            }
            _ => {}
        }
    }
    None
}

/// Reads repetitions.
#[derive(Default)]
pub(super) struct QuickReader {
    /// How well the last repetition of each cell went, as text and as it was read: of most, the next went as well.
    known: HashMap<String, (String, Shared<Quality>)>,
}

impl QuickReader {
    /// A repetition as this program writes them; `None` of everything else, in which something may be wrong.
    pub(super) fn repetition(&mut self, text: &str) -> Option<Repetition> {
        let [before, quality, behind] = around_quality(text, &self.known)?;
        let rest = [before, "null", behind].concat();
        let repetition: Repetition<()> = serde_json::from_str(&rest).ok()?;
        if let Some((known, value)) = self.known.get(&repetition.cell)
            && known == quality
        {
            let value = value.clone();
            return Some(repetition.with(value));
        }
        let value: Shared<Quality> = serde_json::from_str(quality).ok()?;
        let known = (quality.to_owned(), value.clone());
        self.known.insert(repetition.cell.clone(), known);
        Some(repetition.with(value))
    }
}
