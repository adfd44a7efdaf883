//! What keeps the times of two runs from being compared, and what else differs between them.

use std::collections::{BTreeMap, BTreeSet};

use hexperiment_experiment::record::{Provenance, Run};
use hexperiment_experiment::summary::{Records, Row};
use serde_json::Value;

use super::RunToCompare;
use crate::units::{counted, listed, shortened};

/// Settings of `[run]` that change no time.
const HARMLESS: [&str; 4] = ["repetitions", "rank_by", "tie_margin", "time_limit"];
/// Settings that are named, at most.
const NAMED: usize = 4;
/// Characters of a value that are shown, at most.
const LONGEST: usize = 40;

/// Refuses runs of which nothing compares: of another task, or of other data, where quality is of something else
/// as times are.
pub(super) fn refuse(base: RunToCompare<'_>, other: RunToCompare<'_>) -> Result<(), String> {
    let tasks = |run: RunToCompare<'_>| -> BTreeSet<String> {
        let cells = run.records.run.cells.iter();
        cells.map(|cell| cell.task.clone()).collect()
    };
    let (of_base, of_other) = (tasks(base), tasks(other));
    let refused = |why: String| {
        Err(format!(
            "{} and {} do not compare: {why}\n  help: compare runs of one experiment on the same data",
            shortened(base.name, 2 * LONGEST),
            shortened(other.name, 2 * LONGEST)
        ))
    };
    if !of_base.is_empty() && !of_other.is_empty() && of_base.is_disjoint(&of_other) {
        let told = |all: BTreeSet<String>| listed(&Vec::from_iter(all));
        let (a, b) = (told(of_base), told(of_other));
        return refused(format!("one is of {a}, the other of {b}"));
    }
    let [p, q] = [base, other].map(|run| &run.records.run.provenance);
    if data(p) != data(q) {
        return refused("their data differ, by the SHA-256 that both recorded".into());
    }
    Ok(())
}

/// Why times do not compare, and what differs besides, each in words: first the base's, then the
/// other's.
pub(super) fn between(base: &Records, other: &Records) -> (Vec<String>, Vec<String>) {
    let (a, b) = (&base.run, &other.run);
    let mut obstacles = Vec::new();
    let mut differences = Vec::new();
    let [p, q] = [&a.provenance, &b.provenance];
    let differ = |what: &str, before: &str, now: &str| {
        (before != now).then(|| format!("{what}: {} -> {}", stated(before), stated(now)))
    };
    obstacles.extend(differ("another experiment", &a.experiment, &b.experiment));
    obstacles.extend(differ("another processor", &p.cpu, &q.cpu));
    let count = |n: usize| n.to_string();
    obstacles.extend(differ(
        "logical processors",
        &count(p.cores),
        &count(q.cores),
    ));
    let extensions = [p, q].map(|p| p.cpu_features.join(" "));
    obstacles.extend(differ(
        "processor's extensions",
        &extensions[0],
        &extensions[1],
    ));
    let [with, without] = ["with HEXL", "without HEXL"];
    let hexl = [p, q].map(|p| if has_hexl(p) { with } else { without });
    obstacles.extend(differ("SEAL", hexl[0], hexl[1]));
    for (what, of) in [
        (
            "target",
            (|p| p.build.target.clone()) as fn(&Provenance) -> String,
        ),
        ("profile", |p| p.build.profile.clone()),
        ("flags", |p| p.build.flags.join(" ")),
    ] {
        obstacles.extend(differ(what, &of(p), &of(q)));
    }
    let changed = settings(a, b);
    // Of another experiment everything may be another.
    if !changed.is_empty() && a.experiment == b.experiment {
        let more = changed.len().saturating_sub(NAMED);
        let mut named: Vec<String> = changed.into_iter().take(NAMED).collect();
        if more > 0 {
            named.push(format!("{more} more"));
        }
        obstacles.push(format!("the experiment was another: {}", listed(&named)));
    }
    differences.extend(differ("compiler", &p.build.rustc, &q.build.rustc));
    differences.extend(differ("kernel", &p.kernel, &q.kernel));
    let code = |p: &Provenance| format!("{} {}", p.version, p.build.revision());
    differences.extend(differ("code", code(p).trim(), code(q).trim()));
    for (name, version) in &p.versions {
        if let Some(now) = q.versions.get(name) {
            differences.extend(differ(name, version, now));
        }
    }
    (obstacles, differences)
}

