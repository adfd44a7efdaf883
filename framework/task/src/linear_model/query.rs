//! A linear model that answers rows which are not there yet: the program for so many of them, the ranges
//! that are public, and how rows are encoded for it.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::SavedModel;
use super::saved::LARGEST_CLIP;
use crate::TaskError;
use hexperiment_diagnostics::printable;
use hexperiment_program::{Column, Input, Interval, Output, Party, Program, ProgramBuilder};

/// The absolute error that a class may carry before it is rounded: half of what would change it.
const CLASS_PRECISION: f64 = 0.25;

/// The error wanted of a score, as a share of its standard deviation on the training rows.
const SCORE_PRECISION: f64 = 1e-6;

/// What is told of a row.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Answer {
    /// The weighted sum itself: a prediction in the target's unit, or a logit.
    #[default]
    Score,
    /// The sigmoid of the score.
    Probability,
    /// 1 where the score is above the threshold, else 0.
    Class,
}

/// A saved model, with what is asked of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryModel {
    /// The answer's name, as results are headed by.
    pub name: String,
    /// What is told of a row.
    pub answer: Answer,
    /// The absolute error wanted of an answer; of a class, of the score that is compared.
    pub precision: f64,
    /// The model.
    pub model: SavedModel,
}

impl QueryModel {
    /// A model that answers with `answer`, to a precision that suits its weights.
    pub fn new(name: impl Into<String>, answer: Answer, model: SavedModel) -> Self {
        let spread = model.sensors.iter().map(|s| s.weight * s.weight);
        let spread: f64 = spread.sum::<f64>().sqrt();
        let precision = match answer {
            Answer::Probability => SCORE_PRECISION,
            Answer::Score | Answer::Class => SCORE_PRECISION * spread.max(1e-12),
        };
        Self {
            name: name.into(),
            answer,
            precision,
            model,
        }
    }

    /// The same, held to what it must be.
    ///
    /// # Errors
    /// In words: the saved model cannot be used, its clip leaves a column without a range, the precision is
    /// none, or the name would be more than a name where results are opened.
    pub fn checked(self) -> Result<Self, String> {
        self.model.check()?;
        if self.model.clip > LARGEST_CLIP {
            return Err(format!(
                "`clip`: found {:e}, expected at most {LARGEST_CLIP:e}: columns need ranges that are known \
                 before a value is",
                self.model.clip
            ));
        }
        if !(self.precision > 0.0 && self.precision.is_finite()) {
            let found = self.precision;
            return Err(format!("`precision`: found {found}, expected above 0"));
        }
        let formula = self.name.starts_with(['=', '+', '-', '@']);
        if self.name.is_empty() || formula || !printable::is_plain(&self.name) {
            return Err(format!(
                "`name`: found {}, expected a name that starts with no sign of a formula",
                printable::quoted(&self.name)
            ));
        }
        Ok(self)
    }

    /// The columns of the encrypted table, by the clip, standardised.
    fn columns(&self) -> Vec<Column> {
        let clip = self.model.clip;
        let column = |s: &super::SavedColumn| Column {
            name: s.name.clone(),
            range: Interval {
                low: (-clip - s.mean) / s.deviation,
                high: (clip - s.mean) / s.deviation,
            },
        };
        self.model.sensors.iter().map(column).collect()
    }

    /// The program that answers `rows` rows.
    ///
    /// # Errors
    /// `TaskError::Program` where the builder refuses it, such as a score that may be beyond 1e15.
    pub fn program(&self, rows: usize) -> Result<Program, TaskError> {
        let model = self.model.model();
        let mut builder = ProgramBuilder::new("answers of a linear model");
        let (_, columns) = builder.input(Input {
            name: "rows".into(),
            owner: Party::Client(0),
            length: rows,
            columns: self.columns(),
            precision: model.input_precision(self.precision),
        })?;
        let (value, precision) = match self.answer {
            Answer::Score => {
                let score = model.state(&mut builder, columns, 0.0)?;
                (score, self.precision)
            }
            Answer::Probability => {
                let score = model.state(&mut builder, columns, 0.0)?;
                (builder.sigmoid(score)?, self.precision)
            }
            Answer::Class => {
                let margin = model.state(&mut builder, columns, self.model.threshold)?;
                (builder.step(margin)?, CLASS_PRECISION)
            }
        };
        builder.output(Output {
            name: self.name.clone(),
            values: vec![value],
            precision,
        })?;
        Ok(builder.finish()?)
    }

