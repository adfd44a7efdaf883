//! The steps of a polynomial: which products and sums, of what.

use std::collections::HashMap;

/// One step; operands are places of earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// The operand, `T_1`; always the first, and there only.
    Operand,
    /// `2 a b - minus`, where a missing `minus` is 1: a `T_j`.
    Basis {
        a: usize,
        b: usize,
        minus: Option<usize>,
    },
    /// A sum of factors times `T_j`, and a number.
    Line {
        terms: Vec<(usize, f64)>,
        bias: f64,
    },
    Product(usize, usize),
    Sum(usize, usize),
    Offset(usize, f64),
}

/// The steps of one polynomial in the least depth.
#[derive(Clone, Debug)]
pub(super) struct HalvingSteps {
    nodes: Vec<Node>,
    basis: HashMap<usize, usize>,
    /// Parts of a lesser degree may be one sum of `T_j`.
    short: usize,
    /// Whether a lesser `T_m` divides, where the quotient's depth allows for it.
    lean: bool,
}

/// A part of the polynomial: a step, or a number where it is constant.
enum Part {
    Node(usize),
    Number(f64),
}

impl HalvingSteps {
    /// The steps with the fewest products, for `coefficients` of `T_0, T_1, ...`, of which the
    /// last is not 0 and not the only one.
    pub(super) fn of(coefficients: &[f64]) -> Self {
        let degree = degree(coefficients);
        let mut best = Self::with(coefficients, 2, false);
        let mut short = 2;
        while short <= degree.max(2) {
            for lean in [false, true] {
                let plan = Self::with(coefficients, short, lean);
                if plan.products() < best.products() {
                    best = plan;
                }
            }
            short *= 2;
        }
        best
    }

    fn with(coefficients: &[f64], short: usize, lean: bool) -> Self {
        let mut plan = Self {
            nodes: vec![Node::Operand],
            basis: HashMap::from([(1, 0)]),
            short,
            lean,
        };
        let budget = depth(degree(coefficients) + 1);
        // The last step is the polynomial's value.
        plan.part(coefficients, budget);
        plan
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Products of two values.
    pub(super) fn products(&self) -> usize {
        let product = |n: &&Node| matches!(n, Node::Basis { .. } | Node::Product(..));
        self.nodes.iter().filter(product).count()
    }

    fn push(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// `T_j`, at level `ceil(log2 j)`.
    fn basis(&mut self, j: usize) -> usize {
        if let Some(node) = self.basis.get(&j) {
            return *node;
        }
        let i = j.next_power_of_two() / 2;
        let (a, b) = (self.basis(i), self.basis(j - i));
        let minus = (2 * i != j).then(|| self.basis(2 * i - j));
        let node = self.push(Node::Basis { a, b, minus });
        self.basis.insert(j, node);
        node
    }

    /// A part that may take `budget` levels, which are enough for its degree.
    fn part(&mut self, coefficients: &[f64], budget: u32) -> Part {
        let degree = degree(coefficients);
        if degree == 0 {
            return Part::Number(coefficients.first().copied().unwrap_or(0.0));
        }
        let line = degree < self.short && depth(degree) < budget;
        if degree == 1 || line {
            return Part::Node(self.line(&coefficients[..=degree]));
        }
        let mut m = 1 << degree.ilog2();
        if self.lean && m > 2 && degree < m + m / 2 && depth(degree - m / 2 + 1) < budget {
            m /= 2;
        }
        // T_m T_j = (T_(m+j) + T_|m-j|) / 2, so T_(m+j) = 2 T_m T_j - T_|m-j|.
        let mut quotient: Vec<f64> = coefficients[m..=degree].iter().map(|c| 2.0 * c).collect();
        quotient[0] = coefficients[m];
        let mut remainder = coefficients[..m].to_vec();
        for j in 1..=degree - m {
            remainder[m.abs_diff(j)] -= coefficients[m + j];
        }
        let power = self.basis(m);
        let mut bias = 0.0;
        let product = match self.part(&quotient, budget - 1) {
            Part::Node(quotient) => self.push(Node::Product(quotient, power)),
            Part::Number(factor) => {
                // One sum takes the factor, the constant and a line all at once.
                bias = std::mem::take(&mut remainder[0]);
                let mut terms = vec![(power, factor)];
                if self::degree(&remainder) == 1 {
                    terms.push((0, std::mem::take(&mut remainder[1])));
                }
                let bias = std::mem::take(&mut bias);
                self.push(Node::Line { terms, bias })
            }
        };
        let sum = match self.part(&remainder, budget) {
            Part::Number(c) => {
                bias += c;
                product
            }
            Part::Node(rest) => self.push(Node::Sum(product, rest)),
        };
        if bias == 0.0 {
            return Part::Node(sum);
        }
        Part::Node(self.push(Node::Offset(sum, bias)))
    }

    fn line(&mut self, coefficients: &[f64]) -> usize {
        let terms = coefficients.iter().enumerate().skip(1);
        let terms = terms
            .filter(|(_, c)| **c != 0.0)
            .map(|(j, c)| (self.basis(j), *c))
            .collect();
        let bias = coefficients[0];
        self.push(Node::Line { terms, bias })
    }
}

fn degree(coefficients: &[f64]) -> usize {
    coefficients.iter().rposition(|c| *c != 0.0).unwrap_or(0)
}

/// `ceil(log2 n)`.
fn depth(n: usize) -> u32 {
    n.next_power_of_two().ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl HalvingSteps {
        fn levels(&self) -> Vec<u32> {
            let mut levels = vec![0];
            for node in &self.nodes[1..] {
                levels.push(match node {
                    Node::Operand => 0,
                    Node::Basis { a, b, minus } => {
                        let level = levels[*a].max(levels[*b]) + 1;
                        assert!(minus.is_none_or(|m| levels[m] <= level));
                        level
                    }
                    Node::Line { terms, .. } => {
                        1 + terms.iter().map(|(v, _)| levels[*v]).max().unwrap()
                    }
                    Node::Product(a, b) => levels[*a].max(levels[*b]) + 1,
                    Node::Sum(a, b) => levels[*a].max(levels[*b]),
                    Node::Offset(a, _) => levels[*a],
                });
            }
            levels
        }
    }

    #[track_caller]
    fn check(coefficients: &[f64], products: usize) {
        let plan = HalvingSteps::of(coefficients);
        let degree = degree(coefficients);
        assert_eq!(plan.products(), products, "degree {degree}: {plan:?}");
        assert_eq!(plan.levels().last(), Some(&depth(degree + 1)), "{degree}");
        assert_eq!(plan.levels().iter().max(), plan.levels().last());
    }

    #[test]
    fn odd_polynomials_take_odd_steps_only() {
        for (degree, products) in [
            (3, 2),
            (5, 3),
            (7, 5),
            (9, 6),
            (13, 7),
            (15, 8),
            (27, 10),
            (31, 12),
        ] {
            let odd: Vec<f64> = (0..=degree)
                .map(|k| if k % 2 == 1 { 1.0 / f64::from(k) } else { 0.0 })
                .collect();
            check(&odd, products);
            let mut raised = odd;
            raised[0] = 0.5;
            check(&raised, products);
        }
    }
}
