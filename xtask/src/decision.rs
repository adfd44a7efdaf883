//! A library that a build may take from the system, and why it does or does not.

use crate::system::System;
use crate::{Failure, gmp, hexl};

/// A decision and its reason.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) name: &'static str,
    /// The runner's feature for it.
    pub(crate) feature: &'static str,
    pub(crate) on: bool,
    pub(crate) reason: String,
}

impl Decision {
    /// Arguments for cargo.
    pub(crate) fn arguments(&self) -> Vec<&'static str> {
        if self.on {
            vec!["--features", self.feature]
        } else {
            vec![]
        }
    }

    /// In one line.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.name, self.text())
    }

    /// The same without the name.
    pub(crate) fn text(&self) -> String {
        format!("{}: {}", if self.on { "on" } else { "off" }, self.reason)
    }
}

/// All of them, made once for all that builds: what is built with others is built anew.
pub(crate) fn all(system: &System) -> Result<[Decision; 2], Failure> {
    Ok([hexl::decide(system)?, gmp::decide(system)])
}
