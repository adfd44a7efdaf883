//! Secret keys, found in the memory of whoever has them by what makes them secret keys: a number divides the
//! modulus, a vector of zeros and ones decrypts, a polynomial of small coefficients does. No scheme has a
//! function that yields its secret key, and none is needed: who can read a client's memory has it.

use std::collections::BTreeSet;

use rug::Integer;
use rug::integer::Order;

use super::memory::each_region;

/// This process's memory as words.
fn own_words(mut look: impl FnMut(&[u64])) {
    each_region("self", |region| {
        let words = region.as_chunks::<8>().0;
        let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        look(&words);
    });
}

/// The factor of Paillier's modulus: two of them, of the same length.
pub fn factors(modulus: &Integer) -> [Integer; 2] {
    let words = modulus.significant_bits() as usize / 128;
    let mut found = BTreeSet::new();
    own_words(|memory| {
        for number in memory.windows(words) {
            // Both factors have their two highest bits set, and are 3 modulo 4.
            if number[0] & 3 == 3 && number[words - 1] >> 62 == 3 {
                let number = Integer::from_digits(number, Order::Lsf);
                if modulus.is_divisible(&number) {
                    found.insert(number);
                }
            }
        }
    });
    let found: Vec<Integer> = found.into_iter().collect();
    let found: [Integer; 2] = found.try_into().expect("both factors of the modulus");
    assert_eq!(Integer::from(&found[0] * &found[1]), *modulus);
    found
}

/// A key of LWE: so many bits, a word to each, under which `ciphertexts` decrypt to numbers that are equal,
/// the first to the second, the third to the fourth and so on. A ciphertext is its mask, then its body.
pub fn binary_key(bits: usize, ciphertexts: &[Vec<u64>]) -> Vec<u8> {
    let phase = |key: &[u64], ciphertext: &[u64]| {
        let (mask, body) = ciphertext.split_at(bits);
        let masked = mask.iter().zip(key).filter(|(_, bit)| **bit == 1);
        masked.fold(body[0], |phase, (word, _)| phase.wrapping_sub(*word))
    };
    let decrypts = |key: &[u64]| {
        ciphertexts.as_chunks::<2>().0.iter().all(|[one, other]| {
            let apart = phase(key, one)
                .wrapping_sub(phase(key, other))
                .cast_signed();
            // By chance, 2^-11 for a pair.
            apart.unsigned_abs() < 1 << 52
        })
    };
    let mut found = BTreeSet::new();
    own_words(|memory| {
        for run in memory
            .split(|word| *word > 1)
            .filter(|run| run.len() >= bits)
        {
            let mut ones = run[..bits].iter().sum::<u64>() as usize;
            for from in 0..=run.len() - bits {
                if from > 0 {
                    ones = ones + run[from + bits - 1] as usize - run[from - 1] as usize;
                }
                let key = &run[from..from + bits];
                if ones > bits / 3 && ones < 2 * bits / 3 && decrypts(key) {
                    found.insert(key.iter().map(|bit| *bit as u8).collect::<Vec<u8>>());
                }
            }
        }
    });
    assert_eq!(found.len(), 1, "keys in this process's memory");
    found.pop_first().unwrap()
}

/// A ring of SEAL's: the degree, and the primes in order.
#[derive(Clone, Debug)]
pub struct Ring {
    pub degree: usize,
    pub primes: Vec<u64>,
}

/// A secret polynomial of SEAL's.
pub struct Polynomial {
    /// Its coefficients.
    pub ternary: Vec<i8>,
    /// Its residues, transformed, prime by prime: what SEAL keeps.
    pub residues: Vec<u64>,
}

fn times(a: u64, b: u64, prime: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(prime)) as u64
}

fn power(mut base: u64, mut exponent: u64, prime: u64) -> u64 {
    let mut result = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = times(result, base, prime);
        }
        base = times(base, base, prime);
        exponent >>= 1;
    }
    result
}

/// By Miller and Rabin; these bases are sound below 2^64 (Sorenson, Webster 2015).
fn is_prime(n: u64) -> bool {
    let (odd, twos) = (
        (n - 1) >> (n - 1).trailing_zeros(),
        (n - 1).trailing_zeros(),
    );
    [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37]
        .iter()
        .all(|base| {
            let first = power(*base, odd, n);
            let mut powers = std::iter::successors(Some(first), |x| Some(times(*x, *x, n)));
            first == 1 || powers.by_ref().take(twos as usize).any(|x| x == n - 1)
        })
}

impl Ring {
    /// SEAL's choice: of each size the largest primes that are 1 modulo twice the degree, the smaller first.
    pub fn new(degree: usize, bits: &[u32]) -> Self {
        let step = 2 * degree as u64;
        let mut taken: Vec<(u32, Vec<u64>)> = vec![];
        for size in bits {
            if taken.iter().all(|(known, _)| known != size) {
                let count = bits.iter().filter(|other| *other == size).count();
                let most = ((1_u64 << size) - 1) / step * step + 1;
                let all = (0..).map(|i| most - i * step).filter(|n| is_prime(*n));
                taken.push((*size, all.take(count).collect()));
            }
        }
        let next = |size: &u32| {
            let (_, primes) = taken.iter_mut().find(|(known, _)| known == size).unwrap();
            primes.pop().unwrap()
        };
        let primes = bits.iter().map(next).collect();
        Self { degree, primes }
    }

