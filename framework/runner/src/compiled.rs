//! From a cell's plan to its circuit: the task prepared, its program lowered and compiled.

use std::rc::Rc;

use hexperiment_data::Dataset;
use hexperiment_experiment::CellPlan;
use hexperiment_program::Program;
use hexperiment_program::lower::Lowered;
use hexperiment_scheme::memory;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::security::failure::demand_each;
use hexperiment_scheme::{Circuit, CompileRequest, Parameters, Scheme, SchemeError};
use hexperiment_task::clock::Stopwatch;
use hexperiment_task::ledger::Time;
use hexperiment_task::{PrepareRequest, Prepared, TaskError};

use crate::plugins;
use crate::stop::{Stop, failed};

/// A task on its data under a scheme: all but the keys.
pub(crate) struct Compiled {
    pub(crate) prepared: Rc<dyn Prepared>,
    pub(crate) lowered: Lowered,
    pub(crate) circuit: Box<dyn Circuit>,
    pub(crate) compile: Time,
    /// What was demanded of the circuit: of one evaluation.
    pub(crate) security: SecurityDemand,
    /// The failure probability that is demanded of a run.
    pub(crate) failure_log2: i32,
}

/// Prepares the task in the clear.
pub(crate) fn prepare(plan: &CellPlan, data: &Dataset) -> Result<Box<dyn Prepared>, TaskError> {
    let task = hexperiment_task::registry::task(&plan.cell.task)
        .map_err(|e| TaskError::Options(e.to_string()))?;
    task.prepare(PrepareRequest {
        options: &plan.task_options,
        data,
        seed: plan.seed,
    })
}

/// Prepares the task in the clear, then lowers and compiles its program; `memory_limit` is the cell's,
/// where the process itself has none.
pub(crate) fn compile(
    plan: &CellPlan,
    data: &Dataset,
    memory_limit: Option<u64>,
) -> Result<Compiled, Stop> {
    plugins::scheme(plan).map_err(failed)?;
    compile_prepared(plan, prepare(plan, data)?.into(), memory_limit)
}

/// Lowers and compiles the program of a task that was prepared for the cell, or for another one of the same task
/// on the same data.
pub(crate) fn compile_prepared(
    plan: &CellPlan,
    prepared: Rc<dyn Prepared>,
    memory_limit: Option<u64>,
) -> Result<Compiled, Stop> {
    let scheme = plugins::scheme(plan).map_err(failed)?;
    let Bound {
        lowered,
        circuit,
        compile,
        security,
        failure_log2,
    } = bind(plan, scheme, prepared.as_ref(), memory_limit)?;
    Ok(Compiled {
        prepared,
        lowered,
        circuit,
        compile,
        security,
        failure_log2,
    })
}

/// A prepared program under a scheme.
pub(crate) struct Bound {
    pub(crate) lowered: Lowered,
    pub(crate) circuit: Box<dyn Circuit>,
    pub(crate) compile: Time,
    /// What was demanded of the circuit: of one evaluation.
    pub(crate) security: SecurityDemand,
    /// The failure probability that is demanded of a run.
    pub(crate) failure_log2: i32,
}

/// Lowers and compiles a prepared program; `memory_limit` is as in [`compile`].
pub(crate) fn bind(
    plan: &CellPlan,
    scheme: &dyn Scheme,
    prepared: &dyn Prepared,
    memory_limit: Option<u64>,
) -> Result<Bound, Stop> {
    let of_run = plan.security.demand(prepared.scenario())?;
    let failure_log2 = of_run.failure_log2;
    let security = SecurityDemand {
        failure_log2: demand_each(failure_log2, prepared.evaluations()),
        ..of_run
    };
    // What compiling allocates is part of what a circuit states.
    let left = memory::left().or(memory_limit);
    let watch = Stopwatch::start();
    let build = |program: &Program| -> Result<_, SchemeError> {
        let lowered = scheme.lower(program, &plan.scheme_options, security)?;
        let circuit = scheme.compile(CompileRequest {
            lowered: &lowered,
            options: &plan.scheme_options,
            security,
            threads: plan.threads,
            objective: plan.objective,
        })?;
        Ok((lowered, circuit))
    };
    let built = build(prepared.program());
    let (lowered, circuit) = built.map_err(|error| match error {
        SchemeError::Refused(mut refusal) => {
            if let Some(advice) = prepared.fitting(&mut |smaller| build(smaller).is_ok()) {
                refusal.reason = format!("{}; {advice}", refusal.reason);
            }
            SchemeError::Refused(refusal)
        }
        error => error,
    })?;
    let compile = watch.elapsed();
    parameters(circuit.as_ref(), prepared)
        .meets(of_run)
        .map_err(Stop::Refused)?;
    if let Some(need) = circuit.parameters().memory_bytes {
        let need = need.saturating_add(in_the_clear(&lowered));
        memory::hold(need, left).map_err(SchemeError::from)?;
    }
    Ok(Bound {
        lowered,
        circuit,
        compile,
        security,
        failure_log2,
    })
}

/// Bytes that the oracle takes for all values of a program beside each evaluation.
fn in_the_clear(lowered: &Lowered) -> u64 {
    let elements = |program: &Program| {
        let lengths = program.values().iter().map(|v| v.length() as u64);
        lengths.fold(0, u64::saturating_add)
    };
    let most = elements(lowered.original()).max(elements(lowered.program()));
    most.saturating_mul(size_of::<f64>() as u64)
}

/// The circuit's parameters, with what the task shows to the server, and the failure probability of a
/// run.
pub(crate) fn parameters(circuit: &dyn Circuit, prepared: &dyn Prepared) -> Parameters {
    let mut parameters = circuit.parameters().clone();
    parameters.failure = parameters.failure.times(prepared.evaluations());
    if let Some(more) = prepared.server_sees() {
        parameters.server_sees = format!("{}; {more}", parameters.server_sees);
    }
    parameters
}
