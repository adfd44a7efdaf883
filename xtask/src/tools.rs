//! What a build needs beside Rust, and the packages that bring it.

use std::path::PathBuf;

use crate::system::System;
use crate::{gmp, hexl, libclang};

/// A program or library of the system.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// Who needs it.
    pub(crate) purpose: &'static str,
    packages: [Option<&'static str>; 4],
    find: fn(&System) -> Option<PathBuf>,
}

/// What no build can do without.
pub(crate) const REQUIRED: [Tool; 6] = [
    Tool {
        name: "C compiler",
        purpose: "links all; GMP, zstd",
        packages: [Some("gcc"), Some("gcc"), Some("gcc"), Some("gcc")],
        find: |system| compiler(system, "CC", "cc"),
    },
    Tool {
        name: "C++ compiler",
        purpose: "SEAL",
        packages: [Some("g++"), Some("gcc-c++"), Some("gcc"), Some("gcc")],
        find: |system| compiler(system, "CXX", "c++"),
    },
    Tool {
        name: "cmake",
        purpose: "SEAL",
        packages: [Some("cmake"); 4],
        find: |system| compiler(system, "CMAKE", "cmake"),
    },
    Tool {
        name: "make",
        purpose: "SEAL, GMP",
        packages: [Some("make"); 4],
        find: |system| system.program("make"),
    },
    Tool {
        name: "m4",
        purpose: "GMP, where the system has none",
        packages: [Some("m4"); 4],
        find: |system| gmp::library(system).or_else(|| system.program("m4")),
    },
    Tool {
        name: "libclang",
        purpose: "reads SEAL's headers",
        packages: [
            Some("libclang-dev"),
            Some("clang-devel"),
            Some("clang"),
            Some("llvm"),
        ],
        find: libclang::find,
    },
];

/// What makes SEAL about twice as fast on a CPU with AVX-512.
pub(crate) const CPU_FEATURES: Tool = Tool {
    name: "cpu_features",
    purpose: "optional: Intel HEXL in SEAL",
    packages: [Some("libcpu-features-dev"), None, None, None],
    find: hexl::library,
};

/// What spares a build of GMP.
pub(crate) const GMP: Tool = Tool {
    name: "GMP",
    purpose: "optional: Paillier, in place of one that is compiled",
    packages: [
        Some("libgmp-dev"),
        Some("gmp-devel"),
        Some("gmp"),
        Some("gmp"),
    ],
    find: gmp::library,
};

/// What tests of clusters start; without them they are passed over, and nothing else misses them.
pub(crate) const CLUSTERS: [Tool; 2] = [
    Tool {
        name: "Slurm",
        purpose: "optional, for `test`: cells on a cluster",
        packages: [Some("slurm-wlm"), None, None, None],
        find: |system| {
            let daemon = ["/usr/sbin/slurmctld", "slurmctld"];
            daemon.iter().find_map(|path| system.program(path))
        },
    },
    Tool {
        name: "GNU parallel",
        purpose: "optional, for `test`: cells by it",
        packages: [Some("parallel"); 4],
        find: |system| system.program("parallel"),
    },
];

impl Tool {
    /// Where it is.
    pub(crate) fn find(&self, system: &System) -> Option<PathBuf> {
        (self.find)(system)
    }

    /// Its package, where `manager` has one.
    pub(crate) fn package(&self, manager: Manager) -> Option<&'static str> {
        self.packages[manager as usize]
    }
}

/// The required tools that are not there.
pub(crate) fn missing(system: &System) -> Vec<&'static Tool> {
    REQUIRED
        .iter()
        .filter(|tool| tool.find(system).is_none())
        .collect()
}

/// What installs packages; as an index, the column of `packages`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manager {
    Apt,
    Dnf,
    Pacman,
    Brew,
}

impl Manager {
    /// The one of this system.
    pub(crate) fn of(system: &System) -> Option<Self> {
        let known = [
            (Self::Apt, "apt-get"),
            (Self::Dnf, "dnf"),
            (Self::Pacman, "pacman"),
            (Self::Brew, "brew"),
        ];
        known
            .into_iter()
            .find(|(_, name)| system.program(name).is_some())
            .map(|(it, _)| it)
    }

