//! Experiments: typed, checked, run, compared.

use super::{results, words};
use crate::started::{Started, look};

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
    browser.press("Ctrl+End");
    browser.type_text("thre");
    browser.until("!document.getElementById('choices').hidden");
    assert!(words(&mut browser, "#choices").starts_with("threads"));
    browser.press("Enter");
    browser.type_text("many");
    browser.until("document.querySelector('#checked .complaints') !== null");
    look(&mut browser, "experiments-wrong");
    // Nor is it run as it is: the page says why.
    browser.press("Escape");
    browser.press("Escape");
    browser.tab_to("#editor button[type=submit]");
    browser.press("Enter");
    browser.until("!document.querySelector('#editor .problem').hidden");
    let said = words(&mut browser, "#editor .problem");
    assert!(
        said.contains(":21: not TOML") && said.contains("found `many`"),
        "{said}"
    );
    browser.tab_back_to("#text");
    for _ in "many".chars() {
        browser.press("Backspace");
    }
    browser.type_text("1");
    browser.until("document.querySelector('#checked .good') !== null");
    for _ in 0..2 {
        browser.tab_to("#text");
        browser.press("Escape");
        browser.press("Escape");
        browser.tab_to("#editor button[type=submit]");
        browser.press("Enter");
        results(&mut browser);
        assert!(words(&mut browser, ".result").contains("Open the report"));
        // The picture shows one repetition, the sums below it all of them.
        browser.until("!document.getElementById('repeated').hidden");
        let all = words(&mut browser, "#left-sum");
        let one = browser.value(
            "(() => { const cell = cells.get(shownCell); const times = repetitionsOf(cell); \
             const sum = cell.kinds.get('ciphertexts server'); \
             return [times, cell.frames.filter((f) => f.kind === 'evaluate').length, \
             figures('ciphertexts', cell.steps.ciphertexts, cell).startsWith(bytes(sum.bytes / times) + ',')]; })()",
        );
        assert_eq!(one[0], one[1], "one evaluation to a repetition");
        assert!(one[0].as_u64().unwrap() > 1 && one[2] == true, "{one}");
        assert!(
            all.contains(&format!("all {} repetitions together", one[0])),
            "{all}"
        );
        look(&mut browser, "experiments-result");
        browser.open(&started.at("/experiments"));
    }
    let report =
        browser.value("document.querySelector('section a[href^=\"/experiments/runs/\"]').href");
    browser.until("document.querySelectorAll('input[name=run]').length === 2");
    for _ in 0..2 {
        browser.tab_to("input[name=run]:not(:checked)");
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
