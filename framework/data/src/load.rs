//! From a request in an experiment to a data set in memory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::csv_table::{self, Columns, Layout};
use super::locate::{digest, locate, read_verified};
use super::manifest::{self, Manifest};
use super::one_hot::Categories;
use super::pixels;
use super::registry::{self, SourceOptions, TableSource};
use super::{
    Dataset, DatasetRequest, DatasetSource, Label, MissingPolicy, Provenance, SplitKind, Target,
};
use hexperiment_diagnostics::{Complaint, Complaints, printable};

impl Dataset {
    /// Finds, reads, checks and splits the data. Complaints about the value of an option of
    /// `[dataset]` name it.
    pub fn load(request: &DatasetRequest) -> Result<Self, Complaints> {
        Self::loaded(request).map_err(|mut complaints| {
            for complaint in &mut complaints.0 {
                // Who reads a file does not know how it is named.
                if complaint.option == Some("path") {
                    complaint.option = Some(request.source.option());
                }
            }
            complaints
        })
    }

    fn loaded(request: &DatasetRequest) -> Result<Self, Complaints> {
        let manifest = match &request.source {
            DatasetSource::Manifest(name) => manifest::find(name, request.manifests.as_deref())?,
            DatasetSource::File(path) => own_file(path),
        };
        let (mut columns, target_file, provenance) = read(request, &manifest)?;
        let gaps_left_out = std::mem::take(&mut columns.gaps_left_out);
        let lines = std::mem::take(&mut columns.lines);
        let origin = (target_file, provenance);
        let mut data = assemble(request, &manifest, &mut columns, origin, &lines)?;
        data.refuse_gaps_at(&lines)?;
        let mut rng = ChaCha20Rng::seed_from_u64(request.seed);
        let mut rows = data.usable_rows(&gaps_left_out);
        let note = data.note_on_dropped(rows.len());
        data.provenance.preparation.extend(note);
        if rows.is_empty() {
            let file = data
                .provenance
                .file
                .clone()
                .unwrap_or_else(|| request.name().into());
            return Err(
                Complaint::new(file, "every row has a missing value or no target")
                    .about("missing")
                    .help("drop the column that is missing most, or use `missing = \"median\"`")
                    .into(),
            );
        }
        let split = request.split.unwrap_or(manifest.split);
        if split == SplitKind::Stratified {
            data.check_classes(&rows, "split", "`split = \"stratified\"`")?;
        }
        if request.balance {
            data.check_classes(&rows, "balance", "`balance`")?;
            rows = data.balanced(rows, &mut rng);
        }
        data.deal(rows, request, manifest.split, &mut rng);
        data.encode_categories(&columns.vocabularies, &request.drop_columns)?;
        Ok(data)
    }
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
        source_options: SourceOptions::new(),
        delimiter: ',',
        header: true,
        target: None,
        target_file: None,
        target_sha256: None,
        target_above: None,
        labels: vec![],
        one_hot: vec![],
        drop: vec![],
        missing_marker: None,
        missing: MissingPolicy::default(),
        split: SplitKind::default(),
    }
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

type Tables = (Columns, Option<Columns>, Provenance);

