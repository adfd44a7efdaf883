//! The plugin: what it can do, and how it chooses parameters.

use std::sync::Arc;

use hexperiment_program::OpKind;
use hexperiment_program::Refusal;
use hexperiment_program::lower::{Capabilities, LevelModel};
use hexperiment_scheme::inventory;
use hexperiment_scheme::options::{OptionKind, OptionSpec, OptionValue, Options};
use hexperiment_scheme::registry::SchemePlugin;
use hexperiment_scheme::security;
use hexperiment_scheme::security::failure::Failure;
use hexperiment_scheme::security::{Encryption, SecurityDemand};
use hexperiment_scheme::{
    Circuit, CircuitDigest, CompileRequest, OperationCounts, Parameters, Scheme, SchemeError,
    SchemeManifest,
};
use rug::Integer;

use crate::arithmetic::{Arithmetic, Step};
use crate::backend::Backend;
use crate::circuit::{PaillierCircuit, Shared};
use crate::comb::{FixedBase, WINDOW};
use crate::key::exponent_bits;
use crate::layout::Lanes;
use crate::memory;

inventory::submit! { SchemePlugin(&Paillier) }

/// Paillier's additive encryption.
pub struct Paillier;

/// Why products of two ciphertexts are refused.
pub(crate) const PRODUCT: &str = "Paillier is additive: two ciphertexts cannot be multiplied";
const COMPARISON: &str = "Paillier is additive: comparing needs products of ciphertexts";
const FUNCTION: &str = "Paillier is additive: a function of an encrypted value needs products of \
                        ciphertexts; at the very end of a program the client can apply it after \
                        decryption";

impl Scheme for Paillier {
    fn manifest(&self) -> SchemeManifest {
        SchemeManifest {
            name: "paillier",
            doc: "Paillier (1999), encrypted the way of Damgård, Jurik and Nielsen (2010): sums and \
                  public factors of signed fixed-point numbers, many of them in one ciphertext. \
                  Functions at the end of a program are left to the client.",
            library: format!(
                "GMP through rug (hexperiment {}); or paillier-rs 0.2.3",
                env!("CARGO_PKG_VERSION")
            ),
            options: vec![
                OptionSpec::new(
                    "modulus_bits",
                    OptionKind::Integer {
                        min: 256,
                        max: 16384,
                    },
                    "Bits of the modulus, a multiple of 16; chosen from the security demanded if \
                     left out (3072 for 128 bits).",
                )
                .rule(multiple_of_16),
                OptionSpec::flag(
                    "packing",
                    true,
                    "Many elements in one ciphertext, where all factors are one number for a whole \
                     vector; otherwise one element to a ciphertext.",
                ),
                OptionSpec::integer(
                    "guard_bits",
                    0..=256,
                    4,
                    "Fixed point: bits beyond those at which all roundings together meet the \
                     precision wanted; each halves the error and widens the lanes.",
                ),
                OptionSpec::choice(
                    "backend",
                    Backend::Gmp,
                    "The library that encrypts, evaluates and decrypts; `paillier-rs` is the slow \
                     reference.",
                ),
            ],
        }
    }

    fn capabilities(&self, _: &Options) -> Result<Capabilities, SchemeError> {
        use OpKind::{
            Abs, Add, And, Compare, Constant, Lookup, Max, Min, Mul, Neg, Offset, Pick, Polynomial,
            Relu, Scale, Select, Shift, Sigmoid, Sign, Square, Step, Sub, Sum, WeightedSum,
        };
        let products = [Mul, Square, And, Select].map(|kind| (kind, PRODUCT));
        let comparisons = [Max, Min, Compare].map(|kind| (kind, COMPARISON));
        let functions = [Polynomial, Sigmoid, Step, Sign, Relu, Abs, Lookup];
        Ok(Capabilities {
            native: [
                Constant,
                Add,
                Sub,
                Neg,
                Offset,
                Scale,
                WeightedSum,
                Shift,
                Sum,
                Pick,
            ]
            .into(),
            vector_factors: true,
            approximation: None,
            levels: LevelModel::None,
            client_finishes: true,
            missing: products
                .into_iter()
                .chain(comparisons)
                .chain(functions.map(|kind| (kind, FUNCTION)))
                .collect(),
            missing_otherwise: PRODUCT,
        })
    }

    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        Ok(Box::new(self.circuit(request)?))
    }
}

