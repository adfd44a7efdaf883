//! Errors as they cross.

use serde::{Deserialize, Serialize};

/// Why a request was not done: the body of every answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// What kind of problem it is, for programs.
    pub code: ProblemCode,
    /// What was found, and what was expected, for people.
    pub message: String,
    /// What to do about it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Kinds of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemCode {
    /// 400: what was sent is not what it should be.
    Invalid,
    /// 401: there is no token, or a wrong one.
    Unauthorized,
    /// 404: nothing of this name belongs to the client.
    NotFound,
    /// 405: the path has no such method.
    Method,
    /// 408: the body came too slowly.
    TooSlow,
    /// 409: the parties have different circuits or libraries, or something is not ready yet.
    Conflict,
    /// 410: it has expired, or was deleted.
    Gone,
    /// 413: more bytes than are taken.
    TooLarge,
    /// 422: the scheme refuses, or the service does not take such keys.
    Refused,
    /// 429: too many requests in too short a time.
    RateLimited,
    /// 403: a quota is used up.
    Quota,
    /// 500: the service itself failed.
    Internal,
    /// 503: the service is being stopped, or is full.
    Unavailable,
}

impl ProblemCode {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::Invalid,
        Self::Unauthorized,
        Self::Quota,
        Self::NotFound,
        Self::Method,
        Self::TooSlow,
        Self::Conflict,
        Self::Gone,
        Self::TooLarge,
        Self::Refused,
        Self::RateLimited,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The status of HTTP that it has.
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthorized => 401,
            Self::Quota => 403,
            Self::NotFound => 404,
            Self::Method => 405,
            Self::TooSlow => 408,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::TooLarge => 413,
            Self::Refused => 422,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}
