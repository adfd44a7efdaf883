//! Neighbours gathered by the client: beside each sensor's values a vector for each weight that
//! a neighbour has in a filled value, zero where a row has no such neighbour.
//!
//! Every weight is then one number for a whole vector: nothing is shifted, additive schemes
//! keep their packing, and the server learns which weights occur, not where.

use std::collections::BTreeMap;

use hexperiment_program::{Input, Party, ProgramBuilder, Public};
use hexperiment_task::clipping::Moved;
use hexperiment_task::{InputTable, TaskError};
use ndarray::Array2;

use super::{ScoreProgram, Wanted};

/// Sensor, and a neighbour's weight over the sum of the weights; two neighbours of a row with the
/// same weight are told apart by the last number. A value that is there has weight 1 : 1.
type Key = (usize, (u32, u32), usize);

pub(crate) fn lay_out(wanted: &Wanted<'_>) -> Result<ScoreProgram, TaskError> {
    let series = wanted.series;
    let mut builder = ProgramBuilder::new("anomaly detection");
    let mut inputs = Vec::new();
    let mut places = vec![(0, 0); wanted.rows()];
    let mut vectors = 0;
    // Values that are there, until they are sent a first time.
    let mut unsent = Array2::from_elem(series.sent.dim(), true);
    for fill in &series.fills {
        unsent[[fill.row, fill.column]] = false;
    }
    // Rows of one detector share their weights: an input and an output for each.
    for detector in 0..wanted.detectors.len() {
        let mut element = vec![None; wanted.rows()];
        let mut rows = Vec::new();
        for (row, place) in places.iter_mut().enumerate() {
            if wanted.detector_of[row] == detector {
                *place = (inputs.len(), rows.len());
                element[row] = Some(rows.len());
                rows.push(row);
            }
        }
        if rows.is_empty() {
            continue;
        }
        let (mut payload, mut moved) = (0, Moved::default());
        let mut send = |row: usize, sensor: usize| {
            if std::mem::replace(&mut unsent[[row, sensor]], false) {
                payload += 1;
                if let Some(before) = &series.unclipped {
                    let at = [row, sensor];
                    moved.count(&series.names[sensor], before.sent[at], series.sent[at]);
                }
            }
            Some(row)
        };
        // Of each element the row of its value; none where a row has no such neighbour.
        let mut columns: BTreeMap<Key, Vec<Option<usize>>> = BTreeMap::new();
        // A sensor that this detector does not look at is not sent.
        let looked_at = |sensor: &usize| wanted.factor(detector, *sensor) != 0.0;
        for sensor in (0..series.names.len()).filter(looked_at) {
            let values = rows.iter().map(|row| send(*row, sensor));
            columns.insert((sensor, (1, 1), 0), values.collect());
        }
        for fill in &series.fills {
            let Some(at) = element[fill.row].filter(|_| looked_at(&fill.column)) else {
                continue;
            };
            let sum: u32 = fill.sources.iter().map(|s| s.weight).sum();
            let mut before = None;
            for source in &fill.sources {
                let ratio = reduced(source.weight, sum);
                let key = (fill.column, ratio, usize::from(before == Some(ratio)));
                let column = columns.entry(key).or_insert_with(|| vec![None; rows.len()]);
                column[at] = send(source.row, fill.column);
                before = Some(ratio);
            }
        }
        let name = |(sensor, (weight, sum), again): &Key| {
            let again = if *again == 0 { "" } else { ", second" };
            format!("{} {weight}/{sum}{again}", series.names[*sensor])
        };
        let (_, values) = builder.input(Input {
            name: format!("rows {detector}"),
            owner: Party::Client(0),
            length: rows.len(),
            columns: columns.keys().map(|key| wanted.column(name(key))).collect(),
            precision: wanted.input_precision(),
        })?;
        let weight = |(sensor, (weight, sum), _): &Key| {
            wanted.factor(detector, *sensor) * f64::from(*weight) / f64::from(*sum)
        };
        let terms = values.into_iter().zip(columns.keys());
        let terms = terms.map(|(value, key)| (value, Public::Scalar(weight(key))));
        let bias = wanted.detectors[detector].bias();
        let sum = builder.weighted_sum(terms.collect(), bias)?;
        wanted.output(&mut builder, &format!("margin {detector}"), sum)?;
        vectors += columns.len();
        let columns: Vec<(Key, Vec<Option<usize>>)> = columns.into_iter().collect();
        let table = |sent: &Array2<f64>| {
            Array2::from_shape_fn((rows.len(), columns.len()), |(i, j)| {
                let ((sensor, ..), values) = &columns[j];
                values[i].map_or(0.0, |row| sent[[row, *sensor]])
            })
        };
        let mut input = InputTable::new(table(&series.sent), payload);
        if let Some(before) = &series.unclipped {
            input = input.clipped_from(table(&before.sent), moved);
        }
        inputs.push(input);
    }
    let note = format!(
        "{} gaps filled in {} series of {} rows, their neighbours gathered by the client: {vectors} \
         vectors",
        series.fills.len(),
        series.names.len(),
        wanted.rows()
    );
    Ok(ScoreProgram {
        program: builder.finish()?,
        inputs,
        places,
        note,
    })
}

/// A fraction without a common factor.
fn reduced(a: u32, b: u32) -> (u32, u32) {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    (a / x, b / x)
}
