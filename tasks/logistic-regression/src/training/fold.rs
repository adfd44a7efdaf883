//! A training part and a test part, and what training in the clear makes of them.

use hexperiment_data::folds::{self, TooFewRows};
use hexperiment_data::{Dataset, transform};
use hexperiment_task::clipping::{Moved, largest_difference};
use hexperiment_task::encode::EncodedTable;
use hexperiment_task::linear_model::training::OddSigmoid;
use hexperiment_task::linear_model::{
    Features, LinearModel, LogisticTraining, check_binary, sigmoid,
};
use hexperiment_task::{PrepareRequest, TaskError};
use ndarray::{Array1, s};

use super::descent::{LARGEST_WEIGHT, Path, Schedule, SignedRows};
use super::hessian;
use super::settings::TrainingSettings;

/// One training part with its test part.
#[derive(Clone, Debug)]
pub(crate) struct Fold {
    pub(crate) table: EncodedTable,
    pub(crate) rows: SignedRows,
    /// Of the training part, 0 and 1.
    pub(crate) labels: Array1<f64>,
    /// Of the test part.
    pub(crate) truth: Array1<f64>,
    /// Trained in the clear to the end.
    pub(crate) converged: LinearModel,
    /// Weights after each step of the same algorithm in the clear; the intercept last.
    pub(crate) clear: Vec<Array1<f64>>,
    /// The same with the exact sigmoid.
    pub(crate) exact: Vec<Array1<f64>>,
    /// The last weights with the exact sigmoid on rows as they were before any value was clipped, no
    /// numbers where that diverges; `None` where none was.
    pub(crate) unclipped: Option<Array1<f64>>,
}

/// Weights with the intercept last, as a model.
pub(crate) fn model(weights: &Array1<f64>) -> LinearModel {
    let last = weights.len() - 1;
    LinearModel {
        weights: weights.slice(s![..last]).to_owned(),
        intercept: weights[last],
    }
}

/// The folds, or the data's own two parts; and what a reader must know.
pub(crate) fn prepare(
    request: PrepareRequest<'_>,
    settings: &TrainingSettings,
) -> Result<(Vec<Fold>, Vec<String>), TaskError> {
    let mut parts = Vec::new();
    if settings.folds == 0 {
        parts.push(request.data.clone());
    } else {
        parts = deal(request.data, settings.folds, request.seed)?;
    }
    let mut folds = Vec::with_capacity(parts.len());
    let mut notes: Vec<String> = Vec::new();
    for data in parts {
        let (fold, said) = Fold::new(&data, settings)?;
        folds.push(fold);
        notes.extend(said);
    }
    notes.sort();
    notes.dedup();
    if settings.folds > 0 {
        notes.push(format!(
            "{} models, one for each fold, are trained with the same program and keys; times and \
             traffic are of all of them",
            settings.folds
        ));
    }
    let rows = total(&folds);
    for fold in &mut folds {
        fold.rows.total = rows;
    }
    Ok((folds, notes))
}

/// Deals the rows of both parts into folds by the seed, classes in equal shares.
fn deal(data: &Dataset, count: usize, seed: u64) -> Result<Vec<Dataset>, TaskError> {
    let Some(target) = &data.target else {
        // Says what is missing.
        data.partition()?;
        return Ok(vec![data.clone()]);
    };
    let mut rows: Vec<usize> = data.train.iter().chain(&data.test).copied().collect();
    rows.sort_unstable();
    let (positives, negatives) = rows.into_iter().partition(|row| target.values[*row] > 0.5);
    let dealt = folds::stratified(vec![positives, negatives], count, seed).map_err(|few| {
        let TooFewRows { class, rows } = few;
        TaskError::data(
            format!(
                "{rows} rows have the target {}, for {count} folds",
                1 - class
            ),
            "lower `folds` under [task], or use more rows",
        )
    })?;
    let fold = |(fold, test): (usize, &Vec<usize>)| {
        let others = dealt.iter().enumerate().filter(|(other, _)| *other != fold);
        let mut train: Vec<usize> = others.flat_map(|(_, rows)| rows).copied().collect();
        train.sort_unstable();
        Dataset {
            train,
            test: test.clone(),
            ..data.clone()
        }
    };
    Ok(dealt.iter().enumerate().map(fold).collect())
}

impl Fold {
    fn new(data: &Dataset, settings: &TrainingSettings) -> Result<(Self, Vec<String>), TaskError> {
        let partition = data.partition()?;
        let (labels, truth) = (
            partition.train.target.clone(),
            partition.test.target.clone(),
        );
        check_binary(&labels, "training")?;
        check_binary(&truth, "test")?;
        let Features { table, mut notes } =
            Features::prepare(&partition, settings.features, transform::rank_by_f)?;
        let training = LogisticTraining {
            alpha: settings.alpha,
            balanced: settings.balanced,
            max_iterations: settings.max_iterations,
        };
        let trained = training.fit(&table.train, &labels)?;
        notes.extend(trained.note);
        let (n, positives) = (labels.len() as f64, labels.sum());
        let counts = labels.mapv(|y| match (settings.balanced, y > 0.5) {
            (false, _) => 1.0,
            (true, true) => n / (2.0 * positives),
            (true, false) => n / (2.0 * (n - positives)),
        });
        let fold = Self {
            rows: SignedRows::new(&table.train, &labels, counts, n),
            table,
            labels,
            truth,
            converged: trained.model,
            clear: vec![],
            exact: vec![],
            unclipped: None,
        };
        Ok((fold, notes))
    }

