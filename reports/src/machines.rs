//! On what machines the rows of a run were measured, where these are several: times of different processors, and of
//! machines that others may have used, are not ranked against others without saying so.

use std::collections::{BTreeMap, BTreeSet};

use hexperiment_experiment::measure::median;
use hexperiment_experiment::record::{Environment, Merged, Reference, Status};
use hexperiment_experiment::summary::{Records, Row};

use crate::notes::whom;
use crate::units::{counted, duration, listed, shortened, significant};

/// Machines that one line names; of more it tells the number.
const NAMED: usize = 8;

/// Ends of earlier tries that are told.
const TRIES: usize = 20;

/// Characters of a reason that are shown.
const REASON: usize = 300;

/// The mark of a row whose machines others may have used.
pub(crate) const SHARED: &str = "!shared";
/// The mark of a row whose cells ran on processors of several models.
pub(crate) const MIXED: &str = "!processors";

/// What marks say of the machines of rows.
pub(crate) const MARKS: [(&str, &str); 2] = [
    (
        SHARED,
        "others may have used the machine meanwhile, and may be in the times",
    ),
    (
        MIXED,
        "cells of the row ran on processors of several models",
    ),
];

/// Whether a row has such a mark.
pub(crate) fn has_mark(row: &Row, mark: &str) -> bool {
    match mark {
        SHARED => row.places.shared,
        MIXED => row.places.cpus().len() > 1,
        _ => false,
    }
}

/// In what the machines of rows differ.
pub(crate) struct Kinds<'a> {
    /// Models of processors.
    pub(crate) cpus: BTreeSet<&'a str>,
    /// Whether others may have used the machines of some rows.
    pub(crate) any_shared: bool,
    /// Of all rows.
    all_shared: bool,
}

impl<'a> Kinds<'a> {
    /// Of the rows that have times.
    pub(crate) fn of(rows: &'a [Row]) -> Self {
        let measured = || {
            let is_ok = |row: &&Row| row.status == Status::Ok && row.measured.is_some();
            rows.iter().filter(is_ok)
        };
        Self {
            cpus: measured().flat_map(|row| row.places.cpus()).collect(),
            any_shared: measured().any(|row| row.places.shared),
            all_shared: measured().all(|row| row.places.shared),
        }
    }

    /// Whether rows are apart that differ by their machines alone.
    pub(crate) fn are_several(&self) -> bool {
        self.cpus.len() > 1 || (self.any_shared && !self.all_shared)
    }

    /// What a row has in common with those that it is ranked among; begins with a comma, if there is anything.
    pub(crate) fn title(&self, row: &Row) -> String {
        let cpus = row.places.cpus();
        let on = match cpus.as_slice() {
            _ if self.cpus.len() < 2 => String::new(),
            [] => ", on a processor that is not told".into(),
            [cpu] => format!(", on {cpu}"),
            several => format!(", on several processors ({})", listed(several)),
        };
        let shared = if row.places.shared {
            ", on shared machines"
        } else {
            ""
        };
        on + shared
    }

    /// The same without the comma, for what is shown beside one row; `None` where there is nothing to say.
    pub(crate) fn place(&self, row: &Row) -> Option<String> {
        let title = self.title(row);
        title.strip_prefix(", ").map(str::to_owned)
    }

    /// What a reader of charts must know, which show all rows; `None` where there is nothing to say.
    pub(crate) fn caution(&self) -> Option<String> {
        if self.are_several() {
            return Some(
                "These rows were measured on machines that differ (below each row's name it is said on which): times \
                 of unlike machines stand in one table and on one axis here, and are not ranked against each other. \
                 Fronts are drawn among rows of like machines."
                    .into(),
            );
        }
        self.any_shared.then(|| {
            "All times are of machines that others may have used, and may be in these times.".into()
        })
    }

    /// What the answer says of the machines.
    pub(crate) fn clauses(&self) -> Vec<String> {
        let mut clauses = Vec::new();
        if self.cpus.len() > 1 {
            clauses.push(format!(
                "times of {} different processors are not ranked against each other",
                self.cpus.len()
            ));
        }
        if self.any_shared {
            let words = if self.all_shared {
                "all times are of machines that others may have used"
            } else {
                "some times are of machines that others may have used, and are ranked apart"
            };
            clauses.push(words.to_owned());
        }
        clauses
    }
}

