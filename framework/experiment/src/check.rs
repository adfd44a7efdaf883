//! From text to a checked experiment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::cells::cell_names;
use super::expect::Subjects;
use super::matrix::{MOST_CELLS, Varied, check_matrix};
use super::parse::{Checker, Given, in_order, options};
use super::plugins::{check_schemes, check_task};
use super::rules::{BOTH, KEEP_ONE, check_links, check_section, check_source};
use super::sections::{About, Keys, RunSettings};
use super::settings::{Edited, Place, Setting};
use super::{Experiment, Matrix, expect, sections};
use hexperiment_data::manifest;
use hexperiment_data::manifest::Manifest;
use hexperiment_data::toml_text;
use hexperiment_diagnostics::{Complaint, Complaints, printable};
use hexperiment_scheme::options::{OptionSpec, OptionValue};

const SECTIONS: [&str; 8] = [
    "experiment",
    "dataset",
    "task",
    "scheme",
    "matrix",
    "run",
    "links",
    "expect",
];

/// TOML, or a complaint that says where it is not.
fn parsed<'t>(text: &'t str, file: &Path) -> Result<DeTable<'t>, Complaint> {
    let root = DeTable::parse(text).map_err(|e| {
        let mut complaint = toml_text::complaint(file, text, &e);
        complaint.message = format!("not TOML: {}", complaint.message);
        complaint
            .help("texts are in quotes, sections in [brackets], lists in [a, b], each key once")
    })?;
    Ok(root.into_inner())
}

pub(super) fn check(
    text: &str,
    file: &Path,
    settings: &[Setting],
) -> Result<Experiment, Complaints> {
    parsed(text, file)?;
    let edited = Edited::new(text, file, settings)?;
    let root = &parsed(edited.text(), file)?;
    let mut checker = Checker::new(&edited, file);
    checker.few(|checker| {
        let known = |key: &str| SECTIONS.contains(&key);
        for (key, _) in in_order(root) {
            let (place, key) = (key.span().start, key.get_ref().as_ref());
            if !known(key) {
                let hint = checker.hint(key, SECTIONS, ['[', ']']);
                let message = format!("unknown section [{}]", printable::cut(key, 60));
                let help = format!("{hint}known: {}", SECTIONS.join(", "));
                checker.complain(place, message, Some(help));
            }
        }
    });
    let about = required(&mut checker, root, "experiment", &sections::experiment());
    let dataset = required(&mut checker, root, "dataset", &sections::dataset());
    check_source(&mut checker, &dataset, root);
    let run = match checker.table(root, "run") {
        Some((table, offset)) => checker.section("[run]", table, offset, &sections::run()),
        None => Given::new(),
    };
    let given = [("experiment", &about), ("dataset", &dataset), ("run", &run)];
    for (section, given) in given {
        check_section(&mut checker, section, given);
    }
    let links = check_links(&mut checker, root);
    let task = check_task(&mut checker, root);
    let schemes = check_schemes(&mut checker, root);
    let bases = given.map(|(section, given)| (section, options(&[], given)));
    let before = checker.count();
    let matrix = check_matrix(&mut checker, root, task.as_ref(), &schemes, &bases.into());
    for varied in &matrix {
        let contradicts = (varied.key == "dataset.path" && dataset.contains_key("use"))
            || (varied.key == "dataset.use" && dataset.contains_key("path"));
        if contradicts {
            checker.complain(varied.place, BOTH.into(), Some(KEEP_ONE.into()));
        }
    }
    check_seeds(&mut checker, &run, &matrix, schemes.len());
    let all_cells = checker.count() == before;
    let labels: Vec<String> = schemes.iter().map(|s| s.label.clone()).collect();
    let varied: Matrix = matrix.iter().map(Varied::values).collect();
    let expectations = match checker.table(root, "expect") {
        Some((table, _)) => {
            let known = task
                .as_ref()
                .and_then(|t| hexperiment_task::registry::task(&t.name).ok());
            let metrics = known.map_or(vec![], |t| t.manifest().metrics);
            let subjects = Subjects {
                labels: &labels,
                cells: &cell_names(&schemes, &varied),
                all_cells,
                metrics: &metrics,
            };
            expect::expectations(&mut checker, table, &subjects)
        }
        None => vec![],
    };
    let (Some(task), true) = (task, checker.complaints.is_empty()) else {
        checker.complaints.sort_by_key(|complaint| complaint.line);
        return Err(Complaints(checker.complaints));
    };
    let manifests = manifests(&checker, &dataset, &matrix);
    let places = places(&edited, root, &matrix);
    let mut run = options(&sections::run(), &run);
    let settings_of_run = RunSettings::read(&mut Keys::of(&run));
    // The one that depends on the machine is recorded, too.
    run.set(
        "threads",
        OptionValue::Integer(settings_of_run.threads as i64),
    );
    let mut experiment = Experiment {
        file: file.to_owned(),
        about: About::read(&mut Keys::of(&options(&[], &about))),
        dataset: options(&sections::dataset(), &dataset),
        task,
        schemes,
        matrix: varied,
        run,
        run_settings: settings_of_run,
        cells: vec![],
        expectations,
        links,
        manifests,
        places,
        text: edited.text().to_owned(),
        settings: settings.to_vec(),
    };
    experiment.cells = experiment.expand();
    names_are_distinct(&experiment)?;
    Ok(experiment)
}

