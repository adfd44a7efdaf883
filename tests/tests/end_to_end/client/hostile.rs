//! Files that are not what a step wrote, rows that are not what the model takes, and steps that are killed.

use std::fs;
use std::time::Duration;

use super::{Owner, are_the_models};
use crate::harness::experiment;

/// An owner whose rows are these.
#[track_caller]
fn rows(text: &str, more: &[&str], words: &[&str]) {
    let owner = Owner::with_keys("plaintext", &[]);
    owner.place.write("bad.csv", text);
    owner.refuses(&[&["encrypt", "bad.csv"], more].concat(), words);
    assert!(!owner.place.path("io/ciphertexts_upload").exists());
}

#[test]
fn rows_are_held_to_the_model() {
    let head = "age,healthy_eating,active_lifestyle,Gender\n";
    let with = |rows: &str| format!("{head}{rows}");
    rows(
        "age,healthy_eating,lifestyle,gender\n36,5,5,1\n",
        &[],
        &[
            "bad.csv:1: has no column `active_lifestyle`, which the model weights",
            "bad.csv:1: has no column `Gender`",
            "did you mean `gender`?",
        ],
    );
    rows(
        "age,age,Gender\n1,2,3\n",
        &[],
        &["bad.csv:1: has two columns `age`"],
    );
    rows(
        &with("36,5,5,1\n36,,5,1\n36,5,five,1\n1e80,5,5,1\n"),
        &[],
        &[
            "bad.csv:3: column `healthy_eating`: found nothing, expected a value",
            "bad.csv:4: column `active_lifestyle`: found \"five\", expected a number",
            "bad.csv:5: column `age`: found \"1e80\", expected a finite number of at most 1e75",
            "--gaps mean",
        ],
    );
    // Means are for what is missing, not for what is wrong.
    rows(&with("36,x,,1\n"), &["--gaps", "mean"], &["found \"x\""]);
    rows(&with("36,5,5\n"), &[], &["bad.csv", "is no CSV"]);
    rows(head, &[], &["has no row"]);
    rows("", &[], &["has no column `age`"]);
    rows(
        "\u{1b}[2J\n1\n",
        &[],
        &["has no column `age`", "\\u{1b}[2J"],
    );
    let many: String = (0..30).map(|_| "x,5,5,1\n").collect();
    rows(
        &with(&many),
        &[],
        &["bad.csv:21: ", "10 fields more are not as they must be"],
    );
}

#[test]
fn gaps_become_means_where_that_is_asked_for() {
    let owner = Owner::with_keys("plaintext", &[]);
    let head = "age,healthy_eating,active_lifestyle,Gender\n";
    owner
        .place
        .write("gaps.csv", format!("{head},NA,,\n900,5,5,1\n"));
    let outcome = owner.does(&["query", "gaps.csv", "--gaps", "mean"]);
    outcome.says(&[
        "note: 4 missing values became their columns' means",
        "note: line 3, column `age`: 900 is beyond what the model takes, and is taken as ",
    ]);
    let model: serde_json::Value =
        serde_json::from_str(&crate::harness::text_of(super::MODEL)).unwrap();
    let intercept = model["model"]["intercept"].as_f64().unwrap();
    assert!((owner.results().1[0] - intercept).abs() < 1e-6);
}

