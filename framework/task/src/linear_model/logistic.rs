//! Logistic regression, trained in the clear.

use linfa::prelude::*;
use linfa_linalg::cholesky::SolveCInplace as _;
use ndarray::{Array1, Array2, Axis};

use super::LinearModel;
use crate::TaskError;

/// How a model is trained: it minimises the sum of (weighted) log losses plus `alpha / 2` times
/// the squared norm of the weights; the intercept is not penalised.
#[derive(Clone, Copy, Debug)]
pub struct LogisticTraining {
    /// The penalty.
    pub alpha: f64,
    /// Whether a sample counts `n / (2 n_class)` instead of 1.
    pub balanced: bool,
    /// The most iterations.
    pub max_iterations: u64,
}

/// A trained model, whose score is the logit: of the odds that a row is positive.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The model.
    pub model: LinearModel,
    /// What a reader must know of its training.
    pub note: Option<String>,
}

/// Training has converged where no entry of the loss's gradient, per row, is above this: a weight
/// of a standardised feature is then off by about as much, divided by the curvature.
const CONVERGED: f64 = 1e-5;

/// The logistic function.
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn failed(message: impl Into<String>) -> TaskError {
    TaskError::Model {
        model: "logistic regression",
        message: message.into(),
    }
}

impl LogisticTraining {
    /// Trains on standardised rows and targets of 0 and 1, both of which occur. Fails where there
    /// is no optimum; a model whose training stopped early comes with a note.
    ///
    /// # Errors
    /// `TaskError::Data` where there is no penalty and the features separate the classes;
    /// `TaskError::Model` where the library fails or, with `balanced`, the features are collinear.
    pub fn fit(self, features: &Array2<f64>, target: &Array1<f64>) -> Result<Trained, TaskError> {
        let model = if self.balanced {
            self.fit_weighted(features, target)?
        } else {
            self.fit_linfa(features, target)?
        };
        let scores = model.scores(features);
        if self.alpha == 0.0 && separates(&scores, target) {
            return Err(TaskError::data(
                "the features separate the two classes of the training part, and without a \
                 penalty the weights then grow without end",
                "set `alpha` above 0 under [task], such as `alpha = 1.0`",
            ));
        }
        let gradient = self.gradient(features, target, &model);
        let note = (gradient > CONVERGED).then(|| {
            format!(
                "training has not converged within `max_iterations = {}`: the gradient is \
                 {gradient:.1e} per row, {CONVERGED:.0e} was wanted; all schemes evaluate the same \
                 unfinished model",
                self.max_iterations
            )
        });
        Ok(Trained { model, note })
    }

    /// What each row counts.
    fn row_weights(self, target: &Array1<f64>) -> Array1<f64> {
        if !self.balanced {
            return Array1::ones(target.len());
        }
        let (n, positives) = (target.len() as f64, target.sum());
        target.mapv(|y| {
            if y > 0.5 {
                n / (2.0 * positives)
            } else {
                n / (2.0 * (n - positives))
            }
        })
    }

    /// The largest entry of the gradient of the penalised loss, per row.
    fn gradient(self, features: &Array2<f64>, target: &Array1<f64>, model: &LinearModel) -> f64 {
        let p = model.scores(features).mapv(sigmoid);
        let residuals = self.row_weights(target) * (&p - target);
        let by_weight = features.t().dot(&residuals) + &model.weights * self.alpha;
        let largest = by_weight
            .iter()
            .fold(residuals.sum().abs(), |m, g| m.max(g.abs()));
        largest / target.len() as f64
    }

    /// With equal weights: `linfa-logistic`, L-BFGS.
    fn fit_linfa(
        self,
        features: &Array2<f64>,
        target: &Array1<f64>,
    ) -> Result<LinearModel, TaskError> {
        let labels = target.mapv(|y| y > 0.5);
        let data = DatasetBase::new(features.clone(), labels);
        let fitted = linfa_logistic::LogisticRegression::default()
            .alpha(self.alpha)
            .max_iterations(self.max_iterations)
            .gradient_tolerance(1e-6)
            .fit(&data)
            .map_err(|e| failed(e.to_string()))?;
        // The library calls the more frequent class positive, and of two equally frequent ones
        // the first that it meets; here it is always the one labelled 1.
        let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
        Ok(LinearModel {
            weights: fitted.params() * sign,
            intercept: fitted.intercept() * sign,
        })
    }

