//! One-hot encoding: a column of categories becomes columns of 0 and 1, one for each category that
//! the training part shows.
//!
//! While a table is read, a cell holds its category's place in the [`Vocabulary`]; that becomes
//! columns once it is known which rows are trained on. A row of the test part whose category the
//! training part does not show has 0 in all of them, as one has whose category a model was not
//! trained on.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::{Dataset, MissingPolicy};
use hexperiment_diagnostics::Complaint;
use hexperiment_diagnostics::suggest;

/// Categories of a column at most: each is a column, and most schemes pay for each.
const MOST_CATEGORIES: usize = 256;

/// The categories of a column, in order.
pub(super) type Vocabulary = Vec<String>;

/// The cells of a column of categories; `None` where one is missing.
#[derive(Debug, Default)]
pub(super) struct Categories(Vec<Option<String>>);

impl Categories {
    pub(super) fn push(&mut self, category: Option<&str>) {
        self.0.push(category.map(str::to_owned));
    }

    /// Each cell's place in the vocabulary, NaN where it is missing, and the vocabulary: by value if
    /// all categories are numbers, else as texts are sorted.
    pub(super) fn codes(self) -> (Vec<f64>, Vocabulary) {
        let different: BTreeSet<&String> = self.0.iter().flatten().collect();
        let mut vocabulary: Vocabulary = different.into_iter().cloned().collect();
        let number = |text: &String| text.parse::<f64>().ok().filter(|x| x.is_finite());
        if vocabulary.iter().all(|text| number(text).is_some()) {
            // Stable: categories of one value stay sorted as texts.
            vocabulary.sort_by(|a, b| {
                let (a, b) = (number(a).unwrap_or(0.0), number(b).unwrap_or(0.0));
                a.total_cmp(&b)
            });
        }
        let places: BTreeMap<&String, usize> =
            vocabulary.iter().enumerate().map(|(i, c)| (c, i)).collect();
        let code = |cell: &Option<String>| match cell {
            Some(category) => places[category] as f64,
            None => f64::NAN,
        };
        let codes = self.0.iter().map(code).collect();
        drop(places);
        (codes, vocabulary)
    }
}

/// What the column of a category is called.
fn name_of(column: &str, category: &str) -> String {
    format!("{column}={category}")
}

/// The column and the category that a name of [`name_of`] tells, of one of `columns`.
pub(super) fn parts<'a, 'c>(
    name: &'a str,
    columns: impl IntoIterator<Item = &'c str>,
) -> Option<(&'a str, &'a str)> {
    columns.into_iter().find_map(|column| {
        let category = name.strip_prefix(column)?.strip_prefix('=')?;
        Some((&name[..column.len()], category))
    })
}

impl Dataset {
    /// Replaces the columns that have a vocabulary, in their places; `left_out` are columns of
    /// categories that are not wanted. Fails where the training part shows no category, or too
    /// many, and where there is no such category to leave out.
    pub(super) fn encode_categories(
        &mut self,
        vocabularies: &BTreeMap<String, Vocabulary>,
        left_out: &[String],
    ) -> Result<(), Complaint> {
        if vocabularies.is_empty() {
            return Ok(());
        }
        let encoded: Vec<String> = vocabularies.keys().cloned().collect();
        let mut columns: Vec<String> = Vec::new();
        let mut values: Vec<Array1<f64>> = Vec::new();
        let mut unused: BTreeSet<&String> = left_out
            .iter()
            .filter(|name| parts(name, encoded.iter().map(String::as_str)).is_some())
            .collect();
        for (column, codes) in self.columns.iter().zip(self.features.columns()) {
            let Some(vocabulary) = vocabularies.get(column) else {
                columns.push(column.clone());
                values.push(codes.to_owned());
                continue;
            };
            let shown = self.shown(column, codes)?;
            let mut codes = codes.to_owned();
            if self.missing == MissingPolicy::Median {
                let notes = &mut self.provenance.preparation;
                notes.extend(fill(column, &mut codes, &self.train, vocabulary));
            }
            let unseen =
                |row: &&usize| !codes[**row].is_nan() && !shown.contains(&place(codes[**row]));
            let count = self.test.iter().filter(unseen).count();
            if count > 0 {
                self.provenance.preparation.push(format!(
                    "`{column}`: {count} of {} test rows have a category that no training row has, \
                     and 0 in all of its columns",
                    self.test.len()
                ));
            }
            for place in shown {
                let name = name_of(column, &vocabulary[place]);
                if unused.remove(&name) || left_out.contains(&name) {
                    continue;
                }
                columns.push(name);
                values.push(codes.mapv(|code| match code {
                    code if code.is_nan() => f64::NAN,
                    code => f64::from(u8::from(code == place as f64)),
                }));
            }
        }
        if let Some(name) = unused.first() {
            return Err(self.unknown_category(name, &encoded, &columns));
        }
        if let Some(twice) = columns
            .iter()
            .enumerate()
            .find_map(|(i, name)| columns[..i].contains(name).then_some(name))
        {
            return Err(Complaint::new(
                self.place(),
                format!("a category's column would be called `{twice}`, as another column is"),
            )
            .help("rename that column in the file"));
        }
        let mut features = Array2::zeros((self.features.nrows(), columns.len()));
        for (mut to, from) in features.axis_iter_mut(Axis(1)).zip(&values) {
            to.assign(from);
        }
        (self.columns, self.features) = (columns, features);
        Ok(())
    }

