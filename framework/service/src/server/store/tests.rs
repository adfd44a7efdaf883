use hexperiment_wire::Measured;

use super::clients::Used;
use super::*;
use crate::api::{
    CiphertextsInfo, JobInfo, JobRequest, JobState, JobTimes, KeysInfo, ProgramInfo, ProgramState,
};
use crate::token::Token;

fn program(id: &str) -> ProgramInfo {
    ProgramInfo {
        id: id.into(),
        scheme: "plaintext".into(),
        circuit: "00".into(),
        library: "none".into(),
        state: ProgramState::Checking,
        reason: None,
        public: false,
        created_s: 1,
        compile: None,
    }
}

fn source(sha256: &str) -> Source<'_> {
    Source {
        sha256,
        bytes: 30,
        shape: Shape {
            inputs: 1,
            outputs: 2,
        },
    }
}

fn keys(id: &str, owner: &str, expires_s: u64) -> KeysRow {
    KeysRow {
        info: KeysInfo {
            id: id.into(),
            program: "p".into(),
            circuit: "00".into(),
            parts: 1,
            bytes: 10,
            sha256: String::new(),
            created_s: 1,
            expires_s,
            received_ns: 1,
            ciphertexts: 0,
            ciphertexts_bytes: 0,
        },
        owner: owner.into(),
        stored: 12,
    }
}

fn ciphertexts(id: &str, keys: &str) -> CiphertextsInfo {
    CiphertextsInfo {
        id: id.into(),
        keys: keys.into(),
        bytes: 100,
        sha256: String::new(),
        ciphertexts: None,
        created_s: 1,
        expires_s: u64::MAX >> 1,
        received_ns: 1,
    }
}

fn job(id: &str, owner: &str) -> JobRow {
    JobRow {
        info: JobInfo {
            id: id.into(),
            keys: "k".into(),
            state: JobState::Queued,
            position: None,
            loaded: None,
            reason: None,
            created_s: 1,
            times: JobTimes::default(),
            results: vec![],
        },
        owner: owner.into(),
    }
}

fn asks(request: Option<&str>) -> JobRequest {
    JobRequest {
        keys: "k".into(),
        inputs: vec!["i".into()],
        outputs: vec![0],
        request: request.map(str::to_owned),
    }
}

/// Tables with a program and keys of `alice`.
fn filled() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("t")).unwrap();
    assert!(
        store
            .add_program("alice", source("hash"), &program("p"))
            .unwrap()
            .is_none()
    );
    store.add_keys(&keys("k", "alice", u64::MAX >> 1)).unwrap();
    (folder, store)
}

#[test]
fn clients_have_one_token_each_until_it_is_revoked() {
    let (folder, store) = filled();
    let tokens: Vec<Token> = (0..3).map(|_| Token::fresh().unwrap()).collect();
    assert!(store.add_client("alice", tokens[0].hash()).unwrap());
    assert!(store.add_client("bob", tokens[1].hash()).unwrap());
    assert!(!store.add_client("alice", tokens[2].hash()).unwrap());
    let of = |token: &Token| store.client_of(&token.hash()).unwrap();
    assert_eq!(of(&tokens[0]).as_deref(), Some("alice"));
    assert_eq!(of(&tokens[1]).as_deref(), Some("bob"));
    assert_eq!(of(&tokens[2]), None);
    assert!(store.revoke_client("alice").unwrap() && !store.revoke_client("alice").unwrap());
    assert_eq!(of(&tokens[0]), None);
    assert!(store.add_client("alice", tokens[2].hash()).unwrap());
    assert_eq!(of(&tokens[2]).as_deref(), Some("alice"));
    // No file has a token.
    let bytes = std::fs::read(folder.path().join("t-wal")).unwrap();
    let text = tokens[0].reveal().as_bytes();
    assert!(!bytes.windows(text.len()).any(|w| w == text));
}

#[test]
fn what_is_written_is_there_when_the_tables_are_opened_again() {
    let (folder, store) = filled();
    store.add_job(&job("j", "alice"), &asks(None)).unwrap();
    std::mem::forget(store); // as if it were killed: nothing is closed
    let store = Store::open(&folder.path().join("t")).unwrap();
    assert_eq!(store.jobs_to_do().unwrap()[0].info.id, "j");
    assert_eq!(store.job_request("j").unwrap(), Some(asks(None)));
    assert_eq!(store.keys("k").unwrap().unwrap().owner, "alice");
    assert_eq!(store.programs_to_check().unwrap().len(), 1);
    let ready = ProgramInfo {
        state: ProgramState::Ready,
        compile: Some(Measured::default()),
        ..program("p")
    };
    store.checked(&ready, "alice", 7).unwrap();
    assert_eq!(store.used("alice").unwrap().today_ms, 7);
    assert_eq!(store.program("p").unwrap().unwrap().info, ready);
    assert!(store.programs_to_check().unwrap().is_empty());
}

