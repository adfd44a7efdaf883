//! Each violation of the protocol, and the words that it gets.

use std::io::{Cursor, Read};

use super::*;
use crate::head::{Head, hex};
use crate::link::{CHUNK, Link};
use crate::{MAGIC, PRELUDE_BYTES};

/// A frame, whatever its lengths say.
fn raw(head_bytes: u32, body_bytes: u64, rest: &[u8]) -> Vec<u8> {
    let lengths = (head_bytes.to_le_bytes(), body_bytes.to_le_bytes());
    [&MAGIC[..], &lengths.0, &lengths.1, rest].concat()
}

/// A frame of this head.
fn frame(head: &str, body: &[u8]) -> Vec<u8> {
    let rest = [head.as_bytes(), body].concat();
    raw(head.len() as u32, body.len() as u64, &rest)
}

/// The frames of a transcript, each whole.
fn frames(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while !stream.is_empty() {
        let head = u32::from_le_bytes(stream[4..8].try_into().unwrap()) as usize;
        let body = u64::from_le_bytes(stream[8..16].try_into().unwrap()) as usize;
        let (frame, rest) = stream.split_at(PRELUDE_BYTES + head + body);
        frames.push(frame.to_vec());
        stream = rest;
    }
    frames
}

/// The server reads the first `good` frames of a client, then `bad`: what it says, and that it tells
/// the client so, if that still listens.
#[track_caller]
fn server_says(good: usize, bad: &[u8], told: bool, expect: &str) {
    let mut stream = frames(&record().0.from_client)[..good].concat();
    stream.extend(bad);
    let (ending, answers) = replay(&stream);
    let error = ending.unwrap_err().to_string();
    assert!(error.contains(expect), "{error:?} lacks {expect:?}");
    let last = frames(&answers).pop().unwrap_or_default();
    let last = String::from_utf8_lossy(&last).into_owned();
    assert_eq!(last.contains("\"failed\""), told, "{last}");
}

/// The client reads the first `good` frames of a server, then `bad`.
#[track_caller]
fn client_says(good: usize, bad: &[u8], expect: &str) {
    let mut stream = frames(&record().0.from_server)[..good].concat();
    stream.extend(bad);
    let error = answered(&stream).0.unwrap_err().to_string();
    assert!(error.contains(expect), "{error:?} lacks {expect:?}");
}

const HELLO: &str = r#"{"type":"hello","version":1,"software":"x"}"#;

