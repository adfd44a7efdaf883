//! How vectors lie in plaintexts.

use hexperiment_scheme::SchemeError;
use rug::Integer;

/// Lanes of one plaintext.
///
/// Element `i` of a vector lies in lane `i mod lanes` of ciphertext `i / lanes`. A plaintext is
/// `sum of x_j 2^(j lane_bits)` with *signed* `x_j`: a negative lane borrows from those above it,
/// which sums and products with scalars respect. Reading adds half a lane to every lane, so that
/// none is negative, and takes it off each. As every `|x_j| < 2^(lane_bits - 1)`, lanes never
/// meet. One lane is the unpacked layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lanes {
    pub(crate) lanes: usize,
    pub(crate) lane_bits: u32,
}

impl Lanes {
    /// As many lanes as a message has room for, if packed; `lane_bits` must not exceed
    /// `message_bits`.
    pub(crate) fn new(packed: bool, lane_bits: u32, message_bits: u32) -> Self {
        let lanes = if packed { message_bits / lane_bits } else { 1 };
        Self {
            lanes: lanes.max(1) as usize,
            lane_bits,
        }
    }

    /// Ciphertexts that a vector of `length` takes.
    pub(crate) fn chunks(self, length: usize) -> usize {
        length.div_ceil(self.lanes)
    }

    /// The elements of chunk number `chunk` of a vector of `length`.
    pub(crate) fn elements(self, chunk: usize, length: usize) -> std::ops::Range<usize> {
        let from = chunk * self.lanes;
        from..length.min(from + self.lanes)
    }

    /// The plaintext of one chunk's elements.
    pub(crate) fn pack<'a>(
        self,
        elements: impl DoubleEndedIterator<Item = &'a Integer>,
    ) -> Integer {
        elements
            .rev()
            .fold(Integer::new(), |sum, x| (sum << self.lane_bits) + x)
    }

    /// The `count` elements of one plaintext; one that holds more is not of this layout.
    pub(crate) fn unpack(
        self,
        plaintext: Integer,
        count: usize,
    ) -> Result<Vec<Integer>, SchemeError> {
        let half = Integer::from(1) << (self.lane_bits - 1);
        let mut rest = plaintext + self.pack(std::iter::repeat_n(&half, count));
        let outside = rest.is_negative()
            || u64::from(rest.significant_bits()) > u64::from(self.lane_bits) * count as u64;
        if outside {
            return Err(SchemeError::Foreign(
                "what was decrypted is larger than its lanes: the ciphertext was made with \
                 another key or was changed"
                    .into(),
            ));
        }
        let elements = (0..count).map(|_| {
            let lane = Integer::from(rest.keep_bits_ref(self.lane_bits));
            rest >>= self.lane_bits;
            lane - &half
        });
        Ok(elements.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(layout: Lanes, elements: &[i64]) {
        let elements: Vec<_> = elements.iter().map(|x| Integer::from(*x)).collect();
        let packed = layout.pack(elements.iter());
        assert_eq!(layout.unpack(packed, elements.len()).unwrap(), elements);
    }

    #[test]
    fn signed_lanes_come_back() {
        let layout = Lanes::new(true, 8, 62);
        assert_eq!(layout.lanes, 7);
        check(layout, &[]);
        check(layout, &[-1]);
        check(layout, &[127, -128, -1, 0, 1, -127, 127]);
        check(layout, &[-128; 7]);
        check(Lanes::new(false, 8, 62), &[-77]);
    }

    #[test]
    fn sums_and_products_stay_in_their_lanes() {
        let layout = Lanes::new(true, 10, 62);
        let vector = |xs: [i64; 4]| xs.map(Integer::from);
        let (a, b) = (vector([1, -2, 30, -40]), vector([-5, 6, -7, 8]));
        let sum = layout.pack(a.iter()) * -3_i32 + layout.pack(b.iter()) * 7_i32;
        let expect = vector([-38, 48, -139, 176]);
        assert_eq!(layout.unpack(sum, 4).unwrap(), expect);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let layout = Lanes::new(true, 8, 62);
        assert!(layout.unpack(Integer::from(1) << 40_u32, 3).is_err());
        assert!(layout.unpack(-(Integer::from(1) << 40_u32), 3).is_err());
    }
}
