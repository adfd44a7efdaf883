//! What the documents show, held against what is there.

use std::fs;

use hexperiment_experiment::sections;

use crate::conform::conform;
use crate::harness::{Outcome, Place, repository, text_of};

const DOCUMENTS: [&str; 19] = [
    "README.md",
    "ARCHITECTURE.md",
    "SECURITY.md",
    "BIAS.md",
    "CHANGELOG.md",
    "docs/adding-a-scheme.md",
    "docs/adding-a-task.md",
    "docs/client.md",
    "docs/clusters.md",
    "docs/commands.md",
    "docs/experiments.md",
    "docs/glossary.md",
    "docs/reading-results.md",
    "docs/schemes-and-tasks.md",
    "docs/service.md",
    "docs/shards.md",
    "docs/wire.md",
    "docs/workbench.md",
    "reports/published/README.md",
];

/// The blocks of a document in one language.
pub fn blocks(text: &str, language: &str) -> Vec<String> {
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

/// What a document quotes: a block that names a file behind its language, as in
/// "```rust tasks/x/src/lib.rs"; path and text.
fn quotes(text: &str) -> Vec<(&str, String)> {
    let mut quotes = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
            if let Some((_, path)) = language.split_once(' ') {
                quotes.push((path, block.join("\n")));
            }
        }
    }
    quotes
}

/// What is quoted stands in the file, to the letter, from the beginning of a line to the end of one.
#[test]
fn quotes_in_documents() {
    for document in DOCUMENTS {
        for (path, quote) in quotes(&text_of(document)) {
            let found = format!("\n{}", text_of(path)).contains(&format!("\n{quote}\n"));
            assert!(found, "{document} quotes what is not in {path}:\n{quote}");
        }
    }
}

/// The guide shows a whole task: nothing of its file is left out, and no code is the guide's own.
#[test]
fn the_guide_shows_a_whole_task() {
    let (guide, file) = (
        "docs/adding-a-task.md",
        "tasks/column-statistics/src/lib.rs",
    );
    let text = text_of(guide);
    let shown: Vec<String> = quotes(&text)
        .into_iter()
        .filter_map(|(path, quote)| (path == file).then_some(quote))
        .collect();
    let lines = |text: &str| -> Vec<String> {
        let written = text.lines().filter(|l| !l.trim().is_empty());
        written.map(str::to_owned).collect()
    };
    assert_eq!(lines(&shown.join("\n")), lines(&text_of(file)));
    assert!(blocks(&text, "rust").is_empty(), "{guide} quotes no file");
}

/// Each term of the glossary stands once, in order, and the name and the file given for it exist.
#[test]
fn terms_in_the_glossary() {
    let text = text_of("docs/glossary.md");
    let rows = text.lines().filter(|l| l.starts_with("| ")).skip(2);
    let mut terms: Vec<String> = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [term, meaning, _, place] = cells[..] else {
            panic!("four cells to a row: {row}");
        };
        assert!(!meaning.is_empty(), "{term}");
        let spans: Vec<&str> = place.split('`').skip(1).step_by(2).collect();
        let [name, path] = spans[..] else {
            panic!("{term}: a name and a file, found {place}");
        };
        let file = text_of(path);
        let mut words = file.split(|c: char| !c.is_alphanumeric() && c != '_');
        assert!(words.any(|w| w == name), "{term}: {path} lacks {name}");
        terms.push(term.to_lowercase());
    }
    assert!(terms.len() >= 30, "{}", terms.len());
    assert!(terms.is_sorted_by(|a, b| a < b), "{terms:?}");
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
                if !matches!(verb.as_str(), "test" | "doctor" | "install") {
                    let help = match verb.as_str() {
                        "conform" => conform(&["--help"]),
                        verb => place.call(&[verb, "--help"]),
                    };
                    assert!(has(&help.out, option), "{document}: lacks {option}\n{help}");
                }
            }
        }
    }
    // What is asked above is asked of something.
    assert!(commands(&text_of("README.md")).len() >= 5);
    assert!(commands(&text_of("docs/commands.md")).len() >= 20);
}

