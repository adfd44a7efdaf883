//! `[dataset]`

use std::collections::HashSet;
use std::path::Path;

use hexperiment_data::{DatasetRequest, DatasetSource, registry};
use hexperiment_diagnostics::printable;
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::keys::{Keys, Objection};

/// What is done about rows without a target.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
enum MissingTarget {
    Refuse,
    DropRows,
}

/// What is asked for; paths are taken from `folder`, that of the file.
pub(super) fn read(keys: &mut Keys<'_>, folder: &Path, seed: u64) -> DatasetRequest {
    let name = keys.optional_text("use", "The name of a manifest; `list` shows them.");
    let path = keys.optional_text(
        "path",
        "A CSV file, an image (PNG, JPEG) or a folder of images of your own, from the experiment's \
         folder.",
    );
    let source = match keys.checked("path", path, not_empty) {
        Some(path) => DatasetSource::File(folder.join(path)),
        // Without either the section is incomplete, which is told beside it.
        None => DatasetSource::Manifest(name.unwrap_or_default()),
    };
    let mut request = DatasetRequest::new(source, seed);
    request.manifests = Some(folder.join("datasets"));
    request.target =
        keys.optional_text("target", "The column to predict; overrides the manifest's.");
    request.positive = keys.optional_text(
        "positive",
        "The value of the target that counts as 1, all others as 0; for targets that are not \
         numbers, or of several classes.",
    );
    let delimiter = keys.optional_text(
        "delimiter",
        "The character between fields, as \";\" or \"\\t\"; overrides the manifest's. A comma for \
         a file of your own.",
    );
    request.delimiter = keys.checked("delimiter", delimiter, character);
    request.drop_columns = keys.texts(
        "drop_columns",
        "Columns to leave out; also a single category of a column in `one_hot`, as \
         \"colour=red\", which is then the one that the others are compared with.",
    );
    request.labels = keys.texts("labels", "Columns to keep as text: time stamps, names.");
    request.one_hot = keys.texts(
        "one_hot",
        "Columns of categories, texts or numbers, to encode: each category that the training part \
         shows becomes a column of 0 and 1 in the column's place, called \"column=category\", in \
         order. A test row of another category has 0 in all of them. A missing category is \
         filled by the training part's most frequent one where `missing` is `median`.",
    );
    check_columns(keys, &request);
    request.missing_marker = keys.optional_text(
        "missing_marker",
        "What stands for a missing value, besides an empty field and NA.",
    );
    request.missing = keys.optional_choice(
        "missing",
        "What to do about missing values; `complete-rows` drops rows as `drop-rows` does, but also \
         for gaps in columns left out; `median` is the training part's.",
    );
    let missing_target = keys.optional_choice(
        "missing_target",
        "What to do about rows without a target; if left out, they are dropped where `missing` \
         drops rows, else refused.",
    );
    request.drop_missing_targets =
        missing_target.map(|rows: MissingTarget| rows == MissingTarget::DropRows);
    request.balance = keys.flag(
        "balance",
        request.balance,
        "Cut the larger classes down to the smallest, before the split.",
    );
    request.test_fraction = keys.number(
        "test_fraction",
        0.0..=1.0,
        request.test_fraction,
        "The share of the test part; its rows are rounded down.",
    );
    if request.test_fraction <= 0.0 || request.test_fraction >= 1.0 {
        let found = request.test_fraction;
        let words = format!("found {found}, expected more than 0 and less than 1");
        keys.object("test_fraction", (words, "both parts need rows".into()));
    }
    request.split = keys.optional_choice("split", "How rows are dealt; overrides the manifest's.");
    let all = request.limit as i64;
    let limit = keys.integer(
        "limit",
        0..=i64::MAX,
        all,
        "Use only the first rows; 0 for all.",
    );
    request.limit = limit as usize;
    for (_, option) in registry::options() {
        // TOML has no whole number beyond.
        let most = i64::try_from(option.most).unwrap_or(i64::MAX);
        let least = i64::try_from(option.least).unwrap_or(most);
        if let Some(value) = keys.optional_integer(option.name, least..=most, option.doc) {
            let value = value.unsigned_abs();
            request.source_options.insert(option.name.to_owned(), value);
        }
    }
    request
}

fn not_empty(path: String) -> Result<String, Objection> {
    if path.is_empty() {
        let words = "found \"\", expected the path of a file or a folder";
        let help = "it is taken from the folder of the experiment file, as in \"my.csv\"";
        return Err((words.into(), help.into()));
    }
    Ok(path)
}

fn character(text: String) -> Result<char, Objection> {
    // A quote or the end of a line has another meaning in such a file, and numbers are of
    // digits, points and signs.
    let no_other_meaning = |c: &char| {
        let numeric = c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        c.is_ascii() && !numeric && !matches!(c, '"' | '\n' | '\r' | '\0')
    };
    let mut characters = text.chars();
    let one = characters.next().filter(|_| characters.next().is_none());
    one.filter(no_other_meaning).ok_or_else(|| {
        let found = printable::quoted(&text);
        let words =
            format!("found {found}, expected one ASCII character that is no part of a number");
        (words, r#"write it as ";", "\t" or "|""#.into())
    })
}

/// A column stands once in one of the lists.
fn check_columns(keys: &mut Keys<'_>, request: &DatasetRequest) {
    let labels = ("labels", &request.labels);
    let drop_columns = ("drop_columns", &request.drop_columns);
    let one_hot = ("one_hot", &request.one_hot);
    let pairs = [
        (labels, drop_columns),
        (one_hot, drop_columns),
        (one_hot, labels),
    ];
    for ((one, columns), (other, others)) in pairs {
        let others: HashSet<&String> = others.iter().collect();
        if let Some(column) = columns.iter().find(|column| others.contains(column)) {
            let column = printable::quoted(column);
            let words =
                format!("[dataset] has {column} in both `{one}` and `{other}`, which contradict");
            keys.object_to_both(one, (words, "keep it in one of them".into()));
        }
    }
    for (key, columns) in [labels, drop_columns, one_hot] {
        let mut seen = HashSet::new();
        if let Some(twice) = columns.iter().find(|column| !seen.insert(*column)) {
            let found = printable::quoted(twice);
            let words = format!("found {found} twice, expected each column once");
            keys.object(key, (words, "leave one of them out".into()));
        }
    }
}
