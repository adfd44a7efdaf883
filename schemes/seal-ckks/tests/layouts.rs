//! Every layout gives what the oracle gives, and sends exactly the bytes that it says.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use hexperiment_program::layout::Objective;
use hexperiment_program::lower::Lowered;
use hexperiment_program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder, Public,
    ValueId,
};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::security::{Encryption, SecurityDemand};
use hexperiment_scheme::{Circuit, CompileRequest, Parties, Scheme, SchemeError, TimedNow};
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scheme_seal_ckks::SealCkks;

fn input(name: &str, length: usize, columns: usize) -> Input {
    let column = |i| Column {
        name: format!("{name}{i}"),
        range: Interval::new(-2.0, 3.0),
    };
    Input {
        name: name.into(),
        owner: Party::Client(0),
        length,
        columns: (0..columns).map(column).collect(),
        precision: 1e-7,
    }
}

fn output(b: &mut ProgramBuilder, name: &str, values: Vec<ValueId>, precision: f64) {
    let output = Output {
        name: name.into(),
        values,
        precision,
    };
    b.output(output).unwrap();
}

struct Asked {
    layout: &'static str,
    objective: Objective,
    encryption: Encryption,
}

impl Asked {
    fn layout(layout: &'static str) -> Self {
        Self {
            layout,
            objective: Objective::Latency,
            encryption: Encryption::Owner,
        }
    }

    fn compile(&self, program: &Program) -> Result<Box<dyn Circuit>, SchemeError> {
        let given = [
            ("layout", OptionValue::Text(self.layout.into())),
            ("max_degrees", OptionValue::Text("7,7".into())),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value));
        let options = Options::with_defaults(&SealCkks.manifest().options, given);
        let security = SecurityDemand::new(128, false).encrypted_by(self.encryption);
        let lowered = SealCkks.lower(program, &options, security)?;
        let compile = |lowered: &Lowered| {
            SealCkks.compile(CompileRequest {
                lowered,
                options: &options,
                security,
                threads: 2,
                objective: self.objective,
            })
        };
        let circuit = compile(&lowered)?;
        // The server has the program as it crosses, and chooses by itself.
        let crossed = serde_json::to_vec(lowered.program()).unwrap();
        let crossed: Program = serde_json::from_slice(&crossed).unwrap();
        let capabilities = SealCkks.capabilities(&options)?;
        let server = compile(&Lowered::given(crossed, &capabilities).unwrap())?;
        assert!(
            server.digest() == circuit.digest(),
            "{:?}, {:?} at the server",
            circuit.parameters().chosen,
            server.parameters().chosen
        );
        Ok(circuit)
    }
}

/// Runs a program on random numbers with all that crosses as bytes; yields the circuit, too.
#[track_caller]
fn check(program: &Program, asked: &Asked, approximation: f64) -> Box<dyn Circuit> {
    let circuit = asked.compile(program).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(program.values().len() as u64);
    let tables: Vec<Array2<f64>> = program
        .inputs()
        .iter()
        .map(|input| {
            Array2::from_shape_fn((input.length, input.columns.len()), |(_, column)| {
                let range = input.columns[column].range;
                random.random_range(range.low..=range.high)
            })
        })
        .collect();
    let sizes = circuit.sizes().unwrap();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    assert_eq!(keys.sizes.total(), sizes.keys);
    let sealed = tables.iter().enumerate().map(|(i, table)| {
        let id = InputId::from_index(i);
        let bytes = keys.encryptor.encrypt(id, table.view()).unwrap();
        let bytes = bytes.to_bytes().unwrap();
        assert_eq!(bytes.len() as u64, sizes.inputs[i]);
        circuit.load(&bytes).unwrap()
    });
    let sealed: Vec<_> = sealed.collect();
    let results = keys.evaluator.evaluate(&sealed).unwrap();
    let simulated = circuit.simulate(&tables).unwrap();
    let exact = program.interpret(&tables).unwrap();
    for (i, result) in results.iter().enumerate() {
        let bytes = result.to_bytes().unwrap();
        assert_eq!(bytes.len() as u64, sizes.outputs[i]);
        let crossed = circuit.load(&bytes).unwrap();
        let id = OutputId::from_index(i);
        let got = keys.decryptor.decrypt(id, &crossed).unwrap();
        let tolerance = circuit.parameters().noise_tolerance[i];
        let precision = program.outputs()[i].precision;
        assert!(
            tolerance <= precision,
            "{tolerance:e}, demanded {precision:e}"
        );
        assert_eq!(got.dim(), exact[i].dim());
        let three = got.iter().zip(&simulated[i]).zip(&exact[i]);
        for ((got, simulated), exact) in three {
            let noise = (got - simulated).abs();
            assert!(
                noise <= tolerance,
                "{}: {noise:e}, {tolerance:e}",
                asked.layout
            );
            assert!((got - exact).abs() <= tolerance + approximation);
        }
    }
    circuit
}