/// What `cargo xtask help` says of a verb names all options that the program has for it.
#[test]
fn options_of_the_program_are_in_the_help_of_xtask() {
    let xtask = text_of("xtask/src/main.rs");
    let (_, verbs) = xtask.split_once("const VERBS").unwrap();
    let (verbs, _) = verbs.split_once("];").unwrap();
    let place = Place::new();
    let mut seen = 0;
    for entry in verbs.split("name: \"").skip(1) {
        let (verb, entry) = entry.split_once('"').unwrap();
        // The first are xtask's own; the last two have verbs of their own, and say where their options stand.
        let own = ["build", "doctor", "install", "test", "conform", "data"];
        if own.contains(&verb) || ["client", "serve"].contains(&verb) {
            continue;
        }
        let help = place.call(&[verb, "--help"]);
        help.ends_with(0);
        for line in help.out.lines().map(str::trim_start) {
            let line = line.strip_prefix("-v, ").unwrap_or(line);
            let option = line.split([' ', '=']).next().unwrap();
            let is_of_all = matches!(option, "--help" | "--plugin");
            if option.starts_with("--") && !is_of_all {
                assert!(
                    has(entry, option),
                    "`{verb}` in xtask/src/main.rs lacks {option}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 60, "{seen}");
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
        for link in links.filter(|link| !link.starts_with("http")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            // A link is read from the folder of its document.
            let target = match path {
                "" => repository().join(document),
                _ => repository().join(document).with_file_name(path),
            };
            assert!(target.exists(), "{document}: {link}");
            if !heading.is_empty() {
                let target = fs::read_to_string(target).unwrap();
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
        "docs",
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

/// The README is a front page: short, and from it everything is found.
#[test]
fn the_readme_is_a_front_page() {
    let readme = text_of("README.md");
    let lines = readme.lines().count();
    assert!(lines < 150, "{lines}");
    for document in DOCUMENTS {
        let is_linked = readme.contains(&format!("]({document})"));
        let is_itself = document == "README.md";
        // Who reads what has changed since a version finds it beside the README.
        assert!(
            is_linked || is_itself || document == "CHANGELOG.md",
            "{document}"
        );
    }
}

/// Each verb of `cargo xtask` has its place among the commands.
#[test]
fn verbs_in_the_commands() {
    let (xtask, page) = (text_of("xtask/src/main.rs"), text_of("docs/commands.md"));
    let (_, verbs) = xtask.split_once("const VERBS").unwrap();
    let named: Vec<&str> = verbs
        .split("name: \"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(named.len() >= 19, "{named:?}");
    for verb in named {
        assert!(page.contains(&format!("cargo xtask {verb}")), "{verb}");
    }
}

/// The tables of keys are complete, and so is that of statuses.
#[test]
fn keys_in_the_documents() {
    let keys = text_of("docs/experiments.md");
    let sections = [
        ("[experiment]", sections::experiment()),
        ("[dataset]", sections::dataset()),
        ("[run]", sections::run()),
        ("[links.NAME]", sections::link()),
    ];
    for (section, specs) in sections {
        let row = keys
            .lines()
            .find(|l| l.starts_with(&format!("| `{section}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/experiments.md has no row of {section}"));
        for spec in specs {
            assert!(
                row.contains(&format!("`{}`", spec.name)),
                "{section}: {}",
                spec.name
            );
        }
    }
    let results = text_of("docs/reading-results.md");
    let statuses = ["ok", "refused", "failed", "timeout", "crashed", "missing"];
    for status in statuses {
        assert!(results.contains(&format!("`{status}`")), "{status}");
    }
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
    for width in ["60", "80", "120"] {
        let mut list = place.program(["list"]);
        let outcome = Outcome::of(list.env("COLUMNS", width));
        let most: usize = width.parse().unwrap();
        let is_long = |line: &&str| line.chars().count() > most;
        // A word cannot be broken, nor the value that an option has.
        let has_words = |line: &&str| line.trim().contains(' ') && !line.contains(" = ");
        let long: Vec<&str> = outcome
            .out
            .lines()
            .filter(is_long)
            .filter(has_words)
            .collect();
        assert!(long.is_empty(), "{long:#?}");
    }
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

/// `list NAME` shows one thing with all that is known of it, and nothing else.
#[test]
fn one_thing_is_listed() {
    #[track_caller]
    fn check(place: &Place, name: &str, says: &[&str], lacks: &[&str]) {
        let outcome = place.call(&["list", name]);
        outcome.ends_with(0).says(says);
        for word in lacks {
            assert!(!outcome.out.contains(word), "{name} has {word}\n{outcome}");
        }
    }
    let place = Place::new();
    let others = ["tfhe-rs", "logistic-regression", "wine-quality"];
    let says = [
        "SCHEME",
        "modulus_bits (unset)",
        "packing = true",
        "library: ",
        "16384",
    ];
    check(&place, "paillier", &says, &others);
    let says = ["TASK", "precision = ", "metrics: ", "mae"];
    check(
        &place,
        "linear-regression",
        &says,
        &["modulus_bits", "wine-quality"],
    );
    let says = [
        "DATA SET",
        "licence: ",
        "source: https://",
        "target: ",
        "embedded as: ",
        "test_fraction = 0.3",
    ];
    check(&place, "wine-quality", &says, &["modulus_bits", "diabetes"]);
    let says = ["SECTION [run]", "repetitions = 10", "rank_by = \"wall\""];
    check(&place, "run", &says, &["modulus_bits", "test_fraction"]);
    check(&place, "[run]", &says, &["modulus_bits"]);
    let outcome = place.call(&["list", "palier"]);
    outcome.ends_with(2).does_not_panic().says(&[
        "no scheme, task, data set or section called `palier`",
        "help: did you mean `paillier`? known: ",
        "wine-quality",
    ]);
    assert!(outcome.out.is_empty(), "{outcome}");
}

/// Whatever the terminal, help is no wider than a page.
#[test]
fn help_fits_80_columns() {
    let place = Place::new();
    for verb in ["run", "submit", "merge", "export", "client", "serve"] {
        let help = place.call(&[verb, "--help"]);
        help.ends_with(0);
        // The line of usage is never wrapped.
        let mut lines = help.out.lines().filter(|line| !line.starts_with("Usage: "));
        let wide = lines.find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{verb}");
    }
}
