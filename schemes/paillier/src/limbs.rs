//! Numbers of a fixed count of limbs, by those of GMP's functions whose time and memory accesses do not depend on
//! what the numbers are ("Low-level functions for cryptography" in its manual, and the additions that it names there).
#![expect(unsafe_code, reason = "calls of GMP")]

use gmp_mpfr_sys::gmp;

/// A digit of GMP's.
pub(crate) type Limb = gmp::limb_t;

/// Scratch space that products of numbers of so many limbs ask for.
pub(crate) fn scratch(limbs: usize) -> usize {
    let n = size(limbs);
    // SAFETY: they compute with their argument alone.
    let (product, square) = unsafe { (gmp::mpn_sec_mul_itch(n, n), gmp::mpn_sec_sqr_itch(n)) };
    usize::try_from(product.max(square)).unwrap_or(0).max(1)
}

/// `result = a b`
pub(crate) fn multiply(result: &mut [Limb], a: &[Limb], b: &[Limb], scratch: &mut [Limb]) {
    assert!(a.len() == b.len() && result.len() == 2 * a.len());
    assert!(scratch.len() >= self::scratch(a.len()));
    let n = size(a.len());
    // SAFETY: operands are of `n` limbs, the result of `2 n`, and the scratch space of what was asked for, all
    // just asserted; references to what is written overlap nothing.
    unsafe {
        gmp::mpn_sec_mul(
            result.as_mut_ptr(),
            a.as_ptr(),
            n,
            b.as_ptr(),
            n,
            scratch.as_mut_ptr(),
        );
    }
}

/// `result = a^2`
pub(crate) fn square(result: &mut [Limb], a: &[Limb], scratch: &mut [Limb]) {
    assert!(result.len() == 2 * a.len());
    assert!(scratch.len() >= self::scratch(a.len()));
    // SAFETY: as of `multiply`.
    unsafe {
        gmp::mpn_sec_sqr(
            result.as_mut_ptr(),
            a.as_ptr(),
            size(a.len()),
            scratch.as_mut_ptr(),
        );
    }
}

/// `a += b`; the carry.
pub(crate) fn add(a: &mut [Limb], b: &[Limb]) -> Limb {
    assert_eq!(a.len(), b.len());
    let at = a.as_mut_ptr();
    // SAFETY: both are of this length, just asserted; the function lets its result be its operand.
    unsafe { gmp::mpn_add_n(at, at, b.as_ptr(), size(b.len())) }
}

/// `a -= b`; the borrow.
pub(crate) fn subtract(a: &mut [Limb], b: &[Limb]) -> Limb {
    assert_eq!(a.len(), b.len());
    let at = a.as_mut_ptr();
    // SAFETY: as of `add`.
    unsafe { gmp::mpn_sub_n(at, at, b.as_ptr(), size(b.len())) }
}

/// `a += b` if `condition` is 1, and not if it is 0; the carry.
pub(crate) fn add_if(condition: Limb, a: &mut [Limb], b: &[Limb]) -> Limb {
    assert_eq!(a.len(), b.len());
    let at = a.as_mut_ptr();
    // SAFETY: as of `add`.
    unsafe { gmp::mpn_cnd_add_n(condition, at, at, b.as_ptr(), size(b.len())) }
}

/// `a += b factor`; the carry.
pub(crate) fn add_multiple(a: &mut [Limb], b: &[Limb], factor: Limb) -> Limb {
    assert_eq!(a.len(), b.len());
    // SAFETY: both are of this length, just asserted.
    unsafe { gmp::mpn_addmul_1(a.as_mut_ptr(), b.as_ptr(), size(b.len()), factor) }
}

/// Entry number `which` of a table, whose every entry is read.
pub(crate) fn select(result: &mut [Limb], table: &[Limb], which: usize) {
    let entries = table.len() / result.len();
    assert!(which < entries && table.len() == entries * result.len());
    // SAFETY: the table has so many entries of the result's length, and this one, just asserted.
    unsafe {
        gmp::mpn_sec_tabselect(
            result.as_mut_ptr(),
            table.as_ptr(),
            size(result.len()),
            size(entries),
            size(which),
        );
    }
}

/// A count as GMP takes it: memory has no more than that.
fn size(count: usize) -> gmp::size_t {
    count as gmp::size_t
}
