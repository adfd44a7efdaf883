//! The answer as text: one sentence first, then what fits, why others do not, and where one overtakes
//! another.

use std::fmt::Write as _;

use hexperiment_diagnostics::printable::line as seen;
use hexperiment_experiment::Link;

use super::{Answer, OfProblem, OnMachine, Request, Slower};
use crate::grid::{self, Column};
use crate::links::long_duration;
use crate::machines::{MARKS, SHARED};
use crate::units::{bytes, counted, listed, significant, wrapped};

/// Rows, and demands of a row, that the sentence names.
const NAMED: usize = 3;

/// Columns that a row's name has at least, where there is little room.
const LEAST_NAME: usize = 10;

/// The answer of all machines in one sentence.
pub(super) fn sentence(machines: &[OnMachine], request: &Request, link: Option<&Link>) -> String {
    let over = link.map_or(String::new(), |link| format!(" over {}", seen(&link.name)));
    let clauses: Vec<String> = machines
        .iter()
        .filter(|machine| !machine.problems.is_empty())
        .map(|machine| {
            let clause = clause(machine, &over);
            match machines.len() {
                1 => clause,
                _ => format!("on {}, {clause}", machine.title),
            }
        })
        .collect();
    if clauses.is_empty() {
        return "These runs have no cells.".into();
    }
    let mut sentence = clauses.join("; ");
    if machines.len() > 1 {
        sentence += "; times of different machines are not compared";
    }
    // Of several machines each clause tells its own.
    if machines.len() == 1 && have(machines, SHARED) {
        sentence += "; the machine was shared with others, who may be in these times";
    }
    if request.bounds.is_empty() && request.trust.is_empty() {
        sentence += "; nothing was demanded";
    }
    // Names of schemes stay as they are written.
    let names = machines
        .iter()
        .flat_map(|m| &m.problems)
        .flat_map(|p| &p.fits);
    let begins_with_name = names.into_iter().any(|fit| sentence.starts_with(&fit.name));
    if let Some(first) = sentence.get(..1).map(str::to_uppercase)
        && !begins_with_name
    {
        sentence.replace_range(..1, &first);
    }
    sentence + "."
}

/// Whether a row that fits has a mark.
fn have(machines: &[OnMachine], mark: &str) -> bool {
    let problems = machines.iter().flat_map(|machine| &machine.problems);
    let mut fits = problems.flat_map(|problem| &problem.fits);
    fits.any(|fit| fit.marks.contains(&mark))
}

/// What the marks about machines mean that rows have: begins with a space, if there are any.
pub(super) fn meanings(machines: &[OnMachine]) -> String {
    let shown = MARKS.iter().filter(|(mark, _)| have(machines, mark));
    shown.fold(String::new(), |text, (mark, means)| {
        text + " " + mark + ": " + means + "."
    })
}

fn clause(machine: &OnMachine, over: &str) -> String {
    match machine.problems.as_slice() {
        [one] => of_one(one, over),
        many => of_many(many, machine, over),
    }
}

