//! Clients take turns: the one whose work began last is the last to have its next work begun.

use std::collections::VecDeque;

/// Work of several clients, each client's in order.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    /// Clients that have work, in the order of their turns.
    turns: VecDeque<(String, VecDeque<T>)>,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            turns: VecDeque::new(),
        }
    }
}

impl<T: PartialEq> FairQueue<T> {
    /// Adds work of a client.
    pub(crate) fn push(&mut self, client: &str, work: T) {
        match self.turns.iter_mut().find(|(name, _)| name == client) {
            Some((_, queue)) => queue.push_back(work),
            None => self
                .turns
                .push_back((client.to_owned(), VecDeque::from([work]))),
        }
    }

    /// The next work: of the client whose turn it is, who is the last one then.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let (client, mut queue) = self.turns.pop_front()?;
        let work = queue.pop_front();
        if !queue.is_empty() {
            self.turns.push_back((client, queue));
        }
        work
    }

    /// Takes work back; whether it was there.
    pub(crate) fn remove(&mut self, work: &T) -> bool {
        let before = self.len();
        for (_, queue) in &mut self.turns {
            queue.retain(|other| other != work);
        }
        self.turns.retain(|(_, queue)| !queue.is_empty());
        self.len() < before
    }

    /// How much work is begun before this, if nothing comes after it; `None` if it is not there.
    pub(crate) fn position(&self, work: &T) -> Option<u64> {
        let (turn, place) = self
            .turns
            .iter()
            .enumerate()
            .find_map(|(turn, (_, queue))| {
                let place = queue.iter().position(|other| other == work)?;
                Some((turn, place))
            })?;
        let before = self.turns.iter().enumerate().map(|(other, (_, queue))| {
            // Clients whose turn is earlier have had one turn more.
            let turns = place + usize::from(other < turn);
            queue.len().min(turns) as u64
        });
        Some(before.sum())
    }

    /// All work that waits.
    pub(crate) fn len(&self) -> usize {
        self.turns.iter().map(|(_, queue)| queue.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(work: &[(&str, u32)]) -> FairQueue<u32> {
        let mut queue = FairQueue::default();
        for (client, work) in work {
            queue.push(client, *work);
        }
        queue
    }

    #[test]
    fn clients_take_turns() {
        let work = [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("c", 6)];
        let mut all = queue(&work);
        let order: Vec<u32> = std::iter::from_fn(|| all.pop()).collect();
        assert_eq!(order, [1, 4, 5, 2, 6, 3]);
        assert_eq!(all.len(), 0);
    }

    /// Who comes later waits for one turn of each other client, not for all that they have queued.
    #[test]
    fn who_has_much_does_not_keep_others_waiting() {
        let mut all = FairQueue::default();
        for work in 0..1000 {
            all.push("busy", work);
        }
        all.pop();
        all.push("late", 1000);
        assert_eq!(all.position(&1000), Some(1));
        assert_eq!((all.pop(), all.pop()), (Some(1), Some(1000)));
    }

    #[test]
    fn positions_are_what_pop_does() {
        let work = [
            ("a", 1),
            ("a", 2),
            ("b", 3),
            ("c", 4),
            ("c", 5),
            ("c", 6),
            ("b", 7),
        ];
        let mut all = queue(&work);
        all.pop();
        let told: Vec<u64> = (2..8).map(|w| all.position(&w).unwrap()).collect();
        let order: Vec<u32> = std::iter::from_fn(|| all.pop()).collect();
        for (work, told) in (2..8).zip(told) {
            assert_eq!(order[told as usize], work);
        }
    }

    #[test]
    fn work_is_taken_back() {
        let mut all = queue(&[("a", 1), ("b", 2), ("b", 3)]);
        assert!(all.remove(&1) && !all.remove(&1));
        assert_eq!((all.position(&1), all.position(&3)), (None, Some(1)));
        assert_eq!((all.pop(), all.pop(), all.pop()), (Some(2), Some(3), None));
    }
}
