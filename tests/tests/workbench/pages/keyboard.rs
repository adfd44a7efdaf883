//! Each page from upload to result at the widths of a desk and of a phone, by the keyboard alone: nothing is set but by keys.

use super::images::{jpeg, png};
use super::sensors::sensors;
use super::{results, salaries, words};
use crate::browser::Browser;
use crate::started::Started;

/// Widths of a desk and of a phone, in pixels.
const WIDTHS: [u32; 2] = [1280, 390];

/// Goes through a page at each width, with a workbench and a browser of its own; not where there is no browser.
#[track_caller]
fn at_each_width(visit: impl Fn(&mut Browser, &Started)) {
    for width in WIDTHS {
        let started = Started::new(&[]);
        let Some(mut browser) = started.browser() else {
            return;
        };
        browser.shape(width, false);
        visit(&mut browser, &started);
        assert_eq!(browser.value("innerWidth"), width);
        assert_eq!(browser.faults, [""; 0]);
    }
}

/// Goes from the first page to another by its link.
#[track_caller]
fn goes(browser: &mut Browser, started: &Started, page: &str) {
    browser.open(&started.at("/"));
    browser.tab_to(&format!("a[href='{page}']"));
    browser.press("Enter");
    browser.until(&format!(
        "location.pathname === '{page}' && document.readyState === 'complete'"
    ));
}

/// Goes to a page and gives it a file that it cannot take: it says so where the file was given, within the width, and
/// takes another file.
#[track_caller]
fn refuses(
    browser: &mut Browser,
    started: &Started,
    page: &str,
    (name, contents): (&str, &[u8]),
    expect: &str,
) {
    goes(browser, started, page);
    browser.choose_file("[data-upload] input", &started.file(name, contents));
    complains(browser, "[data-upload] .problem", expect);
    let takes_another = browser
        .value("!document.querySelector('[data-upload] input').disabled && location.pathname");
    assert_eq!(takes_another, page);
}

/// What is wrong is said in an element that is read out, and is not cut off at the side.
#[track_caller]
fn complains(browser: &mut Browser, selector: &str, expect: &str) {
    browser.until(&format!(
        "(document.querySelector({selector:?})?.innerText ?? '').includes({expect:?})"
    ));
    let is_told = browser.value(&format!(
        "(() => {{ const told = document.querySelector({selector:?}); const place = told.getBoundingClientRect(); \
         return [told.closest('[role=alert], [aria-live], [role=status]') !== null, \
         place.left >= 0 && place.right <= innerWidth && place.height > 0]; }})()"
    ));
    assert_eq!(is_told, serde_json::json!([true, true]), "{selector}");
    fits(browser);
    assert_eq!(browser.faults, [""; 0]);
}

/// Goes from the first page to another by its link, and gives it a file; the page that reads it.
#[track_caller]
fn drops(browser: &mut Browser, started: &Started, page: &str, name: &str, contents: &[u8]) {
    goes(browser, started, page);
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
}

/// Nothing is cut off at the side.
#[track_caller]
fn fits(browser: &mut Browser) {
    let fits = browser.value("document.documentElement.scrollWidth <= innerWidth");
    assert_eq!(fits, true, "{}", browser.value("location.pathname"));
}

#[test]
fn sensors_by_keys() {
    at_each_width(visits_sensors);
}

fn visits_sensors(browser: &mut Browser, started: &Started) {
    refuses(
        browser,
        started,
        "/sensors",
        ("bad.csv", b"\x89PNG\r\n\x1a\n\0\0\0"),
        "not text",
    );
    // A table with mistakes is read, and they are listed with their lines.
    let wrong = "time,a,b\n".to_owned() + &"x,1,2\n".repeat(20) + "x,oops,2\nx,1\n";
    drops(browser, started, "/sensors", "wrong.csv", wrong.as_bytes());
    let said = words(browser, "main .problem");
    assert!(
        said.contains("line 22: column a: found \"oops\"")
            && said.contains("line 23: found 2 fields"),
        "{said}"
    );
    fits(browser);
    drops(
        browser,
        started,
        "/sensors",
        "press.csv",
        sensors().as_bytes(),
    );
    submits(browser);
    browser.until("document.querySelectorAll('#score-chart svg[role=img] circle').length > 0");
    browser.tab_to("#threshold");
    browser.press("ArrowLeft");
    browser.tab_to("[data-move=in]");
    browser.press("Enter");
    browser.until("document.getElementById('window').innerText.startsWith('Rows ')");
    fits(browser);
}

#[test]
fn images_by_keys() {
    at_each_width(visits_images);
}

fn visits_images(browser: &mut Browser, started: &Started) {
    // The beginning of a JPEG alone, and what is no image under the name of one.
    let photo = jpeg(24, 20);
    refuses(
        browser,
        started,
        "/images",
        ("half.jpg", &photo[..40]),
        "half.jpg: cannot be read",
    );
    refuses(
        browser,
        started,
        "/images",
        ("bad.jpg", b"a,b\n1,2\n"),
        "expected a PNG or a JPEG",
    );
    drops(browser, started, "/images", "ramp.png", &png(24, 20, 0));
    browser.tab_to("select[name=colour]");
    browser.press("ArrowDown");
    submits(browser);
    browser.until("document.querySelectorAll('img.zooms').length === 4");
    browser.tab_to("img.zooms");
    browser.press("ArrowRight");
    browser.until("document.querySelector('.magnifier p')?.innerText.includes('exact')");
    fits(browser);
}

