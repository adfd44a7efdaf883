//! What crosses between client and server, frame by frame, written while it crosses: `run
//! --record-traffic`, and the panel of the workbench that shows it. Of a service on a network it is requests and
//! answers (`requests`).
//!
//! The bytes are looked at where they enter and leave the pipes, by the preludes of `docs/wire.md`, whatever the
//! parties believe to have sent. Of bodies that are ciphertexts the first bytes are kept; of keys none, as
//! one of them may be a shared secret.

mod requests;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hexperiment_wire::{MAGIC, PRELUDE_BYTES};
use serde_json::{Value, json};

use crate::digest::{Sum, hexadecimal};
use crate::out::tell;

/// Bytes of a ciphertext that are kept.
const SAMPLE: usize = 256;

/// Bytes of a head that are looked at: longer ones are refused by the protocol.
const LONGEST_HEAD: usize = 1 << 20;

/// Frames whose ciphertexts are kept in part; a protocol of many rounds has thousands.
const MOST_SAMPLES: u64 = 2000;

/// The file that frames of one cell are written to.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Mutex<Lines>>);

struct Lines {
    to: Sink,
    began: Instant,
    frames: u64,
    /// Bytes of all frames, by who they went to.
    sums: Sums,
}

/// Bytes that have crossed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) to_server: u64,
    pub(crate) to_client: u64,
}

/// Where frames go.
enum Sink {
    /// Lines of a file.
    File(File),
    /// To whoever asks next, with digests of ciphertexts.
    Kept(Vec<Value>),
    /// Nowhere any more: a file cannot be written, or what crosses is no frames.
    Over,
}

/// Frames that are kept until somebody asks; further ones are not.
const MOST_KEPT: usize = 1000;

impl Recorder {
    /// A new file, which begins with the cell's name.
    pub(crate) fn create(file: &Path, cell: &str) -> std::io::Result<Self> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut made = File::create(file)?;
        writeln!(made, "{}", json!({ "cell": cell }))?;
        Ok(Self(Arc::new(Mutex::new(Lines {
            to: Sink::File(made),
            began: Instant::now(),
            frames: 0,
            sums: Sums::default(),
        }))))
    }

    /// One that keeps frames until [`Recorder::take`] asks for them.
    pub(crate) fn kept() -> Self {
        Self(Arc::new(Mutex::new(Lines {
            to: Sink::Kept(vec![]),
            began: Instant::now(),
            frames: 0,
            sums: Sums::default(),
        })))
    }

    /// The frames since this was last asked, where they are kept.
    pub(crate) fn take(&self) -> Vec<Value> {
        match &mut self.lines().to {
            Sink::Kept(frames) => std::mem::take(frames),
            Sink::File(_) | Sink::Over => vec![],
        }
    }

    /// Bytes of all frames that have crossed whole.
    pub(crate) fn sums(&self) -> Sums {
        self.lines().sums
    }

    /// What crosses in one direction, `to` the party of that name.
    pub(crate) fn direction(&self, to: &'static str) -> Direction {
        Direction {
            recorder: self.clone(),
            to,
            frame: Frame::default(),
        }
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One direction, and the frame that is crossing in it.
pub(crate) struct Direction {
    recorder: Recorder,
    to: &'static str,
    frame: Frame,
}

/// A frame, as far as it has crossed.
#[derive(Default)]
struct Frame {
    began_ns: Option<u64>,
    prelude: Vec<u8>,
    head: Vec<u8>,
    /// Bytes of the body that have crossed.
    body: u64,
    sample: Vec<u8>,
    /// Of the body, where it is wanted.
    digest: Option<Sum>,
}

impl Frame {
    /// Lengths of head and body, once the prelude is there.
    fn lengths(&self) -> Option<(usize, u64)> {
        let prelude: [u8; PRELUDE_BYTES] = self.prelude.as_slice().try_into().ok()?;
        let [_, _, _, _, a, b, c, d, body @ ..] = prelude;
        let head = u32::from_le_bytes([a, b, c, d]) as usize;
        Some((head, u64::from_le_bytes(body)))
    }

    /// Takes what belongs to it of these bytes; how many those are, and whether it is complete.
    fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut taken = 0;
        let mut fill = |part: &mut Vec<u8>, length: usize| {
            let more = (length - part.len()).min(bytes.len() - taken);
            part.extend_from_slice(&bytes[taken..taken + more]);
            taken += more;
        };
        fill(&mut self.prelude, PRELUDE_BYTES);
        let Some((head, body)) = self.lengths() else {
            return (taken, false);
        };
        fill(&mut self.head, head);
        let rest = &bytes[taken..];
        let more = (rest.len() as u64).min(body - self.body) as usize;
        let kept = more.min(SAMPLE - self.sample.len());
        self.sample.extend_from_slice(&rest[..kept]);
        self.body += more as u64;
        if let Some(digest) = &mut self.digest {
            digest.add(&rest[..more]);
        }
        (taken + more, self.head.len() == head && self.body == body)
    }

    /// Whether what crosses is frames at all.
    fn is_foreign(&self) -> bool {
        let started = self.prelude.len().min(MAGIC.len());
        self.prelude[..started] != MAGIC[..started]
            || self.lengths().is_some_and(|(head, _)| head > LONGEST_HEAD)
    }
}

