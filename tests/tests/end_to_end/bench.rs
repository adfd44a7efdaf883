//! `bench`: the library's own calls, timed beside every repetition.

use crate::harness::{Place, regression};

fn place() -> Place {
    let place = Place::new();
    let schemes = ["plaintext", "paillier", "seal-ckks", "tfhe"];
    let run = "repetitions = 2\nwarmup = 0\nthreads = 1\n";
    place.write("e.toml", regression(&schemes, run));
    place
}

#[test]
fn the_librarys_calls_stand_beside_every_phase() {
    let place = place();
    let bench = place.call(&["bench", "e.toml"]);
    bench.ends_with(0).does_not_panic().says(&[
        "ratio",
        "multiply plaintext N=",
        "written to runs/",
    ]);
    let records = place.latest().records();
    let repetitions: Vec<_> = records
        .iter()
        .filter(|line| line["kind"] == "repetition")
        .collect();
    assert_eq!(repetitions.len(), 8);
    for repetition in repetitions {
        let cell = repetition["cell"].as_str().unwrap();
        let library = &repetition["library"];
        // Nothing that it does is a library's.
        if cell == "plaintext" {
            assert!(library.is_null(), "{repetition}");
            continue;
        }
        for phase in ["encrypt_ns", "evaluate_ns", "decrypt_ns"] {
            assert!(library[phase].as_u64().unwrap() > 0, "{repetition}");
        }
        let operations = library["operations"].as_object().unwrap();
        assert!(operations.values().all(|ns| ns.as_u64().unwrap() > 0));
        // An evaluation is made of its operations: none of them alone takes longer than all.
        assert!(operations.len() >= 3, "{cell}: {operations:?}");
    }
    let lines = |scheme: &str| {
        let of = |line: &&str| line.starts_with(scheme);
        bench.out.lines().filter(of).count()
    };
    assert_eq!(lines("plaintext "), 0, "{bench}");
    for scheme in ["paillier ", "seal-ckks ", "tfhe "] {
        // Three phases, then its operations.
        assert!(lines(scheme) >= 6, "{scheme}\n{bench}");
    }
    let page = place.latest().read("table.md");
    assert!(page.contains("Beside the library's calls"), "{page}");
    assert!(page.contains("Operations of the library"), "{page}");
    // A run like others.
    let same = place.call(&["cmp", "runs/latest", "runs/latest", "--phase", "all"]);
    same.ends_with(0).does_not_panic();
}

#[test]
fn runs_time_no_library() {
    let place = place();
    place
        .call(&["run", "e.toml", "--only", "seal-ckks"])
        .ends_with(0);
    let records = place.latest().records();
    assert!(records.iter().all(|line| line["library"].is_null()));
    let page = place.latest().read("table.md");
    assert!(!page.contains("library's calls"), "{page}");
}

#[test]
fn nothing_to_time_is_told() {
    let place = place();
    let bench = place.call(&["bench", "e.toml", "--only", "plaintext"]);
    bench.ends_with(0).does_not_panic();
    bench.says(&["no scheme of this run has operations of a library"]);
    let missing = place.call(&["bench", "no.toml"]);
    missing.ends_with(2).does_not_panic().says(&["no.toml"]);
}
