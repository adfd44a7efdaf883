//! What is taken, and what not.

use hexperiment_program::lower::{Approximation, Capabilities, LevelModel};
use hexperiment_program::{Fit, OpKind};

use super::*;

#[track_caller]
fn check<W: serde::de::DeserializeOwned, T>(
    json: &str,
    checked: impl Fn(W) -> Result<T, String>,
    expect: Result<(), &str>,
) {
    let found = serde_json::from_str(json)
        .map_err(|e| e.to_string())
        .and_then(checked);
    match (found, expect) {
        (Ok(_), Ok(())) => {}
        (Err(found), Err(expect)) => {
            assert!(found.contains(expect), "{found:?} lacks {expect:?}");
        }
        (Ok(_), Err(expect)) => panic!("accepted, expected {expect:?}: {json}"),
        (Err(found), Ok(())) => panic!("{found}: {json}"),
    }
}

#[test]
fn manifests_are_checked() {
    for (options, expect) in [
        ("", Ok(())),
        (
            r#"{"name":"a_1","doc":"","kind":{"number":{}},"default":2}"#,
            Ok(()),
        ),
        (
            r#"{"name":"a","doc":"","kind":"int"}"#,
            Err("unknown variant `int`"),
        ),
        (
            r#"{"name":"a","doc":"","kind":{"integer":{"mini":1}}}"#,
            Err("`mini`"),
        ),
        (
            r#"{"name":"a","doc":"","kind":{"integer":{"min":2,"max":1}}}"#,
            Err("min 2 > max 1"),
        ),
        (
            r#"{"name":"a","doc":"","kind":{"zero-or-number":{"min":0.5,"max":9}},"default":0}"#,
            Ok(()),
        ),
        (
            r#"{"name":"a","doc":"","kind":{"zero-or-number":{"min":2,"max":1}}}"#,
            Err("min 2 > max 1"),
        ),
        (
            r#"{"name":"a","doc":"","kind":{"choice":[]}}"#,
            Err("a choice of nothing"),
        ),
        (
            r#"{"name":"a","doc":"","kind":"flag","default":1}"#,
            Err("default: found 1"),
        ),
        (
            r#"{"name":"A","doc":"","kind":"flag"}"#,
            Err("expected a name"),
        ),
        (
            r#"{"name":"label","doc":"","kind":"text"}"#,
            Err("the name is taken"),
        ),
        (
            r#"{"name":"a","doc":"","kind":"flag"},{"name":"a","doc":"","kind":"flag"}"#,
            Err("the name is taken"),
        ),
    ] {
        let json = format!(r#"{{"name":"x","doc":"","library":"","options":[{options}]}}"#);
        check(&json, ManifestJson::checked, expect);
    }
}

/// Texts of a manifest whose `field` is this one.
#[track_caller]
fn text_is(field: &str, text: &str, expect: Result<(), &str>) {
    let mut manifest = serde_json::json!({ "name": "x", "doc": "", "library": "", "options": [
        { "name": "a", "doc": "", "kind": { "choice": ["b"] } },
    ] });
    *manifest.pointer_mut(field).unwrap() = text.into();
    check(&manifest.to_string(), ManifestJson::checked, expect);
}

#[test]
fn what_plugins_say_is_bounded() {
    let long = "é".repeat(LONGEST_TEXT);
    for field in [
        "/doc",
        "/library",
        "/options/0/doc",
        "/options/0/kind/choice/0",
    ] {
        text_is(field, &long, Ok(()));
        text_is(field, &format!("{long}x"), Err("found 4001 characters"));
        text_is(field, "one\ntwo", Ok(()));
        text_is(field, "\u{1b}]0;x", Err("the control character '\\u{1b}'"));
    }
    text_is("/name", &"n".repeat(LONGEST_NAME), Ok(()));
    text_is(
        "/name",
        &"n".repeat(1_000_000),
        Err("digits and hyphens, at most 64"),
    );
    text_is(
        "/options/0/name",
        &"n".repeat(65),
        Err("underscores, at most 64"),
    );
    let many = |count: usize| {
        let option = |i| format!(r#"{{"name":"o{i}","doc":"","kind":"flag"}}"#);
        let options: Vec<String> = (0..count).map(option).collect();
        let options = options.join(",");
        format!(r#"{{"name":"x","doc":"","library":"","options":[{options}]}}"#)
    };
    check(&many(256), ManifestJson::checked, Ok(()));
    check(
        &many(257),
        ManifestJson::checked,
        Err("found 257 options, expected at most 256"),
    );
    let names = vec!["a"; 257];
    let mut manifest: serde_json::Value = serde_json::from_str(&many(1)).unwrap();
    manifest["options"][0]["kind"] = serde_json::json!({ "choice": names });
    check(
        &manifest.to_string(),
        ManifestJson::checked,
        Err("found 257 names to choose from"),
    );
    let reasons = serde_json::json!({ "native": [], "vector_factors": true, "levels": "none",
        "client_finishes": false, "missing_otherwise": format!("{long}x") });
    check(
        &reasons.to_string(),
        CapabilitiesJson::checked,
        Err("missing_otherwise: found 4001 characters"),
    );
}

#[test]
fn capabilities_are_checked() {
    let with = |native: &str, levels: &str, degree: u32, margin: f64| {
        format!(
            r#"{{"native":[{native}],"vector_factors":true,"levels":"{levels}",
            "client_finishes":false,"missing_otherwise":"","approximation":{{"sigmoid_degree":
            {degree},"fit":"chebyshev","sign_margin":{margin},"sign_error":0.01}}}}"#
        )
    };
    for (json, expect) in [
        (with(r#""add","weighted-sum""#, "none", 7, 0.05), Ok(())),
        (
            with(r#""xor""#, "none", 7, 0.05),
            Err("unknown variant `xor`"),
        ),
        (
            with("", "leveled", 7, 0.05),
            Err("unknown variant `leveled`"),
        ),
        (with("", "none", 0, 0.05), Err("sigmoid_degree is 0")),
        (with("", "none", 7, 1.0), Err("sign_margin is 1")),
    ] {
        check(&json, CapabilitiesJson::checked, expect);
    }
}

#[test]
fn capabilities_survive_the_wire() {
    let mut capabilities = Capabilities::everything();
    capabilities.levels = LevelModel::Multiplicative;
    capabilities.missing = [(OpKind::Max, "it needs a comparison")].into();
    capabilities.approximation = Some(Approximation {
        sigmoid_degree: 7,
        fit: Fit::LeastSquares,
        sign_margin: 0.1,
        sign_error: 1.0 / 3.0,
        max_degrees: vec![7, 15],
        comparison_degrees: Some(vec![3, 31]),
    });
    let json = serde_json::to_string(&CapabilitiesJson::from(&capabilities)).unwrap();
    let read: CapabilitiesJson = serde_json::from_str(&json).unwrap();
    assert_eq!(read.checked(), Ok(capabilities));
}

#[test]
fn equal_strings_are_kept_once() {
    let (a, b) = (keep("kept"), keep(&String::from("kept")));
    assert!(std::ptr::eq(a, b));
}