/// What is altered between two steps is found by the next one, with the file and the way out.
#[test]
#[expect(clippy::too_many_lines, reason = "a list of cases")]
fn altered_files_are_found() {
    let owner = Owner::with_keys("seal-ckks", &["--encryption", "public"]);
    owner.asks();
    let again = |name: &str, step: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>, words: &[&str]| {
        let path = owner.place.path("io").join(name);
        let kept = fs::read(&path).unwrap();
        fs::write(&path, change(kept.clone())).unwrap();
        let step: Vec<&str> = step.split(' ').collect();
        owner.refuses(&step, &[&[name], words].concat());
        fs::write(&path, kept).unwrap();
    };
    let cut = |mut bytes: Vec<u8>| {
        bytes.pop();
        bytes
    };
    let flip = |mut bytes: Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    let text = |from: &'static str, to: &'static str| {
        move |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(from), "{text}");
            text.replacen(from, to, 1).into_bytes()
        }
    };
    let sums = ["has another SHA-256 than its manifest says"];
    for (name, step) in [
        ("public_keys/00000-public.key", "encrypt rows.csv"),
        ("ciphertexts_upload/000001-input-0.bin", "evaluate"),
        ("ciphertexts_download/000000-output-0.bin", "decrypt"),
    ] {
        again(name, step, &cut, &["bytes, expected"]);
        again(name, step, &flip, &sums);
        again(name, step, &|_| vec![], &["found 0 bytes, expected"]);
    }
    let queries = "ciphertexts_upload/queries.json";
    again(
        queries,
        "evaluate",
        &|_| b"{".to_vec(),
        &["is not what a step of the client writes"],
    );
    again(
        queries,
        "evaluate",
        &text("\"rows\": 2", "\"rows\": 3"),
        &["found 3 rows, expected 2"],
    );
    again(
        queries,
        "evaluate",
        &text("\"rows\": 1", "\"rows\": 0"),
        &["found 0 rows"],
    );
    again(
        queries,
        "evaluate",
        &text("\"bytes\": ", "\"bytes\": 99999"),
        &["for this circuit"],
    );
    again(
        queries,
        "evaluate",
        &text("\"format\": 1", "\"format\": 2"),
        &["found format 2, expected 1"],
    );
    again(
        queries,
        "evaluate",
        &text("\"key\": \"", "\"key\": \"00"),
        &["is encrypted under key 00"],
    );
    again(
        queries,
        "evaluate",
        &text("\"circuit\": \"", "\"circuit\": \"00"),
        &["is of circuit 00"],
    );
    let results = "ciphertexts_download/results.json";
    again(
        results,
        "decrypt",
        &text("\"query\": \"", "\"query\": \"00"),
        &["answers other rows"],
    );
    let name_of_a_path = text("\"key\": \"", "\"key\": \"../../");
    again(
        results,
        "decrypt",
        &name_of_a_path,
        &["without a name of 16 digits"],
    );
    again(
        "public_keys/keys.json",
        "evaluate",
        &text("\"public\"", "\"secret\""),
        &["is not what"],
    );
    let role = text("\"role\": \"public\"", "\"role\": \"magic\"");
    again(
        "public_keys/keys.json",
        "evaluate",
        &role,
        &["role `magic`, which is none"],
    );
    let circuit = "circuit.json";
    again(
        circuit,
        "evaluate",
        &text("\"clip\": ", "\"clip\": 1"),
        &["which what it says of model"],
    );
    again(
        circuit,
        "evaluate",
        &text("\"rows\": 2", "\"rows\": 0"),
        &["`rows`: found 0"],
    );
    again(
        circuit,
        "evaluate",
        &text("\"scheme\": \"seal", "\"scheme\": \"sale"),
        &["sale-ckks"],
    );
    let library = text("\"library\": \"", "\"library\": \"Old ");
    again(
        circuit,
        "evaluate",
        &library,
        &["was written with \"Old ", "this program has"],
    );
    again(
        circuit,
        "evaluate",
        &|_| vec![b' '; 17 << 20],
        &["expected at most 16777216"],
    );
    owner.does(&["decrypt"]);
    are_the_models(&owner.results().1);
}

/// Of data that are not here it is said what to do, in a line of its own.
#[test]
fn a_model_of_data_that_are_not_here() {
    let owner = Owner::new("io");
    let place = &owner.place;
    place.write(
        "e.toml",
        experiment(
            "use = \"framingham\"",
            "use = \"logistic-regression\"",
            "[[scheme]]\nuse = \"plaintext\"\n[run]\nrepetitions = 1\nwarmup = 0\n",
        ),
    );
    let missing = owner.call(&["init", "e.toml", "--scheme", "plaintext"]);
    missing
        .ends_with(2)
        .says(&["`framingham` was not found", "\n  help: "]);
    assert!(!missing.err.contains("\\n"), "{missing}");
}

/// A folder that cannot be written, a step too early, a circuit that is there.
#[test]
fn steps_out_of_order_are_told_what_is_missing() {
    let mut owner = Owner::new("rows.csv/io");
    let init = ["init", "model.json", "--scheme", "plaintext"];
    owner.refuses(
        &init,
        &["rows.csv/io", "cannot be written", "choose a folder"],
    );
    owner.folder = "io";
    owner.refuses(
        &["keygen", "--unprotected"],
        &["circuit.json: cannot be read", "client init"],
    );
    owner.does(&init);
    owner.refuses(&init, &["circuit.json: is there already"]);
    owner.refuses(
        &["encrypt", "rows.csv"],
        &["there are no keys", "client keygen"],
    );
    owner.does(&["keygen", "--unprotected"]);
    owner.refuses(
        &["evaluate"],
        &[
            "queries.json: not found: no rows were encrypted",
            "client encrypt FILE.csv",
        ],
    );
    owner.refuses(
        &["decrypt"],
        &[
            "results.json: not found: nothing was evaluated",
            "client evaluate",
        ],
    );
    for (arguments, words) in [
        (
            &["init", "none.json", "--scheme", "plaintext"][..],
            "none.json: cannot be read",
        ),
        (
            &["init", "rows.csv", "--scheme", "plaintext"],
            "is no saved model",
        ),
        (&["init", "model.json", "--scheme", "palier"], "palier"),
        (
            &["init", "model.json", "--scheme", "plaintext", "--rows", "0"],
            "found 0, expected 1",
        ),
        (
            &[
                "init",
                "model.json",
                "--scheme",
                "plaintext",
                "--name",
                "=1+1",
            ],
            "sign of a formula",
        ),
        (
            &[
                "init",
                "model.json",
                "--scheme",
                "plaintext",
                "--set",
                "a.b=1",
            ],
            "is for experiments",
        ),
        (
            &[
                "init",
                "model.json",
                "--scheme",
                "paillier",
                "--option",
                "bits",
            ],
            "found no `=`",
        ),
        (
            &[
                "init",
                "model.json",
                "--scheme",
                "paillier",
                "--option",
                "bits=3",
            ],
            "option `bits`",
        ),
    ] {
        let other = Owner {
            place: Owner::new("io").place,
            folder: "other",
        };
        other.refuses(arguments, &[words]);
    }
}

