//! `[links]`: read, refused, recorded.

use super::{parse, refused, sound};
use crate::links::{given, of_resolved};

const OFFICE: &str = "[links.office]\nup = \"20Mbit/s\"\ndown = \"100Mbit/s\"\nlatency = \"5ms\"\n\
                      source = \"measured\"\n";

#[test]
fn an_experiment_has_links_of_its_own() {
    let experiment = parse(&sound(&format!(
        "{OFFICE}[links.LAN]\nup = \"1kbit/s\"\ndown = \"2kbit/s\"\nlatency = \"1.5s\"\n\
         source = \"slow\"\npayload = 12\nduty_cycle = 0.1\n"
    )));
    let all = of_resolved(&experiment.resolved()).unwrap();
    let names: Vec<&str> = all.iter().map(|link| link.name.as_str()).collect();
    assert_eq!(names, ["LAN", "4G", "NB-IoT", "LoRaWAN", "office"]);
    let office = &all[4];
    assert_eq!((office.up_bits_per_s, office.down_bits_per_s), (2e7, 1e8));
    assert_eq!((office.latency_ms, office.duty_cycle), (5.0, 1.0));
    assert_eq!(
        (office.payload_bytes, office.source.as_str()),
        (None, "measured")
    );
    // Its own takes the place of the given one.
    let lan = &all[0];
    assert_eq!((lan.up_bits_per_s, lan.down_bits_per_s), (1e3, 2e3));
    assert_eq!((lan.latency_ms, lan.duty_cycle), (1500.0, 0.1));
    assert_eq!(lan.payload_bytes, Some(12));
}

#[test]
fn an_experiment_without_them_is_recorded_as_before() {
    let experiment = parse(&sound(""));
    assert!(experiment.resolved().get("links").is_none());
    assert_eq!(of_resolved(&experiment.resolved()).unwrap(), given());
}

#[test]
fn wrong_links_are_told() {
    #[track_caller]
    fn check(more: &str, words: &[&str]) {
        refused(&sound(more), words);
    }
    check("links = 3\n", &["e.toml"]);
    check(
        "[links]\noffice = 3\n",
        &[
            "e.toml:12",
            "`office` in [links]",
            "found 3",
            "[links.office]",
        ],
    );
    let of = |from: &str, to: &str| OFFICE.replace(from, to);
    check(
        &of("up", "upp"),
        &[
            "e.toml:12",
            "unknown key `upp`",
            "did you mean `up`",
            "lacks `up`",
        ],
    );
    check(
        &of("100Mbit/s", "12MB/s"),
        &[
            "e.toml:13",
            "`down` in [links.office]",
            "\"12MB/s\"",
            "96Mbit/s",
        ],
    );
    check(
        &of("5ms", "0ms"),
        &["e.toml:14", "`latency` in [links.office]", "\"0ms\""],
    );
    check(
        &of("measured", " "),
        &["e.toml:15", "`source` in [links.office]"],
    );
    check(
        &of("office", "\"\""),
        &["e.toml:11", "[links]: found the name \"\""],
    );
    check(
        &format!("{OFFICE}duty_cycle = 0\n"),
        &["e.toml:16", "found 0"],
    );
    check(
        "[link.office]\nup = \"1bit/s\"\n",
        &["unknown section [link]", "did you mean [links]"],
    );
}

#[test]
fn settings_reach_links() {
    let file = std::path::Path::new("dir/e.toml");
    let text = sound(OFFICE);
    let set = [crate::Setting::parse("links.office.up=3Mbit/s").unwrap()];
    let experiment = crate::Experiment::parse_with(&text, file, &set).unwrap();
    let all = of_resolved(&experiment.resolved()).unwrap();
    assert_eq!(all[4].up_bits_per_s, 3e6);
}

#[test]
fn a_damaged_record_of_a_link_is_told() {
    let mut resolved = parse(&sound(OFFICE)).resolved();
    resolved["links"]["office"]["up"] = "fast".into();
    let problem = of_resolved(&resolved).unwrap_err();
    assert!(
        problem.contains("`up` in `resolved.links.office`: found \"fast\""),
        "{problem}"
    );
    resolved["links"] = "none".into();
    assert!(
        of_resolved(&resolved)
            .unwrap_err()
            .contains("`resolved.links`")
    );
}
