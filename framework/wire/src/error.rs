//! What can go wrong between two parties.

/// Characters of a reason, at most.
pub(crate) const REASON: usize = 4000;

/// Why a conversation cannot go on. Texts from the other party are cut short and put on one
/// line.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Reading or writing failed.
    #[error("{during}: {source}")]
    Io {
        /// What was done.
        during: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// The stream ended between two frames.
    #[error("found the end of the stream, expected {}", one_of(expected))]
    Closed {
        /// The frames that may come here.
        expected: &'static [&'static str],
    },
    /// The stream ended within a frame.
    #[error("found the end of the stream after {found} bytes of a {part}, expected {expected}")]
    Truncated {
        /// The part of a frame: prelude, head, body.
        part: &'static str,
        /// Bytes that came.
        found: u64,
        /// Bytes that it should have.
        expected: u64,
    },
    /// What came is no frame.
    #[error("found the bytes {found:02x?}, expected {expected:02x?}, with which each frame begins")]
    NoFrame {
        /// The first bytes.
        found: [u8; 4],
        /// Those of a frame.
        expected: [u8; 4],
    },
    /// More than a limit allows.
    #[error("{what}: found {found}, expected at most {limit}")]
    TooMany {
        /// What is counted, with its unit.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A number that must be another one.
    #[error("{what}: found {found}, expected {expected}")]
    Count {
        /// What is counted, with its unit.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
    /// A head is no text.
    #[error("found a head whose byte {at} is not UTF-8, expected JSON in UTF-8")]
    NotUtf8 {
        /// The place of the first wrong byte.
        at: usize,
    },
    /// A head is no JSON, or not of a known form.
    #[error(
        "found a head that cannot be read: {problem}; expected {}",
        one_of(expected)
    )]
    Head {
        /// What is wrong.
        problem: String,
        /// The frames that may come here.
        expected: &'static [&'static str],
    },
    /// A frame that may not come here.
    #[error("found the frame `{found}`, expected {}", one_of(expected))]
    OutOfOrder {
        /// The frame.
        found: &'static str,
        /// Those that may come.
        expected: &'static [&'static str],
    },
    /// The other party speaks another version.
    #[error("found version {found} of the protocol, expected {expected}")]
    Version {
        /// Its version.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// The parties have compiled different circuits.
    #[error(
        "found circuit {found} ({library}), expected {expected}: both parties must compile the same \
         program with the same options and the same version"
    )]
    OtherCircuit {
        /// The other party's digest.
        found: String,
        /// Ours.
        expected: String,
        /// The library of the other party, if it says which.
        library: String,
    },
    /// What should be a digest is none.
    #[error("found circuit `{found}`, expected 64 hexadecimal digits in lower case")]
    Digest {
        /// What came.
        found: String,
    },
    /// A kind of key that nobody has.
    #[error("found a key of role {found}, expected {}", one_of(expected))]
    Role {
        /// The role.
        found: String,
        /// Those that there are.
        expected: &'static [&'static str],
    },
    /// A handle that is free where it should be taken, or the other way round.
    #[error("found handle {found}, which is {}, expected one that is {}", state(*taken), state(!*taken))]
    Handle {
        /// The handle.
        found: u32,
        /// Whether it is taken.
        taken: bool,
    },
    /// Bytes after the last frame.
    #[error("found bytes after the last frame, expected the end of the stream")]
    Trailing,
    /// There is no memory for what arrives.
    #[error("{what}: found no memory for {bytes} bytes")]
    Memory {
        /// What it is for.
        what: &'static str,
        /// The bytes that it needs now.
        bytes: u64,
    },
    /// The conversation ended by an earlier error.
    #[error("the conversation has ended by an earlier error")]
    Over,
    /// The server refuses: the program is beyond its scheme.
    #[error("the server refuses: {0}")]
    Refused(String),
    /// The server failed.
    #[error("the server failed: {0}")]
    Failed(String),
}

impl WireError {
    /// Whether the other party did something against the protocol, and still listens.
    pub(crate) fn is_violation(&self) -> bool {
        !matches!(
            self,
            Self::Io { .. }
                | Self::Closed { .. }
                | Self::Truncated { .. }
                | Self::Version { .. }
                | Self::Trailing
                | Self::Over
                | Self::Refused(_)
                | Self::Failed(_)
        )
    }
}

fn one_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}

fn state(taken: bool) -> &'static str {
    if taken { "taken" } else { "free" }
}

/// A text of the other party, for a message: at most so many characters, all on one line.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let safe = |c: char| if c.is_control() { ' ' } else { c };
    let mut start: String = text.chars().take(most).map(safe).collect();
    if text.chars().nth(most).is_some() {
        start.push('…');
    }
    start
}
