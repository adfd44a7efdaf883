//! What `ARCHITECTURE.md` says of who may know whom, and of the files that a new plugin touches.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::harness::{repository, text_of};

/// The crates in a folder such as `schemes`, by the name of their own folder.
#[track_caller]
fn folders(of: &str) -> Vec<String> {
    let entries = fs::read_dir(repository().join(of)).unwrap().flatten();
    let mut names: Vec<String> = entries
        .filter(|e| e.path().join("Cargo.toml").is_file())
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 2, "{of}: {names:?}");
    names
}

/// Built-in plugins: kind, folder and crate.
fn plugins() -> Vec<(&'static str, String, String)> {
    let of = |kind: &'static str, folder: &str| {
        let named = folders(folder).into_iter();
        named.map(move |name| (kind, name.clone(), format!("{kind}-{name}")))
    };
    of("scheme", "schemes").chain(of("task", "tasks")).collect()
}

fn is_ours(dependency: &str) -> bool {
    ["hexperiment-", "scheme-", "task-"]
        .iter()
        .any(|start| dependency.starts_with(start))
}

/// The crates of this project in a section of a `Cargo.toml`.
#[track_caller]
fn ours(folder: &str, section: &str) -> BTreeSet<String> {
    let manifest: Table = text_of(&format!("{folder}/Cargo.toml")).parse().unwrap();
    let section = manifest.get(section).and_then(Value::as_table);
    let names = section.into_iter().flat_map(Table::keys);
    names.filter(|name| is_ours(name)).cloned().collect()
}

/// The floors of `ARCHITECTURE.md`: folder, crate, and the floors that it may use.
const FLOORS: [(&str, &str, &[&str]); 14] = [
    ("framework/diagnostics", "hexperiment-diagnostics", &[]),
    ("framework/listen", "hexperiment-listen", &[]),
    ("framework/program", "hexperiment-program", &[]),
    (
        "framework/scheme",
        "hexperiment-scheme",
        &["diagnostics", "program"],
    ),
    ("framework/wire", "hexperiment-wire", &["program", "scheme"]),
    ("framework/data", "hexperiment-data", &["diagnostics"]),
    (
        "framework/task",
        "hexperiment-task",
        &["diagnostics", "program", "scheme", "wire", "data"],
    ),
    (
        "framework/client",
        "hexperiment-client",
        &[
            "diagnostics",
            "program",
            "scheme",
            "wire",
            "task",
            "service",
        ],
    ),
    (
        "framework/experiment",
        "hexperiment-experiment",
        &["diagnostics", "program", "scheme", "data", "task"],
    ),
    (
        "framework/plugin-abi",
        "hexperiment-plugin-abi",
        &["program", "scheme"],
    ),
    (
        "framework/plugin-program",
        "hexperiment-plugin-program",
        &["diagnostics", "program", "scheme", "wire"],
    ),
    (
        "framework/service",
        "hexperiment-service",
        &["diagnostics", "listen", "program", "scheme", "wire", "task"],
    ),
    (
        "reports",
        "hexperiment-reports",
        &[
            "diagnostics",
            "program",
            "scheme",
            "data",
            "task",
            "experiment",
        ],
    ),
    (
        "framework/workbench",
        "hexperiment-workbench",
        &[
            "diagnostics",
            "listen",
            "program",
            "scheme",
            "data",
            "task",
            "experiment",
            "reports",
        ],
    ),
];

/// Holds the crate in `folder` to the floors below it.
#[track_caller]
fn uses_only(folder: &str, floors: &[&str]) {
    let allowed: BTreeSet<String> = floors.iter().map(|f| format!("hexperiment-{f}")).collect();
    let found = ours(folder, "dependencies");
    let above: Vec<&String> = found.difference(&allowed).collect();
    assert!(above.is_empty(), "{folder} depends on {above:?}");
    assert!(ours(folder, "build-dependencies").is_empty(), "{folder}");
    // Tests may also compute with the zero line, and act by sessions.
    let tests = ours(folder, "dev-dependencies");
    let for_tests = ["scheme-plaintext", "hexperiment-task"];
    let above: Vec<&String> = tests
        .difference(&allowed)
        .filter(|name| !for_tests.contains(&name.as_str()))
        .collect();
    assert!(above.is_empty(), "tests of {folder} depend on {above:?}");
}

#[test]
fn dependencies_point_one_way() {
    for (folder, name, floors) in FLOORS {
        let manifest: Table = text_of(&format!("{folder}/Cargo.toml")).parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some(name));
        uses_only(folder, floors);
    }
    uses_only("xtask", &[]);
    for scheme in folders("schemes") {
        uses_only(&format!("schemes/{scheme}"), &["program", "scheme"]);
    }
    for task in folders("tasks") {
        uses_only(
            &format!("tasks/{task}"),
            &["diagnostics", "program", "scheme", "data", "task"],
        );
    }
}

