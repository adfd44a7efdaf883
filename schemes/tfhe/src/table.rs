//! Look-up tables for the programmable bootstrap.
//!
//! A bootstrap reads the phase `p` of a ciphertext (in turns) at `2 N` places and yields entry
//! `2 N p` of a table of `N` entries; it is *negacyclic*: half a turn further it yields the
//! negative (Chillotti, Gama, Georgieva, Izabachène, *TFHE*, J. Cryptology 2020, section 5).
//!
//! **Steps, exactly.** A sign read by one bootstrap is uncertain near zero by the noise of the
//! key switch and modulus switch, `t = z sigma`. A cascade removes the uncertainty: level `j`
//! looks at `r^j p` and yields 1, -1 or, within `delta >= t` of zero or of half a turn, 0.
//! A level that yields 0 says that its phase is at most `delta + t` from zero (phases are kept
//! away from half a turn), so that the next level's, `r` times as large, has not come near
//! half a turn yet: `r (delta + t) <= 1/2 - delta - t`. What comes after the first level that
//! is not 0 is garbage in {-1, 0, 1}; weighted `2^(L-1-j)` it cannot outvote it. The last level
//! has no zero zone: there the phase, an odd multiple of half the grid, is far enough from
//! zero. A last bootstrap reads the sign of the sum, which is never 0. All levels read the same
//! ciphertext, so they can run in parallel; each gains `log2 r`, nearly 4 bits, where removing
//! digits from below (Liu, Micciancio, Polyakov, *Large-precision homomorphic sign evaluation
//! using FHEW/TFHE bootstrapping*, ASIACRYPT 2022) gains 5 bits for two bootstraps in sequence.

use std::sync::Arc;

use hexperiment_program::{Interval, LookupTable, Op, apply};

use crate::parameters::N;

/// Bits of the phase below one cell.
pub(crate) const CELL_LOG: u32 = 52;

/// Half a cell: a bootstrap rounds its phase to the nearest cell.
pub(crate) const HALF_CELL: u64 = 1 << (CELL_LOG - 1);

/// The most levels of a cascade: the sum of their weights must stay `2^-6` of a turn apart from
/// zero and from half a turn.
const MOST_LEVELS: u32 = 5;

/// The largest factor between levels that leaves `delta + t` room for both to be [`DEAD`].
const MOST_FACTOR: u64 = 15;

/// Half the width of the zero zone, in cells: 2^-6 of a turn.
const DEAD: usize = 2 * N / 64;

/// The largest phase that is `2 DEAD` away from half a turn, in turns.
const MOST_REACH: f64 = 0.5 - 0.031_25;

/// How a function is evaluated on a phase.
#[derive(Clone, Debug)]
pub(crate) enum Table {
    /// By one bootstrap.
    Cells(Cells),
    /// By a cascade.
    Step(Steps),
}

/// A table for one bootstrap.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    /// Added to the phase first.
    pub(crate) shift: u64,
    /// Results by cell, as phases.
    pub(crate) results: Arc<[u64]>,
}

/// A cascade that tells whether a phase, an odd multiple of half the grid, is positive.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    /// The levels.
    pub(crate) levels: Vec<Level>,
    /// The phase of the result 1.
    pub(crate) one: u64,
}

/// One level of a cascade.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    /// The phase's factor.
    pub(crate) factor: u64,
    /// Added after that: half a cell downwards where the sign is read, so that the decision is at
    /// zero.
    pub(crate) offset: u64,
    /// Results by cell.
    pub(crate) cells: Arc<[u64]>,
}

impl Table {
    /// Bootstraps for each element.
    pub(crate) fn bootstraps(&self) -> u64 {
        match self {
            Self::Cells(_) => 1,
            Self::Step(steps) if steps.levels.len() == 1 => 1,
            Self::Step(steps) => steps.levels.len() as u64 + 1,
        }
    }

    /// The result for a phase without noise.
    pub(crate) fn at(&self, phase: u64) -> u64 {
        match self {
            Self::Cells(cells) => cells.at(phase),
            Self::Step(steps) if phase.cast_signed() > 0 => steps.one,
            Self::Step(_) => 0,
        }
    }
}

impl Cells {
    /// The result for a phase without noise.
    pub(crate) fn at(&self, phase: u64) -> u64 {
        let place = phase.wrapping_add(self.shift).wrapping_add(HALF_CELL) >> CELL_LOG;
        self.cell(place as usize)
    }

    /// The result at one of the `2 N` places.
    fn cell(&self, place: usize) -> u64 {
        if place < N {
            self.results[place]
        } else {
            self.results[place - N].wrapping_neg()
        }
    }

    /// A function of one real whose argument has phase `(x - centre of range) 2^scale`, with
    /// results at `2^result_scale`.
    pub(crate) fn smooth(op: &Op, range: Interval, scale: i32, result_scale: i32) -> Self {
        let unit = f64::from(-scale).exp2();
        let arguments: Vec<f64> = (0..N)
            .map(|i| {
                let phase = (i as f64 - (N / 2) as f64) * f64::from(CELL_LOG).exp2();
                range.clamp(range.centre() + phase * unit)
            })
            .collect();
        let results = apply(op, &[&arguments], N).into_iter();
        Self {
            shift: 1 << 62,
            results: results.map(|y| to_phase(y, result_scale)).collect(),
        }
    }

