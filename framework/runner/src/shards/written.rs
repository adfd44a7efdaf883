//! Files of shards: how they are called, begun, finished and found. Each has one writer, under a name that no other
//! process takes, so that a file system without locks, as one over a network, is as good as any.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hexperiment_diagnostics::files;
use hexperiment_experiment::merge::Shard;
use hexperiment_experiment::record::{Finished, Line, Run};
use hexperiment_experiment::summary::RecordWriter;

use super::plan::{PlanFolder, SHARDS};
use crate::digest::sha256;
use crate::folder::RunFolder;

/// How the file of a shard ends that is whole.
const WHOLE: &str = ".jsonl";

/// How it ends while it is written; what a killed process has left ends so, too.
const PART: &str = ".jsonl.part";

/// What to do where a record of a shard cannot be written.
const HELP: &str =
    "is the disk full? what was written before is kept; once it is not, run the cells again";

/// Now, in UTC, to the microsecond.
pub(super) fn now() -> String {
    humantime::format_rfc3339_micros(SystemTime::now()).to_string()
}

/// A shard that is being written.
pub(super) struct Writing {
    shards: PathBuf,
    name: String,
}

impl Writing {
    /// Begins a shard whose first cell has this number.
    pub(super) fn begin(
        folder: &Path,
        first: usize,
        run: Run,
    ) -> Result<(Self, RecordWriter), String> {
        let shards = folder.join(SHARDS);
        let node = run
            .shard
            .as_ref()
            .and_then(|of| of.environment.node.clone());
        let safe = |c: char| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        };
        let node: String = node
            .unwrap_or_default()
            .chars()
            .take(40)
            .map(safe)
            .collect();
        // Seeded by the operating system.
        let random = RandomState::new().build_hasher().finish();
        let process = std::process::id();
        let is_reference = run.shard.as_ref().is_some_and(|of| of.reference);
        let reference = if is_reference { "-reference" } else { "" };
        let name = format!("{first:05}-{node}-{process}-{random:016x}{reference}");
        let writing = Self { shards, name };
        let part = writing.part();
        let begun = File::create_new(&part).map_err(|e| e.to_string());
        let writer = begun.and_then(|file| {
            drop(file);
            let writer = RecordWriter::open(&part).map_err(|e| e.message)?;
            let mut writer = writer.with_help(HELP);
            writer
                .append(&Line::Run(Box::new(run)))
                .map_err(|e| e.message)?;
            Ok(writer)
        });
        let writer = writer.map_err(|e| {
            // There is nothing in it.
            let _ = fs::remove_file(&part);
            format!(
                "{}: {}: no shard can be written: {e}\n  help: the folder of the plan must be one that this machine can \
                 write, and have room",
                here(),
                part.display()
            )
        })?;
        Ok((writing, writer))
    }

    fn part(&self) -> PathBuf {
        self.shards.join(format!("{}{PART}", self.name))
    }

    /// Where logs and what tasks leave go.
    pub(super) fn folder(&self) -> RunFolder {
        RunFolder::at(&self.shards.join(&self.name))
    }

    /// Finishes the shard: from now on it is there whole.
    pub(super) fn finish(self) -> Result<PathBuf, String> {
        let part = self.part();
        let whole = self.shards.join(format!("{}{WHOLE}", self.name));
        let mut writer = RecordWriter::open(&part)
            .map_err(|e| e.to_string())?
            .with_help(HELP);
        let line = Line::Finished(Finished { at: now() });
        writer.append(&line).map_err(|e| e.to_string())?;
        drop(writer);
        fs::rename(&part, &whole)
            .and_then(|()| sync(&self.shards))
            .map_err(|e| format!("{}: cannot be finished: {e}", part.display()))?;
        Ok(whole)
    }
}

/// Makes a new file's name last.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}

/// This machine, as messages call it.
pub(super) fn here() -> String {
    match hexperiment_experiment::measure::node() {
        Some(node) => format!("node {node}"),
        None => "this machine".into(),
    }
}

/// The file of a shard, with its content.
pub(crate) struct Found {
    /// Name without what tells whether it is whole.
    name: String,
    path: PathBuf,
    bytes: Vec<u8>,
    digest: String,
    /// Whether its writer has not finished it.
    is_part: bool,
}

/// Shards that were read.
#[derive(Default)]
pub(crate) struct Shards<'a> {
    pub(crate) all: Vec<Shard<'a>>,
    /// The folder of each: its logs, and what tasks left.
    pub(crate) folders: Vec<PathBuf>,
    /// What is to be told of files, each in words.
    pub(crate) told: Vec<String>,
}

