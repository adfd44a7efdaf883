//! The charts of a run's page as SVG: drawn by Chromium without a window, as a reader sees them.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hexperiment_diagnostics::process;

use crate::Shown;
use crate::html::html;

/// What Chromium is called, by Debian first.
const PROGRAMS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

/// Names the browser, where it is none of these.
const VARIABLE: &str = "HEXPERIMENT_CHROMIUM";

/// Time for one page.
const LIMIT: Duration = Duration::from_mins(2);

/// A chart as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// The file's name: small letters, digits and hyphens, and `.svg`.
    pub name: String,
    /// The file's text.
    pub svg: String,
}

/// The browser: what `HEXPERIMENT_CHROMIUM` names, or the first of the usual names in the `PATH`.
///
/// # Errors
/// There is none; the words say how to get one.
pub fn find_chromium() -> Result<OsString, String> {
    if let Some(program) = std::env::var_os(VARIABLE) {
        return Ok(program);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let is_there = |name: &&str| folders.iter().any(|folder| folder.join(name).is_file());
    let found = PROGRAMS.into_iter().find(is_there).map(OsString::from);
    found.ok_or_else(|| {
        format!(
            "found no browser to draw the charts (looked for {} in PATH)\n  help: install Chromium (Debian: \
             apt install chromium), or name one by {VARIABLE}; or open report.html and use \"Save as SVG\" \
             below a chart",
            PROGRAMS.join(", ")
        )
    })
}

/// The charts of a run's page, light, in the page's order. The browser gets `folder`, an empty one, for
/// its own files, and ends before this returns.
///
/// # Errors
/// The folder cannot be written, the browser does not start, takes too long, or draws nothing that can
/// be read.
pub fn charts(shown: &Shown<'_>, browser: &OsString, folder: &Path) -> io::Result<Vec<Chart>> {
    let page = html(&[*shown]);
    let asks =
        "<script>addEventListener('load', () => setTimeout(exportCharts, 300));</script></body>";
    let page = page.replacen("</body>", asks, 1);
    let file = folder.join("page.html");
    fs::write(&file, page)?;
    let mut child = Command::new(browser)
        // Chromium has no sandbox for root, as whom containers run; the page is our own.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .args([
            "--disable-background-networking",
            "--virtual-time-budget=30000",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("browser").display()
        ))
        .args([
            "--window-size=1280,1000",
            "--blink-settings=preferredColorScheme=1",
        ])
        .arg(format!("file://{}", file.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| {
            io::Error::new(
                e.kind(),
                format!("{} cannot be started: {e}", browser.display()),
            )
        })?;
    let output = child.stdout.take();
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.map_or(Ok(0), |mut output| output.read_to_end(&mut bytes));
        read.map(|_| bytes)
    });
    if process::within(&mut child, LIMIT).is_none() {
        // It has no files but its own.
        let _ = child.kill();
        let _ = child.wait();
        let seconds = LIMIT.as_secs();
        return Err(io::Error::other(format!(
            "{} took longer than {seconds} s",
            browser.display()
        )));
    }
    let bytes = reader
        .join()
        .map_err(|_| io::Error::other("what the browser said was lost"))??;
    read(&String::from_utf8_lossy(&bytes)).ok_or_else(|| {
        io::Error::other(format!(
            "{} drew no page that can be read",
            browser.display()
        ))
    })
}

/// What the page's script left in the place of the page.
fn read(text: &str) -> Option<Vec<Chart>> {
    let (_, rest) = text.split_once("<pre>CHARTS")?;
    let (encoded, _) = rest.split_once("END</pre>")?;
    let bytes = BASE64_STANDARD.decode(encoded).ok()?;
    let charts: Vec<(String, String)> = serde_json::from_slice(&bytes).ok()?;
    let is_name = |name: &str| {
        let stem = name.strip_suffix(".svg").unwrap_or_default();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !stem.is_empty() && stem.chars().all(fits)
    };
    let charts = charts.into_iter().filter(|(name, _)| is_name(name));
    Some(charts.map(|(name, svg)| Chart { name, svg }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_leaves_is_read() {
        let encoded = BASE64_STANDARD.encode(r#"[["a-1.svg","<svg/>"],["../b.svg","x"]]"#);
        let charts = read(&format!("<html><pre>CHARTS{encoded}END</pre>"));
        let (name, svg) = ("a-1.svg".into(), "<svg/>".into());
        assert_eq!(charts, Some(vec![Chart { name, svg }]));
        assert_eq!(read("<html>"), None);
        assert_eq!(read("<pre>CHARTS!END</pre>"), None);
    }
}
