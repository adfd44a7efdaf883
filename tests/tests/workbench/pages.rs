//! Each page from upload to result.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::browser::Browser;
use crate::started::{Started, look};

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

/// A CSV of sensors: gaps, a marker, a time that a spreadsheet would take for a formula, alarms.
fn sensors() -> String {
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
    browser.value("document.getElementById('threshold').step = 0.5; true");
    for _ in 0..6 {
        browser.press("ArrowLeft");
    }
    browser.until(&format!(
        "parseInt(document.getElementById('alarms').innerText) > {before}"
    ));
    browser.tab_to("[data-move=in]");
    browser.press("Enter");
    browser.until("document.getElementById('window').innerText.startsWith('Rows 60 to 179')");
    look(&mut browser, "sensors-zoomed");
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
    browser.value("location.hash = '#token=00'; true");
    browser
        .until("(document.querySelector('.problem')?.innerText ?? '').includes('not the token')");
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

    // Asked to train on it all the same, the page says what is wrong with that, in its own words.
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

/// A PNG of grey levels, without a crate that writes one.
fn png(width: u32, height: u32, noted: usize) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        let mut crc = !0_u32;
        for byte in bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 {
                    0xedb8_8320 ^ (crc >> 1)
                } else {
                    crc >> 1
                };
            }
        }
        !crc
    };
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8], data: &[u8]| {
        let body = [kind, data].concat();
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(&body);
        file.extend(crc(&body).to_be_bytes());
    };
    let header = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[8, 0, 0, 0, 0],
    ]
    .concat();
    chunk(b"IHDR", &header);
    let mut rows = vec![];
    for y in 0..height {
        rows.push(0);
        rows.extend((0..width).map(|x| ((x * 7 + y * 5) % 256) as u8));
    }
    // What a camera notes, of the length that is asked for.
    if noted > 0 {
        chunk(b"eXIf", &vec![b'x'; noted]);
    }
    // Stored, not compressed: one block of at most 65,535 bytes.
    let length = rows.len() as u16;
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in &rows {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    let stream = [
        &[0x78, 1, 1][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        &rows,
        &(b << 16 | a).to_be_bytes(),
    ];
    chunk(b"IDAT", &stream.concat());
    chunk(b"IEND", b"");
    file
}

#[test]
fn images_from_upload_to_pixels() {
    let started = Started::new(&[]);
    let Some(mut browser) = started.browser() else {
        return;
    };
    browser.open(&started.at("/images"));
    look(&mut browser, "images");
    refuses(
        &mut browser,
        &started,
        "/images",
        "bad.png",
        b"a,b\n1,2\n",
        "expected a PNG or a JPEG",
    );
    // What is longer than any image is not taken into memory.
    let long = png(40, 30, 80 << 20);
    refuses(
        &mut browser,
        &started,
        "/images",
        "long.png",
        &long,
        "bytes, expected at most 67108864",
    );
    let noted = png(40, 30, 30 << 20);
    refuses(
        &mut browser,
        &started,
        "/images",
        "noted.png",
        &noted,
        "cannot be read",
    );
    browser.open(&started.at("/images"));
    browser.choose_file(
        "[data-upload] input",
        &started.file("ramp.png", png(40, 30, 0)),
    );
    browser.until("location.pathname.startsWith('/images/') && document.readyState === 'complete'");
    look(&mut browser, "images-read");
    // Means, which every scheme has; two schemes beside one another, and one that is refused nothing.
    browser.value("document.querySelector('[name=method]').value = 'average'; true");
    browser.tab_to("input[value=plaintext]");
    browser.press(" ");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    results(&mut browser);
    browser.until("[...document.querySelectorAll('img.zooms')].length === 8 && [...document.images].every((i) => i.complete && i.naturalWidth > 0)");
    let told = words(&mut browser, "#images");
    assert!(
        told.contains("inverted") && told.contains("grey levels"),
        "{told}"
    );
    browser.tab_to("img.zooms");
    browser.press("ArrowRight");
    browser.until(
        "document.querySelector('.magnifier p')?.innerText.includes('exact, in the clear (')",
    );
    // The first scheme that is shown protects nothing, and that is said.
    crossed(&mut browser, "Nothing is encrypted");
    look(&mut browser, "images-result");

    // What a scheme cannot is told where its result would be.
    browser.open(&started.at("/images"));
    browser.choose_file(
        "[data-upload] input",
        &started.file("ramp.png", png(12, 10, 0)),
    );
    browser.until("location.pathname.startsWith('/images/') && document.readyState === 'complete'");
    // The maximum takes comparisons, which not every scheme has.
    let method = words(&mut browser, "[name=method] option:checked");
    assert_eq!(method, "the mean", "what is chosen is done in seconds");
    browser.value("document.querySelector('[name=method]').value = 'max'; true");
    for scheme in ["paillier", "seal-ckks"] {
        browser.value("document.querySelector('[name=schemes]').focus(); true");
        browser.tab_to(&format!("input[value={scheme}]"));
        browser.press(" ");
    }
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    results(&mut browser);
    browser.until("document.querySelector('article.scheme .reason') !== null");
    let told = words(&mut browser, "article.scheme .reason");
    assert!(told.starts_with("refused"), "{told}");
    look(&mut browser, "images-refused");
}

/// Salaries by two columns, so many.
pub fn salaries(rows: u32) -> String {
    let mut text = String::from("age,weight,salary\n");
    for row in 0..rows {
        let (age, weight) = (20 + row % 40, 50 + (row * 7) % 45);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{age},{weight},{}",
            1000 + 30 * age - 4 * weight + row % 3
        );
    }
    text
}

