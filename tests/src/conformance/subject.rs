//! The scheme under test, and programs made ready on it.

use hexperiment_program::lower::{Capabilities, Lowered};
use hexperiment_program::{InputId, OutputId, Program};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::registry;
use hexperiment_scheme::security::{Encryption, Protection, SecurityDemand};
use hexperiment_scheme::{Ciphertexts, Circuit, CompileRequest, Parties, Scheme, SchemeError};
use ndarray::Array2;

/// How large the cases may be, where a scheme is slow or coarse.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Rows at most.
    pub max_length: usize,
    /// The finest precision of inputs, as a share of their range's width.
    pub precision: f64,
    /// Settings that make the scheme cheaper: the cases are few and easy.
    pub options: Vec<(String, OptionValue)>,
    /// Who encrypts.
    pub encryption: Encryption,
    /// Whether a sum takes a key that is sent: a public one, or one for evaluation.
    pub sums_take_keys: bool,
    /// Of mutated keys of the right roles and lengths, one in so many is given to the server.
    pub mutated_keys_tried: u64,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            max_length: 5000,
            precision: 1e-4,
            options: vec![],
            encryption: Encryption::Owner,
            sums_take_keys: true,
            mutated_keys_tried: 1,
        }
    }
}

/// A scheme under test.
pub struct Subject {
    pub(super) scheme: &'static dyn Scheme,
    pub(super) profile: Profile,
    pub(super) options: Options,
}

impl Subject {
    /// The registered scheme of this name; its options must be ones that it declares.
    #[track_caller]
    pub fn new(name: &str, profile: Profile) -> Self {
        Self::find(name, profile).unwrap_or_else(|e| panic!("{e}"))
    }

