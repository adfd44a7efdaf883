//! The answer in one sentence, of records whose answer is known.

use hexperiment_experiment::record::Status;
use hexperiment_experiment::summary::rows;
use hexperiment_reports::answer;
use hexperiment_task::ledger::Metric;

use crate::around;
use crate::fixture::{Fixture, factoring, unprotected};

#[track_caller]
fn check(fixture: Fixture, sentence: &str) {
    let records = fixture.records();
    let clock = records.run.rank_by();
    assert_eq!(
        answer(&rows(&records), clock, records.run.tie_margin()),
        sentence
    );
}

/// A cell of a scheme that takes so long, sends so much, and keeps the metric.
fn add(f: &mut Fixture, scheme: &str, ms: f64, upload: u64, auc: f64) {
    let cell = f.cell(scheme, &[]);
    f.setup(&cell, |_| {});
    f.repetitions(&cell, &around(ms), auc, |r| {
        r.encrypt = crate::fixture::millis(1.0);
        r.decrypt = crate::fixture::millis(1.0);
        r.traffic.upload_bytes = upload;
        r.traffic.download_bytes = 0;
    });
}

#[test]
fn the_fastest_the_smallest_and_what_is_lost() {
    let mut f = Fixture::new("answer", 10, 128);
    add(&mut f, "seal-ckks", 8.0, 1_200_000, 0.728_35);
    add(&mut f, "paillier", 400.0, 100_000, 0.728_35);
    check(
        f,
        "For 334 samples at 128 bits, seal-ckks is fastest end to end (10.0 ms); paillier takes a \
         twelfth of the bytes of seal-ckks both ways (97.7 KiB); both keep the AUC of the clear, 0.7284; without clipping the AUC of the clear is 0.7294.",
    );
    let mut f = Fixture::new("answer", 10, 128);
    add(&mut f, "seal-ckks", 8.0, 1000, 0.728_35);
    add(&mut f, "paillier", 400.0, 2000, 0.728_35);
    add(&mut f, "tfhe", 800.0, 3000, 0.7);
    check(
        f,
        "For 334 samples at 128 bits, seal-ckks is fastest end to end (10.0 ms); seal-ckks also takes \
         the fewest bytes both ways (0.977 KiB); AUC differs most from the clear under tfhe (0.7000 for \
         0.7284); without clipping the AUC of the clear is 0.7294.",
    );
}

#[test]
fn a_tie_names_all_that_tie() {
    let mut f = Fixture::new("answer", 10, 128);
    add(&mut f, "seal-ckks", 8.0, 1000, 0.728_35);
    add(&mut f, "tfhe", 8.01, 1000, 0.728_35);
    add(&mut f, "paillier", 400.0, 1000, 0.728_35);
    check(
        f,
        "For 334 samples at 128 bits, seal-ckks (10.0 ms) and tfhe (10.0 ms) tie for the fastest \
         end to end; all keep the AUC of the clear, \
         0.7284; without clipping the AUC of the clear is 0.7294.",
    );
}

#[test]
fn few_repetitions_make_nothing_sure() {
    let mut f = Fixture::new("answer", 2, 128);
    for (scheme, ms) in [("seal-ckks", 8.0), ("paillier", 400.0)] {
        let cell = f.cell(scheme, &[]);
        f.setup(&cell, |_| {});
        f.repetitions(&cell, &[ms, ms], 0.728_35, |_| {});
    }
    check(
        f,
        "For 334 samples at 128 bits, seal-ckks is fastest end to end (33.5 ms; 2 repetitions \
         cannot make it sure); both keep the AUC of the clear, 0.7284; without clipping the AUC of the clear is 0.7294.",
    );
}

#[test]
fn what_did_not_run_is_told() {
    let mut f = Fixture::new("answer", 10, 128);
    add(&mut f, "seal-ckks", 8.0, 1000, 0.728_35);
    let plain = f.cell("plaintext", &[]);
    f.setup(&plain, unprotected);
    f.repetitions(&plain, &around(0.01), 0.728_35, |_| {});
    for (scheme, status) in [
        ("paillier", Status::Refused),
        ("tfhe", Status::Refused),
        ("other", Status::Timeout),
    ] {
        let cell = f.cell(scheme, &[]);
        f.stopped(&cell, status, "because");
    }
    check(
        f,
        "For 334 samples at 128 bits, seal-ckks takes 10.0 ms end to end, with nothing to compare \
         it with; it keeps the AUC of the clear, 0.7284; without clipping the AUC of the clear is 0.7294; paillier and tfhe refused; other ran out \
         of time.",
    );
}

