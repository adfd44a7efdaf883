//! Which conjunctions of bits share a rotation, and how their bits are digits of its places: packing into bins
//! of [`TABLE_ENTRIES`] places, the largest first, each where places grow least.
//!
//! What several conjunctions have in common may be a conjunction by itself, and a bit of theirs: that is tried,
//! and kept where it saves rotations.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::source::TABLE_ENTRIES;

/// Conjunctions that are read from one rotation at most: each bit has two bits of a word for each of them.
const MOST_MEMBERS: usize = 32;

/// Common parts that are tried, each alone.
const MOST_TRIED: usize = 200;

/// A bit, or its negation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Literal {
    pub(super) bit: usize,
    pub(super) holds: bool,
}

/// What bits are to those who pack them: the chain of thresholds that a bit is of, and its place there.
pub(super) type Chain = Option<(usize, i32)>;

/// Literals that all hold: in order, and no bit twice.
pub(super) type Conjunction = Vec<Literal>;

/// Bits that are one digit of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Digit {
    /// How many of these hold, of which conjunctions have all, the negations of all, or none.
    Together(Vec<Literal>),
    /// How many of these thresholds of one column, from the lowest on, are reached.
    Chain(Vec<usize>),
}

impl Digit {
    /// Its values.
    pub(super) fn places(&self) -> usize {
        1 + match self {
            Self::Together(literals) => literals.len(),
            Self::Chain(bits) => bits.len(),
        }
    }

    /// Whether a conjunction holds at this value, as far as these bits go.
    fn allows(&self, conjunction: &[Literal], value: usize) -> bool {
        let of_bit = |bit| conjunction.iter().find(|l| l.bit == bit);
        match self {
            Self::Together(literals) => {
                let first = literals[0];
                of_bit(first.bit).is_none_or(|l| {
                    let all = if l.holds == first.holds {
                        literals.len()
                    } else {
                        0
                    };
                    value == all
                })
            }
            Self::Chain(bits) => bits
                .iter()
                .enumerate()
                .all(|(below, bit)| of_bit(*bit).is_none_or(|l| l.holds == (value > below))),
        }
    }
}

/// The digits of the places that these conjunctions tell apart, by the bits that occur together, and by the
/// chains before.
pub(super) fn digits(members: &[&[Literal]], chains: &[Chain]) -> Vec<Digit> {
    let mut bits: Vec<usize> = members
        .iter()
        .flat_map(|m| m.iter().map(|l| l.bit))
        .collect();
    bits.sort_unstable();
    bits.dedup();
    let mut signed: Vec<(u64, Literal)> = bits.iter().map(|bit| signature(*bit, members)).collect();
    signed.sort_unstable();
    let together = |signed: &[(u64, Literal)]| -> Vec<Vec<Literal>> {
        let alike = signed.chunk_by(|(a, _), (b, _)| a == b);
        alike.map(|a| a.iter().map(|(_, l)| *l).collect()).collect()
    };
    let finish = |blocks: Vec<Vec<Literal>>, chained: &dyn Fn(&[Literal]) -> bool| {
        let mut digits = Vec::new();
        let mut thresholds: Vec<(usize, i32, usize)> = Vec::new();
        for block in blocks {
            match chains[block[0].bit] {
                Some((chain, at)) if chained(&block) => thresholds.push((chain, at, block[0].bit)),
                _ => digits.push(Digit::Together(block)),
            }
        }
        thresholds.sort_unstable();
        let of_one = thresholds.chunk_by(|(a, ..), (b, ..)| a == b);
        digits.extend(
            of_one.map(|of_one| Digit::Chain(of_one.iter().map(|(_, _, bit)| *bit).collect())),
        );
        digits
    };
    let by_blocks = finish(together(&signed), &|block| block.len() == 1);
    let (chained, others): (Vec<_>, Vec<_>) = signed
        .into_iter()
        .partition(|(_, l)| chains[l.bit].is_some());
    let single = chained.into_iter().map(|(_, literal)| vec![literal]);
    let by_chains = finish(single.chain(together(&others)).collect(), &|block| {
        chains[block[0].bit].is_some()
    });
    if places(&by_chains) < places(&by_blocks) {
        by_chains
    } else {
        by_blocks
    }
}

