//! The JSON that crosses: manifests and capabilities. The header shows their form.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use hexperiment_program::lower::{Approximation, Capabilities, LevelModel};
use hexperiment_program::{Fit, OpKind};
use hexperiment_scheme::SchemeManifest;
use hexperiment_scheme::options::{OptionKind, OptionSpec, OptionValue, RESERVED};
use serde::{Deserialize, Serialize};

/// The string, for good: plugins are never unloaded, and what they say about themselves is
/// wanted as `&'static str` everywhere. Equal strings are kept once.
pub(crate) fn keep(text: &str) -> &'static str {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(text) {
        return known;
    }
    let new: &'static str = Box::leak(text.into());
    kept.insert(new);
    new
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManifestWire {
    name: String,
    doc: String,
    library: String,
    #[serde(default)]
    options: Vec<OptionWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionWire {
    name: String,
    doc: String,
    kind: KindWire,
    #[serde(default)]
    default: Option<OptionValue>,
    #[serde(default)]
    required: bool,
}

/// Bounds that are left out are open.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum KindWire {
    Flag,
    Integer {
        #[serde(default)]
        min: Option<i64>,
        #[serde(default)]
        max: Option<i64>,
    },
    Number {
        #[serde(default)]
        min: Option<f64>,
        #[serde(default)]
        max: Option<f64>,
    },
    ZeroOrNumber {
        min: f64,
        max: f64,
    },
    Text,
    Choice(Vec<String>),
    TextList,
    IntegerList,
}

impl From<&OptionKind> for KindWire {
    fn from(kind: &OptionKind) -> Self {
        match kind {
            OptionKind::Flag => Self::Flag,
            OptionKind::Integer { min, max } => Self::Integer {
                min: Some(*min).filter(|x| *x != i64::MIN),
                max: Some(*max).filter(|x| *x != i64::MAX),
            },
            OptionKind::Number { min, max } => Self::Number {
                min: Some(*min).filter(|x| x.is_finite()),
                max: Some(*max).filter(|x| x.is_finite()),
            },
            OptionKind::ZeroOrNumber { min, max } => Self::ZeroOrNumber {
                min: *min,
                max: *max,
            },
            OptionKind::Text => Self::Text,
            OptionKind::Choice(names) => {
                Self::Choice(names.iter().map(|n| (*n).to_owned()).collect())
            }
            OptionKind::TextList => Self::TextList,
            OptionKind::IntegerList => Self::IntegerList,
        }
    }
}

impl KindWire {
    fn checked(self) -> Result<OptionKind, String> {
        let kind = match self {
            Self::Flag => OptionKind::Flag,
            Self::Integer { min, max } => OptionKind::Integer {
                min: min.unwrap_or(i64::MIN),
                max: max.unwrap_or(i64::MAX),
            },
            Self::Number { min, max } => OptionKind::Number {
                min: min.unwrap_or(f64::NEG_INFINITY),
                max: max.unwrap_or(f64::INFINITY),
            },
            Self::ZeroOrNumber { min, max } => OptionKind::ZeroOrNumber { min, max },
            Self::Text => OptionKind::Text,
            Self::Choice(names) if names.is_empty() => return Err("a choice of nothing".into()),
            Self::Choice(names) => {
                let names: Vec<&'static str> = names.iter().map(|n| keep(n)).collect();
                OptionKind::Choice(names.leak())
            }
            Self::TextList => OptionKind::TextList,
            Self::IntegerList => OptionKind::IntegerList,
        };
        match kind {
            OptionKind::Integer { min, max } if min > max => Err(format!("min {min} > max {max}")),
            OptionKind::Number { min, max } | OptionKind::ZeroOrNumber { min, max }
                if min > max =>
            {
                Err(format!("min {min} > max {max}"))
            }
            kind => Ok(kind),
        }
    }
}

impl From<&SchemeManifest> for ManifestWire {
    fn from(manifest: &SchemeManifest) -> Self {
        let option = |spec: &OptionSpec| OptionWire {
            name: spec.name.into(),
            doc: spec.doc.into(),
            kind: (&spec.kind).into(),
            default: spec.default.clone(),
            required: spec.required,
        };
        Self {
            name: manifest.name.into(),
            doc: manifest.doc.into(),
            library: manifest.library.clone(),
            options: manifest.options.iter().map(option).collect(),
        }
    }
}

