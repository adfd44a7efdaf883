//! Client and server of a cell are two processes, and what befalls the server is a row.

#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Child, Command, Stdio};

use crate::harness::{Outcome, Place, RunFolder, experiment};
use crate::resume::{children, start};

/// A cell that waits in its evaluation while there is a file `gate`, beside one that is well.
fn place(run_keys: &str) -> Place {
    let schemes = "[[scheme]]\nuse = \"faulty\"\nlabel = \"waits\"\nfault = \"wait\"\n\
                   [[scheme]]\nuse = \"seal-ckks\"\n";
    let settings = format!("[run]\nrepetitions = 3\nwarmup = 0\nthreads = 1\n{run_keys}\n");
    let place = Place::new();
    place.write(
        "e.toml",
        experiment(
            "use = \"wine-quality\"\nlimit = 200",
            "use = \"logistic-regression\"",
            &[schemes, &settings].concat(),
        ),
    );
    place
}

fn command_line(process: u32) -> String {
    let text = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
    text.replace('\0', " ")
}

/// The servers of all cells of a run, each with the cell that started it.
fn servers(run: u32) -> Vec<(u32, u32)> {
    let of = |cell: u32| children(cell).into_iter().map(move |server| (cell, server));
    children(run).into_iter().flat_map(of).collect()
}

/// Starts a run whose first cell's server waits; yields it with that server.
fn waiting(place: &Place) -> (Child, u32) {
    let run = start(place, Stdio::null());
    let servers = servers(run.id());
    assert_eq!(servers.len(), 2, "a server for each cell");
    for (cell, server) in &servers {
        assert!(command_line(*cell).ends_with(" cell "), "{cell}");
        assert!(command_line(*server).ends_with(" server "), "{server}");
    }
    // Cells are set up in the order of the file; the round's order is shuffled.
    (
        run,
        servers.iter().map(|(_, server)| *server).min().unwrap(),
    )
}

fn signal(name: &str, process: u32) {
    let call = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .status();
    assert!(call.unwrap().success());
}

/// The run goes on to its end; the cell that waited has this status and words in its reason, the
/// other one is well.
#[track_caller]
fn ends(place: &Place, run: Child, status: &str, words: &[&str]) -> RunFolder {
    let outcome = Outcome::from(run.wait_with_output().unwrap());
    outcome.ends_with(1);
    let folder = place.latest();
    let row = folder.row("waits");
    assert_eq!(row["status"], status, "{row:?}");
    for word in words {
        assert!(row["reason"].contains(word), "{word:?}: {row:?}");
    }
    let well = folder.row("seal-ckks");
    assert_eq!(well["status"], "ok", "{well:?}");
    let done = folder.repetitions();
    let count = done.iter().filter(|(cell, _)| cell == "seal-ckks").count();
    assert_eq!(count, 3);
    folder
}

#[test]
fn a_server_that_is_killed_in_its_evaluation_is_a_row() {
    let place = place("");
    let (run, server) = waiting(&place);
    signal("KILL", server);
    let words = ["the server was killed by signal 9"];
    ends(&place, run, "crashed", &words);
}

#[test]
fn a_server_that_stands_still_is_late_and_named() {
    let place = place("time_limit = \"8s\"");
    let (run, server) = waiting(&place);
    signal("STOP", server);
    fs::remove_file(place.path("gate")).unwrap();
    let words = ["the server was still busy after 8s", "raise `time_limit`"];
    ends(&place, run, "timeout", &words);
    assert!(command_line(server).is_empty(), "it is gone with its cell");
}

/// Both parties say what they hold, and the server less than the client, who has data and oracle.
#[test]
fn memory_of_both_is_told() {
    let place = place("");
    place.write(
        "e.toml",
        fs::read_to_string(place.path("e.toml"))
            .unwrap()
            .replace("\"wait\"", "\"none\""),
    );
    let mut program = place.program(["run", "e.toml"]);
    let outcome = Outcome::of(program.env("HEXPERIMENT_PLUGINS", crate::harness::faulty_plugin()));
    outcome.ends_with(0);
    for label in ["waits", "seal-ckks"] {
        let row = place.latest().row(label);
        for column in ["client_peak_rss_bytes", "server_peak_rss_bytes"] {
            let bytes: u64 = row[column].parse().unwrap();
            assert!(
                (1 << 20..1 << 32).contains(&bytes),
                "{label}: {column} = {bytes}"
            );
        }
        for column in ["key_transfer_ms", "prepare_ms", "transfer_ms"] {
            assert!(
                row[column].parse::<f64>().unwrap() > 0.0,
                "{label}: {column}"
            );
        }
    }
}