#[test]
fn nothing_ran() {
    check(Fixture::new("answer", 1, 128), "This run has no cells.");
    let mut f = Fixture::new("answer", 10, 128);
    for scheme in ["paillier", "tfhe"] {
        let cell = f.cell(scheme, &[]);
        f.stopped(&cell, Status::Refused, "because");
    }
    check(f, "No scheme came to a result: paillier and tfhe refused.");
    let mut f = Fixture::new("answer", 10, 128);
    let plain = f.cell("plaintext", &[]);
    f.setup(&plain, unprotected);
    f.repetitions(&plain, &around(0.01), 0.728_35, |_| {});
    let cell = f.cell("tfhe", &[]);
    f.stopped(&cell, Status::Crashed, "because");
    check(f, "No scheme that encrypts came to a result: tfhe crashed.");
}

#[test]
fn a_matrix_is_counted() {
    let mut f = Fixture::new("answer", 10, 128);
    for features in [5, 10, 20] {
        let point = [("task.features", features)];
        let (paillier, ckks) = (f.cell("paillier", &point), f.cell("seal-ckks", &point));
        f.setup(&paillier, factoring(128, 3072));
        f.setup(&ckks, |_| {});
        let pace = features as f64;
        f.repetitions(
            &paillier,
            &around(if features == 5 { 1.0 } else { 9.0 * pace }),
            0.728_35,
            |_| {},
        );
        f.repetitions(&ckks, &around(5.0 * pace), 0.728_35, |_| {});
    }
    check(
        f,
        "seal-ckks is fastest end to end at 2 of 3 points of the matrix (80.0 ms to 130 ms), \
         paillier at 1 (30.5 ms); all keep the AUC of the clear, 0.7284; without clipping the AUC of the clear is 0.7294.",
    );
}

/// Of two repetitions nobody can tell who is fastest, at no point; where one row is left there is
/// nothing to compare.
#[test]
fn a_matrix_of_few_repetitions_names_no_winner() {
    let mut f = Fixture::new("answer", 2, 128);
    for features in [5, 10] {
        let point = [("task.features", features)];
        for (scheme, ms) in [("seal-ckks", 8.0), ("paillier", 400.0)] {
            let cell = f.cell(scheme, &point);
            f.setup(&cell, |_| {});
            f.repetitions(&cell, &[ms, ms], 0.728_35, |_| {});
        }
    }
    let alone = f.cell("seal-ckks", &[("task.features", 20)]);
    f.setup(&alone, |_| {});
    f.repetitions(&alone, &[8.0, 8.0], 0.728_35, |_| {});
    check(
        f,
        "At 2 of 3 points of the matrix 2 repetitions are too few to tell who is fastest end to end, at 1 there is \
         nothing to compare; all keep the AUC of the clear, 0.7284; without clipping the AUC of the clear is 0.7294.",
    );
}

/// A metric's unit stands behind its value.
#[test]
fn one_repetition_of_a_metric_with_a_unit() {
    let mut f = Fixture::new("answer", 1, 128);
    for window in [2, 3] {
        for (scheme, ms, error) in [("seal-ckks", 8.0, 0.125), ("paillier", 400.0, 0.0)] {
            let cell = f.cell(scheme, &[("task.window", window)]);
            f.setup(&cell, |_| {});
            f.repetitions(&cell, &[ms], 0.728_35, |r| {
                let error = Metric::new("max_error", error, Some(0.0));
                r.quality.metrics[0] = error.in_unit("grey levels");
            });
        }
    }
    check(
        f,
        "At 2 of 2 points of the matrix 1 repetition is too few to tell who is fastest end to end; the max error is \
         largest under seal-ckks/window=3 (0.1250 grey levels), and 0 in the clear.",
    );
}

/// Where points of a matrix have metrics of their own, no row's stands for all: how much clipping changes at most.
#[test]
fn clipping_at_points_that_differ() {
    let mut f = Fixture::new("answer", 2, 128);
    for (features, auc, without) in [(5, 0.75, 0.74), (10, 0.75, 0.7525), (20, 0.8, 0.8)] {
        let cell = f.cell("seal-ckks", &[("task.features", features)]);
        f.setup(&cell, |_| {});
        f.repetitions(&cell, &[8.0, 8.0], auc, |r| {
            let metric = &mut r.quality.metrics[0];
            (metric.plaintext, metric.unclipped) = (Some(auc), Some(without));
        });
    }
    check(
        f,
        "Over 3 points of the matrix, seal-ckks takes 33.5 ms end to end; all keep the AUC of the clear; clipping \
         changes the AUC of the clear by up to 0.010.",
    );
}
