//! The ranking of total times as bars: one for each row that can be compared, all on one scale.

use std::collections::BTreeSet;

use hexperiment_experiment::measure::{Comparison, Outcome, median};
use hexperiment_experiment::record::Clock;
use hexperiment_experiment::summary::Row;

use crate::grid;
use crate::paint::{BLOCKS, HASH};
use crate::ranking::{Standing, comparable, name, standings};
use crate::units::{duration, significant};

/// Columns that a bar has at least, and at most.
const BAR: (usize, usize) = (8, 40);
/// Columns that a name has at most, where there is little room.
const NAME: usize = 32;
/// Columns that a name has at least, if it has so many.
const LEAST_NAME: usize = 10;
/// How a name goes on that tells what the client does.
const CLIENT: &str = " (client: ";
/// How many times the least the most may be where bars are drawn to scale.
const LINEAR: f64 = 50.0;
/// Rows of which bars are shown: of more, nobody reads them.
const MOST: usize = 40;

/// The bars of a run.
pub(crate) struct Bars {
    /// What the bars are of, and of which scale.
    pub(crate) title: String,
    /// What rows have in common that are compared, and a line for each of them; where there is one
    /// group alone, the title tells it.
    pub(crate) groups: Vec<(String, Vec<String>)>,
    /// Rows that have no bar, for they are too many.
    pub(crate) left_out: usize,
}

/// What bars are drawn for: the width, and whether there are blocks to draw with.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    pub(crate) width: usize,
    pub(crate) unicode: bool,
}

/// The bars of all rows that can be compared; `None` where there is no such row.
pub(crate) fn bars(rows: &[Row], (clock, margin): (Clock, f64), room: Room) -> Option<Bars> {
    let (groups, _) = comparable(rows);
    let ranked: Vec<(String, Vec<Standing<'_>>)> = groups
        .iter()
        .map(|group| {
            let members = standings(&group.members, |m| &m.total, (clock, margin));
            (group.title.clone(), members)
        })
        .collect();
    let (several, alone): (Vec<_>, Vec<_>) = ranked.into_iter().partition(|(_, s)| s.len() > 1);
    let mut blocks: Vec<(String, Vec<Bar>)> = Vec::new();
    for (title, members) in several {
        blocks.push((title, members.iter().map(Bar::of).collect()));
    }
    let alone: Vec<Bar> = alone.iter().flat_map(|(_, s)| s).map(Bar::alone).collect();
    if !alone.is_empty() {
        let title = match alone.as_slice() {
            [_] => "nothing to compare it with",
            _ => "nothing to compare each of these with",
        };
        blocks.push((title.into(), alone));
    }
    shorten(blocks.iter_mut().flat_map(|(_, bars)| bars).collect());
    let all = || blocks.iter().flat_map(|(_, bars)| bars);
    let scale = Scale::of(all().map(|bar| bar.ms))?;
    let count = all().count();
    let columns = Columns::of(all(), room);
    let compares = all().any(|bar| bar.words.contains(" times"));
    let mut left = MOST;
    let mut shown = Vec::new();
    for (title, bars) in blocks {
        // A group is shown whole or not at all.
        if bars.len() > left && !shown.is_empty() {
            break;
        }
        left = left.saturating_sub(bars.len());
        shown.push((title, columns.lines(&bars, scale, room.unicode)));
    }
    let drawn: usize = shown.iter().map(|(_, lines)| lines.len()).sum();
    let of = match clock {
        Clock::Wall => "",
        Clock::Cpu => ", CPU time",
    };
    Some(Bars {
        title: format!(
            "Encrypt + evaluate + decrypt, whole batch{of}{}{}",
            if compares {
                "; times the first, round by round"
            } else {
                ""
            },
            scale.told()
        ),
        groups: shown,
        left_out: count - drawn,
    })
}

/// One row.
struct Bar {
    name: String,
    ms: f64,
    /// How it compares with the first of its group.
    words: String,
}

impl Bar {
    fn of(standing: &Standing<'_>) -> Self {
        Self {
            name: name(standing.row),
            ms: median(standing.times),
            words: standing.comparison.map_or(String::new(), in_short),
        }
    }

    /// Of a row that has its group for itself: its name tells the group.
    fn alone(standing: &Standing<'_>) -> Self {
        let own = name(standing.row);
        let rest = own
            .strip_prefix(&standing.row.cell.label)
            .unwrap_or_default();
        let suffix = rest.find(" (").map_or("", |at| &rest[at..]);
        Self {
            name: format!("{}{suffix}", standing.row.name()),
            ..Self::of(standing)
        }
    }
}

/// Leaves out of names what is left to the client, in parentheses, where they are too long, as long as each is another: the
/// table has the whole names.
fn shorten(mut bars: Vec<&mut Bar>) {
    let width = textwrap::core::display_width;
    while bars.iter().any(|bar| width(&bar.name) > NAME) {
        let shorter: Vec<String> = bars
            .iter()
            .map(|bar| match bar.name.rfind(CLIENT) {
                Some(at) if bar.name.ends_with(')') => bar.name[..at].to_owned(),
                _ => bar.name.clone(),
            })
            .collect();
        let distinct: BTreeSet<&String> = shorter.iter().collect();
        let before = bars.iter().map(|bar| &bar.name).collect::<BTreeSet<_>>();
        if distinct.len() < before.len() || shorter.iter().zip(&bars).all(|(s, b)| *s == b.name) {
            return;
        }
        for (bar, name) in bars.iter_mut().zip(shorter) {
            bar.name = name;
        }
    }
}

/// How a row compares with the first, in few words.
fn in_short(comparison: Comparison) -> String {
    let number = |x| significant(x, 3);
    let times = format!("{} times", number(comparison.ratio));
    let interval = comparison.interval.map_or(String::new(), |i| {
        format!(" [{}, {}]", number(i.low), number(i.high))
    });
    if !comparison.ratio.is_finite() {
        return "no ratio: a clock counted 0".into();
    }
    match comparison.outcome {
        Outcome::Slower => times + &interval,
        Outcome::Faster => format!("faster by rounds, {times}{interval}"),
        Outcome::Tie => "ties".into(),
        Outcome::NotDistinguished => "not distinguished".into(),
        Outcome::TooFew { .. } => format!("{times}, too few to be sure"),
    }
}

/// How long bars are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    /// From 0 to the longest time.
    Linear { most: f64 },
    /// From a power of ten to the longest time, by the logarithm.
    Logarithmic { from: f64, most: f64 },
}