/// Complains of several seeds where the matrix varies the seed, and where they make too many cells.
fn check_seeds(checker: &mut Checker<'_>, run: &Given, matrix: &[Varied], schemes: usize) {
    let Some((OptionValue::Integer(seeds @ 2..), at)) = run.get("seeds") else {
        return;
    };
    if let Some(varied) = matrix.iter().find(|varied| varied.key == "run.seed") {
        let message = "\"run.seed\" in [matrix] contradicts `seeds` in [run]";
        let help =
            "keep `seeds` for one row of the mean over seeds, or \"run.seed\" for a row of each";
        checker.complain(varied.place, message.into(), Some(help.into()));
        return;
    }
    let values = matrix.iter().map(|varied| varied.values.len());
    let rows = values.fold(schemes, usize::saturating_mul);
    let cells = usize::try_from(*seeds).map_or(usize::MAX, |seeds| rows.saturating_mul(seeds));
    if cells > MOST_CELLS {
        let message =
            format!("`seeds` in [run]: found {cells} cells, expected at most {MOST_CELLS}");
        let help = "take fewer seeds, or fewer values in [matrix]";
        checker.complain(*at, message, Some(help.into()));
    }
}

/// Two cells of one name could not be told apart in records: a label may look like that of another
/// with a point of the matrix.
fn names_are_distinct(experiment: &Experiment) -> Result<(), Complaint> {
    let mut seen = BTreeSet::new();
    for plan in experiment.cells() {
        if let Some(id) = seen.replace(&plan.cell.id) {
            let message = format!("found two cells called `{id}`, expected one of each name");
            let complaint = experiment.complaint_at(experiment.places.get("matrix"), message);
            return Err(complaint.help(
                "a cell is called by its label and its values in [matrix]: change a `label`",
            ));
        }
    }
    Ok(())
}

/// Where the sections of a task, its data and its run stand, and the keys in them; what the matrix varies,
/// it varies there, each value in a place of its own.
fn places(text: &Edited<'_>, root: &DeTable<'_>, matrix: &[Varied]) -> BTreeMap<String, Place> {
    let mut places = BTreeMap::new();
    for section in ["task", "dataset", "run", "matrix"] {
        let Some(value) = root.get(section) else {
            continue;
        };
        places.insert(section.to_owned(), text.place(value.span().start));
        let DeValue::Table(table) = value.get_ref() else {
            continue;
        };
        for (key, value) in table.iter().filter(|_| section != "matrix") {
            // A setting may have put its value behind a key of the file.
            let place = match text.place(value.span().start) {
                Place::Line(_) => text.place(key.span().start),
                setting @ Place::Setting(_) => setting,
            };
            places.insert(format!("{section}.{}", key.get_ref()), place);
        }
    }
    for Varied { key, place, values } in matrix {
        // A setting may have put its list behind a key of the file.
        let first = values.first().map(|(_, place)| text.place(*place));
        let set = first.filter(|place| matches!(place, Place::Setting(_)));
        places.insert(key.clone(), set.unwrap_or_else(|| text.place(*place)));
        for (value, place) in values {
            places.insert(place_of(key, value), text.place(*place));
        }
    }
    places
}

/// What the place of a value in the matrix is filed under.
pub(super) fn place_of(key: &str, value: &OptionValue) -> String {
    format!("{key} = {value}")
}

/// The manifests of all data sets that the experiment uses, by name; all were found before.
fn manifests(
    checker: &Checker<'_>,
    dataset: &Given,
    matrix: &[Varied],
) -> BTreeMap<String, Manifest> {
    let varied = matrix.iter().filter(|varied| varied.key == "dataset.use");
    let folder = checker.manifests();
    varied
        .flat_map(|varied| &varied.values)
        .chain(dataset.get("use"))
        .filter_map(|(value, _)| match value {
            OptionValue::Text(name) => {
                let manifest = manifest::find(name, folder.as_deref()).ok()?;
                Some((name.clone(), manifest))
            }
            _ => None,
        })
        .collect()
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
