//! Where the server may have to encrypt, for which it needs a public key: constants, and results that
//! would be transparent.
//!
//! A ciphertext whose second polynomial is 0 shows what it holds, and SEAL refuses to yield it. It comes
//! of a product with 0, and of a sum in which second polynomials cancel. Those of different inputs,
//! products and rotations are as good as independent and do not; those that may be of one ciphertext
//! may. So a sum of terms with nothing in common is never transparent, and that is what is decided
//! here, from the program alone: both parties come to the same.

use std::collections::BTreeMap;

use hexperiment_program::layout::{Coding, Layout};
use hexperiment_program::{Op, Public, ValueId};
use hexperiment_scheme::security::Encryption;

use crate::layout::Moves;

/// The least weight that is not encoded as 0: as one number for all slots, or as the largest of a
/// vector's. The least scale has 25 bits, the largest ring 2^15 coefficients, each of which is at least
/// the largest slot's share of them.
const LEAST_SCALAR: f64 = 1.0 / (1_u64 << 20) as f64;
const LEAST_IN_VECTOR: f64 = 1.0 / 256.0;
/// Slots of the smallest ring: a vector that is no longer lies in one ciphertext.
const LEAST_SLOTS: usize = 1 << 11;

/// Who encrypts what.
pub(crate) struct Encrypting {
    /// Party that encrypts the inputs.
    pub(crate) inputs: Encryption,
    /// Values at which the server may have to encrypt.
    pub(crate) server: Vec<bool>,
}

impl Encrypting {
    pub(crate) fn of(layout: &Layout, inputs: Encryption) -> Self {
        Self {
            inputs,
            server: possible(layout),
        }
    }

    /// Whether the server may have to encrypt at all.
    pub(crate) fn by_server(&self) -> bool {
        self.server.contains(&true)
    }
}

/// Ciphertexts that may be one and the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Input(usize, usize),
    /// Of a value that the server may have encrypted.
    Own(usize),
    /// A rotation by so many steps of something that comes of these inputs.
    Rotation(i64, Vec<u32>),
    /// A product of what comes of these inputs.
    Product(Vec<u32>),
}

/// What is known of one value's ciphertexts.
struct Parts {
    /// Classes that it is a sum of, in ascending order.
    classes: Vec<u32>,
    /// Inputs that it comes of, in ascending order, as classes.
    inputs: Vec<u32>,
    /// Slots between neighbours.
    stride: usize,
}

fn union(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut both = [a, b].concat();
    both.sort_unstable();
    both.dedup();
    both
}

fn meet(a: &[u32], b: &[u32]) -> bool {
    a.iter().any(|class| b.binary_search(class).is_ok())
}

/// Whether a product with these numbers is a ciphertext in every chunk.
fn is_felt(weight: &Public, coding: Coding) -> bool {
    match weight {
        Public::Scalar(x) => x.abs() >= LEAST_SCALAR,
        // Each coefficient is a weight.
        Public::Vector(xs) if coding == Coding::Coefficients => {
            xs.iter().any(|x| x.abs() >= LEAST_SCALAR)
        }
        Public::Vector(xs) => {
            // One number in each ciphertext is enough, wherever that begins and ends; a vector that is shorter is
            // repeated.
            let felt = |x: &f64| x.abs() >= LEAST_IN_VECTOR;
            let Some(first) = xs.iter().position(felt) else {
                return false;
            };
            let from = xs.iter().cycle().skip(first).take(xs.len());
            let mut gaps = from.scan(0, |gap, x| {
                *gap = if felt(x) { 0 } else { *gap + 1 };
                Some(*gap)
            });
            xs.len() <= LEAST_SLOTS || gaps.all(|gap| gap < LEAST_SLOTS)
        }
    }
}

