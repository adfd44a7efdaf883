//! A file that was dropped on a page.

use std::path::PathBuf;

use crate::profile::Profile;

/// A file that was dropped, and what it is.
pub(crate) struct Upload {
    pub(crate) id: String,
    /// Its name, as the browser told it.
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) what: What,
}

/// What an upload is.
pub(crate) enum What {
    Table(Profile),
    Image { width: u32, height: u32 },
}

impl Upload {
    pub(crate) fn table(&self) -> Option<&Profile> {
        match &self.what {
            What::Table(profile) => Some(profile),
            What::Image { .. } => None,
        }
    }

    pub(crate) fn image(&self) -> Option<(u32, u32)> {
        match self.what {
            What::Image { width, height } => Some((width, height)),
            What::Table(_) => None,
        }
    }
}
