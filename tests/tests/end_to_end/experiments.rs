//! Every experiment of the project, from its file to its tables. The quickstart runs as it is, the
//! others with one repetition and no warm-up: what they expect is about values, and holds all the
//! same.

mod checked;

use std::fs;

use toml::{Table, Value};

use crate::harness::{Place, repository};
use checked::{check, parsed, set};

fn once(experiment: &mut Table) {
    set(experiment, "run", "repetitions", 1);
    set(experiment, "run", "warmup", 0);
    // Other tests compute at the same time.
    set(experiment, "run", "time_limit", "30m");
}

#[test]
fn quickstart_as_it_is() {
    check("quickstart", |_| {});
}

#[test]
fn chd_logistic() {
    check("chd-logistic", once);
}

#[test]
fn chd_logistic_all() {
    check("chd-logistic-all", once);
}

#[test]
fn chd_probability() {
    check("chd-probability", once);
}

#[test]
fn chd_class() {
    check("chd-class", once);
}

#[test]
fn paillier_backends() {
    check("paillier-backends", once);
}

#[test]
fn salary_linear() {
    check("salary-linear", once);
}

#[test]
fn secom_logistic() {
    check("secom-logistic", once);
}

/// Of the real series a part will do: what is expected of the whole is left out.
#[test]
fn secom_interpolation() {
    check("secom-interpolation", |experiment| {
        once(experiment);
        set(experiment, "dataset", "limit", 300);
        let expect = experiment["expect"].as_table_mut().unwrap();
        for whole in [
            "samples",
            "missing",
            "nrmse",
            "median_nrmse",
            "sensors_beaten",
        ] {
            expect.remove(whole).unwrap();
        }
    });
}

#[test]
fn secom_interpolation_steps() {
    check("secom-interpolation-steps", once);
}

#[test]
fn secom_interpolation_masked() {
    check("secom-interpolation-masked", once);
}

#[test]
fn wine_interpolation() {
    check("wine-interpolation", once);
}

/// Of the real series a part will do: what is expected of the whole is left out.
fn part_of_secom(experiment: &mut Table) {
    once(experiment);
    set(experiment, "dataset", "limit", 250);
    set(experiment, "task", "folds", 2);
    set(experiment, "task", "features", 5);
    let expect = experiment["expect"].as_table_mut().unwrap();
    for whole in ["samples", "auc", "recall"] {
        expect.remove(whole).unwrap();
    }
}

#[test]
fn secom_anomaly() {
    check("secom-anomaly", part_of_secom);
}

#[test]
fn secom_anomaly_paillier() {
    check("secom-anomaly-paillier", part_of_secom);
}

#[test]
fn secom_anomaly_gathered() {
    check("secom-anomaly-gathered", part_of_secom);
}

#[test]
fn wine_anomaly() {
    check("wine-anomaly", once);
}

/// Of the images the small one will do; CKKS has its window of 2, and refuses that of 3.
#[test]
fn photo_pooling() {
    check("photo-pooling", |experiment| {
        once(experiment);
        set(experiment, "matrix", "dataset.use", vec!["photo"]);
    });
}

/// Of images and strides one will do, and of the windows the one that all have.
#[test]
fn photo_pooling_strides() {
    check("photo-pooling-strides", |experiment| {
        once(experiment);
        set(experiment, "matrix", "dataset.use", vec!["photo"]);
        set(experiment, "matrix", "task.stride", vec![1]);
        set(experiment, "matrix", "task.window", vec![2]);
        let ok: Table = "status = \"ok\"".parse().unwrap();
        set(experiment, "expect", "CKKS 15,15", ok);
    });
}

/// Of the images one will do.
#[test]
fn photo_pooling_average() {
    check("photo-pooling-average", |experiment| {
        once(experiment);
        set(experiment, "matrix", "dataset.use", vec!["photo"]);
    });
}

/// A crop that TFHE pools in seconds, in which a window has a sample.
fn cropped(experiment: &mut Table, side: usize, samples: i64) {
    once(experiment);
    set(experiment, "task", "crop", format!("{side}x{side}"));
    let bounds = [("min", samples), ("max", samples)];
    let bounds = bounds.map(|(key, n)| (key.to_owned(), Value::from(n)));
    set(experiment, "expect", "samples", Table::from_iter(bounds));
}

#[test]
fn photo_pooling_crop() {
    check("photo-pooling-crop", |experiment| {
        cropped(experiment, 8, 16);
    });
}

#[test]
fn scene_pooling() {
    check("scene-pooling", |experiment| cropped(experiment, 4, 9));
}

/// Exact comparisons take long: a few devices will do.
#[test]
fn fleet_risk() {
    check("fleet-risk", |experiment| {
        once(experiment);
        set(experiment, "task", "scored", 4);
        let expect = experiment["expect"].as_table_mut().unwrap();
        expect.remove("samples");
    });
}

