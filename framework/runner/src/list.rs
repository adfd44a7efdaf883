//! `list`: schemes, tasks and data sets.

use std::process::ExitCode;

use hexperiment_core::dataset::manifest;
use hexperiment_core::experiment::sections;
use hexperiment_core::options::OptionSpec;
use hexperiment_core::registry;

/// Prints all that an experiment can name.
pub(crate) fn list() -> ExitCode {
    println!("SCHEMES ([[scheme]] use = …)\n");
    for scheme in registry::schemes() {
        let manifest = scheme.manifest();
        entry(manifest.name, manifest.doc, &manifest.options);
        println!("    library: {}\n", manifest.library);
    }
    println!("TASKS ([task] use = …)\n");
    for task in registry::tasks() {
        let manifest = task.manifest();
        entry(manifest.name, manifest.doc, &manifest.options);
        println!();
    }
    println!("DATA SETS ([dataset] use = …)\n");
    for name in manifest::names(None) {
        match manifest::find(&name, None) {
            Ok(m) => println!("  {name:<18} {} [{}]", m.title, m.licence),
            Err(complaint) => println!("  {name:<18} {complaint}"),
        }
    }
    println!();
    for (title, specs) in [
        ("[dataset]", sections::dataset()),
        ("[run]", sections::run()),
    ] {
        println!("  options of {title}:");
        options(&specs);
        println!();
    }
    ExitCode::SUCCESS
}

fn entry(name: &str, doc: &str, specs: &[OptionSpec]) {
    println!("  {name}");
    println!("    {doc}");
    options(specs);
}

fn options(specs: &[OptionSpec]) {
    for spec in specs {
        let default = spec
            .default
            .as_ref()
            .map_or_else(|| "unset".to_owned(), ToString::to_string);
        println!(
            "    {:<18} {default:<14} {} Takes {}.",
            spec.name,
            spec.doc,
            spec.kind.expected()
        );
    }
}
