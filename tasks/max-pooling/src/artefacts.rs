//! Files for the eye: each image as it is read, pooled under encryption, pooled in the clear, and how
//! the two differ.
//!
//! Levels are rounded to whole ones. In a difference, whose file is called `-x32`, 128 stands for
//! equal, and 32 more or less for each grey level by which a pixel is too bright or too dark: an
//! image is the same for all schemes, so that they can be laid side by side.

use std::io::Cursor;
use std::path::Path;

use hexperiment_task::{Artefact, TaskError};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};

use crate::draft::{Pooling, WHITE};
use crate::pictures::{Pictures, Plane};

/// Images that files are left of: the first ones.
const MOST_IMAGES: usize = 32;

/// What a difference of one grey level is shown as, in grey levels from the middle.
const AMPLIFIED: f64 = 32.0;

/// What equal levels are shown as.
const EQUAL: f64 = 128.0;

/// Characters of an image's name that its files' names have.
const LONGEST_NAME: usize = 40;

/// Names and sizes of the files.
#[derive(Clone, Debug)]
pub(crate) struct Gallery {
    frames: Vec<Frame>,
    all: usize,
}

/// One pooled image.
#[derive(Clone, Debug)]
struct Frame {
    name: String,
    rows: usize,
    columns: usize,
    /// 3, or 1 of grey levels.
    colours: usize,
    /// Where its levels begin among those of all images.
    start: usize,
    /// The image before it is pooled.
    input: Raster,
}

/// Pixels of an image, row by row, the channels of each beside one another.
#[derive(Clone, Debug)]
struct Raster {
    width: usize,
    height: usize,
    colours: usize,
    bytes: Vec<u8>,
}

impl Gallery {
    pub(crate) fn new(pictures: &Pictures, pooling: Pooling) -> Self {
        let all = pictures.pictures.len();
        let digits = all.to_string().len();
        let mut frames = Vec::new();
        let mut start = 0;
        for (number, picture) in pictures.pictures.iter().enumerate().take(MOST_IMAGES) {
            let plane = &pictures.planes[picture.planes.start];
            let (rows, columns) = (pooling.count(plane.nrows()), pooling.count(plane.ncols()));
            let colours = picture.planes.len();
            let name = safe(&picture.name);
            frames.push(Frame {
                // Names alone may be the same.
                name: match all {
                    1 => name,
                    _ => format!("{:0digits$}-{name}", number + 1),
                },
                rows,
                columns,
                colours,
                start,
                input: Raster::of(&pictures.planes[picture.planes.clone()]),
            });
            start += rows * columns * colours;
        }
        Self { frames, all }
    }

    /// In words, for the report: what is not left.
    pub(crate) fn note(&self) -> Option<String> {
        let (left, all) = (self.frames.len(), self.all);
        let some = format!("images are left of the first {left} of {all} only");
        (left < all).then_some(some)
    }

    /// Four files for each image: itself, and three of levels pooled under encryption and `clear` ones: planes,
    /// rows, columns of all images one after the other.
    pub(crate) fn files(&self, pooled: &[f64], clear: &[f64]) -> Result<Vec<Artefact>, TaskError> {
        let mut files = Vec::with_capacity(4 * self.frames.len());
        for frame in &self.frames {
            let size = frame.rows * frame.columns * frame.colours;
            let of_frame = frame.start..frame.start + size;
            let (Some(pooled), Some(clear)) = (pooled.get(of_frame.clone()), clear.get(of_frame))
            else {
                // As many came back as there are windows, or the session had complained.
                continue;
            };
            let difference = pooled.iter().zip(clear).map(|(x, y)| shown(x - y));
            files.push(frame.input.file(&frame.name, "input")?);
            files.push(frame.file("pooled", pooled)?);
            files.push(frame.file("clear", clear)?);
            let kind = format!("difference-x{AMPLIFIED}");
            files.push(frame.file(&kind, &difference.collect::<Vec<_>>())?);
        }
        Ok(files)
    }
}

impl Frame {
    fn file(&self, kind: &str, levels: &[f64]) -> Result<Artefact, TaskError> {
        let area = self.rows * self.columns;
        // Planes become channels.
        let channels = (0..area).flat_map(|pixel| levels.iter().skip(pixel).step_by(area));
        let pooled = Raster {
            width: self.columns,
            height: self.rows,
            colours: self.colours,
            bytes: channels.map(|level| level.round() as u8).collect(),
        };
        pooled.file(&self.name, kind)
    }
}

impl Raster {
    /// Planes of one size as channels.
    fn of(planes: &[Plane]) -> Self {
        let (height, width) = planes.first().map_or((0, 0), Plane::dim);
        let pixels = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
        let channels =
            pixels.flat_map(|at| planes.iter().map(move |plane| plane[at].round() as u8));
        Self {
            width,
            height,
            colours: planes.len(),
            bytes: channels.collect(),
        }
    }

    fn file(&self, image: &str, kind: &str) -> Result<Artefact, TaskError> {
        let name = format!("{image}-{kind}.png");
        let (width, height) = (self.width as u32, self.height as u32);
        let bytes = self.bytes.clone();
        let image: Option<DynamicImage> = match self.colours {
            1 => GrayImage::from_raw(width, height, bytes).map(Into::into),
            _ => RgbImage::from_raw(width, height, bytes).map(Into::into),
        };
        let mut file = Cursor::new(Vec::new());
        let written = image.map(|image| image.write_to(&mut file, ImageFormat::Png));
        match written {
            Some(Ok(())) => Ok(Artefact {
                name,
                bytes: file.into_inner(),
            }),
            problem => Err(TaskError::data(
                format!("{name}: {width} x {height} pixels cannot be written as PNG: {problem:?}"),
                "choose a smaller `crop` under [task]",
            )),
        }
    }
}

/// How a difference in grey levels is shown; one that is no number as if it were much too bright.
fn shown(difference: f64) -> f64 {
    if difference.is_nan() {
        return WHITE;
    }
    EQUAL + AMPLIFIED * difference
}

/// An image's name without its ending, and without what a file system or a shell may not take.
fn safe(name: &str) -> String {
    let stem = Path::new(name).file_stem().unwrap_or_default();
    let character = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let stem = stem.to_string_lossy();
    let safe: String = stem.chars().map(character).take(LONGEST_NAME).collect();
    match safe.trim_matches('-') {
        "" => "image".into(),
        safe => safe.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expect: &str) {
        assert_eq!(safe(name), expect);
    }

    #[test]
    fn names_are_safe() {
        check("test_penguin.jpeg", "test_penguin");
        check("../../etc/passwd", "passwd");
        check("a b*c?.tar.png", "a-b-c--tar");
        check("-rf.png", "rf");
        check("Füße.png", "F--e");
        check("..", "image");
        check("", "image");
        check("a\0.png", "a");
        check(&"x".repeat(300), &"x".repeat(LONGEST_NAME));
    }

    #[test]
    fn differences_are_amplified() {
        for (difference, level) in [
            (0.0, 128),
            (1.0, 160),
            (-1.0, 96),
            (0.01, 128),
            (9.0, 255),
            (-9.0, 0),
            (f64::NAN, 255),
            (f64::INFINITY, 255),
        ] {
            assert_eq!(shown(difference).round() as u8, level, "{difference}");
        }
    }
}