/// For each value, whether the server may have to encrypt in its place.
fn possible(layout: &Layout) -> Vec<bool> {
    let (program, coding) = (layout.lowered().program(), layout.coding());
    let moves = Moves::of(layout);
    let mut names: BTreeMap<Class, u32> = BTreeMap::new();
    let mut all: Vec<Parts> = Vec::with_capacity(program.values().len());
    let mut possible = Vec::with_capacity(program.values().len());
    for (id, value) in program.iter() {
        let of = |v: &ValueId| &all[v.index()];
        let mut name = |class: Class| {
            let next = names.len() as u32;
            *names.entry(class).or_insert(next)
        };
        let operands = value.op().operands();
        let inputs = operands
            .iter()
            .fold(vec![], |inputs, v| union(&inputs, &of(v).inputs));
        let before = operands.first().map_or(1, |v| of(v).stride);
        let sum = |operands: &[&ValueId]| {
            let mut classes: Vec<u32> = vec![];
            let mut cancels = false;
            for operand in operands {
                cancels |= meet(&of(operand).classes, &classes);
                classes = union(&classes, &of(operand).classes);
            }
            (classes, cancels)
        };
        let mut stride = before;
        let (mut classes, encrypts) = match value.op() {
            Op::Input { input, column } => {
                (vec![name(Class::Input(input.index(), *column))], false)
            }
            Op::Add(a, b) | Op::Sub(a, b) => sum(&[a, b]),
            Op::Scale { value, by } => (of(value).classes.clone(), !is_felt(by, coding)),
            Op::WeightedSum { terms, .. } => {
                let operands: Vec<&ValueId> = terms.iter().map(|(v, _)| v).collect();
                let (classes, cancels) = sum(&operands);
                (
                    classes,
                    cancels || !terms.iter().any(|(_, w)| is_felt(w, coding)),
                )
            }
            Op::Neg(a) | Op::Offset { value: a, .. } => (of(a).classes.clone(), false),
            Op::Pick { value, stride: by } => {
                stride = before.saturating_mul(*by);
                (of(value).classes.clone(), false)
            }
            Op::Shift { value: a, by } => {
                let steps = moves.rotation(*by, value.length(), before);
                let class = match steps {
                    0 => of(a).classes.clone(),
                    steps => vec![name(Class::Rotation(steps, inputs.clone()))],
                };
                (class, false)
            }
            Op::Mul(..) | Op::Square(_) => (vec![name(Class::Product(inputs.clone()))], false),
            // Constants, and what lowering leaves of nothing.
            _ => (vec![], true),
        };
        if encrypts {
            classes = union(&classes, &[name(Class::Own(id.index()))]);
        }
        let inputs = if operands.is_empty() {
            classes.clone()
        } else {
            inputs
        };
        possible.push(encrypts);
        all.push(Parts {
            classes,
            inputs,
            stride,
        });
    }
    possible
}

#[cfg(test)]
mod tests {
    use hexperiment_program::lower::lower;
    use hexperiment_program::{
        Column, Input, Interval, Output, Party, ProgramBuilder, ProgramError,
    };
    use hexperiment_scheme::Scheme as _;
    use hexperiment_scheme::options::Options;

    use super::*;
    use crate::SealCkks;

    #[track_caller]
    fn check(
        expect: bool,
        state: impl FnOnce(&mut ProgramBuilder, &[ValueId]) -> Result<ValueId, ProgramError>,
    ) {
        let mut b = ProgramBuilder::new("transparent");
        let column = |i| Column {
            name: format!("x{i}"),
            range: Interval::symmetric(1.0),
        };
        let input = Input {
            name: "x".into(),
            owner: Party::Client(0),
            length: 8,
            columns: (0..2).map(column).collect(),
            precision: 1e-4,
        };
        let (_, columns) = b.input(input).unwrap();
        let result = state(&mut b, &columns).unwrap();
        let output = Output {
            name: "y".into(),
            values: vec![result],
            precision: 1e-3,
        };
        b.output(output).unwrap();
        let program = b.finish().unwrap();
        let options = Options::with_defaults(&SealCkks.manifest().options, []);
        let lowered = lower(&program, &SealCkks.capabilities(&options).unwrap()).unwrap();
        let found = Encrypting::of(&Layout::columns(&lowered), Encryption::Owner).by_server();
        assert_eq!(found, expect, "{}", lowered.program());
    }

    #[test]
    fn what_has_nothing_in_common_does_not_cancel() {
        check(false, |b, x| b.add(x[0], x[1]));
        check(false, |b, x| {
            b.weighted_sum(vec![(x[0], 1e-9.into()), (x[1], 0.5.into())], 1.0)
        });
        // Every sum of four neighbours.
        check(false, |b, x| {
            let shifted = b.shift(x[0], 1)?;
            let two = b.add(x[0], shifted)?;
            let shifted = b.shift(two, 2)?;
            b.add(two, shifted)
        });
        check(false, |b, x| {
            let square = b.square(x[0])?;
            b.sub(square, x[0])
        });
    }

    #[test]
    fn what_may_cancel_is_known() {
        check(true, |b, x| {
            let sum = b.add(x[0], x[1])?;
            let other = b.add(x[1], x[0])?;
            b.sub(sum, other)
        });
        check(true, |b, x| {
            b.weighted_sum(vec![(x[0], 1e-9.into()), (x[1], 1e-8.into())], 1.0)
        });
        // The same product in two ways.
        check(true, |b, x| {
            let one = b.mul(x[0], x[1])?;
            let other = b.mul(x[1], x[0])?;
            b.sub(one, other)
        });
        check(true, |b, _| b.constant(vec![0.5; 8]));
    }
}
