//! A fleet of industrial temperature sensors, made from a seed.
//!
//! Each device is worn by a process over its months in service (`wear`), which puts it in one of
//! three states: healthy, drifting, failing. Its state is its risk; what it reports follows from
//! its wear, its site and noise. So the risk can be learnt from the reports, and not perfectly:
//! devices near a border between two states look alike on either side.
//!
//! The numbers are plausible, not measured: nothing here says anything about real sensors.

mod device;
mod reports;
mod wear;

pub(crate) use device::{Device, FAULTS, Fault};
use hexperiment_data::inventory;
use hexperiment_data::registry::{
    SourceOption, SourceOptions, Table, TableSource, TableSourcePlugin,
};
use hexperiment_diagnostics::Complaint;
pub(crate) use reports::{NUMBERS, TEXTS};
use wear::Random;

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

/// What the option is called that says how many reports a row sums up.
pub(crate) const REPORTS: &str = "reports";

/// Reports that a row may sum up.
const MOST_REPORTS: u64 = 600;

const OPTIONS: [SourceOption; 4] = [
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
    SourceOption {
        name: REPORTS,
        least: 1,
        most: MOST_REPORTS,
        doc: "Reports of a made fleet, one a second, that each row sums up: means, of recorded extremes the \
              least and the greatest; 1 unless set.",
    },
    SourceOption {
        name: "faulty_percent",
        least: 0,
        most: 100,
        doc: "Devices of a made fleet, in percent, that have had a fault for some seconds (stuck, drift, spikes or \
              silent), which makes them failing; 0 unless set.",
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
        let [devices, seed, reports, faulty] = OPTIONS.each_ref().map(of);
        let mut order = Order::new(devices, seed, place)?;
        order.reports = within(&OPTIONS[2], reports.unwrap_or(1), place)? as usize;
        order.faulty_percent = within(&OPTIONS[3], faulty.unwrap_or(0), place)?;
        Ok(order.table())
    }
}

/// The value, if the option can have it: a manifest may set any.
fn within(option: &SourceOption, value: u64, place: &str) -> Result<u64, Complaint> {
    let SourceOption {
        name, least, most, ..
    } = *option;
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    let problem = format!("`{name}`: found {value}, expected {least} to {most}");
    Err(Complaint::new(place, problem).about(name))
}

/// How many devices, made from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    devices: u64,
    seed: u64,
    /// How many reports a row sums up.
    reports: usize,
    /// How many devices of a hundred have a fault.
    faulty_percent: u64,
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
            reports: 1,
            faulty_percent: 0,
        })
    }

    /// The fleet as a table: a row for each device. A device depends on the seed and its number
    /// only, so that a larger fleet of one seed begins with the smaller one.
    fn table(self) -> Table {
        let mut texts = TEXTS.map(|name| (name.to_owned(), Vec::new()));
        let mut numbers: Vec<(String, Vec<f64>)> = NUMBERS
            .iter()
            .chain(&[TARGET])
            .map(|name| ((*name).to_owned(), Vec::new()))
            .collect();
        for number in 0..self.devices {
            let device = self.device(number);
            let state = device.state() as f64;
            for ((_, column), text) in texts.iter_mut().zip(device.texts()) {
                column.push(text.clone());
            }
            for ((_, column), x) in numbers.iter_mut().zip(device.row().iter().chain([&state])) {
                column.push(*x);
            }
        }
        Table {
            numbers,
            texts: texts.into(),
            ..Table::default()
        }
    }

    /// Device `number` after so many reports, and after its fault has shown for some seconds, if it has one.
    fn device(self, number: u64) -> Device {
        let mut device = Device::new(self.seed, number, number, self.reports);
        for _ in 0..self.reports {
            device.report();
        }
        // A stream of its own, far from those of devices: without faults, no draw changes.
        let mut random = Random::new(self.seed, u64::MAX - number);
        if random.chance(self.faulty_percent as f64 / 100.0) {
            let kind = random.whole(0, FAULTS.len() as u64 - 1) as usize;
            device.fail(Fault::ALL[kind]);
            for _ in 0..random.whole(device::SHOWS.0, device::SHOWS.1) {
                device.report();
            }
        }
        device
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
        for name in NUMBERS {
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
    fn rows_may_sum_up_reports_of_devices_with_faults() {
        let order = |reports, faulty_percent| Order {
            devices: 2000,
            seed: 3,
            reports,
            faulty_percent,
        };
        let (one, ten) = (order(1, 0).table(), order(10, 0).table());
        assert_eq!(column(&one, TARGET), column(&ten, TARGET));
        // Less noise, wider extremes.
        let spread = |fleet: &Table| -> f64 {
            let (low, high) = (column(fleet, "recorded_min"), column(fleet, "recorded_max"));
            low.iter().zip(high).map(|(low, high)| high - low).sum()
        };
        assert!(spread(&ten) > spread(&one));
        let faulty = order(10, 30).table();
        let failing = |fleet: &Table| column(fleet, TARGET).iter().filter(|y| **y == 2.0).count();
        let more = failing(&faulty) - failing(&ten);
        assert!((420..640).contains(&more), "{more}");
        let same = column(&ten, "battery")
            .iter()
            .zip(column(&faulty, "battery"));
        let same = same.filter(|(a, b)| a == b).count();
        assert!(
            (1300..1500).contains(&same),
            "devices without a fault are as before: {same}"
        );
    }

    #[test]
    fn options_of_a_manifest_are_held_to_what_they_can_be() {
        for (name, value) in [(REPORTS, 0), (REPORTS, 601), ("faulty_percent", 101)] {
            let options = [(name.to_owned(), value)].into();
            let complaint = Fleet.table(&options, "fleet").unwrap_err().to_string();
            assert!(
                complaint.contains(&format!("`{name}`: found {value}, expected")),
                "{complaint}"
            );
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
