//! Which client holds which rows.

use hexperiment_task::TaskError;
use rand::Rng;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha20Rng;
use rand_distr::{Gamma, OpenClosed01};

/// Splits rows among `clients`: the rows of each, in rising order; each has at least one. `class_of`
/// holds the class of each row.
///
/// Without `concentration` the split is even and random. With one, the rows of each class are split
/// by shares from a symmetric Dirichlet distribution, so that classes and sizes differ (Yurochkin et al., *Bayesian
/// Nonparametric Federated Learning of Neural Networks*, ICML 2019; it is not the one of Hsu, Qi and
/// Brown, 2019, who draw shares of the classes for each client, all of the same size). A client that
/// gets nothing is given one row of the largest.
pub(crate) fn split_rows(
    class_of: &[usize],
    clients: usize,
    concentration: Option<f64>,
    random: &mut ChaCha20Rng,
) -> Result<Vec<Vec<usize>>, TaskError> {
    let rows = class_of.len();
    if clients > rows {
        return Err(TaskError::Options(format!(
            "`clients = {clients}`, but the training part has {rows} rows, and each client needs \
             one; take at most {rows}"
        )));
    }
    let mut parts = vec![Vec::new(); clients];
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(random);
    match concentration {
        None => {
            for (i, row) in order.into_iter().enumerate() {
                parts[i % clients].push(row);
            }
        }
        Some(concentration) => {
            let classes = class_of.iter().max().map_or(0, |c| c + 1);
            for class in 0..classes {
                let members: Vec<usize> = order
                    .iter()
                    .copied()
                    .filter(|r| class_of[*r] == class)
                    .collect();
                let shares = dirichlet(concentration, clients, random)?;
                let (mut sum, mut from) = (0.0, 0);
                for (client, share) in shares.iter().enumerate() {
                    sum += share;
                    let to = if client + 1 == clients {
                        members.len()
                    } else {
                        ((sum * members.len() as f64).round() as usize).clamp(from, members.len())
                    };
                    parts[client].extend(&members[from..to]);
                    from = to;
                }
            }
            for client in 0..clients {
                if parts[client].is_empty() {
                    let largest = (0..clients).max_by_key(|c| parts[*c].len());
                    let row = largest.and_then(|c| parts[c].pop());
                    parts[client].extend(row);
                }
            }
        }
    }
    for part in &mut parts {
        part.sort_unstable();
    }
    Ok(parts)
}

/// One draw from a symmetric Dirichlet distribution: `n` gamma variables over their sum.
///
/// Those of a small `concentration` are too small for doubles, so their logarithms are drawn: `G(a)`
/// is distributed as `G(a + 1) U^(1 / a)` (Marsaglia and Tsang, *A Simple Method for Generating Gamma
/// Variables*, 2000, section 6).
fn dirichlet(concentration: f64, n: usize, random: &mut impl Rng) -> Result<Vec<f64>, TaskError> {
    let gamma = Gamma::new(concentration + 1.0, 1.0)
        .map_err(|e| TaskError::Options(format!("`dirichlet = {concentration}`: {e}")))?;
    let logs: Vec<f64> = (0..n)
        .map(|_| {
            let uniform: f64 = random.sample(OpenClosed01);
            random.sample(gamma).ln() + uniform.ln() / concentration
        })
        .collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.iter().map(|l| (l - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    Ok(weights.iter().map(|w| w / sum).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    fn random() -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(3)
    }

    /// Every row has one holder, nobody has none.
    #[track_caller]
    fn check(rows: usize, clients: usize, concentration: Option<f64>) -> Vec<Vec<usize>> {
        let class_of: Vec<usize> = (0..rows).map(|i| i % 3).collect();
        let parts = split_rows(&class_of, clients, concentration, &mut random()).unwrap();
        let mut all: Vec<usize> = parts.iter().flatten().copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..rows).collect::<Vec<_>>());
        assert!(parts.iter().all(|h| !h.is_empty()), "{parts:?}");
        parts
    }

    #[test]
    fn every_row_has_one_holder() {
        for (rows, clients) in [(10, 3), (10, 10), (300, 7)] {
            let sizes: Vec<usize> = check(rows, clients, None).iter().map(Vec::len).collect();
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            for concentration in [1e-3, 0.3, 1.0, 100.0, 1e6] {
                check(rows, clients, Some(concentration));
            }
        }
        let error = split_rows(&[0, 1], 3, None, &mut random()).unwrap_err();
        assert!(error.to_string().contains("take at most 2"), "{error}");
    }

    /// The smaller the parameter, the more do sizes differ.
    #[test]
    fn the_parameter_sets_the_skew() {
        let largest = |c| check(3000, 10, Some(c)).iter().map(Vec::len).max().unwrap();
        assert!(largest(0.05) > 800 && largest(1e5) < 330);
    }

    /// Mean and variance of the shares, by the distribution's formulas.
    #[test]
    fn shares_have_their_moments() {
        let mut random = random();
        for concentration in [0.2, 1.0, 5.0] {
            let (n, draws) = (4, 20_000);
            let first: Vec<f64> = (0..draws)
                .map(|_| dirichlet(concentration, n, &mut random).unwrap()[0])
                .collect();
            let mean = first.iter().sum::<f64>() / f64::from(draws);
            let square = first.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
            let variance = square / f64::from(draws);
            let expect = 0.25 * 0.75 / (4.0 * concentration + 1.0);
            assert!((mean - 0.25).abs() < 0.01, "{mean}");
            assert!((variance / expect - 1.0).abs() < 0.1, "{variance} {expect}");
        }
    }
}
