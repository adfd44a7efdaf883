//! The plan on ciphertexts.

use hexperiment_scheme::{Ciphertexts, Evaluator, SchemeError};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::packing::Packing;
use crate::parameters::{N, SIZE};
use crate::plan::{Plan, PlannedColumn, PlannedKind, WholeForm, WholeTerm};
use crate::rotation::{Argument, MOST_TOGETHER, Rotated, ServerKey};
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

/// Words that are added in one piece: some tens of microseconds, beside which a piece's way to a thread is little.
pub(crate) const PIECE: usize = 64 * N;

/// Words of columns that are expanded before they are added: two mebibytes, or one column.
const EXPANDED: usize = 1 << 18;

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
        let mut index = 0;
        while let Some(source) = self.plan.sources.get(index) {
            let vectors = match &source.kind {
                PlannedKind::Column(_) => self.expanded(index, &fresh),
                PlannedKind::Result { function, .. } => {
                    if *function == next {
                        // Forms begin with the functions' arguments, in order; these are complete.
                        let together = self.together(next, index);
                        read.extend(self.apply(together.clone(), &sums[together.clone()])?);
                        sums[together.clone()].fill_with(Vec::new);
                        next = together.end;
                    }
                    vec![read.remove(&index).unwrap_or_default()]
                }
            };
            self.add_sources(index, &vectors, &mut sums);
            index += vectors.len();
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

    /// The columns that follow one another from source `first` on, with their masks: as many as threads may share,
    /// and caches hold. Nothing stands for those that no form reads.
    fn expanded(&self, first: usize, fresh: &[&Fresh]) -> Vec<Vector> {
        let sources = &self.plan.sources[first..];
        let mut words = 0;
        let columns = sources.iter().map_while(|source| match &source.kind {
            PlannedKind::Column(PlannedColumn { input, .. }) if words < EXPANDED => {
                words += self.plan.packing.words(self.inputs[*input].0);
                Some(*input)
            }
            _ => None,
        });
        let columns: Vec<usize> = columns.collect();
        let expand = |(place, input): (usize, usize)| {
            let index = first + place;
            let mut slots = self.plan.slots[input].iter();
            match slots.position(|s| *s == Some(index)) {
                Some(slot) if self.is_used(index) => {
                    self.plan.packing.expand(&fresh[input].columns[slot])
                }
                _ => Vec::new(),
            }
        };
        columns.into_par_iter().enumerate().map(expand).collect()
    }

    /// Adds the sources from `first` on to the forms that read them.
    fn add_sources(&self, first: usize, vectors: &[Vector], sums: &mut [Vector]) {
        let packing = self.plan.packing;
        for (form, sum) in self.plan.forms().zip(sums) {
            for term in &form.terms {
                let vector = term.source.checked_sub(first).and_then(|i| vectors.get(i));
                if let Some(vector) = vector {
                    accumulate(packing, sum, term, vector);
                }
            }
        }
    }

    fn is_used(&self, source: usize) -> bool {
        self.plan
            .forms()
            .any(|form| form.terms.iter().any(|t| t.source == source))
    }

    /// The functions from `first` on that are evaluated together, when all sources before `source` are there:
    /// as many as keep all threads busy.
    fn together(&self, first: usize, source: usize) -> Range<usize> {
        let functions = &self.plan.functions;
        let enough = MOST_TOGETHER * rayon::current_num_threads();
        let mut elements = functions[first].operand.length;
        let mut end = first + 1;
        while let Some(function) = functions.get(end)
            && elements + function.operand.length <= enough
            && function.operand.terms.iter().all(|t| t.source < source)
        {
            elements += function.operand.length;
            end += 1;
        }
        first..end
    }

    /// What is read from the rotations of functions, by source.
    fn apply(
        &self,
        functions: Range<usize>,
        arguments: &[Vector],
    ) -> Result<Vec<(usize, Vector)>, SchemeError> {
        let key = self.key.as_ref().ok_or_else(|| SchemeError::Library {
            library: "tfhe",
            operation: "bootstrap".into(),
            message: "there is no bootstrapping key".into(),
        })?;
        let readers: Vec<(Vec<usize>, Vec<usize>)> = functions
            .clone()
            .map(|function| self.readers(function).unzip())
            .collect();
        let mut look_ups = Vec::new();
        for ((function, argument), (_, places)) in functions.zip(arguments).zip(&readers) {
            let table = &self.plan.functions[function].table;
            look_ups.extend(argument.chunks_exact(SIZE).map(|ciphertext| LookUp {
                table,
                ciphertext,
                places,
            }));
        }
        // A piece for each thread, of no more than share what they read; or as many again.
        let threads = rayon::current_num_threads();
        let rounds = look_ups.len().div_ceil(threads * MOST_TOGETHER).max(1);
        let piece = look_ups.len().div_ceil(threads * rounds).max(1);
        let elements: Vec<Vec<Vec<u64>>> = look_ups
            .par_chunks(piece)
            .flat_map_iter(|piece| look_up(key, piece))
            .collect();
        let mut elements = elements.into_iter();
        let mut read = Vec::new();
        for ((sources, _), argument) in readers.into_iter().zip(arguments) {
            let length = argument.len() / SIZE;
            let mut vectors = vec![Vec::with_capacity(argument.len()); sources.len()];
            for element in elements.by_ref().take(length) {
                for (vector, words) in vectors.iter_mut().zip(element) {
                    vector.extend(words);
                }
            }
            read.extend(sources.into_iter().zip(vectors));
        }
        Ok(read)
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
        let chunks = sum.par_chunks_mut(PIECE).zip(source.par_chunks(PIECE));
        return chunks.for_each(|(out, source)| add(out, weight, source));
    }
    sum.par_chunks_exact_mut(SIZE)
        .enumerate()
        .with_min_len(PIECE / SIZE)
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

/// A table at a ciphertext's phase.
struct LookUp<'a> {
    table: &'a Table,
    ciphertext: &'a [u64],
    /// The cells between the phase and each place that is read; comparisons have one.
    places: &'a [usize],
}

