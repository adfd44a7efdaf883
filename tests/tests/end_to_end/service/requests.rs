//! Requests that are none, come too slowly, have no end, or show no token: an error each, and nobody else is disturbed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hexperiment_program::OutputId;
use hexperiment_service::api::{JobRequest, JobState, Operation, ProblemCode};
use hexperiment_service::client::{Crossed, Observer};

use super::Party;
use super::raw::{address, beside, code, raw, request};

#[test]
fn every_route_asks_for_a_token() {
    let (service, party) = beside(&["--rate", "1000"]);
    let wrong = format!("hxp_{}", "0".repeat(64));
    let mut refused = 0;
    for operation in Operation::ALL {
        let (method, path) = operation.route();
        let path = path.replace("{id}", "x");
        let (status, body) = raw(&service, &request(&wrong, method, &path, "", b""), false);
        if operation.needs_token() {
            // After some wrong ones, an address has to wait.
            assert!(
                [401, 429].contains(&status),
                "{method} {path}: {status} {body}"
            );
            refused += usize::from(status == 401);
        } else {
            assert_eq!(status, 200, "{method} {path}: {body}");
        }
    }
    assert!(refused >= 10, "{refused}");
    party.evaluates();
}

#[test]
fn paths_methods_and_queries_that_are_not_there() {
    let (service, _) = beside(&[]);
    let token = service.token("mallory");
    let check = |method: &str, path: &str, expect: u16, name: &str| {
        let bytes = request(&token, method, path, "content-length: 0\r\n", b"");
        let (status, body) = raw(&service, &bytes, false);
        assert_eq!(
            (status, code(&body).as_str()),
            (expect, name),
            "{method} {path}"
        );
    };
    check("GET", "/v1/nothing", 404, "not-found");
    check("PUT", "/v1/jobs", 405, "method");
    check("GET", "/v1/jobs/x", 404, "not-found");
    check("GET", "/v1/jobs/x?wait=soon", 400, "invalid");
    check("GET", "/v1/jobs?limit=1", 400, "invalid");
    for query in ["sha256=AB", "sha512=ab"] {
        let path = format!("/v1/keys/x/ciphertexts?{query}");
        check("GET", &path, 400, "invalid");
    }
    // Names that are no text, wherever one stands: errors are JSON everywhere.
    for operation in Operation::ALL {
        let (method, path) = operation.route();
        if path.contains("{id}") {
            let path = path.replace("{id}", "%ff");
            check(method, &path, 400, "invalid");
        }
    }
    check(
        "GET",
        "/v1/ciphertexts/..%2f..%2fstate.sqlite/bytes",
        404,
        "not-found",
    );
    check("POST", "/v1/jobs", 400, "invalid");
    check("POST", "/v1/programs", 400, "invalid");
}

/// What belongs to another client is not there, whatever is asked of it.
#[test]
fn what_others_have_is_not_there() {
    let (service, party) = beside(&[]);
    let token = service.token("mallory");
    let inputs = party.upload();
    let mallory = service.client(&token);
    let (keys, program) = (&party.keys, &party.program);
    for (method, path) in [
        ("GET", format!("/v1/programs/{program}")),
        ("GET", format!("/v1/programs/{program}/source")),
        ("DELETE", format!("/v1/programs/{program}")),
        ("GET", format!("/v1/keys/{keys}")),
        ("DELETE", format!("/v1/keys/{keys}")),
        ("GET", format!("/v1/ciphertexts/{}/bytes", inputs[0])),
        ("DELETE", format!("/v1/ciphertexts/{}", inputs[0])),
    ] {
        let (status, body) = raw(&service, &request(&token, method, &path, "", b""), false);
        assert_eq!(
            (status, code(&body).as_str()),
            (404, "not-found"),
            "{method} {path}"
        );
    }
    let job = format!(
        "{{\"keys\":\"{keys}\",\"inputs\":[\"{}\"],\"outputs\":[0]}}",
        inputs[0]
    );
    let length = format!("content-length: {}\r\n", job.len());
    let asked = request(&token, "POST", "/v1/jobs", &length, job.as_bytes());
    assert_eq!(raw(&service, &asked, false).0, 404);
    assert!(mallory.keys().unwrap().is_empty() && mallory.jobs().unwrap().is_empty());
    party.evaluates();
}