/// What nobody needs who writes a scheme: readers of tables and images, networks, statistics.
#[test]
fn a_scheme_compiles_no_data_science() {
    let heavy = ["csv", "image", "toml", "ureq", "linfa", "linfa-datasets"];
    for folder in [
        "framework/program",
        "framework/scheme",
        "framework/diagnostics",
    ] {
        let manifest: Table = text_of(&format!("{folder}/Cargo.toml")).parse().unwrap();
        let found = manifest.get("dependencies").and_then(Value::as_table);
        for name in found.into_iter().flat_map(Table::keys) {
            assert!(!heavy.contains(&name.as_str()), "{folder}: {name}");
        }
    }
}

/// Where `unsafe` may stand: foreign functions, what the operating system is asked, and an allocator.
const UNSAFE: [&str; 8] = [
    "framework/plugin-abi/src/",
    "framework/runner/src/own_memory.rs",
    "framework/runner/src/interrupt.rs",
    "schemes/paillier/src/limbs.rs",
    "schemes/seal-ckks/src/ffi.rs",
    "schemes/seal-ckks/src/seal/",
    "tests/src/bounded.rs",
    // Its words alone.
    "tests/tests/end_to_end/layout.rs",
];

/// The compiler denies `unsafe` wherever a file does not say that it has some; these may say so.
#[test]
fn unsafe_code_stands_where_it_may() {
    let root: Table = text_of("Cargo.toml").parse().unwrap();
    let lint = &root["workspace"]["lints"]["rust"]["unsafe_code"];
    assert_eq!(lint.as_str(), Some("deny"));
    let mut found = BTreeSet::new();
    for path in files("") {
        let name = path.display().to_string();
        if path.ends_with("Cargo.toml") && name != "Cargo.toml" {
            let manifest: Table = text_of(&name).parse().unwrap();
            let inherits = manifest["lints"]["workspace"].as_bool();
            assert_eq!(inherits, Some(true), "{name} has lints of its own");
        }
        if path.extension().is_some_and(|e| e == "rs") {
            let code = product(&path);
            let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            let mut unsafe_words = words.filter(|w| ["unsafe", "unsafe_code"].contains(w));
            let place = UNSAFE.iter().find(|place| name.starts_with(**place));
            match place {
                Some(place) => found.extend(unsafe_words.next().map(|_| *place)),
                None => assert_eq!(unsafe_words.next(), None, "{name}"),
            }
        }
    }
    assert_eq!(
        found.len(),
        UNSAFE.len(),
        "no unsafe code elsewhere: {found:?}"
    );
}

/// A level that is not computed here comes from plugins out of tree alone.
#[test]
fn levels_that_are_not_computed_have_one_source() {
    let (call, place) = (".reported()", "framework/scheme/src/outside/");
    for path in files("") {
        let own = path.starts_with("framework/scheme/src/security") || path.starts_with("tests");
        if path.extension().is_some_and(|e| e == "rs") && !own && !path.starts_with(place) {
            assert!(
                !product(&path).contains(call),
                "{} calls {call}",
                path.display()
            );
        }
    }
}

