//! `[experiment]`

use hexperiment_diagnostics::printable;

use super::keys::Keys;

/// Characters of an experiment's name: that of a run's folder holds it, and the time; file systems
/// take 255 bytes.
const LONGEST_NAME: usize = 100;

/// What an experiment is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) question: String,
    pub(crate) caveats: String,
}

impl About {
    pub(crate) fn read(keys: &mut Keys<'_>) -> Self {
        let name = keys.required_text(
            "name",
            "A name of small letters, digits and hyphens; runs are filed under it.",
        );
        let question = keys.required_text("question", "The question that the experiment answers.");
        let caveats =
            keys.required_text("caveats", "What is unfair or limited about the comparison.");
        let about = Self {
            name,
            question,
            caveats,
        };
        about.check(keys);
        about
    }

    fn check(&self, keys: &mut Keys<'_>) {
        let Self {
            name,
            question,
            caveats,
        } = self;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(fits) || name.len() > LONGEST_NAME {
            let found = printable::quoted(name);
            let length = name.chars().count();
            let words = format!(
                "found {found} of {length} characters, expected small letters, digits and hyphens, \
                 {LONGEST_NAME} at most"
            );
            let help = "runs are filed under it, as in \"chd-logistic\"";
            keys.object("name", (words, help.into()));
        }
        for (key, text) in [("question", question), ("caveats", caveats)] {
            if text.trim().is_empty() {
                let words = format!("found {}, expected a sentence", printable::quoted(text));
                let help = "a table is read by people who did not plan it: tell them";
                keys.object(key, (words, help.into()));
            }
        }
    }
}
