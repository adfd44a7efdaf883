//! `cmp`: runs compared cell by cell with the first of them, from their records alone.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use hexperiment_reports::{Limit, RunToCompare, RunsCompared, over_link, phases};

use crate::out::{self, tell};
use crate::report::{Read, read_each};
use crate::run::UNEXPECTED;

/// What `cmp` takes.
#[derive(Args)]
pub(crate) struct CmpArguments {
    /// Folders of runs, or folders of such folders; the first run is the base.
    #[arg(value_name = "RUN", required = true)]
    paths: Vec<PathBuf>,
    /// What is timed; may be given more than once. `total` is encrypt + evaluate + decrypt.
    #[arg(long, value_name = "PHASE", value_parser = PossibleValuesParser::new(phases().chain(["all"])))]
    phase: Vec<String>,
    /// Times a query of the whole batch over a link, as `4G`, or one of [links], computed from recorded bytes,
    /// rounds and times; may be given more than once.
    #[arg(long, value_name = "LINK")]
    link: Vec<String>,
    /// Ends with exit code 1 if a cell takes more than so much longer with its whole 95 % interval,
    /// or came to a result in the base only; with 2 if that cannot be told.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    fail_if_slower: Option<f64>,
    /// Prints Markdown.
    #[arg(long, conflicts_with = "csv")]
    markdown: bool,
    /// Prints CSV, with all phases.
    #[arg(long)]
    csv: bool,
    /// Prints what else differs between the runs: versions, compiler, kernel.
    #[arg(long, short)]
    verbose: bool,
}

/// A share, of a text such as `10%`.
fn percent(text: &str) -> Result<f64, String> {
    let number = text
        .trim()
        .strip_suffix('%')
        .and_then(|n| n.trim().parse::<f64>().ok());
    match number {
        Some(n) if n.is_finite() && n >= 0.0 => Ok(n / 100.0),
        _ => Err("expected a percentage from 0%, as in `10%`".into()),
    }
}

/// Compares; prints the table to standard output, and what exceeds a limit to standard error.
pub(crate) fn cmp(arguments: &CmpArguments) -> ExitCode {
    let all = match read_each(&arguments.paths) {
        Ok(all) => all,
        Err(problem) => return crate::bad_input(problem),
    };
    let names: Vec<String> = all.iter().map(Read::name).collect();
    let runs: Vec<RunToCompare<'_>> = all
        .iter()
        .zip(&names)
        .map(|(read, name)| RunToCompare {
            name,
            records: &read.records,
            rows: &read.rows,
        })
        .collect();
    if runs.len() < 2 {
        return crate::bad_input(
            "found 1 run, expected two or more\n  help: name the folders of the runs, the base first, as in `cmp \
             runs/20260504-090807-chd runs/latest`",
        );
    }
    let compared = match RunsCompared::new(&runs, &arguments.link) {
        Ok(compared) => compared,
        Err(problem) => return crate::bad_input(problem),
    };
    let over: Vec<String> = arguments.link.iter().map(|link| over_link(link)).collect();
    let mut chosen: Vec<&str> = match arguments.phase.as_slice() {
        [] if over.is_empty() => phases().take(1).collect(),
        [] => vec![],
        some if some.iter().any(|name| name == "all") => phases().collect(),
        some => some.iter().map(String::as_str).collect(),
    };
    chosen.extend(over.iter().map(String::as_str));
    if arguments.csv {
        match compared.csv() {
            Ok(bytes) => out::say!("{}", String::from_utf8_lossy(&bytes).trim_end()),
            Err(e) => return crate::bad_input(e),
        }
    } else if arguments.markdown {
        out::say!("{}", compared.markdown(&chosen).trim_end());
    } else {
        out::report(&compared.terminal(out::screen(arguments.verbose), &chosen));
    }
    let Some(limit) = arguments.fail_if_slower else {
        return ExitCode::SUCCESS;
    };
    let shown = format!("{} %", 100.0 * limit);
    match compared.limit(limit, &chosen) {
        Limit::Kept { cells } => {
            tell!("no cell of {cells} is slower by more than {shown}");
            ExitCode::SUCCESS
        }
        Limit::Exceeded(cells) => {
            for cell in cells {
                tell!("slower by more than {shown}, or lost: {cell}");
            }
            ExitCode::from(UNEXPECTED)
        }
        Limit::Refused(why) => crate::bad_input(format!(
            "`--fail-if-slower` cannot be told: {why}\n  help: compare runs of one experiment on one \
             machine, with five repetitions or more"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages() {
        assert_eq!(percent("10%"), Ok(0.1));
        assert_eq!(percent("2.5 %"), Ok(0.025));
        assert_eq!(percent("0%"), Ok(0.0));
        for bad in ["", "10", "0.1", "-1%", "x%", "inf%", "NaN%", "%"] {
            assert!(percent(bad).is_err(), "{bad}");
        }
    }
}
