//! Where the cells of a row ran, and what else ran there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Records;
use super::busy::Occupied;
use crate::record::{Cell, Environment, MergedShard, Repetition};

/// Where the cells of a row ran.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Places {
    /// The machines, none twice; none where records do not say.
    pub environments: Vec<Environment>,
    /// The shards that its cells were taken from, by their places in the run's list; none of a run that was not put
    /// together from shards.
    pub shards: Vec<usize>,
    /// Whether others may have used the machine meanwhile: the row had a part of its processors, or other shards of
    /// the plan ran on it. Only told of runs that were put together from shards.
    pub shared: bool,
}

impl Places {
    /// The models of processors, none twice.
    pub fn cpus(&self) -> Vec<&str> {
        let mut cpus: Vec<&str> = self.environments.iter().map(|e| e.cpu.as_str()).collect();
        cpus.sort_unstable();
        cpus.dedup();
        cpus
    }
}

/// Which cells of a run were on one machine: all, or those of each shard.
pub(super) struct Turns<'a> {
    records: &'a Records,
    /// The shard of each cell, by the cell's id.
    shards: HashMap<&'a str, usize>,
    /// The machine of each shard, by its place in `occupied`; that of a run without shards, too.
    machines: Vec<usize>,
    /// What the processors of each machine did in all its repetitions.
    occupied: Vec<Occupied>,
}

impl<'a> Turns<'a> {
    pub(super) fn of(records: &'a Records) -> Self {
        let merged = records.run.merged.as_deref();
        let all = merged.map_or(&[][..], |merged| &merged.shards);
        let mut shards = HashMap::new();
        for (number, shard) in all.iter().enumerate() {
            let cells = shard.cells.iter();
            let cells = cells.filter_map(|place| records.run.cells.get(*place));
            shards.extend(cells.map(|cell| (cell.id.as_str(), number)));
        }
        // A shard whose records do not tell its machine is taken for one of its own.
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut count = 0;
        let mut next = || {
            count += 1;
            count - 1
        };
        let mut machines: Vec<usize> = all
            .iter()
            .map(|shard| match machine(records, shard) {
                Some(name) => *known.entry(name).or_insert_with(&mut next),
                None => next(),
            })
            .collect();
        if machines.is_empty() {
            machines.push(next());
        }
        // A call of one short cell says too little by itself.
        let mut of_machines: Vec<Vec<&Repetition>> = vec![vec![]; count];
        for repetition in &records.repetitions {
            let number = shards.get(repetition.cell.as_str()).copied();
            of_machines[machines[number.unwrap_or(0)]].push(repetition);
        }
        let of_machines = of_machines.into_iter();
        Self {
            records,
            shards,
            machines,
            occupied: of_machines
                .map(|all| Occupied::of(all.into_iter()))
                .collect(),
        }
    }

    /// What the processors did in the repetitions of the run that the machines of some cells did.
    pub(super) fn occupied(&self, cells: &[&Cell]) -> Occupied {
        let shards = cells.iter().map(|cell| self.shards.get(cell.id.as_str()));
        let machines = shards.map(|number| self.machines[number.copied().unwrap_or(0)]);
        let machines: BTreeSet<usize> = machines.collect();
        let occupied = machines.into_iter().map(|machine| self.occupied[machine]);
        occupied.fold(Occupied::default(), Occupied::and)
    }

    /// Where some cells ran.
    pub(super) fn places(&self, cells: &[&Cell]) -> Places {
        let mut places = Places::default();
        let merged = self.records.run.merged.as_deref();
        for cell in cells {
            let known = self.records.environments.get(&cell.id);
            for environment in known.into_iter().flatten() {
                let is_new = |e: &Environment| !e.is_same_place(environment);
                if places.environments.iter().all(is_new) {
                    places.environments.push(environment.clone());
                }
            }
            let number = self.shards.get(cell.id.as_str()).copied();
            places.shards.extend(number);
        }
        places.shards.sort_unstable();
        places.shards.dedup();
        if let Some(merged) = merged {
            let mut shards = places.shards.iter().map(|number| &merged.shards[*number]);
            let has_a_part = || places.environments.iter().any(Environment::has_a_part);
            places.shared = shards.any(|shard| shard.beside_others) || has_a_part();
        }
        places
    }
}

/// What the machine of a shard is told by, where its records tell.
fn machine<'a>(records: &'a Records, shard: &MergedShard) -> Option<&'a str> {
    let cells = shard.cells.iter();
    let mut cells = cells.filter_map(|place| records.run.cells.get(*place));
    let environment = cells.find_map(|cell| records.environments.get(&cell.id)?.last())?;
    let name = environment.boot.as_ref().or(environment.node.as_ref());
    name.map(String::as_str)
}

impl Records {
    /// Numbers the machines in the place of their names, for what is given to others.
    pub fn number_machines(&mut self) {
        let merged = self.run.merged.as_deref_mut();
        let (references, superseded) = merged.map_or((&mut [][..], &mut [][..]), |merged| {
            (&mut merged.references[..], &mut merged.superseded[..])
        });
        let setups = self.setups.values_mut().flat_map(BTreeMap::values_mut);
        let ends = self.stopped.iter_mut();
        let mut all: Vec<&mut Environment> = (self.environments.values_mut().flatten())
            .chain(setups.filter_map(|setup| setup.environment.as_mut()))
            .chain(ends.filter_map(|end| end.environment.as_mut()))
            .chain(references.iter_mut().map(|r| &mut r.environment))
            .collect();
        let names: BTreeSet<String> = all.iter().map(|e| e.name()).collect();
        let number = |name: &str| {
            let place = names.iter().position(|known| known == name);
            place.map(|place| format!("node {}", place + 1))
        };
        for environment in &mut all {
            environment.node = number(&environment.name());
            environment.boot = None;
        }
        for end in superseded {
            end.node = end.node.as_deref().and_then(number);
        }
    }
}
