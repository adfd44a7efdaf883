//! Linear forms over sources: encrypted columns and results of functions.

use std::sync::Arc;

use hexperiment_core::program::{Interval, LookupTable, Op, Public, Value};

/// Bits that one exact table takes: the values 0 to 15.
pub(crate) const TABLE_ENTRIES: usize = 16;

/// Where encrypted numbers come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// A column of an input.
    Column {
        /// Which input.
        input: usize,
        /// Which of its columns.
        column: usize,
        /// Its range.
        range: Interval,
        /// The error that it may carry.
        precision: f64,
    },
    /// A digit of a column: the client encrypts whole numbers digit by digit where the program
    /// needs them so.
    Digit {
        /// Which input.
        input: usize,
        /// Which of its columns.
        column: usize,
        /// Where the digit is found.
        digit: Digit,
    },
    /// A function of a form.
    Function {
        /// What is looked up.
        function: Function,
        /// Its argument.
        operand: Form,
        /// The results' range.
        range: Interval,
    },
}

/// A digit of the whole number `round((x - low) / unit)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Digit {
    /// The number 0.
    pub(crate) low: f64,
    /// What 1 stands for.
    pub(crate) unit: f64,
    /// Bits below the digit.
    pub(crate) shift: u32,
    /// The digit's bits.
    pub(crate) bits: u32,
    /// Bits of the whole number, which is held to what they express.
    pub(crate) all_bits: u32,
}

impl Digit {
    /// The digit of `x`.
    pub(crate) fn of(self, x: f64) -> f64 {
        let largest = f64::from(self.all_bits as i32).exp2() - 1.0;
        let code = ((x - self.low) / self.unit).round().clamp(0.0, largest) as u64;
        ((code >> self.shift) & ((1 << self.bits) - 1)) as f64
    }

    /// The largest that it can be.
    pub(crate) fn largest(self) -> f64 {
        ((1u64 << self.bits) - 1) as f64
    }
}

/// What a bootstrap, or a cascade of them, computes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Function {
    /// Any function of one real: the operation to apply. What it names as its operand says nothing.
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
        /// Added to the argument.
        offset: i32,
        /// What is said of rounding.
        doubt: Doubt,
    },
}

/// What rounding does to what a table on the circle decides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Doubt {
    /// The table decides nothing: it follows its argument.
    Apart,
    /// What was decided may have been off by so much, in the program's numbers.
    Known(f64),
    /// As much as its argument is off, whose 1 stands for this in the program.
    Unit(f64),
}

impl Source {
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
            ) => a == b && x == y,
            _ => false,
        }
    }
}

/// Which element of a source meets element `i`; `None`: element `i`.
pub(crate) type Gather = Option<Arc<[u32]>>;

/// One summand of a form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Term {
    /// Which source.
    pub(crate) source: usize,
    /// Which of its elements.
    pub(crate) gather: Gather,
    /// The factor.
    pub(crate) weight: Public,
}

/// A sum of sources with public factors, and a public number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Form {
    /// The summands.
    pub(crate) terms: Vec<Term>,
    /// The public number.
    pub(crate) bias: Public,
    /// Elements.
    pub(crate) length: usize,
    /// An interval that holds every element.
    pub(crate) range: Interval,
}

impl Form {
    /// The source, which is this value.
    pub(crate) fn of(source: usize, value: &Value) -> Self {
        Self::source(source, value.length(), value.range())
    }

    /// A source of this length and range.
    pub(crate) fn source(source: usize, length: usize, range: Interval) -> Self {
        Self {
            terms: vec![Term {
                source,
                gather: None,
                weight: 1.0.into(),
            }],
            bias: 0.0.into(),
            length,
            range,
        }
    }

    /// A public number.
    pub(crate) fn constant(number: Public, length: usize, range: Interval) -> Self {
        Self {
            terms: vec![],
            bias: number,
            length,
            range,
        }
    }

    /// The sum of two; its range is left to tell.
    pub(crate) fn add(mut self, other: &Self) -> Self {
        for term in &other.terms {
            let same = self
                .terms
                .iter_mut()
                .find(|t| t.source == term.source && t.gather == term.gather);
            match same {
                Some(found) => found.weight = found.weight.zip(&term.weight, |a, b| a + b),
                None => self.terms.push(term.clone()),
            }
        }
        self.bias = self.bias.zip(&other.bias, |a, b| a + b);
        self
    }

    /// Times a public number; its range is left to tell.
    pub(crate) fn times(mut self, by: &Public) -> Self {
        for term in &mut self.terms {
            term.weight = term.weight.zip(by, |a, b| a * b);
        }
        self.bias = self.bias.zip(by, |a, b| a * b);
        self
    }

    /// Plus a public number; its range is left to tell.
    pub(crate) fn plus(mut self, by: &Public) -> Self {
        self.bias = self.bias.zip(by, |a, b| a + b);
        self
    }

    /// Element `i` of the result is element `from(i)`.
    pub(crate) fn reindexed(&self, length: usize, from: impl Fn(usize) -> usize) -> Self {
        let pick = |public: &Public| match public {
            Public::Scalar(x) => Public::Scalar(*x),
            Public::Vector(xs) => Public::Vector((0..length).map(|i| xs[from(i)]).collect()),
        };
        let terms = self.terms.iter().map(|term| Term {
            source: term.source,
            gather: Some(
                (0..length)
                    .map(|i| match &term.gather {
                        None => from(i) as u32,
                        Some(at) => at[from(i)],
                    })
                    .collect(),
            ),
            weight: pick(&term.weight),
        });
        Self {
            terms: terms.collect(),
            bias: pick(&self.bias),
            length,
            range: self.range,
        }
    }

    /// The sum as the program's value: its length and its range.
    pub(crate) fn within(mut self, value: &Value) -> Self {
        self.range = value.range();
        self.length = value.length();
        self.terms.retain(|t| !t.weight.is_zero());
        self
    }

    /// The same sum, its terms in one order, so that equal sums are equal forms.
    pub(crate) fn ordered(mut self) -> Self {
        self.terms.retain(|t| !t.weight.is_zero());
        self.terms
            .sort_by(|a, b| (a.source, &a.gather).cmp(&(b.source, &b.gather)));
        self
    }

    /// Of a form and its negative, both ordered, one leads with a negative factor.
    pub(crate) fn leads_negative(&self) -> bool {
        let mut weights = self.terms.iter().flat_map(|t| t.weight.values());
        weights.find(|w| **w != 0.0).is_some_and(|w| *w < 0.0)
    }

    /// `-x`, its range included.
    pub(crate) fn negative(self) -> Self {
        let range = -self.range;
        Self {
            range,
            ..self.times(&(-1.0).into())
        }
    }

    /// `1 - x`.
    pub(crate) fn complement(self) -> Self {
        self.times(&(-1.0).into()).plus(&1.0.into())
    }
}