fn of_one(problem: &OfProblem, over: &str) -> String {
    let title = &problem.title;
    let [first, others @ ..] = problem.fits.as_slice() else {
        return format!("nothing fits for {title}{}", nearest(problem));
    };
    let cost = format!(
        "{} end to end{over}, {}, error {}",
        long_duration(first.total_ms),
        bytes(first.bytes),
        significant(first.error, 2)
    );
    let of = |wanted: Slower| -> Vec<&str> {
        let all = others.iter().zip(&problem.slower);
        let some = all.filter(|(_, slower)| **slower == wanted);
        some.map(|(fit, _)| fit.name.as_str()).collect()
    };
    let (ties, open, few) = (of(Slower::Tie), of(Slower::NotShown), of(Slower::TooFew));
    let name = &first.name;
    let left_out = match problem.others.len() {
        0 => String::new(),
        n => format!("; {} not fit", counted(n, "other does", "others do")),
    };
    let busy = if problem.fits.iter().any(|fit| fit.is_busy) {
        "; the machine was busy"
    } else {
        ""
    };
    let mut but = String::new();
    if !ties.is_empty() {
        // Writing to a string cannot fail, here and below.
        let _ = write!(but, ", a tie with {}", listed(&ties));
    }
    if !open.is_empty() {
        let _ = write!(but, ", not distinguished from {}", listed(&open));
    }
    if !few.is_empty() {
        let _ = write!(
            but,
            ", with too few repetitions to tell it from {}",
            listed(&few)
        );
    }
    let count = problem.fits.len();
    match (others, but.as_str()) {
        ([], _) => format!("for {title}, only {name} fits ({cost}){left_out}{busy}"),
        (_, "") => format!(
            "for {title}, {name} is the fastest of the {count} that fit ({cost}){left_out}{busy}"
        ),
        (_, but) => format!(
            "for {title}, {name} has the shortest median of the {count} that fit ({cost}){but}{left_out}{busy}"
        ),
    }
}

/// The row that misses the fewest demands.
fn nearest(problem: &OfProblem) -> String {
    let least = problem.nearest.and_then(|place| problem.others.get(place));
    least.map_or(String::new(), |(name, why)| {
        let why: Vec<&str> = why.iter().take(NAMED).map(String::as_str).collect();
        format!(": {name} comes nearest, but {}", why.join("; "))
    })
}

fn of_many(problems: &[OfProblem], machine: &OnMachine, over: &str) -> String {
    let mut wins: Vec<(&str, usize)> = Vec::new();
    let (mut open, mut few, mut none) = (0, 0, 0);
    for problem in problems {
        let Some(first) = problem.fits.first() else {
            none += 1;
            continue;
        };
        if problem.slower.contains(&Slower::NotShown) || problem.slower.contains(&Slower::Tie) {
            open += 1;
            continue;
        }
        if problem.slower.contains(&Slower::TooFew) {
            few += 1;
            continue;
        }
        match wins.iter_mut().find(|(name, _)| *name == first.name) {
            Some((_, count)) => *count += 1,
            None => wins.push((&first.name, 1)),
        }
    }
    wins.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut told: Vec<String> = wins
        .iter()
        .enumerate()
        .map(|(place, (name, count))| match place {
            0 => format!(
                "{name} is the fastest that fits{over} for {count} of {}",
                counted(problems.len(), "problem", "problems")
            ),
            _ => format!("{name} for {count}"),
        })
        .collect();
    if told.is_empty() {
        told.push(format!(
            "of {} none has a fastest that fits{over}",
            counted(problems.len(), "problem", "problems")
        ));
    }
    if open > 0 {
        told.push(format!("for {open} the fastest are not distinguished"));
    }
    if few > 0 {
        told.push(format!("for {few} there are too few repetitions to tell"));
    }
    if none > 0 {
        told.push(format!("for {none} nothing fits"));
    }
    let crossovers: Vec<String> = machine
        .crossovers
        .iter()
        .take(1)
        .map(|c| {
            format!(
                "{} overtakes {} between {} {} and {}",
                c.after, c.before, c.axis, c.from, c.to
            )
        })
        .collect();
    told.extend(crossovers);
    told.join(", ")
}

impl Answer {
    /// The answer for a terminal of so many columns.
    pub fn terminal(&self, width: usize) -> String {
        let mut text = wrapped(&self.sentence, "", width) + "\n";
        for machine in &self.machines {
            if self.machines.len() > 1 {
                let _ = write!(text, "\n{}\n", wrapped(&machine.title, "On ", width));
            }
            for problem in &machine.problems {
                of_problem(&mut text, problem, width);
            }
            along_axes(&mut text, machine, width);
            left_out(&mut text, machine, width);
        }
        let _ = write!(text, "\n{}", wrapped(&self.about, "", width));
        text
    }
}

