//! Keys and fresh ciphertexts as bytes: SEAL's seeded objects, packed.
//!
//! A key is a list of pairs of polynomials modulo all primes, of which the second is uniform and
//! follows from a seed. A public key has one pair, a key that switches one for each prime of a
//! fresh ciphertext. A ciphertext that the key owner encrypted is such a pair, too, modulo the primes
//! of its level. What crosses is, for each pair:
//!
//! ```text
//! 64 bytes  the seed, for SEAL's Blake2xb generator
//! then for each prime, of keys the key-switching one included: N residues, packed from the lowest
//! bit on
//! ```
//!
//! A key that switches ciphertexts of few primes only needs no more: the pairs of these primes, and of each
//! the residues modulo them and modulo the key-switching prime. The rest of SEAL's key is left out, and is
//! 0 where it is read.
//!
//! Everything else in SEAL's stream follows from the parameters. It is compared when a stream is
//! packed, and written anew when one is unpacked, so that SEAL's parser reads no header, size or
//! type that came from the other party, and takes no memory that the circuit does not call for.

use hexperiment_scheme::zeroize::Zeroizing;
use rayon::prelude::*;

use super::{Chain, Context, ParmsId, SealError};
use crate::packing::{pack, polynomial_bytes, unpack};

const SEED: usize = 64;

/// Where a key lies in SEAL's list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its place.
    pub(super) index: usize,
    /// Places of the list.
    pub(super) of: usize,
}

impl Place {
    /// The relinearization key, of products of two ciphertexts.
    pub(crate) const RELINEARIZATION: Self = Self { index: 0, of: 1 };

    /// The Galois key for a rotation by `steps`, of less than as many slots as there are: that of
    /// the element `3^steps` modulo `2 N`, at the place of half its value.
    pub(crate) fn rotation(context: &Context, steps: i32) -> Self {
        let steps = i64::from(steps).rem_euclid(context.slots() as i64);
        let mask = 2 * context.degree() as u64 - 1;
        let element = (0..steps).fold(1, |element, _| (element * 3) & mask);
        Self {
            index: (element / 2) as usize,
            of: context.degree(),
        }
    }
}

/// Bytes of a public key as it crosses: a pair.
pub(crate) fn public_bytes(chain: &Chain) -> usize {
    SEED + polynomial_bytes(chain.degree(), chain.primes())
}

/// Bytes of a key that switches ciphertexts of so many primes, as it crosses.
pub(crate) fn switching_bytes(chain: &Chain, primes: usize) -> usize {
    primes * part_bytes(chain, primes)
}

/// Bytes of one pair of it.
fn part_bytes(chain: &Chain, primes: usize) -> usize {
    let all = chain.primes();
    let (degree, last) = (chain.degree(), all.len() - 1);
    SEED + polynomial_bytes(degree, &all[..primes]) + polynomial_bytes(degree, &all[last..])
}

/// SEAL's header of an uncompressed object of so many bytes, this header's included.
fn header(size: usize) -> [u8; 16] {
    let mut header = [0; 16];
    // Magic number, the header's size, version 4.0, no compression.
    header[..5].copy_from_slice(&[0x5E, 0xA1, 16, 4, 0]);
    header[8..].copy_from_slice(&(size as u64).to_le_bytes());
    header
}

/// Bytes of a seeded ciphertext as it crosses, fresh.
pub(crate) fn seeded_bytes(chain: &Chain) -> usize {
    SEED + polynomial_bytes(chain.degree(), chain.level_primes(0))
}

/// SEAL's stream of one pair, but for residues and seed.
struct Frame<'a> {
    degree: usize,
    primes: &'a [u64],
    /// Before the residues.
    head: Vec<u8>,
    /// Bytes of the residues.
    residues: usize,
    /// Between the residues and the seed.
    middle: Vec<u8>,
    /// Whether the residues modulo each prime cross.
    kept: Vec<bool>,
}

impl<'a> Frame<'a> {
    /// Of a pair of a key.
    fn of_key(context: &'a Context) -> Self {
        Self::new(context, context.key_id(), context.primes(), 1.0)
    }

    /// Of a fresh ciphertext whose numbers have `scale`.
    fn of_ciphertext(context: &'a Context, scale: f64) -> Self {
        let id = context.levels()[0];
        Self::new(context, id, context.level_primes(0), scale)
    }

    fn new(context: &Context, id: ParmsId, primes: &'a [u64], scale: f64) -> Self {
        let degree = context.degree();
        let residues = 8 * degree * primes.len();
        let array = 16 + 8 + residues;
        let generator = 16 + 1 + SEED;
        let fields = 32 + 1 + 3 * 8 + 8 + 8;
        let mut head = header(16 + fields + array + generator).to_vec();
        head.extend(id.iter().flat_map(|word| word.to_le_bytes()));
        head.push(1); // transformed
        for size in [2, degree, primes.len()] {
            head.extend((size as u64).to_le_bytes());
        }
        head.extend(scale.to_le_bytes());
        head.extend(1_u64.to_le_bytes()); // the correction factor, which CKKS has no use for
        head.extend(header(array));
        head.extend((residues as u64 / 8).to_le_bytes());
        let mut middle = header(generator).to_vec();
        middle.push(1); // Blake2xb
        Self {
            degree,
            primes,
            head,
            residues,
            middle,
            kept: vec![true; primes.len()],
        }
    }

