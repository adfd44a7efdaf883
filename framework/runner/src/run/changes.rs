//! What differs between a run and the experiment that is to go on with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use hexperiment_experiment::record::Run;
use serde_json::Value;

use crate::digest::Sum;

/// Changes that are told, at most.
const MOST: usize = 12;

/// What a library is called among the facts, before the name of its scheme.
const LIBRARY: &str = "library of ";

/// What data are called among the facts, before the name of their file.
const DATA: &str = "SHA-256 of ";

/// Characters of a value that are told, at most.
const LONGEST: usize = 80;

/// SHA-256 of all that decides what a run computes: the resolved experiment but for its
/// repetitions, the data, the cells, and the libraries of their schemes.
pub(super) fn fingerprint(run: &Run) -> String {
    let mut resolved = run.resolved.clone();
    if let Some(section) = resolved.pointer_mut("/run").and_then(Value::as_object_mut) {
        section.remove("repetitions");
    }
    let mut sum = Sum::default();
    sum.add(resolved.to_string());
    let data: BTreeSet<&String> = data(run).map(|data| &data.sha256).collect();
    let cells = run.cells.iter().map(|cell| &cell.id);
    for text in data.into_iter().chain(cells) {
        sum.add(text);
        sum.add([0]);
    }
    // Repetitions under another library do not belong to the same run.
    for library in libraries(run).values() {
        sum.add(library);
        sum.add([0]);
    }
    sum.finish()
}

/// Refuses to go on with a run, in `folder`, that is of something else than `now`.
pub(super) fn refuse(before: &Run, now: &Run, folder: &Path) -> Result<(), String> {
    let mut changes = changes(before, now);
    let [had, wanted] = [before, now].map(|run| run.repetitions().unwrap_or(0));
    if wanted < had {
        changes.push(format!(
            "run.repetitions: was {had}, now {wanted}; expected as many or more"
        ));
    }
    if changes.is_empty() && before.fingerprint == now.fingerprint {
        return Ok(());
    }
    if changes.is_empty() {
        let words = "its fingerprint: another version of Hexperiment began it, or its records were \
                     edited";
        changes.push(words.into());
    }
    let mut text = format!(
        "{}: the experiment, its data or its cells have changed since that run began:",
        folder.display()
    );
    let more = changes.len().saturating_sub(MOST);
    changes.truncate(MOST);
    if more > 0 {
        changes.push(format!("and {more} more"));
    }
    for change in changes {
        let _ = write!(text, "\n    {change}"); // writing to a string cannot fail
    }
    if !before.set.is_empty() {
        let set = before.set.join(" ");
        let _ = write!(text, "\n  that run was begun with {set}");
    }
    let _ = write!(
        text,
        "\n  help: start a new run without --resume; or set it as it was, by `--set KEY=VALUE`; or \
         take {}/experiment.toml",
        folder.display()
    );
    Err(text)
}

/// What differs between what was planned and what is here of some of its cells, each in words: "SHA-256 of x.csv:
/// planned 00ff, here 01". Data and libraries of other cells do not matter.
pub(crate) fn differences(planned: &Run, here: &Run) -> Vec<String> {
    let (planned, here) = (facts(planned), facts(here));
    let of_others = |key: &str| {
        let may_lack = key.starts_with(LIBRARY) || key.starts_with(DATA);
        key == "cells" || (may_lack && !here.contains_key(key))
    };
    let keys: BTreeSet<&String> = planned.keys().chain(here.keys()).collect();
    let differ = keys.into_iter().filter(|key| !of_others(key));
    let unset = "unset".to_owned();
    differ
        .filter(|key| planned.get(*key) != here.get(*key))
        .map(|key| {
            let value = |facts: &BTreeMap<String, String>| shown(facts.get(key).unwrap_or(&unset));
            format!("{key}: planned {}, here {}", value(&planned), value(&here))
        })
        .take(MOST)
        .collect()
}

/// Each in words: "run.seed: was 73, now 7".
fn changes(before: &Run, now: &Run) -> Vec<String> {
    let (old, new) = (facts(before), facts(now));
    // A scheme in one of the two only is told as its cells.
    let shared =
        |key: &str| !key.starts_with(LIBRARY) || (old.contains_key(key) && new.contains_key(key));
    let keys = old.keys().chain(new.keys()).filter(|key| shared(key));
    let keys: BTreeSet<&String> = keys.collect();
    let unset = "unset".to_owned();
    keys.into_iter()
        .filter(|key| old.get(*key) != new.get(*key))
        .map(|key| {
            let value = |facts: &BTreeMap<String, String>| shown(facts.get(key).unwrap_or(&unset));
            format!("{key}: was {}, now {}", value(&old), value(&new))
        })
        .collect()
}

