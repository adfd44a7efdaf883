//! The evaluator on a network: experiments against it are those of this machine, a kill loses nothing
//! that was acknowledged, and who does what the interface does not have gets an error, and disturbs nobody.

mod deleted;
mod distance;
mod hostile;
mod load;
mod quotas;
mod raw;
mod requests;
mod served;
mod tls;

use std::time::Duration;

use hexperiment_program::OutputId;
use hexperiment_service::api::JobRequest;

use crate::harness::{Place, Row, experiment};
pub use served::{Party, Served};

/// Columns that are what the machine and the moment make of them.
const OF_THE_MOMENT: [&str; 3] = ["_ms", "_rss_bytes", "remote_"];

/// Columns of noise, which is drawn anew.
const OF_NOISE: [&str; 4] = ["max_abs_error", "noise_error", "precision_bits", "value"];

fn is_of(names: &[&str], column: &str) -> bool {
    names.iter().any(|name| column.contains(name))
}

/// Times, memory and noise apart, the rows are the same.
fn are_the_same(local: &Row, remote: &Row) {
    let cell = &local["cell"];
    let mut compared = 0;
    for (column, here) in local {
        let there = &remote[column];
        let times = is_of(&OF_THE_MOMENT, column)
            || [
                "started",
                "load_average",
                "share_waited",
                "evaluate_between",
                "evaluate_within",
            ]
            .contains(&column.as_str());
        if times || (OF_NOISE.contains(&column.as_str()) && cell != "plaintext") {
            continue;
        }
        assert_eq!(here, there, "{cell}: {column}");
        compared += 1;
    }
    assert!(compared > 25, "{cell}: {compared}");
    let value = |row: &Row| row["value"].parse::<f64>().unwrap();
    assert!((value(local) - value(remote)).abs() < 0.02, "{cell}");
}

#[test]
fn experiments_against_a_service_are_the_local_ones() {
    let schemes = ["plaintext", "fernet", "paillier", "seal-ckks", "tfhe"];
    let schemes = schemes
        .map(|name| format!("[[scheme]]\nuse = \"{name}\"\n"))
        .concat();
    let run = "[run]\nrepetitions = 2\nwarmup = 0\nthreads = 1\n";
    let task = "use = \"logistic-regression\"\nfeatures = 3";
    let data = "use = \"wine-quality\"\nlimit = 120";
    let place = Place::new();
    place.write("e.toml", experiment(data, task, &[&schemes, run].concat()));
    place.call(&["run", "e.toml"]).ends_with(0);
    let local = place.latest();
    // In TLS, by a certificate of its own that is pinned.
    let service = Served::start(&["--accept-shared-keys", "--warm", "2"]);
    let fingerprint = service.fingerprint.clone().unwrap();
    let far = format!(
        "server = \"{}\"\nserver_fingerprint = \"{fingerprint}\"\n",
        service.url
    );
    place.write(
        "e.toml",
        experiment(data, task, &[&schemes, run, &far].concat()),
    );
    let mut program = place.program(["run", "e.toml"]);
    let token = service.token("runner");
    let outcome =
        crate::harness::Outcome::of(program.env("HEXPERIMENT_TOKEN", service.with_address(&token)));
    outcome.ends_with(0).does_not_panic();
    assert!(!outcome.out.contains(&token) && !outcome.err.contains(&token));
    let remote = place.latest();
    for row in local.summary().1 {
        let far = remote.row(&row["cell"]);
        are_the_same(&row, &far);
        let ms = |column: &str| far[column].parse::<f64>().unwrap();
        for column in [
            "remote_upload_ms",
            "remote_upload_server_ms",
            "remote_job_ms",
            "remote_load_ms",
            "remote_compute_ms",
            "remote_store_ms",
            "remote_download_ms",
            "key_transfer_ms",
        ] {
            assert!(ms(column) > 0.0, "{column}: {far:?}");
            assert!(
                !column.starts_with("remote_") || row[column].is_empty(),
                "{column}"
            );
        }
        assert!(ms("remote_compute_ms") <= ms("remote_job_ms"));
        assert!((ms("remote_compute_ms") - ms("evaluate_ms")).abs() < 1e-6);
    }
    assert!(remote.read("table.md").contains("queue (service)"));
    assert!(!local.read("table.md").contains("queue (service)"));
    assert!(!remote.read("records.jsonl").contains(&token));
    // All keys are deleted again, and nothing is left of them but the tables.
    assert_eq!(service.files("keys"), 0);
    assert_eq!(service.files("ciphertexts"), 0);
    assert!(
        !service
            .everything()
            .windows(token.len())
            .any(|w| w == token.as_bytes())
    );
    let audit = service.read("audit.jsonl");
    assert!(
        audit.contains("\"upload-keys\"") && audit.contains("\"delete-keys\""),
        "{audit}"
    );
}