impl Paillier {
    /// As [`Scheme::compile`].
    pub(crate) fn circuit(
        &self,
        request: CompileRequest<'_>,
    ) -> Result<PaillierCircuit, SchemeError> {
        let options = request.options;
        let modulus_bits = modulus_bits(options, request.security)?;
        let guard_bits = options.integer("guard_bits")? as u32;
        let backend: Backend = options.choice("backend")?;
        let encryption = backend.encryption(request.security.encryption);
        // Messages lie between -n/2 and n/2, and n is above 2^(bits - 1).
        let message_bits = modulus_bits - 2;
        let lowered = request.lowered.clone();
        let arithmetic = Arithmetic::new(lowered.program(), guard_bits, message_bits)?;
        let unpacked = if options.flag("packing")? {
            arithmetic
                .nodes
                .iter()
                .find_map(|n| n.step.needs_elements())
        } else {
            Some("packing is off")
        };
        let layout = Lanes::new(unpacked.is_none(), arithmetic.signed_bits(), message_bits);
        let outputs = lowered.program().outputs();
        let parameters = Parameters {
            security: security::factoring(modulus_bits),
            chosen: chosen(
                &arithmetic,
                layout,
                unpacked,
                modulus_bits,
                backend,
                encryption,
            ),
            depth: 0,
            counts: counts(&arithmetic, layout),
            server_sees: "the program with its public numbers, sizes; ciphertexts otherwise".into(),
            encryption: Some(encryption),
            quantisation: Some(quantisation(&arithmetic, guard_bits)),
            // The integer arithmetic is exact, and read the same way on both sides; no integer is
            // larger than its message has room for, as the program's ranges are proven.
            noise_tolerance: vec![0.0; outputs.len()],
            failure: Failure::Impossible,
            shortfalls: vec![],
            layouts: vec![],
            memory_bytes: Some(memory::bytes(
                &arithmetic,
                layout,
                modulus_bits,
                backend,
                request.threads,
            )),
        };
        let waves = waves(&arithmetic);
        let library = self.manifest().library;
        Ok(PaillierCircuit {
            digest: CircuitDigest::of(&library, &request, &parameters.chosen)?,
            shared: Arc::new(Shared {
                lowered,
                arithmetic,
                layout,
                modulus_bits,
                waves,
            }),
            backend,
            encryption,
            parameters,
        })
    }
}

/// What the modulus' size must keep: both primes have as many whole bytes.
fn multiple_of_16(value: &OptionValue) -> Result<(), String> {
    match value {
        OptionValue::Integer(bits) if bits % 16 != 0 => {
            let near = (bits + 8) / 16 * 16;
            Err(format!(
                "found {bits}, expected a multiple of 16, as {near}"
            ))
        }
        _ => Ok(()),
    }
}

fn modulus_bits(options: &Options, demand: SecurityDemand) -> Result<u32, SchemeError> {
    let default = security::factoring_modulus_bits(demand.level());
    let bits = match options.get("modulus_bits") {
        Some(_) => options.integer("modulus_bits")? as u32,
        None => default,
    };
    let found = security::factoring(bits);
    if found.bits() < demand.bits && !demand.insecure {
        let reason = format!(
            "{} bits demanded, but {} gives {}; leave `modulus_bits` out for {default}, or say \
             `insecure = true`",
            demand.bits,
            found.basis(),
            found.bits()
        );
        return Err(Refusal::because("security", reason).into());
    }
    Ok(bits)
}

