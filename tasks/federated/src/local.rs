//! What a client does with its rows: a logistic model, or for more than two classes a multinomial
//! one, trained for a while from the common model.

use hexperiment_task::linear_model::{sigmoid, solve};
use ndarray::{Array1, Array2, ArrayView1, Axis, s};
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha20Rng;

/// Parameters: a row for each score, the weights and then the intercept. One score is of a logistic
/// model, several are of a multinomial one, a score for each class.
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
    /// L2 penalty of the whole federation's objective; a client takes its share.
    pub(crate) alpha: f64,
    pub(crate) positive_weight: f64,
}

/// Rows that lie with one client.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    /// Rows x (features and a 1).
    pub(crate) design: Array2<f64>,
    /// Rows x scores, 0 or 1; of several scores one is 1.
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

    /// All scores of every row.
    pub(crate) fn scores(&self, parameters: &Parameters) -> Array2<f64> {
        self.design.dot(&parameters.t())
    }

    /// Whether a class does not occur here.
    pub(crate) fn lacks_a_class(&self) -> bool {
        let same = |labels: ArrayView1<'_, f64>| labels.iter().all(|y| *y == labels[0]);
        self.labels.columns().into_iter().any(same)
    }

    /// The probabilities of labels being 1: by the logistic function, or of several scores by
    /// exponentials over their sum.
    fn probabilities(&self, parameters: &Parameters) -> Array2<f64> {
        let mut scores = self.scores(parameters);
        if parameters.nrows() == 1 {
            return scores.mapv(sigmoid);
        }
        for mut row in scores.rows_mut() {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.mapv_inplace(|s| (s - largest).exp());
            let sum = row.sum();
            row /= sum;
        }
        scores
    }

    /// The log loss of every row.
    fn losses(&self, parameters: &Parameters) -> Array1<f64> {
        let scores = self.scores(parameters);
        let pairs = scores.rows().into_iter().zip(self.labels.rows());
        let one = |(row, labels): (ArrayView1<'_, f64>, ArrayView1<'_, f64>)| {
            // log(1 + exp(s)), or log of the sum of exponentials, without overflow.
            let normaliser = if row.len() == 1 {
                row[0].max(0.0) + (-row[0].abs()).exp().ln_1p()
            } else {
                let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                largest + row.mapv(|s| (s - largest).exp()).sum().ln()
            };
            normaliser - row.dot(&labels)
        };
        pairs.map(one).collect()
    }
}

