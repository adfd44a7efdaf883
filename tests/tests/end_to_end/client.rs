//! The client, step by step, as its users run it: data owner, key owner and server are three folders.

mod at_once;
mod cut_off;
mod documents;
mod hostile;
mod remote;
mod secret;

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Outcome, Place, repository, text_of};

/// The model that is asked: salaries by four columns.
pub const MODEL: &str = "experiments/models/employee-salary.json";

/// Rows, with a column that the model does not have.
pub const ROWS: &str =
    "name,age,healthy_eating,active_lifestyle,Gender\nA,36,5,5,1\nB,55,3,5,1\nC,61,8,1,0\n";

/// Schemes that are built in, each with options that make its keys cheaper, where it has some.
pub const SCHEMES: [&str; 5] = ["plaintext", "fernet", "paillier", "seal-ckks", "tfhe"];

/// A place with folders of a client.
pub struct Owner {
    pub place: Place,
    pub folder: &'static str,
}

impl Owner {
    /// One that has a model and rows.
    pub fn new(folder: &'static str) -> Self {
        let place = Place::new();
        place.write("model.json", text_of(MODEL));
        place.write("rows.csv", ROWS);
        Self { place, folder }
    }

    /// One that has stated a circuit of batches of two rows.
    #[track_caller]
    pub fn stated(scheme: &str, more: &[&str]) -> Self {
        let owner = Self::new("io");
        let init = ["init", "model.json", "--rows", "2", "--scheme", scheme];
        owner.does(&[&init, more].concat());
        owner
    }

    /// The same, with keys that lie open.
    #[track_caller]
    pub fn with_keys(scheme: &str, more: &[&str]) -> Self {
        let owner = Self::stated(scheme, more);
        owner.does(&["keygen", "--unprotected"]);
        owner
    }

    pub fn command(&self, step: &[&str]) -> Command {
        let arguments = [&["client", "--folder", self.folder], step].concat();
        let mut command = self.place.program(arguments);
        command.env_remove("HEXPERIMENT_PASSPHRASE");
        command
    }

    pub fn call(&self, step: &[&str]) -> Outcome {
        Outcome::of(&mut self.command(step))
    }

    /// A step that is done.
    #[track_caller]
    pub fn does(&self, step: &[&str]) -> Outcome {
        let outcome = self.call(step);
        outcome.ends_with(0).does_not_panic().is_plain();
        outcome
    }

    /// A step that is refused as bad input, with these words, and a way out.
    #[track_caller]
    pub fn refuses(&self, step: &[&str], words: &[&str]) {
        let outcome = self.call(step);
        outcome.ends_with(2).does_not_panic().is_plain();
        outcome.says(words).says(&["error: ", "help: "]);
    }

    /// Rows, encrypted and evaluated.
    #[track_caller]
    pub fn asks(&self) {
        self.does(&["encrypt", "rows.csv"]);
        self.does(&["evaluate"]);
    }

    /// Takes a file or a folder to another place.
    #[track_caller]
    pub fn gives(&self, what: &str, to: &Self) {
        let (from, into) = (self.place.path(self.folder), to.place.path(to.folder));
        copy(&from.join(what), &into.join(what));
    }

    /// What `results.csv` says: the name of the answers, and the answers.
    #[track_caller]
    pub fn results(&self) -> (String, Vec<f64>) {
        let file = self.place.path(self.folder).join("results.csv");
        let text = fs::read_to_string(file).unwrap();
        let mut lines = text.lines();
        let name = lines.next().unwrap().strip_prefix("row,").unwrap();
        let answers = lines.enumerate().map(|(row, line)| {
            let (number, answer) = line.split_once(',').unwrap();
            assert_eq!(number, (row + 1).to_string());
            answer.parse().unwrap()
        });
        (name.to_owned(), answers.collect())
    }
}

/// Copies a file, or a folder with all that is in it.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    if from.is_file() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// What the model says of [`ROWS`], by its file alone.
pub fn in_the_clear() -> Vec<f64> {
    let model: Value = serde_json::from_str(&text_of(MODEL)).unwrap();
    let model = &model["model"];
    let number = |value: &Value| value.as_f64().unwrap();
    let answer = |line: &str| {
        let cells = line
            .split(',')
            .skip(1)
            .map(|cell| cell.parse::<f64>().unwrap());
        let columns = model["sensors"].as_array().unwrap().iter().zip(cells);
        let terms = columns.map(|(s, x)| {
            let unit = (x - number(&s["unit"]["centre"])) / number(&s["unit"]["width"]);
            number(&s["weight"]) * (unit - number(&s["mean"])) / number(&s["deviation"])
        });
        number(&model["intercept"]) + terms.sum::<f64>()
    };
    ROWS.lines().skip(1).map(answer).collect()
}

