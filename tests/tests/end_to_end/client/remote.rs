//! Rows are asked of a service on a network, which is another process with a certificate of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use super::{Owner, are_the_models};
use crate::harness::{Outcome, Place};

/// A service that listens on this machine, and ends with the test.
pub struct Service {
    process: Child,
    pub url: String,
    pub fingerprint: String,
    pub token: String,
    place: Place,
}

impl Service {
    #[track_caller]
    pub fn start() -> Self {
        Self::with(&[])
    }

    #[track_caller]
    pub fn with(options: &[&str]) -> Self {
        let place = Place::new();
        let token = place.call(&["serve", "token", "new", "tester", "--state", "state"]);
        token.ends_with(0);
        let token = token.out.lines().last().unwrap().trim().to_owned();
        let mut serve = place.program(["serve", "--state", "state", "--listen", "127.0.0.1:0"]);
        serve.args(options);
        let mut process = serve.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut after = |start: &str| {
            let mut found = lines.by_ref().map(Result::unwrap);
            let line = found.find_map(|l| l.strip_prefix(start).map(str::to_owned));
            line.unwrap_or_else(|| panic!("no line starts with {start:?}"))
        };
        let url = after("listening on ");
        // There is no certificate without TLS.
        let fingerprint = if options.contains(&"--plain") {
            String::new()
        } else {
            after("fingerprint ")
        };
        // It may write more: what nobody reads must not stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            url,
            fingerprint,
            token,
            place,
        }
    }
}

