//! A model that one run leaves and another takes.

use crate::harness::{Place, experiment};

const WINE: &str =
    "use = \"wine-quality\"\nmissing = \"keep\"\nsplit = \"stratified\"\nlimit = 120";
const SETTINGS: &str = "[[scheme]]\nuse = \"plaintext\"\n[run]\nrepetitions = 1\nwarmup = 0\n";

/// By the path that is nearest at hand: `runs/latest`, which the second run takes for itself.
#[test]
fn a_detector_of_the_latest_run() {
    let place = Place::new();
    let task = "use = \"anomaly-detection\"\nfeatures = 4\nhidden_share = 0.1";
    place.write("train.toml", experiment(WINE, task, SETTINGS));
    place.call(&["run", "train.toml"]).ends_with(0);
    let model = "artefacts/plaintext/model.json";
    let left = place.latest().read(model);
    let task = format!("use = \"anomaly-detection\"\nmodel = \"runs/latest/{model}\"");
    place.write("score.toml", experiment(WINE, &task, SETTINGS));
    place
        .call(&["run", "score.toml"])
        .ends_with(0)
        .does_not_panic();
    let scored = place.latest();
    assert_eq!(scored.row("plaintext")["status"], "ok");
    let flags = scored.read("artefacts/plaintext/anomalies.csv");
    assert_eq!(flags.lines().count(), 121, "{flags}");
    assert!(left.contains("\"threshold\""), "{left}");
    // The run that scored left no model: by now `latest` leads there.
    let again = place.call(&["run", "score.toml"]);
    again.ends_with(2).does_not_panic();
    again.says(&[
        "score.toml:12: `model` in [task]: ",
        "model.json: cannot be read: No such file",
        "help: give the path of a `model.json`",
    ]);
}
