//! Limits: what a party reads at most of what the other one announces.

/// The largest lengths and numbers that a party accepts. Both sides hold what they send against
/// them, too, so that a mistake is noticed where it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head.
    pub head_bytes: u64,
    /// Bytes of a program.
    pub program_bytes: u64,
    /// Bytes of all parts of the evaluation keys together.
    pub keys_bytes: u64,
    /// Parts of the evaluation keys.
    pub key_parts: u64,
    /// Bytes of the ciphertexts of one input or output.
    pub ciphertexts_bytes: u64,
    /// Bytes of a manifest, of capabilities and of parameters.
    pub text_bytes: u64,
    /// Bytes of the tables in one frame.
    pub tables_bytes: u64,
    /// Inputs and outputs that the server holds at one time.
    pub handles: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 1 << 20,
            program_bytes: 256 << 20,
            keys_bytes: 64 << 30,
            key_parts: 1 << 16,
            ciphertexts_bytes: 16 << 30,
            text_bytes: 16 << 20,
            tables_bytes: 4 << 30,
            handles: 1 << 16,
        }
    }
}
