//! Evaluation keys as bytes, from a client that is hostile, broken or someone else's.

use hexperiment_program::{Interval, OutputId, Program};
use hexperiment_scheme::{
    Ciphertexts, EvaluationKeys, Evaluator, KeyPart, KeyRole, Parties, SchemeError,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Subject;
use super::cases::{self, Draw};
use super::mutations::Fate;
use super::subject::Ready;

/// A part by its role and bytes.
pub type Part = (KeyRole, Vec<u8>);

/// Programs that between them take every key that the scheme has: sums, products and rotations,
/// functions. Those that the scheme refuses are left out.
pub(super) fn programs(subject: &Subject, name: &str) -> Vec<Program> {
    let share = subject.profile.precision;
    let length = 4.min(subject.short());
    let wide = Interval::symmetric(4.0);
    let real = |what: &str, body: cases::Body<'_>| {
        let precision = (wide.width() * share, 20.0 * wide.width() * share);
        let name = format!("{name}: {what}");
        cases::program(&name, length, &[wide; 2], precision, body)
    };
    let whole = Interval::new(-4.0, 3.0);
    let precision = (0.25, 0.25);
    let step = format!("{name}: a step");
    let all = [
        cases::linear(&format!("{name}: a sum"), length, share),
        real("a product, shifted", &|b, x| {
            let product = b.mul(x[0], x[1])?;
            b.shift(product, 1)
        }),
        cases::program(&step, length, &[whole], precision, |b, x| b.step(x[0])),
    ];
    let has = |program: &Program| match subject.compile(program, subject.demand(128)) {
        Ok(_) => true,
        Err(SchemeError::Refused(_)) => false,
        Err(error) => panic!("{}: {error}", program.name()),
    };
    let native = subject.capabilities().native;
    let cheap = |program: &Program| {
        // What is rewritten takes deep circuits and no other keys.
        let mut kinds = program.counts().into_keys();
        let first = program.name().ends_with("a sum");
        first
            || kinds
                .all(|kind| native.contains(&kind) || kind == hexperiment_program::OpKind::Input)
    };
    all.into_iter().filter(|p| cheap(p) && has(p)).collect()
}

/// A circuit with its keys: what the client encrypted, and what it sends to the server first.
pub(super) struct Keyed {
    ready: Ready,
    sealed: Vec<Ciphertexts>,
    pub(super) parts: Vec<Part>,
}

impl Keyed {
    pub(super) fn new(mut ready: Ready) -> Self {
        let run = || {
            let keys = ready.circuit.generate_keys()?;
            let parts = keys.evaluation.parts().iter();
            let parts = parts.map(|p| (p.role(), p.bytes().to_vec())).collect();
            let parties = Parties {
                sizes: keys.evaluation.sizes(),
                evaluator: ready.circuit.prepare(keys.evaluation)?,
                encryptor: keys.encryptor,
                decryptor: keys.decryptor,
            };
            Ok((parts, parties))
        };
        let name = ready.program.name();
        let (parts, parties) = run().unwrap_or_else(|e: SchemeError| panic!("{name}: {e}"));
        ready.keys = parties;
        let tables = cases::tables(&ready.program, Draw::Whole, 0);
        let sealed = ready.encrypt(&tables).unwrap_or_else(|e| panic!("{e}"));
        Self {
            ready,
            sealed,
            parts,
        }
    }

    /// Whether the parts have the roles and lengths of the right ones, in their order.
    pub(super) fn have_the_form(&self, parts: &[Part]) -> bool {
        let form = |(role, bytes): &Part| (*role, bytes.len());
        self.parts.iter().map(form).eq(parts.iter().map(form))
    }

    /// What passed for keys is used: to an error or to a table of the right shape.
    pub(super) fn follow(&self, parts: Vec<Part>) -> Fate {
        let ready = &self.ready;
        let Ok(evaluator) = prepare(ready, parts) else {
            return Fate::Unread;
        };
        let Ok(results) = evaluator.evaluate(&self.sealed) else {
            return Fate::Unevaluated;
        };
        let output = OutputId::from_index(0);
        let crossed = ready.cross(&results[0]);
        match crossed.and_then(|result| ready.keys.decryptor.decrypt(output, &result)) {
            Ok(table) => {
                assert_eq!(table.dim(), (ready.program.inputs()[0].length, 1));
                Fate::Accepted
            }
            Err(_) => Fate::Undecrypted,
        }
    }
}

