//! The comparison for other programs: a row for each run, cell and phase.

use std::io;

use crate::csv_cell::safe;

use hexperiment_experiment::record::{Clock, Status};

use super::pair::Pair;
use super::{Other, RunsCompared, ratio, verdict};

const COLUMNS: [&str; 25] = [
    "base_run",
    "run",
    "times_compare",
    "cell",
    "base_status",
    "status",
    "phase",
    "clock",
    "base_repetitions",
    "repetitions",
    "base_median_ms",
    "median_ms",
    "ratio",
    "ratio_ci_low",
    "ratio_ci_high",
    "verdict",
    "base_upload_bytes",
    "upload_bytes",
    "base_download_bytes",
    "download_bytes",
    "base_key_bytes",
    "key_bytes",
    "headline",
    "base_headline_value",
    "headline_value",
];

pub(super) fn csv(compared: &RunsCompared) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(COLUMNS)?;
    for other in &compared.others {
        for pair in &other.pairs {
            let timed = compared.timed.iter().zip(0..);
            for ((phase, _), index) in timed.filter(|(_, i)| *i < pair.times.len().max(1)) {
                let fields = row(compared, other, pair, (phase, index));
                writer.write_record(fields.iter().map(|f| safe(f)))?;
            }
        }
        let absent = [(&other.only_in_base, "absent"), (&other.only_here, "")];
        for (cells, here) in absent {
            for cell in cells {
                let mut fields = vec![String::new(); COLUMNS.len()];
                fields[0].clone_from(&compared.base);
                fields[1].clone_from(&other.name);
                fields[2] = other.obstacles.is_empty().to_string();
                fields[3].clone_from(cell);
                let before = if here.is_empty() { "absent" } else { "" };
                (fields[4], fields[5]) = (before.into(), here.into());
                writer.write_record(fields.iter().map(|f| safe(f)))?;
            }
        }
    }
    writer
        .into_inner()
        .map_err(|e| io::Error::other(e.to_string()))
}

fn row(
    compared: &RunsCompared,
    other: &Other,
    pair: &Pair,
    (phase, index): (&str, usize),
) -> Vec<String> {
    let clock = match compared.clock {
        Clock::Wall => "wall",
        Clock::Cpu => "cpu",
    };
    let mut fields = vec![
        compared.base.clone(),
        other.name.clone(),
        other.obstacles.is_empty().to_string(),
        pair.cell.clone(),
    ];
    fields.extend(pair.statuses.map(|s| s.to_string()));
    fields.extend([phase.to_owned(), clock.to_owned()]);
    fields.extend(pair.repetitions.map(|n| n.to_string()));
    match pair.times.get(index) {
        Some(times) => {
            fields.extend(times.medians.map(|ms| ms.to_string()));
            if other.obstacles.is_empty() {
                let told = ratio(&times.change);
                fields.push(told.map_or(String::new(), |ratio| ratio.to_string()));
                let ends = times.change.interval.filter(|_| told.is_some());
                let ends = ends.map(|i| [i.low, i.high]);
                fields.extend(match ends {
                    Some(ends) => ends.map(|x| x.to_string()),
                    None => [String::new(), String::new()],
                });
                fields.push(verdict(times.change.outcome).to_owned());
            } else {
                // Times that do not compare have no ratio and no verdict.
                fields.extend(vec![String::new(); 4]);
            }
        }
        None => fields.extend(vec![String::new(); 6]),
    }
    let [before, now] = pair.sizes;
    let known = pair.statuses == [Status::Ok; 2];
    for (a, b) in before.into_iter().zip(now) {
        fields.extend([a, b].map(|n| if known { n.to_string() } else { String::new() }));
    }
    match &pair.headline {
        Some((name, values)) => {
            fields.push(name.clone());
            fields.extend(values.map(|x| x.to_string()));
        }
        None => fields.extend(vec![String::new(); 3]),
    }
    fields
}
