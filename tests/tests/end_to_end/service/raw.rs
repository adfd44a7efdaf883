//! Bytes sent to a service as no client of ours sends them, and what it answers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::{Party, Served};

/// Sends bytes, and reads the answer to its end: status and body.
pub fn raw(service: &Served, bytes: &[u8], close: bool) -> (u16, String) {
    raw_at(address(service), bytes, close).unwrap()
}

/// Where a service listens.
pub fn address(service: &Served) -> &str {
    service.url.split_once("://").unwrap().1
}

/// The same, of a service that may not be there; the status is 0 where the connection was closed without an answer.
pub fn raw_at(address: &str, bytes: &[u8], close: bool) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    // Whoever is refused may be cut off before all is sent.
    let _ = stream.write_all(bytes);
    if close {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    Ok(answer_of(&mut stream))
}

/// Reads an answer to its end: status and body.
pub fn answer_of(stream: &mut TcpStream) -> (u16, String) {
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    // Read until there is a whole answer: the connection stays open behind some.
    loop {
        let count = stream.read(&mut piece).unwrap_or(0);
        answer.extend(&piece[..count]);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.to_lowercase();
            let length = length.split("content-length: ").nth(1);
            let length = length.and_then(|l| l.lines().next()?.trim().parse().ok());
            length.is_some_and(|length: usize| body.len() >= length)
        });
        if whole || count == 0 {
            let status = text.split(' ').nth(1).and_then(|s| s.parse().ok());
            let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
            return (status.unwrap_or(0), body.unwrap_or_default());
        }
    }
}

/// A request with a token.
pub fn request(token: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The code of the problem that a body tells.
#[track_caller]
pub fn code(body: &str) -> String {
    let problem: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {body:?}"));
    assert!(!problem["message"].as_str().unwrap().is_empty());
    problem["code"].as_str().unwrap().to_owned()
}

/// A service, and the client beside all others, whose work must go on.
pub fn beside(options: &[&str]) -> (Served, Party) {
    let service = Served::start(&[&["--plain"], options].concat());
    let token = service.token("beside");
    let party = Party::new(&service, &token, "paillier");
    (service, party)
}
