//! Several steps in one folder at once: one changes it at a time.

use std::fs::{self, File};

use super::{Owner, are_the_models};

/// The folder of an owner, held as a step holds it.
#[track_caller]
fn hold(owner: &Owner) -> File {
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(owner.place.path("io/.lock"))
        .unwrap();
    lock.lock().unwrap();
    lock
}

/// A step that changes a folder refuses while another one does, and leaves what that one writes; who looks only goes on.
#[test]
fn one_step_changes_a_folder_at_a_time() {
    let owner = Owner::with_keys("plaintext", &[]);
    owner.asks();
    let key = owner.does(&["keys", "list"]).out;
    let key = key.split_whitespace().nth(1).unwrap();
    let held = hold(&owner);
    for partial in ["keys.partial", "ciphertexts_upload.partial"] {
        owner.place.write(&format!("io/{partial}/file"), "half");
    }
    for step in [
        &["keys", "rotate", "--unprotected"][..],
        &["keygen", "--rotate", "--unprotected"],
        &["keys", "delete", key],
        &["encrypt", "rows.csv"],
        &["evaluate"],
        &["decrypt"],
        &["query", "rows.csv"],
        &["fetch"],
        &["send", "--server", "http://127.0.0.1:9"],
    ] {
        let words = ["another `hexperiment client` works in this folder", ".lock"];
        owner.refuses(step, &words);
    }
    owner.does(&["keys", "list"]).says(&[key, "in use"]);
    for partial in ["keys.partial", "ciphertexts_upload.partial"] {
        assert!(owner.place.path(&format!("io/{partial}/file")).exists());
    }
    drop(held);
    owner.does(&["decrypt"]);
    are_the_models(&owner.results().1);
    for partial in ["keys.partial", "ciphertexts_upload.partial"] {
        assert!(!owner.place.path(&format!("io/{partial}")).exists());
    }
}

/// Steps that begin at the same moment come one after the other: all are done, or say why not.
#[test]
fn steps_at_once_leave_whole_keys_and_rows() {
    let owner = Owner::with_keys("plaintext", &[]);
    let steps = [
        &["keys", "rotate", "--unprotected"][..],
        &["encrypt", "rows.csv"],
    ];
    let all: Vec<_> = steps
        .iter()
        .cycle()
        .take(6)
        .map(|step| {
            let mut command = owner.command(step);
            command.stdout(std::process::Stdio::null());
            command.stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let mut done = 0;
    for process in all {
        let ended = process.wait_with_output().unwrap();
        let errors = String::from_utf8(ended.stderr).unwrap();
        if ended.status.success() {
            done += 1;
        } else {
            assert!(
                errors.contains("another `hexperiment client` works"),
                "{errors}"
            );
        }
    }
    assert!(done > 0);
    owner.asks();
    owner.does(&["decrypt"]);
    are_the_models(&owner.results().1);
}

/// A kill between the moves of a folder that is replaced leaves the new one, which the next step takes.
#[test]
fn folders_that_are_replaced_are_never_gone() {
    let owner = Owner::with_keys("plaintext", &[]);
    owner.asks();
    let io = |name: &str| owner.place.path("io").join(name);
    let place = io("ciphertexts_download");
    super::copy(&place, &io("ciphertexts_download.replaced"));
    fs::rename(&place, io("ciphertexts_download.partial")).unwrap();
    owner.does(&["decrypt"]);
    are_the_models(&owner.results().1);
    assert!(place.exists());
    assert!(!io("ciphertexts_download.replaced").exists());
}

/// Keys that were complete, of which a file is gone: none is moved, and those in use stay.
#[test]
fn new_keys_that_lack_a_file_are_not_moved() {
    for gone in [
        "public_keys",
        "secret_key",
        "secret_key/secret.key",
        "public_keys/00000-public.key",
    ] {
        let owner = Owner::with_keys("seal-ckks", &["--encryption", "public"]);
        owner.asks();
        let other = Owner::with_keys("seal-ckks", &["--encryption", "public"]);
        let key = |owner: &Owner| {
            let list = owner.does(&["keys", "list"]).out;
            list.split_whitespace().nth(1).unwrap().to_owned()
        };
        let (mine, new) = (key(&owner), key(&other));
        let partial = owner.place.path("io/keys.partial");
        for name in ["secret_key", "public_keys"] {
            super::copy(&other.place.path("io").join(name), &partial.join(name));
        }
        fs::write(partial.join("complete"), new).unwrap();
        let path = partial.join(gone);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        owner.refuses(&["decrypt"], &[name, "keys.partial", "client keys rotate"]);
        assert_eq!(key(&owner), mine, "{gone}");
        assert!(partial.join("complete").exists());
        fs::remove_dir_all(&partial).unwrap();
        owner.does(&["decrypt"]);
        are_the_models(&owner.results().1);
    }
}