/// Characters of a name, and of a text, at most: what a plugin says of itself is kept for good, and
/// stands in tables and messages.
const LONGEST_NAME: usize = 64;
const LONGEST_TEXT: usize = 4000;

/// Options, and names of a choice, at most.
const MOST_ENTRIES: usize = 256;

/// Names as they can be written in experiment files.
fn is_name(name: &str, also: char) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == also)
}

/// A text that can stand in tables and on terminals.
fn text(what: &str, text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if length > LONGEST_TEXT {
        return Err(format!(
            "{what}: found {length} characters, expected at most {LONGEST_TEXT}"
        ));
    }
    match text.chars().find(|c| c.is_control() && *c != '\n') {
        Some(c) => Err(format!(
            "{what}: found the control character {c:?}, expected text"
        )),
        None => Ok(()),
    }
}

fn few(what: &str, found: usize) -> Result<(), String> {
    if found > MOST_ENTRIES {
        return Err(format!(
            "found {found} {what}, expected at most {MOST_ENTRIES}"
        ));
    }
    Ok(())
}

impl ManifestWire {
    /// The manifest, if it is one that an experiment file can use. Keeps its strings for good.
    pub(crate) fn checked(self) -> Result<SchemeManifest, String> {
        if !is_name(&self.name, '-') {
            return Err(format!(
                "the name is {:?}, expected lower-case letters, digits and hyphens, at most \
                 {LONGEST_NAME}",
                self.name.chars().take(LONGEST_NAME).collect::<String>()
            ));
        }
        text("doc", &self.doc)?;
        text("library", &self.library)?;
        few("options", self.options.len())?;
        let mut options: Vec<OptionSpec> = Vec::with_capacity(self.options.len());
        for option in self.options {
            let shown: String = option.name.chars().take(LONGEST_NAME).collect();
            let complain = |problem: String| format!("option {shown:?}: {problem}");
            if !is_name(&option.name, '_') {
                return Err(complain(format!(
                    "expected a name of lower-case letters, digits and underscores, at most \
                     {LONGEST_NAME}"
                )));
            }
            text("doc", &option.doc).map_err(complain)?;
            if let KindWire::Choice(names) = &option.kind {
                few("names to choose from", names.len()).map_err(complain)?;
                for name in names {
                    text("a name to choose", name).map_err(complain)?;
                }
            }
            let reserved = RESERVED.contains(&option.name.as_str());
            if reserved || options.iter().any(|o| o.name == option.name) {
                return Err(complain("the name is taken".into()));
            }
            let kind = option.kind.checked().map_err(complain)?;
            let default = option.default.map(|value| kind.check(value)).transpose();
            options.push(OptionSpec {
                name: keep(&option.name),
                default: default.map_err(|e| complain(format!("default: {e}")))?,
                required: option.required,
                doc: keep(&option.doc),
                kind,
            });
        }
        Ok(SchemeManifest {
            name: keep(&self.name),
            doc: keep(&self.doc),
            library: self.library,
            options,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CapabilitiesWire {
    native: BTreeSet<OpKind>,
    vector_factors: bool,
    levels: LevelsWire,
    client_finishes: bool,
    #[serde(default)]
    missing: BTreeMap<OpKind, String>,
    missing_otherwise: String,
    #[serde(default)]
    approximation: Option<ApproximationWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LevelsWire {
    None,
    Multiplicative,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApproximationWire {
    sigmoid_degree: usize,
    fit: Fit,
    sign_margin: f64,
    sign_error: f64,
    #[serde(default = "max_degrees")]
    max_degrees: Vec<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comparison_degrees: Option<Vec<usize>>,
}

fn max_degrees() -> Vec<usize> {
    Approximation::MAX_DEGREES.to_vec()
}

impl From<&Capabilities> for CapabilitiesWire {
    fn from(c: &Capabilities) -> Self {
        Self {
            native: c.native.clone(),
            vector_factors: c.vector_factors,
            levels: match c.levels {
                LevelModel::None => LevelsWire::None,
                LevelModel::Multiplicative => LevelsWire::Multiplicative,
            },
            client_finishes: c.client_finishes,
            missing: c.missing.iter().map(|(k, v)| (*k, (*v).into())).collect(),
            missing_otherwise: c.missing_otherwise.into(),
            approximation: c.approximation.as_ref().map(|a| ApproximationWire {
                sigmoid_degree: a.sigmoid_degree,
                fit: a.fit,
                sign_margin: a.sign_margin,
                sign_error: a.sign_error,
                max_degrees: a.max_degrees.clone(),
                comparison_degrees: a.comparison_degrees.clone(),
            }),
        }
    }
}

/// The largest degree of a sigmoid that a plugin may ask for: beyond it fitting takes longer than
/// any evaluation would.
const LARGEST_DEGREE: usize = 1023;

impl CapabilitiesWire {
    /// The capabilities, if lowering can work with them. Keeps the reasons for good.
    pub(crate) fn checked(self) -> Result<Capabilities, String> {
        let share = |what: &str, x: f64| {
            if x > 0.0 && x < 1.0 {
                Ok(x)
            } else {
                Err(format!("{what} is {x}, expected a number between 0 and 1"))
            }
        };
        let degrees = |what: &str, list: Vec<usize>| {
            Approximation::check_degrees(&list).map_err(|why| format!("{what}: {why}"))?;
            Ok::<_, String>(list)
        };
        text("missing_otherwise", &self.missing_otherwise)?;
        for (kind, why) in &self.missing {
            text(&format!("missing {kind}"), why)?;
        }
        let approximation = self.approximation.map(|a| {
            if !(1..=LARGEST_DEGREE).contains(&a.sigmoid_degree) {
                return Err(format!(
                    "sigmoid_degree is {}, expected 1 to {LARGEST_DEGREE}",
                    a.sigmoid_degree
                ));
            }
            Ok(Approximation {
                sigmoid_degree: a.sigmoid_degree,
                fit: a.fit,
                sign_margin: share("sign_margin", a.sign_margin)?,
                sign_error: share("sign_error", a.sign_error)?,
                max_degrees: degrees("max_degrees", a.max_degrees)?,
                comparison_degrees: a
                    .comparison_degrees
                    .map(|d| degrees("comparison_degrees", d))
                    .transpose()?,
            })
        });
        Ok(Capabilities {
            native: self.native,
            vector_factors: self.vector_factors,
            approximation: approximation.transpose()?,
            levels: match self.levels {
                LevelsWire::None => LevelModel::None,
                LevelsWire::Multiplicative => LevelModel::Multiplicative,
            },
            client_finishes: self.client_finishes,
            missing: self
                .missing
                .iter()
                .map(|(kind, why)| (*kind, keep(why)))
                .collect(),
            missing_otherwise: keep(&self.missing_otherwise),
        })
    }
}

#[cfg(test)]
mod tests {
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
            check(&json, ManifestWire::checked, expect);
        }
    }

    /// Texts of a manifest whose `field` is this one.
    #[track_caller]
    fn text_is(field: &str, text: &str, expect: Result<(), &str>) {
        let mut manifest = serde_json::json!({ "name": "x", "doc": "", "library": "", "options": [
            { "name": "a", "doc": "", "kind": { "choice": ["b"] } },
        ] });
        *manifest.pointer_mut(field).unwrap() = text.into();
        check(&manifest.to_string(), ManifestWire::checked, expect);
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
        check(&many(256), ManifestWire::checked, Ok(()));
        check(
            &many(257),
            ManifestWire::checked,
            Err("found 257 options, expected at most 256"),
        );
        let names = vec!["a"; 257];
        let mut manifest: serde_json::Value = serde_json::from_str(&many(1)).unwrap();
        manifest["options"][0]["kind"] = serde_json::json!({ "choice": names });
        check(
            &manifest.to_string(),
            ManifestWire::checked,
            Err("found 257 names to choose from"),
        );
        let reasons = serde_json::json!({ "native": [], "vector_factors": true, "levels": "none",
            "client_finishes": false, "missing_otherwise": format!("{long}x") });
        check(
            &reasons.to_string(),
            CapabilitiesWire::checked,
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
            check(&json, CapabilitiesWire::checked, expect);
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
        let json = serde_json::to_string(&CapabilitiesWire::from(&capabilities)).unwrap();
        let read: CapabilitiesWire = serde_json::from_str(&json).unwrap();
        assert_eq!(read.checked(), Ok(capabilities));
    }

    #[test]
    fn equal_strings_are_kept_once() {
        let (a, b) = (keep("kept"), keep(&String::from("kept")));
        assert!(std::ptr::eq(a, b));
    }
}
