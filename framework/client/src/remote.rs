//! The server's step by a service on a network: keys are uploaded once, queries are sent, results are fetched.
//!
//! What was sent is noted in `remote.json`, so that another process can fetch it, and a step that was killed
//! is done again without anything being computed twice: jobs are named by the query.

mod kept;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use hexperiment_diagnostics::{Complaint, files, printable};
use hexperiment_scheme::EvaluationKeys;
use hexperiment_service::api::JobRequest;
use hexperiment_service::client::{Endpoint, GivenToken, NamedBy, ServiceClient};
use hexperiment_service::token::{Fingerprint, Token};
use serde::{Deserialize, Serialize};

use crate::circuit::BoundCircuit;
use crate::error::ClientError;
use crate::evaluate::{Evaluated, report, under_these_keys};
use crate::exchange::{Exchange, Sent, Way};
use crate::folder::{FORMAT, Folder, held_format, json, private_whole, read_json};
use crate::held::Held;
use crate::keys::PublicKeys;
use crate::passphrase::Passphrases;

pub use kept::{Cleaned, KeptKeys};

/// The environment variable that holds the token.
pub const TOKEN: &str = hexperiment_diagnostics::TOKEN_VARIABLE;

const TOKENS: &str = "give the token that `serve token new` printed, with the address of its service behind it or alone, \
                      by `--token-file FILE` or by the environment variable HEXPERIMENT_TOKEN";

/// Before so many seconds are left of keys at the service, they are uploaded anew.
const LEFT_S: u64 = 600;

/// Where the service is, and as whom it is asked.
#[derive(Debug, Default)]
pub struct Remote {
    /// Its address; without one, that of the last step.
    pub server: Option<String>,
    /// The fingerprint of its certificate, where that is its own.
    pub fingerprint: Option<String>,
    /// A file whose first line is the token; without one, [`TOKEN`] counts.
    pub token_file: Option<PathBuf>,
}

/// `remote.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Noted {
    format: u32,
    server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    circuit: String,
    /// The key whose evaluation keys the service has, and what it calls them.
    key: String,
    keys: String,
    /// The query that is sent, and its jobs, one for each batch; none before all of it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    #[serde(default)]
    jobs: Vec<String>,
    /// A seal on all of the above, made with the token: who does not have it cannot send the token elsewhere, nor exchange
    /// what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seal: Option<String>,
}

impl Noted {
    /// Whether all of it was noted by somebody who had this token.
    fn is_sealed(&self, token: &Token) -> bool {
        let text = self.sealed();
        let seal = self.seal.as_deref();
        seal.zip(text)
            .is_some_and(|(seal, text)| token.has_sealed(&text, seal))
    }

    /// What the seal is on; `None` where that cannot be written down.
    fn sealed(&self) -> Option<String> {
        let unsealed = Self {
            seal: None,
            ..self.clone()
        };
        serde_json::to_string(&unsealed).ok()
    }

    /// Writes it down, under a seal.
    fn write(&mut self, folder: &Folder, token: &Token) -> Result<(), ClientError> {
        self.seal = self.sealed().map(|text| token.seal(&text));
        let file = folder.remote();
        let text = json(&file, self)?;
        private_whole(&file, &text)
    }
}

/// The service, with its address and fingerprint as they are noted, and the token that it is asked with.
struct Reached {
    service: ServiceClient,
    server: String,
    fingerprint: Option<String>,
    token: Token,
    /// Whether what is noted was noted with this token.
    is_own: bool,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uploaded {
    /// Bytes of evaluation keys; none where the service had them.
    pub keys: Option<u64>,
    /// Bytes of ciphertexts.
    pub ciphertexts: u64,
    /// Bytes of ciphertexts that the service had already, of a `send` that was cut off.
    pub held: u64,
    /// Jobs that were asked for.
    pub jobs: usize,
    /// How many of them the service had already.
    pub known: usize,
}

impl Remote {
    fn noted(folder: &Folder) -> Result<Option<Noted>, ClientError> {
        let file = folder.remote();
        if !file.exists() {
            return Ok(None);
        }
        let noted: Noted = read_json(&file, "remove it, and send again by `client send`")?;
        held_format(&file, noted.format)?;
        Ok(Some(noted))
    }

