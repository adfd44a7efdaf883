//! What every scheme must do, written once.
//!
//! [`conformance!`](macro@crate::conformance) makes one test of each check for one scheme. The checks
//! know schemes by the traits of `hexperiment_core::scheme` only; a [`Profile`] says how large
//! the cases may be, nothing else.

mod bytes;
mod cases;
mod keys;
mod operations;
mod shapes;
mod statements;
mod subject;

pub use bytes::{garbage_is_refused, other_circuits_are_refused, tampering_never_panics};
pub use keys::{
    encryption_is_randomised, keys_are_separate, nothing_shows_in_ciphertexts, threads_share_keys,
};
pub use operations::{
    every_native_operation_is_the_oracles, missing_operations_are_rewritten_or_refused, round_trips,
};
pub use shapes::{inputs_are_checked, other_schemes_are_foreign, results_are_checked};
pub use statements::{
    deep_programs_are_refused_or_satisfied, security_is_what_was_demanded, statements_are_complete,
};
pub use subject::{Profile, Subject};

/// Makes a module of tests of one scheme: `conformance!(paillier)`, with a name of its own where
/// the scheme's is no identifier: `conformance!(seal_ckks, "seal-ckks")`, and with a [`Profile`]
/// where it needs smaller cases. The scheme's crate must be linked.
#[macro_export]
macro_rules! conformance {
    ($module:ident) => {
        $crate::conformance!($module, stringify!($module));
    };
    ($module:ident, $name:expr) => {
        $crate::conformance!($module, $name, $crate::conformance::Profile::default());
    };
    ($module:ident, $name:expr, $profile:expr) => {
        mod $module {
            #[allow(unused_imports, reason = "profiles are written with names of the caller")]
            use super::*;

            $crate::conformance!(@tests $name, $profile;
                round_trips,
                every_native_operation_is_the_oracles,
                missing_operations_are_rewritten_or_refused,
                inputs_are_checked,
                results_are_checked,
                other_schemes_are_foreign,
                garbage_is_refused,
                tampering_never_panics,
                other_circuits_are_refused,
                keys_are_separate,
                encryption_is_randomised,
                nothing_shows_in_ciphertexts,
                threads_share_keys,
                security_is_what_was_demanded,
                deep_programs_are_refused_or_satisfied,
                statements_are_complete,
            );
        }
    };
    (@tests $name:expr, $profile:expr; $($check:ident,)*) => {$(
        #[test]
        fn $check() {
            $crate::conformance::$check(&$crate::conformance::Subject::new($name, $profile));
        }
    )*};
}
