//! A fleet that goes on reporting: what a round says is what the program says, and faults are found.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hexperiment_data::registry::SourceOptions;
use hexperiment_data::{Dataset, DatasetRequest, DatasetSource};
use hexperiment_scheme::options::OptionValue;
use hexperiment_task::monitor::{Assessment, List, MOST_ROUNDS, Monitor, MonitorRequest};
use hexperiment_task::testkit::{self, Given, Testbed};
use hexperiment_task::{Outcome, PrepareRequest, Task as _, TaskError};
use scheme_plaintext::Plaintext;
use task_device_risk::DeviceRisk;

fn source() -> SourceOptions {
    [("devices", 2000), ("reports", 8), ("faulty_percent", 30)]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

fn monitor(things: usize, given: Given<'_>) -> Result<Box<dyn Monitor>, TaskError> {
    let source = source();
    let data = Dataset::load(&DatasetRequest {
        source_options: source.clone(),
        ..DatasetRequest::new(DatasetSource::Manifest("fleet".into()), 1)
    })
    .unwrap();
    let monitor = DeviceRisk.monitor(MonitorRequest {
        history: PrepareRequest {
            options: &testkit::options(&DeviceRisk, given),
            data: &data,
            seed: 1,
        },
        source: &source,
        things,
        readings_seed: 9,
    })?;
    Ok(monitor.unwrap())
}

#[test]
fn a_round_says_what_the_model_says_in_the_clear() {
    let mut monitor = monitor(50, &[]).unwrap();
    assert_eq!(
        (monitor.names()[0].as_str(), monitor.names().len()),
        ("sensor-000000", 50)
    );
    assert_eq!(monitor.prepared().evaluations(), MOST_ROUNDS);
    let bed = Testbed::new(&Plaintext, monitor.prepared().program()).unwrap();
    let mut seen: Vec<Vec<Assessment>> = vec![];
    for _ in 0..4 {
        let round = monitor.next_round();
        assert_eq!(round.values, round.inputs[0].values.len());
        let mut session = bed.session();
        let outcome = Outcome::of_one_round(&mut session, &round.inputs).unwrap();
        let said = monitor.assess(&outcome).unwrap();
        for (said, clear) in said.iter().zip(&round.clear) {
            assert_eq!((said.level, said.listed), (clear.level, clear.listed));
            assert!((said.score - clear.score).abs() < 1e-9);
        }
        seen.push(said);
    }
    assert_ne!(seen[0], seen[1], "readings go on");
    let levels = seen[0].iter().map(|one| one.level);
    assert!(levels.clone().any(|level| level == 0) && levels.clone().any(|level| level == 2));
    // Of one device a program is stated, too, whatever its level.
    assert_eq!(self::monitor(1, &[]).unwrap().next_round().clear.len(), 1);
}

/// Each fault brings nearly all devices at Low onto the black list, and few come there without one.
#[test]
fn each_fault_is_found_in_nearly_all_devices() {
    for fault in 0..4 {
        let mut monitor = monitor(200, &[]).unwrap();
        let name = monitor.faults()[fault].name;
        let before = monitor.next_round().clear;
        let low: Vec<usize> = (0..200).filter(|i| before[*i].level == 0).collect();
        assert!(low.len() > 100, "{}", low.len());
        let (faulty, healthy) = low.split_at(low.len() / 2);
        for thing in faulty {
            monitor.inject(*thing, fault).unwrap();
        }
        let rounds: Vec<Vec<Assessment>> = (0..25).map(|_| monitor.next_round().clear).collect();
        let high = |thing: &usize| {
            let black = rounds
                .iter()
                .map(|round| round[*thing].listed == Some(List::Black));
            let black: Vec<bool> = black.collect();
            black.windows(3).any(|three| three == [true; 3])
        };
        let found = faulty.iter().filter(|thing| high(thing)).count();
        let false_alarms = healthy.iter().filter(|thing| high(thing)).count();
        assert!(
            found * 100 >= faulty.len() * 95 && false_alarms * 100 <= healthy.len() * 5,
            "{name}: found {found} of {}, {false_alarms} false alarms of {}",
            faulty.len(),
            healthy.len()
        );
        for thing in faulty {
            monitor.repair(*thing).unwrap();
        }
        let after = (0..40).map(|_| monitor.next_round().clear).last().unwrap();
        let still = faulty
            .iter()
            .filter(|thing| after[**thing].level == 2)
            .count();
        assert!(still * 100 <= faulty.len() * 5, "{name}: {still} stay High");
    }
}

#[test]
fn what_cannot_be_monitored_is_refused() {
    let refused = |things, given: Given<'_>| monitor(things, given).err().unwrap().to_string();
    let forest = refused(5, &[("model", OptionValue::Text("forest".into()))]);
    assert!(forest.contains("`model = \"multinomial\"`"), "{forest}");
    let none = refused(0, &[]);
    assert!(none.contains("no device to monitor"), "{none}");
    let mut monitor = monitor(5, &[]).unwrap();
    let why = monitor.inject(5, 0).unwrap_err();
    assert!(why.contains("found device 5, expected 0 to 4"), "{why}");
    let why = monitor.inject(0, 4).unwrap_err();
    assert!(why.contains("found fault 4, expected 0 to 3"), "{why}");
    monitor.repair(9).unwrap_err();
}

#[test]
fn data_of_other_things_are_refused() {
    let data = testkit::samples(
        ndarray::Array2::from_shape_fn((30, 4), |(i, j)| (i * j) as f64),
        ndarray::Array1::from_iter((0..30).map(|i| f64::from(i % 3))),
    );
    let why = DeviceRisk
        .monitor(MonitorRequest {
            history: PrepareRequest {
                options: &testkit::options(&DeviceRisk, &[]),
                data: &data,
                seed: 1,
            },
            source: &SourceOptions::new(),
            things: 3,
            readings_seed: 1,
        })
        .err()
        .unwrap()
        .to_string();
    assert!(
        why.contains("column of numbers `a`") && why.contains("use = \"fleet\""),
        "{why}"
    );
}
