//! Rows side by side in slots, for programs that begin with weighted sums of the columns: each is one product with
//! the weights, rotated and summed.
//!
//! Element `r * stride + j` of a vector is column `j` of row `r`, and the stride is a power of two. By as many
//! rotations as its bits every place holds the sum of the `stride` weighted elements from there on, the first
//! place of a row that of the row. The others hold that of columns of two neighbouring rows, each column once: what
//! the program yields on a row of such columns, so that every range that was proven holds there, too; nobody reads
//! them.
//!
//! Sums that are all there is lie in coefficients ([`super::rows`]), for one product and no rotation.

use std::collections::{BTreeMap, HashMap};

use super::affine::{self, Affine};
use super::{Abilities, Coding, Family, Layout, Order, lanes, rows, with_publics};
use crate::lower::{LevelModel, Lowered};
use crate::{Input, Op, Output, ProgramBuilder, ProgramError, Public, ValueId};

/// The layout, of a program that has sums and goes on from them; of one that reads a column by itself it would take
/// a mask more.
pub(super) fn candidate(
    lowered: &Lowered,
    abilities: Abilities,
    levels: LevelModel,
) -> Option<Layout> {
    let program = lowered.program();
    if abilities.coefficients > 0 && affine::outputs(program).is_some() {
        return None;
    }
    let length = lanes::one_length(program)?;
    let all = affine::all(program);
    let read = affine::read(program, &all);
    if read.is_empty() || read.values().any(|sum| sum.factors.len() < 2) {
        return None;
    }
    let columns = program.inputs().iter().map(|input| input.columns.len());
    let stride = columns.max()?.next_power_of_two();
    if stride == 1 {
        return None;
    }
    // A program that loses its checks on the way, as by the length of its vectors, has no such layout.
    side_by_side(lowered, (&all, &read), (length, stride), levels).ok()
}

fn side_by_side(
    lowered: &Lowered,
    (all, read): (&[Option<Affine>], &BTreeMap<ValueId, &Affine>),
    (length, stride): (usize, usize),
    levels: LevelModel,
) -> Result<Layout, ProgramError> {
    let original = lowered.program();
    let places = rows::places(length, stride)?;
    let mut builder = ProgramBuilder::new(original.name());
    let (mut columns, mut vectors) = (vec![], vec![]);
    for input in original.inputs() {
        let group: Vec<usize> = (0..input.columns.len()).collect();
        let (_, values) = builder.input(Input {
            length: places,
            columns: vec![rows::joined(input, &group, stride)],
            ..input.clone()
        })?;
        columns.push(vec![group]);
        vectors.extend(values);
    }
    let needed = original.needed_for(&original.output_ids());
    let roots = affine::roots(original, read);
    let each = |xs: &[f64]| -> Vec<f64> {
        let xs = xs.iter();
        xs.flat_map(|x| std::iter::repeat_n(*x, stride)).collect()
    };
    let mut ids: HashMap<ValueId, ValueId> = HashMap::new();
    for (id, value) in original.iter().filter(|(id, _)| needed[id.index()]) {
        let is_read = read.get(&id);
        let made = if let Some(affine) = is_read.filter(|_| roots.contains(&id)) {
            let sum = summed(&mut builder, &vectors, affine, (length, stride))?;
            let made = if affine.bias == Public::Scalar(0.0) {
                sum
            } else {
                let by = affine.bias.clone();
                builder.push(with_publics(&Op::Offset { value: sum, by }, each))?
            };
            builder.narrow(made, value.range());
            made
        } else if is_read.is_none() && all[id.index()].is_some() {
            // A part of a sum.
            continue;
        } else {
            let op = value
                .op()
                .map_operands(|v| ids.get(&v).copied().unwrap_or(v));
            builder.push_within(with_publics(&op, each), value.range())?
        };
        ids.insert(id, made);
    }
    for output in original.outputs() {
        let values = output.values.iter();
        builder.output(Output {
            values: values.filter_map(|v| ids.get(v).copied()).collect(),
            ..output.clone()
        })?;
    }
    let most = original.inputs().iter().map(|input| input.columns.len());
    Ok(Layout {
        name: format!(
            "rows of {} columns side by side, rotated and summed, in slots",
            most.max().unwrap_or(stride)
        ),
        family: Family::Sums,
        coding: Coding::Slots,
        order: Order::Rows,
        stride,
        columns,
        original: original.clone(),
        lowered: lowered.laid_out(builder.finish()?, levels),
    })
}

/// The weighted sum of `stride` elements from each place on, without its bias.
fn summed(
    builder: &mut ProgramBuilder,
    vectors: &[ValueId],
    affine: &Affine,
    (length, stride): (usize, usize),
) -> Result<ValueId, ProgramError> {
    let mut weights: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for ((input, column), factor) in &affine.factors {
        let of_input = weights.entry(*input).or_insert_with(|| vec![0.0; stride]);
        of_input[*column] = *factor;
    }
    let terms = weights.into_iter();
    let terms = terms.map(|(input, row)| (vectors[input], Public::from(row.repeat(length))));
    let mut sum = builder.weighted_sum(terms.collect(), 0.0)?;
    let mut done = 1;
    while done < stride {
        let moved = builder.shift(sum, done as i64)?;
        sum = builder.add(sum, moved)?;
        done *= 2;
    }
    Ok(sum)
}