    /// With class weights, which `linfa-logistic` does not have: Newton's method (iteratively
    /// reweighted least squares; Hastie, Tibshirani and Friedman, *The Elements of Statistical
    /// Learning*, 2009, section 4.4.1).
    fn fit_weighted(
        self,
        features: &Array2<f64>,
        target: &Array1<f64>,
    ) -> Result<LinearModel, TaskError> {
        let weight = self.row_weights(target);
        let mut design = features.clone();
        design
            .push_column(Array1::ones(features.nrows()).view())
            .map_err(|e| failed(e.to_string()))?;
        let d = design.ncols();
        // A trace of penalty on the intercept keeps the Hessian positive definite.
        let penalty = Array1::from_shape_fn(d, |j| if j + 1 < d { self.alpha } else { 0.0 } + 1e-9);
        let mut beta = Array1::<f64>::zeros(d);
        let mut loss = f64::INFINITY;
        for _ in 0..self.max_iterations {
            let p = design.dot(&beta).mapv(sigmoid);
            let gradient = design.t().dot(&(&weight * &(&p - target))) + &penalty * &beta;
            let curvature = &weight * &p.mapv(|p| (p * (1.0 - p)).max(1e-12));
            let weighted = &design * &curvature.insert_axis(Axis(1));
            let mut hessian = design.t().dot(&weighted);
            for (j, c) in penalty.iter().enumerate() {
                hessian[[j, j]] += c;
            }
            let step = solve(hessian, gradient)
                .ok_or_else(|| failed("the features are collinear; raise `alpha`"))?;
            // Halve the step until the loss falls: Newton alone may overshoot.
            let mut scale = 1.0;
            loop {
                let next = &beta - &(&step * scale);
                let next_loss = penalised_loss(&design, target, &weight, &penalty, &next);
                if next_loss <= loss || scale < 1e-6 {
                    beta = next;
                    loss = next_loss;
                    break;
                }
                scale *= 0.5;
            }
            if step.iter().all(|s| s.abs() < 1e-10) {
                break;
            }
        }
        Ok(LinearModel {
            intercept: beta[d - 1],
            weights: beta.slice_move(ndarray::s![..d - 1]),
        })
    }
}

/// Fails unless a part's targets are 0 and 1, both of which occur: without, nothing can be learnt
/// and most measures are undefined. `part` is its name for the message.
///
/// # Errors
/// `TaskError::Data`: a target that is neither 0 nor 1, or one class only.
pub fn check_binary(target: &Array1<f64>, part: &str) -> Result<(), TaskError> {
    let mut values: Vec<f64> = target.to_vec();
    values.sort_by(f64::total_cmp);
    values.dedup();
    if values.iter().any(|v| *v != 0.0 && *v != 1.0) {
        let mut shown: Vec<String> = values.iter().take(6).map(ToString::to_string).collect();
        if values.len() > shown.len() {
            shown.push("…".into());
        }
        return Err(TaskError::data(
            format!(
                "the target has the values {}; expected 0 and 1",
                shown.join(", ")
            ),
            "choose a binary target, or name the value that counts as 1 under [dataset], as in `positive = \"1\"`",
        ));
    }
    if values.len() < 2 {
        return Err(TaskError::data(
            format!(
                "the {part} part has one class only: each of its {} targets is {}",
                target.len(),
                values[0]
            ),
            "use more rows or another `test_fraction`, or deal each class to both parts with \
             `split = \"stratified\"` under [dataset]",
        ));
    }
    Ok(())
}

/// Whether every positive scores above every negative.
fn separates(scores: &Array1<f64>, target: &Array1<f64>) -> bool {
    let each = || scores.iter().zip(target);
    let negatives = each().filter(|(_, y)| **y <= 0.5);
    let highest_negative = negatives.fold(f64::NEG_INFINITY, |m, (s, _)| m.max(*s));
    each().all(|(s, y)| *y <= 0.5 || *s > highest_negative)
}

fn penalised_loss(
    design: &Array2<f64>,
    target: &Array1<f64>,
    weight: &Array1<f64>,
    penalty: &Array1<f64>,
    beta: &Array1<f64>,
) -> f64 {
    let scores = design.dot(beta);
    // log(1 + exp(s)) - y s, without overflow.
    let losses = scores
        .iter()
        .zip(target)
        .zip(weight)
        .map(|((s, y), w)| w * (s.max(0.0) + (-s.abs()).exp().ln_1p() - y * s));
    losses.sum::<f64>() + 0.5 * (penalty * &beta.mapv(|b| b * b)).sum()
}