/// Whether answers are the model's, in the salary's unit.
#[track_caller]
pub fn are_the_models(answers: &[f64]) {
    let expected = in_the_clear();
    assert_eq!(answers.len(), expected.len());
    for (found, expected) in answers.iter().zip(expected) {
        assert!((found - expected).abs() < 0.05, "{found} {expected}");
        assert!((500.0..5000.0).contains(found), "{found} is no salary");
    }
}

/// One folder, step by step: three rows in batches of two.
#[test]
fn answers_are_the_models_under_every_scheme() {
    for scheme in SCHEMES {
        let owner = Owner::with_keys(scheme, &[]);
        owner.does(&["encrypt", "rows.csv"]).says(&[
            "3 rows in 2 batches",
            "not sent, as the model does not weight them: name",
        ]);
        owner.does(&["evaluate"]).says(&["the server took"]);
        owner
            .does(&["decrypt"])
            .says(&["3 answers", "row 1: salary"]);
        let (name, answers) = owner.results();
        assert_eq!(name, "salary");
        are_the_models(&answers);
        owner
            .does(&["keys", "list"])
            .says(&["in use", "secret key unprotected"]);
    }
}

/// Three parties: the data owner has public keys and rows, the server public keys and ciphertexts, and the
/// key owner alone what decrypts.
#[test]
fn data_owner_and_key_owner_are_different_people() {
    for scheme in ["plaintext", "paillier", "seal-ckks"] {
        let key_owner = Owner::with_keys(scheme, &["--encryption", "public"]);
        let [data_owner, server] = ["data", "server"].map(Owner::new);
        for party in [&data_owner, &server] {
            key_owner.gives("circuit.json", party);
            key_owner.gives("public_keys", party);
        }
        data_owner.does(&["encrypt", "rows.csv"]);
        data_owner.refuses(
            &["decrypt"],
            &[
                "ciphertexts_download/results.json: not found",
                "nothing was evaluated",
            ],
        );
        data_owner.gives("ciphertexts_upload", &server);
        server.does(&["evaluate"]);
        server.refuses(
            &["decrypt"],
            &["has no secret key", "the key owner alone has it"],
        );
        server.gives("ciphertexts_download", &key_owner);
        key_owner.does(&["decrypt"]);
        are_the_models(&key_owner.results().1);
        data_owner
            .does(&["keys", "list"])
            .says(&["no secret key here"]);
    }
}

/// A scheme that others cannot encrypt for says so before there is a key.
#[test]
fn schemes_without_a_public_key_refuse_data_owners() {
    for (scheme, words) in [
        (
            "tfhe",
            "others than the key owner encrypt, and need a public key",
        ),
        ("fernet", "one key, which encrypts and decrypts"),
    ] {
        let owner = Owner::new("io");
        let init = [
            "init",
            "model.json",
            "--scheme",
            scheme,
            "--encryption",
            "public",
        ];
        let outcome = owner.call(&init);
        outcome.ends_with(1).does_not_panic().says(&[words]);
        assert!(!owner.place.path("io").exists(), "{scheme}");
    }
}

/// New keys: what was encrypted before is decrypted by the retired ones, until they are deleted.
#[test]
fn keys_are_rotated_and_deleted() {
    let owner = Owner::with_keys("seal-ckks", &[]);
    let key = |text: &str| text.split_whitespace().nth(1).unwrap().to_owned();
    let first = key(&owner.does(&["keys", "list"]).out);
    owner.asks();
    owner.refuses(
        &["keygen", "--unprotected"],
        &["there are keys already", "keys rotate"],
    );
    let second = key(&owner.does(&["keys", "rotate", "--unprotected"]).out);
    assert_ne!(first, second);
    let list = owner.does(&["keys", "list"]).out;
    let [current, retired] = list.lines().collect::<Vec<_>>()[..] else {
        panic!("{list}");
    };
    assert!(
        current.contains(&second) && current.contains("in use"),
        "{list}"
    );
    assert!(
        retired.contains(&first) && retired.contains("retired"),
        "{list}"
    );
    owner.does(&["decrypt"]);
    are_the_models(&owner.results().1);
    // What is encrypted under the first key is not evaluated under the second.
    owner.refuses(
        &["evaluate"],
        &["is encrypted under key", "encrypt the rows again"],
    );
    owner.asks();
    owner.does(&["decrypt"]);
    are_the_models(&owner.results().1);
    owner.refuses(&["keys", "delete", "0123"], &["has no key `0123`", &first]);
    owner.does(&["keys", "delete", &first]);
    assert_eq!(owner.does(&["keys", "list"]).out.lines().count(), 1);
    owner.does(&["decrypt"]);
    owner.does(&["keys", "delete", &second]);
    owner.refuses(&["decrypt"], &["has no secret key", &second]);
    let none = owner.does(&["keys", "list"]);
    assert_eq!(none.out, "");
    none.says(&["there are no keys", "client keygen"]);
    owner.refuses(
        &["keys", "delete", &second],
        &["has no key", "there are none"],
    );
}

