//! Rewriting the operations that a scheme lacks.

use super::super::{
    Interval, Op, OpKind, Polynomial, Program, ProgramError, Public, Relation, ValueId,
};
use super::capabilities::{Approximation, Capabilities};
use super::chebyshev::{self, Sink};
use super::emit::Emitter;
use super::sign::SignComposition;
use super::stuck;
use crate::scheme::Refusal;

const ANY: Interval = Interval {
    low: f64::NEG_INFINITY,
    high: f64::INFINITY,
};

/// The program in operations that `capabilities` has.
pub(super) fn rewrite(
    program: &Program,
    capabilities: &Capabilities,
    notes: &mut Vec<String>,
) -> Result<Program, Refusal> {
    let emitter = Emitter::like(program).map_err(stuck)?;
    let mut rewriter = Rewriter {
        emitter,
        capabilities,
        notes,
    };
    let mut map: Vec<ValueId> = Vec::with_capacity(program.values().len());
    let uses = program.uses();
    for (id, value) in program.iter() {
        if uses[id.index()] == 0 {
            // Dead, and maybe beyond the scheme: no reason to refuse. Never read again.
            map.push(ValueId::from_index(0));
            continue;
        }
        let op = value.op().map_operands(|v| map[v.index()]);
        let new = rewriter
            .emit(op, value.range())
            .map_err(|refusal| match refusal {
                Failure::Refused(mut refusal) => {
                    if refusal.operation != value.op().kind().name() {
                        refusal.reason =
                            format!("needed for {}: {}", value.op().kind(), refusal.reason);
                    }
                    refusal.reason =
                        format!("{} (at {id} of `{}`)", refusal.reason, program.name());
                    refusal
                }
                Failure::Program(error) => stuck(error),
            })?;
        map.push(new);
    }
    rewriter.emitter.finish(program, &map).map_err(stuck)
}

/// Why an operation cannot be emitted.
pub(super) enum Failure {
    Refused(Refusal),
    Program(ProgramError),
}

impl From<ProgramError> for Failure {
    fn from(error: ProgramError) -> Self {
        Self::Program(error)
    }
}

struct Rewriter<'a> {
    emitter: Emitter,
    capabilities: &'a Capabilities,
    notes: &'a mut Vec<String>,
}

impl Sink for Rewriter<'_> {
    type Error = Failure;

    fn sink(&mut self, op: Op, known: Interval) -> Result<ValueId, Failure> {
        self.emit(op, known)
    }

    fn emitter(&self) -> &Emitter {
        &self.emitter
    }
}

type Emitted = Result<ValueId, Failure>;

