//! Lowering: from the operations that a task wrote to those that a scheme has.
//!
//! The passes, in order, each a file of this folder: constants are folded (`simplify`); what the
//! client may finish is cut off (`defer`); missing operations are rewritten (`rewrite`,
//! `functions`), equal ones shared on the way (`emit`); what no output needs is dropped
//! (`prune`); levels are counted (`levels`). How far approximations carry to the outputs is summed up on the
//! way (`carried`). Every pass yields a checked program, so ranges are
//! carried along.

mod capabilities;
mod carried;
mod chebyshev;
mod defer;
mod emit;
mod functions;
mod halving;
mod levels;
mod minimax;
mod prune;
mod rewrite;
mod sign;
mod simplify;
#[cfg(test)]
mod tests;

pub use capabilities::{Approximation, Capabilities, LevelModel};
pub use sign::SignComposition;

use ndarray::Array2;

use super::{OpKind, OutputId, Program, ProgramError, ValueId};
use crate::Refusal;

/// A program in operations that a scheme has.
#[derive(Clone, Debug)]
pub struct Lowered {
    original: Program,
    program: Program,
    client: Vec<Option<Program>>,
    levels: Vec<u32>,
    /// The largest error of each output by what stands in for functions, where one is known.
    approximations: Vec<Option<f64>>,
    /// Whether each of them takes no more than its part of the output's precision.
    keeps_precision: bool,
    notes: Vec<String>,
}

/// The part of an output's precision that polynomials may take in the place of functions: noise is left the
/// rest, as the precision of the server's output. Where they take more, what stands in for functions was not
/// chosen by the precision, and noise may take all of it.
const APPROXIMATED: f64 = 0.85;

impl Lowered {
    /// A program that was lowered for these capabilities elsewhere, as it reaches a plugin behind
    /// the C ABI: it is its own original, and nothing of it is left to the client. An operation
    /// that the capabilities lack is refused.
    ///
    /// # Errors
    /// The refusal of the first such operation, with the capabilities' reason.
    pub fn given(program: Program, capabilities: &Capabilities) -> Result<Self, Refusal> {
        let foreign = |kind: &OpKind| *kind != OpKind::Input && !capabilities.has(*kind);
        let mut kinds = program.values().iter().map(|v| v.op().kind());
        if let Some(kind) = kinds.find(foreign) {
            return Err(Refusal::of(kind, capabilities.reason(kind)));
        }
        let levels = levels::assign(&program, capabilities.levels);
        Ok(Self {
            original: program.clone(),
            client: vec![None; program.outputs().len()],
            approximations: vec![Some(0.0); program.outputs().len()],
            keeps_precision: true,
            program,
            levels,
            notes: Vec::new(),
        })
    }

    /// The same with another program in the server's place, whose inputs and outputs are laid out in
    /// another way.
    pub(crate) fn laid_out(&self, program: Program, model: LevelModel) -> Self {
        Self {
            original: self.original.clone(),
            client: self.client.clone(),
            levels: levels::assign(&program, model),
            program,
            approximations: self.approximations.clone(),
            keeps_precision: self.keeps_precision,
            notes: self.notes.clone(),
        }
    }

    /// The program as the task wrote it.
    pub fn original(&self) -> &Program {
        &self.original
    }

    /// What the server evaluates; its inputs are the original's.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// What the client computes from one output after decryption, if anything: a program with
    /// one input, the server's output, and one output.
    pub fn client(&self, output: OutputId) -> Option<&Program> {
        self.client.get(output.index()).and_then(Option::as_ref)
    }

    /// The operations that the client computes, in words; empty if there are none.
    pub fn client_computes(&self) -> Vec<String> {
        let kinds = |program: &Program| program.counts().into_keys().map(OpKind::name);
        let mut all: Vec<_> = self.client.iter().flatten().flat_map(kinds).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter().map(str::to_owned).collect()
    }

    /// Multiplicative levels consumed on the way to each value of [`Lowered::program`].
    pub fn levels(&self) -> &[u32] {
        &self.levels
    }

    /// The levels consumed on the way to one value.
    pub fn level(&self, value: ValueId) -> u32 {
        self.levels[value.index()]
    }

