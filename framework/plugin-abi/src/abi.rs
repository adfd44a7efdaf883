//! The structs of `include/hexperiment.h`, field by field. What they mean is written there.

#![expect(missing_docs, reason = "the header documents every field")]

use std::ffi::{c_char, c_void};

/// The version of this ABI; a host and a plugin must agree.
pub const ABI_VERSION: u32 = 3;

/// The name of the entry point.
pub const ENTRY_POINT: &str = "hexperiment_plugin";

/// The entry point.
pub type EntryPoint = unsafe extern "C" fn() -> *const Plugin;

/// How a call went.
pub type Status = i32;
pub const OK: Status = 0;
pub const REFUSED: Status = 1;
pub const FAILED: Status = 2;
pub const FOREIGN: Status = 3;

/// What a part of the evaluation keys is for; the numbers are the places in
/// [`KeyRole::ALL`](hexperiment_scheme::KeyRole::ALL).
pub const KEY_PUBLIC: u32 = 0;
pub const KEY_RELINEARIZATION: u32 = 1;
pub const KEY_GALOIS: u32 = 2;
pub const KEY_BOOTSTRAPPING: u32 = 3;
pub const KEY_SHARED: u32 = 4;

/// Who encrypts.
pub const ENCRYPTION_OWNER: u32 = 0;
pub const ENCRYPTION_PUBLIC: u32 = 1;

macro_rules! opaque {
    ($($name:ident),*) => {$(
        /// A handle that only the plugin looks into.
        #[repr(C)]
        pub struct $name {
            opaque: [u8; 0],
        }
    )*};
}
opaque!(Circuit, Encryptor, Evaluator, Decryptor, Ciphertexts);

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    pub struct_size: u32,
    pub reserved: u32,
    pub context: *mut c_void,
    pub write: unsafe extern "C" fn(*mut c_void, *const c_void, usize),
    pub explain: unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char),
    pub begin_key: unsafe extern "C" fn(*mut c_void, u32),
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub data: *const f64,
    pub rows: usize,
    pub columns: usize,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TableOut {
    pub data: *mut f64,
    pub rows: usize,
    pub columns: usize,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CompileRequest {
    pub struct_size: u32,
    pub security_bits: u32,
    pub insecure: u32,
    pub threads: u32,
    pub encryption: u32,
    pub failure_log2: i32,
    pub options_json: *const c_char,
    pub program_json: *const c_char,
    pub program_text: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    pub encryptor: *mut Encryptor,
    pub decryptor: *mut Decryptor,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KeyPart {
    pub role: u32,
    pub reserved: u32,
    pub bytes: *const u8,
    pub length: usize,
}

/// What writes text, and nothing else.
pub type Manifest = unsafe extern "C" fn(*const Reply) -> Status;
pub type Capabilities = unsafe extern "C" fn(*const c_char, *const Reply) -> Status;
pub type Compile =
    unsafe extern "C" fn(*const CompileRequest, *mut *mut Circuit, *const Reply) -> Status;
pub type Parameters = unsafe extern "C" fn(*const Circuit, *const Reply) -> Status;
pub type Simulate = unsafe extern "C" fn(
    *const Circuit,
    *const Table,
    usize,
    *const TableOut,
    usize,
    *const Reply,
) -> Status;
pub type GenerateKeys = unsafe extern "C" fn(*const Circuit, *mut Keys, *const Reply) -> Status;
pub type Prepare = unsafe extern "C" fn(
    *const Circuit,
    *const KeyPart,
    usize,
    *mut *mut Evaluator,
    *const Reply,
) -> Status;
pub type Encrypt = unsafe extern "C" fn(
    *const Encryptor,
    usize,
    *const Table,
    *mut *mut Ciphertexts,
    *const Reply,
) -> Status;
pub type Evaluate = unsafe extern "C" fn(
    *const Evaluator,
    *const *const Ciphertexts,
    usize,
    *mut *mut Ciphertexts,
    usize,
    *const Reply,
) -> Status;
pub type Decrypt = unsafe extern "C" fn(
    *const Decryptor,
    usize,
    *const Ciphertexts,
    *const TableOut,
    *const Reply,
) -> Status;
pub type Write = unsafe extern "C" fn(*const Ciphertexts, *const Reply) -> Status;
pub type Load = unsafe extern "C" fn(
    *const Circuit,
    *const u8,
    usize,
    *mut *mut Ciphertexts,
    *const Reply,
) -> Status;
pub type Count = unsafe extern "C" fn(*const Ciphertexts) -> usize;
/// Destroys a handle.
pub type Destroy<T> = unsafe extern "C" fn(*mut T);

/// The table of functions. All are optional here, so that one that is missing can be told from
/// one that is there.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Plugin {
    pub abi_version: u32,
    pub struct_size: u32,
    pub manifest: Option<Manifest>,
    pub capabilities: Option<Capabilities>,
    pub compile: Option<Compile>,
    pub parameters: Option<Parameters>,
    pub simulate: Option<Simulate>,
    pub generate_keys: Option<GenerateKeys>,
    pub prepare: Option<Prepare>,
    pub encrypt: Option<Encrypt>,
    pub evaluate: Option<Evaluate>,
    pub decrypt: Option<Decrypt>,
    pub write: Option<Write>,
    pub load: Option<Load>,
    pub count: Option<Count>,
    pub destroy_circuit: Option<Destroy<Circuit>>,
    pub destroy_encryptor: Option<Destroy<Encryptor>>,
    pub destroy_evaluator: Option<Destroy<Evaluator>>,
    pub destroy_decryptor: Option<Destroy<Decryptor>>,
    pub destroy_ciphertexts: Option<Destroy<Ciphertexts>>,
}
