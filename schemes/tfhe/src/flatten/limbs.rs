//! Which columns go in limbs, and how.

use std::collections::BTreeSet;

use hexperiment_core::program::{Interval, Op, Program, Public, Value, ValueId};

use super::{Choice, Digit, Flattener, Form, Layout, Source, Wide};

/// What is known of a program's limbs before it is flattened.
pub(super) struct Needs {
    /// How they are laid out, if there are any.
    pub(super) layout: Option<Layout>,
    /// The columns that go in limbs, by input and column.
    pub(super) split: BTreeSet<(usize, usize)>,
    /// For each value, whether it reaches a maximum, a choice or a magnitude through sums and
    /// differences.
    pub(super) wanted: Vec<bool>,
}

/// Which values a program needs in limbs, and how.
pub(super) fn needs(program: &Program, choice: Choice) -> Needs {
    let (split, wanted) = split(program);
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
        return Needs {
            layout: None,
            split,
            wanted,
        };
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
    Needs {
        layout: Some(Layout::new(low, unit, bits, choice.top)),
        split,
        wanted,
    }
}

fn split(program: &Program) -> (BTreeSet<(usize, usize)>, Vec<bool>) {
    // What is compared with a maximum goes in limbs as the maximum does.
    let mut folded: Vec<bool> = Vec::with_capacity(program.values().len());
    for value in program.values() {
        let op = value.op();
        let any = || op.operands().iter().any(|v| folded[v.index()]);
        let is_fold = matches!(
            op,
            Op::Max(..) | Op::Min(..) | Op::Relu(_) | Op::Abs(_) | Op::Select { .. }
        );
        folded.push(is_fold || (keeps_limbs(op) && any()));
    }
    let mut wanted = vec![false; program.values().len()];
    let mut split = BTreeSet::new();
    for (index, value) in program.values().iter().enumerate().rev() {
        let op = value.op();
        let operands: Vec<ValueId> = match op {
            Op::Max(..) | Op::Min(..) | Op::Relu(_) | Op::Abs(_) => op.operands(),
            Op::Select {
                then, otherwise, ..
            } => vec![*then, *otherwise],
            Op::Compare { .. } | Op::Step(_) | Op::Sign(_)
                if op.operands().iter().any(|v| folded[v.index()]) =>
            {
                op.operands()
            }
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
    (split, wanted)
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
        let Some(layout) = self.layout().cloned() else {
            return super::zero(value);
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
            plain_whole: false,
            depth: 0,
            rounding: 0.5 * layout.unit,
        }
    }
}
