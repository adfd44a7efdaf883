//! Folds for cross-validation.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha20Rng;

/// A class with fewer rows than there are folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFewRows {
    /// The class, by its place among those given.
    pub class: usize,
    /// How many rows it has.
    pub rows: usize,
}

/// Deals rows into `folds`, each class in equal shares, by the seed: the rows of each fold, in order.
/// Classes are shuffled one after the other, so that their order matters.
///
/// # Errors
/// Where a class has fewer rows than there are folds.
pub fn stratified(
    classes: Vec<Vec<usize>>,
    folds: usize,
    seed: u64,
) -> Result<Vec<Vec<usize>>, TooFewRows> {
    let mut random = ChaCha20Rng::seed_from_u64(seed);
    let mut rows_of = vec![Vec::new(); folds];
    for (class, mut rows) in classes.into_iter().enumerate() {
        if rows.len() < folds {
            let rows = rows.len();
            return Err(TooFewRows { class, rows });
        }
        rows.shuffle(&mut random);
        for (place, row) in rows.into_iter().enumerate() {
            rows_of[place % folds].push(row);
        }
    }
    for rows in &mut rows_of {
        rows.sort_unstable();
    }
    Ok(rows_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_equal_shares_by_the_seed() {
        let (rare, others): (Vec<usize>, Vec<usize>) = (0..103).partition(|row| row % 10 == 0);
        let deal = |folds, seed| stratified(vec![rare.clone(), others.clone()], folds, seed);
        let folds = deal(5, 1).unwrap();
        let mut all = folds.concat();
        all.sort_unstable();
        assert_eq!(all, (0..103).collect::<Vec<_>>());
        for fold in &folds {
            assert!(fold.is_sorted());
            let few = fold.iter().filter(|row| *row % 10 == 0).count();
            assert!((2..=3).contains(&few), "{fold:?}");
            assert!((18..=19).contains(&(fold.len() - few)), "{fold:?}");
        }
        assert_eq!(Ok(folds.clone()), deal(5, 1));
        assert_ne!(Ok(folds), deal(5, 2));
        assert_eq!(deal(20, 1), Err(TooFewRows { class: 0, rows: 11 }));
    }
}
