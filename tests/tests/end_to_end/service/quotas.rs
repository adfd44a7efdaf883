//! What a client can use up is bounded, all of it: bytes of programs, keys, ciphertexts and results, their numbers, time of
//! compiling and of jobs, and answers that it does not read.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hexperiment_program::OutputId;
use hexperiment_service::api::{JobRequest, ProblemCode};
use hexperiment_service::client::ServiceClient;
use hexperiment_wire::Order;
use serde_json::Value;

use super::raw::{address, request};
use super::served::order;
use super::{Party, Served};

/// Waits until something is so, for as long as a busy machine may take.
#[track_caller]
pub fn until(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Files in a folder of its state that a service has open.
#[cfg(target_os = "linux")]
fn open_files(service: &Served, folder: &str) -> usize {
    let folder = service.state().join(folder);
    let entries = std::fs::read_dir(format!("/proc/{}/fd", service.id())).unwrap();
    let links = entries
        .flatten()
        .filter_map(|entry| entry.path().read_link().ok());
    links.filter(|link| link.starts_with(&folder)).count()
}

/// Connections of a service.
#[cfg(target_os = "linux")]
fn open_sockets(service: &Served) -> usize {
    let entries = std::fs::read_dir(format!("/proc/{}/fd", service.id())).unwrap();
    let links = entries
        .flatten()
        .filter_map(|entry| entry.path().read_link().ok());
    links
        .filter(|link| link.to_string_lossy().starts_with("socket:"))
        .count()
}

/// A client that asks and does not read holds neither a connection nor a file for longer than it may stand still.
#[test]
#[cfg(target_os = "linux")]
fn answers_that_nobody_reads() {
    for plain in [true, false] {
        let options: &[&str] = if plain { &["--plain"] } else { &[] };
        let service = Served::start(&[options, &["--body-idle", "2s"]].concat());
        let party = Party::new(&service, &service.token("alice"), "plaintext");
        let large = vec![7; 64 << 20];
        let large = party
            .client
            .upload_ciphertexts(&party.keys, &large)
            .unwrap();
        let before = open_sockets(&service);
        let mut silent: Vec<TcpStream> = Vec::new();
        if plain {
            let token = service.token("mallory");
            let mallory = Party::new(&service, &token, "plaintext");
            let id = mallory
                .client
                .upload_ciphertexts(&mallory.keys, &vec![7; 64 << 20])
                .unwrap()
                .id;
            let path = format!("/v1/ciphertexts/{id}/bytes");
            let many = request(&token, "GET", "/openapi.json", "", b"").repeat(4000);
            for asked in [request(&token, "GET", &path, "", b""), many]
                .iter()
                .cycle()
                .take(10)
            {
                let mut stream = TcpStream::connect(address(&service)).unwrap();
                stream
                    .set_write_timeout(Some(Duration::from_millis(500)))
                    .unwrap();
                // What does not go in is not read by the service, either.
                let _ = stream.write(asked);
                silent.push(stream);
            }
            until("the file is opened", || {
                open_files(&service, "ciphertexts") > 0
            });
        } else {
            // Within TLS, too: a handshake that goes no further.
            for _ in 0..10 {
                silent.push(TcpStream::connect(address(&service)).unwrap());
            }
        }
        until("files are closed", || {
            open_files(&service, "ciphertexts") == 0
        });
        until("connections are closed", || {
            open_sockets(&service) <= before + 2
        });
        // Who reads slowly, but reads, gets all of it.
        let bytes = party.client.download(&large).unwrap();
        assert_eq!(bytes.len(), 64 << 20);
        party.evaluates();
        drop(silent);
    }
}

/// The program with all its vectors of another length.
fn of_length(order: &Order, length: u64) -> Order {
    fn change(value: &mut Value, length: u64) {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    if name == "length" && value.is_u64() {
                        *value = length.into();
                    } else {
                        change(value, length);
                    }
                }
            }
            Value::Array(all) => all.iter_mut().for_each(|value| change(value, length)),
            _ => {}
        }
    }
    let mut program: Value = serde_json::from_slice(&order.program).unwrap();
    change(&mut program, length);
    Order {
        program: serde_json::to_vec(&program).unwrap(),
        ..order.clone()
    }
}

