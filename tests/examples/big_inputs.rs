//! Makes inputs as large as they may get, for measuring the program on them by `time`:
//!
//! - `big_inputs experiment FILE`: an experiment of 10,000 cells, five schemes at eight points with 250 seeds each, to be
//!   planned by `hexperiment run FILE --plan-into FOLDER`;
//! - `big_inputs records RUN CELLS REPETITIONS FOLDER`: a run of so many cells with so many repetitions each, all like the
//!   last repetition of the run in the folder RUN but for their times, to be read by `hexperiment report FOLDER`.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::Value;

const EXPERIMENT: &str = r#"[experiment]
name = "big"
question = "How long does the planning of ten thousand cells take?"
caveats = "Made to be large."

[dataset]
use = "wine-quality"

[task]
use = "logistic-regression"

[[scheme]]
use = "plaintext"
[[scheme]]
use = "fernet"
[[scheme]]
use = "paillier"
[[scheme]]
use = "seal-ckks"
[[scheme]]
use = "tfhe"

[matrix]
"task.features" = [2, 3, 4, 5, 6, 7, 8, 9]

[run]
threads = 1
seeds = 250
"#;

/// How the line of a repetition begins, and keys in it before which others may be left out.
const REPETITION: &str = r#"{"kind":"repetition","#;
const ENCRYPT: &str = r#","encrypt":"#;
const EVALUATE: &str = r#","evaluate":{"wall_ns":"#;

const USAGE: &str = "big_inputs experiment FILE | big_inputs records RUN CELLS REPETITIONS FOLDER";

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["experiment", file] => Ok(fs::write(file, EXPERIMENT)?),
        ["records", run, cells, repetitions, folder] => {
            let sample = fs::read_to_string(Path::new(run).join("records.jsonl"))?;
            fs::create_dir_all(folder)?;
            let file = File::create(Path::new(folder).join("records.jsonl"))?;
            let counts = (cells.parse()?, repetitions.parse()?);
            records(&sample, counts, &mut BufWriter::new(file))
        }
        _ => Err(USAGE.into()),
    }
}

/// Writes records of so many cells with so many repetitions each, after those of a run.
fn records(
    sample: &str,
    (cells, repetitions): (u64, u64),
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let lines: Vec<Value> = sample
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let last = |kind: &str, cell: Option<&Value>| {
        let mut found = lines.iter().rev();
        let found = found.find(|l| l["kind"] == kind && cell.is_none_or(|cell| l["cell"] == *cell));
        found
            .cloned()
            .ok_or(format!("the run has no line of kind {kind}"))
    };
    let (mut run, repetition) = (last("run", None)?, last("repetition", None)?);
    let mut setup = last("setup", Some(&repetition["cell"]))?;
    let known = run["cells"].as_array().into_iter().flatten();
    let like = known.clone().find(|cell| cell["id"] == repetition["cell"]);
    let like = like.ok_or("the run lacks the cell of its last repetition")?;
    let all: Vec<Value> = (0..cells)
        .map(|number| {
            let mut cell = like.clone();
            cell["id"] = format!("cell/features={number}").into();
            cell["point"] = serde_json::json!({ "task.features": number });
            cell
        })
        .collect();
    let ids: Vec<Value> = all.iter().map(|cell| cell["id"].clone()).collect();
    run["cells"] = all.into();
    run["resolved"]["run"]["repetitions"] = repetitions.into();
    serde_json::to_writer(&mut *out, &run)?;
    for id in &ids {
        setup["cell"] = id.clone();
        writeln!(out)?;
        serde_json::to_writer(&mut *out, &setup)?;
    }
    // The line as it was written: whoever reads it may be faster where keys are in that order.
    let line = sample
        .lines()
        .rev()
        .find(|line| line.starts_with(REPETITION));
    let (_, rest) = line
        .and_then(|l| l.split_once(ENCRYPT))
        .ok_or("a repetition has other keys")?;
    let (before, rest) = rest
        .split_once(EVALUATE)
        .ok_or("a repetition has other keys")?;
    let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    // Round by round, as a run writes them.
    for index in 0..repetitions {
        for (number, id) in (0_u64..).zip(&ids) {
            let ns = 1_000_000 + (index * 7919 + number * 104_729) % 100_000;
            write!(
                out,
                "\n{REPETITION}\"cell\":{id},\"index\":{index}{ENCRYPT}{before}{EVALUATE}{ns}{behind}"
            )?;
        }
    }
    writeln!(out)?;
    Ok(out.flush()?)
}
