//! The comparison for people: on a terminal and as Markdown.

use hexperiment_experiment::record::{Clock, Status};
use hexperiment_experiment::summary::Row;

use super::table::{columns, fit};
use super::{Other, RunToCompare, RunsCompared, verdict};
use crate::first_table::{BUSY, IMPRECISE, INSECURE, UNRANKED};
use crate::machines::{MIXED, SHARED, has_mark};
use crate::notes::whom;
use crate::page::{Page, escaped};
use crate::paint::Paint;
use crate::terminal::{Screen, Text};
use crate::units::{counted, listed};

/// Cells that a sentence names, at most.
const NAMED: usize = 4;

/// What an interval leaves out.
const LEGEND: &str = "times: as long as the base; the interval is of what scatters within runs, not \
    of what changes between them; same: within";

pub(super) fn terminal(compared: &RunsCompared, screen: Screen, phases: &[&str]) -> String {
    let mut text = Text::new(screen);
    for (index, other) in compared.others.iter().enumerate() {
        if index > 0 {
            text.gap();
        }
        text.painted_item("", &answer(compared, other, phases), Paint::Strong);
        text.painted_item("", &runs(compared, other), Paint::Aside);
        for obstacle in &other.obstacles {
            text.painted_item("TIMES DO NOT COMPARE: ", obstacle, Paint::Wrong);
        }
        let mut columns = columns(compared, other, phases);
        if !other.pairs.is_empty() {
            let spared = fit(&mut columns, screen.width);
            text.gap();
            text.table(&columns, false);
            if !spared.is_empty() {
                let words = format!("(--markdown has {})", spared.join("; "));
                text.painted_item("", &words, Paint::Aside);
            }
        }
        let lists = [changes(other), ends(other)];
        for (title, items) in ["Changed", "Not ok"].iter().zip(lists) {
            if items.is_empty() {
                continue;
            }
            text.gap();
            text.item("", title);
            for (cell, what) in items {
                text.painted_item("  ", &format!("{cell}: {what}"), Paint::Marks);
            }
        }
        let absent = absent(compared, other);
        if !absent.is_empty() || !other.marks.is_empty() {
            text.gap();
        }
        for line in absent {
            text.item("", &line);
        }
        for (mark, what) in &other.marks {
            text.painted_item(&format!("{mark}: "), what, Paint::Marks);
        }
        if screen.verbose {
            for difference in &other.differences {
                text.painted_item("differs: ", difference, Paint::Aside);
            }
        }
    }
    text.gap();
    text.painted_item("", &legend(compared), Paint::Aside);
    text.finish()
}

pub(super) fn markdown(compared: &RunsCompared, phases: &[&str]) -> String {
    let title = format!("{} compared with {}", compared.experiment, compared.base);
    let mut page = Page::new(&title, &legend(compared));
    for other in &compared.others {
        page.heading(&escaped(&other.name));
        page.paragraph(&answer(compared, other, phases));
        let obstacles = other.obstacles.iter();
        let bold = obstacles.map(|o| format!("**Times do not compare**: {}", escaped(o)));
        list(&mut page, bold.collect());
        page.table(&columns(compared, other, phases));
        for items in [changes(other), ends(other), other.marks.clone()] {
            if !items.is_empty() {
                page.pairs(items);
            }
        }
        let absent = absent(compared, other);
        list(&mut page, absent.iter().map(|line| escaped(line)).collect());
        let differences = other.differences.iter();
        let differs = differences.map(|d| escaped(&format!("differs: {d}")));
        list(&mut page, differs.collect());
    }
    page.finish()
}

fn list(page: &mut Page, items: Vec<String>) {
    if !items.is_empty() {
        page.list(items.into_iter());
    }
}

fn legend(compared: &RunsCompared) -> String {
    let mut legend = format!("{LEGEND} {} %", 100.0 * compared.margin);
    let pairs = compared.others.iter().flat_map(|other| &other.pairs);
    if pairs.into_iter().any(|pair| pair.within_noise) {
        legend += "; within noise: metrics differ by no more than results are off, or repetitions of either run \
                   scatter";
    }
    if compared.timed.len() > super::PHASES.len() {
        legend += "; over a link: a query of the whole batch, computed from what was recorded, without the keys";
    }
    format!("({legend})")
}

fn runs(compared: &RunsCompared, other: &Other) -> String {
    let clock = match compared.clock {
        Clock::Wall => "",
        Clock::Cpu => ", CPU time",
    };
    format!("base {}, compared {}{clock}", compared.base, other.name)
}

