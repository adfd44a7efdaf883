//! Randomness: all of it straight from the operating system.

use hexperiment_scheme::SchemeError;
use rand::TryRngCore;
use rand::rngs::OsRng;
use rug::Integer;
use rug::integer::Order;

/// A uniform integer of at most `bits` bits from the operating system's generator.
pub(crate) fn bits(bits: u32) -> Result<Integer, SchemeError> {
    let mut bytes = vec![0_u8; bits.div_ceil(8) as usize];
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|e| SchemeError::Library {
            library: "operating system",
            operation: "random bytes".into(),
            message: e.to_string(),
        })?;
    let mut number = Integer::from_digits(&bytes, Order::Lsf);
    number.keep_bits_mut(bits);
    bytes.fill(0);
    // Keeps the fill from being optimised away.
    std::hint::black_box(&bytes);
    Ok(number)
}

/// A uniform integer in `1..bound`, by rejection.
pub(crate) fn below(bound: &Integer) -> Result<Integer, SchemeError> {
    loop {
        let number = bits(bound.significant_bits())?;
        if !number.is_zero() && number < *bound {
            return Ok(number);
        }
    }
}

/// Overwrites a number's digits, as far as they can be reached.
pub(crate) fn wipe(number: &mut Integer) {
    let digits = vec![u64::MAX; number.significant_digits::<u64>()];
    number.assign_digits(&digits, Order::Lsf);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_bounds_and_differ() {
        let bound = Integer::from(1_000_003);
        for _ in 0..200 {
            let x = below(&bound).unwrap();
            assert!(x > 0 && x < bound);
            assert!(bits(77).unwrap().significant_bits() <= 77);
        }
        assert_ne!(bits(256).unwrap(), bits(256).unwrap());
    }

    #[test]
    fn wiping_leaves_nothing() {
        let mut x = bits(512).unwrap();
        let before = x.clone();
        wipe(&mut x);
        assert_ne!(x, before);
        assert_eq!(
            x,
            (Integer::from(1) << (before.significant_digits::<u64>() as u32 * 64)) - 1_u32
        );
    }
}
