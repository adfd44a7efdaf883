//! From a table to predictions.

use std::fmt::Write as _;

use super::{crossed, refuses, results, words};
use crate::browser::Browser;
use crate::started::{Started, look};

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
    browser.tab_to("[name=task]");
    browser.choose("logistic-regression");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    browser.until("!document.querySelector('form[data-post] .problem').hidden");
    let said = words(&mut browser, "form[data-post] .problem");
    assert!(
        said.contains("Column with the true answers: \"salary\" has other values than 0 and 1"),
        "{said}"
    );
    look(&mut browser, "tables-wrong-column");
    browser.tab_back_to("[name=task]");
    browser.choose("linear-regression");
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
    browser.tab_to("details:has([data-upload=model]) summary");
    browser.press("Enter");
    let file = started.file("model.json", model.to_string());
    browser.choose_file("[data-upload=model] input", &file);
    browser.until("location.search.startsWith('?model=') && document.readyState === 'complete'");
    let chosen = words(&mut browser, "select[name=model] option:checked");
    assert!(chosen.contains("model.json"), "{chosen}");
    browser.tab_to("[name=target]");
    browser.choose("age");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    browser.until("!document.querySelector('form[data-post] .problem').hidden");
    let said = words(&mut browser, "form[data-post] .problem");
    assert!(
        said.contains("\"age\" is one of the columns that the model looks at"),
        "{said}"
    );
    browser.tab_back_to("[name=target]");
    browser.choose("salary");
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

/// Classes by their names: one of two texts is the one that is looked for, and results are told by it.
#[test]
fn classes_of_two_texts() {
    let started = Started::new(&[]);
    let Some(mut browser) = started.browser() else {
        return;
    };
    let mut rows = String::from("age,weight,town,ill\n");
    for row in 0..160 {
        let (age, weight) = (20 + row % 40, 50 + (row * 7) % 45);
        let ill = if age + row % 5 > 42 { "yes" } else { "no" };
        // Writing to a string does not fail.
        let _ = writeln!(rows, "{age},{weight},{},{ill}", ["a", "b", "c"][row % 3]);
    }
    browser.open(&started.at("/tables"));
    browser.choose_file("[data-upload] input", &started.file("ill.csv", rows));
    browser.until("location.pathname.startsWith('/tables/') && document.readyState === 'complete'");
    let preset = |browser: &mut Browser, name: &str| {
        words(browser, &format!("select[name={name}] option:checked"))
    };
    assert_eq!(preset(&mut browser, "target"), "ill");
    assert_eq!(preset(&mut browser, "positive"), "yes");
    assert!(preset(&mut browser, "task").contains("two classes"));
    // Three towns are no two classes.
    assert!(!words(&mut browser, "select[name=target]").contains("town"));
    look(&mut browser, "tables-classes");
    // A number is not predicted of texts, and the page says so.
    browser.tab_to("select[name=task]");
    browser.press("ArrowUp");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    browser.until("!document.querySelector('form[data-post] .problem').hidden");
    let said = words(&mut browser, "form[data-post] .problem");
    assert!(
        said.contains("\"ill\" has two texts, expected numbers"),
        "{said}"
    );
    browser.tab_back_to("select[name=task]");
    browser.press("ArrowDown");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    results(&mut browser);
    let measured = words(&mut browser, "#measured");
    for part in [
        "48 rows",
        "accuracy 0.9",
        "AUC ",
        "Probabilities are those of yes",
    ] {
        assert!(measured.contains(part), "{measured}");
    }
    browser.until("document.querySelector('#predicted .legend')?.innerText.includes('yes')");
    look(&mut browser, "tables-classes-result");
}
