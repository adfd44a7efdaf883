//! Interpolation: the gaps of encrypted series are filled from their nearest valid neighbours,
//! linearly in time; at an edge by the nearest value.
//!
//! The server multiplies by public weights, which tell it where gaps are; or, where the client
//! gathers each gap's neighbours, only how many there are; or it gets their positions encrypted.
//! It never sees a value.

mod layout;
mod masked;
mod pairs;
mod quality;
mod series;
mod steps;
mod table;

use hexperiment_data::gaps;
use hexperiment_program::Program;
use hexperiment_scheme::options::{OptionSpec, Options};
use hexperiment_task::choices::Side;
use hexperiment_task::encode::note_on_squeezed;
use hexperiment_task::inventory;
use hexperiment_task::ledger::Quality;
use hexperiment_task::registry::TaskPlugin;
use hexperiment_task::session::Session;
use hexperiment_task::{
    Artefact, Outcome, PrepareRequest, Prepared, Task, TaskError, TaskManifest,
};
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::layout::{FillProgram, FillSettings};
use crate::quality::Measure;
use crate::series::Series;
use crate::table::SeriesTable;

inventory::submit! { TaskPlugin(&Interpolation) }

/// What lies in a vector.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
enum Arrangement {
    /// Steps of time of all series.
    Steps,
    /// Neighbours of gaps.
    Pairs,
}

/// Who knows where gaps are.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
enum Mask {
    /// Everybody.
    Public,
    /// The client alone.
    Encrypted,
}

/// The task.
pub struct Interpolation;

impl Task for Interpolation {
    fn manifest(&self) -> TaskManifest {
        TaskManifest {
            name: "interpolation",
            doc: "Fills the gaps of encrypted series linearly between the nearest valid values, at \
                  the edges by the nearest one. Rows are points in time, in the data's order; all \
                  are used, none is split off. Values are in standard deviations of their column. \
                  The positions of the gaps are public, unless `layout = \"pairs\"` leaves their \
                  number only, or `mask = \"encrypted\"` hides them. Leaves `series.csv`: of the \
                  first 4 series that have gaps, 150 rows from ten before the first gap on, with \
                  what was filled and, where it was hidden, the truth.",
            options: vec![
                OptionSpec::choice(
                    "layout",
                    Arrangement::Steps,
                    "`steps`: all steps of time are encrypted once, an element for each sensor and \
                     segment, and the server, told where gaps are, fills them. `pairs`: the client \
                     gathers the two neighbours of each gap, so that the server needs no positions \
                     and one weight serves many, but has nothing else of the series.",
                ),
                OptionSpec::choice(
                    "mask",
                    Mask::Public,
                    "Layout `steps`: whether the server is told where gaps are, or gets an \
                     encrypted bit beside each value, which takes products of ciphertexts.",
                ),
                OptionSpec::integer(
                    "longest_gap",
                    0..=masked::LONGEST as i64,
                    0,
                    "Encrypted mask: the longest gap that is foreseen, which the server learns; 0 \
                     for the longest that there is. The cost grows with its square.",
                ),
                OptionSpec::integer(
                    "segments",
                    0..=1_000_000,
                    0,
                    "Layout `steps`: each series is cut into so many segments that lie beside each other in the \
                     vectors; 0 for as many as make vectors of about 4096 elements, or of 8192 \
                     with an encrypted mask. More make \
                     fewer and longer vectors, and repeat more values where segments overlap.",
                ),
                OptionSpec::choice(
                    "division",
                    Side::Client,
                    "Who divides by a gap's length plus 1: the client after decryption, so that \
                     the server's weights are whole numbers and exact; or the server, whose \
                     weights are then fractions.",
                ),
                OptionSpec::number(
                    "hidden_share",
                    0.0..=0.9,
                    0.05,
                    "The share of the valid values that is hidden at random by the seed, filled \
                     like the gaps and compared with the truth.",
                ),
                OptionSpec::number(
                    "precision",
                    1e-12..=1.0,
                    1e-6,
                    "Error wanted on filled values, in standard deviations of their column.",
                ),
            ],
            metrics: quality::METRICS.to_vec(),
        }
    }

