use super::*;
use hexperiment_data::Part;
use ndarray::{Array1, array};

fn partition(train: Array2<f64>, test: Array2<f64>) -> Partition {
    let part = |features: Array2<f64>| Part {
        rows: (0..features.nrows()).collect(),
        target: Array1::zeros(features.nrows()),
        features,
    };
    Partition {
        columns: (0..train.ncols()).map(|j| format!("c{j}")).collect(),
        train: part(train),
        test: part(test),
    }
}

/// One column of 0 and 2, mean 1 and deviation 1, and a test part of one value; expected
/// are the range, that value in the clear and that value as it is encrypted.
#[track_caller]
fn check(range_margin: f64, clip: f64, value: f64, range: (f64, f64), clear: f64, sent: f64) {
    let partition = partition(array![[0.0], [2.0]], array![[value]]);
    let encoding = Encoding { clip, range_margin };
    let table = EncodedTable::new(&partition, &[0], encoding).unwrap();
    let got = table.columns[0].range;
    assert_eq!((got.low, got.high), range);
    assert_eq!(table.test[[0, 0]], clear);
    assert_eq!(table.encrypted[[0, 0]], sent);
    // Rows that come later are encoded as the test part is.
    let (later, later_moved) = table.encode(&array![[value]]);
    assert_eq!(later, table.encrypted);
    assert_eq!(later_moved, usize::from(sent != value - 1.0));
    let clipped = usize::from(clear != value - 1.0);
    assert_eq!(table.notes.len(), clipped, "{:?}", table.notes);
    let moved = table.moved_in_test();
    assert_eq!(moved.values, u64::from(sent != value - 1.0), "{moved:?}");
    assert_eq!(moved.columns.len() as u64, moved.values);
    assert_eq!(moved.largest, (sent - (value - 1.0)).abs());
    let before = table.unclipped_test.map(|t| t[[0, 0]]);
    assert_eq!(before, (moved.values > 0).then_some(value - 1.0));
}

#[test]
fn ranges_are_the_training_parts_widened_and_bounded() {
    check(0.25, f64::INFINITY, 1.5, (-1.5, 1.5), 0.5, 0.5);
    check(0.25, f64::INFINITY, 9.0, (-1.5, 1.5), 8.0, 1.5);
    check(0.25, 1.25, 9.0, (-1.25, 1.25), 1.25, 1.25);
    check(0.25, 4.0, -9.0, (-1.5, 1.5), -4.0, -1.5);
}

#[test]
fn outliers_of_the_training_part_are_clipped_too() {
    let train = Array2::from_shape_fn((101, 1), |(i, _)| if i == 0 { 1e6 } else { i as f64 });
    let partition = partition(train, array![[50.0]]);
    let encoding = Encoding {
        clip: 5.0,
        range_margin: 0.25,
    };
    let table = EncodedTable::new(&partition, &[0], encoding).unwrap();
    assert_eq!(table.train[[0, 0]], 5.0);
    assert_eq!(table.columns[0].range.high, 5.0);
    assert!(
        table.notes[0].contains("1 of 101 training values"),
        "{:?}",
        table.notes
    );
}

/// A column of 0 to 99 with one value replaced by `outlier`.
#[track_caller]
fn check_outlier(outlier: f64, named: bool) {
    let train = Array2::from_shape_fn((100, 2), |(i, j)| match (i, j) {
        (40, 0) => outlier,
        _ => (i * (j + 1)) as f64,
    });
    let partition = partition(train.clone(), train);
    let encoding = Encoding {
        clip: 5.0,
        range_margin: 0.25,
    };
    let table = EncodedTable::new(&partition, &[0, 1], encoding).unwrap();
    assert!(table.train.iter().all(|x| x.is_finite()));
    // The outlier is where the clip is.
    assert_eq!(table.train[[40, 0]], 5.0_f64.copysign(outlier));
    let notes = table.notes.join("; ");
    assert_eq!(notes.contains("squeezed"), named, "{notes}");
    let want = format!("{outlier:e} in `c0`: `c0`;");
    assert_eq!(notes.contains(&want), named, "{notes}");
}

#[test]
fn outliers_that_leave_nothing_of_a_column_are_named() {
    check_outlier(1e308, true);
    check_outlier(-1e308, true);
    check_outlier(f64::MAX, true);
    check_outlier(1e9, true);
    // Far out, and told apart all the same.
    check_outlier(1e3, false);
}

#[test]
fn gaps_are_named_with_a_way_out() {
    let table = array![[0.0, 1.0], [2.0, 3.0]];
    for (train, test) in [
        (array![[0.0, f64::NAN], [2.0, 3.0]], table.clone()),
        (table.clone(), array![[0.0, f64::INFINITY]]),
    ] {
        let partition = partition(train, test);
        let encoding = Encoding {
            clip: 5.0,
            range_margin: 0.25,
        };
        let error = EncodedTable::new(&partition, &[0, 1], encoding).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("1 values") && error.contains("`c1`"),
            "{error}"
        );
        assert!(
            !error.contains("`c0`") && error.contains("missing = \"median\""),
            "{error}"
        );
        // The column with the gap does not matter where it is not chosen.
        assert!(EncodedTable::new(&partition, &[0], encoding).is_ok());
    }
}

#[test]
fn constant_columns_are_found_whatever_their_unit() {
    let train = array![
        [7.0, 1e-20, 0.1 + 0.2, 0.0, f64::NAN],
        [7.0, 2e-20, 0.3, 0.0, 4.0],
        [7.0, 3e-20, 0.3, 0.0, 4.0]
    ];
    let partition = partition(train.clone(), train);
    assert_eq!(constant_columns(&partition), [0, 2, 3, 4]);
}