/// In which conjunctions a bit occurs, and how; of the bit or its negation, that which the first has.
fn signature(bit: usize, members: &[&[Literal]]) -> (u64, Literal) {
    let mut holds = None;
    let mut all = 0;
    for (place, member) in members.iter().enumerate() {
        if let Ok(found) = member.binary_search_by_key(&bit, |l| l.bit) {
            let first = *holds.get_or_insert(member[found].holds);
            let sign = if member[found].holds == first { 1 } else { 2 };
            all |= sign << (2 * place);
        }
    }
    let holds = holds.unwrap_or(true);
    (all, Literal { bit, holds })
}

/// The places of these digits.
fn places(digits: &[Digit]) -> usize {
    digits.iter().map(Digit::places).product()
}

/// Conjunctions that are read from one rotation.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) members: Vec<usize>,
    places: usize,
    /// Whether it has common parts for bits, which must be there before.
    pub(super) is_later: bool,
}

/// Which conjunctions there are, common parts among them, and which are read from one rotation.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) conjunctions: Vec<Conjunction>,
    pub(super) groups: Vec<Group>,
    /// The conjunctions that bits stand for: the first such bit comes after all others.
    pub(super) common: Vec<usize>,
}

/// What packing has come to, for those who ask again.
#[derive(Debug, Default)]
pub(crate) struct Packings(RefCell<Vec<(Vec<Conjunction>, Vec<Chain>, Rc<Packed>)>>);

impl Packings {
    pub(super) fn of(&self, wanted: &[Conjunction], chains: &[Chain]) -> Rc<Packed> {
        let mut known = self.0.borrow_mut();
        let found = known.iter().find(|(w, c, _)| w == wanted && c == chains);
        if let Some((.., packed)) = found {
            return packed.clone();
        }
        let packed = Rc::new(pack(wanted, chains));
        known.push((wanted.to_vec(), chains.to_vec(), packed.clone()));
        packed
    }
}

/// Packs conjunctions of which each has two literals or more; all take [`TABLE_ENTRIES`] places or fewer.
fn pack(wanted: &[Conjunction], chains: &[Chain]) -> Packed {
    let mut candidates: BTreeSet<Conjunction> = BTreeSet::new();
    for (index, one) in wanted.iter().enumerate() {
        for other in &wanted[..index] {
            let both = one.iter().filter(|l| other.contains(l));
            let both: Conjunction = both.copied().collect();
            if both.len() > 1 {
                candidates.insert(both);
            }
        }
    }
    let pairs = candidates.iter().filter(|c| c.len() == 2).cloned();
    let mut best = pack_with(wanted, &[], chains);
    let mut chosen: Vec<Conjunction> = vec![];
    let all: Vec<Conjunction> = pairs.collect();
    let by_pairs = pack_with(wanted, &all, chains);
    if by_pairs.groups.len() < best.groups.len() {
        (best, chosen) = (by_pairs, all);
    }
    for candidate in candidates.into_iter().take(MOST_TRIED) {
        let mut other = chosen.clone();
        match other.iter().position(|c| *c == candidate) {
            Some(index) => drop(other.remove(index)),
            None => other.push(candidate),
        }
        let packed = pack_with(wanted, &other, chains);
        if packed.groups.len() < best.groups.len() {
            (best, chosen) = (packed, other);
        }
    }
    best
}

