//! The whole protocol under the plaintext scheme, and what bad input leads to.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use hexperiment_data::{Dataset, DatasetRequest, DatasetSource};
use hexperiment_program::lower::{Capabilities, lower};
use hexperiment_program::{OpKind, Program};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_task::ledger::Quality;
use hexperiment_task::session::SessionReport;
use hexperiment_task::testkit::{Off, Testbed};
use hexperiment_task::{Outcome, PrepareRequest, Prepared, Task, TaskError};
use image::{GrayImage, Luma, Rgb, RgbImage};
use scheme_plaintext::Plaintext;
use task_max_pooling::MaxPooling;

fn load(source: DatasetSource) -> Dataset {
    Dataset::load(&DatasetRequest::new(source, 73)).unwrap()
}

fn file(path: &Path) -> Dataset {
    load(DatasetSource::File(path.to_owned()))
}

fn manifest(name: &str) -> Dataset {
    load(DatasetSource::Manifest(name.into()))
}

/// A level that depends on all, and repeats nowhere near.
fn level(x: u32, y: u32, channel: u32) -> u8 {
    ((x * 37 + y * 101 + channel * 59 + x * y * 7) % 256) as u8
}

fn coloured(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([0, 1, 2].map(|channel| level(x, y, channel)))
    })
}

type Given<'a> = Vec<(&'a str, OptionValue)>;

fn text<'a>(key: &'a str, value: &str) -> (&'a str, OptionValue) {
    (key, OptionValue::Text(value.into()))
}

fn whole(key: &str, value: usize) -> (&str, OptionValue) {
    (key, OptionValue::Integer(value as i64))
}

fn prepare(data: &Dataset, given: &Given<'_>) -> Result<Box<dyn Prepared>, TaskError> {
    let given = given.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
    let options = Options::with_defaults(&MaxPooling.manifest().options, given);
    MaxPooling.prepare(PrepareRequest {
        options: &options,
        data,
        seed: 7,
    })
}

fn run(prepared: &dyn Prepared) -> (Outcome, Quality) {
    let (outcome, quality, report) = run_off(prepared, 0.0);
    assert_eq!(report.traffic.rounds, 1);
    assert!(report.errors.violation.is_none());
    (outcome, quality)
}

/// Runs where everything that is decrypted is `off`.
fn run_off(prepared: &dyn Prepared, off: f64) -> (Outcome, Quality, SessionReport) {
    let mut testbed = Testbed::new(&Plaintext, prepared.program()).unwrap();
    testbed.keys.decryptor = Box::new(Off(testbed.keys.decryptor, off));
    let mut session = testbed.session();
    let outcome = prepared.run(&mut session).unwrap();
    let report = session.finish();
    let quality = prepared.score(&outcome).unwrap();
    (outcome, quality, report)
}

fn value(quality: &Quality, name: &str) -> f64 {
    quality.metric(name).unwrap().value
}

/// Pooled by looking at the image itself: channels, rows, columns.
fn naive(image: &RgbImage, method: &str, window: u32, stride: u32) -> Vec<f64> {
    let mut pooled = Vec::new();
    for channel in 0..3 {
        for y in (0..=image.height() - window).step_by(stride as usize) {
            for x in (0..=image.width() - window).step_by(stride as usize) {
                let pixels = (0..window)
                    .flat_map(|dy| (0..window).map(move |dx| (x + dx, y + dy)))
                    .map(|(x, y)| f64::from(image[(x, y)][channel]));
                pooled.push(if method == "max" {
                    pixels.fold(0.0, f64::max)
                } else {
                    pixels.sum::<f64>() / f64::from(window * window)
                });
            }
        }
    }
    pooled
}

fn maxima(program: &Program) -> usize {
    program.counts().get(&OpKind::Max).copied().unwrap_or(0)
}

