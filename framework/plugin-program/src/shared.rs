//! What a circuit shares with its roles.

use std::sync::Arc;

use hexperiment_program::lower::Lowered;
use hexperiment_scheme::CircuitDigest;
use hexperiment_wire::{Bound, Keyed, Order};

use crate::origin::{Client, Origin};

/// What a circuit shares with its roles.
pub(crate) struct Shared {
    pub(crate) origin: Arc<Origin>,
    pub(crate) lowered: Lowered,
    pub(crate) order: Order,
    pub(crate) digest: CircuitDigest,
}

/// The program that is the client, as far as it is.
pub(crate) enum Stage {
    Bound(Client<Bound>),
    Keyed(Client<Keyed>),
    /// An error has ended the conversation.
    Over,
}
