//! A scheme from outside the tree that goes wrong as it is told to: what the runner makes of a
//! plugin that dies, hangs, hoards memory, lies about its security or returns wrong numbers.
//!
//! Underneath it is the plaintext scheme, so that all that is not told to go wrong goes well.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use hexperiment_program::OutputId;
use hexperiment_program::Refusal;
use hexperiment_program::lower::Capabilities;
use hexperiment_scheme::options::{OptionSpec, Options};
use hexperiment_scheme::security;
use hexperiment_scheme::{
    Ciphertexts, Circuit, CircuitDigest, CompileRequest, Decryptor, EvaluationKeys, Evaluator,
    KeySet, Parameters, Scheme, SchemeError, SchemeManifest,
};
use ndarray::Array2;
use scheme_plaintext::Plaintext;
use strum::{EnumString, IntoStaticStr, VariantNames};

hexperiment_plugin_abi::export_scheme!(Faulty);

struct Faulty;

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
enum Kind {
    None,
    Abort,
    AbortAgain,
    Exit,
    Segfault,
    Kill,
    Panic,
    Refuse,
    Error,
    Sleep,
    Hoard,
    Wait,
    WaitAgain,
    Chatter,
    Wrong,
    Nan,
    Weak,
    Lie,
    Smuggle,
    Early,
}

/// When it does.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
enum Moment {
    Compile,
    Keys,
    Prepare,
    Evaluate,
}

/// What goes wrong, and when.
#[derive(Clone)]
struct Fault {
    kind: Kind,
    at: Moment,
    /// Evaluations that go well before.
    after: i64,
}

impl Fault {
    fn read(options: &Options) -> Result<Self, SchemeError> {
        Ok(Self {
            kind: options.choice("fault")?,
            at: options.choice("at")?,
            after: options.integer("after")?,
        })
    }

    /// Goes wrong, if it is to do so here.
    fn strike(&self, here: Moment) -> Result<(), SchemeError> {
        if self.at != here {
            return Ok(());
        }
        match self.kind {
            Kind::Abort => std::process::abort(),
            Kind::AbortAgain if is_again() => std::process::abort(),
            Kind::Exit => std::process::exit(3),
            Kind::Segfault => signal("SEGV"),
            Kind::Kill => signal("KILL"),
            #[expect(clippy::panic, reason = "the tests want to see what becomes of it")]
            Kind::Panic => panic!("it was told to panic"),
            Kind::Refuse => return Err(Refusal::because("depth", "it was told to refuse").into()),
            Kind::Error => return Err(SchemeError::Foreign("it was told to err".into())),
            Kind::Sleep => loop {
                std::thread::sleep(Duration::from_hours(1));
            },
            Kind::Hoard => hoard(),
            Kind::Wait => wait(),
            Kind::WaitAgain if is_again() => wait(),
            Kind::Chatter => println!("{{\"is\": no message, though it looks like one"),
            // The first time; and what is of what comes back, or of the parameters.
            Kind::AbortAgain
            | Kind::WaitAgain
            | Kind::None
            | Kind::Wrong
            | Kind::Nan
            | Kind::Weak
            | Kind::Lie
            | Kind::Smuggle
            | Kind::Early => {}
        }
        Ok(())
    }
}

/// Whether keys were made in this process, which so has what they leave in its memory.
static KEYS_WERE_MADE: AtomicBool = AtomicBool::new(false);

/// What the evaluator takes past the bytes of its keys, or of what was evaluated before: it is there
/// where keys were made, and nowhere else.
fn take(what: &str) -> Result<(), SchemeError> {
    if KEYS_WERE_MADE.load(Ordering::Relaxed) {
        return Ok(());
    }
    Err(SchemeError::Foreign(format!(
        "{what} is not where it was left"
    )))
}

/// Sends this process a signal, as a fault in a library or the system would.
fn signal(name: &str) {
    let command = format!("kill -{name} {}", std::process::id());
    // Twice: the language's runtime takes the first fault for one that will come again. Where there
    // is no shell the evaluation goes well, and the test complains.
    for _ in 0..2 {
        let _ = Command::new("sh").args(["-c", &command]).status();
    }
}

