//! `publish`: what is kept of runs, and whether it is current.

use std::fs;
use std::path::Path;

use crate::harness::{Outcome, Place, experiment, repository};

/// The bytes of all files below a folder.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let of = |entry: fs::DirEntry| {
        if entry.file_type().unwrap().is_dir() {
            size(&entry.path())
        } else {
            entry.metadata().unwrap().len()
        }
    };
    entries.map(of).sum()
}

/// Index, pictures and README are what is made of the published results, which are small.
#[test]
fn what_is_published_is_current() {
    let place = Place::new();
    let at = |path: &str| repository().join(path);
    let mut command = place.program(["publish", "--check", "--into"]);
    command.arg(at("reports/published"));
    command.arg("--readme").arg(at("README.md"));
    let outcome = Outcome::of(&mut command);
    outcome.ends_with(0).says(&["published: current"]);
    let bytes = size(&at("reports/published"));
    assert!(bytes < 2_000_000, "{bytes}");
}

/// What stands between the marks before anything is published: no text of a page has it, whatever the machine is
/// called.
const BEFORE: &str = "what-was-here-before-anything-was-published";

const PAGE: &str = "before\n<!-- published: e -->\nwhat-was-here-before-anything-was-published\n\
                    <!-- end of published -->\nafter\n";

#[test]
fn a_run_is_published_and_changes_are_found() {
    let place = Place::new();
    let more = "[[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"paillier\"\n\
                [run]\nrepetitions = 2\nwarmup = 0";
    let task = "use = \"column-statistics\"";
    let dataset = "use = \"wine-quality\"\nlimit = 50\ntest_fraction = 0.3";
    let text = experiment(dataset, task, more);
    let name = text.split("name = \"").nth(1).unwrap();
    let name = name.split('"').next().unwrap().to_owned();
    place.write("e.toml", &text);
    place.write("page.md", PAGE.replace(": e ", &format!(": {name} ")));
    place.call(&["run", "e.toml"]).ends_with(0);

    let publish = [
        "publish", "--into", "kept", "--site", "site", "--readme", "page.md",
    ];
    place
        .call(&publish)
        .ends_with(0)
        .says(&[&format!("published {name} of ")]);
    let read = |path: &str| fs::read_to_string(place.path(path)).unwrap();
    let page = read("page.md");
    assert!(
        page.starts_with("before\n") && page.ends_with("-->\nafter\n"),
        "{page}"
    );
    assert!(
        page.contains(&format!("](kept/{name}/picture.svg)")),
        "{page}"
    );
    assert!(PAGE.contains(BEFORE) && !page.contains(BEFORE), "{page}");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with('|')).collect();
    let begins = |name: &str| rows.iter().any(|row| row.starts_with(name));
    assert!(begins("| plaintext |") && begins("| paillier |"), "{page}");
    let index = read("kept/README.md");
    // What stands in both whatever the machine is, how busy it was, and whether there is a commit.
    let environment = [
        "logical processor",
        " of memory",
        "hexperiment ",
        "commit",
        "rustc",
    ];
    for (text, words) in [(&index, "## column-statistics"), (&index, name.as_str())]
        .into_iter()
        .chain(
            environment
                .iter()
                .flat_map(|words| [(&index, *words), (&page, *words)]),
        )
    {
        assert!(text.contains(words), "lacks {words:?}\n{text}");
    }
    let picture = read(&format!("kept/{name}/picture.svg"));
    assert_eq!(picture.matches("<circle").count(), 4, "{picture}");
    assert_eq!(
        read(&format!("kept/{name}/summary.csv")),
        place.latest().read("summary.csv")
    );
    assert!(read("site/index.html").contains("href=\"column-statistics.html\""));
    assert!(read("site/column-statistics.html").contains("paillier"));
    assert!(read(&format!("site/{name}/table.md")).contains("Provenance"));

    // A second time nothing changes, and without runs it is what it was.
    let check = [
        "publish", "--check", "--into", "kept", "--readme", "page.md",
    ];
    place.call(&check).ends_with(0).says(&["current"]);
    place.call(&publish).ends_with(0);
    assert_eq!(read("page.md"), page);

    place.write("page.md", page.replace("| paillier |", "| Paillier |"));
    place.write(
        "kept/README.md",
        index.replace("column-statistics", "columns"),
    );
    place.write(&format!("kept/{name}/picture.svg"), "<svg/>");
    let found = place.call(&check);
    found.ends_with(1).says(&["page.md: is not as it is made"]);
    found.says(&["README.md: is not as it is made", "picture.svg: is not"]);
    fs::remove_file(place.path(&format!("kept/{name}/table.md"))).unwrap();
    place
        .call(&check)
        .ends_with(1)
        .says(&["table.md: is missing"]);
}

