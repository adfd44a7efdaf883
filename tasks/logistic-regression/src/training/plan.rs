//! What the server is asked to compute: the public numbers of each method's program, and the same
//! training in the clear beside it.

use hexperiment_program::{Program, ProgramError};
use hexperiment_task::linear_model::training::{Flat, OddSigmoid};
use hexperiment_task::{TaskError, vector_length};

use super::descent::Schedule;
use super::fold::{self, Fold};
use super::settings::{Method, TrainingSettings};
use super::{hessian, nesterov, refresh};

/// What the server is asked to compute.
pub(crate) enum TrainingPlan {
    Nesterov(nesterov::Statement),
    Refresh(nesterov::Statement),
    Hessian(hessian::Statement),
}

impl TrainingPlan {
    /// Plans the folds' training; notes what a reader must know.
    pub(crate) fn new(
        settings: &TrainingSettings,
        folds: &mut [Fold],
        notes: &mut Vec<String>,
    ) -> Result<Self, TaskError> {
        Ok(match settings.method {
            Method::FixedHessian => Self::Hessian(moments(settings, folds, notes)?),
            Method::Nesterov => Self::Nesterov(gradients(settings, folds, notes)?),
            Method::Refresh => Self::Refresh(gradients(settings, folds, notes)?),
        })
    }

    pub(crate) fn program(&self) -> Result<Program, ProgramError> {
        match self {
            Self::Nesterov(statement) => statement.program(),
            Self::Refresh(statement) => refresh::program(statement),
            Self::Hessian(statement) => statement.program(),
        }
    }
}

/// States a descent.
fn gradients(
    settings: &TrainingSettings,
    folds: &mut [Fold],
    notes: &mut Vec<String>,
) -> Result<nesterov::Statement, TaskError> {
    let total = fold::total(folds);
    let schedule = Schedule {
        iterations: settings.iterations,
        rate: settings.learning_rate,
        penalty: settings.alpha / total,
    };
    let bound = bound(settings, notes, || fold::rehearse(folds, &schedule))?;
    let sigmoid = OddSigmoid::fit(settings.degree, bound)?;
    notes.push(sigmoid.describe());
    for fold in folds.iter_mut() {
        fold.descend(&schedule, &sigmoid)?;
    }
    statement(settings, folds, (schedule, sigmoid), notes)
}

/// The sigmoid's range: what a rehearsal in the clear finds, and a quarter more, or what is given.
fn bound(
    settings: &TrainingSettings,
    notes: &mut Vec<String>,
    rehearse: impl FnOnce() -> Result<f64, TaskError>,
) -> Result<f64, TaskError> {
    if settings.sigmoid_range > 0.0 {
        return Ok(settings.sigmoid_range);
    }
    let met = rehearse()?;
    // Rounded up, so that it tells little of the rows.
    let bound = (1.25 * met).ceil().max(2.0);
    notes.push(format!(
        "the sigmoid's range, [-{bound}, {bound}], was derived by a rehearsal in the clear on the \
         training rows, whose largest inner product was {met:.2}; give `sigmoid_range` for one \
         that depends on no data"
    ));
    Ok(bound)
}

/// States gradients of the folds' rows.
fn statement(
    settings: &TrainingSettings,
    folds: &[Fold],
    (schedule, sigmoid): (Schedule, OddSigmoid),
    notes: &mut Vec<String>,
) -> Result<nesterov::Statement, TaskError> {
    let total = fold::total(folds);
    let first = &folds[0];
    let (rows, columns) = (total as usize, first.rows.rows.ncols());
    let most = folds.iter().flat_map(|f| f.rows.counts.iter().copied());
    let most = most.fold(1.0, f64::max);
    // Of the methods that take gradients, one decrypts nothing on the way.
    let (flat, unit) = if settings.method == Method::Nesterov {
        // What rows count makes ranges, and so scales, larger than the smaller ring has room for.
        let ring = if most == 1.0 {
            vector_length::of_levels(nesterov::levels(&schedule, &sigmoid))
        } else {
            vector_length::MANY_PRODUCTS
        };
        let flat = Flat::with_gaps(rows, columns, ring.min(settings.vector_length))?;
        (flat, nesterov::unit(&schedule, &sigmoid, total))
    } else {
        (Flat::new(rows, columns, settings.vector_length)?, 1.0)
    };
    notes.push(format!(
        "{rows} rows of {columns} columns in {} vectors of {}",
        flat.vectors(),
        flat.length()
    ));
    Ok(nesterov::Statement {
        flat,
        columns,
        schedule,
        sigmoid,
        total,
        unit,
        largest: fold::largest(folds),
        most,
        precision: settings.weight_precision,
    })
}

/// States moments.
fn moments(
    settings: &TrainingSettings,
    folds: &mut [Fold],
    notes: &mut Vec<String>,
) -> Result<hessian::Statement, TaskError> {
    let total = fold::total(folds);
    let penalty = settings.alpha / total;
    let mut largest = 0.0_f64;
    let mut norm = 0.0_f64;
    for fold in folds.iter() {
        let design = hessian::design(&fold.rows, &fold.labels);
        largest = design.iter().fold(largest, |m, x| m.max(x.abs()));
        for column in design.columns() {
            norm = norm.max(column.dot(&column));
        }
    }
    let gradient = further_steps(settings, folds, penalty, notes)?;
    let stand_in = gradient.as_ref().map(|g| &g.sigmoid);
    for fold in folds.iter_mut() {
        fold.newton(settings.steps, penalty, stand_in)?;
    }
    let columns = folds[0].rows.rows.ncols() + 1;
    let moment = if settings.parties > 0 {
        notes.push(format!(
            "{} parties hold the rows and compute their moments in the clear; the server only adds \
             them, and the key owner solves; all know the means and deviations of the features",
            settings.parties
        ));
        hessian::Moment::Parties(settings.parties)
    } else {
        let flat = Flat::new(total as usize, columns, settings.vector_length)?;
        hessian::Moment::Server {
            flat,
            largest: 1.01 * largest,
        }
    };
    Ok(hessian::Statement {
        moment,
        columns,
        // Of standardised columns 1; with class weights a little else. Rounded up.
        norm: norm.max(1.0).ceil(),
        penalty,
        precision: 0.01 * settings.weight_precision,
        steps: settings.steps,
        gradient,
    })
}

/// The gradient that Newton steps after the first need.
fn further_steps(
    settings: &TrainingSettings,
    folds: &[Fold],
    penalty: f64,
    notes: &mut Vec<String>,
) -> Result<Option<nesterov::Statement>, TaskError> {
    if settings.steps == 1 {
        return Ok(None);
    }
    let bound = bound(settings, notes, || {
        let mut met = 0.0_f64;
        for fold in folds {
            met = met.max(fold.rehearse_newton(settings.steps, penalty)?.largest);
        }
        Ok(met)
    })?;
    let sigmoid = OddSigmoid::fit(settings.degree, bound)?;
    notes.push(sigmoid.describe());
    let schedule = Schedule {
        iterations: settings.steps,
        rate: 1.0,
        penalty,
    };
    statement(settings, folds, (schedule, sigmoid), notes).map(Some)
}
