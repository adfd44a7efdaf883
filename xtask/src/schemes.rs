//! Which schemes a build of the runner holds. Each is a cargo feature of the runner, `scheme-…`: an
//! experiment waits for the libraries of the schemes that it names, and for no others.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::repository::Repository;

/// The package whose features they are.
pub(crate) const RUNNER: &str = "hexperiment-runner";

/// What features of schemes begin with; the rest is the name that experiments use.
const PREFIX: &str = "scheme-";

/// What a command needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Every scheme, as where a table shows them all.
    All,
    /// Those that these experiment files name.
    NamedBy(Vec<PathBuf>),
}

/// A choice among the schemes that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schemes {
    /// All features of schemes.
    known: BTreeSet<String>,
    chosen: BTreeSet<String>,
}

impl Schemes {
    /// All of them.
    pub(crate) fn all(repository: &Repository) -> Result<Self, Failure> {
        let manifest = repository.root.join("framework/runner/Cargo.toml");
        let text = fs::read_to_string(&manifest)
            .map_err(|e| Failure::new(format!("{} cannot be read: {e}", manifest.display())))?;
        let known = optional_schemes(&text);
        if known.is_empty() {
            return Err(Failure::new(format!(
                "{} lists no optional dependency `{PREFIX}…`",
                manifest.display()
            )));
        }
        let chosen = known.clone();
        Ok(Self { known, chosen })
    }

    /// Those that a command needs, and those of `built`, the features of the runner there is: a
    /// runner only ever gains schemes, so that two experiments in turn do not undo each other's
    /// build.
    pub(crate) fn needed(
        repository: &Repository,
        wanted: &Wanted,
        built: &[String],
    ) -> Result<Self, Failure> {
        let mut schemes = Self::all(repository)?;
        let Wanted::NamedBy(files) = wanted else {
            return Ok(schemes);
        };
        let mut texts = vec![];
        for file in files {
            texts.push(read(&repository.here.join(file), file)?);
        }
        schemes.chosen.retain(|feature| {
            built.contains(feature) || texts.iter().any(|text| names(text, feature))
        });
        Ok(schemes)
    }

    /// All but those called `names`, without the prefix.
    pub(crate) fn without(mut self, names: &[String]) -> Result<Self, Failure> {
        for name in names {
            if !self.chosen.remove(&format!("{PREFIX}{name}")) {
                let known = self.known.iter().map(|feature| plain(feature));
                return Err(
                    Failure::usage(format!("there is no scheme `{name}` to leave out"))
                        .help(format!("schemes: {}", known.collect::<Vec<_>>().join(", "))),
                );
            }
        }
        Ok(self)
    }

    /// Arguments for cargo. All of them are the default, which a cargo typed by hand takes, too.
    pub(crate) fn arguments(&self) -> Vec<String> {
        if self.chosen == self.known {
            return vec![];
        }
        let mut arguments = vec!["--no-default-features".to_owned()];
        for feature in &self.chosen {
            arguments.extend(["--features".to_owned(), format!("{RUNNER}/{feature}")]);
        }
        arguments
    }

    /// The names of those left out.
    pub(crate) fn left_out(&self) -> Vec<&str> {
        let rest = self.known.difference(&self.chosen);
        rest.map(|feature| plain(feature)).collect()
    }
}

/// The optional dependencies `scheme-…` in the text of a `Cargo.toml`, one a line.
fn optional_schemes(manifest: &str) -> BTreeSet<String> {
    manifest
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, value)| name.starts_with(PREFIX) && value.contains("optional = true"))
        .map(|(name, _)| name.trim().to_owned())
        .collect()
}

/// Whether the text of an experiment names a scheme. It is not parsed here: the name in quotes,
/// wherever it is, is enough, and a scheme too many costs time only.
fn names(text: &str, feature: &str) -> bool {
    let name = plain(feature);
    [format!("\"{name}\""), format!("'{name}'")]
        .iter()
        .any(|quoted| text.contains(quoted))
}

/// A scheme's name as experiments have it.
fn plain(feature: &str) -> &str {
    feature.strip_prefix(PREFIX).unwrap_or(feature)
}

