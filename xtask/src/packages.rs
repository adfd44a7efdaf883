//! Gets what is missing, where the system lets it.

use std::io;
use std::process::{Command, Stdio};

use crate::system::{Privilege, System, entries};
use crate::tools::{CPU_FEATURES, GMP, Manager, Tool, advice, missing, packages};
use crate::{Failure, gmp, hexl};

/// Sees to it that all required tools are there, and, if `optional`, tries for the rest.
///
/// `optional` is meant for the first build: later a package that cannot be had would be asked
/// for again at each run, and one that came late would have SEAL built a second time.
pub(crate) fn ensure(system: &System, optional: bool) -> Result<(), Failure> {
    let required = missing(system);
    if required.is_empty() && !(optional && optional_tools(system).next().is_some()) {
        return Ok(());
    }
    ensure_by(system, &system.privilege(), &required, optional)
}

/// What a build would use, and the system lacks.
fn optional_tools(system: &System) -> impl Iterator<Item = &'static Tool> {
    [
        (&CPU_FEATURES, hexl::wants_library(system)),
        (&GMP, gmp::wants_library(system)),
    ]
    .into_iter()
    .filter_map(|(tool, wanted)| wanted.then_some(tool))
}

fn ensure_by(
    system: &System,
    privilege: &Privilege,
    required: &[&Tool],
    optional: bool,
) -> Result<(), Failure> {
    let manager = Manager::of(system);
    let may = manager == Some(Manager::Apt) && *privilege != Privilege::Neither;
    if !required.is_empty() {
        if !may {
            return Err(lacking(required).help(advice(required, manager)));
        }
        apt_install(system, privilege, required)
            .map_err(|e| lacking(required).help(format!("{e}; {}", advice(required, manager))))?;
        let still: Vec<&Tool> = required
            .iter()
            .copied()
            .filter(|tool| tool.find(system).is_none())
            .collect();
        if !still.is_empty() {
            return Err(lacking(&still).help(format!(
                "apt-get has installed {}, and yet they are not where they should be",
                packages(&still, Manager::Apt).join(" ")
            )));
        }
    }
    if may && optional {
        // Now that apt-get has its lists: they say what can be had.
        for extra in optional_tools(system) {
            if let Err(problem) = apt_install(system, privilege, &[extra]) {
                eprintln!(
                    "xtask: going on without {} ({}): {problem}",
                    extra.name, extra.purpose
                );
            }
        }
    }
    Ok(())
}

fn lacking(tools: &[&Tool]) -> Failure {
    let list: Vec<String> = tools
        .iter()
        .map(|tool| format!("{} ({})", tool.name, tool.purpose))
        .collect();
    Failure::new(format!("this machine lacks: {}", list.join(", ")))
}

/// Installs the packages of `tools`; brings the package lists up to date if it must.
fn apt_install(system: &System, privilege: &Privilege, tools: &[&Tool]) -> Result<(), String> {
    let packages = packages(tools, Manager::Apt);
    eprintln!("xtask: installing {} by apt-get", packages.join(" "));
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(&packages);
    let lists = entries(&system.root.join("var/lib/apt/lists"));
    let has_lists = lists
        .iter()
        .any(|list| list.is_file() && !list.ends_with("lock"));
    if has_lists && apt(system, privilege, &install).is_ok() {
        return Ok(());
    }
    apt(system, privilege, &["update", "-qq"])?;
    apt(system, privilege, &install)
}

