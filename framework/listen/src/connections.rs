//! Connections that are open. One on which a valid token was shown is its client's, and stays; the others give way
//! where there is no room for a new one, the oldest first. So whoever opens connections and says nothing keeps
//! nobody waiting.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// Connections of one client that stay; further ones give way as those of strangers do.
const MOST_OF_CLIENT: usize = 64;

/// Connections that are open.
#[derive(Default)]
pub(crate) struct Connections(Mutex<Open>);

#[derive(Default)]
struct Open {
    next: u64,
    /// Those that give way, by number: the oldest first.
    strangers: BTreeMap<u64, AbortHandle>,
    /// How many of each client stay.
    kept: HashMap<String, usize>,
}

impl Connections {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a new connection, in a task of its own; nobody is known on it yet.
    pub(crate) fn begin<F>(self: &Arc<Self>, serve: impl FnOnce(Arc<Connection>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let number = {
            let mut open = self.open();
            open.next += 1;
            open.next
        };
        let served = serve(Arc::new(Connection {
            all: Arc::clone(self),
            number,
            client: Mutex::default(),
        }));
        // It is listed before it begins, and so before it can end.
        let (begin, begins) = oneshot::channel();
        let task = tokio::spawn(async move {
            if begins.await.is_ok() {
                served.await;
            }
        });
        self.open().strangers.insert(number, task.abort_handle());
        // A task that is gone already needs no word.
        let _ = begin.send(());
    }

    /// Closes the oldest connection of those that give way; whether there was one.
    pub(crate) fn make_room(&self) -> bool {
        let oldest = self.open().strangers.pop_first();
        if let Some((_, task)) = &oldest {
            task.abort();
        }
        oldest.is_some()
    }
}

/// A connection; dropped when it is closed.
pub struct Connection {
    all: Arc<Connections>,
    number: u64,
    /// Whose it is, if it stays.
    client: Mutex<Option<String>>,
}

impl Connection {
    /// A valid token of this client was shown on it: it stays, unless the client has many that do.
    pub fn is_of(&self, client: &str) {
        let mut own = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if own.is_some() {
            return;
        }
        let mut open = self.all.open();
        let kept = open.kept.get(client).copied().unwrap_or(0);
        if kept < MOST_OF_CLIENT && open.strangers.remove(&self.number).is_some() {
            open.kept.insert(client.to_owned(), kept + 1);
            *own = Some(client.to_owned());
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let own = self.client.get_mut();
        let own = own.unwrap_or_else(PoisonError::into_inner).take();
        let mut open = self.all.open();
        open.strangers.remove(&self.number);
        let Some(client) = own else {
            return;
        };
        match open.kept.get_mut(&client) {
            Some(kept) if *kept > 1 => *kept -= 1,
            _ => {
                open.kept.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use super::*;

    /// Begins a connection that goes on until it is closed.
    fn begun(all: &Arc<Connections>) -> std::sync::Weak<Connection> {
        let mut weak = std::sync::Weak::new();
        all.begin(|connection| {
            weak = Arc::downgrade(&connection);
            async move {
                pending::<()>().await;
                drop(connection);
            }
        });
        weak
    }

    async fn is_closed(connection: &std::sync::Weak<Connection>) -> bool {
        for _ in 0..200 {
            if connection.upgrade().is_none() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    #[test]
    fn strangers_give_way_and_clients_stay() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let all = Arc::new(Connections::default());
            let open: Vec<_> = (0..3).map(|_| begun(&all)).collect();
            open[0].upgrade().unwrap().is_of("alice");
            assert!(all.make_room());
            assert!(is_closed(&open[1]).await, "the oldest stranger's");
            assert!(all.make_room());
            assert!(is_closed(&open[2]).await);
            assert!(!all.make_room(), "what is left is a client's");
            assert!(open[0].upgrade().is_some());
            // One client does not keep all.
            let many: Vec<_> = (0..=MOST_OF_CLIENT).map(|_| begun(&all)).collect();
            for connection in &many {
                connection.upgrade().unwrap().is_of("mallory");
            }
            assert!(all.make_room() && !all.make_room());
            assert!(is_closed(&many[MOST_OF_CLIENT]).await);
            assert_eq!(all.open().kept["mallory"], MOST_OF_CLIENT);
        });
    }

    #[test]
    fn what_is_closed_is_forgotten() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let all = Arc::new(Connections::default());
            all.begin(|connection| async move { connection.is_of("alice") });
            all.begin(|connection| async move { drop(connection) });
            for _ in 0..200 {
                if all.open().strangers.is_empty() && all.open().kept.is_empty() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            panic!("they are still listed");
        });
    }
}
