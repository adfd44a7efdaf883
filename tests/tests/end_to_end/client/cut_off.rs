//! A `send` that is killed before it hears what the service has taken: the next one goes on where it was.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
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

/// Kills a `send` when the service has taken something of this kind, whose acknowledgement it never hears, and sends
/// again.
#[track_caller]
fn check(scheme: &str, begins: &'static str, folder: &str, words: &[&str]) {
    let service = Service::with(&["--plain"]);
    let line = Line::to(&service, begins);
    let owner = Owner::with_keys(scheme, &[]);
    owner.does(&["encrypt", "rows.csv"]);
    let send = || {
        let mut send = owner.command(&["send", "--server", &line.url]);
        send.env("HEXPERIMENT_TOKEN", &service.token);
        send
    };
    line.state.store(WATCHES, Ordering::SeqCst);
    let mut killed = send()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while line.state.load(Ordering::SeqCst) != HOLDS || service.kept(folder) == 0 {
        assert!(began.elapsed() < PATIENCE, "nothing was sent");
        std::thread::sleep(Duration::from_millis(20));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    line.state.store(PASSES, Ordering::SeqCst);
    // What was given up is shown with the keys that it is under; nobody waits for the answer to it any more.
    let given_up = if folder == "ciphertexts" {
        "under them 1 input or result, "
    } else {
        "under them 0 inputs and results, 0 bytes"
    };
    let listed = || {
        let mut list = owner.command(&["keys", "list", "--server", &line.url]);
        Outcome::of(list.env("HEXPERIMENT_TOKEN", &service.token)).out
    };
    while !listed().contains(given_up) {
        assert!(began.elapsed() < PATIENCE, "{}", listed());
        std::thread::sleep(Duration::from_millis(20));
    }
    Outcome::of(&mut send())
        .ends_with(0)
        .does_not_panic()
        .says(words);
    // One set of keys, and one input for each of the two batches, with its result later.
    assert_eq!(service.kept("keys"), 1);
    let fetches = |step: &str| {
        let mut command = owner.command(&[step]);
        Outcome::of(command.env("HEXPERIMENT_TOKEN", &service.token)).ends_with(0);
    };
    fetches("fetch");
    assert_eq!(service.kept("ciphertexts"), 4);
    fetches("decrypt");
    are_the_models(&owner.results().1);
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
