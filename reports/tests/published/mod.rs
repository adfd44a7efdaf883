//! What is published of records made by hand.

use std::path::Path;

use hexperiment_experiment::record::Status;
use hexperiment_experiment::summary::rows;
use hexperiment_reports::Shown;
use hexperiment_reports::published::{Publication, front_page, index, picture, shown_in};
use hexperiment_scheme::security::failure::Failure;
use hexperiment_task::ledger::{Clipping, Precision};

use crate::around;
use crate::fixture::{Fixture, unprotected};

fn published(fixture: Fixture) -> Publication {
    let records = fixture.records();
    Publication::of(&Shown {
        records: &records,
        rows: &rows(&records),
        verdicts: &[],
        folder: Path::new("nowhere"),
    })
}

/// A row in the clear, one that is encrypted and one that refuses.
fn three() -> Fixture {
    let mut f = Fixture::new("three", 10, 128);
    for (scheme, center, sent) in [("plaintext", 0.5, 2_000), ("seal-ckks", 20.0, 300_000)] {
        let cell = f.cell(scheme, &[]);
        f.setup(&cell, |s| {
            if scheme == "plaintext" {
                unprotected(s);
            }
        });
        f.repetitions(&cell, &around(center), 0.75, |r| {
            r.traffic.upload_bytes = sent;
            r.traffic.download_bytes = 0;
        });
    }
    let cell = f.cell("paillier", &[]);
    f.stopped(
        &cell,
        Status::Refused,
        "two ciphertexts cannot be <multiplied>",
    );
    f
}

fn many(count: i64) -> Fixture {
    let mut f = Fixture::new("many", 10, 128);
    for features in 0..count {
        let cell = f.cell("seal-ckks", &[("task.features", features)]);
        f.setup(&cell, |_| ());
        f.repetitions(&cell, &around(3.0), 0.75, |_| ());
    }
    f
}

#[test]
fn what_is_kept_is_read_again() {
    let publication = published(three());
    let text = publication.to_json().unwrap();
    assert_eq!(Publication::from_json(&text).unwrap(), publication);
    let other = text.replace("\"format\": 1", "\"format\": 2");
    let problem = Publication::from_json(&other).unwrap_err();
    assert!(
        problem.contains("format 2, where 1 was expected"),
        "{problem}"
    );
    let problem = Publication::from_json(&text.replace("question", "quest")).unwrap_err();
    assert!(problem.contains("quest"), "{problem}");
}

/// Every row that came to a result has a mark on each axis, in its order; nothing of it is `NaN`.
#[test]
fn a_picture_has_what_came_to_a_result() {
    let svg = picture(&published(three())).unwrap();
    assert_eq!(svg.matches("<circle").count(), 4, "{svg}");
    assert_eq!(svg.matches("dot bare").count(), 2, "{svg}");
    assert!(svg.contains("prefers-color-scheme:dark"), "{svg}");
    for words in ["293 KiB", "1.95 KiB", "seal-ckks", "plaintext"] {
        assert!(svg.contains(words), "{words}: {svg}");
    }
    for absent in ["NaN", "inf", "paillier", "href", "script"] {
        assert!(!svg.contains(absent), "{absent}: {svg}");
    }
    let places: Vec<f64> = svg
        .split("cx=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
        .collect();
    // Time, then bytes, of the first row and of the second.
    assert!(places[0] < places[2] && places[1] < places[3], "{places:?}");
    assert!(
        places.iter().all(|x| (150.0..=685.0).contains(x)),
        "{places:?}"
    );
}

#[test]
fn too_few_and_too_many_rows_have_no_picture() {
    assert!(picture(&published(many(1))).is_none());
    assert!(picture(&published(many(12))).is_some());
    assert!(picture(&published(many(13))).is_none());
}

#[test]
fn an_index_leads_to_everything() {
    let text = index(&[published(three()), published(many(13))]);
    for words in [
        "2 experiments of 1 task.",
        "](three/table.md)",
        "](three/summary.csv)",
        "](three/picture.svg)",
        "](many/table.md)",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("many/picture.svg"), "{text}");
}

#[test]
fn a_front_page_keeps_what_is_around_its_marks() {
    let page = "a\n<!-- published: three -->\nold <!-- end of published -->\nb\n";
    assert_eq!(shown_in(page), Some("three"));
    let all = [published(three())];
    let made = front_page(page, &all, "kept").unwrap();
    assert!(
        made.starts_with("a\n<!-- published: three -->\n!["),
        "{made}"
    );
    assert!(made.ends_with("<!-- end of published -->\nb\n"), "{made}");
    assert!(!made.contains("old"), "{made}");
    assert!(
        made.contains("| paillier |") && made.contains("\\<multiplied"),
        "{made}"
    );
    assert!(made.contains("](kept/three/picture.svg)"), "{made}");
    assert_eq!(front_page(&made, &all, "kept").unwrap(), made);
    for (page, problem) in [
        ("a\n", "has no line"),
        ("<!-- published: three -->", "has no line"),
        (
            "<!-- published: other --><!-- end of published -->",
            "shows `other`",
        ),
    ] {
        let found = front_page(page, &all, "kept").unwrap_err();
        assert!(found.contains(problem), "{found}");
    }
}

/// What figures are held against: in the table where rows differ, in a sentence where they do not.
#[test]
fn demands_stand_beside_the_figures() {
    let page = "<!-- published: demands -->\n<!-- end of published -->";
    let shown = |clipping: [f64; 2]| {
        let mut f = Fixture::new("demands", 10, 128);
        for (scheme, clipping) in ["seal-ckks", "tfhe"].into_iter().zip(clipping) {
            let cell = f.cell(scheme, &[]);
            f.setup(&cell, |s| {
                let exponent = if scheme == "tfhe" { -41.0 } else { -40.0 };
                s.parameters.failure = Failure::AtMost(exponent);
            });
            f.repetitions(&cell, &around(3.0), 0.75, |r| {
                r.errors.precision = Some(Precision {
                    output: "y".into(),
                    demanded: 5e-7,
                    observed: 1e-9,
                    claimed: 1e-8,
                });
                r.errors.clipping = Some(Clipping {
                    error: clipping,
                    ..Clipping::default()
                });
                (r.traffic.upload_bytes, r.traffic.download_bytes) = (1024, 2048);
            });
        }
        front_page(page, &[published(f)], "kept").unwrap()
    };
    let alike = shown([0.25, 0.25]);
    for words in [
        "| max error | fails |",
        "| 2^-41 |",
        "| up | down | both ways | keys |",
        "| 1.00 KiB | 2.00 KiB | 3.00 KiB |",
        "In all rows: error wanted 5.0e-7, clipping error 0.25.",
    ] {
        assert!(alike.contains(words), "lacks {words}: {alike}");
    }
    let differ = shown([0.25, 0.5]);
    for words in [
        "| max error | clipping error | fails |",
        "In all rows: error wanted 5.0e-7.",
    ] {
        assert!(differ.contains(words), "lacks {words}: {differ}");
    }
}
