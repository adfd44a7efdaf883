//! What every scheme must do, written once.
//!
//! [`conformance!`](macro@crate::conformance) makes one test of each check for one scheme. The checks
//! know schemes by the traits of `hexperiment_scheme` only; a [`Profile`] says how large
//! the cases may be, nothing else.

mod bytes;
mod cases;
mod key_bytes;
mod keys;
mod mutations;
mod operations;
mod profiles;
mod random;
mod shapes;
mod statements;
mod subject;
mod sums;

pub use bytes::{
    garbage_is_refused, other_circuits_are_refused, sizes_are_exact, tampering_never_panics,
};
pub use key_bytes::{Part, foreign_keys_are_refused, tampered_keys_never_panic};
pub use keys::{
    encryption_is_randomised, kept_keys_are_the_keys, keys_are_separate,
    nothing_shows_in_ciphertexts, servers_know_key_bytes_only, threads_share_keys,
};
pub use mutations::{
    key_mutations_never_panic, mutate, mutate_keys, mutations_never_panic, wanted,
};
pub use operations::{
    ends_of_ranges_are_kept, every_native_operation_is_the_oracles,
    missing_operations_are_rewritten_or_refused, outputs_are_computed_alone, round_trips,
};
pub use random::{equal_operations_are_the_oracles, random_programs_are_the_oracles};
pub use shapes::{inputs_are_checked, other_schemes_are_foreign, results_are_checked};
pub use statements::{
    a_public_key_is_used_where_demanded, deep_programs_are_refused_or_satisfied,
    failures_are_as_rare_as_demanded, security_is_what_was_demanded, statements_are_complete,
};
pub use subject::{Profile, Subject};
pub use sums::{classes_are_the_oracles, programs_on_sums_are_the_oracles};

/// One check of the suite.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Panics where the scheme does not do what it must.
    pub run: fn(&Subject),
}

/// Calls another macro with what it is given, and the names of all checks: the one list of them.
#[doc(hidden)]
#[macro_export]
macro_rules! each_check {
    ($($then:ident)::+; $($given:tt)*) => {
        $($then)::+! {
            $($given)*
            round_trips,
            ends_of_ranges_are_kept,
            outputs_are_computed_alone,
            every_native_operation_is_the_oracles,
            missing_operations_are_rewritten_or_refused,
            random_programs_are_the_oracles,
            equal_operations_are_the_oracles,
            programs_on_sums_are_the_oracles,
            classes_are_the_oracles,
            inputs_are_checked,
            results_are_checked,
            other_schemes_are_foreign,
            garbage_is_refused,
            tampering_never_panics,
            other_circuits_are_refused,
            foreign_keys_are_refused,
            tampered_keys_never_panic,
            keys_are_separate,
            kept_keys_are_the_keys,
            servers_know_key_bytes_only,
            encryption_is_randomised,
            nothing_shows_in_ciphertexts,
            sizes_are_exact,
            threads_share_keys,
            security_is_what_was_demanded,
            failures_are_as_rare_as_demanded,
            deep_programs_are_refused_or_satisfied,
            statements_are_complete,
            a_public_key_is_used_where_demanded,
        }
    };
}

macro_rules! table {
    ($($name:ident,)*) => {
        /// All of them.
        pub const CHECKS: &[Check] = &[$(Check { name: stringify!($name), run: $name },)*];
    };
}
each_check!(table;);

/// Makes a module of tests of one scheme: `conformance!(paillier)`, with a name of its own where
/// the scheme's is no identifier: `conformance!(seal_ckks, "seal-ckks")`, and with a [`Profile`]
/// where it needs another than [`Profile::of`] yields. The scheme's crate must be linked.
#[macro_export]
macro_rules! conformance {
    (@tests $name:expr, $profile:expr; $($check:ident,)*) => {$(
        #[test]
        fn $check() {
            $crate::conformance::$check(&$crate::conformance::Subject::new($name, $profile));
        }
    )*};
    ($module:ident) => {
        $crate::conformance!($module, stringify!($module));
    };
    ($module:ident, $name:expr) => {
        $crate::conformance!($module, $name, $crate::conformance::Profile::of($name));
    };
    ($module:ident, $name:expr, $profile:expr) => {
        mod $module {
            #[allow(unused_imports, reason = "profiles are written with names of the caller")]
            use super::*;

            $crate::each_check! { $crate::conformance; @tests $name, $profile; }

            #[test]
            #[ignore = "20,000 mutations take minutes: see `conformance::mutations`"]
            fn mutations_never_panic() {
                $crate::conformance::mutations_never_panic(
                    &$crate::conformance::Subject::new($name, $profile),
                );
            }

            #[test]
            #[ignore = "20,000 mutations take minutes: see `conformance::mutations`"]
            fn key_mutations_never_panic() {
                $crate::conformance::key_mutations_never_panic(
                    &$crate::conformance::Subject::new($name, $profile),
                );
            }
        }
    };
}
