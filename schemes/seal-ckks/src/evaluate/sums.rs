//! Sums of ciphertexts; weighted ones are products with public numbers, and one rescale for all of them.

use hexperiment_program::{Public, ValueId};
use hexperiment_scheme::SchemeError;

use super::{CkksEvaluator, Operands, Vector, unless_transparent};
use crate::encoded::{Scaling, weights};
use crate::seal::{self, Ciphertext, Plaintext};

impl CkksEvaluator {
    /// `a + b`, or `a - b`; of products that are left open, closed here if it is not to stay open itself.
    pub(super) fn added(
        &self,
        id: ValueId,
        (a, b): (ValueId, ValueId),
        get: &Operands<'_>,
        minus: bool,
    ) -> Result<Vector, SchemeError> {
        let open = |v: ValueId| self.shared.open[v.index()];
        let level = self.shared.levels[id.index()];
        let v = [
            self.at_level(get(&a)?, level)?,
            self.at_level(get(&b)?, level)?,
        ];
        self.each(level, v[0].chunks.len(), |k| {
            let (left, right) = (&v[0].chunks[k], &v[1].chunks[k]);
            let sum = if minus {
                self.seal.sub(left, right)
            } else {
                self.seal.add(left, right)
            };
            match unless_transparent(sum)? {
                Some(sum) if open(a) => self.closed(id, sum),
                Some(sum) => Ok(sum),
                None if open(id) => self.open_zero(level),
                None => self.zero(level),
            }
        })
    }

    /// `sum of weight * vector, + bias`. Whole scalar weights are encoded at scale 1 and take no
    /// level; otherwise one rescale serves the whole sum.
    pub(super) fn weighted_sum(
        &self,
        id: ValueId,
        terms: &[(&Vector, &Public)],
        bias: &Public,
    ) -> Result<Vector, SchemeError> {
        let shared = &self.shared;
        let result = shared.levels[id.index()];
        let (level, scaling) = weights(result, terms.iter().map(|(_, w)| *w));
        let whole = level == result;
        let vectors: Vec<Vector> = terms
            .iter()
            .map(|(v, _)| {
                if whole {
                    self.at_level(v, level)
                } else {
                    Ok((*v).clone())
                }
            })
            .collect::<Result<_, SchemeError>>()?;
        self.each(result, vectors[0].chunks.len(), |chunk| {
            let mut sum: Option<Ciphertext> = None;
            for (operand, (vector, (_, weight))) in vectors.iter().zip(terms).enumerate() {
                let (place, scaling) = ((id, operand, chunk), scaling(vector.level));
                let weight = self.encoded.at(shared, place, weight, level, scaling)?;
                let Some(weight) = weight else {
                    continue;
                };
                let product = if whole {
                    self.seal.multiply_plain(&vector.chunks[chunk], &weight)
                } else {
                    self.weighted(vector.level, level, &vector.chunks[chunk], &weight)
                };
                // A weight below the scale's resolution is 0 too.
                let Some(product) = unless_transparent(product)? else {
                    continue;
                };
                sum = match sum {
                    None => Some(product),
                    Some(sum) => unless_transparent(self.seal.add(&sum, &product))?,
                };
            }
            let sum = match sum {
                None => self.zero(result)?,
                Some(sum) if whole => sum,
                Some(sum) => self.rescaled(&sum, result)?,
            };
            let place = (id, terms.len(), chunk);
            match self
                .encoded
                .at(shared, place, bias, result, Scaling::Value)?
            {
                Some(bias) => Ok(self.seal.add_plain(&sum, &bias)?),
                None => Ok(sum),
            }
        })
    }

    /// A vector times its weights, at a level's scale squared: the weights' scale makes up for
    /// the level that the vector comes from.
    fn weighted(
        &self,
        from: usize,
        level: usize,
        ciphertext: &Ciphertext,
        weight: &Plaintext,
    ) -> Result<Ciphertext, seal::SealError> {
        let (shared, at) = (&self.shared, self.shared.context.levels()[level]);
        let wanted = shared.scales[level] * shared.scales[level];
        let mut product = if from == level {
            self.seal.multiply_plain(ciphertext, weight)?
        } else {
            let switched = self.seal.switch_to(ciphertext, at)?;
            self.seal.multiply_plain(&switched, weight)?
        };
        product.settle_scale(wanted)?;
        Ok(product)
    }
}
