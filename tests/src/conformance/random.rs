//! Random programs: outputs whose values were computed on more and less, on batches of any length.

use std::collections::BTreeSet;

use hexperiment_program::lower::Lowered;
use hexperiment_program::{
    Column, Input, Interval, Op, Output, Party, Polynomial, Program, ProgramBuilder, ProgramError,
    Public, ValueId,
};
use hexperiment_scheme::SchemeError;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Subject;
use super::cases::{self, Draw};
use super::operations::check_refusal;

/// Programs of each mix.
pub(super) const PROGRAMS: u64 = 4;
/// Operations that a program is drawn from; what grows too large is left out.
pub(super) const STEPS: usize = 12;
/// The largest magnitude of a value.
const LARGEST: f64 = 40.0;
/// The most products, scalings among them, one behind the other.
const DEEPEST: u32 = 5;
/// Rows of a table. Neither a power of two, but for one, nor all prime.
pub(super) const LENGTHS: [usize; 5] = [6, 12, 334, 8, 15];
/// Columns' ranges, two of them without 0.
pub(super) const RANGES: [Interval; 3] = [
    Interval {
        low: -1.0,
        high: 1.0,
    },
    Interval {
        low: 0.5,
        high: 3.5,
    },
    Interval {
        low: 4.0,
        high: 5.0,
    },
];

/// Which operations a program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mix {
    /// What every scheme has.
    Linear,
    /// Products and polynomials besides.
    Products,
    /// Sums with the same numbers for every row.
    Sums,
    /// Sums and products of each element alone.
    Elements,
}

impl Mix {
    /// The kinds of steps, of [`Drawing::step`].
    fn kinds(self) -> &'static [u8] {
        match self {
            Self::Linear => &[0, 1, 2, 3, 4, 5, 6, 7, 8],
            Self::Products => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
            Self::Sums => &[0, 1, 2, 3, 5],
            Self::Elements => &[0, 1, 3, 5, 9, 10, 11],
        }
    }
}

/// What is said of a range that interval arithmetic does not yield.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Proven,
    Stated,
}

/// A value, and what a task's author would know of it.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) id: ValueId,
    /// The error that it carries, in units of the inputs' precision.
    pub(super) error: f64,
    pub(super) depth: u32,
}

pub(super) struct Drawing {
    pub(super) builder: ProgramBuilder,
    pub(super) random: ChaCha8Rng,
    pub(super) values: Vec<Known>,
}

impl Drawing {
    fn any(&mut self) -> Known {
        self.values[self.random.random_range(0..self.values.len())]
    }

    fn like(&mut self, other: Known) -> Known {
        let length = self.builder.length(other.id);
        let fits = |v: &&Known| self.builder.length(v.id) == length;
        let all: Vec<Known> = self.values.iter().filter(fits).copied().collect();
        all[self.random.random_range(0..all.len())]
    }

    fn public(&mut self, mix: Mix, length: usize) -> Public {
        if mix == Mix::Sums {
            return self.random.random_range(-0.9..0.9).into();
        }
        match self.random.random_range(0..3) {
            0 => [-3.0, 2.0][self.random.random_range(0..2)].into(),
            1 => self.random.random_range(-0.9..0.9).into(),
            _ => {
                let number = self.random.random_range(-0.9..0.9);
                let ramp = (0..length).map(|i| number * (i % 5) as f64 / 4.0);
                ramp.collect::<Vec<f64>>().into()
            }
        }
    }