impl Service {
    /// Files that it keeps in a folder: keys, or ciphertexts, which are inputs and results.
    pub fn kept(&self, folder: &str) -> usize {
        let folder = self.place.path(&format!("state/{folder}"));
        fs::read_dir(folder).unwrap().count()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended; either way it is waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Keys are uploaded once; what one process sent, another one fetches; and the service never gets the secret.
#[test]
fn a_salary_is_predicted_remotely() {
    let service = Service::start();
    let owner = Owner::with_keys("seal-ckks", &["--encryption", "public"]);
    let does = |step: &[&str], words: &[&str]| {
        let mut command = owner.command(step);
        command.env("HEXPERIMENT_TOKEN", &service.token);
        Outcome::of(&mut command)
            .ends_with(0)
            .does_not_panic()
            .says(words);
    };
    let here = [
        "--server",
        &service.url,
        "--fingerprint",
        &service.fingerprint,
    ];
    let query = [&["query", "rows.csv"][..], &here].concat();
    does(&query, &["bytes of keys, ", "2 jobs", "row 1: salary"]);
    are_the_models(&owner.results().1);
    does(&query, &["the service had the keys", "2 jobs"]);
    are_the_models(&owner.results().1);
    // Step by step: the address is known from before.
    fs::remove_dir_all(owner.place.path("io/ciphertexts_download")).unwrap();
    does(&["encrypt", "rows.csv"], &[]);
    let mut early = owner.command(&["fetch"]);
    early.env("HEXPERIMENT_TOKEN", &service.token);
    let early = Outcome::of(&mut early);
    early.ends_with(2).says(&[
        "the rows that were encrypted last were not sent",
        "client send",
    ]);
    does(&["send"], &["the service had the keys"]);
    // Sent again, nothing is uploaded or computed twice: the jobs are the same.
    does(&["fetch"], &[]);
    let jobs = || fs::read_to_string(owner.place.path("io/remote.json")).unwrap();
    let before = (jobs(), service.kept("ciphertexts"));
    does(
        &["send"],
        &[
            "0 bytes of ciphertexts",
            "2 jobs, 2 of which the service had",
        ],
    );
    assert_eq!(before, (jobs(), service.kept("ciphertexts")));
    does(&["fetch"], &[]);
    does(&["decrypt"], &["3 answers"]);
    are_the_models(&owner.results().1);
    // A folder whose file names another service does not send the token there; nor does one of another token.
    let noted = jobs();
    let elsewhere = noted.replace(&service.url, "https://127.0.0.1:9");
    assert_ne!(noted, elsewhere);
    owner.place.write("io/remote.json", &elsewhere);
    let refuses = |token: &str, words: &[&str]| {
        let mut fetch = owner.command(&["fetch"]);
        let fetch = Outcome::of(fetch.env("HEXPERIMENT_TOKEN", token));
        fetch.ends_with(2).does_not_panic().says(words);
    };
    let words = [
        "io/remote.json",
        "changed since it was written, or written with another token",
        "was not asked",
        "--server",
    ];
    refuses(
        &service.token,
        &[&words[..], &["https://127.0.0.1:9"]].concat(),
    );
    // Nor one that was given for another service.
    let elsewhere = format!("{} https://127.0.0.1:9", service.token);
    owner.place.write("io/remote.json", &noted);
    refuses(
        &elsewhere,
        &[
            "HEXPERIMENT_TOKEN",
            "found a token for https://127.0.0.1:9",
            &service.url,
        ],
    );
    refuses(&format!("hxp_{}", "1".repeat(64)), &words);
    // Two answers that were exchanged by hand are not taken for those of the rows.
    let mut edited: serde_json::Value = serde_json::from_str(&noted).unwrap();
    edited["jobs"].as_array_mut().unwrap().swap(0, 1);
    owner.place.write("io/remote.json", edited.to_string());
    refuses(&service.token, &words);
    let mut named = owner.command(&[&["fetch"][..], &here].concat());
    let named = Outcome::of(named.env("HEXPERIMENT_TOKEN", &service.token));
    named.ends_with(2).does_not_panic().says(&[
        "io/remote.json",
        "was changed since it was written",
        "client send",
    ]);
    owner.place.write("io/remote.json", &noted);
    let bound = format!("{} {}", service.token, service.url);
    let mut fetch = owner.command(&["fetch"]);
    Outcome::of(fetch.env("HEXPERIMENT_TOKEN", bound)).ends_with(0);
    does(&[&["fetch"][..], &here].concat(), &[]);
    // New keys are uploaded.
    owner.does(&["keys", "rotate", "--unprotected"]);
    does(&query, &["bytes of keys, "]);
    are_the_models(&owner.results().1);
}

/// A key that is deleted is deleted at the service as well, where that is asked for, with all that is under it; what no
/// folder knows any more by the service's own name.
#[test]
fn keys_are_deleted_at_the_service() {
    let service = Service::with(&["--plain"]);
    let owner = Owner::with_keys("paillier", &[]);
    let does = |step: &[&str]| {
        let mut command = owner.command(&[step, &["--server", &service.url]].concat());
        command.env("HEXPERIMENT_TOKEN", &service.token);
        let outcome = Outcome::of(&mut command);
        outcome.ends_with(0).does_not_panic();
        outcome
    };
    let key = || {
        let list = owner.does(&["keys", "list"]).out;
        list.split_whitespace().nth(1).unwrap().to_owned()
    };
    let kept = || (service.kept("keys"), service.kept("ciphertexts"));
    // Three keys: two batches, each with its result.
    let mut keys = Vec::new();
    for _ in 0..3 {
        owner.does(&["keys", "rotate", "--unprotected"]);
        does(&["query", "rows.csv"]);
        keys.push(key());
    }
    assert_eq!(kept(), (3, 12));
    let listed = does(&["keys", "list"]);
    assert_eq!(listed.out.lines().count(), 3, "{}", listed.out);
    listed.says(&["kept until", &keys[2], "under them 4 inputs and results, "]);
    // One that is retired, and not the one that was sent last.
    does(&["keys", "delete", &keys[0]]).says(&["1 set of evaluation keys deleted at the service"]);
    assert_eq!(kept(), (2, 8));
    does(&["keys", "delete", &keys[2]]).says(&["1 set of evaluation keys", "with its secret key"]);
    assert_eq!(kept(), (1, 4));
    // One whose files are gone.
    owner.does(&["keys", "delete", &keys[1]]);
    assert_eq!(kept(), (1, 4));
    let listed = does(&["keys", "list"]).out;
    let name = listed.split_whitespace().next().unwrap();
    does(&["keys", "delete", name]).says(&[name, "deleted at the service"]);
    assert_eq!(kept(), (0, 0));
    does(&["keys", "list"]).says(&["keeps no keys"]);
    let mut again = owner.command(&["keys", "delete", name, "--server", &service.url]);
    let again = Outcome::of(again.env("HEXPERIMENT_TOKEN", &service.token));
    again
        .ends_with(2)
        .says(&["has no keys", name, "keys list --server"]);
    // The program is there still: new keys need no new one.
    owner.does(&["keygen", "--unprotected"]);
    does(&["query", "rows.csv"]);
    are_the_models(&owner.results().1);
}

/// Whoever has no token, or another service's certificate, is told so.
#[test]
fn services_are_held_to_what_is_known_of_them() {
    let service = Service::start();
    let owner = Owner::with_keys("plaintext", &[]);
    owner.does(&["encrypt", "rows.csv"]);
    let here = [
        "--server",
        &service.url,
        "--fingerprint",
        &service.fingerprint,
    ];
    let send = [&["send"][..], &here].concat();
    owner.refuses(
        &send,
        &["HEXPERIMENT_TOKEN", "serve token new", "--token-file"],
    );
    owner
        .place
        .write_private("token.txt", format!("{}\n", service.token));
    owner.refuses(
        &["send", "--token-file", "token.txt"],
        &[
            "found no address of a service",
            "--server https://HOST:PORT",
        ],
    );
    let other = format!("sha256:{}", "0".repeat(64));
    let fails = |more: &[&str], words: &[&str]| {
        let send = ["send", "--token-file", "token.txt", "--server"];
        let outcome = owner.call(&[&send[..], more].concat());
        outcome.ends_with(1).does_not_panic().says(words);
    };
    fails(
        &[&service.url, "--fingerprint", &other],
        &["expected", "certificate"],
    );
    fails(
        &["http://example.org"],
        &["found the address", "https://HOST:PORT"],
    );
    // There is no certificate to pin without TLS: told at once, not after a minute of tries.
    let began = std::time::Instant::now();
    let plain = service.url.replace("https://", "http://");
    fails(
        &[&plain, "--fingerprint", &service.fingerprint],
        &[
            "shows no certificate",
            "`https://`",
            "leave the fingerprint out",
        ],
    );
    assert!(began.elapsed().as_secs() < 40, "it was tried again");
    owner.refuses(
        &[
            "send",
            "--token-file",
            "token.txt",
            "--server",
            &service.url,
            "--fingerprint",
            "x",
        ],
        &["--fingerprint"],
    );
    assert!(!owner.place.path("io/remote.json").exists());
}
