//! What makes two rows the same: the machine, the work, and the demands under which it was done. Rows that
//! differ in one of these are not compared, and neither takes the other's place.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hexperiment_diagnostics::printable::line as seen;
use hexperiment_experiment::record::Run;
use hexperiment_experiment::summary::Row;
use hexperiment_scheme::security::Encryption;
use serde_json::Value;

use crate::units::counted;

/// Facts of `[run]` that are numbers, and no size of the work that one could follow along an axis.
pub(super) const NO_AXES: [&str; 4] = ["run.seed", SEEDS, PROCESSES, FAILURE];

const SEEDS: &str = "run.seeds";
const PROCESSES: &str = "run.processes";
const FAILURE: &str = "run.failure_log2";
const ENCRYPTION: &str = "run.encryption";

/// The machine of a row, in words: that of its cells, where records tell it, else that on which the run began.
pub(super) fn machine(run: &Run, row: &Row) -> String {
    let p = &run.provenance;
    let cpus = row.places.cpus().join(" and ");
    let cpu = match p.cpu.as_str() {
        _ if !cpus.is_empty() => seen(&cpus),
        "" => "an unnamed processor".into(),
        cpu => seen(cpu),
    };
    let shared = if row.places.shared {
        " (shared with others)"
    } else {
        ""
    };
    // What a kernel keeps for itself differs from start to start.
    let memory = (p.memory_bytes as f64 / f64::from(1 << 30)).round();
    let cores = counted(p.cores, "logical processor", "logical processors");
    format!("{cpu}{shared}, {cores}, {memory} GiB")
}

/// All that decides the work of a row of a run, and under which demands it is done, by name. What the
/// task decides is known of rows that were set up: the run's other rows tell it of those that were not.
pub(super) fn facts(run: &Run, rows: &[Row], row: &Row) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut add = |section: &str, options: &Value| {
        for (key, value) in options.as_object().into_iter().flatten() {
            facts.insert(format!("{section}.{key}"), value.to_string());
        }
    };
    add("task", &run.resolved["task"]["options"]);
    add("dataset", &run.resolved["dataset"]);
    let of_work = |key: &&String| {
        let section = key.split_once('.').map(|(section, _)| section);
        matches!(section, Some("task" | "dataset"))
    };
    for key in row.cell.point.keys().filter(of_work) {
        let value = serde_json::to_value(&row.cell.point[key]);
        facts.insert(key.clone(), value.unwrap_or_default().to_string());
    }
    let provenance = &run.provenance;
    if provenance.further_data.is_empty() {
        facts.insert("data".into(), provenance.data.sha256.clone());
    }
    facts.insert("task".into(), row.cell.task.clone());
    facts.insert("dataset".into(), row.cell.dataset.clone());
    facts.insert("run.threads".into(), row.threads.to_string());
    facts.insert("run.seed".into(), row.seed.to_string());
    facts.insert("run.security_bits".into(), row.demanded_bits.to_string());
    for (key, unset) in [
        (SEEDS, "1"),
        (PROCESSES, "1"),
        ("run.security_table", "\"guidelines-2024\""),
    ] {
        facts.insert(key.into(), setting(run, row, key).unwrap_or(unset.into()));
    }
    // Of the rows of this run that share the setting.
    let alike = |key: &'static str| {
        let of_point = row.cell.point.get(key);
        std::iter::once(row).chain(rows.iter().filter(move |other| {
            other.cell.task == row.cell.task && other.cell.point.get(key) == of_point
        }))
    };
    let encryption = alike(ENCRYPTION).find_map(Row::encryption);
    let encryption = encryption.and_then(|e| serde_json::to_string(&e).ok());
    let failure = alike(FAILURE).find_map(|row| row.setup.as_ref()?.failure_demanded);
    for (key, found) in [
        (ENCRYPTION, encryption),
        (FAILURE, failure.map(|log2| log2.to_string())),
    ] {
        if let Some(value) = found.or_else(|| setting(run, row, key)) {
            facts.insert(key.into(), value);
        }
    }
    facts
}

