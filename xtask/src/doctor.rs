//! `doctor`: what a build and a run need, what is there, and how to get the rest.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::out::say;
use crate::repository::{Repository, data_folder};
use crate::system::{System, entries};
use crate::tools::{self, CLUSTERS, CPU_FEATURES, Manager, REQUIRED, Tool};
use crate::{Failure, gmp, hexl};

/// A `target` with runs, tests, lints and documentation stays below this.
const BUILD_GIB: f64 = 6.0;
/// The largest keys of the default experiments, and the linker, stay well below this.
const MEMORY_GIB: f64 = 4.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fine,
    /// Nothing fails, something is slower or left out.
    Note,
    /// A build or a run fails.
    Missing,
}

struct Row {
    state: State,
    name: String,
    detail: String,
}

impl Row {
    fn new(state: State, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            state,
            name: name.into(),
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Fine => "ok",
            State::Note => "note",
            State::Missing => "MISSING",
        };
        write!(f, "{state:<8} {:<14} {}", self.name, self.detail)
    }
}

/// Prints the table; the exit code is 1 if something required is missing.
pub(crate) fn doctor(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    if let Some(extra) = arguments.first() {
        let extra = extra.to_string_lossy();
        return Err(Failure::usage(format!(
            "`doctor` takes no argument, found `{extra}`"
        )));
    }
    let repository = Repository::find()?;
    let system = System::here();
    let mut rows = vec![rust(&repository)];
    rows.extend(REQUIRED.iter().map(|t| tool(&system, t, State::Missing)));
    rows.push(tool(&system, &CPU_FEATURES, State::Note));
    rows.push(match hexl::decide(&system) {
        Ok(decision) if decision.on => Row::new(State::Fine, "HEXL", decision.text()),
        Ok(decision) => Row::new(State::Note, "HEXL", decision.text()),
        Err(failure) => Row::new(State::Missing, "HEXL", failure.found),
    });
    let gmp = gmp::decide(&system);
    let gmp_state = if gmp.on { State::Fine } else { State::Note };
    rows.push(Row::new(gmp_state, "system GMP", gmp.text()));
    let cargo_tools = [
        ("rustfmt", "fmt", "for `test`: rustup component add rustfmt"),
        (
            "clippy",
            "clippy",
            "for `test`: rustup component add clippy",
        ),
        (
            "cargo-deny",
            "deny",
            "optional, for `test`: cargo install --locked cargo-deny",
        ),
    ];
    for (name, verb, how) in cargo_tools {
        rows.push(
            match version(repository.cargo().args([verb, "--version"])) {
                Some(version) => Row::new(State::Fine, name, version),
                None => Row::new(State::Note, name, format!("not installed; {how}")),
            },
        );
    }
    rows.extend(CLUSTERS.iter().map(|t| tool(&system, t, State::Note)));
    rows.push(data(&repository));
    rows.push(amount(
        "memory",
        memory_gib(),
        MEMORY_GIB,
        "some runs may need",
    ));
    rows.push(amount(
        "disk",
        disk_gib(&repository.root),
        BUILD_GIB,
        "a full build may need",
    ));
    for row in &rows {
        say!("{row}");
    }
    let missing = rows
        .iter()
        .filter(|row| row.state == State::Missing)
        .count();
    if missing > 0 {
        let apt = Manager::of(&system) == Some(Manager::Apt);
        let hint = if apt {
            "; `cargo xtask run` as root installs what apt-get has"
        } else {
            ""
        };
        say!("\n{missing} required and missing{hint}");
        return Ok(ExitCode::FAILURE);
    }
    say!("\nall that is required is there");
    Ok(ExitCode::SUCCESS)
}

fn rust(repository: &Repository) -> Row {
    let wanted = fs::read_to_string(repository.root.join("rust-toolchain.toml"))
        .ok()
        .and_then(|text| channel(&text));
    let mut rustc = Command::new("rustc");
    let found = version(rustc.arg("--version").current_dir(&repository.root));
    rust_row(found.as_deref(), wanted.as_deref())
}

fn rust_row(found: Option<&str>, wanted: Option<&str>) -> Row {
    match (found, wanted) {
        (None, _) => Row::new(State::Missing, "rustc", "not found; see https://rustup.rs"),
        (Some(found), Some(wanted)) if found.split_whitespace().nth(1) != Some(wanted) => Row::new(
            State::Note,
            "rustc",
            format!("{found}; tested with {wanted} (rust-toolchain.toml), which rustup brings"),
        ),
        (Some(found), _) => Row::new(State::Fine, "rustc", found),
    }
}

/// The toolchain that `rust-toolchain.toml` names.
fn channel(text: &str) -> Option<String> {
    let (_, value) = text
        .lines()
        .find_map(|l| l.split_once('=').filter(|(key, _)| key.trim() == "channel"))?;
    Some(value.split('"').nth(1)?.to_owned())
}

