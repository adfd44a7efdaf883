//! A device that reports once a second: the faults that it may have, and the window of its last reports, which a row
//! of the table sums up.

use std::collections::VecDeque;

use hexperiment_task::monitor::FaultKind;

use super::reports::Report;
use super::wear::{Life, Random};

/// Places in a report's numbers.
const READING: usize = 0;
const RECORDED: [usize; 2] = [1, 2];
const SENSITIVITY: usize = 6;
const ACCURACY: usize = 8;
const ERROR_CODES: usize = 10;
const TRANSMISSION_RATE: usize = 11;

/// Millivolts a degree of an element that answers no change.
const DEAD: f64 = 0.5;
/// Degrees that a drifting reading moves away each second, and at most.
const DRIFT: (f64, f64) = (0.8, 40.0);
/// Degrees of a self-test's error for each degree of drift.
const DRIFT_SEEN: f64 = 0.05;
/// How often a second has a spike; least and most degrees of one; error codes that it leaves.
const SPIKES: (f64, f64, f64, f64) = (0.35, 25.0, 60.0, 6.0);

/// Seconds for which faults of a labelled history have shown, least and most.
pub(super) const SHOWS: (u64, u64) = (4, 60);

/// A fault of a device, other than wear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Stuck,
    Drift,
    Spikes,
    Silent,
}

impl Fault {
    pub(crate) const ALL: [Self; 4] = [Self::Stuck, Self::Drift, Self::Spikes, Self::Silent];
}

/// The faults in words, in the order of [`Fault::ALL`].
pub(crate) const FAULTS: [FaultKind; 4] = [
    FaultKind {
        name: "stuck",
        doc: "The sensing element is dead: one reading again and again, and no sensitivity.",
    },
    FaultKind {
        name: "drift",
        doc: "The reading moves away by 0.8 degrees a second, up to 40, and self-tests show part of it.",
    },
    FaultKind {
        name: "spikes",
        doc: "About every third reading is off by 25 to 60 degrees, and leaves error codes.",
    },
    FaultKind {
        name: "silent",
        doc: "No report comes any more.",
    },
];

/// A device, second by second.
#[derive(Debug)]
pub(crate) struct Device {
    life: Life,
    number: u64,
    /// What the noise of its reports is drawn from.
    random: Random,
    texts: [String; 4],
    fault: Option<Present>,
    /// The last reports, `None` where none came.
    window: VecDeque<Option<[f64; 16]>>,
    /// How many reports a row sums up.
    length: usize,
    /// The last report that came.
    last: [f64; 16],
}

/// A fault that a device has.
#[derive(Clone, Copy, Debug)]
struct Present {
    fault: Fault,
    /// Reports since it began.
    since: u64,
    /// The reading when it began.
    frozen: f64,
}

impl Device {
    /// The device of a seed's stream, called by `number`, of which rows sum up `length` reports. It has reported
    /// nothing yet.
    pub(crate) fn new(seed: u64, stream: u64, number: u64, length: usize) -> Self {
        let life = Life::live(seed, stream);
        let random = life.random.clone();
        // The first report, which will come, has its texts.
        let Report { texts, numbers } = life.report(number, &mut random.clone());
        Self {
            life,
            number,
            random,
            texts,
            fault: None,
            window: VecDeque::with_capacity(length),
            length,
            last: numbers,
        }
    }

    /// Lets a second pass, in which it reports unless it is silent.
    pub(crate) fn report(&mut self) {
        let mut numbers = self.life.report(self.number, &mut self.random).numbers;
        let came = match &mut self.fault {
            None => true,
            Some(present) => {
                present.since += 1;
                present.act(&mut numbers, &mut self.random);
                present.fault != Fault::Silent
            }
        };
        if came {
            self.last = numbers;
        }
        if self.window.len() == self.length {
            self.window.pop_front();
        }
        self.window.push_back(came.then_some(numbers));
    }

    /// Gives it a fault from the next report on, in place of one that it has.
    pub(crate) fn fail(&mut self, fault: Fault) {
        self.fault = Some(Present {
            fault,
            since: 0,
            frozen: self.last[READING],
        });
    }

    /// Takes its fault away.
    pub(crate) fn repair(&mut self) {
        self.fault = None;
    }

    /// Its state by wear and faults: 0 healthy, 1 drifting, 2 failing.
    pub(crate) fn state(&self) -> usize {
        match self.fault {
            Some(_) => 2,
            None => self.life.state() as usize,
        }
    }

