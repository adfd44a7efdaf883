//! Evaluating a program on ciphertexts.

mod sums;

use std::collections::BTreeMap;
use std::sync::Arc;

use hexperiment_program::{Op, OutputId, Program, Public, ValueId};
use hexperiment_scheme::{Ciphertexts, Evaluator, SchemeError};

use crate::circuit::Shared;
use crate::encoded::{Encoded, Scaling};
use crate::layout::SlotLayout;
use crate::parallel::Threads;
use crate::schedule;
use crate::seal::{self, Ciphertext};
use crate::sealed::Sealed;

/// The rotations that a program needs, each once.
pub(crate) fn rotation_steps(program: &Program, layout: &SlotLayout) -> Vec<i32> {
    let mut steps: Vec<i32> = program
        .iter()
        .filter_map(|(id, _)| rotation(program, layout, id))
        .collect();
    steps.sort_unstable();
    steps.dedup();
    steps.retain(|s| *s != 0);
    steps
}

/// The rotations that a program needs, each with the level of the first ciphertexts that it turns.
pub(crate) fn rotation_levels(
    program: &Program,
    layout: &SlotLayout,
    levels: &[usize],
) -> BTreeMap<i32, usize> {
    let mut first: BTreeMap<i32, usize> = BTreeMap::new();
    for (id, _) in program.iter() {
        let steps = rotation(program, layout, id).filter(|steps| *steps != 0);
        if let Some(steps) = steps {
            let level = levels[id.index()];
            let known = first.entry(steps).or_insert(level);
            *known = level.min(*known);
        }
    }
    first
}

/// The rotation of one value, if it is a shift.
pub(crate) fn rotation(program: &Program, layout: &SlotLayout, id: ValueId) -> Option<i32> {
    let value = program.value(id);
    let Op::Shift { by, .. } = value.op() else {
        return None;
    };
    let stride = layout.stride(id.index());
    let steps = layout.moves().rotation(*by, value.length(), stride);
    i32::try_from(steps).ok()
}

/// The server's role: the context, evaluation keys, the public key, under which it encrypts
/// public numbers where an operation may need a ciphertext, and the public numbers encoded.
pub(crate) struct CkksEvaluator {
    shared: Arc<Shared>,
    seal: seal::Evaluator,
    public: Option<seal::Encryptor>,
    switching: SwitchingKeys,
    pub(crate) encoded: Encoded,
    /// How many threads share an evaluation.
    threads: Threads,
}

/// The keys that switch.
pub(crate) struct SwitchingKeys {
    /// Where there are products of ciphertexts.
    pub(crate) relinearization: Option<seal::SwitchKeys>,
    /// One for each rotation, by its steps.
    pub(crate) galois: BTreeMap<i32, seal::SwitchKeys>,
}

/// The ciphertexts of one value's chunks, and their level.
#[derive(Clone)]
struct Vector {
    chunks: Vec<Arc<Ciphertext>>,
    level: usize,
}

/// The operands of an operation, by the values they are.
type Operands<'a> = dyn Fn(&ValueId) -> Result<&'a Vector, SchemeError> + 'a;
type Chunk = Result<Ciphertext, SchemeError>;

impl CkksEvaluator {
    /// Encodes the program's public numbers, and keeps as many bytes of them as the budget allows.
    pub(crate) fn new(
        shared: Arc<Shared>,
        public: Option<seal::Encryptor>,
        switching: SwitchingKeys,
        threads: Threads,
        budget: u64,
    ) -> Result<Self, SchemeError> {
        Ok(Self {
            seal: seal::Evaluator::new(&shared.context)?,
            encoded: Encoded::new(&shared, budget)?,
            threads,
            shared,
            public,
            switching,
        })
    }

    fn last(&self) -> usize {
        self.shared.context.levels().len() - 1
    }

    /// Brings a ciphertext from one level down to another, to exactly its scale: by a product
    /// with 1, encoded at the scale that makes up the difference.
    fn lower(&self, from: usize, to: usize, ciphertext: &Ciphertext) -> Chunk {
        let shared = &self.shared;
        let before = shared.context.levels()[to - 1];
        let switched = self.seal.switch_to(ciphertext, before)?;
        let one = self
            .encoded
            .scalar(shared, 1.0, to - 1, Scaling::Lowering { from })?;
        self.rescaled(&self.seal.multiply_plain(&switched, &one)?, to)
    }

