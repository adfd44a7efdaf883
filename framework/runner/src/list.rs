//! `list`: schemes, tasks, data sets and sections; all of them, or one with all that is known of it.

use std::process::ExitCode;

use hexperiment_data::manifest;
use hexperiment_data::manifest::Manifest;
use hexperiment_diagnostics::suggest;
use hexperiment_experiment::sections;
use hexperiment_scheme::SchemeManifest;
use hexperiment_scheme::options::OptionSpec;
use hexperiment_scheme::registry;

use crate::out::{self, say};
use crate::plugins::{BUILT_IN, BuiltIn};

/// Lines of words are no longer than this.
const LONGEST_LINE: usize = 120;

/// Prints all that an experiment can name, or what `name` is.
pub(crate) fn list(name: Option<&str>) -> ExitCode {
    let page = Page::of(out::width());
    match name.map(|name| page.one(name)) {
        Some(Err(problem)) => return crate::bad_input(problem),
        Some(Ok(())) => {}
        None => page.all(),
    }
    ExitCode::SUCCESS
}

/// The sections of an experiment file whose options are not a plugin's.
fn file_sections() -> [(&'static str, Vec<OptionSpec>); 4] {
    [
        ("experiment", sections::experiment()),
        ("dataset", sections::dataset()),
        ("run", sections::run()),
        ("links", sections::link()),
    ]
}

/// Lines of a width.
struct Page {
    width: usize,
}

impl Page {
    fn of(width: usize) -> Self {
        let width = width.min(LONGEST_LINE);
        Self { width }
    }

    /// Text behind so many blanks, broken between words.
    fn text(&self, indent: usize, text: &str) {
        let indent = " ".repeat(indent);
        let options = textwrap::Options::new(self.width)
            .initial_indent(&indent)
            .subsequent_indent(&indent)
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        say!("{}", textwrap::fill(text, options));
    }

    fn all(&self) {
        say!("SCHEMES ([[scheme]] use = …)\n");
        for scheme in registry::schemes() {
            let manifest = scheme.manifest();
            self.plugin(manifest.name, manifest.doc, &manifest.options);
            self.library(&manifest);
            say!();
        }
        for scheme in BUILT_IN.iter().filter(|scheme| !scheme.linked) {
            say!("  {}", scheme.name());
            let BuiltIn {
                feature, licence, ..
            } = scheme;
            self.text(
                4,
                &format!(
                    "NOT IN THIS PROGRAM, which was built without the cargo feature {feature}; its \
                     licence asks of a binary: {licence}"
                ),
            );
            say!();
        }
        say!("TASKS ([task] use = …)\n");
        for task in hexperiment_task::registry::tasks() {
            let manifest = task.manifest();
            self.plugin(manifest.name, manifest.doc, &manifest.options);
            say!();
        }
        say!("DATA SETS ([dataset] use = …)\n");
        for name in manifest::names(None) {
            match manifest::find(&name, None) {
                Ok(m) => self.text(2, &format!("{name}: {} [{}]", m.title, m.licence)),
                Err(complaint) => self.text(2, &format!("{name}: {complaint}")),
            }
        }
        say!();
        for (title, specs) in file_sections() {
            say!("  options of [{title}]:");
            self.options(&specs);
            say!();
        }
        self.text(0, "`list NAME` shows one of them.");
    }

    /// All that is called `name`: a plugin, a data set, a section.
    fn one(&self, name: &str) -> Result<(), String> {
        let mut known: Vec<String> = Vec::new();
        let mut found = 0;
        let mut is_it = |other: &str| {
            known.push(other.to_owned());
            let is_it = name.trim_matches(['[', ']']) == other;
            found += usize::from(is_it);
            is_it
        };
        for scheme in registry::schemes() {
            let manifest = scheme.manifest();
            if is_it(manifest.name) {
                say!("SCHEME ([[scheme]] use = \"{name}\")\n");
                self.plugin(manifest.name, manifest.doc, &manifest.options);
                self.library(&manifest);
            }
        }
        for task in hexperiment_task::registry::tasks() {
            let manifest = task.manifest();
            if is_it(manifest.name) {
                say!("TASK ([task] use = \"{name}\")\n");
                self.plugin(manifest.name, manifest.doc, &manifest.options);
                let metrics = manifest.metrics.join(", ");
                if !metrics.is_empty() {
                    self.text(4, &format!("metrics: {metrics}"));
                }
            }
        }
        for data in manifest::names(None) {
            if is_it(&data) {
                say!("DATA SET ([dataset] use = \"{name}\")\n");
                self.manifest(
                    &data,
                    &manifest::find(&data, None).map_err(|e| e.to_string())?,
                );
                say!("  options of [dataset]:");
                self.options(&sections::dataset());
            }
        }
        for (section, specs) in file_sections() {
            if is_it(section) {
                say!("SECTION [{section}]\n");
                self.options(&specs);
            }
        }
        if found > 0 {
            return Ok(());
        }
        let hint = suggest(name, known.iter().map(String::as_str))
            .map(|near| format!("did you mean `{near}`? "))
            .unwrap_or_default();
        Err(format!(
            "there is no scheme, task, data set or section called `{name}`\n  help: {hint}known: {}",
            known.join(", ")
        ))
    }

    /// The library of a scheme; of one of this repository its cargo feature and its licence, too.
    fn library(&self, manifest: &SchemeManifest) {
        self.text(4, &format!("library: {}", manifest.library));
        let built_in = BUILT_IN.iter().find(|b| b.name() == manifest.name);
        if let Some(BuiltIn {
            feature, licence, ..
        }) = built_in
        {
            self.text(
                4,
                &format!("cargo feature: {feature}, whose licence asks of a binary: {licence}"),
            );
        }
    }

    fn plugin(&self, name: &str, doc: &str, specs: &[OptionSpec]) {
        say!("  {name}");
        self.text(4, doc);
        self.options(specs);
    }

    /// Each option as it would be written, and what it does.
    fn options(&self, specs: &[OptionSpec]) {
        for spec in specs {
            match &spec.default {
                Some(default) => say!("    {} = {default}", spec.name),
                None if spec.required => say!("    {} (required)", spec.name),
                None => say!("    {} (unset)", spec.name),
            }
            let takes = spec.kind.expected();
            self.text(8, &format!("{} Takes {takes}.", spec.doc));
        }
    }

    fn manifest(&self, name: &str, manifest: &Manifest) {
        let m = manifest;
        say!("  {name}");
        self.text(4, &m.title);
        let list = |items: &[String]| (!items.is_empty()).then(|| items.join(", "));
        let path = |path: &std::path::PathBuf| path.display().to_string();
        let facts: [(&str, Option<String>); 15] = [
            ("source", Some(m.source.clone())),
            ("licence", Some(m.licence.clone())),
            ("embedded as", m.builtin.clone()),
            ("file", m.file.as_ref().map(path)),
            ("SHA-256", m.sha256.clone()),
            ("fetched from", m.url.clone()),
            ("how to get it", m.how_to_get.clone()),
            ("target", m.target.clone()),
            ("target's file", m.target_file.as_ref().map(path)),
            (
                "target is 1 above",
                m.target_above.map(|above| above.to_string()),
            ),
            ("text columns", list(&m.labels)),
            ("columns left out", list(&m.drop)),
            ("missing values", Some(words(&m.missing))),
            ("marked by", m.missing_marker.clone()),
            ("split", Some(words(&m.split))),
        ];
        for (key, value) in facts {
            if let Some(value) = value {
                self.text(4, &format!("{key}: {value}"));
            }
        }
        say!();
    }
}

/// A choice as files name it.
fn words(choice: &impl serde::Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(serde_json::Value::String(name)) => name,
        // Only choices without content come here.
        other => format!("{other:?}"),
    }
}
