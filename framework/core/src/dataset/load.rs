//! From a request in an experiment to a data set in memory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, Axis};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};

use super::csv_table::{self, Columns, Layout};
use super::manifest::{self, Manifest};
use super::{Dataset, Label, MissingPolicy, Provenance, Target};
use crate::source::{Complaint, Complaints};

/// How rows are dealt to the training and the test part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitKind {
    /// Shuffled by the seed.
    #[default]
    Random,
    /// Shuffled by the seed, each class of the target dealt in equal shares.
    Stratified,
    /// The last rows are the test part.
    Chronological,
}

/// What an experiment asks for, checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetRequest {
    /// A manifest's name, or the path of a file of the user's own.
    pub source: DatasetSource,
    /// Overrides of the manifest; each `None` leaves what the manifest says.
    pub target: Option<String>,
    /// Columns to leave out, besides the manifest's.
    pub drop_columns: Vec<String>,
    /// Columns to keep as text, besides the manifest's.
    pub labels: Vec<String>,
    /// What stands for a missing value.
    pub missing_marker: Option<String>,
    /// What to do about missing values.
    pub missing: Option<MissingPolicy>,
    /// Whether the larger classes are cut down to the smallest, before the split.
    pub balance: bool,
    /// The share of the test part; its rows are rounded down.
    pub test_fraction: f64,
    /// How rows are dealt.
    pub split: Option<SplitKind>,
    /// At most so many rows, the first; 0 for all.
    pub limit: usize,
    /// The seed of balancing and of the split.
    pub seed: u64,
    /// Folder of manifests beside the experiment.
    pub manifests: Option<PathBuf>,
}

/// Where the data are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatasetSource {
    /// By a manifest.
    Manifest(String),
    /// A file.
    File(PathBuf),
}

impl DatasetRequest {
    /// The data of `source` with nothing changed, three tenths for testing.
    pub fn new(source: DatasetSource, seed: u64) -> Self {
        Self {
            source,
            target: None,
            drop_columns: vec![],
            labels: vec![],
            missing_marker: None,
            missing: None,
            balance: false,
            test_fraction: 0.3,
            split: None,
            limit: 0,
            seed,
            manifests: None,
        }
    }

    /// Its name in tables.
    pub fn name(&self) -> String {
        match &self.source {
            DatasetSource::Manifest(name) => name.clone(),
            DatasetSource::File(path) => path
                .file_stem()
                .map_or_else(String::new, |s| s.to_string_lossy().into_owned()),
        }
    }
}

impl Dataset {
    /// Finds, reads, checks and splits the data.
    pub fn load(request: &DatasetRequest) -> Result<Self, Complaints> {
        let manifest = match &request.source {
            DatasetSource::Manifest(name) => manifest::find(name, request.manifests.as_deref())?,
            DatasetSource::File(path) => own_file(path),
        };
        let (mut columns, target_file, provenance) = read(request, &manifest)?;
        let gaps_left_out = std::mem::take(&mut columns.gaps_left_out);
        let mut data = assemble(request, &manifest, columns, target_file, provenance)?;
        let mut rng = ChaCha20Rng::seed_from_u64(request.seed);
        let mut rows = data.usable_rows(&gaps_left_out);
        if rows.is_empty() {
            let file = data
                .provenance
                .file
                .clone()
                .unwrap_or_else(|| request.name().into());
            return Err(Complaint::new(file, "every row has a missing value")
                .help("drop the column that is missing most, or use `missing = \"median\"`")
                .into());
        }
        let split = request.split.unwrap_or(manifest.split);
        if split == SplitKind::Stratified {
            data.check_classes(&rows, "`split = \"stratified\"`")?;
        }
        if request.balance {
            data.check_classes(&rows, "`balance`")?;
            rows = data.balanced(rows, &mut rng);
        }
        data.deal(rows, request, manifest.split, &mut rng);
        Ok(data)
    }