    /// Its texts.
    pub(crate) fn texts(&self) -> &[String; 4] {
        &self.texts
    }

    /// What the last reports come to: means, of recorded extremes the least and the greatest; the transmission rate
    /// counts reports that did not come as 0. Of a device that has long been silent it is the last report.
    pub(crate) fn row(&self) -> [f64; 16] {
        let came: Vec<&[f64; 16]> = self.window.iter().flatten().collect();
        let [low, high] = RECORDED;
        let mut row = if came.is_empty() {
            self.last
        } else {
            std::array::from_fn(|place| {
                let all = came.iter().map(|numbers| numbers[place]);
                if place == low {
                    all.fold(f64::INFINITY, f64::min)
                } else if place == high {
                    all.fold(f64::NEG_INFINITY, f64::max)
                } else {
                    all.sum::<f64>() / came.len() as f64
                }
            })
        };
        // Exact where all came, whatever the order of a product.
        if came.len() < self.window.len() {
            row[TRANSMISSION_RATE] *= came.len() as f64 / self.window.len() as f64;
        }
        row
    }
}

impl Present {
    /// What it makes of a report.
    fn act(&self, numbers: &mut [f64; 16], random: &mut Random) {
        let [low, high] = RECORDED;
        match self.fault {
            Fault::Stuck => {
                numbers[READING] = self.frozen;
                numbers[low] = self.frozen;
                numbers[high] = self.frozen;
                numbers[SENSITIVITY] = DEAD;
            }
            Fault::Drift => {
                let off = (DRIFT.0 * self.since as f64).min(DRIFT.1);
                for place in [READING, low, high] {
                    numbers[place] += off;
                }
                numbers[ACCURACY] += DRIFT_SEEN * off;
            }
            Fault::Spikes => {
                let (often, least, most, codes) = SPIKES;
                if random.chance(often) {
                    let size = least + (most - least) * random.share();
                    numbers[READING] += if random.chance(0.5) { size } else { -size };
                    numbers[low] = numbers[low].min(numbers[READING]);
                    numbers[high] = numbers[high].max(numbers[READING]);
                    numbers[ERROR_CODES] += codes;
                }
            }
            Fault::Silent => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device after `before` reports, and `after` more with the fault.
    fn device(fault: Fault, before: usize, after: usize) -> (Device, [f64; 16]) {
        let mut device = Device::new(1, 7, 7, 10);
        for _ in 0..before {
            device.report();
        }
        let healthy = device.row();
        device.fail(fault);
        for _ in 0..after {
            device.report();
        }
        (device, healthy)
    }

    #[test]
    fn faults_show_in_what_is_reported() {
        let (stuck, before) = device(Fault::Stuck, 10, 10);
        let row = stuck.row();
        assert_eq!((row[1], row[2], row[SENSITIVITY]), (row[0], row[0], DEAD));
        assert!(before[1] < before[0] && before[0] < before[2]);

        let (drift, before) = device(Fault::Drift, 10, 100);
        let row = drift.row();
        assert!((row[READING] - before[READING] - DRIFT.1).abs() < 2.0);
        assert!(row[ACCURACY] > before[ACCURACY] + 1.5);

        let (spikes, before) = device(Fault::Spikes, 10, 30);
        let row = spikes.row();
        assert!(row[2] - row[1] > before[2] - before[1] + 20.0, "{row:?}");
        assert!(row[ERROR_CODES] > before[ERROR_CODES]);
    }

    #[test]
    fn silence_is_counted_and_the_last_report_stays() {
        let (silent, before) = device(Fault::Silent, 10, 5);
        let half = silent.row();
        assert!((half[TRANSMISSION_RATE] / before[TRANSMISSION_RATE] - 0.5).abs() < 0.1);
        let (silent, _) = device(Fault::Silent, 10, 50);
        let row = silent.row();
        assert_eq!(row[TRANSMISSION_RATE], 0.0);
        assert_eq!(row[READING], silent.last[READING]);
        assert_eq!(silent.state(), 2);
    }

    #[test]
    fn a_repaired_device_reports_as_before() {
        let (mut device, before) = device(Fault::Silent, 10, 20);
        device.repair();
        for _ in 0..10 {
            device.report();
        }
        let row = device.row();
        assert!((row[TRANSMISSION_RATE] - before[TRANSMISSION_RATE]).abs() < 10.0);
        assert_ne!(row[READING], before[READING], "noise is drawn anew");
    }
}
