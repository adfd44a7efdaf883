//! The fleet: a thousand devices in this process, the process that monitors, and the page from start to a fault that
//! is found.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use hexperiment_experiment::Experiment;
// All built-in tasks and schemes, for the test that needs no process.
use hexperiment_runner as _;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{CompileRequest, Parties};
use hexperiment_task::monitor::MonitorRequest;
use hexperiment_task::session::Session;
use hexperiment_task::{Outcome, PrepareRequest};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::started::{Started, look};

/// An experiment as the page writes it.
fn experiment(scheme: &str) -> String {
    format!(
        r#"
[experiment]
name = "fleet"
question = "Which devices are at risk?"
caveats = "A test."
[dataset]
use = "fleet"
devices = 2000
faulty_percent = 30
reports = 8
[task]
use = "device-risk"
[[scheme]]
use = "{scheme}"
[run]
repetitions = 1
warmup = 0
threads = 2
"#
    )
}

/// A thousand devices under CKKS, round after round with one set of keys: every class is the clear model's.
#[test]
fn a_thousand_devices_are_scored_under_ckks_as_in_the_clear() {
    const DEVICES: usize = 1000;
    const ROUNDS: usize = 6;
    let experiment =
        Experiment::parse(&experiment("seal-ckks"), std::path::Path::new("fleet.toml")).unwrap();
    let plan = &experiment.cells()[0];
    let data = hexperiment_data::Dataset::load(&plan.dataset).unwrap();
    let task = hexperiment_task::registry::task("device-risk").unwrap();
    let request = MonitorRequest {
        history: PrepareRequest {
            options: &plan.task_options,
            data: &data,
            seed: plan.seed,
        },
        source: &plan.dataset.source_options,
        things: DEVICES,
        readings_seed: 5,
    };
    let mut monitor = task.monitor(request).unwrap().unwrap();
    let scheme = hexperiment_scheme::registry::scheme("seal-ckks").unwrap();
    let security = SecurityDemand::new(128, false);
    let program = monitor.prepared().program();
    let options = &plan.scheme_options;
    let lowered = scheme.lower(program, options, security).unwrap();
    let request = CompileRequest {
        lowered: &lowered,
        options,
        security,
        threads: 1,
        objective: plan.objective,
    };
    let circuit = scheme.compile(request).unwrap();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let (mut scored, mut high, mut uploads) = (0, 0, vec![]);
    for round in 0..ROUNDS {
        if round == 2 {
            for thing in 0..40 {
                monitor.inject(thing, thing % 4).unwrap();
            }
        }
        let readings = monitor.next_round();
        let mut session = Session::new(circuit.as_ref(), &lowered, &keys);
        let outcome = Outcome::of_one_round(&mut session, &readings.inputs).unwrap();
        let report = session.finish();
        let said = monitor.assess(&outcome).unwrap();
        assert_eq!(said.len(), DEVICES);
        for (thing, (said, clear)) in said.iter().zip(&readings.clear).enumerate() {
            assert_eq!(
                (said.level, said.listed),
                (clear.level, clear.listed),
                "round {round}, device {thing}: {said:?}, in the clear {clear:?}"
            );
        }
        assert!(report.errors.violation.is_none());
        // One upload and one answer a round, all devices in slots of the same ciphertexts.
        assert_eq!((report.evaluations, report.traffic.rounds), (1, 1));
        uploads.push((
            report.traffic.upload_ciphertexts,
            report.traffic.upload_bytes,
        ));
        scored += said.len();
        high += said.iter().filter(|one| one.level == 2).count();
    }
    assert_eq!(scored, DEVICES * ROUNDS);
    assert!((ROUNDS * 50..ROUNDS * 300).contains(&high), "{high}");
    let columns = monitor.prepared().program().inputs()[0].columns.len() as u64;
    assert!(
        uploads
            .iter()
            .all(|(ciphertexts, _)| *ciphertexts <= columns)
    );
    assert!(uploads.iter().all(|upload| upload.0 == uploads[0].0));
}

/// The process that the workbench starts.
struct Monitor {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    _folder: tempfile::TempDir,
}

