//! A service that is running, and a client of it that computes a sum.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use hexperiment_program::{InputId, OutputId};
use hexperiment_scheme::{Circuit, Decryptor, Encryptor, EvaluationKeys, registry};
use hexperiment_service::api::{CiphertextsInfo, JobInfo, JobRequest};
use hexperiment_service::client::{Endpoint, ServiceClient};
use hexperiment_service::token::{Fingerprint, Token};
use hexperiment_wire::Order;
use ndarray::Array2;

use crate::harness::Place;
use crate::server::{compiled, program};

/// A service on this machine.
pub struct Served {
    process: Child,
    place: Place,
    options: Vec<String>,
    pub url: String,
    pub fingerprint: Option<String>,
}

impl Served {
    /// Starts one on a free port.
    #[track_caller]
    pub fn start(options: &[&str]) -> Self {
        let place = Place::new();
        let options: Vec<String> = options.iter().map(|o| (*o).to_owned()).collect();
        let (process, url, fingerprint) = started(&place, &options, "127.0.0.1:0");
        Self {
            process,
            place,
            options,
            url,
            fingerprint,
        }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends it as no program can prevent.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Tells it to stop, and waits.
    pub fn stop(&mut self, limit: Duration) -> ExitStatus {
        let id = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < limit, "it does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts it again, where it was.
    pub fn start_again(&mut self) {
        let (_, address) = self.url.split_once("://").unwrap();
        let (process, url, _) = started(&self.place, &self.options, address);
        assert_eq!(url, self.url);
        self.process = process;
    }

    pub fn state(&self) -> PathBuf {
        self.place.path("state")
    }

    /// A new token.
    #[track_caller]
    pub fn token(&self, name: &str) -> String {
        let state = self.state().display().to_string();
        let made = self
            .place
            .call(&["serve", "token", "new", name, "--state", &state]);
        made.ends_with(0).out.trim().to_owned()
    }

    /// A token with the address of this service behind it, as an experiment's server asks for one.
    pub fn with_address(&self, token: &str) -> String {
        format!("{token} {}", self.url)
    }

    /// Where it is, for a client with this token.
    pub fn endpoint(&self, token: &str) -> Endpoint {
        let fingerprint = self
            .fingerprint
            .as_deref()
            .map(|f| Fingerprint::parse(f).unwrap());
        Endpoint::new(&self.url, fingerprint, Token::parse(token).unwrap()).unwrap()
    }

    pub fn client(&self, token: &str) -> ServiceClient {
        ServiceClient::new(&self.endpoint(token)).unwrap()
    }

    /// Files in a folder of its state.
    pub fn files(&self, folder: &str) -> usize {
        fs::read_dir(self.state().join(folder)).unwrap().count()
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.state().join(file)).unwrap()
    }

    /// All that it keeps, but for the key of its certificate.
    pub fn everything(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let mut folders = vec![self.state()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    all.extend(fs::read(path).unwrap());
                }
            }
        }
        all
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[track_caller]
fn started(place: &Place, options: &[String], address: &str) -> (Child, String, Option<String>) {
    let mut command = place.program(["serve", "--state", "state", "--listen", address]);
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(place.path("log"))
        .unwrap();
    let mut process = command
        .args(options)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut next = || {
        let line = lines.next().map(Result::unwrap);
        line.unwrap_or_else(|| panic!("{}", fs::read_to_string(place.path("log")).unwrap()))
    };
    let url = next().strip_prefix("listening on ").unwrap().to_owned();
    let fingerprint = url
        .starts_with("https")
        .then(|| next().strip_prefix("fingerprint ").unwrap().to_owned());
    (process, url, fingerprint)
}

/// A client with keys at a service.
pub struct Party {
    pub client: ServiceClient,
    pub circuit: Box<dyn Circuit>,
    pub encryptor: Box<dyn Encryptor>,
    pub decryptor: Box<dyn Decryptor>,
    pub program: String,
    pub keys: String,
    tables: [Array2<f64>; 2],
}

/// What a client compiles, with the library that it says.
pub fn order(scheme: &str) -> (Order, Box<dyn Circuit>, String) {
    let (order, circuit) = compiled(scheme, &program());
    let library = registry::scheme(scheme).unwrap().manifest().library;
    (order, circuit, library)
}

impl Party {
    /// Registers the program of `server.rs`, and uploads keys.
    #[track_caller]
    pub fn new(service: &Served, token: &str, scheme: &str) -> Self {
        Self::at(&service.endpoint(token), scheme)
    }

