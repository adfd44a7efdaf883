//! Sessions of several data owners: who may do what, and what is counted.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use hexperiment_program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder,
};
use hexperiment_task::session::{Session, SessionError};
use hexperiment_task::testkit::Testbed;
use ndarray::{Array2, array};
use scheme_plaintext::Plaintext;

/// `a + b` of owners 1 and 2.
fn program() -> Program {
    let mut builder = ProgramBuilder::new("sum");
    let mut input = |owner: u32| {
        let (_, columns) = builder
            .input(Input {
                name: format!("of {owner}"),
                owner: Party::Client(owner),
                length: 3,
                columns: vec![Column {
                    name: "x".into(),
                    range: Interval::symmetric(5.0),
                }],
                precision: 1e-6,
            })
            .unwrap();
        columns[0]
    };
    let (a, b) = (input(1), input(2));
    let sum = builder.add(a, b).unwrap();
    builder
        .output(Output {
            name: "sum".into(),
            values: vec![sum],
            precision: 1e-6,
        })
        .unwrap();
    builder.finish().unwrap()
}

fn with_session(act: impl FnOnce(Session<'_>)) {
    let testbed = Testbed::new(&Plaintext, &program()).unwrap();
    act(testbed.session());
}

/// The inputs of owners 1 and 2.
fn inputs() -> (InputId, InputId) {
    (InputId::from_index(0), InputId::from_index(1))
}

fn ones() -> Array2<f64> {
    array![[1.0], [2.0], [3.0]]
}

#[track_caller]
fn refused<T>(result: Result<T, SessionError>, expect: &str) {
    match result {
        Err(SessionError::Protocol(why)) => assert!(why.contains(expect), "{why}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("not refused"),
    }
}

#[test]
fn what_each_owner_sends_is_counted_once() {
    with_session(|mut session| {
        let (first, second) = inputs();
        let a = session.data_owner(1).encrypt(first, ones().view()).unwrap();
        let b = session
            .data_owner(2)
            .encrypt(second, ones().view())
            .unwrap();
        session.data_owner(1).send(&a).unwrap();
        session.data_owner(1).send(&a).unwrap();
        let sent = session.so_far().sent.clone();
        assert_eq!(sent.keys().copied().collect::<Vec<_>>(), [1]);
        let sums = session.server().evaluate(&[&a, &b]).unwrap();
        let table = session
            .client()
            .decrypt(OutputId::from_index(0), &sums[0])
            .unwrap();
        assert_eq!(table, 2.0 * ones());
        session.client().tell(3, 2);
        let report = session.finish();
        assert_eq!(report.sent[&1], sent[&1]);
        assert_eq!(report.sent[&1], report.sent[&2]);
        assert_eq!(report.sent[&1].bytes * 2, report.traffic.upload_bytes);
        assert_eq!(
            (report.traffic.rounds, report.traffic.upload_ciphertexts),
            (1, 2)
        );
        assert_eq!(report.told_bytes, 48);
    });
}

/// A table that the key owner encrypted in advance stands in, in any number of rounds, for the one
/// sending.
#[test]
fn the_key_owner_stands_in_for_the_absent() {
    with_session(|mut session| {
        let (first, second) = inputs();
        let zeros = Array2::zeros((3, 1));
        let stand_in = session.client().encrypt(second, zeros.view()).unwrap();
        for round in 1..=3 {
            let a = session.data_owner(1).encrypt(first, ones().view()).unwrap();
            let sums = session.server().evaluate(&[&a, &stand_in]).unwrap();
            let table = session
                .client()
                .decrypt(OutputId::from_index(0), &sums[0])
                .unwrap();
            assert_eq!(table, ones());
            assert_eq!(session.so_far().traffic.rounds, round);
        }
        let report = session.finish();
        assert_eq!(report.sent[&0].ciphertexts, 1);
        assert_eq!(report.sent[&1].ciphertexts, 3);
        assert_eq!(report.traffic.decrypted_midway, 2);
    });
}

#[test]
fn owners_keep_to_their_part() {
    with_session(|mut session| {
        let (first, second) = inputs();
        refused(
            session.data_owner(2).encrypt(first, ones().view()),
            "belongs to Client(1)",
        );
        let a = session.data_owner(1).encrypt(first, ones().view()).unwrap();
        refused(session.data_owner(2).send(&a), "sends what Client(1) made");
        let b = session
            .data_owner(2)
            .encrypt(second, ones().view())
            .unwrap();
        let sums = session.server().evaluate(&[&a, &b]).unwrap();
        let sum = OutputId::from_index(0);
        refused(
            session.data_owner(1).decrypt(sum, &sums[0]),
            "no secret key",
        );
        refused(session.client().decrypt(sum, &a), "what a server made");
        assert!(session.client().decrypt(sum, &sums[0]).is_ok());
    });
}
