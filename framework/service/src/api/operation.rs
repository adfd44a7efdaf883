//! Operations: method and path of each.

/// What can be asked of the service. The router and the OpenAPI description are both made of
/// [`Operation::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Whether the service is there.
    Health,
    /// The OpenAPI description.
    OpenApi,
    /// Numbers for Prometheus.
    Metrics,
    /// What the service is and allows.
    Service,
    /// Registers a program.
    RegisterProgram,
    /// The client's programs.
    ListPrograms,
    /// A program.
    GetProgram,
    /// A program's source.
    GetProgramSource,
    /// Deletes a program.
    DeleteProgram,
    /// Uploads evaluation keys.
    UploadKeys,
    /// The client's keys.
    ListKeys,
    /// Keys.
    GetKeys,
    /// Deletes keys.
    DeleteKeys,
    /// Uploads ciphertexts.
    UploadCiphertexts,
    /// The ciphertexts under keys.
    ListCiphertexts,
    /// Ciphertexts.
    GetCiphertexts,
    /// The bytes of ciphertexts.
    DownloadCiphertexts,
    /// Deletes ciphertexts.
    DeleteCiphertexts,
    /// Asks for a job.
    SubmitJob,
    /// The client's jobs.
    ListJobs,
    /// A job.
    GetJob,
    /// Cancels a job.
    CancelJob,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 22] = [
        Self::Health,
        Self::OpenApi,
        Self::Metrics,
        Self::Service,
        Self::RegisterProgram,
        Self::ListPrograms,
        Self::GetProgram,
        Self::GetProgramSource,
        Self::DeleteProgram,
        Self::UploadKeys,
        Self::ListKeys,
        Self::GetKeys,
        Self::DeleteKeys,
        Self::UploadCiphertexts,
        Self::ListCiphertexts,
        Self::GetCiphertexts,
        Self::DownloadCiphertexts,
        Self::DeleteCiphertexts,
        Self::SubmitJob,
        Self::ListJobs,
        Self::GetJob,
        Self::CancelJob,
    ];

    /// Method and path, as in OpenAPI.
    pub fn route(self) -> (&'static str, &'static str) {
        match self {
            Self::Health => ("GET", "/healthz"),
            Self::OpenApi => ("GET", "/openapi.json"),
            Self::Metrics => ("GET", "/metrics"),
            Self::Service => ("GET", "/v1/service"),
            Self::RegisterProgram => ("POST", "/v1/programs"),
            Self::ListPrograms => ("GET", "/v1/programs"),
            Self::GetProgram => ("GET", "/v1/programs/{id}"),
            Self::GetProgramSource => ("GET", "/v1/programs/{id}/source"),
            Self::DeleteProgram => ("DELETE", "/v1/programs/{id}"),
            Self::UploadKeys => ("POST", "/v1/programs/{id}/keys"),
            Self::ListKeys => ("GET", "/v1/keys"),
            Self::GetKeys => ("GET", "/v1/keys/{id}"),
            Self::DeleteKeys => ("DELETE", "/v1/keys/{id}"),
            Self::UploadCiphertexts => ("POST", "/v1/keys/{id}/ciphertexts"),
            Self::ListCiphertexts => ("GET", "/v1/keys/{id}/ciphertexts"),
            Self::GetCiphertexts => ("GET", "/v1/ciphertexts/{id}"),
            Self::DownloadCiphertexts => ("GET", "/v1/ciphertexts/{id}/bytes"),
            Self::DeleteCiphertexts => ("DELETE", "/v1/ciphertexts/{id}"),
            Self::SubmitJob => ("POST", "/v1/jobs"),
            Self::ListJobs => ("GET", "/v1/jobs"),
            Self::GetJob => ("GET", "/v1/jobs/{id}"),
            Self::CancelJob => ("DELETE", "/v1/jobs/{id}"),
        }
    }

    /// Whether it asks for a token.
    pub fn needs_token(self) -> bool {
        !matches!(self, Self::Health | Self::OpenApi)
    }
}
