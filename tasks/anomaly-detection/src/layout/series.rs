//! Whole series as vectors: a vector for each sensor, an element for each row.
//!
//! The client sends each value once, and zeros at the gaps. A value at row `t + d` that fills a
//! gap at row `t` is weighted where it stands; the sums over all sensors are then moved by `d`:
//! one shift for each distance, however many sensors there are.

use std::collections::BTreeMap;

use hexperiment_program::{Input, Party, ProgramBuilder, Public, ValueId};
use hexperiment_task::{InputTable, TaskError};
use ndarray::{Array2, s};

use super::{ScoreProgram, Wanted};

pub(crate) fn lay_out(wanted: &Wanted<'_>) -> Result<ScoreProgram, TaskError> {
    let series = wanted.series;
    let (rows, sensors) = series.sent.dim();
    // Schemes rotate vectors of a power of two. What is added is 0 and stays unread.
    let length = rows.next_power_of_two();
    let padded = |sent: &Array2<f64>| {
        let mut table = Array2::zeros((length, sensors));
        table.slice_mut(s![..rows, ..]).assign(sent);
        table
    };
    let payload = series.sent.len() - series.fills.len();
    let mut sent = InputTable::new(padded(&series.sent), payload);
    if let Some(before) = &series.unclipped {
        sent = sent.clipped_from(padded(&before.sent), series.moved());
    }
    let mut builder = ProgramBuilder::new("anomaly detection");
    let (_, values) = builder.input(Input {
        name: "series".into(),
        owner: Party::Client(0),
        length,
        columns: series
            .names
            .iter()
            .map(|n| wanted.column(n.clone()))
            .collect(),
        precision: wanted.input_precision(),
    })?;
    let observed =
        (0..sensors).map(|j| (values[j], by_row(wanted, length, |d| wanted.factor(d, j))));
    let bias = by_row(wanted, length, |d| wanted.detectors[d].bias());
    let mut sum = builder.weighted_sum(observed.collect(), bias)?;
    let fillings = fillings(wanted, length);
    let note = format!(
        "{} gaps filled in {sensors} series of {rows} rows, from neighbours at {} distances",
        series.fills.len(),
        fillings.len()
    );
    for (distance, by_sensor) in fillings {
        let terms: Vec<(ValueId, Public)> = by_sensor
            .into_iter()
            .map(|(sensor, weights)| (values[sensor], weights.into()))
            .collect();
        let weighted = builder.weighted_sum(terms, 0.0)?;
        let moved = builder.shift(weighted, distance)?;
        sum = builder.add(sum, moved)?;
    }
    wanted.output(&mut builder, "margin", sum)?;
    Ok(ScoreProgram {
        program: builder.finish()?,
        inputs: vec![sent],
        places: (0..rows).map(|row| (0, row)).collect(),
        note,
    })
}

/// A number of each row's detector; a scalar where there is one detector only.
fn by_row(wanted: &Wanted<'_>, length: usize, of: impl Fn(usize) -> f64) -> Public {
    if wanted.detectors.len() == 1 {
        return of(0).into();
    }
    let mut numbers: Vec<f64> = wanted.detector_of.iter().map(|d| of(*d)).collect();
    numbers.resize(length, 0.0);
    numbers.into()
}

/// By distance and sensor: the weights, at the source's row, of what fills gaps.
fn fillings(wanted: &Wanted<'_>, length: usize) -> BTreeMap<i64, BTreeMap<usize, Vec<f64>>> {
    let mut all: BTreeMap<i64, BTreeMap<usize, Vec<f64>>> = BTreeMap::new();
    for fill in &wanted.series.fills {
        let factor = wanted.factor(wanted.detector_of[fill.row], fill.column);
        for source in &fill.sources {
            let distance = source.row as i64 - fill.row as i64;
            let by_sensor = all.entry(distance).or_default();
            let weights = by_sensor
                .entry(fill.column)
                .or_insert_with(|| vec![0.0; length]);
            weights[source.row] = factor * f64::from(source.weight) / fill.divisor();
        }
    }
    all
}