/// Rows of two rounds.
#[test]
fn fleet_growth() {
    check("fleet-growth", |experiment| {
        once(experiment);
        set(experiment, "matrix", "dataset.devices", vec![20_000]);
    });
}

#[test]
fn one_row() {
    check("one-row", once);
}

#[test]
fn fleet_risk_packed() {
    check("fleet-risk-packed", once);
}

#[test]
fn fleet_risk_bits() {
    check("fleet-risk-bits", once);
}

#[test]
fn fleet_risk_multinomial() {
    check("fleet-risk-multinomial", once);
}

#[test]
fn chd_federated() {
    check("chd-federated", once);
}

#[test]
fn chd_federated_private() {
    check("chd-federated-private", once);
}

/// Of a hundred clients, fewer rounds will do; what is spent on them is then less noise.
#[test]
fn chd_federated_clients() {
    check("chd-federated-clients", |experiment| {
        once(experiment);
        set(experiment, "task", "rounds", 5);
        let expect = experiment["expect"].as_table_mut().unwrap();
        expect.remove("without_noise").unwrap();
    });
}

#[test]
fn fleet_federated() {
    check("fleet-federated", once);
}

#[test]
fn secom_federated() {
    check("secom-federated", once);
}

#[test]
fn wine_federated() {
    check("wine-federated", once);
}

#[test]
fn chd_training() {
    check("chd-training", once);
}

/// Two folds will do, and half the rows: what is expected of all is left out.
#[test]
fn chd_training_all() {
    check("chd-training-all", |experiment| {
        once(experiment);
        set(experiment, "dataset", "limit", 2000);
        set(experiment, "task", "folds", 2);
        let expect = experiment["expect"].as_table_mut().unwrap();
        for whole in ["samples", "auc", "auc_to_converged"] {
            expect.remove(whole).unwrap();
        }
    });
}

#[test]
fn chd_moments() {
    check("chd-moments", once);
}

#[test]
fn salary_training() {
    check("salary-training", once);
}

/// A model that a federation left is one that anomaly detection reads, in the same units: it scores
/// wines of which it saw some.
#[test]
fn a_federated_model_is_used_by_anomaly_detection() {
    let place = Place::new();
    let plaintext_only = |name: &str| {
        let mut experiment = parsed(&format!("experiments/{name}.toml"));
        once(&mut experiment);
        experiment["scheme"].as_array_mut().unwrap().truncate(1);
        experiment.remove("matrix");
        experiment.remove("expect");
        experiment
    };
    let run = |file: &str, experiment: &Table| {
        place.write(file, experiment.to_string());
        place.call(&["run", file]).ends_with(0);
        place.latest()
    };
    let trained = run("train.toml", &plaintext_only("wine-federated"));
    let mut cells = fs::read_dir(trained.0.join("artefacts")).unwrap().flatten();
    let model = cells.next().unwrap().path().join("model.json");
    let mut experiment = plaintext_only("wine-anomaly");
    for (section, key) in [
        ("task", "features"),
        ("task", "hidden_share"),
        ("dataset", "limit"),
    ] {
        let table = experiment[section].as_table_mut().unwrap();
        table.remove(key).unwrap();
    }
    set(&mut experiment, "task", "model", model.to_str().unwrap());
    let rows = run("score.toml", &experiment).summary().1;
    assert_eq!(rows[0]["metric"], "auc");
    let auc: f64 = rows[0]["value"].parse().unwrap();
    assert!(auc > 0.85, "{auc}");
}

#[test]
fn wine_statistics() {
    check("wine-statistics", once);
}

/// A file added to `experiments/` has to be added above.
#[test]
fn none_is_left_out() {
    let tests = include_str!("experiments.rs");
    for entry in fs::read_dir(repository().join("experiments")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(
                tests.contains(&format!("check(\"{name}\"")),
                "{name} is never run"
            );
        }
    }
}

/// Every cell of a matrix can be run alone, by the name that `check` prints.
#[test]
fn cells_can_be_run_alone() {
    let place = Place::new();
    let mut experiment = parsed("experiments/quickstart.toml");
    once(&mut experiment);
    let matrix: Table = "\"task.features\" = [2, 3]".parse().unwrap();
    experiment.insert("matrix".into(), matrix.into());
    experiment.remove("expect");
    place.write("e.toml", experiment.to_string());
    let checked = place.call(&["check", "e.toml"]);
    checked.ends_with(0);
    let ids = checked
        .out
        .lines()
        .filter_map(|l| Some(l.trim().split_once(": fine; ")?.0));
    let ids: Vec<&str> = ids.collect();
    assert_eq!(ids.len(), 10, "{checked}");
    let alone = ids
        .iter()
        .find(|id| id.contains("seal-ckks") && id.contains('3'))
        .unwrap();
    place.call(&["run", "e.toml", "--only", alone]).ends_with(0);
    let rows = place.latest().summary().1;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["scheme"], "seal-ckks");
}
