//! HyperQueue: the file of its job, and where it is installed the job itself.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};

use toml::{Table, Value};

use super::{faulty, is_there, locally, same_but_for_times, small};
use crate::harness::{Outcome, Place, faulty_plugin, note};

/// The file has the keys that HyperQueue knows, and each task's command runs its cell.
#[test]
fn hyperqueue_gets_a_task_for_each_cell() {
    let place = Place::new();
    let folder = "it's \"a\" plan";
    place.write(
        "e.toml",
        small(2).replace(
            "[run]\n",
            "[run]\nmemory_limit = \"1GiB\"\ntime_limit = \"40m\"\n",
        ),
    );
    let outcome = place.call(&[
        "submit",
        "e.toml",
        "--engine",
        "hyperqueue",
        "--into",
        folder,
    ]);
    outcome
        .ends_with(0)
        .says(&["hq server start", "hq worker start", "hq job submit-file"]);
    let file = place.path(folder).join("jobs/001/hyperqueue.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let file: Table = text.parse().unwrap();
    let keys = |table: &Table| table.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(
        keys(&file),
        BTreeSet::from(["name", "task"].map(String::from))
    );
    let tasks = file["task"].as_array().unwrap();
    assert_eq!(tasks.len(), 4);
    for (number, task) in tasks.iter().enumerate() {
        let task = task.as_table().unwrap();
        let known = [
            "command",
            "cwd",
            "id",
            "request",
            "stderr",
            "stdout",
            "time_limit",
        ]
        .map(String::from);
        assert_eq!(keys(task), BTreeSet::from(known));
        assert_eq!(task["id"].as_integer(), Some(number as i64));
        assert_eq!(task["time_limit"].as_str(), Some("50m"));
        let request = task["request"].as_array().unwrap();
        assert_eq!(request[0]["resources"]["cpus"].as_str(), Some("all"));
        assert_eq!(request[0]["resources"]["mem"].as_integer(), Some(2560));
        let words: Vec<&str> = task["command"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .current_dir(task["cwd"].as_str().unwrap());
        Outcome::of(&mut command).ends_with(0);
    }
    place
        .call(&["status", folder])
        .ends_with(0)
        .says(&["4 cells: 4 done"]);
    place.call(&["merge", folder]).ends_with(0);
    let alone = Place::new();
    alone.write(
        "e.toml",
        small(2).replace(
            "[run]\n",
            "[run]\nmemory_limit = \"1GiB\"\ntime_limit = \"40m\"\n",
        ),
    );
    same_but_for_times(&place.latest(), &locally(&alone, "e.toml", |_| {}));
}

#[test]
fn placeholders_of_hyperqueue_in_paths() {
    let place = Place::new();
    place.write("e.toml", small(1));
    let submit = ["submit", "e.toml", "--engine", "hyperqueue", "--into"];
    place
        .call(&[&submit[..], &["%{JOB_ID}"]].concat())
        .ends_with(2)
        .says(&["%{JOB_ID}: found `%{` in this path", "help: "]);
    assert!(!place.path("%{JOB_ID}").exists());
}

/// A HyperQueue with a worker on this machine, which ends when this is dropped.
struct Queue<'p> {
    place: &'p Place,
    server: Child,
    worker: Child,
}

impl<'p> Queue<'p> {
    /// `None`, which is told, where it is not installed.
    fn start(place: &'p Place) -> Option<Self> {
        if !is_there("hq") {
            note("HyperQueue (hq) is not installed: no job of it is run");
            return None;
        }
        let server = Self::spawn(place, &["server", "start"]);
        crate::resume::until("HyperQueue's server is up", || {
            let info = Self::hq(place, &["server", "info"]).output().unwrap();
            info.status.success()
        });
        Some(Self {
            place,
            server,
            worker: Self::spawn(place, &["worker", "start"]),
        })
    }

    fn hq(place: &Place, arguments: &[&str]) -> Command {
        let mut hq = Command::new("hq");
        hq.arg("--server-dir").arg(place.path("hq"));
        hq.args(arguments).current_dir(place.path(""));
        hq.env("HEXPERIMENT_PLUGINS", faulty_plugin());
        hq
    }

    fn spawn(place: &Place, arguments: &[&str]) -> Child {
        let mut hq = Self::hq(place, arguments);
        hq.stdout(Stdio::null()).spawn().unwrap()
    }

    #[track_caller]
    fn submits(&self, file: &str) {
        Outcome::of(&mut Self::hq(self.place, &["job", "submit-file", file])).ends_with(0);
    }

    /// Waits until no job waits or runs.
    #[track_caller]
    fn wait(&self) {
        Outcome::of(&mut Self::hq(self.place, &["job", "wait", "all"])).ends_with(0);
    }

    /// Its machine is lost, and there is another.
    fn loses_its_worker(&mut self) {
        self.worker.kill().unwrap();
        self.worker.wait().unwrap();
        self.worker = Self::spawn(self.place, &["worker", "start"]);
    }
}

impl Drop for Queue<'_> {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = Self::hq(self.place, &["server", "stop"]).output();
        let _ = (self.worker.wait(), self.server.wait());
    }
}

