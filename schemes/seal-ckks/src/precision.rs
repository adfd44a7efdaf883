//! How good `max` and its like are to be: the fewest levels that keep the precision wanted, or as many as
//! the largest ring holds.

use hexperiment_program::lower::{Capabilities, Lowered, lower};
use hexperiment_program::{OutputId, Program, Refusal};
use hexperiment_scheme::security::SecurityDemand;

use crate::parameters::Needs;

/// Compositions for `max` of 4 to 13 levels with the product, by levels and then by products: of each number
/// of levels the most precise one, and before it one of much fewer products where there is one. One `max` of
/// 8-bit values is off by at most 7.9 to 0.05 grey levels.
const CANDIDATES: [&[usize]; 13] = [
    &[7],
    &[15],
    &[3, 7],
    &[31],
    &[7, 7],
    &[7, 15],
    &[15, 15],
    &[7, 7, 7],
    &[15, 31],
    &[7, 7, 15],
    &[31, 31],
    &[7, 15, 15],
    &[15, 15, 15],
];

/// The candidates that are taken where none keeps the precision that there is room for: `15, 15` and finer.
/// It keeps two rounds of `max` on 8-bit images within a grey level; what is coarser has to be asked for.
const FINE: usize = 6;

/// Bits of the scale below which a finer composition drowns in noise. Measured on the maximum of
/// four 8-bit values: `15, 15, 15` at the 29 bits that fit is off by 0.32 grey levels, nearly all
/// of it noise; `7, 15, 15` at 30 bits by 0.16 (`examples/max_cost.rs`).
const LEAST_SCALE: u32 = 30;

/// The program with the composition of the fewest levels whose proven error keeps the precision of every
/// output; where none does, or there are not so many levels, with the most precise one that there is room
/// for.
///
/// # Errors
/// The refusal of the coarsest of the fine ones, where there is no room for that.
pub(crate) fn composed(
    program: &Program,
    capabilities: &Capabilities,
    security: SecurityDemand,
    scale_bits: Option<u32>,
) -> Result<Lowered, Refusal> {
    let with = |degrees: &[usize]| {
        let mut capabilities = capabilities.clone();
        if let Some(approximation) = &mut capabilities.approximation {
            approximation.max_degrees = degrees.to_vec();
        }
        lower(program, &capabilities)
    };
    let room = |lowered: &Lowered| Needs::room(lowered, security, scale_bits, LEAST_SCALE);
    let mut short = None;
    for degrees in CANDIDATES {
        let lowered = with(degrees)?;
        if !lowered.keeps_precision() {
            continue;
        }
        let Err(refusal) = room(&lowered) else {
            let note = format!(
                "`max_degrees`: {}, the fewest levels that keep the precision wanted{}",
                listed(degrees),
                how_far(&lowered)
            );
            return Ok(lowered.with_note(note));
        };
        short = Some((degrees, refusal));
        break;
    }
    let (mut finest, mut refused) = (None, None);
    for degrees in CANDIDATES[FINE..].iter().copied().rev() {
        let lowered = with(degrees)?;
        match room(&lowered) {
            Ok(()) => {
                let lacking = short.as_ref().or(finest.as_ref());
                return Ok(match lacking {
                    None => lowered,
                    Some((better, refusal)) => {
                        let note = coarser(degrees, better, &lowered, refusal);
                        lowered.with_note(note)
                    }
                });
            }
            Err(refusal) => {
                finest.get_or_insert_with(|| (degrees, refusal.clone()));
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

/// The approximation error and the precision of the output of which it takes the largest part; `None`
/// where an output has no bound.
fn largest_share(lowered: &Lowered) -> Option<(f64, f64)> {
    let outputs = lowered.original().outputs().iter().enumerate();
    let mut shares = Vec::new();
    for (i, output) in outputs {
        shares.push((
            lowered.approximation(OutputId::from_index(i))?,
            output.precision,
        ));
    }
    let part = |(off, precision): &(f64, f64)| off / precision;
    shares
        .into_iter()
        .max_by(|a, b| part(a).total_cmp(&part(b)))
}

/// What is taken in a better composition's place, and why.
fn coarser(degrees: &[usize], better: &[usize], lowered: &Lowered, refusal: &Refusal) -> String {
    format!(
        "`max_degrees`: {}, the most precise ones that there is room for{}; not {}: {}",
        listed(degrees),
        how_far(lowered),
        listed(better),
        refusal.reason
    )
}

/// How far off the worst output is, in words; nothing where it has no bound.
fn how_far(lowered: &Lowered) -> String {
    largest_share(lowered).map_or(String::new(), |(off, wanted)| {
        format!(", off by at most {off:.2e} where {wanted:.2e} is wanted")
    })
}

fn listed(degrees: &[usize]) -> String {
    let degrees: Vec<String> = degrees.iter().map(ToString::to_string).collect();
    degrees.join(",")
}