#[test]
fn bodies_that_are_too_large_too_short_or_too_slow() {
    let (service, party) = beside(&["--body-idle", "1s", "--max-ciphertexts", "1MiB"]);
    let token = service.token("mallory");
    let mallory = Party::new(&service, &token, "plaintext");
    let keys = format!("/v1/programs/{}/keys", mallory.program);
    let ciphertexts = format!("/v1/keys/{}/ciphertexts", mallory.keys);
    let check = |path: &str, length: &str, body: &[u8], close: bool, expect: u16, name: &str| {
        let length = format!("content-length: {length}\r\n");
        let bytes = request(&token, "POST", path, &length, body);
        let (status, answer) = raw(&service, &bytes, close);
        // Who has closed its side may hear nothing any more.
        if !(close && status == 0) {
            assert_eq!(
                (status, code(&answer).as_str()),
                (expect, name),
                "{path} {length}"
            );
        }
    };
    // Ten gigabytes are announced, and refused before one byte is read.
    check(&keys, "10000000000", b"", false, 413, "too-large");
    check(&ciphertexts, "2000000", b"", false, 413, "too-large");
    check(&keys, "1000", &[7; 500], false, 408, "too-slow");
    // Half a body, then nothing, or the end.
    check(&ciphertexts, "1000", &[7; 500], false, 408, "too-slow");
    check(&ciphertexts, "1000", &[7; 500], true, 400, "invalid");
    let chunked = request(
        &token,
        "POST",
        &ciphertexts,
        "transfer-encoding: chunked\r\n",
        b"1\r\na\r\n",
    );
    assert_eq!(code(&raw(&service, &chunked, false).1), "invalid");
    // Half a head: the connection is closed.
    let (status, _) = raw(&service, b"GET /healthz HTTP/1.1\r\nhost:", false);
    assert!([0, 408].contains(&status), "{status}");
    assert_eq!(service.files("incoming"), 0);
    party.evaluates();
}

/// A list is no object, although its entries could be taken for the members in their order: neither as a body nor within one.
#[test]
fn lists_in_place_of_objects() {
    let (service, party) = beside(&[]);
    let token = service.token("mallory");
    let mallory = Party::new(&service, &token, "plaintext");
    let check = |path: &str, body: &str, words: &str| {
        let length = format!("content-length: {}\r\n", body.len());
        let asked = request(&token, "POST", path, &length, body.as_bytes());
        let (status, answer) = raw(&service, &asked, false);
        assert_eq!((status, code(&answer).as_str()), (400, "invalid"), "{body}");
        assert!(answer.contains(words), "{answer}");
    };
    let job = format!("[{:?}, [], [], null]", mallory.keys);
    check("/v1/jobs", &job, "found a list, expected an object");
    check("/v1/jobs", &format!(" \r\n{job}"), "found a list");
    check("/v1/jobs", "7", "expected an object");
    check("/v1/jobs", "", "no job in JSON");
    check("/v1/programs", "[]", "found a list, expected an object");
    let mut source = serde_json::to_value(mallory.client.program_source(&mallory.program).unwrap());
    let source = source.as_mut().unwrap();
    source["security"] = serde_json::json!([128, false]);
    check("/v1/programs", &source.to_string(), "expected a map");
    assert!(mallory.client.jobs().unwrap().is_empty());
    party.evaluates();
}

