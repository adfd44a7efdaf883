//! The evaluating server's side of a session.

use super::sealed::{Sealed, Shadow};
use super::{Session, SessionError};
use hexperiment_program::OutputId;
use hexperiment_scheme::SchemeError;
use hexperiment_wire::Handle;

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
    /// `SessionError::Wire` where a server in another process does so, or is gone;
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
        for sealed in inputs {
            session.upload(sealed)?;
        }
        session.discard()?;
        let handles = inputs.iter().map(|s| s.at_server(&session.released));
        let handles = handles.collect::<Result<Vec<_>, _>>()?;
        let count = session.lowered.original().outputs().len();
        let all: Vec<OutputId> = (0..count).map(OutputId::from_index).collect();
        let outputs = wanted.unwrap_or(&all);
        let evaluated = session.server.evaluate(&handles, outputs)?;
        session.report.evaluations += 1;
        session.report.evaluate += evaluated.evaluate;
        session.report.transfer += evaluated.transfer;

        let original = session.lowered.original();
        let exact: Vec<_> = inputs.iter().map(|s| s.shadow().exact.clone()).collect();
        let exact = original.interpret(&exact).map_err(SchemeError::from)?;
        let clipped = inputs.iter().any(|s| s.shadow().unclipped.is_some());
        let unclipped = clipped.then(|| {
            let before = inputs.iter().map(|s| s.shadow().before_clipping().clone());
            original.interpret_any(&before.collect::<Vec<_>>())
        });
        let unclipped = unclipped.transpose().map_err(SchemeError::from)?;
        let simulated: Vec<_> = inputs
            .iter()
            .map(|s| s.shadow().simulated.clone())
            .collect();
        let simulated = session.circuit.simulate(&simulated)?;
        if simulated.len() != exact.len() {
            return Err(SessionError::Protocol(format!(
                "the scheme simulates {} outputs, expected {}",
                simulated.len(),
                exact.len()
            )));
        }
        let sealed = |(handle, output): (Handle, &OutputId)| {
            let place = output.index();
            let shadow = Shadow {
                exact: exact[place].clone(),
                simulated: simulated[place].clone(),
                unclipped: unclipped.as_ref().map(|tables| tables[place].clone()),
            };
            Sealed::of_server(handle, shadow, &session.released)
        };
        Ok(evaluated
            .results
            .into_iter()
            .zip(outputs)
            .map(sealed)
            .collect())
    }
}
