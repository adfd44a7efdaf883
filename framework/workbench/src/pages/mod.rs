//! The pages: a module for each, and a line in [`PAGES`].

mod experiments;
mod fleet;
mod form;
mod home;
mod images;
mod sensors;
mod tables;

use axum::Router;
use maud::Markup;

use crate::guard::Session;
use crate::jobs::Job;
use crate::shell::Shell;
use crate::state::{Shared, Workbench};

/// A page of the navigation.
pub(crate) struct Page {
    /// Its path, with which those of its parts begin.
    pub(crate) path: &'static str,
    pub(crate) title: &'static str,
    /// What it is for, in a sentence.
    pub(crate) about: &'static str,
    pub(crate) routes: fn() -> Router<Shared>,
    /// What its jobs came to; drawn once they are done.
    pub(crate) result: fn(&Job) -> Markup,
    /// The script that its results need.
    pub(crate) script: Option<&'static str>,
}

impl Page {
    /// What stands around the page as it is opened, before anything is dropped on it.
    fn shell<'a>(&self, workbench: &'a Workbench, session: &'a Session) -> Shell<'a> {
        Shell {
            workbench,
            session,
            path: self.path,
            title: self.title,
            scripts: &[],
        }
    }
}

/// The pages, in the order of the navigation; a further one is a line here.
pub(crate) const PAGES: [Page; 5] = [
    sensors::PAGE,
    images::PAGE,
    tables::PAGE,
    fleet::PAGE,
    experiments::PAGE,
];

/// The first page.
pub(crate) use home::routes as home;