    /// Rows that the policy leaves; `gaps_left_out` are those with a gap in a column that is
    /// left out.
    fn usable_rows(&self, gaps_left_out: &BTreeSet<usize>) -> Vec<usize> {
        let complete = |row: &usize| !self.features.row(*row).iter().any(|x| x.is_nan());
        let all = 0..self.features.nrows();
        match self.missing {
            MissingPolicy::DropRows => all.filter(complete).collect(),
            MissingPolicy::CompleteRows => all
                .filter(|row| complete(row) && !gaps_left_out.contains(row))
                .collect(),
            _ => all.collect(),
        }
    }

    /// Rows by class, classes in order.
    fn by_class(&self, rows: &[usize]) -> Vec<Vec<usize>> {
        let Some(target) = &self.target else {
            return vec![rows.to_vec()];
        };
        let mut classes: Vec<(f64, Vec<usize>)> = Vec::new();
        for row in rows {
            let class = target.values[*row];
            match classes.iter_mut().find(|(c, _)| *c == class) {
                Some((_, members)) => members.push(*row),
                None => classes.push((class, vec![*row])),
            }
        }
        classes.sort_by(|a, b| a.0.total_cmp(&b.0));
        classes.into_iter().map(|(_, members)| members).collect()
    }

    /// As many rows of each class as the smallest has.
    fn balanced(&self, rows: Vec<usize>, rng: &mut ChaCha20Rng) -> Vec<usize> {
        let mut classes = self.by_class(&rows);
        let least = classes.iter().map(Vec::len).min().unwrap_or(0);
        for class in &mut classes {
            class.shuffle(rng);
            class.truncate(least);
        }
        let mut rows: Vec<usize> = classes.into_iter().flatten().collect();
        rows.sort_unstable();
        rows
    }

    fn deal(
        &mut self,
        mut rows: Vec<usize>,
        request: &DatasetRequest,
        usual: SplitKind,
        rng: &mut ChaCha20Rng,
    ) {
        // 0.29 of 100 rows are 29, though the product in binary is a little less.
        let wanted = (rows.len() as f64 * request.test_fraction + 1e-9).floor() as usize;
        match request.split.unwrap_or(usual) {
            SplitKind::Random => {
                rows.shuffle(rng);
                self.test = rows.split_off(rows.len() - wanted);
                self.train = rows;
            }
            SplitKind::Chronological => {
                self.test = rows.split_off(rows.len() - wanted);
                self.train = rows;
            }
            SplitKind::Stratified => {
                let classes = self.by_class(&rows);
                let sizes: Vec<usize> = classes.iter().map(Vec::len).collect();
                for (mut class, share) in classes.into_iter().zip(shares(&sizes, wanted)) {
                    class.shuffle(rng);
                    self.test.extend(class.split_off(class.len() - share));
                    self.train.extend(class);
                }
                self.test.shuffle(rng);
                self.train.shuffle(rng);
            }
        }
    }

    /// Complains where classes are asked for and the target has none.
    fn check_classes(&self, rows: &[usize], asked: &str) -> Result<(), Complaint> {
        let place = self
            .provenance
            .file
            .clone()
            .unwrap_or_else(|| self.name.clone().into());
        let Some(target) = &self.target else {
            return Err(Complaint::new(
                place,
                format!("{asked} needs classes, but there is no target"),
            )
            .help("name one: `target = \"column\"` under [dataset]"));
        };
        let classes = self.by_class(rows).len();
        if classes > 2 && classes * 10 > rows.len() {
            let problem = format!(
                "{asked} needs classes: found {classes} different values of `{}` in {} rows, expected few",
                target.name,
                rows.len()
            );
            return Err(Complaint::new(place, problem)
                .help("leave it out for a target that is a quantity, or choose another target"));
        }
        Ok(())
    }
}

/// Parts of `wanted` in proportion to `sizes`: rounded down, what is left by falling remainder.
fn shares(sizes: &[usize], wanted: usize) -> Vec<usize> {
    let all = sizes.iter().sum::<usize>().max(1);
    let mut shares: Vec<usize> = sizes.iter().map(|size| size * wanted / all).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(sizes[*i] * wanted % all));
    let left = wanted - shares.iter().sum::<usize>();
    for i in order.into_iter().take(left) {
        shares[i] += 1;
    }
    shares
}

