//! `best`: which of the schemes of saved runs fits given bounds, and why the others do not.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use hexperiment_experiment::summary::Records;
use hexperiment_reports::best::{Bound, End, Request, Trust, best, quantities_help, trust_help};

use crate::out::{self, say};
use crate::report::{Read, read_all};
use crate::run::UNEXPECTED;

/// The demand on the protocol where none is given: a choice among rows that hide nothing is no choice.
const USUAL_TRUST: &str = "server-blind";

/// What `best` takes.
#[derive(Args)]
#[command(after_help = after_help())]
pub(crate) struct BestArguments {
    /// Folders of runs, or folders of such folders; without one all runs there are.
    #[arg(value_name = "RUN")]
    paths: Vec<PathBuf>,
    /// The task, as in `logistic-regression`; without it each task of the runs.
    #[arg(long)]
    task: Option<String>,
    /// The largest error that a result may carry: as `--max error=NUMBER`.
    #[arg(long, value_name = "NUMBER")]
    max_error: Option<String>,
    /// An upper bound, as `upload=1MB` or `total=100ms`; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE")]
    max: Vec<String>,
    /// A lower bound, as `security=128`; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE")]
    min: Vec<String>,
    /// Demands on the protocol, with commas between; `none` demands nothing.
    #[arg(long, value_name = "WORDS", value_delimiter = ',', default_value = USUAL_TRUST)]
    trust: Vec<String>,
    /// The link between client and server, as `4G`, or one of [links]: times are those over it.
    #[arg(long)]
    link: Option<String>,
    /// The folder of runs.
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

fn after_help() -> String {
    format!(
        "Names for --max and --min, with the columns of summary.csv:\n{}\n\nWords for --trust:\n{}\n  none              \
         nothing is demanded; stands alone\n\nExit code: 0 if something fits, 1 if nothing does, 2 for bad input.",
        quantities_help(),
        trust_help()
    )
}

/// Prints the answer. A run that cannot be read is told, and left out.
pub(crate) fn best_of(arguments: &BestArguments) -> ExitCode {
    let request = match arguments.request() {
        Ok(request) => request,
        Err(problem) => return crate::bad_input(problem),
    };
    let all = [arguments.runs.clone()];
    let paths = match arguments.paths.as_slice() {
        [] => &all,
        paths => paths,
    };
    let (read, code) = match read_all(paths) {
        Ok(read) => read,
        Err(problem) => return crate::bad_input(problem),
    };
    let records: Vec<Records> = read.into_iter().map(Read::into_records).collect();
    if records.is_empty() {
        return code;
    }
    match best(&records, &request) {
        Ok(answer) => {
            say!("{}", answer.terminal(out::width()));
            // That a run could not be read weighs more.
            if code == ExitCode::SUCCESS && !answer.is_any() {
                return ExitCode::from(UNEXPECTED);
            }
        }
        Err(problem) => return crate::bad_input(problem),
    }
    code
}

impl BestArguments {
    fn request(&self) -> Result<Request, String> {
        let error = self.max_error.iter();
        let mut bounds = error
            .map(|value| Bound::of("error", value, End::Most))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| format!("--max-error: {e}"))?;
        for (option, texts, end) in [
            ("--max", &self.max, End::Most),
            ("--min", &self.min, End::Least),
        ] {
            for text in texts {
                let bound = Bound::parse(text, end);
                bounds.push(bound.map_err(|e| format!("{option} {text}: {e}"))?);
            }
        }
        let words: Vec<&str> = self.trust.iter().map(|word| word.trim()).collect();
        if let (true, [_, _, ..]) = (words.contains(&"none"), words.as_slice()) {
            return Err(format!(
                "--trust: found `none` beside other words, in {}\n  help: `none` demands nothing, and stands \
                 alone",
                hexperiment_diagnostics::printable::quoted(&self.trust.join(","))
            ));
        }
        let words = words.into_iter();
        let trust = words.filter(|word| *word != "none").map(Trust::find);
        Ok(Request {
            task: self.task.clone(),
            bounds,
            trust: trust
                .collect::<Result<_, _>>()
                .map_err(|e| format!("--trust: {e}"))?,
            link: self.link.clone(),
        })
    }
}
