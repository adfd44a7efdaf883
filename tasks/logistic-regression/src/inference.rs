//! The trained model and its program.

use std::fmt::Write as _;
use std::path::Path;

use hexperiment_data::{Partition, transform};
use hexperiment_program::{Input, Output, Program, ProgramBuilder};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_task::choices::ClassWeight;
use hexperiment_task::encode::EncodedTable;
use hexperiment_task::ledger::{Metric, Quality};
use hexperiment_task::linear_model::{
    Answer, Features, LinearModel, LinearModelSettings, LogisticTraining, QueryModel, Rounds,
    SavedModel, check_binary, sigmoid,
};
use hexperiment_task::metrics;
use hexperiment_task::session::Session;
use hexperiment_task::{Artefact, Outcome, PrepareRequest, Prepared, TaskError, vector_length};
use ndarray::Array2;
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::decision::Rule;

/// What is computed under encryption.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Wanted {
    Logit,
    Probability,
    Class,
}

/// A class is rounded by the client: an error below one half changes nothing, and half of that is
/// left to the scheme.
const CLASS_PRECISION: f64 = 0.25;

const CLASS_NOTE: &str = "measures are of the decisions, decrypted values rounded to 0 or 1: AUC \
                          has one threshold, equals the balanced accuracy and does not compare \
                          with the AUC of scores";

/// 1 above `cut`, else 0.
fn decide(scores: &[f64], cut: f64) -> Vec<f64> {
    let decide = |s: &f64| f64::from(u8::from(*s > cut));
    scores.iter().map(decide).collect()
}

/// A trained model, the encrypted samples and the program between them.
pub(crate) struct Inference {
    protocol: Rounds,
    wanted: Wanted,
    truth: Vec<f64>,
    /// The plaintext model's output, of the kind wanted.
    plain: Vec<f64>,
    /// The same of samples as they were before values were moved; `None` where none was.
    unclipped: Option<Vec<f64>>,
    /// What outputs are compared with for a decision.
    cut: f64,
    notes: Vec<String>,
    query: QueryModel,
}

impl Inference {
    pub(crate) fn new(request: PrepareRequest<'_>) -> Result<Self, TaskError> {
        let options = request.options;
        let wanted: Wanted = options.choice("output")?;
        let rule = Rule::read(options)?;
        let partition = request.data.partition()?;
        check_binary(&partition.train.target, "training")?;
        check_binary(&partition.test.target, "test")?;
        let settings = LinearModelSettings::read(options)?;
        let (table, model, mut saved, mut notes) = match options.get("model") {
            Some(OptionValue::Text(path)) => load(Path::new(path), &partition, settings)?,
            _ => train(options, &partition, settings)?,
        };
        let (logit_cut, cut_note) = rule.cut(&model.scores(&table.train).to_vec())?;
        notes.extend(cut_note);

        let program = state(
            &table,
            &model,
            wanted,
            logit_cut,
            options.number("precision")?,
        )?;
        saved.threshold = logit_cut;
        let (name, answer) = match wanted {
            Wanted::Logit => ("logit", Answer::Score),
            Wanted::Probability => ("probability", Answer::Probability),
            Wanted::Class => ("class", Answer::Class),
        };
        let query = QueryModel {
            precision: options.number("precision")?,
            ..QueryModel::new(name, answer, saved)
        };
        let truth = partition.test.target.to_vec();
        notes.extend(metrics::few_of_a_class(&truth));
        let in_clear = |samples: &Array2<f64>| {
            let scores = model.scores(samples);
            match wanted {
                Wanted::Logit => scores.to_vec(),
                Wanted::Probability => scores.mapv(sigmoid).to_vec(),
                Wanted::Class => decide(&scores.to_vec(), logit_cut),
            }
        };
        let cut = match wanted {
            Wanted::Logit => logit_cut,
            Wanted::Probability => sigmoid(logit_cut),
            Wanted::Class => 0.5,
        };
        if wanted == Wanted::Class {
            notes.push(CLASS_NOTE.into());
        }
        Ok(Self {
            protocol: Rounds {
                program,
                samples: table.to_encrypt(),
            },
            wanted,
            truth,
            plain: in_clear(&table.encrypted),
            unclipped: table.unclipped_test.as_ref().map(in_clear),
            cut,
            notes,
            query,
        })
    }
}

