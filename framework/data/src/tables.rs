//! Reading the table that is asked for: one that a registered source makes, images, or text.
//!
//! Sources are named by manifests and registered; how a file is read follows from its path, since a
//! user names no format.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::csv_table::{self, Columns, CsvFormat};
use super::locate::{digest, locate, read_verified};
use super::manifest::{self, Manifest};
use super::registry::{self, TableSource};
use super::reshape::{check_embedded, leave_out};
use super::{DatasetRequest, DatasetSource, Provenance, pixels};
use hexperiment_diagnostics::{Complaint, Complaints};

/// What was read.
pub(super) struct Tables {
    pub(super) columns: Columns,
    /// The target's own file, if there is one.
    pub(super) target: Option<Columns>,
    pub(super) provenance: Provenance,
}

/// Reads what a request and its manifest name.
pub(super) fn read(request: &DatasetRequest, manifest: &Manifest) -> Result<Tables, Complaints> {
    let provenance = Provenance {
        source: manifest.source.clone(),
        licence: manifest.licence.clone(),
        ..Provenance::default()
    };
    let source = manifest.builtin.as_deref().and_then(registry::source);
    refuse_options_of_others(request, source)?;
    if let Some(builtin) = &manifest.builtin {
        refuse_file_options(request)?;
        let source = source.ok_or_else(|| {
            let known: Vec<_> = registry::sources().iter().map(|s| s.name()).collect();
            Complaint::new(
                request.name(),
                format!("`builtin`: found \"{builtin}\", expected one of {known:?}"),
            )
            .help("correct the manifest, or name a `file` in it")
        })?;
        return Ok(make(request, manifest, source, provenance)?);
    }
    let path = match &request.source {
        DatasetSource::File(path) => path.clone(),
        DatasetSource::Manifest(name) => locate(name, manifest)?,
    };
    let provenance = Provenance {
        file: path.file_name().map(PathBuf::from),
        ..provenance
    };
    if pixels::are_at(&path) {
        Ok(read_images(request, manifest, &path, provenance)?)
    } else {
        read_text(request, manifest, &path, provenance)
    }
}

/// The table of a source, told what the experiment says, else the manifest.
fn make(
    request: &DatasetRequest,
    manifest: &Manifest,
    source: &dyn TableSource,
    provenance: Provenance,
) -> Result<Tables, Complaint> {
    let mut options = manifest.source_options.clone();
    options.extend(request.source_options.clone());
    let columns = Columns::from(source.table(&options, &request.name())?);
    Ok(Tables {
        provenance: Provenance {
            sha256: columns.digest(),
            ..provenance
        },
        columns,
        target: None,
    })
}

fn read_images(
    request: &DatasetRequest,
    manifest: &Manifest,
    path: &Path,
    provenance: Provenance,
) -> Result<Tables, Complaint> {
    pixels::check_request(request, path)?;
    let (mut columns, sha256, files) = pixels::read(path, manifest.sha256.as_deref())?;
    check_embedded(request, manifest, &columns, path)?;
    leave_out(request, &mut columns);
    Ok(Tables {
        columns,
        target: None,
        provenance: Provenance {
            sha256,
            files,
            ..provenance
        },
    })
}

/// A table of text, and that of its target if it has a file of its own.
fn read_text(
    request: &DatasetRequest,
    manifest: &Manifest,
    path: &Path,
    provenance: Provenance,
) -> Result<Tables, Complaints> {
    let help = "check the path; it is taken from the folder of the experiment file";
    let (bytes, sha256) = read_verified(path, manifest.sha256.as_deref(), help)?;
    let format = CsvFormat::new(request, manifest);
    let columns = csv_table::read(&bytes, path, &format).map_err(Complaints)?;
    let target = match &manifest.target_file {
        None => None,
        Some(file) => {
            let path = path.with_file_name(file);
            let how = manifest.how_to_get.as_deref().unwrap_or("see the source");
            let (bytes, _) = read_verified(&path, manifest.target_sha256.as_deref(), how)?;
            let format = CsvFormat {
                header: false,
                target: request.positive.as_ref().map(|_| "c0"),
                labels: ["c1"].into(),
                one_hot: BTreeSet::new(),
                drop: BTreeSet::new(),
                missing_marker: None,
                ..format
            };
            Some(csv_table::read(&bytes, &path, &format).map_err(Complaints)?)
        }
    };
    Ok(Tables {
        columns,
        target,
        provenance: Provenance {
            sha256,
            ..provenance
        },
    })
}

impl Columns {
    /// SHA-256 of all that they hold: what embedded data have in the place of a file's.
    fn digest(&self) -> String {
        let numbers = self.numbers.iter().flat_map(|(_, xs)| xs);
        let mut bytes: Vec<u8> = numbers.flat_map(|x| x.to_le_bytes()).collect();
        for text in self.texts.iter().flat_map(|(_, texts)| texts) {
            bytes.extend(text.as_bytes());
            bytes.push(0);
        }
        digest(&bytes)
    }
}

/// Complains of an option of `[dataset]` that another source has than the one asked for.
fn refuse_options_of_others(
    request: &DatasetRequest,
    own: Option<&'static dyn TableSource>,
) -> Result<(), Complaint> {
    let own = own.map(TableSource::name);
    let foreign = registry::options().find(|(source, option)| {
        Some(source.name()) != own && request.source_options.contains_key(option.name)
    });
    let Some((source, option)) = foreign else {
        return Ok(());
    };
    let option = option.name;
    let problem = format!("`{option}` has a meaning for data that are made only");
    let help = match manifest::of_source(source.name(), request.manifests.as_deref()) {
        Some(name) => format!("leave it out, or write `use = \"{name}\"`"),
        None => "leave it out".into(),
    };
    Err(Complaint::new(request.name(), problem)
        .about(option)
        .help(help))
}

/// Complains of what says how a file is to be read, where there is none.
fn refuse_file_options(request: &DatasetRequest) -> Result<(), Complaint> {
    let asked = [
        ("delimiter", request.delimiter.is_some()),
        ("missing_marker", request.missing_marker.is_some()),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        None => Ok(()),
        Some((option, _)) => {
            let problem = format!("`{option}` has a meaning for files only, and there is none");
            Err(Complaint::new(request.name(), problem)
                .about(option)
                .help("leave it out"))
        }
    }
}
