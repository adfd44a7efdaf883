//! A plugin's table of functions, once it has passed inspection.

use std::mem::{MaybeUninit, offset_of};
use std::ptr;

use hexperiment_scheme::{KeyPart, SchemeError};

use super::reply::{Collector, MOST_TEXT};
use crate::abi;

/// The size of the table when version 3 began; it ends with this field. Tables may be longer.
const FIRST_SIZE: usize =
    offset_of!(abi::Plugin, destroy_ciphertexts) + size_of::<abi::Destroy<abi::Ciphertexts>>();

/// Why a table cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// There is none.
    #[error("its entry point returns no table of functions")]
    Null,
    /// It is of another version.
    #[error(
        "it speaks version {found} of the plugin ABI, this program version {}; build the plugin \
         with this program's hexperiment.h",
        abi::ABI_VERSION
    )]
    Version {
        /// The plugin's version.
        found: u32,
    },
    /// It ends too early.
    #[error(
        "its table of functions has {found} bytes, expected at least {expected}: set struct_size \
         to sizeof(HexperimentPlugin)"
    )]
    Size {
        /// The size it states.
        found: u32,
        /// The least of version 3.
        expected: usize,
    },
    /// A function is missing that every plugin must have.
    #[error("its table lacks the function `{0}`")]
    Missing(&'static str),
}

/// The functions, all there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Functions {
    pub(super) manifest: abi::Manifest,
    pub(super) capabilities: abi::Capabilities,
    pub(super) compile: abi::Compile,
    pub(super) parameters: abi::Parameters,
    pub(super) simulate: Option<abi::Simulate>,
    pub(super) generate_keys: abi::GenerateKeys,
    pub(super) prepare: abi::Prepare,
    pub(super) encrypt: abi::Encrypt,
    pub(super) evaluate: abi::Evaluate,
    pub(super) decrypt: abi::Decrypt,
    pub(super) write: abi::Write,
    pub(super) load: abi::Load,
    pub(super) count: abi::Count,
    pub(super) destroy_circuit: abi::Destroy<abi::Circuit>,
    pub(super) destroy_encryptor: abi::Destroy<abi::Encryptor>,
    pub(super) destroy_evaluator: abi::Destroy<abi::Evaluator>,
    pub(super) destroy_decryptor: abi::Destroy<abi::Decryptor>,
    pub(super) destroy_ciphertexts: abi::Destroy<abi::Ciphertexts>,
}

impl Functions {
    /// Inspects what an entry point returned.
    ///
    /// # Safety
    ///
    /// `table` is null, or points to two 32-bit words, version and size, and, if the version is
    /// ours, to as many bytes as the size says, of the form of [`abi::Plugin`].
    pub(super) unsafe fn read(table: *const abi::Plugin) -> Result<Self, TableError> {
        if table.is_null() {
            return Err(TableError::Null);
        }
        // SAFETY: the caller vouches for the two words, whatever the version.
        let [version, size] = unsafe { table.cast::<[u32; 2]>().read_unaligned() };
        if version != abi::ABI_VERSION {
            return Err(TableError::Version { found: version });
        }
        if (size as usize) < FIRST_SIZE {
            return Err(TableError::Size {
                found: size,
                expected: FIRST_SIZE,
            });
        }
        let shared = (size as usize).min(size_of::<abi::Plugin>());
        let mut copy = MaybeUninit::<abi::Plugin>::zeroed();
        // SAFETY: the caller vouches for `size` bytes, and `copy` has room for those shared. What
        // a shorter table lacks stays zero, and a function that is zero is `None`.
        let t = unsafe {
            ptr::copy_nonoverlapping(table.cast::<u8>(), copy.as_mut_ptr().cast(), shared);
            copy.assume_init()
        };
        macro_rules! all_of {
            ($($name:ident),*; $($optional:ident),*) => {
                Ok(Self {
                    $($name: t.$name.ok_or(TableError::Missing(stringify!($name)))?,)*
                    $($optional: t.$optional,)*
                })
            };
        }
        all_of!(
            manifest, capabilities, compile, parameters, generate_keys, prepare, encrypt, evaluate,
            decrypt, write, load, count, destroy_circuit, destroy_encryptor, destroy_evaluator,
            destroy_decryptor, destroy_ciphertexts;
            simulate
        )
    }
}

/// A plugin under its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plugin {
    pub(super) functions: Functions,
    /// The scheme's name, for errors.
    pub(super) name: &'static str,
}

impl Plugin {
    /// Makes a call and yields the text that it wrote.
    pub(super) fn call(
        &self,
        operation: &str,
        call: impl FnOnce(*const abi::Reply) -> abi::Status,
    ) -> Result<Vec<u8>, SchemeError> {
        self.call_for(operation, MOST_TEXT, call)
    }

    /// Makes a call and yields what it wrote, at most so many bytes.
    pub(super) fn call_for(
        &self,
        operation: &str,
        most: usize,
        call: impl FnOnce(*const abi::Reply) -> abi::Status,
    ) -> Result<Vec<u8>, SchemeError> {
        let mut collector = Collector::new(most);
        let status = collector.during(call);
        collector.outcome(self.name, operation, status)
    }

    /// Makes a call and yields the parts of keys that it wrote.
    pub(super) fn call_for_keys(
        &self,
        operation: &str,
        call: impl FnOnce(*const abi::Reply) -> abi::Status,
    ) -> Result<Vec<KeyPart>, SchemeError> {
        let mut collector = Collector::of_keys();
        let status = collector.during(call);
        collector.outcome_of_keys(self.name, operation, status)
    }

    /// The plugin broke the rules of the header.
    pub(super) fn broken(&self, operation: &str, problem: impl std::fmt::Display) -> SchemeError {
        SchemeError::Library {
            library: self.name,
            operation: operation.into(),
            message: format!("the plugin breaks the ABI: {problem}"),
        }
    }

    /// JSON that the plugin wrote.
    pub(super) fn json<T: serde::de::DeserializeOwned>(
        &self,
        operation: &str,
        bytes: &[u8],
    ) -> Result<T, SchemeError> {
        // Malformed UTF-8 is an error of the parser too, with its place.
        serde_json::from_slice(bytes)
            .map_err(|e| self.broken(operation, format_args!("malformed JSON: {e}")))
    }
}
