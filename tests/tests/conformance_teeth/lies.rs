//! Planted lies: schemes that do less than they say, and say so nowhere. Each is caught, in words. That
//! 128 bits are claimed for a modulus above its bound is `a_lie_about_a_ring_is_told`, beside this.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hexperiment_program::lower::Capabilities;
use hexperiment_program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder,
};
use hexperiment_scheme::inventory;
use hexperiment_scheme::options::Options;
use hexperiment_scheme::registry::SchemePlugin;
use hexperiment_scheme::{
    Ciphertexts, Circuit, CircuitDigest, CompileRequest, Decryptor, Encryptor, EvaluationKeys,
    Evaluator, KeySet, Parameters, Scheme, SchemeError, SchemeManifest,
};
use hexperiment_task::ledger::Errors;
use hexperiment_task::testkit::Testbed;
use hexperiment_tests::conformance::{self, Profile, Subject};
use ndarray::{Array2, ArrayView2, array};

use super::clear;

/// What a scheme does that is otherwise the plaintext one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// Moves inputs into 99 % of their ranges, and repeats that in what it calls its arithmetic.
    Clips,
    /// Moves results into 99 % of theirs.
    Saturates,
    /// Rounds results to half of the bits that are wanted, and repeats that in its arithmetic.
    Halves,
    /// Evaluates while keys are made, on numbers of its own, and answers by that.
    Early,
    /// Evaluates once, and answers by that.
    Once,
    /// Takes what its evaluator needs past the keys that it sends and that are counted.
    Smuggles,
}

struct Liar(&'static str, Lie);

inventory::submit! { SchemePlugin(&Liar("clips", Lie::Clips)) }
inventory::submit! { SchemePlugin(&Liar("saturates", Lie::Saturates)) }
inventory::submit! { SchemePlugin(&Liar("halves", Lie::Halves)) }
inventory::submit! { SchemePlugin(&Liar("early", Lie::Early)) }
inventory::submit! { SchemePlugin(&Liar("once", Lie::Once)) }
inventory::submit! { SchemePlugin(&Liar("smuggles", Lie::Smuggles)) }

impl Scheme for Liar {
    fn manifest(&self) -> SchemeManifest {
        SchemeManifest {
            name: self.0,
            ..clear().manifest()
        }
    }

    fn capabilities(&self, options: &Options) -> Result<Capabilities, SchemeError> {
        clear().capabilities(options)
    }

    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        Ok(Box::new(LyingCircuit(Arc::new(Bound {
            lie: self.1,
            program: request.lowered.program().clone(),
            circuit: clear().compile(request)?,
            left: Mutex::default(),
        }))))
    }
}

/// What is left in memory for the evaluator, where it does not belong.
#[derive(Default)]
struct Left {
    key: bool,
    results: Vec<Ciphertexts>,
}

/// What all roles know of the circuit.
struct Bound {
    lie: Lie,
    program: Program,
    circuit: Box<dyn Circuit>,
    left: Mutex<Left>,
}

impl Bound {
    /// Each column moved into 99 % of its range, where the lie is this one.
    fn narrowed(
        &self,
        lie: Lie,
        mut table: Array2<f64>,
        range: impl Fn(usize) -> Interval,
    ) -> Array2<f64> {
        if self.lie == lie {
            for (place, mut column) in table.columns_mut().into_iter().enumerate() {
                let range = range(place);
                let range = range.padded(-0.005 * range.width());
                column.mapv_inplace(|x| range.clamp(x));
            }
        }
        table
    }

    fn input(&self, input: InputId, table: Array2<f64>) -> Array2<f64> {
        let columns = &self.program.input(input).columns;
        self.narrowed(Lie::Clips, table, |place| columns[place].range)
    }

    /// The range of a column of an output.
    fn range(&self, output: OutputId, place: usize) -> Interval {
        let value = self.program.output(output).values[place];
        self.program.value(value).range()
    }

    fn output(&self, output: OutputId, table: Array2<f64>) -> Array2<f64> {
        self.narrowed(Lie::Saturates, table, |place| self.range(output, place))
    }