/// A few bytes that state vectors which no machine holds are refused before anything is compiled; those that a machine
/// might hold are compiled on their client's time, and no longer than the client wants.
#[test]
fn programs_of_endless_vectors() {
    let service = Served::start(&["--plain", "--worker-memory", "1GiB", "--job-time", "10m"]);
    let client = service.client(&service.token("mallory"));
    for scheme in ["plaintext", "paillier", "seal-ckks"] {
        let (order, circuit, library) = order(scheme);
        let register = |length: u64| {
            client.register(
                &of_length(&order, length),
                circuit.digest(),
                &library,
                false,
            )
        };
        for length in [1 << 53, 1 << 27] {
            let refused = register(length).unwrap_err();
            assert_eq!(refused.code(), Some(ProblemCode::TooLarge), "{refused}");
            for words in [
                "numbers together, expected at most 134217728",
                "--worker-memory",
            ] {
                assert!(refused.to_string().contains(words), "{refused}");
            }
        }
        let large = register(1 << 20).unwrap();
        client.delete_program(&large.id).unwrap();
        assert_eq!(
            client.program_source(&large.id).unwrap_err().code(),
            Some(ProblemCode::NotFound)
        );
    }
    // Nothing of them goes on.
    until("compiling goes on", || running(&client) == 0);
    assert_eq!(service.files("programs"), 0);
    Party::new(&service, &service.token("beside"), "paillier").evaluates();
}

/// Work that is done at a service, as it says itself.
pub fn running(client: &ServiceClient) -> u64 {
    client.info().unwrap().usage.jobs
}

#[test]
fn programs_and_results_count_as_keys_do() {
    let service = Served::start(&["--plain", "--quota-bytes", "1MiB", "--quota-programs", "3"]);
    let token = service.token("mallory");
    let mallory = Party::new(&service, &token, "paillier");
    let used = || mallory.client.info().unwrap().usage;
    let (order, circuit, library) = order("paillier");
    // Programs have a number and bytes.
    assert_eq!((used().programs, used().programs_quota), (1, 3));
    let mut registered = Vec::new();
    let full = loop {
        let bits = 129 + registered.len() as u32;
        let mut other = order.clone();
        other.security.bits = bits;
        let before = used().bytes;
        match mallory
            .client
            .register(&other, circuit.digest(), &library, false)
        {
            Ok(program) => {
                assert!(used().bytes >= before + other.program.len() as u64);
                registered.push(program.id);
            }
            Err(full) => break full,
        }
    };
    assert_eq!(
        (full.code(), registered.len()),
        (Some(ProblemCode::Quota), 2),
        "{full}"
    );
    assert!(
        full.to_string()
            .contains("found 4 programs, expected at most 3"),
        "{full}"
    );
    // The same one again is no further one.
    let again = mallory
        .client
        .register(&order, circuit.digest(), &library, false);
    assert_eq!(again.unwrap().id, mallory.program);
    for program in registered {
        mallory.client.delete_program(&program).unwrap();
    }
    // A result for which there is no room is not kept, and the job says why.
    let inputs = mallory.upload();
    let left = used().bytes_quota - used().bytes;
    // Room for what is known of the job, and not for the block that its result takes.
    let filler = vec![0; left as usize - 3000];
    let filler = mallory
        .client
        .upload_ciphertexts(&mallory.keys, &filler)
        .unwrap();
    let (bytes, files) = (used().bytes, service.files("ciphertexts"));
    let job = mallory.submit(&inputs);
    let failed = mallory
        .client
        .wait_for_job(&job.id)
        .unwrap_err()
        .to_string();
    assert!(
        failed.contains("bytes kept") && failed.contains("1048576 together"),
        "{failed}"
    );
    assert_eq!(service.files("ciphertexts"), files);
    assert!(
        used().bytes > bytes && used().bytes < bytes + 2000,
        "the job alone"
    );
    mallory.client.delete_ciphertexts(&filler.id).unwrap();
    let job = mallory.submit(&inputs);
    let done = mallory.client.wait_for_job(&job.id).unwrap();
    mallory.is_right(&done.results[0], OutputId::from_index(0));
    assert!(used().bytes <= used().bytes_quota);
}

