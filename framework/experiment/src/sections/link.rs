//! `[links.NAME]`

use hexperiment_diagnostics::{printable, units};

use super::keys::{Keys, Objection};

/// A link between client and server: what it carries, and how long it makes them wait.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Bits per second from client to server, while it sends.
    pub up_bits_per_s: f64,
    /// Bits per second from server to client, while it sends.
    pub down_bits_per_s: f64,
    /// Round trip of an empty message, in milliseconds.
    pub latency_ms: f64,
    /// Bytes of data in one message, where the link carries messages of a fixed largest size.
    pub payload_bytes: Option<u64>,
    /// Share of the time in which either side may send.
    pub duty_cycle: f64,
    /// Publication that its figures are from.
    pub source: String,
}

impl Link {
    pub(crate) fn read(keys: &mut Keys<'_>, name: &str) -> Self {
        let up = keys.required_text(
            "up",
            "Data from client to server, as in \"100Mbit/s\" or \"27.2kbit/s\".",
        );
        let down = keys.required_text(
            "down",
            "Data from server to client, as in \"100Mbit/s\" or \"27.2kbit/s\".",
        );
        let latency = keys.required_text(
            "latency",
            "The round trip of an empty message, as in \"5ms\"; each round of a protocol waits for one.",
        );
        let source = keys.required_text("source", "Where the figures are from; reports cite it.");
        let payload = keys.optional_integer(
            "payload",
            1..=1 << 30,
            "Bytes of data that one message holds; a stream of any length if left out.",
        );
        let duty_cycle = keys.number(
            "duty_cycle",
            1e-6..=1.0,
            1.0,
            "The share of the time in which either side may send; 0.01 is 1 %.",
        );
        let mut rate = |key: &'static str, text: String| {
            // An experiment with a rate that was objected to is not run.
            keys.checked(key, Some(text), bit_rate).unwrap_or(f64::NAN)
        };
        let (up_bits_per_s, down_bits_per_s) = (rate("up", up), rate("down", down));
        let latency_ms = keys.checked("latency", Some(latency), milliseconds);
        if source.trim().is_empty() {
            let words = format!("found {}, expected words", printable::quoted(&source));
            let help = "say where the figures are from, as in \"measured with iperf3 in May 2026\"";
            keys.object("source", (words, help.into()));
        }
        Self {
            name: name.to_owned(),
            up_bits_per_s,
            down_bits_per_s,
            latency_ms: latency_ms.unwrap_or(f64::NAN),
            payload_bytes: payload.map(i64::unsigned_abs),
            duty_cycle,
            source,
        }
    }

    /// What bytes from client to server take, in milliseconds, without the wait for an answer.
    pub fn up_ms(&self, bytes: u64) -> f64 {
        self.sending_ms(bytes, self.up_bits_per_s)
    }

    /// What bytes from server to client take, in milliseconds.
    pub fn down_ms(&self, bytes: u64) -> f64 {
        self.sending_ms(bytes, self.down_bits_per_s)
    }

    /// Between two messages the sender is silent until its share of the time is kept; after the last
    /// one nobody waits for that. Every message counts as a full one.
    fn sending_ms(&self, bytes: u64, bits_per_s: f64) -> f64 {
        let on_air = |bytes: u64| 8e3 * bytes as f64 / bits_per_s;
        match self.payload_bytes {
            None => on_air(bytes) / self.duty_cycle,
            Some(_) if bytes == 0 => 0.0,
            Some(payload) => {
                let before_the_last = (bytes.div_ceil(payload) - 1) as f64;
                on_air(payload) * (1.0 + before_the_last / self.duty_cycle)
            }
        }
    }
}

fn bit_rate(text: String) -> Result<f64, Objection> {
    units::bit_rate(&text).ok_or_else(|| {
        let found = printable::quoted(&text);
        let words = format!("found {found}, expected bits per second");
        let help = "write it as \"300bit/s\", \"27.2kbit/s\", \"100Mbit/s\" or \"1Gbit/s\"; 12 MB/s are 96Mbit/s";
        (words, help.into())
    })
}

fn milliseconds(text: String) -> Result<f64, Objection> {
    let duration = units::duration(&text).map(|d| 1e3 * d.as_secs_f64());
    duration.ok_or_else(|| {
        let found = printable::quoted(&text);
        let words = format!("found {found}, expected a time above 0");
        (words, "write it as \"0.3ms\", \"70ms\" or \"1.5s\"".into())
    })
}
