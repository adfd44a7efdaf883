//! Cells on many machines: what `submit` hands to an engine, what `status` tells of it, and what becomes of it. A
//! real Slurm of two nodes runs on this machine where Debian's `slurm-wlm` is installed.

mod engines;
mod hyperqueue;
#[cfg(target_os = "linux")]
mod slurm;

use std::path::Path;
use std::process::Command;

use crate::harness::{Place, experiment};

const WINE: &str = "use = \"wine-quality\"\nlimit = 200";
const TASK: &str = "use = \"logistic-regression\"";

/// An experiment of small cells: two schemes, so many seeds of each.
fn small(seeds: usize) -> String {
    let schemes = "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"fernet\"\n";
    let run = format!("[run]\nrepetitions = 2\nwarmup = 0\nthreads = 1\nseeds = {seeds}\n");
    experiment(WINE, TASK, &[schemes, &run].concat())
}

/// An experiment of schemes with these faults, which are their labels, too.
fn faulty(name: &str, faults: &[&str], run: &str) -> String {
    let schemes = faults.iter().map(|fault| {
        let kind = fault.trim_end_matches(char::is_numeric);
        format!("[[scheme]]\nuse = \"faulty\"\nlabel = \"{fault}\"\nfault = \"{kind}\"\n")
    });
    let schemes: String = schemes.collect();
    let run = format!("[run]\nrepetitions = 2\nwarmup = 0\nthreads = 1\n{run}\n");
    experiment(WINE, TASK, &(schemes + &run)).replace("\"trial\"", &format!("\"{name}\""))
}

/// Columns of `summary.csv` that a clock or a machine decides.
fn is_measured(column: &str) -> bool {
    let parts = [
        "_ms", "_cpu", "_rss", "load_", "_waited", "_between", "_within", "started",
    ];
    parts.iter().any(|part| column.contains(part))
}

/// Two runs of the same cells have the same rows, but for what clocks say, and the same repetitions, each once.
#[track_caller]
fn same_but_for_times(found: &crate::harness::RunFolder, expect: &crate::harness::RunFolder) {
    let ((columns, found_rows), (_, expect_rows)) = (found.summary(), expect.summary());
    let compared: Vec<&String> = columns.iter().filter(|c| !is_measured(c)).collect();
    for (found, expect) in found_rows.iter().zip(&expect_rows) {
        for column in &compared {
            assert_eq!(
                found[*column], expect[*column],
                "{column} of {}",
                found["cell"]
            );
        }
    }
    assert_eq!(found_rows.len(), expect_rows.len());
    let sorted = |run: &crate::harness::RunFolder| {
        let mut all = run.repetitions();
        all.sort();
        all
    };
    assert_eq!(sorted(found), sorted(expect));
}

/// Whether a program is in the search path, or where Debian has those of administrators.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(Path::new).map(Path::to_owned);
    std::env::split_paths(&path)
        .chain(more)
        .any(|folder| folder.join(program).is_file())
}

/// Runs the experiments of a place as one machine does.
#[track_caller]
fn locally(place: &Place, file: &str, prepare: impl Fn(&mut Command)) -> crate::harness::RunFolder {
    let mut program = place.program(["run", file]);
    prepare(&mut program);
    let output = program.output().unwrap();
    assert!(output.status.code() < Some(2), "{output:?}");
    place.latest()
}
