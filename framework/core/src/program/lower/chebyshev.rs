//! Polynomials in products and weighted sums.
//!
//! Recursive halving in the Chebyshev basis: `p = q T_m + r` with `m` the greatest power of two
//! not above the degree, down to lines (Paterson and Stockmeyer, *On the number of nonscalar
//! multiplications necessary to evaluate polynomials*, SIAM J. Comput. 1973, in the basis that
//! Chen, Chillotti and Song, *Improved bootstrapping for approximate homomorphic encryption*,
//! EUROCRYPT 2019, use). The depth is the least possible, `ceil(log2(degree + 1))`, and odd or
//! even polynomials need only their half of the products.

use super::super::{Interval, Op, Polynomial, ProgramError, Public, ValueId};
use super::emit::Emitter;

/// `[-1, 1]` with room for rounding.
const UNIT: Interval = Interval {
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

/// Emits `polynomial` of `value`.
pub(super) fn emit<S: Sink>(
    sink: &mut S,
    value: ValueId,
    polynomial: &Polynomial,
) -> Result<ValueId, S::Error> {
    let known = polynomial.range(sink.emitter().program().value(value).range());
    let coefficients = polynomial.chebyshev();
    if coefficients.len() == 1 {
        let length = sink.emitter().program().value(value).length();
        return sink.sink(Op::Constant(vec![coefficients[0]; length].into()), known);
    }
    let unit = normalise(sink, value, polynomial.domain())?;
    let mut powers = vec![unit];
    let result = halve(sink, &mut powers, coefficients, Some(known))?;
    match result {
        Part::Value(v) => Ok(v),
        Part::Number(c) => {
            let length = sink.emitter().program().value(value).length();
            sink.sink(Op::Constant(vec![c; length].into()), known)
        }
    }
}

/// Maps the domain to `[-1, 1]`. A weighted sum takes the factor into its weights, so that no
/// level is spent on it.
fn normalise<S: Sink>(sink: &mut S, value: ValueId, domain: Interval) -> Result<ValueId, S::Error> {
    let factor = 2.0 / domain.width();
    let shift = -domain.centre() * factor;
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
        _ if factor == 1.0 && shift == 0.0 => return Ok(value),
        _ => (vec![(value, Public::Scalar(factor))], Public::Scalar(shift)),
    };
    sink.sink(Op::WeightedSum { terms, bias }, UNIT)
}

/// A part of the polynomial: a value, or a number where it is constant.
enum Part {
    Value(ValueId),
    Number(f64),
}

/// `T_(2^k)`: `powers[k]`, by `T_(2j) = 2 T_j^2 - 1`.
fn power<S: Sink>(sink: &mut S, powers: &mut Vec<ValueId>, k: usize) -> Result<ValueId, S::Error> {
    while powers.len() <= k {
        let last = powers[powers.len() - 1];
        let square = sink.sink(
            Op::Square(last),
            Interval {
                low: 0.0,
                high: UNIT.high,
            },
        )?;
        let twice = sink.sink(
            Op::Scale {
                value: square,
                by: 2.0.into(),
            },
            ANY,
        )?;
        powers.push(sink.sink(
            Op::Offset {
                value: twice,
                by: (-1.0).into(),
            },
            UNIT,
        )?);
    }
    Ok(powers[k])
}

fn halve<S: Sink>(
    sink: &mut S,
    powers: &mut Vec<ValueId>,
    coefficients: &[f64],
    known: Option<Interval>,
) -> Result<Part, S::Error> {
    let known = known.unwrap_or(ANY);
    let degree = coefficients.iter().rposition(|c| *c != 0.0).unwrap_or(0);
    if degree == 0 {
        return Ok(Part::Number(coefficients.first().copied().unwrap_or(0.0)));
    }
    if degree == 1 {
        let terms = vec![(powers[0], Public::Scalar(coefficients[1]))];
        let op = Op::WeightedSum {
            terms,
            bias: Public::Scalar(coefficients[0]),
        };
        return sink.sink(op, known).map(Part::Value);
    }
    let k = degree.ilog2() as usize;
    let m = 1 << k;
    // T_m T_j = (T_(m+j) + T_(m-j)) / 2, so T_(m+j) = 2 T_m T_j - T_(m-j).
    let mut quotient: Vec<f64> = coefficients[m..=degree].iter().map(|c| 2.0 * c).collect();
    quotient[0] = coefficients[m];
    let mut remainder = coefficients[..m].to_vec();
    for j in 1..=degree - m {
        remainder[m - j] -= coefficients[m + j];
    }
    let t = power(sink, powers, k)?;
    let product = match halve(sink, powers, &quotient, None)? {
        Part::Number(c) => {
            // One sum takes the factor, the constant and a line all at once.
            return linear(sink, powers, t, c, &remainder, known).map(Part::Value);
        }
        Part::Value(q) => sink.sink(Op::Mul(q, t), ANY)?,
    };
    let sum = match halve(sink, powers, &remainder, None)? {
        Part::Number(0.0) => return Ok(Part::Value(product)),
        Part::Number(c) => sink.sink(
            Op::Offset {
                value: product,
                by: c.into(),
            },
            known,
        )?,
        Part::Value(r) => sink.sink(Op::Add(product, r), known)?,
    };
    Ok(Part::Value(sum))
}

/// `factor * t + remainder`.
fn linear<S: Sink>(
    sink: &mut S,
    powers: &mut Vec<ValueId>,
    t: ValueId,
    factor: f64,
    remainder: &[f64],
    known: Interval,
) -> Result<ValueId, S::Error> {
    let mut terms = vec![(t, Public::Scalar(factor))];
    let mut bias = 0.0;
    let mut rest = None;
    if remainder.iter().skip(2).all(|c| *c == 0.0) {
        bias = remainder[0];
        if let Some(c) = remainder.get(1).filter(|c| **c != 0.0) {
            terms.push((powers[0], Public::Scalar(*c)));
        }
    } else {
        match halve(sink, powers, remainder, None)? {
            Part::Number(c) => bias = c,
            Part::Value(v) => rest = Some(v),
        }
    }
    let op = Op::WeightedSum {
        terms,
        bias: Public::Scalar(bias),
    };
    match rest {
        None => sink.sink(op, known),
        Some(rest) => {
            let sum = sink.sink(op, ANY)?;
            sink.sink(Op::Add(sum, rest), known)
        }
    }
}
