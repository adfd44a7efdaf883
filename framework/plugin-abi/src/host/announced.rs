//! Plugins that another process has loaded: known here by their manifests, as JSON.

use std::path::Path;

use hexperiment_program::lower::Capabilities;
use hexperiment_scheme::options::Options;
use hexperiment_scheme::outside::ManifestJson;
use hexperiment_scheme::registry;
use hexperiment_scheme::{Circuit, CompileRequest, Scheme, SchemeError, SchemeManifest};

use super::load::{LoadError, load};

/// Loads a plugin as [`load`] does, and yields its manifest as JSON, for a process that does not
/// load it.
///
/// # Errors
///
/// As [`load`]; and [`LoadError::Manifest`] where the manifest cannot be written as JSON.
pub fn announcement(path: &Path) -> Result<String, LoadError> {
    let wire = ManifestJson::from(&load(path)?.manifest());
    serde_json::to_string(&wire).map_err(|e| unfit(path, format!("cannot be told: {e}")))
}

/// Adds the scheme of a plugin to the registry by what [`announcement`] yielded elsewhere, checked
/// once more. It has a manifest, by which experiments are checked; whatever else it is asked is an
/// error, as nothing of the plugin is in this process.
///
/// # Errors
///
/// [`LoadError::Manifest`] where the JSON is no manifest, or one that no experiment file can use;
/// [`LoadError::Duplicate`] where another scheme has the name.
pub fn register_announced(path: &Path, json: &str) -> Result<&'static dyn Scheme, LoadError> {
    let wire: ManifestJson = serde_json::from_str(json).map_err(|e| unfit(path, e.to_string()))?;
    let manifest = wire.checked().map_err(|e| unfit(path, e))?;
    let scheme: &'static dyn Scheme = Box::leak(Box::new(Announced { manifest }));
    registry::register_scheme(scheme).map_err(|source| LoadError::Duplicate {
        path: path.to_owned(),
        source,
    })?;
    Ok(scheme)
}

fn unfit(path: &Path, message: String) -> LoadError {
    LoadError::Manifest {
        path: path.to_owned(),
        source: SchemeError::Library {
            library: "plugin",
            operation: "manifest".into(),
            message,
        },
    }
}

struct Announced {
    manifest: SchemeManifest,
}

impl Announced {
    fn elsewhere(&self) -> SchemeError {
        SchemeError::Library {
            library: self.manifest.name,
            operation: "load".into(),
            message: "this process has the plugin's manifest only".into(),
        }
    }
}

impl Scheme for Announced {
    fn manifest(&self) -> SchemeManifest {
        self.manifest.clone()
    }

    fn capabilities(&self, _: &Options) -> Result<Capabilities, SchemeError> {
        Err(self.elsewhere())
    }

    fn compile(&self, _: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        Err(self.elsewhere())
    }
}