    /// The same of a key for ciphertexts of so many primes.
    fn for_primes(self, primes: usize) -> Self {
        let last = self.kept.len() - 1;
        let kept = (0..self.kept.len()).map(|place| place < primes || place == last);
        Self {
            kept: kept.collect(),
            ..self
        }
    }

    /// The primes whose residues cross.
    fn kept_primes(&self) -> Vec<u64> {
        let all = self.primes.iter().zip(&self.kept);
        all.filter_map(|(prime, kept)| kept.then_some(*prime))
            .collect()
    }

    /// Bytes of the pair as it crosses.
    fn packed_bytes(&self) -> usize {
        SEED + polynomial_bytes(self.degree, &self.kept_primes())
    }

    fn length(&self) -> usize {
        self.head.len() + self.residues + self.middle.len() + SEED
    }

    /// A pair of SEAL's stream, packed.
    fn pack(&self, stream: &[u8]) -> Result<Vec<u8>, SealError> {
        let fields = stream.strip_prefix(&*self.head).and_then(|rest| {
            let (residues, rest) = rest.split_at_checked(self.residues)?;
            let seed = rest.strip_prefix(&*self.middle)?;
            (seed.len() == SEED).then_some((residues, seed))
        });
        let (residues, seed) = fields.ok_or_else(|| unknown("what is not seeded"))?;
        let mut packed = Vec::with_capacity(self.packed_bytes());
        packed.extend(seed);
        let polynomial = residues.as_chunks::<8>().0.chunks_exact(self.degree);
        let kept = polynomial.zip(self.primes).zip(&self.kept);
        for ((residues, prime), _) in kept.filter(|(_, kept)| **kept) {
            let residues = residues.iter().map(|word| u64::from_le_bytes(*word));
            pack(*prime, residues, &mut packed);
        }
        Ok(packed)
    }

    /// SEAL's stream of a packed pair.
    fn unpacked(&self, packed: &[u8]) -> Result<Vec<u8>, SealError> {
        length(packed.len(), self.packed_bytes())?;
        let mut stream = vec![0; self.length()];
        self.unpack(packed, &mut stream)?;
        Ok(stream)
    }

    /// Writes SEAL's stream of a packed pair; both have the lengths that they must have.
    fn unpack(&self, packed: &[u8], stream: &mut [u8]) -> Result<(), SealError> {
        let (seed, mut rest) = packed.split_at(SEED);
        let (head, stream) = stream.split_at_mut(self.head.len());
        let (residues, stream) = stream.split_at_mut(self.residues);
        let (middle, place) = stream.split_at_mut(self.middle.len());
        head.copy_from_slice(&self.head);
        middle.copy_from_slice(&self.middle);
        place.copy_from_slice(seed);
        let polynomial = residues
            .as_chunks_mut::<8>()
            .0
            .chunks_exact_mut(self.degree);
        let kept = polynomial.zip(self.primes).zip(&self.kept);
        for ((words, prime), _) in kept.filter(|(_, kept)| **kept) {
            let (of_prime, after) = rest.split_at(polynomial_bytes(self.degree, &[*prime]));
            rest = after;
            for (word, residue) in words.iter_mut().zip(unpack(*prime, self.degree, of_prime)) {
                if residue >= *prime {
                    return Err(SealError::Load("a residue above its prime".into()));
                }
                *word = residue.to_le_bytes();
            }
        }
        Ok(())
    }
}

/// SEAL's stream of a list of keys, of which one is there, before its pairs and behind them.
fn list(context: &Context, place: Place) -> (Vec<u8>, usize) {
    let pairs = context.levels().len();
    let size = 16 + 32 + 8 + 8 * place.of + pairs * Frame::of_key(context).length();
    let mut head = header(size).to_vec();
    head.extend(context.key_id().iter().flat_map(|word| word.to_le_bytes()));
    head.extend((place.of as u64).to_le_bytes());
    head.resize(head.len() + 8 * place.index, 0);
    head.extend((pairs as u64).to_le_bytes());
    (head, 8 * (place.of - place.index - 1))
}

fn unknown(what: &str) -> SealError {
    SealError::Load(format!(
        "SEAL writes {what}, or in another form than SEAL 4.0"
    ))
}

fn length(found: usize, expected: usize) -> Result<(), SealError> {
    if found == expected {
        return Ok(());
    }
    Err(SealError::Load(format!(
        "{found} bytes, expected {expected}"
    )))
}

/// SEAL's stream of a secret key, but for its residues: a plaintext of the key's level.
fn secret_head(context: &Context) -> Vec<u8> {
    let words = context.degree() * context.primes().len();
    let array = 16 + 8 + 8 * words;
    let mut head = header(16 + 32 + 8 + 8 + array).to_vec();
    head.extend(context.key_id().iter().flat_map(|word| word.to_le_bytes()));
    head.extend((words as u64).to_le_bytes());
    head.extend(1.0_f64.to_le_bytes()); // the scale
    head.extend(header(array));
    head.extend((words as u64).to_le_bytes());
    head
}

