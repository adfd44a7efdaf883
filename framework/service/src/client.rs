//! The service as its clients see it: blocking calls, each acknowledged by the service when it returns.
//!
//! Answers that are lost are asked for again, for as long as [`Endpoint::patience`] says: a service that
//! is killed and started again costs its clients time only.

mod ciphertexts;
mod crossed;
mod endpoint;
mod error;
mod given;
mod http;
mod jobs;
mod keys;
mod programs;
mod trust;

use crate::api::ServiceInfo;
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

    fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, ServiceError> {
        self.http.ask("GET", path, &Content::Nothing)
    }
}
