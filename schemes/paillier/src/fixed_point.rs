//! Doubles as integers with a power-of-two scale, and back.

use rug::Integer;

/// `value = mantissa * 2^exponent` with an odd mantissa (0 for 0), for a finite value.
fn parts(value: f64) -> (i64, i32) {
    let bits = value.to_bits();
    let fraction = (bits & ((1 << 52) - 1)) as i64;
    let (mantissa, exponent) = match (bits >> 52 & 0x7ff) as i32 {
        0 => (fraction, -1074),
        biased => (fraction | 1 << 52, biased - 1075),
    };
    if mantissa == 0 {
        return (0, 0);
    }
    let zeros = mantissa.trailing_zeros();
    let mantissa = mantissa >> zeros;
    let mantissa = if value < 0.0 { -mantissa } else { mantissa };
    (mantissa, exponent + zeros as i32)
}

/// The fractional bits that hold a finite `value` exactly.
pub(crate) fn exact_bits(value: f64) -> u32 {
    (-parts(value).1).max(0) as u32
}

/// `value * 2^fraction_bits`, rounded to the nearest integer, halves away from 0. The value must
/// be finite.
pub(crate) fn encode(value: f64, fraction_bits: u32) -> Integer {
    let (mantissa, exponent) = parts(value);
    let shift = i64::from(exponent) + i64::from(fraction_bits);
    if shift >= 0 {
        return Integer::from(mantissa) << shift as u32;
    }
    let drop = -shift;
    // A mantissa has 53 bits: dropping more leaves less than a half.
    if drop > 54 {
        return Integer::new();
    }
    let magnitude = (mantissa.unsigned_abs() + (1 << (drop - 1))) >> drop;
    let rounded = Integer::from(magnitude);
    if mantissa < 0 { -rounded } else { rounded }
}

/// `number / 2^fraction_bits` as a double, with an error of at most one unit in the last place.
pub(crate) fn decode(number: &Integer, fraction_bits: u32) -> f64 {
    let (fraction, exponent) = number.to_f64_exp();
    let shift = i64::from(exponent) - i64::from(fraction_bits);
    // In two steps, as 2^shift alone may be out of range where the result is not.
    let shift = shift.clamp(-2000, 2000) as i32;
    let half = shift / 2;
    fraction * 2.0_f64.powi(half) * 2.0_f64.powi(shift - half)
}

/// The least number of fractional bits at which rounding errs by at most `error`; `None` if
/// there is no such number below 2^12, and 0 if any rounding will do.
pub(crate) fn bits_for(error: f64) -> Option<u32> {
    if error >= 0.5 {
        return Some(0);
    }
    let bits = -error.log2() - 1.0;
    (bits < 4096.0).then_some(bits.ceil() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: f64, bits: u32, expect: i64) {
        assert_eq!(encode(value, bits), expect, "{value} at {bits} bits");
        assert_eq!(encode(-value, bits), -expect, "-{value} at {bits} bits");
    }

    #[test]
    fn rounding_is_to_the_nearest() {
        check(0.0, 10, 0);
        check(1.0, 10, 1024);
        check(0.1, 4, 2);
        check(2.5, 0, 3);
        check(2.4999, 0, 2);
        check(1e-300, 60, 0);
        check(0.75, 0, 1);
        check(1e15, 2, 4_000_000_000_000_000);
        check(f64::MIN_POSITIVE / 8.0, 100, 0);
    }

    #[test]
    fn decoding_undoes_encoding() {
        for value in [0.0, 1.5, -3.25, 1e15, 0.1, -1e-9, 12_345.678_9] {
            assert_eq!(decode(&encode(value, 200), 200), value);
        }
        assert_eq!(decode(&(Integer::from(1) << 2000_u32), 2000), 1.0);
        assert_eq!(decode(&Integer::from(-5), 1), -2.5);
    }

    #[test]
    fn bits_are_as_few_as_will_do() {
        assert_eq!(exact_bits(3.0), 0);
        assert_eq!(exact_bits(0.375), 3);
        assert_eq!(exact_bits(0.0), 0);
        assert_eq!(bits_for(0.5), Some(0));
        assert_eq!(bits_for(0.25), Some(1));
        assert_eq!(bits_for(0.2), Some(2));
        assert_eq!(bits_for(f64::INFINITY), Some(0));
        assert_eq!(bits_for(0.0), None);
        assert_eq!(bits_for(f64::NAN), None);
    }
}
