//! The functions of SEAL's C export library that this crate uses.
//!
//! Declarations follow `native/src/seal/c/*.h` of SEAL 4.0, which `sealy` builds and links. All
//! return an `HRESULT` in a C `long`: 0 is success, everything else an error (error codes are
//! *positive* where `long` has 64 bits). `C-unwind`, because the C++ behind it may throw.
//!
//! Handles are pointers to C++ objects. A null memory pool would mean SEAL's global one, which
//! never gives memory back: see `seal::memory`.

#![expect(unsafe_code, reason = "declarations of foreign functions")]

use std::ffi::{c_char, c_int, c_long, c_void};

use sealy as _;

/// What every function returns.
pub(crate) type HResult = c_long;
/// A pointer to an object of SEAL's.
pub(crate) type Object = *mut c_void;

unsafe extern "C-unwind" {
    pub(crate) fn MemoryPoolHandle_New(clear_on_destruction: bool, out: *mut Object) -> HResult;
    pub(crate) fn MemoryPoolHandle_Destroy(this: Object) -> HResult;

    pub(crate) fn EncParams_Create1(scheme: u8, out: *mut Object) -> HResult;
    pub(crate) fn EncParams_Destroy(this: Object) -> HResult;
    pub(crate) fn EncParams_SetPolyModulusDegree(this: Object, degree: u64) -> HResult;
    pub(crate) fn EncParams_SetCoeffModulus(
        this: Object,
        length: u64,
        moduli: *mut Object,
    ) -> HResult;
    pub(crate) fn EncParams_GetParmsId(this: Object, id: *mut u64) -> HResult;

    pub(crate) fn CoeffModulus_Create1(
        degree: u64,
        length: u64,
        bits: *mut c_int,
        out: *mut Object,
    ) -> HResult;
    pub(crate) fn Modulus_Value(this: Object, value: *mut u64) -> HResult;
    pub(crate) fn Modulus_Destroy(this: Object) -> HResult;

    pub(crate) fn SEALContext_Create(
        parameters: Object,
        expand: bool,
        level: c_int,
        out: *mut Object,
    ) -> HResult;
    pub(crate) fn SEALContext_Destroy(this: Object) -> HResult;
    pub(crate) fn SEALContext_ParametersSet(this: Object, set: *mut bool) -> HResult;
    pub(crate) fn SEALContext_ParameterErrorMessage(
        this: Object,
        text: *mut c_char,
        length: *mut u64,
    ) -> HResult;
    pub(crate) fn SEALContext_FirstContextData(this: Object, out: *mut Object) -> HResult;
    pub(crate) fn ContextData_Parms(this: Object, out: *mut Object) -> HResult;
    pub(crate) fn ContextData_NextContextData(this: Object, out: *mut Object) -> HResult;

    pub(crate) fn KeyGenerator_Create1(context: Object, out: *mut Object) -> HResult;
    pub(crate) fn KeyGenerator_Destroy(this: Object) -> HResult;
    pub(crate) fn KeyGenerator_SecretKey(this: Object, out: *mut Object) -> HResult;
    pub(crate) fn KeyGenerator_CreatePublicKey(
        this: Object,
        seed: bool,
        out: *mut Object,
    ) -> HResult;
    pub(crate) fn KeyGenerator_CreateRelinKeys(
        this: Object,
        seed: bool,
        out: *mut Object,
    ) -> HResult;
    pub(crate) fn KeyGenerator_CreateGaloisKeysFromSteps(
        this: Object,
        count: u64,
        steps: *mut c_int,
        seed: bool,
        out: *mut Object,
    ) -> HResult;

    pub(crate) fn SecretKey_Destroy(this: Object) -> HResult;
    pub(crate) fn SecretKey_SaveSize(this: Object, mode: u8, size: *mut i64) -> HResult;
    pub(crate) fn SecretKey_Create1(out: *mut Object) -> HResult;
    pub(crate) fn SecretKey_Load(
        this: Object,
        context: Object,
        bytes: *const u8,
        size: u64,
        read: *mut i64,
    ) -> HResult;
    pub(crate) fn SecretKey_Save(
        this: Object,
        out: *mut u8,
        size: u64,
        mode: u8,
        written: *mut i64,
    ) -> HResult;
    pub(crate) fn PublicKey_Destroy(this: Object) -> HResult;
    pub(crate) fn PublicKey_SaveSize(this: Object, mode: u8, size: *mut i64) -> HResult;
    pub(crate) fn PublicKey_Save(
        this: Object,
        out: *mut u8,
        size: u64,
        mode: u8,
        written: *mut i64,
    ) -> HResult;
    pub(crate) fn PublicKey_Create1(out: *mut Object) -> HResult;
    pub(crate) fn PublicKey_Load(
        this: Object,
        context: Object,
        bytes: *const u8,
        size: u64,
        read: *mut i64,
    ) -> HResult;
    pub(crate) fn KSwitchKeys_Create1(out: *mut Object) -> HResult;
    pub(crate) fn KSwitchKeys_Load(
        this: Object,
        context: Object,
        bytes: *const u8,
        size: u64,
        read: *mut i64,
    ) -> HResult;
    pub(crate) fn KSwitchKeys_Destroy(this: Object) -> HResult;
    pub(crate) fn KSwitchKeys_SaveSize(this: Object, mode: u8, size: *mut i64) -> HResult;
    pub(crate) fn KSwitchKeys_Save(
        this: Object,
        out: *mut u8,
        size: u64,
        mode: u8,
        written: *mut i64,
    ) -> HResult;

    pub(crate) fn Encryptor_Create(
        context: Object,
        public: Object,
        secret: Object,
        out: *mut Object,
    ) -> HResult;
    pub(crate) fn Encryptor_Destroy(this: Object) -> HResult;
    pub(crate) fn Encryptor_Encrypt(
        this: Object,
        plain: Object,
        out: Object,
        pool: Object,
    ) -> HResult;
    pub(crate) fn Encryptor_EncryptSymmetric(
        this: Object,
        plain: Object,
        seed: bool,
        out: Object,
        pool: Object,
    ) -> HResult;
    pub(crate) fn Decryptor_Create(context: Object, secret: Object, out: *mut Object) -> HResult;
    pub(crate) fn Decryptor_Destroy(this: Object) -> HResult;
    pub(crate) fn Decryptor_Decrypt(this: Object, cipher: Object, out: Object) -> HResult;

    pub(crate) fn CKKSEncoder_Create(context: Object, out: *mut Object) -> HResult;
    pub(crate) fn CKKSEncoder_Destroy(this: Object) -> HResult;
    pub(crate) fn CKKSEncoder_Encode1(
        this: Object,
        count: u64,
        values: *mut f64,
        parms: *mut u64,
        scale: f64,
        out: Object,
        pool: Object,
    ) -> HResult;
    pub(crate) fn CKKSEncoder_Encode2(
        this: Object,
        count: u64,
        complex_values: *mut f64,
        parms: *mut u64,
        scale: f64,
        out: Object,
        pool: Object,
    ) -> HResult;
    pub(crate) fn CKKSEncoder_Encode3(
        this: Object,
        value: f64,
        parms: *mut u64,
        scale: f64,
        out: Object,
        pool: Object,
    ) -> HResult;
    pub(crate) fn CKKSEncoder_Decode1(
        this: Object,
        plain: Object,
        count: *mut u64,
        values: *mut f64,
        pool: Object,
    ) -> HResult;

    pub(crate) fn CKKSEncoder_Decode2(
        this: Object,
        plain: Object,
        count: *mut u64,
        complex_values: *mut f64,
        pool: Object,
    ) -> HResult;

    pub(crate) fn Plaintext_Create1(pool: Object, out: *mut Object) -> HResult;
    pub(crate) fn Plaintext_Destroy(this: Object) -> HResult;
    pub(crate) fn Plaintext_SetScale(this: Object, scale: f64) -> HResult;

    pub(crate) fn Ciphertext_Create1(pool: Object, out: *mut Object) -> HResult;
    pub(crate) fn Ciphertext_Destroy(this: Object) -> HResult;
    pub(crate) fn Ciphertext_Scale(this: Object, scale: *mut f64) -> HResult;
    pub(crate) fn Ciphertext_SetScale(this: Object, scale: f64) -> HResult;
    pub(crate) fn Ciphertext_ParmsId(this: Object, id: *mut u64) -> HResult;
    pub(crate) fn Ciphertext_Size(this: Object, size: *mut u64) -> HResult;
    pub(crate) fn Ciphertext_SaveSize(this: Object, mode: u8, size: *mut i64) -> HResult;
    pub(crate) fn Ciphertext_Save(
        this: Object,
        out: *mut u8,
        size: u64,
        mode: u8,
        written: *mut i64,
    ) -> HResult;
    pub(crate) fn Ciphertext_Load(
        this: Object,
        context: Object,
        bytes: *const u8,
        size: u64,
        read: *mut i64,
    ) -> HResult;
    pub(crate) fn Ciphertext_Resize1(
        this: Object,
        context: Object,
        parms: *mut u64,
        size: u64,
    ) -> HResult;
    pub(crate) fn Ciphertext_SetIsNTTForm(this: Object, is_ntt_form: bool) -> HResult;
    pub(crate) fn Ciphertext_GetDataAt1(this: Object, index: u64, data: *mut u64) -> HResult;
    pub(crate) fn Ciphertext_SetDataAt(this: Object, index: u64, data: u64) -> HResult;

    pub(crate) fn Evaluator_Create(context: Object, out: *mut Object) -> HResult;
    pub(crate) fn Evaluator_Destroy(this: Object) -> HResult;
    pub(crate) fn Evaluator_Negate(this: Object, a: Object, out: Object) -> HResult;
    pub(crate) fn Evaluator_Add(this: Object, a: Object, b: Object, out: Object) -> HResult;
    pub(crate) fn Evaluator_Sub(this: Object, a: Object, b: Object, out: Object) -> HResult;
    pub(crate) fn Evaluator_AddPlain(
        this: Object,
        a: Object,
        plain: Object,
        out: Object,
    ) -> HResult;
    pub(crate) fn Evaluator_MultiplyPlain(
        this: Object,
        a: Object,
        plain: Object,
        out: Object,
        pool: Object,
    ) -> HResult;
    pub(crate) fn Evaluator_Multiply(
        this: Object,
        a: Object,
        b: Object,
        out: Object,
        pool: Object,
    ) -> HResult;
    pub(crate) fn Evaluator_Square(this: Object, a: Object, out: Object, pool: Object) -> HResult;
    pub(crate) fn Evaluator_Relinearize(
        this: Object,
        a: Object,
        keys: Object,
        out: Object,
        pool: Object,
    ) -> HResult;
    pub(crate) fn Evaluator_RescaleToNext(
        this: Object,
        a: Object,
        out: Object,
        pool: Object,
    ) -> HResult;
    pub(crate) fn Evaluator_ModSwitchTo1(
        this: Object,
        a: Object,
        parms: *mut u64,
        out: Object,
        pool: Object,
    ) -> HResult;
    pub(crate) fn Evaluator_RotateVector(
        this: Object,
        a: Object,
        steps: c_int,
        keys: Object,
        out: Object,
        pool: Object,
    ) -> HResult;
}
