//! Training in clear.

use linfa::prelude::*;
use ndarray::{Array1, Array2, Axis};

use hexperiment_core::task::TaskError;

/// How a model is trained: it minimises the sum of (weighted) log losses plus `alpha / 2` times
/// the squared norm of the weights; the intercept is not penalised.
#[derive(Clone, Copy, Debug)]
pub struct Training {
    /// The penalty.
    pub alpha: f64,
    /// Whether a sample counts `n / (2 n_class)` instead of 1.
    pub balanced: bool,
    /// The most iterations.
    pub max_iterations: u64,
}

/// A trained model: the logit is `weights · x + intercept`.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// One for each feature.
    pub weights: Array1<f64>,
    /// The constant.
    pub intercept: f64,
    /// What a reader must know.
    pub note: Option<String>,
}

fn failed(message: impl Into<String>) -> TaskError {
    TaskError::Model {
        model: "logistic regression",
        message: message.into(),
    }
}

impl Training {
    /// Trains on standardised rows and targets of 0 and 1, both of which occur.
    pub fn fit(self, features: &Array2<f64>, target: &Array1<f64>) -> Result<Model, TaskError> {
        if self.balanced {
            self.fit_weighted(features, target)
        } else {
            self.fit_linfa(features, target)
        }
    }

    /// With equal weights: `linfa-logistic`, L-BFGS.
    fn fit_linfa(self, features: &Array2<f64>, target: &Array1<f64>) -> Result<Model, TaskError> {
        let labels = target.mapv(|y| y > 0.5);
        let data = DatasetBase::new(features.clone(), labels);
        let fitted = linfa_logistic::LogisticRegression::default()
            .alpha(self.alpha)
            .max_iterations(self.max_iterations)
            .gradient_tolerance(1e-6)
            .fit(&data)
            .map_err(|e| failed(e.to_string()))?;
        // The library calls the rarer class positive; here it is always the one labelled 1.
        let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
        Ok(Model {
            weights: fitted.params() * sign,
            intercept: fitted.intercept() * sign,
            note: None,
        })
    }

    /// With class weights, which `linfa-logistic` does not have: Newton's method (iteratively
    /// reweighted least squares; Hastie, Tibshirani and Friedman, *The Elements of Statistical
    /// Learning*, 2009, section 4.4.1).
    fn fit_weighted(
        self,
        features: &Array2<f64>,
        target: &Array1<f64>,
    ) -> Result<Model, TaskError> {
        let n = target.len() as f64;
        let positives = target.sum();
        let weight = target.mapv(|y| {
            if y > 0.5 {
                n / (2.0 * positives)
            } else {
                n / (2.0 * (n - positives))
            }
        });
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
            let p = design.dot(&beta).mapv(|s| 1.0 / (1.0 + (-s).exp()));
            let gradient = design.t().dot(&(&weight * &(&p - target))) + &penalty * &beta;
            let curvature = &weight * &p.mapv(|p| (p * (1.0 - p)).max(1e-12));
            let weighted = &design * &curvature.insert_axis(Axis(1));
            let mut hessian = design.t().dot(&weighted);
            for (j, c) in penalty.iter().enumerate() {
                hessian[[j, j]] += c;
            }
            let step = solve(hessian, gradient.clone())
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
        let intercept = beta[d - 1];
        let weights = beta.slice_move(ndarray::s![..d - 1]);
        Ok(Model {
            weights,
            intercept,
            note: None,
        })
    }
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
fn solve(mut a: Array2<f64>, mut b: Array1<f64>) -> Option<Array1<f64>> {
    let n = b.len();
    for j in 0..n {
        for k in 0..j {
            let l = a[[j, k]];
            for i in j..n {
                a[[i, j]] -= a[[i, k]] * l;
            }
        }
        let pivot = a[[j, j]];
        if pivot.is_nan() || pivot <= 0.0 {
            return None;
        }
        let root = pivot.sqrt();
        for i in j..n {
            a[[i, j]] /= root;
        }
    }
    for i in 0..n {
        let known: f64 = (0..i).map(|k| a[[i, k]] * b[k]).sum();
        b[i] = (b[i] - known) / a[[i, i]];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| a[[k, i]] * b[k]).sum();
        b[i] = (b[i] - known) / a[[i, i]];
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[track_caller]
    fn near(a: &Model, b: &Model, tolerance: f64) {
        assert!((a.intercept - b.intercept).abs() < tolerance, "{a:?} {b:?}");
        for (x, y) in a.weights.iter().zip(&b.weights) {
            assert!((x - y).abs() < tolerance, "{a:?} {b:?}");
        }
    }

    #[test]
    fn both_trainers_agree_where_classes_are_equal() {
        let (x, y) = clouds(200, 100);
        let training = |balanced| Training {
            alpha: 0.5,
            balanced,
            max_iterations: 200,
        };
        let plain = training(false).fit(&x, &y).unwrap();
        let weighted = training(true).fit(&x, &y).unwrap();
        near(&plain, &weighted, 1e-4);
    }

    #[test]
    fn the_class_labelled_1_is_positive_whichever_is_rarer() {
        for positives in [40, 160] {
            let (x, y) = clouds(200, positives);
            let model = Training {
                alpha: 1.0,
                balanced: false,
                max_iterations: 200,
            }
            .fit(&x, &y)
            .unwrap();
            let scores = x.dot(&model.weights) + model.intercept;
            let auc = hexperiment_core::metrics::auc(&scores.to_vec(), &y.to_vec());
            assert!(auc > 0.6, "{positives}: {auc}");
        }
    }

    #[test]
    fn class_weights_are_repeated_rows() {
        // 50 positives and 150 negatives: each positive counts three times a negative.
        let (x, y) = clouds(200, 50);
        let weighted = Training {
            alpha: 1.0,
            balanced: true,
            max_iterations: 200,
        }
        .fit(&x, &y)
        .unwrap();
        let rows: Vec<usize> = (0..200)
            .flat_map(|i| vec![i; if i < 50 { 3 } else { 1 }])
            .collect();
        // The weights are 2 and 2/3: the same objective times 3/2, with the penalty times 3/2.
        let repeated = Training {
            alpha: 1.5,
            balanced: false,
            max_iterations: 500,
        }
        .fit(&x.select(Axis(0), &rows), &y.select(Axis(0), &rows))
        .unwrap();
        near(&weighted, &repeated, 1e-3);
    }
}
