//! What all rows of a run have in common.

use hexperiment_experiment::record::{Run, Status};
use hexperiment_experiment::summary::{Row, correction};
use hexperiment_scheme::security::Encryption;

use crate::first_table::same;
use crate::units::{counted, significant};

/// What all rows have in common, so that no column says it: what ran on what, how often, when.
pub(crate) fn facts(rows: &[Row]) -> String {
    let mut facts = Vec::new();
    if let (Some(task), Some(data)) = (same(rows, "task"), same(rows, "dataset")) {
        facts.push(format!("{task} on {data}"));
    }
    for (column, one, many) in [
        ("samples", "sample", "samples"),
        ("repetitions", "repetition", "repetitions"),
        ("threads", "thread", "threads"),
    ] {
        if let Some(Ok(count)) = same(rows, column).map(|text| text.parse()) {
            let told = match seeds(rows) {
                Some(seeds) if column == "repetitions" && count % seeds == 0 => {
                    let of_each = counted(count / seeds, "repetition", "repetitions");
                    format!("{seeds} seeds x {of_each}")
                }
                _ => counted(count, one, many),
            };
            facts.push(told);
        }
    }
    if let Some(Ok(count @ 2..)) = same(rows, "processes").map(|text| text.parse()) {
        facts.push(counted(count, "process", "processes"));
    }
    if let Some(Ok(seed)) = same(rows, "seed").map(|text| text.parse::<u64>()) {
        match same(rows, "seeds").map(|text| text.parse()) {
            Some(Ok(seeds @ 2_u64..)) => {
                facts.push(format!(
                    "seeds {seed} to {}",
                    seed.saturating_add(seeds - 1)
                ));
            }
            _ => facts.push(format!("seed {seed}")),
        }
    }
    if let [encryption] = encryptions(rows)[..] {
        facts.push(encrypted_by(encryption).into());
    }
    let well = rows.iter().filter(|row| row.status == Status::Ok).count();
    let cells = counted(rows.len(), "cell", "cells");
    facts.push(format!("{well} of {cells} ok"));
    if let Some(started) = same(rows, "started") {
        facts.push(date(&started));
    }
    facts.join(", ")
}

/// The seeds of each row, where all have as many and more than one.
fn seeds(rows: &[Row]) -> Option<usize> {
    let count = same(rows, "seeds")?.parse().ok()?;
    (count > 1).then_some(count)
}

/// Whose keys encrypt, each once.
pub(crate) fn encryptions(rows: &[Row]) -> Vec<Encryption> {
    let mut all = Vec::new();
    for encryption in rows.iter().filter_map(Row::encryption) {
        if !all.contains(&encryption) {
            all.push(encryption);
        }
    }
    all
}

/// In words.
pub(crate) fn encrypted_by(encryption: Encryption) -> &'static str {
    match encryption {
        Encryption::Owner => "encrypted under the owner's secret key",
        Encryption::Public => "encrypted under a public key",
    }
}

/// What stands behind `±`, where rows are means over several seeds.
pub(crate) fn over_seeds(run: &Run, rows: &[Row]) -> String {
    let counts = rows
        .iter()
        .filter_map(|row| Some(row.measured.as_ref()?.seeds));
    let Some(seeds) = counts.max().filter(|seeds| *seeds > 1) else {
        return String::new();
    };
    let corrected = correction(run, seeds).map_or(String::new(), |factor| {
        format!(
            "; for that, about {} times as wide (Nadeau and Bengio 2003)",
            significant(factor, 2)
        )
    });
    format!(
        "Each row is of {seeds} seeds: metrics are means over them, ± half of the 95 % interval of the mean \
         (Student's t; `summary.csv` has its ends, which those of a share keep within 0 and 1). It is that of random splits of these data, whose test parts overlap, and not that of \
         other data{corrected}. Errors are the worst of all seeds, times are over their processes."
    )
}

/// `2026-05-04T09:08:07Z` as people write it.
fn date(started: &str) -> String {
    let (day, time) = started.split_once('T').unwrap_or((started, ""));
    match time.get(..5) {
        Some(minute) => format!("{day} {minute} UTC"),
        None => day.to_owned(),
    }
}
