//! Linear models: what the tasks share whose server computes a weighted sum of encrypted
//! features. Which features, in which unit and range ([`Features`]); the weights and their part
//! of the program ([`LinearModel`]); the protocol of scoring rows ([`Rounds`]); how the weights of a
//! logistic regression are found in the clear ([`LogisticTraining`]) or under encryption
//! ([`training`]); a model in a file ([`SavedModel`]), and what answers rows by it ([`QueryModel`]).
//!
//! What follows the sum and how the result is scored is the task's.

mod features;
mod logistic;
mod model;
mod protocol;
mod query;
mod saved;
pub mod training;

pub use features::{Features, LinearModelSettings, Ranking};
pub use logistic::{LogisticTraining, Trained, check_binary, sigmoid, solve};
pub use model::LinearModel;
pub use protocol::Rounds;
pub use query::{Answer, QueryModel};
pub use saved::{SavedColumn, SavedModel, Unit};
