//! Handles: boxed Rust objects behind opaque pointers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hexperiment_scheme as scheme;
use hexperiment_scheme::SchemeError;

use super::broken;
use crate::abi;

/// The Rust type behind an opaque one. A box of a trait object is two words, so it is boxed again.
pub(super) trait Opaque {
    /// The type.
    type Behind;
}

impl Opaque for abi::Circuit {
    type Behind = Box<dyn scheme::Circuit>;
}

impl Opaque for abi::Encryptor {
    type Behind = Box<dyn scheme::Encryptor>;
}

impl Opaque for abi::Evaluator {
    type Behind = Box<dyn scheme::Evaluator>;
}

impl Opaque for abi::Decryptor {
    type Behind = Box<dyn scheme::Decryptor>;
}

impl Opaque for abi::Ciphertexts {
    type Behind = scheme::Ciphertexts;
}

/// A reference to what the host passed.
///
/// # Safety
///
/// `pointer` is null or valid for reads during `'a`.
pub(super) unsafe fn borrow<'a, T>(pointer: *const T, what: &str) -> Result<&'a T, SchemeError> {
    // SAFETY: the caller vouches for it.
    unsafe { pointer.as_ref() }.ok_or_else(|| broken(what, "null"))
}

/// What is behind a handle.
///
/// # Safety
///
/// `pointer` is null or a handle of this plugin that is not destroyed during `'a`.
pub(super) unsafe fn behind<'a, O: Opaque>(
    pointer: *const O,
    what: &str,
) -> Result<&'a O::Behind, SchemeError> {
    // SAFETY: handles are made by `into_handle` only, of this type.
    unsafe { borrow(pointer.cast::<O::Behind>(), what) }
}

/// A handle that owns `object`.
pub(super) fn into_handle<O: Opaque>(object: O::Behind) -> *mut O {
    Box::into_raw(Box::new(object)).cast()
}

/// Puts a handle of `object` where the host wants it.
///
/// # Safety
///
/// `place` is null or valid for writes.
pub(super) unsafe fn hand_over<O: Opaque>(
    object: O::Behind,
    place: *mut *mut O,
) -> Result<(), SchemeError> {
    if place.is_null() {
        return Err(broken("handle", "null in the place of where it belongs"));
    }
    // SAFETY: it is not null; the caller vouches for the rest.
    unsafe { place.write(into_handle(object)) };
    Ok(())
}

/// Destroys a handle.
pub(super) unsafe extern "C" fn destroy<O: Opaque>(pointer: *mut O) {
    if pointer.is_null() {
        return;
    }
    // A panic has nobody to hear it here, and must not leave.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the host gives back a handle of `into_handle`, once.
        drop(unsafe { Box::from_raw(pointer.cast::<O::Behind>()) });
    }));
}
