//! Numbers and words as people read them.

use hexperiment_diagnostics::printable;

/// A number in `digits` significant digits; powers of ten where it is very small or large.
pub(crate) fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if !value.is_finite() {
        return format!("{value}");
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-4..7).contains(&exponent) {
        let decimals = (digits - 1).max(0) as usize;
        return format!("{value:.decimals$e}");
    }
    let decimals = (digits - 1 - exponent).max(0) as usize;
    format!("{value:.decimals$}")
}

/// Milliseconds in a unit that makes them short: `4.20 ms`, `1.35 s`, `12.0 min`.
pub fn duration(ms: f64) -> String {
    // What would be rounded to four digits belongs to the next unit.
    match ms {
        ms if ms < 0.9995 => format!("{} µs", significant(1e3 * ms, 3)),
        ms if ms < 999.5 => format!("{} ms", significant(ms.max(1.0), 3)),
        ms if ms < 99_950.0 => format!("{} s", significant((ms / 1e3).max(1.0), 3)),
        ms => format!("{} min", significant(ms / 6e4, 3)),
    }
}

/// Bytes in units of 1024.
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        // What would be rounded to four digits belongs to the next unit.
        if value < 999.5 {
            return match unit {
                "B" => format!("{count} B"),
                unit => format!("{} {unit}", significant(value, 3)),
            };
        }
        value /= 1024.0;
    }
    format!("{} TiB", significant(value, 3))
}

/// `one sample`, `12 samples`.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Bytes in units of 1024, as short as they can be told: `54.0K`, [`SHORT_UNITS`] says of what.
pub(crate) fn short_bytes(count: u64) -> String {
    let text = bytes(count);
    match text.split_once(' ') {
        Some((number, "B")) => number.to_owned(),
        Some((number, unit)) => format!("{number}{}", unit.trim_end_matches("iB")),
        None => text,
    }
}

/// What the letters of [`short_bytes`] stand for.
pub(crate) const SHORT_UNITS: &str = "K, M, G: KiB, MiB, GiB";

/// Breaks text into lines of at most `width` columns where words allow; the first begins with
/// `lead`, the others with as many blanks, or with four where that would leave little room.
pub(crate) fn wrapped(text: &str, lead: &str, width: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Records are files: what a terminal would obey is escaped, and as wide as it then looks.
    let (text, lead) = (printable::line(&text), printable::line(lead));
    let indent = match textwrap::core::display_width(&lead) {
        long if 3 * long > width => " ".repeat(4.min(width / 3)),
        short => " ".repeat(short),
    };
    let options = textwrap::Options::new(width)
        .initial_indent(&lead)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    if text.is_empty() {
        return lead.trim_end().to_owned();
    }
    textwrap::fill(&text, options).trim_end().to_owned()
}

/// The beginning of a text: all of it if it has at most `most` characters, else as many whole words
/// as fit and an ellipsis; of a first word that is longer than that, its beginning.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let first = text.lines().next().unwrap_or_default();
    if first.chars().count() <= most && first.len() == text.len() {
        return first.to_owned();
    }
    let mut short = String::new();
    for word in first.split_whitespace() {
        // One place for the blank, one for the ellipsis.
        if !short.is_empty() && short.chars().count() + word.chars().count() + 2 > most {
            break;
        }
        if short.is_empty() && word.chars().count() > most {
            short.extend(word.chars().take(most.saturating_sub(1)));
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
    }
    // A sentence's punctuation does not go before the ellipsis.
    format!("{}…", short.trim_end_matches([',', ';', ':', '.']))
}

/// `a, b and c`.
pub(crate) fn listed(items: &[impl AsRef<str>]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

/// A share of less than one in words: `half`, `a twelfth`, `1/57`.
pub(crate) fn fraction(share: f64) -> String {
    const WORDS: [&str; 11] = [
        "half",
        "a third",
        "a quarter",
        "a fifth",
        "a sixth",
        "a seventh",
        "an eighth",
        "a ninth",
        "a tenth",
        "an eleventh",
        "a twelfth",
    ];
    let parts = (1.0 / share).round();
    if share > 0.6 {
        return format!("{:.0} %", 100.0 * share);
    }
    match WORDS.get((parts as usize).wrapping_sub(2)) {
        Some(words) => (*words).to_owned(),
        None if parts.is_finite() => format!("1/{parts}"),
        None => "none".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        #[track_caller]
        fn check(value: f64, text: &str) {
            assert_eq!(significant(value, 3), text);
        }
        check(0.0, "0");
        check(1.0, "1.00");
        check(-12.345, "-12.3");
        check(123_456.7, "123457");
        check(0.000_123_4, "0.000123");
        check(0.000_012_34, "1.23e-5");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "inf");
    }

    #[test]
    fn bytes_have_units() {
        #[track_caller]
        fn check(count: u64, text: &str) {
            assert_eq!(bytes(count), text);
        }
        check(0, "0 B");
        check(999, "999 B");
        check(1000, "0.977 KiB");
        check(1536, "1.50 KiB");
        check(120 << 20, "120 MiB");
        check(1 << 30, "1.00 GiB");
        check(5 << 40, "5.00 TiB");
    }

    #[test]
    fn durations_have_units() {
        #[track_caller]
        fn check(ms: f64, text: &str) {
            assert_eq!(duration(ms), text);
        }
        check(0.0123, "12.3 µs");
        check(4.2, "4.20 ms");
        check(999.6, "1.00 s");
        check(90_000.0, "90.0 s");
        check(720_000.0, "12.0 min");
    }

    #[test]
    fn bytes_are_short_where_they_must() {
        #[track_caller]
        fn check(count: u64, text: &str) {
            assert_eq!(short_bytes(count), text);
        }
        check(0, "0");
        check(999, "999");
        check(1536, "1.50K");
        check(120 << 20, "120M");
        check(5 << 40, "5.00T");
    }

    #[test]
    fn long_reasons_are_cut_between_words() {
        #[track_caller]
        fn check(text: &str, most: usize, short: &str) {
            assert_eq!(shortened(text, most), short);
        }
        check("", 5, "");
        check("max: none", 9, "max: none");
        check("max: none", 8, "max…");
        check("one two, three four", 10, "one two…");
        check("unbreakable", 4, "unb…");
        check("one unbreakable", 8, "one…");
        check("short\n  help: more", 20, "short…");
    }

    #[test]
    fn long_lines_break_between_words() {
        assert_eq!(wrapped("one two three", "- ", 9), "- one two\n  three");
        assert_eq!(wrapped("unbreakable", "", 4), "unbreakable");
        assert_eq!(wrapped("a unbreakable b", "", 4), "a\nunbreakable\nb");
        assert_eq!(wrapped("", "- ", 9), "-");
        // An escape is as wide as it looks, and no line feed of a text begins a line of ours.
        assert_eq!(wrapped("a\u{1b} b\nc", "- ", 9), "- a\\u{1b}\n  b c");
        assert_eq!(wrapped("seal-ckks ties", "", 12), "seal-ckks\nties");
        let long_lead = "a-rather-long-name: ";
        assert_eq!(
            wrapped("why so?", long_lead, 24),
            "a-rather-long-name: why\n    so?"
        );
    }

    #[test]
    fn shares_in_words() {
        #[track_caller]
        fn check(share: f64, words: &str) {
            assert_eq!(fraction(share), words);
        }
        check(0.8, "80 %");
        check(0.5, "half");
        check(0.34, "a third");
        check(0.0833, "a twelfth");
        check(0.0175, "1/57");
        check(0.0, "none");
    }

    #[test]
    fn lists_in_words() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b"]), "a and b");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }
}
