//! SHA-256 sums, as text.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Bytes that are read of a file at a time.
const BUFFER: usize = 1 << 20;

/// Bytes as hexadecimal digits, two each.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
    }
    text
}

/// SHA-256 of some bytes, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(Sha256::digest(bytes).as_slice())
}

/// SHA-256 of several texts, in hexadecimal digits.
#[derive(Default)]
pub(crate) struct Sum(Sha256);

impl Sum {
    /// Goes on with these bytes.
    pub(crate) fn add(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes);
    }

    /// The sum of all that was added.
    pub(crate) fn finish(self) -> String {
        hexadecimal(self.0.finalize().as_slice())
    }
}

/// SHA-256 of the program that runs.
///
/// # Errors
/// In words: the program cannot be found or read.
pub(crate) fn of_this_program() -> Result<String, String> {
    let path = std::env::current_exe().map_err(|e| format!("this program cannot be found: {e}"))?;
    of_program(&path)
}

/// SHA-256 of a program.
///
/// # Errors
/// In words: it cannot be read.
pub(crate) fn of_program(path: &Path) -> Result<String, String> {
    of_file(path).map_err(|e| format!("{}: this program cannot be read: {e}", path.display()))
}

/// SHA-256 of a file, of which a part is in memory at a time.
fn of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut sum = Sum::default();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(sum.finish()),
            length => sum.add(&buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of "abc" (FIPS 180-2, appendix B.1).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn sums_of_bytes_parts_and_files() {
        assert_eq!(hexadecimal(&[0, 0x0f, 0xff]), "000fff");
        assert_eq!(sha256(b"abc"), ABC);
        let mut sum = Sum::default();
        sum.add("a");
        sum.add(b"bc");
        assert_eq!(sum.finish(), ABC);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        // More than is read at a time.
        let long = vec![7; BUFFER + 1];
        std::fs::write(&path, &long).unwrap();
        assert_eq!(of_program(&path), Ok(sha256(&long)));
        let absent = of_program(&folder.path().join("absent")).unwrap_err();
        assert!(
            absent.contains("absent: this program cannot be read"),
            "{absent}"
        );
    }
}
