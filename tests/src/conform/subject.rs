//! The scheme under test, in the process of one check.

use std::path::Path;

use hexperiment_plugin_abi as plugin_abi;
use hexperiment_runner::child;
use hexperiment_scheme::options::{OptionKind, OptionValue};
use hexperiment_scheme::registry;
use hexperiment_tests::conformance::{Check, Profile, Subject};

use super::{Arguments, Found, Verdict};

/// What stands in the way of a scheme.
enum Trouble {
    /// The arguments name no scheme, or no option of it.
    Arguments(String),
    /// The library.
    Library(String),
}

impl From<Trouble> for String {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Arguments(why) | Trouble::Library(why) => why,
        }
    }
}

/// Looks for the scheme, and for the options that it is to be given.
pub(crate) fn find(arguments: &Arguments) -> Found {
    match subject(arguments) {
        Ok((name, _)) => match registry::scheme(&name) {
            Ok(scheme) => Found::Scheme {
                name,
                library: scheme.manifest().library,
            },
            Err(e) => Found::BadInput { why: e.to_string() },
        },
        Err(Trouble::Arguments(why)) => Found::BadInput { why },
        Err(Trouble::Library(why)) => Found::Unfit { why },
    }
}

/// Runs a check. A check that fails panics, in whatever thread: the first panic is told at once.
pub(crate) fn verdict(arguments: &Arguments, check: &Check) -> Verdict {
    let subject = match subject(arguments) {
        Ok((_, subject)) => subject,
        Err(trouble) => {
            return Verdict::Failed {
                why: trouble.into(),
            };
        }
    };
    std::panic::set_hook(Box::new(|panic| {
        let words = panic
            .payload_as_str()
            .unwrap_or("it panicked without words");
        let place = panic.location().map(|at| format!("\n({at})"));
        let why = format!("{words}{}", place.unwrap_or_default());
        // The process that hears it ends this one.
        child::tell(&Verdict::Failed { why });
    }));
    (check.run)(&subject);
    Verdict::Passed
}

/// The scheme's name, and the scheme made ready for checks.
fn subject(arguments: &Arguments) -> Result<(String, Subject), Trouble> {
    let name = name(&arguments.subject)?;
    let mut profile = Profile::of(&name);
    if let Some(rows) = arguments.rows {
        profile.max_length = rows as usize;
    }
    if let Some(share) = arguments.precision {
        if !(share > 0.0 && share <= 0.25) {
            let problem = format!("--precision: found {share}, expected more than 0, at most 0.25");
            return Err(Trouble::Arguments(problem));
        }
        profile.precision = share;
    }
    if arguments.no_sent_keys {
        profile.sums_take_keys = false;
    }
    for text in &arguments.options {
        let (key, value) = option(&name, text).map_err(Trouble::Arguments)?;
        profile.options.retain(|(known, _)| *known != key);
        profile.options.push((key, value));
    }
    let subject = Subject::find(&name, profile).map_err(Trouble::Arguments)?;
    Ok((name, subject))
}

/// The name of the scheme; that of a library is known once it is loaded.
fn name(subject: &str) -> Result<String, Trouble> {
    let path = Path::new(subject);
    let is_path = path.components().count() > 1 || path.extension().is_some() || path.exists();
    if !is_path {
        return Ok(subject.to_owned());
    }
    if !path.exists() {
        let problem = format!("{subject}: there is no such file, expected a shared library");
        return Err(Trouble::Arguments(problem));
    }
    match plugin_abi::register(path) {
        Ok(scheme) => Ok(scheme.manifest().name.to_owned()),
        Err(e) => Err(Trouble::Library(e.to_string())),
    }
}

/// `key=value` as the scheme's option has it; what is not of its kind stays text, of which the
/// option then complains.
fn option(scheme: &str, text: &str) -> Result<(String, OptionValue), String> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(format!("--option {text}: found no `=`, expected key=value"));
    };
    let options = registry::scheme(scheme).map(|s| s.manifest().options);
    let options = options.map_err(|e| e.to_string())?;
    let kind = options.iter().find(|o| o.name == key).map(|o| &o.kind);
    let list = |item: fn(&str) -> Option<OptionValue>| {
        let items = value.split(',').map(|text| item(text.trim()));
        items.collect::<Option<Vec<_>>>().map(OptionValue::List)
    };
    let integer = |text: &str| text.parse().ok().map(OptionValue::Integer);
    let parsed = match kind {
        Some(OptionKind::Flag) => value.parse().ok().map(OptionValue::Flag),
        Some(OptionKind::Integer { .. }) => integer(value),
        Some(OptionKind::Number { .. } | OptionKind::ZeroOrNumber { .. }) => {
            value.parse().ok().map(OptionValue::Number)
        }
        Some(OptionKind::IntegerList) => list(integer),
        Some(OptionKind::TextList) => list(|text| Some(OptionValue::Text(text.to_owned()))),
        Some(OptionKind::Text | OptionKind::Choice(_)) | None => None,
    };
    let value = parsed.unwrap_or_else(|| OptionValue::Text(value.to_owned()));
    Ok((key.to_owned(), value))
}