    /// The most levels that any value consumes.
    pub fn depth(&self) -> u32 {
        self.levels.iter().copied().max().unwrap_or(0)
    }

    /// The most that an element of the server's output may be off by since polynomials stand in for functions,
    /// in its unit, before noise and rounding; 0 where none do. `None` where no such bound is known: behind a
    /// sign or a comparison, whose operand may be anywhere near the jump, or a polynomial of what is
    /// approximated. Of a program that was [given](Self::given) nothing is known to stand for anything else.
    pub fn approximation(&self, output: OutputId) -> Option<f64> {
        self.approximations.get(output.index()).copied().flatten()
    }

    /// Whether what stands in for functions is proven to be off by no more than 85 % of the precision of each
    /// output, so that a part of it is left for noise.
    pub fn keeps_precision(&self) -> bool {
        self.keeps_precision
    }

    /// What was rewritten, in words.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The same with a note behind the others, of a scheme that chose among several rewritings.
    #[must_use]
    pub fn with_note(mut self, note: String) -> Self {
        self.notes.push(note);
        self
    }

    /// The server's outputs in the clear, without noise or quantisation.
    ///
    /// # Errors
    /// `ProgramError::InputCount` or `InputShape` where the tables are not those that the program
    /// declares; their ranges are not checked.
    pub fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, ProgramError> {
        self.program.interpret_any(inputs)
    }

    /// As [`Lowered::simulate`], for these outputs, in this order; what none of them depends on is
    /// not computed.
    ///
    /// # Errors
    /// As [`Lowered::simulate`].
    pub fn simulate_only(
        &self,
        inputs: &[Array2<f64>],
        wanted: &[OutputId],
    ) -> Result<Vec<Array2<f64>>, ProgramError> {
        self.program.interpret_only(inputs, wanted)
    }

    /// The client's last steps on one decrypted output.
    ///
    /// # Errors
    /// `ProgramError::InputShape` where something is left to the client, and `decrypted` has not
    /// the shape of the output.
    pub fn finish_one(
        &self,
        output: OutputId,
        decrypted: &Array2<f64>,
    ) -> Result<Array2<f64>, ProgramError> {
        let Some(client) = self.client(output) else {
            return Ok(decrypted.clone());
        };
        let mut tables = client.interpret_any(std::slice::from_ref(decrypted))?;
        Ok(tables.swap_remove(0))
    }
}

/// Rewrites `program` into operations that `capabilities` has, or says which operation stands
/// in the way.
///
/// # Errors
/// The refusal of the first operation that the server's part needs and that cannot be rewritten; a
/// refusal of `lowering` where what was rewritten fails the builder's checks, such as a range that
/// overflows once a polynomial stands in for a function.
pub fn lower(program: &Program, capabilities: &Capabilities) -> Result<Lowered, Refusal> {
    let mut notes = Vec::new();
    let simplified = simplify::simplify(program).map_err(stuck)?;
    let (server, client) = defer::defer(&simplified, capabilities).map_err(stuck)?;
    for (output, tail) in program.outputs().iter().zip(&client) {
        if let Some(tail) = tail {
            let steps: Vec<_> = tail.counts().into_keys().map(OpKind::name).collect();
            let steps = steps.join(", ");
            notes.push(format!(
                "output `{}`: the client computes {steps} after decryption",
                output.name
            ));
        }
    }
    let (rewritten, approximations) = rewrite::rewrite(&server, capabilities, &mut notes)?;
    let mut pruned = prune::prune(&rewritten).map_err(stuck)?;
    let mut keeps_precision = true;
    for (output, off) in pruned.outputs.iter_mut().zip(&approximations) {
        match off.filter(|off| *off <= APPROXIMATED * output.precision) {
            Some(off) => output.precision -= off,
            None => keeps_precision = false,
        }
    }
    let levels = levels::assign(&pruned, capabilities.levels);
    Ok(Lowered {
        original: program.clone(),
        program: pruned,
        client,
        levels,
        approximations,
        keeps_precision,
        notes,
    })
}

/// A checked program lost its checks on the way: the program asks for what cannot be
/// represented, such as a range that overflows once a polynomial stands in for a function.
fn stuck(error: ProgramError) -> Refusal {
    Refusal::because("lowering", error.to_string())
}
