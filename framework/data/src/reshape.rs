//! Tables that no file of text holds, brought into the form that is asked for.

use std::path::Path;

use super::DatasetRequest;
use super::csv_table::{self, Columns, CsvFormat};
use super::manifest::Manifest;
use super::one_hot::Categories;
use hexperiment_diagnostics::Complaint;

/// Embedded data and images are asked for columns by name as files are.
pub(super) fn check_embedded(
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
    let format = CsvFormat {
        labels: request.labels.iter().map(String::as_str).collect(),
        one_hot: request.one_hot.iter().map(String::as_str).collect(),
        drop: request.drop_columns.iter().map(String::as_str).collect(),
        ..CsvFormat::new(request, manifest)
    };
    csv_table::check_names(place, &names, &format)
}

/// Makes classes of an embedded target, as is done to a file while it is read.
pub(super) fn classes_of_embedded(
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
pub(super) fn leave_out(request: &DatasetRequest, columns: &mut Columns) {
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
