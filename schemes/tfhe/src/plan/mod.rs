//! A plan: a program in whole numbers, with the noise and the rounding that it brings.
//!
//! Scales are chosen first (`scales`), from the outputs' and the arguments' ranges. Then the
//! sources are planned one after the other: forms in whole numbers, and what arrives with them
//! (`whole`), functions by table (`functions`). Outputs come last (`output`). Nothing that was
//! planned is changed later.

mod choose;
mod functions;
mod output;
mod scales;
mod whole;

use hexperiment_program::Public;
use hexperiment_scheme::security::failure::{Failure, log2_tail, union};

use crate::algebra::{ColumnLimb, Source};
use crate::error::PlanError;
use crate::flatten::Flat;
use crate::packing::Packing;
use crate::parameters::ParameterSet;
use crate::table::Table;

use choose::Target;
pub(crate) use choose::plan_program;
use scales::{Encoding, Given};
use whole::{Signal, Words};
pub(crate) use whole::{WholeForm, WholeTerm};

/// A source with its scale.
#[derive(Debug)]
pub(crate) struct PlannedSource {
    /// Numbers are phases over `2^scale`.
    pub(crate) scale: i32,
    /// The kind of source.
    pub(crate) kind: PlannedKind,
}

/// A kind of source.
#[derive(Debug)]
pub(crate) enum PlannedKind {
    /// A column of an input, or a limb of it.
    Column(PlannedColumn),
    /// A result of a function. Several may be read from one rotation.
    Result {
        /// The function's index.
        function: usize,
        /// The phase between the argument and the place where the table is read.
        offset: u64,
    },
}

/// A function of a form.
#[derive(Debug)]
pub(crate) struct PlannedFunction {
    /// The argument.
    pub(crate) operand: WholeForm,
    /// What is looked up.
    pub(crate) table: Table,
}

impl PlannedFunction {
    /// Its bootstraps in one evaluation.
    fn bootstraps(&self) -> u64 {
        self.table.bootstraps() * self.operand.length as u64
    }
}

/// A column of an input, or a limb of it.
#[derive(Debug)]
pub(crate) struct PlannedColumn {
    /// The input's index.
    pub(crate) input: usize,
    /// The column's index.
    pub(crate) column: usize,
    /// The limb, if not the whole column.
    pub(crate) limb: Option<ColumnLimb>,
    /// Subtracted before encoding.
    pub(crate) centre: f64,
    /// Phases are multiples of `2^grid`.
    pub(crate) grid: u32,
}

impl PlannedColumn {
    /// A number of the column as a phase.
    pub(crate) fn encode(&self, x: f64, scale: i32) -> u64 {
        let x = self.limb.map_or(x, |limb| limb.of(x));
        let lift = f64::from(scale - self.grid as i32).exp2();
        let steps = ((x - self.centre) * lift).round() as i128;
        (steps << self.grid) as u64
    }
}

/// One column of an output: a sum of parts and public numbers.
#[derive(Debug)]
pub(crate) struct PlannedOutput {
    /// The parts, encrypted each for itself.
    pub(crate) parts: Vec<PlannedPart>,
    /// The public number that is added after decryption.
    pub(crate) bias: Public,
}

impl PlannedOutput {
    /// Elements.
    pub(crate) fn length(&self) -> usize {
        self.parts.first().map_or(0, |p| p.form.length)
    }

    /// The largest error that noise may cause.
    pub(crate) fn tolerance(&self) -> f64 {
        self.parts.iter().map(|p| p.tolerance).sum()
    }

    /// A bound of what rounding inputs and weights does to it, smooth tables' cells aside.
    pub(crate) fn rounding(&self) -> f64 {
        self.parts.iter().map(|p| p.rounding).sum()
    }

    /// Whether noise changes nothing.
    pub(crate) fn is_exact(&self) -> bool {
        self.parts.iter().all(|p| p.exact_grid.is_some())
    }
}