impl Rewriter<'_> {
    fn range(&self, value: ValueId) -> Interval {
        self.emitter.program().value(value).range()
    }

    fn length(&self, value: ValueId) -> usize {
        self.emitter.program().value(value).length()
    }

    fn refuse(kind: OpKind, reason: impl Into<String>) -> Failure {
        let reason = reason.into();
        let reason = if reason.is_empty() {
            "this scheme has no such operation".into()
        } else {
            reason
        };
        Failure::Refused(Refusal::of(kind, reason))
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Whether the scheme takes the operation as it stands.
    fn accepts(&self, op: &Op) -> Result<bool, Failure> {
        let kind = op.kind();
        let vectors = match op {
            Op::Scale { by, .. } => by.length().is_some(),
            Op::WeightedSum { terms, .. } => terms.iter().any(|(_, w)| w.length().is_some()),
            _ => false,
        };
        if vectors && !self.capabilities.vector_factors {
            let why = "public factors that differ from element to element cannot be applied here";
            return Err(Self::refuse(kind, why));
        }
        Ok(kind == OpKind::Input || self.capabilities.has(kind))
    }

    fn emit(&mut self, op: Op, known: Interval) -> Emitted {
        if self.accepts(&op)? {
            return Ok(self.emitter.emit_within(op, known)?);
        }
        match op {
            Op::Constant(_) => Err(Self::refuse(
                OpKind::Constant,
                "a public vector stands where an encrypted one is needed",
            )),
            Op::Neg(a) => self.emit(
                Op::Scale {
                    value: a,
                    by: (-1.0).into(),
                },
                known,
            ),
            Op::Sub(a, b) => {
                let negated = self.emit(Op::Neg(b), ANY)?;
                self.emit(Op::Add(a, negated), known)
            }
            Op::Offset { value, by } => self.emit(
                Op::WeightedSum {
                    terms: vec![(value, 1.0.into())],
                    bias: by,
                },
                known,
            ),
            Op::Scale { value, by } => self.emit(
                Op::WeightedSum {
                    terms: vec![(value, by)],
                    bias: 0.0.into(),
                },
                known,
            ),
            Op::WeightedSum { terms, bias } => self.weighted_sum(terms, bias, known),
            Op::Square(a) => self.emit(Op::Mul(a, a), known),
            Op::Sum { value, group } => self.sum(value, group, known),
            Op::Polynomial { value, polynomial } if self.capabilities.has(OpKind::Mul) => {
                chebyshev::emit(self, value, &polynomial)
            }
            Op::And(bits) if self.capabilities.has(OpKind::Mul) => self.product(bits),
            Op::Select {
                condition,
                then,
                otherwise,
            } if self.capabilities.has(OpKind::Mul) => {
                let difference = self.emit(Op::Sub(then, otherwise), ANY)?;
                let chosen = self.emit(Op::Mul(condition, difference), ANY)?;
                self.emit(Op::Add(chosen, otherwise), known)
            }
            op => self.function(op, known),
        }
    }

    fn weighted_sum(
        &mut self,
        terms: Vec<(ValueId, Public)>,
        bias: Public,
        known: Interval,
    ) -> Emitted {
        for kind in [OpKind::Scale, OpKind::Add] {
            if !self.capabilities.has(kind) {
                return Err(Self::refuse(
                    OpKind::WeightedSum,
                    self.capabilities.reason(OpKind::WeightedSum),
                ));
            }
        }
        let mut sum: Option<ValueId> = None;
        for (value, by) in terms {
            let term = if by.as_scalar() == Some(1.0) {
                value
            } else {
                self.emit(Op::Scale { value, by }, ANY)?
            };
            sum = Some(match sum {
                None => term,
                Some(sum) => self.emit(Op::Add(sum, term), ANY)?,
            });
        }
        let sum = sum.ok_or_else(|| Self::refuse(OpKind::WeightedSum, "it has no terms"))?;
        if bias.is_zero() {
            return Ok(sum);
        }
        if !self.capabilities.has(OpKind::Offset) {
            return Err(Self::refuse(
                OpKind::Offset,
                self.capabilities.reason(OpKind::Offset),
            ));
        }
        self.emit(
            Op::Offset {
                value: sum,
                by: bias,
            },
            known,
        )
    }

    /// Rotate and add: after `log2(group)` steps element `i` holds the sum of `group` elements
    /// from `i` on, of which the first of each group is picked.
    fn sum(&mut self, value: ValueId, group: usize, known: Interval) -> Emitted {
        let length = self.length(value);
        let has = |kind| self.capabilities.has(kind);
        if !(has(OpKind::Shift) && has(OpKind::Add) && has(OpKind::Pick)) {
            return Err(Self::refuse(
                OpKind::Sum,
                self.capabilities.reason(OpKind::Sum),
            ));
        }
        if !group.is_power_of_two() || !length.is_power_of_two() {
            let why = format!(
                "groups of {group} in {length} elements: rotate-and-add needs powers of two; \
                 pad the vector with zeros"
            );
            return Err(Self::refuse(OpKind::Sum, why));
        }
        let mut sum = value;
        let mut step = 1;
        while step < group {
            let shifted = self.emit(
                Op::Shift {
                    value: sum,
                    by: step as i64,
                },
                ANY,
            )?;
            sum = self.emit(Op::Add(sum, shifted), ANY)?;
            step *= 2;
        }
        self.emit(
            Op::Pick {
                value: sum,
                stride: group,
            },
            known,
        )
    }

    /// A balanced tree of products.
    fn product(&mut self, mut bits: Vec<ValueId>) -> Emitted {
        let bit = Interval {
            low: 0.0,
            high: 1.0,
        };
        while bits.len() > 1 {
            bits = bits
                .chunks(2)
                .map(|pair| match pair {
                    [a, b] => self.emit(Op::Mul(*a, *b), bit),
                    _ => Ok(pair[0]),
                })
                .collect::<Result<_, _>>()?;
        }
        bits.first()
            .copied()
            .ok_or_else(|| Self::refuse(OpKind::And, "it has no operands"))
    }

    /// Functions that are not polynomials: through the sign, or refused.
    fn function(&mut self, op: Op, known: Interval) -> Emitted {
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
        let exact = super::super::interpret::sigmoid;
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
                Polynomial::fit(
                    domain,
                    polynomial.degree(),
                    super::super::Fit::Chebyshev,
                    scaled,
                )?
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
        self.emit(Op::Add(mean, distance), ANY)
    }
}