    /// A table of `count` whole numbers from `first` on, whose argument `x` has phase
    /// `(x - first) 2^scale`; at most half a turn in all. Results have phases at `result_scale`.
    pub(crate) fn lookup(table: &LookupTable, first: f64, scale: u32, result_scale: i32) -> Self {
        let results = (0..N).map(|i| {
            let x = first + ((i as u64) << CELL_LOG >> scale) as f64;
            to_phase(table.at(x), result_scale)
        });
        // Cells are read around their number; boundaries between boxes lie half a cell lower.
        Self {
            shift: (1u64 << (scale - 1)).wrapping_sub(HALF_CELL),
            results: results.collect(),
        }
    }

    /// A table of whole numbers modulo `2 h` of which the second half is the negative of the
    /// first, whose `h` entries are given; the argument 1 is a box of `1 / 2h` of a turn.
    pub(crate) fn ring(entries: &[f64], result_scale: i32) -> Self {
        let half = entries.len();
        let width = N / half;
        let results = (0..N).map(|i| {
            // Boxes lie around their number; the last half box is that of `h`.
            let x = (i + width / 2) / width;
            if x < half {
                to_phase(entries[x], result_scale)
            } else {
                to_phase(entries[0], result_scale).wrapping_neg()
            }
        });
        // Cells are read around their number; boundaries between boxes lie half a cell lower.
        Self {
            shift: HALF_CELL.wrapping_neg(),
            results: results.collect(),
        }
    }

    /// The largest change of entries within `window` places, between places `from` and `to`.
    pub(crate) fn largest_change(&self, window: usize, from: usize, to: usize) -> f64 {
        let at = |i: i64| {
            let place = i.rem_euclid(2 * N as i64) as usize;
            self.cell(place).cast_signed() as f64
        };
        let mut largest: f64 = 0.0;
        for i in from as i64..=to as i64 {
            for k in i - window as i64..=i + window as i64 {
                largest = largest.max((at(k) - at(i)).abs());
            }
        }
        largest
    }
}

impl Steps {
    /// A step, and how far from a wrong decision each of its bootstraps stays, in turns: the
    /// levels (with what the argument's noise is multiplied by), and the last sum.
    pub(crate) fn new(grid: u32, result_scale: u32) -> Option<(Self, Margins)> {
        let bits = 64 - grid;
        let (count, factor) = (1..=MOST_LEVELS).find_map(|count| {
            let factor = if count == 1 {
                1
            } else {
                factor_for(bits, count - 1)?
            };
            (count > 1 || bits <= 5).then_some((count, factor))
        })?;
        // (r + 1) (delta + t) <= 1/2 with both of this size.
        let margin = (DEAD as f64 - 0.5) / (2 * N) as f64;
        let one = 1u64 << result_scale;
        let amplitude = |level: u32| match count {
            1 => one / 2,
            _ => 1u64 << (64 - (count + 1) + (count - 1 - level)),
        };
        let cells = |level: u32| -> Arc<[u64]> {
            let last = level + 1 == count;
            (0..N)
                .map(|i| {
                    if last || (DEAD..=N - DEAD).contains(&i) {
                        amplitude(level)
                    } else {
                        0
                    }
                })
                .collect()
        };
        let levels = (0..count).map(|level| Level {
            factor: factor.pow(level),
            offset: if level + 1 == count {
                HALF_CELL.wrapping_neg()
            } else {
                0
            },
            cells: cells(level),
        });
        let steps = Self {
            levels: levels.collect(),
            one,
        };
        let half_grid = f64::from(grid as i32 - 65).exp2();
        let last_factor = factor.pow(count - 1) as f64;
        let margins = Margins {
            reach: if count > 1 {
                MOST_REACH - half_grid
            } else {
                // Odd multiples of half the grid are half the grid away from half a turn.
                0.499
            },
            inner: (count > 1).then_some(margin),
            last: last_factor * half_grid,
            last_factor,
            sum: (count > 1).then(|| f64::from(-(count as i32) - 1).exp2()),
            count,
        };
        Some((steps, margins))
    }
}

/// Distances, in turns, at which a step would be decided wrongly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Margins {
    /// The largest argument, before it is moved by half the grid.
    pub(crate) reach: f64,
    /// Levels before the last.
    pub(crate) inner: Option<f64>,
    /// The last level.
    pub(crate) last: f64,
    /// The last level's factor, of the argument and its noise.
    pub(crate) last_factor: f64,
    /// The sum of the levels.
    pub(crate) sum: Option<f64>,
    /// Levels.
    pub(crate) count: u32,
}

/// The least factor for which `steps` multiplications lift half the grid of a number of `bits`
/// bits to 2^-6 of a turn.
fn factor_for(bits: u32, steps: u32) -> Option<u64> {
    let wanted = 1u128 << bits.saturating_sub(5);
    (2..=MOST_FACTOR).find(|r| u128::from(*r).pow(steps) >= wanted)
}

/// `value 2^scale`, rounded, as a phase.
pub(crate) fn to_phase(value: f64, scale: i32) -> u64 {
    // Through i128: what lies beyond half a turn wraps, as phases do.
    ((value * f64::from(scale).exp2()).round() as i128) as u64
}
