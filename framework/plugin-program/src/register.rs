//! From a command to a scheme of the registry.

use std::sync::{Mutex, PoisonError};

use hexperiment_scheme::Scheme;
use hexperiment_scheme::registry::{self, NoScheme, Program};

use crate::command::Command;
use crate::scheme::ProgramScheme;

/// The programs that were found, by what named them.
static FOUND: Mutex<Vec<(Program, &'static ProgramScheme)>> = Mutex::new(Vec::new());

/// Finds the scheme of a program: starts it as client, asks what it is, and adds it to the registry. The
/// process goes on, and is the client of the first circuit. A program that was found before is the same
/// scheme.
///
/// # Errors
///
/// There is no such executable, it does not speak the protocol, does not answer within 20 s, says what
/// no scheme says, or has a name that is taken.
pub fn find(program: &Program) -> Result<&'static dyn Scheme, NoScheme> {
    found(program, true)
}

/// As [`find`], for a process that only wants to know what the program is: it is ended.
///
/// # Errors
///
/// As [`find`].
pub fn look(program: &Program) -> Result<&'static dyn Scheme, NoScheme> {
    found(program, false)
}

fn found(program: &Program, keep: bool) -> Result<&'static dyn Scheme, NoScheme> {
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, scheme)) = found.iter().find(|(known, _)| known == program) {
        return Ok(*scheme);
    }
    let command = Command::find(program)?;
    let scheme = ProgramScheme::ask(command, program.name.as_deref(), keep)?;
    let scheme: &'static ProgramScheme = Box::leak(Box::new(scheme));
    registry::register_scheme(scheme).map_err(|taken| NoScheme {
        problem: format!(
            "there already is a scheme `{}`, as the program is called",
            taken.name
        ),
        help: "give it another `name` beside `command`".into(),
    })?;
    found.push((program.clone(), scheme));
    Ok(scheme)
}