/// What is encrypted anew is not answered by what was evaluated before.
#[test]
fn results_of_earlier_rows_are_not_decrypted() {
    let owner = Owner::with_keys("plaintext", &[]);
    owner.asks();
    owner.does(&["encrypt", "rows.csv"]);
    owner.refuses(
        &["decrypt"],
        &["answers other rows than those that were encrypted last"],
    );
    owner.does(&["evaluate"]);
    owner.does(&["decrypt"]);
}

/// Steps that were killed leave what was there before them; the next one goes on, or says what is missing.
#[test]
fn steps_that_are_killed_lose_nothing() {
    let owner = Owner::with_keys("plaintext", &[]);
    owner.asks();
    // Killed while it encrypted: what was encrypted before is there.
    owner
        .place
        .write("io/ciphertexts_upload.partial/000000-input-0.bin", "half");
    owner.does(&["evaluate"]);
    owner.does(&["encrypt", "rows.csv"]);
    assert!(!owner.place.path("io/ciphertexts_upload.partial").exists());
    owner.does(&["evaluate"]);
    // Killed while it made keys: half of them are no keys.
    owner
        .place
        .write("io/keys.partial/secret_key/secret.key", "half");
    owner.does(&["decrypt"]);
    assert!(!owner.place.path("io/keys.partial").exists());
    // Killed while new keys were moved to their places, at each point of it.
    for moved in 0..3 {
        let owner = Owner::with_keys("seal-ckks", &[]);
        owner.asks();
        let other = Owner::with_keys("seal-ckks", &[]);
        let io = |name: &str| owner.place.path("io").join(name);
        let key = fs::read_to_string(other.place.path("io/public_keys/keys.json")).unwrap();
        let key: serde_json::Value = serde_json::from_str(&key).unwrap();
        let mine = fs::read_to_string(io("public_keys/keys.json")).unwrap();
        let mine: serde_json::Value = serde_json::from_str(&mine).unwrap();
        let retired = io("retired_keys").join(mine["key"].as_str().unwrap());
        for name in ["secret_key", "public_keys"] {
            super::copy(
                &other.place.path("io").join(name),
                &io("keys.partial").join(name),
            );
        }
        owner
            .place
            .write("io/keys.partial/complete", key["key"].as_str().unwrap());
        if moved > 0 {
            fs::create_dir_all(&retired).unwrap();
            fs::rename(io("secret_key"), retired.join("secret_key")).unwrap();
        }
        if moved > 1 {
            fs::rename(io("keys.partial/secret_key"), io("secret_key")).unwrap();
        }
        owner.does(&["decrypt"]);
        are_the_models(&owner.results().1);
        let list = owner.does(&["keys", "list"]).out;
        assert_eq!(list.lines().count(), 2, "{list}");
        assert!(
            list.starts_with(&format!("key {}", key["key"].as_str().unwrap())),
            "{list}"
        );
        owner.asks();
        owner.does(&["decrypt"]);
        are_the_models(&owner.results().1);
    }
}

/// A process that is killed amid making keys, wherever it was, leaves a folder in which they can be made.
#[test]
fn keys_are_made_after_a_kill() {
    let owner = Owner::stated("paillier", &[]);
    for milliseconds in [20, 60, 150, 400] {
        let mut child = owner
            .command(&["keygen", "--rotate", "--unprotected"])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    owner.does(&["keygen", "--rotate", "--unprotected"]);
    owner.asks();
    owner.does(&["decrypt"]);
    are_the_models(&owner.results().1);
}
