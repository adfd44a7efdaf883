use std::collections::BTreeSet;
use std::path::Path;

use hexperiment_program::layout::Objective;
use hexperiment_scheme::options::Options;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_wire::Measured;
use serde::Serialize;

use super::*;
use crate::api::*;

const MEASURED: Measured = Measured {
    wall_ns: 1,
    cpu_ns: 2,
    peak_rss_bytes: Some(3),
};

/// One of each type, everything that may be left out given and left out.
#[expect(clippy::too_many_lines, reason = "a table")]
fn samples() -> Vec<(&'static str, Value, Value)> {
    fn both(full: &impl Serialize, least: &impl Serialize) -> (Value, Value) {
        (json(full), json(least))
    }
    let text = || "x".to_owned();
    let limits = ServiceLimits {
        program_bytes: 1,
        keys_bytes: 1,
        ciphertexts_bytes: 1,
        program_numbers: 1,
        threads: 1,
        job_seconds: 1,
        kept_seconds: 1,
    };
    let usage = Usage {
        bytes: 0,
        bytes_quota: 1,
        keys: 0,
        keys_quota: 1,
        programs: 0,
        programs_quota: 1,
        jobs: 0,
        jobs_quota: 1,
        today_ms: 0,
        today_ms_quota: 1,
    };
    let scheme = SchemeInfo {
        name: text(),
        library: text(),
    };
    let info = ServiceInfo {
        version: VERSION,
        software: text(),
        schemes: vec![scheme.clone()],
        limits,
        accepts_shared_keys: false,
        client: text(),
        usage,
    };
    let request = ProgramRequest {
        scheme: text(),
        options: Options::default(),
        security: SecurityDemand::new(128, false),
        threads: 1,
        optimise: Objective::Upload,
        program: json!({}),
        circuit: text(),
        library: text(),
        public: true,
    };
    let program = ProgramInfo {
        id: text(),
        scheme: text(),
        circuit: text(),
        library: text(),
        state: ProgramState::Failed,
        reason: Some(text()),
        public: false,
        created_s: 1,
        compile: Some(MEASURED),
    };
    let keys = KeysInfo {
        id: text(),
        program: text(),
        circuit: text(),
        parts: 1,
        bytes: 1,
        sha256: text(),
        created_s: 1,
        expires_s: 1,
        received_ns: 1,
        ciphertexts: 1,
        ciphertexts_bytes: 1,
    };
    let ciphertexts = CiphertextsInfo {
        id: text(),
        keys: text(),
        bytes: 1,
        sha256: text(),
        ciphertexts: Some(1),
        created_s: 1,
        expires_s: 1,
        received_ns: 1,
    };
    let job = JobRequest {
        keys: text(),
        inputs: vec![text()],
        outputs: vec![0],
        request: Some(text()),
    };
    let loaded = Loaded { bytes: 1, of: 2 };
    let times = JobTimes {
        queue_ns: 1,
        load_ns: 1,
        prepare: Some(MEASURED),
        compute: Some(MEASURED),
        store_ns: 1,
    };
    let done = JobInfo {
        id: text(),
        keys: text(),
        state: JobState::Done,
        position: Some(1),
        loaded: Some(loaded),
        reason: Some(text()),
        created_s: 1,
        times,
        results: vec![ciphertexts.clone()],
    };
    let problem = Problem {
        code: ProblemCode::Invalid,
        message: text(),
        help: Some(text()),
    };
    let mut least_request = json(&request);
    least_request.as_object_mut().unwrap().remove("public");
    least_request.as_object_mut().unwrap().remove("optimise");
    let least_program = ProgramInfo {
        reason: None,
        compile: None,
        ..program.clone()
    };
    let least_ciphertexts = CiphertextsInfo {
        ciphertexts: None,
        ..ciphertexts.clone()
    };
    let least_job = JobRequest {
        request: None,
        ..job.clone()
    };
    let least_times = JobTimes {
        prepare: None,
        compute: None,
        ..times
    };
    let least_done = JobInfo {
        position: None,
        loaded: None,
        reason: None,
        ..done.clone()
    };
    let least_problem = Problem {
        help: None,
        ..problem.clone()
    };
    let named = |name, (full, least)| (name, full, least);
    vec![
        named("ServiceInfo", both(&info, &info)),
        named("SchemeInfo", both(&scheme, &scheme)),
        named("ServiceLimits", both(&limits, &limits)),
        named("Usage", both(&usage, &usage)),
        named("Measured", both(&MEASURED, &MEASURED)),
        named("ProgramRequest", both(&request, &least_request)),
        named("ProgramInfo", both(&program, &least_program)),
        named("KeysInfo", both(&keys, &keys)),
        named("CiphertextsInfo", both(&ciphertexts, &least_ciphertexts)),
        named("JobRequest", both(&job, &least_job)),
        named("JobInfo", both(&done, &least_done)),
        named("Loaded", both(&loaded, &loaded)),
        named("JobTimes", both(&times, &least_times)),
        named("Problem", both(&problem, &least_problem)),
    ]
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

fn names(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

/// What the types say is what the description says, name by name.
#[test]
fn schemas_are_those_of_the_types() {
    let description = description();
    let schemas = &description["components"]["schemas"];
    let samples = samples();
    let sampled: BTreeSet<String> = samples.iter().map(|(n, _, _)| (*n).to_owned()).collect();
    assert_eq!(names(schemas), sampled);
    for (name, full, least) in samples {
        let schema = &schemas[name];
        assert_eq!(names(&schema["properties"]), names(&full), "{name}");
        let required = schema["required"].as_array().unwrap().iter();
        let required: BTreeSet<String> = required.map(|n| n.as_str().unwrap().into()).collect();
        assert_eq!(required, names(&least), "{name}");
    }
}

/// Every reference leads somewhere, and every operation is there once.
#[test]
fn the_description_is_whole() {
    let description = description();
    let schemas = names(&description["components"]["schemas"]);
    let text = text();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name: String = reference
            .chars()
            .take_while(|c| c.is_alphanumeric())
            .collect();
        assert!(schemas.contains(&name), "{name}");
    }
    let mut routes = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in names(methods) {
            routes.insert((method.to_uppercase(), path.clone()));
        }
    }
    let expected = Operation::ALL.map(Operation::route);
    let expected: BTreeSet<(String, String)> = expected
        .iter()
        .map(|(method, path)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    assert_eq!(routes, expected);
    assert_eq!(expected.len(), Operation::ALL.len());
}

/// No request or answer has a place for what the service must not have. The words are those that the
/// project's own types have for such things.
#[test]
fn the_interface_has_no_place_for_secrets() {
    let forbidden = [
        "secret",
        "private",
        "decrypt",
        "plaintext",
        "clear",
        "noise",
        "error",
        "value",
        "seed",
        "password",
    ];
    let described = description();
    let mut seen = 0;
    let mut check = |name: &str| {
        seen += 1;
        for word in forbidden {
            assert!(!name.to_lowercase().contains(word), "{name}");
        }
    };
    for (path, methods) in described["paths"].as_object().unwrap() {
        check(path);
        for operation in methods.as_object().unwrap().values() {
            check(operation["operationId"].as_str().unwrap());
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                check(parameter["name"].as_str().unwrap());
            }
        }
    }
    for schema in described["components"]["schemas"]
        .as_object()
        .unwrap()
        .values()
    {
        for name in names(&schema["properties"]) {
            check(&name);
        }
    }
    assert!(seen > 80, "{seen}");
}

/// `docs/openapi.json` is this description; `HEXPERIMENT_BLESS=1` writes it.
#[test]
fn the_copy_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("HEXPERIMENT_BLESS").is_some() {
        std::fs::write(&path, text()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(
        found == text(),
        "docs/openapi.json is not current; set HEXPERIMENT_BLESS=1"
    );
}
