//! The plugin: everything natively, since the server computes in the clear.

use std::sync::Arc;

use hexperiment_program::Program;
use hexperiment_program::Refusal;
use hexperiment_program::lower::Capabilities;
use hexperiment_scheme::inventory;
use hexperiment_scheme::options::{OptionSpec, Options};
use hexperiment_scheme::registry::SchemePlugin;
use hexperiment_scheme::security;
use hexperiment_scheme::security::failure::Failure;
use hexperiment_scheme::{
    Circuit, CircuitDigest, CompileRequest, OperationCounts, Parameters, Scheme, SchemeError,
    SchemeManifest,
};

use crate::circuit::FernetCircuit;
use crate::layout::{Held, Per, TokenShape};

inventory::submit! { SchemePlugin(&Fernet) }

/// AES-128, and HMAC-SHA256 under a key of as many bits.
const BITS: u32 = 128;

/// Encrypted in transit; the server decrypts.
pub struct Fernet;

impl Scheme for Fernet {
    fn manifest(&self) -> SchemeManifest {
        SchemeManifest {
            name: "fernet",
            doc: "Transport encryption only, as many devices use it: Fernet tokens (AES-128-CBC and \
                  HMAC-SHA256) to a server that holds the key, decrypts, and computes in the clear. A \
                  baseline of cost; nothing is hidden from the server.",
            library: "fernet 0.2 (RustCrypto)".into(),
            options: vec![OptionSpec::choice(
                "per",
                Per::Row,
                "What one token holds: a row, as devices send one reading after the other, or a \
                 whole table.",
            )],
        }
    }

    fn capabilities(&self, _: &Options) -> Result<Capabilities, SchemeError> {
        Ok(Capabilities::everything())
    }

    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        let demand = request.security;
        if demand.bits > BITS && !demand.insecure {
            return Err(Refusal::because(
                "security",
                format!(
                    "Fernet is AES-128 by its specification, {BITS} bits, and {} are demanded; there \
                     is no larger variant",
                    demand.bits
                ),
            )
            .into());
        }
        let per: Per = request.options.choice("per")?;
        let lowered = Arc::new(request.lowered.clone());
        let program = lowered.program();
        let parameters = Parameters {
            security: security::symmetric(BITS),
            chosen: chosen(program, per)?,
            depth: 0,
            counts: OperationCounts::default(),
            encryption: None,
            server_sees: "everything: inputs, results and all between, for it holds the key and \
                          decrypts. Others see sizes, and in each token the second it was made in"
                .into(),
            quantisation: None,
            noise_tolerance: vec![0.0; program.outputs().len()],
            failure: Failure::Impossible,
            shortfalls: vec![],
            layouts: vec![],
            memory_bytes: None,
        };
        let library = self.manifest().library;
        Ok(Box::new(FernetCircuit {
            digest: CircuitDigest::of(&library, &request, &parameters.chosen)?,
            lowered,
            per,
            parameters,
        }))
    }
}

fn chosen(program: &Program, per: Per) -> Result<Vec<(String, String)>, SchemeError> {
    let mut chosen = vec![
        (
            "arithmetic".into(),
            "IEEE 754 double precision, in the clear on the server".into(),
        ),
        (
            "key".into(),
            "32 bytes that client and server share, 44 characters in base64: they count among the \
             bytes of keys, though Fernet has no way of sending them safely"
                .into(),
        ),
        (
            "token".into(),
            "AES-128-CBC, HMAC-SHA256, time stamp in the clear and of any age, base64".into(),
        ),
    ];
    let inputs = program.inputs().iter().map(|i| &i.name);
    let outputs = program.outputs().iter().map(|o| &o.name);
    let inputs = inputs
        .enumerate()
        .map(|(i, name)| ("input", name, Held::Input(i)));
    let outputs = outputs
        .enumerate()
        .map(|(i, name)| ("output", name, Held::Output(i)));
    for (role, name, held) in inputs.chain(outputs) {
        let Some(layout) = TokenShape::of(program, held, per) else {
            continue;
        };
        // The row's number is a word in each token; the library counts bytes in usize.
        if u32::try_from(layout.rows).is_err() || u32::try_from(layout.token_bytes()).is_err() {
            return Err(Refusal::because(
                "size",
                format!("{role} `{name}`: tables of 2^32 rows or bytes in a token are too large"),
            )
            .into());
        }
        chosen.push((
            format!("tokens of {role} `{name}`"),
            format!(
                "{} of {} characters, for {} bytes of numbers each",
                layout.tokens(),
                layout.token_bytes(),
                8 * layout.numbers()
            ),
        ));
    }
    Ok(chosen)
}