    /// The service. What is noted counts where whoever noted it had the token: a folder that came from elsewhere does
    /// not decide where the token goes.
    fn service(&self, folder: &Folder, noted: Option<&Noted>) -> Result<Reached, ClientError> {
        let server = self
            .server
            .clone()
            .or_else(|| noted.map(|n| n.server.clone()));
        let server = server.ok_or_else(|| {
            ClientError::file(
                "--server",
                "found no address of a service",
                "give it by `--server https://HOST:PORT`; `client evaluate` alone evaluates on this machine",
            )
        })?;
        let token = self.token(&server)?;
        let is_own = noted.is_some_and(|n| n.is_sealed(&token));
        if self.server.is_none() && !is_own {
            return Err(ClientError::file(
                folder.remote(),
                format!(
                    "its seal was not made with this token for what stands in it: it was changed since it was written, or \
                     written with another token; the service that it names, {}, was not asked",
                    printable::line(&server)
                ),
                "if the token is for that service, name it by `--server`, with `--fingerprint` where its certificate is \
                 its own: the token goes nowhere that somebody else's file names",
            ));
        }
        let same = noted.filter(|n| is_own && n.server == server);
        let fingerprint = self.fingerprint.clone();
        let fingerprint = fingerprint.or_else(|| same.and_then(|n| n.fingerprint.clone()));
        let pinned = fingerprint.as_deref().map(Fingerprint::parse).transpose();
        let pinned = pinned.map_err(|e| {
            let help = "copy it from what `hexperiment serve` prints: sha256:…";
            ClientError::file("--fingerprint", e, help)
        })?;
        let endpoint = Endpoint::new(&server, pinned, token.clone())?;
        let service = ServiceClient::new(&endpoint)?;
        Ok(Reached {
            service,
            server,
            fingerprint,
            token,
            is_own,
        })
    }

    /// The token, for the service at this address, which its owner names or has named before.
    fn token(&self, server: &str) -> Result<Token, ClientError> {
        let (place, text) = match &self.token_file {
            Some(file) => (file.clone(), files::read_secret_line(file, TOKENS)?),
            None => (
                PathBuf::from(TOKEN),
                std::env::var(TOKEN).unwrap_or_default(),
            ),
        };
        let line = text.lines().next().unwrap_or_default();
        let token = GivenToken::parse(line);
        let token = token.and_then(|given| given.for_service(server, NamedBy::Owner));
        token.map_err(|e| Complaint::new(place, e).help(TOKENS).into())
    }

    /// Sends `ciphertexts_upload`, after the evaluation keys where the service does not have them. What was sent before is
    /// not sent again, unless the service has no job of it that could still yield results.
    ///
    /// # Errors
    /// There are no keys or no ciphertexts, or they are of another circuit or key; the service is not there,
    /// refuses, or has another version of the library.
    pub fn send(
        &self,
        folder: &Held,
        bound: &BoundCircuit,
        passphrases: &Passphrases,
    ) -> Result<Uploaded, ClientError> {
        let keys = PublicKeys::open(folder, bound)?;
        let queries = Exchange::open(folder.upload(), Way::Up, bound)?;
        under_these_keys(&queries, &keys)?;
        let noted = Self::noted(folder)?;
        let Reached {
            service,
            server,
            fingerprint,
            token,
            is_own,
        } = self.service(folder, noted.as_ref())?;
        let before = noted.filter(|n| {
            is_own && n.server == server && n.circuit == bound.digest() && n.key == keys.key()
        });
        let known = before.as_ref().filter(|n| {
            // Where it cannot be told whether they are there, they are sent again.
            let there = service.keys().unwrap_or_default();
            there
                .iter()
                .any(|info| info.id == n.keys && lasts(info.expires_s))
        });
        // A `send` of the same ciphertexts that was cut off has left some there.
        let was_begun = known.is_some_and(|n| n.query.as_ref() == Some(&queries.manifest.query));
        let mut uploaded = Uploaded::default();
        let id = if let Some(known) = known {
            known.keys.clone()
        } else {
            let evaluation = keys.evaluation(folder, bound, passphrases)?;
            let (id, bytes) = has_keys(&service, bound, &evaluation)?;
            uploaded.keys = bytes;
            id
        };
        let asked = &queries.manifest;
        let mut noted = Noted {
            format: FORMAT,
            server,
            fingerprint,
            circuit: bound.digest().into(),
            key: keys.key().into(),
            keys: id,
            query: Some(asked.query.clone()),
            jobs: vec![],
            seal: None,
        };
        // Before anything is sent, so that a `send` that is cut off is gone on with by the next one.
        noted.write(folder, &token)?;
        let outputs = bound.lowered.program().output_ids();
        let outputs: Vec<u32> = outputs.iter().map(|o| o.index() as u32).collect();
        for (number, batch) in asked.batches.iter().enumerate() {
            // Ciphertexts that were sent before are not sent again: the service would keep both.
            let name = format!("{}-{number}", asked.query);
            if let Some(job) = service.job_named(&name)? {
                noted.jobs.push(job.id);
                uploaded.known += 1;
                continue;
            }
            let mut inputs = Vec::new();
            for index in 0..batch.files.len() {
                let bytes = queries.read(number, index)?;
                let there = if was_begun {
                    service.ciphertexts_of(&noted.keys, &bytes)?
                } else {
                    None
                };
                let there = there.filter(|info| lasts(info.expires_s));
                let info = if let Some(info) = there {
                    uploaded.held += info.bytes;
                    info
                } else {
                    uploaded.ciphertexts += bytes.len() as u64;
                    service.upload_ciphertexts(&noted.keys, &bytes)?
                };
                inputs.push(info.id);
            }
            let job = service.submit(&JobRequest {
                keys: noted.keys.clone(),
                inputs,
                outputs: outputs.clone(),
                request: Some(name),
            });
            noted.jobs.push(job?.id);
        }
        uploaded.jobs = noted.jobs.len();
        noted.write(folder, &token)?;
        Ok(uploaded)
    }

