//! Text from outside, made fit to be shown.
//!
//! Files, libraries and records may hold characters that a terminal obeys (ECMA-48), that turn the
//! direction of what follows (Unicode Annex #9), or that nobody sees. All text goes through here
//! before it reaches a terminal or a table; what is written to be read by programs keeps its bytes.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters of a value that a message quotes.
const QUOTED: usize = 40;

/// Whether a character does something other than to be seen. Joiners are none of them: scripts and
/// emoji need them.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061c}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let harmful = |c: char| acts(c) && !stays(c);
    if !text.chars().any(harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if harmful(c) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", c.escape_debug());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Whether a text is one line of which every character is seen.
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(acts)
}

/// The text as one line, with escapes such as `\u{1b}` and `\n` for what acts.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// Likewise, but its line feeds stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n')
}

/// The beginning of a line: all of it if it has at most `most` characters, else as many and an
/// ellipsis.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    let shown = line(text);
    match shown.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &shown[..end])),
        None => shown,
    }
}

/// A value in quotes, its beginning if it is long.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Names behind each other: the first `most`, then how many more.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let mut names = names.into_iter();
    let shown: Vec<Cow<'a, str>> = names
        .by_ref()
        .take(most)
        .map(|name| cut(name, QUOTED))
        .collect();
    match names.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, as_line: &str, as_lines: &str) {
        assert_eq!(line(text), as_line);
        assert_eq!(lines(text), as_lines);
        assert_eq!(is_plain(text), text == as_line);
        assert!(is_plain(as_line), "{as_line:?}");
        // What was made printable stays as it is.
        assert_eq!(line(as_line), as_line);
    }

    #[test]
    fn what_acts_is_escaped() {
        check("plain", "plain", "plain");
        check("naïve 数 👩‍🔬 ‘x’", "naïve 数 👩‍🔬 ‘x’", "naïve 数 👩‍🔬 ‘x’");
        check("C:\\new \"x\"", "C:\\new \"x\"", "C:\\new \"x\"");
        // The title of a window (ECMA-48: OSC), and the clearing of a screen by one byte of C1.
        let title = "\u{1b}]0;x\u{7}";
        check(title, "\\u{1b}]0;x\\u{7}", "\\u{1b}]0;x\\u{7}");
        check("\u{9b}2J", "\\u{9b}2J", "\\u{9b}2J");
        check("a\0b\rc\td", "a\\0b\\rc\\td", "a\\0b\\rc\\td");
        check("a\nb\u{85}c", "a\\nb\\u{85}c", "a\nb\\u{85}c");
        // The override of a direction, a mark, a blank of no width.
        check("\u{202e}x", "\\u{202e}x", "\\u{202e}x");
        check(
            "\u{200f}\u{200b}",
            "\\u{200f}\\u{200b}",
            "\\u{200f}\\u{200b}",
        );
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(cut("four", 4), "four");
        assert_eq!(cut("naïve", 4), "naïv…");
        assert_eq!(cut("\u{1b}[31m", 6), "\\u{1b}…");
        assert_eq!(quoted("a\u{1b}"), "\"a\\u{1b}\"");
        assert_eq!(quoted(&"é".repeat(50)), format!("\"{}\"…", "é".repeat(40)));
        assert_eq!(list(["a", "b"], 2), "a, b");
        assert_eq!(list(["a", "b\n", "c", "d"], 2), "a, b\\n and 2 more");
        assert_eq!(list([], 2), "");
    }
}
