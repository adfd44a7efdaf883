//! Measuring: statistics of repetitions, their order, memory, the machine and how busy it is.

mod comparison;
mod load;
mod machine;
#[cfg(test)]
mod simulation;
mod statistics;
mod student;
mod two_runs;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha20Rng;

pub use comparison::{Comparison, Outcome, Timed, compare_with_first};
pub use load::{LoadMeter, load_averages};
pub use machine::{
    NODE, environment, forget_peak_rss, memory_bytes, node, peak_rss_bytes, provenance,
};
pub use statistics::{Estimate, Interval, Spread, interval_of_mean, median};
pub use two_runs::{Change, compare_runs};

/// The order of the repetitions of `cells` cells: rounds that visit every cell once, each in a
/// fresh order, so that a machine that drifts does not favour one cell.
pub fn schedule(cells: usize, rounds: u32, seed: u64) -> Vec<Vec<usize>> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    (0..rounds)
        .map(|_| {
            let mut order: Vec<usize> = (0..cells).collect();
            order.shuffle(&mut rng);
            order
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_visits_every_cell_in_another_order() {
        let rounds = schedule(6, 20, 1);
        for round in &rounds {
            let mut sorted = round.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4, 5]);
        }
        assert!(rounds.windows(2).any(|w| w[0] != w[1]));
        assert_eq!(rounds, schedule(6, 20, 1), "seeded");
    }
}
