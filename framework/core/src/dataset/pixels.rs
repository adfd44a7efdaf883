//! Images as tables: a row for each pixel, in columns where it is and what it shows.
//!
//! A file is taken for an image by its ending, a folder for the images in it, in the order of
//! their names. Alpha is left out, deeper samples are rounded to 8 bits.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat, ImageReader};

use super::csv_table::Columns;
use super::locate::{digest, read_verified};
use super::{DatasetRequest, MissingPolicy};
use crate::source::Complaint;

/// Columns that say where a pixel is: the number of its image, its row and its column in that.
pub const PLACE: [&str; 3] = ["image", "row", "column"];

/// The column of grey levels, 0 to 255, where no image has colours.
pub const GREY: [&str; 1] = ["grey"];

/// The columns of colours, 0 to 255.
pub const COLOURS: [&str; 3] = ["red", "green", "blue"];

/// Pixels of all images of a data set: 2048 x 2048, whose table takes 200 MB.
const MOST_PIXELS: u64 = 1 << 22;

const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

const OTHER_FILE: &str = "open it with an image viewer: if that fails too, get it anew; if not, \
                          save it as PNG";

/// Whether a path names an image, or a folder of them.
pub(super) fn are_at(path: &Path) -> bool {
    path.is_dir() || has_ending(path)
}

fn has_ending(path: &Path) -> bool {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    ending.is_some_and(|e| ENDINGS.contains(&e.as_str()))
}

/// The table of the images at `path`, and the sum of their bytes.
pub(super) fn read(path: &Path, expected: Option<&str>) -> Result<(Columns, String), Complaint> {
    let help = "check the path; it is taken from the folder of the experiment file";
    if !path.is_dir() {
        let (bytes, sum) = read_verified(path, expected, help)?;
        let images = [open(path, &bytes, MOST_PIXELS)?];
        return Ok((table(&images), sum));
    }
    let mut images = Vec::new();
    let mut sums = String::new();
    let mut room = MOST_PIXELS;
    for file in files(path)? {
        let (bytes, sum) = read_verified(&file, None, help)?;
        let image = open(&file, &bytes, room)?;
        room -= u64::from(image.width()) * u64::from(image.height());
        images.push(image);
        sums += &sum;
    }
    Ok((table(&images), digest(sums.as_bytes())))
}

/// The images of a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Complaint> {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|e| {
        Complaint::new(folder, format!("cannot be read: {e}; expected images"))
            .help("check its permissions")
    })?;
    let mut files: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
    files.retain(|file| file.is_file() && has_ending(file));
    files.sort();
    if files.is_empty() {
        let problem = "cannot be read: found no image in the folder, expected a file of values, or \
                       images *.png, *.jpg or *.jpeg";
        return Err(Complaint::new(folder, problem).help("put some there, or name another folder"));
    }
    Ok(files)
}

/// Decodes a file, but not before its size is known to be within `room` pixels.
fn open(file: &Path, bytes: &[u8], room: u64) -> Result<DynamicImage, Complaint> {
    let bad = |e: &dyn std::fmt::Display| {
        let problem = format!("cannot be read as an image: {e}");
        Complaint::new(file, problem).help(OTHER_FILE)
    };
    let reader = || ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let format = reader().map_err(|e| bad(&e))?.format();
    if !matches!(format, Some(ImageFormat::Png | ImageFormat::Jpeg)) {
        return Err(bad(&"found neither the signature of PNG nor that of JPEG"));
    }
    if format == Some(ImageFormat::Jpeg) && !has_end(bytes) {
        return Err(bad(&"the file ends before the image does"));
    }
    let (width, height) = reader()
        .map_err(|e| bad(&e))?
        .into_dimensions()
        .map_err(|e| bad(&e))?;
    if u64::from(width) * u64::from(height) > room {
        let left = if room < MOST_PIXELS {
            format!(" in all, {room} after the images before it")
        } else {
            String::new()
        };
        let problem =
            format!("found {width} x {height} pixels, expected at most {MOST_PIXELS}{left}");
        return Err(
            Complaint::new(file, problem).help("scale it down, or cut out what is of interest")
        );
    }
    reader().map_err(|e| bad(&e))?.decode().map_err(|e| bad(&e))
}

/// Whether a JPEG file has the marker of its end (ITU-T T.81, annex B): the decoder would take a
/// file without one, and make up the rest.
fn has_end(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(first) = bytes.get(at) {
        at += match (first, bytes.get(at + 1)) {
            (0xFF, Some(0xD9)) => return true,
            // Stuffing, restarts: they have no length.
            (0xFF, Some(0x00 | 0x01 | 0xD0..=0xD8)) => 2,
            (0xFF, Some(0xFF)) | (0..=0xFE, _) => 1,
            // A segment, which may hold another image, such as a thumbnail, with its own end.
            (0xFF, _) => match bytes.get(at + 2..at + 4) {
                Some(&[high, low]) => 2 + usize::from(u16::from_be_bytes([high, low])),
                _ => return false,
            },
        };
    }
    false
}

