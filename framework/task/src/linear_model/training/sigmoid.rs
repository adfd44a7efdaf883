//! The sigmoid's stand-in.

use hexperiment_program::{Fit, Interval, Polynomial, ProgramBuilder, ProgramError, ValueId};

/// `1/2 + p(u)` in the place of `1 / (1 + exp(-u))`, where `p` is odd and of degree 3, 5 or 7, by
/// least squares on `[-bound, bound]`.
#[derive(Clone, Debug, PartialEq)]
pub struct OddSigmoid {
    bound: f64,
    /// Of `s, s^3, …`, where `s = u / bound`.
    coefficients: Vec<f64>,
}

impl OddSigmoid {
    /// Fits it.
    ///
    /// # Errors
    /// `ProgramError::EmptyDomain` where `bound` is 0 or not finite.
    pub fn fit(degree: usize, bound: f64) -> Result<Self, ProgramError> {
        let domain = Interval::symmetric(bound);
        let sigmoid = super::super::sigmoid;
        let fitted = Polynomial::fit(domain, degree, Fit::LeastSquares, sigmoid)?;
        let powers = powers(fitted.chebyshev());
        let odd = powers.into_iter().skip(1).step_by(2).collect();
        Ok(Self {
            bound,
            coefficients: odd,
        })
    }

    /// Where it holds: `-bound` to `bound`.
    pub fn bound(&self) -> f64 {
        self.bound
    }

    /// Its value at `u`.
    pub fn evaluate(&self, u: f64) -> f64 {
        0.5 + self.odd(u / self.bound)
    }

    fn odd(&self, s: f64) -> f64 {
        let powers = self.coefficients.iter().rev();
        s * powers.fold(0.0, |sum, c| sum * s * s + c)
    }

    /// The largest `|p|` on its domain, a little generously.
    pub fn largest(&self) -> f64 {
        let values = (0..=1000).map(|i| self.odd(f64::from(i) / 1000.0).abs());
        1.01 * values.fold(0.0, f64::max)
    }

    /// The levels that [`OddSigmoid::times`] takes.
    pub fn levels(&self) -> u32 {
        if self.coefficients.len() == 2 { 2 } else { 3 }
    }

    /// In words: its coefficients in powers of `u`, its range and its largest error.
    pub fn describe(&self) -> String {
        let terms: Vec<String> = (0_i32..)
            .zip(&self.coefficients)
            .map(|(i, c)| {
                let power = 2 * i + 1;
                format!("{:+.6e} u^{power}", c / self.bound.powi(power))
            })
            .collect();
        let exact = super::super::sigmoid;
        let error = (0..=4000)
            .map(|i| self.bound * f64::from(i) / 4000.0)
            .map(|u| (self.evaluate(u) - exact(u)).abs())
            .fold(0.0, f64::max);
        format!(
            "sigmoid: 0.5 {} by least squares on [-{b}, {b}], off by up to {error:.4}",
            terms.join(" "),
            b = self.bound
        )
    }

