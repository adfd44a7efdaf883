//! Files that users wrote: how they are read, and what is complained of, with the place; and processes
//! that did not answer.

pub mod files;
pub mod printable;
pub mod process;
pub mod units;

use std::fmt;
use std::path::{Path, PathBuf};

/// What is wrong in a file a user wrote: where, what was found, what was expected, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1, if one is to blame.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The option of `[dataset]` whose value is to blame, if one is: whoever knows the experiment
    /// knows where that stands.
    pub option: Option<&'static str>,
}

/// The variable with the passphrase of a secret key.
pub const PASSPHRASE_VARIABLE: &str = "HEXPERIMENT_PASSPHRASE";

/// The variable with a token of a service.
pub const TOKEN_VARIABLE: &str = "HEXPERIMENT_TOKEN";

/// Variables that no program of somebody else is given.
pub const SECRET_VARIABLES: [&str; 2] = [PASSPHRASE_VARIABLE, TOKEN_VARIABLE];

/// Characters of a message and of its help, at most: what is longer holds a whole file.
const MOST: [usize; 2] = [1_000, 2_000];

impl Complaint {
    /// A complaint about a file as a whole.
    pub fn new(file: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Self {
            file: file.as_ref().to_owned(),
            line: None,
            message: message.into(),
            help: None,
            option: None,
        }
    }

    /// At a line, from 1.
    #[must_use]
    pub fn at_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// At the line that holds byte `offset` of `text`.
    #[must_use]
    pub fn at_offset(self, text: &str, offset: usize) -> Self {
        let line = line_of(text, offset);
        self.at_line(line)
    }

    /// With what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// About the value of an option of `[dataset]`.
    #[must_use]
    pub fn about(mut self, option: &'static str) -> Self {
        self.option = Some(option);
        self
    }
}

/// The line, from 1, that holds byte `offset` of `text`.
pub fn line_of(text: &str, offset: usize) -> usize {
    let end = offset.min(text.len());
    1 + text.as_bytes()[..end]
        .iter()
        .filter(|b| **b == b'\n')
        .count()
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable::line(&self.file.to_string_lossy()))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", printable::cut(&self.message, MOST[0]))?;
        if let Some(help) = &self.help {
            write!(f, "\n  help: {}", printable::cut(help, MOST[1]))?;
        }
        Ok(())
    }
}

impl std::error::Error for Complaint {}

/// All that is wrong, one by one; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaints(pub Vec<Complaint>);

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, complaint) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{complaint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Complaints {}

impl From<Complaint> for Complaints {
    fn from(complaint: Complaint) -> Self {
        Self(vec![complaint])
    }
}

/// The candidate nearest to `found`, if one is near enough for a typo.
pub fn suggest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // No name is so long, and to compare two texts takes time and memory by the product of theirs.
    if found.len() > 200 {
        return None;
    }
    let found = found.to_lowercase();
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&found, &c.to_lowercase()), c))
        .filter(|(distance, c)| {
            *distance <= 1 + found.len() / 4 || (found.len() >= 3 && c.contains(found.as_str()))
        })
        .min()
        .map(|(_, c)| c)
}
