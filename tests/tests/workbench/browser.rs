//! Chromium without a window, driven by its DevTools protocol over two pipes.
//!
//! Crates that do this compile the whole protocol, some ten thousand lines, or want a driver beside the browser;
//! what is said here are a dozen commands.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The longest wait for anything: a run under encryption on a busy machine is done by then.
const PATIENCE: Duration = Duration::from_secs(40);

/// What Chromium is called, by Debian first.
const PROGRAMS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

/// Chromium, if it is installed; `HEXPERIMENT_CHROMIUM` names one, and then it must be there.
pub fn chromium() -> Option<OsString> {
    if let Some(program) = std::env::var_os("HEXPERIMENT_CHROMIUM") {
        return Some(program);
    }
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let is_there = |name: &&str| folders.iter().any(|folder| folder.join(name).is_file());
    PROGRAMS.into_iter().find(is_there).map(OsString::from)
}

/// A browser with one page.
pub struct Browser {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    session: Option<String>,
    calls: u64,
    /// What went wrong in the page: errors, exceptions, what its policy blocked.
    pub faults: Vec<String>,
    /// Answers that told of bad input, which the console lists, too.
    pub refused: u32,
    /// How long is waited for a page.
    pub patience: Duration,
    /// The field whose button has asked the system for a file.
    chooser: Option<Value>,
    _folder: tempfile::TempDir,
}

