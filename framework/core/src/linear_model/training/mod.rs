//! Training under encryption: what the tasks share that fit linear models to encrypted rows.
//!
//! How a table lies in vectors ([`Flat`]), sums along either axis of it, the odd polynomial that
//! stands in for the sigmoid ([`OddSigmoid`]), and the moments of a table ([`Moments`]), from which
//! the key owner solves.

mod flat;
mod moments;
mod sigmoid;

pub use flat::{Flat, Order};
pub use moments::Moments;
pub use sigmoid::OddSigmoid;

use ndarray::{Array1, Array2};

/// Solves `a x = b` for a symmetric positive definite `a`; `None` if it is not.
pub fn solve_positive(a: Array2<f64>, b: Array1<f64>) -> Option<Array1<f64>> {
    super::logistic::solve(a, b)
}
