//! What a cell would do, printed before it is done: the program before and after lowering, with
//! ranges and levels, the parameters chosen, and what is counted.

use crate::harness::{Outcome, Place, experiment, repository};

/// A program with a function, which every scheme has another way with.
fn place() -> Place {
    let schemes = ["plaintext", "paillier", "seal-ckks", "tfhe"]
        .map(|name| format!("[[scheme]]\nuse = \"{name}\"\n"));
    let place = Place::new();
    place.write(
        "e.toml",
        experiment(
            "use = \"wine-quality\"",
            "use = \"logistic-regression\"\noutput = \"probability\"\nfeatures = 3",
            &schemes.concat(),
        ),
    );
    place
}

/// The part about one scheme: what the task states, what the scheme evaluates, the parameters.
#[track_caller]
fn parts<'a>(outcome: &'a Outcome, scheme: &str) -> [&'a str; 3] {
    let head = format!("== {scheme} (");
    let (_, from) = outcome.out.split_once(&head).expect(scheme);
    let part = from.split("\n== ").next().unwrap();
    let (before, rest) = part.split_once("as the scheme evaluates it:").unwrap();
    let (after, parameters) = rest.split_once("parameters:").unwrap();
    assert!(before.contains("as the task states it:"), "{before}");
    [before, after, parameters]
}

#[track_caller]
fn check(outcome: &Outcome, scheme: &str, lowered: &[&str], without: &[&str], chosen: &[&str]) {
    let [before, after, parameters] = parts(outcome, scheme);
    for word in [
        "input samples.alcohol",
        "479 x [",
        "weighted-sum",
        "= sigmoid %3",
        "output probability = %4",
    ] {
        assert!(before.contains(word), "lacks {word:?}: {before}");
    }
    for word in lowered
        .iter()
        .chain(&["479 x [", "level 0", "output probability"])
    {
        assert!(after.contains(word), "lacks {word:?}: {after}");
    }
    for word in without {
        assert!(!after.contains(word), "has {word:?}: {after}");
    }
    for word in chosen.iter().chain(&[
        "security: ",
        "depth: ",
        "encryption: ",
        "(owner demanded)",
        "the server sees: ",
        "noise tolerance: ",
    ]) {
        assert!(parameters.contains(word), "lacks {word:?}: {parameters}");
    }
}

/// What a run takes is told of each scheme, and of the whole; not where it is not wanted.
#[test]
fn check_tells_how_long_a_run_takes() {
    let place = place();
    let told = place.call(&["check", "e.toml"]);
    told.ends_with(0).does_not_panic();
    for scheme in ["plaintext", "paillier", "seal-ckks", "tfhe"] {
        let line = told
            .out
            .lines()
            .find(|l| l.trim_start().starts_with(scheme));
        let line = line.unwrap_or_else(|| panic!("{scheme}: {told}"));
        let time = line.rsplit(", ").next().unwrap();
        // With a bootstrap or a polynomial it takes seconds, and a busy machine longer than one waits for an estimate.
        let is_slow = ["seal-ckks", "tfhe"].contains(&scheme);
        let is_unknown = is_slow && time == "how long is not known";
        assert!(
            time.starts_with("about ") || time == "less than 0.1 s" || is_unknown,
            "{line}"
        );
    }
    let last = told.out.lines().last().unwrap();
    assert!(
        last.contains(" in all") && last.ends_with(", if the machine has nothing else to do"),
        "{told}"
    );
    let quiet = place.call(&["check", "--no-estimate", "e.toml"]);
    quiet.ends_with(0);
    assert!(
        !quiet.out.contains("in all") && !quiet.out.contains("about"),
        "{quiet}"
    );
    // A limit that a cell will not keep.
    let text = std::fs::read_to_string(place.path("e.toml")).unwrap();
    place.write(
        "e.toml",
        format!("{text}[run]\nrepetitions = 5000\ntime_limit = \"1s\"\n"),
    );
    let warned = place.call(&["check", "e.toml"]);
    warned
        .ends_with(0)
        .says(&["warning: `time_limit` in [run] gives a cell 1s"]);
}

/// A polynomial that is far from its function is told of before the run: what is computed exactly then is the wrong thing.
#[test]
fn check_warns_of_useless_approximations() {
    let place = Place::new();
    let of_degree = |degree: u32| {
        let scheme = format!("[[scheme]]\nuse = \"seal-ckks\"\nsigmoid_degree = {degree}\n");
        let task = "use = \"logistic-regression\"\noutput = \"probability\"";
        let data = "use = \"wine-quality\"\nlimit = 400";
        place.write("e.toml", experiment(data, task, &scheme));
        place.call(&["check", "e.toml"])
    };
    of_degree(3).ends_with(0).says(&[
        "seal-ckks: runs, but is imprecise; 120 samples",
        "warning: `probability` is off by up to 0.2",
        "which `explain` shows",
    ]);
    let fine = of_degree(15);
    fine.ends_with(0).says(&["seal-ckks: fine; 120 samples"]);
    assert!(!fine.out.contains("warning"), "{fine}");
}