impl Direction {
    /// Looks at bytes that have crossed.
    pub(crate) fn crossed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let mut lines = self.recorder.lines();
            if matches!(lines.to, Sink::Over) {
                return;
            }
            let now = lines.began.elapsed().as_nanos() as u64;
            if self.frame.began_ns.is_none() {
                self.frame.began_ns = Some(now);
                self.frame.digest = matches!(lines.to, Sink::Kept(_)).then(Sum::default);
            }
            let (taken, complete) = self.frame.take(bytes);
            if self.frame.is_foreign() {
                tell!("what crosses is no longer recorded: found bytes that are no frame");
                lines.to = Sink::Over;
                return;
            }
            bytes = &bytes[taken..];
            if complete {
                let frame = std::mem::take(&mut self.frame);
                lines.write(frame, self.to, now);
            }
        }
    }
}

/// What is written of a frame, a request or an answer.
struct Line<'a> {
    to: &'static str,
    kind: &'a str,
    bytes: u64,
    body_bytes: u64,
    began_ns: u64,
    ended_ns: u64,
    head: Value,
    /// The first bytes of its body.
    sample: &'a [u8],
    /// Of its body, where it is wanted.
    digest: Option<Sum>,
}

impl Lines {
    fn write(&mut self, frame: Frame, to: &'static str, now: u64) {
        let head: Value = serde_json::from_slice(&frame.head).unwrap_or(Value::Null);
        let kind = head["type"].as_str().unwrap_or("unknown").to_owned();
        self.put(Line {
            to,
            kind: &kind,
            bytes: (frame.prelude.len() + frame.head.len()) as u64 + frame.body,
            body_bytes: frame.body,
            began_ns: frame.began_ns.unwrap_or(now),
            ended_ns: now,
            head,
            sample: &frame.sample,
            digest: frame.digest,
        });
    }

