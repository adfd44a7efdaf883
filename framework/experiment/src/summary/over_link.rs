//! What a query takes over a link: computed from what was recorded, measured by nobody.

use super::Row;
use crate::measure::Estimate;
use crate::sections::Link;

/// A query of the whole batch over a link, in milliseconds of wall time.
#[derive(Clone, Debug, PartialEq)]
pub struct OverLink {
    /// What both parties compute, in the median: encryption, evaluation, decryption, and writing and
    /// reading of what they send.
    pub compute_ms: f64,
    /// Bytes of the query from client to server.
    pub upload_ms: f64,
    /// Bytes of the results from server to client.
    pub download_ms: f64,
    /// Waiting: a round trip for each round.
    pub latency_ms: f64,
    /// All of it in each repetition, in the order of [`Measured::rounds`](super::Measured::rounds).
    pub totals_ms: Vec<f64>,
    /// All of it: the median with its 95 % interval.
    pub total_ms: Estimate,
    /// The server's keys, which cross once, before the first query.
    pub keys_ms: f64,
}

impl OverLink {
    /// A row's query over a link; `None` of a row without repetitions, or without set-up.
    ///
    /// What several data owners send crosses as if one sent it all.
    pub fn of(row: &Row, link: &Link) -> Option<Self> {
        let (setup, measured) = (row.setup.as_ref()?, row.measured.as_ref()?);
        let traffic = &measured.traffic;
        let upload_ms = link.up_ms(traffic.upload_bytes);
        let download_ms = link.down_ms(traffic.download_bytes);
        let latency_ms = f64::from(traffic.rounds) * link.latency_ms;
        let (computed, crossed) = (&measured.total.wall_ms, &measured.transfer.wall_ms);
        let compute: Vec<f64> = computed.iter().zip(crossed).map(|(a, b)| a + b).collect();
        let crossing = upload_ms + download_ms + latency_ms;
        let totals_ms: Vec<f64> = compute.iter().map(|ms| ms + crossing).collect();
        Some(Self {
            compute_ms: Estimate::of(&compute, &measured.processes).median,
            upload_ms,
            download_ms,
            latency_ms,
            total_ms: Estimate::of(&totals_ms, &measured.processes),
            totals_ms,
            keys_ms: link.up_ms(setup.keys.total()),
        })
    }

    /// What one of so many queries takes in the median, the keys' crossing shared among them.
    pub fn amortised_ms(&self, queries: u32) -> f64 {
        self.total_ms.median + self.keys_ms / f64::from(queries.max(1))
    }
}
