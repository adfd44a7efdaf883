//! What a shared library says of itself, learnt by a process that loads it in the place of this
//! one: its constructors and its functions may abort, fault, hang or end the process.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use hexperiment_plugin_abi as plugin_abi;
use serde::{Deserialize, Serialize};

use crate::{child, own_memory};

/// Time for a library to load and to say what it is.
const LIMIT: Duration = Duration::from_secs(20);

/// Bytes that a library may allocate to load and to say what it is.
const MEMORY: u64 = 2 << 30;

/// What the process says that has loaded a library.
#[derive(Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
enum Said {
    /// It is a plugin.
    Plugin {
        /// Its manifest, as JSON.
        manifest: String,
    },
    /// It cannot be used.
    Unfit {
        /// Why.
        why: String,
    },
}

/// Loads a library, and tells the process that started this one what it is.
pub(crate) fn answer(library: &Path) -> ExitCode {
    child::die_with_parent();
    own_memory::limit_memory(MEMORY);
    let said = match plugin_abi::announcement(library) {
        Ok(manifest) => Said::Plugin { manifest },
        Err(problem) => Said::Unfit {
            why: problem.to_string(),
        },
    };
    child::tell(&said)
}

/// The manifest of a library, as JSON, from a process of its own.
pub(crate) fn ask(library: &Path) -> Result<String, String> {
    let problem = |what: String| {
        format!(
            "plugin {}: {what}\n  help: the library is loaded by a process of its own, to learn what \
             it is; rebuild it, or leave it out of `--plugin` and {}",
            library.display(),
            plugin_abi::ENVIRONMENT
        )
    };
    let started = std::env::current_exe().and_then(|program| {
        let mut command = Command::new(program);
        command.arg("probe").arg(library);
        command.env_remove(plugin_abi::ENVIRONMENT);
        child::ask(&mut command, LIMIT, |line| serde_json::from_str(line).ok())
    });
    match started {
        Err(e) => Err(problem(format!("no process can be started for it: {e}"))),
        Ok(Err(ended)) => Err(problem(format!(
            "the process that loaded it {ended}, before it had said what it is"
        ))),
        Ok(Ok(Said::Unfit { why })) => Err(why),
        Ok(Ok(Said::Plugin { manifest })) => Ok(manifest),
    }
}
