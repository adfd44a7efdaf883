//! What a client does with its rows: logistic models, one for each class against the rest or one
//! in all, trained for a while from the common model.

use hexperiment_core::linear_model::{sigmoid, solve};
use ndarray::{Array1, Array2, ArrayView1, Axis, s};
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha20Rng;

/// Parameters: a row for each model, the weights and then the intercept.
pub(crate) type Parameters = Array2<f64>;

/// How a client trains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Method {
    /// Steps of `rate` down the mean loss of `batch` rows, 0 for all.
    Gradient { rate: f64, batch: usize },
    /// Newton's method on all rows.
    Newton,
}

/// Local training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Local {
    pub(crate) method: Method,
    pub(crate) epochs: usize,
    /// Of the whole federation's objective; a client takes its share.
    pub(crate) alpha: f64,
    pub(crate) positive_weight: f64,
}

/// Rows that lie with one client.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    /// Rows x (features and a 1).
    pub(crate) design: Array2<f64>,
    /// Rows x models, 0 or 1.
    pub(crate) labels: Array2<f64>,
}

/// A trace of penalty on the intercept keeps the Hessian positive definite, and the intercept of
/// rows of one class finite.
const INTERCEPT_PENALTY: f64 = 1e-6;

impl Shard {
    pub(crate) fn rows(&self) -> usize {
        self.design.nrows()
    }

    /// The rows at these places.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        Self {
            design: self.design.select(Axis(0), rows),
            labels: self.labels.select(Axis(0), rows),
        }
    }

    /// Scores of every row by every model.
    pub(crate) fn scores(&self, parameters: &Parameters) -> Array2<f64> {
        self.design.dot(&parameters.t())
    }

    /// Whether a model's labels here are all the same.
    pub(crate) fn lacks_a_class(&self) -> bool {
        let same = |labels: ArrayView1<'_, f64>| labels.iter().all(|y| *y == labels[0]);
        self.labels.columns().into_iter().any(same)
    }
}

impl Local {
    /// What a sample with this label counts.
    fn weight(self, label: f64) -> f64 {
        if label > 0.5 {
            self.positive_weight
        } else {
            1.0
        }
    }

    /// The most that a sample counts.
    pub(crate) fn largest_weight(self) -> f64 {
        self.positive_weight.max(1.0)
    }

    /// The loss's derivatives by the scores, of every row and model, before weights.
    fn residuals(shard: &Shard, parameters: &Parameters) -> Array2<f64> {
        shard.scores(parameters).mapv(sigmoid) - &shard.labels
    }

    /// Likewise, weighted.
    fn weigh(self, mut residuals: Array2<f64>, shard: &Shard) -> Array2<f64> {
        residuals.zip_mut_with(&shard.labels, |r, y| *r *= self.weight(*y));
        residuals
    }

    /// The penalty's derivative, `alpha` times the weights; the intercepts are free.
    pub(crate) fn pull(alpha: f64, parameters: &Parameters) -> Parameters {
        let mut pull = parameters * alpha;
        if let Some(last) = parameters.ncols().checked_sub(1) {
            pull.column_mut(last).fill(0.0);
        }
        pull
    }

    /// Trains from `start`. The share is of all rows that the federation's penalty is for.
    pub(crate) fn train(
        self,
        shard: &Shard,
        start: &Parameters,
        share: f64,
        shuffle: &mut ChaCha20Rng,
    ) -> Parameters {
        let alpha = self.alpha * share;
        match self.method {
            Method::Newton => self.newton(shard, start, alpha, self.epochs),
            Method::Gradient { rate, batch } => {
                let mut parameters = start.clone();
                let batch = if batch == 0 { shard.rows() } else { batch };
                let mut order: Vec<usize> = (0..shard.rows()).collect();
                for _ in 0..self.epochs {
                    if batch < order.len() {
                        order.shuffle(shuffle);
                    }
                    for rows in order.chunks(batch) {
                        let part;
                        let rows_here = if rows.len() < shard.rows() {
                            part = shard.select(rows);
                            &part
                        } else {
                            shard
                        };
                        let residuals = Self::residuals(rows_here, &parameters);
                        let residuals = self.weigh(residuals, rows_here);
                        // Of the mean loss of all the client's rows, and its penalty by row.
                        let gradient = residuals.t().dot(&rows_here.design) / rows.len() as f64
                            + Self::pull(alpha / shard.rows() as f64, &parameters);
                        parameters.scaled_add(-rate, &gradient);
                    }
                }
                parameters
            }
        }
    }

    /// The sum of the rows' gradients, each shortened to `clip` and then weighted, so that weights
    /// still tell where most are shortened; the penalty is not in it. No row adds more than `clip`
    /// times the largest weight.
    pub(crate) fn clipped_gradient(
        self,
        shard: &Shard,
        parameters: &Parameters,
        clip: f64,
    ) -> (Parameters, usize) {
        let mut residuals = Self::residuals(shard, parameters);
        let mut clipped = 0;
        for (mut r, x) in residuals.rows_mut().into_iter().zip(shard.design.rows()) {
            // The gradient of a row is the outer product of residuals and row.
            let norm = (r.dot(&r) * x.dot(&x)).sqrt();
            if norm > clip {
                r *= clip / norm;
                clipped += 1;
            }
        }
        (self.weigh(residuals, shard).t().dot(&shard.design), clipped)
    }

