//! Manifests as JSON.

use serde::{Deserialize, Serialize};

use super::{LONGEST_NAME, keep, text};
use crate::SchemeManifest;
use crate::options::{OptionKind, OptionSpec, OptionValue, RESERVED};

/// What a scheme says about itself, not yet checked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestJson {
    name: String,
    doc: String,
    library: String,
    #[serde(default)]
    options: Vec<OptionJson>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionJson {
    name: String,
    doc: String,
    kind: KindJson,
    #[serde(default)]
    default: Option<OptionValue>,
    #[serde(default)]
    required: bool,
}

/// Bounds that are left out are open.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum KindJson {
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

impl From<&OptionKind> for KindJson {
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

impl KindJson {
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

impl From<&SchemeManifest> for ManifestJson {
    fn from(manifest: &SchemeManifest) -> Self {
        let option = |spec: &OptionSpec| OptionJson {
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

/// Options, and names of a choice, at most.
const MOST_ENTRIES: usize = 256;

/// Whether this can be the name of a scheme: lower-case letters, digits and hyphens, at most 64.
pub fn is_scheme_name(name: &str) -> bool {
    is_name(name, '-')
}

/// Names as they can be written in experiment files.
fn is_name(name: &str, also: char) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == also)
}

fn few(what: &str, found: usize) -> Result<(), String> {
    if found > MOST_ENTRIES {
        return Err(format!(
            "found {found} {what}, expected at most {MOST_ENTRIES}"
        ));
    }
    Ok(())
}

impl ManifestJson {
    /// The manifest, if it is one that an experiment file can use. Keeps its strings for good.
    ///
    /// # Errors
    ///
    /// What was found and what was expected: a name, a text or an option that no file can use.
    pub fn checked(self) -> Result<SchemeManifest, String> {
        if !is_scheme_name(&self.name) {
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
            if let KindJson::Choice(names) = &option.kind {
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
                rule: None,
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
