//! The operations of a program.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{InputId, ValueId};
use crate::kind::OpKind;
use crate::polynomial::Polynomial;
use crate::public::Public;
use crate::public::hash_numbers;

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Relation {
    /// `left < right`
    Less,
    /// `left <= right`
    LessOrEqual,
    /// `left > right`
    Greater,
    /// `left >= right`
    GreaterOrEqual,
    /// `left == right`
    Equal,
}

impl Relation {
    /// Whether it holds between two numbers.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Equal => left == right,
        }
    }
}

/// A look-up table over consecutive whole numbers: `first` maps to `entries[0]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LookupTable {
    /// The whole number that the first entry belongs to.
    pub first: i64,
    /// The results.
    pub entries: Arc<[f64]>,
}

impl LookupTable {
    /// The entry for `value`, rounded to a whole number and held to the table's ends.
    pub fn at(&self, value: f64) -> f64 {
        let last = self.entries.len() as f64 - 1.0;
        self.entries[(value.round() - self.first as f64).clamp(0.0, last) as usize]
    }
}

/// One operation on vectors. Operands must be of equal length unless said otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// One column of an input.
    Input {
        /// Which input.
        input: InputId,
        /// Which of its columns.
        column: usize,
    },
    /// Public numbers.
    Constant(Public),
    /// `a + b`
    Add(ValueId, ValueId),
    /// `a - b`
    Sub(ValueId, ValueId),
    /// `-a`
    Neg(ValueId),
    /// `value + by`
    Offset {
        /// The encrypted operand.
        value: ValueId,
        /// The public summand.
        by: Public,
    },
    /// `value * by`
    Scale {
        /// The encrypted operand.
        value: ValueId,
        /// The public factor.
        by: Public,
    },
    /// `sum of value * weight, + bias`
    WeightedSum {
        /// Values and their public weights; at least one.
        terms: Vec<(ValueId, Public)>,
        /// The public summand.
        bias: Public,
    },
    /// `a * b`, both encrypted
    Mul(ValueId, ValueId),
    /// `a * a`
    Square(ValueId),
    /// Cyclic: `y[i] = x[(i + by) mod length]`.
    Shift {
        /// The encrypted operand.
        value: ValueId,
        /// Places to the left; negative: to the right.
        by: i64,
    },
    /// Sums of consecutive groups: `y[k] = x[k*group] + … + x[(k+1)*group - 1]`, of length
    /// `length / group`.
    Sum {
        /// The encrypted operand.
        value: ValueId,
        /// Elements to a group; divides the length.
        group: usize,
    },
    /// Every `stride`-th element: `y[k] = x[k*stride]`, of length `length / stride`.
    Pick {
        /// The encrypted operand.
        value: ValueId,
        /// Divides the length.
        stride: usize,
    },
    /// A public polynomial of each element.
    Polynomial {
        /// The encrypted operand.
        value: ValueId,
        /// The polynomial.
        polynomial: Polynomial,
    },
    /// `1 / (1 + exp(-x))`
    Sigmoid(ValueId),
    /// 1 where `x > 0`, else 0
    Step(ValueId),
    /// 1, 0 or -1
    Sign(ValueId),
    /// `max(x, 0)`
    Relu(ValueId),
    /// `|x|`
    Abs(ValueId),
    /// The greater of two
    Max(ValueId, ValueId),
    /// The lesser of two
    Min(ValueId, ValueId),
    /// 1 where the relation holds, else 0
    Compare {
        /// The left operand.
        left: ValueId,
        /// The relation.
        relation: Relation,
        /// The right operand.
        right: ValueId,
    },
    /// `then` where the condition is 1, `otherwise` where it is 0
    Select {
        /// A vector of bits.
        condition: ValueId,
        /// Taken where the bit is 1.
        then: ValueId,
        /// Taken where the bit is 0.
        otherwise: ValueId,
    },
    /// A table looked up at each element, which holds whole numbers
    Lookup {
        /// The encrypted operand.
        value: ValueId,
        /// The table.
        table: LookupTable,
    },
    /// The conjunction of bits: 1 where all are 1
    And(Vec<ValueId>),
}

/// As equality has it, so that lowering finds common subexpressions.
impl Hash for Op {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Input { input, column } => (input, column).hash(state),
            Self::Constant(public) => public.hash(state),
            Self::Offset { value, by } | Self::Scale { value, by } => (value, by).hash(state),
            Self::WeightedSum { terms, bias } => (terms, bias).hash(state),
            Self::Shift { value, by } => (value, by).hash(state),
            Self::Sum { value, group } => (value, group).hash(state),
            Self::Pick { value, stride } => (value, stride).hash(state),
            Self::Polynomial { value, polynomial } => (value, polynomial).hash(state),
            Self::Compare {
                left,
                relation,
                right,
            } => (left, relation, right).hash(state),
            Self::Lookup { value, table } => {
                (value, table.first).hash(state);
                hash_numbers(&table.entries, state);
            }
            // Nothing but operands.
            Self::Add(..)
            | Self::Sub(..)
            | Self::Neg(_)
            | Self::Mul(..)
            | Self::Square(_)
            | Self::Sigmoid(_)
            | Self::Step(_)
            | Self::Sign(_)
            | Self::Relu(_)
            | Self::Abs(_)
            | Self::Max(..)
            | Self::Min(..)
            | Self::Select { .. }
            | Self::And(_) => self.operands().hash(state),
        }
    }
}

