//! `client init`: the model, from a file or from an experiment, and what is demanded of the scheme.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use hexperiment_client::{ClientError, Wanted};
use hexperiment_diagnostics::{Complaint, Complaints, files};
use hexperiment_experiment::{CellPlan, Experiment, Setting};
use hexperiment_scheme::options::{OptionKind, OptionValue, Options};
use hexperiment_scheme::registry;
use hexperiment_scheme::security::{Encryption, SecurityDemand};
use hexperiment_task::linear_model::{Answer, QueryModel, SavedModel};

use crate::compiled::prepare;
use crate::input::{Loaded, check_input};

#[derive(Args)]
pub(super) struct InitArguments {
    /// A model: a `model.json` that a run left or that says what it answers, or an experiment (`.toml`) whose
    /// task has one.
    model: PathBuf,
    /// The scheme.
    #[arg(long)]
    scheme: String,
    /// An option of the scheme; may be given more than once.
    #[arg(long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
    /// Rows that are encrypted together.
    #[arg(long, default_value_t = 64)]
    rows: usize,
    /// Who encrypts.
    #[arg(long, value_enum, default_value = "owner")]
    encryption: EncryptionArgument,
    /// What is told of a row.
    #[arg(long, value_enum)]
    answer: Option<AnswerArgument>,
    /// The answer's name, as results are headed by.
    #[arg(long)]
    name: Option<String>,
    /// The absolute error wanted of an answer; of a class, of the score that is compared.
    #[arg(long)]
    precision: Option<f64>,
    /// The security level, in bits.
    #[arg(long, default_value_t = 128)]
    security_bits: u32,
    /// A setting of the experiment; may be given more than once.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum EncryptionArgument {
    /// The key owner, by the secret key.
    Owner,
    /// Whoever has the public keys.
    Public,
}

#[derive(Clone, Copy, ValueEnum)]
enum AnswerArgument {
    /// The weighted sum: a prediction in the target's unit, or a logit.
    Score,
    /// The sigmoid of the score.
    Probability,
    /// 1 where the score is above the model's threshold, else 0.
    Class,
}

impl InitArguments {
    /// What the arguments ask for.
    pub(super) fn wanted(self) -> Result<Wanted, ClientError> {
        let (query, mut options) = if self.model.extension().is_some_and(|e| e == "toml") {
            of_experiment(&self.model, &self.scheme, &self.set)?
        } else {
            if let Some(set) = self.set.first() {
                let complaint = Complaint::new(format!("--set {set}"), "is for experiments");
                return Err(complaint
                    .help("give an experiment (`.toml`) in place of a model, or leave `--set` out")
                    .into());
            }
            (of_file(&self.model)?, Options::default())
        };
        for text in &self.options {
            let (key, value) = option(&self.scheme, text)?;
            options.set(&key, value);
        }
        let answer = match self.answer {
            None => query.answer,
            Some(AnswerArgument::Score) => Answer::Score,
            Some(AnswerArgument::Probability) => Answer::Probability,
            Some(AnswerArgument::Class) => Answer::Class,
        };
        // A logit's probability is no logit.
        let name = self.name.unwrap_or_else(|| match answer {
            same if same == query.answer => query.name.clone(),
            Answer::Score => "score".into(),
            Answer::Probability => "probability".into(),
            Answer::Class => "class".into(),
        });
        let query = if answer == query.answer {
            QueryModel { name, ..query }
        } else {
            QueryModel::new(name, answer, query.model)
        };
        let precision = self.precision.unwrap_or(query.precision);
        let encryption = match self.encryption {
            EncryptionArgument::Owner => Encryption::Owner,
            EncryptionArgument::Public => Encryption::Public,
        };
        Ok(Wanted {
            query: QueryModel { precision, ..query },
            scheme: self.scheme,
            options,
            // The key lives on, and who sees how its owner acts on answers learns from wrong ones.
            security: SecurityDemand::new(self.security_bits, false).encrypted_by(encryption),
            rows: self.rows,
        })
    }
}

