//! Who is faster: only among rows that can be compared, and with "tie" and "not distinguished" as
//! answers.
//!
//! Rows are ranked among those that meet the same demanded security level, with the same threads
//! and matrix point (but for the scheme's own options); what a row has beyond the demand is said
//! beside its name. Rows of different processors, and of machines that others may have used, are ranked
//! among their like. Insecure rows are ranked among their like, and so are those whose results are
//! further off than their task bears. Rows without encryption, or with
//! transport encryption only, are named as not ranked.

use std::collections::HashMap;
use std::fmt::Write as _;

use hexperiment_experiment::measure::{Comparison, Outcome, Timed, compare_with_first, median};
use hexperiment_experiment::record::{Clock, Status};
use hexperiment_experiment::summary::{Measured, Phase, Row};
use hexperiment_scheme::security::Protection;

use crate::first_table::{INSECURE, client_part};
use crate::machines::Kinds;
use crate::units::{counted, significant};

/// Rows that can be compared, and how they do.
pub(crate) struct Group {
    /// What they have in common: `128 bits or more, 2 threads, features = 10`.
    pub(crate) title: String,
    /// What is ranked, and the ranking in words.
    pub(crate) lines: Vec<(&'static str, String)>,
}

impl Group {
    /// What stands above it.
    pub(crate) fn heading(&self, clock: Clock) -> String {
        match clock {
            Clock::Wall => format!("Fastest first, ratios round by round, at {}", self.title),
            Clock::Cpu => format!(
                "Least CPU time first, ratios round by round, at {}",
                self.title
            ),
        }
    }
}

/// All rankings of a run.
pub(crate) struct Ranking {
    pub(crate) groups: Vec<Group>,
    /// Rows that are measured but not ranked, and why.
    pub(crate) left_out: Vec<(String, &'static str)>,
}

/// Rows of one demanded level, with the same threads and matrix point.
pub(crate) struct Comparable<'a> {
    pub(crate) title: String,
    pub(crate) members: Vec<(&'a Row, &'a Measured)>,
}

/// The rows that can be compared, by what they have in common; and those that are measured but not
/// ranked, each with why.
pub(crate) fn comparable(rows: &[Row]) -> (Vec<Comparable<'_>>, Vec<(String, &'static str)>) {
    let mut groups: Vec<Comparable<'_>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut left_out = Vec::new();
    let kinds = Kinds::of(rows);
    for row in rows.iter().filter(|row| row.status == Status::Ok) {
        let Some(measured) = &row.measured else {
            continue;
        };
        let why = match row.protection() {
            Some(Protection::Encrypted) => {
                let title = title(row) + &kinds.title(row);
                let place = *places.entry(title.clone()).or_insert(groups.len());
                if place == groups.len() {
                    groups.push(Comparable {
                        title,
                        members: vec![],
                    });
                }
                groups[place].members.push((row, measured));
                continue;
            }
            Some(Protection::TransportOnly) => "encrypted in transport only, the server sees all",
            Some(Protection::None) => "nothing is encrypted",
            None => "its protection is not known",
        };
        left_out.push((row.name().to_owned(), why));
    }
    (groups, left_out)
}

/// Ranks rows by evaluation and by total time, as a clock has them; times within the margin tie.
pub(crate) fn rank(rows: &[Row], clock: Clock, margin: f64) -> Ranking {
    let (groups, left_out) = comparable(rows);
    let groups = groups
        .into_iter()
        .map(|Comparable { title, members }| Group {
            title,
            lines: if members.len() < 2 {
                let only = members.iter().map(|(row, _)| name(row));
                let only = only.collect::<Vec<_>>().join(", ");
                vec![(
                    "",
                    format!("{only} is alone: there is nothing to compare it with"),
                )]
            } else {
                let order =
                    |phase: fn(&Measured) -> &Phase| order(&members, phase, (clock, margin));
                vec![
                    ("evaluation", order(|m| &m.evaluate)),
                    ("encrypt + evaluate + decrypt", order(|m| &m.total)),
                ]
            },
        })
        .collect();
    Ranking { groups, left_out }
}

/// A row in its place.
pub(crate) struct Standing<'a> {
    pub(crate) row: &'a Row,
    pub(crate) measured: &'a Measured,
    /// The time of every repetition, in milliseconds.
    pub(crate) times: &'a [f64],
    /// This row compared with the first; `None` of the first.
    pub(crate) comparison: Option<Comparison>,
}

impl Standing<'_> {
    /// What is shown of this row and the first; `None` of the first.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.comparison.map(|comparison| comparison.outcome)
    }
}

