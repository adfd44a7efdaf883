//! A program as a scheme.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hexperiment_program::lower::Capabilities;
use hexperiment_scheme::options::Options;
use hexperiment_scheme::outside::{CapabilitiesJson, ManifestJson, keep};
use hexperiment_scheme::registry::NoScheme;
use hexperiment_scheme::{
    Circuit, CompileRequest, Parameters, Scheme, SchemeError, SchemeManifest,
};
use hexperiment_wire::{Host, Introduced, Limits, Order};

use crate::circuit::ProgramCircuit;
use crate::command::Command;
use crate::origin::{Client, Origin};
use crate::process::{Process, starts};
use crate::talk::{SOFTWARE, Talk, asked, library, told};

/// Time for a program to start and to say what it is.
const LIMIT: Duration = Duration::from_secs(20);

/// A program, and what it says about itself.
pub(crate) struct ProgramScheme {
    origin: Arc<Origin>,
    manifest: SchemeManifest,
    /// A process that has compiled nothing yet.
    idle: Mutex<Option<Client<Introduced>>>,
    /// What it can, by its options as JSON.
    capabilities: Mutex<BTreeMap<String, Capabilities>>,
}

impl ProgramScheme {
    /// Starts a program, and asks what it is. The process is kept for the first circuit, or ended.
    pub(crate) fn ask(
        command: Command,
        name: Option<&str>,
        keep_it: bool,
    ) -> Result<Self, NoScheme> {
        let help = "the program is started with `client` as its last argument, and speaks the protocol \
                    of docs/wire.md on standard input and output";
        let no = |problem: String| NoScheme {
            problem,
            help: help.into(),
        };
        let started = Process::start(&command, "client", keep_it);
        let (mut process, (output, input)) =
            started.map_err(|e| no(format!("the program cannot be started: {e}")))?;
        let (said, late) = process.limited(LIMIT, || {
            let mut host = Host::greet(output, input, Limits::default(), SOFTWARE)?;
            let told = host.describe()?;
            Ok((host, told))
        });
        if late {
            let seconds = LIMIT.as_secs();
            return Err(no(format!(
                "the program was still busy after {seconds}s, before it had said what it is"
            )));
        }
        let (stage, manifest) = said.map_err(|error| no(told(&mut process, &error)))?;
        let broken = |problem: String| no(format!("the manifest of the program: {problem}"));
        let json: ManifestJson =
            serde_json::from_slice(&manifest.bytes).map_err(|e| broken(e.to_string()))?;
        let mut manifest = json.checked().map_err(broken)?;
        let own_name = manifest.name.to_owned();
        if let Some(name) = name {
            manifest.name = keep(name);
        }
        manifest.library = format!("{} ({})", manifest.library, command.origin);
        let idle = keep_it.then_some(Talk { process, stage });
        Ok(Self {
            origin: Arc::new(Origin {
                command,
                name: manifest.name,
                own_name,
            }),
            manifest,
            idle: Mutex::new(idle),
            capabilities: Mutex::default(),
        })
    }

    /// How the program is started as server, and what it calls itself.
    pub(crate) fn server(&self) -> (std::process::Command, &str) {
        let command = starts(&self.origin.command, "server");
        (command, &self.origin.own_name)
    }

    /// The process that has compiled nothing yet, if there is one.
    fn idle(&self) -> Option<Client<Introduced>> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// JSON that the program wrote.
    fn json<T: serde::de::DeserializeOwned>(
        &self,
        operation: &str,
        bytes: &[u8],
    ) -> Result<T, SchemeError> {
        serde_json::from_slice(bytes)
            .map_err(|e| self.broken(operation, format!("malformed JSON: {e}")))
    }

    fn broken(&self, operation: &str, problem: String) -> SchemeError {
        let message = format!("the program breaks the protocol: {problem}");
        library(self.origin.name, operation, message)
    }
}

impl Scheme for ProgramScheme {
    fn manifest(&self) -> SchemeManifest {
        self.manifest.clone()
    }

    fn capabilities(&self, options: &Options) -> Result<Capabilities, SchemeError> {
        let what = "capabilities";
        let name = self.origin.name;
        let key = serde_json::to_string(options).map_err(|e| library(name, what, e.to_string()))?;
        let mut known = self
            .capabilities
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&key) {
            return Ok(known.clone());
        }
        let mut client = match self.idle() {
            Some(idle) => idle,
            None => self.origin.client()?,
        };
        let Talk { process, stage } = &mut client;
        let bytes = asked(name, process, what, || {
            let told = stage.capabilities(options)?;
            Ok((told.bytes, told.measured))
        })?;
        let json: CapabilitiesJson = self.json(what, &bytes)?;
        let capabilities = json.checked().map_err(|e| self.broken(what, e))?;
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
        known.insert(key, capabilities.clone());
        Ok(capabilities)
    }

    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        let what = "compile";
        let program = request.lowered.program();
        let order = Order {
            scheme: self.origin.own_name.clone(),
            options: request.options.clone(),
            security: request.security,
            threads: request.threads as u64,
            objective: request.objective,
            program: serde_json::to_vec(program)
                .map_err(|e| library(self.origin.name, what, e.to_string()))?,
        };
        let (client, chosen) = self.origin.compiled(self.idle(), &order)?;
        let parameters: Parameters = self.json(what, &chosen.parameters)?;
        let parameters = parameters
            .from_outside(program.outputs().len())
            .map_err(|e| self.broken(what, e))?;
        Ok(Box::new(ProgramCircuit::new(
            Arc::clone(&self.origin),
            request.lowered.clone(),
            parameters,
            order,
            client,
            &chosen,
        )))
    }
}
