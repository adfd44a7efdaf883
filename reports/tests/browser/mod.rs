//! Pages as a browser shows them: opened in Chromium without a window, at the widths of a desk and of
//! a phone, light and dark. Where there is no Chromium these tests say so and look at nothing;
//! `HEXPERIMENT_CHROMIUM` names one, and then it must be there.

mod pages;

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

const WIDTHS: [u32; 2] = [1280, 390];

/// What Chromium is called, by Debian first.
const PROGRAMS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

fn chromium() -> Option<OsString> {
    if let Some(program) = std::env::var_os("HEXPERIMENT_CHROMIUM") {
        return Some(program);
    }
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let is_there = |name: &&str| folders.iter().any(|folder| folder.join(name).is_file());
    PROGRAMS.into_iter().find(is_there).map(OsString::from)
}

fn assets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Says so even where the test passes: the test's own output is caught, this is not.
pub(crate) fn note() {
    // If nobody listens, nothing is lost but the note.
    let _ = writeln!(
        std::io::stderr(),
        "note: no Chromium is installed: no page is looked at"
    );
}

/// The page with what watches it: first of all what collects errors, last what looks.
fn watched(page: &str) -> String {
    let watch = "<script>window.faults = []; \
        addEventListener('error', (e) => faults.push(`error: ${e.message}`)); \
        addEventListener('unhandledrejection', (e) => faults.push(`error: ${e.reason}`)); \
        addEventListener('securitypolicyviolation', (e) => \
        faults.push(`blocked: ${e.violatedDirective} ${e.blockedURI}`));</script>";
    let axe = fs::read_to_string(assets().join("assets/axe.min.js")).unwrap();
    let probe = include_str!("probe.js");
    let (before, head) = page.split_once("<title>").unwrap();
    let (head, after) = head.rsplit_once("</body>").unwrap();
    format!(
        "{before}{watch}<title>{head}<script>{axe}</script><script>{probe}</script></body>{after}"
    )
}

/// Opens the page in a frame of that width, for a window has a least one; yields what was found.
fn open(program: &OsString, page: &str, width: u32, is_dark: bool) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("frame.html");
    let page = watched(page).replace('&', "&amp;").replace('"', "&quot;");
    let frame = format!(
        "<!DOCTYPE html><meta charset=utf-8><pre id=found></pre><script>addEventListener('message', (e) => {{ \
         document.getElementById('found').textContent = 'FOUND' + JSON.stringify(e.data) + 'END'; \
         document.querySelector('iframe').remove(); }});</script>\
         <iframe width={width} height=900 style='border:0' srcdoc=\"{page}\"></iframe>"
    );
    fs::write(&file, frame).unwrap();
    // Of Chromium's two preferences the first is dark.
    let scheme = u8::from(!is_dark);
    let output = Command::new(program)
        // Chromium has no sandbox for root, as whom containers run tests; the page is our own.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .args([
            "--disable-background-networking",
            "--virtual-time-budget=30000",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("user").display()
        ))
        .arg(format!("--window-size={},1000", width.max(800) + 40))
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let found = text
        .split_once("FOUND")
        .and_then(|(_, rest)| rest.split_once("END</pre>"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        found.is_some(),
        "the page told nothing, {}: {errors}",
        output.status
    );
    let (found, _) = found.unwrap();
    let found = found
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    serde_json::from_str(&found).unwrap()
}

/// Opens a page in all ways; nothing may be wrong, and these charts are there.
#[track_caller]
fn check(page: &str, charts: &[&str]) {
    let Some(program) = chromium() else {
        note();
        return;
    };
    for width in WIDTHS {
        for is_dark in [false, true] {
            let told = open(&program, page, width, is_dark);
            let place = format!("at {width} pixels, dark: {is_dark}: {told:#}");
            assert_eq!(told["width"], width, "{place}");
            assert_eq!(told["isDark"], is_dark, "{place}");
            assert_eq!(told["found"], serde_json::json!([]), "{place}");
            assert_eq!(told["charts"], serde_json::json!(charts), "{place}");
        }
    }
}

#[test]
fn a_comparison() {
    check(&pages::comparison(), &pages::CHARTS);
}

#[test]
fn a_matrix_with_all_ends_and_files() {
    let more = [
        "Scaling with features",
        "Risk by device",
        "Scores over time",
        "States over time",
        "auc by round",
        "upload bytes by round",
        "Predicted and true",
        "ROC curve",
        "Precision and recall",
        "Calibration",
        "Series and their gaps",
        "Devices by score",
    ];
    check(&pages::matrix(), &[&pages::CHARTS[..], &more].concat());
}

