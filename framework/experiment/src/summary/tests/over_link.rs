//! Queries over links, by hand.

use super::{complete, records};
use crate::links;
use crate::sections::Link;
use crate::summary::{OverLink, rows};

fn link() -> Link {
    Link {
        name: "wire".into(),
        up_bits_per_s: 16_000.0,
        down_bits_per_s: 1_600.0,
        latency_ms: 100.0,
        payload_bytes: None,
        duty_cycle: 1.0,
        source: "by hand".into(),
    }
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-9 * expected.abs().max(1.0),
        "{found} {expected}"
    );
}

/// 1600 bytes up, 160 down, one round, 123 bytes of keys; 17, 37 and 27 ms of computing.
#[test]
fn a_query_by_hand() {
    let rows = rows(&records(&["a"], complete("a", [0.7; 3])));
    let over = OverLink::of(&rows[0], &link()).unwrap();
    near(over.compute_ms, 27.0);
    near(over.upload_ms, 800.0);
    near(over.download_ms, 800.0);
    near(over.latency_ms, 100.0);
    near(over.total_ms.median, 1727.0);
    near(over.totals_ms[1], 1737.0);
    near(over.keys_ms, 61.5);
    near(over.amortised_ms(1), 1788.5);
    near(over.amortised_ms(3), 1747.5);
}

/// Three messages of 100 bytes, 100 ms each, with as long a silence between them.
#[test]
fn messages_wait_for_each_other() {
    let link = Link {
        payload_bytes: Some(100),
        duty_cycle: 0.5,
        up_bits_per_s: 8_000.0,
        ..link()
    };
    near(link.up_ms(250), 500.0);
    near(link.up_ms(100), 100.0);
    near(link.up_ms(101), 300.0);
    assert_eq!(link.up_ms(0), 0.0);
    let stream = Link {
        payload_bytes: None,
        ..link
    };
    near(stream.up_ms(250), 500.0);
}

/// A megabyte over LoRaWAN: 4505 messages, one in 36.9 s.
#[test]
fn megabytes_over_lorawan_take_days() {
    let all = links::given();
    let lorawan = all.iter().find(|link| link.name == "LoRaWAN").unwrap();
    near(lorawan.up_ms(222), 368.896);
    near(lorawan.up_ms(1_000_000), 368.896 * 450_401.0);
    let days = lorawan.up_ms(1_000_000) / 86_400_000.0;
    assert!((1.92..1.93).contains(&days), "{days}");
}

#[test]
fn a_row_without_numbers_has_none() {
    let rows = rows(&records(&["a"], vec![]));
    assert_eq!(OverLink::of(&rows[0], &link()), None);
}
