//! A workbench that was started, and what is looked at on each of its pages.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::browser::{Browser, chromium};

/// The program, serving; ended when it goes out of scope.
pub struct Started {
    child: Child,
    /// As in `127.0.0.1:8484`.
    pub host: String,
    pub token: String,
    pub folder: tempfile::TempDir,
}

impl Started {
    pub fn new(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let experiments = repository().join("experiments");
        let mut child = Command::new(env!("CARGO_BIN_EXE_hexperiment-under-test"))
            .args([
                "workbench",
                "--port",
                "0",
                "--runs",
                "runs",
                "--experiments",
            ])
            .arg(experiments)
            .args(more)
            .current_dir(folder.path())
            .env("TMPDIR", folder.path())
            .env("XDG_CACHE_HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let link = lines
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.contains("login#token="))
            .unwrap();
        let (address, token) = link.split_once("/login#token=").unwrap();
        let (_, host) = address.split_once("http://").unwrap();
        // Whatever else it says is read, so that it never waits for a reader.
        let (host, token) = (host.to_owned(), token.to_owned());
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            host,
            token,
            folder,
        }
    }

    #[cfg(target_os = "linux")]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as no program can prevent.
    #[cfg(target_os = "linux")]
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }

    /// A file to drop.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path
    }

    /// A browser that has logged in; `None` where there is none, which is said.
    pub fn browser(&self) -> Option<Browser> {
        let mut browser = self.browser_at("/login", 1280)?;
        browser.tab_to("#token");
        browser.type_text(&self.token);
        browser.press("Enter");
        browser.until("location.pathname === '/' && document.readyState === 'complete'");
        Some(browser)
    }

    /// A browser of this width on a page, as a stranger.
    pub fn browser_at(&self, page: &str, width: u32) -> Option<Browser> {
        let Some(program) = chromium() else {
            // If nobody listens, nothing is lost but the note.
            let _ = writeln!(
                std::io::stderr(),
                "note: no Chromium is installed: the workbench is not looked at"
            );
            return None;
        };
        let mut browser = Browser::start(&program);
        browser.shape(width, false);
        browser.open(&self.at(page));
        Some(browser)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Looks at the page that is open at both widths, light and dark: nothing is cut, nothing went wrong, and axe finds
/// nothing serious.
#[track_caller]
pub fn look(browser: &mut Browser, name: &str) {
    let axe =
        std::fs::read_to_string(repository().join("reports/tests/assets/axe.min.js")).unwrap();
    browser.value(&format!("{axe}; true"));
    for (width, is_dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
        browser.shape(width, is_dark);
        // Charts are drawn anew a moment after the window has changed.
        browser.value("new Promise((done) => setTimeout(done, 400))");
        let wide = browser.value(
            "document.documentElement.scrollWidth <= innerWidth ? '' : `${document.documentElement.scrollWidth}: ` + \
             [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 \
             && !e.closest('.scroll, pre')).slice(0, 3).map((e) => e.outerHTML.slice(0, 160)).join(' | ')",
        );
        assert_eq!(wide, "", "{name} at {width} pixels");
        let found = browser.value(
            "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations\
             .filter((v) => ['serious', 'critical'].includes(v.impact))\
             .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + (n.any[0]?.message ?? '')).join(' | ')}`))",
        );
        assert_eq!(found, serde_json::json!([]), "{name} at {width} pixels");
        let shade = if is_dark { "dark" } else { "light" };
        browser.picture(&format!("{name}-{width}-{shade}"));
    }
    assert_eq!(browser.faults, [""; 0], "{name}");
    browser.shape(1280, false);
}
