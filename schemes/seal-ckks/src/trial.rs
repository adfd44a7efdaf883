//! Trying errors out: a program in the clear, each operation with a random error of the size that it
//! has under encryption, beside the same program without.
//!
//! What ranges cannot tell, such as that a steep polynomial is flat nearly everywhere, shows
//! here. Inputs are drawn from their whole ranges, and near where functions are steep: operands
//! that nearly agree, and values near 0.

use hexperiment_program::{Input, Interval, Op, Value, apply};
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::noise::Noise;

/// Elements of each output that are tried at least.
const ELEMENTS: usize = 4096;
/// Rounds at most, for short vectors.
const ROUNDS: usize = 256;

/// The largest error of each output in the trial. Repeatable.
pub(crate) fn largest_errors(noise: &Noise<'_>) -> Vec<f64> {
    let program = noise.lowered.program();
    let mut random = ChaCha8Rng::seed_from_u64(0x5EED);
    let mut largest = vec![0.0_f64; program.outputs().len()];
    let shortest = program.values().iter().map(Value::length).min();
    // Where no element moves but within its row, a few stand for all.
    let longest = if crate::parameters::shifts(program) && !noise.keeps_rows {
        usize::MAX
    } else {
        ELEMENTS
    };
    let rounds = ELEMENTS.div_ceil(shortest.unwrap_or(1)).clamp(3, ROUNDS);
    for round in 0..rounds {
        let inputs: Vec<_> = program
            .inputs()
            .iter()
            .map(|input| draw(input, longest, round % 3, &mut random))
            .collect();
        let mut exact: Vec<Vec<f64>> = Vec::with_capacity(program.values().len());
        let mut noisy: Vec<Vec<f64>> = Vec::with_capacity(program.values().len());
        for (id, value) in program.iter() {
            let (mut right, mut wrong) = match value.op() {
                Op::Input { input, column } => {
                    let column = inputs[input.index()].column(*column).to_vec();
                    (column.clone(), column)
                }
                op => {
                    let operands = op.operands();
                    let right: Vec<_> = operands
                        .iter()
                        .map(|v| exact[v.index()].as_slice())
                        .collect();
                    let shaken: Vec<Vec<f64>> = operands
                        .iter()
                        .map(|v| {
                            let mut vector = noisy[v.index()].clone();
                            shake(&mut vector, noise.descent(op, *v), &mut random);
                            vector
                        })
                        .collect();
                    let shaken: Vec<_> = shaken.iter().map(Vec::as_slice).collect();
                    let length = value.length().min(longest);
                    (apply(op, &right, length), apply(op, &shaken, length))
                }
            };
            shake(&mut wrong, noise.own(id, value), &mut random);
            keep_within(value.range(), &mut right, &mut wrong);
            exact.push(right);
            noisy.push(wrong);
        }
        for (largest, output) in largest.iter_mut().zip(program.outputs()) {
            for value in &output.values {
                let pairs = exact[value.index()].iter().zip(&noisy[value.index()]);
                *largest = pairs.map(|(x, y)| (x - y).abs()).fold(*largest, f64::max);
            }
        }
    }
    largest
}

/// Random inputs may break what a program's author states of its data (that an iteration
/// converges), and then grow without end where real ones do not: a value beyond its range is taken
/// back into it, its error in proportion.
fn keep_within(range: Interval, right: &mut [f64], wrong: &mut [f64]) {
    let largest = right.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let most = range.magnitude();
    if largest > most && largest.is_finite() {
        for x in right.iter_mut().chain(wrong) {
            *x *= most / largest;
        }
    }
}

/// A table within an input's ranges: anywhere in them, all columns at about the same place, or
/// all near 0. Distances are spread evenly over their orders of magnitude.
fn draw(input: &Input, longest: usize, manner: usize, random: &mut ChaCha8Rng) -> Array2<f64> {
    let mut table = Array2::zeros((input.length.min(longest), input.columns.len()));
    for mut row in table.rows_mut() {
        let place: f64 = random.random();
        for (x, column) in row.iter_mut().zip(&input.columns) {
            let range = column.range;
            let near = random.random_range(-20.0_f64..0.0).exp2() * range.width();
            let near = if random.random() { near } else { -near };
            *x = range.clamp(match manner {
                0 => range.low + random.random::<f64>() * range.width(),
                1 => range.low + place * range.width() + near,
                _ => near,
            });
        }
    }
    table
}

/// Adds Gaussian errors (Box and Muller 1958).
fn shake(vector: &mut [f64], deviation: f64, random: &mut ChaCha8Rng) {
    if deviation == 0.0 {
        return;
    }
    for pair in vector.chunks_mut(2) {
        let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt() * deviation;
        let (sin, cos) = (std::f64::consts::TAU * random.random::<f64>()).sin_cos();
        for (x, direction) in pair.iter_mut().zip([cos, sin]) {
            *x += radius * direction;
        }
    }
}
