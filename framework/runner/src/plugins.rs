//! The built-in plugins: one line each. Naming a crate links it; linking registers it. And those
//! out of tree, from shared libraries.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;

use hexperiment_plugin_abi::{self as plugin_abi, LoadError};

use scheme_fernet as _;
use scheme_paillier as _;
use scheme_plaintext as _;
use scheme_seal_ckks as _;
use scheme_tfhe as _;
use task_anomaly_detection as _;
use task_device_risk as _;
use task_federated as _;
use task_interpolation as _;
use task_linear_regression as _;
use task_logistic_regression as _;
use task_max_pooling as _;

/// Makes sure that the linker keeps the registrations above.
pub(crate) fn link() {
    debug_assert!(!hexperiment_core::registry::schemes().is_empty());
}

/// The shared libraries of this run, as the processes of its cells are told of them.
static OUT_OF_TREE: OnceLock<OsString> = OnceLock::new();

/// Registers the schemes of the shared libraries named on the command line and by the
/// environment.
pub(crate) fn register(named: Vec<PathBuf>) -> Result<(), LoadError> {
    let mut paths = plugin_abi::from_env();
    paths.extend(named);
    plugin_abi::register_all(paths.iter().cloned())?;
    let told = plugin_abi::to_env(&paths)?;
    // Called once, at the start.
    let _ = OUT_OF_TREE.set(told);
    Ok(())
}

/// The environment variable that tells a cell's process of them.
pub(crate) fn environment() -> (&'static str, OsString) {
    let told = OUT_OF_TREE.get().cloned().unwrap_or_default();
    (plugin_abi::ENVIRONMENT, told)
}
