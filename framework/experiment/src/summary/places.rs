//! Where the cells of a row ran, and with which others they took turns.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Records;
use super::busy::Occupied;
use crate::record::{Cell, Environment, Repetition};

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

/// Which cells of a run took turns: all, or those of each shard.
pub(super) struct Turns<'a> {
    records: &'a Records,
    /// The shard of each cell, by the cell's id.
    shards: HashMap<&'a str, usize>,
    /// What the processors did in all repetitions of each shard; one of a run without shards.
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
        let mut of_shards: Vec<Vec<&Repetition>> = vec![vec![]; all.len().max(1)];
        for repetition in &records.repetitions {
            let number = shards.get(repetition.cell.as_str()).copied();
            of_shards[number.unwrap_or(0)].push(repetition);
        }
        let of_shards = of_shards.into_iter();
        Self {
            records,
            shards,
            occupied: of_shards
                .map(|repetitions| Occupied::of(repetitions.into_iter()))
                .collect(),
        }
    }

    /// What the processors did in the repetitions with which those of a cell took turns.
    pub(super) fn occupied(&self, cell: &Cell) -> Occupied {
        let number = self.shards.get(cell.id.as_str()).copied();
        self.occupied[number.unwrap_or(0)]
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