/// Runs apt-get. What it prints goes to stderr: stdout belongs to the verb.
fn apt(system: &System, privilege: &Privilege, arguments: &[&str]) -> Result<(), String> {
    let program = system.program("apt-get").ok_or("there is no apt-get")?;
    let mut command = match privilege {
        Privilege::Sudo(sudo) => {
            let mut command = Command::new(sudo);
            // sudo clears the environment: `env` sets it behind.
            command
                .args(["-n", "env", "DEBIAN_FRONTEND=noninteractive"])
                .arg(program);
            command
        }
        Privilege::Root | Privilege::Neither => Command::new(program),
    };
    let status = command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-o", "Dpkg::Use-Pty=0"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .map_err(|e| format!("apt-get cannot be started: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!(
            "`apt-get {}` failed ({status})",
            arguments.join(" ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::system::fake::Fake;

    /// A machine that lacks cmake alone, with an `apt-get` that notes its calls.
    fn machine(name: &str, apt: &str) -> Fake {
        let mut fake = Fake::new(name).file("usr/lib/libclang.so");
        fake = fake.file("usr/lib/clang/19/include/stddef.h");
        for tool in ["cc", "c++", "make", "m4"] {
            fake = fake.program(tool, "");
        }
        let script = format!(
            "root='{}'\necho \"$@\" >>$root/calls\n{apt}",
            fake.0.root.display()
        );
        fake.program("apt-get", &script)
    }

    const BRINGS_CMAKE: &str =
        "case \"$*\" in *install*cmake*) cp $root/bin/m4 $root/bin/cmake;; esac";

    #[track_caller]
    fn check(fake: &Fake, privilege: &Privilege, expected: Result<(), &str>, calls: &[&str]) {
        let required = missing(&fake.0);
        match (ensure_by(&fake.0, privilege, &required, true), expected) {
            (Ok(()), Ok(())) => {}
            (Err(failure), Err(text)) => {
                assert!(failure.to_string().contains(text), "{failure}");
            }
            (outcome, expected) => panic!("{outcome:?}, expected {expected:?}"),
        }
        let seen = fs::read_to_string(fake.0.root.join("calls")).unwrap_or_default();
        let seen: Vec<&str> = seen
            .lines()
            .map(|l| l.strip_prefix("-o Dpkg::Use-Pty=0 ").unwrap_or(l))
            .collect();
        assert_eq!(seen, calls);
    }

    const UPDATE: &str = "update -qq";
    const INSTALL: &str = "install -y -qq --no-install-recommends cmake";
    const EXTRA: &str = "install -y -qq --no-install-recommends libcpu-features-dev";
    const LISTS: &str = "var/lib/apt/lists/deb_Packages";

    #[test]
    fn lists_are_fetched_first_where_there_are_none() {
        let fake = machine("apt-bare", BRINGS_CMAKE).file("var/lib/apt/lists/lock");
        check(&fake, &Privilege::Root, Ok(()), &[UPDATE, INSTALL]);
    }

    #[test]
    fn lists_are_used_where_there_are_some() {
        let fake = machine("apt-lists", BRINGS_CMAKE).file(LISTS);
        check(&fake, &Privilege::Root, Ok(()), &[INSTALL]);
    }

    #[test]
    fn old_lists_are_fetched_again() {
        let stale =
            "case \"$*\" in *update*) touch $root/fresh;; *) [ -e $root/fresh ] || exit 100;; esac";
        let fake = machine("apt-stale", &format!("{stale}\n{BRINGS_CMAKE}")).file(LISTS);
        check(&fake, &Privilege::Root, Ok(()), &[INSTALL, UPDATE, INSTALL]);
    }

    #[test]
    fn failures_name_the_tool_and_the_command() {
        let fails = machine("apt-fails", "exit 100").file(LISTS);
        let calls = [INSTALL, UPDATE];
        check(&fails, &Privilege::Root, Err("cmake (SEAL)"), &calls);
        let nothing = machine("apt-nothing", "").file(LISTS);
        check(&nothing, &Privilege::Root, Err("cmake (SEAL)"), &[INSTALL]);
        let user = machine("apt-user", BRINGS_CMAKE).file(LISTS);
        let command = "help: sudo apt-get install --no-install-recommends cmake";
        check(&user, &Privilege::Neither, Err(command), &[]);
    }

    #[test]
    fn sudo_asks_nothing() {
        let fake = machine("apt-sudo", BRINGS_CMAKE).file(LISTS);
        let script = format!(
            "echo \"sudo $1\" >>'{}'/calls; shift; exec \"$@\"",
            fake.0.root.display()
        );
        let fake = fake.program("sudo", &script);
        let sudo = Privilege::Sudo(fake.0.root.join("bin/sudo"));
        check(&fake, &sudo, Ok(()), &["sudo -n", INSTALL]);
    }

    #[test]
    fn the_optional_package_may_fail() {
        let only_cmake = format!("case \"$*\" in *cpu-features*) exit 100;; esac\n{BRINGS_CMAKE}");
        let fake = machine("apt-extra", &only_cmake)
            .file(LISTS)
            .cpu("avx512f avx512dq");
        check(
            &fake,
            &Privilege::Root,
            Ok(()),
            &[INSTALL, EXTRA, UPDATE, EXTRA],
        );
        let user = Fake::new("apt-extra-user")
            .cpu("avx512f avx512dq")
            .program("apt-get", "exit 100");
        assert!(ensure_by(&user.0, &Privilege::Neither, &[], true).is_ok());
    }

    #[test]
    fn gmp_is_installed_where_it_is_new_enough() {
        let gmp = "install -y -qq --no-install-recommends libgmp-dev";
        let fake = machine("apt-gmp", BRINGS_CMAKE).file(LISTS);
        let fake = fake.program("apt-cache", "echo 'Version: 2:6.3.0+dfsg-3'");
        check(&fake, &Privilege::Root, Ok(()), &[INSTALL, gmp]);
        let fake = machine("apt-old-gmp", BRINGS_CMAKE).file(LISTS);
        let fake = fake.program("apt-cache", "echo 'Version: 2:6.2.1+dfsg1-1.1'");
        check(&fake, &Privilege::Root, Ok(()), &[INSTALL]);
    }
}
