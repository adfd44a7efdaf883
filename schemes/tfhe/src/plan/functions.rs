//! Functions by table, and how far their arguments' noise stays from a wrong result.

use hexperiment_core::program::{Interval, LookupTable, Op};
use hexperiment_core::scheme::Refusal;

use super::scales::{Use, integral_places, places_of, used_by};
use super::{PlannedKind, Planner, WholeForm, Words};
use crate::form::{Doubt, Form, Function, Source};
use crate::parameters::{DEVIATIONS, N, log2_failure};
use crate::table::{Table, sensitivity};

/// Biases of comparisons so near to the grid lie on it: doubles are no more precise.
const ON_GRID: u64 = 1 << 16;

impl Planner<'_> {
    pub(super) fn function(
        &mut self,
        index: usize,
        function: &Function,
        operand: &Form,
    ) -> Result<PlannedKind, Refusal> {
        let scale = self.form_scale(operand, used_by(function, operand));
        match function {
            Function::Smooth(op) => self.smooth(index, op, operand, scale),
            Function::Lookup(table) => {
                let first = operand.range.low.round();
                // The argument is whole; whole weights of whole inputs leave nothing to round.
                let whole = integral_places(operand).is_some_and(|places| places <= 0)
                    || self.is_of_digits(operand);
                let (operand, arrival) = self.whole(operand, scale, first, None);
                let half_box = f64::from(scale - 65).exp2();
                let rounding = if whole { 0.0 } else { arrival.rounding };
                let error = (arrival.blur + rounding) * f64::from(scale - 64).exp2();
                self.require("lookup", half_box - error, arrival.deviation, 0.0)?;
                let known = &mut self.known[index];
                if is_identity(table) {
                    known.rounding = arrival.rounding;
                }
                if let Some(places) = places_of(table.entries.iter()) {
                    known.grid = (known.scale - places).clamp(0, 62) as u32;
                }
                let table = Table::lookup(table, first, scale as u32, known.scale);
                Ok(by_table(operand, table))
            }
            Function::Ring {
                entries,
                offset,
                doubt,
            } => self.ring(index, entries, (*offset, *doubt), operand, scale),
            Function::Step { at_zero } => self.step(index, operand, scale, *at_zero),
        }
    }

    /// Whether a form is over digits and exact tables' results alone: what is rounded away before
    /// there were digits is rounded no further.
    fn is_of_digits(&self, form: &Form) -> bool {
        form.terms
            .iter()
            .all(|t| match &self.flat.sources[t.source] {
                Source::Column { .. } => false,
                Source::Digit { .. } => true,
                Source::Function { function, .. } => !matches!(function, Function::Smooth(_)),
            })
    }

    fn smooth(
        &mut self,
        index: usize,
        op: &Op,
        operand: &Form,
        scale: i32,
    ) -> Result<PlannedKind, Refusal> {
        let range: Interval = operand.range;
        let (operand, arrival) = self.whole(operand, scale, range.centre(), None);
        let result = self.known[index].scale;
        let table = Table::smooth(op, range, scale, result);
        if let Table::Cells { cells, .. } = &table {
            let spread = (arrival.deviation.powi(2) + self.noise.before_rotation).sqrt();
            let to_turns = f64::from(scale - 64).exp2();
            let doubt = DEVIATIONS * spread + (arrival.blur + arrival.rounding) * to_turns;
            if doubt.is_nan() || doubt >= 0.25 {
                return Err(Refusal::of(
                    op.kind(),
                    "noise and rounding drown its argument; use smaller weights or fewer summands \
                     before it",
                ));
            }
            let cell = (2 * N) as f64;
            let reach = |turns: f64| (turns * cell).ceil() as usize;
            let extent = 0.5 * range.width() * to_turns * cell;
            let (from, to) = (N as f64 / 2.0 - extent, N as f64 / 2.0 + extent);
            let (from, to) = (
                from.floor().max(0.0) as usize,
                (to.ceil() as usize).min(N - 1),
            );
            let unit = f64::from(-result).exp2();
            let blur = reach(DEVIATIONS * spread + arrival.blur * to_turns) + 1;
            self.known[index].blur = sensitivity(cells, blur, from, to) * unit;
            // The cells themselves, and what reached them.
            let rounding = reach(arrival.rounding * to_turns) + 1;
            self.known[index].rounding = sensitivity(cells, rounding, from, to) * unit;
        }
        Ok(by_table(operand, table))
    }

    /// A table of whole numbers on the circle, one rotation for all its offsets.
    fn ring(
        &mut self,
        index: usize,
        entries: &[f64],
        (offset, doubt): (i32, Doubt),
        operand: &Form,
        scale: i32,
    ) -> Result<PlannedKind, Refusal> {
        let (operand, arrival) = self.whole(operand, scale, 0.0, None);
        // Columns lie on the boxes' grid, and digits are whole.
        let half_box = f64::from(scale - 65).exp2();
        let error = arrival.blur * f64::from(scale - 64).exp2();
        self.require("max", half_box - error, arrival.deviation, 0.0)?;
        let result = self.known[index].scale;
        let known = &mut self.known[index];
        if let Some(places) = places_of(entries) {
            known.grid = (result - places).clamp(0, 62) as u32;
        }
        let doubted = match doubt {
            Doubt::Apart => {
                known.rounding = arrival.rounding;
                0.0
            }
            Doubt::Known(doubted) => doubted,
            Doubt::Unit(unit) => unit * arrival.rounding,
        };
        self.argument_rounding = self.argument_rounding.max(doubted);
        let offset = i64::from(offset).cast_unsigned() << scale;
        let of = known.rotation;
        Ok(if of == index {
            let table = Table::ring(entries, result);
            PlannedKind::Function {
                operand,
                table,
                offset,
            }
        } else {
            PlannedKind::Again { of, offset }
        })
    }

    fn step(
        &mut self,
        index: usize,
        operand: &Form,
        scale: i32,
        at_zero: bool,
    ) -> Result<PlannedKind, Refusal> {
        let magnitude = operand.range.magnitude();
        let places = self.weight_places(operand, Use::Step, scale);
        let (mut operand, arrival) = self.whole(operand, scale, 0.0, Some(places));
        let finest = 64 - self.comparison_bits;
        if arrival.grid < finest && !operand.terms.is_empty() {
            return Err(Refusal::because(
                "step",
                format!(
                    "its argument holds results of tables that {} bits do not resolve exactly: a \
                     smooth function's, or a sum of wide whole numbers; compare before them",
                    self.comparison_bits
                ),
            ));
        }
        let grid = arrival.grid.clamp(finest, 62);
        operand.bias = match operand.bias {
            Words::Scalar(b) => Words::Scalar(between(b, grid, at_zero)),
            Words::Vector(bs) => {
                Words::Vector(bs.into_iter().map(|b| between(b, grid, at_zero)).collect())
            }
        };
        let result = self.known[index].scale.clamp(1, 62) as u32;
        let (table, margins) = Table::step(grid, result).ok_or_else(|| {
            Refusal::because("step", format!("a comparison of {} bits", 64 - grid))
        })?;
        // Only coarse comparisons round by so much that the range overflows the cascade's.
        let reach = (magnitude + arrival.rounding) * f64::from(scale - 64).exp2();
        if reach.is_nan() || reach > margins.reach {
            return Err(Refusal::because(
                "step",
                format!(
                    "comparisons of {} bits round too much here; raise `comparison_bits`, or use \
                     weights of fewer digits",
                    self.comparison_bits
                ),
            ));
        }
        let blur = arrival.blur * f64::from(scale - 64).exp2();
        let noisy = arrival.deviation;
        if let Some(inner) = margins.inner {
            // The level before the last multiplies the argument's noise least favourably.
            self.require(
                "step",
                inner - blur * margins.last_factor,
                noisy * margins.last_factor,
                0.0,
            )?;
        }
        self.require(
            "step",
            margins.last - blur * margins.last_factor,
            noisy * margins.last_factor,
            0.0,
        )?;
        if let Some(sum) = margins.sum {
            let levels = f64::from(margins.count) * self.noise.bootstrapped;
            self.require("step", sum, 0.0, levels)?;
        }
        self.levels = self.levels.max(margins.count);
        self.argument_rounding = self.argument_rounding.max(arrival.rounding);
        let known = &mut self.known[index];
        known.scale = result as i32;
        known.grid = result;
        Ok(by_table(operand, table))
    }

    /// Notes how many standard deviations lie within `margin`, and refuses too few.
    fn require(
        &mut self,
        what: &str,
        margin: f64,
        deviation: f64,
        variance: f64,
    ) -> Result<(), Refusal> {
        let total = deviation.powi(2) + variance + self.noise.before_rotation;
        let deviations = margin / total.sqrt();
        self.deviations = Some(self.deviations.map_or(deviations, |d| d.min(deviations)));
        // NaN is refused, too.
        if deviations >= DEVIATIONS {
            return Ok(());
        }
        Err(Refusal::because(
            what,
            format!(
                "its argument is too noisy: a wrong result with probability 2^{:.0}, at most 2^-128 \
                 is wanted; use smaller weights or fewer summands before it",
                log2_failure(deviations)
            ),
        ))
    }
}

fn is_identity(table: &LookupTable) -> bool {
    let mut entries = table.entries.iter().zip(table.first..);
    entries.all(|(entry, x)| *entry == x as f64)
}

fn by_table(operand: WholeForm, table: Table) -> PlannedKind {
    PlannedKind::Function {
        operand,
        table,
        offset: 0,
    }
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
