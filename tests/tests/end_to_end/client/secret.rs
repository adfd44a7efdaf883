//! The secret key: in one file, for its owner alone, under a passphrase.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Owner, SCHEMES, are_the_models};
use crate::harness::{Outcome, repository};
use crate::layout::files;

/// Files below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The secret itself, in a file that is not encrypted: behind magic, circuit, name and length.
fn secret_of(file: &Path) -> Vec<u8> {
    let bytes = fs::read(file).unwrap();
    let rest = bytes.strip_prefix(b"HEXPERIMENT SECRET KEY 1\n").unwrap();
    let (length, rest) = rest[40..].split_first_chunk::<8>().unwrap();
    rest[..u64::from_le_bytes(*length) as usize].to_vec()
}

/// Whether bytes hold 16 of the secret's that are not nearly all the same.
fn shows(bytes: &[u8], secret: &[u8]) -> bool {
    let telling = |window: &&[u8]| window.iter().collect::<HashSet<_>>().len() > 4;
    let known: HashSet<&[u8]> = secret.windows(16).filter(telling).collect();
    assert!(known.len() > 8, "{} windows tell", known.len());
    bytes.windows(16).any(|window| known.contains(window))
}

/// After all steps, no file but one holds the secret, or half of it in hexadecimal digits.
#[test]
fn the_secret_is_in_one_file() {
    for scheme in SCHEMES.into_iter().filter(|s| *s != "plaintext") {
        let owner = Owner::with_keys(scheme, &[]);
        owner.asks();
        owner.does(&["decrypt"]);
        let file = owner.place.path("io/secret_key/secret.key");
        let secret = secret_of(&file);
        let digits: Vec<String> = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let digits = digits.concat();
        let mut searched = 0;
        for path in below(&owner.place.path("")) {
            let bytes = fs::read(&path).unwrap();
            let found = shows(&bytes, &secret) || shows(&bytes, digits.as_bytes());
            assert_eq!(found, path == file, "{scheme}: {}", path.display());
            searched += 1;
        }
        assert!(searched >= 9, "{scheme}: {searched} files");
    }
}

#[cfg(unix)]
#[test]
fn others_may_not_read_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let owner = Owner::with_keys("plaintext", &[]);
    let folder = owner.place.path("io/secret_key");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files = below(&folder);
    assert_eq!(files.len(), 2);
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
    let file = folder.join("secret.key");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    owner.refuses(
        &["encrypt", "rows.csv"],
        &[
            "secret.key: found permissions 0644, expected 0600",
            "chmod 600",
        ],
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    owner.does(&["encrypt", "rows.csv"]);
}

/// Whatever the umask is, what the steps write is for its owner alone: keys, ciphertexts, answers, what is noted.
#[cfg(unix)]
#[test]
fn all_that_the_steps_write_is_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let owner = Owner::new("deep/io");
    let step = |step: &[&str]| {
        let command = owner.command(step);
        let mut open = std::process::Command::new("sh");
        open.args(["-c", "umask 000; exec \"$0\" \"$@\""])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(owner.place.path(""))
            .env_remove("HEXPERIMENT_PASSPHRASE");
        Outcome::of(&mut open).ends_with(0).does_not_panic();
    };
    step(&["init", "model.json", "--rows", "2", "--scheme", "plaintext"]);
    step(&["keygen", "--unprotected"]);
    // Answers that an earlier version has left open are closed.
    let results = owner.place.path("deep/io/results.csv");
    owner.place.write("deep/io/results.csv", "row,x\n");
    fs::set_permissions(&results, fs::Permissions::from_mode(0o666)).unwrap();
    step(&["query", "rows.csv"]);
    step(&["keys", "rotate", "--unprotected"]);
    are_the_models(&owner.results().1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let files = below(&owner.place.path("deep"));
    let mut names = HashSet::new();
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
        names.insert(file.file_name().unwrap().to_str().unwrap());
        let mut folder = file.parent().unwrap();
        while folder != owner.place.path("") {
            assert_eq!(mode(folder), 0o700, "{}", folder.display());
            folder = folder.parent().unwrap();
        }
    }
    for name in [
        "circuit.json",
        "results.csv",
        "server_reported_steps.json",
        "queries.json",
        "secret.key",
    ] {
        assert!(names.contains(name), "{name}: {names:?}");
    }
}

