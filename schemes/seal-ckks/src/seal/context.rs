//! Contexts: parameters, and the chain of levels.

use std::ffi::c_int;

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
handle!(Modulus, ffi::Modulus_Destroy);

/// CKKS parameters that SEAL accepted, and their levels.
pub(crate) struct Context {
    pub(in crate::seal) raw: RawContext,
    degree: usize,
    primes: Vec<u64>,
    levels: Vec<ParmsId>,
    key_id: ParmsId,
}

impl Context {
    /// Parameters of ring degree `degree` with primes of `bits` bits: the last to stay first,
    /// then those that rescaling drops (the last of them first), then the key-switching prime.
    ///
    /// `security` is 128, 192 or 256, which SEAL then enforces, or 0 for none.
    pub(crate) fn new(degree: usize, bits: &[u32], security: u32) -> Result<Self, SealError> {
        // SAFETY: `create` passes a valid place for the pointer.
        let parameters = create("EncParams_Create", |out| unsafe {
            ffi::EncParams_Create1(CKKS, out)
        })?;
        let parameters = EncParams { object: parameters };
        let mut sizes: Vec<c_int> = bits.iter().map(|b| *b as c_int).collect();
        let mut pointers = vec![std::ptr::null_mut(); bits.len()];
        // SAFETY: `sizes` and `pointers` both have the length given.
        check("CoeffModulus_Create", unsafe {
            ffi::CoeffModulus_Create1(
                degree as u64,
                bits.len() as u64,
                sizes.as_mut_ptr(),
                pointers.as_mut_ptr(),
            )
        })?;
        let moduli: Vec<Modulus> = pointers.iter().map(|p| Modulus { object: *p }).collect();
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
        let levels = levels(&raw)?;
        let primes = moduli.iter().map(value).collect::<Result<_, _>>()?;
        Ok(Self {
            raw,
            degree,
            primes,
            levels,
            key_id,
        })
    }

    /// The ring degree.
    pub(crate) fn degree(&self) -> usize {
        self.degree
    }

    /// Slots of a ciphertext.
    pub(crate) fn slots(&self) -> usize {
        self.degree / 2
    }

    /// The primes, in the order of [`Context::new`].
    pub(crate) fn primes(&self) -> &[u64] {
        &self.primes
    }

    /// log2 of the product of all primes, the key-switching prime included.
    pub(crate) fn log_qp(&self) -> f64 {
        self.primes.iter().map(|p| (*p as f64).log2()).sum()
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

    /// The primes that a level has left.
    pub(crate) fn level_primes(&self, level: usize) -> &[u64] {
        &self.primes[..self.levels.len() - level]
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

fn value(modulus: &Modulus) -> Result<u64, SealError> {
    let mut value = 0;
    // SAFETY: the modulus is live, the pointer valid.
    check("Modulus_Value", unsafe {
        ffi::Modulus_Value(modulus.object, &raw mut value)
    })?;
    Ok(value)
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