/// A part of an output.
#[derive(Debug)]
pub(crate) struct PlannedPart {
    /// The sum that is sent.
    pub(crate) form: WholeForm,
    /// The number of phase 0.
    pub(crate) centre: f64,
    /// Decrypted phases are rounded to multiples of `2^grid`, which noise cannot change.
    pub(crate) exact_grid: Option<u32>,
    /// Bits of each word that are sent.
    pub(crate) sent_bits: u32,
    /// The decryptions of its elements, which noise may take out of their grid or out of the tolerance.
    pub(crate) decrypted: Events,
    /// The largest error that noise may cause.
    pub(crate) tolerance: f64,
    /// A bound of what rounding inputs and weights does to it, smooth tables' cells aside.
    pub(crate) rounding: f64,
}

/// Bootstraps or decryptions, each of which noise makes wrong further out than so many standard
/// deviations: out of the box of a table, out of the grid of whole numbers, out of what is stated of an
/// inexact result. A key switch is part of the bootstrap that it comes before, and so is its noise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Events {
    /// Standard deviations that each of them has room for, at least.
    pub(crate) deviations: f64,
    /// How many there are.
    pub(crate) count: u64,
}

/// How sure exact functions are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Certainty {
    /// The least number of standard deviations between a bootstrap and a wrong result.
    pub(crate) deviations: Option<f64>,
    /// Levels of the widest comparison.
    pub(crate) levels: u32,
    /// A bound of what rounding does to the arguments of comparisons.
    pub(crate) argument_rounding: f64,
}

impl Certainty {
    /// Of both.
    fn and(self, other: Self) -> Self {
        let deviations = [self.deviations, other.deviations].into_iter().flatten();
        Self {
            deviations: deviations.reduce(f64::min),
            levels: self.levels.max(other.levels),
            argument_rounding: self.argument_rounding.max(other.argument_rounding),
        }
    }
}

/// A program in whole numbers.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The sources, each needing only those before it.
    pub(crate) sources: Vec<PlannedSource>,
    /// The functions, in the order in which sources first read them.
    pub(crate) functions: Vec<PlannedFunction>,
    /// The columns of each output.
    pub(crate) outputs: Vec<Vec<PlannedOutput>>,
    /// The sources that the client encrypts for each input, in order. A column that the program
    /// leaves out is sent as zeros.
    pub(crate) slots: Vec<Vec<Option<usize>>>,
    /// How sure exact functions are.
    pub(crate) certainty: Certainty,
    /// How the elements of all columns lie in ciphertexts.
    pub(crate) packing: Packing,
    /// The parameter set that it is for.
    pub(crate) set: &'static ParameterSet,
    /// Standard deviations of noise within which nothing is wrong.
    pub(crate) deviations: f64,
    /// The bootstraps of each function.
    bootstrapped: Vec<Events>,
}

impl Plan {
    /// The probability that any bootstrap or decryption of one evaluation is wrong: the sum of those of
    /// all of them.
    pub(crate) fn failure(&self) -> Failure {
        let each = self.events().map(|e| (log2_tail(e.deviations), e.count));
        Failure::AtMost(union(each))
    }

    fn events(&self) -> impl Iterator<Item = Events> {
        let parts = self.outputs.iter().flatten().flat_map(|o| &o.parts);
        let decrypted = parts.map(|p| p.decrypted);
        decrypted.chain(self.bootstrapped.iter().copied())
    }

    /// Bootstraps in one evaluation.
    pub(crate) fn bootstraps(&self) -> u64 {
        self.functions.iter().map(PlannedFunction::bootstraps).sum()
    }

    /// What they take: each as many products of polynomials as the dimension that it reads.
    fn work(&self) -> u64 {
        self.bootstraps() * self.set.parameters.lwe_dimension.0 as u64
    }

    /// The column that a source is, if it is one.
    pub(crate) fn column(&self, source: usize) -> Option<&PlannedColumn> {
        match &self.sources[source].kind {
            PlannedKind::Column(column) => Some(column),
            PlannedKind::Result { .. } => None,
        }
    }

    /// The parts of an output's columns.
    pub(crate) fn parts(&self, output: usize) -> impl Iterator<Item = &PlannedPart> {
        let columns = self.outputs.get(output).into_iter().flatten();
        columns.flat_map(|c| &c.parts)
    }

    /// All forms: the functions' arguments, then the outputs.
    pub(crate) fn forms(&self) -> impl Iterator<Item = &WholeForm> {
        let arguments = self.functions.iter().map(|f| &f.operand);
        let parts = self.outputs.iter().flatten().flat_map(|o| &o.parts);
        arguments.chain(parts.map(|p| &p.form))
    }
}

