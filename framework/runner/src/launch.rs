//! How the programs of schemes are started: a process of this program limits itself, and becomes the
//! other one. So nothing has to be done between the two halves of a fork.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use crate::out::tell;
use crate::{child, own_memory};

/// As a shell says it of what cannot be started.
const NOT_STARTED: u8 = 127;

/// Becomes this program, with at most so much memory: it is killed when the process is gone that started
/// it.
pub(crate) fn launch(memory: Option<u64>, words: &[OsString]) -> ExitCode {
    child::die_with_parent();
    if let Some(bytes) = memory {
        own_memory::limit_memory(bytes);
    }
    let Some((program, arguments)) = words.split_first() else {
        return crate::bad_input("`launch` is for the program's own use");
    };
    let mut command = Command::new(program);
    command.args(arguments);
    let problem = become_it(command);
    tell!("{}: {problem}", program.display());
    ExitCode::from(NOT_STARTED)
}

#[cfg(unix)]
fn become_it(mut command: Command) -> String {
    use std::os::unix::process::CommandExt as _;
    // It yields only where it fails.
    let error = command.exec();
    match error.kind() {
        // The file is there: it was found before.
        std::io::ErrorKind::NotFound => {
            "what its first line names (`#!…`) was not found, or a library that it needs".into()
        }
        _ => format!("it cannot be started: {error}"),
    }
}

#[cfg(not(unix))]
fn become_it(_: Command) -> String {
    "programs are started on Unix only".into()
}
