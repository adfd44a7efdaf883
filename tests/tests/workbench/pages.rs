//! Each page from upload to result.

mod experiments;
mod images;
mod keyboard;
mod sensors;
mod tables;

use crate::browser::Browser;
use crate::started::{Started, look};
pub use tables::salaries;

/// Waits until a run that was started has its results on the page.
#[track_caller]
pub fn results(browser: &mut Browser) {
    browser.until("location.pathname.startsWith('/jobs/') && document.readyState === 'complete'");
    browser.until(
        "['done', 'failed', 'cancelled'].includes(document.getElementById('job')?.dataset.status)",
    );
    // The page was loaded anew with them.
    browser.until("document.querySelector('.result, section.problem') !== null && document.readyState === 'complete'");
}

/// The words of an element.
#[track_caller]
pub fn words(browser: &mut Browser, selector: &str) -> String {
    let text = browser.value(&format!(
        "document.querySelector({selector:?})?.innerText ?? 'none'"
    ));
    text.as_str().unwrap().to_owned()
}

/// A bad file is refused in words, on the page.
#[track_caller]
fn refuses(
    browser: &mut Browser,
    started: &Started,
    page: &str,
    name: &str,
    contents: &[u8],
    expect: &str,
) {
    browser.open(&started.at(page));
    let file = started.file(name, contents);
    browser.choose_file("main [data-upload] input[type=file]", &file);
    browser
        .until("[...document.querySelectorAll('[data-upload] .problem')].some((p) => !p.hidden)");
    let said = words(browser, "[data-upload] .problem");
    assert!(said.contains(expect), "{said:?} lacks {expect:?}");
    assert!(browser.refused > 0);
}

/// What crossed is told in full, and its beginning in hexadecimal.
#[track_caller]
pub fn crossed(browser: &mut Browser, expect: &str) {
    browser.until("document.querySelectorAll('#kinds tbody tr').length > 5");
    let sum = words(browser, "#left-sum");
    assert!(
        sum.contains("went to the evaluator") && sum.contains("came back"),
        "{sum}"
    );
    let steps =
        browser.value("[...document.querySelectorAll('[data-step]')].map((s) => s.dataset.state)");
    assert!(
        steps
            .as_array()
            .unwrap()
            .iter()
            .all(|state| state == "done"),
        "{steps}"
    );
    browser.tab_to("#frames-fold summary");
    browser.press("Enter");
    browser.until("document.querySelectorAll('#frames tbody button').length > 0");
    browser.tab_to("#frames tbody button");
    browser.press("Enter");
    let hex = words(browser, "#hex pre");
    assert!(hex.starts_with("000000  "), "{hex}");
    let knows = words(browser, "#knows");
    assert!(
        knows.contains("It sees ") && knows.contains(expect),
        "{knows}"
    );
}

/// The link with the token logs in, also in a tab where the page is open already.
#[test]
fn the_link_logs_in_where_the_page_is_open() {
    let started = Started::new(&[]);
    let Some(mut browser) = started.browser() else {
        return;
    };
    browser.open(&started.at("/login"));
    browser.value(&format!("location.hash = '#token={}'; true", started.token));
    browser.until("location.pathname === '/' && document.readyState === 'complete'");
    browser.open(&started.at("/login"));
    look(&mut browser, "login");
    browser.value("location.hash = '#token=00'; true");
    browser
        .until("(document.querySelector('.problem')?.innerText ?? '').includes('not the token')");
    look(&mut browser, "login-wrong");
}
