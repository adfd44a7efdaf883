//! Training under encryption: the rows, their labels and, but for `refresh`, the weights on the way
//! stay encrypted. The server's part is a program; the key owner decrypts weights, moments or
//! gradients, as the method says.

mod descent;
mod fold;
mod hessian;
mod nesterov;
mod refresh;
mod report;
mod settings;

use hexperiment_core::linear_model::training::{Flat, OddSigmoid, Order, most_that_fit};
use hexperiment_core::program::{InputId, OutputId, Program};
use hexperiment_core::session::Session;
use hexperiment_core::task::{Artefact, Outcome, PrepareRequest, Prepared, Quality, TaskError};
use ndarray::Array2;

pub(crate) use report::MORE_METRICS;
pub(crate) use settings::specs;

use descent::Schedule;
use fold::Fold;
use settings::{Method, Settings};

/// What the server is asked to compute.
enum Plan {
    Nesterov(nesterov::Statement),
    Refresh(nesterov::Statement),
    Hessian(hessian::Statement),
}

/// Training on one or more folds.
pub(crate) struct Training {
    plan: Plan,
    program: Program,
    folds: Vec<Fold>,
    settings: Settings,
    notes: Vec<String>,
}

impl Training {
    pub(crate) fn new(request: PrepareRequest<'_>) -> Result<Self, TaskError> {
        let settings = Settings::read(request.options)?;
        let (mut folds, mut notes) = fold::prepare(request, &settings)?;
        let plan = match settings.method {
            Method::FixedHessian => Plan::Hessian(moments(&settings, &mut folds, &mut notes)?),
            Method::Nesterov => {
                Plan::Nesterov(gradients(Order::Rows, &settings, &mut folds, &mut notes)?)
            }
            Method::Refresh => Plan::Refresh(gradients(
                refresh::ORDER,
                &settings,
                &mut folds,
                &mut notes,
            )?),
        };
        let program = match &plan {
            Plan::Nesterov(statement) => statement.program()?,
            Plan::Refresh(statement) => refresh::program(statement)?,
            Plan::Hessian(statement) => statement.program()?,
        };
        Ok(Self {
            plan,
            program,
            folds,
            settings,
            notes,
        })
    }

    /// One round for each fold, all of them evaluated before anything is decrypted: the weights, as
    /// a column.
    fn one_round_each(
        &self,
        session: &mut Session<'_>,
        tables: impl Fn(&Fold) -> Vec<Array2<f64>>,
        read: impl Fn(&Array2<f64>) -> Result<Array2<f64>, TaskError>,
    ) -> Result<Vec<Array2<f64>>, TaskError> {
        let mut results = Vec::with_capacity(self.folds.len());
        for fold in &self.folds {
            let mut sealed = Vec::new();
            for (index, table) in tables(fold).iter().enumerate() {
                let id = InputId::from_index(index);
                sealed.push(session.client().encrypt(id, table.view())?);
            }
            let inputs: Vec<_> = sealed.iter().collect();
            results.extend(session.server().evaluate(&inputs)?);
        }
        let id = OutputId::from_index(0);
        results
            .iter()
            .map(|result| read(&session.client().decrypt(id, result)?))
            .collect()
    }
}

/// The vectors that the client sends.
fn sent(statement: &nesterov::Statement, fold: &Fold) -> Array2<f64> {
    let rows = statement.flat.flatten(fold.rows.rows.view());
    if !statement.counted() {
        return rows;
    }
    let counted = statement.flat.flatten(fold.rows.counted().view());
    let mut both = Array2::zeros((rows.nrows(), rows.ncols() + counted.ncols()));
    for (mut to, from) in both
        .columns_mut()
        .into_iter()
        .zip(rows.columns().into_iter().chain(counted.columns()))
    {
        to.assign(&from);
    }
    both
}

/// The weights, as a column: the mean of what stands in all rows.
fn read(statement: &nesterov::Statement, vector: &Array2<f64>) -> Array2<f64> {
    let flat = statement.flat;
    let height = flat.length() / flat.width();
    Array2::from_shape_fn((statement.columns, 1), |(j, _)| {
        let copies = (0..height).map(|row| vector[[flat.place(row, j), 0]]);
        copies.sum::<f64>() / height as f64 / statement.total
    })
}

/// States a descent.
fn gradients(
    order: Order,
    settings: &Settings,
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
    statement(order, settings, folds, (schedule, sigmoid), notes)
}

/// The sigmoid's range: what a rehearsal in clear finds, and a quarter more, or what is given.
fn bound(
    settings: &Settings,
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
        "the sigmoid's range, [-{bound}, {bound}], was derived by a rehearsal in clear on the \
         training rows, whose largest inner product was {met:.2}; give `sigmoid_range` for one \
         that depends on no data"
    ));
    Ok(bound)
}

