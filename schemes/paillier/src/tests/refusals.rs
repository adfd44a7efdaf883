//! What cannot be done says why; weak parameters are refused.

use super::*;
use hexperiment_scheme::options::OptionValue::Integer;

#[track_caller]
fn refused(result: Result<Box<dyn Circuit>, SchemeError>, operation: &str, reason: &str) {
    match result {
        Err(SchemeError::Refused(refusal)) => {
            assert_eq!(refusal.operation, operation);
            assert!(refusal.reason.contains(reason), "{}", refusal.reason);
        }
        Err(other) => panic!("not a refusal: {other}"),
        Ok(_) => panic!("not refused"),
    }
}

/// A program of one operation on two columns, followed by a sum, so that no client can finish.
fn of(op: impl Fn(&mut ProgramBuilder, ValueId, ValueId) -> ValueId) -> Program {
    let mut builder = ProgramBuilder::new("two");
    let declared = input("x", 3, 2, Interval::new(0.0, 1.0), 1e-6);
    let (_, x) = builder.input(declared).unwrap();
    let result = op(&mut builder, x[0], x[1]);
    let sum = builder.add(result, x[0]).unwrap();
    builder.output(output("y", vec![sum], 1e-6)).unwrap();
    builder.finish().unwrap()
}

#[test]
fn products_and_functions_are_refused() {
    let cases = [
        (
            of(|b, x, y| b.mul(x, y).unwrap()),
            "mul",
            "cannot be multiplied",
        ),
        (
            of(|b, x, _| b.square(x).unwrap()),
            "mul",
            "needed for square",
        ),
        (of(|b, x, y| b.max(x, y).unwrap()), "max", "comparing"),
        (
            of(|b, x, _| b.sigmoid(x).unwrap()),
            "sigmoid",
            "client can apply",
        ),
        (
            of(|b, x, y| b.and(vec![x, y]).unwrap()),
            "and",
            "cannot be multiplied",
        ),
    ];
    for (program, operation, reason) in cases {
        let options = small(&[]);
        refused(compile(&program, &options, INSECURE), operation, reason);
    }
}

#[test]
fn moduli_match_the_demand() {
    let program = score(3, 2, 1e-6);
    let demand = |bits| SecurityDemand::new(bits, false);
    let circuit = compile(&program, &options(&[]), demand(128)).unwrap();
    assert_eq!(circuit.parameters().security.bits(), 128);
    assert!(
        circuit
            .parameters()
            .chosen
            .contains(&("modulus".into(), "3072 bits".into()))
    );
    let circuit = compile(&program, &options(&[]), demand(192)).unwrap();
    assert_eq!(circuit.parameters().security.bits(), 192);

    let with = |bits| options(&[("modulus_bits", Integer(bits))]);
    refused(
        compile(&program, &with(2048), demand(128)),
        "security",
        "insecure = true",
    );
    let specs = Paillier.manifest().options;
    let spec = specs.iter().find(|spec| spec.name == "modulus_bits");
    let found = spec.unwrap().check(Integer(3070)).unwrap_err();
    assert_eq!(found, "found 3070, expected a multiple of 16, as 3072");
    let circuit = compile(&program, &with(2048), demand(112)).unwrap();
    assert_eq!(circuit.parameters().security.bits(), 112);
    let circuit = compile(&program, &with(512), INSECURE).unwrap();
    assert_eq!(circuit.parameters().security.bits(), 0);
}

#[test]
fn what_the_modulus_cannot_carry_is_refused() {
    let program = score(3, 2, 1e-150);
    refused(
        compile(&program, &small(&[]), INSECURE),
        "message space",
        "modulus",
    );
    let program = score(3, 2, 1e-300);
    let column = "input column `x 0`";
    refused(
        compile(&program, &small(&[]), INSECURE),
        "message space",
        column,
    );

    // Every product adds its factor's bits.
    let mut builder = ProgramBuilder::new("chain");
    let declared = input("x", 1, 1, Interval::new(0.0, 1.0), 1e-6);
    let (_, x) = builder.input(declared).unwrap();
    let mut value = x[0];
    for i in 0..40 {
        value = builder.scale(value, 0.9 + 0.001 * f64::from(i)).unwrap();
    }
    builder.output(output("y", vec![value], 1e-6)).unwrap();
    let program = builder.finish().unwrap();
    refused(
        compile(&program, &small(&[]), INSECURE),
        "message space",
        "fractional bits",
    );
    check(&program, &options(&[("modulus_bits", Integer(2048))]));
}
