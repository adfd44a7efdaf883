//! What a circuit needs of memory, before any of it is taken.
//!
//! Counted in polynomials modulo one prime: `N` residues of 8 bytes each. The counts follow SEAL 4.0's
//! own allocations (`context.cpp`, `util/rns.cpp`, `util/ntt.cpp`, `keygenerator.cpp`,
//! `evaluator.cpp`) and ours; what HEXL keeps for each prime is an assumption. Two cells were held
//! against it, at N = 16384 with HEXL and two threads: with 5 primes 158 MiB are counted and 188 MiB
//! were allocated, with 8 primes 259 and 316 MiB. Pools and the allocator keep the rest: [`MARGIN`].

use hexperiment_program::lower::Lowered;
use hexperiment_program::{Op, OpKind, Program, ValueId};

use crate::encoded;
use crate::evaluate::rotation_steps;
use crate::layout::SlotLayout;
use crate::lazy;
use crate::parameters::Choice;
use crate::schedule;

/// Polynomials of one table for the number-theoretic transform: powers of the root and of its
/// inverse, each beside its quotient.
const TRANSFORM: u64 = 4;
/// Polynomials that HEXL keeps for each prime, for as long as the process lives: assumed.
const HEXL_TRANSFORM: u64 = if cfg!(feature = "hexl") { 24 } else { 0 };
/// Polynomials of the encoder: complex roots, their inverses, and where slots lie.
const ENCODER: u64 = 5;
/// What is demanded for what is counted, as a fraction: a quarter more than was allocated in the
/// cells that were measured.
const MARGIN: (u64, u64) = (3, 2);
/// The stack of a thread of the schedule.
const STACK: u64 = 2 << 20;

/// Sizes that all depends on.
struct Sizes<'a> {
    lowered: &'a Lowered,
    layout: &'a SlotLayout,
    levels: Vec<usize>,
    /// Values that are left open.
    open: Vec<bool>,
    /// Primes of a fresh ciphertext.
    primes: u64,
    threads: u64,
}

/// Bytes for tables, keys, the program's numbers as plaintexts, and the ciphertexts and scratch space
/// of one evaluation.
pub(crate) fn bytes(
    lowered: &Lowered,
    layout: &SlotLayout,
    choice: &Choice,
    threads: usize,
) -> u64 {
    let levels = schedule::levels(lowered);
    let sizes = Sizes {
        lowered,
        layout,
        open: lazy::open(lowered.program(), &levels),
        levels,
        primes: u64::from(choice.depth) + 1,
        threads: threads.max(1) as u64,
    };
    let polynomials = sizes.tables() + sizes.keys() + sizes.ciphertexts();
    let polynomial = 8_u64 << choice.log_n;
    let encoded = encoded::bytes(
        sizes.program(),
        layout,
        &sizes.levels,
        sizes.primes,
        polynomial,
    );
    let counted = polynomials
        .saturating_mul(polynomial)
        .saturating_add(encoded)
        .saturating_add(STACK.saturating_mul(sizes.threads));
    counted.saturating_mul(MARGIN.0) / MARGIN.1
}

impl Sizes<'_> {
    fn program(&self) -> &Program {
        self.lowered.program()
    }

    /// For every level, and for the keys: transforms of its primes, and of the primes of BFV's
    /// auxiliary base, which SEAL makes for CKKS too, at most two more than those.
    fn tables(&self) -> u64 {
        let all = self.primes + 1;
        let transforms: u64 = (1..=all).map(|m| 2 * m + 2).sum();
        let distinct = 2 * all + 2;
        TRANSFORM * transforms + HEXL_TRANSFORM * distinct + ENCODER
    }

    /// The secret key with the generator, its powers there and with the decryptor, and a copy; the
    /// public key as it is read, and a copy with each party's encryptor; the server's keys that
    /// switch, and SEAL's stream of the last of them, half as large. Their bytes are dropped one by
    /// one as they are expanded, and take less.
    fn keys(&self) -> u64 {
        let all = self.primes + 1;
        let program = self.program();
        let products = |op: &Op| matches!(op.kind(), OpKind::Mul | OpKind::Square);
        let products = program.values().iter().any(|v| products(v.op()));
        let rotations = rotation_steps(program, self.layout).len() as u64;
        let switching = u64::from(products) + rotations;
        let stream = switching.min(1) * self.primes * all;
        4 * all + 6 * all + switching * self.primes * 2 * all + stream
    }

    /// Polynomials of one value's ciphertexts at `level`.
    fn vector(&self, value: ValueId, level: usize) -> u64 {
        let length = self.program().value(value).length();
        let chunks = self
            .layout
            .chunks(length * self.layout.stride(value.index())) as u64;
        let primes = self.primes - level as u64;
        if self.open[value.index()] {
            return 3 * chunks * (primes + 1);
        }
        2 * chunks * primes
    }

    /// What an operation needs beside its operands and its result: operands brought down to its
    /// level.
    fn lowered_operands(&self, value: ValueId) -> u64 {
        let op = self.program().value(value).op();
        let level = self.levels[value.index()];
        let (copied, level) = match op {
            Op::Add(..) | Op::Sub(..) => (true, level),
            Op::Mul(..) | Op::Square(_) => (true, level.saturating_sub(1)),
            Op::WeightedSum { terms, .. } => {
                (schedule::is_whole(terms.iter().map(|(_, w)| w)), level)
            }
            _ => (false, level),
        };
        let mut operands = op.operands();
        operands.retain(|v| copied && self.levels[v.index()] < level);
        operands.iter().map(|v| self.vector(*v, level)).sum()
    }

    /// The most that is needed at one time: when inputs cross, or while values are computed, in
    /// the program's order, with one more of them for each further thread.
    fn ciphertexts(&self) -> u64 {
        let program = self.program();
        let inputs = program.inputs().iter().map(|input| {
            let chunks = self.layout.chunks(input.length) as u64;
            input.columns.len() as u64 * chunks * 2 * self.primes
        });
        let (all, largest) = inputs.fold((0, 0), |(sum, most), x| (sum + x, x.max(most)));
        // As bytes, packed and then joined, on their way from client to server.
        let crossing = all + 2 * largest;
        let mut readers = program.uses();
        let (mut live, mut most, mut one) = (0, 0, 0);
        for (id, value) in program.iter() {
            let input = matches!(value.op(), Op::Input { .. });
            // The server's inputs are kept to the end, whoever reads them.
            let own = if input {
                0
            } else {
                self.vector(id, self.levels[id.index()])
            };
            let scratch = self.lowered_operands(id);
            one = one.max(own + scratch);
            most = most.max(live + own + scratch);
            live += own;
            let mut operands = value.op().operands();
            operands.sort_unstable();
            operands.dedup();
            for operand in operands {
                let reads = value
                    .op()
                    .operands()
                    .iter()
                    .filter(|v| **v == operand)
                    .count();
                readers[operand.index()] -= reads;
                let read = readers[operand.index()] == 0;
                if read && !matches!(program.value(operand).op(), Op::Input { .. }) {
                    live -= self.vector(operand, self.levels[operand.index()]);
                }
            }
        }
        // A product of three polynomials to a prime, switching keys, and rescaling.
        let call = self.threads * (12 * (self.primes + 1) + 8);
        let evaluating = all + most + (self.threads - 1) * one;
        all + crossing.max(evaluating) + call
    }
}
