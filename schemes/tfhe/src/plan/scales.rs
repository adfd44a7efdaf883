//! Scales: every real number of a program becomes a phase on the 64-bit torus.
//!
//! A number `x` at scale `f` has the phase `(x - centre) 2^f`. A form's weights become whole
//! numbers `W = round(w 2^(f_form - f_source))`, so that a weighted sum needs no bootstrap.
//! Scales are powers of two; the place of the weights' last bit is chosen to balance what
//! rounding weights, rounding inputs and noise do to the result.
//!
//! Arguments of exact comparisons must lie on a grid: their inputs are rounded to multiples of
//! `2^grid`, coarse enough for a cascade of bootstraps to resolve.
//!
//! All of it follows from ranges, weights and the noise of single sources, before anything is
//! planned.

use hexperiment_program::Public;

use super::Target;
use crate::algebra::{Form, Function, Source, TABLE_ENTRIES};
use crate::error::PlanError;
use crate::flatten::{Flat, Part};
use crate::parameters::Noise;

/// The share of half a turn that arguments of smooth tables use; rounding takes a little.
const FILL: f64 = 0.93;

/// The share of half a turn that arguments of steps use: a cascade allows `1 - 2^-4`, and half
/// the grid and rounding take some.
const STEP_FILL: f64 = 0.875;

/// Bits of the largest weight that are tried.
const WEIGHT_BITS: std::ops::RangeInclusive<i32> = 0..=44;

/// Binary places up to which whole weights are sought; negative ones are powers of two.
const WHOLE_PLACES: std::ops::RangeInclusive<i32> = -60..=12;

/// What reads a form.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Use {
    Output,
    Smooth,
    Step,
    /// A table of so many entries.
    Lookup(usize),
    /// A table of so many entries on half the circle.
    Ring(usize),
    /// A part of an output of so many values.
    Whole {
        values: u64,
        /// What they are multiples of.
        multiple: f64,
    },
}

impl Use {
    pub(super) fn by_part(part: &Part) -> Self {
        match part.multiple {
            None => Self::Output,
            Some(multiple) => Self::Whole {
                values: (part.form.range().width() / multiple).round() as u64 + 1,
                multiple,
            },
        }
    }

    pub(super) fn by_function(function: &Function, operand: &Form) -> Self {
        match function {
            Function::Smooth(_) => Self::Smooth,
            Function::Step { .. } => Self::Step,
            Function::Lookup(_) => {
                let entries = operand.range().high.round() - operand.range().low.round() + 1.0;
                Self::Lookup(entries as usize)
            }
            Function::Ring { entries, .. } => Self::Ring(entries.len()),
        }
    }
}

/// How a source is written on the torus: phases are `(x - centre) 2^scale`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoding {
    pub(super) scale: i32,
    /// Subtracted before encoding; 0 for all but columns.
    pub(super) centre: f64,
    /// Phases are multiples of `2^grid`.
    pub(super) grid: u32,
}

/// A flattened program, and what decides how precisely it can be planned.
pub(super) struct Given<'a> {
    pub(super) flat: &'a Flat,
    /// Bits of their range that comparisons resolve.
    pub(super) comparison_bits: u32,
    pub(super) noise: Noise,
    /// Standard deviations within which noise changes no result, or none by more than is stated.
    pub(super) deviations: f64,
    /// For each source, the first that is read from the same rotation, or itself.
    rotations: Vec<usize>,
    /// For each source, how many functions come before its own.
    functions: Vec<usize>,
}

impl<'a> Given<'a> {
    pub(super) fn new(flat: &'a Flat, target: Target) -> Self {
        let sources = flat.sources.all().iter().enumerate();
        let rotations = sources.map(|(index, source)| {
            let mut before = flat.sources.all()[..index].iter();
            let first = before.position(|s| s.shares_rotation(source));
            first.unwrap_or(index)
        });
        let rotations: Vec<usize> = rotations.collect();
        let mut functions = Vec::with_capacity(rotations.len());
        let mut count = 0;
        for (index, first) in rotations.iter().enumerate() {
            functions.push(functions.get(*first).copied().unwrap_or(count));
            let is_function = matches!(flat.sources.at(index), Source::Function { .. });
            count += usize::from(is_function && *first == index);
        }
        Self {
            rotations,
            functions,
            flat,
            comparison_bits: target.bits,
            noise: Noise::of(target.set),
            deviations: target.deviations,
        }
    }