/// What is assumed of a file that no manifest describes.
fn own_file(path: &Path) -> Manifest {
    Manifest {
        title: path.display().to_string(),
        source: "the user's own file".into(),
        licence: "unknown".into(),
        file: Some(path.to_owned()),
        sha256: None,
        url: None,
        how_to_get: None,
        builtin: None,
        delimiter: ',',
        header: true,
        target: None,
        target_file: None,
        target_above: None,
        labels: vec![],
        drop: vec![],
        missing_marker: None,
        missing: MissingPolicy::default(),
        split: SplitKind::default(),
    }
}

type Tables = (Columns, Option<Columns>, Provenance);

fn read(request: &DatasetRequest, manifest: &Manifest) -> Result<Tables, Complaints> {
    let mut provenance = Provenance {
        source: manifest.source.clone(),
        licence: manifest.licence.clone(),
        ..Provenance::default()
    };
    if let Some(builtin) = &manifest.builtin {
        let columns = embedded(builtin).ok_or_else(|| {
            Complaint::new(
                request.name(),
                format!("there is no embedded data `{builtin}`"),
            )
        })?;
        provenance.sha256 = digest(
            &columns
                .numbers
                .iter()
                .flat_map(|(_, xs)| xs)
                .flat_map(|x| x.to_le_bytes())
                .collect::<Vec<u8>>(),
        );
        return Ok((columns, None, provenance));
    }
    let path = match &request.source {
        DatasetSource::File(path) => path.clone(),
        DatasetSource::Manifest(name) => locate(name, manifest)?,
    };
    let bytes = std::fs::read(&path).map_err(|e| {
        Complaint::new(&path, format!("cannot be read: {e}"))
            .help("check the path; it is taken from the folder of the experiment file")
    })?;
    provenance.sha256 = digest(&bytes);
    verify_digest(&path, &provenance.sha256, manifest.sha256.as_deref())?;
    let labels = [manifest.labels.as_slice(), &request.labels].concat();
    let drop = [manifest.drop.as_slice(), &request.drop_columns].concat();
    let layout = Layout {
        delimiter: manifest.delimiter,
        header: manifest.header,
        target: request.target.as_deref().or(manifest.target.as_deref()),
        labels: &labels,
        drop: &drop,
        missing_marker: request
            .missing_marker
            .as_deref()
            .or(manifest.missing_marker.as_deref()),
    };
    let columns = csv_table::read(&bytes, &path, &layout).map_err(Complaints)?;
    let target = match &manifest.target_file {
        None => None,
        Some(file) => {
            let path = path.with_file_name(file);
            let bytes = std::fs::read(&path).map_err(|e| {
                let how = manifest.how_to_get.as_deref().unwrap_or("see the source");
                Complaint::new(&path, format!("the target's file cannot be read: {e}")).help(how)
            })?;
            let text = ["c1".to_owned()];
            let layout = Layout {
                delimiter: manifest.delimiter,
                header: false,
                target: None,
                labels: &text,
                drop: &[],
                missing_marker: None,
            };
            Some(csv_table::read(&bytes, &path, &layout).map_err(Complaints)?)
        }
    };
    provenance.file = path.file_name().map(PathBuf::from);
    Ok((columns, target, provenance))
}

/// Embedded data are asked for columns by name as files are.
fn check_embedded(
    request: &DatasetRequest,
    manifest: &Manifest,
    columns: &Columns,
    place: &Path,
) -> Result<(), Complaint> {
    let names: Vec<String> = columns
        .numbers
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let layout = Layout {
        delimiter: manifest.delimiter,
        header: true,
        target: request.target.as_deref().or(manifest.target.as_deref()),
        labels: &request.labels,
        drop: &request.drop_columns,
        missing_marker: None,
    };
    csv_table::check_names(place, &names, &layout)
}

