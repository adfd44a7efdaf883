//! What a scheme says of itself and of its circuits.

use hexperiment_program::Interval;
use hexperiment_scheme::SchemeError;
use hexperiment_scheme::security::failure::Failure;
use hexperiment_scheme::security::{Encryption, Protection, SecurityDemand};

use super::Subject;
use super::cases;
use super::operations::check_refusal;

/// A level that is demanded is kept or refused.
pub fn security_is_what_was_demanded(subject: &Subject) {
    let length = subject.short();
    let program = cases::linear("security", length, subject.profile.precision);
    for bits in [128, 192, 256, 300] {
        let demand = subject.demand(bits);
        match subject.compile(&program, demand) {
            Ok((_, circuit)) => {
                let security = &circuit.parameters().security;
                if let Some(problem) = security.contradiction() {
                    panic!("security: {problem}");
                }
                if security.protection() == Protection::None {
                    assert_eq!(security.bits(), 0, "what is not encrypted has no level");
                } else {
                    assert!(
                        security.bits() >= bits,
                        "{bits} bits demanded: {security:?}"
                    );
                }
            }
            Err(SchemeError::Refused(refusal)) => {
                assert!(bits > 128, "128 bits are refused: {refusal}");
                check_refusal("security", &refusal);
            }
            Err(error) => panic!("{bits} bits: {error}"),
        }
    }
}

/// A failure probability that is demanded of a run is kept or refused.
pub fn failures_are_as_rare_as_demanded(subject: &Subject) {
    let length = subject.short();
    let program = cases::linear("failure", length, subject.profile.precision);
    for failure_log2 in [-256, -128, -40] {
        let demand = SecurityDemand {
            failure_log2,
            ..subject.demand(128)
        };
        match subject.compile(&program, demand) {
            Ok((_, circuit)) => {
                let parameters = circuit.parameters();
                if let Err(problem) = parameters.failure.hold(failure_log2) {
                    panic!("failure: {problem}");
                }
                let noisy = parameters.noise_tolerance.iter().any(|t| *t > 0.0);
                assert!(
                    !(noisy && parameters.failure == Failure::Impossible),
                    "noise is tolerated, and none is stated: {:?}",
                    parameters.noise_tolerance
                );
            }
            Err(SchemeError::Refused(refusal)) => {
                let usual = SecurityDemand::FAILURE_KEPT;
                assert!(failure_log2 < usual, "2^{usual} is refused: {refusal}");
                check_refusal("failure", &refusal);
            }
            Err(error) => panic!("2^{failure_log2}: {error}"),
        }
    }
}

/// A program of more levels than there are parameters for is refused, unless the scheme has no
/// such bound.
pub fn deep_programs_are_refused_or_satisfied(subject: &Subject) {
    let name = "sixty squares";
    let range = [Interval::symmetric(1.0)];
    let precision = 2.0 * subject.profile.precision;
    let program = cases::program(
        name,
        subject.short(),
        &range,
        (precision, precision),
        |b, x| (0..60).try_fold(x[0], |y, _| b.square(y)),
    );
    let demand = subject.demand(128);
    match subject.compile(&program, demand) {
        Ok((_, circuit)) => {
            let security = &circuit.parameters().security;
            let enough = security.protection() == Protection::None || security.bits() >= 128;
            assert!(enough, "{security:?}");
        }
        Err(SchemeError::Refused(refusal)) => check_refusal(name, &refusal),
        Err(error) => panic!("{name}: {error}"),
    }
}

/// The manifest and the parameters say all that reports need.
pub fn statements_are_complete(subject: &Subject) {
    let manifest = subject.scheme.manifest();
    assert!(!manifest.doc.is_empty() && !manifest.library.is_empty());
    for (i, option) in manifest.options.iter().enumerate() {
        let name = option.name;
        assert!(!option.doc.is_empty(), "option {name} has no doc");
        let twice = manifest.options[..i].iter().any(|o| o.name == name);
        assert!(!twice, "option {name} is declared twice");
        if let Some(default) = &option.default {
            let checked = option.check(default.clone());
            assert!(checked.is_ok(), "option {name}: its default: {checked:?}");
        }
    }
    let capabilities = subject.capabilities();
    let explained = |k| !capabilities.missing.contains_key(&k);
    assert!(
        capabilities.native.iter().all(|k| explained(*k)),
        "an operation is native and missing"
    );
    let length = subject.short();
    let ready = subject.ready(cases::linear(
        "statements",
        length,
        subject.profile.precision,
    ));
    let parameters = ready.circuit.parameters();
    assert!(!parameters.chosen.is_empty(), "no parameters are named");
    assert!(
        !parameters.server_sees.is_empty(),
        "what does the server see?"
    );
    assert!(
        !parameters.security.basis().is_empty(),
        "a level without its basis"
    );
    for tolerance in &parameters.noise_tolerance {
        // Beside results of up to 6.5: a bound that could fail.
        assert!((0.0..1.0).contains(tolerance), "tolerance {tolerance}");
    }
    let sent = ready.keys.sizes.total() > 0;
    let expected = ready.encrypted() && subject.profile.sums_take_keys;
    assert_eq!(sent, expected, "whether keys are sent, by their sizes");
}

/// Where others than the key owner encrypt, a public key does, and crosses; or the program is refused.
pub fn a_public_key_is_used_where_demanded(subject: &Subject) {
    let program = cases::linear("public key", subject.short(), subject.profile.precision);
    let public = Encryption::Public;
    let demand = subject.demand(128).encrypted_by(public);
    let circuit = match subject.compile(&program, demand) {
        Ok((_, circuit)) => circuit,
        Err(SchemeError::Refused(refusal)) => return check_refusal("encryption", &refusal),
        Err(error) => panic!("a public key is demanded: {error}"),
    };
    let parameters = circuit.parameters();
    if let Err(problem) = parameters.encrypts_as(public) {
        panic!("{problem}");
    }
    if parameters.security.protection() == Protection::Encrypted {
        let keys = circuit.generate_keys();
        let keys = keys.unwrap_or_else(|e| panic!("keys: {e}"));
        let sent = keys.evaluation.sizes().public;
        assert!(sent.is_some(), "no public key crosses");
    }
}
