//! A command of an experiment: which file it starts, and what is recorded of it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use hexperiment_diagnostics::printable;
use hexperiment_scheme::registry::{NoScheme, Program};
use sha2::{Digest as _, Sha256};

/// Words of a command, and bytes of all of them, at most.
const MOST_WORDS: usize = 64;
const MOST_BYTES: usize = 32 << 10;

/// Bytes of a file that is read for its digest, at most.
const MOST_READ: u64 = 1 << 30;

/// A command that can be started.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) executable: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Where it is started.
    pub(crate) folder: PathBuf,
    /// The files that it names, with the beginnings of their digests, for records.
    pub(crate) origin: String,
}

fn no(problem: impl Into<String>, help: impl Into<String>) -> NoScheme {
    NoScheme {
        problem: problem.into(),
        help: help.into(),
    }
}

impl Command {
    /// Finds the files of a command.
    pub(crate) fn find(program: &Program) -> Result<Self, NoScheme> {
        let form = "write it as `command = [\"./my-scheme\", \"--flag\"]`: the executable, then its \
                    arguments";
        let words = &program.command;
        let Some((first, arguments)) = words.split_first().filter(|(first, _)| !first.is_empty())
        else {
            return Err(no("found no executable, expected a path or a name", form));
        };
        let bytes: usize = words.iter().map(String::len).sum();
        if words.len() > MOST_WORDS || bytes > MOST_BYTES {
            let count = words.len();
            return Err(no(
                format!(
                    "found {count} words of {bytes} bytes, expected at most {MOST_WORDS} of {MOST_BYTES}"
                ),
                "let the executable read what is long from a file",
            ));
        }
        if let Some(word) = words.iter().find(|word| word.contains('\0')) {
            let word = printable::quoted(word);
            return Err(no(
                format!("found a zero byte in {word}, expected text"),
                form,
            ));
        }
        let folder = if program.folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &program.folder
        };
        let folder = folder.canonicalize().map_err(|e| {
            let folder = printable::line(&folder.display().to_string()).into_owned();
            no(
                format!("the folder {folder}: {e}"),
                "it must be there when the program starts",
            )
        })?;
        let executable = executable(first, &folder)?;
        let origin = origin(first, &executable, arguments, &folder);
        Ok(Self {
            executable,
            arguments: arguments.to_vec(),
            folder,
            origin,
        })
    }
}

