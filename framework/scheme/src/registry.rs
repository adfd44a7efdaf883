//! Plugins register themselves; nothing keeps a list of them.
//!
//! What is linked in is known from the start; a scheme loaded at run time joins by
//! [`register_scheme`].

use std::path::PathBuf;
use std::sync::{OnceLock, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::Scheme;
use hexperiment_diagnostics::suggest;

/// A scheme, as a plugin submits it: `inventory::submit! { SchemePlugin(&MyScheme) }`.
pub struct SchemePlugin(pub &'static dyn Scheme);

/// A scheme that a program knows of and was built without; who asks for it is told how to get it.
pub struct LeftOutScheme {
    /// The cargo feature that would link it: `scheme-` and its name.
    pub feature: &'static str,
}

impl LeftOutScheme {
    /// What experiments call it.
    pub fn name(&self) -> &'static str {
        let feature = self.feature;
        feature.strip_prefix("scheme-").unwrap_or(feature)
    }
}

inventory::collect!(SchemePlugin);
inventory::collect!(LeftOutScheme);

/// A name that no plugin has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}; known: {}", self.problem(), hint(.suggestion.as_deref()), .known.join(", "))]
pub struct UnknownPlugin {
    /// `scheme` or `task`
    pub what: &'static str,
    /// The name asked for.
    pub found: String,
    /// The nearest name, if one is near.
    pub suggestion: Option<String>,
    /// All names.
    pub known: Vec<String>,
    /// The cargo feature that would link it, if the program was built without it.
    pub feature: Option<&'static str>,
}

impl UnknownPlugin {
    /// What is wrong, without what could be done about it.
    pub fn problem(&self) -> String {
        let Self { what, found, .. } = self;
        match self.feature {
            Some(feature) => format!(
                "the {what} `{found}` is not in this program, which was built without the cargo \
                 feature `{feature}`"
            ),
            None => format!("there is no {what} `{found}`"),
        }
    }
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion
        .map(|s| format!(" (did you mean `{s}`?)"))
        .unwrap_or_default()
}

/// The error for a name that none of `known` is; `what` is `scheme` or `task`.
pub fn unknown(what: &'static str, found: &str, known: &[&str]) -> UnknownPlugin {
    let suggestion = suggest(found, known.iter().copied()).map(str::to_owned);
    UnknownPlugin {
        what,
        found: found.into(),
        suggestion,
        known: known.iter().map(|name| (*name).to_owned()).collect(),
        feature: None,
    }
}

/// Schemes that joined at run time.
static JOINED: RwLock<Vec<&'static dyn Scheme>> = RwLock::new(Vec::new());

/// A scheme that cannot join, because its name is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there already is a scheme `{name}`; give one of the two another name")]
pub struct DuplicateName {
    /// The name.
    pub name: String,
}

/// Adds a scheme at run time.
///
/// # Errors
///
/// A scheme of that name is linked in, or has joined before.
pub fn register_scheme(scheme: &'static dyn Scheme) -> Result<(), DuplicateName> {
    let name = scheme.manifest().name;
    // A panic elsewhere leaves the list whole: it is only ever pushed to.
    let mut joined = JOINED.write().unwrap_or_else(PoisonError::into_inner);
    let linked = inventory::iter::<SchemePlugin>.into_iter().map(|p| p.0);
    if linked
        .chain(joined.iter().copied())
        .any(|s| s.manifest().name == name)
    {
        return Err(DuplicateName { name: name.into() });
    }
    joined.push(scheme);
    Ok(())
}

/// All registered schemes, by name.
pub fn schemes() -> Vec<&'static dyn Scheme> {
    let joined = JOINED.read().unwrap_or_else(PoisonError::into_inner);
    let mut all: Vec<_> = inventory::iter::<SchemePlugin>
        .into_iter()
        .map(|p| p.0)
        .chain(joined.iter().copied())
        .collect();
    all.sort_by_cached_key(|s| s.manifest().name);
    all
}

/// The names of all registered schemes, in order.
pub fn names() -> Vec<&'static str> {
    schemes().iter().map(|s| s.manifest().name).collect()
}

/// The schemes that this program was built without, by name.
pub fn left_out_schemes() -> Vec<&'static LeftOutScheme> {
    let mut all: Vec<_> = inventory::iter::<LeftOutScheme>.into_iter().collect();
    all.sort_by_key(|l| l.name());
    all
}

/// The scheme called `name`.
///
/// # Errors
///
/// No scheme of that name is linked in or has joined; the error knows a near name, or the cargo
/// feature that was left out.
pub fn scheme(name: &str) -> Result<&'static dyn Scheme, UnknownPlugin> {
    schemes()
        .into_iter()
        .find(|s| s.manifest().name == name)
        .ok_or_else(|| {
            let left_out = left_out_schemes().into_iter().find(|l| l.name() == name);
            match left_out {
                Some(left_out) => UnknownPlugin {
                    suggestion: None,
                    feature: Some(left_out.feature),
                    ..unknown("scheme", name, &names())
                },
                None => unknown("scheme", name, &names()),
            }
        })
}

/// A scheme that is a program of its own, as an experiment names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The executable and its arguments.
    pub command: Vec<String>,
    /// The folder that it is started in, from which relative paths are taken.
    pub folder: PathBuf,
    /// What the scheme is called; as the program calls itself if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Why a program is no scheme that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {help}")]
pub struct NoScheme {
    /// What was found, and what was expected.
    pub problem: String,
    /// What to do about it.
    pub help: String,
}

/// Finds the scheme of a program; a command that was found before is the same scheme.
pub type Find = fn(&Program) -> Result<&'static dyn Scheme, NoScheme>;

/// Who finds schemes that are programs.
static FIND: OnceLock<Find> = OnceLock::new();

/// Lets schemes be programs from now on, that are found so. The first call counts.
pub fn find_programs_by(find: Find) {
    let _ = FIND.set(find);
}

/// The scheme of a program, which may be started for it, and joins by its name.
///
/// # Errors
///
/// It cannot be started, is no scheme, or its name is taken by another one.
pub fn program(program: &Program) -> Result<&'static dyn Scheme, NoScheme> {
    match FIND.get() {
        Some(find) => find(program),
        None => Err(NoScheme {
            problem: "this process starts no programs".into(),
            help: "name a scheme by `use`".into(),
        }),
    }
}
