//! Residues as bytes: each takes exactly the bits of its prime, where SEAL writes 64.

/// Bits of a residue.
pub(crate) fn bits(prime: u64) -> u32 {
    u64::BITS - prime.leading_zeros()
}

/// Bytes of a polynomial modulo these primes; the ring degree is a multiple of 8.
pub(crate) fn polynomial_bytes(degree: usize, primes: &[u64]) -> usize {
    let bits: u32 = primes.iter().map(|p| bits(*p)).sum();
    degree / 8 * bits as usize
}

/// Appends residues modulo one prime, packed from the lowest bit on.
pub(crate) fn pack(prime: u64, residues: impl Iterator<Item = u64>, packed: &mut Vec<u8>) {
    let bits = bits(prime);
    let (mut waiting, mut held) = (0_u128, 0);
    for residue in residues {
        waiting |= u128::from(residue) << held;
        held += bits;
        while held >= 64 {
            packed.extend((waiting as u64).to_le_bytes());
            waiting >>= 64;
            held -= 64;
        }
    }
    packed.extend(&waiting.to_le_bytes()[..held as usize / 8]);
}

/// The `count` residues modulo a prime that [`pack`] wrote. They may be as large as their bits
/// allow.
pub(crate) fn unpack(prime: u64, count: usize, packed: &[u8]) -> impl Iterator<Item = u64> {
    let bits = bits(prime);
    let (mut waiting, mut held) = (0_u128, 0);
    let mut words = packed.chunks(8).map(|bytes| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    });
    (0..count).map(move |_| {
        if held < bits {
            waiting |= u128::from(words.next().unwrap_or(0)) << held;
            held += 64;
        }
        let residue = waiting as u64 & ((1 << bits) - 1);
        waiting >>= bits;
        held -= bits;
        residue
    })
}