type Ready = (EncodedTable, LinearModel, SavedModel, Vec<String>);

/// Trains in the clear.
fn train(
    options: &Options,
    partition: &Partition,
    settings: LinearModelSettings,
) -> Result<Ready, TaskError> {
    let Features { table, mut notes } =
        Features::prepare(partition, settings, transform::rank_by_f)?;
    let training = LogisticTraining {
        alpha: options.number("alpha")?,
        balanced: options.choice::<ClassWeight>("class_weight")? == ClassWeight::Balanced,
        max_iterations: options.integer("max_iterations")? as u64,
    };
    let trained = training.fit(&table.train, &partition.train.target)?;
    notes.extend(trained.note);
    let saved = SavedModel::new(&trained.model, &table, settings.encoding.clip, 0.0);
    Ok((table, trained.model, saved, notes))
}

/// Takes a model that an earlier run left; its columns and its clip hold, its threshold does not.
fn load(
    path: &Path,
    partition: &Partition,
    settings: LinearModelSettings,
) -> Result<Ready, TaskError> {
    let (saved, table) = SavedModel::load_for(path, partition, settings)?;
    let notes = table.notes.clone();
    Ok((table, saved.model(), saved, notes))
}

/// The program: a weighted sum, and what follows it.
fn state(
    table: &EncodedTable,
    model: &LinearModel,
    wanted: Wanted,
    logit_cut: f64,
    precision: f64,
) -> Result<Program, TaskError> {
    let mut builder = ProgramBuilder::new("logistic regression");
    let input = Input {
        length: vector_length::of_a_round(table.test.nrows()),
        ..table.input("samples", model.input_precision(precision))
    };
    let (_, columns) = builder.input(input)?;
    let (name, value, precision) = match wanted {
        Wanted::Logit => {
            let score = model.state(&mut builder, columns, 0.0)?;
            ("logit", score, precision)
        }
        Wanted::Probability => {
            let score = model.state(&mut builder, columns, 0.0)?;
            ("probability", builder.sigmoid(score)?, precision)
        }
        Wanted::Class => {
            let score = model.state(&mut builder, columns, logit_cut)?;
            ("class", builder.step(score)?, CLASS_PRECISION)
        }
    };
    builder.output(Output {
        name: name.into(),
        values: vec![value],
        precision,
    })?;
    Ok(builder.finish()?)
}

impl Prepared for Inference {
    fn program(&self) -> &Program {
        &self.protocol.program
    }

    fn query_model(&self) -> Option<QueryModel> {
        Some(self.query.clone())
    }

    fn samples(&self) -> usize {
        self.truth.len()
    }

    fn evaluations(&self) -> u64 {
        self.protocol.count()
    }

    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        self.protocol.run(session)
    }

    fn score(&self, outcome: &Outcome) -> Result<Quality, TaskError> {
        let mut scores = outcome.outputs[0].column(0).to_vec();
        if self.wanted == Wanted::Class {
            scores = decide(&scores, self.cut);
        }
        let measure = |scores: &[f64]| metrics::binary(scores, &self.plain, &self.truth, self.cut);
        let mut measures = measure(&scores);
        if let Some(unclipped) = &self.unclipped {
            Metric::beside_unclipped(&mut measures, &measure(unclipped));
        }
        Ok(Quality {
            samples: self.truth.len(),
            metrics: measures,
            notes: self.notes.clone(),
        })
    }

    /// `scores.csv`: of each sample the class, the decrypted score, and that of the plaintext model.
    fn artefacts(&self, outcome: &Outcome) -> Result<Vec<Artefact>, TaskError> {
        if self.wanted == Wanted::Class {
            return Ok(vec![]);
        }
        let mut text = String::from("truth,score,score_in_clear\n");
        let scores = outcome.outputs[0].column(0);
        for ((truth, score), clear) in self.truth.iter().zip(scores).zip(&self.plain) {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{truth},{score},{clear}");
        }
        Ok(vec![Artefact {
            name: "scores.csv".into(),
            bytes: text.into_bytes(),
        }])
    }
}