    /// In half of the bits that are wanted, where that is the lie.
    fn halved(&self, output: OutputId, mut table: Array2<f64>) -> Array2<f64> {
        if self.lie == Lie::Halves {
            for (place, mut column) in table.columns_mut().into_iter().enumerate() {
                let width = self.range(output, place).width();
                let step = (width * self.program.output(output).precision).sqrt();
                column.mapv_inplace(|x| (x / step).round() * step);
            }
        }
        table
    }

    fn left(&self) -> std::sync::MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Evaluates on the middle of all ranges.
    fn evaluated_early(&self) -> Result<Vec<Ciphertexts>, SchemeError> {
        let keys = self.circuit.generate_keys()?;
        let inputs = self.program.inputs().iter().enumerate();
        let sealed = inputs.map(|(index, input)| {
            let shape = (input.length, input.columns.len());
            let table = Array2::from_shape_fn(shape, |(_, column)| {
                let range = input.columns[column].range;
                f64::midpoint(range.low, range.high)
            });
            keys.encryptor
                .encrypt(InputId::from_index(index), table.view())
        });
        let sealed = sealed.collect::<Result<Vec<_>, _>>()?;
        self.circuit.prepare(keys.evaluation)?.evaluate(&sealed)
    }
}

struct LyingCircuit(Arc<Bound>);

impl LyingCircuit {
    fn role<T>(&self, role: T) -> Box<LyingRole<T>> {
        Box::new(LyingRole {
            role,
            bound: self.0.clone(),
            once: OnceLock::new(),
        })
    }
}

impl Circuit for LyingCircuit {
    fn parameters(&self) -> &Parameters {
        self.0.circuit.parameters()
    }

    fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError> {
        let inputs = inputs.iter().enumerate();
        let inputs = inputs.map(|(i, table)| self.0.input(InputId::from_index(i), table.clone()));
        let outputs = self.0.circuit.simulate(&inputs.collect::<Vec<_>>())?;
        let outputs = outputs.into_iter().enumerate();
        Ok(outputs
            .map(|(i, table)| self.0.halved(OutputId::from_index(i), table))
            .collect())
    }

    fn generate_keys(&self) -> Result<KeySet, SchemeError> {
        let keys = self.0.circuit.generate_keys()?;
        self.0.left().key = true;
        if self.0.lie == Lie::Early {
            let results = self.0.evaluated_early()?;
            self.0.left().results = results;
        }
        Ok(KeySet {
            encryptor: self.role(keys.encryptor),
            decryptor: self.role(keys.decryptor),
            evaluation: keys.evaluation,
        })
    }

    fn digest(&self) -> CircuitDigest {
        self.0.circuit.digest()
    }

    fn prepare(&self, keys: EvaluationKeys) -> Result<Box<dyn Evaluator>, SchemeError> {
        if self.0.lie == Lie::Smuggles && !self.0.left().key {
            return Err(SchemeError::Foreign(
                "the key for evaluation is not where it was left".into(),
            ));
        }
        Ok(self.role(self.0.circuit.prepare(keys)?))
    }

    fn load(&self, bytes: &[u8]) -> Result<Ciphertexts, SchemeError> {
        self.0.circuit.load(bytes)
    }
}

struct LyingRole<T> {
    role: T,
    bound: Arc<Bound>,
    once: OnceLock<Vec<Ciphertexts>>,
}

impl Encryptor for LyingRole<Box<dyn Encryptor>> {
    fn encrypt(
        &self,
        input: InputId,
        table: ArrayView2<'_, f64>,
    ) -> Result<Ciphertexts, SchemeError> {
        let table = self.bound.input(input, table.to_owned());
        self.role.encrypt(input, table.view())
    }
}

impl Evaluator for LyingRole<Box<dyn Evaluator>> {
    fn evaluate(&self, inputs: &[Ciphertexts]) -> Result<Vec<Ciphertexts>, SchemeError> {
        match self.bound.lie {
            Lie::Early => Ok(self.bound.left().results.clone()),
            Lie::Once => {
                if let Some(results) = self.once.get() {
                    return Ok(results.clone());
                }
                let results = self.role.evaluate(inputs)?;
                Ok(self.once.get_or_init(|| results).clone())
            }
            _ => self.role.evaluate(inputs),
        }
    }
}

impl Decryptor for LyingRole<Box<dyn Decryptor>> {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        let table = self.role.decrypt(output, ciphertexts)?;
        Ok(self.bound.halved(output, self.bound.output(output, table)))
    }
}