#[test]
fn tables_from_upload_to_predictions() {
    let started = Started::new(&[]);
    let Some(mut browser) = started.browser() else {
        return;
    };
    browser.open(&started.at("/tables"));
    look(&mut browser, "tables");
    refuses(
        &mut browser,
        &started,
        "/tables",
        "bad.csv",
        b"only one column\n1\n",
        "several columns",
    );
    browser.open(&started.at("/tables"));
    browser.choose_file(
        "[data-upload] input",
        &started.file("salary.csv", salaries(160)),
    );
    browser.until("location.pathname.startsWith('/tables/') && document.readyState === 'complete'");
    look(&mut browser, "tables-read");
    // The last column of numbers is preset; salaries are no classes, and a note is no answer.
    let preset = words(&mut browser, "select[name=target] option:checked");
    assert_eq!(preset, "salary");
    browser.value("document.querySelector('[name=task]').value = 'logistic-regression'; true");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    browser.until("!document.querySelector('form[data-post] .problem').hidden");
    let said = words(&mut browser, "form[data-post] .problem");
    assert!(
        said.contains("Column with the true answers: \"salary\" has other values than 0 and 1"),
        "{said}"
    );
    look(&mut browser, "tables-wrong-column");
    browser.value("document.querySelector('[name=task]').value = 'linear-regression'; true");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    results(&mut browser);
    browser.until("document.querySelectorAll('#predicted svg[role=img] circle').length === 48");
    let measured = words(&mut browser, "#measured");
    assert!(
        measured.contains("48 rows")
            && measured.contains("Held against salary, which was not sent: RMSE 0.")
            && measured.contains("R² 1.0000 (in the clear 1.0000)"),
        "{measured}"
    );
    crossed(&mut browser, "never the secret key");
    look(&mut browser, "tables-result");
    let csv = browser
        .value("fetch(document.querySelector('.result a[download]').href).then((a) => a.text())");
    assert_eq!(csv.as_str().unwrap().lines().count(), 49);

    // A model from a file: the answers cannot be in a column that it looks at.
    browser.open(&started.at("/tables"));
    let other = started.file("other.csv", salaries(40));
    browser.choose_file("[data-upload] input", &other);
    browser.until("location.pathname.startsWith('/tables/') && document.readyState === 'complete'");
    let column = |name: &str, centre: f64, width: f64, weight: f64| {
        serde_json::json!({
            "name": name, "unit": { "centre": centre, "width": width }, "mean": 0.0, "deviation": 1.0,
            "weight": weight,
        })
    };
    let model = serde_json::json!({
        "clip": 5.0, "intercept": 1920.0, "threshold": 0.0,
        "sensors": [column("age", 40.0, 10.0, 300.0), column("weight", 70.0, 15.0, -60.0)],
    });
    browser.value(
        "document.querySelector('[data-upload=model]').closest('details').open = true; true",
    );
    let file = started.file("model.json", model.to_string());
    browser.choose_file("[data-upload=model] input", &file);
    browser.until("location.search.startsWith('?model=') && document.readyState === 'complete'");
    let chosen = words(&mut browser, "select[name=model] option:checked");
    assert!(chosen.contains("model.json"), "{chosen}");
    browser.value("document.querySelector('[name=target]').value = 'age'; true");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    browser.until("!document.querySelector('form[data-post] .problem').hidden");
    let said = words(&mut browser, "form[data-post] .problem");
    assert!(
        said.contains("\"age\" is one of the columns that the model looks at"),
        "{said}"
    );
    browser.value("document.querySelector('[name=target]').value = 'salary'; true");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    results(&mut browser);
    let measured = words(&mut browser, "#measured");
    assert!(
        measured.contains("12 rows")
            && measured.contains("Held against salary, which was not sent: RMSE 0."),
        "{measured}"
    );
}

