//! Answers are decrypted and decoded.

use std::fmt::Write as _;

use hexperiment_program::OutputId;

use crate::circuit::BoundCircuit;
use crate::error::ClientError;
use crate::exchange::{Exchange, Way};
use crate::folder::{private_whole, read_json};
use crate::held::Held;
use crate::keys;
use crate::passphrase::Passphrases;

/// What was decrypted.
pub struct Decrypted {
    /// The answers, row by row.
    pub answers: Vec<f64>,
}

/// Decrypts `ciphertexts_download` into `results.csv`.
///
/// # Errors
/// There are no results, or they are of other queries than those in the folder, of another circuit, or altered;
/// the secret key is not here or cannot be opened; the scheme fails; the folder cannot be written.
pub fn decrypt(
    folder: &Held,
    bound: &BoundCircuit,
    passphrases: &Passphrases,
) -> Result<Decrypted, ClientError> {
    let results = Exchange::open(folder.download(), Way::Down, bound)?;
    let manifest = &results.manifest;
    let queries = folder.upload().join(Way::Up.manifest());
    if queries.exists() {
        let asked: Exchange = read_json(&queries, "remove it, or encrypt again")?;
        if asked.query != manifest.query || asked.batches.len() != manifest.batches.len() {
            return Err(ClientError::file(
                results.place(),
                "answers other rows than those that were encrypted last",
                "evaluate again, by `client evaluate`, or fetch the results again, by `client fetch`",
            ));
        }
    }
    let owner = keys::owner(
        folder,
        bound,
        (&manifest.key, &results.place()),
        passphrases,
    )?;
    let failed = ClientError::of("decrypt");
    let (output, query) = (OutputId::from_index(0), bound.query());
    let mut answers = Vec::new();
    for (number, batch) in manifest.batches.iter().enumerate() {
        let bytes = results.read(number, 0)?;
        let table = bound
            .circuit
            .load(&bytes)
            .and_then(|ciphertexts| owner.decryptor.decrypt(output, &ciphertexts))
            .and_then(|table| Ok(bound.lowered.finish_one(output, &table)?))
            .map_err(&failed)?;
        if table.dim() != (bound.rows(), 1) {
            let problem = format!("batch {number}: decrypted to a table of {:?}", table.dim());
            return Err(ClientError::file(
                results.place(),
                format!("{problem}, expected {:?}", (bound.rows(), 1)),
                "evaluate again, by `client evaluate`",
            ));
        }
        let rows = table.column(0);
        answers.extend(
            rows.iter()
                .take(batch.rows as usize)
                .map(|x| query.decode(*x)),
        );
    }
    let mut text = csv_line(&["row", &query.name]);
    for (row, answer) in answers.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{},{answer}", row + 1);
    }
    private_whole(&folder.results(), text.as_bytes())?;
    Ok(Decrypted { answers })
}

/// A line of CSV; what a comma or a quote could break is quoted.
fn csv_line(fields: &[&str]) -> String {
    let quoted = |field: &&str| {
        if field.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            (*field).to_owned()
        }
    };
    let fields: Vec<String> = fields.iter().map(quoted).collect();
    fields.join(",") + "\n"
}
