//! How good `max` and its like can be: as many levels as the largest ring holds.

use hexperiment_program::Program;
use hexperiment_program::Refusal;
use hexperiment_program::lower::{Capabilities, Lowered, lower};
use hexperiment_scheme::security::SecurityDemand;

use crate::parameters::Needs;

/// Compositions for `max`, each the most precise of its levels (13, 12, 11, 10 and 9 with the
/// product), and the part of the operands' range that one `max` is off by: one in so many. The last one
/// keeps two rounds of `max` on 8-bit images within a grey level.
const CANDIDATES: [(&[usize], u32); 5] = [
    (&[15, 15, 15], 5200),
    (&[7, 15, 15], 2600),
    (&[7, 7, 13], 1100),
    (&[7, 7, 7], 620),
    (&[15, 15], 520),
];

/// Bits of the scale below which a finer composition drowns in noise. Measured on the maximum of
/// four 8-bit values: `15, 15, 15` at the 29 bits that fit is off by 0.32 grey levels, nearly all
/// of it noise; `7, 15, 15` at 30 bits by 0.16 (`examples/max_cost.rs`).
const LEAST_SCALE: u32 = 30;

/// The program with the most precise composition for which there are levels and precision.
pub(crate) fn deepest(
    program: &Program,
    capabilities: &Capabilities,
    security: SecurityDemand,
    scale_bits: Option<u32>,
) -> Result<Lowered, Refusal> {
    let (mut finest, mut refused) = (None, None);
    for (degrees, one_in) in CANDIDATES {
        let mut capabilities = capabilities.clone();
        if let Some(approximation) = &mut capabilities.approximation {
            approximation.max_degrees = degrees.to_vec();
        }
        let lowered = lower(program, &capabilities)?;
        match Needs::room(&lowered, security, scale_bits, LEAST_SCALE) {
            Ok(()) => {
                return Ok(match &finest {
                    None => lowered,
                    Some(refusal) => lowered.with_note(coarser(degrees, one_in, refusal)),
                });
            }
            Err(refusal) => {
                finest.get_or_insert_with(|| refusal.clone());
                refused = Some(refusal);
            }
        }
    }
    refused.map_or_else(
        || lower(program, capabilities),
        |refusal| {
            let hint = "`max_degrees` such as `15` or `7,7` is coarser and takes fewer levels";
            let reason = format!("{}; {hint}", refusal.reason);
            Err(Refusal::because(refusal.operation, reason))
        },
    )
}

/// What is taken in the finest composition's place, and why.
fn coarser(degrees: &[usize], one_in: u32, finest: &Refusal) -> String {
    let listed = |degrees: &[usize]| {
        let degrees: Vec<String> = degrees.iter().map(ToString::to_string).collect();
        degrees.join(",")
    };
    let [(first, best), ..] = CANDIDATES;
    format!(
        "`max_degrees`: {} in place of the finest, {}; a maximum and its like are off by up to 1 in {one_in} \
         of the operands' range, where those are by 1 in {best}: {}",
        listed(degrees),
        listed(first),
        finest.reason
    )
}