fn read(path: &Path, shown: &Path) -> Result<String, Failure> {
    // The runner says what is wrong with a text that is none; here a path that leads nowhere is
    // found before a build of minutes.
    let bytes = fs::read(path).map_err(|e| {
        Failure::usage(format!("{}: cannot be read: {e}", shown.display()))
            .help("give the path of an experiment file; those of the project are in `experiments`")
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    const MANIFEST: &str = "[dependencies]\nclap.workspace = true\n\
        scheme-a = { workspace = true, optional = true }\n\
        scheme-b = { workspace = true, optional = true }\n\
        scheme-b-2 = { workspace = true, optional = true }\n\
        task-a.workspace = true\n[features]\ndefault = [\"scheme-a\", \"scheme-b\"]\n";

    /// A repository whose runner has the schemes a, b and b-2.
    fn repository(name: &str) -> (Fake, Repository) {
        let fake = Fake::new(name).text("framework/runner/Cargo.toml", MANIFEST);
        let root = fake.0.root.clone();
        let here = root.clone();
        (fake, Repository { root, here })
    }

    #[track_caller]
    fn check(text: &str, built: &[&str], arguments: &[&str]) {
        let line = std::panic::Location::caller().line();
        let (_fake, repository) = repository(&format!("schemes-{line}"));
        let file = repository.root.join("e.toml");
        fs::write(&file, text).expect("a file");
        let built: Vec<String> = built.iter().map(|b| (*b).to_owned()).collect();
        let wanted = Wanted::NamedBy(vec!["e.toml".into()]);
        let schemes = Schemes::needed(&repository, &wanted, &built).expect("a choice");
        assert_eq!(schemes.arguments(), arguments, "{text} {built:?}");
    }

    #[test]
    fn schemes_of_an_experiment() {
        let a = [
            "--no-default-features",
            "--features",
            "hexperiment-runner/scheme-a",
        ];
        check("use = \"a\"", &[], &a);
        check("use = 'a'", &[], &a);
        check("use = \"a-b\"", &[], &["--no-default-features"]);
        let b = [
            "--no-default-features",
            "--features",
            "hexperiment-runner/scheme-b",
        ];
        check("use = \"b\" # not a", &[], &b);
        let both = [&a[..], &["--features", "hexperiment-runner/scheme-b"]].concat();
        check("\"b\" \"a\"", &[], &both);
        check("\"b\" \"a\" \"b-2\"", &[], &[]);
    }

    #[test]
    fn what_was_built_is_kept() {
        let both = [
            "--no-default-features",
            "--features",
            "hexperiment-runner/scheme-a",
            "--features",
            "hexperiment-runner/scheme-b",
        ];
        check("use = \"a\"", &["scheme-b", "hexl", "scheme-gone"], &both);
        check("use = \"a\"", &["scheme-b", "scheme-b-2"], &[]);
    }

    #[test]
    fn all_are_the_default() {
        let (_fake, repository) = repository("schemes-all");
        let all = Schemes::needed(&repository, &Wanted::All, &[]).expect("a choice");
        assert!(all.arguments().is_empty());
        assert!(all.left_out().is_empty());
        let fewer = all.clone().without(&["b".to_owned()]).expect("it is there");
        assert_eq!(fewer.left_out(), ["b"]);
        let failure = all.without(&["c".to_owned()]).expect_err("no such scheme");
        assert!(
            failure.to_string().contains("schemes: a, b, b-2"),
            "{failure}"
        );
        assert_eq!(failure.code, 2);
    }

    #[test]
    fn a_path_that_leads_nowhere() {
        let (_fake, repository) = repository("schemes-nowhere");
        let wanted = Wanted::NamedBy(vec!["no.toml".into()]);
        let failure = Schemes::needed(&repository, &wanted, &[]).expect_err("no file");
        assert!(
            failure.to_string().starts_with("error: no.toml: "),
            "{failure}"
        );
        assert_eq!(failure.code, 2);
    }

    /// The real manifest has lines of the form that is looked for.
    #[test]
    fn the_manifest_of_the_runner() {
        let repository = Repository::find().expect("the test runs in it");
        let all = Schemes::all(&repository).expect("schemes");
        let folders = crate::system::entries(&repository.root.join("schemes"));
        let folders: BTreeSet<String> = folders
            .iter()
            .filter(|folder| folder.join("Cargo.toml").is_file())
            .map(|folder| format!("{PREFIX}{}", crate::system::file_name(folder)))
            .collect();
        assert_eq!(all.known, folders);
    }
}