    /// Newton's method with halved steps, each model by itself (iteratively reweighted least
    /// squares; Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning*, 2009,
    /// section 4.4.1), at most `steps` of them.
    pub(crate) fn newton(
        self,
        shard: &Shard,
        start: &Parameters,
        alpha: f64,
        steps: usize,
    ) -> Parameters {
        let mut all = start.clone();
        let d = start.ncols();
        let penalty = Array1::from_shape_fn(d, |j| {
            INTERCEPT_PENALTY + if j + 1 < d { alpha } else { 0.0 }
        });
        for (model, mut parameters) in all.rows_mut().into_iter().enumerate() {
            let labels = shard.labels.column(model);
            let weights = labels.mapv(|y| self.weight(y));
            let loss = |beta: &Array1<f64>| {
                let scores = shard.design.dot(beta);
                let losses = scores.iter().zip(labels).zip(&weights);
                // log(1 + exp(s)) - y s, without overflow.
                let losses =
                    losses.map(|((s, y), w)| w * (s.max(0.0) + (-s.abs()).exp().ln_1p() - y * s));
                losses.sum::<f64>() + 0.5 * (&penalty * &beta.mapv(|b| b * b)).sum()
            };
            let mut beta = parameters.to_owned();
            let mut least = loss(&beta);
            for _ in 0..steps {
                let p = shard.design.dot(&beta).mapv(sigmoid);
                let gradient =
                    shard.design.t().dot(&(&weights * &(&p - &labels))) + &penalty * &beta;
                let curvature = &weights * &p.mapv(|p| (p * (1.0 - p)).max(1e-12));
                let mut hessian = shard
                    .design
                    .t()
                    .dot(&(&shard.design * &curvature.insert_axis(Axis(1))));
                for (j, c) in penalty.iter().enumerate() {
                    hessian[[j, j]] += c;
                }
                // With the penalty it is positive definite but for rounding.
                let Some(step) = solve(hessian, gradient) else {
                    break;
                };
                let halvings = (0..30).map(|k| &beta - &(&step * 0.5_f64.powi(k)));
                let better = halvings.map(|b| (loss(&b), b)).find(|(l, _)| *l <= least);
                let Some((lower, next)) = better else { break };
                (least, beta) = (lower, next);
                if step.iter().all(|s| s.abs() < 1e-12) {
                    break;
                }
            }
            parameters.assign(&beta.slice(s![..]));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng as _, SeedableRng as _};

    fn shard(rows: usize) -> Shard {
        let mut random = ChaCha20Rng::seed_from_u64(5);
        let mut design = Array2::from_shape_fn((rows, 4), |_| 2.0 * random.random::<f64>() - 1.0);
        design.column_mut(3).fill(1.0);
        let labels = Array2::from_shape_fn((rows, 2), |(i, m)| {
            let score = design[[i, m]] * 2.0 - design[[i, 2]] + 0.4;
            f64::from(u8::from(random.random::<f64>() < sigmoid(score)))
        });
        Shard { design, labels }
    }

    fn local(method: Method, epochs: usize) -> Local {
        Local {
            method,
            epochs,
            alpha: 1.0,
            positive_weight: 2.0,
        }
    }

    #[track_caller]
    fn near(a: &Parameters, b: &Parameters, tolerance: f64) {
        let worst = (a - b).iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        assert!(worst < tolerance, "{a} {b}");
    }

    /// Many gradient steps, with and without batches, and Newton's method end at one optimum, where
    /// the gradient vanishes.
    #[test]
    fn methods_agree_on_the_optimum() {
        let shard = shard(300);
        let start = Array2::zeros((2, 4));
        let mut shuffle = ChaCha20Rng::seed_from_u64(1);
        let mut train =
            |method, epochs| local(method, epochs).train(&shard, &start, 1.0, &mut shuffle);
        let newton = train(Method::Newton, 30);
        let steps = |rate, batch| Method::Gradient { rate, batch };
        near(&newton, &train(steps(1.0, 0), 2000), 1e-4);
        near(&newton, &train(steps(0.005, 30), 2000), 0.02);
        let l = local(Method::Newton, 1);
        let (gradient, clipped) = l.clipped_gradient(&shard, &newton, 1e9);
        assert_eq!(clipped, 0);
        near(&gradient, &-Local::pull(1.0, &newton), 1e-4);
    }

    #[test]
    fn gradients_of_records_are_shortened() {
        let shard = shard(50);
        let start = Array2::zeros((2, 4));
        let norm = |row: usize, positive_weight: f64, clip: f64| {
            let l = Local {
                positive_weight,
                ..local(Method::Newton, 1)
            };
            let (g, clipped) = l.clipped_gradient(&shard.select(&[row]), &start, clip);
            (g.iter().map(|x| x * x).sum::<f64>().sqrt(), clipped)
        };
        for row in 0..50 {
            let (whole, _) = norm(row, 1.0, 1e9);
            let (short, clipped) = norm(row, 1.0, 0.6);
            assert!((short - whole.min(0.6)).abs() < 1e-12);
            assert_eq!(clipped, usize::from(whole > 0.6));
            for weight in [0.2, 3.0] {
                assert!(norm(row, weight, 0.6).0 <= 0.6 * weight.max(1.0) + 1e-12);
            }
        }
    }

    /// Rows of one class, separable for any weights: training stays finite.
    #[test]
    fn a_client_without_one_class_can_train() {
        let mut one = shard(20);
        one.labels.fill(0.0);
        assert!(one.lacks_a_class());
        let start = Array2::zeros((2, 4));
        for method in [
            Method::Newton,
            Method::Gradient {
                rate: 0.5,
                batch: 0,
            },
        ] {
            let mut shuffle = ChaCha20Rng::seed_from_u64(1);
            let trained = local(method, 50).train(&one, &start, 0.1, &mut shuffle);
            assert!(trained.iter().all(|x| x.abs() < 100.0), "{trained}");
        }
    }
}
