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

use crate::form::{Flat, Form, Function, Gather, Source, TABLE_ENTRIES};
use crate::parameters::{DEVIATIONS, N, Noise, log2_failure};
use crate::table::{Table, sensitivity, to_phase};

/// The share of half a turn that arguments of smooth tables use; rounding takes a little.
const FILL: f64 = 0.93;

/// The share of half a turn that arguments of steps use: a cascade allows `1 - 2^-4`, and half
/// the grid and rounding take some.
const STEP_FILL: f64 = 0.875;

/// Biases of comparisons so near to the grid lie on it: doubles are no more precise.
const ON_GRID: u64 = 1 << 16;

/// Bits of the largest weight that are tried.
const WEIGHT_BITS: std::ops::RangeInclusive<i32> = 0..=44;

/// Binary places up to which whole weights are sought; negative ones are powers of two.
const WHOLE_PLACES: std::ops::RangeInclusive<i32> = -60..=12;

/// A number for all elements, or one for each.
#[derive(Clone, Debug)]
pub(crate) enum Words {
    /// For all.
    Scalar(u64),
    /// For each.
    Vector(Vec<u64>),
}

impl Words {
    /// The number that meets element `index`.
    pub(crate) fn at(&self, index: usize) -> u64 {
        match self {
            Self::Scalar(x) => *x,
            Self::Vector(xs) => xs[index],
        }
    }

    fn values(&self) -> &[u64] {
        match self {
            Self::Scalar(x) => std::slice::from_ref(x),
            Self::Vector(xs) => xs,
        }
    }

    fn from(public: &Public, f: impl Fn(f64) -> u64) -> Self {
        match public {
            Public::Scalar(x) => Self::Scalar(f(*x)),
            Public::Vector(xs) => Self::Vector(xs.iter().map(|x| f(*x)).collect()),
        }
    }
}

/// A summand with a whole factor (mod 2^64).
#[derive(Clone, Debug)]
pub(crate) struct WholeTerm {
    /// Which source.
    pub(crate) source: usize,
    /// Which of its elements.
    pub(crate) gather: Gather,
    /// The factor.
    pub(crate) weight: Words,
}

/// A form in whole numbers.
#[derive(Clone, Debug)]
pub(crate) struct WholeForm {
    /// The summands.
    pub(crate) terms: Vec<WholeTerm>,
    /// The phase that is added.
    pub(crate) bias: Words,
    /// Elements.
    pub(crate) length: usize,
    /// The result's scale.
    pub(crate) scale: i32,
}

/// A source with its scale.
#[derive(Debug)]
pub(crate) struct PlannedSource {
    /// Numbers are phases over `2^scale`.
    pub(crate) scale: i32,
    /// What it is.
    pub(crate) kind: PlannedKind,
}

/// What a source is.
#[derive(Debug)]
pub(crate) enum PlannedKind {
    /// A column of an input.
    Column {
        /// Which input.
        input: usize,
        /// Which column.
        column: usize,
        /// Subtracted before encoding.
        centre: f64,
        /// Phases are multiples of `2^grid`.
        grid: u32,
    },
    /// A function of a form.
    Function {
        /// The argument.
        operand: WholeForm,
        /// How it is evaluated.
        table: Table,
    },
}

/// One column of an output.
#[derive(Debug)]
pub(crate) struct PlannedOutput {
    /// What is computed.
    pub(crate) form: WholeForm,
    /// Decrypted phases are rounded to multiples of `2^grid`, which noise cannot change.
    pub(crate) exact_grid: Option<u32>,
    /// Bits of each word that are sent.
    pub(crate) sent_bits: u32,
    /// The largest error that noise may cause.
    pub(crate) tolerance: f64,
    /// A bound of what rounding inputs and weights does to it, smooth tables' cells aside.
    pub(crate) rounding: f64,
}

/// A program in whole numbers.
#[derive(Debug)]
pub(crate) struct Plan {
    /// In an order in which each needs only those before it.
    pub(crate) sources: Vec<PlannedSource>,
    /// For each output, its columns.
    pub(crate) outputs: Vec<Vec<PlannedOutput>>,
    /// The least number of standard deviations between a bootstrap and a wrong result.
    pub(crate) deviations: Option<f64>,
    /// Levels of the widest comparison.
    pub(crate) levels: u32,
    /// A bound of what rounding does to the arguments of comparisons.
    pub(crate) argument_rounding: f64,
}

