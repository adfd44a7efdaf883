//! With the feature `hexl`, links Debian's static cpu_features, which the HEXL inside SEAL uses.

use std::path::PathBuf;
use std::{env, error};

fn main() -> Result<(), Box<dyn error::Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CPU_FEATURES_LIB_DIR");
    if env::var_os("CARGO_FEATURE_HEXL").is_none() {
        return Ok(());
    }
    let arch = env::var("CARGO_CFG_TARGET_ARCH")?;
    let folders = env::var_os("CPU_FEATURES_LIB_DIR")
        .map(PathBuf::from)
        .into_iter()
        .chain(
            [
                format!("/usr/lib/{arch}-linux-gnu"),
                "/usr/lib".into(),
                "/usr/lib64".into(),
                "/usr/local/lib".into(),
            ]
            .map(PathBuf::from),
        );
    for folder in folders {
        if folder.join("libcpu_features.a").is_file() {
            println!("cargo:rustc-link-search=native={}", folder.display());
            println!("cargo:rustc-link-lib=static=cpu_features");
            return Ok(());
        }
    }
    Err(
        "the feature `hexl` needs libcpu_features.a: install Debian's libcpu-features-dev, set \
         CPU_FEATURES_LIB_DIR to its folder, or build without the feature"
            .into(),
    )
}
