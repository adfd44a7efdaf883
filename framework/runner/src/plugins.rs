//! The built-in plugins: one line each. Naming a crate links it; linking registers it.

use scheme_paillier as _;
use scheme_plaintext as _;
use scheme_seal_ckks as _;
use scheme_tfhe as _;
use task_linear_regression as _;
use task_logistic_regression as _;

/// Makes sure that the linker keeps the registrations above.
pub(crate) fn link() {
    debug_assert!(!hexperiment_core::registry::schemes().is_empty());
}
