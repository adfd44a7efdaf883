//! Handles: given back to the plugin when they are dropped.

use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;

use hexperiment_scheme::{CiphertextData, Ciphertexts, SchemeError};

use super::reply::MOST_BYTES;
use super::vtable::Plugin;
use crate::abi;

/// A circuit's handle.
pub(super) struct CircuitHandle {
    pub(super) plugin: Plugin,
    pointer: NonNull<abi::Circuit>,
}

// SAFETY: the header asks plugins to take calls from several threads on one handle; destroying
// needs `&mut self`.
unsafe impl Send for CircuitHandle {}
// SAFETY: as above.
unsafe impl Sync for CircuitHandle {}

impl CircuitHandle {
    /// Owns a handle, if it is one.
    pub(super) fn new(plugin: Plugin, pointer: *mut abi::Circuit) -> Option<Self> {
        NonNull::new(pointer).map(|pointer| Self { plugin, pointer })
    }

    pub(super) fn pointer(&self) -> *const abi::Circuit {
        self.pointer.as_ptr()
    }
}

impl Drop for CircuitHandle {
    fn drop(&mut self) {
        // SAFETY: the plugin made the handle; it is given back once, after all that came from it,
        // which holds this one by an `Arc`.
        unsafe { (self.plugin.functions.destroy_circuit)(self.pointer.as_ptr()) }
    }
}

/// What came from a circuit: keys or ciphertexts. The circuit lives at least as long.
pub(super) struct Handle<T> {
    pub(super) circuit: Arc<CircuitHandle>,
    pointer: NonNull<T>,
    destroy: abi::Destroy<T>,
}

// SAFETY: as for `CircuitHandle`; `T` is opaque, only a name.
unsafe impl<T> Send for Handle<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Handle<T> {}

impl<T> Handle<T> {
    pub(super) fn new(
        circuit: &Arc<CircuitHandle>,
        pointer: *mut T,
        destroy: abi::Destroy<T>,
    ) -> Option<Self> {
        Some(Self {
            circuit: Arc::clone(circuit),
            pointer: NonNull::new(pointer)?,
            destroy,
        })
    }

    pub(super) fn plugin(&self) -> &Plugin {
        &self.circuit.plugin
    }

    pub(super) fn pointer(&self) -> *const T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: the plugin made the handle; it is given back once, while the circuit lives.
        unsafe { (self.destroy)(self.pointer.as_ptr()) }
    }
}

/// Ciphertexts of one input or output, at most; sums of such numbers cannot overflow.
const MOST_CIPHERTEXTS: usize = 1 << 32;

/// Ciphertexts that a plugin keeps.
pub(super) struct Held {
    pub(super) handle: Handle<abi::Ciphertexts>,
    count: usize,
}

impl Held {
    /// What `operation` yielded, if it is there.
    pub(super) fn new(
        circuit: &Arc<CircuitHandle>,
        pointer: *mut abi::Ciphertexts,
        operation: &str,
    ) -> Result<Self, SchemeError> {
        let plugin = &circuit.plugin;
        let handle = Handle::new(circuit, pointer, plugin.functions.destroy_ciphertexts)
            .ok_or_else(|| plugin.broken(operation, "no ciphertexts"))?;
        // SAFETY: the ciphertexts are alive.
        let count = unsafe { (plugin.functions.count)(handle.pointer()) };
        if count > MOST_CIPHERTEXTS {
            let problem = format!("{count} ciphertexts, expected at most {MOST_CIPHERTEXTS}");
            return Err(plugin.broken(operation, problem));
        }
        Ok(Self { handle, count })
    }

    /// The handle of ciphertexts that belong to `circuit`: a plugin must never see another's.
    pub(super) fn of<'c>(
        ciphertexts: &'c Ciphertexts,
        circuit: &Arc<CircuitHandle>,
    ) -> Result<&'c Self, SchemeError> {
        let held: &Self = ciphertexts.downcast()?;
        if Arc::ptr_eq(&held.handle.circuit, circuit) {
            Ok(held)
        } else {
            Err(SchemeError::Foreign(
                "they were made under another circuit; let them cross as bytes".into(),
            ))
        }
    }
}

impl CiphertextData for Held {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), SchemeError> {
        let plugin = self.handle.plugin();
        let written = plugin.call_for("write", MOST_BYTES, |reply| {
            // SAFETY: the ciphertexts and the reply are alive.
            unsafe { (plugin.functions.write)(self.handle.pointer(), reply) }
        })?;
        bytes.extend(written);
        Ok(())
    }

    fn count(&self) -> usize {
        self.count
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
