//! How long vectors are made where a task has the choice.
//!
//! A task states one program for all schemes of an experiment, before any of them is asked, so that
//! it cannot ask how many elements one of their ciphertexts holds. What it assumes of that is here, and
//! nowhere else in a task: for schemes that pack, half the ring degree that leaves room, at 128 bits of
//! security, for the moduli of so many products (Albrecht et al., *Homomorphic Encryption Standard*,
//! 2018, table 1). A scheme that packs less takes more ciphertexts for a vector, one that packs nothing
//! does not mind.

use hexperiment_scheme::options::OptionSpec;

/// For a program with one product after another at most: a ring of degree 8192.
pub const ONE_PRODUCT: usize = 1 << 12;

/// For a few products one after another: a ring of degree 16384.
pub const FEW_PRODUCTS: usize = 1 << 13;

/// For the many products of training, if the user does not say: a ring of degree 32768.
pub const MANY_PRODUCTS: usize = 1 << 14;

/// For a program of so many levels. A ring of degree 16384 has room for 430 bits of moduli at 128 bits of security
/// (Bossuat et al. 2024, ePrint 2024/463): nine levels of 35 bits, beside the two larger primes.
pub fn of_levels(levels: u32) -> usize {
    if levels <= 9 {
        FEW_PRODUCTS
    } else {
        MANY_PRODUCTS
    }
}

/// The longest vector that is padded to a power of two so that it can be rotated: schemes that hold a
/// vector in the slots of one ciphertext rotate no longer ones.
pub const LONGEST_ROTATED: usize = 1 << 15;

/// Rows that are scored in one round at most; more of them take several rounds, one after the other, so that
/// neither party ever holds the ciphertexts of all. Nine features of so many rows fill 18 ciphertexts of a
/// ring of degree 8192, so that rounds cost nothing but themselves.
pub const ROWS_OF_A_ROUND: usize = 1 << 14;

/// The rows of each round that scores its share of `rows`: all alike, so that the last one is padded by less
/// than a row for each round.
pub fn of_a_round(rows: usize) -> usize {
    let rounds = rows.div_ceil(ROWS_OF_A_ROUND).max(1);
    rows.div_ceil(rounds)
}

/// The option of tasks that train under encryption.
pub fn option() -> OptionSpec {
    OptionSpec::integer(
        "vector_length",
        8..=1 << 20,
        MANY_PRODUCTS as i64,
        "Training: elements of a vector at most, a power of two; more rows take more vectors. A \
         CKKS ciphertext holds 16384 at most.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_alike() {
        for (rows, expect) in [
            (0, 0),
            (1, 1),
            (334, 334),
            (ROWS_OF_A_ROUND, ROWS_OF_A_ROUND),
            (ROWS_OF_A_ROUND + 1, ROWS_OF_A_ROUND / 2 + 1),
            (1_000_000, 16_130),
        ] {
            let each = of_a_round(rows);
            assert_eq!(each, expect, "{rows}");
            let rounds = rows.div_ceil(each.max(1));
            assert!(rounds * each - rows <= rounds, "{rows}");
        }
    }

    #[test]
    fn the_option_says_what_its_default_is() {
        assert!(option().doc.contains(&MANY_PRODUCTS.to_string()));
    }
}
