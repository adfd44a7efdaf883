//! The workbench as a user has it: the program serves it, Chromium opens it, and each page is gone through from
//! upload to result by the keyboard, at the widths of a desk and of a phone. Where there is no Chromium these tests
//! say so and look at nothing. `HEXPERIMENT_SCREENSHOTS` names a folder for pictures of the pages.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy knows test functions, but not the functions that they share"
)]

mod browser;
mod far;
mod fleet;
mod guard;
mod pages;
mod started;