fn layout(circuit: &dyn Circuit) -> &str {
    let mut chosen = circuit.parameters().chosen.iter();
    let (_, layout) = chosen.find(|(name, _)| name == "layout").unwrap();
    layout
}

/// Random sums of random columns of two inputs, numbers for each row among them.
fn affine(rows: usize, columns: usize, seed: u64, precision: f64) -> Program {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut b = ProgramBuilder::new("affine");
    let (_, mut values) = b.input(input("x", rows, columns)).unwrap();
    values.extend(b.input(input("z", rows, 2)).unwrap().1);
    for step in 0..6 {
        let any = |random: &mut ChaCha8Rng| values[random.random_range(0..values.len())];
        let (x, y) = (any(&mut random), any(&mut random));
        let by = random.random_range(-0.9..0.9);
        let ramp = (0..rows).map(|i| by * (i % 7) as f64 / 7.0);
        let value = match step % 3 {
            0 => b.weighted_sum(vec![(x, by.into()), (y, 0.5.into())], by),
            1 => b.sub(x, y),
            _ => b.offset(x, ramp.collect::<Vec<_>>()),
        };
        values.push(value.unwrap());
    }
    let all = values.iter().enumerate();
    let all = all.map(|(i, v)| (*v, Public::Scalar(0.31 - 0.07 * i as f64)));
    let sum = b.weighted_sum(all.collect(), -0.25).unwrap();
    let more = b.add(sum, values[0]).unwrap();
    output(&mut b, "sums", vec![sum, more], precision);
    output(&mut b, "one", vec![sum], precision);
    b.finish().unwrap()
}

#[test]
fn affine_programs_are_the_same_in_every_layout() {
    let cases = [(1, 9), (334, 9), (700, 15), (5000, 3)];
    for ((rows, columns), seed) in cases.into_iter().zip(1..) {
        let program = affine(rows, columns, seed, 1e-6);
        for layout in ["columns", "coefficients", "auto"] {
            check(&program, &Asked::layout(layout), 1e-9);
        }
        for objective in [Objective::Throughput, Objective::Upload, Objective::Memory] {
            let asked = Asked {
                objective,
                ..Asked::layout("auto")
            };
            check(&program, &asked, 1e-9);
        }
    }
}

/// Who decrypts others' data sees the outputs alone: the rest of a polynomial has sums of their columns.
#[test]
fn nothing_beside_the_outputs_is_shown_to_another_key_owner() {
    let program = affine(334, 9, 5, 1e-6);
    let by_others = |layout| Asked {
        encryption: Encryption::Public,
        ..Asked::layout(layout)
    };
    // One row takes 9 places or one, by which the rest of the polynomial is seen or there is none.
    for asked in ["auto", "coefficients"] {
        let circuit = check(&program, &by_others(asked), 1e-9);
        assert_eq!(
            layout(circuit.as_ref()),
            "a vector for each column, in coefficients"
        );
    }
    assert!(refused(&program, &by_others("lanes")).contains("who decrypts is not who encrypted"));
    let own = check(&program, &Asked::layout("coefficients"), 1e-9);
    assert_eq!(
        layout(own.as_ref()),
        "rows of 9 columns side by side, in coefficients"
    );
}

fn logits(rows: usize) -> Program {
    let mut b = ProgramBuilder::new("logits");
    let (_, x) = b.input(input("x", rows, 9)).unwrap();
    let terms = x.iter().enumerate();
    let terms = terms.map(|(i, v)| (*v, Public::Scalar(0.83 - 0.19 * i as f64)));
    let sum = b.weighted_sum(terms.collect(), -0.7).unwrap();
    output(&mut b, "logit", vec![sum], 5e-7);
    b.finish().unwrap()
}

