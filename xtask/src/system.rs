//! The machine as far as building is concerned: a root folder, a PATH, some variables, a CPU.
//!
//! Nothing else in this program asks the environment for tools, so that tests can give a
//! machine made up in a folder.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Variables that say where tools are, or what to do.
const VARIABLES: [&str; 6] = [
    "CC",
    "CXX",
    "CMAKE",
    "LIBCLANG_PATH",
    "CPU_FEATURES_LIB_DIR",
    "HEXPERIMENT_HEXL",
];

/// How packages can be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Privilege {
    /// As the user one is.
    Root,
    /// Through this `sudo`, which asks no password.
    Sudo(PathBuf),
    /// Not at all.
    Neither,
}

/// A machine.
pub(crate) struct System {
    pub(crate) root: PathBuf,
    pub(crate) path: Vec<PathBuf>,
    pub(crate) variables: BTreeMap<&'static str, OsString>,
    pub(crate) arch: String,
    /// The flags of the first CPU, by the names of `/proc/cpuinfo`.
    pub(crate) cpu_flags: Vec<String>,
}

impl System {
    /// This machine.
    pub(crate) fn here() -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            root: PathBuf::from("/"),
            path: env::split_paths(&path).collect(),
            variables: VARIABLES
                .into_iter()
                .filter_map(|name| Some((name, env::var_os(name).filter(|v| !v.is_empty())?)))
                .collect(),
            arch: env::consts::ARCH.to_owned(),
            cpu_flags: cpu_flags(&cpu),
        }
    }

    /// A variable that is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(name).map(OsString::as_os_str)
    }

    /// The program of this name, or at this path.
    pub(crate) fn program(&self, name: impl AsRef<Path>) -> Option<PathBuf> {
        let name = name.as_ref();
        let executable = |p: &PathBuf| {
            fs::metadata(p).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
        };
        if name.components().count() > 1 {
            return Some(name.to_owned()).filter(executable);
        }
        self.path
            .iter()
            .map(|folder| folder.join(name))
            .find(executable)
    }

    /// The folders that match `pattern` below the root; a `*` stands for any part of one name.
    pub(crate) fn folders(&self, pattern: &str) -> Vec<PathBuf> {
        let mut found = vec![self.root.clone()];
        for part in pattern.split('/').filter(|p| !p.is_empty()) {
            found = match part.split_once('*') {
                None => found
                    .into_iter()
                    .map(|f| f.join(part))
                    .filter(|f| f.is_dir())
                    .collect(),
                Some((head, tail)) => found
                    .iter()
                    .flat_map(|f| entries(f))
                    .filter(|f| f.is_dir() && matches(&file_name(f), head, tail))
                    .collect(),
            };
        }
        found
    }

    /// How packages can be installed here.
    pub(crate) fn privilege(&self) -> Privilege {
        let id = Command::new("id").arg("-u").output();
        if id.is_ok_and(|o| o.stdout.trim_ascii() == b"0") {
            return Privilege::Root;
        }
        let quiet = |c: &mut Command| {
            c.stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
        };
        match self.program("sudo") {
            Some(sudo)
                if quiet(Command::new(&sudo).args(["-n", "true"])).is_ok_and(|s| s.success()) =>
            {
                Privilege::Sudo(sudo)
            }
            _ => Privilege::Neither,
        }
    }
}

/// The paths in a folder, in order; none if it cannot be read.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return vec![];
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    paths
}

/// The last part of a path.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn matches(name: &str, head: &str, tail: &str) -> bool {
    name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
}

fn cpu_flags(cpu_info: &str) -> Vec<String> {
    cpu_info
        .lines()
        .find_map(|line| {
            line.split_once(':')
                .filter(|(key, _)| key.trim() == "flags")
        })
        .map(|(_, flags)| flags.split_whitespace().map(str::to_owned).collect())
        .unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod fake {
    //! Machines made up in a folder.

    use super::*;

    /// A machine in a folder of its own, which goes when it is dropped.
    pub(crate) struct Fake(pub(crate) System);

    impl Fake {
        pub(crate) fn new(name: &str) -> Self {
            let root = env::temp_dir().join(format!("xtask-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&root);
            fs::create_dir_all(root.join("bin")).expect("a folder for the test");
            Self(System {
                path: vec![root.join("bin")],
                root,
                variables: BTreeMap::new(),
                arch: "x86_64".into(),
                cpu_flags: vec![],
            })
        }

        pub(crate) fn file(self, path: &str) -> Self {
            self.text(path, "")
        }

        pub(crate) fn text(self, path: &str, text: &str) -> Self {
            let path = self.0.root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
            self
        }

        pub(crate) fn program(self, name: &str, script: &str) -> Self {
            // Another process writes it: were it open for writing here while another test
            // starts a process, that one would hold it open too, and "text file busy".
            let write = r#"printf '#!/bin/sh\n%s\n' "$1" >"$2" && chmod 755 "$2""#;
            let path = self.0.root.join("bin").join(name);
            let status = Command::new("sh")
                .args(["-c", write, "sh", script])
                .arg(path)
                .status();
            assert!(status.expect("a shell").success());
            self
        }

        pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
            self.0.variables.insert(name, value.into());
            self
        }

        pub(crate) fn cpu(mut self, flags: &str) -> Self {
            self.0.cpu_flags = flags.split_whitespace().map(str::to_owned).collect();
            self
        }
    }

    impl Drop for Fake {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0.root);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fake::Fake;
    use super::*;

    #[test]
    fn programs_are_executable_files() {
        let fake = Fake::new("programs")
            .program("cmake", "")
            .file("bin/make")
            .file("bin/m4/x");
        assert_eq!(fake.0.program("cmake"), Some(fake.0.root.join("bin/cmake")));
        assert_eq!(fake.0.program("make"), None, "not executable");
        assert_eq!(fake.0.program("m4"), None, "a folder");
        assert_eq!(
            fake.0.program(fake.0.root.join("bin/cmake")),
            Some(fake.0.root.join("bin/cmake"))
        );
    }

    #[track_caller]
    fn check_folders(fake: &Fake, pattern: &str, expected: &[&str]) {
        let expected: Vec<PathBuf> = expected.iter().map(|f| fake.0.root.join(f)).collect();
        assert_eq!(fake.0.folders(pattern), expected, "{pattern}");
    }

    #[test]
    fn folders_by_pattern() {
        let fake = Fake::new("folders")
            .file("usr/lib/llvm-14/lib/a")
            .file("usr/lib/llvm-19/lib/a");
        check_folders(
            &fake,
            "/usr/lib/llvm-*/lib",
            &["usr/lib/llvm-14/lib", "usr/lib/llvm-19/lib"],
        );
        check_folders(&fake, "/usr/lib", &["usr/lib"]);
        check_folders(&fake, "/usr/*/llvm-14", &["usr/lib/llvm-14"]);
        check_folders(&fake, "/opt/*/lib", &[]);
    }

    #[test]
    fn flags_of_the_cpu() {
        let info = "processor\t: 0\nvmx flags\t: vnmi\nflags\t\t: fpu avx512f avx512dq\n\n";
        assert_eq!(cpu_flags(info), ["fpu", "avx512f", "avx512dq"]);
        assert!(cpu_flags("Features : asimd").is_empty());
    }
}
