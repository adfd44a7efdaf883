//! Which columns go in limbs, and how.

use std::collections::BTreeSet;

use hexperiment_core::program::{Interval, Op, Program, Public, Value, ValueId};

use super::{Choice, Digit, Flattener, Form, Layout, Source, Wide};

/// The layout of a program's limbs and the columns that go in limbs, by input and column: those
/// that reach a maximum, a choice or a magnitude through sums and differences.
pub(super) fn layout(
    program: &Program,
    choice: Choice,
) -> (Option<Layout>, BTreeSet<(usize, usize)>) {
    let split = split(program);
    let columns = split.iter().map(|(input, column)| {
        let input = &program.inputs()[*input];
        (input.columns[*column].range, input.precision)
    });
    let mut all: Option<(Interval, f64)> = None;
    for (range, precision) in columns {
        all = Some(match all {
            None => (range, precision),
            Some((r, p)) => (r.union(range), p.min(precision)),
        });
    }
    let Some((range, precision)) = all else {
        return (None, BTreeSet::new());
    };
    let coarsest = range.width() / f64::from(choice.bits as i32).exp2();
    let mut unit = [2.0 * precision, coarsest, f64::MIN_POSITIVE]
        .into_iter()
        .fold(0.0, f64::max)
        .log2()
        .floor()
        .exp2();
    // All numbers that a bit more than the range holds; its ends need not lie on the grid.
    let (low, bits) = loop {
        let low = (range.low / unit).floor() * unit;
        let bits = ((range.high - low) / unit).round() + 1.0;
        let bits = bits.log2().ceil().max(1.0);
        if bits <= f64::from(choice.bits) {
            break (low, bits as u32);
        }
        unit *= 2.0;
    };
    (Some(Layout::new(low, unit, bits, choice.top)), split)
}

fn split(program: &Program) -> BTreeSet<(usize, usize)> {
    let mut wanted = vec![false; program.values().len()];
    let mut split = BTreeSet::new();
    for (index, value) in program.values().iter().enumerate().rev() {
        let op = value.op();
        let operands: Vec<ValueId> = match op {
            Op::Max(..) | Op::Min(..) | Op::Relu(_) | Op::Abs(_) => op.operands(),
            Op::Select {
                then, otherwise, ..
            } => vec![*then, *otherwise],
            _ if wanted[index] && keeps_limbs(op) => op.operands(),
            _ => vec![],
        };
        for operand in operands {
            wanted[operand.index()] = true;
        }
        if let (Op::Input { input, column }, true) = (op, wanted[index]) {
            split.insert((input.index(), *column));
        }
    }
    split
}

/// Whether limbs of the operands may be limbs of the result.
fn keeps_limbs(op: &Op) -> bool {
    let sign = |by: &Public| by.values().iter().all(|w| [-1.0, 0.0, 1.0].contains(w));
    match op {
        Op::Add(..)
        | Op::Sub(..)
        | Op::Neg(_)
        | Op::Offset { .. }
        | Op::Shift { .. }
        | Op::Pick { .. } => true,
        Op::Scale { by, .. } => sign(by),
        Op::WeightedSum { terms, .. } => terms.iter().all(|(_, w)| sign(w)),
        _ => false,
    }
}

impl Flattener<'_> {
    /// A column in limbs.
    pub(super) fn split_column(
        &mut self,
        input: usize,
        column: usize,
        range: Interval,
        value: &Value,
    ) -> Wide {
        let length = value.length();
        let Some(layout) = self.layout.clone() else {
            return self.zero(value);
        };
        let all_bits = layout.bits.iter().sum();
        let largest = ((range.high - layout.low) / layout.unit).round().max(0.0) as u64;
        let limbs = layout.bits.iter().enumerate().map(|(limb, bits)| {
            let digit = Digit {
                low: layout.low,
                unit: layout.unit,
                shift: layout.shift(limb),
                bits: *bits,
                all_bits,
            };
            let above = largest >> digit.shift;
            if above == 0 {
                // Smaller numbers have no such limb.
                return Form::constant(0.0.into(), length, Interval::point(0.0));
            }
            let range = Interval::new(0.0, digit.largest().min(above as f64));
            let source = self.push(Source::Digit {
                input,
                column,
                digit,
            });
            Form::source(source, length, range)
        });
        let limbs = limbs.collect();
        let low = Form::constant(layout.low.into(), length, Interval::point(layout.low));
        Wide {
            plain: low,
            limbs,
            whole: true,
            depth: 0,
        }
    }
}
