//! The evaluating server's side of a session.

use std::cell::OnceCell;

use super::{Sealed, Session, SessionError, Shadow};
use crate::clock::Stopwatch;
use hexperiment_program::{OutputId, Party};
use hexperiment_scheme::{Ciphertexts, SchemeError};

/// The evaluating server's side of a session.
pub struct Server<'s, 'a> {
    pub(super) session: &'s mut Session<'a>,
}

impl Server<'_, '_> {
    /// Evaluates the program on one sealed table for each input, in order; yields one for each
    /// output. What a client made is first sent to the server.
    ///
    /// # Errors
    /// `SessionError::Scheme` where what a client made cannot cross, the inputs are not those of
    /// the program, the scheme fails, or a value leaves the range that the program states for it;
    /// `SessionError::Protocol` where the scheme yields another number of outputs.
    pub fn evaluate(&mut self, inputs: &[&Sealed]) -> Result<Vec<Sealed>, SessionError> {
        self.evaluate_by(inputs, None)
    }

    /// As [`Server::evaluate`], for some of the outputs, in the order in which they are wanted: a
    /// protocol of several rounds computes nothing that it has had in an earlier one.
    ///
    /// # Errors
    /// As [`Server::evaluate`]; `SessionError::Protocol`, too, for an output that the program does
    /// not have.
    pub fn evaluate_only(
        &mut self,
        inputs: &[&Sealed],
        wanted: &[OutputId],
    ) -> Result<Vec<Sealed>, SessionError> {
        let count = self.session.lowered.original().outputs().len();
        if let Some(output) = wanted.iter().find(|o| o.index() >= count) {
            return Err(SessionError::Protocol(format!(
                "output {} is wanted of a program that has {count}",
                output.index()
            )));
        }
        self.evaluate_by(inputs, Some(wanted))
    }

    fn evaluate_by(
        &mut self,
        inputs: &[&Sealed],
        wanted: Option<&[OutputId]>,
    ) -> Result<Vec<Sealed>, SessionError> {
        let session = &mut *self.session;
        let held: Vec<Ciphertexts> = inputs
            .iter()
            .map(|sealed| {
                if sealed.maker == Party::Server {
                    Ok(sealed.ciphertexts.clone())
                } else {
                    session.cross(sealed).cloned()
                }
            })
            .collect::<Result<_, _>>()?;
        let watch = Stopwatch::start();
        let evaluator = &session.parties.evaluator;
        let outputs = match wanted {
            None => evaluator.evaluate(&held)?,
            Some(wanted) => evaluator.evaluate_only(&held, wanted)?,
        };
        session.report.evaluate += watch.elapsed();

        let exact: Vec<_> = inputs.iter().map(|s| s.shadow.exact.clone()).collect();
        let exact = session
            .lowered
            .original()
            .interpret(&exact)
            .map_err(SchemeError::from)?;
        let simulated: Vec<_> = inputs.iter().map(|s| s.shadow.simulated.clone()).collect();
        let simulated = session.circuit.simulate(&simulated)?;
        let places: Vec<usize> = match wanted {
            None => (0..exact.len()).collect(),
            Some(wanted) => wanted.iter().map(|output| output.index()).collect(),
        };
        if outputs.len() != places.len() || simulated.len() != exact.len() {
            return Err(SessionError::Protocol(format!(
                "the scheme yields {} outputs and simulates {}, expected {} and {}",
                outputs.len(),
                simulated.len(),
                places.len(),
                exact.len()
            )));
        }
        Ok(outputs
            .into_iter()
            .zip(places)
            .map(|(ciphertexts, place)| Sealed {
                ciphertexts,
                crossed: OnceCell::new(),
                maker: Party::Server,
                shadow: Shadow {
                    exact: exact[place].clone(),
                    simulated: simulated[place].clone(),
                },
                payload: 0,
            })
            .collect())
    }
}
