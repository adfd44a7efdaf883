//! Rewriting the operations that a scheme lacks.

use std::collections::HashMap;

use super::super::{Interval, Op, OpKind, Program, ProgramError, Public, ValueId};
use super::capabilities::Capabilities;
use super::carried::through;
use super::chebyshev::{self, Sink};
use super::emit::Emitter;
use super::prune::needed;
use super::sign::SignComposition;
use super::stuck;
use crate::Refusal;

/// What a value may leave a domain by, as a share of it.
const ROUNDING: f64 = 1e-6;

pub(super) const ANY: Interval = Interval {
    low: f64::NEG_INFINITY,
    high: f64::INFINITY,
};

/// The program in operations that `capabilities` has, and the largest error of each output by what stands in
/// for functions, where one is known.
pub(super) fn rewrite(
    program: &Program,
    capabilities: &Capabilities,
    notes: &mut Vec<String>,
) -> Result<(Program, Vec<Option<f64>>), Refusal> {
    let emitter = Emitter::like(program).map_err(stuck)?;
    let mut rewriter = Rewriter {
        emitter,
        capabilities,
        notes,
        approximated: false,
        error: Some(0.0),
        extremes: None,
        units: HashMap::new(),
        rounds: 0,
    };
    let rounds = rounds_to_come(program);
    let mut approximate = vec![false; program.values().len()];
    let mut errors: Vec<Option<f64>> = Vec::with_capacity(program.values().len());
    let mut map: Vec<ValueId> = Vec::with_capacity(program.values().len());
    let needed = needed(program);
    let relies = program.relies_on_statements();
    for (id, value) in program.iter() {
        if !needed[id.index()] {
            // Dead, and maybe beyond the scheme: no reason to refuse. Never read again.
            map.push(ValueId::from_index(0));
            errors.push(None);
            continue;
        }
        let op = value.op().map_operands(|v| map[v.index()]);
        rewriter.rounds = rounds[id.index()];
        rewriter.emitter.rely_on_statements(relies[id.index()]);
        // What stands in for a function may leave the function's range; so may all after it.
        let operands = value.op().operands();
        rewriter.approximated = operands.iter().any(|v| approximate[v.index()]);
        let known = if rewriter.approximated {
            ANY
        } else {
            value.range()
        };
        rewriter.error = Some(0.0);
        let new = rewriter.emit(op, known).map_err(|refusal| match refusal {
            Failure::Refused(mut refusal) => {
                if refusal.operation != value.op().kind().name() {
                    refusal.reason =
                        format!("needed for {}: {}", value.op().kind(), refusal.reason);
                }
                refusal.reason = format!("{} (at {id} of `{}`)", refusal.reason, program.name());
                refusal
            }
            Failure::Program(error) => stuck(error),
        })?;
        approximate[id.index()] = rewriter.approximated;
        let before = through(program, value.op(), &errors);
        errors.push(before.zip(rewriter.error).map(|(before, own)| before + own));
        map.push(new);
    }
    let outputs = program.outputs().iter().map(|output| {
        let of_columns = output.values.iter().map(|v| errors[v.index()]);
        of_columns.reduce(|a, b| Some(a?.max(b?))).flatten()
    });
    let outputs = outputs.collect();
    let rewritten = rewriter.emitter.finish(program, &map).map_err(stuck)?;
    Ok((rewritten, outputs))
}

