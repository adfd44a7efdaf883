//! Where libclang is. bindgen, which reads SEAL's C headers, loads it while sealy is built.

use std::path::{Path, PathBuf};

use crate::system::{System, entries, file_name};

/// Folders where distributions put it; clang-sys looks at these and some more.
const FOLDERS: [&str; 10] = [
    "/usr/lib/llvm-*/lib",
    "/usr/lib/*-linux-gnu",
    "/usr/lib64/llvm*/lib64",
    "/usr/lib64/llvm*/lib",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/llvm*/lib",
    "/usr/local/lib",
    "/opt/homebrew/opt/llvm*/lib",
    "/Library/Developer/CommandLineTools/usr/lib",
];

/// Folders of the headers that belong to the compiler itself (`stddef.h`). They come in a
/// package of their own: without it libclang loads, and fails on the first `#include`.
const HEADERS: [&str; 6] = [
    "/usr/lib/clang/*/include",
    "/usr/lib64/clang/*/include",
    "/usr/lib/llvm-*/lib/clang/*/include",
    "/usr/local/llvm*/lib/clang/*/include",
    "/opt/homebrew/opt/llvm*/lib/clang/*/include",
    "/Library/Developer/CommandLineTools/usr/lib/clang/*/include",
];

/// The library, if it can be used.
pub(crate) fn find(system: &System) -> Option<PathBuf> {
    if let Some(told) = system.variable("LIBCLANG_PATH") {
        // Who sets it knows better; clang-sys looks there first too.
        let told = PathBuf::from(told);
        return if told.is_dir() {
            in_folder(&told)
        } else {
            Some(told).filter(|p| p.is_file())
        };
    }
    let library = FOLDERS
        .iter()
        .flat_map(|f| system.folders(f))
        .find_map(|f| in_folder(&f))?;
    let headers = HEADERS.iter().flat_map(|f| system.folders(f));
    headers
        .into_iter()
        .any(|f| f.join("stddef.h").is_file())
        .then_some(library)
}

fn in_folder(folder: &Path) -> Option<PathBuf> {
    entries(folder)
        .into_iter()
        .find(|p| is_libclang(&file_name(p)) && p.is_file())
}

/// `libclang.so`, `libclang-14.so.1`, `libclang.so.19`, `libclang.dylib`; not `libclang-cpp.so`.
fn is_libclang(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("libclang") else {
        return false;
    };
    let version = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '.');
    match rest.split_once(".so") {
        Some((head, tail)) => version(head.strip_prefix('-').unwrap_or(head)) && version(tail),
        None => rest == ".dylib",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[track_caller]
    fn check_name(name: &str, expected: bool) {
        assert_eq!(is_libclang(name), expected, "{name}");
    }

    #[test]
    fn names() {
        check_name("libclang.so", true);
        check_name("libclang.so.1", true);
        check_name("libclang-14.so.14.0.6", true);
        check_name("libclang.dylib", true);
        check_name("libclang-cpp.so.14", false);
        check_name("libclangAST.a", false);
        check_name("libclang", false);
    }

    #[track_caller]
    fn check(fake: Fake, expected: Option<&str>) {
        assert_eq!(find(&fake.0), expected.map(|p| fake.0.root.join(p)));
    }

    #[test]
    fn places() {
        let header = "usr/lib/llvm-14/lib/clang/14.0.6/include/stddef.h";
        check(Fake::new("clang-none"), None);
        let library = "usr/lib/x86_64-linux-gnu/libclang-14.so.1";
        check(
            Fake::new("clang-debian").file(library).file(header),
            Some(library),
        );
        check(Fake::new("clang-headless").file(library), None);
        let cpp = "usr/lib/llvm-14/lib/libclang-cpp.so.14";
        check(Fake::new("clang-cpp").file(cpp).file(header), None);
    }

    #[test]
    fn told_by_the_variable() {
        let fake = Fake::new("clang-told").file("my/libclang.so");
        let place = fake.0.root.join("my");
        let told = place.to_string_lossy().into_owned();
        check(
            fake.variable("LIBCLANG_PATH", &told),
            Some("my/libclang.so"),
        );
        let library = "usr/lib/libclang.so";
        let wrong = Fake::new("clang-wrong")
            .file(library)
            .file("usr/lib/clang/1/include/stddef.h");
        check(wrong.variable("LIBCLANG_PATH", "/no/such/folder"), None);
    }
}
