//! The workbench whose evaluator is a service on a network: what pages send is computed there, every byte of the
//! connection is told of, and a service that cannot be used is told of on the page.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::guard::{get, is, post};
use crate::pages::{crossed, results, salaries, words};
use crate::started::{Started, look};

/// A service with TLS and a certificate of its own; ended when it goes out of scope.
struct Service {
    process: Child,
    address: String,
    fingerprint: String,
    folder: tempfile::TempDir,
}

impl Service {
    fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = || {
            let mut program = Command::new(env!("CARGO_BIN_EXE_hexperiment-under-test"));
            program.current_dir(folder.path()).stdin(Stdio::null());
            program
        };
        let mut token = program();
        let token = token.args(["serve", "token", "new", "workbench", "--state", "state"]);
        let token = token.output().unwrap();
        assert!(token.status.success());
        secret(&folder.path().join("token"), &token.stdout);
        let mut process = program()
            .args(["serve", "--state", "state", "--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let mut next = |start: &str| {
            let line = lines.next().unwrap();
            line.strip_prefix(start).unwrap().to_owned()
        };
        let address = next("listening on https://");
        let fingerprint = next("fingerprint ");
        Self {
            process,
            address,
            fingerprint,
            folder,
        }
    }

    fn token(&self) -> String {
        self.folder.path().join("token").display().to_string()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A file that its owner alone may read.
fn secret(file: &Path, contents: &[u8]) {
    std::fs::write(file, contents).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// Bytes that passed up and down, of each connection.
type Passed = Arc<Mutex<Vec<[u64; 2]>>>;

/// Stands in front of a service and counts what passes.
fn counting(service: &Service) -> (String, Passed) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (passed, address) = (Passed::default(), service.address.clone());
    let counts = Arc::clone(&passed);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(&address).unwrap());
            let number = {
                let mut counts = counts.lock().unwrap();
                counts.push([0, 0]);
                counts.len() - 1
            };
            for (way, from, to) in [(0, &client, &server), (1, &server, &client)] {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                let counts = Arc::clone(&counts);
                std::thread::spawn(move || {
                    let mut piece = vec![0; 1 << 16];
                    while let Ok(count) = from.read(&mut piece)
                        && count > 0
                    {
                        counts.lock().unwrap()[number][way] += count as u64;
                        if to.write_all(&piece[..count]).is_err() {
                            break;
                        }
                    }
                    // Whoever has closed first is not there any more.
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    (url, passed)
}

/// A workbench that was logged in to without a browser.
struct Visit<'a> {
    started: &'a Started,
    cookie: String,
    csrf: String,
}

impl<'a> Visit<'a> {
    fn new(started: &'a Started) -> Self {
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let answer = post(started, "/login", form, &format!("token={}", started.token));
        let cookie = answer
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "))
            .unwrap();
        let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
        let page = get(started, "/", &started.host, &cookie);
        let csrf = page.split("name=\"csrf\" content=\"").nth(1).unwrap();
        let csrf = csrf.split('"').next().unwrap().to_owned();
        Self {
            started,
            cookie,
            csrf,
        }
    }

    fn get(&self, path: &str) -> String {
        get(self.started, path, &self.started.host, &self.cookie)
    }

    fn post(&self, path: &str, kind: &str, body: &str) -> String {
        let more = format!(
            "{}X-CSRF-Token: {}\r\nContent-Type: {kind}\r\n",
            self.cookie, self.csrf
        );
        post(self.started, path, &more, body)
    }

    /// Where an answer says to go.
    #[track_caller]
    fn go(answer: &str) -> String {
        is(answer, "200");
        let to = answer.split("\"go\":\"").nth(1).unwrap();
        to.split('"').next().unwrap().to_owned()
    }

    /// Asks for predictions of a table; the answer.
    fn predicts(&self, scheme: &str) -> String {
        let table = salaries(60);
        let uploaded = self.post("/uploads/tables?name=salary.csv", "text/csv", &table);
        let asked = serde_json::json!({
            "target": "salary", "task": "linear-regression", "missing": "median", "marker": "",
            "model": "train", "share": "0.5", "scheme": scheme,
        });
        let path = format!("{}/run", Self::go(&uploaded));
        self.post(&path, "application/json", &asked.to_string())
    }

    /// The page of a run that has ended.
    #[track_caller]
    fn ended(&self, job: &str) -> String {
        let began = Instant::now();
        loop {
            let page = self.get(job);
            if page.contains("data-status=\"done\"") || page.contains("data-status=\"failed\"") {
                return page;
            }
            assert!(began.elapsed() < Duration::from_mins(2), "{page}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What crossed of a run: bytes up and down, and the kinds.
    #[track_caller]
    fn traffic(&self, job: &str) -> ([u64; 2], Vec<String>) {
        let answer = self.get(&format!("{job}/traffic.csv"));
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let (mut sums, mut kinds) = ([0, 0], vec![]);
        for line in body.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            sums[usize::from(fields[2] == "client")] += fields[4].parse::<u64>().unwrap();
            kinds.push(fields[3].to_owned());
        }
        (sums, kinds)
    }
}

fn options<'a>(url: &'a str, service: &'a Service, token: &'a str) -> [&'a str; 6] {
    let print = &service.fingerprint;
    [
        "--server",
        url,
        "--server-fingerprint",
        print,
        "--token-file",
        token,
    ]
}

/// What the workbench says has crossed is what passed on the network, to the byte.
#[test]
fn every_byte_of_the_network_is_told_of() {
    let service = Service::start(&["--threads", "1"]);
    let (url, passed) = counting(&service);
    let started = Started::new(&options(&url, &service, &service.token()));
    let visit = Visit::new(&started);
    assert!(visit.get("/").contains(&url));
    for scheme in ["seal-ckks", "plaintext"] {
        // The workbench itself has asked the service before it starts a run.
        let before = passed.lock().unwrap().len() + 1;
        let job = Visit::go(&visit.predicts(scheme));
        let page = visit.ended(&job);
        assert!(
            page.contains("data-status=\"done\"") && page.contains("RMSE"),
            "{page}"
        );
        assert!(page.contains(&format!("data-server=\"{url}\"")), "{page}");
        let (told, kinds) = visit.traffic(&job);
        for kind in [
            "hello",
            "compile",
            "keys",
            "ciphertexts",
            "evaluate",
            "results",
            "discard",
        ] {
            assert!(kinds.iter().any(|k| k == kind), "{kind}: {kinds:?}");
        }
        assert!(kinds.iter().all(|kind| kind != "problem"), "{kinds:?}");
        // What has just been closed may still be on its way through the listener.
        let began = Instant::now();
        let sums = || {
            let passed = passed.lock().unwrap();
            let ways = |way: usize| passed[before..].iter().map(|p| p[way]).sum::<u64>();
            [ways(0), ways(1)]
        };
        while sums()[0] < told[0] && began.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let [up, down] = sums();
        assert_eq!(told[0], up, "{scheme}");
        // When the client has closed, the service's farewell finds nobody to read it.
        assert!(
            told[1] <= down && down - told[1] < 100,
            "{told:?} of {down}"
        );
    }
    // What a service cannot take is refused, with the reason on the page of the run.
    let job = Visit::go(&visit.predicts("fernet"));
    visit.ended(&job);
    let events = visit.get(&format!("{job}/events"));
    assert!(
        events.contains("\"status\":\"refused\"") && events.contains("takes no shared key"),
        "{events}"
    );
}

/// On the other pages, and in an experiment that somebody typed, the service evaluates, too.
#[test]
fn all_pages_use_the_service() {
    let service = Service::start(&[]);
    let url = format!("https://{}", service.address);
    let started = Started::new(&options(&url, &service, &service.token()));
    let visit = Visit::new(&started);
    let far = |job: &str| {
        let page = visit.ended(job);
        assert!(page.contains("data-status=\"done\""), "{page}");
        let (_, kinds) = visit.traffic(job);
        assert!(kinds.iter().any(|kind| kind == "registered"), "{kinds:?}");
    };
    let mut rows = String::from("time,a,b,fail\n");
    for row in 0..60 {
        let fail = u32::from(row % 6 == 2);
        // Writing to a string does not fail.
        let _ = writeln!(rows, "{row},{},{},{fail}", row % 7 + 9 * fail, row % 5);
    }
    let uploaded = visit.post("/uploads/sensors?name=s.csv", "text/csv", &rows);
    let asked = serde_json::json!({
        "time": "time", "label": "fail", "marker": "", "model": "train", "features": "2",
        "layout": "series", "scheme": "seal-ckks",
    });
    let path = format!("{}/run", Visit::go(&uploaded));
    let answer = visit.post(&path, "application/json", &asked.to_string());
    far(&Visit::go(&answer));
    // Typed, without a section `[run]`.
    let text = "[experiment]\nname = \"typed\"\nquestion = \"?\"\ncaveats = \"none\"\n[dataset]\nuse = \"wine-quality\"\nlimit = 60\n\
                [task]\nuse = \"logistic-regression\"\nfeatures = 2\n[[scheme]]\nuse = \"paillier\"\n";
    let typed = serde_json::json!({ "text": text, "file": "" });
    let answer = visit.post("/experiments/run", "application/json", &typed.to_string());
    far(&Visit::go(&answer));
    // A model that is trained on known data, where nothing is encrypted, stays on this machine.
    let wanted = serde_json::json!({ "dataset": "wine-quality", "features": "2" });
    let answer = visit.post("/sensors/train", "application/json", &wanted.to_string());
    let page = visit.ended(&Visit::go(&answer));
    assert!(!page.contains("data-server="), "{page}");
}

/// What is wrong with the service is told on the form, with what to do.
#[test]
fn a_service_that_cannot_be_used_is_told_of() {
    let service = Service::start(&[]);
    let url = format!("https://{}", service.address);
    let wrong = service.folder.path().join("wrong");
    secret(&wrong, format!("hxp_{}\n", "0".repeat(64)).as_bytes());
    let check = |url: &str, fingerprint: &str, token: &Path, words: &[&str]| {
        let token = token.display().to_string();
        let started = Started::new(&[
            "--server",
            url,
            "--server-fingerprint",
            fingerprint,
            "--token-file",
            &token,
        ]);
        let answer = Visit::new(&started).predicts("seal-ckks");
        is(&answer, "502");
        for word in words.iter().chain(&["The evaluator cannot be used."]) {
            assert!(answer.contains(word), "{word:?}: {answer}");
        }
    };
    let good = service.folder.path().join("token");
    let other = format!("sha256:{}", "0".repeat(64));
    check(
        &url,
        &other,
        &good,
        &[
            "found a certificate with the fingerprint",
            "compare it with what",
        ],
    );
    check(
        &url,
        &service.fingerprint,
        &wrong,
        &["found no valid token", "serve token new", "--token-file"],
    );
    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    check(
        &format!("https://{}", gone.unwrap()),
        &service.fingerprint,
        &good,
        &["hexperiment serve", "`--server` names its address"],
    );
}

/// The same in a browser: the error stands on the form, and with the service at its place the page goes on to predictions.
#[test]
fn tables_by_a_service() {
    let service = Service::start(&[]);
    let url = format!("https://{}", service.address);
    let (token, gone) = (service.token(), service.folder.path().join("gone"));
    let started = Started::new(&options(&url, &service, &token));
    let Some(mut browser) = started.browser() else {
        return;
    };
    browser.open(&started.at("/tables"));
    let file = started.file("salary.csv", salaries(120));
    browser.choose_file("[data-upload] input", &file);
    browser.until("location.pathname.startsWith('/tables/') && document.readyState === 'complete'");
    std::fs::rename(&token, &gone).unwrap();
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    browser.until("!document.querySelector('form[data-post] .problem').hidden");
    let said = words(&mut browser, "form[data-post] .problem");
    assert!(
        said.contains("The evaluator cannot be used.") && said.contains("serve token new NAME"),
        "{said}"
    );
    look(&mut browser, "far-wrong");
    std::fs::rename(&gone, &token).unwrap();
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    results(&mut browser);
    browser.until(
        "document.getElementById('left-sum').innerText.includes('bytes of the connection to https://')",
    );
    crossed(&mut browser, "never the secret key");
    let has = words(&mut browser, "#evaluator-has");
    assert!(has.starts_with(&url), "{has}");
    look(&mut browser, "far-result");
}
