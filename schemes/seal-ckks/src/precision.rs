//! How good `max` and its like can be: as many levels as the largest ring holds.

use hexperiment_program::Program;
use hexperiment_program::Refusal;
use hexperiment_program::lower::{Capabilities, Lowered, lower};
use hexperiment_scheme::security::SecurityDemand;

use crate::parameters::Needs;

/// Compositions for `max`, each the most precise of its levels (13, 12, 11, 10 and 9 with the
/// product), and the share of the operands' range that one `max` is off by: 1 in 5200, 2600,
/// 1100, 620 and 520. The last one keeps two rounds of `max` on 8-bit images within a grey level.
const CANDIDATES: [&[usize]; 5] = [
    &[15, 15, 15],
    &[7, 15, 15],
    &[7, 7, 13],
    &[7, 7, 7],
    &[15, 15],
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
    let mut refused = None;
    for degrees in CANDIDATES {
        let mut capabilities = capabilities.clone();
        if let Some(approximation) = &mut capabilities.approximation {
            approximation.max_degrees = degrees.to_vec();
        }
        let lowered = lower(program, &capabilities)?;
        match Needs::room(&lowered, security, scale_bits, LEAST_SCALE) {
            Ok(()) => return Ok(lowered),
            Err(refusal) => refused = Some(refusal),
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
