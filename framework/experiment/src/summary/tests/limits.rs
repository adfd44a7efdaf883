//! Numbers in records that no run can have.

use std::fs;

use super::files::{file, header, refused, repeated};
use super::setup;
use crate::record::Line;
use crate::summary::read_records;

#[test]
fn numbers_that_cannot_have_been_measured_are_refused() {
    let repetition = repeated("a", 1, 7);
    let most = u64::MAX.to_string();
    for (from, field) in [
        ("\"wall_ns\":7000000", "evaluate.wall_ns"),
        ("\"cpu_ns\":10500000", "evaluate.cpu_ns"),
        ("\"wall_ns\":4000000", "encrypt.wall_ns"),
        ("\"wall_ns\":2000000", "decrypt.wall_ns"),
        ("\"wall_ns\":1000000", "transfer.wall_ns"),
        ("\"upload_bytes\":1600", "traffic.upload_bytes"),
        ("\"download_bytes\":160", "traffic.download_bytes"),
        ("\"clear_values\":20", "traffic.clear_values"),
        ("\"samples\":4", "quality.samples"),
        ("\"client_peak_rss_bytes\":1001", "client_peak_rss_bytes"),
        ("\"server_peak_rss_bytes\":2001", "server_peak_rss_bytes"),
        ("\"ran_ns\":99000000", "load.schedule.ran_ns"),
        ("\"waited_ns\":1000000", "load.schedule.waited_ns"),
    ] {
        let name = from.split(':').next().unwrap();
        let to = format!("{name}:{most}");
        let words = [&format!("found {most} in `{field}`"), "2^53"];
        refused(&repetition, from, &to, &words.map(|s: &str| s));
        // Beyond 64 bits, negative, no number.
        for other in ["1e300", "-5", "NaN", "null", "\"7\""] {
            if other == "null" && field.ends_with("peak_rss_bytes") {
                continue; // a server need not say
            }
            refused(&repetition, from, &format!("{name}:{other}"), &["a record"]);
        }
    }
    refused(
        &repetition,
        "\"start\":0.5",
        "\"start\":-0.5",
        &["-0.5 in `load.start`"],
    );
    for (from, field) in [
        ("\"max_abs\":2e-6", "errors.max_abs"),
        ("\"noise\":1e-7", "errors.noise"),
        ("\"precision_bits\":29.0", "errors.precision_bits"),
        ("\"largest_move\":1.5", "errors.clipping.largest_move"),
        ("\"magnitude\":8.0", "errors.outputs.magnitude"),
        ("\"demanded\":0.00001", "errors.precision.demanded"),
        ("\"claimed\":2e-7", "errors.precision.claimed"),
    ] {
        let name = from.split(':').next().unwrap();
        let words = format!("found -1 in `{field}`, expected 0 or more");
        refused(&repetition, from, &format!("{name}:-1.0"), &[&words]);
    }
    let setup = Line::Setup(Box::new(setup("a", 5)));
    let samples = format!(
        "\"samples\":{}",
        if let Line::Setup(s) = &setup {
            s.samples
        } else {
            0
        }
    );
    for (from, field) in [
        (samples.as_str(), "samples"),
        ("\"galois\":23", "keys.galois"),
        ("\"public\":100", "keys.public"),
        ("\"wall_ns\":5000000", "keygen.wall_ns"),
        ("\"wall_ns\":1000000", "compile.wall_ns"),
        ("\"wall_ns\":2000000", "key_transfer.wall_ns"),
        ("\"wall_ns\":3000000", "prepare.wall_ns"),
    ] {
        let name = from.split(':').next().unwrap();
        let words = format!("found {most} in `{field}`");
        refused(&setup, from, &format!("{name}:{most}"), &[&words]);
    }
}

#[test]
fn a_header_that_nothing_can_be_held_against_is_refused() {
    #[track_caller]
    fn check(from: &str, to: &str, words: &str) {
        let (_folder, path) = file(&[header()]);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replace(from, to)).unwrap();
        let message = read_records(&path).unwrap_err().to_string();
        assert!(
            message.contains(":1: found ") && message.contains(words),
            "{message}"
        );
    }
    check(
        "\"repetitions\":3",
        "\"repetitions\":0",
        "0 in `resolved.run.repetitions`",
    );
    check("\"repetitions\":3", "\"repetitions\":-3", "-3 in");
    check("\"repetitions\":3", "\"repetition\":3", "null in");
    check("\"id\":\"b\"", "\"id\":\"a\"", "the cell `a` twice");
    let setting = |text: &str, words: &str| {
        check(
            "\"repetitions\":3",
            &format!("\"repetitions\":3,{text}"),
            words,
        );
    };
    for key in ["processes", "seeds", "threads"] {
        for value in ["0", "-1", "1.5", "\"2\"", "18446744073709551615", "[]"] {
            let words =
                format!("{value} in `resolved.run.{key}`, expected a whole number from 1 to 10");
            setting(&format!("\"{key}\":{value}"), &words);
        }
    }
    for value in ["-0.1", "1.5", "1e300", "\"x\""] {
        let words = "in `resolved.run.tie_margin`, expected a number from 0 to 1";
        setting(&format!("\"tie_margin\":{value}"), words);
    }
    check(
        "\"threads\":2",
        "\"threads\":18446744073709551615",
        "18446744073709551615 in `provenance.threads`",
    );
}

/// A link that no experiment can have is told with the line that it is in.
#[test]
fn links_that_cannot_be_are_refused() {
    let (_folder, path) = file(&[header()]);
    let text = fs::read_to_string(&path).unwrap();
    let bad = text.replace(
        "\"resolved\":{",
        "\"resolved\":{\"links\":{\"x\":{\"up\":\"-1Mbit/s\"}},",
    );
    assert_ne!(bad, text);
    fs::write(&path, bad).unwrap();
    let message = read_records(&path).unwrap_err().to_string();
    assert!(
        message.contains(":1: ") && message.contains("links"),
        "{message}"
    );
}