/// A check of the suite passes the plaintext scheme, and says these words of one that lies.
#[track_caller]
fn check(name: &str, check: fn(&Subject), words: &[&str]) {
    check(&Subject::new("plaintext", Profile::default()));
    let found = std::panic::catch_unwind(|| check(&Subject::new(name, Profile::default())));
    let found = found.expect_err("the check passes a scheme that lies");
    let said = found.downcast_ref::<String>().expect("words");
    for word in words {
        assert!(said.contains(word), "lacks {word:?}: {said}");
    }
}

#[test]
fn clipping_in_silence() {
    let ends = conformance::ends_of_ranges_are_kept;
    // -3 of -3 to 3.
    let words = ["ends of ranges", "got -2.97, the oracle, simulated -3"];
    check("clips", ends, &words);
    let words = [
        "ends of ranges",
        "got -2.97, its simulation -3",
        "more than 0e0",
    ];
    check("saturates", ends, &words);
}

#[test]
fn half_of_the_precision() {
    let words = ["identity on", "the oracle, simulated", "which differ by"];
    check("halves", conformance::round_trips, &words);
}

#[test]
fn work_moved_into_key_generation() {
    let operations = conformance::every_native_operation_is_the_oracles;
    for name in ["early", "once"] {
        check(name, operations, &["its simulation", "more than 0e0"]);
    }
    // Not only there: with one set of keys, table after table.
    let words = ["a server elsewhere", "its simulation"];
    check("once", conformance::servers_know_key_bytes_only, &words);
    let words = ["a server that has the keys' bytes only: results"];
    check("early", conformance::servers_know_key_bytes_only, &words);
}

#[test]
fn keys_past_those_that_are_counted() {
    let words = [
        "a server that has the keys' bytes only",
        "the key for evaluation is not where it was left",
    ];
    check("smuggles", conformance::servers_know_key_bytes_only, &words);
}

/// `x + y`, both between -1 and 1.
fn sum() -> Program {
    let mut builder = ProgramBuilder::new("sum");
    let column = |name: &str| Column {
        name: name.into(),
        range: Interval::symmetric(1.0),
    };
    let input = Input {
        name: "x".into(),
        owner: Party::Client(0),
        length: 2,
        columns: vec![column("x"), column("y")],
        precision: 1e-6,
    };
    let (_, x) = builder.input(input).unwrap();
    let sum = builder.add(x[0], x[1]).unwrap();
    let output = Output {
        name: "sum".into(),
        values: vec![sum],
        precision: 1e-4,
    };
    builder.output(output).unwrap();
    builder.finish().unwrap()
}

/// The errors of one round under a scheme.
fn errors(lie: Lie) -> Errors {
    let testbed = Testbed::new(&Liar("liar", lie), &sum()).unwrap();
    let mut session = testbed.session();
    let table = array![[1.0, 1.0], [0.25, -0.5]];
    let sealed = session
        .client()
        .encrypt(InputId::from_index(0), table.view());
    let results = session.server().evaluate(&[&sealed.unwrap()]).unwrap();
    let output = OutputId::from_index(0);
    session.client().decrypt(output, &results[0]).unwrap();
    session.finish().errors
}

/// A session tells it too, of a run: results that are not those of the circuit's own arithmetic fail;
/// where that lies alike, they are not as near as the task wants.
#[test]
fn runs_tell_it_too() {
    let violation = errors(Lie::Saturates).violation.unwrap().to_string();
    let words =
        "result outside its tolerance: output `sum`, sample 0, column 0: expected 2, received 1.98";
    assert!(violation.contains(words), "{violation}");
    for (lie, observed) in [(Lie::Clips, 0.02), (Lie::Halves, 0.01)] {
        let errors = errors(lie);
        assert_eq!(errors.violation, None);
        let precision = errors.precision.unwrap();
        assert!(!precision.is_met(), "{lie:?}: {precision:?}");
        assert!(precision.observed >= 0.99 * observed, "{precision:?}");
        assert_eq!(errors.approximation, errors.max_abs);
    }
    // What a scheme clips is its error, and no clipping that a task has told of.
    let clipping = errors(Lie::Clips).clipping.unwrap();
    assert_eq!((clipping.values, clipping.error), (0, 0.0));
}
