//! Rewriting functions that are not polynomials.

use super::super::{Interval, Op, OpKind, Polynomial, Relation, ValueId, interpret};
use super::capabilities::Approximation;
use super::chebyshev::{self, UNIT};
use super::rewrite::{ANY, Emitted, Failure, Rewriter};
use super::sign::{Ending, SignComposition};

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
            Op::Sign(a) => self.sign(a, Ending::SIGN, &approximation),
            Op::Step(a) => self.sign(a, Ending::STEP, &approximation),
            Op::Abs(a) => self.extreme_with_0(a, Ending::SIGN, kind, &approximation),
            Op::Relu(a) => self.extreme_with_0(a, Ending::STEP, kind, &approximation),
            Op::Max(a, b) => self.extreme(a, b, 0.5, kind, &approximation),
            Op::Min(a, b) => self.extreme(a, b, -0.5, kind, &approximation),
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
        let off = polynomial.max_error(exact);
        self.error = Some(off);
        self.note(format!(
            "sigmoid: polynomial of degree {} on {domain}, largest error {off:.2e}",
            polynomial.degree(),
        ));
        self.emit(Op::Polynomial { value, polynomial }, ANY)
    }

    /// The sign or the step of `value`, by the polynomials for comparisons.
    fn sign(&mut self, value: ValueId, ending: Ending, wanted: &Approximation) -> Emitted {
        let magnitude = self.operand(value, OpKind::Sign)?;
        // Where the operand is near 0, it is off by all of the jump.
        self.error = None;
        let composition = match &wanted.comparison_degrees {
            Some(degrees) => SignComposition::new(degrees, wanted.sign_margin)?,
            None => SignComposition::for_comparison(wanted.sign_margin, wanted.sign_error)?,
        };
        self.note(format!(
            "sign: minimax polynomials of degrees {}, {} levels; off by at most {:.2e} where |x| > {:.3e}",
            listed(composition.degrees()),
            composition.depth(),
            composition.error(),
            composition.margin() * magnitude
        ));
        let unit = chebyshev::normalise(self, value, Interval::symmetric(magnitude))?;
        self.compose(unit, &composition, ending)
    }

    /// The largest magnitude of an operand whose sign is asked for.
    fn operand(&mut self, value: ValueId, kind: OpKind) -> Result<f64, Failure> {
        self.approximated = true;
        let magnitude = self.range(value).magnitude();
        if magnitude > 0.0 {
            Ok(magnitude)
        } else {
            Err(Self::refuse(kind, "its operand is always 0"))
        }
    }

    /// The composition's polynomials, one after the other, of a value in `[-1, 1]`.
    fn compose(&mut self, unit: ValueId, composition: &SignComposition, ending: Ending) -> Emitted {
        let polynomials = composition.polynomials();
        let mut value = unit;
        for (i, polynomial) in polynomials.iter().enumerate() {
            let (polynomial, known) = if i + 1 == polynomials.len() {
                // The last one's coefficients take what follows it.
                let last = polynomial.affine(ending.factor, ending.plus)?;
                (last, ending.range(composition))
            } else {
                (polynomial.clone(), Interval::symmetric(1.0))
            };
            value = self.emit(Op::Polynomial { value, polynomial }, known)?;
        }
        Ok(value)
    }

    /// The composition for `max` and its like.
    fn for_extremes(&mut self, wanted: &Approximation) -> Result<SignComposition, Failure> {
        let composition = match &self.extremes {
            Some(composition) => composition.clone(),
            None => SignComposition::for_extremes(&wanted.max_degrees)?,
        };
        self.extremes = Some(composition.clone());
        Ok(composition)
    }

    fn note_extreme(&mut self, kind: OpKind, composition: &SignComposition, off: f64) {
        self.error = Some(off);
        self.note(format!(
            "{kind}: minimax polynomials of degrees {} for the sign, {} levels with the product; each off by \
             at most {off:.2e}",
            listed(composition.degrees()),
            composition.depth() + 1,
        ));
    }

    /// `abs = x sign(x)`, `relu = x step(x)`.
    fn extreme_with_0(
        &mut self,
        value: ValueId,
        ending: Ending,
        kind: OpKind,
        wanted: &Approximation,
    ) -> Emitted {
        let range = self.range(value);
        if range.low >= 0.0 {
            return Ok(value);
        }
        if range.high <= 0.0 {
            let by = if kind == OpKind::Relu { 0.0 } else { -1.0 };
            return self.scaled(value, by);
        }
        let magnitude = self.operand(value, kind)?;
        let scale = 2.0 * ending.factor;
        let composition = self.for_extremes(wanted)?;
        let unit = chebyshev::normalise(self, value, Interval::symmetric(magnitude))?;
        let sign = self.compose(unit, &composition, ending)?;
        let exact = match kind {
            OpKind::Relu => range.monotone(|x| x.max(0.0)),
            _ => Interval::new(0.0, range.magnitude()),
        };
        let off = scale * composition.shortfall() * magnitude;
        self.note_extreme(kind, &composition, off);
        self.emit(Op::Mul(value, sign), exact.padded(off))
    }

    /// `max = (a + b) / 2 + |a - b| / 2`, `min` with a minus.
    ///
    /// Beside each result goes the same in units of a number that all differences of a chain
    /// stay below, so that the next operand needs no level to be brought to `[-1, 1]`; what is
    /// not used is dropped later.
    fn extreme(
        &mut self,
        a: ValueId,
        b: ValueId,
        half: f64,
        kind: OpKind,
        wanted: &Approximation,
    ) -> Emitted {
        let (of_a, of_b) = (self.range(a), self.range(b));
        let (above, below) = if half > 0.0 { (a, b) } else { (b, a) };
        if of_a.low >= of_b.high {
            return Ok(above);
        }
        if of_b.low >= of_a.high {
            return Ok(below);
        }
        let difference = self.emit(Op::Sub(a, b), ANY)?;
        let magnitude = self.operand(difference, kind)?;
        let composition = self.for_extremes(wanted)?;
        let (unit, u, mean) = if let Some(unit) = self.unit_of(a, b, magnitude) {
            let (a, b) = (self.in_units(a, unit)?, self.in_units(b, unit)?);
            let sum = self.emit(Op::Add(a, b), ANY)?;
            (
                unit,
                self.emit(Op::Sub(a, b), UNIT)?,
                self.scaled(sum, 0.5)?,
            )
        } else {
            let unit = roomy(magnitude, composition.error(), self.rounds);
            let sum = self.emit(Op::Add(a, b), ANY)?;
            let u = chebyshev::normalise(self, difference, Interval::symmetric(unit))?;
            (unit, u, self.scaled(sum, 0.5 / unit)?)
        };
        self.note_extreme(kind, &composition, composition.shortfall() * unit);
        let ending = Ending {
            factor: half,
            plus: 0.0,
        };
        let half_sign = self.compose(u, &composition, ending)?;
        // With a sign within [-1, 1] the result is between the two, else a little beyond.
        let room = 0.5 * composition.error() * magnitude;
        let known = of_a.union(of_b).padded(room);
        let in_units = Interval {
            low: known.low / unit,
            high: known.high / unit,
        };
        let distance = self.emit(Op::Mul(half_sign, u), ANY)?;
        let reduced = self.emit(Op::Add(mean, distance), in_units)?;
        let result = if unit.fract() == 0.0 {
            // A whole factor takes no level.
            self.emit(
                Op::Scale {
                    value: reduced,
                    by: unit.into(),
                },
                known,
            )?
        } else {
            let sum = self.emit(Op::Add(a, b), ANY)?;
            let mean = self.scaled(sum, 0.5)?;
            let distance = self.emit(Op::Mul(half_sign, difference), ANY)?;
            self.emit(Op::Add(mean, distance), known)?
        };
        self.units.insert(result, (reduced, unit));
        Ok(result)
    }

    fn scaled(&mut self, value: ValueId, by: f64) -> Emitted {
        let by = by.into();
        self.emit(Op::Scale { value, by }, ANY)
    }

    /// The unit in which one of two operands is there already, if their difference needs it.
    fn unit_of(&self, a: ValueId, b: ValueId, magnitude: f64) -> Option<f64> {
        let of = |v| self.units.get(v).map(|(_, unit)| *unit);
        let fits = |unit: &f64| magnitude <= *unit && *unit <= 2.0 * magnitude;
        of(&a).filter(fits).or_else(|| of(&b).filter(fits))
    }

    /// `value / unit`.
    fn in_units(&mut self, value: ValueId, unit: f64) -> Emitted {
        match self.units.get(&value).copied() {
            Some((reduced, same)) if same == unit => Ok(reduced),
            Some((reduced, other)) => self.scaled(reduced, other / unit),
            None => self.scaled(value, 1.0 / unit),
        }
    }
}

/// A unit for values up to `magnitude`, with room for what up to three more rounds of results
/// that are off by `error` add, each in proportion to what it finds; whole where that costs little
/// precision, so that the way back takes no level.
fn roomy(magnitude: f64, error: f64, rounds: u32) -> f64 {
    const ROUNDS: u32 = 3;
    const ROUNDING: f64 = 1e-9;
    let roomy = magnitude * (1.0 + error + ROUNDING).powi(rounds.min(ROUNDS) as i32);
    if roomy >= 32.0 { roomy.ceil() } else { roomy }
}

fn listed(degrees: &[usize]) -> String {
    let degrees: Vec<_> = degrees.iter().map(ToString::to_string).collect();
    degrees.join(", ")
}
