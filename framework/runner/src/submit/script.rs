//! The script of an array of jobs for Slurm. It can be read, and submitted by hand with `sbatch`.

use std::fmt::Write as _;

use super::arrays::Needs;
use crate::shell::quoted;

/// All that a script says; paths are absolute.
#[derive(Clone, Debug)]
pub(super) struct Script<'a> {
    /// The job's name, by which its state is asked for.
    pub(super) name: &'a str,
    pub(super) needs: Needs,
    /// Jobs of the array.
    pub(super) count: usize,
    /// How many of them run at once at most.
    pub(super) max_parallel: Option<u32>,
    /// Whether a node may have other jobs beside.
    pub(super) shared: bool,
    pub(super) partition: Option<&'a str>,
    pub(super) account: Option<&'a str>,
    pub(super) constraint: Option<&'a str>,
    /// The program.
    pub(super) program: &'a str,
    /// The folder of the plan.
    pub(super) plan: &'a str,
    /// A file with a line for each job: the numbers of its cells.
    pub(super) cells: &'a str,
    /// What the jobs write besides, a file each: the path up to the job's number in the array.
    pub(super) log: &'a str,
    /// Where the jobs run.
    pub(super) folder: &'a str,
    /// Variables that the program reads.
    pub(super) variables: &'a [(String, String)],
}

/// An option behind `#SBATCH`, where double quotes group, and a backslash in them takes the next character as it is.
fn sbatch(option: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/-_=.,:@%+~".contains(c);
    match option.split_once('=') {
        Some((name, value)) if !value.chars().all(plain) => {
            format!(
                "{name}=\"{}\"",
                value.replace('\\', "\\\\").replace('"', "\\\"")
            )
        }
        _ => option.into(),
    }
}

impl Script<'_> {
    /// The options of `sbatch`, one each.
    fn options(&self) -> Vec<String> {
        let Needs {
            threads,
            memory_mib,
            minutes,
        } = self.needs;
        let at_once = self
            .max_parallel
            .map(|n| format!("%{n}"))
            .unwrap_or_default();
        let mut options = vec![
            format!("job-name={}", self.name),
            format!("array=0-{}{at_once}", self.count.saturating_sub(1)),
            // `%` stands for something there.
            format!("output={}%a.log", self.log.replace('%', "%%")),
            format!("chdir={}", self.folder),
            "nodes=1".into(),
            "ntasks=1".into(),
            format!("cpus-per-task={threads}"),
            // What is interrupted is shown, and submitted again by `submit --again`.
            "no-requeue".into(),
        ];
        if !self.shared {
            options.push("exclusive".into());
        }
        match memory_mib {
            Some(mib) => options.push(format!("mem={mib}M")),
            // All memory of the node.
            None if !self.shared => options.push("mem=0".into()),
            None => {}
        }
        options.extend(minutes.map(|minutes| format!("time={minutes}")));
        let signal = self.needs.warned_before();
        options.extend(signal.map(|seconds| format!("signal=B:USR1@{seconds}")));
        for (name, value) in [
            ("partition", self.partition),
            ("account", self.account),
            ("constraint", self.constraint),
        ] {
            options.extend(value.map(|value| format!("{name}={value}")));
        }
        options
    }

    /// The text of the script.
    pub(super) fn text(&self) -> String {
        let mut text = String::from(
            "#!/bin/sh\n# Cells of a plan as an array of jobs for Slurm, by `hexperiment submit`.\n",
        );
        for option in self.options() {
            let _ = writeln!(text, "#SBATCH --{}", sbatch(&option)); // writing to a string cannot fail
        }
        let _ = write!(
            text,
            "\nplan={}\nprogram={}\ncells={}\n",
            quoted(self.plan),
            quoted(self.program),
            quoted(self.cells),
        );
        for (name, value) in self.variables {
            let _ = writeln!(text, "{name}={}\nexport {name}", quoted(value));
        }
        text += BODY;
        text
    }
}

/// What every job does. The program takes the shell's place, so that Slurm's signal reaches it.
const BODY: &str = r#"HEXPERIMENT_NODE=${SLURMD_NODENAME:-$(uname -n)}
export HEXPERIMENT_NODE

