//! Training under encryption: what the tasks share that fit linear models to encrypted rows.
//!
//! How a table lies in vectors ([`Flat`]), sums along either axis of it, the odd polynomial that
//! stands in for the sigmoid ([`OddSigmoid`]), and the moments of a table ([`Moments`]), from which
//! the key owner solves.

mod flat;
mod moments;
mod sigmoid;

pub use flat::Flat;
pub use moments::Moments;
pub use sigmoid::OddSigmoid;

use ndarray::{Array1, Array2};

/// Solves `a x = b` for a symmetric positive definite `a`; `None` if it is not.
pub fn solve_positive(a: Array2<f64>, b: Array1<f64>) -> Option<Array1<f64>> {
    super::logistic::solve(a, b)
}

/// A note on which rows a table's figures are about.
pub fn scored_in_the_clear(trained_on: usize, scored: usize) -> String {
    format!(
        "samples are the {trained_on} training rows that are encrypted, and times are per one of \
         them; the model that comes of it is scored in the clear on {scored} test rows"
    )
}

/// The most steps below `asked` that fit, by bisection, if more steps never fit where fewer do
/// not; `None` if not even one does.
pub fn most_that_fit(asked: usize, fits: &mut dyn FnMut(usize) -> bool) -> Option<usize> {
    if asked < 2 || !fits(1) {
        return None;
    }
    let (mut low, mut high) = (1, asked);
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if fits(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_most_that_fit_are_found() {
        for room in 0..9 {
            let got = super::most_that_fit(10, &mut |n| n <= room);
            assert_eq!(got, (room > 0).then_some(room));
        }
    }
}
