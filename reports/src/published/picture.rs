//! A picture of a publication: the time of each row beside the bytes that cross, on logarithmic axes.

use maud::{Markup, PreEscaped, html};

use super::{Publication, PublishedFigures, PublishedRow};
use crate::units::{bytes, duration};
use hexperiment_experiment::record::Clock;

/// Rows that a picture has room for.
const MOST: usize = 12;

// Lengths in pixels of a picture that is 760 wide.
const WIDTH: f64 = 760.0;
const TOP: f64 = 52.0;
const STEP: f64 = 30.0;
/// Where the two axes begin, and their length; right of each there is room for a figure.
const LEFT: [f64; 2] = [150.0, 470.0];
const LENGTH: f64 = 215.0;

/// Both colour schemes; the background is the picture's own, whatever page it stands on.
const STYLE: &str = "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#1b1f24}\
    .page{fill:#fff}.soft{fill:#59636e;font-size:12px}.head{font-weight:600}.grid{stroke:#d8dde3}\
    .row{stroke:#d8dde3;stroke-dasharray:1 3}.dot{stroke:#0062a3;fill:#0062a3;stroke-width:2}\
    .bare{stroke:#7a838c;fill:#7a838c}.hollow{fill:#fff}.figure{paint-order:stroke;stroke:#fff;stroke-width:4px}\
    @media (prefers-color-scheme:dark){text{fill:#e6e9ec}.page{fill:#14171a}.soft{fill:#a3adb7}\
    .grid,.row{stroke:#343b42}.dot{stroke:#6cb8ee;fill:#6cb8ee}.bare{stroke:#97a0a9;fill:#97a0a9}\
    .hollow{fill:#14171a}.figure{stroke:#14171a}}";

/// The picture as SVG; `None` where fewer than two rows came to a result, or more than it has room for.
pub fn picture(publication: &Publication) -> Option<String> {
    let measured: Vec<(&PublishedRow, &PublishedFigures)> = publication
        .rows
        .iter()
        .filter_map(|row| Some((row, row.measured.as_ref()?)))
        .collect();
    if !(2..=MOST).contains(&measured.len()) {
        return None;
    }
    let time = match publication.clock {
        Clock::Wall => "Time from encryption to decryption",
        Clock::Cpu => "CPU time from encryption to decryption",
    };
    let times = Axis::new(measured.iter().map(|(_, m)| m.total_ms), 10.0);
    let sent = |m: &PublishedFigures| m.up_bytes.saturating_add(m.down_bytes);
    let sizes = Axis::new(measured.iter().map(|(_, m)| sent(m) as f64), 32.0);
    let bottom = TOP + STEP * measured.len() as f64;
    let notes = notes(&measured);
    let height = bottom + 40.0 + 18.0 * notes.len() as f64;
    let drawn = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {height}")) width=(WIDTH)
            height=(height) role="img" aria-labelledby="title" {
            title #title { (time) " and bytes both ways, " (publication.experiment) }
            style { (PreEscaped(STYLE)) }
            rect.page width=(WIDTH) height=(height) {}
            text.head x=(LEFT[0]) y="24" { (time) }
            text.head x=(LEFT[1]) y="24" { "Bytes both ways, without keys" }
            (times.grid(LEFT[0], bottom, tick_of_time))
            (sizes.grid(LEFT[1], bottom, tick_of_bytes))
            @for (place, (row, m)) in measured.iter().enumerate() {
                @let y = TOP + STEP * (place as f64 + 0.5);
                text x=(LEFT[0] - 14.0) y=(y + 4.5) text-anchor="end" { (shortened(&row.name)) }
                (dot(row, (LEFT[0], times.place(m.total_ms), y), &duration(m.total_ms)))
                (dot(row, (LEFT[1], sizes.place(sent(m) as f64), y), &bytes(sent(m))))
            }
            @for (line, note) in notes.iter().enumerate() {
                text.soft x="16" y=(bottom + 48.0 + 18.0 * line as f64) { (note) }
            }
        }
    };
    Some(drawn.into_string() + "\n")
}