/// A model in a file: as a run leaves it, or with what it answers.
fn of_file(file: &Path) -> Result<QueryModel, ClientError> {
    let help = "give a `model.json` that a run left below `runs/.../artefacts/`, or an experiment (`.toml`)";
    let text = files::read_text(file, files::MODEL, help)?;
    let bad = |e: serde_json::Error| {
        ClientError::from(Complaint::new(file, format!("is no saved model: {e}")).help(help))
    };
    let value: serde_json::Value = serde_json::from_str(&text).map_err(bad)?;
    if value.get("model").is_some() {
        return serde_json::from_value(value).map_err(bad);
    }
    let saved: SavedModel = serde_json::from_value(value).map_err(bad)?;
    Ok(QueryModel::new("score", Answer::Score, saved))
}

/// The model of an experiment's task, trained in the clear or loaded, and the options that it gives to the scheme.
fn of_experiment(
    file: &Path,
    scheme: &str,
    settings: &[String],
) -> Result<(QueryModel, Options), ClientError> {
    let settings = settings.iter().map(|text| Setting::parse(text));
    let settings: Vec<Setting> = settings.collect::<Result<_, _>>()?;
    let experiment = Experiment::load_with(file, &settings).map_err(ClientError::Input)?;
    let plans = experiment.cells();
    let own = plans.iter().find(|plan| plan.cell.scheme == scheme);
    let bad =
        |problem: String, help: &str| ClientError::from(Complaint::new(file, problem).help(help));
    let help = "name an experiment of linear or logistic regression with `mode = \"inference\"`, or a saved model";
    let plan: &CellPlan = own
        .or_else(|| plans.first())
        .ok_or_else(|| bad("has no cell".into(), help))?;
    if own.is_some_and(|plan| plan.program.is_some()) {
        let problem = format!("`{scheme}` is a program of its own, which keeps no keys");
        return Err(bad(
            problem,
            "name a scheme that is built in, by `--scheme`",
        ));
    }
    let mut loaded = Loaded::default();
    check_input(&experiment, std::slice::from_ref(plan), &mut loaded)
        .map_err(ClientError::Input)?;
    let data = loaded.get(plan).map_err(ClientError::Input)?;
    let prepared = prepare(plan, data).map_err(|e| bad(e.to_string(), help))?;
    let query = prepared.query_model().ok_or_else(|| {
        let task = &plan.cell.task;
        bad(format!("`{task}` has no model that answers rows"), help)
    })?;
    let options = own.map(|plan| plan.scheme_options.clone());
    Ok((query, options.unwrap_or_default()))
}

/// `key=value` as the scheme's option has it; what is not of its kind stays text, of which the option then
/// complains.
fn option(scheme: &str, text: &str) -> Result<(String, OptionValue), Complaints> {
    let Some((key, value)) = text.split_once('=') else {
        let complaint = Complaint::new(format!("--option {text}"), "found no `=`");
        return Err(complaint.help("write `--option KEY=VALUE`").into());
    };
    let options = registry::scheme(scheme).map(|s| s.manifest().options);
    let kind = options.ok().and_then(|options| {
        let spec = options.into_iter().find(|option| option.name == key);
        spec.map(|spec| spec.kind)
    });
    let parsed = match kind {
        Some(OptionKind::Flag) => value.parse().ok().map(OptionValue::Flag),
        Some(OptionKind::Integer { .. }) => value.parse().ok().map(OptionValue::Integer),
        Some(OptionKind::Number { .. } | OptionKind::ZeroOrNumber { .. }) => {
            value.parse().ok().map(OptionValue::Number)
        }
        _ => None,
    };
    let value = parsed.unwrap_or_else(|| OptionValue::Text(value.to_owned()));
    Ok((key.to_owned(), value))
}
