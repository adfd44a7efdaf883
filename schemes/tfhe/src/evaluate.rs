//! The plan on ciphertexts.

use hexperiment_scheme::{Ciphertexts, Evaluator, SchemeError};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::keys::ServerKey;
use crate::packing::Packing;
use crate::parameters::{N, SIZE};
use crate::plan::{Plan, PlannedColumn, PlannedKind, WholeForm, WholeTerm};
use crate::table::{CELL_LOG, Cells, HALF_CELL, Steps, Table};
use crate::wire::{Column, Fresh, Results, output_ciphertexts};

/// The server's role.
pub(crate) struct TfheEvaluator {
    /// The program.
    pub(crate) plan: Arc<Plan>,
    /// `None` if the program needs no bootstrap.
    pub(crate) key: Option<ServerKey>,
    /// Length and columns of each input.
    pub(crate) inputs: Vec<(usize, usize)>,
}

/// Ciphertexts one after the other, as the plan's packing says.
type Vector = Vec<u64>;

impl Evaluator for TfheEvaluator {
    fn evaluate(&self, inputs: &[Ciphertexts]) -> Result<Vec<Ciphertexts>, SchemeError> {
        let fresh = inputs
            .iter()
            .map(Ciphertexts::downcast::<Fresh>)
            .collect::<Result<Vec<_>, _>>()?;
        self.check_shapes(&fresh)?;
        let packing = self.plan.packing;
        let forms = self.plan.forms();
        let mut sums: Vec<Vector> = forms.map(|form| trivial(packing, form)).collect();
        let mut next = 0;
        // Read from rotations before their turn.
        let mut read: BTreeMap<usize, Vector> = BTreeMap::new();
        for (index, source) in self.plan.sources.iter().enumerate() {
            let vector = match &source.kind {
                PlannedKind::Column(PlannedColumn { input, .. }) => {
                    let mut slots = self.plan.slots[*input].iter();
                    match slots.position(|s| *s == Some(index)) {
                        Some(slot) if self.is_used(index) => {
                            packing.expand(&fresh[*input].columns[slot])
                        }
                        _ => continue,
                    }
                }
                PlannedKind::Result { function, .. } => {
                    if *function == next {
                        // Forms begin with the functions' arguments, in order; this one is complete.
                        let argument = std::mem::take(&mut sums[next]);
                        read.extend(self.apply(next, &argument)?);
                        next += 1;
                    }
                    read.remove(&index).unwrap_or_default()
                }
            };
            for (form, sum) in self.plan.forms().zip(&mut sums) {
                for term in form.terms.iter().filter(|t| t.source == index) {
                    accumulate(packing, sum, term, &vector);
                }
            }
        }
        let mut results = sums.into_iter().skip(next);
        let outputs = self.plan.outputs.iter().enumerate().map(|(output, _)| {
            let parts = self.plan.parts(output).zip(&mut results);
            Ciphertexts::new(Results {
                output,
                ciphertexts: output_ciphertexts(&self.plan, output),
                columns: parts
                    .map(|(part, words)| Column::rounded(words, part.sent_bits))
                    .collect(),
            })
        });
        Ok(outputs.collect())
    }
}

impl TfheEvaluator {
    fn check_shapes(&self, fresh: &[&Fresh]) -> Result<(), SchemeError> {
        if fresh.len() != self.inputs.len() {
            return Err(SchemeError::Foreign(format!(
                "{} inputs, expected {}",
                fresh.len(),
                self.inputs.len()
            )));
        }
        let inputs = self.inputs.iter().zip(&self.plan.slots);
        for (index, (fresh, ((length, columns), slots))) in fresh.iter().zip(inputs).enumerate() {
            let shape = fresh.columns.len() == slots.len()
                && fresh.columns.iter().all(|c| c.bodies.len() == *length);
            if fresh.input != index || !shape {
                return Err(SchemeError::Foreign(format!(
                    "input {index} is not of {length} rows and {columns} columns, or stands in \
                     another's place"
                )));
            }
        }
        Ok(())
    }

    fn is_used(&self, source: usize) -> bool {
        self.plan
            .forms()
            .any(|form| form.terms.iter().any(|t| t.source == source))
    }

