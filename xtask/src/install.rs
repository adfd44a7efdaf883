//! `install`: the runner as a program of the user's own, for any folder.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use crate::out::say;
use crate::repository::Repository;
use crate::schemes::{RUNNER, Schemes};
use crate::system::System;
use crate::{Failure, build, decision, packages};

/// What `install` takes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    without: Vec<String>,
    root: Option<PathBuf>,
}

/// Builds the runner and has cargo install it; cargo keeps account, and removes it if asked.
pub(crate) fn install(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let options = parse(arguments)?;
    let repository = Repository::find()?;
    let system = System::here();
    let schemes = Schemes::all(&repository)?.without(&options.without)?;
    packages::ensure(&system, crate::built::Built::find().is_none())?;
    let mut features = schemes.arguments();
    for library in decision::all(&system)? {
        eprintln!("xtask: {}", library.line());
        features.extend(library.arguments().into_iter().map(str::to_owned));
    }
    // First as all verbs do, which tells how far it is; cargo install takes what is there.
    build::with(&repository, &features)?;
    let status = repository
        .cargo()
        .args(command(&repository, &options, &features))
        .stdin(Stdio::null())
        .status()
        .map_err(|e| Failure::new(format!("cargo cannot be started: {e}")))?;
    if !status.success() {
        return Err(Failure::new("cargo could not install it; see above")
            .help("`--root FOLDER` installs into FOLDER/bin"));
    }
    let root = options.root.map(|root| repository.here.join(root));
    let root = root.map_or(String::new(), |root| format!(" --root {}", root.display()));
    say!(
        "`hexperiment run FILE` now works in any folder; data sets are found as here.\n\
         To upgrade: update this checkout, then `cargo xtask install` again.\n\
         To remove: cargo uninstall {RUNNER}{root}"
    );
    Ok(ExitCode::SUCCESS)
}

/// Cargo's arguments.
fn command(repository: &Repository, options: &Options, features: &[String]) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["install", "--locked", "--path", "framework/runner", "--bin"]
        .map(OsString::from)
        .to_vec();
    words.push("hexperiment".into());
    if let Some(root) = &options.root {
        words.extend(["--root".into(), repository.here.join(root).into()]);
    }
    words.extend(features.iter().map(OsString::from));
    words
}

fn parse(arguments: &[OsString]) -> Result<Options, Failure> {
    let mut options = Options::default();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        let (option, value) = match text.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(OsString::from(value))),
            None => (text.clone().into_owned(), None),
        };
        if !["--without", "--root"].contains(&option.as_str()) {
            return Err(Failure::usage(format!("`install` does not know `{text}`"))
                .help("cargo xtask install [--without SCHEME]… [--root FOLDER]"));
        }
        let value = value.or_else(|| words.next().cloned()).ok_or_else(|| {
            Failure::usage(format!("`{option}` wants a value"))
                .help("cargo xtask install [--without SCHEME]… [--root FOLDER]")
        })?;
        match option.as_str() {
            "--root" => options.root = Some(value.into()),
            _ => options.without.push(value.to_string_lossy().into_owned()),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let repository = Repository {
            root: "/repo".into(),
            here: "/repo/x".into(),
        };
        let options = parse(&words(line)).expect("good arguments");
        let found = command(&repository, &options, &["--features".into(), "f".into()]);
        assert_eq!(found, words(expected), "{line}");
    }

    #[test]
    fn commands() {
        let install = "install --locked --path framework/runner --bin hexperiment";
        check("", &format!("{install} --features f"));
        check("--root /r", &format!("{install} --root /r --features f"));
        check(
            "--root=r",
            &format!("{install} --root /repo/x/r --features f"),
        );
        check(
            "--without a --without=b",
            &format!("{install} --features f"),
        );
    }

    #[test]
    fn arguments() {
        let options = parse(&words("--without a --root r --without=b")).expect("good arguments");
        assert_eq!(options.without, ["a", "b"]);
        assert_eq!(options.root, Some(PathBuf::from("r")));
        for line in ["a", "--with a", "--root", "--without"] {
            let failure = parse(&words(line)).expect_err("bad arguments");
            assert_eq!(failure.code, 2, "{failure}");
            assert!(failure.help.is_some(), "{failure}");
        }
    }
}
