//! Planted lies about keys that are kept: schemes that encrypt as they should, and give another key than the
//! one that they made, read another one, or send it.

use hexperiment_program::lower::{Capabilities, Lowered};
use hexperiment_program::{OutputId, Program};
use hexperiment_scheme::inventory;
use hexperiment_scheme::options::Options;
use hexperiment_scheme::registry::SchemePlugin;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::zeroize::Zeroizing;
use hexperiment_scheme::{
    Ciphertexts, Circuit, CircuitDigest, CompileRequest, Decryptor, Encryptor, EvaluationKeys,
    Evaluator, KeyOwner, KeyPart, KeyRole, KeySet, Parameters, Scheme, SchemeError, SchemeManifest,
    SecretKey,
};
use hexperiment_tests::conformance::{self, Profile, Subject};
use ndarray::Array2;
use scheme_fernet::Fernet;
use scheme_seal_ckks::SealCkks;

/// What a scheme does with its secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// Gives away the secret key of other keys.
    Gives,
    /// Restores roles of other keys, whatever key it is given.
    Restores,
    /// Gives away the key that it decrypts by, and a new encryptor that has another.
    Encrypts,
    /// Has the secret key among the keys that are sent, as a public one.
    Sends,
    /// Takes any bytes for a secret key.
    Believes,
}

/// By its name, over the scheme that encrypts.
struct Liar(&'static str, &'static dyn Scheme, Lie);

macro_rules! liars {
    ($($name:literal: $lie:ident over $scheme:path),*) => {$(
        inventory::submit! { SchemePlugin(&Liar($name, &$scheme, Lie::$lie)) }
    )*};
}
liars!("gives": Gives over SealCkks, "restores": Restores over SealCkks, "encrypts": Encrypts over SealCkks,
    "sends": Sends over SealCkks, "believes": Believes over SealCkks,
    "gives-tokens": Gives over Fernet, "restores-tokens": Restores over Fernet);

impl Scheme for Liar {
    fn manifest(&self) -> SchemeManifest {
        SchemeManifest {
            name: self.0,
            ..self.1.manifest()
        }
    }

    fn capabilities(&self, options: &Options) -> Result<Capabilities, SchemeError> {
        self.1.capabilities(options)
    }

    fn lower(
        &self,
        program: &Program,
        options: &Options,
        security: SecurityDemand,
    ) -> Result<Lowered, SchemeError> {
        self.1.lower(program, options, security)
    }

    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        Ok(Box::new(LyingCircuit {
            circuit: self.1.compile(request)?,
            lie: self.2,
        }))
    }
}

struct LyingCircuit {
    circuit: Box<dyn Circuit>,
    lie: Lie,
}

impl Circuit for LyingCircuit {
    fn parameters(&self) -> &Parameters {
        self.circuit.parameters()
    }

    fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError> {
        self.circuit.simulate(inputs)
    }

    fn digest(&self) -> CircuitDigest {
        self.circuit.digest()
    }

    fn generate_keys(&self) -> Result<KeySet, SchemeError> {
        let mut keys = self.circuit.generate_keys()?;
        if self.lie == Lie::Sends {
            let secret = keys.decryptor.secret_key()?.expose().to_vec();
            let parts = keys.evaluation.parts().iter();
            let parts = parts.map(|part| KeyPart::new(part.role(), part.bytes().to_vec()));
            let sent = parts.chain([KeyPart::new(KeyRole::Public, secret)]);
            keys.evaluation = EvaluationKeys::new(self.digest(), sent.collect());
        }
        if self.lie == Lie::Gives {
            let others = self.circuit.generate_keys()?;
            keys.decryptor = Box::new(Owner {
                decrypts: keys.decryptor,
                gives: others.decryptor,
            });
        }
        Ok(keys)
    }

    fn prepare(&self, keys: EvaluationKeys) -> Result<Box<dyn Evaluator>, SchemeError> {
        if self.lie != Lie::Sends {
            return self.circuit.prepare(keys);
        }
        // The server keeps what is last for itself.
        let parts = keys.parts().iter().rev().skip(1).rev();
        let parts = parts.map(|part| KeyPart::new(part.role(), part.bytes().to_vec()));
        let known = EvaluationKeys::new(keys.circuit(), parts.collect());
        self.circuit.prepare(known)
    }

    fn load(&self, bytes: &[u8]) -> Result<Ciphertexts, SchemeError> {
        self.circuit.load(bytes)
    }

    fn restore(&self, secret: &SecretKey) -> Result<KeyOwner, SchemeError> {
        let others = || self.circuit.generate_keys();
        match self.lie {
            Lie::Gives | Lie::Sends => self.circuit.restore(secret),
            Lie::Restores => {
                let others = others()?;
                Ok(KeyOwner {
                    encryptor: Some(others.encryptor),
                    decryptor: others.decryptor,
                })
            }
            Lie::Encrypts => Ok(KeyOwner {
                encryptor: Some(others()?.encryptor),
                ..self.circuit.restore(secret)?
            }),
            // Whatever is too long is cut.
            Lie::Believes => {
                let length = others()?.decryptor.secret_key()?.expose().len();
                let mut bytes = Zeroizing::new(secret.expose().to_vec());
                bytes.truncate(length);
                self.circuit
                    .restore(&SecretKey::new(secret.circuit(), bytes))
            }
        }
    }

    fn public_encryptor(&self, public: EvaluationKeys) -> Result<Box<dyn Encryptor>, SchemeError> {
        self.circuit.public_encryptor(public)
    }
}

/// A key owner who decrypts by one key and gives away another.
struct Owner {
    decrypts: Box<dyn Decryptor>,
    gives: Box<dyn Decryptor>,
}

impl Decryptor for Owner {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        self.decrypts.decrypt(output, ciphertexts)
    }

    fn secret_key(&self) -> Result<SecretKey, SchemeError> {
        self.gives.secret_key()
    }
}

/// The check passes the scheme itself, and says these words of the one that lies.
#[track_caller]
fn check(name: &str, honest: &str, words: &[&str]) {
    let run = |name: &str| {
        conformance::kept_keys_are_the_keys(&Subject::new(name, Profile::of(honest)));
    };
    run(honest);
    let found = std::panic::catch_unwind(|| run(name)).err();
    let said = found.and_then(|found| found.downcast_ref::<String>().cloned());
    let said = said.unwrap_or_else(|| format!("{name} is not found"));
    for word in words {
        assert!(said.contains(word), "lacks {word:?}: {said}");
    }
}

#[test]
fn another_key_than_the_one_that_was_made() {
    let numbers = ["kept keys", "its simulation", "which differ by"];
    check("gives", "seal-ckks", &numbers);
    check("restores", "seal-ckks", &numbers);
    check("encrypts", "seal-ckks", &numbers);
    // The one key of both parties, which the server gets, is not the one that is kept.
    check("gives-tokens", "fernet", &["the secret in a shared key"]);
    check("restores-tokens", "fernet", &["a kept key: "]);
}

#[test]
fn a_secret_key_among_those_that_are_sent() {
    check("sends", "seal-ckks", &["the secret in a public key"]);
}

#[test]
fn bytes_that_are_no_key() {
    check("believes", "seal-ckks", &["are taken for a secret key"]);
}