/// Which cells are slower, faster, the same.
fn answer(compared: &RunsCompared, other: &Other, phases: &[&str]) -> String {
    let mut clauses = Vec::new();
    let shown: Vec<(usize, &str)> = compared.chosen(phases);
    let timed = other.pairs.iter().any(|pair| !pair.times.is_empty());
    if !other.obstacles.is_empty() && timed {
        clauses.push("times do not compare".into());
    }
    // Where times do not compare there is no verdict.
    let verdicts: &[&str] = if other.obstacles.is_empty() {
        &["slower", "faster", "same", "not distinguished", "too few"]
    } else {
        &[]
    };
    for wanted in verdicts.iter().copied() {
        let mut names = Vec::new();
        for pair in &other.pairs {
            for (index, phase) in &shown {
                let times = pair.times.get(*index);
                if times.is_none_or(|t| verdict(t.change.outcome) != wanted) {
                    continue;
                }
                names.push(match shown.len() {
                    1 => pair.cell.clone(),
                    _ => format!("{} {phase}", pair.cell),
                });
            }
        }
        if names.is_empty() {
            continue;
        }
        let many = |one: &str, many: &str| {
            if names.len() == 1 {
                one.to_owned()
            } else {
                many.into()
            }
        };
        let verb = match wanted {
            "slower" => many("is slower", "are slower"),
            "faster" => many("is faster", "are faster"),
            "same" => many("takes the same", "take the same"),
            "not distinguished" => many("is not distinguished", "are not distinguished"),
            _ => many("has too few repetitions", "have too few repetitions"),
        };
        let whom = if names.len() > NAMED {
            counted(
                names.len(),
                "cell",
                if shown.len() == 1 { "cells" } else { "times" },
            )
        } else {
            listed(&names)
        };
        clauses.push(format!("{whom} {verb}"));
    }
    let lost = other
        .pairs
        .iter()
        .filter(|p| p.statuses[0] == Status::Ok && p.statuses[1] != Status::Ok);
    let lost: Vec<&str> = lost.map(|p| p.cell.as_str()).collect();
    if !lost.is_empty() {
        clauses.push(format!("{} came to a result before", listed(&lost)));
    }
    if clauses.is_empty() {
        return format!(
            "{}: no cell has a result in both runs.",
            compared.experiment
        );
    }
    let changed = changes(other).len();
    clauses.push(match changed {
        0 if other.pairs.iter().any(|pair| pair.within_noise) => {
            "bytes are equal, quality is within noise".into()
        }
        0 => "bytes and quality are equal".into(),
        n => format!(
            "bytes or quality changed in {}",
            counted(n, "cell", "cells")
        ),
    });
    format!("{}: {}.", compared.experiment, clauses.join("; "))
}

fn changes(other: &Other) -> Vec<(String, String)> {
    let all = other
        .pairs
        .iter()
        .map(|pair| (pair.cell.clone(), pair.changed()));
    all.filter(|(_, changed)| !changed.is_empty())
        .map(|(cell, changed)| (cell, changed.join(", ")))
        .collect()
}

/// Cells that came to no result in one of the runs.
fn ends(other: &Other) -> Vec<(String, String)> {
    let ended = other
        .pairs
        .iter()
        .filter(|pair| pair.statuses != [Status::Ok; 2]);
    ended
        .map(|pair| {
            (
                pair.cell.clone(),
                format!("{}: {}", pair.status(), pair.reason),
            )
        })
        .collect()
}

/// Cells that only one of the runs has.
fn absent(compared: &RunsCompared, other: &Other) -> Vec<String> {
    [
        (&compared.base, &other.only_in_base),
        (&other.name, &other.only_here),
    ]
    .into_iter()
    .filter(|(_, cells)| !cells.is_empty())
    .map(|(run, cells)| format!("Only in {run}: {}", listed(cells)))
    .collect()
}

/// A mark, and which rows have it.
type Mark = (&'static str, fn(&Row) -> bool);

/// The marks of either run's rows, and of which.
pub(super) fn marks(runs: [RunToCompare<'_>; 2]) -> Vec<(String, String)> {
    let kinds: [Mark; 6] = [
        (INSECURE, Row::insecure),
        (UNRANKED, Row::lacks_setup),
        (IMPRECISE, |row| row.imprecise().is_some()),
        (BUSY, |row| row.busy.is_some()),
        (SHARED, |row| has_mark(row, SHARED)),
        (MIXED, |row| has_mark(row, MIXED)),
    ];
    let mut all = Vec::new();
    for (mark, is) in kinds {
        let mut of: Vec<String> = Vec::new();
        for run in runs {
            let rows = run.rows.iter().filter(|row| is(row));
            let names: Vec<&str> = rows.map(Row::name).collect();
            if !names.is_empty() {
                of.push(format!("{} in {}", whom(run.rows, &names), run.name));
            }
        }
        if !of.is_empty() {
            all.push((mark.to_owned(), of.join("; ")));
        }
    }
    all
}
