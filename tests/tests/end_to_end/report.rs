//! `report`: the page of runs from their records alone.

use std::fs;

use crate::harness::{Place, experiment};

const SCHEMES: &str = "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"seal-ckks\"\n";
const RUN: &str = "[run]\nrepetitions = 2\nwarmup = 0\n[expect]\nauc = { min = 0.5 }\n";

fn ran() -> Place {
    let place = Place::new();
    let task = "use = \"logistic-regression\"\nfeatures = 3";
    let dataset = "use = \"wine-quality\"\ntest_fraction = 0.3";
    place.write(
        "e.toml",
        experiment(dataset, task, &format!("{SCHEMES}{RUN}")),
    );
    place.call(&["run", "e.toml"]).ends_with(0);
    place
}

#[test]
fn a_page_is_written_by_a_run_and_again_by_the_verb() {
    let place = ran();
    let folder = place.latest();
    let page = folder.read("report.html");
    for words in [
        "<!DOCTYPE html>",
        "seal-ckks takes",
        "the AUC of the clear",
        "[experiment]",
        "scores.csv",
        "Content-Security-Policy",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("src=\"http") && !page.contains("href="));
    // The same records make the same page.
    fs::remove_file(place.path("runs/latest/report.html")).unwrap();
    let again = place.call(&["report"]);
    again.ends_with(0).says(&["written to", "report.html"]);
    assert_eq!(folder.read("report.html"), page);
    // Two runs on one page; a folder of runs means those in it.
    place.call(&["run", "e.toml"]).ends_with(0);
    place
        .call(&["report", "runs"])
        .ends_with(0)
        .does_not_panic();
    let both = fs::read_to_string(place.path("runs/report.html")).unwrap();
    assert_eq!(both.matches("<article").count(), 2);
    assert!(both.contains("<option value=\"1\">"));
    let named = place.call(&["report", "runs/latest", "--output", "my.html"]);
    named.ends_with(0).says(&["my.html"]);
    assert!(place.path("my.html").is_file());
}

#[test]
fn what_is_missing_is_told() {
    let place = ran();
    let records = place.path("runs/latest/records.jsonl");
    let whole = fs::read_to_string(&records).unwrap();
    // Killed before the last repetition, in the middle of a line.
    let cut = whole.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n{\"kind\":\"rep";
    fs::write(&records, cut).unwrap();
    place.call(&["report"]).ends_with(0).does_not_panic();
    let page = fs::read_to_string(place.path("runs/latest/report.html")).unwrap();
    assert!(page.contains("the run was interrupted: 1 of 2"), "{page}");
    // What is no record of this program, is empty, or is not there.
    for (text, words) in [
        (
            "{\"kind\":\"run\",\"schema\":99}\n",
            "found records of schema 99",
        ),
        ("not a record\n", "found no whole record"),
        ("", "found no whole record"),
    ] {
        fs::write(&records, text).unwrap();
        let outcome = place.call(&["report"]);
        outcome
            .ends_with(2)
            .does_not_panic()
            .says(&["records.jsonl", words]);
    }
    let nowhere = place.call(&["report", "nowhere"]);
    nowhere.ends_with(2).says(&["nowhere", "records.jsonl"]);
    place.write("empty/file.txt", "");
    let empty = place.call(&["report", "empty"]);
    empty.ends_with(2).says(&["found no records.jsonl"]);
}
