//! Expectations about single cells of a matrix, from the file to the exit code.

use crate::harness::{Place, experiment};

const MATRIX: &str = "[[scheme]]\nuse = \"plaintext\"\n\
                      [matrix]\n\"dataset.limit\" = [100, 200]\n\
                      [run]\nrepetitions = 1\nwarmup = 0\n";

fn place(expect: &str) -> Place {
    let place = Place::new();
    let task = "use = \"logistic-regression\"";
    let more = format!("{MATRIX}{expect}");
    place.write("e.toml", experiment("use = \"wine-quality\"", task, &more));
    place
}

#[test]
fn each_cell_has_its_own() {
    // Three tenths of the rows are the test part.
    let expect = "[expect.\"plaintext/limit=100\"]\nsamples = { min = 30, max = 30 }\n\
                  [expect.plaintext]\nsamples = { min = 60, max = 60 }\n";
    place(expect).call(&["run", "e.toml"]).ends_with(0);
    let swapped = expect.replace("limit=100", "limit=200");
    let outcome = place(&swapped).call(&["run", "e.toml"]);
    outcome
        .ends_with(1)
        .says(&["plaintext/limit=200", "samples = 30"]);
    // What `--only` leaves out is expected of nothing.
    let one = place(&swapped);
    let only = ["run", "e.toml", "--only", "plaintext/limit=100"];
    one.call(&only).ends_with(1).says(&["samples = 60"]);
    let own = "[expect.\"plaintext/limit=200\"]\nsamples = { min = 60 }\n";
    place(own).call(&only).ends_with(0);
}

#[test]
fn a_cell_that_is_not_there_is_refused() {
    let place = place("[expect.\"plaintext/limit=10\"]\nsamples = { min = 60 }\n");
    place.call(&["check", "e.toml"]).ends_with(2).says(&[
        "e.toml:16: [expect] names no scheme's label: `plaintext/limit=10`",
        "did you mean `plaintext/limit=100`?",
        "labels: plaintext; or one cell, as in [expect.\"plaintext/limit=100\"]",
    ]);
}
