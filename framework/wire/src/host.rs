//! The framework's side of a program that is the client: a type for each stage, so that frames cannot be
//! sent out of order. The program has the secret key; the host has the data, and believes nothing.

use std::io::{Read, Write};

use hexperiment_program::{InputId, OutputId};
use hexperiment_scheme::options::Options;
use hexperiment_scheme::{CircuitDigest, EvaluationKeys};

use crate::ask::{answer, ask, greet, send, unexpected};
use crate::error::WireError;
use crate::head::{Head, Measured, digest_named, same_circuit};
use crate::keys::key_parts;
use crate::limits::Limits;
use crate::link::Link;
use crate::program::{Chosen, Made, Told};
use crate::server::{Order, Results};

/// A program that has been greeted: it may be asked what it is, and to compile.
#[derive(Debug)]
pub struct Introduced(());

/// A program that has compiled: it may be asked for keys.
#[derive(Debug)]
pub struct Bound {
    circuit: CircuitDigest,
}

/// A program that has keys: it may be asked to encrypt and decrypt.
#[derive(Debug)]
pub struct Keyed(());

/// A stage in which the program has a circuit.
pub trait HasCircuit {}
impl HasCircuit for Bound {}
impl HasCircuit for Keyed {}

/// The host's side of a conversation, at one stage of it. An error ends the conversation.
pub struct Host<Stage, R, W> {
    link: Link<R, W>,
    stage: Stage,
}

impl<Stage, R: Read, W: Write> Host<Stage, R, W> {
    /// Sends a frame, and reads its answer.
    fn ask(
        &mut self,
        head: &Head,
        body: &[u8],
        expected: &'static [&'static str],
    ) -> Result<(Head, Vec<u8>), WireError> {
        ask(&mut self.link, head, body, expected)
    }

    /// Ends the conversation; what the program's whole process took.
    ///
    /// # Errors
    ///
    /// The program fails, or writes more.
    pub fn bye(mut self) -> Result<Measured, WireError> {
        const EXPECTED: &[&str] = &["ended", "refused", "failed"];
        match self.ask(&Head::Bye {}, &[], EXPECTED)?.0 {
            Head::Ended { measured } => {
                self.link.finish()?;
                Ok(measured)
            }
            other => Err(unexpected(&other, EXPECTED)),
        }
    }
}

impl<R: Read, W: Write> Host<Introduced, R, W> {
    /// Greets the program. `software` names the program that calls, with its version.
    ///
    /// # Errors
    ///
    /// The program speaks another version, or does not speak the protocol.
    pub fn greet(reader: R, writer: W, limits: Limits, software: &str) -> Result<Self, WireError> {
        let mut link = Link::new(reader, writer, limits);
        greet(&mut link, software)?;
        Ok(Self {
            link,
            stage: Introduced(()),
        })
    }

    /// Asks what the program is: its manifest, as JSON.
    ///
    /// # Errors
    ///
    /// The program fails.
    pub fn describe(&mut self) -> Result<Told, WireError> {
        const EXPECTED: &[&str] = &["described", "refused", "failed"];
        match self.ask(&Head::Describe {}, &[], EXPECTED)? {
            (Head::Described { measured }, bytes) => Ok(Told { bytes, measured }),
            (other, _) => Err(unexpected(&other, EXPECTED)),
        }
    }

    /// Asks which operations it has with these options: its capabilities, as JSON.
    ///
    /// # Errors
    ///
    /// The program refuses or fails.
    pub fn capabilities(&mut self, options: &Options) -> Result<Told, WireError> {
        const EXPECTED: &[&str] = &["capable", "refused", "failed"];
        let options = options.clone();
        match self.ask(&Head::Capabilities { options }, &[], EXPECTED)? {
            (Head::Capable { measured }, bytes) => Ok(Told { bytes, measured }),
            (other, _) => Err(unexpected(&other, EXPECTED)),
        }
    }

