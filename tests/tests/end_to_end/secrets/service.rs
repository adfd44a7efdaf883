//! The same of the service on a network: what crosses to it, what it keeps on its disk and what it holds in its
//! memory, while the keys of a session lie there.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::spawn;

use hexperiment_scheme::registry;
use hexperiment_service::api::JobRequest;
use hexperiment_service::client::{Endpoint, ServiceClient};
use hexperiment_service::token::Token;

use super::recorded::Record;
use super::*;
use crate::service::Served;

/// Listens in front of a service, and keeps what passes, both ways.
fn listened(service: &Served) -> (String, Record) {
    let (_, address) = service.url.split_once("://").unwrap();
    let (address, record) = (address.to_owned(), Record::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let kept = Arc::clone(&record);
    spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(&address).unwrap());
            for (from, to) in [(&client, &server), (&server, &client)] {
                let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                let kept = Arc::clone(&kept);
                spawn(move || pass(from, to, &kept));
            }
        }
    });
    (url, record)
}

fn pass(mut from: TcpStream, mut to: TcpStream, kept: &Record) {
    let mut piece = vec![0; 1 << 16];
    while let Ok(count) = from.read(&mut piece)
        && count > 0
    {
        kept.lock().unwrap().extend(&piece[..count]);
        if to.write_all(&piece[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[track_caller]
fn check(scheme: &str) {
    let name = marker();
    let service = Served::start(&["--plain", "--accept-shared-keys"]);
    let token = service.token("client");
    let (url, record) = listened(&service);
    let endpoint = Endpoint::new(&url, None, Token::parse(&token).unwrap()).unwrap();
    let talk = ServiceClient::new(&endpoint).unwrap();
    let program = program(scheme, &name);
    let (order, circuit) = compiled(scheme, &program);
    let library = registry::scheme(scheme).unwrap().manifest().library;
    let registered = talk
        .register(&order, circuit.digest(), &library, false)
        .unwrap();
    talk.wait_for_program(&registered.id).unwrap();
    let mut keys = circuit.generate_keys().unwrap();
    let parts = keys.evaluation.parts().iter();
    let sent = parts.map(|part| part.bytes().to_vec()).collect();
    let gone = EvaluationKeys::new(circuit.digest(), vec![]);
    let evaluation = std::mem::replace(&mut keys.evaluation, gone);
    let uploaded = talk.upload_keys(&registered.id, &evaluation, None).unwrap();
    let (tables, mut to_server, mut inputs) = (tables(), vec![], vec![]);
    for (index, table) in tables.iter().enumerate() {
        let input = InputId::from_index(index);
        let ciphertexts = keys.encryptor.encrypt(input, table.view()).unwrap();
        let bytes = ciphertexts.to_bytes().unwrap();
        to_server.extend(frame(br#"{"type":"ciphertexts","handle":0}"#, &bytes));
        inputs.push(talk.upload_ciphertexts(&uploaded.id, &bytes).unwrap().id);
    }
    let job = JobRequest {
        keys: uploaded.id,
        inputs,
        outputs: vec![0, 1],
        request: None,
    };
    let done = talk.wait_for_job(&talk.submit(&job).unwrap().id).unwrap();
    let mut from_server = vec![];
    for result in &done.results {
        let bytes = talk.download(result).unwrap();
        from_server.extend(frame(br#"{"type":"results"}"#, &bytes));
    }
    let conversation = Conversation {
        circuit,
        client: keys,
        sent,
        truth: program.interpret(&tables).unwrap().remove(0),
        tables,
        to_server,
        from_server,
    };
    let sought = sought(scheme, &name, &conversation);
    let (has_key, kept, crossed) = (
        scheme == "fernet",
        service.everything(),
        record.lock().unwrap().clone(),
    );
    for (what, bytes) in [("what crossed", &crossed), ("its files", &kept)] {
        // The search is sound: the program is there.
        let program = bytes.windows(name.len()).any(|w| w == name.as_bytes());
        assert!(program, "{scheme}, {what}");
        let found = sought.secret.within(bytes);
        assert_eq!(!found.is_empty(), has_key, "{scheme}, {what}: {found:?}");
        let found = sought.numbers.within(bytes);
        assert_eq!(found, Found::new(), "{scheme}, {what}");
    }
    // Keys pass through it, and lie nowhere in it: the process of the job alone has loaded them.
    let found = in_memory(service.id(), &sought.secret);
    assert!(has_key || found.is_empty(), "{scheme}: {found:?}");
    assert_eq!(
        in_memory(service.id(), &sought.numbers),
        Found::new(),
        "{scheme}"
    );
    // Nor is the token on its disk, which crossed in every request.
    let has_token = |bytes: &[u8]| bytes.windows(token.len()).any(|w| w == token.as_bytes());
    assert!(has_token(&crossed) && !has_token(&kept), "{scheme}");
    without_the_key(scheme, &conversation);
}

#[test]
fn a_service_of_fernet_has_the_key() {
    check("fernet");
}

#[test]
fn a_service_of_paillier_has_no_secret_key() {
    check("paillier");
}

#[test]
fn a_service_of_seal_ckks_has_no_secret_key() {
    check("seal-ckks");
}

#[test]
fn a_service_of_tfhe_has_no_secret_key() {
    check("tfhe");
}