    fn put(&mut self, line: Line<'_>) {
        self.frames += 1;
        match line.to {
            "server" => self.sums.to_server += line.bytes,
            _ => self.sums.to_client += line.bytes,
        }
        let mut text = json!({
            "frame": self.frames,
            "to": line.to,
            "kind": line.kind,
            "bytes": line.bytes,
            "body_bytes": line.body_bytes,
            "began_ns": line.began_ns,
            "ended_ns": line.ended_ns,
            "head": line.head,
        });
        let is_ciphertext = matches!(line.kind, "ciphertexts" | "results");
        let is_kept = matches!(self.to, Sink::Kept(_));
        if is_ciphertext && (is_kept || self.frames <= MOST_SAMPLES) {
            text["first_bytes"] = hexadecimal(line.sample).into();
            if let Some(digest) = line.digest {
                text["sha256"] = digest.finish().into();
            }
        }
        match &mut self.to {
            Sink::File(file) => {
                if let Err(e) = writeln!(file, "{text}") {
                    tell!("what crosses is no longer recorded: {e}");
                    self.to = Sink::Over;
                }
            }
            Sink::Kept(frames) if frames.len() < MOST_KEPT => frames.push(text),
            Sink::Kept(_) | Sink::Over => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(head: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend((head.len() as u32).to_le_bytes());
        bytes.extend((body.len() as u64).to_le_bytes());
        bytes.extend(head.as_bytes());
        bytes.extend(body);
        bytes
    }

    /// The lines that are written where bytes cross in pieces of this size.
    fn recorded(bytes: &[u8], pieces: usize) -> Vec<Value> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("traffic/cell.jsonl");
        let recorder = Recorder::create(&file, "cell").unwrap();
        let mut direction = recorder.direction("server");
        for piece in bytes.chunks(pieces) {
            direction.crossed(piece);
        }
        let text = std::fs::read_to_string(file).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn every_byte_is_counted_however_it_crosses() {
        let secret = [7_u8; 32];
        let mut bytes = frame(r#"{"type":"hello","version":1}"#, b"");
        bytes.extend(frame(r#"{"type":"key","role":"shared"}"#, &secret));
        bytes.extend(frame(r#"{"type":"ciphertexts","handle":0}"#, &[0xab; 1000]));
        for pieces in [1, 7, 16, 300, usize::MAX] {
            let lines = recorded(&bytes, pieces.min(bytes.len()));
            assert_eq!(lines[0]["cell"], "cell");
            let kinds: Vec<_> = lines[1..]
                .iter()
                .map(|l| l["kind"].as_str().unwrap())
                .collect();
            assert_eq!(kinds, ["hello", "key", "ciphertexts"], "{pieces}");
            let sum: u64 = lines[1..]
                .iter()
                .map(|l| l["bytes"].as_u64().unwrap())
                .sum();
            assert_eq!(sum, bytes.len() as u64, "{pieces}");
            // Of a key nothing is kept, of a ciphertext the beginning.
            assert_eq!(lines[2].get("first_bytes"), None);
            assert_eq!(lines[3]["first_bytes"], "ab".repeat(SAMPLE));
            assert_eq!(lines[3]["head"]["handle"], 0);
        }
    }

    #[test]
    fn kept_frames_are_handed_out_once_with_digests_of_ciphertexts_alone() {
        let recorder = Recorder::kept();
        let mut direction = recorder.direction("server");
        direction.crossed(&frame(r#"{"type":"key","role":"shared"}"#, &[7; 32]));
        for _ in 0..3 {
            for piece in frame(r#"{"type":"ciphertexts","handle":0}"#, b"abc").chunks(5) {
                direction.crossed(piece);
            }
        }
        let kept = recorder.take();
        assert_eq!(kept.len(), 4);
        assert_eq!(
            (kept[0].get("sha256"), kept[0].get("first_bytes")),
            (None, None)
        );
        // FIPS 180-2, appendix B.1.
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for line in &kept[1..] {
            assert_eq!(
                (&line["sha256"], &line["first_bytes"]),
                (&digest.into(), &"616263".into())
            );
        }
        assert!(recorder.take().is_empty());
        let all: u64 = kept
            .iter()
            .map(|line| line["bytes"].as_u64().unwrap())
            .sum();
        let sums = recorder.sums();
        assert_eq!((sums.to_server, sums.to_client), (all, 0));
        for _ in 0..=MOST_KEPT {
            direction.crossed(&frame(r#"{"type":"bye"}"#, b""));
        }
        assert_eq!(recorder.take().len(), MOST_KEPT);
    }

    #[test]
    fn what_is_no_frame_ends_the_recording() {
        let mut bytes = frame(r#"{"type":"hello"}"#, b"");
        bytes.extend(b"HTTP/1.1 400 Bad Request\r\n");
        bytes.extend(frame(r#"{"type":"hello"}"#, b""));
        assert_eq!(recorded(&bytes, 5).len(), 2);
    }
}
