//! Rows side by side in the coefficients of a ciphertext, for affine programs.
//!
//! Element `r * stride + j` of a vector is column `j` of row `r`. The weighted sum of a row stands at
//! its first place, after one product with the weights ([`Coding::Coefficients`]); the places between
//! hold sums that nobody reads. With fewer columns to a ciphertext, sums of several ciphertexts are
//! added, and results lie closer.

use std::collections::BTreeSet;

use super::affine::{self, Affine};
use super::{Abilities, Coding, Family, Layout, Order};
use crate::lower::{LevelModel, Lowered};
use crate::{Column, Input, Interval, Op, Output, Program, ProgramBuilder, ProgramError, Public};

/// One layout for each number of ciphertexts over which the columns are spread: 1, 2, 4, … and one for
/// each column.
pub(super) fn candidates(
    lowered: &Lowered,
    abilities: Abilities,
    levels: LevelModel,
) -> Vec<Layout> {
    let program = lowered.program();
    if abilities.coefficients == 0 {
        return vec![];
    }
    let Some(outputs) = affine::outputs(program) else {
        return vec![];
    };
    let columns = program.inputs().iter().map(|input| input.columns.len());
    let most = columns.max().unwrap_or(1);
    let halved = std::iter::successors(Some(most), |n| (*n > 1).then(|| n.div_ceil(2)));
    let strides: BTreeSet<usize> = halved.filter(|n| *n <= abilities.coefficients).collect();
    // A program that loses its checks on the way, as by the length of its vectors, has no such layout.
    strides
        .into_iter()
        .filter_map(|stride| side_by_side(lowered, &outputs, stride, levels).ok())
        .collect()
}

fn side_by_side(
    lowered: &Lowered,
    outputs: &[Vec<Affine>],
    stride: usize,
    levels: LevelModel,
) -> Result<Layout, ProgramError> {
    let original = lowered.program();
    let columns: Vec<Vec<Vec<usize>>> = original
        .inputs()
        .iter()
        .map(|input| {
            let all: Vec<usize> = (0..input.columns.len()).collect();
            all.chunks(stride).map(<[usize]>::to_vec).collect()
        })
        .collect();
    let mut builder = ProgramBuilder::new(original.name());
    let mut vectors = Vec::with_capacity(columns.len());
    for (input, groups) in original.inputs().iter().zip(&columns) {
        let (_, values) = builder.input(Input {
            length: places(input.length, stride)?,
            columns: groups.iter().map(|g| joined(input, g, stride)).collect(),
            ..input.clone()
        })?;
        vectors.push(values);
    }
    let mut ranges = Vec::new();
    for (output, affine) in original.outputs().iter().zip(outputs) {
        let mut values = Vec::with_capacity(affine.len());
        for (affine, value) in affine.iter().zip(&output.values) {
            let length = places(original.value(*value).length(), stride)?;
            let mut terms = Vec::new();
            for (input, groups) in columns.iter().enumerate() {
                for (vector, group) in groups.iter().enumerate() {
                    let factor = |column: &usize| affine.factors.get(&(input, *column)).copied();
                    let weights: Vec<f64> =
                        group.iter().map(|c| factor(c).unwrap_or(0.0)).collect();
                    if weights.iter().any(|w| *w != 0.0) {
                        terms.push((vectors[input][vector], weighting(&weights, stride, length)));
                    }
                }
            }
            let bias = spread(&affine.bias, stride, length);
            let id = builder.push(Op::WeightedSum { terms, bias })?;
            ranges.push((id, largest(original, affine)));
            values.push(id);
        }
        builder.output(Output {
            values,
            ..output.clone()
        })?;
    }
    let mut program = builder.finish()?;
    // What is derived element by element is not what a product of polynomials yields.
    for (id, most) in ranges {
        program.values[id.index()].range = Interval::symmetric(most);
    }
    let ciphertexts = columns.iter().map(Vec::len).max().unwrap_or(1);
    let name = match (stride, ciphertexts) {
        (1, _) => "a vector for each column, in coefficients".to_owned(),
        (_, 1) => format!("rows of {stride} columns side by side, in coefficients"),
        (_, n) => format!("rows of {stride} columns side by side in {n} vectors, in coefficients"),
    };
    Ok(Layout {
        name,
        family: Family::Coefficients,
        coding: Coding::Coefficients,
        order: Order::Rows,
        stride,
        columns,
        original: original.clone(),
        lowered: lowered.laid_out(program, levels),
    })
}

/// Places of a vector of `length` rows.
pub(super) fn places(length: usize, stride: usize) -> Result<usize, ProgramError> {
    length
        .checked_mul(stride)
        .ok_or_else(|| ProgramError::Declaration {
            what: "layout",
            name: "rows".into(),
            problem: format!("{length} rows of {stride} places are too many"),
        })
}

/// Columns of one vector as the column that they make up.
pub(super) fn joined(input: &Input, group: &[usize], stride: usize) -> Column {
    let columns = group.iter().map(|c| &input.columns[*c]);
    let range = columns.map(|column| column.range).reduce(Interval::union);
    let range = range.unwrap_or(Interval::point(0.0));
    let first = &input.columns[group[0]].name;
    Column {
        name: match group.len() {
            1 => first.clone(),
            n => format!("{first} and {} more", n - 1),
        },
        // Places without a column hold 0.
        range: if group.len() < stride {
            range.union(Interval::point(0.0))
        } else {
            range
        },
    }
}

/// The weights of one vector. One number needs no places, and no scale where it is whole.
fn weighting(weights: &[f64], stride: usize, length: usize) -> Public {
    if stride == 1 {
        return Public::Scalar(weights[0]);
    }
    let mut all = weights.to_vec();
    all.resize(length, 0.0);
    all.into()
}

/// Numbers for rows at their places; one for all rows is at none in particular.
fn spread(bias: &Public, stride: usize, length: usize) -> Public {
    match bias {
        Public::Scalar(x) => Public::Scalar(*x),
        Public::Vector(xs) => {
            let mut all = vec![0.0; length];
            for (place, x) in all.iter_mut().step_by(stride).zip(xs.iter()) {
                *place = *x;
            }
            all.into()
        }
    }
}

/// The largest magnitude that any place of a result may have: where rows meet, columns meet the weights
/// of others.
fn largest(program: &Program, affine: &Affine) -> f64 {
    let mut of_input = vec![0.0_f64; program.inputs().len()];
    for (input, most) in program.inputs().iter().zip(&mut of_input) {
        let all = input.columns.iter().map(|c| c.range.magnitude());
        *most = all.fold(0.0, f64::max);
    }
    let factors = affine.factors.iter();
    let sum: f64 = factors
        .map(|((input, _), w)| w.abs() * of_input[*input])
        .sum();
    sum + affine.bias.range().map_or(0.0, Interval::magnitude)
}