/// What marks say, of those that there are, line by line.
fn notes(measured: &[(&PublishedRow, &PublishedFigures)]) -> Vec<String> {
    let mut marks = vec!["Both axes are logarithmic."];
    if measured.iter().any(|(row, _)| !row.is_encrypted) {
        marks.push("Grey: nothing is hidden from the server.");
    }
    if measured.iter().any(|(row, _)| row.imprecise) {
        marks.push("Hollow: further off than the task bears.");
    }
    let mut notes = vec![marks.join(" ")];
    if measured.iter().any(|(row, _)| row.busy) {
        notes.push("The machine was busy: times are longer than they need be.".into());
    }
    if measured.iter().any(|(row, _)| row.place.is_some()) {
        notes.push(
            "Machines differ, or others may have used them (see the table): unlike machines' times do not compare."
                .into(),
        );
    }
    notes
}

fn dot(row: &PublishedRow, (left, x, y): (f64, f64, f64), figure: &str) -> Markup {
    let mut class = "dot".to_owned();
    for (is, name) in [(!row.is_encrypted, " bare"), (row.imprecise, " hollow")] {
        if is {
            class += name;
        }
    }
    html! {
        line.row x1=(left) x2=(fixed(left + LENGTH)) y1=(y) y2=(y) {}
        circle class=(class) cx=(fixed(left + x)) cy=(y) r="5" {}
        text.figure x=(fixed(left + x + 11.0)) y=(y + 4.5) { (figure) }
    }
}

/// A label that leaves the axis free.
fn shortened(name: &str) -> String {
    if name.chars().count() <= 18 {
        return name.to_owned();
    }
    let begin: String = name.chars().take(17).collect();
    begin + "…"
}

/// A length with one decimal.
fn fixed(length: f64) -> String {
    format!("{length:.1}")
}

/// A logarithmic axis from one power of its base to another.
struct Axis {
    base: f64,
    low: i32,
    high: i32,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64> + Clone, base: f64) -> Self {
        let powers = values
            .filter(|value| value.is_finite() && *value > 0.0)
            .map(|value| value.ln() / base.ln());
        let low = powers.clone().fold(f64::INFINITY, f64::min);
        let high = powers.fold(f64::NEG_INFINITY, f64::max);
        if low > high {
            return Self {
                base,
                low: 0,
                high: 1,
            };
        }
        let low = low.floor() as i32;
        Self {
            base,
            low,
            high: (high.ceil() as i32).max(low + 1),
        }
    }

    /// Pixels from the axis' begin; what has no logarithm stands there.
    fn place(&self, value: f64) -> f64 {
        if !(value.is_finite() && value > 0.0) {
            return 0.0;
        }
        let span = f64::from(self.high - self.low);
        LENGTH * (value.ln() / self.base.ln() - f64::from(self.low)) / span
    }

    fn grid(&self, left: f64, bottom: f64, words: impl Fn(f64) -> String) -> Markup {
        // Where there are many powers, every second or third one has room for words.
        let every = ((self.high - self.low) / 4 + 1) as usize;
        html! {
            @for power in (self.low..=self.high).step_by(every) {
                @let value = self.base.powi(power);
                @let x = fixed(left + self.place(value));
                line.grid x1=(x) x2=(x) y1=(TOP - 12.0) y2=(bottom + 4.0) {}
                text.soft x=(x) y=(bottom + 20.0) text-anchor="middle" { (words(value)) }
            }
        }
    }
}

/// A power of ten of milliseconds.
fn tick_of_time(ms: f64) -> String {
    let (value, unit) = match ms {
        ms if ms < 0.9e-3 => (1e6 * ms, "ns"),
        ms if ms < 0.9 => (1e3 * ms, "µs"),
        ms if ms < 900.0 => (ms, "ms"),
        ms => (ms / 1e3, "s"),
    };
    format!("{value:.0} {unit}")
}

/// A power of 32 bytes.
fn tick_of_bytes(bytes: f64) -> String {
    let mut value = bytes;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1023.5 {
            return format!("{value:.0} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.0} TiB")
}