impl Monitor {
    fn start(scheme: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("fleet.toml");
        std::fs::write(&file, experiment(scheme)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_hexperiment-under-test"))
            .arg("monitor")
            .arg(&file)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, messages) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let Ok(message) = serde_json::from_str(&line) else {
                    continue;
                };
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            messages,
            _folder: folder,
        }
    }

    fn tell(&mut self, command: &Value) {
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
    }

    /// The next message for which this holds.
    #[track_caller]
    fn until(&self, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.messages.recv_timeout(Duration::from_secs(40)).unwrap();
            if is(&message) {
                return message;
            }
        }
    }

    #[track_caller]
    fn next(&self, kind: &str) -> Value {
        self.until(|message| message["is"] == kind)
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first device that a round puts at Low.
fn first_low(round: &Value) -> usize {
    round["states"].as_str().unwrap().find('w').unwrap()
}

#[test]
fn a_process_tells_rounds_alarms_and_what_crossed() {
    let mut monitor = Monitor::start("seal-ckks", &["--things", "40", "--every", "100"]);
    let ready = monitor.next("ready");
    assert_eq!(ready["names"].as_array().unwrap().len(), 40);
    assert_eq!(
        ready["setup"]["parameters"]["security"]["protection"],
        "encrypted"
    );
    let kinds = |message: &Value| -> Vec<String> {
        let frames = message["frames"].as_array().unwrap().iter();
        frames
            .map(|f| f["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(
        kinds(&ready).contains(&"keys".to_owned()),
        "{:?}",
        kinds(&ready)
    );
    let round = monitor.next("round");
    assert_eq!((&round["round"], &round["differ"]), (&json!(1), &json!(0)));
    let (states, scores) = (
        round["states"].as_str().unwrap(),
        round["scores"].as_str().unwrap(),
    );
    assert_eq!((states.len(), scores.len()), (40, 40));
    let sent: Vec<&Value> = round["frames"].as_array().unwrap().iter().collect();
    let uploads: Vec<&&Value> = sent.iter().filter(|f| f["kind"] == "ciphertexts").collect();
    assert_eq!(uploads.len(), 1, "one batch of all devices");
    assert_eq!(uploads[0]["sha256"].as_str().unwrap().len(), 64);
    assert!(!uploads[0]["first_bytes"].as_str().unwrap().is_empty());
    // The same devices are encrypted anew each round.
    let again = monitor.next("round");
    let digest = |round: &Value| {
        let frames = round["frames"].as_array().unwrap();
        frames.iter().find(|f| f["kind"] == "ciphertexts").unwrap()["sha256"].clone()
    };
    assert_ne!(digest(&round), digest(&again));

    let low = first_low(&again);
    monitor.tell(&json!({ "do": "inject", "thing": low, "fault": 0 }));
    let injected = monitor.next("injected");
    assert_eq!(
        (&injected["thing"], &injected["is_high"]),
        (&json!(low), &json!(false))
    );
    let is_found = |message: &Value| {
        let alarms = message["alarms"].as_array().into_iter().flatten();
        alarms
            .clone()
            .any(|alarm| alarm["thing"] == low && !alarm["found"].is_null())
    };
    let found = monitor.until(is_found);
    let alarm = &found["alarms"]
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["thing"] == low)
        .unwrap()["found"];
    assert_eq!(alarm["fault"], 0);
    assert!(
        (3..20).contains(&alarm["rounds"].as_u64().unwrap()),
        "{alarm}"
    );
    assert!(alarm["after_ms"].as_f64().unwrap() > 0.0);

    // A pause reads nothing; what is wrong with a command is told.
    monitor.tell(&json!({ "do": "pause" }));
    monitor.next("paused");
    monitor.tell(&json!({ "do": "inject", "thing": 40, "fault": 0 }));
    let problem = monitor.next("problem");
    assert!(
        problem["problem"]
            .as_str()
            .unwrap()
            .contains("found device 40"),
        "{problem}"
    );
    monitor.tell(&json!({ "do": "dance" }));
    monitor.next("problem");
    assert!(
        monitor
            .messages
            .recv_timeout(Duration::from_millis(500))
            .is_err()
    );
    monitor.tell(&json!({ "do": "resume" }));
    monitor.next("resumed");
    monitor.next("round");
    // It ends with its parent.
    monitor.input = None;
    assert!(monitor.child.wait().unwrap().success());
}

/// Rounds that come faster than they are evaluated are dropped, not kept.
#[test]
fn what_waits_is_bounded() {
    let monitor = Monitor::start("paillier", &["--things", "400", "--every", "50"]);
    monitor.next("ready");
    let mut last = 0;
    for _ in 0..3 {
        let round = monitor.next("round");
        let number = round["round"].as_u64().unwrap();
        assert!(number > last);
        assert!(
            round["waiting"].as_u64().unwrap() <= 5,
            "{}",
            round["waiting"]
        );
        assert_eq!(round["differ"], 0);
        last = number;
    }
    let round = monitor.until(|message| message["dropped"].as_u64() > Some(0));
    assert!(round["lag_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn bad_arguments_are_told_before_anything_is_made() {
    for (arguments, expect) in [
        (&["--things", "0"][..], "1..=10000"),
        (&["--things", "1000000000"], "1..=10000"),
        (&["--things", "many"], "invalid"),
        (&["--things", "5", "--every", "1"], "50..=60000"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_hexperiment-under-test"))
            .args(["monitor", "none.toml"])
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(expect), "{said}");
    }
}

#[track_caller]
fn words(browser: &mut Browser, selector: &str) -> String {
    let text = browser.value(&format!(
        "document.querySelector({selector:?})?.innerText ?? 'none'"
    ));
    text.as_str().unwrap().to_owned()
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one visit of the page, from start to end"
)]
fn a_fleet_from_start_to_a_fault_that_is_found() {
    let started = Started::new(&[]);
    let Some(mut browser) = started.browser() else {
        return;
    };
    browser.open(&started.at("/fleet"));
    look(&mut browser, "fleet");
    for (devices, expect) in [
        (
            "0",
            "Devices: found \"0\", expected a whole number from 1 to 10000",
        ),
        ("1000000000", "Devices: found \"1000000000\""),
        ("many", "Devices: found \"many\""),
    ] {
        browser.fill("[name=devices]", devices);
        browser.press("Enter");
        browser.until(&format!(
            "document.querySelector('form .problem').innerText.startsWith({expect:?})"
        ));
    }
    look(&mut browser, "fleet-wrong");
    browser.fill("[name=devices]", "100");
    browser.fill("[name=seconds]", "0.25");
    browser.tab_to("form button[type=submit]");
    browser.press("Enter");
    browser.until("location.pathname.startsWith('/fleet/') && document.readyState === 'complete'");
    browser.until("Number(document.getElementById('fleet')?.dataset.round) > 3");
    assert_eq!(words(&mut browser, "#state"), "Running");
    assert_eq!(words(&mut browser, "#figure-differ"), "0 of 100");
    let hex = words(&mut browser, "#hex pre");
    assert!(hex.starts_with("000000  "), "{hex}");
    let frames = words(&mut browser, "#frames");
    assert!(
        frames.contains("ciphertexts") && frames.contains("results"),
        "{frames}"
    );
    let shapes = words(&mut browser, "#shapes");
    assert!(
        shapes.contains("100 rows × 19 columns") && shapes.contains("no value in the clear"),
        "{shapes}"
    );
    assert!(words(&mut browser, "#knows").contains("never the secret key"));

    // Which device, by the keyboard: the arrows of the picture, or its number.
    browser.tab_to("#heat");
    let before = browser.value("document.getElementById('device').value");
    browser.press(if before == "99" {
        "ArrowLeft"
    } else {
        "ArrowRight"
    });
    browser.until(&format!(
        "document.getElementById('device').value !== {before}"
    ));
    browser.fill("#device", "4711");
    browser.tab_to("#inject");
    browser.press("Enter");
    browser.until("document.getElementById('act-problem').innerText.includes('expected a number from 0 to 99')");
    browser.fill("#device", before.as_str().unwrap());
    browser.tab_to("#inject");
    browser.press("Enter");
    browser.until("document.getElementById('told').innerText.includes('injected, not found yet')");
    browser.until(
        "document.querySelector('#alarms .found')?.innerText.includes('found after') ?? false",
    );
    assert!(words(&mut browser, "#told").contains("stuck in sensor-"));

    // A pause stops the rounds; what was is seen again, and nothing crosses for it.
    browser.tab_to("#pause");
    browser.press("Enter");
    browser.until("document.getElementById('state').innerText.startsWith('Paused')");
    browser.value("new Promise((done) => setTimeout(done, 600))");
    let crossed = words(&mut browser, "#figure-crossed");
    let last = browser.value("document.getElementById('fleet').dataset.round");
    look(&mut browser, "fleet-found");
    browser.tab_to("#play");
    browser.press("Enter");
    browser
        .until("document.getElementById('replayed').innerText.includes('nothing is read or sent')");
    // Not at its first round, from which there is no way back.
    browser.until("Number(document.getElementById('fleet').dataset.round) > 3");
    browser.tab_to("#back");
    browser.press("ArrowLeft");
    browser.until("document.getElementById('play').innerText === 'Play'");
    browser.until(&format!(
        "Number(document.getElementById('fleet').dataset.round) < {last}"
    ));
    look(&mut browser, "fleet-replay");
    browser.tab_to("#live");
    browser.press("Enter");
    browser.until(&format!(
        "document.getElementById('fleet').dataset.round === {last}"
    ));
    assert_eq!(words(&mut browser, "#figure-crossed"), crossed);
    browser.tab_to("#pause");
    browser.press("Enter");
    browser.until(&format!(
        "Number(document.getElementById('fleet').dataset.round) > {last}"
    ));

    // A page that is opened anew is told what was; stopping ends all.
    let address = browser.value("location.href");
    browser.open(address.as_str().unwrap());
    browser.until("document.querySelector('#alarms .found') !== null");
    browser.tab_to("#stop");
    browser.press("Enter");
    browser.until("document.getElementById('state').innerText === 'Over'");
    assert_eq!(browser.faults, [""; 0]);
}
