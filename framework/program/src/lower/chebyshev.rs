//! Polynomials in products and weighted sums.
//!
//! Recursive halving in the Chebyshev basis: `p = q T_m + r` with `m` the greatest power of two
//! not above the degree (Paterson and Stockmeyer, *On the number of nonscalar multiplications
//! necessary to evaluate polynomials*, SIAM J. Comput. 1973, in the basis that Chen, Chillotti
//! and Song, *Improved bootstrapping for approximate homomorphic encryption*, EUROCRYPT 2019,
//! use), down to sums of the first few `T_j`, wherever they leave a level for their
//! coefficients (Lee, Lee, Lee, Kim, Kim and No, *High-precision bootstrapping of RNS-CKKS
//! homomorphic encryption using optimal minimax polynomial approximation and inverse sine
//! function*, EUROCRYPT 2021: odd polynomials need odd `T_j` only). The depth is the least
//! possible, `ceil(log2(degree + 1))`, coefficients included.

use super::super::{Interval, Op, Polynomial, ProgramError, Public, ValueId};
use super::emit::Emitter;
use super::halving::{HalvingSteps, Node};

/// `[-1, 1]` with room for rounding.
pub(super) const UNIT: Interval = Interval {
    low: -1.000_001,
    high: 1.000_001,
};

/// What emits an operation, rewriting it if the scheme lacks it.
pub(super) trait Sink {
    /// The failure of emitting.
    type Error: From<ProgramError>;
    /// Emits `op`, whose result lies in `known`.
    fn sink(&mut self, op: Op, known: Interval) -> Result<ValueId, Self::Error>;
    /// The values so far.
    fn emitter(&self) -> &Emitter;
}

const ANY: Interval = Interval {
    low: f64::NEG_INFINITY,
    high: f64::INFINITY,
};

/// Products that an odd polynomial of this degree takes.
pub(super) fn products(degree: usize) -> usize {
    // Coefficients of which no two cancel.
    let odd: Vec<f64> = (0..=degree)
        .map(|k| if k % 2 == 1 { 1.0 / k as f64 } else { 0.0 })
        .collect();
    HalvingSteps::of(&odd).products()
}

/// Emits `polynomial` of `value`, whose result is known to lie in `known`.
pub(super) fn emit<S: Sink>(
    sink: &mut S,
    value: ValueId,
    polynomial: &Polynomial,
    known: Interval,
) -> Result<ValueId, S::Error> {
    let computed = polynomial.range(sink.emitter().program().value(value).range());
    let known = Interval {
        low: computed.low.max(known.low),
        high: computed.high.min(known.high),
    };
    let coefficients = polynomial.chebyshev();
    if coefficients.len() == 1 {
        let length = sink.emitter().program().value(value).length();
        return sink.sink(Op::Constant(vec![coefficients[0]; length].into()), known);
    }
    let unit = normalise(sink, value, polynomial.domain())?;
    let plan = HalvingSteps::of(coefficients);
    let last = plan.nodes().len() - 1;
    let mut values = vec![unit];
    for (i, node) in plan.nodes().iter().enumerate().skip(1) {
        let known = if i == last { known } else { ANY };
        let emitted = match node {
            Node::Operand => unit,
            Node::Basis { a, b, minus } => {
                let minus = minus.map(|m| values[m]);
                basis(sink, values[*a], values[*b], minus)?
            }
            Node::Line { terms, bias } => {
                let of = |(node, c): &(usize, f64)| (values[*node], Public::Scalar(*c));
                let op = Op::WeightedSum {
                    terms: terms.iter().map(of).collect(),
                    bias: Public::Scalar(*bias),
                };
                sink.sink(op, known)?
            }
            Node::Product(a, b) => sink.sink(Op::Mul(values[*a], values[*b]), known)?,
            Node::Sum(a, b) => sink.sink(Op::Add(values[*a], values[*b]), known)?,
            Node::Offset(a, by) => {
                let (value, by) = (values[*a], Public::Scalar(*by));
                sink.sink(Op::Offset { value, by }, known)?
            }
        };
        values.push(emitted);
    }
    Ok(values[last])
}

/// Maps the domain to `[-1, 1]`. A weighted sum takes the factor into its weights, so that no
/// level is spent on it.
pub(super) fn normalise<S: Sink>(
    sink: &mut S,
    value: ValueId,
    domain: Interval,
) -> Result<ValueId, S::Error> {
    let factor = 2.0 / domain.width();
    let shift = -domain.centre() * factor;
    if factor == 1.0 && shift == 0.0 {
        return Ok(value);
    }
    let op = sink.emitter().program().value(value).op().clone();
    let (terms, bias) = match op {
        Op::WeightedSum { terms, bias } => (
            terms
                .into_iter()
                .map(|(v, w)| (v, w.map(|w| w * factor)))
                .collect(),
            bias.map(|b| b * factor + shift),
        ),
        Op::Scale { value, by } => (vec![(value, by.map(|w| w * factor))], Public::Scalar(shift)),
        _ => (vec![(value, Public::Scalar(factor))], Public::Scalar(shift)),
    };
    sink.sink(Op::WeightedSum { terms, bias }, UNIT)
}

/// `T_(i+j) = 2 T_i T_j - T_|i-j|`; without `minus`, `i = j` and `T_0 = 1`.
fn basis<S: Sink>(
    sink: &mut S,
    a: ValueId,
    b: ValueId,
    minus: Option<ValueId>,
) -> Result<ValueId, S::Error> {
    let product = match minus {
        None => {
            let square = Interval::new(0.0, UNIT.high);
            sink.sink(Op::Square(a), square)?
        }
        Some(_) => sink.sink(Op::Mul(a, b), UNIT)?,
    };
    let by = 2.0.into();
    let value = sink.sink(Op::Scale { value: product, by }, ANY)?;
    let op = match minus {
        None => Op::Offset {
            value,
            by: (-1.0).into(),
        },
        Some(minus) => Op::Sub(value, minus),
    };
    sink.sink(op, UNIT)
}
