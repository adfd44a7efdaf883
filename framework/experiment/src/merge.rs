//! One run of the shards that cells of a plan were run into, on whatever machines (`docs/shards.md`).
//!
//! What comes of it is a function of the set of shards: neither their order nor how often one is named matters. Records
//! of a cell are taken from one shard, whole, so that no row mixes repetitions of two tries. Lines are taken as they
//! stand.

mod shard;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Deserialize;

use crate::record::{
    Line, Merged, MergedShard, Provenance, Reference, Run, ShardOf, Status, Superseded,
};
use shard::sum;
pub use shard::{Shard, Try, first_difference};

/// What an experiment of a plan is, for its shards.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'a> {
    /// SHA-256 of the plan's file.
    pub plan: &'a str,
    /// Place of the experiment in the plan.
    pub experiment: usize,
    /// Number in the plan of the run's first cell; the others follow.
    pub first: usize,
    /// SHA-256 of the program.
    pub binary: &'a str,
    /// What the run begins with.
    pub run: &'a Run,
}

/// Records as a run would have written them.
#[derive(Clone, Debug, Default)]
pub struct MergedRun {
    /// The content of `records.jsonl`.
    pub bytes: Vec<u8>,
    /// Cells of which more than one shard tells, by their numbers in the plan, and how many do.
    pub several: Vec<(usize, usize)>,
    /// Cells that have no end and not all repetitions, by their numbers in the plan.
    pub missing: Vec<usize>,
    /// Cells that a scheduler's signal ended, by their numbers in the plan.
    pub ended_by_signal: Vec<usize>,
    /// Ends of cells that other records took the place of.
    pub superseded: Vec<Superseded>,
    /// Name and SHA-256 of each shard that cells were taken from, and their places in the run.
    pub taken: Vec<(String, String, Vec<usize>)>,
}

/// Shards without those that are there twice, in an order that their content alone decides; those of reference cells
/// apart.
fn sorted<'a>(shards: &'a [Shard<'a>]) -> (Vec<&'a Shard<'a>>, Vec<&'a Shard<'a>>) {
    let mut all: Vec<&Shard<'_>> = shards.iter().collect();
    all.sort_by_key(|shard| (shard.name(), shard.digest()));
    let mut seen = HashSet::new();
    all.retain(|shard| seen.insert(shard.digest()));
    all.into_iter().partition(|shard| !shard.of().reference)
}

