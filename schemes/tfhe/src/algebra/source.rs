//! What stands on the torus by itself.

use std::sync::Arc;

use hexperiment_program::{Interval, LookupTable, Op};

use super::form::{Form, both};

/// Entries of the longest exact table: the values 0 to 15.
pub(crate) const TABLE_ENTRIES: usize = 16;

/// Where encrypted numbers come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A column of an input.
    Column {
        /// The input's index.
        input: usize,
        /// The column's index.
        column: usize,
        /// Its range.
        range: Interval,
        /// The error that it may carry.
        precision: f64,
    },
    /// A limb of a column: the client encrypts whole numbers limb by limb where the program needs
    /// them so.
    Limb {
        /// The input's index.
        input: usize,
        /// The column's index.
        column: usize,
        /// The limb's place.
        limb: ColumnLimb,
    },
    /// A function of a form.
    Function {
        /// The function.
        function: Function,
        /// Its argument.
        operand: Form,
        /// The results' range.
        range: Interval,
    },
}

/// One limb of the whole number `round((x - low) / unit)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ColumnLimb {
    /// The number 0.
    pub(crate) low: f64,
    /// The worth of 1: a power of two.
    pub(crate) unit: f64,
    /// Bits below the limb.
    pub(crate) shift: u32,
    /// Bits of the limb.
    pub(crate) bits: u32,
    /// Bits of the whole number, which is held to what they express.
    pub(crate) all_bits: u32,
}

impl ColumnLimb {
    /// The limb of `x`.
    pub(crate) fn of(self, x: f64) -> f64 {
        let largest = f64::from(self.all_bits as i32).exp2() - 1.0;
        let code = ((x - self.low) / self.unit).round().clamp(0.0, largest) as u64;
        ((code >> self.shift) & ((1 << self.bits) - 1)) as f64
    }

    /// What rounding may have done to it: all that is rounded away is below the lowest limb.
    pub(crate) fn rounding(self) -> f64 {
        if self.shift > 0 { 0.0 } else { 0.5 }
    }

    /// Its greatest value.
    pub(crate) fn largest(self) -> f64 {
        ((1u64 << self.bits) - 1) as f64
    }
}

/// What a bootstrap, or a cascade of them, computes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Function {
    /// Any function of one real: the operation to apply, whatever its operand is called.
    Smooth(Op),
    /// 1 where the argument is positive (or not negative), else 0; exact.
    Step {
        /// Whether 0 gives 1.
        at_zero: bool,
    },
    /// A table over whole numbers; exact.
    Lookup(LookupTable),
    /// A table over whole numbers modulo `2 h`, exact: `x` maps to entry `x + offset`, and entry
    /// `y + h` is the negative of entry `y`, as bootstraps have it. Tables that differ in their
    /// offset only are read from one blind rotation.
    Ring {
        /// Entries 0 to `h - 1`; `h` is a power of two.
        entries: Arc<[f64]>,
        /// The summand of the argument.
        offset: i32,
        /// What a rounded argument does to it.
        decision: Decision,
    },
}

/// What a table on the circle decides, and how far rounding may have moved what it decides on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Decision {
    /// Nothing: the table follows its argument, and is rounded as that is.
    None,
    /// A comparison of numbers that are rounded by at most so much, in the program's units.
    Within(f64),
    /// A comparison whose argument's 1 is so much in the program's units.
    InUnitsOf(f64),
}

/// What all values of a source are modulo 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Residue {
    /// 0
    Whole,
    /// 1/2, which is its own negative.
    Half,
}

impl Residue {
    fn of(entries: &[f64]) -> Option<Self> {
        let all = |fraction: f64| entries.iter().all(|e| (e - fraction).fract() == 0.0);
        if all(0.0) {
            Some(Self::Whole)
        } else {
            all(0.5).then_some(Self::Half)
        }
    }
}

impl Source {
    /// An interval that holds every value.
    pub(crate) fn range(&self) -> Interval {
        match self {
            Self::Column { range, .. } | Self::Function { range, .. } => *range,
            Self::Limb { limb, .. } => Interval::new(0.0, limb.largest()),
        }
    }

    /// The number of phase 0, before it is moved to a grid.
    pub(crate) fn centre(&self) -> f64 {
        match self {
            Self::Column { range, .. } => range.centre(),
            Self::Limb { .. } | Self::Function { .. } => 0.0,
        }
    }

    /// The farthest that values lie from the centre.
    pub(crate) fn half_width(&self) -> f64 {
        match self {
            Self::Column { range, .. } => 0.5 * range.width(),
            Self::Limb { .. } | Self::Function { .. } => self.range().magnitude(),
        }
    }

