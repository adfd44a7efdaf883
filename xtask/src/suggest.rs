//! Near misses.

/// The word nearest to `found`, if it is near enough to be meant.
pub(crate) fn nearest<'a>(found: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    words
        .map(|word| (distance(found, word), word))
        .min()
        .filter(|&(distance, word)| distance <= word.len().div_ceil(3))
        .map(|(_, word)| word)
}

/// Levenshtein's distance, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: &str, b: &str, expected: usize) {
        assert_eq!(distance(a, b), expected, "{a} {b}");
        assert_eq!(distance(b, a), expected, "{b} {a}");
    }

    #[test]
    fn distances() {
        check("", "", 0);
        check("run", "", 3);
        check("run", "run", 0);
        check("kitten", "sitting", 3);
        check("docter", "doctor", 1);
    }

    #[test]
    fn nearest_of_some() {
        let words = || ["run", "list", "data"].into_iter();
        assert_eq!(nearest("lst", words()), Some("list"));
        assert_eq!(nearest("date", words()), Some("data"));
        assert_eq!(nearest("quux", words()), None);
    }
}
