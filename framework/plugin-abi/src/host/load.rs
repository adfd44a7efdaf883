//! Finding, opening and registering plugins.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hexperiment_scheme::registry;
use hexperiment_scheme::registry::DuplicateName;
use hexperiment_scheme::{Scheme, SchemeError};
use libloading::Library;
use sha2::Digest as _;

use super::scheme::PluginScheme;
use super::vtable::Functions;
pub use super::vtable::TableError;
use crate::abi;

/// The variable that lists plugins, separated as in `PATH`. Child processes inherit it.
pub const ENVIRONMENT: &str = "HEXPERIMENT_PLUGINS";

/// Why a plugin cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("plugin {}: {source}; give the path of the shared library", path.display())]
    File {
        /// Path as it was given.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is something else than a file.
    #[error("plugin {}: found {found}, expected a file; give the path of the shared library", path.display())]
    NotAFile {
        /// As it was given.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// The file is no library that this process can load.
    #[error("plugin {}: not a shared library for this machine: {source}", path.display())]
    NotALibrary {
        /// The file.
        path: PathBuf,
        /// Error of the system's loader.
        source: libloading::Error,
    },
    /// The library is no plugin.
    #[error(
        "plugin {}: it exports no function `{}`; a plugin in C defines it by hexperiment.h, one \
         in Rust by export_scheme!", path.display(), abi::ENTRY_POINT
    )]
    NoEntryPoint {
        /// The file.
        path: PathBuf,
    },
    /// Its table of functions cannot be used.
    #[error("plugin {}: {source}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Why.
        source: TableError,
    },
    /// It does not say what it is, or not in the way it must.
    #[error("plugin {}: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SchemeError,
    },
    /// Its name is taken.
    #[error("plugin {}: {source}", path.display())]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// Whose name.
        source: DuplicateName,
    },
    /// The path cannot stand in a list of paths.
    #[error("plugin {}: a path with the separator of {ENVIRONMENT} in it; rename it", path.display())]
    Separator {
        /// The file.
        path: PathBuf,
    },
}

/// Loads a plugin, for good: the library is never unloaded. Threads, thread-local destructors and
/// exit handlers that it set up would outlive its code otherwise, and the scheme is wanted
/// `'static`. Its constructors run, with all the rights of this process.
///
/// # Errors
///
/// [`LoadError`] where the file cannot be read or loaded, is no plugin of this ABI's version, or has
/// a manifest that no experiment file can use.
pub fn load(path: &Path) -> Result<&'static dyn Scheme, LoadError> {
    // The system's loader would look for a bare name in its own folders.
    let file = |source| LoadError::File {
        path: path.to_owned(),
        source,
    };
    let path = &path.canonicalize().map_err(file)?;
    let kind = path.metadata().map_err(file)?;
    if !kind.is_file() {
        // Reading such a thing, as a pipe, may not end.
        return Err(LoadError::NotAFile {
            path: path.clone(),
            found: if kind.is_dir() {
                "a folder"
            } else {
                "a pipe or a device"
            },
        });
    }
    let origin = origin(path).map_err(file)?;
    let library = open(path).map_err(|source| LoadError::NotALibrary {
        path: path.clone(),
        source,
    })?;
    let library: &'static Library = Box::leak(Box::new(library));
    // SAFETY: the name is the ABI's; whoever exports it takes upon itself the type that the header
    // gives it.
    let entry = unsafe { library.get::<abi::EntryPoint>(abi::ENTRY_POINT) };
    let entry = entry.map_err(|_| LoadError::NoEntryPoint { path: path.clone() })?;
    // SAFETY: the header's contract: the function takes nothing and returns null or a table that
    // stays valid, as the library is never unloaded.
    let functions = unsafe { Functions::read(entry()) };
    let functions = functions.map_err(|source| LoadError::Table {
        path: path.clone(),
        source,
    })?;
    let scheme = PluginScheme::new(functions, &origin).map_err(|source| LoadError::Manifest {
        path: path.clone(),
        source,
    })?;
    Ok(Box::leak(Box::new(scheme)))
}

/// The file's name and the start of its digest, for records.
fn origin(path: &Path) -> std::io::Result<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut digest = sha2::Sha256::new();
    std::io::copy(&mut std::fs::File::open(path)?, &mut digest)?;
    let digest = digest.finalize();
    let start = digest.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b));
    Ok(format!("plugin {name}, SHA-256 {start:016x}…"))
}

#[cfg(unix)]
fn open(path: &Path) -> Result<Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // Missing symbols are an error now, not a crash later; its symbols are its own.
    // SAFETY: the user named this file as code to run in this process.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}

#[cfg(not(unix))]
fn open(path: &Path) -> Result<Library, libloading::Error> {
    // SAFETY: the user named this file as code to run in this process.
    unsafe { Library::new(path) }
}

/// Loads a plugin and adds it to the registry; a name that is taken is an error.
///
/// # Errors
///
/// As [`load`], and where another scheme has the name.
pub fn register(path: &Path) -> Result<&'static dyn Scheme, LoadError> {
    let scheme = load(path)?;
    registry::register_scheme(scheme).map_err(|source| LoadError::Duplicate {
        path: path.to_owned(),
        source,
    })?;
    Ok(scheme)
}

/// Registers all of them, in order, up to the first that fails. A path that stands there twice
/// counts once.
///
/// # Errors
///
/// As [`register`], for the first path that fails.
pub fn register_all(
    paths: impl IntoIterator<Item = PathBuf>,
) -> Result<Vec<&'static dyn Scheme>, LoadError> {
    let mut seen = Vec::new();
    let mut schemes = Vec::new();
    for path in paths {
        let key = path.canonicalize().unwrap_or_else(|_| path.clone());
        if !seen.contains(&key) {
            schemes.push(register(&path)?);
            seen.push(key);
        }
    }
    Ok(schemes)
}

/// The plugins that [`ENVIRONMENT`] lists.
pub fn from_env() -> Vec<PathBuf> {
    let list = std::env::var_os(ENVIRONMENT).unwrap_or_default();
    std::env::split_paths(&list)
        .filter(|p| !p.as_os_str().is_empty())
        .collect()
}

/// Registers what [`ENVIRONMENT`] lists. Call it once, before experiments are read: their options
/// are checked against the manifests.
///
/// # Errors
///
/// As [`register_all`].
pub fn register_from_env() -> Result<Vec<&'static dyn Scheme>, LoadError> {
    register_all(from_env())
}

/// The value of [`ENVIRONMENT`] that names these plugins, whatever the folder of the process that
/// reads it.
///
/// # Errors
///
/// [`LoadError`] for a path that cannot stand in a list of paths.
pub fn to_env(paths: &[PathBuf]) -> Result<OsString, LoadError> {
    let absolute = paths
        .iter()
        .map(|path| {
            let file = |source| LoadError::File {
                path: path.clone(),
                source,
            };
            let absolute = path.canonicalize().map_err(file)?;
            // One alone tells which path cannot stand in a list.
            match std::env::join_paths([&absolute]) {
                Ok(_) => Ok(absolute),
                Err(_) => Err(LoadError::Separator { path: path.clone() }),
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    std::env::join_paths(absolute).map_err(|_| LoadError::Separator {
        path: PathBuf::new(),
    })
}