/// What a service cannot take is refused, not failed, before keys are made: nothing is uploaded, and the other cells run.
#[test]
fn what_a_service_cannot_take_is_refused() {
    let service = Served::start(&[]);
    let place = Place::new();
    place.write_private("t", service.with_address(&service.token("runner")));
    let far = format!(
        "server = \"{}\"\nserver_token_file = \"t\"\nserver_fingerprint = \"{}\"\n",
        service.url,
        service.fingerprint.as_ref().unwrap()
    );
    place.write(
        "e.toml",
        experiment(
            "use = \"wine-quality\"\nlimit = 60",
            "use = \"logistic-regression\"\nfeatures = 2",
            &format!(
                "[[scheme]]\nuse = \"fernet\"\n[[scheme]]\nuse = \"paillier\"\n\
                 [run]\nrepetitions = 1\nwarmup = 0\n{far}"
            ),
        ),
    );
    let ran = place.call(&["run", "e.toml"]);
    ran.ends_with(0).does_not_panic();
    let run = place.latest();
    let stopped: Vec<_> = run
        .records()
        .into_iter()
        .filter(|record| record["kind"] == "stopped")
        .collect();
    assert_eq!(stopped.len(), 1, "{stopped:?}");
    assert_eq!(stopped[0]["cell"], "fernet");
    assert_eq!(stopped[0]["status"], "refused");
    let reason = stopped[0]["reason"].as_str().unwrap();
    for words in [
        service.url.as_str(),
        "takes no shared key",
        "--accept-shared-keys",
    ] {
        assert!(reason.contains(words), "{reason}");
    }
    assert_eq!(run.row("fernet")["status"], "refused");
    assert_eq!(run.row("paillier")["status"], "ok");
    // It was found before a program was registered, let alone a key sent.
    let audit = service.read("audit.jsonl");
    assert_eq!(audit.matches("\"register-program\"").count(), 1, "{audit}");
    assert_eq!(audit.matches("\"upload-keys\"").count(), 1, "{audit}");
}

