//! The runner that was built before: what is in it, and whether its sources have changed since.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use crate::environment;

/// A built runner.
pub(crate) struct Built {
    pub(crate) program: PathBuf,
}

impl Built {
    /// The one in the folder of this program, which is of the same profile.
    pub(crate) fn find() -> Option<Self> {
        let program = env::current_exe().ok()?.with_file_name("hexperiment");
        program.is_file().then_some(Self { program })
    }

    /// The cargo features in it; none if it cannot say.
    pub(crate) fn features(&self) -> Vec<String> {
        let mut command = Command::new(&self.program);
        environment::restore(&mut command);
        let output = command
            .arg("features")
            // Libraries from outside are no features, and need not load.
            .env_remove("HEXPERIMENT_PLUGINS")
            .stdin(Stdio::null())
            .output();
        match output {
            Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout)
                .lines()
                .map(str::to_owned)
                .collect(),
            _ => vec![],
        }
    }

    /// A source of it that has changed since it was built, or is gone. Cargo lists the sources of
    /// a program beside it.
    pub(crate) fn outdated_by(&self) -> Option<PathBuf> {
        let changed = |path: &Path| fs::metadata(path)?.modified();
        let built: SystemTime = changed(&self.program).ok()?;
        let list = fs::read_to_string(self.program.with_extension("d")).ok()?;
        sources(&list)
            .into_iter()
            .find(|source| changed(source).map_or(true, |changed| changed > built))
    }
}

/// The paths behind the colon of a rule for make, `program: source source`; blanks in a path are
/// written `\ `.
fn sources(rule: &str) -> Vec<PathBuf> {
    // A character that no path of a source has.
    const BLANK: &str = "\u{1}";
    let line = rule.lines().next().unwrap_or_default();
    let (_, list) = line.split_once(": ").unwrap_or_default();
    list.replace("\\ ", BLANK)
        .split(' ')
        .filter(|path| !path.is_empty())
        .map(|path| PathBuf::from(path.replace(BLANK, " ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::system::fake::Fake;

    #[track_caller]
    fn check_sources(rule: &str, expected: &[&str]) {
        let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
        assert_eq!(sources(rule), expected, "{rule}");
    }

    #[test]
    fn sources_of_a_rule() {
        check_sources("/t/x: /a/b.rs /c.rs\n", &["/a/b.rs", "/c.rs"]);
        check_sources("/t/x: /a\\ b/c.rs /d.rs", &["/a b/c.rs", "/d.rs"]);
        check_sources("/t/x:", &[]);
        check_sources("", &[]);
    }

    /// A runner in a folder, of the time `built` in seconds, and its source, of the time `changed`.
    fn runner(name: &str, built: u64, changed: u64) -> (Fake, Built) {
        let fake = Fake::new(name).file("a b/main.rs").file("hexperiment");
        let root = &fake.0.root;
        let source = root.join("a b/main.rs");
        let rule = format!(
            "{}: {}\n",
            root.join("hexperiment").display(),
            source.display()
        );
        let rule = rule.replace("a b", "a\\ b");
        fs::write(root.join("hexperiment.d"), rule).expect("a file");
        let program = root.join("hexperiment");
        for (path, seconds) in [(&program, built), (&source, changed)] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let file = fs::File::options().append(true).open(path);
            file.and_then(|file| file.set_modified(time))
                .expect("a time");
        }
        (fake, Built { program })
    }

    #[test]
    fn outdated_by_what_has_changed() {
        let (_fake, built) = runner("built-new", 2_000, 1_000);
        assert_eq!(built.outdated_by(), None);
        let (fake, built) = runner("built-old", 1_000, 2_000);
        let source = fake.0.root.join("a b/main.rs");
        assert_eq!(built.outdated_by(), Some(source.clone()));
        let (fake, built) = runner("built-gone", 2_000, 1_000);
        let source = fake.0.root.join("a b/main.rs");
        fs::remove_file(&source).expect("it was there");
        assert_eq!(built.outdated_by(), Some(source));
    }

    #[test]
    fn features_are_asked_of_the_program() {
        let script = "[ \"$1\" = features ] && [ -z \"$CARGO_PKG_NAME\" ] && printf 'x\\ny\\n'";
        let fake = Fake::new("built-features").program("hexperiment", script);
        let program = fake.0.root.join("bin/hexperiment");
        assert_eq!(Built { program }.features(), ["x", "y"]);
        let fake = Fake::new("built-before").program("hexperiment", "echo unknown; exit 2");
        let program = fake.0.root.join("bin/hexperiment");
        assert!(Built { program }.features().is_empty());
    }
}