impl Browser {
    pub fn start(program: &OsString) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh")
            // It reads commands from descriptor 3 and answers on 4.
            .args([
                "-c",
                "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null",
                "sh",
            ])
            .arg(program)
            // Chromium has no sandbox for root, as whom containers run tests; the pages are our own.
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--remote-debugging-pipe",
            ])
            .args([
                "--disable-background-networking",
                "--no-first-run",
                "--hide-scrollbars",
            ])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, messages) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for message in output.split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else {
                    break;
                };
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let input = child.stdin.take().unwrap();
        let mut browser = Self {
            child,
            input,
            messages,
            session: None,
            calls: 0,
            faults: vec![],
            refused: 0,
            patience: PATIENCE,
            chooser: None,
            _folder: folder,
        };
        let target =
            browser.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"]
                .clone();
        let attached = browser.call(
            "Target.attachToTarget",
            json!({ "targetId": target, "flatten": true }),
        );
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "DOM", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.call(
            "Page.setInterceptFileChooserDialog",
            json!({ "enabled": true }),
        );
        browser
    }

    /// Gives a command, and waits for its answer.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        let answer = self.ask(method, parameters);
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].clone()
    }

    /// The answer to a command, with its error where there is one.
    #[track_caller]
    fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.input.write_all(&bytes).unwrap();
        loop {
            let answer = self.messages.recv_timeout(self.patience);
            let answer = answer.unwrap_or_else(|e| panic!("{method}: {e}"));
            if answer["id"] == id {
                return answer;
            }
            self.take(&answer);
        }
    }

    fn take(&mut self, event: &Value) {
        let told = &event["params"];
        match event["method"].as_str() {
            Some("Page.fileChooserOpened") => self.chooser = Some(told["backendNodeId"].clone()),
            Some("Runtime.exceptionThrown") => {
                self.faults.push(format!(
                    "exception: {}",
                    told["exceptionDetails"]["exception"]["description"]
                ));
            }
            Some("Runtime.consoleAPICalled") if told["type"] == "error" => {
                self.faults.push(format!("console: {}", told["args"]));
            }
            Some("Log.entryAdded") if told["entry"]["level"] == "error" => {
                let entry = &told["entry"];
                let text = entry["text"].as_str().unwrap_or_default();
                // The answer to bad input, or of an evaluator that cannot be used: the page shows it in its own words.
                let is_answer = ["422", "413", "403", "502"]
                    .iter()
                    .any(|status| text.contains(status));
                if entry["source"] == "network" && is_answer {
                    self.refused += 1;
                } else {
                    self.faults.push(format!("log: {text} {}", entry["url"]));
                }
            }
            _ => {}
        }
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Value {
        let told = self.call(
            "Runtime.evaluate",
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true }),
        );
        assert!(
            told["exceptionDetails"].is_null(),
            "{expression}: {}",
            told["exceptionDetails"]
        );
        told["result"]["value"].clone()
    }

    /// Waits until an expression is true; a page that is just being left counts as not yet.
    #[track_caller]
    pub fn until(&mut self, expression: &str) {
        let began = Instant::now();
        loop {
            let asked = json!({ "expression": expression, "returnByValue": true });
            // A page that is being left answers with an error.
            let told = self.ask("Runtime.evaluate", asked);
            if told["result"]["result"]["value"] == true {
                return;
            }
            if began.elapsed() > self.patience {
                let page = self.value("location.href + '\\n' + document.body.innerText");
                panic!(
                    "in vain: {expression}; the page is {}",
                    page.as_str().unwrap_or_default()
                );
            }
            std::thread::sleep(Duration::from_millis(40));
        }
    }

    #[track_caller]
    pub fn open(&mut self, address: &str) {
        self.call("Page.navigate", json!({ "url": address }));
        self.until("document.readyState === 'complete'");
    }

    /// A window so wide, light or dark.
    pub fn shape(&mut self, width: u32, is_dark: bool) {
        let height = if width < 600 { 844 } else { 900 };
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false }),
        );
        let scheme = if is_dark { "dark" } else { "light" };
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        );
    }

    /// Presses a key, with Ctrl or Shift where its name begins so.
    pub fn press(&mut self, key: &str) {
        let (modifiers, key) = match key.split_once('+') {
            Some(("Shift", key)) => (8, key),
            Some(("Ctrl", key)) => (2, key),
            _ => (0, key),
        };
        let (code, text) = match key {
            "Backspace" => (8, ""),
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            "PageDown" => (34, ""),
            "End" => (35, ""),
            "ArrowLeft" => (37, ""),
            "ArrowUp" => (38, ""),
            "ArrowRight" => (39, ""),
            "ArrowDown" => (40, ""),
            " " => (32, " "),
            "a" => (65, ""),
            other => panic!("no such key: {other}"),
        };
        let code_name = match key {
            " " => "Space",
            "a" => "KeyA",
            key => key,
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({
                "type": kind, "key": key, "code": code_name, "windowsVirtualKeyCode": code, "modifiers": modifiers,
            });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Types a text where the focus is.
    pub fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Goes to an element by the tabulator alone.
    #[track_caller]
    pub fn tab_to(&mut self, selector: &str) {
        self.tab("Tab", selector);
    }

    /// The same, backwards.
    #[track_caller]
    pub fn tab_back_to(&mut self, selector: &str) {
        self.tab("Shift+Tab", selector);
    }

    #[track_caller]
    fn tab(&mut self, key: &str, selector: &str) {
        for _ in 0..120 {
            if self.value(&format!(
                "document.activeElement?.matches({selector:?}) ?? false"
            )) == true
            {
                return;
            }
            self.press(key);
        }
        panic!("{selector} is not reached by the keyboard");
    }

    /// Chooses what has this value of the list that has the focus, by the arrows.
    #[track_caller]
    pub fn choose(&mut self, value: &str) {
        let way = self.value(&format!(
            "(() => {{ const list = document.activeElement; \
             const place = [...list.options].findIndex((option) => option.value === {value:?}); \
             return place < 0 ? 'none' : place - list.selectedIndex; }})()"
        ));
        let way = way.as_i64().unwrap_or_else(|| panic!("no {value} there"));
        for _ in 0..way.unsigned_abs() {
            self.press(if way < 0 { "ArrowUp" } else { "ArrowDown" });
        }
        assert_eq!(self.value("document.activeElement.value"), value);
    }

    /// Types into a field in place of what stands there.
    #[track_caller]
    pub fn fill(&mut self, selector: &str, text: &str) {
        self.tab_to(selector);
        self.press("Ctrl+a");
        self.type_text(text);
    }

    /// Gives a file to a field: the keyboard reaches it, and a key asks for the system's own dialog, which is no part of the
    /// page and is answered for whoever sits there.
    #[track_caller]
    pub fn choose_file(&mut self, selector: &str, file: &Path) {
        self.tab_to(selector);
        self.chooser = None;
        self.press("Enter");
        let began = Instant::now();
        let field = loop {
            // What the browser tells comes with its answers.
            self.value("true");
            if let Some(field) = self.chooser.take() {
                break field;
            }
            assert!(
                began.elapsed() < self.patience,
                "{selector} asks for no file"
            );
            std::thread::sleep(Duration::from_millis(20));
        };
        self.call(
            "DOM.setFileInputFiles",
            json!({ "backendNodeId": field, "files": [file] }),
        );
    }

    /// A picture of the whole page, where somebody wants to look at it.
    pub fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("HEXPERIMENT_SCREENSHOTS") else {
            return;
        };
        let told = self.call(
            "Page.captureScreenshot",
            json!({ "format": "png", "captureBeyondViewport": true }),
        );
        let bytes = decoded(told["data"].as_str().unwrap());
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes of base64, as a picture comes.
fn decoded(text: &str) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Vec<u32> = text
        .bytes()
        .filter_map(|b| LETTERS.iter().position(|l| *l == b))
        .map(|d| d as u32)
        .collect();
    let mut bytes = vec![];
    for four in digits.chunks(4) {
        let word = four.iter().fold(0, |word, digit| word << 6 | digit) << (6 * (4 - four.len()));
        bytes.extend(word.to_be_bytes()[1..four.len()].iter());
    }
    bytes
}
