//! Cells handed over: the files that an engine gets, and what it is told.

use std::path::{Path, PathBuf};

use hexperiment_diagnostics::printable;

use super::arrays::{Array, Limits, Needs, arrays};
use super::hyperqueue::JobFile;
use super::script::Script;
use super::submissions::{self, Claim, Submission};
use super::{Asked, Engine, hyperqueue, slurm};
use crate::out::{counted_cells, say};
use crate::plugins;
use crate::shards::plan::PlanFolder;
use crate::shell::typed;

/// A path as text for scripts, which cannot hold every path.
fn text_of(path: &Path) -> Result<&str, String> {
    let text = path
        .to_str()
        .filter(|text| !text.contains(|c: char| c.is_control() || c == '\\'));
    text.ok_or_else(|| {
        format!(
            "{}: this path cannot stand in a script of a scheduler\n  help: one in UTF-8 without control characters and \
             backslashes can",
            printable::line(&path.to_string_lossy())
        )
    })
}

/// Variables that the program reads on a node as it does here.
fn variables() -> Result<Vec<(String, String)>, String> {
    let mut variables = Vec::new();
    if let Some(folder) = std::env::var_os("HEXPERIMENT_DATA").filter(|folder| !folder.is_empty()) {
        let folder = std::path::absolute(&folder).map_err(|e| format!("HEXPERIMENT_DATA: {e}"))?;
        variables.push(("HEXPERIMENT_DATA".into(), text_of(&folder)?.into()));
    }
    if let Some((name, paths)) = plugins::for_other_machines() {
        variables.push((name.into(), text_of(Path::new(&paths))?.into()));
    }
    Ok(variables)
}

/// The paths that all files of a submission have.
struct Paths {
    program: PathBuf,
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

impl Paths {
    fn of(plan: &Path) -> Result<Self, String> {
        let fail =
            |e: std::io::Error| format!("the folder in which this is called is not there: {e}");
        Ok(Self {
            program: submissions::program(plan),
            folder: std::env::current_dir().map_err(fail)?,
            variables: variables()?,
        })
    }
}

impl Asked {
    /// Hands the cells over, or prints what would be.
    pub(super) fn hand_over(&mut self, is_dry: bool) -> Result<(), String> {
        if is_dry {
            say!("nothing is written or submitted, as `--dry-run` wants it");
        }
        match self.engine {
            Engine::Slurm => self.by_slurm(is_dry),
            Engine::Hyperqueue => self.by_hyperqueue(is_dry),
        }
    }

    /// The cells in arrays of at most `largest`.
    fn arrays(&self, largest: usize) -> Vec<Array> {
        let plan = &self.plan.plan;
        let limits = |index: usize| plan.cells.get(index).map(Limits::from);
        let reference = plan.reference.and_then(limits);
        let needs = |index: usize| {
            Some((
                index,
                Needs::of(limits(index)?, reference, self.choices.given),
            ))
        };
        arrays(self.cells.iter().copied().filter_map(needs), largest)
    }

    /// Writes the plan where it is not there.
    fn write_plan(&mut self) -> Result<(), String> {
        if self.is_new {
            self.plan.plan.write(&self.plan.path)?;
            // With the digest of what was written.
            self.plan = PlanFolder::open(&self.plan.path)?;
            self.is_new = false;
            self.lock = Some(submissions::lock(&self.plan.path)?);
        }
        Ok(())
    }

    /// Takes the submission's number.
    fn claim(&self) -> Result<Claim, String> {
        let folder = &self.plan.path;
        let claim = Claim::take(folder, self.number)?;
        match submissions::keep_program(folder, &self.plan.plan.binary) {
            Ok(()) => Ok(claim),
            Err(problem) => {
                claim.give_back();
                Err(problem)
            }
        }
    }

