//! What tests of a task share: its program compiled under a scheme, ready for sessions.

use hexperiment_program::Program;
use hexperiment_program::lower::Lowered;
use hexperiment_scheme::options::Options;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{Circuit, CompileRequest, Parties, Scheme, SchemeError};

use crate::session::Session;

/// A program compiled at 128 bits for one thread, with the scheme's options left empty.
pub struct Testbed {
    /// The roles of the session; a test may put a decryptor or an evaluator of its own among them.
    pub keys: Parties,
    lowered: Lowered,
    circuit: Box<dyn Circuit>,
}

impl Testbed {
    /// Lowers and compiles `program`, makes keys, and prepares the server.
    pub fn new(scheme: &dyn Scheme, program: &Program) -> Result<Self, SchemeError> {
        let options = Options::default();
        let security = SecurityDemand {
            bits: 128,
            insecure: false,
        };
        let lowered = scheme.lower(program, &options, security)?;
        let circuit = scheme.compile(CompileRequest {
            lowered: &lowered,
            options: &options,
            security,
            threads: 1,
        })?;
        Ok(Self {
            keys: Parties::of(circuit.as_ref())?,
            lowered,
            circuit,
        })
    }

    /// A session of which nothing has happened yet.
    pub fn session(&self) -> Session<'_> {
        Session::new(self.circuit.as_ref(), &self.lowered, &self.keys)
    }
}
