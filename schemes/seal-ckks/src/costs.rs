//! What the steps of a circuit take: one ciphertext encrypted and decrypted, one key of each kind
//! made, a few operations timed; the rest is counted.

use std::sync::Arc;

use hexperiment_scheme::{CiphertextData as _, Costs, SchemeError, Work, processor_time};

use crate::circuit::{Sealed, Shared};
use crate::evaluate::{CkksEvaluator, multiplies, rotation_steps};
use crate::{seal, wire};

pub(crate) fn costs(shared: &Arc<Shared>) -> Result<Costs, SchemeError> {
    let (context, program) = (&shared.context, shared.lowered.program());
    let (generator, mut keygen) = processor_time(|| Ok(seal::KeyGenerator::new(context)?))?;
    let (public, time) = processor_time(|| Ok(generator.public_key()?))?;
    keygen += time;
    let relinearization = if multiplies(program) {
        let (keys, time) = processor_time(|| Ok(generator.relinearization_keys()?))?;
        keygen += time;
        Some(keys)
    } else {
        None
    };
    let steps = rotation_steps(program, &shared.layout);
    let galois = match steps.first() {
        Some(step) => {
            let (keys, time) = processor_time(|| Ok(generator.galois_keys(&[*step])?))?;
            // Each takes as long.
            keygen += time * steps.len() as u32;
            Some(keys)
        }
        None => None,
    };
    let encryptor = Arc::new(seal::Encryptor::new(context, &public)?);
    let decryptor = seal::Decryptor::new(context, &generator.secret_key()?)?;

    let (fresh, to_encrypt) = processor_time(|| {
        let slots = vec![0.5; context.slots()];
        let plain = shared
            .encoder
            .encode(&slots, context.levels()[0], shared.scales[0])?;
        Ok(Arc::new(encryptor.encrypt(&plain)?))
    })?;
    let to_send = |ciphertext: &Arc<seal::Ciphertext>, level: usize| {
        let sealed = Sealed {
            shared: Arc::clone(shared),
            level,
            columns: vec![vec![Arc::clone(ciphertext)]],
        };
        let (_, time) = processor_time(|| {
            let mut bytes = Vec::new();
            sealed.write(&mut bytes)?;
            wire::read(shared, &bytes)
        })?;
        Ok::<_, SchemeError>(time)
    };
    let up = to_encrypt + to_send(&fresh, 0)?;
    let last = context.levels().len() - 1;
    let seal = seal::Evaluator::new(context)?;
    let result = Arc::new(seal.switch_to(&fresh, context.levels()[last])?);
    let (_, to_decrypt) = processor_time(|| {
        let plain = decryptor.decrypt(&result)?;
        Ok(shared.encoder.decode(&plain, context.slots())?)
    })?;
    let down = to_decrypt + to_send(&result, last)?;

    let step = steps.first().copied();
    let evaluator = CkksEvaluator::new(Arc::clone(shared), encryptor, relinearization, galois)?;
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
        keygen: Work::serial(keygen),
        encrypt: inputs.collect(),
        evaluate: evaluator.work(step)?,
        decrypt: outputs.collect(),
    })
}