/// The results at each of the places, for each look-up.
fn look_up(key: &ServerKey, all: &[LookUp<'_>]) -> Vec<Vec<Vec<u64>>> {
    let mut arguments = Vec::with_capacity(all.len());
    for LookUp {
        table, ciphertext, ..
    } in all
    {
        match table {
            Table::Cells(Cells { shift, results }) => arguments.push(Argument {
                ciphertext: affine(ciphertext, 1, *shift),
                cells: results,
            }),
            Table::Step(Steps { levels, .. }) => {
                arguments.extend(levels.iter().map(|level| Argument {
                    ciphertext: affine(ciphertext, level.factor, level.offset),
                    cells: &level.cells,
                }));
            }
        }
    }
    let mut rotated = key.rotate(&arguments).into_iter();
    let results = all.iter().map(|look_up| match look_up.table {
        Table::Cells(_) => {
            let rotated = rotated.next();
            let read =
                |rotated: Rotated| look_up.places.iter().map(|at| rotated.read(*at)).collect();
            rotated.map_or_else(Vec::new, read)
        }
        Table::Step(Steps { levels, one }) => {
            let mut votes = vec![0u64; SIZE];
            for vote in rotated.by_ref().take(levels.len()) {
                add(&mut votes, 1, &vote.read(0));
            }
            // A single level has voted with half of `one` already.
            if levels.len() == 1 {
                votes = affine(&votes, 1, one / 2);
            }
            vec![votes]
        }
    });
    let mut results: Vec<Vec<Vec<u64>>> = results.collect();
    decide(key, all, &mut results);
    results
}

/// Makes votes of several levels a decision: their sign.
fn decide(key: &ServerKey, all: &[LookUp<'_>], results: &mut [Vec<Vec<u64>>]) {
    let mut undecided: Vec<(&mut Vec<u64>, u64)> = Vec::new();
    for (look_up, results) in all.iter().zip(results) {
        if let Table::Step(Steps { levels, one }) = look_up.table
            && levels.len() > 1
        {
            undecided.extend(results.iter_mut().map(|votes| (votes, *one)));
        }
    }
    let signs: Vec<[u64; N]> = undecided.iter().map(|(_, one)| [one / 2; N]).collect();
    let arguments = undecided
        .iter()
        .zip(&signs)
        .map(|((votes, _), sign)| Argument {
            ciphertext: affine(votes, 1, HALF_CELL.wrapping_neg()),
            cells: sign,
        });
    let arguments: Vec<Argument<'_>> = arguments.collect();
    let rotated = key.rotate(&arguments);
    drop(arguments);
    for ((votes, one), rotated) in undecided.into_iter().zip(rotated) {
        *votes = affine(&rotated.read(0), 1, one / 2);
    }
}
