//! The loop of the blind rotation, over a key's parts outside and ciphertexts inside.
//!
//! It does what the library's `batch_blind_rotate_assign` does, to the bit, with the library's transforms. The
//! passes between these are here: the library's take a word at a time, which is a third of a bootstrap,
//! and write what they pass on to memory more than once. Here each pass is compiled for the widest vectors of
//! the processor that runs it, as the library's transforms are.
#![expect(
    clippy::inline_always,
    reason = "a pass is compiled for the vectors of what it is called from"
)]

use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};
use tfhe::core_crypto::algorithms::polynomial_algorithms::polynomial_wrapping_monic_monomial_div_assign;
use tfhe::core_crypto::fft_impl::fft64::crypto::ggsw::FourierGgswCiphertextView;
use tfhe::core_crypto::fft_impl::fft64::math::fft::FftView;
use tfhe::core_crypto::fft_impl::fft64::math::polynomial::{
    FourierPolynomialMutView, FourierPolynomialOwned,
};
use tfhe::core_crypto::fft_impl::fft64::{AVec, c64};
use tfhe::core_crypto::prelude::{
    ComputationBuffers, FourierLweBootstrapKeyOwned, ModulusSwitchedLweCiphertext as _,
    MonomialDegree, Polynomial, PolynomialSize,
};

use crate::parameters::N;
use crate::rotation::{RING, Switched};

/// What a thread computes in.
pub(crate) struct Scratch {
    arch: Arch,
    digits: AVec<u64>,
    /// Transforms of the digits of mask and body.
    digits_of: [FourierPolynomialOwned; 2],
    /// Transforms of the product's mask and body.
    product: [FourierPolynomialOwned; 2],
    fft: ComputationBuffers,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let polynomial = || FourierPolynomialOwned::new(PolynomialSize(N));
        Self {
            arch: Arch::new(),
            digits: zeros(N),
            digits_of: [polynomial(), polynomial()],
            product: [polynomial(), polynomial()],
            fft: ComputationBuffers::new(),
        }
    }

    /// Rotates accumulators of [`RING`] words each by the phase of its ciphertext.
    pub(crate) fn rotate(
        &mut self,
        key: &FourierLweBootstrapKeyOwned,
        accumulators: &mut [u64],
        switched: &[Switched],
        fft: FftView<'_>,
    ) {
        // What a transform back needs in place is that of a transform.
        let bytes = fft.forward_scratch().unaligned_bytes_required();
        self.fft.resize(bytes);
        for (accumulator, switched) in accumulators.chunks_exact_mut(RING).zip(switched) {
            for polynomial in accumulator.chunks_exact_mut(N) {
                polynomial_wrapping_monic_monomial_div_assign(
                    &mut Polynomial::from_container(polynomial),
                    MonomialDegree(switched.body()),
                );
            }
        }
        for (index, part) in key.as_view().into_ggsw_iter().enumerate() {
            for (accumulator, switched) in accumulators.chunks_exact_mut(RING).zip(switched) {
                let degree = switched.at(index);
                if degree != 0 {
                    self.select(accumulator, part, degree, fft);
                }
            }
        }
    }

    /// Adds the product of a bit, encrypted in `part`, and what a turn by `degree` changes: turned if the bit is 1.
    fn select(
        &mut self,
        accumulator: &mut [u64],
        part: FourierGgswCiphertextView<'_>,
        degree: usize,
        fft: FftView<'_>,
    ) {
        let base_log = part.decomposition_base_log().0 as u32;
        let stack = self.fft.stack();
        let polynomials = accumulator.chunks_exact(N).zip(&mut self.digits_of);
        for (polynomial, transformed) in polynomials {
            let digits = self.digits.as_mut_slice();
            self.arch.dispatch(Digits {
                polynomial,
                degree,
                base_log,
                result: &mut *digits,
            });
            fft.forward_as_integer(
                transformed.as_mut_view(),
                Polynomial::from_container(&*digits),
                stack,
            );
        }
        let [mask, body] = self.digits_of.each_ref().map(|p| p.data.as_ref());
        let [product_mask, product_body] = &mut self.product;
        self.arch.dispatch(Product {
            digits: [mask, body],
            part: part.data(),
            result: [product_mask.data.as_mut(), product_body.data.as_mut()],
        });
        let polynomials = accumulator.chunks_exact_mut(N).zip(&mut self.product);
        for (polynomial, transformed) in polynomials {
            fft.add_backward_in_place_as_torus(
                Polynomial::from_container(polynomial),
                FourierPolynomialMutView {
                    data: transformed.data.as_mut(),
                },
                stack,
            );
        }
    }
}

/// Zeros, which begin where a cache line does, so that no vector of the processor lies in two.
pub(crate) fn zeros(words: usize) -> AVec<u64> {
    let mut all = AVec::new(0);
    all.resize(words, 0);
    all
}

