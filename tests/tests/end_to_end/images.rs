//! Images as a user has them: those that cannot be used are refused, by file and with a way out;
//! those that can be leave pooled ones, which can be used again.

use std::fs;

use crate::bad_input::refused;
use crate::harness::{Place, experiment};

const TASK: &str = "use = \"max-pooling\"";
const SCHEME: &str = "[[scheme]]\nuse = \"plaintext\"";
const SCENE: &str = "use = \"scene\"";
const OWN: &str = "path = \"my.png\"";

/// A PNG file of 48 x 40 pixels less a row and a column: the scene, pooled.
fn png() -> Vec<u8> {
    let place = Place::new();
    let task = format!("{TASK}\nstride = 1");
    place.write("e.toml", experiment(SCENE, &task, SCHEME));
    place.call(&["run", "e.toml"]).ends_with(0);
    let left = place.latest().0.join("artefacts/plaintext");
    let names = ["pooled", "clear", "difference-x32"].map(|kind| format!("scene-{kind}.png"));
    let files = names.map(|name| fs::read(left.join(name)).unwrap());
    assert_eq!(files[0], files[1]);
    assert!(files[2].len() < files[1].len(), "there is no difference");
    let [pooled, ..] = files;
    pooled
}

/// With another width and height in its header, whose checksum (ISO 3309) follows it.
fn of_size(mut png: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let bit = |crc: u32, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1));
    let crc = png[12..29].iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), bit)
    });
    png[29..33].copy_from_slice(&(!crc).to_be_bytes());
    png
}

/// A file of one's own that is refused.
#[track_caller]
fn file(bytes: &[u8], words: &[&str]) {
    let place = Place::new();
    place.write("my.png", bytes);
    place.write("e.toml", experiment(OWN, TASK, SCHEME));
    refused(&place, &[&["my.png: "], words].concat());
}

/// Options that are refused.
#[track_caller]
fn options(task: &str, words: &[&str]) {
    let place = Place::new();
    place.write(
        "e.toml",
        experiment(SCENE, &format!("{TASK}\n{task}"), SCHEME),
    );
    refused(&place, words);
}

#[test]
fn what_is_no_image() {
    let whole = png();
    let place = Place::new();
    place.write("my.png", &whole);
    place.write("e.toml", experiment(OWN, TASK, SCHEME));
    let words = ["plaintext: fine; 437 samples"]; // 23 x 19
    place.call(&["check", "e.toml"]).ends_with(0).says(&words);

    let no_image = "cannot be read as an image";
    file(&whole[..whole.len() / 2], &[no_image]);
    file(&whole[..20], &[no_image]);
    let signature = [no_image, "signature of PNG", "JPEG"];
    file(b"", &signature);
    file(b"GIF89a", &signature);
    file(b"a,b\n1,2\n", &signature);
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 0x10;
    file(&damaged, &[no_image]);
    let large = of_size(whole.clone(), 20_000, 20_000);
    file(&large, &["20000 x 20000 pixels", "at most 4194304"]);
    file(&of_size(whole, 50, 50), &[no_image]);
}

#[test]
fn folders() {
    let folder = experiment("path = \"photos\"", TASK, SCHEME);
    let place = Place::new();
    place.write("e.toml", &folder);
    refused(&place, &["photos", "cannot be read"]);
    fs::create_dir(place.path("photos")).unwrap();
    refused(&place, &["photos", "no image in the folder", "*.png"]);
    place.write("photos/notes.txt", "what the photos show");
    refused(&place, &["photos", "no image in the folder"]);
    place.write("photos/a.jpg", "what was to be an image");
    refused(&place, &["a.jpg", "signature of PNG"]);
    place.write("photos/a.jpg", png());
    let outcome = place.call(&["run", "e.toml"]);
    outcome.ends_with(0);
    let pooled = place.latest().0.join("artefacts/plaintext/a-pooled.png");
    assert!(pooled.is_file(), "{outcome}");
}

#[test]
fn windows_strides_and_crops() {
    options("window = 41", &["48 x 40 pixels", "41 x 41", "`window`"]);
    options("crop = \"49x4\"", &["48 x 40 pixels", "49 x 4", "`crop`"]);
    options("crop = \"28\"", &["`crop`", "found \"28\"", "\"28x28\""]);
    options("window = 3\ncrop = \"2x9\"", &["2 x 9 pixels", "`window`"]);
    options("stride = 0", &["e.toml:", "found 0", "from 1 to 64"]);
    options("window = 1", &["e.toml:", "found 1", "from 2 to 64"]);
    options("method = \"maximum\"", &["e.toml:", "expected one of"]);
}

/// What is known of tables has no meaning for images, and the other way round.
#[test]
fn tables_are_no_images() {
    let place = Place::new();
    place.write("my.png", png());
    let limit = format!("{OWN}\nlimit = 9");
    place.write("e.toml", experiment(&limit, TASK, SCHEME));
    refused(&place, &["my.png", "`limit`", "no meaning"]);
    let wine = "use = \"wine-quality\"";
    place.write("e.toml", experiment(wine, TASK, SCHEME));
    refused(&place, &["no column `image`", "expected pixels"]);
}
