//! Experiments that pages write for what was dropped on them.

use std::path::Path;

use toml::{Table, Value};

/// Time that a cell may take, unless a page says otherwise.
const TIME_LIMIT: &str = "1h";

/// An experiment of one repetition, built section by section.
pub(crate) struct Written {
    name: String,
    question: String,
    dataset: Table,
    task: Table,
    schemes: Vec<Table>,
}

impl Written {
    pub(crate) fn new(name: &str, question: String, task: &str) -> Self {
        Self {
            name: name.to_owned(),
            question,
            dataset: Table::new(),
            task: Table::from_iter([("use".to_owned(), Value::from(task))]),
            schemes: vec![],
        }
    }

    pub(crate) fn dataset(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.dataset.insert(key.to_owned(), value.into());
        self
    }

    /// The data of a file.
    pub(crate) fn path(&mut self, file: &Path) -> &mut Self {
        self.dataset("path", file.display().to_string())
    }

    pub(crate) fn task(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.task.insert(key.to_owned(), value.into());
        self
    }

    pub(crate) fn scheme(&mut self, name: &str) -> &mut Self {
        self.schemes
            .push(Table::from_iter([("use".to_owned(), Value::from(name))]));
        self
    }

    /// Its text.
    pub(crate) fn text(&self) -> String {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let about = Table::from_iter([
            ("name".to_owned(), Value::from(self.name.as_str())),
            ("question".to_owned(), Value::from(self.question.as_str())),
            ("caveats".to_owned(), Value::from(CAVEATS)),
        ]);
        let run = Table::from_iter([
            ("repetitions".to_owned(), Value::from(1)),
            ("warmup".to_owned(), Value::from(0)),
            ("threads".to_owned(), Value::from(threads as i64)),
            ("time_limit".to_owned(), Value::from(TIME_LIMIT)),
        ]);
        let schemes: Vec<Value> = self.schemes.iter().cloned().map(Value::Table).collect();
        let experiment = Table::from_iter([
            ("experiment".to_owned(), Value::Table(about)),
            ("dataset".to_owned(), Value::Table(self.dataset.clone())),
            ("task".to_owned(), Value::Table(self.task.clone())),
            ("scheme".to_owned(), Value::Array(schemes)),
            ("run".to_owned(), Value::Table(run)),
        ]);
        // Every table of text and numbers can be written.
        experiment.to_string()
    }
}

const CAVEATS: &str = "Written by the workbench: one repetition without warm-up, and what crosses is recorded \
                       meanwhile. Read times as orders of magnitude.";

/// Names and words of the schemes that this program has.
pub(crate) fn schemes() -> Vec<(&'static str, &'static str)> {
    let all = hexperiment_scheme::registry::schemes().into_iter();
    all.map(hexperiment_scheme::Scheme::manifest)
        .map(|manifest| (manifest.name, manifest.doc))
        .collect()
}

/// Whether there is such a scheme.
pub(crate) fn is_scheme(name: &str) -> bool {
    schemes().iter().any(|(known, _)| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_are_text() {
        let mut written = Written::new(
            "sensors",
            "What is \"it\"?\n[run]".into(),
            "anomaly-detection",
        );
        written
            .path(Path::new("/tmp/a \"b\".csv"))
            .task("model", "m")
            .scheme("plaintext")
            .scheme("tfhe");
        let table: Table = written.text().parse().unwrap();
        assert_eq!(
            table["experiment"]["question"].as_str(),
            Some("What is \"it\"?\n[run]")
        );
        assert_eq!(table["dataset"]["path"].as_str(), Some("/tmp/a \"b\".csv"));
        assert_eq!(table["scheme"][1]["use"].as_str(), Some("tfhe"));
        assert_eq!(table["run"]["repetitions"].as_integer(), Some(1));
    }
}