/// Groups the nodes that compute so that each reads inputs and earlier groups only.
fn waves(arithmetic: &Arithmetic) -> Vec<Vec<usize>> {
    let mut depths: Vec<usize> = Vec::with_capacity(arithmetic.nodes.len());
    let mut waves: Vec<Vec<usize>> = vec![];
    for (index, node) in arithmetic.nodes.iter().enumerate() {
        let deepest = node.step.operands().into_iter().map(|v| depths[v]).max();
        let computes = !matches!(node.step, Step::Input { .. });
        // Inputs have depth 0, the first group depth 1.
        let depth = deepest.unwrap_or(0) + usize::from(computes);
        depths.push(depth);
        if computes {
            waves.resize(waves.len().max(depth), vec![]);
            waves[depth - 1].push(index);
        }
    }
    waves
}

fn counts(arithmetic: &Arithmetic, layout: Lanes) -> OperationCounts {
    let mut counts = OperationCounts::default();
    for node in &arithmetic.nodes {
        let chunks = layout.chunks(node.length);
        match &node.step {
            Step::Linear { terms, .. } => {
                for chunk in 0..chunks {
                    let element = layout.elements(chunk, node.length).start;
                    let factors = terms.iter().map(|(_, c)| c.at(element));
                    let factors: Vec<&Integer> = factors.filter(|k| !k.is_zero()).collect();
                    let real = factors.iter().filter(|k| k.significant_bits() > 1).count();
                    counts.plain_multiplications += real as u64;
                    counts.additions += factors.len().saturating_sub(1) as u64;
                }
            }
            Step::Sum { group, .. } => counts.additions += (chunks * (group - 1)) as u64,
            Step::Input { .. } | Step::Move { .. } => {}
        }
    }
    counts
}

fn chosen(
    arithmetic: &Arithmetic,
    layout: Lanes,
    unpacked: Option<&str>,
    modulus_bits: u32,
    backend: Backend,
    encryption: Encryption,
) -> Vec<(String, String)> {
    let packing = match unpacked {
        None => format!("{} lanes of {} bits", layout.lanes, layout.lane_bits),
        Some(why) => format!(
            "one element of at most {} bits to a ciphertext: {why}",
            layout.lane_bits
        ),
    };
    let columns = arithmetic.columns.iter().flatten();
    let inputs = span(columns.map(|c| c.fraction_bits));
    let values = span(arithmetic.nodes.iter().map(|n| n.code.fraction_bits));
    let encryption = match backend {
        Backend::Gmp => {
            let exponent = exponent_bits(modulus_bits);
            let table = FixedBase::table_bytes(exponent, 2 * modulus_bits) as f64 / 1e6;
            match encryption {
                Encryption::Public => format!(
                    "Damgård-Jurik-Nielsen, exponents of {exponent} bits, windows of {WINDOW}, a table of \
                     {table:.1} MB"
                ),
                // Two tables, of numbers that are half as long.
                Encryption::Owner => format!(
                    "modulo both primes' squares, full exponents, windows of {WINDOW}, tables of {table:.1} MB"
                ),
            }
        }
        Backend::PaillierRs => "r^n with r below n".into(),
    };
    let backend: &'static str = backend.into();
    [
        ("modulus", format!("{modulus_bits} bits")),
        ("packing", packing),
        ("fractional bits of inputs", inputs),
        ("fractional bits of all values", values),
        ("encryption", encryption),
        ("backend", backend.into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn quantisation(arithmetic: &Arithmetic, guard_bits: u32) -> String {
    let columns = arithmetic.columns.iter().flatten();
    format!(
        "signed fixed point, inputs with {} fractional bits, exact sums; all roundings together \
         below 2^-{guard_bits} of the precision wanted",
        span(columns.map(|c| c.fraction_bits))
    )
}

/// The least and the greatest, in words.
fn span(numbers: impl Iterator<Item = u32>) -> String {
    let (low, high) = numbers.fold((u32::MAX, 0), |(l, h), n| (l.min(n), h.max(n)));
    if low >= high {
        high.to_string()
    } else {
        format!("{low} to {high}")
    }
}