stop() {
    echo "error: node $HEXPERIMENT_NODE: $1" >&2
    exit 2
}
[ -x "$program" ] || stop "$program: no program is there that this node can run"
[ -r "$cells" ] || stop "$cells cannot be read: is its folder shared with this node?"
cell=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" "$cells")
[ -n "$cell" ] || stop "$cells has no line for job $SLURM_ARRAY_TASK_ID of the array"
exec "$program" run --cells "$cell" --into "$plan"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn script() -> Script<'static> {
        Script {
            name: "hexperiment-0a1b2c3d-001-1",
            needs: Needs {
                threads: 2,
                memory_mib: Some(2560),
                minutes: Some(13),
            },
            count: 40,
            max_parallel: Some(4),
            shared: false,
            partition: Some("batch"),
            account: None,
            constraint: Some("skylake&avx512"),
            program: "/opt/hexperiment",
            plan: "/shared/plans/it's a \"50%\" plan",
            cells: "/shared/plans/it's a \"50%\" plan/jobs/001/array-1.cells",
            log: "/shared/plans/it's a \"50%\" plan/jobs/001/logs/array-1-",
            folder: "/home/a b",
            variables: &[],
        }
    }

    #[test]
    fn options_and_paths() {
        let text = script().text();
        for line in [
            "#SBATCH --job-name=hexperiment-0a1b2c3d-001-1",
            "#SBATCH --array=0-39%4",
            r#"#SBATCH --output="/shared/plans/it's a \"50%%\" plan/jobs/001/logs/array-1-%a.log""#,
            r#"#SBATCH --chdir="/home/a b""#,
            "#SBATCH --cpus-per-task=2",
            "#SBATCH --exclusive",
            "#SBATCH --mem=2560M",
            "#SBATCH --time=13",
            "#SBATCH --signal=B:USR1@60",
            "#SBATCH --partition=batch",
            r#"#SBATCH --constraint="skylake&avx512""#,
            r#"plan='/shared/plans/it'\''s a "50%" plan'"#,
        ] {
            assert!(text.lines().any(|l| l == line), "lacks {line}\n{text}");
        }
        assert!(!text.contains("account"), "{text}");
        let shared = Script {
            shared: true,
            max_parallel: None,
            ..script()
        };
        assert!(!shared.text().contains("--exclusive") && shared.text().contains("--array=0-39\n"));
    }

    /// A shell runs the script as a job: the program gets the cells of its line, and the paths as they are.
    #[test]
    #[cfg(unix)]
    fn a_shell_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        use std::process::Command;

        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("it's \"50%\" $HOME `of`\\it");
        std::fs::create_dir(&folder).unwrap();
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let (program, cells, file) = (path("a program"), path("cells"), path("array 1.sh"));
        std::fs::write(
            &program,
            "#!/bin/sh\nprintf '%s|' \"$HEXPERIMENT_DATA\" \"$HEXPERIMENT_NODE\" \"$@\"\n",
        )
        .unwrap();
        std::fs::write(&cells, "3\n5,7\n9\n").unwrap();
        let variables = [("HEXPERIMENT_DATA".to_owned(), path("data"))];
        let plan = folder.to_str().unwrap();
        let script = Script {
            program: &program,
            cells: &cells,
            plan,
            variables: &variables,
            ..script()
        };
        std::fs::write(&file, script.text()).unwrap();
        let run = |index: &str| {
            let mut shell = Command::new("sh");
            shell
                .arg(&file)
                .env("SLURM_ARRAY_TASK_ID", index)
                .env("SLURMD_NODENAME", "n1");
            let output = shell.output().unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            (
                output.status.code(),
                text(output.stdout),
                text(output.stderr),
            )
        };
        let (code, _, errors) = run("1");
        assert_eq!(code, Some(2), "{errors}");
        assert!(
            errors.contains("node n1") && errors.contains(&program),
            "{errors}"
        );
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let expect = [
            path("data").as_str(),
            "n1",
            "run",
            "--cells",
            "5,7",
            "--into",
            plan,
            "",
        ]
        .join("|");
        assert_eq!(run("1"), (Some(0), expect, String::new()));
        let (code, _, errors) = run("3");
        assert!(
            code == Some(2) && errors.contains("no line for job 3"),
            "{errors}"
        );
    }
}
