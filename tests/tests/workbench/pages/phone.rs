//! Each page from upload to result at the width of a phone, by the keyboard alone: nothing is set but by keys.

use super::images::{jpeg, png};
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
    refuses(
        &mut browser,
        &started,
        "/sensors",
        ("bad.csv", b"\x89PNG\r\n\x1a\n\0\0\0"),
        "not text",
    );
    // A table with mistakes is read, and they are listed with their lines.
    let wrong = "time,a,b\n".to_owned() + &"x,1,2\n".repeat(20) + "x,oops,2\nx,1\n";
    drops(
        &mut browser,
        &started,
        "/sensors",
        "wrong.csv",
        wrong.as_bytes(),
    );
    let said = words(&mut browser, "main .problem");
    assert!(
        said.contains("line 22: column a: found \"oops\"")
            && said.contains("line 23: found 2 fields"),
        "{said}"
    );
    fits(&mut browser);
    drops(
        &mut browser,
        &started,
        "/sensors",
        "press.csv",
        sensors().as_bytes(),
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
    // The beginning of a JPEG alone, and what is no image under the name of one.
    let photo = jpeg(24, 20);
    refuses(
        &mut browser,
        &started,
        "/images",
        ("half.jpg", &photo[..40]),
        "half.jpg: cannot be read",
    );
    refuses(
        &mut browser,
        &started,
        "/images",
        ("bad.jpg", b"a,b\n1,2\n"),
        "expected a PNG or a JPEG",
    );
    drops(
        &mut browser,
        &started,
        "/images",
        "ramp.png",
        &png(24, 20, 0),
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
    refuses(
        &mut browser,
        &started,
        "/tables",
        ("bad.csv", b"only one column\n1\n"),
        "several columns",
    );
    drops(
        &mut browser,
        &started,
        "/tables",
        "salary.csv",
        salaries(60).as_bytes(),
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
    goes(&mut browser, &started, "/fleet");
    // No number of devices; then none that it takes. Backspaces, as a phone has them, take what stands there away.
    browser.tab_to("[name=devices]");
    for _ in 0..6 {
        browser.press("Backspace");
    }
    browser.type_text("many");
    browser.press("Enter");
    complains(
        &mut browser,
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
    goes(&mut browser, &started, "/experiments");
    browser.until("document.querySelector('#checked .good') !== null");
    // A word too many: it is complained of while one types, with its line, and the button runs nothing.
    browser.tab_to("#text");
    browser.press("End");
    browser.type_text("x");
    browser.until("document.querySelector('#checked .complaints') !== null");
    fits(&mut browser);
    browser.press("Escape");
    browser.press("Escape");
    browser.tab_to("#editor button[type=submit]");
    browser.press("Enter");
    complains(&mut browser, "#editor .problem", ": not TOML");
    browser.tab_to("#text");
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

/// A JPEG from upload to pixels, at the widths of a desk and of a phone.
#[test]
fn a_jpeg_from_upload_to_pixels() {
    let started = Started::new(&[]);
    let Some(mut browser) = started.browser() else {
        return;
    };
    for width in [1280, 390] {
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
