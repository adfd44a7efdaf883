//! Ciphertexts of inputs and outputs.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use hexperiment_scheme::{CiphertextData, Ciphertexts, SchemeError};

use crate::circuit::Shared;
use crate::seal;
use crate::wire;

/// Encrypted vectors: for each column, the ciphertexts of its chunks.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) shared: Arc<Shared>,
    /// The place in the context's levels.
    pub(crate) level: usize,
    pub(crate) columns: Vec<Vec<Arc<seal::Ciphertext>>>,
}

impl CiphertextData for Sealed {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), SchemeError> {
        wire::write(self, bytes)
    }

    fn count(&self) -> usize {
        self.columns.iter().map(Vec::len).sum()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Inputs that the key owner encrypted: for each column, the ciphertexts of its chunks, seeded.
pub(crate) struct Fresh {
    pub(crate) shared: Arc<Shared>,
    pub(crate) columns: Vec<Vec<Arc<seal::SeededCiphertext>>>,
}

impl CiphertextData for Fresh {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), SchemeError> {
        wire::write_seeded(self, bytes)
    }

    fn count(&self) -> usize {
        self.columns.iter().map(Vec::len).sum()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Sealed {
    /// Ciphertexts of this plugin; what the key owner encrypted and has not crossed is expanded.
    pub(crate) fn of(ciphertexts: &Ciphertexts) -> Result<Cow<'_, Self>, SchemeError> {
        let Ok(fresh) = ciphertexts.downcast::<Fresh>() else {
            return ciphertexts.downcast::<Self>().map(Cow::Borrowed);
        };
        let mut bytes = Vec::new();
        wire::write_seeded(fresh, &mut bytes)?;
        wire::read(&fresh.shared, &bytes).map(Cow::Owned)
    }
}