#[test]
fn what_is_no_frame() {
    server_says(0, b"", false, "the end of the stream, expected `hello`");
    server_says(0, b"HEXW", false, "after 4 bytes of a prelude, expected 16");
    server_says(
        0,
        b"GET / HTTP/1.1\r\n\r\n",
        true,
        "found the bytes [47, 45, 54, 20]",
    );
    server_says(
        0,
        &raw(10, 0, b"{}"),
        false,
        "after 2 bytes of a head, expected 10",
    );
    server_says(
        0,
        &raw(5000, 0, b""),
        true,
        "bytes of a head: found 5000, expected at most 4096",
    );
    server_says(
        0,
        &raw(3, 0, b"\"\xff\""),
        true,
        "a head whose byte 1 is not UTF-8",
    );
    for (head, expect) in [
        ("", "cannot be read: it is no object; expected `hello`"),
        (r#"["hello",1,"x"]"#, "it is no object"),
        ("{", "EOF while parsing"),
        (
            r#"{"type":"hello","version":1,"version":1,"software":"x"}"#,
            "duplicate field `version`",
        ),
        (r#"{"type":"bye","type":"bye"}"#, "duplicate field `type`"),
        (r#"{"type":"bye","more":1}"#, "unknown field `more`"),
        (
            r#"{"type":"prepared","measured":{"wall_ns":1,"cpu_ns":1}}"#,
            "missing field `peak_rss_bytes`",
        ),
        ("{}", "missing field `type`"),
        (r#"{"type":"hullo"}"#, "unknown variant `hullo`"),
        (
            r#"{"type":"hello","version":1,"software":"x","more":1}"#,
            "unknown field `more`",
        ),
        (
            r#"{"type":"hello","version":-1,"software":"x"}"#,
            "invalid value: integer `-1`",
        ),
        (
            r#"{"type":"hello","version":1,"software":"x"}{}"#,
            "trailing characters",
        ),
    ] {
        server_says(0, &frame(head, b""), true, expect);
    }
    // A long text is cut short.
    let long = format!(r#"{{"type":"{}\n\u001b"}}"#, "x".repeat(3000));
    let error = replay(&frame(&long, b"")).0.unwrap_err().to_string();
    assert!(error.len() < 500 && !error.contains('\u{1b}'), "{error}");
}

#[test]
fn order_lengths_and_versions() {
    let bye = frame(r#"{"type":"bye"}"#, b"");
    for (good, expected) in [
        (0, "`hello`"),
        (1, "`compile`"),
        (2, "`keys`"),
        (3, "`key`"),
    ] {
        let expect = format!("found the frame `bye`, expected {expected}");
        server_says(good, &bye, true, &expect);
    }
    let hello = frame(HELLO, b"");
    server_says(
        6,
        &hello,
        true,
        "found the frame `hello`, expected `ciphertexts` or",
    );
    server_says(
        0,
        &frame(HELLO, b"x"),
        true,
        "a frame that has none: found 1, expected at most 0",
    );
    let newer = frame(&HELLO.replace(":1,", ":2,"), b"");
    server_says(0, &newer, false, "version 2 of the protocol, expected 1");
    client_says(0, &newer, "version 2 of the protocol, expected 1");
    client_says(
        0,
        &bye,
        "found the frame `bye`, expected `hello` or `refused` or `failed`",
    );
    client_says(1, &hello, "found the frame `hello`, expected `compiled`");
    let refused = frame(r#"{"type":"refused","reason":"max: no\u001b[2J"}"#, b"");
    client_says(1, &refused, "the server refuses: max: no [2J");
    let failed = frame(r#"{"type":"failed","reason":"a fault"}"#, b"");
    client_says(4, &failed, "the server failed: a fault");
    let whole = record().0;
    server_says(
        frames(&whole.from_client).len(),
        b"\0",
        false,
        "after the last frame",
    );
    client_says(
        frames(&whole.from_server).len(),
        b"\0",
        "after the last frame",
    );
    // A body beyond the limit is refused before it is read.
    let ciphertexts = r#"{"type":"ciphertexts","handle":0}"#;
    server_says(
        6,
        &raw(ciphertexts.len() as u32, u64::MAX, ciphertexts.as_bytes()),
        true,
        "bytes of ciphertexts: found 18446744073709551615, expected at most 4096",
    );
}

#[test]
fn keys_of_another_kind() {
    let digest = hex(circuit(&order()).unwrap());
    let head = |circuit: &str, parts: u64, bytes: u64| {
        let head = Head::Keys {
            circuit: circuit.into(),
            parts,
            bytes,
        };
        frame(&serde_json::to_string(&head).unwrap(), b"")
    };
    let other = "0".repeat(64);
    server_says(
        2,
        &head(&other, 1, 1),
        true,
        &format!("found circuit {other} (the client's), expected {digest}"),
    );
    server_says(
        2,
        &head(&digest, 9, 1),
        true,
        "parts of the keys: found 9, expected at most 8",
    );
    server_says(
        2,
        &head(&digest, 1, 5000),
        true,
        "bytes of all keys: found 5000, expected at most 4096",
    );
    let part = |role: &str, bytes: &[u8]| {
        let key = frame(&format!(r#"{{"type":"key","role":"{role}"}}"#), bytes);
        [head(&digest, 1, 10), key].concat()
    };
    server_says(
        2,
        &part("public", b"12345678901"),
        true,
        "bytes of a key, of those announced: found 11, expected at most 10",
    );
    server_says(
        2,
        &part("public", b"123456789"),
        true,
        "bytes of all keys: found 9, expected 10",
    );
    server_says(
        2,
        &part("secret", b"1"),
        true,
        "found a key of role `secret`, expected `public` or",
    );
    let compiled = |circuit: &str| {
        let head = Head::Compiled {
            circuit: circuit.into(),
            library: "masking 2".into(),
            measured: MEASURED,
        };
        frame(&serde_json::to_string(&head).unwrap(), b"")
    };
    client_says(
        1,
        &compiled(&other),
        &format!("found circuit {other} (masking 2), expected {digest}"),
    );
    client_says(1, &compiled(&"x".repeat(3000)), "…");
}

#[test]
fn handles_are_taken_and_free() {
    let whole = frames(&record().0.from_client);
    let ready = whole
        .iter()
        .position(|f| String::from_utf8_lossy(f).contains("evaluate"));
    let ready = ready.unwrap(); // handles 0 and 1 are taken
    for (head, expect) in [
        (
            r#"{"type":"download","handle":7}"#,
            "found handle 7, which is free, expected one that is taken",
        ),
        (
            r#"{"type":"ciphertexts","handle":1}"#,
            "found handle 1, which is taken, expected one that is free",
        ),
        (
            r#"{"type":"evaluate","inputs":[0,1],"outputs":[0],"results":[1]}"#,
            "handle 1, which is taken",
        ),
        (
            r#"{"type":"evaluate","inputs":[0,1],"outputs":[0,0],"results":[2,2]}"#,
            "handle 2, which is taken",
        ),
        (
            r#"{"type":"evaluate","inputs":[0,2],"outputs":[0],"results":[2]}"#,
            "handle 2, which is free",
        ),
        (
            r#"{"type":"evaluate","inputs":[0,1],"outputs":[0],"results":[]}"#,
            "handles for the outputs wanted: found 0, expected 1",
        ),
        (
            r#"{"type":"evaluate","inputs":[],"outputs":[0,0,0,0,0,0,0],"results":[2,3,4,5,6,7,8]}"#,
            "handles: found 9, expected at most 8",
        ),
        (
            r#"{"type":"discard","handles":[1,1]}"#,
            "handle 1, which is free",
        ),
    ] {
        server_says(ready, &frame(head, b""), true, expect);
    }
}

/// The service's own words reach the client, and end the conversation without an error of the
/// server's.
#[test]
fn a_service_that_stops() {
    let mut stream = frames(&record().0.from_client)[..6].concat();
    stream.extend(frame(r#"{"type":"ciphertexts","handle":0}"#, b"12345"));
    let (ending, answers) = replay(&stream);
    assert_eq!(ending.unwrap(), Ending::Stopped);
    let error = answered(&answers).0.unwrap_err();
    assert!(
        matches!(&error, WireError::Failed(why) if why == "found 5 bytes, expected 4"),
        "{error:?}"
    );
}

/// A server that stops while the client still sends: its words count, not the broken pipe.
#[test]
fn words_before_a_broken_pipe() {
    struct Broken(usize);
    impl Write for Broken {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(bytes.len())
                .ok_or(std::io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let transcript = record().0;
    let sent = frames(&transcript.from_client)[..3].concat().len();
    let mut stream = frames(&transcript.from_server)[..2].concat();
    let silent = converse(Cursor::new(&stream), Broken(sent)).unwrap_err();
    assert!(matches!(silent, WireError::Io { .. }), "{silent:?}");
    stream.extend(frame(r#"{"type":"failed","reason":"no room"}"#, b""));
    let error = converse(Cursor::new(&stream), Broken(sent)).unwrap_err();
    assert_eq!(error.to_string(), "the server failed: no room");
}

/// After an error, nothing more is sent.
#[test]
fn an_error_ends_the_conversation() {
    let answers = frames(&record().0.from_server)[..3].concat();
    let mut asked = Vec::new();
    let order = order();
    let client = Client::greet(Cursor::new(&answers), &mut asked, LIMITS, SOFTWARE).unwrap();
    let (client, _) = client.compile(&order, circuit(&order).unwrap()).unwrap();
    let (mut client, _) = client.send_keys(keys(&order)).unwrap();
    assert!(matches!(
        client.download(Handle(3)),
        Err(WireError::Handle { found: 3, .. })
    ));
    let closed = client.upload(b"1234").unwrap_err();
    assert!(matches!(closed, WireError::Closed { .. }), "{closed:?}");
    let over = client.upload(b"1234").unwrap_err();
    assert!(matches!(over, WireError::Over), "{over:?}");
}

/// Memory grows with what arrives: a length that is announced, and never comes, allocates one chunk.
#[test]
fn announced_lengths_allocate_nothing() {
    /// Gives so many bytes, and notes the largest space that it was asked to fill.
    struct Spy {
        left: usize,
        given: usize,
        largest: usize,
    }
    impl Read for &mut Spy {
        fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
            assert!(bytes.len() <= self.given.max(CHUNK), "{}", bytes.len());
            self.largest = self.largest.max(bytes.len());
            let count = bytes.len().min(self.left).min(70_000);
            self.left -= count;
            self.given += count;
            Ok(count)
        }
    }
    for arrives in [0, 1, CHUNK, 5 * CHUNK + 3] {
        let mut spy = Spy {
            left: arrives,
            given: 0,
            largest: 0,
        };
        let mut link = Link::new(&mut spy, Vec::new(), LIMITS);
        let error = link.receive_body(1 << 50).unwrap_err();
        assert!(
            matches!(error, WireError::Truncated { found, .. } if found == arrives as u64),
            "{error}"
        );
        assert!(spy.largest >= CHUNK.min(arrives));
        let mut spy = Spy {
            left: arrives,
            given: 0,
            largest: 0,
        };
        let mut link = Link::new(&mut spy, Vec::new(), LIMITS);
        let bytes = link.receive_body(arrives as u64).unwrap();
        assert_eq!((bytes.len(), bytes.capacity()), (arrives, arrives));
    }
}