/// Files below a folder of the repository that people write.
pub fn files(below: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![repository().join(below)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if path.is_dir() {
                let made = ["target", "runs", ".git"].contains(&name.as_ref());
                if !made {
                    folders.push(path);
                }
            } else if [".rs", ".toml", ".h", ".c"]
                .iter()
                .any(|end| name.ends_with(end))
            {
                found.push(path.strip_prefix(repository()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// A file without its comments, and without the tests at its end.
pub fn product(path: &Path) -> String {
    let text = fs::read_to_string(repository().join(path)).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let comment = if path.extension().is_some_and(|e| e == "toml") {
        "#"
    } else {
        "//"
    };
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with(comment));
    lines.collect::<Vec<_>>().join("\n")
}

/// Adding a plugin touches its own folder and these three files, a line in each; what tests it
/// lies in `tests/`. Nothing else names the crate.
#[test]
fn a_plugin_is_named_in_three_files() {
    let registry = "framework/runner/src/plugins.rs";
    let [root, runner] = ["Cargo.toml", "framework/runner/Cargo.toml"].map(text_of);
    let listed = text_of(registry);
    for (kind, folder, name) in plugins() {
        let place = format!("{name} = {{ path = \"{kind}s/{folder}\" }}\n");
        assert_eq!(root.matches(&place).count(), 1, "{place}");
        let underscored = name.replace('-', "_");
        // A scheme is a cargo feature, on by default; a task is always there.
        let (depends, default, lists) = match kind {
            "scheme" => (
                format!("\n{name} = {{ workspace = true, optional = true }}\n"),
                format!("\n    \"{name}\",\n"),
                format!("\n    \"{name}\", {underscored}, \""),
            ),
            _ => (
                format!("\n{name}.workspace = true\n"),
                String::new(),
                format!("\nuse {underscored} as _;\n"),
            ),
        };
        for (text, line) in [(&runner, &depends), (&runner, &default), (&listed, &lists)] {
            assert!(line.is_empty() || text.matches(line).count() == 1, "{line}");
        }
        if name == "scheme-plaintext" {
            continue; // tests take it for the oracle
        }
        let own = PathBuf::from(format!("{kind}s/{folder}"));
        for path in files("") {
            let touched = ["Cargo.toml", "framework/runner/Cargo.toml", registry];
            let may = touched.iter().any(|t| path == Path::new(t))
                || path.starts_with(&own)
                || path.starts_with("tests");
            let text = if may { String::new() } else { product(&path) };
            let named = text.contains(&name) || text.contains(&underscored);
            assert!(!named, "{} names {name}", path.display());
        }
    }
}

/// Whether a text names a plugin: a name of several words anywhere, one that is a word of the
/// language as well in quotes only.
fn names(text: &str, name: &str) -> bool {
    if !name.contains('-') {
        let quoted = ["\"", "`", "\\\""].map(|quote| format!("{quote}{name}{quote}"));
        return quoted.iter().any(|quoted| text.contains(quoted));
    }
    let is_apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    text.match_indices(name).any(|(at, _)| {
        let behind = text[at + name.len()..].chars().next();
        is_apart(text[..at].chars().next_back()) && is_apart(behind)
    })
}

#[test]
fn a_name_is_found() {
    for text in [
        "\"tfhe\"",
        "use `tfhe`",
        "\"as \\\"tfhe\\\"\"",
        "take seal-ckks, or",
    ] {
        let named = names(text, "tfhe") || names(text, "seal-ckks");
        assert!(named, "{text}");
    }
    for text in ["tfhe", "fn plaintext()", "unseal-ckks", "seal-ckks2"] {
        let named = ["tfhe", "plaintext", "seal-ckks"].map(|name| names(text, name));
        assert_eq!(named, [false; 3], "{text}");
    }
}

/// No code of the framework, the reports or xtask knows a plugin's name; no scheme a task's, no
/// task a scheme's.
#[test]
fn nobody_names_a_plugin() {
    let named = |below: &str, kind: &str| {
        for path in files(below) {
            // The composition roots list all of them, and those that pages begin with.
            let roots = [
                "framework/runner/src/plugins.rs",
                "framework/workbench/src/plugins.rs",
            ];
            if roots.iter().any(|root| path == Path::new(root)) {
                continue;
            }
            if path.extension().is_none_or(|e| e != "rs") || path.ends_with("tests.rs") {
                continue;
            }
            let in_tests = path.components().any(|c| c.as_os_str() == "tests");
            let text = if in_tests {
                String::new()
            } else {
                product(&path)
            };
            for (_, name, _) in plugins().iter().filter(|(k, ..)| *k == kind) {
                assert!(!names(&text, name), "{} names {name}", path.display());
            }
        }
    };
    for below in ["framework", "reports", "xtask"] {
        named(below, "scheme");
        named(below, "task");
    }
    named("schemes", "task");
    named("tasks", "scheme");
}

/// A source of data that a task brings is named there, and by manifests and experiments alone.
#[test]
fn nobody_names_a_source_that_a_task_brings() {
    let texts = |below: &str| {
        let rust = |path: &PathBuf| path.extension().is_some_and(|e| e == "rs");
        let code = files(below).into_iter().filter(rust);
        let code: Vec<_> = code.map(|path| (product(&path), path)).collect();
        code
    };
    let sources: BTreeSet<String> = texts("tasks")
        .iter()
        .filter(|(text, _)| text.contains("TableSourcePlugin("))
        .flat_map(|(text, _)| text.split("\"generated:").skip(1))
        .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        .collect();
    assert!(!sources.is_empty());
    for (text, path) in ["framework", "reports", "xtask"].map(texts).concat() {
        // A composition root, whose pages have names of what they show.
        if path.starts_with("framework/workbench") {
            continue;
        }
        for name in &sources {
            let named = [format!("\"{name}\""), format!("generated:{name}")];
            let is_named = named.iter().any(|words| text.contains(words.as_str()));
            assert!(!is_named, "{} names {name}", path.display());
        }
    }
}

/// The documents give the same list.
#[test]
fn documents_name_the_files_to_touch() {
    for document in ["docs/adding-a-scheme.md", "ARCHITECTURE.md"] {
        let text = text_of(document);
        for place in [
            "schemes/<name>/",
            "tasks/<name>/",
            "[workspace.dependencies]",
            "framework/runner/Cargo.toml",
            "framework/runner/src/plugins.rs",
            "tests/Cargo.toml",
            "tests/tests/conformance.rs",
            "experiments/datasets/<name>.toml",
        ] {
            assert!(text.contains(place), "{document} lacks {place}");
        }
    }
    for (kind, name, _) in plugins() {
        let map = text_of("ARCHITECTURE.md");
        assert!(
            map.contains(&format!("`{kind}s/{name}`")),
            "the code map lacks {kind} {name}"
        );
    }
}