/// The rows by median time, each compared with the first.
pub(crate) fn standings<'a>(
    members: &[(&'a Row, &'a Measured)],
    phase: fn(&Measured) -> &Phase,
    (clock, margin): (Clock, f64),
) -> Vec<Standing<'a>> {
    let mut all: Vec<Standing<'a>> = members
        .iter()
        .map(|&(row, measured)| Standing {
            row,
            measured,
            times: phase(measured).values(clock),
            comparison: None,
        })
        .collect();
    all.sort_by(|a, b| median(a.times).total_cmp(&median(b.times)));
    let times: Vec<Timed<'_>> = all
        .iter()
        .map(|standing| Timed {
            rounds: &standing.measured.rounds,
            processes: &standing.measured.processes,
            times: standing.times,
        })
        .collect();
    let compared = compare_with_first(&times, margin);
    for (standing, comparison) in all.iter_mut().skip(1).zip(compared) {
        standing.comparison = Some(comparison);
    }
    all
}

fn title(row: &Row) -> String {
    let level = if row.insecure() {
        let bits = row.security_bits().unwrap_or_default();
        format!("{bits} bits {INSECURE}")
    } else {
        format!("{} bits or more", row.demanded_bits)
    };
    let threads = counted(row.threads, "thread", "threads");
    let mut point = String::new();
    for (key, value) in &row.cell.point {
        if let Some((section @ ("task" | "dataset" | "run"), option)) = key.split_once('.')
            && !(section == "run" && matches!(option, "threads" | "security_bits"))
        {
            // Writing to a string cannot fail.
            let _ = write!(point, ", {option} = {value}");
        }
    }
    let missed = match row.imprecise() {
        Some(_) => ", beyond the error that the task bears",
        None => "",
    };
    format!("{level}, {threads}{point}{missed}")
}

/// The row's label with what the title does not tell: the scheme's own options, bits beyond the
/// demand, what is left to the client.
pub(crate) fn name(row: &Row) -> String {
    let own = row.cell.point.iter().filter_map(|(key, value)| {
        let option = key.strip_prefix("scheme.")?;
        Some(format!("/{option}={value}"))
    });
    let mut name: String = std::iter::once(row.cell.label.clone()).chain(own).collect();
    if let Some(bits) = row.security_bits()
        && bits > row.demanded_bits
        && !row.insecure()
    {
        // Writing to a string cannot fail.
        let stated = if row.level_is_stated() {
            ", as it states itself"
        } else {
            ""
        };
        let _ = write!(name, " ({bits} bits{stated})");
    }
    if let Some(part) = client_part(row) {
        let _ = write!(name, " ({part})");
    }
    name
}

/// The rows by median time in words, each compared with the first.
fn order(
    members: &[(&Row, &Measured)],
    phase: fn(&Measured) -> &Phase,
    (clock, margin): (Clock, f64),
) -> String {
    let standings = standings(members, phase, (clock, margin));
    let Some((first, others)) = standings.split_first() else {
        return String::new();
    };
    let of = match clock {
        Clock::Wall => "",
        Clock::Cpu => " of CPU time",
    };
    let fastest = name(first.row);
    let words = others.iter().filter_map(|other| {
        let comparison = other.comparison?;
        Some(in_words(&name(other.row), &fastest, comparison, margin))
    });
    let least = significant(median(first.times), 3);
    std::iter::once(format!("{fastest} {least} ms{of}"))
        .chain(words)
        .collect::<Vec<_>>()
        .join("; ")
}

/// How a row compares with the first.
fn in_words(label: &str, first: &str, comparison: Comparison, margin: f64) -> String {
    let times = format!("{} times that", significant(comparison.ratio, 3));
    let interval = comparison.interval.map_or(String::new(), |i| {
        let [low, high] = [i.low, i.high].map(|x| significant(x, 3));
        format!(" [{low}, {high}]")
    });
    if !comparison.ratio.is_finite() {
        return format!("{label} has no ratio to {first}: a clock counted 0");
    }
    match comparison.outcome {
        Outcome::Slower => format!("{label} takes {times}{interval}"),
        // Its median is longer, and in most rounds it is faster all the same.
        Outcome::Faster => format!("{label} is faster round by round: {times}{interval}"),
        Outcome::Tie => format!("{label} ties with {first} (within {} %)", 100.0 * margin),
        Outcome::NotDistinguished => {
            format!("{label} is not distinguished from {first}: {times}{interval}")
        }
        Outcome::TooFew { needed } => {
            let count = counted(comparison.rounds, "repetition", "repetitions");
            format!("{label} about {times} ({count}: too few to be sure, {needed} may be enough)")
        }
    }
}
