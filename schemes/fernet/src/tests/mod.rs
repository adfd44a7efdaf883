//! What crosses, and what is made of it by those who hold the key.

mod bytes;
mod costs;
mod keys;
mod statements;

use hexperiment_program::lower::lower;
use hexperiment_program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder,
};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{Circuit, CompileRequest, Parties, Scheme, SchemeError};
use ndarray::Array2;

use crate::Fernet;

const DEMAND: SecurityDemand = SecurityDemand::new(128, false);

/// Two outputs of the columns' sum and first: as many values as an input of two columns has.
fn program(length: usize, columns: usize) -> Program {
    let mut builder = ProgramBuilder::new("sum and first");
    let input = Input {
        name: "x".into(),
        owner: Party::Client(0),
        length,
        columns: (0..columns)
            .map(|i| Column {
                name: format!("x{i}"),
                range: Interval::symmetric(10.0),
            })
            .collect(),
        precision: 1e-6,
    };
    let (_, values) = builder.input(input).unwrap();
    let terms = values.iter().map(|x| (*x, 0.1.into())).collect();
    let sum = builder.weighted_sum(terms, 0.5).unwrap();
    builder
        .output(Output {
            name: "y".into(),
            values: vec![sum, values[0]],
            precision: 1e-5,
        })
        .unwrap();
    builder.finish().unwrap()
}

fn compile(
    program: &Program,
    per: &str,
    security: SecurityDemand,
) -> Result<Box<dyn Circuit>, SchemeError> {
    let given = [("per".to_owned(), OptionValue::Text(per.into()))];
    let options = Options::with_defaults(&Fernet.manifest().options, given);
    let lowered = lower(program, &Fernet.capabilities(&options)?)?;
    Fernet.compile(CompileRequest {
        lowered: &lowered,
        options: &options,
        security,
        threads: 2,
        objective: hexperiment_program::layout::Objective::default(),
    })
}

/// A circuit with its keys, and what is sent either way.
struct Sent {
    circuit: Box<dyn Circuit>,
    keys: Parties,
    table: Array2<f64>,
    input: Vec<u8>,
    output: Vec<u8>,
}

fn sent(length: usize, columns: usize, per: &str) -> Sent {
    let program = program(length, columns);
    let circuit = compile(&program, per, DEMAND).unwrap();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let table = Array2::from_shape_fn((length, columns), |(i, j)| {
        (i as f64 - 0.3 * j as f64).sin() * 9.0
    });
    let sealed = keys.encryptor.encrypt(InputId::from_index(0), table.view());
    let input = sealed.unwrap().to_bytes().unwrap();
    let held = circuit.load(&input).unwrap();
    let results = keys.evaluator.evaluate(&[held]).unwrap();
    let output = results[0].to_bytes().unwrap();
    Sent {
        circuit,
        keys,
        table,
        input,
        output,
    }
}

impl Sent {
    /// What the server makes of these bytes.
    fn evaluate(&self, bytes: &[u8]) -> Result<(), SchemeError> {
        let held = self.circuit.load(bytes)?;
        self.keys.evaluator.evaluate(&[held]).map(|_| ())
    }

    /// What the client makes of these bytes.
    fn decrypt(&self, bytes: &[u8]) -> Result<Array2<f64>, SchemeError> {
        let held = self.circuit.load(bytes)?;
        let output = OutputId::from_index(0);
        self.keys.decryptor.decrypt(output, &held)
    }
}
