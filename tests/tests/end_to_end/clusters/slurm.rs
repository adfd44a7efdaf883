//! A real Slurm on this machine: arrays of jobs, a controller that is killed, a node that is lost, cells over
//! their memory and over their time, and what is resubmitted of all that.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::{faulty, is_there, locally, same_but_for_times, small};
use crate::harness::{Outcome, Place, RunFolder, faulty_plugin, note, repository};

/// The longest wait for anything; a quiet machine is done in a small part of it.
const PATIENCE: Duration = Duration::from_mins(3);

/// The programs, by Debian's package `slurm-wlm`, which brings `munge`, too.
const PROGRAMS: [&str; 6] = [
    "munged",
    "slurmctld",
    "slurmd",
    "sbatch",
    "squeue",
    "scontrol",
];

/// A Slurm of the nodes n1 and n2, and n3 in a partition `late`, which ends when this is dropped.
struct Cluster {
    folder: tempfile::TempDir,
    script: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Cluster {
    /// `None`, which is told, where Slurm is not installed, or does not start.
    fn start() -> Option<Self> {
        if let Some(absent) = PROGRAMS.iter().find(|program| !is_there(program)) {
            note(&format!(
                "{absent} is not installed (Debian: slurm-wlm): no Slurm is tested"
            ));
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut script = Command::new(repository().join("tests/programs/slurm.sh"))
            .arg(folder.path())
            .arg(free_ports().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = script.stdin.take();
        let answers = BufReader::new(script.stdout.take().unwrap());
        let mut cluster = Self {
            folder,
            script,
            orders,
            answers,
        };
        let answer = cluster.answer();
        if answer != "ready" {
            // A container may forbid what daemons of a Slurm do.
            note(&format!(
                "the nodes of a Slurm do not come up here ({answer:?}): none is tested\n{}",
                cluster.logs()
            ));
            return None;
        }
        Some(cluster)
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// `kill` or `start`, and `slurmctld` or a node.
    #[track_caller]
    fn order(&mut self, words: &str) {
        writeln!(self.orders.as_mut().unwrap(), "{words}").unwrap();
        assert_eq!(self.answer(), "done");
    }

    /// Tells a command which Slurm is meant.
    fn meant_by<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("SLURM_CONF", self.folder.path().join("slurm.conf"))
            .env("HEXPERIMENT_PLUGINS", faulty_plugin())
    }

    /// Changes something, as an administrator does.
    #[track_caller]
    fn scontrol(&self, words: &[&str]) {
        let output = self
            .meant_by(Command::new("scontrol").args(words))
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    #[track_caller]
    fn call(&self, place: &Place, arguments: &[&str]) -> Outcome {
        Outcome::of(self.meant_by(&mut place.program(arguments)))
    }

    /// Waits until `status` says, or says no more, something of a plan.
    #[track_caller]
    fn until(&self, place: &Place, plan: &str, is_so: impl Fn(&Outcome) -> bool) -> Outcome {
        let began = Instant::now();
        loop {
            let outcome = self.call(place, &["status", plan]);
            if is_so(&outcome) {
                return outcome;
            }
            assert!(began.elapsed() < PATIENCE, "{outcome}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Waits until no job of a plan waits or runs.
    #[track_caller]
    fn until_ended(&self, place: &Place, plan: &str) -> Outcome {
        let waits = |o: &Outcome| {
            o.code == Some(2) || o.out.contains(" running") || o.out.contains(" pending")
        };
        self.until(place, plan, |outcome| !waits(outcome))
    }

    /// The ends of the daemons' logs.
    fn logs(&self) -> String {
        ["slurmctld.log", "n1.log", "n2.log", "n3.log"]
            .map(|name| {
                let text =
                    std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
                let lines: Vec<&str> = text.lines().rev().take(15).collect();
                format!(
                    "{name}\n{}\n",
                    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
                )
            })
            .concat()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The script ends all that it has started at the end of its input.
        self.orders = None;
        let _ = self.script.wait();
    }
}

/// A port that is free, with the three behind it.
fn free_ports() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let bound =
            |port: Option<u16>| port.and_then(|port| TcpListener::bind(("127.0.0.1", port)).ok());
        if (1..=3).all(|more| bound(port.checked_add(more)).is_some()) {
            return port;
        }
    }
}

/// How many cells stand so.
fn count(outcome: &Outcome, word: &str) -> usize {
    let line = outcome.out.lines().next().unwrap_or_default();
    let mut parts = line.split([',', ':']).map(str::trim);
    parts
        .find_map(|part| part.strip_suffix(word)?.trim().parse::<usize>().ok())
        .unwrap_or(0)
}

#[test]
fn cells_on_a_real_slurm() {
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    let late = submit_late(&cluster);
    refused(&cluster);
    forty_cells(&mut cluster);
    told_before_its_end(&cluster, &late);
    preempted(&cluster);
}

/// 36 small cells, one that takes all memory, one that never ends and two that wait, through what can happen to a cluster.
fn forty_cells(cluster: &mut Cluster) {
    let place = Place::new();
    let plan = "it's a \"plan\" of 100%";
    place.write("small.toml", small(18));
    place.write(
        "wrong.toml",
        faulty(
            "wrong",
            &["hoard", "sleep"],
            "memory_limit = \"512MiB\"\ntime_limit = \"8s\"",
        ),
    );
    // Both wait while there is a file `gate`.
    place.write(
        "long.toml",
        faulty("long", &["wait1", "wait2"], "time_limit = \"60s\""),
    );
    place.write("gate", "");
    let files = ["small.toml", "wrong.toml", "long.toml"];
    let submit = [
        &["submit"],
        &files[..],
        &["--engine", "slurm", "--partition", "batch", "--into", plan],
    ]
    .concat();
    let submitted = cluster.call(&place, &submit);
    // Three classes, and no array has more than 25 jobs here.
    submitted.ends_with(0).says(&[
        "submitted 40 cells",
        "25 cells, each with 1 thread",
        "11 cells",
        "1536 MiB",
        "a node of its own",
    ]);

    // The cells that wait have both nodes. A controller keeps what happened in the last seconds in memory alone.
    cluster.until(&place, plan, |outcome| count(outcome, "running") == 2);
    std::thread::sleep(Duration::from_secs(6));
    cluster.order("kill slurmctld");
    cluster
        .call(&place, &["status", plan])
        .ends_with(2)
        .says(&["`squeue`", "controller"]);
    cluster.order("start slurmctld");
    let outcome = cluster.until(&place, plan, |outcome| outcome.code != Some(2));
    outcome
        .ends_with(0)
        .says(&["40 cells: 2 running, 38 pending"]);

    cluster.order("kill n2");
    cluster.scontrol(&["update", "NodeName=n2", "State=DOWN", "Reason=lost"]);
    let lost = cluster.until(&place, plan, |outcome| count(outcome, "failed") == 1);
    lost.ends_with(1)
        .says(&["its node was lost (node n2)", "1 running"]);
    std::fs::remove_file(place.path("gate")).unwrap();
    cluster.order("start n2");
    cluster.scontrol(&["update", "NodeName=n2", "State=RESUME"]);

    let ended = cluster.until_ended(&place, plan);
    ended.ends_with(1).says(&[
        "40 cells: 37 done, 1 failed, 1 crashed, 1 timed out",
        "its node was lost",
        "hoard",
        "still busy after 8s",
    ]);
    // What was submitted is not submitted again by mistake.
    cluster
        .call(&place, &submit)
        .ends_with(2)
        .says(&["submitted already"]);
    let again = cluster.call(&place, &["submit", "--again", plan]);
    again.ends_with(0).says(&["submitted 3 cells of "]);
    let ended = cluster.until_ended(&place, plan);
    ended
        .ends_with(1)
        .says(&["40 cells: 38 done, 1 crashed, 1 timed out"]);

    let merged = cluster.call(&place, &["merge", plan]);
    assert!(merged.code < Some(2), "{merged}");
    let alone = Place::new();
    for file in files {
        let name = match file.trim_end_matches(".toml") {
            "small" => "trial",
            name => name,
        };
        alone.write(file, std::fs::read_to_string(place.path(file)).unwrap());
        let local = locally(&alone, file, |program| {
            cluster.meant_by(program);
        });
        same_but_for_times(&run_of(&place, name), &local);
    }
}

/// The only run of an experiment in a place.
#[track_caller]
fn run_of(place: &Place, name: &str) -> RunFolder {
    let entries = std::fs::read_dir(place.path("runs")).unwrap().flatten();
    let named = |path: &PathBuf| path.to_str().unwrap().ends_with(&format!("-{name}"));
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(named).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    RunFolder(runs.remove(0))
}

/// A cell that is well and one that waits, whose jobs have a minute.
fn submit_late(cluster: &Cluster) -> Place {
    let place = Place::new();
    place.write("gate", "");
    place.write("e.toml", faulty("late", &["none", "wait"], ""));
    let submit = [
        "submit",
        "e.toml",
        "--engine",
        "slurm",
        "--partition",
        "late",
        "--shared",
        "--job-time",
        "1m",
        "--into",
        "p",
    ];
    cluster
        .call(&place, &submit)
        .ends_with(0)
        .says(&["submitted 2 cells", "1 min"]);
    place
}

/// A job near the end of its time has recorded its cell as timed out; `--again` gives it more, and `cancel` takes it back.
fn told_before_its_end(cluster: &Cluster, place: &Place) {
    let ended = cluster.until_ended(place, "p");
    ended
        .ends_with(1)
        .says(&["2 cells: 1 done, 1 timed out", "SIGUSR1"]);
    cluster
        .call(place, &["submit", "--again", "p", "--job-time", "2h"])
        .ends_with(0)
        .says(&["submitted 1 cell", "120 min"]);
    cluster
        .call(place, &["submit", "--again", "p"])
        .ends_with(0)
        .says(&["nothing to submit again"]);
    cluster.until(place, "p", |outcome| outcome.out.contains("1 running"));
    cluster
        .call(place, &["cancel", "p"])
        .ends_with(0)
        .says(&["cancelled what waited or ran, 1 cell"]);
    cluster
        .until_ended(place, "p")
        .ends_with(1)
        .says(&["2 cells: 1 done, 1 cancelled"]);
    cluster
        .call(place, &["cancel", "p"])
        .ends_with(0)
        .says(&["no job of this plan waits or runs"]);
}

/// A job that has to make way for others is not started again by itself, and is by `--again`.
fn preempted(cluster: &Cluster) {
    let place = Place::new();
    place.write("gate", "");
    place.write("e.toml", faulty("yields", &["none", "wait"], ""));
    let submit = [
        "submit",
        "e.toml",
        "--engine",
        "slurm",
        "--partition",
        "yields",
    ];
    cluster
        .call(&place, &[&submit[..], &["--into", "p"]].concat())
        .ends_with(0);
    cluster.until(&place, "p", |outcome| {
        outcome.out.contains("2 cells: 1 done, 1 running")
    });
    let more = [
        "--partition=late",
        "--exclusive",
        "--output=/dev/null",
        "--wrap=true",
    ];
    let output = cluster
        .meant_by(Command::new("sbatch").args(more))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    cluster.until_ended(&place, "p").ends_with(1).says(&[
        "2 cells: 1 done, 1 preempted",
        "its job had to make way (node n3)",
    ]);
    std::fs::remove_file(place.path("gate")).unwrap();
    cluster
        .call(&place, &["submit", "--again", "p"])
        .ends_with(0)
        .says(&["submitted 1 cell"]);
    cluster
        .until_ended(&place, "p")
        .ends_with(0)
        .says(&["2 cells: 2 done"]);
}

/// What goes wrong before a cell runs, each with its message.
fn refused(cluster: &Cluster) {
    let place = Place::new();
    place.write("e.toml", small(1));
    let submit = ["submit", "e.toml", "--engine", "slurm", "--shared"];
    let unknown = cluster.call(&place, &[&submit[..], &["--partition", "batsh"]].concat());
    unknown
        .ends_with(2)
        .says(&["no partition", "batsh", "it has batch"]);
    assert!(!place.path("plans").exists(), "nothing is written");
    // What Slurm refuses is told in its own words, and the same command goes on.
    let constraint = cluster.call(
        &place,
        &[&submit[..], &["--constraint", "skylake"]].concat(),
    );
    constraint
        .ends_with(2)
        .says(&["sbatch", "nothing was submitted"]);

    // Nodes that cannot write: what the jobs say cannot be written down either.
    cluster.scontrol(&["update", "PartitionName=batch", "State=DOWN"]);
    cluster.call(&place, &submit).ends_with(0);
    let logs = place.path("plans/trial/jobs/001/logs");
    std::fs::remove_dir(&logs).unwrap();
    std::fs::write(&logs, "").unwrap();
    cluster
        .call(&place, &["status", "plans/trial"])
        .ends_with(0)
        .says(&["2 cells: 2 pending"]);
    cluster.scontrol(&["update", "PartitionName=batch", "State=UP"]);
    let ended = cluster.until_ended(&place, "plans/trial");
    ended.ends_with(1).says(&[
        "2 failed",
        "the node cannot write to the folder of the plan (node n",
    ]);
    // The next ones can.
    cluster
        .call(&place, &["submit", "--again", "plans/trial"])
        .ends_with(0);
    cluster
        .until_ended(&place, "plans/trial")
        .ends_with(0)
        .says(&["2 cells: 2 done"]);
}