/// The files of shards in the folder of a plan, by their names; and what is to be told of those that cannot be read.
pub(crate) fn find(folder: &Path) -> Result<(Vec<Found>, Vec<String>), String> {
    let shards = folder.join(SHARDS);
    let entries = fs::read_dir(&shards)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(|e| format!("{}: shards cannot be read: {e}", shards.display()))?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    let (mut found, mut told) = (vec![], vec![]);
    for path in paths {
        let Some(file) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let (name, is_part) = match (file.strip_suffix(PART), file.strip_suffix(WHOLE)) {
            (Some(name), _) => (name.to_owned(), true),
            (None, Some(name)) => (name.to_owned(), false),
            (None, None) => continue,
        };
        match files::read(&path, files::RECORDS, "shards are written by `run --cells`") {
            Ok(bytes) => found.push(Found {
                name,
                digest: sha256(&bytes),
                path,
                bytes,
                is_part,
            }),
            // One that is finished meanwhile has another name by now.
            Err(_) if is_part && !path.exists() => {
                let whole = shards.join(format!("{name}{WHOLE}"));
                told.push(format!("{}: was finished meanwhile", whole.display()));
            }
            Err(complaint) => told.push(format!("left out: {complaint}")),
        }
    }
    Ok((found, told))
}

/// Reads the shards in these files. One that is torn is told of, and what is whole of it is taken; one that is damaged is
/// told of and left out; one of something else than the plan is an error.
pub(crate) fn read<'a>(found: &'a [Found], plan: &PlanFolder) -> Result<Shards<'a>, String> {
    let mut shards = Shards::default();
    let mut named: HashMap<&str, (usize, &Found)> = HashMap::new();
    for file in found {
        let path = file.path.display();
        let content = (file.bytes.as_slice(), file.digest.clone());
        let shard = match Shard::parse(&file.name, &file.path, content) {
            Ok(shard) => shard,
            Err(complaint) => {
                shards.told.push(format!("left out: {complaint}"));
                continue;
            }
        };
        let experiment = shard.of().experiment;
        if experiment >= plan.plan.experiments.len() {
            return Err(format!(
                "{path}:1: `shard.experiment`: found {experiment}, expected less than {} as in the plan",
                plan.plan.experiments.len()
            ));
        }
        shard
            .belongs_to(&file.path, plan.planned(experiment))
            .map_err(|e| e.to_string())?;
        let place = match named.entry(&file.name) {
            Entry::Vacant(entry) => {
                entry.insert((shards.all.len(), file));
                None
            }
            Entry::Occupied(mut entry) => {
                let (place, before) = *entry.get();
                let [earlier, later] = copies(before, file)?;
                if earlier.bytes.len() < later.bytes.len() {
                    shards.told.push(format!(
                        "{}: an earlier copy of {}, which counts",
                        earlier.path.display(),
                        later.path.display()
                    ));
                }
                if std::ptr::eq(later, before) {
                    continue;
                }
                entry.insert((place, file));
                Some(place)
            }
        };
        if shard.torn() > 0 {
            shards.told.push(format!(
                "{path}: its last line is torn: {} bytes are left out, what is before them is taken",
                shard.torn()
            ));
        } else if file.is_part || shard.finished().is_none() {
            shards.told.push(format!(
                "{path}: is still written, or its writer was killed: what is there is taken"
            ));
        }
        let folder = file.path.with_file_name(&file.name);
        if let Some(place) = place {
            (shards.folders[place], shards.all[place]) = (folder, shard);
        } else {
            shards.folders.push(folder);
            shards.all.push(shard);
        }
    }
    Ok(shards)
}

/// Two files of one name, as copies of a folder have them, the shorter first. No two calls take the same name, so that one
/// is the beginning of the other; the error says so of two that are not.
fn copies<'a>(one: &'a Found, other: &'a Found) -> Result<[&'a Found; 2], String> {
    let mut both = [one, other];
    both.sort_by_key(|found| found.bytes.len());
    let [short, long] = both;
    // Of a copy that was made while it was written, the last line may be torn.
    if long.bytes.starts_with(&short.bytes) {
        return Ok(both);
    }
    Err(format!(
        "{} and {} are two shards of one name with other content, expected one: a shard that is finished is never \
         changed\n  help: one of them was damaged or edited: take it out of its folder",
        one.path.display(),
        other.path.display()
    ))
}
