//! The server's side: the integer program on ciphertexts.

use std::sync::Arc;

use hexperiment_program::OutputId;
use hexperiment_scheme::{Ciphertexts, Evaluator, SchemeError};
use rayon::prelude::*;
use rug::Integer;

use crate::arithmetic::Step;
use crate::backend::Combining;
use crate::ciphertexts::{Fingerprint, Held, Sealed};
use crate::circuit::Shared;

/// Evaluates; holds `n` and nothing secret.
pub(crate) struct PaillierEvaluator {
    pub(crate) shared: Arc<Shared>,
    pub(crate) combining: Box<dyn Combining>,
    pub(crate) key: Fingerprint,
    /// `n^2`
    pub(crate) square: Integer,
}

/// A vector's ciphertexts.
type Vector = Arc<Vec<Integer>>;

impl Evaluator for PaillierEvaluator {
    fn evaluate(&self, inputs: &[Ciphertexts]) -> Result<Vec<Ciphertexts>, SchemeError> {
        self.evaluate_only(inputs, &self.shared.lowered.program().output_ids())
    }

    fn evaluate_only(
        &self,
        inputs: &[Ciphertexts],
        wanted: &[OutputId],
    ) -> Result<Vec<Ciphertexts>, SchemeError> {
        let inputs = self.inputs(inputs)?;
        let needed = self.needed_for(wanted);
        let layout = self.shared.layout;
        let nodes = &self.shared.arithmetic.nodes;
        let mut values: Vec<Option<Vector>> = nodes
            .iter()
            .map(|node| match node.step {
                Step::Input { input, column } => Some(Arc::clone(&inputs[input].columns[column])),
                _ => None,
            })
            .collect();
        for wave in &self.shared.waves {
            // All ciphertexts of a wave are independent: threads share them out one by one.
            let wave: Vec<usize> = wave.iter().copied().filter(|node| needed[*node]).collect();
            let places: Vec<(usize, usize)> = wave
                .iter()
                .flat_map(|node| {
                    (0..layout.chunks(nodes[*node].length)).map(move |chunk| (*node, chunk))
                })
                .collect();
            let made = places
                .par_iter()
                .map(|(node, chunk)| self.ciphertext(*node, *chunk, &values))
                .collect::<Result<Vec<_>, _>>()?;
            let mut made = made.into_iter();
            for node in wave {
                let chunks = layout.chunks(nodes[node].length);
                values[node] = Some(Arc::new(made.by_ref().take(chunks).collect()));
            }
        }
        self.outputs(&values, wanted)
    }
}

impl PaillierEvaluator {
    fn inputs<'a>(&self, inputs: &'a [Ciphertexts]) -> Result<Vec<&'a Sealed>, SchemeError> {
        let declared = self.shared.lowered.program().inputs();
        if inputs.len() != declared.len() {
            return Err(hexperiment_program::ProgramError::InputCount {
                expected: declared.len(),
                found: inputs.len(),
            }
            .into());
        }
        let checked = inputs.iter().enumerate().map(|(index, ciphertexts)| {
            let held = Held::Input(index);
            self.shared
                .expect(ciphertexts, held, self.key, &self.square)
        });
        checked.collect()
    }

    /// Whether one of these outputs depends on each node.
    fn needed_for(&self, wanted: &[OutputId]) -> Vec<bool> {
        let nodes = &self.shared.arithmetic.nodes;
        let program = self.shared.lowered.program();
        let mut needed = vec![false; nodes.len()];
        for value in wanted.iter().flat_map(|o| &program.output(*o).values) {
            needed[value.index()] = true;
        }
        // Operands stand before what reads them.
        for (index, node) in nodes.iter().enumerate().rev() {
            if needed[index] {
                for operand in node.step.operands() {
                    needed[operand] = true;
                }
            }
        }
        needed
    }

    /// One ciphertext of the vector that a node computes.
    fn ciphertext(
        &self,
        node: usize,
        chunk: usize,
        values: &[Option<Vector>],
    ) -> Result<Integer, SchemeError> {
        let layout = self.shared.layout;
        let node = &self.shared.arithmetic.nodes[node];
        let of = |value: usize| known(values, value);
        match &node.step {
            Step::Input { input, .. } => Err(SchemeError::Foreign(format!(
                "there are no ciphertexts of input {input}"
            ))),
            Step::Linear { terms, bias } => {
                let elements = layout.elements(chunk, node.length);
                let terms = terms
                    .iter()
                    .map(|(v, c)| Ok((&of(*v)?[chunk], c.at(elements.start))))
                    .collect::<Result<Vec<_>, SchemeError>>()?;
                let bias = layout.pack(elements.map(|i| bias.at(i)));
                self.combining.combine(&terms, &bias)
            }
            Step::Move {
                value,
                stride,
                offset,
            } => {
                let operand = of(*value)?;
                Ok(operand[(chunk * stride + offset) % operand.len()].clone())
            }
            Step::Sum { value, group } => {
                let one = Integer::from(1);
                let operand = &of(*value)?[chunk * group..(chunk + 1) * group];
                let terms: Vec<_> = operand.iter().map(|c| (c, &one)).collect();
                self.combining.combine(&terms, &Integer::new())
            }
        }
    }

    fn outputs(
        &self,
        values: &[Option<Vector>],
        wanted: &[OutputId],
    ) -> Result<Vec<Ciphertexts>, SchemeError> {
        let program = self.shared.lowered.program();
        let outputs = wanted.iter().map(|output| {
            let columns = program.output(*output).values.iter();
            let columns = columns.map(|v| known(values, v.index()).map(Arc::clone));
            Ok(Ciphertexts::new(Sealed {
                modulus_bits: self.shared.modulus_bits,
                held: Held::Output(output.index()),
                key: self.key,
                columns: columns.collect::<Result<_, SchemeError>>()?,
            }))
        });
        outputs.collect()
    }
}

/// A value's ciphertexts; values come in topological order, so they are there.
fn known(values: &[Option<Vector>], value: usize) -> Result<&Vector, SchemeError> {
    values[value]
        .as_ref()
        .ok_or_else(|| SchemeError::Foreign(format!("value %{value} is not computed yet")))
}
