//! What the steps of a circuit take: one ciphertext encrypted and decrypted, one key of each kind
//! made, a few operations timed; the rest is counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use hexperiment_scheme::security::Encryption;
use hexperiment_scheme::{CiphertextData as _, Costs, SchemeError, Work, clock, timed};

use crate::circuit::Shared;
use crate::evaluate::{CkksEvaluator, SwitchingKeys};
use crate::sealed::{Fresh, Sealed};
use crate::{encoded, seal, wire};

pub(crate) fn costs(shared: &Arc<Shared>) -> Result<Costs, SchemeError> {
    let (context, program) = (&shared.context, shared.lowered.program());
    let (generator, mut set_up) = timed(|| Ok(seal::KeyGenerator::new(context)?))?;
    // Each key is made by the client, and read by the server.
    let (public, time) = timed(|| {
        let key = seal::PublicKey::read(context, &generator.public_key(context)?)?;
        Ok(seal::Encryptor::new(context, &key)?)
    })?;
    if shared.has_public_key() {
        set_up += time;
    }
    let mut switching = SwitchingKeys {
        relinearization: None,
        galois: BTreeMap::new(),
    };
    if shared.multiplies() {
        let (key, time) = timed(|| {
            let key = generator.relinearization_key(context)?;
            let place = seal::Place::RELINEARIZATION;
            Ok(seal::SwitchKeys::read(context, place, &key)?)
        })?;
        set_up += time;
        switching.relinearization = Some(key);
    }
    let steps = shared.rotations();
    if let Some(step) = steps.first() {
        let (key, time) = timed(|| {
            let key = generator.galois_key(context, *step)?;
            let place = seal::Place::rotation(context, *step);
            Ok(seal::SwitchKeys::read(context, place, &key)?)
        })?;
        // Each takes as long.
        set_up += time * steps.len() as u32;
        switching.galois.insert(*step, key);
    }
    let secret = generator.secret_key()?;
    let decryptor = seal::Decryptor::new(context, &secret)?;

    let slots = vec![0.5; context.slots()];
    let encode = || {
        let top = context.levels()[0];
        shared.encoder.encode(&slots, top, shared.scales[0])
    };
    let (fresh, by_public_key) = timed(|| Ok(Arc::new(public.encrypt(&encode()?)?)))?;
    let to_send = |ciphertext: &Arc<seal::Ciphertext>, level: usize| {
        let sealed = Sealed {
            shared: Arc::clone(shared),
            level,
            columns: vec![vec![Arc::clone(ciphertext)]],
        };
        let (_, time) = timed(|| {
            let mut bytes = Vec::new();
            sealed.write(&mut bytes)?;
            wire::read(shared, &bytes)
        })?;
        Ok::<_, SchemeError>(time)
    };
    let up = match shared.encryption {
        Encryption::Public => by_public_key + to_send(&fresh, 0)?,
        Encryption::Owner => {
            let key = seal::SymmetricEncryptor::new(context, &secret)?;
            let (_, time) = timed(|| {
                let fresh = Fresh {
                    shared: Arc::clone(shared),
                    columns: vec![vec![Arc::new(key.encrypt(&encode()?)?)]],
                };
                let mut bytes = Vec::new();
                fresh.write(&mut bytes)?;
                wire::read(shared, &bytes)
            })?;
            time
        }
    };
    let last = context.levels().len() - 1;
    let seal = seal::Evaluator::new(context)?;
    let result = Arc::new(seal.switch_to(&fresh, context.levels()[last])?);
    let (_, to_decrypt) = timed(|| {
        let plain = decryptor.decrypt(&result)?;
        Ok(shared.encoder.decode(&plain, context.slots())?)
    })?;
    let down = to_decrypt + to_send(&result, last)?;

    let step = steps.first().copied();
    let began = clock::processor_time();
    let evaluator =
        CkksEvaluator::new(Arc::clone(shared), Some(public), switching, encoded::BUDGET)?;
    set_up += clock::processor_time().saturating_sub(began);
    let inputs = program.inputs().iter().map(|input| {
        let count = input.columns.len() * shared.layout.chunks(input.length);
        Work::shared(up, count)
    });
    let outputs = program.outputs().iter().map(|output| {
        let chunks = |value: &hexperiment_program::ValueId| {
            let stride = shared.layout.stride(value.index());
            shared
                .layout
                .chunks(program.value(*value).length() * stride)
        };
        Work::shared(down, output.values.iter().map(chunks).sum())
    });
    Ok(Costs {
        set_up: Work::serial(set_up),
        encrypt: inputs.collect(),
        evaluate: evaluator.work(step)?,
        decrypt: outputs.collect(),
    })
}
