//! Bytes that are not ciphertexts, and ciphertexts that are not these.

use super::*;
use hexperiment_scheme::options::OptionValue::Flag;

#[track_caller]
fn foreign<T>(result: Result<T, SchemeError>, reason: &str) {
    match result {
        Err(SchemeError::Foreign(why)) => assert!(why.contains(reason), "{why}"),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn malformed_bytes_are_errors() {
    let program = score(5, 2, 1e-6);
    let circuit = compile(&program, &small(&[]), INSECURE).unwrap();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let table = &tables(&program, 1)[0];
    let id = InputId::from_index(0);
    let good = keys.encryptor.encrypt(id, table.view()).unwrap();
    let good = good.to_bytes().unwrap();
    assert_eq!(good.len(), 40 + 2 * 128);
    assert!(circuit.load(&good).is_ok());
    for length in [0, 1, 39, 40, 41, good.len() - 1] {
        foreign(circuit.load(&good[..length]), "bytes");
    }
    let longer: Vec<u8> = good.iter().copied().chain([0]).collect();
    foreign(circuit.load(&longer), "bytes");
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        circuit.load(&changed)
    };
    foreign(with(0, b"X"), "does not start");
    foreign(with(4, &1024_u32.to_le_bytes()), "modulus of 1024 bits");
    foreign(
        with(8, &9_u32.to_le_bytes()),
        "neither an input nor an output",
    );
    foreign(with(8, &1_u32.to_le_bytes()), "output number 0: 2 columns");
    foreign(
        with(12, &7_u32.to_le_bytes()),
        "input number 7 of a program",
    );
    foreign(with(16, &u32::MAX.to_le_bytes()), "4294967295 columns");
    foreign(with(20, &0_u32.to_le_bytes()), "of 0 ciphertexts");
    foreign(with(40, &[0; 128]), "number 0 is 0");
}

#[test]
fn a_number_beyond_the_square_is_found_with_the_key() {
    let program = score(5, 1, 1e-6);
    let circuit = compile(&program, &small(&[]), INSECURE).unwrap();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let table = &tables(&program, 1)[0];
    let id = InputId::from_index(0);
    let good = keys.encryptor.encrypt(id, table.view()).unwrap();
    let mut bytes = good.to_bytes().unwrap();
    bytes[40..].fill(0xff);
    let bad = circuit.load(&bytes).unwrap();
    foreign(
        keys.evaluator.evaluate(std::slice::from_ref(&bad)),
        "modulus squared",
    );
    foreign(
        keys.decryptor.decrypt(OutputId::from_index(0), &bad),
        "modulus squared",
    );
}

#[test]
fn ciphertexts_of_another_key_or_shape_are_errors() {
    let program = score(5, 2, 1e-6);
    let circuit = compile(&program, &small(&[]), INSECURE).unwrap();
    let (ours, theirs) = (
        Parties::of(circuit.as_ref()).unwrap(),
        Parties::of(circuit.as_ref()).unwrap(),
    );
    let sealed = encrypt(circuit.as_ref(), &ours, &tables(&program, 1));
    foreign(theirs.evaluator.evaluate(&sealed), "another key");
    let result = ours.evaluator.evaluate(&sealed).unwrap();
    let id = OutputId::from_index(0);
    foreign(theirs.decryptor.decrypt(id, &result[0]), "another key");
    foreign(ours.evaluator.evaluate(&result), "found output number 0");
    foreign(
        ours.decryptor.decrypt(id, &sealed[0]),
        "found input number 0",
    );
    assert!(matches!(
        ours.evaluator.evaluate(&[]),
        Err(SchemeError::Program(_))
    ));

    // A packed circuit's ciphertexts do not pass for an unpacked one's.
    let options = small(&[("packing", Flag(false))]);
    let unpacked = compile(&program, &options, INSECURE).unwrap();
    let keys = Parties::of(unpacked.as_ref()).unwrap();
    foreign(keys.decryptor.decrypt(id, &result[0]), "another key");
}

#[test]
fn a_changed_result_outside_its_range_is_refused() {
    let program = score(2, 2, 1e-6);
    let circuit = compile(&program, &small(&[]), INSECURE).unwrap();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let sealed = encrypt(circuit.as_ref(), &keys, &tables(&program, 1));
    let result = keys.evaluator.evaluate(&sealed).unwrap().remove(0);
    let mut bytes = result.to_bytes().unwrap();
    // Some other unit modulo n^2: its message is random.
    bytes[50] ^= 1;
    let changed = circuit.load(&bytes).unwrap();
    let decrypted = keys.decryptor.decrypt(OutputId::from_index(0), &changed);
    foreign(decrypted, "key or was changed");
}

#[test]
fn values_outside_the_declared_range_are_not_encrypted() {
    let program = score(2, 1, 1e-6);
    let circuit = compile(&program, &small(&[]), INSECURE).unwrap();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    for bad in [7.0, f64::NAN, f64::INFINITY] {
        let table = Array2::from_elem((2, 1), bad);
        let result = keys.encryptor.encrypt(InputId::from_index(0), table.view());
        assert!(matches!(result, Err(SchemeError::Program(_))));
        assert!(circuit.simulate(&[table]).is_err());
    }
}

#[test]
fn results_are_taken_for_inputs_of_their_scale_and_range_only() {
    let program = |factor: f64| {
        let mut builder = ProgramBuilder::new("rounds");
        let declared = input("x", 4, 1, Interval::symmetric(8.0), 1e-3);
        let (_, x) = builder.input(declared).unwrap();
        let y = builder.scale(x[0], factor).unwrap();
        builder.output(output("y", vec![y], 1e-3)).unwrap();
        builder.finish().unwrap()
    };
    for (factor, reason) in [(-1.0, None), (2.0, Some("range")), (0.3, Some("scale"))] {
        let program = program(factor);
        let circuit = compile(&program, &small(&[]), INSECURE).unwrap();
        let keys = Parties::of(circuit.as_ref()).unwrap();
        let tables = tables(&program, 1);
        let sealed = encrypt(circuit.as_ref(), &keys, &tables);
        let once = keys.evaluator.evaluate(&sealed).unwrap();
        let twice = keys.evaluator.evaluate(&once);
        if let Some(reason) = reason {
            foreign(twice, reason);
        } else {
            let id = OutputId::from_index(0);
            let back = keys.decryptor.decrypt(id, &twice.unwrap()[0]).unwrap();
            assert!((back - &tables[0]).iter().all(|x| x.abs() < 1e-3));
        }
    }
}
