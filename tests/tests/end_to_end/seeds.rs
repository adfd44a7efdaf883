//! Several seeds: a row of their mean, from cells of their own.

use std::fs;

use serde_json::Value;

use crate::harness::{Place, RunFolder, experiment};

/// Two schemes at the seeds 5, 6 and 7, with the mean of the AUC bounded.
fn at_seeds(more: &str) -> String {
    experiment(
        "use = \"wine-quality\"\nlimit = 300",
        "use = \"logistic-regression\"",
        &format!(
            "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"seal-ckks\"\n[run]\nseed = 5\n{more}\n\
             repetitions = 2\nwarmup = 0\nthreads = 1\n[expect]\nauc = {{ min = 0.5, max = 1 }}\n\
             [expect.seal-ckks]\nauc_loss = {{ min = -0.01, max = 0.01 }}\n"
        ),
    )
}

/// The first metric of a cell's first repetition.
fn first_metric(folder: &RunFolder, cell: &str) -> f64 {
    let lines = folder.records();
    let of_cell = |l: &&Value| l["kind"] == "repetition" && l["cell"] == cell;
    let line = lines
        .iter()
        .find(of_cell)
        .unwrap_or_else(|| panic!("no repetition of {cell}"));
    line["quality"]["metrics"][0]["value"].as_f64().unwrap()
}

#[test]
fn seeds_are_one_row_of_their_mean() {
    let place = Place::new();
    place.write("e.toml", at_seeds("seeds = 3"));
    place
        .call(&["run", "e.toml"])
        .ends_with(0)
        .says(&["seeds 5 to 7", " ± "]);
    let folder = place.latest();
    let rows = folder.summary().1;
    assert_eq!(rows.len(), 2);
    let plain = folder.row("plaintext");
    let number = |column: &str| plain[column].parse::<f64>().unwrap();
    for (column, want) in [
        ("seed", "5"),
        ("seeds", "3"),
        ("processes", "3"),
        ("repetitions", "6"),
    ] {
        assert_eq!(plain[column], want, "{column}");
    }
    let values = [5, 6, 7].map(|seed| first_metric(&folder, &format!("plaintext/seed={seed}")));
    let mean = values.iter().sum::<f64>() / 3.0;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    // Student's t of two degrees of freedom, from any table.
    let half = 4.302_653 * (squares / 2.0 / 3.0).sqrt();
    assert!(half > 0.0, "seeds split the data anew: {values:?}");
    for (column, want) in [
        ("value", mean),
        // An AUC is a share: Student's t knows no bounds, what is written does.
        ("value_low", (mean - half).max(0.0)),
        ("value_high", (mean + half).min(1.0)),
    ] {
        assert!((number(column) - want).abs() < 1e-6, "{column}: {plain:?}");
    }
    // Nothing is encrypted: the same in the clear.
    assert_eq!(plain["value"], plain["plaintext_value"]);
    assert_eq!(plain["value_low"], plain["plaintext_value_low"]);
    let table = folder.read("table.md");
    assert!(
        table.contains("Over seeds") && table.contains("Nadeau and Bengio"),
        "{table}"
    );

    // A seed among others is the split that a run has with it alone.
    let alone = Place::new();
    alone.write("e.toml", at_seeds(""));
    alone
        .call(&["run", "e.toml", "--set", "run.seed=6"])
        .ends_with(0);
    assert_eq!(first_metric(&alone.latest(), "plaintext"), values[1]);

    // It is finished: to go on with it does nothing; more repetitions are those of each seed.
    let records = folder.0.join("records.jsonl");
    let before = fs::read(&records).unwrap();
    place.call(&["run", "e.toml", "--resume"]).ends_with(0);
    assert_eq!(fs::read(&records).unwrap(), before);
    place
        .call(&["run", "e.toml", "--resume", "--repetitions", "3"])
        .ends_with(0);
    assert_eq!(folder.row("seal-ckks")["repetitions"], "9");
    assert_eq!(folder.row("seal-ckks")["status"], "ok");
}

/// A bound of the mean that does not hold fails the run, and one row is chosen with all its seeds.
#[test]
fn expectations_and_rows_are_of_means() {
    let place = Place::new();
    place.write(
        "e.toml",
        at_seeds("seeds = 2").replace("min = 0.5", "min = 0.999"),
    );
    let ended = place.call(&["run", "e.toml", "--only", "plaintext"]);
    ended.ends_with(1).says(&["auc"]);
    let folder = place.latest();
    assert_eq!(folder.summary().1.len(), 1);
    assert_eq!(folder.row("plaintext")["seeds"], "2");
    let ended = place.call(&["run", "e.toml", "--only", "plaintext/seed=6"]);
    ended.ends_with(1);
    assert_eq!(place.latest().row("plaintext")["seeds"], "1");
}