/// HyperQueue itself reads the file and runs its tasks.
#[test]
fn hyperqueue_runs_it() {
    let place = Place::new();
    place.write("e.toml", small(2));
    let Some(mut queue) = Queue::start(&place) else {
        return;
    };
    let submit = ["submit", "e.toml", "--engine", "hyperqueue", "--shared"];
    place.call(&submit).ends_with(0);
    queue.submits("plans/trial/jobs/001/hyperqueue.toml");
    crate::resume::until("a cell has begun", || {
        place.path("plans/trial/shards").is_dir()
    });
    // Its tasks go on where another worker is.
    queue.loses_its_worker();
    queue.wait();
    place
        .call(&["status", "plans/trial"])
        .ends_with(0)
        .says(&["4 cells: 4 done"]);
    place.call(&["merge", "plans/trial"]).ends_with(0);
    let alone = Place::new();
    alone.write("e.toml", small(2));
    same_but_for_times(&place.latest(), &locally(&alone, "e.toml", |_| {}));
}

/// A cell that crashes and one over its time are told of, and `--again` hands over these two and no other.
#[test]
fn hyperqueue_runs_again_what_did_not_end_well() {
    let place = Place::new();
    place.write("gate", "");
    let limits = "memory_limit = \"512MiB\"\ntime_limit = \"8s\"";
    // The one waits while there is a file `gate`, the other takes all memory.
    place.write(
        "e.toml",
        faulty("trial", &["wait", "hoard", "none"], limits),
    );
    let Some(queue) = Queue::start(&place) else {
        return;
    };
    let with_plugin = |arguments: &[&str]| {
        let mut program = place.program(arguments);
        Outcome::of(program.env("HEXPERIMENT_PLUGINS", faulty_plugin()))
    };
    let submit = ["submit", "e.toml", "--engine", "hyperqueue", "--shared"];
    with_plugin(&submit).ends_with(0);
    queue.submits("plans/trial/jobs/001/hyperqueue.toml");
    queue.wait();
    with_plugin(&["status", "plans/trial"]).ends_with(1).says(&[
        "3 cells: 1 done, 1 crashed, 1 timed out",
        "hoard",
        "still busy after 8s",
    ]);
    std::fs::remove_file(place.path("gate")).unwrap();
    let again = with_plugin(&["submit", "--again", "plans/trial"]);
    again
        .ends_with(0)
        .says(&["2 cells", "jobs/002/hyperqueue.toml"]);
    queue.submits("plans/trial/jobs/002/hyperqueue.toml");
    queue.wait();
    with_plugin(&["status", "plans/trial"])
        .ends_with(1)
        .says(&["3 cells: 2 done, 1 crashed"]);
    let merged = with_plugin(&["merge", "plans/trial"]);
    merged.ends_with(1);
    let repetitions = place.latest().repetitions();
    let of = |label: &str| repetitions.iter().filter(|(cell, _)| cell == label).count();
    assert_eq!([of("wait"), of("hoard"), of("none")], [2, 0, 2]);
}
