//! From a command to a scheme of the registry.

use std::sync::{Mutex, PoisonError};

use hexperiment_scheme::Scheme;
use hexperiment_scheme::registry::{self, NoScheme, Program};

use crate::command::Command;
use crate::scheme::ProgramScheme;

/// The programs that were found, by what named them.
static FOUND: Mutex<Vec<(Program, &'static ProgramScheme)>> = Mutex::new(Vec::new());

/// Finds the scheme of a program: starts it as client, and asks what it is. The process goes on, and is
/// the client of the first circuit. A program that was found before is the same scheme.
///
/// # Errors
///
/// There is no such executable, it does not speak the protocol, does not answer within 20 s, or says
/// what no scheme says.
pub fn find(program: &Program) -> Result<&'static dyn Scheme, NoScheme> {
    let scheme = found(program, |command, name| {
        ProgramScheme::ask(command, name, true)
    })?;
    Ok(scheme)
}

/// As [`find`], for a process that only wants to know what the program is: that is ended, and the scheme
/// joins the registry.
///
/// # Errors
///
/// As [`find`]; and where the scheme's name is taken.
pub fn look(program: &Program) -> Result<&'static dyn Scheme, NoScheme> {
    let scheme: &'static dyn Scheme = found(program, |command, name| {
        ProgramScheme::ask(command, name, false)
    })?;
    let name = scheme.manifest().name;
    match registry::scheme(name) {
        Ok(known) if std::ptr::addr_eq(known, scheme) => Ok(scheme),
        _ => {
            registry::register_scheme(scheme).map_err(|_| NoScheme {
                problem: format!("there already is a scheme `{name}`, as the program is called"),
                help: "give it another `name` beside `command`".into(),
            })?;
            Ok(scheme)
        }
    }
}

/// How the program of a scheme is started as server, with standard streams still to be said, and what it
/// calls itself: whoever speaks the protocol for it asks for that scheme.
///
/// # Errors
///
/// As [`find`].
pub fn server_command(program: &Program) -> Result<(std::process::Command, String), NoScheme> {
    let scheme = found(program, |command, name| {
        ProgramScheme::ask(command, name, true)
    })?;
    let (command, name) = scheme.server();
    Ok((command, name.to_owned()))
}

fn found(
    program: &Program,
    ask: impl FnOnce(Command, Option<&str>) -> Result<ProgramScheme, NoScheme>,
) -> Result<&'static ProgramScheme, NoScheme> {
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, scheme)) = found.iter().find(|(known, _)| known == program) {
        return Ok(scheme);
    }
    let scheme = ask(Command::find(program)?, program.name.as_deref())?;
    let scheme: &'static ProgramScheme = Box::leak(Box::new(scheme));
    found.push((program.clone(), scheme));
    Ok(scheme)
}