fn shown(value: &str) -> String {
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// All that decides what a run computes, but for its repetitions, by names as `--set` has them
/// where it has.
fn facts(run: &Run) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for (section, value) in run.resolved.as_object().into_iter().flatten() {
        section_facts(&mut facts, section, value);
    }
    facts.remove("run.repetitions");
    for data in data(run) {
        let name = match &data.file {
            Some(file) => file.display().to_string(),
            None => data.source.clone(),
        };
        facts.insert(format!("{DATA}{name}"), data.sha256.clone());
    }
    let ids: Vec<&str> = run.cells.iter().map(|cell| cell.id.as_str()).collect();
    facts.insert("cells".into(), ids.join(", "));
    for (scheme, library) in libraries(run) {
        facts.insert(format!("{LIBRARY}{scheme}"), library.clone());
    }
    facts
}

fn section_facts(facts: &mut BTreeMap<String, String>, section: &str, value: &Value) {
    match (section, value) {
        ("task", plugin) => plugin_facts(facts, "task", plugin),
        ("schemes", Value::Array(schemes)) => {
            let label = |scheme: &Value| scheme["label"].as_str().unwrap_or_default().to_owned();
            let order: Vec<String> = schemes.iter().map(label).collect();
            facts.insert("the schemes".into(), order.join(", "));
            for scheme in schemes {
                plugin_facts(facts, &format!("scheme.{}", label(scheme)), scheme);
            }
        }
        // Pairs of a key and its values.
        ("matrix", Value::Array(axes)) => {
            let key = |axis: &Value| axis[0].as_str().unwrap_or_default().to_owned();
            let order: Vec<String> = axes.iter().map(key).collect();
            facts.insert("the matrix".into(), order.join(", "));
            for axis in axes {
                facts.insert(format!("matrix.{}", key(axis)), axis[1].to_string());
            }
        }
        ("expect", Value::Array(expectations)) => {
            for expectation in expectations {
                let mut bounds = expectation.clone();
                let take = |bounds: &mut Value, key| {
                    let taken = bounds.as_object_mut().and_then(|bounds| bounds.remove(key));
                    taken.and_then(|value| value.as_str().map(str::to_owned))
                };
                let key = take(&mut bounds, "key").unwrap_or_default();
                let name = match take(&mut bounds, "label") {
                    Some(label) => format!("expect.{label}.{key}"),
                    None => format!("expect.{key}"),
                };
                if let Some(bounds) = bounds.as_object_mut() {
                    bounds.retain(|_, value| !value.is_null());
                }
                facts.insert(name, bounds.to_string());
            }
        }
        _ => flat(facts, section, value),
    }
}

/// A plugin's name and options.
fn plugin_facts(facts: &mut BTreeMap<String, String>, name: &str, plugin: &Value) {
    facts.insert(format!("{name}.use"), plugin["use"].to_string());
    flat(facts, name, &plugin["options"]);
}

/// The values below a table, by dotted keys.
fn flat(facts: &mut BTreeMap<String, String>, name: &str, value: &Value) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                flat(facts, &format!("{name}.{key}"), value);
            }
        }
        value => {
            facts.insert(name.to_owned(), value.to_string());
        }
    }
}

fn data(run: &Run) -> impl Iterator<Item = &hexperiment_data::Provenance> {
    std::iter::once(&run.provenance.data).chain(&run.provenance.further_data)
}

