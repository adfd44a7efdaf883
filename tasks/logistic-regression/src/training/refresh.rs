//! The interactive way: in every epoch the server computes the gradient at encrypted weights, and
//! the key owner decrypts it, steps, and encrypts the weights anew.

use hexperiment_core::linear_model::training::Order;
use hexperiment_core::program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder,
    ProgramError,
};
use hexperiment_core::session::Session;
use hexperiment_core::task::TaskError;
use ndarray::{Array1, Array2};

use super::descent::Schedule;
use super::nesterov::Statement;

/// The order in which rows are flattened: the inner product goes round, and nothing is masked.
pub(crate) const ORDER: Order = Order::Columns;

/// The most that a weight is assumed to be.
const LARGEST_WEIGHT: f64 = 10.0;

/// Of rows and of weights, divided by the sigmoid's range, the gradient: at the first row of each
/// column the sum over rows.
pub(crate) fn program(statement: &Statement) -> Result<Program, ProgramError> {
    let (flat, sigmoid) = (statement.flat, &statement.sigmoid);
    let mut builder = ProgramBuilder::new("the gradient of logistic regression");
    let (_, inputs) = builder.input(statement.input())?;
    let (_, weights) = builder.input(Input {
        name: "weights".into(),
        owner: Party::Client(0),
        length: flat.length(),
        columns: vec![Column {
            name: "weights".into(),
            range: Interval::symmetric(LARGEST_WEIGHT / sigmoid.bound()),
        }],
        precision: statement.precision,
    })?;
    let (rows, rest) = inputs.split_at(flat.vectors());
    let counted = if statement.counted() { rest } else { rows };
    let mut parts = Vec::with_capacity(rows.len());
    for (row, counted) in rows.iter().zip(counted) {
        let product = builder.mul(*row, weights[0])?;
        let inner = flat.sum_columns(&mut builder, product)?;
        builder.assume(inner, Interval::symmetric(1.0))?;
        let odd = sigmoid.times(&mut builder, inner, *counted, -1.0)?;
        let half = builder.scale(*counted, 0.5)?;
        parts.push(builder.add(odd, half)?);
    }
    let part = flat.sum_vectors(&mut builder, parts)?;
    let value = flat.sum_rows(&mut builder, part)?;
    builder.output(Output {
        name: "gradient".into(),
        values: vec![value],
        precision: statement.precision * statement.total,
    })?;
    builder.finish()
}

/// Runs all epochs: the weights after each, as columns.
pub(crate) fn run(
    statement: &Statement,
    rows: &Array2<f64>,
    session: &mut Session<'_>,
) -> Result<Array2<f64>, TaskError> {
    let Statement {
        flat,
        schedule,
        columns,
        ..
    } = statement;
    let [first, second] = [0, 1].map(InputId::from_index);
    let sealed = session.client().encrypt(first, rows.view())?;
    let mut v = Array1::<f64>::zeros(*columns);
    let mut last = v.clone();
    let mut path = Array2::zeros((*columns, schedule.iterations));
    for t in 0..schedule.iterations {
        if let Some(large) = v.iter().find(|w| w.abs() > LARGEST_WEIGHT) {
            return Err(TaskError::Options(format!(
                "after {t} epochs a weight is {large:.1}, expected at most {LARGEST_WEIGHT}: the \
                 descent diverges; lower `learning_rate`"
            )));
        }
        let shares = v.mapv(|w| w / statement.sigmoid.bound()).to_vec();
        let vector = Array1::from(flat.repeat(&shares)).insert_axis(ndarray::Axis(1));
        let weights = session.client().encrypt(second, vector.view())?;
        let results = session.server().evaluate(&[&sealed, &weights])?;
        let id = OutputId::from_index(0);
        let gradient = session.client().decrypt(id, &results[0])?;
        let gradient: Array1<f64> = (0..*columns)
            .map(|j| gradient[[flat.place(0, j), 0]] / statement.total)
            .collect();
        let next = schedule.step(&v, &gradient);
        let eta = Schedule::momentum(t);
        v = &next * (1.0 - eta) + &last * eta;
        path.column_mut(t).assign(&next);
        last = next;
    }
    Ok(path)
}
