//! What operations take on this machine: a table that `calibrate` fills and `plan` reads.
//!
//! A file of JSON for each kind of machine, in the user's cache. A scheme's times are those of one
//! version of its library; of another they are measured anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hexperiment_diagnostics::files;
use hexperiment_experiment::measure;
use hexperiment_experiment::record::{Build, Provenance};
use hexperiment_scheme::{
    Operation, OperationTime, OperationTimes, Preparation, SchemeError, timed,
};
use serde::{Deserialize, Serialize};

use crate::timing::{Bound, Effort, QUICK, Spread, measure_cold, measure_on};

/// The file's format. In the first, operations found their operands in caches.
const SCHEMA: u32 = 2;

/// What to do about a table that cannot be used.
const HELP: &str =
    "name another by `--table`, or delete it if it is one: `calibrate` makes a new one";

/// The machine as tables name it.
pub(crate) fn machine() -> String {
    machine_of(&measure::provenance(1, Build::default(), BTreeMap::new()))
}

/// The machine of a run as tables name it.
pub(crate) fn machine_of(provenance: &Provenance) -> String {
    let Provenance { cpu, cores, .. } = provenance;
    format!("{}, {cores} processors", cpu.trim())
}

/// The table of this machine, if it is there.
pub(crate) fn usual_table() -> Option<PathBuf> {
    Table::usual(&machine()).filter(|path| path.is_file())
}

/// What to do about operations whose time is not in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fill {
    /// They are timed once, for the moment.
    Now,
    /// They are measured and kept.
    Missing,
    /// So are those that are in it.
    Anew,
}

/// What one operation takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "the names stand in a file, and tell the unit"
)]
struct Measured {
    alone_ns: Spread,
    /// With empty caches, where that may matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cold_ns: Option<Spread>,
    /// While so many threads do the same, the time of each.
    #[serde(default)]
    together_ns: BTreeMap<usize, Spread>,
}

/// What the operations of one scheme take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfScheme {
    /// The library, with its version.
    library: String,
    operations: BTreeMap<String, Measured>,
}

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    schema: u32,
    machine: String,
    schemes: BTreeMap<String, OfScheme>,
}

/// The table of this machine.
pub(crate) struct Table {
    path: PathBuf,
    contents: Contents,
    changed: bool,
}

impl Table {
    /// The file for a machine in the user's cache, if there is such a folder.
    pub(crate) fn usual(machine: &str) -> Option<PathBuf> {
        let folder = files::cache_folder("calibration")?;
        let name: String = machine
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        Some(folder.join(format!("{name}.json")))
    }

    /// Reads the table of a machine; an empty one where there is none.
    ///
    /// # Errors
    /// The file cannot be read, is no such table, or that of another machine.
    pub(crate) fn read(path: &Path, machine: &str) -> Result<Self, String> {
        let bad = |problem: String| format!("{}: {problem}\n  help: {HELP}", path.display());
        let empty = Contents {
            schema: SCHEMA,
            machine: machine.to_owned(),
            schemes: BTreeMap::new(),
        };
        let there = path.symlink_metadata().is_ok();
        let contents = match there.then(|| files::read(path, files::CALIBRATION, HELP)) {
            None => empty,
            Some(Err(complaint)) => return Err(complaint.to_string()),
            Some(Ok(bytes)) => {
                let found: Contents = serde_json::from_slice(&bytes)
                    .map_err(|e| bad(format!("is no table of `calibrate`: {e}")))?;
                if (1..SCHEMA).contains(&found.schema) {
                    // What is in it is measured anew.
                    empty
                } else {
                    found.check(machine).map_err(bad)?;
                    found
                }
            }
        };
        Ok(Self {
            path: path.to_owned(),
            contents,
            changed: false,
        })
    }