impl Plan {
    /// Bootstraps in one evaluation.
    pub(crate) fn bootstraps(&self) -> u64 {
        self.functions()
            .map(|(operand, table)| table.bootstraps() * operand.length as u64)
            .sum()
    }

    /// All functions with their arguments.
    pub(crate) fn functions(&self) -> impl Iterator<Item = (&WholeForm, &Table)> {
        self.sources.iter().filter_map(|s| match &s.kind {
            PlannedKind::Function { operand, table } => Some((operand, table)),
            PlannedKind::Column { .. } => None,
        })
    }

    /// All forms: arguments and outputs.
    pub(crate) fn forms(&self) -> impl Iterator<Item = &WholeForm> {
        let outputs = self.outputs.iter().flatten().map(|o| &o.form);
        self.functions().map(|(operand, _)| operand).chain(outputs)
    }
}

/// What is to become of a form.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Output,
    Smooth,
    Step,
    /// Entries of the table.
    Lookup(usize),
}

/// What is known of a source before its scale is chosen, and after.
#[derive(Clone, Debug)]
struct Known {
    half_width: f64,
    centre: f64,
    scale: i32,
    /// Phases are multiples of `2^grid`.
    grid: u32,
    /// Standard deviation of the noise, in turns.
    deviation: f64,
    /// What its argument's noise may change, in units of its value.
    blur: f64,
    /// What rounding may have changed, in units of its value.
    rounding: f64,
    precision: f64,
}

struct Planner<'a> {
    flat: &'a Flat,
    noise: Noise,
    comparison_bits: u32,
    known: Vec<Known>,
    deviations: Option<f64>,
    levels: u32,
    argument_rounding: f64,
}

/// Plans a flattened program; comparisons resolve `comparison_bits` bits of their range.
pub(crate) fn plan(flat: &Flat, comparison_bits: u32) -> Result<Plan, Refusal> {
    let noise = Noise::new();
    let known = flat.sources.iter().map(|s| Known::new(s, noise)).collect();
    let mut planner = Planner {
        flat,
        noise,
        comparison_bits,
        known,
        deviations: None,
        levels: 0,
        argument_rounding: 0.0,
    };
    planner.choose_scales()?;
    let mut sources = Vec::new();
    for (index, source) in flat.sources.iter().enumerate() {
        let kind = planner.source(index, source)?;
        let scale = planner.known[index].scale;
        sources.push(PlannedSource { scale, kind });
    }
    let outputs = flat
        .outputs
        .iter()
        .map(|columns| columns.iter().map(|f| planner.output(f)).collect())
        .collect::<Result<_, _>>()?;
    Ok(Plan {
        sources,
        outputs,
        deviations: planner.deviations,
        levels: planner.levels,
        argument_rounding: planner.argument_rounding,
    })
}

