//! Images as tables: a row for each pixel, in columns where it is and what it shows.
//!
//! A file is taken for an image by its ending, a folder for the images in it, in the order of
//! their names; hidden files and those with other endings are left out. Alpha is left out, deeper
//! samples are rounded to 8 bits, CMYK becomes RGB by `C K / 255` and so forth, without a profile,
//! and an orientation that a camera noted is not applied: pixels are as they are stored. Where a grey
//! image lies beside coloured ones, its levels stand in a column of their own, and the colours that
//! it has not are missing.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat, ImageReader, Limits};

use super::csv_table::Columns;
use super::locate::{digest, verified};
use super::registry::Table;
use super::{DatasetRequest, MissingPolicy};
use hexperiment_diagnostics::{Complaint, files};

/// Columns that say where a pixel is: the number of its image, its row and its column in that.
pub const PLACE: [&str; 3] = ["image", "row", "column"];

/// The column of grey levels, 0 to 255, of images without colours.
pub const GREY: [&str; 1] = ["grey"];

/// The columns of colours, 0 to 255, of images that have them.
pub const COLOURS: [&str; 3] = ["red", "green", "blue"];

/// Pixels of all images of a data set: 2048 x 2048, whose table takes 200 MB.
const MOST_PIXELS: u64 = 1 << 22;

/// Bytes of a file: twice what the pixels take in four channels of 16 bits, uncompressed.
pub const MOST_BYTES: u64 = 1 << 26;

/// Bytes that decoding may allocate: the pixels of the largest image several times.
const DECODED: u64 = 1 << 27;

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

/// The table of the images at `path`, the sum of their bytes, and the names of a folder's files.
pub(super) fn read(
    path: &Path,
    expected: Option<&str>,
) -> Result<(Columns, String, Vec<String>), Complaint> {
    if !path.is_dir() {
        let (image, sum) = open(path, expected, MOST_PIXELS)?;
        return Ok((table(&[image]).into(), sum, vec![]));
    }
    let mut images = Vec::new();
    let mut names = Vec::new();
    let mut sums = String::new();
    let mut room = MOST_PIXELS;
    for file in images_in(path)? {
        let (image, sum) = open(&file, None, room)?;
        room -= u64::from(image.width()) * u64::from(image.height());
        images.push(image);
        let name = file.file_name().unwrap_or_default();
        names.push(name.to_string_lossy().into_owned());
        sums += &sum;
    }
    Ok((table(&images).into(), digest(sums.as_bytes()), names))
}

/// The images of a folder, by name.
fn images_in(folder: &Path) -> Result<Vec<PathBuf>, Complaint> {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|e| {
        Complaint::new(folder, format!("cannot be read: {e}; expected images"))
            .about("path")
            .help("check its permissions")
    })?;
    let mut files: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
    let hidden = |file: &Path| {
        let name = file.file_name().unwrap_or_default();
        name.as_encoded_bytes().starts_with(b".")
    };
    // What is called an image and cannot be read is not passed over.
    files.retain(|file| has_ending(file) && !file.is_dir() && !hidden(file));
    files.sort();
    if files.is_empty() {
        let problem = "cannot be read: found no image in the folder, expected a file of values, or \
                       images *.png, *.jpg or *.jpeg";
        return Err(Complaint::new(folder, problem)
            .about("path")
            .help("put some there, or name another folder"));
    }
    Ok(files)
}

