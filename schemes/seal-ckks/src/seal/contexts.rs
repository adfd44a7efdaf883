//! Contexts that this process made and may need again: those of cells that differ by their data only are the same, and
//! making one, which finds roots of unity and their powers for every level, takes most of a circuit's compilation.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Context, SealError};

/// Bytes of contexts that are kept at most beside those in use: two of degree 2^13 with five primes, or one of 2^14.
const KEPT_BYTES: u64 = 24 << 20;

/// What decides a context: ring degree, bits of the primes, and the security that SEAL enforces.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    degree: usize,
    bits: Vec<u32>,
    security: u32,
}

/// Contexts, the one that was asked for last at the end.
struct Contexts {
    kept: Vec<(Key, Arc<Context>)>,
    /// Bytes that they may take together.
    most: u64,
}

static CONTEXTS: Mutex<Contexts> = Mutex::new(Contexts::of_at_most(KEPT_BYTES));

/// The context of [`Context::new`], made unless this process has kept it.
pub(crate) fn context(
    degree: usize,
    bits: &[u32],
    security: u32,
) -> Result<Arc<Context>, SealError> {
    // What panicked elsewhere has left whole contexts here.
    let mut contexts = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    contexts.get(degree, bits, security)
}

impl Contexts {
    const fn of_at_most(most: u64) -> Self {
        Self { kept: vec![], most }
    }

    fn get(
        &mut self,
        degree: usize,
        bits: &[u32],
        security: u32,
    ) -> Result<Arc<Context>, SealError> {
        let key = Key {
            degree,
            bits: bits.to_vec(),
            security,
        };
        let known = self.kept.iter().position(|(known, _)| *known == key);
        let (key, context) = if let Some(place) = known {
            self.kept.remove(place)
        } else {
            self.make_room(bytes(degree, bits.len()));
            (key, Arc::new(Context::new(degree, bits, security)?))
        };
        if bytes(degree, bits.len()) <= self.most {
            self.kept.push((key, Arc::clone(&context)));
        }
        Ok(context)
    }

    /// Drops those that were asked for longest ago, until there is room for so many bytes.
    fn make_room(&mut self, more: u64) {
        let of = |(key, _): &(Key, Arc<Context>)| bytes(key.degree, key.bits.len());
        let all: u64 = self.kept.iter().map(of).sum();
        let mut left = all.saturating_add(more);
        let dropped = self.kept.iter().take_while(|kept| {
            let is_over = left > self.most;
            left -= of(kept).min(left);
            is_over
        });
        let dropped = dropped.count();
        self.kept.drain(..dropped);
    }
}

/// Bytes that a context takes: a level has, for each of its primes, the powers of a root of unity and of its inverse, of
/// 16 bytes each; there is a level of every number of primes.
fn bytes(degree: usize, primes: usize) -> u64 {
    let tables = primes as u64 * (primes as u64 + 1) / 2;
    tables * degree as u64 * 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_made_once() {
        let mut contexts = Contexts::of_at_most(KEPT_BYTES);
        let mut of = |bits: &[u32], security| contexts.get(4096, bits, security).unwrap();
        let first = of(&[36, 36, 37], 128);
        assert!(Arc::ptr_eq(&first, &of(&[36, 36, 37], 128)));
        assert!(
            !Arc::ptr_eq(&first, &of(&[36, 35, 37], 128)),
            "other primes"
        );
        assert!(
            !Arc::ptr_eq(&first, &of(&[36, 36, 37], 0)),
            "other security"
        );
        assert_eq!(first.degree(), 4096);
        // What SEAL refuses is refused again, and is not kept.
        let before = contexts.kept.len();
        for _ in 0..2 {
            assert!(contexts.get(4096, &[60, 60, 60], 128).is_err());
        }
        assert_eq!(contexts.kept.len(), before);
    }

    #[test]
    fn those_asked_for_last_are_kept_within_bounds() {
        let mut contexts = Contexts::of_at_most(2 * bytes(4096, 3));
        let mut of = |last| contexts.get(4096, &[36, 36, last], 128).unwrap();
        let (a, b) = (of(35), of(36));
        assert!(Arc::ptr_eq(&a, &of(35)), "asked for again");
        let c = of(37);
        assert!(Arc::ptr_eq(&a, &of(35)) && Arc::ptr_eq(&c, &of(37)));
        assert!(!Arc::ptr_eq(&b, &of(36)), "the oldest went");
        // One that takes more than all may is had, and not kept.
        let large = contexts.get(8192, &[40, 40, 40, 40], 128).unwrap();
        assert_eq!(large.degree(), 8192);
        assert!(contexts.kept.iter().all(|(key, _)| key.degree == 4096));
    }
}
