//! How a delimited file is to be read, and whether its first line has the columns for it.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use crate::DatasetRequest;
use crate::manifest::Manifest;
use crate::one_hot;
use hexperiment_diagnostics::printable::quoted;
use hexperiment_diagnostics::{Complaint, printable, suggest};

/// How a file is to be read.
pub(crate) struct CsvFormat<'a> {
    pub(crate) delimiter: char,
    pub(crate) header: bool,
    pub(crate) target: Option<&'a str>,
    /// The target's value that counts as 1; without it the target is a number.
    pub(crate) positive: Option<&'a str>,
    pub(crate) labels: BTreeSet<&'a str>,
    pub(crate) one_hot: BTreeSet<&'a str>,
    pub(crate) drop: BTreeSet<&'a str>,
    pub(crate) missing_marker: Option<&'a str>,
    /// What of this the experiment asks for; the rest is the manifest's.
    pub(crate) given: &'a DatasetRequest,
}

impl<'a> CsvFormat<'a> {
    /// Of the file of a manifest, as it is asked for.
    pub(crate) fn new(request: &'a DatasetRequest, manifest: &'a Manifest) -> Self {
        // A name that the experiment gives to one list is free of the manifest's others.
        let asked = [&request.labels, &request.one_hot, &request.drop_columns];
        let all = |usual: &'a [String], own: &'a [String]| {
            let is_free = |name: &&String| !asked.iter().any(|list| list.contains(name));
            let usual = usual.iter().filter(is_free);
            usual.chain(own).map(String::as_str).collect()
        };
        let marker = request.missing_marker.as_ref();
        Self {
            delimiter: request.delimiter.unwrap_or(manifest.delimiter),
            header: manifest.header,
            target: request.target.as_deref().or(manifest.target.as_deref()),
            positive: request.positive.as_deref(),
            labels: all(&manifest.labels, &request.labels),
            one_hot: all(&manifest.one_hot, &request.one_hot),
            drop: all(&manifest.drop, &request.drop_columns),
            missing_marker: marker
                .or(manifest.missing_marker.as_ref())
                .map(String::as_str),
            given: request,
        }
    }

    /// The columns that are asked for by name, each with the option of `[dataset]` that names it, or
    /// that names the manifest which does.
    fn wanted(&self) -> impl Iterator<Item = (&'static str, &'a str)> {
        let given = self.given;
        let target = self.target.into_iter().map(move |name| {
            let own = given.target.as_deref() == Some(name);
            (if own { "target" } else { "use" }, name)
        });
        let own = |names: &'a [String]| names.iter().map(String::as_str).collect::<HashSet<_>>();
        let option = |own: &HashSet<&str>, option, name| {
            if own.contains(name) { option } else { "use" }
        };
        let lists = [
            ("labels", &self.labels, own(&given.labels)),
            ("one_hot", &self.one_hot, own(&given.one_hot)),
            ("drop_columns", &self.drop, own(&given.drop_columns)),
        ];
        let lists = lists.into_iter().flat_map(move |(key, names, own)| {
            names.iter().map(move |name| {
                // A category is known once all rows are read.
                let column = one_hot::parts(name, self.one_hot.iter().copied());
                let column = column.filter(|_| key == "drop_columns");
                (
                    option(&own, key, name),
                    column.map_or(*name, |(column, _)| column),
                )
            })
        });
        target.chain(lists)
    }
}

/// Complains of a name twice, of a column without a name, and of a wanted column that is not there.
pub(crate) fn check_names(
    file: &Path,
    names: &[String],
    format: &CsvFormat<'_>,
) -> Result<(), Complaint> {
    if let Some(target) = format.target.filter(|t| format.one_hot.contains(t)) {
        let problem = format!("the target `{target}` is named in `one_hot`, expected a feature");
        return Err(Complaint::new(file, problem).about("one_hot").help(
            "take it out; for a target of classes, name the value that counts as 1 under [dataset], \
             as in `positive = \"yes\"`",
        ));
    }
    let mut known = HashSet::new();
    for (place, name) in names.iter().enumerate() {
        if !known.insert(name.as_str()) {
            let problem = format!("found two columns called `{name}`, expected each name once");
            return Err(Complaint::new(file, problem)
                .at_line(1)
                .help("rename one in the file"));
        }
        if name.is_empty() && !format.drop.contains("") {
            let problem = format!("column {} has no name, expected one", place + 1);
            return Err(Complaint::new(file, problem).at_line(1).help(
                "name it in the file; or leave it out by `drop_columns = [\"\"]` under [dataset], as \
                 the numbers of rows that some programs write",
            ));
        }
    }
    let Some((option, name)) = format.wanted().find(|(_, name)| !known.contains(name)) else {
        return Ok(());
    };
    // One name that holds another delimiter: the file is cut at the wrong character.
    if let ([whole], Some(found)) = (names, delimiter_in(names, format.delimiter)) {
        let problem = format!(
            "there is no column `{name}`: the first line has no {:?}, expected between fields",
            format.delimiter
        );
        return Err(Complaint::new(file, problem)
            .at_line(1)
            .about(option)
            .help(format!(
                "if fields are cut at {found:?}, write `delimiter = {:?}` under [dataset]; the line \
                 is {}",
                found.to_string(),
                quoted(whole)
            )));
    }
    let names = || names.iter().map(String::as_str);
    let hint = suggest(name, names())
        .map(|s| format!("did you mean `{s}`? "))
        .unwrap_or_default();
    let problem = format!("there is no column `{name}`, expected the name of one");
    Err(Complaint::new(file, problem)
        .at_line(1)
        .about(option)
        .help(format!("{hint}columns: {}", printable::list(names(), 20))))
}

/// A usual delimiter, other than the one that was expected, in a first line that was not cut.
fn delimiter_in(names: &[String], expected: char) -> Option<char> {
    let [name] = names else { return None };
    let usual = [';', '\t', '|', ','];
    usual
        .into_iter()
        .find(|c| *c != expected && name.contains(*c))
}