    /// Writes it, if anything was added: whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write(&mut self) -> Result<(), String> {
        if !self.changed {
            return Ok(());
        }
        let failed = |e: std::io::Error| {
            format!(
                "{}: cannot be written: {e}\n  help: name another by `--table`",
                self.path.display()
            )
        };
        let text = serde_json::to_vec_pretty(&self.contents)
            .map_err(|e| failed(std::io::Error::other(e)))?;
        files::write_with_folders(&self.path, &text).map_err(failed)?;
        self.changed = false;
        Ok(())
    }

    /// Takes of each operation the times of the round in which it was neither fast nor slow; these are the tables after each
    /// round, of which this one is the last.
    pub(crate) fn settle(&mut self, rounds: &[Self]) {
        for (scheme, of) in &mut self.contents.schemes {
            for (operation, measured) in &mut of.operations {
                let all = rounds.iter().filter_map(|round| {
                    let of = round.contents.schemes.get(scheme)?;
                    of.operations.get(operation)
                });
                let all: Vec<&Measured> = all.collect();
                let alone = all.iter().map(|m| m.alone_ns);
                measured.alone_ns = median_of(alone).unwrap_or(measured.alone_ns);
                let cold = all.iter().filter_map(|m| m.cold_ns);
                measured.cold_ns = measured.cold_ns.map(|own| median_of(cold).unwrap_or(own));
                for (threads, own) in &mut measured.together_ns {
                    let together = all.iter().filter_map(|m| m.together_ns.get(threads));
                    *own = median_of(together.copied()).unwrap_or(*own);
                }
            }
        }
        self.changed = true;
    }

    /// The times of a scheme, whose library is this.
    pub(crate) fn of<'t>(
        &'t mut self,
        scheme: &str,
        library: &str,
        threads: usize,
        fill: Fill,
    ) -> TableTimes<'t> {
        let known = self.contents.schemes.entry(scheme.to_owned()).or_default();
        if known.library != library {
            *known = OfScheme {
                library: library.to_owned(),
                operations: BTreeMap::new(),
            };
        }
        TableTimes {
            known,
            changed: &mut self.changed,
            threads,
            fill,
            bound: Bound::Median,
            done: BTreeSet::new(),
            measured: 0,
        }
    }
}

/// The one whose median is the median of all.
fn median_of(spreads: impl Iterator<Item = Spread>) -> Option<Spread> {
    let mut all: Vec<Spread> = spreads.collect();
    all.sort_by_key(|spread| spread.at(Bound::Median));
    let middle = all.len().checked_sub(1)? / 2;
    Some(all[middle])
}

impl Contents {
    /// Whether it is a table of this format, of this machine, and of times that can be; else what is wrong.
    fn check(&self, machine: &str) -> Result<(), String> {
        let Self {
            schema,
            machine: found,
            ..
        } = self;
        if *schema != SCHEMA {
            return Err(format!("found format {schema}, expected {SCHEMA}"));
        }
        if found != machine {
            return Err(format!(
                "found a table of another machine, {found}; this one is {machine}"
            ));
        }
        match self.impossible() {
            Some((field, time)) => Err(format!(
                "found {time} in `{field}`, expected nanoseconds above 0 and below 1e15, quartiles in order"
            )),
            None => Ok(()),
        }
    }

    /// A field whose times cannot have been measured, and what stands there.
    fn impossible(&self) -> Option<(String, String)> {
        let possible = |spread: &Spread| {
            let [low, median, high] = spread.quartiles();
            low > 0.0 && low <= median && median <= high && high < 1e15
        };
        let all = self.schemes.iter();
        let all =
            all.flat_map(|(scheme, of)| of.operations.iter().map(move |(o, t)| (scheme, o, t)));
        let mut fields = all.flat_map(|(scheme, operation, time)| {
            let field =
                move |name: String| format!("schemes.{scheme}.operations.{operation}.{name}");
            let cold = time
                .cold_ns
                .iter()
                .map(|spread| ("cold_ns".to_owned(), spread));
            let together = time.together_ns.iter();
            let together = together.map(|(n, spread)| (format!("together_ns.{n}"), spread));
            std::iter::once(("alone_ns".to_owned(), &time.alone_ns))
                .chain(cold)
                .chain(together)
                .map(move |(name, spread)| (field(name), spread))
        });
        let (field, spread) = fields.find(|(_, spread)| !possible(spread))?;
        Some((field, format!("{:?}", spread.quartiles())))
    }
}

/// The times of one scheme's operations, by the table.
pub(crate) struct TableTimes<'t> {
    known: &'t mut OfScheme,
    changed: &'t mut bool,
    threads: usize,
    fill: Fill,
    /// Which of the times that were measured.
    pub(crate) bound: Bound,
    /// Operations that need not be measured anew.
    done: BTreeSet<String>,
    /// Operations that were measured because the table did not have them.
    pub(crate) measured: u32,
}

