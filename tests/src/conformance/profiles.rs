//! How large the cases are for the schemes that are built in.

use hexperiment_scheme::options::OptionValue;
use hexperiment_scheme::security::Encryption;

use super::Profile;

impl Profile {
    /// For the scheme of this name; the usual one for those that need no other.
    pub fn of(scheme: &str) -> Self {
        let usual = Self::default();
        match scheme {
            "paillier" => Self {
                max_length: 500,
                precision: 1e-6,
                ..usual
            },
            "seal-ckks" => Self {
                // Encrypted under the secret key; sums take no level.
                sums_take_keys: false,
                // Comparisons of fewer levels: operands of the cases are an eighth of their range
                // apart.
                options: vec![
                    ("sign_margin".into(), OptionValue::Number(0.1)),
                    ("sign_error".into(), OptionValue::Number(0.02)),
                    ("max_degrees".into(), OptionValue::Text("7,7".into())),
                ],
                ..usual
            },
            "tfhe" => Self {
                max_length: 8,
                precision: 1.0 / 16.0,
                // Encrypted under the secret key; sums need no bootstrap.
                sums_take_keys: false,
                // Half a second each: 90 MB of masks are expanded from the seeds.
                mutated_keys_tried: 8,
                ..usual
            },
            _ => usual,
        }
    }

    /// The same, encrypted by a public key: the cases are fewer and shorter, as little else differs.
    #[must_use]
    pub fn by_public_key(self) -> Self {
        Self {
            encryption: Encryption::Public,
            max_length: self.max_length.min(300),
            sums_take_keys: true,
            ..self
        }
    }
}