    /// Descends in the clear, with the polynomial and with the exact sigmoid.
    pub(crate) fn descend(
        &mut self,
        schedule: &Schedule,
        stand_in: &OddSigmoid,
    ) -> Result<(), TaskError> {
        let path = self.rows.descend(schedule, &|u| stand_in.evaluate(u));
        within(&path, stand_in)?;
        self.clear = path.weights;
        self.exact = self.rows.descend(schedule, &sigmoid).weights;
        self.unclipped = self.unclipped_rows().map(|rows| {
            let path = rows.descend(schedule, &sigmoid).weights;
            path.into_iter().next_back().unwrap_or_default()
        });
        Ok(())
    }

    /// The rows as they were before any value was clipped; `None` where none was.
    fn unclipped_rows(&self) -> Option<SignedRows> {
        let before = self.table.unclipped_train.as_ref()?;
        let (counts, total) = (self.rows.counts.clone(), self.rows.total);
        Some(SignedRows::new(before, &self.labels, counts, total))
    }

    /// What was clipped of the training rows, and how far that moves a weight in the clear.
    pub(crate) fn clipping(&self) -> (Moved, f64) {
        let pairs = self.unclipped.iter().zip(self.exact.last());
        let errors = pairs.map(|(unclipped, exact)| largest_difference(unclipped, exact));
        (self.table.moved_in_train(), errors.fold(0.0, f64::max))
    }

    /// Takes Newton steps in the clear, all but the first by the polynomial; without one there is one.
    pub(crate) fn newton(
        &mut self,
        steps: usize,
        penalty: f64,
        stand_in: Option<&OddSigmoid>,
    ) -> Result<(), TaskError> {
        let exact = self.rehearse_newton(steps, penalty)?;
        self.clear = match stand_in {
            None => exact.weights.clone(),
            Some(stand_in) => {
                let path = newton_path(&self.rows, &self.labels, steps, penalty, &|u| {
                    stand_in.evaluate(u)
                })?;
                within(&path, stand_in)?;
                path.weights
            }
        };
        self.exact = exact.weights;
        self.unclipped = self.unclipped_rows().map(|rows| {
            let path = newton_path(&rows, &self.labels, steps, penalty, &sigmoid);
            // Where moments have no inverse there are no weights.
            let last = path
                .ok()
                .and_then(|path| path.weights.into_iter().next_back());
            last.unwrap_or_else(|| Array1::from_elem(rows.rows.ncols(), f64::NAN))
        });
        Ok(())
    }

    /// Newton steps with the exact sigmoid.
    pub(crate) fn rehearse_newton(&self, steps: usize, penalty: f64) -> Result<Path, TaskError> {
        newton_path(&self.rows, &self.labels, steps, penalty, &sigmoid)
    }
}

fn newton_path(
    rows: &SignedRows,
    labels: &Array1<f64>,
    steps: usize,
    penalty: f64,
    sigmoid: &dyn Fn(f64) -> f64,
) -> Result<Path, TaskError> {
    let design = hessian::design(rows, labels);
    let moments = design.t().dot(&design);
    let solve = |uphill| hessian::solve(&moments, penalty, uphill);
    rows.newton(steps, penalty, &solve, sigmoid)
}

/// Fails where inner products leave the polynomial's range, or weights theirs.
fn within(path: &Path, stand_in: &OddSigmoid) -> Result<(), TaskError> {
    // Not above it, or not a number.
    if path.largest.is_nan() || path.largest > stand_in.bound() {
        return Err(TaskError::Options(format!(
            "inner products of rows and weights reach {:.1}, beyond the sigmoid's range of {}; \
             widen `sigmoid_range`, lower `learning_rate` or `iterations`, or raise `alpha`",
            path.largest,
            stand_in.bound()
        )));
    }
    if path.largest_weight.is_nan() || path.largest_weight > LARGEST_WEIGHT {
        return Err(TaskError::Options(format!(
            "in the clear a weight reaches {:.1}, expected at most {LARGEST_WEIGHT}; lower \
             `learning_rate` or `iterations`, or raise `alpha`",
            path.largest_weight
        )));
    }
    Ok(())
}

/// The most rows of any fold.
pub(crate) fn total(folds: &[Fold]) -> f64 {
    folds.iter().map(|f| f.labels.len()).max().unwrap_or(1) as f64
}

/// The largest magnitude that the public ranges of the folds' columns allow.
pub(crate) fn largest(folds: &[Fold]) -> f64 {
    let columns = folds.iter().flat_map(|f| &f.table.columns);
    columns.map(|c| c.range.magnitude()).fold(1.0, f64::max)
}

/// The largest inner product that the exact descent meets.
pub(crate) fn rehearse(folds: &[Fold], schedule: &Schedule) -> Result<f64, TaskError> {
    let paths = folds.iter().map(|f| f.rows.descend(schedule, &sigmoid));
    let largest = paths.map(|p| p.largest).fold(0.0, f64::max);
    let sane = 100.0;
    if largest.is_nan() || largest > sane {
        return Err(TaskError::Options(format!(
            "the descent in the clear diverges: inner products of rows and weights reach {largest:.1}; \
             lower `learning_rate`, now {}",
            schedule.rate
        )));
    }
    Ok(largest)
}