/// All ways of pooling agree with pooling by hand.
#[track_caller]
fn check(data: &Dataset, image: &RgbImage, windows: &[u32], strides: &[u32]) {
    for (method, layout, division) in [
        ("max", "windows", "client"),
        ("max", "grid", "client"),
        ("average", "windows", "client"),
        ("average", "windows", "server"),
        ("average", "grid", "client"),
        ("average", "grid", "server"),
    ] {
        for (window, stride) in windows
            .iter()
            .flat_map(|w| strides.iter().map(move |s| (*w, *s)))
        {
            let given = vec![
                text("method", method),
                text("layout", layout),
                text("division", division),
                whole("window", window as usize),
                whole("stride", stride as usize),
            ];
            let prepared = prepare(data, &given).unwrap();
            let (outcome, quality) = run(prepared.as_ref());
            let expect = naive(image, method, window, stride);
            let case = format!("{method} {layout} {division} {window} {stride}");
            assert!(value(&quality, "max_error") < 1e-12, "{case}: {quality:?}");
            assert_eq!(value(&quality, "exact_share"), 1.0, "{case}");
            let psnr = value(&quality, "psnr");
            let exact = value(&quality, "max_error") == 0.0;
            assert!(psnr > 250.0 && (psnr == f64::INFINITY) == exact, "{case}");
            assert_eq!(quality.samples, expect.len() / 3, "{case}");
            assert_eq!(prepared.samples(), quality.samples, "{case}");
            let inverted = quality.metric("inverted").map(|m| m.value);
            assert_eq!(inverted, (method == "max").then_some(0.0), "{case}");
            if layout == "windows" {
                for (got, expect) in outcome.outputs[0].iter().zip(&expect) {
                    assert!((got - expect).abs() < 1e-12, "{case}");
                }
                assert_eq!(outcome.outputs[0].nrows(), expect.len());
            }
            let divides = method == "average" && division == "client";
            assert_eq!(prepared.client_computes().len(), usize::from(divides));
            let places = (window * window) as usize;
            match (method, layout) {
                ("max", "windows") => assert_eq!(maxima(prepared.program()), places - 1, "{case}"),
                ("max", _) => assert!(maxima(prepared.program()) < places, "{case}"),
                _ => assert_eq!(maxima(prepared.program()), 0, "{case}"),
            }
            let shifts = prepared.program().counts().contains_key(&OpKind::Shift);
            assert_eq!(shifts, layout == "grid" && stride < window, "{case}");
        }
    }
}

#[test]
fn pooling_agrees_with_pooling_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.png");
    for (width, height) in [(7, 5), (8, 6), (13, 9)] {
        let image = coloured(width, height);
        image.save(&path).unwrap();
        check(&file(&path), &image, &[2, 3], &[1, 2, 3]);
    }
    let image = coloured(17, 19);
    image.save(&path).unwrap();
    check(&file(&path), &image, &[4, 5, 7], &[1, 2, 3, 4, 7, 9]);
    // One window only.
    let image = coloured(3, 3);
    image.save(&path).unwrap();
    check(&file(&path), &image, &[3], &[1, 5]);
}

/// Maxima that windows share are taken once, along rows and along columns.
#[test]
fn a_grid_takes_few_maxima() {
    let scene = manifest("scene");
    for (window, stride, expect) in [
        (2, 1, 2),
        (3, 1, 4),
        (4, 1, 4),
        (5, 1, 6),
        (8, 1, 6),
        (2, 2, 3),
        (3, 2, 6),
    ] {
        let given = vec![
            text("layout", "grid"),
            whole("window", window),
            whole("stride", stride),
        ];
        let prepared = prepare(&scene, &given).unwrap();
        assert_eq!(maxima(prepared.program()), expect, "{window} {stride}");
    }
}

#[test]
fn folders_grey_images_and_crops() {
    let folder = tempfile::tempdir().unwrap();
    coloured(12, 7).save(folder.path().join("b.png")).unwrap();
    let grey = GrayImage::from_fn(5, 9, |x, y| Luma([level(x, y, 0)]));
    grey.save(folder.path().join("a.png")).unwrap();
    let both = file(folder.path());
    for layout in ["windows", "grid"] {
        let given = vec![text("layout", layout), whole("stride", 1)];
        let (_, quality) = run(prepare(&both, &given).unwrap().as_ref());
        assert_eq!(quality.samples, 4 * 8 + 11 * 6);
        assert_eq!(value(&quality, "images"), 2.0);
        assert_eq!(value(&quality, "max_error"), 0.0);
    }
    // A grey image has one plane, beside coloured ones too.
    let alone = file(&folder.path().join("a.png"));
    let results = |data: &Dataset, given: Given<'_>| {
        let (outcome, quality) = run(prepare(data, &given).unwrap().as_ref());
        (outcome.outputs[0].column(0).to_vec(), quality.samples)
    };
    let (levels, samples) = results(&alone, vec![]);
    assert_eq!((levels.len(), samples), (2 * 4, 2 * 4));
    let (in_grey, samples) = results(&both, vec![text("colour", "grey")]);
    assert_eq!((in_grey.len(), samples), (8 + 6 * 3, 8 + 6 * 3));
    assert_eq!(in_grey[..8], levels);
    let (together, samples) = results(&both, vec![]);
    assert_eq!((together.len(), samples), (8 + 3 * 6 * 3, 8 + 6 * 3));
    assert_eq!(together[..8], levels);
    // The middle 4 x 2 of 5 x 9 is columns 0 to 3, rows 3 and 4.
    let (cut, samples) = results(&alone, vec![text("crop", "4x2")]);
    assert_eq!(samples, 2);
    let at = |x: u32| [(x, 3), (x + 1, 3), (x, 4), (x + 1, 4)];
    let expect = [0, 2].map(|x| {
        at(x)
            .map(|(x, y)| level(x, y, 0))
            .into_iter()
            .max()
            .unwrap()
    });
    assert_eq!(cut, expect.map(f64::from));
}

