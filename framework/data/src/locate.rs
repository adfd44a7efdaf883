//! Finding the file of a manifest, fetching it, and checking its sum.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use hexperiment_diagnostics::{Complaint, files};

/// The file of a manifest: below `$HEXPERIMENT_DATA`, in the user's cache, or fetched there.
///
/// # Errors
/// The data are embedded; or the file is in none of the folders and cannot be fetched: there is no
/// address, checksum or cache for it, fetching fails, or what came has another checksum.
pub fn locate(name: &str, manifest: &Manifest) -> Result<PathBuf, Complaint> {
    let Some(file) = &manifest.file else {
        return Err(
            Complaint::new(name, "the data are embedded; there is no file")
                .help("nothing to fetch: `use` it as it is"),
        );
    };
    let cache = files::cache_folder("data");
    let places = places(file);
    // Whatever is there: reading it says what is wrong with it.
    if let Some(found) = places.iter().find(|p| p.exists()) {
        return Ok(found.clone());
    }
    let mut failure = String::new();
    if let (Some(url), Some(sum), Some(cache)) = (&manifest.url, &manifest.sha256, cache) {
        match fetch(url, sum, &cache.join(file)) {
            Ok(path) => return Ok(path),
            Err(e) => failure = format!("; fetching {url} failed: {e}"),
        }
    }
    let looked: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
    let looked = if looked.is_empty() {
        "nowhere (no data folder is set)".into()
    } else {
        looked.join(", ")
    };
    let how = manifest.how_to_get.as_deref().unwrap_or("see the source");
    let how = how.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(Complaint::new(
        file,
        format!("data set `{name}` was not found; looked at {looked}{failure}"),
    )
    .about("use")
    .help(format!(
        "{how} Source: {}. Put the file in a folder and set HEXPERIMENT_DATA to it.",
        manifest.source
    )))
}

/// Where a file of data may lie: below `$HEXPERIMENT_DATA`, or in the user's cache.
fn places(file: &Path) -> Vec<PathBuf> {
    std::env::var_os("HEXPERIMENT_DATA")
        .map(PathBuf::from)
        .into_iter()
        .chain(files::cache_folder("data"))
        .map(|folder| folder.join(file))
        .collect()
}

/// Whether the data of a manifest can be had without fetching anything.
pub fn is_here(manifest: &Manifest) -> bool {
    let is_there = |file: &PathBuf| places(file).iter().any(|place| place.exists());
    manifest.file.as_ref().is_none_or(is_there)
}

/// Fetches into the cache: first beside its place, moved there once its checksum holds.
fn fetch(url: &str, sum: &str, to: &Path) -> Result<PathBuf, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let mut response = ureq::get(url).call().map_err(|e| text(&e))?;
    let bytes = response
        .body_mut()
        .with_config()
        .limit(1 << 30)
        .read_to_vec()
        .map_err(|e| text(&e))?;
    let found = digest(&bytes);
    if !sum.eq_ignore_ascii_case(&found) {
        return Err(format!("SHA-256 is {found}, expected {sum}"));
    }
    files::write_with_folders(to, &bytes).map_err(|e| text(&e))?;
    Ok(to.to_owned())
}

pub(super) fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let sum = sha2::Sha256::digest(bytes);
    sum.iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
            text
        })
}

/// The bytes of a file and their sum, which must be `expected` if that is given.
pub(super) fn read_verified(
    path: &Path,
    expected: Option<&str>,
    help: &str,
) -> Result<(Vec<u8>, String), Complaint> {
    let read = files::read(path, files::VALUES, help);
    let bytes = read.map_err(|complaint| complaint.about("path"))?;
    let found = verified(path, &bytes, expected)?;
    Ok((bytes, found))
}

/// The sum of a file's bytes, which must be `expected` if that is given.
pub(super) fn verified(
    path: &Path,
    bytes: &[u8],
    expected: Option<&str>,
) -> Result<String, Complaint> {
    let found = digest(bytes);
    match expected {
        Some(expected) if !expected.eq_ignore_ascii_case(&found) => Err(Complaint::new(
            path,
            format!("wrong checksum: SHA-256 is {found}, expected {expected}"),
        )
        .about("path")
        .help(
            "the file is not the one that results are known for: get it anew from its source, \
             or use it as your own with `path = …` in place of `use`",
        )),
        _ => Ok(found),
    }
}

/// Finds the file of a manifest, fetching it if need be, and checks its sum; yields its place.
///
/// # Errors
/// As [`locate`]; and where the file cannot be read or has another checksum.
pub fn verify(name: &str, manifest: &Manifest) -> Result<PathBuf, Complaint> {
    let path = locate(name, manifest)?;
    read_verified(&path, manifest.sha256.as_deref(), "check its permissions")?;
    Ok(path)
}