/// What the server makes of parts that say that they are this circuit's.
fn prepare(ready: &Ready, parts: Vec<Part>) -> Result<Box<dyn Evaluator>, SchemeError> {
    let parts = parts
        .into_iter()
        .map(|(role, bytes)| KeyPart::new(role, bytes));
    let keys = EvaluationKeys::new(ready.circuit.digest(), parts.collect());
    ready.circuit.prepare(keys)
}

/// Keys that are not all there, not of this circuit or not keys at all are an error.
pub fn foreign_keys_are_refused(subject: &Subject) {
    for program in programs(subject, "foreign keys") {
        let Keyed { ready, parts, .. } = Keyed::new(subject.ready(program));
        check_refusals(&ready, &parts);
        // Of another circuit, whatever they hold.
        let other = cases::identity(
            "another circuit",
            7.min(subject.profile.max_length),
            &[Interval::symmetric(3.0); 5],
            6.0 * subject.profile.precision,
        );
        let other = subject.ready(other);
        let keys = other.circuit.generate_keys();
        let keys = keys.unwrap_or_else(|e| panic!("{e}")).evaluation;
        foreign("another circuit's", ready.circuit.prepare(keys));
        // The same program compiles to the same circuit, whose keys are good for it.
        let again = subject.ready(ready.program.clone());
        let keys = again.circuit.generate_keys();
        let keys = keys.unwrap_or_else(|e| panic!("{e}")).evaluation;
        let taken = ready.circuit.prepare(keys);
        assert!(taken.is_ok(), "{:?}", taken.err());
    }
}

#[track_caller]
fn foreign(what: &str, prepared: Result<Box<dyn Evaluator>, SchemeError>) {
    match prepared {
        Err(SchemeError::ForeignKeys(_)) => {}
        Err(other) => panic!("{what}: {other}"),
        Ok(_) => panic!("{what}: taken for keys"),
    }
}

fn check_refusals(ready: &Ready, good: &[Part]) {
    let refused = |what: &str, parts: &[Part]| foreign(what, prepare(ready, parts.to_vec()));
    let mut more = good.to_vec();
    more.push((KeyRole::Public, vec![]));
    refused("a part too many", &more);
    more.pop();
    more.push((KeyRole::Galois, vec![7; 5000]));
    refused("a part too many", &more);
    for at in 0..good.len() {
        let changed = |change: &dyn Fn(&mut Part)| {
            let mut parts = good.to_vec();
            change(&mut parts[at]);
            parts
        };
        let n = good[at].1.len();
        for cut in [0, 1, 4, 16, 31, 63, 64, n / 3, n / 2, n - 8, n - 1] {
            let cut = cut.min(n - 1);
            let parts = changed(&|(_, bytes)| bytes.truncate(cut));
            refused(&format!("part {at}: {cut} of {n} bytes"), &parts);
        }
        refused("a byte too many", &changed(&|(_, bytes)| bytes.push(0)));
        refused(
            "twice",
            &changed(&|(_, bytes)| bytes.extend_from_within(..)),
        );
        for role in KeyRole::ALL {
            if role != good[at].0 {
                refused("another role", &changed(&|part| part.0 = role));
            }
        }
        let mut fewer = good.to_vec();
        fewer.remove(at);
        refused("a part is missing", &fewer);
        refused("the parts after are missing", &good[..at]);
    }
}

/// Keys that were changed are an error, or yield other results; they neither panic nor make anything
/// allocate what did not arrive.
pub fn tampered_keys_never_panic(subject: &Subject) {
    let mut random = ChaCha8Rng::seed_from_u64(0x5EED);
    for program in programs(subject, "tampered keys") {
        let keyed = Keyed::new(subject.ready(program));
        let good = &keyed.parts;
        let unchanged = keyed.follow(good.clone());
        assert_eq!(unchanged, Fate::Accepted, "unchanged keys");
        for at in 0..good.len() {
            let n = good[at].1.len();
            let places = [0, 63, 64, 100, n - 1].map(|place| place.min(n - 1));
            let flips = places.map(|place| (place, 1, 1_u8 << random.random_range(0..8)));
            let runs = [(0, 64), (64, 64), (0, n), (n / 2, n)];
            let runs = runs.map(|(from, count)| (from, count, 0xFF));
            for (from, count, mask) in flips.into_iter().chain(runs) {
                let mut parts = good.clone();
                let bytes = &mut parts[at].1;
                let (from, end) = (from.min(n), (from + count).min(n));
                bytes[from..end].iter_mut().for_each(|b| *b ^= mask);
                keyed.follow(parts);
            }
        }
    }
}