impl Known {
    fn new(source: &Source, noise: Noise) -> Self {
        let (range, deviation, precision) = match source {
            Source::Column {
                range, precision, ..
            } => (*range, noise.fresh.sqrt(), *precision),
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
    fn form_scale(&self, form: &Form, used: Use) -> i32 {
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
            Use::Output => room(form.range.magnitude().max(largest)),
            Use::Step => fit(form.range.magnitude().max(largest), STEP_FILL),
            Use::Smooth => fit(form.range.width().max(largest), FILL),
            Use::Lookup(entries) => 63 - entries.next_power_of_two().ilog2() as i32,
        }
    }

    fn uses(&self) -> Vec<(&Form, Use)> {
        let arguments = self.flat.sources.iter().filter_map(|s| match s {
            Source::Function {
                function, operand, ..
            } => Some((operand, used_by(function, operand))),
            Source::Column { .. } => None,
        });
        let outputs = self.flat.outputs.iter().flatten();
        arguments.chain(outputs.map(|f| (f, Use::Output))).collect()
    }

    /// Every source's scale leaves room for the weights of every form that uses it.
    fn choose_scales(&mut self) -> Result<(), Refusal> {
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
        for (known, scale) in self.known.iter_mut().zip(scales) {
            known.scale = scale;
        }
        let grids: Vec<(usize, u32)> = self
            .uses()
            .into_iter()
            .filter(|(_, used)| *used == Use::Step)
            .flat_map(|(form, _)| {
                let grid = self.input_grid(form);
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

    /// Binary places of a form's weights.
    fn weight_places(&self, form: &Form, used: Use, scale: i32) -> i32 {
        let integral = integral_places(form);
        if let (Use::Lookup(_), Some(places)) = (used, integral) {
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

    /// Turns a form into whole numbers. Also: its noise, in turns; its blur and its rounding, in
    /// units of its value; its grid.
    /// Weights are rounded to `places`, or as fine as the sources' scales let them.
    fn whole(
        &self,
        form: &Form,
        scale: i32,
        centre: f64,
        places: Option<i32>,
    ) -> (WholeForm, Arrival) {
        let mut arrival = Arrival {
            deviation: 0.0,
            blur: 0.0,
            rounding: 0.0,
            grid: if form.terms.is_empty() { 0 } else { 63 },
        };
        let mut bias = form.bias.map(|b| b - centre);
        let mut variance = 0.0;
        let mut by_source: std::collections::BTreeMap<usize, f64> =
            std::collections::BTreeMap::new();
        let mut terms = Vec::new();
        for term in &form.terms {
            let known = &self.known[term.source];
            let lift = scale - known.scale;
            bias = bias.zip(&term.weight, |b, w| b + w * known.centre);
            let kept = places.map_or(lift, |p| p.min(lift));
            let weight = Words::from(&term.weight, |w| {
                let shift = u32::try_from(lift - kept).unwrap_or(0);
                to_phase(w, kept).checked_shl(shift).unwrap_or(0)
            });
            // Of the real weights: what wraps is noticed by the noise that it brings.
            let largest = (magnitude(&term.weight) * f64::from(lift).exp2()).round();
            *by_source.entry(term.source).or_default() += largest;
            for (w, real) in weight.values().iter().zip(term.weight.values()) {
                let whole = w.cast_signed() as f64 * f64::from(-lift).exp2();
                let off = (whole - real).abs() * known.half_width;
                // The greatest over the elements, for each term.
                arrival.rounding = arrival.rounding.max(off);
            }
            let zeros = weight
                .values()
                .iter()
                .filter(|w| **w != 0)
                .map(|w| w.trailing_zeros())
                .min();
            if let Some(zeros) = zeros {
                arrival.grid = arrival.grid.min(known.grid + zeros);
            }
            arrival.blur += magnitude(&term.weight) * known.blur;
            terms.push(WholeTerm {
                source: term.source,
                gather: term.gather.clone(),
                weight,
            });
        }
        arrival.rounding *= form.terms.len() as f64;
        for (source, weight) in by_source {
            let known = &self.known[source];
            // Terms that read one source may meet the same element: their noise adds up.
            variance += (weight * known.deviation).powi(2);
            let step = f64::from(known.grid as i32 - known.scale).exp2();
            let input = match self.flat.sources[source] {
                Source::Column { .. } => 0.5 * step,
                Source::Function { .. } => known.rounding,
            };
            arrival.rounding += weight * f64::from(known.scale - scale).exp2() * input;
        }
        arrival.deviation = variance.sqrt();
        let whole = WholeForm {
            terms,
            bias: Words::from(&bias, |b| to_phase(b, scale)),
            length: form.length,
            scale,
        };
        (whole, arrival)
    }

    fn source(&mut self, index: usize, source: &Source) -> Result<PlannedKind, Refusal> {
        match source {
            Source::Column { input, column, .. } => {
                let known = &mut self.known[index];
                // On the grid, so that whole numbers stay whole.
                let step = f64::from(known.grid as i32 - known.scale).exp2();
                known.centre = (known.centre / step).round() * step;
                Ok(PlannedKind::Column {
                    input: *input,
                    column: *column,
                    centre: known.centre,
                    grid: known.grid,
                })
            }
            Source::Function {
                function, operand, ..
            } => self.function(index, function, operand),
        }
    }

    fn function(
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
                let whole = integral_places(operand).is_some_and(|places| places <= 0);
                let (operand, arrival) = self.whole(operand, scale, first, None);
                let half_box = f64::from(scale - 65).exp2();
                let rounding = if whole { 0.0 } else { arrival.rounding };
                let error = (arrival.blur + rounding) * f64::from(scale - 64).exp2();
                self.require("lookup", half_box - error, arrival.deviation, 0.0)?;
                let known = &mut self.known[index];
                if let Some(places) = places_of(table.entries.iter()) {
                    known.grid = (known.scale - places).clamp(0, 62) as u32;
                }
                let table = Table::lookup(table, first, scale as u32, known.scale);
                Ok(PlannedKind::Function { operand, table })
            }
            Function::Step { at_zero } => self.step(index, operand, scale, *at_zero),
        }
    }

    fn smooth(
        &mut self,
        index: usize,
        op: &hexperiment_core::program::Op,
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
        Ok(PlannedKind::Function { operand, table })
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
        Ok(PlannedKind::Function { operand, table })
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

    fn output(&self, form: &Form) -> Result<PlannedOutput, Refusal> {
        let scale = self.form_scale(form, Use::Output);
        let (whole, arrival) = self.whole(form, scale, 0.0, None);
        let words = 64f64.exp2();
        let sent_noise = |bits: u32| {
            // Each word of a ciphertext rounded: every secret bit may let one through.
            let unit = f64::from(-(bits as i32)).exp2();
            SIZE_AND_BODY * unit * unit / 12.0
        };
        let fits =
            |deviation: f64, grid: u32| DEVIATIONS * deviation < f64::from(grid as i32 - 65).exp2();
        let bias_on_grid = |grid: u32| {
            whole
                .bias
                .values()
                .iter()
                .all(|b| b.trailing_zeros() >= grid)
        };
        let exact_grid = (arrival.blur == 0.0
            && arrival.grid > 0
            && fits(arrival.deviation, arrival.grid)
            && bias_on_grid(arrival.grid))
        .then_some(arrival.grid);
        let enough = |bits: &u32| {
            let added = sent_noise(*bits);
            match exact_grid {
                Some(grid) => fits((arrival.deviation.powi(2) + added).sqrt(), grid),
                None => added <= 0.25 * arrival.deviation.powi(2),
            }
        };
        let sent_bits = (2..8).map(|bytes| 8 * bytes).find(enough).unwrap_or(64);
        let deviation = (arrival.deviation.powi(2) + sent_noise(sent_bits)).sqrt();
        let tolerance = match exact_grid {
            Some(_) => 0.0,
            None => DEVIATIONS * deviation * words * f64::from(-scale).exp2() + arrival.blur,
        };
        let extent = form.range.magnitude() + arrival.rounding + tolerance;
        // Beyond half a turn the result would wrap around.
        if extent.is_nan() || extent * f64::from(scale - 64).exp2() >= 0.5 {
            return Err(Refusal::because(
                "precision",
                format!(
                    "rounding by {:.1e} and noise of {tolerance:.1e} would drown an output of at \
                     most {:.1e}; use smaller weights, or raise `comparison_bits`",
                    arrival.rounding,
                    form.range.magnitude()
                ),
            ));
        }
        Ok(PlannedOutput {
            form: whole,
            exact_grid,
            sent_bits,
            tolerance,
            rounding: arrival.rounding,
        })
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

/// Words of a ciphertext, the body included.
const SIZE_AND_BODY: f64 = (N + 1) as f64;

/// How a form arrives.
struct Arrival {
    /// Standard deviation of its noise, in turns.
    deviation: f64,
    /// What smooth tables' arguments' noise may have changed, in units of its value.
    blur: f64,
    /// What rounding may have changed, in units of its value.
    rounding: f64,
    /// Its phases are multiples of `2^grid`, the bias aside.
    grid: u32,
}

fn used_by(function: &Function, operand: &Form) -> Use {
    match function {
        Function::Smooth(_) => Use::Smooth,
        Function::Step { .. } => Use::Step,
        Function::Lookup(_) => {
            let entries = operand.range.high.round() - operand.range.low.round() + 1.0;
            Use::Lookup(entries as usize)
        }
    }
}

fn magnitude(public: &Public) -> f64 {
    public.values().iter().fold(0.0, |m, x| m.max(x.abs()))
}

/// The fewest binary places that hold every weight of a form exactly, if there are few.
fn integral_places(form: &Form) -> Option<i32> {
    let weights = form.terms.iter().flat_map(|t| t.weight.values());
    places_of(weights)
}

fn places_of<'a>(numbers: impl IntoIterator<Item = &'a f64>) -> Option<i32> {
    let numbers: Vec<f64> = numbers.into_iter().copied().collect();
    let mut places = WHOLE_PLACES;
    places.find(|places| {
        let lift = f64::from(*places).exp2();
        numbers.iter().all(|x| (x * lift).fract() == 0.0)
    })
}