impl Local {
    /// What a row counts: with two classes, a positive one may count more.
    fn weights(self, shard: &Shard) -> Array1<f64> {
        let weight = |labels: ArrayView1<'_, f64>| {
            if labels.len() == 1 && labels[0] > 0.5 {
                self.positive_weight
            } else {
                1.0
            }
        };
        shard.labels.rows().into_iter().map(weight).collect()
    }

    /// The most that a row counts.
    pub(crate) fn largest_weight(self) -> f64 {
        self.positive_weight.max(1.0)
    }

    /// The loss's derivatives by the scores, of every row, before weights.
    fn residuals(shard: &Shard, parameters: &Parameters) -> Array2<f64> {
        shard.probabilities(parameters) - &shard.labels
    }

    /// Likewise, weighted.
    fn weigh(self, residuals: Array2<f64>, shard: &Shard) -> Array2<f64> {
        residuals * self.weights(shard).insert_axis(Axis(1))
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

    /// The sum of the rows' gradients, each clipped to the norm `clip` and then weighted, so that
    /// weights still count where most are clipped; the penalty is not in it. No row adds more than `clip`
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

    /// Newton's method with halved steps (iteratively reweighted least squares; Hastie, Tibshirani
    /// and Friedman, *The Elements of Statistical Learning*, 2009, section 4.4.1; for several
    /// scores Böhning, *Multinomial Logistic Regression Algorithm*, 1992), at most `steps` of them.
    pub(crate) fn newton(
        self,
        shard: &Shard,
        start: &Parameters,
        alpha: f64,
        steps: usize,
    ) -> Parameters {
        let (models, width) = start.dim();
        let weights = self.weights(shard);
        let penalty = Array2::from_shape_fn((models, width), |(_, j)| {
            INTERCEPT_PENALTY + if j + 1 < width { alpha } else { 0.0 }
        });
        let loss = |p: &Parameters| {
            (&weights * &shard.losses(p)).sum() + 0.5 * (&penalty * &p.mapv(|x| x * x)).sum()
        };
        let mut parameters = start.clone();
        let mut least = loss(&parameters);
        for _ in 0..steps {
            let residuals = self.weigh(Self::residuals(shard, &parameters), shard);
            let gradient = residuals.t().dot(&shard.design) + &penalty * &parameters;
            let hessian = self.hessian(shard, &parameters, &penalty);
            // With the penalty it is positive definite but for rounding.
            let Some(step) = solve(hessian, gradient.iter().copied().collect()) else {
                break;
            };
            let step = Array2::from_shape_fn((models, width), |(a, j)| step[a * width + j]);
            let halvings = (0..30).map(|k| &parameters - &(&step * 0.5_f64.powi(k)));
            let better = halvings.map(|p| (loss(&p), p)).find(|(l, _)| *l <= least);
            let Some((lower, next)) = better else { break };
            (least, parameters) = (lower, next);
            if step.iter().all(|s| s.abs() < 1e-12) {
                break;
            }
        }
        parameters
    }

    /// The second derivatives of the penalised loss, by parameters in standard order.
    fn hessian(self, shard: &Shard, parameters: &Parameters, penalty: &Array2<f64>) -> Array2<f64> {
        let (models, width) = parameters.dim();
        let (p, weights) = (shard.probabilities(parameters), self.weights(shard));
        let mut hessian = Array2::from_diag(&penalty.iter().copied().collect::<Array1<f64>>());
        for (a, b) in (0..models).flat_map(|a| (0..models).map(move |b| (a, b))) {
            let own = f64::from(u8::from(a == b));
            let curvature = &p.column(a) * &p.column(b).mapv(|p| own - p) * &weights;
            let block = shard
                .design
                .t()
                .dot(&(&shard.design * &curvature.insert_axis(Axis(1))));
            let (rows, columns) = (a * width..(a + 1) * width, b * width..(b + 1) * width);
            hessian.slice_mut(s![rows, columns]).scaled_add(1.0, &block);
        }
        hessian
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng as _, SeedableRng as _};

    /// Four parameters a score; two classes, or three.
    fn shard(rows: usize, scores: usize) -> Shard {
        let mut random = ChaCha20Rng::seed_from_u64(5);
        let mut design = Array2::from_shape_fn((rows, 4), |_| 2.0 * random.random::<f64>() - 1.0);
        design.column_mut(3).fill(1.0);
        let chosen: Vec<usize> = (0..rows)
            .map(|i| {
                let noise = 3.0 * random.random::<f64>();
                let score = design[[i, 0]] * 2.0 - design[[i, 2]] + 0.4 + noise;
                usize::from(score > 1.0) + usize::from(score > 2.5)
            })
            .collect();
        let labels = Array2::from_shape_fn((rows, scores), |(i, m)| match scores {
            1 => f64::from(u8::from(chosen[i] > 0)),
            _ => f64::from(u8::from(chosen[i] == m)),
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
        for scores in [1, 3] {
            let shard = shard(300, scores);
            let start = Array2::zeros((scores, 4));
            let mut shuffle = ChaCha20Rng::seed_from_u64(1);
            let mut train =
                |method, epochs| local(method, epochs).train(&shard, &start, 1.0, &mut shuffle);
            let newton = train(Method::Newton, 30);
            let steps = |rate, batch| Method::Gradient { rate, batch };
            near(&newton, &train(steps(1.0, 0), 4000), 1e-3);
            near(&newton, &train(steps(0.05, 30), 2000), 0.1);
            let l = local(Method::Newton, 1);
            let (gradient, clipped) = l.clipped_gradient(&shard, &newton, 1e9);
            assert_eq!(clipped, 0);
            near(&gradient, &-Local::pull(1.0, &newton), 1e-4);
        }
    }

    /// Derivatives are those of the loss, by differences.
    #[test]
    fn derivatives_are_right() {
        for scores in [1, 3] {
            let shard = shard(60, scores);
            let l = local(Method::Newton, 1);
            let at = Array2::from_shape_fn((scores, 4), |(a, j)| 0.3 * a as f64 - 0.2 * j as f64);
            let loss = |p: &Parameters| (l.weights(&shard) * shard.losses(p)).sum();
            let gradient = |p: &Parameters| l.clipped_gradient(&shard, p, 1e9).0;
            let hessian = l.hessian(&shard, &at, &Array2::zeros((scores, 4)));
            for place in 0..4 * scores {
                let moved = |by: f64| {
                    let mut p = at.clone();
                    p[[place / 4, place % 4]] += by;
                    p
                };
                let h = 1e-5;
                let slope = (loss(&moved(h)) - loss(&moved(-h))) / (2.0 * h);
                assert!((slope - gradient(&at)[[place / 4, place % 4]]).abs() < 1e-5);
                let row = (gradient(&moved(h)) - gradient(&moved(-h))) / (2.0 * h);
                for (x, y) in row.iter().zip(hessian.row(place)) {
                    assert!((x - y).abs() < 1e-5, "{x} {y}");
                }
            }
        }
    }

    #[test]
    fn gradients_of_records_are_clipped() {
        let norm = |shard: &Shard, row: usize, positive_weight: f64, clip: f64| {
            let l = Local {
                positive_weight,
                ..local(Method::Newton, 1)
            };
            let start = Array2::zeros((shard.labels.ncols(), 4));
            let (g, clipped) = l.clipped_gradient(&shard.select(&[row]), &start, clip);
            (g.iter().map(|x| x * x).sum::<f64>().sqrt(), clipped)
        };
        for shard in [shard(50, 1), shard(50, 3)] {
            for row in 0..50 {
                let (whole, _) = norm(&shard, row, 1.0, 1e9);
                let (short, clipped) = norm(&shard, row, 1.0, 0.6);
                assert!((short - whole.min(0.6)).abs() < 1e-12);
                assert_eq!(clipped, usize::from(whole > 0.6));
                for weight in [0.2, 3.0] {
                    let (weighted, _) = norm(&shard, row, weight, 0.6);
                    assert!(weighted <= 0.6 * weight.max(1.0) + 1e-12);
                }
            }
        }
    }

    /// Rows of one class, separable for any weights: training stays finite.
    #[test]
    fn a_client_without_one_class_can_train() {
        for scores in [1, 3] {
            let mut one = shard(20, scores);
            one.labels.fill(0.0);
            if scores > 1 {
                one.labels.column_mut(1).fill(1.0);
            }
            assert!(one.lacks_a_class());
            let start = Array2::zeros((scores, 4));
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
}
