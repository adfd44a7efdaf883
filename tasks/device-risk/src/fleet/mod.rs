//! A fleet of industrial temperature sensors, made from a seed.
//!
//! Each device is worn by a process over its months in service (`wear`), which puts it in one of
//! three states: healthy, drifting, failing. Its state is its risk; what it reports follows from
//! its wear, its site and noise. So the risk can be learnt from the reports, and not perfectly:
//! devices near a border between two states look alike on either side.
//!
//! The numbers are plausible, not measured: nothing here says anything about real sensors.

mod reports;
mod wear;

use hexperiment_data::inventory;
use hexperiment_data::registry::{
    SourceOption, SourceOptions, Table, TableSource, TableSourcePlugin,
};
use hexperiment_diagnostics::Complaint;
use wear::Life;

inventory::submit! { TableSourcePlugin(&Fleet) }

/// What manifests call it.
const NAME: &str = "generated:fleet";

/// The least and the most devices. Fewer leave a part without one of the three classes more
/// often than not.
const DEVICES: std::ops::RangeInclusive<u64> = 30..=1_000_000;

/// The column that holds the state: 0 healthy, 1 drifting, 2 failing.
const TARGET: &str = "risk";

/// The devices of a manifest that does not say.
const USUAL_DEVICES: u64 = 100;

const OPTIONS: [SourceOption; 2] = [
    SourceOption {
        name: "devices",
        least: *DEVICES.start(),
        most: *DEVICES.end(),
        doc: "Devices of a fleet that is made (`use = \"fleet\"`); overrides the manifest's. Each of \
              its three classes, the rarest a tenth, needs some for training and for testing.",
    },
    SourceOption {
        name: "generator_seed",
        least: 0,
        most: i64::MAX as u64,
        doc: "The seed that a fleet is made from; overrides the manifest's.",
    },
];

/// The source of data.
struct Fleet;

impl TableSource for Fleet {
    fn name(&self) -> &'static str {
        NAME
    }

    fn options(&self) -> &'static [SourceOption] {
        &OPTIONS
    }

    fn table(&self, options: &SourceOptions, place: &str) -> Result<Table, Complaint> {
        let of = |option: &SourceOption| options.get(option.name).copied();
        let [devices, seed] = OPTIONS.each_ref().map(of);
        Ok(Order::new(devices, seed, place)?.table())
    }
}

/// How many devices, made from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    devices: u64,
    seed: u64,
}

impl Order {
    /// Of what an experiment or a manifest says; `place` is for messages.
    fn new(devices: Option<u64>, seed: Option<u64>, place: &str) -> Result<Self, Complaint> {
        let devices = devices.unwrap_or(USUAL_DEVICES);
        if !DEVICES.contains(&devices) {
            let (least, most) = (DEVICES.start(), DEVICES.end());
            return Err(Complaint::new(
                place,
                format!("`devices`: found {devices}, expected {least} to {most}"),
            )
            .about("devices")
            .help(
                "each of three classes, of which the rarest has a tenth of the devices, needs some \
                 for training and some for testing",
            ));
        }
        Ok(Self {
            devices,
            seed: seed.unwrap_or(0),
        })
    }

    /// The fleet as a table: a row for each device. A device depends on the seed and its number
    /// only, so that a larger fleet of one seed begins with the smaller one.
    fn table(self) -> Table {
        let mut texts = reports::TEXTS.map(|name| (name.to_owned(), Vec::new()));
        let mut numbers: Vec<(String, Vec<f64>)> = reports::NUMBERS
            .iter()
            .chain(&[TARGET])
            .map(|name| ((*name).to_owned(), Vec::new()))
            .collect();
        for number in 0..self.devices {
            let life = Life::live(self.seed, number);
            let report = life.report(number);
            let state = f64::from(life.state() as u8);
            for ((_, column), text) in texts.iter_mut().zip(report.texts) {
                column.push(text);
            }
            for ((_, column), x) in numbers
                .iter_mut()
                .zip(report.numbers.iter().chain([&state]))
            {
                column.push(*x);
            }
        }
        Table {
            numbers,
            texts: texts.into(),
            ..Table::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(devices: u64, seed: u64) -> Table {
        Order::new(Some(devices), Some(seed), "fleet")
            .unwrap()
            .table()
    }

    fn column<'a>(fleet: &'a Table, name: &str) -> &'a [f64] {
        &fleet.numbers.iter().find(|(n, _)| n == name).unwrap().1
    }

    #[test]
    fn a_seed_makes_one_fleet_and_a_larger_one_begins_with_it() {
        let (small, large, other) = (fleet(40, 1), fleet(90, 1), fleet(40, 2));
        for ((name, a), (_, b)) in small.numbers.iter().zip(&large.numbers) {
            assert_eq!(a[..], b[..40], "{name}");
        }
        for ((name, a), (_, b)) in small.texts.iter().zip(&large.texts) {
            assert_eq!(a[..], b[..40], "{name}");
        }
        assert_ne!(column(&small, "reading"), column(&other, "reading"));
    }

    #[test]
    fn states_are_about_70_20_10() {
        for seed in [0, 1, 73] {
            let fleet = fleet(4000, seed);
            let states = column(&fleet, TARGET);
            for (state, expect) in [(0.0, 0.7), (1.0, 0.2), (2.0, 0.1)] {
                let n = states.iter().filter(|s| **s == state).count();
                let share = n as f64 / states.len() as f64;
                assert!((share - expect).abs() < 0.05, "{state}: {share}");
            }
        }
    }

    /// Every report is a number in a range that a device of its kind can have.
    #[test]
    fn reports_are_plausible() {
        let fleet = fleet(2000, 5);
        let within = [
            ("reading", -60.0, 200.0),
            ("power", 0.0, 5.0),
            ("signal_strength", -130.0, 0.0),
            ("battery", 0.0, 100.0),
            ("humidity", 0.0, 100.0),
            ("pressure", 700.0, 1100.0),
            ("error_codes", 0.0, 60.0),
            ("vibration", 0.0, 60.0),
        ];
        for (name, low, high) in within {
            let outside = column(&fleet, name)
                .iter()
                .find(|x| **x < low || **x > high);
            assert_eq!(outside, None, "{name}");
        }
        for name in reports::NUMBERS {
            assert!(column(&fleet, name).iter().all(|x| x.is_finite()), "{name}");
        }
        let (low, now, high) = (
            column(&fleet, "recorded_min"),
            column(&fleet, "reading"),
            column(&fleet, "recorded_max"),
        );
        for i in 0..now.len() {
            assert!(low[i] <= now[i] && now[i] <= high[i], "device {i}");
        }
    }

    #[test]
    fn fleets_that_cannot_be_split_are_refused() {
        for devices in [0, 1, 29, 1_000_001] {
            let complaint = Order::new(Some(devices), None, "fleet").unwrap_err();
            let text = complaint.to_string();
            let expect = format!("found {devices}, expected 30 to 1000000");
            assert!(text.contains(&expect), "{text}");
        }
        assert_eq!(Order::new(None, None, "fleet").unwrap().devices, 100);
    }
}
