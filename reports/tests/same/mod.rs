//! Texts compared with files to the last byte.

use std::path::Path;

/// Fails unless `got` is what stands in a file of `tests/golden`.
#[track_caller]
pub fn same(file: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(file);
    if std::env::var_os("HEXPERIMENT_BLESS").is_some() {
        std::fs::write(&path, got).unwrap();
        return;
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    let place = got.lines().zip(want.lines()).position(|(g, w)| g != w);
    let place = place.unwrap_or(got.lines().count().min(want.lines().count()));
    assert!(
        got == want,
        "{file}:{}:\n found    {:?}\n expected {:?}\nif the new one is right: HEXPERIMENT_BLESS=1",
        place + 1,
        got.lines().nth(place),
        want.lines().nth(place),
    );
}
