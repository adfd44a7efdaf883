//! `data`: finds, fetches and verifies data sets.

use std::process::ExitCode;

use hexperiment_data::{manifest, verify};

use crate::out::{say, tell};

/// Looks at the data sets called `names`, or at all.
pub(crate) fn data(fetch: bool, names: &[String]) -> ExitCode {
    if !fetch && std::env::var_os("HEXPERIMENT_DATA").is_none() {
        tell!("note: HEXPERIMENT_DATA is not set; only the user's cache is looked at");
    }
    let names = if names.is_empty() {
        manifest::names(None)
    } else {
        names.to_vec()
    };
    let mut missing = 0;
    for name in &names {
        let outcome = manifest::find(name, None).and_then(|m| {
            if m.builtin.is_some() {
                return Ok("embedded".to_owned());
            }
            // Without a URL there is nothing to fetch, with one `verify` fetches too.
            let m = if fetch {
                m
            } else {
                manifest::Manifest { url: None, ..m }
            };
            let sum = if m.sha256.is_some() {
                "checksum right"
            } else {
                "no official checksum"
            };
            verify(name, &m).map(|path| format!("{} ({sum})", path.display()))
        });
        match outcome {
            Ok(place) => say!("{name:<18} {place}"),
            Err(complaint) => {
                missing += 1;
                say!("{name:<18} MISSING");
                tell!("{complaint}");
            }
        }
    }
    if missing == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