impl Scale {
    /// Of times in milliseconds; `None` where there is none that can be drawn.
    fn of(times: impl Iterator<Item = f64>) -> Option<Self> {
        let times: Vec<f64> = times.filter(|ms| ms.is_finite() && *ms > 0.0).collect();
        let least = times.iter().copied().reduce(f64::min)?;
        let most = times.iter().copied().reduce(f64::max)?;
        if most <= LINEAR * least {
            return Some(Self::Linear { most });
        }
        // A power of ten below the least, so that its bar is seen.
        let from = 10_f64.powf((0.9 * least).log10().floor());
        Some(Self::Logarithmic { from, most })
    }

    /// The share of the whole length.
    fn share(self, ms: f64) -> f64 {
        let share = match self {
            Self::Linear { most } => ms / most,
            Self::Logarithmic { from, most } => (ms / from).ln() / (most / from).ln(),
        };
        if share.is_nan() {
            0.0
        } else {
            share.clamp(0.0, 1.0)
        }
    }

    fn told(self) -> String {
        match self {
            Self::Linear { .. } => String::new(),
            Self::Logarithmic { from, .. } => {
                format!(" (logarithmic bars, from {})", round_duration(from))
            }
        }
    }
}

/// A power of ten of milliseconds.
fn round_duration(ms: f64) -> String {
    let text = duration(ms);
    match text.split_once(' ') {
        Some((number, unit)) => {
            let number: f64 = number.parse().unwrap_or(f64::NAN);
            format!("{number} {unit}")
        }
        None => text,
    }
}

/// A bar in so many columns.
fn drawn(share: f64, columns: usize, unicode: bool) -> String {
    if unicode {
        // At least an eighth: what was measured is seen.
        let eighths = ((8 * columns) as f64 * share).round().max(1.0) as usize;
        let whole = BLOCKS[7].to_string().repeat(eighths / 8);
        return match eighths % 8 {
            0 => whole,
            rest => format!("{whole}{}", BLOCKS[rest - 1]),
        };
    }
    let count = (columns as f64 * share).round().max(1.0) as usize;
    HASH.to_string().repeat(count)
}

/// The widths of the columns, the same for all groups.
struct Columns {
    name: usize,
    time: usize,
    words: usize,
    bar: usize,
}