/// Waits as long as there is a file `gate` where the program was started, and says so by a file
/// `waiting` beside it.
fn wait() {
    let gate = Path::new("gate");
    while gate.exists() {
        // Whoever waits for this to appear complains if it does not.
        let _ = std::fs::write("waiting", "");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether it was asked before, in this process or another one: there is a file `again` then.
fn is_again() -> bool {
    let mark = Path::new("again");
    let again = mark.exists();
    // Whoever waits for the second time complains if it does not come.
    let _ = std::fs::write(mark, "");
    again
}

/// Asks for memory until there is none.
fn hoard() -> ! {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(Vec::with_capacity(64 << 20));
        std::hint::black_box(&all);
    }
}

/// 128 bits, for a modulus that is too wide for its ring.
fn lie() -> security::Security {
    let stated = serde_json::json!({
        "protection": "encrypted", "bits": 128, "basis": "N = 2^13",
        "ring_lwe": { "log_n": 13, "log_qp": 230.0 },
    });
    serde_json::from_value(stated).unwrap_or_else(|e| unreachable!("{e}"))
}

impl Scheme for Faulty {
    fn manifest(&self) -> SchemeManifest {
        SchemeManifest {
            name: "faulty",
            doc: "Goes wrong as it is told to.",
            options: vec![
                OptionSpec::choice("fault", Kind::None, "What goes wrong."),
                OptionSpec::choice("at", Moment::Evaluate, "When it does."),
                OptionSpec::integer("after", 0..=1000, 0, "Evaluations that go well before."),
            ],
            ..Plaintext.manifest()
        }
    }

    fn capabilities(&self, options: &Options) -> Result<Capabilities, SchemeError> {
        Plaintext.capabilities(options)
    }

    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        let fault = Fault::read(request.options)?;
        fault.strike(Moment::Compile)?;
        let inner = Plaintext.compile(request)?;
        let mut parameters = inner.parameters().clone();
        if fault.kind == Kind::Weak {
            parameters.security = security::factoring(1024);
        }
        if fault.kind == Kind::Lie {
            parameters.security = lie();
        }
        Ok(Box::new(FaultyCircuit {
            inner,
            parameters,
            fault,
        }))
    }
}

struct FaultyCircuit {
    inner: Box<dyn Circuit>,
    parameters: Parameters,
    fault: Fault,
}

impl Circuit for FaultyCircuit {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError> {
        self.inner.simulate(inputs)
    }

    fn generate_keys(&self) -> Result<KeySet, SchemeError> {
        self.fault.strike(Moment::Keys)?;
        KEYS_WERE_MADE.store(true, Ordering::Relaxed);
        let keys = self.inner.generate_keys()?;
        Ok(KeySet {
            decryptor: Box::new(FaultyDecryptor {
                inner: keys.decryptor,
                fault: self.fault.clone(),
                decryptions: AtomicI64::new(0),
            }),
            ..keys
        })
    }

    fn digest(&self) -> CircuitDigest {
        self.inner.digest()
    }

    fn prepare(&self, keys: EvaluationKeys) -> Result<Box<dyn Evaluator>, SchemeError> {
        self.fault.strike(Moment::Prepare)?;
        if self.fault.kind == Kind::Smuggle {
            take("the key for evaluation")?;
        }
        Ok(Box::new(FaultyEvaluator {
            inner: self.inner.prepare(keys)?,
            fault: self.fault.clone(),
            evaluations: AtomicI64::new(0),
        }))
    }

    fn load(&self, bytes: &[u8]) -> Result<Ciphertexts, SchemeError> {
        self.inner.load(bytes)
    }
}

struct FaultyEvaluator {
    inner: Box<dyn Evaluator>,
    fault: Fault,
    evaluations: AtomicI64,
}

impl Evaluator for FaultyEvaluator {
    fn evaluate(&self, inputs: &[Ciphertexts]) -> Result<Vec<Ciphertexts>, SchemeError> {
        if self.evaluations.fetch_add(1, Ordering::Relaxed) >= self.fault.after {
            self.fault.strike(Moment::Evaluate)?;
        }
        if self.fault.kind == Kind::Early {
            take("what was evaluated with the keys")?;
        }
        self.inner.evaluate(inputs)
    }
}

struct FaultyDecryptor {
    inner: Box<dyn Decryptor>,
    fault: Fault,
    decryptions: AtomicI64,
}

impl Decryptor for FaultyDecryptor {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        let mut table = self.inner.decrypt(output, ciphertexts)?;
        let strikes = self.decryptions.fetch_add(1, Ordering::Relaxed) >= self.fault.after;
        let row = table.nrows().saturating_sub(1).min(3);
        if strikes && self.fault.kind == Kind::Wrong {
            table[[row, 0]] += 1.0;
        }
        if strikes && self.fault.kind == Kind::Nan {
            table[[row, 0]] = f64::NAN;
        }
        Ok(table)
    }
}
