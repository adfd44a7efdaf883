//! Where plaintexts, ciphertexts and SEAL's scratch space live.
//!
//! SEAL takes memory from pools that keep what they once held, in a list for each size, and by
//! default from one that lives as long as the process. The ciphertexts of each level have a size
//! of their own, so that this pool ends up holding the sum of what every level needed at its
//! worst time: gigabytes at N = 32768, where a few hundred megabytes are in use at any one time.
//! Here every object and every call has a pool of its own, which dies with it. Contexts and keys
//! stay in the global one: there are few, and they live long.

use super::{SealError, create, handle};
use crate::ffi;

handle!(
    /// A reference to a pool; the objects that live in the pool hold others.
    Pool,
    ffi::MemoryPoolHandle_Destroy
);

impl Pool {
    /// A pool of its own.
    pub(super) fn new() -> Result<Self, SealError> {
        // SAFETY: `create` passes a valid place for the pointer.
        let object = create("MemoryPoolHandle_New", |out| unsafe {
            ffi::MemoryPoolHandle_New(false, out)
        })?;
        Ok(Self { object })
    }
}