/// Nine features of 334 rows lie in one ciphertext, and take neither a rotation nor a key.
#[test]
fn rows_share_a_ciphertext() {
    let columns = check(&logits(334), &Asked::layout("columns"), 1e-9);
    let rows = check(&logits(334), &Asked::layout("auto"), 1e-9);
    assert_eq!(
        layout(rows.as_ref()),
        "rows of 9 columns side by side, in coefficients"
    );
    let [many, one] = [&columns, &rows].map(|c| c.sizes().unwrap());
    assert_eq!((many.keys, one.keys), (0, 0));
    assert!(
        9 * one.inputs[0] < many.inputs[0] + 9 * 64,
        "{one:?}, {many:?}"
    );
    let parameters = rows.parameters();
    assert_eq!(parameters.counts.rotations, 0);
    assert_eq!(parameters.layouts.iter().filter(|c| c.chosen).count(), 1);
    assert!(parameters.layouts.len() > 3);
    // Each party chooses by itself.
    let again = Asked::layout("auto").compile(&logits(334)).unwrap();
    assert!(again.digest() == rows.digest());
    let upload = Asked {
        objective: Objective::Upload,
        ..Asked::layout("auto")
    };
    assert!(upload.compile(&logits(334)).unwrap().digest() != rows.digest());
}

/// What a refusal says.
#[track_caller]
fn refused(program: &Program, asked: &Asked) -> String {
    match asked.compile(program) {
        Err(SchemeError::Refused(refusal)) => refusal.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{} is had", asked.layout),
    }
}

#[test]
fn layouts_that_a_program_does_not_have_are_refused() {
    let lanes = refused(&logits(8), &Asked::layout("lanes"));
    assert!(lanes.contains("no products are computed alike"));
    let mut b = ProgramBuilder::new("square");
    let (_, x) = b.input(input("x", 8, 1)).unwrap();
    let square = b.square(x[0]).unwrap();
    output(&mut b, "square", vec![square], 1e-3);
    let square = b.finish().unwrap();
    let coefficients = refused(&square, &Asked::layout("coefficients"));
    assert!(coefficients.contains("are not sums of columns"));
}

fn maximum(rows: usize) -> Program {
    let mut b = ProgramBuilder::new("maximum");
    let (_, x) = b.input(input("x", rows, 4)).unwrap();
    let first = b.max(x[0], x[1]).unwrap();
    let second = b.max(x[2], x[3]).unwrap();
    let most = b.max(first, second).unwrap();
    output(&mut b, "maximum", vec![most], 0.05);
    b.finish().unwrap()
}

/// Both maxima of the first round are one evaluation, with rotations behind it.
#[test]
fn maxima_lie_side_by_side() {
    let program = maximum(196);
    let columns = Asked::layout("columns").compile(&program).unwrap();
    let lanes = check(&program, &Asked::layout("lanes"), 0.2);
    let auto = Asked::layout("auto").compile(&program).unwrap();
    let name = "2 equal operations side by side, in slots";
    assert_eq!([&lanes, &auto].map(|c| layout(c.as_ref())), [name; 2]);
    let products = |circuit: &dyn Circuit| circuit.parameters().counts.multiplications;
    let [before, after] = [&columns, &lanes].map(|c| products(c.as_ref()));
    assert!(10 * after < 7 * before, "{after} products, {before} before");
    // One member is read as it is and in other units: two rotations by one key.
    assert_eq!(lanes.parameters().counts.rotations, 2);
}

/// A polynomial of a weighted sum of nine columns.
fn probability(rows: usize) -> Program {
    probability_of(rows, 9)
}

fn probability_of(rows: usize, columns: usize) -> Program {
    let mut b = ProgramBuilder::new("probability");
    let (_, x) = b.input(input("x", rows, columns)).unwrap();
    let terms = x.iter().enumerate();
    let terms = terms.map(|(i, v)| (*v, Public::Scalar(0.083 - 0.019 * i as f64)));
    let sum = b.weighted_sum(terms.collect(), -0.7).unwrap();
    let square = b.square(sum).unwrap();
    let bent = b.weighted_sum(vec![(square, 0.25.into()), (sum, 0.5.into())], 0.1);
    let bent = bent.unwrap();
    output(&mut b, "probability", vec![bent], 1e-3);
    b.finish().unwrap()
}