    /// The categories that the training part shows, by place.
    fn shown(
        &self,
        column: &str,
        codes: ArrayView1<'_, f64>,
    ) -> Result<BTreeSet<usize>, Complaint> {
        let of_rows = self.train.iter().map(|row| codes[*row]);
        let shown: BTreeSet<usize> = of_rows.filter(|c| !c.is_nan()).map(place).collect();
        let found = shown.len();
        let problem = match found {
            0 => "no category at all".to_owned(),
            1..=MOST_CATEGORIES => return Ok(shown),
            _ => format!("{found} categories"),
        };
        Err(Complaint::new(
            self.place(),
            format!(
                "column `{column}`, which `one_hot` names: found {problem} in the {} training rows, \
                 expected 1 to {MOST_CATEGORIES}",
                self.train.len()
            ),
        )
        .help(format!(
            "an identifier is no category: name `{column}` in `labels` (kept as text) or in \
             `drop_columns` under [dataset] instead"
        )))
    }

    fn unknown_category(&self, name: &str, encoded: &[String], columns: &[String]) -> Complaint {
        let column =
            parts(name, encoded.iter().map(String::as_str)).map_or("", |(column, _)| column);
        let own = [column.to_owned()];
        let known: Vec<&str> = columns
            .iter()
            .filter(|name| parts(name, own.iter().map(String::as_str)).is_some())
            .map(String::as_str)
            .collect();
        let hint = suggest(name, known.iter().copied())
            .map(|s| format!("did you mean `{s}`? "))
            .unwrap_or_default();
        let shown: Vec<&str> = known.iter().copied().take(20).collect();
        Complaint::new(
            self.place(),
            format!(
                "`drop_columns` names `{name}`, but no training row has that category of `{column}`"
            ),
        )
        .help(format!("{hint}categories: {}", shown.join(", ")))
    }
}

/// A code is a place in a vocabulary.
fn place(code: f64) -> usize {
    code as usize
}

/// Fills gaps with the category that is most frequent in the training rows, of equally frequent ones
/// the first; says so if there were any.
fn fill(
    column: &str,
    codes: &mut Array1<f64>,
    train: &[usize],
    vocabulary: &Vocabulary,
) -> Option<String> {
    let gaps = codes.iter().filter(|c| c.is_nan()).count();
    let mut counts = vec![0_usize; vocabulary.len()];
    for code in train.iter().map(|row| codes[*row]).filter(|c| !c.is_nan()) {
        counts[place(code)] += 1;
    }
    let most = *counts.iter().max()?;
    let mode = counts.iter().position(|count| *count == most)?;
    codes.mapv_inplace(|code| if code.is_nan() { mode as f64 } else { code });
    (gaps > 0).then(|| {
        format!(
            "`{column}`: {gaps} missing values are filled by the most frequent category of the \
             training part, {:?}",
            vocabulary[mode]
        )
    })
}

#[cfg(test)]
mod tests;