/// The tries of each cell of a run, the one that counts first, with the shards that they are in.
#[must_use]
pub fn tries<'a>(
    planned: Planned<'_>,
    shards: &'a [Shard<'a>],
) -> Vec<Vec<(&'a Shard<'a>, &'a Try)>> {
    let mut all: Vec<Vec<(&Shard<'_>, &Try)>> = vec![vec![]; planned.run.cells.len()];
    for shard in sorted(shards).0 {
        for one in shard.tries() {
            let place = one.number.checked_sub(planned.first);
            if let Some(of_cell) = place.and_then(|place| all.get_mut(place)) {
                of_cell.push((shard, one));
            }
        }
    }
    for of_cell in &mut all {
        of_cell.sort_by_key(|(shard, one)| {
            let fewer = std::cmp::Reverse(one.repetitions);
            (one.rank(), fewer, &shard.of().began, shard.digest())
        });
    }
    all
}

/// Puts a run together; shards of other experiments are left out.
#[must_use]
pub fn merge(planned: Planned<'_>, shards: &[Shard<'_>]) -> MergedRun {
    let (of_cells, references) = sorted(shards);
    let all = tries(planned, shards);
    let mut result = MergedRun::default();
    let mut taken: BTreeMap<(&str, &str), (&Shard<'_>, Vec<usize>)> = BTreeMap::new();
    for (place, tries) in all.iter().enumerate() {
        let number = planned.first + place;
        let Some(((shard, best), others)) = tries.split_first() else {
            result.missing.push(number);
            continue;
        };
        if !others.is_empty() {
            result.several.push((number, tries.len()));
        }
        let ended = others.iter().filter_map(|(shard, one)| {
            let (status, reason) = one.end.as_ref().filter(|_| one.signal.is_none())?;
            Some(Superseded {
                cell: planned.run.cells[place].id.clone(),
                status: *status,
                reason: reason.clone(),
                node: shard.of().environment.node.clone(),
            })
        });
        // One that ended alike has not been taken the place of.
        let same = best.end.as_ref().map(|(status, _)| *status);
        result
            .superseded
            .extend(ended.filter(|other| Some(other.status) != same));
        if best.signal.is_some() {
            result.ended_by_signal.push(number);
        } else if best.end.is_none() && !best.is_complete {
            result.missing.push(number);
        }
        let key = (shard.name(), shard.digest());
        let entry = taken.entry(key).or_insert_with(|| (shard, vec![]));
        entry.1.push(place);
    }
    let beside_others = beside_others(&of_cells, &references);
    let merged = Merged {
        plan: planned.plan.to_owned(),
        experiment: planned.experiment,
        shards: taken
            .values()
            .map(|(shard, places)| MergedShard {
                name: shard.name().to_owned(),
                began: shard.of().began.clone(),
                finished: shard.finished().map(str::to_owned),
                beside_others: beside_others.contains(shard.digest()),
                cells: places.clone(),
            })
            .collect(),
        superseded: result.superseded.clone(),
        references: references.iter().filter_map(|s| reference(s)).collect(),
    };
    let sources: Vec<&Shard<'_>> = taken.values().map(|(shard, _)| *shard).collect();
    let mut run = planned.run.clone();
    if let Some(first) = sources.iter().map(|shard| &shard.run().started).min() {
        run.started.clone_from(first);
    }
    run.shard = None;
    run.merged = Some(Box::new(merged));
    set_machine(&mut run.provenance, &sources);
    result.bytes = text(&run, &taken, &all);
    let taken = taken.into_iter();
    result.taken = taken
        .map(|((name, digest), (_, places))| (name.to_owned(), digest.to_owned(), places))
        .collect();
    result
}

/// The SHA-256 of each shard that had others of the plan beside it: on the same machine, at the same time. Those of a
/// reference cell count; a call's own is over before its cells begin.
fn beside_others<'a>(of_cells: &[&'a Shard<'a>], references: &[&'a Shard<'a>]) -> HashSet<&'a str> {
    let mut machines: HashMap<&str, Vec<(&str, String, &str)>> = HashMap::new();
    for shard in of_cells.iter().chain(references) {
        let ShardOf {
            began, environment, ..
        } = shard.of();
        if let Some(machine) = environment.boot.as_ref().or(environment.node.as_ref()) {
            let of_machine = machines.entry(machine).or_default();
            of_machine.push((began, shard.end(), shard.digest()));
        }
    }
    let mut beside = HashSet::new();
    for mut all in machines.into_values() {
        all.sort_unstable();
        let mut latest = "";
        for (place, (began, end, digest)) in all.iter().enumerate() {
            let next = all.get(place + 1);
            if latest > *began || next.is_some_and(|(next, ..)| *next < end.as_str()) {
                beside.insert(*digest);
            }
            latest = latest.max(end);
        }
    }
    beside
}

/// The lines: the run, then those of each cell in the order of the run.
fn text(
    run: &Run,
    taken: &BTreeMap<(&str, &str), (&Shard<'_>, Vec<usize>)>,
    all: &[Vec<(&Shard<'_>, &Try)>],
) -> Vec<u8> {
    // A run that was read can be written.
    let mut bytes = serde_json::to_vec(&Line::Run(Box::new(run.clone()))).unwrap_or_default();
    bytes.push(b'\n');
    let lines: HashMap<_, _> = taken
        .iter()
        .map(|(key, (shard, _))| (key, lines_by_cell(shard.text())))
        .collect();
    for (cell, tries) in run.cells.iter().zip(all) {
        let Some((shard, _)) = tries.first() else {
            continue;
        };
        let of_shard = lines.get(&(shard.name(), shard.digest()));
        for line in of_shard
            .and_then(|of| of.get(cell.id.as_str()))
            .into_iter()
            .flatten()
        {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
    }
    bytes
}

/// What every line has that is about a cell.
#[derive(Deserialize)]
struct About<'a> {
    #[serde(borrow, default)]
    cell: Cow<'a, str>,
}

/// The lines of a shard that are about a cell, by its id.
fn lines_by_cell(text: &str) -> HashMap<Cow<'_, str>, Vec<&str>> {
    let mut lines: HashMap<Cow<'_, str>, Vec<&str>> = HashMap::new();
    for line in text.lines().skip(1) {
        // The shard was read before: whatever is no record is not in it.
        if let Ok(about) = serde_json::from_str::<About<'_>>(line)
            && !about.cell.is_empty()
        {
            lines.entry(about.cell).or_default().push(line);
        }
    }
    lines
}

fn reference(shard: &Shard<'_>) -> Option<Reference> {
    let ShardOf {
        began, environment, ..
    } = shard.of();
    let (wall_ns, cpu_ns) = shard.totals().iter().copied().unzip();
    let cell = shard.run().cells.first()?.id.clone();
    (!shard.totals().is_empty()).then(|| Reference {
        cell,
        began: began.clone(),
        environment: environment.clone(),
        wall_ns,
        cpu_ns,
    })
}

/// Values that machines have, each once: as one text.
fn joined<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let all: BTreeSet<&str> = values.collect();
    all.into_iter().collect::<Vec<_>>().join(" and ")
}

/// The machine of a run of several: what all have.
fn set_machine(provenance: &mut Provenance, shards: &[&Shard<'_>]) {
    let Some((first, others)) = shards.split_first() else {
        return;
    };
    let of = |shard: &&Shard<'_>| shard.run().provenance.clone();
    let mut machine = of(first);
    let all: Vec<Provenance> = shards.iter().map(of).collect();
    machine.cpu = joined(all.iter().map(|p| p.cpu.as_str()));
    machine.kernel = joined(all.iter().map(|p| p.kernel.as_str()));
    for other in others.iter().map(of) {
        machine
            .cpu_features
            .retain(|f| other.cpu_features.contains(f));
        machine.cores = machine.cores.min(other.cores);
        machine.memory_bytes = machine.memory_bytes.min(other.memory_bytes);
    }
    provenance.cpu = machine.cpu;
    provenance.kernel = machine.kernel;
    provenance.cpu_features = machine.cpu_features;
    provenance.cores = machine.cores;
    provenance.memory_bytes = machine.memory_bytes;
    // Each cell's is in its records.
    provenance.load = None;
}

impl Try {
    /// Whether it says what comes of its cell: all repetitions, or a refusal.
    #[must_use]
    pub fn is_result(&self) -> bool {
        self.rank() <= 1
    }

    /// The less, the rather it counts: whole results, refusals, ends of its own, ends by a scheduler, what was cut off.
    fn rank(&self) -> u8 {
        match (&self.end, self.signal.is_some(), self.is_complete) {
            (None, _, true) => 0,
            (Some((Status::Refused, _)), false, _) => 1,
            (Some(_), false, _) => 2,
            (Some(_), true, _) => 3,
            (None, _, false) => 4,
        }
    }

    /// Wall and processor time of encryption, evaluation and decryption.
    fn total(repetition: &crate::record::Repetition) -> (u64, u64) {
        sum([repetition.encrypt, repetition.evaluate, repetition.decrypt])
    }
}
