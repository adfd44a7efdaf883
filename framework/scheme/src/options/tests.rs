//! What options accept, and what they say of the rest.

use hexperiment_diagnostics::suggest;

use super::*;

#[track_caller]
fn check(kind: OptionKind, value: OptionValue, expect: Result<OptionValue, &str>) {
    match (kind.check(value), expect) {
        (Ok(got), Ok(want)) => assert_eq!(got, want),
        (Err(got), Err(want)) => assert!(got.contains(want), "{got:?} lacks {want:?}"),
        (got, want) => panic!("got {got:?}, want {want:?}"),
    }
}

#[test]
fn values_are_checked() {
    use OptionValue::{Flag, Integer, Number, Text};
    let small = || OptionKind::Integer { min: 1, max: 9 };
    let share = || OptionKind::Number { min: 0.0, max: 1.0 };
    check(small(), Integer(3), Ok(Integer(3)));
    check(small(), Integer(10), Err("a whole number from 1 to 9"));
    check(small(), Flag(true), Err("found true"));
    check(share(), Integer(1), Ok(Number(1.0)));
    check(share(), Number(f64::NAN), Err("found NaN"));
    check(
        share(),
        Number(f64::INFINITY),
        Err("expected a number from 0 to 1"),
    );
    let clip = || OptionKind::ZeroOrNumber { min: 0.5, max: 9.0 };
    check(clip(), Integer(0), Ok(Number(0.0)));
    check(clip(), Number(0.5), Ok(Number(0.5)));
    check(
        clip(),
        Number(1e-300),
        Err("found 1e-300, expected 0, or a number from 0.5 to 9"),
    );
    check(clip(), Number(-0.5), Err("found -0.5"));
    check(
        OptionKind::Choice(&["logit", "class"]),
        Text("logits".into()),
        Err("mean \"logit\""),
    );
}

#[test]
fn messages_quote_the_beginning() {
    let many = OptionValue::List(vec![OptionValue::Integer(7); 60_000]);
    let problem = OptionKind::Flag.check(many).unwrap_err();
    assert!(problem.starts_with("found [7, 7, "), "{problem}");
    assert!(problem.ends_with("…, expected true or false"), "{problem}");
    let long = OptionValue::Text("\u{1b}".repeat(60_000));
    for kind in [OptionKind::Flag, OptionKind::Choice(&["a"])] {
        let problem = kind.check(long.clone()).unwrap_err();
        assert!(problem.len() < 400, "{problem}");
        assert!(problem.contains("\\u{1b}\"…, expected "), "{problem}");
    }
}

#[test]
fn suggestions_are_near() {
    assert_eq!(
        suggest("seal-ckk", ["paillier", "seal-ckks"]),
        Some("seal-ckks")
    );
    assert_eq!(
        suggest("ckks", ["paillier", "seal-ckks"]),
        Some("seal-ckks")
    );
    assert_eq!(suggest("zebra", ["paillier", "seal-ckks"]), None);
    assert_eq!(suggest(&"seal-ckks".repeat(100), ["seal-ckks"]), None);
}

#[derive(
    Clone, Copy, Debug, PartialEq, strum::EnumString, strum::IntoStaticStr, strum::VariantNames,
)]
#[strum(serialize_all = "kebab-case")]
enum Packing {
    WholeRows,
    #[strum(serialize = "1")]
    One,
}

/// What a manifest declares is what is read: both take the names from one enum.
#[test]
fn choices_are_those_of_an_enum() {
    let spec = OptionSpec::choice("packing", Packing::One, "What lies in a vector.");
    assert_eq!(spec.kind, OptionKind::Choice(&["whole-rows", "1"]));
    assert_eq!(spec.default, Some(OptionValue::Text("1".into())));
    let mut options = Options::with_defaults(&[spec], []);
    assert_eq!(options.choice("packing"), Ok(Packing::One));
    options.set("packing", OptionValue::Text("whole-rows".into()));
    assert_eq!(options.choice("packing"), Ok(Packing::WholeRows));
    for other in [OptionValue::Text("rows".into()), OptionValue::Integer(1)] {
        options.set("packing", other);
        let problem = options.choice::<Packing>("packing").unwrap_err();
        assert!(problem.to_string().contains("`packing`"), "{problem}");
    }
    assert!(options.choice::<Packing>("backing").is_err());
}
