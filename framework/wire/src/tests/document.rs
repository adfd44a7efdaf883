//! `docs/wire.md`, held against the code: its conversation, its lengths, its limits, its operations.

use std::collections::BTreeSet;

use hexperiment_program::{Op, OpKind};

use hexperiment_scheme::Parameters;
use hexperiment_scheme::options::RESERVED;
use hexperiment_scheme::outside::{CapabilitiesJson, ManifestJson};

use super::program::record_program;
use super::*;
use crate::head::Head;
use crate::{MAGIC, PRELUDE_BYTES, VERSION};

const DOCUMENT: &str = include_str!("../../../../docs/wire.md");

/// The block behind this heading.
#[track_caller]
fn block(heading: &str) -> Vec<&'static str> {
    let (_, section) = DOCUMENT
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("no heading {heading}"));
    let mut lines = section.lines().take_while(|line| !line.starts_with("## "));
    lines.find(|line| line.starts_with("```")).unwrap();
    lines.take_while(|line| *line != "```").collect()
}

/// Heads and lengths of bodies of a stream, in order.
fn heads(mut stream: &[u8]) -> Vec<(String, usize)> {
    let mut heads = Vec::new();
    while !stream.is_empty() {
        let head = u32::from_le_bytes(stream[4..8].try_into().unwrap()) as usize;
        let body = u64::from_le_bytes(stream[8..16].try_into().unwrap()) as usize;
        let text = &stream[PRELUDE_BYTES..PRELUDE_BYTES + head];
        heads.push((String::from_utf8(text.to_vec()).unwrap(), body));
        stream = &stream[PRELUDE_BYTES + head + body..];
    }
    heads
}

/// A conversation as the document writes it: `>` from the client, `<` from the server; a frame of
/// the server's behind each of the client's, but behind the last of the keys alone.
fn conversation() -> Vec<String> {
    let transcript = record().0;
    let line = |side: &str, (head, body): (String, usize)| match body {
        0 => format!("{side} {head}"),
        bytes => format!("{side} {head} + {bytes} bytes"),
    };
    let mut answers = heads(&transcript.from_server).into_iter();
    let mut lines = Vec::new();
    let mut parts = 0;
    for frame in heads(&transcript.from_client) {
        match serde_json::from_str(&frame.0).unwrap() {
            Head::Keys { parts: count, .. } => parts = count,
            Head::Key { .. } => parts -= 1,
            _ => {}
        }
        lines.push(line(">", frame));
        if parts == 0 {
            lines.push(line("<", answers.next().unwrap()));
        }
    }
    assert_eq!(answers.next(), None);
    lines
}

#[test]
fn the_conversation_of_the_document() {
    assert_eq!(block("A conversation"), conversation());
}

/// The same of a program that is the client: a frame of it behind each of the host's, and those of
/// its keys.
fn conversation_of_program() -> Vec<String> {
    let transcript = record_program();
    let line = |side: &str, (head, body): (String, usize)| match body {
        0 => format!("{side} {head}"),
        bytes => format!("{side} {head} + {bytes} bytes"),
    };
    let mut answers = heads(&transcript.from_server).into_iter();
    let mut lines = Vec::new();
    for frame in heads(&transcript.from_client) {
        lines.push(line(">", frame));
        for frame in answers.by_ref() {
            let more = ["{\"type\":\"keys\"", "{\"type\":\"key\""];
            let goes_on = more.iter().any(|start| frame.0.starts_with(start));
            lines.push(line("<", frame));
            if !goes_on {
                break;
            }
        }
    }
    assert_eq!(answers.next(), None);
    lines
}

#[test]
fn the_conversation_with_a_client_of_the_document() {
    assert_eq!(
        block("A conversation with a client"),
        conversation_of_program()
    );
}

