//! The plugin's side: any [`Scheme`] as a table of functions.
//!
//! Every function catches panics, and turns them and errors into a status with a reason. What is
//! said of pointers here is what the header obliges the host to.

mod answer;
mod circuit;
mod handle;

use std::ffi::{CStr, c_char};

use hexperiment_program::Program;
use hexperiment_program::lower::Lowered;
pub use hexperiment_scheme::Scheme;
use hexperiment_scheme::options::Options;
use hexperiment_scheme::outside::{CapabilitiesJson, ManifestJson};
use hexperiment_scheme::security::{Encryption, SecurityDemand};
use hexperiment_scheme::{CompileRequest, SchemeError};

use crate::abi;
use answer::answer;
use handle::{borrow, hand_over};

/// Exports a scheme from a crate of type `cdylib`: defines `hexperiment_plugin`.
///
/// Takes a constant expression of a type that implements
/// [`Scheme`](hexperiment_scheme::Scheme).
#[macro_export]
macro_rules! export_scheme {
    ($scheme:expr $(,)?) => {
        const _: () = {
            struct Exported;

            impl $crate::guest::Export for Exported {
                fn scheme() -> &'static dyn $crate::guest::Scheme {
                    static SCHEME: &dyn $crate::guest::Scheme = &$scheme;
                    SCHEME
                }
            }

            static TABLE: $crate::abi::Plugin = $crate::guest::table::<Exported>();

            #[unsafe(no_mangle)]
            extern "C" fn hexperiment_plugin() -> *const $crate::abi::Plugin {
                &raw const TABLE
            }
        };
    };
}

/// Where the functions of a table find their scheme; [`export_scheme!`](crate::export_scheme)
/// implements it.
pub trait Export: 'static {
    /// The scheme.
    fn scheme() -> &'static dyn Scheme;
}

/// The table of functions of a scheme.
pub const fn table<E: Export>() -> abi::Plugin {
    abi::Plugin {
        abi_version: abi::ABI_VERSION,
        struct_size: size_of::<abi::Plugin>() as u32,
        manifest: Some(manifest::<E>),
        capabilities: Some(capabilities::<E>),
        compile: Some(compile::<E>),
        parameters: Some(circuit::parameters),
        simulate: Some(circuit::simulate),
        generate_keys: Some(circuit::generate_keys),
        prepare: Some(circuit::prepare),
        encrypt: Some(circuit::encrypt),
        evaluate: Some(circuit::evaluate),
        decrypt: Some(circuit::decrypt),
        write: Some(circuit::write),
        load: Some(circuit::load),
        count: Some(circuit::count),
        destroy_circuit: Some(handle::destroy::<abi::Circuit>),
        destroy_encryptor: Some(handle::destroy::<abi::Encryptor>),
        destroy_evaluator: Some(handle::destroy::<abi::Evaluator>),
        destroy_decryptor: Some(handle::destroy::<abi::Decryptor>),
        destroy_ciphertexts: Some(handle::destroy::<abi::Ciphertexts>),
    }
}

/// What the host did that it must not do, or what cannot cross.
fn broken(operation: &str, problem: impl std::fmt::Display) -> SchemeError {
    SchemeError::Library {
        library: "plugin ABI",
        operation: operation.into(),
        message: problem.to_string(),
    }
}

/// JSON from the host.
///
/// # Safety
///
/// `text` is null or ends in a zero byte.
unsafe fn json<T: serde::de::DeserializeOwned>(
    what: &str,
    text: *const c_char,
) -> Result<T, SchemeError> {
    if text.is_null() {
        return Err(broken(what, "null"));
    }
    // SAFETY: it is not null; the caller vouches for the rest.
    let text = unsafe { CStr::from_ptr(text) };
    serde_json::from_slice(text.to_bytes()).map_err(|e| broken(what, e))
}

fn to_json(what: &str, value: &impl serde::Serialize) -> Result<Vec<u8>, SchemeError> {
    serde_json::to_vec(value).map_err(|e| broken(what, e))
}

unsafe extern "C" fn manifest<E: Export>(reply: *const abi::Reply) -> abi::Status {
    // SAFETY: the host passes a reply that outlives the call.
    unsafe {
        answer(reply, |reply| {
            let wire = ManifestJson::from(&E::scheme().manifest());
            reply.write(&to_json("manifest", &wire)?);
            Ok(())
        })
    }
}

