//! From a request in an experiment to a data set in memory.

use std::path::Path;

use ndarray::{Array1, Array2};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::csv_table::Columns;
use super::manifest::{self, Manifest};
use super::registry::SourceOptions;
use super::reshape::{check_embedded, classes_of_embedded, leave_out};
use super::tables::{self, Tables};
use super::{
    Dataset, DatasetRequest, DatasetSource, Label, MissingPolicy, Provenance, SplitKind, Target,
};
use hexperiment_diagnostics::{Complaint, Complaints, printable};

impl Dataset {
    /// Finds, reads, checks and splits the data. Complaints about the value of an option of
    /// `[dataset]` name it.
    ///
    /// # Errors
    /// No data set of that name, a file that cannot be read or has another checksum, a field that
    /// is no number or is missing where the policy refuses gaps, a column that is named and not
    /// there, no row that can be used, or an option that these data cannot satisfy, such as a
    /// stratified split of a target without classes.
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
        let Tables {
            mut columns,
            target,
            provenance,
        } = tables::read(request, &manifest)?;
        let gaps_left_out = std::mem::take(&mut columns.gaps_left_out);
        let lines = std::mem::take(&mut columns.lines);
        let origin = (target, provenance);
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
            let before = rows.len();
            rows = data.balanced(rows, &mut rng);
            let fewer = before - rows.len();
            if fewer > 0 {
                let note = format!("left out of {before} rows to balance the classes: {fewer}");
                data.provenance.preparation.push(note);
            }
        }
        data.deal(rows, request, manifest.split, &mut rng);
        data.encode_categories(&columns.vocabularies, &request.drop_columns)?;
        let note = data.note_on_filled();
        data.provenance.preparation.extend(note);
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
    let used = &values[..used_rows(request, values.len())];
    let missing = used.iter().filter(|x| x.is_nan()).count();
    if let Some(row) = used.iter().position(|x| x.is_nan())
        && !drops_missing_targets(request, manifest)
    {
        let all = match missing {
            1 => "it is the only one".into(),
            _ => format!("{missing} targets are missing in all"),
        };
        let problem = format!("the target `{name}` is missing, expected a number; {all}");
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

/// How many of these rows are used: the first, up to the limit.
fn used_rows(request: &DatasetRequest, all: usize) -> usize {
    match request.limit {
        0 => all,
        limit => all.min(limit),
    }
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
    let rows = used_rows(request, all);
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