/// A setting of `[run]` as a row has it, as JSON; `None` where it is not set.
fn setting(run: &Run, row: &Row, key: &str) -> Option<String> {
    if let Some(value) = row.cell.point.get(key) {
        return serde_json::to_string(value).ok();
    }
    let value = run.setting(key.strip_prefix("run.").unwrap_or(key));
    (!value.is_null()).then(|| value.to_string())
}

/// The label, the scheme's options and its own point of the matrix.
pub(super) fn contender(run: &Run, row: &Row) -> String {
    let schemes = run.resolved["schemes"].as_array();
    let of_label = |scheme: &&Value| scheme["label"] == *row.cell.label;
    let options = schemes.and_then(|all| all.iter().find(of_label));
    let point = row.cell.point.iter();
    let own: Vec<String> = point
        .filter(|(key, _)| key.starts_with("scheme."))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    format!(
        "{} {} {} {}",
        row.cell.label,
        row.cell.scheme,
        options.map_or(String::new(), |scheme| scheme["options"].to_string()),
        own.join(" ")
    )
}

/// The label with the scheme's own values of the matrix.
pub(super) fn name(row: &Row) -> String {
    let own = row.cell.point.iter().filter_map(|(key, value)| {
        let option = key.strip_prefix("scheme.")?;
        Some(format!(" {option}={value}"))
    });
    let own: String = own.collect();
    seen(&format!("{}{own}", row.cell.label)).into_owned()
}

/// The task, the data, the level, threads, and what the matrix has at this point.
pub(super) fn title<'a>(rows: impl Iterator<Item = &'a Row> + Clone) -> String {
    let Some(row) = rows.clone().next() else {
        return String::new();
    };
    let samples = rows.filter_map(|row| Some(row.measured.as_ref()?.samples));
    let samples = samples.max().map_or(String::new(), |n| {
        format!(", {}", counted(n, "sample", "samples"))
    });
    format!(
        "{} on {}{samples}, {} bits, {}{}",
        seen(&row.cell.task),
        seen(&row.cell.dataset),
        row.demanded_bits,
        counted(row.threads, "thread", "threads"),
        point(row, None)
    )
}

/// What the matrix has at a row's point, but for one axis.
pub(super) fn point(row: &Row, but: Option<&str>) -> String {
    let mut told = String::new();
    for (key, value) in &row.cell.point {
        if let Some(("task" | "dataset", option)) = key.split_once('.')
            && but != Some(key.as_str())
        {
            let value = value.to_string();
            // Writing to a string cannot fail.
            let _ = write!(told, ", {} = {}", seen(option), seen(&value));
        }
    }
    told
}

/// What else rows of the same work share, in words; nothing of records that do not say.
pub(super) fn conditions(facts: &BTreeMap<String, String>) -> String {
    let fact = |key: &str| facts.get(key).map(String::as_str);
    let number = |key: &str| fact(key).and_then(|text| text.parse::<usize>().ok());
    let mut told = Vec::new();
    match fact(ENCRYPTION).and_then(|text| serde_json::from_str(text).ok()) {
        Some(Encryption::Owner) => told.push("encrypted by the key owner".to_owned()),
        Some(Encryption::Public) => told.push("encrypted under a public key".into()),
        None => {}
    }
    if let Some(log2) = fact(FAILURE) {
        told.push(format!("failures of a run at most 2^{log2}"));
    }
    if fact("run.security_table").is_some_and(|table| table.contains("2018")) {
        told.push("bounds of the standard of 2018".into());
    }
    if let Some(count @ 2..) = number(PROCESSES) {
        told.push(counted(count, "process", "processes"));
    }
    if let Some(count @ 2..) = number(SEEDS) {
        told.push(counted(count, "seed", "seeds"));
    }
    told.join(", ")
}
