//! What a client contributes to an aggregate, and what the aggregate does to the common model.

use hexperiment_program::{
    Column, Input, Interval, Output, Party, Program, ProgramBuilder, ProgramError,
};
use hexperiment_task::TaskError;
use ndarray::Array2;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use crate::local::{Local, Method, Parameters, Shard};
use crate::settings::FederationSettings;

/// Noise further out is moved here: so many standard deviations, which a double precision
/// generator does not reach (it ends at 8.6, as its uniform numbers have 53 bits).
const REACH: f64 = 10.0;

/// How an update becomes a vector.
///
/// With `s` a client's share of all samples (or one part in as many as there are clients) and `d`
/// the change that its training made, the vector is `s d`, clipped and with noise where wanted,
/// and where counts are secret, `s` as one more element. The sum of the vectors by the sum of the
/// shares is the average of McMahan et al., *Communication-Efficient Learning of Deep Networks from
/// Decentralized Data*, AISTATS 2017.
#[derive(Clone, Debug)]
pub(crate) struct Updates {
    settings: FederationSettings,
    seed: u64,
    /// Share of the samples, by client.
    pub(crate) shares: Vec<f64>,
    /// Number of samples of all clients.
    samples: usize,
    /// Largest magnitude of an element.
    pub(crate) bound: f64,
    /// The most that what is hidden (a client's whole update, or a record) adds to the sum, as a
    /// norm: the clipped change times the largest share, which is public where there is noise.
    pub(crate) sensitivity: f64,
    /// Standard deviation of each client's noise.
    pub(crate) deviation: f64,
}

/// One vector, and what was clipped to make it.
pub(crate) struct Contribution {
    pub(crate) vector: Vec<f64>,
    /// Number of updates, or gradients of records, that were clipped.
    pub(crate) clipped: usize,
}

fn diverged(what: &str) -> TaskError {
    TaskError::Options(format!(
        "{what} is not finite: training diverges; lower `learning_rate` or `alpha`"
    ))
}

fn finite(parameters: &Parameters, what: impl Fn() -> String) -> Result<(), TaskError> {
    if parameters.iter().all(|x| x.is_finite()) {
        Ok(())
    } else {
        Err(diverged(&what()))
    }
}