/// A key under a passphrase: from a file, from the environment, and not without.
#[test]
fn a_passphrase_opens_it() {
    let owner = Owner::stated("paillier", &["--option", "modulus_bits=3072"]);
    owner.refuses(
        &["keygen"],
        &["found none, and no terminal to ask at", "--passphrase-file"],
    );
    assert!(!owner.place.path("io/secret_key").exists());
    owner
        .place
        .write_private("pass.txt", "correct horse\nsecond line\n");
    owner.place.write_private("wrong.txt", "correct hoarse\n");
    owner.place.write_private("empty.txt", "\n");
    owner.refuses(
        &["keygen", "--passphrase-file", "empty.txt"],
        &["an empty passphrase"],
    );
    owner.place.write("open.txt", "correct horse\n");
    owner.refuses(
        &["keygen", "--passphrase-file", "open.txt"],
        &[
            "open.txt: found permissions 0",
            "expected 0600",
            "chmod 600",
        ],
    );
    let file = owner.does(&["keygen", "--passphrase-file", "pass.txt"]);
    file.says(&["secret key under a passphrase"]);
    let path = owner.place.path("io/secret_key/secret.age");
    let sealed = fs::read(&path).unwrap();
    assert!(sealed.starts_with(b"age-encryption.org/v1\n-> scrypt "));
    let opened = ["--passphrase-file", "pass.txt"];
    owner.does(&[&["encrypt", "rows.csv"][..], &opened].concat());
    // The server's step takes no passphrase: the key is not opened.
    owner.does(&["evaluate"]);
    let wrong = ["decrypt", "--passphrase-file", "wrong.txt"];
    owner.refuses(
        &wrong,
        &["the passphrase is wrong, or the file was altered"],
    );
    owner.refuses(&["decrypt"], &["found none, and no terminal"]);
    owner.refuses(
        &["decrypt", "--passphrase-file", "none.txt"],
        &["none.txt: cannot be read"],
    );
    let mut by_environment = owner.command(&["decrypt"]);
    by_environment.env("HEXPERIMENT_PASSPHRASE", "correct horse");
    Outcome::of(&mut by_environment).ends_with(0);
    are_the_models(&owner.results().1);

    // Files that are not what was written.
    let last = sealed.len() - 1;
    let flipped = |at: usize| {
        let mut bytes = sealed.clone();
        bytes[at] ^= 1;
        bytes
    };
    // Its header asks for more work than any key here takes.
    let text = String::from_utf8_lossy(&sealed[..80]).into_owned();
    let at = text.find(" 18\n").unwrap();
    let heavy = [&sealed[..at], b" 40", &sealed[at + 3..]].concat();
    for (bytes, words) in [
        (sealed[..last].to_vec(), "was altered, or is truncated"),
        (sealed[..100].to_vec(), "is no file of age"),
        (vec![], "is no file of age"),
        (flipped(last), "was altered, or is truncated"),
        (flipped(90), "altered"),
        (
            heavy,
            "asks for a work factor of 2^40, expected 2^20 at most",
        ),
    ] {
        fs::write(&path, bytes).unwrap();
        owner.refuses(
            &[&["decrypt"][..], &opened].concat(),
            &["secret.age: ", words],
        );
    }
    fs::write(&path, &sealed).unwrap();
    owner.does(&[&["decrypt"][..], &opened].concat());
}

/// Keys of other folders: another circuit's, and another key of the same circuit.
#[test]
fn keys_of_others_are_refused() {
    let owner = Owner::with_keys("seal-ckks", &[]);
    owner.asks();
    let same = Owner::with_keys("seal-ckks", &[]);
    let other = Owner::with_keys("seal-ckks", &["--precision", "0.5"]);
    let keep = owner.place.path("kept");
    fs::rename(owner.place.path("io/secret_key"), &keep).unwrap();
    same.gives("secret_key", &owner);
    owner.refuses(&["decrypt"], &["has no secret key", "this step is theirs"]);
    // The file of another key under the name of this one.
    let file = "io/secret_key/secret.key";
    for (from, words) in [
        (
            &same,
            "is another secret key than the `key.json` beside it says",
        ),
        (&other, "is the secret key of another circuit"),
    ] {
        fs::copy(
            keep.join("key.json"),
            owner.place.path("io/secret_key/key.json"),
        )
        .unwrap();
        fs::copy(from.place.path(file), owner.place.path(file)).unwrap();
        owner.refuses(&["decrypt"], &["secret.key: ", words]);
    }
    let mine = fs::read(keep.join("secret.key")).unwrap();
    for (length, words) in [
        (mine.len() - 1, "is truncated"),
        (60, "is truncated"),
        (3, "no secret key"),
    ] {
        fs::write(owner.place.path(file), &mine[..length]).unwrap();
        owner.refuses(&["decrypt"], &["secret.key: ", words]);
    }
    // Evaluation keys of another circuit.
    other.gives("public_keys", &owner);
    owner.refuses(
        &["evaluate"],
        &[
            "keys.json: are keys of circuit",
            "which `circuit.json` states",
        ],
    );
}

/// Nothing that a server runs names what a secret key is kept by: the functions that give one away and take
/// one back, and the type between them.
#[test]
fn servers_have_no_way_to_a_secret_key() {
    let words = ["SecretKey", "secret_key", "restore", "KeyOwner"];
    let mut searched = 0;
    let served = ["framework/wire/src", "framework/service/src"];
    let folders = served
        .into_iter()
        .filter(|folder| repository().join(folder).is_dir());
    let paths = folders
        .flat_map(files)
        .chain(["framework/runner/src/server.rs".into()]);
    for path in paths.filter(|path: &PathBuf| path.extension().is_some_and(|e| e == "rs")) {
        let text = crate::layout::product(&path);
        let mut found = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        let found = found.find(|word| words.contains(word));
        assert_eq!(found, None, "{}", path.display());
        searched += 1;
    }
    assert!(searched >= 10, "{searched}");
}
