//! What the steps of a client tell.

use hexperiment_client::{
    Accuracy, BoundCircuit, Cleaned, Evaluated, Exchange, Folder, KeptKeys, KeyInfo, Place,
    Uploaded,
};
use hexperiment_diagnostics::printable;

use crate::explain::level;
use crate::out::{say, tell};

/// Answers that are shown; all of them stand in the file.
const SHOWN: usize = 10;

fn counted(count: impl TryInto<u64>, one: &str, many: &str) -> String {
    match count.try_into() {
        Ok(1) => format!("1 {one}"),
        Ok(count) => format!("{count} {many}"),
        Err(_) => many.into(),
    }
}

pub(super) fn told_circuit(folder: &Folder, bound: &BoundCircuit, accuracy: Option<Accuracy>) {
    let query = bound.query();
    let columns = query.model.sensors.iter().map(|s| s.name.as_str());
    say!(
        "{}: circuit {:.16}",
        folder.circuit().display(),
        bound.digest()
    );
    say!(
        "  answers `{}` of columns {}, {} rows to a batch",
        query.name,
        printable::list(columns, 20),
        bound.rows()
    );
    let security = level(&bound.parameters().security);
    say!(
        "  {} ({}), {security}, encrypted by {}",
        bound.scheme(),
        bound.library(),
        match bound.encryption() {
            hexperiment_scheme::security::Encryption::Owner => "the key owner",
            hexperiment_scheme::security::Encryption::Public => "whoever has the public keys",
        }
    );
    if let Some(accuracy) = accuracy {
        say!("  answers may be off by {}", error(accuracy));
    }
}

/// How far answers may be off, in words.
fn error(accuracy: Accuracy) -> String {
    let Accuracy {
        wanted,
        noise,
        rounding,
        rows,
    } = accuracy;
    let end = if accuracy.is_met() {
        ""
    } else {
        ", which this scheme does not reach"
    };
    let none = |x: f64, what: String| if x == 0.0 { "not at all".into() } else { what };
    let noise = none(noise, format!("by {noise:.1e} at most"));
    let rounding = none(rounding, format!("by {rounding:.1e}"));
    format!(
        "{:.1e}: by noise {noise}, by rounding and approximation {rounding} in {rows} rows that were tried; the model \
         wants {wanted:.1e}{end}",
        accuracy.error()
    )
}

pub(super) fn told_key(key: &KeyInfo) {
    let place = match key.place {
        Place::Current => "in use",
        Place::Retired => "retired",
    };
    let made = humantime::format_rfc3339_seconds(key.made);
    let public = match key.public_bytes {
        Some(bytes) => format!("{bytes} bytes public"),
        None => "no public keys here".into(),
    };
    let secret = match key.secret {
        Some(protection) => format!("secret key {protection}"),
        None => "no secret key here".into(),
    };
    let circuit = printable::cut(&key.circuit, 16);
    say!(
        "key {} of circuit {circuit}: {place}, made {made}, {public}, {secret}",
        key.key
    );
}

/// Keys that a service keeps.
pub(super) fn told_kept(kept: &KeptKeys) {
    let KeptKeys {
        id,
        circuit,
        bytes,
        uploaded,
        expires,
        ciphertexts,
        ciphertexts_bytes,
        key,
    } = kept;
    let [uploaded, expires] = [uploaded, expires].map(|t| humantime::format_rfc3339_seconds(*t));
    let key = key
        .as_deref()
        .map_or_else(String::new, |key| format!(", of key {key}"));
    say!(
        "{} of circuit {}: {bytes} bytes, uploaded {uploaded}, kept until {expires}{key}; under them {}, {ciphertexts_bytes} \
         bytes",
        printable::line(id),
        printable::cut(circuit, 16),
        counted(*ciphertexts, "input or result", "inputs and results")
    );
}

/// What was deleted of a key at a service.
pub(super) fn told_deleted(key: &str, count: usize) {
    match count {
        0 => say!("key {key}: the service keeps no evaluation keys of it"),
        count => say!(
            "key {key}: {} of evaluation keys deleted at the service, with ciphertexts, results and jobs under them",
            counted(count, "set", "sets")
        ),
    }
}

/// What was deleted under keys at a service.
pub(super) fn told_cleaned(cleaned: &Cleaned) {
    let Cleaned {
        keys,
        deleted,
        bytes,
        kept,
    } = cleaned;
    let rest = match kept {
        0 => String::new(),
        kept => format!(
            "; {} of what was sent last kept",
            counted(*kept, "result", "results")
        ),
    };
    say!(
        "{}: {} deleted at the service, {bytes} bytes, and the keys kept{rest}",
        printable::line(keys),
        counted(*deleted, "input or result", "inputs and results")
    );
}

pub(super) fn tell_notes(notes: &[String]) {
    for note in notes {
        tell!("note: {note}");
    }
}

pub(super) fn told_encrypted(folder: &Folder, sent: &Exchange) {
    say!(
        "{}: {} in {}, {} bytes",
        folder.upload().display(),
        counted(sent.rows(), "row", "rows"),
        counted(sent.batches.len(), "batch", "batches"),
        sent.bytes()
    );
}

pub(super) fn told_sent(sent: Uploaded) {
    let keys = match sent.keys {
        None => "the service had the keys".to_owned(),
        Some(bytes) => format!("{bytes} bytes of keys"),
    };
    let known = match sent.known {
        0 => String::new(),
        known => format!(", {known} of which the service had"),
    };
    let held = match sent.held {
        0 => String::new(),
        bytes => format!(" (it had {bytes} bytes from before)"),
    };
    say!(
        "sent: {keys}, {} bytes of ciphertexts{held}, {}{known}",
        sent.ciphertexts,
        counted(sent.jobs, "job", "jobs")
    );
}

pub(super) fn told_evaluated(folder: &Folder, evaluated: &Evaluated) {
    let ms = |ns: u64| ns as f64 / 1e6;
    say!(
        "{}: {} bytes; the server took {:.1} ms to compile, {:.1} ms for the keys, {:.1} ms to evaluate",
        folder.download().display(),
        evaluated.bytes,
        ms(evaluated.compile_ns),
        ms(evaluated.prepare_ns),
        ms(evaluated.evaluate_ns)
    );
}

pub(super) fn told_answers(
    folder: &Folder,
    bound: &BoundCircuit,
    answers: &[f64],
    accuracy: Option<Accuracy>,
) {
    let count = counted(answers.len(), "answer", "answers");
    say!("{}: {count}", folder.results().display());
    for (row, answer) in answers.iter().enumerate().take(SHOWN) {
        say!("  row {}: {} {answer:.6}", row + 1, bound.query().name);
    }
    if answers.len() > SHOWN {
        say!("  and {} more", answers.len() - SHOWN);
    }
    if let Some(accuracy) = accuracy.filter(|accuracy| !accuracy.is_met()) {
        tell!("note: they may be off by {}", error(accuracy));
    }
}
