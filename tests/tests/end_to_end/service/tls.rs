//! Attacks on TLS: certificates that are others, expired or of other names, handshakes that end half way, and no TLS at all.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use hexperiment_service::client::{Endpoint, ServiceClient, ServiceError};
use hexperiment_service::token::{Fingerprint, Token};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::raw::{address, raw, request};
use super::{Party, Served};

/// A certificate of this name that ends in this year, with its key, both in PEM.
fn certificate(name: &str, ends: i32) -> (String, String, Fingerprint) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(ends, 1, 1);
    let made = params.self_signed(&key).unwrap();
    (made.pem(), key.serialize_pem(), Fingerprint::of(made.der()))
}

/// A service with a certificate that its owner gives to it.
struct Given {
    folder: tempfile::TempDir,
    service: Served,
}

impl Given {
    fn new((certificate, key, _): &(String, String, Fingerprint)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let (own, private) = (file("own.pem"), file("key.pem"));
        std::fs::write(&own, certificate).unwrap();
        std::fs::write(&private, key).unwrap();
        let service = Served::start(&["--tls-cert", &own, "--tls-key", &private]);
        Self { folder, service }
    }

    /// It is killed, and comes back where it was with another certificate.
    fn comes_back_with(&mut self, (certificate, key, _): &(String, String, Fingerprint)) {
        self.service.kill();
        std::fs::write(self.folder.path().join("own.pem"), certificate).unwrap();
        std::fs::write(self.folder.path().join("key.pem"), key).unwrap();
        self.service.start_again();
    }
}

fn client(url: &str, pinned: Option<Fingerprint>, token: &str) -> ServiceClient {
    let endpoint = Endpoint::new(url, pinned, Token::parse(token).unwrap()).unwrap();
    ServiceClient::new(&endpoint).unwrap()
}

/// Without a pin, a certificate of nobody known is refused, whatever name and date stand in it; the token is not sent.
/// With the pin of that very one, neither name nor date counts; with another pin, it is refused at once.
#[test]
fn certificates_that_are_wrong() {
    for (name, ends) in [
        ("localhost", 2040),
        ("localhost", 2021),
        ("example.org", 2040),
    ] {
        let own = certificate(name, ends);
        let given = Given::new(&own);
        let token = given.service.token("alice");
        let url = given.service.url.replace("127.0.0.1", "localhost");
        let began = Instant::now();
        let refused = client(&url, None, &token).info().unwrap_err();
        assert!(
            matches!(&refused, ServiceError::Untrusted { found, .. } if *found == own.2),
            "{name} {ends}: {refused}"
        );
        for words in ["nothing was sent", &own.2.to_string(), "serve` printed"] {
            assert!(refused.to_string().contains(words), "{refused}");
        }
        let other = certificate(name, ends).2;
        let refused = client(&url, Some(other), &token).info().unwrap_err();
        assert!(
            matches!(refused, ServiceError::Fingerprint { found, expected, .. } if (found, expected) == (own.2, other))
        );
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "it was tried again"
        );
        assert_eq!(
            client(&url, Some(own.2), &token).info().unwrap().client,
            "alice"
        );
    }
}

/// A certificate that is exchanged while a client works: the next connection is refused, and nothing is sent on it.
#[test]
fn a_certificate_that_changes_meanwhile() {
    let own = certificate("localhost", 2040);
    let mut given = Given::new(&own);
    let token = given.service.token("alice");
    let alice = client(&given.service.url, Some(own.2), &token);
    alice.info().unwrap();
    let other = certificate("localhost", 2040);
    given.comes_back_with(&other);
    let refused = alice.info().unwrap_err();
    assert!(
        matches!(refused, ServiceError::Fingerprint { found, .. } if found == other.2),
        "{refused}"
    );
    // It is the old one again.
    given.comes_back_with(&own);
    assert_eq!(alice.info().unwrap().client, "alice");
}

/// HTTP on a port of TLS, and TLS on one of plain HTTP: told at once, with the address to write.
#[test]
fn tls_on_one_side_only() {
    let secured = Served::start(&[]);
    let plain = Served::start(&["--plain"]);
    let began = Instant::now();
    for (service, from, to) in [
        (&secured, "https://", "http://"),
        (&plain, "http://", "https://"),
    ] {
        let token = service.token("alice");
        let url = service.url.replace(from, to);
        let told = client(&url, None, &token).info().unwrap_err().to_string();
        for words in [
            &url,
            "what answers there speaks no",
            &format!("with `{from}`"),
        ] {
            assert!(told.contains(words), "{told}");
        }
    }
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "it was tried again"
    );
}

/// What a client says first in TLS.
fn hello() -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let token = format!("hxp_{}", "0".repeat(64));
    let asks = std::thread::spawn(move || {
        let mut endpoint = Endpoint::new(&url, None, Token::parse(&token).unwrap()).unwrap();
        endpoint.patience = Duration::ZERO;
        ServiceClient::new(&endpoint).unwrap().info()
    });
    let (mut stream, _) = listener.accept().unwrap();
    let mut record = [0; 5];
    stream.read_exact(&mut record).unwrap();
    let mut rest = vec![0; usize::from(u16::from_be_bytes([record[3], record[4]]))];
    stream.read_exact(&mut rest).unwrap();
    drop(stream);
    assert!(asks.join().unwrap().is_err());
    [&record[..], &rest].concat()
}

/// A thousand handshakes that stop, amid the first message or behind it, keep nobody waiting, and are closed.
#[test]
fn half_a_handshake() {
    let service = Served::start(&["--connections", "200"]);
    let party = Party::new(&service, &service.token("beside"), "plaintext");
    let hello = hello();
    let halves = [&hello[..hello.len() / 2], &hello[..]];
    let open: Vec<TcpStream> = halves
        .iter()
        .cycle()
        .take(1000)
        .map(|bytes| {
            let mut stream = TcpStream::connect(address(&service)).unwrap();
            // Some are closed before they have said it.
            let _ = stream.write_all(bytes);
            stream
        })
        .collect();
    party.evaluates();
    Party::new(&service, &service.token("another"), "plaintext").evaluates();
    // The service closes every one of them by itself.
    for mut stream in open {
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
        }
    }
    party.evaluates();
}

/// Whoever speaks no TLS gets no answer.
#[test]
fn a_service_with_tls_speaks_nothing_else() {
    let service = Served::start(&[]);
    let party = Party::new(&service, &service.token("beside"), "plaintext");
    for bytes in [
        &request("none", "GET", "/healthz", "", b"")[..],
        &[0x16; 100],
        &[0; 10_000],
    ] {
        let (status, body) = raw(&service, bytes, false);
        assert_eq!(status, 0, "{body}");
    }
    party.evaluates();
}