/// Each frame stands in one of the tables of frames, and each that they have is one.
#[test]
fn the_frames_of_the_document() {
    let spoken = conversation().into_iter().chain(conversation_of_program());
    let spoken = spoken.map(|line| {
        let head = line[2..].split(" + ").next().unwrap().to_owned();
        serde_json::from_str::<Head>(&head).unwrap()
    });
    let last = block("Ends").into_iter().map(|line| {
        let head: Head = serde_json::from_str(&line[2..]).unwrap();
        assert_eq!(format!("< {}", serde_json::to_string(&head).unwrap()), line);
        head
    });
    let names: BTreeSet<&str> = spoken.chain(last).map(|head| head.name()).collect();
    let rows = ["Heads", "Heads of a client"]
        .into_iter()
        .flat_map(|heading| {
            let (_, section) = DOCUMENT.split_once(&format!("\n## {heading}\n")).unwrap();
            let rows = section.lines().take_while(|line| !line.starts_with("## "));
            rows.filter(|line| line.starts_with("| `"))
        });
    let listed: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(names, listed.iter().copied().collect());
    assert_eq!(
        listed.len(),
        31,
        "every frame is spoken, or an end, and stands there once"
    );
}

/// The texts of a client are what the framework reads.
#[test]
fn the_texts_of_the_document() {
    let text = |name: &str| {
        let (_, rest) = DOCUMENT.split_once(&format!("\nThe **{name}**,")).unwrap();
        let (_, rest) = rest.split_once("```json\n").unwrap();
        rest.split_once("```").unwrap().0
    };
    let manifest: ManifestJson = serde_json::from_str(text("manifest")).unwrap();
    let manifest = manifest.checked().unwrap();
    assert_eq!((manifest.name, manifest.options.len()), ("masking", 1));
    let capabilities: CapabilitiesJson = serde_json::from_str(text("capabilities")).unwrap();
    let capabilities = capabilities.checked().unwrap();
    assert!(capabilities.has(OpKind::Add) && capabilities.client_finishes);
    assert_eq!(capabilities.reason(OpKind::Mul), "masks do not multiply");
    let parameters: Parameters = serde_json::from_str(text("parameters")).unwrap();
    let parameters = parameters.from_outside(1).unwrap();
    assert_eq!(parameters.security.bits(), 128);
    assert_eq!(
        (parameters.counts.additions, parameters.memory_bytes),
        (4, None)
    );
    // The kinds of options, and the names that none may have.
    for kind in ["flag", "text", "text-list", "integer-list"] {
        assert!(DOCUMENT.contains(&format!("`\"{kind}\"`")), "{kind}");
    }
    for name in RESERVED {
        assert!(DOCUMENT.contains(&format!("`{name}`")), "{name}");
    }
}

/// The first frame, byte by byte.
#[test]
fn the_bytes_of_the_document() {
    let mut expect = Vec::new();
    let first = &record().0.from_client;
    let length = PRELUDE_BYTES + u32::from_le_bytes(first[4..8].try_into().unwrap()) as usize;
    for row in first[..length].chunks(16) {
        let bytes: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        expect.push(bytes.join(" "));
    }
    assert_eq!(block("Frames"), expect);
    assert!(DOCUMENT.contains(&format!("version {VERSION} of the protocol")));
    assert!(DOCUMENT.contains(std::str::from_utf8(&MAGIC).unwrap()));
}

/// The limits of the document are the defaults.
#[test]
fn the_limits_of_the_document() {
    let limits = Limits::default();
    for (name, limit) in [
        ("head_bytes", limits.head_bytes),
        ("program_bytes", limits.program_bytes),
        ("keys_bytes", limits.keys_bytes),
        ("key_parts", limits.key_parts),
        ("ciphertexts_bytes", limits.ciphertexts_bytes),
        ("text_bytes", limits.text_bytes),
        ("tables_bytes", limits.tables_bytes),
        ("handles", limits.handles),
    ] {
        let row = format!("| `{name}` | {limit} |");
        assert!(DOCUMENT.contains(&row), "the document lacks {row}");
    }
}

/// The program is the conversation's, and every operation has a line that can be read.
#[test]
fn the_programs_of_the_document() {
    let shown: Program = serde_json::from_str(&block("Programs").join("")).unwrap();
    assert_eq!(shown, program());
    let kinds: BTreeSet<OpKind> = block("Operations")
        .into_iter()
        .map(|line| {
            let (line, meaning) = line.split_once("  # ").unwrap();
            assert!(!meaning.is_empty(), "{line}");
            let op: Op = serde_json::from_str(line).unwrap();
            assert_eq!(serde_json::to_string(&op).unwrap(), line);
            op.kind()
        })
        .collect();
    let mut all = BTreeSet::from(OpKind::COMPUTING);
    all.extend([OpKind::Input, OpKind::Constant]);
    assert_eq!(kinds, all);
}