#[test]
fn a_job_of_the_same_name_is_the_same() {
    let (_folder, store) = filled();
    assert!(
        store
            .add_job(&job("j", "alice"), &asks(Some("r")))
            .unwrap()
            .is_none()
    );
    let known = store
        .add_job(&job("j2", "alice"), &asks(Some("r")))
        .unwrap();
    assert_eq!(known.unwrap().info.id, "j");
    assert!(
        store
            .add_job(&job("j3", "bob"), &asks(Some("r")))
            .unwrap()
            .is_none()
    );
    assert!(
        store
            .add_job(&job("j4", "alice"), &asks(None))
            .unwrap()
            .is_none()
    );
    assert!(
        store
            .add_job(&job("j5", "alice"), &asks(None))
            .unwrap()
            .is_none()
    );
    let order: Vec<String> = store
        .jobs_to_do()
        .unwrap()
        .into_iter()
        .map(|j| j.info.id)
        .collect();
    assert_eq!(order, ["j", "j3", "j4", "j5"]);
}

/// A service may have been mended since: what failed, and what was cancelled, is done again when it is asked for again;
/// what is done or refused is not.
#[test]
fn a_job_that_failed_gives_its_name_to_the_next() {
    let (_folder, store) = filled();
    let ask = |id: &str| {
        let known = store.add_job(&job(id, "alice"), &asks(Some("r"))).unwrap();
        known.map(|job| job.info.id)
    };
    let end = |id: &str, state: JobState| {
        let info = JobInfo {
            state,
            ..job(id, "alice").info
        };
        store.end_job(&info, "alice", 1).unwrap();
    };
    assert_eq!(ask("j"), None);
    for (ended, state, next) in [
        ("j", JobState::Failed, "j2"),
        ("j2", JobState::Cancelled, "j3"),
    ] {
        end(ended, state);
        assert!(store.job_named("alice", "r").unwrap().is_none());
        assert_eq!(ask(next), None);
        // It is still there, without the name.
        assert_eq!(store.job(ended).unwrap().unwrap().info.state, state);
        assert_eq!(
            store.job_named("alice", "r").unwrap().unwrap().info.id,
            next
        );
    }
    end("j3", JobState::Refused);
    assert_eq!(ask("j4").as_deref(), Some("j3"));
}

/// A job whose results are gone, by their client or by time, is done again when it is asked for again; the one that has
/// them gives them.
#[test]
fn a_job_without_its_results_gives_its_name_to_the_next() {
    let (_folder, store) = filled();
    let ask = |id: &str| {
        let known = store.add_job(&job(id, "alice"), &asks(Some("r"))).unwrap();
        known.map(|job| job.info.id)
    };
    let end = |id: &str, result: CiphertextsInfo| {
        let info = JobInfo {
            state: JobState::Done,
            results: vec![result],
            ..job(id, "alice").info
        };
        store.end_job(&info, "alice", 1).unwrap();
    };
    assert_eq!(ask("j"), None);
    end("j", ciphertexts("c", "k"));
    assert_eq!(ask("j2").as_deref(), Some("j"));
    assert!(store.delete_ciphertexts("c").unwrap());
    assert!(store.job_named("alice", "r").unwrap().is_none());
    assert_eq!(ask("j2"), None);
    let old = CiphertextsInfo {
        expires_s: 1,
        ..ciphertexts("d", "k")
    };
    end("j2", old);
    assert!(store.job_named("alice", "r").unwrap().is_none());
    assert_eq!(ask("j3"), None);
}

