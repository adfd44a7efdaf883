//! Finds what is known of secrets in memory and in records: at any place, also where there is a part alone.

use std::collections::{BTreeMap, HashMap};

/// Bytes of a window: of whatever is random in each byte, by chance nowhere (2^-128 for a place; residues of
/// 40 bits in words of 64 leave 2^-80).
const WINDOW: usize = 16;
/// Windows begin so many bytes after each other: a run of `WINDOW + STEP - 1` bytes holds a whole one.
const STEP: usize = 8;
/// Bits in a row of a binary key, which the library keeps as a word to a bit: memory is full of zeros and
/// ones, but 64 of them in a row are these by chance with 2^-64 for a place.
const BITS: usize = 64;
/// log2 of the bits of the filter in front of the table.
const FILTER: u32 = 21;

/// How often each secret was found, by its name.
pub type Found = BTreeMap<String, usize>;

/// Bytes of a secret, and the place of its name.
type Window = (usize, Box<[u8]>);

/// What is looked for.
pub struct Search {
    /// Windows by their first 8 bytes.
    windows: HashMap<u64, Vec<Window>>,
    filter: Vec<bool>,
    /// Runs of bits of binary keys.
    runs: HashMap<u64, usize>,
    names: Vec<String>,
}

fn slot(word: u64) -> usize {
    (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - FILTER)) as usize
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().unwrap())
}

impl Search {
    pub fn new() -> Self {
        Self {
            windows: HashMap::new(),
            filter: vec![false; 1 << FILTER],
            runs: HashMap::new(),
            names: vec![],
        }
    }

    fn name(&mut self, name: &str) -> usize {
        self.names.push(name.to_owned());
        self.names.len() - 1
    }

    fn window(&mut self, name: usize, window: &[u8]) {
        let first = word(window);
        assert_ne!(first, 0, "{}: a window of zeros", self.names[name]);
        self.filter[slot(first)] = true;
        let same = self.windows.entry(first).or_default();
        same.push((name, window.into()));
    }

    /// Looks for any part of 24 bytes or more of this; of all of it, where it has fewer than 16.
    pub fn bytes(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= 8, "{name}: {} bytes", secret.len());
        let name = self.name(name);
        if secret.len() < WINDOW {
            self.window(name, secret);
        }
        for window in secret.windows(WINDOW).step_by(STEP) {
            // Zeros at the end of a number say nothing.
            if word(window) != 0 {
                self.window(name, window);
            }
        }
    }

    /// Looks for a key of small coefficients, each an `item` of its own: from some that are -1 on.
    pub fn ternary<const BYTES: usize>(
        &mut self,
        name: &str,
        key: &[i8],
        item: impl Fn(i8) -> [u8; BYTES],
    ) {
        let name = self.name(name);
        // Of three values each, 64 coefficients are these by chance with 2^-101.
        for window in key.windows(BITS).step_by(4).filter(|w| w[0] == -1) {
            let bytes: Vec<u8> = window.iter().flat_map(|x| item(*x)).collect();
            self.window(name, &bytes);
        }
    }

    /// Looks for bits, each of which is a byte or a word of 4 or 8 in either byte order, or which are packed
    /// in either order.
    pub fn bits(&mut self, name: &str, key: &[u8]) {
        for from in 0..8 {
            let eights = key[from..].as_chunks::<8>().0;
            let low_first = |bits: &[u8; 8]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
            let bytes: Vec<u8> = eights.iter().map(low_first).collect();
            self.bytes(&format!("{name}, packed"), &bytes);
            let bytes: Vec<u8> = bytes.into_iter().map(u8::reverse_bits).collect();
            self.bytes(&format!("{name}, packed from the top"), &bytes);
        }
        let name = self.name(name);
        for run in key.windows(BITS) {
            let run = run.iter().fold(0, |run, bit| run << 1 | u64::from(*bit));
            self.runs.insert(run, name);
        }
    }

    /// Adds to `found` what is there.
    pub fn look(&self, memory: &[u8], found: &mut Found) {
        let mut find = |name: usize| *found.entry(self.names[name].clone()).or_default() += 1;
        for (at, first) in memory.windows(8).enumerate() {
            let first = word(first);
            if first == 0 || !self.filter[slot(first)] {
                continue;
            }
            for (name, window) in self.windows.get(&first).into_iter().flatten() {
                if memory[at..].starts_with(window) {
                    find(*name);
                }
            }
        }
        if self.runs.is_empty() {
            return;
        }
        let mut show = |run: u64| {
            if let Some(name) = self.runs.get(&run) {
                find(*name);
            }
        };
        binary_runs::<1>(memory, &mut show);
        binary_runs::<4>(memory, &mut show);
        binary_runs::<8>(memory, &mut show);
    }

    /// What is in a slice.
    pub fn within(&self, memory: &[u8]) -> Found {
        let mut found = Found::new();
        self.look(memory, &mut found);
        found
    }
}

