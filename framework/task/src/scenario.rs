//! Who takes part in a task besides the server, and what that asks of every scheme.

use hexperiment_scheme::security::{Encryption, SecurityDemand};

/// Whose data are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataOwner {
    /// The key owner's.
    #[default]
    KeyOwner,
    /// Those of others, who have no secret key.
    Others,
}

/// Who gets the results, once the key owner has decrypted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recipient {
    /// Nobody else.
    #[default]
    KeyOwner,
    /// Others, too: data owners, or the public.
    Others,
}

/// The parties of a task besides the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    /// Whose data are encrypted.
    pub data_owner: DataOwner,
    /// Who gets the results.
    pub recipient: Recipient,
}

impl Scenario {
    /// Who encrypts, unless the experiment says so.
    pub fn encryption(self) -> Encryption {
        match self.data_owner {
            DataOwner::KeyOwner => Encryption::Owner,
            DataOwner::Others => Encryption::Public,
        }
    }

    /// The bound of log2 of the failure probability of a run, unless the experiment says so.
    pub fn failure_log2(self) -> i32 {
        match self.recipient {
            Recipient::KeyOwner => SecurityDemand::FAILURE_KEPT,
            Recipient::Others => SecurityDemand::FAILURE_SHARED,
        }
    }
}
