//! Images good and bad.

use std::collections::BTreeSet;

use super::*;
use crate::{Dataset, DatasetSource};
use image::{GrayImage, ImageBuffer, Luma, LumaA, Rgba, RgbaImage};

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
    assert_eq!(data.provenance.files, ["a.png", "b.PNG"]);
    // The grey levels in a column of their own, in which colours are missing, and the reverse.
    assert_eq!(data.columns[..6], names);
    assert_eq!(data.columns[6..], ["grey"]);
    assert_eq!(data.features.nrows(), 10);
    let grey = data.features.row(1).to_vec();
    assert_eq!((&grey[..3], grey[6]), (&[0.0, 0.0, 1.0][..], 10.0));
    assert!(grey[3..6].iter().all(|x| x.is_nan()));
    assert!(data.features[[8, 6]].is_nan());
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
    for wrong in [
        &b"GIF89a and more"[..],
        b"a,b\n1,2\n",
        b"\x89PNG\r\n",
        b"\xff",
    ] {
        write(wrong);
        refused(&file, |_| {}, &["x.png", "signature of PNG", "expected"]);
    }
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
    // The second of two is one too many; what is hidden is none.
    std::fs::write(folder.path().join("._x.png"), "of another system").unwrap();
    std::fs::write(folder.path().join("y.png"), head_of_png(2048, 2048)).unwrap();
    let words = ["y.png", "2048 x 2048", "4190208 after"];
    refused(folder.path(), |_| {}, &words);
}

/// Files larger than any memory: what is beyond a limit is not read, what is in the header is.
#[test]
fn large_files_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.png");
    let large = |head: &[u8]| {
        std::fs::write(&path, head).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path);
        // Sparse: it takes no room.
        file.unwrap().set_len(1 << 40).unwrap();
    };
    large(&head_of_png(20_000, 20_000));
    refused(&path, |_| {}, &["20000 x 20000 pixels", "at most 4194304"]);
    large(&head_of_png(20, 20));
    refused(&path, |_| {}, &["more than 67108864 bytes", "20 x 20"]);
    large(b"");
    refused(&path, |_| {}, &["signature of PNG"]);
    // JPEG: the last row of 64 is one of 65,535; the marker of its frame has it at a fixed distance.
    let mut jpeg = Cursor::new(Vec::new());
    let grey = GrayImage::from_pixel(64, 64, Luma([9]));
    grey.write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    let mut jpeg = jpeg.into_inner();
    let frame = jpeg.windows(2).position(|m| m == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xFF);
    std::fs::write(&path, &jpeg).unwrap();
    refused(&path, |_| {}, &["65535 x 65535 pixels"]);
}

/// The levels of the first pixel of an image of one level.
#[track_caller]
fn shows(bytes: &[u8], expect: &[f64]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.png");
    std::fs::write(&path, bytes).unwrap();
    let data = load(&path, |_| {}).unwrap();
    let shown = data.features.row(0).to_vec();
    assert_eq!(shown[3..], *expect);
}

fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let image = image.into();
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// 16 bits, alpha, CMYK.
#[test]
fn other_samples_become_levels() {
    for (deep, level) in [
        (0_u16, 0.0),
        (128, 0.0),
        (129, 1.0),
        (0x8000, 128.0),
        (u16::MAX, 255.0),
    ] {
        let grey = ImageBuffer::from_pixel(2, 2, Luma([deep]));
        shows(&png(grey), &[level]);
        let clear = ImageBuffer::from_pixel(2, 2, Rgba([deep, 0, u16::MAX, 7]));
        shows(&png(clear), &[level, 0.0, 255.0]);
    }
    shows(
        &png(RgbaImage::from_pixel(1, 1, Rgba([1, 2, 3, 0]))),
        &[1.0, 2.0, 3.0],
    );
    shows(
        &png(ImageBuffer::from_pixel(1, 1, LumaA([9_u8, 0]))),
        &[9.0],
    );
    // 192 x 200 / 255 = 150.6, 30 x 200 / 255 = 23.5.
    shows(&cmyk([255, 192, 30, 200]), &[200.0, 151.0, 24.0]);
}

/// A JPEG file of 8 x 8 pixels, all of them of the same four levels, each at least 64 from 128
/// (ITU-T T.81, annex B; the levels are inverted, as Adobe stores them).
fn cmyk(levels: [u8; 4]) -> Vec<u8> {
    // A difference of 7 bits, code 0; no further coefficients, code 0.
    let block = |level: u8| {
        let difference = i32::from(level) - 128;
        let negative = difference < 0;
        format!("0{:07b}0", difference + if negative { 127 } else { 0 })
    };
    let bits: String = levels.into_iter().map(block).collect();
    let bits = format!("{bits:1<40}");
    let mut bytes = b"\xFF\xD8\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\0".to_vec();
    // Steps of 8, which the transform divides by.
    bytes.extend(b"\xFF\xDB\0\x43\0");
    bytes.extend([8; 64]);
    bytes.extend(b"\xFF\xC0\0\x14\x08\0\x08\0\x08\x04");
    for component in 1..=4 {
        bytes.extend([component, 0x11, 0]);
    }
    // Codes of one bit: of 7 bits' differences, and of the end of a block.
    for (table, symbol) in [(0x00, 7), (0x10, 0)] {
        bytes.extend([0xFF, 0xC4, 0, 20, table, 1]);
        bytes.extend([0; 15]);
        bytes.push(symbol);
    }
    bytes.extend(b"\xFF\xDA\0\x0E\x04\x01\0\x02\0\x03\0\x04\0\0\x3F\0");
    for byte in bits.as_bytes().chunks(8) {
        let byte = u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap();
        bytes.push(byte);
        if byte == 0xFF {
            bytes.push(0);
        }
    }
    bytes.extend(b"\xFF\xD9");
    bytes
}

/// Whatever a byte is changed to, a file is read or refused.
#[test]
fn damaged_files_do_not_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jpg");
    let mut jpeg = Cursor::new(Vec::new());
    let image = image::RgbImage::from_fn(11, 9, |x, y| image::Rgb([x as u8 * 20, y as u8 * 9, 7]));
    image.write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    let png = png(image);
    for whole in [&jpeg.into_inner(), &png, &cmyk([255, 192, 30, 200])] {
        let opened = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            open(&path, None, 1 << 12).map_err(|e| e.to_string())
        };
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= [0xFF, 0x01, 0x80][at % 3];
            if let Err(problem) = opened(&bytes) {
                assert!(problem.contains("x.jpg: "), "{at}: {problem}");
            }
            // The last 12 bytes of a PNG file say only that it ends.
            let pixels_are_there = whole == &png && at + 12 > whole.len();
            assert!(opened(&whole[..at]).is_err() || pixels_are_there, "{at}");
        }
    }
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