/// Crossovers and where there are none, by the task and data that they are of.
fn along_axes(text: &mut String, machine: &OnMachine, width: usize) {
    let mut by_series: Vec<(&str, Vec<String>)> = Vec::new();
    let crossed = machine.crossovers.iter().map(|c| (&c.of, c.words()));
    let none = machine.no_crossovers.iter();
    for (of, line) in crossed.chain(none.map(|(of, line)| (of, line.clone()))) {
        match by_series.iter_mut().find(|(known, _)| known == of) {
            Some((_, lines)) => lines.push(line),
            None => by_series.push((of, vec![line])),
        }
    }
    for (of, lines) in by_series {
        let title = format!("{of}, along axes, of those that keep the demands on trust");
        let _ = write!(text, "\n{}\n", wrapped(&title, "", width));
        for line in lines {
            let _ = writeln!(text, "{}", wrapped(&line, "  - ", width));
        }
    }
}

/// Rows that are not shown, for a newer run has the same, by run.
fn left_out(text: &mut String, machine: &OnMachine, width: usize) {
    let mut by_run: Vec<(&str, Vec<&str>)> = Vec::new();
    for (run, name) in &machine.superseded {
        match by_run.iter_mut().find(|(known, _)| known == run) {
            Some((_, names)) => names.push(name),
            None => by_run.push((run, vec![name])),
        }
    }
    if by_run.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nLeft out, for newer runs have the same");
    for (run, names) in by_run {
        let line = format!("{}: {}", seen(run), names.join(", "));
        let _ = writeln!(text, "{}", wrapped(&line, "  - ", width));
    }
}

fn of_problem(text: &mut String, problem: &OfProblem, width: usize) {
    let heading = match problem.conditions.as_str() {
        "" => problem.title.clone(),
        conditions => format!("{}; {conditions}", problem.title),
    };
    let _ = write!(text, "\n{}\n", wrapped(&heading, "", width));
    if !problem.fits.is_empty() {
        let cells = |f: &dyn Fn(&super::Fit) -> String| problem.fits.iter().map(f).collect();
        let mark = |fit: &super::Fit| if fit.on_front { "*" } else { "" }.to_owned();
        let mut columns = vec![
            Column::words("front", cells(&mark)),
            Column::words("fits", cells(&|fit| fit.name.clone())),
            Column::numbers("total", cells(&|fit| long_duration(fit.total_ms))),
            Column::numbers("bytes", cells(&|fit| bytes(fit.bytes))),
            Column::numbers("max error", cells(&|fit| significant(fit.error, 2))),
        ];
        if problem.fits.iter().any(|fit| !fit.marks.is_empty()) {
            columns.push(Column::words("marks", cells(&|fit| fit.marks.join(" "))));
        }
        // Names give way, where there is little room.
        let excess = (grid::width(&columns) + 2).saturating_sub(width);
        let names = grid::width([&columns[1]]);
        let most = names.saturating_sub(excess).max(LEAST_NAME);
        for name in &mut columns[1].cells {
            *name = grid::cut(name, most);
        }
        for line in grid::text(&columns, false) {
            let _ = writeln!(text, "  {line}");
        }
    }
    let others = problem.others.iter();
    let others = others.map(|(name, why)| format!("{name}: {}", why.join("; ")));
    list(text, "Does not fit", others, width);
    let by_link = problem.by_link.iter();
    let by_link: Vec<String> = by_link
        .map(|(link, who, time)| format!("{link}: {who} ({time})"))
        .collect();
    let links = (!by_link.is_empty()).then(|| format!("fastest by link: {}", by_link.join(", ")));
    let lines = links.into_iter().chain(problem.bandwidths.iter().cloned());
    list(text, "Over links", lines, width);
}

fn list(text: &mut String, title: &str, lines: impl Iterator<Item = String>, width: usize) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = writeln!(text, "{}", wrapped(title, "  ", width));
    for line in lines {
        let _ = writeln!(text, "{}", wrapped(&line, "  - ", width));
    }
}