    /// `gain * p(u) * x`, from `s = u / bound`, of which it must be known, or assumed, that it lies
    /// in `[-1, 1]`, and `x`. The leading
    /// coefficient and the gain go into `x`, which has levels to spare, so that degree 3 takes
    /// two levels, 5 and 7 three.
    ///
    /// # Errors
    /// `s` and `x` differ in length, `gain` is not finite, or a product may be beyond 1e15.
    pub fn times(
        &self,
        builder: &mut ProgramBuilder,
        s: ValueId,
        x: ValueId,
        gain: f64,
    ) -> Result<ValueId, ProgramError> {
        let leading = self.coefficients.last().copied().unwrap_or(1.0);
        let ratio: Vec<f64> = self.coefficients.iter().map(|c| c / leading).collect();
        let unit = builder.range(s);
        let largest = self.largest().max(self.odd(unit.magnitude()).abs());
        let known = Interval::symmetric(builder.range(x).magnitude() * gain.abs() * largest);
        let head = builder.scale(x, gain * leading)?;
        let head = builder.mul(head, s)?;
        let square = builder.square(s)?;
        let product = match ratio.as_slice() {
            [one, _] => {
                let inner = builder.offset(square, *one)?;
                builder.mul(head, inner)?
            }
            [one, three, _] => {
                let fourth = builder.square(square)?;
                let middle = builder.weighted_sum(vec![(square, (*three).into())], *one)?;
                let inner = builder.add(fourth, middle)?;
                builder.mul(head, inner)?
            }
            [one, three, five, _] => {
                let fourth = builder.square(square)?;
                let upper = builder.offset(square, *five)?;
                let upper = builder.mul(head, upper)?;
                let upper = builder.mul(upper, fourth)?;
                let lower = builder.weighted_sum(vec![(square, (*three).into())], *one)?;
                let lower = builder.mul(head, lower)?;
                builder.add(upper, lower)?
            }
            _ => head,
        };
        builder.narrow(product, known);
        Ok(product)
    }
}

/// From the Chebyshev basis to powers, by `T_(k+1) = 2 s T_k - T_(k-1)`.
fn powers(chebyshev: &[f64]) -> Vec<f64> {
    let n = chebyshev.len().max(2);
    let (mut last, mut next) = (vec![0.0; n], vec![0.0; n]);
    last[0] = 1.0;
    next[1] = 1.0;
    let mut sum = vec![0.0; n];
    for c in chebyshev {
        for (sum, t) in sum.iter_mut().zip(&last) {
            *sum += c * t;
        }
        let mut after: Vec<f64> = last.iter().map(|t| -t).collect();
        for (k, t) in next.iter().enumerate().take(n - 1) {
            after[k + 1] += 2.0 * t;
        }
        last = std::mem::replace(&mut next, after);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_program::{Column, Input, Output, Party};
    use ndarray::Array2;

    /// Kim et al. 2018 give 0.5 + 0.15012 x - 0.001593 x^3 for degree 3 on [-8, 8].
    #[test]
    fn the_published_coefficients_are_found() {
        let sigmoid = OddSigmoid::fit(3, 8.0).unwrap();
        let text = sigmoid.describe();
        assert!(text.contains("+1.501"), "{text}");
        assert!(text.contains("-1.59"), "{text}");
    }

    #[test]
    fn products_are_the_polynomials() {
        for (degree, bound) in [(3, 8.0), (5, 4.0), (7, 6.0)] {
            let sigmoid = OddSigmoid::fit(degree, bound).unwrap();
            let mut builder = ProgramBuilder::new("sigmoid");
            let column = |name: &str, range: f64| Column {
                name: name.into(),
                range: Interval::symmetric(range),
            };
            let input = Input {
                name: "x".into(),
                owner: Party::Client(0),
                length: 21,
                columns: vec![column("s", 1.0), column("x", 3.0)],
                precision: 1e-6,
            };
            let (_, values) = builder.input(input).unwrap();
            let value = sigmoid
                .times(&mut builder, values[0], values[1], -2.0)
                .unwrap();
            let output = Output {
                name: "y".into(),
                values: vec![value],
                precision: 1e-3,
            };
            builder.output(output).unwrap();
            let range = builder.range(value);
            let program = builder.finish().unwrap();
            let table = Array2::from_shape_fn((21, 2), |(i, j)| {
                if j == 0 {
                    i as f64 / 10.0 - 1.0
                } else {
                    3.0 - 0.2 * i as f64
                }
            });
            let out = program.interpret(std::slice::from_ref(&table)).unwrap();
            for (row, got) in table.rows().into_iter().zip(out[0].column(0)) {
                let want = -2.0 * (sigmoid.evaluate(bound * row[0]) - 0.5) * row[1];
                assert!((got - want).abs() < 1e-9, "degree {degree}: {got} {want}");
                assert!(range.contains(*got), "{range} {got}");
            }
        }
    }
}