#[test]
fn what_an_experiment_says_wrongly_of_a_service() {
    let place = Place::new();
    let check = |run: &str, words: &[&str]| {
        let text = experiment(
            "use = \"wine-quality\"\nlimit = 40",
            "use = \"logistic-regression\"",
            &format!("[[scheme]]\nuse = \"plaintext\"\n[run]\nrepetitions = 1\nwarmup = 0\n{run}"),
        );
        place.write("e.toml", text);
        let mut program = place.program(["run", "e.toml"]);
        let outcome = crate::harness::Outcome::of(program.env_remove("HEXPERIMENT_TOKEN"));
        assert_ne!(outcome.code, Some(0), "{outcome}");
        outcome.says(words).does_not_panic();
    };
    check(
        "server = \"evaluator\"",
        &[
            "e.toml:",
            "`server`",
            "found \"evaluator\"",
            "https://host:8443",
        ],
    );
    check(
        "server_fingerprint = \"sha256:00\"",
        &["server_fingerprint", "64 hexadecimal digits"],
    );
    check(
        "server_token_file = \"t\"",
        &["server_token_file", "found no `server`"],
    );
    check(
        "server = \"https://127.0.0.1:1\"",
        &["found no token", "HEXPERIMENT_TOKEN"],
    );
    check(
        "server = \"http://example.org\"\nserver_token_file = \"t\"",
        &["cannot be read", "t"],
    );
    check(
        "server = \"http://127.0.0.1:1\"\nserver_token_file = \"t\"\nserver_fingerprint = \"sha256:FF\"".replace("FF", &"0".repeat(64)).as_str(),
        &["server_fingerprint", "shows no certificate", "https://"],
    );
    // Another certificate than the pinned one is somebody in between.
    let service = Served::start(&[]);
    place.write_private("t", service.with_address(&service.token("runner")));
    let other = format!("sha256:{}", "0".repeat(64));
    let far = format!(
        "server = \"{}\"\nserver_token_file = \"t\"\nserver_fingerprint = \"{other}\"",
        service.url
    );
    check(
        &far,
        &["found a certificate with the fingerprint sha256:", &other],
    );
    // Without a pin, one that nobody vouches for is refused, at once, and what to compare is said.
    let began = std::time::Instant::now();
    let far = format!("server = \"{}\"\nserver_token_file = \"t\"", service.url);
    check(
        &far,
        &[
            "found a certificate that browsers would not trust",
            service.fingerprint.as_deref().unwrap(),
            "by another way than this connection",
            "server_fingerprint",
        ],
    );
    assert!(
        began.elapsed() < Duration::from_secs(40),
        "it was tried again"
    );
    assert!(!service.read("audit.jsonl").contains("runner"));
}

/// An experiment file names a service; where a token goes is for its owner to say, in the environment or in the file of the
/// token: it is told to no service that a file alone names.
#[test]
fn an_experiment_does_not_decide_where_a_token_goes() {
    let (service, other) = (Served::start(&["--plain"]), Served::start(&["--plain"]));
    let token = service.token("runner");
    let place = Place::new();
    let runs = |more: &str, variable: Option<&str>| {
        let text = experiment(
            "use = \"wine-quality\"\nlimit = 40",
            "use = \"logistic-regression\"\nfeatures = 2",
            &format!(
                "[[scheme]]\nuse = \"plaintext\"\n[run]\nrepetitions = 1\nwarmup = 0\nserver = \"{}\"\n{more}",
                other.url
            ),
        );
        place.write("e.toml", text);
        let mut program = place.program(["run", "e.toml"]);
        program.env_remove("HEXPERIMENT_TOKEN");
        if let Some(value) = variable {
            program.env("HEXPERIMENT_TOKEN", value);
        }
        let outcome = crate::harness::Outcome::of(&mut program);
        assert!(!outcome.out.contains(&token) && !outcome.err.contains(&token));
        outcome
    };
    let refuses = |more: &str, variable: Option<&str>, words: &[&str]| {
        let outcome = runs(more, variable);
        assert_ne!(outcome.code, Some(0), "{outcome}");
        outcome.says(words).does_not_panic();
    };
    let alone = [
        "found a token alone",
        "no file decides where a token goes",
        &other.url,
    ];
    refuses(
        "",
        Some(&token),
        &[&["HEXPERIMENT_TOKEN"], &alone[..]].concat(),
    );
    place.write_private("alone", &token);
    refuses(
        "server_token_file = \"alone\"",
        None,
        &[&["alone"], &alone[..]].concat(),
    );
    let bound = service.with_address(&token);
    let elsewhere = [
        "found a token for",
        &service.url,
        "expected one for",
        &other.url,
    ];
    refuses("", Some(&bound), &elsewhere);
    place.write_private("bound", &bound);
    refuses("server_token_file = \"bound\"", None, &elsewhere);
    // Nobody has shown it there: not even a wrong token is counted.
    assert!(!other.read("audit.jsonl").contains("unauthorized"));
    let own = other.with_address(&other.token("runner"));
    runs("", Some(&own)).ends_with(0);
}

