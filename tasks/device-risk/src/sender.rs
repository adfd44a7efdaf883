//! What the client sends for a forest, and how it becomes the tests' bits: features to compare, one
//! vector each or several tests in one, or the results of the tests.

use std::collections::BTreeMap;

use hexperiment_program::{Column, Input, Interval, Party, ProgramBuilder, ValueId};
use hexperiment_task::clipping::Moved;
use hexperiment_task::{InputTable, TaskError};
use ndarray::Array2;

use crate::forest::{Grid, Test, Thresholds};
use crate::plan::WHOLE;

/// What the client sends of a forest's features.
pub(crate) struct Sender<'a> {
    pub(crate) thresholds: Thresholds,
    /// Tests whose operands stand in one vector, one after the other.
    pub(crate) pack: usize,
    pub(crate) tests: &'a [Test],
    pub(crate) grid: &'a Grid,
    pub(crate) names: &'a [String],
    pub(crate) rows: &'a [Vec<u32>],
    /// The same of readings as they were before values were moved; `None` where none was.
    pub(crate) unclipped: Option<&'a [Vec<u32>]>,
}

impl Sender<'_> {
    /// Declares the input and states each test's bit; yields also what is encrypted.
    pub(crate) fn state(
        &self,
        builder: &mut ProgramBuilder,
    ) -> Result<(BTreeMap<Test, ValueId>, InputTable), TaskError> {
        let input = |name: &str, columns: Vec<Column>, precision: f64| Input {
            name: name.into(),
            owner: Party::Client(0),
            length: self.rows.len(),
            columns,
            precision,
        };
        if self.thresholds == Thresholds::Client {
            let columns = self.tests.iter().map(|test| Column {
                name: format!("{} above {}", self.names[test.feature], test.threshold),
                range: Interval::new(0.0, 1.0),
            });
            let (_, bits) = builder.input(input("tests", columns.collect(), WHOLE))?;
            let payload = self.rows.len() * self.tests.len();
            let table = self.to_encrypt(payload, |rows| {
                Array2::from_shape_fn((rows.len(), self.tests.len()), |(row, test)| {
                    f64::from(u8::from(self.tests[test].holds(&rows[row])))
                })
            });
            return Ok((self.tests.iter().copied().zip(bits).collect(), table));
        }
        if self.pack > 1 {
            return self.packed(builder);
        }
        let used = self.used();
        let columns = used.iter().map(|feature| Column {
            name: self.names[*feature].clone(),
            range: Interval::new(0.0, f64::from(self.grid.highest(*feature))),
        });
        // Whole numbers, of which errors below one half can be undone.
        let (_, values) = builder.input(input("features", columns.collect(), 0.5))?;
        let value_of: BTreeMap<usize, ValueId> = used.iter().copied().zip(values).collect();
        let mut bits = BTreeMap::new();
        for test in self.tests {
            let above = f64::from(test.threshold) + 0.5;
            let distance = builder.offset(value_of[&test.feature], -above)?;
            bits.insert(*test, builder.step(distance)?);
        }
        let payload = self.rows.len() * used.len();
        let table = self.to_encrypt(payload, |rows| bins(rows, &used));
        Ok((bits, table))
    }

    /// The table made of the rows, of which `payload` numbers are data, with what it would be of
    /// readings as they were. What is moved is counted in bins: those are what is encrypted.
    fn to_encrypt(&self, payload: usize, table: impl Fn(&[Vec<u32>]) -> Array2<f64>) -> InputTable {
        let to_encrypt = InputTable::new(table(self.rows), payload);
        let Some(before) = self.unclipped else {
            return to_encrypt;
        };
        let used = self.used();
        let names: Vec<&String> = used.iter().map(|feature| &self.names[*feature]).collect();
        let [before_bins, after_bins] = [before, self.rows].map(|rows| bins(rows, &used));
        let moved = Moved::between(&names, before_bins.view(), after_bins.view());
        to_encrypt.clipped_from(table(before), moved)
    }

    /// The features that are tested, in order.
    fn used(&self) -> Vec<usize> {
        let mut used: Vec<usize> = self.tests.iter().map(|t| t.feature).collect();
        used.dedup(); // tests are in order of their features
        used
    }

    /// The operands of several tests in one vector, so that one comparison makes all of them; each
    /// test's bits are then shifted to the front. Rows behind the devices' mean nothing.
    fn packed(
        &self,
        builder: &mut ProgramBuilder,
    ) -> Result<(BTreeMap<Test, ValueId>, InputTable), TaskError> {
        let devices = self.rows.len();
        // Where vectors are shifted, schemes want powers of two.
        let length = (self.pack * devices).next_power_of_two();
        let groups: Vec<&[Test]> = self.tests.chunks(self.pack).collect();
        let highest = f64::from(self.grid.highest_of_all());
        let columns = (0..groups.len()).map(|group| Column {
            name: format!("operands {group}"),
            range: Interval::new(0.0, highest),
        });
        let (_, values) = builder.input(Input {
            name: "operands".into(),
            owner: Party::Client(0),
            length,
            columns: columns.collect(),
            precision: 0.5,
        })?;
        let mut bits = BTreeMap::new();
        for (group, value) in groups.iter().zip(values) {
            let threshold = |place: usize| group.get(place / devices).map_or(0, |t| t.threshold);
            let above: Vec<f64> = (0..length)
                .map(|place| -f64::from(threshold(place)) - 0.5)
                .collect();
            let distances = builder.offset(value, above)?;
            let all = builder.step(distances)?;
            // One shift after the other: a key for each distance is large, here there is one.
            let mut front = all;
            for (place, test) in group.iter().enumerate() {
                if place > 0 {
                    front = builder.shift(front, devices as i64)?;
                }
                bits.insert(*test, front);
            }
        }
        // A feature is repeated for each of its tests.
        let payload = devices * self.used().len();
        let table = self.to_encrypt(payload, |rows| {
            Array2::from_shape_fn((length, groups.len()), |(place, group)| {
                let test = groups[group].get(place / devices);
                test.map_or(0.0, |t| f64::from(rows[place % devices][t.feature]))
            })
        });
        Ok((bits, table))
    }
}

/// Devices x some of the features, in bins.
fn bins(rows: &[Vec<u32>], features: &[usize]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), features.len()), |(row, column)| {
        f64::from(rows[row][features[column]])
    })
}
