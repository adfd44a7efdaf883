//! How well the federation did: beside itself in the clear, round by round, and beside others.

use std::fmt::Write as _;

use hexperiment_task::ledger::{Metric, Quality};
use hexperiment_task::metrics;
use hexperiment_task::{Artefact, TaskError};
use ndarray::{Array2, ArrayView1};

use crate::federation::Federation;
use crate::local::Parameters;
use crate::model;
use crate::privacy::adversaries::Revealed;
use crate::protocol::Trace;

/// Measures besides those of classifiers.
pub(crate) const MORE_METRICS: [&str; 21] = [
    "max_weight_error",
    "centralised",
    "local_mean",
    "local_best",
    "without_noise",
    "epsilon",
    "epsilon_server",
    "epsilon_key_owner",
    "epsilon_client",
    "epsilon_server_and_client",
    "epsilon_server_and_key_owner",
    "clients",
    "parameters",
    "rounds_aggregated",
    "uploads",
    "update_bytes",
    "update_ciphertexts",
    "stand_in_bytes",
    "told_bytes",
    "clipped",
    "one_class_clients",
];

/// The names of all measures that an expectation may be about.
pub(crate) fn names() -> Vec<&'static str> {
    let mut names = metrics::BINARY.to_vec();
    names.push("macro_f1");
    names.extend(MORE_METRICS);
    names
}

/// The curve in the records has about so many points; `curve.csv` has all.
const POINTS: usize = 20;

impl Federation {
    fn parameters(&self, flat: ArrayView1<'_, f64>) -> Parameters {
        let width = self.start.ncols();
        Parameters::from_shape_fn(self.start.dim(), |(i, j)| flat[i * width + j])
    }

    /// The common model after the last round.
    fn last(&self, trace: &Trace) -> [Parameters; 2] {
        let last = self.settings.rounds - 1;
        [&trace.models, &trace.clear].map(|table| self.parameters(table.row(last)))
    }

    /// The headline's value after a round: encrypted, in the clear.
    fn point(&self, trace: &Trace, round: usize) -> [f64; 2] {
        [&trace.models, &trace.clear].map(|t| self.headline(&self.parameters(t.row(round))))
    }

    pub(crate) fn quality(&self, trace: &Trace) -> Quality {
        let [model, clear] = self.last(trace);
        let scores = [&model, &clear].map(|p| self.test.scores(p));
        let measure = |s: &Array2<f64>| self.classes.measures(s, &scores[1], &self.truth);
        let mut metrics = measure(&scores[0]);
        if let Some(unclipped) = self.unclipped.as_ref().and_then(|u| u.scores.as_ref()) {
            Metric::beside_unclipped(&mut metrics, &measure(unclipped));
        }
        let baselines = self.baselines;
        let error = largest((&model - &clear).iter().map(|x| x.abs()));
        let one_class = self.shards.iter().filter(|s| s.lacks_a_class()).count();
        let epsilon = self.settings.privacy.map(|p| p.epsilon(self.released()));
        let against = self.settings.privacy.map(|privacy| {
            let revealed = Revealed {
                sums: self.released(),
                updates: self.most_updates(),
                least: self.settings.least,
            };
            privacy.against(revealed, trace.key_holders)
        });
        let values: [Option<f64>; 21] = [
            Some(error),
            Some(baselines.centralised),
            Some(baselines.local_mean),
            Some(baselines.local_best),
            baselines.without_noise,
            epsilon,
            against.map(|a| a.server),
            against.map(|a| a.key_owner),
            against.map(|a| a.client),
            against.map(|a| a.server_and_client),
            against.map(|a| a.server_and_key_owner),
            Some(self.shards.len() as f64),
            Some(self.start.len() as f64),
            Some(self.released() as f64),
            Some(self.uploads() as f64),
            Some(largest(trace.bytes.iter().copied())),
            Some(largest(trace.ciphertexts.iter().copied())),
            Some(trace.more_bytes[[0, 0]]),
            Some(trace.more_bytes[[0, 1]]),
            Some(trace.clipped.sum()),
            Some(one_class as f64),
        ];
        for (name, value) in MORE_METRICS.iter().zip(values) {
            let value = value.filter(|x| !x.is_nan());
            metrics.extend(value.map(|value| Metric::new(*name, value, None)));
        }
        let step = self.settings.rounds.div_ceil(POINTS);
        for round in (0..self.settings.rounds).step_by(step) {
            let [value, clear] = self.point(trace, round);
            let name = format!("{}_round_{}", self.classes.headline_name(), round + 1);
            metrics.push(Metric::new(name, value, Some(clear)));
        }
        let mut notes = self.notes.clone();
        notes.extend(against.map(|a| a.describe(trace.key_holders)));
        let clipped = trace.clipped.sum();
        if clipped > 0.0 {
            let what = if self.settings.by_record() {
                "gradients of records"
            } else {
                "updates"
            };
            notes.push(format!(
                "{clipped} {what} had a norm above `clip_norm = {}` and were clipped to it, in the clear too",
                self.settings.clip_norm
            ));
        }
        Quality {
            samples: self.uploads(),
            metrics,
            notes,
        }
    }

    /// The learning curve, what each client sent in each round, and the model's files.
    pub(crate) fn files(&self, trace: &Trace) -> Result<Vec<Artefact>, TaskError> {
        let name = self.classes.headline_name();
        let mut curve = format!(
            "round,updates,aggregated,{name},{name}_plaintext,max_weight_error,upload_bytes\n"
        );
        for (round, present) in self.schedule.iter().enumerate() {
            let [value, clear] = self.point(trace, round);
            let pairs = trace.models.row(round).to_owned() - trace.clear.row(round);
            let updates = present.iter().filter(|p| **p).count();
            // Writing to a string does not fail.
            let _ = writeln!(
                curve,
                "{},{updates},{},{value:.6},{clear:.6},{:e},{}",
                round + 1,
                u8::from(updates >= self.settings.least),
                largest(pairs.iter().map(|x| x.abs())),
                trace.bytes.row(round).sum()
            );
        }
        let mut files = vec![Artefact {
            name: "curve.csv".into(),
            bytes: curve.into_bytes(),
        }];
        let mut uploads = String::from("round,client,bytes,ciphertexts\n");
        for ((round, client), bytes) in trace.bytes.indexed_iter() {
            if self.schedule[round][client] {
                let _ = writeln!(
                    uploads,
                    "{},{},{bytes},{}",
                    round + 1,
                    client + 1,
                    trace.ciphertexts[[round, client]]
                );
            }
        }
        files.push(Artefact {
            name: "uploads.csv".into(),
            bytes: uploads.into_bytes(),
        });
        let [model, _] = self.last(trace);
        files.extend(model::files(
            &model,
            &self.classes,
            &self.features.table,
            self.clip,
        )?);
        Ok(files)
    }
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max)
}