#[test]
fn a_job_ends_once_with_its_results() {
    let (_folder, store) = filled();
    for id in ["j", "j2"] {
        store.add_job(&job(id, "alice"), &asks(None)).unwrap();
    }
    let done = |id: &str, result: &str| JobInfo {
        state: JobState::Done,
        results: vec![ciphertexts(result, "k")],
        ..job(id, "alice").info
    };
    assert_eq!(
        store.end_job(&done("j", "r"), "alice", 5).unwrap(),
        Outcome::Written
    );
    assert_eq!(
        store.end_job(&done("j", "s"), "alice", 5).unwrap(),
        Outcome::HadEnded
    );
    assert_eq!(store.ciphertexts("r").unwrap().unwrap().owner, "alice");
    assert!(store.ciphertexts("s").unwrap().is_none());
    // What a job is to do counts until it ends, what is known of it as long as it is known; and a file takes a block.
    assert_eq!(store.job_request("j").unwrap(), None);
    let text = |value: &dyn Fn() -> serde_json::Value| value().to_string().len() as u64;
    let ended = text(&|| serde_json::to_value(done("j", "r")).unwrap());
    let waits = text(&|| serde_json::to_value(job("j2", "alice").info).unwrap())
        + text(&|| serde_json::to_value(asks(None)).unwrap());
    let used = Used {
        bytes: 30 + 12 + 4096 + 2 * 1024 + ended + waits,
        keys: 1,
        programs: 1,
        work: 2,
        today_ms: 5,
    };
    assert_eq!(store.used("alice").unwrap(), used);
    assert_eq!(store.used("bob").unwrap(), Used::default());
    let deleted = store.delete_keys("k").unwrap();
    assert_eq!(
        (deleted.keys, deleted.ciphertexts),
        (vec!["k".into()], vec!["r".into()])
    );
    // One that has ended goes with its keys, one that has not is told of it.
    assert!(store.job("j").unwrap().is_none());
    assert_eq!(
        store.end_job(&done("j2", "t"), "alice", 5).unwrap(),
        Outcome::KeysAreGone
    );
    assert_eq!(
        store.job("j2").unwrap().unwrap().info.state,
        JobState::Failed
    );
}

#[test]
fn what_has_expired_is_deleted_with_what_is_under_it() {
    let (_folder, store) = filled();
    store.add_keys(&keys("old", "alice", 1)).unwrap();
    for (id, under) in [("a", "k"), ("b", "old")] {
        let row = CiphertextsRow {
            info: ciphertexts(id, under),
            owner: "alice".into(),
        };
        assert_eq!(store.add_ciphertexts(&row).unwrap(), Inserted::Yes);
    }
    let orphan = CiphertextsRow {
        info: ciphertexts("c", "no such"),
        owner: "alice".into(),
    };
    assert_eq!(
        store.add_ciphertexts(&orphan).unwrap(),
        Inserted::KeysAreGone
    );
    let deleted = store.expire().unwrap();
    assert_eq!(
        (deleted.keys, deleted.ciphertexts),
        (vec!["old".into()], vec!["b".into()])
    );
    assert_eq!(store.delete_program("p").unwrap(), Removal::HasKeys);
    store.delete_keys("k").unwrap();
    assert_eq!(store.delete_program("p").unwrap(), Removal::Deleted);
    assert!(store.program("p").unwrap().is_none());
    assert!(store.ciphertexts("a").unwrap().is_none());
}

/// A program that others have keys for goes with the last of these, unless its owner registers it again.
#[test]
fn a_program_in_use_is_withdrawn() {
    let (_folder, store) = filled();
    store.delete_keys("k").unwrap();
    for id in ["b1", "b2"] {
        store.add_keys(&keys(id, "bob", u64::MAX >> 1)).unwrap();
    }
    assert_eq!(store.delete_program("p").unwrap(), Removal::Withdrawn);
    let row = store.program("p").unwrap().unwrap();
    assert!(row.is_withdrawn && !row.serves("alice") && !row.serves("bob"));
    assert!(store.has_keys("bob", "p").unwrap() && !store.has_keys("alice", "p").unwrap());
    assert!(store.programs_of("alice").unwrap().is_empty());
    let again = store.add_program("alice", source("hash"), &program("q"));
    assert_eq!(again.unwrap().unwrap().id, "p");
    assert!(store.program("p").unwrap().unwrap().serves("alice"));
    assert_eq!(store.delete_program("p").unwrap(), Removal::Withdrawn);
    assert!(store.delete_keys("b1").unwrap().programs.is_empty());
    assert_eq!(store.delete_keys("b2").unwrap().programs, ["p"]);
    assert!(store.program("p").unwrap().is_none());
}

/// Keys whose program went while they were uploaded are not added, whether it was deleted or withdrawn.
#[test]
fn keys_of_a_program_that_is_gone_are_not_added() {
    let (_folder, store) = filled();
    let late = || {
        store
            .add_keys(&keys("late", "alice", u64::MAX >> 1))
            .unwrap()
    };
    store.add_keys(&keys("b", "bob", u64::MAX >> 1)).unwrap();
    store.delete_keys("k").unwrap();
    assert_eq!(store.delete_program("p").unwrap(), Removal::Withdrawn);
    assert_eq!(late(), Added::ProgramIsGone);
    store.delete_keys("b").unwrap();
    assert!(store.program("p").unwrap().is_none());
    assert_eq!(late(), Added::ProgramIsGone);
    assert!(store.keys("late").unwrap().is_none());
}

