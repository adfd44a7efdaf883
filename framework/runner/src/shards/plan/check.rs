//! Whether bytes are a plan that this program can have written.

use std::path::Path;

use hexperiment_diagnostics::Complaint;
use serde_json::Value;

use super::{FORMAT, Plan, PlanCell};
use crate::digest::sha256;

/// What to do about a plan that this program cannot have written.
const DAMAGED: &str = "plans are written by `run FILE… --plan-into FOLDER`, and not changed: restore the file, or make \
                       a plan anew in another folder";

/// The plan in these bytes, if it can be one.
pub(super) fn parse(file: &Path, bytes: &[u8]) -> Result<Plan, Complaint> {
    let damaged = |problem: String| Complaint::new(file, problem).help(DAMAGED);
    let malformed = |e: serde_json::Error| {
        damaged(format!("found what is no plan: {e}")).at_line(e.line().max(1))
    };
    let value: Value = serde_json::from_slice(bytes).map_err(malformed)?;
    let format = &value["format"];
    if *format != FORMAT {
        return Err(Complaint::new(
            file,
            format!("found a plan of format {format}, expected {FORMAT}"),
        )
        .help("another version of Hexperiment wrote it: use that one, or make the plan anew"));
    }
    let plan: Plan = serde_json::from_slice(bytes).map_err(malformed)?;
    check(&plan).map_err(damaged)?;
    Ok(plan)
}

fn check(plan: &Plan) -> Result<(), String> {
    // The folders of its runs are called by it.
    let is_time = |text: &str| {
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_digit() || b"-:TZ".contains(&b));
        plain && humantime::parse_rfc3339(text).is_ok()
    };
    if !is_time(&plan.made) {
        return Err(format!(
            "`made`: found {:?}, expected a time as 2026-11-22T10:00:00Z",
            plan.made
        ));
    }
    let mut numbered = plan.cells.iter().enumerate();
    for (place, experiment) in plan.experiments.iter().enumerate() {
        let found = sha256(experiment.text.as_bytes());
        if found != experiment.sha256 {
            return Err(format!(
                "`experiments[{place}].text`: found a text with SHA-256 {found}, expected {}",
                experiment.sha256
            ));
        }
        experiment.run.check_limits()?;
        for cell in &experiment.run.cells {
            let found = numbered.next();
            let expected = |number: usize, found: &PlanCell| {
                (found.index, found.experiment) == (number, place) && found.id == cell.id
            };
            if !found.is_some_and(|(number, found)| expected(number, found)) {
                let found = found.map_or("no cell".into(), |(number, found)| {
                    format!("`{}` at {number}", found.id)
                });
                return Err(format!(
                    "`cells`: found {found}, expected `{}` of `experiments[{place}]`",
                    cell.id
                ));
            }
        }
    }
    if let Some((number, cell)) = numbered.next() {
        return Err(format!(
            "`cells`: found `{}` at {number}, expected no more than {number}",
            cell.id
        ));
    }
    match plan.reference {
        Some(number) if number >= plan.cells.len() => Err(format!(
            "`reference`: found {number}, expected the number of a cell"
        )),
        _ => Ok(()),
    }
}