/// Decodes a file, but not before its size is known to be within `room` pixels; yields the sum of
/// its bytes, too.
fn open(
    file: &Path,
    expected: Option<&str>,
    room: u64,
) -> Result<(DynamicImage, String), Complaint> {
    let bad = |e: &dyn std::fmt::Display| {
        let problem = format!("cannot be read as an image: {e}");
        Complaint::new(file, problem).help(OTHER_FILE)
    };
    let smaller = |problem: String| {
        Complaint::new(file, problem).help("scale it down, or cut out what is of interest")
    };
    let (bytes, whole) = first_bytes(file)?;
    let sum = if whole {
        verified(file, &bytes, expected)?
    } else {
        String::new()
    };
    let reader = |limits: Limits| {
        let mut reader = ImageReader::new(Cursor::new(bytes.as_slice())).with_guessed_format()?;
        reader.limits(limits);
        Ok::<_, std::io::Error>(reader)
    };
    let format = reader(head_limits()).map_err(|e| bad(&e))?.format();
    if !matches!(format, Some(ImageFormat::Png | ImageFormat::Jpeg)) {
        return Err(bad(
            &"found neither the signature of PNG nor that of JPEG, expected one of them",
        ));
    }
    let (width, height) = reader(head_limits())
        .map_err(|e| bad(&e))?
        .into_dimensions()
        .map_err(|e| bad(&e))?;
    if u64::from(width) * u64::from(height) > room {
        let left = if room < MOST_PIXELS {
            format!(" in all, {room} after the images before it")
        } else {
            String::new()
        };
        return Err(smaller(format!(
            "found {width} x {height} pixels, expected at most {MOST_PIXELS}{left}"
        )));
    }
    if !whole {
        return Err(smaller(format!(
            "found more than {MOST_BYTES} bytes, which {width} x {height} pixels do not need"
        )));
    }
    if format == Some(ImageFormat::Jpeg) && !has_end(&bytes) {
        return Err(bad(&"the file ends before the image does"));
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODED);
    let image = reader(limits).map_err(|e| bad(&e))?.decode();
    Ok((image.map_err(|e| bad(&e))?, sum))
}

/// What a decoder may allocate until it knows an image's size: comments and profiles in the file may be of any length.
pub fn head_limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(16 << 20);
    limits
}

/// The bytes of a file, as many as an image may have, and whether that is all.
fn first_bytes(file: &Path) -> Result<(Vec<u8>, bool), Complaint> {
    let help = "check the path; it is taken from the folder of the experiment file";
    let opened = files::open(file, "an image", help).map_err(|c| c.about("path"))?;
    let mut bytes = Vec::new();
    let mut rest = opened.take(MOST_BYTES);
    rest.read_to_end(&mut bytes).map_err(|e| {
        Complaint::new(file, format!("cannot be read: {e}; expected an image")).help(help)
    })?;
    Ok((bytes, rest.limit() > 0))
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

fn table(images: &[DynamicImage]) -> Table {
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
    let coloured = |image: &DynamicImage| image.color().has_color();
    let colours: &[&str] = if images.iter().any(coloured) {
        &COLOURS
    } else {
        &[]
    };
    let grey: &[&str] = if images.iter().all(coloured) {
        &[]
    } else {
        &GREY
    };
    let mut shown: Vec<(String, Vec<f64>)> = colours
        .iter()
        .chain(grey)
        .map(|name| ((*name).to_owned(), Vec::new()))
        .collect();
    for image in images {
        // The first of its columns, the levels of its channels, one pixel after the other.
        let (first, channels, levels) = if coloured(image) {
            (0, COLOURS.len(), image.to_rgb8().into_raw())
        } else {
            (colours.len(), GREY.len(), image.to_luma8().into_raw())
        };
        for (place, (_, values)) in shown.iter_mut().enumerate() {
            match place
                .checked_sub(first)
                .filter(|channel| *channel < channels)
            {
                Some(channel) => {
                    let of_channel = levels.iter().skip(channel).step_by(channels);
                    values.extend(of_channel.copied().map(f64::from));
                }
                None => values.extend(std::iter::repeat_n(f64::NAN, levels.len() / channels)),
            }
        }
    }
    let places = PLACE.map(str::to_owned).into_iter().zip(places);
    Table {
        numbers: places.chain(shown).collect(),
        gaps_are_meant: true,
        ..Table::default()
    }
}

/// Complains about what has a meaning for files of text only.
pub(super) fn check_request(request: &DatasetRequest, path: &Path) -> Result<(), Complaint> {
    let asked = [
        ("delimiter", request.delimiter.is_some()),
        ("missing_marker", request.missing_marker.is_some()),
        ("positive", request.positive.is_some()),
        ("one_hot", !request.one_hot.is_empty()),
        ("missing_target", request.drop_missing_targets.is_some()),
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
        .about(key)
        .help("leave it out; a task may have a `crop`")),
    }
}

/// The picture that needs no file, 48 x 40: a slope of light, a disc, a chessboard, and grain.
pub(super) fn scene() -> Table {
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
mod tests;