/// A job is found by the name that its client gave to it, whatever letters stand in it, and by nobody else.
#[test]
fn jobs_are_asked_for_by_name() {
    let (service, party) = beside(&[]);
    let inputs = party.upload();
    let name = "query 1/2 & more=ü%";
    let job = JobRequest {
        keys: party.keys.clone(),
        inputs,
        outputs: vec![0],
        request: Some(name.into()),
    };
    assert!(party.client.job_named(name).unwrap().is_none());
    let asked = party.client.submit(&job).unwrap().id;
    let done = party.client.wait_for_job(&asked).unwrap();
    assert_eq!(party.client.job_named(name).unwrap().unwrap().id, asked);
    assert!(party.client.job_named("query").unwrap().is_none());
    let mallory = service.client(&service.token("mallory"));
    assert!(mallory.job_named(name).unwrap().is_none());
    // Without its result it is done again.
    party
        .client
        .delete_ciphertexts(&done.results[0].id)
        .unwrap();
    assert!(party.client.job_named(name).unwrap().is_none());
    let again = party.client.submit(&job).unwrap().id;
    assert_ne!(again, asked);
    let done = party.client.wait_for_job(&again).unwrap();
    party.is_right(&done.results[0], OutputId::from_index(0));
    let too_long = party.client.job_named(&"x".repeat(101)).unwrap_err();
    assert_eq!(too_long.code(), Some(ProblemCode::Invalid));
}

/// Who asks for a job and waits is answered once, when it is at its end; without waiting, at once. The same question again is
/// the same job.
#[test]
fn a_job_that_is_waited_for_is_answered_at_its_end() {
    let (service, _) = beside(&[]);
    let asked = Arc::new(Asked::default());
    let endpoint = service.endpoint(&service.token("bob"));
    let observer: Arc<dyn Observer> = Arc::<Asked>::clone(&asked);
    let party = Party::at(&endpoint.observed(observer), "paillier");
    let job = |request: &str| JobRequest {
        keys: party.keys.clone(),
        inputs: party.upload(),
        outputs: vec![0],
        request: Some(request.into()),
    };
    let waited_for = job("waited for");
    asked.take();
    let done = party.client.run_job(&waited_for).unwrap();
    assert_eq!(asked.take(), [("/v1/jobs?wait=30".into(), Some(200))]);
    assert_eq!(done.state, JobState::Done);
    party.is_right(&done.results[0], OutputId::from_index(0));
    assert_eq!(party.client.run_job(&waited_for).unwrap().id, done.id);
    let other = job("another");
    asked.take();
    let queued = party.client.submit(&other).unwrap();
    assert_eq!(asked.take(), [("/v1/jobs".into(), Some(202))]);
    assert!(!queued.state.is_final());
    // Nobody waits for a job that there cannot be.
    let wrong = JobRequest {
        inputs: vec!["ct_none".into(); 2],
        ..waited_for
    };
    let why = party.client.run_job(&wrong).unwrap_err();
    assert_eq!(why.code(), Some(ProblemCode::NotFound), "{why}");
}

/// Paths and statuses of what was asked.
#[derive(Default)]
struct Asked(Mutex<Vec<(String, Option<u16>)>>);