/// What a reader must know of the machines: whom, and what; nothing of a run on one.
pub(crate) fn machines(records: &Records, rows: &[Row]) -> Vec<(String, String)> {
    let mut items = by_cpu(rows);
    let Some(merged) = &records.run.merged else {
        // A run that was gone on with elsewhere.
        items.truncate(if items.len() > 1 { items.len() } else { 0 });
        return items;
    };
    if merged.shards.len() > 1 {
        items.push((
            String::new(),
            format!(
                "{} jobs: rows of one job took turns, those of different jobs did not, so that what a machine did \
                 meanwhile is in the ratios of their times",
                merged.shards.len()
            ),
        ));
    }
    let shared: Vec<&str> = rows
        .iter()
        .filter(|row| row.places.shared)
        .map(Row::name)
        .collect();
    if !shared.is_empty() {
        let shards = merged.shards.iter();
        let beside = shards.filter(|shard| shard.beside_others).count();
        let how = match beside {
            0 => "jobs had a part of the processors".to_owned(),
            beside => format!(
                "{} ran beside others on one machine",
                counted(beside, "job", "jobs")
            ),
        };
        items.push((
            whom(rows, &shared),
            format!("shared machines: {how}, so that others may be in these times"),
        ));
    }
    items.extend(reference(merged));
    let tries = merged.superseded.iter().take(TRIES).map(|end| {
        let node = end.node.as_ref();
        let node = node.map_or(String::new(), |node| format!(" on {node}"));
        let reason = shortened(&end.reason.replace('\n', " "), REASON);
        (
            end.cell.clone(),
            format!(
                "another try ended{node} ({}: {reason}), and is not shown",
                end.status
            ),
        )
    });
    items.extend(tries);
    let more = merged.superseded.len().saturating_sub(TRIES);
    if more > 0 {
        let more = counted(more, "more try", "more tries");
        items.push((
            String::new(),
            format!("{more} that ended, and are not shown"),
        ));
    }
    items
}

/// Names of machines, of many their number.
fn names(environments: &[&Environment]) -> String {
    let all: BTreeSet<String> = environments.iter().map(|e| e.name()).collect();
    let all: Vec<String> = all.into_iter().collect();
    match all.len() {
        count if count > NAMED => format!("{count} machines"),
        _ => listed(&all),
    }
}

/// The machines of each model of processor.
fn by_cpu(rows: &[Row]) -> Vec<(String, String)> {
    let mut cpus: BTreeMap<&str, (Vec<&Environment>, usize)> = BTreeMap::new();
    for row in rows {
        for environment in &row.places.environments {
            let entry = cpus.entry(environment.cpu.as_str()).or_default();
            entry.0.push(environment);
        }
        for cpu in row.places.cpus() {
            cpus.entry(cpu).or_default().1 += 1;
        }
    }
    let told = |(cpu, (machines, rows)): (&str, (Vec<&Environment>, usize))| {
        let microcode: BTreeSet<&str> = machines
            .iter()
            .filter_map(|e| e.microcode.as_deref())
            .collect();
        let microcode: Vec<&str> = microcode.into_iter().collect();
        let microcode = match microcode.as_slice() {
            [] => String::new(),
            [one] => format!(", microcode {one}"),
            several => format!(", microcodes that differ: {}", listed(several)),
        };
        (
            cpu.to_owned(),
            format!(
                "{} on {}{microcode}",
                counted(rows, "row", "rows"),
                names(&machines)
            ),
        )
    };
    cpus.into_iter().map(told).collect()
}

/// What the reference cell took, machine by machine.
fn reference(merged: &Merged) -> Option<(String, String)> {
    let mut machines: BTreeMap<(String, &str), Vec<&Reference>> = BTreeMap::new();
    for reference in &merged.references {
        let environment = &reference.environment;
        let machine = (environment.name(), environment.cpu.as_str());
        machines.entry(machine).or_default().push(reference);
    }
    let millis = |reference: &Reference| {
        let times: Vec<f64> = reference
            .wall_ns
            .iter()
            .map(|ns| *ns as f64 / 1e6)
            .collect();
        median(&times)
    };
    let mut medians: Vec<(f64, String)> = machines
        .iter()
        .map(|((name, _), all)| {
            let of_jobs: Vec<f64> = all.iter().map(|reference| millis(reference)).collect();
            (median(&of_jobs), name.clone())
        })
        .collect();
    medians.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    let cell = &merged.references.first()?.cell;
    let ((least, first), (most, last)) = (medians.first()?, medians.last()?);
    let lead = format!("reference cell {cell}");
    let words = match medians.as_slice() {
        [_] => format!("{} on {first}, the only machine", duration(*least)),
        all if all.len() <= NAMED => {
            let each = all
                .iter()
                .map(|(ms, name)| format!("{name} {}", duration(*ms)));
            let each: Vec<String> = each.collect();
            format!("{}: {}", listed(&each), spread(*least, *most))
        }
        all => format!(
            "{} on {first} to {} on {last} over {} machines: {}",
            duration(*least),
            duration(*most),
            all.len(),
            spread(*least, *most)
        ),
    };
    Some((lead, words))
}

fn spread(least: f64, most: f64) -> String {
    if least <= 0.0 {
        return "a clock counted 0".into();
    }
    format!(
        "the slowest machine takes {} times the fastest, which ratios of rows on different machines may hold, too",
        significant(most / least, 3)
    )
}