    /// One more value, if it stays within bounds.
    pub(super) fn step(&mut self, mix: Mix) {
        let x = self.any();
        let y = self.like(x);
        let (length, size) = (self.builder.length(x.id), self.size(x));
        let by = self.public(mix, length);
        let factor = largest(&by);
        let kinds = mix.kinds();
        let kind = self.random.random_range(0..kinds.len() as u32);
        let (op, error, levels) = match kinds[kind as usize] {
            0 => (Op::Add(x.id, y.id), x.error + y.error, 0),
            1 => (Op::Sub(x.id, y.id), x.error + y.error, 0),
            2 => (Op::Neg(x.id), x.error, 0),
            3 => (Op::Offset { value: x.id, by }, x.error, 0),
            4 => (Op::Scale { value: x.id, by }, factor * x.error, 1),
            5 => {
                let terms = vec![(x.id, by), (y.id, 0.5.into())];
                let bias = self.public(mix, length);
                let error = factor * x.error + 0.5 * y.error;
                (Op::WeightedSum { terms, bias }, error, 1)
            }
            6 => {
                let by = self.random.random_range(-20..20);
                (Op::Shift { value: x.id, by }, x.error, 0)
            }
            7 => {
                let groups = divisors(length);
                let group = groups[self.random.random_range(0..groups.len())];
                let value = x.id;
                (Op::Sum { value, group }, group as f64 * x.error, 0)
            }
            8 => {
                let stride = divisors(length)[0];
                let value = x.id;
                (Op::Pick { value, stride }, x.error, 0)
            }
            9 | 10 => {
                let error = size * y.error + self.size(y) * x.error;
                (Op::Mul(x.id, y.id), error, 1)
            }
            11 => (Op::Square(x.id), 2.0 * size * x.error, 1),
            _ => {
                let domain = self.builder.range(x.id);
                // A cube about the middle, of slope 3 at most.
                let wave = [0.25, -0.5, 0.125, 0.25].map(|c| c * domain.width());
                let Ok(polynomial) = Polynomial::from_chebyshev(domain, wave.to_vec()) else {
                    return;
                };
                let value = x.id;
                // Slopes of Chebyshev polynomials on [-1, 1] are at most 1, 4 and 9.
                let slope = 2.0 * (0.5 + 4.0 * 0.125 + 9.0 * 0.25);
                (Op::Polynomial { value, polynomial }, slope * x.error, 3)
            }
        };
        let depth = x.depth.max(y.depth) + levels;
        if depth > DEEPEST {
            return;
        }
        if let Ok(id) = self.builder.push(op)
            && self.builder.range(id).magnitude() <= LARGEST
        {
            let error = error.max(1e-3);
            self.values.push(Known { id, error, depth });
        }
    }

    /// A value, and then without it again, another: it has the range of the first, which is not derived.
    fn there_and_back(
        &mut self,
        value: Known,
        other: ValueId,
        said: Said,
    ) -> Result<Known, ProgramError> {
        let there = self.builder.add(value.id, other)?;
        let id = self.builder.sub(there, other)?;
        let range = self.builder.range(value.id);
        match said {
            Said::Nothing => {}
            Said::Proven => self.builder.narrow(id, range),
            Said::Stated => self.builder.assume(id, range)?,
        }
        let error = value.error + 2.0;
        Ok(Known { id, error, ..value })
    }

    pub(super) fn size(&self, value: Known) -> f64 {
        self.builder.range(value.id).magnitude()
    }

    /// An output of up to three values of one length: the one computed on least, the one computed
    /// on most, and one between.
    pub(super) fn output(
        &mut self,
        name: &str,
        length: usize,
        precision: f64,
    ) -> Result<(), ProgramError> {
        let fits = |v: &&Known| self.builder.length(v.id) == length;
        let mut all: Vec<Known> = self.values.iter().filter(fits).copied().collect();
        all.sort_by_key(|v| v.depth);
        let last = all.len() - 1;
        let places: BTreeSet<usize> = [0, last / 2, last].into();
        let values: Vec<Known> = places.into_iter().map(|place| all[place]).collect();
        let error = values.iter().map(|v| v.error).fold(0.0, f64::max);
        self.builder.output(Output {
            name: name.into(),
            values: values.iter().map(|v| v.id).collect(),
            precision: 2.0 * error * precision,
        })?;
        Ok(())
    }
}

fn largest(public: &Public) -> f64 {
    public.range().map_or(0.0, Interval::magnitude)
}

/// The divisors of a length beyond 1, the least first; 1 for 1.
fn divisors(length: usize) -> Vec<usize> {
    let all = (2..=length).filter(|d| length.is_multiple_of(*d));
    let all: Vec<usize> = all.collect();
    if all.is_empty() { vec![1] } else { all }
}

/// A random program over one table: an output of its own length, and one of the last value's.
fn program(mix: Mix, seed: u64, length: usize, share: f64) -> Result<Program, ProgramError> {
    let name = format!("{mix:?} program {seed} on {length} rows");
    let mut builder = ProgramBuilder::new(name);
    let precision = RANGES.iter().map(|r| r.width()).fold(0.0, f64::max) * share;
    let columns = RANGES.iter().enumerate().map(|(i, range)| Column {
        name: format!("x{i}"),
        range: *range,
    });
    let (_, values) = builder.input(Input {
        name: "x".into(),
        owner: Party::Client(0),
        length,
        columns: columns.collect(),
        precision,
    })?;
    let input = |id: &ValueId| Known {
        id: *id,
        error: 1.0,
        depth: 0,
    };
    let mut drawing = Drawing {
        builder,
        random: ChaCha8Rng::seed_from_u64(seed),
        values: values.iter().map(input).collect(),
    };
    for _ in 0..STEPS {
        drawing.step(mix);
    }
    let last = drawing.values[drawing.values.len() - 1];
    let short = drawing.builder.length(last.id);
    drawing.output("whole", length, precision)?;
    if short != length {
        drawing.output("short", short, precision)?;
    }
    drawing.builder.finish()
}

/// Groups of columns of [`alike`].
const GROUPS: usize = 3;