    /// The error that an input may carry; 0 for others.
    pub(crate) fn precision(&self) -> f64 {
        match self {
            Self::Column { precision, .. } => *precision,
            Self::Limb { .. } | Self::Function { .. } => 0.0,
        }
    }

    pub(super) fn residue(&self) -> Option<Residue> {
        match self {
            Self::Column { .. } => None,
            Self::Limb { .. } => Some(Residue::Whole),
            Self::Function { function, .. } => match function {
                Function::Smooth(_) => None,
                Function::Step { .. } => Some(Residue::Whole),
                Function::Lookup(table) => Residue::of(&table.entries),
                Function::Ring { entries, .. } => Residue::of(entries),
            },
        }
    }

    /// Whether both are read from one blind rotation.
    pub(crate) fn shares_rotation(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Function {
                    function: Function::Ring { entries: a, .. },
                    operand: x,
                    ..
                },
                Self::Function {
                    function: Function::Ring { entries: b, .. },
                    operand: y,
                    ..
                },
            ) => a == b && x.is_same_sum(y),
            _ => false,
        }
    }
}

/// All sources of a program, each needing only those before it.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    /// The sources, by index.
    pub(crate) fn all(&self) -> &[Source] {
        &self.0
    }

    /// The source at an index.
    pub(crate) fn at(&self, index: usize) -> &Source {
        &self.0[index]
    }

    /// Whether a bootstrap's result is among a form's sources.
    pub(crate) fn is_bootstrapped(&self, form: &Form) -> bool {
        let mut terms = form.terms().iter();
        terms.any(|t| matches!(self.0[t.source], Source::Function { .. }))
    }

    /// A column.
    pub(crate) fn column(
        &mut self,
        (input, column): (usize, usize),
        (range, precision): (Interval, f64),
        length: usize,
    ) -> Form {
        let same = |s: &Source| matches!(s, Source::Column { input: i, column: c, .. } if (*i, *c) == (input, column));
        let index = self.find_or(same, || Source::Column {
            input,
            column,
            range,
            precision,
        });
        Form::source(index, &self.0[index], length)
    }

    /// A limb of a column.
    pub(super) fn limb(
        &mut self,
        (input, column): (usize, usize),
        limb: ColumnLimb,
        length: usize,
    ) -> Form {
        let same = |s: &Source| {
            matches!(s, Source::Limb { input: i, column: c, limb: l }
                if (*i, *c, *l) == (input, column, limb))
        };
        let index = self.find_or(same, || Source::Limb {
            input,
            column,
            limb,
        });
        Form::source(index, &self.0[index], length)
    }

    /// Any function of one real, whose results lie in `range`.
    pub(crate) fn smooth(&mut self, op: Op, operand: Form, range: Interval) -> Form {
        self.function(Function::Smooth(op), operand, range)
    }

    /// A table over whole numbers, which has entries for all of `operand`.
    pub(crate) fn lookup(&mut self, table: LookupTable, operand: Form) -> Form {
        let range = Interval::hull(table.entries.iter().copied());
        // What a program holds has been checked to be finite.
        let range = range.unwrap_or(Interval::symmetric(f64::INFINITY));
        self.function(Function::Lookup(table), operand, range)
    }

    /// A table on the circle of twice its entries, read `offset` after the argument.
    pub(super) fn ring(
        &mut self,
        operand: &Form,
        entries: &Arc<[f64]>,
        offset: i32,
        decision: Decision,
    ) -> Form {
        let most = entries.iter().fold(0.0_f64, |m, e| m.max(e.abs()));
        let function = Function::Ring {
            entries: entries.clone(),
            offset,
            decision,
        };
        self.function(function, operand.clone(), Interval::symmetric(most))
    }

    /// The function of the form. All share it that ask for the same, and what one knows of the
    /// ranges holds for all.
    pub(super) fn function(&mut self, function: Function, operand: Form, range: Interval) -> Form {
        let length = operand.length();
        let found = self.0.iter_mut().enumerate().find_map(|(i, s)| match s {
            Source::Function {
                function: f,
                operand: x,
                range: r,
            } if *f == function && x.is_same_sum(&operand) => Some((i, x, r)),
            _ => None,
        });
        let index = if let Some((index, known, results)) = found {
            *known = known.clone().within(operand.range());
            *results = both(*results, range);
            index
        } else {
            self.0.push(Source::Function {
                function,
                operand,
                range,
            });
            self.0.len() - 1
        };
        Form::source(index, &self.0[index], length)
    }

    fn find_or(
        &mut self,
        same: impl FnMut(&Source) -> bool,
        source: impl FnOnce() -> Source,
    ) -> usize {
        self.0.iter().position(same).unwrap_or_else(|| {
            self.0.push(source());
            self.0.len() - 1
        })
    }
}
