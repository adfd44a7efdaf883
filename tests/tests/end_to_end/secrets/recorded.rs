//! A server whose conversation is recorded: all that crossed, both ways, and what it wrote besides.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex};

use hexperiment_wire::{Client, Greeted, Limits, MAGIC, PRELUDE_BYTES};
use serde_json::Value;

use crate::harness::Place;

/// Bytes that crossed in one direction.
pub type Record = Arc<Mutex<Vec<u8>>>;

/// A stream, of which all that passes is kept.
pub struct Tee<S> {
    stream: S,
    record: Record,
}

impl<S: Read> Read for Tee<S> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let count = self.stream.read(bytes)?;
        self.record.lock().unwrap().extend(&bytes[..count]);
        Ok(count)
    }
}

impl<S: Write> Write for Tee<S> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.stream.write(bytes)?;
        self.record.lock().unwrap().extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

/// The client's side of what is said.
pub type Talk = Client<Greeted, Tee<ChildStdout>, Tee<ChildStdin>>;

/// A server's process, and the records.
pub struct Recorded {
    pub process: Child,
    to_server: Record,
    from_server: Record,
    place: Place,
}

impl Recorded {
    /// Starts a server, and greets it.
    pub fn start() -> (Self, Talk) {
        let place = Place::new();
        let mut command = place.program(["server"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(fs::File::create(place.path("words")).unwrap());
        let mut process = command.spawn().unwrap();
        let (to_server, from_server) = (Record::default(), Record::default());
        let input = Tee {
            stream: process.stdin.take().unwrap(),
            record: Arc::clone(&to_server),
        };
        let output = Tee {
            stream: process.stdout.take().unwrap(),
            record: Arc::clone(&from_server),
        };
        let talk = Client::greet(output, input, Limits::default(), "tests").unwrap();
        let recorded = Self {
            process,
            to_server,
            from_server,
            place,
        };
        (recorded, talk)
    }

    /// What has crossed so far: to the server, and from it.
    pub fn crossed(&self) -> [Vec<u8>; 2] {
        [&self.to_server, &self.from_server].map(|record| record.lock().unwrap().clone())
    }

    /// What the server has written for people so far.
    pub fn words(&self) -> Vec<u8> {
        fs::read(self.place.path("words")).unwrap()
    }
}

/// The frames of a record in order: heads and bodies.
pub fn frames(record: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = record;
    while !rest.is_empty() {
        let (prelude, after) = rest.split_at(PRELUDE_BYTES);
        assert_eq!(prelude[..4], MAGIC);
        let head = u32::from_le_bytes(prelude[4..8].try_into().unwrap()) as usize;
        let body = u64::from_le_bytes(prelude[8..].try_into().unwrap()) as usize;
        let (head, after) = after.split_at(head);
        let (body, after) = after.split_at(body);
        found.push((head.to_vec(), body.to_vec()));
        rest = after;
    }
    found
}

/// A frame of a head and a body.
pub fn frame(head: &[u8], body: &[u8]) -> Vec<u8> {
    let lengths = [
        &(head.len() as u32).to_le_bytes()[..],
        &(body.len() as u64).to_le_bytes(),
    ];
    [&MAGIC[..], lengths[0], lengths[1], head, body].concat()
}

/// The type of a frame, by its head.
pub fn kind(head: &[u8]) -> String {
    let head: Value = serde_json::from_slice(head).unwrap();
    head["type"].as_str().unwrap().to_owned()
}

/// The bodies of the frames of one type in a record, in order.
pub fn bodies(record: &[u8], wanted: &str) -> Vec<Vec<u8>> {
    let all = frames(record).into_iter();
    let of_kind = all.filter(|(head, _)| kind(head) == wanted);
    of_kind.map(|(_, body)| body).collect()
}
