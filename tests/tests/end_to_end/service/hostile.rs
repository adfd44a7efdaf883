//! Clients that do what the interface does not have. Each gets an error; the one beside them computes on.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use hexperiment_scheme::{EvaluationKeys, KeyPart};
use hexperiment_service::api::{JobState, Operation, ProblemCode, ProgramState};
use hexperiment_wire::{Limits, Order};
use serde_json::Value;

use super::served::order;
use super::{Party, Served};

/// Sends bytes, and reads the answer to its end: status and body.
fn raw(service: &Served, bytes: &[u8], close: bool) -> (u16, String) {
    raw_at(address(service), bytes, close).unwrap()
}

/// Where a service listens.
pub fn address(service: &Served) -> &str {
    service.url.split_once("://").unwrap().1
}

/// The same, of a service that may not be there; the status is 0 where the connection was closed without an answer.
pub fn raw_at(address: &str, bytes: &[u8], close: bool) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    // Whoever is refused may be cut off before all is sent.
    let _ = stream.write_all(bytes);
    if close {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    Ok(answer_of(&mut stream))
}

/// Reads an answer to its end: status and body.
pub fn answer_of(stream: &mut TcpStream) -> (u16, String) {
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    // Read until there is a whole answer: the connection stays open behind some.
    loop {
        let count = stream.read(&mut piece).unwrap_or(0);
        answer.extend(&piece[..count]);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.to_lowercase();
            let length = length.split("content-length: ").nth(1);
            let length = length.and_then(|l| l.lines().next()?.trim().parse().ok());
            length.is_some_and(|length: usize| body.len() >= length)
        });
        if whole || count == 0 {
            let status = text.split(' ').nth(1).and_then(|s| s.parse().ok());
            let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
            return (status.unwrap_or(0), body.unwrap_or_default());
        }
    }
}

