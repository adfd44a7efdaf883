//! Ciphertexts in the hands of the parties, with what they should hold.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::Array2;

use hexperiment_program::Party;
use hexperiment_scheme::Ciphertexts;
use hexperiment_wire::Handle;

use super::SessionError;

/// What ciphertexts should hold: by the original program, and by the circuit's own arithmetic.
#[derive(Clone, Debug)]
pub(super) struct Shadow {
    pub(super) exact: Array2<f64>,
    pub(super) simulated: Array2<f64>,
    /// By the original program, had no value been moved into its range; `None` where none was.
    pub(super) unclipped: Option<Array2<f64>>,
}

impl Shadow {
    /// What it would be, had no value been moved.
    pub(super) fn before_clipping(&self) -> &Array2<f64> {
        self.unclipped.as_ref().unwrap_or(&self.exact)
    }
}

/// The names of ciphertexts at the server that nobody needs any more, of one session.
#[derive(Clone, Debug, Default)]
pub(super) struct Released(Arc<Mutex<Vec<Handle>>>);

impl Released {
    /// A name that is released when it is dropped.
    pub(super) fn name(&self, handle: Handle) -> Named {
        Named {
            handle,
            released: self.clone(),
        }
    }

    /// All of them; they are another's business now.
    pub(super) fn take(&self) -> Vec<Handle> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The name of ciphertexts at the server, released when it is dropped.
#[derive(Debug)]
pub(super) struct Named {
    handle: Handle,
    released: Released,
}

impl Drop for Named {
    fn drop(&mut self) {
        let mut released = self.released.0.lock();
        let released = released.as_mut().unwrap_or_else(|e| e.get_mut());
        released.push(self.handle);
    }
}

/// Where ciphertexts are that somebody asks for.
pub(super) enum Place {
    Client(Ciphertexts),
    Server(Handle),
}

/// Where ciphertexts are.
#[derive(Debug)]
enum Held {
    /// With the client that made them.
    Client(Ciphertexts),
    /// At the server, which made or read them.
    Server(Named),
    /// At the server, and with the key owner, who has fetched them.
    Both(Named, Ciphertexts),
}

/// Ciphertexts in the hands of the parties. Made by [`Client::encrypt`](super::Client::encrypt) and
/// [`Server::evaluate`](super::Server::evaluate); moved between parties when the other one needs
/// them, and dropped by the server when this is dropped.
#[derive(Debug)]
pub struct Sealed {
    held: RefCell<Held>,
    maker: Party,
    shadow: Shadow,
    /// Numbers of the table that are data: see [`Sealed::with_payload`].
    payload: u64,
    /// The session that they are of.
    session: Released,
}

impl Sealed {
    /// What a client has encrypted.
    pub(super) fn of_client(
        ciphertexts: Ciphertexts,
        number: u32,
        shadow: Shadow,
        payload: u64,
        session: &Released,
    ) -> Self {
        Self {
            held: RefCell::new(Held::Client(ciphertexts)),
            maker: Party::Client(number),
            shadow,
            payload,
            session: session.clone(),
        }
    }

    /// What the server has evaluated.
    pub(super) fn of_server(handle: Handle, shadow: Shadow, session: &Released) -> Self {
        Self {
            held: RefCell::new(Held::Server(session.name(handle))),
            maker: Party::Server,
            shadow,
            payload: 0,
            session: session.clone(),
        }
    }

    /// Rows and columns of the table that it holds.
    pub fn shape(&self) -> (usize, usize) {
        self.shadow.exact.dim()
    }

    /// The same, of whose table only `numbers` are data that the client would send in the clear:
    /// the others pad it to a layout's shape, or repeat what was sent before. Without this, all of
    /// them are.
    #[must_use]
    pub fn with_payload(self, numbers: usize) -> Self {
        Self {
            payload: numbers as u64,
            ..self
        }
    }

    pub(super) fn maker(&self) -> Party {
        self.maker
    }

    pub(super) fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    pub(super) fn payload(&self) -> u64 {
        self.payload
    }

    /// What must still be sent to the server, if anything.
    pub(super) fn to_send(&self, session: &Released) -> Result<Option<Ciphertexts>, SessionError> {
        self.belongs_to(session)?;
        Ok(match &*self.held.borrow() {
            Held::Client(ciphertexts) => Some(ciphertexts.clone()),
            Held::Server(_) | Held::Both(..) => None,
        })
    }

    /// They were sent: the client keeps no copy.
    pub(super) fn sent(&self, name: Named) {
        self.held.replace(Held::Server(name));
    }

    /// Where the key owner gets them from.
    pub(super) fn to_fetch(&self, session: &Released) -> Result<Place, SessionError> {
        self.belongs_to(session)?;
        Ok(match &*self.held.borrow() {
            Held::Client(ciphertexts) | Held::Both(_, ciphertexts) => {
                Place::Client(ciphertexts.clone())
            }
            Held::Server(name) => Place::Server(name.handle),
        })
    }

    /// The key owner has them now, too.
    pub(super) fn fetched(&self, ciphertexts: Ciphertexts) {
        self.held.replace_with(|held| {
            let none = Held::Client(ciphertexts.clone());
            match std::mem::replace(held, none) {
                Held::Server(name) | Held::Both(name, _) => Held::Both(name, ciphertexts),
                Held::Client(_) => Held::Client(ciphertexts),
            }
        });
    }

    /// Their name at the server.
    pub(super) fn at_server(&self, session: &Released) -> Result<Handle, SessionError> {
        self.belongs_to(session)?;
        match &*self.held.borrow() {
            Held::Server(name) | Held::Both(name, _) => Ok(name.handle),
            Held::Client(_) => Err(SessionError::Protocol(
                "the server evaluates on ciphertexts that were not sent".into(),
            )),
        }
    }

    fn belongs_to(&self, session: &Released) -> Result<(), SessionError> {
        if Arc::ptr_eq(&self.session.0, &session.0) {
            return Ok(());
        }
        Err(SessionError::Protocol(
            "ciphertexts of another session".into(),
        ))
    }
}