/// States gradients of the folds' rows.
fn statement(
    order: Order,
    settings: &Settings,
    folds: &[Fold],
    (schedule, sigmoid): (Schedule, OddSigmoid),
    notes: &mut Vec<String>,
) -> Result<nesterov::Statement, TaskError> {
    let total = fold::total(folds);
    let first = &folds[0];
    let (rows, columns) = (total as usize, first.rows.rows.ncols());
    let mut flat = Flat::new(order, rows, columns, settings.vector_length)?;
    if order == Order::Rows {
        // The deep circuit.
        flat = flat.with_few_steps();
    }
    let most = folds.iter().flat_map(|f| f.rows.counts.iter().copied());
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
        largest: fold::largest(folds),
        most: most.fold(1.0, f64::max),
        precision: settings.weight_precision,
    })
}

/// States moments.
fn moments(
    settings: &Settings,
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
            "{} parties hold the rows and compute their moments in clear; the server only adds \
             them, and the key owner solves; all know the means and deviations of the features",
            settings.parties
        ));
        hessian::Moment::Parties(settings.parties)
    } else {
        let flat = Flat::new(
            hessian::ORDER,
            total as usize,
            columns,
            settings.vector_length,
        )?;
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
    settings: &Settings,
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
    let order = refresh::ORDER;
    statement(order, settings, folds, (schedule, sigmoid), notes).map(Some)
}

impl Prepared for Training {
    fn program(&self) -> &Program {
        &self.program
    }

    fn samples(&self) -> usize {
        self.folds.iter().map(|f| f.labels.len()).sum()
    }

    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        let outputs = match &self.plan {
            Plan::Nesterov(statement) => self.one_round_each(
                session,
                |fold| vec![sent(statement, fold)],
                |found| Ok(read(statement, found)),
            )?,
            Plan::Hessian(statement) if statement.gradient.is_none() => self.one_round_each(
                session,
                |fold| statement.inputs(&hessian::design(&fold.rows, &fold.labels)),
                |found| statement.read(found),
            )?,
            Plan::Hessian(statement) => {
                let mut paths = Vec::with_capacity(self.folds.len());
                for (fold, gradient) in self.folds.iter().zip(statement.gradient.iter().cycle()) {
                    let design = hessian::design(&fold.rows, &fold.labels);
                    paths.push(statement.run(gradient, &design, &sent(gradient, fold), session)?);
                }
                paths
            }
            Plan::Refresh(statement) => {
                let each = self.folds.iter();
                each.map(|fold| refresh::run(statement, &sent(statement, fold), session))
                    .collect::<Result<_, _>>()?
            }
        };
        Ok(Outcome { outputs })
    }

    fn score(&self, outcome: &Outcome) -> Result<Quality, TaskError> {
        report::score(&self.settings, &self.folds, outcome, &self.notes)
    }

    fn server_sees(&self) -> Option<String> {
        Some(match &self.plan {
            Plan::Nesterov(_) => {
                "how many rows there are, the learning rate and the sigmoid's range; neither rows, \
                 labels nor weights"
                    .into()
            }
            Plan::Refresh(_) => {
                "how many rows and epochs there are; neither rows, labels nor weights. The key \
                 owner takes part in every epoch, and sees every gradient"
                    .into()
            }
            Plan::Hessian(statement) => match statement.moment {
                hessian::Moment::Server { .. } if statement.gradient.is_some() => {
                    "how many rows and steps there are; the key owner takes part in every step"
                        .into()
                }
                hessian::Moment::Server { .. } => "how many rows there are".into(),
                hessian::Moment::Parties(n) => {
                    format!(
                        "that {n} parties take part; the key owner sees the sum of their moments"
                    )
                }
            },
        })
    }

    fn client_computes(&self) -> Vec<String> {
        match &self.plan {
            Plan::Nesterov(_) => vec!["division".into()],
            Plan::Refresh(_) => vec!["a step in every epoch".into()],
            Plan::Hessian(statement) => {
                let mut steps = vec!["solving the normal equations".into()];
                if matches!(statement.moment, hessian::Moment::Parties(_)) {
                    steps.push("each party's moments".into());
                }
                steps
            }
        }
    }

    fn fitting(&self, fits: &mut dyn FnMut(&Program) -> bool) -> Option<String> {
        let Plan::Nesterov(statement) = &self.plan else {
            return None;
        };
        let asked = statement.schedule.iterations;
        let mut fits = |iterations| {
            let mut smaller = statement.clone();
            smaller.schedule.iterations = iterations;
            smaller.program().is_ok_and(|program| fits(&program))
        };
        let most = most_that_fit(asked, &mut fits)?;
        Some(format!(
            "after the first, which takes none, an iteration takes {} levels: `iterations = {most}` \
             fits, {asked} were asked for",
            nesterov::levels_each(&statement.sigmoid)
        ))
    }

    fn artefacts(&self, outcome: &Outcome) -> Result<Vec<Artefact>, TaskError> {
        report::artefacts(&self.settings, &self.folds, outcome)
    }
}
