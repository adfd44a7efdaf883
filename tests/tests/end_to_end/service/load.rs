//! Many clients at once, of several schemes, while the service is killed and others do it harm: no result is wrong, no
//! acknowledged key is lost, memory stays bounded.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hexperiment_scheme::{EvaluationKeys, KeyPart, KeyRole};
use hexperiment_service::client::{Crossed, Endpoint, Observer};

use super::raw::{address, raw_at, request};
use super::{Party, Served};

/// The most memory that the service itself may hold, in bytes; processes of jobs have their own.
const MOST_MEMORY: u64 = 300 << 20;

/// Connections on which somebody begins a request and never ends it.
const SLOW: usize = 30;

/// Schemes of the clients, in turn.
const SCHEMES: [&str; 6] = [
    "plaintext",
    "paillier",
    "seal-ckks",
    "fernet",
    "tfhe",
    "paillier",
];

/// What came of it.
#[derive(Default)]
struct Outcome {
    requests: u64,
    bytes: [u64; 2],
    /// Results that were decrypted and held against what they should be.
    results: u64,
    kills: u32,
    /// Clients that went on after an answer had not come.
    resumes: u64,
    /// The most memory that the service has held, by the system's own count, of all its lives.
    peak_rss_bytes: u64,
    /// Errors that clients were told, by kind.
    errors: BTreeMap<String, u64>,
    /// What was answered to those who do harm, by kind.
    hostile: BTreeMap<String, u64>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |kinds: &BTreeMap<String, u64>| {
            let all: Vec<String> = kinds
                .iter()
                .map(|(kind, n)| format!("{kind} {n}"))
                .collect();
            if all.is_empty() {
                "none".to_owned()
            } else {
                all.join(", ")
            }
        };
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        writeln!(
            f,
            "requests: {}; {:.1} MiB up, {:.1} MiB down",
            self.requests,
            mib(self.bytes[0]),
            mib(self.bytes[1])
        )?;
        writeln!(f, "results checked: {}", self.results)?;
        writeln!(f, "kills: {}; resumes: {}", self.kills, self.resumes)?;
        writeln!(
            f,
            "peak RSS of the service: {:.1} MiB, of {:.0} allowed",
            mib(self.peak_rss_bytes),
            mib(MOST_MEMORY)
        )?;
        writeln!(f, "errors that clients saw: {}", list(&self.errors))?;
        write!(f, "answers to hostile requests: {}", list(&self.hostile))
    }
}

/// What all threads share.
struct Test {
    outcome: Mutex<Outcome>,
    over: AtomicBool,
}

impl Test {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn note(&self, change: impl FnOnce(&mut Outcome)) {
        change(&mut self.outcome.lock().unwrap());
    }
}

/// Counts a client's requests.
struct Counting {
    test: Arc<Test>,
    /// Whether its last request had no answer.
    is_lost: AtomicBool,
}

impl Observer for Counting {
    fn crossed(&self, crossed: &Crossed<'_>) {
        let was_lost = self
            .is_lost
            .swap(crossed.status.is_none(), Ordering::Relaxed);
        self.test.note(|outcome| {
            outcome.requests += 1;
            outcome.bytes[0] += crossed.up.bytes;
            outcome.bytes[1] += crossed.down.bytes;
            let kind = match crossed.status {
                None => Some("no answer".to_owned()),
                Some(status) if status >= 400 => Some(status.to_string()),
                Some(_) => None,
            };
            if let Some(kind) = kind {
                *outcome.errors.entry(kind).or_default() += 1;
            }
            outcome.resumes += u64::from(was_lost && crossed.status.is_some());
        });
    }
}

/// A client that computes until it is over, and once more then, under the keys that were acknowledged at first.
fn honest(test: &Arc<Test>, endpoint: Endpoint, scheme: &str) {
    let counting = Counting {
        test: Arc::clone(test),
        is_lost: AtomicBool::new(false),
    };
    let mut endpoint = endpoint.observed(Arc::new(counting));
    endpoint.patience = Duration::from_mins(5);
    let party = Party::at(&endpoint, scheme);
    loop {
        let was_over = test.is_over();
        party.evaluates();
        test.note(|outcome| outcome.results += 1);
        if was_over {
            break;
        }
    }
    let keys = party.client.keys().unwrap();
    assert!(keys.iter().any(|keys| keys.id == party.keys), "{scheme}");
}