    fn by_slurm(&mut self, is_dry: bool) -> Result<(), String> {
        let largest = match slurm::largest_array() {
            Err(problem) if is_dry => {
                let problem = problem.lines().next().unwrap_or_default();
                say!(
                    "no Slurm answers here ({problem}): arrays as its defaults have them, at most {} jobs each, and the \
                     partition is not looked for",
                    slurm::USUAL_LARGEST
                );
                slurm::USUAL_LARGEST
            }
            answer => {
                let largest = answer?;
                if let Some(partition) = &self.choices.partition {
                    slurm::check_partition(partition)?;
                }
                largest
            }
        };
        text_of(&self.plan.path)?;
        let paths = Paths::of(&self.plan.path)?;
        if !is_dry {
            self.write_plan()?;
        }
        let arrays = self.arrays(largest);
        let place = submissions::folder(&self.plan.path, self.number);
        let scripts: Vec<String> = arrays
            .iter()
            .zip(1..)
            .map(|(array, number)| self.script(array, number, &place, &paths))
            .collect::<Result<_, _>>()?;
        if is_dry {
            for ((script, array), number) in scripts.iter().zip(&arrays).zip(1..) {
                let file = place.join(submissions::script_file(number));
                say!(
                    "\nsbatch --parsable {}\n{}",
                    typed(&file),
                    script.trim_end()
                );
                say!("cells: {}", numbers(&array.cells));
            }
            return Ok(());
        }
        let claim = self.claim()?;
        let submission = Submission::new(self.engine, self.choices.clone(), arrays);
        let files = match claim.fill(&submission, &scripts) {
            Ok(files) => files,
            Err(problem) => {
                claim.give_back();
                return Err(format!(
                    "{problem}\n  help: nothing was submitted; the same command submits it"
                ));
            }
        };
        let (shown, typed) = (self.plan.path.display(), typed(&self.plan.path));
        let mut before: Option<String> = None;
        for ((file, array), number) in files.iter().zip(&submission.arrays).zip(1..) {
            // A limit of what runs at once is one of an array: the next one waits for this one.
            let after = before
                .as_deref()
                .filter(|_| self.choices.max_parallel.is_some());
            let job = match slurm::submit(file, after, self.lock.as_ref()) {
                Ok(job) => job,
                Err(failure) if number == 1 && failure.is_certain() => {
                    claim.give_back();
                    return Err(format!(
                        "{}\n  help: nothing was submitted; the same command submits it",
                        failure.told("sbatch")
                    ));
                }
                Err(failure) => {
                    return Err(format!(
                        "{}\n  help: {} of {} arrays were submitted and go on; `hexperiment submit --again {typed}` submits \
                         the rest",
                        failure.told("sbatch"),
                        number - 1,
                        files.len()
                    ));
                }
            };
            claim.submitted(number, &job)?;
            let cells = counted_cells(array.cells.len());
            say!(
                "job {job}: {cells}, each with {}",
                asks(array.needs, self.choices.shared)
            );
            before = Some(job);
        }
        say!("submitted {} of {shown}", counted_cells(self.cells.len()));
        say!(
            "  help: `hexperiment status {typed}` tells where they stand, `hexperiment cancel {typed}` takes them back"
        );
        Ok(())
    }

    fn script(
        &self,
        array: &Array,
        number: usize,
        place: &Path,
        paths: &Paths,
    ) -> Result<String, String> {
        let cells = place.join(submissions::cells_file(number));
        let log = submissions::log(place, number);
        let script = Script {
            name: &submissions::job_name(&self.plan.digest, self.number, number),
            needs: array.needs,
            count: array.cells.len(),
            max_parallel: self.choices.max_parallel,
            shared: self.choices.shared,
            partition: self.choices.partition.as_deref(),
            account: self.choices.account.as_deref(),
            constraint: self.choices.constraint.as_deref(),
            program: text_of(&paths.program)?,
            plan: text_of(&self.plan.path)?,
            cells: text_of(&cells)?,
            log: text_of(&log)?,
            folder: text_of(&paths.folder)?,
            variables: &paths.variables,
        };
        Ok(script.text())
    }

    fn by_hyperqueue(&mut self, is_dry: bool) -> Result<(), String> {
        text_of(&self.plan.path)?;
        let paths = Paths::of(&self.plan.path)?;
        for path in [&self.plan.path, &paths.folder] {
            hyperqueue::check_path(text_of(path)?)?;
        }
        if !is_dry {
            self.write_plan()?;
        }
        let arrays = self.arrays(usize::MAX);
        let place = submissions::folder(&self.plan.path, self.number);
        let logs = place.join("logs");
        let file = JobFile {
            name: &submissions::job_name(&self.plan.digest, self.number, 1),
            arrays: &arrays,
            shared: self.choices.shared,
            program: text_of(&paths.program)?,
            plan: text_of(&self.plan.path)?,
            folder: text_of(&paths.folder)?,
            logs: text_of(&logs)?,
            variables: &paths.variables,
        };
        let text = file.text();
        if is_dry {
            say!("{}", text.trim_end());
            return Ok(());
        }
        let claim = self.claim()?;
        let submission = Submission::new(self.engine, self.choices.clone(), arrays.clone());
        let written = claim
            .begin(&submission)
            .and_then(|()| claim.write("hyperqueue.toml", &text));
        let path = match written {
            Ok(path) => path,
            Err(problem) => {
                claim.give_back();
                return Err(problem);
            }
        };
        let (shown, file) = (self.plan.path.display(), typed(&path));
        let typed = typed(&self.plan.path);
        say!(
            "{} of {shown}, written to {}",
            counted_cells(self.cells.len()),
            path.display()
        );
        say!("three commands run them, the second one on every node:");
        say!("  hq server start");
        say!("  hq worker start");
        say!("  hq job submit-file {file}");
        say!(
            "  help: `hexperiment status {typed}` tells what is done, `hq job list` what waits and runs"
        );
        Ok(())
    }
}

/// What a job asks for, in words.
fn asks(needs: Needs, shared: bool) -> String {
    let threads = match needs.threads {
        1 => "1 thread".into(),
        n => format!("{n} threads"),
    };
    let memory = needs.memory_mib.map(|mib| format!(", {mib} MiB"));
    let minutes = needs.minutes.map(|minutes| format!(", {minutes} min"));
    let node = if shared { "" } else { ", a node of its own" };
    [
        threads,
        memory.unwrap_or_default(),
        minutes.unwrap_or_default(),
        node.into(),
    ]
    .concat()
}

/// Numbers in short, as in `0-39,50`.
fn numbers(all: &[usize]) -> String {
    let runs = all.chunk_by(|a, b| *b == a + 1).map(|run| match run {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    });
    runs.collect::<Vec<_>>().join(",")
}
