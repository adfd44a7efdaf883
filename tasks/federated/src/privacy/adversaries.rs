//! What a run spends, by who looks.
//!
//! Noise is added in shares, so that how much of it hides a contribution depends on what an adversary sees:
//! sums of many shares, or single updates with one share each. Who can decrypt an update is the scheme's
//! word ([`KeyHolders`]); that clients see the model of every round is the task's.

use hexperiment_task::session::KeyHolders;

use super::{Privacy, accountant};

/// The epsilon of one run against each adversary, at the run's delta.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Adversaries {
    /// The server alone: 0 where it has nothing but ciphertexts.
    pub(crate) server: f64,
    /// The key owner alone, who decrypts the sums and is no client.
    pub(crate) key_owner: f64,
    /// One client, who knows its own noise.
    pub(crate) client: f64,
    /// The server with one client.
    pub(crate) server_and_client: f64,
    /// The server with the key owner.
    pub(crate) server_and_key_owner: f64,
}

/// What a federation of a run reveals, and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revealed {
    /// Sums that are decrypted.
    pub(crate) sums: usize,
    /// Updates that one client uploads at most.
    pub(crate) updates: usize,
    /// Clients in a sum, at least.
    pub(crate) least: usize,
}

impl Privacy {
    /// What a run spends against each adversary.
    pub(crate) fn against(self, revealed: Revealed, holders: KeyHolders) -> Adversaries {
        let Revealed {
            sums,
            updates,
            least,
        } = revealed;
        // So many shares, none of which the adversary knows, in units of the most that one unit adds.
        let shares = |count: usize| self.deviation_per_client(1.0, least) * (count as f64).sqrt();
        let of_sums = |unknown| accountant::epsilon(shares(unknown), sums, self.delta);
        let single = accountant::epsilon(shares(1), updates, self.delta);
        let client = of_sums(least.saturating_sub(1));
        Adversaries {
            server: match holders {
                KeyHolders::Server => single,
                KeyHolders::KeyOwner | KeyHolders::DataOwners => 0.0,
            },
            key_owner: of_sums(least),
            client,
            server_and_client: match holders {
                KeyHolders::Server | KeyHolders::DataOwners => single,
                KeyHolders::KeyOwner => client,
            },
            server_and_key_owner: single,
        }
    }
}

impl Adversaries {
    /// In words, for the report.
    pub(crate) fn describe(self, holders: KeyHolders) -> String {
        let Self {
            server,
            key_owner,
            client,
            server_and_client,
            server_and_key_owner,
        } = self;
        let (alone, with_client) = match holders {
            KeyHolders::KeyOwner => (
                "has ciphertexts only, and that is as far as the encryption is good",
                "a client has the public key only, and sees the models",
            ),
            KeyHolders::DataOwners => (
                "has ciphertexts only, and that is as far as the encryption is good",
                "clients encrypt with the secret key under this scheme, so that the two decrypt every single \
                 update: this is the figure to go by",
            ),
            KeyHolders::Server => (
                "reads every single update under this scheme: this is the figure to go by",
                "the same updates",
            ),
        };
        format!(
            "epsilon by who looks: the server alone {server:.3} ({alone}); server and one client \
             {server_and_client:.3} ({with_client}); the key owner alone, who sees the sums, {key_owner:.3}; one \
             client, who sees the models and knows its own noise, {client:.3}; server and key owner together \
             {server_and_key_owner:.3}, since they see single updates with one share of the noise"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::Unit;
    use super::*;

    /// Ten clients, of whom nine make the whole, twenty rounds: as `chd-federated-private`.
    fn against(holders: KeyHolders) -> Adversaries {
        let multiplier = accountant::multiplier(3.0, 20, 1e-5).unwrap();
        let privacy = Privacy {
            unit: Unit::Record,
            multiplier,
            delta: 1e-5,
            colluders: 1,
        };
        let revealed = Revealed {
            sums: 20,
            updates: 20,
            least: 10,
        };
        privacy.against(revealed, holders)
    }

    /// Who sees single updates sees them behind a third of the noise, which costs about four times the
    /// epsilon; who that is, the scheme decides.
    #[test]
    fn who_holds_the_key_decides_what_the_server_learns() {
        let public = against(KeyHolders::KeyOwner);
        assert!((public.client - 3.0).abs() < 1e-3, "{public:?}");
        assert_eq!(
            (public.server, public.server_and_client),
            (0.0, public.client)
        );
        assert!(public.key_owner < public.client);
        let ratio = public.server_and_key_owner / public.client;
        assert!((3.5..4.5).contains(&ratio), "{ratio}");
        let secret = against(KeyHolders::DataOwners);
        assert_eq!(secret.server, 0.0);
        assert_eq!(secret.server_and_client, public.server_and_key_owner);
        let clear = against(KeyHolders::Server);
        assert_eq!(clear.server, public.server_and_key_owner);
        // The words name the figure that counts under the scheme.
        let check = |holders, adversaries: Adversaries, expect: &str| {
            let words = adversaries.describe(holders);
            assert!(words.contains(expect), "{words} lacks {expect}");
        };
        check(
            KeyHolders::KeyOwner,
            public,
            "server alone 0.000 (has ciphertexts only",
        );
        check(
            KeyHolders::DataOwners,
            secret,
            "encrypt with the secret key under this scheme",
        );
        check(KeyHolders::Server, clear, "reads every single update");
    }
}
