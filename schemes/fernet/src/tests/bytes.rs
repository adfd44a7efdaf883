//! Tokens: their size, and that every change to them is found.

use super::*;

/// Bytes before the tokens.
const HEADER: usize = 16;

#[track_caller]
fn foreign<T>(result: Result<T, SchemeError>, reason: &str) {
    match result {
        Err(SchemeError::Foreign(why)) => assert!(why.contains(reason), "{why}"),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn a_token_is_as_the_specification_says() {
    // The test vector of the specification (github.com/fernet/spec, verify.json).
    let key = fernet::Fernet::new("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=").unwrap();
    let token = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64j\
                 VmpU4IwqDA==";
    assert_eq!(key.decrypt(token).unwrap(), b"hello");
}

#[track_caller]
fn check_size(rows: usize, columns: usize, per: &str, tokens: usize, each: usize) {
    let sent = sent(rows, columns, per);
    assert_eq!(sent.input.len(), HEADER + tokens * each);
    let held = sent.circuit.load(&sent.input).unwrap();
    assert_eq!(held.count(), tokens);
    let text = std::str::from_utf8(&sent.input[HEADER..]).unwrap();
    for start in (0..text.len()).step_by(each) {
        // Version 0x80, and a time in the clear that is 32 bits long for some decades yet.
        assert!(text[start..].starts_with("gAAAAA"), "{start}");
    }
    let expected = sent.circuit.simulate(std::slice::from_ref(&sent.table));
    assert_eq!(sent.decrypt(&sent.output).unwrap(), expected.unwrap()[0]);
}

#[test]
fn sizes_are_those_of_the_specification() {
    // 25 bytes before and 32 after whole blocks of 8 bytes of place, 8 for a number, padding.
    check_size(7, 1, "row", 7, 120); // 25 + 32 + 32 = 89
    check_size(3, 2, "row", 3, 120); // 8 + 16 fill 32 with padding
    check_size(334, 9, "row", 334, 204); // 80 are whole blocks, so one is added: 153
    check_size(1, 11, "row", 1, 228); // 25 + 112 + 32 = 169
    check_size(7, 3, "table", 1, 332); // 25 + 192 + 32 = 249
    check_size(334, 9, "table", 1, 32_164); // 25 + 24064 + 32 = 24121, of which 24048 are numbers
}

#[track_caller]
fn check_every_byte(per: &str) {
    let sent = sent(3, 2, per);
    for (bytes, role) in [(&sent.input, "evaluated"), (&sent.output, "decrypted")] {
        for at in 0..bytes.len() {
            for mask in [1, 0x20, 0x80] {
                let mut changed = bytes.clone();
                changed[at] ^= mask;
                let used = match role {
                    "evaluated" => sent.evaluate(&changed),
                    _ => sent.decrypt(&changed).map(|_| ()),
                };
                assert!(
                    matches!(used, Err(SchemeError::Foreign(_))),
                    "byte {at} changed by {mask:#x} was {role}"
                );
            }
        }
    }
}

#[test]
fn every_change_is_found() {
    check_every_byte("row");
    check_every_byte("table");
}

#[test]
fn tokens_keep_their_place() {
    let sent = sent(3, 2, "row");
    let each = (sent.input.len() - HEADER) / 3;
    let mut swapped = sent.input.clone();
    swapped[HEADER..HEADER + 2 * each].rotate_left(each);
    foreign(sent.evaluate(&swapped), "belongs in another place");
    // A result passed off as an input: of the same shape, and under the right header.
    foreign(sent.evaluate(&sent.output), "tokens of output number 0");
    let reflected = [&sent.input[..HEADER], &sent.output[HEADER..]].concat();
    foreign(sent.evaluate(&reflected), "belongs in another place");
}

#[test]
fn another_key_is_found() {
    let sent = sent(3, 2, "row");
    let others = Parties::of(sent.circuit.as_ref()).unwrap();
    let held = sent.circuit.load(&sent.input).unwrap();
    foreign(others.evaluator.evaluate(&[held]), "does not verify");
    let held = sent.circuit.load(&sent.output).unwrap();
    let output = OutputId::from_index(0);
    foreign(others.decryptor.decrypt(output, &held), "does not verify");
}

#[test]
fn frames_are_checked_without_the_key() {
    let sent = sent(3, 2, "row");
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = sent.input.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        sent.circuit.load(&changed)
    };
    foreign(sent.circuit.load(&sent.input[..15]), "the header alone");
    foreign(sent.circuit.load(&sent.input[..16]), "in 0 bytes");
    foreign(with(0, b"X"), "does not start");
    foreign(
        with(4, &14_u32.to_le_bytes()),
        "input number 7 of a program",
    );
    foreign(with(8, &u32::MAX.to_le_bytes()), "4294967295 tokens");
    foreign(with(12, &0_u32.to_le_bytes()), "of 0 characters");
    foreign(with(HEADER + 130, b"\xC3"), "token number 1 is not base64");
}