#[test]
fn experiments_are_checked_run_and_compared() {
    let started = Started::new(&[]);
    let Some(mut browser) = started.browser() else {
        return;
    };
    browser.open(&started.at("/experiments"));
    browser.until("document.querySelector('#checked .good') !== null");
    look(&mut browser, "experiments");
    // A mistake is told while one types, with its line; completion has the section's keys.
    browser.tab_to("#text");
    browser.value("(() => { const t = document.getElementById('text'); t.setSelectionRange(t.value.length, t.value.length); return true; })()");
    browser.type_text("thre");
    browser.until("!document.getElementById('choices').hidden");
    assert!(words(&mut browser, "#choices").starts_with("threads"));
    browser.press("Enter");
    browser.type_text("many");
    browser.until("document.querySelector('#checked .complaints') !== null");
    look(&mut browser, "experiments-wrong");
    browser.value("(() => { const t = document.getElementById('text'); t.value = t.value.replace('threads = many', 'threads = 1').replace('\"seal-ckks\"', '\"fernet\"'); t.dispatchEvent(new Event('input')); return true; })()");
    browser.until("document.querySelector('#checked .good') !== null");
    for _ in 0..2 {
        browser.tab_to("#text");
        browser.press("Escape");
        browser.press("Escape");
        browser.tab_to("#editor button[type=submit]");
        browser.press("Enter");
        results(&mut browser);
        assert!(words(&mut browser, ".result").contains("Open the report"));
        if browser.value("document.querySelector('.result') !== null") == true {
            look(&mut browser, "experiments-result");
        }
        browser.open(&started.at("/experiments"));
        browser.value("(() => { const t = document.getElementById('text'); t.value = t.value.replace('\"seal-ckks\"', '\"fernet\"'); return true; })()");
    }
    let report =
        browser.value("document.querySelector('section a[href^=\"/experiments/runs/\"]').href");
    browser.until("document.querySelectorAll('input[name=run]').length === 2");
    for place in 0..2 {
        browser.value(&format!(
            "document.querySelectorAll('input[name=run]')[{place}].focus(); true"
        ));
        browser.press(" ");
    }
    browser.tab_to("form[action='/experiments/compare'] button");
    browser.press("Enter");
    browser.until(
        "location.pathname === '/experiments/compare' && document.readyState === 'complete'",
    );
    assert!(words(&mut browser, ".compared").contains("plaintext"));
    look(&mut browser, "experiments-compared");
    browser.open(report.as_str().unwrap());
    browser.until("document.querySelectorAll('figure .plot svg[role=img]').length > 0");
    assert_eq!(browser.faults, [""; 0]);
}
