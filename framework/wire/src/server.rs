//! The server's side: requests in order, each answered once.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use hexperiment_program::OutputId;
use hexperiment_program::layout::Objective;
use hexperiment_scheme::options::Options;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{CircuitDigest, EvaluationKeys};

use crate::VERSION;
use crate::ask::unexpected;
use crate::error::{REASON, WireError, shown};
use crate::head::{Handle, Head, Measured, hex, same_circuit};
use crate::keys::key_parts;
use crate::limits::Limits;
use crate::link::{Link, at_most, exactly};

/// What the client asks to be compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The scheme's name.
    pub scheme: String,
    /// Its options, defaults filled in.
    pub options: Options,
    /// The security level demanded.
    pub security: SecurityDemand,
    /// Threads that the server may use.
    pub threads: u64,
    /// What the layout of vectors is chosen for, where the scheme has several.
    pub objective: Objective,
    /// The lowered program as JSON, not yet checked.
    pub program: Vec<u8>,
}

/// What came of compiling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// The circuit.
    pub circuit: CircuitDigest,
    /// The library that evaluates, with its version.
    pub library: String,
    /// What it took.
    pub measured: Measured,
}

/// Ciphertexts that the server has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The number of the scheme's ciphertexts.
    pub ciphertexts: u64,
    /// What reading them took.
    pub measured: Measured,
}

/// Ciphertexts that the server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Results {
    /// The serialized ciphertexts.
    pub bytes: Vec<u8>,
    /// The number of the scheme's ciphertexts.
    pub ciphertexts: u64,
    /// What writing them took.
    pub measured: Measured,
}

/// Why a service does not go on; the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The program or the demand is beyond the scheme.
    Refused(String),
    /// Something failed.
    Failed(String),
}

/// How a conversation ended in which the client did nothing wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client said that it needs nothing more.
    Bye,
    /// The service stopped, and the client was told why.
    Stopped,
}

/// What a server does between frames. Its methods are called in the order in which they stand here:
/// one compilation, one preparation, then any of the others any number of times. Handles are
/// checked: those to be read are taken, those to be written are free.
pub trait Service {
    /// Compiles. The program is what the client sent: to be checked as anything from outside.
    ///
    /// # Errors
    /// The program is not sound, the scheme is not there, or it refuses.
    fn compile(&mut self, order: Order) -> Result<Compiled, Stop>;

    /// Makes the evaluator of these keys, which say that they are the circuit's.
    ///
    /// # Errors
    /// Their parts are not those of the circuit.
    fn prepare(&mut self, keys: EvaluationKeys) -> Result<Measured, Stop>;

    /// Reads ciphertexts, and keeps them by this name.
    ///
    /// # Errors
    /// The bytes are no ciphertexts of the circuit.
    fn store(&mut self, handle: Handle, bytes: Vec<u8>) -> Result<Stored, Stop>;

    /// Evaluates: one handle of `results` for each of `outputs`. Whether there are as many inputs as
    /// the program has, and such outputs, is for the service to check.
    ///
    /// # Errors
    /// There are not, the ciphertexts are not those of the inputs, or the library fails.
    fn evaluate(
        &mut self,
        inputs: &[Handle],
        outputs: &[OutputId],
        results: &[Handle],
    ) -> Result<Measured, Stop>;

    /// Writes ciphertexts.
    ///
    /// # Errors
    /// The library cannot write them.
    fn download(&mut self, handle: Handle) -> Result<Results, Stop>;

    /// Forgets ciphertexts.
    fn discard(&mut self, handles: &[Handle]);

    /// The times of the whole process, and its peak memory.
    fn measured(&self) -> Measured;
}

/// Why a conversation is cut short: by the service, or by the other party.
pub(crate) enum Cut {
    Stop(Stop),
    Wire(WireError),
}

