//! Heads: what a frame says in JSON, before its bytes.

use serde::{Deserialize, Serialize};

use hexperiment_program::layout::Objective;
use hexperiment_program::{InputId, OutputId};
use hexperiment_scheme::options::Options;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{CircuitDigest, KeyRole};

use crate::error::{WireError, shown};
use crate::limits::Limits;

/// The name of ciphertexts that the server holds, chosen by the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handle(pub u32);

/// What a step took the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Wall clock, in nanoseconds.
    pub wall_ns: u64,
    /// User and system time of all threads, in nanoseconds.
    pub cpu_ns: u64,
    /// The most memory that the process has held so far; `None` where that is not known.
    #[serde(deserialize_with = "Option::deserialize")] // null, not left out
    pub peak_rss_bytes: Option<u64>,
}

/// The head of a frame. Its `type` is the name of the frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Head {
    /// From either side, first. Has this form in every version.
    Hello {
        /// The version of the protocol.
        version: u32,
        /// The program that speaks, with its version, for messages.
        software: String,
    },
    /// From the client: compile a program, whose JSON is the body.
    Compile {
        /// The scheme's name.
        scheme: String,
        /// Its options, defaults filled in.
        options: Options,
        /// The security level demanded.
        security: SecurityDemand,
        /// Threads that the server may use.
        threads: u64,
        /// What the layout of vectors is chosen for, where the scheme has several.
        #[serde(
            default,
            rename = "optimise",
            skip_serializing_if = "Objective::is_default"
        )]
        objective: Objective,
    },
    /// From the server: the program is compiled.
    Compiled {
        /// The circuit's digest: 64 hexadecimal digits in lower case.
        circuit: String,
        /// The library that evaluates, with its version.
        library: String,
        /// What compiling took.
        measured: Measured,
    },
    /// From the client: so many frames `key` follow.
    Keys {
        /// The digest of the circuit that the keys are for.
        circuit: String,
        /// The number of parts.
        parts: u64,
        /// The bytes of all parts.
        bytes: u64,
    },
    /// From the client: one part of the evaluation keys, its bytes the body.
    Key {
        /// What it is for: the role's name, as `relinearization`.
        role: String,
    },
    /// From the server: all keys have come, and are prepared.
    Prepared {
        /// What preparing took.
        measured: Measured,
    },
    /// From the client: ciphertexts of one input, their bytes the body.
    Ciphertexts {
        /// The name that they get.
        handle: Handle,
    },
    /// From the server: they are read.
    Stored {
        /// The number of the scheme's ciphertexts.
        ciphertexts: u64,
        /// What reading them took.
        measured: Measured,
    },
    /// From the client: evaluate.
    Evaluate {
        /// What each input of the program is, in order.
        inputs: Vec<Handle>,
        /// The outputs that are wanted, by their place in the program, from 0.
        outputs: Vec<OutputId>,
        /// The names that these outputs get, as many.
        results: Vec<Handle>,
    },
    /// From the server: the outputs are there.
    Evaluated {
        /// What evaluating took.
        measured: Measured,
    },
    /// From the client: send the ciphertexts of this name.
    Download {
        /// The name.
        handle: Handle,
    },
    /// From the server: these ciphertexts, their bytes the body.
    Results {
        /// The number of the scheme's ciphertexts.
        ciphertexts: u64,
        /// What writing them took.
        measured: Measured,
    },
    /// From the client: forget the ciphertexts of these names, which are free then.
    Discard {
        /// The names.
        handles: Vec<Handle>,
    },
    /// From the server: they are forgotten.
    Discarded {},
    /// To a program that is the client: say what you are.
    Describe {},
    /// From it: its manifest, whose JSON is the body.
    Described {
        /// What it took.
        measured: Measured,
    },
    /// To a program that is the client: which operations have you?
    Capabilities {
        /// The scheme's options, defaults filled in.
        options: Options,
    },
    /// From it: its capabilities, whose JSON is the body.
    Capable {
        /// What it took.
        measured: Measured,
    },
    /// From a program that is the client: it has compiled, and chosen the parameters whose JSON is the
    /// body.
    Parameters {
        /// The circuit's digest: 64 hexadecimal digits in lower case.
        circuit: String,
        /// The library that encrypts and decrypts, with its version.
        library: String,
        /// Whether it answers `simulate`.
        simulates: bool,
        /// What compiling took.
        measured: Measured,
    },
    /// To a program that is the client: make fresh keys.
    GenerateKeys {},
    /// From it, after its last frame `key`.
    Generated {
        /// What making them took.
        measured: Measured,
    },
    /// To a program that is the client: encrypt the table in the body.
    Encrypt {
        /// The input that it is, by its place in the program, from 0.
        input: InputId,
    },
    /// From it: these ciphertexts, their bytes the body.
    Encrypted {
        /// The number of the scheme's ciphertexts.
        ciphertexts: u64,
        /// What encrypting and writing them took.
        measured: Measured,
    },
    /// To a program that is the client: decrypt the ciphertexts in the body.
    Decrypt {
        /// The output that they are, by its place in the program, from 0.
        output: OutputId,
    },
    /// From it: this table, the body.
    Decrypted {
        /// What reading and decrypting took.
        measured: Measured,
    },
    /// To a program that is the client: repeat its arithmetic in the clear, on the tables of all inputs in
    /// the body.
    Simulate {},
    /// From it: the tables of all outputs, the body.
    Simulated {
        /// What it took.
        measured: Measured,
    },
    /// From the asking side: it needs nothing more.
    Bye {},
    /// From the answering side: its last frame after `bye`.
    Ended {
        /// The times of the whole process, and its peak memory.
        measured: Measured,
    },
    /// From the server, its last frame: the program or the demand is beyond the scheme.
    Refused {
        /// Why, for people.
        reason: String,
    },
    /// From the server, its last frame: something failed.
    Failed {
        /// What, for people.
        reason: String,
    },
}