/// A source that has been planned, and what is said of it.
struct Planned {
    kind: PlannedKind,
    /// The function, where the source is the first to read it.
    function: Option<PlannedFunction>,
    signal: Signal,
    certainty: Certainty,
}

struct Planner<'a> {
    given: Given<'a>,
    encodings: Vec<Encoding>,
    /// Of the sources that have been planned.
    signals: Vec<Signal>,
}

/// Plans a flattened program.
fn plan(flat: &Flat, target: Target) -> Result<Plan, PlanError> {
    let given = Given::new(flat, target);
    let mut planner = Planner {
        encodings: given.encodings()?,
        given,
        signals: vec![],
    };
    let mut sources = Vec::new();
    let mut functions = Vec::new();
    let mut bootstrapped = Vec::new();
    let mut certainty = Certainty::default();
    for (index, source) in flat.sources.all().iter().enumerate() {
        let planned = planner.source(index, source)?;
        let scale = planner.encodings[index].scale;
        planner.signals.push(planned.signal);
        certainty = certainty.and(planned.certainty);
        // Others are read from the rotation of the first.
        bootstrapped.extend(planned.function.as_ref().map(|function| Events {
            deviations: planned.certainty.deviations.unwrap_or(target.deviations),
            count: function.bootstraps(),
        }));
        functions.extend(planned.function);
        sources.push(PlannedSource {
            scale,
            kind: planned.kind,
        });
    }
    let outputs = flat
        .outputs
        .iter()
        .map(|columns| columns.iter().map(|f| planner.output(f)).collect())
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Plan {
        packing: packing(&functions, &outputs),
        slots: slots(flat),
        sources,
        functions,
        outputs,
        certainty,
        set: target.set,
        deviations: target.deviations,
        bootstrapped,
    })
}

/// Polynomials, where nothing is bootstrapped, each sum has one factor for all elements of a column, which
/// stay where they are, and a mask is shared at all.
fn packing(functions: &[PlannedFunction], outputs: &[Vec<PlannedOutput>]) -> Packing {
    let plain = |term: &WholeTerm| term.gather.is_none() && matches!(term.weight, Words::Scalar(_));
    let mut forms = outputs
        .iter()
        .flatten()
        .flat_map(|o| &o.parts)
        .map(|p| &p.form);
    let fits = forms.all(|form| form.length > 1 && form.terms.iter().all(plain));
    if functions.is_empty() && fits {
        Packing::Polynomials
    } else {
        Packing::Each
    }
}

fn slots(flat: &Flat) -> Vec<Vec<Option<usize>>> {
    let inputs = flat.columns.iter().enumerate();
    let slots = inputs.map(|(input, columns)| {
        let of_column = |wanted: usize| -> Vec<Option<usize>> {
            let sources = flat.sources.all().iter().enumerate();
            let found = sources.filter(|(_, s)| match s {
                Source::Column {
                    input: i, column, ..
                }
                | Source::Limb {
                    input: i, column, ..
                } => (*i, *column) == (input, wanted),
                Source::Function { .. } => false,
            });
            let found: Vec<_> = found.map(|(index, _)| Some(index)).collect();
            if found.is_empty() { vec![None] } else { found }
        };
        (0..*columns).flat_map(of_column).collect()
    });
    slots.collect()
}

impl Planner<'_> {
    fn source(&self, index: usize, source: &Source) -> Result<Planned, PlanError> {
        let (input, column, limb) = match source {
            Source::Function {
                function, operand, ..
            } => return self.function(index, function, operand),
            Source::Column { input, column, .. } => (*input, *column, None),
            Source::Limb {
                input,
                column,
                limb,
            } => (*input, *column, Some(*limb)),
        };
        let Encoding {
            scale,
            centre,
            grid,
        } = self.encodings[index];
        let signal = Signal {
            deviation: self.given.deviation(index),
            rounding: match limb {
                None => 0.5 * f64::from(grid as i32 - scale).exp2(),
                Some(limb) => limb.rounding(),
            },
            grid,
            blur: 0.0,
        };
        Ok(Planned {
            kind: PlannedKind::Column(PlannedColumn {
                input,
                column,
                limb,
                centre,
                grid,
            }),
            function: None,
            signal,
            certainty: Certainty::default(),
        })
    }
}
