//! Many clients at once, of several schemes, while the service is killed: no result is wrong, no acknowledged
//! key is lost, memory stays bounded.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Party, Served};

/// The most memory that the service itself may hold, in bytes; processes of jobs have their own.
const MOST_MEMORY: u64 = 300 << 20;

/// Clients come and compute, for so long; meanwhile the service is killed so many times.
fn under_load(clients: usize, lasts: Duration, kills: u32) -> u64 {
    let mut service =
        Served::start(&["--plain", "--workers", "2", "--warm", "8", "--rate", "1000"]);
    let tokens: Vec<String> = (0..clients)
        .map(|n| service.token(&format!("client-{n}")))
        .collect();
    let (done, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let schemes = [
        "plaintext",
        "paillier",
        "seal-ckks",
        "paillier",
        "plaintext",
    ];
    let mut most = 0;
    std::thread::scope(|scope| {
        let parties: Vec<_> = tokens.iter().zip(schemes.iter().cycle()).collect();
        let threads: Vec<_> = parties
            .into_iter()
            .map(|(token, scheme)| {
                let mut endpoint = service.endpoint(token);
                endpoint.patience = Duration::from_mins(5);
                let (done, over) = (&done, &over);
                scope.spawn(move || {
                    let party = Party::at(&endpoint, scheme);
                    while !over.load(Ordering::Relaxed) {
                        party.evaluates();
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    // The keys that were acknowledged at first are there at the end.
                    let keys = party.client.keys().unwrap();
                    assert!(keys.iter().any(|keys| keys.id == party.keys));
                })
            })
            .collect();
        let began = Instant::now();
        for kill in 0..kills {
            let next = lasts * (kill + 1) / (kills + 1);
            while began.elapsed() < next {
                most = most.max(resident(service.id()));
                std::thread::sleep(Duration::from_millis(50));
            }
            service.kill();
            service.start_again();
        }
        while began.elapsed() < lasts {
            most = most.max(resident(service.id()));
            std::thread::sleep(Duration::from_millis(50));
        }
        over.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().unwrap();
        }
    });
    assert!(
        most > 0 && most < MOST_MEMORY,
        "the service held {most} bytes"
    );
    assert_eq!(service.files("incoming"), 0);
    done.into_inner()
}

/// Resident memory of a process, in bytes; 0 where it is gone.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    1024 * kib.unwrap_or(0)
}

#[test]
fn a_few_clients_and_a_kill() {
    let done = under_load(6, Duration::from_secs(4), 1);
    assert!(done >= 1, "{done}");
}

/// 50 clients and five kills, for as many seconds as `HEXPERIMENT_LOAD_SECONDS` says, 600 if it says
/// nothing.
#[test]
#[ignore = "ten minutes of both processors"]
fn fifty_clients_and_five_kills() {
    let seconds = std::env::var("HEXPERIMENT_LOAD_SECONDS");
    let seconds = seconds.map_or(600, |text| text.parse().unwrap());
    let done = under_load(50, Duration::from_secs(seconds), 5);
    println!("{done} evaluations in {seconds} s");
    assert!(done >= 50, "{done}");
}