impl Head {
    /// The name of the frame, as in `type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Compile { .. } => "compile",
            Self::Compiled { .. } => "compiled",
            Self::Keys { .. } => "keys",
            Self::Key { .. } => "key",
            Self::Prepared { .. } => "prepared",
            Self::Ciphertexts { .. } => "ciphertexts",
            Self::Stored { .. } => "stored",
            Self::Evaluate { .. } => "evaluate",
            Self::Evaluated { .. } => "evaluated",
            Self::Download { .. } => "download",
            Self::Results { .. } => "results",
            Self::Discard { .. } => "discard",
            Self::Discarded {} => "discarded",
            Self::Describe {} => "describe",
            Self::Described { .. } => "described",
            Self::Capabilities { .. } => "capabilities",
            Self::Capable { .. } => "capable",
            Self::Parameters { .. } => "parameters",
            Self::GenerateKeys {} => "generate-keys",
            Self::Generated { .. } => "generated",
            Self::Encrypt { .. } => "encrypt",
            Self::Encrypted { .. } => "encrypted",
            Self::Decrypt { .. } => "decrypt",
            Self::Decrypted { .. } => "decrypted",
            Self::Simulate {} => "simulate",
            Self::Simulated { .. } => "simulated",
            Self::Bye {} => "bye",
            Self::Ended { .. } => "ended",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
        }
    }

    /// What its body is, and how many bytes it may have. Most frames have none.
    pub(crate) fn body_limit(&self, limits: &Limits) -> (&'static str, u64) {
        match self {
            Self::Compile { .. } => ("bytes of a program", limits.program_bytes),
            Self::Key { .. } => ("bytes of a key", limits.keys_bytes),
            Self::Ciphertexts { .. }
            | Self::Results { .. }
            | Self::Encrypted { .. }
            | Self::Decrypt { .. } => ("bytes of ciphertexts", limits.ciphertexts_bytes),
            Self::Described { .. } | Self::Capable { .. } | Self::Parameters { .. } => {
                ("bytes of a text", limits.text_bytes)
            }
            Self::Encrypt { .. }
            | Self::Decrypted { .. }
            | Self::Simulate {}
            | Self::Simulated { .. } => ("bytes of tables", limits.tables_bytes),
            _ => ("bytes of the body of a frame that has none", 0),
        }
    }
}

/// The names of roles, by [`KeyRole::ALL`].
const ROLES: [&str; 5] = [
    "public",
    "relinearization",
    "galois",
    "bootstrapping",
    "shared",
];

/// The name of a key's role in frames.
pub(crate) fn role_name(role: KeyRole) -> &'static str {
    match role {
        KeyRole::Public => "public",
        KeyRole::Relinearization => "relinearization",
        KeyRole::Galois => "galois",
        KeyRole::Bootstrapping => "bootstrapping",
        KeyRole::Shared => "shared",
    }
}

/// The role of this name.
pub(crate) fn role_named(name: &str) -> Result<KeyRole, WireError> {
    let mut roles = KeyRole::ALL.into_iter();
    roles
        .find(|role| role_name(*role) == name)
        .ok_or_else(|| WireError::Role {
            found: format!("`{}`", shown(name, 40)),
            expected: &ROLES,
        })
}

/// A digest in hexadecimal digits.
pub fn hex(circuit: CircuitDigest) -> String {
    use std::fmt::Write as _;
    let mut digits = String::with_capacity(64);
    for byte in circuit.as_bytes() {
        // Writing into a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// The digest of these digits.
///
/// # Errors
/// They are not 64 hexadecimal digits in lower case.
pub fn digest_named(digits: &str) -> Result<CircuitDigest, WireError> {
    let wrong = || WireError::Digest {
        found: shown(digits, 64),
    };
    let is_digit = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
    if digits.len() != 64 || !digits.as_bytes().iter().all(is_digit) {
        return Err(wrong());
    }
    let mut bytes = [0; 32];
    for (byte, two) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let two = std::str::from_utf8(two).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(two, 16).map_err(|_| wrong())?;
    }
    Ok(CircuitDigest::from_bytes(bytes))
}

/// Holds the other party's digest against ours.
pub(crate) fn same_circuit(
    found: &str,
    expected: CircuitDigest,
    library: &str,
) -> Result<(), WireError> {
    let expected = hex(expected);
    if found == expected {
        return Ok(());
    }
    Err(WireError::OtherCircuit {
        found: shown(found, 64),
        expected,
        library: shown(library, 200),
    })
}
