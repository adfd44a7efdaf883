//! Answering a call: bytes, or a status with a reason; never a panic.

use std::any::Any;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hexperiment_scheme::{KeyPart, SchemeError};

use crate::abi;

/// The host's reply.
pub(super) struct Answer<'a>(&'a abi::Reply);

impl Answer<'_> {
    /// Appends bytes.
    pub(super) fn write(&self, bytes: &[u8]) {
        // SAFETY: the host's function takes its own context and bytes, which it copies.
        unsafe { (self.0.write)(self.0.context, bytes.as_ptr().cast(), bytes.len()) }
    }

    /// Appends a part of the evaluation keys.
    pub(super) fn write_key(&self, part: &KeyPart) {
        // SAFETY: the host's function takes its own context. A role is its own number.
        unsafe { (self.0.begin_key)(self.0.context, part.role() as u32) }
        self.write(part.bytes());
    }

    fn explain(&self, what: &str, why: &str) {
        let text = |text: &str| CString::new(text.replace('\0', "?")).unwrap_or_default();
        let (what, why) = (text(what), text(why));
        // SAFETY: the host's function takes its own context and texts that end in a zero byte,
        // which it copies.
        unsafe { (self.0.explain)(self.0.context, what.as_ptr(), why.as_ptr()) }
    }

    fn fail(&self, error: SchemeError) -> abi::Status {
        match error {
            SchemeError::Refused(refusal) => {
                self.explain(&refusal.operation, &refusal.reason);
                abi::REFUSED
            }
            SchemeError::Foreign(why)
            | SchemeError::ForeignKeys(why)
            | SchemeError::ForeignSecret(why) => {
                self.explain("", &why);
                abi::FOREIGN
            }
            SchemeError::Broken {
                scheme: library,
                operation,
                message,
            }
            | SchemeError::Library {
                library,
                operation,
                message,
            } => {
                self.explain(&format!("{library}: {operation}"), &message);
                abi::FAILED
            }
            other @ (SchemeError::Program(_) | SchemeError::Option(_)) => {
                self.explain("", &other.to_string());
                abi::FAILED
            }
        }
    }
}

/// Makes a call's answer of what `f` yields.
///
/// # Safety
///
/// `reply` is null or a reply that outlives the call.
pub(super) unsafe fn answer(
    reply: *const abi::Reply,
    f: impl FnOnce(&Answer<'_>) -> Result<(), SchemeError>,
) -> abi::Status {
    // SAFETY: the caller vouches for it.
    let Some(reply) = (unsafe { reply.as_ref() }) else {
        return abi::FAILED;
    };
    let answer = Answer(reply);
    // What a panic leaves half done is either dropped or a handle that the host is told to
    // distrust, by the status.
    match catch_unwind(AssertUnwindSafe(|| f(&answer))) {
        Ok(Ok(())) => abi::OK,
        Ok(Err(error)) => answer.fail(error),
        Err(panic) => {
            answer.explain("panic", message(panic.as_ref()));
            abi::FAILED
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