    /// Rescales to `level` and takes its scale, which differs in rounding only.
    fn rescaled(&self, product: &Ciphertext, level: usize) -> Chunk {
        let mut result = self.seal.rescale(product)?;
        result.settle_scale(self.shared.scales[level])?;
        Ok(result)
    }

    fn at_level(&self, vector: &Vector, level: usize) -> Result<Vector, SchemeError> {
        if vector.level == level {
            return Ok(vector.clone());
        }
        let lower = |c: &Arc<Ciphertext>| self.lower(vector.level, level, c).map(Arc::new);
        let chunks = self.threads.try_map(&vector.chunks, lower)?;
        Ok(Vector { chunks, level })
    }

    fn each(
        &self,
        level: usize,
        chunks: usize,
        f: impl Fn(usize) -> Chunk + Send + Sync,
    ) -> Result<Vector, SchemeError> {
        let chunks = self.threads.try_each(chunks, |k| f(k).map(Arc::new))?;
        Ok(Vector { chunks, level })
    }

    /// 0 as a ciphertext of `level`.
    fn zero(&self, level: usize) -> Chunk {
        let plain = self
            .encoded
            .scalar(&self.shared, 0.0, level, Scaling::Value)?;
        self.encrypt(&plain)
    }

    /// Public numbers as a ciphertext.
    fn encrypt(&self, plain: &seal::Plaintext) -> Chunk {
        let public = self.public.as_ref();
        Ok(public
            .ok_or_else(|| missing_key("public"))?
            .encrypt(plain)?)
    }

    /// 0 as a value of `level` that is left open.
    fn open_zero(&self, level: usize) -> Chunk {
        let shared = &self.shared;
        let (above, scale) = (shared.context.levels()[level - 1], shared.scales[level - 1]);
        let plain = shared.encoder.encode_scalar(0.0, above, scale * scale)?;
        self.encrypt(&plain)
    }

    /// A product, or a sum of products: as it is, where the value is left open.
    fn closed(&self, id: ValueId, product: Ciphertext) -> Chunk {
        if self.shared.open[id.index()] {
            return Ok(product);
        }
        self.relinearized(product, self.shared.levels[id.index()])
    }

    fn relinearized(&self, product: Ciphertext, level: usize) -> Chunk {
        let keys = self.switching.relinearization.as_ref();
        let keys = keys.ok_or_else(|| missing_key("relinearization"))?;
        self.rescaled(&self.seal.relinearize(product, keys)?, level)
    }

    fn apply(&self, id: ValueId, get: &Operands<'_>) -> Result<Vector, SchemeError> {
        let shared = &self.shared;
        let program = shared.lowered.program();
        let value = program.value(id);
        let level = shared.levels[id.index()];
        match value.op() {
            Op::Constant(by) => {
                let stride = shared.layout.stride(id.index());
                let chunks = shared.layout.chunks(value.length() * stride);
                self.each(level, chunks, |k| {
                    let plain = self
                        .encoded
                        .at(shared, (id, 0, k), by, level, Scaling::Value)?;
                    match plain {
                        Some(plain) => self.encrypt(&plain),
                        None => self.zero(level),
                    }
                })
            }
            Op::Add(a, b) => self.added(id, (*a, *b), get, false),
            Op::Sub(a, b) => self.added(id, (*a, *b), get, true),
            Op::Neg(a) => {
                let v = get(a)?;
                self.each(v.level, v.chunks.len(), |k| {
                    Ok(self.seal.negate(&v.chunks[k])?)
                })
            }
            Op::Offset { value: a, by } => {
                let v = get(a)?;
                self.each(v.level, v.chunks.len(), |k| {
                    let plain = self
                        .encoded
                        .at(shared, (id, 0, k), by, v.level, Scaling::Value)?;
                    let plain = match plain {
                        Some(plain) => plain,
                        None => self.encoded.scalar(shared, 0.0, v.level, Scaling::Value)?,
                    };
                    Ok(self.seal.add_plain(&v.chunks[k], &plain)?)
                })
            }
            Op::Scale { value: a, by } => {
                self.weighted_sum(id, &[(get(a)?, by)], &Public::Scalar(0.0))
            }
            Op::WeightedSum { terms, bias } => {
                let terms = terms
                    .iter()
                    .map(|(v, w)| get(v).map(|v| (v, w)))
                    .collect::<Result<Vec<_>, _>>()?;
                self.weighted_sum(id, &terms, bias)
            }
            Op::Mul(a, b) => {
                let v = [
                    self.at_level(get(a)?, level - 1)?,
                    self.at_level(get(b)?, level - 1)?,
                ];
                self.each(level, v[0].chunks.len(), |k| {
                    self.closed(id, self.seal.multiply(&v[0].chunks[k], &v[1].chunks[k])?)
                })
            }
            Op::Square(a) => {
                let v = self.at_level(get(a)?, level - 1)?;
                self.each(level, v.chunks.len(), |k| {
                    self.closed(id, self.seal.square(&v.chunks[k])?)
                })
            }
            Op::Shift { value: a, .. } => {
                let v = get(a)?;
                let steps = rotation(program, &shared.layout, id).unwrap_or(0);
                if steps == 0 {
                    return Ok(v.clone());
                }
                let keys = self.switching.galois.get(&steps);
                let keys = keys.ok_or_else(|| missing_key("Galois"))?;
                self.each(v.level, v.chunks.len(), |k| {
                    Ok(self.seal.rotate(&v.chunks[k], steps, keys)?)
                })
            }
            Op::Pick { value: a, .. } => Ok(get(a)?.clone()),
            op => Err(SchemeError::Library {
                library: "seal-ckks",
                operation: op.kind().name().into(),
                message: "lowering left an operation that this scheme does not have".into(),
            }),
        }
    }
}

