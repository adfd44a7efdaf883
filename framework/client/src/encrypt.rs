//! Rows are encoded and encrypted.

use hexperiment_program::InputId;
use hexperiment_scheme::Encryptor;
use hexperiment_scheme::security::Encryption;
use ndarray::{Array2, s};

use crate::circuit::BoundCircuit;
use crate::error::ClientError;
use crate::exchange::{Exchange, Sent, Way};
use crate::folder::hex;
use crate::held::Held;
use crate::keys::{self, PublicKeys};
use crate::passphrase::Passphrases;
use crate::rows::Rows;

/// Values beyond the model's ranges that are told one by one; more are counted.
const TOLD: usize = 10;

/// What was encrypted.
pub struct Encrypted {
    /// The manifest.
    pub exchange: Exchange,
    /// What a reader of the results must know.
    pub notes: Vec<String>,
}

/// Encrypts rows into `ciphertexts_upload`. Where others than the key owner encrypt, the public keys are all that
/// it needs.
///
/// # Errors
/// There are no keys or they are of another circuit, the secret key cannot be opened where it encrypts, the
/// scheme fails, or the folder cannot be written.
pub fn encrypt(
    folder: &Held,
    bound: &BoundCircuit,
    rows: &Rows,
    passphrases: &Passphrases,
) -> Result<Encrypted, ClientError> {
    let public = PublicKeys::open(folder, bound)?;
    let encryptor: Box<dyn Encryptor> = match bound.encryption() {
        Encryption::Public => public.encryptor(bound)?,
        Encryption::Owner => {
            let owner = keys::owner(folder, bound, (public.key(), &public.place()), passphrases)?;
            match owner.encryptor {
                Some(encryptor) => encryptor,
                None => public.encryptor(bound)?,
            }
        }
    };
    let mut notes = rows.notes.clone();
    let mut moved = 0;
    let encoded = bound.query().encode(rows.values.view(), |row, place, to| {
        moved += 1;
        if moved <= TOLD {
            let name = &bound.query().model.sensors[place].name;
            let (line, from) = (rows.lines[row], rows.values[[row, place]]);
            notes.push(format!(
                "line {line}, column `{name}`: {from} is beyond what the model takes, and is taken as {to}"
            ));
        }
    });
    if moved > TOLD {
        notes.push(format!(
            "{} more values are beyond what the model takes",
            moved - TOLD
        ));
    }
    let query = hex(&rand::random::<[u8; 16]>());
    let manifest = Exchange::new(bound.digest(), public.key(), &query);
    let mut sent = Sent::begin(folder.upload(), Way::Up, manifest)?;
    let failed = ClientError::of("encrypt");
    for first in (0..rows.len()).step_by(bound.rows()) {
        let end = rows.len().min(first + bound.rows());
        // What fills the last batch up is 0 where that is within a column's range.
        let input = bound.lowered.program().input(InputId::from_index(0));
        let mut table = Array2::from_shape_fn((bound.rows(), encoded.ncols()), |(_, column)| {
            input.columns[column].range.clamp(0.0)
        });
        let part = encoded.slice(s![first..end, ..]);
        table.slice_mut(s![..end - first, ..]).assign(&part);
        let sealed = encryptor.encrypt(InputId::from_index(0), table.view());
        let bytes = sealed
            .and_then(|sealed| sealed.to_bytes())
            .map_err(&failed)?;
        sent.add((end - first) as u64, &[bytes])?;
    }
    Ok(Encrypted {
        exchange: sent.finish()?,
        notes,
    })
}
