//! How vectors lie in slots.

use hexperiment_core::program::{Op, Program, Public};
use hexperiment_core::scheme::Refusal;

use crate::parameters::shifts;

/// How the vectors of one program lie in slots.
///
/// Without shifts, element `i` lies in slot `i mod slots` of ciphertext `i / slots`. With
/// shifts, every vector lies in one ciphertext, repeated to its end: then a rotation of the
/// slots is a cyclic shift of the vector, and element-wise operations keep the repetition. A
/// picked vector keeps the places of its elements, `stride` apart.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    slots: usize,
    repeated: bool,
    /// By value: slots between neighbours.
    strides: Vec<usize>,
}

impl Layout {
    /// Of a program; refuses vectors that cannot be shifted, and operations on vectors whose
    /// elements lie in different places.
    pub(crate) fn of(program: &Program, slots: usize) -> Result<Self, Refusal> {
        let repeated = shifts(program);
        let mut strides: Vec<usize> = Vec::with_capacity(program.values().len());
        for (id, value) in program.iter() {
            let operands = value.op().operands();
            let before = operands.first().map_or(1, |v| strides[v.index()]);
            if let Some(other) = operands.iter().find(|v| strides[v.index()] != before) {
                return Err(Refusal::of(
                    value.op().kind(),
                    format!(
                        "at {id}: {other} was picked from a longer vector, its partner was not"
                    ),
                ));
            }
            strides.push(match value.op() {
                Op::Pick { stride, .. } => before * stride,
                _ => before,
            });
            let length = value.length() * strides[id.index()];
            if repeated && (!length.is_power_of_two() || length > slots) {
                return Err(Refusal::of(
                    value.op().kind(),
                    format!(
                        "at {id}: shifting needs vectors of a power of two of at most {slots} elements, found \
                         {length}; pad the vector"
                    ),
                ));
            }
        }
        Ok(Self {
            slots,
            repeated,
            strides,
        })
    }

    /// Slots between the neighbours of value number `value`.
    pub(crate) fn stride(&self, value: usize) -> usize {
        self.strides[value]
    }

    /// Ciphertexts that a vector of `length` takes.
    pub(crate) fn chunks(&self, length: usize) -> usize {
        if self.repeated {
            1
        } else {
            length.div_ceil(self.slots)
        }
    }

    /// The slots of one ciphertext of a vector of stride 1.
    pub(crate) fn place(&self, vector: &[f64], chunk: usize) -> Vec<f64> {
        if self.repeated {
            return (0..self.slots)
                .map(|slot| vector[slot % vector.len()])
                .collect();
        }
        let from = chunk * self.slots;
        vector[from..vector.len().min(from + self.slots)].to_vec()
    }

    /// The slots of one chunk of public numbers that meet a value of `stride` and `length`; one
    /// number where all are equal.
    pub(crate) fn place_public(
        &self,
        public: &Public,
        stride: usize,
        length: usize,
        chunk: usize,
    ) -> Slots {
        match public {
            Public::Scalar(x) => Slots::Same(*x),
            Public::Vector(xs) if self.repeated => Slots::Each(
                (0..self.slots)
                    .map(|slot| xs[(slot / stride) % length])
                    .collect(),
            ),
            Public::Vector(xs) => {
                let from = chunk * self.slots;
                Slots::Each(xs[from..length.min(from + self.slots)].to_vec())
            }
        }
    }

    /// Collects a vector from the slots of its ciphertexts.
    pub(crate) fn collect(&self, chunks: &[Vec<f64>], stride: usize, length: usize) -> Vec<f64> {
        (0..length)
            .map(|i| {
                let slot = i * stride;
                chunks[slot / self.slots][slot % self.slots]
            })
            .collect()
    }
}

/// Numbers for the slots of one ciphertext.
pub(crate) enum Slots {
    /// The same for all.
    Same(f64),
    /// One for each; those beyond the end are 0.
    Each(Vec<f64>),
}

impl Slots {
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Self::Same(x) => *x == 0.0,
            Self::Each(xs) => xs.iter().all(|x| *x == 0.0),
        }
    }
}
