//! The life of a device: where it stands, how it is looked after, and how that wears it.
//!
//! Wear is a gamma process in monthly steps (van Noortwijk, *A survey of the application of gamma
//! processes in maintenance*, Reliability Engineering and System Safety 94, 2009), of shape 1 a
//! month, with rare shocks and imperfect repairs: maintenance takes a share of the wear away, and
//! what is worn out is replaced.
//! Warmth, vibration, damp and old firmware wear faster; so does a device that was made badly.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Wear added in a month under no stress.
const MONTHLY: f64 = 0.0121;
/// A shock, such as a fall: how often in a month, and how much wear at most.
const SHOCK: (f64, f64) = (0.006, 0.4);
/// What maintenance leaves of the wear.
const LEFT_BY_MAINTENANCE: f64 = 0.45;
/// Degrees of drift that a month adds for each unit of wear.
const MONTHLY_DRIFT: f64 = 0.35;
/// The wear at which a device drifts, and at which it fails.
const BORDERS: [f64; 2] = [0.5, 0.82];
/// The wear at which a device is replaced by a new one of its kind.
const REPLACED: f64 = 1.4;

/// Firmware releases, oldest first, with the months since each came out.
pub(super) const RELEASES: [(&str, u64); 5] = [
    ("1.8.3", 96),
    ("2.0.1", 54),
    ("2.1.0", 36),
    ("2.4.2", 18),
    ("3.0.0", 7),
];

/// What a device's wear amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Healthy,
    Drifting,
    Failing,
}

/// The place where a device stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    /// Degrees Celsius.
    pub(super) ambient: f64,
    /// How much warmer the process is than the air, in degrees.
    pub(super) process: f64,
    /// Percent.
    pub(super) humidity: f64,
    /// Millimetres a second.
    pub(super) vibration: f64,
    /// Metres.
    pub(super) altitude: f64,
}

/// A device at the end of its months so far.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) site: Site,
    /// Its firmware, by place in [`RELEASES`].
    pub(super) release: usize,
    pub(super) months_since_calibration: u64,
    pub(super) months_since_maintenance: u64,
    /// Months since its battery was changed.
    pub(super) battery_months: u64,
    pub(super) wear: f64,
    /// Degrees, either way.
    pub(super) drift: f64,
    /// What its reports' noise is drawn from.
    pub(super) random: Random,
}

impl Life {
    /// The life of device `number`: its stream of the seed's generator decides all of it.
    pub(super) fn live(seed: u64, number: u64) -> Self {
        let mut random = Random::new(seed, number);
        let site = Site::draw(&mut random);
        let months = random.whole(3, 84);
        let newest = RELEASES.iter().rposition(|(_, age)| *age >= months);
        let first = newest.unwrap_or(0);
        // Half of the devices were updated at some time since.
        let release = if random.chance(0.5) {
            random.whole(first as u64, RELEASES.len() as u64 - 1) as usize
        } else {
            first
        };
        let maintained_every = random.whole(9, 30);
        let calibrated_every = random.whole(6, 24);
        let made = (0.45 * random.normal()).exp();
        let old = (RELEASES.len() - 1 - release) as f64;
        let stress = site.stress() * (1.0 + 0.08 * old) * made;
        let way = if random.chance(0.5) { 1.0 } else { -1.0 };

        let (mut wear, mut drift) = (0.0, 0.0);
        let (mut calibrated, mut maintained, mut installed) = (0, 0, 0);
        for month in 1..=months {
            wear += MONTHLY * stress * random.exponential();
            if random.chance(SHOCK.0) {
                wear += SHOCK.1 * random.share();
            }
            drift += way * MONTHLY_DRIFT * wear * random.share();
            if wear > REPLACED {
                (wear, drift) = (0.0, 0.0);
                (calibrated, maintained, installed) = (month, month, month);
            }
            if month % maintained_every == 0 {
                wear *= LEFT_BY_MAINTENANCE;
                maintained = month;
            }
            if month % calibrated_every == 0 {
                drift = 0.0;
                calibrated = month;
            }
        }
        Self {
            site,
            release,
            months_since_calibration: months - calibrated,
            months_since_maintenance: months - maintained,
            battery_months: (months - installed) % 40,
            wear,
            drift,
            random,
        }
    }

    pub(super) fn state(&self) -> State {
        let [drifting, failing] = BORDERS;
        if self.wear < drifting {
            State::Healthy
        } else if self.wear < failing {
            State::Drifting
        } else {
            State::Failing
        }
    }
}

impl Site {
    /// An office, a roof or a plant.
    fn draw(random: &mut Random) -> Self {
        let altitude = 1200.0 * random.share() * random.share();
        let kind = random.share();
        // Means and deviations of ambient, process, humidity; vibration.
        let [ambient, process, humidity, vibration] = if kind < 0.35 {
            [(22.0, 1.5), (8.0, 3.0), (42.0, 6.0), (0.4, 0.1)]
        } else if kind < 0.65 {
            [(13.0, 7.0), (4.0, 2.0), (68.0, 12.0), (0.8, 0.3)]
        } else {
            [(33.0, 5.0), (35.0, 12.0), (34.0, 9.0), (2.4, 0.8)]
        }
        .map(|(mean, deviation)| mean + deviation * random.normal());
        Self {
            ambient,
            process: process.max(0.0),
            humidity: humidity.clamp(5.0, 98.0),
            vibration: vibration.max(0.05),
            altitude,
        }
    }

    /// How many times as fast as at rest a device wears here. Chemistry doubles with about 25
    /// degrees (Arrhenius' law with a low activation energy).
    fn stress(&self) -> f64 {
        let warmth = ((self.ambient + 0.4 * self.process - 22.0) / 36.0).exp();
        let damp = 1.0 + 0.008 * (self.humidity - 50.0).max(0.0);
        warmth * damp * (1.0 + 0.12 * self.vibration)
    }
}

/// A device's own stream of random numbers.
#[derive(Debug, Clone)]
pub(super) struct Random(ChaCha20Rng);

impl Random {
    pub(super) fn new(seed: u64, device: u64) -> Self {
        let mut generator = ChaCha20Rng::seed_from_u64(seed);
        generator.set_stream(device);
        Self(generator)
    }

    /// From 0 to less than 1.
    pub(super) fn share(&mut self) -> f64 {
        self.0.random()
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// A whole number, both ends possible.
    pub(super) fn whole(&mut self, low: u64, high: u64) -> u64 {
        self.0.random_range(low..=high)
    }

    /// Of mean 0 and deviation 1 (Box and Muller 1958). Not a library's, whose draws would be others:
    /// a seed has meant one fleet since there are fleets, and results are compared by it.
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.share()).cos()
    }

    /// Of mean 1.
    fn exponential(&mut self) -> f64 {
        -(1.0 - self.share()).ln()
    }

    /// A count of rare events of this mean (Knuth, *Seminumerical Algorithms*, 3.4.1).
    pub(super) fn count(&mut self, mean: f64) -> u32 {
        let limit = (-mean).exp();
        let mut product = self.share();
        let mut events = 0;
        while product > limit {
            product *= self.share();
            events += 1;
        }
        events
    }
}
