//! How rows lie in vectors, and the program on them: interpolation, standardisation and score
//! are linear, so that all three are one weighted sum.
//!
//! With `W` a sensor's factor (weight over deviation) in the detector that scores row `t`, and
//! with `a` the weight of source row `s` in the interpolated value at `t`,
//! `margin(t) = bias + sum of W a x(s)`, over all sensors and their sources; a value that is
//! there is its own source, with weight 1.

mod gathered;
mod series;

use hexperiment_program::{Column, Interval, Output, Program, ProgramBuilder, ValueId};
use hexperiment_task::{InputTable, Outcome, TaskError};

use crate::detector::Detector;
use crate::series::Series;

pub(crate) use gathered::lay_out as gathered;
pub(crate) use series::lay_out as series;

/// What is to be computed: every row's margin, by the detector that is to score it. All
/// detectors have the sensors of the series, in their order, some with weight 0.
pub(crate) struct Wanted<'a> {
    pub(crate) series: &'a Series,
    pub(crate) detectors: &'a [Detector],
    /// Detector of each row, by place.
    pub(crate) detector_of: &'a [usize],
    /// The error wanted on a margin.
    pub(crate) precision: f64,
}

impl Wanted<'_> {
    fn rows(&self) -> usize {
        self.detector_of.len()
    }

    fn factor(&self, detector: usize, sensor: usize) -> f64 {
        self.detectors[detector].sensors[sensor].factor()
    }

    /// The columns of an input: values within the clip.
    fn column(&self, name: String) -> Column {
        let range = Interval::symmetric(self.detectors[0].clip);
        Column { name, range }
    }

    /// The error that each value may carry: interpolation takes means, which err no more than
    /// values do, and half of what is wanted is left to weights and noise.
    fn input_precision(&self) -> f64 {
        let total = |d: &Detector| d.sensors.iter().map(|s| s.factor().abs()).sum::<f64>();
        let most = self.detectors.iter().map(total).fold(1e-12, f64::max);
        0.5 * self.precision / most
    }

    fn output(
        &self,
        builder: &mut ProgramBuilder,
        name: &str,
        value: ValueId,
    ) -> Result<(), TaskError> {
        builder.output(Output {
            name: name.into(),
            values: vec![value],
            precision: self.precision,
        })?;
        Ok(())
    }
}

/// A program, the tables that are its inputs, and where each row's margin is.
#[derive(Clone, Debug)]
pub(crate) struct ScoreProgram {
    pub(crate) program: Program,
    pub(crate) inputs: Vec<InputTable>,
    /// Output and element that hold each row's margin.
    pub(crate) places: Vec<(usize, usize)>,
    /// Description for the report.
    pub(crate) note: String,
}

impl ScoreProgram {
    /// The rows' margins.
    pub(crate) fn read(&self, outcome: &Outcome) -> Vec<f64> {
        let read = |(output, element): &(usize, usize)| outcome.outputs[*output][[*element, 0]];
        self.places.iter().map(read).collect()
    }
}
