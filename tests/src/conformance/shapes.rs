//! Wrong shapes, values out of range, ciphertexts of others: errors, never panics.

use std::any::Any;

use hexperiment_program::{InputId, OutputId};
use hexperiment_scheme::{CiphertextData, Ciphertexts, SchemeError};
use ndarray::{Array2, s};

use super::Subject;
use super::cases::{self, Draw};
use super::subject::Ready;

const LENGTH: usize = 4;

fn ready(subject: &Subject, name: &str) -> (Ready, Array2<f64>) {
    let ready = subject.ready(cases::linear(
        name,
        LENGTH.min(subject.profile.max_length),
        subject.profile.precision,
    ));
    let table = cases::tables(&ready.program, Draw::Real, 0).remove(0);
    (ready, table)
}

/// A table of another shape, out of range or not finite is not encrypted.
pub fn inputs_are_checked(subject: &Subject) {
    let (ready, table) = ready(subject, "input checks");
    let encrypt = |table: &Array2<f64>| {
        let input = InputId::from_index(0);
        ready.keys.encryptor.encrypt(input, table.view())
    };
    encrypt(&table).unwrap_or_else(|e| panic!("a good table: {e}"));
    let (rows, columns) = table.dim();
    let mut wrong = vec![
        ("no rows", Array2::zeros((0, columns))),
        ("no columns", Array2::zeros((rows, 0))),
        ("a row too many", Array2::zeros((rows + 1, columns))),
        ("a column too few", Array2::zeros((rows, columns - 1))),
        ("a column too many", Array2::zeros((rows, columns + 1))),
        ("transposed", Array2::zeros((columns, rows))),
    ];
    for (name, value) in [
        ("above the range", 4.5),
        ("below the range", -1e9),
        ("NaN", f64::NAN),
        ("infinite", f64::INFINITY),
        ("infinite below", f64::NEG_INFINITY),
    ] {
        let mut table = table.clone();
        table[[rows - 1, 1]] = value;
        wrong.push((name, table));
    }
    for (name, table) in wrong {
        if table.dim() == (rows, columns) && table.iter().all(|x| *x == 0.0) {
            continue; // transposing a square changes nothing
        }
        let error = encrypt(&table).err();
        assert!(error.is_some(), "{name}: was encrypted");
    }
    // A view that is not contiguous is as good as any.
    let wide = ndarray::concatenate![ndarray::Axis(1), table, table];
    let view = wide.slice(s![.., ..columns]);
    let sealed = ready.keys.encryptor.encrypt(InputId::from_index(0), view);
    let sealed = sealed.unwrap_or_else(|e| panic!("a slice: {e}"));
    let results = ready.keys.evaluator.evaluate(&[sealed]);
    let got = results.and_then(|r| ready.decrypt(&r));
    ready.compare(
        &[table],
        &got.unwrap_or_else(|e| panic!("a slice: {e}")),
        0.0,
    );
}

/// Wrong numbers of inputs are not evaluated; ciphertexts of another input's or output's shape
/// are not taken for one of this.
pub fn results_are_checked(subject: &Subject) {
    let (ready, table) = ready(subject, "result checks");
    let sealed = ready.encrypt(&[table]).unwrap_or_else(|e| panic!("{e}"));
    let evaluate = |inputs: &[Ciphertexts]| ready.keys.evaluator.evaluate(inputs).is_err();
    assert!(evaluate(&[]), "no inputs");
    assert!(
        evaluate(&[sealed[0].clone(), sealed[0].clone()]),
        "two inputs"
    );
    let results = ready.keys.evaluator.evaluate(&sealed);
    let results = results.unwrap_or_else(|e| panic!("{e}"));
    assert!(
        evaluate(&results),
        "a result of one column as an input of three"
    );
    let output = OutputId::from_index(0);
    let wrong = ready.keys.decryptor.decrypt(output, &sealed[0]);
    assert!(
        wrong.is_err(),
        "an input of three columns as an output of one"
    );
}

struct Stranger;

impl CiphertextData for Stranger {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), SchemeError> {
        bytes.extend(b"strange");
        Ok(())
    }

    fn count(&self) -> usize {
        1
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Ciphertexts of another scheme are told apart.
pub fn other_schemes_are_foreign(subject: &Subject) {
    let (ready, _) = ready(subject, "strangers");
    let stranger = Ciphertexts::new(Stranger);
    let evaluated = ready
        .keys
        .evaluator
        .evaluate(std::slice::from_ref(&stranger));
    assert!(
        matches!(evaluated, Err(SchemeError::Foreign(_))),
        "{evaluated:?}"
    );
    let decrypted = ready
        .keys
        .decryptor
        .decrypt(OutputId::from_index(0), &stranger);
    assert!(
        matches!(decrypted, Err(SchemeError::Foreign(_))),
        "{decrypted:?}"
    );
    let crossed = ready.cross(&stranger);
    assert!(
        matches!(crossed, Err(SchemeError::Foreign(_))),
        "{crossed:?}"
    );
}
