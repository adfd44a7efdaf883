//! `list`: schemes, tasks and data sets.

use std::process::ExitCode;

use hexperiment_core::dataset::manifest;
use hexperiment_core::experiment::sections;
use hexperiment_core::options::OptionSpec;
use hexperiment_core::registry;

use crate::out::say;

/// Prints all that an experiment can name.
pub(crate) fn list() -> ExitCode {
    say!("SCHEMES ([[scheme]] use = …)\n");
    for scheme in registry::schemes() {
        let manifest = scheme.manifest();
        entry(manifest.name, manifest.doc, &manifest.options);
        say!("    library: {}\n", manifest.library);
    }
    say!("TASKS ([task] use = …)\n");
    for task in registry::tasks() {
        let manifest = task.manifest();
        entry(manifest.name, manifest.doc, &manifest.options);
        say!();
    }
    say!("DATA SETS ([dataset] use = …)\n");
    for name in manifest::names(None) {
        match manifest::find(&name, None) {
            Ok(m) => say!("  {name:<18} {} [{}]", m.title, m.licence),
            Err(complaint) => say!("  {name:<18} {complaint}"),
        }
    }
    say!();
    for (title, specs) in [
        ("[dataset]", sections::dataset()),
        ("[run]", sections::run()),
    ] {
        say!("  options of {title}:");
        options(&specs);
        say!();
    }
    ExitCode::SUCCESS
}

fn entry(name: &str, doc: &str, specs: &[OptionSpec]) {
    say!("  {name}");
    say!("    {doc}");
    options(specs);
}

fn options(specs: &[OptionSpec]) {
    for spec in specs {
        let default = spec
            .default
            .as_ref()
            .map_or_else(|| "unset".to_owned(), ToString::to_string);
        say!(
            "    {:<18} {default:<14} {} Takes {}.",
            spec.name,
            spec.doc,
            spec.kind.expected()
        );
    }
}
