//! `--set` and `--repetitions`: as if they stood in the file, in every verb, and in the records.

use std::fs;

use crate::harness::{Outcome, Place, experiment};

const MORE: &str = "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"fernet\" # in transport\n\
                    [run]\nrepetitions = 2\nwarmup = 0\n";

fn place() -> Place {
    let place = Place::new();
    let wine = "use = \"wine-quality\"\nlimit = 200";
    let task = "use = \"logistic-regression\"";
    place.write("e.toml", experiment(wine, task, MORE));
    place
}

#[test]
fn a_run_with_settings_is_recorded_with_them() {
    let place = place();
    let set = [
        "--set",
        "task.features=3",
        "--set",
        "scheme.fernet.label=on the way",
    ];
    let run = ["run", "e.toml", "--repetitions", "3"];
    place.call(&[&run[..], &set].concat()).ends_with(0);
    let folder = place.latest();
    assert_eq!(folder.repetitions().len(), 6);
    assert_eq!(folder.row("on the way")["scheme"], "fernet");
    let header = &folder.records()[0];
    assert_eq!(header["resolved"]["task"]["options"]["features"], 3);
    let given = [
        "--repetitions 3",
        "--set task.features=3",
        "--set scheme.fernet.label=on the way",
    ];
    assert_eq!(header["set"], serde_json::json!(given));
    assert!(
        folder
            .read("table.md")
            .contains("set on the command line: --repetitions 3 --set")
    );
    // The copy is the experiment that was run: it says so, keeps comments, and runs the same.
    let copy = folder.read("experiment.toml");
    for line in [
        "#   --set task.features=3\n",
        "repetitions = 3\n",
        "features = 3\n",
        "label = \"on the way\"\n",
        "# in transport\n",
    ] {
        assert!(copy.contains(line), "lacks {line:?}:\n{copy}");
    }
    let copy = folder.0.join("experiment.toml");
    place
        .call(&["run", copy.to_str().unwrap(), "--resume"])
        .ends_with(0);
    assert_eq!(place.latest().0, folder.0);
    assert_eq!(folder.repetitions().len(), 6);
    // The file itself is as it was.
    let file = fs::read_to_string(place.path("e.toml")).unwrap();
    assert!(!file.contains("features = 3"), "{file}");
}

#[test]
fn check_and_explain_take_settings() {
    let place = place();
    let with = |verb: &str, set: &[&str]| -> Outcome {
        let set = set.iter().flat_map(|text| ["--set", *text]);
        let arguments: Vec<&str> = [verb, "e.toml"].into_iter().chain(set).collect();
        place.call(&arguments)
    };
    with("check", &["dataset.limit=100"])
        .ends_with(0)
        .says(&["plaintext: fine; 30 samples"]);
    let explained = with("explain", &["task.output=class", "dataset.limit=100"]);
    explained.ends_with(0).says(&["30 x [", "output class"]);
    let outcome = with("check", &["matrix.task.features=[2, 5]"]);
    outcome
        .ends_with(0)
        .says(&["plaintext/features=2: fine", "fernet/features=5: fine"]);
    // The same in all verbs: what is wrong with a setting names it; no run is left.
    for verb in ["check", "explain", "run"] {
        for (set, words) in [
            (
                "run.repetitions=0",
                "--set run.repetitions=0: `repetitions` in [run]: found 0",
            ),
            (
                "task.features=99",
                "--set task.features=99: `features` in [task]: ",
            ),
            ("task.feature=3", "did you mean `features`?"),
            ("nonsense", "--set nonsense: found no `=`"),
        ] {
            let outcome = with(verb, &[set]);
            outcome.ends_with(2).does_not_panic();
            assert!(outcome.err.contains(words), "lacks {words:?}\n{outcome}");
            assert!(outcome.err.contains("\n  help: "), "{outcome}");
        }
    }
    let outcome = place.call(&["run", "e.toml", "--repetitions", "-3"]);
    outcome
        .ends_with(2)
        .says(&["--repetitions -3: `repetitions` in [run]: found -3"]);
    assert!(!place.path("runs").exists(), "something was run");
}
