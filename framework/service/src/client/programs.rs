//! Programs: registered, compiled by the service, deleted.

use hexperiment_scheme::CircuitDigest;
use hexperiment_wire::{Order, hex as hex_digest};

use super::http::Content;
use super::{ServiceClient, ServiceError};
use crate::api::{LONGEST_WAIT_S, ProgramInfo, ProgramRequest, ProgramState};

impl ServiceClient {
    /// Registers a program, whose circuit is the client's, as compiled by this library. The same one
    /// again is the same program.
    ///
    /// # Errors
    /// The service has another version of the library, or takes no such program.
    pub fn register(
        &self,
        order: &Order,
        circuit: CircuitDigest,
        library: &str,
        public: bool,
    ) -> Result<ProgramInfo, ServiceError> {
        let program = serde_json::from_slice(&order.program)
            .map_err(|e| ServiceError::Answer(format!("the program: {e}")))?;
        let request = ProgramRequest {
            scheme: order.scheme.clone(),
            options: order.options.clone(),
            security: order.security,
            threads: order.threads,
            optimise: order.objective,
            program,
            circuit: hex_digest(circuit),
            library: library.to_owned(),
            public,
        };
        self.register_request(&request)
    }

    /// As [`ServiceClient::register`], of a request that is kept in a file.
    ///
    /// # Errors
    /// As [`ServiceClient::register`].
    pub fn register_request(&self, request: &ProgramRequest) -> Result<ProgramInfo, ServiceError> {
        self.http
            .ask("POST", "/v1/programs", &Content::json(request)?)
    }

    /// The client's programs.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn programs(&self) -> Result<Vec<ProgramInfo>, ServiceError> {
        self.get("/v1/programs")
    }

    /// A program as it was registered.
    ///
    /// # Errors
    /// It is neither the client's nor public.
    pub fn program_source(&self, program: &str) -> Result<ProgramRequest, ServiceError> {
        self.get(&format!("/v1/programs/{program}/source"))
    }

    /// Waits until the service has compiled a program to the same circuit.
    ///
    /// # Errors
    /// It refuses, fails, or has another circuit.
    pub fn wait_for_program(&self, program: &str) -> Result<ProgramInfo, ServiceError> {
        loop {
            let found: ProgramInfo =
                self.get(&format!("/v1/programs/{program}?wait={LONGEST_WAIT_S}"))?;
            let reason = || found.reason.clone().unwrap_or_default();
            match found.state {
                ProgramState::Checking => {}
                ProgramState::Ready => return Ok(found),
                ProgramState::Refused => return Err(ServiceError::Refused(reason())),
                ProgramState::Failed => return Err(ServiceError::Failed(reason())),
            }
        }
    }

    /// Deletes a program, with its keys and what is under them.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn delete_program(&self, program: &str) -> Result<(), ServiceError> {
        self.http.delete(&format!("/v1/programs/{program}"))
    }
}