/// A request with a token.
pub fn request(token: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The code of the problem that a body tells.
#[track_caller]
fn code(body: &str) -> String {
    let problem: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {body:?}"));
    assert!(!problem["message"].as_str().unwrap().is_empty());
    problem["code"].as_str().unwrap().to_owned()
}

/// A service, and the client beside all others, whose work must go on.
fn beside(options: &[&str]) -> (Served, Party) {
    let service = Served::start(&[&["--plain"], options].concat());
    let token = service.token("beside");
    let party = Party::new(&service, &token, "paillier");
    (service, party)
}

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

/// Whoever speaks no TLS gets no answer.
#[test]
fn a_service_with_tls_speaks_nothing_else() {
    let service = Served::start(&[]);
    let party = Party::new(&service, &service.token("beside"), "plaintext");
    for bytes in [
        &request("none", "GET", "/healthz", "", b"")[..],
        &[0x16; 100],
        &[0; 10_000],
    ] {
        let (status, body) = raw(&service, bytes, false);
        assert_eq!(status, 0, "{body}");
    }
    party.evaluates();
}

#[test]
fn keys_that_are_none() {
    let (service, party) = beside(&[]);
    let token = service.token("mallory");
    let mallory = Party::new(&service, &token, "paillier");
    let keys = mallory.circuit.generate_keys().unwrap().evaluation;
    let refused = |keys: &EvaluationKeys| {
        let refused = mallory
            .client
            .upload_keys(&mallory.program, keys, None)
            .unwrap_err();
        (refused.code(), refused.to_string())
    };
    // Of another circuit.
    let (_, other, _) = order("seal-ckks");
    let (found, words) = refused(&EvaluationKeys::new(other.digest(), vec![]));
    assert_eq!(found, Some(ProblemCode::Invalid), "{words}");
    assert!(words.contains("found circuit"), "{words}");
    // Of the circuit, and of another length: known when they are loaded.
    let part = keys.parts()[0].bytes();
    let short = KeyPart::new(keys.parts()[0].role(), part[..part.len() / 2].to_vec());
    let cut = EvaluationKeys::new(mallory.circuit.digest(), vec![short]);
    let info = mallory
        .client
        .upload_keys(&mallory.program, &cut, None)
        .unwrap();
    let job = hexperiment_service::api::JobRequest {
        keys: info.id,
        inputs: vec![],
        outputs: vec![],
        request: None,
    };
    let job = mallory.client.submit(&job).unwrap();
    let failed = mallory
        .client
        .wait_for_job(&job.id)
        .unwrap_err()
        .to_string();
    assert!(failed.contains("expected"), "{failed}");
    // Frames with a byte changed.
    let mut frames = Vec::new();
    let mut reader = hexperiment_wire::KeyFrames::new(&keys, &Limits::default()).unwrap();
    std::io::Read::read_to_end(&mut reader, &mut frames).unwrap();
    let path = format!("/v1/programs/{}/keys", mallory.program);
    for place in [0, 5, 20, 60, 120] {
        let mut changed = frames.clone();
        changed[place] ^= 0x15;
        let length = format!("content-length: {}\r\n", changed.len());
        let (status, body) = raw(
            &service,
            &request(&token, "POST", &path, &length, &changed),
            false,
        );
        assert_eq!(status, 400, "byte {place}: {body}");
    }
    // Frames that end in their midst, whatever the head of the request announces.
    for length in [0, 10, 16, frames.len() / 2, frames.len() - 1] {
        let head = format!("content-length: {length}\r\n");
        let bytes = request(&token, "POST", &path, &head, &frames[..length]);
        let (status, body) = raw(&service, &bytes, false);
        assert_eq!(status, 400, "{length} bytes: {body}");
    }
    // With which the service could decrypt.
    let (order, circuit, library) = order("fernet");
    let program = mallory
        .client
        .register(&order, circuit.digest(), &library, false)
        .unwrap();
    let program = mallory.client.wait_for_program(&program.id).unwrap();
    let shared = circuit.generate_keys().unwrap().evaluation;
    let refused = mallory
        .client
        .upload_keys(&program.id, &shared, None)
        .unwrap_err();
    assert_eq!(refused.code(), Some(ProblemCode::Refused), "{refused}");
    assert_eq!(
        service.files("keys"),
        3,
        "two of paillier, and those that are cut"
    );
    party.evaluates();
}

#[test]
fn ciphertexts_that_are_none() {
    let (service, party) = beside(&[]);
    let token = service.token("mallory");
    let mallory = Party::new(&service, &token, "paillier");
    let other = Party::new(&service, &token, "plaintext");
    let upload = |bytes: &[u8]| {
        mallory
            .client
            .upload_ciphertexts(&mallory.keys, bytes)
            .unwrap()
            .id
    };
    let own = upload(&mallory.encrypted(1));
    let mut tampered = mallory.encrypted(0);
    tampered[3] ^= 0xff;
    let cut = mallory.encrypted(0)[..100].to_vec();
    for bytes in [other.encrypted(0), tampered, cut, vec![]] {
        let job = mallory.submit(&[upload(&bytes), own.clone()]);
        let failed = mallory
            .client
            .wait_for_job(&job.id)
            .unwrap_err()
            .to_string();
        assert!(failed.contains("ciphertext"), "{failed}");
        let info = mallory.client.job(&job.id, Duration::ZERO).unwrap();
        assert_eq!((info.state, info.results.len()), (JobState::Failed, 0));
    }
    // Too few of them, and under other keys.
    let refused = |inputs: Vec<String>| {
        let job = hexperiment_service::api::JobRequest {
            keys: mallory.keys.clone(),
            inputs,
            outputs: vec![0],
            request: None,
        };
        mallory.client.submit(&job).unwrap_err()
    };
    let few = refused(vec![own]);
    assert_eq!(few.code(), Some(ProblemCode::Invalid), "{few}");
    assert!(
        few.to_string().contains("found 1 inputs, expected 2"),
        "{few}"
    );
    let foreign = refused(other.upload());
    assert_eq!(foreign.code(), Some(ProblemCode::Conflict), "{foreign}");
    mallory.evaluates();
    party.evaluates();
}

#[test]
fn programs_that_are_others() {
    let (service, party) = beside(&["--threads", "2"]);
    let client = service.client(&service.token("mallory"));
    let (order, circuit, library) = order("paillier");
    let refused = client
        .register(&order, circuit.digest(), "GMP 1.0", false)
        .unwrap_err();
    assert_eq!(refused.code(), Some(ProblemCode::Conflict), "{refused}");
    assert!(refused.to_string().contains(&library), "{refused}");
    let with = |change: &dyn Fn(&mut Order)| {
        let mut changed = order.clone();
        change(&mut changed);
        changed
    };
    for (order, words) in [
        (with(&|o| o.threads = 3), "found 3 threads, expected 1 to 2"),
        (
            with(&|o| o.scheme = "enigma".into()),
            "found the scheme \"enigma\"",
        ),
        (with(&|o| o.program = b"{}".to_vec()), "the program: "),
    ] {
        let refused = client
            .register(&order, circuit.digest(), &library, false)
            .unwrap_err();
        assert_eq!(refused.code(), Some(ProblemCode::Invalid), "{refused}");
        assert!(refused.to_string().contains(words), "{refused}");
    }
    // The service compiles it itself, and finds another circuit, or none.
    let other = with(&|o| o.security.bits = 192);
    let known = client
        .register(&other, circuit.digest(), &library, false)
        .unwrap();
    let failed = client.wait_for_program(&known.id).unwrap_err().to_string();
    assert!(failed.contains("found circuit"), "{failed}");
    let keys = circuit.generate_keys().unwrap().evaluation;
    let refused = client.upload_keys(&known.id, &keys, None).unwrap_err();
    assert_eq!(refused.code(), Some(ProblemCode::Conflict), "{refused}");
    let failed = client.programs().unwrap();
    assert!(
        failed
            .iter()
            .all(|program| program.state == ProgramState::Failed)
    );
    // A public one serves all clients, who may read it, and not delete it.
    let public = party
        .client
        .register(&order, circuit.digest(), &library, true)
        .unwrap();
    party.client.wait_for_program(&public.id).unwrap();
    let source = client.program_source(&public.id).unwrap();
    assert_eq!(
        serde_json::to_vec(&source.program).unwrap().len(),
        order.program.len()
    );
    assert_eq!(
        client.delete_program(&public.id).unwrap_err().code(),
        Some(ProblemCode::NotFound)
    );
    party.evaluates();
}

#[test]
fn too_many_requests_and_too_much_of_everything() {
    let (service, party) = beside(&[
        "--rate",
        "20",
        "--quota-keys",
        "2",
        "--quota-bytes",
        "20MB",
        "--quota-jobs",
        "3",
    ]);
    let token = service.token("mallory");
    let statuses: Vec<u16> = (0..260)
        .map(|_| {
            raw(
                &service,
                &request(&token, "GET", "/v1/service", "", b""),
                false,
            )
            .0
        })
        .collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    // The client beside has a rate of its own.
    party.evaluates();
    let mallory = Party::new(&service, &token, "plaintext");
    let keys = mallory.circuit.generate_keys().unwrap().evaluation;
    mallory
        .client
        .upload_keys(&mallory.program, &keys, None)
        .unwrap();
    let full = mallory
        .client
        .upload_keys(&mallory.program, &keys, None)
        .unwrap_err();
    assert_eq!(full.code(), Some(ProblemCode::Quota), "{full}");
    mallory
        .client
        .upload_ciphertexts(&mallory.keys, &vec![0; 15_000_000])
        .unwrap();
    let full = mallory
        .client
        .upload_ciphertexts(&mallory.keys, &vec![0; 15_000_000])
        .unwrap_err();
    assert_eq!(full.code(), Some(ProblemCode::Quota), "{full}");
    let metrics = request(&token, "GET", "/metrics", "", b"");
    std::thread::sleep(Duration::from_secs(1));
    let (status, text) = raw(&service, &metrics, false);
    assert_eq!(status, 200);
    assert!(
        text.contains("hexperiment_requests_total{status=\"429\"}"),
        "{text}"
    );
    let audit = service.read("audit.jsonl");
    assert!(audit.contains("\"end\":\"quota\"") && audit.contains("\"end\":\"rate-limited\""));
    party.evaluates();
}

/// A client may cancel what waits and what runs, and what it deletes is gone.
#[test]
fn jobs_are_cancelled() {
    let (service, party) = beside(&[]);
    let alice = Party::new(&service, &service.token("alice"), "seal-ckks");
    let inputs = alice.upload();
    let jobs: Vec<String> = (0..20).map(|_| alice.submit(&inputs).id).collect();
    // From the last on, which waits for all the others.
    for job in jobs.iter().rev() {
        alice.client.cancel(job).unwrap();
    }
    for job in &jobs {
        let info = loop {
            let info = alice.client.job(job, Duration::from_secs(5)).unwrap();
            if info.state.is_final() {
                break info;
            }
        };
        assert!(
            [JobState::Cancelled, JobState::Done].contains(&info.state),
            "{info:?}"
        );
    }
    let last = alice.client.job(&jobs[19], Duration::ZERO).unwrap();
    assert_eq!(last.state, JobState::Cancelled);
    alice.evaluates();
    alice.client.delete_keys(&alice.keys).unwrap();
    assert_eq!(
        alice.client.delete_keys(&alice.keys).unwrap_err().code(),
        Some(ProblemCode::NotFound)
    );
    party.evaluates();
}
