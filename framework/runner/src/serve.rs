//! The process of a cell: what its parent asks for first decides what it does.

use std::io::BufRead as _;
use std::process::ExitCode;

use crate::protocol::ToCell;
use crate::{cell, child, examine};

/// Serves a parent process on standard input and output until the input ends.
pub(crate) fn serve() -> ExitCode {
    child::die_with_parent();
    let mut lines = std::io::stdin().lock().lines();
    let mut next = || -> Option<ToCell> {
        let line = lines.next()?.ok()?;
        serde_json::from_str(&line).ok()
    };
    match next() {
        Some(ToCell::Prepare {
            plan,
            memory_limit,
            artefacts,
            traffic,
            beside_library,
        }) => {
            let besides = cell::Besides {
                artefacts: &artefacts,
                traffic: traffic.as_deref(),
                library: beside_library,
            };
            cell::serve(&plan, memory_limit, besides, next)
        }
        Some(ToCell::Examine(examine)) => examine::serve(*examine, next),
        _ => crate::bad_input("`cell` is for the program's own use; see `hexperiment help run`"),
    }
}