/// Shows each run of 64 items of so many bytes that all are 0 or 1, as its bits. Items with the highest
/// byte first are found from another byte on.
fn binary_runs<const SIZE: usize>(memory: &[u8], show: &mut impl FnMut(u64)) {
    let mut one = [0; SIZE];
    one[0] = 1;
    for from in 0..SIZE.min(memory.len()) {
        let (mut run, mut length) = (0, 0);
        for item in memory[from..].as_chunks::<SIZE>().0 {
            if *item != [0; SIZE] && *item != one {
                length = 0;
                continue;
            }
            run = run << 1 | u64::from(item[0]);
            length += 1;
            if length >= BITS {
                show(run);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Whatever part of a secret lies in noise is found, at any place, and nothing else.
    #[test]
    fn what_is_there_is_found() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let mut noise = vec![0; 100_000];
        random.fill(&mut noise[..]);
        noise[30_000..70_000].fill(0); // as memory is
        let secret: [u8; 48] = random.random();
        let bits: Vec<u8> = (0..300).map(|_| random.random_range(0..2)).collect();
        let ternary: Vec<i8> = (0..600).map(|_| random.random_range(-1..2)).collect();
        let mut search = Search::new();
        search.bytes("secret", &secret);
        search.bits("bits", &bits);
        search.ternary("ternary", &ternary, |x| i64::from(x).to_le_bytes());
        assert!(search.within(&noise).is_empty());
        let mut check = |part: &[u8], expect: &str| {
            for _ in 0..20 {
                let mut memory = noise.clone();
                let at = random.random_range(0..memory.len() - part.len());
                memory[at..at + part.len()].copy_from_slice(part);
                let found = search.within(&memory);
                let names: Vec<&str> = found.keys().map(String::as_str).collect();
                assert_eq!(names, [expect]);
            }
        };
        check(&secret, "secret");
        check(&secret[3..27], "secret");
        let of = |size: usize, low_first: bool| -> Vec<u8> {
            let item = |bit: &u8| {
                let mut item = vec![0; size];
                item[if low_first { 0 } else { size - 1 }] = *bit;
                item
            };
            bits[100..200].iter().flat_map(item).collect()
        };
        for size in [1, 4, 8] {
            check(&of(size, true), "bits");
            check(&of(size, false), "bits");
        }
        let pack = |byte: &[u8]| byte.iter().fold(0, |byte, bit| byte << 1 | bit);
        let packed: Vec<u8> = bits[5..].chunks_exact(8).map(pack).collect();
        check(&packed[1..30], "bits, packed from the top");
        let packed: Vec<u8> = packed.into_iter().map(u8::reverse_bits).collect();
        check(&packed[1..30], "bits, packed");
        let words: Vec<u8> = ternary[100..300]
            .iter()
            .flat_map(|x| i64::from(*x).to_le_bytes())
            .collect();
        check(&words, "ternary");
    }
}