    /// Rows of the data's own units as they are encrypted: standardised, and within the public ranges;
    /// `moved` is told of each value beyond one: its row, its column, and where it was moved, in the
    /// column's unit.
    pub fn encode(
        &self,
        rows: ArrayView2<'_, f64>,
        mut moved: impl FnMut(usize, usize, f64),
    ) -> Array2<f64> {
        let columns = self.columns();
        Array2::from_shape_fn(rows.dim(), |(row, place)| {
            let (s, column) = (&self.model.sensors[place], &columns[place]);
            let value = (rows[[row, place]] - s.unit.centre) / s.unit.width;
            let value = (value - s.mean) / s.deviation;
            let kept = column.range.clamp(value);
            if kept != value {
                let unit = kept * s.deviation + s.mean;
                moved(row, place, unit * s.unit.width + s.unit.centre);
            }
            kept
        })
    }

    /// What a decrypted number says: a class is 0 or 1.
    pub fn decode(&self, decrypted: f64) -> f64 {
        match self.answer {
            Answer::Class => f64::from(u8::from(decrypted > 0.5)),
            Answer::Score | Answer::Probability => decrypted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear_model::{SavedColumn, Unit};
    use ndarray::array;

    fn model(answer: Answer) -> QueryModel {
        let column = |name: &str, centre, weight| SavedColumn {
            name: name.into(),
            unit: Unit { centre, width: 2.0 },
            mean: 0.5,
            deviation: 4.0,
            weight,
        };
        let model = SavedModel {
            clip: 5.0,
            sensors: vec![column("age", 40.0, 8.0), column("years", 10.0, -4.0)],
            intercept: 100.0,
            threshold: 101.0,
        };
        QueryModel::new("salary", answer, model).checked().unwrap()
    }

    /// By hand: 100 + 8 ((50 - 40) / 2 - 0.5) / 4 - 4 ((8 - 10) / 2 - 0.5) / 4 = 110.5.
    #[test]
    fn answers_are_in_the_units_of_the_model() {
        let row = array![[50.0, 8.0]];
        for (answer, expect) in [
            (Answer::Score, 110.5),
            (Answer::Probability, 1.0 / (1.0 + (-110.5_f64).exp())),
            (Answer::Class, 1.0),
        ] {
            let model = model(answer);
            let table = model.encode(row.view(), |_, _, _| panic!("within the ranges"));
            let program = model.program(1).unwrap();
            let got = program.interpret(&[table]).unwrap()[0][[0, 0]];
            assert!(
                (model.decode(got) - expect).abs() < 1e-9,
                "{answer:?} {got}"
            );
        }
    }

    #[test]
    fn values_beyond_a_range_are_moved_and_told() {
        let mut told = vec![];
        let model = model(Answer::Score);
        let table = model.encode(
            array![[50.0, 8.0], [51.0, 0.0]].view(),
            |row, column, at| {
                told.push((row, column, at));
            },
        );
        // The clip of 5 units of 2 around 40 ends at 50, around 10 at 0: neither is beyond.
        assert_eq!(told, [(1, 0, 50.0)]);
        assert_eq!(table[[1, 0]], table[[0, 0]]);
        model.program(2).unwrap().interpret(&[table]).unwrap();
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut QueryModel), expect: &str) {
        let mut model = model(Answer::Score);
        change(&mut model);
        let why = model.checked().unwrap_err();
        assert!(why.contains(expect), "{why}");
    }

    #[test]
    fn models_that_cannot_answer_are_refused() {
        refused(
            |m| m.model.clip = 1e300,
            "found 1e300, expected at most 1e6",
        );
        refused(|m| m.model.sensors.clear(), "found no column");
        refused(|m| m.precision = 0.0, "`precision`: found 0");
        refused(|m| m.precision = f64::NAN, "`precision`: found NaN");
        refused(|m| m.name = "=cmd()".into(), "no sign of a formula");
        refused(|m| m.name = "a\u{1b}".into(), "`name`");
        refused(|m| m.name = String::new(), "`name`");
    }
}
