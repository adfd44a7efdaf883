//! Recorded conversations, damaged: each ends in an error, or in an answer of the same length.

use std::sync::OnceLock;

use proptest::prelude::*;

use hexperiment_program::InputId;
use hexperiment_program::layout::Objective;

use super::program::{asked, record_program, replay_program};
use super::*;
use crate::head::Head;
use crate::link::Link;

fn transcript() -> &'static Transcript {
    static TRANSCRIPT: OnceLock<Transcript> = OnceLock::new();
    TRANSCRIPT.get_or_init(|| record().0)
}

/// The conversation of a program that is the client with its host.
fn of_program() -> &'static Transcript {
    static TRANSCRIPT: OnceLock<Transcript> = OnceLock::new();
    TRANSCRIPT.get_or_init(record_program)
}

/// As [`damaged`], of a program and its host.
fn damaged_program(from_host: &[u8], from_program: &[u8]) -> [bool; 2] {
    let whole = of_program();
    let (ending, answers) = replay_program(from_host);
    if let Ok(Ending::Bye) = ending {
        assert!(answers.len() <= whole.from_server.len());
    }
    let (result, asked) = asked(from_program);
    if result.is_ok() {
        // One that says that it does not simulate is asked once less.
        assert!(asked.len() <= whole.from_client.len());
    }
    [!matches!(ending, Ok(Ending::Bye)), result.is_err()]
}

/// Both sides hear a damaged version of what the other one said. Neither panics, and a side
/// that notices nothing has said as much as before; whether the server noticed.
fn damaged(from_client: &[u8], from_server: &[u8]) -> [bool; 2] {
    let whole = transcript();
    let (ending, answers) = replay(from_client);
    if let Ok(Ending::Bye) = ending {
        assert_eq!(answers.len(), whole.from_server.len());
    }
    let (result, asked) = answered(from_server);
    if result.is_ok() {
        assert_eq!(asked.len(), whole.from_client.len());
    }
    [!matches!(ending, Ok(Ending::Bye)), result.is_err()]
}

/// Every truncation is noticed.
#[test]
fn every_truncation_is_an_error() {
    let whole = transcript();
    for length in 0..whole.from_client.len() {
        let [noticed, _] = damaged(&whole.from_client[..length], b"");
        assert!(noticed, "the server takes {length} bytes for all");
    }
    for length in 0..whole.from_server.len() {
        let [_, noticed] = damaged(b"", &whole.from_server[..length]);
        assert!(noticed, "the client takes {length} bytes for all");
    }
}

/// The same of a program and its host. Where a host stops after a frame, the program has nothing more
/// to say: the stream's end is told as such.
#[test]
fn every_truncation_of_a_program_is_an_error() {
    let whole = of_program();
    for length in 0..whole.from_client.len() {
        let [noticed, _] = damaged_program(&whole.from_client[..length], b"");
        assert!(noticed, "the program takes {length} bytes for all");
    }
    for length in 0..whole.from_server.len() {
        let [_, noticed] = damaged_program(b"", &whole.from_server[..length]);
        assert!(noticed, "the host takes {length} bytes for all");
    }
}

/// Every byte is changed in several ways. Most changes are noticed; those within masked numbers, keys
/// and times cannot be.
#[test]
fn every_changed_byte() {
    let whole = transcript();
    let mut noticed = [0, 0];
    let change = |stream: &[u8], at: usize, by: u8| {
        let mut changed = stream.to_vec();
        if let Some(byte) = changed.get_mut(at) {
            *byte ^= by;
        }
        changed
    };
    let program = of_program();
    let longest = [whole, program].map(|t| t.from_client.len().max(t.from_server.len()));
    let longest = longest[0].max(longest[1]);
    for at in 0..longest {
        for by in [1, 0x04, 0x20, 0x80, 0xff] {
            let found = damaged(
                &change(&whole.from_client, at, by),
                &change(&whole.from_server, at, by),
            );
            for (count, found) in noticed.iter_mut().zip(found) {
                *count += usize::from(found);
            }
            // Nothing panics; what is noticed is counted above.
            damaged_program(
                &change(&program.from_client, at, by),
                &change(&program.from_server, at, by),
            );
        }
    }
    let lengths = [whole.from_client.len(), whole.from_server.len()];
    for (noticed, length) in noticed.into_iter().zip(lengths) {
        assert!(noticed * 10 > length * 5 * 6, "{noticed} of {}", length * 5);
    }
}

