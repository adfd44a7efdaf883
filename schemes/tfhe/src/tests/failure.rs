//! The failure probability of a run: which parameter set it asks for, and what it is made of.

use hexperiment_program::lower::lower;
use hexperiment_program::{LookupTable, Op, Program};
use hexperiment_scheme::Scheme;
use hexperiment_scheme::security::failure::{Failure, log2_tail};

use super::{options, program};
use crate::Tfhe;
use crate::error::PlanError;
use crate::parameters::SETS;
use crate::plan::{Plan, plan_program};

fn planned(program: &Program, failure_log2: i32) -> Result<Plan, PlanError> {
    let lowered = lower(program, &Tfhe.capabilities(&options(20)).unwrap()).unwrap();
    plan_program(lowered.program(), 20, failure_log2)
}

/// Squares of whole numbers, one bootstrap each; `summands` of them to an argument.
fn squares(length: usize, summands: usize) -> Program {
    let ranges = vec![(0.0, (15 / summands) as f64); summands];
    program(length, &ranges, 0.5, |b, x| {
        let terms = x.iter().map(|v| (*v, 1.0.into())).collect();
        let value = b.weighted_sum(terms, 0.0).unwrap();
        let table = LookupTable {
            first: 0,
            entries: (0..16).map(|i| f64::from(i * i)).collect(),
        };
        vec![b.push(Op::Lookup { value, table }).unwrap()]
    })
}

fn log2(plan: &Plan) -> f64 {
    plan.failure().log2().unwrap()
}

#[test]
fn every_demand_is_kept_by_the_least_work() {
    let dimension = |plan: &Plan| plan.set.parameters.lwe_dimension.0;
    let mut before = 0;
    for demanded in [-20, -40, -64, -80, -100, -128] {
        let plan = planned(&squares(100, 1), demanded).unwrap();
        assert_eq!(plan.failure().hold(demanded), Ok(()));
        assert!(
            dimension(&plan) >= before,
            "a stricter demand takes no less"
        );
        before = dimension(&plan);
    }
    assert_eq!(dimension(&planned(&squares(100, 1), -40).unwrap()), 839);
    assert_eq!(before, SETS[0].parameters.lwe_dimension.0);
    let refused = planned(&squares(100, 1), -256).unwrap_err().to_string();
    assert!(refused.contains("2^-2"), "{refused}");
}

/// A hundred times as many bootstraps and decryptions fail a hundred times as often.
#[test]
fn more_data_fail_more_often() {
    let [few, many] = [10, 1000].map(|length| planned(&squares(length, 1), -40).unwrap());
    let rise = log2(&many) - log2(&few);
    assert!((rise - 100f64.log2()).abs() < 1e-9, "{rise}");
    let at_least = (10f64).log2() + log2_tail(few.certainty.deviations.unwrap());
    assert!(log2(&few) >= at_least && log2(&few) < at_least + 1.0);
}

/// What noise does to inexact results is stated for as many deviations as the demand asks for.
#[test]
fn tolerances_follow_from_the_demand() {
    let sums = program(50, &[(-1.0, 1.0)], 1e-4, |b, x| {
        vec![b.scale(x[0], 0.3).unwrap()]
    });
    for demanded in [-40, -128] {
        let plan = planned(&sums, demanded).unwrap();
        assert_eq!(plan.bootstraps(), 0);
        assert_eq!(plan.set.name, SETS[0].name, "no bootstrap, no choice");
        let deviations = plan.outputs[0][0].parts[0].decrypted.deviations;
        assert_eq!(deviations, plan.deviations);
        let Failure::AtMost(log2) = plan.failure() else {
            panic!("{:?}", plan.failure())
        };
        let below = f64::from(demanded) - log2;
        assert!((0.0..1e-6).contains(&below), "{log2}, {demanded} demanded");
    }
}