/// Keys are told of with what is kept under them now, whatever their row said when it was written.
#[test]
fn keys_are_told_of_with_what_is_under_them() {
    let (_folder, store) = filled();
    store
        .add_keys(&keys("other", "alice", u64::MAX >> 1))
        .unwrap();
    let under = |id: &str| {
        let listed = store.keys_of("alice").unwrap();
        let info = listed.into_iter().find(|info| info.id == id).unwrap();
        assert_eq!(store.with_counts(info.clone()).unwrap(), info);
        (info.ciphertexts, info.ciphertexts_bytes)
    };
    let before = under("k");
    for id in ["c1", "c2"] {
        let row = CiphertextsRow {
            info: ciphertexts(id, "k"),
            owner: "alice".into(),
        };
        assert_eq!(store.add_ciphertexts(&row).unwrap(), Inserted::Yes);
    }
    let expired = CiphertextsRow {
        info: CiphertextsInfo {
            expires_s: 1,
            ..ciphertexts("c3", "k")
        },
        owner: "alice".into(),
    };
    store.add_ciphertexts(&expired).unwrap();
    assert_eq!(under("k"), (before.0 + 2, before.1 + 200));
    assert_eq!(under("other"), (0, 0));
    store.delete_ciphertexts("c1").unwrap();
    assert_eq!(under("k"), (before.0 + 1, before.1 + 100));
}

/// A list has what jobs are, not what they are to do, and no more than an answer should hold.
#[test]
fn lists_of_jobs_are_bounded() {
    let (_folder, store) = filled();
    let large = JobRequest {
        outputs: (0..200_000).collect(),
        ..asks(None)
    };
    for number in 0..20 {
        let row = job(&format!("j{number}"), "alice");
        store.add_job(&row, &large).unwrap();
    }
    assert!(store.used("alice").unwrap().bytes > 20 * 1_000_000);
    let listed = store.jobs_of("alice", 3).unwrap();
    let ids: Vec<&str> = listed.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(ids, ["j19", "j18", "j17"]);
    for number in 0..20 {
        let failed = JobInfo {
            state: JobState::Failed,
            reason: Some("x".repeat(2 << 20)),
            ..job(&format!("j{number}"), "alice").info
        };
        store.end_job(&failed, "alice", 1).unwrap();
    }
    assert_eq!(store.jobs_of("alice", 1000).unwrap().len(), 8);
}

/// Tables of older versions are carried on: what they lack is measured.
#[test]
fn tables_of_older_versions_are_carried_on() {
    for version in [1, 2] {
        let (folder, store) = filled();
        store.add_job(&job("j", "alice"), &asks(None)).unwrap();
        drop(store);
        let file = folder.path().join("t");
        let connection = Connection::open(&file).unwrap();
        connection
            .execute_batch(
                "DROP INDEX jobs_of_owner; DROP INDEX jobs_of_keys;
                 ALTER TABLE jobs DROP COLUMN bytes;
                 ALTER TABLE jobs ADD COLUMN job TEXT NOT NULL DEFAULT '';
                 UPDATE jobs SET job = (SELECT description FROM descriptions WHERE descriptions.job = jobs.id);
                 DROP TABLE descriptions;
                 ALTER TABLE programs DROP COLUMN inputs; ALTER TABLE programs DROP COLUMN outputs;",
            )
            .unwrap();
        if version == 1 {
            connection
                .execute_batch(
                    "ALTER TABLE programs DROP COLUMN bytes; ALTER TABLE programs DROP COLUMN withdrawn;",
                )
                .unwrap();
        }
        connection
            .pragma_update(None, "user_version", version)
            .unwrap();
        drop(connection);
        let store = Store::open(&file).unwrap();
        let shape = Shape {
            inputs: 1,
            outputs: 2,
        };
        let measured = |id: &str| {
            if id == "p" {
                (30, Some(shape))
            } else {
                (0, None)
            }
        };
        store.measure_programs(measured).unwrap();
        assert_eq!(store.shape("p").unwrap(), Some(shape));
        assert!(!store.program("p").unwrap().unwrap().is_withdrawn);
        assert_eq!(store.job_request("j").unwrap(), Some(asks(None)));
        let (_fresh, expect) = filled();
        expect.add_job(&job("j", "alice"), &asks(None)).unwrap();
        assert_eq!(store.used("alice").unwrap(), expect.used("alice").unwrap());
    }
}

#[test]
fn tables_of_another_version_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t");
    let connection = Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let problem = Store::open(&file).err().unwrap().to_string();
    assert!(
        problem.contains("found tables of version 99, expected 3"),
        "{problem}"
    );
}
