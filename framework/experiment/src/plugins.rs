//! The sections whose options a plugin declares: `[task]` and `[[scheme]]`.

use std::collections::HashSet;

use toml::de::{DeTable, DeValue};

use super::command::program_of;
use super::matrix::MOST_CELLS;
use super::parse::{Checker, describe, options};
use super::{PluginChoice, sections};
use hexperiment_diagnostics::{Complaint, printable};
use hexperiment_scheme::options::{OptionSpec, OptionValue};
use hexperiment_scheme::outside::is_scheme_name;
use hexperiment_scheme::registry::{self, NoScheme, Program};

/// Characters of a label: more would leave no room for the table that it stands in.
const LONGEST_LABEL: usize = 100;

/// What a section names: a plugin of the registry, or a program.
struct Named {
    name: String,
    /// The place of the name.
    at: usize,
    /// The options of its own.
    own: Vec<OptionSpec>,
    program: Option<Program>,
}

/// The plugin that a section names by `use`.
fn by_use(
    checker: &mut Checker<'_>,
    section: &str,
    table: &DeTable<'_>,
    offset: usize,
    manifest: impl Fn(&str) -> Result<Vec<OptionSpec>, registry::UnknownPlugin>,
) -> Option<Named> {
    let Some(name) = table.get("use") else {
        let help = Some(format!("write `use = \"…\"` in {section}"));
        checker.complain(offset, format!("{section} lacks `use`"), help);
        return None;
    };
    let at = name.span().start;
    let DeValue::String(name) = name.get_ref() else {
        let found = describe(name.get_ref());
        checker.complain(
            at,
            format!("`use` in {section}: found {found}, expected a name"),
            Some("`list` shows the names; they are in quotes".into()),
        );
        return None;
    };
    match manifest(name) {
        Ok(own) => Some(Named {
            name: name.as_ref().to_owned(),
            at,
            own,
            program: None,
        }),
        Err(unknown) => {
            let (message, help) = if let Some(feature) = unknown.feature {
                (
                    unknown.problem(),
                    format!(
                        "`cargo xtask run` builds what an experiment names; by hand: cargo build \
                     --release --features {feature}"
                    ),
                )
            } else {
                let hint = unknown
                    .suggestion
                    .map(|s| format!("did you mean \"{s}\"? "))
                    .unwrap_or_default();
                let name = printable::cut(name, 60);
                (
                    format!("there is no {} \"{name}\"", unknown.what),
                    format!("{hint}known: {}", unknown.known.join(", ")),
                )
            };
            checker.complain(at, message, Some(help));
            None
        }
    }
}

/// How a command is written.
const COMMAND: &str = "write it as `command = [\"./my-scheme\", \"--flag\"]`: the executable, then its \
                       arguments";

/// The program that a scheme's section names by `command`: it is started, to learn what it is.
fn by_command(checker: &mut Checker<'_>, section: &str, table: &DeTable<'_>) -> Option<Named> {
    let command = table.get("command")?;
    let at = command.span().start;
    if let Some(other) = table.get("use") {
        let message = format!("{section}: found `use` and `command`, expected one of them");
        let help = "`use` names a scheme that is known, `command` a program that is one";
        checker.complain(other.span().start, message, Some(help.into()));
        return None;
    }
    let Some(program) = program_of(table, checker.file) else {
        let found = describe(command.get_ref());
        let message = format!("`command` in {section}: found {found}, expected a list of strings");
        checker.complain(at, message, Some(COMMAND.into()));
        return None;
    };
    if let Some(name) = table.get("name") {
        let fits = |name: &String| is_scheme_name(name);
        if !program.name.as_ref().is_some_and(fits) {
            let message = format!(
                "`name` in {section}: found {}, expected lower-case letters, digits and hyphens, at \
                 most 64",
                describe(name.get_ref())
            );
            let help = "leave it out for the name that the program has";
            checker.complain(name.span().start, message, Some(help.into()));
            return None;
        }
    }
    match registry::program(&program) {
        Ok(scheme) => {
            let manifest = scheme.manifest();
            Some(Named {
                name: manifest.name.to_owned(),
                at,
                own: manifest.options,
                program: Some(program),
            })
        }
        Err(NoScheme { problem, help }) => {
            let command = OptionValue::List(
                program
                    .command
                    .iter()
                    .cloned()
                    .map(OptionValue::Text)
                    .collect(),
            );
            let message = format!("`command = {}` in {section}: {problem}", command.brief());
            checker.complain(at, message, Some(help));
            None
        }
    }
}