fn table(images: &[DynamicImage]) -> Columns {
    let mut places: [Vec<f64>; 3] = Default::default();
    for (number, image) in images.iter().enumerate() {
        for row in 0..image.height() {
            for column in 0..image.width() {
                let place = [number as f64, f64::from(row), f64::from(column)];
                for (values, x) in places.iter_mut().zip(place) {
                    values.push(x);
                }
            }
        }
    }
    let coloured = images.iter().any(|image| image.color().has_color());
    let (names, samples): (&[&str], Vec<u8>) = if coloured {
        let rgb = images.iter().flat_map(|i| i.to_rgb8().into_raw());
        (&COLOURS, rgb.collect())
    } else {
        let grey = images.iter().flat_map(|i| i.to_luma8().into_raw());
        (&GREY, grey.collect())
    };
    let shown = names.iter().enumerate().map(|(channel, name)| {
        let of_channel = samples.iter().skip(channel).step_by(names.len());
        (
            (*name).to_owned(),
            of_channel.copied().map(f64::from).collect(),
        )
    });
    let places = PLACE.map(str::to_owned).into_iter().zip(places);
    Columns {
        numbers: places.chain(shown).collect(),
        texts: vec![],
        lines: vec![],
        gaps_left_out: BTreeSet::new(),
    }
}

/// Complains about what has a meaning for files of text only.
pub(super) fn check_request(request: &DatasetRequest, path: &Path) -> Result<(), Complaint> {
    let asked = [
        ("delimiter", request.delimiter.is_some()),
        ("missing_marker", request.missing_marker.is_some()),
        ("positive", request.positive.is_some()),
        ("limit", request.limit > 0),
        ("balance", request.balance),
        (
            "missing",
            request.missing.is_some_and(|m| m != MissingPolicy::Keep),
        ),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        None => Ok(()),
        Some((key, _)) => Err(Complaint::new(
            path,
            format!("found images, for which `{key}` under [dataset] has no meaning"),
        )
        .help("leave it out; a task may have a `crop`")),
    }
}

