//! How long a run would take: what `check` says of its experiment, cell by cell, before anything is started.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hexperiment_diagnostics::printable;
use hexperiment_diagnostics::process::within;

use crate::jobs::ends_with_us;
use crate::state::Workbench;

/// What `check` may take: it ends by itself before, but for a task that prepares its data for minutes.
const LIMIT: Duration = Duration::from_secs(100);

/// The lines of `check` about an experiment; in words what is wrong, where it has none.
pub(crate) fn lines(workbench: &Arc<Workbench>, experiment: &str) -> Result<Vec<String>, String> {
    // One at a time: each times operations, and two would time each other.
    let turn = workbench.estimates.lock();
    let _turn = turn.unwrap_or_else(PoisonError::into_inner);
    let (_, folder) = workbench.new_folder().map_err(|e| e.to_string())?;
    let told = checked(&workbench.settings.program, &folder, experiment);
    // What is left goes with the workbench.
    let _ = std::fs::remove_dir_all(&folder);
    told
}

fn checked(program: &Path, folder: &Path, experiment: &str) -> Result<Vec<String>, String> {
    let problem = |e: std::io::Error| format!("the estimate cannot be made: {e}");
    let (file, out) = (folder.join("experiment.toml"), folder.join("out"));
    std::fs::write(&file, experiment).map_err(problem)?;
    let said = File::create(&out).map_err(problem)?;
    let mut child = ends_with_us(program)
        .arg("check")
        .arg(&file)
        .stdin(Stdio::null())
        .stderr(said.try_clone().map_err(problem)?)
        .stdout(said)
        .spawn()
        .map_err(problem)?;
    if within(&mut child, LIMIT).is_none() {
        // It may have ended meanwhile; either way it is waited for.
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!(
            "the estimate took longer than {} s, so that the run will take minutes",
            LIMIT.as_secs()
        ));
    }
    let text = std::fs::read_to_string(out).map_err(problem)?;
    Ok(shown(&text))
}

/// What is shown of what `check` says: not the question, which the page has asked itself.
fn shown(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with([' ', 'e']))
        .map(|line| printable::line(line.trim()).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cells_are_shown_and_their_sum() {
        let text = "/tmp/x/experiment.toml: Does it?\n  seal-ckks: fine; 1 sample, 128 bits, about 31 s\n    \
                    warning: w\n  about 31 s in all\nerror: tfhe: e\n";
        let expect = [
            "seal-ckks: fine; 1 sample, 128 bits, about 31 s",
            "warning: w",
            "about 31 s in all",
            "error: tfhe: e",
        ];
        assert_eq!(shown(text), expect);
    }
}
