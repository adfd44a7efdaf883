//! The built-in plugins: one line each. Naming a crate links it; linking registers it. Each scheme is
//! a cargo feature, so that a program may be built without it, and without what its licence asks.
//! And those out of tree, from shared libraries and programs.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use hexperiment_experiment::CellPlan;
use hexperiment_plugin_abi::{self as plugin_abi, LoadError};
use hexperiment_plugin_program::{self as plugin_program, Launcher};
use hexperiment_scheme::{Scheme, registry};

use crate::probe;
use task_anomaly_detection as _;
use task_column_statistics as _;
use task_device_risk as _;
use task_federated as _;
use task_interpolation as _;
use task_linear_regression as _;
use task_logistic_regression as _;
use task_max_pooling as _;

/// Links the schemes whose features are on, and tells the registry of the others.
macro_rules! built_in_schemes {
    ($($feature:literal, $library:ident, $licence:literal;)*) => {
        $(
            #[cfg(feature = $feature)]
            use $library as _;
            #[cfg(not(feature = $feature))]
            hexperiment_scheme::inventory::submit! {
                hexperiment_scheme::registry::LeftOutScheme { feature: $feature }
            }
        )*

        /// All schemes of this repository.
        pub(crate) static BUILT_IN: &[BuiltIn] = &[$(BuiltIn {
            feature: $feature,
            linked: cfg!(feature = $feature),
            licence: $licence,
        }),*];
    };
}

built_in_schemes! {
    // Cargo feature, crate, and what its libraries ask of whoever gives a binary away.
    "scheme-fernet", scheme_fernet, "MPL-2.0 (changes to fernet itself are published)";
    "scheme-paillier", scheme_paillier, "LGPL-3.0-or-later (the receiver can link another GMP)";
    "scheme-plaintext", scheme_plaintext, "nothing";
    "scheme-seal-ckks", scheme_seal_ckks, "GPL-3.0-only, for the whole binary (sealy; SEAL is MIT)";
    "scheme-tfhe", scheme_tfhe, "BSD-3-Clause-Clear (patents: commercial use needs a licence)";
}

/// A scheme of this repository.
pub(crate) struct BuiltIn {
    /// The cargo feature that links it: `scheme-`, and its name.
    pub(crate) feature: &'static str,
    /// Whether it is in this program.
    pub(crate) linked: bool,
    /// What the licences of its libraries ask of whoever distributes the program.
    pub(crate) licence: &'static str,
}

impl BuiltIn {
    /// What experiments call it.
    pub(crate) fn name(&self) -> &'static str {
        let feature = self.feature;
        feature.strip_prefix("scheme-").unwrap_or(feature)
    }
}

/// The cargo features that this program was built with, one a line: `cargo xtask` asks.
pub(crate) fn features() -> Vec<&'static str> {
    let schemes = BUILT_IN.iter().filter(|scheme| scheme.linked);
    let mut features: Vec<_> = schemes.map(|scheme| scheme.feature).collect();
    for (feature, on) in [
        ("hexl", cfg!(feature = "hexl")),
        ("system-gmp", cfg!(feature = "system-gmp")),
        ("parquet", cfg!(feature = "parquet")),
    ] {
        features.extend(on.then_some(feature));
    }
    features
}

/// Makes sure that the linker keeps the registrations above.
pub(crate) fn link() {
    debug_assert!(!hexperiment_task::registry::tasks().is_empty());
}

/// A shared library of this run, and the scheme that it announces.
struct OutOfTree {
    scheme: &'static str,
    /// The library, as the processes of cells are told of it.
    told: OsString,
}

/// The shared libraries of this run.
static OUT_OF_TREE: OnceLock<Vec<OutOfTree>> = OnceLock::new();

/// Registers the schemes of the shared libraries named on the command line and by the
/// environment, by their manifests: this process loads none of them.
pub(crate) fn register(named: Vec<PathBuf>) -> Result<(), String> {
    let mut paths = plugin_abi::from_env();
    paths.extend(named);
    let mut seen: Vec<OsString> = Vec::new();
    let mut libraries = Vec::new();
    for path in paths {
        // What stands there twice counts once.
        let told = plugin_abi::to_env(std::slice::from_ref(&path)).map_err(|e| e.to_string())?;
        if seen.contains(&told) {
            continue;
        }
        let manifest = probe::ask(&path)?;
        let scheme = plugin_abi::register_announced(&path, &manifest).map_err(|e| e.to_string())?;
        let scheme = scheme.manifest().name;
        seen.push(told.clone());
        libraries.push(OutOfTree { scheme, told });
    }
    // Called once, at the start.
    let _ = OUT_OF_TREE.set(libraries);
    Ok(())
}

/// Loads the shared libraries that the environment names: in the process of a cell.
pub(crate) fn load() -> Result<(), LoadError> {
    plugin_abi::register_from_env().map(drop)
}