/// Rows whose sums are rotated share a ciphertext, of any number of rows that fits.
#[test]
fn sums_of_rows_are_rotated() {
    let name = "rows of 9 columns side by side, rotated and summed, in slots";
    check(&probability(334), &Asked::layout("sums"), 1e-9);
    for rows in [1, 3, 100] {
        let program = probability(rows);
        let columns = check(&program, &Asked::layout("columns"), 1e-9);
        let sums = check(&program, &Asked::layout("sums"), 1e-9);
        assert_eq!(layout(sums.as_ref()), name);
        let [many, one] = [&columns, &sums].map(|c| c.sizes().unwrap());
        // A ciphertext in place of nine, of a ring twice as large: rotations want more bits.
        assert!(3 * one.inputs[0] < many.inputs[0], "{one:?}, {many:?}");
        let auto = check(&program, &Asked::layout("auto"), 1e-9);
        let candidates = &auto.parameters().layouts;
        assert!(
            candidates
                .iter()
                .any(|c| c.layout == name && c.expense.is_some())
        );
        let upload = Asked {
            objective: Objective::Upload,
            ..Asked::layout("auto")
        };
        let upload = upload.compile(&program).unwrap();
        assert_eq!(layout(upload.as_ref()), name);
    }
    let by_others = Asked {
        encryption: Encryption::Public,
        ..Asked::layout("sums")
    };
    assert!(refused(&probability(3), &by_others).contains("who decrypts is not who encrypted"));
}

/// The largest of three weighted sums of nine columns, found by two comparisons of each with another: the classes are
/// read off their products.
fn classes(rows: usize) -> Program {
    let mut b = ProgramBuilder::new("classes");
    let (_, x) = b.input(input("x", rows, 9)).unwrap();
    let mut bent = vec![];
    for class in 0..3 {
        let weight = |i: usize| 0.02 * ((5 * i + 3 * class) % 9) as f64 - 0.07;
        let terms = x.iter().enumerate();
        let terms = terms.map(|(i, v)| (*v, Public::Scalar(weight(i))));
        let sum = b.weighted_sum(terms.collect(), 0.1 * class as f64).unwrap();
        let square = b.square(sum).unwrap();
        let fourth = b.square(square).unwrap();
        let rest = vec![
            (fourth, (0.1 + 0.05 * class as f64).into()),
            (sum, 0.5.into()),
        ];
        bent.push(b.weighted_sum(rest, 0.1).unwrap());
    }
    let first = b.mul(bent[0], bent[1]).unwrap();
    let last = b.add(first, bent[2]).unwrap();
    output(&mut b, "last", vec![last, bent[1]], 1e-3);
    b.finish().unwrap()
}

/// What is equal but for its numbers is computed once, of any number of rows, in one ciphertext or in several.
#[test]
fn classes_lie_side_by_side() {
    let blocks = "3 operations with numbers of their own side by side, in slots";
    let diagonals = "rows of 9 columns side by side, 3 sums of each by diagonals, in slots";
    for (kind, name, places) in [("blocks", blocks, 4), ("diagonals", diagonals, 16)] {
        for rows in [1, 3, 334, 1000] {
            let program = classes(rows);
            let circuit = check(&program, &Asked::layout(kind), 1e-9);
            assert_eq!(layout(circuit.as_ref()), name);
            let counts = &circuit.parameters().counts;
            let chosen = &circuit.parameters().chosen;
            let slots = chosen.iter().find(|(name, _)| name == "slots").unwrap();
            let slots: usize = slots.1.parse().unwrap();
            let ciphertexts = (rows * places).div_ceil(slots) as u64;
            assert_eq!(
                counts.multiplications,
                3 * ciphertexts,
                "{kind}, {rows} rows"
            );
        }
        let by_others = Asked {
            encryption: Encryption::Public,
            ..Asked::layout(kind)
        };
        assert!(refused(&classes(3), &by_others).contains("who decrypts is not who encrypted"));
        assert!(refused(&probability(3), &Asked::layout(kind)).contains("was asked for, where no"));
    }
    let program = classes(100);
    let auto = Asked::layout("auto").compile(&program).unwrap();
    let tried = &auto.parameters().layouts;
    for name in [blocks, diagonals] {
        let found = tried.iter().find(|c| c.layout == name);
        assert!(found.is_some_and(|c| c.expense.is_some()), "{tried:?}");
    }
}

