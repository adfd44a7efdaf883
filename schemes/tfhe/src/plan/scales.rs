//! Scales: every real number of a program becomes a phase on the 64-bit torus.
//!
//! A number `x` at scale `f` has the phase `(x - centre) 2^f`. A form's weights become whole
//! numbers `W = round(w 2^(f_form - f_source))`, so that a weighted sum needs no bootstrap.
//! Scales are powers of two; the place of the weights' last bit is chosen to balance what
//! rounding weights, rounding inputs and noise do to the result.
//!
//! Arguments of exact comparisons must lie on a grid: their inputs are rounded to multiples of
//! `2^grid`, coarse enough for a cascade of bootstraps to resolve.

use hexperiment_core::program::{Interval, Public};
use hexperiment_core::scheme::Refusal;

use super::Planner;
use crate::form::{Form, Function, Source, TABLE_ENTRIES};
use crate::parameters::{DEVIATIONS, Noise};

/// The share of half a turn that arguments of smooth tables use; rounding takes a little.
const FILL: f64 = 0.93;

/// The share of half a turn that arguments of steps use: a cascade allows `1 - 2^-4`, and half
/// the grid and rounding take some.
const STEP_FILL: f64 = 0.875;

/// Bits of the largest weight that are tried.
const WEIGHT_BITS: std::ops::RangeInclusive<i32> = 0..=44;

/// Binary places up to which whole weights are sought; negative ones are powers of two.
const WHOLE_PLACES: std::ops::RangeInclusive<i32> = -60..=12;

/// What is to become of a form.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Use {
    Output,
    Smooth,
    Step,
    /// Entries of the table.
    Lookup(usize),
    /// Entries of half the circle.
    Ring(usize),
    /// A part of an output that is a whole number of limbs.
    Whole,
}

/// What is known of a source before its scale is chosen, and after.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The farthest that values lie from the centre.
    pub(super) half_width: f64,
    /// Subtracted before encoding; 0 for functions.
    pub(super) centre: f64,
    /// Phases are `(x - centre) 2^scale`.
    pub(super) scale: i32,
    /// Phases are multiples of `2^grid`.
    pub(super) grid: u32,
    /// Standard deviation of the noise, in turns.
    pub(super) deviation: f64,
    /// What its argument's noise may change, in units of its value.
    pub(super) blur: f64,
    /// What rounding may have changed, in units of its value.
    pub(super) rounding: f64,
    /// The error that an input may carry; 0 for functions.
    pub(super) precision: f64,
    /// The first source that is read from the same rotation, or itself: their noise is not
    /// independent.
    pub(super) rotation: usize,
}

impl Known {
    pub(super) fn new(source: &Source, noise: Noise, rotation: usize) -> Self {
        let (range, deviation, precision) = match source {
            Source::Column {
                range, precision, ..
            } => (*range, noise.fresh.sqrt(), *precision),
            Source::Digit { digit, .. } => {
                (Interval::new(0.0, digit.largest()), noise.fresh.sqrt(), 0.0)
            }
            Source::Function { range, .. } => (*range, noise.bootstrapped.sqrt(), 0.0),
        };
        let centred = matches!(source, Source::Column { .. });
        let half_width = if centred {
            0.5 * range.width()
        } else {
            range.magnitude()
        };
        Self {
            half_width,
            centre: if centred { range.centre() } else { 0.0 },
            scale: room(half_width),
            grid: 0,
            deviation,
            blur: 0.0,
            rounding: 0.0,
            precision,
            rotation,
        }
    }
}

/// The largest scale at which numbers up to `magnitude` take a quarter turn.
fn room(magnitude: f64) -> i32 {
    (62.0 - magnitude.max(f64::MIN_POSITIVE).log2())
        .floor()
        .min(900.0) as i32
}

