//! What a query takes over links: a table of the page and `table.md`, and `links.csv`.

use std::fmt::Write as _;
use std::io;

use hexperiment_diagnostics::{printable, suggest};
use hexperiment_experiment::record::Run;
use hexperiment_experiment::summary::{OverLink, Records, Row};
use hexperiment_experiment::{Link, links};

use crate::csv_cell::safe;
use crate::grid::Column;
use crate::report::Body;
use crate::units::{duration, significant};

/// Queries among which `links.csv` shares the crossing of the keys.
const QUERIES: u32 = 100;

/// Columns of `links.csv`.
const HEAD: [&str; 17] = [
    "experiment",
    "started",
    "cell",
    "label",
    "status",
    "link",
    "compute_ms",
    "upload_ms",
    "download_ms",
    "rounds",
    "latency_ms",
    "total_ms",
    "total_ms_low",
    "total_ms_high",
    "keys_ms",
    "total_ms_amortised_over_100",
    "link_source",
];

/// The links of a run; reading it refused records whose own cannot be read.
pub(crate) fn links_of(run: &Run) -> Vec<Link> {
    links::of_run(run).unwrap_or_else(|_| links::given())
}

/// The link of this name that runs have, in any case of its letters.
///
/// # Errors
/// None of them has it, or they know it by different figures; the words say which links there are.
pub(crate) fn find_link<'a>(
    runs: impl Iterator<Item = &'a Records>,
    wanted: &str,
) -> Result<Link, String> {
    let mut known: Vec<Link> = Vec::new();
    for records in runs {
        for link in links::of_run(&records.run)? {
            if !known.contains(&link) {
                known.push(link);
            }
        }
    }
    let is_it = |link: &&Link| link.name.eq_ignore_ascii_case(wanted);
    let found: Vec<&Link> = known.iter().filter(is_it).collect();
    match found.as_slice() {
        [link] => Ok((*link).clone()),
        [] => {
            let names = || known.iter().map(|link| link.name.as_str());
            let near = suggest(wanted, names());
            Err(format!(
                "no run has the link {}\n  help: {}links of these runs: {}; others stand in [links] of an \
                 experiment",
                printable::quoted(wanted),
                near.map(|near| format!("did you mean `{near}`? "))
                    .unwrap_or_default(),
                printable::list(names(), 40)
            ))
        }
        several => Err(format!(
            "these runs know the link by different figures: {}\n  help: name runs that agree",
            several
                .iter()
                .map(|l| described(l))
                .collect::<Vec<_>>()
                .join("; ")
        )),
    }
}

/// Milliseconds in a unit that makes them short, up to years.
pub(crate) fn long_duration(ms: f64) -> String {
    const HOUR: f64 = 3.6e6;
    const DAY: f64 = 24.0 * HOUR;
    const YEAR: f64 = 365.25 * DAY;
    let (value, unit) = match ms {
        ms if ms < 99.95 * 6e4 => return duration(ms),
        ms if ms < 48.0 * HOUR => (ms / HOUR, "h"),
        ms if ms < 2.0 * YEAR => (ms / DAY, "days"),
        ms => (ms / YEAR, "years"),
    };
    format!("{} {unit}", significant(value, 3))
}

/// The table of queries over links, one line for each row, one column for each link.
pub(crate) fn body(records: &Records, rows: &[Row]) -> Body {
    let links = links_of(&records.run);
    let measured: Vec<&Row> = rows
        .iter()
        .filter(|row| row.setup.is_some() && row.measured.is_some())
        .collect();
    let mut columns = Vec::new();
    if !measured.is_empty() {
        let names = measured.iter().map(|row| row.name().to_owned());
        columns.push(Column::words("label", names.collect()));
        columns.extend(links.iter().map(|link| {
            let cells = measured.iter().map(|row| told(row, link));
            Column::numbers(&link.name, cells.collect())
        }));
    }
    let sources = links.iter().map(described);
    Body::Table {
        about: "Computed, not measured: one query of the whole batch over each link. It is what both parties \
             compute (encrypt, evaluate, decrypt, and writing and reading what they send), the recorded bytes \
             up and down, and a round trip for each recorded round; behind the + the server's keys, which \
             cross once before the first query: of n queries each takes an n-th of that more. What several \
             data owners send crosses as if one sent it all. `links.csv` has the parts."
            .into(),
        sources: sources.collect(),
        columns,
    }
}

