//! `export`: tables and charts of runs as files to take away, from their records alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use hexperiment_diagnostics::files;
use hexperiment_experiment::record::Run;
use hexperiment_reports::Shown;
use hexperiment_reports::export::{all_csv, charts, find_chromium, latex_table, markdown_table};

use crate::latest;
use crate::out::say;
use crate::report::{Read, read_all};

/// What `export` takes.
#[derive(Args)]
pub(crate) struct ExportArguments {
    /// Folders of runs, or folders of such folders; without one the newest run.
    #[arg(value_name = "RUN")]
    paths: Vec<PathBuf>,
    /// What to write, one or several by commas: `latex` and `markdown` a table of each run; `csv` one of all runs, and `parquet` one
    /// of all their repetitions; `svg` the charts of each run, drawn by Chromium.
    #[arg(long, value_enum, value_delimiter = ',', required = true)]
    format: Vec<Format>,
    /// The folder for the files; it is made if it is not there.
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
    /// The folder of runs.
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Format {
    Latex,
    Markdown,
    Csv,
    Parquet,
    Svg,
}

/// A file to be written: its path below the folder, and its contents.
type File = (PathBuf, Vec<u8>);

/// Writes the files, and says which. A run that cannot be read is told, and left out.
pub(crate) fn export(arguments: &ExportArguments) -> ExitCode {
    let newest = [latest::link(&arguments.runs)];
    let paths = match arguments.paths.as_slice() {
        [] => &newest,
        paths => paths,
    };
    let (read, code) = match read_all(paths) {
        Ok(read) => read,
        Err(problem) => return crate::bad_input(problem),
    };
    let runs: Vec<Shown<'_>> = read.iter().map(Read::shown).collect();
    if runs.is_empty() {
        return code;
    }
    let formats: BTreeSet<Format> = arguments.format.iter().copied().collect();
    let formats = formats.into_iter().map(|format| files(format, &runs));
    let files = match formats.collect::<Result<Vec<_>, _>>() {
        Ok(files) => files,
        Err(problem) => return crate::bad_input(problem),
    };
    for (path, bytes) in files.into_iter().flatten() {
        let file = arguments.into.join(path);
        if let Err(e) = files::write_with_folders(&file, &bytes) {
            return crate::bad_input(format!(
                "{}: cannot be written: {e}\n  help: name a folder that can be written by `--into`",
                file.display()
            ));
        }
        say!("written to {}", file.display());
    }
    code
}

/// The rows of several runs: not called as the `summary.csv` of one, whose columns are named without units.
const ROWS: &str = "rows.csv";

fn files(format: Format, runs: &[Shown<'_>]) -> Result<Vec<File>, String> {
    let each = |ending: &str, table: fn(&Shown<'_>) -> String| {
        let names = names(runs).into_iter().zip(runs);
        let file = |(name, shown)| {
            let path = PathBuf::from(format!("{name}.{ending}"));
            (path, table(shown).into_bytes())
        };
        names.map(file).collect()
    };
    match format {
        Format::Latex => Ok(each("tex", latex_table)),
        Format::Markdown => Ok(each("md", markdown_table)),
        Format::Csv => {
            let bytes = all_csv(runs).map_err(|e| e.to_string())?;
            Ok(vec![(ROWS.into(), bytes)])
        }
        Format::Parquet => parquet(runs),
        Format::Svg => svg(runs),
    }
}

#[cfg(feature = "parquet")]
fn parquet(runs: &[Shown<'_>]) -> Result<Vec<File>, String> {
    let bytes = hexperiment_reports::export::parquet_file(runs)?;
    Ok(vec![("repetitions.parquet".into(), bytes)])
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: &[Shown<'_>]) -> Result<Vec<File>, String> {
    Err(
        "this program was built without the cargo feature `parquet`\n  help: `cargo xtask export --format \
         parquet` builds it with that; or take `--format csv`, or records.jsonl itself"
            .into(),
    )
}

fn svg(runs: &[Shown<'_>]) -> Result<Vec<File>, String> {
    let browser = find_chromium()?;
    let mut files = Vec::new();
    for (name, shown) in names(runs).into_iter().zip(runs) {
        let folder = Scratch::new().map_err(|e| format!("no folder for the browser: {e}"))?;
        let drawn = charts(shown, &browser, &folder.0).map_err(|e| {
            format!("the charts of {name} are not drawn: {e}\n  help: open report.html in a browser, and use \"Save as SVG\" below a chart")
        })?;
        let drawn = drawn.into_iter();
        files
            .extend(drawn.map(|chart| (Path::new(&name).join(chart.name), chart.svg.into_bytes())));
    }
    Ok(files)
}

/// A folder that goes with its owner.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        let all = std::env::temp_dir();
        for number in 0..u32::MAX {
            let folder = all.join(format!("hexperiment-{}-{number}", std::process::id()));
            match fs::create_dir(&folder) {
                Ok(()) => return Ok(Self(folder)),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        Err(std::io::Error::other("every name is taken"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of it the system clears.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The name of each run's files: its experiment's, and when it began; no two are the same.
fn names(runs: &[Shown<'_>]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let name = |run: &Run| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let started = run.started.chars().filter(char::is_ascii_digit);
        let name = run
            .experiment
            .chars()
            .map(|c| if fits(c) { c } else { '_' });
        let name: String = name.take(100).collect();
        format!("{name}-{}", started.take(14).collect::<String>())
    };
    let mut unique = |name: String| {
        let again = (2..).map(|number| format!("{name}-{number}"));
        let mut all = std::iter::once(name.clone()).chain(again);
        let free = all.find(|name| taken.insert(name.clone()));
        free.unwrap_or(name)
    };
    runs.iter()
        .map(|shown| unique(name(&shown.records.run)))
        .collect()
}