    /// Waits for what was sent, and fetches it into `ciphertexts_download`.
    ///
    /// # Errors
    /// Nothing was sent, or something else since; the service is not there, refuses or fails.
    pub fn fetch(&self, folder: &Held, bound: &BoundCircuit) -> Result<Evaluated, ClientError> {
        let file = folder.remote();
        let queries = Exchange::open(folder.upload(), Way::Up, bound)?;
        let asked = &queries.manifest;
        let noted = Self::noted(folder)?;
        let sent = noted.filter(|n| {
            n.query.as_ref() == Some(&asked.query) && n.jobs.len() == asked.batches.len()
        });
        let sent = sent.ok_or_else(|| {
            let help = "send what is encrypted by `client send`";
            ClientError::file(
                &file,
                "the rows that were encrypted last were not sent",
                help,
            )
        })?;
        let Reached {
            service, is_own, ..
        } = self.service(folder, Some(&sent))?;
        if !is_own {
            return Err(ClientError::file(
                &file,
                "was changed since it was written, or was written with another token: whose answers its jobs are is not \
                 known",
                "send again by `client send`; what was computed for these rows is not computed twice",
            ));
        }
        let manifest = Exchange::new(&asked.circuit, &asked.key, &asked.query);
        let mut results = Sent::begin(folder.download(), Way::Down, manifest)?;
        let mut evaluated = Evaluated::default();
        for (job, batch) in sent.jobs.iter().zip(&asked.batches) {
            let job = service.wait_for_job(job)?;
            let prepare_ns = job.times.prepare.map_or(0, |m| m.wall_ns);
            evaluated.prepare_ns = evaluated.prepare_ns.saturating_add(prepare_ns);
            let compute_ns = job.times.compute.map_or(0, |m| m.wall_ns);
            evaluated.evaluate_ns = evaluated.evaluate_ns.saturating_add(compute_ns);
            let found: Vec<u64> = job.results.iter().map(|result| result.bytes).collect();
            bound.are_results(&found)?;
            let mut contents = Vec::new();
            for result in &job.results {
                contents.push(service.download(result)?);
            }
            evaluated.bytes += contents.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
            results.add(batch.rows, &contents)?;
        }
        results.finish()?;
        report(folder, evaluated)?;
        Ok(evaluated)
    }
}

/// What the service calls these keys, and their bytes where they were uploaded: those that it has already, of a `send`
/// that was cut off before it was noted, are not.
fn has_keys(
    service: &ServiceClient,
    bound: &BoundCircuit,
    evaluation: &EvaluationKeys,
) -> Result<(String, Option<u64>), ClientError> {
    let there = service.keys_of(evaluation)?;
    if let Some(info) = there.filter(|info| lasts(info.expires_s)) {
        return Ok((info.id, None));
    }
    let digest = bound.circuit.digest();
    let program = service
        .register(&bound.order()?, digest, bound.library(), false)
        .and_then(|program| service.wait_for_program(&program.id))?;
    let sent = service.upload_keys(&program.id, evaluation, None)?;
    Ok((sent.id, Some(sent.bytes)))
}

/// Whether what expires then is kept long enough for a query.
fn lasts(expires_s: u64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |time| time.as_secs());
    expires_s > now.saturating_add(LEFT_S)
}
