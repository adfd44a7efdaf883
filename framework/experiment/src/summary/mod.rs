//! From records to what tables show.
//!
//! [`RecordWriter`] writes `records.jsonl` and [`read_records`] reads it back; [`rows`] turns
//! the records into one [`Row`] for each cell, or for all cells of several seeds, which [`evaluate`](crate::verdict::evaluate) holds
//! against what the experiment expects. Rendering is the `reports` crate's.

mod busy;
mod columns;
mod library;
mod lines;
mod measured;
mod over_link;
mod part;
mod phase;
mod places;
mod quick;
mod read;
mod remote;
mod row;
mod seeds;
#[cfg(test)]
pub(crate) mod tests;
mod write;

pub use busy::Busy;
pub use columns::{BEFORE_AXES, COLUMNS, Column, Field, Kind, axes};
pub use library::{BesideLibrary, PhaseBeside};
pub use measured::{Measured, StartUp};
pub use over_link::OverLink;
pub use phase::Phase;
pub use places::Places;
pub use read::{Records, parse_records, read_records};
pub use remote::RemotePhases;
pub use row::{Row, rows};
pub use seeds::{MetricIntervals, correction};
pub use write::RecordWriter;

/// The part of a record file that is whole: all of it, or all before a torn last line.
///
/// A killed run leaves at most one torn line, the last: each is synced before the next is
/// written. Torn means that it is not JSON. A last line that is whole but for its newline
/// counts: no part of a JSON object short of its last brace parses.
pub(crate) fn whole(bytes: &[u8]) -> &[u8] {
    &bytes[..intact(bytes)]
}

/// Its length.
fn intact(bytes: &[u8]) -> usize {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let start = body
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    match serde_json::from_slice::<serde::de::IgnoredAny>(&body[start..]) {
        Ok(_) => bytes.len(),
        Err(_) => start,
    }
}
