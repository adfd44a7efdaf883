//! What a client contributes to an aggregate, and what the aggregate does to the common model.

use hexperiment_core::program::{
    Column, Input, Interval, Output, Party, Program, ProgramBuilder, ProgramError,
};
use ndarray::Array2;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use crate::local::{Local, Method, Parameters, Shard};
use crate::settings::Settings;

/// Noise further out is moved here: so many standard deviations, which a double precision
/// generator does not reach.
const REACH: f64 = 10.0;

/// How an update becomes a vector.
///
/// With `s` a client's share of all samples (or one part in as many as there are clients) and `d`
/// the change that its training made, the vector is `s d`, shortened and with noise where wanted,
/// and where counts are secret, `s` as one more element. The sum of the vectors by the sum of the
/// shares is the average of McMahan et al., *Communication-Efficient Learning of Deep Networks from
/// Decentralized Data*, AISTATS 2017.
#[derive(Clone, Debug)]
pub(crate) struct Updates {
    settings: Settings,
    seed: u64,
    /// By client.
    pub(crate) shares: Vec<f64>,
    /// Of all clients.
    samples: usize,
    /// No element is larger.
    pub(crate) bound: f64,
    /// Of each client's noise.
    pub(crate) deviation: f64,
}

/// One vector, and how much was cut off on the way.
pub(crate) struct Contribution {
    pub(crate) vector: Vec<f64>,
    /// Updates, or gradients of records, that were shortened.
    pub(crate) clipped: usize,
}

impl Updates {
    /// For clients with so many rows each.
    pub(crate) fn new(settings: &Settings, rows: &[usize], seed: u64) -> Self {
        let samples: usize = rows.iter().sum();
        let share = |n: &usize| {
            if settings.by_samples {
                *n as f64 / samples as f64
            } else {
                1.0 / rows.len() as f64
            }
        };
        let shares: Vec<f64> = rows.iter().map(share).collect();
        // Where counts are secret, so is the largest.
        let largest = if settings.encrypted_counts {
            1.0
        } else {
            shares.iter().copied().fold(0.0, f64::max)
        };
        let clip = settings.clip_norm;
        let (one_client, one_unit) = match settings.local.method {
            Method::Gradient { rate, .. } if settings.by_record() => {
                let record = rate * clip * settings.local.largest_weight();
                (record * largest, record / samples as f64)
            }
            _ => (largest * clip, largest * clip),
        };
        let deviation = settings
            .privacy
            .map_or(0.0, |p| p.deviation_per_client(one_unit, settings.least));
        let mut bound = one_client + REACH * deviation;
        if settings.encrypted_counts {
            bound = bound.max(1.0);
        }
        Self {
            settings: settings.clone(),
            seed,
            shares,
            samples,
            bound,
            deviation,
        }
    }

    /// How far noise reaches at most.
    pub(crate) fn reach(&self) -> f64 {
        REACH * self.deviation
    }

    /// Elements of a vector.
    pub(crate) fn length(&self, parameters: usize) -> usize {
        parameters + usize::from(self.settings.encrypted_counts)
    }

    /// What `client` contributes in `round` from the common model, with this noise.
    pub(crate) fn contribution(
        &self,
        client: usize,
        round: usize,
        shard: &Shard,
        common: &Parameters,
        noise: &[f64],
    ) -> Contribution {
        let (settings, share) = (&self.settings, self.shares[client]);
        let (change, clipped) = match settings.local.method {
            Method::Gradient { rate, .. } if settings.by_record() => {
                let clip = settings.clip_norm;
                let (sum, clipped) = settings.local.clipped_gradient(shard, common, clip);
                (sum * (-rate / self.samples as f64), clipped)
            }
            _ => {
                let mut shuffle = ChaCha20Rng::seed_from_u64(self.seed);
                shuffle.set_stream((round * self.shares.len() + client) as u64 + 1);
                // The penalty is shared by rows, whatever clients count in the average.
                let rows = shard.rows() as f64 / self.samples as f64;
                let trained = settings.local.train(shard, common, rows, &mut shuffle);
                let mut change = trained - common;
                let norm = change.iter().map(|x| x * x).sum::<f64>().sqrt();
                let clipped = norm > settings.clip_norm;
                if clipped {
                    change *= settings.clip_norm / norm;
                }
                (change * share, usize::from(clipped))
            }
        };
        let mut vector: Vec<f64> = change.iter().copied().collect();
        for (x, n) in vector.iter_mut().zip(noise) {
            *x += n;
        }
        if settings.encrypted_counts {
            vector.push(share);
        }
        for x in &mut vector {
            *x = x.clamp(-self.bound, self.bound);
        }
        Contribution { vector, clipped }
    }

    /// The common model after an aggregate of these clients' vectors.
    pub(crate) fn apply(&self, common: &Parameters, sum: &[f64], present: &[bool]) -> Parameters {
        let taking_part = self.shares.iter().zip(present).filter(|(_, p)| **p);
        let public: f64 = taking_part.map(|(s, _)| s).sum();
        let share = match sum.get(common.len()) {
            Some(secret) if self.settings.encrypted_counts => *secret,
            _ => public,
        };
        let mut next = common.clone();
        if let (true, Method::Gradient { rate, .. }) =
            (self.settings.by_record(), self.settings.local.method)
        {
            // What no record has a part in, the key owner adds.
            let alpha = self.settings.local.alpha / self.samples as f64;
            next.scaled_add(-rate, &Local::pull(alpha, common));
        }
        for (x, s) in next.iter_mut().zip(sum) {
            *x += s / share;
        }
        next
    }

    /// The program: the sum of one vector of each client.
    pub(crate) fn program(&self, parameters: usize) -> Result<Program, ProgramError> {
        let clients = self.shares.len();
        let mut builder = ProgramBuilder::new("federated averaging");
        let mut sum = None;
        for client in 0..clients {
            let (_, columns) = builder.input(Input {
                name: format!("update {}", client + 1),
                owner: Party::Client(client as u32 + 1),
                length: self.length(parameters),
                columns: vec![Column {
                    name: "weighted update".into(),
                    range: Interval::symmetric(self.bound),
                }],
                precision: 0.5 * self.settings.precision / clients as f64,
            })?;
            sum = Some(match sum {
                None => columns[0],
                Some(sum) => builder.add(sum, columns[0])?,
            });
        }
        builder.output(Output {
            name: "aggregate".into(),
            values: sum.into_iter().collect(),
            precision: self.settings.precision,
        })?;
        builder.finish()
    }

    /// A vector as the table that is encrypted.
    pub(crate) fn table(vector: &[f64]) -> Array2<f64> {
        Array2::from_shape_fn((vector.len(), 1), |(i, _)| vector[i])
    }
}

/// Who uploads in each round, by round and client. Only the seed decides: dropping out has nothing
/// to do with the data.
pub(crate) fn schedule(settings: &Settings, random: &mut ChaCha20Rng) -> Vec<Vec<bool>> {
    use rand::Rng as _;
    let uploads = |random: &mut ChaCha20Rng| random.random::<f64>() >= settings.dropout;
    (0..settings.rounds)
        .map(|_| (0..settings.clients).map(|_| uploads(random)).collect())
        .collect()
}

/// Whether a round with these uploads is aggregated.
pub(crate) fn enough(settings: &Settings, present: &[bool]) -> bool {
    present.iter().filter(|p| **p).count() >= settings.least
}