    fn prepare(&self, request: PrepareRequest<'_>) -> Result<Box<dyn Prepared>, TaskError> {
        let options = request.options;
        let series = Series::new(request.data, options.number("hidden_share")?, request.seed)?;
        let settings = FillSettings {
            precision: options.number("precision")?,
            client_divides: options.choice::<Side>("division")? == Side::Client,
        };
        let (layout, server_sees) = lay_out(&series, settings, options)?;
        Ok(Box::new(Filling {
            layout,
            server_sees,
            measure: Measure::new(&series),
            table: SeriesTable::new(&series),
            settings,
            squeezed: note_on_squeezed(request.data.features.view(), &request.data.columns),
        }))
    }
}

/// The layout that the options ask for, and what it shows to the server.
fn lay_out(
    series: &Series,
    settings: FillSettings,
    options: &Options,
) -> Result<(FillProgram, &'static str), TaskError> {
    let segments = options.integer("segments")? as usize;
    let longest = options.integer("longest_gap")? as usize;
    let pairs = options.choice::<Arrangement>("layout")? == Arrangement::Pairs;
    let masked = options.choice::<Mask>("mask")? == Mask::Encrypted;
    let idle = |what: String, needs: &str| {
        TaskError::Options(format!(
            "{what} has no meaning without {needs}: leave it out, or say that, under [task]"
        ))
    };
    if pairs && masked {
        return Err(idle(
            "`mask = \"encrypted\"`".into(),
            "`layout = \"steps\"`",
        ));
    }
    if pairs && segments > 0 {
        return Err(idle(
            format!("`segments = {segments}`"),
            "`layout = \"steps\"`",
        ));
    }
    if !masked && longest > 0 {
        return Err(idle(
            format!("`longest_gap = {longest}`"),
            "`mask = \"encrypted\"`",
        ));
    }
    Ok(if pairs {
        (pairs::lay_out(series, settings)?, PAIRS_SHOW)
    } else if masked {
        let layout = masked::lay_out(series, settings, segments, longest)?;
        (layout, MASKED_SHOW)
    } else {
        (steps::lay_out(series, settings, segments)?, STEPS_SHOW)
    })
}

const STEPS_SHOW: &str = "where values are missing or hidden; a power of two that bounds the \
                          standardised values";
const PAIRS_SHOW: &str = "how many values are missing or hidden at which distances from their \
                          neighbours, not where; a power of two that bounds the standardised values";

const MASKED_SHOW: &str = "how many values may be missing in a row, not where any is; a power of \
                           two that bounds the standardised values";

/// Series laid out, and what the results are measured by.
struct Filling {
    layout: FillProgram,
    server_sees: &'static str,
    measure: Measure,
    table: SeriesTable,
    settings: FillSettings,
    /// What a reader must know of columns that an outlier leaves nothing of.
    squeezed: Option<String>,
}

impl Prepared for Filling {
    fn program(&self) -> &Program {
        &self.layout.program
    }

    fn samples(&self) -> usize {
        self.measure.count()
    }

    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        self.layout.run(session)
    }

    fn score(&self, outcome: &Outcome) -> Result<Quality, TaskError> {
        let mut quality = self.measure.score(&self.layout.read(outcome));
        quality.notes.push(self.layout.note.clone());
        quality.notes.extend(self.squeezed.clone());
        Ok(quality)
    }

    fn artefacts(&self, outcome: &Outcome) -> Result<Vec<Artefact>, TaskError> {
        Ok(vec![self.table.file(&self.layout.read(outcome))])
    }

    fn server_sees(&self) -> Option<String> {
        Some(self.server_sees.into())
    }

    fn client_computes(&self) -> Vec<String> {
        let divides = self.settings.client_divides;
        divides.then(|| "division".into()).into_iter().collect()
    }
}
