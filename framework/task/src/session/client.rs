//! A data owner's side of a session.

use ndarray::{Array2, ArrayView2};

use super::errors::Checked;
use super::sealed::{Sealed, Shadow};
use super::{Session, SessionError};
use crate::clipping::Unclipped;
use crate::clock::Stopwatch;
use hexperiment_program::lower::Lowered;
use hexperiment_program::{InputId, OutputId, Party};
use hexperiment_scheme::SchemeError;

/// A data owner's side of a session.
pub struct Client<'s, 'a> {
    pub(super) session: &'s mut Session<'a>,
    pub(super) number: u32,
}

impl Client<'_, '_> {
    /// Encrypts one input: `length` rows x one column for each that the input declares. The key
    /// owner may encrypt any input, others their own only.
    ///
    /// # Errors
    /// `SessionError::Protocol` where the input is another data owner's; `SessionError::Scheme`
    /// where the table has another shape, or a number outside its column's range, or the scheme
    /// fails.
    pub fn encrypt(
        &mut self,
        input: InputId,
        table: ArrayView2<'_, f64>,
    ) -> Result<Sealed, SessionError> {
        self.encrypt_by(input, table, None)
    }

    /// As [`Client::encrypt`], a table some of whose values were moved into ranges: beside the error
    /// of its results the session keeps how far they are from those of the table as it was.
    ///
    /// # Errors
    /// As [`Client::encrypt`]; `SessionError::Protocol`, too, where the table was of another shape
    /// before.
    pub fn encrypt_clipped(
        &mut self,
        input: InputId,
        table: ArrayView2<'_, f64>,
        unclipped: &Unclipped,
    ) -> Result<Sealed, SessionError> {
        let before = unclipped.table.dim();
        if before != table.dim() {
            return Err(SessionError::Protocol(format!(
                "a table of {:?} is said to be one of {before:?} before clipping",
                table.dim()
            )));
        }
        self.session.moved.add(&unclipped.moved);
        self.encrypt_by(input, table, Some(unclipped.table.clone()))
    }

    fn encrypt_by(
        &mut self,
        input: InputId,
        table: ArrayView2<'_, f64>,
        unclipped: Option<Array2<f64>>,
    ) -> Result<Sealed, SessionError> {
        let (number, session) = (self.number, &mut *self.session);
        let declared = session.lowered.program().input(input);
        if number > 0 && declared.owner != Party::Client(number) {
            return Err(SessionError::Protocol(format!(
                "data owner {number} encrypts input `{}`, which belongs to {:?}",
                declared.name, declared.owner
            )));
        }
        declared.check(table).map_err(SchemeError::from)?;
        let watch = Stopwatch::start();
        let ciphertexts = session.encryptor.encrypt(input, table)?;
        session.report.encrypt += watch.elapsed();
        let shadow = Shadow {
            exact: table.to_owned(),
            simulated: table.to_owned(),
            unclipped,
        };
        Ok(Sealed::of_client(
            ciphertexts,
            number,
            shadow,
            table.len() as u64,
            &session.released,
        ))
    }

    /// Sends ciphertexts to the server now, whether or not it will use them. What an evaluation
    /// reads is sent by itself, and nothing twice.
    ///
    /// # Errors
    /// `SessionError::Protocol` where this data owner did not make them; `SessionError::Scheme`
    /// where they cannot be written, or not be read back.
    pub fn send(&mut self, sealed: &Sealed) -> Result<(), SessionError> {
        if sealed.maker() != Party::Client(self.number) {
            return Err(SessionError::Protocol(format!(
                "data owner {} sends what {:?} made",
                self.number,
                sealed.maker()
            )));
        }
        self.session.upload(sealed)
    }

    /// Tells `receivers` other data owners numbers in the clear, past the server: 8 bytes for each
    /// number and receiver.
    pub fn tell(&mut self, numbers: usize, receivers: usize) {
        self.session.report.told_bytes += 8 * (numbers * receivers) as u64;
    }

