//! Tells the program how it is built, for the provenance of its runs: the commit, whether compiled
//! files differ from it, the compiler and its flags.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// What is compiled, from the root of the repository.
const COMPILED: [&str; 9] = [
    ".cargo",
    "Cargo.lock",
    "Cargo.toml",
    "experiments/datasets",
    "framework",
    "reports",
    "rust-toolchain.toml",
    "schemes",
    "tasks",
];

fn main() {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")).join("../..");
    for path in COMPILED {
        watch(&root.join(path));
    }
    let commit = commit(&root).unwrap_or_default();
    let dirty = !commit.is_empty() && is_dirty(&root);
    let rustc = words(Command::new(variable("RUSTC")).arg("--version")).unwrap_or_default();
    let features: Vec<String> = env::vars()
        .filter_map(|(name, _)| Some(name.strip_prefix("CARGO_FEATURE_")?.to_lowercase()))
        .collect();
    for (name, value) in [
        ("COMMIT", commit),
        ("DIRTY", dirty.to_string()),
        ("RUSTC", rustc),
        ("TARGET", variable("TARGET")),
        (
            "PROFILE",
            format!(
                "{}, opt-level {}",
                variable("PROFILE"),
                variable("OPT_LEVEL")
            ),
        ),
        // Separated by the unit separator, as cargo has them.
        ("FLAGS", variable("CARGO_ENCODED_RUSTFLAGS")),
        ("FEATURES", features.join("\u{1f}")),
    ] {
        println!("cargo::rustc-env=HEXPERIMENT_{name}={value}");
    }
}

/// A path whose change makes this run again; one that is not there would do so always.
fn watch(path: &Path) {
    if path.exists() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

/// The commit of the checkout at `root`; `None` where there is none, as in an archive, or in a copy
/// inside another project's checkout.
fn commit(root: &Path) -> Option<String> {
    let git = |arguments: &[&str]| words(Command::new("git").arg("-C").arg(root).args(arguments));
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(top).ok()? != fs::canonicalize(root).ok()? {
        return None;
    }
    // The commit is another as soon as one of these is.
    for name in ["HEAD", "packed-refs"] {
        watch(&root.join(git(&["rev-parse", "--git-path", name])?));
    }
    if let Some(branch) = git(&["symbolic-ref", "--quiet", "HEAD"]) {
        watch(&root.join(git(&["rev-parse", "--git-path", &branch])?));
    }
    git(&["rev-parse", "HEAD"])
}

/// Whether what is compiled differs from the commit. A file that git does not know counts as soon
/// as one that it knows names it.
fn is_dirty(root: &Path) -> bool {
    let mut git = Command::new("git");
    git.arg("-C").arg(root);
    git.args(["--no-optional-locks", "status", "--porcelain"]);
    git.args(["--untracked-files=no", "--"]);
    git.args(COMPILED);
    words(&mut git).is_none_or(|changes| !changes.is_empty())
}

/// What a program prints, if it ends well.
fn words(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
