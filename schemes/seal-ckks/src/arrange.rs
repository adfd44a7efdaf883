//! The layouts that a program has here, and what each costs.
//!
//! Both parties choose, each by itself, and must come to the same: so times are those of a table that is
//! built in ([`Bench::BuiltIn`]), not of the machine that one of them runs
//! on. Bytes are exact.
//!
//! Where the key owner is not who encrypts, a layout must not show more than the outputs
//! ([`Layout::shows_more`]).

use hexperiment_program::Refusal;
use hexperiment_program::layout::{self, Abilities, Expense, Family, Layout};
use hexperiment_program::lower::LevelModel;
use hexperiment_scheme::security::Encryption;
use hexperiment_scheme::{CompileRequest, SchemeError, TimedNow, Work};
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::circuit::Design;
use crate::costs::{self, Bench};
use crate::parameters::LARGEST_LOG_N;

/// Which layouts are thought of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Choice {
    /// All that the program allows.
    Auto,
    /// [`Family::Columns`].
    Columns,
    /// [`Family::Coefficients`].
    Coefficients,
    /// [`Family::Lanes`].
    Lanes,
    /// [`Family::Sums`].
    Sums,
    /// [`Family::Blocks`].
    Blocks,
    /// [`Family::Diagonals`].
    Diagonals,
}

impl Choice {
    /// The only kind of layouts, and why a program may have none of it; none where all are thought of.
    fn only(self) -> Option<(Family, &'static str)> {
        Some(match self {
            Self::Auto => return None,
            Self::Columns => (Family::Columns, "which every program has"),
            Self::Coefficients => (
                Family::Coefficients,
                "where outputs are not sums of columns with the same weights for every row",
            ),
            Self::Lanes => (
                Family::Lanes,
                "where no products are computed alike, or where ranges were stated that other lanes need not keep to",
            ),
            Self::Sums => (
                Family::Sums,
                "where no program goes on from weighted sums of columns with the same weights for every row, or \
                 where ranges were stated",
            ),
            Self::Blocks => (
                Family::Blocks,
                "where no products are equal but for their numbers, or equal ones need no blocks, or where ranges \
                 were stated",
            ),
            Self::Diagonals => (
                Family::Diagonals,
                "where no products of several weighted sums of columns are equal but for their numbers, or where \
                 ranges were stated",
            ),
        })
    }
}

/// The layouts to choose from; one at least.
pub(crate) fn candidates(request: &CompileRequest<'_>) -> Result<Vec<Layout>, SchemeError> {
    let choice: Choice = request.options.choice("layout")?;
    if choice == Choice::Columns {
        return Ok(vec![Layout::columns(request.lowered)]);
    }
    let abilities = Abilities {
        rotations: true,
        coefficients: 1 << (LARGEST_LOG_N - 1),
    };
    let mut all = layout::candidates(request.lowered, abilities, LevelModel::Multiplicative);
    let others = request.security.encryption == Encryption::Public;
    if others {
        all.retain(|layout| !layout.shows_more());
    }
    let Some((family, lacking)) = choice.only() else {
        return Ok(all);
    };
    all.retain(|layout| layout.family() == family);
    if all.is_empty() {
        let name: &str = choice.into();
        let why = if others && family != Family::Coefficients {
            "where who decrypts is not who encrypted, and would see what else was computed of others' data"
        } else {
            lacking
        };
        let reason = format!("`{name}` was asked for, {why}; leave it to `auto`");
        return Err(Refusal::because("layout", reason).into());
    }
    Ok(all)
}

/// What a query takes: all inputs and all outputs once.
pub(crate) fn expense(
    design: &Design,
    memory_bytes: u64,
    request: &CompileRequest<'_>,
) -> Result<Expense, SchemeError> {
    let bench = Bench::BuiltIn(design);
    // Never asked: all times are in the table.
    let costs = costs::costs(design, &bench, &mut TimedNow::default())?;
    let sizes = costs::sizes(design);
    let phase = |all: &[Work]| all.iter().copied().fold(Work::default(), |sum, w| sum + w);
    let phases = [
        phase(&costs.encrypt),
        phase(&costs.upload),
        costs.evaluate,
        phase(&costs.download),
        phase(&costs.decrypt),
    ];
    let nanoseconds =
        |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let latency = phases.iter().map(|work| work.wall(request.threads)).sum();
    let processor = phases.iter().map(|work| work.total).sum();
    Ok(Expense {
        latency_ns: nanoseconds(latency),
        processor_ns: nanoseconds(processor),
        upload_bytes: sizes.inputs.iter().sum(),
        download_bytes: sizes.outputs.iter().sum(),
        key_bytes: sizes.keys,
        memory_bytes,
    })
}
