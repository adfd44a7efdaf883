//! What is trained in the clear, and the program that follows from it.
//!
//! A little long: both models share the material that they are made from and how their outputs are read.

use hexperiment_data::{Partition, transform};
use hexperiment_program::{Output, Program, ProgramBuilder, ValueId};
use hexperiment_task::choices::Side;
use hexperiment_task::encode::EncodedTable;
use hexperiment_task::linear_model::{Features, LinearModelSettings};
use hexperiment_task::metrics::{self, ConfusionMatrix};
use hexperiment_task::{InputTable, PrepareRequest, TaskError};
use ndarray::{Array2, Array3, s};

use crate::columns::{Devices, levels};
use crate::forest::{Forest, Grid, Sample, Thresholds, Training, Votes, tests_of};
use crate::level::{LEVELS, Scores, decide, softmax};
use crate::multinomial::Multinomial;
use crate::options::{LeafVotes, Model, Oversampling};
use crate::sender::Sender;
use crate::smote::Rows;

/// Votes and levels are whole numbers, which the client rounds to.
pub(crate) const WHOLE: f64 = 0.25;

/// How decrypted outputs are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reading {
    /// Three logits.
    Logits,
    /// Votes for each level but the first, of so many in all.
    Votes(f64),
    /// The level.
    Level,
}

/// A model, the program that evaluates it, and what its results are compared with.
#[derive(Debug)]
pub(crate) struct RiskPlan {
    pub(crate) program: Program,
    /// Tables that the client encrypts, one for each input.
    pub(crate) inputs: Vec<InputTable>,
    pub(crate) reading: Reading,
    /// Scores of each device by the same model in the clear, quantised alike.
    pub(crate) clear: Vec<Scores>,
    /// The same of readings as they were before values were moved; `None` where none was.
    pub(crate) unclipped: Option<Vec<Scores>>,
    /// Scores of each device by a forest on values that are not quantised.
    pub(crate) unquantised: Option<Vec<Scores>>,
    pub(crate) truth: Vec<usize>,
    pub(crate) devices: Vec<String>,
    /// Devices x levels x features, in the clear.
    pub(crate) contributions: Array3<f64>,
    pub(crate) features: Vec<String>,
    pub(crate) notes: Vec<String>,
}

/// A linear model, and how rows become what it sees.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) plan: RiskPlan,
    pub(crate) model: Multinomial,
    /// The units and ranges of its features.
    pub(crate) table: EncodedTable,
    /// The names of all columns, also of those that it does not see.
    pub(crate) columns: Vec<String>,
    /// The test part in these columns, in their own units.
    pub(crate) rows: Array2<f64>,
}

/// What both models are made from: encoded tables, training rows with synthetic ones, the devices
/// to be scored.
struct Material<'a> {
    request: PrepareRequest<'a>,
    /// Both parts in numbers, in their own units.
    partition: Partition,
    table: EncodedTable,
    /// Rows of the training part, without synthetic ones.
    real: Rows,
    rows: Rows,
    truth: Vec<usize>,
    devices: Vec<String>,
    notes: Vec<String>,
}

impl<'a> Material<'a> {
    /// With the devices that the options want to be scored.
    fn gather(request: PrepareRequest<'a>) -> Result<Self, TaskError> {
        let mut material = Self::gather_all(request)?;
        let all = material.truth.len();
        let scored = match request.options.integer("scored")? as usize {
            0 => all,
            n if n <= all => n,
            n => {
                return Err(TaskError::Options(format!(
                    "`scored = {n}`, but the test part has {all} devices; take at most {all}, or 0 \
                     for all"
                )));
            }
        };
        if scored < all {
            material.notes.push(format!(
                "{scored} of the {all} devices of the test part are scored"
            ));
        }
        let mut material = material.first(scored);
        let classes: Vec<f64> = material.truth.iter().map(|level| *level as f64).collect();
        material.notes.extend(metrics::few_of_a_class(&classes));
        Ok(material)
    }

    /// With all devices of the test part.
    fn gather_all(request: PrepareRequest<'a>) -> Result<Self, TaskError> {
        let options = request.options;
        let Devices {
            partition,
            names,
            notes: of_columns,
        } = Devices::read(request.data, options)?;
        let settings = LinearModelSettings::read(options)?;
        let Features { table, mut notes } =
            Features::prepare(&partition, settings, transform::rank_by_f)?;
        notes.extend(of_columns);
        let real = Rows {
            features: table.train.clone(),
            classes: levels(&partition.train),
        };
        let rows = if options.choice::<Oversampling>("oversample")? == Oversampling::Smote {
            let rows = real.balanced(options.integer("neighbours")? as usize, request.seed)?;
            notes.push(format!(
                "SMOTE made {} of {} training rows; none is scored",
                rows.classes.len() - real.classes.len(),
                rows.classes.len()
            ));
            rows
        } else {
            real.clone()
        };
        let devices = partition.test.rows.iter();
        Ok(Self {
            request,
            truth: levels(&partition.test),
            devices: devices.map(|row| names[*row].clone()).collect(),
            partition,
            table,
            real,
            rows,
            notes,
        })
    }

