//! The client's side: a type for each stage, so that frames cannot be sent out of order.

mod forward;

use std::collections::BTreeSet;
use std::io::{Read, Write};

use hexperiment_program::OutputId;
use hexperiment_scheme::{CircuitDigest, EvaluationKeys};

use crate::ask::{answer, ask, greet, send, unexpected};
use crate::error::WireError;
use crate::head::{Handle, Head, Measured, hex, role_name, same_circuit};
use crate::limits::Limits;
use crate::link::Link;
use crate::server::{Compiled, Order, Results, Stored};

/// A client that has greeted the server: it may ask to compile.
#[derive(Debug)]
pub struct Greeted(());

/// A client that has the same circuit as the server: it may send keys.
#[derive(Debug)]
pub struct Agreed {
    circuit: CircuitDigest,
}

/// A client whose keys the server has prepared: it may send ciphertexts, and evaluate.
#[derive(Debug, Default)]
pub struct Ready {
    next: u32,
    taken: BTreeSet<Handle>,
    /// Ciphertexts that were sent without their answer being heard yet.
    ahead: usize,
}

/// The client's side of a conversation, at one stage of it. An error ends the conversation.
pub struct Client<Stage, R, W> {
    link: Link<R, W>,
    stage: Stage,
}

impl<Stage, R: Read, W: Write> Client<Stage, R, W> {
    /// Sends a frame, and reads its answer.
    fn ask(
        &mut self,
        head: &Head,
        body: &[u8],
        expected: &'static [&'static str],
    ) -> Result<(Head, Vec<u8>), WireError> {
        ask(&mut self.link, head, body, expected)
    }
}

impl<R: Read, W: Write> Client<Greeted, R, W> {
    /// Greets the server. `software` names the program that calls, with its version.
    ///
    /// # Errors
    ///
    /// The server speaks another version, or does not speak the protocol.
    pub fn greet(reader: R, writer: W, limits: Limits, software: &str) -> Result<Self, WireError> {
        let mut link = Link::new(reader, writer, limits);
        greet(&mut link, software)?;
        Ok(Self {
            link,
            stage: Greeted(()),
        })
    }

    /// Lets the server compile, and holds its circuit against ours.
    ///
    /// # Errors
    ///
    /// The server refuses or fails, or has another circuit.
    pub fn compile(
        mut self,
        order: &Order,
        circuit: CircuitDigest,
    ) -> Result<(Client<Agreed, R, W>, Compiled), WireError> {
        const EXPECTED: &[&str] = &["compiled", "refused", "failed"];
        let head = Head::Compile {
            scheme: order.scheme.clone(),
            options: order.options.clone(),
            security: order.security,
            threads: order.threads,
            objective: order.objective,
        };
        match self.ask(&head, &order.program, EXPECTED)?.0 {
            Head::Compiled {
                circuit: found,
                library,
                measured,
            } => {
                same_circuit(&found, circuit, &library)?;
                let client = Client {
                    link: self.link,
                    stage: Agreed { circuit },
                };
                let compiled = Compiled {
                    circuit,
                    library,
                    measured,
                };
                Ok((client, compiled))
            }
            other => Err(unexpected(&other, EXPECTED)),
        }
    }
}

impl<R: Read, W: Write> Client<Agreed, R, W> {
    /// Sends the evaluation keys, and waits until the server has prepared them. Each part is dropped
    /// once it is sent.
    ///
    /// # Errors
    ///
    /// The keys are of another circuit, or the server fails.
    pub fn send_keys(
        mut self,
        keys: EvaluationKeys,
    ) -> Result<(Client<Ready, R, W>, Measured), WireError> {
        const EXPECTED: &[&str] = &["prepared", "refused", "failed"];
        let circuit = self.stage.circuit;
        same_circuit(&hex(keys.circuit()), circuit, "the keys'")?;
        let head = Head::Keys {
            circuit: hex(circuit),
            parts: keys.parts().len() as u64,
            bytes: keys.sizes().total(),
        };
        let parts = keys
            .read_for(circuit)
            .map_err(|e| WireError::Failed(e.to_string()))?
            .rest();
        let (head, _) = self.link.step(|link| {
            send(link, &head, &[])?;
            for part in parts {
                let role = role_name(part.role()).to_owned();
                send(link, &Head::Key { role }, part.bytes())?;
            }
            answer(link, EXPECTED)
        })?;
        match head {
            Head::Prepared { measured } => {
                let stage = Ready::default();
                let client = Client {
                    link: self.link,
                    stage,
                };
                Ok((client, measured))
            }
            other => Err(unexpected(&other, EXPECTED)),
        }
    }
}