#[test]
fn programs_before_and_after() {
    let place = place();
    let outcome = place.call(&["explain", "e.toml"]);
    outcome.ends_with(0).does_not_panic();
    check(
        &outcome,
        "plaintext",
        &["= sigmoid %3"],
        &[],
        &["security: not encrypted"],
    );
    check(
        &outcome,
        "paillier",
        &[
            "output probability = %3",
            "note: output `probability`: the client computes sigmoid",
        ],
        &["= sigmoid"],
        &[
            "security: 128 bits",
            "modulus: 3072 bits",
            "packing: ",
            "fractional bits",
            "backend: ",
        ],
    );
    check(
        &outcome,
        "seal-ckks",
        &[
            "= square ",
            "= mul ",
            "level 4",
            "note: sigmoid: polynomial of degree 7 on [",
        ],
        &["= sigmoid"],
        &[
            "ring degree N: ",
            "log2(QP): ",
            "prime bits",
            "scale: 2^",
            "depth: 4",
            "  counts: ",
            " plaintext multiplications, 5 multiplications",
        ],
    );
    check(
        &outcome,
        "tfhe",
        &["= sigmoid %3"],
        &[],
        &[
            "security: 132 bits",
            "parameter set: ",
            "LWE dimension: ",
            ", 479 bootstraps",
            "quantisation: ",
        ],
    );
    assert!(!place.path("runs").exists(), "something was run");
}

#[test]
fn run_can_explain_too() {
    let place = place();
    let explained = place.call(&["explain", "e.toml", "--only", "tfhe"]);
    let run = place.call(&["run", "--explain", "e.toml", "--only", "tfhe"]);
    run.ends_with(0);
    assert_eq!(run.out, explained.out);
    assert_eq!(run.out.matches("\n== ").count(), 1, "{run}");
    assert!(!place.path("runs").exists(), "something was run");
}

/// A program that a scheme cannot have is explained by its refusal.
#[test]
fn refusals_are_explained() {
    let place = Place::new();
    let more = "[[scheme]]\nuse = \"tfhe\"\n[run]\nsecurity_bits = 256";
    let task = "use = \"logistic-regression\"";
    place.write("e.toml", experiment("use = \"wine-quality\"", task, more));
    place.call(&["explain", "e.toml"]).ends_with(0).says(&[
        "== tfhe (",
        "refused: security: ",
        "256 bits demanded",
    ]);
}

/// Training of two columns under CKKS, explained.
fn explained(task: &str, iterations: usize) -> Outcome {
    let place = Place::new();
    let task = format!("{task}\nmode = \"training\"\nfeatures = 2\niterations = {iterations}");
    let scheme = "[[scheme]]\nuse = \"seal-ckks\"";
    place.write(
        "e.toml",
        experiment("use = \"wine-quality\"", &task, scheme),
    );
    place.call(&["explain", "e.toml"])
}

/// More iterations than any parameters hold are no crash, and the refusal has the number that fits.
#[test]
fn too_many_iterations_are_told_how_many_fit() {
    let outcome = explained("use = \"logistic-regression\"\nmethod = \"nesterov\"", 60);
    outcome.ends_with(0).says(&[
        "refused: depth: ",
        "levels",
        "`iterations = ",
        "fits, 60 were asked for",
    ]);
}

/// Steps of least squares are doubled: ten levels for a thousand, beside those of moments and masks.
#[test]
fn steps_of_least_squares_take_as_many_levels_as_their_number_has_bits() {
    let outcome = explained("use = \"linear-regression\"\nmethod = \"gradient\"", 1000);
    outcome.ends_with(0).says(&["depth: 12\n"]);
}

/// The layout that is chosen, of columns that a shipped experiment scores.
#[track_caller]
fn chosen(experiment: &str, objective: &str) -> String {
    let place = Place::new();
    let path = repository().join("experiments").join(experiment);
    let objective = format!("run.optimise=\"{objective}\"");
    let path = path.display().to_string();
    let outcome = place.call(&["explain", &path, "--set", &objective]);
    outcome.ends_with(0);
    let marked = outcome
        .out
        .lines()
        .find_map(|line| line.trim().strip_prefix("* "));
    let (layout, _) = marked.unwrap().split_once(':').unwrap();
    layout.to_owned()
}

/// Each objective has its layout: fewer processors and bytes take two ciphertexts, fewer steps one after the other, and
/// less memory, a single one.
#[test]
fn objectives_choose_different_layouts() {
    let wide = "rows of 22 columns side by side, in coefficients";
    let narrow = "rows of 11 columns side by side in 2 vectors, in coefficients";
    for (objective, expect) in [
        // Both take as long, within 5 %; narrow ones take fewer bytes.
        ("latency", narrow),
        ("throughput", narrow),
        ("upload", narrow),
        ("memory", wide),
    ] {
        assert_eq!(
            chosen("wine-anomaly.toml", objective),
            expect,
            "{objective}"
        );
    }
}

/// The 68 thresholds of a forest of ten trees are compared at once, whatever is to be least.
#[test]
fn thresholds_of_a_forest_lie_in_blocks() {
    for objective in ["latency", "upload"] {
        assert_eq!(
            chosen("fleet-risk.toml", objective),
            "68 operations with numbers of their own side by side, in slots",
            "{objective}"
        );
    }
}
