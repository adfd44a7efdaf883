//! A `send` that is killed before it hears what the service has taken: the next one goes on where it was.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::remote::Service;
use super::{Owner, are_the_models};
use crate::harness::Outcome;

/// The longest wait for anything.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is told to a line, and what it tells.
const PASSES: u8 = 0;
const WATCHES: u8 = 1;
const HOLDS: u8 = 2;

/// A line to a service, which can keep its answers to itself.
struct Line {
    url: String,
    state: Arc<AtomicU8>,
}

impl Line {
    /// To this service; told to, it holds all answers from that to the first request whose head begins so.
    fn to(service: &Service, begins: &'static str) -> Self {
        let (_, address) = service.url.split_once("http://").unwrap();
        let address = address.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(AtomicU8::new(PASSES));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(&address).unwrap();
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let state = Arc::clone(&shared);
                std::thread::spawn(move || {
                    passes(from, to, |bytes| {
                        if state.load(Ordering::SeqCst) == WATCHES
                            && bytes.starts_with(begins.as_bytes())
                        {
                            state.store(HOLDS, Ordering::SeqCst);
                        }
                        true
                    });
                });
                let state = Arc::clone(&shared);
                std::thread::spawn(move || {
                    passes(server, client, |_| state.load(Ordering::SeqCst) != HOLDS);
                });
            }
        });
        Self { url, state }
    }
}

/// Passes on what is let through, until nothing more is.
fn passes(mut from: TcpStream, mut to: TcpStream, lets: impl Fn(&[u8]) -> bool) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if !lets(&bytes[..count]) || to.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}

/// A `send` that was killed.
struct CutOff {
    service: Service,
    line: Line,
    owner: Owner,
}

impl CutOff {
    /// Kills a `send` when the service has taken something of this kind, whose acknowledgement it never hears.
    #[track_caller]
    fn new(scheme: &str, begins: &'static str, folder: &str) -> Self {
        let service = Service::with(&["--plain"]);
        let line = Line::to(&service, begins);
        let owner = Owner::with_keys(scheme, &[]);
        owner.does(&["encrypt", "rows.csv"]);
        let cut = Self {
            service,
            line,
            owner,
        };
        cut.line.state.store(WATCHES, Ordering::SeqCst);
        let mut killed = cut
            .command(&["send"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while cut.line.state.load(Ordering::SeqCst) != HOLDS || cut.service.kept(folder) == 0 {
            assert!(began.elapsed() < PATIENCE, "nothing was sent");
            std::thread::sleep(Duration::from_millis(20));
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        cut.line.state.store(PASSES, Ordering::SeqCst);
        // What was given up is shown with the keys that it is under; nobody waits for the answer to it any more.
        let given_up = if folder == "ciphertexts" {
            "under them 1 input or result, "
        } else {
            "under them 0 inputs and results, 0 bytes"
        };
        while !cut.listed().contains(given_up) {
            assert!(began.elapsed() < PATIENCE, "{}", cut.listed());
            std::thread::sleep(Duration::from_millis(20));
        }
        cut
    }

    /// A step at the service, by the line.
    fn command(&self, step: &[&str]) -> Command {
        let mut command = self
            .owner
            .command(&[step, &["--server", &self.line.url]].concat());
        command.env("HEXPERIMENT_TOKEN", &self.service.token);
        command
    }

    /// A step at the service that is done, with these words.
    #[track_caller]
    fn does(&self, step: &[&str], words: &[&str]) {
        let done = Outcome::of(&mut self.command(step));
        done.ends_with(0).does_not_panic().says(words);
    }

    /// What the service keeps, as it is listed.
    fn listed(&self) -> String {
        Outcome::of(&mut self.command(&["keys", "list"])).out
    }
}

/// Sends again after a `send` was killed.
#[track_caller]
fn check(scheme: &str, begins: &'static str, folder: &str, words: &[&str]) {
    let cut = CutOff::new(scheme, begins, folder);
    cut.does(&["send"], words);
    // One set of keys, and one input for each of the two batches, with its result later.
    assert_eq!(cut.service.kept("keys"), 1);
    cut.does(&["fetch"], &[]);
    assert_eq!(cut.service.kept("ciphertexts"), 4);
    cut.owner.does(&["decrypt"]);
    are_the_models(&cut.owner.results().1);
}

#[test]
fn ciphertexts_that_were_stored_are_not_sent_again() {
    let uploads = "POST /v1/keys/";
    let words = ["the service had the keys", "bytes from before", "2 jobs\n"];
    check("seal-ckks", uploads, "ciphertexts", &words);
    check("paillier", uploads, "ciphertexts", &words);
}

#[test]
fn keys_that_were_stored_are_not_sent_again() {
    let words = ["the service had the keys", "2 jobs\n"];
    check("seal-ckks", "POST /v1/programs/", "keys", &words);
}

/// What a `send` left at the service is deleted without the keys that it is under, and so is what was evaluated before; results of
/// what was sent last stay, to be fetched.
#[test]
fn what_was_given_up_is_deleted_and_its_keys_are_kept() {
    let cut = CutOff::new("paillier", "POST /v1/keys/", "ciphertexts");
    let clean = ["keys", "clean"];
    cut.does(
        &clean,
        &["keys_", "1 input or result deleted", "the keys kept\n"],
    );
    assert!(
        cut.listed()
            .contains("under them 0 inputs and results, 0 bytes")
    );
    assert_eq!(
        (cut.service.kept("keys"), cut.service.kept("ciphertexts")),
        (1, 0)
    );
    // Other rows under the same keys: two batches, of which the results are not fetched yet.
    cut.owner.does(&["encrypt", "rows.csv"]);
    cut.does(&["send"], &["the service had the keys", "2 jobs\n"]);
    let busy = || {
        let cleaned = Outcome::of(&mut cut.command(&clean));
        cleaned.out.is_empty().then_some(cleaned)
    };
    let began = Instant::now();
    while let Some(refused) = busy() {
        // Jobs that are not at their end read their inputs.
        refused
            .ends_with(2)
            .says(&["not at their end", "client fetch"]);
        assert!(began.elapsed() < PATIENCE, "they do not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    cut.does(
        &clean,
        &[
            "0 inputs and results deleted",
            "2 results of what was sent last kept",
        ],
    );
    assert_eq!(cut.service.kept("ciphertexts"), 2);
    cut.does(&["fetch"], &[]);
    cut.owner.does(&["decrypt"]);
    are_the_models(&cut.owner.results().1);
    // By the service's own name of them, also from where nothing was sent; there, all of it.
    let listed = cut.listed();
    let name = listed.split_whitespace().next().unwrap();
    let elsewhere = Owner::stated("paillier", &[]);
    let does = |step: &[&str]| {
        let mut command = elsewhere.command(&[step, &["--server", &cut.line.url]].concat());
        Outcome::of(command.env("HEXPERIMENT_TOKEN", &cut.service.token))
    };
    does(&clean).ends_with(2).says(&[
        "nothing was sent there from this folder",
        "keys list --server",
    ]);
    does(&[&clean[..], &["keys_none"]].concat())
        .ends_with(2)
        .says(&["has no keys `keys_none`"]);
    does(&[&clean[..], &[name]].concat())
        .ends_with(0)
        .says(&[name, "2 inputs and results deleted"]);
    assert_eq!(
        (cut.service.kept("keys"), cut.service.kept("ciphertexts")),
        (1, 0)
    );
}
