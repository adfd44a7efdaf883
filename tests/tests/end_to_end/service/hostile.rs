//! Clients that do what the interface does not have. Each gets an error; the one beside them computes on.

use std::time::Duration;

use hexperiment_scheme::{EvaluationKeys, KeyPart};
use hexperiment_service::api::{JobState, ProblemCode, ProgramState};
use hexperiment_wire::{Limits, Order};

use super::Party;
use super::raw::{beside, raw, request};
use super::served::order;

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