    /// The coefficients of a transformed polynomial, if all are -1, 0 or 1 (Longa, Naehrig, *Speeding up the
    /// number theoretic transform*, 2016, algorithm 2).
    fn ternary(&self, transformed: &[u64], prime: u64) -> Option<Vec<i8>> {
        let n = self.degree;
        let bits = n.trailing_zeros();
        // The least primitive root of order 2 n, as SEAL takes it.
        let exponent = (prime - 1) / (2 * n as u64);
        let root = (2..).map(|x| power(x, exponent, prime));
        let root = root
            .clone()
            .find(|x| power(*x, n as u64, prime) == prime - 1)?;
        let square = times(root, root, prime);
        let roots = std::iter::successors(Some(root), |x| Some(times(*x, square, prime)));
        let root = roots.take(n).min()?;
        let inverse = power(root, prime - 2, prime);
        let mut powers = vec![1; n];
        for i in 1..n {
            powers[i] = times(powers[i - 1], inverse, prime);
        }
        let root = |i: usize| powers[i.reverse_bits() >> (usize::BITS - bits)];
        let mut values = transformed.to_vec();
        let (mut apart, mut groups) = (1, n / 2);
        while groups > 0 {
            for group in 0..groups {
                let factor = root(groups + group);
                for j in 2 * group * apart..(2 * group + 1) * apart {
                    let (u, v) = (values[j], values[j + apart]);
                    values[j] = (u + v) % prime;
                    values[j + apart] = times(u + prime - v, factor, prime);
                }
            }
            (apart, groups) = (2 * apart, groups / 2);
        }
        let scale = power(n as u64, prime - 2, prime);
        let small = |x: u64| match times(x, scale, prime) {
            0 => Some(0),
            1 => Some(1),
            x if x == prime - 1 => Some(-1),
            _ => None,
        };
        values.into_iter().map(small).collect()
    }

    /// The secret polynomial: one whose coefficients are -1, 0 and 1, under which a ciphertext of zeros, of two
    /// polynomials modulo the first prime, decrypts to noise. SEAL encrypts with such polynomials, too, which
    /// lie about; they do not decrypt.
    pub fn secret(&self, zeros: &[Vec<u64>; 2]) -> Polynomial {
        let (n, prime) = (self.degree, self.primes[0]);
        // The sum of all values of a transformed polynomial is n times its constant coefficient.
        let sums = [0, n as u64 % prime, prime - n as u64 % prime];
        let constant = |values: &mut dyn Iterator<Item = u64>| {
            let sum = values.fold(0, |sum, x| (sum + x) % prime);
            let x = times(sum, power(n as u64, prime - 2, prime), prime);
            x.min(prime - x)
        };
        let decrypts = |key: &[u64]| {
            let [body, mask] = zeros;
            let masked = mask.iter().zip(key).map(|(m, s)| times(*m, *s, prime));
            constant(&mut body.iter().zip(masked).map(|(b, m)| (b + m) % prime)) < 1 << 20
        };
        let mut found: Vec<Polynomial> = vec![];
        own_words(|memory| {
            let (mut sum, mut residues, mut large) = (0, 0, 0);
            let is_large = |x: u64| usize::from(x > prime >> 8);
            for (at, word) in memory.iter().enumerate() {
                if *word >= prime {
                    (sum, residues, large) = (0, 0, 0);
                    continue;
                }
                (sum, residues, large) =
                    ((sum + word) % prime, residues + 1, large + is_large(*word));
                if residues > n {
                    let gone = memory[at - n];
                    (sum, large) = ((sum + prime - gone) % prime, large - is_large(gone));
                }
                if residues < n || !sums.contains(&sum) || large < n * 9 / 10 {
                    continue;
                }
                let from = at + 1 - n;
                let Some(ternary) = self.ternary(&memory[from..=at], prime) else {
                    continue;
                };
                let Some(residues) = memory.get(from..from + n * self.primes.len()) else {
                    continue;
                };
                let whole = residues.chunks(n).zip(&self.primes);
                let mut whole = whole.map(|(of_prime, prime)| self.ternary(of_prime, *prime));
                if decrypts(&residues[..n]) && whole.all(|other| other.as_ref() == Some(&ternary)) {
                    let residues = residues.to_vec();
                    found.push(Polynomial { ternary, residues });
                }
            }
        });
        found.dedup_by(|a, b| a.ternary == b.ternary);
        assert_eq!(found.len(), 1, "keys in this process's memory");
        found.remove(0)
    }
}
