//! Markdown in the making.

use std::fmt::Write as _;

/// A page that grows.
pub(crate) struct Page(String);

impl Page {
    /// A page with a title and what it is about.
    pub(crate) fn new(title: &str, about: &str) -> Self {
        Self(format!("# {title}\n\n{}\n\n", flat(about)))
    }

    pub(crate) fn heading(&mut self, text: &str) {
        // Writing to a string cannot fail, here and below.
        let _ = write!(self.0, "## {text}\n\n");
    }

    pub(crate) fn subheading(&mut self, text: &str) {
        let _ = write!(self.0, "### {}\n\n", escaped(text));
    }

    pub(crate) fn paragraph(&mut self, text: &str) {
        let _ = write!(self.0, "{}\n\n", flat(text));
    }

    pub(crate) fn list(&mut self, items: impl Iterator<Item = String>) {
        for item in items {
            let _ = writeln!(self.0, "- {}", flat(&item));
        }
        self.0.push('\n');
    }

    pub(crate) fn pairs(&mut self, title: &str, items: Vec<(String, String)>) {
        if items.is_empty() {
            return;
        }
        self.heading(title);
        self.list(items.into_iter().map(|(label, what)| match label.as_str() {
            "" => what,
            label => format!("**{}**: {}", escaped(label), escaped(&what)),
        }));
    }

    /// A table whose columns `right` are numbers. Lines within a cell stay lines.
    pub(crate) fn table(
        &mut self,
        head: &[String],
        lines: Vec<Vec<String>>,
        right: std::ops::Range<usize>,
    ) {
        let rule = (0..head.len()).map(|i| if right.contains(&i) { "---:" } else { "---" });
        let rule: Vec<String> = rule.map(str::to_owned).collect();
        let head = head.iter().map(|c| escaped(c)).collect();
        let body = lines
            .into_iter()
            .map(|l| l.iter().map(|c| escaped_lines(c)).collect::<Vec<_>>());
        for line in [head, rule].into_iter().chain(body) {
            let _ = writeln!(self.0, "| {} |", line.join(" | "));
        }
        self.0.push('\n');
    }

    /// The text, with one newline at its end.
    pub(crate) fn finish(mut self) -> String {
        self.0.truncate(self.0.trim_end().len());
        self.0.push('\n');
        self.0
    }
}

/// Text of several lines as one.
pub(crate) fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text that Markdown takes as it is, also in a table.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in flat(text).chars() {
        if matches!(c, '|' | '[' | ']' | '*' | '_' | '`' | '<' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Likewise, line by line.
fn escaped_lines(text: &str) -> String {
    text.lines().map(escaped).collect::<Vec<_>>().join("<br>")
}

/// Words as a head of a table.
pub(crate) fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}
