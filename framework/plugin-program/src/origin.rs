//! What all that belongs to a scheme knows of its program: how it is started, and let compile.

use std::process::{ChildStdin, ChildStdout};

use hexperiment_scheme::SchemeError;
use hexperiment_wire::{Bound, Chosen, Host, Introduced, Limits, Order};

use crate::command::Command;
use crate::process::Process;
use crate::talk::{SOFTWARE, Talk, asked, broken, library, told};

/// A program that is the client, at one stage.
pub(crate) type Client<Stage> = Talk<Host<Stage, ChildStdout, ChildStdin>>;

/// What all that belongs to a program's scheme knows of it.
pub(crate) struct Origin {
    pub(crate) command: Command,
    /// What experiments call the scheme.
    pub(crate) name: &'static str,
    /// What the program calls itself.
    pub(crate) own_name: String,
}

impl Origin {
    /// Starts the program as client, and greets it.
    pub(crate) fn client(&self) -> Result<Client<Introduced>, SchemeError> {
        let operation = "start as client";
        let started = Process::start(&self.command, "client", true);
        let (mut process, (output, input)) =
            started.map_err(|e| library(self.name, operation, e.to_string()))?;
        let greeted = Host::greet(output, input, Limits::default(), SOFTWARE);
        let stage = greeted.map_err(|e| broken(self.name, operation, told(&mut process, &e)))?;
        Ok(Talk { process, stage })
    }

    /// Starts the program as client, and lets it compile.
    pub(crate) fn compiled(
        &self,
        idle: Option<Client<Introduced>>,
        order: &Order,
    ) -> Result<(Client<Bound>, Chosen), SchemeError> {
        let Talk { mut process, stage } = match idle {
            Some(idle) => idle,
            None => self.client()?,
        };
        let (stage, chosen) = asked(self.name, &mut process, "compile", || {
            let (stage, chosen) = stage.compile(order)?;
            let measured = chosen.measured;
            Ok(((stage, chosen), measured))
        })?;
        Ok((Talk { process, stage }, chosen))
    }
}
