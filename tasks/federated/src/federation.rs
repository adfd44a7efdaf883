//! A federation ready to run: who holds what, who uploads when, and what it is measured by.

use hexperiment_data::transform;
use hexperiment_program::Program;
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_task::clipping::{Moved, largest_difference};
use hexperiment_task::encode::Encoding;
use hexperiment_task::linear_model;
use hexperiment_task::linear_model::Features;
use hexperiment_task::metrics;
use hexperiment_task::{PrepareRequest, TaskError};
use ndarray::{Array1, Array2, Axis, concatenate};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use crate::classes::Classes;
use crate::local::{Parameters, Shard};
use crate::model;
use crate::privacy::Unit;
use crate::settings::FederationSettings;
use crate::split::split_rows;
use crate::update::{Updates, enough, schedule};

/// Newton steps to an optimum that others are measured by.
const CONVERGED: usize = 100;

/// The headline's value of models that the federation is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Baselines {
    /// Value of one model trained on all clients' rows.
    pub(crate) centralised: f64,
    /// Mean over the clients, each with a model of its own rows alone.
    pub(crate) local_mean: f64,
    /// The best of them, chosen on the test part: more than a client could know.
    pub(crate) local_best: f64,
    /// Value of the federation in the clear without noise; `None` where there is no noise.
    pub(crate) without_noise: Option<f64>,
}

/// A federation that is ready to run.
pub(crate) struct Federation {
    pub(crate) settings: FederationSettings,
    pub(crate) classes: Classes,
    pub(crate) shards: Vec<Shard>,
    pub(crate) updates: Updates,
    /// Clients that upload, by round and client.
    pub(crate) schedule: Vec<Vec<bool>>,
    pub(crate) start: Parameters,
    /// Whether an earlier run left the start.
    continued: bool,
    pub(crate) program: Program,
    /// The test part, and its target.
    pub(crate) test: Shard,
    pub(crate) truth: Array1<f64>,
    pub(crate) features: Features,
    pub(crate) clip: f64,
    pub(crate) baselines: Baselines,
    /// The federation in the clear on rows as they were; `None` where no value was clipped.
    pub(crate) unclipped: Option<Unclipped>,
    pub(crate) notes: Vec<String>,
}

/// What the same federation makes in the clear, without noise, of rows as they were before any value
/// was clipped.
pub(crate) struct Unclipped {
    /// What was clipped of the clients' rows.
    pub(crate) moved: Moved,
    /// How far that moves a parameter of the last model.
    pub(crate) error: f64,
    /// Scores of the last model for the test part as it was; `None` where the training diverges.
    pub(crate) scores: Option<Array2<f64>>,
}

/// The features and a 1.
fn design(table: &Array2<f64>) -> Result<Array2<f64>, TaskError> {
    let ones = Array2::ones((table.nrows(), 1));
    concatenate(Axis(1), &[table.view(), ones.view()]).map_err(|e| TaskError::Model {
        model: "federated model",
        message: e.to_string(),
    })
}

/// The features that models see, and the clip.
fn features(request: PrepareRequest<'_>) -> Result<(Features, f64, [Array1<f64>; 2]), TaskError> {
    let partition = request.data.partition()?;
    let clip = match request.options.number("clip")? {
        0.0 => f64::INFINITY,
        clip => clip,
    };
    let settings = linear_model::LinearModelSettings {
        features: request.options.integer("features")? as usize,
        // Only updates are encrypted: nothing is moved into a feature's range.
        encoding: Encoding {
            clip,
            range_margin: 0.0,
        },
    };
    let features = Features::prepare(&partition, settings, transform::rank_by_f)?;
    Ok((
        features,
        clip,
        [partition.train.target, partition.test.target],
    ))
}

