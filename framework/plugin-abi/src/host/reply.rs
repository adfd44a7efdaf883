//! What a plugin answers: bytes, and a reason if a call fails.

use std::ffi::{CStr, c_char, c_void};

use hexperiment_program::Refusal;
use hexperiment_scheme::{KeyPart, KeyRole, SchemeError};

use crate::abi;

/// Bytes of a text that a plugin answers with, at most: manifests, capabilities, parameters.
pub(super) const MOST_TEXT: usize = 16 << 20;

/// Bytes of the ciphertexts of one input or output, or of the evaluation keys, at most. They are in memory several times over
/// while they cross; what is larger has no place in a comparison on one machine.
pub(super) const MOST_BYTES: usize = 16 << 30;

/// Bytes of a reason that are kept.
const MOST_REASON: usize = 4 << 10;

/// Parts of the evaluation keys, at most.
const MOST_PARTS: usize = 1 << 16;

/// Collects one call's answer.
pub(super) struct Collector {
    bytes: Vec<u8>,
    /// Of a call that makes keys: the parts before the one that is being written, and the role of
    /// that one.
    keys: Option<(Vec<KeyPart>, Option<KeyRole>)>,
    /// Bytes of the parts before.
    taken: usize,
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
            keys: None,
            taken: 0,
            most,
            what: String::new(),
            why: String::new(),
            broken: None,
        }
    }

    /// For keys.
    pub(super) fn of_keys() -> Self {
        Self {
            keys: Some((vec![], None)),
            ..Self::new(MOST_BYTES)
        }
    }

    /// Ends the part that is being written, and begins one of `role`, if any.
    fn turn(&mut self, role: Option<KeyRole>) {
        if let Some((parts, current)) = &mut self.keys {
            let bytes = std::mem::take(&mut self.bytes);
            self.taken += bytes.len();
            parts.extend(current.map(|role| KeyPart::new(role, bytes)));
            *current = role;
        }
    }

    fn begin(&mut self, role: u32) {
        let known = KeyRole::ALL.get(role as usize);
        let problem = match (&self.keys, known) {
            (None, _) => Some("it begins a key where none is asked for".to_owned()),
            (_, None) => Some(format!("it begins a key of the unknown role {role}")),
            (Some((parts, _)), _) if parts.len() >= MOST_PARTS => {
                Some(format!("more than {MOST_PARTS} parts of keys"))
            }
            _ => None,
        };
        if problem.is_some() {
            self.broken = self.broken.take().or(problem);
        } else {
            self.turn(known.copied());
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
            begin_key: begin_key_into,
        };
        call(&raw const reply)
    }

    /// The parts of keys, or the error that the status stands for.
    pub(super) fn outcome_of_keys(
        mut self,
        library: &'static str,
        operation: &str,
        status: abi::Status,
    ) -> Result<Vec<KeyPart>, SchemeError> {
        self.turn(None);
        let parts = self.keys.take().map(|(parts, _)| parts);
        self.outcome(library, operation, status)?;
        Ok(parts.unwrap_or_default())
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
    if matches!(collector.keys, Some((_, None))) {
        let problem = "it writes bytes of a key before it begins one";
        collector.broken.get_or_insert(problem.into());
        return;
    }
    // Before any is read: a length that is wrong is most often absurd.
    let most = collector.most;
    let taken = collector.taken + collector.bytes.len();
    if length > most.saturating_sub(taken) {
        let found = taken.saturating_add(length);
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

/// Begins a part of the evaluation keys; the `begin_key` of a reply.
unsafe extern "C" fn begin_key_into(context: *mut c_void, role: u32) {
    // SAFETY: as in `write_into`.
    if let Some(collector) = unsafe { context.cast::<Collector>().as_mut() } {
        collector.begin(role);
    }
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
            // One line, however many it has: whoever prints it tells it from lines of our own.
            let text = String::from_utf8_lossy(kept);
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        })
    };
    collector.what = text(what).unwrap_or_default();
    collector.why = text(why).unwrap_or_default();
}
