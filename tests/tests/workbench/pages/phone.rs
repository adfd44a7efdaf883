//! Each page from upload to result at the width of a phone, by the keyboard alone: nothing is set but by keys.

use super::images::jpeg;
use super::sensors::sensors;
use super::{results, salaries, words};
use crate::browser::Browser;
use crate::started::Started;

/// A browser as wide as a phone; `None` where there is none.
fn phone(started: &Started) -> Option<Browser> {
    let mut browser = started.browser()?;
    browser.shape(390, false);
    Some(browser)
}

/// Goes from the first page to another by its link, and gives it a bad file, which is refused in such words, and then
/// a good one; the page that reads it.
#[track_caller]
fn drops(
    browser: &mut Browser,
    started: &Started,
    page: &str,
    (bad, expect): (&[u8], &str),
    (name, contents): (&str, &[u8]),
) {
    browser.open(&started.at("/"));
    browser.tab_to(&format!("a[href='{page}']"));
    browser.press("Enter");
    browser.until(&format!(
        "location.pathname === '{page}' && document.readyState === 'complete'"
    ));
    browser.choose_file(
        "[data-upload] input",
        &started.file(&format!("bad-{name}"), bad),
    );
    browser
        .until("[...document.querySelectorAll('[data-upload] .problem')].some((p) => !p.hidden)");
    let said = words(browser, "[data-upload] .problem");
    assert!(said.contains(expect), "{said:?} lacks {expect:?}");
    fits(browser);
    browser.choose_file("[data-upload] input", &started.file(name, contents));
    browser.until(&format!(
        "location.pathname.startsWith('{page}/') && document.readyState === 'complete'"
    ));
}

#[track_caller]
fn submits(browser: &mut Browser) {
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    results(browser);
    assert_eq!(browser.faults, [""; 0]);
    assert_eq!(browser.value("innerWidth"), 390);
}

/// Nothing is cut off at the side.
#[track_caller]
fn fits(browser: &mut Browser) {
    let fits = browser.value("document.documentElement.scrollWidth <= innerWidth");
    assert_eq!(fits, true, "{}", browser.value("location.pathname"));
}

#[test]
fn sensors_on_a_phone() {
    let started = Started::new(&[]);
    let Some(mut browser) = phone(&started) else {
        return;
    };
    drops(
        &mut browser,
        &started,
        "/sensors",
        (b"\x89PNG\r\n\x1a\n\0\0\0", "not text"),
        ("press.csv", sensors().as_bytes()),
    );
    submits(&mut browser);
    browser.until("document.querySelectorAll('#score-chart svg[role=img] circle').length > 0");
    browser.tab_to("#threshold");
    browser.press("ArrowLeft");
    browser.tab_to("[data-move=in]");
    browser.press("Enter");
    browser.until("document.getElementById('window').innerText.startsWith('Rows ')");
    fits(&mut browser);
}

#[test]
fn images_on_a_phone() {
    let started = Started::new(&[]);
    let Some(mut browser) = phone(&started) else {
        return;
    };
    drops(
        &mut browser,
        &started,
        "/images",
        (b"a,b\n1,2\n", "expected a PNG or a JPEG"),
        ("ramp.jpg", &jpeg(24, 20)),
    );
    browser.tab_to("select[name=colour]");
    browser.press("ArrowDown");
    submits(&mut browser);
    browser.until("document.querySelectorAll('img.zooms').length === 4");
    browser.tab_to("img.zooms");
    browser.press("ArrowRight");
    browser.until("document.querySelector('.magnifier p')?.innerText.includes('exact')");
    fits(&mut browser);
}

#[test]
fn tables_on_a_phone() {
    let started = Started::new(&[]);
    let Some(mut browser) = phone(&started) else {
        return;
    };
    drops(
        &mut browser,
        &started,
        "/tables",
        (b"only one column\n1\n", "several columns"),
        ("salary.csv", salaries(60).as_bytes()),
    );
    submits(&mut browser);
    let measured = words(&mut browser, "#measured");
    assert!(measured.contains("RMSE 0."), "{measured}");
    browser.tab_to(".result details summary");
    browser.press("Enter");
    browser.until("document.querySelectorAll('#rows tbody tr').length === 18");
    fits(&mut browser);
}

/// A fleet is started, paused and gone on with.
#[test]
fn a_fleet_on_a_phone() {
    let started = Started::new(&[]);
    let Some(mut browser) = phone(&started) else {
        return;
    };
    browser.open(&started.at("/fleet"));
    // No fleet at all is told of, and what was typed is there to be corrected.
    browser.tab_to("input[name=devices]");
    browser.press("Home");
    browser.type_text("-");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    browser.until("document.querySelector('form[data-post] .problem')?.innerText.includes('-100')");
    fits(&mut browser);
    browser.tab_to("input[name=devices]");
    browser.press("Home");
    browser.press("Delete");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    browser.until(
        "Number(document.getElementById('counts')?.innerText.match(/Round (\\d+)/)?.[1]) >= 2",
    );
    browser.tab_to("#pause");
    browser.press("Enter");
    browser.until("document.getElementById('pause').innerText !== 'Pause'");
    fits(&mut browser);
    assert_eq!(browser.faults, [""; 0]);
    // Dots of lists are drawn in the map and in its legend alike, in light and in dark.
    for is_dark in [false, true] {
        browser.shape(390, is_dark);
        let drawn = browser.value(
            "[...document.querySelectorAll('#legend li')].filter((li) => li.innerText.includes('list')).map((li) => {\
             const style = getComputedStyle(li.querySelector('path')); return [style.fill, style.stroke]; })",
        );
        let (white, black) = ("rgb(255, 255, 255)", "rgb(0, 0, 0)");
        assert_eq!(drawn, serde_json::json!([[white, black], [black, white]]));
    }
    browser.tab_to("#stop");
    browser.press("Enter");
    browser.until("document.getElementById('stop').disabled");
}

#[test]
fn experiments_on_a_phone() {
    let started = Started::new(&[]);
    let Some(mut browser) = phone(&started) else {
        return;
    };
    browser.open(&started.at("/experiments"));
    browser.until("document.querySelector('#checked .good') !== null");
    // What is no experiment is not run; corrected, it is.
    browser.tab_to("#text");
    browser.press("Home");
    browser.type_text("x");
    browser.until("document.querySelector('#checked .complaints') !== null");
    fits(&mut browser);
    browser.press("Backspace");
    browser.until("document.querySelector('#checked .good') !== null");
    browser.press("Escape");
    browser.press("Escape");
    browser.tab_to("#editor button[type=submit]");
    browser.press("Enter");
    results(&mut browser);
    assert!(words(&mut browser, ".result").contains("Open the report"));
    fits(&mut browser);
    assert_eq!(browser.faults, [""; 0]);
}
