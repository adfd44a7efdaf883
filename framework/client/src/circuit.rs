//! What is computed: `circuit.json`, and the circuit that both parties compile of it.

use std::path::Path;

use hexperiment_diagnostics::printable;
use hexperiment_program::layout::Objective;
use hexperiment_program::lower::Lowered;
use hexperiment_scheme::options::Options;
use hexperiment_scheme::security::{Encryption, Protection, SecurityDemand};
use hexperiment_scheme::{Circuit, CompileRequest, Scheme, SchemeError, memory, registry};
use hexperiment_task::linear_model::QueryModel;
use hexperiment_wire::Order;
use serde::{Deserialize, Serialize};

use crate::error::ClientError;
use crate::folder::{
    FORMAT, Folder, held_format, hex, json, private_folder, private_whole, read_json,
};

/// Rows of one batch at most: each is an element of vectors.
const MOST_ROWS: usize = 65_536;

/// Bytes of a result at most, of schemes that do not say how many they are.
const LONGEST_RESULT: u64 = 1 << 30;

const BEGIN: &str = "write it by `client init`, or copy it from whoever did";

/// What is asked for: a model under a scheme.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The model, with what it answers.
    pub query: QueryModel,
    /// The scheme's name.
    pub scheme: String,
    /// Its options, those that are given.
    pub options: Options,
    /// What is demanded of it; of one evaluation.
    pub security: SecurityDemand,
    /// Rows of a batch.
    pub rows: usize,
}

/// `circuit.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    format: u32,
    /// The digest of the circuit: whoever compiles another one is refused.
    circuit: String,
    scheme: String,
    /// The library that computes, with its version.
    library: String,
    options: Options,
    security: SecurityDemand,
    /// Rows of a batch.
    rows: usize,
    /// What the scheme chose, for people.
    parameters: Vec<(String, String)>,
    query: QueryModel,
}

/// Refuses a second statement in one folder.
fn is_free(file: &Path) -> Result<(), ClientError> {
    if !file.exists() {
        return Ok(());
    }
    Err(ClientError::file(
        file,
        "is there already",
        "name another folder by `--folder`; or delete this one, with the keys in it",
    ))
}

/// What is computed, compiled.
pub struct BoundCircuit {
    statement: Statement,
    pub(crate) lowered: Lowered,
    pub(crate) circuit: Box<dyn Circuit>,
}

impl BoundCircuit {
    /// Compiles what is wanted, and writes `circuit.json`.
    ///
    /// # Errors
    /// The folder has one, or cannot be written; the model, an option or the number of rows cannot be used;
    /// the scheme refuses the program or the demand.
    pub fn state(folder: &Folder, wanted: Wanted) -> Result<Self, ClientError> {
        let file = folder.circuit();
        is_free(&file)?;
        let bound = Self::compile(wanted, &file)?;
        private_folder(folder.path())?;
        let _held = folder.hold()?;
        // It was not there before the work; another process may have stated one since.
        is_free(&file)?;
        let text = json(&file, &bound.statement)?;
        private_whole(&file, &text)?;
        Ok(bound)
    }

    /// Reads `circuit.json`, and compiles the same circuit again.
    ///
    /// # Errors
    /// The file is not there or not as it must be, the library is another one, or the circuit that is
    /// compiled here has another digest.
    pub fn open(folder: &Folder) -> Result<Self, ClientError> {
        let file = folder.circuit();
        let stated: Statement = read_json(&file, BEGIN)?;
        held_format(&file, stated.format)?;
        let wanted = Wanted {
            query: stated.query.clone(),
            scheme: stated.scheme.clone(),
            options: stated.options.clone(),
            security: stated.security,
            rows: stated.rows,
        };
        let bound = Self::compile(wanted, &file)?;
        let found = &bound.statement;
        if found.library != stated.library {
            let problem = format!(
                "was written with {}, this program has {}",
                printable::quoted(&stated.library),
                found.library
            );
            let help = "use the same version of the program, or begin anew in another folder: ciphertexts and \
                        keys are of one version of a library";
            return Err(ClientError::file(&file, problem, help));
        }
        if found.circuit != stated.circuit {
            let problem = format!(
                "states circuit {}, which what it says of model, scheme and options does not compile to: that is \
                 {}",
                printable::cut(&stated.circuit, 16),
                printable::cut(&found.circuit, 16)
            );
            let help = "it was altered, or written by another version: copy it again from whoever wrote it, or \
                        begin anew in another folder";
            return Err(ClientError::file(&file, problem, help));
        }
        Ok(bound)
    }