    /// What is read from the rotations of a function, by source.
    fn apply(
        &self,
        function: usize,
        argument: &[u64],
    ) -> Result<Vec<(usize, Vector)>, SchemeError> {
        let key = self.key.as_ref().ok_or_else(|| SchemeError::Library {
            library: "tfhe",
            operation: "bootstrap".into(),
            message: "there is no bootstrapping key".into(),
        })?;
        let table = &self.plan.functions[function].table;
        let (readers, places): (Vec<_>, Vec<_>) = self.readers(function).unzip();
        let elements: Vec<Vec<Vec<u64>>> = argument
            .par_chunks_exact(SIZE)
            .map(|ciphertext| look_up(key, table, ciphertext, &places))
            .collect();
        let vectors = readers.into_iter().enumerate().map(|(i, reader)| {
            let words = elements.iter().flat_map(|e| e[i].iter().copied());
            (reader, words.collect())
        });
        Ok(vectors.collect())
    }

    /// The sources that are read from a function's rotations, each with the cells between its
    /// place and the argument.
    fn readers(&self, function: usize) -> impl Iterator<Item = (usize, usize)> {
        let sources = self.plan.sources.iter().enumerate();
        sources.filter_map(move |(index, source)| match &source.kind {
            PlannedKind::Result {
                function: read,
                offset,
            } if *read == function => Some((index, (offset >> CELL_LOG) as usize)),
            _ => None,
        })
    }
}

/// A form's bias, as ciphertexts without masks.
fn trivial(packing: Packing, form: &WholeForm) -> Vector {
    let mut vector = vec![0u64; packing.words(form.length)];
    for i in 0..form.length {
        vector[packing.body(i)] = form.bias.at(i);
    }
    vector
}

fn accumulate(packing: Packing, sum: &mut [u64], term: &WholeTerm, source: &[u64]) {
    if packing == Packing::Polynomials {
        // One factor for all elements, which stay where they are.
        let weight = term.weight.at(0);
        let chunks = sum.par_chunks_mut(N).zip(source.par_chunks(N));
        return chunks.for_each(|(out, source)| add(out, weight, source));
    }
    sum.par_chunks_exact_mut(SIZE)
        .enumerate()
        .for_each(|(i, out)| {
            let weight = term.weight.at(i);
            if weight == 0 {
                return;
            }
            let at = term.gather.as_ref().map_or(i, |g| g[i] as usize);
            add(out, weight, &source[at * SIZE..(at + 1) * SIZE]);
        });
}

/// Adds a ciphertext times a weight.
pub(crate) fn add(out: &mut [u64], weight: u64, ciphertext: &[u64]) {
    for (o, x) in out.iter_mut().zip(ciphertext) {
        *o = o.wrapping_add(weight.wrapping_mul(*x));
    }
}

/// `ciphertext * factor + offset`.
fn affine(ciphertext: &[u64], factor: u64, offset: u64) -> Vec<u64> {
    let mut words: Vec<u64> = ciphertext.iter().map(|x| x.wrapping_mul(factor)).collect();
    words[SIZE - 1] = words[SIZE - 1].wrapping_add(offset);
    words
}

/// The results at each of `places`; comparisons have one.
fn look_up(key: &ServerKey, table: &Table, ciphertext: &[u64], places: &[usize]) -> Vec<Vec<u64>> {
    match table {
        Table::Cells(Cells { shift, results }) => {
            let rotated = key.rotate(&affine(ciphertext, 1, *shift), results);
            places.iter().map(|place| rotated.read(*place)).collect()
        }
        Table::Step(Steps { levels, one }) => {
            let mut votes = vec![0u64; SIZE];
            for level in levels {
                let zoomed = affine(ciphertext, level.factor, level.offset);
                let vote = key.bootstrap(&zoomed, &level.cells);
                for (sum, x) in votes.iter_mut().zip(vote) {
                    *sum = sum.wrapping_add(x);
                }
            }
            // A single level has voted with half of `one` already.
            let decided = if levels.len() == 1 {
                votes
            } else {
                let sign = [one / 2; N];
                key.bootstrap(&affine(&votes, 1, HALF_CELL.wrapping_neg()), &sign)
            };
            vec![affine(&decided, 1, one / 2)]
        }
    }
}
