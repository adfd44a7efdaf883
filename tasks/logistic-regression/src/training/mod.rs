//! Training under encryption: the rows, their labels and, but for `refresh`, the weights on the way
//! stay encrypted. The server's part is a program; the key owner decrypts weights, moments or
//! gradients, as the method says.

mod descent;
mod fold;
mod hessian;
mod nesterov;
mod plan;
mod refresh;
mod report;
mod settings;

use hexperiment_program::{InputId, OutputId, Program};
use hexperiment_task::ledger::Quality;
use hexperiment_task::linear_model::training::{most_that_fit, scored_in_the_clear};
use hexperiment_task::metrics;
use hexperiment_task::session::{Sealed, Session};
use hexperiment_task::{Artefact, InputTable, Outcome, PrepareRequest, Prepared, TaskError};
use ndarray::Array2;

pub(crate) use report::MORE_METRICS;
pub(crate) use settings::specs;

use fold::Fold;
use plan::TrainingPlan;
use settings::TrainingSettings;

/// Training on one or more folds.
pub(crate) struct Training {
    plan: TrainingPlan,
    program: Program,
    folds: Vec<Fold>,
    settings: TrainingSettings,
    notes: Vec<String>,
}

impl Training {
    pub(crate) fn new(request: PrepareRequest<'_>) -> Result<Self, TaskError> {
        let settings = TrainingSettings::read(request.options)?;
        let (mut folds, mut notes) = fold::prepare(request, &settings)?;
        let plan = TrainingPlan::new(&settings, &mut folds, &mut notes)?;
        let truth = report::truth(&folds);
        let rows = folds.iter().map(|f| f.labels.len()).sum();
        notes.push(scored_in_the_clear(rows, truth.len()));
        notes.extend(metrics::few_of_a_class(&truth));
        Ok(Self {
            program: plan.program()?,
            plan,
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
        tables: impl Fn(&Fold) -> Vec<InputTable>,
        divisor: f64,
        read: impl Fn(&Array2<f64>) -> Result<Array2<f64>, TaskError>,
    ) -> Result<Vec<Array2<f64>>, TaskError> {
        let mut results = Vec::with_capacity(self.folds.len());
        for fold in &self.folds {
            let mut sealed = Vec::new();
            for (index, table) in tables(fold).iter().enumerate() {
                sealed.push(table.encrypt(session, InputId::from_index(index))?);
            }
            let inputs: Vec<_> = sealed.iter().collect();
            results.extend(session.server().evaluate(&inputs)?);
        }
        let id = OutputId::from_index(0);
        let decrypt = |result| decrypt_divided(session, id, result, divisor);
        let found = results.iter().map(decrypt).collect::<Result<Vec<_>, _>>()?;
        found.iter().map(read).collect()
    }
}

impl Training {
    /// What a program on rows says of them by its public numbers.
    fn public(&self, statement: &nesterov::Statement) -> String {
        let classes = if statement.counted() {
            ", the share of the rarer class"
        } else {
            ""
        };
        let range = if self.settings.sigmoid_range > 0.0 {
            "the sigmoid's range"
        } else {
            "the sigmoid's range, and by it about how large inner products of rows and weights get"
        };
        format!("how many rows there are, the largest magnitude in them{classes}, {range}")
    }
}

/// Decrypts an output of which each value is divided by the same number.
fn decrypt_divided(
    session: &mut Session<'_>,
    output: OutputId,
    sealed: &Sealed,
    by: f64,
) -> Result<Array2<f64>, TaskError> {
    let divisors = Array2::from_elem(sealed.shape(), by);
    let mut client = session.client();
    Ok(client.decrypt_divided(output, sealed, divisors.view())?)
}

/// The vectors that the client sends. The data in them are the rows, each with its label.
fn sent(statement: &nesterov::Statement, fold: &Fold) -> InputTable {
    let payload = fold.rows.rows.len();
    let flatten = |rows: &Array2<f64>| {
        let mut vectors = statement.flat.flatten(rows.view());
        vectors.mapv_inplace(|x| statement.unit * x);
        vectors
    };
    let rows = flatten(&fold.rows.rows);
    if !statement.counted() {
        return InputTable::new(rows, payload);
    }
    let counted = flatten(&fold.rows.counted());
    let mut both = Array2::zeros((rows.nrows(), rows.ncols() + counted.ncols()));
    for (mut to, from) in both
        .columns_mut()
        .into_iter()
        .zip(rows.columns().into_iter().chain(counted.columns()))
    {
        to.assign(&from);
    }
    InputTable::new(both, payload)
}

/// The weights, as a column: the mean of what stands in all rows.
fn read(statement: &nesterov::Statement, vector: &Array2<f64>) -> Array2<f64> {
    let flat = statement.flat;
    let height = flat.height();
    Array2::from_shape_fn((statement.columns, 1), |(j, _)| {
        let copies = (0..height).map(|row| vector[[flat.place(row, j), 0]]);
        copies.sum::<f64>() / height as f64
    })
}

impl Prepared for Training {
    fn program(&self) -> &Program {
        &self.program
    }

    fn samples(&self) -> usize {
        self.folds.iter().map(|f| f.labels.len()).sum()
    }

    /// One for each fold, or for each step on each fold.
    fn evaluations(&self) -> u64 {
        let each = match &self.plan {
            TrainingPlan::Nesterov(_) => 1,
            TrainingPlan::Hessian(statement) if statement.gradient.is_none() => 1,
            TrainingPlan::Hessian(statement) => statement.steps,
            TrainingPlan::Refresh(statement) => statement.schedule.iterations,
        };
        (self.folds.len() * each) as u64
    }

    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        let outputs = match &self.plan {
            TrainingPlan::Nesterov(statement) => self.one_round_each(
                session,
                |fold| vec![sent(statement, fold)],
                statement.total,
                |found| Ok(read(statement, found)),
            )?,
            TrainingPlan::Hessian(statement) if statement.gradient.is_none() => self
                .one_round_each(
                    session,
                    |fold| statement.inputs(&hessian::design(&fold.rows, &fold.labels)),
                    1.0,
                    |found| statement.read(found),
                )?,
            TrainingPlan::Hessian(statement) => {
                let mut paths = Vec::with_capacity(self.folds.len());
                for (fold, gradient) in self.folds.iter().zip(statement.gradient.iter().cycle()) {
                    let design = hessian::design(&fold.rows, &fold.labels);
                    paths.push(statement.run(gradient, &design, sent(gradient, fold), session)?);
                }
                paths
            }
            TrainingPlan::Refresh(statement) => {
                let each = self.folds.iter();
                each.map(|fold| refresh::run(statement, &sent(statement, fold), session))
                    .collect::<Result<_, _>>()?
            }
        };
        for fold in &self.folds {
            let (moved, error) = fold.clipping();
            session.clipped(&moved, error);
        }
        Ok(Outcome { outputs })
    }

    fn score(&self, outcome: &Outcome) -> Result<Quality, TaskError> {
        report::score(&self.settings, &self.folds, outcome, &self.notes)
    }

    fn server_sees(&self) -> Option<String> {
        let no_more = "neither rows, labels nor weights";
        Some(match &self.plan {
            TrainingPlan::Nesterov(statement) => {
                format!("{}, the learning rate; {no_more}", self.public(statement))
            }
            TrainingPlan::Refresh(statement) => format!(
                "{}, how many epochs there are; {no_more}. The key owner takes part in every \
                 epoch, and sees every gradient",
                self.public(statement)
            ),
            TrainingPlan::Hessian(statement) => match (&statement.moment, &statement.gradient) {
                (hessian::Moment::Server { .. }, Some(gradient)) => format!(
                    "{}, how many steps there are; {no_more}. The key owner takes part in every \
                     step",
                    self.public(gradient)
                ),
                (hessian::Moment::Server { .. }, None) => {
                    "how many rows there are, the largest magnitude in them".into()
                }
                (hessian::Moment::Parties(n), _) => {
                    format!(
                        "that {n} parties take part; the key owner sees the sum of their moments"
                    )
                }
            },
        })
    }

    fn client_computes(&self) -> Vec<String> {
        match &self.plan {
            TrainingPlan::Nesterov(_) => vec!["division".into()],
            TrainingPlan::Refresh(_) => vec!["a step in every epoch".into()],
            TrainingPlan::Hessian(statement) => {
                let mut steps = vec!["solving the normal equations".into()];
                if matches!(statement.moment, hessian::Moment::Parties(_)) {
                    steps.push("each party's moments".into());
                }
                steps
            }
        }
    }

    fn fitting(&self, fits: &mut dyn FnMut(&Program) -> bool) -> Option<String> {
        let TrainingPlan::Nesterov(statement) = &self.plan else {
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