/// The file of an executable: a path with a slash is taken from the folder, a name is looked for in
/// `PATH`.
fn executable(word: &str, folder: &Path) -> Result<PathBuf, NoScheme> {
    let shown = printable::quoted(word);
    if word.contains('/') {
        let path = folder.join(word);
        let there = printable::line(&path.display().to_string()).into_owned();
        let from = "a path is taken from the folder of the experiment file";
        return match path.metadata() {
            Err(e) => Err(no(
                format!("found no executable {shown}: {there}: {e}"),
                from,
            )),
            Ok(kind) if !kind.is_file() => Err(no(
                format!("found no file at {there}, expected an executable"),
                from,
            )),
            Ok(kind) if !may_run(&kind) => Err(no(
                format!("{there} is no executable: its permissions do not let it run"),
                format!(
                    "run `chmod +x {there}`, or name what interprets it first, as in [\"python3\", {shown}]"
                ),
            )),
            Ok(_) => Ok(path),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_one = |file: &PathBuf| {
        let kind = file.metadata();
        kind.is_ok_and(|kind| kind.is_file() && may_run(&kind))
    };
    let mut files = std::env::split_paths(&path).map(|place| place.join(word));
    let found = files
        .find(is_one)
        .and_then(|file| std::path::absolute(file).ok());
    found.ok_or_else(|| {
        let help = if folder.join(word).exists() {
            format!("for the file beside the experiment write \"./{word}\"")
        } else {
            "install it, or give its path, with a slash".into()
        };
        no(
            format!("found no executable {shown} in the folders of PATH"),
            help,
        )
    })
}

#[cfg(unix)]
fn may_run(kind: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    kind.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn may_run(_: &std::fs::Metadata) -> bool {
    true
}

/// The files that a command names, each with the beginning of its SHA-256.
fn origin(first: &str, executable: &Path, arguments: &[String], folder: &Path) -> String {
    let mut text = String::from("program");
    let named = std::iter::once((first, executable.to_owned()));
    let arguments = arguments
        .iter()
        .map(|word| (word.as_str(), folder.join(word)));
    for (word, path) in named.chain(arguments) {
        let name = Path::new(word)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        if let Some(digest) = beginning_of_digest(&path) {
            let name = printable::line(&name);
            // Writing into a string does not fail.
            let _ = write!(text, " {name}, SHA-256 {digest:016x}…;");
        }
    }
    text.pop();
    text
}

/// The first bytes of a file's SHA-256, if it is a file that can be read, and not too long.
fn beginning_of_digest(path: &Path) -> Option<u64> {
    let kind = path.metadata().ok()?;
    if !kind.is_file() || kind.len() > MOST_READ {
        return None;
    }
    let mut digest = Sha256::new();
    std::io::copy(&mut File::open(path).ok()?.take(MOST_READ), &mut digest).ok()?;
    let digest = digest.finalize();
    Some(digest.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b)))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn find(folder: &Path, words: &[&str]) -> Result<Command, NoScheme> {
        Command::find(&Program {
            command: words.iter().map(ToString::to_string).collect(),
            folder: folder.to_owned(),
            name: None,
        })
    }

    #[test]
    fn files_are_found_from_the_folder_and_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path();
        fs::create_dir(place.join("sub")).unwrap();
        let file = place.join("sub/run");
        fs::write(&file, "abc").unwrap();
        fs::write(place.join("data"), "").unwrap();
        let wrong = find(place, &["sub/run"]).unwrap_err();
        assert!(wrong.problem.contains("permissions"), "{wrong}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).unwrap();
        let command = find(place, &["sub/run", "data", "--flag", "absent"]).unwrap();
        assert_eq!(
            command.executable,
            place.canonicalize().unwrap().join("sub/run")
        );
        assert_eq!(command.arguments, ["data", "--flag", "absent"]);
        // SHA-256 of "abc" and of nothing (FIPS 180-2, appendix B.1; NIST's test vectors).
        let origin = "program run, SHA-256 ba7816bf8f01cfea…; data, SHA-256 e3b0c44298fc1c14…";
        assert_eq!(command.origin, origin);
        // A name is looked for in PATH alone.
        let shell = find(place, &["sh", "-c", "exit"]).unwrap();
        assert!(shell.executable.is_absolute() && shell.executable.ends_with("sh"));
        assert!(
            shell.origin.starts_with("program sh, SHA-256 "),
            "{}",
            shell.origin
        );
        let wrong = find(place, &["data"]).unwrap_err();
        assert!(wrong.help.contains("write \"./data\""), "{wrong}");
    }

    #[test]
    fn commands_have_limits() {
        let many = vec!["x"; 65];
        let long = "x".repeat(40_000);
        for (words, expect) in [
            (&[][..], "found no executable"),
            (&[""], "found no executable"),
            (
                &many[..],
                "found 65 words of 65 bytes, expected at most 64 of 32768",
            ),
            (&["x", &long], "found 2 words of 40001 bytes"),
            (&["x", "a\0b"], "found a zero byte in "),
            (&["./absent"], "No such file"),
            (&["/"], "found no file at /"),
        ] {
            let wrong = find(Path::new("."), words).unwrap_err();
            assert!(wrong.problem.contains(expect), "{wrong}");
        }
        let wrong = find(Path::new("/no/such/folder"), &["x"]).unwrap_err();
        assert!(
            wrong.problem.contains("the folder /no/such/folder"),
            "{wrong}"
        );
    }
}