impl Asked {
    fn take(&self) -> Vec<(String, Option<u16>)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Asked {
    fn crossed(&self, crossed: &Crossed<'_>) {
        let told = (crossed.path.to_owned(), crossed.status);
        self.0.lock().unwrap().push(told);
    }
}

/// What is under keys is found by its bytes, by its owner alone.
#[test]
fn ciphertexts_are_found_by_their_bytes() {
    let (service, party) = beside(&[]);
    let bytes = party.encrypted(0);
    let client = &party.client;
    assert!(
        client
            .ciphertexts_of(&party.keys, &bytes)
            .unwrap()
            .is_none()
    );
    let first = client.upload_ciphertexts(&party.keys, &bytes).unwrap();
    let other = client
        .upload_ciphertexts(&party.keys, &party.encrypted(1))
        .unwrap();
    assert_ne!(first.sha256, other.sha256);
    let found = client.ciphertexts_of(&party.keys, &bytes).unwrap();
    assert_eq!(found.unwrap(), first);
    // The same once more is other ciphertexts of the same bytes: the newer ones are told.
    let again = client.upload_ciphertexts(&party.keys, &bytes).unwrap();
    let found = client.ciphertexts_of(&party.keys, &bytes).unwrap();
    assert_eq!(found.unwrap().id, again.id);
    for one in [&again, &first] {
        client.delete_ciphertexts(&one.id).unwrap();
    }
    assert!(
        client
            .ciphertexts_of(&party.keys, &bytes)
            .unwrap()
            .is_none()
    );
    // Keys of others are not there at all.
    let mallory = service.client(&service.token("mallory"));
    let refused = mallory
        .ciphertexts_of(&party.keys, &party.encrypted(1))
        .unwrap_err();
    assert_eq!(refused.code(), Some(ProblemCode::NotFound));
}

/// Heads that come byte by byte, or have no end.
#[test]
fn heads_that_are_too_slow_or_too_long() {
    let (service, party) = beside(&["--body-idle", "1s"]);
    let mut slow = TcpStream::connect(address(&service)).unwrap();
    slow.set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    // For ten seconds at most: each byte comes soon, the head never.
    let is_closed = (0..200).any(|_| {
        let sent = slow.write_all(b"x");
        let mut byte = [0];
        sent.is_err() || matches!(slow.read(&mut byte), Ok(0)) || matches!(slow.read(&mut byte), Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset)
    });
    assert!(is_closed);
    let long = format!("x-long: {}\r\n", "a".repeat(1 << 20));
    let many = "x-many: a\r\n".repeat(10_000);
    for headers in [long, many] {
        let asked = request("none", "GET", "/healthz", &headers, b"");
        let (status, _) = raw(&service, &asked, false);
        assert!([0, 431].contains(&status), "{status}");
    }
    let (status, _) = raw(&service, &vec![0; 70_000], false);
    assert!([0, 400, 431].contains(&status), "{status}");
    party.evaluates();
}

/// Connections on which nothing is said give way to those on which something is, and close by themselves.
#[test]
fn idle_connections_keep_nobody_waiting() {
    let (service, party) = beside(&["--connections", "40", "--body-idle", "20s"]);
    let mut idle: Vec<TcpStream> = (0..300)
        .map(|_| TcpStream::connect(address(&service)).unwrap())
        .collect();
    party.evaluates();
    // A new client beside them, and one that has many connections itself.
    Party::new(&service, &service.token("another"), "plaintext").evaluates();
    let token = service.token("mallory");
    let health = request(&token, "GET", "/v1/service", "", b"");
    let mut kept: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(address(&service)).unwrap();
            stream.write_all(&health).unwrap();
            stream
        })
        .collect();
    let mut closed = 0;
    for stream in &mut idle {
        stream
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        let mut byte = [0];
        closed += usize::from(match stream.read(&mut byte) {
            Ok(count) => count == 0,
            Err(e) => e.kind() == std::io::ErrorKind::ConnectionReset,
        });
    }
    assert!(closed >= 260, "{closed}");
    party.evaluates();
    kept.clear();
    party.evaluates();
}

/// Tokens are not found out by trying: after some, an address has to wait, and whoever has one there does not.
#[test]
fn tokens_are_not_guessed() {
    let (service, party) = beside(&[]);
    let statuses: Vec<u16> = (0..300)
        .map(|number| {
            let guess = format!("hxp_{number:064x}");
            let asked = request(&guess, "GET", "/v1/service", "", b"");
            raw(&service, &asked, false).0
        })
        .collect();
    let told = statuses.iter().filter(|status| **status == 401).count();
    assert!(
        statuses.iter().all(|s| [401, 429].contains(s)),
        "{statuses:?}"
    );
    assert!((10..300).contains(&told), "{told}");
    party.evaluates();
}
