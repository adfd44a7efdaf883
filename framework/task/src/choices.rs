//! Choices that several tasks offer by the same names.

use strum::{EnumString, IntoStaticStr, VariantNames};

/// Who does a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Side {
    /// The client, in the clear.
    Client,
    /// The server, under encryption.
    Server,
}

/// What a model is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Mode {
    /// Encrypted samples are scored.
    Inference,
    /// A model is trained on encrypted rows.
    Training,
}

/// What a class counts in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum ClassWeight {
    /// As many rows as it has.
    None,
    /// As much as the other.
    Balanced,
}
