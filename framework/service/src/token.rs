//! Tokens of clients, and fingerprints of certificates.

mod hash;

use std::fmt::Write as _;

use hmac::digest::{Key, KeyInit};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub use hash::TokenHash;

/// What every token begins with, so that people and scanners of secrets know one.
const PREFIX: &str = "hxp_";

/// Bytes of chance in a token.
const BYTES: usize = 32;

/// A client's token: whoever has it is the client. It is not shown by `Debug`, and is overwritten
/// when it is dropped.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// A fresh one.
    ///
    /// # Errors
    /// The operating system yields no random bytes.
    pub fn fresh() -> std::io::Result<Self> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        getrandom::fill(&mut *bytes).map_err(std::io::Error::other)?;
        Ok(Self(Zeroizing::new(format!("{PREFIX}{}", hex(&*bytes)))))
    }

    /// The token that this text is; white space around it does not count.
    ///
    /// # Errors
    /// It is none; the words do not repeat it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.strip_prefix(PREFIX);
        if digits.and_then(unhex::<BYTES>).is_none() {
            return Err(format!(
                "found no token, expected `{PREFIX}` and {} hexadecimal digits",
                2 * BYTES
            ));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Its text, to be told to its client or to the service and to nobody else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A seal on a text, which nobody makes who does not have the token: HMAC-SHA256, in hexadecimal digits.
    pub fn seal(&self, text: &str) -> String {
        hex(&self.mac(text).finalize().into_bytes())
    }

    /// Whether a seal on a text was made with this token, in a time that does not tell where it differs.
    pub fn has_sealed(&self, text: &str, seal: &str) -> bool {
        unhex::<32>(seal).is_some_and(|seal| self.mac(text).verify_slice(&seal).is_ok())
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        // A hash of the token as the key, so that no use of it elsewhere yields a seal.
        let hash = Sha256::new()
            .chain_update(b"hexperiment seal ")
            .chain_update(self.0.as_bytes())
            .finalize();
        let mut key = Key::<Hmac<Sha256>>::default();
        key[..hash.len()].copy_from_slice(&hash);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&key);
        mac.update(text.as_bytes());
        mac
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// SHA-256 of a certificate in DER: what a client pins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }

    /// The fingerprint that this text is: `sha256:` and 64 hexadecimal digits, with or without colons.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "found {}, expected `sha256:` and 64 hexadecimal digits, as `hexperiment serve` prints them",
                hexperiment_diagnostics::printable::quoted(text)
            )
        };
        let digits = text.trim().strip_prefix("sha256:").ok_or_else(wrong)?;
        let digits: String = digits.chars().filter(|c| *c != ':').collect();
        unhex(&digits).map(Self).ok_or_else(wrong)
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sha256:{}", hex(&self.0))
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// A name of 128 random bits behind a prefix that tells what it names.
pub(crate) fn fresh_id(prefix: &str) -> std::io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(format!("{prefix}_{}", hex(&bytes)))
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            let _ = write!(text, "{byte:02x}"); // writing into a string does not fail
            text
        })
}

/// So many bytes of hexadecimal digits in either case.
fn unhex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let digits = digits.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, two) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_are_written_and_not_shown() {
        let token = Token::fresh().unwrap();
        let read = Token::parse(&format!(" {}\n", token.reveal())).unwrap();
        assert_eq!(read.hash(), token.hash());
        assert_ne!(Token::fresh().unwrap().hash(), token.hash());
        assert_eq!(format!("{token:?}"), "Token(…)");
        for text in [
            "",
            "hxp_",
            "hxp_00",
            &token.reveal()[4..],
            &format!("{}0", token.reveal()),
        ] {
            let problem = Token::parse(text).unwrap_err();
            assert!(text.len() < 10 || !problem.contains(text), "{problem}");
        }
    }

    #[test]
    fn seals_are_of_a_token_and_a_text() {
        let (token, other) = (Token::fresh().unwrap(), Token::fresh().unwrap());
        let seal = token.seal("https://a");
        assert!(token.has_sealed("https://a", &seal));
        assert!(!token.has_sealed("https://b", &seal) && !other.has_sealed("https://a", &seal));
        for wrong in ["", "00", &seal[1..], &"0".repeat(64)] {
            assert!(!token.has_sealed("https://a", wrong));
        }
        assert!(!seal.contains(&token.reveal()[4..20]));
    }

    #[test]
    fn fingerprints_are_read_as_they_are_written() {
        let of = Fingerprint::of(b"certificate");
        assert_eq!(Fingerprint::parse(&of.to_string()), Ok(of));
        let colons: Vec<String> = of.to_string().as_bytes()[7..]
            .chunks(2)
            .map(|two| String::from_utf8_lossy(two).to_uppercase())
            .collect();
        assert_eq!(
            Fingerprint::parse(&format!("sha256:{}", colons.join(":"))),
            Ok(of)
        );
        for text in ["", "sha256:", "sha1:00", &of.to_string()[7..]] {
            assert!(
                Fingerprint::parse(text)
                    .unwrap_err()
                    .contains("expected `sha256:`")
            );
        }
    }
}