/// The result of an operation, if it is a ciphertext: `None` is 0 for all to see, as of `x - x`.
fn unless_transparent(
    result: Result<Ciphertext, seal::SealError>,
) -> Result<Option<Ciphertext>, SchemeError> {
    match result {
        Ok(ciphertext) => Ok(Some(ciphertext)),
        Err(error) if error.is_transparent() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn missing_key(which: &str) -> SchemeError {
    SchemeError::Library {
        library: "seal-ckks",
        operation: "evaluate".into(),
        message: format!("there is no {which} key"),
    }
}

fn missing_value(value: ValueId) -> SchemeError {
    SchemeError::Foreign(format!("{value} was not given"))
}

impl Evaluator for CkksEvaluator {
    fn evaluate(&self, inputs: &[Ciphertexts]) -> Result<Vec<Ciphertexts>, SchemeError> {
        self.evaluate_only(inputs, &self.shared.lowered.program().output_ids())
    }

    fn evaluate_only(
        &self,
        inputs: &[Ciphertexts],
        wanted: &[OutputId],
    ) -> Result<Vec<Ciphertexts>, SchemeError> {
        let shared = &self.shared;
        let program = shared.lowered.program();
        if inputs.len() != program.inputs().len() {
            let (found, expected) = (inputs.len(), program.inputs().len());
            return Err(SchemeError::Foreign(format!(
                "{found} inputs, expected {expected}"
            )));
        }
        let sealed = inputs
            .iter()
            .map(Sealed::of)
            .collect::<Result<Vec<_>, _>>()?;
        for (given, declared) in sealed.iter().zip(program.inputs()) {
            let chunks = shared.layout.chunks(declared.length);
            let fits = given.columns.len() == declared.columns.len()
                && given.columns.iter().all(|c| c.len() == chunks);
            if !fits {
                return Err(SchemeError::Foreign(format!(
                    "input `{}` has another shape",
                    declared.name
                )));
            }
            if given.level != 0 {
                return Err(SchemeError::Foreign(format!(
                    "input `{}` is a result: its levels are spent",
                    declared.name
                )));
            }
        }
        let values = schedule::run(program, wanted, self.threads, |id, operands| {
            if let Op::Input { input, column } = program.value(id).op() {
                let chunks = sealed[input.index()].columns[*column].clone();
                return Ok(Vector { chunks, level: 0 });
            }
            let get = |v: &ValueId| {
                let found = operands.iter().find(|(id, _)| id == v);
                found
                    .map(|(_, vector)| &**vector)
                    .ok_or_else(|| missing_value(*v))
            };
            self.apply(id, &get)
        })?;
        wanted
            .iter()
            .map(|output| {
                let columns = program
                    .output(*output)
                    .values
                    .iter()
                    .map(|v| {
                        let vector = values[v.index()]
                            .as_ref()
                            .ok_or_else(|| missing_value(*v))?;
                        // A small ciphertext travels and decodes fastest. Its scale stays that of
                        // the level where it was computed, which whoever decrypts goes by.
                        let last = shared.context.levels()[self.last()];
                        self.threads.try_map(&vector.chunks, |c| {
                            Ok::<_, SchemeError>(Arc::new(self.seal.switch_to(c, last)?))
                        })
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(Ciphertexts::new(Sealed {
                    shared: Arc::clone(shared),
                    level: self.last(),
                    columns,
                }))
            })
            .collect()
    }
}
