//! The interactive way: in every epoch the server computes the gradient at encrypted weights, and
//! the key owner decrypts it, steps, and encrypts the weights anew.

use hexperiment_program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder,
    ProgramError,
};
use hexperiment_task::session::{Sealed, Session};
use hexperiment_task::{InputTable, TaskError};
use ndarray::{Array1, Array2};

use super::decrypt_divided;
use super::descent::{LARGEST_WEIGHT, Schedule};
use super::nesterov::Statement;

/// The gradient alone.
pub(crate) fn program(statement: &Statement) -> Result<Program, ProgramError> {
    let mut builder = ProgramBuilder::new("the gradient of logistic regression");
    state(statement, &mut builder)?;
    builder.finish()
}

/// Of rows and of weights, divided by the sigmoid's range, two inputs, an output: the gradient, at
/// the first row of each column the sum over rows.
pub(crate) fn state(
    statement: &Statement,
    builder: &mut ProgramBuilder,
) -> Result<(), ProgramError> {
    let (flat, sigmoid) = (statement.flat, &statement.sigmoid);
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
        let inner = flat.sum_columns(builder, product)?;
        builder.assume(inner, Interval::symmetric(1.0))?;
        let odd = sigmoid.times(builder, inner, *counted, -1.0)?;
        let half = builder.scale(*counted, 0.5)?;
        parts.push(builder.add(odd, half)?);
    }
    let part = flat.sum_vectors(builder, parts)?;
    let value = flat.sum_rows(builder, part)?;
    builder.output(Output {
        name: "gradient".into(),
        values: vec![value],
        precision: statement.precision * statement.total,
    })?;
    Ok(())
}

/// Runs all epochs: the weights after each, as columns.
pub(crate) fn run(
    statement: &Statement,
    rows: &InputTable,
    session: &mut Session<'_>,
) -> Result<Array2<f64>, TaskError> {
    let Statement {
        schedule, columns, ..
    } = statement;
    let [first, second] = [0, 1].map(InputId::from_index);
    let sealed = rows.encrypt(session, first)?;
    let mut v = Array1::<f64>::zeros(*columns);
    let mut last = v.clone();
    let mut path = Array2::zeros((*columns, schedule.iterations));
    for t in 0..schedule.iterations {
        check_weights(&v, t)?;
        let weights = sent(statement, &v).encrypt(session, second)?;
        let results = session.server().evaluate(&[&sealed, &weights])?;
        let gradient = decrypt(statement, session, OutputId::from_index(0), &results[0])?;
        let next = schedule.step(&v, &gradient);
        let eta = Schedule::momentum(t);
        v = &next * (1.0 - eta) + &last * eta;
        path.column_mut(t).assign(&next);
        last = next;
    }
    Ok(path)
}

/// Fails where weights leave what the program allows, after so many steps.
pub(crate) fn check_weights(weights: &Array1<f64>, steps: usize) -> Result<(), TaskError> {
    match weights.iter().find(|w| w.abs() > LARGEST_WEIGHT) {
        None => Ok(()),
        Some(large) => Err(TaskError::Options(format!(
            "after {steps} steps a weight is {large:.1}, expected at most {LARGEST_WEIGHT}: the \
             descent diverges; lower `learning_rate`, or raise `alpha`"
        ))),
    }
}

/// Weights as the client sends them: the same in every row.
pub(crate) fn sent(statement: &Statement, weights: &Array1<f64>) -> InputTable {
    let shares = weights.mapv(|w| w / statement.sigmoid.bound()).to_vec();
    let vector = Array1::from(statement.flat.repeat(&shares));
    InputTable::new(vector.insert_axis(ndarray::Axis(1)), weights.len())
}

/// Decrypts the mean gradient.
pub(crate) fn decrypt(
    statement: &Statement,
    session: &mut Session<'_>,
    output: OutputId,
    sealed: &Sealed,
) -> Result<Array1<f64>, TaskError> {
    let found = decrypt_divided(session, output, sealed, statement.total)?;
    let at = |j: usize| found[[statement.flat.place(0, j), 0]];
    Ok((0..statement.columns).map(at).collect())
}
