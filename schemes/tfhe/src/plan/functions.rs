//! Functions by table, and how far their arguments' noise stays from a wrong result.

use std::sync::Arc;

use hexperiment_program::{LookupTable, Op};

use super::scales::{Use, integral_places};
use super::whole::Signal;
use super::{Certainty, Planned, PlannedFunction, PlannedKind, Planner};
use crate::algebra::{Decision, Form, Function, Source};
use crate::error::{ExactTable, PlanError};
use crate::parameters::N;
use crate::table::{Cells, Margins, Steps, Table};

/// Biases of comparisons so near to the grid lie on it: doubles are no more precise.
const ON_GRID: u64 = 1 << 16;

impl Planner<'_> {
    pub(super) fn function(
        &self,
        index: usize,
        function: &Function,
        operand: &Form,
    ) -> Result<Planned, PlanError> {
        let scale = self
            .given
            .form_scale(operand, Use::by_function(function, operand));
        match function {
            Function::Smooth(op) => self.smooth(index, op, operand, scale),
            Function::Lookup(table) => self.lookup(index, table, operand, scale),
            Function::Ring {
                entries,
                offset,
                decision,
            } => self.ring(index, (entries, *offset), *decision, (operand, scale)),
            Function::Step { at_zero } => self.step(index, operand, scale, *at_zero),
        }
    }

    /// The source that is read `offset` after the function's argument, if that is neither noisy nor
    /// rounded.
    fn result(&self, index: usize, offset: u64, function: PlannedFunction) -> Planned {
        let is_first = self.given.rotation(index) == index;
        Planned {
            kind: PlannedKind::Result {
                function: self.given.function(index),
                offset,
            },
            function: is_first.then_some(function),
            signal: Signal {
                deviation: self.given.deviation(index),
                grid: self.encodings[index].grid,
                ..Signal::default()
            },
            certainty: Certainty::default(),
        }
    }

    fn smooth(
        &self,
        index: usize,
        op: &Op,
        operand: &Form,
        scale: i32,
    ) -> Result<Planned, PlanError> {
        let range = operand.range();
        let (operand, arrival) = self.whole(operand, scale, range.centre(), None);
        let spread = (arrival.deviation.powi(2) + self.given.noise.before_rotation).sqrt();
        let to_turns = f64::from(scale - 64).exp2();
        let within = self.given.deviations * spread;
        let doubt = within + (arrival.blur + arrival.rounding) * to_turns;
        if doubt.is_nan() || doubt >= 0.25 {
            return Err(PlanError::DrownedArgument { kind: op.kind() });
        }
        let result = self.encodings[index].scale;
        let cells = Cells::smooth(op, range, scale, result);
        let cell = (2 * N) as f64;
        let reach = |turns: f64| (turns * cell).ceil() as usize + 1;
        let extent = 0.5 * range.width() * to_turns * cell;
        let middle = N as f64 / 2.0;
        let from = (middle - extent).floor().max(0.0) as usize;
        let to = ((middle + extent).ceil() as usize).min(N - 1);
        let unit = f64::from(-result).exp2();
        let change = |turns: f64| cells.largest_change(reach(turns), from, to) * unit;
        // The cells themselves, and what reached them.
        let rounding = change(arrival.rounding * to_turns);
        let blur = change(within + arrival.blur * to_turns);
        let table = Table::Cells(cells);
        let mut planned = self.result(index, 0, PlannedFunction { operand, table });
        planned.signal.blur = blur;
        planned.signal.rounding = rounding;
        Ok(planned)
    }

    fn lookup(
        &self,
        index: usize,
        table: &LookupTable,
        operand: &Form,
        scale: i32,
    ) -> Result<Planned, PlanError> {
        let first = operand.range().low.round();
        // The argument is whole; whole weights of whole inputs leave nothing to round.
        let whole = integral_places(operand).is_some_and(|places| places <= 0)
            || self.is_rounded_already(operand);
        let (operand, arrival) = self.whole(operand, scale, first, None);
        let rounding = if whole { 0.0 } else { arrival.rounding };
        let certainty = self.in_box(ExactTable::Lookup, arrival, rounding, scale)?;
        let cells = Cells::lookup(table, first, scale as u32, self.encodings[index].scale);
        let function = PlannedFunction {
            operand,
            table: Table::Cells(cells),
        };
        let mut planned = self.result(index, 0, function);
        planned.certainty = certainty;
        if is_identity(table) {
            planned.signal.rounding = arrival.rounding;
        }
        Ok(planned)
    }

    /// Whether a form is over limbs and exact tables' results alone: what is rounded away before
    /// there were limbs is rounded no further.
    fn is_rounded_already(&self, form: &Form) -> bool {
        form.terms()
            .iter()
            .all(|t| match self.given.source(t.source) {
                Source::Column { .. } => false,
                Source::Limb { .. } => true,
                Source::Function { function, .. } => !matches!(function, Function::Smooth(_)),
            })
    }

    /// A table of whole numbers on the circle, one rotation for all its offsets.
    fn ring(
        &self,
        index: usize,
        (entries, offset): (&Arc<[f64]>, i32),
        decision: Decision,
        (operand, scale): (&Form, i32),
    ) -> Result<Planned, PlanError> {
        let (operand, arrival) = self.whole(operand, scale, 0.0, None);
        // Columns lie on the boxes' grid, and limbs are whole.
        let certainty = self.in_box(ExactTable::Ring, arrival, 0.0, scale)?;
        let cells = Cells::ring(entries, self.encodings[index].scale);
        let function = PlannedFunction {
            operand,
            table: Table::Cells(cells),
        };
        let offset = i64::from(offset).cast_unsigned() << scale;
        let mut planned = self.result(index, offset, function);
        planned.certainty = certainty;
        match decision {
            Decision::None => planned.signal.rounding = arrival.rounding,
            Decision::Within(rounding) => planned.certainty.argument_rounding = rounding,
            Decision::InUnitsOf(unit) => {
                planned.certainty.argument_rounding = unit * arrival.rounding;
            }
        }
        Ok(planned)
    }

    fn step(
        &self,
        index: usize,
        operand: &Form,
        scale: i32,
        at_zero: bool,
    ) -> Result<Planned, PlanError> {
        let bits = self.given.comparison_bits;
        let magnitude = operand.range().magnitude();
        let places = self.given.weight_places(operand, Use::Step, scale);
        let (mut operand, arrival) = self.whole(operand, scale, 0.0, Some(places));
        let finest = 64 - bits;
        if arrival.grid < finest && !operand.terms.is_empty() {
            return Err(PlanError::UnresolvedArgument { bits });
        }
        let grid = arrival.grid.clamp(finest, 62);
        operand.bias = operand.bias.map(|b| between(b, grid, at_zero));
        let result = self.encodings[index].scale as u32;
        let (steps, margins) =
            Steps::new(grid, result).ok_or(PlanError::WideComparison { bits: 64 - grid })?;
        // Only coarse comparisons round by so much that the range overflows the cascade's.
        let reach = (magnitude + arrival.rounding) * f64::from(scale - 64).exp2();
        if reach.is_nan() || reach > margins.reach {
            return Err(PlanError::CoarseComparison { bits });
        }
        let deviations = self.decided(&margins, arrival, scale)?;
        let table = Table::Step(steps);
        let mut planned = self.result(index, 0, PlannedFunction { operand, table });
        planned.certainty = Certainty {
            deviations: Some(deviations),
            levels: margins.count,
            argument_rounding: arrival.rounding,
        };
        Ok(planned)
    }

    /// The least number of standard deviations between a cascade's bootstraps and a wrong decision.
    fn decided(&self, margins: &Margins, arrival: Signal, scale: i32) -> Result<f64, PlanError> {
        // The level before the last multiplies the argument's noise least favourably.
        let factor = margins.last_factor;
        let blur = arrival.blur * f64::from(scale - 64).exp2() * factor;
        let variance = (arrival.deviation * factor).powi(2);
        let sum = f64::from(margins.count) * self.given.noise.bootstrapped;
        let all = [
            margins.inner.map(|inner| (inner - blur, variance)),
            Some((margins.last - blur, variance)),
            margins.sum.map(|margin| (margin, sum)),
        ];
        let mut least = f64::INFINITY;
        for (margin, variance) in all.into_iter().flatten() {
            least = least.min(self.deviations(ExactTable::Step, margin, variance)?);
        }
        Ok(least)
    }

    /// That an argument stays in its box of a table of whole numbers.
    fn in_box(
        &self,
        table: ExactTable,
        arrival: Signal,
        rounding: f64,
        scale: i32,
    ) -> Result<Certainty, PlanError> {
        let half_box = f64::from(scale - 65).exp2();
        let error = (arrival.blur + rounding) * f64::from(scale - 64).exp2();
        let deviations = self.deviations(table, half_box - error, arrival.deviation.powi(2))?;
        Ok(Certainty {
            deviations: Some(deviations),
            ..Certainty::default()
        })
    }

    /// How many standard deviations lie within `margin`, if they are enough.
    fn deviations(&self, table: ExactTable, margin: f64, variance: f64) -> Result<f64, PlanError> {
        let deviations = margin / (variance + self.given.noise.before_rotation).sqrt();
        // NaN is refused, too.
        let wanted = self.given.deviations;
        if deviations >= wanted {
            Ok(deviations)
        } else {
            Err(PlanError::NoisyArgument {
                table,
                deviations,
                wanted,
            })
        }
    }
}

fn is_identity(table: &LookupTable) -> bool {
    let mut entries = table.entries.iter().zip(table.first..);
    entries.all(|(entry, x)| *entry == x as f64)
}

/// The bias with which multiples of `2^grid` become odd multiples of half the grid of the sign
/// that the comparison has: exactly, wherever the bias lies.
fn between(bias: u64, grid: u32, at_zero: bool) -> u64 {
    let half = 1u64 << (grid - 1);
    let below = |phase: u64| phase >> grid << grid;
    let near = below(bias.wrapping_add(ON_GRID));
    // On the grid, zero itself can occur, and goes where the comparison says.
    if bias.wrapping_sub(near).cast_signed().unsigned_abs() <= ON_GRID {
        if at_zero {
            near.wrapping_add(half)
        } else {
            near.wrapping_sub(half)
        }
    } else {
        below(bias).wrapping_add(half)
    }
}
