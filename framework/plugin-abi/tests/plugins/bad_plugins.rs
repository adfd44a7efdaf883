//! Files that are no plugins, and plugins that break a rule: each an error that says which.

use std::fmt::Write as _;
use std::mem::offset_of;

use crate::build;
use hexperiment_plugin_abi::{abi, announcement, load, register_announced};
use hexperiment_program::lower::lower;
use hexperiment_program::{
    Column, Input, InputId, Interval, Output, Party, Program, ProgramBuilder,
};
use hexperiment_scheme::options::Options;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{CompileRequest, KeyRole, Parties, SchemeError};
use ndarray::Array2;

#[track_caller]
fn check(path: &std::path::Path, expect: &str) {
    let error = load(path).err().expect("it must not load").to_string();
    assert!(error.contains(expect), "{error:?} lacks {expect:?}");
}

#[test]
fn what_is_no_plugin_is_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    check(
        &folder.path().join("absent.so"),
        "give the path of the shared library",
    );
    let text = folder.path().join("text.so");
    std::fs::write(&text, "not a library").unwrap();
    check(&text, "not a shared library for this machine");
    for (variant, expect) in [
        ("BREAK_ENTRY", "exports no function `hexperiment_plugin`"),
        ("BREAK_TABLE", "no table of functions"),
        (
            "BREAK_VERSION",
            "speaks version 4 of the plugin ABI, this program version 3",
        ),
        (
            "BREAK_OLD_VERSION",
            "speaks version 2 of the plugin ABI, this program version 3; build the plugin with this \
             program's hexperiment.h",
        ),
        ("BREAK_SIZE", "has 16 bytes, expected at least"),
        ("BREAK_FUNCTION", "lacks the function `decrypt`"),
        ("BREAK_STATUS", "unknown status 99"),
        ("BREAK_MANIFEST_JSON", "malformed JSON"),
        ("BREAK_MANIFEST_UTF8", "malformed JSON"),
        ("BREAK_MANIFEST_NAME", "the name is \"Clear C\""),
        ("BREAK_MANIFEST_KEY", "unknown field `papers`"),
        (
            "BREAK_MANIFEST_LENGTH",
            "it writes 1099511627776 bytes, expected at most 16777216",
        ),
        (
            "BREAK_MANIFEST_FLOOD",
            "it writes 16781312 bytes, expected at most 16777216",
        ),
        (
            "BREAK_MANIFEST_ESCAPE",
            "doc: found the control character '\\u{1b}'",
        ),
        (
            "BREAK_MANIFEST_OPTION",
            "default: found 3, expected a whole number from 5 on",
        ),
    ] {
        check(&build::c_plugin(folder.path(), variant), expect);
    }
}

fn program() -> Program {
    let mut b = ProgramBuilder::new("identity");
    let range = Interval::symmetric(1.0);
    let column = Column {
        name: "x".into(),
        range,
    };
    let input = Input {
        name: "x".into(),
        owner: Party::Client(0),
        length: 2,
        columns: vec![column],
        precision: 1e-6,
    };
    let (_, x) = b.input(input).unwrap();
    let precision = 1e-6;
    b.output(Output {
        name: "y".into(),
        values: x,
        precision,
    })
    .unwrap();
    b.finish().unwrap()
}

#[test]
fn what_comes_back_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    for (variant, expect) in [
        ("BREAK_CIRCUIT", "no circuit"),
        ("BREAK_TOLERANCE", "for each of the 1 outputs, found []"),
        ("BREAK_KEYS", "a key is missing"),
        (
            "BREAK_KEY_SIZE",
            "it writes 18446744073709551615 bytes, expected at most 17179869184",
        ),
        ("BREAK_KEY_ROLE", "it begins a key of the unknown role 99"),
        (
            "BREAK_KEY_START",
            "it writes bytes of a key before it begins one",
        ),
        ("BREAK_KEY_PLACE", "it begins a key where none is asked for"),
        ("BREAK_PREPARE", "no evaluator"),
        ("BREAK_COUNT", "18446744073709551614 ciphertexts, expected"),
        ("BREAK_LENGTH", "it writes 18446744073709551615 bytes"),
    ] {
        let scheme = load(&build::c_plugin(folder.path(), variant)).unwrap();
        let options = Options::default();
        let lowered = lower(&program(), &scheme.capabilities(&options).unwrap()).unwrap();
        let request = CompileRequest {
            lowered: &lowered,
            options: &options,
            security: SecurityDemand::new(128, false),
            threads: 1,
            objective: hexperiment_program::layout::Objective::default(),
        };
        let result = scheme.compile(request).and_then(|circuit| {
            let keys = Parties::of(circuit.as_ref())?;
            let table = Array2::zeros((2, 1));
            let sealed = keys
                .encryptor
                .encrypt(InputId::from_index(0), table.view())?;
            sealed.to_bytes()
        });
        let Err(error @ SchemeError::Library { .. }) = result else {
            panic!("{variant}: expected the plugin's error");
        };
        let error = error.to_string();
        assert!(
            error.contains("breaks the ABI") && error.contains(expect),
            "{variant}: {error}"
        );
    }
}

