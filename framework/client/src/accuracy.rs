//! How far answers may be from those of the model in the clear.

use hexperiment_program::OutputId;
use hexperiment_task::linear_model::Answer;
use ndarray::{Array2, Zip};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::circuit::BoundCircuit;
use crate::error::ClientError;

/// Rows on which the circuit's rounding is looked at.
const TRIED: usize = 256;

/// How far answers may be from those of the model in the clear, in their unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// What the model wants.
    pub wanted: f64,
    /// The noise that the circuit states, at most.
    pub noise: f64,
    /// Rounding and approximation: the largest error of the circuit's own arithmetic in the clear, on rows
    /// all over the ranges.
    pub rounding: f64,
    /// So many rows.
    pub rows: usize,
}

impl Accuracy {
    /// Both parts of the error.
    pub fn error(&self) -> f64 {
        self.noise + self.rounding
    }

    /// Whether answers are as near as the model wants.
    pub fn is_met(&self) -> bool {
        self.error() <= self.wanted
    }
}

impl BoundCircuit {
    /// How far answers may be from those of the model in the clear; `None` of classes, which are right or
    /// wrong.
    ///
    /// # Errors
    /// The scheme fails in the clear.
    pub fn accuracy(&self) -> Result<Option<Accuracy>, ClientError> {
        let query = self.query();
        if query.answer == Answer::Class {
            return Ok(None);
        }
        let failed = ClientError::of("compile");
        let (program, output) = (self.lowered.original(), OutputId::from_index(0));
        let columns: Vec<_> = program.inputs().iter().flat_map(|i| &i.columns).collect();
        let mut random = StdRng::seed_from_u64(0);
        let mut rounding: f64 = 0.0;
        let batches = TRIED.div_ceil(self.rows());
        for _ in 0..batches {
            let rows = Array2::from_shape_fn((self.rows(), columns.len()), |(_, column)| {
                let range = columns[column].range;
                // Ends of ranges are where errors are largest.
                match random.random_range(0..4) {
                    0 => range.low,
                    1 => range.high,
                    _ => range.low + random.random::<f64>() * range.width(),
                }
            });
            let rows = [rows];
            let exact = program.interpret(&rows).map_err(|e| failed(e.into()))?;
            let simulated = self.circuit.simulate(&rows).map_err(&failed)?;
            let finished = self
                .lowered
                .finish_one(output, &simulated[0])
                .map_err(|e| failed(e.into()))?;
            Zip::from(&finished).and(&exact[0]).for_each(|a, b| {
                let error = (a - b).abs();
                // What is no number is the greatest.
                if error.is_nan() || error > rounding {
                    rounding = error;
                }
            });
        }
        let tolerances = &self.parameters().noise_tolerance;
        Ok(Some(Accuracy {
            wanted: query.precision,
            noise: tolerances.first().copied().unwrap_or(0.0),
            rounding,
            rows: batches * self.rows(),
        }))
    }
}
