//! Contexts: parameters, and the chain of levels.

use std::ffi::c_int;
use std::ops::Deref;

use super::chain::{Chain, moduli};
use super::{ParmsId, SealError, check, create, handle};
use crate::ffi;

/// SEAL's number for CKKS.
const CKKS: u8 = 2;

handle!(
    /// SEAL's context.
    RawContext,
    ffi::SEALContext_Destroy
);
handle!(EncParams, ffi::EncParams_Destroy);

/// CKKS parameters that SEAL accepted, and their levels.
pub(crate) struct Context {
    pub(in crate::seal) raw: RawContext,
    chain: Chain,
    levels: Vec<ParmsId>,
    key_id: ParmsId,
}

/// A context has all that its primes have.
impl Deref for Context {
    type Target = Chain;

    fn deref(&self) -> &Chain {
        &self.chain
    }
}

impl Context {
    /// Parameters of a chain: see [`Chain::new`].
    ///
    /// `security` is 128, 192 or 256, which SEAL then enforces, or 0 for none.
    pub(crate) fn new(degree: usize, bits: &[u32], security: u32) -> Result<Self, SealError> {
        // SAFETY: `create` passes a valid place for the pointer.
        let parameters = create("EncParams_Create", |out| unsafe {
            ffi::EncParams_Create1(CKKS, out)
        })?;
        let parameters = EncParams { object: parameters };
        let moduli = moduli(degree, bits)?;
        let mut pointers: Vec<_> = moduli.iter().map(|modulus| modulus.object).collect();
        // SAFETY: all handles are live; SetCoeffModulus copies the moduli.
        check("EncParams_Set", unsafe {
            let code = ffi::EncParams_SetPolyModulusDegree(parameters.object, degree as u64);
            if code == 0 {
                ffi::EncParams_SetCoeffModulus(
                    parameters.object,
                    bits.len() as u64,
                    pointers.as_mut_ptr(),
                )
            } else {
                code
            }
        })?;
        let key_id = id(&parameters)?;
        // SAFETY: the parameters are live; SEAL copies them.
        let raw = create("SEALContext_Create", |out| unsafe {
            ffi::SEALContext_Create(parameters.object, true, security as c_int, out)
        })?;
        let raw = RawContext { object: raw };
        let mut set = false;
        // SAFETY: the context is live, the pointer valid.
        check("SEALContext_ParametersSet", unsafe {
            ffi::SEALContext_ParametersSet(raw.object, &raw mut set)
        })?;
        if !set {
            return Err(SealError::Parameters(refusal(&raw)?));
        }
        let chain = Chain::of(degree, &moduli)?;
        let levels = levels(&raw)?;
        if levels.len() != chain.level_count() {
            let (found, expected) = (levels.len(), chain.level_count());
            let reason = format!("found {found} levels, expected {expected}");
            return Err(SealError::Parameters(reason));
        }
        Ok(Self {
            raw,
            chain,
            levels,
            key_id,
        })
    }

    /// The identifier of the parameters of keys, which have all primes.
    pub(crate) fn key_id(&self) -> ParmsId {
        self.key_id
    }

    /// The identifiers of the levels, the fresh one first.
    pub(crate) fn levels(&self) -> &[ParmsId] {
        &self.levels
    }

    /// The place of a level in [`Context::levels`].
    pub(crate) fn level(&self, id: ParmsId) -> Result<usize, SealError> {
        let found = self.levels.iter().position(|l| *l == id);
        found.ok_or_else(|| SealError::Load("a ciphertext of other parameters".into()))
    }
}

fn refusal(context: &RawContext) -> Result<String, SealError> {
    let mut length = 0_u64;
    // SAFETY: a null text asks for the length only.
    check("SEALContext_ParameterErrorMessage", unsafe {
        ffi::SEALContext_ParameterErrorMessage(
            context.object,
            std::ptr::null_mut(),
            &raw mut length,
        )
    })?;
    let mut text = vec![0_u8; length as usize + 1];
    // SAFETY: the buffer holds the text and its terminating zero.
    check("SEALContext_ParameterErrorMessage", unsafe {
        ffi::SEALContext_ParameterErrorMessage(
            context.object,
            text.as_mut_ptr().cast(),
            &raw mut length,
        )
    })?;
    text.truncate(length as usize);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn id(parameters: &EncParams) -> Result<ParmsId, SealError> {
    let mut id = ParmsId::default();
    // SAFETY: the parameters are live, an identifier has four words.
    check("EncParams_GetParmsId", unsafe {
        ffi::EncParams_GetParmsId(parameters.object, id.as_mut_ptr())
    })?;
    Ok(id)
}

/// Walks the chain of context data, which the context owns.
fn levels(context: &RawContext) -> Result<Vec<ParmsId>, SealError> {
    let mut levels = Vec::new();
    // SAFETY: the context is live.
    let mut data = create("SEALContext_FirstContextData", |out| unsafe {
        ffi::SEALContext_FirstContextData(context.object, out)
    })?;
    while !data.is_null() {
        // SAFETY: `data` belongs to the live context; ContextData_Parms makes a copy of ours.
        let parameters = create("ContextData_Parms", |out| unsafe {
            ffi::ContextData_Parms(data, out)
        })?;
        let parameters = EncParams { object: parameters };
        levels.push(id(&parameters)?);
        let mut next = std::ptr::null_mut();
        // SAFETY: as above; the last one yields null.
        check("ContextData_NextContextData", unsafe {
            ffi::ContextData_NextContextData(data, &raw mut next)
        })?;
        data = next;
    }
    Ok(levels)
}
