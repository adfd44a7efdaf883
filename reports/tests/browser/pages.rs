//! Pages of records made by hand.

use std::fs;
use std::path::Path;

use hexperiment_experiment::record::{Repetition, Status};
use hexperiment_experiment::summary::{Records, rows};
use hexperiment_experiment::verdict::evaluate;
use hexperiment_reports::published::{self, Publication};
use hexperiment_reports::{Shown, html};
use hexperiment_scheme::security::Protection;
use hexperiment_task::ledger::Precision;

use crate::fixture::{Fixture, factoring, metric, millis, security, unprotected, violation};
use crate::{around, expect};

/// The other counts of a confusion matrix: a fixture has `tp`.
fn decisions(r: &mut Repetition) {
    for (name, count) in [("fp", 61.0), ("tn", 107.0), ("fn", 58.0)] {
        r.quality.metrics.push(metric(name, count, count));
    }
}

/// The page of some records, in a folder.
pub(super) fn page(records: &Records, folder: &Path) -> String {
    let rows = rows(records);
    let verdicts = evaluate(&rows, &[expect("", "auc_loss", None, Some(0.001))]);
    html(&[Shown {
        records,
        rows: &rows,
        verdicts: &verdicts,
        folder,
    }])
}

/// The charts of those pages.
pub(super) const CHARTS: [&str; 10] = [
    "Time against error",
    "Time against quality",
    "Where the time of a query goes",
    "Where the time of the set-up goes",
    "Bytes that cross",
    "A query over links",
    "Spread over repetitions",
    "Where the error comes from",
    "Memory",
    "Confusion matrix",
];

/// Five schemes that are all well.
pub(super) fn comparison() -> String {
    page(&all_well().records(), Path::new("nowhere"))
}

/// The same with so many repetitions of each.
pub(super) fn many_repetitions(count: u32) -> String {
    let mut records = all_well().records();
    let few = std::mem::take(&mut records.repetitions);
    for repetition in few.iter().filter(|r| r.index == 0) {
        records.repetitions.extend((0..count).map(|index| {
            let mut repetition = repetition.clone();
            repetition.index = index;
            repetition.evaluate.wall_ns += u64::from(index) * 997 % 1_000_000;
            repetition
        }));
    }
    page(&records, Path::new("nowhere"))
}

fn all_well() -> Fixture {
    let mut f = Fixture::new("comparison", 10, 128);
    let schemes = ["plaintext", "fernet", "paillier", "seal-ckks", "tfhe"];
    for (place, scheme) in (0_i32..).zip(schemes) {
        let cell = f.cell(scheme, &[]);
        f.setup(&cell, |s| match scheme {
            "plaintext" => unprotected(s),
            "fernet" => {
                unprotected(s);
                s.parameters.security = security(
                    Protection::TransportOnly,
                    128,
                    "AES-128-CBC and HMAC-SHA256",
                );
            }
            "paillier" => factoring(128, 3072)(s),
            _ => {}
        });
        f.repetitions(&cell, &around(4_f64.powi(place)), 0.728_35, |r| {
            decisions(r);
            r.encrypt = millis(2_f64.powi(place));
            r.traffic.upload_bytes = 60_000 << place;
            r.errors.max_abs = if place < 2 {
                0.0
            } else {
                10_f64.powi(place - 12)
            };
            r.errors.noise = r.errors.max_abs / 2.0;
            r.errors.approximation = r.errors.max_abs / 3.0;
            // The last is further off than its task bears.
            r.errors.precision = Some(Precision {
                output: "logit".into(),
                demanded: 5e-9,
                observed: r.errors.max_abs,
                claimed: 2.0 * r.errors.max_abs,
            });
        });
    }
    f
}

/// Three schemes at four points of the matrix, some of which refuse, fail or are insecure; their task
/// left tables and images.
pub(super) fn matrix() -> String {
    let mut f = Fixture::new("a-matrix", 10, 128);
    let folder = tempfile::tempdir().unwrap();
    for features in [5, 10, 20, 40] {
        for (scheme, pace) in [("paillier", 30.0), ("seal-ckks", 1.0), ("tfhe", 90.0)] {
            let cell = f.cell(scheme, &[("task.features", features)]);
            if scheme == "tfhe" && features > 10 {
                f.stopped(
                    &cell,
                    Status::Refused,
                    "max: no look-up table of 40 inputs <b>&\n  help: use fewer",
                );
                continue;
            }
            f.setup(&cell, |s| {
                if scheme == "paillier" && features == 5 {
                    factoring(80, 1024)(s);
                }
            });
            let pace = pace * features as f64;
            f.repetitions(&cell, &around(pace), 0.72, |r| {
                decisions(r);
                r.errors.max_abs = pace * 1e-9;
                if scheme == "seal-ckks" && features == 40 {
                    r.errors.violation = Some(violation());
                    r.errors.max_abs = f64::INFINITY;
                }
            });
            if features == 5 {
                artefacts(&folder.path().join("artefacts").join(cell.replace('/', "_")));
            }
        }
    }
    fs::write(
        folder.path().join("experiment.toml"),
        "# </script>\n[experiment]\n",
    )
    .unwrap();
    page(&f.records(), folder.path())
}

