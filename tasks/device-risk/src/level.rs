//! Levels of risk, and how scores become one.

/// The levels' names; a level is a place in this list.
pub(crate) const LEVELS: [&str; 3] = ["Low", "Medium", "High"];

/// One number for each level; of probabilities and shares of votes the sum is 1.
pub(crate) type Scores = [f64; 3];

/// The level of the largest score; of equal ones the riskiest.
pub(crate) fn decide(scores: Scores) -> usize {
    let mut best = 0;
    for level in 1..scores.len() {
        if scores[level] >= scores[best] {
            best = level;
        }
    }
    best
}

/// The expected level, as a share of the highest: 0 for surely low, 1 for surely high.
pub(crate) fn expected(shares: Scores) -> f64 {
    0.5 * shares[1] + shares[2]
}

/// Probabilities of logits, which are numbers up to a common summand.
pub(crate) fn softmax(logits: Scores) -> Scores {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let odds = logits.map(|x| (x - largest).exp());
    let sum: f64 = odds.iter().sum();
    odds.map(|x| x / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_riskier_of_equals_is_decided() {
        for (scores, expect) in [
            ([3.0, 2.0, 1.0], 0),
            ([1.0, 1.0, 0.0], 1),
            ([5.0, 0.0, 5.0], 2),
            ([1.0, 1.0, 1.0], 2),
            ([-1.0, -3.0, -2.0], 0),
        ] {
            assert_eq!(decide(scores), expect, "{scores:?}");
        }
    }

    #[test]
    fn probabilities_add_up_however_large_the_logits() {
        let shares = softmax([1000.0, 1001.0, -2000.0]);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((shares[1] / shares[0] - std::f64::consts::E).abs() < 1e-9);
        assert_eq!(expected([0.0, 0.0, 1.0]), 1.0);
        assert_eq!(expected([0.5, 0.5, 0.0]), 0.25);
    }
}
