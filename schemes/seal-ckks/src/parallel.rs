//! Independent work on all threads; of one piece, where it is asked for.
//!
//! Handing a piece of work to another thread and waiting for it takes a tenth of a millisecond, as long as
//! several operations on small ciphertexts.

use rayon::prelude::*;

/// Who does independent pieces of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The thread that asks for them, one after the other.
    One,
    /// All threads; of one piece, that which asks for it.
    All,
}

impl Threads {
    /// `f` of each, in order.
    ///
    /// # Errors
    /// One of `f`'s.
    pub(crate) fn try_map<'a, T: Sync, U: Send, E: Send>(
        self,
        all: &'a [T],
        f: impl Fn(&'a T) -> Result<U, E> + Send + Sync,
    ) -> Result<Vec<U>, E> {
        self.try_each(all.len(), |k| f(&all[k]))
    }

    /// `f` of `0..count`, in order.
    ///
    /// # Errors
    /// One of `f`'s.
    pub(crate) fn try_each<U: Send, E: Send>(
        self,
        count: usize,
        f: impl Fn(usize) -> Result<U, E> + Send + Sync,
    ) -> Result<Vec<U>, E> {
        if count == 1 || self == Self::One {
            (0..count).map(f).collect()
        } else {
            (0..count).into_par_iter().map(f).collect()
        }
    }
}

/// `f` of each on all threads, in order.
///
/// # Errors
/// One of `f`'s.
pub(crate) fn try_map<'a, T: Sync, U: Send, E: Send>(
    all: &'a [T],
    f: impl Fn(&'a T) -> Result<U, E> + Send + Sync,
) -> Result<Vec<U>, E> {
    Threads::All.try_map(all, f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_piece_stays_on_its_thread() {
        let here = std::thread::current().id();
        let threads: Result<Vec<_>, ()> = try_map(&[7], |_| Ok(std::thread::current().id()));
        assert_eq!(threads, Ok(vec![here]));
        let threads: Result<Vec<_>, ()> =
            Threads::All.try_each(1, |_| Ok(std::thread::current().id()));
        assert_eq!(threads, Ok(vec![here]));
        let threads = Threads::One.try_each(9, |_| Ok::<_, ()>(std::thread::current().id()));
        assert_eq!(threads, Ok(vec![here; 9]));
    }

    #[test]
    fn many_pieces_keep_their_order() {
        let doubled: Result<Vec<usize>, ()> = Threads::All.try_each(100, |k| Ok(2 * k));
        assert_eq!(doubled, Ok((0..100).map(|k| 2 * k).collect()));
        let all: Vec<usize> = (0..100).collect();
        assert_eq!(try_map(&all, |k| Ok::<_, ()>(*k)), Ok(all.clone()));
        assert_eq!(
            try_map(&all, |k| if *k == 50 { Err(()) } else { Ok(*k) }),
            Err(())
        );
        assert_eq!(Threads::All.try_each(0, Ok::<usize, ()>), Ok(vec![]));
    }
}
