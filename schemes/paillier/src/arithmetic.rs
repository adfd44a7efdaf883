//! The program on integers: scales, coefficients and proven bounds.

use hexperiment_program::Refusal;
use hexperiment_program::{Op, Program, Public, ValueId};
use rug::Integer;

use crate::fixed_point::{bits_for, exact_bits};
use crate::numbers::{Bounds, Code, Numbers};
use crate::sensitivity::Sensitivity;

/// What a value is computed from.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A column of an input.
    Input { input: usize, column: usize },
    /// `sum of coefficient * value, + bias`; perhaps without terms.
    Linear {
        terms: Vec<(usize, Numbers)>,
        bias: Numbers,
    },
    /// Element `k` is element `k * stride + offset` of the operand, modulo its length.
    Move {
        value: usize,
        stride: usize,
        offset: usize,
    },
    /// Element `k` is the sum of elements `k * group` to `(k + 1) * group - 1`.
    Sum { value: usize, group: usize },
}

impl Step {
    /// The nodes that it reads.
    pub(crate) fn operands(&self) -> Vec<usize> {
        match self {
            Self::Input { .. } => vec![],
            Self::Linear { terms, .. } => terms.iter().map(|(v, _)| *v).collect(),
            Self::Move { value, .. } | Self::Sum { value, .. } => vec![*value],
        }
    }

    /// Whether elements meet, move or have factors of their own: then each needs a ciphertext
    /// of its own. The reason, for the report.
    pub(crate) fn needs_elements(&self) -> Option<&'static str> {
        match self {
            Self::Linear { terms, .. } if terms.iter().any(|(_, c)| !c.is_same()) => {
                Some("factors differ from element to element")
            }
            Self::Move { .. } => Some("elements change places"),
            Self::Sum { .. } => Some("elements are summed"),
            _ => None,
        }
    }
}

/// A vector of integers.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) step: Step,
    pub(crate) length: usize,
    pub(crate) code: Code,
}

/// A linear program on integers; nodes are the program's values, by index.
pub(crate) struct Arithmetic {
    pub(crate) nodes: Vec<Node>,
    /// Scale and bounds of each input column, by input and column.
    pub(crate) columns: Vec<Vec<Code>>,
}

impl Arithmetic {
    /// Chooses scales for a lowered program, so that all roundings together stay below
    /// `2^-guard_bits` of each output's wanted precision and each input element's rounding below
    /// its input's. Refuses values that need more than `message_bits`.
    pub(crate) fn new(
        program: &Program,
        guard_bits: u32,
        message_bits: u32,
    ) -> Result<Self, Refusal> {
        let mut builder = Builder {
            program,
            sensitivity: Sensitivity::analyse(program, guard_bits),
            message_bits,
            nodes: Vec::with_capacity(program.values().len()),
            columns: vec![],
        };
        builder.columns = builder.columns()?;
        for (id, value) in program.iter() {
            let node = builder.node(id, value.op())?;
            builder.nodes.push(node);
        }
        Ok(Self {
            nodes: builder.nodes,
            columns: builder.columns,
        })
    }

    /// The bits, with a sign, that every encrypted number fits.
    pub(crate) fn signed_bits(&self) -> u32 {
        let columns = self.columns.iter().flatten().map(|c| &c.bounds);
        let all = columns.chain(self.nodes.iter().map(|n| &n.code.bounds));
        all.map(Bounds::signed_bits).max().unwrap_or(1)
    }

    /// Every value on integer inputs, given by input and column.
    pub(crate) fn in_clear(&self, inputs: &[Vec<Vec<Integer>>]) -> Vec<Vec<Integer>> {
        let mut values: Vec<Vec<Integer>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let element = |k: usize| match &node.step {
                Step::Input { input, column } => inputs[*input][*column][k].clone(),
                Step::Linear { terms, bias } => {
                    terms.iter().fold(bias.at(k).clone(), |sum, (v, c)| {
                        sum + Integer::from(&values[*v][k] * c.at(k))
                    })
                }
                Step::Move {
                    value,
                    stride,
                    offset,
                } => values[*value][(k * stride + offset) % values[*value].len()].clone(),
                Step::Sum { value, group } => {
                    values[*value][k * group..(k + 1) * group].iter().sum()
                }
            };
            let result = (0..node.length).map(element).collect();
            values.push(result);
        }
        values
    }
}

struct Builder<'a> {
    program: &'a Program,
    sensitivity: Sensitivity,
    message_bits: u32,
    nodes: Vec<Node>,
    columns: Vec<Vec<Code>>,
}

