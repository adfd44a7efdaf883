//! Plugins to load: the C source in its variants, and the Rust example that cargo built.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of this crate.
pub fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a compiler on a source that is part of these tests; `$CC` or `cc`, `$CXX` or `c++`.
#[track_caller]
pub fn compile(variable: &str, default: &str, arguments: &[&str], source: &Path) {
    let compiler = std::env::var(variable).unwrap_or_else(|_| default.into());
    let output = Command::new(&compiler)
        .args(["-Wall", "-Wextra", "-Werror", "-Wno-unused", "-I"])
        .arg(here().join("include"))
        .args(arguments)
        .arg(source)
        .output()
        .unwrap_or_else(|e| panic!("{compiler}: {e}; install a C compiler or set {variable}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler}: {errors}");
}

/// The plugin in C, with the rule broken that `variant` names.
#[track_caller]
pub fn c_plugin(folder: &Path, variant: &str) -> PathBuf {
    let library = folder.join(format!("{variant}.so"));
    let define = format!("-D{variant}");
    let out = library.display().to_string();
    compile(
        "CC",
        "cc",
        &["-std=c99", "-O1", "-shared", "-fPIC", &define, "-o", &out],
        &here().join("tests/plugins/clear.c"),
    );
    library
}

/// The plugin in Rust: `cargo test` builds examples next to where it puts its tests.
#[track_caller]
pub fn rust_plugin() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("deps/ lies in the profile's folder");
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let library = profile
        .join("examples")
        .join(format!("{prefix}clear_plugin{suffix}"));
    assert!(
        library.exists(),
        "{} is missing: run `cargo build -p hexperiment-plugin-abi --example clear_plugin` first, \
         in the same profile",
        library.display()
    );
    library
}