fn start(
    options: &Options,
    classes: &Classes,
    features: &Features,
) -> Result<Parameters, TaskError> {
    let Some(OptionValue::List(paths)) = options.get("model") else {
        let width = features.table.columns.len() + 1;
        return Ok(Array2::zeros((classes.scores(), width)));
    };
    let texts = paths.iter().filter_map(|path| match path {
        OptionValue::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let paths: Vec<&str> = texts.collect();
    model::load(&paths, classes, &features.table)
}

impl Federation {
    pub(crate) fn new(request: PrepareRequest<'_>) -> Result<Self, TaskError> {
        let settings = FederationSettings::read(request.options)?;
        let (features, clip, [target, truth]) = features(request)?;
        let classes = Classes::of(&target, &truth)?;
        if classes != Classes::Two && settings.local.positive_weight != 1.0 {
            return Err(TaskError::Options(format!(
                "`positive_weight = {}`, but the target has {} classes, none of them positive; leave \
                 it out",
                settings.local.positive_weight,
                classes.scores()
            )));
        }
        let all = Shard {
            design: design(&features.table.train)?,
            labels: classes.labels(&target),
        };
        let test = Shard {
            design: design(&features.table.test)?,
            labels: classes.labels(&truth),
        };
        let mut random = ChaCha20Rng::seed_from_u64(request.seed);
        let places = classes.places(&target);
        let parts = split_rows(&places, settings.clients, settings.dirichlet, &mut random)?;
        let shards: Vec<Shard> = parts.iter().map(|rows| all.select(rows)).collect();
        let schedule = schedule(&settings, &mut random);
        let rows: Vec<usize> = parts.iter().map(Vec::len).collect();
        let updates = Updates::new(&settings, &rows, request.seed);
        let start = start(request.options, &classes, &features)?;
        let program = updates.program(start.len())?;
        let mut federation = Self {
            baselines: Baselines {
                centralised: f64::NAN,
                local_mean: f64::NAN,
                local_best: f64::NAN,
                without_noise: None,
            },
            unclipped: None,
            notes: Vec::new(),
            settings,
            classes,
            shards,
            updates,
            schedule,
            start,
            continued: request.options.get("model").is_some(),
            program,
            test,
            truth,
            features,
            clip,
        };
        if federation.released() == 0 {
            return Err(TaskError::Options(format!(
                "with `dropout = {}`, no round of {} has the {} updates that it takes to aggregate; \
                 lower `dropout` or `min_clients`",
                federation.settings.dropout, federation.settings.rounds, federation.settings.least
            )));
        }
        federation.baselines = federation.compare(&all)?;
        federation.unclipped = federation.on_rows_as_they_were(&all, &parts)?;
        federation.notes = federation.describe();
        Ok(federation)
    }

    /// Federates once more in the clear, on rows before any value was clipped; `None` where none was.
    fn on_rows_as_they_were(
        &self,
        all: &Shard,
        parts: &[Vec<usize>],
    ) -> Result<Option<Unclipped>, TaskError> {
        let table = &self.features.table;
        let Some([train, test]) = table.unclipped() else {
            return Ok(None);
        };
        let clipped = self.in_clear(&self.shards)?;
        let all = Shard {
            design: design(train)?,
            labels: all.labels.clone(),
        };
        let shards: Vec<Shard> = parts.iter().map(|rows| all.select(rows)).collect();
        let test = Shard {
            design: design(test)?,
            labels: self.test.labels.clone(),
        };
        // It may diverge where no value is bounded.
        let model = self.in_clear(&shards).ok();
        Ok(Some(Unclipped {
            moved: table.moved_in_train(),
            error: model
                .as_ref()
                .map_or(f64::INFINITY, |model| largest_difference(model, &clipped)),
            scores: model.map(|model| test.scores(&model)),
        }))
    }

    /// The last model of all rounds in the clear, without noise, where clients hold these rows.
    fn in_clear(&self, shards: &[Shard]) -> Result<Parameters, TaskError> {
        let mut rounds = 0..self.settings.rounds;
        rounds.try_fold(self.start.clone(), |common, round| {
            self.round_in_clear(shards, round, &common)
        })
    }

    /// Rounds whose aggregate is decrypted.
    pub(crate) fn released(&self) -> usize {
        let is = |round: &&Vec<bool>| enough(&self.settings, round);
        self.schedule.iter().filter(is).count()
    }

    /// Updates that the client uploads that uploads most.
    pub(crate) fn most_updates(&self) -> usize {
        let of = |client: usize| self.schedule.iter().filter(|round| round[client]).count();
        (0..self.shards.len()).map(of).max().unwrap_or(0)
    }

    /// Vectors that are uploaded, in all rounds.
    pub(crate) fn uploads(&self) -> usize {
        self.schedule.iter().flatten().filter(|p| **p).count()
    }

    /// The headline's value of these parameters on the test part.
    pub(crate) fn headline(&self, parameters: &Parameters) -> f64 {
        let scores = self.test.scores(parameters);
        self.classes.headline(&scores, &self.truth)
    }

    /// A round in the clear, without noise.
    fn round_in_clear(
        &self,
        shards: &[Shard],
        round: usize,
        common: &Parameters,
    ) -> Result<Parameters, TaskError> {
        let present = &self.schedule[round];
        if !enough(&self.settings, present) {
            return Ok(common.clone());
        }
        let mut sum = vec![0.0; self.updates.length(common.len())];
        for (client, shard) in shards.iter().enumerate().filter(|(k, _)| present[*k]) {
            let made = self
                .updates
                .contribution(client, round, shard, common, &[])?;
            for (s, x) in sum.iter_mut().zip(made.vector) {
                *s += x;
            }
        }
        self.updates.apply(common, &sum, present)
    }

    fn compare(&self, all: &Shard) -> Result<Baselines, TaskError> {
        let (local, zeros) = (self.settings.local, Array2::zeros(self.start.dim()));
        let optimum = |shard: &Shard| {
            let alpha = local.alpha * shard.rows() as f64 / all.rows() as f64;
            self.headline(&local.newton(shard, &zeros, alpha, CONVERGED))
        };
        let alone: Vec<f64> = self.shards.iter().map(optimum).collect();
        let without_noise = if self.settings.privacy.is_some() {
            Some(self.headline(&self.in_clear(&self.shards)?))
        } else {
            None
        };
        Ok(Baselines {
            centralised: optimum(all),
            local_mean: alone.iter().sum::<f64>() / alone.len() as f64,
            local_best: alone.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            without_noise,
        })
    }

    /// What a reader must know.
    fn describe(&self) -> Vec<String> {
        let mut notes = self.features.notes.clone();
        let rows = self.shards.iter().map(Shard::rows);
        let (least, most) = (rows.clone().min().unwrap_or(0), rows.max().unwrap_or(0));
        let one_class = self.shards.iter().filter(|s| s.lacks_a_class()).count();
        notes.push(format!(
            "{} clients hold {least} to {most} rows each, {one_class} of them without some class; \
             {} parameters; a sample, in costs and in the first column, is one update of one \
             client: {} in all",
            self.shards.len(),
            self.start.len(),
            self.uploads()
        ));
        notes.extend(metrics::few_of_a_class(&self.truth.to_vec()));
        let skipped = self.settings.rounds - self.released();
        if self.settings.dropout > 0.0 {
            notes.push(format!(
                "clients that drop out upload nothing; in their place the server adds zeros that the \
                 key owner encrypted once; {skipped} of {} rounds had fewer than {} updates, were \
                 not aggregated and left the model as it was",
                self.settings.rounds, self.settings.least
            ));
        }
        if let Some(privacy) = self.settings.privacy {
            let units = match privacy.unit {
                Unit::Client => self.shards.len(),
                Unit::Record => self.shards.iter().map(Shard::rows).sum(),
            };
            let least = self.settings.least;
            notes.extend(privacy.describe(self.released(), least, units, self.updates.sensitivity));
            if self.continued {
                notes.push(
                    "the first model was trained before: what it tells of the same data is not in \
                     epsilon, but adds to it; if it was trained without noise, nothing is hidden"
                        .into(),
                );
            }
        }
        notes
    }
}
