//! `overview.csv`: a row for each line and scheme.

use std::io;

use hexperiment_core::summary::{Field, Row};

use super::{Entry, Overview, words};

/// The columns of `summary.csv` that stand here too.
const SHARED: [&str; 16] = [
    "label",
    "status",
    "reason",
    "samples",
    "metric",
    "value",
    "plaintext_value",
    "max_abs_error",
    "total_ms_per_sample",
    "ciphertext_bytes",
    "expansion",
    "key_bytes",
    "rounds",
    "protection",
    "security_bits",
    "threads",
];

/// The status of what there is no row of.
const ABSENT: &str = "absent";

pub(super) fn csv(overview: &Overview) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(vec![]);
    let own = ["experiment", "task", "dataset", "options", "scheme"];
    writer.write_record(own.into_iter().chain(SHARED).chain(["marks"]))?;
    for line in &overview.lines {
        for scheme in &overview.schemes {
            for entry in Overview::cell(line, scheme) {
                let options = line.particulars.join("; ");
                let place = [
                    &line.experiment,
                    &line.task,
                    &line.dataset,
                    &options,
                    scheme,
                ];
                let fields = place.into_iter().cloned();
                writer.write_record(match entry {
                    Entry::Row(row) => fields.chain(shared(row)).collect::<Vec<String>>(),
                    Entry::Absent(why) => fields.chain(absent(why)).collect(),
                })?;
            }
        }
    }
    writer
        .into_inner()
        .map_err(|e| io::Error::other(e.to_string()))
}

fn shared(row: &Row) -> impl Iterator<Item = String> {
    let field = |name: &&str| row.column(name).unwrap_or(Field::Empty).to_string();
    let fields: Vec<String> = SHARED.iter().map(field).collect();
    let marks = words::marks(row).join("; ");
    fields.into_iter().chain([marks])
}

fn absent(why: &'static str) -> impl Iterator<Item = String> {
    let fields = SHARED.iter().map(move |name| match *name {
        "status" => ABSENT.to_owned(),
        "reason" => why.to_owned(),
        _ => String::new(),
    });
    fields.chain([String::new()])
}
