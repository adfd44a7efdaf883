//! Programs: inputs, values, outputs.

use serde::{Deserialize, Serialize, Serializer};

use crate::ids::{InputId, OutputId, ValueId};
use crate::interval::Interval;
use crate::kind::OpKind;
use crate::op::Op;

/// Who holds something in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// A data owner; most protocols have one, number 0.
    Client(u32),
    /// The evaluating server.
    Server,
}

/// One column of an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// What it is, for messages.
    pub name: String,
    /// The values it may hold; a value outside is an error when it is encrypted.
    pub range: Interval,
}

/// An input: a table whose columns are encrypted, each as one vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// What it is, for messages.
    pub name: String,
    /// Who encrypts it.
    pub owner: Party,
    /// Elements of each column.
    pub length: usize,
    /// The columns; at least one.
    pub columns: Vec<Column>,
    /// The absolute error that an element may carry; schemes choose scales and bits by it.
    pub precision: f64,
}

/// An output: values that are decrypted together, as the columns of one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// What it is, for messages.
    pub name: String,
    /// Its columns, all of one length; at least one.
    pub values: Vec<ValueId>,
    /// The absolute error that the task can bear.
    pub precision: f64,
}

/// What a value's range rests on, beside the ranges of its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// Interval arithmetic.
    Derived,
    /// A proof that interval arithmetic cannot make: see [`ProgramBuilder::narrow`](crate::ProgramBuilder::narrow).
    Proven,
    /// The word of the program's author: see [`ProgramBuilder::assume`](crate::ProgramBuilder::assume).
    Stated,
}

impl Evidence {
    /// A program is written down with `assumed` alone: whoever reads it derives the ranges again, and sees
    /// which of them need a proof.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes fields by reference"
    )]
    fn assumed<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self == Self::Stated)
    }
}

/// One value: an operation, and what is known of its result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Value {
    pub(crate) op: Op,
    pub(crate) length: usize,
    pub(crate) range: Interval,
    #[serde(rename = "assumed", serialize_with = "Evidence::assumed")]
    pub(crate) evidence: Evidence,
}

impl Value {
    /// The operation that yields it.
    pub fn op(&self) -> &Op {
        &self.op
    }

    /// Its number of elements.
    pub fn length(&self) -> usize {
        self.length
    }

    /// An interval that holds every element.
    pub fn range(&self) -> Interval {
        self.range
    }

    /// Whether its range was stated by the program's author, beyond what follows from the inputs'
    /// ranges. The oracle holds every run to it. Lowering keeps it: a range that rests on such a
    /// statement and could not be derived without is stated, too.
    pub fn is_assumed(&self) -> bool {
        self.evidence == Evidence::Stated
    }
}

/// A checked program. Build one with [`ProgramBuilder`](crate::ProgramBuilder).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Program {
    pub(crate) name: String,
    pub(crate) inputs: Vec<Input>,
    pub(crate) values: Vec<Value>,
    pub(crate) outputs: Vec<Output>,
}

impl Program {
    /// What it computes, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The inputs, by [`InputId::index`].
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The outputs, by [`OutputId::index`].
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// The values in topological order, by [`ValueId::index`].
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The values with their identifiers, in topological order.
    pub fn iter(&self) -> impl Iterator<Item = (ValueId, &Value)> {
        self.values
            .iter()
            .enumerate()
            .map(|(i, v)| (ValueId::from_index(i), v))
    }

    /// One value.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.index()]
    }

    /// One input.
    pub fn input(&self, id: InputId) -> &Input {
        &self.inputs[id.index()]
    }

    /// One output.
    pub fn output(&self, id: OutputId) -> &Output {
        &self.outputs[id.index()]
    }

    /// The input called `name`.
    pub fn input_named(&self, name: &str) -> Option<InputId> {
        self.inputs
            .iter()
            .position(|i| i.name == name)
            .map(InputId::from_index)
    }

    /// The output called `name`.
    pub fn output_named(&self, name: &str) -> Option<OutputId> {
        self.outputs
            .iter()
            .position(|o| o.name == name)
            .map(OutputId::from_index)
    }

    /// Whether the range of each value was stated, or follows from one that was, by [`ValueId::index`].
    pub(crate) fn relies_on_statements(&self) -> Vec<bool> {
        let mut relies: Vec<bool> = Vec::with_capacity(self.values.len());
        for value in &self.values {
            let operands = value.op.operands();
            let of_operands = operands.iter().any(|v| relies[v.index()]);
            relies.push(value.is_assumed() || of_operands);
        }
        relies
    }

    /// How often each kind of operation occurs, inputs and constants left out.
    pub fn counts(&self) -> std::collections::BTreeMap<OpKind, usize> {
        let mut counts = std::collections::BTreeMap::new();
        for value in &self.values {
            let kind = value.op.kind();
            if !matches!(kind, OpKind::Input | OpKind::Constant) {
                *counts.entry(kind).or_default() += 1;
            }
        }
        counts
    }

    /// Whether one of these outputs depends on each value, by [`ValueId::index`].
    pub fn needed_for(&self, outputs: &[OutputId]) -> Vec<bool> {
        let mut needed = vec![false; self.values.len()];
        let read = outputs.iter().flat_map(|o| &self.output(*o).values);
        for value in read {
            needed[value.index()] = true;
        }
        // Operands stand before what reads them.
        for (index, value) in self.values.iter().enumerate().rev() {
            if needed[index] {
                for operand in value.op.operands() {
                    needed[operand.index()] = true;
                }
            }
        }
        needed
    }

    /// All outputs, in order.
    pub fn output_ids(&self) -> Vec<OutputId> {
        (0..self.outputs.len()).map(OutputId::from_index).collect()
    }

    /// How often each value is read, by operations and by outputs.
    pub fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.values.len()];
        let by_operations = self.values.iter().flat_map(|v| v.op.operands());
        let by_outputs = self.outputs.iter().flat_map(|o| o.values.iter().copied());
        for id in by_operations.chain(by_outputs) {
            uses[id.index()] += 1;
        }
        uses
    }
}
