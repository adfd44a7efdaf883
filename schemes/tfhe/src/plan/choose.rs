//! What a plan is made for: the parameter set, what noise may do, how numbers go in limbs and conjunctions in
//! rotations.

use hexperiment_program::{Op, Program};
use hexperiment_scheme::security::failure::deviations_each;

use super::{Plan, plan};
use crate::algebra::{LimbOptions, Packings};
use crate::error::PlanError;
use crate::flatten::{InLimbs, flatten};
use crate::parameters::{ParameterSet, SETS};

/// Bits of the uppermost limb and halvings before a refreshment, in the order in which they are
/// tried: the first ones take the fewest bootstraps and leave the least room for noise.
const LIMB_OPTIONS: [(u32, u32); 8] = [
    (4, u32::MAX),
    (3, u32::MAX),
    (4, 3),
    (4, 2),
    (3, 3),
    (3, 2),
    (4, 1),
    (3, 1),
];

/// What a plan is made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// Bits of their range that comparisons resolve.
    pub(super) bits: u32,
    pub(super) set: &'static ParameterSet,
    /// Standard deviations of noise that nothing may be wrong within.
    pub(super) deviations: f64,
}

/// Rounds of planning after which the number of bootstraps has settled, or never will: a plan for more
/// certainty may take more bootstraps, of which each must be more certain again.
const ROUNDS: usize = 8;

/// Plans a lowered program; comparisons resolve `bits` bits of their range, and anything in it is wrong
/// with a probability of at most `2^failure_log2`. Of the parameter sets by which that can be, the one
/// whose bootstraps take the least work; that of the least failure probability where there are none.
pub(crate) fn plan_program(
    program: &Program,
    bits: u32,
    failure_log2: i32,
) -> Result<Plan, PlanError> {
    let given = Statement {
        program,
        in_limbs: InLimbs::of(program),
        packings: Packings::default(),
    };
    let attempt = |set| plan_by(set, &given, (bits, failure_log2));
    let [strictest, others @ ..] = &SETS;
    let first = attempt(strictest);
    if first.as_ref().is_ok_and(|plan| plan.bootstraps() == 0) {
        return first;
    }
    let others = others.iter().filter_map(|set| attempt(set).ok());
    let best = others.min_by_key(Plan::work);
    match (first, best) {
        (Ok(first), Some(best)) if best.work() < first.work() => Ok(best),
        (Err(_), Some(best)) => Ok(best),
        (first, _) => first,
    }
}

/// What is planned, and what holds of it by whatever parameter set.
struct Statement<'a> {
    program: &'a Program,
    in_limbs: InLimbs,
    packings: Packings,
}

/// By one parameter set, with as many standard deviations for each bootstrap and each decryption as
/// their number asks for.
fn plan_by(
    set: &'static ParameterSet,
    given: &Statement<'_>,
    (bits, failure_log2): (u32, i32),
) -> Result<Plan, PlanError> {
    let mut events = 1;
    let mut rounds = 0;
    loop {
        let target = Target {
            bits,
            set,
            deviations: deviations_each(failure_log2.into(), events),
        };
        let plan = plan_in_limbs(given, target)?;
        rounds += 1;
        if plan.failure().hold(failure_log2).is_ok() {
            return Ok(plan);
        }
        if rounds == ROUNDS {
            return Err(PlanError::Unsettled {
                failure: plan.failure(),
                wanted: failure_log2,
            });
        }
        let count: u64 = plan.events().map(|e| e.count).sum();
        events = count.max(events + 1);
    }
}

/// Of what may be chosen about limbs and conjunctions, the first is taken if it can be, else the plan of the
/// fewest bootstraps.
fn plan_in_limbs(given: &Statement<'_>, target: Target) -> Result<Plan, PlanError> {
    let Statement {
        program,
        in_limbs,
        packings,
    } = given;
    let attempt = |(top, most_halvings), packings| {
        let options = LimbOptions {
            bits: target.bits,
            top,
            most_halvings,
        };
        plan(&flatten(program, in_limbs, options, packings)?, target)
    };
    let [first, others @ ..] = LIMB_OPTIONS;
    attempt(first, Some(packings)).or_else(|refused| {
        let others = others.iter().filter(|_| !in_limbs.is_empty());
        let shared = others.clone().map(|options| (*options, Some(packings)));
        // Each conjunction by itself leaves more room for noise.
        let has_conjunctions = program
            .values()
            .iter()
            .any(|v| matches!(v.op(), Op::And(_)));
        let alone = std::iter::once(first).chain(others.copied());
        let alone = alone.map(|options| (options, None));
        let plans = shared.chain(alone.filter(|_| has_conjunctions));
        let plans = plans.filter_map(|(options, packings)| attempt(options, packings).ok());
        plans.min_by_key(Plan::bootstraps).ok_or(refused)
    })
}
