//! Links between client and server: those that every report has, and those of an experiment.
//!
//! The figures of the given ones are published; a link of an experiment with the name of a given one
//! takes its place.

use std::collections::BTreeMap;

use hexperiment_diagnostics::printable;
use hexperiment_scheme::options::{OptionValue, Options};
use serde::Deserialize as _;
use serde_json::Value;

use crate::record::Run;
use crate::sections::{self, Keys, Link};

/// Key of a resolved experiment under which its own links are recorded.
pub(crate) const RECORDED: &str = "links";

/// The links that every report has.
pub fn given() -> Vec<Link> {
    let link = |name: &str, [up, down]: [f64; 2], latency_ms, source: &str| Link {
        name: name.to_owned(),
        up_bits_per_s: up,
        down_bits_per_s: down,
        latency_ms,
        payload_bytes: None,
        duty_cycle: 1.0,
        source: source.to_owned(),
    };
    vec![
        link(
            "LAN",
            [1e9, 1e9],
            0.3,
            "1 Gbit/s: 1000BASE-T, IEEE 802.3, clause 40; 0.3 ms: the LAN of Huang et al., Cheetah, USENIX \
             Security 2022 (ia.cr/2022/207)",
        ),
        link(
            "4G",
            [12e6, 12e6],
            70.0,
            "profile \"LTE (12 Mbps/12 Mbps 70ms RTT)\" of WebPageTest, settings/connectivity.ini",
        ),
        link(
            "NB-IoT",
            [62.5e3, 27.2e3],
            837.0,
            "the most that LTE category NB1 carries, with transport blocks of 1000 bits up and 680 bits down: \
             3GPP TS 36.306, Release 13; 837 ms: as measured by Ugwuanyi, Paul and Irvine, Electronics 10(18), \
             2224, 2021",
        ),
        // One message of 222 bytes of data is a frame of 235 bytes with its LoRaWAN header and code; by
        // the formula of Semtech AN1200.13 for SF7, 125 kHz, CR 4/5, 8 symbols of preamble, explicit
        // header and CRC it has 8 + 5 * ceil((8*235 - 4*7 + 28 + 16) / (4*7)) = 348 symbols after 12.25
        // of preamble, of 1.024 ms each.
        Link {
            payload_bytes: Some(222),
            duty_cycle: 0.01,
            ..link(
                "LoRaWAN",
                [8.0 * 222.0 / (360.25 * 1.024e-3); 2],
                1000.0,
                "EU868 at its fastest usual rate, DR5 (SF7, 125 kHz): 222 bytes a message, RECEIVE_DELAY1 of \
                 1 s, LoRaWAN Regional Parameters 1.0.3 (EU863-870); 368.9 ms on air a message, Semtech \
                 AN1200.13; 1 % duty cycle, ETSI EN 300 220-2",
            )
        },
    ]
}

/// The links of a run's reports: the given ones, then its own.
///
/// # Errors
/// The run records a link that no experiment can have had; the words say which.
pub fn of_run(run: &Run) -> Result<Vec<Link>, String> {
    of_resolved(&run.resolved)
}

pub(crate) fn of_resolved(resolved: &Value) -> Result<Vec<Link>, String> {
    let mut all = given();
    let Some(recorded) = resolved.get(RECORDED) else {
        return Ok(all);
    };
    let recorded = BTreeMap::<String, BTreeMap<String, OptionValue>>::deserialize(recorded)
        .map_err(|e| format!("found no tables of links in `resolved.{RECORDED}`: {e}"))?;
    for (name, values) in recorded {
        let options = Options::with_defaults(&sections::link(), values);
        let mut keys = Keys::of(&options);
        let link = Link::read(&mut keys, &name);
        if let Some(problem) = keys.problems().first() {
            return Err(format!(
                "`{}` in `resolved.{RECORDED}.{}`: {}",
                problem.key,
                printable::cut(&name, 60),
                problem.words
            ));
        }
        match all.iter_mut().find(|other| other.name == name) {
            Some(other) => *other = link,
            None => all.push(link),
        }
    }
    Ok(all)
}
