//! Accelerated gradient descent in the clear: the same steps that are taken under encryption.

use hexperiment_task::TaskError;
use ndarray::{Array1, Array2};

/// The most that a weight may be, on standardised features: one deviation more multiplies the odds
/// by `e^10`. Programs are built on it; a descent that leaves it diverges.
pub(crate) const LARGEST_WEIGHT: f64 = 10.0;

/// The public numbers of Nesterov's method (*A method for solving the convex programming problem
/// with convergence rate O(1/k^2)*, Soviet Mathematics Doklady 1983), in the form of Kim et al. 2018:
/// `w' = v + rate * gradient(v)`, `v' = (1 - eta) w' + eta w`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schedule {
    pub(crate) iterations: usize,
    /// Of the mean gradient.
    pub(crate) rate: f64,
    /// The penalty on weights, per row; the intercept, which is last, has none.
    pub(crate) penalty: f64,
}

impl Schedule {
    /// `eta` of iteration `t`, from 0: `(1 - l_t) / l_(t+1)` with `l_0 = 1` and
    /// `l_(t+1) = (1 + sqrt(1 + 4 l_t^2)) / 2`; 0, then negative.
    pub(crate) fn momentum(t: usize) -> f64 {
        let next = |l: f64| f64::midpoint(1.0, (1.0 + 4.0 * l * l).sqrt());
        let mut l = 1.0;
        for _ in 0..t {
            l = next(l);
        }
        (1.0 - l) / next(l)
    }

    /// What a step leaves of each weight: `1 - rate * penalty`, and 1 of the intercept.
    pub(crate) fn shrinking(&self, columns: usize) -> Array1<f64> {
        let mut shrinking = Array1::from_elem(columns, 1.0 - self.rate * self.penalty);
        shrinking[columns - 1] = 1.0;
        shrinking
    }

    /// The weights after a step from `v`, where the mean gradient of the log-likelihood is
    /// `gradient`.
    pub(crate) fn step(&self, v: &Array1<f64>, gradient: &Array1<f64>) -> Array1<f64> {
        self.shrinking(v.len()) * v + gradient * self.rate
    }
}

/// The greater number; NaN is the greatest.
fn greater(a: f64, b: f64) -> f64 {
    if b.total_cmp(&a).is_gt() { b } else { a }
}

/// Rows with their labels in them: `y (x, 1)` with `y` of 1 or -1, what each counts, and what
/// their sum is divided by.
#[derive(Clone, Debug)]
pub(crate) struct SignedRows {
    pub(crate) rows: Array2<f64>,
    pub(crate) counts: Array1<f64>,
    pub(crate) total: f64,
}

/// What a descent went through.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// The weights after each iteration, the intercept last.
    pub(crate) weights: Vec<Array1<f64>>,
    /// The largest inner product of a row and the weights, in magnitude.
    pub(crate) largest: f64,
    /// The largest weight on the way, in magnitude.
    pub(crate) largest_weight: f64,
}

impl Path {
    fn of(steps: usize) -> Self {
        Self {
            weights: Vec::with_capacity(steps),
            largest: 0.0,
            largest_weight: 0.0,
        }
    }

    /// Takes notice of weights, and of the largest inner product there.
    fn meet(&mut self, weights: &Array1<f64>, inner: f64) {
        self.largest = greater(self.largest, inner.abs());
        let weights = weights.iter().map(|w| w.abs());
        self.largest_weight = weights.fold(self.largest_weight, greater);
    }
}

impl SignedRows {
    /// Of standardised features and labels 0 and 1.
    pub(crate) fn new(
        features: &Array2<f64>,
        labels: &Array1<f64>,
        counts: Array1<f64>,
        total: f64,
    ) -> Self {
        let width = features.ncols() + 1;
        let rows = Array2::from_shape_fn((features.nrows(), width), |(i, j)| {
            let x = if j + 1 < width { features[[i, j]] } else { 1.0 };
            (2.0 * labels[i] - 1.0) * x
        });
        Self {
            rows,
            counts,
            total,
        }
    }

    /// The rows, each times what it counts.
    pub(crate) fn counted(&self) -> Array2<f64> {
        &self.rows * &self.counts.view().insert_axis(ndarray::Axis(1))
    }

