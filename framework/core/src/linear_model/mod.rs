//! Linear models: what the tasks share whose server computes a weighted sum of encrypted
//! features. Which features, in which unit and range ([`Features`]); the weights and their part
//! of the program ([`LinearModel`]); the protocol of one round ([`OneRound`]).
//!
//! How the weights are found, what follows the sum and how the result is scored is the task's.

mod features;
mod model;
mod protocol;

pub use features::{Features, Ranking, Settings};
pub use model::LinearModel;
pub use protocol::OneRound;
