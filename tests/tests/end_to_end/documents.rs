//! What the documents show, held against what is there.

use hexperiment_core::experiment::sections;
use hexperiment_core::summary;

use crate::harness::{Place, repository, text_of};

const DOCUMENTS: [&str; 5] = [
    "README.md",
    "ARCHITECTURE.md",
    "SECURITY.md",
    "BIAS.md",
    "CHANGELOG.md",
];

/// The blocks of a document in one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == format!("```{language}") {
            let block = lines.by_ref().take_while(|l| *l != "```");
            blocks.push(block.collect::<Vec<_>>().join("\n"));
        }
    }
    blocks
}

/// Every experiment that a document shows is one, and none of its cells is refused.
#[test]
fn experiments_in_documents() {
    let mut shown = 0;
    for document in DOCUMENTS {
        for block in blocks(&text_of(document), "toml") {
            let place = Place::new();
            place.write("e.toml", &block);
            let outcome = place.call(&["check", "e.toml"]);
            outcome.ends_with(0).does_not_panic();
            assert!(!outcome.out.contains("refuses"), "{document}\n{outcome}");
            shown += 1;
        }
    }
    assert!(shown > 0, "README.md shows an experiment");
}

/// The words after `cargo xtask` wherever a document has them.
fn commands(text: &str) -> Vec<Vec<String>> {
    let parts = text.split("cargo xtask ").skip(1);
    let word = |w: &str| {
        w.trim_matches(|c: char| !c.is_alphanumeric() && c != '-')
            .to_owned()
    };
    parts
        .map(|rest| {
            let line = rest.split(['\n', '`', '#']).next().unwrap_or_default();
            line.split_whitespace().map(word).collect()
        })
        .collect()
}

/// Whether an option stands in a text as a whole.
fn has(text: &str, option: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '-')
        .any(|word| word == option)
}

/// Every verb and every option that a document shows exists.
#[test]
fn commands_in_documents() {
    let xtask = text_of("xtask/src/main.rs");
    let place = Place::new();
    for document in DOCUMENTS {
        for command in commands(&text_of(document)) {
            let Some((verb, options)) = command.split_first() else {
                continue;
            };
            let (_, entry) = xtask
                .split_once(&format!("name: \"{verb}\""))
                .unwrap_or_else(|| panic!("{document}: xtask has no `{verb}`"));
            let entry = entry.split("},").next().unwrap();
            for option in options.iter().filter(|o| o.starts_with("--") && *o != "--") {
                assert!(has(entry, option), "{document}: `{verb}` has no {option}");
                if !matches!(verb.as_str(), "test" | "doctor") {
                    let help = place.call(&[verb, "--help"]);
                    assert!(has(&help.out, option), "{document}: lacks {option}\n{help}");
                }
            }
        }
    }
    assert!(commands(&text_of("README.md")).len() >= 6);
}

/// Links to files of the repository lead somewhere.
#[test]
fn links_in_documents() {
    for document in DOCUMENTS {
        let text = text_of(document);
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            assert!(repository().join(path).exists(), "{document}: {link}");
            if !heading.is_empty() {
                let target = text_of(path);
                let found = target.lines().filter(|l| l.starts_with('#')).any(|l| {
                    let words = l.trim_start_matches('#').trim().to_lowercase();
                    let kept = words
                        .chars()
                        .filter(|c| c.is_alphanumeric() || " -".contains(*c));
                    kept.collect::<String>().replace(' ', "-") == heading
                });
                assert!(found, "{document}: {link}");
            }
        }
    }
}

/// Paths in code spans: `framework/runner`, `experiments/x.toml`.
#[test]
fn paths_in_documents() {
    let top = [
        "framework",
        "schemes",
        "tasks",
        "experiments",
        "reports",
        "tests",
        "xtask",
    ];
    for document in DOCUMENTS {
        let text = text_of(document);
        for span in text.split('`').skip(1).step_by(2) {
            let is_path = top.iter().any(|t| span.starts_with(&format!("{t}/")))
                && !span.contains(['<', '*', '{', ' ', '\n']);
            if is_path {
                assert!(repository().join(span).exists(), "{document}: {span}");
            }
        }
    }
}

/// The README's tables of keys are complete.
#[test]
fn keys_in_the_readme() {
    let readme = text_of("README.md");
    let sections = [
        ("[experiment]", sections::experiment()),
        ("[dataset]", sections::dataset()),
        ("[run]", sections::run()),
    ];
    for (section, specs) in sections {
        let row = readme
            .lines()
            .find(|l| l.starts_with(&format!("| `{section}` |")));
        let row = row.unwrap_or_else(|| panic!("README.md has no row of {section}"));
        for spec in specs {
            assert!(
                row.contains(&format!("`{}`", spec.name)),
                "{section}: {}",
                spec.name
            );
        }
    }
    let statuses = ["ok", "refused", "failed", "timeout", "crashed"];
    for status in statuses {
        assert!(readme.contains(&format!("`{status}`")), "{status}");
    }
    assert_eq!(summary::COLUMNS.len(), 33);
}

/// `list` shows what can be named, and the schema is JSON that knows the sections.
#[test]
fn lists_and_schema() {
    let place = Place::new();
    place.call(&["list"]).ends_with(0).says(&[
        "paillier",
        "plaintext",
        "seal-ckks",
        "tfhe",
        "logistic-regression",
        "linear-regression",
        "wine-quality",
        "modulus_bits",
        "3072",
        "library: ",
        "options of [run]",
    ]);
    let schema = place.call(&["schema"]);
    schema.ends_with(0);
    let schema: serde_json::Value = serde_json::from_str(&schema.out).unwrap();
    for section in [
        "experiment",
        "dataset",
        "task",
        "scheme",
        "matrix",
        "run",
        "expect",
    ] {
        assert!(schema["properties"][section].is_object(), "{section}");
    }
    let outcome = place.call(&["data", "verify", "wine-quality", "diabetes"]);
    outcome.ends_with(0).says(&["embedded"]);
    place
        .call(&["data", "verify", "framingham"])
        .ends_with(1)
        .says(&["MISSING", "HEXPERIMENT_DATA is not set", "help: "]);
}
