//! What a plugin answers: bytes, and a reason if a call fails.

use std::ffi::{CStr, c_char, c_void};

use hexperiment_program::Refusal;
use hexperiment_scheme::SchemeError;

use crate::abi;

/// Bytes of a text that a plugin answers with, at most: manifests, capabilities, parameters.
pub(super) const MOST_TEXT: usize = 16 << 20;

/// Bytes of the ciphertexts of one input or output, at most. They are in memory several times over
/// while they cross; what is larger has no place in a comparison on one machine.
pub(super) const MOST_BYTES: usize = 16 << 30;

/// Bytes of a reason that are kept.
const MOST_REASON: usize = 4 << 10;

/// Collects one call's answer.
pub(super) struct Collector {
    bytes: Vec<u8>,
    /// Bytes that it may have.
    most: usize,
    what: String,
    why: String,
    /// Rule of the ABI that the plugin broke, if any.
    broken: Option<String>,
}

impl Collector {
    /// For an answer of at most so many bytes.
    pub(super) fn new(most: usize) -> Self {
        Self {
            bytes: vec![],
            most,
            what: String::new(),
            why: String::new(),
            broken: None,
        }
    }

    /// Runs a call with a reply that ends up here.
    pub(super) fn during(
        &mut self,
        call: impl FnOnce(*const abi::Reply) -> abi::Status,
    ) -> abi::Status {
        let reply = abi::Reply {
            struct_size: size_of::<abi::Reply>() as u32,
            reserved: 0,
            context: (&raw mut *self).cast(),
            write: write_into,
            explain: explain_into,
        };
        call(&raw const reply)
    }

    /// The bytes, or the error that the status stands for.
    pub(super) fn outcome(
        self,
        library: &'static str,
        operation: &str,
        status: abi::Status,
    ) -> Result<Vec<u8>, SchemeError> {
        let or = |text: String, otherwise: &str| {
            if text.is_empty() {
                otherwise.to_owned()
            } else {
                text
            }
        };
        let failed = |operation: String, message: String| SchemeError::Library {
            library,
            operation,
            message,
        };
        if let Some(problem) = self.broken {
            let message = format!("the plugin breaks the ABI: {problem}");
            return Err(failed(operation.into(), message));
        }
        let why = or(self.why, "the plugin gives no reason");
        match status {
            abi::OK => Ok(self.bytes),
            abi::REFUSED => Err(Refusal::because(or(self.what, operation), why).into()),
            abi::FOREIGN => Err(SchemeError::Foreign(why)),
            abi::FAILED => Err(failed(or(self.what, operation), why)),
            unknown => Err(failed(
                or(self.what, operation),
                format!("{why} (unknown status {unknown})"),
            )),
        }
    }
}

/// Appends bytes; the `write` of a reply.
unsafe extern "C" fn write_into(context: *mut c_void, data: *const c_void, length: usize) {
    // SAFETY: `context` is the collector that `during` passed, which outlives the call; the header
    // allows replies on the calling thread only, so no other reference to it is alive.
    let Some(collector) = (unsafe { context.cast::<Collector>().as_mut() }) else {
        return;
    };
    if length == 0 {
        return;
    }
    if data.is_null() {
        collector.broken = Some("it writes bytes that are not there".into());
        return;
    }
    // Before any is read: a length that is wrong is most often absurd.
    let most = collector.most;
    if length > most - collector.bytes.len() {
        let found = collector.bytes.len().saturating_add(length);
        collector.bytes = vec![];
        collector.most = 0;
        let problem = format!("it writes {found} bytes, expected at most {most}");
        collector.broken.get_or_insert(problem);
        return;
    }
    // SAFETY: the plugin passes `length` readable bytes at `data`; both were checked for what can
    // be checked.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) };
    collector.bytes.extend_from_slice(bytes);
}

/// Notes a reason; the `explain` of a reply.
unsafe extern "C" fn explain_into(context: *mut c_void, what: *const c_char, why: *const c_char) {
    // SAFETY: as in `write_into`.
    let Some(collector) = (unsafe { context.cast::<Collector>().as_mut() }) else {
        return;
    };
    // SAFETY: the header asks for NULL or a text that ends in a zero byte.
    let text = |text: *const c_char| unsafe {
        (!text.is_null()).then(|| {
            let bytes = CStr::from_ptr(text).to_bytes();
            let kept = &bytes[..bytes.len().min(MOST_REASON)];
            String::from_utf8_lossy(kept).into_owned()
        })
    };
    collector.what = text(what).unwrap_or_default();
    collector.why = text(why).unwrap_or_default();
}