/// A grey image beside a coloured one weighs what its pixels weigh: an error in one of its levels is
/// one in as many as there are, and what the notes count is what there is.
#[test]
fn a_grey_image_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    coloured(4, 4).save(folder.path().join("b.png")).unwrap();
    let grey = GrayImage::from_fn(4, 4, |x, y| Luma([level(x, y, 0)]));
    grey.save(folder.path().join("a.png")).unwrap();
    let both = file(folder.path());
    for layout in ["windows", "grid"] {
        let prepared = prepare(&both, &vec![text("layout", layout)]).unwrap();
        let (mut outcome, _) = run(prepared.as_ref());
        // The first level is of the grey image, whose name comes first.
        outcome.outputs[0][[0, 0]] += 2.0;
        let quality = prepared.score(&outcome).unwrap();
        assert_eq!(value(&quality, "exact_share"), 15.0 / 16.0, "{layout}");
        assert_eq!(value(&quality, "mean_error"), 2.0 / 16.0, "{layout}");
        assert_eq!(quality.samples, 8);
        let note = &quality.notes[0];
        let wanted = match layout {
            "windows" => "64 values are encrypted of 64 that there are",
            _ => "16 windows",
        };
        assert!(note.contains(wanted), "{note}");
        let files = prepared.artefacts(&outcome).unwrap();
        let kinds: Vec<_> = files
            .iter()
            .map(|f| {
                image::load_from_memory(&f.bytes)
                    .unwrap()
                    .color()
                    .has_color()
            })
            .collect();
        assert_eq!(kinds, [[false; 4], [true; 4]].concat());
        // The second image as it was read.
        let input = image::load_from_memory(&files[4].bytes).unwrap();
        assert!(files[4].name.ends_with("-input.png"), "{}", files[4].name);
        assert_eq!(input.to_rgb8(), coloured(4, 4));
    }
}

/// An error of a sum is that of the mean times the pixels of a window; who divides, changes nothing
/// of its unit.
#[test]
fn errors_are_in_grey_levels() {
    let scene = manifest("scene");
    for layout in ["windows", "grid"] {
        for (division, off) in [("client", 9.0), ("server", 1.0)] {
            let given = vec![
                text("method", "average"),
                text("layout", layout),
                text("division", division),
                whole("window", 3),
            ];
            let prepared = prepare(&scene, &given).unwrap();
            let (_, quality, report) = run_off(prepared.as_ref(), off);
            for error in [
                report.errors.max_abs,
                report.errors.noise,
                value(&quality, "max_error"),
            ] {
                assert!((error - 1.0).abs() < 1e-9, "{layout} {division}: {error}");
            }
            // log2(255 / 1) at most, and nearly as much
            let bits = report.errors.precision_bits;
            assert!((7.5..8.0).contains(&bits), "{layout} {division}: {bits}");
        }
    }
}

/// Pixels are sent once, however often windows repeat them and vectors are padded.
#[test]
fn pixels_are_the_data_that_are_sent() {
    #[track_caller]
    fn check(layout: &str, window: usize, stride: usize, pixels: u64) {
        let given = vec![
            text("layout", layout),
            whole("window", window),
            whole("stride", stride),
        ];
        let prepared = prepare(&manifest("scene"), &given).unwrap();
        let (_, _, report) = run_off(prepared.as_ref(), 0.0);
        assert_eq!(report.traffic.clear_values, pixels);
    }
    for layout in ["windows", "grid"] {
        check(layout, 2, 2, 3 * 48 * 40);
        check(layout, 3, 1, 3 * 48 * 40);
        // Windows of 2 begin at 0, 3, ... 45 and at 0, 3, ... 36.
        check(layout, 2, 3, 3 * (16 * 2) * (13 * 2));
        check(layout, 5, 4, 3 * (10 * 4 + 5) * (8 * 4 + 5));
    }
}