/// A curve, uploads, a list of risks, an image, a table that is none.
fn artefacts(folder: &Path) {
    // One pixel, black.
    const PIXEL: &[u8] = include_bytes!("../assets/pixel.png");
    fs::create_dir_all(folder).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    write(
        "curve.csv",
        b"round,auc,auc_plaintext,upload_bytes\n1,0.6,0.6,1000\n2,0.7,0.7,2000\n3,0.72,0.72,4000\n",
    );
    write(
        "high_risk.csv",
        b"device,score,level,contributions\nsensor-1,0.9,High,power:+0.2\nsensor-2,0.7,High,\n",
    );
    write("statistics.csv", b"column,mean\nage,50.5\n<b>,1\n");
    write(
        "scores.csv",
        b"truth,score,score_in_clear\n1,0.9,0.9\n0,0.2,0.2\n1,0.4,0.4\n0,0.6,0.6\n0,0.1,0.1\n",
    );
    write(
        "predictions.csv",
        b"truth,prediction,prediction_in_clear\n10,11,11\n20,19.5,19.5\n30,33,33\n",
    );
    write("broken.csv", b"a,b\n1\n");
    for kind in ["input", "clear", "pooled", "difference-x32"] {
        write(&format!("picture-{kind}.png"), PIXEL);
    }
    let mut series = vec!["series,row,value,filled,filled_in_clear,truth\n".to_owned()];
    let mut alarms = vec!["timestamp,score,flag,part\n".to_owned()];
    for row in 0..150 {
        let value = (f64::from(row) / 9.0).sin();
        for name in ["pressure", "temperature <b>"] {
            series.push(match row % 13 {
                5 => format!("{name},{row},,{value},{value},{}\n", value + 0.1),
                6 | 7 => format!("{name},{row},,{value},{value},\n"),
                _ => format!("{name},{row},{value},,,\n"),
            });
        }
        let (score, flag) = (value - 0.9, u8::from(value > 0.9));
        alarms.push(format!("19/07/2008 {row},{score},{flag},test\n"));
    }
    write("series.csv", series.concat().as_bytes());
    write("anomalies.csv", alarms.concat().as_bytes());
    let mut states = vec!["device,reading,score,level,level_in_clear,truth,listed\n".to_owned()];
    for device in 0..100 {
        let level = device % 7 / 3;
        let listed = [-1, 0, 1][level];
        states.push(format!(
            "device-{device},1,0.{device:02},{level},{level},1,{listed}\n"
        ));
    }
    write("states.csv", states.concat().as_bytes());
}

/// Ten thousand records of 500 cells, of which some refuse.
pub(super) fn large() -> String {
    let mut f = Fixture::new("large", 20, 128);
    for features in 1..=100 {
        for (scheme, pace) in [("a", 1.0), ("b", 3.0), ("c", 9.0), ("d", 27.0), ("e", 81.0)] {
            let cell = f.cell(scheme, &[("task.features", features)]);
            if scheme == "e" && features > 95 {
                f.stopped(
                    &cell,
                    Status::Refused,
                    "max: no look-up table of so many inputs",
                );
                continue;
            }
            f.setup(&cell, |_| {});
            let pace = pace * features as f64;
            f.repetitions(&cell, &around(pace), 0.72, |r| {
                decisions(r);
                r.errors.max_abs = pace * 1e-9;
            });
        }
    }
    let mut records = f.records();
    let few = std::mem::take(&mut records.repetitions);
    for repetition in few.iter().filter(|r| r.index == 0) {
        records.repetitions.extend((0..20).map(|index| {
            let mut repetition = repetition.clone();
            repetition.index = index;
            repetition.evaluate.wall_ns += u64::from(index) * 997 % 1_000_000;
            repetition
        }));
    }
    page(&records, Path::new("nowhere"))
}

/// The first page of a site with two experiments, one of which all schemes refuse.
pub(super) fn site() -> String {
    let publications = [all_well().records(), all_refuse()].map(|records| {
        Publication::of(&Shown {
            records: &records,
            rows: &rows(&records),
            verdicts: &[],
            folder: Path::new("nowhere"),
        })
    });
    let pages = publications.iter().map(|p| p.task.clone()).collect();
    published::site(&publications, &pages)
}

/// All schemes refuse.
pub(super) fn refusals() -> String {
    page(&all_refuse(), Path::new("nowhere"))
}

fn all_refuse() -> Records {
    let mut f = Fixture::new("refusals", 3, 128);
    for scheme in ["paillier", "seal-ckks"] {
        let cell = f.cell(scheme, &[]);
        f.stopped(
            &cell,
            Status::Refused,
            "max: needs a comparison of ciphertexts",
        );
    }
    f.records()
}
