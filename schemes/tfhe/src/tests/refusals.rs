//! What has no plan, and what is said of it.

use hexperiment_program::Refusal;
use hexperiment_program::{Interval, LookupTable, Op, OpKind, ProgramBuilder, ValueId};

use super::random::{planned, program};
use crate::error::{Inexact, PlanError};

type Build = fn(&mut ProgramBuilder, &[ValueId]) -> ValueId;

/// The error of a program over three columns, and the operation that its refusal names.
#[track_caller]
fn check(
    (high, precision, bits): (f64, f64, u32),
    build: Build,
    operation: &str,
    expect: impl Fn(&PlanError) -> bool,
) {
    let ranges = [Interval::new(0.0, high); 3];
    let program = program(&ranges, precision, |b, x| Some(vec![build(b, x)])).unwrap();
    let error = planned(&program, bits).expect_err("it has a plan");
    assert!(expect(&error), "{error:?}");
    let refusal = Refusal::from(error.clone());
    assert_eq!(refusal.operation, operation);
    assert_eq!(refusal.reason, error.to_string());
}

fn inexact(error: &PlanError, kind: OpKind, expect: impl Fn(&Inexact) -> bool) -> bool {
    matches!(error, PlanError::Inexact { kind: k, why, .. } if *k == kind && expect(why))
}

const BYTES: (f64, f64, u32) = (255.0, 0.5, 20);

#[test]
fn maxima_that_are_not_exact() {
    check(
        BYTES,
        |b, x| {
            let max = b.max(x[0], x[1]).unwrap();
            let part = b.scale(max, 0.75).unwrap();
            b.max(part, x[2]).unwrap()
        },
        "max",
        |e| inexact(e, OpKind::Max, |why| *why == Inexact::FractionalFactor),
    );
    check(
        BYTES,
        |b, x| {
            let twice = b.scale(x[0], 2.0).unwrap();
            b.min(twice, x[1]).unwrap()
        },
        "min",
        |e| inexact(e, OpKind::Min, |why| *why == Inexact::MixedOperand),
    );
    check(
        BYTES,
        |b, x| {
            let moved = b.offset(x[0], 0.25).unwrap();
            b.max(moved, x[1]).unwrap()
        },
        "max",
        |e| inexact(e, OpKind::Max, |why| *why == Inexact::OffGrid { unit: 1.0 }),
    );
    check(
        BYTES,
        |b, x| {
            let sum = b.add(x[0], x[1]).unwrap();
            let more = b.add(sum, x[2]).unwrap();
            let bit = b.step(x[0]).unwrap();
            b.select(bit, more, x[2]).unwrap()
        },
        "select",
        |e| {
            inexact(e, OpKind::Select, |why| {
                matches!(why, Inexact::TooManySummands { bits: 2, .. })
            })
        },
    );
    check(
        (4.0, 0.01, 20),
        |b, x| {
            let [a, c] = [x[0], x[1]].map(|v| b.sigmoid(v).unwrap());
            b.max(a, c).unwrap()
        },
        "max",
        |e| inexact(e, OpKind::Max, |why| *why == Inexact::NotWhole),
    );
    check(
        (15.0, 0.5, 20),
        |b, x| {
            let [a, c] = [x[0], x[1]].map(|v| {
                let entries = (0..16).map(|i| f64::from(4 * i)).collect();
                let table = LookupTable { first: 0, entries };
                b.push(Op::Lookup { value: v, table }).unwrap()
            });
            b.max(a, c).unwrap()
        },
        "max",
        |e| inexact(e, OpKind::Max, |why| matches!(why, Inexact::TooWide { .. })),
    );
}

#[test]
fn arguments_that_no_bootstrap_resolves() {
    check(
        (31.0, 0.5, 20),
        |b, x| {
            let entries = (0..32).map(f64::from).collect();
            let table = LookupTable { first: 0, entries };
            b.push(Op::Lookup { value: x[0], table }).unwrap()
        },
        "lookup",
        |e| *e == PlanError::LongTable { entries: 32 },
    );
    check(
        (4.0, 1e-6, 20),
        |b, x| {
            let sigmoid = b.sigmoid(x[0]).unwrap();
            let moved = b.offset(sigmoid, -0.5).unwrap();
            b.step(moved).unwrap()
        },
        "step",
        |e| *e == PlanError::UnresolvedArgument { bits: 20 },
    );
}
