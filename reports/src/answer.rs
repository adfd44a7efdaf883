//! The answer of a run in one sentence: who is fastest, who sends least, what it costs in quality,
//! who refused.

use hexperiment_experiment::measure::{Outcome, median};
use hexperiment_experiment::record::{Clock, Status};
use hexperiment_experiment::summary::Row;

use crate::machines::Kinds;
use crate::quality::quality;
use crate::ranking::{Comparable, Standing, comparable, standings};
use crate::units::{bytes, counted, duration, fraction, listed};

/// Labels that one clause names; of more it tells the number.
const NAMED: usize = 3;

/// The answer in one sentence. Ranks and ties are those of the rankings, by `clock`; bytes and
/// quality are compared among the rows that are ranked. Times within the margin tie.
pub fn answer(rows: &[Row], clock: Clock, margin: f64) -> String {
    let by = (clock, margin);
    if rows.is_empty() {
        return "This run has no cells.".into();
    }
    let (groups, _) = comparable(rows);
    let misses =
        |group: &Comparable<'_>| group.members.iter().all(|(r, _)| r.imprecise().is_some());
    let (imprecise, precise): (Vec<_>, Vec<_>) = groups.into_iter().partition(misses);
    // Where all miss what the task wants, they are compared all the same.
    let all_miss = precise.is_empty() && !imprecise.is_empty();
    let (groups, apart) = if precise.is_empty() {
        (imprecise, vec![])
    } else {
        (precise, imprecise)
    };
    let mut clauses = match groups.as_slice() {
        [] => vec![without_ranks(rows)],
        [one] => of_one(one, &apart, by),
        many => of_many(many, by, Kinds::of(rows).are_several()),
    };
    if !groups.is_empty() {
        let apart = labels(apart.iter().flat_map(|g| &g.members).map(|(row, _)| *row));
        if !apart.is_empty() {
            let misses = if apart.len() > 1 { "miss" } else { "misses" };
            clauses.push(format!("{} {misses} the precision wanted", listed(&apart)));
        }
        if all_miss {
            let names = labels(groups.iter().flat_map(|g| &g.members).map(|(row, _)| *row));
            let who = if names.len() > 1 {
                "all miss"
            } else {
                "it misses"
            };
            clauses.push(format!("{who} the precision wanted"));
        }
        clauses.extend(ends(rows));
        let ranked = groups.iter().flat_map(|group| &group.members);
        if ranked.into_iter().any(|(row, _)| row.busy.is_some()) {
            clauses.push("the machine was busy meanwhile".into());
        }
        clauses.extend(Kinds::of(rows).clauses());
    }
    let mut sentence = clauses.join("; ");
    if let Some(first) = sentence.get(..1).map(str::to_uppercase)
        && !rows.iter().any(|row| sentence.starts_with(&row.cell.label))
    {
        sentence.replace_range(..1, &first);
    }
    sentence + "."
}

/// Nothing that encrypts came to a result.
fn without_ranks(rows: &[Row]) -> String {
    let ended = ends(rows).join("; ");
    let open: Vec<&str> = labels(rows.iter().filter(|row| row.status == Status::Ok));
    match (open.is_empty(), ended.is_empty()) {
        (true, _) => format!("no scheme came to a result: {ended}"),
        (false, true) => format!("nothing is compared: {} encrypts nothing", listed(&open)),
        (false, false) => format!("no scheme that encrypts came to a result: {ended}"),
    }
}

/// The clauses about rows that can all be compared with one another.
fn of_one(group: &Comparable<'_>, apart: &[Comparable<'_>], by: (Clock, f64)) -> Vec<String> {
    let ranked = standings(&group.members, |m| &m.total, by);
    let Some(first) = ranked.first() else {
        return vec![];
    };
    let samples = first.measured.samples;
    let at = level(first.row);
    let lead = if ranked.iter().all(|s| s.measured.samples == samples) {
        format!("for {} at {at}, ", counted(samples, "sample", "samples"))
    } else {
        format!("at {at}, ")
    };
    let mut clauses = vec![lead + &fastest(&ranked, by.0)];
    clauses.extend(fewest_bytes(&ranked));
    let apart = apart.iter().flat_map(|group| &group.members);
    let all: Vec<_> = group.members.iter().chain(apart).copied().collect();
    clauses.extend(quality(&all));
    clauses
}