/// What turning a polynomial by `degree` of `2 N` places changes it by, rounded to its uppermost `base_log`
/// bits: one signed digit.
struct Digits<'a> {
    polynomial: &'a [u64],
    degree: usize,
    base_log: u32,
    result: &'a mut [u64],
}

impl NullaryFnOnce for Digits<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self {
            polynomial,
            degree,
            base_log,
            result,
        } = self;
        let shift = degree % N;
        // All bits where what stays within the polynomial is negated: after half a turn.
        let sign = ((degree / N % 2) as u64).wrapping_neg();
        let (wrapped, within) = result.split_at_mut(shift);
        let (own_wrapped, own_within) = polynomial.split_at(shift);
        let (to_within, to_wrapped) = polynomial.split_at(N - shift);
        digits_of(wrapped, own_wrapped, to_wrapped, !sign, base_log);
        digits_of(within, own_within, to_within, sign, base_log);
    }
}

/// Digits of `turned`, negated where all bits of `sign` are 1, less `own`.
#[inline(always)]
fn digits_of(digits: &mut [u64], own: &[u64], turned: &[u64], sign: u64, base_log: u32) {
    let drop = u64::BITS - 1 - base_log;
    let below = (1u64 << base_log) - 1;
    for ((digit, own), turned) in digits.iter_mut().zip(own).zip(turned) {
        let change = (turned ^ sign).wrapping_sub(sign).wrapping_sub(*own);
        // Half of the last bit rounds up; of the two digits for half a turn, that rounding away leads to one.
        let twice = change.wrapping_shr(drop);
        let rounded = twice.wrapping_add(1).wrapping_shr(1) & below;
        let tie = (twice & 1).wrapping_shl(base_log - 1);
        let upper = ((rounded.wrapping_sub(1) | tie) & rounded).wrapping_shr(base_log - 1);
        *digit = rounded.wrapping_sub(upper.wrapping_shl(base_log));
    }
}

/// The digits' vector times a part's matrix, transformed.
struct Product<'a> {
    digits: [&'a [c64]; 2],
    /// Its rows one after the other, of each the mask and the body.
    part: &'a [c64],
    result: [&'a mut [c64]; 2],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (first, second) = self.part.split_at(N);
        for (column, result) in self.result.into_iter().enumerate() {
            let entry = column * (N / 2)..(column + 1) * (N / 2);
            // Vectors divide N / 2, so that nothing is left over.
            let (first, _) = S::as_simd_c64s(&first[entry.clone()]);
            let (second, _) = S::as_simd_c64s(&second[entry]);
            let [mask, body] = self.digits.map(|digits| S::as_simd_c64s(digits).0);
            let (result, _) = S::as_mut_simd_c64s(result);
            let rows = first.iter().zip(second).zip(mask.iter().zip(body));
            for (result, ((first, second), (mask, body))) in result.iter_mut().zip(rows) {
                *result = simd.mul_add_c64s(*second, *body, simd.mul_c64s(*first, *mask));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tfhe::core_crypto::prelude::{
        DecompositionBaseLog, DecompositionLevelCount, SignedDecomposer,
    };

    use super::*;
    use crate::parameters::SETS;

    /// Digits are the library's, where rounding ties and where half a turn has two, too; so is what turning does.
    #[test]
    fn digits_are_the_librarys() {
        for set in &SETS {
            let p = &set.parameters;
            assert_eq!(p.pbs_level, DecompositionLevelCount(1), "{}", set.name);
            let base_log = p.pbs_base_log.0 as u32;
            let decomposer = SignedDecomposer::<u64>::new(
                DecompositionBaseLog(base_log as usize),
                DecompositionLevelCount(1),
            );
            let half_of_last = 1u64 << (63 - base_log);
            let mut polynomial: Vec<u64> = (0..N as u64)
                .map(|i| (i << 53).wrapping_add(i.wrapping_mul(half_of_last)))
                .collect();
            for (index, word) in polynomial.iter_mut().enumerate() {
                *word = word.wrapping_add((index as u64 % 3).wrapping_sub(1));
            }
            for degree in [1, 7, N - 1, N, N + 1, 2 * N - 1] {
                let mut digits = vec![0; N];
                Arch::new().dispatch(Digits {
                    polynomial: &polynomial,
                    degree,
                    base_log,
                    result: &mut digits,
                });
                for (place, digit) in digits.iter().enumerate() {
                    // What comes to this place, with a sign for every wrap.
                    let from = (2 * N + place - degree) % (2 * N);
                    let turned = if from < N {
                        polynomial[from]
                    } else {
                        polynomial[from - N].wrapping_neg()
                    };
                    let change = turned.wrapping_sub(polynomial[place]);
                    let mut theirs = decomposer.decompose(change);
                    let theirs = theirs.next().map(|term| term.value());
                    assert_eq!(Some(*digit), theirs, "{change:x} at {place} by {degree}");
                }
            }
        }
    }
}
