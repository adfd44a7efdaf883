//! The layouts that a program has here, and what each costs.
//!
//! Both parties choose, each by itself, and must come to the same: so times are those of a table that is
//! built in ([`Bench::built_in`](crate::costs::Bench::built_in)), not of the machine that one of them runs
//! on. Bytes are exact.
//!
//! Where the key owner is not who encrypts, a layout must not show more than the outputs
//! ([`Layout::shows_more`]).

use hexperiment_program::Refusal;
use hexperiment_program::layout::{self, Abilities, Coding, Expense, Layout};
use hexperiment_program::lower::LevelModel;
use hexperiment_scheme::security::Encryption;
use hexperiment_scheme::{CompileRequest, SchemeError, TimedNow, Work};
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::circuit::CkksCircuit;
use crate::costs::{self, Bench};
use crate::parameters::LARGEST_LOG_N;

/// Which layouts are thought of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Choice {
    /// All that the program allows.
    Auto,
    /// A vector of slots for each column.
    Columns,
    /// Those in coefficients.
    Coefficients,
    /// Those of equal operations side by side.
    Lanes,
    /// Rows side by side, whose weighted sums are rotated and summed.
    Sums,
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
    let why = match choice {
        Choice::Auto | Choice::Columns => return Ok(all),
        Choice::Coefficients => {
            all.retain(|layout| layout.coding() == Coding::Coefficients);
            "`coefficients` was asked for, where outputs are not sums of columns with the same weights for \
             every row; leave it to `auto`"
        }
        Choice::Lanes => {
            all.retain(Layout::has_lanes);
            if others {
                "`lanes` was asked for, where who decrypts is not who encrypted, and would see what the other \
                 lanes computed of others' data; leave it to `auto`"
            } else {
                "`lanes` was asked for, where no products are computed alike, or where ranges were stated \
                 that other lanes need not keep to; leave it to `auto`"
            }
        }
        Choice::Sums => {
            let by_rows = |layout: &Layout| layout.stride() > 1 && !layout.has_lanes();
            all.retain(|layout| layout.coding() == Coding::Slots && by_rows(layout));
            "`sums` was asked for, where no program goes on from weighted sums of columns with the same weights for \
             every row, where ranges were stated, or where who decrypts is not who encrypted; leave it to `auto`"
        }
    };
    if all.is_empty() {
        return Err(Refusal::because("layout", why).into());
    }
    Ok(all)
}

/// What a query takes: all inputs and all outputs once.
pub(crate) fn expense(
    circuit: &CkksCircuit,
    request: &CompileRequest<'_>,
) -> Result<Expense, SchemeError> {
    let shared = circuit.shared();
    let bench = Bench::built_in(shared);
    // Never asked: all times are in the table.
    let costs = costs::costs(shared, &bench, &mut TimedNow::default())?;
    let sizes = costs::sizes(shared);
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
        memory_bytes: hexperiment_scheme::Circuit::parameters(circuit)
            .memory_bytes
            .unwrap_or(0),
    })
}