    /// Lets the program compile.
    ///
    /// # Errors
    ///
    /// The program refuses or fails, or names its circuit by what is no digest.
    pub fn compile(mut self, order: &Order) -> Result<(Host<Bound, R, W>, Chosen), WireError> {
        const EXPECTED: &[&str] = &["parameters", "refused", "failed"];
        let head = Head::Compile {
            scheme: order.scheme.clone(),
            options: order.options.clone(),
            security: order.security,
            threads: order.threads,
            objective: order.objective,
        };
        match self.ask(&head, &order.program, EXPECTED)? {
            (
                Head::Parameters {
                    circuit,
                    library,
                    simulates,
                    measured,
                },
                parameters,
            ) => {
                let circuit = digest_named(&circuit)?;
                let host = Host {
                    link: self.link,
                    stage: Bound { circuit },
                };
                let chosen = Chosen {
                    circuit,
                    library,
                    simulates,
                    parameters,
                    measured,
                };
                Ok((host, chosen))
            }
            (other, _) => Err(unexpected(&other, EXPECTED)),
        }
    }
}

impl<R: Read, W: Write> Host<Bound, R, W> {
    /// Lets the program make fresh keys; those for the server, as bytes.
    ///
    /// # Errors
    ///
    /// The program fails, or its keys are of another circuit, or not of the lengths that it states.
    pub fn generate_keys(mut self) -> Result<(Host<Keyed, R, W>, Made), WireError> {
        const EXPECTED: &[&str] = &["keys", "refused", "failed"];
        const PART: &[&str] = &["key", "refused", "failed"];
        const LAST: &[&str] = &["generated", "refused", "failed"];
        let circuit = self.stage.circuit;
        let (parts, measured) = self.link.step(|link| {
            send(link, &Head::GenerateKeys {}, &[])?;
            let (head, _) = answer(link, EXPECTED)?;
            let Head::Keys {
                circuit: found,
                parts,
                bytes,
            } = head
            else {
                return Err(unexpected(&head, EXPECTED));
            };
            same_circuit(&found, circuit, "its keys'")?;
            let parts = key_parts(link, parts, bytes, PART)?;
            match answer(link, LAST)?.0 {
                Head::Generated { measured } => Ok((parts, measured)),
                other => Err(unexpected(&other, LAST)),
            }
        })?;
        let host = Host {
            link: self.link,
            stage: Keyed(()),
        };
        let keys = EvaluationKeys::new(circuit, parts);
        Ok((host, Made { keys, measured }))
    }
}

impl<Stage: HasCircuit, R: Read, W: Write> Host<Stage, R, W> {
    /// Asks for the circuit's own arithmetic in the clear: tables of all inputs, then of all outputs.
    ///
    /// # Errors
    ///
    /// The program fails.
    pub fn simulate(&mut self, tables: &[u8]) -> Result<Told, WireError> {
        const EXPECTED: &[&str] = &["simulated", "refused", "failed"];
        match self.ask(&Head::Simulate {}, tables, EXPECTED)? {
            (Head::Simulated { measured }, bytes) => Ok(Told { bytes, measured }),
            (other, _) => Err(unexpected(&other, EXPECTED)),
        }
    }
}

impl<R: Read, W: Write> Host<Keyed, R, W> {
    /// Lets the program encrypt a table.
    ///
    /// # Errors
    ///
    /// The program fails.
    pub fn encrypt(&mut self, input: InputId, table: &[u8]) -> Result<Results, WireError> {
        const EXPECTED: &[&str] = &["encrypted", "refused", "failed"];
        match self.ask(&Head::Encrypt { input }, table, EXPECTED)? {
            (
                Head::Encrypted {
                    ciphertexts,
                    measured,
                },
                bytes,
            ) => Ok(Results {
                bytes,
                ciphertexts,
                measured,
            }),
            (other, _) => Err(unexpected(&other, EXPECTED)),
        }
    }

    /// Lets the program decrypt: a table.
    ///
    /// # Errors
    ///
    /// The program fails.
    pub fn decrypt(&mut self, output: OutputId, ciphertexts: &[u8]) -> Result<Told, WireError> {
        const EXPECTED: &[&str] = &["decrypted", "refused", "failed"];
        match self.ask(&Head::Decrypt { output }, ciphertexts, EXPECTED)? {
            (Head::Decrypted { measured }, bytes) => Ok(Told { bytes, measured }),
            (other, _) => Err(unexpected(&other, EXPECTED)),
        }
    }
}
