//! Files that are no text: known by their first bytes, so that they are called what they are.

use std::path::Path;

use hexperiment_diagnostics::Complaint;

/// The first bytes of formats that people have tables and pictures in, and their names.
const SIGNATURES: [(&[u8], &str); 17] = [
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xFF\xD8\xFF", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"%PDF", "a PDF document"),
    (
        b"PK\x03\x04",
        "a ZIP archive, as Excel and Numpy write them",
    ),
    (b"\xD0\xCF\x11\xE0", "a document of an old Excel or Word"),
    (b"\x1F\x8B", "a file compressed by gzip"),
    (b"\xFD7zXZ\0", "a file compressed by xz"),
    (b"\x28\xB5\x2F\xFD", "a file compressed by zstd"),
    (b"PAR1", "a table of Parquet"),
    (b"\x89HDF\r\n", "a file of HDF5"),
    (b"\x93NUMPY", "an array of Numpy"),
    (b"SQLite format 3\0", "a database of SQLite"),
    (b"\x7FELF", "a program"),
];

/// Complains of bytes that are another format than text.
pub(super) fn refuse_other_formats(bytes: &[u8], file: &Path) -> Result<(), Complaint> {
    let known = SIGNATURES
        .iter()
        .find(|(first, _)| bytes.starts_with(first));
    if let Some((_, name)) = known {
        let help = if name.ends_with("image") {
            "images are PNG or JPEG files, whose names end in .png, .jpg or .jpeg: convert or rename it"
        } else {
            "save or export it as CSV, and name that file"
        };
        let problem = format!("found {name}, expected a table as text");
        return Err(Complaint::new(file, problem).about("path").help(help));
    }
    let Some(at) = bytes.iter().position(|byte| *byte == 0) else {
        return Ok(());
    };
    // Two bytes for each letter, the second of which is zero.
    let help = "save the file as text with the encoding UTF-8; UTF-16 has such bytes";
    let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
    Err(Complaint::new(file, "found a byte of zero, expected text")
        .at_line(line)
        .help(help))
}