/// Fronts of each kind of machine, and the caution.
#[test]
fn rows_of_unlike_machines() {
    let page = pages::page(&crate::unlike_machines().records(), Path::new("nowhere"));
    // Of a confusion matrix a count alone is there.
    check(&page, &pages::CHARTS[..9]);
}

#[test]
fn nothing_but_refusals() {
    check(&pages::refusals(), &[]);
}

/// The first page of published results, which leads to pages of tasks.
#[test]
fn the_site_of_published_results() {
    check(&pages::site(), &[]);
}

/// Ten thousand records, and the page is not much larger than what it is drawn with.
#[test]
fn many_repetitions_make_no_large_page() {
    let page = pages::many_repetitions(2000);
    let size = page.len();
    assert!(size < 1_000_000, "{size} bytes");
    check(&page, &pages::CHARTS);
}

/// So do ten thousand records of 500 cells.
#[test]
fn many_cells_make_no_large_page() {
    let page = pages::large();
    let size = page.len();
    assert!(size < 1_500_000, "{size} bytes");
    check(
        &page,
        &[&pages::CHARTS[..], &["Scaling with features"]].concat(),
    );
}

/// Told when all is loaded and drawn, in milliseconds from the beginning: what a reader waits for. The charts of the
/// page wait for a timer, so that its table is there first; here they are drawn at once.
const TELLS_TIME: &str = "<script>addEventListener('load', () => { \
    redraw(document.querySelector('article.run')); \
    const drawn = document.querySelectorAll('.plot svg').length; \
    document.body.append(`FOUND${JSON.stringify([performance.now(), drawn])}END`); });</script></body>";

#[test]
#[ignore = "tells times, which a busy machine makes longer: run it alone, with --nocapture"]
fn how_long_large_pages_take_to_open() {
    let Some(program) = chromium() else {
        note();
        return;
    };
    let pages = [
        ("five rows", pages::many_repetitions(2000)),
        ("500 rows", pages::large()),
    ];
    for (what, page) in pages {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("page.html");
        fs::write(&file, page.replacen("</body>", TELLS_TIME, 1)).unwrap();
        let mut times: Vec<f64> = (0..5)
            .map(|_| {
                let output = Command::new(&program)
                    .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
                    .arg("--window-size=1280,1000")
                    .arg(format!(
                        "--user-data-dir={}",
                        folder.path().join("user").display()
                    ))
                    .arg(format!("file://{}", file.display()))
                    .output()
                    .unwrap();
                let text = String::from_utf8_lossy(&output.stdout);
                let found = text
                    .rsplit_once("FOUND")
                    .and_then(|(_, rest)| rest.split_once("END"));
                let (ms, drawn): (f64, usize) = serde_json::from_str(found.unwrap().0).unwrap();
                assert!(drawn >= pages::CHARTS.len(), "{drawn} charts");
                ms
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!(
            "10,000 records of {what}: {} bytes, drawn after {times:.0?} ms",
            page.len()
        );
    }
}

/// What looks at a page does find what is wrong with one.
#[test]
fn faults_are_found() {
    let Some(program) = chromium() else {
        note();
        return;
    };
    let wrong = "<img src='https://example.org/x.png'><p style='width:2000px'>wide</p>\
                 <script>nobody.knows()</script></main>";
    let page = pages::comparison().replacen("</main>", wrong, 1);
    let found = open(&program, &page, 390, false)["found"].to_string();
    for fault in [
        "blocked: img-src",
        "error: Uncaught ReferenceError: nobody",
        "the page is 2",
        "axe: image-alt",
    ] {
        assert!(found.contains(fault), "{fault}: {found}");
    }
}

/// What the page is made of is what its authors published.
#[test]
fn vendored_files_are_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (file, licence, digest) in [
        // d3 7.9.2, dist/d3.min.js
        (
            "assets/d3.min.js",
            "assets/d3.LICENSE",
            "912111098ea99503a6f4967361d2bbdc9dbf58cf9c678c8e27e5b02d1a07f0c1",
        ),
        // @observablehq/plot 0.6.17, dist/plot.umd.min.js
        (
            "assets/plot.min.js",
            "assets/plot.LICENSE",
            "4358086467740777dd788d6b27a95cebdbaefdd50c730a3060117073bd7134cb",
        ),
        // axe-core 4.14.1, axe.min.js: for tests alone
        (
            "tests/assets/axe.min.js",
            "tests/assets/axe.LICENSE",
            "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c",
        ),
    ] {
        let found = Sha256::digest(fs::read(folder.join(file)).unwrap());
        assert_eq!(format!("{found:x}"), digest, "{file}");
        assert!(folder.join(licence).is_file(), "{licence}");
    }
}
