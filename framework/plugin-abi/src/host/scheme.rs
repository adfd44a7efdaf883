//! A plugin as a scheme.

use std::ffi::CString;
use std::ptr;
use std::sync::Arc;

use hexperiment_program::lower::Capabilities;
use hexperiment_scheme::options::Options;
use hexperiment_scheme::outside::{CapabilitiesJson, ManifestJson};
use hexperiment_scheme::security::Encryption;
use hexperiment_scheme::{
    Circuit, CircuitDigest, CompileRequest, Parameters, Scheme, SchemeError, SchemeManifest,
};

use super::circuit::PluginCircuit;
use super::handle::CircuitHandle;
use super::vtable::{Functions, Plugin};
use crate::abi;
use crate::text::program_text;

/// A plugin and what it says about itself.
pub(super) struct PluginScheme {
    plugin: Plugin,
    manifest: SchemeManifest,
}

impl PluginScheme {
    /// Asks for the manifest and checks it; `origin` is the file, for errors and for the name of
    /// the library in records.
    pub(super) fn new(functions: Functions, origin: &str) -> Result<Self, SchemeError> {
        let mut plugin = Plugin {
            functions,
            name: "plugin",
        };
        let bytes = plugin.call("manifest", |reply| {
            // SAFETY: the function is one of a table that passed inspection; the reply is alive.
            unsafe { (functions.manifest)(reply) }
        })?;
        let wire: ManifestJson = plugin.json("manifest", &bytes)?;
        let mut manifest = wire.checked().map_err(|e| plugin.broken("manifest", e))?;
        plugin.name = manifest.name;
        manifest.library = format!("{} ({origin})", manifest.library);
        Ok(Self { plugin, manifest })
    }

    fn options(&self, options: &Options) -> Result<CString, SchemeError> {
        self.c_text(
            "options",
            serde_json::to_string(options).map_err(|e| self.failed(e))?,
        )
    }

    fn c_text(&self, what: &str, text: String) -> Result<CString, SchemeError> {
        CString::new(text).map_err(|_| self.failed(format_args!("{what}: a zero byte in the text")))
    }

    fn failed(&self, problem: impl std::fmt::Display) -> SchemeError {
        SchemeError::Library {
            library: self.plugin.name,
            operation: "call".into(),
            message: problem.to_string(),
        }
    }

    fn parameters(
        &self,
        circuit: &CircuitHandle,
        outputs: usize,
    ) -> Result<Parameters, SchemeError> {
        let what = "parameters";
        let bytes = self.plugin.call(what, |reply| {
            // SAFETY: the circuit is alive, as is the reply.
            unsafe { (self.plugin.functions.parameters)(circuit.pointer(), reply) }
        })?;
        let parameters: Parameters = self.plugin.json(what, &bytes)?;
        parameters
            .from_outside(outputs)
            .map_err(|e| self.plugin.broken(what, e))
    }
}

impl Scheme for PluginScheme {
    fn manifest(&self) -> SchemeManifest {
        self.manifest.clone()
    }

    fn capabilities(&self, options: &Options) -> Result<Capabilities, SchemeError> {
        let what = "capabilities";
        let options = self.options(options)?;
        let bytes = self.plugin.call(what, |reply| {
            // SAFETY: the text ends in a zero byte and outlives the call, as does the reply.
            unsafe { (self.plugin.functions.capabilities)(options.as_ptr(), reply) }
        })?;
        let wire: CapabilitiesJson = self.plugin.json(what, &bytes)?;
        wire.checked().map_err(|e| self.plugin.broken(what, e))
    }

    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        let what = "compile";
        let program = request.lowered.program();
        let options = self.options(request.options)?;
        let json = serde_json::to_string(program).map_err(|e| self.failed(e))?;
        let json = self.c_text("program", json)?;
        let text = self.c_text("program", program_text(program))?;
        let wire = abi::CompileRequest {
            struct_size: size_of::<abi::CompileRequest>() as u32,
            security_bits: request.security.bits,
            insecure: u32::from(request.security.insecure),
            threads: u32::try_from(request.threads).unwrap_or(u32::MAX),
            encryption: match request.security.encryption {
                Encryption::Owner => abi::ENCRYPTION_OWNER,
                Encryption::Public => abi::ENCRYPTION_PUBLIC,
            },
            failure_log2: request.security.failure_log2,
            options_json: options.as_ptr(),
            program_json: json.as_ptr(),
            program_text: text.as_ptr(),
        };
        let mut circuit = ptr::null_mut();
        self.plugin.call(what, |reply| {
            // SAFETY: the request and its texts, the place for the handle and the reply outlive the
            // call.
            unsafe { (self.plugin.functions.compile)(&raw const wire, &raw mut circuit, reply) }
        })?;
        let circuit = CircuitHandle::new(self.plugin, circuit)
            .ok_or_else(|| self.plugin.broken(what, "no circuit"))?;
        let parameters = self.parameters(&circuit, program.outputs().len())?;
        let library = &self.manifest.library;
        let digest = CircuitDigest::of(library, &request, &parameters.chosen)?;
        Ok(Box::new(PluginCircuit::new(
            Arc::new(circuit),
            request.lowered.clone(),
            parameters,
            digest,
        )))
    }
}
