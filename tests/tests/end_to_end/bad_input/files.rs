//! Paths that lead to something else than a file that can be read to its end.

use std::fs::{self, File};
use std::process::Command;

use super::{OWN, SCHEME, TASK, WINE, good, refused};
use crate::harness::{Outcome, Place, experiment};

const MODEL: &str = "use = \"logistic-regression\"\nmodel = \"model.json\"";

/// A named pipe. Whoever opens it is given a file in which nothing is wrong: a program that reads it
/// is found out by that, and does not wait for ever.
#[cfg(unix)]
fn pipe(place: &Place, name: &str, contents: String) {
    let path = place.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    std::thread::spawn(move || fs::write(path, contents));
}

/// A model of two columns of [`good`].
fn model() -> String {
    let column = |name: &str| {
        format!(
            r#"{{"name":"{name}","unit":{{"centre":1,"width":1}},"mean":0,"deviation":1,"weight":1}}"#
        )
    };
    let columns = [column("a"), column("b")].join(",");
    format!(r#"{{"clip":5,"sensors":[{columns}],"intercept":0,"threshold":0}}"#)
}

/// A place where `name` is all that is wrong.
fn place_of(name: &str) -> Place {
    let place = Place::new();
    let dataset = match name {
        "datasets/mine.toml" => "use = \"mine\"",
        "photos/a.png" => "path = \"photos\"",
        "a.png" => "path = \"a.png\"",
        _ => OWN,
    };
    let task = match name {
        "model.json" => MODEL,
        "photos/a.png" | "a.png" => "use = \"max-pooling\"",
        _ => TASK,
    };
    if name != "e.toml" {
        place.write("e.toml", experiment(dataset, task, SCHEME));
    }
    if name != "my.csv" {
        place.write("my.csv", good());
    }
    place
}

/// What each kind of file is called where there is none, and where that stands.
const KINDS: [(&str, &str, &str); 6] = [
    ("e.toml", "expected a text file", "e.toml: cannot be read"),
    (
        "my.csv",
        "expected a file of values",
        "e.toml:6: `path` in [dataset]",
    ),
    (
        "model.json",
        "expected a model.json",
        "e.toml:10: `model` in [task]",
    ),
    (
        "datasets/mine.toml",
        "expected a text file",
        "mine.toml: cannot be read",
    ),
    (
        "a.png",
        "expected an image",
        "e.toml:6: `path` in [dataset]",
    ),
    (
        "photos/a.png",
        "expected an image",
        "e.toml:6: `path` in [dataset]",
    ),
];

#[cfg(unix)]
#[test]
fn named_pipes() {
    for (name, expected, at) in KINDS {
        let place = place_of(name);
        let contents = match name {
            "e.toml" => experiment(OWN, TASK, SCHEME),
            "my.csv" => good(),
            "model.json" => model(),
            _ => "title = \"t\"\nsource = \"s\"\nlicence = \"l\"\nbuiltin = \"linfa:iris\"".into(),
        };
        pipe(&place, name, contents);
        let words = [name, at, "cannot be read: found a named pipe", expected];
        refused(&place, &words);
    }
    // Below the folder of data, too.
    let place = Place::new();
    pipe(&place, "cache/hexperiment/data/wine.csv", good());
    let manifest =
        "title = \"t\"\nsource = \"s\"\nlicence = \"l\"\nfile = \"wine.csv\"\ntarget = \"y\"";
    place.write("datasets/mine.toml", manifest);
    place.write("e.toml", experiment("use = \"mine\"", TASK, SCHEME));
    refused(
        &place,
        &[
            "e.toml:6: `use` in [dataset]",
            "wine.csv",
            "found a named pipe",
        ],
    );
}

#[cfg(unix)]
#[test]
fn devices_and_folders() {
    for (name, expected, at) in KINDS {
        // Should it be read after all, it is to end soon.
        let place = place_of(name);
        let path = place.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/dev/null", path).unwrap();
        refused(
            &place,
            &[name, at, "cannot be read: found a device", expected],
        );
    }
    for (name, expected, at) in KINDS
        .into_iter()
        .filter(|(name, ..)| !name.ends_with("png"))
    {
        let place = place_of(name);
        fs::create_dir_all(place.path(name)).unwrap();
        if name == "my.csv" {
            refused(&place, &["my.csv", at, "found no image in the folder"]);
        } else {
            refused(
                &place,
                &[name, at, "cannot be read: found a folder", expected],
            );
        }
    }
}

/// What has no end is given no time: with the address space bounded, a program that reads it ends.
#[cfg(target_os = "linux")]
#[test]
fn devices_without_an_end() {
    for device in ["/dev/zero", "/dev/urandom"] {
        let data = experiment(
            &format!("path = \"{device}\"\ntarget = \"y\""),
            TASK,
            SCHEME,
        );
        let task = MODEL.replace("model.json", device);
        for text in [data, experiment(WINE, &task, SCHEME)] {
            let place = Place::new();
            place.write("e.toml", text);
            let program = place.program(["check", "e.toml"]);
            let mut bounded = Command::new("sh");
            bounded
                .args(["-c", "ulimit -v 2000000; exec \"$0\" \"$@\""])
                .arg(program.get_program())
                .args(program.get_args())
                .current_dir(place.path("."));
            let outcome = Outcome::of(&mut bounded);
            outcome.ends_with(2).does_not_panic();
            outcome.says(&["e.toml:", device, "found a device", "\n  help: "]);
        }
    }
}

/// Sparse files: nothing of them is on the disk.
#[test]
fn files_that_are_too_large() {
    let large = |name: &str, length: u64| {
        let place = place_of(name);
        let path = place.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().set_len(length).unwrap();
        place
    };
    for (name, most) in [
        ("e.toml", 16_u64 << 20),
        ("my.csv", 1 << 30),
        ("model.json", 16 << 20),
        ("datasets/mine.toml", 16 << 20),
    ] {
        let place = large(name, most + 1);
        let found = format!("found {} bytes, expected at most {most}", most + 1);
        refused(&place, &[name, &found, "HEXPERIMENT_MAX_FILE_SIZE="]);
    }
}

#[test]
fn the_limit_can_be_raised() {
    let place = place_of("model.json");
    place.write("model.json", model() + &" ".repeat(16 << 20));
    refused(
        &place,
        &[
            "e.toml:10: `model` in [task]",
            "HEXPERIMENT_MAX_FILE_SIZE=1GiB",
        ],
    );
    let with = |limit: &str| {
        let mut program = place.program(["check", "e.toml"]);
        Outcome::of(program.env("HEXPERIMENT_MAX_FILE_SIZE", limit))
    };
    with("17MiB")
        .ends_with(0)
        .says(&["plaintext: fine; 6 samples"]);
    // A limit below the usual one is none.
    with("1kB")
        .ends_with(2)
        .says(&["expected at most 16777216"]);
    let unreadable = with("much")
        .ends_with(2)
        .does_not_panic()
        .is_plain()
        .err
        .clone();
    for word in [
        "HEXPERIMENT_MAX_FILE_SIZE: found \"much\", expected a size",
        "\n  help: ",
    ] {
        assert!(unreadable.contains(word), "lacks {word:?}: {unreadable}");
    }
}

/// Records are read again by `--resume`, and by `overview`.
#[cfg(unix)]
#[test]
fn records() {
    let place = Place::new();
    place.write("my.csv", good());
    let settings = format!("{SCHEME}\n[run]\nrepetitions = 1\nwarmup = 0");
    place.write("e.toml", experiment(OWN, TASK, &settings));
    place.call(&["run", "e.toml"]).ends_with(0);
    let run = place.latest();
    let records = run.0.join("records.jsonl");
    let file = File::options().write(true).open(&records).unwrap();
    for (length, problem) in [
        (1 << 30, "found a line of more than 134217728 bytes"),
        ((8 << 30) + 1, "found 8589934593 bytes"),
    ] {
        file.set_len(length).unwrap();
        for call in [
            &["run", "e.toml", "--resume"][..],
            &["overview", "runs/latest"],
        ] {
            let outcome = place.call(call);
            outcome.ends_with(2).does_not_panic().is_plain();
            outcome.says(&["records.jsonl:", problem, "\n  help: "]);
        }
    }
}
