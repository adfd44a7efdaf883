//! The features that cargo resolves: what is built for one command serves the others.

use std::collections::BTreeSet;
use std::process::Command;

use crate::harness::{repository, text_of};

/// Packages with their features, as `cargo tree` resolves them for what is to be built. It reads the manifests of
/// all, and fetches those of features that nothing has built yet.
#[track_caller]
fn resolved(arguments: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(repository())
        .args(["tree", "--locked", "--no-dedupe", "--prefix", "none"])
        .args(["--format", "{p} {f}"])
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let (out, err) = (&output.stdout, &output.stderr);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(err));
    let text = String::from_utf8(out.clone()).unwrap();
    // The runner is the one whose features are meant to differ.
    let others = text
        .lines()
        .filter(|l| !l.starts_with("hexperiment-runner "));
    let packages: BTreeSet<String> = others.map(str::to_owned).collect();
    assert!(packages.len() > 50, "{text}");
    packages
}

const RUNNER: &str = "--package hexperiment-runner --edges normal,build";

#[track_caller]
fn is_shared(part: &str, whole: &str) {
    let (part, whole) = (resolved(part), resolved(whole));
    let own: Vec<&String> = part.difference(&whole).collect();
    assert!(
        own.is_empty(),
        "compiled for this command alone; ask for the features of these in \
         framework/runner/Cargo.toml, as of others there:\n{own:#?}"
    );
}

/// `cargo xtask run` builds the runner alone, `cargo xtask test` the whole workspace: what the first
/// has compiled, the second takes.
#[test]
fn one_set_of_features() {
    is_shared(RUNNER, "--workspace --edges normal,build,dev");
    // Apart from what builds, which may want fewer features of the same package, and then hides a
    // difference of what is built.
    is_shared(
        "--package hexperiment-runner --edges normal,no-proc-macro",
        "--workspace --edges normal,dev,no-proc-macro",
    );
}

/// A scheme that joins later has nothing compiled anew but the runner.
#[test]
fn a_scheme_changes_no_features_of_others() {
    for scheme in ["fernet", "paillier", "plaintext", "seal-ckks", "tfhe"] {
        is_shared(
            &format!(
                "{RUNNER} --no-default-features --features hexperiment-runner/scheme-{scheme}"
            ),
            RUNNER,
        );
    }
}

/// What writes Parquet comes with crates of its own, and has no other compiled anew.
#[test]
fn parquet_changes_no_features_of_others() {
    let with = resolved(&format!("{RUNNER} --features hexperiment-runner/parquet"));
    let changed: Vec<String> = resolved(RUNNER)
        .difference(&with)
        .filter(|line| !line.starts_with("hexperiment-reports "))
        .cloned()
        .collect();
    assert!(changed.is_empty(), "{changed:#?}");
    assert!(with.iter().any(|line| line.starts_with("parquet ")));
}

/// Each exception in `deny.toml` is brought by a scheme, and goes with it: without these schemes a
/// binary is under permissive licences, and without `seal-ckks` not under the GPL.
#[test]
fn licences_come_with_schemes() {
    let deny: toml::Table = text_of("deny.toml").parse().unwrap();
    let exceptions = deny["licenses"]["exceptions"].as_array().unwrap();
    let named = |packages: &BTreeSet<String>, name: &str| {
        let start = format!("{name} v");
        packages.iter().any(|package| package.starts_with(&start))
    };
    let whole = resolved(RUNNER);
    let permissive = "--no-default-features --features hexperiment-runner/scheme-plaintext";
    let permissive = resolved(&format!("{RUNNER} {permissive}"));
    let mut seen = 0;
    for exception in exceptions {
        let name = exception["name"].as_str().unwrap();
        seen += usize::from(named(&whole, name));
        assert!(!named(&permissive, name), "{name} is always there");
    }
    assert!(seen >= 5, "{seen} of {exceptions:?}");
    let without_gpl = "--no-default-features --features hexperiment-runner/scheme-fernet \
                       --features hexperiment-runner/scheme-paillier \
                       --features hexperiment-runner/scheme-tfhe";
    assert!(named(&whole, "sealy"));
    assert!(!named(
        &resolved(&format!("{RUNNER} {without_gpl}")),
        "sealy"
    ));
}
