//! What is deleted ends, with all that is under it, and leaves nothing behind.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use hexperiment_service::api::{JobState, ProblemCode, ProgramState};
use hexperiment_service::client::ServiceClient;

use super::quotas::{running, until};
use super::raw::{address, answer_of, raw_at, request};
use super::served::order;
use super::{Party, Served};

/// Jobs under keys that are deleted end, those that wait and the one that runs; those that had ended are forgotten.
#[test]
fn deleted_keys_end_their_jobs() {
    let service = Served::start(&["--plain"]);
    let alice = Party::new(&service, &service.token("alice"), "seal-ckks");
    let inputs = alice.upload();
    let jobs: Vec<String> = (0..30).map(|_| alice.submit(&inputs).id).collect();
    alice.client.delete_keys(&alice.keys).unwrap();
    for job in &jobs {
        match alice.client.job(job, Duration::from_secs(30)) {
            Ok(info) => {
                assert_eq!(info.state, JobState::Failed, "{info:?}");
                assert!(info.reason.unwrap().contains("keys were deleted"));
            }
            // It had ended before, and went with its keys.
            Err(gone) => assert_eq!(gone.code(), Some(ProblemCode::NotFound), "{gone}"),
        }
    }
    let last = alice.client.job(&jobs[29], Duration::ZERO).unwrap();
    assert_eq!(last.state, JobState::Failed);
    assert_eq!(running(&alice.client), 0);
    assert_eq!(service.files("ciphertexts"), 0);
}

/// A public program that its owner deletes serves the keys that others have, and nothing more; it goes with the last of
/// them, also when the service is started again meanwhile.
#[test]
fn a_public_program_is_withdrawn() {
    let mut service = Served::start(&["--plain"]);
    let alice = service.client(&service.token("alice"));
    let (order, circuit, library) = order("paillier");
    let public = alice
        .register(&order, circuit.digest(), &library, true)
        .unwrap()
        .id;
    let token = service.token("bob");
    let bob = Party::of_program(&service.endpoint(&token), "paillier", &public);
    let carol = service.client(&service.token("carol"));
    assert_eq!(
        carol.wait_for_program(&public).unwrap().state,
        ProgramState::Ready
    );
    alice.delete_program(&public).unwrap();
    let gone = |client: &ServiceClient| {
        client.program_source(&public).unwrap_err().code() == Some(ProblemCode::NotFound)
    };
    assert!(gone(&alice) && gone(&carol) && alice.programs().unwrap().is_empty());
    assert_eq!(
        alice.delete_program(&public).unwrap_err().code(),
        Some(ProblemCode::NotFound)
    );
    bob.evaluates();
    service.kill();
    service.start_again();
    bob.evaluates();
    let keys = circuit.generate_keys().unwrap().evaluation;
    let refused = bob.client.upload_keys(&public, &keys, None).unwrap_err();
    assert_eq!(refused.code(), Some(ProblemCode::Gone), "{refused}");
    assert!(
        refused
            .to_string()
            .contains("its owner to register it again"),
        "{refused}"
    );
    assert_eq!(service.files("programs"), 1);
    bob.client.delete_keys(&bob.keys).unwrap();
    assert!(gone(&bob.client));
    assert_eq!(service.files("programs"), 0);
    // Nothing is left that would be in the way of a new one.
    let again = alice
        .register(&order, circuit.digest(), &library, true)
        .unwrap();
    alice.wait_for_program(&again.id).unwrap();
    let (status, _) = raw_at(
        address(&service),
        &request(&token, "GET", "/v1/programs", "", b""),
        false,
    )
    .unwrap();
    assert_eq!(status, 200);
}

/// A program that is deleted while keys for it arrive: its client is told so, and nothing of them is left.
#[test]
fn keys_whose_program_is_deleted_meanwhile() {
    let service = Served::start(&["--plain"]);
    let token = service.token("alice");
    let alice = service.client(&token);
    let (order, circuit, library) = order("paillier");
    let registered = alice.register(&order, circuit.digest(), &library, false);
    let program = alice.wait_for_program(&registered.unwrap().id).unwrap().id;
    let keys = circuit.generate_keys().unwrap().evaluation;
    let mut frames = Vec::new();
    let mut reader =
        hexperiment_wire::KeyFrames::new(&keys, &hexperiment_wire::Limits::default()).unwrap();
    std::io::Read::read_to_end(&mut reader, &mut frames).unwrap();
    let path = format!("/v1/programs/{program}/keys");
    let length = format!("content-length: {}\r\n", frames.len());
    let (first, rest) = frames.split_at(frames.len() / 2);
    let mut stream = TcpStream::connect(address(&service)).unwrap();
    stream
        .write_all(&request(&token, "POST", &path, &length, first))
        .unwrap();
    until("the upload begins", || service.files("incoming") == 1);
    alice.delete_program(&program).unwrap();
    stream.write_all(rest).unwrap();
    let (status, body) = answer_of(&mut stream);
    assert_eq!(status, 410, "{body}");
    for words in [
        "\"gone\"",
        "was deleted while they were uploaded",
        "register it again",
    ] {
        assert!(body.contains(words), "{body}");
    }
    assert_eq!((service.files("keys"), service.files("incoming")), (0, 0));
}