    /// The command for a person to type.
    pub(crate) fn command(self, packages: &[&str]) -> String {
        let verb = match self {
            Self::Apt => "sudo apt-get install --no-install-recommends",
            Self::Dnf => "sudo dnf install",
            Self::Pacman => "sudo pacman -S --needed",
            Self::Brew => "brew install",
        };
        format!("{verb} {}", packages.join(" "))
    }
}

/// What a person has to do to get `tools`.
pub(crate) fn advice(tools: &[&Tool], manager: Option<Manager>) -> String {
    let packages = |manager| packages(tools, manager);
    match manager {
        Some(manager) if !packages(manager).is_empty() => manager.command(&packages(manager)),
        _ => format!(
            "install it by your system's package manager; Debian calls it {}",
            packages(Manager::Apt).join(" ")
        ),
    }
}

/// The packages of `tools`, each once.
pub(crate) fn packages(tools: &[&Tool], manager: Manager) -> Vec<&'static str> {
    let mut packages: Vec<&str> = tools.iter().filter_map(|t| t.package(manager)).collect();
    packages.dedup();
    packages
}

/// The program that a variable names (its first word: `ccache cc` is one too), or the usual one.
fn compiler(system: &System, variable: &str, usual: &str) -> Option<PathBuf> {
    let told = system
        .variable(variable)
        .map(|v| v.to_string_lossy().into_owned());
    let told = told.as_deref().and_then(|v| v.split_whitespace().next());
    system.program(told.unwrap_or(usual))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[track_caller]
    fn check_missing(fake: &Fake, expected: &[&str]) {
        let names: Vec<&str> = missing(&fake.0).iter().map(|t| t.name).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn what_is_missing() {
        let fake = Fake::new("missing").program("cc", "").program("make", "");
        check_missing(&fake, &["C++ compiler", "cmake", "m4", "libclang"]);
        let fake = fake
            .program("c++", "")
            .program("cmake", "")
            .program("m4", "");
        check_missing(&fake, &["libclang"]);
        let fake = fake
            .file("usr/lib/libclang.so")
            .file("usr/lib/clang/19/include/stddef.h");
        check_missing(&fake, &[]);
        check_missing(&fake.variable("CXX", "icpx -O2"), &["C++ compiler"]);
    }

    #[test]
    fn compilers_by_variable() {
        let fake = Fake::new("compilers")
            .program("clang", "")
            .variable("CC", "clang -m64");
        assert_eq!(
            REQUIRED[0].find(&fake.0),
            Some(fake.0.root.join("bin/clang"))
        );
    }

    #[track_caller]
    fn check_advice(tools: &[&Tool], manager: Option<Manager>, expected: &str) {
        assert_eq!(advice(tools, manager), expected);
    }

    #[test]
    fn advice_for_each_manager() {
        let [cc, cxx, cmake, ..] = &REQUIRED;
        let all = [cc, cxx, cmake];
        check_advice(
            &all,
            Some(Manager::Apt),
            "sudo apt-get install --no-install-recommends gcc g++ cmake",
        );
        check_advice(
            &all,
            Some(Manager::Dnf),
            "sudo dnf install gcc gcc-c++ cmake",
        );
        check_advice(
            &all,
            Some(Manager::Pacman),
            "sudo pacman -S --needed gcc cmake",
        );
        check_advice(&all, Some(Manager::Brew), "brew install gcc cmake");
        let by_hand = "install it by your system's package manager; Debian calls it gcc g++ cmake";
        check_advice(&all, None, by_hand);
        let by_hand =
            "install it by your system's package manager; Debian calls it libcpu-features-dev";
        check_advice(&[&CPU_FEATURES], Some(Manager::Dnf), by_hand);
    }

    #[test]
    fn managers_by_what_is_there() {
        assert_eq!(Manager::of(&Fake::new("manager-none").0), None);
        let fedora = Fake::new("manager-dnf").program("dnf", "");
        assert_eq!(Manager::of(&fedora.0), Some(Manager::Dnf));
        assert_eq!(
            Manager::of(&fedora.program("apt-get", "").0),
            Some(Manager::Apt)
        );
    }
}