#[test]
fn roles_have_the_numbers_of_the_header() {
    let numbers = [
        (KeyRole::Public, abi::KEY_PUBLIC),
        (KeyRole::Relinearization, abi::KEY_RELINEARIZATION),
        (KeyRole::Galois, abi::KEY_GALOIS),
        (KeyRole::Bootstrapping, abi::KEY_BOOTSTRAPPING),
        (KeyRole::Shared, abi::KEY_SHARED),
    ];
    for (place, (role, number)) in numbers.into_iter().enumerate() {
        assert_eq!(KeyRole::ALL[place], role);
        assert_eq!((role as usize, number as usize), (place, place), "{role}");
    }
}

/// A plugin that another process has loaded is known by its manifest, and by nothing else.
#[test]
fn an_announced_plugin_is_known_by_its_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let path = build::c_plugin(folder.path(), "ANNOUNCED");
    let told = announcement(&path).unwrap();
    // Another name: another test registers this one.
    let told = told.replace("clear-c", "clear-elsewhere");
    let scheme = register_announced(&path, &told).unwrap();
    let manifest = scheme.manifest();
    assert_eq!(manifest.name, "clear-elsewhere");
    assert!(
        manifest.library.contains("(plugin ANNOUNCED.so, SHA-256 "),
        "{}",
        manifest.library
    );
    assert_eq!(manifest.options[0].name, "security");
    let error = scheme.capabilities(&Options::default()).unwrap_err();
    assert!(error.to_string().contains("manifest only"), "{error}");
    let refused = |told: &str, expect: &str| {
        let error = register_announced(&path, told).err().unwrap().to_string();
        assert!(
            error.contains("ANNOUNCED.so: ") && error.contains(expect),
            "{error}"
        );
    };
    refused(&told, "already is a scheme `clear-elsewhere`");
    refused("{", "EOF while parsing");
    let long = told.replace("clear-elsewhere", &"n".repeat(65));
    refused(&long, "digits and hyphens, at most 64");
}

/// One assertion for the size of each struct, and one for the place of each field.
macro_rules! layout {
    ($text:ident; $($c:literal $name:ident { $($field:ident),* })*) => {$(
        let size = size_of::<abi::$name>();
        let _ = writeln!($text, "_Static_assert(sizeof({0}) == {size}, \"{0}\");", $c);
        $(
            let place = offset_of!(abi::$name, $field);
            let field = stringify!($field);
            let _ = writeln!($text, "_Static_assert(offsetof({0}, {field}) == {place}, \"{0}.{field}\");", $c);
        )*
    )*};
}

#[test]
fn header_and_rust_agree() {
    let mut text = "#include \"hexperiment.h\"\n".to_owned();
    layout! { text;
        "HexperimentReply" Reply { struct_size, context, write, explain, begin_key }
        "HexperimentTable" Table { data, rows, columns }
        "HexperimentTableOut" TableOut { data, rows, columns }
        "HexperimentCompileRequest" CompileRequest {
            struct_size, security_bits, insecure, threads, encryption, failure_log2, options_json, program_json, program_text
        }
        "HexperimentKeys" Keys {
            encryptor, decryptor
        }
        "HexperimentKeyPart" KeyPart { role, reserved, bytes, length }
        "HexperimentPlugin" Plugin {
            abi_version, struct_size, manifest, capabilities, compile, parameters, simulate,
            generate_keys, prepare, encrypt, evaluate, decrypt, write, load, count,
            destroy_circuit, destroy_encryptor, destroy_evaluator, destroy_decryptor,
            destroy_ciphertexts
        }
    }
    for (name, value) in [
        ("HEXPERIMENT_ABI_VERSION", u64::from(abi::ABI_VERSION)),
        ("HEXPERIMENT_OK", abi::OK as u64),
        ("HEXPERIMENT_REFUSED", abi::REFUSED as u64),
        ("HEXPERIMENT_FAILED", abi::FAILED as u64),
        ("HEXPERIMENT_FOREIGN", abi::FOREIGN as u64),
        (
            "HEXPERIMENT_ENCRYPTION_OWNER",
            u64::from(abi::ENCRYPTION_OWNER),
        ),
        (
            "HEXPERIMENT_ENCRYPTION_PUBLIC",
            u64::from(abi::ENCRYPTION_PUBLIC),
        ),
        ("HEXPERIMENT_KEY_PUBLIC", u64::from(abi::KEY_PUBLIC)),
        (
            "HEXPERIMENT_KEY_RELINEARIZATION",
            u64::from(abi::KEY_RELINEARIZATION),
        ),
        ("HEXPERIMENT_KEY_GALOIS", u64::from(abi::KEY_GALOIS)),
        (
            "HEXPERIMENT_KEY_BOOTSTRAPPING",
            u64::from(abi::KEY_BOOTSTRAPPING),
        ),
        ("HEXPERIMENT_KEY_SHARED", u64::from(abi::KEY_SHARED)),
    ] {
        let _ = writeln!(text, "_Static_assert({name} == {value}u, \"{name}\");");
    }
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("layout.c");
    std::fs::write(&source, &text).unwrap();
    build::compile(
        "CC",
        "cc",
        &["-std=c11", "-pedantic", "-fsyntax-only"],
        &source,
    );
    let source = folder.path().join("header.cpp");
    std::fs::write(&source, "#include \"hexperiment.h\"\n").unwrap();
    build::compile(
        "CXX",
        "c++",
        &["-std=c++11", "-pedantic", "-fsyntax-only"],
        &source,
    );
}