/// Killed between the keys and the job, amid jobs, and again: keys are there, and every job that was
/// acknowledged is done, once.
#[test]
fn a_killed_service_loses_nothing() {
    let mut service = Served::start(&["--plain", "--quota-jobs", "1000"]);
    let token = service.token("alice");
    let party = Party::new(&service, &token, "paillier");
    service.kill();
    service.start_again();
    assert_eq!(party.client.keys().unwrap().len(), 1);
    party.evaluates();
    let inputs = party.upload();
    let jobs: Vec<String> = (0..20)
        .map(|number| {
            let job = JobRequest {
                keys: party.keys.clone(),
                inputs: inputs.clone(),
                outputs: vec![0],
                request: Some(format!("job {number}")),
            };
            let id = party.client.submit(&job).unwrap().id;
            assert_eq!(party.client.submit(&job).unwrap().id, id, "the same name");
            id
        })
        .collect();
    service.kill();
    service.start_again();
    for job in &jobs {
        let done = party.client.wait_for_job(job).unwrap();
        party.is_right(&done.results[0], OutputId::from_index(0));
    }
    let listed = party.client.jobs().unwrap();
    let known = listed.iter().filter(|job| jobs.contains(&job.id)).count();
    assert_eq!(known, jobs.len());
    // What is left of uploads that were cut is deleted at the start.
    assert_eq!(service.files("incoming"), 0);
}

/// Told to stop, it ends well and soon, and leaves what it has not done for its next start.
#[test]
fn a_stopped_service_goes_on_where_it_was() {
    let mut service = Served::start(&["--plain", "--grace", "100ms"]);
    let party = Party::new(&service, &service.token("alice"), "seal-ckks");
    let inputs = party.upload();
    let jobs: Vec<String> = (0..10).map(|_| party.submit(&inputs).id).collect();
    assert!(service.stop(Duration::from_secs(30)).success());
    service.start_again();
    for job in jobs {
        let done = party.client.wait_for_job(&job).unwrap();
        party.is_right(&done.results[0], OutputId::from_index(0));
    }
    party.client.delete_keys(&party.keys).unwrap();
    assert_eq!(service.files("ciphertexts"), 0);
}

/// Two services do not share a folder, and TLS is not left out on a network.
#[test]
fn what_a_service_is_not_started_with() {
    let service = Served::start(&["--plain"]);
    let place = Place::new();
    let state = service.state().display().to_string();
    let second = place.call(&[
        "serve",
        "--state",
        &state,
        "--plain",
        "--listen",
        "127.0.0.1:0",
    ]);
    second
        .ends_with(2)
        .says(&["another service has this folder"]);
    let open = place.call(&["serve", "--plain", "--listen", "0.0.0.0:0"]);
    open.ends_with(2)
        .says(&["`--plain` on 0.0.0.0:0", "loopback"]);
    let twice = |name: &str| place.call(&["serve", "token", "new", name, "--state", &state]);
    twice("bob").ends_with(0).says(&["hxp_"]);
    twice("bob")
        .ends_with(2)
        .says(&["found a client `bob` that has a token"]);
    twice("b/b")
        .ends_with(2)
        .says(&["expected 1 to 60 letters"]);
    let revoke = place.call(&["serve", "token", "revoke", "bob", "--state", &state]);
    revoke.ends_with(0);
    let list = place.call(&["serve", "token", "list", "--state", &state]);
    list.ends_with(0).says(&["bob: revoked"]);
    // A folder by mistake is no service without clients, and is not made one.
    for verb in [&["list"][..], &["revoke", "bob"]] {
        let wrong = [&["serve", "token"], verb, &["--state", "elsewhere"]].concat();
        place
            .call(&wrong)
            .ends_with(2)
            .says(&["no service has its state in this folder", "help: "]);
    }
    assert!(!place.path("elsewhere").exists());
}
