//! Ciphertexts that are sent before the server has said anything of those before them.

use super::*;
use crate::client::Ready;

const MANY: Limits = Limits {
    handles: 512,
    ..LIMITS
};

/// A client with keys whose server, at the other end of two pipes, is in a thread of its own; what `does` says of it.
fn with_server<T>(
    does: impl FnOnce(&mut Client<Ready, PipeReader, PipeWriter>) -> T,
) -> (T, Result<Ending, WireError>) {
    let (at_server, to_server) = pipe().unwrap();
    let (at_client, to_client) = pipe().unwrap();
    let server = std::thread::spawn(move || {
        let mut masking = Masking::default();
        serve(at_server, to_client, MANY, SOFTWARE, &mut masking)
    });
    let order = order();
    let client = Client::greet(at_client, to_server, MANY, SOFTWARE).unwrap();
    let (client, _) = client.compile(&order, circuit(&order).unwrap()).unwrap();
    let (mut client, _) = client.send_keys(keys(&order)).unwrap();
    let done = does(&mut client);
    drop(client);
    (done, server.join().unwrap())
}

/// Ciphertexts are sent ahead of their answers, as many as there are, and evaluated behind them.
#[test]
fn ciphertexts_go_ahead_of_their_answers() {
    let (sum, _) = with_server(|client| {
        let mut ahead = |byte: u8| {
            let mut source = Cursor::new([byte; 4]);
            client.forward_ciphertexts(&mut source, 4, &mut |_| {})
        };
        // More than are sent before one is heard of.
        let handles: Vec<Handle> = (0..200).map(|byte| ahead(byte).unwrap()).collect();
        let (results, _) = client
            .evaluate(&[handles[1], handles[199]], &[OutputId::from_index(0)])
            .unwrap();
        client.discard(&handles).unwrap();
        client.download(results[0]).unwrap().bytes
    });
    assert_eq!(sum, [200; 4]);
}

/// What the server says of ciphertexts that were sent ahead is heard by whatever is asked next, also where it has gone by then.
#[test]
fn bad_ciphertexts_ahead_are_told_of() {
    for more in [0, 1, 3, 70] {
        let (error, ending) = with_server(|client| {
            let mut ahead = |length: usize| {
                let mut source = Cursor::new(vec![1; length]);
                client.forward_ciphertexts(&mut source, length as u64, &mut |_| {})
            };
            let good = ahead(4).unwrap();
            let mut told = ahead(5).map(|_| ());
            for _ in 0..more {
                told = told.and_then(|()| ahead(4).map(|_| ()));
            }
            let sum = OutputId::from_index(0);
            told.and_then(|()| client.evaluate(&[good, good], &[sum]).map(|_| ()))
                .unwrap_err()
        });
        assert!(
            matches!(&error, WireError::Failed(why) if why == "found 5 bytes, expected 4"),
            "{more}: {error}"
        );
        assert_eq!(ending.unwrap(), Ending::Stopped);
    }
}