    pub(super) fn source(&self, index: usize) -> &'a Source {
        self.flat.sources.at(index)
    }

    /// The first source that is read from the same rotation, or itself: their noise is not
    /// independent.
    pub(super) fn rotation(&self, index: usize) -> usize {
        self.rotations[index]
    }

    /// The index of the function that a source reads.
    pub(super) fn function(&self, index: usize) -> usize {
        self.functions[index]
    }

    /// Standard deviation of a source's noise, in turns.
    pub(super) fn deviation(&self, index: usize) -> f64 {
        let variance = match self.source(index) {
            Source::Column { .. } | Source::Limb { .. } => self.noise.fresh,
            Source::Function { .. } => self.noise.bootstrapped,
        };
        variance.sqrt()
    }

    /// Every source's encoding, or why there is none.
    pub(super) fn encodings(&self) -> Result<Vec<Encoding>, PlanError> {
        let scales = self.scales()?;
        let grids = self.column_grids(&scales);
        let sources = self.flat.sources.all().iter().enumerate();
        let encodings = sources.map(|(index, source)| {
            let scale = scales[index];
            let on_places = |entries: &[f64]| {
                let places = places_of(entries);
                places.map_or(0, |places| (scale - places).clamp(0, 62) as u32)
            };
            match source {
                Source::Column { .. } => {
                    let grid = grids[index];
                    // On the grid, so that whole numbers stay whole.
                    let step = f64::from(grid as i32 - scale).exp2();
                    Encoding {
                        scale,
                        centre: (source.centre() / step).round() * step,
                        grid,
                    }
                }
                Source::Limb { .. } => Encoding {
                    scale,
                    centre: 0.0,
                    grid: scale.clamp(0, 62) as u32,
                },
                Source::Function { function, .. } => Encoding {
                    scale,
                    centre: 0.0,
                    grid: match function {
                        Function::Smooth(_) => 0,
                        Function::Step { .. } => scale as u32,
                        Function::Lookup(table) => on_places(&table.entries),
                        Function::Ring { entries, .. } => on_places(entries),
                    },
                },
            }
        });
        Ok(encodings.collect())
    }

    /// Every source's scale leaves room for the weights of every form that uses it.
    fn scales(&self) -> Result<Vec<i32>, PlanError> {
        let sources = self.flat.sources.all();
        let mut scales: Vec<i32> = sources.iter().map(|s| room(s.half_width())).collect();
        for (form, used) in self.uses() {
            if let Use::Lookup(entries) = used
                && entries > TABLE_ENTRIES
            {
                return Err(PlanError::LongTable { entries });
            }
            let scale = self.form_scale(form, used);
            let places = self.weight_places(form, used, scale);
            let exact = matches!(used, Use::Lookup(_) | Use::Ring(_) | Use::Whole { .. });
            for term in form.terms() {
                // Whole factors need no more room than each of them takes.
                let own = places_of(term.weight.values()).filter(|_| exact);
                let below = scale - own.unwrap_or(places);
                scales[term.source] = scales[term.source].min(below);
            }
        }
        for index in 0..scales.len() {
            let first = self.rotations[index];
            scales[first] = scales[first].min(scales[index]);
        }
        let shared = sources.iter().zip(&self.rotations).map(|(source, first)| {
            let scale = scales[*first];
            match source {
                Source::Function {
                    function: Function::Step { .. },
                    ..
                } => scale.clamp(1, 62),
                _ => scale,
            }
        });
        Ok(shared.collect())
    }

    /// The grids of columns that are compared or read by tables on the circle; 0 for others.
    fn column_grids(&self, scales: &[i32]) -> Vec<u32> {
        let mut grids = vec![0; scales.len()];
        for (form, used) in self.uses() {
            let compared = (used == Use::Step).then(|| self.compared(form));
            for term in form.terms() {
                let column = self.source(term.source);
                if !matches!(column, Source::Column { .. }) {
                    continue;
                }
                let scale = scales[term.source];
                let grid = match (compared, used) {
                    (Some(compared), _) => self.compared_grid(compared, column, scale),
                    // Whole numbers of boxes.
                    (None, Use::Ring(_)) => {
                        let unit = -magnitude(&term.weight).log2().floor() as i32;
                        (scale + unit).clamp(0, 62) as u32
                    }
                    (None, _) => 0,
                };
                grids[term.source] = grids[term.source].max(grid);
            }
        }
        grids
    }

    /// Of a comparison's argument: its scale less the binary places of its weights, and whether
    /// those hold them exactly.
    fn compared(&self, form: &Form) -> (i32, bool) {
        let scale = self.form_scale(form, Use::Step);
        let places = self.weight_places(form, Use::Step, scale);
        (scale - places, integral_places(form) == Some(places))
    }

    /// As fine as comparisons resolve, or as fine as the inputs' precision asks where the weights
    /// are exact.
    fn compared_grid(&self, (below, exact): (i32, bool), column: &Source, scale: i32) -> u32 {
        // Where another form took the scale down, weights make up for it.
        let taken = (below - scale).max(0);
        let finest = (64 - self.comparison_bits as i32 - taken).max(0);
        let precision = column.precision();
        let enough = if exact && precision > 0.0 {
            scale + (2.0 * precision).log2().floor() as i32
        } else {
            0
        };
        enough.clamp(finest, 62) as u32
    }

    fn uses(&self) -> impl Iterator<Item = (&'a Form, Use)> {
        let sources = self.flat.sources.all().iter();
        let arguments = sources.filter_map(|s| match s {
            Source::Function {
                function, operand, ..
            } => Some((operand, Use::by_function(function, operand))),
            Source::Column { .. } | Source::Limb { .. } => None,
        });
        let parts = self.flat.outputs.iter().flatten().flat_map(|o| &o.parts);
        arguments.chain(parts.map(|p| (&p.form, Use::by_part(p))))
    }

    /// The scale that a form's result must have.
    pub(super) fn form_scale(&self, form: &Form, used: Use) -> i32 {
        // Ranges may be known to be narrower than their terms, which must have room, too.
        let terms = form.terms().iter();
        let largest = terms
            .map(|t| magnitude(&t.weight) * self.source(t.source).half_width())
            .fold(0.0, f64::max);
        let fit = |extent: f64, fill: f64| {
            let extent = extent.max(f64::MIN_POSITIVE);
            (63.0 + fill.log2() - extent.log2()).floor().min(900.0) as i32
        };
        let range = form.range();
        match used {
            Use::Whole { values, multiple } => {
                let bits = values.next_power_of_two().ilog2().max(1) as i32;
                64 - bits - multiple.log2() as i32
            }
            Use::Output => room(range.magnitude().max(largest)),
            Use::Step => fit(range.magnitude().max(largest), STEP_FILL),
            Use::Smooth => fit(range.width().max(largest), FILL),
            Use::Lookup(entries) => 63 - entries.next_power_of_two().ilog2() as i32,
            Use::Ring(half) => 63 - half.ilog2() as i32,
        }
    }

    /// Binary places of a form's weights.
    pub(super) fn weight_places(&self, form: &Form, used: Use, scale: i32) -> i32 {
        let integral = integral_places(form);
        if let (Use::Lookup(_) | Use::Ring(_) | Use::Whole { .. }, Some(places)) = (used, integral)
        {
            return places;
        }
        let error = |places: i32| self.error_at(form, used, scale, (places, integral));
        let weights = form.terms().iter().map(|t| magnitude(&t.weight));
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

    /// What rounding and noise do to a form whose weights have `places` binary places; `integral`
    /// ones hold them exactly.
    fn error_at(
        &self,
        form: &Form,
        used: Use,
        scale: i32,
        (places, integral): (i32, Option<i32>),
    ) -> f64 {
        let source_unit = f64::from(places - scale).exp2();
        let finest = f64::from(64 - self.comparison_bits as i32).exp2();
        let mut weights = 0.0;
        let mut inputs = 0.0;
        let mut noise = 0.0;
        for term in form.terms() {
            let source = self.source(term.source);
            let weight = magnitude(&term.weight);
            if integral.is_none_or(|exact| places < exact) {
                weights += 0.5 * f64::from(-places).exp2() * source.half_width();
            }
            let is_column = matches!(source, Source::Column { .. });
            let step = match used {
                // Under whole weights, what the input's precision allows is no error.
                Use::Step
                    if is_column
                        && integral == Some(places)
                        && finest * source_unit <= 2.0 * source.precision() =>
                {
                    0.0
                }
                Use::Step if is_column => finest * source_unit,
                _ => source_unit,
            };
            inputs += 0.5 * weight * step;
            noise += (weight * self.deviation(term.source) * 64f64.exp2() * source_unit).powi(2);
        }
        weights + inputs + self.deviations * noise.sqrt()
    }
}

/// The largest scale at which numbers up to `magnitude` take a quarter turn.
fn room(magnitude: f64) -> i32 {
    (62.0 - magnitude.max(f64::MIN_POSITIVE).log2())
        .floor()
        .min(900.0) as i32
}

pub(super) fn magnitude(public: &Public) -> f64 {
    public.values().iter().fold(0.0, |m, x| m.max(x.abs()))
}

/// The fewest binary places that hold every weight of a form exactly, if there are few.
pub(super) fn integral_places(form: &Form) -> Option<i32> {
    places_of(form.terms().iter().flat_map(|t| t.weight.values()))
}

fn places_of<'a>(numbers: impl IntoIterator<Item = &'a f64>) -> Option<i32> {
    let numbers: Vec<f64> = numbers.into_iter().copied().collect();
    let mut places = WHOLE_PLACES;
    places.find(|places| {
        let lift = f64::from(*places).exp2();
        numbers.iter().all(|x| (x * lift).fract() == 0.0)
    })
}
