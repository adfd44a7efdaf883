//! Paths through a tree, as conjunctions of tests.

use super::Test;

/// A test, or its negation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Literal {
    pub(super) test: Test,
    pub(super) holds: bool,
}

impl Literal {
    /// Whether a row that satisfies `self` also satisfies `other`.
    fn implies(self, other: Self) -> bool {
        let threshold = |literal: Self| literal.test.threshold;
        self.test.feature == other.test.feature
            && self.holds == other.holds
            && if self.holds {
                threshold(self) >= threshold(other)
            } else {
                threshold(self) <= threshold(other)
            }
    }
}

/// A path without the literals that others of it imply, in its order.
pub(super) fn shortest(path: &[Literal]) -> Vec<Literal> {
    let needed = |(place, literal): &(usize, &Literal)| {
        let implied = |(other, by): (usize, &Literal)| {
            other != *place && by.implies(**literal) && !(literal.implies(*by) && other > *place)
        };
        !path.iter().enumerate().any(implied)
    };
    let left = path.iter().enumerate().filter(needed);
    left.map(|(_, literal)| *literal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Literal {
        let (feature, rest) = text.split_at(1);
        let (sign, threshold) = rest.split_at(1);
        Literal {
            test: Test {
                feature: feature.parse().unwrap(),
                threshold: threshold.parse().unwrap(),
            },
            holds: sign == ">",
        }
    }

    #[test]
    fn what_is_implied_is_left_out() {
        for (path, expect) in [
            ("0>3 0>5 1>2", "0>5 1>2"),
            ("0>5 0>3", "0>5"),
            ("0<3 0<5", "0<3"),
            ("0<5 0>3", "0<5 0>3"),
            ("0>3 0>3", "0>3"),
            ("2>1 0<4 2>3 0<2", "2>3 0<2"),
        ] {
            let read = |text: &str| text.split(' ').map(literal).collect::<Vec<_>>();
            assert_eq!(shortest(&read(path)), read(expect), "{path}");
        }
    }
}