    /// The same; the error says what is not there.
    ///
    /// # Errors
    /// In words: there is no such scheme, it has no such option, or the option does not take the
    /// value.
    pub fn find(name: &str, profile: Profile) -> Result<Self, String> {
        let scheme = registry::scheme(name).map_err(|e| e.to_string())?;
        let specs = scheme.manifest().options;
        let given = profile.options.iter().map(|(key, value)| {
            let Some(spec) = specs.iter().find(|s| s.name == *key) else {
                let known: Vec<&str> = specs.iter().map(|s| s.name).collect();
                let known = known.join(", ");
                return Err(format!("{name} has no option `{key}`; it has: {known}"));
            };
            let value = spec.check(value.clone());
            Ok((
                key.clone(),
                value.map_err(|e| format!("option `{key}`: {e}"))?,
            ))
        });
        let given = given.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            scheme,
            options: Options::with_defaults(&specs, given),
            profile,
        })
    }

    /// What cases are compiled for, at a level of so many bits.
    pub(super) fn demand(&self, bits: u32) -> SecurityDemand {
        SecurityDemand {
            failure_log2: SecurityDemand::FAILURE_KEPT,
            ..SecurityDemand::new(bits, false).encrypted_by(self.profile.encryption)
        }
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.scheme
            .capabilities(&self.options)
            .unwrap_or_else(|e| panic!("capabilities: {e}"))
    }

    /// A length that moving elements allows for everywhere: a power of two.
    pub(super) fn short(&self) -> usize {
        let most = self.profile.max_length.clamp(1, 16);
        1 << most.ilog2()
    }

    /// Lowers and compiles; a refusal of either is `Refused`.
    pub(super) fn compile(
        &self,
        program: &Program,
        security: SecurityDemand,
    ) -> Result<(Lowered, Box<dyn Circuit>), SchemeError> {
        let lowered = self.scheme.lower(program, &self.options, security)?;
        let circuit = self.bind(&lowered, security)?;
        Ok((lowered, circuit))
    }

    fn bind(
        &self,
        lowered: &Lowered,
        security: SecurityDemand,
    ) -> Result<Box<dyn Circuit>, SchemeError> {
        self.scheme.compile(CompileRequest {
            lowered,
            options: &self.options,
            security,
            threads: 2,
            objective: hexperiment_program::layout::Objective::default(),
        })
    }

    /// The circuit of a server, which has the program as it crosses and nothing else.
    #[track_caller]
    fn at_server(&self, client: &Lowered) -> Result<Box<dyn Circuit>, SchemeError> {
        let name = client.program().name();
        let crossed = serde_json::to_vec(client.program());
        let crossed = crossed.and_then(|bytes| serde_json::from_slice::<Program>(&bytes));
        let crossed = crossed.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(client.program(), &crossed, "{name}: as it arrives");
        let lowered = Lowered::given(crossed, &self.capabilities())?;
        self.bind(&lowered, self.demand(128))
    }

    /// Compiles, makes keys and lets the server prepare, of their bytes alone.
    pub(super) fn try_ready(&self, program: Program) -> Result<Ready, SchemeError> {
        let (lowered, circuit) = self.compile(&program, self.demand(128))?;
        let keys = Parties::of(circuit.as_ref())?;
        Ok(Ready {
            program,
            lowered,
            circuit,
            server: None,
            keys,
        })
    }

    /// As [`Subject::try_ready`], where the server compiles by itself, and must come to the same circuit.
    pub(super) fn try_apart(&self, program: Program) -> Result<Ready, SchemeError> {
        let (lowered, circuit) = self.compile(&program, self.demand(128))?;
        let name = program.name();
        let server = self.at_server(&lowered);
        let server = server.unwrap_or_else(|e| panic!("{name}: at the server: {e}"));
        let chosen = |circuit: &dyn Circuit| circuit.parameters().chosen.clone();
        assert_eq!(
            chosen(circuit.as_ref()),
            chosen(server.as_ref()),
            "{name}: at the server"
        );
        assert!(
            circuit.digest() == server.digest(),
            "{name}: the parties' digests differ"
        );
        let keys = circuit.generate_keys()?;
        let keys = Parties {
            sizes: keys.evaluation.sizes(),
            evaluator: server.prepare(keys.evaluation.cross())?,
            encryptor: keys.encryptor,
            decryptor: keys.decryptor,
        };
        Ok(Ready {
            program,
            lowered,
            circuit,
            server: Some(server),
            keys,
        })
    }

    /// As [`Subject::try_ready`], for what every scheme must have.
    #[track_caller]
    pub(super) fn ready(&self, program: Program) -> Ready {
        let name = program.name().to_owned();
        self.try_ready(program)
            .unwrap_or_else(|e| panic!("{name}: {e}"))
    }
}

/// A program with its circuit and the roles of both parties.
pub(super) struct Ready {
    pub(super) program: Program,
    pub(super) lowered: Lowered,
    pub(super) circuit: Box<dyn Circuit>,
    /// The server's, where it has one of its own.
    server: Option<Box<dyn Circuit>>,
    pub(super) keys: Parties,
}

impl Ready {
    /// Whether what crosses is encrypted, be it on the way only.
    pub(super) fn encrypted(&self) -> bool {
        self.circuit.parameters().security.protection() != Protection::None
    }

    /// Encrypts one table for each input, and takes it to the other party.
    pub(super) fn encrypt(&self, tables: &[Array2<f64>]) -> Result<Vec<Ciphertexts>, SchemeError> {
        tables
            .iter()
            .enumerate()
            .map(|(i, table)| {
                let sealed = self
                    .keys
                    .encryptor
                    .encrypt(InputId::from_index(i), table.view())?;
                let server = self.server.as_ref().unwrap_or(&self.circuit);
                server.load(&sealed.to_bytes()?)
            })
            .collect()
    }

    /// Takes ciphertexts to the other party, as bytes.
    pub(super) fn cross(&self, ciphertexts: &Ciphertexts) -> Result<Ciphertexts, SchemeError> {
        self.circuit.load(&ciphertexts.to_bytes()?)
    }

