//! Federated learning with encrypted aggregation: clients train on rows that stay with them, the
//! server adds their encrypted updates and sees none, the key owner decrypts the sums.

mod classes;
mod federation;
mod local;
mod model;
mod privacy;
mod protocol;
mod quality;
mod settings;
mod split;
mod update;

use hexperiment_program::Program;
use hexperiment_task::inventory;
use hexperiment_task::ledger::Quality;
use hexperiment_task::registry::TaskPlugin;
use hexperiment_task::session::Session;
use hexperiment_task::{
    Artefact, DataOwner, Outcome, PrepareRequest, Prepared, Recipient, Scenario, Task, TaskError,
    TaskManifest,
};

use crate::federation::Federation;
use crate::protocol::Trace;

inventory::submit! { TaskPlugin(&Federated) }

/// The task.
pub struct Federated;

impl Task for Federated {
    fn manifest(&self) -> TaskManifest {
        TaskManifest {
            name: "federated",
            doc: "Federated averaging (McMahan et al. 2017) of a logistic model, multinomial where \
                  there are more than two classes: the training rows are split among clients; in each \
                  round all train from the common model, encrypt their weighted updates under one \
                  public key and upload them; the server adds; the key owner \
                  decrypts the sum and tells everybody the new model. Leaves `curve.csv`, \
                  `uploads.csv` and `model.json`. The vector axis is the model's parameters.",
            options: settings::specs(),
            metrics: quality::names(),
        }
    }

    fn prepare(&self, request: PrepareRequest<'_>) -> Result<Box<dyn Prepared>, TaskError> {
        Ok(Box::new(Federation::new(request)?))
    }
}

impl Prepared for Federation {
    fn program(&self) -> &Program {
        &self.program
    }

    fn samples(&self) -> usize {
        self.uploads()
    }

    /// One each round.
    fn evaluations(&self) -> u64 {
        self.schedule.len() as u64
    }

    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        Ok(self.rounds(session)?.into_outcome())
    }

    fn score(&self, outcome: &Outcome) -> Result<Quality, TaskError> {
        Ok(self.quality(&Trace::of_outcome(outcome)?))
    }

    /// The clients encrypt under the key owner's public key, and all get the sums of every round.
    fn scenario(&self) -> Scenario {
        Scenario {
            data_owner: DataOwner::Others,
            recipient: Recipient::Others,
        }
    }

    fn server_sees(&self) -> Option<String> {
        let counts = if self.settings.encrypted_counts {
            "not how many samples a client has, though the key owner sees their sum"
        } else if self.settings.by_samples {
            "how many samples each client has"
        } else {
            "nothing of the samples"
        };
        Some(format!(
            "who uploads in which round, {counts}; the key owner sees the sum of every round. One \
             key for all: the server and whoever has the secret key (under a scheme without a public \
             key, every client) together read each single update{}",
            if self.settings.privacy.is_some() {
                ", with its own share of the noise only"
            } else {
                ""
            }
        ))
    }

    fn client_computes(&self) -> Vec<String> {
        vec!["division".into()]
    }

    fn artefacts(&self, outcome: &Outcome) -> Result<Vec<Artefact>, TaskError> {
        self.files(&Trace::of_outcome(outcome)?)
    }
}
