//! Training in the clear.

use linfa::prelude::*;
use ndarray::{Array1, Array2};

use hexperiment_program::Column;
use hexperiment_task::TaskError;
use hexperiment_task::linear_model::LinearModel;

/// A feature of which the others, with a constant, explain all but this share (of its norm) is a
/// sum of them: what is left is rounding.
const INDEPENDENT: f64 = 1e-7;

/// What training found.
#[derive(Clone, Debug)]
pub(crate) struct Fitted {
    /// Predicts in the target's unit.
    pub(crate) model: LinearModel,
    /// The standard deviation of the training targets.
    pub(crate) deviation: f64,
}

/// Least squares by QR decomposition on standardised rows; `columns` names their features.
pub(crate) fn fit(
    features: &Array2<f64>,
    target: &Array1<f64>,
    columns: &[Column],
) -> Result<Fitted, TaskError> {
    if features.nrows() <= features.ncols() {
        return Err(TaskError::data(
            format!(
                "{} training rows for {} features",
                features.nrows(),
                features.ncols()
            ),
            "least squares needs more rows than features: set `features`, or use more rows",
        ));
    }
    // The library takes the target as it is; centred and scaled it is better conditioned.
    let (mean, deviation) = (target.mean().unwrap_or(0.0), target.std(0.0));
    if deviation <= 1e-12 * mean.abs() {
        return Err(TaskError::data(
            format!("every target of the training part is {}", target[0]),
            "choose a target that varies",
        ));
    }
    if let Some(place) = dependent(features) {
        let name = &columns[place].name;
        return Err(TaskError::data(
            format!(
                "feature `{name}` repeats another or is a sum of others, so that least squares has \
                 no unique solution"
            ),
            format!("leave it out: `drop_columns = [\"{name}\"]` under [dataset]"),
        ));
    }
    let scaled = target.mapv(|y| (y - mean) / deviation);
    let data = Dataset::new(features.clone(), scaled);
    let model = linfa_linear::LinearRegression::new()
        .fit(&data)
        .map_err(|e| TaskError::Model {
            model: "linear regression",
            message: e.to_string(),
        })?;
    Ok(Fitted {
        model: LinearModel {
            weights: model.params() * deviation,
            intercept: mean + deviation * model.intercept(),
        },
        deviation,
    })
}

/// The first column that the ones before it and a constant explain, by modified Gram-Schmidt
/// (Golub and Van Loan, *Matrix Computations*, 4th edition, section 5.2.8).
fn dependent(features: &Array2<f64>) -> Option<usize> {
    let rows = features.nrows();
    let mut basis = vec![Array1::from_elem(rows, 1.0 / (rows as f64).sqrt())];
    for (place, column) in features.columns().into_iter().enumerate() {
        let mut rest = column.to_owned();
        for direction in &basis {
            let along = rest.dot(direction);
            rest.scaled_add(-along, direction);
        }
        let norm = rest.dot(&rest).sqrt();
        if norm <= INDEPENDENT * column.dot(&column).sqrt() {
            return Some(place);
        }
        basis.push(rest / norm);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_program::Interval;
    use ndarray::{Axis, concatenate};

    fn noise(i: usize, j: usize) -> f64 {
        ((i * 7919 + j * 104_729) % 1009) as f64 / 1009.0 - 0.5
    }

    fn columns(count: usize) -> Vec<Column> {
        let column = |j: usize| Column {
            name: format!("c{j}"),
            range: Interval::symmetric(1.0),
        };
        (0..count).map(column).collect()
    }

    #[test]
    fn a_linear_law_is_found() {
        let x = Array2::from_shape_fn((50, 3), |(i, j)| noise(i, j));
        let y = x.dot(&ndarray::array![2.0, -3e4, 0.5]) + 1e5;
        let Fitted { model, deviation } = fit(&x, &y, &columns(3)).unwrap();
        for (got, want) in model.weights.iter().zip([2.0, -3e4, 0.5]) {
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
        assert!((model.intercept - 1e5).abs() < 1e-6);
        assert!((deviation - y.std(0.0)).abs() < 1e-9);
    }

    #[track_caller]
    fn refused(x: &Array2<f64>, y: &Array1<f64>, expect: &str) {
        let error = fit(x, y, &columns(x.ncols())).unwrap_err().to_string();
        assert!(error.contains(expect), "{error:?} lacks {expect:?}");
    }

    #[test]
    fn what_has_no_solution_is_explained() {
        let x = Array2::from_shape_fn((50, 3), |(i, j)| noise(i, j));
        let y = x.column(0).to_owned();
        let rows = x.select(Axis(0), &[0, 1, 2]);
        refused(&rows, &Array1::zeros(3), "3 training rows for 3 features");
        let flat = Array1::from_elem(50, 0.1);
        refused(&x, &flat, "every target of the training part is 0.1");
        let sum = x.sum_axis(Axis(1)) + 7.0;
        for column in [x.column(1).mapv(|x| -2.0 * x), sum] {
            let column = column.insert_axis(Axis(1));
            let dependent = concatenate(Axis(1), &[x.view(), column.view()]).unwrap();
            refused(&dependent, &y, "feature `c3` repeats another or is a sum");
        }
    }
}
