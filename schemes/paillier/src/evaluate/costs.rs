//! What an evaluation takes: a few ciphertexts computed, the others reckoned from these.

use std::sync::Arc;
use std::time::Duration;

use hexperiment_scheme::{SchemeError, Work, timed};
use rug::Integer;

use super::{PaillierEvaluator, Vector};
use crate::arithmetic::Step;

/// Ciphertexts that are computed, of few terms, of many and some between.
const TIMED: usize = 12;

impl PaillierEvaluator {
    /// The work of an evaluation of all outputs, on ciphertexts as this one.
    pub(crate) fn work(&self, ciphertext: &Integer) -> Result<Work, SchemeError> {
        let (layout, nodes) = (self.shared.layout, &self.shared.arithmetic.nodes);
        let chunks = |node: usize| layout.chunks(nodes[node].length);
        // Every vector that is read holds ciphertexts of the same kind.
        let longest = (0..nodes.len()).map(chunks).max().unwrap_or(0);
        let vector: Vector = Arc::new(vec![ciphertext.clone(); longest]);
        let mut places: Vec<(u64, usize, usize)> = Vec::new();
        let (mut all, mut serial) = (0, 0);
        for wave in &self.shared.waves {
            let of_wave = wave.iter().flat_map(|node| {
                (0..chunks(*node)).map(|chunk| (self.weight(*node, chunk), *node, chunk))
            });
            let from = places.len();
            places.extend(of_wave);
            all += places[from..].iter().map(|place| place.0).sum::<u64>();
            // A wave waits for the one before.
            serial += places[from..]
                .iter()
                .map(|place| place.0)
                .max()
                .unwrap_or(0);
        }
        places.retain(|(weight, ..)| *weight > 0);
        places.sort_unstable();
        let Some(last) = places.len().checked_sub(1) else {
            return Ok(Work::default());
        };
        let mut chosen: Vec<usize> = (0..TIMED).map(|i| last * i / (TIMED - 1)).collect();
        chosen.dedup();
        let (mut time, mut weight) = (Duration::ZERO, 0);
        let mut values: Vec<Option<Vector>> = vec![None; nodes.len()];
        for (of_place, node, chunk) in chosen.into_iter().map(|i| places[i]) {
            for operand in nodes[node].step.operands() {
                values[operand] = Some(Arc::clone(&vector));
            }
            let (_, spent) = timed(|| self.ciphertext(node, chunk, &values))?;
            time += spent;
            weight += of_place;
        }
        let each = |part: u64| time.mul_f64(part as f64 / weight as f64);
        Ok(Work {
            total: each(all),
            serial: each(serial),
        })
    }

    /// What one ciphertext takes, in a unit of its own: with the terms that count, and their bits.
    fn weight(&self, node: usize, chunk: usize) -> u64 {
        let layout = self.shared.layout;
        let node = &self.shared.arithmetic.nodes[node];
        match &node.step {
            Step::Linear { terms, .. } => {
                let element = layout.elements(chunk, node.length).start;
                let bits = terms
                    .iter()
                    .map(|(_, c)| u64::from(c.at(element).significant_bits()));
                bits.filter(|bits| *bits > 0).map(|bits| bits + 4).sum()
            }
            Step::Sum { group, .. } => *group as u64,
            Step::Input { .. } | Step::Move { .. } => 0,
        }
    }
}
