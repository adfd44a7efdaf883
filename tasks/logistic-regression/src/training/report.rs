//! How well encrypted training went.

use std::fmt::Write as _;

use hexperiment_task::ledger::{Metric, Quality};
use hexperiment_task::linear_model::{LinearModel, SavedModel};
use hexperiment_task::metrics;
use hexperiment_task::{Artefact, Outcome, TaskError};
use ndarray::{Array1, Array2};

use super::fold::{Fold, model};
use super::settings::TrainingSettings;

/// What is measured beside what every classifier's is.
pub(crate) const MORE_METRICS: [&str; 5] = [
    "exact_sigmoid_auc",
    "converged_auc",
    "auc_to_converged",
    "weight_error",
    "training_rows",
];

/// The curve in the records has about so many points; `curve.csv` has all.
const POINTS: usize = 20;

/// Scores of all folds' test rows, less each fold's threshold; `pick` chooses each fold's model.
fn margins(
    settings: &TrainingSettings,
    folds: &[Fold],
    pick: impl Fn(usize, &Fold) -> LinearModel,
) -> Result<Vec<f64>, TaskError> {
    let mut all = Vec::new();
    for (index, fold) in folds.iter().enumerate() {
        let model = pick(index, fold);
        let (cut, _) = settings
            .rule
            .cut(&model.scores(&fold.table.train).to_vec())?;
        all.extend(model.scores(&fold.table.test).iter().map(|s| s - cut));
    }
    Ok(all)
}

/// Margins of the models that are trained in the clear, with the exact sigmoid, on rows as they were
/// before any value was clipped, for test rows as they were; `None` where none was.
fn unclipped(settings: &TrainingSettings, folds: &[Fold]) -> Result<Option<Vec<f64>>, TaskError> {
    if folds.iter().all(|fold| fold.table.unclipped().is_none()) {
        return Ok(None);
    }
    let mut all = Vec::new();
    for fold in folds {
        let parts = fold.table.unclipped();
        let [train, test] = parts.unwrap_or([&fold.table.train, &fold.table.test]);
        let model = match &fold.unclipped {
            // Margins that are no numbers measure nothing.
            Some(weights) if weights.iter().any(|w| !w.is_finite()) => return Ok(None),
            Some(weights) => model(weights),
            None => last(&fold.exact),
        };
        let (cut, _) = settings.rule.cut(&model.scores(train).to_vec())?;
        all.extend(model.scores(test).iter().map(|s| s - cut));
    }
    Ok(Some(all))
}

/// The test rows' labels, of all folds.
pub(crate) fn truth(folds: &[Fold]) -> Vec<f64> {
    folds.iter().flat_map(|f| f.truth.to_vec()).collect()
}

/// The fold of each of them.
fn fold_of(folds: &[Fold]) -> Vec<usize> {
    let numbered = folds.iter().enumerate();
    numbered
        .flat_map(|(index, fold)| std::iter::repeat_n(index, fold.truth.len()))
        .collect()
}

fn column(table: &Array2<f64>, place: usize) -> Array1<f64> {
    table.column(place).to_owned()
}

fn last(weights: &[Array1<f64>]) -> LinearModel {
    weights.last().map_or_else(
        || LinearModel {
            weights: Array1::zeros(0),
            intercept: 0.0,
        },
        model,
    )
}

/// The decrypted weights of a fold.
fn decrypted(outcome: &Outcome, fold: usize) -> Array1<f64> {
    let table = &outcome.outputs[fold];
    column(table, table.ncols() - 1)
}

