//! What `best` takes bounds on: one list of names, each with its columns of `summary.csv` and its unit.

use hexperiment_diagnostics::{printable, suggest, units};
use hexperiment_experiment::Link;
use hexperiment_experiment::record::Clock;
use hexperiment_experiment::summary::{OverLink, Row};

use crate::units::{bytes, significant};

use crate::links::long_duration;

/// What a quantity is counted in, and how its values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Milliseconds,
    Bytes,
    Number,
}

impl Unit {
    /// How a value is written on the command line.
    fn form(self) -> &'static str {
        match self {
            Self::Milliseconds => "a time, as 200us, 100ms, 1.5s, 2m or 1h",
            Self::Bytes => "a size, as 512B, 64kB, 1MB, 512MiB or 2GB",
            Self::Number => "a number, as 128, 0.75 or 1e-3",
        }
    }

    fn parse(self, text: &str) -> Option<f64> {
        let text = text.trim();
        match self {
            Self::Milliseconds => match text.strip_suffix("us").map(str::trim) {
                Some(number) => number.parse().ok().map(|us: f64| us / 1e3),
                None => units::duration(text).map(|d| 1e3 * d.as_secs_f64()),
            },
            Self::Bytes if text == "0" => Some(0.0),
            Self::Bytes => units::bytes(text).map(|n| n as f64),
            Self::Number => text.parse().ok(),
        }
        .filter(|value: &f64| value.is_finite())
    }

    /// A value as people read it.
    pub(super) fn told(self, value: f64) -> String {
        match self {
            Self::Milliseconds => long_duration(value),
            Self::Bytes => bytes(value as u64),
            Self::Number if value.fract() == 0.0 && value.abs() < 1e6 => format!("{value}"),
            Self::Number => significant(value, 3),
        }
    }
}

/// Where a quantity's values are from.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// The sum of columns of `summary.csv`.
    Columns(&'static [&'static str]),
    /// Encryption, evaluation and decryption of the batch; over a link all that a query takes.
    Total,
}

/// Something that can be bounded.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    /// Its name.
    pub name: &'static str,
    pub(super) unit: Unit,
    source: Source,
    about: &'static str,
}

const fn of(
    name: &'static str,
    unit: Unit,
    columns: &'static [&'static str],
    about: &'static str,
) -> Quantity {
    let source = Source::Columns(columns);
    Quantity {
        name,
        unit,
        source,
        about,
    }
}

/// All of them.
pub static QUANTITIES: [Quantity; 21] = {
    use Unit::{Bytes, Milliseconds, Number};
    [
        of(
            "error",
            Number,
            &["max_abs_error"],
            "largest error of a decrypted value",
        ),
        of(
            "precision-bits",
            Number,
            &["precision_bits"],
            "precision of results, in bits",
        ),
        of("quality", Number, &["value"], "the task's first metric"),
        of("security", Number, &["security_bits"], "security in bits"),
        Quantity {
            name: "total",
            unit: Milliseconds,
            source: Source::Total,
            about: "the whole batch end to end, over --link if given",
        },
        of(
            "total-per-sample",
            Milliseconds,
            &["total_ms_per_sample"],
            "the same of one sample, without a link",
        ),
        of(
            "encrypt",
            Milliseconds,
            &["encrypt_ms"],
            "encryption of the batch",
        ),
        of(
            "evaluate",
            Milliseconds,
            &["evaluate_ms"],
            "evaluation of the batch by the server",
        ),
        of(
            "decrypt",
            Milliseconds,
            &["decrypt_ms"],
            "decryption of the batch",
        ),
        of(
            "transfer",
            Milliseconds,
            &["transfer_ms"],
            "writing, crossing and reading between the processes",
        ),
        of(
            "compile",
            Milliseconds,
            &["compile_ms"],
            "choice of parameters, once",
        ),
        of(
            "keygen",
            Milliseconds,
            &["keygen_ms"],
            "key generation, once",
        ),
        of(
            "prepare",
            Milliseconds,
            &["prepare_ms"],
            "the server's preparation, once",
        ),
        of(
            "upload",
            Bytes,
            &["ciphertext_bytes"],
            "ciphertexts to the server",
        ),
        of("download", Bytes, &["result_bytes"], "ciphertexts back"),
        of(
            "bytes",
            Bytes,
            &["ciphertext_bytes", "result_bytes"],
            "ciphertexts both ways",
        ),
        of(
            "keys",
            Bytes,
            &["key_bytes"],
            "keys that the server gets, once",
        ),
        of(
            "expansion",
            Number,
            &["expansion"],
            "ciphertexts to the server over the data they hold",
        ),
        of(
            "rounds",
            Number,
            &["rounds"],
            "exchanges between client and server",
        ),
        of(
            "client-memory",
            Bytes,
            &["client_peak_rss_bytes"],
            "the most that the client's process held",
        ),
        of(
            "server-memory",
            Bytes,
            &["server_peak_rss_bytes"],
            "the most that the server's process held",
        ),
    ]
};

impl Quantity {
    /// The one called `name`.
    ///
    /// # Errors
    /// There is none; the words suggest the nearest.
    pub fn find(name: &str) -> Result<&'static Self, String> {
        let names = || QUANTITIES.iter().map(|q| q.name);
        QUANTITIES.iter().find(|q| q.name == name).ok_or_else(|| {
            let near = suggest(name, names()).map(|near| format!("did you mean `{near}`? "));
            format!(
                "there is nothing called {} to bound\n  help: {}known: {}",
                printable::quoted(name),
                near.unwrap_or_default(),
                names().collect::<Vec<_>>().join(", ")
            )
        })
    }

    /// Its value of a row; `None` where it is not recorded.
    pub(super) fn value(&self, row: &Row, link: Option<&Link>) -> Option<f64> {
        match (self.source, link) {
            (Source::Columns(columns), _) => {
                let values = columns.iter().map(|name| row.column(name)?.number());
                values.sum()
            }
            (Source::Total, Some(link)) => Some(OverLink::of(row, link)?.total_ms.median),
            (Source::Total, None) => Some(row.measured.as_ref()?.total.median(Clock::Wall)),
        }
    }
}