/// Bytes of a secret key as its owner keeps it: residues, packed, for each prime.
pub(crate) fn secret_bytes(context: &Context) -> usize {
    polynomial_bytes(context.degree(), context.primes())
}

/// A secret key's stream, packed.
pub(super) fn pack_secret(
    context: &Context,
    stream: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let residues = stream.strip_prefix(&*secret_head(context));
    let words = context.degree() * context.primes().len();
    let residues = residues
        .filter(|residues| residues.len() == 8 * words)
        .ok_or_else(|| unknown("a secret key of another length"))?;
    // Not to grow: what is left behind by growing is not overwritten.
    let mut packed = Zeroizing::new(Vec::with_capacity(secret_bytes(context)));
    let polynomial = residues.as_chunks::<8>().0.chunks_exact(context.degree());
    for (residues, prime) in polynomial.zip(context.primes()) {
        let residues = residues.iter().map(|word| u64::from_le_bytes(*word));
        pack(*prime, residues, &mut packed);
    }
    Ok(packed)
}

/// The stream of a packed secret key.
pub(super) fn unpack_secret(
    context: &Context,
    packed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    length(packed.len(), secret_bytes(context))?;
    let degree = context.degree();
    let head = secret_head(context);
    let size = head.len() + 8 * degree * context.primes().len();
    let mut stream = Zeroizing::new(Vec::with_capacity(size));
    stream.extend(head);
    let mut rest = packed;
    for prime in context.primes() {
        let (of_prime, after) = rest.split_at(polynomial_bytes(degree, &[*prime]));
        rest = after;
        for residue in unpack(*prime, degree, of_prime) {
            if residue >= *prime {
                return Err(SealError::Load("a residue above its prime".into()));
            }
            stream.extend(residue.to_le_bytes());
        }
    }
    Ok(stream)
}

/// A public key's stream, packed.
pub(super) fn pack_public(context: &Context, stream: &[u8]) -> Result<Vec<u8>, SealError> {
    Frame::of_key(context).pack(stream)
}

/// The stream of a packed public key.
pub(super) fn unpack_public(context: &Context, packed: &[u8]) -> Result<Vec<u8>, SealError> {
    Frame::of_key(context).unpacked(packed)
}

/// A fresh ciphertext's stream, packed; its numbers have `scale`.
pub(super) fn pack_seeded(
    context: &Context,
    scale: f64,
    stream: &[u8],
) -> Result<Vec<u8>, SealError> {
    Frame::of_ciphertext(context, scale).pack(stream)
}

/// The stream of a packed fresh ciphertext.
pub(super) fn unpack_seeded(
    context: &Context,
    scale: f64,
    packed: &[u8],
) -> Result<Vec<u8>, SealError> {
    Frame::of_ciphertext(context, scale).unpacked(packed)
}

/// The stream of a key that switches, packed, for ciphertexts of so many primes.
pub(super) fn pack_switching(
    context: &Context,
    place: Place,
    primes: usize,
    stream: &[u8],
) -> Result<Vec<u8>, SealError> {
    let (head, tail) = list(context, place);
    let frame = Frame::of_key(context).for_primes(primes);
    let pairs = stream.strip_prefix(&*head).and_then(|rest| {
        let (pairs, zeros) = rest.split_at_checked(context.levels().len() * frame.length())?;
        (zeros.len() == tail && zeros.iter().all(|zero| *zero == 0)).then_some(pairs)
    });
    let pairs = pairs.ok_or_else(|| unknown("other keys than were asked for"))?;
    let packed = pairs
        .par_chunks_exact(frame.length())
        .take(primes)
        .map(|pair| frame.pack(pair))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(packed.concat())
}

/// The stream of a packed key that switches ciphertexts of so many primes.
pub(super) fn unpack_switching(
    context: &Context,
    place: Place,
    primes: usize,
    packed: &[u8],
) -> Result<Vec<u8>, SealError> {
    length(packed.len(), switching_bytes(context, primes))?;
    let (mut stream, tail) = list(context, place);
    let frame = Frame::of_key(context).for_primes(primes);
    let head = stream.len();
    let pairs = context.levels().len() * frame.length();
    stream.resize(head + pairs + tail, 0);
    let (sent, left_out) = stream[head..head + pairs].split_at_mut(primes * frame.length());
    sent.par_chunks_exact_mut(frame.length())
        .zip(packed.par_chunks_exact(frame.packed_bytes()))
        .try_for_each(|(pair, packed)| frame.unpack(packed, pair))?;
    // SEAL wants as many pairs as there are primes, whether it reads them or not.
    let none = Frame::of_key(context).for_primes(0);
    let zeros = vec![0; none.packed_bytes()];
    left_out
        .par_chunks_exact_mut(none.length())
        .try_for_each(|pair| none.unpack(&zeros, pair))?;
    Ok(stream)
}