#[test]
fn of_runs_of_one_second_the_last_is_published() {
    let place = Place::new();
    let dataset = "use = \"wine-quality\"\nlimit = 50\ntest_fraction = 0.3";
    let more = "[[scheme]]\nuse = \"plaintext\"\n[run]\nrepetitions = 1\nwarmup = 0";
    let text = experiment(dataset, "use = \"column-statistics\"", more);
    place.write("e.toml", &text);
    place.call(&["run", "e.toml"]).ends_with(0);
    let first = fs::canonicalize(place.path("runs/latest")).unwrap();
    let second = format!("{}-2", first.display());
    fs::create_dir(&second).unwrap();
    let records = fs::read_to_string(first.join("records.jsonl")).unwrap();
    let again = records.replacen("\"Why?\"", "\"Why again?\"", 1);
    assert_ne!(records, again);
    fs::write(format!("{second}/records.jsonl"), again).unwrap();
    let publish = ["publish", "--into", "kept", "--site", "site"];
    place.call(&publish).ends_with(0);
    let index = fs::read_to_string(place.path("kept/README.md")).unwrap();
    assert!(index.contains("Why again?"), "{index}");
}

#[test]
fn what_cannot_be_published_is_told() {
    let place = Place::new();
    let said = |arguments: &[&str], words: &[&str]| {
        place
            .call(arguments)
            .ends_with(2)
            .does_not_panic()
            .says(words);
    };
    said(
        &["publish", "nowhere"],
        &["nowhere: cannot be read", "help: "],
    );
    said(
        &["publish", "--check", "--into", "kept"],
        &["kept: cannot be read", "help: "],
    );
    place.write("kept/e/run.json", "{}");
    said(
        &["publish", "--check", "--into", "kept"],
        &["run.json: is not what `publish` writes", "help: remove"],
    );
    fs::remove_dir_all(place.path("kept/e")).unwrap();
    place.write("page.md", "no marks");
    said(
        &[
            "publish", "--check", "--into", "kept", "--readme", "page.md",
        ],
        &["page.md: shows no published experiment"],
    );
    place.write("page.md", PAGE);
    said(
        &[
            "publish", "--check", "--into", "kept", "--readme", "page.md",
        ],
        &[
            "page.md: shows `e`, of which nothing is published",
            "help: run",
        ],
    );
    let task = "use = \"column-statistics\"";
    let dataset = "use = \"wine-quality\"\nlimit = 50\ntest_fraction = 0.3";
    let more = "[[scheme]]\nuse = \"plaintext\"\n[run]\nrepetitions = 2\nwarmup = 0";
    place.write("e.toml", experiment(dataset, task, more));
    place.call(&["run", "e.toml"]).ends_with(0);
    // As a run leaves it that was killed before its last repetition.
    let records = place.latest().0.join("records.jsonl");
    let text = fs::read_to_string(&records).unwrap();
    let kept: Vec<&str> = text.lines().collect();
    fs::write(&records, kept[..kept.len() - 1].join("\n") + "\n").unwrap();
    said(
        &["publish", "--into", "kept"],
        &["plaintext has not all repetitions", "help: "],
    );
}