/// The environment variable that tells the process of a cell which library its scheme is in, if
/// it is out of tree.
pub(crate) fn environment(scheme: &str) -> (&'static str, OsString) {
    let libraries = OUT_OF_TREE.get().map_or(&[][..], Vec::as_slice);
    let library = libraries.iter().find(|library| library.scheme == scheme);
    let told = library.map(|library| library.told.clone());
    (plugin_abi::ENVIRONMENT, told.unwrap_or_default())
}

/// The environment variable that tells this program on another machine of all libraries of this run, and its value, with
/// paths from the root; `None` where there are none.
pub(crate) fn for_other_machines() -> Option<(&'static str, OsString)> {
    let libraries = OUT_OF_TREE.get().map_or(&[][..], Vec::as_slice);
    let paths = libraries
        .iter()
        .flat_map(|library| std::env::split_paths(&library.told));
    let told = std::env::join_paths(paths)
        .ok()
        .filter(|told| !told.is_empty())?;
    Some((plugin_abi::ENVIRONMENT, told))
}

/// Bytes that a program may allocate to say what it is.
const LOOKING: u64 = 2 << 30;

/// Lets schemes be programs of their own. The process of a cell uses them, within its own limits; any
/// other one only asks what they are.
pub(crate) fn start_programs(in_cell: bool) {
    let find = if in_cell {
        plugin_program::find
    } else {
        plugin_program::look
    };
    registry::find_programs_by(find);
    // Without the path of this program, others are started by nobody but this process.
    if let Ok(program) = std::env::current_exe() {
        let limit = (!in_cell).then(|| format!("--memory={LOOKING}"));
        let words = std::iter::once("launch".to_owned()).chain(limit);
        plugin_program::launch_by(Launcher {
            program,
            arguments: words.chain(["--".to_owned()]).map(OsString::from).collect(),
        });
    }
}

/// How the server of a cell is started, and what it calls the scheme: this program, or the scheme's own.
pub(crate) fn server(plan: &CellPlan) -> Result<(Command, String), String> {
    if let Some(program) = &plan.program {
        return plugin_program::server_command(program).map_err(|e| e.to_string());
    }
    let mut command = Command::new(std::env::current_exe().map_err(|e| e.to_string())?);
    command.arg("server");
    Ok((command, plan.cell.scheme.clone()))
}

/// The scheme of a cell.
pub(crate) fn scheme(plan: &CellPlan) -> Result<&'static dyn Scheme, String> {
    let name = &plan.cell.scheme;
    let Some(program) = &plan.program else {
        return registry::scheme(name).map_err(|e| e.to_string());
    };
    let scheme = registry::program(program).map_err(|e| e.to_string())?;
    let found = scheme.manifest().name;
    if found != name {
        return Err(format!(
            "the program calls itself `{found}`, and called itself `{name}` when the run began"
        ));
    }
    Ok(scheme)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use hexperiment_data::manifest;
    use hexperiment_data::registry as data_registry;

    use super::*;

    /// Here, where the sources of all tasks are linked.
    #[test]
    fn every_manifest_of_the_project_is_sound() {
        let names = manifest::names(None);
        assert!(names.len() >= 5);
        for name in names {
            let manifest = manifest::find(&name, None).unwrap_or_else(|e| panic!("{e}"));
            let reachable = match &manifest.builtin {
                Some(builtin) => data_registry::source(builtin).is_some(),
                None => manifest.url.is_some() || manifest.how_to_get.is_some(),
            };
            assert!(reachable, "{name}: no word on how to get it");
        }
    }

    /// A source that a task brings has its options under `[dataset]`, among those of all data.
    #[test]
    fn options_of_data_have_names_of_their_own() {
        let specs = hexperiment_experiment::sections::dataset();
        let made = data_registry::options().count();
        assert!(made > 0 && specs.len() > made);
        let mut seen = HashSet::new();
        for spec in &specs {
            assert!(seen.insert(spec.name), "two options `{}`", spec.name);
        }
        let sources = data_registry::sources();
        let names: HashSet<_> = sources.iter().map(|s| s.name()).collect();
        assert_eq!(names.len(), sources.len());
    }

    /// The list above, the registry and the features of the manifest are about the same schemes.
    #[test]
    fn features_are_named_after_schemes() {
        let manifest = include_str!("../Cargo.toml");
        for scheme in BUILT_IN {
            let name = scheme.name();
            assert_eq!(scheme.feature, format!("scheme-{name}"));
            let optional = format!(
                "\n{} = {{ workspace = true, optional = true }}\n",
                scheme.feature
            );
            assert_eq!(manifest.matches(&optional).count(), 1, "{optional}");
            assert!(
                manifest.contains(&format!("    \"{}\",\n", scheme.feature)),
                "not in default"
            );
            assert!(!scheme.licence.is_empty(), "{name}");
            assert_eq!(registry::scheme(name).is_ok(), scheme.linked, "{name}");
            let left_out = registry::left_out_schemes();
            assert_eq!(
                left_out.iter().any(|l| l.name() == name),
                !scheme.linked,
                "{name}"
            );
            assert_eq!(
                features().contains(&scheme.feature),
                scheme.linked,
                "{name}"
            );
        }
        let optional = manifest.matches("optional = true").count();
        assert_eq!(optional, BUILT_IN.len());
    }
}