impl Builder<'_> {
    /// The bits at which an error, of which each unit weighs `sensitivity`, can be borne.
    fn bits(&self, sensitivity: f64) -> Result<u32, Refusal> {
        bits_for(self.sensitivity.error(sensitivity)).ok_or_else(|| {
            Refusal::because(
                "precision",
                "the outputs want more than 4096 fractional bits of some value; ask for less",
            )
        })
    }

    fn columns(&self) -> Result<Vec<Vec<Code>>, Refusal> {
        let mut weights: Vec<Vec<f64>> = self
            .program
            .inputs()
            .iter()
            .map(|input| vec![0.0; input.columns.len()])
            .collect();
        for (id, value) in self.program.iter() {
            if let Op::Input { input, column } = value.op() {
                weights[input.index()][*column] += self.sensitivity.of(id);
            }
        }
        self.program
            .inputs()
            .iter()
            .zip(weights)
            .map(|(input, weights)| {
                let declared = bits_for(input.precision).unwrap_or(0);
                let codes = input.columns.iter().zip(weights).map(|(column, weight)| {
                    let fraction_bits = self.bits(weight)?.max(declared);
                    let bounds = Bounds::of_range(column.range, fraction_bits);
                    self.check(&bounds, &format!("input column `{}`", column.name))?;
                    Ok(Code {
                        fraction_bits,
                        bounds,
                    })
                });
                codes.collect()
            })
            .collect()
    }

    fn check(&self, bounds: &Bounds, what: &str) -> Result<(), Refusal> {
        let bits = bounds.signed_bits();
        if bits <= self.message_bits {
            return Ok(());
        }
        Err(Refusal::because(
            "message space",
            format!(
                "{what} needs {bits} bits with its scale and sign, the modulus carries {}; ask for \
                 less precision, declare tighter ranges or set a larger `modulus_bits`",
                self.message_bits
            ),
        ))
    }

    fn node(&self, id: ValueId, op: &Op) -> Result<Node, Refusal> {
        let one = Public::Scalar(1.0);
        let none = Public::Scalar(0.0);
        let node = match op {
            Op::Input { input, column } => {
                let code = self.columns[input.index()][*column].clone();
                Node {
                    step: Step::Input {
                        input: input.index(),
                        column: *column,
                    },
                    length: self.program.value(id).length(),
                    code,
                }
            }
            Op::Constant(numbers) => self.linear(id, &[], numbers)?,
            Op::Add(a, b) => self.linear(id, &[(*a, &one), (*b, &one)], &none)?,
            Op::Sub(a, b) => self.linear(id, &[(*a, &one), (*b, &Public::Scalar(-1.0))], &none)?,
            Op::Neg(a) => self.linear(id, &[(*a, &Public::Scalar(-1.0))], &none)?,
            Op::Offset { value, by } => self.linear(id, &[(*value, &one)], by)?,
            Op::Scale { value, by } => self.linear(id, &[(*value, by)], &none)?,
            Op::WeightedSum { terms, bias } => {
                let terms: Vec<_> = terms.iter().map(|(v, w)| (*v, w)).collect();
                self.linear(id, &terms, bias)?
            }
            Op::Shift { value, by } => {
                let length = self.program.value(*value).length() as i64;
                self.moved(id, *value, 1, by.rem_euclid(length) as usize)
            }
            Op::Pick { value, stride } => self.moved(id, *value, *stride, 0),
            Op::Sum { value, group } => {
                let operand = &self.nodes[value.index()].code;
                let count = Bounds::point(Integer::from(*group));
                Node {
                    step: Step::Sum {
                        value: value.index(),
                        group: *group,
                    },
                    length: self.program.value(id).length(),
                    code: Code {
                        fraction_bits: operand.fraction_bits,
                        bounds: operand.bounds.times(&count),
                    },
                }
            }
            op => {
                // Lowering has refused them already.
                let reason = crate::scheme::PRODUCT;
                return Err(Refusal::of(op.kind(), reason));
            }
        };
        self.check(&node.code.bounds, &format!("{id} ({})", op.kind()))?;
        Ok(node)
    }

    fn moved(&self, id: ValueId, value: ValueId, stride: usize, offset: usize) -> Node {
        let operand = &self.nodes[value.index()];
        Node {
            step: Step::Move {
                value: value.index(),
                stride,
                offset,
            },
            length: self.program.value(id).length(),
            code: operand.code.clone(),
        }
    }

    /// The terms come to one scale, the coarsest that none of their weights nor the bias finds
    /// too coarse.
    fn linear(
        &self,
        id: ValueId,
        terms: &[(ValueId, &Public)],
        bias: &Public,
    ) -> Result<Node, Refusal> {
        let here = self.sensitivity.of(id);
        let length = self.program.value(id).length();
        let mut scale = self.fraction(bias, here)?;
        for (value, weight) in terms {
            let operand = &self.nodes[value.index()].code;
            let magnitude = self.program.value(*value).range().magnitude();
            let bits = self.fraction(weight, here * magnitude)?;
            scale = scale.max(operand.fraction_bits + bits);
        }
        if scale > self.message_bits {
            let reason = format!(
                "{id} needs {scale} fractional bits, the modulus carries {}; every product adds its \
                 factor's: ask for less precision, fold consecutive factors into one or set a \
                 larger `modulus_bits`",
                self.message_bits
            );
            return Err(Refusal::because("message space", reason));
        }
        let bias = Numbers::encode(bias, scale);
        let mut bounds = bias.bounds();
        let mut coded: Vec<(usize, Numbers)> = Vec::with_capacity(terms.len());
        for (value, weight) in terms {
            let operand = &self.nodes[value.index()].code;
            let numbers = Numbers::encode(weight, scale - operand.fraction_bits);
            bounds = bounds.plus(&numbers.bounds().times(&operand.bounds));
            coded.push((value.index(), numbers));
        }
        Ok(Node {
            step: Step::Linear { terms: coded, bias },
            length,
            code: Code {
                fraction_bits: scale,
                bounds,
            },
        })
    }

    /// The fractional bits that public numbers need where each unit of error weighs
    /// `sensitivity`; not more than hold them exactly.
    fn fraction(&self, numbers: &Public, sensitivity: f64) -> Result<u32, Refusal> {
        let exact = numbers.values().iter().map(|x| exact_bits(*x)).max();
        let exact = exact.unwrap_or(0);
        if exact == 0 {
            return Ok(0);
        }
        Ok(exact.min(self.bits(sensitivity)?))
    }
}