/// A model of an experiment's task, with what it answers; and a model as runs leave it.
#[test]
fn models_come_from_experiments_and_files() {
    let owner = Owner::new("io");
    owner.place.write(
        "e.toml",
        crate::harness::experiment(
            "use = \"wine-quality\"",
            "use = \"logistic-regression\"\noutput = \"class\"\nfeatures = 3",
            "[[scheme]]\nuse = \"plaintext\"",
        ),
    );
    owner
        .does(&["init", "e.toml", "--scheme", "plaintext"])
        .says(&["answers `class`", "64 rows to a batch"]);
    owner.does(&["keygen", "--unprotected"]);
    let circuit = fs::read_to_string(owner.place.path("io/circuit.json")).unwrap();
    let circuit: Value = serde_json::from_str(&circuit).unwrap();
    let columns = circuit["query"]["model"]["sensors"].as_array().unwrap();
    let names: Vec<&str> = columns
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 3);
    let centres: Vec<String> = columns
        .iter()
        .map(|c| c["unit"]["centre"].to_string())
        .collect();
    let rows = format!("{}\n{}\n", names.join(","), centres.join(","));
    owner.place.write("wine.csv", rows);
    owner.does(&["query", "wine.csv"]);
    let (name, answers) = owner.results();
    assert_eq!(name, "class");
    assert!([vec![0.0], vec![1.0]].contains(&answers), "{answers:?}");
    // As a run leaves it: the model within the circuit.
    let saved = serde_json::to_string(&circuit["query"]["model"]).unwrap();
    owner.place.write("saved.json", saved);
    let second = Owner {
        folder: "second",
        ..owner
    };
    let init = [
        "init",
        "saved.json",
        "--scheme",
        "plaintext",
        "--name",
        "logit",
    ];
    second.does(&init).says(&["answers `logit`"]);
    second.does(&["keygen", "--unprotected"]);
    second.does(&["query", "wine.csv"]);
    let (name, logits) = second.results();
    assert_eq!(name, "logit");
    // A row of means: the intercept.
    let intercept = circuit["query"]["model"]["intercept"].as_f64().unwrap();
    assert!((logits[0] - intercept).abs() < 1e-9);
    let threshold = circuit["query"]["model"]["threshold"].as_f64().unwrap();
    assert_eq!(answers[0] == 1.0, logits[0] > threshold);
}

/// A harness of the contract of the fhe-benchmarking suites runs the stages in order, measures them, and holds
/// the answers against the clear.
#[test]
fn a_harness_of_fhe_benchmarking_runs_the_stages() {
    let place = Place::new();
    let root = place.path("suite");
    copy(&repository().join("tests/fhe-benchmarking"), &root);
    fs::write(root.join("model.json"), text_of(MODEL)).unwrap();
    let run = |scheme: &str, size: &str| {
        let mut harness = Command::new("python3");
        harness
            .args(["harness/run_submission.py", size, "--num_runs", "2"])
            .current_dir(&root)
            .env("SCHEME", scheme)
            .env("HEXPERIMENT", env!("CARGO_BIN_EXE_hexperiment-under-test"));
        Outcome::of(&mut harness)
    };
    for (scheme, size, name) in [("seal-ckks", "1", "small"), ("paillier", "0", "toy")] {
        run(scheme, size).ends_with(0).says(&[
            "Client: Key Generation completed",
            "Server: Encrypted ML Inference computation completed",
            "All steps completed",
            "PASS",
        ]);
        for run in ["1", "2"] {
            let file = root.join(format!("measurements/{name}/results-{run}.json"));
            let record = fs::read_to_string(file).unwrap();
            let record: Value = serde_json::from_str(&record).unwrap();
            assert_eq!(record["Timing"].as_object().unwrap().len(), 7, "{record}");
            let sizes = record["Bandwidth"].as_object().unwrap();
            assert!(sizes.values().all(|s| s.as_u64().unwrap() > 0), "{record}");
            let steps = record["Server Reported"].as_object().unwrap();
            assert!(steps["Encrypted computation"].as_f64().unwrap() > 0.0);
        }
    }
    // The harness finds a wrong answer: the model that it holds answers against is another one.
    let stage = root.join("submission/build/client_postprocess");
    let script = fs::read_to_string(&stage).unwrap();
    fs::write(&stage, script.replace("cut -d , -f 2", "sed s/.*/1.5/")).unwrap();
    let outcome = run("plaintext", "0");
    outcome.ends_with(1).says(&["FAIL: row 1: 1.5, expected"]);
}