/// Any two objectives choose different layouts for one of these programs.
#[test]
fn each_objective_has_a_choice_of_its_own() {
    let columns = "a vector for each column, in slots";
    let lanes = "2 equal operations side by side, in slots";
    let [three, four] =
        [3, 4].map(|n| format!("rows of {n} columns side by side, rotated and summed, in slots"));
    let objectives = [
        Objective::Latency,
        Objective::Throughput,
        Objective::Upload,
        Objective::Memory,
    ];
    let chosen = |program: &Program| {
        objectives.map(|objective| {
            let asked = Asked {
                objective,
                ..Asked::layout("auto")
            };
            layout(asked.compile(program).unwrap().as_ref()).to_owned()
        })
    };
    // Three ciphertexts are encrypted on two threads, one of a ring twice as large on one.
    let probability = chosen(&probability_of(300, 3));
    assert_eq!(probability, [columns, &three, &three, columns]);
    // Products computed once take less time and more memory; the fewest bytes up take the most time.
    let maximum = chosen(&maximum(30));
    assert_eq!(maximum, [lanes, lanes, &four, columns]);
    for (i, first) in objectives.iter().enumerate() {
        for (j, second) in objectives.iter().enumerate().skip(i + 1) {
            assert!(
                probability[i] != probability[j] || maximum[i] != maximum[j],
                "{first} and {second}"
            );
        }
    }
}

/// Whole factors take no level, so that a product by them may be the last level's, which has no room for more.
#[test]
fn operations_of_the_last_level_are_timed() {
    let mut b = ProgramBuilder::new("twice a square");
    let (_, x) = b.input(input("x", 8, 2)).unwrap();
    let squares = [x[0], x[1]].map(|x| b.square(x).unwrap());
    let terms = vec![(squares[0], 2.0.into()), (squares[1], 3.0.into())];
    let sum = b.weighted_sum(terms, 0.0).unwrap();
    output(&mut b, "sum", vec![sum], 1e-3);
    let circuit = Asked::layout("columns").compile(&b.finish().unwrap());
    let costs = circuit.unwrap().costs(&mut TimedNow::default());
    let costs = costs.unwrap().unwrap();
    assert!(costs.evaluate.total >= costs.evaluate.serial);
}

/// Vectors whose elements move lie in one ciphertext: of too many rows, columns are left where they are.
#[test]
fn many_rows_keep_their_columns() {
    let program = maximum(9000);
    let why = refused(&program, &Asked::layout("lanes"));
    assert!(why.contains("lie in one ciphertext"), "{why}");
    let auto = Asked::layout("auto").compile(&program).unwrap();
    assert_eq!(layout(auto.as_ref()), "a vector for each column, in slots");
}

/// Two squares and their product, with a range that interval arithmetic does not yield.
fn squares(tell: impl Fn(&mut ProgramBuilder, ValueId)) -> Program {
    let mut b = ProgramBuilder::new("squares");
    let (_, x) = b.input(input("x", 16, 2)).unwrap();
    let [first, second] = [x[0], x[1]].map(|x| b.square(x).unwrap());
    let sum = b.add(first, second).unwrap();
    let first = b.sub(sum, second).unwrap();
    tell(&mut b, first);
    let product = b.mul(first, second).unwrap();
    output(&mut b, "product", vec![product], 1e-3);
    b.finish().unwrap()
}

/// Where a range is proven, other lanes keep to it, too; where it is the author's word, they may not. Both
/// parties see which it is.
#[test]
fn lanes_keep_to_what_is_proven() {
    let known = Interval::new(0.0, 9.0);
    let proven = squares(|b, value| b.narrow(value, known));
    let circuit = check(&proven, &Asked::layout("lanes"), 1e-9);
    let name = "2 equal operations side by side, in slots";
    assert_eq!(layout(circuit.as_ref()), name);
    let stated = squares(|b, value| b.assume(value, known).unwrap());
    let why = refused(&stated, &Asked::layout("lanes"));
    assert!(why.contains("ranges were stated"), "{why}");
    check(&stated, &Asked::layout("auto"), 1e-9);
}
