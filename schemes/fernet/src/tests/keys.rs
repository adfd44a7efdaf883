//! What the server is given: the key itself, which is what transport encryption means.

use hexperiment_scheme::security::Protection;
use hexperiment_scheme::{EvaluationKeys, KeyPart, KeyRole, SchemeError};

use super::{DEMAND, compile, program};
use crate::tokens::Tokens;

/// The stated exception: here the server's bytes are the secret key, and the circuit says so.
#[test]
fn the_server_is_given_the_secret_key() {
    let circuit = compile(&program(3, 2), "row", DEMAND).unwrap();
    let keys = circuit.generate_keys().unwrap();
    let protection = circuit.parameters().security.protection();
    assert_eq!(protection, Protection::TransportOnly);
    let sizes = keys.evaluation.sizes();
    assert_eq!((sizes.shared, sizes.total()), (Some(44), 44));
    // These bytes alone open what the client encrypted.
    let text = str::from_utf8(keys.evaluation.parts()[0].bytes()).unwrap();
    let key = fernet::Fernet::new(text).unwrap();
    let table = ndarray::Array2::from_elem((3, 2), 1.5);
    let input = hexperiment_program::InputId::from_index(0);
    let sealed = keys.encryptor.encrypt(input, table.view()).unwrap();
    let tokens = sealed.downcast::<Tokens>().unwrap();
    let held = crate::layout::Held::Input(0);
    let layout = crate::layout::TokenShape::of(&program(3, 2), held, crate::layout::Per::Row);
    assert_eq!(tokens.open(&key, held, layout.unwrap()).unwrap(), table);
}

#[test]
fn what_is_no_key_is_refused() {
    let circuit = compile(&program(3, 2), "row", DEMAND).unwrap();
    for bytes in [vec![], vec![b'A'; 43], vec![b'!'; 44], vec![0xFF; 44]] {
        let part = KeyPart::new(KeyRole::Shared, bytes);
        let keys = EvaluationKeys::new(circuit.digest(), vec![part]);
        let refused = circuit.prepare(keys);
        assert!(matches!(refused, Err(SchemeError::ForeignKeys(_))));
    }
}