/// That cells had another number of threads.
pub(super) fn threads(pairs: &[(&Row, &Row)]) -> Option<String> {
    let (a, b) = pairs.iter().find(|(a, b)| a.threads != b.threads)?;
    let name = a.name();
    Some(format!("threads of {name}: {} -> {}", a.threads, b.threads))
}

/// That cells ran on other processors, of runs on several machines, which say the same of themselves.
pub(super) fn processors(pairs: &[(&Row, &Row)]) -> Option<String> {
    let cpus = |row: &Row| row.places.cpus().join(" and ");
    let told = pairs.iter().map(|(a, b)| (a.name(), cpus(a), cpus(b)));
    let mut differ = told.filter(|(_, a, b)| !a.is_empty() && !b.is_empty() && a != b);
    let (name, before, now) = differ.next()?;
    let more = match differ.count() {
        0 => String::new(),
        more => format!(" (and of {})", counted(more, "other row", "other rows")),
    };
    Some(format!(
        "another processor of {name}: {} -> {}{more}",
        stated(&before),
        stated(&now)
    ))
}

fn stated(text: &str) -> String {
    match text {
        "" => "not stated".into(),
        text => shortened(text, 2 * LONGEST),
    }
}

fn has_hexl(p: &Provenance) -> bool {
    p.build.features.iter().any(|feature| feature == "hexl")
}

fn data(p: &Provenance) -> BTreeSet<&str> {
    let all = std::iter::once(&p.data).chain(&p.further_data);
    all.map(|data| data.sha256.as_str()).collect()
}

/// Settings that decide what cells compute and are not the same, in words. Schemes that one run alone
/// has are no cells of both; neither are points of the matrix.
fn settings(a: &Run, b: &Run) -> Vec<String> {
    let (mut before, mut now) = (BTreeMap::new(), BTreeMap::new());
    for (run, leaves) in [(a, &mut before), (b, &mut now)] {
        for section in ["dataset", "task", "manifests", "run"] {
            flatten(section, &run.resolved[section], leaves);
        }
        for name in HARMLESS {
            leaves.remove(&format!("run.{name}"));
        }
    }
    for scheme in schemes(a) {
        let same = |other: &&Value| other["label"] == scheme["label"];
        if let Some(other) = schemes(b).iter().find(same) {
            let label = scheme["label"].as_str().unwrap_or_default();
            flatten(label, scheme, &mut before);
            flatten(label, other, &mut now);
        }
    }
    let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let changed = keys
        .into_iter()
        .filter(|key| before.get(*key) != now.get(*key));
    changed
        .map(|key| {
            let shown = |leaves: &BTreeMap<String, String>| {
                leaves
                    .get(key)
                    .map_or("unset".into(), |text| shortened(text, LONGEST))
            };
            format!("{key} {} -> {}", shown(&before), shown(&now))
        })
        .collect()
}

fn schemes(run: &Run) -> &[Value] {
    run.resolved["schemes"]
        .as_array()
        .map_or(&[], Vec::as_slice)
}

/// The values within a value, by their path; what is null is not set.
fn flatten(path: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                // `options` is no word of an experiment's file.
                let below = match key.as_str() {
                    "options" => path.to_owned(),
                    key => format!("{path}.{key}"),
                };
                flatten(&below, value, leaves);
            }
        }
        Value::Null => {}
        value => {
            leaves.insert(path.to_owned(), value.to_string());
        }
    }
}
