//! Whether GMP is the system's: then it is neither compiled nor tested here.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::decision::Decision;
use crate::system::System;
use crate::tools::{GMP, Manager};

/// The workspace's feature for it.
const FEATURE: &str = "hexperiment-runner/system-gmp";

/// The oldest version that gmp-mpfr-sys 1.7 takes.
const OLDEST: (u32, u32) = (6, 3);

/// Decides.
pub(crate) fn decide(system: &System) -> Decision {
    let (on, reason) = match (library(system), version(system)) {
        (Some(at), Some((major, minor))) => (true, format!("{major}.{minor} at {}", at.display())),
        (None, Some((major, minor))) => (
            false,
            format!("the system has {major}.{minor}, which is too old"),
        ),
        (_, None) => (false, "the system has none to build with".into()),
    };
    Decision {
        name: "the system's GMP",
        feature: FEATURE,
        on,
        reason,
    }
}

/// The library, if it can be used.
pub(crate) fn library(system: &System) -> Option<PathBuf> {
    if version(system)? < OLDEST {
        return None;
    }
    let folders = [
        format!("usr/lib/{}-linux-gnu", system.arch),
        "usr/lib64".into(),
        "usr/lib".into(),
        "usr/local/lib".into(),
    ];
    folders
        .iter()
        .map(|folder| system.root.join(folder).join("libgmp.so"))
        .find(|file| file.is_file())
}

/// Whether a package of it is worth while to install: there is none to use, and apt has one.
pub(crate) fn wants_library(system: &System) -> bool {
    library(system).is_none()
        && Manager::of(system) == Some(Manager::Apt)
        && candidate(system).is_some_and(|version| version >= OLDEST)
}

/// The version that its header tells.
fn version(system: &System) -> Option<(u32, u32)> {
    let places = [
        format!("usr/include/{}-linux-gnu/gmp.h", system.arch),
        "usr/include/gmp.h".into(),
        format!("usr/include/gmp-{}.h", system.arch), // Fedora
        "usr/local/include/gmp.h".into(),
    ];
    let headers = places
        .iter()
        .filter_map(|place| fs::read_to_string(system.root.join(place)).ok());
    headers.into_iter().find_map(|header| {
        let number = |name: &str| -> Option<u32> {
            let mut lines = header.lines();
            let value = lines.find_map(|line| line.strip_prefix("#define ")?.strip_prefix(name))?;
            value.trim().parse().ok()
        };
        Some((
            number("__GNU_MP_VERSION ")?,
            number("__GNU_MP_VERSION_MINOR ")?,
        ))
    })
}

/// The version that apt-get would install, if its lists are there.
fn candidate(system: &System) -> Option<(u32, u32)> {
    let output = Command::new(system.program("apt-cache")?)
        .args(["show", "--no-all-versions"])
        .args(GMP.package(Manager::Apt))
        .output()
        .ok()?;
    package_version(&String::from_utf8_lossy(&output.stdout))
}

/// Major and minor version in `Version: 2:6.3.0+dfsg-3`.
fn package_version(show: &str) -> Option<(u32, u32)> {
    let version = show.lines().find_map(|l| l.strip_prefix("Version: "))?;
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    fn header(minor: u32) -> String {
        format!(
            "#define __GNU_MP_VERSION            6\n#define __GNU_MP_VERSION_MINOR      {minor}\n\
             #define __GNU_MP_VERSION_PATCHLEVEL 0\n"
        )
    }

    const HEADER: &str = "usr/include/x86_64-linux-gnu/gmp.h";
    const LIBRARY: &str = "usr/lib/x86_64-linux-gnu/libgmp.so";

    #[track_caller]
    fn check(fake: Fake, on: bool, reason: &str) {
        let decision = decide(&fake.0);
        assert_eq!(decision.on, on, "{}", decision.line());
        assert!(decision.line().contains(reason), "{}", decision.line());
        assert_eq!(decision.arguments().is_empty(), !on);
    }

    #[test]
    fn by_what_the_system_has() {
        check(Fake::new("gmp-none"), false, "none");
        let good = Fake::new("gmp-good").text(HEADER, &header(3));
        check(good.file(LIBRARY), true, "6.3 at ");
        let old = Fake::new("gmp-old").text(HEADER, &header(2));
        check(old.file(LIBRARY), false, "6.2, which is too old");
        // The library at run time, without what a build needs.
        check(Fake::new("gmp-headless").file(LIBRARY), false, "none");
        let fedora = Fake::new("gmp-fedora")
            .text("usr/include/gmp.h", "#include \"gmp-x86_64.h\"\n")
            .text("usr/include/gmp-x86_64.h", &header(3));
        check(fedora.file("usr/lib64/libgmp.so"), true, "lib64");
    }

    #[track_caller]
    fn check_wants(name: &str, version: &str, expected: bool) {
        let fake = Fake::new(name).program("apt-get", "").program(
            "apt-cache",
            &format!("echo Package: x; echo 'Version: {version}'"),
        );
        assert_eq!(wants_library(&fake.0), expected, "{version}");
    }

    #[test]
    fn when_the_library_is_worth_installing() {
        check_wants("gmp-trixie", "2:6.3.0+dfsg-3", true);
        check_wants("gmp-bookworm", "2:6.2.1+dfsg1-1.1", false);
        check_wants("gmp-future", "7.0", true);
        check_wants("gmp-unknown", "", false);
        let has = Fake::new("gmp-has").text(HEADER, &header(3)).file(LIBRARY);
        assert!(!wants_library(&has.program("apt-get", "").0));
        let dnf = Fake::new("gmp-dnf").program("dnf", "");
        assert!(!wants_library(&dnf.0));
    }
}
