//! Tokens are counted, and shared out as they are encrypted.

use std::time::Duration;

use hexperiment_scheme::{Operation, OperationTime, OperationTimes, Preparation, SchemeError};

use super::{DEMAND, compile, program};

/// Every operation takes a microsecond, a hundred with empty caches; each is done once.
#[derive(Default)]
struct Times(Vec<String>);

const US: Duration = Duration::from_micros(1);

impl OperationTimes for Times {
    fn time(
        &mut self,
        operation: Operation,
        prepare: &Preparation<'_, '_>,
    ) -> Result<OperationTime, SchemeError> {
        prepare()?()?;
        self.0.push(operation.to_string());
        Ok(OperationTime {
            alone: US,
            together: 2 * US,
        })
    }

    fn cold(
        &mut self,
        _: Operation,
        prepare: &Preparation<'_, '_>,
    ) -> Result<Duration, SchemeError> {
        prepare()?()?;
        Ok(100 * US)
    }
}

#[test]
fn costs_of_tokens_that_threads_share() {
    let circuit = compile(&program(300, 2), "row", DEMAND).unwrap();
    let mut times = Times::default();
    let costs = circuit.costs(&mut times).unwrap().unwrap();
    // Four pieces of 75 tokens, after the first of all.
    let encrypt = costs.encrypt[0];
    assert_eq!(encrypt.total, 99 * US + 600 * US);
    assert_eq!(
        (encrypt.serial, encrypt.alone),
        (99 * US + 75 * US, 99 * US)
    );
    assert_eq!(costs.decrypt, costs.encrypt);
    assert_eq!(costs.upload, costs.download);
    assert_eq!(costs.upload[0].total, US);
    // The server opens one table and seals another, and computes between.
    assert!(costs.evaluate.total > encrypt.total * 2);
    let asked = ["encrypt payload=24", "decrypt payload=24"];
    for operation in asked {
        assert!(times.0.iter().any(|o| o == operation), "{:?}", times.0);
    }
}

#[test]
fn costs_of_tokens_that_are_too_few_to_share() {
    for (per, tokens) in [("row", 100), ("table", 1)] {
        let circuit = compile(&program(100, 2), per, DEMAND).unwrap();
        let costs = circuit.costs(&mut Times::default()).unwrap().unwrap();
        let encrypt = costs.encrypt[0];
        assert_eq!(encrypt.total, 99 * US + tokens * US, "{per}");
        assert_eq!(
            (encrypt.serial, encrypt.alone),
            (encrypt.total, encrypt.total)
        );
    }
}