/// Names and levels of the files that a run leaves; what came back is `off` in its first pixel.
#[track_caller]
fn left(data: &Dataset, given: &Given<'_>, off: f64) -> Vec<(String, RgbImage)> {
    let prepared = prepare(data, given).unwrap();
    let (mut outcome, _) = run(prepared.as_ref());
    outcome.outputs[0][[0, 0]] += off;
    let files = prepared.artefacts(&outcome).unwrap();
    let read = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().to_rgb8();
    files
        .iter()
        .map(|f| (f.name.clone(), read(&f.bytes)))
        .collect()
}

#[test]
fn pooled_images_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let image = coloured(9, 6);
    image.save(folder.path().join("a b.png")).unwrap();
    for layout in ["windows", "grid"] {
        let alone = file(&folder.path().join("a b.png"));
        let given = vec![text("layout", layout), whole("stride", 1)];
        let files = left(&alone, &given, -3.0);
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let expect = [
            "a-b-input.png",
            "a-b-pooled.png",
            "a-b-clear.png",
            "a-b-difference-x32.png",
        ];
        assert_eq!(names, expect);
        assert_eq!(files[0].1, image);
        let clear = naive(&image, "max", 2, 1);
        let [pooled, in_clear, difference] = [1, 2, 3].map(|i| &files[i].1);
        assert_eq!(pooled.dimensions(), (8, 5));
        for (x, y, pixel) in pooled.enumerate_pixels() {
            for channel in 0..3 {
                let off = if (x, y, channel) == (0, 0, 0) {
                    3.0
                } else {
                    0.0
                };
                let level = clear[channel * 40 + y as usize * 8 + x as usize];
                assert_eq!(f64::from(in_clear[(x, y)][channel]), level);
                assert_eq!(f64::from(pixel[channel]), level - off);
                let shown = f64::from(difference[(x, y)][channel]);
                assert_eq!(shown, 128.0 - 32.0 * off);
            }
        }
    }
    // Names that would be the same; grey; and no more than anyone would look at.
    let _ = std::fs::remove_file(folder.path().join("a b.png"));
    for i in 0..40 {
        let name = format!("{}{i:02}.png", "x".repeat(60));
        GrayImage::new(4, 2).save(folder.path().join(name)).unwrap();
    }
    let many = file(folder.path());
    let files = left(&many, &vec![], f64::NAN);
    assert_eq!(files.len(), 4 * 32);
    let names: std::collections::BTreeSet<_> = files.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), files.len());
    assert_eq!(files[5].0, format!("02-{}-pooled.png", "x".repeat(40)));
    assert_eq!(files[3].1[(0, 0)], Rgb([255; 3]));
    assert_eq!(files[7].1[(0, 0)], Rgb([128; 3]));
    let note = &run(prepare(&many, &vec![]).unwrap().as_ref()).1.notes[1];
    assert!(note.contains("the first 32 of 40"), "{note}");
}

/// What a scheme without comparisons says, and that it has means.
#[test]
fn additive_schemes_have_means_only() {
    let additive = Capabilities {
        native: [OpKind::Neg, OpKind::Offset, OpKind::WeightedSum].into(),
        missing_otherwise: "additive",
        ..Capabilities::everything()
    };
    let scene = manifest("scene");
    let max = prepare(&scene, &vec![]).unwrap();
    let refusal = lower(max.program(), &additive).unwrap_err().to_string();
    assert!(refusal.starts_with("max: additive"), "{refusal}");
    let average = prepare(&scene, &vec![text("method", "average")]).unwrap();
    assert!(lower(average.program(), &additive).is_ok());
}

/// Errors are seen for what they are.
#[test]
fn errors_are_measured() {
    let scene = manifest("scene");
    let prepared = prepare(&scene, &vec![]).unwrap();
    let (good, _) = run(prepared.as_ref());
    let changed = |by: &dyn Fn(usize) -> f64| {
        let mut outcome = good.clone();
        for (i, x) in outcome.outputs[0].iter_mut().enumerate() {
            *x += by(i);
        }
        prepared.score(&outcome).unwrap()
    };
    let count = good.outputs[0].len() as f64;
    let quality = changed(&|i| if i == 5 { -1.1 } else { 0.4 });
    assert_eq!(value(&quality, "inverted"), 1.0);
    assert!((value(&quality, "max_error") - 1.1).abs() < 1e-9);
    assert!((value(&quality, "exact_share") - (count - 1.0) / count).abs() < 1e-9);
    assert_eq!(value(&changed(&|_| 3.0), "inverted"), 0.0);
    assert_eq!(value(&changed(&|_| -0.9), "inverted"), 0.0);
    assert_eq!(value(&changed(&|_| 0.0), "psnr"), f64::INFINITY);
    assert_eq!(value(&changed(&|_| 3.0), "exact_share"), 0.0);
    // 20 log10(255 / 3)
    assert!((value(&changed(&|_| 3.0), "psnr") - 38.588_4).abs() < 1e-3);
    let nan = changed(&|i| if i == 0 { f64::NAN } else { 0.0 });
    assert!(value(&nan, "max_error").is_nan() && value(&nan, "psnr").is_nan());
    assert_eq!(value(&nan, "inverted"), 1.0);
}

