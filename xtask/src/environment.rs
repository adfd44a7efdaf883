//! The environment of the programs that xtask starts: the user's, without what cargo adds.
//!
//! `cargo xtask` is a `cargo run`, which sets variables about the package `xtask`. Build scripts may
//! ask cargo to run them again when one of these changes (that of `ring` does), and with them all
//! that depends on their crates: a cargo started from here would rebuild what one started by hand
//! has built, and the other way round.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Variables that `cargo run` and `cargo test` set for the program they start, from cargo's own
/// documentation ("Environment variables Cargo sets for crates").
const ADDED: [&str; 9] = [
    "CARGO",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_MANIFEST_PATH",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "OUT_DIR",
];

/// Beginnings of more of them.
const ADDED_PREFIXES: [&str; 2] = ["CARGO_BIN_EXE_", "CARGO_PKG_"];

/// Search paths of the dynamic linker, to which cargo adds folders below `target`.
const SEARCH_PATHS: [&str; 2] = ["LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"];

/// Takes from a command's environment what cargo has added to this program's.
pub(crate) fn restore(command: &mut Command) {
    let built = env::current_exe().ok();
    let built = built.as_deref().and_then(Path::parent);
    for (name, value) in changes(env::vars_os(), built) {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

/// Variables with other values, or with none. `built` is the folder of this program.
fn changes(
    variables: impl Iterator<Item = (OsString, OsString)>,
    built: Option<&Path>,
) -> Vec<(OsString, Option<OsString>)> {
    variables
        .filter_map(|(name, value)| {
            if is_added(&name) {
                return Some((name, None));
            }
            if !SEARCH_PATHS.iter().any(|path| name == *path) {
                return None;
            }
            let rest: Vec<PathBuf> = env::split_paths(&value)
                .filter(|folder| !built.is_some_and(|built| folder.starts_with(built)))
                .collect();
            // Paths that were split can be joined again.
            let rest = env::join_paths(rest).ok()?;
            (rest != value).then(|| (name, Some(rest).filter(|rest| !rest.is_empty())))
        })
        .collect()
}

fn is_added(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    ADDED.iter().any(|added| name == *added)
        || ADDED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    /// Cargo runs this test as it runs xtask, so that its variables are there.
    #[test]
    fn programs_see_nothing_of_the_package() {
        assert!(env::var_os("CARGO_MANIFEST_DIR").is_some());
        assert!(env::var_os("CARGO_PKG_NAME").is_some());
        let mut command = Command::new("env");
        restore(&mut command);
        let output = command
            .env("CARGO_TARGET_DIR", "kept")
            .output()
            .expect("env is a program of every system");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let names: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, _)| name)
            .collect();
        assert!(names.contains(&"PATH"), "{text}");
        assert!(names.contains(&"CARGO_TARGET_DIR"), "{text}");
        let left: Vec<&&str> = names
            .iter()
            .filter(|name| is_added(OsStr::new(name)))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[track_caller]
    fn check(name: &str, value: &str, expected: &[Option<&str>]) {
        let variable = std::iter::once((OsString::from(name), OsString::from(value)));
        let found: Vec<_> = changes(variable, Some(Path::new("/t/release")))
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        let expected: Vec<_> = expected.iter().map(|v| v.map(OsString::from)).collect();
        assert_eq!(found, expected, "{name}={value}");
    }

    #[test]
    fn what_goes_and_what_stays() {
        check("CARGO_PKG_VERSION_MAJOR", "0", &[None]);
        check("CARGO_MANIFEST_PATH", "/r/xtask/Cargo.toml", &[None]);
        check("CARGO", "/bin/cargo", &[None]);
        for name in [
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_JOBS",
            "CARGO_INCREMENTAL",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
            "PATH",
        ] {
            check(name, "/t/release/x", &[]);
        }
    }

    #[test]
    fn search_paths() {
        let name = "LD_LIBRARY_PATH";
        check(name, "/opt/lib:/usr/lib", &[]);
        check(
            name,
            "/t/release/deps:/t/release:/opt/lib",
            &[Some("/opt/lib")],
        );
        check(name, "/t/release/build/ring-1/out:/t/release/deps", &[None]);
        check(name, "/t/released", &[]);
    }

    /// A package whose build script watches what `ring`'s does: one build by hand, one from here.
    #[test]
    fn nothing_is_built_anew() {
        let script = "fn main() { println!(\"cargo:rerun-if-env-changed=CARGO_PKG_NAME\"); }";
        let package = "[package]\nname = \"watches\"\nedition = \"2024\"\n[workspace]\n";
        let fake = Fake::new("environment")
            .text("Cargo.toml", package)
            .text("build.rs", script)
            .file("src/lib.rs");
        let built = |prepare: fn(&mut Command)| {
            let mut cargo = Command::new(env::var_os("CARGO").expect("cargo runs this test"));
            prepare(&mut cargo);
            let output = cargo
                .args(["build", "--offline", "--verbose", "--target-dir", "t"])
                .current_dir(&fake.0.root)
                .output()
                .expect("cargo");
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{text}");
            text.contains("Compiling watches")
        };
        let by_hand = |cargo: &mut Command| {
            for (name, _) in env::vars_os().filter(|(name, _)| is_added(name)) {
                cargo.env_remove(name);
            }
        };
        assert!(built(by_hand), "the first build");
        assert!(!built(restore), "from here, after one by hand");
        assert!(!built(by_hand), "by hand, after one from here");
        assert!(built(|_| {}), "with what cargo sets, the script runs again");
    }
}
