//! `overview.csv`: a row for each line and scheme.

use std::io;

use crate::csv_cell::safe;

use hexperiment_experiment::summary::{COLUMNS, Column};

use super::{Entry, Overview, Shown, words};

/// The columns of `summary.csv` that stand here too.
fn shared() -> impl Iterator<Item = &'static Column> {
    COLUMNS.iter().filter(|column| column.in_overview)
}

/// The status of what there is no row of.
const ABSENT: &str = "absent";

pub(super) fn csv(overview: &Overview) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(vec![]);
    let own = ["experiment", "task", "dataset", "options", "scheme"];
    let names = shared().map(|column| column.name);
    writer.write_record(own.into_iter().chain(names).chain(["marks"]))?;
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
                let fields = match entry {
                    Entry::Row(row) => fields.chain(present(row)).collect::<Vec<String>>(),
                    Entry::Absent(why) => fields.chain(absent(why)).collect(),
                };
                writer.write_record(fields.iter().map(|f| safe(f)))?;
            }
        }
    }
    writer
        .into_inner()
        .map_err(|e| io::Error::other(e.to_string()))
}

fn present(shown: &Shown) -> impl Iterator<Item = String> {
    let row = &shown.row;
    let marks = words::marks(row, words::Style::Whole).into_iter();
    let marks: Vec<String> = marks.chain(shown.particulars.iter().cloned()).collect();
    let fields = shared().map(|column| column.of(row).to_string());
    fields.chain([marks.join("; ")])
}

fn absent(why: &'static str) -> impl Iterator<Item = String> {
    let fields = shared().map(move |column| match column.name {
        "status" => ABSENT.to_owned(),
        "reason" => why.to_owned(),
        _ => String::new(),
    });
    fields.chain([String::new()])
}
