//! What the process of a monitor and its parent tell each other: lines of JSON.

use hexperiment_experiment::record::Setup;
use hexperiment_program::Program;
use hexperiment_task::monitor::{Assessment, List};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::alarms::Change;

/// From the parent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Command {
    /// Read nothing until told to go on.
    Pause,
    /// Go on.
    Resume,
    /// Give a thing a fault, both by place.
    Inject { thing: usize, fault: usize },
    /// Take a thing's fault away.
    Repair { thing: usize },
}

/// A table that crosses encrypted: what the server knows of it beside the bytes.
#[derive(Debug, Serialize)]
pub(super) struct Shape {
    name: String,
    rows: usize,
    columns: Vec<String>,
}

/// A fault that can be injected.
#[derive(Debug, Serialize)]
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
}

/// To the parent. What the program tells of a run, it tells of a monitor, too: `refused`, `failed`, `crashed`.
#[derive(Debug, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub(super) enum Told {
    /// Keys are made and at the server: rounds follow.
    Ready {
        names: Vec<String>,
        levels: Vec<&'static str>,
        faults: Vec<Fault>,
        notes: Vec<String>,
        inputs: Vec<Shape>,
        outputs: Vec<Shape>,
        setup: Box<Setup>,
        /// Milliseconds between two rounds.
        every_ms: f64,
        most_waiting: usize,
        raised_after: u32,
        cleared_after: u32,
        /// Frames that have crossed so far.
        frames: Vec<Value>,
    },
    /// A round was evaluated and decrypted.
    Round(Box<Round>),
    /// A fault was injected.
    Injected {
        thing: usize,
        fault: usize,
        /// The last round that was read before.
        after_round: u64,
        /// Whether the thing is High already, so that no alarm will tell.
        is_high: bool,
    },
    /// A fault was taken away.
    Repaired { thing: usize, after_round: u64 },
    /// Nothing is read.
    Paused,
    /// It goes on.
    Resumed,
    /// A command cannot be followed.
    Problem { problem: String },
    /// All rounds are over.
    Ended { reason: String },
}

/// A round that was evaluated.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the name stands in a message")]
pub(super) struct Round {
    pub(super) round: u64,
    /// A character for each thing: its level as a digit, `w` on the white list, `b` on the black one.
    pub(super) states: String,
    /// A character for each thing: its risk in sixty-fourths.
    pub(super) scores: String,
    /// Things of which the same model in the clear says another level.
    pub(super) differ: usize,
    /// The largest error of a decrypted number.
    pub(super) max_abs_error: f64,
    /// Values that were moved into public ranges, of all.
    pub(super) moved: usize,
    pub(super) values: usize,
    /// Milliseconds from the readings to their result.
    pub(super) lag_ms: f64,
    /// Milliseconds of encryption, crossing, evaluation and decryption, and of the whole round with what is compared
    /// in the clear.
    pub(super) encrypt_ms: f64,
    pub(super) transfer_ms: f64,
    pub(super) evaluate_ms: f64,
    pub(super) decrypt_ms: f64,
    pub(super) whole_ms: f64,
    /// Bytes of all frames since the beginning, keys among them.
    pub(super) to_server_bytes: u64,
    pub(super) to_client_bytes: u64,
    pub(super) waiting: usize,
    pub(super) dropped: u64,
    pub(super) alarms: Vec<Change>,
    /// Frames that crossed for it.
    pub(super) frames: Vec<Value>,
}

/// Names and sizes of a program's inputs.
pub(super) fn inputs(program: &Program) -> Vec<Shape> {
    let inputs = program.inputs().iter();
    inputs
        .map(|input| Shape {
            name: input.name.clone(),
            rows: input.length,
            columns: input.columns.iter().map(|c| c.name.clone()).collect(),
        })
        .collect()
}

/// Names and sizes of a program's outputs; their columns have no names.
pub(super) fn outputs(program: &Program) -> Vec<Shape> {
    let outputs = program.outputs().iter();
    outputs
        .map(|output| Shape {
            name: output.name.clone(),
            rows: output
                .values
                .first()
                .map_or(0, |value| program.values()[value.index()].length()),
            columns: (0..output.values.len()).map(|i| i.to_string()).collect(),
        })
        .collect()
}

/// Sixty-four characters that JSON leaves as they are, in order.
const SCALE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// States and scores, a character for each thing.
pub(super) fn written(assessed: &[Assessment]) -> (String, String) {
    let state = |one: &Assessment| match one.listed {
        Some(List::White) => 'w',
        Some(List::Black) => 'b',
        None => char::from_digit(one.level as u32, 10).unwrap_or('?'),
    };
    let score = |one: &Assessment| {
        let place = (one.score.clamp(0.0, 1.0) * 63.0).round() as usize;
        char::from(SCALE[place.min(63)])
    };
    (
        assessed.iter().map(state).collect(),
        assessed.iter().map(score).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_a_character() {
        let one = |level, score, listed| Assessment {
            level,
            score,
            listed,
        };
        let (states, scores) = written(&[
            one(0, 0.0, Some(List::White)),
            one(0, 0.3, None),
            one(1, 0.5, None),
            one(2, 1.0, Some(List::Black)),
            one(2, f64::NAN, None),
        ]);
        assert_eq!((states.as_str(), scores.as_str()), ("w01b2", "ATg/A"));
    }

    #[test]
    fn commands_are_read_or_refused() {
        let read = |text| serde_json::from_str::<Command>(text);
        assert_eq!(read(r#"{"do":"pause"}"#).unwrap(), Command::Pause);
        let inject = Command::Inject { thing: 3, fault: 1 };
        assert_eq!(
            read(r#"{"do":"inject","thing":3,"fault":1}"#).unwrap(),
            inject
        );
        for wrong in [
            r#"{"do":"dance"}"#,
            r#"{"do":"inject","thing":-1,"fault":0}"#,
            "{}",
        ] {
            read(wrong).unwrap_err();
        }
    }
}