#[track_caller]
fn refused(data: &Dataset, given: Given<'_>, words: &[&str]) {
    let error = prepare(data, &given).err().unwrap().to_string();
    for word in words {
        assert!(error.contains(word), "{error:?} lacks {word:?}");
    }
}

#[test]
fn bad_data_and_options_are_explained() {
    let scene = manifest("scene");
    let words = ["scene has 48 x 40 pixels", "41 x 41", "`window`"];
    refused(&scene, vec![whole("window", 41)], &words);
    refused(&scene, vec![text("crop", "49x2")], &["49 x 2", "`crop`"]);
    refused(
        &scene,
        vec![text("crop", "3x3"), whole("window", 4)],
        &["3 x 3"],
    );
    for crop in ["28", "28x", "0x4", "-1x4", "axb", ""] {
        refused(&scene, vec![text("crop", crop)], &["`crop`", "28x28"]);
    }
    let wine = manifest("wine-quality");
    refused(&wine, vec![], &["no column `image`", "path ="]);
    let mut torn = manifest("scene");
    torn.features[[100, 4]] = 256.0;
    refused(&torn, vec![], &["is not whole"]);
    let mut torn = manifest("scene");
    torn.features[[100, 2]] = 9.0;
    refused(&torn, vec![], &["is not whole", "48 x 40"]);
    torn.features[[48 * 40 - 1, 1]] = f64::NAN;
    refused(&torn, vec![], &["is not whole"]);
    torn.features[[48 * 40 - 1, 1]] = f64::INFINITY;
    refused(&torn, vec![], &["is not whole"]);

    // The image is named.
    let folder = tempfile::tempdir().unwrap();
    for (name, side) in [("a.png", 9), ("b.png", 3)] {
        GrayImage::new(side, 9)
            .save(folder.path().join(name))
            .unwrap();
    }
    let words = ["b.png has 3 x 9 pixels", "4 x 4"];
    refused(&file(folder.path()), vec![whole("window", 4)], &words);

    // No larger than memory bears.
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.png");
    GrayImage::new(700, 600).save(&large).unwrap();
    let given = vec![whole("window", 64), whole("stride", 1)];
    let numbers = format!("{} x 4096", (700 - 63) * (600 - 63));
    refused(&file(&large), given, &[&numbers, "`crop`", "\"grid\""]);

    // Stride 0 and windows of nothing are refused with the experiment file.
    let specs = MaxPooling.manifest().options;
    let check = |name: &str, x: i64| {
        let spec = specs.iter().find(|s| s.name == name).unwrap();
        spec.kind.check(OptionValue::Integer(x))
    };
    assert!(check("stride", 0).unwrap_err().contains("from 1 to 64"));
    assert!(check("window", 1).unwrap_err().contains("from 2 to 64"));
    assert!(check("window", 64).is_ok() && check("stride", 64).is_ok());
}

/// The real images, where they are at hand.
#[test]
fn photos_as_they_are_known() {
    let Some(folder) = std::env::var_os("HEXPERIMENT_DATA") else {
        eprintln!("skipped: HEXPERIMENT_DATA is not set");
        return;
    };
    let images = Path::new(&folder).join("images");
    for (name, image, width, height) in [
        ("penguin", "test_penguin.jpeg", 150, 173),
        ("photo", "test_photo.png", 35, 28),
    ] {
        let image = image::open(images.join(image)).unwrap().to_rgb8();
        assert_eq!(image.dimensions(), (width, height));
        check(&manifest(name), &image, &[2, 3], &[1, 2, 3]);
    }
    let (_, quality) = run(prepare(&file(&images), &vec![]).unwrap().as_ref());
    assert_eq!(value(&quality, "images"), 2.0);
    assert_eq!(quality.samples, 75 * 86 + 17 * 14);
}