impl TableTimes<'_> {
    fn known(&self, name: &str) -> Option<OperationTime> {
        let found = self.known.operations.get(name)?;
        let alone = found.alone_ns.at(self.bound);
        let together = match self.threads {
            0 | 1 => alone,
            threads => found.together_ns.get(&threads)?.at(self.bound),
        };
        Some(OperationTime { alone, together })
    }
}

impl OperationTimes for TableTimes<'_> {
    fn goes_round(&self) -> bool {
        self.fill != Fill::Now
    }

    fn time(
        &mut self,
        operation: Operation,
        prepare: &Preparation<'_, '_>,
    ) -> Result<OperationTime, SchemeError> {
        let name = operation.to_string();
        let measure = self.fill == Fill::Anew && !self.done.contains(&name);
        if !measure && let Some(time) = self.known(&name) {
            return Ok(time);
        }
        let step = prepare()?;
        self.measured += 1;
        self.done.insert(name.clone());
        if self.fill == Fill::Now {
            let ((), time) = timed(&*step)?;
            return Ok(OperationTime::of(time));
        }
        let alone_ns = measure_on(1, &step, Effort::TABLE)?;
        let entry = self.known.operations.entry(name.clone());
        let entry = entry.or_insert_with(|| Measured {
            alone_ns,
            cold_ns: None,
            together_ns: BTreeMap::new(),
        });
        entry.alone_ns = alone_ns;
        entry.cold_ns = if alone_ns.at(Bound::Median) < QUICK {
            Some(measure_cold(&step, alone_ns)?)
        } else {
            None
        };
        if self.threads > 1 {
            let together = measure_on(self.threads, &step, Effort::TABLE)?;
            entry.together_ns.insert(self.threads, together);
        }
        *self.changed = true;
        Ok(self.known(&name).unwrap_or_default())
    }

    fn cold(
        &mut self,
        operation: Operation,
        prepare: &Preparation<'_, '_>,
    ) -> Result<Duration, SchemeError> {
        let name = operation.to_string();
        let warm = self.time(operation, prepare)?.alone;
        let known = self.known.operations.get(&name);
        let cold = known.and_then(|measured| measured.cold_ns);
        Ok(cold.map_or(warm, |cold| cold.at(self.bound)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const MACHINE: &str = "A Processor, 2 cores";

    fn operation(parameters: &str) -> Operation {
        Operation::new("rotate", parameters)
    }

    /// Asks for the time of a step that takes a while, and counts how often it is done.
    fn ask(times: &mut TableTimes<'_>, done: &AtomicU32) -> OperationTime {
        times
            .time(operation("N=8"), &|| {
                Ok(Box::new(|| {
                    done.fetch_add(1, Ordering::Relaxed);
                    let sum: u64 = (0..20_000_u64).map(std::hint::black_box).sum();
                    std::hint::black_box(sum);
                    Ok(())
                }))
            })
            .unwrap()
    }

    #[test]
    fn what_is_measured_is_kept_and_not_measured_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/table.json");
        let done = AtomicU32::new(0);
        let mut table = Table::read(&path, MACHINE).unwrap();
        let first = ask(&mut table.of("s", "lib 1", 2, Fill::Missing), &done);
        assert!(first.alone > Duration::ZERO && first.together > Duration::ZERO);
        table.write().unwrap();
        let after = done.load(Ordering::Relaxed);
        assert!(after > 6, "{after}");

        let mut table = Table::read(&path, MACHINE).unwrap();
        let mut times = table.of("s", "lib 1", 2, Fill::Missing);
        assert_eq!(ask(&mut times, &done), first);
        assert_eq!((times.measured, done.load(Ordering::Relaxed)), (0, after));
        times.bound = Bound::High;
        assert!(ask(&mut times, &done).alone >= first.alone);
        // Of three threads nothing is known yet, nor of another version.
        for (library, threads) in [("lib 1", 3), ("lib 2", 2)] {
            let before = done.load(Ordering::Relaxed);
            let mut times = table.of("s", library, threads, Fill::Missing);
            ask(&mut times, &done);
            assert_eq!(times.measured, 1);
            assert!(done.load(Ordering::Relaxed) > before);
        }
        let mut times = table.of("s", "lib 2", 2, Fill::Anew);
        ask(&mut times, &done);
        ask(&mut times, &done);
        assert_eq!(times.measured, 1);
    }

    #[test]
    fn of_several_rounds_the_one_in_the_middle_counts() {
        let folder = tempfile::tempdir().unwrap();
        let round = |name: &str, ns: f64, cold: Option<f64>| {
            let mut table = Table::read(&folder.path().join(name), MACHINE).unwrap();
            let times = |ns: f64| serde_json::from_value([ns, ns + 1.0, ns + 2.0].into()).unwrap();
            let measured = Measured {
                alone_ns: times(ns),
                cold_ns: cold.map(times),
                together_ns: BTreeMap::from([(2, times(2.0 * ns))]),
            };
            let known = table.of("s", "lib", 2, Fill::Missing).known;
            known.operations.insert("rotate".into(), measured);
            table
        };
        let rounds = [
            round("a", 100.0, Some(300.0)),
            round("b", 500.0, None),
            round("c", 200.0, Some(900.0)),
        ];
        let mut last = round("c", 200.0, Some(900.0));
        last.settle(&rounds);
        let found = &last.contents.schemes["s"].operations["rotate"];
        assert_eq!(found.alone_ns.quartiles(), [200.0, 201.0, 202.0]);
        assert_eq!(found.cold_ns.unwrap().quartiles(), [300.0, 301.0, 302.0]);
        assert_eq!(found.together_ns[&2].quartiles(), [400.0, 401.0, 402.0]);
        last.write().unwrap();
        Table::read(&folder.path().join("c"), MACHINE).unwrap();
    }

    #[test]
    fn tables_that_are_none_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.json");
        let mut table = Table::read(&path, MACHINE).unwrap();
        ask(
            &mut table.of("s", "lib", 1, Fill::Missing),
            &AtomicU32::new(0),
        );
        table.write().unwrap();
        let good = fs::read_to_string(&path).unwrap();
        let half = &good[..good.len() / 2];
        let mut negative: serde_json::Value = serde_json::from_str(&good).unwrap();
        negative["schemes"]["s"]["operations"]["rotate N=8"]["alone_ns"][0] = (-1.0).into();
        let mut zero = negative.clone();
        zero["schemes"]["s"]["operations"]["rotate N=8"]["alone_ns"] = vec![0.0; 3].into();
        // JSON has no NaN.
        let none = good.replacen("alone_ns\": [", "alone_ns\": [NaN, ", 1);
        let [negative, zero] = [negative, zero].map(|value| value.to_string());
        for (text, machine, expect) in [
            (half, MACHINE, "is no table of `calibrate`"),
            ("", MACHINE, "is no table of `calibrate`"),
            ("{}", MACHINE, "missing field"),
            (
                good.as_str(),
                "Another",
                "found a table of another machine, A Processor",
            ),
            (negative.as_str(), MACHINE, "found [-1.0, "),
            (
                zero.as_str(),
                MACHINE,
                "found [0.0, 0.0, 0.0] in `schemes.s.operations.rotate N=8.alone_ns`, expected nanoseconds above 0",
            ),
            (none.as_str(), MACHINE, "is no table of `calibrate`"),
        ] {
            fs::write(&path, text).unwrap();
            let error = Table::read(&path, machine).err().unwrap();
            assert!(error.contains(expect), "{error}");
            assert!(error.contains("help: name another"), "{error}");
        }
    }

    #[test]
    fn a_table_of_an_earlier_format_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.json");
        let done = AtomicU32::new(0);
        let mut table = Table::read(&path, MACHINE).unwrap();
        ask(&mut table.of("s", "lib", 1, Fill::Missing), &done);
        table.write().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        for (format, measured) in [(1, 1), (SCHEMA, 0)] {
            let found = text.replacen("\"schema\": 2", &format!("\"schema\": {format}"), 1);
            fs::write(&path, found).unwrap();
            let mut table = Table::read(&path, MACHINE).unwrap();
            let mut times = table.of("s", "lib", 1, Fill::Missing);
            ask(&mut times, &done);
            assert_eq!(times.measured, measured, "format {format}");
        }
        fs::write(&path, text.replacen("\"schema\": 2", "\"schema\": 3", 1)).unwrap();
        let error = Table::read(&path, MACHINE).err().unwrap();
        assert!(error.contains("found format 3, expected 2"), "{error}");
    }

    #[test]
    fn a_step_that_fails_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = Table::read(&folder.path().join("t"), MACHINE).unwrap();
        let mut times = table.of("s", "lib", 2, Fill::Missing);
        let failed = times.time(operation(""), &|| {
            Ok(Box::new(|| Err(SchemeError::Foreign("as told".into()))))
        });
        assert!(failed.unwrap_err().to_string().contains("as told"));
    }
}
