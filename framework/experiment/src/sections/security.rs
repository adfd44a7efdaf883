//! What `[run]` demands of every scheme, and what it leaves to the task.

use hexperiment_scheme::security::{Encryption, LatticeTable, SecurityDemand};
use hexperiment_task::{DataOwner, Scenario, TaskError};
use serde::{Deserialize, Serialize};

/// What an experiment demands of every scheme, before its task is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecuritySettings {
    /// At least so many bits.
    pub bits: u32,
    /// Weaker parameters are allowed, and marked in every table.
    pub insecure: bool,
    /// The table that bounds ring-LWE.
    pub table: LatticeTable,
    /// Who encrypts; as the task has it if left out.
    pub encryption: Option<Encryption>,
    /// A bound of log2 of the failure probability of one run; by who gets the results if left out.
    pub failure_log2: Option<i32>,
}

impl SecuritySettings {
    /// The demand of a task's cells.
    ///
    /// # Errors
    /// `TaskError::Value` where the key owner is to encrypt the data of others.
    pub fn demand(self, scenario: Scenario) -> Result<SecurityDemand, TaskError> {
        let Self {
            bits,
            insecure,
            table,
            encryption,
            failure_log2,
        } = self;
        let encryption = encryption.unwrap_or_else(|| scenario.encryption());
        if encryption == Encryption::Owner && scenario.data_owner == DataOwner::Others {
            return Err(TaskError::value(
                &["run.encryption"],
                "found \"owner\", expected \"public\": the data of this task are those of others than the \
                 key owner, who have no secret key to encrypt with",
                "leave `encryption` out, or write `encryption = \"public\"`; a scheme that has no public \
                 key refuses then",
            ));
        }
        Ok(SecurityDemand {
            bits,
            insecure,
            table,
            encryption,
            failure_log2: failure_log2.unwrap_or_else(|| scenario.failure_log2()),
        })
    }
}

#[cfg(test)]
mod tests {
    use hexperiment_task::Recipient;

    use super::*;

    const SETTINGS: SecuritySettings = SecuritySettings {
        bits: 128,
        insecure: false,
        table: LatticeTable::Guidelines2024,
        encryption: None,
        failure_log2: None,
    };

    const FEDERATED: Scenario = Scenario {
        data_owner: DataOwner::Others,
        recipient: Recipient::Others,
    };

    #[test]
    fn the_task_decides_what_is_left_out() {
        let demand = |scenario| SETTINGS.demand(scenario).unwrap();
        let own = demand(Scenario::default());
        assert_eq!((own.encryption, own.failure_log2), (Encryption::Owner, -40));
        let shared = demand(FEDERATED);
        assert_eq!(
            (shared.encryption, shared.failure_log2),
            (Encryption::Public, -128)
        );
    }

    #[test]
    fn the_experiment_decides_what_it_says() {
        let said = SecuritySettings {
            encryption: Some(Encryption::Public),
            failure_log2: Some(-64),
            ..SETTINGS
        };
        for scenario in [Scenario::default(), FEDERATED] {
            let demand = said.demand(scenario).unwrap();
            assert_eq!(
                (demand.encryption, demand.failure_log2),
                (Encryption::Public, -64)
            );
        }
    }

    #[test]
    fn a_key_owner_cannot_encrypt_the_data_of_others() {
        let owner = SecuritySettings {
            encryption: Some(Encryption::Owner),
            ..SETTINGS
        };
        assert!(owner.demand(Scenario::default()).is_ok());
        let error = owner.demand(FEDERATED).unwrap_err();
        let TaskError::Value {
            options, problem, ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!(*options, ["run.encryption"]);
        assert!(
            problem.contains("found \"owner\", expected \"public\""),
            "{problem}"
        );
    }
}