/// One damage to a stream: where, how, with what.
#[derive(Clone, Debug)]
enum Damage {
    Change(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = 0..4096_usize;
    prop_oneof![
        4 => (place.clone(), any::<u8>()).prop_map(|(at, by)| Damage::Change(at, by)),
        1 => (place.clone(), prop::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        1 => (place.clone(), 1..200_usize).prop_map(|(at, count)| Damage::Remove(at, count)),
        1 => (place, 1..200_usize).prop_map(|(at, count)| Damage::Repeat(at, count)),
    ]
}

fn apply(stream: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut stream = stream.to_vec();
    for damage in damages {
        let length = stream.len();
        let within = |at: &usize, count: usize| {
            let at = at % (length + 1);
            at..(at + count).min(length)
        };
        match damage {
            Damage::Change(at, by) => stream[within(at, 1)].iter_mut().for_each(|b| *b ^= by),
            Damage::Insert(at, bytes) => {
                let at = within(at, 0).start;
                stream.splice(at..at, bytes.iter().copied());
            }
            Damage::Remove(at, count) => {
                stream.drain(within(at, *count));
            }
            Damage::Repeat(at, count) => {
                let range = within(at, *count);
                let again = stream[range.clone()].to_vec();
                stream.splice(range.end..range.end, again);
            }
        }
    }
    stream
}

/// How many of so many damaged conversations each side notices.
fn fuzz(cases: u32) {
    let strategy = prop::collection::vec(damage(), 1..4);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let (whole, program) = (transcript(), of_program());
    runner
        .run(&strategy, |damages| {
            // That nothing panics and lengths agree is asserted within. Several damages may make
            // another conversation, which is shorter: of one, lengths agree.
            let from_client = apply(&whole.from_client, &damages);
            let from_server = apply(&whole.from_server, &damages);
            let _ = replay(&from_client);
            let _ = answered(&from_server);
            let from_host = apply(&program.from_client, &damages);
            let from_program = apply(&program.from_server, &damages);
            let _ = replay_program(&from_host);
            let _ = asked(&from_program);
            Ok(())
        })
        .unwrap();
}

#[test]
fn damaged_conversations() {
    fuzz(2000);
}

/// Each side hears 100,000 damaged conversations. By hand, after changes of the protocol:
/// `cargo test --release --package hexperiment-wire -- --ignored` (some seconds).
#[test]
#[ignore = "long"]
fn two_hundred_thousand_damaged_conversations() {
    fuzz(100_000);
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(u64::MAX), any::<u64>()]
}

fn measured() -> impl Strategy<Value = Measured> {
    (number(), number(), prop::option::of(number())).prop_map(|(wall_ns, cpu_ns, peak)| Measured {
        wall_ns,
        cpu_ns,
        peak_rss_bytes: peak,
    })
}

fn handles() -> impl Strategy<Value = Vec<Handle>> {
    prop::collection::vec(any::<u32>().prop_map(Handle), 0..20)
}

/// A value of an option, as far as a list of lists.
fn option_value() -> impl Strategy<Value = OptionValue> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(OptionValue::Flag),
        any::<i64>().prop_map(OptionValue::Integer),
        (-1e300..1e300_f64).prop_map(OptionValue::Number),
        any::<String>().prop_map(OptionValue::Text),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(OptionValue::List)
    })
}

