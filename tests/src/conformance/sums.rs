//! Random programs that begin with weighted sums of their columns.

use hexperiment_program::{
    Column, Input, OpKind, Party, Program, ProgramBuilder, ProgramError, ValueId,
};
use hexperiment_scheme::SchemeError;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Subject;
use super::cases::{self, Draw};
use super::operations::check_refusal;
use super::random::{Drawing, Known, LENGTHS, Mix, PROGRAMS, RANGES, STEPS};

/// An input of so many rows and columns.
fn columns(
    builder: &mut ProgramBuilder,
    (length, count): (usize, usize),
    precision: f64,
) -> Result<Vec<ValueId>, ProgramError> {
    let columns = RANGES.iter().cycle().take(count).enumerate();
    let columns = columns.map(|(i, range)| Column {
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
    Ok(columns)
}

/// Weighted sums of all columns, with the same weights for every row, and random steps on these.
fn of_sums(seed: u64, length: usize, share: f64) -> Result<Program, ProgramError> {
    let name = format!("program {seed} that goes on from sums of columns, on {length} rows");
    let mut builder = ProgramBuilder::new(name);
    let precision = RANGES.iter().map(|r| r.width()).fold(0.0, f64::max) * share;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // As many as no power of two, for most of them.
    let count = 2 + seed as usize % 6;
    let columns = columns(&mut builder, (length, count), precision)?;
    let mut values = vec![];
    for _ in 0..=seed % 3 {
        let mut weight = || random.random_range(0.1..0.9) / count as f64;
        let terms = columns.iter().map(|x| (*x, weight().into())).collect();
        let id = builder.weighted_sum(terms, random.random_range(-1.0..1.0))?;
        values.push(Known {
            id,
            error: 1.0,
            depth: 1,
        });
    }
    let mut drawing = Drawing {
        builder,
        random,
        values,
    };
    // Without it, another sum may be all that there is.
    let first = drawing.values[0];
    let square = drawing.builder.square(first.id)?;
    drawing.values.push(Known {
        id: square,
        error: 2.0 * drawing.size(first) * first.error,
        depth: 2,
    });
    for _ in 0..STEPS / 2 {
        drawing.step(Mix::Elements);
    }
    drawing.output("all", length, precision)?;
    drawing.builder.finish()
}

/// Several weighted sums of all columns, the same random steps on each but for their numbers, and other steps on what
/// they yield: thresholds, or classes that are compared.
fn of_classes(seed: u64, length: usize, share: f64) -> Result<Program, ProgramError> {
    let name = format!("program {seed} of classes, on {length} rows");
    let mut builder = ProgramBuilder::new(name);
    let precision = RANGES.iter().map(|r| r.width()).fold(0.0, f64::max) * share;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let count = 1 + seed as usize % 6;
    let columns = columns(&mut builder, (length, count), precision)?;
    let mut drawing = Drawing {
        builder,
        random: random.clone(),
        values: vec![],
    };
    let mut results = vec![];
    for _ in 0..2 + seed % 4 {
        let mut weight = || random.random_range(0.1..0.9) / count as f64;
        let terms = columns.iter().map(|x| (*x, weight().into())).collect();
        let bias = random.random_range(-1.0..1.0);
        let sum = Known {
            id: drawing.builder.weighted_sum(terms, bias)?,
            error: 1.0,
            depth: 1,
        };
        let square = Known {
            id: drawing.builder.square(sum.id)?,
            error: 2.0 * drawing.size(sum) * sum.error,
            depth: 2,
        };
        drawing.values = vec![sum, square];
        drawing.random = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..STEPS / 4 {
            drawing.step(Mix::Elements);
        }
        results.extend([drawing.values[drawing.values.len() - 1], sum]);
    }
    drawing.values = results;
    for _ in 0..STEPS / 4 {
        drawing.step(Mix::Elements);
    }
    drawing.output("all", length, precision)?;
    drawing.builder.finish()
}

type Draws = fn(u64, usize, f64) -> Result<Program, ProgramError>;

fn are_the_oracles(subject: &Subject, draws: Draws) {
    let share = subject.profile.precision;
    let lengths = LENGTHS.iter().filter(|n| **n <= subject.profile.max_length);
    let lengths: Vec<usize> = lengths.copied().collect();
    let mut ran = 0;
    for (seed, length) in (0..2 * PROGRAMS).zip(lengths.iter().cycle()) {
        let program = draws(seed, *length, share)
            .unwrap_or_else(|e| panic!("program {seed} that goes on from sums: {e}"));
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
    let products = subject.capabilities().has(OpKind::Mul);
    assert!(ran > 0 || !products, "all were refused");
}

/// Random programs that begin with weighted sums of their columns and go on from them give what the oracle gives, or are
/// refused with a reason, and both parties come to the same layout by themselves.
pub fn programs_on_sums_are_the_oracles(subject: &Subject) {
    are_the_oracles(subject, of_sums);
}

/// The same of several sums, with which the same is done but for its numbers.
pub fn classes_are_the_oracles(subject: &Subject) {
    are_the_oracles(subject, of_classes);
}