impl Planner<'_> {
    /// The scale that a form's result must have.
    pub(super) fn form_scale(&self, form: &Form, used: Use) -> i32 {
        // Ranges may be known to be narrower than their terms, which must have room, too.
        let terms = form.terms.iter();
        let largest = terms
            .map(|t| magnitude(&t.weight) * self.known[t.source].half_width)
            .fold(0.0, f64::max);
        let fit = |extent: f64, fill: f64| {
            let extent = extent.max(f64::MIN_POSITIVE);
            (63.0 + fill.log2() - extent.log2()).floor().min(900.0) as i32
        };
        match used {
            Use::Output | Use::Whole => room(form.range.magnitude().max(largest)),
            Use::Step => fit(form.range.magnitude().max(largest), STEP_FILL),
            Use::Smooth => fit(form.range.width().max(largest), FILL),
            Use::Lookup(entries) => 63 - entries.next_power_of_two().ilog2() as i32,
            Use::Ring(half) => 63 - half.ilog2() as i32,
        }
    }

    fn uses(&self) -> Vec<(&Form, Use)> {
        let arguments = self.flat.sources.iter().filter_map(|s| match s {
            Source::Function {
                function, operand, ..
            } => Some((operand, used_by(function, operand))),
            Source::Column { .. } | Source::Digit { .. } => None,
        });
        let parts = self.flat.outputs.iter().flatten().flat_map(|o| &o.parts);
        let outputs = parts.map(|p| {
            let used = p.multiple.map_or(Use::Output, |_| Use::Whole);
            (&p.form, used)
        });
        arguments.chain(outputs).collect()
    }

    /// Every source's scale leaves room for the weights of every form that uses it.
    pub(super) fn choose_scales(&mut self) -> Result<(), Refusal> {
        let mut scales: Vec<i32> = self.known.iter().map(|k| k.scale).collect();
        for (form, used) in self.uses() {
            if let Use::Lookup(entries) = used
                && entries > TABLE_ENTRIES
            {
                return Err(Refusal::because(
                    "lookup",
                    format!(
                        "a table of {entries} entries; one bootstrap of this parameter set \
                         resolves {TABLE_ENTRIES} exactly, so split the argument into digits"
                    ),
                ));
            }
            let scale = self.form_scale(form, used);
            let below = scale - self.weight_places(form, used, scale);
            for term in &form.terms {
                scales[term.source] = scales[term.source].min(below);
            }
        }
        for (index, known) in self.known.iter().enumerate() {
            let first = known.rotation;
            scales[first] = scales[first].min(scales[index]);
        }
        for (index, known) in self.known.iter_mut().enumerate() {
            known.scale = scales[known.rotation];
            if matches!(self.flat.sources[index], Source::Digit { .. }) {
                known.grid = known.scale.clamp(0, 62) as u32;
            }
        }
        let grids: Vec<(usize, u32)> = self
            .uses()
            .into_iter()
            .filter(|(_, used)| matches!(used, Use::Step | Use::Ring(_)))
            .flat_map(|(form, used)| {
                let grid = match used {
                    Use::Step => self.input_grid(form),
                    _ => self.box_grid(form),
                };
                form.terms.iter().map(move |t| t.source).zip(grid)
            })
            .collect();
        for (source, grid) in grids {
            if matches!(self.flat.sources[source], Source::Column { .. }) {
                let known = &mut self.known[source];
                known.grid = known.grid.max(grid);
            }
        }
        Ok(())
    }

    /// The grids of a comparison's sources: as fine as comparisons resolve, or as fine as the
    /// inputs' precision asks where the weights are whole.
    fn input_grid(&self, form: &Form) -> Vec<u32> {
        let scale = self.form_scale(form, Use::Step);
        let places = self.weight_places(form, Use::Step, scale);
        let whole = integral_places(form) == Some(places);
        let grids = form.terms.iter().map(|term| {
            let known = &self.known[term.source];
            // Where another form took the scale down, weights make up for it.
            let taken = (scale - places - known.scale).max(0);
            let finest = (64 - self.comparison_bits as i32 - taken).max(0);
            let enough = if whole && known.precision > 0.0 {
                known.scale + (2.0 * known.precision).log2().floor() as i32
            } else {
                0
            };
            enough.clamp(finest, 62) as u32
        });
        grids.collect()
    }

    /// The grids of columns that are to be whole numbers of boxes.
    fn box_grid(&self, form: &Form) -> Vec<u32> {
        let grids = form.terms.iter().map(|term| {
            let unit = -magnitude(&term.weight).log2().floor() as i32;
            (self.known[term.source].scale + unit).clamp(0, 62) as u32
        });
        grids.collect()
    }

    /// Binary places of a form's weights.
    pub(super) fn weight_places(&self, form: &Form, used: Use, scale: i32) -> i32 {
        let integral = integral_places(form);
        if let (Use::Lookup(_) | Use::Ring(_) | Use::Whole, Some(places)) = (used, integral) {
            return places;
        }
        let error = |places: i32| {
            let source_unit = f64::from(places - scale).exp2();
            let finest = f64::from(64 - self.comparison_bits as i32).exp2();
            let mut weights = 0.0;
            let mut inputs = 0.0;
            let mut noise = 0.0;
            for term in &form.terms {
                let known = &self.known[term.source];
                let weight = magnitude(&term.weight);
                if integral.is_none_or(|exact| places < exact) {
                    weights += 0.5 * f64::from(-places).exp2() * known.half_width;
                }
                let is_column = matches!(self.flat.sources[term.source], Source::Column { .. });
                let step = match used {
                    // Under whole weights, what the input's precision allows is no error.
                    Use::Step
                        if is_column
                            && integral == Some(places)
                            && finest * source_unit <= 2.0 * known.precision =>
                    {
                        0.0
                    }
                    Use::Step if is_column => finest * source_unit,
                    _ => source_unit,
                };
                inputs += 0.5 * weight * step;
                noise += (weight * known.deviation * 64f64.exp2() * source_unit).powi(2);
            }
            weights + inputs + DEVIATIONS * noise.sqrt()
        };
        let weights = form.terms.iter().map(|t| magnitude(&t.weight));
        let largest = weights.fold(0.0, f64::max);
        let first = if largest > 0.0 {
            -largest.log2().ceil() as i32
        } else {
            0
        };
        let best = WEIGHT_BITS
            .map(|bits| first + bits)
            .min_by(|a, b| error(*a).total_cmp(&error(*b)))
            .unwrap_or(1);
        // Exact weights keep whole numbers whole, unless they are so wide that they cost more.
        integral
            .filter(|exact| error(*exact) <= 2.0 * error(best))
            .unwrap_or(best)
    }
}

pub(super) fn used_by(function: &Function, operand: &Form) -> Use {
    match function {
        Function::Smooth(_) => Use::Smooth,
        Function::Step { .. } => Use::Step,
        Function::Lookup(_) => {
            let entries = operand.range.high.round() - operand.range.low.round() + 1.0;
            Use::Lookup(entries as usize)
        }
        Function::Ring { entries, .. } => Use::Ring(entries.len()),
    }
}

pub(super) fn magnitude(public: &Public) -> f64 {
    public.values().iter().fold(0.0, |m, x| m.max(x.abs()))
}

/// The fewest binary places that hold every weight of a form exactly, if there are few.
pub(super) fn integral_places(form: &Form) -> Option<i32> {
    let weights = form.terms.iter().flat_map(|t| t.weight.values());
    places_of(weights)
}

pub(super) fn places_of<'a>(numbers: impl IntoIterator<Item = &'a f64>) -> Option<i32> {
    let numbers: Vec<f64> = numbers.into_iter().copied().collect();
    let mut places = WHOLE_PLACES;
    places.find(|places| {
        let lift = f64::from(*places).exp2();
        numbers.iter().all(|x| (x * lift).fract() == 0.0)
    })
}
