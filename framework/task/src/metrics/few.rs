//! When measures are taken on too few rows to say much.

use std::collections::BTreeMap;

/// Fewer rows of a class than this are few: one of them more or less found moves its recall by a
/// tenth or more.
const FEW_OF_A_CLASS: usize = 10;

/// Fewer rows than this are few for any measure.
const FEW_ROWS: usize = 30;

/// A note where measures are taken on few rows; `rows` are those that are scored.
pub fn few_rows(rows: usize) -> Option<String> {
    (rows < FEW_ROWS).then(|| {
        format!(
            "measures are taken on {} only: they tell how well results agree with those in the \
             clear, and next to nothing of how good the model is",
            counted(rows)
        )
    })
}

/// A note where measures are taken on few rows, or on few of a class; `truth` has the class of each
/// that is scored.
pub fn few_of_a_class(truth: &[f64]) -> Option<String> {
    let mut classes: BTreeMap<i64, usize> = BTreeMap::new();
    for class in truth {
        *classes.entry(class.round() as i64).or_default() += 1;
    }
    let least = classes.iter().min_by_key(|(_, count)| **count);
    match least {
        Some((class, count)) if classes.len() > 1 && *count < FEW_OF_A_CLASS => Some(format!(
            "of the {} that measures are taken on, {} of class {class} only: one more or less that \
             is found moves that class's recall by {:.2}",
            counted(truth.len()),
            match count {
                1 => "1 is".to_owned(),
                count => format!("{count} are"),
            },
            1.0 / *count as f64
        )),
        _ => few_rows(truth.len()),
    }
}

fn counted(rows: usize) -> String {
    match rows {
        1 => "1 row".into(),
        rows => format!("{rows} rows"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(classes: &[(f64, usize)], expect: Option<&str>) {
        let truth: Vec<f64> = classes
            .iter()
            .flat_map(|(class, count)| vec![*class; *count])
            .collect();
        let note = few_of_a_class(&truth);
        match expect {
            None => assert_eq!(note, None),
            Some(words) => {
                let note = note.unwrap_or_default();
                assert!(note.contains(words), "{note}");
            }
        }
    }

    #[test]
    fn few_rows_are_told() {
        check(
            &[(0.0, 447), (1.0, 3)],
            Some("450 rows that measures are taken on, 3 are of class 1"),
        );
        check(&[(0.0, 447), (1.0, 3)], Some("by 0.33"));
        check(&[(0.0, 1), (1.0, 440)], Some("1 is of class 0"));
        check(&[(0.0, 440), (1.0, 10)], None);
        check(&[(0.0, 40), (1.0, 40), (2.0, 9)], Some("9 are of class 2"));
        // Twenty rows are few, though each class has ten.
        check(&[(0.0, 10), (1.0, 10)], Some("on 20 rows only"));
        check(&[(1.0, 3)], Some("on 3 rows only"));
        check(&[(1.0, 300)], None);
        assert_eq!(few_rows(30), None);
        assert!(few_rows(3).is_some_and(|note| note.contains("on 3 rows only")));
        assert!(few_rows(1).is_some_and(|note| note.contains("on 1 row only")));
    }
}
