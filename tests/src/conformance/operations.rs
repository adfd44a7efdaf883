//! Operations against the oracle.

use hexperiment_program::Refusal;
use hexperiment_program::{Interval, OpKind, OutputId};
use hexperiment_scheme::SchemeError;

use ndarray::Array2;

use super::Subject;
use super::cases::{self, Draw};

/// Rounds of fresh numbers for each case.
const ROUNDS: u64 = 2;

/// What is encrypted comes back, at several lengths, ranges and precisions.
pub fn round_trips(subject: &Subject) {
    let ranges = [(-1.0, 1.0), (0.0, 1.0), (-1000.0, 1000.0), (5.0, 6.5)];
    let lengths = [1, 2, 7, 334, 5000].map(|n: usize| n.min(subject.profile.max_length));
    let mut tried = vec![];
    for (i, length) in lengths.into_iter().enumerate() {
        let (low, high) = ranges[i % ranges.len()];
        if tried.contains(&(length, i % ranges.len())) {
            continue;
        }
        tried.push((length, i % ranges.len()));
        let ranges = [
            Interval { low, high },
            Interval {
                low,
                high: 2.0 * high,
            },
        ];
        let precision = (high - low) * subject.profile.precision * f64::from(1 << (i % 3));
        let name = format!("identity on {length} of [{low}, {high}]");
        let ready = subject.ready(cases::identity(&name, length, &ranges, precision));
        for round in 0..ROUNDS {
            ready.check(&cases::tables(&ready.program, Draw::Real, round), 0.0);
        }
    }
}

/// Values at both ends of their ranges come back as they are, and so do results at the ends of
/// theirs: nothing is moved to a narrower range in silence.
pub fn ends_of_ranges_are_kept(subject: &Subject) {
    let ranges = [(-3.0, 3.0), (0.0, 1.0), (5.0, 6.5)];
    let ranges = ranges.map(|(low, high)| Interval { low, high });
    let precision = subject.profile.precision;
    let length = 4.min(subject.profile.max_length);
    let same = cases::identity("ends of ranges", length, &ranges, 6.0 * precision);
    let precision = (6.0 * precision, 18.0 * precision);
    let name = "a sum at the ends of its range";
    let sum = cases::program(name, length, &ranges, precision, |b, x| {
        b.weighted_sum(x.iter().map(|x| (*x, 1.0.into())).collect(), 0.0)
    });
    for program in [same, sum] {
        let ready = subject.ready(program);
        // Lowest, highest, and just within.
        for share in [0.0, 1.0, 0.002, 0.998] {
            let value = |column: usize| ranges[column].low + share * ranges[column].width();
            let table = Array2::from_shape_fn((length, ranges.len()), |(_, column)| value(column));
            ready.check(&[table], 0.0);
        }
    }
}

/// Some of the outputs, in another order, are what they are among all of them.
pub fn outputs_are_computed_alone(subject: &Subject) {
    let length = 5.min(subject.profile.max_length);
    let ready = subject.ready(cases::three_outputs(
        "three outputs",
        length,
        subject.profile.precision,
    ));
    let tables = cases::tables(&ready.program, Draw::Real, 0);
    let held = ready.encrypt(&tables).unwrap_or_else(|e| panic!("{e}"));
    for wanted in [&[2, 0][..], &[1], &[0, 1, 2], &[]] {
        let wanted: Vec<OutputId> = wanted.iter().map(|i| OutputId::from_index(*i)).collect();
        let results = ready.keys.evaluator.evaluate_only(&held, &wanted);
        let results = results.unwrap_or_else(|e| panic!("{wanted:?}: {e}"));
        assert_eq!(results.len(), wanted.len(), "{wanted:?}");
        for (output, result) in wanted.iter().zip(&results) {
            let crossed = ready.cross(result).unwrap_or_else(|e| panic!("{e}"));
            let got = ready.keys.decryptor.decrypt(*output, &crossed);
            let got = got.unwrap_or_else(|e| panic!("{output:?} of {wanted:?}: {e}"));
            ready.compare_one(*output, &tables, &got, 0.0);
        }
    }
}

/// Every operation that the scheme says it has gives what the oracle gives.
pub fn every_native_operation_is_the_oracles(subject: &Subject) {
    for kind in [OpKind::Input]
        .into_iter()
        .chain(subject.capabilities().native)
    {
        let mut ran = 0;
        for case in cases::cases(kind, subject.short(), subject.profile.precision) {
            let name = case.program.name().to_owned();
            let ready = match subject.try_ready(case.program.clone()) {
                Ok(ready) => ready,
                // A variant may be beyond the scheme; the operation itself may not.
                Err(SchemeError::Refused(refusal)) => {
                    check_refusal(&name, &refusal);
                    continue;
                }
                Err(error) => panic!("{kind}, {name}: {error}"),
            };
            for round in 0..ROUNDS {
                ready.check(&case.tables(round), 0.0);
            }
            ran += 1;
        }
        assert!(
            ran > 0,
            "{kind} is native, and every case of it was refused"
        );
    }
}

/// Every other operation is rewritten into a program that works, or refused with a reason.
pub fn missing_operations_are_rewritten_or_refused(subject: &Subject) {
    let native = subject.capabilities().native;
    for kind in OpKind::COMPUTING
        .into_iter()
        .filter(|k| !native.contains(k))
    {
        // One relation of the five costs what all do.
        let cases = cases::cases(kind, subject.short(), subject.profile.precision);
        for case in cases.into_iter().take(2).map(cases::Case::untied) {
            let name = case.program.name().to_owned();
            match subject.try_ready(case.program.clone()) {
                Ok(ready) => {
                    assert!(
                        ready
                            .lowered
                            .program()
                            .counts()
                            .keys()
                            .all(|k| native.contains(k)),
                        "{name}: lowered to operations that the scheme does not have"
                    );
                    // Polynomials in the place of functions.
                    ready.check(&case.tables(0), 0.05);
                }
                Err(SchemeError::Refused(refusal)) => check_refusal(&name, &refusal),
                Err(error) => panic!("{kind}, {name}: {error}"),
            }
        }
    }
}

#[track_caller]
pub(super) fn check_refusal(name: &str, refusal: &Refusal) {
    assert!(
        !refusal.operation.trim().is_empty(),
        "{name}: what is refused?"
    );
    assert!(
        refusal.reason.trim().len() >= 10,
        "{name}: {refusal}: no reason"
    );
}
