//! Data sets that the program knows and that lie on this machine, of which a detector of anomalies can be trained.

use std::sync::OnceLock;

use hexperiment_data::{Dataset, DatasetRequest, DatasetSource, is_here, manifest};

/// Rows below which a table is too small to train on: its parts would lack anomalies, or rows without.
pub(crate) const LEAST_ROWS: u64 = 20;

/// Rows of each kind that a data set must have.
const LEAST_OF_A_KIND: usize = 4;

/// A data set that can be trained on.
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) rows: usize,
    pub(crate) columns: Vec<String>,
}

/// All of them; looked at once, as that reads them.
pub(crate) fn trainable() -> &'static [Known] {
    static ALL: OnceLock<Vec<Known>> = OnceLock::new();
    ALL.get_or_init(|| {
        let names = manifest::names(None).into_iter();
        names.filter_map(looked_at).collect()
    })
}

/// A data set whose rows are numbers, and whose target says of each row whether it is an anomaly. Nothing is fetched.
fn looked_at(name: String) -> Option<Known> {
    let manifest = manifest::find(&name, None).ok()?;
    // Images have no target.
    if manifest.target.is_none() && manifest.target_file.is_none() && manifest.builtin.is_none() {
        return None;
    }
    if !is_here(&manifest) {
        return None;
    }
    let source = DatasetSource::Manifest(name.clone());
    let data = Dataset::load(&DatasetRequest::new(source, 0)).ok()?;
    let target = data.target?;
    let of_kind = |kind: f64| target.values.iter().filter(|x| **x == kind).count();
    let (anomalies, others) = (of_kind(1.0), of_kind(0.0));
    let rows = target.values.len();
    let is_of_kinds = anomalies + others == rows && anomalies.min(others) >= LEAST_OF_A_KIND;
    (is_of_kinds && rows as u64 >= LEAST_ROWS && data.columns.len() > 1).then_some(Known {
        name,
        rows,
        columns: data.columns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_numbers_are_not_offered() {
        let names: Vec<&str> = trainable()
            .iter()
            .map(|known| known.name.as_str())
            .collect();
        for taken in ["iris-virginica", "wine-quality"] {
            assert!(names.contains(&taken), "{names:?}");
        }
        for other in [
            "penguin",
            "photo",
            "scene",
            "diabetes",
            "employee-salary",
            "secom-upload",
        ] {
            assert!(!names.contains(&other), "{names:?}");
        }
    }
}
