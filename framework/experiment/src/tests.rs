//! Experiment files, good and bad, against plugins that exist for these tests only.

mod bad_input;
mod cells;
mod links;
mod settings;
mod strict;

use std::path::Path;
use std::time::Duration;

use super::Experiment;
use hexperiment_data::{DatasetSource, MissingPolicy, SplitKind};
use hexperiment_program::Refusal;
use hexperiment_program::lower::Capabilities;
use hexperiment_scheme::options::{OptionKind, OptionSpec, OptionValue, Options};
use hexperiment_scheme::registry;
use hexperiment_scheme::registry::{LeftOutScheme, SchemePlugin};
use hexperiment_scheme::security::LatticeTable;
use hexperiment_scheme::{Circuit, CompileRequest, Scheme, SchemeError, SchemeManifest};
use hexperiment_task::registry::TaskPlugin;
use hexperiment_task::{PrepareRequest, Prepared, Task, TaskError, TaskManifest};

/// A scheme with one option, called `degree`, of some range; it refuses every program.
struct OneOption(&'static str, std::ops::RangeInclusive<i64>);

impl Scheme for OneOption {
    fn manifest(&self) -> SchemeManifest {
        let options = vec![OptionSpec::integer(
            "degree",
            self.1.clone(),
            5,
            "A degree.",
        )];
        SchemeManifest {
            name: self.0,
            doc: "For tests.",
            library: "none".into(),
            options,
        }
    }

    fn capabilities(&self, _: &Options) -> Result<Capabilities, SchemeError> {
        Err(Refusal::because("everything", "it exists for tests").into())
    }

    fn compile(&self, _: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        Err(Refusal::because("everything", "it exists for tests").into())
    }
}

/// A task with two options; it prepares nothing.
struct TwoOptions;

impl Task for TwoOptions {
    fn manifest(&self) -> TaskManifest {
        let options = vec![
            OptionSpec::integer("features", 1..=60, 9, "How many."),
            OptionSpec::new(
                "output",
                OptionKind::Choice(&["logit", "class"]),
                "What comes back.",
            )
            .default(OptionValue::Text("logit".into())),
        ];
        TaskManifest {
            name: "try-task",
            doc: "For tests.",
            options,
            metrics: vec!["auc", "f1"],
        }
    }

    fn prepare(&self, _: PrepareRequest<'_>) -> Result<Box<dyn Prepared>, TaskError> {
        Err(TaskError::Options("it exists for tests".into()))
    }
}

inventory::submit! { SchemePlugin(&OneOption("try-wide", 1..=31)) }
inventory::submit! { SchemePlugin(&OneOption("try-narrow", 1..=7)) }
inventory::submit! { TaskPlugin(&TwoOptions) }
inventory::submit! { LeftOutScheme { feature: "scheme-try-absent" } }

const ABOUT: &str = "[experiment]\nname = \"n\"\nquestion = \"q\"\ncaveats = \"c\"\n"; // lines 1 to 4
const DATA: &str = "[dataset]\nuse = \"wine-quality\"\n"; // 5 and 6
const TASK: &str = "[task]\nuse = \"try-task\"\n"; // 7 and 8
const SCHEME: &str = "[[scheme]]\nuse = \"try-wide\"\n"; // 9 and 10

/// A sound experiment of ten lines, and `more`, which starts on line 11.
fn sound(more: &str) -> String {
    [ABOUT, DATA, TASK, SCHEME, more].concat()
}

#[track_caller]
fn parse(text: &str) -> Experiment {
    Experiment::parse(text, Path::new("dir/e.toml")).unwrap_or_else(|e| panic!("{e}"))
}

/// The complaints hold every one of `words`; the first is "e.toml:<line>".
#[track_caller]
fn refused(text: &str, words: &[&str]) {
    let complaints = Experiment::parse(text, Path::new("e.toml")).unwrap_err();
    for complaint in &complaints.0 {
        assert!(complaint.help.is_some(), "no help: {complaint}");
        let absent = complaint.message.starts_with("there is no [");
        assert!(complaint.line.is_some() || absent, "no line: {complaint}");
    }
    let complaints = complaints.to_string();
    for word in words {
        assert!(complaints.contains(word), "lacks {word:?}:\n{complaints}");
    }
}

#[track_caller]
fn ids(text: &str, expect: &[&str]) {
    let cells = parse(text).cells().to_vec();
    assert_eq!(
        cells.iter().map(|c| c.cell.id.as_str()).collect::<Vec<_>>(),
        expect
    );
}

#[test]
fn defaults_are_filled_in() {
    let e = parse(&sound(""));
    assert_eq!(
        (e.run().repetitions, e.run().warmup, e.run().seed),
        (10, 1, 73)
    );
    assert_eq!(e.run().memory_limit, None);
    assert_eq!(
        (e.run().security.table, e.run().tie_margin),
        (LatticeTable::Guidelines2024, 0.06)
    );
    let cells = e.cells();
    let cell = &cells[0];
    assert_eq!((cells.len(), cell.cell.id.as_str()), (1, "try-wide"));
    assert_eq!(
        (cell.security.bits, cell.security.insecure, cell.seed),
        (128, false, 73)
    );
    assert!(cell.threads >= 1);
    assert_eq!(cell.scheme_options.integer("degree").unwrap(), 5);
    assert_eq!(cell.task_options.text("output").unwrap(), "logit");
    assert_eq!(
        cell.dataset.source,
        DatasetSource::Manifest("wine-quality".into())
    );
    assert_eq!(
        (cell.dataset.test_fraction, cell.dataset.missing),
        (0.3, None)
    );
    assert_eq!(
        cell.dataset.manifests.as_deref(),
        Some(Path::new("dir/datasets"))
    );
}

#[test]
fn what_is_given_arrives() {
    let data = "[dataset]\npath = \"my.csv\"\ntarget = \"t\"\ndrop_columns = [\"a\", \"b\"]\nlabels = [\"l\"]\n\
                missing = \"drop-rows\"\nmissing_marker = \"-9\"\npositive = \"yes\"\ndelimiter = \";\"\nbalance = true\ntest_fraction = 0.25\n\
                split = \"chronological\"\nlimit = 7\n";
    let run = "[run]\nsecurity_bits = 192\nrepetitions = 3\nwarmup = 0\nthreads = 2\ntime_limit = \"90s\"\n\
               memory_limit = \"8GiB\"\nseed = 5\nsecurity_table = \"standard-2018\"\ntie_margin = 0.1\n";
    let e = parse(&[ABOUT, data, TASK, SCHEME, run].concat());
    assert_eq!(
        (e.run().repetitions, e.run().warmup, e.run().seed),
        (3, 0, 5)
    );
    assert_eq!(
        (e.run().time_limit, e.run().memory_limit),
        (Duration::from_secs(90), Some(8 << 30))
    );
    assert_eq!(e.run().tie_margin, 0.1);
    let cells = e.cells();
    assert_eq!(cells[0].security.table, LatticeTable::Standard2018);
    let (cell, data) = (&cells[0], &cells[0].dataset);
    assert_eq!(
        (cell.security.bits, cell.threads, cell.seed, data.seed),
        (192, 2, 5, 5)
    );
    assert_eq!(data.source, DatasetSource::File("dir/my.csv".into()));
    assert_eq!(
        (data.target.as_deref(), data.missing_marker.as_deref()),
        (Some("t"), Some("-9"))
    );
    assert_eq!(
        (data.positive.as_deref(), data.delimiter),
        (Some("yes"), Some(';'))
    );
    assert_eq!(
        (data.drop_columns.join(","), data.labels.join(",")),
        ("a,b".into(), "l".into())
    );
    assert_eq!(
        (data.missing, data.split),
        (
            Some(MissingPolicy::DropRows),
            Some(SplitKind::Chronological)
        )
    );
    assert_eq!(
        (data.balance, data.test_fraction, data.limit),
        (true, 0.25, 7)
    );
}

#[test]
fn weak_parameters_need_a_word() {
    let weak = "[run]\nsecurity_bits = 80\n";
    refused(
        &sound(weak),
        &[
            "e.toml:12",
            "found 80",
            "expected 128",
            "insecure = true",
            "NIST",
        ],
    );
    let cells = parse(&sound(&format!("{weak}insecure = true\n")))
        .cells()
        .to_vec();
    assert_eq!(
        (cells[0].security.bits, cells[0].security.insecure),
        (80, true)
    );
    refused(
        &sound("[run]\nsecurity_bits = 300\n"),
        &["e.toml:12", "found 300", "256"],
    );
    let matrix = "[matrix]\n\"run.security_bits\" = [128, 80]\n";
    refused(&sound(matrix), &["e.toml:12", "insecure = true"]);
}

#[test]
fn sections_are_checked() {
    refused(
        "",
        &[
            "no [experiment]",
            "no [dataset]",
            "no [task]",
            "no [[scheme]]",
        ],
    );
    refused("[experiment\n", &["e.toml:1", "not TOML"]);
    refused(
        &sound("[rum]\n"),
        &["e.toml:11", "unknown section [rum]", "did you mean [run]"],
    );
    refused(
        &sound("[run]\nrepetitons = 3\n"),
        &["e.toml:12", "`repetitons`", "did you mean `repetitions`"],
    );
    refused(
        &sound("[run]\nwarmup = \"2\"\n"),
        &["e.toml:12", "found \"2\"", "a whole number from 0 to 1000"],
    );
    refused(
        &sound("[run]\nrepetitions = 0\n"),
        &["e.toml:12", "found 0", "from 1"],
    );
    refused(
        &sound("[run]\ntime_limit = \"5 days\"\n"),
        &["e.toml:12", "found \"5 days\"", "\"5m\""],
    );
    refused(
        &sound("[run]\nmemory_limit = \"8\"\n"),
        &["e.toml:12", "found \"8\"", "\"8GiB\""],
    );
    refused(
        &sound("[run]\nseed = 99999999999999999999\n"),
        &["e.toml:12", "64 bits"],
    );
    refused(
        &sound("[run]\nseed = 2020-01-01\n"),
        &["e.toml:12", "found the date 2020-01-01"],
    );
    let about = "[experiment]\nname = \"Big Name\"\nquestion = 3\n";
    let words = [
        "e.toml:2",
        "\"Big Name\"",
        "e.toml:3",
        "found 3",
        "a string",
        "e.toml:1",
        "lacks `caveats`",
    ];
    refused(&[about, DATA, TASK, SCHEME].concat(), &words);
    refused(
        &["run = 3\n", ABOUT, DATA, TASK, SCHEME].concat(),
        &["e.toml:1", "found 3", "write it as [run]"],
    );
}

#[test]
fn data_are_named_once() {
    let with = |data: &str| [ABOUT, "[dataset]\n", data, TASK, SCHEME].concat();
    refused(
        &with("use = \"wine-quality\"\npath = \"x.csv\"\n"),
        &["e.toml:7", "contradict", "keep `use`"],
    );
    refused(
        &with("target = \"y\"\n"),
        &["neither `use` nor `path`", "wine-quality"],
    );
    refused(
        &with("use = \"wine-qualty\"\n"),
        &["e.toml:6", "did you mean `wine-quality`"],
    );
    for bad in ["0.0", "1.0", "1.5", "nan", "-0.1"] {
        refused(
            &with(&format!("use = \"diabetes\"\ntest_fraction = {bad}\n")),
            &["e.toml:7", "test_fraction", "found"],
        );
    }
    refused(
        &with("use = \"diabetes\"\nsplit = \"stratifed\"\n"),
        &["e.toml:7", "did you mean \"stratified\""],
    );
    refused(
        &with("use = \"diabetes\"\ndrop_columns = \"age\"\n"),
        &["e.toml:7", "found \"age\"", "a list of strings"],
    );
}

#[test]
fn plugins_check_their_own_options() {
    let more = |text: &str| sound(&format!("[[scheme]]\n{text}"));
    refused(
        &more("use = \"try-wid\"\n"),
        &["e.toml:12", "\"try-wid\"", "did you mean \"try-wide\""],
    );
    refused(
        &more("use = \"try-wide\"\n"),
        &["e.toml:12", "two schemes", "`label`"],
    );
    refused(
        &more("use = \"try-narrow\"\ndegree = 9\n"),
        &["e.toml:13", "found 9", "from 1 to 7"],
    );
    refused(
        &more("use = \"try-narrow\"\ndegre = 3\n"),
        &["e.toml:13", "did you mean `degree`"],
    );
    refused(&more("degree = 3\n"), &["e.toml:11", "lacks `use`"]);
    let task = "[task]\nuse = \"try-task\"\noutput = \"logits\"\n";
    refused(
        &[ABOUT, DATA, task, SCHEME].concat(),
        &["e.toml:9", "did you mean \"logit\""],
    );
    let task = "[task]\nuse = \"try-tasks\"\n";
    refused(
        &[ABOUT, DATA, task, SCHEME].concat(),
        &["e.toml:8", "no task \"try-tasks\"", "try-task"],
    );
    let scheme = "[scheme]\nuse = \"try-wide\"\n";
    refused(
        &[ABOUT, DATA, TASK, scheme].concat(),
        &["e.toml:9", "[[scheme]]"],
    );
}

#[test]
fn all_complaints_come_at_once() {
    let text = "[experiment]\nname = \"N!\"\nquestion = \"q\"\ncaveats = \"c\"\n[dataset]\nuse = \"diabets\"\n\
                [task]\nuse = \"try-task\"\nfeatures = 0\n[[scheme]]\nuse = \"nosuch\"\n[run]\nwarmup = -1\n";
    refused(
        text,
        &[
            "e.toml:2:",
            "e.toml:9:",
            "e.toml:11:",
            "e.toml:13:",
            "e.toml:6:",
        ],
    );
}

#[test]
fn the_schema_knows_sections_and_plugins() {
    let schema = super::json_schema();
    let p = &schema["properties"];
    assert_eq!(p["run"]["properties"]["repetitions"]["maximum"], 10_000);
    assert_eq!(
        p["experiment"]["required"],
        serde_json::json!(["name", "question", "caveats"])
    );
    let schemes = p["scheme"]["items"]["oneOf"].as_array().unwrap();
    let narrow = schemes
        .iter()
        .find(|s| s["properties"]["use"]["const"] == "try-narrow")
        .unwrap();
    assert_eq!(narrow["properties"]["degree"]["maximum"], 7);
    assert_eq!(narrow["additionalProperties"], false);
}

/// A scheme that the program was built without is no misspelt one: the message says how to get it,
/// and the schema for editors lets it pass.
#[test]
fn a_scheme_left_out_of_the_build() {
    let asks = sound("[[scheme]]\nuse = \"try-absent\"\n");
    refused(
        &asks,
        &[
            "e.toml:12",
            "`try-absent` is not in this program",
            "`scheme-try-absent`",
            "--features scheme-try-absent",
        ],
    );
    let unknown = registry::scheme("try-absent").map(|_| ()).unwrap_err();
    assert_eq!(unknown.feature, Some("scheme-try-absent"));
    let typo = registry::scheme("try-wied").map(|_| ()).unwrap_err();
    assert_eq!(typo.feature, None);
    assert!(
        typo.to_string().contains("did you mean `try-wide`"),
        "{typo}"
    );
    let schema = super::json_schema();
    let items = &schema["properties"]["scheme"]["items"]["oneOf"];
    let items = items.as_array().unwrap().iter();
    let uses: Vec<_> = items.map(|i| &i["properties"]["use"]["const"]).collect();
    assert!(uses.iter().any(|name| *name == "try-absent"), "{uses:?}");
    assert!(uses.iter().any(|name| *name == "try-wide"), "{uses:?}");
}
