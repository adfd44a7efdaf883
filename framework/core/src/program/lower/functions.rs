//! Rewriting functions that are not polynomials.

use super::super::{Fit, Interval, Op, OpKind, Polynomial, Public, Relation, ValueId, interpret};
use super::capabilities::Approximation;
use super::rewrite::{ANY, Emitted, Rewriter};
use super::sign::SignComposition;

impl Rewriter<'_> {
    /// Functions that are not polynomials: through the sign, or refused.
    pub(super) fn function(&mut self, op: Op, known: Interval) -> Emitted {
        let kind = op.kind();
        let reachable = matches!(
            kind,
            OpKind::Sigmoid
                | OpKind::Step
                | OpKind::Sign
                | OpKind::Relu
                | OpKind::Abs
                | OpKind::Max
                | OpKind::Min
                | OpKind::Compare
        );
        let Some(approximation) = self
            .capabilities
            .approximation
            .clone()
            .filter(|_| reachable)
        else {
            return Err(Self::refuse(kind, self.capabilities.reason(kind)));
        };
        match op {
            Op::Sigmoid(a) => self.sigmoid(a, &approximation),
            Op::Sign(a) => self.sign(a, &approximation),
            Op::Step(a) => {
                let sign = self.emit(Op::Sign(a), ANY)?;
                let terms = vec![(sign, Public::Scalar(0.5))];
                self.emit(
                    Op::WeightedSum {
                        terms,
                        bias: 0.5.into(),
                    },
                    ANY,
                )
            }
            Op::Abs(a) => {
                let sign = self.emit(Op::Sign(a), ANY)?;
                self.emit(Op::Mul(a, sign), ANY)
            }
            Op::Relu(a) => {
                let step = self.emit(Op::Step(a), ANY)?;
                self.emit(Op::Mul(a, step), ANY)
            }
            Op::Max(a, b) => self.extreme(a, b, 0.5),
            Op::Min(a, b) => self.extreme(a, b, -0.5),
            Op::Compare {
                left,
                relation,
                right,
            } => match relation {
                Relation::Greater | Relation::GreaterOrEqual => {
                    let difference = self.emit(Op::Sub(left, right), ANY)?;
                    self.emit(Op::Step(difference), known)
                }
                Relation::Less | Relation::LessOrEqual => {
                    let difference = self.emit(Op::Sub(right, left), ANY)?;
                    self.emit(Op::Step(difference), known)
                }
                Relation::Equal => Err(Self::refuse(
                    OpKind::Compare,
                    "equality of approximate numbers is not defined; compare with a margin",
                )),
            },
            _ => Err(Self::refuse(kind, self.capabilities.reason(kind))),
        }
    }

    fn sigmoid(&mut self, value: ValueId, approximation: &Approximation) -> Emitted {
        self.approximated = true;
        let exact = interpret::sigmoid;
        // A domain about 0 keeps the polynomial odd, which halves its products.
        let domain = Interval::symmetric(self.range(value).magnitude().max(1.0));
        let degree = approximation.sigmoid_degree;
        let polynomial = Polynomial::fit(domain, degree, approximation.fit, exact)?;
        self.note(format!(
            "sigmoid: polynomial of degree {} on {domain}, largest error {:.2e}",
            polynomial.degree(),
            polynomial.max_error(exact)
        ));
        self.emit(Op::Polynomial { value, polynomial }, ANY)
    }

    fn sign(&mut self, value: ValueId, approximation: &Approximation) -> Emitted {
        self.approximated = true;
        let composition =
            SignComposition::new(approximation.sign_margin, approximation.sign_error)?;
        let magnitude = self.range(value).magnitude();
        if magnitude == 0.0 {
            return Err(Self::refuse(OpKind::Sign, "its operand is always 0"));
        }
        self.note(format!(
            "sign: {} polynomials of degree 7, error {:.2e} where |x| > {:.3e}",
            composition.polynomials().len(),
            composition.error(),
            approximation.sign_margin * magnitude
        ));
        let mut result = value;
        for (i, polynomial) in composition.polynomials().iter().enumerate() {
            let domain = if i == 0 {
                Interval::symmetric(magnitude)
            } else {
                polynomial.domain()
            };
            let polynomial = if i == 0 {
                // The same shape, with the operand's magnitude in the place of 1.
                let scaled = |x: f64| polynomial.evaluate(x / magnitude);
                Polynomial::fit(domain, polynomial.degree(), Fit::Chebyshev, scaled)?
            } else {
                polynomial.clone()
            };
            result = self.emit(
                Op::Polynomial {
                    value: result,
                    polynomial,
                },
                ANY,
            )?;
        }
        Ok(result)
    }

    /// `max = (a + b) / 2 + |a - b| / 2`, `min` with a minus.
    fn extreme(&mut self, a: ValueId, b: ValueId, half: f64) -> Emitted {
        let difference = self.emit(Op::Sub(a, b), ANY)?;
        // Half of the sign, so that the product needs no further factor.
        let sign = self.emit(Op::Sign(difference), ANY)?;
        let half_sign = self.emit(
            Op::Scale {
                value: sign,
                by: half.into(),
            },
            ANY,
        )?;
        let distance = self.emit(Op::Mul(half_sign, difference), ANY)?;
        let sum = self.emit(Op::Add(a, b), ANY)?;
        let mean = self.emit(
            Op::Scale {
                value: sum,
                by: 0.5.into(),
            },
            ANY,
        )?;
        // With a sign within [-1, 1] the result is between the two, else a little beyond.
        let beyond = (self.range(sign).magnitude() - 1.0).max(0.0);
        let room = 0.5 * beyond * self.range(difference).magnitude();
        let known = self.range(a).union(self.range(b)).padded(room);
        self.emit(Op::Add(mean, distance), known)
    }
}
