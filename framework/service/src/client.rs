//! The service as its clients see it: blocking calls, each acknowledged by the service when it returns.
//!
//! Answers that are lost are asked for again, for as long as [`Endpoint::patience`] says: a service that
//! is killed and started again costs its clients time only.

mod crossed;
mod endpoint;
mod error;
mod given;
mod http;
mod trust;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use hexperiment_scheme::{CircuitDigest, EvaluationKeys};
use hexperiment_wire::{KeyFrames, Limits, Order, hex as hex_digest};
use sha2::{Digest as _, Sha256};

use crate::api::{
    CiphertextsInfo, JobInfo, JobRequest, JobState, KeysInfo, LONGEST_WAIT_S, ProgramInfo,
    ProgramRequest, ProgramState, ServiceInfo,
};
use crate::token::{fresh_id, hex};
pub use crossed::{Crossed, Observer, Passed};
pub use endpoint::{Endpoint, address};
pub use error::ServiceError;
pub use given::{GivenToken, NamedBy};
use http::{Content, Http};

/// A client of the service.
pub struct ServiceClient {
    http: Http,
}

impl ServiceClient {
    /// A client of the service at this address; nothing is asked yet.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(endpoint: &Endpoint) -> Result<Self, ServiceError> {
        Ok(Self {
            http: Http::new(endpoint)?,
        })
    }

    /// What the service is, and allows.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn info(&self) -> Result<ServiceInfo, ServiceError> {
        self.get("/v1/service")
    }

    /// Registers a program, whose circuit is the client's, as compiled by this library. The same one
    /// again is the same program.
    ///
    /// # Errors
    /// The service has another version of the library, or takes no such program.
    pub fn register(
        &self,
        order: &Order,
        circuit: CircuitDigest,
        library: &str,
        public: bool,
    ) -> Result<ProgramInfo, ServiceError> {
        let program = serde_json::from_slice(&order.program)
            .map_err(|e| ServiceError::Answer(format!("the program: {e}")))?;
        let request = ProgramRequest {
            scheme: order.scheme.clone(),
            options: order.options.clone(),
            security: order.security,
            threads: order.threads,
            optimise: order.objective,
            program,
            circuit: hex_digest(circuit),
            library: library.to_owned(),
            public,
        };
        self.register_request(&request)
    }

    /// As [`ServiceClient::register`], of a request that is kept in a file.
    ///
    /// # Errors
    /// As [`ServiceClient::register`].
    pub fn register_request(&self, request: &ProgramRequest) -> Result<ProgramInfo, ServiceError> {
        self.http
            .ask("POST", "/v1/programs", &Content::json(request)?)
    }

    /// The client's programs.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn programs(&self) -> Result<Vec<ProgramInfo>, ServiceError> {
        self.get("/v1/programs")
    }

    /// A program as it was registered.
    ///
    /// # Errors
    /// It is neither the client's nor public.
    pub fn program_source(&self, program: &str) -> Result<ProgramRequest, ServiceError> {
        self.get(&format!("/v1/programs/{program}/source"))
    }

    /// Waits until the service has compiled a program to the same circuit.
    ///
    /// # Errors
    /// It refuses, fails, or has another circuit.
    pub fn wait_for_program(&self, program: &str) -> Result<ProgramInfo, ServiceError> {
        loop {
            let found: ProgramInfo =
                self.get(&format!("/v1/programs/{program}?wait={LONGEST_WAIT_S}"))?;
            let reason = || found.reason.clone().unwrap_or_default();
            match found.state {
                ProgramState::Checking => {}
                ProgramState::Ready => return Ok(found),
                ProgramState::Refused => return Err(ServiceError::Refused(reason())),
                ProgramState::Failed => return Err(ServiceError::Failed(reason())),
            }
        }
    }

    /// Deletes a program, with its keys and what is under them.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn delete_program(&self, program: &str) -> Result<(), ServiceError> {
        self.http.delete(&format!("/v1/programs/{program}"))
    }

    /// Uploads evaluation keys for a program; they are kept for so long, or as long as the service
    /// keeps any.
    ///
    /// # Errors
    /// They are too large, or of another circuit, or a quota is used up.
    pub fn upload_keys(
        &self,
        program: &str,
        keys: &EvaluationKeys,
        keep: Option<Duration>,
    ) -> Result<KeysInfo, ServiceError> {
        let length = KeyFrames::new(keys, &Limits::default())?.length();
        let open = || -> Result<Box<dyn Read + '_>, ServiceError> {
            Ok(Box::new(KeyFrames::new(keys, &Limits::default())?))
        };
        self.upload_key_frames(program, length, &open, keep)
    }

    /// As [`ServiceClient::upload_keys`], of a file that holds their frames, as [`KeyFrames`] yields them.
    ///
    /// # Errors
    /// As [`ServiceClient::upload_keys`]; the file cannot be read.
    pub fn upload_keys_file(
        &self,
        program: &str,
        file: &Path,
        keep: Option<Duration>,
    ) -> Result<KeysInfo, ServiceError> {
        let of_file = |source| ServiceError::File {
            path: file.display().to_string(),
            source,
        };
        let length = file.metadata().map_err(of_file)?.len();
        let open = || -> Result<Box<dyn Read + '_>, ServiceError> {
            Ok(Box::new(File::open(file).map_err(of_file)?))
        };
        self.upload_key_frames(program, length, &open, keep)
    }

    #[expect(
        clippy::needless_lifetimes,
        reason = "what is opened borrows what opens it"
    )]
    fn upload_key_frames<'a>(
        &self,
        program: &str,
        length: u64,
        open: &'a dyn Fn() -> Result<Box<dyn Read + 'a>, ServiceError>,
        keep: Option<Duration>,
    ) -> Result<KeysInfo, ServiceError> {
        let path = kept(&format!("/v1/programs/{program}/keys"), keep);
        self.http
            .ask("POST", &path, &Content::Stream { length, open })
    }

    /// The client's keys.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn keys(&self) -> Result<Vec<KeysInfo>, ServiceError> {
        self.get("/v1/keys")
    }

    /// The client's keys that are exactly these, if the service has them: those that last longest.
    ///
    /// # Errors
    /// [`ServiceError`]; keys that no frame can hold.
    pub fn keys_of(&self, keys: &EvaluationKeys) -> Result<Option<KeysInfo>, ServiceError> {
        let all = self.all_keys_of(keys)?.into_iter();
        Ok(all.max_by_key(|info| info.expires_s))
    }

    /// All of the client's keys that are exactly these: some may have been uploaded twice.
    ///
    /// # Errors
    /// As [`ServiceClient::keys_of`].
    pub fn all_keys_of(&self, keys: &EvaluationKeys) -> Result<Vec<KeysInfo>, ServiceError> {
        let mut frames = KeyFrames::new(keys, &Limits::default())?;
        let mut digest = Sha256::new();
        std::io::copy(&mut frames, &mut digest).map_err(|source| ServiceError::File {
            path: "the keys".into(),
            source,
        })?;
        let digest = hex(&digest.finalize());
        let mut all = self.keys()?;
        all.retain(|info| info.sha256 == digest);
        Ok(all)
    }

    /// Deletes keys, with what is under them.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn delete_keys(&self, keys: &str) -> Result<(), ServiceError> {
        self.http.delete(&format!("/v1/keys/{keys}"))
    }

    /// The ciphertexts under keys that are exactly these bytes, if the service has them.
    ///
    /// # Errors
    /// The keys are not there.
    pub fn ciphertexts_of(
        &self,
        keys: &str,
        bytes: &[u8],
    ) -> Result<Option<CiphertextsInfo>, ServiceError> {
        let digest = hex(&Sha256::digest(bytes));
        let path = format!("/v1/keys/{keys}/ciphertexts?sha256={digest}");
        let found: Vec<CiphertextsInfo> = self.get(&path)?;
        let newest = found.into_iter().next();
        newest
            .map(|info| same(&info, bytes).map(|()| info))
            .transpose()
    }

    /// What the service keeps under keys, inputs and results: the newest first, a thousand at most.
    ///
    /// # Errors
    /// The keys are not there.
    pub fn ciphertexts_under(&self, keys: &str) -> Result<Vec<CiphertextsInfo>, ServiceError> {
        self.get(&format!("/v1/keys/{keys}/ciphertexts"))
    }

    /// Uploads the ciphertexts of one input.
    ///
    /// # Errors
    /// They are too large, or a quota is used up.
    pub fn upload_ciphertexts(
        &self,
        keys: &str,
        bytes: &[u8],
    ) -> Result<CiphertextsInfo, ServiceError> {
        let path = format!("/v1/keys/{keys}/ciphertexts");
        let info: CiphertextsInfo = self.http.ask("POST", &path, &Content::Bytes(bytes))?;
        same(&info, bytes)?;
        Ok(info)
    }

    /// The bytes of a result, as the service has computed them.
    ///
    /// # Errors
    /// They are not those that the service has announced.
    pub fn download(&self, info: &CiphertextsInfo) -> Result<Vec<u8>, ServiceError> {
        let path = format!("/v1/ciphertexts/{}/bytes", info.id);
        let bytes = self.http.fetch(&path, info.bytes)?;
        same(info, &bytes)?;
        Ok(bytes)
    }

    /// Deletes ciphertexts.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn delete_ciphertexts(&self, ciphertexts: &str) -> Result<(), ServiceError> {
        let path = format!("/v1/ciphertexts/{ciphertexts}");
        self.http.delete(&path)
    }

    /// Asks for a job. One without a name gets a random one, so that it is done once however often the
    /// question is lost.
    ///
    /// # Errors
    /// What it names is not there, or a quota is used up.
    pub fn submit(&self, job: &JobRequest) -> Result<JobInfo, ServiceError> {
        let mut job = job.clone();
        if job.request.is_none() {
            let name = fresh_id("request").map_err(|source| ServiceError::File {
                path: "random numbers".into(),
                source,
            })?;
            job.request = Some(name);
        }
        self.http.ask("POST", "/v1/jobs", &Content::json(&job)?)
    }

    /// The client's jobs.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn jobs(&self) -> Result<Vec<JobInfo>, ServiceError> {
        self.get("/v1/jobs")
    }

    /// The job that asking by this name would yield, if it is there: one that failed, was cancelled, or has lost its
    /// results is done again, and not told of.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn job_named(&self, request: &str) -> Result<Option<JobInfo>, ServiceError> {
        let path = format!("/v1/jobs?request={}", http::escaped(request));
        let mut found: Vec<JobInfo> = self.get(&path)?;
        match found.len() {
            0 | 1 => Ok(found.pop()),
            more => Err(ServiceError::Answer(format!(
                "found {more} jobs of one name, expected one at most"
            ))),
        }
    }

    /// How far a job is; told at once, or when it is at its end and `wait` is over.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn job(&self, job: &str, wait: Duration) -> Result<JobInfo, ServiceError> {
        let seconds = wait.as_secs().min(LONGEST_WAIT_S);
        self.get(&format!("/v1/jobs/{job}?wait={seconds}"))
    }

    /// Waits until a job is done.
    ///
    /// # Errors
    /// It was refused or cancelled, or it failed.
    pub fn wait_for_job(&self, job: &str) -> Result<JobInfo, ServiceError> {
        loop {
            let asked = Instant::now();
            let found = self.job(job, Duration::from_secs(LONGEST_WAIT_S))?;
            let reason = || http::shown(found.reason.as_deref().unwrap_or_default());
            match found.state {
                JobState::Done => return Ok(found),
                JobState::Refused => return Err(ServiceError::Refused(reason())),
                JobState::Failed => return Err(ServiceError::Failed(reason())),
                JobState::Cancelled => return Err(ServiceError::Failed("cancelled".into())),
                JobState::Queued | JobState::Loading | JobState::Computing | JobState::Storing => {
                    // A service waits before it says so; one that does not is not asked all the time.
                    std::thread::sleep(ASKS_AGAIN.saturating_sub(asked.elapsed()));
                }
            }
        }
    }

    /// Cancels a job; one that is at its end stays as it is.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn cancel(&self, job: &str) -> Result<(), ServiceError> {
        self.http.delete(&format!("/v1/jobs/{job}"))
    }

    fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, ServiceError> {
        self.http.ask("GET", path, &Content::Nothing)
    }
}

/// How seldom a service is asked how far a job is.
const ASKS_AGAIN: Duration = Duration::from_millis(200);

/// A path, with how long what is uploaded there is to be kept.
fn kept(path: &str, keep: Option<Duration>) -> String {
    match keep {
        Some(keep) => format!("{path}?keep={}", keep.as_secs().max(1)),
        None => path.to_owned(),
    }
}

/// Holds bytes against what the service says of them.
fn same(info: &CiphertextsInfo, bytes: &[u8]) -> Result<(), ServiceError> {
    let found = hex(&Sha256::digest(bytes));
    if (info.bytes, &info.sha256) == (bytes.len() as u64, &found) {
        return Ok(());
    }
    Err(ServiceError::Answer(format!(
        "found {} bytes of SHA-256 {found}, expected {} of {}: they were changed on the way",
        bytes.len(),
        info.bytes,
        hexperiment_diagnostics::printable::cut(&info.sha256, 64)
    )))
}