    /// The mean gradient of the log-likelihood at `v`, with `sigmoid` or what stands in for it;
    /// and the largest inner product.
    pub(crate) fn gradient(
        &self,
        v: &Array1<f64>,
        sigmoid: &dyn Fn(f64) -> f64,
    ) -> (Array1<f64>, f64) {
        let inner = self.rows.dot(v);
        let largest = inner.iter().fold(0.0_f64, |m, u| m.max(u.abs()));
        let shares = inner.mapv(|u| sigmoid(-u)) * &self.counts;
        (self.rows.t().dot(&shares) / self.total, largest)
    }

    /// Steps with a fixed inverse, `solve`, of the Hessian, from weights of 0.
    pub(crate) fn newton(
        &self,
        steps: usize,
        penalty: f64,
        solve: &dyn Fn(Array1<f64>) -> Result<Array1<f64>, TaskError>,
        sigmoid: &dyn Fn(f64) -> f64,
    ) -> Result<Path, TaskError> {
        let mut w = Array1::zeros(self.rows.ncols());
        let mut path = Path::of(steps);
        for _ in 0..steps {
            let (gradient, largest) = self.gradient(&w, sigmoid);
            path.meet(&w, largest);
            w = &w + &solve(penalised(&gradient, &w, penalty))?;
            path.weights.push(w.clone());
        }
        Ok(path)
    }

    /// Gradient descent by a schedule: the weights after each step.
    pub(crate) fn descend(&self, schedule: &Schedule, sigmoid: &dyn Fn(f64) -> f64) -> Path {
        let mut v = Array1::zeros(self.rows.ncols());
        let mut last = v.clone();
        let mut path = Path::of(schedule.iterations);
        for t in 0..schedule.iterations {
            let (gradient, largest) = self.gradient(&v, sigmoid);
            path.meet(&v, largest);
            let next = schedule.step(&v, &gradient);
            let eta = Schedule::momentum(t);
            v = &next * (1.0 - eta) + &last * eta;
            path.weights.push(next.clone());
            last = next;
        }
        path.meet(&last, 0.0);
        path
    }
}

/// The gradient of the penalised log-likelihood; the intercept, which is last, has no penalty.
pub(crate) fn penalised(gradient: &Array1<f64>, w: &Array1<f64>, penalty: f64) -> Array1<f64> {
    let last = w.len() - 1;
    let mut result = gradient - &(w * penalty);
    result[last] = gradient[last];
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_task::linear_model::{LogisticTraining, sigmoid};

    #[test]
    fn momentum_starts_at_none_and_grows() {
        let eta: Vec<f64> = (0..5).map(Schedule::momentum).collect();
        assert!((eta[0]).abs() < 1e-15, "{eta:?}");
        assert!((eta[1] + 0.281_75).abs() < 1e-4, "{eta:?}");
        assert!(
            eta.windows(2).all(|e| e[1] < e[0] && e[1] > -1.0),
            "{eta:?}"
        );
    }

    /// After many steps it is where the trainer in the clear is.
    #[test]
    fn descent_converges() {
        let features = Array2::from_shape_fn((120, 2), |(i, j)| {
            ((i * 37 + j * 61) % 101) as f64 / 50.0 - 1.0
        });
        let labels = Array1::from_shape_fn(120, |i| {
            f64::from(u8::from(
                features[[i, 0]] + 0.3 * ((i % 7) as f64 - 3.0) > 0.2,
            ))
        });
        let rows = SignedRows::new(&features, &labels, Array1::ones(120), 120.0);
        let schedule = Schedule {
            iterations: 2000,
            rate: 2.0,
            penalty: 1.0 / 120.0,
        };
        let path = rows.descend(&schedule, &sigmoid);
        let training = LogisticTraining {
            alpha: 1.0,
            balanced: false,
            max_iterations: 500,
        };
        let want = training.fit(&features, &labels).unwrap().model;
        let got = &path.weights[1999];
        assert!((got[0] - want.weights[0]).abs() < 1e-3, "{got} {want:?}");
        assert!((got[2] - want.intercept).abs() < 1e-3, "{got} {want:?}");
    }
}
