//! Colour for the lines of a terminal: laid on after the layout, so that a text is the same without.

use anstyle::{AnsiColor, Style};

use crate::first_table::{BUSY, IMPRECISE, INSECURE, UNRANKED};

/// How a line is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Not at all.
    Plain,
    /// As what is to be read first.
    Strong,
    /// As what may be passed over.
    Aside,
    /// Its marks, and how cells ended, wherever they stand.
    Marks,
    /// Its first word, as something that went wrong.
    Wrong,
    /// Its bar.
    Bar,
}

const STRONG: Style = Style::new().bold();
const ASIDE: Style = Style::new().dimmed();
const WRONG: Style = AnsiColor::Red.on_default().bold();
const CAREFUL: Style = AnsiColor::Yellow.on_default();
const BAR: Style = AnsiColor::Cyan.on_default();

/// What a bar is drawn of: eighths of a column, the fullest last.
pub(crate) const BLOCKS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/// What a bar is drawn of where there are no blocks.
pub(crate) const HASH: char = '#';
/// What a rule is drawn of.
const RULE: char = '─';

/// The line with colours.
pub(crate) fn painted(line: &str, paint: Paint) -> String {
    match paint {
        Paint::Plain => line.to_owned(),
        Paint::Strong => styled(line, STRONG),
        Paint::Aside => styled(line, ASIDE),
        Paint::Marks if line.starts_with(RULE) || line.starts_with('-') => styled(line, ASIDE),
        Paint::Marks => words(line, style_of),
        Paint::Wrong => {
            let mut is_first = true;
            words(line, |_| std::mem::take(&mut is_first).then_some(WRONG))
        }
        Paint::Bar => words(line, |word| {
            let is_bar = |c: char| c == HASH || BLOCKS.contains(&c);
            word.chars().all(is_bar).then_some(BAR)
        }),
    }
}

/// The style of a word that a reader must not pass over.
fn style_of(word: &str) -> Option<Style> {
    match word {
        INSECURE | IMPRECISE | "failed" | "timeout" | "crashed" | "FAILED" => Some(WRONG),
        BUSY | UNRANKED | "refused" => Some(CAREFUL),
        _ => None,
    }
}

fn styled(text: &str, style: Style) -> String {
    let indent = text.len() - text.trim_start().len();
    let (indent, text) = text.split_at(indent);
    if text.is_empty() {
        return String::new();
    }
    format!("{indent}{style}{text}{style:#}")
}

/// The line with a style for each word that has one; blanks stay as they are.
fn words(line: &str, mut style: impl FnMut(&str) -> Option<Style>) -> String {
    let mut out = String::with_capacity(line.len() + 16);
    for part in line.split_inclusive(' ') {
        let word = part.trim_end_matches(' ');
        match (
            word,
            (!word.is_empty())
                .then(|| style(word.trim_end_matches([':', ','])))
                .flatten(),
        ) {
            (word, Some(style)) => {
                out += &styled(word, style);
                out += &part[word.len()..];
            }
            (_, None) => out += part,
        }
    }
    out
}

/// The line of characters that every terminal has, as wide as before: for a locale that is not UTF-8.
pub(crate) fn in_ascii(line: &str) -> String {
    line.chars()
        .map(|c| match c {
            RULE => '-',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The colours written as words.
    fn told(line: &str, paint: Paint) -> String {
        painted(line, paint)
            .replace(&format!("{WRONG}"), "<wrong>")
            .replace(&format!("{CAREFUL}"), "<careful>")
            .replace(&format!("{ASIDE}"), "<aside>")
            .replace(&format!("{STRONG}"), "<strong>")
            .replace(&format!("{BAR}"), "<bar>")
            .replace(&format!("{STRONG:#}"), "</>")
    }

    #[test]
    fn words_have_their_colours() {
        #[track_caller]
        fn check(line: &str, paint: Paint, expect: &str) {
            assert_eq!(told(line, paint), expect);
        }
        check("  a  !busy b", Paint::Plain, "  a  !busy b");
        check("  a b", Paint::Strong, "  <strong>a b</>");
        check("", Paint::Aside, "");
        check("───", Paint::Marks, "<aside>───</>");
        check(
            "tfhe  80 !insecure  ok !busy, failed",
            Paint::Marks,
            "tfhe  80 <wrong>!insecure</>  ok <careful>!busy,</> <wrong>failed</>",
        );
        check("  FAILED a: b", Paint::Wrong, "  <wrong>FAILED</> a: b");
        check("a  1 ms  ██▏", Paint::Bar, "a  1 ms  <bar>██▏</>");
        check("a #1  ###", Paint::Bar, "a #1  <bar>###</>");
    }

    #[test]
    fn rules_are_hyphens_where_there_is_no_other() {
        assert_eq!(in_ascii("──"), "--");
    }
}