/// The options of a plugin's section, once it is known what it names.
fn plugin(
    checker: &mut Checker<'_>,
    section: &str,
    table: &DeTable<'_>,
    offset: usize,
    named: Named,
    shared: &[OptionSpec],
) -> (PluginChoice, usize) {
    let Named {
        name,
        at,
        own,
        program,
    } = named;
    let specs: Vec<OptionSpec> = shared.iter().chain(&own).cloned().collect();
    let mut given = checker.section(section, table, offset, &specs);
    let label = match given.remove("label") {
        Some((OptionValue::Text(label), at)) => {
            let length = label.chars().count();
            if label.trim().is_empty() || !printable::is_plain(&label) || length > LONGEST_LABEL {
                let found = printable::quoted(&label);
                let message = format!(
                    "`label` in {section}: found {found} of {length} characters, expected a name of at \
                     most {LONGEST_LABEL}"
                );
                let help = "tables call the row so: one line with something to read in it";
                checker.complain(at, message, Some(help.into()));
            }
            label
        }
        _ => name.clone(),
    };
    for key in ["use", "command", "name"] {
        given.remove(key);
    }
    let choice = PluginChoice {
        name,
        label,
        options: options(&own, &given),
        program,
    };
    (choice, at)
}

pub(super) fn check_task(checker: &mut Checker<'_>, root: &DeTable<'_>) -> Option<PluginChoice> {
    if !root.contains_key("task") {
        let names = hexperiment_task::registry::names();
        let complaint = Complaint::new(checker.file, "there is no [task]");
        checker
            .complaints
            .push(complaint.help(format!("tasks: {}", names.join(", "))));
        return None;
    }
    let (table, offset) = checker.table(root, "task")?;
    let find = |name: &str| hexperiment_task::registry::task(name).map(|t| t.manifest().options);
    let named = by_use(checker, "[task]", table, offset, find)?;
    let shared = sections::plugin(false);
    Some(plugin(checker, "[task]", table, offset, named, &shared).0)
}

pub(super) fn check_schemes(checker: &mut Checker<'_>, root: &DeTable<'_>) -> Vec<PluginChoice> {
    let mut schemes: Vec<PluginChoice> = Vec::new();
    let Some(value) = root.get("scheme") else {
        let complaint = Complaint::new(checker.file, "there is no [[scheme]]");
        checker
            .complaints
            .push(complaint.help(format!("schemes: {}", registry::names().join(", "))));
        return schemes;
    };
    let DeValue::Array(entries) = value.get_ref() else {
        let help = Some("write it as [[scheme]], once for each scheme".into());
        checker.complain(
            value.span().start,
            format!(
                "`scheme`: found {}, expected a list of tables",
                describe(value.get_ref())
            ),
            help,
        );
        return schemes;
    };
    if entries.is_empty() {
        let help = "write it as [[scheme]], once for each scheme";
        let message = "there is no [[scheme]]: found an empty list, expected at least one";
        checker.complain(value.span().start, message.into(), Some(help.into()));
    }
    if entries.len() > MOST_CELLS {
        let message = format!(
            "found {} tables [[scheme]], expected at most {MOST_CELLS}",
            entries.len()
        );
        let help = "each makes a cell: make several experiments of it";
        checker.complain(value.span().start, message, Some(help.into()));
        return schemes;
    }
    let mut labels = HashSet::new();
    checker.few(|checker| {
        for entry in entries {
            let offset = entry.span().start;
            let DeValue::Table(table) = entry.get_ref() else {
                let found = describe(entry.get_ref());
                checker.complain(
                    offset,
                    format!("[[scheme]]: found {found}, expected a table"),
                    Some("write it as [[scheme]], once for each scheme".into()),
                );
                continue;
            };
            let find = |name: &str| registry::scheme(name).map(|s| s.manifest().options);
            let section = "[[scheme]]";
            let (named, shared) = if table.contains_key("command") {
                (by_command(checker, section, table), sections::program())
            } else {
                let named = by_use(checker, section, table, offset, find);
                (named, sections::plugin(true))
            };
            let Some(named) = named else {
                continue;
            };
            let (choice, at) = plugin(checker, section, table, offset, named, &shared);
            if !labels.insert(choice.label.clone()) {
                let label = printable::cut(&choice.label, LONGEST_LABEL);
                let message = format!("two schemes are labelled \"{label}\"");
                checker.complain(at, message, Some("give each its own `label`".into()));
            }
            schemes.push(choice);
        }
    });
    schemes
}

/// Whether a scheme declares an option.
pub(super) fn scheme_has(scheme: &str, option: &str) -> bool {
    registry::scheme(scheme).is_ok_and(|s| s.manifest().options.iter().any(|o| o.name == option))
}
