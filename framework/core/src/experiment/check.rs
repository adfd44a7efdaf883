//! From text to a checked experiment.

use std::path::Path;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::parse::{Checker, Given, describe};
use super::{Experiment, PluginChoice, expect, sections, units};
use crate::dataset::manifest;
use crate::options::{OptionSpec, OptionValue, Options, suggest};
use crate::registry;
use crate::source::{Complaint, Complaints};

/// What [`sections::run`] says, as a duration.
const DEFAULT_TIME_LIMIT: Duration = Duration::from_mins(10);

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
        Some((table, _)) => expect::expectations(&mut checker, table, &labels),
        None => vec![],
    };
    let (Some(task), true) = (task, checker.complaints.is_empty()) else {
        checker.complaints.sort_by_key(|complaint| complaint.line);
        return Err(Complaints(checker.complaints));
    };
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
    })
}

fn options(specs: &[OptionSpec], given: Given) -> Options {
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

fn check_name(checker: &mut Checker<'_>, about: &Given) {
    if let Some((OptionValue::Text(name), offset)) = about.get("name") {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(fits) {
            let message =
                format!("`name`: found \"{name}\", expected small letters, digits and hyphens");
            checker.complain(
                *offset,
                message,
                Some("runs are filed under it, as in \"chd-logistic\"".into()),
            );
        }
    }
}

fn check_dataset(checker: &mut Checker<'_>, dataset: &Given, section: Option<usize>) {
    let offset = |key: &str| dataset.get(key).map(|(_, at)| *at);
    match (offset("use"), offset("path"), section) {
        (Some(_), Some(path), _) => checker.complain(path, BOTH.into(), Some(KEEP_ONE.into())),
        (None, None, Some(section)) => {
            let known = manifest::names(checker.manifests().as_deref()).join(", ");
            let help = format!("write `use = \"…\"` with one of: {known}");
            let message = "[dataset] names no data: neither `use` nor `path`";
            checker.complain(section, message.into(), Some(help));
        }
        _ => {}
    }
    for (key, (value, at)) in dataset {
        check_dataset_value(checker, key, value, *at);
    }
}

const BOTH: &str = "[dataset] has both `use` and `path`, which contradict each other";
const KEEP_ONE: &str =
    "keep `use` for a data set with a manifest, or `path` for a file of your own";

/// What an option of `[dataset]` must satisfy besides its kind, there and in `[matrix]`.
fn check_dataset_value(checker: &mut Checker<'_>, key: &str, value: &OptionValue, at: usize) {
    match (key, value) {
        ("use", OptionValue::Text(name)) => {
            if let Err(complaint) = manifest::find(name, checker.manifests().as_deref()) {
                // A manifest that exists but is broken has its own file and line.
                if complaint.line.is_some() {
                    checker.complaints.push(complaint);
                } else {
                    checker.complain(at, complaint.message, complaint.help);
                }
            }
        }
        ("test_fraction", OptionValue::Number(x)) if *x <= 0.0 || *x >= 1.0 => {
            let message = format!(
                "`test_fraction` in [dataset]: found {x}, expected more than 0 and less than 1"
            );
            checker.complain(at, message, Some("both parts need rows".into()));
        }
        _ => {}
    }
}

fn check_run(checker: &mut Checker<'_>, run: &Given) -> (Duration, Option<u64>) {
    let insecure = matches!(run.get("insecure"), Some((OptionValue::Flag(true), _)));
    if let Some((OptionValue::Integer(bits), at)) = run.get("security_bits")
        && *bits < 128
        && !insecure
    {
        checker.complain(
            *at,
            format!("`security_bits` in [run]: found {bits}, expected 128, 192 or 256"),
            Some(
                "less than 128 bits is below what published tables (Homomorphic Encryption Standard \
                 2018, NIST SP 800-57) recommend; to compare weak parameters all the same, add \
                 `insecure = true`: every table will carry the mark"
                    .into(),
            ),
        );
    }
    let mut time_limit = DEFAULT_TIME_LIMIT;
    if let Some((OptionValue::Text(text), at)) = run.get("time_limit") {
        match units::duration(text) {
            Some(limit) => time_limit = limit,
            None => checker.complain(
                *at,
                format!("`time_limit` in [run]: found \"{text}\", expected a time"),
                Some("write it as \"90s\", \"5m\" or \"1h\"".into()),
            ),
        }
    }
    let mut memory_limit = None;
    if let Some((OptionValue::Text(text), at)) = run.get("memory_limit") {
        memory_limit = units::bytes(text);
        if memory_limit.is_none() {
            checker.complain(
                *at,
                format!("`memory_limit` in [run]: found \"{text}\", expected a size"),
                Some("write it as \"512MiB\" or \"8GiB\"".into()),
            );
        }
    }
    (time_limit, memory_limit)
}

/// The options of a plugin's section, once its name is known.
fn plugin(
    checker: &mut Checker<'_>,
    section: &str,
    table: &DeTable<'_>,
    offset: usize,
    label: bool,
    manifest: impl Fn(&str) -> Result<Vec<OptionSpec>, registry::UnknownPlugin>,
) -> Option<(PluginChoice, usize)> {
    let Some(name) = table.get("use") else {
        let help = Some(format!("write `use = \"…\"` in {section}"));
        checker.complain(offset, format!("{section} lacks `use`"), help);
        return None;
    };
    let at = name.span().start;
    let DeValue::String(name) = name.get_ref() else {
        let found = describe(name.get_ref());
        checker.complain(
            at,
            format!("`use` in {section}: found {found}, expected a name"),
            None,
        );
        return None;
    };
    let own = match manifest(name) {
        Ok(own) => own,
        Err(unknown) => {
            let hint = unknown
                .suggestion
                .map(|s| format!("did you mean \"{s}\"? "))
                .unwrap_or_default();
            let help = format!("{hint}known: {}", unknown.known.join(", "));
            checker.complain(
                at,
                format!("there is no {} \"{name}\"", unknown.what),
                Some(help),
            );
            return None;
        }
    };
    let shared = sections::plugin(label);
    let specs: Vec<OptionSpec> = shared.iter().chain(&own).cloned().collect();
    let mut given = checker.section(section, table, offset, &specs);
    let label = match given.remove("label") {
        Some((OptionValue::Text(label), _)) => label,
        _ => name.as_ref().to_owned(),
    };
    given.remove("use");
    Some((
        PluginChoice {
            name: name.as_ref().to_owned(),
            label,
            options: options(&own, given),
        },
        at,
    ))
}

fn check_task(checker: &mut Checker<'_>, root: &DeTable<'_>) -> Option<PluginChoice> {
    if !root.contains_key("task") {
        let names: Vec<&str> = registry::tasks()
            .iter()
            .map(|t| t.manifest().name)
            .collect();
        let complaint = Complaint::new(checker.file, "there is no [task]");
        checker
            .complaints
            .push(complaint.help(format!("tasks: {}", names.join(", "))));
        return None;
    }
    let (table, offset) = checker.table(root, "task")?;
    let find = |name: &str| registry::task(name).map(|t| t.manifest().options);
    plugin(checker, "[task]", table, offset, false, find).map(|(choice, _)| choice)
}

fn check_schemes(checker: &mut Checker<'_>, root: &DeTable<'_>) -> Vec<PluginChoice> {
    let mut schemes: Vec<PluginChoice> = Vec::new();
    let Some(value) = root.get("scheme") else {
        let names: Vec<&str> = registry::schemes()
            .iter()
            .map(|s| s.manifest().name)
            .collect();
        let complaint = Complaint::new(checker.file, "there is no [[scheme]]");
        checker
            .complaints
            .push(complaint.help(format!("schemes: {}", names.join(", "))));
        return schemes;
    };
    let DeValue::Array(entries) = value.get_ref() else {
        let help = Some("write it as [[scheme]], once for each scheme".into());
        checker.complain(
            value.span().start,
            "`scheme` must be a list of tables".into(),
            help,
        );
        return schemes;
    };
    if entries.is_empty() {
        let help = "write it as [[scheme]], once for each scheme";
        let message = "there is no [[scheme]]: found an empty list, expected at least one";
        checker.complain(value.span().start, message.into(), Some(help.into()));
    }
    for entry in entries.iter() {
        let offset = entry.span().start;
        let DeValue::Table(table) = entry.get_ref() else {
            let found = describe(entry.get_ref());
            checker.complain(
                offset,
                format!("[[scheme]]: found {found}, expected a table"),
                None,
            );
            continue;
        };
        let find = |name: &str| registry::scheme(name).map(|s| s.manifest().options);
        let Some((choice, at)) = plugin(checker, "[[scheme]]", table, offset, true, find) else {
            continue;
        };
        if schemes.iter().any(|s| s.label == choice.label) {
            let message = format!("two schemes are labelled \"{}\"", choice.label);
            checker.complain(at, message, Some("give each its own `label`".into()));
        }
        schemes.push(choice);
    }
    schemes
}

/// Whether a scheme declares an option.
pub(super) fn scheme_has(scheme: &str, option: &str) -> bool {
    registry::scheme(scheme).is_ok_and(|s| s.manifest().options.iter().any(|o| o.name == option))
}

/// Processors that this process may use.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn check_matrix(
    checker: &mut Checker<'_>,
    root: &DeTable<'_>,
    task: Option<&PluginChoice>,
    schemes: &[PluginChoice],
    insecure: bool,
) -> Vec<(usize, String, Vec<OptionValue>)> {
    let Some((table, _)) = checker.table(root, "matrix") else {
        return vec![];
    };
    let mut specs: Vec<(String, OptionSpec)> = Vec::new();
    let mut offer = |section: &str, list: Vec<OptionSpec>| {
        specs.extend(
            list.into_iter()
                .map(|s| (format!("{section}.{}", s.name), s)),
        );
    };
    offer("dataset", sections::dataset());
    let varied = |s: &OptionSpec| matches!(s.name, "security_bits" | "threads" | "seed");
    offer("run", sections::run().into_iter().filter(varied).collect());
    if let Some(Ok(task)) = task.map(|t| registry::task(&t.name)) {
        offer("task", task.manifest().options);
    }
    for scheme in schemes
        .iter()
        .filter_map(|s| registry::scheme(&s.name).ok())
    {
        offer("scheme", scheme.manifest().options);
    }
    let mut matrix: Vec<(usize, String, Vec<OptionValue>)> = Vec::new();
    for (key, value) in table {
        let (place, key) = (key.span().start, key.get_ref().as_ref());
        // Schemes may declare an option of one name with different ranges: all must agree.
        let same: Vec<&OptionSpec> = specs
            .iter()
            .filter(|(name, _)| name == key)
            .map(|(_, spec)| spec)
            .collect();
        let Some((spec, others)) = same.split_first() else {
            let hint = suggest(key, specs.iter().map(|(n, _)| n.as_str()))
                .map(|s| format!("did you mean \"{s}\"? "))
                .unwrap_or_default();
            let help = format!(
                "{hint}keys are \"task.…\", \"scheme.…\", \"dataset.…\" with an option of theirs, or \
                 \"run.security_bits\", \"run.threads\", \"run.seed\"; quote them"
            );
            checker.complain(
                place,
                format!("unknown key \"{key}\" in [matrix]"),
                Some(help),
            );
            continue;
        };
        let values = match value.get_ref() {
            DeValue::Array(values) if !values.is_empty() => values,
            other => {
                let found = describe(other);
                checker.complain(
                    place,
                    format!("\"{key}\" in [matrix]: found {found}, expected a list of values"),
                    None,
                );
                continue;
            }
        };
        let before = checker.complaints.len();
        let mut list: Vec<OptionValue> = Vec::new();
        for value in values {
            let Some((checked, at)) = checker.value("[matrix]", spec, value) else {
                continue;
            };
            if let Some(problem) = others
                .iter()
                .find_map(|other| other.kind.check(checked.clone()).err())
            {
                let message = format!("\"{key}\" in [matrix]: {problem}");
                let help = "a scheme of this file takes less; give it a file of its own";
                checker.complain(at, message, Some(help.into()));
            }
            if list.contains(&checked) {
                let message = format!("\"{key}\" in [matrix]: found {checked} twice");
                checker.complain(
                    at,
                    message,
                    Some("each value makes a cell: name it once".into()),
                );
            }
            if let Some(option) = key.strip_prefix("dataset.") {
                check_dataset_value(checker, option, &checked, at);
            }
            list.push(checked);
        }
        if checker.complaints.len() == before {
            let weak = |v: &OptionValue| matches!(v, OptionValue::Integer(bits) if *bits < 128);
            // A matrix over the level cannot get past the check of [run].
            if key == "run.security_bits" && !insecure && list.iter().any(weak) {
                let help = "add `insecure = true` to [run]: every table will carry the mark";
                let message = format!("\"{key}\" in [matrix]: less than 128 bits");
                checker.complain(place, message, Some(help.into()));
            }
            matrix.push((place, key.to_owned(), list));
        }
    }
    matrix.sort_by_key(|(place, ..)| *place);
    matrix
}