fn assemble(
    request: &DatasetRequest,
    manifest: &Manifest,
    mut columns: Columns,
    target_file: Option<Columns>,
    provenance: Provenance,
) -> Result<Dataset, Complaints> {
    let place = provenance
        .file
        .clone()
        .unwrap_or_else(|| request.name().into());
    if manifest.builtin.is_some() {
        check_embedded(request, manifest, &columns, &place)?;
        columns
            .numbers
            .retain(|(name, _)| !request.drop_columns.contains(name));
    }
    let wanted = request.target.as_ref().or(manifest.target.as_ref());
    let mut target = match (wanted, target_file) {
        (Some(name), _) => {
            let at = columns
                .numbers
                .iter()
                .position(|(n, _)| n == name)
                .ok_or_else(|| {
                    let known: Vec<&str> =
                        columns.numbers.iter().map(|(n, _)| n.as_str()).collect();
                    let problem = format!(
                        "the target `{name}` is left out or kept as text, expected a number"
                    );
                    Complaint::new(&place, problem).help(format!(
                        "take it out of `drop_columns` and `labels`, or choose another: {}",
                        known.join(", ")
                    ))
                })?;
            Some(columns.numbers.remove(at))
        }
        (None, Some(mut file)) if !file.numbers.is_empty() => Some(file.numbers.swap_remove(0)),
        (None, _) => None,
    };
    if let Some((name, values)) = &mut target {
        if let Some(row) = values.iter().position(|x| x.is_nan()) {
            let line = columns.lines.get(row).copied().unwrap_or(row + 1);
            return Err(
                Complaint::new(&place, format!("the target `{name}` is missing"))
                    .at_line(line)
                    .help("remove the row, or choose another target")
                    .into(),
            );
        }
        // The threshold is the manifest's target's; another column has none.
        let usual = request.target.is_none() || request.target == manifest.target;
        if let (Some(threshold), true) = (manifest.target_above, usual) {
            values
                .iter_mut()
                .for_each(|x| *x = f64::from(u8::from(*x > threshold)));
        }
    }
    if columns.numbers.is_empty() {
        return Err(Complaint::new(&place, "no numeric column is left besides the target").into());
    }
    let all = columns.numbers[0].1.len();
    if target
        .as_ref()
        .is_some_and(|(_, values)| values.len() != all)
    {
        return Err(Complaint::new(&place, "the target's file has another number of rows").into());
    }
    let rows = if request.limit == 0 {
        all
    } else {
        all.min(request.limit)
    };
    let features = Array2::from_shape_fn((rows, columns.numbers.len()), |(row, column)| {
        columns.numbers[column].1[row]
    });
    Ok(Dataset {
        name: request.name(),
        columns: columns.numbers.into_iter().map(|(name, _)| name).collect(),
        features,
        target: target.map(|(name, mut values)| {
            values.truncate(rows);
            Target {
                name,
                values: Array1::from(values),
            }
        }),
        labels: columns
            .texts
            .into_iter()
            .map(|(name, mut values)| {
                values.truncate(rows);
                Label { name, values }
            })
            .collect(),
        train: vec![],
        test: vec![],
        missing: request.missing.unwrap_or(manifest.missing),
        provenance,
    })
}

/// The data sets that `linfa-datasets` carries.
fn embedded(name: &str) -> Option<Columns> {
    let (features, names, targets, target) = match name {
        "linfa:winequality" => {
            let d = linfa_datasets::winequality();
            (
                d.records().clone(),
                d.feature_names().to_vec(),
                d.targets().mapv(|x| x as f64),
                "quality",
            )
        }
        "linfa:iris" => {
            let d = linfa_datasets::iris();
            (
                d.records().clone(),
                d.feature_names().to_vec(),
                d.targets().mapv(|x| x as f64),
                "species",
            )
        }
        "linfa:diabetes" => {
            let d = linfa_datasets::diabetes();
            (
                d.records().clone(),
                d.feature_names().to_vec(),
                d.targets().clone(),
                "progression",
            )
        }
        _ => return None,
    };
    let mut numbers: Vec<(String, Vec<f64>)> = features
        .axis_iter(Axis(1))
        .enumerate()
        .map(|(i, column)| {
            let name = names.get(i).cloned().unwrap_or_else(|| format!("c{i}"));
            (name.replace(' ', "_"), column.to_vec())
        })
        .collect();
    numbers.push((target.to_owned(), targets.to_vec()));
    Some(Columns {
        numbers,
        texts: vec![],
        lines: (1..=features.nrows()).collect(),
        gaps_left_out: BTreeSet::new(),
    })
}

