//! What the scheme says of itself.

use hexperiment_scheme::security::Protection;

use super::*;

#[test]
fn it_protects_the_way_only() {
    let circuit = compile(&program(334, 9), "row", DEMAND).unwrap();
    let parameters = circuit.parameters();
    assert_eq!(parameters.security.protection(), Protection::TransportOnly);
    assert_eq!(parameters.security.bits(), 128);
    assert!(parameters.server_sees.starts_with("everything"));
    let tokens = parameters.chosen.iter().find(|(k, _)| k.contains("`x`"));
    let expected = "334 of 204 characters, for 72 bytes of numbers each";
    assert_eq!(tokens.unwrap().1, expected);
}

#[track_caller]
fn check_demand(bits: u32, insecure: bool, taken: bool) {
    let demand = SecurityDemand::new(bits, insecure);
    match compile(&program(2, 2), "row", demand) {
        Ok(circuit) => {
            assert!(taken, "{bits} bits");
            assert_eq!(circuit.parameters().security.bits(), 128);
        }
        Err(SchemeError::Refused(refusal)) => {
            assert!(!taken, "{bits} bits: {refusal}");
            assert!(refusal.reason.contains("AES-128"), "{refusal}");
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn more_than_aes_128_is_refused() {
    check_demand(128, false, true);
    check_demand(129, false, false);
    check_demand(256, false, false);
    check_demand(256, true, true);
}
