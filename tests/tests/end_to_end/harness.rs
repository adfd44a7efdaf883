//! A folder to run the program in, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A file of the repository as text.
#[track_caller]
pub fn text_of(path: &str) -> String {
    let path = repository().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The scheme with faults: cargo builds examples beside where it puts the programs.
#[track_caller]
pub fn faulty_plugin() -> PathBuf {
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let library = Path::new(env!("CARGO_BIN_EXE_hexperiment-under-test"))
        .with_file_name("examples")
        .join(format!("{prefix}faulty_plugin{suffix}"));
    assert!(
        library.exists(),
        "{} is missing: `cargo test` builds it, but not with `--test`; run `cargo build --examples` \
         with the same options first",
        library.display()
    );
    library
}

/// A folder of its own for one test, in which the program is started.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and the folders above it.
    #[track_caller]
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    /// A file that its owner alone may read, as one of a secret must be.
    pub fn write_private(&self, name: &str, contents: impl AsRef<[u8]>) {
        self.write(name, contents);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let private = fs::Permissions::from_mode(0o600);
            fs::set_permissions(self.path(name), private).unwrap();
        }
    }

    /// The program, with nothing of the surroundings that could matter: no data, no plugins, an
    /// empty cache.
    pub fn program(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hexperiment-under-test"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env_remove("HEXPERIMENT_DATA")
            .env_remove("HEXPERIMENT_PLUGINS")
            .env_remove("HEXPERIMENT_MAX_FILE_SIZE")
            .env_remove("COLUMNS")
            .env("XDG_CACHE_HOME", self.path("cache"))
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    #[track_caller]
    pub fn call(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(&mut self.program(arguments))
    }

    /// The newest run.
    #[track_caller]
    pub fn latest(&self) -> RunFolder {
        let path = self.path("runs/latest");
        assert!(path.is_symlink(), "{} points nowhere", path.display());
        RunFolder(fs::canonicalize(path).unwrap())
    }
}

/// How a call of the program ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Outcome {
    #[track_caller]
    pub fn of(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    #[track_caller]
    pub fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Every word is in what was printed.
    #[track_caller]
    pub fn says(&self, words: &[&str]) -> &Self {
        for word in words {
            let said = self.out.contains(word) || self.err.contains(word);
            assert!(said, "lacks {word:?}\n{self}");
        }
        self
    }

    /// Every phrase is in what was printed, wherever its lines break: text is as wide as the terminal, and
    /// figures move its breaks.
    #[track_caller]
    pub fn says_in_lines(&self, phrases: &[&str]) -> &Self {
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (out, err) = (flat(&self.out), flat(&self.err));
        for phrase in phrases {
            let said = out.contains(phrase) || err.contains(phrase);
            assert!(said, "lacks {phrase:?}\n{self}");
        }
        self
    }

    #[track_caller]
    pub fn does_not_panic(&self) -> &Self {
        let panicked = self.out.contains("panicked at") || self.err.contains("panicked at");
        assert!(!panicked && self.code != Some(101), "{self}");
        self
    }
}

impl Outcome {
    /// What was printed holds no character that a terminal would obey, but line feeds.
    #[track_caller]
    pub fn is_plain(&self) -> &Self {
        for text in [&self.out, &self.err] {
            plain(text);
        }
        self
    }
}

/// A text without control characters but line feeds, and without what turns its direction.
#[track_caller]
pub fn plain(text: &str) {
    let obeyed = |c: char| c != '\n' && (c.is_control() || "\u{200f}\u{202e}".contains(c));
    assert!(!text.contains(obeyed), "{text:?}");
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, out, err } = self;
        write!(f, "code {code:?}\n--- out\n{out}\n--- err\n{err}")
    }
}

/// What a run left.
pub struct RunFolder(pub PathBuf);

/// One row of `summary.csv`, by column.
pub type Row = BTreeMap<String, String>;

impl RunFolder {
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// The columns of `summary.csv`, and its rows.
    #[track_caller]
    pub fn summary(&self) -> (Vec<String>, Vec<Row>) {
        let text = self.read("summary.csv");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns: Vec<String> = reader
            .headers()
            .unwrap()
            .iter()
            .map(str::to_owned)
            .collect();
        let rows = reader.records().map(|record| {
            let record = record.unwrap();
            assert_eq!(record.len(), columns.len());
            columns
                .iter()
                .cloned()
                .zip(record.iter().map(str::to_owned))
                .collect()
        });
        (columns.clone(), rows.collect())
    }

    /// The row of a cell.
    #[track_caller]
    pub fn row(&self, cell: &str) -> Row {
        let rows = self.summary().1.into_iter();
        let mut rows: Vec<Row> = rows.filter(|row| row["cell"] == cell).collect();
        assert_eq!(rows.len(), 1, "rows of {cell}");
        rows.remove(0)
    }

    /// The lines of `records.jsonl`.
    #[track_caller]
    pub fn records(&self) -> Vec<Value> {
        let text = self.read("records.jsonl");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The repetitions in the order of their lines, by cell and index; none may be there twice.
    #[track_caller]
    pub fn repetitions(&self) -> Vec<(String, u64)> {
        let records = self.records();
        let all: Vec<(String, u64)> = records
            .iter()
            .filter(|line| line["kind"] == "repetition")
            .map(|line| {
                let cell = line["cell"].as_str().unwrap().to_owned();
                (cell, line["index"].as_u64().unwrap())
            })
            .collect();
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "a repetition twice: {all:?}");
        all
    }
}

/// An experiment file: a data set and a task to begin with, then whatever else.
pub fn experiment(dataset: &str, task: &str, more: &str) -> String {
    format!(
        "[experiment]\nname = \"trial\"\nquestion = \"Why?\"\ncaveats = \"None.\"\n\
         [dataset]\n{dataset}\n[task]\n{task}\n{more}\n"
    )
}

/// The same, of a logistic regression on a small data set under these schemes.
pub fn regression(schemes: &[&str], run: &str) -> String {
    let scheme = |name: &&str| format!("[[scheme]]\nuse = \"{name}\"\n");
    let schemes: String = schemes.iter().map(scheme).collect();
    let task = "use = \"logistic-regression\"\nfeatures = 3";
    let dataset = "use = \"wine-quality\"\ntest_fraction = 0.3\nlimit = 200";
    experiment(dataset, task, &format!("{schemes}[run]\n{run}"))
}

/// Says something even where the test passes: the test's own output is caught, this is not.
pub fn note(words: &str) {
    use std::io::Write as _;
    // If nobody listens, nothing is lost but the note.
    let _ = writeln!(std::io::stderr(), "note: {words}");
}