/// A client that has a token, and does what the interface does not have.
fn hostile(test: &Arc<Test>, endpoint: &Endpoint, (address, token): (&str, &str)) {
    let mut patient = endpoint.clone();
    patient.patience = Duration::from_mins(5);
    let party = Party::at(&patient, "paillier");
    let other = Party::at(&patient, "plaintext");
    let note = |kind: String| test.note(|outcome| *outcome.hostile.entry(kind).or_default() += 1);
    let keys = format!("/v1/programs/{}/keys", party.program);
    let ciphertexts = format!("/v1/keys/{}/ciphertexts", party.keys);
    let guessed = format!("hxp_{}", "1".repeat(64));
    let of = |path: &str, headers: &str, body: &[u8]| request(token, "POST", path, headers, body);
    let requests = [
        (
            "guessed token",
            request(&guessed, "GET", "/v1/service", "", b""),
        ),
        (
            "10 GB announced",
            of(&ciphertexts, "content-length: 10000000000\r\n", b""),
        ),
        (
            "body without end",
            of(
                &ciphertexts,
                "transfer-encoding: chunked\r\n",
                b"4\r\nabcd\r\n",
            ),
        ),
        (
            "half a body",
            of(&ciphertexts, "content-length: 1000\r\n", &[7; 500]),
        ),
        ("no frames", of(&keys, "content-length: 500\r\n", &[7; 500])),
        (
            "head without end",
            of(&keys, &format!("x: {}\r\n", "a".repeat(1 << 18)), b""),
        ),
        ("no HTTP", vec![0x16; 300]),
    ];
    // Once at least, however short the test is.
    loop {
        for (what, bytes) in &requests {
            let half = *what == "half a body";
            let answer = match raw_at(address, bytes, half) {
                Err(_) => "not reached".to_owned(),
                Ok((0, _)) => "closed".to_owned(),
                Ok((status, body)) => {
                    assert!(status >= 400, "{what}: {status} {body}");
                    status.to_string()
                }
            };
            note(answer);
        }
        // Ciphertexts of another scheme, and such as were tampered with: jobs that fail, and harm nobody.
        let mut tampered = party.encrypted(0);
        tampered[3] ^= 0xff;
        for bytes in [other.encrypted(0), tampered] {
            let upload = |bytes: &[u8]| {
                let uploaded = party.client.upload_ciphertexts(&party.keys, bytes);
                uploaded.unwrap().id
            };
            let inputs = [upload(&bytes), upload(&party.encrypted(1))];
            let job = party.submit(&inputs);
            party.client.wait_for_job(&job.id).unwrap_err();
            note("job failed".into());
            for input in inputs {
                party.client.delete_ciphertexts(&input).unwrap();
            }
        }
        if test.is_over() {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Begins requests on many connections, a byte now and then, and ends none; those that are closed are opened again.
fn slow(test: &Arc<Test>, address: &str) {
    let mut open: Vec<TcpStream> = vec![];
    while !test.is_over() {
        open.retain_mut(|stream| stream.write_all(b"x").is_ok());
        while open.len() < SLOW {
            // While the service is down, nobody is reached.
            let Ok(stream) = TcpStream::connect(address) else {
                break;
            };
            open.push(stream);
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Clients come and compute, for so long; meanwhile the service is killed so many times.
fn under_load(clients: usize, lasts: Duration, kills: u32) -> Outcome {
    let mut service = Served::start(&[
        "--plain",
        "--accept-shared-keys",
        "--workers",
        "2",
        "--warm",
        "8",
        "--rate",
        "1000",
        "--body-idle",
        "10s",
    ]);
    let test = Arc::new(Test {
        outcome: Mutex::default(),
        over: AtomicBool::new(false),
    });
    let tokens: Vec<String> = (0..clients)
        .map(|n| service.token(&format!("client-{n}")))
        .collect();
    let mallory = service.token("mallory");
    let address = address(&service).to_owned();
    let mut peak = 0;
    std::thread::scope(|scope| {
        let mut threads = vec![];
        for (token, scheme) in tokens.iter().zip(SCHEMES.iter().cycle()) {
            let (test, endpoint) = (&test, service.endpoint(token));
            threads.push(scope.spawn(move || honest(test, endpoint, scheme)));
        }
        let (endpoint, test, address) = (service.endpoint(&mallory), &test, &address);
        let mallory = &mallory;
        threads.push(scope.spawn(move || hostile(test, &endpoint, (address, mallory))));
        threads.push(scope.spawn(move || slow(test, address)));
        let began = Instant::now();
        for kill in 0..=kills {
            let next = lasts * (kill + 1) / (kills + 1);
            while began.elapsed() < next {
                peak = peak.max(peak_resident(service.id()));
                std::thread::sleep(Duration::from_millis(50));
                // One that has failed already says why.
                if threads
                    .iter()
                    .any(std::thread::ScopedJoinHandle::is_finished)
                {
                    break;
                }
            }
            if kill < kills {
                service.kill();
                service.start_again();
                test.note(|outcome| outcome.kills += 1);
            }
        }
        test.over.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().unwrap();
        }
        peak = peak.max(peak_resident(service.id()));
    });
    assert_eq!(service.files("incoming"), 0);
    let mut outcome = std::mem::take(&mut *test.outcome.lock().unwrap());
    outcome.peak_rss_bytes = peak;
    assert!(peak > 0 && peak < MOST_MEMORY, "{outcome}");
    assert_eq!(outcome.kills, kills, "{outcome}");
    // Everybody has computed at least once, and once more after the last kill.
    assert!(outcome.results >= clients as u64, "{outcome}");
    assert!(outcome.hostile.contains_key("job failed"), "{outcome}");
    outcome
}

/// The most resident memory that a process has had, in bytes; 0 where it is gone.
fn peak_resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    1024 * kib.unwrap_or(0)
}

/// Keys of 256 MiB, as bootstrapping ones may be: the service writes them to its disk as they come, checks their frames
/// there, and never holds them.
#[test]
fn keys_are_streamed_to_the_disk() {
    const BYTES: usize = 256 << 20;
    let service = Served::start(&["--plain"]);
    let token = service.token("alice");
    let party = Party::new(&service, &token, "paillier");
    let before = peak_resident(service.id());
    let parts = vec![KeyPart::new(KeyRole::Bootstrapping, vec![7; BYTES])];
    let keys = EvaluationKeys::new(party.circuit.digest(), parts);
    let kept = party
        .client
        .upload_keys(&party.program, &keys, None)
        .unwrap();
    assert_eq!(kept.bytes, BYTES as u64);
    assert_eq!(party.client.keys_of(&keys).unwrap().unwrap(), kept);
    let more = peak_resident(service.id()) - before;
    assert!(
        before > 0 && more < (BYTES / 8) as u64,
        "{more} bytes more than {before}"
    );
    party.client.delete_keys(&kept.id).unwrap();
    assert_eq!(service.files("keys"), 1);
    party.evaluates();
}

#[test]
fn a_few_clients_and_a_kill() {
    under_load(6, Duration::from_secs(4), 1);
}

/// 50 clients and five kills, for as many seconds as `HEXPERIMENT_LOAD_SECONDS` says, 600 if it says
/// nothing. It prints what came of it (`--nocapture`).
#[test]
#[ignore = "ten minutes of both processors"]
fn fifty_clients_and_five_kills() {
    let seconds = std::env::var("HEXPERIMENT_LOAD_SECONDS");
    let seconds = seconds.map_or(600, |text| text.parse().unwrap());
    let outcome = under_load(50, Duration::from_secs(seconds), 5);
    println!("50 clients, {seconds} s\n{outcome}");
}
