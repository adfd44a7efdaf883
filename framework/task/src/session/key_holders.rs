//! Who can decrypt, as a scheme states it.

use hexperiment_scheme::Parameters;
use hexperiment_scheme::security::{Encryption, Protection};

/// Who besides the key owner can decrypt what a data owner encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyHolders {
    /// Nobody: data owners have a public key.
    KeyOwner,
    /// All data owners, who encrypt with the secret key.
    DataOwners,
    /// The server, too: nothing is encrypted, or in transit only.
    Server,
}

impl KeyHolders {
    /// By what the parameters state. A scheme that does not say which key encrypts is not believed to
    /// have a public one.
    pub(super) fn of(parameters: &Parameters) -> Self {
        match (parameters.security.protection(), parameters.encryption) {
            (Protection::None | Protection::TransportOnly, _) => Self::Server,
            (Protection::Encrypted, Some(Encryption::Public)) => Self::KeyOwner,
            (Protection::Encrypted, Some(Encryption::Owner) | None) => Self::DataOwners,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_scheme::OperationCounts;
    use hexperiment_scheme::security::Security;

    #[track_caller]
    fn check(protection: &str, encryption: Option<Encryption>, expect: KeyHolders) {
        let stated =
            serde_json::json!({ "protection": protection, "bits": 128, "basis": "a test" });
        let security: Security = serde_json::from_value(stated).unwrap();
        let parameters = Parameters {
            security,
            chosen: vec![],
            depth: 0,
            counts: OperationCounts::default(),
            encryption,
            server_sees: String::new(),
            quantisation: None,
            noise_tolerance: vec![],
            failure: hexperiment_scheme::security::failure::Failure::NotStated,
            shortfalls: vec![],
            layouts: vec![],
            memory_bytes: None,
        };
        assert_eq!(
            KeyHolders::of(&parameters),
            expect,
            "{protection} {encryption:?}"
        );
    }

    #[test]
    fn the_scheme_says_who_can_decrypt() {
        let [none, transport, encrypted] = ["none", "transport-only", "encrypted"];
        check(none, None, KeyHolders::Server);
        check(transport, None, KeyHolders::Server);
        check(encrypted, Some(Encryption::Public), KeyHolders::KeyOwner);
        check(encrypted, Some(Encryption::Owner), KeyHolders::DataOwners);
        check(encrypted, None, KeyHolders::DataOwners);
    }
}
