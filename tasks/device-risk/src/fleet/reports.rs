//! What a device reports: caused by its site and its wear, blurred by noise, rounded as devices
//! round.

use super::wear::{Life, RELEASES, Random};

/// The columns of text, in order.
pub(crate) const TEXTS: [&str; 4] = ["device", "firmware", "calibrated", "maintained"];

/// The columns of numbers, in order. Temperatures, accuracy in degrees Celsius; power in watts,
/// signal strength in dBm, sensitivity in millivolts a degree, response time in milliseconds,
/// battery and humidity in percent, error codes of the last month, transmissions an hour, pressure
/// in hectopascals, altitude in metres, vibration in millimetres a second.
pub(crate) const NUMBERS: [&str; 16] = [
    "reading",
    "recorded_min",
    "recorded_max",
    "ambient",
    "power",
    "signal_strength",
    "sensitivity",
    "response_time",
    "accuracy",
    "battery",
    "error_codes",
    "transmission_rate",
    "humidity",
    "pressure",
    "altitude",
    "vibration",
];

/// The day on which all devices report: 1 January 2026, in days since 1 January 1970.
const TODAY: i64 = 20_454;

/// One row of the table.
pub(super) struct Report {
    pub(super) texts: [String; 4],
    pub(super) numbers: [f64; 16],
}

impl Life {
    /// A report of today of device `number`, its noise drawn from `random`.
    pub(super) fn report(&self, number: u64, random: &mut Random) -> Report {
        let (site, wear) = (self.site, self.wear);
        let truth = site.ambient + site.process;
        let reading = truth + self.drift + (0.2 + 0.5 * wear) * random.normal();
        let swing = |random: &mut Random| 3.0 + (0.8 + 3.0 * wear) * random.normal().abs();
        let recorded_min = reading - swing(random);
        let recorded_max = reading + swing(random);
        let ambient = site.ambient + 0.4 * random.normal();
        let power = 1.2 + 0.4 * wear + 0.002 * site.process + 0.09 * random.normal();
        let signal = -62.0 - 13.0 * wear - 0.006 * site.altitude + 4.5 * random.normal();
        let sensitivity = 10.0 - 1.3 * wear + 0.3 * random.normal();
        let response = 120.0 * (1.0 + 0.55 * wear) + 13.0 * random.normal();
        let accuracy = 0.15 + 0.4 * wear + 0.09 * random.normal().abs();
        let battery =
            100.0 - 1.4 * self.battery_months as f64 - 14.0 * wear + 5.0 * random.normal();
        let errors = random.count(0.3 + 3.5 * wear * wear);
        let rate = 60.0 - 9.0 * wear + 3.2 * random.normal();
        let humidity = site.humidity + 3.0 * random.normal();
        // The international standard atmosphere, and the weather.
        let pressure =
            1013.25 * (1.0 - 2.255_77e-5 * site.altitude).powf(5.255_88) + 7.0 * random.normal();
        let vibration = site.vibration * (1.0 + 0.5 * wear) * (0.2 * random.normal()).exp();
        let numbers = [
            (reading, 2),
            (recorded_min, 2),
            (recorded_max, 2),
            (ambient, 1),
            (power.max(0.1), 3),
            (signal.min(-20.0), 0),
            (sensitivity.max(0.5), 2),
            (response.max(10.0), 0),
            (accuracy, 2),
            (battery.clamp(0.0, 100.0), 0),
            (f64::from(errors), 0),
            (rate.max(0.0), 1),
            (humidity.clamp(0.0, 100.0), 0),
            (pressure, 1),
            (site.altitude, 0),
            (vibration, 2),
        ];
        let months_ago = |months: u64, random: &mut Random| {
            date(TODAY - 30 * months as i64 - random.whole(0, 29) as i64)
        };
        Report {
            texts: [
                format!("sensor-{number:06}"),
                RELEASES[self.release].0.into(),
                months_ago(self.months_since_calibration, random),
                months_ago(self.months_since_maintenance, random),
            ],
            numbers: numbers.map(|(x, places)| rounded(x, places)),
        }
    }
}

/// To so many decimal places; -0 is 0.
fn rounded(x: f64, places: i32) -> f64 {
    let unit = 10f64.powi(places);
    (x * unit).round() / unit + 0.0
}

/// A day, counted from 1 January 1970, as year, month and day. Years begin in March, so that the
/// leap day comes last: then months have lengths by a linear rule.
fn date(days: i64) -> String {
    let since = days + 719_468; // 1 March of year 0
    let (era, day) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!("{:04}-{month:02}-{day:02}", 400 * era + year + next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_the_calendars() {
        for (days, expect) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (19_782, "2024-02-29"),
            (TODAY, "2026-01-01"),
        ] {
            assert_eq!(date(days), expect);
        }
    }

    #[test]
    fn numbers_are_rounded_without_a_negative_zero() {
        assert_eq!(rounded(-7.658_99, 2), -7.66);
        assert!(rounded(-0.001, 2).is_sign_positive());
    }
}
