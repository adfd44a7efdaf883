//! From a CSV of sensors to anomalies.

use std::fmt::Write as _;
use std::io::Write as _;

use super::{crossed, refuses, results, words};
use crate::browser::Browser;
use crate::started::{Started, look};

/// A CSV of sensors: gaps, a marker, a time that a spreadsheet would take for a formula, alarms.
pub fn sensors() -> String {
    let mut text = String::from("time,pressure,heat,flow,fail\n");
    for row in 0..240 {
        let wave = (f64::from(row) / 7.0).sin();
        let fail = row % 12 == 5;
        let time = if row == 3 {
            "=1+2".to_owned()
        } else {
            format!("2026-05-{:02} {:02}:00", row / 24 + 1, row % 24)
        };
        let pressure = match row % 9 {
            4 => String::new(),
            _ => format!("{:.3}", 10.0 + wave + if fail { 3.0 } else { 0.0 }),
        };
        let heat = if row % 17 == 0 {
            "-999".to_owned()
        } else {
            format!("{:.3}", 50.0 - wave)
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{time},{pressure},{heat},{:.3},{}",
            wave * wave + f64::from(row % 5),
            u8::from(fail)
        );
    }
    text
}

#[test]
fn sensors_from_upload_to_anomalies() {
    let started = Started::new(&[]);
    let Some(mut browser) = started.browser() else {
        return;
    };
    look(&mut browser, "start");
    browser.open(&started.at("/sensors"));
    look(&mut browser, "sensors");
    refuses(
        &mut browser,
        &started,
        "/sensors",
        "bad.csv",
        b"\x89PNG\r\n\x1a\n\0\0\0",
        "not text",
    );
    // A table with mistakes is shown with them.
    browser.open(&started.at("/sensors"));
    let wrong = "time,a,b\n".to_owned() + &"x,1,2\n".repeat(20) + "x,oops,2\nx,1\n";
    browser.choose_file("[data-upload] input", &started.file("wrong.csv", wrong));
    browser
        .until("location.pathname.startsWith('/sensors/') && document.readyState === 'complete'");
    let said = words(&mut browser, "main .problem");
    assert!(
        said.contains("line 22: column a: found \"oops\"")
            && said.contains("line 23: found 2 fields"),
        "{said}"
    );
    look(&mut browser, "sensors-wrong");

    browser.open(&started.at("/sensors"));
    browser.choose_file("[data-upload] input", &started.file("press.csv", sensors()));
    browser
        .until("location.pathname.startsWith('/sensors/') && document.readyState === 'complete'");
    let read = words(&mut browser, "main .answer");
    assert!(
        read.contains("240 rows and 5 columns") && read.contains("42 gaps"),
        "{read}"
    );
    look(&mut browser, "sensors-read");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    results(&mut browser);
    browser.until("document.querySelectorAll('#score-chart svg[role=img] circle').length > 0");
    let alarms = words(&mut browser, "#alarms");
    assert!(alarms.contains(" in 240 rows"), "{alarms}");
    crossed(&mut browser, "never the secret key");
    look(&mut browser, "sensors-result");

    // The threshold: more alarms below, none at its end; zoom by the keyboard.
    let count = |browser: &mut Browser| {
        words(browser, "#alarms")
            .split(' ')
            .next()
            .unwrap()
            .parse::<u32>()
            .unwrap()
    };
    let before = count(&mut browser);
    browser.tab_to("#threshold");
    browser.press("PageDown");
    browser.press("PageDown");
    browser.until(&format!(
        "parseInt(document.getElementById('alarms').innerText) > {before}"
    ));
    browser.tab_to("[data-move=in]");
    browser.press("Enter");
    browser.until("document.getElementById('window').innerText.startsWith('Rows 60 to 179')");
    look(&mut browser, "sensors-zoomed");
    let axis = browser
        .value("document.querySelector('#score-chart svg[role=img]').textContent")
        .to_string();
    assert!(
        axis.contains("2026-05-") && axis.contains("rows in their order"),
        "{axis}"
    );
    let csv =
        browser.value("fetch(document.getElementById('download').href).then((a) => a.text())");
    let csv = csv.as_str().unwrap();
    assert_eq!(csv.lines().count(), 241);
    assert!(csv.contains("\n'=1+2,"), "{csv}");
    let flags = csv.lines().filter(|line| line.ends_with(",1")).count() as u32;
    assert_eq!(flags, count(&mut browser));

    // The model that was trained scores other rows, five of them.
    let five: String = sensors()
        .lines()
        .take(6)
        .fold(String::new(), |text, line| text + line + "\n");
    browser.open(&started.at("/sensors"));
    browser.choose_file("[data-upload] input", &started.file("five.csv", five));
    browser
        .until("location.pathname.startsWith('/sensors/') && document.readyState === 'complete'");
    let model = words(&mut browser, "select[name=model] option:checked");
    assert!(model.contains("press.csv"), "{model}");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    results(&mut browser);
    browser.until("document.getElementById('alarms')?.innerText.includes(' in 5 rows')");
    look(&mut browser, "sensors-five");
}