    /// Decrypts one output, and does what the scheme left to the client: rows x one column for
    /// each value of the output. The key owner alone can.
    ///
    /// # Errors
    /// `SessionError::Protocol` where this is not the key owner, the ciphertexts were not made by
    /// the server, or the scheme decrypts a table of another shape; `SessionError::Scheme` where
    /// they cannot cross or be decrypted.
    pub fn decrypt(
        &mut self,
        output: OutputId,
        sealed: &Sealed,
    ) -> Result<Array2<f64>, SessionError> {
        self.decrypt_by(output, sealed, None)
    }

    /// As [`Client::decrypt`], where the task leaves a division to the client: each value is divided
    /// by the number in its place, such as a sum by how many it adds up. The division counts as
    /// decryption, and errors are those of the quotients.
    ///
    /// # Errors
    /// As [`Client::decrypt`]; `SessionError::Protocol`, too, where `divisors` has another shape
    /// than the output, or holds a number that is 0, subnormal or not finite.
    pub fn decrypt_divided(
        &mut self,
        output: OutputId,
        sealed: &Sealed,
        divisors: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>, SessionError> {
        let wanted = sealed.shadow().exact.dim();
        if divisors.dim() != wanted || !divisors.iter().all(|d| d.is_normal()) {
            return Err(SessionError::Protocol(format!(
                "an output of {wanted:?} values is divided by {:?} numbers; expected one for each, \
                 none of them 0",
                divisors.dim()
            )));
        }
        self.decrypt_by(output, sealed, Some(divisors))
    }

    fn decrypt_by(
        &mut self,
        output: OutputId,
        sealed: &Sealed,
        divisors: Option<ArrayView2<'_, f64>>,
    ) -> Result<Array2<f64>, SessionError> {
        if self.number > 0 {
            return Err(SessionError::Protocol(format!(
                "data owner {} has no secret key; number 0 decrypts",
                self.number
            )));
        }
        let session = &mut *self.session;
        if sealed.maker() != Party::Server {
            return Err(SessionError::Protocol(
                "a client decrypts what a server made".into(),
            ));
        }
        let ciphertexts = session.download(sealed)?;
        let watch = Stopwatch::start();
        let decrypted = session.decryptor.decrypt(output, &ciphertexts)?;
        let finished = finish(session.lowered, output, &decrypted, divisors)?;
        session.report.decrypt += watch.elapsed();
        session.decrypted_since_upload += 1;
        if decrypted.dim() != sealed.shadow().simulated.dim() {
            return Err(SessionError::Protocol(format!(
                "the scheme decrypted a table of {:?}, expected {:?}",
                decrypted.dim(),
                sealed.shadow().simulated.dim()
            )));
        }
        let Shadow {
            exact,
            simulated,
            unclipped,
        } = sealed.shadow();
        let unclipped = unclipped.clone().map(|table| divided(table, divisors));
        session.check(
            output,
            &Checked {
                decrypted: &decrypted,
                simulated,
                finished: &finished,
                finished_simulation: &finish(session.lowered, output, simulated, divisors)?,
                exact: &divided(exact.clone(), divisors),
                unclipped: unclipped.as_ref(),
                divisors,
            },
        );
        Ok(finished)
    }
}

/// The client's last steps on one output, which need no other output: what the scheme left to it,
/// then the task's division.
fn finish(
    lowered: &Lowered,
    output: OutputId,
    table: &Array2<f64>,
    divisors: Option<ArrayView2<'_, f64>>,
) -> Result<Array2<f64>, SchemeError> {
    Ok(divided(lowered.finish_one(output, table)?, divisors))
}

fn divided(mut table: Array2<f64>, divisors: Option<ArrayView2<'_, f64>>) -> Array2<f64> {
    if let Some(divisors) = divisors {
        table /= &divisors;
    }
    table
}