/// Packs conjunctions, of which those that have one of `common` have it as a bit.
fn pack_with(wanted: &[Conjunction], common: &[Conjunction], chains: &[Chain]) -> Packed {
    let mut conjunctions = wanted.to_vec();
    let mut all_chains = chains.to_vec();
    let mut defined = Vec::new();
    let mut later = vec![false; wanted.len()];
    for part in common {
        let bit = chains.len() + defined.len();
        let mut is_used = false;
        for index in 0..conjunctions.len() {
            // What others need first has no such bit.
            let is_free = !later[index] && !defined.contains(&index);
            let conjunction = &mut conjunctions[index];
            let has = |l: &Literal| conjunction.contains(l);
            if is_free && conjunction.len() > part.len() && part.iter().all(has) {
                conjunction.retain(|l| !part.contains(l));
                conjunction.push(Literal { bit, holds: true });
                later[index] = true;
                is_used = true;
            }
        }
        if !is_used {
            continue;
        }
        let known = conjunctions.iter().position(|c| c == part);
        defined.push(known.unwrap_or(conjunctions.len()));
        if known.is_none() {
            conjunctions.push(part.clone());
            later.push(false);
        }
        all_chains.push(None);
    }
    let mut order: Vec<usize> = (0..conjunctions.len()).collect();
    order.sort_by_key(|index| {
        let kind = if defined.contains(index) {
            0
        } else if later[*index] {
            1
        } else {
            2
        };
        let conjunction = &conjunctions[*index];
        (kind, usize::MAX - conjunction.len(), conjunction)
    });
    let mut groups: Vec<Group> = Vec::new();
    for index in order {
        let (is_later, is_defined) = (later[index], defined.contains(&index));
        let fits = |(at, group): (usize, &Group)| {
            let in_time = (!is_later || group.is_later) && !(is_defined && group.is_later);
            if !in_time || group.members.len() == MOST_MEMBERS {
                return None;
            }
            let members = group.members.iter().chain([&index]);
            let members: Vec<&[Literal]> = members.map(|m| conjunctions[*m].as_slice()).collect();
            let places = places(&digits(&members, &all_chains));
            (places <= TABLE_ENTRIES).then_some((at, places))
        };
        let found = groups.iter().enumerate().filter_map(fits);
        // The least growth; of equal ones, the fullest.
        let best = found.min_by(|(a, p), (b, q)| {
            let (was_a, was_b) = (groups[*a].places, groups[*b].places);
            (p * was_b).cmp(&(q * was_a)).then(was_b.cmp(&was_a))
        });
        if let Some((at, places)) = best {
            groups[at].members.push(index);
            groups[at].places = places;
        } else {
            groups.push(Group {
                places: places(&digits(&[&conjunctions[index]], &all_chains)),
                members: vec![index],
                is_later,
            });
        }
    }
    groups.sort_by_key(|group| group.is_later);
    Packed {
        conjunctions,
        groups,
        common: defined,
    }
}

/// What a conjunction is at each place.
pub(super) fn values(digits: &[Digit], conjunction: &[Literal]) -> Vec<bool> {
    let at = |place: usize| {
        let mut rest = place;
        digits.iter().all(|digit| {
            let value = rest % digit.places();
            rest /= digit.places();
            digit.allows(conjunction, value)
        })
    };
    (0..places(digits)).map(at).collect()
}

/// The digits in that order in which the fewest steps are read.
pub(super) fn fewest_steps(digits: &[Digit], members: &[&[Literal]]) -> Vec<Digit> {
    let steps = |digits: &[Digit]| -> usize {
        let of_one = |member: &&[Literal]| {
            let values = values(digits, member);
            values.windows(2).filter(|pair| pair[0] != pair[1]).count()
        };
        members.iter().map(of_one).sum()
    };
    let mut best = digits.to_vec();
    let mut orders = vec![vec![]];
    for digit in digits {
        let longer = orders.iter().flat_map(|order: &Vec<Digit>| {
            (0..=order.len()).map(|place| {
                let mut order = order.clone();
                order.insert(place, digit.clone());
                order
            })
        });
        orders = longer.collect();
    }
    for order in orders {
        if steps(&order) < steps(&best) {
            best = order;
        }
    }
    best
}