/// Solves `a x = b` for a symmetric positive definite `a`, by Cholesky's decomposition; `None`
/// if it is not.
pub fn solve(mut a: Array2<f64>, b: Array1<f64>) -> Option<Array1<f64>> {
    let x = a.solvec_into(b.insert_axis(Axis(1))).ok()?;
    let x = x.remove_axis(Axis(1));
    // The library takes a pivot that is no number for a positive one.
    x.iter().all(|x| x.is_finite()).then_some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Two overlapping clouds, by a small generator of our own.
    fn clouds(n: usize, positives: usize) -> (Array2<f64>, Array1<f64>) {
        let mut state = 1_u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let target = Array1::from_shape_fn(n, |i| f64::from(u8::from(i < positives)));
        let features = Array2::from_shape_fn((n, 3), |(i, j)| {
            uniform() + uniform() + uniform() + target[i] * 0.3 * (j as f64 - 0.5)
        });
        (features, target)
    }

    fn training(alpha: f64, balanced: bool, max_iterations: u64) -> LogisticTraining {
        LogisticTraining {
            alpha,
            balanced,
            max_iterations,
        }
    }

    #[track_caller]
    fn near(a: &Trained, b: &Trained, tolerance: f64) {
        assert_eq!((&a.note, &b.note), (&None, &None));
        let (a, b) = (&a.model, &b.model);
        assert!((a.intercept - b.intercept).abs() < tolerance, "{a:?} {b:?}");
        for (x, y) in a.weights.iter().zip(&b.weights) {
            assert!((x - y).abs() < tolerance, "{a:?} {b:?}");
        }
    }

    #[test]
    fn positive_definite_systems_are_solved_and_others_are_none() {
        let a = array![[25.0, 15.0, -5.0], [15.0, 18.0, 0.0], [-5.0, 0.0, 11.0]];
        let expect = array![1.0, -2.0, 3.0];
        let x = solve(a.clone(), a.dot(&expect)).unwrap();
        assert!((&x - &expect).iter().all(|d| d.abs() < 1e-12), "{x}");
        let b = Array1::ones(2);
        assert_eq!(solve(array![[1.0, 2.0], [2.0, 1.0]], b.clone()), None);
        assert_eq!(solve(Array2::zeros((2, 2)), b.clone()), None);
        assert_eq!(solve(array![[1.0, 0.0], [0.0, f64::NAN]], b), None);
    }

    #[test]
    fn both_trainers_agree_where_classes_are_equal() {
        let (x, y) = clouds(200, 100);
        let plain = training(0.5, false, 200).fit(&x, &y).unwrap();
        let weighted = training(0.5, true, 200).fit(&x, &y).unwrap();
        near(&plain, &weighted, 1e-4);
    }

    #[test]
    fn the_class_labelled_1_is_positive_whichever_is_rarer() {
        for positives in [40, 160] {
            let (x, y) = clouds(200, positives);
            let trained = training(1.0, false, 200).fit(&x, &y).unwrap();
            let scores = trained.model.scores(&x);
            let auc = crate::metrics::auc(&scores.to_vec(), &y.to_vec());
            assert!(auc > 0.6, "{positives}: {auc}");
        }
    }

    #[test]
    fn class_weights_are_repeated_rows() {
        // 50 positives and 150 negatives: each positive counts three times a negative.
        let (x, y) = clouds(200, 50);
        let weighted = training(1.0, true, 200).fit(&x, &y).unwrap();
        let rows: Vec<usize> = (0..200)
            .flat_map(|i| vec![i; if i < 50 { 3 } else { 1 }])
            .collect();
        // The weights are 2 and 2/3: the same objective times 3/2, with the penalty times 3/2.
        let (x, y) = (x.select(Axis(0), &rows), y.select(Axis(0), &rows));
        let repeated = training(1.5, false, 500).fit(&x, &y).unwrap();
        near(&weighted, &repeated, 1e-3);
    }

    #[test]
    fn training_that_stops_early_says_so() {
        let (x, y) = clouds(200, 50);
        for balanced in [false, true] {
            for (iterations, converged) in [(1, false), (200, true)] {
                let trained = training(1.0, balanced, iterations).fit(&x, &y).unwrap();
                assert_eq!(trained.note.is_none(), converged, "{balanced} {trained:?}");
                let note = trained.note.unwrap_or_default();
                assert_eq!(note.contains("max_iterations = 1`"), !converged, "{note}");
            }
        }
    }

    #[test]
    fn separable_classes_need_a_penalty() {
        let (mut x, y) = clouds(60, 30);
        x.column_mut(0).assign(&y.mapv(|y| 2.0 * y - 1.0));
        for balanced in [false, true] {
            let error = training(0.0, balanced, 50).fit(&x, &y).unwrap_err();
            assert!(error.to_string().contains("`alpha` above 0"), "{error}");
            assert!(training(1.0, balanced, 200).fit(&x, &y).is_ok());
        }
    }
}