    /// The same of the first devices of the test part alone.
    fn first(mut self, devices: usize) -> Self {
        self.table = self.table.with_test_rows(devices);
        self.truth.truncate(devices);
        self.devices.truncate(devices);
        self
    }

    fn names(&self) -> Vec<String> {
        let columns = self.table.columns.iter();
        columns.map(|c| c.name.clone()).collect()
    }
}

impl RiskPlan {
    pub(crate) fn new(request: PrepareRequest<'_>) -> Result<Self, TaskError> {
        let forest = request.options.choice::<Model>("model")? == Model::Forest;
        let thresholds: Thresholds = request.options.choice("thresholds")?;
        if !forest && thresholds == Thresholds::Client {
            return Err(TaskError::Options(
                "`thresholds = \"client\"` is for a forest; `model = \"multinomial\"` has none"
                    .into(),
            ));
        }
        let material = Material::gather(request)?;
        if forest {
            Self::of_forest(material)
        } else {
            Ok(Self::of_multinomial(material)?.plan)
        }
    }

    /// Of the first `devices` of the test part, which will report again; the others tell what the model is worth.
    pub(crate) fn of_reports(
        request: PrepareRequest<'_>,
        devices: usize,
    ) -> Result<(Linear, ConfusionMatrix), TaskError> {
        if request.options.choice::<Model>("model")? == Model::Forest {
            return Err(TaskError::Options(
                "devices are monitored by `model = \"multinomial\"`; a forest compares, which takes longer than \
                 there is between two reports"
                    .into(),
            ));
        }
        let all = Material::gather_all(request)?;
        let held_out = all.table.test.slice(s![devices.., ..]).to_owned();
        let truth = all.truth[devices..].to_vec();
        let linear = Self::of_multinomial(all.first(devices))?;
        let said: Vec<usize> = linear
            .model
            .logits(&held_out)
            .into_iter()
            .map(decide)
            .collect();
        let worth = ConfusionMatrix::count(&said, &truth, LEVELS.len());
        Ok((linear, worth))
    }

    fn of_multinomial(material: Material<'_>) -> Result<Linear, TaskError> {
        let options = material.request.options;
        let alpha = options.number("alpha")?;
        let iterations = options.integer("max_iterations")? as u64;
        let model = Multinomial::train(&material.rows, alpha, iterations)?;
        let precision = options.number("precision")?;
        let mut builder = ProgramBuilder::new("multinomial logistic regression");
        let logits = model.state(&mut builder, &material.table, precision)?;
        let reading = if options.choice::<Side>("argmax")? == Side::Server {
            end_with_level(&mut builder, logits, 0.0)?;
            Reading::Level
        } else {
            builder.output(Output {
                name: "logits".into(),
                values: logits.to_vec(),
                precision,
            })?;
            Reading::Logits
        };
        let logits = model.logits(&material.table.encrypted);
        let features = material.names();
        let mut notes = material.notes;
        notes.extend(model.note.clone());
        let plan = Self {
            program: builder.finish()?,
            reading,
            clear: logits.into_iter().map(softmax).collect(),
            unclipped: material.table.unclipped_test.as_ref().map(|before| {
                let logits = model.logits(before).into_iter();
                logits.map(softmax).collect()
            }),
            unquantised: None,
            contributions: model.contributions(&material.table.encrypted),
            inputs: vec![material.table.to_encrypt()],
            truth: material.truth,
            devices: material.devices,
            features,
            notes,
        };
        Ok(Linear {
            plan,
            model,
            table: material.table,
            columns: material.partition.columns,
            rows: material.partition.test.features,
        })
    }

