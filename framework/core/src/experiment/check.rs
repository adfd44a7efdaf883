//! From text to a checked experiment.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::matrix::check_matrix;
use super::parse::{Checker, Given};
use super::plugins::{check_schemes, check_task};
use super::rules::{BOTH, KEEP_ONE, check_dataset, check_name, check_run};
use super::{Experiment, expect, sections};
use crate::dataset::manifest::{self, Manifest};
use crate::options::{OptionSpec, OptionValue, Options, suggest};
use crate::registry;
use crate::source::{Complaint, Complaints, line_of};

const SECTIONS: [&str; 7] = [
    "experiment",
    "dataset",
    "task",
    "scheme",
    "matrix",
    "run",
    "expect",
];

pub(super) fn check(text: &str, file: &Path) -> Result<Experiment, Complaints> {
    let root = DeTable::parse(text).map_err(|e| {
        let complaint = Complaint::new(file, format!("not TOML: {}", e.message()));
        let complaint =
            complaint.help("texts are in quotes, sections in [brackets], lists in [a, b]");
        match e.span() {
            Some(span) => complaint.at_offset(text, span.start),
            None => complaint,
        }
    })?;
    let root = root.get_ref();
    let mut checker = Checker {
        text,
        file,
        complaints: vec![],
    };
    for key in root
        .keys()
        .filter(|k| !SECTIONS.contains(&k.get_ref().as_ref()))
    {
        let hint = suggest(key.get_ref(), SECTIONS)
            .map(|s| format!("did you mean [{s}]? "))
            .unwrap_or_default();
        let message = format!("unknown section [{}]", key.get_ref());
        checker.complain(
            key.span().start,
            message,
            Some(format!("{hint}known: {}", SECTIONS.join(", "))),
        );
    }
    let about = required(&mut checker, root, "experiment", &sections::experiment());
    let dataset = required(&mut checker, root, "dataset", &sections::dataset());
    check_name(&mut checker, &about);
    let section = root.get("dataset").map(|table| table.span().start);
    check_dataset(&mut checker, &dataset, section);
    let run = match checker.table(root, "run") {
        Some((table, offset)) => checker.section("[run]", table, offset, &sections::run()),
        None => Given::new(),
    };
    let (time_limit, memory_limit) = check_run(&mut checker, &run);
    let task = check_task(&mut checker, root);
    let schemes = check_schemes(&mut checker, root);
    let insecure = matches!(run.get("insecure"), Some((OptionValue::Flag(true), _)));
    let matrix = check_matrix(&mut checker, root, task.as_ref(), &schemes, insecure);
    for (place, key, _) in &matrix {
        let contradicts = (key == "dataset.path" && dataset.contains_key("use"))
            || (key == "dataset.use" && dataset.contains_key("path"));
        if contradicts {
            checker.complain(*place, BOTH.into(), Some(KEEP_ONE.into()));
        }
    }
    let labels: Vec<String> = schemes.iter().map(|s| s.label.clone()).collect();
    let expectations = match checker.table(root, "expect") {
        Some((table, _)) => {
            let known = task.as_ref().and_then(|t| registry::task(&t.name).ok());
            let metrics = known.map_or(vec![], |t| t.manifest().metrics);
            expect::expectations(&mut checker, table, &labels, &metrics)
        }
        None => vec![],
    };
    let (Some(task), true) = (task, checker.complaints.is_empty()) else {
        checker.complaints.sort_by_key(|complaint| complaint.line);
        return Err(Complaints(checker.complaints));
    };
    let manifests = manifests(&checker, &dataset, &matrix);
    let text_of = |key: &str| match about.get(key) {
        Some((OptionValue::Text(t), _)) => t.clone(),
        _ => String::new(),
    };
    Ok(Experiment {
        file: file.to_owned(),
        name: text_of("name"),
        question: text_of("question"),
        caveats: text_of("caveats"),
        dataset: options(&sections::dataset(), dataset),
        task,
        schemes,
        matrix: matrix
            .into_iter()
            .map(|(_, key, list)| (key, list))
            .collect(),
        run: run_options(run),
        time_limit,
        memory_limit,
        expectations,
        manifests,
        lines: lines(text, root),
    })
}

/// Where the sections of a task and its data stand, and the keys in them; what the matrix varies,
/// it varies there.
fn lines(text: &str, root: &DeTable<'_>) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    for section in ["task", "dataset", "matrix"] {
        let Some(value) = root.get(section) else {
            continue;
        };
        lines.insert(section.to_owned(), line_of(text, value.span().start));
        let DeValue::Table(table) = value.get_ref() else {
            continue;
        };
        for key in table.keys() {
            let name = match section {
                "matrix" => key.get_ref().to_string(),
                _ => format!("{section}.{}", key.get_ref()),
            };
            lines.insert(name, line_of(text, key.span().start));
        }
    }
    lines
}

/// The manifests of all data sets that the experiment uses, by name; all were found before.
fn manifests(
    checker: &Checker<'_>,
    dataset: &Given,
    matrix: &[(usize, String, Vec<OptionValue>)],
) -> BTreeMap<String, Manifest> {
    let varied = matrix.iter().filter(|(_, key, _)| key == "dataset.use");
    let named = dataset.get("use").map(|(value, _)| value);
    let folder = checker.manifests();
    varied
        .flat_map(|(.., values)| values)
        .chain(named)
        .filter_map(|value| match value {
            OptionValue::Text(name) => {
                let manifest = manifest::find(name, folder.as_deref()).ok()?;
                Some((name.clone(), manifest))
            }
            _ => None,
        })
        .collect()
}

pub(super) fn options(specs: &[OptionSpec], given: Given) -> Options {
    Options::with_defaults(specs, given.into_iter().map(|(k, (v, _))| (k, v)))
}

/// The section [run], its default of `threads` that of this machine.
fn run_options(given: Given) -> Options {
    let mut run = options(&sections::run(), given);
    if run.get("threads").is_none() {
        run.set("threads", OptionValue::Integer(processors() as i64));
    }
    run
}

fn required(
    checker: &mut Checker<'_>,
    root: &DeTable<'_>,
    name: &str,
    specs: &[OptionSpec],
) -> Given {
    if !root.contains_key(name) {
        let help = format!("add a section [{name}]; README.md shows a whole file");
        checker
            .complaints
            .push(Complaint::new(checker.file, format!("there is no [{name}]")).help(help));
        return Given::new();
    }
    match checker.table(root, name) {
        Some((table, offset)) => checker.section(&format!("[{name}]"), table, offset, specs),
        None => Given::new(),
    }
}

/// Processors that this process may use.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