impl<R: Read, W: Write> Client<Ready, R, W> {
    /// Sends the ciphertexts of one input.
    ///
    /// # Errors
    ///
    /// The server cannot read them.
    pub fn upload(&mut self, bytes: &[u8]) -> Result<(Handle, Stored), WireError> {
        const EXPECTED: &[&str] = &["stored", "refused", "failed"];
        self.settle()?;
        let handle = self.stage.name();
        match self.ask(&Head::Ciphertexts { handle }, bytes, EXPECTED)?.0 {
            Head::Stored {
                ciphertexts,
                measured,
            } => Ok((
                handle,
                Stored {
                    ciphertexts,
                    measured,
                },
            )),
            other => Err(unexpected(&other, EXPECTED)),
        }
    }

    /// Lets the server evaluate some outputs, and names them. What was evaluated may be an input
    /// again.
    ///
    /// # Errors
    ///
    /// A handle was discarded, or the server fails.
    pub fn evaluate(
        &mut self,
        inputs: &[Handle],
        outputs: &[OutputId],
    ) -> Result<(Vec<Handle>, Measured), WireError> {
        self.stage.holds(inputs)?;
        let results: Vec<Handle> = outputs.iter().map(|_| self.stage.name()).collect();
        let head = Head::Evaluate {
            inputs: inputs.to_vec(),
            outputs: outputs.to_vec(),
            results: results.clone(),
        };
        match self.evaluate_behind(&head)? {
            Head::Evaluated { measured } => Ok((results, measured)),
            other => Err(unexpected(&other, forward::EVALUATED)),
        }
    }

    /// Fetches ciphertexts from the server, which keeps them.
    ///
    /// # Errors
    ///
    /// The handle was discarded, or the server fails.
    pub fn download(&mut self, handle: Handle) -> Result<Results, WireError> {
        const EXPECTED: &[&str] = &["results", "refused", "failed"];
        self.stage.holds(&[handle])?;
        self.settle()?;
        match self.ask(&Head::Download { handle }, &[], EXPECTED)? {
            (
                Head::Results {
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

    /// Lets the server forget ciphertexts.
    ///
    /// # Errors
    ///
    /// A handle was discarded before, or the server fails.
    pub fn discard(&mut self, handles: &[Handle]) -> Result<(), WireError> {
        const EXPECTED: &[&str] = &["discarded", "refused", "failed"];
        for handle in handles {
            self.stage.holds(&[*handle])?;
            self.stage.taken.remove(handle);
        }
        self.settle()?;
        let handles = handles.to_vec();
        match self.ask(&Head::Discard { handles }, &[], EXPECTED)?.0 {
            Head::Discarded {} => Ok(()),
            other => Err(unexpected(&other, EXPECTED)),
        }
    }

    /// Ends the conversation; what the server's whole process took.
    ///
    /// # Errors
    ///
    /// The server fails, or writes more.
    pub fn bye(mut self) -> Result<Measured, WireError> {
        const EXPECTED: &[&str] = &["ended", "refused", "failed"];
        self.settle()?;
        match self.ask(&Head::Bye {}, &[], EXPECTED)?.0 {
            Head::Ended { measured } => {
                self.link.finish()?;
                Ok(measured)
            }
            other => Err(unexpected(&other, EXPECTED)),
        }
    }
}

impl Ready {
    /// A handle that is free; taken from now on.
    fn name(&mut self) -> Handle {
        while !self.taken.insert(Handle(self.next)) {
            self.next = self.next.wrapping_add(1);
        }
        let handle = Handle(self.next);
        self.next = self.next.wrapping_add(1);
        handle
    }

    /// Holds handles to those that are taken.
    fn holds(&self, handles: &[Handle]) -> Result<(), WireError> {
        match handles.iter().find(|handle| !self.taken.contains(handle)) {
            Some(handle) => Err(WireError::Handle {
                found: handle.0,
                taken: false,
            }),
            None => Ok(()),
        }
    }
}