/// The libraries of the schemes that its cells use.
fn libraries(run: &Run) -> BTreeMap<&String, &String> {
    let used: BTreeSet<&String> = run.cells.iter().map(|cell| &cell.scheme).collect();
    let all = run.provenance.versions.iter();
    all.filter(|(name, _)| used.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The first line of records, its `resolved` with these changes.
    fn run(edit: impl FnOnce(&mut Value)) -> Run {
        let mut run = json!({
            "schema": 1, "experiment": "e", "question": "q", "caveats": "c", "started": "t",
            "resolved": {
                "run": { "repetitions": 4, "seed": 73 },
                "task": { "use": "t", "label": "t", "options": { "features": 9 } },
                "schemes": [{ "use": "s", "label": "S 1", "options": { "degree": 5 } }],
                "matrix": [["run.seed", [1, 2]], ["task.features", [3]]],
                "expect": [{ "label": null, "key": "auc", "min": 0.5, "max": null, "status": null }],
                "later": [1],
            },
            "fingerprint": "",
            "cells": [{ "id": "S 1", "scheme": "s", "label": "S 1", "task": "t", "dataset": "d",
                        "point": {} }],
            "provenance": { "version": "0", "revision": "", "cpu": "", "cores": 2,
                "memory_bytes": 1, "threads": 2, "versions": { "s": "lib 1", "other": "lib 1" },
                "data": { "source": "here", "licence": "l", "sha256": "00ff", "file": "x.csv" } },
        });
        edit(&mut run);
        let mut run: Run = serde_json::from_value(run).unwrap();
        run.fingerprint = fingerprint(&run);
        run
    }

    /// What is told of a run where `pointer` was another value.
    #[track_caller]
    fn check(pointer: &str, value: Value, expect: &[&str]) {
        let now = run(|run| *run.pointer_mut(pointer).unwrap() = value);
        let told = refuse(&run(|_| {}), &now, Path::new("runs/x"));
        if expect.is_empty() {
            assert_eq!(told, Ok(()));
            return;
        }
        let told = told.unwrap_err();
        let changes: Vec<&str> = told
            .lines()
            .filter_map(|l| l.strip_prefix("    "))
            .collect();
        assert_eq!(changes, expect, "{told}");
    }

    #[test]
    fn changes_are_told() {
        check("/started", json!("later"), &[]);
        check("/resolved/run/repetitions", json!(5), &[]);
        let fewer = "run.repetitions: was 4, now 3; expected as many or more";
        check("/resolved/run/repetitions", json!(3), &[fewer]);
        check("/resolved/run/seed", json!(7), &["run.seed: was 73, now 7"]);
        check(
            "/resolved/task/use",
            json!("u"),
            &["task.use: was \"t\", now \"u\""],
        );
        let degree = "/resolved/schemes/0/options/degree";
        check(degree, json!(7), &["scheme.S 1.degree: was 5, now 7"]);
        check(
            "/resolved/matrix/0/1",
            json!([1]),
            &["matrix.run.seed: was [1,2], now [1]"],
        );
        let turned = json!([["task.features", [3]], ["run.seed", [1, 2]]]);
        let order = "the matrix: was run.seed, task.features, now task.features, run.seed";
        check("/resolved/matrix", turned, &[order]);
        let bound = "expect.auc: was {\"min\":0.5}, now {\"min\":0.25}";
        check("/resolved/expect/0/min", json!(0.25), &[bound]);
        check("/resolved/later", json!([2]), &["later: was [1], now [2]"]);
        check(
            "/cells/0/id",
            json!("other"),
            &["cells: was S 1, now other"],
        );
        check(
            "/provenance/data/sha256",
            json!("01"),
            &["SHA-256 of x.csv: was 00ff, now 01"],
        );
        check(
            "/provenance/versions/s",
            json!("lib 2"),
            &["library of s: was lib 1, now lib 2"],
        );
        // A library that no cell uses decides nothing.
        check("/provenance/versions/other", json!("lib 2"), &[]);
        let long = json!("x".repeat(100));
        let told = format!("later: was [1], now \"{}…", "x".repeat(79));
        check("/resolved/later", long, &[&told]);
    }

    #[test]
    fn many_changes_are_cut() {
        let many: serde_json::Map<String, Value> =
            (0..20).map(|i| (format!("o{i:02}"), json!(i))).collect();
        let now = run(|run| run["resolved"]["task"]["options"] = many.into());
        let told = refuse(&run(|_| {}), &now, Path::new("runs/x")).unwrap_err();
        assert!(
            told.contains("task.o10: was unset, now 10\n    and 9 more\n"),
            "{told}"
        );
    }

    /// What no list of changes shows is still another run.
    #[test]
    fn another_fingerprint_is_told() {
        let mut before = run(|_| {});
        before.fingerprint = "edited".into();
        let told = refuse(&before, &run(|_| {}), Path::new("runs/x")).unwrap_err();
        assert!(told.contains("its fingerprint"), "{told}");
    }
}
