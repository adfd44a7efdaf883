//! What the steps of a circuit take: one bootstrap and some ciphertexts timed, the rest counted.

use std::time::Duration;

use hexperiment_program::Program;
use hexperiment_scheme::{
    CiphertextData as _, CircuitDigest, Costs, EvaluationKeys, SchemeError, Work, clock, timed,
};
use tfhe::core_crypto::prelude::{LweCiphertext, decrypt_lwe_ciphertext};

use crate::circuit::encrypt_column;
use crate::evaluate::{add, expand};
use crate::keys::{self, SeededServerKey, modulus};
use crate::parameters::{N, SIZE};
use crate::plan::{Plan, PlannedOutput, WholeForm, WholeTerm};
use crate::wire::{Column, Results};

/// Ciphertexts that are timed together.
const SAMPLE: usize = 64;

pub(crate) fn costs(
    program: &Program,
    plan: &Plan,
    circuit: CircuitDigest,
) -> Result<Costs, SchemeError> {
    let bootstraps = plan.bootstraps() > 0;
    let (generated, mut set_up) = timed(|| Ok(keys::generate(plan.set, bootstraps)))?;
    let secret = generated.secret;
    let server = if bootstraps {
        let began = clock::processor_time();
        let mut keys = EvaluationKeys::new(circuit, generated.server).read_for(circuit)?;
        let server = SeededServerKey::read(plan.set, &mut keys)?.expand();
        set_up += clock::processor_time().saturating_sub(began);
        Some(server)
    } else {
        None
    };
    let (seeded, to_encrypt) = timed(|| Ok(encrypt_column(&secret, vec![0; SAMPLE])))?;
    let (words, to_expand) = timed(|| Ok(expand(&seeded)))?;
    let (_, to_decrypt) = timed(|| {
        let ciphertexts = words.chunks_exact(SIZE);
        let decrypted = ciphertexts.map(|words| {
            let ciphertext = LweCiphertext::from_container(words, modulus());
            decrypt_lwe_ciphertext(secret.get(), &ciphertext).0
        });
        Ok(decrypted.fold(0_u64, u64::wrapping_add))
    })?;
    // Rounded, written and read again.
    let (_, to_write) = timed(|| {
        let results = Results {
            output: 0,
            columns: vec![Column::rounded(words.clone(), 32)],
        };
        let mut bytes = Vec::new();
        results.write(&mut bytes)?;
        Ok(bytes)
    })?;
    let (_, to_add) = timed(|| {
        let mut sum = vec![0; SAMPLE * SIZE];
        for (out, ciphertext) in sum.chunks_exact_mut(SIZE).zip(words.chunks_exact(SIZE)) {
            add(out, 3, ciphertext);
        }
        Ok(sum)
    })?;
    let to_bootstrap = match &server {
        None => Duration::ZERO,
        Some(key) => {
            let cells = [1_u64 << 60; N];
            timed(|| Ok(key.bootstrap(&words[..SIZE], &cells)))?.1
        }
    };
    let each = |time: Duration| time / SAMPLE as u32;

    let inputs = program.inputs().iter().zip(&plan.slots);
    // Elements of a column are encrypted one after the other.
    let encrypt = inputs
        .map(|(input, slots)| Work::shared(each(to_encrypt) * input.length as u32, slots.len()));
    let expanded: usize = program
        .inputs()
        .iter()
        .zip(&plan.slots)
        .map(|(input, slots)| input.length * slots.iter().flatten().count())
        .sum();
    let mut evaluate = Work::shared(each(to_expand), expanded);
    for form in plan.forms() {
        evaluate = evaluate + Work::shared(each(to_add), terms(form));
    }
    for function in &plan.functions {
        let one = to_bootstrap * function.table.bootstraps() as u32;
        evaluate = evaluate + Work::shared(one, function.operand.length);
    }
    let decrypt = plan.outputs.iter().map(|columns| {
        let parts = |column: &PlannedOutput| column.parts.len() * column.length();
        // Written and read.
        let one = each(to_decrypt) + 2 * each(to_write);
        Work::shared(one, columns.iter().map(parts).sum())
    });
    Ok(Costs {
        set_up: Work::serial(set_up),
        encrypt: encrypt.collect(),
        evaluate,
        decrypt: decrypt.collect(),
    })
}

/// Ciphertexts that a form adds up: those with a factor of 0 are passed over.
fn terms(form: &WholeForm) -> usize {
    let of_term = |term: &WholeTerm| (0..form.length).filter(|i| term.weight.at(*i) != 0).count();
    form.terms.iter().map(of_term).sum()
}