/// For each `max` or `min`, how many more of them its result goes through, one behind the other.
fn rounds_to_come(program: &Program) -> Vec<u32> {
    let extreme = |id: ValueId| matches!(program.value(id).op(), Op::Max(..) | Op::Min(..));
    let mut rounds = vec![0; program.values().len()];
    let ids: Vec<ValueId> = program.iter().map(|(id, _)| id).collect();
    for id in ids.into_iter().rev().filter(|id| extreme(*id)) {
        let after = rounds[id.index()] + 1;
        for operand in program.value(id).op().operands() {
            rounds[operand.index()] = after.max(rounds[operand.index()]);
        }
    }
    rounds
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

pub(super) struct Rewriter<'a> {
    emitter: Emitter,
    pub(super) capabilities: &'a Capabilities,
    notes: &'a mut Vec<String>,
    /// Whether the operation being emitted, or one before it, is only near what it stands for.
    pub(super) approximated: bool,
    /// The largest error of the polynomials that stand in for the operation being emitted; `None` at a jump.
    pub(super) error: Option<f64>,
    /// The polynomials for `max` and its like, once they are needed.
    pub(super) extremes: Option<SignComposition>,
    /// Results of `max` and `min` in units that bring them to about `[-1, 1]`, and those units.
    pub(super) units: HashMap<ValueId, (ValueId, f64)>,
    /// Rounds of `max` and `min` that follow the operation being emitted.
    pub(super) rounds: u32,
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

pub(super) type Emitted = Result<ValueId, Failure>;

impl Rewriter<'_> {
    pub(super) fn range(&self, value: ValueId) -> Interval {
        self.emitter.program().value(value).range()
    }

    pub(super) fn refuse(kind: OpKind, reason: impl Into<String>) -> Failure {
        let reason = reason.into();
        let reason = if reason.is_empty() {
            "this scheme has no such operation".into()
        } else {
            reason
        };
        Failure::Refused(Refusal::of(kind, reason))
    }

    pub(super) fn note(&mut self, note: String) {
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

    pub(super) fn emit(&mut self, op: Op, known: Interval) -> Emitted {
        let op = self.widened(op)?;
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
                chebyshev::emit(self, value, &polynomial, known)
            }
            Op::And(bits) if self.capabilities.has(OpKind::Mul) => self.product(bits, known),
            Op::Select {
                condition,
                then,
                otherwise,
            } if self.capabilities.has(OpKind::Mul) => {
                let difference = self.emit(Op::Sub(then, otherwise), ANY)?;
                let chosen = self.emit(Op::Mul(condition, difference), ANY)?;
                // Between the two, beyond them by as much as the condition is no bit.
                let bit = self.range(condition);
                let beyond = (-bit.low).max(bit.high - 1.0).max(0.0);
                let room = beyond * self.range(difference).magnitude();
                let known = self.range(then).union(self.range(otherwise)).padded(room);
                self.emit(Op::Add(chosen, otherwise), known)
            }
            op => self.function(op, known),
        }
    }

    /// A polynomial whose operand, by an approximation before it, may leave the domain: the same
    /// polynomial on a domain that holds it.
    fn widened(&self, op: Op) -> Result<Op, Failure> {
        match op {
            Op::Polynomial { value, polynomial } if self.approximated => {
                let (domain, range) = (polynomial.domain(), self.range(value));
                if domain.padded(ROUNDING * domain.width()).encloses(range) {
                    return Ok(Op::Polynomial { value, polynomial });
                }
                let domain = domain.union(range);
                let polynomial = polynomial.on(domain)?;
                Ok(Op::Polynomial { value, polynomial })
            }
            op => Ok(op),
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

    /// Rotate and add. Sums of 1, 2, 4, ... elements from `i` on stand at element `i`; those that
    /// `group` is made of as a binary number add up to the sum of `group` elements from `i` on, of
    /// which the first of each group is picked. It holds for groups and vectors of any length: the
    /// elements that are picked reach beyond the end of the vector nowhere.
    fn sum(&mut self, value: ValueId, group: usize, known: Interval) -> Emitted {
        let has = |kind| self.capabilities.has(kind);
        if !(has(OpKind::Shift) && has(OpKind::Add) && has(OpKind::Pick)) {
            return Err(Self::refuse(
                OpKind::Sum,
                self.capabilities.reason(OpKind::Sum),
            ));
        }
        // The sum of `summed` elements so far, and that of `width`, the next power of two.
        let (mut sum, mut summed) = (None, 0);
        let (mut window, mut width) = (value, 1);
        loop {
            if group & width != 0 {
                sum = Some(match sum {
                    None => window,
                    Some(sum) => self.added(sum, window, summed)?,
                });
                summed += width;
            }
            match sum {
                Some(value) if summed == group => {
                    let stride = group;
                    return self.emit(Op::Pick { value, stride }, known);
                }
                _ => window = self.added(window, window, width)?,
            }
            width *= 2;
        }
    }

    /// `sum`, and `more` from `places` further on.
    fn added(&mut self, sum: ValueId, more: ValueId, places: usize) -> Emitted {
        let by = places as i64;
        let shifted = self.emit(Op::Shift { value: more, by }, ANY)?;
        self.emit(Op::Add(sum, shifted), ANY)
    }

    /// A balanced tree of products.
    fn product(&mut self, mut bits: Vec<ValueId>, known: Interval) -> Emitted {
        while bits.len() > 1 {
            bits = bits
                .chunks(2)
                .map(|pair| match pair {
                    [a, b] => self.emit(Op::Mul(*a, *b), known),
                    _ => Ok(pair[0]),
                })
                .collect::<Result<_, _>>()?;
        }
        bits.first()
            .copied()
            .ok_or_else(|| Self::refuse(OpKind::And, "it has no operands"))
    }
}
