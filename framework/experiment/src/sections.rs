//! The sections of an experiment file: each key is declared where it is read into a typed struct, so
//! that its kind, its default and what else it must satisfy are stated once. Parsing, the schema and
//! `list` take the declarations.

mod about;
mod dataset;
mod keys;
mod link;
mod run;
mod security;
mod server;

use std::path::Path;

use hexperiment_data::DatasetRequest;
use hexperiment_scheme::options::{OptionKind, OptionSpec, Options};

pub(crate) use about::About;
pub(crate) use keys::{Keys, Problem};
pub use link::Link;
pub use run::RunSettings;
pub use security::SecuritySettings;
pub use server::ServerSettings;

/// `[experiment]`
pub fn experiment() -> Vec<OptionSpec> {
    Keys::declared(About::read)
}

/// `[dataset]`
pub fn dataset() -> Vec<OptionSpec> {
    Keys::declared(|keys| dataset::read(keys, Path::new(""), 0))
}

/// `[run]`
pub fn run() -> Vec<OptionSpec> {
    Keys::declared(|keys| (RunSettings::read(keys), ServerSettings::read(keys)))
}

/// `[links.NAME]`
pub fn link() -> Vec<OptionSpec> {
    Keys::declared(|keys| Link::read(keys, ""))
}

/// What `[dataset]` asks for; paths are taken from `folder`, that of the file.
pub(crate) fn dataset_request(options: &Options, folder: &Path, seed: u64) -> DatasetRequest {
    dataset::read(&mut Keys::of(options), folder, seed)
}

/// What is wrong with the values of a section besides their kinds.
pub(crate) fn problems(section: &str, options: &Options) -> Vec<Problem> {
    let mut keys = Keys::of(options);
    match section {
        "experiment" => drop(About::read(&mut keys)),
        "dataset" => drop(dataset::read(&mut keys, Path::new(""), 0)),
        "run" => drop((
            RunSettings::read(&mut keys),
            ServerSettings::read(&mut keys),
        )),
        // Options of plugins are checked by their plugins.
        _ => {}
    }
    keys.problems()
}

/// The keys of `[[scheme]]` and `[task]` that are not the plugin's.
pub fn plugin(label: bool) -> Vec<OptionSpec> {
    let mut specs = vec![
        OptionSpec::new(
            "use",
            OptionKind::Text,
            "The plugin's name; `list` shows them.",
        )
        .required(),
    ];
    if label {
        specs.push(own_label());
    }
    specs
}

/// The keys of a `[[scheme]]` that is a program of its own, which are not the program's.
pub fn program() -> Vec<OptionSpec> {
    vec![
        OptionSpec::new(
            "command",
            OptionKind::TextList,
            "The executable and its arguments; it is started in the folder of this file, as client and as \
             server.",
        )
        .required(),
        OptionSpec::new(
            "name",
            OptionKind::Text,
            "What the scheme is called; as the program calls itself if left out.",
        ),
        own_label(),
    ]
}

fn own_label() -> OptionSpec {
    OptionSpec::new(
        "label",
        OptionKind::Text,
        "What tables call this row; the name if left out.",
    )
}