impl Op {
    /// The kind of operation.
    pub fn kind(&self) -> OpKind {
        match self {
            Self::Input { .. } => OpKind::Input,
            Self::Constant(_) => OpKind::Constant,
            Self::Add(..) => OpKind::Add,
            Self::Sub(..) => OpKind::Sub,
            Self::Neg(_) => OpKind::Neg,
            Self::Offset { .. } => OpKind::Offset,
            Self::Scale { .. } => OpKind::Scale,
            Self::WeightedSum { .. } => OpKind::WeightedSum,
            Self::Mul(..) => OpKind::Mul,
            Self::Square(_) => OpKind::Square,
            Self::Shift { .. } => OpKind::Shift,
            Self::Sum { .. } => OpKind::Sum,
            Self::Pick { .. } => OpKind::Pick,
            Self::Polynomial { .. } => OpKind::Polynomial,
            Self::Sigmoid(_) => OpKind::Sigmoid,
            Self::Step(_) => OpKind::Step,
            Self::Sign(_) => OpKind::Sign,
            Self::Relu(_) => OpKind::Relu,
            Self::Abs(_) => OpKind::Abs,
            Self::Max(..) => OpKind::Max,
            Self::Min(..) => OpKind::Min,
            Self::Compare { .. } => OpKind::Compare,
            Self::Select { .. } => OpKind::Select,
            Self::Lookup { .. } => OpKind::Lookup,
            Self::And(_) => OpKind::And,
        }
    }

    /// The values it reads, in order.
    pub fn operands(&self) -> Vec<ValueId> {
        match self {
            Self::Input { .. } | Self::Constant(_) => vec![],
            Self::Add(a, b)
            | Self::Sub(a, b)
            | Self::Mul(a, b)
            | Self::Max(a, b)
            | Self::Min(a, b) => vec![*a, *b],
            Self::Neg(a)
            | Self::Square(a)
            | Self::Sigmoid(a)
            | Self::Step(a)
            | Self::Sign(a)
            | Self::Relu(a)
            | Self::Abs(a) => vec![*a],
            Self::Offset { value, .. }
            | Self::Scale { value, .. }
            | Self::Shift { value, .. }
            | Self::Sum { value, .. }
            | Self::Pick { value, .. }
            | Self::Polynomial { value, .. }
            | Self::Lookup { value, .. } => vec![*value],
            Self::WeightedSum { terms, .. } => terms.iter().map(|(v, _)| *v).collect(),
            Self::Compare { left, right, .. } => vec![*left, *right],
            Self::Select {
                condition,
                then,
                otherwise,
            } => vec![*condition, *then, *otherwise],
            Self::And(bits) => bits.clone(),
        }
    }

    /// Its public numbers, in order.
    pub(crate) fn publics(&self) -> Vec<&Public> {
        match self {
            Self::Constant(by) | Self::Offset { by, .. } | Self::Scale { by, .. } => vec![by],
            Self::WeightedSum { terms, bias } => {
                let weights = terms.iter().map(|(_, weight)| weight);
                weights.chain([bias]).collect()
            }
            _ => vec![],
        }
    }

    /// The same operation with other public numbers, which are asked for in order.
    #[must_use]
    pub(crate) fn map_publics(&self, mut f: impl FnMut(&Public) -> Public) -> Self {
        let mut op = self.clone();
        match &mut op {
            Self::Constant(by) | Self::Offset { by, .. } | Self::Scale { by, .. } => *by = f(by),
            Self::WeightedSum { terms, bias } => {
                for (_, weight) in terms {
                    *weight = f(weight);
                }
                *bias = f(bias);
            }
            _ => {}
        }
        op
    }

    /// The same operation on other values.
    #[must_use]
    pub fn map_operands(&self, mut f: impl FnMut(ValueId) -> ValueId) -> Self {
        let mut op = self.clone();
        match &mut op {
            Self::Input { .. } | Self::Constant(_) => {}
            Self::Add(a, b)
            | Self::Sub(a, b)
            | Self::Mul(a, b)
            | Self::Max(a, b)
            | Self::Min(a, b)
            | Self::Compare {
                left: a, right: b, ..
            } => {
                *a = f(*a);
                *b = f(*b);
            }
            Self::Neg(a)
            | Self::Square(a)
            | Self::Sigmoid(a)
            | Self::Step(a)
            | Self::Sign(a)
            | Self::Relu(a)
            | Self::Abs(a)
            | Self::Offset { value: a, .. }
            | Self::Scale { value: a, .. }
            | Self::Shift { value: a, .. }
            | Self::Sum { value: a, .. }
            | Self::Pick { value: a, .. }
            | Self::Polynomial { value: a, .. }
            | Self::Lookup { value: a, .. } => *a = f(*a),
            Self::WeightedSum { terms, .. } => terms.iter_mut().for_each(|(v, _)| *v = f(*v)),
            Self::Select {
                condition,
                then,
                otherwise,
            } => {
                *condition = f(*condition);
                *then = f(*then);
                *otherwise = f(*otherwise);
            }
            Self::And(bits) => bits.iter_mut().for_each(|v| *v = f(*v)),
        }
        op
    }
}
