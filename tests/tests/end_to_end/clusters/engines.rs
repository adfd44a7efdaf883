//! Engines other than Slurm, and what can be said without one.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use super::{is_there, locally, same_but_for_times, small};
use crate::documents::blocks;
use crate::harness::{Outcome, Place, note, text_of};

/// A folder of programs in which `hexperiment` is the one under test.
fn with_program(place: &Place, command: &mut Command) {
    let bin = place.path("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let link = bin.join("hexperiment");
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_hexperiment-under-test"), link).unwrap();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path)));
    command
        .env("PATH", path.unwrap())
        .current_dir(place.path(""))
        .env_remove("HEXPERIMENT_DATA");
}

/// The script of docs/clusters.md that has `word`, run as it stands; its run is that of one machine.
#[track_caller]
fn documented(word: &str) {
    let text = text_of("docs/clusters.md");
    let scripts = blocks(&text, "sh");
    let script = scripts.iter().find(|script| script.contains(word)).unwrap();
    let place = Place::new();
    place.write("experiments/quickstart.toml", small(2));
    let mut shell = Command::new("sh");
    shell.args(["-ec", script]);
    with_program(&place, &mut shell);
    Outcome::of(&mut shell).ends_with(0).says(&["auc"]);
    let alone = Place::new();
    alone.write("quickstart.toml", small(2));
    same_but_for_times(&place.latest(), &locally(&alone, "quickstart.toml", |_| {}));
    // Called again, nothing is left to run, and the run is the same.
    let before = place.latest().read("records.jsonl");
    Outcome::of(&mut shell_again(&place)).ends_with(0);
    assert_eq!(place.latest().read("records.jsonl"), before);
}

fn shell_again(place: &Place) -> Command {
    let mut shell = Command::new("sh");
    let script = "[ -z \"$(hexperiment status --unfinished plans/quickstart)\" ] && hexperiment merge plans/quickstart";
    shell.args(["-ec", script]);
    with_program(place, &mut shell);
    shell
}

#[test]
fn xargs_as_documented() {
    documented("| xargs");
}

#[test]
fn gnu_parallel_as_documented() {
    if is_there("parallel") {
        documented("| parallel");
    } else {
        note("GNU parallel is not installed (Debian: parallel): its script is not tested");
    }
}

/// Where nothing is handed over, nothing is lost.
#[test]
fn two_submits_of_one_plan() {
    let place = Place::new();
    place.write("e.toml", small(1));
    let submit = ["submit", "e.toml", "--engine", "hyperqueue"];
    let dry = place.call(&["submit", "e.toml", "--engine", "hyperqueue", "--dry-run"]);
    dry.ends_with(0).says(&["[[task]]"]);
    assert!(
        !dry.out.contains("hexperiment--"),
        "the name of its job has a digest: {dry}"
    );
    assert!(!place.path("plans").exists(), "a dry run writes nothing");
    place.call(&submit).ends_with(0);
    let twice = place.call(&submit);
    twice.ends_with(2).says(&[
        "submitted already",
        "hexperiment status",
        "submit --again",
        "--into FOLDER",
    ]);
    place.write("e.toml", small(2));
    place.call(&submit).ends_with(2);
    place
        .call(&["status", "plans/trial"])
        .ends_with(1)
        .says(&["2 cells: 2 missing"]);
    let again = place.call(&["submit", "--again", "plans/trial"]);
    again
        .ends_with(0)
        .says(&["2 cells", "jobs/002/hyperqueue.toml"]);
    place
        .call(&["submit", "--again", "plans"])
        .ends_with(2)
        .says(&["plan.json"]);
}

#[test]
fn without_slurm() {
    let place = Place::new();
    place.write("e.toml", small(1));
    let without =
        |arguments: &[&str]| Outcome::of(place.program(arguments).env("PATH", place.path("empty")));
    let submit = ["submit", "e.toml", "--engine", "slurm"];
    let outcome = without(&submit);
    outcome.ends_with(2).says(&[
        "`sbatch` was not found",
        "--engine hyperqueue",
        "docs/clusters.md",
    ]);
    assert!(!place.path("plans").exists());
    let dry = without(
        &[
            &submit[..],
            &["--dry-run", "--partition", "p", "--max-parallel", "3"],
        ]
        .concat(),
    );
    let lines = [
        "#SBATCH --array=0-1%3",
        "#SBATCH --partition=p",
        "#SBATCH --exclusive",
        "#SBATCH --signal=B:USR1@60",
    ];
    dry.ends_with(0)
        .says(&lines)
        .says(&["nothing is written", "cells: 0-1"]);
    assert!(!place.path("plans").exists());
    for (arguments, words) in [
        (["--job-time", "1s"], ["--job-time", "at least a minute"]),
        (["--job-memory", "much"], ["--job-memory", "8GiB"]),
        (["--max-parallel", "0"], ["--max-parallel", "1.."]),
    ] {
        without(&[&submit[..], &arguments].concat())
            .ends_with(2)
            .says(&words);
    }
    // A line feed would begin another line of the script.
    for option in ["--partition", "--account", "--constraint"] {
        for wrong in ["a\nb", "a\u{1b}[2J", "", " "] {
            let wrong = without(&[&submit[..], &["--dry-run", option, wrong]].concat());
            wrong.ends_with(2).is_plain();
            wrong.says(&[option, "expected a name in one line"]);
        }
    }
    let unknown = without(&["submit", "e.toml", "--engine", "pbs"]);
    unknown.ends_with(2).says(&["slurm", "hyperqueue"]);
    without(&["submit", "e.toml"])
        .ends_with(2)
        .says(&["--engine"]);
}

/// Slurm's commands are here, and no cluster is.
#[test]
fn a_dry_run_without_a_controller() {
    let place = Place::new();
    place.write("e.toml", small(1));
    let script =
        "#!/bin/sh\necho 'error: resolve_ctls_from_dns_srv: res_nsearch error' >&2\nexit 1\n";
    for program in ["sbatch", "scontrol", "sinfo", "squeue"] {
        let file = place.path("bin").join(program);
        place.write(&format!("bin/{program}"), script);
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(place.path("bin")).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(path).unwrap();
    let submit = ["submit", "e.toml", "--engine", "slurm", "--partition", "p"];
    let dry = [&submit[..], &["--dry-run"]].concat();
    Outcome::of(place.program(dry).env("PATH", &path))
        .ends_with(0)
        .says(&[
            "no Slurm answers here (`scontrol`: error: resolve_ctls_from_dns_srv",
            "#SBATCH --partition=p",
        ]);
    Outcome::of(place.program(submit).env("PATH", &path))
        .ends_with(2)
        .says(&["`scontrol`: error: resolve_ctls"]);
    assert!(!place.path("plans").exists());
}

/// Of two calls at once one hands cells over: the other would hear of no jobs yet.
#[test]
fn one_submits_at_a_time() {
    let place = Place::new();
    place.write("e.toml", small(1));
    let submit = ["submit", "e.toml", "--engine", "hyperqueue"];
    place.call(&submit).ends_with(0);
    let again = ["submit", "--again", "plans/trial"];
    let held = std::fs::File::create(place.path("plans/trial/jobs/lock")).unwrap();
    held.lock().unwrap();
    for arguments in [&submit[..], &again] {
        place.call(arguments).ends_with(2).says(&[
            "plans/trial: another `submit` is handing over cells of this plan",
            "hexperiment status",
        ]);
    }
    assert!(!place.path("plans/trial/jobs/002").exists());
    drop(held);
    place.call(&again).ends_with(0).says(&["jobs/002"]);
}

/// Who is killed while `sbatch` runs leaves the lock with it, and whoever asks next finds its jobs by their name.
#[test]
fn killed_while_sbatch_runs() {
    let place = Place::new();
    place.write("e.toml", small(1));
    let [begun, go, ended] = ["begun", "go", "ended"].map(|name| place.path(name));
    let programs: [(&str, String); 4] = [
        ("scontrol", "echo 'MaxArraySize = 1001'".to_owned()),
        ("sinfo", "echo batch".to_owned()),
        (
            "squeue",
            format!(
                "name=$(cat '{}')\nfor task in 0 1; do echo \"7|$task|PENDING|0||$name|\"; done",
                begun.display()
            ),
        ),
        (
            "sbatch",
            format!(
                "for script; do :; done\nsed -n 's/^#SBATCH --job-name=//p' \"$script\" >'{begun}.new'\n\
                 mv '{begun}.new' '{begun}'\nuntil [ -e '{go}' ]; do sleep 0.05; done\n: >'{ended}'\necho 7",
                begun = begun.display(),
                go = go.display(),
                ended = ended.display(),
            ),
        ),
    ];
    for (program, script) in programs {
        place.write(&format!("bin/{program}"), format!("#!/bin/sh\n{script}\n"));
        let file = place.path("bin").join(program);
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(place.path("bin")).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(path).unwrap();
    let mut first = place
        .program(["submit", "e.toml", "--engine", "slurm"])
        .env("PATH", &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    crate::resume::until("sbatch runs", || begun.exists());
    first.kill().unwrap();
    first.wait().unwrap();
    let again = || {
        let mut again = place.program(["submit", "--again", "plans/trial"]);
        Outcome::of(again.env("PATH", &path))
    };
    again()
        .ends_with(2)
        .says(&["another `submit` is handing over"]);
    std::fs::write(&go, "").unwrap();
    crate::resume::until("sbatch has ended", || ended.exists());
    let lock = std::fs::File::open(place.path("plans/trial/jobs/lock")).unwrap();
    lock.lock().unwrap();
    drop(lock);
    again()
        .ends_with(0)
        .says(&["nothing to submit again; 2 cells: 2 pending"]);
    assert!(!place.path("plans/trial/jobs/002").exists());
}

/// A disk that is full, or a quota: what was begun is told, and the same command goes on.
#[test]
fn nothing_is_lost_where_a_disk_is_full() {
    let place = Place::new();
    place.write("e.toml", small(20));
    let submit = ["submit", "e.toml", "--engine", "hyperqueue"];
    let mut limited = Command::new("sh");
    let program = place.program(submit);
    // No file may be longer than some kilobytes.
    limited
        .args(["-c", "ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(place.path(""));
    let outcome = Outcome::of(&mut limited);
    outcome
        .ends_with(2)
        .says(&["cannot be written"])
        .does_not_panic();
    place.call(&submit).ends_with(0);
    place
        .call(&["status", "plans/trial"])
        .ends_with(1)
        .says(&["40 cells: 40 missing"]);
}