/// Five rows of a known data set, by nothing but the page's defaults: a model is trained on the data set first.
#[test]
fn five_rows_are_scored_by_the_defaults() {
    let data = std::env::var_os("HEXPERIMENT_DATA").map(std::path::PathBuf::from);
    let upload = data.map(|folder| folder.join("secom_upload.csv"));
    let Some(upload) = upload.filter(|file| file.is_file()) else {
        // If nobody listens, nothing is lost but the note.
        let _ = writeln!(
            std::io::stderr(),
            "note: HEXPERIMENT_DATA has no secom_upload.csv: it is not scored"
        );
        return;
    };
    let started = Started::new(&[]);
    let Some(mut browser) = started.browser() else {
        return;
    };
    // Of known data sets those are offered that a detector can be trained on.
    browser.open(&started.at("/sensors"));
    let offered = words(&mut browser, "select[name=dataset]");
    assert!(offered.contains("secom: 1567 rows"), "{offered}");
    for other in ["penguin", "photo", "scene", "diabetes", "secom-upload"] {
        assert!(!offered.contains(other), "{offered}");
    }
    browser.choose_file("[data-upload] input", &upload);
    browser
        .until("location.pathname.startsWith('/sensors/') && document.readyState === 'complete'");
    let model = words(&mut browser, "select[name=model] option:checked");
    assert!(model.contains("train first on secom"), "{model}");
    look(&mut browser, "sensors-secom-read");
    let form = browser.value("location.pathname");
    let form = form.as_str().unwrap().to_owned();
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    results(&mut browser);
    browser.until("document.getElementById('alarms')?.innerText.includes(' in 5 rows')");
    browser.until("document.querySelectorAll('#score-chart svg[role=img] circle').length > 0");
    // The sensors of the model, and no others; one gap is one.
    let sensors =
        browser.value("[...document.querySelectorAll('#sensor option')].map((o) => o.innerText)");
    let sensors: Vec<&str> = sensors
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|s| s.as_str())
        .collect();
    assert_eq!(sensors.len(), 12, "{sensors:?}");
    assert!(
        !sensors.iter().any(|sensor| sensor.contains("1 gaps")),
        "{sensors:?}"
    );
    let lines = words(&mut browser, "#lines");
    let left = words(&mut browser, "section#left");
    assert!(left.contains("nothing left the machine"), "{left}");
    assert!(
        !lines.contains("upload.csv") || lines.contains("secom_upload.csv"),
        "{lines}"
    );
    look(&mut browser, "sensors-secom");

    // Asked to train on it all the same, which no key does, the page says what is wrong with that, in its own words.
    browser.open(&started.at(&form));
    browser.value(
        "const m = document.querySelector('select[name=model]'); const t = m.querySelector('[value=train]'); t.disabled = false; \
         m.value = 'train'; true",
    );
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    browser.until("[...document.querySelectorAll('form .problem')].some((p) => !p.hidden)");
    let said = words(&mut browser, "form[data-post] .problem");
    for part in [
        "Model: secom_upload.csv has 5 rows",
        "too few to train on",
        "known data set",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

/// A file of 100 MB, by the page's defaults: it is read, scored and shown; what is kept of it meanwhile is told.
#[test]
#[ignore = "minutes of both processors"]
fn a_file_of_100_megabytes() {
    let started = Started::new(&[]);
    let Some(mut browser) = started.browser() else {
        return;
    };
    let mut text = String::from("time,pressure,heat,flow,level,fail\n");
    let mut row = 0_u32;
    while text.len() < 100_000_000 {
        let wave = (f64::from(row) / 50.0).sin();
        let fail = row % 97 == 5;
        let gap = if row % 31 == 7 {
            String::new()
        } else {
            format!("{:.6}", 50.0 - wave)
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{row},{:.6},{gap},{:.6},{:.6},{}",
            10.0 + wave + f64::from(u8::from(fail)) * 3.0,
            wave * wave + f64::from(row % 5),
            f64::from(row % 13) / 7.0,
            u8::from(fail)
        );
        row += 1;
    }
    browser.open(&started.at("/sensors"));
    let began = std::time::Instant::now();
    browser.choose_file("[data-upload] input", &started.file("large.csv", text));
    let patience = std::time::Duration::from_mins(9);
    browser.patience = patience;
    browser
        .until("location.pathname.startsWith('/sensors/') && document.readyState === 'complete'");
    let read = words(&mut browser, "main .answer");
    assert!(
        read.contains(&format!("{row} rows and 6 columns")),
        "{read}"
    );
    println!("read after {:.1} s: {read}", began.elapsed().as_secs_f64());
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    results(&mut browser);
    browser.until("document.querySelectorAll('#score-chart svg[role=img] circle').length > 0");
    let alarms = words(&mut browser, "#alarms");
    println!(
        "scored after {:.1} s: {alarms}",
        began.elapsed().as_secs_f64()
    );
    assert_eq!(browser.faults, [""; 0]);
}