fn told(row: &Row, link: &Link) -> String {
    let Some(over) = OverLink::of(row, link) else {
        return String::new();
    };
    let total = long_duration(over.total_ms.median);
    match over.keys_ms {
        0.0 => total,
        keys => format!("{total} + {}", long_duration(keys)),
    }
}

/// A link with its figures and where they are from.
pub(crate) fn described(link: &Link) -> String {
    let mut figures = format!(
        "{} up, {} down, {} round trip",
        rate(link.up_bits_per_s),
        rate(link.down_bits_per_s),
        duration(link.latency_ms)
    );
    if let Some(bytes) = link.payload_bytes {
        // Writing to a string cannot fail, here and below.
        let _ = write!(figures, ", {bytes} B a message");
    }
    if link.duty_cycle < 1.0 {
        let share = significant(100.0 * link.duty_cycle, 2);
        let _ = write!(figures, ", sending {share} % of the time");
    }
    format!("{} ({figures}: {})", link.name, link.source)
}

pub(crate) fn rate(bits_per_s: f64) -> String {
    let (value, unit) = match bits_per_s {
        r if r < 1e3 => (r, "bit/s"),
        r if r < 1e6 => (r / 1e3, "kbit/s"),
        r if r < 1e9 => (r / 1e6, "Mbit/s"),
        r => (r / 1e9, "Gbit/s"),
    };
    format!("{} {unit}", significant(value, 3))
}

/// Queries over links as CSV: a line for each row that has numbers and each link.
///
/// # Errors
/// The CSV writer's; it writes to memory and each line has all fields, so that no rows give cause.
pub fn links_csv(records: &Records, rows: &[Row]) -> io::Result<Vec<u8>> {
    let links = links_of(&records.run);
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(HEAD)?;
    for row in rows {
        for link in &links {
            let (Some(over), Some(measured)) = (OverLink::of(row, link), &row.measured) else {
                continue;
            };
            let number = |x: f64| format!("{x:?}");
            let interval = over.total_ms.interval;
            let fields = [
                row.experiment.clone(),
                row.started.clone(),
                row.cell.id.clone(),
                row.cell.label.clone(),
                row.status.to_string(),
                link.name.clone(),
                number(over.compute_ms),
                number(over.upload_ms),
                number(over.download_ms),
                measured.traffic.rounds.to_string(),
                number(over.latency_ms),
                number(over.total_ms.median),
                interval.map_or(String::new(), |i| number(i.low)),
                interval.map_or(String::new(), |i| number(i.high)),
                number(over.keys_ms),
                number(over.amortised_ms(QUERIES)),
                link.source.clone(),
            ];
            writer.write_record(fields.map(|field| safe(&field)))?;
        }
    }
    writer
        .into_inner()
        .map_err(|e| io::Error::other(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_times_are_told_in_days() {
        #[track_caller]
        fn check(ms: f64, text: &str) {
            assert_eq!(long_duration(ms), text);
        }
        check(4.2, "4.20 ms");
        check(720_000.0, "12.0 min");
        check(2.0 * 3.6e6, "2.00 h");
        check(166_151_131.0, "46.2 h");
        check(10.0 * 86.4e6, "10.0 days");
        check(1000.0 * 86.4e6, "2.74 years");
    }

    #[test]
    fn rates_have_units() {
        assert_eq!(rate(4814.0), "4.81 kbit/s");
        assert_eq!(rate(1e9), "1.00 Gbit/s");
        assert_eq!(rate(300.0), "300 bit/s");
    }
}