impl Updates {
    /// For clients with so many rows each.
    pub(crate) fn new(settings: &FederationSettings, rows: &[usize], seed: u64) -> Self {
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
        let (one_client, sensitivity) = match settings.local.method {
            Method::Gradient { rate, .. } if settings.by_record() => {
                let record = rate * clip * settings.local.largest_weight();
                (record * largest, record / samples as f64)
            }
            _ => (largest * clip, largest * clip),
        };
        let deviation = settings
            .privacy
            .map_or(0.0, |p| p.deviation_per_client(sensitivity, settings.least));
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
            sensitivity,
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
    ) -> Result<Contribution, TaskError> {
        let (settings, share) = (&self.settings, self.shares[client]);
        let (change, clipped) = match settings.local.method {
            Method::Gradient { rate, .. } if settings.by_record() => {
                let clip = settings.clip_norm;
                let (sum, clipped) = settings.local.clipped_gradient(shard, common, clip);
                finite(&sum, || format!("the gradient of client {}", client + 1))?;
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
                // It can be neither clipped nor sent: no bound would hold.
                if !norm.is_finite() {
                    return Err(diverged(&format!("the update of client {}", client + 1)));
                }
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
        Ok(Contribution { vector, clipped })
    }

    /// The common model after an aggregate of these clients' vectors.
    pub(crate) fn apply(
        &self,
        common: &Parameters,
        sum: &[f64],
        present: &[bool],
    ) -> Result<Parameters, TaskError> {
        let taking_part = self.shares.iter().zip(present).filter(|(_, p)| **p);
        let public: f64 = taking_part.map(|(s, _)| s).sum();
        let share = match sum.get(common.len()) {
            Some(secret) if self.settings.encrypted_counts => {
                // Each who takes part has a row at least.
                let least = self.settings.least as f64 / self.samples as f64;
                if secret.is_nan() || *secret < 0.5 * least {
                    return Err(TaskError::Options(format!(
                        "the shares of a round's clients came out as {secret:e} of all samples, \
                         expected {least:e} at least: `precision = {:e}` is too coarse to divide by \
                         them; lower it, or write `sample_counts = \"public\"`",
                        self.settings.precision
                    )));
                }
                *secret
            }
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
        finite(&next, || "the common model".into())?;
        Ok(next)
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
pub(crate) fn schedule(settings: &FederationSettings, random: &mut ChaCha20Rng) -> Vec<Vec<bool>> {
    use rand::Rng as _;
    let uploads = |random: &mut ChaCha20Rng| random.random::<f64>() >= settings.dropout;
    (0..settings.rounds)
        .map(|_| (0..settings.clients).map(|_| uploads(random)).collect())
        .collect()
}

/// Whether a round with these uploads is aggregated.
pub(crate) fn enough(settings: &FederationSettings, present: &[bool]) -> bool {
    present.iter().filter(|p| **p).count() >= settings.least
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_scheme::options::{OptionValue, Options};
    use ndarray::Array2;
    use rand::Rng as _;

    /// Rows far out, so that everything is clipped.
    fn shards(rows: &[usize], scores: usize) -> Vec<Shard> {
        let mut random = ChaCha20Rng::seed_from_u64(11);
        let shard = |n: &usize| {
            let design = Array2::from_shape_fn((*n, 4), |_| 200.0 * (random.random::<f64>() - 0.5));
            let class: Vec<usize> = (0..*n).map(|_| random.random_range(0..2)).collect();
            let labels = Array2::from_shape_fn((*n, scores), |(i, m)| {
                f64::from(u8::from(if scores == 1 {
                    class[i] == 1
                } else {
                    class[i] == m
                }))
            });
            Shard { design, labels }
        };
        rows.iter().map(shard).collect()
    }

    fn settings(given: &[(&str, OptionValue)]) -> FederationSettings {
        let text = |x: &str| OptionValue::Text(x.into());
        let fixed = [
            ("clients", OptionValue::Integer(4)),
            ("noise_multiplier", OptionValue::Number(2.0)),
            ("privacy", text("client")),
        ];
        let given = fixed.iter().chain(given);
        let given = given.map(|(k, v)| ((*k).to_owned(), v.clone()));
        FederationSettings::read(&Options::with_defaults(&crate::settings::specs(), given)).unwrap()
    }

    fn norm(vector: &[f64]) -> f64 {
        vector.iter().map(|x| x * x).sum::<f64>().sqrt()
    }

    const ROWS: [usize; 4] = [30, 1, 9, 4];

    /// No client adds more than the noise is reckoned for, however it trains and counts: the bound is
    /// on what is added, counts and all.
    #[test]
    fn a_client_adds_no_more_than_the_sensitivity() {
        let text = |x: &str| OptionValue::Text(x.into());
        let ways: [&[(&str, OptionValue)]; 4] = [
            &[],
            &[("weighting", text("equal"))],
            &[
                ("local", text("newton")),
                ("clip_norm", OptionValue::Number(0.003)),
            ],
            &[
                ("batch", OptionValue::Integer(3)),
                ("positive_weight", OptionValue::Number(50.0)),
            ],
        ];
        for scores in [1, 3] {
            let shards = shards(&ROWS, scores);
            for way in ways {
                let updates = Updates::new(&settings(way), &ROWS, 1);
                let start = Array2::zeros((scores, 4));
                let mut most = 0.0_f64;
                for (client, shard) in shards.iter().enumerate() {
                    let made = updates.contribution(client, 0, shard, &start, &[]).unwrap();
                    most = most.max(norm(&made.vector));
                }
                let sensitivity = updates.sensitivity;
                assert!(most <= sensitivity * (1.0 + 1e-12), "{way:?} {most}");
                // And one does add as much.
                assert!(most > 0.99 * sensitivity, "{way:?} {most} {sensitivity}");
                // At most one of four is a colluder.
                let whole = updates.deviation * 3.0_f64.sqrt();
                assert!((whole / (2.0 * sensitivity) - 1.0).abs() < 1e-12);
            }
        }
    }

    /// A sum without one record differs by no more than the noise is reckoned for, whoever has it.
    #[test]
    fn a_record_adds_no_more_than_the_sensitivity() {
        for (scores, positive_weight) in [(1, 0.2), (1, 5.0), (3, 1.0)] {
            let shards = shards(&ROWS, scores);
            let settings = settings(&[
                ("privacy", OptionValue::Text("record".into())),
                ("local_epochs", OptionValue::Integer(1)),
                ("positive_weight", OptionValue::Number(positive_weight)),
            ]);
            let updates = Updates::new(&settings, &ROWS, 1);
            let at = Array2::from_elem((scores, 4), 0.01);
            let mut most = 0.0_f64;
            for (client, shard) in shards.iter().enumerate() {
                let made = |rows: &[usize]| {
                    let part = shard.select(rows);
                    let made = updates.contribution(client, 0, &part, &at, &[]);
                    made.unwrap().vector
                };
                let all: Vec<usize> = (0..shard.rows()).collect();
                let whole = made(&all);
                for without in 0..shard.rows() {
                    let mut rest = all.clone();
                    rest.remove(without);
                    let rest = made(&rest);
                    let pairs = whole.iter().zip(&rest);
                    most = most.max(norm(&pairs.map(|(a, b)| a - b).collect::<Vec<_>>()));
                }
            }
            let sensitivity = updates.sensitivity;
            assert!(most <= sensitivity * (1.0 + 1e-9), "{most} {sensitivity}");
            assert!(most > 0.99 * sensitivity, "{most} {sensitivity}");
        }
    }

    /// Shares that came back as nothing do not become the divisor.
    #[test]
    fn shares_that_drown_are_refused() {
        let text = |x: &str| OptionValue::Text(x.into());
        let given = [
            ("clients", OptionValue::Integer(4)),
            ("sample_counts", text("encrypted")),
        ];
        let given = given.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
        let options = Options::with_defaults(&crate::settings::specs(), given);
        let updates = Updates::new(&FederationSettings::read(&options).unwrap(), &ROWS, 1);
        let start = Array2::zeros((1, 2));
        let apply = |share: f64| updates.apply(&start, &[0.5, 1.0, share], &[true; 4]);
        assert_eq!(apply(0.5).unwrap(), ndarray::array![[1.0, 2.0]]);
        for share in [0.0, -0.3, 1e-3, f64::NAN] {
            let error = apply(share).unwrap_err().to_string();
            assert!(error.contains("too coarse to divide"), "{error}");
        }
    }
}