impl From<Stop> for Cut {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<WireError> for Cut {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

/// Serves one client, from its greeting to its end. `software` names the program that calls, with its
/// version.
///
/// # Errors
///
/// The client did something against the protocol, of which it is told if it still listens, or the
/// streams failed. What stops the service is none: see [`Ending`].
pub fn serve<R: Read, W: Write>(
    reader: R,
    writer: W,
    limits: Limits,
    software: &str,
    service: &mut impl Service,
) -> Result<Ending, WireError> {
    let mut link = Link::new(reader, writer, limits);
    let end = converse(&mut link, software, service);
    ended(link, end)
}

/// Tells the other side how a conversation ended, where it still listens.
pub(crate) fn ended<R: Read, W: Write>(
    mut link: Link<R, W>,
    end: Result<(), Cut>,
) -> Result<Ending, WireError> {
    match end {
        Ok(()) => {
            link.finish()?;
            Ok(Ending::Bye)
        }
        Err(Cut::Stop(stop)) => {
            let head = match stop {
                Stop::Refused(reason) => Head::Refused {
                    reason: shown(&reason, REASON),
                },
                Stop::Failed(reason) => Head::Failed {
                    reason: shown(&reason, REASON),
                },
            };
            link.send(&head, &[])?;
            Ok(Ending::Stopped)
        }
        Err(Cut::Wire(error)) => {
            if error.is_violation() {
                let reason = shown(&error.to_string(), REASON);
                // A client that does not listen any more knows what it did.
                let _ = link.send(&Head::Failed { reason }, &[]);
            }
            Err(error)
        }
    }
}

fn converse<R: Read, W: Write>(
    link: &mut Link<R, W>,
    software: &str,
    service: &mut impl Service,
) -> Result<(), Cut> {
    greet(link, software)?;
    let order = order(link)?;
    let Compiled {
        circuit,
        library,
        measured,
    } = service.compile(order)?;
    let compiled = Head::Compiled {
        circuit: hex(circuit),
        library,
        measured,
    };
    link.send(&compiled, &[])?;
    let measured = service.prepare(keys(link, circuit)?)?;
    link.send(&Head::Prepared { measured }, &[])?;
    answer(link, service)
}

/// Answers a greeting.
pub(crate) fn greet<R: Read, W: Write>(
    link: &mut Link<R, W>,
    software: &str,
) -> Result<(), WireError> {
    let (head, _) = link.receive(&["hello"])?;
    let hello = Head::Hello {
        version: VERSION,
        software: software.to_owned(),
    };
    link.send(&hello, &[])?;
    match head {
        Head::Hello { version, .. } if version != VERSION => Err(WireError::Version {
            found: version,
            expected: VERSION,
        }),
        _ => Ok(()),
    }
}

fn order<R: Read, W: Write>(link: &mut Link<R, W>) -> Result<Order, WireError> {
    const EXPECTED: &[&str] = &["compile"];
    let (head, program) = link.receive(EXPECTED)?;
    let Head::Compile {
        scheme,
        options,
        security,
        threads,
        objective,
    } = head
    else {
        return Err(unexpected(&head, EXPECTED));
    };
    Ok(Order {
        scheme,
        options,
        security,
        threads,
        objective,
        program,
    })
}

/// Reads the keys, part by part: nothing of them is there twice.
fn keys<R: Read, W: Write>(
    link: &mut Link<R, W>,
    ours: CircuitDigest,
) -> Result<EvaluationKeys, WireError> {
    const EXPECTED: &[&str] = &["keys"];
    const PART: &[&str] = &["key"];
    let (head, _) = link.receive(EXPECTED)?;
    let Head::Keys {
        circuit,
        parts: count,
        bytes,
    } = head
    else {
        return Err(unexpected(&head, EXPECTED));
    };
    same_circuit(&circuit, ours, "the client's")?;
    let parts = key_parts(link, count, bytes, PART)?;
    Ok(EvaluationKeys::new(ours, parts))
}

/// Answers requests until the client needs nothing more.
fn answer<R: Read, W: Write>(link: &mut Link<R, W>, service: &mut impl Service) -> Result<(), Cut> {
    const EXPECTED: &[&str] = &["ciphertexts", "evaluate", "download", "discard", "bye"];
    let mut taken = BTreeSet::new();
    loop {
        let (head, body) = link.receive(EXPECTED)?;
        let (answer, body) = match head {
            Head::Ciphertexts { handle } => {
                take(&mut taken, &[handle], link.limits())?;
                let Stored {
                    ciphertexts,
                    measured,
                } = service.store(handle, body)?;
                let stored = Head::Stored {
                    ciphertexts,
                    measured,
                };
                (stored, Vec::new())
            }
            Head::Evaluate {
                inputs,
                outputs,
                results,
            } => {
                exactly(
                    "handles for the outputs wanted",
                    results.len() as u64,
                    outputs.len() as u64,
                )?;
                held(&taken, &inputs)?;
                take(&mut taken, &results, link.limits())?;
                let measured = service.evaluate(&inputs, &outputs, &results)?;
                (Head::Evaluated { measured }, Vec::new())
            }
            Head::Download { handle } => {
                held(&taken, &[handle])?;
                let Results {
                    bytes,
                    ciphertexts,
                    measured,
                } = service.download(handle)?;
                let results = Head::Results {
                    ciphertexts,
                    measured,
                };
                (results, bytes)
            }
            Head::Discard { handles } => {
                for handle in &handles {
                    held(&taken, &[*handle])?;
                    taken.remove(handle);
                }
                service.discard(&handles);
                (Head::Discarded {}, Vec::new())
            }
            Head::Bye {} => {
                let measured = service.measured();
                return Ok(link.send(&Head::Ended { measured }, &[])?);
            }
            other => return Err(unexpected(&other, EXPECTED).into()),
        };
        link.send(&answer, &body)?;
    }
}

/// Takes handles that are free.
fn take(
    taken: &mut BTreeSet<Handle>,
    handles: &[Handle],
    limits: &Limits,
) -> Result<(), WireError> {
    let all = (taken.len() + handles.len()) as u64;
    at_most("handles", all, limits.handles)?;
    for handle in handles {
        if !taken.insert(*handle) {
            return Err(WireError::Handle {
                found: handle.0,
                taken: true,
            });
        }
    }
    Ok(())
}

/// Holds handles to those that are taken.
fn held(taken: &BTreeSet<Handle>, handles: &[Handle]) -> Result<(), WireError> {
    match handles.iter().find(|handle| !taken.contains(handle)) {
        Some(handle) => Err(WireError::Handle {
            found: handle.0,
            taken: false,
        }),
        None => Ok(()),
    }
}
