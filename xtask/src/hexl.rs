//! Whether SEAL is built with Intel HEXL: one decision for all that builds, so that SEAL is
//! built once.

use std::path::PathBuf;

use crate::Failure;
use crate::decision::Decision;
use crate::system::System;
use crate::tools::{CPU_FEATURES, Manager, advice};

/// The workspace's feature for it.
const FEATURE: &str = "hexperiment-runner/hexl";

/// What the CPU must have for HEXL to be more than its own fallback: its build asks for
/// AVX512DQ before it compiles any of its AVX-512 kernels (`thirdparty/hexl/CMakeLists.txt` in
/// sealy's SEAL); those that use IFMA come on top.
const FLAGS: [&str; 2] = ["avx512f", "avx512dq"];

/// Decides; fails if the user asks for what cannot be.
pub(crate) fn decide(system: &System) -> Result<Decision, Failure> {
    let how = || advice(&[&CPU_FEATURES], Manager::of(system));
    let library = library(system);
    let decision = |on, reason: String| {
        Ok(Decision {
            name: "HEXL",
            feature: FEATURE,
            on,
            reason,
        })
    };
    match told(system)? {
        Some(false) => decision(false, "HEXPERIMENT_HEXL=0".into()),
        Some(true) if library.is_none() => {
            Err(
                Failure::new("HEXPERIMENT_HEXL=1, but there is no libcpu_features.a").help(
                    format!("{}; or set CPU_FEATURES_LIB_DIR to its folder", how()),
                ),
            )
        }
        Some(true) => decision(true, "HEXPERIMENT_HEXL=1".into()),
        None => match (suits(system), library) {
            (false, _) => decision(false, format!("the CPU has no {}", FLAGS.join(" or no "))),
            (true, None) => decision(
                false,
                format!(
                    "no libcpu_features.a; with it SEAL is about twice as fast: {}",
                    how()
                ),
            ),
            (true, Some(at)) => decision(true, format!("AVX-512 and {}", at.display())),
        },
    }
}

/// Whether it is worth while to install the library: it would be used, and is not there.
pub(crate) fn wants_library(system: &System) -> bool {
    let wanted = told(system).ok().flatten().unwrap_or_else(|| suits(system));
    wanted && library(system).is_none()
}

/// The static library that HEXL calls; `schemes/seal-ckks/build.rs` looks at the same places.
pub(crate) fn library(system: &System) -> Option<PathBuf> {
    let told = system.variable("CPU_FEATURES_LIB_DIR").map(PathBuf::from);
    let usual = [
        format!("usr/lib/{}-linux-gnu", system.arch),
        "usr/lib".into(),
        "usr/lib64".into(),
        "usr/local/lib".into(),
    ];
    told.into_iter()
        .chain(usual.iter().map(|folder| system.root.join(folder)))
        .map(|folder| folder.join("libcpu_features.a"))
        .find(|file| file.is_file())
}

fn suits(system: &System) -> bool {
    let has = |flag: &&str| system.cpu_flags.iter().any(|f| f == *flag);
    system.arch == "x86_64" && FLAGS.iter().all(has)
}

/// What the user wants.
fn told(system: &System) -> Result<Option<bool>, Failure> {
    let told = system
        .variable("HEXPERIMENT_HEXL")
        .map(|v| v.to_string_lossy());
    match told.as_deref() {
        None => Ok(None),
        Some("0") => Ok(Some(false)),
        Some("1") => Ok(Some(true)),
        Some(other) => Err(Failure::usage(format!(
            "HEXPERIMENT_HEXL is `{other}`; it may be 0 or 1"
        ))
        .help("unset it, and HEXL is used where the machine allows")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    const LIBRARY: &str = "usr/lib/x86_64-linux-gnu/libcpu_features.a";
    const AVX512: &str = "fpu avx2 avx512f avx512dq";

    #[track_caller]
    fn check(fake: Fake, on: bool, reason: &str) {
        let decision = decide(&fake.0).expect("a decision");
        assert_eq!(decision.on, on, "{}", decision.line());
        assert!(decision.line().contains(reason), "{}", decision.line());
        assert_eq!(decision.arguments().is_empty(), !on);
    }

    #[test]
    fn as_the_machine_allows() {
        check(
            Fake::new("hexl-both").cpu(AVX512).file(LIBRARY),
            true,
            "libcpu_features.a",
        );
        check(
            Fake::new("hexl-no-library").cpu(AVX512),
            false,
            "libcpu-features-dev",
        );
        check(
            Fake::new("hexl-no-dq").cpu("avx512f").file(LIBRARY),
            false,
            "avx512dq",
        );
        let mut arm = Fake::new("hexl-arm")
            .cpu(AVX512)
            .file("usr/lib/libcpu_features.a");
        arm.0.arch = "aarch64".into();
        check(arm, false, "CPU");
    }

    #[test]
    fn as_the_user_wants() {
        let off = Fake::new("hexl-off").cpu(AVX512).file(LIBRARY);
        check(
            off.variable("HEXPERIMENT_HEXL", "0"),
            false,
            "HEXPERIMENT_HEXL=0",
        );
        let on = Fake::new("hexl-on").file(LIBRARY);
        check(
            on.variable("HEXPERIMENT_HEXL", "1"),
            true,
            "HEXPERIMENT_HEXL=1",
        );
        let folder = Fake::new("hexl-folder")
            .cpu(AVX512)
            .file("my/libcpu_features.a");
        let place = folder.0.root.join("my").to_string_lossy().into_owned();
        check(
            folder.variable("CPU_FEATURES_LIB_DIR", &place),
            true,
            "my/libcpu_features.a",
        );
    }

    #[track_caller]
    fn check_refused(fake: Fake, code: u8, found: &str) {
        let failure = decide(&fake.0).expect_err("a refusal");
        assert_eq!(failure.code, code, "{failure}");
        assert!(
            failure.to_string().contains(found) && failure.help.is_some(),
            "{failure}"
        );
    }

    #[test]
    fn what_cannot_be() {
        check_refused(
            Fake::new("hexl-yes").variable("HEXPERIMENT_HEXL", "yes"),
            2,
            "`yes`",
        );
        let forced = Fake::new("hexl-forced")
            .cpu(AVX512)
            .variable("HEXPERIMENT_HEXL", "1");
        check_refused(forced, 1, "libcpu_features.a");
    }

    #[track_caller]
    fn check_wants(fake: Fake, expected: bool) {
        assert_eq!(wants_library(&fake.0), expected);
    }

    #[test]
    fn when_the_library_is_worth_installing() {
        check_wants(Fake::new("want").cpu(AVX512), true);
        check_wants(Fake::new("want-has").cpu(AVX512).file(LIBRARY), false);
        check_wants(Fake::new("want-slow").cpu("avx2"), false);
        check_wants(
            Fake::new("want-not")
                .cpu(AVX512)
                .variable("HEXPERIMENT_HEXL", "0"),
            false,
        );
        check_wants(
            Fake::new("want-forced").variable("HEXPERIMENT_HEXL", "1"),
            true,
        );
    }
}