impl Columns {
    fn of<'a>(bars: impl Iterator<Item = &'a Bar> + Clone, room: Room) -> Self {
        let width = textwrap::core::display_width;
        let most = |f: &dyn Fn(&Bar) -> usize| bars.clone().map(f).max().unwrap_or(0);
        let time = most(&|bar| width(&duration(bar.ms)));
        let words = most(&|bar| width(&bar.words));
        // Two blanks before each line, and between columns.
        let room = |words: usize| {
            let words = if words > 0 { 2 + words } else { 0 };
            room.width.saturating_sub(2 + 2 + time + words)
        };
        let whole = most(&|bar| width(&bar.name));
        let least = whole.min(LEAST_NAME);
        // Words that leave no room for a name are left out: the table of rankings has them.
        let words = if room(words) < least { 0 } else { words };
        let room = room(words);
        let name = if whole + 2 + 2 * BAR.0 <= room {
            whole
        } else {
            whole
                .min(NAME)
                .min(room.saturating_sub(2 + BAR.0))
                .max(least)
        };
        Self {
            name,
            time,
            words,
            bar: room.saturating_sub(name + 2).min(BAR.1),
        }
    }

    fn lines(&self, bars: &[Bar], scale: Scale, unicode: bool) -> Vec<String> {
        let pad = |text: String, most: usize| {
            let missing = most.saturating_sub(textwrap::core::display_width(&text));
            text + &" ".repeat(missing)
        };
        let line = |bar: &Bar| {
            let name = grid::cut(
                &hexperiment_diagnostics::printable::line(&bar.name),
                self.name,
            );
            let time = duration(bar.ms);
            let missing = self
                .time
                .saturating_sub(textwrap::core::display_width(&time));
            let mut line = format!("  {}  {}{time}", pad(name, self.name), " ".repeat(missing));
            if self.words > 0 {
                line += "  ";
                line += &pad(bar.words.clone(), self.words);
            }
            if self.bar >= BAR.0 {
                line += "  ";
                line += &drawn(scale.share(bar.ms), self.bar, unicode);
            }
            line.trim_end().to_owned()
        };
        bars.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_times() {
        #[track_caller]
        fn check(share: f64, expect: &str, ascii: &str) {
            assert_eq!(drawn(share, 4, true), expect);
            assert_eq!(drawn(share, 4, false), ascii);
        }
        check(1.0, "████", "####");
        check(0.5, "██", "##");
        check(0.4, "█▋", "##");
        check(0.0, "▏", "#");
    }

    #[test]
    fn names_are_shortened_while_they_differ() {
        #[track_caller]
        fn check(names: &[&str], expect: &[&str]) {
            let bar = |name: &&str| Bar {
                name: (*name).to_owned(),
                ms: 1.0,
                words: String::new(),
            };
            let mut bars: Vec<Bar> = names.iter().map(bar).collect();
            shorten(bars.iter_mut().collect());
            let names: Vec<&str> = bars.iter().map(|bar| bar.name.as_str()).collect();
            assert_eq!(names, expect);
        }
        check(
            &["tfhe (132 bits) (client: arg-max)", "plaintext"],
            &["tfhe (132 bits)", "plaintext"],
        );
        // What it is worth stays.
        let weak = ["paillier of another library (80 bits !insecure)"];
        check(&weak, &weak);
        let long = [
            "a name of thirty characters, so (x)",
            "a name of thirty characters, so (y)",
        ];
        check(&long, &long);
        check(
            &["thirty-three characters without one"],
            &["thirty-three characters without one"],
        );
    }

    #[test]
    fn the_scale_is_logarithmic_where_it_must() {
        let of = |times: &[f64]| Scale::of(times.iter().copied());
        assert_eq!(of(&[1.0, 50.0]), Some(Scale::Linear { most: 50.0 }));
        let far = of(&[2.0, 2000.0]).unwrap();
        let (from, most) = (1.0, 2000.0);
        assert_eq!(far, Scale::Logarithmic { from, most });
        assert!(far.told().ends_with("from 1 ms)"), "{}", far.told());
        assert!((far.share(2000.0) - 1.0).abs() < 1e-12);
        assert!((far.share(2.0) - 2_f64.ln() / 2000_f64.ln()).abs() < 1e-12);
        // The least at a power of ten is seen all the same.
        assert!(of(&[1.0, 100.0]).unwrap().share(1.0) > 0.2);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[f64::NAN, 0.0]), None);
    }
}