/// Who is fastest, of rows in their order.
fn fastest(ranked: &[Standing<'_>], clock: Clock) -> String {
    let [first, others @ ..] = ranked else {
        return String::new();
    };
    let name = short_name(first.row, ranked);
    let time = duration(median(first.times));
    let (superlative, of) = match clock {
        Clock::Wall => ("is fastest end to end", ""),
        Clock::Cpu => ("takes the least CPU time end to end", " of CPU time"),
    };
    let tied: Vec<&Standing<'_>> = others
        .iter()
        .filter(|s| s.outcome() == Some(Outcome::Tie))
        .collect();
    let few = |s: &Standing<'_>| matches!(s.outcome(), Some(Outcome::TooFew { .. }));
    let close: Vec<&str> = others
        .iter()
        .filter(|s| {
            matches!(
                s.outcome(),
                Some(Outcome::NotDistinguished | Outcome::Faster)
            )
        })
        .map(|s| short_name(s.row, ranked))
        .collect();
    match (others, tied.as_slice()) {
        ([], _) => format!("{name} takes {time}{of} end to end, with nothing to compare it with"),
        (_, []) if others.iter().any(few) => {
            let fewest = ranked.iter().map(|s| s.times.len()).min().unwrap_or(0);
            let few = counted(fewest, "repetition", "repetitions");
            format!("{name} {superlative} ({time}; {few} cannot make it sure)")
        }
        (_, []) if !close.is_empty() => format!(
            "{name} has the shortest median end to end ({time}{of}), not distinguished from {}",
            listed(&close)
        ),
        (_, []) => format!("{name} {superlative} ({time})"),
        (_, tied) => {
            let open = |s: &&Standing<'_>| few(s) || close.contains(&short_name(s.row, ranked));
            let open: Vec<&str> = others
                .iter()
                .filter(open)
                .map(|s| short_name(s.row, ranked))
                .collect();
            let more = if open.is_empty() {
                String::new()
            } else {
                format!(", and {} cannot be told from them", listed(&open))
            };
            let told = std::iter::once(first).chain(tied.iter().copied());
            let told = told.map(|s| {
                let time = duration(median(s.times));
                format!("{} ({time}{of})", short_name(s.row, ranked))
            });
            format!(
                "{} tie for the fastest end to end{more}",
                listed(&told.collect::<Vec<_>>())
            )
        }
    }
}

/// Who takes the fewest bytes up and down, beside the fastest.
fn fewest_bytes(ranked: &[Standing<'_>]) -> Option<String> {
    let sent =
        |s: &Standing<'_>| s.measured.traffic.upload_bytes + s.measured.traffic.download_bytes;
    let mut by_bytes: Vec<&Standing<'_>> = ranked.iter().collect();
    by_bytes.sort_by_key(|s| sent(s));
    let [least, next, ..] = by_bytes.as_slice() else {
        return None;
    };
    let first = ranked.first()?;
    let (name, size) = (short_name(least.row, ranked), bytes(sent(least)));
    // What differs by less than a tenth, nobody chooses a scheme for.
    let is_less = |than: &Standing<'_>| 10 * sent(least) < 9 * sent(than);
    if std::ptr::eq(*least, first) {
        return is_less(next)
            .then(|| format!("{name} also takes the fewest bytes both ways ({size})"));
    }
    is_less(first).then(|| {
        let share = fraction(sent(least) as f64 / sent(first) as f64);
        let other = short_name(first.row, ranked);
        format!("{name} takes {share} of the bytes of {other} both ways ({size})")
    })
}

/// The clauses about several groups, as a matrix makes them, or several machines.
fn of_many(groups: &[Comparable<'_>], by: (Clock, f64), machines: bool) -> Vec<String> {
    let points = |count| points(count, machines);
    let ranked: Vec<Vec<Standing<'_>>> = groups
        .iter()
        .map(|group| standings(&group.members, |m| &m.total, by))
        .collect();
    let mut clauses = vec![];
    let compared: Vec<&Vec<Standing<'_>>> = ranked.iter().filter(|r| r.len() > 1).collect();
    if compared.is_empty() {
        let firsts: Vec<&Standing<'_>> = ranked.iter().filter_map(|r| r.first()).collect();
        let names = labels(firsts.iter().map(|s| s.row));
        let told: Vec<String> = names
            .iter()
            .take(NAMED)
            .map(|label| {
                let of = firsts.iter().filter(|s| s.row.cell.label == *label);
                format!("{label} takes {} end to end", range(of.copied()))
            })
            .collect();
        clauses.push(format!("over {}, {}", points(firsts.len()), listed(&told)));
    } else {
        let mut wins: Vec<(&str, Vec<&Standing<'_>>)> = Vec::new();
        let (mut ties, mut open) = (0, 0);
        // How many points have too few repetitions, and the most of these.
        let mut few = (0, 0);
        for ranked in &compared {
            let is_tie = |s: &Standing<'_>| s.outcome() == Some(Outcome::Tie);
            let is_slower = |s: &Standing<'_>| s.outcome() == Some(Outcome::Slower);
            let is_few = |s: &Standing<'_>| matches!(s.outcome(), Some(Outcome::TooFew { .. }));
            if ranked.iter().any(is_tie) {
                ties += 1;
            } else if ranked.iter().any(is_few) {
                let fewest = ranked.iter().map(|s| s.times.len()).min();
                few = (few.0 + 1, few.1.max(fewest.unwrap_or(0)));
            } else if !ranked[1..].iter().all(is_slower) {
                open += 1;
            } else if let Some(first) = ranked.first() {
                let label = first.row.cell.label.as_str();
                match wins.iter_mut().find(|(name, _)| *name == label) {
                    Some((_, of)) => of.push(first),
                    None => wins.push((label, vec![first])),
                }
            }
        }
        wins.sort_by_key(|(_, of)| std::cmp::Reverse(of.len()));
        let all = ranked.len();
        let superlative = match by.0 {
            Clock::Wall => "is fastest end to end",
            Clock::Cpu => "takes the least CPU time end to end",
        };
        let mut told: Vec<String> = wins
            .iter()
            .enumerate()
            .map(|(place, (label, of))| {
                let range = range(of.iter().copied());
                let count = match of.len() {
                    n if n == all => format!("all {}", points(all)),
                    n if place == 0 => format!("{n} of {}", points(all)),
                    n => n.to_string(),
                };
                match place {
                    0 => format!("{label} {superlative} at {count} ({range})"),
                    _ => format!("{label} at {count} ({range})"),
                }
            })
            .collect();
        let too_few = format!(
            "{} too few to tell who is fastest end to end",
            counted(few.1, "repetition is", "repetitions are")
        );
        for (count, what) in [
            (ties, "the fastest tie"),
            (open, "it cannot be told who is fastest end to end"),
            (few.0, too_few.as_str()),
        ] {
            if count > 0 {
                told.push(if told.is_empty() {
                    format!("at {count} of {} {what}", points(all))
                } else {
                    format!("at {count} {what}")
                });
            }
        }
        let alone = all - compared.len();
        if alone > 0 {
            told.push(format!("at {alone} there is nothing to compare"));
        }
        clauses.push(told.join(", "));
    }
    let members: Vec<_> = groups.iter().flat_map(|g| g.members.clone()).collect();
    clauses.extend(quality(&members));
    clauses
}

fn points(count: usize, machines: bool) -> String {
    if machines {
        return counted(
            count,
            "group of rows that compare",
            "groups of rows that compare",
        );
    }
    counted(count, "point of the matrix", "points of the matrix")
}

/// The least and the most of median times.
fn range<'a>(standings: impl Iterator<Item = &'a Standing<'a>>) -> String {
    let mut times: Vec<f64> = standings.map(|s| median(s.times)).collect();
    times.sort_by(f64::total_cmp);
    match times.as_slice() {
        [] => String::new(),
        [one] => duration(*one),
        [least, .., most] => match [least, most].map(|time| duration(*time)) {
            [least, most] if least == most => least,
            [least, most] => format!("{least} to {most}"),
        },
    }
}

/// Who came to no result, by how that ended.
fn ends(rows: &[Row]) -> Vec<String> {
    let kinds = [
        (Status::Refused, "refused"),
        (Status::Failed, "failed"),
        (Status::Timeout, "ran out of time"),
        (Status::Crashed, "crashed"),
        (Status::Missing, "lacks repetitions"),
    ];
    let clause = |(status, verb): (Status, &str)| {
        let ended: Vec<&Row> = rows.iter().filter(|row| row.status == status).collect();
        let names = labels(ended.iter().copied());
        if names.is_empty() {
            return None;
        }
        let verb = match status {
            Status::Missing if names.len() > 1 => "lack repetitions",
            _ => verb,
        };
        if names.len() > NAMED {
            return Some(format!("{} {verb}", counted(ended.len(), "cell", "cells")));
        }
        let whole = |label: &&str| {
            let of = |rows: &mut dyn Iterator<Item = &Row>| {
                rows.filter(|row| row.cell.label == **label).count()
            };
            let (some, all) = (of(&mut ended.iter().copied()), of(&mut rows.iter()));
            if some == all {
                (*label).to_owned()
            } else {
                format!("{label} (at {some} of {all} points)")
            }
        };
        let told: Vec<String> = names.iter().map(whole).collect();
        Some(format!("{} {verb}", listed(&told)))
    };
    kinds.into_iter().filter_map(clause).collect()
}

/// The label of each scheme, once.
fn labels<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<&'a str> {
    let mut labels: Vec<&str> = Vec::new();
    for row in rows {
        if !labels.contains(&row.cell.label.as_str()) {
            labels.push(&row.cell.label);
        }
    }
    labels
}

/// The label, or the cell's name where the label is that of another row, too.
fn short_name<'a>(row: &'a Row, ranked: &[Standing<'_>]) -> &'a str {
    let same = |s: &&Standing<'_>| s.row.cell.label == row.cell.label;
    match ranked.iter().filter(same).count() {
        0 | 1 => &row.cell.label,
        _ => row.name(),
    }
}

/// The level that the rows of a group share.
fn level(row: &Row) -> String {
    match row.security_bits() {
        Some(bits) if row.insecure() => format!("{bits} bits (insecure)"),
        _ => format!("{} bits", row.demanded_bits),
    }
}