/// Characters of a line of help texts.
const HELP_WIDTH: usize = 80;

/// All names with their columns and units for help texts: a line each, or two where one has no room for the columns.
pub fn quantities_help() -> String {
    let line = |q: &Quantity| {
        let columns = match q.source {
            Source::Columns(columns) => columns.join(" + "),
            Source::Total => "median of encrypt + evaluate + decrypt".into(),
        };
        let unit = match q.unit {
            Unit::Milliseconds => "time",
            Unit::Bytes => "size",
            Unit::Number => "number",
        };
        let line = format!("  {:<17} {unit:<7} {} ({columns})", q.name, q.about);
        if line.chars().count() <= HELP_WIDTH {
            return line;
        }
        let indent = " ".repeat(28);
        format!(
            "  {:<17} {unit:<7} {}\n{indent}({columns})",
            q.name, q.about
        )
    };
    QUANTITIES.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Quantities that can be below 0: a metric such as R², and the bits of an error above 1.
const SIGNED: [&str; 2] = ["quality", "precision-bits"];

/// A bound on a quantity.
#[derive(Clone, Debug)]
pub struct Bound {
    pub(super) quantity: &'static Quantity,
    pub(super) end: End,
    pub(super) limit: f64,
    /// The limit as it was given.
    given: String,
}

/// Refuses bounds that nothing can keep: a quantity whose least is above its most.
pub(super) fn contradiction(bounds: &[Bound]) -> Result<(), String> {
    for least in bounds.iter().filter(|b| b.end == End::Least) {
        let most = bounds.iter().find(|b| {
            b.end == End::Most && b.quantity.name == least.quantity.name && b.limit < least.limit
        });
        if let Some(most) = most {
            let name = least.quantity.name;
            return Err(format!(
                "found `{name}` at least {} and at most {}, which nothing can keep\n  help: leave one of the \
                 two bounds out, or let the lower one be below the upper one",
                least.given, most.given
            ));
        }
    }
    Ok(())
}

/// Which end of a range a bound is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At least so much.
    Least,
    /// At most so much.
    Most,
}

impl Bound {
    /// Reads `name=value`, as in `upload=1MB`.
    ///
    /// # Errors
    /// There is no `=`, no quantity of that name, or the value is not in its unit; the words say what
    /// is expected.
    pub fn parse(text: &str, end: End) -> Result<Self, String> {
        let Some((name, value)) = text.split_once('=') else {
            let found = printable::quoted(text);
            return Err(format!(
                "found {found}, expected name=value\n  help: as in --max upload=1MB"
            ));
        };
        Self::of(name.trim(), value, end)
    }

    /// Of a quantity's name and a value.
    ///
    /// # Errors
    /// As [`Bound::parse`].
    pub fn of(name: &str, value: &str, end: End) -> Result<Self, String> {
        let quantity = Quantity::find(name)?;
        let limit = quantity.unit.parse(value).ok_or_else(|| {
            format!(
                "found {} for `{name}`, expected {}",
                printable::quoted(value),
                quantity.unit.form()
            )
        })?;
        if limit < 0.0 && !SIGNED.contains(&quantity.name) {
            return Err(format!(
                "found {} for `{name}`, expected 0 or more: it is never negative\n  help: {}",
                printable::quoted(value),
                quantity.unit.form()
            ));
        }
        Ok(Self {
            quantity,
            end,
            limit,
            given: printable::line(value.trim()).into_owned(),
        })
    }

    /// Why a row does not keep it, if it does not: found and demanded.
    pub(super) fn violated(&self, row: &Row, link: Option<&Link>) -> Option<String> {
        let Quantity { name, unit, .. } = self.quantity;
        let demand = self.demand();
        let Some(value) = self.quantity.value(row, link) else {
            return Some(format!("{name} is not recorded, {demand} {}", self.given));
        };
        let keeps = match self.end {
            End::Most => value <= self.limit,
            End::Least => value >= self.limit,
        };
        let is_decimal = self.given.ends_with('B') && !self.given.ends_with("iB");
        let told = |value: f64| match unit {
            // In units of the bound.
            Unit::Bytes if is_decimal => decimal_bytes(value),
            unit => unit.told(value),
        };
        // Of two that read alike the digits tell.
        let found = if told(value) == told(self.limit) {
            format!("{value:?} (the bound is {:?})", self.limit)
        } else {
            told(value)
        };
        (!keeps).then(|| format!("{name} {found}, {demand} {}", self.given))
    }

    fn demand(&self) -> &'static str {
        match self.end {
            End::Most => "at most",
            End::Least => "at least",
        }
    }
}

/// Bytes in units of 1000.
fn decimal_bytes(count: f64) -> String {
    let mut value = count;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            return match unit {
                "B" => format!("{count} B"),
                unit => format!("{} {unit}", significant(value, 3)),
            };
        }
        value /= 1000.0;
    }
    format!("{} TB", significant(value, 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_help_have_80_characters_at_most() {
        let help = quantities_help();
        for line in help.lines() {
            assert!(line.chars().count() <= HELP_WIDTH, "{line}");
        }
        for quantity in &QUANTITIES {
            assert!(help.contains(&format!("  {} ", quantity.name)), "{help}");
        }
    }
}