    /// Decrypts every output, after it has crossed back.
    pub(super) fn decrypt(&self, results: &[Ciphertexts]) -> Result<Vec<Array2<f64>>, SchemeError> {
        assert_eq!(results.len(), self.program.outputs().len(), "outputs");
        results
            .iter()
            .enumerate()
            .map(|(i, result)| {
                let output = OutputId::from_index(i);
                self.keys.decryptor.decrypt(output, &self.cross(result)?)
            })
            .collect()
    }

    pub(super) fn run(&self, tables: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError> {
        let held = self.encrypt(tables)?;
        self.decrypt(&self.keys.evaluator.evaluate(&held)?)
    }

    /// Runs, and compares: what was decrypted with the circuit's own arithmetic in clear, within
    /// the tolerance that the circuit states; that arithmetic with the oracle, within each
    /// output's precision and `approximation` (a share of the output's largest value).
    #[track_caller]
    pub(super) fn check(&self, tables: &[Array2<f64>], approximation: f64) {
        let name = self.program.name();
        let got = self.run(tables).unwrap_or_else(|e| panic!("{name}: {e}"));
        self.compare(tables, &got, approximation);
    }

    #[track_caller]
    pub(super) fn compare(&self, tables: &[Array2<f64>], got: &[Array2<f64>], approximation: f64) {
        for (output, got) in self.program.output_ids().into_iter().zip(got) {
            self.compare_one(output, tables, got, approximation);
        }
    }

    #[track_caller]
    pub(super) fn compare_one(
        &self,
        id: OutputId,
        tables: &[Array2<f64>],
        got: &Array2<f64>,
        approximation: f64,
    ) {
        let name = self.program.name();
        let i = id.index();
        let simulated = self.circuit.simulate(tables);
        let simulated = &simulated.unwrap_or_else(|e| panic!("{name}: simulate: {e}"))[i];
        let exact = self.program.interpret(tables);
        let exact = &exact.unwrap_or_else(|e| panic!("{name}: oracle: {e}"))[i];
        let tolerances = &self.circuit.parameters().noise_tolerance;
        assert_eq!(
            tolerances.len(),
            self.program.outputs().len(),
            "{name}: tolerances"
        );
        let output = self.program.output(id);
        let label = format!("{name}, output {}", output.name);
        within(&label, "its simulation", got, simulated, tolerances[i]);
        let finish = |table: &Array2<f64>| {
            let finished = self.lowered.finish_one(id, table);
            finished.unwrap_or_else(|e| panic!("{label}: the client's part: {e}"))
        };
        let largest = exact.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        let bound = output.precision + approximation * largest;
        within(
            &label,
            "the oracle, simulated",
            &finish(simulated),
            exact,
            bound,
        );
        // What polynomials stand in for is proven to be no further off.
        let proven = self.lowered.approximation(id);
        if let (Some(proven), None) = (proven, self.lowered.client(id)) {
            let lowered = self.lowered.simulate(tables);
            let lowered = &lowered.unwrap_or_else(|e| panic!("{label}: lowered: {e}"))[i];
            let rounding = 1e-9 * (1.0 + largest);
            within(
                &label,
                "the oracle, lowered",
                lowered,
                exact,
                proven + rounding,
            );
        }
        // A client's function may magnify noise, but no more than it magnifies the values.
        if self.lowered.client(id).is_none() {
            within(&label, "the oracle", got, exact, bound + tolerances[i]);
        }
    }
}

#[track_caller]
fn within(label: &str, what: &str, got: &Array2<f64>, expect: &Array2<f64>, bound: f64) {
    assert_eq!(got.dim(), expect.dim(), "{label}: the shape");
    for ((row, column), x) in got.indexed_iter() {
        let y = expect[[row, column]];
        assert!(
            (x - y).abs() <= bound + 1e-12 * y.abs(),
            "{label}: row {row}, column {column}: got {x}, {what} {y}, which differ by {:e}, more than {bound:e}",
            (x - y).abs()
        );
    }
}