fn read(request: &DatasetRequest, manifest: &Manifest) -> Result<Tables, Complaints> {
    let mut provenance = Provenance {
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
        let mut options = manifest.source_options.clone();
        options.extend(request.source_options.clone());
        let columns = Columns::from(source.table(&options, &request.name())?);
        provenance.sha256 = columns.digest();
        return Ok((columns, None, provenance));
    }
    let path = match &request.source {
        DatasetSource::File(path) => path.clone(),
        DatasetSource::Manifest(name) => locate(name, manifest)?,
    };
    if pixels::are_at(&path) {
        pixels::check_request(request, &path)?;
        let (mut columns, sum, files) = pixels::read(&path, manifest.sha256.as_deref())?;
        check_embedded(request, manifest, &columns, &path)?;
        leave_out(request, &mut columns);
        provenance.sha256 = sum;
        provenance.files = files;
        provenance.file = path.file_name().map(PathBuf::from);
        return Ok((columns, None, provenance));
    }
    let help = "check the path; it is taken from the folder of the experiment file";
    let (bytes, sum) = read_verified(&path, manifest.sha256.as_deref(), help)?;
    provenance.sha256 = sum;
    let layout = Layout::new(request, manifest);
    let columns = csv_table::read(&bytes, &path, &layout).map_err(Complaints)?;
    let target = match &manifest.target_file {
        None => None,
        Some(file) => {
            let path = path.with_file_name(file);
            let how = manifest.how_to_get.as_deref().unwrap_or("see the source");
            let (bytes, _) = read_verified(&path, manifest.target_sha256.as_deref(), how)?;
            let layout = Layout {
                header: false,
                target: request.positive.as_ref().map(|_| "c0"),
                labels: ["c1"].into(),
                one_hot: BTreeSet::new(),
                drop: BTreeSet::new(),
                missing_marker: None,
                ..layout
            };
            Some(csv_table::read(&bytes, &path, &layout).map_err(Complaints)?)
        }
    };
    provenance.file = path.file_name().map(PathBuf::from);
    Ok((columns, target, provenance))
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
    let mut help = "leave it out".to_owned();
    if let Some(name) = manifest::of_source(source.name(), request.manifests.as_deref()) {
        help += &format!(", or write `use = \"{name}\"`");
    }
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

/// Embedded data and images are asked for columns by name as files are.
fn check_embedded(
    request: &DatasetRequest,
    manifest: &Manifest,
    columns: &Columns,
    place: &Path,
) -> Result<(), Complaint> {
    let texts = columns.texts.iter().map(|(name, _)| name);
    let names: Vec<String> = columns
        .numbers
        .iter()
        .map(|(name, _)| name)
        .chain(texts)
        .cloned()
        .collect();
    // What a manifest leaves out of a file, embedded data do not have to begin with.
    let layout = Layout {
        labels: request.labels.iter().map(String::as_str).collect(),
        one_hot: request.one_hot.iter().map(String::as_str).collect(),
        drop: request.drop_columns.iter().map(String::as_str).collect(),
        ..Layout::new(request, manifest)
    };
    csv_table::check_names(place, &names, &layout)
}

/// Makes classes of an embedded target, as is done to a file while it is read.
fn classes_of_embedded(
    request: &DatasetRequest,
    manifest: &Manifest,
    columns: &mut Columns,
    place: &Path,
) -> Result<(), Complaint> {
    let target = request.target.as_ref().or(manifest.target.as_ref());
    let (Some(positive), Some(target)) = (&request.positive, target) else {
        return Ok(());
    };
    for (_, values) in columns.numbers.iter_mut().filter(|(n, _)| n == target) {
        let mut classes = csv_table::Classes::new(positive);
        for value in values.iter() {
            classes.push(&value.to_string(), None);
        }
        *values = classes.values(place, target)?;
    }
    Ok(())
}

/// Keeps columns as text, as categories or not at all, as is done to a file while it is read.
fn leave_out(request: &DatasetRequest, columns: &mut Columns) {
    let mut encode = |name: &str, cells: &mut dyn Iterator<Item = Option<String>>| {
        let mut categories = Categories::default();
        for cell in cells {
            categories.push(cell.as_deref());
        }
        let (codes, vocabulary) = categories.codes();
        columns.vocabularies.insert(name.to_owned(), vocabulary);
        (name.to_owned(), codes)
    };
    let mut encoded = Vec::new();
    for (name, texts) in std::mem::take(&mut columns.texts) {
        if request.one_hot.contains(&name) {
            let cell = |text: String| (!text.is_empty()).then_some(text);
            encoded.push(encode(&name, &mut texts.into_iter().map(cell)));
        } else if !request.drop_columns.contains(&name) {
            columns.texts.push((name, texts));
        }
    }
    for (name, values) in std::mem::take(&mut columns.numbers) {
        if request.one_hot.contains(&name) {
            let cell = |x: f64| (!x.is_nan()).then(|| x.to_string());
            encoded.push(encode(&name, &mut values.into_iter().map(cell)));
        } else if request.labels.contains(&name) {
            let texts = values.iter().map(f64::to_string).collect();
            columns.texts.push((name, texts));
        } else if !request.drop_columns.contains(&name) {
            columns.numbers.push((name, values));
        }
    }
    columns.numbers.extend(encoded);
}

/// Takes the target out of the columns, or out of its own file; `read` says which file the
/// columns are from, and on which lines the rows are.
fn take_target(
    request: &DatasetRequest,
    manifest: &Manifest,
    columns: &mut Columns,
    target_file: Option<Columns>,
    read: (&Path, &[usize]),
) -> Result<Option<(String, Vec<f64>)>, Complaint> {
    let (place, lines) = read;
    let wanted = request.target.as_ref().or(manifest.target.as_ref());
    let own = target_file.filter(|file| wanted.is_none() && !file.numbers.is_empty());
    let (place, lines, (name, mut values)) = match (wanted, own) {
        (Some(name), _) => {
            let at = columns.numbers.iter().position(|(n, _)| n == name);
            let Some(at) = at else {
                let known: Vec<&str> = columns.numbers.iter().map(|(n, _)| n.as_str()).collect();
                let problem =
                    format!("the target `{name}` is left out or kept as text, expected a number");
                let option = if request.drop_columns.contains(name) {
                    "drop_columns"
                } else if request.labels.contains(name) {
                    "labels"
                } else {
                    "target"
                };
                return Err(Complaint::new(place, problem).about(option).help(format!(
                    "take it out of `drop_columns` and `labels`, or choose another: {}",
                    printable::list(known, 20)
                )));
            };
            (place, lines.to_vec(), columns.numbers.remove(at))
        }
        (None, Some(mut file)) => {
            let place = manifest.target_file.as_deref().unwrap_or(place);
            (place, file.lines, file.numbers.swap_remove(0))
        }
        (None, None) if request.positive.is_some() => {
            let problem = "`positive` names a value of the target, but there is no target";
            return Err(Complaint::new(place, problem)
                .about("positive")
                .help("name it: `target = \"column\"` under [dataset]"));
        }
        (None, None) => return Ok(None),
    };
    let missing = values.iter().filter(|x| x.is_nan()).count();
    if let Some(row) = values.iter().position(|x| x.is_nan())
        && !drops_missing_targets(request, manifest)
    {
        let problem = format!(
            "the target `{name}` is missing, expected a number; {missing} targets are missing in all"
        );
        return Err(Complaint::new(place, problem)
            .at_line(lines.get(row).copied().unwrap_or(row + 1))
            .help(
                "leave such rows out, `missing_target = \"drop-rows\"` under [dataset], or choose \
                 another target",
            ));
    }
    // The threshold is the manifest's target's; another column has none, nor have classes.
    let usual = (request.target.is_none() || request.target == manifest.target)
        && request.positive.is_none();
    if let (Some(threshold), true) = (manifest.target_above, usual) {
        for x in values.iter_mut().filter(|x| !x.is_nan()) {
            *x = f64::from(u8::from(*x > threshold));
        }
    }
    Ok(Some((name, values)))
}

/// Whether rows without a target are dropped: where that is asked for, or rows with missing values are.
fn drops_missing_targets(request: &DatasetRequest, manifest: &Manifest) -> bool {
    let drops = [MissingPolicy::DropRows, MissingPolicy::CompleteRows];
    let by_policy = drops.contains(&request.missing.unwrap_or(manifest.missing));
    request.drop_missing_targets.unwrap_or(by_policy)
}

fn assemble(
    request: &DatasetRequest,
    manifest: &Manifest,
    columns: &mut Columns,
    (target_file, provenance): (Option<Columns>, Provenance),
    lines: &[usize],
) -> Result<Dataset, Complaints> {
    let place = provenance
        .file
        .clone()
        .unwrap_or_else(|| request.name().into());
    if manifest.builtin.is_some() {
        check_embedded(request, manifest, columns, &place)?;
        classes_of_embedded(request, manifest, columns, &place)?;
        leave_out(request, columns);
    }
    let target = take_target(request, manifest, columns, target_file, (&place, lines))?;
    if columns.numbers.is_empty() {
        let problem = "found no numeric column besides the target, expected at least one";
        let option = match (request.drop_columns.as_slice(), request.labels.as_slice()) {
            ([], []) => "path",
            ([], _) => "labels",
            _ => "drop_columns",
        };
        return Err(Complaint::new(&place, problem)
            .about(option)
            .help("take some out of `drop_columns` and `labels`")
            .into());
    }
    let all = columns.numbers[0].1.len();
    if let Some((_, values)) = target.as_ref().filter(|(_, values)| values.len() != all) {
        let found = values.len();
        let problem = format!("found {found} rows in the target's file, expected {all} as here");
        return Err(Complaint::new(&place, problem)
            .help("get both files anew, from one source")
            .into());
    }
    let rows = if request.limit == 0 {
        all
    } else {
        all.min(request.limit)
    };
    let features = Array2::from_shape_fn((rows, columns.numbers.len()), |(row, column)| {
        columns.numbers[column].1[row]
    });
    let numbers = std::mem::take(&mut columns.numbers);
    let texts = std::mem::take(&mut columns.texts);
    Ok(Dataset {
        name: request.name(),
        columns: numbers.into_iter().map(|(name, _)| name).collect(),
        features,
        target: target.map(|(name, mut values)| {
            values.truncate(rows);
            Target {
                name,
                values: Array1::from(values),
            }
        }),
        labels: texts
            .into_iter()
            .map(|(name, mut values)| {
                values.truncate(rows);
                Label { name, values }
            })
            .collect(),
        train: vec![],
        test: vec![],
        missing: if columns.gaps_are_meant {
            MissingPolicy::Keep
        } else {
            request.missing.unwrap_or(manifest.missing)
        },
        provenance,
    })
}
