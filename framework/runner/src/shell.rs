//! Words of commands for a shell: of scripts, and of those that are shown to be copied.

use std::path::Path;

/// A word for a shell, whatever is in it (POSIX.1, Shell Command Language, 2.2.2: within single quotes every character
/// stands for itself).
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A path for a command that is to be typed: quoted where it must be.
pub(crate) fn typed(path: &Path) -> String {
    let path = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_=.,:@%+".contains(c);
    // Some shells expand a word that begins with `=`, and a command takes one with `-` for an option.
    if path.starts_with('-') {
        quoted(&format!("./{path}"))
    } else if !path.is_empty() && path.chars().all(plain) && !path.starts_with('=') {
        path.into_owned()
    } else {
        quoted(&path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expect: &str) {
        assert_eq!(typed(Path::new(path)), expect);
    }

    #[test]
    fn paths_in_commands() {
        check("plans/a-1", "plans/a-1");
        check("it's 1", r"'it'\''s 1'");
        check("a;b", "'a;b'");
        check("$(x)", "'$(x)'");
        check("~a", "'~a'");
        check("=a", "'=a'");
        check("-rf", "'./-rf'");
        check("", "''");
    }
}