#[test]
fn tables_by_keys() {
    at_each_width(visits_tables);
}

fn visits_tables(browser: &mut Browser, started: &Started) {
    refuses(
        browser,
        started,
        "/tables",
        ("bad.csv", b"only one column\n1\n"),
        "several columns",
    );
    drops(
        browser,
        started,
        "/tables",
        "salary.csv",
        salaries(60).as_bytes(),
    );
    submits(browser);
    let measured = words(browser, "#measured");
    assert!(measured.contains("RMSE 0."), "{measured}");
    browser.tab_to(".result details summary");
    browser.press("Enter");
    browser.until("document.querySelectorAll('#rows tbody tr').length === 18");
    fits(browser);
}

/// A fleet is started, paused and gone on with.
#[test]
fn a_fleet_by_keys() {
    at_each_width(visits_a_fleet);
}

fn visits_a_fleet(browser: &mut Browser, started: &Started) {
    goes(browser, started, "/fleet");
    // No number of devices; then none that it takes. Backspaces, as a phone has them, take what stands there away.
    browser.tab_to("[name=devices]");
    for _ in 0..6 {
        browser.press("Backspace");
    }
    browser.type_text("many");
    browser.press("Enter");
    complains(
        browser,
        "form[data-post] .problem",
        "Devices: found \"many\", expected a whole number from 1 to 10000",
    );
    browser.tab_to("[name=devices]");
    for _ in 0..4 {
        browser.press("Backspace");
    }
    browser.type_text("100");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    browser.until(
        "Number(document.getElementById('counts')?.innerText.match(/Round (\\d+)/)?.[1]) >= 2",
    );
    browser.tab_to("#pause");
    browser.press("Enter");
    browser.until("document.getElementById('pause').innerText !== 'Pause'");
    fits(browser);
    assert_eq!(browser.faults, [""; 0]);
    // Dots of lists are drawn in the map and in its legend alike, in light and in dark.
    let width = browser.value("innerWidth").as_u64().unwrap() as u32;
    for is_dark in [false, true] {
        browser.shape(width, is_dark);
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
fn experiments_by_keys() {
    at_each_width(visits_experiments);
}

fn visits_experiments(browser: &mut Browser, started: &Started) {
    goes(browser, started, "/experiments");
    browser.until("document.querySelector('#checked .good') !== null");
    // A word too many: it is complained of while one types, with its line, and the button runs nothing.
    browser.tab_to("#text");
    browser.press("End");
    browser.type_text("x");
    browser.until("document.querySelector('#checked .complaints') !== null");
    fits(browser);
    browser.press("Escape");
    browser.press("Escape");
    browser.tab_to("#editor button[type=submit]");
    browser.press("Enter");
    complains(browser, "#editor .problem", ": not TOML");
    browser.tab_to("#text");
    browser.press("Backspace");
    browser.until("document.querySelector('#checked .good') !== null");
    browser.press("Escape");
    browser.press("Escape");
    browser.tab_to("#editor button[type=submit]");
    browser.press("Enter");
    results(browser);
    assert!(words(browser, ".result").contains("Open the report"));
    fits(browser);
    assert_eq!(browser.faults, [""; 0]);
}

/// A JPEG from upload to pixels, at the widths of a desk and of a phone.
#[test]
fn a_jpeg_from_upload_to_pixels() {
    let started = Started::new(&[]);
    let Some(mut browser) = started.browser() else {
        return;
    };
    for width in WIDTHS {
        browser.shape(width, false);
        drops(
            &mut browser,
            &started,
            "/images",
            "photo.jpg",
            &jpeg(24, 20),
        );
        assert_eq!(
            words(&mut browser, "figure.picture figcaption"),
            "24 x 20 pixels"
        );
        browser.tab_to("form[data-post] button[type=submit]");
        browser.press("Enter");
        results(&mut browser);
        browser.until(
            "document.querySelectorAll('img.zooms').length === 4 && \
             [...document.images].every((i) => i.complete && i.naturalWidth > 0)",
        );
        let told = words(&mut browser, "#images");
        assert!(told.contains("grey levels"), "{told}");
        browser.tab_to("img.zooms");
        browser.press("ArrowRight");
        browser.until("document.querySelector('.magnifier p')?.innerText.includes('exact')");
        fits(&mut browser);
        assert_eq!(browser.faults, [""; 0]);
    }
}

/// Who has the token types it, and who has another one is told so.
#[test]
fn login_by_keys() {
    let started = Started::new(&[]);
    for width in WIDTHS {
        let Some(mut browser) = started.browser_at("/login", width) else {
            return;
        };
        let wrong = "0".repeat(started.token.len());
        for (token, end) in [
            (
                &wrong,
                "(document.querySelector('.problem')?.innerText ?? '').includes('not the token')",
            ),
            (&started.token, "location.pathname === '/'"),
        ] {
            browser.tab_to("#token");
            browser.type_text(token);
            browser.press("Enter");
            browser.until("document.readyState === 'complete'");
            browser.until(end);
            fits(&mut browser);
        }
    }
}
