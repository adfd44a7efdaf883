//! Layouts: where the elements of a program's vectors lie in ciphertexts.
//!
//! A program says vectors. A scheme that packs many numbers into one ciphertext can lay the same vectors
//! out in several ways, of which each costs something else. [`candidates`] enumerates those that a
//! program allows and a scheme can execute; each is a [`Layout`]: a program on the vectors as they are
//! laid out, and the way there and back. The scheme finds out what each costs ([`Expense`]), and
//! [`best`] chooses by an [`Objective`]. No task names a layout, no scheme invents one.
//!
//! Everything here follows from the lowered program alone, so that both parties, each by itself, come
//! to the same layout.

mod affine;
mod blocks;
mod choose;
mod lanes;
mod rows;
mod sums;
#[cfg(test)]
mod tests;

use ndarray::{Array2, ArrayView2, CowArray, Ix2};

use crate::lower::{LevelModel, Lowered};
use crate::{InputId, Op, Program, Public};

pub use choose::{Candidate, Expense, Objective, best};

/// What numbers of a plaintext are, and so what its product with a ciphertext is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// The values of a polynomial at roots of unity: operations work on each element alone.
    Slots,
    /// The coefficients of a polynomial. A public vector `w` of weights is encoded as
    /// `w[0] - w[1] X^(N-1) - w[2] X^(N-2) - …`, so that element `k` of the product with `x` is
    /// `w[0] x[k] + w[1] x[k+1] + …`, as far as those elements are in the same ciphertext: sums of
    /// neighbours for the price of one product, without a rotation and its keys (as Huang, Lu, Hong and
    /// Ding do for matrices, *Cheetah*, USENIX Security 2022, section 3.1).
    Coefficients,
}

/// Where the columns lie that make up one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// All of one row, then all of the next.
    Rows,
    /// All rows of one column, then all of the next.
    Blocks,
}

/// What a scheme can do besides computing element by element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Whether elements can be moved between places.
    pub rotations: bool,
    /// [`Coding::Coefficients`]: so many coefficients at most, 0 where the scheme has no such products.
    pub coefficients: usize,
}

/// Kinds of layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A vector of slots for each column.
    Columns,
    /// Numbers in coefficients.
    Coefficients,
    /// Equal operations on several columns side by side.
    Lanes,
    /// Rows side by side, whose weighted sums are rotated and summed.
    Sums,
    /// Equal operations side by side, each with numbers of its own, on columns that are repeated.
    Blocks,
    /// The same on rows side by side, whose weighted sums come about by diagonals.
    Diagonals,
}

/// One way of laying out the vectors of a program.
#[derive(Clone, Debug)]
pub struct Layout {
    name: String,
    family: Family,
    coding: Coding,
    order: Order,
    /// Columns to a vector.
    stride: usize,
    /// By input, by vector of the laid-out input: its columns, at most `stride`.
    columns: Vec<Vec<Vec<usize>>>,
    original: Program,
    lowered: Lowered,
}

impl Layout {
    /// A vector for each column: what every program allows.
    pub fn columns(lowered: &Lowered) -> Self {
        let inputs = lowered.program().inputs().iter();
        let columns = inputs.map(|input| (0..input.columns.len()).map(|c| vec![c]).collect());
        Self {
            name: "a vector for each column, in slots".into(),
            family: Family::Columns,
            coding: Coding::Slots,
            order: Order::Rows,
            stride: 1,
            columns: columns.collect(),
            original: lowered.program().clone(),
            lowered: lowered.clone(),
        }
    }

    /// What it is, in words.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How vectors become plaintexts.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// Columns that lie side by side in a vector, which is so many times as long as each of them. With
    /// [`Coding::Coefficients`], the places from one row to the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Its kind.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Whether a vector may be cut between any two rows, though its elements move: what is read at a row's first
    /// place comes of that row alone. Rows are a power of two of places, of which a cut leaves a multiple.
    pub fn keeps_rows(&self) -> bool {
        self.stride > 1 && self.order == Order::Rows && self.coding == Coding::Slots
    }

    /// Whether a ciphertext of an output holds more than the output: sums of part of a row's columns with
    /// other columns' weights, or what was computed in other lanes. Whoever decrypts sees that, too, so
    /// that such a layout is only for whom the inputs belong to.
    pub fn shows_more(&self) -> bool {
        self.stride > 1
    }

    /// The program before it was laid out.
    pub fn original(&self) -> &Program {
        &self.original
    }

    /// The program on vectors as they are laid out: its inputs and outputs are those of
    /// [`Layout::original`], `stride` times as long. With [`Coding::Coefficients`] its weighted sums are
    /// products of polynomials.
    pub fn lowered(&self) -> &Lowered {
        &self.lowered
    }

    /// An input's table as it is laid out: a column for each vector. Places without an element hold 0.
    pub fn pack<'t>(&self, input: InputId, table: ArrayView2<'t, f64>) -> CowArray<'t, f64, Ix2> {
        if self.stride == 1 {
            return table.into();
        }
        let vectors = &self.columns[input.index()];
        let shape = (table.nrows() * self.stride, vectors.len());
        let packed = Array2::from_shape_fn(shape, |(place, vector)| {
            let (row, lane) = match self.order {
                Order::Rows => (place / self.stride, place % self.stride),
                Order::Blocks => (place % table.nrows(), place / table.nrows()),
            };
            let column = vectors[vector].get(lane);
            column.map_or(0.0, |column| table[[row, *column]])
        });
        packed.into()
    }

    /// The table that a laid-out output holds.
    pub fn unpack(&self, table: Array2<f64>) -> Array2<f64> {
        if self.stride == 1 {
            return table;
        }
        let shape = (table.nrows() / self.stride, table.ncols());
        let apart = match self.order {
            Order::Rows => self.stride,
            Order::Blocks => 1,
        };
        Array2::from_shape_fn(shape, |(row, column)| table[[row * apart, column]])
    }
}

/// The layouts that a program allows, of a scheme that has these abilities and counts levels so:
/// [`Layout::columns`], which every program allows, first.
pub fn candidates(lowered: &Lowered, abilities: Abilities, levels: LevelModel) -> Vec<Layout> {
    let mut all = vec![Layout::columns(lowered)];
    all.extend(rows::candidates(lowered, abilities, levels));
    if abilities.rotations {
        let lanes = lanes::candidates(lowered, levels);
        let least = |all: &[Layout]| {
            let products = all
                .iter()
                .map(|layout| blocks::products(layout.lowered.program()));
            products.min().unwrap_or(usize::MAX)
        };
        let known = least(&lanes);
        all.extend(lanes);
        all.extend(sums::candidate(lowered, abilities, levels));
        let blocks = blocks::candidates(lowered, levels).into_iter();
        all.extend(blocks.filter(|layout| blocks::products(layout.lowered.program()) < known));
    }
    all
}

/// An operation with other public vectors.
fn with_publics(op: &Op, f: impl Fn(&[f64]) -> Vec<f64>) -> Op {
    op.map_publics(|public| match public {
        Public::Vector(xs) => Public::from(f(xs)),
        Public::Scalar(x) => Public::Scalar(*x),
    })
}
