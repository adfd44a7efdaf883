//! Transport encryption: what many systems of devices do today, and the baseline between
//! [no encryption] and computing on ciphertexts.
//!
//! Client and server share one key. The client's tables leave it as [Fernet] tokens, one for each
//! row as devices send their readings, or one for a whole table; the **server decrypts**, computes
//! in the clear by the framework's interpreter, and encrypts the result. Nobody in between reads a
//! number, or changes one unnoticed. The server reads them all: the protection is
//! [`Protection::TransportOnly`], the evaluator holds the key, and reports rank it with nothing.
//!
//! A token is `0x80`, the time in seconds since 1970 *in the clear*, a random initial vector, AES-128
//! in CBC mode with PKCS 7 padding, and HMAC-SHA256 over all that, in URL-safe base64. The time is
//! under the HMAC, but its age is not checked: an old token counts like a new one. Inside each
//! token, before the numbers, stands which table and row they are, so that tokens cannot trade
//! places; Fernet itself has no associated data.
//!
//! [Fernet]: https://github.com/fernet/spec/blob/master/Spec.md
//! [no encryption]: hexperiment_scheme::security::Protection::None
//! [`Protection::TransportOnly`]: hexperiment_scheme::security::Protection::TransportOnly

mod circuit;
mod costs;
mod layout;
mod scheme;
#[cfg(test)]
mod tests;
mod tokens;

pub use scheme::Fernet;