/// All measures: of the decrypted models, beside the same algorithm's in the clear.
pub(crate) fn score(
    settings: &TrainingSettings,
    folds: &[Fold],
    outcome: &Outcome,
    notes: &[String],
) -> Result<Quality, TaskError> {
    let truth = truth(folds);
    let got = margins(settings, folds, |k, _| model(&decrypted(outcome, k)))?;
    let clear = margins(settings, folds, |_, f| last(&f.clear))?;
    let exact = margins(settings, folds, |_, f| last(&f.exact))?;
    let converged = margins(settings, folds, |_, f| f.converged.clone())?;
    let measure = |margins: &[f64]| {
        let mut all = metrics::binary(margins, &clear, &truth, 0.0);
        let mean = metrics::auc_fold_mean(&fold_of(folds), margins, &clear, &truth);
        all.extend(mean);
        all
    };
    let mut metrics = measure(&got);
    if let Some(unclipped) = unclipped(settings, folds)? {
        Metric::beside_unclipped(&mut metrics, &measure(&unclipped));
    }
    let error = |(k, fold): (usize, &Fold)| -> f64 {
        let want = fold.clear.last().cloned().unwrap_or_default();
        let off = decrypted(outcome, k) - want;
        off.iter().fold(0.0, |m, d| m.max(d.abs()))
    };
    let rows: usize = folds.iter().map(|f| f.labels.len()).max().unwrap_or(0);
    let converged_auc = metrics::auc(&converged, &truth);
    let more = [
        (metrics::auc(&exact, &truth), None),
        (converged_auc, None),
        (converged_auc - metrics::auc(&got, &truth), None),
        (
            folds.iter().enumerate().map(error).fold(0.0, f64::max),
            Some(0.0),
        ),
        (rows as f64, None),
    ];
    for (name, (value, plaintext)) in MORE_METRICS.iter().zip(more) {
        metrics.push(Metric::new(*name, value, plaintext));
    }
    let points = curve(settings, folds, outcome)?;
    for point in points.iter().step_by(points.len().div_ceil(POINTS).max(1)) {
        // What nobody decrypted in the run is named for whose it is.
        let (owner, value, plaintext) = match point.decrypted {
            Some(auc) => ("", auc, Some(point.clear)),
            None => ("oracle_", point.clear, None),
        };
        metrics.push(Metric::new(
            format!("{owner}auc_iteration_{}", point.iteration),
            value,
            plaintext,
        ));
    }
    Ok(Quality {
        samples: truth.len(),
        metrics,
        notes: notes.to_vec(),
    })
}

/// `curve.csv`, and without folds `model.json`.
pub(crate) fn artefacts(
    settings: &TrainingSettings,
    folds: &[Fold],
    outcome: &Outcome,
) -> Result<Vec<Artefact>, TaskError> {
    let mut files = vec![Artefact {
        name: "curve.csv".into(),
        bytes: table(&curve(settings, folds, outcome)?).into_bytes(),
    }];
    if let [fold] = folds
        && settings.folds == 0
    {
        let found = model(&decrypted(outcome, 0));
        let (cut, _) = settings
            .rule
            .cut(&found.scores(&fold.table.train).to_vec())?;
        let clip = settings.features.encoding.clip;
        let saved = SavedModel::new(&found, &fold.table, clip, cut);
        files.push(Artefact {
            name: "model.json".into(),
            bytes: saved.to_json()?,
        });
    }
    Ok(files)
}

/// The areas under the ROC curve on the test rows after one iteration.
struct Point {
    /// From 1.
    iteration: usize,
    /// The same algorithm's in the clear, the oracle's.
    clear: f64,
    /// With the exact sigmoid in the clear.
    exact: f64,
    /// Of the weights that the key owner decrypted in the run, if it did.
    decrypted: Option<f64>,
}

/// The learning curve. What the key owner decrypted is marked so; all else is the oracle's, for
/// nobody sees it in a run that stays encrypted.
fn curve(
    settings: &TrainingSettings,
    folds: &[Fold],
    outcome: &Outcome,
) -> Result<Vec<Point>, TaskError> {
    let truth = truth(folds);
    let auc = |scores: Vec<f64>| metrics::auc(&scores, &truth);
    let steps = folds.iter().map(|f| f.clear.len()).min().unwrap_or(0);
    let seen = outcome.outputs.iter().map(Array2::ncols).min().unwrap_or(0);
    let point = |t: usize| {
        let clear = auc(margins(settings, folds, |_, f| model(&f.clear[t]))?);
        let exact = auc(margins(settings, folds, |_, f| model(&f.exact[t]))?);
        // The last columns are those of the last iterations.
        let place = (t + seen).checked_sub(steps);
        let weights = |k: usize, place| model(&column(&outcome.outputs[k], place));
        let decrypted = place
            .map(|place| margins(settings, folds, |k, _| weights(k, place)).map(auc))
            .transpose()?;
        Ok(Point {
            iteration: t + 1,
            clear,
            exact,
            decrypted,
        })
    };
    (0..steps).map(point).collect()
}

/// `curve.csv`.
fn table(points: &[Point]) -> String {
    let mut text = String::from("iteration,oracle_auc,oracle_exact_sigmoid_auc,decrypted_auc\n");
    for point in points {
        let decrypted = point.decrypted.map(|auc| format!("{auc:.6}"));
        let decrypted = decrypted.unwrap_or_default();
        let Point {
            iteration,
            clear,
            exact,
            ..
        } = point;
        // Writing to a string does not fail.
        let _ = writeln!(text, "{iteration},{clear:.6},{exact:.6},{decrypted}");
    }
    text
}