/// Any head.
fn head() -> impl Strategy<Value = Head> {
    let text = any::<String>;
    let options = prop::collection::btree_map(text(), option_value(), 0..5).prop_map(|given| {
        let mut options = Options::default();
        for (name, value) in given {
            options.set(&name, value);
        }
        options
    });
    let objective = prop::sample::select(vec![
        Objective::Latency,
        Objective::Throughput,
        Objective::Upload,
        Objective::Memory,
    ]);
    let outputs = prop::collection::vec((0..1000_usize).prop_map(OutputId::from_index), 0..9);
    prop_oneof![
        (any::<u32>(), text()).prop_map(|(version, software)| Head::Hello { version, software }),
        (
            text(),
            options,
            any::<u32>(),
            any::<bool>(),
            number(),
            objective
        )
            .prop_map(|(scheme, options, bits, insecure, threads, objective)| {
                Head::Compile {
                    scheme,
                    options,
                    security: SecurityDemand::new(bits, insecure),
                    threads,
                    objective,
                }
            }),
        (text(), text(), measured()).prop_map(|(circuit, library, measured)| Head::Compiled {
            circuit,
            library,
            measured
        }),
        (text(), number(), number()).prop_map(|(circuit, parts, bytes)| Head::Keys {
            circuit,
            parts,
            bytes
        }),
        text().prop_map(|role| Head::Key { role }),
        measured().prop_map(|measured| Head::Prepared { measured }),
        any::<u32>().prop_map(|n| Head::Ciphertexts { handle: Handle(n) }),
        (number(), measured()).prop_map(|(ciphertexts, measured)| Head::Stored {
            ciphertexts,
            measured
        }),
        (handles(), outputs, handles()).prop_map(|(inputs, outputs, results)| Head::Evaluate {
            inputs,
            outputs,
            results
        }),
        measured().prop_map(|measured| Head::Evaluated { measured }),
        any::<u32>().prop_map(|n| Head::Download { handle: Handle(n) }),
        (number(), measured()).prop_map(|(ciphertexts, measured)| Head::Results {
            ciphertexts,
            measured
        }),
        handles().prop_map(|handles| Head::Discard { handles }),
        Just(Head::Discarded {}),
        program_head(),
        Just(Head::Bye {}),
        measured().prop_map(|measured| Head::Ended { measured }),
        text().prop_map(|reason| Head::Refused { reason }),
        text().prop_map(|reason| Head::Failed { reason }),
    ]
}

/// A head of the conversation with a program that is the client.
fn program_head() -> impl Strategy<Value = Head> {
    let text = any::<String>;
    let place = 0..1000_usize;
    prop_oneof![
        Just(Head::Describe {}),
        measured().prop_map(|measured| Head::Described { measured }),
        Just(Head::Capabilities {
            options: order().options
        }),
        measured().prop_map(|measured| Head::Capable { measured }),
        (text(), text(), any::<bool>(), measured()).prop_map(
            |(circuit, library, simulates, measured)| Head::Parameters {
                circuit,
                library,
                simulates,
                measured,
            }
        ),
        Just(Head::GenerateKeys {}),
        measured().prop_map(|measured| Head::Generated { measured }),
        place.clone().prop_map(|place| Head::Encrypt {
            input: InputId::from_index(place)
        }),
        (number(), measured()).prop_map(|(ciphertexts, measured)| Head::Encrypted {
            ciphertexts,
            measured
        }),
        place.prop_map(|place| Head::Decrypt {
            output: OutputId::from_index(place)
        }),
        measured().prop_map(|measured| Head::Decrypted { measured }),
        Just(Head::Simulate {}),
        measured().prop_map(|measured| Head::Simulated { measured }),
    ]
}

proptest! {
    #[test]
    fn every_frame_survives(head in head(), body in prop::collection::vec(any::<u8>(), 0..200)) {
        let limits = Limits { head_bytes: 1 << 20, ..LIMITS };
        let body = if head.body_limit(&limits).1 > 0 { body } else { Vec::new() };
        let mut stream = Vec::new();
        Link::new(std::io::empty(), &mut stream, limits).send(&head, &body).unwrap();
        let mut link = Link::new(Cursor::new(&stream), Vec::new(), limits);
        let name: &'static [&'static str] = vec![head.name()].leak();
        prop_assert_eq!(link.receive(name).unwrap(), (head, body));
        link.finish().unwrap();
    }
}