/// Compiling and jobs take time of one account, and what is over it is not begun, or ends.
#[test]
fn a_day_of_a_client_ends() {
    let service = Served::start(&["--plain", "--quota-time", "1s", "--warm", "0"]);
    let mallory = Party::new(&service, &service.token("mallory"), "seal-ckks");
    let used = || mallory.client.info().unwrap().usage;
    assert!(used().today_ms > 0, "compiling takes time");
    let inputs = mallory.upload();
    let over = (0..1000).find_map(|_| {
        let job = JobRequest {
            keys: mallory.keys.clone(),
            inputs: inputs.clone(),
            outputs: vec![0],
            request: None,
        };
        let done = mallory.client.submit(&job);
        let done = done.and_then(|job| mallory.client.wait_for_job(&job.id));
        done.err()
    });
    let over = over.unwrap().to_string();
    assert!(
        over.contains("used up the 1 s") || over.contains("s of work today, expected at most 1"),
        "{over}"
    );
    let (order, circuit, library) = order("paillier");
    let refused = mallory
        .client
        .register(&order, circuit.digest(), &library, false);
    assert_eq!(refused.unwrap_err().code(), Some(ProblemCode::Quota));
    assert!(used().today_ms < 60_000);
    Party::new(&service, &service.token("beside"), "paillier").evaluates();
}

/// A job names what its program has, and what it takes in the tables is its client's: forty that name hundreds of thousands
/// of outputs leave nothing behind.
#[test]
fn jobs_take_no_room_of_the_service() {
    let service = Served::start(&["--plain", "--rate", "10000", "--quota-bytes", "100kB"]);
    let token = service.token("mallory");
    let mallory = Party::new(&service, &token, "plaintext");
    let inputs = mallory.upload();
    let tables = || std::fs::metadata(service.state().join("state.sqlite")).map_or(0, |f| f.len());
    let refused = |inputs: &[String], outputs: Vec<u32>, words: &str| {
        let job = JobRequest {
            keys: mallory.keys.clone(),
            inputs: inputs.to_vec(),
            outputs,
            request: None,
        };
        let refused = mallory.client.submit(&job).unwrap_err();
        assert_eq!(refused.code(), Some(ProblemCode::Invalid), "{refused}");
        assert!(refused.to_string().contains(words), "{refused}");
    };
    for _ in 0..40 {
        refused(
            &inputs,
            (0..300_000).collect(),
            "found 300000 outputs, expected 1 to 2",
        );
    }
    refused(&inputs, vec![2], "found output 2, expected 0 to 1");
    refused(&inputs, vec![0, 0], "wanted twice");
    refused(&inputs, vec![], "found 0 outputs, expected 1 to 2");
    refused(
        &vec![inputs[0].clone(); 200],
        vec![0],
        "found 200 inputs, expected 2",
    );
    assert!(mallory.client.jobs().unwrap().is_empty());
    assert!(tables() < 1 << 20, "{} bytes", tables());
    // Small ones count, too, until they are forgotten with their keys.
    let loads = JobRequest {
        keys: mallory.keys.clone(),
        inputs: vec![],
        outputs: vec![],
        request: None,
    };
    let mut asked = 0;
    let full = loop {
        match mallory.client.submit(&loads) {
            Ok(_) => asked += 1,
            Err(full) => break full,
        }
        assert!(asked < 1000, "jobs are outside the quota");
    };
    assert_eq!(full.code(), Some(ProblemCode::Quota), "{full}");
    assert!(full.to_string().contains("bytes kept"), "{full}");
    until("jobs end", || running(&mallory.client) == 0);
    mallory.client.delete_keys(&mallory.keys).unwrap();
    assert!(mallory.client.info().unwrap().usage.bytes < 10_000);
}

/// Ciphertexts of a byte take a file each, and count as one.
#[test]
fn small_ciphertexts_count_as_files() {
    let service = Served::start(&["--plain", "--quota-bytes", "1MB"]);
    let mallory = Party::new(&service, &service.token("mallory"), "plaintext");
    let uploads = (0..1000).map(|_| mallory.client.upload_ciphertexts(&mallory.keys, b"x"));
    let kept = uploads.take_while(Result::is_ok).count();
    assert!((200..250).contains(&kept), "{kept}");
}
