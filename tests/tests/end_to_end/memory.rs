//! Memory of a run on a large table: cells wait for each other's repetitions, and all of them
//! together must fit the machine.

#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;

use crate::harness::{Place, experiment};
use crate::resume::{children, kill, start};

const ROWS: usize = 200_000;
const COLUMNS: usize = 50;

/// Small numbers, of which the first column tells the target.
fn table() -> String {
    let names: Vec<String> = (0..COLUMNS).map(|j| format!("x{j}")).collect();
    let mut text = names.join(",") + ",y\n";
    let mut state = 1_u32;
    for _ in 0..ROWS {
        let mut first = 0;
        for j in 0..COLUMNS {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let x = state >> 29;
            if j == 0 {
                first = x;
            }
            let _ = write!(text, "{x},"); // writing to a string cannot fail
        }
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push_str(if (state >> 29) + 2 > 9 - first {
            "1\n"
        } else {
            "0\n"
        });
    }
    text
}

/// Bytes of memory that a process has now.
#[track_caller]
fn resident(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .unwrap();
    let kibibytes: usize = line.split_whitespace().next().unwrap().parse().unwrap();
    kibibytes * 1024
}

/// While a cell computes, no process holds the table: neither the run's, nor those of the cells
/// and their servers, of which one waits for its turn.
#[test]
fn no_process_keeps_the_table() {
    let place = Place::new();
    place.write("large.csv", table());
    let schemes = "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"faulty\"\nlabel = \"waits\"\n\
                   fault = \"wait\"\n[run]\nrepetitions = 1\nwarmup = 0\nthreads = 1\n";
    let data = "path = \"large.csv\"\ntarget = \"y\"\ntest_fraction = 0.01";
    let task = "use = \"logistic-regression\"\nfeatures = 1";
    place.write("e.toml", experiment(data, task, schemes));
    let run = start(&place, Stdio::null());
    let cells = children(run.id());
    let servers: Vec<u32> = cells.iter().flat_map(|cell| children(*cell)).collect();
    assert_eq!((cells.len(), servers.len()), (2, 2));
    let held: Vec<usize> = [&[run.id()][..], &cells[..], &servers[..]]
        .concat()
        .into_iter()
        .map(resident)
        .collect();
    kill(&place, run);
    let table = ROWS * COLUMNS * size_of::<f64>();
    assert!(
        held.iter().all(|bytes| *bytes < table),
        "of {table} bytes: {held:?}"
    );
}