/// The picture that needs no file, 48 x 40: a slope of light, a disc, a chessboard, and grain.
pub(super) fn scene() -> Columns {
    let (width, height) = (48, 40);
    let image = image::RgbImage::from_fn(width, height, |x, y| {
        let (dx, dy) = (x.abs_diff(16), y.abs_diff(18));
        let grain = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77);
        let grain = (grain.wrapping_mul(0xC2B2_AE3D) >> 28) as u8; // 0 to 15
        let [red, green, blue] = if dx * dx + dy * dy < 120 {
            [220, 120 + dy as u8, 40]
        } else if x >= 30 && y >= 20 {
            [if (x + y) % 2 == 0 { 0 } else { 240 }; 3]
        } else {
            [2 * x as u8, 3 * y as u8, 200 - 2 * y as u8]
        };
        image::Rgb([red + grain, green + grain, blue + grain])
    });
    table(&[image.into()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, DatasetSource};
    use image::{GrayImage, Luma, Rgba, RgbaImage};

    fn load(path: &Path, change: fn(&mut DatasetRequest)) -> Result<Dataset, String> {
        let mut request = DatasetRequest::new(DatasetSource::File(path.to_owned()), 73);
        change(&mut request);
        Dataset::load(&request).map_err(|e| e.to_string())
    }

    #[track_caller]
    fn refused(path: &Path, change: fn(&mut DatasetRequest), words: &[&str]) {
        let problem = load(path, change).unwrap_err();
        for word in words.iter().chain(&["help:"]) {
            assert!(problem.contains(word), "lacks {word:?}: {problem}");
        }
    }

    /// The first bytes of a grey PNG of any size: signature, header and its sum.
    fn head_of_png(width: u32, height: u32) -> Vec<u8> {
        let mut header = b"IHDR".to_vec();
        header.extend(width.to_be_bytes());
        header.extend(height.to_be_bytes());
        header.extend([8, 0, 0, 0, 0]);
        let sum = header.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |c, _| {
                (c >> 1) ^ (0xEDB8_8320 * (c & 1))
            })
        });
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
        bytes.extend(header);
        bytes.extend((!sum).to_be_bytes());
        // The beginning of the pixels, so that only their end is missing.
        bytes.extend(b"\0\0\xff\xffIDAT");
        bytes
    }

    #[test]
    fn pixels_are_rows() {
        let folder = tempfile::tempdir().unwrap();
        let colour = folder.path().join("b.PNG");
        let rgba = RgbaImage::from_fn(3, 2, |x, y| Rgba([x as u8, y as u8, 7, 0]));
        rgba.save(&colour).unwrap();
        let data = load(&colour, |_| {}).unwrap();
        let names = ["image", "row", "column", "red", "green", "blue"];
        assert_eq!(data.columns, names);
        assert_eq!(data.features.nrows(), 6);
        let fifth = data.features.row(4).to_vec();
        assert_eq!(fifth, [0.0, 1.0, 1.0, 1.0, 1.0, 7.0]);
        assert_eq!(data.provenance.sha256.len(), 64);

        let grey = folder.path().join("a.png");
        GrayImage::from_fn(2, 2, |x, _| Luma([9 + x as u8]))
            .save(&grey)
            .unwrap();
        let data = load(&grey, |_| {}).unwrap();
        assert_eq!(data.columns[3..], ["grey"]);
        assert_eq!(data.features.column(3).to_vec(), [9.0, 10.0, 9.0, 10.0]);

        // Together, in the order of their names, and beside what is no image.
        std::fs::write(folder.path().join("notes.txt"), "x").unwrap();
        let data = load(folder.path(), |_| {}).unwrap();
        assert_eq!(data.columns, names);
        assert_eq!(data.features.nrows(), 10);
        assert_eq!(data.features.row(1).to_vec()[..4], [0.0, 0.0, 1.0, 10.0]);
        assert_eq!(data.features.row(8).to_vec()[..3], [1.0, 1.0, 1.0]);
    }

    #[test]
    fn bad_images_are_explained() {
        let folder = tempfile::tempdir().unwrap();
        refused(folder.path(), |_| {}, &["no image in the folder"]);
        let file = folder.path().join("x.png");
        refused(&file, |_| {}, &["cannot be read", "x.png"]);
        let write = |bytes: &[u8]| std::fs::write(&file, bytes).unwrap();
        write(b"");
        refused(&file, |_| {}, &["x.png", "signature of PNG"]);
        write(b"GIF89a and more");
        refused(&file, |_| {}, &["signature of PNG"]);
        write(&head_of_png(20_000, 20_000));
        refused(&file, |_| {}, &["20000 x 20000 pixels", "at most 4194304"]);
        write(&head_of_png(u32::MAX >> 1, u32::MAX >> 1));
        refused(&file, |_| {}, &["x.png"]);
        write(&head_of_png(200, 200));
        refused(&file, |_| {}, &["cannot be read as an image"]);
        let mut whole = Cursor::new(Vec::new());
        let grey = GrayImage::from_fn(64, 64, |x, y| Luma([(x * y) as u8]));
        grey.write_to(&mut whole, ImageFormat::Jpeg).unwrap();
        write(&whole.get_ref()[..40]);
        refused(&file, |_| {}, &["cannot be read as an image"]);
        let cut = |bytes: &[u8], left: usize| write(&bytes[..bytes.len() - left]);
        for left in [1, 2, 1000, 1600] {
            cut(whole.get_ref(), left);
            refused(&file, |_| {}, &["the file ends before the image does"]);
        }
        let mut png = Cursor::new(Vec::new());
        grey.write_to(&mut png, ImageFormat::Png).unwrap();
        for left in [14, 1000, 4000] {
            cut(png.get_ref(), left);
            refused(&file, |_| {}, &["cannot be read as an image"]);
        }
        let middle = png.get_ref().len() / 2;
        png.get_mut()[middle] ^= 1;
        write(png.get_ref());
        refused(&file, |_| {}, &["cannot be read as an image"]);
        write(whole.get_ref());
        assert_eq!(load(&file, |_| {}).unwrap().features.nrows(), 64 * 64);
        refused(&file, |r| r.limit = 9, &["`limit`", "no meaning"]);
        refused(&file, |r| r.delimiter = Some(';'), &["`delimiter`"]);
        refused(&file, |r| r.target = Some("gray".into()), &["`grey`"]);
        // The second of two is one too many.
        std::fs::write(folder.path().join("y.png"), head_of_png(2048, 2048)).unwrap();
        let words = ["y.png", "2048 x 2048", "4190208 after"];
        refused(folder.path(), |_| {}, &words);
    }

    #[test]
    fn the_scene_is_varied() {
        let scene = scene();
        assert_eq!(scene.numbers[3].1.len(), 48 * 40);
        for (name, values) in &scene.numbers[3..] {
            let levels: BTreeSet<u8> = values.iter().map(|x| *x as u8).collect();
            assert!(levels.len() > 60 && levels.contains(&255), "{name}");
        }
    }
}