    /// The same, of a service that may be killed meanwhile.
    #[track_caller]
    pub fn at(endpoint: &Endpoint, scheme: &str) -> Self {
        let client = ServiceClient::new(endpoint).unwrap();
        let (order, circuit, library) = order(scheme);
        let registered = client
            .register(&order, circuit.digest(), &library, false)
            .unwrap();
        Self::of_program(endpoint, scheme, &registered.id)
    }

    /// The same, of a program that is registered.
    #[track_caller]
    pub fn of_program(endpoint: &Endpoint, scheme: &str, program: &str) -> Self {
        let client = ServiceClient::new(endpoint).unwrap();
        let (_, circuit, _) = order(scheme);
        let program = client.wait_for_program(program).unwrap().id;
        let mut keys = circuit.generate_keys().unwrap();
        let none = EvaluationKeys::new(circuit.digest(), vec![]);
        let evaluation = std::mem::replace(&mut keys.evaluation, none);
        let uploaded = client.upload_keys(&program, &evaluation, None).unwrap();
        let table = |x: [f64; 4]| Array2::from_shape_vec((4, 1), x.to_vec()).unwrap();
        Self {
            client,
            circuit,
            encryptor: keys.encryptor,
            decryptor: keys.decryptor,
            program,
            keys: uploaded.id,
            tables: [table([0.0, 1.0, 2.0, 3.0]), table([4.0, 2.0, 0.0, 8.0])],
        }
    }

    /// The ciphertexts of an input.
    pub fn encrypted(&self, input: usize) -> Vec<u8> {
        let table = self.tables[input].view();
        let ciphertexts = self.encryptor.encrypt(InputId::from_index(input), table);
        ciphertexts.unwrap().to_bytes().unwrap()
    }

    /// Uploads both inputs.
    #[track_caller]
    pub fn upload(&self) -> Vec<String> {
        let one = |input| {
            let bytes = self.encrypted(input);
            self.client
                .upload_ciphertexts(&self.keys, &bytes)
                .unwrap()
                .id
        };
        vec![one(0), one(1)]
    }

    /// Asks for the first output.
    #[track_caller]
    pub fn submit(&self, inputs: &[String]) -> JobInfo {
        let job = JobRequest {
            keys: self.keys.clone(),
            inputs: inputs.to_vec(),
            outputs: vec![0],
            request: None,
        };
        self.client.submit(&job).unwrap()
    }

    /// A result decrypts to what it should be.
    #[track_caller]
    pub fn is_right(&self, result: &CiphertextsInfo, output: OutputId) {
        let bytes = self.client.download(result).unwrap();
        let ciphertexts = self.circuit.load(&bytes).unwrap();
        let decrypted = self.decryptor.decrypt(output, &ciphertexts).unwrap();
        let expect = [[12.0, 7.0, 2.0, 27.0], [-4.0, -1.0, 2.0, -5.0]][output.index()];
        let far = decrypted.iter().zip(expect).map(|(x, y)| (x - y).abs());
        assert!(far.fold(0.0, f64::max) <= 0.5, "{decrypted:?}");
    }

    /// The whole way, once.
    #[track_caller]
    pub fn evaluates(&self) {
        let inputs = self.upload();
        let job = self.submit(&inputs);
        let done = self.client.wait_for_job(&job.id).unwrap();
        self.is_right(&done.results[0], OutputId::from_index(0));
        for id in inputs.iter().chain(done.results.iter().map(|r| &r.id)) {
            self.client.delete_ciphertexts(id).unwrap();
        }
    }
}