fn tool(system: &System, tool: &Tool, otherwise: State) -> Row {
    let Some(path) = tool.find(system) else {
        let how = tools::advice(&[tool], Manager::of(system));
        return Row::new(otherwise, tool.name, format!("{}: {how}", tool.purpose));
    };
    let is_program = system.program(&path).is_some() && path.extension().is_none();
    let version = is_program
        .then(|| version(Command::new(&path).arg("--version")))
        .flatten();
    let version = version.map(|v| format!(" ({v})")).unwrap_or_default();
    Row::new(
        State::Fine,
        tool.name,
        format!("{}{version}", path.display()),
    )
}

/// The first line that a command prints.
fn version(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().next()?.trim().to_owned())
}

fn data(repository: &Repository) -> Row {
    let name = "data";
    let Some(folder) = data_folder() else {
        let detail = "HEXPERIMENT_DATA is not set; data sets come from the cache or their source";
        return Row::new(State::Note, name, detail);
    };
    let folder = repository.here.join(folder);
    let shown = format!("HEXPERIMENT_DATA={}", folder.display());
    if folder.is_dir() {
        let files = entries(&folder)
            .iter()
            .filter(|path| path.is_file())
            .count();
        Row::new(State::Fine, name, format!("{shown} ({files} files)"))
    } else {
        Row::new(
            State::Note,
            name,
            format!("{shown} is not a folder; unset it or make it"),
        )
    }
}

fn amount(name: &str, found: Option<f64>, wanted: f64, why: &str) -> Row {
    match found {
        None => Row::new(State::Note, name, "unknown on this system"),
        Some(gib) if gib < wanted => Row::new(
            State::Note,
            name,
            format!("{gib:.1} GiB free; {why} {wanted} GiB"),
        ),
        Some(gib) => Row::new(State::Fine, name, format!("{gib:.1} GiB free")),
    }
}

fn memory_gib() -> Option<f64> {
    available_memory_gib(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn available_memory_gib(meminfo: &str) -> Option<f64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    gib(line.split_whitespace().next()?)
}

fn disk_gib(folder: &Path) -> Option<f64> {
    let output = Command::new("df").arg("-Pk").arg(folder).output().ok()?;
    free_disk_gib(&String::from_utf8_lossy(&output.stdout))
}

/// The fourth column of POSIX `df -P`.
fn free_disk_gib(df: &str) -> Option<f64> {
    gib(df.lines().nth(1)?.split_whitespace().nth(3)?)
}

fn gib(kib: &str) -> Option<f64> {
    Some(kib.parse::<f64>().ok()? / 1_048_576.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[track_caller]
    fn check(row: Row, state: State, detail: &str) {
        assert_eq!(row.state, state, "{row}");
        assert!(row.detail.contains(detail), "{row}");
    }

    #[test]
    fn rust_against_the_toolchain_file() {
        let text = "[toolchain]\nchannel = \"1.95.0\"\ncomponents = [\"clippy\"]\n";
        assert_eq!(channel(text).as_deref(), Some("1.95.0"));
        assert_eq!(channel("[toolchain]"), None);
        check(
            rust_row(Some("rustc 1.95.0 (5 2026)"), Some("1.95.0")),
            State::Fine,
            "1.95.0",
        );
        check(
            rust_row(Some("rustc 1.9.0 (5 2026)"), Some("1.95.0")),
            State::Note,
            "1.95.0",
        );
        check(rust_row(None, Some("1.95.0")), State::Missing, "rustup");
    }

    #[test]
    fn tools_there_and_missing() {
        let fake = Fake::new("doctor").program("m4", "echo m4 1.4.19; echo more");
        let [.., cmake, _, m4, _] = &REQUIRED;
        check(
            tool(&fake.0, m4, State::Missing),
            State::Fine,
            "m4 (m4 1.4.19)",
        );
        check(
            tool(&fake.0, cmake, State::Missing),
            State::Missing,
            "Debian calls it cmake",
        );
        check(
            tool(&fake.0, &CPU_FEATURES, State::Note),
            State::Note,
            "libcpu-features-dev",
        );
    }

    #[test]
    fn amounts() {
        let meminfo = "MemTotal: 9 kB\nMemAvailable:    2097152 kB\n";
        assert_eq!(available_memory_gib(meminfo), Some(2.0));
        let df =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 9 9 1048576 1% /\n";
        assert_eq!(free_disk_gib(df), Some(1.0));
        assert_eq!(free_disk_gib(""), None);
        check(
            amount("disk", Some(1.0), 6.0, "needs"),
            State::Note,
            "needs 6 GiB",
        );
        check(
            amount("disk", Some(7.0), 6.0, "needs"),
            State::Fine,
            "7.0 GiB",
        );
        check(amount("disk", None, 6.0, "needs"), State::Note, "unknown");
    }
}