    fn of_forest(material: Material<'_>) -> Result<Self, TaskError> {
        let options = material.request.options;
        let training = Training {
            trees: options.integer("trees")? as usize,
            depth: options.integer("depth")? as usize,
            candidates: options.integer("candidates")? as usize,
            least: options.integer("least_rows")? as u32,
            votes: match options.choice("votes")? {
                LeafVotes::Hard => Votes::Hard,
                LeafVotes::Shares => Votes::Shares(8),
            },
            seed: material.request.seed,
        };
        let grow = |grid: &Grid| {
            let rows = grid.apply(&material.rows.features);
            let forest = training.grow(Sample {
                rows: &rows,
                levels: &material.rows.classes,
            });
            (forest, grid.apply(&material.table.encrypted))
        };
        let bins = 1 << options.integer("bits")?;
        let grid = Grid::fit(&material.real.features, bins);
        let (forest, rows) = grow(&grid);
        let unclipped = material.table.unclipped_test.as_ref();
        let unclipped = unclipped.map(|before| grid.apply(before));
        let (finest, finest_rows) = grow(&Grid::finest(&material.rows.features));
        let tests = tests_of(&forest);
        if tests.is_empty() {
            return Err(TaskError::data(
                "no tree of the forest has a test: every leaf votes alike",
                "lower `least_rows`, raise `depth` or `bits`, or use more rows",
            ));
        }
        let mut notes = material.notes.clone();
        notes.push(format!(
            "{} trees with {} tests of features in up to {} bins at quantiles of the training \
             part, {} of them different",
            forest.trees.len(),
            forest
                .trees
                .iter()
                .map(crate::forest::splits)
                .sum::<usize>(),
            grid.highest_of_all() + 1,
            tests.len()
        ));
        let thresholds: Thresholds = options.choice("thresholds")?;
        let names = material.names();
        let pack = options.integer("pack")? as usize;
        if pack > 1 && thresholds == Thresholds::Client {
            return Err(TaskError::Options(
                "`pack` is for comparisons, and with `thresholds = \"client\"` there are none"
                    .into(),
            ));
        }
        let sender = Sender {
            thresholds,
            pack: pack.clamp(1, tests.len()),
            tests: &tests,
            grid: &grid,
            names: &names,
            rows: &rows,
            unclipped: unclipped.as_deref(),
        };
        let mut builder = ProgramBuilder::new("random forest");
        let (bits, input) = sender.state(&mut builder)?;
        let votes = forest.state(&mut builder, &bits, sender.pack == 1)?;
        let total = f64::from(forest.total());
        let reading = if options.choice::<Side>("argmax")? == Side::Server {
            let of_others = votes.iter().map(|v| (*v, (-1.0).into())).collect();
            let low = builder.weighted_sum(of_others, total)?;
            // Votes are whole: half of one decides what is equal, for the riskier.
            end_with_level(&mut builder, [low, votes[0], votes[1]], 0.5)?;
            Reading::Level
        } else {
            builder.output(Output {
                name: "votes".into(),
                values: votes,
                precision: WHOLE,
            })?;
            Reading::Votes(total)
        };
        let shares = |forest: &Forest, rows: &[Vec<u32>]| -> Vec<Scores> {
            rows.iter().map(|row| forest.shares(row)).collect()
        };
        Ok(Self {
            program: builder.finish()?,
            inputs: vec![input],
            reading,
            clear: shares(&forest, &rows),
            unclipped: unclipped.map(|rows| shares(&forest, &rows)),
            unquantised: Some(shares(&finest, &finest_rows)),
            truth: material.truth,
            devices: material.devices,
            contributions: forest.contributions(&rows, names.len()),
            features: names,
            notes,
        })
    }
}

/// The arg-max of three scores, of equal ones the riskiest, as the number of the level; `half` is
/// half of the least difference that is not 0.
fn end_with_level(
    builder: &mut ProgramBuilder,
    [low, medium, high]: [ValueId; 3],
    half: f64,
) -> Result<(), TaskError> {
    let mut at_least = |a: ValueId, b: ValueId| {
        let terms = vec![(a, 1.0.into()), (b, (-1.0).into())];
        let distance = builder.weighted_sum(terms, half)?;
        builder.step(distance)
    };
    let high_medium = at_least(high, medium)?;
    let high_low = at_least(high, low)?;
    let medium_low = at_least(medium, low)?;
    let is_high = builder.and(vec![high_medium, high_low])?;
    let medium_high = builder.weighted_sum(vec![(high_medium, (-1.0).into())], 1.0)?;
    let is_medium = builder.and(vec![medium_high, medium_low])?;
    let terms = vec![(is_medium, 1.0.into()), (is_high, 2.0.into())];
    let level = builder.weighted_sum(terms, 0.0)?;
    builder.output(Output {
        name: "level".into(),
        values: vec![level],
        precision: WHOLE,
    })?;
    Ok(())
}

impl Reading {
    /// The shares of one device by its row of an output.
    pub(crate) fn shares(self, row: &[f64]) -> Scores {
        match self {
            Self::Logits => softmax([0, 1, 2].map(|level: usize| row[level])),
            Self::Votes(all) => {
                let [medium, high] = [row[0], row[1]].map(f64::round);
                [all - medium - high, medium, high].map(|votes| votes / all)
            }
            Self::Level => {
                let highest = LEVELS.len() as f64 - 1.0;
                let mut shares = [0.0; 3];
                shares[row[0].round().clamp(0.0, highest) as usize] = 1.0;
                shares
            }
        }
    }
}

impl RiskPlan {
    /// What clear shares become where only the level is decrypted.
    pub(crate) fn decided(&self) -> Vec<usize> {
        self.clear.iter().map(|shares| decide(*shares)).collect()
    }
}
