//! Requests against a listener that answers what the test says.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::{JoinHandle, spawn};

use super::super::crossed::{Observer, Passed};
use super::*;

/// A service that gives these answers, one on each connection, and then tells the bytes that came on each.
fn answers(answers: &[&str]) -> (Endpoint, JoinHandle<Vec<u64>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answers: Vec<String> = answers.iter().map(|a| (*a).to_owned()).collect();
    let served = spawn(move || {
        let mut came = vec![];
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = vec![];
            let mut piece = [0; 4096];
            // Up to the end of the head, and of a body of three bytes where there is one.
            let is_whole = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes).to_lowercase();
                let body = if text.contains("content-length: 3") {
                    3
                } else {
                    0
                };
                text.find("\r\n\r\n")
                    .is_some_and(|head| bytes.len() >= head + 4 + body)
            };
            while !is_whole(&bytes) {
                let count = stream.read(&mut piece).unwrap();
                bytes.extend(&piece[..count]);
            }
            came.push(bytes.len() as u64);
            stream.write_all(answer.as_bytes()).unwrap();
        }
        came
    });
    let token = Token::fresh().unwrap();
    (Endpoint::new(&url, None, token).unwrap(), served)
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

const GONE: &str = r#"{"code":"not-found","message":"found no such keys"}"#;

/// What was deleted by an attempt whose answer was lost is gone, and not an error.
#[test]
fn what_is_deleted_twice_is_deleted() {
    let not_found = answer("404 Not Found", GONE);
    let (endpoint, served) = answers(&["", &not_found]);
    Http::new(&endpoint).unwrap().delete("/v1/keys/k").unwrap();
    assert_eq!(served.join().unwrap().len(), 2);
    let (endpoint, served) = answers(&[&not_found]);
    let error = Http::new(&endpoint).unwrap().delete("/v1/keys/k");
    assert_eq!(error.unwrap_err().code(), Some(ProblemCode::NotFound));
    served.join().unwrap();
}

/// What an observer was told of a request.
type Told = (Option<u16>, Passed, Passed);

#[derive(Default)]
struct Noted(Mutex<Vec<Told>>);

impl Observer for Noted {
    fn crossed(&self, crossed: &Crossed<'_>) {
        let told = (crossed.status, crossed.up.clone(), crossed.down.clone());
        self.0.lock().unwrap().push(told);
    }
}

/// An observer is told every byte of the connection, and the beginning of ciphertexts alone.
#[test]
fn every_byte_is_told_of() {
    let good = answer("200 OK", "\"x\"");
    let (endpoint, served) = answers(&[&good, "", &good, &good]);
    let noted = Arc::new(Noted::default());
    let http = Http::new(&endpoint.observed(Arc::clone(&noted) as Arc<dyn Observer>)).unwrap();
    let _: String = http.ask("POST", "/a", &Content::Bytes(&[1, 2, 3])).unwrap();
    // The first of two attempts is answered by nobody.
    let open = || -> Result<Box<dyn Read>, ServiceError> { Ok(Box::new(&[4_u8, 5, 6][..])) };
    let keys = Content::Stream {
        length: 3,
        open: &open,
    };
    let _: String = http.ask("POST", "/b", &keys).unwrap();
    assert_eq!(http.fetch("/c", 3).unwrap(), b"\"x\"");
    let came = served.join().unwrap();
    let told = noted.0.lock().unwrap();
    let up: Vec<u64> = told.iter().map(|(_, up, _)| up.bytes).collect();
    assert_eq!(up, came);
    let statuses: Vec<Option<u16>> = told.iter().map(|told| told.0).collect();
    assert_eq!(statuses, [Some(200), None, Some(200), Some(200)]);
    let length = good.len() as u64;
    let down: Vec<u64> = told.iter().map(|(.., down)| down.bytes).collect();
    assert_eq!(down, [length, 0, length, length]);
    let first = |told: &Told| (told.1.first_bytes.clone(), told.2.first_bytes.clone());
    assert_eq!(first(&told[0]), (vec![1, 2, 3], vec![]));
    assert_eq!(first(&told[2]), (vec![], vec![]), "of keys nothing");
    assert_eq!(first(&told[3]), (vec![], b"\"x\"".to_vec()));
    assert_eq!((told[0].1.body_bytes, told[0].2.body_bytes), (3, 3));
}