/// The file of a manifest: below `$HEXPERIMENT_DATA`, in the user's cache, or fetched there.
pub fn locate(name: &str, manifest: &Manifest) -> Result<PathBuf, Complaint> {
    let Some(file) = &manifest.file else {
        return Err(Complaint::new(
            name,
            "the data are embedded; there is no file",
        ));
    };
    let cache = cache_folder();
    let places: Vec<PathBuf> = std::env::var_os("HEXPERIMENT_DATA")
        .map(PathBuf::from)
        .into_iter()
        .chain(cache.clone())
        .map(|folder| folder.join(file))
        .collect();
    if let Some(found) = places.iter().find(|p| p.is_file()) {
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
    Err(Complaint::new(
        file,
        format!("data set `{name}` was not found; looked at {looked}{failure}"),
    )
    .help(format!(
        "{how} Source: {}. Put the file in a folder and set HEXPERIMENT_DATA to it.",
        manifest.source
    )))
}

fn cache_folder() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))?;
    Some(base.join("hexperiment").join("data"))
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
    if found != sum {
        return Err(format!("SHA-256 is {found}, expected {sum}"));
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(|e| text(&e))?;
    }
    // Several cells, each a process, may fetch at once.
    let beside = to.with_extension(format!("{}.part", std::process::id()));
    std::fs::write(&beside, bytes).map_err(|e| text(&e))?;
    std::fs::rename(&beside, to).map_err(|e| text(&e))?;
    Ok(to.to_owned())
}

fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn verify_digest(path: &Path, found: &str, expected: Option<&str>) -> Result<(), Complaint> {
    match expected {
        Some(expected) if expected != found => Err(Complaint::new(
            path,
            format!("wrong checksum: SHA-256 is {found}, expected {expected}"),
        )
        .help(
            "the file is not the one that results are known for: get it anew from its source, \
             or use it as your own with `path = …` in place of `use`",
        )),
        _ => Ok(()),
    }
}

/// Finds the file of a manifest, fetching it if need be, and checks its sum; yields its place.
pub fn verify(name: &str, manifest: &Manifest) -> Result<PathBuf, Complaint> {
    let path = locate(name, manifest)?;
    let bytes =
        std::fs::read(&path).map_err(|e| Complaint::new(&path, format!("cannot be read: {e}")))?;
    verify_digest(&path, &digest(&bytes), manifest.sha256.as_deref())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that a policy leaves of a table whose column `b` is left out.
    #[track_caller]
    fn check(missing: MissingPolicy, expect: &[usize]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gaps.csv");
        std::fs::write(&path, "a,b,y\n1,1,0\n,1,1\n3,NA,0\n4,-9.0,1\n5,2,0\n").unwrap();
        let data = Dataset::load(&DatasetRequest {
            target: Some("y".into()),
            drop_columns: vec!["b".into()],
            missing_marker: Some("-9".into()),
            missing: Some(missing),
            ..DatasetRequest::new(DatasetSource::File(path), 1)
        })
        .unwrap();
        let mut rows = [data.train, data.test].concat();
        rows.sort_unstable();
        assert_eq!(rows, expect);
    }

    #[test]
    fn policies_drop_rows() {
        check(MissingPolicy::Median, &[0, 1, 2, 3, 4]);
        check(MissingPolicy::DropRows, &[0, 2, 3, 4]);
        check(MissingPolicy::CompleteRows, &[0, 4]);
    }
}
