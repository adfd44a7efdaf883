//! A plan as a job definition file of HyperQueue (<https://it4innovations.github.io/hyperqueue/stable/jobs/jobfile/>).

use std::fmt::Write as _;

use hexperiment_diagnostics::printable;

use super::arrays::Array;

/// All that the file says; paths are absolute.
#[derive(Clone, Debug)]
pub(super) struct JobFile<'a> {
    pub(super) name: &'a str,
    pub(super) arrays: &'a [Array],
    /// Whether a node may have other tasks beside.
    pub(super) shared: bool,
    pub(super) program: &'a str,
    pub(super) plan: &'a str,
    /// Where tasks run.
    pub(super) folder: &'a str,
    /// The folder of what tasks write besides.
    pub(super) logs: &'a str,
    pub(super) variables: &'a [(String, String)],
}

/// Refuses a path in which HyperQueue would put something else, as `%{JOB_ID}`: it has no way to write a `%{` that stands for
/// itself (`crates/hyperqueue/src/common/placeholders.rs` of its source).
pub(super) fn check_path(path: &str) -> Result<(), String> {
    if !path.contains("%{") {
        return Ok(());
    }
    Err(format!(
        "{}: found `%{{` in this path, expected none: HyperQueue takes what follows for a placeholder\n  help: another folder, \
         by `--into`, or another name of this one",
        printable::line(path)
    ))
}

/// A string of TOML.
fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c)); // writing to a string cannot fail
            }
            c => out.push(c),
        }
    }
    out + "\""
}

impl JobFile<'_> {
    /// The text of the file: a task for each cell, which has the cell's number.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "# Cells of a plan as tasks of HyperQueue, by `hexperiment submit`.\nname = {}\n",
            string(self.name)
        );
        let variables = self
            .variables
            .iter()
            .map(|(name, value)| format!("{} = {}", string(name), string(value)));
        let variables = variables.collect::<Vec<_>>().join(", ");
        for Array { needs, cells } in self.arrays {
            let cpus = if self.shared {
                needs.threads.to_string()
            } else {
                string("all")
            };
            let memory = needs
                .memory_mib
                .map(|mib| format!(", \"mem\" = {mib}"))
                .unwrap_or_default();
            for cell in cells {
                let words = [
                    self.program,
                    "run",
                    "--cells",
                    &cell.to_string(),
                    "--into",
                    self.plan,
                ]
                .map(string);
                let log = |ending| string(&format!("{}/{cell}.{ending}", self.logs));
                let _ = write!(
                    text,
                    "\n[[task]]\nid = {cell}\ncommand = [{}]\ncwd = {}\nstdout = {}\nstderr = {}\n",
                    words.join(", "),
                    string(self.folder),
                    log("out"),
                    log("err"),
                );
                if !variables.is_empty() {
                    let _ = writeln!(text, "env = {{ {variables} }}");
                }
                if let Some(minutes) = needs.minutes {
                    let _ = writeln!(text, "time_limit = \"{minutes}m\"");
                }
                let _ = writeln!(
                    text,
                    "[[task.request]]\nresources = {{ \"cpus\" = {cpus}{memory} }}"
                );
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::submit::arrays::Needs;

    #[test]
    fn placeholders_in_paths_are_refused() {
        assert_eq!(check_path("/plans/50% {a}"), Ok(()));
        let told = check_path("/plans/%{JOB_ID}").unwrap_err();
        assert!(
            told.contains("/plans/%{JOB_ID}: found `%{`") && told.contains("--into"),
            "{told}"
        );
    }

    #[test]
    fn a_task_for_each_cell() {
        let needs = Needs {
            threads: 2,
            memory_mib: Some(2560),
            minutes: Some(13),
        };
        let arrays = [
            Array {
                needs,
                cells: vec![0, 2],
            },
            Array {
                needs: Needs {
                    memory_mib: None,
                    minutes: None,
                    ..needs
                },
                cells: vec![1],
            },
        ];
        let file = JobFile {
            name: "hexperiment-0a1b2c3d-001-1",
            arrays: &arrays,
            shared: false,
            program: "/opt/a \"b\"\\c",
            plan: "/shared/plan",
            folder: "/home/a",
            logs: "/shared/plan/jobs/001/logs",
            variables: &[("HEXPERIMENT_DATA".into(), "/da\tta".into())],
        };
        let text = file.text();
        let expect = r#"# Cells of a plan as tasks of HyperQueue, by `hexperiment submit`.
name = "hexperiment-0a1b2c3d-001-1"

[[task]]
id = 0
command = ["/opt/a \"b\"\\c", "run", "--cells", "0", "--into", "/shared/plan"]
cwd = "/home/a"
stdout = "/shared/plan/jobs/001/logs/0.out"
stderr = "/shared/plan/jobs/001/logs/0.err"
env = { "HEXPERIMENT_DATA" = "/da\u0009ta" }
time_limit = "13m"
[[task.request]]
resources = { "cpus" = "all", "mem" = 2560 }
"#;
        assert!(text.starts_with(expect), "{text}");
        let last = text.rsplit("[[task]]").next().unwrap();
        assert!(
            last.starts_with("\nid = 1\n") && !last.contains("time_limit") && !last.contains("mem"),
            "{last}"
        );
        let shared = JobFile {
            shared: true,
            variables: &[],
            ..file
        };
        assert!(shared.text().contains("{ \"cpus\" = 2, ") && !shared.text().contains("env"));
    }
}