/// The same random steps on each of several groups of columns, and others on what they yield.
fn alike(
    mix: Mix,
    seed: u64,
    length: usize,
    share: f64,
    said: Said,
) -> Result<Program, ProgramError> {
    let name = format!("{mix:?} program {seed} of equal operations on {length} rows, {said:?}");
    let mut builder = ProgramBuilder::new(name);
    let precision = RANGES[1].width() * share;
    let ranges = [[RANGES[0]; 2 * GROUPS].as_slice(), &[RANGES[1]]].concat();
    let columns = ranges.iter().enumerate().map(|(i, range)| Column {
        name: format!("x{i}"),
        range: *range,
    });
    let (_, columns) = builder.input(Input {
        name: "x".into(),
        owner: Party::Client(0),
        length,
        columns: columns.collect(),
        precision,
    })?;
    let known = |id: &ValueId| Known {
        id: *id,
        error: 1.0,
        depth: 0,
    };
    let mut drawing = Drawing {
        builder,
        random: ChaCha8Rng::seed_from_u64(seed),
        values: vec![],
    };
    let mut results = vec![known(&columns[2 * GROUPS])];
    for group in columns[..2 * GROUPS].chunks(2) {
        drawing.values = group.iter().map(known).collect();
        drawing.random = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..STEPS / 2 {
            drawing.step(mix);
        }
        let last = drawing.values[drawing.values.len() - 1];
        results.push(drawing.there_and_back(last, group[0], said)?);
        results.push(drawing.values[drawing.values.len() / 2]);
    }
    drawing.values = results;
    for _ in 0..STEPS / 2 {
        drawing.step(mix);
    }
    drawing.output("all", length, precision)?;
    drawing.builder.finish()
}

/// Whether some output holds values of several levels.
fn mixes_levels(lowered: &Lowered) -> bool {
    let outputs = lowered.program().outputs().iter();
    let mut levels = outputs.map(|o| o.values.iter().map(|v| lowered.level(*v)));
    levels.any(|levels| levels.collect::<BTreeSet<_>>().len() > 1)
}

/// Random programs give what the oracle gives, or are refused with a reason: with outputs that mix
/// depths, ranges without 0, and sums over groups of any size.
pub fn random_programs_are_the_oracles(subject: &Subject) {
    let share = subject.profile.precision;
    let lengths = LENGTHS.iter().filter(|n| **n <= subject.profile.max_length);
    let lengths: Vec<usize> = lengths.copied().collect();
    let (mut levels, mut mixed) = (false, false);
    for mix in [Mix::Linear, Mix::Products] {
        let mut ran = 0;
        for (seed, length) in (0..PROGRAMS).zip(lengths.iter().cycle()) {
            let program = program(mix, seed, *length, share)
                .unwrap_or_else(|e| panic!("{mix:?} program {seed}: {e}"));
            let name = program.name().to_owned();
            match subject.try_apart(program) {
                Ok(ready) => {
                    levels |= ready.lowered.depth() > 0;
                    mixed |= mixes_levels(&ready.lowered);
                    let tables = cases::tables(&ready.program, Draw::Real, seed);
                    ready.check(&tables, 0.0);
                    ran += 1;
                }
                Err(SchemeError::Refused(refusal)) => check_refusal(&name, &refusal),
                Err(error) => panic!("{name}: {error}"),
            }
        }
        assert!(ran > 0 || mix == Mix::Products, "all sums were refused");
    }
    assert!(mixed || !levels, "no output mixed levels");
}

/// Random programs that lie in ciphertexts in other ways than column by column give what the oracle gives,
/// or are refused with a reason, and both parties come to the same way by themselves: sums with the same
/// numbers for every row, and equal operations on several columns, also where ranges are proven or stated.
pub fn equal_operations_are_the_oracles(subject: &Subject) {
    let share = subject.profile.precision;
    let length = 12.min(subject.profile.max_length);
    let mut ran = 0;
    for mix in [Mix::Sums, Mix::Elements] {
        let said = [Said::Nothing, Said::Proven, Said::Stated];
        for (seed, said) in (0..PROGRAMS).zip(said.into_iter().cycle()) {
            let program = alike(mix, seed, length, share, said)
                .unwrap_or_else(|e| panic!("{mix:?} program {seed} of equal operations: {e}"));
            let name = program.name().to_owned();
            match subject.try_apart(program) {
                Ok(ready) => {
                    let tables = cases::tables(&ready.program, Draw::Real, seed);
                    ready.check(&tables, 0.0);
                    ran += 1;
                }
                Err(SchemeError::Refused(refusal)) => check_refusal(&name, &refusal),
                Err(error) => panic!("{name}: {error}"),
            }
        }
    }
    assert!(ran > 0, "all were refused");
}
