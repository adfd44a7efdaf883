//! A data set as a CSV file (RFC 4180).

use super::Dataset;

impl Dataset {
    /// All rows: columns of text, numbers, the target. Numbers are written so that reading them
    /// yields the same ones; a missing value is an empty field.
    pub fn to_csv(&self) -> String {
        let labels = self.labels.iter().map(|l| l.name.as_str());
        let target = self.target.iter().map(|t| t.name.as_str());
        let names = labels
            .chain(self.columns.iter().map(String::as_str))
            .chain(target);
        let mut text = line(names.map(field));
        for (row, values) in self.features.rows().into_iter().enumerate() {
            let labels = self.labels.iter().map(|l| field(&l.values[row]));
            let target = self.target.iter().map(|t| number(t.values[row]));
            text += &line(
                labels
                    .chain(values.iter().map(|x| number(*x)))
                    .chain(target),
            );
        }
        text
    }
}

/// A text as a field, in quotes where it must be.
pub fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn number(x: f64) -> String {
    if x.is_nan() {
        String::new()
    } else {
        x.to_string()
    }
}

fn line(fields: impl Iterator<Item = String>) -> String {
    let mut line = fields.collect::<Vec<_>>().join(",");
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use crate::{Dataset, DatasetRequest, DatasetSource, MissingPolicy};

    /// What was written is read back as it was, gaps and quotes included.
    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let text = "id,a,b,y\n\"one, \"\"two\"\"\",1,,0\nthree,0.1,-2.5e-7,1\nfour,5,6,2\n";
        std::fs::write(&path, text).unwrap();
        let load = || {
            Dataset::load(&DatasetRequest {
                target: Some("y".into()),
                labels: vec!["id".into()],
                missing: Some(MissingPolicy::Keep),
                ..DatasetRequest::new(DatasetSource::File(path.clone()), 1)
            })
            .unwrap()
        };
        let first = load();
        std::fs::write(&path, first.to_csv()).unwrap();
        let second = load();
        assert_eq!(first.to_csv(), second.to_csv());
        assert_eq!(second.labels[0].values[0], "one, \"two\"");
        assert!(second.features[[0, 1]].is_nan());
        assert_eq!(second.features[[1, 1]], -2.5e-7);
    }
}