    fn compile(wanted: Wanted, file: &Path) -> Result<Self, ClientError> {
        let Wanted {
            query,
            scheme,
            options,
            security,
            rows,
        } = wanted;
        let bad = |problem: String, help: &str| ClientError::file(file, problem, help);
        if !(1..=MOST_ROWS).contains(&rows) {
            let problem = format!("`rows`: found {rows}, expected 1 to {MOST_ROWS}");
            return Err(bad(problem, "choose the rows of a batch by `--rows`"));
        }
        let query = query
            .checked()
            .map_err(|e| bad(format!("the model: {e}"), "give another model, or mend it"))?;
        let program = query.program(rows).map_err(|e| {
            let help = "give a model whose weights and clip allow scores below 1e15";
            bad(format!("the model: {e}"), help)
        })?;
        let found = registry::scheme(&scheme);
        let found: &dyn Scheme =
            found.map_err(|e| bad(e.to_string(), "`hexperiment list` shows the schemes"))?;
        let manifest = found.manifest();
        let options = manifest
            .checked(&options)
            .map_err(|e| bad(e, "`hexperiment list NAME` shows the options of a scheme"))?;
        let failed = ClientError::of("compile");
        let lowered = found.lower(&program, &options, security).map_err(&failed)?;
        let circuit = found
            .compile(CompileRequest {
                lowered: &lowered,
                options: &options,
                security,
                threads: threads(),
                objective: Objective::default(),
            })
            .map_err(&failed)?;
        let parameters = circuit.parameters();
        parameters.meets(security).map_err(ClientError::Demand)?;
        let shares = parameters.security.protection() == Protection::TransportOnly;
        if shares && security.encryption == Encryption::Public {
            return Err(ClientError::Demand(format!(
                "encryption: `{scheme}` has one key, which encrypts and decrypts: a data owner who is not the \
                 key owner would hold it"
            )));
        }
        if let Some(need) = parameters.memory_bytes {
            let held = memory::hold(need, memory::left()).map_err(SchemeError::from);
            held.map_err(&failed)?;
        }
        let statement = Statement {
            format: FORMAT,
            circuit: hex(circuit.digest().as_bytes()),
            scheme,
            library: manifest.library,
            options,
            security,
            rows,
            parameters: parameters.chosen.clone(),
            query,
        };
        Ok(Self {
            statement,
            lowered,
            circuit,
        })
    }

    /// The circuit's digest, in hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.statement.circuit
    }

    /// The scheme's name.
    pub fn scheme(&self) -> &str {
        &self.statement.scheme
    }

    /// The library that computes, with its version.
    pub fn library(&self) -> &str {
        &self.statement.library
    }

    /// The model, with what it answers.
    pub fn query(&self) -> &QueryModel {
        &self.statement.query
    }

    /// Rows of a batch.
    pub fn rows(&self) -> usize {
        self.statement.rows
    }

    /// Who encrypts.
    pub fn encryption(&self) -> Encryption {
        self.statement.security.encryption
    }

    /// What the scheme chose, and what follows from it.
    pub fn parameters(&self) -> &hexperiment_scheme::Parameters {
        self.circuit.parameters()
    }

    /// Holds the sizes of a batch's results, as a server states them, against the circuit's: as many as there
    /// are outputs, each of the bytes that follow from the parameters, where the scheme says them.
    ///
    /// # Errors
    /// They are not so.
    pub(crate) fn are_results(&self, found: &[u64]) -> Result<(), ClientError> {
        let outputs = self.lowered.program().outputs().len();
        let wrong = |expected: String| {
            ClientError::Server(format!(
                "it states results of {found:?} bytes, expected {expected}"
            ))
        };
        if found.len() != outputs {
            let found = found.len();
            let problem = format!("it states {found} results, expected {outputs}");
            return Err(ClientError::Server(problem));
        }
        match self.circuit.sizes() {
            Some(sizes) if sizes.outputs != found => Err(wrong(format!("{:?}", sizes.outputs))),
            Some(_) => Ok(()),
            None if found.iter().all(|bytes| *bytes <= LONGEST_RESULT) => Ok(()),
            None => Err(wrong(format!("at most {LONGEST_RESULT} each"))),
        }
    }

    /// What a server is asked to compile.
    ///
    /// # Errors
    /// The program cannot be written down; none that was compiled is so.
    pub fn order(&self) -> Result<Order, ClientError> {
        let program = serde_json::to_vec(self.lowered.program());
        Ok(Order {
            scheme: self.statement.scheme.clone(),
            options: self.statement.options.clone(),
            security: self.statement.security,
            threads: threads() as u64,
            objective: Objective::default(),
            program: program.map_err(|e| ClientError::Server(e.to_string()))?,
        })
    }
}

/// Threads to compute with: all processors.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