unsafe extern "C" fn capabilities<E: Export>(
    options: *const c_char,
    reply: *const abi::Reply,
) -> abi::Status {
    // SAFETY: the host passes a reply that outlives the call.
    unsafe {
        answer(reply, |reply| {
            // SAFETY: the host passes text that ends in a zero byte.
            let options: Options = json("options", options)?;
            let wire = CapabilitiesJson::from(&E::scheme().capabilities(&options)?);
            reply.write(&to_json("capabilities", &wire)?);
            Ok(())
        })
    }
}

unsafe extern "C" fn compile<E: Export>(
    request: *const abi::CompileRequest,
    circuit: *mut *mut abi::Circuit,
    reply: *const abi::Reply,
) -> abi::Status {
    // SAFETY: the host passes a request, a place for the handle and a reply that outlive the call.
    unsafe {
        answer(reply, |_| {
            let request = borrow(request, "request")?;
            let options: Options = json("options", request.options_json)?;
            let program: Program = json("program", request.program_json)?;
            let scheme = E::scheme();
            let lowered = Lowered::given(program, &scheme.capabilities(&options)?)?;
            let threads = (request.threads as usize).max(1);
            limit_threads(threads);
            let encryption = match request.encryption {
                abi::ENCRYPTION_OWNER => Encryption::Owner,
                abi::ENCRYPTION_PUBLIC => Encryption::Public,
                other => return Err(broken("encryption", format_args!("found {other}"))),
            };
            let demand = SecurityDemand::new(request.security_bits, request.insecure != 0);
            let compiled = scheme.compile(CompileRequest {
                lowered: &lowered,
                options: &options,
                security: SecurityDemand {
                    encryption,
                    failure_log2: request.failure_log2,
                    ..demand
                },
                threads,
                objective: hexperiment_program::layout::Objective::default(),
            })?;
            hand_over::<abi::Circuit>(compiled, circuit)
        })
    }
}

/// A plugin carries a rayon of its own, whose pool knows nothing of the host's. The pool can be
/// sized once: the first circuit of a process decides, as in the host.
fn limit_threads(threads: usize) {
    // An error says that it has been sized already.
    let _ = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global();
}

#[cfg(test)]
mod tests {
    use std::ptr::{null, null_mut};

    use super::*;

    struct Plaintext;

    impl Export for Plaintext {
        fn scheme() -> &'static dyn Scheme {
            &scheme_plaintext::Plaintext
        }
    }

    /// A reply that is thrown away.
    fn nowhere() -> abi::Reply {
        unsafe extern "C" fn write(_: *mut std::ffi::c_void, _: *const std::ffi::c_void, _: usize) {
        }
        unsafe extern "C" fn explain(_: *mut std::ffi::c_void, _: *const c_char, _: *const c_char) {
        }
        unsafe extern "C" fn begin_key(_: *mut std::ffi::c_void, _: u32) {}
        abi::Reply {
            struct_size: size_of::<abi::Reply>() as u32,
            reserved: 0,
            context: null_mut(),
            write,
            explain,
            begin_key,
        }
    }

    #[test]
    fn null_is_an_error_everywhere() {
        let reply = nowhere();
        let r = &raw const reply;
        // SAFETY: every function checks its pointers for null, which is what this is about; the
        // reply outlives the calls.
        let statuses = unsafe {
            [
                manifest::<Plaintext>(null()),
                capabilities::<Plaintext>(null(), r),
                capabilities::<Plaintext>(c"[".as_ptr(), r),
                compile::<Plaintext>(null(), null_mut(), r),
                circuit::parameters(null(), r),
                circuit::simulate(null(), null(), 1, null(), 1, r),
                circuit::generate_keys(null(), null_mut(), r),
                circuit::prepare(null(), null(), 1, null_mut(), r),
                circuit::encrypt(null(), 0, null(), null_mut(), r),
                circuit::evaluate(null(), null(), 1, null_mut(), 1, r),
                circuit::decrypt(null(), 0, null(), null(), r),
                circuit::write(null(), r),
                circuit::load(null(), null(), 1, null_mut(), r),
            ]
        };
        assert_eq!(statuses, [abi::FAILED; 13]);
        // SAFETY: as above.
        unsafe {
            assert_eq!(manifest::<Plaintext>(r), abi::OK);
            assert_eq!(circuit::count(null()), 0);
            handle::destroy::<abi::Circuit>(null_mut());
        }
    }
}
