//! The side of a program that is the client: what the host asks is answered in order.

use std::io::{Read, Write};

use hexperiment_program::{InputId, OutputId};
use hexperiment_scheme::options::Options;
use hexperiment_scheme::{CircuitDigest, EvaluationKeys, KeyPart};

use crate::ask::unexpected;
use crate::error::WireError;
use crate::head::{Head, Measured, hex};
use crate::keys::send_keys;
use crate::limits::Limits;
use crate::link::Link;
use crate::server::{Cut, Ending, Order, Results, Stop, ended, greet};

/// Text or tables that a program answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// It: JSON in UTF-8, or doubles, row by row, least byte first.
    pub bytes: Vec<u8>,
    /// What the step took.
    pub measured: Measured,
}

/// Keys that a program has made.
#[derive(Debug)]
pub struct Made {
    /// Those for the server, as bytes.
    pub keys: EvaluationKeys,
    /// What making them took.
    pub measured: Measured,
}

/// What a program that is the client has compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The circuit.
    pub circuit: CircuitDigest,
    /// The library that encrypts and decrypts, with its version.
    pub library: String,
    /// Whether it repeats its arithmetic in the clear when it is asked to.
    pub simulates: bool,
    /// The parameters as JSON.
    pub parameters: Vec<u8>,
    /// What compiling took.
    pub measured: Measured,
}

/// What a program does that is the client. Its methods are called in the order in which they stand
/// here: the first two any number of times, one compilation, one making of keys, then the others; but
/// [`ClientService::simulate`] at any time after the compilation.
pub trait ClientService {
    /// Its manifest, as JSON.
    ///
    /// # Errors
    /// It cannot say.
    fn describe(&mut self) -> Result<Told, Stop>;

    /// Its capabilities with these options, as JSON.
    ///
    /// # Errors
    /// The options are none of its own, or it refuses.
    fn capabilities(&mut self, options: Options) -> Result<Told, Stop>;

    /// Compiles. The program is what the host sent: to be checked as anything from outside.
    ///
    /// # Errors
    /// The program is not sound, or it refuses.
    fn compile(&mut self, order: Order) -> Result<Chosen, Stop>;

    /// Makes fresh keys, and yields those for the server.
    ///
    /// # Errors
    /// The library cannot make them.
    fn generate_keys(&mut self) -> Result<(Vec<KeyPart>, Measured), Stop>;

    /// Encrypts a table.
    ///
    /// # Errors
    /// There is no such input, or its table is of another size.
    fn encrypt(&mut self, input: InputId, table: &[u8]) -> Result<Results, Stop>;

    /// Decrypts ciphertexts: a table.
    ///
    /// # Errors
    /// There is no such output, or the ciphertexts are not of it.
    fn decrypt(&mut self, output: OutputId, ciphertexts: &[u8]) -> Result<Told, Stop>;

    /// Repeats its arithmetic in the clear: from tables of all inputs those of all outputs.
    ///
    /// # Errors
    /// It does not simulate, or the tables are of another size.
    fn simulate(&mut self, tables: &[u8]) -> Result<Told, Stop>;

    /// The times of the whole process, and its peak memory.
    fn measured(&self) -> Measured;
}

/// Serves the host, from its greeting to its end. `software` names the program that calls, with its
/// version.
///
/// # Errors
///
/// The host did something against the protocol, of which it is told if it still listens, or the
/// streams failed. What stops the service is none: see [`Ending`].
pub fn serve_host<R: Read, W: Write>(
    reader: R,
    writer: W,
    limits: Limits,
    software: &str,
    service: &mut impl ClientService,
) -> Result<Ending, WireError> {
    let mut link = Link::new(reader, writer, limits);
    let end = converse(&mut link, software, service);
    ended(link, end)
}

/// How far the program is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Introduced,
    Bound(CircuitDigest),
    Keyed,
}

impl Stage {
    /// The frames that may come.
    fn expected(self) -> &'static [&'static str] {
        match self {
            Self::Introduced => &["describe", "capabilities", "compile", "bye"],
            Self::Bound(_) => &["generate-keys", "simulate", "bye"],
            Self::Keyed => &["encrypt", "decrypt", "simulate", "bye"],
        }
    }
}

fn converse<R: Read, W: Write>(
    link: &mut Link<R, W>,
    software: &str,
    service: &mut impl ClientService,
) -> Result<(), Cut> {
    greet(link, software)?;
    let mut stage = Stage::Introduced;
    loop {
        let expected = stage.expected();
        let (head, body) = link.receive(expected)?;
        let (answer, body) = match (head, stage) {
            (Head::Describe {}, _) => {
                let Told { bytes, measured } = service.describe()?;
                (Head::Described { measured }, bytes)
            }
            (Head::Capabilities { options }, _) => {
                let Told { bytes, measured } = service.capabilities(options)?;
                (Head::Capable { measured }, bytes)
            }
            (
                Head::Compile {
                    scheme,
                    options,
                    security,
                    threads,
                    objective,
                },
                _,
            ) => {
                let chosen = service.compile(Order {
                    scheme,
                    options,
                    security,
                    threads,
                    objective,
                    program: body,
                })?;
                stage = Stage::Bound(chosen.circuit);
                let head = Head::Parameters {
                    circuit: hex(chosen.circuit),
                    library: chosen.library,
                    simulates: chosen.simulates,
                    measured: chosen.measured,
                };
                (head, chosen.parameters)
            }
            (Head::GenerateKeys {}, Stage::Bound(circuit)) => {
                let (parts, measured) = service.generate_keys()?;
                send_keys(link, circuit, parts)?;
                stage = Stage::Keyed;
                (Head::Generated { measured }, Vec::new())
            }
            (Head::Encrypt { input }, _) => {
                let Results {
                    bytes,
                    ciphertexts,
                    measured,
                } = service.encrypt(input, &body)?;
                let encrypted = Head::Encrypted {
                    ciphertexts,
                    measured,
                };
                (encrypted, bytes)
            }
            (Head::Decrypt { output }, _) => {
                let Told { bytes, measured } = service.decrypt(output, &body)?;
                (Head::Decrypted { measured }, bytes)
            }
            (Head::Simulate {}, _) => {
                let Told { bytes, measured } = service.simulate(&body)?;
                (Head::Simulated { measured }, bytes)
            }
            (Head::Bye {}, _) => {
                let measured = service.measured();
                return Ok(link.send(&Head::Ended { measured }, &[])?);
            }
            (other, _) => return Err(unexpected(&other, expected).into()),
        };
        link.send(&answer, &body)?;
    }
}
